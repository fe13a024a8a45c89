//! Requests over the wire that are served as they should be.

mod support;

use support::TestServer;

#[test]
fn hello() {
    let server = TestServer::new();
    let mut client = server.connect();
    for _ in 0..3 {
        let response = client.get("/hello");
        assert_eq!((response.status, response.text()), (200, "hello\n"));
        assert_eq!(response.header("content-length"), Some("6"));
    }
}
