//! Component instances: what they export, and how they come to be.
//!
//! Definitions are done in their order. Each adds to an index space of the [`Frame`]; validation has made sure that operands
//! are there and of their types, but for what the host passed in, which linking looks at, and core modules of
//! the host's, which core instantiation does.
//!
//! What a component lowers waits until it is used, so that adapters of many functions are one module. Bundles of core items
//! are not made at all: what a core module imports is looked for in the definitions, once for all instances
//! (`core.rs`).

mod core;

use crate::abi::side::Side;
use crate::adapt::{self, Pending};
use crate::builtins;
use crate::call;
use crate::component::Inner;
use crate::exports::Exports;
use crate::func::{Func, FuncItem, Lifted, TypeRef};
use crate::hosts::{Hosts, KnownHosts};
use crate::limits::{ADAPTER_INSTANCES_MAX, INSTANCES_DEEP_MAX, INSTANCES_MAX};
use crate::lowered;
use crate::resource::{Destructor, ResourceInfo, ResourceTypeId};
use crate::state::{HOST, IDLE, InstanceState, RUNNING, set_flags, state};
use crate::tasks::Returns;
use crate::template::{Bind, Builtin, Captured, Def, Operand, Options, Sort, Source, Template};
use crate::trap::{link, usage};
use crate::typed::{Params, Results, TypedFunc};
use crate::types::{FuncTypeId, Var, VarHasher};
use dunlin::{
    AsContextMut, Error, ErrorKind, Extern, Memory, Module, NumericFunc, Result, StoreContextMut,
};
use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::sync::Arc;

/// Something that is imported or exported, at run time.
#[derive(Clone, Debug)]
pub(crate) enum Item {
    Module(Module),
    /// A function, by its place in the store's list.
    Func(u32),
    /// A type; the resource type that it is, if it is one.
    Type(Option<ResourceTypeId>),
    Component(Closure),
    Instance(Arc<Exports>),
}

impl Item {
    /// What it is, in words.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Module(_) => "a module",
            Self::Func(_) => "a function",
            Self::Type(_) => "a type",
            Self::Component(_) => "a component",
            Self::Instance(_) => "an instance",
        }
    }
}

/// A component with what it uses of those around it.
#[derive(Clone, Debug)]
pub(crate) struct Closure {
    pub(crate) inner: Arc<Inner>,
    pub(crate) template: Arc<Template>,
    captured: Arc<[CapturedItem]>,
}

#[derive(Clone, Debug)]
enum CapturedItem {
    Module(Module),
    Component(Closure),
}

impl Closure {
    /// The outermost component, which uses nothing around it.
    pub(crate) fn outermost(inner: &Arc<Inner>) -> Self {
        let template = inner.templates.last().expect("a component has been decoded").clone();
        Self { inner: inner.clone(), template, captured: Arc::default() }
    }
}

/// A core instance: a real one, or a bundle of items, by its definition's place.
#[derive(Clone, Copy, Debug)]
enum CoreInstance {
    Instance(dunlin::Instance),
    Bundle(usize),
}

/// An instance that is being made: the index spaces of its component, as far as they are.
struct Frame {
    closure: Closure,
    instance: u32,
    modules: Vec<Module>,
    core_instances: Vec<CoreInstance>,
    /// Nothing where a function waits to be lowered.
    core_funcs: Vec<Option<dunlin::Func>>,
    waiting: Vec<Waiting>,
    memories: Vec<Memory>,
    /// Tables, globals and tags.
    others: [Vec<Extern>; 3],
    components: Vec<Closure>,
    instances: Vec<Arc<Exports>>,
    funcs: Vec<u32>,
    resources: HashMap<Var, ResourceTypeId, BuildHasherDefault<VarHasher>>,
    exports: Exports,
}

/// A function that waits to be lowered.
struct Waiting {
    /// The place of its definition, and of what it becomes.
    def: usize,
    core_func: usize,
    pending: Pending,
}

/// What an instantiation may still do, and what it has of those before it.
pub(crate) struct Making<'m, T: 'static> {
    instances: usize,
    deep: usize,
    /// How many modules of adapters may still be instantiated.
    adapters: usize,
    /// Functions of the host's, as core functions.
    hosts: Hosts<'m, T>,
}

impl<'m, T: 'static> Making<'m, T> {
    /// With what an instantiation of the same has left.
    pub(crate) fn new(adapters: bool, known: Option<&'m KnownHosts<T>>) -> Self {
        let (instances, deep) = (INSTANCES_MAX, INSTANCES_DEEP_MAX);
        let adapters = if adapters { ADAPTER_INSTANCES_MAX } else { 0 };
        Self { instances, deep, adapters, hosts: Hosts::new(known) }
    }

    /// How many component instances have been made.
    pub(crate) fn made(&self) -> usize {
        INSTANCES_MAX - self.instances
    }

    /// What is left for the next.
    pub(crate) fn into_hosts(self) -> Hosts<'m, T> {
        self.hosts
    }
}

/// Instantiates a component; its exports.
pub(crate) fn instantiate<T: 'static>(
    store: &mut StoreContextMut<'_, T>,
    closure: &Closure,
    parent: Option<u32>,
    args: &Exports,
    making: &mut Making<'_, T>,
) -> Result<Arc<Exports>> {
    let (Some(instances), Some(deep)) =
        (making.instances.checked_sub(1), making.deep.checked_sub(1))
    else {
        let what = "the component makes too many instances, or they nest too deep";
        return Err(Error::new_of(ErrorKind::Resource, what));
    };
    (making.instances, making.deep) = (instances, deep);
    let here = state(store);
    let instance = here.instances.len() as u32;
    // Its start functions run before it may be entered.
    here.instances.push(InstanceState::new(parent, RUNNING));
    let mut frame = Frame {
        closure: closure.clone(),
        instance,
        modules: Vec::new(),
        core_instances: Vec::new(),
        core_funcs: Vec::new(),
        waiting: Vec::new(),
        memories: Vec::new(),
        others: Default::default(),
        components: Vec::new(),
        instances: Vec::new(),
        funcs: Vec::new(),
        resources: HashMap::default(),
        exports: Exports::default(),
    };
    for (place, def) in closure.template.defs.iter().enumerate() {
        frame.define(store, (place, def), args, making)?;
    }
    making.deep += 1;
    let here = state(store);
    here.ready.push((here.core_instances, instance));
    set_flags(store, instance, IDLE)?;
    Ok(Arc::new(frame.exports))
}

impl Frame {
    fn define<T: 'static>(
        &mut self,
        store: &mut StoreContextMut<'_, T>,
        (place, def): (usize, &Def),
        args: &Exports,
        making: &mut Making<'_, T>,
    ) -> Result<()> {
        match def {
            Def::Import { name, sort, binds, hint } => {
                let item = args.find_near(name, hint).cloned();
                let item = item.ok_or_else(|| lacks("import", name))?;
                self.add(*sort, item, binds, name)?;
            }
            Def::Module(index) => {
                self.modules.push(self.closure.inner.modules[*index as usize].clone());
            }
            Def::SameModule(index) => self.modules.push(self.modules[*index as usize].clone()),
            Def::CapturedModule(place) => match &self.closure.captured[*place as usize] {
                CapturedItem::Module(module) => self.modules.push(module.clone()),
                CapturedItem::Component(_) => return Err(mixed_up()),
            },
            Def::Component(index) => self.component(*index)?,
            Def::SameComponent(index) => {
                self.components.push(self.components[*index as usize].clone());
            }
            Def::CapturedComponent(place) => match &self.closure.captured[*place as usize] {
                CapturedItem::Component(closure) => self.components.push(closure.clone()),
                CapturedItem::Module(_) => return Err(mixed_up()),
            },
            Def::CoreInstantiate { module, args, found } => {
                self.core_instantiate(store, *module, args, found)?;
            }
            Def::CoreBundle(_) => self.core_instances.push(CoreInstance::Bundle(place)),
            Def::CoreAlias { instance, name, sort, found } => {
                self.core_alias(store, (*instance, name, *sort), found)?;
            }
            Def::Instantiate { component, args, binds } => {
                let exports = self.instantiate(store, *component, args, making)?;
                self.add(Sort::Instance, Item::Instance(exports), binds, "instance")?;
            }
            Def::Bundle(items) => {
                let exports = self.bundle(items)?;
                self.instances.push(Arc::new(exports));
            }
            Def::Alias { instance, name, sort, binds, hint } => {
                let item = self.instances[*instance as usize].find_near(name, hint).cloned();
                let item = item.ok_or_else(|| lacks("export", name))?;
                self.add(*sort, item, binds, name)?;
            }
            Def::Resource { var, destructor } => self.resource(store, *var, *destructor)?,
            Def::Lift { func, ty, options } => self.lift(store, *func, *ty, options)?,
            Def::Lower { func, ty, options, .. } => {
                self.lower(store, (place, *func), *ty, (options, making))?;
            }
            Def::Builtin(builtin) => {
                let func = self.builtin(store, builtin, making)?;
                self.core_funcs.push(Some(func));
            }
            Def::Export { name, item, binds } => {
                let item = self.operand(item)?;
                self.exports.add(name.clone(), item.clone());
                self.add(sort_of(&item), item, binds, name)?;
            }
        }
        Ok(())
    }

    /// Instantiates a component within this instance.
    fn instantiate<T: 'static>(
        &self,
        store: &mut StoreContextMut<'_, T>,
        component: u32,
        args: &[(Arc<str>, Operand)],
        making: &mut Making<'_, T>,
    ) -> Result<Arc<Exports>> {
        let args = self.bundle(args)?;
        let closure = &self.components[component as usize];
        instantiate(store, closure, Some(self.instance), &args, making)
    }

    fn bundle(&self, items: &[(Arc<str>, Operand)]) -> Result<Exports> {
        let mut exports = Exports::with_capacity(items.len());
        for (name, operand) in items {
            exports.add(name.clone(), self.operand(operand)?);
        }
        Ok(exports)
    }

    fn builtin<T: 'static>(
        &self,
        store: &mut StoreContextMut<'_, T>,
        builtin: &Builtin,
        making: &mut Making<'_, T>,
    ) -> Result<dunlin::Func> {
        let Builtin::TaskReturn { result, options, core } = builtin else {
            let hosts = &mut making.hosts;
            return builtins::make(store, self.instance, (builtin, hosts), |var| self.bound(var));
        };
        let returns = Returns {
            instance: self.instance,
            types: self.closure.inner.types.clone(),
            result: *result,
            memory: options.memory.map(|memory| self.memories[memory as usize]),
            encoding: options.encoding,
        };
        returns.func(store, core)
    }

    /// Adds an item to its index space, and binds the resource types that come with it.
    fn add(&mut self, sort: Sort, item: Item, binds: &[Bind], name: &str) -> Result<()> {
        if sort_of(&item) != sort {
            let kind = item.kind();
            return Err(link(format_args!("`{name}` is {kind}, and something else is wanted")));
        }
        for bind in binds {
            let ty = resource_at(&item, &bind.path);
            let ty = ty.ok_or_else(|| link(format_args!("`{name}` lacks a resource type")))?;
            self.resources.insert(bind.var, ty);
        }
        match item {
            Item::Module(module) => self.modules.push(module),
            Item::Func(func) => self.funcs.push(func),
            Item::Type(_) => {}
            Item::Component(closure) => self.components.push(closure),
            Item::Instance(exports) => self.instances.push(exports),
        }
        Ok(())
    }

    fn operand(&self, operand: &Operand) -> Result<Item> {
        Ok(match operand {
            Operand::Module(index) => Item::Module(self.modules[*index as usize].clone()),
            Operand::Func(index) => Item::Func(self.funcs[*index as usize]),
            Operand::Type(var) => Item::Type(var.map(|var| self.bound(var)).transpose()?),
            Operand::Component(index) => Item::Component(self.components[*index as usize].clone()),
            Operand::Instance(index) => Item::Instance(self.instances[*index as usize].clone()),
        })
    }

    fn bound(&self, var: Var) -> Result<ResourceTypeId> {
        self.resources.get(&var).copied().ok_or_else(mixed_up)
    }

    /// A nested component, with what it uses of this one and those around.
    fn component(&mut self, index: u32) -> Result<()> {
        let inner = self.closure.inner.clone();
        let template = inner.templates[index as usize].clone();
        let captured = template.captures.iter().map(|(what, source)| match (what, source) {
            (Captured::Module, Source::Local(index)) => {
                CapturedItem::Module(self.modules[*index as usize].clone())
            }
            (Captured::Component, Source::Local(index)) => {
                CapturedItem::Component(self.components[*index as usize].clone())
            }
            (_, Source::Captured(place)) => self.closure.captured[*place as usize].clone(),
        });
        let captured = captured.collect();
        self.components.push(Closure { inner, template, captured });
        Ok(())
    }

    fn resource<T: 'static>(
        &mut self,
        store: &mut StoreContextMut<'_, T>,
        var: Var,
        destructor: Option<u32>,
    ) -> Result<()> {
        let destructor = match destructor {
            Some(func) => Destructor::Guest(self.numeric(store, func)?),
            None => Destructor::None,
        };
        let resources = &mut state(store).resources;
        let info = ResourceInfo { owner: self.instance, destructor, host: None };
        let ty = ResourceTypeId(resources.push(info) as u32);
        self.resources.insert(var, ty);
        Ok(())
    }

    fn numeric<T: 'static>(
        &mut self,
        store: &mut StoreContextMut<'_, T>,
        func: u32,
    ) -> Result<NumericFunc> {
        self.core_func(store, func)?.numeric(&*store)
    }

    /// A core function of numbers that must be of this type: one of a module that the host passed in may not be.
    fn typed<T: 'static>(
        &mut self,
        store: &mut StoreContextMut<'_, T>,
        func: u32,
        ty: impl FnOnce() -> dunlin::FuncType,
    ) -> Result<NumericFunc> {
        let found = self.core_func(store, func)?;
        if self.closure.inner.imports_modules {
            let (is, ty) = (found.ty(&*store)?, ty());
            if is != ty {
                return Err(link(format_args!("a core function is of type {is}, not {ty}")));
            }
        }
        found.numeric(&*store)
    }

    /// This instance as a side of calls of a function.
    fn side<T: 'static>(
        &mut self,
        store: &mut StoreContextMut<'_, T>,
        ty: FuncTypeId,
        options: &Options,
    ) -> Result<Side> {
        use dunlin::ValType::I32;
        let realloc = || dunlin::FuncType::new([I32; 4], [I32]);
        let realloc = options.realloc.map(|func| self.typed(store, func, realloc)).transpose()?;
        let vars = &self.closure.inner.types.func(ty).vars;
        let resources = vars.iter().map(|var| Ok((*var, self.bound(*var)?)));
        Ok(Side {
            instance: self.instance,
            memory: options.memory.map(|memory| self.memories[memory as usize]),
            realloc,
            encoding: options.encoding,
            resources: resources.collect::<Result<_>>()?,
        })
    }

    fn type_ref(&self, id: FuncTypeId) -> TypeRef {
        TypeRef { types: self.closure.inner.types.clone(), id }
    }

    fn lift<T: 'static>(
        &mut self,
        store: &mut StoreContextMut<'_, T>,
        func: u32,
        ty: FuncTypeId,
        options: &Options,
    ) -> Result<()> {
        let side = self.side(store, ty, options)?;
        let ty = self.type_ref(ty);
        let is_async = options.is_async;
        let func = match is_async {
            // Its results are not values: what they are is looked at when it is called.
            true => self.numeric(store, func)?,
            false => self.typed(store, func, || ty.get().lifted())?,
        };
        let post_return = options.post_return.map(|func| self.numeric(store, func)).transpose()?;
        let from_host = call::entering(state(store), HOST, self.instance);
        let has_callback = options.has_callback;
        let lifted = Lifted { side, func, post_return, ty, is_async, has_callback, from_host };
        let index = add_func(store, Arc::new(FuncItem::Lifted(lifted)));
        self.funcs.push(index);
        Ok(())
    }

    fn lower<T: 'static>(
        &mut self,
        store: &mut StoreContextMut<'_, T>,
        (def, func): (usize, u32),
        ty: FuncTypeId,
        (options, making): (&Options, &mut Making<'_, T>),
    ) -> Result<()> {
        let side = self.side(store, ty, options)?;
        let place = self.funcs[func as usize];
        let callee = &state(store).funcs[place as usize];
        if let FuncItem::Lifted(lifted) = &**callee
            && (making.adapters > 0 || !self.waiting.is_empty())
            && adapt::covers(&self.closure.inner.types, ty, options, lifted)
        {
            // The first of those that wait makes a module.
            making.adapters -= usize::from(self.waiting.is_empty());
            let pending = Pending { side, ty, callee: place };
            self.waiting.push(Waiting { def, core_func: self.core_funcs.len(), pending });
            self.core_funcs.push(None);
            return Ok(());
        }
        let (callee, ty) = (callee.clone(), self.type_ref(ty));
        let func = match &*callee {
            FuncItem::Host(host) => {
                making.hosts.lower(store, side, (ty, options.is_async), host)?
            }
            FuncItem::Lifted(_) => lowered::lower(store, side, ty, options.is_async, callee)?,
        };
        self.core_funcs.push(Some(func));
        Ok(())
    }

    /// Lowers the functions that wait for it.
    fn lower_waiting<T: 'static>(&mut self, store: &mut StoreContextMut<'_, T>) -> Result<()> {
        let waiting = std::mem::take(&mut self.waiting);
        let template = self.closure.template.clone();
        let variants = waiting.first().map(|first| &template.defs[first.def]);
        let Some(Def::Lower { adapters, .. }) = variants else { return Ok(()) };
        let (places, mut pending): (Vec<usize>, Vec<Pending>) =
            waiting.into_iter().map(|one| (one.core_func, one.pending)).unzip();
        let types = &self.closure.inner.types;
        let funcs = match adapt::link(store, types, adapters, &mut pending)? {
            Some(funcs) => funcs,
            None => {
                let lower = |Pending { side, ty, callee }| {
                    let callee = state(store).funcs[callee as usize].clone();
                    lowered::lower(store, side, self.type_ref(ty), false, callee)
                };
                pending.into_iter().map(lower).collect::<Result<_>>()?
            }
        };
        for (place, func) in places.into_iter().zip(funcs) {
            self.core_funcs[place] = Some(func);
        }
        Ok(())
    }
}

/// Adds a function to the store's; its place.
pub(crate) fn add_func<T: 'static>(
    store: &mut StoreContextMut<'_, T>,
    func: Arc<FuncItem<T>>,
) -> u32 {
    state(store).funcs.push(func) as u32
}

fn sort_of(item: &Item) -> Sort {
    match item {
        Item::Module(_) => Sort::Module,
        Item::Func(_) => Sort::Func,
        Item::Type(_) => Sort::Type,
        Item::Component(_) => Sort::Component,
        Item::Instance(_) => Sort::Instance,
    }
}

/// The resource type at the end of a path of exports.
fn resource_at(item: &Item, path: &[Arc<str>]) -> Option<ResourceTypeId> {
    match (item, path) {
        (Item::Type(ty), []) => *ty,
        (Item::Instance(exports), [first, rest @ ..]) => resource_at(exports.find(first)?, rest),
        _ => None,
    }
}

#[cold]
fn lacks(what: &str, name: &str) -> Error {
    link(format_args!("unknown {what} `{name}`"))
}

/// Validation has been passed, and yet something is not what it must be.
#[cold]
fn mixed_up() -> Error {
    Error::new_of(ErrorKind::Bug, "a valid component's index leads to something else")
}

/// A component that has been instantiated in a store.
///
/// See [`Linker::instantiate`](crate::Linker::instantiate).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instance {
    pub(crate) state: u64,
    pub(crate) index: u32,
}

impl Instance {
    pub(crate) fn exports_of<T: 'static>(
        &self,
        store: &mut StoreContextMut<'_, T>,
    ) -> Option<Arc<Exports>> {
        let state = state(store);
        let exports = state.exports.get(self.index as usize)?;
        state.is_known(self.state).then(|| exports.clone())
    }

    /// The function that it exports under this name; `None` if there is none, or it is an instance of another store.
    pub fn get_func(&self, mut store: impl AsContextMut, name: &str) -> Option<Func> {
        let mut store = store.as_context_mut();
        match self.exports_of(&mut store)?.find(name)? {
            Item::Func(index) => {
                Some(Func { state: state(&mut store).id_of_func(*index), index: *index })
            }
            _ => None,
        }
    }

    /// The instance that it exports under this name, which is usually an interface's.
    pub fn get_instance(&self, mut store: impl AsContextMut, name: &str) -> Option<Self> {
        let mut store = store.as_context_mut();
        match self.exports_of(&mut store)?.find(name)? {
            Item::Instance(exports) => Some(add_instance(&mut store, exports.clone())),
            _ => None,
        }
    }

    /// The module that it exports under this name.
    pub fn get_module(&self, mut store: impl AsContextMut, name: &str) -> Option<Module> {
        let mut store = store.as_context_mut();
        match self.exports_of(&mut store)?.find(name)? {
            Item::Module(module) => Some(module.clone()),
            _ => None,
        }
    }

    /// The names that it exports, in order.
    pub fn exports(&self, mut store: impl AsContextMut) -> Vec<String> {
        let exports = self.exports_of(&mut store.as_context_mut());
        exports.map_or_else(Vec::new, |exports| {
            exports.iter().map(|(name, _)| name.as_ref().into()).collect()
        })
    }

    /// The function that it exports under this name, with types of Rust.
    ///
    /// # Errors
    ///
    /// If there is none, or it is of another type, or the instance is one of another store.
    pub fn get_typed_func<P: Params, R: Results>(
        &self,
        mut store: impl AsContextMut,
        name: &str,
    ) -> Result<TypedFunc<P, R>> {
        let mut store = store.as_context_mut();
        let found = self.get_func(&mut store, name);
        let func = found
            .ok_or_else(|| usage(format_args!("the instance exports no function `{name}`")))?;
        func.typed(&mut store)
    }
}

/// Makes an instance one that the embedder may ask; once for each.
pub(crate) fn add_instance<T: 'static>(
    store: &mut StoreContextMut<'_, T>,
    exports: Arc<Exports>,
) -> Instance {
    let state = state(store);
    let found = state.exports.iter().position(|known| Arc::ptr_eq(known, &exports));
    let index = found.unwrap_or_else(|| state.exports.push(exports)) as u32;
    Instance { state: state.id_of_exports(index), index }
}
