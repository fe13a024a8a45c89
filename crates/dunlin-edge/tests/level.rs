//! Memory of the whole process, which is why this test has it for itself.

mod support;

use std::io::{Read, Write as _};
use std::time::Duration;

use dunlin_edge::server::{Log, LogFormat};
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
        options.log = Log::new(LogFormat::Json, std::io::sink());
        options.limits.header_wait = Duration::from_millis(500);
        options.apps[0].limits.memory_bytes = 32 << 20;
        options.apps[0].limits.cpu = Duration::from_millis(500);
    });
    let mut slow: Vec<_> = (0..20).map(|_| server.connect()).collect();
    let mut abuse = || {
        for path in ["/grow", "/trap", "/half", "/exit", "/stream?n=100&size=10000", "/hello"] {
            let mut client = server.connect();
            client.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes());
            let _ = client.response();
        }
        // Clients that vanish: while their guest spins, sleeps, writes; while they send a head, and a body.
        for request in [
            "GET /spin HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /sleep?ms=10000 HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /stream?n=100000&size=10000 HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /hello HTTP/1.1\r\nHost: a\r\nX-A: b",
            "POST /length HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nsome of it",
        ] {
            server.connect().send(request.as_bytes());
        }
        // Floods of the log; heads that are bombs, and heads that do not come.
        assert_eq!(server.get("/log?n=1000&size=100").status, 200);
        let mut bomb = server.connect();
        let head =
            format!("GET /hello HTTP/1.1\r\nHost: a\r\nX-A: {}\r\n\r\n", "x".repeat(60 << 10));
        // The server may have ended the connection before it has read all.
        let _ = bomb.stream.write_all(head.as_bytes());
        let _ = bomb.response();
        for client in &mut slow {
            if client.stream.write_all(b"X").is_err() {
                *client = server.connect();
            }
        }
    };
    (0..10).for_each(|_| abuse());
    server.wait_for_metric("dunlin_requests_in_flight{app=\"drill\"}", 0);
    let before = resident();
    (0..30).for_each(|_| abuse());
    server.wait_for_metric("dunlin_requests_in_flight{app=\"drill\"}", 0);
    let grown = resident().saturating_sub(before);
    assert!(grown < 16 << 20, "{grown} bytes more");
}
