//! Compiling what guests execute often, beside them: the tier manager of [`Tier::Auto`](crate::Tier::Auto).
//!
//! 1. The interpreter counts what it executes of each function (`dunlin_vm::counting`). When a function's budget has
//!    run out it is queued, once.
//! 2. One thread of the engine's takes functions from the queue, those of one module together, compiles each with the
//!    ways out that its code needs, and adds the code to the module; calls find it from then on. The thread begins
//!    with the first function, ends when there has been nothing to do for a while, and with the engine at the latest:
//!    a function that is being compiled then is finished first.
//! 3. What the compiler refuses, what it panics at, and what there is no memory for stays interpreted, and is not
//!    asked for again. Modules that are gone are skipped: the queue does not keep them.
//! 4. What has been compiled is noted (`notes`), and kept for the next run once there is nothing more to compile
//!    (`learning`).
//!
//! There is one compiler today. A function that is *warm* belongs to one that makes code at once, on the calling
//! thread if the function is small; one that is *hot* in the queue: [`Late::ran_out`] is where they part.

use crate::compile::NativeCompiler;
use crate::config::{Config, Tier, TierUp};
use crate::learning;
use crate::notes::Notes;
use crate::stats::Occasion;
use crate::{profile, tuning};
use dunlin_module::{CompiledFunction, Compiler as _, StaticTables, Unit, Worker};
use dunlin_vm::counting::Watch;
use dunlin_vm::native::CodeLimit;
use dunlin_vm::sync::{Condvar, Mutex};
use dunlin_vm::{MemoryStrategy, ModuleCode};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::thread;
use std::time::Duration;

/// Functions that wait to be compiled at most. What finds no place is asked for again when it has been executed as
/// often once more.
const QUEUE_MAX: usize = 4096;

/// What compiles late, and when.
pub(crate) struct Late {
    me: Weak<Self>,
    config: Config,
    strategy: MemoryStrategy,
    /// Made when it is used first; `None` where there is none for this machine.
    native: OnceLock<Option<NativeCompiler>>,
    limit: Arc<CodeLimit>,
    notes: Arc<Notes>,
    queue: Mutex<Queue>,
    called: Condvar,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    has_thread: bool,
    is_over: bool,
}

/// A function that is to be compiled.
struct Job {
    code: Weak<ModuleCode>,
    work_left: Arc<AtomicU64>,
    func: u32,
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
            limit: CodeLimit::new(config.code_bytes_max),
            notes,
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

    /// The functions of a module that wait to be compiled, those that have waited longest first.
    pub(crate) fn waiting(&self, code: &Arc<ModuleCode>) -> Vec<u32> {
        let queue = self.0.queue.lock();
        let of_module = |job: &&Job| job.code.as_ptr() == Arc::as_ptr(code);
        queue.jobs.iter().filter(of_module).map(|job| job.func).collect()
    }

    /// Who watches a module of so many bytes, if its functions are to be compiled.
    pub(crate) fn watch(&self, work_max: u64) -> Option<Box<dyn Watch>> {
        let late = self.0.clone();
        let is_wanted = self.0.config.tier_up != TierUp::Never;
        let work_left = Arc::new(AtomicU64::new(work_max));
        is_wanted.then(|| -> Box<dyn Watch> { Box::new(ModuleWatch { late, work_left }) })
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

/// Watches one module.
struct ModuleWatch {
    late: Arc<Late>,
    /// Units of work that compiling its functions may still be.
    work_left: Arc<AtomicU64>,
}

impl Watch for ModuleWatch {
    fn executions(&self, func: u32) -> u32 {
        match self.late.config.tier_up {
            TierUp::AtOnce { within } => scattered(func) % within.saturating_add(1).max(1),
            TierUp::Background | TierUp::Never => tuning::EXECUTIONS_UNTIL_HOT,
        }
    }

    fn ran_out(&self, code: &Arc<ModuleCode>, func: u32) -> bool {
        let (weak, work_left) = (Arc::downgrade(code), self.work_left.clone());
        self.late.ran_out(Job { code: weak, work_left, func })
    }
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

    /// Takes note of a function that is executed often; whether there was a place for it.
    fn ran_out(&self, job: Job) -> bool {
        if let TierUp::AtOnce { .. } = self.config.tier_up {
            self.compile_here(&job);
            return true;
        }
        let mut queue = self.queue.lock();
        if queue.is_over || queue.jobs.len() >= QUEUE_MAX {
            return queue.is_over;
        }
        queue.jobs.push_back(job);
        if queue.has_thread {
            self.called.notify_one();
            return true;
        }
        queue.has_thread = self.start();
        // Without a thread nobody ever takes it.
        queue.has_thread || queue.jobs.pop_back().is_none()
    }

    /// Compiles a function while the guest waits. For tests: the guest's own stack may be small.
    fn compile_here(&self, job: &Job) {
        let run = || self.compile([job].into_iter());
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
        while let Some(jobs) = self.next_jobs() {
            self.compile(jobs.iter());
            self.keep_learned(tuning::UNKEPT_TIME_MAX);
        }
        self.keep_learned(Duration::ZERO);
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

    /// The functions of the module that has waited longest; `None` ends the thread.
    fn next_jobs(&self) -> Option<Vec<Job>> {
        let mut queue = self.queue.lock();
        if queue.jobs.is_empty() && !queue.is_over {
            queue = self.called.wait_timeout(queue, tuning::COMPILER_IDLE_MAX);
        }
        let Some(first) = queue.jobs.pop_front() else {
            queue.has_thread = false;
            return None;
        };
        let mut jobs = vec![first];
        let mut at = 0;
        while at < queue.jobs.len() && jobs.len() < tuning::FUNCTIONS_AT_A_TIME {
            let is_same = queue.jobs[at].code.ptr_eq(&jobs[0].code);
            match is_same.then(|| queue.jobs.remove(at)).flatten() {
                Some(job) => jobs.push(job),
                None => at += 1,
            }
        }
        Some(jobs)
    }

    /// Compiles functions of one module, and gives it their code.
    fn compile<'j>(&self, jobs: impl Iterator<Item = &'j Job>) {
        let mut jobs = jobs.peekable();
        let code = jobs.peek().and_then(|job| job.code.upgrade());
        let (Some(code), Some(native)) = (code, self.native()) else { return };
        // To know which tables never change takes a pass over the whole module.
        let tables = StaticTables::default();
        let mut worker = native.optimizer().worker(code.module(), &tables);
        for job in jobs {
            // The last handle may go meanwhile, and the engine: ours is then in nobody's way for long.
            if self.queue.lock().is_over {
                return;
            }
            let add = AssertUnwindSafe(|| self.add(native, &code, job, &mut *worker));
            if let Err(panic) = catch_unwind(add) {
                if matches!(self.config.tier_up, TierUp::AtOnce { .. }) {
                    std::panic::resume_unwind(panic);
                }
                // What a panic left behind is not used again.
                worker = native.optimizer().worker(code.module(), &tables);
            }
        }
    }

    /// Compiles a function and what it needs, and adds the code, if all of that can be done.
    fn add(
        &self,
        native: &NativeCompiler,
        code: &Arc<ModuleCode>,
        job: &Job,
        worker: &mut dyn Worker,
    ) -> Option<()> {
        let func = job.func;
        let is_wanted = self.config.mixed.is_none_or(|bits| bits >> (func % 64) & 1 == 1);
        let has_body = code.native().is_some_and(|whole| whole.has_body(func));
        if !is_wanted || has_body {
            return None;
        }
        let work = native.optimizer().work(code.module(), func);
        let rest = |left: u64| left.checked_sub(work);
        let by = (Tier::Optimize, self.occasion());
        if job.work_left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, rest).is_err() {
            self.notes.refuse(code, by, func, "compiling the module has taken all that it may");
            return None;
        }
        let compile = || worker.compile(Unit::Func(func));
        let compiled = self.notes.compile(code, by, func, compile).ok()?;
        let missing = code.missing_for(func, &compiled.needs);
        let mut units: Vec<(Unit, CompiledFunction)> = vec![(Unit::Func(func), compiled)];
        for unit in missing {
            units.push((unit, worker.compile(unit).ok()?));
        }
        units.sort_unstable_by_key(|(unit, _)| *unit);
        let place = || {
            // A profile that cannot be written is no reason to be slow.
            code.add_code(&self.limit, &units, |placed| {
                let _ = profile::tell(native.profiler(), code.module(), placed);
            })
        };
        if place() || self.notes.make_room(&self.limit, code) && place() {
            self.notes.learn(code, units, self.config.cache.is_some());
        }
        Some(())
    }

    fn occasion(&self) -> Occasion {
        match self.config.tier_up {
            TierUp::AtOnce { .. } => Occasion::Waited,
            TierUp::Background | TierUp::Never => Occasion::Background,
        }
    }
}
