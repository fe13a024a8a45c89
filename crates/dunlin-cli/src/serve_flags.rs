//! The flags of `dunlin serve`, as rows; see [`flags`](crate::flags).
//!
//! This file holds data, so its length says nothing about its complexity.

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::PathBuf;

use dunlin_edge::app::config::check_header;
use dunlin_edge::app::{Keyed, Limits, ServerLimits};
use dunlin_edge::server::LogFormat;

use crate::args::{Command, Flag, Words};
use crate::flags::{Set, assign, one_of, push, text, variable, whole};

/// A limit that a flag sets: its key and the text of its value, which has been looked at.
pub(crate) type Limit = (String, String);

/// The options of `dunlin serve`.
#[derive(Debug, Default)]
pub(crate) struct ServeOptions {
    pub(crate) addr: Option<SocketAddr>,
    pub(crate) admin: Option<SocketAddr>,
    pub(crate) store: Option<PathBuf>,
    pub(crate) config: Option<PathBuf>,
    pub(crate) workers: Option<usize>,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) secrets: Vec<(String, String)>,
    pub(crate) kv: Vec<(String, String)>,
    pub(crate) dotenv: Vec<PathBuf>,
    pub(crate) allow_hosts: Vec<String>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) rsp_headers: Vec<(String, String)>,
    pub(crate) propagate: Vec<String>,
    pub(crate) reuse: Option<u32>,
    pub(crate) limits: Vec<Limit>,
    pub(crate) watch: bool,
    pub(crate) log: LogFormat,
    pub(crate) access_log: bool,
    pub(crate) no_cache: bool,
}

/// `dunlin serve`.
pub(crate) const SERVE: Command<ServeOptions> = Command {
    name: "serve",
    usage: "[OPTIONS] [APP… | --config dunlin.toml]",
    about: "Serve HTTP apps: components that export `wasi:http/incoming-handler`, and FastEdge's. Each request\n\
            has an instance of its own.",
    notes: "APP is a .wasm; without any, ./dunlin.toml says which. One is given all requests; of several, each those whose path begins with its name.\n\
            The first line printed is the address. An app has no variable, secret or store and reaches no\n\
            host unless a flag or dunlin.toml grants it. All limits are on: `--limit` names them, with\n\
            `memory`, `cpu`, `timeout`, `request-body`, `response-body`, `concurrency`, `queue`, `log` and\n\
            others for each app, `header-bytes`, `idle`, `stall`, `connections`, `instances`, `drain` and\n\
            others for the server. SIGINT and SIGTERM end it when its requests have ended, SIGHUP has it\n\
            read dunlin.toml and changed apps again.\n\
            exit codes: 0 it was stopped; 1 it cannot serve; 2 usage",
    words: Words::Any,
    short: &[('p', "port"), ('e', "env"), ('s', "secret"), ('m', "max-memory")],
    flags: &[
        Flag {
            name: "addr",
            value: Some("ADDRESS"),
            example: "0.0.0.0:8080",
            help: "Where to serve (default 127.0.0.1:8080; port 0 is any)",
            set: |o, value| assign(&mut o.addr, address(value)?),
        },
        Flag {
            name: "port",
            value: Some("PORT"),
            example: "8080",
            help: "The same on 127.0.0.1",
            set: |o, value| {
                let port = text(value)?.parse().map_err(|_| "expected a number below 65536")?;
                assign(&mut o.addr, SocketAddr::from(([127, 0, 0, 1], port)))
            },
        },
        Flag {
            name: "admin",
            value: Some("ADDRESS"),
            example: "127.0.0.1:9090",
            help: "Where /metrics, /healthz and /readyz are (default: nowhere)",
            set: |o, value| assign(&mut o.admin, address(value)?),
        },
        Flag {
            name: "store",
            value: Some("FILE"),
            example: "store.redb",
            help: "Keep key-value stores and caches in a file (default: in memory)",
            set: |o, value| assign(&mut o.store, PathBuf::from(value)),
        },
        Flag {
            name: "config",
            value: Some("FILE"),
            example: "dunlin.toml",
            help: "Serve the apps of a dunlin.toml; flags for apps hold for all of them",
            set: |o, value| assign(&mut o.config, PathBuf::from(value)),
        },
        Flag {
            name: "workers",
            value: Some("N"),
            example: "4",
            help: "Threads that serve (default: one for each processor)",
            set: |o, value| match whole(text(value)?)? {
                workers @ 1..=1024 => assign(&mut o.workers, workers as usize),
                _ => Err("expected a number from 1 to 1024".to_owned()),
            },
        },
        Flag {
            name: "env",
            value: Some("NAME[=VALUE]"),
            example: "LANG=C",
            help: "Set a variable of the app, or pass on our own",
            set: |o, value| push(&mut o.env, variable(text(value)?)?),
        },
        Flag {
            name: "secret",
            value: Some("NAME[=VALUE]"),
            example: "KEY=value",
            help: "Give the app a secret, or that in our own variable of this name",
            set: |o, value| push(&mut o.secrets, variable(text(value)?)?),
        },
        Flag {
            name: "kv",
            value: Some("NAME=STORE"),
            example: "visits=redis://127.0.0.1:6379",
            help: "Let the app read a key-value store: a file, redis://… or rediss://…",
            set: |o, value| push(&mut o.kv, pair(value)?),
        },
        Flag {
            name: "dotenv",
            value: Some("DIR"),
            example: ".",
            help: "Read the files .env, .env.variables, .env.secrets … of a folder",
            set: |o, value| push(&mut o.dotenv, PathBuf::from(value)),
        },
        Flag {
            name: "allow-host",
            value: Some("HOST"),
            example: "api.example.com",
            help: "Let the app send requests to a host: NAME, *.NAME, either with :PORT",
            set: |o, value| push(&mut o.allow_hosts, text(value)?.to_owned()),
        },
        Flag {
            name: "header",
            value: Some("NAME=VALUE"),
            example: "x-region=north",
            help: "Set a header of each request to the app",
            set: |o, value| header(&mut o.headers, value),
        },
        Flag {
            name: "rsp-header",
            value: Some("NAME=VALUE"),
            example: "x-served-by=dunlin",
            help: "Set a header of each response, those of errors too",
            set: |o, value| header(&mut o.rsp_headers, value),
        },
        Flag {
            name: "propagate-header",
            value: Some("NAME"),
            example: "x-request-id",
            help: "Send a header of a request on with the app's own requests",
            set: |o, value| push(&mut o.propagate, text(value)?.to_owned()),
        },
        Flag {
            name: "reuse",
            value: Some("N"),
            example: "100",
            help: "Requests that an instance serves, one after another (default 1)",
            set: |o, value| match u32::try_from(whole(text(value)?)?) {
                Ok(count) if count > 0 => assign(&mut o.reuse, count),
                _ => Err("expected a number from 1".to_owned()),
            },
        },
        Flag {
            name: "max-memory",
            value: Some("SIZE"),
            example: "64MiB",
            help: "Bytes of all memories of an instance (default 128MiB)",
            set: |o, value| limit(o, "memory", text(value)?),
        },
        Flag {
            name: "cpu",
            value: Some("DURATION"),
            example: "200ms",
            help: "Processor time of a request, waits not counted (default 5s)",
            set: |o, value| limit(o, "cpu", text(value)?),
        },
        Flag {
            name: "timeout",
            value: Some("DURATION"),
            example: "30s",
            help: "Time from a request to the end of its response (default 60s)",
            set: |o, value| limit(o, "timeout", text(value)?),
        },
        Flag {
            name: "limit",
            value: Some("KEY=VALUE"),
            example: "concurrency=100",
            help: "Set any other limit",
            set: |o, value| {
                let (key, value) = pair(value)?;
                limit(o, &key, &value)
            },
        },
        Flag {
            name: "watch",
            value: None,
            example: "",
            help: "Load apps and dunlin.toml again when they change, without dropping a request",
            set: |o, _| {
                o.watch = true;
                Ok(())
            },
        },
        Flag {
            name: "log",
            value: Some("FORMAT"),
            example: "json",
            help: "How the log is written, to standard error: text (default), json",
            set: |o, value| {
                o.log = one_of(value, &[("text", LogFormat::Text), ("json", LogFormat::Json)])?;
                Ok(())
            },
        },
        Flag {
            name: "access-log",
            value: None,
            example: "",
            help: "Log each request",
            set: |o, _| {
                o.access_log = true;
                Ok(())
            },
        },
        Flag {
            name: "no-cache",
            value: None,
            example: "",
            help: "Keep no machine code, and use none that was kept",
            set: |o, _| {
                o.no_cache = true;
                Ok(())
            },
        },
    ],
};

fn address(value: &OsStr) -> Result<SocketAddr, String> {
    text(value)?.parse().map_err(|_| "expected an address and a port".to_owned())
}

fn pair(value: &OsStr) -> Result<(String, String), String> {
    match text(value)?.split_once('=') {
        Some((name, value)) if !name.is_empty() && !value.is_empty() => {
            Ok((name.to_owned(), value.to_owned()))
        }
        _ => Err("expected NAME=VALUE".to_owned()),
    }
}

fn header(headers: &mut Vec<(String, String)>, value: &OsStr) -> Set {
    let (name, value) = pair(value)?;
    check_header(&name, &value)?;
    push(headers, (name, value))
}

/// A limit of apps or of the server, whichever has the key.
fn limit(options: &mut ServeOptions, key: &str, value: &str) -> Set {
    let of_server = ServerLimits::ROWS.iter().any(|row| row.key == key);
    let of_apps = Limits::ROWS.iter().any(|row| row.key == key);
    match (of_apps, of_server) {
        (true, _) => Limits::default().set(key, value)?,
        (_, true) => ServerLimits::default().set(key, value)?,
        _ => {
            let apps = Limits::ROWS.iter().map(|row| row.key);
            let keys: Vec<_> = apps.chain(ServerLimits::ROWS.iter().map(|row| row.key)).collect();
            return Err(format!("there is no limit `{key}`; there are: {}", keys.join(", ")));
        }
    }
    push(&mut options.limits, (key.to_owned(), value.to_owned()))
}
