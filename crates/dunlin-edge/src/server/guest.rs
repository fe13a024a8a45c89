//! A guest that handles a request: its store and instance, its bounds, and how it ends.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use dunlin::stacks::Running;
use dunlin::{Error, ResourceLimiter, Result, Store};
use dunlin_component::Instance;
use dunlin_wasi::ExitCode;
use dunlin_wasi::preview2::ComponentCtx;
use dunlin_wasi::preview2::http::{
    Body as WasiBody, Handler, IncomingRequest, ResponseReceiver, ResponseSender, response_pair,
};
use http::{Request, Response};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Sleep;

use super::apps::App;
use super::end::Reason;
use super::load::{Kind, Loaded};
use super::log::Level;
use super::metrics::add;
use super::turn::TaskTurn;
use super::whole;
use super::worker::Worker;
use crate::app::Limits;
use crate::fastedge::{self, FastEdgeCtx};

/// For how long a guest runs before others on its thread get their turn. Most requests take less.
pub const TURN: Duration = Duration::from_millis(1);

/// Instances of an app that wait for their next request, of each worker.
const IDLE_MAX: usize = 16;

/// A store's data.
pub(crate) struct Host {
    pub(crate) wasi: ComponentCtx,
    pub(crate) fastedge: FastEdgeCtx,
    pub(crate) bounds: Bounds,
    /// Bytes of log of the request.
    pub(crate) logged: Arc<AtomicU64>,
}

/// What a store has of the engine, and may have.
pub(crate) struct Bounds {
    memory: u64,
    memory_max: u64,
    elements: u64,
    elements_max: u64,
    /// Whether it was refused something.
    is_refused: bool,
}

impl Bounds {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            memory: 0,
            memory_max: limits.memory_bytes,
            elements: 0,
            elements_max: limits.table_elements,
            is_refused: false,
        }
    }

    /// Takes what is more of `used`, if there may be so much.
    fn take(used: &mut u64, most: u64, current: usize, desired: usize, refused: &mut bool) -> bool {
        let more = desired.saturating_sub(current) as u64;
        let fits = used.checked_add(more).filter(|sum| *sum <= most);
        match fits {
            Some(sum) => *used = sum,
            None => *refused = true,
        }
        fits.is_some()
    }
}

impl ResourceLimiter for Bounds {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> Result<bool> {
        Ok(Self::take(&mut self.memory, self.memory_max, current, desired, &mut self.is_refused))
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> Result<bool> {
        let mut refused = false;
        Ok(Self::take(&mut self.elements, self.elements_max, current, desired, &mut refused))
    }

    fn heap_growing(&mut self, current: usize, desired: usize) -> Result<bool> {
        self.memory_growing(current, desired, None)
    }
}

/// A store with an instance in it, or to be instantiated in.
pub(crate) struct Live {
    pub(crate) store: Store<Host>,
    pub(crate) handler: Option<Instantiated>,
    pub(crate) served: u32,
}

/// What an instance is asked by.
#[derive(Clone, Copy)]
pub(crate) enum Instantiated {
    WasiHttp(Handler),
    FastEdge(Instance),
}

/// How a guest failed.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) reason: Reason,
    pub(crate) text: String,
    pub(crate) backtrace: Option<String>,
}

impl Failure {
    pub(crate) fn plain(reason: Reason) -> Self {
        Self { reason, text: String::new(), backtrace: None }
    }

    #[cold]
    fn of(error: &Error, bounds: &Bounds) -> Self {
        Self {
            reason: Reason::of(error, bounds.is_refused),
            text: error.to_string(),
            backtrace: error.backtrace().map(ToString::to_string),
        }
    }
}

/// What is left when a guest has ended.
struct Ended {
    live: Live,
    result: Result<Option<Response<WasiBody>>>,
}

/// How a guest has ended: with the response, if it was not sent before.
pub(crate) type End = std::result::Result<Option<Response<WasiBody>>, Failure>;

/// A guest that runs, with what it holds: its place among the app's requests, and its time.
pub(crate) struct Guest {
    running: Option<Running<Ended>>,
    deadline: Instant,
    sleep: Option<Pin<Box<Sleep>>>,
    app: Arc<App>,
    loaded: Arc<Loaded>,
    worker_index: usize,
    turn: TaskTurn,
    _place: OwnedSemaphorePermit,
}

impl Guest {
    /// Begins to have a guest handle a request; nothing of it runs before it is polled.
    ///
    /// # Errors
    ///
    /// If a store cannot be made.
    pub(crate) fn begin(
        worker: &Worker,
        app: &Arc<App>,
        loaded: &Arc<Loaded>,
        request: Request<WasiBody>,
        begun: Instant,
        place: OwnedSemaphorePermit,
    ) -> std::result::Result<(Self, ResponseReceiver), Failure> {
        let limits = &app.spec.limits;
        let live = match loaded.take_idle(worker.index) {
            Some(live) => live,
            None => {
                add(&app.shards[worker.index].instances, 1);
                worker.shared.loader.live(app).map_err(|error| Failure {
                    reason: Reason::Bug,
                    text: error,
                    backtrace: None,
                })?
            }
        };
        let mut live = live;
        if live.served > 0 || !app.spec.propagate_headers.is_empty() {
            live.store.data_mut().fastedge = app.grants.context(request.headers());
        }
        let handle = live.store.interrupt_handle();
        let (sender, receiver) = response_pair();
        let (kind, configured) = (loaded.kind.clone(), app.clone());
        let run = move || {
            let mut live = live;
            let configured = &configured.spec.response_headers;
            let result = handle_request(&mut live, &kind, request, sender, configured);
            Ended { live, result }
        };
        let running = worker.stacks.run(run).metered(handle, TURN, limits.cpu);
        let guest = Self {
            running: Some(running),
            deadline: begun + limits.wall,
            sleep: None,
            app: app.clone(),
            loaded: loaded.clone(),
            worker_index: worker.index,
            turn: worker.turn.clone(),
            _place: place,
        };
        Ok((guest, receiver))
    }

    /// Runs the guest until it waits, ends or has had its turn, if there is some left of its task's.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<End> {
        if self.turn.is_left(context) { self.poll_now(context) } else { Poll::Pending }
    }

    /// The same, whatever is left of the task's turn.
    pub(crate) fn poll_now(&mut self, context: &mut Context<'_>) -> Poll<End> {
        let Some(running) = &mut self.running else { return Poll::Ready(Ok(None)) };
        if let Poll::Ready(ended) = Pin::new(&mut *running).poll(context) {
            let spent = (running.busy(), running.is_over());
            self.running = None;
            return Poll::Ready(self.end(ended, spent));
        }
        let deadline = self.deadline;
        let sleep =
            self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline.into())));
        if sleep.as_mut().poll(context).is_ready() {
            self.running = None;
            return Poll::Ready(Err(Failure::plain(Reason::Wall)));
        }
        Poll::Pending
    }

    /// Whether the guest waits for something; else it has only let others have their turn, and goes on by itself.
    pub(crate) fn is_waiting(&self) -> bool {
        self.running.as_ref().is_none_or(Running::is_waiting)
    }

    /// Runs the guest to its end, after its response has been read.
    pub(crate) async fn finish(mut self) {
        // Whoever asked has the response; what becomes of the guest now only counts.
        let end = std::future::poll_fn(|context| self.poll(context)).await;
        if let Err(failure) = end {
            self.app.shards[self.worker_index].note_reason(failure.reason);
        }
    }

    fn end(&self, ended: Ended, (busy, is_over): (Duration, bool)) -> End {
        let Ended { mut live, result } = ended;
        let counters = &self.app.shards[self.worker_index];
        counters.note_guest(busy, live.store.data().bounds.memory);
        live.served = live.served.saturating_add(1);
        for note in live.store.data().fastedge.notes() {
            let mut line = self.app.source.log.line(Level::Warn, note);
            line.text("app", &self.app.name);
        }
        match result {
            Ok(response) => {
                if let Some(component) = self.loaded.to_keep()
                    && component.has_more_prepared()
                {
                    // Nobody waits for it, and it may fail.
                    drop(tokio::task::spawn_blocking(move || component.keep_prepared()));
                }
                let limits = &self.app.spec.limits;
                // One that was interrupted as it ended would be stopped in its next request.
                let is_usable = !is_over && live.served < self.app.spec.reuse;
                if is_usable && live.store.data_mut().renew(limits) {
                    self.loaded.give_idle(self.worker_index, live, IDLE_MAX);
                }
                Ok(response)
            }
            Err(error) => Err(Failure::of(&error, &live.store.data().bounds)),
        }
    }
}

impl Host {
    /// Makes what a request has used another's; whether that can be done.
    fn renew(&mut self, _limits: &Limits) -> bool {
        self.logged.store(0, Relaxed);
        self.bounds.is_refused = false;
        true
    }
}

/// On the guest's own stack: makes the instance, if there is none, and has it handle the request.
fn handle_request(
    live: &mut Live,
    kind: &Kind,
    request: Request<WasiBody>,
    sender: ResponseSender,
    configured: &[(String, String)],
) -> Result<Option<Response<WasiBody>>> {
    let Live { store, handler, .. } = live;
    let handler = match handler {
        Some(handler) => *handler,
        None => *handler.insert(match kind {
            Kind::WasiHttp(pre) => Instantiated::WasiHttp(pre.instantiate(&mut *store)?),
            Kind::FastEdge(pre) => Instantiated::FastEdge(pre.instantiate(&mut *store)?),
        }),
    };
    match handler {
        Instantiated::WasiHttp(handler) => {
            let request = IncomingRequest::new(request);
            handler.handle(store, |host| &mut host.wasi, request, sender)?;
            Ok(None)
        }
        Instantiated::FastEdge(instance) => {
            let request = whole::request(request)?;
            match fastedge::process(store, &instance, request) {
                Ok(response) => whole::response(response, configured).map(Some),
                // It has ended well, and said nothing.
                Err(error) if error.downcast_ref() == Some(&ExitCode(0)) => {
                    Ok(Some(Response::new(WasiBody::empty())))
                }
                Err(error) => Err(error),
            }
        }
    }
}
