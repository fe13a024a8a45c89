//! Finds what components import: functions, resources and instances of the host's, modules, and what other components
//! export.

use crate::abi::lift::Cx;
use crate::component::Component;
use crate::exports::Exports;
use crate::func::{Dynamic, FuncItem, HostCode, HostFunc};
use crate::hosts::KnownHosts;
use crate::instance::{self, Closure, Instance, Item, Making, add_func, add_instance};
use crate::plan::{self, Plan};
use crate::resource::{Destructor, HostDestructor, ResourceInfo, ResourceTypeId};
use crate::state::{HOST, state};
use crate::template::ItemType;
use crate::trap::{link, trap, usage};
use crate::typed::{Known, LiftParams, LowerResults, Wrapped};
use crate::types::{FuncType, Shape, TypeTable, Var, VarHasher};
use crate::val::Val;
use dunlin::{AsContextMut, Engine, Module, Result, StoreContextMut};
use std::any::TypeId as RustType;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::hash::BuildHasherDefault;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

static NEXT_RESOURCE: AtomicU64 = AtomicU64::new(1);

/// What a name stands for.
pub(crate) enum Definition<T: 'static> {
    /// A function of the host's, as stores have it.
    Func(Arc<FuncItem<T>>),
    Module(Module),
    Resource {
        number: u64,
        rust: RustType,
        destructor: HostDestructor<T>,
    },
    Instance(Names<T>),
    /// What another component of a store exports.
    Item {
        state: u64,
        item: Item,
    },
}

impl<T: 'static> Clone for Definition<T> {
    fn clone(&self) -> Self {
        match self {
            Self::Func(func) => Self::Func(func.clone()),
            Self::Module(module) => Self::Module(module.clone()),
            Self::Resource { number, rust, destructor } => {
                Self::Resource { number: *number, rust: *rust, destructor: destructor.clone() }
            }
            Self::Instance(names) => Self::Instance(names.clone()),
            Self::Item { state, item } => Self::Item { state: *state, item: item.clone() },
        }
    }
}

impl<T: 'static> Definition<T> {
    fn of_host(code: Arc<dyn HostCode<T>>) -> Self {
        Self::Func(Arc::new(FuncItem::Host(HostFunc { code })))
    }
}

type Names<T> = BTreeMap<String, Definition<T>>;

/// Finds the imports of components by name, for stores of `T`.
///
/// A name with a version finds a definition of a compatible one: `wasi:cli/stdout@0.2.0` serves an import of
/// `wasi:cli/stdout@0.2.6`.
///
/// # Examples
///
/// ```
/// use dunlin::{Engine, Store, StoreContextMut};
/// use dunlin_component::{Component, Linker};
///
/// let engine = Engine::default();
/// let component = Component::new(&engine, r#"
///     (component
///         (import "host" (instance $host (export "count" (func (param "by" u32) (result u32)))))
///         (core func $count (canon lower (func $host "count")))
///         (core module $m
///             (import "host" "count" (func $count (param i32) (result i32)))
///             (func (export "run") (result i32)
///                 (drop (call $count (i32.const 1)))
///                 (call $count (i32.const 41))))
///         (core instance $i (instantiate $m
///             (with "host" (instance (export "count" (func $count))))))
///         (func (export "run") (result u32) (canon lift (core func $i "run"))))
/// "#)?;
///
/// let mut linker = Linker::new(&engine);
/// linker.instance("host")?.func_wrap("count", |mut store: StoreContextMut<'_, u32>, (by,): (u32,)| {
///     *store.data_mut() += by;
///     Ok(*store.data())
/// })?;
/// let mut store = Store::new(&engine, 0);
/// let instance = linker.instantiate(&mut store, &component)?;
/// let run = instance.get_typed_func::<(), u32>(&mut store, "run")?;
/// assert_eq!(run.call(&mut store, ())?, 42);
/// # Ok::<(), dunlin::Error>(())
/// ```
pub struct Linker<T: 'static> {
    engine: Engine,
    names: Names<T>,
    shadowing: bool,
    adapters: bool,
}

impl<T: 'static> Clone for Linker<T> {
    fn clone(&self) -> Self {
        let (engine, names) = (self.engine.clone(), self.names.clone());
        Self { engine, names, shadowing: self.shadowing, adapters: self.adapters }
    }
}

impl<T: 'static> fmt::Debug for Linker<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names.keys()).finish()
    }
}

impl<T: 'static> Linker<T> {
    /// A linker without definitions.
    #[must_use]
    pub fn new(engine: &Engine) -> Self {
        Self { engine: engine.clone(), names: Names::new(), shadowing: false, adapters: true }
    }

    /// The linker's engine.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Whether a definition may replace one of the same name; it may not unless this says so.
    pub fn allow_shadowing(&mut self, allow: bool) -> &mut Self {
        self.shadowing = allow;
        self
    }

    /// Whether calls between components run core functions that are made for them; they do unless this says no.
    /// That makes them fast, and changes nothing else.
    pub fn adapters(&mut self, adapters: bool) -> &mut Self {
        self.adapters = adapters;
        self
    }

    /// Where items are defined that belong to no instance.
    pub fn root(&mut self) -> LinkerInstance<'_, T> {
        LinkerInstance { names: &mut self.names, shadowing: self.shadowing }
    }

    /// The instance of this name, which is made if there is none.
    ///
    /// # Errors
    ///
    /// If the name is that of something else.
    pub fn instance(&mut self, name: &str) -> Result<LinkerInstance<'_, T>> {
        self.root().into_instance(name)
    }

    /// Defines all that an instance of a component exports, as an instance of this name, for its store.
    ///
    /// # Errors
    ///
    /// If the instance is one of another store, or the name is taken.
    pub fn define_instance(
        &mut self,
        mut store: impl AsContextMut<Data = T>,
        name: &str,
        instance: Instance,
    ) -> Result<&mut Self> {
        let mut store = store.as_context_mut();
        let exports = instance.exports_of(&mut store);
        let exports = exports.ok_or_else(|| usage("the instance belongs to another store"))?;
        let state = state(&mut store).id;
        let item = Item::Instance(exports);
        self.root().define(name, Definition::Item { state, item })?;
        Ok(self)
    }

    /// Defines each item that an instance of a component exports under its own name, for its store.
    ///
    /// # Errors
    ///
    /// As [`define_instance`](Self::define_instance).
    pub fn define_exports(
        &mut self,
        mut store: impl AsContextMut<Data = T>,
        instance: Instance,
    ) -> Result<&mut Self> {
        let mut store = store.as_context_mut();
        let exports = instance.exports_of(&mut store);
        let exports = exports.ok_or_else(|| usage("the instance belongs to another store"))?;
        let state = state(&mut store).id;
        for (name, item) in exports.iter() {
            self.root().define(name, Definition::Item { state, item: item.clone() })?;
        }
        Ok(self)
    }

    /// Defines what a component imports and is not defined: functions that trap when they are called, and resource types.
    ///
    /// Modules and components that it imports stay undefined.
    ///
    /// # Examples
    ///
    /// ```
    /// use dunlin::{Engine, Store};
    /// use dunlin_component::{Component, Linker};
    ///
    /// let engine = Engine::default();
    /// let component = Component::new(&engine, r#"
    ///     (component
    ///         (import "wasi:clocks/clock@0.2.0" (instance $clock (export "now" (func (result u64)))))
    ///         (core func $now (canon lower (func $clock "now")))
    ///         (core module $m (import "" "now" (func $now (result i64)))
    ///             (func (export "one") (result i32) (i32.const 1))
    ///             (func (export "now") (result i64) (call $now)))
    ///         (core instance $i (instantiate $m (with "" (instance (export "now" (func $now))))))
    ///         (func (export "one") (result u32) (canon lift (core func $i "one")))
    ///         (func (export "now") (result u64) (canon lift (core func $i "now"))))
    /// "#)?;
    /// let mut linker = Linker::new(&engine);
    /// linker.define_unknown_imports_as_traps(&component);
    /// let mut store = Store::new(&engine, ());
    /// let instance = linker.instantiate(&mut store, &component)?;
    /// assert_eq!(instance.get_typed_func::<(), u32>(&mut store, "one")?.call(&mut store, ())?, 1);
    /// let now = instance.get_typed_func::<(), u64>(&mut store, "now")?;
    /// let error = now.call(&mut store, ()).unwrap_err();
    /// assert!(error.to_string().contains("`wasi:clocks/clock@0.2.0` `now`"));
    /// # Ok::<(), dunlin::Error>(())
    /// ```
    pub fn define_unknown_imports_as_traps(&mut self, component: &Component) -> &mut Self {
        for (name, ty) in &component.inner.imports {
            define_as_trap(&mut self.names, name, ty, name);
        }
        self
    }

    /// The same for those imports of a component whose names are wanted, and that are not defined at all; their names.
    pub fn define_imports_as_traps(
        &mut self,
        component: &Component,
        wanted: impl Fn(&str) -> bool,
    ) -> Vec<String> {
        let mut defined = Vec::new();
        for (name, ty) in &component.inner.imports {
            if wanted(name) && find(&self.names, name).is_none() {
                define_as_trap(&mut self.names, name, ty, name);
                defined.push(name.to_string());
            }
        }
        defined
    }

    /// Instantiates a component in a store.
    ///
    /// # Errors
    ///
    /// If the component is one of another engine; if an import is not defined, or of another type; if a core module does
    /// not link, the store's limits refuse, or a start function fails.
    pub fn instantiate(
        &self,
        mut store: impl AsContextMut<Data = T>,
        component: &Component,
    ) -> Result<Instance> {
        let mut store = store.as_context_mut();
        if !Engine::same(component.engine(), &self.engine) {
            return Err(other_engine());
        }
        let found = find_imports(&self.names, component);
        instantiate(&mut store, component, &found, &mut Making::new(self.adapters, None))
    }

    /// Finds a component's imports, once for all instances that are made of it.
    ///
    /// # Errors
    ///
    /// If the component is one of another engine, or an import is not defined.
    ///
    /// # Examples
    ///
    /// ```
    /// use dunlin::{Engine, Store};
    /// use dunlin_component::{Component, Linker};
    ///
    /// let engine = Engine::default();
    /// let component = Component::new(&engine, r#"
    ///     (component
    ///         (core module $m (func (export "one") (result i32) (i32.const 1)))
    ///         (core instance $i (instantiate $m))
    ///         (func (export "one") (result u32) (canon lift (core func $i "one"))))
    /// "#)?;
    /// let pre = Linker::<()>::new(&engine).instantiate_pre(&component)?;
    /// for _ in 0..3 {
    ///     let mut store = Store::new(&engine, ());
    ///     let instance = pre.instantiate(&mut store)?;
    ///     let one = instance.get_typed_func::<(), u32>(&mut store, "one")?;
    ///     assert_eq!(one.call(&mut store, ())?, 1);
    /// }
    /// # Ok::<(), dunlin::Error>(())
    /// ```
    pub fn instantiate_pre(&self, component: &Component) -> Result<InstancePre<T>> {
        if !Engine::same(component.engine(), &self.engine) {
            return Err(other_engine());
        }
        let found = find_imports(&self.names, component);
        for ((name, ty), found) in component.inner.imports.iter().zip(&found) {
            if matches!(found, Found::Nothing)
                && !matches!(ty, ItemType::Type(None) | ItemType::Instance(_))
            {
                return Err(unknown(name));
            }
        }
        let (component, adapters) = (component.clone(), self.adapters);
        let hosts = OnceLock::new();
        let plan = OnceLock::new();
        Ok(InstancePre(Arc::new(Pre { component, found, adapters, hosts, plan })))
    }
}

/// Defines an import that is not defined; `full` is all of its name.
fn define_as_trap<T: 'static>(names: &mut Names<T>, name: &str, ty: &ItemType, full: &str) {
    let known = find_key(names, name);
    match (ty, known) {
        (ItemType::Func, None) => {
            let code = Arc::new(Missing(full.into()));
            names.insert(name.into(), Definition::of_host(code));
        }
        (ItemType::Type(Some(_)), None) => {
            let number = NEXT_RESOURCE.fetch_add(1, Ordering::Relaxed);
            let destructor: HostDestructor<T> = Arc::new(|_, _| Ok(()));
            let rust = RustType::of::<Missing>();
            names.insert(name.into(), Definition::Resource { number, rust, destructor });
        }
        (ItemType::Instance(items), known) => {
            let place = names.entry(known.unwrap_or_else(|| name.into()));
            let made = place.or_insert_with(|| Definition::Instance(Names::new()));
            if let Definition::Instance(names) = made {
                for (inner, ty) in items.iter() {
                    define_as_trap(names, inner, ty, &format!("{full}` `{inner}"));
                }
            }
        }
        _ => {}
    }
}

/// A function that is not there, by its name.
struct Missing(String);

impl<T: 'static> HostCode<T> for Missing {
    fn check(&self, _: &TypeTable, _: &FuncType, _: &Known<'_>) -> Result<()> {
        Ok(())
    }

    fn run(&self, _: &mut Cx<'_, '_, T>, _: &FuncType, _: Shape, _: &mut [u64]) -> Result<()> {
        Err(trap(format_args!("unknown import `{}` was called", self.0)))
    }
}

/// A component whose imports have been found; see [`Linker::instantiate_pre`].
pub struct InstancePre<T: 'static>(Arc<Pre<T>>);

struct Pre<T: 'static> {
    component: Component,
    /// What its imports are, in their order.
    found: Box<[Found<T>]>,
    adapters: bool,
    /// What the first instance has made for those that come after it.
    hosts: OnceLock<KnownHosts<T>>,
    /// What the first instance in a store of its own came to, if that can be done again.
    plan: OnceLock<Option<Plan<T>>>,
}

impl<T: 'static> Clone for InstancePre<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: 'static> fmt::Debug for InstancePre<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InstancePre").field("component", self.component()).finish_non_exhaustive()
    }
}

impl<T: 'static> InstancePre<T> {
    /// The component.
    #[must_use]
    pub fn component(&self) -> &Component {
        &self.0.component
    }

    /// Instantiates the component in a store.
    ///
    /// # Errors
    ///
    /// As [`Linker::instantiate`].
    pub fn instantiate(&self, mut store: impl AsContextMut<Data = T>) -> Result<Instance> {
        let Pre { component, found, adapters, hosts, plan } = &*self.0;
        let mut store = store.as_context_mut();
        if !Engine::same(component.engine(), store.engine()) {
            return Err(other_engine());
        }
        let is_noted = match plan.get() {
            Some(Some(plan)) if plan::is_new(&mut store) => return plan.follow(&mut store),
            None => plan::is_new(&mut store),
            _ => false,
        };
        // What is noted must be all that it needs.
        let known = hosts.get().filter(|_| !is_noted);
        let mut making = Making::new(*adapters, known);
        if is_noted {
            plan::begin(&mut store)?;
        }
        let made = instantiate(&mut store, component, found, &mut making);
        if is_noted {
            let made = made.as_ref().ok().map(|made| (*made, making.made()));
            let noted = plan::end(&mut store, made);
            if made.is_some() {
                // Another thread may have been faster, here and below.
                let _ = plan.set(noted);
            }
        }
        let made = made?;
        if hosts.get().is_none() {
            let _ = hosts.set(making.into_hosts().into_known());
        }
        Ok(made)
    }
}

/// Instantiates a component with what its imports have been found to be.
fn instantiate<T: 'static>(
    store: &mut StoreContextMut<'_, T>,
    component: &Component,
    found: &[Found<T>],
    making: &mut Making<'_, T>,
) -> Result<Instance> {
    if !Engine::same(component.engine(), store.engine()) {
        return Err(other_engine());
    }
    let mut args = Exports::with_capacity(found.len());
    let mut bound = Bound::default();
    for ((name, ty), found) in component.inner.imports.iter().zip(found) {
        let path = Path { outer: None, name };
        args.add(name.clone(), resolve(store, found, ty, &path, &mut bound)?);
    }
    let closure = Closure::outermost(&component.inner);
    let exports = instance::instantiate(store, &closure, None, &args, making)?;
    Ok(add_instance(store, exports))
}

#[cold]
fn other_engine() -> dunlin::Error {
    usage("the component, the linker and the store are not of one engine")
}

#[cold]
fn unknown(name: impl fmt::Display) -> dunlin::Error {
    link(format_args!("unknown import `{name}`"))
}

/// An instance of a linker's, to define items in.
pub struct LinkerInstance<'l, T: 'static> {
    names: &'l mut Names<T>,
    shadowing: bool,
}

impl<'l, T: 'static> LinkerInstance<'l, T> {
    /// Defines a function whose types are known at run time: it is given the arguments and, if the function has a result,
    /// one value, which it overwrites.
    ///
    /// # Errors
    ///
    /// If the name is taken.
    pub fn func_new(
        &mut self,
        name: &str,
        func: impl Fn(StoreContextMut<'_, T>, &[Val], &mut [Val]) -> Result<()> + Send + Sync + 'static,
    ) -> Result<&mut Self> {
        self.define(name, Definition::of_host(Arc::new(Dynamic(func))))
    }

    /// Defines a function from a closure: it is given the store and the arguments as a tuple.
    ///
    /// That its types are the component's is checked when a component is instantiated.
    ///
    /// # Errors
    ///
    /// If the name is taken.
    pub fn func_wrap<P: LiftParams + 'static, R: LowerResults + 'static>(
        &mut self,
        name: &str,
        func: impl Fn(StoreContextMut<'_, T>, P) -> Result<R> + Send + Sync + 'static,
    ) -> Result<&mut Self> {
        self.define(name, Definition::of_host(Arc::new(Wrapped::new(func))))
    }

    /// Defines a resource type, for which `R` stands in the embedder's code. `destructor` is called when a guest drops a
    /// resource that it owns.
    ///
    /// # Errors
    ///
    /// If the name is taken.
    ///
    /// # Examples
    ///
    /// ```
    /// use dunlin::{Engine, Store, StoreContextMut};
    /// use dunlin_component::{Borrow, Component, Linker, Resource};
    ///
    /// struct Counter;
    /// let engine = Engine::default();
    /// let component = Component::new(&engine, r#"
    ///     (component
    ///         (import "host" (instance $host
    ///             (export "counter" (type $counter (sub resource)))
    ///             (export "[constructor]counter" (func (result (own $counter))))
    ///             (export "[method]counter.next" (func (param "self" (borrow $counter)) (result u32)))))
    ///         (alias export $host "counter" (type $counter))
    ///         (core func $new (canon lower (func $host "[constructor]counter")))
    ///         (core func $next (canon lower (func $host "[method]counter.next")))
    ///         (core func $drop (canon resource.drop $counter))
    ///         (core module $m
    ///             (import "host" "new" (func $new (result i32)))
    ///             (import "host" "next" (func $next (param i32) (result i32)))
    ///             (import "host" "drop" (func $drop (param i32)))
    ///             (func (export "run") (result i32) (local $counter i32)
    ///                 (local.set $counter (call $new))
    ///                 (drop (call $next (local.get $counter)))
    ///                 (call $next (local.get $counter))
    ///                 (call $drop (local.get $counter))))
    ///         (core instance $i (instantiate $m (with "host" (instance
    ///             (export "new" (func $new)) (export "next" (func $next)) (export "drop" (func $drop))))))
    ///         (func (export "run") (result u32) (canon lift (core func $i "run"))))
    /// "#)?;
    ///
    /// // The embedder's table: what each counter is at.
    /// type Data = Vec<Option<u32>>;
    /// let mut linker: Linker<Data> = Linker::new(&engine);
    /// let mut host = linker.instance("host")?;
    /// host.resource::<Counter>("counter", |mut store, rep| {
    ///     store.data_mut()[rep as usize] = None;
    ///     Ok(())
    /// })?;
    /// host.func_wrap("[constructor]counter", |mut store: StoreContextMut<'_, Data>, ()| {
    ///     store.data_mut().push(Some(0));
    ///     Ok(Resource::<Counter>::new(store.data().len() as u32 - 1))
    /// })?;
    /// host.func_wrap(
    ///     "[method]counter.next",
    ///     |mut store: StoreContextMut<'_, Data>, (counter,): (Borrow<Counter>,)| {
    ///         let at = store.data_mut()[counter.rep() as usize].as_mut().expect("a counter");
    ///         *at += 1;
    ///         Ok(*at)
    ///     },
    /// )?;
    /// let mut store = Store::new(&engine, Vec::new());
    /// let instance = linker.instantiate(&mut store, &component)?;
    /// let run = instance.get_typed_func::<(), u32>(&mut store, "run")?;
    /// assert_eq!(run.call(&mut store, ())?, 2);
    /// assert_eq!(store.data(), &[None], "it has been dropped");
    /// # Ok::<(), dunlin::Error>(())
    /// ```
    pub fn resource<R: 'static>(
        &mut self,
        name: &str,
        destructor: impl Fn(StoreContextMut<'_, T>, u32) -> Result<()> + Send + Sync + 'static,
    ) -> Result<&mut Self> {
        let number = NEXT_RESOURCE.fetch_add(1, Ordering::Relaxed);
        let (rust, destructor) = (RustType::of::<R>(), Arc::new(destructor));
        self.define(name, Definition::Resource { number, rust, destructor })
    }

    /// Defines a core module.
    ///
    /// # Errors
    ///
    /// If the name is taken.
    pub fn module(&mut self, name: &str, module: &Module) -> Result<&mut Self> {
        self.define(name, Definition::Module(module.clone()))
    }

    /// The instance of this name within this one, which is made if there is none.
    ///
    /// # Errors
    ///
    /// If the name is that of something else.
    pub fn instance(&mut self, name: &str) -> Result<LinkerInstance<'_, T>> {
        LinkerInstance { names: self.names, shadowing: self.shadowing }.into_instance(name)
    }

    fn into_instance(self, name: &str) -> Result<LinkerInstance<'l, T>> {
        let place = self.names.entry(name.into());
        let made = place.or_insert_with(|| Definition::Instance(Names::new()));
        match made {
            Definition::Instance(names) => Ok(LinkerInstance { names, shadowing: self.shadowing }),
            _ => Err(link(format_args!("`{name}` is defined already, and is no instance"))),
        }
    }

    fn define(&mut self, name: &str, definition: Definition<T>) -> Result<&mut Self> {
        if !self.shadowing && self.names.contains_key(name) {
            return Err(link(format_args!("`{name}` is defined already")));
        }
        self.names.insert(name.into(), definition);
        Ok(self)
    }
}

/// The definition of a name, or of one of a compatible version: the newest.
fn find<'n, T: 'static>(names: &'n Names<T>, name: &str) -> Option<&'n Definition<T>> {
    names.get(name).or_else(|| Some(newest(names, name)?.1))
}

/// The name under which [`find`] finds a definition.
fn find_key<T: 'static>(names: &Names<T>, name: &str) -> Option<String> {
    if names.contains_key(name) {
        return Some(name.into());
    }
    Some(newest(names, name)?.0.clone())
}

/// The newest definition of a compatible version.
fn newest<'n, T: 'static>(
    names: &'n Names<T>,
    name: &str,
) -> Option<(&'n String, &'n Definition<T>)> {
    let wanted = compatible(name)?;
    let found = names.iter().filter(|(other, _)| compatible(other) == Some(wanted));
    found.max_by_key(|(other, _)| version(other))
}

/// A name with that part of its version which says what it is compatible with.
pub(crate) fn compatible(name: &str) -> Option<(&str, &str)> {
    let (base, version) = name.split_once('@')?;
    let (major, rest) = version.split_once('.')?;
    if version.contains(['-', '+']) {
        return None;
    }
    match major {
        "0" => {
            let (minor, _) = rest.split_once('.')?;
            // Of 0.0 every version is one of its own.
            (minor != "0").then(|| (base, &version[..major.len() + 1 + minor.len()]))
        }
        _ => Some((base, major)),
    }
}

pub(crate) fn version(name: &str) -> Vec<u64> {
    let version = name.split_once('@').map_or("", |(_, version)| version);
    version.split('.').map(|number| number.parse().unwrap_or(0)).collect()
}

/// What an import has been found to be: a definition, or for each item of an instance one.
pub(crate) enum Found<T: 'static> {
    Nothing,
    Definition(Definition<T>),
    /// Those items that are wanted of it.
    Instance(Box<[Self]>),
}

/// What a component's imports are, in their order.
fn find_imports<T: 'static>(names: &Names<T>, component: &Component) -> Box<[Found<T>]> {
    let imports = component.inner.imports.iter();
    imports.map(|(name, ty)| Found::of(find(names, name), ty)).collect()
}

impl<T: 'static> Found<T> {
    fn of(definition: Option<&Definition<T>>, ty: &ItemType) -> Self {
        let none = Names::new();
        match (ty, definition) {
            (ItemType::Instance(items), Some(Definition::Instance(names))) => {
                Self::items(names, items)
            }
            // All that is wanted of it may be types.
            (ItemType::Instance(items), None) => Self::items(&none, items),
            (_, Some(definition)) => Self::Definition(definition.clone()),
            (_, None) => Self::Nothing,
        }
    }

    fn items(names: &Names<T>, items: &[(Arc<str>, ItemType)]) -> Self {
        let found = items.iter().map(|(name, ty)| Self::of(find(names, name), ty));
        Self::Instance(found.collect())
    }
}

/// An item's name, with those of what it is in.
struct Path<'p> {
    outer: Option<&'p Self>,
    name: &'p str,
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(outer) = self.outer {
            write!(f, "{outer}` `")?;
        }
        f.write_str(self.name)
    }
}

/// The resource types that a component's imports so far have been found to be.
type Bound = HashMap<Var, ResourceTypeId, BuildHasherDefault<VarHasher>>;

/// What an import of this type is to be.
fn resolve<T: 'static>(
    store: &mut StoreContextMut<'_, T>,
    found: &Found<T>,
    ty: &ItemType,
    path: &Path<'_>,
    bound: &mut Bound,
) -> Result<Item> {
    // An interface that uses another's resource type exports it again, under any name: it needs no definition there.
    if let ItemType::Type(Some(var)) = ty
        && let Some(known) = bound.get(var)
    {
        return Ok(Item::Type(Some(*known)));
    }
    let found = match (ty, found) {
        (_, Found::Definition(found)) => found,
        (ItemType::Instance(items), Found::Instance(found)) => {
            let mut exports = Exports::with_capacity(items.len());
            for ((name, ty), found) in items.iter().zip(found) {
                let path = Path { outer: Some(path), name };
                exports.add(name.clone(), resolve(store, found, ty, &path, bound)?);
            }
            return Ok(Item::Instance(Arc::new(exports)));
        }
        // Such a type says all by itself.
        (ItemType::Type(None), _) => return Ok(Item::Type(None)),
        _ => return Err(unknown(path)),
    };
    match (ty, found) {
        (ItemType::Func, Definition::Func(func)) => Ok(Item::Func(add_func(store, func.clone()))),
        (ItemType::Module, Definition::Module(module)) => Ok(Item::Module(module.clone())),
        (ItemType::Type(Some(var)), Definition::Resource { number, rust, destructor }) => {
            let ty = resource(store, *number, *rust, destructor);
            bound.insert(*var, ty);
            Ok(Item::Type(Some(ty)))
        }
        (_, Definition::Item { state: id, item }) => {
            if state(store).id != *id {
                return Err(link(format_args!("`{path}` is defined for another store")));
            }
            check(item, ty, path)?;
            bind(item, ty, bound);
            Ok(item.clone())
        }
        _ => Err(link(format_args!("`{path}` is defined as something else than is wanted"))),
    }
}

/// Notes which resource types an item has been found to be, or to export.
fn bind(item: &Item, ty: &ItemType, bound: &mut Bound) {
    match (item, ty) {
        (Item::Type(Some(found)), ItemType::Type(Some(var))) => {
            bound.insert(*var, *found);
        }
        (Item::Instance(exports), ItemType::Instance(items)) => {
            for (inner, ty) in items.iter() {
                if let Some(item) = exports.find(inner) {
                    bind(item, ty, bound);
                }
            }
        }
        _ => {}
    }
}

/// Whether what a component exports can be what another imports; the types of functions are looked at where they are lowered.
fn check(item: &Item, ty: &ItemType, path: &Path<'_>) -> Result<()> {
    match (item, ty) {
        (Item::Module(_), ItemType::Module)
        | (Item::Func(_), ItemType::Func)
        | (Item::Type(Some(_)), ItemType::Type(Some(_)))
        | (Item::Type(None), ItemType::Type(None))
        | (Item::Component(_), ItemType::Component) => Ok(()),
        (Item::Instance(exports), ItemType::Instance(items)) => {
            items.iter().try_for_each(|(inner, ty)| {
                let path = Path { outer: Some(path), name: inner };
                match exports.find(inner) {
                    Some(item) => check(item, ty, &path),
                    None => Err(unknown(&path)),
                }
            })
        }
        _ => Err(link(format_args!("`{path}` is {}, and something else is wanted", item.kind()))),
    }
}

/// The store's resource type of a definition, which is made where there is none.
fn resource<T: 'static>(
    store: &mut StoreContextMut<'_, T>,
    number: u64,
    rust: RustType,
    destructor: &HostDestructor<T>,
) -> ResourceTypeId {
    let resources = &mut state(store).resources;
    let is = |info: &ResourceInfo<T>| info.host.is_some_and(|host| host.0 == number);
    let found = resources.iter().position(is);
    let index = found.unwrap_or_else(|| {
        let destructor = Destructor::Host(destructor.clone());
        resources.push(ResourceInfo { owner: HOST, destructor, host: Some((number, rust)) })
    });
    ResourceTypeId(index as u32)
}

#[cfg(test)]
mod tests {
    use super::{compatible, version};

    #[test]
    fn versions_are_compatible_as_semver_says() {
        let same = |a: &str, b: &str| compatible(a).is_some() && compatible(a) == compatible(b);
        assert!(same("wasi:io/streams@0.2.0", "wasi:io/streams@0.2.6"));
        assert!(same("a:b/c@1.0.0", "a:b/c@1.9.2"));
        assert!(!same("a:b/c@0.2.0", "a:b/c@0.3.0"));
        assert!(!same("a:b/c@1.0.0", "a:b/d@1.0.0"));
        assert!(!same("a:b/c@0.0.1", "a:b/c@0.0.1"));
        assert!(!same("a:b/c@1.0.0-rc", "a:b/c@1.0.0-rc"));
        assert!(version("a:b/c@0.2.10") > version("a:b/c@0.2.9"));
    }
}
