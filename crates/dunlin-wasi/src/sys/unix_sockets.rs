//! Unix: sockets that do not wait, through `rustix`.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd as _, OwnedFd};
use std::time::Duration;

use rustix::net::{
    self, AddressFamily, RecvFlags, SendFlags, Shutdown, SocketFlags, SocketType, sockopt,
};

use super::Waitable;

/// A socket of TCP or UDP that does not wait.
#[derive(Debug)]
pub(crate) struct Socket(OwnedFd);

const FLAGS: SocketFlags = SocketFlags::NONBLOCK.union(SocketFlags::CLOEXEC);

impl Socket {
    /// A socket of TCP that is neither bound nor connected.
    pub(crate) fn new(is_v6: bool) -> io::Result<Socket> {
        Socket::of(is_v6, SocketType::STREAM)
    }

    /// The same of UDP.
    pub(crate) fn new_udp(is_v6: bool) -> io::Result<Socket> {
        Socket::of(is_v6, SocketType::DGRAM)
    }

    fn of(is_v6: bool, kind: SocketType) -> io::Result<Socket> {
        let family = if is_v6 { AddressFamily::INET6 } else { AddressFamily::INET };
        let socket = net::socket_with(family, kind, FLAGS, None)?;
        if is_v6 {
            sockopt::set_ipv6_v6only(&socket, true)?;
        }
        Ok(Socket(socket))
    }

    /// The socket, to wait for.
    pub(crate) fn waitable(&self) -> Waitable<'_> {
        Waitable(self.0.as_fd())
    }

    /// Takes an address, also one that connections of before have not let go of yet.
    pub(crate) fn bind(&self, address: SocketAddr) -> io::Result<()> {
        sockopt::set_socket_reuseaddr(&self.0, true)?;
        Ok(net::bind(&self.0, &address)?)
    }

    /// Takes an address that nobody else has.
    pub(crate) fn bind_alone(&self, address: SocketAddr) -> io::Result<()> {
        Ok(net::bind(&self.0, &address)?)
    }

    /// Undoes what connected a socket of UDP.
    pub(crate) fn disconnect(&self) -> io::Result<()> {
        Ok(net::connect_unspec(&self.0)?)
    }

    /// Takes a datagram, and where it came from.
    pub(crate) fn receive(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let (len, _, from) = net::recvfrom(&self.0, buffer, RecvFlags::empty())?;
        let from = from.ok_or(io::ErrorKind::InvalidData)?;
        Ok((len, from.try_into()?))
    }

    /// Sends a datagram, to where the socket is connected unless it is said.
    pub(crate) fn send(&self, bytes: &[u8], to: Option<SocketAddr>) -> io::Result<usize> {
        match to {
            Some(to) => Ok(net::sendto(&self.0, bytes, SendFlags::NOSIGNAL, &to)?),
            None => self.write(bytes),
        }
    }

    /// Begins to connect.
    pub(crate) fn connect(&self, address: SocketAddr) -> io::Result<()> {
        match net::connect(&self.0, &address) {
            Ok(()) | Err(rustix::io::Errno::INPROGRESS) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// What has gone wrong since this was last asked.
    pub(crate) fn take_error(&self) -> io::Result<()> {
        Ok(sockopt::socket_error(&self.0)??)
    }

    pub(crate) fn listen(&self, backlog: u16) -> io::Result<()> {
        Ok(net::listen(&self.0, backlog.into())?)
    }

    pub(crate) fn accept(&self) -> io::Result<Socket> {
        Ok(Socket(net::accept_with(&self.0, FLAGS)?))
    }

    pub(crate) fn local(&self) -> io::Result<SocketAddr> {
        Ok(net::getsockname(&self.0)?.try_into()?)
    }

    pub(crate) fn remote(&self) -> io::Result<SocketAddr> {
        let address = net::getpeername(&self.0)?.ok_or(io::ErrorKind::NotConnected)?;
        Ok(address.try_into()?)
    }

    pub(crate) fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(net::recv(&self.0, buffer, RecvFlags::empty())?.0)
    }

    pub(crate) fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        Ok(net::send(&self.0, bytes, SendFlags::NOSIGNAL)?)
    }

    pub(crate) fn shutdown(&self, how: std::net::Shutdown) -> io::Result<()> {
        let how = match how {
            std::net::Shutdown::Read => Shutdown::Read,
            std::net::Shutdown::Write => Shutdown::Write,
            std::net::Shutdown::Both => Shutdown::Both,
        };
        Ok(net::shutdown(&self.0, how)?)
    }

    pub(crate) fn keep_alive(&self) -> io::Result<bool> {
        Ok(sockopt::socket_keepalive(&self.0)?)
    }

    pub(crate) fn set_keep_alive(&self, on: bool) -> io::Result<()> {
        Ok(sockopt::set_socket_keepalive(&self.0, on)?)
    }

    pub(crate) fn keep_alive_idle(&self) -> io::Result<Duration> {
        Ok(sockopt::tcp_keepidle(&self.0)?)
    }

    pub(crate) fn set_keep_alive_idle(&self, span: Duration) -> io::Result<()> {
        Ok(sockopt::set_tcp_keepidle(&self.0, span)?)
    }

    pub(crate) fn keep_alive_interval(&self) -> io::Result<Duration> {
        Ok(sockopt::tcp_keepintvl(&self.0)?)
    }

    pub(crate) fn set_keep_alive_interval(&self, span: Duration) -> io::Result<()> {
        Ok(sockopt::set_tcp_keepintvl(&self.0, span)?)
    }

    pub(crate) fn keep_alive_count(&self) -> io::Result<u32> {
        Ok(sockopt::tcp_keepcnt(&self.0)?)
    }

    pub(crate) fn set_keep_alive_count(&self, count: u32) -> io::Result<()> {
        Ok(sockopt::set_tcp_keepcnt(&self.0, count)?)
    }

    pub(crate) fn hop_limit(&self, is_v6: bool) -> io::Result<u8> {
        match is_v6 {
            true => Ok(sockopt::ipv6_unicast_hops(&self.0)?),
            false => Ok(u8::try_from(sockopt::ip_ttl(&self.0)?).unwrap_or(u8::MAX)),
        }
    }

    pub(crate) fn set_hop_limit(&self, is_v6: bool, hops: u8) -> io::Result<()> {
        match is_v6 {
            true => Ok(sockopt::set_ipv6_unicast_hops(&self.0, Some(hops))?),
            false => Ok(sockopt::set_ip_ttl(&self.0, hops.into())?),
        }
    }

    pub(crate) fn receive_buffer(&self) -> io::Result<usize> {
        Ok(sockopt::socket_recv_buffer_size(&self.0)?)
    }

    pub(crate) fn set_receive_buffer(&self, bytes: usize) -> io::Result<()> {
        Ok(sockopt::set_socket_recv_buffer_size(&self.0, bytes)?)
    }

    pub(crate) fn send_buffer(&self) -> io::Result<usize> {
        Ok(sockopt::socket_send_buffer_size(&self.0)?)
    }

    pub(crate) fn set_send_buffer(&self, bytes: usize) -> io::Result<()> {
        Ok(sockopt::set_socket_send_buffer_size(&self.0, bytes)?)
    }
}
