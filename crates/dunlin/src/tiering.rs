//! Compiling what guests execute often, while they run: the tier manager of [`Tier::Auto`](crate::Tier::Auto).
//!
//! 1. The interpreter counts what it executes of each function (`dunlin_vm::counting`). A function whose budget has
//!    run out is *warm*: the baseline compiler makes its code, at once and on the calling thread if it is small. That
//!    code counts too, and notes what calls call. A function whose budget has run out again is *observed*: the same
//!    compiler makes code of it that notes as well where control gets. After another budget it is *hot*, and queued for
//!    the optimising compiler, which follows these notes. So is at once what the baseline compiler refuses, or where there is none for the machine.
//! 2. Whoever finds in a loop that a budget has run out asks for a way into that loop, and goes on there as soon as
//!    there is one: code of the baseline compiler has them, the optimising one makes each when it is asked for.
//! 3. One thread of the engine's takes jobs from the queue, those of one module together, compiles each with the ways
//!    out that its code needs, and adds the code to the module; calls find it from then on. The thread begins with
//!    the first job, ends when there has been nothing to do for a while, and with the engine at the latest: what is
//!    being compiled then is finished first.
//!    It takes no more of a processor than its share (`pace`).
//! 4. What a compiler refuses, what it panics at, and what there is no memory for stays as it is, and is not asked
//!    for again. Modules that are gone are skipped: the queue does not keep them.
//! 5. What has been compiled is noted (`notes`), and what is hot is kept for the next run once there is nothing more to
//!    compile (`learning`).

use crate::compile::{NativeCompiler, settings};
use crate::config::{Config, Tier, TierUp};
use crate::learning;
use crate::notes::Notes;
use crate::pace::{self, Pace};
use crate::stats::Occasion;
use crate::{profile, tuning};
use dunlin_baseline::Baseline;
use dunlin_module::profile::BELIEVED_CALLS_MIN;
use dunlin_module::{CompiledFunction, Compiler, Module, Profile, StaticTables, Unit, Worker};
use dunlin_vm::counting::{Spent, Watch};
use dunlin_vm::native::CodeLimit;
use dunlin_vm::sync::{Condvar, Mutex};
use dunlin_vm::{MemoryStrategy, ModuleCode};
use std::collections::{BTreeMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::thread;
use std::time::Duration;

/// Jobs that wait at most. What finds no place is asked for again when it has been executed as often once more.
const QUEUE_MAX: usize = 4096;

/// What compiles late, and when.
pub(crate) struct Late {
    me: Weak<Self>,
    config: Config,
    strategy: MemoryStrategy,
    /// Made when they are used first; `None` where there is none for this machine.
    native: OnceLock<Option<NativeCompiler>>,
    baseline: OnceLock<Option<Baseline>>,
    observer: OnceLock<Option<Baseline>>,
    limit: Arc<CodeLimit>,
    notes: Arc<Notes>,
    /// How much of a processor the thread may take.
    pace: Mutex<Pace>,
    /// Modules with code that has been replaced and may still be in use.
    retiring: Mutex<Vec<Weak<ModuleCode>>>,
    queue: Mutex<Queue>,
    called: Condvar,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    has_thread: bool,
    is_over: bool,
}

/// What is to be compiled.
#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    /// A function, by the baseline compiler.
    Warm,
    /// The same, with notes of where control gets.
    Observed,
    /// A function, by the optimising compiler.
    Hot,
    /// A way into a loop, by the same: the offset of its first operator.
    Loop(u32),
}

/// Something that is to be compiled, and of which function.
struct Job {
    code: Weak<ModuleCode>,
    watched: Arc<Watched>,
    func: u32,
    what: What,
    /// Whether a guest waits for it.
    is_waited_for: bool,
}

/// How far something is.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Interpreted,
    Queued,
    Compiled,
    Refused,
}

/// How far a function is.
#[derive(Default)]
struct Progress {
    warm: Stage,
    observed: Stage,
    hot: Stage,
    /// Whether the interpreter has been told that the baseline compiler has refused it.
    goes_on: bool,
    loops: BTreeMap<u32, Stage>,
}

impl What {
    /// Whether the baseline compiler does it, which takes little time.
    fn is_quick(self) -> bool {
        matches!(self, Self::Warm | Self::Observed)
    }

    /// The same for all that one worker does.
    fn compiler(self) -> u8 {
        match self {
            Self::Warm => 0,
            Self::Observed => 1,
            Self::Hot | Self::Loop(_) => 2,
        }
    }
}

impl Progress {
    fn stage(&mut self, what: What) -> &mut Stage {
        match what {
            What::Warm => &mut self.warm,
            What::Observed => &mut self.observed,
            What::Hot => &mut self.hot,
            What::Loop(at) => self.loops.entry(at).or_default(),
        }
    }
}

/// The engine's hold on it, with which the thread ends.
pub(crate) struct Owner(Arc<Late>);

impl Owner {
    pub(crate) fn new(config: &Config, strategy: MemoryStrategy, notes: Arc<Notes>) -> Self {
        Self(Arc::new_cyclic(|me| Late {
            me: me.clone(),
            config: config.clone(),
            strategy,
            native: OnceLock::new(),
            baseline: OnceLock::new(),
            observer: OnceLock::new(),
            limit: CodeLimit::new(config.code_bytes_max),
            notes,
            pace: Mutex::new(pace_of(config)),
            retiring: Mutex::default(),
            queue: Mutex::default(),
            called: Condvar::default(),
        }))
    }

    /// The compiler, which is made if it is not there. Where it cannot be had the interpreter goes on.
    pub(crate) fn native(&self) -> Option<&NativeCompiler> {
        self.0.native()
    }

    /// What bounds the code of single functions and of parts of modules.
    pub(crate) fn limit(&self) -> &Arc<CodeLimit> {
        &self.0.limit
    }

    /// Processor time that the thread has used.
    pub(crate) fn processor_time(&self) -> Duration {
        self.0.pace.lock().total()
    }

    /// The functions of a module that wait to be compiled, those that have waited longest first.
    pub(crate) fn waiting(&self, code: &Arc<ModuleCode>) -> Vec<u32> {
        let queue = self.0.queue.lock();
        let of_module = |job: &&Job| job.code.as_ptr() == Arc::as_ptr(code);
        queue.jobs.iter().filter(of_module).map(|job| job.func).collect()
    }

    /// Who watches a module of so many bytes, if its functions are to be compiled.
    pub(crate) fn watch(&self, work_max: u64) -> Option<Box<dyn Watch>> {
        if self.0.config.tier_up == TierUp::Never {
            return None;
        }
        let (late, work_left) = (self.0.clone(), AtomicU64::new(work_max));
        let (tables, functions) = (OnceLock::new(), Mutex::default());
        let called = AtomicU32::new(0);
        let watched = Watched { late, work_left, tables, functions, called };
        Some(Box::new(ModuleWatch(Arc::new(watched))))
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        let mut queue = self.0.queue.lock();
        queue.is_over = true;
        queue.jobs.clear();
        self.0.called.notify_one();
    }
}

/// A module that is watched.
struct Watched {
    late: Arc<Late>,
    /// Units of work that compiling its functions may still be.
    work_left: AtomicU64,
    /// Its tables that never change, once a function is hot: to know them takes a look at the whole module.
    tables: OnceLock<StaticTables>,
    /// Those that have been executed often.
    functions: Mutex<BTreeMap<u32, Progress>>,
    /// How many have been called.
    called: AtomicU32,
}

impl Watched {
    /// Notes that something is to be done, if nobody has before.
    fn begin(&self, func: u32, what: What) -> bool {
        let mut functions = self.functions.lock();
        let stage = functions.entry(func).or_default().stage(what);
        let is_new = *stage == Stage::Interpreted;
        if is_new {
            *stage = Stage::Queued;
        }
        is_new
    }

    fn set(&self, func: u32, what: What, stage: Stage) {
        *self.functions.lock().entry(func).or_default().stage(what) = stage;
    }

    fn stage(&self, func: u32, what: What) -> Stage {
        *self.functions.lock().entry(func).or_default().stage(what)
    }

    /// Forgets what has been compiled of a function whose code has been dropped.
    fn forget_compiled(&self, func: u32) {
        let mut functions = self.functions.lock();
        if functions.get(&func).is_some_and(|of| [of.warm, of.hot].contains(&Stage::Compiled)) {
            functions.remove(&func);
        }
    }

    /// Whether the interpreter hears for the first time that it goes on with a function until that is hot.
    fn is_first_refusal(&self, func: u32) -> bool {
        let mut functions = self.functions.lock();
        !core::mem::replace(&mut functions.entry(func).or_default().goes_on, true)
    }

    /// Forgets ways into loops that there were.
    fn forget_loops(&self, func: u32) {
        if let Some(of) = self.functions.lock().get_mut(&func) {
            of.loops.retain(|_, stage| *stage != Stage::Compiled);
        }
    }

    /// Whether a way into one of a function's loops is about to be compiled.
    fn waits_for_loop(&self, func: u32) -> bool {
        let functions = self.functions.lock();
        let loops = functions.get(&func).map(|of| &of.loops);
        loops.is_some_and(|loops| loops.values().any(|stage| *stage == Stage::Queued))
    }

    /// The tables that never change, for code of this kind; none where it is not worth to look for them.
    fn tables(&self, what: What, module: &Module) -> &StaticTables {
        let is_worth =
            !what.is_quick() && module.bytes().len() <= tuning::STATIC_TABLES_MODULE_BYTES_MAX;
        let look = || {
            let tables = StaticTables::of(module);
            let has_few = tables.functions().len() <= tuning::STATIC_TABLE_FUNCTIONS_MAX;
            if has_few { tables } else { StaticTables::default() }
        };
        static NONE: OnceLock<StaticTables> = OnceLock::new();
        if is_worth {
            self.tables.get_or_init(look)
        } else {
            NONE.get_or_init(StaticTables::default)
        }
    }

    /// Takes work off what the module may take.
    fn take_work(&self, work: u64) -> Option<()> {
        let rest = |left: u64| left.checked_sub(work);
        self.work_left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, rest).ok()?;
        Some(())
    }
}

/// Watches one module.
struct ModuleWatch(Arc<Watched>);

impl Watch for ModuleWatch {
    fn executions(&self, func: u32, bytes: usize) -> u32 {
        let late = &self.0.late;
        let executions = late.executions_until(What::Warm, func);
        if let TierUp::AtOnce { .. } = late.config.tier_up {
            return executions;
        }
        let first = self.0.called.fetch_add(1, Ordering::Relaxed) < tuning::FUNCTIONS_AT_FIRST;
        let executions = if first { tuning::EXECUTIONS_UNTIL_WARM_AT_FIRST } else { executions };
        executions + (tuning::BYTES_UNTIL_WARM / bytes.max(1)) as u32
    }

    fn ran_out(&self, code: &Arc<ModuleCode>, spent: Spent) -> Option<u32> {
        let Spent { func, in_loop, by_code } = spent;
        if !by_code && !code.is_native(func) {
            self.0.forget_compiled(func);
        }
        if !by_code && self.0.begin(func, What::Warm) {
            self.ask(code, func, What::Warm);
        }
        let warm = self.0.stage(func, What::Warm);
        let is_hot = self.0.stage(func, What::Hot) == Stage::Compiled;
        if !by_code && warm != Stage::Refused && !is_hot {
            // Who is in a loop goes on in its code as soon as there is some, and who calls it does.
            return Some(self.again(code, func));
        }
        if !by_code && !is_hot && self.0.is_first_refusal(func) {
            return Some(self.0.late.executions_until(What::Hot, func));
        }
        if by_code && !is_hot && self.is_to_be_observed(code, func) {
            return Some(self.0.late.executions_until(What::Hot, func));
        }
        let mut is_refused = self.is_refused(code, func, What::Hot);
        if let Some(at) = in_loop {
            // One at a time: an activation goes through all of its loops while it waits, and needs one way in.
            is_refused &=
                !self.0.waits_for_loop(func) && self.is_refused(code, func, What::Loop(at));
        }
        (!is_refused).then(|| self.again(code, func))
    }

    fn loops_ended(&self, func: u32) {
        self.0.forget_loops(func);
    }
}

impl ModuleWatch {
    /// Whether a function is observed before it gets hot, from now on.
    fn is_to_be_observed(&self, code: &Arc<ModuleCode>, func: u32) -> bool {
        if self.0.begin(func, What::Observed) {
            // Tests want its code whatever it will say.
            let is_tested = matches!(self.0.late.config.tier_up, TierUp::AtOnce { .. });
            if is_tested || code.calls(func) >= BELIEVED_CALLS_MIN {
                self.ask(code, func, What::Observed);
            } else {
                // It goes on in its loops, which lead nowhere else.
                self.0.set(func, What::Observed, Stage::Refused);
            }
            return true;
        }
        // Its code must not come when there is better.
        self.0.stage(func, What::Observed) == Stage::Queued
    }

    /// How often a function's body is executed until it is asked again what there is for it: small ones more often, or
    /// they would do little else than ask while they wait.
    fn again(&self, code: &ModuleCode, func: u32) -> u32 {
        if let TierUp::AtOnce { .. } = self.0.late.config.tier_up {
            return self.0.late.executions_until(What::Hot, func);
        }
        let bytes = code.module().body_range(func).map_or(0, |body| body.len()).max(1);
        let executions = tuning::BYTES_UNTIL_ASKED_AGAIN / bytes;
        (executions as u32).max(tuning::EXECUTIONS_UNTIL_ASKED_AGAIN)
    }

    /// Asks for something unless that has been done; whether nothing is to be expected of it.
    fn is_refused(&self, code: &Arc<ModuleCode>, func: u32, what: What) -> bool {
        if self.0.begin(func, what) {
            self.ask(code, func, what);
        }
        self.0.stage(func, what) == Stage::Refused
    }

    fn ask(&self, code: &Arc<ModuleCode>, func: u32, what: What) {
        let watched = self.0.clone();
        let code_of = Arc::downgrade(code);
        let job = Job { code: code_of, watched, func, what, is_waited_for: false };
        if !self.0.late.take(code, job) {
            self.0.set(func, what, Stage::Interpreted);
        }
    }
}

/// What the configuration says of the thread's share.
fn pace_of(config: &Config) -> Pace {
    Pace::new(config.compiler_share, config.compiler_burst.unwrap_or(pace::BURST))
}

/// A number that looks like no other's.
fn scattered(func: u32) -> u32 {
    func.wrapping_add(1).wrapping_mul(0x9E37_79B9) >> 7
}

impl Late {
    fn native(&self) -> Option<&NativeCompiler> {
        let make = || NativeCompiler::new(&self.config, self.strategy).ok();
        self.native.get_or_init(make).as_ref()
    }

    fn baseline(&self) -> Option<&Baseline> {
        let make = || {
            // The first question installs what catches traps.
            let is_supported = dunlin_vm::native::is_supported();
            let made = is_supported.then(|| Baseline::new(settings(&self.config, self.strategy)));
            made?.ok().map(Baseline::counting)
        };
        self.baseline.get_or_init(make).as_ref()
    }

    /// The same compiler, whose code notes where control gets.
    fn observer(&self) -> Option<&Baseline> {
        let make = || Some(self.baseline()?.clone().observing());
        self.observer.get_or_init(make).as_ref()
    }

    /// How often a function's body is executed until something is done: by the interpreter until it is warm, by
    /// the baseline compiler's code until it is hot.
    fn executions_until(&self, what: What, func: u32) -> u32 {
        match (self.config.tier_up, what) {
            (TierUp::AtOnce { within }, what) => {
                let seed = match what {
                    What::Warm => func,
                    What::Observed => func.swap_bytes(),
                    _ => !func,
                };
                scattered(seed) % within.saturating_add(1).max(1)
            }
            (_, What::Warm) => tuning::EXECUTIONS_UNTIL_WARM,
            (_, What::Observed) => tuning::EXECUTIONS_UNTIL_OBSERVED,
            _ => tuning::EXECUTIONS_UNTIL_HOT,
        }
    }

    /// Does something, or takes note of it; whether there was a place for it.
    fn take(&self, code: &Arc<ModuleCode>, mut job: Job) -> bool {
        if let TierUp::AtOnce { .. } = self.config.tier_up {
            self.compile_here(&job);
            return true;
        }
        let bytes = code.module().body_range(job.func).map_or(0, |body| body.len());
        let is_small = bytes <= tuning::WARM_BYTES_AT_ONCE_MAX
            && dunlin_vm::native::stack_left() >= tuning::WARM_STACK_BYTES_MIN;
        if job.what.is_quick() && is_small {
            job.is_waited_for = true;
            self.compile(core::iter::once(&job), || true);
            return true;
        }
        let mut queue = self.queue.lock();
        if queue.is_over || queue.jobs.len() >= QUEUE_MAX {
            return queue.is_over;
        }
        // What takes little time is not kept waiting by what takes much.
        if job.what.is_quick() {
            queue.jobs.push_front(job);
        } else {
            queue.jobs.push_back(job);
        }
        if queue.has_thread {
            self.called.notify_one();
            return true;
        }
        queue.has_thread = self.start();
        // Without a thread nobody ever takes it.
        queue.has_thread || queue.jobs.pop_back().is_none()
    }

    /// Compiles while the guest waits. For tests: the guest's own stack may be small.
    fn compile_here(&self, job: &Job) {
        let run = || self.compile([job].into_iter(), || true);
        let builder = thread::Builder::new().stack_size(tuning::COMPILER_STACK_BYTES);
        thread::scope(|scope| {
            if let Ok(thread) = builder.spawn_scoped(scope, run)
                && let Err(panic) = thread.join()
            {
                std::panic::resume_unwind(panic);
            }
        });
    }

    fn start(&self) -> bool {
        let Some(me) = self.me.upgrade() else { return false };
        let builder = thread::Builder::new().name("tier-up".to_owned());
        builder.stack_size(tuning::COMPILER_STACK_BYTES).spawn(move || me.run()).is_ok()
    }

    /// What the thread does.
    fn run(&self) {
        dunlin_vm::native::lower_priority();
        // Asked here, and not when an engine is made: it takes the system's files, and most programs end sooner.
        let processors = || thread::available_parallelism().map_or(1, usize::from);
        self.pace.lock().begin(dunlin_vm::native::thread_time(), processors);
        let mut patience = 0;
        while let Some(mut jobs) = self.next_jobs(patience > 0) {
            // What has been replaced is free when whoever was in it has gone on, for which a moment is enough.
            patience = if jobs.is_empty() { patience - 1 } else { tuning::RECLAIMS_WHILE_IDLE };
            let done = self.compile(jobs.iter(), || self.rest().is_zero());
            let left = jobs.drain(done.min(jobs.len())..).rev();
            let mut queue = self.queue.lock();
            left.for_each(|job| queue.jobs.push_front(job));
            drop(queue);
            if !self.reclaim() {
                patience = 0;
            }
            self.keep_learned(tuning::UNKEPT_TIME_MAX);
        }
        self.keep_learned(Duration::ZERO);
    }

    /// How long the thread is not to compile; it asks.
    fn rest(&self) -> Duration {
        let mut pace = self.pace.lock();
        pace.note(self.notes.now(), dunlin_vm::native::thread_time());
        pace.rest()
    }

    /// Frees code that has been replaced, of all modules; whether there is some left.
    fn reclaim(&self) -> bool {
        let mut retiring = self.retiring.lock();
        retiring.retain(|code| code.upgrade().is_some_and(|code| code.reclaim()));
        !retiring.is_empty()
    }

    /// Takes note that a module has code that has been replaced.
    fn note_retiring(&self, code: &Arc<ModuleCode>) {
        let mut retiring = self.retiring.lock();
        if code.reclaim_at_leisure()
            && !retiring.iter().any(|other| other.as_ptr() == Arc::as_ptr(code))
        {
            retiring.push(Arc::downgrade(code));
        }
    }

    /// Keeps what has been learned of modules, and not been kept for so long.
    fn keep_learned(&self, unkept: Duration) {
        for (code, since) in self.notes.unkept() {
            if since.elapsed() >= unkept
                && let Some(native) = self.native()
            {
                learning::keep(&self.config, native, &self.notes, &code);
            }
        }
    }

    /// The jobs of one kind and of the module that has waited longest; `None` ends the thread. None at all after a
    /// moment, if that is wanted.
    fn next_jobs(&self, comes_back: bool) -> Option<Vec<Job>> {
        let mut queue = self.queue.lock();
        if queue.jobs.is_empty() && !queue.is_over {
            let most = if comes_back { tuning::RECLAIM_PAUSE } else { tuning::COMPILER_IDLE_MAX };
            queue = self.called.wait_timeout(queue, most);
        }
        // What takes little time does not wait for the thread's share.
        while !queue.is_over
            && queue.jobs.front().is_some_and(|job| !job.what.is_quick())
            && let rest = self.rest()
            && !rest.is_zero()
        {
            queue = self.called.wait_timeout(queue, rest);
        }
        let Some(first) = queue.jobs.pop_front() else {
            if comes_back && !queue.is_over {
                return Some(Vec::new());
            }
            queue.has_thread = false;
            return None;
        };
        let mut jobs = vec![first];
        let mut at = 0;
        while at < queue.jobs.len() && jobs.len() < tuning::FUNCTIONS_AT_A_TIME {
            let next = &queue.jobs[at];
            let is_alike =
                next.code.ptr_eq(&jobs[0].code) && next.what.compiler() == jobs[0].what.compiler();
            match is_alike.then(|| queue.jobs.remove(at)).flatten() {
                Some(job) => jobs.push(job),
                None => at += 1,
            }
        }
        Some(jobs)
    }

    /// Does jobs of one module and one kind, and gives the module the code, as long as it may go on. How many there is
    /// nothing more to do for.
    fn compile<'j>(
        &self,
        jobs: impl ExactSizeIterator<Item = &'j Job>,
        may_go_on: impl Fn() -> bool,
    ) -> usize {
        let all = jobs.len();
        let mut jobs = jobs.peekable();
        let Some(first) = jobs.peek() else { return all };
        let Some(code) = first.code.upgrade() else { return all };
        let compiler: Option<&dyn Compiler> = match first.what {
            What::Warm => self.baseline().map(|baseline| -> &dyn Compiler { baseline }),
            What::Observed => self.observer().map(|baseline| -> &dyn Compiler { baseline }),
            What::Hot | What::Loop(_) => {
                self.native().map(|native| -> &dyn Compiler { native.optimizer() })
            }
        };
        let Some(compiler) = compiler else {
            jobs.for_each(|job| job.watched.set(job.func, job.what, Stage::Refused));
            return all;
        };
        let watched = first.watched.clone();
        let tables = watched.tables(first.what, code.module());
        let mut worker = compiler.guided_worker(code.module(), tables, &*code);
        for (done, job) in jobs.enumerate() {
            // The last handle may go meanwhile, and the engine: ours is then in nobody's way for long.
            if self.queue.lock().is_over {
                return all;
            }
            if done > 0 && !job.what.is_quick() && !may_go_on() {
                return done;
            }
            let add = AssertUnwindSafe(|| self.add(compiler, &code, job, &mut *worker));
            let is_added = match catch_unwind(add) {
                Ok(added) => added.is_some(),
                Err(panic) => {
                    if matches!(self.config.tier_up, TierUp::AtOnce { .. }) {
                        std::panic::resume_unwind(panic);
                    }
                    // What a panic left behind is not used again.
                    worker = compiler.guided_worker(code.module(), tables, &*code);
                    false
                }
            };
            let stage = if is_added { Stage::Compiled } else { Stage::Refused };
            job.watched.set(job.func, job.what, stage);
        }
        all
    }

    /// Compiles something and what it needs, and adds the code, if all of that can be done.
    fn add(
        &self,
        compiler: &dyn Compiler,
        code: &Arc<ModuleCode>,
        job: &Job,
        worker: &mut dyn Worker,
    ) -> Option<()> {
        let func = job.func;
        let is_wanted = self.config.mixed.is_none_or(|bits| bits >> (func % 64) & 1 == 1);
        let has_body = code.native().is_some_and(|whole| whole.has_body(func));
        if !is_wanted || has_body && !matches!(job.what, What::Loop(_)) {
            return None;
        }
        let by = match job.what {
            What::Warm | What::Observed => (Tier::Baseline, self.occasion(job)),
            What::Hot | What::Loop(_) => (Tier::Optimize, self.occasion(job)),
        };
        if job.watched.take_work(compiler.work(code.module(), func)).is_none() {
            self.notes.refuse(code, by, func, "compiling the module has taken all that it may");
            return None;
        }
        let unit = match job.what {
            What::Warm | What::Observed | What::Hot => Unit::Func(func),
            What::Loop(at) => Unit::Loop(func, at),
        };
        let compiled = self.notes.compile(code, by, unit, || worker.compile(unit)).ok()?;
        let mut needs = compiled.needs.clone();
        if needs.contains(&Unit::Tables) {
            let tables = job.watched.tables(job.what, code.module());
            needs.extend(tables.functions().into_iter().map(Unit::LeaveFunc));
            needs.sort_unstable();
            needs.dedup();
        }
        let missing = code.missing_for(func, &needs);
        let mut units: Vec<(Unit, CompiledFunction)> = vec![(unit, compiled)];
        for unit in missing {
            units.push((unit, worker.compile(unit).ok()?));
        }
        units.sort_unstable_by_key(|(unit, _)| *unit);
        let next = match job.what {
            What::Warm => Some(What::Observed),
            What::Observed => Some(What::Hot),
            What::Hot | What::Loop(_) => None,
        };
        if let Some(next) = next {
            code.fill_budget(func, self.executions_until(next, func));
        }
        // A profile that cannot be written is no reason to be slow.
        let profiler = self.native.get().and_then(|native| native.as_ref()?.profiler());
        let place = || {
            code.add_code(&self.limit, &units, |placed| {
                let _ = profile::tell(profiler, code.module(), placed);
            })
        };
        if !(place() || self.notes.make_room(&self.limit, code) && place()) {
            return None;
        }
        if job.what != What::Warm {
            self.note_retiring(code);
        }
        match job.what {
            What::Hot => self.notes.learn(code, units, self.config.cache.is_some()),
            What::Warm | What::Observed | What::Loop(_) => self.notes.grow(code),
        }
        Some(())
    }

    fn occasion(&self, job: &Job) -> Occasion {
        let waits = matches!(self.config.tier_up, TierUp::AtOnce { .. }) || job.is_waited_for;
        if waits { Occasion::Waited } else { Occasion::Background }
    }
}
