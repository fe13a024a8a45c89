//! How long a well-behaved app's requests take beside each kind of abuser: its time is measured alone first, and then in one
//! server with them. A test of its own, since others beside it would be abusers too.

mod support;

use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use dunlin_edge::app::AppSpec;
use dunlin_edge::server::{EVENT_INTERVAL, Log, LogFormat, Options, TURN};
use support::{Client, PREFACE, TestServer, drill, frame};

const WORKERS: usize = 2;

/// Guests that would not stop, on each worker.
const GUESTS_EACH: usize = 8;

/// Requests whose time is measured.
const REQUESTS: usize = 40;

/// How much slower than it says everything may be, on a machine that does much else and in a build for tests. Guests that spin
/// have five hundred times as long: nobody passes who waits for one.
const SLACK: u32 = 12;

/// How long requests took, in order of size.
struct Times(Vec<Duration>);

impl Times {
    /// What a part of the requests, of 100, took at most.
    fn at(&self, part: usize) -> Duration {
        self.0[(self.0.len() * part / 100).min(self.0.len() - 1)]
    }
}

/// Clients that are there before the abusers are, of each worker.
const CLIENTS_EACH: usize = 2;

/// Times of requests: in turn on connections of every worker that are there already, and on new ones, which have to be
/// accepted too.
fn measure(server: &TestServer, clients: &mut [Client]) -> Times {
    let mut times = Vec::with_capacity(REQUESTS);
    for at in 0..REQUESTS {
        let begun = Instant::now();
        let response = match at % 2 {
            0 => clients[at / 2 % (WORKERS * CLIENTS_EACH)].get("/hello"),
            _ => server.get("/hello"),
        };
        assert_eq!(response.status, 200);
        times.push(begun.elapsed());
    }
    times.sort();
    Times(times)
}

fn set_up(options: &mut Options) {
    options.workers = Some(WORKERS);
    options.apps[0].prefix = Some("/".into());
    options.log = Log::new(LogFormat::Json, std::io::sink());
    options.limits.header_wait = Duration::from_secs(2);
    let mut bad = AppSpec::new("bad", drill());
    bad.prefix = Some("/bad".into());
    bad.strip_prefix = true;
    bad.limits.cpu = Duration::from_secs(60);
    bad.limits.wall = Duration::from_secs(60);
    bad.limits.memory_bytes = 16 << 20;
    options.apps.push(bad);
}

/// Asks the other app, and does not look at what it says.
fn ask(server: &TestServer, path: &str) -> Client {
    let mut client = server.connect();
    client.send(format!("GET /bad{path} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes());
    client
}

/// The same over HTTP/2.
fn ask_over_http2(server: &TestServer, path: &str) -> Client {
    let path = format!("/bad{path}");
    // `:method GET`, `:scheme http`, `:path` and `:authority`, as HPACK's table has them.
    let head: [&[u8]; 4] =
        [&[0x82, 0x86, 0x04, path.len() as u8], path.as_bytes(), &[0x41, 0x01], b"a"];
    let mut client = server.connect();
    client.send(&[PREFACE, &frame(4, 0, 0, &[]), &frame(1, 5, 1, &head.concat())].concat());
    client
}

/// Has guests of all workers write for clients that do not read, and others when these have nothing left to do.
fn flood(
    server: &TestServer,
    goes_on: &AtomicBool,
    ask: fn(&TestServer, &str) -> Client,
    path: &str,
) {
    while goes_on.load(Relaxed) {
        let _clients: Vec<_> = (0..WORKERS * GUESTS_EACH).map(|_| ask(server, path)).collect();
        std::thread::sleep(Duration::from_secs(1));
    }
}

/// Whoever goes on for as long as they are let.
type Abuser = (&'static str, fn(&TestServer, &AtomicBool));

const ABUSERS: &[Abuser] = &[
    ("guests that spin on every worker", |server, goes_on| {
        let _spinning: Vec<_> = (0..WORKERS * GUESTS_EACH).map(|_| ask(server, "/spin")).collect();
        let most = (WORKERS * GUESTS_EACH) as u64;
        server.wait_for_metric("dunlin_requests_in_flight{app=\"bad\"}", most);
        while goes_on.load(Relaxed) {
            std::thread::sleep(Duration::from_millis(1));
        }
    }),
    ("guests that allocate", |server, goes_on| {
        while goes_on.load(Relaxed) {
            let mut both = [ask(server, "/grow"), ask(server, "/grow")];
            both.iter_mut().for_each(|client| drop(client.response()));
        }
    }),
    ("floods of the log", |server, goes_on| {
        while goes_on.load(Relaxed) {
            let mut both = [(); 2].map(|()| ask(server, "/log?n=2000&size=200"));
            both.iter_mut().for_each(|client| drop(client.response()));
        }
    }),
    ("heads that come slowly", |server, goes_on| {
        let mut clients: Vec<_> = (0..100).map(|_| server.connect()).collect();
        while goes_on.load(Relaxed) {
            for client in &mut clients {
                if client.stream.write_all(b"GET").is_err() {
                    *client = server.connect();
                }
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }),
    ("heads that are bombs", |server, goes_on| {
        let many = "a: b\r\n".repeat(10_000);
        let head = format!("GET /bad/hello HTTP/1.1\r\nHost: a\r\n{many}\r\n");
        while goes_on.load(Relaxed) {
            let mut client = server.connect();
            let _ = client.stream.write_all(head.as_bytes());
            drop(client.response());
        }
    }),
    ("clients that vanish", |server, goes_on| {
        while goes_on.load(Relaxed) {
            for path in ["/spin", "/stream?n=100000&size=10000", "/sleep?ms=9999", "/hello"] {
                drop(ask(server, path));
            }
        }
    }),
    ("clients that do not read", |server, goes_on| {
        flood(server, goes_on, ask, "/stream?n=100000&size=10000");
    }),
    // Each turn of such a guest has something for its client, so that whoever asks for more at once gives it the next turn.
    ("guests that write by the byte", |server, goes_on| {
        flood(server, goes_on, ask, "/stream?n=1000000000&size=1");
    }),
    ("guests that write by the byte, over HTTP/2", |server, goes_on| {
        flood(server, goes_on, ask_over_http2, "/stream?n=1000000000&size=1");
    }),
];

#[test]
fn neighbours_of_abusers_keep_their_latency() {
    let server = TestServer::with(set_up);
    // The first request loads the app.
    let mut clients: Vec<_> = (0..WORKERS * CLIENTS_EACH).map(|_| server.connect()).collect();
    measure(&server, &mut clients);
    let alone = measure(&server, &mut clients);
    // A request finds the server looking at sockets after so many turns, when its connection comes and when it is asked; then
    // those that are there have a turn each before its guest has one, and again when its response goes.
    let turns = 2 * EVENT_INTERVAL + 2 * GUESTS_EACH as u32;
    let bound = |alone: Duration| (alone + TURN * turns) * SLACK;
    for (name, abuse) in ABUSERS {
        let goes_on = AtomicBool::new(true);
        let beside = std::thread::scope(|scope| {
            scope.spawn(|| abuse(&server, &goes_on));
            std::thread::sleep(Duration::from_millis(50));
            let beside = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                measure(&server, &mut clients)
            }));
            goes_on.store(false, Relaxed);
            beside
        });
        let beside = beside.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        let parts = [50, 90, 100].map(|part| (part, alone.at(part), beside.at(part)));
        eprintln!("{name}: {parts:?}");
        let [(_, alone_half, half), (_, _, most), _] = parts;
        assert!(half <= bound(alone_half), "{name}: {parts:?}, not {:?}", bound(alone_half));
        // Few wait for longer, and not much.
        assert!(
            most <= bound(alone_half) * 2,
            "{name}: {parts:?}, not {:?}",
            bound(alone_half) * 2
        );
        server.wait_for_metric("dunlin_requests_in_flight{app=\"bad\"}", 0);
    }
}
