//! Core functions that the canonical ABI defines: of resources, and of what the model's asynchronous half has.

use crate::call::check_leave;
use crate::handles::Handle;
use crate::hosts::Hosts;
use crate::limits::BACKPRESSURE_MAX;
use crate::resource::{self, ResourceTypeId};
use crate::state::state;
use crate::template::Builtin;
use crate::trap::{asynchronous, trap};
use crate::types::Var;
use dunlin::{AsContextMut, Func, FuncType, Result, StoreContextMut, ValType};

/// What is done with a handle, or made one.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Resource {
    New,
    Drop,
    Rep,
}

impl Resource {
    /// The core type.
    pub(crate) fn ty(self) -> FuncType {
        let results = match self {
            Self::Drop => 0,
            Self::New | Self::Rep => 1,
        };
        FuncType::new([ValType::I32], vec![ValType::I32; results])
    }

    /// Does it, in an instance, with a handle of this type.
    pub(crate) fn run<T: 'static>(
        self,
        store: &mut StoreContextMut<'_, T>,
        (instance, ty): (u32, ResourceTypeId),
        words: &mut [u64],
    ) -> Result<()> {
        let index = words[0] as u32;
        match self {
            Self::New => {
                check_leave(store, instance)?;
                words[0] = resource::lower_own(store, instance, index, ty)?.into();
            }
            Self::Drop => {
                check_leave(store, instance)?;
                resource::drop_handle(store, instance, index, ty)?;
            }
            Self::Rep => {
                let handles = &mut state(store).instances[instance as usize].handles;
                let Handle { rep, .. } = handles.get(index, ty)?;
                words[0] = (*rep).into();
            }
        }
        Ok(())
    }
}

/// Makes a function of an instance's; `bound` says what a resource type is there.
pub(crate) fn make<T: 'static>(
    store: &mut StoreContextMut<'_, T>,
    instance: u32,
    (builtin, hosts): (&Builtin, &mut Hosts<'_, T>),
    bound: impl Fn(Var) -> Result<ResourceTypeId>,
) -> Result<Func> {
    let of = |var: Var| bound(var).map(|ty| (instance, ty));
    match builtin {
        Builtin::ResourceNew(var) => return hosts.resource(store, Resource::New, of(*var)?),
        Builtin::ResourceDrop(var) => return hosts.resource(store, Resource::Drop, of(*var)?),
        Builtin::ResourceRep(var) => return hosts.resource(store, Resource::Rep, of(*var)?),
        _ => {}
    }
    let store = store.as_context_mut();
    match builtin {
        Builtin::ContextGet(ty, slot) => context_get(store, *ty, *slot as usize),
        Builtin::ContextSet(ty, slot) => context_set(store, *ty, *slot as usize),
        Builtin::Backpressure(by) => backpressure(store, instance, *by),
        // It knows its memory, and is made where that is known; those of resources are made above.
        Builtin::TaskReturn { .. }
        | Builtin::ResourceNew(_)
        | Builtin::ResourceDrop(_)
        | Builtin::ResourceRep(_) => Err(asynchronous("task.return")),
        Builtin::Async(what, core) => {
            let what = *what;
            Func::new_numeric(store, (**core).clone(), move |mut caller, _| {
                check_leave(&mut caller.as_context_mut(), instance)?;
                Err(asynchronous(what))
            })
        }
    }
}

fn context_get<T: 'static>(
    store: StoreContextMut<'_, T>,
    ty: ValType,
    slot: usize,
) -> Result<Func> {
    Func::new_numeric(store, FuncType::new([], [ty]), move |mut caller, words| {
        let store = &mut caller.as_context_mut();
        words[0] = state(store).context.get(slot).copied().unwrap_or(0);
        Ok(())
    })
}

fn context_set<T: 'static>(
    store: StoreContextMut<'_, T>,
    ty: ValType,
    slot: usize,
) -> Result<Func> {
    let mask = if ty == ValType::I32 { u32::MAX.into() } else { u64::MAX };
    Func::new_numeric(store, FuncType::new([ty], []), move |mut caller, words| {
        let store = &mut caller.as_context_mut();
        if let Some(place) = state(store).context.get_mut(slot) {
            *place = words[0] & mask;
        }
        Ok(())
    })
}

fn backpressure<T: 'static>(store: StoreContextMut<'_, T>, instance: u32, by: i32) -> Result<Func> {
    Func::new_numeric(store, FuncType::new([], []), move |mut caller, _| {
        let store = &mut caller.as_context_mut();
        let pressure = &mut state(store).instances[instance as usize].backpressure;
        *pressure += by;
        match *pressure {
            0..BACKPRESSURE_MAX => Ok(()),
            _ => Err(trap("backpressure counter out of its bounds")),
        }
    })
}
