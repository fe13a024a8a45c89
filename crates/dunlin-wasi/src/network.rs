//! What a guest may reach over the network: nothing, unless an embedder grants it a [`Network`].

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// What a guest wants to do with an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SocketUse {
    /// Take it as its own, for TCP.
    TcpBind,
    /// Connect to it by TCP.
    TcpConnect,
    /// Take it as its own, for UDP.
    UdpBind,
    /// Send datagrams to it, and have those that come from it.
    UdpSend,
}

/// What a guest may reach.
pub struct Network {
    allows: Box<dyn Fn(SocketUse, SocketAddr) -> bool + Send + Sync>,
    names: bool,
}

impl fmt::Debug for Network {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Network").field("names", &self.names).finish_non_exhaustive()
    }
}

impl Network {
    /// Those addresses that a function allows; it is asked after names have been resolved. Names may be looked up.
    #[must_use]
    pub fn new(allows: impl Fn(SocketUse, SocketAddr) -> bool + Send + Sync + 'static) -> Network {
        Network { allows: Box::new(allows), names: true }
    }

    /// Everything that the host reaches, itself included.
    #[must_use]
    pub fn any() -> Network {
        Network::new(|_, _| true)
    }

    /// Connections and datagrams to [public](is_public) addresses, and no others.
    #[must_use]
    pub fn public() -> Network {
        Network::new(|wanted, address| match wanted {
            SocketUse::TcpConnect | SocketUse::UdpSend => is_public(address.ip()),
            // Any port, to send from.
            SocketUse::UdpBind => address.ip().is_unspecified() && address.port() == 0,
            SocketUse::TcpBind => false,
        })
    }

    /// Whether names may be looked up.
    #[must_use]
    pub fn names(mut self, allow: bool) -> Network {
        self.names = allow;
        self
    }

    pub(crate) fn allows(&self, wanted: SocketUse, address: SocketAddr) -> bool {
        (self.allows)(wanted, address)
    }

    pub(crate) fn allows_names(&self) -> bool {
        self.names
    }
}

/// Whether an address is one of the public internet: not this machine, a private or local network, where clouds keep their
/// metadata, or one that is set aside.
///
/// # Examples
/// ```
/// use dunlin_wasi::is_public;
///
/// assert!(is_public("1.1.1.1".parse()?));
/// for address in ["127.0.0.1", "10.1.2.3", "169.254.169.254", "::ffff:192.168.0.1", "fd00:ec2::254"] {
///     assert!(!is_public(address.parse()?), "{address}");
/// }
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let is_set_aside = match (a, b, c) {
        // This network; shared by carriers; protocols; documentation; measurements; set aside for ever.
        (0, ..) | (100, 64..=127, _) | (192, 0, 0 | 2) | (192, 88, 99) => true,
        (198, 18..=19, _) | (198, 51, 100) | (203, 0, 113) | (240..=255, ..) => true,
        _ => false,
    };
    !(is_set_aside
        || address.is_loopback()
        || address.is_private()
        || address.is_link_local()
        || address.is_multicast())
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, c, ..] = address.segments();
    // What stands for an address of the older kind is as public as that.
    if let Some(older) = address.to_ipv4() {
        return is_public_v4(older);
    }
    let [.., e, f] = address.segments();
    let embedded = Ipv4Addr::from((u32::from(e) << 16) | u32::from(f));
    match (a, b, c) {
        (0x64, 0xff9b, 0) => is_public_v4(embedded),
        (0x2002, ..) => is_public_v4(Ipv4Addr::from((u32::from(b) << 16) | u32::from(c))),
        // Only these have been given out, less tunnels, benchmarks, ORCHID and documentation.
        (0x2001, 0..=0x1ff | 0xdb8, _) | (0x3fff, 0..=0xfff, _) => false,
        (0x2000..=0x3fff, ..) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_are_public() {
        let is = |address: &str| is_public(address.parse().expect("an address"));
        for address in ["8.8.8.8", "100.63.0.1", "172.32.0.1", "2606:4700::1111", "::ffff:8.8.8.8"]
        {
            assert!(is(address), "{address}");
        }
        for address in [
            "0.0.0.0",
            "0.1.2.3",
            "127.9.9.9",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "100.64.0.1",
            "169.254.169.254",
            "192.0.2.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::127.0.0.1",
            "64:ff9b::a00:1",
            "2002:a00:1::",
            "fe80::1",
            "fc00::1",
            "fd12::1",
            "ff02::1",
            "2001:db8::1",
            "2001::1",
            "fec0::1",
        ] {
            assert!(!is(address), "{address}");
        }
    }
}
