//! `wasi:sockets/ip-name-lookup`: the addresses that names stand for.
//!
//! A name is looked up by the host's own means, which take as long as they take. For a guest that can be suspended they are
//! asked elsewhere, while it goes on: until they have answered, its stream of addresses has none yet, and can be waited for.
//! For any other guest they have answered before it has its stream.

use std::net::{IpAddr, ToSocketAddrs as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use dunlin_component::{Borrow, Resource};

use super::link::Interfaces;
use super::network::{Address, ErrorCode, NetworkHandle, Outcome};
use super::poll::{AsyncReady, Pollable};
use super::state::ComponentCtx;
use crate::limits::LOOKUPS_MAX;
use crate::reactor::Waiting;

/// Bytes of a name: the bound of DNS.
const NAME_BYTES_MAX: usize = 253;

/// Addresses that a name stands for, and have not been given yet.
struct ResolveAddressStream {
    lookup: Arc<Lookup>,
    given: usize,
}

/// A name that is looked up, or has been.
struct Lookup {
    answer: Arc<Mutex<Option<Answer>>>,
    /// Is ready when there is an answer, or will never be one.
    answered: Mutex<Option<Waiting>>,
}

/// The addresses, each once.
type Answer = Outcome<Vec<IpAddr>>;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn define<T, G>(all: &mut Interfaces<'_, T, G>) -> dunlin::Result<()>
where
    T: 'static,
    G: Fn(&mut T) -> &mut ComponentCtx + Clone + Send + Sync + 'static,
{
    type This = Borrow<ResolveAddressStream>;
    all.named("wasi:sockets/ip-name-lookup")?
        .resource::<ResolveAddressStream>("resolve-address-stream")?
        .func(
            "[method]resolve-address-stream.resolve-next-address",
            |state, (stream,): (This,)| Ok(state.table.get_mut(&stream)?.next()),
        )?
        .func("[method]resolve-address-stream.subscribe", |state, (stream,): (This,)| {
            let lookup = state.table.get(&stream)?.lookup.clone();
            state.give(Pollable::Async(lookup))
        })?
        .func("resolve-addresses", |state, (_, name): (Borrow<NetworkHandle>, String)| {
            Ok(resolve(state, &name))
        })?;
    Ok(())
}

impl ResolveAddressStream {
    /// The next address, if there is one more.
    fn next(&mut self) -> Outcome<Option<Address>> {
        if self.lookup.poll_ready(&mut Context::from_waker(Waker::noop())).is_pending() {
            return Err(ErrorCode::WouldBlock);
        }
        let next = match &*lock(&self.lookup.answer) {
            Some(Ok(addresses)) => addresses.get(self.given).copied(),
            Some(Err(code)) => return Err(*code),
            // The embedder has given it up.
            None => return Err(ErrorCode::TemporaryResolverFailure),
        };
        self.given += usize::from(next.is_some());
        Ok(next.map(Address::from))
    }
}

impl AsyncReady for Lookup {
    fn poll_ready(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut answered = lock(&self.answered);
        let poll = answered.as_mut().map_or(Poll::Ready(()), |wait| wait.as_mut().poll(context));
        if poll.is_ready() {
            *answered = None;
        }
        poll
    }
}

fn resolve(state: &mut ComponentCtx, name: &str) -> Outcome<Resource<ResolveAddressStream>> {
    let allowed = state.ctx.network.as_ref().is_some_and(crate::Network::allows_names);
    if !allowed {
        return Err(ErrorCode::AccessDenied);
    }
    if name.is_empty() || name.len() > NAME_BYTES_MAX || name.contains('\0') {
        return Err(ErrorCode::InvalidArgument);
    }
    let lookup = match name.parse() {
        Ok(address) => Lookup::answered(Ok(vec![address])),
        Err(_) => begin(state, name)?,
    };
    let stream = ResolveAddressStream { lookup: Arc::new(lookup), given: 0 };
    state.push(stream).map_err(|_| ErrorCode::OutOfMemory)
}

impl Lookup {
    fn answered(answer: Answer) -> Lookup {
        let answer = Arc::new(Mutex::new(Some(answer)));
        Lookup { answer, answered: Mutex::new(None) }
    }
}

/// Begins to look a name up; elsewhere, if the guest can be suspended.
fn begin(state: &ComponentCtx, name: &str) -> Outcome<Lookup> {
    let waits = state.ctx.waits();
    if !waits.suspends() {
        return Ok(Lookup::answered(addresses(name)));
    }
    if Arc::strong_count(&state.lookups) > LOOKUPS_MAX {
        return Err(ErrorCode::TemporaryResolverFailure);
    }
    // Whoever forgets its stream has not ended the lookup.
    let (counted, name) = (state.lookups.clone(), name.to_owned());
    let answer = Arc::new(Mutex::new(None));
    let place = answer.clone();
    let answered = waits.begin(move || {
        *lock(&place) = Some(addresses(&name));
        drop(counted);
    });
    let lookup = Lookup { answer, answered: Mutex::new(answered) };
    // It may wait to be asked for before it begins.
    let _ = lookup.poll_ready(&mut Context::from_waker(Waker::noop()));
    Ok(lookup)
}

/// Asks the host.
fn addresses(name: &str) -> Answer {
    let found = (name, 0).to_socket_addrs().map_err(|_| ErrorCode::NameUnresolvable)?;
    // One name can come by several ways.
    let mut known = std::collections::HashSet::new();
    Ok(found.map(|address| address.ip()).filter(|address| known.insert(*address)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reactor::{Job, Reactor};
    use crate::{Network, WasiCtx};
    use std::time::Duration;

    /// Keeps jobs until somebody does them.
    #[derive(Default)]
    struct Kept(Mutex<Vec<Job>>);

    impl Reactor for Kept {
        fn sleep(&self, _: Duration) -> Waiting {
            Box::pin(std::future::pending())
        }

        fn blocking(&self, job: Job) -> Waiting {
            let is_done = Arc::new(Mutex::new(false));
            let done = is_done.clone();
            lock(&self.0).push(Box::new(move || {
                job();
                *lock(&done) = true;
            }));
            Box::pin(std::future::poll_fn(move |_| match *lock(&is_done) {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }))
        }
    }

    fn state() -> (ComponentCtx, Arc<Kept>) {
        let mut builder = WasiCtx::builder();
        builder.network(Network::any().names(true));
        let mut state = ComponentCtx::new(builder.build().expect("a context"));
        let kept = Arc::new(Kept::default());
        state.set_reactor(kept.clone());
        (state, kept)
    }

    /// Does the same on a stack of its own, where there is one.
    fn on_own_stack(test: impl FnOnce() + 'static) {
        let stacks = dunlin::stacks::Stacks::new(256 << 10, 1);
        dunlin::stacks::wait(stacks.run(|| dunlin::stacks::is_own().then(test).is_some()))
            .expect("no interrupt");
    }

    fn next(state: &mut ComponentCtx, stream: &Resource<ResolveAddressStream>) -> Outcome<bool> {
        let stream = Borrow::<ResolveAddressStream>::new(stream.rep());
        state.table.get_mut(&stream).expect("a stream").next().map(|address| address.is_some())
    }

    #[test]
    fn a_guest_goes_on_while_a_name_is_looked_up() {
        on_own_stack(|| {
            let (mut state, kept) = state();
            let stream = resolve(&mut state, "localhost").expect("it has begun");
            assert_eq!(next(&mut state, &stream), Err(ErrorCode::WouldBlock));
            assert_eq!(next(&mut state, &stream), Err(ErrorCode::WouldBlock));
            // What is an address already is told at once.
            let known = resolve(&mut state, "127.0.0.1").expect("an address");
            assert_eq!(next(&mut state, &known), Ok(true));
            assert_eq!(next(&mut state, &known), Ok(false));
            let jobs = std::mem::take(&mut *lock(&kept.0));
            assert_eq!(jobs.len(), 1);
            jobs.into_iter().for_each(|job| job());
            assert_eq!(next(&mut state, &stream), Ok(true));
        });
    }

    #[test]
    fn lookups_that_have_not_ended_are_bounded() {
        on_own_stack(|| {
            let (mut state, kept) = state();
            for _ in 0..LOOKUPS_MAX {
                let stream = resolve(&mut state, "localhost").expect("it has begun");
                // Forgetting one does not end it.
                state.delete::<ResolveAddressStream>(&stream).expect("a stream");
            }
            let code = ErrorCode::TemporaryResolverFailure;
            assert_eq!(resolve(&mut state, "localhost").err(), Some(code));
            assert!(resolve(&mut state, "::1").is_ok());
            drop(lock(&kept.0).pop());
            let stream = resolve(&mut state, "localhost").expect("there is room");
            // One that was given up without an answer says so, and keeps nobody waiting.
            let stream = state.table.get_mut(&Borrow::<ResolveAddressStream>::new(stream.rep()));
            let stream = stream.expect("a stream");
            *lock(&stream.lookup.answered) = None;
            assert_eq!(stream.next().err(), Some(code));
        });
    }

    #[test]
    fn a_guest_that_cannot_be_suspended_waits_for_its_names() {
        let (mut state, kept) = state();
        let stream = resolve(&mut state, "localhost").expect("addresses");
        assert_eq!(next(&mut state, &stream), Ok(true));
        assert!(lock(&kept.0).is_empty());
        // As every label has fewer bytes, no such name is anywhere.
        let stream = resolve(&mut state, &"x".repeat(100)).expect("a stream");
        assert_eq!(next(&mut state, &stream), Err(ErrorCode::NameUnresolvable));
    }
}
