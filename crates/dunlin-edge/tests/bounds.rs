//! What one request leaves for the next: places that gathered bodies take, and instances that were interrupted.

mod support;

use std::path::PathBuf;
use std::time::Duration;

use dunlin_edge::app::AppSpec;
use support::TestServer;

/// An app of FastEdge's, which is given its requests whole.
fn roost() -> AppSpec {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../examples/roost/roost.wasm");
    AppSpec::new("roost", path)
}

#[test]
fn bodies_that_are_gathered_are_bounded_by_places() {
    let server = TestServer::with(|options| {
        let mut app = roost();
        app.limits.concurrency = 1;
        app.limits.queue = 0;
        options.apps = vec![app];
    });
    let head = |length| {
        format!("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n").into_bytes()
    };
    assert_eq!(server.connect().post("/echo", b"short").text(), "short");
    // One body comes, and takes its time: there is no place for another, of which not a byte is kept.
    let mut first = server.connect();
    first.send(&head(100_000));
    first.send(&[b'x'; 50_000]);
    std::thread::sleep(Duration::from_millis(100));
    let mut second = server.connect();
    second.send(&head(100_000));
    assert_eq!(second.response().expect("a response").status, 429, "before its body has come");
    let mut chunked = server.connect();
    chunked.send(b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n");
    assert_eq!(chunked.response().expect("a response").status, 429, "before its body has come");
    // A short one takes none before it is there.
    let mut short = server.connect();
    short.send(&head(10));
    short.send(b"12345");
    std::thread::sleep(Duration::from_millis(100));
    first.send(&[b'x'; 50_000]);
    assert_eq!(first.response().expect("a response").body.len(), 100_000);
    short.send(b"67890");
    assert_eq!(short.response().expect("a response").text(), "1234567890");
}

/// A component that says by its status how many requests its instance has had, after filling its memory so often that it has
/// had its time: that is one operator each time, in which nobody is stopped.
fn late() -> String {
    let fills = "(memory.fill (i32.const 65536) (i32.const 7) (i32.const 0x3fe0000))".repeat(12);
    format!(
        r#"(component
  (import "gcore:fastedge/http" (instance $http
    (type $method' (enum "get" "post" "put" "delete" "head" "patch" "options"))
    (export "method" (type $method (eq $method')))
    (type $headers (list (tuple string string)))
    (type $request' (record (field "method" $method) (field "uri" string) (field "headers" $headers)
      (field "body" (option (list u8)))))
    (export "request" (type (eq $request')))
    (type $response' (record (field "status" u16) (field "headers" (option $headers))
      (field "body" (option (list u8)))))
    (export "response" (type (eq $response')))))
  (alias export $http "request" (type $request))
  (alias export $http "response" (type $response))
  (core module $M
    (memory (export "memory") 1024)
    (global $served (mut i32) (i32.const 200))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096))
    (func (export "process") (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
      (i32.store16 (i32.const 16) (global.get $served))
      (global.set $served (i32.add (global.get $served) (i32.const 1)))
      {fills}
      (i32.const 16)))
  (core instance $m (instantiate $M))
  (type $process (func (param "req" $request) (result $response)))
  (func $process (type $process) (canon lift (core func $m "process")
    (memory (core memory $m "memory")) (realloc (core func $m "realloc"))))
  (instance $handler (export "process" (func $process)))
  (export "gcore:fastedge/http-handler" (instance $handler)))"#
    )
}

#[test]
fn an_instance_that_was_interrupted_is_never_used_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("late.wat");
    std::fs::write(&path, late()).expect("a file");
    for (cpu, statuses) in
        [(Duration::from_secs(60), [200, 201]), (Duration::from_millis(2), [200, 200])]
    {
        let server = TestServer::with(|options| {
            let mut app = AppSpec::new("late", &path);
            app.reuse = 10;
            app.limits.cpu = cpu;
            options.apps = vec![app];
        });
        let answers = [(); 2].map(|()| server.get("/"));
        assert_eq!(
            answers.each_ref().map(|answer| answer.status),
            statuses,
            "{:?}",
            answers[0].text()
        );
    }
}
