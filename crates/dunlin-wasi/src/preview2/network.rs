//! `wasi:sockets/network` and `instance-network`: addresses, and failures.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use dunlin_component::{LiftParams, LowerPayload, enumeration, record, variant};

use super::link::{Interface, Interfaces};
use super::state::ComponentCtx;
use crate::network::SocketUse;

/// Stands for what the guest may reach.
pub(super) struct NetworkHandle;

enumeration! {
    /// Why a function of `wasi:sockets` failed.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(super) enum ErrorCode {
        Unknown => "unknown",
        AccessDenied => "access-denied",
        NotSupported => "not-supported",
        InvalidArgument => "invalid-argument",
        OutOfMemory => "out-of-memory",
        Timeout => "timeout",
        ConcurrencyConflict => "concurrency-conflict",
        NotInProgress => "not-in-progress",
        WouldBlock => "would-block",
        InvalidState => "invalid-state",
        NewSocketLimit => "new-socket-limit",
        AddressNotBindable => "address-not-bindable",
        AddressInUse => "address-in-use",
        RemoteUnreachable => "remote-unreachable",
        ConnectionRefused => "connection-refused",
        ConnectionReset => "connection-reset",
        ConnectionAborted => "connection-aborted",
        DatagramTooLarge => "datagram-too-large",
        NameUnresolvable => "name-unresolvable",
        TemporaryResolverFailure => "temporary-resolver-failure",
        PermanentResolverFailure => "permanent-resolver-failure",
    }
}

impl From<io::Error> for ErrorCode {
    fn from(error: io::Error) -> ErrorCode {
        use io::ErrorKind as Kind;
        match error.kind() {
            Kind::PermissionDenied => ErrorCode::AccessDenied,
            Kind::Unsupported => ErrorCode::NotSupported,
            Kind::InvalidInput => ErrorCode::InvalidArgument,
            Kind::OutOfMemory => ErrorCode::OutOfMemory,
            Kind::TimedOut => ErrorCode::Timeout,
            Kind::WouldBlock => ErrorCode::WouldBlock,
            Kind::NotConnected => ErrorCode::InvalidState,
            Kind::AddrNotAvailable => ErrorCode::AddressNotBindable,
            Kind::AddrInUse => ErrorCode::AddressInUse,
            Kind::HostUnreachable | Kind::NetworkUnreachable | Kind::NetworkDown => {
                ErrorCode::RemoteUnreachable
            }
            Kind::ConnectionRefused => ErrorCode::ConnectionRefused,
            Kind::ConnectionReset | Kind::BrokenPipe => ErrorCode::ConnectionReset,
            Kind::ConnectionAborted => ErrorCode::ConnectionAborted,
            _ => ErrorCode::Unknown,
        }
    }
}

enumeration! {
    /// Which kind of addresses.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(super) enum Family {
        V4 => "ipv4",
        V6 => "ipv6",
    }
}

/// What functions of sockets answer.
pub(super) type Outcome<R = ()> = Result<R, ErrorCode>;

type V4 = (u8, u8, u8, u8);
type V6 = (u16, u16, u16, u16, u16, u16, u16, u16);

variant! {
    /// An address.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(super) enum Address {
        V4(V4) => "ipv4",
        V6(V6) => "ipv6",
    }
}

record! {
    /// An address and port.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(super) struct V4Socket {
        port: u16 => "port",
        address: V4 => "address",
    }
}

record! {
    /// An address and port.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(super) struct V6Socket {
        port: u16 => "port",
        flow_info: u32 => "flow-info",
        address: V6 => "address",
        scope_id: u32 => "scope-id",
    }
}

variant! {
    /// An address and port.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(super) enum AddressPort {
        V4(V4Socket) => "ipv4",
        V6(V6Socket) => "ipv6",
    }
}

impl From<IpAddr> for Address {
    fn from(address: IpAddr) -> Address {
        match address {
            IpAddr::V4(address) => Address::V4(address.octets().into()),
            IpAddr::V6(address) => Address::V6(address.segments().into()),
        }
    }
}

impl From<AddressPort> for SocketAddr {
    fn from(address: AddressPort) -> SocketAddr {
        match address {
            AddressPort::V4(V4Socket { port, address: (a, b, c, d) }) => {
                SocketAddrV4::new(Ipv4Addr::new(a, b, c, d), port).into()
            }
            AddressPort::V6(V6Socket { port, flow_info, address, scope_id }) => {
                let address = Ipv6Addr::from(<[u16; 8]>::from(address));
                SocketAddrV6::new(address, port, flow_info, scope_id).into()
            }
        }
    }
}

impl From<SocketAddr> for AddressPort {
    fn from(address: SocketAddr) -> AddressPort {
        match address {
            SocketAddr::V4(v4) => {
                AddressPort::V4(V4Socket { port: v4.port(), address: v4.ip().octets().into() })
            }
            SocketAddr::V6(v6) => AddressPort::V6(V6Socket {
                port: v6.port(),
                flow_info: v6.flowinfo(),
                address: v6.ip().segments().into(),
                scope_id: v6.scope_id(),
            }),
        }
    }
}

pub(super) fn define<T, G>(all: &mut Interfaces<'_, T, G>) -> dunlin::Result<()>
where
    T: 'static,
    G: Fn(&mut T) -> &mut ComponentCtx + Clone + Send + Sync + 'static,
{
    all.named("wasi:sockets/network")?.resource::<NetworkHandle>("network")?;
    all.named("wasi:sockets/instance-network")?
        .func("instance-network", |state, ()| state.give(NetworkHandle))?;
    Ok(())
}

/// Defines a function that may fail.
pub(super) fn socket_func<T, G, P, R>(
    interface: &mut Interface<'_, T, G>,
    name: &str,
    function: impl Fn(&mut ComponentCtx, P) -> Outcome<R> + Send + Sync + 'static,
) -> dunlin::Result<()>
where
    T: 'static,
    G: Fn(&mut T) -> &mut ComponentCtx + Clone + Send + Sync + 'static,
    P: LiftParams + 'static,
    R: LowerPayload + 'static,
{
    interface.func(name, move |state, params: P| Ok(function(state, params))).map(drop)
}

/// Refuses an address that is not of a socket's family, or may not be used so.
pub(super) fn check(
    state: &ComponentCtx,
    family: Family,
    wanted: SocketUse,
    address: AddressPort,
) -> Result<SocketAddr, ErrorCode> {
    let address = SocketAddr::from(address);
    let is_of_family = match address {
        SocketAddr::V4(_) => family == Family::V4,
        // Sockets of one family are not to be used for the other's.
        SocketAddr::V6(v6) => family == Family::V6 && v6.ip().to_ipv4_mapped().is_none(),
    };
    if !is_of_family || address.ip().is_multicast() {
        return Err(ErrorCode::InvalidArgument);
    }
    let network = state.ctx.network.as_ref();
    match network.is_some_and(|network| network.allows(wanted, address)) {
        true => Ok(address),
        false => Err(ErrorCode::AccessDenied),
    }
}
