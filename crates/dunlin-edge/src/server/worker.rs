//! A worker: a thread with its own connections, guests and stacks.
//!
//! All workers accept from one queue. A connection goes to the worker that has the fewest, which mostly is the one
//! that accepted it; it stays there, and so do its guests: nothing that a request needs is shared but counters of
//! its app.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::TcpListener as StdListener;
use std::net::TcpStream as StdStream;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use dunlin::stacks::Stacks;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::LocalOptions;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::sync::watch::Receiver;

use super::apps::Apps;
use super::conn::{Conn, Order};
use super::id::Ids;
use super::log::Level;
use super::protocol;
use super::shared::{Phase, Shared};
use super::turn::TaskTurn;
use crate::outgoing::LOOKUPS_MAX;
use crate::reactor::JOBS_MAX;

/// How often a worker looks at its connections.
const TICK: Duration = Duration::from_millis(100);

/// Bytes of a guest's native stack: compiled code has its frames there.
const STACK_BYTES: usize = 1 << 20;

/// Stacks that are kept while nobody uses them, of each worker.
const STACKS_IDLE_MAX: usize = 64;

/// How long accepting rests when the system has no room for another connection.
const ACCEPT_REST: Duration = Duration::from_millis(50);

/// Turns of tasks between two looks at sockets and timers, while there is something to do. With guests that compute,
/// each turn is a millisecond or more.
pub const EVENT_INTERVAL: u32 = 8;

/// Threads for what holds a thread, of each worker, as they are wanted: two for loading components, so that jobs and lookups
/// of guests do not keep it waiting.
const BLOCKING_THREADS_MAX: usize = 2 + JOBS_MAX + LOOKUPS_MAX;

/// A worker's own.
pub(crate) struct Worker {
    pub(crate) index: usize,
    pub(crate) shared: Arc<Shared>,
    pub(crate) stacks: Stacks,
    pub(crate) ids: Ids,
    /// Of the task that it polls.
    pub(crate) turn: TaskTurn,
    apps: RefCell<(u64, Arc<Apps>)>,
    conns: RefCell<Vec<Option<Arc<Conn>>>>,
    free: RefCell<Vec<usize>>,
    open: Cell<usize>,
    /// Whether its thread ends, and takes no more tasks.
    is_over: Cell<bool>,
    /// Where connections of each worker come in.
    inboxes: Arc<[UnboundedSender<StdStream>]>,
}

/// Which connections a worker takes.
pub(crate) struct Sources {
    pub(crate) listener: StdListener,
    pub(crate) inbox: UnboundedReceiver<StdStream>,
    pub(crate) inboxes: Arc<[UnboundedSender<StdStream>]>,
}

/// Serves until the server is told to stop and what was begun has ended.
///
/// # Errors
///
/// If the system gives no runtime.
pub(crate) fn run(index: usize, shared: Arc<Shared>, sources: Sources) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .event_interval(EVENT_INTERVAL)
        .max_blocking_threads(BLOCKING_THREADS_MAX)
        .build_local(LocalOptions::default())?;
    runtime.block_on(serve(index, shared, sources))
}

async fn serve(index: usize, shared: Arc<Shared>, sources: Sources) -> io::Result<()> {
    let Sources { listener, inbox, inboxes } = sources;
    let listener = TcpListener::from_std(listener)?;
    let worker = Rc::new(Worker {
        index,
        stacks: Stacks::new(STACK_BYTES, STACKS_IDLE_MAX),
        ids: Ids::new(),
        turn: TaskTurn::default(),
        apps: RefCell::new((shared.version(), shared.apps())),
        conns: RefCell::default(),
        free: RefCell::default(),
        open: Cell::new(0),
        is_over: Cell::new(false),
        inboxes,
        shared,
    });
    let mut phase = worker.shared.phase.subscribe();
    let accepting = tokio::task::spawn_local(accept(worker.clone(), listener));
    let taking = tokio::task::spawn_local(take(worker.clone(), inbox));
    let watching = tokio::task::spawn_local(watch(worker.clone()));
    // The server goes with its sender: then, too, it is over.
    let _ = phase.wait_for(|phase| *phase != Phase::Serve).await;
    accepting.abort();
    // What was in the queue when the listener went is the system's to refuse; what was handed over is served.
    let _ = accepting.await;
    worker.drain(phase).await;
    taking.abort();
    watching.abort();
    worker.is_over.set(true);
    Ok(())
}

/// Accepts connections, and gives them to whoever has the fewest.
async fn accept(worker: Rc<Worker>, listener: TcpListener) {
    let shared = worker.shared.clone();
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // The client has left already, or the process has too many files open: neither ends the server.
                if !matches!(
                    error.kind(),
                    io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
                ) {
                    let error = error.to_string();
                    shared
                        .log
                        .line(Level::Warn, "cannot accept a connection")
                        .text("error", &error);
                    tokio::time::sleep(ACCEPT_REST).await;
                }
                continue;
            }
        };
        let loads: Vec<_> = shared.loads.iter().map(|load| load.load(Relaxed)).collect();
        if loads.iter().sum::<usize>() as u64 >= shared.limits.connections {
            shared.counters.refused.fetch_add(1, Relaxed);
            continue;
        }
        shared.counters.accepted.fetch_add(1, Relaxed);
        let least = (0..loads.len()).min_by_key(|index| (loads[*index], *index != worker.index));
        let to = least.unwrap_or(worker.index);
        if to == worker.index || loads[to] >= loads[worker.index] {
            worker.begin(stream);
            continue;
        }
        match stream.into_std() {
            Ok(stream) => {
                // It counts from now, so that a burst does not go to one worker.
                shared.loads[to].fetch_add(1, Relaxed);
                if worker.inboxes[to].send(stream).is_err() {
                    shared.loads[to].fetch_sub(1, Relaxed);
                }
            }
            Err(_) => drop(shared.counters.refused.fetch_add(1, Relaxed)),
        }
    }
}

/// Takes connections that others have accepted.
async fn take(worker: Rc<Worker>, mut inbox: UnboundedReceiver<StdStream>) {
    while let Some(stream) = inbox.recv().await {
        worker.shared.loads[worker.index].fetch_sub(1, Relaxed);
        if let Ok(stream) = TcpStream::from_std(stream) {
            worker.begin(stream);
        }
    }
}

/// Looks at the connections, again and again.
async fn watch(worker: Rc<Worker>) {
    let mut interval = tokio::time::interval(TICK);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        worker.shared.tick();
        let conns: Vec<_> = worker.conns.borrow().iter().flatten().cloned().collect();
        for conn in conns {
            let order = conn.judge(&worker.shared.limits);
            if order == Order::End && conn.order() != Order::End {
                worker.shared.counters.slow.fetch_add(1, Relaxed);
            }
            conn.tell(order);
        }
    }
}

/// A connection's place in the worker's list.
struct Place {
    worker: Rc<Worker>,
    index: usize,
}

impl Drop for Place {
    fn drop(&mut self) {
        let worker = &self.worker;
        worker.conns.borrow_mut()[self.index] = None;
        worker.free.borrow_mut().push(self.index);
        worker.open.set(worker.open.get() - 1);
        worker.shared.loads[worker.index].fetch_sub(1, Relaxed);
        worker.shared.counters.connections.fetch_sub(1, Relaxed);
    }
}

impl Worker {
    /// The apps as they are now.
    pub(crate) fn apps(&self) -> Arc<Apps> {
        let version = self.shared.version();
        let mut known = self.apps.borrow_mut();
        if known.0 != version {
            *known = (version, self.shared.apps());
        }
        known.1.clone()
    }

    /// Has a task of the worker's go on by itself, unless the worker ends.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        if !self.is_over.get() {
            let turn = self.turn.clone();
            drop(tokio::task::spawn_local(async move { turn.of(pin!(task)).await }));
        }
    }

    /// Begins to serve a connection.
    fn begin(self: &Rc<Self>, stream: TcpStream) {
        let conn = Arc::new(Conn::new(self.shared.clock.clone()));
        let place = self.place(conn.clone());
        let worker = self.clone();
        tokio::task::spawn_local(async move {
            let turn = worker.turn.clone();
            turn.of(pin!(protocol::serve(worker, stream, conn))).await;
            drop(place);
        });
    }

    fn place(self: &Rc<Self>, conn: Arc<Conn>) -> Place {
        if self.shared.is_draining.load(Relaxed) {
            conn.tell(Order::Finish);
        }
        let mut conns = self.conns.borrow_mut();
        let index = self.free.borrow_mut().pop().unwrap_or_else(|| {
            conns.push(None);
            conns.len() - 1
        });
        conns[index] = Some(conn);
        self.open.set(self.open.get() + 1);
        self.shared.loads[self.index].fetch_add(1, Relaxed);
        self.shared.counters.connections.fetch_add(1, Relaxed);
        Place { worker: self.clone(), index }
    }

    fn tell_all(&self, order: Order) {
        let conns: Vec<_> = self.conns.borrow().iter().flatten().cloned().collect();
        for conn in conns {
            conn.tell(order);
        }
    }

    /// Waits until all connections have ended: by themselves for as long as they may, and then at once.
    async fn drain(&self, mut phase: Receiver<Phase>) {
        /// How often it is looked whether they have.
        const LOOK: Duration = Duration::from_millis(5);
        let limit = self.shared.limits.drain;
        let ended = async {
            loop {
                self.tell_all(Order::Finish);
                if self.open.get() == 0 && self.shared.loads[self.index].load(Relaxed) == 0 {
                    return;
                }
                let now = phase.wait_for(|phase| *phase == Phase::End);
                if tokio::time::timeout(LOOK, now).await.is_ok() {
                    self.tell_all(Order::End);
                }
            }
        };
        if tokio::time::timeout(limit, ended).await.is_ok() {
            return;
        }
        let open = self.open.get() as u64;
        let mut line =
            self.shared.log.line(Level::Warn, "connections were ended while they were served");
        line.number("connections", open).number("worker", self.index as u64);
        drop(line);
        self.tell_all(Order::End);
        // They end when they are polled next.
        tokio::time::sleep(LOOK).await;
    }
}
