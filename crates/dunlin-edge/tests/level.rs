//! Memory of the whole process, which is why this test has it for itself.

mod support;

use std::io::Read;
use std::time::Duration;

use support::TestServer;

/// Bytes of this process that are in memory.
fn resident() -> u64 {
    let mut text = String::new();
    let read =
        std::fs::File::open("/proc/self/statm").and_then(|mut file| file.read_to_string(&mut text));
    if read.is_err() {
        return 0;
    }
    text.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * 4096
}

#[test]
fn memory_returns_to_its_level() {
    let server = TestServer::with(|options| {
        options.apps[0].limits.memory_bytes = 32 << 20;
        options.apps[0].limits.cpu = Duration::from_millis(500);
    });
    let abuse = || {
        for path in ["/grow", "/trap", "/half", "/exit", "/stream?n=100&size=10000", "/hello"] {
            let mut client = server.connect();
            client.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes());
            let _ = client.response();
        }
        let mut client = server.connect();
        client.send(b"GET /stream?n=100000&size=10000 HTTP/1.1\r\nHost: a\r\n\r\n");
        drop(client);
    };
    (0..10).for_each(|_| abuse());
    server.wait_for_metric("dunlin_requests_in_flight{app=\"drill\"}", 0);
    let before = resident();
    (0..30).for_each(|_| abuse());
    server.wait_for_metric("dunlin_requests_in_flight{app=\"drill\"}", 0);
    let grown = resident().saturating_sub(before);
    assert!(grown < 16 << 20, "{grown} bytes more");
}
