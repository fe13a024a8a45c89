//! A server for a test, and a client that says exactly what the test wants said.
#![allow(dead_code, reason = "each test file uses a part")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use dunlin_edge::app::AppSpec;
use dunlin_edge::server::{Log, LogFormat, Options, Server};

/// The guest that does what a request's path says.
pub(crate) fn drill() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/guests/drill.wasm")
}

/// What a server has logged.
#[derive(Clone, Default)]
pub(crate) struct Logged(Arc<Mutex<Vec<u8>>>);

impl Logged {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }

    /// Waits until something stands in the log.
    pub(crate) fn wait_for(&self, what: &str) -> String {
        let begun = Instant::now();
        loop {
            let text = self.text();
            if text.contains(what) {
                return text;
            }
            assert!(begun.elapsed() < Duration::from_secs(10), "no `{what}` in:\n{text}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Write for Logged {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A server of a test's own, which ends with it.
pub(crate) struct TestServer {
    pub(crate) server: Server,
    pub(crate) logged: Logged,
}

impl TestServer {
    /// A server of the drill, set up further by `set`.
    pub(crate) fn with(set: impl FnOnce(&mut Options)) -> Self {
        let logged = Logged::default();
        let mut options = Options::new(any(), vec![AppSpec::new("drill", drill())]);
        options.workers = Some(1);
        options.log = Log::new(LogFormat::Json, logged.clone());
        set(&mut options);
        let server = Server::start(options).expect("a server");
        Self { server, logged }
    }

    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn connect(&self) -> Client {
        Client::new(self.server.addr())
    }

    /// One request, on a connection of its own.
    pub(crate) fn get(&self, path: &str) -> Response {
        self.connect().get(path)
    }

    /// A number of the metrics.
    pub(crate) fn metric(&self, line: &str) -> u64 {
        let text = self.server.metrics();
        let found = text.lines().find_map(|found| found.strip_prefix(line));
        let found = found.unwrap_or_else(|| panic!("no `{line}` in:\n{text}"));
        found.trim().parse().expect("a number")
    }

    /// Waits until a number of the metrics is this.
    pub(crate) fn wait_for_metric(&self, line: &str, expected: u64) {
        let begun = Instant::now();
        while self.metric(line) != expected {
            let is = self.metric(line);
            assert!(begun.elapsed() < Duration::from_secs(10), "{line} {is}, not {expected}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Any port of this machine.
pub(crate) fn any() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// How a client of HTTP/2 begins.
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A frame of HTTP/2, by hand: a length, a type, flags and a stream.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// A client of HTTP/1.1, by hand.
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    buffer: Vec<u8>,
}

/// A response.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
    /// Whether the body came whole.
    pub(crate) is_whole: bool,
    pub(crate) trailers: String,
}

impl Response {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }

    /// A header, in letters as they were sent.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

impl Client {
    pub(crate) fn new(addr: SocketAddr) -> Self {
        let stream = TcpStream::connect(addr).expect("a connection");
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.set_write_timeout(Some(Duration::from_secs(20))).unwrap();
        Self { stream, buffer: Vec::new() }
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("the server reads");
    }

    pub(crate) fn get(&mut self, path: &str) -> Response {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes());
        self.response().expect("a response")
    }

    pub(crate) fn post(&mut self, path: &str, body: &[u8]) -> Response {
        let length = body.len();
        self.send(
            format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n")
                .as_bytes(),
        );
        self.send(body);
        self.response().expect("a response")
    }

    fn more(&mut self) -> bool {
        let mut piece = [0; 16 << 10];
        match self.stream.read(&mut piece) {
            Ok(0) => false,
            Ok(count) => {
                self.buffer.extend_from_slice(&piece[..count]);
                true
            }
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => false,
            // A read that has a bound of time is not begun again by itself when a signal comes.
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => true,
            Err(error) => panic!("{error}"),
        }
    }

    fn until(&mut self, end: &[u8]) -> Option<Vec<u8>> {
        loop {
            let found = self.buffer.windows(end.len()).position(|window| window == end);
            if let Some(at) = found {
                let rest = self.buffer.split_off(at + end.len());
                return Some(std::mem::replace(&mut self.buffer, rest));
            }
            if !self.more() {
                return None;
            }
        }
    }

    pub(crate) fn exactly_of_tests(&mut self, count: usize) -> (Vec<u8>, bool) {
        self.exactly(count)
    }

    fn exactly(&mut self, count: usize) -> (Vec<u8>, bool) {
        while self.buffer.len() < count {
            if !self.more() {
                return (std::mem::take(&mut self.buffer), false);
            }
        }
        let rest = self.buffer.split_off(count);
        (std::mem::replace(&mut self.buffer, rest), true)
    }

    /// The head of the next response.
    pub(crate) fn head(&mut self) -> Option<String> {
        let head = self.until(b"\r\n\r\n")?;
        Some(String::from_utf8(head).expect("a head is text"))
    }

    /// The next response; nothing if the connection ends instead.
    pub(crate) fn response(&mut self) -> Option<Response> {
        let head = self.head()?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        let mut response =
            Response { status, head, body: Vec::new(), is_whole: true, trailers: String::new() };
        let length =
            response.header("content-length").map(|length| length.parse().expect("a length"));
        if let Some(length) = length {
            (response.body, response.is_whole) = self.exactly(length);
        } else if response.header("transfer-encoding") == Some("chunked") {
            self.chunks(&mut response);
        } else if response.header("connection") == Some("close")
            || response.head.starts_with("HTTP/1.0")
        {
            while self.more() {}
            response.body = std::mem::take(&mut self.buffer);
        }
        Some(response)
    }

    fn chunks(&mut self, response: &mut Response) {
        loop {
            let size = self.until(b"\r\n").and_then(|line| {
                let line = String::from_utf8(line).ok()?;
                usize::from_str_radix(line.trim(), 16).ok()
            });
            let Some(size) = size else {
                response.is_whole = false;
                return;
            };
            if size == 0 {
                break;
            }
            let (mut chunk, is_whole) = self.exactly(size + 2);
            chunk.truncate(size);
            response.body.append(&mut chunk);
            if !is_whole {
                response.is_whole = false;
                return;
            }
        }
        loop {
            let Some(line) = self.until(b"\r\n") else {
                response.is_whole = false;
                return;
            };
            if line == b"\r\n" {
                return;
            }
            response.trailers.push_str(&String::from_utf8(line).expect("text"));
        }
    }

    /// Whether the server has ended the connection, or does so in a while.
    pub(crate) fn is_ended(&mut self) -> bool {
        let mut byte = [0];
        match self.stream.read(&mut byte) {
            Ok(0) => true,
            Ok(_) => false,
            Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
        }
    }
}
