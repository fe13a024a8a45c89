//! A component as it was decoded: what is to be done to instantiate it, in the order of its definitions.
//!
//! Every definition adds to one index space; operands are indices into them. Types need nothing done at run time but for
//! resource types: each of these is a [`Var`], which instantiation binds.

use crate::adapt::Variants;
use crate::exports::Hint;
use crate::types::{FuncTypeId, TypeId, Var};
use dunlin::ModuleExport;
use std::sync::{Arc, OnceLock};

/// A component's definitions.
#[derive(Debug, Default)]
pub(crate) struct Template {
    pub(crate) defs: Vec<Def>,
    /// What it uses of the components around it, by places in the one directly around it.
    pub(crate) captures: Vec<(Captured, Source)>,
}

impl Template {
    /// Whether its calls have contexts that it looks at.
    pub(crate) fn has_contexts(&self) -> bool {
        let is = |def: &Def| {
            matches!(def, Def::Builtin(Builtin::ContextGet(..) | Builtin::ContextSet(..)))
        };
        self.defs.iter().any(is)
    }

    /// How many modules of adapters there are for it.
    pub(crate) fn adapter_modules(&self) -> usize {
        let modules = self.defs.iter().map(|def| match def {
            Def::Lower { adapters, .. } => adapters.modules(),
            _ => 0,
        });
        modules.sum()
    }

    /// Whether its core modules are the same in all of its instances.
    pub(crate) fn has_own_modules(&self) -> bool {
        let is_foreign = |def: &Def| match def {
            Def::Import { sort, .. } | Def::Alias { sort, .. } => {
                matches!(sort, Sort::Module | Sort::Component)
            }
            _ => false,
        };
        !self.defs.iter().any(is_foreign)
    }
}

/// What a component may use of those around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Captured {
    Module,
    Component,
}

/// Where the component around has what is captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// Its own index.
    Local(u32),
    /// A capture of its own.
    Captured(u32),
}

/// What can be imported and exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sort {
    Module,
    Func,
    Type,
    Component,
    Instance,
}

/// What core instances export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CoreSort {
    Func,
    Table,
    Memory,
    Global,
    Tag,
}

/// Where an item of a core instance is.
#[derive(Clone, Debug)]
pub(crate) enum CoreItem {
    /// In an index space of the component's.
    Space(CoreSort, u32),
    /// Among what a core instance exports.
    Export(u32, ModuleExport),
}

/// An item of an index space; a type by the resource type that it is, if it is one.
#[derive(Clone, Debug)]
pub(crate) enum Operand {
    Module(u32),
    Func(u32),
    Type(Option<Var>),
    Component(u32),
    Instance(u32),
}

/// A resource type that comes with a new item: where it is in it, as names of exports.
#[derive(Clone, Debug)]
pub(crate) struct Bind {
    pub(crate) path: Box<[Arc<str>]>,
    pub(crate) var: Var,
}

/// One definition.
#[derive(Debug)]
pub(crate) enum Def {
    Import {
        name: Arc<str>,
        sort: Sort,
        binds: Box<[Bind]>,
        hint: Hint,
    },
    /// A module of the component's, by its place in the list of all.
    Module(u32),
    CapturedModule(u32),
    /// One of its modules again.
    SameModule(u32),
    CoreInstantiate {
        module: u32,
        args: Box<[(Arc<str>, u32)]>,
        /// Where its imports have been found, in their order, if that is the same for all instances.
        found: OnceLock<Box<[CoreItem]>>,
    },
    CoreBundle(Box<[(Arc<str>, CoreSort, u32)]>),
    CoreAlias {
        instance: u32,
        name: Arc<str>,
        sort: CoreSort,
        /// Where it has been found, if that is the same for all instances.
        found: OnceLock<CoreItem>,
    },
    /// A nested component, by its place in the list of all.
    Component(u32),
    CapturedComponent(u32),
    /// One of its components again.
    SameComponent(u32),
    Instantiate {
        component: u32,
        args: Box<[(Arc<str>, Operand)]>,
        binds: Box<[Bind]>,
    },
    Bundle(Box<[(Arc<str>, Operand)]>),
    Alias {
        instance: u32,
        name: Arc<str>,
        sort: Sort,
        binds: Box<[Bind]>,
        hint: Hint,
    },
    /// A new resource type, with the core function that destroys its resources.
    Resource {
        var: Var,
        destructor: Option<u32>,
    },
    Lift {
        func: u32,
        ty: FuncTypeId,
        options: Options,
    },
    Lower {
        func: u32,
        ty: FuncTypeId,
        options: Options,
        /// Modules of adapters for this one and those that follow it.
        adapters: Variants,
    },
    Builtin(Builtin),
    Export {
        name: Arc<str>,
        item: Operand,
        binds: Box<[Bind]>,
    },
}

/// The options of a function that is lifted or lowered.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Options {
    pub(crate) encoding: Encoding,
    pub(crate) memory: Option<u32>,
    pub(crate) realloc: Option<u32>,
    pub(crate) post_return: Option<u32>,
    pub(crate) is_async: bool,
    /// Whether a function that is lifted asynchronously says by its result what is to be done next.
    pub(crate) has_callback: bool,
}

/// How a component's strings are encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Encoding {
    #[default]
    Utf8,
    Utf16,
    /// Latin-1 where that suffices, else UTF-16; the length's highest bit says which.
    Compact,
}

/// A core function that the canonical ABI defines.
#[derive(Clone, Debug)]
pub(crate) enum Builtin {
    ResourceNew(Var),
    ResourceDrop(Var),
    ResourceRep(Var),
    ContextGet(dunlin::ValType, u32),
    ContextSet(dunlin::ValType, u32),
    /// Adds to how much of new work an instance wants no more, or takes from it.
    Backpressure(i32),
    /// A task's result, which the current task returns.
    TaskReturn {
        result: Option<TypeId>,
        options: Options,
        core: Arc<dunlin::FuncType>,
    },
    /// One of the model's asynchronous half, which is refused where it is called.
    Async(&'static str, Arc<dunlin::FuncType>),
}

/// The type of an item, as far as linking looks at it.
#[derive(Clone, Debug)]
pub(crate) enum ItemType {
    Module,
    Func,
    /// A type; the resource type that it is, if it is one.
    Type(Option<Var>),
    Component,
    Instance(Arc<[(Arc<str>, ItemType)]>),
    /// A value, which no engine has yet.
    Value,
}
