//! `wasi:sockets/tcp`: sockets in their states, each function of which does not wait.

use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use dunlin_component::{Borrow, Resource, enumeration};

use super::link::{Interface, Interfaces};
use super::network::{AddressPort, ErrorCode, Family, NetworkHandle, Outcome, check, socket_func};
use super::poll::Pollable;
use super::state::ComponentCtx;
use super::streams::{InputStream, OutputStream};
use crate::network::SocketUse;
use crate::sys::{Direction, Socket};

/// Connections that wait to be accepted, unless the guest says how many, and at most.
const BACKLOG_DEFAULT: u16 = 128;
const BACKLOG_MAX: u16 = 4096;

/// Bytes of a buffer of the system's that a guest may ask for.
const BUFFER_BYTES_MAX: u64 = 16 << 20;

/// Seconds and probes of keep-alive: what the systems take.
const KEEP_ALIVE_SECONDS_MAX: u64 = 32_767;
const KEEP_ALIVE_COUNT_MAX: u32 = 127;

/// A socket of the host's, which counts among the guest's as long as a stream has it.
pub(super) struct LiveSocket {
    pub(super) socket: Socket,
    _counted: Arc<()>,
}

/// A socket of the guest's.
struct TcpSocket {
    live: Arc<LiveSocket>,
    family: Family,
    stage: Stage,
    backlog: u16,
    /// The other end; the system forgets it when that has gone.
    remote: Option<SocketAddr>,
}

/// How far a socket has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Unbound,
    BindStarted,
    Bound,
    ListenStarted,
    Listening,
    Connecting,
    Connected,
    Closed,
}

enumeration! {
    /// Which ways are shut down.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    enum ShutdownType {
        Receive => "receive",
        Send => "send",
        Both => "both",
    }
}

type This = Borrow<TcpSocket>;
/// What a guest reads and writes a connection by.
type Streams = (Resource<InputStream>, Resource<OutputStream>);

pub(super) fn define<T, G>(all: &mut Interfaces<'_, T, G>) -> dunlin::Result<()>
where
    T: 'static,
    G: Fn(&mut T) -> &mut ComponentCtx + Clone + Send + Sync + 'static,
{
    let mut tcp = all.named("wasi:sockets/tcp")?;
    tcp.resource::<TcpSocket>("tcp-socket")?;
    define_stages(&mut tcp)?;
    define_options(&mut tcp)?;
    let mut creation = all.named("wasi:sockets/tcp-create-socket")?;
    socket_func(&mut creation, "create-tcp-socket", |state, (family,): (Family,)| {
        create(state, family)
    })
}

fn create(state: &mut ComponentCtx, family: Family) -> Outcome<Resource<TcpSocket>> {
    state.check_new_socket()?;
    let live = state.live(Socket::new(family == Family::V6)?);
    let (stage, backlog) = (Stage::Unbound, BACKLOG_DEFAULT);
    let made = TcpSocket { live, family, stage, backlog, remote: None };
    state.push(made).map_err(|_| ErrorCode::NewSocketLimit)
}

/// What takes a socket from stage to stage.
fn define_stages<T, G>(tcp: &mut Interface<'_, T, G>) -> dunlin::Result<()>
where
    T: 'static,
    G: Fn(&mut T) -> &mut ComponentCtx + Clone + Send + Sync + 'static,
{
    type At = (This, Borrow<NetworkHandle>, AddressPort);
    let func = "[method]tcp-socket.start-bind";
    socket_func(tcp, func, |state, (this, _, address): At| start_bind(state, &this, address))?;
    socket_func(tcp, "[method]tcp-socket.finish-bind", |state, (this,): (This,)| {
        state.socket(&this)?.go(Stage::BindStarted, Stage::Bound)
    })?;
    let func = "[method]tcp-socket.start-connect";
    socket_func(tcp, func, |state, (this, _, address): At| start_connect(state, &this, address))?;
    socket_func(tcp, "[method]tcp-socket.finish-connect", |state, (this,): (This,)| {
        finish_connect(state, &this)
    })?;
    socket_func(tcp, "[method]tcp-socket.start-listen", |state, (this,): (This,)| {
        start_listen(state, &this)
    })?;
    socket_func(tcp, "[method]tcp-socket.finish-listen", |state, (this,): (This,)| {
        state.socket(&this)?.go(Stage::ListenStarted, Stage::Listening)
    })?;
    socket_func(tcp, "[method]tcp-socket.accept", |state, (this,): (This,)| accept(state, &this))?;
    socket_func(tcp, "[method]tcp-socket.shutdown", |state, (this, how): (This, ShutdownType)| {
        let socket = state.socket(&this)?;
        socket.require(&[Stage::Connected])?;
        Ok(socket.live.socket.shutdown(match how {
            ShutdownType::Receive => Shutdown::Read,
            ShutdownType::Send => Shutdown::Write,
            ShutdownType::Both => Shutdown::Both,
        })?)
    })?;
    socket_func(tcp, "[method]tcp-socket.local-address", |state, (this,): (This,)| {
        let socket = state.socket(&this)?;
        match socket.stage {
            Stage::Unbound | Stage::BindStarted | Stage::Closed => Err(ErrorCode::InvalidState),
            _ => Ok(AddressPort::from(socket.live.socket.local()?)),
        }
    })?;
    socket_func(tcp, "[method]tcp-socket.remote-address", |state, (this,): (This,)| {
        let socket = state.socket(&this)?;
        socket.require(&[Stage::Connected])?;
        socket.remote.map(AddressPort::from).ok_or(ErrorCode::Unknown)
    })?;
    tcp.func("[method]tcp-socket.is-listening", |state, (this,): (This,)| {
        Ok(state.table.get(&this)?.stage == Stage::Listening)
    })?
    .func("[method]tcp-socket.address-family", |state, (this,): (This,)| {
        Ok(state.table.get(&this)?.family)
    })?
    .func("[method]tcp-socket.subscribe", |state, (this,): (This,)| {
        let socket = state.table.get(&this)?;
        let pollable = match socket.stage {
            Stage::Listening => Pollable::Socket(socket.live.clone(), Direction::Read),
            Stage::Connecting => Pollable::Socket(socket.live.clone(), Direction::Write),
            _ => Pollable::Ready,
        };
        state.give(pollable)
    })?;
    Ok(())
}

/// A span of keep-alive, in whole seconds that systems take.
fn seconds(ns: u64) -> Outcome<Duration> {
    match ns {
        0 => Err(ErrorCode::InvalidArgument),
        ns => Ok(Duration::from_secs(ns.div_ceil(1_000_000_000).min(KEEP_ALIVE_SECONDS_MAX))),
    }
}

fn nanoseconds(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

/// A size of a buffer that systems take.
pub(super) fn buffer(bytes: u64) -> Outcome<usize> {
    match bytes {
        0 => Err(ErrorCode::InvalidArgument),
        bytes => Ok(bytes.min(BUFFER_BYTES_MAX) as usize),
    }
}

/// Defines functions that read or set an option: `this` is the socket, and what else is given follows.
macro_rules! options {
    ($tcp:ident; $($name:literal |$this:ident $(, $arg:ident: $ty:ty)?| $body:expr;)*) => {$(
        socket_func(
            $tcp,
            concat!("[method]tcp-socket.", $name),
            |state, (this, $($arg,)?): (This, $($ty,)?)| {
                let $this = state.socket(&this)?;
                Ok($body)
            },
        )?;
    )*};
}

fn define_options<T, G>(tcp: &mut Interface<'_, T, G>) -> dunlin::Result<()>
where
    T: 'static,
    G: Fn(&mut T) -> &mut ComponentCtx + Clone + Send + Sync + 'static,
{
    options! { tcp;
        "set-listen-backlog-size" |this, size: u64| this.set_backlog(size)?;
        "keep-alive-enabled" |this| this.live.socket.keep_alive()?;
        "set-keep-alive-enabled" |this, on: bool| this.live.socket.set_keep_alive(on)?;
        "keep-alive-idle-time" |this| nanoseconds(this.live.socket.keep_alive_idle()?);
        "set-keep-alive-idle-time" |this, ns: u64| this.live.socket.set_keep_alive_idle(seconds(ns)?)?;
        "keep-alive-interval" |this| nanoseconds(this.live.socket.keep_alive_interval()?);
        "set-keep-alive-interval" |this, ns: u64| {
            this.live.socket.set_keep_alive_interval(seconds(ns)?)?;
        };
        "keep-alive-count" |this| this.live.socket.keep_alive_count()?;
        "set-keep-alive-count" |this, count: u32| match count {
            0 => return Err(ErrorCode::InvalidArgument),
            count => this.live.socket.set_keep_alive_count(count.min(KEEP_ALIVE_COUNT_MAX))?,
        };
        "hop-limit" |this| this.live.socket.hop_limit(this.family == Family::V6)?;
        "set-hop-limit" |this, hops: u8| match hops {
            0 => return Err(ErrorCode::InvalidArgument),
            hops => this.live.socket.set_hop_limit(this.family == Family::V6, hops)?,
        };
        "receive-buffer-size" |this| this.live.socket.receive_buffer()? as u64;
        "set-receive-buffer-size" |this, bytes: u64| this.live.socket.set_receive_buffer(buffer(bytes)?)?;
        "send-buffer-size" |this| this.live.socket.send_buffer()? as u64;
        "set-send-buffer-size" |this, bytes: u64| this.live.socket.set_send_buffer(buffer(bytes)?)?;
    }
    Ok(())
}

impl TcpSocket {
    /// Refuses what this stage does not allow.
    fn require(&self, stages: &[Stage]) -> Outcome {
        if stages.contains(&self.stage) { Ok(()) } else { Err(ErrorCode::InvalidState) }
    }

    /// Finishes what has been started.
    fn go(&mut self, from: Stage, to: Stage) -> Outcome {
        if self.stage != from {
            return Err(ErrorCode::NotInProgress);
        }
        self.stage = to;
        Ok(())
    }

    fn set_backlog(&mut self, size: u64) -> Outcome {
        if size == 0 {
            return Err(ErrorCode::InvalidArgument);
        }
        self.require(&[Stage::Unbound, Stage::Bound, Stage::Listening])?;
        self.backlog = u16::try_from(size).unwrap_or(u16::MAX).min(BACKLOG_MAX);
        if self.stage == Stage::Listening {
            self.live.socket.listen(self.backlog)?;
        }
        Ok(())
    }
}

impl ComponentCtx {
    fn socket(&mut self, this: &This) -> Outcome<&mut TcpSocket> {
        self.table.get_mut(this).map_err(|_| ErrorCode::InvalidState)
    }

    /// Refuses a socket beyond the limit.
    fn check_sockets(&self) -> Outcome {
        let held = Arc::strong_count(&self.sockets) - 1;
        if held < self.ctx.limits.descriptors_max { Ok(()) } else { Err(ErrorCode::NewSocketLimit) }
    }

    /// Refuses a socket where no network has been granted, and beyond the limit.
    pub(super) fn check_new_socket(&self) -> Outcome {
        if self.ctx.network.is_none() {
            return Err(ErrorCode::AccessDenied);
        }
        self.check_sockets()
    }

    /// Counts a socket.
    pub(super) fn live(&self, socket: Socket) -> Arc<LiveSocket> {
        Arc::new(LiveSocket { socket, _counted: self.sockets.clone() })
    }

    /// Gives a guest the streams of a connection: both or none.
    fn give_streams(&mut self, live: &Arc<LiveSocket>) -> Outcome<Streams> {
        let input = self.push(InputStream::socket(live.clone()));
        let input = input.map_err(|_| ErrorCode::OutOfMemory)?;
        match self.push(OutputStream::socket(live.clone())) {
            Ok(output) => Ok((input, output)),
            Err(_) => {
                drop(self.delete::<InputStream>(&input));
                Err(ErrorCode::OutOfMemory)
            }
        }
    }
}

fn start_bind(state: &mut ComponentCtx, this: &This, address: AddressPort) -> Outcome {
    let socket = state.socket(this)?;
    socket.require(&[Stage::Unbound])?;
    let family = socket.family;
    let address = check(state, family, SocketUse::TcpBind, address)?;
    let socket = state.socket(this)?;
    socket.live.socket.bind(address)?;
    socket.stage = Stage::BindStarted;
    Ok(())
}

fn start_listen(state: &mut ComponentCtx, this: &This) -> Outcome {
    let socket = state.socket(this)?;
    socket.require(&[Stage::Bound])?;
    socket.live.socket.listen(socket.backlog)?;
    socket.stage = Stage::ListenStarted;
    Ok(())
}

fn start_connect(state: &mut ComponentCtx, this: &This, address: AddressPort) -> Outcome {
    let socket = state.socket(this)?;
    socket.require(&[Stage::Unbound, Stage::Bound])?;
    let family = socket.family;
    let to = SocketAddr::from(address);
    // The system takes an address that is none for this machine's.
    if to.ip().is_unspecified() || to.port() == 0 {
        return Err(ErrorCode::InvalidArgument);
    }
    let address = check(state, family, SocketUse::TcpConnect, address)?;
    let socket = state.socket(this)?;
    let begun = socket.live.socket.connect(address);
    socket.stage = if begun.is_ok() { Stage::Connecting } else { Stage::Closed };
    socket.remote = Some(address);
    Ok(begun?)
}

fn finish_connect(state: &mut ComponentCtx, this: &This) -> Outcome<Streams> {
    let socket = state.socket(this)?;
    if socket.stage != Stage::Connecting {
        return Err(ErrorCode::NotInProgress);
    }
    let waitable = socket.live.socket.waitable();
    let stands = crate::sys::wait(&[(waitable, Direction::Write)], Duration::ZERO)?;
    if !stands.iter().any(|stand| stand.ready) {
        return Err(ErrorCode::WouldBlock);
    }
    let connected = socket.live.socket.take_error();
    socket.stage = if connected.is_ok() { Stage::Connected } else { Stage::Closed };
    connected?;
    let live = socket.live.clone();
    state.give_streams(&live)
}

fn accept(
    state: &mut ComponentCtx,
    this: &This,
) -> Outcome<(Resource<TcpSocket>, Resource<InputStream>, Resource<OutputStream>)> {
    let socket = state.socket(this)?;
    socket.require(&[Stage::Listening])?;
    let (live, family, backlog) = (socket.live.clone(), socket.family, socket.backlog);
    state.check_sockets()?;
    let live = state.live(live.socket.accept()?);
    let (input, output) = state.give_streams(&live)?;
    let remote = live.socket.remote().ok();
    match state.push(TcpSocket { live, family, stage: Stage::Connected, backlog, remote }) {
        Ok(socket) => Ok((socket, input, output)),
        Err(_) => {
            drop(state.delete::<InputStream>(&input));
            drop(state.delete::<OutputStream>(&output));
            Err(ErrorCode::NewSocketLimit)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preview2::poll::block;
    use crate::{Limits, Network, WasiCtx};

    fn state(network: Option<Network>, limits: Limits) -> ComponentCtx {
        let mut builder = WasiCtx::builder();
        builder.limits(limits);
        if let Some(network) = network {
            builder.network(network);
        }
        ComponentCtx::new(builder.build().expect("a context"))
    }

    fn new(state: &mut ComponentCtx) -> This {
        Borrow::new(create(state, Family::V4).expect("a socket").rep())
    }

    fn at(address: &str) -> AddressPort {
        address.parse::<SocketAddr>().expect("an address").into()
    }

    /// A socket that listens, and where.
    fn listening(state: &mut ComponentCtx) -> (This, AddressPort) {
        let server = new(state);
        start_bind(state, &server, at("127.0.0.1:0")).expect("a port");
        assert_eq!(start_listen(state, &server), Err(ErrorCode::InvalidState));
        state
            .socket(&server)
            .expect("a socket")
            .go(Stage::BindStarted, Stage::Bound)
            .expect("bound");
        start_listen(state, &server).expect("a listener");
        let socket = state.socket(&server).expect("a socket");
        socket.go(Stage::ListenStarted, Stage::Listening).expect("listening");
        let address = socket.live.socket.local().expect("an address");
        (server, address.into())
    }

    #[test]
    fn nothing_is_reached_that_was_not_granted() {
        let mut none = state(None, Limits::default());
        assert_eq!(create(&mut none, Family::V4).err(), Some(ErrorCode::AccessDenied));
        let only = Network::new(|wanted, address| {
            wanted == SocketUse::TcpConnect && address.port() == 443
        });
        for (network, address) in
            [(only, "127.0.0.1:80"), (Network::public(), "169.254.169.254:80")]
        {
            let mut state = state(Some(network), Limits::default());
            let socket = new(&mut state);
            let connected = start_connect(&mut state, &socket, at(address));
            assert_eq!(connected, Err(ErrorCode::AccessDenied));
            let bound = start_bind(&mut state, &socket, at("0.0.0.0:0"));
            assert_eq!(bound, Err(ErrorCode::AccessDenied));
        }
    }

    #[test]
    fn addresses_that_are_none_for_a_socket_are_refused() {
        let mut state = state(Some(Network::any()), Limits::default());
        let socket = new(&mut state);
        for address in ["0.0.0.0:80", "127.0.0.1:0", "[::1]:80", "224.0.0.1:80"] {
            let connected = start_connect(&mut state, &socket, at(address));
            assert_eq!(connected, Err(ErrorCode::InvalidArgument), "{address}");
        }
        let socket = Borrow::new(create(&mut state, Family::V6).expect("a socket").rep());
        let connected = start_connect(&mut state, &socket, at("[::ffff:127.0.0.1]:80"));
        assert_eq!(connected, Err(ErrorCode::InvalidArgument));
    }

    #[test]
    fn a_connection_goes_through_its_stages() {
        let mut state = state(Some(Network::any()), Limits::default());
        let (server, address) = listening(&mut state);
        assert_eq!(accept(&mut state, &server).err(), Some(ErrorCode::WouldBlock));
        let client = new(&mut state);
        assert_eq!(finish_connect(&mut state, &client).err(), Some(ErrorCode::NotInProgress));
        start_connect(&mut state, &client, address).expect("begun");
        let live = state.socket(&client).expect("a socket").live.clone();
        block(&mut state, Pollable::Socket(live, Direction::Write));
        finish_connect(&mut state, &client).expect("connected");
        assert_eq!(start_connect(&mut state, &client, address), Err(ErrorCode::InvalidState));
        let live = state.socket(&server).expect("a socket").live.clone();
        block(&mut state, Pollable::Socket(live, Direction::Read));
        let (served, ..) = accept(&mut state, &server).expect("a connection");
        let local = state.socket(&client).expect("a socket").live.socket.local().expect("one");
        assert_eq!(state.table.get(&served).expect("a socket").remote, Some(local));
    }

    #[test]
    fn a_connection_that_is_refused_is_over() {
        let mut state = state(Some(Network::any()), Limits::default());
        let address = std::net::TcpListener::bind("127.0.0.1:0").and_then(|one| one.local_addr());
        let client = new(&mut state);
        if start_connect(&mut state, &client, address.expect("a port").into()).is_ok() {
            let live = state.socket(&client).expect("a socket").live.clone();
            block(&mut state, Pollable::Socket(live, Direction::Write));
            let refused = finish_connect(&mut state, &client).err();
            assert_eq!(refused, Some(ErrorCode::ConnectionRefused));
        }
        assert_eq!(state.socket(&client).expect("a socket").stage, Stage::Closed);
    }

    #[test]
    fn sockets_are_counted_as_long_as_they_live() {
        let limits = Limits { descriptors_max: 5, ..Limits::default() };
        let mut state = state(Some(Network::any()), limits);
        let made = [(); 5].map(|()| new(&mut state));
        assert_eq!(create(&mut state, Family::V4).err(), Some(ErrorCode::NewSocketLimit));
        let live = state.socket(&made[0]).expect("a socket").live.clone();
        drop(state.delete::<TcpSocket>(&made[0]));
        assert!(create(&mut state, Family::V4).is_err(), "a stream may have it yet");
        drop(live);
        assert!(create(&mut state, Family::V4).is_ok());
    }

    #[test]
    fn options_are_kept_within_what_systems_take() {
        assert_eq!(seconds(0), Err(ErrorCode::InvalidArgument));
        assert_eq!(seconds(1), Ok(Duration::from_secs(1)));
        assert_eq!(seconds(u64::MAX), Ok(Duration::from_secs(KEEP_ALIVE_SECONDS_MAX)));
        assert_eq!(buffer(0), Err(ErrorCode::InvalidArgument));
        assert_eq!(buffer(u64::MAX), Ok(BUFFER_BYTES_MAX as usize));
    }
}
