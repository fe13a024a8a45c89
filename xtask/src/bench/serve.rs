//! `cargo xtask bench --serve`: requests a second, latencies and processor time of `dunlin serve`, and of a peer if it is there.
//!
//! Needs `wrk` in the path; the peer is `wasmtime` there. Both serve the same component (`/hello` of the server's tests),
//! one after another, on loopback, with a fresh instance for each request and with instances that are used again. The cold
//! time is from the start of the process to the end of the first response, from raw bytes. Then come a thousand apps in
//! one server ([`apps`]).

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::apps;
use super::measure::{median, smallest};
use super::record::Record;
use crate::error::Error;
use crate::{steps, workspace};

/// Connections of the load: those of the goal.
const CONNECTIONS: &str = "16";
/// How long each load lasts, unless `--rounds` says how many seconds.
pub const SECONDS: u32 = 10;
/// What is served.
pub(super) const GUEST: &str = "crates/dunlin-edge/tests/guests/drill.wasm";
/// Ticks of the kernel's clock in a second, as `/proc` counts processor time.
const TICKS: f64 = 100.0;
/// How long a server may take to answer for the first time, or to end.
const COLD_MAX: Duration = Duration::from_secs(60);
/// Cold starts of each way, one after another.
const COLD_ROUNDS: usize = 11;
/// Earlier servers that keep code where there is a cache: see [`apps`].
const COLD_EARLIER: usize = 3;

/// A way to serve: what it is called, and the program with its arguments but for address and guest.
struct Way {
    name: &'static str,
    program: String,
    arguments: &'static [&'static str],
}

/// What was measured of one.
struct Figures {
    requests: f64,
    p50: String,
    p99: String,
    busy_us: f64,
}

/// Measures all ways, and adds tables to the record. There are three parts, which filters choose from: `warm`, `cold` and
/// `apps`.
///
/// # Errors
///
/// When `wrk` is not there, or a server does not answer.
pub fn run(seconds: u32, filters: &[String], record: &mut Record) -> Result<(), Error> {
    let wants = |part: &str| filters.is_empty() || filters.iter().any(|filter| filter == part);
    let peer = Command::new("wasmtime").arg("--version").output().is_ok();
    if wants("warm") {
        if Command::new("wrk").arg("-v").output().is_err() {
            return Err(Error::new("`wrk` is not in the path").hint("apt-get install wrk"));
        }
        warm(seconds, peer, record)?;
    }
    if wants("cold") {
        cold(peer, record)?;
    }
    if wants("apps") {
        apps::run(record)?;
    }
    Ok(())
}

fn ways(of: &[(&'static str, &'static [&'static str])], peer: bool) -> Vec<Way> {
    let dunlin = workspace::target().join("release/dunlin").display().to_string();
    let ways = of.iter().map(|(name, arguments)| {
        let program = if name.starts_with("dunlin") { &dunlin } else { "wasmtime" };
        Way { name, program: program.to_owned(), arguments }
    });
    ways.filter(|way| peer || way.program == dunlin).collect()
}

/// Servers under load.
fn warm(seconds: u32, peer: bool, record: &mut Record) -> Result<(), Error> {
    let ways = ways(
        &[
            ("dunlin, fresh", &["serve", "--no-cache"]),
            ("dunlin, used again", &["serve", "--no-cache", "--reuse", "1000000"]),
            ("wasmtime, fresh", &["serve", "-O", "pooling-allocator", "-S", "cli"]),
            (
                "wasmtime, used again",
                &[
                    "serve",
                    "-O",
                    "pooling-allocator",
                    "-S",
                    "cli",
                    "--max-instance-reuse-count",
                    "1000000",
                ],
            ),
        ],
        peer,
    );
    record.text(&format!("{CONNECTIONS} connections for {seconds} s, `GET /hello`.\n\n"));
    record.text("| server | requests/s | p50 | p99 | µs of processor a request |\n");
    record.text("|---|---:|---:|---:|---:|\n");
    for way in ways {
        let found = steps::timed(way.name, || measure(&way, seconds))?;
        let (requests, busy) = (found.requests, found.busy_us);
        record.text(&format!(
            "| {} | {requests:.0} | {} | {} | {busy:.1} |\n",
            way.name, found.p50, found.p99
        ));
    }
    Ok(())
}

/// Servers that have just been started.
fn cold(peer: bool, record: &mut Record) -> Result<(), Error> {
    let ways = ways(
        &[
            ("dunlin, without a cache", &["serve", "--no-cache"]),
            ("dunlin, with what others kept", &["serve"]),
            (
                "wasmtime, without a cache",
                &["serve", "-O", "pooling-allocator", "-S", "cli", "-C", "cache=n"],
            ),
            (
                "wasmtime, with what others kept",
                &["serve", "-O", "pooling-allocator", "-S", "cli", "-C", "cache=y"],
            ),
        ],
        peer,
    );
    let home = workspace::target().join("bench").join("home");
    // Nothing of other runs is known; there may have been none.
    let _ = std::fs::remove_dir_all(&home);
    record.text(&format!(
        "\nFrom the start of the process to the end of the first response, {COLD_ROUNDS} starts: milliseconds.\n\n\
         | server | median | least |\n|---|---:|---:|\n"
    ));
    for way in ways {
        let times = steps::timed(&format!("cold: {}", way.name), || {
            let caches = way.name.contains("kept");
            for _ in 0..if caches { COLD_EARLIER } else { 0 } {
                start_cold(&way, &home)?;
            }
            (0..COLD_ROUNDS).map(|_| start_cold(&way, &home)).collect::<Result<Vec<_>, _>>()
        })?;
        let (median, least) = (median(&times), smallest(&times));
        record.text(&format!("| {} | {median:.2} | {least:.2} |\n", way.name));
    }
    Ok(())
}

impl Way {
    /// The command that serves at an address.
    fn command(&self, addr: SocketAddr) -> Command {
        let mut command = Command::new(&self.program);
        command.args(self.arguments).args(["--addr", &addr.to_string()]);
        command.arg(workspace::root().join(GUEST)).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }
}

/// Starts a server, asks it once and has it end; milliseconds until it had answered.
fn start_cold(way: &Way, home: &Path) -> Result<f64, Error> {
    let addr = free_addr()?;
    let mut command = way.command(addr);
    command.env("HOME", home).env("XDG_CACHE_HOME", home.join("cache"));
    command.env("XDG_CONFIG_HOME", home.join("config"));
    let begun = Instant::now();
    let (serving, stream, _) = start(&mut command, addr)?;
    Client::new(stream).ask("a", "/hello")?;
    let cold = begun.elapsed();
    serving.end()?;
    Ok(cold.as_secs_f64() * 1e3)
}

/// A server that ends with this.
pub(super) struct Serving(Child);

impl Serving {
    pub(super) fn id(&self) -> u32 {
        self.0.id()
    }

    /// Tells the server to end, and waits until it has.
    ///
    /// # Errors
    ///
    /// If it does not.
    pub(super) fn end(mut self) -> Result<(), Error> {
        let begun = Instant::now();
        terminate(&mut self.0);
        while self.0.try_wait().map_err(failed)?.is_none() {
            if begun.elapsed() > COLD_MAX {
                return Err(Error::new("the server does not end"));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[cfg(unix)]
fn terminate(child: &mut Child) {
    use nix::sys::signal::{Signal, kill};
    let id = nix::unistd::Pid::from_raw(child.id().cast_signed());
    // It may have ended by itself.
    let _ = kill(id, Signal::SIGTERM);
}

#[cfg(not(unix))]
fn terminate(child: &mut Child) {
    // It may have ended by itself.
    let _ = child.kill();
}

/// An address that nobody listens at.
pub(super) fn free_addr() -> Result<SocketAddr, Error> {
    TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).map_err(failed)
}

/// Starts a server: it, a connection to it, and when it took that.
pub(super) fn start(
    command: &mut Command,
    addr: SocketAddr,
) -> Result<(Serving, TcpStream, Duration), Error> {
    let begun = Instant::now();
    let serving = Serving(command.spawn().map_err(failed)?);
    loop {
        if let Ok(stream) = TcpStream::connect(addr) {
            return Ok((serving, stream, begun.elapsed()));
        }
        if begun.elapsed() > COLD_MAX {
            return Err(Error::new("the server does not listen"));
        }
        std::thread::sleep(Duration::from_micros(100));
    }
}

/// A connection on which one request follows the other.
pub(super) struct Client(BufReader<TcpStream>);

impl Client {
    pub(super) fn new(stream: TcpStream) -> Self {
        // Without it requests are slower, and nothing else.
        let _ = stream.set_nodelay(true);
        Self(BufReader::new(stream))
    }

    /// Asks, and waits for all of the response; how long that was.
    ///
    /// # Errors
    ///
    /// If the response is not a success with a length.
    pub(super) fn ask(&mut self, host: &str, path: &str) -> Result<Duration, Error> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        let begun = Instant::now();
        self.0.get_mut().write_all(request.as_bytes()).map_err(failed)?;
        let mut line = String::new();
        self.0.read_line(&mut line).map_err(failed)?;
        if !line.contains(" 200 ") {
            return Err(Error::new(format!("`{host}` answers `{}`", line.trim())));
        }
        let (mut length, mut is_chunked) = (0_usize, false);
        loop {
            line.clear();
            self.0.read_line(&mut line).map_err(failed)?;
            let lower = line.to_ascii_lowercase();
            match lower.trim().split_once(':') {
                Some(("content-length", text)) => length = text.trim().parse().unwrap_or(0),
                Some(("transfer-encoding", _)) => is_chunked = true,
                Some(_) => {}
                None => break,
            }
        }
        if !is_chunked {
            self.take(length)?;
            return Ok(begun.elapsed());
        }
        loop {
            line.clear();
            self.0.read_line(&mut line).map_err(failed)?;
            let chunk = usize::from_str_radix(line.trim(), 16);
            let chunk = chunk.map_err(|_| Error::new("a response has a chunk without a length"))?;
            self.take(chunk + "\r\n".len())?;
            if chunk == 0 {
                return Ok(begun.elapsed());
            }
        }
    }

    fn take(&mut self, length: usize) -> Result<(), Error> {
        let mut rest = (&mut self.0).take(length as u64);
        io::copy(&mut rest, &mut io::sink()).map(drop).map_err(failed)
    }
}

fn measure(way: &Way, seconds: u32) -> Result<Figures, Error> {
    let addr = free_addr()?;
    let (serving, stream, _) = start(&mut way.command(addr), addr)?;
    Client::new(stream).ask("a", "/hello")?;
    let url = format!("http://{addr}/hello");
    // What is warm is compiled before it is measured.
    load(&url, seconds.min(5))?;
    let before = busy(serving.id());
    let text = load(&url, seconds)?;
    let busy = busy(serving.id()) - before;
    let line = |start: &str| {
        let found = text.lines().find_map(|line| line.trim().strip_prefix(start));
        found.map(|rest| rest.trim().to_owned()).unwrap_or_default()
    };
    let requests: f64 = line("Requests/sec:").parse().unwrap_or(0.0);
    let all: f64 = text
        .lines()
        .find_map(|line| line.trim().split(" requests in").next()?.parse().ok())
        .unwrap_or(1.0);
    let busy_us = busy / all * 1e6;
    Ok(Figures { requests, p50: line("50%"), p99: line("99%"), busy_us })
}

#[cold]
pub(super) fn failed(error: io::Error) -> Error {
    Error::new("a server cannot be measured").cause(error)
}

fn load(url: &str, seconds: u32) -> Result<String, Error> {
    let duration = format!("-d{seconds}");
    let arguments = ["-t1", "-c", CONNECTIONS, &duration, "--latency", url];
    steps::capture("wrk", &mut steps::program("wrk", &arguments))
}

/// Seconds of processor time that a process has used.
fn busy(process: u32) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // What stands before the bracket may hold spaces.
    let fields = text.rsplit(')').next().unwrap_or("").split_whitespace();
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / TICKS
}
