//! What a server has kept in the code cache serves the next one, and nothing that is damaged there does harm; apps with the
//! same bytes share what follows from them, and nothing else.

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use dunlin::Cache;
use dunlin_edge::app::AppSpec;
use support::{TestServer, drill};

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("dunlin-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        Self(folder)
    }

    /// What is kept besides machine code, whole entries only.
    fn kept(&self) -> Vec<PathBuf> {
        let mut found: Vec<_> =
            fs::read_dir(&self.0).expect("a folder").flatten().map(|entry| entry.path()).collect();
        found.retain(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with("kept-") && name.ends_with(".code")
        });
        found.sort();
        found
    }

    fn wait_for_kept(&self, count: usize) -> Vec<PathBuf> {
        let begun = Instant::now();
        loop {
            let kept = self.kept();
            if kept.len() == count {
                return kept;
            }
            assert!(begun.elapsed() < Duration::from_secs(20), "{kept:?}, not {count}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn ask_all(server: &TestServer) {
    let mut client = server.connect();
    assert_eq!(client.get("/hello").text(), "hello\n");
    assert_eq!(client.get("/status?code=418").status, 418);
    assert_eq!(client.post("/length", &[7; 70_000]).text(), "70000");
    assert_eq!(client.post("/echo", b"abc").text(), "abc");
    assert_eq!(client.get("/hello").text(), "hello\n");
}

#[test]
fn the_next_server_begins_with_what_was_kept() {
    let folder = Folder::new("edge-kept");
    let server = || {
        TestServer::with(|options| options.cache = Some(Cache::open(&folder.0).expect("a cache")))
    };
    // The same request first and last: what others prepare meanwhile may or may not be kept.
    let first = server();
    assert_eq!(first.connect().get("/hello").text(), "hello\n");
    // What the component says, and what its core modules need for a first request.
    let kept = folder.wait_for_kept(2);
    drop(first);
    let whole: Vec<_> = kept.iter().map(|path| fs::read(path).expect("an entry")).collect();
    let second = server();
    assert_eq!(second.connect().get("/hello").text(), "hello\n");
    drop(second);
    for (path, whole) in kept.iter().zip(&whole) {
        assert_eq!(&fs::read(path).expect("an entry"), whole, "nothing new was to be kept");
    }
    for (at, cut) in [(40, false), (3000, false), (0, true)] {
        for (path, whole) in kept.iter().zip(&whole) {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x11;
            let damaged = if cut { &whole[..whole.len() / 2] } else { &damaged };
            fs::write(path, damaged).expect("a file");
        }
        ask_all(&server());
        assert_eq!(folder.wait_for_kept(2), kept);
        let again = kept
            .iter()
            .zip(&whole)
            .filter(|(path, whole)| fs::read(path).is_ok_and(|bytes| bytes == **whole));
        assert!(again.count() >= 1, "what the component says is kept again as it was");
    }
}

#[test]
fn apps_with_the_same_bytes_have_what_is_theirs() {
    let folder = Folder::new("edge-same");
    fs::create_dir_all(&folder.0).expect("a folder");
    let copy = |name: &str| {
        let path = folder.0.join(name);
        fs::copy(drill(), &path).expect("a file");
        path
    };
    let app = |name: &str, path: &Path| {
        let mut app = AppSpec::new(name, path);
        app.prefix = Some(format!("/{name}"));
        app.strip_prefix = true;
        app.env = vec![("WHO".into(), name.into())];
        app
    };
    let (one, two) = (copy("one.wasm"), copy("two.wasm"));
    let apps = vec![app("one", &one), app("two", &two), app("three", &two)];
    let server = TestServer::with(|options| options.apps = apps.clone());
    let ask = |name: &str| {
        let response = server.get(&format!("/{name}/env"));
        (response.status, response.text().trim().to_owned())
    };
    for name in ["one", "two", "three", "one"] {
        assert_eq!(ask(name), (200, format!("WHO={name}")));
    }
    // One of them becomes another file; the others stay what they are.
    fs::write(&one, b"\0asm\x0d\0\x01\0").expect("a file");
    server.server.set_apps(apps[1..].to_vec()).expect("apps");
    server.server.set_apps(apps.clone()).expect("apps");
    assert_eq!(ask("one").0, 500);
    for name in ["two", "three"] {
        assert_eq!(ask(name), (200, format!("WHO={name}")));
    }
}
