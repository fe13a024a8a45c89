//! What an app may request: hosts by patterns, addresses by what they are.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use dunlin_wasi::is_public;
use dunlin_wasi::preview2::http::ErrorCode;
use http::Uri;
use http::uri::Scheme;

/// What an app may request. Nothing, unless a pattern allows it.
///
/// # Examples
/// ```
/// use dunlin_edge::outgoing::Policy;
///
/// let policy = Policy::none()
///     .allow("api.example.com")?
///     .allow("https://*.example.org:8443")?
///     .allow("127.0.0.1:8081")?;
/// assert!(policy.allows(&"https://api.example.com/a".parse()?));
/// assert!(!policy.allows(&"https://api.example.com:8443/".parse()?));
/// assert!(policy.allows(&"https://a.b.example.org:8443/".parse()?));
/// assert!(!policy.allows(&"http://evil.com/".parse()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Policy {
    patterns: Vec<Pattern>,
    networks: Vec<Network>,
}

/// A pattern or network that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadPattern(String);

impl fmt::Display for BadPattern {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "`{}` is no pattern of hosts or addresses; `example.com`, `*.example.com:8443`, `https://example.com:*`, \
             `[::1]:8080`, `*` and `10.0.0.0/8` are",
            self.0.escape_default()
        )
    }
}

impl std::error::Error for BadPattern {}

/// Which hosts, by which scheme, at which port.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pattern {
    is_https: Option<bool>,
    host: HostPattern,
    port: PortPattern,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum HostPattern {
    Any,
    Exact(String),
    /// Those that end so, dot included.
    Below(String),
    Address(IpAddr),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PortPattern {
    Any,
    /// That of the scheme.
    Usual,
    Exact(u16),
}

/// Addresses with the same first bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Network {
    address: IpAddr,
    bits: u32,
}

/// Where a request goes: what connections are pooled by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Target {
    pub(super) is_https: bool,
    /// Lower-case, without brackets and without the dot at the end.
    pub(super) host: String,
    pub(super) port: u16,
}

impl Target {
    /// Where a URI leads.
    pub(super) fn of(uri: &Uri) -> Result<Target, ErrorCode> {
        let is_https = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            Some(scheme) if *scheme == Scheme::HTTP => false,
            _ => return Err(ErrorCode::HttpRequestUriInvalid),
        };
        let host = host_of(uri.host().unwrap_or_default());
        if host.is_empty() {
            return Err(ErrorCode::HttpRequestUriInvalid);
        }
        let port = uri.port_u16().unwrap_or(usual_port(is_https));
        Ok(Target { is_https, host, port })
    }

    /// The address, if the host is one.
    pub(super) fn address(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }
}

fn usual_port(is_https: bool) -> u16 {
    if is_https { 443 } else { 80 }
}

/// A host as it is compared.
fn host_of(text: &str) -> String {
    let inner = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let inner = inner.strip_suffix('.').unwrap_or(inner);
    inner.to_ascii_lowercase()
}

impl Policy {
    /// Nothing.
    #[must_use]
    pub fn none() -> Policy {
        Policy::default()
    }

    /// All hosts with public addresses.
    #[must_use]
    pub fn public() -> Policy {
        let (host, port) = (HostPattern::Any, PortPattern::Any);
        let pattern = Pattern { is_https: None, host, port };
        Policy { patterns: vec![pattern], networks: Vec::new() }
    }

    /// Allows what a pattern names: a host, `*.` and the end of one, or `*` for all; before it perhaps a scheme, after it
    /// perhaps a port, or `*` for all ports. Without a port it is that of the scheme.
    ///
    /// A host that is an address, or `localhost`, is allowed to be one that is not public.
    ///
    /// # Errors
    /// [`BadPattern`] for what is none.
    pub fn allow(mut self, pattern: &str) -> Result<Policy, BadPattern> {
        let parsed = Pattern::parse(pattern).ok_or_else(|| BadPattern(pattern.to_owned()))?;
        self.patterns.push(parsed);
        Ok(self)
    }

    /// Allows addresses that are not public, to hosts that a pattern allows: an address, or a network such as `10.0.0.0/8`.
    ///
    /// # Errors
    /// [`BadPattern`] for what is none.
    pub fn allow_addresses(mut self, network: &str) -> Result<Policy, BadPattern> {
        let parsed = Network::parse(network).ok_or_else(|| BadPattern(network.to_owned()))?;
        self.networks.push(parsed);
        Ok(self)
    }

    /// Whether a URI may be requested, as far as that can be said before its host's name is resolved.
    #[must_use]
    pub fn allows(&self, uri: &Uri) -> bool {
        Target::of(uri).is_ok_and(|target| self.allows_target(&target))
    }

    pub(super) fn allows_target(&self, target: &Target) -> bool {
        self.patterns.iter().any(|pattern| pattern.matches(target))
    }

    /// Whether an address may be connected to for a target that is allowed.
    pub(super) fn allows_address(&self, target: &Target, address: IpAddr) -> bool {
        is_public(address)
            || self.networks.iter().any(|network| network.contains(address))
            || self.patterns.iter().any(|pattern| pattern.names(target, address))
    }
}

impl Pattern {
    fn parse(text: &str) -> Option<Pattern> {
        let (is_https, rest) = match text.split_once("://") {
            None => (None, text),
            Some(("http", rest)) => (Some(false), rest),
            Some(("https", rest)) => (Some(true), rest),
            Some(_) => return None,
        };
        if rest == "*" {
            let (host, port) = (HostPattern::Any, PortPattern::Any);
            return Some(Pattern { is_https, host, port });
        }
        let (host, port) = split_port(rest)?;
        let port = match port {
            None => PortPattern::Usual,
            Some("*") => PortPattern::Any,
            Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
                PortPattern::Exact(port.parse().ok()?)
            }
            Some(_) => return None,
        };
        Some(Pattern { is_https, host: HostPattern::parse(host)?, port })
    }

    fn matches(&self, target: &Target) -> bool {
        let is_port = match self.port {
            PortPattern::Any => true,
            PortPattern::Usual => target.port == usual_port(target.is_https),
            PortPattern::Exact(port) => target.port == port,
        };
        let is_host = match &self.host {
            HostPattern::Any => true,
            HostPattern::Exact(host) => target.host == *host,
            HostPattern::Below(end) => {
                target.host.len() > end.len() && target.host.ends_with(end.as_str())
            }
            HostPattern::Address(address) => target.address() == Some(*address),
        };
        is_port && is_host && self.is_https.is_none_or(|is_https| is_https == target.is_https)
    }

    /// Whether it names an address itself, which does not have to be public then.
    fn names(&self, target: &Target, address: IpAddr) -> bool {
        let is_named = match &self.host {
            HostPattern::Address(named) => *named == address,
            HostPattern::Exact(host) => host == "localhost" && address.to_canonical().is_loopback(),
            HostPattern::Any | HostPattern::Below(_) => false,
        };
        is_named && self.matches(target)
    }
}

/// A host, and what stands after its colon.
fn split_port(text: &str) -> Option<(&str, Option<&str>)> {
    if text.starts_with('[') {
        let end = text.find(']')?;
        let (host, after) = text.split_at(end + 1);
        return match after {
            "" => Some((host, None)),
            after => Some((host, Some(after.strip_prefix(':')?))),
        };
    }
    Some(text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))))
}

impl HostPattern {
    fn parse(text: &str) -> Option<HostPattern> {
        if text == "*" {
            return Some(HostPattern::Any);
        }
        let host = host_of(text);
        if let Ok(address) = host.parse() {
            return Some(HostPattern::Address(address));
        }
        let (end, is_below) = match host.strip_prefix('*') {
            Some(end) => (end.strip_prefix('.')?, true),
            None => (&*host, false),
        };
        let is_name = !end.is_empty()
            && end.split('.').all(|label| {
                !label.is_empty()
                    && label
                        .bytes()
                        .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
            });
        match (is_name, is_below) {
            (false, _) => None,
            (true, true) => Some(HostPattern::Below(format!(".{end}"))),
            (true, false) => Some(HostPattern::Exact(host)),
        }
    }
}

impl Network {
    fn parse(text: &str) -> Option<Network> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address.parse().ok()?, Some(bits.parse().ok()?)),
            None => (text.parse().ok()?, None),
        };
        let most = if matches!(address, IpAddr::V4(_)) { 32 } else { 128 };
        let bits = bits.unwrap_or(most);
        (bits <= most).then_some(Network { address, bits })
    }

    fn contains(&self, address: IpAddr) -> bool {
        let high = |value: u128, bits: u32| value.checked_shr(128 - bits).unwrap_or(0);
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let bits = |address: std::net::Ipv4Addr| u128::from(address.to_bits()) << 96;
                high(bits(network), self.bits) == high(bits(address), self.bits)
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let bits = Ipv6Addr::to_bits;
                high(bits(network), self.bits) == high(bits(address), self.bits)
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(patterns: &[&str]) -> Policy {
        patterns
            .iter()
            .fold(Policy::none(), |policy, pattern| policy.allow(pattern).expect("a pattern"))
    }

    fn allows(patterns: &[&str], uri: &str) -> bool {
        policy(patterns).allows(&uri.parse().expect("a URI"))
    }

    #[test]
    fn patterns_name_hosts_schemes_and_ports() {
        for (pattern, uri, is) in [
            ("example.com", "http://example.com/", true),
            ("example.com", "https://EXAMPLE.com./", true),
            ("example.com", "https://example.com:8443/", false),
            ("example.com", "http://example.com:443/", false),
            ("example.com", "http://a.example.com/", false),
            ("example.com", "http://example.com.evil.com/", false),
            ("example.com:*", "http://example.com:81/", true),
            ("example.com:81", "http://example.com:81/", true),
            ("example.com:81", "http://example.com/", false),
            ("https://example.com", "http://example.com/", false),
            ("*.example.com", "http://a.b.example.com/", true),
            ("*.example.com", "http://example.com/", false),
            ("*.example.com", "http://.example.com/", false),
            ("*.example.com", "http://evilexample.com/", false),
            ("*", "http://any.host:99/", true),
            ("https://*", "http://any.host/", false),
            ("127.0.0.1:80", "http://127.0.0.1/", true),
            ("[::1]:8080", "http://[::1]:8080/", true),
            ("[::1]:8080", "http://[0:0:0:0:0:0:0:1]:8080/", true),
            ("[::1]", "http://[::2]/", false),
        ] {
            assert_eq!(allows(&[pattern], uri), is, "{pattern} {uri}");
        }
        assert!(!Policy::none().allows(&"http://example.com/".parse().expect("a URI")));
    }

    #[test]
    fn what_is_no_pattern_is_said() {
        for text in [
            "", "ftp://a", "a b", "*a", "a*", "*.", "a..b", "a:", "a:x", "a:+1", "a:65536", "[::1",
            "a/b", "u@a",
        ] {
            let error = Policy::none().allow(text).expect_err(text);
            assert!(error.to_string().contains(text));
        }
        for text in ["", "10.0.0.0/33", "a", "10.0.0.0/", "::/129"] {
            assert!(Policy::none().allow_addresses(text).is_err(), "{text}");
        }
    }

    #[test]
    fn only_public_addresses_are_connected_to_unless_named() {
        let target = |host: &str| Target { is_https: false, host: host.into(), port: 80 };
        let address = |text: &str| text.parse::<IpAddr>().expect("an address");
        let any = policy(&["*", "10.0.0.1", "localhost"]);
        for (host, to, is) in [
            ("example.com", "1.1.1.1", true),
            ("example.com", "127.0.0.1", false),
            ("example.com", "10.0.0.1", false),
            ("example.com", "169.254.169.254", false),
            ("example.com", "100.64.0.1", false),
            ("example.com", "::ffff:127.0.0.1", false),
            ("example.com", "fd00:ec2::254", false),
            ("10.0.0.1", "10.0.0.1", true),
            ("10.0.0.2", "10.0.0.2", false),
            ("localhost", "127.0.0.1", true),
            ("localhost", "::1", true),
            ("localhost", "10.0.0.1", false),
        ] {
            assert_eq!(any.allows_address(&target(host), address(to)), is, "{host} {to}");
        }
        let inside = policy(&["*"]).allow_addresses("10.0.0.0/8").expect("a network");
        let inside = inside.allow_addresses("fd00::/8").expect("a network");
        for (to, is) in [
            ("10.255.0.1", true),
            ("::ffff:10.1.2.3", true),
            ("11.0.0.1", true),
            ("192.168.0.1", false),
            ("fd12::1", true),
            ("fe80::1", false),
        ] {
            assert_eq!(inside.allows_address(&target("a"), address(to)), is, "{to}");
        }
        let all = policy(&["*"]).allow_addresses("0.0.0.0/0").expect("a network");
        assert!(all.allows_address(&target("a"), address("127.0.0.1")));
        assert!(!all.allows_address(&target("a"), address("::1")));
    }
}
