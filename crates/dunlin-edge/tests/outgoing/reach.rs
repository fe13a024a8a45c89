//! What must not be reached: hosts that are not allowed, addresses that are not public, names that change their
//! minds.

use std::sync::atomic::Ordering;

use dunlin_edge::outgoing::{Client, Policy, Resolve, Resolved, Settings};
use dunlin_wasi::preview2::http::{ErrorCode, RequestOptions};

use crate::servers::{Names, Server, client, fetch, fetch_with, get, settings};

/// A client that may request everything, and whose names are resolved to these, one after the other.
fn resolving(answers: &[&[&str]]) -> (Client, std::sync::Arc<Names>) {
    let names = Names::new(answers);
    let mut settings = Settings::default();
    settings.policy = Policy::public();
    settings.resolver = names.clone();
    (Client::new(settings), names)
}

#[tokio::test]
async fn hosts_that_no_pattern_names_are_refused() {
    let server = Server::default();
    let at = server.start(None).await;
    let mut none = settings();
    none.policy = Policy::none();
    for (client, uri) in [
        (Client::new(none), format!("http://{at}/")),
        (client(), format!("http://localhost:{}/", at.port())),
        (client(), "http://example.com/".into()),
        (client(), "http://127.0.0.2/".into()),
    ] {
        let refused = fetch(&client, get(&uri)).await.err();
        assert_eq!(refused, Some(ErrorCode::HttpRequestDenied), "{uri}");
    }
    for uri in ["ftp://127.0.0.1/", "/a"] {
        let refused = fetch(&client(), get(uri)).await.err();
        assert_eq!(refused, Some(ErrorCode::HttpRequestUriInvalid), "{uri}");
    }
    assert_eq!(server.counts(), (0, 0));
}

#[tokio::test]
async fn addresses_that_are_not_public_are_refused_after_resolution() {
    let server = Server::default();
    let port = server.start(None).await.port();
    for address in [
        "127.0.0.1",
        "127.9.9.9",
        "0.0.0.0",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.0.1",
        "100.64.0.1",
        "169.254.169.254",
        "::1",
        "::",
        "::ffff:127.0.0.1",
        "fe80::1",
        "fd00:ec2::254",
        "64:ff9b::7f00:1",
    ] {
        let (client, _) = resolving(&[&[address]]);
        let refused = fetch(&client, get(&format!("http://name.test:{port}/"))).await.err();
        assert_eq!(refused, Some(ErrorCode::DestinationIpProhibited), "{address}");
        let host = if address.contains(':') { format!("[{address}]") } else { address.into() };
        let refused = fetch(&client, get(&format!("http://{host}:{port}/"))).await.err();
        assert_eq!(refused, Some(ErrorCode::DestinationIpProhibited), "{address}");
    }
    // What the system's resolver reads as an address, and no pattern does.
    let mut settings = Settings::default();
    settings.policy = Policy::public();
    let client = Client::new(settings);
    for host in ["localhost", "2130706433", "0x7f.1", "0177.0.0.1", "127.1"] {
        let refused = fetch(&client, get(&format!("http://{host}:{port}/"))).await.err();
        let is =
            matches!(refused, Some(ErrorCode::DestinationIpProhibited | ErrorCode::DnsError(_)));
        assert!(is, "{host}: {refused:?}");
    }
    assert_eq!(server.counts(), (0, 0));
}

#[tokio::test]
async fn a_name_is_resolved_once_for_a_connection() {
    let server = Server::default();
    let port = server.start(None).await.port();
    let names = Names::new(&[&["127.0.0.1"], &["10.0.0.1"]]);
    let mut settings = Settings::default();
    settings.policy = Policy::none().allow("name.test:*").expect("a pattern");
    settings.policy = settings.policy.allow_addresses("127.0.0.1").expect("an address");
    settings.resolver = names.clone();
    let client = Client::new(settings);
    let uri = format!("http://name.test:{port}/");
    // It is what was looked at that is connected to, whatever the name says later.
    fetch(&client, get(&uri)).await.expect("a response");
    assert_eq!(names.1.load(Ordering::SeqCst), 1);
    let (other, names) = resolving(&[&["10.0.0.1"], &["127.0.0.1"]]);
    assert_eq!(fetch(&other, get(&uri)).await.err(), Some(ErrorCode::DestinationIpProhibited));
    assert_eq!(names.1.load(Ordering::SeqCst), 1);
    assert_eq!(server.counts(), (1, 1));
}

#[tokio::test]
async fn addresses_that_are_allowed_are_found_among_others() {
    let server = Server::default();
    let port = server.start(None).await.port();
    let mut settings = Settings::default();
    settings.policy = Policy::public().allow_addresses("127.0.0.1").expect("an address");
    settings.resolver = Names::new(&[&["10.0.0.1", "127.0.0.1"]]);
    let client = Client::new(settings);
    fetch(&client, get(&format!("http://name.test:{port}/"))).await.expect("a response");
    let nobody = resolving(&[]).0;
    let failed = fetch(&nobody, get("http://name.test/")).await.err();
    assert!(matches!(failed, Some(ErrorCode::DnsError(_))), "{failed:?}");
}

/// Never says anything.
struct Silent;

impl Resolve for Silent {
    fn resolve(&self, _: &str) -> Resolved {
        Box::pin(std::future::pending())
    }
}

#[tokio::test]
async fn a_resolver_is_waited_for_no_longer_than_a_connection_may_take() {
    let mut settings = Settings::default();
    settings.policy = Policy::public();
    settings.resolver = std::sync::Arc::new(Silent);
    let client = Client::new(settings);
    let mut options = RequestOptions::default();
    options.connect_timeout = Some(std::time::Duration::from_millis(30));
    let failed = fetch_with(&client, get("http://name.test/"), options).await.err();
    assert_eq!(failed, Some(ErrorCode::DnsTimeout));
}
