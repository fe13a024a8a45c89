//! From rows to host functions: every WASI function once, under both of its module names.
//!
//! A row gives the name and the parameters; the handler of the same name stands in
//! [`preview1`](crate::preview1). The guest's memory is the export `memory` of whoever calls, as the
//! specification has it.

use dunlin::{Caller, Extern, Linker, Module};

use crate::ctx::WasiCtx;
use crate::errno::Errno;
use crate::memory::GuestMemory;
use crate::preview1;
use crate::threads::SharedCtx;
use crate::types::Abi;

/// The module names that guests import from, and the revision of the ABI behind each.
const MODULES: [(&str, Abi); 2] =
    [("wasi_snapshot_preview1", Abi::Snapshot1), ("wasi_unstable", Abi::Unstable)];

/// Adds every WASI function to a linker, under `wasi_snapshot_preview1` and `wasi_unstable`; `get`
/// finds the context in the store's data.
///
/// # Errors
/// When a name is already defined.
///
/// # Examples
/// ```
/// use dunlin::{Engine, Linker, Module, Store};
/// use dunlin_wasi::{ExitCode, WasiCtx};
///
/// let engine = Engine::default();
/// let mut linker: Linker<WasiCtx> = Linker::new(&engine);
/// dunlin_wasi::add_to_linker(&mut linker, |ctx| ctx)?;
/// let module = Module::new(
///     &engine,
///     r#"(module
///         (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
///         (memory (export "memory") 1)
///         (func (export "_start") (call $exit (i32.const 7))))"#,
/// )?;
/// let mut store = Store::new(&engine, WasiCtx::builder().build()?);
/// let instance = linker.instantiate(&mut store, &module)?;
/// let start = instance.get_typed_func::<(), ()>(&mut store, "_start")?;
/// let error = start.call(&mut store, ()).unwrap_err();
/// assert_eq!(error.downcast_ref::<ExitCode>(), Some(&ExitCode(7)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn add_to_linker<T: 'static>(
    linker: &mut Linker<T>,
    get: impl Fn(&mut T) -> &mut WasiCtx + Clone + Send + Sync + 'static,
) -> dunlin::Result<()> {
    define_wanted(linker, |_, _| true, own(get))
}

/// Adds those WASI functions to a linker that `modules` import: what [`add_to_linker`] does, for a
/// program that starts often and knows what it will instantiate.
///
/// # Errors
/// When a name is already defined.
pub fn add_imports_to_linker<T: 'static>(
    linker: &mut Linker<T>,
    modules: &[&Module],
    get: impl Fn(&mut T) -> &mut WasiCtx + Clone + Send + Sync + 'static,
) -> dunlin::Result<()> {
    add_imports_to_linker_with(linker, modules, own(get))
}

/// As [`add_imports_to_linker`], for contexts that may be shared by the threads of a program.
///
/// # Errors
/// When a name is already defined.
pub fn add_imports_to_linker_with<T: 'static>(
    linker: &mut Linker<T>,
    modules: &[&Module],
    get: impl Fn(&mut T) -> Lent<'_> + Clone + Send + Sync + 'static,
) -> dunlin::Result<()> {
    let is_wasi = |name: &str| MODULES.iter().any(|(module, _)| *module == name);
    let imports: Vec<_> = modules
        .iter()
        .flat_map(|module| module.imports())
        .filter(|import| is_wasi(import.module()))
        .collect();
    let wanted = |module: &str, name: &str| {
        imports.iter().any(|import| import.name() == name && import.module() == module)
    };
    define_wanted(linker, wanted, get)
}

/// A context in a store's data.
#[derive(Debug)]
pub enum Lent<'a> {
    /// The store's own.
    Own(&'a mut WasiCtx),
    /// One that several threads share.
    Shared(&'a SharedCtx),
}

impl Lent<'_> {
    /// Makes a call, which is made again after a wait where the context is shared.
    fn call(
        self,
        mut function: impl FnMut(&mut WasiCtx) -> Result<(), Errno>,
    ) -> Result<(), Errno> {
        match self {
            Lent::Own(ctx) => function(ctx),
            Lent::Shared(ctx) => ctx.call(function),
        }
    }
}

/// What finds a store's own context finds one that is lent.
fn own<T: 'static>(
    get: impl Fn(&mut T) -> &mut WasiCtx + Clone + Send + Sync + 'static,
) -> impl Fn(&mut T) -> Lent<'_> + Clone + Send + Sync + 'static {
    move |data| Lent::Own(get(data))
}

fn define_wanted<T: 'static>(
    linker: &mut Linker<T>,
    wanted: impl Fn(&str, &str) -> bool,
    get: impl Fn(&mut T) -> Lent<'_> + Clone + Send + Sync + 'static,
) -> dunlin::Result<()> {
    for (module, abi) in MODULES {
        define(linker, module, abi, |name| wanted(module, name), get.clone())?;
        if wanted(module, "proc_exit") {
            linker.func_wrap(module, "proc_exit", |code: i32| -> dunlin::Result<()> {
                Err(dunlin::Error::host(preview1::proc_exit(code.cast_unsigned())))
            })?;
        }
    }
    Ok(())
}

/// Runs one function over the caller's memory and context and makes its answer a number.
fn call<T>(
    caller: &mut Caller<'_, T>,
    get: &impl Fn(&mut T) -> Lent<'_>,
    function: impl Fn(&mut WasiCtx, &mut GuestMemory<'_>) -> Result<(), Errno>,
) -> dunlin::Result<i32> {
    let Some(Extern::Memory(memory)) = caller.get_export("memory") else {
        return Err(dunlin::Error::msg("a module that calls WASI exports its memory as `memory`"));
    };
    let shared = memory.shared(&*caller);
    let (bytes, data) = memory.data_and_store_mut(caller);
    // Copies of a shared memory do not outlive a try.
    let answer = get(data).call(|ctx| match &shared {
        Some(shared) => function(ctx, &mut GuestMemory::shared(shared.clone())),
        None => function(ctx, &mut GuestMemory::new(bytes)),
    });
    Ok(answer.map_or_else(|errno| i32::from(errno.code()), |()| 0))
}

/// The core type of a parameter.
macro_rules! core_type {
    (u32) => {
        i32
    };
    (u64) => {
        i64
    };
    (i64) => {
        i64
    };
}

/// A parameter, from its core type.
macro_rules! from_core {
    (u32, $value:ident) => {
        $value.cast_unsigned()
    };
    (u64, $value:ident) => {
        $value.cast_unsigned()
    };
    (i64, $value:ident) => {
        $value
    };
}

/// Calls a handler; those of `both` are the same in both revisions.
macro_rules! handle {
    (both, $name:ident, $abi:ident, $ctx:ident, $memory:ident $(, $arg:expr)*) => {
        preview1::$name($ctx, $memory $(, $arg)*)
    };
    (differs, $name:ident, $abi:ident, $ctx:ident, $memory:ident $(, $arg:expr)*) => {
        preview1::$name($abi, $ctx, $memory $(, $arg)*)
    };
}

/// Makes `define`, which adds every row to a linker, and the list of their names.
macro_rules! rows {
    ($($revision:ident $name:ident($($arg:ident: $type:ident),*);)*) => {
        /// The names of all rows.
        #[cfg(test)]
        const NAMES: &[&str] = &[$(stringify!($name)),*];

        /// Adds the wanted rows under one module name.
        fn define<T: 'static>(
            linker: &mut Linker<T>,
            module: &str,
            abi: Abi,
            wanted: impl Fn(&str) -> bool,
            get: impl Fn(&mut T) -> Lent<'_> + Clone + Send + Sync + 'static,
        ) -> dunlin::Result<()> {
            let _ = abi;
            $(if wanted(stringify!($name)) {
                let get = get.clone();
                linker.func_wrap(
                    module,
                    stringify!($name),
                    move |mut caller: Caller<'_, T> $(, $arg: core_type!($type))*|
                        -> dunlin::Result<i32> {
                        call(&mut caller, &get, |ctx, memory| {
                            handle!($revision, $name, abi, ctx, memory
                                $(, from_core!($type, $arg))*)
                        })
                    },
                )?;
            })*
            Ok(())
        }
    };
}

rows! {
    both args_get(argv: u32, argv_buf: u32);
    both args_sizes_get(argc: u32, argv_buf_size: u32);
    both environ_get(environ: u32, environ_buf: u32);
    both environ_sizes_get(count: u32, environ_buf_size: u32);
    both clock_res_get(id: u32, resolution: u32);
    both clock_time_get(id: u32, precision: u64, time: u32);
    both fd_advise(fd: u32, offset: u64, len: u64, advice: u32);
    both fd_allocate(fd: u32, offset: u64, len: u64);
    both fd_close(fd: u32);
    both fd_datasync(fd: u32);
    both fd_fdstat_get(fd: u32, stat: u32);
    both fd_fdstat_set_flags(fd: u32, flags: u32);
    both fd_fdstat_set_rights(fd: u32, base: u64, inheriting: u64);
    differs fd_filestat_get(fd: u32, stat: u32);
    both fd_filestat_set_size(fd: u32, size: u64);
    both fd_filestat_set_times(fd: u32, atim: u64, mtim: u64, flags: u32);
    both fd_pread(fd: u32, iovs: u32, iovs_len: u32, offset: u64, nread: u32);
    both fd_prestat_get(fd: u32, prestat: u32);
    both fd_prestat_dir_name(fd: u32, path: u32, path_len: u32);
    both fd_pwrite(fd: u32, iovs: u32, iovs_len: u32, offset: u64, nwritten: u32);
    both fd_read(fd: u32, iovs: u32, iovs_len: u32, nread: u32);
    both fd_readdir(fd: u32, buf: u32, buf_len: u32, cookie: u64, used: u32);
    both fd_renumber(from: u32, to: u32);
    differs fd_seek(fd: u32, offset: i64, whence: u32, place: u32);
    both fd_sync(fd: u32);
    both fd_tell(fd: u32, place: u32);
    both fd_write(fd: u32, iovs: u32, iovs_len: u32, nwritten: u32);
    both path_create_directory(fd: u32, path: u32, path_len: u32);
    differs path_filestat_get(fd: u32, flags: u32, path: u32, path_len: u32, stat: u32);
    both path_filestat_set_times(fd: u32, flags: u32, path: u32, path_len: u32, atim: u64,
        mtim: u64, times: u32);
    both path_link(old_fd: u32, old_flags: u32, old_path: u32, old_path_len: u32, new_fd: u32,
        new_path: u32, new_path_len: u32);
    both path_open(fd: u32, dirflags: u32, path: u32, path_len: u32, oflags: u32, base: u64,
        inheriting: u64, fdflags: u32, opened: u32);
    both path_readlink(fd: u32, path: u32, path_len: u32, buf: u32, buf_len: u32, used: u32);
    both path_remove_directory(fd: u32, path: u32, path_len: u32);
    both path_rename(old_fd: u32, old_path: u32, old_path_len: u32, new_fd: u32, new_path: u32,
        new_path_len: u32);
    both path_symlink(old_path: u32, old_path_len: u32, fd: u32, new_path: u32,
        new_path_len: u32);
    both path_unlink_file(fd: u32, path: u32, path_len: u32);
    differs poll_oneoff(subscriptions: u32, events: u32, count: u32, stored: u32);
    both proc_raise(signal: u32);
    both random_get(buf: u32, buf_len: u32);
    both sched_yield();
    both sock_accept(fd: u32, flags: u32, accepted: u32);
    both sock_recv(fd: u32, iovs: u32, iovs_len: u32, flags: u32, received: u32,
        received_flags: u32);
    both sock_send(fd: u32, iovs: u32, iovs_len: u32, flags: u32, sent: u32);
    both sock_shutdown(fd: u32, how: u32);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_of_the_specification_has_a_row() {
        let mut names: Vec<&str> = NAMES.to_vec();
        names.push("proc_exit");
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), 46);
    }
}
