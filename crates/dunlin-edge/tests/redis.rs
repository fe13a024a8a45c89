//! Stores and caches in a Redis server: a real one where there is one, and one that lies.
//!
//! `redis-server` is started for each test, on a port of its own, from the path or from where `DUNLIN_REDIS_SERVER` says;
//! without it the tests of the real one say so and pass. `cargo xtask redis` installs it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use dunlin_edge::stores::bloom::Filter;
use dunlin_edge::stores::{
    Answer, Cache, Embedded, Entry, KeyValue, Redis, RedisUrl, Scored, StoreError, parse_entries,
};
use tokio::runtime::Runtime;

fn runtime() -> Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(2).enable_all().build().expect("threads")
}

fn now<T>(answer: Answer<'_, T>) -> Result<T, StoreError> {
    dunlin::stacks::wait(answer).expect("nobody interrupts")
}

fn store(url: &str, runtime: &Runtime) -> Redis {
    Redis::new(RedisUrl::parse(url).expect("a URL"), runtime.handle().clone())
}

/// A server that ends with the test.
struct Server {
    child: Child,
    port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    /// A server, if the machine has one.
    fn start(options: &[&str]) -> Option<Server> {
        let program =
            std::env::var_os("DUNLIN_REDIS_SERVER").unwrap_or_else(|| "redis-server".into());
        let port = TcpListener::bind("127.0.0.1:0").ok()?.local_addr().ok()?.port();
        let mut command = Command::new(program);
        command.args(["--bind", "127.0.0.1", "--port", &port.to_string()]);
        command.args(["--save", "", "--appendonly", "no", "--daemonize", "no"]).args(options);
        let started = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let Ok(child) = started else {
            println!(
                "skipped: there is no `redis-server` (`DUNLIN_REDIS_SERVER` says where one is)"
            );
            return None;
        };
        let mut server = Server { child, port };
        let until = Instant::now() + Duration::from_secs(20);
        while Instant::now() < until {
            if let Some(status) = server.child.try_wait().expect("a child") {
                panic!("the server has ended: {status}");
            }
            if is_redis(port) {
                return Some(server);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("the server does not listen");
    }

    fn url(&self, database: u32) -> String {
        format!("redis://127.0.0.1:{}/{database}", self.port)
    }
}

/// Whether such a server answers at a port. Whoever asks before it listens may be connected to itself.
fn is_redis(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return false };
    let mut first = [0];
    stream.set_read_timeout(Some(Duration::from_secs(5))).expect("a socket");
    let is_asked = stream.write_all(b"PING\r\n").is_ok();
    is_asked && stream.read_exact(&mut first).is_ok() && matches!(&first, b"+" | b"-")
}

/// The same with TLS, and the certificate of the tests' own authority in a folder.
struct TlsServer {
    server: Server,
    folder: tempfile::TempDir,
}

impl TlsServer {
    fn start() -> Option<TlsServer> {
        let folder = tempfile::tempdir().expect("a folder");
        let certificates =
            std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/outgoing/certificates");
        let pem = |name: &str, kind: &str| {
            let bytes = std::fs::read(certificates.join(format!("{name}.der"))).expect("it");
            let lines = base64(&bytes);
            let text = format!("-----BEGIN {kind}-----\n{lines}-----END {kind}-----\n");
            let path = folder.path().join(format!("{name}.pem"));
            std::fs::write(&path, text).expect("a file");
            path.display().to_string()
        };
        let ca = pem("ca", "CERTIFICATE");
        let (certificate, key) = (pem("server", "CERTIFICATE"), pem("server-key", "PRIVATE KEY"));
        // The other port is the one that is found free.
        let free = TcpListener::bind("127.0.0.1:0").ok()?.local_addr().ok()?.port();
        let options = [
            "--tls-port",
            &free.to_string(),
            "--tls-auth-clients",
            "no",
            "--tls-ca-cert-file",
            &ca,
            "--tls-cert-file",
            &certificate,
            "--tls-key-file",
            &key,
        ];
        let mut server = Server::start(&options)?;
        server.port = free;
        Some(TlsServer { server, folder })
    }
}

/// Bytes as lines of base64.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for (at, three) in bytes.chunks(3).enumerate() {
        let word = three.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte));
        let word = word << (8 * (3 - three.len()));
        for digit in 0..4 {
            let value = word >> (18 - 6 * digit) & 63;
            text.push(if digit <= three.len() { DIGITS[value as usize].into() } else { '=' });
        }
        if at % 16 == 15 {
            text.push('\n');
        }
    }
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

#[test]
fn a_server_with_tls_is_asked_if_it_is_the_right_one() {
    let Some(tls) = TlsServer::start() else { return };
    let (runtime, port) = (runtime(), tls.server.port);
    let ca = tls.folder.path().join("ca.pem").display().to_string();
    let url = format!("rediss://127.0.0.1:{port}/1?ca={ca}");
    let redis = store(&url, &runtime);
    now(redis.fill(entries())).expect("an answer");
    assert_eq!(now(redis.get("my:a")), Ok(Some(b"1".to_vec())));
    // A connection that was used is used again, and one that the server has closed is not.
    assert_eq!(now(redis.scan("my:*")).map(|keys| keys.len()), Ok(2));
    let large = vec![7; 1 << 20];
    now(redis.fill(vec![("large".into(), Entry::Value(large.clone()))])).expect("an answer");
    assert!(now(redis.get("large")) == Ok(Some(large)));
    for (what, url) in [
        ("nobody trusts its authority", format!("rediss://127.0.0.1:{port}")),
        ("its certificate has another name", format!("rediss://localhost:{port}?ca={ca}")),
        ("there is no such file", format!("rediss://127.0.0.1:{port}?ca=/none.pem")),
        ("it speaks TLS", format!("redis://127.0.0.1:{port}")),
    ] {
        let error = now(store(&url, &runtime).get("my:a"));
        assert!(matches!(error, Err(StoreError::Failed(_))), "{what}: {error:?}");
    }
}

fn entries() -> Vec<(String, Entry)> {
    let text = r#"{
        "my:a": "1", "my:b": {"base64": "AP8="}, "empty": "", "mz": "2", "grüße": "3", "a*b": "star",
        "set": {"sorted": {"a": -2, "b": 0, "c": 1.5, "d": 1.5, "e:1": 1e300}},
        "filter": {"bloom": ["in", "too"], "rate": 0.001}
    }"#;
    let mut entries = parse_entries(text).expect("valid");
    let ends = vec![(b"x".to_vec(), f64::NEG_INFINITY), (b"y".to_vec(), f64::INFINITY)];
    entries.push(("ends".into(), Entry::Sorted(ends)));
    entries
}

/// Everything that a store of these entries is asked for, and what it answers.
fn answers(store: &dyn KeyValue) -> Vec<String> {
    let mut all = Vec::new();
    for key in ["my:a", "my:b", "empty", "none", "", "grüße", "set", "filter "] {
        all.push(format!("get {key}: {:?}", now(store.get(key))));
    }
    for pattern in ["*", "my:*", "m?", "a\\*b", "a*b", "[a-m]*", "none", "", "gr*", "*\\*a*a*a*a*b"]
    {
        all.push(format!("scan {pattern}: {:?}", now(store.scan(pattern))));
    }
    let (least, most) = (f64::NEG_INFINITY, f64::INFINITY);
    for (key, min, max) in [
        ("set", least, most),
        ("set", -2.0, 0.0),
        ("set", 0.1, 1.5),
        ("set", 1e299, 1e301),
        ("set", 2.0, 1.0),
        ("ends", most, most),
        ("ends", least, 0.0),
        ("none", least, most),
        ("my:a", least, most),
        ("set", f64::NAN, 1.0),
    ] {
        all.push(format!(
            "range {key} {min} {max}: {:?}",
            now(store.zrange_by_score(key, min, max))
        ));
    }
    for (key, pattern) in
        [("set", "*"), ("set", "e:*"), ("set", "[a-b]"), ("none", "*"), ("my:a", "*")]
    {
        all.push(format!("members {key} {pattern}: {:?}", now(store.zscan(key, pattern))));
    }
    for (key, item) in
        [("filter", "in"), ("filter", "too"), ("filter", "out"), ("none", "in"), ("set", "a")]
    {
        all.push(format!("filter {key} {item}: {:?}", now(store.bf_exists(key, item))));
    }
    all
}

#[test]
fn a_store_in_redis_answers_as_the_embedded_one_does() {
    let Some(server) = Server::start(&[]) else { return };
    let runtime = runtime();
    let all = store(&server.url(0), &runtime);
    let other = all.with_prefix("other:");
    now(other.fill(vec![("my:a".into(), Entry::Value(b"other".to_vec()))])).expect("filled");
    let own = all.with_prefix("own*[:");
    now(own.fill(entries())).expect("filled");
    let embedded = Embedded::in_memory().expect("memory");
    embedded.fill("store", entries()).expect("filled");
    let (expected, found) = (answers(&embedded.store("store")), answers(&own));
    for (expected, found) in expected.iter().zip(&found) {
        assert_eq!(expected, found);
    }
    assert_eq!(now(other.scan("*")), Ok(vec!["my:a".into()]));
    assert_eq!(now(store(&server.url(1), &runtime).scan("*")), Ok(Vec::new()), "another database");
    // What is put again may be of another kind.
    now(own.fill(vec![("set".into(), Entry::Value(b"v".to_vec()))])).expect("filled");
    assert_eq!(now(own.get("set")), Ok(Some(b"v".to_vec())));
    assert_eq!(now(own.bf_exists("set", "a")), Err(StoreError::WrongKind), "no filter of ours");
}

#[test]
fn a_large_store_is_scanned_whole() {
    let Some(server) = Server::start(&[]) else { return };
    let runtime = runtime();
    let all = store(&server.url(0), &runtime);
    let keys = (0..5_000).map(|at| (format!("key:{at}"), Entry::Value(Vec::new())));
    let members: Scored =
        (0..5_000).map(|at| (format!("m{at}").into_bytes(), f64::from(at))).collect();
    let large = Filter::new(1_000_000, 0.01).map(|mut filter| {
        filter.add("in");
        filter
    });
    let others = [
        ("members".to_owned(), Entry::Sorted(members)),
        ("large".to_owned(), Entry::Filter(large.expect("small"))),
    ];
    now(all.fill(keys.chain(others).collect())).expect("filled");
    assert_eq!(now(all.scan("key:*")).map(|keys| keys.len()), Ok(5_000));
    assert_eq!(now(all.scan("key:1??")).map(|keys| keys.len()), Ok(100));
    let found = now(all.zscan("members", "m*")).expect("members");
    assert_eq!(found.len(), 5_000);
    assert!(found.windows(2).all(|pair| pair[0].1 < pair[1].1), "by score");
    assert_eq!(now(all.bf_exists("large", "in")), Ok(true));
    assert_eq!(now(all.bf_exists("large", "out")), Ok(false));
}

#[test]
fn a_cache_in_redis_does_what_the_servers_own_does() {
    let Some(server) = Server::start(&[]) else { return };
    let runtime = runtime();
    let all = store(&server.url(0), &runtime);
    let (cache, other) = (all.cache("app"), all.cache("other"));
    now(other.set("a", b"theirs".to_vec(), None)).expect("set");
    assert_eq!(now(cache.get("a")), Ok(None));
    now(cache.set("a", b"1".to_vec(), None)).expect("set");
    assert_eq!((now(cache.get("a")), now(cache.exists("a"))), (Ok(Some(b"1".to_vec())), Ok(true)));
    assert_eq!(now(cache.incr("a", 4)), Ok(5));
    assert_eq!(now(cache.incr("n", i64::MIN)), Ok(i64::MIN));
    assert_eq!(
        now(cache.incr("n", -1)),
        Err(StoreError::Refused("the sum is beyond 64 bits".into()))
    );
    now(cache.set("t", b"text".to_vec(), Some(u64::MAX))).expect("for ever");
    assert_eq!(
        now(cache.incr("t", 1)),
        Err(StoreError::Refused("the value is not an integer".into()))
    );
    now(cache.set("gone", b"1".to_vec(), Some(0))).expect("for no time");
    now(cache.set("short", b"1".to_vec(), Some(30))).expect("set");
    assert_eq!((now(cache.exists("gone")), now(cache.exists("short"))), (Ok(false), Ok(true)));
    assert_eq!((now(cache.expire("a", 30)), now(cache.expire("none", 30))), (Ok(true), Ok(false)));
    assert_eq!(now(cache.expire("t", u64::MAX)), Ok(true));
    std::thread::sleep(Duration::from_millis(60));
    assert_eq!((now(cache.exists("a")), now(cache.exists("short"))), (Ok(false), Ok(false)));
    now(cache.delete("t")).expect("deleted");
    assert_eq!(now(cache.exists("t")), Ok(false));
    for at in 0..2_500 {
        now(cache.set(&format!("p:{at}"), Vec::new(), None)).expect("set");
    }
    assert_eq!(now(cache.purge_prefix("p:1")), Ok(1_111));
    assert_eq!(now(cache.purge()), Ok(1_390), "what was left, and the sum");
    assert_eq!(now(cache.purge()), Ok(0));
    assert_eq!(now(other.get("a")), Ok(Some(b"theirs".to_vec())));
}

#[test]
fn sums_in_redis_lose_nothing_under_threads() {
    let Some(server) = Server::start(&[]) else { return };
    let runtime = runtime();
    let cache = Arc::new(store(&server.url(0), &runtime).cache("app"));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..200).for_each(|_| drop(now(cache.incr("n", 1)))));
        }
    });
    assert_eq!(now(cache.get("n")), Ok(Some(b"1600".to_vec())));
}

#[test]
fn a_password_is_given_and_a_server_that_comes_back_is_found() {
    let Some(server) = Server::start(&["--requirepass", "p@ss", "--timeout", "1"]) else { return };
    let runtime = runtime();
    let with = |login: &str| format!("redis://{login}127.0.0.1:{}", server.port);
    let good = store(&with(":p%40ss@"), &runtime);
    assert_eq!(now(good.get("a")), Ok(None));
    let error = now(store(&with(""), &runtime).get("a")).expect_err("no password");
    assert!(error.to_string().contains("NOAUTH"), "{error}");
    let error = now(store(&with(":wrong@"), &runtime).get("a")).expect_err("a wrong one");
    assert!(matches!(&error, StoreError::Failed(why) if !why.contains("wrong")), "{error}");
    // The server closes connections that nobody uses, and those are not used again.
    std::thread::sleep(Duration::from_millis(2_500));
    assert_eq!(now(good.get("a")), Ok(None));
}

/// A server that answers every command with the next of these texts, and then closes.
fn liar(answers: &'static [&'static str]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("a port").port();
    std::thread::spawn(move || {
        for stream in listener.incoming().take(8) {
            let Ok(stream) = stream else { return };
            std::thread::spawn(move || lie(stream, answers));
        }
    });
    format!("redis://127.0.0.1:{port}")
}

fn lie(mut stream: TcpStream, answers: &[&str]) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    for answer in answers {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let words: usize = line.trim().strip_prefix('*')?.parse().ok()?;
        for _ in 0..words {
            line.clear();
            reader.read_line(&mut line).ok()?;
            let len: usize = line.trim().strip_prefix('$')?.parse().ok()?;
            reader.read_exact(&mut vec![0; len + 2]).ok()?;
        }
        stream.write_all(answer.as_bytes()).ok()?;
    }
    Some(())
}

#[test]
fn a_server_that_lies_is_not_believed() {
    let runtime = runtime();
    const ENDLESS: &[&str] = &["*2\r\n$1\r\n7\r\n*0\r\n"; 3];
    for (name, url) in [
        ("nonsense", liar(&["hello\r\n"])),
        ("nothing", liar(&[])),
        ("too deep", liar(&["*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n"])),
        ("too long", liar(&["$999999999\r\nabc"])),
        ("another kind", liar(&[":1\r\n"])),
        ("an error", liar(&["-ERR out of order\r\n"])),
        ("half", liar(&["$10\r\nabc"])),
    ] {
        let store = store(&url, &runtime);
        assert!(now(store.get("a")).is_err(), "{name}");
    }
    let scan = |answer: &'static [&'static str]| now(store(&liar(answer), &runtime).scan("*"));
    assert!(scan(ENDLESS).is_err(), "it closes before the end");
    assert!(scan(&["*2\r\n$1\r\n0\r\n:1\r\n"]).is_err());
    assert!(scan(&["*1\r\n$1\r\n0\r\n"]).is_err());
    assert_eq!(
        scan(&["*2\r\n$1\r\n0\r\n*2\r\n$1\r\na\r\n$1\r\na\r\n"]),
        Ok(vec!["a".into()]),
        "once"
    );
    let members =
        |answer: &'static [&'static str]| now(store(&liar(answer), &runtime).zscan("k", "*"));
    assert!(members(&["*2\r\n$1\r\n0\r\n*1\r\n$1\r\na\r\n"]).is_err(), "no score");
    assert!(members(&["*2\r\n$1\r\n0\r\n*2\r\n$1\r\na\r\n$1\r\nx\r\n"]).is_err(), "no number");
}

#[test]
fn nobody_waits_for_a_server_that_is_not_there_or_silent() {
    let runtime = runtime();
    let closed =
        TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("a port").port();
    let error =
        now(store(&format!("redis://127.0.0.1:{closed}"), &runtime).get("a")).expect_err("closed");
    assert!(error.to_string().contains(&format!("127.0.0.1:{closed}")), "{error}");
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = silent.local_addr().expect("a port").port();
    let before = Instant::now();
    let error =
        now(store(&format!("redis://127.0.0.1:{port}"), &runtime).get("a")).expect_err("silent");
    assert!(error.to_string().contains("no answer within"), "{error}");
    assert!(before.elapsed() < Duration::from_secs(15));
}
