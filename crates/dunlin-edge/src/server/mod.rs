//! The server: connections, instances, limits, metrics.
//!
//! 1. Each worker is a thread that accepts connections and serves them to their end (`worker`, `protocol`). It watches what
//!    they do and for how long (`conn`), so that no request sets a timer.
//! 2. A request finds its app (`apps`), whose component is loaded when it is first wanted (`load`), and a place among the
//!    requests that the app may have at a time (`request`).
//! 3. A guest is a store with an instance of the component, on a stack of its own and on the worker's thread (`guest`). It
//!    runs while its response is polled: a client that does not read stops it, and one that leaves ends it (`body`).
//!    A poll of a task is one turn for all guests that it runs (`turn`).
//! 4. One account follows a request to the end of its response, which is where it is counted and logged (`ticket`).
//! 5. A thread besides looks after health, metrics, signals and files that have changed (`control`, `admin`).
//!
//! Invariants:
//! 1. Everything that a client or guest can make grow has a bound in [`ServerLimits`] or
//!    [`Limits`](crate::app::Limits).
//! 2. A guest holds its place no longer than its limits say, and its client no longer than it takes what it asked
//!    for.
//! 3. Whatever happens to a guest, its client is answered or sees that the response was cut off, and others go on.

mod admin;
mod apps;
mod body;
mod conn;
mod control;
mod end;
mod grants;
mod guest;
mod guest_log;
mod id;
mod load;
mod log;
mod metrics;
mod protocol;
mod request;
mod shared;
mod sys;
mod ticket;
mod turn;
mod whole;
mod worker;

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

use dunlin::Cache;
use tokio::sync::mpsc::unbounded_channel;

use crate::app::{AppSpec, ServerLimits};
use control::Control;
use grants::Services;
use load::Loader;
use shared::Shared;
use worker::Sources;

pub use control::Reload;
pub use guest::TURN;
pub use log::{Log, LogFormat};
pub use worker::EVENT_INTERVAL;

/// How a server is set up.
#[non_exhaustive]
pub struct Options {
    /// Where apps are served; port 0 is any that is free.
    pub addr: SocketAddr,
    /// Where health and metrics are.
    pub admin: Option<SocketAddr>,
    /// Threads that serve; as many as there are processors, unless set.
    pub workers: Option<usize>,
    /// The bounds of the server.
    pub limits: ServerLimits,
    /// The apps.
    pub apps: Vec<AppSpec>,
    /// Where machine code is kept from one start to the next.
    pub cache: Option<Cache>,
    /// The file of the embedded key-value store, and of what caches hold when the server ends; in memory, unless set.
    pub store: Option<PathBuf>,
    /// Where the log goes.
    pub log: Log,
    /// Whether each request is logged.
    pub logs_requests: bool,
    /// Whether SIGINT and SIGTERM stop the server, and SIGHUP loads its apps again.
    pub handles_signals: bool,
    /// Whether apps are loaded again whose files change.
    pub watches: bool,
    /// The file of the configuration, which is watched too.
    pub config: Option<PathBuf>,
    /// Says which apps there are to be, when the configuration has changed.
    pub reload: Option<Reload>,
}

impl Options {
    /// A server of these apps, that keeps nothing, logs nothing and handles no signals.
    #[must_use]
    pub fn new(addr: SocketAddr, apps: Vec<AppSpec>) -> Self {
        Self {
            addr,
            admin: None,
            workers: None,
            limits: ServerLimits::default(),
            apps,
            cache: None,
            store: None,
            log: Log::none(),
            logs_requests: false,
            handles_signals: false,
            watches: false,
            config: None,
            reload: None,
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options").field("addr", &self.addr).finish_non_exhaustive()
    }
}

/// Why a server could not be started.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// An address cannot be served at.
    Listen {
        /// The address.
        addr: SocketAddr,
        /// Why it cannot.
        source: io::Error,
    },
    /// The apps cannot be served together, or one not at all.
    Apps(String),
    /// The engine cannot be set up.
    Engine(dunlin::Error),
    /// The system gives no threads.
    Threads(io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listen { addr, .. } => write!(f, "cannot listen at {addr}"),
            Self::Apps(why) => f.write_str(why),
            Self::Engine(error) => write!(f, "cannot set up the engine: {error}"),
            Self::Threads(_) => f.write_str("cannot start the server's threads"),
        }
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Listen { source, .. } | Self::Threads(source) => Some(source),
            Self::Apps(_) | Self::Engine(_) => None,
        }
    }
}

/// A server that runs.
pub struct Server {
    addr: SocketAddr,
    admin: Option<SocketAddr>,
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<io::Result<()>>>,
    control: Option<JoinHandle<io::Result<()>>>,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("addr", &self.addr).finish_non_exhaustive()
    }
}

/// Lets the process open as many files as it may, and makes room for them at once. For a process that is the server's and has
/// one thread yet: with more, the kernel takes some 10 ms for it, as it does whenever room is made later.
pub fn make_room_for_files() {
    crate::sys::make_room_for_files();
}

impl Server {
    /// Starts a server. When this returns, it accepts connections.
    ///
    /// # Errors
    ///
    /// If it cannot be had as it is set up.
    pub fn start(options: Options) -> Result<Self, StartError> {
        Self::start_with(options, dunlin::stacks::start_clock)
    }

    /// The same, with what has somebody look at guests' time.
    fn start_with(
        options: Options,
        start_clock: impl FnOnce() -> io::Result<()>,
    ) -> Result<Self, StartError> {
        start_clock().map_err(StartError::Threads)?;
        let available = || std::thread::available_parallelism().map_or(1, usize::from);
        let workers = options.workers.unwrap_or_else(available).max(1);
        let loader =
            Loader::new(&options.limits, workers, options.cache).map_err(StartError::Engine)?;
        let log = (options.log, options.logs_requests);
        let runtime = control::runtime().map_err(StartError::Threads)?;
        let services = Services::new(runtime.handle().clone(), options.store);
        services.restore().map_err(StartError::Apps)?;
        let shared = Shared::new(options.limits, options.apps, (loader, services), log, workers);
        let shared = Arc::new(shared.map_err(StartError::Apps)?);
        let (listener, addr) = listen(options.addr)?;
        let (admin, admin_addr) = match options.admin.map(listen).transpose()? {
            Some((listener, addr)) => (Some(listener), Some(addr)),
            None => (None, None),
        };
        let (workers_of, control) = (Vec::new(), None);
        let server =
            Self { addr, admin: admin_addr, shared: shared.clone(), workers: workers_of, control };
        let mut server = server.spawn(&listener, workers).map_err(StartError::Threads)?;
        let control = Control {
            shared,
            admin,
            handles_signals: options.handles_signals,
            watches: options.watches,
            config: options.config,
            reload: options.reload,
        };
        let control = std::thread::Builder::new()
            .name("dunlin-control".into())
            .spawn(move || control::run(&runtime, control));
        server.control = Some(control.map_err(StartError::Threads)?);
        Ok(server)
    }

    fn spawn(mut self, listener: &TcpListener, workers: usize) -> io::Result<Self> {
        let (inboxes, receivers): (Vec<_>, Vec<_>) =
            (0..workers).map(|_| unbounded_channel()).unzip();
        let inboxes: Arc<[_]> = inboxes.into();
        for (index, inbox) in receivers.into_iter().enumerate() {
            let sources =
                Sources { listener: listener.try_clone()?, inbox, inboxes: inboxes.clone() };
            let shared = self.shared.clone();
            let thread = std::thread::Builder::new().name(format!("dunlin-serve-{index}")).spawn(
                move || {
                    let served = worker::run(index, shared.clone(), sources);
                    shared.worker_ended();
                    served
                },
            )?;
            self.workers.push(thread);
        }
        Ok(self)
    }

    /// Loads all apps now, which are otherwise loaded when they are first asked.
    ///
    /// # Errors
    ///
    /// The name of the first that cannot be loaded, and why.
    pub fn load(&self) -> Result<(), (String, String)> {
        for app in &self.shared.apps().list {
            app.load_now(&self.shared).map_err(|why| (app.spec.name.clone(), why))?;
        }
        Ok(())
    }

    /// Where apps are served.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Where health and metrics are, if they are anywhere.
    #[must_use]
    pub fn admin(&self) -> Option<SocketAddr> {
        self.admin
    }

    /// Serves these apps from the next request on; those that are the same go on as they are.
    ///
    /// # Errors
    ///
    /// Says what is wrong; then all stays as it is.
    pub fn set_apps(&self, apps: Vec<AppSpec>) -> Result<(), String> {
        self.shared.set_apps(apps)
    }

    /// What is counted, as Prometheus reads it.
    #[must_use]
    pub fn metrics(&self) -> String {
        self.shared.metrics()
    }

    /// Has the server take no more connections, and end when its requests have.
    pub fn stop(&self) {
        self.shared.drain();
    }

    /// Waits until the server has ended.
    ///
    /// # Errors
    ///
    /// If a worker could not serve.
    pub fn join(mut self) -> io::Result<()> {
        for worker in std::mem::take(&mut self.workers) {
            worker.join().unwrap_or_else(|_| Err(io::Error::other("a worker panicked")))?;
        }
        let control = self.control.take().map(JoinHandle::join);
        control.unwrap_or(Ok(Ok(()))).unwrap_or_else(|_| Err(io::Error::other("a thread panicked")))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.drain();
    }
}

fn listen(addr: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |source| StartError::Listen { addr, source };
    let listener = TcpListener::bind(addr).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    let addr = listener.local_addr().map_err(failed)?;
    Ok((listener, addr))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_could_not_stop_guests_does_not_start() {
        let options = || Options::new(SocketAddr::from(([127, 0, 0, 1], 0)), Vec::new());
        let error = Server::start_with(options(), || Err(io::ErrorKind::WouldBlock.into()));
        assert!(matches!(error, Err(StartError::Threads(_))), "{error:?}");
        assert!(Server::start_with(options(), || Ok(())).is_ok());
    }
}
