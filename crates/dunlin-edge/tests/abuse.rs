//! Clients and guests that do not behave: they get what they deserve, and others do not notice.

mod support;

use std::io::Write;
use std::time::{Duration, Instant};

use dunlin_edge::server::Options;
use support::{Client, TestServer};

/// A server whose clients have little time.
fn hasty(set: impl FnOnce(&mut Options)) -> TestServer {
    TestServer::with(|options| {
        options.limits.header_wait = Duration::from_millis(1500);
        options.limits.idle = Duration::from_millis(800);
        options.limits.stall = Duration::from_millis(600);
        options.limits.stall_bytes = 1000;
        set(options);
    })
}

/// How long a request takes that asks for little, at most of several.
fn neighbour(server: &TestServer) -> Duration {
    let mut client = server.connect();
    let times = (0..3).map(|_| {
        let begun = Instant::now();
        assert_eq!(client.get("/hello").status, 200);
        begun.elapsed()
    });
    times.max().unwrap()
}

#[test]
fn guests_that_fail_are_answered_for() {
    let server = TestServer::with(|options| {
        options.apps[0].limits.cpu = Duration::from_millis(200);
        options.apps[0].limits.wall = Duration::from_millis(900);
        options.apps[0].limits.memory_bytes = 16 << 20;
    });
    for (path, status, reason) in [
        ("/trap", 500, "trap"),
        ("/spin", 504, "cpu-time"),
        ("/grow", 500, "memory"),
        ("/none", 500, "no-response"),
        ("/exit?code=3", 500, "exit"),
        ("/sleep?ms=60000", 504, "timeout"),
    ] {
        let response = server.get(path);
        assert_eq!(response.status, status, "{path}: {}", response.text());
        let id = response.header("dunlin-request-id").expect("an id").to_owned();
        assert!(response.text().contains(&id), "{path}");
        let text = server.logged.wait_for(&id);
        let line = text.lines().find(|line| line.contains(&id)).expect("a line");
        assert!(line.contains(&format!("\"reason\":\"{reason}\"")), "{path}: {line}");
        server.wait_for_metric(
            &format!("dunlin_errors_total{{app=\"drill\",reason=\"{reason}\"}}"),
            1,
        );
    }
    assert!(server.logged.text().contains("\"backtrace\":"), "{}", server.logged.text());
    assert_eq!(server.get("/hello").status, 200);
}

#[test]
fn a_response_that_breaks_off_is_seen_to() {
    let server = TestServer::with(|options| options.apps[0].limits.response_body_bytes = 100_000);
    for path in ["/half", "/half?trap=0", "/stream?n=1000&size=1000"] {
        let mut client = server.connect();
        client.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes());
        match client.response() {
            Some(response) if response.status == 200 => assert!(!response.is_whole, "{path}"),
            // Nothing of it had been sent.
            Some(response) => assert_eq!(response.status, 500, "{path}"),
            None => {}
        }
    }
    assert_eq!(server.get("/hello").status, 200);
}

#[test]
fn what_is_no_http_is_refused() {
    let server = TestServer::new();
    let big = "x".repeat(40 << 10);
    let many = "a: b\r\n".repeat(200);
    let rows: &[(&str, String, &[u16])] = &[
        ("both lengths", "POST /length HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".into(), &[400]),
        ("two lengths", "POST /length HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef".into(), &[400]),
        ("a length that is none", "POST /length HTTP/1.1\r\nHost: a\r\nContent-Length: 5x\r\n\r\nabcde".into(), &[400]),
        ("a length with a sign", "POST /length HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\nabcde".into(), &[400]),
        ("a coding that is not last", "POST /length HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n".into(), &[400]),
        ("a coding of its own", "POST /length HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n".into(), &[400]),
        ("a coding in HTTP/1.0", "POST /length HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".into(), &[400]),
        ("a folded header", "GET /hello HTTP/1.1\r\nHost: a\r\nX-A: b\r\n c\r\n\r\n".into(), &[400]),
        ("a space before the colon", "GET /hello HTTP/1.1\r\nHost: a\r\nX-A : b\r\n\r\n".into(), &[400]),
        ("a NUL in a header", "GET /hello HTTP/1.1\r\nHost: a\r\nX-A: \0\r\n\r\n".into(), &[400]),
        ("no host", "GET /hello HTTP/1.1\r\n\r\n".into(), &[400]),
        ("two hosts", "GET /hello HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n".into(), &[400]),
        ("a tunnel", "CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n".into(), &[400]),
        ("a version of its own", "GET /hello HTTP/3.7\r\nHost: a\r\n\r\n".into(), &[400]),
        ("a big header", format!("GET /hello HTTP/1.1\r\nHost: a\r\nX-A: {big}\r\n\r\n"), &[431]),
        ("a long path", format!("GET /{big} HTTP/1.1\r\nHost: a\r\n\r\n"), &[431, 414]),
        ("many headers", format!("GET /hello HTTP/1.1\r\nHost: a\r\n{many}\r\n"), &[431]),
        ("no method", "\u{1}\u{2}\u{3}\r\n\r\n".into(), &[400]),
        ("too large by its word", "POST /length HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n".into(), &[413]),
    ];
    for (what, request, statuses) in rows {
        let mut client = server.connect();
        // The server may have ended the connection before it has read all.
        let _ = client.stream.write_all(request.as_bytes());
        let response = client.response().unwrap_or_else(|| panic!("{what}: no response"));
        assert!(statuses.contains(&response.status), "{what}: {}", response.status);
        assert!(client.is_ended(), "{what}: what follows could be taken for a request");
    }
    assert_eq!(server.get("/hello").status, 200);
}

#[test]
fn a_length_that_comes_second_ends_the_connection() {
    let server = TestServer::new();
    let mut client = server.connect();
    client.send(
        b"POST /length HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n\
          0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
    );
    let response = client.response().expect("a response");
    assert_eq!((response.status, response.header("connection")), (400, Some("close")));
    assert!(client.response().is_none(), "what follows is not looked at");
    // A head that comes in pieces is not searched.
    let mut client = server.connect();
    client.send(b"POST /length HTTP/1.1\r\nHost: a\r\nTransfer-Enc");
    std::thread::sleep(Duration::from_millis(100));
    client.send(
        b"oding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
    );
    let response = client.response().expect("a response");
    assert_eq!((response.status, response.header("connection")), (200, Some("close")));
    assert!(client.response().is_none(), "what follows is not looked at");
    // One that comes whole and has a coding alone leaves the connection as it is.
    let mut client = server.connect();
    client.send(b"POST /length HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n");
    assert_eq!(client.response().expect("a response").text(), "1");
    assert_eq!(client.get("/hello").status, 200);
}

#[test]
fn broken_chunks_fail_the_guest_that_reads_them() {
    let server = TestServer::new();
    for chunks in
        ["zz\r\n", "5\r\nabc\r\n0\r\n\r\nxx", "ffffffffffffffffff\r\nabc", "5 ; x\nabcde\r\n"]
    {
        let mut client = server.connect();
        client.send(b"POST /length HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
        let _ = client.stream.write_all(chunks.as_bytes());
        let _ = client.stream.shutdown(std::net::Shutdown::Write);
        if let Some(response) = client.response() {
            assert!(response.status >= 400, "{chunks}: {}", response.status);
        }
    }
    server.wait_for_metric("dunlin_requests_in_flight{app=\"drill\"}", 0);
    assert_eq!(server.get("/hello").status, 200);
}

#[test]
fn bodies_that_are_too_large_are_refused_however_they_come() {
    let server = TestServer::with(|options| options.apps[0].limits.request_body_bytes = 100_000);
    assert_eq!(server.connect().post("/length", &vec![1; 100_000]).text(), "100000");
    let mut client = server.connect();
    client.send(b"POST /length HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    let chunk = [b"2710\r\n".to_vec(), vec![b'x'; 10_000], b"\r\n".to_vec()].concat();
    for _ in 0..11 {
        let _ = client.stream.write_all(&chunk);
    }
    let response = client.response().expect("a response");
    assert_eq!(response.status, 413);
}

#[test]
fn heads_that_do_not_come_and_idle_connections_are_ended() {
    let server = hasty(|_| {});
    let mut silent = server.connect();
    let mut slow = server.connect();
    let mut preface = server.connect();
    preface.send(b"PRI * HTTP/2");
    let mut idle = server.connect();
    assert_eq!(idle.get("/hello").status, 200);
    let begun = Instant::now();
    for byte in b"GET /hello HTTP/1.1\r\nHost: a\r\nX-A: bcdefghijkl" {
        if slow.stream.write_all(&[*byte]).is_err() {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(slow.is_ended() && silent.is_ended() && preface.is_ended() && idle.is_ended());
    assert!(begun.elapsed() < Duration::from_secs(5));
    server.wait_for_metric("dunlin_connections", 0);
}

#[test]
fn a_client_that_does_not_read_holds_no_instance_for_long() {
    let server = hasty(|options| options.apps[0].limits.concurrency = 2);
    let mut clients: Vec<_> = (0..2).map(|_| server.connect()).collect();
    for client in &mut clients {
        client.send(b"GET /stream?n=100000&size=10000 HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    std::thread::sleep(Duration::from_millis(100));
    let begun = Instant::now();
    assert_eq!(server.get("/hello").status, 200, "it has waited for a place");
    assert!(begun.elapsed() < Duration::from_secs(5));
    server.wait_for_metric("dunlin_connections_slow_total", 2);
    server.wait_for_metric("dunlin_requests_in_flight{app=\"drill\"}", 0);
}

#[test]
fn a_client_that_does_not_send_its_body_holds_no_instance_for_long() {
    let server = hasty(|options| options.apps[0].limits.concurrency = 1);
    let mut short = server.connect();
    short.send(b"POST /length HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nx");
    std::thread::sleep(Duration::from_millis(50));
    // A short body is waited for before there is an instance.
    let begun = Instant::now();
    assert_eq!(server.get("/hello").status, 200);
    assert!(begun.elapsed() < Duration::from_millis(400));
    let mut long = server.connect();
    long.send(b"POST /length HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n");
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(server.get("/hello").status, 200, "it has waited for a place");
    assert!(long.is_ended() && short.is_ended());
}

#[test]
fn a_client_that_leaves_ends_its_guest() {
    let server = TestServer::new();
    for request in [
        "GET /sleep?ms=30000 HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /stream?n=1000000&size=1000&ms=1 HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n",
    ] {
        let mut client = server.connect();
        client.send(request.as_bytes());
        server.wait_for_metric("dunlin_requests_in_flight{app=\"drill\"}", 1);
        drop(client);
        server.wait_for_metric("dunlin_requests_in_flight{app=\"drill\"}", 0);
    }
    assert_eq!(server.get("/hello").status, 200);
}

#[test]
fn guests_that_spin_let_others_have_their_turn() {
    let server = TestServer::with(|options| options.apps[0].limits.cpu = Duration::from_secs(50));
    let mut spinning: Vec<Client> = (0..3).map(|_| server.connect()).collect();
    for client in &mut spinning {
        client.send(b"GET /spin HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    server.wait_for_metric("dunlin_requests_in_flight{app=\"drill\"}", 3);
    // Each of the others has its turn before the request has the next: how long that takes depends on what else the
    // machine does, but not on how long they spin.
    let longest = neighbour(&server);
    assert!(longest < Duration::from_secs(5), "{longest:?}");
    // A client that leaves ends its guest there and then.
    drop(spinning);
    server.wait_for_metric("dunlin_requests_in_flight{app=\"drill\"}", 0);
}

#[test]
fn beyond_what_may_run_and_wait_requests_are_refused() {
    let server = TestServer::with(|options| {
        let limits = &mut options.apps[0].limits;
        limits.concurrency = 1;
        limits.queue = 1;
        limits.queue_wait = Duration::from_millis(300);
    });
    let mut running = server.connect();
    running.send(b"GET /sleep?ms=1500 HTTP/1.1\r\nHost: a\r\n\r\n");
    std::thread::sleep(Duration::from_millis(100));
    let mut waiting = server.connect();
    waiting.send(b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
    std::thread::sleep(Duration::from_millis(50));
    let refused = server.get("/hello");
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")));
    assert_eq!(waiting.response().expect("a response").status, 503, "it has waited for too long");
    assert_eq!(running.response().expect("a response").status, 200);
}

#[test]
fn a_flood_in_the_log_is_cut() {
    let server = TestServer::with(|options| options.apps[0].limits.log_bytes = 1000);
    assert_eq!(server.get("/log?n=2000&size=20").status, 200);
    let text = server.logged.wait_for("more than its log may have");
    std::thread::sleep(Duration::from_millis(100));
    assert!(server.logged.text().len() < 20_000, "{}", text.len());
}

#[test]
fn connections_beyond_the_limit_are_closed() {
    let server = TestServer::with(|options| options.limits.connections = 3);
    let mut kept: Vec<_> = (0..3).map(|_| server.connect()).collect();
    for client in &mut kept {
        assert_eq!(client.get("/hello").status, 200);
    }
    assert!(server.connect().is_ended());
    drop(kept.pop());
    server.wait_for_metric("dunlin_connections", 2);
    assert_eq!(server.get("/hello").status, 200);
}
