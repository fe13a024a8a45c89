//! The code that the tier makes, kept as data: each file of `tests/codegen` is a module, and behind it,
//! as comments, the CLIF that its functions become and the machine code that is made of that.
//!
//! The first line says how it is compiled, in words after `;;!`; what is not said is the first of:
//!
//! * `explicit`, `guarded`: how accesses of memories stay in bounds;
//! * `off`, `flag`, `page`: how guests are interrupted;
//! * `fuel`: operators are charged;
//! * `inline`: bodies of small functions stand in place of calls;
//! * `deterministic`, `fast`, `fused`: which results relaxed operators have;
//! * `v2`, `v3`: the level of x86-64, whatever the machine has that the test runs on;
//! * `enter`, `leave`: the ways into and out of compiled code are shown too.
//!
//! `DUNLIN_BLESS=1` rewrites what is expected: `DUNLIN_BLESS=1 cargo test -p dunlin-optimize --test
//! codegen`. Machine code is compared where the test runs on x86-64, and CLIF everywhere.

use dunlin_core::numeric::Relaxed;
use dunlin_module::{CompiledFunction, Compiler, Features, Module, Scratch, StaticTables, Unit};
use dunlin_optimize::{Bounds, LineKind, Optimizer, Polls, Settings, disassemble};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const GUARDED: Bounds = Bounds::Guarded { reserved_bytes: 1 << 32, guard_bytes: 64 << 20 };

/// The extensions of a level of x86-64.
const V2: &[&str] =
    &["has_sse3", "has_ssse3", "has_sse41", "has_sse42", "has_popcnt", "has_cmpxchg16b"];
const V3: &[&str] = &["has_avx", "has_avx2", "has_fma", "has_bmi1", "has_bmi2", "has_lzcnt"];

/// What introduces the expectations.
const CLIF: &str = ";; CLIF of ";
const MACHINE_CODE: &str = ";; x86-64 of ";

#[test]
fn code_is_as_expected() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/codegen");
    let files = fs::read_dir(&folder).expect("a folder of files");
    let mut paths: Vec<PathBuf> = files.map(|file| file.expect("a file").path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "no files in {}", folder.display());
    let wrong: Vec<String> = paths.iter().filter_map(|path| check(path)).collect();
    assert!(wrong.is_empty(), "{}", wrong.concat());
}

/// Compares a file; returns what differs, unless it is to be blessed.
fn check(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).expect("a file");
    let source = &text[..text.find(CLIF).unwrap_or(text.len())];
    let found = format!("{}\n\n{}", source.trim_end(), expectations(source));
    let on_x64 = cfg!(target_arch = "x86_64");
    if std::env::var_os("DUNLIN_BLESS").is_some_and(|value| value == "1") {
        assert!(on_x64, "machine code can be blessed on x86-64 only");
        fs::write(path, found).expect("a file");
        return None;
    }
    let portable = |text: &str| text[..text.find(MACHINE_CODE).unwrap_or(text.len())].to_owned();
    let same = if on_x64 { found == text } else { portable(&found) == portable(&text) };
    (!same).then(|| difference(path, &text, &found))
}

/// The first lines that differ: the whole is what `git diff` shows after blessing.
fn difference(path: &Path, expected: &str, found: &str) -> String {
    const LINES: usize = 12;
    let same = expected.lines().zip(found.lines()).take_while(|(a, b)| a == b).count();
    let lines = |text: &str| {
        let lines: Vec<&str> = text.lines().skip(same).take(LINES).collect();
        lines.join("\n")
    };
    format!(
        "{} differs from line {} on (DUNLIN_BLESS=1 accepts)\nexpected:\n{}\nfound:\n{}\n\n",
        path.display(),
        same + 1,
        lines(expected),
        lines(found)
    )
}

/// How a file is to be compiled.
struct Header {
    settings: Settings,
    extensions: Vec<&'static str>,
    enter: bool,
    leave: bool,
}

impl Header {
    fn parse(source: &str) -> Self {
        let line = source.lines().next().and_then(|line| line.strip_prefix(";;!"));
        let mut header = Self {
            settings: Settings {
                polls: Polls::Off,
                inline: false,
                verify: true,
                ..Settings::default()
            },
            extensions: V2.to_vec(),
            enter: false,
            leave: false,
        };
        for word in line.expect("the first line begins with `;;!`").split_whitespace() {
            match word {
                "explicit" => header.settings.bounds = Bounds::Explicit,
                "guarded" => header.settings.bounds = GUARDED,
                "off" => header.settings.polls = Polls::Off,
                "flag" => header.settings.polls = Polls::Flag,
                "page" => header.settings.polls = Polls::DeadLoad,
                "deterministic" => header.settings.relaxed = Relaxed::Deterministic,
                "fast" => header.settings.relaxed = Relaxed::Fast,
                "fused" => header.settings.relaxed = Relaxed::Fused,
                "fuel" => header.settings.fuel = true,
                "inline" => header.settings.inline = true,
                "v2" => {}
                "v3" => header.extensions.extend(V3),
                "enter" => header.enter = true,
                "leave" => header.leave = true,
                word => panic!("`{word}` is no word of a header"),
            }
        }
        header
    }
}

/// What is expected behind a module: everything that is compiled of it.
fn expectations(source: &str) -> String {
    let header = Header::parse(source);
    let bytes = wat::parse_str(source).expect("a valid text");
    let module = Module::parse(Arc::new(bytes), Features::default()).expect("a valid module");
    for func in module.func_imports()..module.func_count() {
        module.prepare(func, &mut Scratch::default()).expect("a valid body");
    }
    let tables = StaticTables::of(&module);
    let optimizer = Optimizer::with_extensions(header.settings.clone(), &header.extensions);
    let optimizer = optimizer.expect("extensions that suffice");
    let mut worker = optimizer.worker(&module, &tables);
    let (mut clif, mut code) = (String::new(), String::new());
    let is_shown = |unit: &Unit| match unit {
        Unit::Func(_) => true,
        Unit::Enter(_) => header.enter,
        Unit::LeaveFunc(_) | Unit::LeaveRef(_) => header.leave,
        Unit::Tables | Unit::Loop(..) => false,
    };
    for unit in Unit::all_of(&module, !tables.is_empty()).into_iter().filter(is_shown) {
        let text = optimizer.clif(&module, &tables, unit).expect("CLIF");
        let _ = writeln!(clif, "{CLIF}{}:\n{}", name(&module, unit), commented(&text));
        let compiled = worker.compile(unit).expect("machine code");
        check_tables(unit, &compiled);
        let text = listing(&compiled);
        let _ = writeln!(code, "{MACHINE_CODE}{}:\n{}", name(&module, unit), commented(&text));
    }
    format!("{clif}{}\n", code.trim_end())
}

fn name(module: &Module, unit: Unit) -> String {
    match unit {
        Unit::Func(func) => module.func_name(func).unwrap_or("a function").to_owned(),
        unit => format!("{unit:?}"),
    }
}

fn commented(text: &str) -> String {
    let line = |line: &str| format!("{}\n", format!(";;   {line}").trim_end());
    text.trim_end().lines().map(line).collect()
}

/// The machine code of a unit, with what goes with it.
fn listing(compiled: &CompiledFunction) -> String {
    let mut text = String::new();
    let mut of = u32::MAX;
    let handlers: Vec<u32> = compiled.handlers.iter().map(|of| of.handler).collect();
    for line in disassemble(&compiled.code, &handlers) {
        let range = line.offset..line.offset + line.len;
        let mut notes = Vec::new();
        let after = compiled.source.partition_point(|(at, _)| *at <= line.offset);
        let now = after.checked_sub(1).map_or(u32::MAX, |index| compiled.source[index].1);
        if now != of && now != u32::MAX && line.kind == LineKind::Instruction {
            notes.push(format!("@{now:04x}"));
        }
        of = now;
        let traps = compiled.traps.iter().filter(|(at, _)| range.contains(at));
        notes.extend(traps.map(|(_, code)| format!("traps: {code}")));
        let builtins = compiled.relocations.iter().filter(|at| range.contains(&at.offset));
        notes.extend(builtins.map(|at| format!("{:?}", at.builtin)));
        let after = compiled.handlers.iter().find(|of| of.returns_to == range.end);
        notes.extend(after.map(|of| format!("throws to {:x}", of.handler)));
        let what = match line.kind {
            LineKind::Instruction => line.text,
            LineKind::Table => format!("table of {}", line.text),
            LineKind::Data => {
                let bytes = &compiled.code[range.start as usize..range.end as usize];
                let bytes: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
                format!("data {}", bytes.join(" "))
            }
        };
        let notes =
            if notes.is_empty() { String::new() } else { format!("; {}", notes.join(", ")) };
        let _ = writeln!(text, "{:>4x}: {what:<38} {notes}", line.offset);
    }
    text
}

/// What holds for the tables of all code.
fn check_tables(unit: Unit, compiled: &CompiledFunction) {
    let len = compiled.code.len() as u32;
    assert!(compiled.traps.is_sorted_by_key(|(at, _)| *at), "{unit:?}");
    assert!(compiled.source.is_sorted_by_key(|(at, _)| *at), "{unit:?}");
    assert!(compiled.traps.iter().all(|(at, _)| *at < len), "{unit:?}");
    assert!(compiled.source.iter().all(|(at, _)| *at <= len), "{unit:?}");
    assert!(compiled.handlers.is_sorted_by(|a, b| a.returns_to < b.returns_to), "{unit:?}");
    assert!(compiled.handlers.iter().all(|of| of.handler.max(of.returns_to) < len), "{unit:?}");
    assert!(compiled.relocations.iter().all(|at| at.offset + 8 <= len), "{unit:?}");
}
