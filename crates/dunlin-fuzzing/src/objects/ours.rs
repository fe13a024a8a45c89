//! Dunlin, in each of its configurations, beside what the second engine said.

use super::close::Closed;
use super::script::{INSTANCES_MAX, Step, hash, told};
use crate::random::Random;
use dunlin::{
    Config, Engine, Error, ErrorKind, Extern, Func, FuncType, Instance, Interruption, Memory,
    MemoryStrategy, Module, Store, StoreLimits, StoreLimitsBuilder, Tag, Tier, TrapCode, Val,
    ValType, ValidateMode,
};

/// Bytes of the value stack.
const STACK_BYTES: usize = 4 << 20;
/// Bytes of the heap of objects.
const HEAP_BYTES: u32 = 256 << 20;
/// Bytes of a memory: more than any of these can grow to.
const MEMORY_BYTES_MAX: usize = 1 << 30;

/// A configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// The interpreter.
    Interpreter,
    /// The interpreter, which collects at every allocation.
    Zeal,
    /// The optimising tier.
    Optimizer,
    /// Some functions compiled and some not, with a collection at every allocation.
    MixedZeal,
    /// The baseline tier.
    Baseline,
    /// The same as of [`MixedZeal`](Self::MixedZeal), by the baseline tier.
    BaselineZeal,
}

impl Way {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Interpreter,
        Self::Zeal,
        Self::Optimizer,
        Self::MixedZeal,
        Self::Baseline,
        Self::BaselineZeal,
    ];

    /// What depends neither on the tier nor on zeal is drawn per seed.
    fn config(self, seed: u64) -> Config {
        let mut random = Random::of(seed, 24 + self as u64);
        let mut config = Config::new();
        config.max_stack_bytes(STACK_BYTES).heap_max(HEAP_BYTES);
        config.gc_zeal(matches!(self, Self::Zeal | Self::MixedZeal | Self::BaselineZeal));
        let strategies = [MemoryStrategy::Auto, MemoryStrategy::Dense];
        config.memory_strategy(strategies[random.below(2) as usize]);
        if matches!(self, Self::Interpreter | Self::Zeal) {
            config.tier(Tier::Interp).fuse_operators(!random.once_in(3));
        } else {
            let interruptions = [Interruption::Page, Interruption::Flag, Interruption::Off];
            let is_baseline = matches!(self, Self::Baseline | Self::BaselineZeal);
            let tier = if is_baseline { Tier::Baseline } else { Tier::Optimize };
            config.tier(tier).verify_code(true);
            config.interruption(interruptions[random.below(3) as usize]);
        }
        if matches!(self, Self::MixedZeal | Self::BaselineZeal) {
            config.mix_tiers(random.bits());
        }
        config.validate(ValidateMode::Eager);
        config
    }
}

/// What comparing gave.
#[derive(Clone, Debug, Default)]
pub struct Compared {
    /// Calls that both made and agreed about.
    pub calls: u64,
    /// Those among them that returned.
    pub returned: u64,
    /// Steps that an engine's own limit ended.
    pub inconclusive: u64,
    /// The first difference, for people.
    pub difference: Option<String>,
}

struct Data {
    log: u64,
    limits: StoreLimits,
}

struct Run<'m> {
    module: Module,
    closed: &'m Closed,
    count: u32,
    live: Option<(Store<Data>, Instance)>,
}

/// Does the steps in one configuration; `said` is what the second engine said of them.
#[must_use]
pub fn compare(way: Way, seed: u64, closed: &Closed, steps: &[Step], said: &[String]) -> Compared {
    let mut compared = Compared::default();
    let differs = |what: &str, ours: &str, theirs: &str| {
        Some(format!("{way:?}: {what}:\n  dunlin: {ours}\n  peer:   {theirs}"))
    };
    let engine = Engine::new(&way.config(seed)).expect("the configuration is possible");
    let verdict = said.first().map_or("?", String::as_str);
    let module = match (Module::new(&engine, &closed.bytes), verdict == "valid") {
        (Ok(module), true) => module,
        (Err(error), false) if error.kind() == ErrorKind::Invalid => return compared,
        (Ok(_), false) => {
            compared.difference = differs("load", "valid", verdict);
            return compared;
        }
        (Err(error), _) => {
            compared.difference = differs("load", &error.to_string(), verdict);
            return compared;
        }
    };
    let mut run = Run { module, closed, count: 0, live: None };
    let mut lines = said[1..].iter();
    let mut ours = run.first();
    let mut calls = steps.iter();
    let mut what = "instantiate".to_owned();
    loop {
        let Some(theirs) = lines.next() else { return compared };
        if theirs.starts_with('l') || theirs.starts_with("i l") {
            compared.inconclusive += 1;
            run.live = None;
        } else if ours.starts_with('l') || ours.starts_with("i l") {
            compared.inconclusive += 1;
            // What a fresh instance does cannot be lined up any more.
            return compared;
        } else if ours != *theirs {
            compared.difference = differs(&what, &ours, theirs);
            return compared;
        } else {
            compared.calls += 1;
            compared.returned += u64::from(ours.starts_with('v'));
        }
        let Some(step) = calls.next() else { return compared };
        if lines.len() == 0 {
            return compared;
        }
        ours = run.call(step);
        what = format!("{}({:x?})", step.name, step.values);
    }
}

/// What one configuration says of the steps, as a second engine would.
///
/// # Panics
///
/// If the module is not valid.
#[must_use]
pub fn transcript(way: Way, seed: u64, closed: &Closed, steps: &[Step]) -> Vec<String> {
    let engine = Engine::new(&way.config(seed)).expect("the configuration is possible");
    let module = Module::new(&engine, &closed.bytes).expect("valid");
    let mut run = Run { module, closed, count: 0, live: None };
    let mut said = vec!["valid".to_owned(), run.first()];
    for step in steps {
        if run.live.is_none() && run.count == INSTANCES_MAX {
            break;
        }
        said.push(run.call(step));
    }
    said
}

impl Run<'_> {
    fn first(&mut self) -> String {
        let ending = self.instantiate();
        self.step(ending)
    }

    /// Says how an instantiation ended.
    fn instantiate(&mut self) -> String {
        self.count += 1;
        let limits = StoreLimitsBuilder::new().memory_size(MEMORY_BYTES_MAX).build();
        let mut store = Store::new(self.module.engine(), Data { log: 0, limits });
        store.limiter(|data| &mut data.limits);
        let ty = FuncType::new([ValType::I64], [ValType::I64]);
        let host = Func::new(&mut store, ty, |mut caller, arguments, results| {
            let number = arguments[0].i64().unwrap_or(0) as u64;
            results[0] = Val::I64(told(&mut caller.data_mut().log, number) as i64);
            Ok(())
        });
        match Instance::new(&mut store, &self.module, &[host.into()]) {
            Ok(instance) => {
                self.live = Some((store, instance));
                "v".into()
            }
            // No one can say which of its tags it has: there is no instance.
            Err(error) if error.kind() == ErrorKind::Exception => "x".into(),
            Err(error) => ending(&error),
        }
    }

    fn call(&mut self, step: &Step) -> String {
        if self.live.is_none() {
            debug_assert!(self.count < INSTANCES_MAX, "the second engine counts too");
            let ending = self.instantiate();
            if ending != "v" {
                return format!("i {ending}\t");
            }
        }
        let Some((store, instance)) = &mut self.live else { return "? no instance".into() };
        let Some(func) = instance.get_func(&mut *store, &step.name) else {
            return "? no such export".into();
        };
        let arguments: Vec<Val> = step.values.iter().map(|value| Val::I64(*value as i64)).collect();
        let count = func.ty(&*store).map_or(0, |ty| ty.results().len());
        let mut results = vec![Val::I64(0); count];
        let ending = match func.call(&mut *store, &arguments, &mut results) {
            Ok(()) => values(&results),
            Err(error) if error.kind() == ErrorKind::Exception => {
                thrown(store, instance, &error, &self.closed.tags)
            }
            Err(error) => ending(&error),
        };
        self.step(ending)
    }

    /// A step with what can be seen after it.
    fn step(&mut self, ending: String) -> String {
        if ending.starts_with('l') {
            self.live = None;
        }
        let Some((store, instance)) = &mut self.live else { return format!("{ending}\t") };
        let seen = look(store, instance);
        let log = store.data().log;
        let memories: String = (0..self.closed.memories)
            .map(|index| match instance.get_export(&mut *store, &format!("~m{index}")) {
                Some(Extern::Memory(memory)) => format!(" {:x}", memory_hash(store, memory)),
                _ => " none".into(),
            })
            .collect();
        if ending == "t unreachable" || seen.starts_with('l') {
            self.live = None;
        }
        if seen.starts_with('l') {
            return format!("{seen}\t");
        }
        format!("{ending}\t{log:x} {seen}{memories}")
    }
}

/// What the function that looks at globals and tables says.
fn look(store: &mut Store<Data>, instance: &Instance) -> String {
    let Some(func) = instance.get_func(&mut *store, "~s") else { return "none".into() };
    let mut results = [Val::I64(0)];
    match func.call(&mut *store, &[], &mut results) {
        Ok(()) => format!("{:x}", results[0].i64().unwrap_or(0)),
        Err(error) => ending(&error),
    }
}

fn memory_hash(store: &Store<Data>, memory: Memory) -> u32 {
    let Some(shared) = memory.shared(store) else { return hash(memory.data(store)) };
    let mut bytes = vec![0; shared.data_size()];
    shared.read(0, &mut bytes).expect("all of it");
    hash(&bytes)
}

fn values(results: &[Val]) -> String {
    let numbers = results.iter().map(|val| format!(" {:x}", val.i64().unwrap_or(0)));
    format!("v{}", numbers.collect::<String>())
}

/// An exception that was not caught: which of the exported tags it has, and the numbers in it.
fn thrown(store: &mut Store<Data>, instance: &Instance, error: &Error, tags: &[String]) -> String {
    let Some(exception) = error.exception() else { return "? no exception".into() };
    let tag = exception.tag(&*store).expect("an exception of this store");
    let exported = |store: &mut Store<Data>, index: usize| -> Option<Tag> {
        match instance.get_export(&mut *store, &format!("~t{index}"))? {
            Extern::Tag(tag) => Some(tag),
            _ => None,
        }
    };
    let Some(index) = (0..tags.len()).find(|index| exported(store, *index) == Some(tag)) else {
        return "? an exception of no tag".into();
    };
    let payload = exception.payload(&*store).expect("an exception of this store");
    let numbers = payload.iter().map(|val| match *val {
        Val::I32(value) => format!(" {:x}", value as u32),
        Val::I64(value) => format!(" {value:x}"),
        Val::F32(bits) if f32::from_bits(bits).is_nan() => " 7fc00000".into(),
        Val::F32(bits) => format!(" {bits:x}"),
        Val::F64(bits) if f64::from_bits(bits).is_nan() => " 7ff8000000000000".into(),
        Val::F64(bits) => format!(" {bits:x}"),
        _ => " _".into(),
    });
    format!("x {index}{}", numbers.collect::<String>())
}

fn ending(error: &Error) -> String {
    match (error.kind(), error.trap_code()) {
        (ErrorKind::Trap, Some(code)) => trap(code),
        (ErrorKind::Resource, _) => format!("l {error}"),
        (kind, _) => format!("? {kind}: {error}"),
    }
}

fn trap(code: TrapCode) -> String {
    let kind = match code {
        TrapCode::Unreachable => "unreachable",
        // An access may be both, and the specification does not say which is found first.
        TrapCode::MemoryOutOfBounds | TrapCode::UnalignedAtomic => "memory",
        TrapCode::TableOutOfBounds | TrapCode::UndefinedElement => "table",
        TrapCode::UninitializedElement | TrapCode::IndirectCallTypeMismatch => "call",
        TrapCode::IntegerDivisionByZero => "zero",
        TrapCode::IntegerOverflow | TrapCode::InvalidConversionToInteger => "number",
        TrapCode::NullReference
        | TrapCode::NullFunctionReference
        | TrapCode::NullStructureReference
        | TrapCode::NullArrayReference
        | TrapCode::NullI31Reference
        | TrapCode::NullExceptionReference => "null",
        TrapCode::ArrayOutOfBounds => "array",
        TrapCode::CastFailure => "cast",
        TrapCode::ExpectedSharedMemory => "wait",
        TrapCode::StackOverflow | TrapCode::OutOfHeap => return format!("l {code}"),
        _ => return format!("? {code}"),
    };
    format!("t {kind}")
}
