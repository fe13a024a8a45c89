//! Finds imports by name.
//!
//! A linker holds definitions of two kinds: objects of one store, and host functions and shared memories of
//! none, which become part of each store in which a module that imports them is instantiated.

use crate::caller::Caller;
use crate::context::{AsContext, AsContextMut, StoreContextMut};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::external::Extern;
use crate::func::{Func, HostFunc};
use crate::instance::Instance;
use crate::module::Module;
use crate::shared::SharedMemory;
use crate::store::StoreInner;
use crate::val::Val;
use crate::wasm_ty::IntoFunc;
use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::marker::PhantomData;
use dunlin_core::{ExternType, FuncType};
use dunlin_vm::SharedHostFn;

/// How many edits two names may be apart to be offered for each other.
const NEAR_MISS_EDITS_MAX: usize = 2;

/// How many near misses an error names.
const NEAR_MISSES_MAX: usize = 3;

/// Finds the imports of modules by their two names, for stores of `T`.
///
/// # Examples
///
/// ```
/// use dunlin::{Engine, Linker, Module, Store};
///
/// let engine = Engine::default();
/// let mut linker = Linker::new(&engine);
/// linker.func_wrap("math", "add", |a: i32, b: i32| a + b)?;
///
/// let module = Module::new(&engine, r#"
///     (module
///         (import "math" "add" (func $add (param i32 i32) (result i32)))
///         (func (export "triple") (param i32) (result i32)
///             (call $add (local.get 0) (call $add (local.get 0) (local.get 0)))))
/// "#)?;
/// let mut store = Store::new(&engine, ());
/// let instance = linker.instantiate(&mut store, &module)?;
/// let triple = instance.get_typed_func::<i32, i32>(&mut store, "triple")?;
/// assert_eq!(triple.call(&mut store, 14)?, 42);
/// # Ok::<(), dunlin::Error>(())
/// ```
///
/// An import that is not defined is an error that names it, and what comes close:
///
/// ```
/// use dunlin::{Engine, ErrorKind, Linker, Module, Store};
///
/// let engine = Engine::default();
/// let mut linker = Linker::new(&engine);
/// linker.func_wrap("env", "print", |_: i32| ())?;
/// let module = Module::new(&engine, r#"(module (import "env" "pirnt" (func (param i32))))"#)?;
/// let error = linker.instantiate(&mut Store::new(&engine, ()), &module).unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Link);
/// assert_eq!(
///     error.to_string(),
///     "unknown import: `env` `pirnt` (func [i32] -> []) is not defined; \
///      defined is `env` `print` (func [i32] -> [])",
/// );
/// # Ok::<(), dunlin::Error>(())
/// ```
pub struct Linker<T: 'static> {
    engine: Engine,
    modules: BTreeMap<String, BTreeMap<String, Definition>>,
    allow_shadowing: bool,
    _data: PhantomData<fn(T)>,
}

#[derive(Clone)]
enum Definition {
    /// An object of a store, and its type when it was defined.
    Extern(Extern, ExternType),
    Host(Arc<(FuncType, SharedHostFn)>),
    /// A memory of every store in which it is wanted.
    Shared(SharedMemory),
}

impl Definition {
    fn ty(&self) -> ExternType {
        match self {
            Self::Extern(_, ty) => ty.clone(),
            Self::Host(func) => ExternType::Func(func.0.clone()),
            Self::Shared(memory) => ExternType::Memory(memory.ty()),
        }
    }

    /// The object in this store.
    fn resolve<T: 'static>(&self, store: &mut StoreInner<T>) -> Result<Extern> {
        Ok(match self {
            Self::Extern(item, _) => *item,
            Self::Host(func) => {
                let index = store.vm.shared_host_func(&func.1);
                Func::of(store.home(), index).into()
            }
            Self::Shared(memory) => memory.in_store(StoreContextMut(store))?.into(),
        })
    }
}

impl<T: 'static> Clone for Linker<T> {
    fn clone(&self) -> Self {
        Self {
            engine: self.engine.clone(),
            modules: self.modules.clone(),
            allow_shadowing: self.allow_shadowing,
            _data: PhantomData,
        }
    }
}

impl<T: 'static> fmt::Debug for Linker<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.modules.iter().map(|(module, items)| (module, items.keys()));
        f.debug_map()
            .entries(names.map(|(module, items)| (module, items.collect::<Vec<_>>())))
            .finish()
    }
}

impl<T: 'static> Linker<T> {
    /// A linker without definitions.
    #[must_use]
    pub fn new(engine: &Engine) -> Self {
        Self {
            engine: engine.clone(),
            modules: BTreeMap::new(),
            allow_shadowing: false,
            _data: PhantomData,
        }
    }

    /// The linker's engine.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Whether a definition may take the place of an earlier one of the same names; at first it may not.
    pub fn allow_shadowing(&mut self, allow: bool) -> &mut Self {
        self.allow_shadowing = allow;
        self
    }

    /// Defines an object of a store.
    ///
    /// # Errors
    ///
    /// If the object is not one of `store`, the store is one of another engine, or the names are
    /// defined already.
    pub fn define(
        &mut self,
        store: impl AsContext<Data = T>,
        module: &str,
        name: &str,
        item: impl Into<Extern>,
    ) -> Result<&mut Self> {
        let item = item.into();
        let store = store.as_context();
        self.check_engine(store.engine(), "the store")?;
        let ty = item.ty(store)?;
        self.insert(module, name, Definition::Extern(item, ty))
    }

    /// Defines a shared memory, which becomes one of each store in which a module that imports it is
    /// instantiated.
    ///
    /// # Errors
    ///
    /// If the memory is one of another engine, or the names are defined already.
    pub fn define_shared(
        &mut self,
        module: &str,
        name: &str,
        memory: &SharedMemory,
    ) -> Result<&mut Self> {
        self.check_engine(memory.engine(), "the shared memory")?;
        self.insert(module, name, Definition::Shared(memory.clone()))
    }

    /// Defines a host function whose types are known at run time; see [`Func::new`].
    ///
    /// # Errors
    ///
    /// If the names are defined already.
    pub fn func_new(
        &mut self,
        module: &str,
        name: &str,
        ty: FuncType,
        func: impl Fn(Caller<'_, T>, &[Val], &mut [Val]) -> Result<()> + Send + Sync + 'static,
    ) -> Result<&mut Self> {
        self.insert_func(module, name, HostFunc::new(ty, func))
    }

    /// Defines a host function from a closure; see [`IntoFunc`].
    ///
    /// # Errors
    ///
    /// If the names are defined already.
    pub fn func_wrap<Params, Results>(
        &mut self,
        module: &str,
        name: &str,
        func: impl IntoFunc<T, Params, Results>,
    ) -> Result<&mut Self> {
        self.insert_func(module, name, func.into_func())
    }

    /// Defines every export of an instance under `module`.
    ///
    /// # Errors
    ///
    /// If the instance is not one of `store`, or names are defined already.
    pub fn instance(
        &mut self,
        mut store: impl AsContextMut<Data = T>,
        module: &str,
        instance: Instance,
    ) -> Result<&mut Self> {
        let mut store = store.as_context_mut();
        instance.check(store.0)?;
        for export in instance.exports(&mut store) {
            let name = export.name().to_owned();
            self.define(&store, module, &name, export.into_extern())?;
        }
        Ok(self)
    }

    /// Instantiates a module and defines its exports under `name`.
    ///
    /// A *reactor*, a module without an export `_start`, is instantiated once and its `_initialize` is
    /// called, if it exports one. A *command* is instantiated anew for each call of its functions, the
    /// only exports that are defined then.
    ///
    /// # Errors
    ///
    /// As [`Linker::instantiate`], and if names are defined already.
    pub fn module(
        &mut self,
        mut store: impl AsContextMut<Data = T>,
        name: &str,
        module: &Module,
    ) -> Result<&mut Self> {
        if matches!(module.get_export("_start"), Some(ExternType::Func(_))) {
            return self.command(store, name, module);
        }
        let mut store = store.as_context_mut();
        let instance = self.instantiate(&mut store, module)?;
        if let Some(initialize) = instance.get_func(&mut store, "_initialize") {
            initialize.call(&mut store, &[], &mut [])?;
        }
        self.instance(&mut store, name, instance)
    }

    fn command(
        &mut self,
        mut store: impl AsContextMut<Data = T>,
        name: &str,
        module: &Module,
    ) -> Result<&mut Self> {
        let prepared = Arc::new(self.instantiate_pre(module)?);
        prepared.check(store.as_context_mut().0)?;
        for export in module.exports() {
            let ExternType::Func(ty) = export.ty() else { continue };
            let (prepared, func) = (prepared.clone(), export.name().to_owned());
            self.func_new(name, export.name(), ty, move |mut caller, params, results| {
                let instance = prepared.instantiate(&mut caller)?;
                let found = instance.get_func(&mut caller, &func);
                found.ok_or_else(|| Error::bug("an export is gone"))?.call(caller, params, results)
            })?;
        }
        Ok(self)
    }

    /// Defines again under other names what is defined under these.
    ///
    /// # Errors
    ///
    /// If nothing is, or the other names are defined already.
    pub fn alias(
        &mut self,
        module: &str,
        name: &str,
        as_module: &str,
        as_name: &str,
    ) -> Result<&mut Self> {
        let found = self.find(module, name).cloned();
        let found = found.ok_or_else(|| {
            Error::link(format_args!("`{module}` `{name}` is not defined, so it has no alias"))
        })?;
        self.insert(as_module, as_name, found)
    }

    /// Defines again under another module's name all that is defined under `module`.
    ///
    /// # Errors
    ///
    /// If nothing is, or names are defined already.
    pub fn alias_module(&mut self, module: &str, as_module: &str) -> Result<&mut Self> {
        let items = self.modules.get(module).cloned().ok_or_else(|| {
            Error::link(format_args!("nothing is defined in `{module}`, so it has no alias"))
        })?;
        for (name, item) in items {
            self.insert(as_module, &name, item)?;
        }
        Ok(self)
    }

    /// Defines every function that `module` imports and that is not defined, as one that fails when it
    /// is called, with an error of kind [`Link`](crate::ErrorKind::Link) that names it.
    ///
    /// # Errors
    ///
    /// If the module is one of another engine.
    pub fn define_unknown_imports_as_traps(&mut self, module: &Module) -> Result<()> {
        self.define_unknown(module, |import, ty| {
            let message = format!("unknown import: {import} ({ty}) was called");
            HostFunc::new::<T>(ty, move |_, _, _| Err(Error::link(&message)))
        })
    }

    /// Defines every function that `module` imports and that is not defined, as one that returns zeros
    /// and nulls.
    ///
    /// # Errors
    ///
    /// If the module is one of another engine.
    pub fn define_unknown_imports_as_default_values(&mut self, module: &Module) -> Result<()> {
        // Results are zeros and nulls unless the closure writes others.
        self.define_unknown(module, |_, ty| HostFunc::new::<T>(ty, |_, _, _| Ok(())))
    }

    fn define_unknown(
        &mut self,
        module: &Module,
        make: impl Fn(String, FuncType) -> HostFunc,
    ) -> Result<()> {
        self.check_engine(module.engine(), "the module")?;
        for import in module.imports() {
            let (from, name) = (import.module(), import.name());
            let ExternType::Func(ty) = import.ty() else { continue };
            if self.find(from, name).is_none() {
                let func = make(format!("`{from}` `{name}`"), ty);
                self.insert_func(from, name, func)?;
            }
        }
        Ok(())
    }

    /// Instantiates a module with imports found by name, and runs its start function.
    ///
    /// `_start` and `_initialize` are exports as any other: calling them is the embedder's business.
    ///
    /// # Errors
    ///
    /// If an import is not defined; else as [`Instance::new`].
    pub fn instantiate(
        &self,
        mut store: impl AsContextMut<Data = T>,
        module: &Module,
    ) -> Result<Instance> {
        self.instantiate_pre(module)?.instantiate(&mut store)
    }

    /// Finds a module's imports once, for many instantiations.
    ///
    /// # Errors
    ///
    /// If an import is not defined, or the module is one of another engine.
    pub fn instantiate_pre(&self, module: &Module) -> Result<InstancePre<T>> {
        self.check_engine(module.engine(), "the module")?;
        let mut imports = Vec::with_capacity(module.imports().len());
        for import in module.imports() {
            let found = self.find(import.module(), import.name());
            let found = found
                .ok_or_else(|| self.unknown_import(import.module(), import.name(), &import.ty()))?;
            imports.push(found.clone());
        }
        Ok(InstancePre { module: module.clone(), imports, _data: PhantomData })
    }

    /// What is defined under these names, in this store; `None` also for an object of another store.
    pub fn get(
        &self,
        mut store: impl AsContextMut<Data = T>,
        module: &str,
        name: &str,
    ) -> Option<Extern> {
        let inner = store.as_context_mut().0;
        let found = self.find(module, name)?;
        if let Definition::Extern(item, _) = found
            && item.item(inner.home(), "the definition").is_err()
        {
            return None;
        }
        if Engine::same(&self.engine, &inner.engine) { found.resolve(inner).ok() } else { None }
    }

    /// What the exports of a module of this type mean by their names, and the definitions there are.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str, ExternType)> {
        self.modules.iter().flat_map(|(module, items)| {
            items.iter().map(move |(name, item)| (module.as_str(), name.as_str(), item.ty()))
        })
    }

    /// The function that running `module` means: its export of the empty name, else its `_start`, else
    /// one that does nothing.
    ///
    /// # Errors
    ///
    /// If the definition is not a function, or is one of another store.
    pub fn get_default(
        &self,
        mut store: impl AsContextMut<Data = T>,
        module: &str,
    ) -> Result<Func> {
        for name in ["", "_start"] {
            if self.find(module, name).is_none() {
                continue;
            }
            let found = self.get(&mut store, module, name);
            let found = found.ok_or_else(|| Error::other_store("the definition"))?;
            return found
                .into_func()
                .ok_or_else(|| Error::link(format_args!("`{module}` `{name}` is not a function")));
        }
        Ok(Func::wrap(store, || ()))
    }

    fn find(&self, module: &str, name: &str) -> Option<&Definition> {
        self.modules.get(module)?.get(name)
    }

    fn insert(&mut self, module: &str, name: &str, item: Definition) -> Result<&mut Self> {
        if !self.allow_shadowing && self.find(module, name).is_some() {
            return Err(Error::link(format_args!("`{module}` `{name}` is defined already")));
        }
        let items = match self.modules.get_mut(module) {
            Some(items) => items,
            None => self.modules.entry(module.to_owned()).or_default(),
        };
        items.insert(name.to_owned(), item);
        Ok(self)
    }

    fn insert_func(&mut self, module: &str, name: &str, func: HostFunc) -> Result<&mut Self> {
        let shared = SharedHostFn::new(self.engine.types(), &func.ty, func.code);
        self.insert(module, name, Definition::Host(Arc::new((func.ty, shared))))
    }

    fn check_engine(&self, engine: &Engine, what: &str) -> Result<()> {
        if Engine::same(&self.engine, engine) { Ok(()) } else { Err(Error::other_engine(what)) }
    }

    #[cold]
    fn unknown_import(&self, module: &str, name: &str, ty: &ExternType) -> Error {
        let near: Vec<String> = self
            .iter()
            .filter(|(in_module, near, _)| {
                let apart = edits(in_module, module) + edits(near, name);
                apart <= NEAR_MISS_EDITS_MAX || (*near == name && *in_module != module)
            })
            .take(NEAR_MISSES_MAX)
            .map(|(module, name, ty)| format!("`{module}` `{name}` ({ty})"))
            .collect();
        let unknown = format!("unknown import: `{module}` `{name}` ({ty}) is not defined");
        if !near.is_empty() {
            return Error::link(format_args!("{unknown}; defined is {}", near.join(", ")));
        }
        match self.modules.contains_key(module) {
            true => Error::link(unknown),
            false => Error::link(format_args!("{unknown}; nothing is defined in `{module}`")),
        }
    }
}

/// A module whose imports have been found; see [`Linker::instantiate_pre`].
pub struct InstancePre<T: 'static> {
    module: Module,
    imports: Vec<Definition>,
    _data: PhantomData<fn(T)>,
}

impl<T: 'static> InstancePre<T> {
    /// The module.
    #[must_use]
    pub fn module(&self) -> &Module {
        &self.module
    }

    /// Instantiates the module, and runs its start function.
    ///
    /// # Errors
    ///
    /// As [`Instance::new`].
    pub fn instantiate(&self, mut store: impl AsContextMut<Data = T>) -> Result<Instance> {
        let inner = store.as_context_mut().0;
        self.check(inner)?;
        let imports = self.imports.iter().map(|import| import.resolve(inner));
        let imports = imports.collect::<Result<Vec<Extern>>>()?;
        inner.instantiate(&self.module, &imports)
    }

    /// Checks that the store may use the module and the definitions, before any becomes part of it.
    fn check(&self, store: &StoreInner<T>) -> Result<()> {
        if !Engine::same(self.module.engine(), &store.engine) {
            return Err(Error::other_engine("the module"));
        }
        for (index, found) in self.imports.iter().enumerate() {
            if let Definition::Extern(item, _) = found
                && item.item(store.home(), "").is_err()
            {
                let import = self.module.imports().nth(index);
                let name = import.map(|it| format!("`{}` `{}`", it.module(), it.name()));
                item.item(store.home(), &format!("the definition {}", name.unwrap_or_default()))?;
            }
        }
        Ok(())
    }
}

impl<T: 'static> Clone for InstancePre<T> {
    fn clone(&self) -> Self {
        let (module, imports) = (self.module.clone(), self.imports.clone());
        Self { module, imports, _data: PhantomData }
    }
}

/// How many characters are to be added, taken away, changed or swapped with their neighbour to make one
/// word of the other; more than any bound of ours for words of very different length.
fn edits(a: &str, b: &str) -> usize {
    if a == b {
        return 0;
    }
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len().abs_diff(b.len()) > NEAR_MISS_EDITS_MAX {
        return usize::MAX / 2;
    }
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = alloc::vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let change = above[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = change.min(above[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        before = core::mem::replace(&mut above, row);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::edits;

    #[test]
    fn edits_between_words() {
        for (a, b, expected) in [
            ("print", "print", 0),
            ("print", "pirnt", 1),
            ("print", "prnt", 1),
            ("print", "sprint", 1),
            ("print", "paint", 1),
            ("", "ab", 2),
            ("abc", "xyz", 3),
        ] {
            assert_eq!(edits(a, b), expected, "{a} {b}");
            assert_eq!(edits(b, a), expected, "{b} {a}");
        }
        assert!(edits("a", "abcdef") > 100);
    }
}
