//! `dunlin run`: loads a module or a component, grants it what the flags say, runs it, and tells how it ended.
//!
//! 1. Everything that can be refused without running is: the module, the export that `--invoke`
//!    names, its arguments, the folders.
//! 2. The clock of `--timeout` starts when all of that is ready.
//! 3. Preloaded modules, then the module itself are instantiated; a command's `_start` runs, or a
//!    reactor's `_initialize` and then the invoked function.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use dunlin::{
    Config, Engine, Error, ErrorKind, ExternType, FuncType, Instance, Interruption, Linker, Module,
    Store, StoreLimits, StoreLimitsBuilder, Val, ValidateMode,
};
use dunlin_wasi::{DirRights, ExitCode, Lent, Network, SharedCtx, Threads, WasiCtx};

use super::deadline::Deadline;
use super::source::Loaded;
use super::stats::{Stats, Times};
use super::{Outcome, run_component, source, trap};
use crate::args::nearest;
use crate::flags::{Net, Profile, RelaxedSimd, RunOptions, Tier, UnknownImports, Validate};
use crate::home;
use crate::progress::watch_compilation;
use crate::report::{Clean, Report};
use crate::values::{parse_value, show_value};

/// What a command exports to be run.
const COMMAND: &str = "_start";
/// What a reactor exports to be run before anything else.
const REACTOR: &str = "_initialize";

/// How long a guest has run, for each byte of its module, when what got hot is worth keeping at its end. The module is
/// hashed then, which takes a tenth of it. Who runs on keeps it meanwhile.
const KEEP_AFTER_PER_BYTE: Duration = Duration::from_nanos(4);

/// The store's data: what the guest was granted, and its bounds.
struct Host {
    wasi: Granted,
    limits: StoreLimits,
}

/// What the guest was granted: to one thread, or to all of its.
enum Granted {
    One(Box<WasiCtx>),
    Shared(SharedCtx),
}

impl Host {
    fn store(engine: &Engine, wasi: Granted, limits: StoreLimits) -> Store<Self> {
        let mut store = Store::new(engine, Self { wasi, limits });
        store.limiter(|host| &mut host.limits);
        store
    }

    fn wasi(&mut self) -> Lent<'_> {
        match &mut self.wasi {
            Granted::One(ctx) => Lent::Own(ctx),
            Granted::Shared(ctx) => Lent::Shared(ctx),
        }
    }
}

/// What is to be called, once everything stands.
enum Job {
    /// `_start`.
    Command,
    /// `_initialize` if there is one; the start function, if there is one, has already run.
    Initialize,
    /// A function with its arguments.
    Invoke(String, FuncType, Vec<Val>),
}

pub(super) fn run(options: RunOptions, words: Vec<OsString>, out: &mut dyn Write) -> Outcome {
    let begun = Instant::now();
    let (file, arguments) = words
        .split_first()
        .map_or((OsStr::new("-"), &[][..]), |(file, rest)| (file.as_os_str(), rest));
    let shown = file.to_string_lossy();
    let engine = engine(&options, file)?;
    let module = match source::load_any(&engine, file, options.max_download)? {
        Loaded::Module(_) if options.net.is_some() => return Err(no_net(&shown)),
        Loaded::Module(module) => module,
        Loaded::Component(component) => {
            return run_component::run(&engine, &component, &options, (file, arguments));
        }
    };
    let profile = profile_file(&options)?;
    let loaded = Instant::now();
    let began_optimized = module.is_optimized();
    let arguments = texts(arguments)?;
    let job = Job::choose(&shown, &module, &options, &arguments)?;
    let guest_arguments = if options.invoke.is_none() { arguments.as_slice() } else { &[] };
    let deadline = Deadline::default();
    let wasi = wasi(&options, source::program_name(file), guest_arguments, &deadline)?;
    let (wasi, threads) = match options.threads {
        true => threads(&engine, wasi, &options)?,
        false => (Granted::One(Box::new(wasi)), None),
    };
    let mut store = Host::store(&engine, wasi, limits(&options));
    let failed = |error: Error| Report::engine(format!("cannot run `{shown}`"), &error);
    if let Some(fuel) = options.fuel {
        store.set_fuel(fuel).map_err(failed)?;
    }
    let mut guest = Guest::prepare(&engine, &shown, module, &options, (job, threads))?;
    if let Some(span) = options.timeout {
        let (threads, first) = (guest.threads.clone(), store.interrupt_handle());
        let interrupt = move || match threads {
            Some(threads) => threads.interrupt(),
            None => first.interrupt(),
        };
        deadline.start(span, interrupt, &shown).map_err(|error| {
            Report::failure("cannot start the clock of `--timeout`").cause(error)
        })?;
    }
    let modules = guest.modules();
    let linked = Instant::now();
    let ended = guest.run(&mut store, out);
    let run = linked.elapsed();
    deadline.finish();
    keep_learned(&modules, run);
    if options.stats {
        let fuel = options.fuel.map(|fuel| fuel.saturating_sub(store.get_fuel().unwrap_or(0)));
        let first = guest.first.map(|first| first - begun);
        let times = Times { load: loaded - begun, link: linked - loaded, run, first };
        let how = how(began_optimized, &guest.module);
        let modules = modules.iter().map(|(name, module)| (name.as_deref(), module));
        Stats::of((times, how), (fuel, store.heap_stats()), modules).say(options.json);
    }
    if let Some(profile) = profile {
        write_profile(profile, &guest.module)?;
    }
    let code = exit_code(&shown, ended, &options, &deadline);
    // The process ends now, and the system takes back at once what would be given up piece by piece.
    std::mem::forget((store, guest));
    code
}

/// How the main module was executed.
fn how(began_optimized: bool, module: &Module) -> &'static str {
    match (began_optimized, module.is_optimized()) {
        (true, _) => "compiled from the start",
        (false, true) => "optimized while it ran",
        (false, false) => match module.compiled_functions() {
            0 => "interpreted",
            _ => "interpreted, and what is hot compiled",
        },
    }
}

/// Keeps the code of what got hot, if the run was long enough for that to be no matter.
fn keep_learned(modules: &[(Option<String>, Module)], run: Duration) {
    for (_, module) in modules {
        let bytes = u32::try_from(module.info().bytes_len()).unwrap_or(u32::MAX);
        if run >= KEEP_AFTER_PER_BYTE * bytes {
            module.keep_learned();
        }
    }
}

/// What the shell hears: the guest's own code, unless it was stopped or its time is over.
pub(super) fn exit_code(
    shown: &str,
    ended: Result<(), Ended>,
    options: &RunOptions,
    deadline: &Deadline,
) -> Outcome {
    let code = match ended {
        Ok(()) => 0,
        Err(Ended::Output(report) | Ended::Link(report)) => return Err(report),
        Err(Ended::Guest(error)) => match error.downcast_ref::<ExitCode>() {
            Some(code) => code.0,
            None => return Err(trap::report(shown, &error, options)),
        },
    };
    match options.timeout.filter(|_| deadline.has_passed()) {
        Some(span) => Err(trap::late(shown, span)),
        None => Ok(code),
    }
}

/// The engine's name for a tier.
pub(super) fn tier(tier: Tier) -> dunlin::Tier {
    match tier {
        Tier::Auto => dunlin::Tier::Auto,
        Tier::Interp => dunlin::Tier::Interp,
        Tier::Optimize => dunlin::Tier::Optimize,
        Tier::Baseline => dunlin::Tier::Baseline,
    }
}

fn engine(options: &RunOptions, file: &OsStr) -> Result<Engine, Report> {
    let mut config = Config::new();
    config.tier(tier(options.tier)).consume_fuel(options.fuel.is_some());
    config.features(options.features).gc_zeal(options.gc_zeal);
    config.relaxed_simd_deterministic(options.relaxed_simd == RelaxedSimd::Deterministic);
    // One page for one store is no price.
    config.interruption(Interruption::Page);
    let preloaded =
        || options.preload.iter().any(|(_, file)| source::is_artifact(file.as_os_str()));
    let is_compiled = source::is_artifact(file) || preloaded();
    if is_compiled {
        if options.tier == Tier::Interp {
            let shown = file.to_string_lossy();
            return Err(Report::usage(format!("`{shown}` is not for the interpreter"))
                .cause("what `dunlin compile` makes is code of the optimising tier")
                .hint("leave out `--tier interp`"));
        }
        if options.tier != Tier::Auto || options.profile.is_some() {
            config.tier(dunlin::Tier::Optimize);
        }
        config.artifact_key(home::key(options.key.as_deref())?);
    } else if options.tier != Tier::Interp
        && !options.no_cache
        // A profile is of one run.
        && options.profile_out.is_none()
        && let Some(cache) = home::code_cache()
    {
        config.cache(cache);
    }
    if let Some(Profile::Perf) = options.profile {
        if options.tier != Tier::Optimize && !is_compiled {
            return Err(Report::usage("`--profile perf` needs compiled code")
                .cause("the interpreter is the program itself: `perf` knows its functions")
                .hint("`--tier optimize --profile perf`"));
        }
        config.profile(dunlin::Profile::new().perf_map().jit_dump("."));
    }
    if options.tier != Tier::Auto {
        // What compiles beside the guest must not write between its lines.
        watch_compilation(&mut config);
    }
    config.validate(match options.validate {
        Validate::Lazy => ValidateMode::Lazy,
        Validate::Eager => ValidateMode::Eager,
    });
    if let Some(bytes) = options.max_stack {
        config.max_stack_bytes(bytes);
    }
    Engine::new(&config).map_err(|error| {
        let report = Report::engine("cannot start the engine", &error);
        match options.max_stack {
            Some(_) => report.hint("`--max-stack 8MiB` is what it has without the flag"),
            None => report,
        }
    })
}

/// The file that the run's profile goes to, empty yet.
fn profile_file(options: &RunOptions) -> Result<Option<(File, &Path)>, Report> {
    let Some(path) = &options.profile_out else { return Ok(None) };
    if options.tier != Tier::Auto {
        return Err(Report::usage(
            "`--profile-out` needs the interpreter, and code that comes later",
        )
        .cause("nobody counts what is executed where nothing or everything is compiled")
        .hint("leave out `--tier`"));
    }
    match File::create(path) {
        Ok(file) => Ok(Some((file, path))),
        Err(error) => Err(no_profile(path, error)),
    }
}

/// Writes which functions got hot.
fn write_profile((mut file, path): (File, &Path), module: &Module) -> Result<(), Report> {
    file.write_all(module.hot_functions().to_text().as_bytes())
        .map_err(|error| no_profile(path, error))
}

#[cold]
fn no_profile(path: &Path, error: io::Error) -> Report {
    Report::failure(format!("cannot write the profile `{}`", path.display())).cause(error)
}

pub(super) fn limits(options: &RunOptions) -> StoreLimits {
    let mut builder = StoreLimitsBuilder::new();
    if let Some(bytes) = options.max_memory {
        builder = builder.memory_size(bytes);
    }
    if let Some(bytes) = options.max_heap {
        builder = builder.heap_size(bytes);
    }
    builder.build()
}

/// What the guest is granted: the streams, its arguments, and what the flags name.
pub(super) fn wasi(
    options: &RunOptions,
    name: String,
    arguments: &[String],
    deadline: &Deadline,
) -> Result<WasiCtx, Report> {
    let mut builder = WasiCtx::builder();
    builder.inherit_stdio().arg(name).args(arguments.iter().cloned());
    for (name, value) in &options.env {
        builder.env(name, value);
    }
    for dir in &options.dirs {
        let rights = if dir.writable { DirRights::ReadWrite } else { DirRights::ReadOnly };
        builder.preopened_dir(&dir.host, &dir.guest, rights).map_err(|error| {
            Report::failure(format!("cannot grant the folder `{}`", dir.host.display()))
                .cause_chain(&error)
        })?;
    }
    if let Some(net) = options.net {
        builder.network(match net {
            Net::Public => Network::public(),
            Net::Any => Network::any(),
        });
    }
    if options.timeout.is_some() {
        let deadline = deadline.clone();
        builder.interrupt(move || deadline.has_passed());
    }
    builder
        .build()
        .map_err(|error| Report::failure("cannot give the guest what it needs").cause_chain(&error))
}

/// The threads that the guest may start, and what it was granted, for all of them.
fn threads(
    engine: &Engine,
    wasi: WasiCtx,
    options: &RunOptions,
) -> Result<(Granted, Option<Threads<Host>>), Report> {
    let other = [("--fuel", options.fuel.is_some()), ("--preload", !options.preload.is_empty())];
    if let Some((flag, _)) = other.iter().find(|(_, is_given)| *is_given) {
        let report = Report::usage(format!("`--threads` and `{flag}` do not go together"));
        return Err(match *flag {
            "--fuel" => report
                .cause("fuel is one thread's, and what it buys would depend on the others")
                .hint("`--timeout 10s` ends all threads"),
            _ => report.cause("what a module exports is one thread's"),
        });
    }
    let wasi = SharedCtx::new(wasi);
    let (engine, shared, limits) = (engine.clone(), wasi.clone(), limits(options));
    let new_store =
        move || Ok(Host::store(&engine, Granted::Shared(shared.clone()), limits.clone()));
    let threads = Threads::new(options.max_threads, new_store);
    wasi.set_interrupt(threads.ending());
    Ok((Granted::Shared(wasi), Some(threads)))
}

/// Why a run ended early: before a guest, in it, or after it.
pub(super) enum Ended {
    Link(Report),
    Guest(Error),
    Output(Report),
}

/// Everything that is needed to run, and nothing has run yet.
struct Guest {
    linker: Linker<Host>,
    /// Name, what to call it in reports, and module.
    libraries: Vec<(String, String, Module)>,
    shown: String,
    module: Module,
    unknown_imports: UnknownImports,
    job: Job,
    threads: Option<Threads<Host>>,
    /// When the guest's first instruction was, of the module that is run.
    first: Option<Instant>,
}

impl Guest {
    /// Loads the preloaded modules, and provides WASI if any module asks for it: its functions are
    /// many, and a guest that needs none starts sooner without them.
    fn prepare(
        engine: &Engine,
        shown: &str,
        module: Module,
        options: &RunOptions,
        (job, threads): (Job, Option<Threads<Host>>),
    ) -> Result<Self, Report> {
        let mut libraries = Vec::new();
        for (name, file) in &options.preload {
            let library = source::load(engine, file.as_os_str(), options.max_download)?;
            libraries.push((name.clone(), file.display().to_string(), library));
        }
        let mut linker = Linker::new(engine);
        // A preloaded module takes the place of stand-ins for what an earlier one did not find.
        linker.allow_shadowing(true);
        if asks_for_wasi(&module) || libraries.iter().any(|(.., library)| asks_for_wasi(library)) {
            let mut importers = vec![&module];
            importers.extend(libraries.iter().map(|(.., library)| library));
            dunlin_wasi::add_imports_to_linker_with(&mut linker, &importers, Host::wasi)
                .map_err(|error| Report::engine("cannot provide WASI", &error))?;
        }
        if let Some(threads) = &threads {
            let added = threads.add_to_linker(&mut linker);
            added
                .and_then(|()| threads.share_memories(&mut linker, &module))
                .map_err(|error| Report::engine("cannot provide threads", &error))?;
        }
        Ok(Self {
            linker,
            libraries,
            shown: shown.to_owned(),
            module,
            unknown_imports: options.unknown_imports,
            job,
            threads,
            first: None,
        })
    }

    /// All modules, the main one first, the others with the names that they were preloaded under.
    fn modules(&self) -> Vec<(Option<String>, Module)> {
        let others =
            self.libraries.iter().map(|(name, _, module)| (Some(name.clone()), module.clone()));
        std::iter::once((None, self.module.clone())).chain(others).collect()
    }

    /// Executes the guest, with the threads that it starts.
    fn run(&mut self, store: &mut Store<Host>, out: &mut dyn Write) -> Result<(), Ended> {
        let Some(threads) = self.threads.clone() else { return self.execute(store, out) };
        // What is not the guest's goes by.
        let mut ended = None;
        let result = threads.run(store.interrupt_handle(), || {
            self.execute(store, out).map_err(|error| match error {
                Ended::Guest(error) => error,
                other => {
                    ended = Some(other);
                    Error::msg("the first thread has not run to its end")
                }
            })
        });
        match ended {
            Some(ended) => Err(ended),
            None => result.map_err(Ended::Guest),
        }
    }

    fn execute(&mut self, store: &mut Store<Host>, out: &mut dyn Write) -> Result<(), Ended> {
        for (name, shown, library) in std::mem::take(&mut self.libraries) {
            let instance = self.instantiate(store, &library, &shown)?;
            initialize(&instance, store)?;
            self.linker.instance(&mut *store, &name, instance).map_err(|error| {
                Ended::Link(Report::engine(format!("cannot preload `{shown}`"), &error))
            })?;
        }
        let (module, shown) = (self.module.clone(), std::mem::take(&mut self.shown));
        // A start function runs while the module is instantiated.
        self.first = module.info().has_start().then(Instant::now);
        let instance = self.instantiate(store, &module, &shown)?;
        self.first.get_or_insert_with(Instant::now);
        match &self.job {
            Job::Command => call(&instance, store, COMMAND, &[], &mut []),
            Job::Initialize => initialize(&instance, store),
            Job::Invoke(name, ty, arguments) => {
                initialize(&instance, store)?;
                let mut results = vec![Val::I32(0); ty.results().len()];
                call(&instance, store, name, arguments, &mut results)?;
                for value in &results {
                    writeln!(out, "{}", show_value(value))
                        .map_err(|error| Ended::Output(Report::output(error)))?;
                }
                Ok(())
            }
        }
    }

    fn instantiate(
        &mut self,
        store: &mut Store<Host>,
        module: &Module,
        shown: &str,
    ) -> Result<Instance, Ended> {
        let link = |error: Error| Ended::Link(cannot_link(shown, module, &error));
        match self.unknown_imports {
            UnknownImports::Error => {}
            UnknownImports::Trap => {
                self.linker.define_unknown_imports_as_traps(module).map_err(link)?;
            }
            UnknownImports::Default => {
                self.linker.define_unknown_imports_as_default_values(module).map_err(link)?;
            }
        }
        if let Some(threads) = &self.threads {
            threads.set_program(self.linker.instantiate_pre(module).map_err(link)?);
        }
        self.linker.instantiate(&mut *store, module).map_err(|error| match error.kind() {
            // With frames, it comes from the start function, which runs while instantiating.
            ErrorKind::Link | ErrorKind::Resource if error.backtrace().is_none() => link(error),
            _ => Ended::Guest(error),
        })
    }
}

fn asks_for_wasi(module: &Module) -> bool {
    module.imports().any(|import| import.module().starts_with("wasi_"))
}

fn initialize(instance: &Instance, store: &mut Store<Host>) -> Result<(), Ended> {
    match instance.get_func(&mut *store, REACTOR) {
        Some(_) => call(instance, store, REACTOR, &[], &mut []),
        None => Ok(()),
    }
}

fn call(
    instance: &Instance,
    store: &mut Store<Host>,
    name: &str,
    arguments: &[Val],
    results: &mut [Val],
) -> Result<(), Ended> {
    match instance.get_func(&mut *store, name) {
        Some(func) => func.call(&mut *store, arguments, results).map_err(Ended::Guest),
        // The job was chosen from the module's exports, and an instance has them all.
        None => Err(Ended::Link(Report::failure(format!("the export `{name}` is gone")))),
    }
}

impl Job {
    fn choose(
        shown: &str,
        module: &Module,
        options: &RunOptions,
        arguments: &[String],
    ) -> Result<Self, Report> {
        if let Some(name) = &options.invoke {
            return Self::invoke(shown, module, name, arguments);
        }
        let is_func = |name| matches!(module.get_export(name), Some(ExternType::Func(_)));
        if is_func(COMMAND) {
            return Ok(Self::Command);
        }
        if is_func(REACTOR) || module.info().has_start() {
            return Ok(Self::Initialize);
        }
        let report =
            Report::usage(format!("`{shown}` is not a command: it exports no `{COMMAND}`"));
        Err(match functions(module).first() {
            Some(name) => report.hint(format!("`dunlin run --invoke {name} {shown}`")),
            None => report.hint(format!("`dunlin inspect {shown}` shows what it exports")),
        })
    }

    fn invoke(
        shown: &str,
        module: &Module,
        name: &str,
        arguments: &[String],
    ) -> Result<Self, Report> {
        let Some(ExternType::Func(ty)) = module.get_export(name) else {
            let report = Report::usage(format!("`{shown}` exports no function `{name}`"));
            let names = functions(module);
            return Err(match nearest(name, names.iter().map(String::as_str)) {
                Some(near) => report.hint(format!("did you mean `--invoke {near}`?")),
                None => report.hint(format!("`dunlin inspect {shown}` lists its exports")),
            });
        };
        if ty.params().len() != arguments.len() {
            let types: Vec<String> = ty.params().iter().map(|ty| format!("<{ty}>")).collect();
            let hint = format!("`dunlin run --invoke {name} {shown} {}`", types.join(" "));
            return Err(Report::usage(format!(
                "`{name}` takes {} arguments, and was given {}",
                ty.params().len(),
                arguments.len()
            ))
            .hint(hint.replace(" `", "`")));
        }
        let values = ty.params().iter().zip(arguments).enumerate().map(|(i, (ty, text))| {
            parse_value(*ty, text).map_err(|why| {
                let number = i + 1;
                Report::usage(format!("argument {number} of `{name}` cannot be `{text}`"))
                    .cause(format!("it is of type `{ty}`: {why}"))
            })
        });
        let values = values.collect::<Result<_, _>>()?;
        Ok(Self::Invoke(name.to_owned(), ty, values))
    }
}

/// The names of the functions that a module exports.
fn functions(module: &Module) -> Vec<String> {
    module
        .exports()
        .filter(|export| matches!(export.ty(), ExternType::Func(_)))
        .map(|export| Clean(export.name()).to_string())
        .collect()
}

pub(super) fn texts(words: &[OsString]) -> Result<Vec<String>, Report> {
    let text = |word: &OsString| {
        word.to_str().map(str::to_owned).ok_or_else(|| {
            Report::usage(format!("the argument `{}` is not UTF-8", word.to_string_lossy()))
        })
    };
    words.iter().map(text).collect()
}

#[cold]
fn no_net(shown: &str) -> Report {
    Report::usage("`--net` is for components")
        .cause(format!("`{shown}` is a module: WASI 0.1 makes no connections"))
        .hint("leave out `--net`")
}

#[cold]
fn cannot_link(shown: &str, module: &Module, error: &Error) -> Report {
    let report = Report::engine(format!("cannot instantiate `{shown}`"), error);
    match error.kind() {
        ErrorKind::Link if module.imports().any(|import| import.module() == "wasi") => {
            report.hint("`--threads` lets the guest start threads")
        }
        ErrorKind::Link => report.hint(
            "`--preload NAME=FILE` provides imports; `--unknown-imports trap` runs without them",
        ),
        ErrorKind::Resource => {
            let memories = module.info().memories();
            let bytes = memories.iter().filter_map(|memory| memory.bytes_of(memory.min)).max();
            let kibibytes = bytes.unwrap_or(0).div_ceil(1024);
            report.hint(format!("its largest memory begins with `--max-memory {kibibytes}KiB`"))
        }
        _ => report,
    }
}
