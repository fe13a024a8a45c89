//! Files by which profilers know compiled code: `perf-PID.map` and `jit-PID.dump`.
//!
//! 1. Both are of the process, whichever engine's code they speak of: an output is opened once, and stays
//!    open as long as the process lives.
//! 2. What is loaded is written at once and as a whole. Code that is gone is not taken back: a jitdump
//!    says when each piece was loaded, so that a profiler knows which one a sample is of; a map cannot.
//! 3. Names come from modules that nobody vouches for. Whatever a terminal or the files' formats could
//!    take for something else is escaped, and long ones are cut.

use super::code::PlacedCode;
use super::jitdump::{self, Record};
use crate::sys::profile::{self as system, Marker};
use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use dunlin_module::{Module, Unit};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Bytes of a module's name at most: it is repeated for each function.
const MODULE_NAME_BYTES_MAX: usize = 64;

/// Bytes of a function's name at most.
const FUNC_NAME_BYTES_MAX: usize = 256;

/// Bytes of a file that are kept back to be written at once.
const BUFFER_BYTES: usize = 64 << 10;

/// The outputs of this process. They are never closed: another engine may continue them, and a
/// profiler that attaches to the process finds a jitdump by its mapping.
static OPEN: Mutex<BTreeMap<PathBuf, Arc<Mutex<Output>>>> = Mutex::new(BTreeMap::new());

/// Which files are to be written.
#[derive(Clone, Copy, Debug)]
pub struct ProfileFiles<'a> {
    /// Whether there is to be a `perf-PID.map`, where `perf` looks for it.
    pub perf_map: bool,
    /// The folder of the `jit-PID.dump`, if there is to be one.
    pub jit_dump: Option<&'a Path>,
}

/// Writes what profilers want to know of code.
pub struct Profiler(Vec<Arc<Mutex<Output>>>);

struct Output {
    path: PathBuf,
    file: File,
    format: Format,
}

enum Format {
    Map,
    Dump {
        /// The number of the next piece of code.
        index: u64,
        /// Kept, for who attaches later.
        _marker: Marker,
    },
}

/// Why a profile cannot be written: of which file, and what may help.
#[derive(Debug)]
pub struct ProfileError(Box<Failed>);

#[derive(Debug)]
struct Failed {
    path: PathBuf,
    what: &'static str,
    error: io::Error,
    advice: &'static str,
}

impl Profiler {
    /// Opens the files, or goes on with those that the process has opened before.
    ///
    /// # Errors
    ///
    /// If one cannot be created, or is not a file of this process.
    pub fn open(files: ProfileFiles<'_>) -> Result<Self, ProfileError> {
        let process = std::process::id();
        let mut outputs = Vec::new();
        if let Some(folder) = files.jit_dump {
            let path = folder.join(format!("jit-{process}.dump"));
            outputs.push(open(path, |file| begin_dump(file, process))?);
        }
        if files.perf_map {
            let path = Path::new(system::PERF_MAP_FOLDER).join(format!("perf-{process}.map"));
            outputs.push(open(path, |_| Ok(Format::Map))?);
        }
        Ok(Self(outputs))
    }

    /// Writes what code a module has been given, where it is, and what it is called.
    ///
    /// # Errors
    ///
    /// If the files cannot be written.
    pub fn add(&self, module: &Module, code: PlacedCode<'_>) -> Result<(), ProfileError> {
        let names = Names::of(module);
        for output in &self.0 {
            let mut output = lock(output);
            output.add(&names, code).map_err(|error| {
                let advice = "make room for it, or do not profile";
                ProfileError::new(&output.path, "write", error, advice)
            })?;
        }
        Ok(())
    }
}

impl fmt::Debug for Profiler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|output| lock(output).path.clone())).finish()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn open(
    path: PathBuf,
    begin: impl FnOnce(&File) -> Result<Format, (io::Error, &'static str)>,
) -> Result<Arc<Mutex<Output>>, ProfileError> {
    let mut open = lock(&OPEN);
    if let Some(output) = open.get(&path) {
        return Ok(output.clone());
    }
    let failed = |error, advice| ProfileError::new(&path, "create", error, advice);
    let file = system::create(&path).map_err(|error| {
        let advice = match error.kind() {
            io::ErrorKind::AlreadyExists => "it is not yours: have its owner remove it",
            io::ErrorKind::Unsupported => "profiles are for Linux on x86-64",
            _ => "profile where you may create files",
        };
        failed(error, advice)
    })?;
    let format = begin(&file).map_err(|(error, advice)| {
        // Half a file would be taken for a whole one.
        let _ = std::fs::remove_file(&path);
        failed(error, advice)
    })?;
    let output = Arc::new(Mutex::new(Output { path: path.clone(), file, format }));
    open.insert(path, output.clone());
    Ok(output)
}

fn begin_dump(mut file: &File, process: u32) -> Result<Format, (io::Error, &'static str)> {
    jitdump::write_header(&mut file, process, system::now())
        .map_err(|error| (error, "make room for it"))?;
    let marker = Marker::new(file)
        .map_err(|error| (error, "choose a file system that is not mounted `noexec`"))?;
    Ok(Format::Dump { index: 0, _marker: marker })
}

impl Output {
    fn add(&mut self, names: &Names<'_>, code: PlacedCode<'_>) -> io::Result<()> {
        let before = self.file.metadata()?.len();
        let mut out = BufWriter::with_capacity(BUFFER_BYTES, &self.file);
        let mut written = match &mut self.format {
            Format::Map => write_map(&mut out, names, code),
            Format::Dump { index, .. } => write_dump(&mut out, names, code, index),
        };
        written = written.and_then(|()| out.flush());
        // What is left of it must not be written behind what is cut off here.
        let _ = out.into_parts();
        if written.is_err() {
            // Half a record would make those behind it unreadable.
            let _ = self.file.set_len(before);
        }
        written
    }
}

fn write_map(out: &mut impl Write, names: &Names<'_>, code: PlacedCode<'_>) -> io::Result<()> {
    for (unit, address, bytes) in code.pieces() {
        writeln!(out, "{address:x} {:x} {}", bytes.len(), names.unit(unit))?;
    }
    Ok(())
}

fn write_dump(
    out: &mut impl Write,
    names: &Names<'_>,
    code: PlacedCode<'_>,
    index: &mut u64,
) -> io::Result<()> {
    let (process, thread) = (std::process::id(), system::thread());
    for (unit, address, bytes) in code.pieces() {
        let places: Vec<(u64, u32)> = code.places(address, bytes.len()).collect();
        let record = Record {
            time: system::now(),
            process,
            thread,
            address: address as u64,
            index: *index,
            name: &names.unit(unit),
            code: bytes,
            file: &names.file,
            places: &places,
        };
        record.write(out)?;
        *index += 1;
    }
    Ok(())
}

/// What a module's pieces of code are called.
struct Names<'m> {
    /// What stands before a function's name.
    prefix: String,
    file: String,
    functions: BTreeMap<u32, &'m str>,
}

impl<'m> Names<'m> {
    fn of(module: &'m Module) -> Self {
        let name = module.name().map(|name| harmless(name, MODULE_NAME_BYTES_MAX));
        // Whoever opens the file must not be led to another folder.
        let file = name.as_ref().map_or(String::from("wasm"), |name| name.replace('/', "_"));
        let prefix = name.map_or(String::new(), |name| format!("{name}::"));
        Self { prefix, file, functions: module.func_names() }
    }

    fn unit(&self, unit: Unit) -> String {
        let prefix = &self.prefix;
        match unit {
            Unit::Func(func) => match self.functions.get(&func) {
                Some(name) => format!("{prefix}{}", harmless(name, FUNC_NAME_BYTES_MAX)),
                None => format!("{prefix}wasm-function[{func}]"),
            },
            Unit::Enter(ty) => format!("{prefix}wasm-enter-type[{ty}]"),
            Unit::LeaveFunc(func) => format!("{prefix}wasm-leave-function[{func}]"),
            Unit::LeaveRef(ty) => format!("{prefix}wasm-leave-type[{ty}]"),
            Unit::Loop(func, at) => format!("{}-loop-{at:#x}", self.unit(Unit::Func(func))),
            Unit::Tables => format!("{prefix}wasm-tables"),
        }
    }
}

/// A name without anything that could end a line, drive a terminal or make it long.
fn harmless(name: &str, bytes_max: usize) -> Cow<'_, str> {
    let is_harmless = |c: char| match c {
        ' '..='~' => true,
        // What can be printed and stands by itself.
        c => c.escape_debug().len() == 1,
    };
    if name.len() <= bytes_max && name.chars().all(is_harmless) {
        return Cow::Borrowed(name);
    }
    let mut kept = String::new();
    for c in name.chars() {
        if kept.len() > bytes_max {
            kept.push('…');
            break;
        }
        match is_harmless(c) {
            true => kept.push(c),
            false => kept.extend(c.escape_unicode()),
        }
    }
    Cow::Owned(kept)
}

impl ProfileError {
    #[cold]
    fn new(path: &Path, what: &'static str, error: io::Error, advice: &'static str) -> Self {
        Self(Box::new(Failed { path: path.to_path_buf(), what, error, advice }))
    }
}

impl fmt::Display for ProfileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Failed { path, what, error, advice } = &*self.0;
        write!(f, "cannot {what} `{}` for a profiler: {error}; {advice}", path.display())
    }
}

impl std::error::Error for ProfileError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0.error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn names_are_made_harmless_and_short() {
        let rows = [
            ("core::fmt::write<&'a str, \"\\\">", "core::fmt::write<&'a str, \"\\\">"),
            ("größe", "größe"),
            ("a\nb 1 c", "a\\u{a}b 1 c"),
            ("\0", "\\u{0}"),
            ("\u{1b}[2J\u{9b}", "\\u{1b}[2J\\u{9b}"),
            // Turns the direction of what follows.
            ("\u{202e}x", "\\u{202e}x"),
        ];
        for (name, expected) in rows {
            assert_eq!(harmless(name, 64), expected);
        }
        for c in ["x", "\n", "é"] {
            let cut = harmless(&c.repeat(1 << 20), 64).to_string();
            assert!(cut.len() < 64 + 16 && cut.ends_with('…'), "{cut}");
        }
    }
}
