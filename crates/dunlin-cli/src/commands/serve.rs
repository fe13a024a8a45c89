//! `dunlin serve`: HTTP apps, until somebody stops it.

use std::ffi::OsString;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use dunlin_edge::app::config::name_of;
use dunlin_edge::app::{AppSpec, Config, Keyed};
use dunlin_edge::fastedge::dotenv::Dotenv;
use dunlin_edge::server::{Log, Options, Server, StartError, make_room_for_files};

use super::Outcome;
use crate::home;
use crate::report::Report;
use crate::serve_flags::ServeOptions;

/// Where apps are served unless a flag says otherwise: this machine alone reaches it.
const ADDR: ([u8; 4], u16) = ([127, 0, 0, 1], 8080);

/// What is served if nothing is named.
const CONFIG: &str = "dunlin.toml";

/// So many apps are loaded before the first request, which then does not wait, and what is wrong with them is said at once.
const LOADED_AT_ONCE_MAX: usize = 8;

/// Serves the apps.
pub(super) fn run(mut options: ServeOptions, words: Vec<OsString>, out: &mut dyn Write) -> Outcome {
    if words.is_empty() && options.config.is_none() {
        // In an app's folder it need not be said which app.
        if !Path::new(CONFIG).is_file() {
            return Err(Report::usage("`dunlin serve` needs an app, or a `dunlin.toml` here")
                .hint("`dunlin serve app.wasm`"));
        }
        options.config = Some(PathBuf::from(CONFIG));
    }
    let config = configuration(&options, &words)?;
    let addr = options.addr.or(config.addr).unwrap_or(SocketAddr::from(ADDR));
    for app in &config.apps {
        check(app)?;
    }
    // Before the log has its thread.
    make_room_for_files();
    let mut server = Options::new(addr, config.apps.clone());
    server.admin = options.admin.or(config.admin);
    server.store = options.store.clone().or(config.store.clone());
    server.workers = options.workers.or(config.workers);
    server.limits = config.server.clone();
    server.cache = if options.no_cache { None } else { home::code_cache() };
    server.log = Log::new(options.log, std::io::stderr());
    server.logs_requests = options.access_log;
    server.handles_signals = true;
    server.watches = options.watch;
    server.config = options.config.clone();
    server.reload = Some(Box::new(move || {
        let config = configuration(&options, &words).map_err(|report| report.to_string())?;
        Ok(config.apps)
    }));
    let server = Server::start(server).map_err(not_started)?;
    let count = config.apps.len();
    if count <= LOADED_AT_ONCE_MAX {
        server.load().map_err(|(app, why)| {
            let app = config.apps.iter().find(|spec| spec.name == app);
            let shown = app.map_or(String::new(), |app| app.path.display().to_string());
            Report::failure(format!("cannot serve `{shown}`"))
                .cause(why)
                .hint(format!("`dunlin inspect {shown}` shows what it exports"))
        })?;
    }
    let apps = if count == 1 { "1 app".to_owned() } else { format!("{count} apps") };
    writeln!(out, "serving {apps} at http://{}", server.addr()).map_err(Report::output)?;
    if let Some(admin) = server.admin() {
        writeln!(out, "health and metrics at http://{admin}").map_err(Report::output)?;
    }
    out.flush().map_err(Report::output)?;
    let ended = server.join();
    ended.map_err(|error| Report::failure("the server failed").cause(error))?;
    Ok(0)
}

/// What the file and the flags say together.
fn configuration(options: &ServeOptions, words: &[OsString]) -> Result<Config, Report> {
    let mut config = match &options.config {
        Some(path) => Config::read(path).map_err(|error| {
            Report::failure(format!("cannot use `{}`", path.display())).cause(error)
        })?,
        None => Config::default(),
    };
    let several = words.len() > 1;
    for word in words {
        let path = PathBuf::from(word);
        let mut app = AppSpec::new(name_of(&path), path);
        app.limits = config.limits.clone();
        if several {
            app.prefix = Some(format!("/{}", app.name));
        }
        config.apps.push(app);
    }
    if config.apps.is_empty() {
        return Err(Report::failure("there is no app to serve")
            .hint("`[[app]]` with a `path` in dunlin.toml is one"));
    }
    for (key, value) in &options.limits {
        // Which of both has the key, the flag has looked at; its value, too.
        if config.server.set(key, value).is_err() {
            for app in &mut config.apps {
                app.limits.set(key, value).map_err(Report::usage)?;
            }
        }
    }
    for folder in &options.dotenv {
        let files = Dotenv::read(folder).map_err(|error| {
            Report::failure(format!("cannot read the files in `{}`", folder.display())).cause(error)
        })?;
        config.apps.iter_mut().for_each(|app| app.add_dotenv(&files));
    }
    config.apps.iter_mut().for_each(|app| grant(options, app));
    Ok(config)
}

/// Grants an app what flags do.
fn grant(options: &ServeOptions, app: &mut AppSpec) {
    options.env.iter().for_each(|(name, value)| app.set_env(name, value));
    options.secrets.iter().for_each(|(name, value)| app.set_secret(name, value));
    options.kv.iter().for_each(|(name, store)| app.set_kv(name, store));
    app.allow_hosts.extend(options.allow_hosts.iter().cloned());
    app.request_headers.extend(options.headers.iter().cloned());
    app.response_headers.extend(options.rsp_headers.iter().cloned());
    app.propagate_headers.extend(options.propagate.iter().cloned());
    if let Some(reuse) = options.reuse {
        app.reuse = reuse;
    }
}

/// Says before anything is served what can never be.
fn check(app: &AppSpec) -> Result<(), Report> {
    let shown = app.path.display();
    let cannot = || Report::failure(format!("cannot serve `{shown}`"));
    match std::fs::metadata(&app.path) {
        Ok(data) if data.is_dir() => Err(cannot()
            .cause("it is a folder")
            .hint(format!("`dunlin serve {}`", Path::new(&app.path).join("app.wasm").display()))),
        Ok(_) => Ok(()),
        Err(error) => {
            Err(cannot().cause(error).hint("`dunlin serve --help` shows how to name an app"))
        }
    }
}

#[cold]
fn not_started(error: StartError) -> Report {
    let report = Report::failure(error.to_string());
    match &error {
        StartError::Listen { source, .. } => {
            let report = report.cause(source);
            match source.kind() {
                std::io::ErrorKind::AddrInUse => {
                    report.hint("`--addr 127.0.0.1:0` takes any port that is free")
                }
                _ => report,
            }
        }
        StartError::Threads(source) => report.cause(source),
        StartError::Engine(_) => report.hint("`--limit instances=100` needs less address space"),
        _ => report,
    }
}
