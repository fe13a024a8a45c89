//! `dunlin run URL` against a server of our own on this machine: what it accepts, what it refuses and
//! how soon, and what it keeps.
//!
//! Replies are data: raw bytes, so that a server may lie.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// A module whose `answer` is 42.
const MODULE: &str = r#"(module (func (export "answer") (result i32) (i32.const 42)))"#;

/// What the server does for one path.
#[derive(Clone)]
enum Reply {
    /// These bytes, then the end of the connection.
    Raw(Vec<u8>),
    /// The body with a tag, or *not modified* to who has it.
    Tagged(&'static str, Vec<u8>),
    /// The head and the body, then the same bytes over and over, until the client leaves.
    Endless(Vec<u8>, Vec<u8>),
}

struct Server {
    address: String,
    requests: Arc<Mutex<Vec<String>>>,
    /// Bytes that an endless reply got rid of.
    sent: Arc<AtomicUsize>,
    folder: PathBuf,
}

impl Server {
    /// Serves these paths to the end of the test's process; the cache is empty.
    fn start(name: &str, replies: Vec<(&'static str, Reply)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let sent = Arc::new(AtomicUsize::new(0));
        let (seen, count) = (Arc::clone(&requests), Arc::clone(&sent));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (replies, seen, count) =
                    (replies.clone(), Arc::clone(&seen), Arc::clone(&count));
                thread::spawn(move || serve(stream, &replies, &seen, &count));
            }
        });
        let folder =
            std::env::temp_dir().join(format!("dunlin-fetch-{}-{name}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        Self { address, requests, sent, folder }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn command(&self, path: &str, flags: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dunlin"));
        command.env_clear().env("XDG_CACHE_HOME", self.folder.join("cache"));
        command.arg("run").args(flags).args(["--invoke", "answer", &self.url(path)]);
        command
    }

    fn run(&self, path: &str, flags: &[&str]) -> Output {
        self.command(path, flags).output().expect("the program")
    }

    /// Asserts that the module is had and runs.
    fn accepts(&self, path: &str, flags: &[&str]) {
        let output = self.run(path, flags);
        assert_eq!(text(&output.stderr), "", "{path}");
        assert_eq!((text(&output.stdout).as_str(), output.status.code()), ("42\n", Some(0)));
    }

    /// Asserts that it is refused with exactly this report; `URL` stands for the URL.
    fn refuses(&self, path: &str, flags: &[&str], expected: &str) {
        let output = self.run(path, flags);
        let found = text(&output.stderr).replace(&self.url(path), "URL");
        assert_eq!(found.replace(&self.address, "HOST"), expected, "{path}");
        assert_eq!((text(&output.stdout).as_str(), output.status.code()), ("", Some(1)));
        assert_eq!(self.kept("partial").len(), 0, "a refused download leaves nothing");
    }

    fn requests(&self) -> Vec<String> {
        std::mem::take(&mut *self.requests.lock().expect("the requests"))
    }

    fn cache(&self) -> PathBuf {
        self.folder.join("cache/dunlin/modules")
    }

    /// The plain files of a folder of the cache.
    fn kept(&self, folder: &str) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.cache().join(folder)).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).filter(|path| path.is_file()).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn serve(
    mut stream: TcpStream,
    replies: &[(&str, Reply)],
    seen: &Mutex<Vec<String>>,
    sent: &AtomicUsize,
) {
    let mut head = Vec::new();
    let mut lines = BufReader::new(stream.try_clone().expect("a stream"));
    while !head.ends_with(b"\r\n\r\n") {
        if lines.read_until(b'\n', &mut head).unwrap_or(0) == 0 {
            return;
        }
    }
    let head = text(&head);
    let path = head.split(' ').nth(1).unwrap_or("").to_owned();
    let tag = head
        .lines()
        .find_map(|line| line.to_lowercase().strip_prefix("if-none-match: ").map(str::to_owned));
    let noted = match &tag {
        Some(tag) => format!("{path} if not {tag}"),
        None => path.clone(),
    };
    seen.lock().expect("the requests").push(noted);
    let reply = replies.iter().find(|(known, _)| *known == path).map(|(_, reply)| reply.clone());
    // The client may leave whenever it wants.
    let _ = match reply {
        None => stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno"),
        Some(Reply::Raw(bytes)) => stream.write_all(&bytes),
        Some(Reply::Tagged(etag, _)) if tag.as_deref() == Some(etag) => {
            stream.write_all(b"HTTP/1.1 304 Not Modified\r\n\r\n")
        }
        Some(Reply::Tagged(etag, body)) => {
            stream.write_all(&ok(&format!("ETag: {etag}\r\n"), &body))
        }
        Some(Reply::Endless(head, again)) => stream.write_all(&head).and_then(|()| {
            loop {
                stream.write_all(&again)?;
                sent.fetch_add(again.len(), Ordering::Relaxed);
            }
        }),
    };
    let _ = stream.shutdown(std::net::Shutdown::Write);
    // Closing while the client's bytes are unread would reset the connection under our reply.
    let _ = stream.set_read_timeout(Some(std::time::Duration::from_millis(200)));
    let _ = stream.read(&mut [0; 64]);
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn module() -> Vec<u8> {
    wat::parse_str(MODULE).expect("a module")
}

/// A truthful reply.
fn ok(headers: &str, body: &[u8]) -> Vec<u8> {
    claiming(&format!("Content-Length: {}\r\n{headers}", body.len()), body)
}

/// A reply with whatever headers.
fn claiming(headers: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("HTTP/1.1 200 OK\r\n{headers}\r\n").into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

fn redirect(location: &str) -> Reply {
    Reply::Raw(
        format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n")
            .into_bytes(),
    )
}

#[test]
fn modules_run_from_urls_in_both_formats_and_by_any_framing() {
    let body = module();
    let mut chunked = Vec::new();
    for piece in body.chunks(7) {
        chunked.extend(format!("{:x}\r\n", piece.len()).into_bytes());
        chunked.extend_from_slice(piece);
        chunked.extend_from_slice(b"\r\n");
    }
    chunked.extend_from_slice(b"0\r\n\r\n");
    let server = Server::start(
        "formats",
        vec![
            ("/a.wasm", Reply::Raw(ok("", &body))),
            ("/a.wat", Reply::Raw(ok("", MODULE.as_bytes()))),
            ("/chunked", Reply::Raw(claiming("Transfer-Encoding: chunked\r\n", &chunked))),
            ("/unframed", Reply::Raw(claiming("", &body))),
            ("/here/moved", redirect("there?x=1")),
            ("/here/there?x=1", redirect("/a.wasm")),
        ],
    );
    for path in ["/a.wasm", "/a.wat", "/chunked", "/unframed", "/here/moved"] {
        server.accepts(path, &[]);
    }
    // One content, whatever its address: the text differs.
    assert_eq!(server.kept("").len(), 2);
}

#[test]
fn an_unchanged_module_is_not_sent_twice() {
    let server = Server::start("cache", vec![("/a.wasm", Reply::Tagged("\"v1\"", module()))]);
    server.accepts("/a.wasm", &[]);
    server.accepts("/a.wasm", &[]);
    assert_eq!(server.requests(), ["/a.wasm", "/a.wasm if not \"v1\""]);
    // A damaged copy is fetched anew.
    fs::write(&server.kept("")[0], b"damaged").expect("a write");
    server.accepts("/a.wasm", &[]);
    assert_eq!(server.requests(), ["/a.wasm"]);
    server.accepts("/a.wasm", &[]);
    assert_eq!(server.requests(), ["/a.wasm if not \"v1\""]);
}

#[test]
fn many_processes_share_the_cache() {
    let server = Server::start("many", vec![("/a.wasm", Reply::Tagged("\"v1\"", module()))]);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| server.accepts("/a.wasm", &[]));
        }
    });
    assert_eq!((server.kept("").len(), server.kept("index").len()), (1, 1));
    assert_eq!(server.kept("partial").len(), 0);
}

#[test]
fn without_a_cache_the_module_runs_from_memory() {
    let server = Server::start("uncached", vec![("/a.wasm", Reply::Raw(ok("", &module())))]);
    let output = server.command("/a.wasm", &[]).env_remove("XDG_CACHE_HOME").output();
    let output = output.expect("the program");
    assert_eq!(text(&output.stdout), "42\n");
    assert_eq!(
        text(&output.stderr),
        "warning: downloads are not cached: neither `XDG_CACHE_HOME` nor `HOME` is set\n"
    );
}

#[test]
fn large_bodies_are_refused_whatever_the_server_claims() {
    let kibibytes = vec![b' '; 8 << 10];
    let server = Server::start(
        "large",
        vec![
            ("/honest", Reply::Raw(ok("", &kibibytes))),
            ("/silent", Reply::Endless(claiming("", b"("), b"        ".to_vec())),
            ("/announced", Reply::Raw(claiming("Content-Length: 99999999999\r\n", b"\0asm"))),
            ("/small", Reply::Raw(ok("", &module()))),
        ],
    );
    let limit = ["--max-download", "4KiB"];
    server.refuses(
        "/honest",
        &limit,
        "error: `URL` is larger than 4.0 KiB\n  the server announced 8.0 KiB\n\n\
         hint: `--max-download 1MiB` raises the limit\n",
    );
    server.refuses(
        "/silent",
        &limit,
        "error: `URL` is larger than 4.0 KiB\n  the server sent more\n\n\
         hint: `--max-download 1MiB` raises the limit\n",
    );
    server.refuses(
        "/announced",
        &[],
        "error: `URL` is larger than 256.0 MiB\n  the server announced 93.1 GiB\n\n\
         hint: `--max-download 95368MiB` raises the limit\n",
    );
    server.accepts("/small", &limit);
}

#[test]
fn cut_and_mislabelled_bodies_are_refused() {
    let body = module();
    let half = &body[..body.len() / 2];
    let long = format!("Content-Length: {}\r\n", body.len());
    let short = format!("Content-Length: {}\r\n", half.len());
    let server = Server::start(
        "cut",
        vec![
            ("/truncated", Reply::Raw(claiming(&long, half))),
            ("/understated", Reply::Raw(claiming(&short, &body))),
            ("/half", Reply::Raw(ok("", half))),
            ("/empty", Reply::Raw(ok("", b""))),
        ],
    );
    server.refuses(
        "/truncated",
        &[],
        "error: `URL` ended after 19 of 39 bytes\n  the server closed the connection\n\n\
         hint: try again; what came so far is not kept\n",
    );
    let cut = "error: `URL` is not a valid module\n  function section has non-zero count but code \
               section is absent (at offset 0x13)\n";
    server.refuses("/understated", &[], cut);
    server.refuses("/half", &[], cut);
    server.refuses("/empty", &[], "error: `URL` is not a valid module\n  it is empty\n");
}

#[test]
fn an_invalid_module_stops_its_own_download() {
    // A function that should return an i32 and returns an i64, then a custom section of 256 MiB.
    let mut body = b"\0asm\x01\0\0\0\x01\x05\x01\x60\0\x01\x7f\x03\x02\x01\0".to_vec();
    body.extend(b"\x0a\x06\x01\x04\0\x42\x07\x0b\0\xff\xff\xff\x7f\x01x");
    let server = Server::start(
        "invalid",
        vec![
            (
                "/bad.wasm",
                Reply::Endless(claiming("Content-Length: 200000000\r\n", &body), vec![0; 1 << 16]),
            ),
            ("/page", Reply::Endless(claiming("", b"<!DOCTYPE html>"), vec![b' '; 1 << 16])),
        ],
    );
    server.refuses(
        "/bad.wasm",
        &[],
        "error: `URL` is not a valid module\n  type mismatch: expected i32, found i64 (at offset 0x1a)\n  \
         the download was stopped there\n",
    );
    server.refuses(
        "/page",
        &[],
        "error: `URL` is not a valid module\n  \
         neither binary nor text WebAssembly begins with `<!DOCTYPE ht`\n  \
         the download was stopped there\n",
    );
    // What sockets buffer on the way is lost; the rest was never sent.
    assert!(server.sent.load(Ordering::Relaxed) < 32 << 20);
}

#[test]
fn servers_that_refuse_or_lead_nowhere() {
    let server = Server::start(
        "refusing",
        vec![
            ("/500", Reply::Raw(b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n".to_vec())),
            ("/403", Reply::Raw(b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n".to_vec())),
            ("/loop", redirect("/loop")),
            ("/file", redirect("file:///etc/passwd")),
            ("/nowhere", Reply::Raw(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n".to_vec())),
        ],
    );
    let refuses = |path, cause| {
        server.refuses(path, &[], &format!("error: cannot download `URL`\n  {cause}\n"));
    };
    refuses("/missing", "the server has no such file (status 404)");
    refuses("/500", "the server failed (status 500)");
    refuses("/403", "the server does not allow it (status 403)");
    refuses("/loop", "more than 10 redirects, the last one to `URL`");
    refuses("/file", "it redirects to `file:///etc/passwd`, which is no URL");
    refuses("/nowhere", "the server redirects, but does not say where to");
}

#[test]
fn a_server_that_is_not_there() {
    // A port that was just free.
    let port = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("it").port();
    let folder = std::env::temp_dir().join(format!("dunlin-fetch-{}-absent", std::process::id()));
    let output = Command::new(env!("CARGO_BIN_EXE_dunlin"))
        .env_clear()
        .env("XDG_CACHE_HOME", &folder)
        .args(["run", &format!("http://127.0.0.1:{port}/a.wasm")])
        .output()
        .expect("the program");
    remove(&folder);
    let said = text(&output.stderr);
    assert!(
        said.starts_with(&format!("error: cannot download `http://127.0.0.1:{port}/a.wasm`\n"))
    );
    assert!(said.contains("Connection refused"), "{said}");
    assert_eq!(output.status.code(), Some(1));
}

fn remove(folder: &Path) {
    let _ = fs::remove_dir_all(folder);
}
