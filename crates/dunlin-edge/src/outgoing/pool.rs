//! Connections that wait to be used again, of one app.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use hyper::client::conn::{http1, http2};

use super::body::RequestBody;
use super::connect::Connection;
use super::policy::Target;

/// What waits for requests to one destination.
#[derive(Default)]
struct Waiting {
    /// Connections of HTTP/1.1, the longest idle first.
    idle: Vec<(http1::SendRequest<RequestBody>, Instant)>,
    /// The connection of HTTP/2, which all share, and when it was used last.
    shared: Option<(http2::SendRequest<RequestBody>, Instant)>,
}

impl Waiting {
    /// Lets go of what is closed or has been idle too long. Whether anything is left.
    fn prune(&mut self, idle_timeout: Duration) -> bool {
        let now = Instant::now();
        let is_fresh = |since: &Instant| now.duration_since(*since) < idle_timeout;
        self.idle.retain(|(sender, since)| !sender.is_closed() && is_fresh(since));
        if self
            .shared
            .as_ref()
            .is_some_and(|(sender, since)| sender.is_closed() || !is_fresh(since))
        {
            self.shared = None;
        }
        !self.idle.is_empty() || self.shared.is_some()
    }
}

#[derive(Default)]
struct State {
    waiting: HashMap<Target, Waiting>,
    /// A task looks after what is idle.
    is_looked_after: bool,
}

/// Connections that wait to be used again.
pub(super) struct Pool {
    state: Mutex<State>,
    idle_max: usize,
    idle_timeout: Duration,
}

impl Pool {
    pub(super) fn new(idle_max: usize, idle_timeout: Duration) -> Arc<Pool> {
        Arc::new(Pool { state: Mutex::default(), idle_max, idle_timeout })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection that waits, the latest first: it is likelier to be still there.
    pub(super) fn take(&self, target: &Target) -> Option<Connection> {
        let mut state = self.lock();
        let waiting = state.waiting.get_mut(target)?;
        waiting.prune(self.idle_timeout);
        if let Some((sender, since)) = &mut waiting.shared {
            *since = Instant::now();
            return Some(Connection::Http2(sender.clone()));
        }
        let (sender, _) = waiting.idle.pop()?;
        Some(Connection::Http1(sender))
    }

    /// Gives a connection of HTTP/1.1 back, which is ready for another request.
    pub(super) fn put(self: &Arc<Self>, target: Target, sender: http1::SendRequest<RequestBody>) {
        let mut state = self.lock();
        let idle = &mut state.waiting.entry(target).or_default().idle;
        if idle.len() < self.idle_max {
            idle.push((sender, Instant::now()));
        }
        self.look_after(state);
    }

    /// Shares a connection of HTTP/2.
    pub(super) fn share(self: &Arc<Self>, target: Target, sender: http2::SendRequest<RequestBody>) {
        let mut state = self.lock();
        state.waiting.entry(target).or_default().shared = Some((sender, Instant::now()));
        self.look_after(state);
    }

    /// Lets go of the connection that has been idle longest, for another destination. Whether there was one.
    pub(super) fn evict(&self) -> bool {
        let mut state = self.lock();
        let oldest = state.waiting.values_mut().filter(|waiting| !waiting.idle.is_empty());
        match oldest.min_by_key(|waiting| waiting.idle.first().map(|(_, since)| *since)) {
            Some(waiting) => {
                drop(waiting.idle.remove(0));
                true
            }
            None => false,
        }
    }

    /// Sees to it that what is idle too long goes, also when nothing is requested any more.
    fn look_after(self: &Arc<Self>, mut state: MutexGuard<'_, State>) {
        if std::mem::replace(&mut state.is_looked_after, true) {
            return;
        }
        drop(state);
        let (pool, span) = (Arc::downgrade(self), self.idle_timeout);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(span).await;
                if !Weak::upgrade(&pool).is_some_and(|pool| pool.prune()) {
                    return;
                }
            }
        });
    }

    /// Lets go of what is idle too long. Whether anything is left, which has to be looked after.
    fn prune(&self) -> bool {
        let mut state = self.lock();
        state.waiting.retain(|_, waiting| waiting.prune(self.idle_timeout));
        state.is_looked_after = !state.waiting.is_empty();
        state.is_looked_after
    }
}
