//! A thousand apps in one server: what the first request to each costs, in a random order, and what they take in memory.
//!
//! All apps are the guest of [`serve`](super::serve); they are files of the same bytes, or files that differ: each
//! component and each core module in it has a custom section of its own, so that nothing of one is known of another.
//! Each of these is served without the code cache, with an empty one, and with what earlier servers have kept there;
//! these are told to end, so that they keep it. The client is one connection that asks and waits.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::record::Record;
use super::serve::{self, GUEST, Serving, failed};
use crate::error::Error;
use crate::real::graft::{self, encoded};
use crate::real::packages::create;
use crate::{steps, workspace};

/// How many apps there are: those of the goal.
const APPS: usize = 1000;
/// Servers that are started before one is measured with what they have kept: what is compiled is kept when it is
/// known, and the first has not met the code of its own instances yet.
const EARLIER: usize = 2;
/// The number of a component's section that holds a core module.
const MODULE: u8 = 1;

/// Measures all apps, and adds a table to the record.
///
/// # Errors
///
/// When a server does not answer, or files cannot be written.
pub fn run(record: &mut Record) -> Result<(), Error> {
    record.text(&format!(
        "\n{APPS} apps, one connection, each app asked once in a random order, then once more.\n\n"
    ));
    record.text(
        "| apps | code cache | serves after, ms | first request, ms: p50 / p99 / worst | the next: p50 / p99 | MiB, \
         none / all loaded |\n|---|---|--:|--:|--:|--:|\n",
    );
    for differ in [false, true] {
        let folder = make(differ)?;
        let what = if differ { "all different" } else { "the same bytes" };
        let cache = folder.join("cache");
        for (name, uses, earlier) in
            [("none", false, 0), ("empty", true, 0), ("kept", true, EARLIER)]
        {
            let found = steps::timed(&format!("{APPS} apps, {what}, code cache: {name}"), || {
                let _ = fs::remove_dir_all(&cache);
                for _ in 0..earlier {
                    visit(&folder, &cache, uses)?;
                }
                visit(&folder, &cache, uses)
            })?;
            record.text(&format!("| {what} | {name} | {} |\n", found.row()));
        }
    }
    Ok(())
}

/// What was measured of one server.
struct Figures {
    listens: Duration,
    first: Vec<Duration>,
    next: Vec<Duration>,
    none_bytes: u64,
    all_bytes: u64,
}

impl Figures {
    fn row(&self) -> String {
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        let part = |times: &[Duration], per_mille: usize| {
            ms(times[(times.len() * per_mille / 1000).min(times.len() - 1)])
        };
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        format!(
            "{:.1} | {:.2} / {:.2} / {:.2} | {:.2} / {:.2} | {:.0} / {:.0}",
            ms(self.listens),
            part(&self.first, 500),
            part(&self.first, 990),
            part(&self.first, 1000),
            part(&self.next, 500),
            part(&self.next, 990),
            mib(self.none_bytes),
            mib(self.all_bytes)
        )
    }
}

/// Writes the apps' files and the server's configuration; their folder.
fn make(differ: bool) -> Result<PathBuf, Error> {
    let folder =
        workspace::target().join("bench").join(if differ { "apps-differ" } else { "apps" });
    create(&folder)?;
    let guest = fs::read(workspace::root().join(GUEST)).map_err(failed)?;
    let mut config = String::new();
    for app in 0..APPS {
        let bytes = if differ { different(&guest, app)? } else { guest.clone() };
        fs::write(folder.join(format!("app{app}.wasm")), bytes).map_err(failed)?;
        let _ = writeln!(
            config,
            "[[app]]\nname = \"app{app}\"\npath = \"app{app}.wasm\"\nhosts = [\"app{app}.test\"]"
        );
    }
    workspace::write(&folder.join("dunlin.toml"), &config)?;
    Ok(folder)
}

/// The component, with a custom section of this number in it and in each of its core modules.
fn different(component: &[u8], number: usize) -> Result<Vec<u8>, Error> {
    let mark = |out: &mut Vec<u8>| {
        let (name, number) = (b"number", number.to_string());
        let contents = [&encoded(name.len() as u32)[..], name, number.as_bytes()].concat();
        out.push(0);
        out.extend(encoded(contents.len() as u32));
        out.extend(contents);
    };
    let (header, sections) = graft::component_sections(component)?;
    let mut out = header.to_vec();
    for (id, contents) in sections {
        let mut contents = contents.to_vec();
        if id == MODULE {
            mark(&mut contents);
        }
        out.push(id);
        out.extend(encoded(contents.len() as u32));
        out.extend(contents);
    }
    mark(&mut out);
    Ok(out)
}

/// Starts a server, and asks each of its apps twice.
fn visit(folder: &Path, cache: &Path, uses_cache: bool) -> Result<Figures, Error> {
    let addr = serve::free_addr()?;
    let mut command = Command::new(workspace::target().join("release/dunlin"));
    command.arg("serve").args(["--addr", &addr.to_string(), "--config"]);
    command.arg(folder.join("dunlin.toml")).env("XDG_CACHE_HOME", cache);
    if !uses_cache {
        command.arg("--no-cache");
    }
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let (serving, stream, listens) = serve::start(&mut command, addr)?;
    let mut client = serve::Client::new(stream);
    let none_bytes = resident(&serving);
    let first = ask_all(&mut client, 1)?;
    let next = ask_all(&mut client, 2)?;
    let all_bytes = resident(&serving);
    serving.end()?;
    Ok(Figures { listens, first, next, none_bytes, all_bytes })
}

/// Asks each app once, in the order of this number; what each took, the shortest first.
fn ask_all(client: &mut serve::Client, order: u64) -> Result<Vec<Duration>, Error> {
    let mut times = Vec::with_capacity(APPS);
    for app in shuffled(order) {
        times.push(client.ask(&format!("app{app}.test"), "/hello")?);
    }
    times.sort_unstable();
    Ok(times)
}

/// The apps in a random order, which is the same each time.
fn shuffled(order: u64) -> Vec<usize> {
    let mut random = order.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut next = |below: usize| {
        // Xorshift (Marsaglia).
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random % below as u64) as usize
    };
    let mut apps: Vec<usize> = (0..APPS).collect();
    for at in (1..APPS).rev() {
        apps.swap(at, next(at + 1));
    }
    apps
}

/// Bytes of a server's that are in memory.
fn resident(serving: &Serving) -> u64 {
    let text = fs::read_to_string(format!("/proc/{}/status", serving.id())).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kib.unwrap_or(0) << 10
}

#[cfg(test)]
mod tests {
    use super::{APPS, shuffled};

    #[test]
    fn every_app_is_asked_once() {
        let (mut one, two) = (shuffled(1), shuffled(2));
        assert_ne!(one, two);
        one.sort_unstable();
        assert!(one.into_iter().eq(0..APPS));
    }
}
