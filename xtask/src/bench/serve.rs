//! `cargo xtask bench --serve`: requests a second, latencies and processor time of `dunlin serve`, and of a peer if it is there.
//!
//! Needs `wrk` in the path; the peer is `wasmtime` there. Both serve the same component (`/hello` of the server's tests),
//! one after another, on loopback, with a fresh instance for each request and with instances that are used again. The cold
//! time is from the start of the process to the end of the first response, from raw bytes.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::record::Record;
use crate::error::Error;
use crate::{steps, workspace};

/// Connections of the load: those of the goal.
const CONNECTIONS: &str = "16";
/// How long each load lasts, unless `--rounds` says how many seconds.
pub const SECONDS: u32 = 10;
/// What is served.
const GUEST: &str = "crates/dunlin-edge/tests/guests/drill.wasm";
/// Ticks of the kernel's clock in a second, as `/proc` counts processor time.
const TICKS: f64 = 100.0;
/// How long a server may take to answer for the first time.
const COLD_MAX: Duration = Duration::from_secs(60);

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
    cold: Duration,
}

/// Measures all ways, and adds a table to the record.
///
/// # Errors
///
/// When `wrk` is not there, or a server does not answer.
pub fn run(seconds: u32, record: &mut Record) -> Result<(), Error> {
    if Command::new("wrk").arg("-v").output().is_err() {
        return Err(Error::new("`wrk` is not in the path").hint("apt-get install wrk"));
    }
    let dunlin = workspace::target().join("release/dunlin").display().to_string();
    let way = |name, program: &str, arguments| Way { name, program: program.to_owned(), arguments };
    let mut ways = vec![
        way("dunlin, fresh", &dunlin, &["serve", "--no-cache"][..]),
        way("dunlin, used again", &dunlin, &["serve", "--no-cache", "--reuse", "1000000"][..]),
    ];
    if Command::new("wasmtime").arg("--version").output().is_ok() {
        let fresh = &["serve", "-O", "pooling-allocator", "-S", "cli"][..];
        ways.push(way("wasmtime, fresh", "wasmtime", fresh));
    }
    record.text(&format!("{CONNECTIONS} connections for {seconds} s, `GET /hello`.\n\n"));
    record.text("| server | requests/s | p50 | p99 | µs of processor a request | cold, ms |\n");
    record.text("|---|---:|---:|---:|---:|---:|\n");
    for way in ways {
        let found = steps::timed(way.name, || measure(&way, seconds))?;
        let cold = found.cold.as_secs_f64() * 1e3;
        record.text(&format!(
            "| {} | {:.0} | {} | {} | {:.1} | {cold:.1} |\n",
            way.name, found.requests, found.p50, found.p99, found.busy_us
        ));
    }
    Ok(())
}

/// A server that ends with this.
struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn measure(way: &Way, seconds: u32) -> Result<Figures, Error> {
    let addr = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr());
    let addr = addr.map_err(failed)?;
    let begun = Instant::now();
    let child = Command::new(&way.program)
        .args(way.arguments)
        .args(["--addr", &addr.to_string()])
        .arg(workspace::root().join(GUEST))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(failed)?;
    let serving = Serving(child);
    first(addr)?;
    let cold = begun.elapsed();
    let url = format!("http://{addr}/hello");
    // What is warm is compiled before it is measured.
    load(&url, seconds.min(5))?;
    let before = busy(serving.0.id());
    let text = load(&url, seconds)?;
    let busy = busy(serving.0.id()) - before;
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
    Ok(Figures { requests, p50: line("50%"), p99: line("99%"), busy_us, cold })
}

#[cold]
fn failed(error: io::Error) -> Error {
    Error::new("a server cannot be measured").cause(error)
}

/// Waits for the first response.
fn first(addr: SocketAddr) -> Result<(), Error> {
    let begun = Instant::now();
    loop {
        if let Ok(stream) = TcpStream::connect(addr) {
            let status = ask(stream).map_err(failed)?;
            return match status.contains(" 200 ") {
                true => Ok(()),
                false => Err(Error::new(format!("the first response is `{}`", status.trim()))),
            };
        }
        if begun.elapsed() > COLD_MAX {
            return Err(Error::new("the server does not listen"));
        }
        std::thread::sleep(Duration::from_micros(200));
    }
}

/// The first line of a response, when all of it has come.
fn ask(mut stream: TcpStream) -> io::Result<String> {
    stream.write_all(b"GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")?;
    let mut reader = BufReader::new(stream);
    let mut status = String::new();
    reader.read_line(&mut status)?;
    reader.read_to_end(&mut Vec::new())?;
    Ok(status)
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
