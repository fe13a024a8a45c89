//! Instances: modules with their imports, memories, tables and globals.

use crate::context::{AsContext, AsContextMut};
use crate::error::{Error, Result};
use crate::external::{Export, Extern};
use crate::func::{Func, TypedFunc};
use crate::global::Global;
use crate::host;
use crate::memory::Memory;
use crate::module::{Module, ModuleExport};
use crate::store::StoreInner;
use crate::table::Table;
use crate::wasm_ty::{WasmParams, WasmResults};
use alloc::borrow::ToOwned;
use alloc::sync::Arc;
use alloc::vec::{IntoIter, Vec};
use core::fmt;
use dunlin_vm::InstantiateError;

/// A module that has been instantiated in a store.
///
/// # Examples
///
/// ```
/// use dunlin::{Engine, Func, Instance, Module, Store};
///
/// let engine = Engine::default();
/// let module = Module::new(&engine, r#"
///     (module
///         (import "host" "double" (func $double (param i32) (result i32)))
///         (func (export "run") (param i32) (result i32)
///             (call $double (i32.add (local.get 0) (i32.const 1)))))
/// "#)?;
/// let mut store = Store::new(&engine, ());
/// let double = Func::wrap(&mut store, |x: i32| x * 2);
/// let instance = Instance::new(&mut store, &module, &[double.into()])?;
/// let run = instance.get_typed_func::<i32, i32>(&mut store, "run")?;
/// assert_eq!(run.call(&mut store, 20)?, 42);
/// # Ok::<(), dunlin::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Instance {
    pub(crate) store: u64,
    pub(crate) index: u32,
    pub(crate) generation: u32,
}

impl fmt::Debug for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Instance({}:{})", self.store, self.index)
    }
}

impl Instance {
    /// Instantiates a module with `imports`, in the order of the module's, and runs its start function.
    ///
    /// A [`Linker`](crate::Linker) finds imports by name.
    ///
    /// # Errors
    ///
    /// If the module is one of another engine or an import one of another store; if an import is
    /// missing or of another type; if the store's limits refuse; if a segment lies out of bounds or the
    /// start function traps. What was written to imported memories and tables until then stays written.
    pub fn new(mut store: impl AsContextMut, module: &Module, imports: &[Extern]) -> Result<Self> {
        let inner = store.as_context_mut().0;
        let expected = module.code().module().imports().len();
        if imports.len() > expected {
            let given = imports.len();
            return Err(Error::link(format_args!(
                "the module has {expected} imports, and {given} were given"
            )));
        }
        inner.instantiate(module, imports)
    }

    /// What the instance exports under this name; `None` if nothing, or for an instance of another store.
    pub fn get_export(&self, mut store: impl AsContextMut, name: &str) -> Option<Extern> {
        self.find(store.as_context_mut().0, name)
    }

    /// What the instance exports as its module says, without a look at its name; `None` if the instance is not one of
    /// that module, or one of another store.
    ///
    /// # Examples
    ///
    /// ```
    /// use dunlin::{Engine, Instance, Module, Store};
    ///
    /// let engine = Engine::default();
    /// let module = Module::new(&engine, r#"(module (memory (export "memory") 1))"#)?;
    /// let memory = module.get_export_index("memory").expect("an export");
    /// assert!(module.get_export_index("other").is_none());
    ///
    /// let mut store = Store::new(&engine, ());
    /// let instance = Instance::new(&mut store, &module, &[])?;
    /// let found = instance.get_module_export(&mut store, &memory).and_then(|item| item.into_memory());
    /// assert_eq!(found, instance.get_memory(&mut store, "memory"));
    /// # Ok::<(), dunlin::Error>(())
    /// ```
    pub fn get_module_export(
        &self,
        mut store: impl AsContextMut,
        export: &ModuleExport,
    ) -> Option<Extern> {
        let inner = store.as_context_mut().0;
        if !self.is_of(inner) || !Arc::ptr_eq(inner.vm.instance_code(self.index), &export.code) {
            return None;
        }
        let item = inner.vm.item(self.index, export.item);
        Some(Extern::new(inner.home(), item))
    }

    /// The function that the instance exports under this name.
    pub fn get_func(&self, store: impl AsContextMut, name: &str) -> Option<Func> {
        self.get_export(store, name)?.into_func()
    }

    /// The memory that the instance exports under this name.
    pub fn get_memory(&self, store: impl AsContextMut, name: &str) -> Option<Memory> {
        self.get_export(store, name)?.into_memory()
    }

    /// The table that the instance exports under this name.
    pub fn get_table(&self, store: impl AsContextMut, name: &str) -> Option<Table> {
        self.get_export(store, name)?.into_table()
    }

    /// The global that the instance exports under this name.
    pub fn get_global(&self, store: impl AsContextMut, name: &str) -> Option<Global> {
        self.get_export(store, name)?.into_global()
    }

    /// The function that the instance exports under this name, with types of Rust.
    ///
    /// # Errors
    ///
    /// If there is none, or it is of another type, or the instance is one of another store.
    pub fn get_typed_func<P: WasmParams, R: WasmResults>(
        &self,
        mut store: impl AsContextMut,
        name: &str,
    ) -> Result<TypedFunc<P, R>> {
        let mut store = store.as_context_mut();
        self.check(store.0)?;
        let found = self.find(store.0, name).and_then(Extern::into_func);
        let func = found.ok_or_else(|| {
            Error::usage(format_args!("the instance exports no function `{name}`"))
        })?;
        func.typed(&mut store)
            .map_err(|error| Error::usage(format_args!("the export `{name}`: {error}")))
    }

    /// All exports, in the module's order; none for an instance of another store.
    pub fn exports(&self, mut store: impl AsContextMut) -> IntoIter<Export> {
        let inner = store.as_context_mut().0;
        let mut exports = Vec::new();
        if self.is_of(inner) {
            let code = inner.vm.instance_code(self.index).clone();
            let module = code.module();
            exports.extend(module.exports().iter().map(|export| {
                let item = inner.vm.item(self.index, export.item);
                let name = module.export_name(export).to_owned();
                Export::new(name, Extern::new(inner.home(), item))
            }));
        }
        exports.into_iter()
    }

    /// Removes the instance from its store, which goes on without it.
    ///
    /// From now on all handles to the instance are refused with an error, and all to the functions, memories,
    /// tables, globals and tags that it defines; handles to what it imports stay valid. Guests notice nothing: as
    /// long as they can reach it, by an import, or by a reference to one of its functions in a table, a global,
    /// an object or an exception, it is there for them, and it goes on if it is running. A handle to such a
    /// function that the host finds in a table later does not keep it there.
    ///
    /// Its memories, its tables and the rest are freed, and do not count any more against the store's limits,
    /// when nothing in the store leads to it: at once, if it has had no way of giving a reference to one of its
    /// functions away, nobody imports anything of it, and no guest is running; otherwise in one of the next
    /// collections, which [`Store::gc`](crate::Store::gc) makes, and the store itself when many instances have
    /// been removed or what they hold is needed. Its module is dropped if nobody else has it.
    ///
    /// # Errors
    ///
    /// If the instance is one of another store, or has been removed already.
    ///
    /// # Examples
    ///
    /// ```
    /// use dunlin::{Engine, Instance, Module, Store};
    ///
    /// let engine = Engine::default();
    /// let module = Module::new(&engine, r#"(module (memory (export "memory") 1))"#)?;
    /// let mut store = Store::new(&engine, ());
    /// for _ in 0..100_000 {
    ///     let instance = Instance::new(&mut store, &module, &[])?;
    ///     let memory = instance.get_memory(&mut store, "memory").unwrap();
    ///     instance.remove(&mut store)?;
    ///     assert!(memory.ty(&store).is_err());
    /// }
    /// # Ok::<(), dunlin::Error>(())
    /// ```
    pub fn remove(&self, mut store: impl AsContextMut) -> Result<()> {
        let inner = store.as_context_mut().0;
        self.check(inner)?;
        inner.enter().remove_instance(self.index);
        Ok(())
    }

    /// The instance's module.
    ///
    /// # Errors
    ///
    /// If the instance is one of another store.
    pub fn module(&self, store: impl AsContext) -> Result<Module> {
        let inner = store.as_context().0;
        self.check(inner)?;
        Ok(Module::from_code(&inner.engine, inner.vm.instance_code(self.index).clone()))
    }

    fn find<T>(&self, inner: &mut StoreInner<T>, name: &str) -> Option<Extern> {
        if !self.is_of(inner) {
            return None;
        }
        let item = inner.vm.export(self.index, name)?;
        Some(Extern::new(inner.home(), item))
    }

    fn is_of<T>(&self, inner: &StoreInner<T>) -> bool {
        self.generation == inner.vm.instance_generation(self.index)
            && (self.store == inner.id
                || (self.store == inner.planned.id && inner.vm.is_instance_made(self.index)))
    }

    pub(crate) fn check<T>(&self, inner: &StoreInner<T>) -> Result<()> {
        if self.is_of(inner) {
            Ok(())
        } else {
            Err(inner.home().refused(self.store, "the instance"))
        }
    }
}

impl<T: 'static> StoreInner<T> {
    /// Instantiates and runs the start function.
    pub(crate) fn instantiate(&mut self, module: &Module, imports: &[Extern]) -> Result<Instance> {
        if !crate::Engine::same(module.engine(), &self.engine) {
            return Err(Error::other_engine("the module"));
        }
        let mut items = Vec::with_capacity(imports.len());
        for import in imports {
            items.push(import.item(self.home(), "an import")?);
        }
        if let Some(bug) = self.vm.bug() {
            return Err(Error::shown_bug(bug));
        }
        let code = module.code();
        let defined = code.module();
        self.check_counts(1, defined.defined_memories().len(), defined.tables().len())?;
        let index = self.enter().instantiate(code, &items).map_err(instantiate_error)?;
        if let Some(start) = defined.start() {
            let start = self.vm.func_ref(index, start);
            self.call(start, &mut []).inspect_err(|_| self.vm.abandon(index))?;
        }
        let generation = self.vm.instance_generation(index);
        let is_planned = generation == 0 && index < self.planned.counts.instances;
        let store = if is_planned { self.planned.id } else { self.id };
        Ok(Instance { store, index, generation })
    }
}

#[cold]
pub(crate) fn instantiate_error(error: InstantiateError) -> Error {
    match error {
        InstantiateError::Link(error) => Error::link(error),
        InstantiateError::Trap(code) => code.into(),
        InstantiateError::Refused("instance", refusal) => {
            Error::resource(format_args!("an instance of the module was refused: {refusal}"))
        }
        InstantiateError::Refused(what, refusal) => {
            Error::resource(format_args!("a {what} of the module was refused: {refusal}"))
        }
        InstantiateError::Host(failure) => host::error_of(failure),
        InstantiateError::Invalid(invalid) => Error::bug(invalid),
    }
}
