//! Plans of stores: what was done in one, to be done again in others without looking anything up.
//!
//! A handle that a store gives out knows it by a number. What a store has by a plan is named by the plan's number
//! instead: such a handle is good in every store in which the plan is carried out, since the same thing is at the same
//! place in each, of the same type. So whatever holds handles, such as data that host functions were added with, need not be
//! made anew.
//!
//! A handle of a plan is refused where the plan is not carried out, and where it is only being carried out and the thing is not
//! there yet.

use crate::context::StoreContextMut;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::instance::instantiate_error;
use crate::store::NEXT_STORE;
use alloc::sync::Arc;
use core::fmt;
use core::marker::PhantomData;
use dunlin_vm::{Counts, Plan};

/// What a store has by a plan.
#[derive(Debug, Default)]
pub(crate) struct Planned {
    /// The plan's number; 0, which is no store's, where there is none.
    pub(crate) id: u64,
    /// How many things of each kind are the plan's: those in the first places.
    pub(crate) counts: Counts,
}

/// What was done in a store of `T` that was empty, to be done again in others: which functions of the host's were added, which
/// globals made, and which modules instantiated with which of these.
///
/// Handles to what was made meanwhile are good in all these stores.
///
/// # Examples
///
/// ```
/// use dunlin::{AsContextMut, Engine, FuncType, Instance, Module, NumericHost, Store, ValType};
///
/// let engine = Engine::default();
/// let ty = FuncType::new([ValType::I32], [ValType::I32]);
/// let add = NumericHost::new(&engine, &ty, |_, by: &u32, words| {
///     words[0] = u64::from(words[0] as u32 + by);
///     Ok(())
/// })?;
/// let module = Module::new(&engine, r#"
///     (module (import "" "add" (func $add (param i32) (result i32)))
///         (global $at (mut i32) (i32.const 5))
///         (func (export "next") (result i32)
///             (global.set $at (call $add (global.get $at)))
///             (global.get $at)))
/// "#)?;
///
/// let mut store = Store::new(&engine, ());
/// store.as_context_mut().begin_plan()?;
/// let add = add.add_to(&mut store, 7)?;
/// let instance = Instance::new(&mut store, &module, &[add.into()])?;
/// let next = instance.get_typed_func::<(), i32>(&mut store, "next")?;
/// let plan = store.as_context_mut().end_plan(1).expect("what can be done again");
/// assert_eq!(next.call(&mut store, ())?, 12);
/// assert_eq!(next.call(&mut store, ())?, 19);
///
/// let mut other = Store::new(&engine, ());
/// assert!(next.call(&mut other, ()).is_err(), "not yet");
/// other.as_context_mut().follow(&plan, |_, _| Ok(()))?;
/// assert_eq!(next.call(&mut other, ())?, 12);
/// # Ok::<(), dunlin::Error>(())
/// ```
pub struct StorePlan<T: 'static> {
    id: u64,
    engine: Engine,
    plan: Arc<Plan>,
    _data: PhantomData<fn(T)>,
}

impl<T: 'static> Clone for StorePlan<T> {
    fn clone(&self) -> Self {
        let (engine, plan) = (self.engine.clone(), self.plan.clone());
        Self { id: self.id, engine, plan, _data: PhantomData }
    }
}

impl<T: 'static> fmt::Debug for StorePlan<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StorePlan").field("counts", &self.plan.counts()).finish_non_exhaustive()
    }
}

impl<T: 'static> StorePlan<T> {
    /// How many instances are made.
    #[must_use]
    pub fn instances(&self) -> usize {
        self.plan.counts().instances as usize
    }

    /// Whether an instance has a start function: else no guest runs while the plan is carried out.
    #[must_use]
    pub fn has_starts(&self) -> bool {
        (0..self.plan.counts().instances).any(|instance| self.plan.start(instance).is_some())
    }
}

impl<T: 'static> StoreContextMut<'_, T> {
    /// Whether nothing has been made in the store yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.planned.id == 0 && self.0.vm.is_empty()
    }

    /// Says that what is made in this store from now on may be done again in others; see [`StorePlan`].
    ///
    /// # Errors
    ///
    /// If the store is not empty.
    pub fn begin_plan(&mut self) -> Result<()> {
        if !self.is_empty() {
            return Err(Error::usage("a plan begins with a store that is empty"));
        }
        self.0.planned = Planned { id: NEXT_STORE.increment(), counts: Counts::ALL };
        Ok(())
    }

    /// What has been made since [`begin_plan`](Self::begin_plan), among it as many instances as are said here.
    ///
    /// It is `None` if it cannot be done again: if something has been freed meanwhile, or there are things that neither the
    /// host's nor one of the instances'; if there are more instances than said, which some function of the host's has
    /// made, or fewer; or if nothing was begun.
    pub fn end_plan(&mut self, instances: usize) -> Option<StorePlan<T>> {
        let inner = &mut *self.0;
        if inner.planned.counts != Counts::ALL {
            return None;
        }
        let counts = inner.vm.numbers();
        inner.planned.counts = counts;
        let plan = inner.vm.plan().filter(|_| counts.instances as usize == instances)?;
        let (id, engine) = (inner.planned.id, inner.engine.clone());
        Some(StorePlan { id, engine, plan: Arc::new(plan), _data: PhantomData })
    }

    /// Carries a plan out in this store. `between` is called before each instance is made, with its number, and with that of
    /// all of them at the end.
    ///
    /// # Errors
    ///
    /// If the store is not empty, or one of another engine; if limits refuse, a start function fails, or `between` does; if
    /// anything is removed from the store meanwhile. What had been made by then stays; what had not is never made.
    pub fn follow(
        &mut self,
        plan: &StorePlan<T>,
        mut between: impl FnMut(&mut StoreContextMut<'_, T>, usize) -> Result<()>,
    ) -> Result<()> {
        if !Engine::same(&plan.engine, &self.0.engine) {
            return Err(Error::other_engine("the plan"));
        }
        if !self.is_empty() {
            return Err(Error::usage("a plan is carried out in a store that is empty"));
        }
        let (id, counts) = (plan.id, plan.plan.counts());
        let [instances, memories, tables] =
            [counts.instances, counts.memories, counts.tables].map(|count| count as usize);
        self.0.check_counts(instances, memories, tables)?;
        self.0.planned = Planned { id, counts };
        self.0.vm.begin_plan(&plan.plan);
        for instance in 0..counts.instances {
            between(self, instance as usize)?;
            self.check_places()?;
            let inner = &mut *self.0;
            inner.enter().instantiate_planned(instance).map_err(instantiate_error)?;
            if let Some(start) = plan.plan.start(instance) {
                inner.call(start, &mut []).inspect_err(|_| inner.vm.abandon(instance))?;
            }
        }
        between(self, instances)?;
        self.check_places()?;
        self.0.vm.end_plan();
        Ok(())
    }

    /// `between` and functions of the host's may have removed what the next instance imports.
    fn check_places(&self) -> Result<()> {
        if self.0.vm.keeps_places() {
            return Ok(());
        }
        Err(Error::usage("something was removed from the store while a plan was carried out"))
    }
}
