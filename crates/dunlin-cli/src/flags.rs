//! Every command and flag, as rows. Parser, help screens and tests derive from them.
//!
//! To add a flag: a field in its command's options, a row in its table, and a case in `tests/cases`.
//! This file holds data, so its length says nothing about its complexity.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::time::Duration;

use dunlin::{Feature, Features};

use crate::args::{Command, Flag, Words};
use crate::commands::VERBS;
use crate::values;

/// Bytes that a download may have unless `--max-download` says otherwise.
pub(crate) const DOWNLOAD_BYTES_MAX: u64 = 256 << 20;

/// A folder that the guest may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Dir {
    pub(crate) host: PathBuf,
    pub(crate) guest: String,
    pub(crate) writable: bool,
}

/// What a component may reach over the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Net {
    Public,
    Any,
}

/// What to do about imports that nobody provides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum UnknownImports {
    #[default]
    Error,
    Trap,
    Default,
}

/// When function bodies are validated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Validate {
    #[default]
    Lazy,
    Eager,
}

/// Which tiers may run the guest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Tier {
    #[default]
    Auto,
    Interp,
    Optimize,
    Baseline,
}

/// What relaxed vector operators give.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum RelaxedSimd {
    /// What the machine is fastest with.
    #[default]
    Fast,
    /// What all machines give.
    Deterministic,
}

/// For whom compiled code is described.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    /// Linux's `perf`.
    Perf,
}

/// The options of `dunlin run`.
#[derive(Debug)]
pub(crate) struct RunOptions {
    pub(crate) dirs: Vec<Dir>,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) net: Option<Net>,
    pub(crate) invoke: Option<String>,
    pub(crate) fuel: Option<u64>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) max_memory: Option<usize>,
    pub(crate) max_heap: Option<usize>,
    pub(crate) gc_zeal: bool,
    pub(crate) max_stack: Option<usize>,
    pub(crate) max_download: u64,
    pub(crate) threads: bool,
    pub(crate) max_threads: usize,
    pub(crate) tier: Tier,
    pub(crate) features: Features,
    pub(crate) relaxed_simd: RelaxedSimd,
    pub(crate) validate: Validate,
    pub(crate) unknown_imports: UnknownImports,
    pub(crate) preload: Vec<(String, PathBuf)>,
    pub(crate) no_cache: bool,
    pub(crate) key: Option<PathBuf>,
    pub(crate) profile: Option<Profile>,
    pub(crate) profile_out: Option<PathBuf>,
    pub(crate) stats: bool,
    pub(crate) json: bool,
}

impl Default for RunOptions {
    fn default() -> Self {
        Self {
            dirs: Vec::new(),
            env: Vec::new(),
            net: None,
            invoke: None,
            fuel: None,
            timeout: None,
            max_memory: None,
            max_heap: None,
            gc_zeal: false,
            max_stack: None,
            max_download: DOWNLOAD_BYTES_MAX,
            threads: false,
            max_threads: dunlin_wasi::THREADS_DEFAULT_MAX,
            tier: Tier::default(),
            features: Features::default(),
            relaxed_simd: RelaxedSimd::default(),
            validate: Validate::default(),
            unknown_imports: UnknownImports::default(),
            preload: Vec::new(),
            no_cache: false,
            key: None,
            profile: None,
            profile_out: None,
            stats: false,
            json: false,
        }
    }
}

/// `dunlin run`.
pub(crate) const RUN: Command<RunOptions> = Command {
    name: "run",
    usage: "[OPTIONS] FILE|URL|- [ARGS…]",
    about: "Run a WebAssembly module or component: a command's `_start` or `wasi:cli/run`, or one function with --invoke.",
    notes: "FILE is .wasm, .wat, or .cwasm as `dunlin compile` makes it, told apart by content; `-` is\n\
            standard input; a URL is downloaded and cached. Everything after FILE belongs to the\n\
            guest, which has no folder, no variable and no network unless a flag grants it.\n\
            What gets hot is compiled meanwhile, and kept for the next run unless --no-cache is given.\n\
            --profile perf writes /tmp/perf-PID.map and ./jit-PID.dump, for `perf record -k mono`.\n\
            exit codes: the guest's own; 134 trap; 1 invalid or unlinkable module; 2 usage",
    words: Words::ModuleThenGuest,
    short: &[],
    flags: &[
        Flag {
            name: "dir",
            value: Some("HOST[::GUEST][:ro]"),
            example: "./data::/data:ro",
            help: "Grant a folder, under another name, read-only",
            set: |o, value| push(&mut o.dirs, dir(text(value)?)?),
        },
        Flag {
            name: "env",
            value: Some("NAME[=VALUE]"),
            example: "LANG=C",
            help: "Set a variable, or pass on our own",
            set: |o, value| push(&mut o.env, variable(text(value)?)?),
        },
        Flag {
            name: "net",
            value: Some("WHAT"),
            example: "public",
            help: "Let a component connect: public (addresses of the internet), any (this machine too)",
            set: |o, value| net(&mut o.net, value),
        },
        Flag {
            name: "invoke",
            value: Some("NAME"),
            example: "add",
            help: "Call this export with ARGS as its values, print its results",
            set: |o, value| assign(&mut o.invoke, text(value)?.to_owned()),
        },
        Flag {
            name: "fuel",
            value: Some("N"),
            example: "1000000",
            help: "Trap after N units of fuel (about one an instruction)",
            set: |o, value| assign(&mut o.fuel, whole(text(value)?)?),
        },
        Flag {
            name: "timeout",
            value: Some("DURATION"),
            example: "2s",
            help: "Interrupt the guest after 500ms, 2s, 10m …",
            set: |o, value| assign(&mut o.timeout, values::duration(text(value)?)?),
        },
        Flag {
            name: "max-memory",
            value: Some("SIZE"),
            example: "64MiB",
            help: "Bytes that each memory may have: 64MiB, 1GiB …",
            set: |o, value| assign(&mut o.max_memory, bytes(text(value)?)?),
        },
        Flag {
            name: "max-heap",
            value: Some("SIZE"),
            example: "64MiB",
            help: "Bytes that all garbage-collected objects may have",
            set: |o, value| assign(&mut o.max_heap, bytes(text(value)?)?),
        },
        Flag {
            name: "gc-zeal",
            value: None,
            example: "",
            help: "Collect garbage at every allocation: slow, to find defects",
            set: |o, _| {
                o.gc_zeal = true;
                Ok(())
            },
        },
        Flag {
            name: "max-stack",
            value: Some("SIZE"),
            example: "1MiB",
            help: "Bytes of the guest's stack (default 8MiB)",
            set: |o, value| assign(&mut o.max_stack, stack(text(value)?)?),
        },
        Flag {
            name: "max-download",
            value: Some("SIZE"),
            example: "512MiB",
            help: "Bytes that a URL may give (default 256MiB)",
            set: |o, value| {
                o.max_download = values::size(text(value)?)?;
                Ok(())
            },
        },
        Flag {
            name: "threads",
            value: None,
            example: "",
            help: "Let the guest start threads of its own (wasi-threads)",
            set: |o, _| {
                o.threads = true;
                Ok(())
            },
        },
        Flag {
            name: "max-threads",
            value: Some("N"),
            example: "16",
            help: "Threads at a time besides the first (default 256)",
            set: |o, value| {
                let most = whole(text(value)?)?;
                o.max_threads = usize::try_from(most).unwrap_or(usize::MAX);
                Ok(())
            },
        },
        Flag {
            name: "tier",
            value: Some("TIER"),
            example: "interp",
            help: "How to execute: interp, baseline, optimize, auto (default: interp, then optimize)",
            set: |o, value| tier(&mut o.tier, value),
        },
        Flag {
            name: "features",
            value: Some("NAMES"),
            example: "simd,-relaxed-simd",
            help: "What modules may use besides the default, or with - not: NAME,-NAME",
            set: |o, value| features(&mut o.features, value),
        },
        Flag {
            name: "relaxed-simd",
            value: Some("HOW"),
            example: "deterministic",
            help: "Results of relaxed operators: fast (default), deterministic (on all machines)",
            set: |o, value| relaxed_simd(&mut o.relaxed_simd, value),
        },
        Flag {
            name: "validate",
            value: Some("WHEN"),
            example: "eager",
            help: "Validate functions: lazy (default: at their first call), eager",
            set: |o, value| {
                o.validate =
                    one_of(value, &[("lazy", Validate::Lazy), ("eager", Validate::Eager)])?;
                Ok(())
            },
        },
        Flag {
            name: "unknown-imports",
            value: Some("HOW"),
            example: "trap",
            help: "Imports nobody provides: error (default), trap (when called), default",
            set: |o, value| {
                let names = [
                    ("error", UnknownImports::Error),
                    ("trap", UnknownImports::Trap),
                    ("default", UnknownImports::Default),
                ];
                o.unknown_imports = one_of(value, &names)?;
                Ok(())
            },
        },
        Flag {
            name: "preload",
            value: Some("NAME=FILE"),
            example: "env=library.wasm",
            help: "Instantiate FILE first; its exports serve imports from NAME",
            set: |o, value| push(&mut o.preload, preload(text(value)?)?),
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
        Flag {
            name: "key",
            value: Some("FILE"),
            example: "key",
            help: "The secret that a .cwasm was sealed with (default: yours)",
            set: |o, value| assign(&mut o.key, PathBuf::from(value)),
        },
        Flag {
            name: "profile",
            value: Some("TOOL"),
            example: "perf",
            help: "Name compiled code for a profiler: perf (with --tier optimize)",
            set: |o, value| assign(&mut o.profile, one_of(value, &[("perf", Profile::Perf)])?),
        },
        Flag {
            name: "profile-out",
            value: Some("FILE"),
            example: "app.profile",
            help: "Write which functions got hot, for `dunlin compile --profile`",
            set: |o, value| assign(&mut o.profile_out, PathBuf::from(value)),
        },
        Flag {
            name: "stats",
            value: None,
            example: "",
            help: "Say at the end where the time went, and what was compiled when",
            set: |o, _| {
                o.stats = true;
                Ok(())
            },
        },
        Flag {
            name: "json",
            value: None,
            example: "",
            help: "Say what --stats says, as a line of JSON",
            set: |o, _| {
                (o.stats, o.json) = (true, true);
                Ok(())
            },
        },
    ],
};

/// The options of `dunlin compile`.
#[derive(Debug, Default)]
pub(crate) struct CompileOptions {
    pub(crate) output: Option<PathBuf>,
    pub(crate) fuel: bool,
    pub(crate) features: Features,
    pub(crate) relaxed_simd: RelaxedSimd,
    pub(crate) profile: Option<PathBuf>,
    pub(crate) key: Option<PathBuf>,
}

/// `dunlin compile`.
pub(crate) const COMPILE: Command<CompileOptions> = Command {
    name: "compile",
    usage: "[OPTIONS] FILE|URL|-",
    about: "Compile a module to machine code, for `dunlin run` to start it without compiling.",
    notes: "The result runs on machines like this one, with this version of dunlin, and for whoever has\n\
            the secret with which it is sealed: yours, made at first use, unless --key names another.\n\
            It is native code: who has the secret can make code that does all that you may do.\n\
            With --profile it has the code of what was hot in a run; other functions are interpreted at\n\
            first, and compiled when they are hot too.",
    words: Words::One,
    short: &[('o', "output")],
    flags: &[
        Flag {
            name: "output",
            value: Some("FILE"),
            example: "app.cwasm",
            help: "Where it goes (default: the module's name here, with .cwasm)",
            set: |o, value| assign(&mut o.output, PathBuf::from(value)),
        },
        Flag {
            name: "fuel",
            value: None,
            example: "",
            help: "Count fuel, for `dunlin run --fuel N`",
            set: |o, _| {
                o.fuel = true;
                Ok(())
            },
        },
        Flag {
            name: "features",
            value: Some("NAMES"),
            example: "simd,-relaxed-simd",
            help: "What modules may use besides the default, or with - not: NAME,-NAME",
            set: |o, value| features(&mut o.features, value),
        },
        Flag {
            name: "relaxed-simd",
            value: Some("HOW"),
            example: "deterministic",
            help: "Results of relaxed operators: fast (default), deterministic (on all machines)",
            set: |o, value| relaxed_simd(&mut o.relaxed_simd, value),
        },
        Flag {
            name: "profile",
            value: Some("FILE"),
            example: "app.profile",
            help: "Compile what `dunlin run --profile-out` says is hot; the rest when it is",
            set: |o, value| assign(&mut o.profile, PathBuf::from(value)),
        },
        Flag {
            name: "key",
            value: Some("FILE"),
            example: "key",
            help: "Seal it with the secret in FILE, for others who have it",
            set: |o, value| assign(&mut o.key, PathBuf::from(value)),
        },
    ],
};

/// The options of `dunlin cache`: none yet.
#[derive(Debug, Default)]
pub(crate) struct CacheOptions;

/// `dunlin cache`.
pub(crate) const CACHE: Command<CacheOptions> = Command {
    name: "cache",
    usage: "list|clear|dir",
    about: "Show or empty what is kept: machine code of modules, and downloaded modules.",
    notes: "list shows each entry's size, unused for longest first; clear removes them all; dir says\n\
            where they are. Both kinds are bounded, 1 GiB each, and can be had again.",
    words: Words::Verb(VERBS),
    short: &[],
    flags: &[],
};

/// The options of `dunlin validate`.
#[derive(Debug, Default)]
pub(crate) struct ValidateOptions {
    pub(crate) features: Features,
}

/// `dunlin validate`.
pub(crate) const VALIDATE: Command<ValidateOptions> = Command {
    name: "validate",
    usage: "[OPTIONS] FILE…",
    about: "Check that modules are valid, every function of them, and print each one's verdict.",
    notes: "FILE is .wasm or .wat, told apart by content; `-` is standard input.\n\
            exit codes: 0 all are valid; 1 one is not, or cannot be read",
    words: Words::Many,
    short: &[],
    flags: &[Flag {
        name: "features",
        value: Some("NAMES"),
        example: "simd,-relaxed-simd",
        help: "What modules may use besides the default, or with - not: NAME,-NAME",
        set: |o, value| features(&mut o.features, value),
    }],
};

/// As whose code a function is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum InspectTier {
    /// Operators, and what the interpreter knows of them.
    Interp,
    /// Machine code of the baseline compiler.
    Baseline,
    /// Machine code of the optimising compiler.
    #[default]
    Optimize,
    /// What machine code is made of.
    Clif,
}

/// The options of `dunlin inspect`.
#[derive(Debug, Default)]
pub(crate) struct InspectOptions {
    pub(crate) json: bool,
    pub(crate) disassemble: Option<String>,
    pub(crate) tier: Option<InspectTier>,
}

/// `dunlin inspect`.
pub(crate) const INSPECT: Command<InspectOptions> = Command {
    name: "inspect",
    usage: "[OPTIONS] FILE",
    about: "Show what a module needs, offers and uses, and where its bytes go.",
    notes: "FILE is .wasm, .wat, or .cwasm as `dunlin compile` makes it, told apart by content; `-` is\n\
            standard input. Nothing is executed, and nobody's secret is asked for: what a .cwasm says\n\
            of itself is shown, and not believed. Of a component its world is shown, as WIT.",
    words: Words::One,
    short: &[],
    flags: &[
        Flag {
            name: "json",
            value: None,
            example: "",
            help: "Print JSON, with every function and not only the biggest",
            set: |o, _| {
                o.json = true;
                Ok(())
            },
        },
        Flag {
            name: "disassemble",
            value: Some("FUNC"),
            example: "main",
            help: "Show the code of a function instead: by index, name or export",
            set: |o, value| assign(&mut o.disassemble, text(value)?.to_owned()),
        },
        Flag {
            name: "tier",
            value: Some("TIER"),
            example: "interp",
            help: "Whose code: optimize (default), baseline, interp, clif (what optimize compiles)",
            set: |o, value| {
                let tiers = [
                    ("optimize", InspectTier::Optimize),
                    ("baseline", InspectTier::Baseline),
                    ("interp", InspectTier::Interp),
                    ("clif", InspectTier::Clif),
                ];
                assign(&mut o.tier, one_of(value, &tiers)?)
            },
        },
    ],
};

/// The options of `dunlin wast`.
#[derive(Debug, Default)]
pub(crate) struct WastOptions {
    pub(crate) tier: Tier,
    pub(crate) relaxed_simd: RelaxedSimd,
    pub(crate) artifacts: bool,
    pub(crate) fuel: Option<u64>,
}

/// `dunlin wast`.
pub(crate) const WAST: Command<WastOptions> = Command {
    name: "wast",
    usage: "[OPTIONS] FILE…",
    about: "Run scripts of the specification's test suite and print how many assertions passed.",
    notes: "exit codes: 0 all passed; 1 one did not, or a script cannot be read",
    words: Words::Many,
    short: &[],
    flags: &[
        Flag {
            name: "tier",
            value: Some("TIER"),
            example: "interp",
            help: "How to execute: auto (default), interp, optimize",
            set: |o, value| tier(&mut o.tier, value),
        },
        Flag {
            name: "relaxed-simd",
            value: Some("HOW"),
            example: "deterministic",
            help: "Results of relaxed operators: fast (default), deterministic (on all machines)",
            set: |o, value| relaxed_simd(&mut o.relaxed_simd, value),
        },
        Flag {
            name: "artifacts",
            value: None,
            example: "",
            help: "Compile each module to an artifact and load it from there (with --tier optimize)",
            set: |o, _| {
                o.artifacts = true;
                Ok(())
            },
        },
        Flag {
            name: "fuel",
            value: Some("N"),
            example: "1000000",
            help: "Fuel that each directive begins with",
            set: |o, value| assign(&mut o.fuel, whole(text(value)?)?),
        },
    ],
};

pub(crate) type Set = Result<(), String>;

pub(crate) fn push<T>(list: &mut Vec<T>, value: T) -> Set {
    list.push(value);
    Ok(())
}

pub(crate) fn assign<T>(place: &mut Option<T>, value: T) -> Set {
    *place = Some(value);
    Ok(())
}

pub(crate) fn text(value: &OsStr) -> Result<&str, String> {
    value.to_str().ok_or_else(|| "it is not UTF-8".to_owned())
}

pub(crate) fn whole(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| "expected a whole number of at most 64 bits".to_owned())
}

fn bytes(text: &str) -> Result<usize, String> {
    let bytes = values::size(text)?;
    usize::try_from(bytes).map_err(|_| "it is more than this machine can address".to_owned())
}

/// A stack's size. Frames of no slots would run on none at all, which nobody means.
fn stack(text: &str) -> Result<usize, String> {
    match bytes(text)? {
        0 => Err("it must be more than zero".to_owned()),
        bytes => Ok(bytes),
    }
}

fn tier(place: &mut Tier, value: &OsStr) -> Set {
    let tiers = [
        ("auto", Tier::Auto),
        ("interp", Tier::Interp),
        ("baseline", Tier::Baseline),
        ("optimize", Tier::Optimize),
    ];
    *place = one_of(value, &tiers)?;
    Ok(())
}

fn net(place: &mut Option<Net>, value: &OsStr) -> Set {
    *place = Some(one_of(value, &[("public", Net::Public), ("any", Net::Any)])?);
    Ok(())
}

fn relaxed_simd(place: &mut RelaxedSimd, value: &OsStr) -> Set {
    let names = [("fast", RelaxedSimd::Fast), ("deterministic", RelaxedSimd::Deterministic)];
    *place = one_of(value, &names)?;
    Ok(())
}

/// Names of features to turn on, or off where `-` stands before them.
fn features(set: &mut Features, value: &OsStr) -> Set {
    for word in text(value)?.split(',') {
        let (name, enabled) = match word.strip_prefix('-') {
            Some(name) => (name, false),
            None => (word, true),
        };
        let Some(feature) = Feature::from_name(name) else {
            let known: Vec<&str> = Feature::ALL.iter().map(|feature| feature.name()).collect();
            return Err(format!("`{name}` is none of {}", known.join(", ")));
        };
        set.set(feature, enabled);
    }
    Ok(())
}

/// The value that a name stands for; an unknown name is answered with the known ones.
pub(crate) fn one_of<T: Copy>(value: &OsStr, names: &[(&str, T)]) -> Result<T, String> {
    let found = names.iter().find(|(name, _)| value == *name);
    found.map(|(_, value)| *value).ok_or_else(|| {
        let known: Vec<String> = names.iter().map(|(name, _)| format!("`{name}`")).collect();
        format!("valid names: {}", known.join(", "))
    })
}

/// `HOST[::GUEST][:ro]`; the guest sees HOST's own spelling unless GUEST is given.
fn dir(value: &str) -> Result<Dir, String> {
    let (rest, writable) = match value.strip_suffix(":ro") {
        Some(rest) => (rest, false),
        None => (value, true),
    };
    let (host, guest) = rest.split_once("::").unwrap_or((rest, rest));
    if host.is_empty() || guest.is_empty() {
        return Err("expected HOST, HOST::GUEST, or either with :ro".to_owned());
    }
    Ok(Dir { host: PathBuf::from(host), guest: guest.to_owned(), writable })
}

/// `NAME=VALUE`, or `NAME` for our own value of it.
pub(crate) fn variable(value: &str) -> Result<(String, String), String> {
    let (name, content) = match value.split_once('=') {
        Some((name, content)) => (name, Some(content.to_owned())),
        None => (value, None),
    };
    if name.is_empty() {
        return Err("expected NAME=VALUE, or NAME to pass on our own".to_owned());
    }
    let content = match content {
        Some(content) => content,
        None => std::env::var(name).map_err(|error| match error {
            std::env::VarError::NotPresent => "no such variable is set here".to_owned(),
            std::env::VarError::NotUnicode(_) => "its value here is not UTF-8".to_owned(),
        })?,
    };
    Ok((name.to_owned(), content))
}

/// `NAME=FILE`.
fn preload(value: &str) -> Result<(String, PathBuf), String> {
    let (name, file) = value.split_once('=').ok_or("expected NAME=FILE")?;
    if file.is_empty() {
        return Err("expected NAME=FILE".to_owned());
    }
    Ok((name.to_owned(), PathBuf::from(file)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders() {
        let check = |text: &str, expected: Option<(&str, &str, bool)>| {
            let expected = expected.map(|(host, guest, writable)| Dir {
                host: host.into(),
                guest: guest.into(),
                writable,
            });
            assert_eq!(dir(text).ok(), expected, "{text}");
        };
        check(".", Some((".", ".", true)));
        check("a::/b", Some(("a", "/b", true)));
        check("a::/b:ro", Some(("a", "/b", false)));
        check("a:ro", Some(("a", "a", false)));
        check("a:b", Some(("a:b", "a:b", true)));
        check("::/b", None);
        check("a::", None);
        check("a:::ro", None);
        check("", None);
    }

    #[test]
    fn variables_and_preloads() {
        assert_eq!(variable("A=b=c"), Ok(("A".into(), "b=c".into())));
        assert_eq!(variable("A="), Ok(("A".into(), String::new())));
        assert_eq!(variable("=b"), Err("expected NAME=VALUE, or NAME to pass on our own".into()));
        assert_eq!(variable("DUNLIN_UNSET_3"), Err("no such variable is set here".into()));
        assert_eq!(preload("env=a.wasm"), Ok(("env".into(), "a.wasm".into())));
        assert_eq!(preload("env="), Err("expected NAME=FILE".into()));
    }

    /// Rows that a reader could not tell apart, or could not paste, are mistakes.
    #[test]
    fn rows_are_sound() {
        fn check<O: Default>(command: &Command<O>) {
            for (_, name) in command.short {
                assert!(command.flags.iter().any(|flag| flag.name == *name), "{name}");
            }
            for (i, flag) in command.flags.iter().enumerate() {
                assert!(command.flags[..i].iter().all(|other| other.name != flag.name));
                assert_eq!(flag.value.is_some(), !flag.example.is_empty(), "{}", flag.name);
                let stored = (flag.set)(&mut O::default(), OsStr::new(flag.example));
                assert_eq!(stored, Ok(()), "the example of `--{}`", flag.name);
            }
        }
        check(&RUN);
        check(&COMPILE);
        check(&CACHE);
        check(&VALIDATE);
        check(&INSPECT);
        check(&WAST);
        check(&crate::serve_flags::SERVE);
    }
}
