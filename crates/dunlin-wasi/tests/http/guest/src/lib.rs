//! The guest of the tests of `wasi:http`: what it does is said by the path of the request.

use wasip2::clocks::monotonic_clock::subscribe_duration;
use wasip2::http::outgoing_handler;
use wasip2::http::types::{
    ErrorCode, Fields, HeaderError, IncomingBody, IncomingRequest, IncomingResponse, Method, OutgoingBody,
    OutgoingRequest, OutgoingResponse, RequestOptions, ResponseOutparam, Scheme, http_error_code,
};
use wasip2::io::poll::poll;
use wasip2::io::streams::{InputStream, OutputStream, StreamError};

struct Guest;

wasip2::http::proxy::export!(Guest);

impl wasip2::exports::http::incoming_handler::Guest for Guest {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let path = request.path_with_query().unwrap_or_default();
        let (path, query) = path.split_once('?').unwrap_or((&path, ""));
        match path {
            "/hello" => text(out, "hello\n"),
            "/request" => text(out, &describe(&request)),
            "/fields" => text(out, &fields()),
            "/echo" => echo(request, out),
            "/echo-trailers" => echo_trailers(request, out),
            "/count" => count(request, out),
            "/big" => big(out, query.parse().expect("a number")),
            "/length" => length(out, query),
            "/drip" => drip(out, query.parse().expect("a number")),
            "/sleep" => {
                subscribe_duration(query.parse::<u64>().expect("a number") * 1_000_000).block();
                text(out, "slept\n");
            }
            "/race" => race(request, out),
            "/silent" => drop(out),
            "/leave" => std::mem::forget(out),
            "/error" => ResponseOutparam::set(out, Err(ErrorCode::LoopDetected)),
            "/trap" => std::process::abort(),
            "/trap-late" => {
                let (_body, stream) = begin(out, &[]);
                stream.blocking_write_and_flush(b"some").expect("a write");
                std::process::abort();
            }
            "/unfinished" => {
                let (body, stream) = begin(out, &[]);
                stream.blocking_write_and_flush(b"some").expect("a write");
                drop(stream);
                std::mem::forget(body);
            }
            "/finish-early" => {
                let (body, _stream) = begin(out, &[]);
                drop(OutgoingBody::finish(body, None));
            }
            "/take-twice" => text(out, &take_twice(request)),
            "/fetch" => fetch(out, query, 1),
            "/fetches" => fetch(out, query, 1000),
            "/post-through" => post_through(request, out, query),
            "/timeout" => timeout(out, query),
            "/bad-requests" => text(out, &bad_requests()),
            "/flood-fields" => loop {
                Fields::new().append("a", &vec![b'a'; 60_000]).expect("an entry");
                let fields = Fields::new();
                loop {
                    fields.append("a", b"").expect("an entry");
                }
            },
            "/flood-resources" => loop {
                std::mem::forget(Fields::new());
            },
            "/spin" => loop {
                std::hint::black_box(());
            },
            other => text(out, &format!("unknown {other}\n")),
        }
    }
}

/// Sets a response and begins its body.
fn begin(out: ResponseOutparam, headers: &[(&str, &str)]) -> (OutgoingBody, OutputStream) {
    let fields = Fields::new();
    for (name, value) in headers {
        fields.append(name, value.as_bytes()).expect("a field");
    }
    let response = OutgoingResponse::new(fields);
    let body = response.body().expect("a body");
    ResponseOutparam::set(out, Ok(response));
    let stream = body.write().expect("a stream");
    (body, stream)
}

fn text(out: ResponseOutparam, text: &str) {
    let (body, stream) = begin(out, &[("content-type", "text/plain")]);
    write(&stream, text.as_bytes()).expect("a write");
    drop(stream);
    OutgoingBody::finish(body, None).expect("an end");
}

/// Writes all bytes, waiting for room.
fn write(stream: &OutputStream, mut bytes: &[u8]) -> Result<(), StreamError> {
    while !bytes.is_empty() {
        match stream.check_write()? {
            0 => stream.subscribe().block(),
            permit => {
                let len = bytes.len().min(permit as usize);
                stream.write(&bytes[..len])?;
                bytes = &bytes[len..];
            }
        }
    }
    stream.blocking_flush()
}

fn describe(request: &IncomingRequest) -> String {
    let headers: Vec<_> = request
        .headers()
        .entries()
        .into_iter()
        .map(|(name, value)| format!("{name}={}", String::from_utf8_lossy(&value)))
        .collect();
    format!(
        "{:?} {:?} {:?} {:?} {headers:?}\n",
        request.method(),
        request.scheme(),
        request.authority(),
        request.path_with_query(),
    )
}

/// What can be done with fields, and what cannot.
fn fields() -> String {
    let fields = Fields::new();
    let mut lines = Vec::new();
    lines.push(format!("{:?}", fields.append("Set-Cookie", b"a=b")));
    lines.push(format!("{:?}", fields.append("set-cookie", b"c=d")));
    lines.push(format!("{:?}", fields.get("SET-COOKIE").len()));
    lines.push(format!("{:?}", fields.append("a\r\nb", b"c")));
    lines.push(format!("{:?}", fields.append("a", b"b\r\nset-cookie: c=d")));
    lines.push(format!("{:?}", fields.append("transfer-encoding", b"chunked")));
    lines.push(format!("{:?}", fields.set("a", &[b"1".to_vec(), b"2".to_vec()])));
    lines.push(format!("{:?}", fields.has("A")));
    lines.push(format!("{:?}", fields.delete("a")));
    lines.push(format!("{:?}", fields.has("a")));
    let copy = fields.clone();
    let response = OutgoingResponse::new(fields);
    let frozen = response.headers();
    lines.push(format!("{:?}", frozen.append("x", b"y")));
    lines.push(format!("{:?}", frozen.entries().len()));
    lines.push(format!("{:?}", copy.append("x", b"y")));
    lines.push(format!("{:?}", response.set_status_code(1)));
    lines.push(format!("{:?}", response.set_status_code(103)));
    lines.push(format!("{:?}", response.set_status_code(404)));
    lines.push(format!("{:?}", Fields::from_list(&[("host".into(), b"a".to_vec())]).map(drop)));
    assert!(matches!(frozen.delete("x"), Err(HeaderError::Immutable)));
    lines.join("\n") + "\n"
}

fn echo(request: IncomingRequest, out: ResponseOutparam) {
    let input = request.consume().expect("a body");
    let from = input.stream().expect("a stream");
    let (body, to) = begin(out, &[]);
    while to.blocking_splice(&from, u64::MAX).is_ok() {}
    drop((from, to));
    OutgoingBody::finish(body, None).expect("an end");
    drop(IncomingBody::finish(input));
}

/// Sends the trailers of the request back, without a look at its body.
fn echo_trailers(request: IncomingRequest, out: ResponseOutparam) {
    let future = IncomingBody::finish(request.consume().expect("a body"));
    future.subscribe().block();
    let trailers = future.get().expect("they are there").expect("they are taken once").expect("no failure");
    assert!(matches!(future.get(), Some(Err(()))));
    let (body, stream) = begin(out, &[]);
    stream.blocking_write_and_flush(b"body").expect("a write");
    drop(stream);
    let trailers = trailers.map(|trailers| {
        assert!(matches!(trailers.append("a", b"b"), Err(HeaderError::Immutable)));
        let copy = trailers.clone();
        copy.append("x-more", b"1").expect("a field");
        copy
    });
    OutgoingBody::finish(body, trailers).expect("an end");
}

/// Reads all of a stream: how many bytes, and how it ended.
fn drain(stream: &InputStream) -> String {
    let mut bytes = 0;
    loop {
        match stream.blocking_read(1 << 16) {
            Ok(read) => bytes += read.len(),
            Err(StreamError::Closed) => return format!("{bytes} bytes"),
            Err(StreamError::LastOperationFailed(error)) => {
                return format!("{bytes} bytes, then {:?}", http_error_code(&error));
            }
        }
    }
}

fn count(request: IncomingRequest, out: ResponseOutparam) {
    let input = request.consume().expect("a body");
    let told = drain(&input.stream().expect("a stream"));
    text(out, &format!("{told}\n"));
}

/// Writes so many bytes, and more if nobody stops it.
fn big(out: ResponseOutparam, bytes: usize) {
    let (body, stream) = begin(out, &[]);
    let chunk = [b'x'; 10_000];
    let mut left = bytes;
    while left > 0 {
        let len = left.min(chunk.len());
        if write(&stream, &chunk[..len]).is_err() {
            return;
        }
        left -= len;
    }
    drop(stream);
    OutgoingBody::finish(body, None).expect("an end");
}

/// `ANNOUNCED,WRITTEN`: a body that may not be as long as it says.
fn length(out: ResponseOutparam, query: &str) {
    let (announced, written) = query.split_once(',').expect("two numbers");
    let fields = Fields::new();
    fields.append("content-length", announced.as_bytes()).expect("a field");
    let response = OutgoingResponse::new(fields);
    if written == "none" {
        return ResponseOutparam::set(out, Ok(response));
    }
    let Ok(body) = response.body() else { return ResponseOutparam::set(out, Ok(response)) };
    ResponseOutparam::set(out, Ok(response));
    let stream = body.write().expect("a stream");
    let bytes = vec![b'x'; written.parse().expect("a number")];
    if let Err(StreamError::LastOperationFailed(error)) = stream.blocking_write_and_flush(&bytes) {
        assert!(matches!(http_error_code(&error), Some(ErrorCode::HttpResponseBodySize(_))));
        assert!(matches!(stream.check_write(), Err(StreamError::Closed)));
    }
    drop(stream);
    let finished = OutgoingBody::finish(body, None);
    assert_eq!(finished.is_ok(), announced == written);
}

/// A chunk every so many milliseconds, three times.
fn drip(out: ResponseOutparam, milliseconds: u64) {
    let (body, stream) = begin(out, &[]);
    for _ in 0..3 {
        if stream.blocking_write_and_flush(b"drop").is_err() {
            return;
        }
        subscribe_duration(milliseconds * 1_000_000).block();
    }
    drop(stream);
    OutgoingBody::finish(body, None).expect("an end");
}

/// Which comes first, the body or a moment.
fn race(request: IncomingRequest, out: ResponseOutparam) {
    let input = request.consume().expect("a body");
    let stream = input.stream().expect("a stream");
    let (body, moment) = (stream.subscribe(), subscribe_duration(20_000_000));
    let ready = poll(&[&body, &moment]);
    text(out, &format!("{ready:?}\n"));
}

fn take_twice(request: IncomingRequest) -> String {
    let body = request.consume().expect("a body");
    let again = request.consume().is_err();
    let stream = body.stream().expect("a stream");
    let stream_again = body.stream().is_err();
    drop(stream);
    let response = OutgoingResponse::new(Fields::new());
    let written = response.body().expect("a body");
    let written_again = response.body().is_err();
    let out = written.write().expect("a stream");
    let out_again = written.write().is_err();
    drop(out);
    format!("{again} {stream_again} {written_again} {out_again}\n")
}

/// A request to a URL.
fn request_to(method: Method, url: &str) -> OutgoingRequest {
    let (scheme, rest) = url.split_once("://").expect("a URL");
    let scheme = if scheme == "http" { Scheme::Http } else { Scheme::Https };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let request = OutgoingRequest::new(Fields::new());
    request.set_method(&method).expect("a method");
    request.set_scheme(Some(&scheme)).expect("a scheme");
    request.set_authority(Some(authority)).expect("an authority");
    request.set_path_with_query(Some(path)).expect("a path");
    request
}

/// Sends a request and waits for the response.
fn send(request: OutgoingRequest, options: Option<RequestOptions>) -> Result<IncomingResponse, ErrorCode> {
    let future = outgoing_handler::handle(request, options)?;
    future.subscribe().block();
    future.get().expect("it is there").expect("it is taken once")
}

fn tell(response: Result<IncomingResponse, ErrorCode>) -> String {
    match response {
        Ok(response) => {
            let input = response.consume().expect("a body");
            let stream = input.stream().expect("a stream");
            let told = drain(&stream);
            drop(stream);
            let future = IncomingBody::finish(input);
            future.subscribe().block();
            let trailers = match future.get() {
                Some(Ok(Ok(Some(trailers)))) => trailers.entries().len().to_string(),
                Some(Ok(Ok(None))) => "no".into(),
                other => format!("{other:?}"),
            };
            let fields = response.headers().entries().len();
            format!("{} {told}, {trailers} trailers, fields: {}\n", response.status(), fields > 0)
        }
        Err(code) => format!("{code:?}\n"),
    }
}

fn fetch(out: ResponseOutparam, url: &str, times: usize) {
    let mut told = String::new();
    for _ in 0..times {
        let request = request_to(Method::Get, url);
        let body = request.body().expect("a body");
        OutgoingBody::finish(body, None).expect("an end");
        told = tell(send(request, None));
        if told.contains("HttpRequestDenied") {
            break;
        }
    }
    text(out, &told);
}

/// Sends the body of the request on while it comes, and the response back.
fn post_through(request: IncomingRequest, out: ResponseOutparam, url: &str) {
    let input = request.consume().expect("a body");
    let from = input.stream().expect("a stream");
    let post = request_to(Method::Post, url);
    let body = post.body().expect("a body");
    let future = match outgoing_handler::handle(post, None) {
        Ok(future) => future,
        Err(code) => return text(out, &format!("{code:?}\n")),
    };
    let to = body.write().expect("a stream");
    while to.blocking_splice(&from, u64::MAX).is_ok() {}
    drop((from, to));
    let finished = OutgoingBody::finish(body, None).is_ok();
    future.subscribe().block();
    let response = future.get().expect("it is there").expect("it is taken once");
    let Ok(response) = response else { return text(out, &format!("{finished} {}", tell(response))) };
    let input = response.consume().expect("a body");
    let from = input.stream().expect("a stream");
    let (body, to) = begin(out, &[]);
    while to.blocking_splice(&from, u64::MAX).is_ok() {}
    drop(to);
    OutgoingBody::finish(body, None).expect("an end");
}

/// `CONNECT,FIRST,BETWEEN,URL` in milliseconds.
fn timeout(out: ResponseOutparam, query: &str) {
    let mut parts = query.splitn(4, ',');
    let mut ms = || Some(parts.next()?.parse::<u64>().ok()? * 1_000_000);
    let options = RequestOptions::new();
    options.set_connect_timeout(ms()).expect("it is supported");
    options.set_first_byte_timeout(ms()).expect("it is supported");
    options.set_between_bytes_timeout(ms()).expect("it is supported");
    assert!(options.connect_timeout().is_some());
    let request = request_to(Method::Get, parts.next().expect("a URL"));
    text(out, &tell(send(request, Some(options))));
}

/// Requests that cannot be made.
fn bad_requests() -> String {
    let mut lines = Vec::new();
    let request = OutgoingRequest::new(Fields::new());
    lines.push(format!("{:?}", request.set_method(&Method::Other("A B".into()))));
    lines.push(format!("{:?}", request.set_authority(Some("user@example.com"))));
    lines.push(format!("{:?}", request.set_authority(Some("example.com\r\nx: y"))));
    lines.push(format!("{:?}", request.set_path_with_query(Some("@evil.com/"))));
    lines.push(format!("{:?}", request.set_path_with_query(Some("/ HTTP/1.1\r\nx: y"))));
    lines.push(format!("{:?}", request.set_scheme(Some(&Scheme::Other("a b".into())))));
    lines.push(format!("{:?}", outgoing_handler::handle(request, None).err()));
    let request = OutgoingRequest::new(Fields::new());
    request.set_authority(Some("example.com")).expect("an authority");
    request.set_method(&Method::Connect).expect("a method");
    lines.push(format!("{:?}", outgoing_handler::handle(request, None).err()));
    let fields = Fields::from_list(&[("content-length".into(), b"1, 2".to_vec())]).expect("fields");
    let request = OutgoingRequest::new(fields);
    request.set_authority(Some("example.com")).expect("an authority");
    lines.push(format!("{:?}", request.body().is_err()));
    lines.push(format!("{:?}", outgoing_handler::handle(request, None).err()));
    lines.join("\n") + "\n"
}
