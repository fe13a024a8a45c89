//! What components keep in a store: instances and their handles, resource types, functions, and the calls that lend
//! handles.

use crate::adapt::{Adapted, HELPERS};
use crate::exports::Exports;
use crate::func::FuncItem;
use crate::handles::Handles;
use crate::resource::ResourceInfo;
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
    pub(crate) resources: Vec<ResourceInfo<T>>,
    pub(crate) funcs: Vec<Arc<FuncItem<T>>>,
    /// What those component instances export that the embedder may ask.
    pub(crate) exports: Vec<Arc<Exports>>,
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
    pub(crate) adapted: Vec<Arc<Adapted<T>>>,
}

impl<T: 'static> Default for State<T> {
    fn default() -> Self {
        Self {
            id: NEXT_STATE.fetch_add(1, Ordering::Relaxed),
            instances: vec![InstanceState::new(None, IDLE)],
            resources: Vec::new(),
            funcs: Vec::new(),
            exports: Vec::new(),
            scopes: Vec::new(),
            scopes_made: 0,
            tasks: Vec::new(),
            context: [0; 2],
            helpers: [None; HELPERS.len()],
            adapted: Vec::new(),
        }
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
        let flags = Flags::Here(bits);
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
