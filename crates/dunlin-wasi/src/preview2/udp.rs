//! `wasi:sockets/udp`: datagrams, each function of which does not wait.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use dunlin_component::{Borrow, Resource, record};

use super::link::{Interface, Interfaces};
use super::network::{AddressPort, ErrorCode, Family, NetworkHandle, Outcome, check, socket_func};
use super::poll::Pollable;
use super::state::{ComponentCtx, trap};
use super::tcp::{LiveSocket, buffer};
use crate::errno::Errno;
use crate::network::SocketUse;
use crate::sys::{Direction, Socket};

/// Datagrams that one call moves: what it holds of them is the host's.
const DATAGRAMS_MAX: u64 = 16;

/// Bytes of the largest datagram.
const DATAGRAM_BYTES_MAX: usize = 65_535;

/// A socket of the guest's.
struct UdpSocket {
    live: Arc<LiveSocket>,
    family: Family,
    stage: Stage,
    /// Where it is connected to.
    remote: Option<SocketAddr>,
}

/// How far a socket has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Unbound,
    BindStarted,
    Bound,
}

/// What a guest receives datagrams by.
struct IncomingStream {
    live: Arc<LiveSocket>,
    /// From where alone they come.
    remote: Option<SocketAddr>,
}

/// What a guest sends datagrams by.
struct OutgoingStream {
    live: Arc<LiveSocket>,
    family: Family,
    remote: Option<SocketAddr>,
    /// How many may be sent.
    permit: u64,
}

record! {
    /// A datagram that has come.
    #[derive(Clone, Debug)]
    struct IncomingDatagram {
        data: Vec<u8> => "data",
        remote: AddressPort => "remote-address",
    }
}

record! {
    /// A datagram that is to go.
    #[derive(Clone, Debug)]
    struct OutgoingDatagram {
        data: Vec<u8> => "data",
        remote: Option<AddressPort> => "remote-address",
    }
}

type This = Borrow<UdpSocket>;

pub(super) fn define<T, G>(all: &mut Interfaces<'_, T, G>) -> dunlin::Result<()>
where
    T: 'static,
    G: Fn(&mut T) -> &mut ComponentCtx + Clone + Send + Sync + 'static,
{
    let mut udp = all.named("wasi:sockets/udp")?;
    udp.resource::<UdpSocket>("udp-socket")?
        .resource::<IncomingStream>("incoming-datagram-stream")?
        .resource::<OutgoingStream>("outgoing-datagram-stream")?;
    define_socket(&mut udp)?;
    define_options(&mut udp)?;
    define_streams(&mut udp)?;
    let mut creation = all.named("wasi:sockets/udp-create-socket")?;
    socket_func(&mut creation, "create-udp-socket", |state, (family,): (Family,)| {
        create(state, family)
    })
}

fn create(state: &mut ComponentCtx, family: Family) -> Outcome<Resource<UdpSocket>> {
    state.check_new_socket()?;
    let live = state.live(Socket::new_udp(family == Family::V6)?);
    let made = UdpSocket { live, family, stage: Stage::Unbound, remote: None };
    state.push(made).map_err(|_| ErrorCode::NewSocketLimit)
}

fn define_socket<T, G>(udp: &mut Interface<'_, T, G>) -> dunlin::Result<()>
where
    T: 'static,
    G: Fn(&mut T) -> &mut ComponentCtx + Clone + Send + Sync + 'static,
{
    type At = (This, Borrow<NetworkHandle>, AddressPort);
    socket_func(udp, "[method]udp-socket.start-bind", |state, (this, _, address): At| {
        start_bind(state, &this, address)
    })?;
    socket_func(udp, "[method]udp-socket.finish-bind", |state, (this,): (This,)| {
        let socket = state.udp(&this)?;
        if socket.stage != Stage::BindStarted {
            return Err(ErrorCode::NotInProgress);
        }
        socket.stage = Stage::Bound;
        Ok(())
    })?;
    socket_func(
        udp,
        "[method]udp-socket.stream",
        |state, (this, remote): (This, Option<AddressPort>)| stream(state, &this, remote),
    )?;
    socket_func(udp, "[method]udp-socket.local-address", |state, (this,): (This,)| {
        let socket = state.udp(&this)?;
        match socket.stage {
            Stage::Bound => Ok(AddressPort::from(socket.live.socket.local()?)),
            Stage::Unbound | Stage::BindStarted => Err(ErrorCode::InvalidState),
        }
    })?;
    socket_func(udp, "[method]udp-socket.remote-address", |state, (this,): (This,)| {
        state.udp(&this)?.remote.map(AddressPort::from).ok_or(ErrorCode::InvalidState)
    })?;
    udp.func("[method]udp-socket.address-family", |state, (this,): (This,)| {
        Ok(state.table.get(&this)?.family)
    })?
    .func("[method]udp-socket.subscribe", |state, (_,): (This,)| state.give(Pollable::Ready))?;
    Ok(())
}

fn define_options<T, G>(udp: &mut Interface<'_, T, G>) -> dunlin::Result<()>
where
    T: 'static,
    G: Fn(&mut T) -> &mut ComponentCtx + Clone + Send + Sync + 'static,
{
    socket_func(udp, "[method]udp-socket.unicast-hop-limit", |state, (this,): (This,)| {
        let socket = state.udp(&this)?;
        Ok(socket.live.socket.hop_limit(socket.family == Family::V6)?)
    })?;
    socket_func(udp, "[method]udp-socket.set-unicast-hop-limit", |state, args: (This, u8)| {
        let (socket, hops) = (state.udp(&args.0)?, args.1);
        match hops {
            0 => Err(ErrorCode::InvalidArgument),
            hops => Ok(socket.live.socket.set_hop_limit(socket.family == Family::V6, hops)?),
        }
    })?;
    socket_func(udp, "[method]udp-socket.receive-buffer-size", |state, (this,): (This,)| {
        Ok(state.udp(&this)?.live.socket.receive_buffer()? as u64)
    })?;
    socket_func(udp, "[method]udp-socket.set-receive-buffer-size", |state, args: (This, u64)| {
        Ok(state.udp(&args.0)?.live.socket.set_receive_buffer(buffer(args.1)?)?)
    })?;
    socket_func(udp, "[method]udp-socket.send-buffer-size", |state, (this,): (This,)| {
        Ok(state.udp(&this)?.live.socket.send_buffer()? as u64)
    })?;
    socket_func(udp, "[method]udp-socket.set-send-buffer-size", |state, args: (This, u64)| {
        Ok(state.udp(&args.0)?.live.socket.set_send_buffer(buffer(args.1)?)?)
    })
}

fn define_streams<T, G>(udp: &mut Interface<'_, T, G>) -> dunlin::Result<()>
where
    T: 'static,
    G: Fn(&mut T) -> &mut ComponentCtx + Clone + Send + Sync + 'static,
{
    type Incoming = Borrow<IncomingStream>;
    type Outgoing = Borrow<OutgoingStream>;
    socket_func(
        udp,
        "[method]incoming-datagram-stream.receive",
        |state, (this, count): (Incoming, u64)| receive(state, &this, count),
    )?;
    udp.func("[method]incoming-datagram-stream.subscribe", |state, (this,): (Incoming,)| {
        let live = state.table.get(&this)?.live.clone();
        state.give(Pollable::Socket(live, Direction::Read))
    })?;
    socket_func(
        udp,
        "[method]outgoing-datagram-stream.check-send",
        |state, (this,): (Outgoing,)| {
            let stream = state.table.get_mut(&this).map_err(|_| ErrorCode::InvalidState)?;
            let waitable = stream.live.socket.waitable();
            let stands = crate::sys::wait(&[(waitable, Direction::Write)], Duration::ZERO)?;
            let is_ready = stands.iter().any(|stand| stand.ready);
            stream.permit = if is_ready { DATAGRAMS_MAX } else { 0 };
            Ok(stream.permit)
        },
    )?;
    udp.func(
        "[method]outgoing-datagram-stream.send",
        |state, (this, datagrams): (Outgoing, Vec<OutgoingDatagram>)| {
            let stream = state.table.get_mut(&this)?;
            let left = stream.permit.checked_sub(datagrams.len() as u64);
            stream.permit =
                left.ok_or_else(|| trap("more datagrams are sent than `check-send` permitted"))?;
            Ok(send(state, &this, &datagrams))
        },
    )?
    .func("[method]outgoing-datagram-stream.subscribe", |state, (this,): (Outgoing,)| {
        let live = state.table.get(&this)?.live.clone();
        state.give(Pollable::Socket(live, Direction::Write))
    })?;
    Ok(())
}

impl ComponentCtx {
    fn udp(&mut self, this: &This) -> Outcome<&mut UdpSocket> {
        self.table.get_mut(this).map_err(|_| ErrorCode::InvalidState)
    }
}

fn start_bind(state: &mut ComponentCtx, this: &This, address: AddressPort) -> Outcome {
    let socket = state.udp(this)?;
    if socket.stage != Stage::Unbound {
        return Err(ErrorCode::InvalidState);
    }
    let family = socket.family;
    let address = check(state, family, SocketUse::UdpBind, address)?;
    let socket = state.udp(this)?;
    socket.live.socket.bind_alone(address)?;
    socket.stage = Stage::BindStarted;
    Ok(())
}

/// Whether an address is one that datagrams can go to.
fn is_target(address: AddressPort) -> bool {
    let address = SocketAddr::from(address);
    !address.ip().is_unspecified() && address.port() != 0
}

type Streams = (Resource<IncomingStream>, Resource<OutgoingStream>);

fn stream(state: &mut ComponentCtx, this: &This, remote: Option<AddressPort>) -> Outcome<Streams> {
    let socket = state.udp(this)?;
    if socket.stage != Stage::Bound {
        return Err(ErrorCode::InvalidState);
    }
    let (live, family, was) = (socket.live.clone(), socket.family, socket.remote);
    let remote = match remote {
        Some(remote) if !is_target(remote) => return Err(ErrorCode::InvalidArgument),
        Some(remote) => Some(check(state, family, SocketUse::UdpSend, remote)?),
        None => None,
    };
    if was.is_some() {
        live.socket.disconnect()?;
        state.udp(this)?.remote = None;
    }
    if let Some(remote) = remote {
        live.socket.connect(remote)?;
        state.udp(this)?.remote = Some(remote);
    }
    let incoming = state.push(IncomingStream { live: live.clone(), remote });
    let incoming = incoming.map_err(|_| ErrorCode::OutOfMemory)?;
    match state.push(OutgoingStream { live, family, remote, permit: 0 }) {
        Ok(outgoing) => Ok((incoming, outgoing)),
        Err(_) => {
            drop(state.delete::<IncomingStream>(&incoming));
            Err(ErrorCode::OutOfMemory)
        }
    }
}

/// Takes datagrams that have come. Those from where the guest may send none to are dropped.
fn receive(
    state: &mut ComponentCtx,
    this: &Borrow<IncomingStream>,
    count: u64,
) -> Outcome<Vec<IncomingDatagram>> {
    let stream = state.table.get(this).map_err(|_| ErrorCode::InvalidState)?;
    let network = state.ctx.network.as_ref().ok_or(ErrorCode::AccessDenied)?;
    let mut datagrams = Vec::new();
    let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
    for _ in 0..count.min(DATAGRAMS_MAX) {
        let (len, from) = match stream.live.socket.receive(&mut buffer) {
            Ok(received) => received,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => break,
            Err(_) if !datagrams.is_empty() => break,
            Err(error) => return Err(error.into()),
        };
        let is_wanted = match stream.remote {
            Some(remote) => remote == from,
            None => network.allows(SocketUse::UdpSend, from),
        };
        if is_wanted {
            let data = buffer.get(..len).unwrap_or_default().to_vec();
            datagrams.push(IncomingDatagram { data, remote: from.into() });
        }
    }
    Ok(datagrams)
}

/// Sends datagrams until one cannot be; how many went. Why the first could not is told.
fn send(
    state: &ComponentCtx,
    this: &Borrow<OutgoingStream>,
    datagrams: &[OutgoingDatagram],
) -> Outcome<u64> {
    let mut sent = 0;
    for datagram in datagrams {
        match send_one(state, this, datagram) {
            Ok(()) => sent += 1,
            Err(ErrorCode::WouldBlock) => break,
            Err(_) if sent > 0 => break,
            Err(error) => return Err(error),
        }
    }
    Ok(sent)
}

fn send_one(
    state: &ComponentCtx,
    this: &Borrow<OutgoingStream>,
    datagram: &OutgoingDatagram,
) -> Outcome {
    let stream = state.table.get(this).map_err(|_| ErrorCode::InvalidState)?;
    let to = match (stream.remote, datagram.remote) {
        (Some(remote), Some(to)) if remote != SocketAddr::from(to) => {
            return Err(ErrorCode::InvalidArgument);
        }
        (Some(_), _) => None,
        (None, Some(to)) if is_target(to) => {
            Some(check(state, stream.family, SocketUse::UdpSend, to)?)
        }
        (None, _) => return Err(ErrorCode::InvalidArgument),
    };
    stream.live.socket.send(&datagram.data, to).map(drop).map_err(|error| {
        let raw = error.raw_os_error().and_then(crate::sys::errno_of_raw);
        if raw == Some(Errno::Msgsize) { ErrorCode::DatagramTooLarge } else { error.into() }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preview2::poll::block;
    use crate::{Network, WasiCtx};

    fn state(network: Network) -> ComponentCtx {
        ComponentCtx::new(WasiCtx::builder().network(network).build().expect("a context"))
    }

    /// A socket that has a port of this machine's.
    fn bound(state: &mut ComponentCtx) -> (This, AddressPort) {
        let socket = Borrow::new(create(state, Family::V4).expect("a socket").rep());
        let any = "127.0.0.1:0".parse::<SocketAddr>().expect("an address");
        start_bind(state, &socket, any.into()).expect("a port");
        assert_eq!(stream(state, &socket, None).err(), Some(ErrorCode::InvalidState));
        let made = state.udp(&socket).expect("a socket");
        made.stage = Stage::Bound;
        let address = made.live.socket.local().expect("an address");
        (socket, address.into())
    }

    fn to(remote: Option<AddressPort>, len: usize) -> OutgoingDatagram {
        OutgoingDatagram { data: vec![7; len], remote }
    }

    #[test]
    fn datagrams_go_and_come() {
        let mut state = state(Network::any());
        let ((a, address), (b, there)) = (bound(&mut state), bound(&mut state));
        let (_, send_a) = stream(&mut state, &a, None).expect("streams");
        let (from_b, _) = stream(&mut state, &b, Some(address)).expect("streams");
        let (send_a, from_b) = (Borrow::new(send_a.rep()), Borrow::new(from_b.rep()));
        assert!(receive(&mut state, &from_b, 9).expect("none").is_empty());
        let both = [to(Some(there), 3), to(Some(there), 4)];
        assert_eq!(send(&state, &send_a, &both), Ok(2));
        let live = state.table.get(&from_b).expect("a stream").live.clone();
        block(&mut state, Pollable::Socket(live, Direction::Read));
        assert!(receive(&mut state, &from_b, 0).expect("none").is_empty());
        let come = receive(&mut state, &from_b, u64::MAX).expect("some");
        assert_eq!(come.first().map(|one| (one.data.len(), one.remote)), Some((3, address)));
    }

    #[test]
    fn datagrams_that_cannot_go_are_told() {
        let mut state = state(Network::any());
        let ((a, address), (_, there)) = (bound(&mut state), bound(&mut state));
        let (_, open) = stream(&mut state, &a, None).expect("streams");
        let open = Borrow::new(open.rep());
        for (datagram, why) in [
            (to(None, 1), ErrorCode::InvalidArgument),
            (to(Some(there), 70_000), ErrorCode::DatagramTooLarge),
        ] {
            assert_eq!(send(&state, &open, std::slice::from_ref(&datagram)), Err(why));
            assert_eq!(send(&state, &open, &[to(Some(there), 1), datagram]), Ok(1));
        }
        let (_, connected) = stream(&mut state, &a, Some(there)).expect("streams");
        let connected = Borrow::new(connected.rep());
        let other = send(&state, &connected, &[to(Some(address), 1)]);
        assert_eq!(other, Err(ErrorCode::InvalidArgument));
        assert_eq!(send(&state, &connected, &[to(None, 1)]), Ok(1));
    }

    #[test]
    fn nothing_goes_to_or_comes_from_where_it_may_not() {
        let address = |text: &str| text.parse::<SocketAddr>().expect("an address");
        let (allowed, target) = (address("127.0.0.1:9"), address("127.0.0.1:10"));
        let network =
            Network::new(move |wanted, address| wanted == SocketUse::UdpBind || address == allowed);
        let mut state = state(network);
        let (socket, here) = bound(&mut state);
        let (incoming, outgoing) = stream(&mut state, &socket, None).expect("streams");
        let outgoing = Borrow::new(outgoing.rep());
        let sent = send(&state, &outgoing, &[to(Some(target.into()), 1)]);
        assert_eq!(sent, Err(ErrorCode::AccessDenied));
        let connected = stream(&mut state, &socket, Some(target.into())).err();
        assert_eq!(connected, Some(ErrorCode::AccessDenied));
        let other = std::net::UdpSocket::bind("127.0.0.1:0").expect("a socket");
        other.send_to(b"x", SocketAddr::from(here)).expect("sent");
        let live = state.udp(&socket).expect("a socket").live.clone();
        block(&mut state, Pollable::Socket(live, Direction::Read));
        let incoming = Borrow::new(incoming.rep());
        assert!(receive(&mut state, &incoming, 9).expect("dropped").is_empty());
    }
}
