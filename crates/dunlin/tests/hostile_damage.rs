//! Damaged modules: each of a corpus, truncated at every byte and with random flips.
//!
//! None may panic, hang or use much native stack; what is still valid is run with little fuel. An error
//! must say where. `corpus/` holds small modules that together use every feature; `corpus/crashes/` holds
//! what once went wrong, with a line each in its README.

mod support {
    #![allow(clippy::mod_module_files, reason = "one file of a shared folder")]
    pub(crate) mod tier;
}

use dunlin::{
    Config, Engine, Error, ErrorKind, Linker, Module, Result, Store, StoreLimits,
    StoreLimitsBuilder, Val, ValidateMode,
};
use std::fs;
use std::path::{Path, PathBuf};

/// Native stack of the thread: damage must not lead to recursion.
const STACK_BYTES: usize = 256 << 10;

/// Larger modules are truncated at so many places only, evenly spread.
const TRUNCATIONS_MAX: usize = if cfg!(debug_assertions) { 300 } else { 4_096 };

/// Modules up to this size are truncated everywhere.
const EVERYWHERE_BYTES_MAX: usize = if cfg!(debug_assertions) { 4 << 10 } else { 64 << 10 };

/// Random damages of each module. Miri takes a second for each.
const FLIPS: u64 = if cfg!(miri) { 3 } else { 400 };

/// Random damages of a module that is not small.
const FLIPS_LARGE: u64 = if cfg!(debug_assertions) { 40 } else { 400 };

/// Fuel of everything that is run of one module.
const FUEL: u64 = 20_000;

/// The files of a folder of this crate or beside it, by their endings, in order.
fn files(folder: &str, endings: &[&str]) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut found = Vec::new();
    let mut folders = vec![folder];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or("");
            if path.is_dir() {
                folders.push(path);
            } else if endings.contains(&ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Modules in the binary format with their names.
fn corpus() -> Vec<(String, Vec<u8>)> {
    let small = files("tests/corpus", &["wat", "wasm"]);
    assert!(small.len() >= 18, "the corpus is not here: {small:?}");
    let guests = files("../../examples", &["wasm"]);
    let read = |path: PathBuf| {
        let bytes = fs::read(&path).expect("a readable file");
        let binary = wat::parse_bytes(&bytes).map(std::borrow::Cow::into_owned);
        // What once crashed need not be a module.
        (path.display().to_string(), binary.unwrap_or(bytes))
    };
    // Components begin like modules, and are none.
    let is_component = |bytes: &[u8]| bytes.starts_with(b"\0asm\x0d\0\x01\0");
    let all = small.into_iter().chain(guests).map(read);
    all.filter(|(_, bytes)| !is_component(bytes)).collect()
}

/// Engines for both ways to validate.
fn engines() -> [Engine; 2] {
    [ValidateMode::Eager, ValidateMode::Lazy].map(|mode| {
        let mut config = Config::new();
        config.consume_fuel(true).validate(mode).max_stack_bytes(1 << 20);
        support::tier::choose(&mut config);
        Engine::new(&config).expect("a configuration that makes sense")
    })
}

/// Loads a module and runs all that it exports; an error says that it is not valid.
fn try_out(engine: &Engine, bytes: &[u8]) -> Result<()> {
    let module = Module::new(engine, bytes)?;
    let limits = StoreLimitsBuilder::new().memory_size(1 << 20).table_elements(10_000).build();
    let mut store = Store::new(engine, limits);
    store.limiter(|limits: &mut StoreLimits| limits);
    store.set_fuel(FUEL)?;
    let _ = (module.info().sections(), module.info().functions(), module.name().map(str::len));
    let mut linker = Linker::new(engine);
    linker.allow_shadowing(true);
    // A module may ask for one name in two types: then it cannot have them.
    let _ = linker.define_unknown_imports_as_default_values(&module);
    let Ok(instance) = linker.instantiate(&mut store, &module) else { return Ok(()) };
    let exports: Vec<_> = instance.exports(&mut store).collect();
    for func in exports.into_iter().filter_map(|export| export.into_extern().into_func()) {
        let ty = func.ty(&store)?;
        let arguments: Vec<Val> = ty.params().iter().map(|ty| Val::default_for(*ty)).collect();
        let mut results = vec![Val::I32(0); ty.results().len()];
        if let Err(error) = func.call(&mut store, &arguments, &mut results) {
            assert_ne!(error.kind(), ErrorKind::Bug, "{error:?}");
        }
    }
    Ok(())
}

/// An error of loading names a place in the module.
fn check_error(name: &str, error: &Error, length: usize) {
    assert_eq!(error.kind(), ErrorKind::Invalid, "{name}: {error:?}");
    let offset = error.offset().unwrap_or_else(|| panic!("{name}: no offset in {error:?}"));
    assert!(offset <= length as u64, "{name}: offset {offset} of {length}");
}

fn on_small_stack(work: impl FnOnce() + Send) {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
        let thread = thread.spawn_scoped(scope, work).expect("a thread");
        thread.join().expect("the thread does not panic");
    });
}

#[test]
fn the_corpus_is_valid() {
    on_small_stack(|| {
        for (name, bytes) in corpus().iter().filter(|(name, _)| !name.contains("crashes")) {
            for engine in engines() {
                try_out(&engine, bytes).unwrap_or_else(|error| panic!("{name}: {error:?}"));
            }
        }
    });
}

#[test]
fn truncated_modules_are_refused() {
    on_small_stack(|| {
        for (name, bytes) in corpus() {
            let step = match bytes.len() {
                small if small <= EVERYWHERE_BYTES_MAX => 1,
                large => large.div_ceil(TRUNCATIONS_MAX),
            };
            for engine in &engines() {
                for length in (0..bytes.len()).step_by(step) {
                    // Cut behind a section, a module may be whole: nothing says how many there are.
                    if let Err(error) = try_out(engine, &bytes[..length]) {
                        check_error(&format!("{name} cut at {length}"), &error, length);
                    }
                }
            }
        }
    });
}

#[test]
fn flipped_modules_are_refused_or_run() {
    on_small_stack(|| {
        for (name, bytes) in corpus() {
            let flips = if bytes.len() > EVERYWHERE_BYTES_MAX { FLIPS_LARGE } else { FLIPS };
            for flip in 0..flips {
                let damaged = damage(&bytes, flip);
                for engine in engines() {
                    if let Err(error) = try_out(&engine, &damaged) {
                        // Damage to the magic number may make it a text.
                        if damaged.starts_with(b"\0asm") {
                            check_error(&format!("{name} flip {flip}"), &error, damaged.len());
                        }
                    }
                }
            }
        }
    });
}

/// The module with one to four bytes changed; the number decides which.
fn damage(bytes: &[u8], number: u64) -> Vec<u8> {
    let mut state = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ bytes.len() as u64;
    let mut next = move || {
        // SplitMix64, by Steele, Lea and Flood.
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let bits = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    };
    let mut damaged = bytes.to_vec();
    for _ in 0..=next() % 4 {
        let at = next() as usize % damaged.len();
        damaged[at] = match next() % 3 {
            0 => damaged[at] ^ 1 << (next() % 8),
            1 => [0, 1, 0x0b, 0x40, 0x7f, 0x80, 0xfd, 0xff][next() as usize % 8],
            _ => next() as u8,
        };
    }
    damaged
}
