//! `cargo xtask redis`: the tests of stores in Redis, against a real server.
//!
//! Where there is no `redis-server` it is installed, if the machine is one of Debian's and ours to install on; else the step
//! says that it is skipped. `cargo test` runs the same tests and skips those that need a server.

use crate::error::Error;
use crate::steps;

/// The server's program; `DUNLIN_REDIS_SERVER` names another.
const SERVER: &str = "redis-server";

/// Runs `cargo xtask redis`.
///
/// # Errors
///
/// When a test fails.
pub fn run(arguments: &[String]) -> Result<(), Error> {
    if !arguments.is_empty() {
        return Err(Error::new(format!("unknown arguments `{}`", arguments.join(" ")))
            .hint("cargo xtask redis"));
    }
    let server = std::env::var("DUNLIN_REDIS_SERVER").unwrap_or_else(|_| SERVER.into());
    if !is_there(&server) {
        // Its service is not wanted: the tests start their own.
        let mut install =
            steps::program("apt-get", &["install", "-y", "--no-install-recommends", SERVER]);
        install.env("DEBIAN_FRONTEND", "noninteractive").env("RUNLEVEL", "1");
        if let Err(error) = steps::run("install redis-server", &mut install) {
            eprintln!("{error}");
        }
    }
    if !is_there(&server) {
        println!("skipped: there is no `{server}`, and it could not be installed");
        return Ok(());
    }
    let arguments = ["test", "-p", "dunlin-edge", "--test", "redis"];
    steps::run("redis", &mut steps::cargo(&arguments))
}

fn is_there(server: &str) -> bool {
    steps::capture("redis-server", &mut steps::program(server, &["--version"])).is_ok()
}

#[cfg(test)]
mod tests {
    use super::{is_there, run};

    #[test]
    fn a_program_that_is_not_there_is_not() {
        assert!(!is_there("redis-server-of-nobody"));
        assert!(run(&["x".into()]).is_err());
    }
}
