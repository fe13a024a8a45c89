//! What components keep in a store: instances and their handles, resource types, functions, and the calls that lend
//! handles.

use crate::func::FuncItem;
use crate::guest::GuestType;
use crate::handles::Handles;
use crate::instance::Exports;
use crate::resource::ResourceInfo;
use crate::tasks::Task;
use dunlin::{AsContextMut, StoreContextMut};
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
    /// Which types of Rust stand for resource types of guests, each list for functions that have those.
    pub(crate) guests: Vec<Box<[GuestType]>>,
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
}

impl<T: 'static> Default for State<T> {
    fn default() -> Self {
        Self {
            id: NEXT_STATE.fetch_add(1, Ordering::Relaxed),
            instances: vec![InstanceState::default()],
            resources: Vec::new(),
            funcs: Vec::new(),
            guests: Vec::new(),
            exports: Vec::new(),
            scopes: Vec::new(),
            scopes_made: 0,
            tasks: Vec::new(),
            context: [0; 2],
        }
    }
}

/// A component instance as it runs.
#[derive(Debug)]
pub(crate) struct InstanceState {
    pub(crate) parent: Option<u32>,
    /// Whether it may be called: not while it runs, and never again once it has trapped.
    pub(crate) may_enter: bool,
    /// Whether it may call: not while it allocates for a value, or cleans up after one.
    pub(crate) may_leave: bool,
    pub(crate) handles: Handles,
    /// How often it has asked for no new asynchronous calls, less how often it has taken that back.
    pub(crate) backpressure: i32,
}

impl Default for InstanceState {
    fn default() -> Self {
        Self {
            parent: None,
            may_enter: true,
            may_leave: true,
            handles: Handles::default(),
            backpressure: 0,
        }
    }
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
