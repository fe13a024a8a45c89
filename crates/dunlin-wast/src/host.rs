//! The modules that scripts may import: `spectest`, as the specification's suite expects it, and
//! `host`, with which our own scripts reach what `spectest` does not offer.
//!
//! | `host` export | what it does |
//! |---|---|
//! | `call (param funcref)` | calls the function, which takes and returns nothing |
//! | `apply (param funcref i32) (result i32)` | calls the function with this number |
//! | `fail` | fails with the host error [`FAILURE`] |
//! | `swap (param v128 i32 v128) (result v128 i32 v128)` | gives the vectors back exchanged |
//!
//! The `print` functions of `spectest` print nothing: scripts are judged by their assertions.

use dunlin::{
    Caller, Error, Extern, Func, FuncType, Global, GlobalType, Linker, Memory, MemoryType,
    Mutability, RefType, Result, SharedMemory, Store, Table, TableType, Val, ValType,
};

/// The text of the error that `host.fail` fails with.
pub(crate) const FAILURE: &str = "the host failed on purpose";

/// Defines `spectest` and `host`.
///
/// # Errors
///
/// When the store's limits do not allow for a memory of one page and two small tables.
pub(crate) fn define(linker: &mut Linker<()>, store: &mut Store<()>) -> Result<()> {
    define_printers(linker)?;
    define_globals(linker, store)?;
    let memory = Memory::new(&mut *store, MemoryType::new(1, Some(2)))?;
    linker.define(&mut *store, "spectest", "memory", Extern::Memory(memory))?;
    let shared = SharedMemory::new(store.engine(), MemoryType::shared(1, 2))?;
    linker.define_shared("spectest", "shared_memory", &shared)?;
    let narrow = TableType::new(RefType::FUNCREF, 10, Some(20));
    for (name, ty) in [("table", narrow), ("table64", TableType { table64: true, ..narrow })] {
        let table = Table::new(&mut *store, ty, Val::FuncRef(None))?;
        linker.define(&mut *store, "spectest", name, Extern::Table(table))?;
    }
    define_callbacks(linker)
}

fn define_printers(linker: &mut Linker<()>) -> Result<()> {
    linker.func_wrap("spectest", "print", || {})?;
    linker.func_wrap("spectest", "print_i32", |_: i32| {})?;
    linker.func_wrap("spectest", "print_i64", |_: i64| {})?;
    linker.func_wrap("spectest", "print_f32", |_: f32| {})?;
    linker.func_wrap("spectest", "print_f64", |_: f64| {})?;
    linker.func_wrap("spectest", "print_i32_f32", |_: i32, _: f32| {})?;
    linker.func_wrap("spectest", "print_f64_f64", |_: f64, _: f64| {})?;
    Ok(())
}

fn define_globals(linker: &mut Linker<()>, store: &mut Store<()>) -> Result<()> {
    for (name, ty, value) in [
        ("global_i32", ValType::I32, Val::I32(666)),
        ("global_i64", ValType::I64, Val::I64(666)),
        ("global_f32", ValType::F32, Val::F32(666.6_f32.to_bits())),
        ("global_f64", ValType::F64, Val::F64(666.6_f64.to_bits())),
    ] {
        let global = Global::new(&mut *store, GlobalType::new(ty, Mutability::Const), value)?;
        linker.define(&mut *store, "spectest", name, Extern::Global(global))?;
    }
    Ok(())
}

fn define_callbacks(linker: &mut Linker<()>) -> Result<()> {
    use ValType::{I32, V128};
    linker.func_wrap("host", "fail", || -> Result<()> { Err(Error::msg(FAILURE)) })?;
    let call = FuncType::new([ValType::FUNCREF], []);
    linker.func_new("host", "call", call, |mut caller: Caller<'_, ()>, params, _results| {
        callee(params)?.call(&mut caller, &[], &mut [])
    })?;
    let apply = FuncType::new([ValType::FUNCREF, I32], [I32]);
    linker.func_new("host", "apply", apply, |mut caller: Caller<'_, ()>, params, results| {
        callee(params)?.call(&mut caller, &params[1..], results)
    })?;
    let swap = FuncType::new([V128, I32, V128], [V128, I32, V128]);
    linker.func_new("host", "swap", swap, |_caller: Caller<'_, ()>, params, results| {
        for (result, param) in results.iter_mut().zip(params.iter().rev()) {
            *result = *param;
        }
        Ok(())
    })?;
    Ok(())
}

fn callee(params: &[Val]) -> Result<Func> {
    match params.first() {
        Some(Val::FuncRef(Some(func))) => Ok(*func),
        _ => Err(Error::msg("the host was given no function to call")),
    }
}
