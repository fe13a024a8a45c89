//! What an instantiation comes to, done again without looking anything up.
//!
//! In a store in which nothing has been made yet, instantiating a component always comes to the same: the same core instances
//! with the same imports, the same functions, resource types and instances, each in the same place. So the first one
//! that an [`InstancePre`](crate::InstancePre) makes in such a store is noted, and those that follow do no definition: the
//! engine makes the core instances again by its own plan ([`StorePlan`]), and what a store knows of components is
//! shared but for what a guest can change, which is tables of handles, flags and whatever calls leave.
//!
//! Start functions run at each instantiation, and may call the host, which may call other instances: these may be entered
//! once they are there, as at the first time.

use crate::adapt::{Adapted, HELPERS};
use crate::exports::Exports;
use crate::func::FuncItem;
use crate::instance::Instance;
use crate::resource::ResourceInfo;
use crate::series::Series;
use crate::state::{Flags, HOST, IDLE, InstanceState, Numbers, RUNNING, set_flags, state};
use dunlin::{Func, Result, StoreContextMut, StorePlan};
use std::sync::Arc;

/// What has been noted of an instantiation.
pub(crate) struct Plan<T: 'static> {
    numbers: Numbers,
    core: StorePlan<T>,
    /// The component instances but the host: in which they are, and where their flags are.
    instances: Box<[(Option<u32>, Flags)]>,
    resources: Arc<[ResourceInfo<T>]>,
    funcs: Arc<[Arc<FuncItem<T>>]>,
    exports: Arc<[Arc<Exports>]>,
    adapted: Arc<[Arc<Adapted<T>>]>,
    helpers: [Option<Func>; HELPERS.len()],
    /// Which instances may be entered once so many core instances are there; none if nothing runs before all are.
    ready: Box<[(usize, u32)]>,
    /// What is made, as the embedder asks it.
    made: Instance,
}

/// Whether nothing has been made in a store.
pub(crate) fn is_new<T: 'static>(store: &mut StoreContextMut<'_, T>) -> bool {
    store.is_empty() && state(store).is_new()
}

/// Begins to note what is made in a store in which nothing has been.
pub(crate) fn begin<T: 'static>(store: &mut StoreContextMut<'_, T>) -> Result<()> {
    store.begin_plan()?;
    state(store).planned = Numbers::noting();
    Ok(())
}

/// What has been made, if that can be done again: `made`, in so many component instances.
pub(crate) fn end<T: 'static>(
    store: &mut StoreContextMut<'_, T>,
    made: Option<(Instance, usize)>,
) -> Option<Plan<T>> {
    let core_instances = state(store).core_instances;
    let core = store.end_plan(core_instances);
    let state = state(store);
    let (resources, adapted) = (state.resources.share(), state.adapted.share());
    let (funcs, exports) = (state.funcs.share(), state.exports.share());
    state.planned.funcs = funcs.len() as u32;
    state.planned.exports = exports.len() as u32;
    let instances = state.instances.iter().skip(1).map(|made| (made.parent, made.flags));
    let ready = std::mem::take(&mut state.ready);
    let (core, (made, count)) = (core?, made?);
    // Others than these are some function's of the host's, which makes them again by itself.
    if state.instances.len() != count + 1 {
        return None;
    }
    Some(Plan {
        numbers: state.planned,
        ready: if core.has_starts() { ready.into() } else { Box::default() },
        core,
        instances: instances.collect(),
        resources,
        funcs,
        exports,
        adapted,
        helpers: state.helpers,
        made,
    })
}

impl<T: 'static> Plan<T> {
    /// Does it again, in a store in which nothing has been made.
    pub(crate) fn follow(&self, store: &mut StoreContextMut<'_, T>) -> Result<Instance> {
        let state = state(store);
        let instances = self.instances.iter().map(|(parent, flags)| {
            let flags = match flags {
                Flags::Here(_) => Flags::Here(IDLE),
                Flags::There(global) => Flags::There(*global),
            };
            InstanceState::with_flags(*parent, flags)
        });
        state.instances.extend(instances);
        state.planned = self.numbers;
        state.resources = Series::of(&self.resources);
        state.funcs = Series::of(&self.funcs);
        state.exports = Series::of(&self.exports);
        state.adapted = Series::of(&self.adapted);
        state.helpers = self.helpers;
        self.core_instances(store)?;
        Ok(self.made)
    }

    fn core_instances(&self, store: &mut StoreContextMut<'_, T>) -> Result<()> {
        if self.ready.is_empty() {
            return store.follow(&self.core, |_, _| Ok(()));
        }
        store.follow(&self.core, |store, made| {
            if made == 0 {
                let all = HOST + 1..=self.instances.len() as u32;
                all.into_iter().try_for_each(|instance| set_flags(store, instance, RUNNING))?;
            }
            let mut ready = self.ready.iter().filter(|ready| ready.0 == made);
            ready.try_for_each(|ready| set_flags(store, ready.1, IDLE))
        })
    }
}
