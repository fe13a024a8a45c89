//! What profilers are told: every function of every module by its name, with the bytes that lie in
//! memory, wherever the code came from; and no file that somebody else made.
#![cfg(all(feature = "optimize", target_os = "linux", target_arch = "x86_64"))]

use dunlin::{ArtifactKey, Cache, Config, Engine, ErrorKind, Module, Profile, Tier};
use std::fs::{self, File};
use std::os::unix::fs::{FileExt, MetadataExt, symlink};
use std::path::PathBuf;

/// A folder of this test's.
fn folder(name: &str) -> PathBuf {
    let name = format!("dunlin-profile-{}-{name}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    fs::create_dir_all(&folder).expect("a folder");
    folder
}

fn config(profile: Profile) -> Config {
    let mut config = Config::new();
    config.tier(Tier::Optimize).profile(profile);
    config.artifact_key(ArtifactKey::from_secret(b"profile.rs"));
    config
}

/// A piece of code as a file describes it.
#[derive(Clone, Debug, PartialEq)]
struct Piece {
    name: String,
    address: u64,
    bytes: u64,
}

/// The lines of this process's map.
fn map() -> Vec<Piece> {
    let path = format!("/tmp/perf-{}.map", std::process::id());
    let text = fs::read_to_string(path).expect("a map");
    let piece = |line: &str| {
        let mut words = line.splitn(3, ' ');
        let mut next = || words.next().expect("three words");
        let mut number = || u64::from_str_radix(next(), 16).expect("a number");
        let (address, bytes) = (number(), number());
        Piece { name: next().to_owned(), address, bytes }
    };
    text.lines().map(piece).collect()
}

/// Takes numbers from the front of bytes.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(len);
        self.0 = rest;
        taken
    }

    fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.take(4).try_into().expect("4 bytes"))
    }

    fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.take(8).try_into().expect("8 bytes"))
    }

    fn text(&mut self) -> String {
        let len = self.0.iter().position(|byte| *byte == 0).expect("an end");
        let text = str::from_utf8(self.take(len)).expect("text").to_owned();
        self.take(1);
        text
    }
}

/// A piece of a jitdump with its code and its places: address, line, file.
type Dumped = (Piece, Vec<u8>, Vec<(u64, u32, String)>);

/// The pieces of a jitdump.
fn dump(folder: &std::path::Path) -> Vec<Dumped> {
    let process = std::process::id();
    let bytes = fs::read(folder.join(format!("jit-{process}.dump"))).expect("a dump");
    let mut from = Reader(&bytes);
    assert_eq!([(); 6].map(|()| from.u32()), [0x4A69_5444, 1, 40, 62, 0, process]);
    let mut time = from.u64();
    assert_eq!(from.u64(), 0, "no flags");
    let (mut pieces, mut places) = (Vec::new(), Vec::new());
    while !from.0.is_empty() {
        let (kind, len, now) = (from.u32(), from.u32(), from.u64());
        assert!(now >= time, "times ascend");
        time = now;
        let mut record = Reader(from.take(len as usize - 16));
        if kind == 2 {
            let (_address, count) = (record.u64(), record.u64());
            for _ in 0..count {
                let (address, line, discriminator) = (record.u64(), record.u32(), record.u32());
                assert_eq!(discriminator, 0);
                places.push((address, line, record.text()));
            }
            assert!(record.0.is_empty());
            continue;
        }
        assert_eq!((kind, record.u32()), (0, process));
        let _thread = record.u32();
        let (address, again, bytes) = (record.u64(), record.u64(), record.u64());
        assert_eq!((address, record.u64()), (again, pieces.len() as u64), "numbered");
        let name = record.text();
        assert_eq!(record.0.len() as u64, bytes, "{name}");
        pieces.push((
            Piece { name, address, bytes },
            record.0.to_vec(),
            std::mem::take(&mut places),
        ));
    }
    pieces
}

/// Holds what both files say of a living module against memory; returns its pieces.
fn check(folder: &std::path::Path, prefix: &str, module_bytes: usize) -> Vec<Piece> {
    let memory = File::open("/proc/self/mem").expect("our own memory");
    let maps = fs::read_to_string("/proc/self/maps").expect("our own mappings");
    let executable: Vec<(u64, u64)> = maps
        .lines()
        .filter(|line| line.contains(" r-xp "))
        .map(|line| {
            let (start, end) = line.split(' ').next().unwrap().split_once('-').unwrap();
            (u64::from_str_radix(start, 16).unwrap(), u64::from_str_radix(end, 16).unwrap())
        })
        .collect();
    let ours = |piece: &Piece| piece.name.starts_with(prefix);
    let pieces: Vec<_> = dump(folder).into_iter().filter(|(piece, ..)| ours(piece)).collect();
    for (piece, code, places) in &pieces {
        let end = piece.address + piece.bytes;
        let holds = |(from, to): &(u64, u64)| *from <= piece.address && end <= *to;
        assert!(executable.iter().any(holds), "{piece:?} is code");
        let mut found = vec![0; code.len()];
        memory.read_exact_at(&mut found, piece.address).expect("readable code");
        assert_eq!(&found, code, "{piece:?}");
        assert!(places.is_sorted_by_key(|(address, ..)| *address), "{piece:?}");
        for (address, line, file) in places {
            assert!((piece.address..end).contains(address), "{piece:?}");
            assert!((*line as usize) < module_bytes, "{piece:?}");
            assert!(!file.contains('/'), "{file}");
        }
    }
    let pieces: Vec<Piece> = pieces.into_iter().map(|(piece, ..)| piece).collect();
    let mapped: Vec<Piece> = map().into_iter().filter(ours).collect();
    assert_eq!(mapped, pieces, "both files say the same");
    pieces
}

fn names(pieces: &[Piece], prefix: &str) -> Vec<String> {
    pieces.iter().map(|piece| piece.name[prefix.len()..].to_owned()).collect()
}

/// A module of the name with all kinds of code; the text of the name is for the text format.
fn guest(name: &str) -> Vec<u8> {
    let text = format!(
        r#"(module ${name}
            (import "host" "f" (func $imported))
            (type $t (func (result i32)))
            (table 2 funcref) (elem (i32.const 0) $first)
            (func $first (result i32) (i32.const 1))
            (func (export "named by its export") (result i32)
                (call_indirect (type $t) (i32.const 0)))
            (func (param i64)))"#
    );
    wat::parse_str(text).expect("a valid text")
}

const GUEST_PIECES: [&str; 9] = [
    "first",
    "named by its export",
    "wasm-function[3]",
    "wasm-enter-type[0]",
    "wasm-enter-type[2]",
    "wasm-leave-function[0]",
    "wasm-leave-type[0]",
    "wasm-leave-type[1]",
    "wasm-leave-type[2]",
];

#[test]
fn compiled_code_is_told() {
    every_function_is_told_wherever_its_code_came_from();
    hostile_names_stay_in_their_line();
    // The map is the process's, so it is removed here and not by each.
    fs::remove_file(format!("/tmp/perf-{}.map", std::process::id())).expect("a file of ours");
}

fn every_function_is_told_wherever_its_code_came_from() {
    let folder = folder("told");
    let profile = Profile::new().perf_map().jit_dump(&folder);
    let mut config = config(profile);
    config.cache(Cache::open(folder.join("cache")).expect("a folder of ours"));
    let engine = Engine::new(&config).expect("a tier of this machine");

    let bytes = guest("compiled");
    let module = Module::new(&engine, &bytes).expect("a valid module");
    let pieces = check(&folder, "compiled::", bytes.len());
    let mut found = names(&pieces, "compiled::");
    found.sort_unstable();
    let mut expected = GUEST_PIECES.to_vec();
    expected.sort_unstable();
    assert_eq!(found, expected);

    // Another engine of the process goes on in the same files.
    let engine = Engine::new(&config).expect("a tier of this machine");
    let artifact = module.serialize().expect("an artifact");
    let loaded = Module::deserialize(&engine, &artifact).expect("our own artifact");
    assert_eq!(check(&folder, "compiled::", bytes.len()).len(), 2 * pieces.len());
    drop((module, loaded));

    let text = format!(r#"(module $cached (func $f) (data "{}"))"#, "x".repeat(40_000));
    let bytes = wat::parse_str(text).expect("a valid text");
    let first = Module::new(&engine, &bytes).expect("a valid module");
    assert_eq!(fs::read_dir(folder.join("cache")).expect("a cache").count(), 1);
    let second = Module::new(&engine, &bytes).expect("a module from the cache");
    let pieces = check(&folder, "cached::", bytes.len());
    assert_eq!(
        names(&pieces, "cached::"),
        ["f", "wasm-enter-type[0]", "wasm-leave-type[0]"].repeat(2)
    );
    drop((first, second));

    let mode = |path: &str| fs::metadata(path).expect("a file").mode() & 0o777;
    let process = std::process::id();
    assert_eq!(mode(&format!("/tmp/perf-{process}.map")), 0o600);
    assert_eq!(mode(folder.join(format!("jit-{process}.dump")).to_str().unwrap()), 0o600);
    let maps = fs::read_to_string("/proc/self/maps").expect("our own mappings");
    let marker = format!("jit-{process}.dump");
    let is_marker = |line: &str| line.contains(" r-xp ") && line.ends_with(&marker);
    assert!(maps.lines().any(is_marker), "`perf` learns of the dump");
    fs::remove_dir_all(folder).expect("a folder of ours");
}

fn hostile_names_stay_in_their_line() {
    let folder = folder("hostile");
    let engine = Engine::new(&config(Profile::new().perf_map().jit_dump(&folder))).expect("a tier");
    let long = "y".repeat(90_000);
    let text = format!(
        r#"(module $hostile
            (func (export "\n0 ffffffffffffffff everything\n\00\1b[2J"))
            (func (export "{long}")))"#
    );
    let bytes = wat::parse_str(text).expect("a valid text");
    let _module = Module::new(&engine, &bytes).expect("a valid module");
    let pieces = check(&folder, "hostile::", bytes.len());
    let names = names(&pieces, "hostile::");
    assert_eq!(names[0], r"\u{a}0 ffffffffffffffff everything\u{a}\u{0}\u{1b}[2J");
    assert!(names[1].len() < 300, "{}", names[1].len());
    fs::remove_dir_all(folder).expect("a folder of ours");
}

#[test]
fn what_cannot_be_profiled_is_said() {
    let refused = |config: &Config| Engine::new(config).expect_err("an engine that cannot");
    let mut interpreter = config(Profile::new().perf_map());
    let error = refused(interpreter.tier(Tier::Interp));
    assert_eq!(error.kind(), ErrorKind::Usage);

    let error = refused(&config(Profile::new().jit_dump("/nowhere")));
    let process = std::process::id();
    assert_eq!(error.kind(), ErrorKind::Host);
    assert_eq!(
        error.to_string(),
        format!(
            "cannot create `/nowhere/jit-{process}.dump` for a profiler: No such file or directory \
             (os error 2); profile where you may create files"
        )
    );

    let folder = folder("refused");
    let (path, target) = (folder.join(format!("jit-{process}.dump")), folder.join("target"));
    fs::write(&target, "theirs").expect("a file");
    symlink(&target, &path).expect("a link");
    let error = refused(&config(Profile::new().jit_dump(&folder)));
    assert!(error.to_string().ends_with("it is not yours: have its owner remove it"), "{error}");
    assert_eq!(fs::read(&target).expect("a file"), b"theirs");
    fs::remove_dir_all(folder).expect("a folder of ours");
}
