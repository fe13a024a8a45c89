//! Calls that enter a component instance, from the host or from another instance.
//!
//! 1. An instance that runs is not entered again, unless it waits for a child of its own that calls it: what is entered
//!    is the callee and those around it, less the caller and those around that ([`entering`]).
//! 2. An instance that has trapped is never left, so that it is not entered any more.
//! 3. Each call has its own `context`.

use crate::abi::lift::Cx;
use crate::abi::side::Peer;
use crate::func::Lifted;
use crate::limits::FLAT_PARAMS_MAX;
use crate::resource::{begin_scope, check_scope, end_scope};
use crate::state::{
    BOUND, Flags, IDLE, MAY_ENTER, MAY_LEAVE, RUNNING, State, flags, set_flags,
    set_flags_and_context, state,
};
use crate::trap::{asynchronous, contained, trap};
use dunlin::{AsContextMut, ErrorKind, Result, StoreContextMut};

/// Words of a call's arguments and results: the flat parameters, and where the result goes.
pub(crate) const WORDS: usize = FLAT_PARAMS_MAX + 1;

/// The instances that a call from `caller` to `callee` enters.
pub(crate) fn entering<T: 'static>(state: &State<T>, caller: u32, callee: u32) -> Box<[u32]> {
    let around =
        |of: u32| std::iter::successors(Some(of), |of| state.instances[*of as usize].parent);
    around(callee).filter(|entered| around(caller).all(|inside| inside != *entered)).collect()
}

/// Enters instances; the caller's context, which is to be given back.
pub(crate) fn enter<T: 'static>(
    store: &mut StoreContextMut<'_, T>,
    set: &[u32],
) -> Result<[u64; 2]> {
    let here = state(store);
    // As a rule there is one, with whose flags one look is enough.
    let [only] = set else { return enter_all(store, set) };
    match &mut here.instances[*only as usize].flags {
        Flags::Here(bits) if *bits & MAY_ENTER == 0 => Err(cannot_enter()),
        Flags::Here(bits) => {
            *bits = RUNNING;
            Ok(std::mem::take(&mut here.context))
        }
        Flags::There(global) => {
            let (global, context) = (*global, here.context);
            let before = global.swap_bits(store.as_context_mut(), RUNNING.into())?;
            if before as u32 & MAY_ENTER == 0 {
                global.set_bits(store.as_context_mut(), before)?;
                return Err(cannot_enter());
            }
            state(store).context = [0; 2];
            Ok(context)
        }
    }
}

fn enter_all<T: 'static>(store: &mut StoreContextMut<'_, T>, set: &[u32]) -> Result<[u64; 2]> {
    if !set.iter().all(|instance| flags(store, *instance) & MAY_ENTER != 0) {
        return Err(cannot_enter());
    }
    set.iter().try_for_each(|instance| set_flags(store, *instance, RUNNING))?;
    Ok(std::mem::take(&mut state(store).context))
}

#[cold]
fn cannot_enter() -> dunlin::Error {
    trap("cannot enter component instance")
}

/// Leaves instances.
pub(crate) fn leave<T: 'static>(
    store: &mut StoreContextMut<'_, T>,
    set: &[u32],
    context: [u64; 2],
) -> Result<()> {
    if let [only] = set {
        return set_flags_and_context(store, *only, (IDLE, context)).map(drop);
    }
    for instance in set {
        set_flags(store, *instance, IDLE)?;
    }
    state(store).context = context;
    Ok(())
}

/// Ends a call that has entered instances: they are left if it has returned, and never if it has failed. Whoever called
/// goes on, if the host lets it, and finds its context.
pub(crate) fn end<T: 'static, R>(
    store: &mut StoreContextMut<'_, T>,
    set: &[u32],
    context: [u64; 2],
    result: Result<R>,
) -> Result<R> {
    match result {
        Ok(result) => leave(store, set, context).map(|()| result),
        Err(error) => {
            state(store).context = context;
            Err(error)
        }
    }
}

/// Checks that an instance may call.
pub(crate) fn check_leave<T: 'static>(
    store: &mut StoreContextMut<'_, T>,
    instance: u32,
) -> Result<()> {
    match flags(store, instance) & MAY_LEAVE {
        0 => Err(trap("cannot leave component instance")),
        _ => Ok(()),
    }
}

/// Runs something in an instance that another, or the host, calls.
pub(crate) fn within<T: 'static>(
    store: &mut StoreContextMut<'_, T>,
    caller: u32,
    callee: u32,
    run: impl FnOnce(&mut StoreContextMut<'_, T>) -> Result<()>,
) -> Result<()> {
    let set = entering(state(store), caller, callee);
    let context = enter(store, &set)?;
    let result = run(store);
    end(store, &set, context, result)
}

impl Lifted {
    /// Calls it from the host: `lower` writes the arguments, `lift` reads the result.
    pub(crate) fn call_from_host<T: 'static, R>(
        &self,
        store: &mut StoreContextMut<'_, T>,
        lower: impl FnOnce(&mut Cx<'_, '_, T>, &mut [u64; WORDS]) -> Result<()>,
        lift: impl FnOnce(&mut Cx<'_, '_, T>, &[u64; WORDS]) -> Result<R>,
    ) -> Result<R> {
        if self.is_async {
            return Err(asynchronous("an asynchronous function"));
        }
        let context = enter(store, &self.from_host)?;
        let open = state(store).scopes.len() as u32;
        let scope = self.ty.get().lends.then(|| begin_scope(store));
        let result = self.call_entered(store, scope, context, lower, lift);
        // Calls by adapters that have failed within it have not ended theirs.
        if scope.is_some() || result.is_err() {
            end_scope(store, open);
        }
        end(store, &self.from_host, context, result)
    }

    fn call_entered<T: 'static, R>(
        &self,
        store: &mut StoreContextMut<'_, T>,
        scope: Option<u32>,
        context: [u64; 2],
        lower: impl FnOnce(&mut Cx<'_, '_, T>, &mut [u64; WORDS]) -> Result<()>,
        lift: impl FnOnce(&mut Cx<'_, '_, T>, &[u64; WORDS]) -> Result<R>,
    ) -> Result<R> {
        let mut words = [0; WORDS];
        let lowered = lower(&mut Cx::new(store, &self.side, &self.ty.types, scope), &mut words);
        if let Err(error) = lowered {
            // The guest is not to blame for arguments that are not of its types.
            if error.kind() == ErrorKind::Usage {
                leave(store, &self.from_host, context)?;
            }
            return Err(error);
        }
        self.func.call(store.as_context_mut(), &mut words).map_err(contained)?;
        let result = lift(&mut Cx::new(store, &self.side, &self.ty.types, scope), &words)?;
        self.finish(store, scope, &words)?;
        Ok(result)
    }

    /// What follows once the result has been lifted.
    pub(crate) fn finish<T: 'static>(
        &self,
        store: &mut StoreContextMut<'_, T>,
        scope: Option<u32>,
        results: &[u64; WORDS],
    ) -> Result<()> {
        if let Some(scope) = scope {
            check_scope(store, scope)?;
        }
        let Some(post_return) = self.post_return else { return Ok(()) };
        set_flags(store, self.side.instance, BOUND)?;
        post_return.call(store.as_context_mut(), &mut [results[0]]).map_err(contained)?;
        set_flags(store, self.side.instance, RUNNING)
    }
}

/// The area of a function's parameters in memory, checked; for the host.
pub(crate) fn params_area<T: 'static>(
    cx: &Cx<'_, '_, T>,
    pointer: u32,
    ty: &crate::types::FuncType,
) -> Result<()> {
    let range = (pointer, u64::from(ty.params_size));
    cx.side.range(cx.store, range, ty.params_align, Peer::Host).map(drop)
}
