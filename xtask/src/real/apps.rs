//! HTTP apps that other people's tools make, served by `dunlin serve` and asked over the wire.
//!
//! 1. each app is built from its sources under `xtask/real/apps`, by its language's own tools, which are pinned;
//! 2. `dunlin serve` serves it on a port that is free;
//! 3. requests look at what comes back: a text, a body of megabytes that is echoed while it is sent, one that is made in
//!    pieces, and whether pieces come when they are made.
//!
//! And each template of `dunlin new` is made, built by `dunlin build`, and served as the README says.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use super::http;
use super::packages::{self, create, folder, sources};
use crate::error::Error;
use crate::steps;
use crate::workspace;

/// An app: how it is built, and what its bodies can do.
pub struct App {
    /// The name in arguments, and the folder of its sources.
    pub name: &'static str,
    /// What it is.
    pub about: &'static str,
    build: fn(&Path, &Path) -> Result<(), Error>,
    /// Arguments of `dunlin serve`.
    arguments: &'static [&'static str],
    /// Whether bodies pass in pieces, as they are made.
    streams: bool,
    /// Paths with the statuses and texts that come back; `{server}` is where the app is served.
    texts: &'static [(&'static str, u16, &'static str)],
}

/// Every app, the quickest to build first.
pub const APPS: &[App] = &[
    App {
        name: "app-rust",
        about: "an HTTP app in Rust, by wstd",
        build: |from, to| rust(from, to, "wasm32-wasip2", "app_rust.wasm"),
        arguments: &[],
        streams: true,
        texts: &[("/", 200, "hello, xtask\n"), ("/nowhere", 404, "not here\n")],
    },
    App {
        name: "app-fastedge",
        about: "a FastEdge app in Rust, by its SDK",
        build: |from, to| rust(from, to, "wasm32-wasip1", "app_fastedge.wasm"),
        arguments: &["--env", "SHORE=dunes", "--secret", "TIDE=high"],
        streams: false,
        texts: &[
            ("/", 200, "hello, xtask\n"),
            ("/nowhere", 404, "not here\n"),
            ("/granted", 200, "dunes high\n"),
        ],
    },
    App {
        name: "app-js",
        about: "an HTTP app in JavaScript, by componentize-js",
        build: javascript,
        arguments: &[],
        streams: true,
        texts: &[("/", 200, "hello, xtask\n"), ("/nowhere", 404, "not here\n")],
    },
    App {
        name: "app-fastedge-js",
        about: "a FastEdge app in JavaScript, by its SDK",
        build: fastedge_javascript,
        arguments: &[
            "--env",
            "SHORE=dunes",
            "--secret",
            "TIDE=high",
            "--kv",
            "shells=xtask/real/apps/fastedge-js/shells.json",
            "--allow-host",
            "http://127.0.0.1:*",
        ],
        streams: true,
        texts: &[
            ("/", 200, "hello, xtask\n"),
            ("/nowhere", 404, "not here\n"),
            ("/granted", 200, "dunes high null null\n"),
            ("/strange", 200, "there is none\n"),
            (
                "/stored",
                200,
                "sand\nnull\nscallop seen sizes spindle\nwhelk=1.5 wentletrap=2\n\
                 whelk=1.5 wentletrap=2\ntrue false\n",
            ),
            // It asks itself, in another instance.
            ("/fetched?from=http://{server}/", 200, "200 hello, nobody\n"),
            ("/fetched?from=http://{server}/nowhere", 200, "404 not here\n"),
            ("/fetched?from=http://example.com/", 200, "refused\n"),
        ],
    },
    App {
        name: "app-python",
        about: "an HTTP app in Python, by componentize-py",
        build: python,
        arguments: &[],
        streams: true,
        texts: &[("/", 200, "hello, xtask\n"), ("/nowhere", 404, "not here\n")],
    },
];

/// Does what must be done before an app of a template can be built in a folder.
pub type Exercise = fn(&Path) -> Result<(), Error>;

/// The templates of `dunlin new`, and what must be done before each can be built.
pub const TEMPLATES: &[(&str, Exercise)] = &[
    ("rust", |_| packages::rust_target("wasm32-wasip2")),
    ("fastedge", |_| packages::rust_target("wasm32-wasip1")),
    ("c", |_| Ok(())),
    ("js", npm_install),
];

/// Bytes of a body that is echoed, and of the large one.
const ECHO_BYTES: usize = 3 << 20;
const LARGE_BYTES: usize = 4 << 20;

/// How far apart the first and last line come at least that an app makes 50 ms apart: some of that may pass before the first
/// is sent.
const APART_MIN: Duration = Duration::from_millis(60);

impl App {
    /// Builds the app, serves it, and looks at what it answers.
    ///
    /// # Errors
    ///
    /// When a tool or the server fails, or an answer is another.
    pub fn check(&self) -> Result<(), Error> {
        let out = folder().join("apps");
        create(&out)?;
        let component = out.join(format!("{}.wasm", self.name));
        let short = self.name.trim_start_matches("app-");
        (self.build)(&sources().join("apps").join(short), &component)?;
        let mut arguments: Vec<&str> = self.arguments.to_vec();
        let path = component.to_string_lossy();
        arguments.push(&path);
        let server = Served::start(&workspace::root(), &arguments)?;
        for (path, status, text) in self.texts {
            let found = server.ask(&path.replace("{server}", &server.address), None)?;
            expect(self.name, path, &found.status.to_string(), &status.to_string())?;
            expect(self.name, path, &String::from_utf8_lossy(&found.body), text)?;
        }
        let sent: Vec<u8> = (0..ECHO_BYTES).map(|at| (at % 251) as u8).collect();
        let echoed = server.ask("/echo", Some(&sent))?;
        if echoed.body != sent {
            return Err(self.wrong("/echo", format!("{} bytes came back", echoed.body.len())));
        }
        let large = server.ask("/large", None)?;
        if large.body != vec![b'x'; LARGE_BYTES] {
            return Err(self.wrong("/large", format!("{} bytes came", large.body.len())));
        }
        if self.streams {
            let lines = server.ask("/stream", None)?;
            let text = String::from_utf8_lossy(&lines.body).into_owned();
            expect(self.name, "/stream", &text, "line 0\nline 1\nline 2\n")?;
            let apart = lines.pieces.last().copied().unwrap_or_default()
                - lines.pieces.first().copied().unwrap_or_default();
            if apart < APART_MIN {
                return Err(self.wrong("/stream", format!("all came within {apart:?}")));
            }
        }
        Ok(())
    }

    fn wrong(&self, path: &str, what: String) -> Error {
        Error::new(format!("`{path}` of `{}` answers something else", self.name)).cause(what)
    }
}

fn expect(app: &str, path: &str, found: &str, wanted: &str) -> Result<(), Error> {
    if found == wanted {
        return Ok(());
    }
    let error = Error::new(format!("`{path}` of `{app}` answers something else"));
    Err(error.cause(format!("found:  {found:?}")).cause(format!("wanted: {wanted:?}")))
}

/// Makes an app of a template, builds and serves it, with no more words than a newcomer uses.
///
/// # Errors
///
/// As [`App::check`].
pub fn check_template(name: &str, prepare: fn(&Path) -> Result<(), Error>) -> Result<(), Error> {
    let place = folder().join("apps").join("new");
    create(&place)?;
    let app = format!("hello-{name}");
    packages::remove(&place.join(&app))?;
    let run = |words: &[&str], at: &Path| {
        let mut command = Command::new(dunlin());
        command.args(words).current_dir(at);
        // The C toolchain is a package of the Python registry, put where Python finds it.
        command.env("PYTHONPATH", packages::pip("ziglang")?);
        steps::run(&format!("dunlin {}", words[0]), &mut command)
    };
    run(&["new", "--template", name, &app], &place)?;
    let place = place.join(&app);
    prepare(&place)?;
    run(&["build"], &place)?;
    let server = Served::start(&place, &[])?;
    let found = server.ask("/tide", None)?;
    let wanted = format!("Hello from {app}, /tide\n");
    expect(&app, "/tide", &String::from_utf8_lossy(&found.body), &wanted)
}

/// The program that has been built.
fn dunlin() -> PathBuf {
    workspace::target().join("release").join("dunlin")
}

/// A server that ends when this goes.
struct Served {
    child: Child,
    address: String,
    /// Kept open: a server that cannot say anything more would be told so.
    _said: BufReader<ChildStdout>,
}

impl Served {
    fn start(place: &Path, arguments: &[&str]) -> Result<Self, Error> {
        let mut command = Command::new(dunlin());
        command.args(["serve", "--addr", "127.0.0.1:0"]).args(arguments).current_dir(place);
        let call = steps::describe(&command);
        let not_started = |cause: &dyn std::fmt::Display| {
            Error::new(format!("`{call}` does not serve")).cause(cause)
        };
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| not_started(&error))?;
        let stdout = child.stdout.take().ok_or_else(|| not_started(&"it has no output"))?;
        let (mut said, mut line) = (BufReader::new(stdout), String::new());
        let read = said.read_line(&mut line);
        let address = line.trim().split_once("http://").map(|(_, address)| address.to_owned());
        let mut served = Self { child, address: String::new(), _said: said };
        read.map_err(|error| not_started(&error))?;
        served.address = address.ok_or_else(|| not_started(&format!("it says {line:?}")))?;
        Ok(served)
    }

    fn ask(&self, path: &str, body: Option<&[u8]>) -> Result<http::Answer, Error> {
        http::request(&self.address, path, body)
            .map_err(|error| Error::new(format!("`{path}` is not answered")).cause(error))
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It has been stopped, or there is nobody to tell.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn rust(from: &Path, to: &Path, target: &str, file: &str) -> Result<(), Error> {
    packages::rust_target(target)?;
    let out = folder().join("apps").join("target");
    let mut command = steps::cargo(&["build", "--release", "--locked", "--target", target]);
    command.arg("--target-dir").arg(&out).current_dir(from);
    steps::run("build", &mut command)?;
    packages::copy(&out.join(target).join("release").join(file), to)
}

/// The world of HTTP apps, which `dunlin new` gives out too.
fn wit() -> PathBuf {
    workspace::root().join("crates/dunlin-build/templates/wit/app.wit")
}

fn javascript(from: &Path, to: &Path) -> Result<(), Error> {
    let tool = packages::npm_program("componentize-js", ".bin/componentize-js")?;
    let mut command = Command::new(tool);
    command.args(["--world-name", "app", "--wit"]).arg(wit()).arg("--out").arg(to);
    command.arg(from.join("app.js"));
    steps::run("componentize-js", &mut command)
}

fn fastedge_javascript(from: &Path, to: &Path) -> Result<(), Error> {
    let tool = packages::npm_program("fastedge-sdk-js", ".bin/fastedge-build")?;
    let mut command = Command::new(tool);
    // It writes beside its input, which stays as it is.
    let place = folder().join("apps").join("fastedge-js");
    create(&place)?;
    packages::copy(&from.join("app.js"), &place.join("app.js"))?;
    command.arg("app.js").arg(to).current_dir(place);
    steps::run("fastedge-build", &mut command)
}

fn python(from: &Path, to: &Path) -> Result<(), Error> {
    let package = packages::pip("componentize-py")?;
    let mut command = Command::new("python3");
    command.args(["-c", "from componentize_py import script; script()", "-d"]).arg(wit());
    command.args(["-w", "app", "componentize", "app", "-o"]).arg(to);
    command.current_dir(from).env("PYTHONPATH", package).env("PYTHONDONTWRITEBYTECODE", "1");
    steps::run("componentize-py", &mut command)
}

/// What a JavaScript app needs, as whoever makes one gets it.
fn npm_install(place: &Path) -> Result<(), Error> {
    let arguments = ["install", "--no-audit", "--no-fund", "--loglevel=error"];
    steps::run("npm", steps::program("npm", &arguments).current_dir(place))
}
