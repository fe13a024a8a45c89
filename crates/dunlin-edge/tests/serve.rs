//! Requests over the wire that are served as they should be.

mod support;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use dunlin_edge::app::AppSpec;
use support::{Client, TestServer, drill};

#[test]
fn requests_on_one_connection_are_answered_in_their_order() {
    let server = TestServer::new();
    let mut client = server.connect();
    for _ in 0..3 {
        let response = client.get("/hello");
        assert_eq!((response.status, response.text()), (200, "hello\n"));
        assert_eq!(response.header("content-length"), Some("6"));
    }
    // Three at once, of which the first takes longest.
    client.send(
        b"GET /sleep?ms=50 HTTP/1.1\r\nHost: a\r\n\r\nGET /hello HTTP/1.1\r\nHost: a\r\n\r\n\
          GET /status?code=204 HTTP/1.1\r\nHost: a\r\n\r\n",
    );
    let texts = [(); 3].map(|()| client.response().expect("a response"));
    assert_eq!(texts[0].text(), "slept\n");
    assert_eq!(texts[1].text(), "hello\n");
    assert_eq!((texts[2].status, texts[2].body.len()), (204, 0));
    server.wait_for_metric("dunlin_requests_total{app=\"drill\",status=\"2xx\"}", 6);
    server.wait_for_metric("dunlin_instances_created_total{app=\"drill\"}", 6);
}

#[test]
fn bodies_go_through_in_both_directions() {
    let server = TestServer::new();
    let mut client = server.connect();
    for size in [0, 1, 1000, 70_000, 3_000_000] {
        let body: Vec<u8> = (0..size).map(|at: u32| (at % 251) as u8).collect();
        let sent = body.clone();
        // Both go on at once: what is echoed is not waited for until all is sent.
        let mut writer = client.stream.try_clone().expect("a clone");
        let writing = std::thread::spawn(move || {
            let length = sent.len();
            let head =
                format!("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n");
            writer.write_all(head.as_bytes()).and_then(|()| writer.write_all(&sent))
        });
        let response = client.response().expect("a response");
        writing.join().unwrap().expect("all is sent");
        assert!(response.body == body, "{size}: {}", response.body.len());
        assert_eq!(client.post("/length", &body).text(), size.to_string());
    }
    let response = client.get("/stream?n=300&size=10000");
    assert_eq!((response.body.len(), response.is_whole), (3_000_000, true));
}

#[test]
fn a_body_is_echoed_while_it_is_still_being_sent() {
    let server = TestServer::new();
    let mut client = server.connect();
    client.send(
        b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n",
    );
    let head = client.head().expect("a head before the body's end");
    assert!(head.contains("chunked"), "{head}");
    let (piece, _) = client.exactly_of_tests(10);
    assert_eq!(piece, b"5\r\nfirst\r\n");
    client.send(b"6\r\nsecond\r\n0\r\nx-sum: 11\r\n\r\n");
    let (piece, _) = client.exactly_of_tests(16);
    assert_eq!(piece, b"6\r\nsecond\r\n0\r\n\r\n", "trailers nobody has asked for are left out");
}

#[test]
fn what_an_app_sees_is_the_request() {
    let server = TestServer::with(|options| {
        let mut app = AppSpec::new("drill", drill());
        app.prefix = Some("/in".into());
        app.strip_prefix = true;
        app.set_env("LANG", "C");
        app.request_headers.push(("x-region".into(), "north".into()));
        app.response_headers.push(("x-served-by".into(), "dunlin".into()));
        options.apps = vec![app];
    });
    let mut client = server.connect();
    client.send(
        b"GET /in/request?a=b HTTP/1.1\r\nHost: h.example:81\r\nX-Region: south\r\nX-A: 1\r\n\r\n",
    );
    let response = client.response().expect("a response");
    let text = response.text();
    assert!(text.starts_with("GET /request?a=b"), "{text}");
    assert!(text.lines().next().unwrap().ends_with(" h.example:81"), "{text}");
    assert!(text.contains("\nx-a: 1\n") && text.contains("\nx-region: north\n"), "{text}");
    assert!(!text.contains("south"), "{text}");
    assert_eq!(response.header("x-served-by"), Some("dunlin"));
    assert_eq!(client.get("/in/env").text(), "LANG=C\n");
    let response = client.get("/other");
    assert_eq!(
        (response.status, response.header("dunlin-request-id").map(str::len)),
        (404, Some(16))
    );
    let failed = client.get("/in/trap");
    assert_eq!((failed.status, failed.header("x-served-by")), (500, Some("dunlin")));
}

#[test]
fn heads_of_http_1_0_and_absolute_uris_and_head_requests() {
    let server = TestServer::new();
    let mut client = server.connect();
    client.send(b"GET http://b.example/request HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(client.response().unwrap().text().contains(" b.example\n"));
    client.send(b"HEAD /hello HTTP/1.1\r\nHost: a\r\n\r\nGET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
    let head = client.head().unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert_eq!(client.response().unwrap().text(), "hello\n");
    client.send(b"GET /hello HTTP/1.0\r\n\r\n");
    assert_eq!(client.response().unwrap().text(), "hello\n");
    assert!(client.is_ended(), "HTTP/1.0 has one request");
    // What a HEAD request's guest wrote nobody read, and yet it ended well.
    server.wait_for_metric("dunlin_errors_total{app=\"drill\",reason=\"left\"}", 0);
    server.wait_for_metric("dunlin_requests_in_flight{app=\"drill\"}", 0);
}

#[test]
fn instances_are_fresh_unless_they_are_to_be_used_again() {
    let server = TestServer::new();
    let counts: Vec<_> = (0..3).map(|_| server.get("/count").text().to_owned()).collect();
    assert_eq!(counts, ["0", "0", "0"]);
    let server = TestServer::with(|options| options.apps[0].reuse = 3);
    let mut client = server.connect();
    let counts: Vec<_> = (0..7).map(|_| client.get("/count").text().to_owned()).collect();
    assert_eq!(counts.concat(), "0120120");
    assert_eq!(client.get("/trap").status, 500);
    assert_eq!(client.get("/count").text(), "0", "one that has trapped is not used again");
}

#[test]
fn a_guest_may_go_on_after_its_response() {
    let server = TestServer::new();
    let begun = Instant::now();
    assert_eq!(server.get("/late?ms=300").text(), "early\n");
    assert!(begun.elapsed() < Duration::from_millis(250));
    server.logged.wait_for("\"late\"");
}

#[test]
fn what_is_printed_stands_in_the_log() {
    let server = TestServer::new();
    assert_eq!(server.get("/log?n=2").status, 200);
    let text = server.logged.wait_for("an error");
    assert!(
        text.contains("\"message\":\"line 1 \",\"app\":\"drill\",\"stream\":\"stdout\""),
        "{text}"
    );
}

#[test]
fn apps_are_changed_while_requests_are_served() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("app.wasm");
    fs::copy(drill(), &path).expect("a copy");
    let server = TestServer::with(|options| {
        options.apps = vec![AppSpec::new("app", &path)];
        options.watches = true;
    });
    assert_eq!(server.get("/hello").status, 200);
    let mut slow = server.connect();
    slow.send(b"GET /sleep?ms=700 HTTP/1.1\r\nHost: a\r\n\r\n");
    // Something that is no app does not take its place.
    fs::write(&path, b"\0asm\x0d\0\x01\0broken").expect("a file");
    server.logged.wait_for("an app cannot be loaded");
    assert_eq!(server.get("/hello").status, 200);
    replace(&path, &fs::read(drill()).unwrap());
    server.logged.wait_for("an app was loaded again");
    assert_eq!(server.get("/hello").status, 200);
    assert_eq!(slow.response().expect("it was not dropped").text(), "slept\n");
    let other = AppSpec::new("other", drill());
    server.server.set_apps(vec![other]).expect("one app");
    assert_eq!(server.get("/hello").status, 200);
    assert!(server.server.metrics().contains("app=\"other\""));
}

/// Writes a file in one step, at a time that differs.
fn replace(path: &Path, bytes: &[u8]) {
    let partial = path.with_extension("partial");
    fs::write(&partial, bytes).and_then(|()| fs::rename(&partial, path)).expect("a file");
}

#[test]
fn a_server_that_stops_ends_what_it_has_begun() {
    let server = TestServer::with(|options| options.workers = Some(2));
    let addr = server.server.addr();
    let mut idle = server.connect();
    assert_eq!(idle.get("/hello").status, 200);
    let mut slow = server.connect();
    slow.send(b"GET /sleep?ms=400 HTTP/1.1\r\nHost: a\r\n\r\n");
    std::thread::sleep(Duration::from_millis(100));
    server.server.stop();
    assert!(idle.is_ended(), "it had nothing to do");
    let response = slow.response().expect("it was waited for");
    assert_eq!(response.text(), "slept\n");
    assert!(slow.is_ended());
    server.server.join().expect("it ends");
    assert!(std::net::TcpStream::connect(addr).is_err(), "nobody listens any more");
}

#[test]
fn a_server_that_stops_waits_no_longer_than_it_may() {
    let server = TestServer::with(|options| options.limits.drain = Duration::from_millis(200));
    let mut slow = server.connect();
    slow.send(b"GET /sleep?ms=20000 HTTP/1.1\r\nHost: a\r\n\r\n");
    std::thread::sleep(Duration::from_millis(100));
    let begun = Instant::now();
    server.server.stop();
    server.server.join().expect("it ends");
    assert!(begun.elapsed() < Duration::from_secs(3));
    assert!(slow.response().is_none());
}

#[test]
fn health_and_metrics_have_an_address_of_their_own() {
    let server = TestServer::with(|options| options.admin = Some(support::any()));
    let mut admin = Client::new(server.server.admin().expect("an address"));
    assert_eq!(admin.get("/healthz").text(), "ok\n");
    assert_eq!(admin.get("/readyz").text(), "ok\n");
    assert_eq!(admin.get("/nothing").status, 404);
    assert_eq!(server.get("/hello").status, 200);
    let metrics = admin.get("/metrics");
    assert!(metrics.text().contains("fastedge_call_count{executor=\"wasi_http\"} 1"));
    server.server.stop();
    assert_eq!(admin.get("/readyz").status, 503);
}

#[test]
fn thousands_of_apps_are_loaded_when_they_are_wanted() {
    let server = TestServer::with(|options| {
        let app = |number| AppSpec::new(format!("app-{number}"), drill());
        options.apps = (0..1000).map(app).collect();
        // Room for three.
        options.limits.loaded_bytes = 3 * fs::metadata(drill()).unwrap().len();
    });
    let mut client = server.connect();
    for number in [1, 500, 999, 2, 3, 4, 1] {
        let response = client.get(&format!("/app-{number}/x"));
        assert_eq!(response.text(), "no such drill\n");
    }
    let metrics = server.server.metrics();
    let loaded = metrics
        .lines()
        .filter(|line| line.starts_with("dunlin_app_loaded") && line.ends_with(" 1"));
    assert_eq!(loaded.count(), 3);
}

#[test]
fn fastedges_apps_are_served() {
    let roost = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/roost/roost.wasm");
    let server = TestServer::with(|options| {
        let mut app = AppSpec::new("roost", roost);
        app.set_env("colour", "blue");
        app.set_secret("key", "hidden");
        app.response_headers.push(("x-served-by".into(), "dunlin".into()));
        options.apps = vec![app];
    });
    let mut client = server.connect();
    assert_eq!(client.get("/dictionary/colour").text(), r#"Some("blue")"#);
    let response = client.post("/echo", &vec![7; 200_000]);
    assert_eq!((response.body.len(), response.header("x-echo")), (200_000, Some("yes")));
    assert_eq!(response.header("x-served-by"), Some("dunlin"));
    client.send(b"TRACE / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(client.response().expect("a response").status >= 400);
    assert!(server.server.metrics().contains("fastedge_call_count{executor=\"http\"} 3"));
}

#[test]
fn what_is_in_caches_outlives_a_server_with_a_file() {
    let roost = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/roost/roost.wasm");
    let folder = tempfile::tempdir().expect("a folder");
    let start = |file: Option<&str>| {
        TestServer::with(|options| {
            options.apps = vec![AppSpec::new("roost", roost.clone())];
            options.store = file.map(|file| folder.path().join(file));
        })
    };
    for (file, outlives) in [(Some("store.redb"), true), (None, false)] {
        let first = start(file);
        assert_eq!(first.get("/cache/set/colour/blue").text(), "Ok(())");
        assert_eq!(first.get("/cache/get/colour").text(), r#"Ok(Some("blue"))"#);
        first.server.stop();
        first.server.join().expect("an end");
        let kept = if outlives { r#"Ok(Some("blue"))"# } else { "Ok(None)" };
        assert_eq!(start(file).get("/cache/get/colour").text(), kept);
    }
}

#[test]
fn the_log_names_the_trace_that_a_request_is_a_part_of() {
    let server = TestServer::with(|options| options.logs_requests = true);
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let mut client = server.connect();
    for path in ["/request", "/trap"] {
        client.send(
            format!(
                "GET {path} HTTP/1.1\r\nHost: a\r\ntraceparent: 00-{trace}-00f067aa0ba902b7-01\r\n\r\n"
            )
            .as_bytes(),
        );
        let response = client.response().expect("a response");
        if path == "/request" {
            // The guest is told as it was said.
            assert!(response.text().contains(&format!("traceparent: 00-{trace}-")));
        }
    }
    client.get("/status?code=204");
    let text = server.logged.wait_for("\"status\":204");
    let traced = text.lines().filter(|line| line.contains(&format!("\"trace\":\"{trace}\"")));
    // Both requests, and how the guest failed; not the third.
    assert_eq!(traced.count(), 3, "{text}");
}
