//! A guest that does what its request's path says, good or bad, for tests of the server.
//!
//! `drill.wasm` is made of it by a package with the crate `wasi` 0.14, for `wasm32-wasip2`, optimised for size and
//! stripped.

use wasi::exports::http::incoming_handler::Guest;
use wasi::http::types::{
    Fields, IncomingBody, IncomingRequest, Method, OutgoingBody, OutgoingResponse, ResponseOutparam,
};
use wasi::io::streams::{InputStream, OutputStream, StreamError};

struct Drill;

wasi::http::proxy::export!(Drill);

impl Guest for Drill {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let path = request.path_with_query().unwrap_or_default();
        let (path, query) = path.split_once('?').unwrap_or((&path, ""));
        let number = |name: &str, default: u64| {
            let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            let mut found = pairs.filter(|(key, _)| *key == name);
            found.next().and_then(|(_, value)| value.parse().ok()).unwrap_or(default)
        };
        match path {
            "/hello" => text(out, 200, b"hello\n"),
            "/echo" => echo(&request, out),
            "/length" => {
                let mut length = 0;
                read(&request, |bytes| length += bytes.len());
                text(out, 200, length.to_string().as_bytes());
            }
            "/unread" => text(out, 200, b"not read\n"),
            "/stream" => stream(out, number("n", 10), number("size", 1000), number("ms", 0)),
            "/trailers" => trailers(out),
            "/spin" => spin(),
            "/grow" => grow(),
            "/trap" => panic!("as it was told"),
            "/none" => drop(out),
            "/exit" => std::process::exit(number("code", 3) as i32),
            "/log" => {
                for line in 0..number("n", 1) {
                    println!("line {line} {}", "x".repeat(number("size", 0) as usize));
                }
                eprintln!("an error");
                text(out, 200, b"logged\n");
            }
            "/sleep" => {
                sleep(number("ms", 10));
                text(out, 200, b"slept\n");
            }
            "/env" => {
                let pairs: Vec<_> =
                    std::env::vars().map(|(name, value)| format!("{name}={value}\n")).collect();
                text(out, 200, pairs.concat().as_bytes());
            }
            "/request" => text(out, 200, describe(&request).as_bytes()),
            "/status" => text(out, number("code", 200) as u16, b""),
            "/half" => {
                let (body, stream) = begin(out, 200, &[]);
                write(&stream, b"half of ");
                if number("trap", 1) == 1 {
                    panic!("in the middle");
                }
                drop((stream, body));
            }
            "/late" => {
                text(out, 200, b"early\n");
                sleep(number("ms", 50));
                println!("late");
            }
            "/count" => {
                static COUNT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
                let before = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                text(out, 200, before.to_string().as_bytes());
            }
            _ => text(out, 404, b"no such drill\n"),
        }
    }
}

fn begin(out: ResponseOutparam, status: u16, headers: &[(&str, &str)]) -> (OutgoingBody, OutputStream) {
    let fields = Fields::new();
    for (name, value) in headers {
        fields.append(name, value.as_bytes()).unwrap();
    }
    let response = OutgoingResponse::new(fields);
    response.set_status_code(status).unwrap();
    let body = response.body().unwrap();
    ResponseOutparam::set(out, Ok(response));
    let stream = body.write().unwrap();
    (body, stream)
}

fn text(out: ResponseOutparam, status: u16, bytes: &[u8]) {
    let (body, stream) = begin(out, status, &[("content-type", "text/plain")]);
    write(&stream, bytes);
    drop(stream);
    OutgoingBody::finish(body, None).unwrap();
}

fn write(stream: &OutputStream, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        stream.subscribe().block();
        let room = match stream.check_write() {
            Ok(room) => (room as usize).min(bytes.len()),
            Err(_) => return,
        };
        let (now, later) = bytes.split_at(room);
        if stream.write(now).is_err() {
            return;
        }
        bytes = later;
    }
    let _ = stream.flush();
}

fn read(request: &IncomingRequest, mut each: impl FnMut(&[u8])) -> Option<IncomingBody> {
    let body = request.consume().unwrap();
    let stream: InputStream = body.stream().unwrap();
    loop {
        match stream.blocking_read(64 << 10) {
            Ok(bytes) => each(&bytes),
            Err(StreamError::Closed) => break,
            Err(error) => panic!("{error:?}"),
        }
    }
    drop(stream);
    Some(body)
}

fn echo(request: &IncomingRequest, out: ResponseOutparam) {
    let (outgoing, stream) = begin(out, 200, &[]);
    let incoming = read(request, |bytes| write(&stream, bytes)).unwrap();
    drop(stream);
    let trailers = IncomingBody::finish(incoming);
    trailers.subscribe().block();
    let trailers = match trailers.get() {
        Some(Ok(Ok(Some(fields)))) => {
            let copy = Fields::new();
            for (name, value) in fields.entries() {
                copy.append(&name, &value).unwrap();
            }
            Some(copy)
        }
        _ => None,
    };
    OutgoingBody::finish(outgoing, trailers).unwrap();
}

fn stream(out: ResponseOutparam, count: u64, size: u64, ms: u64) {
    let (body, stream) = begin(out, 200, &[]);
    let chunk: Vec<u8> = (0..size).map(|at| b'a' + (at % 26) as u8).collect();
    for _ in 0..count {
        write(&stream, &chunk);
        if ms > 0 {
            sleep(ms);
        }
    }
    drop(stream);
    OutgoingBody::finish(body, None).unwrap();
}

fn trailers(out: ResponseOutparam) {
    let (body, stream) = begin(out, 200, &[]);
    write(&stream, b"with trailers\n");
    drop(stream);
    let fields = Fields::new();
    fields.append("x-sum", b"14").unwrap();
    OutgoingBody::finish(body, Some(fields)).unwrap();
}

fn spin() -> ! {
    let mut number: u64 = 1;
    loop {
        number = std::hint::black_box(number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
    }
}

fn grow() -> ! {
    let mut all: Vec<Vec<u8>> = Vec::new();
    loop {
        all.push(vec![1; 1 << 20]);
        std::hint::black_box(&all);
    }
}

fn sleep(ms: u64) {
    wasi::clocks::monotonic_clock::subscribe_duration(ms * 1_000_000).block();
}

fn describe(request: &IncomingRequest) -> String {
    let method = match request.method() {
        Method::Get => "GET".to_owned(),
        Method::Post => "POST".to_owned(),
        other => format!("{other:?}"),
    };
    let mut text = format!(
        "{method} {} {:?} {}\n",
        request.path_with_query().unwrap_or_default(),
        request.scheme(),
        request.authority().unwrap_or_default()
    );
    for (name, value) in request.headers().entries() {
        text.push_str(&format!("{name}: {}\n", String::from_utf8_lossy(&value)));
    }
    text
}
