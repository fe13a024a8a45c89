//! What components keep in a store: instances and their handles, resource types, functions, and the calls that lend
//! handles.

use crate::adapt::{Adapted, HELPERS};
use crate::exports::Exports;
use crate::func::FuncItem;
use crate::guest::GuestType;
use crate::handles::Handles;
use crate::resource::ResourceInfo;
use crate::series::Series;
use crate::tasks::Task;
use dunlin::{
    AsContextMut, Func, Global, GlobalType, Mutability, Result, StoreContextMut, Val, ValType,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

static NEXT_STATE: AtomicU64 = AtomicU64::new(1);

/// The instance that stands for the host.
pub(crate) const HOST: u32 = 0;

/// What a store has of components.
pub(crate) struct State<T: 'static> {
    /// What handles of the embedder's know their store by.
    pub(crate) id: u64,
    /// Component instances; the first is the host.
    pub(crate) instances: Vec<InstanceState>,
    pub(crate) resources: Series<ResourceInfo<T>>,
    pub(crate) funcs: Series<Arc<FuncItem<T>>>,
    /// Which types of Rust stand for resource types of guests, each list for functions that have those.
    pub(crate) guests: Vec<Box<[GuestType]>>,
    /// What those component instances export that the embedder may ask.
    pub(crate) exports: Series<Arc<Exports>>,
    /// Calls that lend handles and have not ended, the innermost last.
    pub(crate) scopes: Vec<Scope>,
    /// How many such calls there have been.
    pub(crate) scopes_made: u64,
    /// Tasks of functions that are lifted asynchronously and have not ended, the innermost last.
    pub(crate) tasks: Vec<Task<T>>,
    /// What `context.get` reads: that of the call that runs.
    pub(crate) context: [u64; 2],
    /// What adapters ask the host for, as far as any has.
    pub(crate) helpers: [Option<Func>; HELPERS.len()],
    /// Adapters that ask the host.
    pub(crate) adapted: Series<Arc<Adapted<T>>>,
    /// What it has by a plan.
    pub(crate) planned: Numbers,
    /// How many core instances have been made for components.
    pub(crate) core_instances: usize,
    /// Component instances that are there, with how many core instances there were by then.
    pub(crate) ready: Vec<(usize, u32)>,
}

impl<T: 'static> Default for State<T> {
    fn default() -> Self {
        Self {
            id: NEXT_STATE.fetch_add(1, Ordering::Relaxed),
            instances: vec![InstanceState::new(None, IDLE)],
            resources: Series::default(),
            funcs: Series::default(),
            guests: Vec::new(),
            exports: Series::default(),
            scopes: Vec::new(),
            scopes_made: 0,
            tasks: Vec::new(),
            context: [0; 2],
            helpers: [None; HELPERS.len()],
            adapted: Series::default(),
            planned: Numbers::default(),
            core_instances: 0,
            ready: Vec::new(),
        }
    }
}

/// What a store has of components by a plan: how handles of the embedder's to it know their store, in whichever it is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Numbers {
    /// The plan's number; 0 where there is none.
    pub(crate) id: u64,
    /// How many functions are the plan's: the first ones.
    pub(crate) funcs: u32,
    /// The same of instances that the embedder may ask.
    pub(crate) exports: u32,
}

impl Numbers {
    /// Of a plan that is being made, whose is whatever comes.
    pub(crate) fn noting() -> Self {
        let id = NEXT_STATE.fetch_add(1, Ordering::Relaxed);
        Self { id, funcs: u32::MAX, exports: u32::MAX }
    }
}

impl<T: 'static> State<T> {
    /// Whether nothing has been made.
    pub(crate) fn is_new(&self) -> bool {
        self.instances.len() == 1
            && self.planned.id == 0
            && self.core_instances == 0
            && self.resources.len() == 0
            && self.funcs.len() == 0
            && self.exports.len() == 0
            && self.adapted.len() == 0
            && self.guests.is_empty()
            && self.tasks.is_empty()
            && self.helpers.iter().all(Option::is_none)
    }

    /// What a handle to a function knows its store by.
    pub(crate) fn id_of_func(&self, index: u32) -> u64 {
        if index < self.planned.funcs { self.planned.id } else { self.id }
    }

    /// What a handle to an instance that the embedder may ask knows its store by.
    pub(crate) fn id_of_exports(&self, index: u32) -> u64 {
        if index < self.planned.exports { self.planned.id } else { self.id }
    }

    /// Whether the number is this store's, or that of its plan.
    #[inline]
    pub(crate) fn is_known(&self, id: u64) -> bool {
        id == self.id || (id == self.planned.id && id != 0)
    }
}

/// A component instance as it runs.
#[derive(Debug)]
pub(crate) struct InstanceState {
    pub(crate) parent: Option<u32>,
    pub(crate) flags: Flags,
    pub(crate) handles: Handles,
    /// How often it has asked for no new asynchronous calls, less how often it has taken that back.
    pub(crate) backpressure: i32,
}

impl InstanceState {
    pub(crate) fn new(parent: Option<u32>, bits: u32) -> Self {
        Self::with_flags(parent, Flags::Here(bits))
    }

    pub(crate) fn with_flags(parent: Option<u32>, flags: Flags) -> Self {
        Self { parent, flags, handles: Handles::default(), backpressure: 0 }
    }
}

/// Whether an instance may be called ([`MAY_ENTER`]), and whether it may call ([`MAY_LEAVE`]).
#[derive(Clone, Copy, Debug)]
pub(crate) enum Flags {
    Here(u32),
    /// In a global, which adapters read and write too.
    There(Global),
}

/// The instance may call: not while it allocates for a value, or cleans up after one.
pub(crate) const MAY_LEAVE: u32 = 1;

/// The instance may be called: not while it runs, and never again once it has trapped.
pub(crate) const MAY_ENTER: u32 = 2;

/// An instance that runs in its allocator, or cleans up.
pub(crate) const BOUND: u32 = 0;

/// An instance that runs.
pub(crate) const RUNNING: u32 = MAY_LEAVE;

/// An instance that does not run.
pub(crate) const IDLE: u32 = MAY_ENTER | MAY_LEAVE;

/// The flags of an instance.
#[inline]
pub(crate) fn flags<T: 'static>(store: &mut StoreContextMut<'_, T>, instance: u32) -> u32 {
    match state(store).instances[instance as usize].flags {
        Flags::Here(bits) => bits,
        // It is this store's, so that this does not fail; if it did, nothing would be allowed.
        Flags::There(global) => global.get_bits(store.as_context_mut()).unwrap_or(0) as u32,
    }
}

/// Says that an instance is now [`IDLE`], [`RUNNING`] or [`BOUND`]. What it was before follows from who asks, and need not be
/// looked at.
#[inline]
pub(crate) fn set_flags<T: 'static>(
    store: &mut StoreContextMut<'_, T>,
    instance: u32,
    bits: u32,
) -> Result<()> {
    let global = match &mut state(store).instances[instance as usize].flags {
        Flags::Here(here) => {
            *here = bits;
            return Ok(());
        }
        Flags::There(global) => *global,
    };
    global.set_bits(store.as_context_mut(), bits.into())
}

/// The same, and gives it a context; the one before.
#[inline]
pub(crate) fn set_flags_and_context<T: 'static>(
    store: &mut StoreContextMut<'_, T>,
    instance: u32,
    (bits, context): (u32, [u64; 2]),
) -> Result<[u64; 2]> {
    let here = state(store);
    let before = std::mem::replace(&mut here.context, context);
    match &mut here.instances[instance as usize].flags {
        Flags::Here(here) => *here = bits,
        Flags::There(global) => {
            let global = *global;
            global.set_bits(store.as_context_mut(), bits.into())?;
        }
    }
    Ok(before)
}

/// The global with an instance's flags, where they are from now on.
pub(crate) fn flags_global<T: 'static>(
    store: &mut StoreContextMut<'_, T>,
    instance: u32,
) -> Result<Global> {
    let bits = match state(store).instances[instance as usize].flags {
        Flags::Here(bits) => bits,
        Flags::There(global) => return Ok(global),
    };
    let ty = GlobalType::new(ValType::I32, Mutability::Var);
    let global = Global::new(store.as_context_mut(), ty, Val::I32(bits.cast_signed()))?;
    state(store).instances[instance as usize].flags = Flags::There(global);
    Ok(global)
}

/// A call that lends handles.
#[derive(Debug, Default)]
pub(crate) struct Scope {
    /// What tells it from all others.
    pub(crate) number: u64,
    /// The handles that it lends, by instance and index.
    pub(crate) lent: Vec<(u32, u32)>,
    /// How many handles that were made for the callee it has not dropped.
    pub(crate) borrowed: u32,
}

/// What the store has of components.
#[inline]
pub(crate) fn state<'s, T: 'static>(store: &'s mut StoreContextMut<'_, T>) -> &'s mut State<T> {
    store.as_context_mut().extension_mut()
}
