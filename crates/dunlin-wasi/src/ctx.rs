//! `WasiCtx`: everything one guest has been granted, and the builder that grants it.
//!
//! A context that was granted nothing has no arguments, no environment, no directories, standard
//! streams that are empty and forgotten, and the host's clocks and random numbers. Every other
//! authority is one call on [`WasiCtxBuilder`], so that reading those calls is reading the sandbox.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cap_std::fs::Dir;

use crate::clocks::{Clock, SystemMonotonic, SystemRealtime};
use crate::errno::Errno;
use crate::limits::Limits;
use crate::network::Network;
use crate::random::{RandomSource, SeededRandom, SystemRandom};
use crate::reactor::Reactor;
use crate::stdio::{Input, Output};
use crate::table::{Descriptor, Table};

/// What a guest may do under a directory it was granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DirRights {
    /// Look, and change nothing.
    ReadOnly,
    /// Look and change.
    ReadWrite,
}

/// Why a context could not be built.
#[derive(Debug)]
#[non_exhaustive]
pub enum BuildError {
    /// An argument, a variable or a directory's name holds a NUL, which would end it early.
    Nul(String),
    /// The name of a variable is empty or holds `=`.
    EnvironmentName(String),
    /// A directory or a stream could not be opened.
    Open {
        /// What was to be opened.
        what: String,
        /// Why it could not.
        source: io::Error,
    },
    /// More streams and directories than descriptors are allowed.
    DescriptorsMax,
}

impl fmt::Display for BuildError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BuildError::Nul(text) => write!(out, "`{}` holds a NUL byte", text.escape_default()),
            BuildError::EnvironmentName(name) => {
                write!(out, "`{name}` cannot be the name of an environment variable")
            }
            BuildError::Open { what, source } => write!(out, "cannot open `{what}`: {source}"),
            BuildError::DescriptorsMax => {
                out.write_str("more streams and directories than descriptors are allowed")
            }
        }
    }
}

impl std::error::Error for BuildError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            BuildError::Open { source, .. } => Some(source),
            _ => None,
        }
    }
}

/// The embedder's way to end a wait: asked between slices, true means now.
#[derive(Default)]
pub(crate) struct Interrupt(Option<Box<dyn Fn() -> bool + Send + Sync>>);

impl Interrupt {
    /// Whether the embedder is asked at all.
    pub(crate) fn is_set(&self) -> bool {
        self.0.is_some()
    }

    /// Fails if the embedder wants the guest back.
    pub(crate) fn check(&self) -> Result<(), Errno> {
        match &self.0 {
            Some(asked) if asked() => Err(Errno::Intr),
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for Interrupt {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Interrupt(set: {})", self.0.is_some())
    }
}

/// What a call that would wait does instead, where several threads share the context: it gives up, and whoever
/// made it waits without the context and makes it again.
#[derive(Debug, Default)]
pub(crate) struct Yields {
    /// Whether calls do so.
    pub(crate) is_on: bool,
    /// How long the latest call wants to wait before it is made again; 0 if it does not.
    wanted_ns: AtomicU64,
    /// When the call was first made, on each clock that is asked: what it waits for counts from then.
    pub(crate) began_ns: Option<(u64, u64)>,
}

impl Yields {
    /// How long a slice of a wait is.
    pub(crate) fn slice(&self, slice: Duration) -> Duration {
        if self.is_on { Duration::ZERO } else { slice }
    }

    /// Takes how long the latest call wants to wait, if it does.
    pub(crate) fn take_wanted(&mut self) -> Option<Duration> {
        match std::mem::take(self.wanted_ns.get_mut()) {
            0 => None,
            nanoseconds => Some(Duration::from_nanos(nanoseconds)),
        }
    }

    /// Gives up if that is what to do, after a slice in which nothing has happened.
    pub(crate) fn check(&self, slice: Duration) -> Result<(), Errno> {
        if self.is_on {
            let nanoseconds = u64::try_from(slice.as_nanos()).unwrap_or(u64::MAX);
            self.wanted_ns.store(nanoseconds.max(1), Ordering::Relaxed);
            return Err(Errno::Again);
        }
        Ok(())
    }
}

/// Everything one guest has been granted.
///
/// # Examples
/// ```
/// use dunlin_wasi::{Output, OutputPipe, WasiCtx};
///
/// let stdout = OutputPipe::new(1 << 20);
/// let mut builder = WasiCtx::builder();
/// builder.arg("program").env("LANG", "C").stdout(Output::Pipe(stdout.clone()));
/// let ctx = builder.build()?;
/// assert!(stdout.contents().is_empty());
/// # drop(ctx);
/// # Ok::<(), dunlin_wasi::BuildError>(())
/// ```
#[derive(Debug)]
pub struct WasiCtx {
    pub(crate) args: Vec<String>,
    /// `NAME=value`, as guests read them.
    pub(crate) env: Vec<String>,
    pub(crate) table: Table,
    pub(crate) realtime: Arc<dyn Clock>,
    pub(crate) monotonic: Arc<dyn Clock>,
    /// When the context was made, on its monotonic clock.
    pub(crate) start_ns: u64,
    pub(crate) random: Box<dyn RandomSource>,
    /// What may be reached, if anything.
    pub(crate) network: Option<Network>,
    pub(crate) limits: Limits,
    pub(crate) interrupt: Interrupt,
    pub(crate) yields: Yields,
    pub(crate) reactor: Option<Arc<dyn Reactor>>,
}

impl WasiCtx {
    /// A builder that grants nothing yet.
    #[must_use]
    pub fn builder() -> WasiCtxBuilder {
        WasiCtxBuilder::new()
    }

    /// Sets what is asked while the guest sleeps or waits for a stream: true ends the wait with `INTR`.
    /// It is asked at least every [`WAIT_SLICE_MILLISECONDS_MAX`] milliseconds.
    ///
    /// [`WAIT_SLICE_MILLISECONDS_MAX`]: crate::limits::WAIT_SLICE_MILLISECONDS_MAX
    pub fn set_interrupt(&mut self, asked: impl Fn() -> bool + Send + Sync + 'static) {
        self.interrupt = Interrupt(Some(Box::new(asked)));
    }

    /// Has a guest on a stack of its own suspended while it waits for a moment, a stream or a disk.
    pub fn set_reactor(&mut self, reactor: Arc<dyn Reactor>) {
        self.reactor = Some(reactor);
    }
}

/// Grants, one by one, what a guest will have.
#[derive(Debug)]
pub struct WasiCtxBuilder {
    args: Vec<String>,
    env: Vec<(String, String)>,
    stdin: Input,
    stdout: Output,
    stderr: Output,
    preopens: Vec<(Dir, String, DirRights)>,
    realtime: Arc<dyn Clock>,
    monotonic: Option<Arc<dyn Clock>>,
    random: Box<dyn RandomSource>,
    network: Option<Network>,
    limits: Limits,
    interrupt: Interrupt,
}

impl Default for WasiCtxBuilder {
    fn default() -> WasiCtxBuilder {
        WasiCtxBuilder::new()
    }
}

impl WasiCtxBuilder {
    /// Grants nothing.
    #[must_use]
    pub fn new() -> WasiCtxBuilder {
        WasiCtxBuilder {
            args: Vec::new(),
            env: Vec::new(),
            stdin: Input::Null,
            stdout: Output::Null,
            stderr: Output::Null,
            preopens: Vec::new(),
            realtime: Arc::new(SystemRealtime),
            monotonic: None,
            random: Box::new(SystemRandom),
            network: None,
            limits: Limits::default(),
            interrupt: Interrupt::default(),
        }
    }

    /// Adds an argument; the first is the program's name.
    pub fn arg(&mut self, arg: impl Into<String>) -> &mut WasiCtxBuilder {
        self.args.push(arg.into());
        self
    }

    /// Adds arguments.
    pub fn args<S: Into<String>>(
        &mut self,
        args: impl IntoIterator<Item = S>,
    ) -> &mut WasiCtxBuilder {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets an environment variable.
    pub fn env(
        &mut self,
        name: impl Into<String>,
        value: impl Into<String>,
    ) -> &mut WasiCtxBuilder {
        let name = name.into();
        self.env.retain(|(known, _)| *known != name);
        self.env.push((name, value.into()));
        self
    }

    /// Grants the whole environment of the host process, as far as it is text.
    pub fn inherit_env(&mut self) -> &mut WasiCtxBuilder {
        for (name, value) in std::env::vars_os() {
            if let (Ok(name), Ok(value)) = (name.into_string(), value.into_string()) {
                self.env(name, value);
            }
        }
        self
    }

    /// Sets the standard input.
    pub fn stdin(&mut self, input: Input) -> &mut WasiCtxBuilder {
        self.stdin = input;
        self
    }

    /// Sets the standard output.
    pub fn stdout(&mut self, output: Output) -> &mut WasiCtxBuilder {
        self.stdout = output;
        self
    }

    /// Sets the standard error.
    pub fn stderr(&mut self, output: Output) -> &mut WasiCtxBuilder {
        self.stderr = output;
        self
    }

    /// Grants the host process's three standard streams.
    pub fn inherit_stdio(&mut self) -> &mut WasiCtxBuilder {
        self.stdin(Input::Inherit).stdout(Output::Stdout).stderr(Output::Stderr)
    }

    /// Grants a directory of the host under a name of the guest's.
    ///
    /// # Errors
    /// [`BuildError::Open`] when the directory cannot be opened, [`BuildError::Nul`] for a name that
    /// holds one.
    pub fn preopened_dir(
        &mut self,
        host_path: impl AsRef<Path>,
        guest_path: impl Into<String>,
        rights: DirRights,
    ) -> Result<&mut WasiCtxBuilder, BuildError> {
        let host_path = host_path.as_ref();
        let dir = Dir::open_ambient_dir(host_path, cap_std::ambient_authority())
            .map_err(|source| BuildError::Open { what: host_path.display().to_string(), source })?;
        let guest_path = without_nul(guest_path.into())?;
        self.preopens.push((dir, guest_path, rights));
        Ok(self)
    }

    /// Replaces the time of day.
    pub fn realtime_clock(&mut self, clock: Arc<dyn Clock>) -> &mut WasiCtxBuilder {
        self.realtime = clock;
        self
    }

    /// Replaces the steady clock, by which the guest also sleeps.
    pub fn monotonic_clock(&mut self, clock: Arc<dyn Clock>) -> &mut WasiCtxBuilder {
        self.monotonic = Some(clock);
        self
    }

    /// Replaces the source of random numbers.
    pub fn random(&mut self, source: impl RandomSource + 'static) -> &mut WasiCtxBuilder {
        self.random = Box::new(source);
        self
    }

    /// Makes random numbers the same in every run; not for secrets.
    pub fn random_seed(&mut self, seed: u64) -> &mut WasiCtxBuilder {
        self.random(SeededRandom::new(seed))
    }

    /// Grants a network, which components reach by their sockets.
    pub fn network(&mut self, network: Network) -> &mut WasiCtxBuilder {
        self.network = Some(network);
        self
    }

    /// Replaces the bounds.
    pub fn limits(&mut self, limits: Limits) -> &mut WasiCtxBuilder {
        self.limits = limits;
        self
    }

    /// Sets what is asked while the guest waits; see [`WasiCtx::set_interrupt`].
    pub fn interrupt(
        &mut self,
        asked: impl Fn() -> bool + Send + Sync + 'static,
    ) -> &mut WasiCtxBuilder {
        self.interrupt = Interrupt(Some(Box::new(asked)));
        self
    }

    /// Makes the context; the builder grants nothing afterwards.
    ///
    /// # Errors
    /// [`BuildError`] for text that the guest could not be given whole, a stream that cannot be
    /// asked for its type, or more descriptors than the limit.
    pub fn build(&mut self) -> Result<WasiCtx, BuildError> {
        let granted = std::mem::take(self);
        let mut env = Vec::with_capacity(granted.env.len());
        for (name, value) in granted.env {
            if name.is_empty() || name.contains('=') {
                return Err(BuildError::EnvironmentName(name));
            }
            env.push(without_nul(format!("{name}={value}"))?);
        }
        let monotonic = granted.monotonic.unwrap_or_else(|| Arc::new(SystemMonotonic::new()));
        let mut table = Table::new(granted.limits.descriptors_max);
        let streams = [
            ("standard input", Descriptor::input(granted.stdin)),
            ("standard output", Descriptor::output(granted.stdout)),
            ("standard error", Descriptor::output(granted.stderr)),
        ];
        for (what, stream) in streams {
            let stream =
                stream.map_err(|source| BuildError::Open { what: what.to_string(), source })?;
            table.insert(stream).map_err(|_| BuildError::DescriptorsMax)?;
        }
        for (dir, name, rights) in granted.preopens {
            let preopen = Descriptor::preopen(dir, name, rights);
            table.insert(preopen).map_err(|_| BuildError::DescriptorsMax)?;
        }
        Ok(WasiCtx {
            args: granted.args.into_iter().map(without_nul).collect::<Result<_, _>>()?,
            env,
            table,
            realtime: granted.realtime,
            start_ns: monotonic.now_ns(),
            monotonic,
            random: granted.random,
            network: granted.network,
            limits: granted.limits,
            interrupt: granted.interrupt,
            yields: Yields::default(),
            reactor: None,
        })
    }
}

/// Text that ends where the guest will think it ends.
fn without_nul(text: String) -> Result<String, BuildError> {
    if text.contains('\0') { Err(BuildError::Nul(text)) } else { Ok(text) }
}
