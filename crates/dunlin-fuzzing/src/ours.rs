//! Dunlin as a [`Subject`], on each of its tiers.

use crate::random::{Random, hash, mix};
use crate::subject::{
    Export, FUEL_PER_CALL, Host, MEMORY_BYTES_MAX, Metering, Plan, State, Subject,
    TABLE_ELEMENTS_MAX,
};
use crate::value::{Ending, Kind, Trap, Value};
use dunlin::{
    Config, Engine, Error, ErrorKind, Extern, ExternRef, ExternType, Func, FuncType, Global,
    HeapType, Instance, Interruption, Memory, MemoryStrategy, Module, Store, StoreLimits,
    StoreLimitsBuilder, Table, Tag, Tier, TierUp, TrapCode, V128, Val, ValType,
};
use std::marker::PhantomData;

/// Bytes of the value stack: both engines should get deep before they differ.
const STACK_BYTES: usize = 8 << 20;

struct Data {
    host: Host,
    limits: StoreLimits,
}

/// A tier, as a type.
pub trait Tiered {
    /// Sets up an engine for the module of a plan.
    fn set_up(config: &mut Config, plan: &Plan);
}

/// The interpreter.
#[derive(Debug)]
pub struct Interpreter;

impl Tiered for Interpreter {
    fn set_up(config: &mut Config, _plan: &Plan) {
        config.tier(Tier::Interp);
    }
}

/// The tiers that compile: the optimising one, that of one pass, or one after the other from a few executions of a
/// function or loop on. Which it is, how memories lie, how guests are interrupted, and whether some functions are left
/// to the interpreter and which, is drawn per seed.
#[derive(Debug)]
pub struct Optimizer;

impl Tiered for Optimizer {
    fn set_up(config: &mut Config, plan: &Plan) {
        let mut random = Random::of(plan.seed, 7);
        let strategies = [MemoryStrategy::Auto, MemoryStrategy::Dense];
        let interruptions = [Interruption::Page, Interruption::Flag, Interruption::Off];
        let tier = match random.below(4) {
            0 => Tier::Optimize,
            1 => Tier::Baseline,
            _ => Tier::Auto,
        };
        let within = random.below(4) as u32;
        config.tier(tier).verify_code(true).tier_up(TierUp::AtOnce { within });
        config.memory_strategy(strategies[random.below(2) as usize]);
        config.interruption(interruptions[random.below(3) as usize]);
        if random.once_in(2) {
            config.mix_tiers(random.bits());
        }
    }
}

/// An instance in its store.
pub struct Ours<T = Interpreter> {
    store: Store<Data>,
    instance: Instance,
    metering: Metering,
    exports: Vec<Extern>,
    tier: PhantomData<T>,
}

/// A host function's failure.
#[derive(Debug)]
struct Failed;

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the host refuses")
    }
}

impl std::error::Error for Failed {}

impl<T: Tiered> Subject for Ours<T> {
    type Module = Module;

    fn compile(bytes: &[u8], plan: &Plan) -> Result<Module, String> {
        let mut config = Config::new();
        config.consume_fuel(plan.metering == Metering::Fuel).max_stack_bytes(STACK_BYTES);
        // As the second engine does.
        config.relaxed_simd_deterministic(true);
        T::set_up(&mut config, plan);
        let engine = Engine::new(&config).map_err(|error| error.to_string())?;
        Module::new(&engine, bytes).map_err(|error| error.to_string())
    }

    fn exports(module: &Module) -> Vec<Export> {
        let funcs = module.exports().filter_map(|export| match export.ty() {
            ExternType::Func(ty) => Some(Export {
                name: export.name().to_owned(),
                params: ty.params().iter().copied().map(kind).collect(),
                results: ty.results().len(),
            }),
            _ => None,
        });
        // By name: the second engine keeps exports in an order of its own.
        let mut funcs: Vec<Export> = funcs.collect();
        funcs.sort_by(|a, b| a.name.cmp(&b.name));
        funcs
    }

    fn instantiate(module: &Module, plan: &Plan) -> (Option<Self>, Ending) {
        let limits = StoreLimitsBuilder::new()
            .memory_size(MEMORY_BYTES_MAX)
            .table_elements(TABLE_ELEMENTS_MAX)
            .build();
        let data = Data { host: Host::new(plan.seed), limits };
        let mut store = Store::new(module.engine(), data);
        store.limiter(|data| &mut data.limits);
        refuel(&mut store, plan.metering);
        let mut imports = Vec::new();
        let (mut funcs, mut globals) = (0, 0);
        for import in module.imports() {
            // Engines list imports in orders of their own, but each kind by itself as the module does.
            let number = match import.ty() {
                ExternType::Global(_) => &mut globals,
                _ => &mut funcs,
            };
            *number +=
                usize::from(matches!(import.ty(), ExternType::Func(_) | ExternType::Global(_)));
            match define(&mut store, *number, &import.ty()) {
                Ok(import) => imports.push(import),
                Err(error) => return (None, ending(&error)),
            }
        }
        match Instance::new(&mut store, module, &imports) {
            Ok(instance) => {
                let mut names: Vec<&str> = module.exports().map(|export| export.name()).collect();
                names.sort_unstable();
                let export = |name: &&str| instance.get_export(&mut store, name);
                let exports = names.iter().filter_map(export).collect();
                let ours =
                    Self { store, instance, metering: plan.metering, exports, tier: PhantomData };
                (Some(ours), Ending::Values(Vec::new()))
            }
            Err(error) => (None, ending(&error)),
        }
    }

    fn call(&mut self, export: &Export, arguments: &[Value]) -> Ending {
        self.store.data_mut().host.rearm();
        refuel(&mut self.store, self.metering);
        let Some(func) = self.instance.get_func(&mut self.store, &export.name) else {
            return Ending::Refused("no such export".into());
        };
        let arguments: Vec<Val> =
            arguments.iter().map(|value| to_val(&mut self.store, *value)).collect();
        let mut results = vec![Val::I32(0); export.results];
        match func.call(&mut self.store, &arguments, &mut results) {
            Ok(()) => {
                Ending::Values(results.iter().map(|val| from_val(&self.store, *val)).collect())
            }
            Err(error) => ending(&error),
        }
    }

    fn state(&mut self) -> State {
        let store = &self.store;
        let mut state = State { host: store.data().host.log, ..State::default() };
        for export in &self.exports {
            match export {
                Extern::Global(global) => match global.get(store) {
                    Ok(val) => state.globals.push(from_val(store, val)),
                    Err(_) => state.globals.push(Value::I32(0xdead)),
                },
                Extern::Memory(memory) => {
                    state.memories.push((memory.size(store), hash(memory.data(store))));
                }
                Extern::Table(table) => {
                    let size = table.size(store);
                    let elements = (0..size).fold(size, |hash, i| {
                        let element = table.get(store, i).map(|val| from_val(store, val));
                        mix(hash ^ element.map_or(0, |value| value.fingerprint()))
                    });
                    state.tables.push((size, elements));
                }
                Extern::Func(_) | Extern::Tag(_) => {}
            }
        }
        state
    }
}

fn refuel(store: &mut Store<Data>, metering: Metering) {
    if metering == Metering::Fuel {
        store.set_fuel(FUEL_PER_CALL).expect("the engine counts fuel");
    }
}

fn define(store: &mut Store<Data>, number: usize, ty: &ExternType) -> Result<Extern, Error> {
    Ok(match ty {
        ExternType::Func(ty) => host_func(store, number, ty).into(),
        ExternType::Memory(ty) => Memory::new(&mut *store, *ty)?.into(),
        ExternType::Table(ty) => {
            let init = Val::default_for(ValType::Ref(ty.element));
            Table::new(&mut *store, *ty, init)?.into()
        }
        ExternType::Global(ty) => {
            let mut random = Random::of(store.data().host.seed, 1_000 + number as u64);
            let value = Value::random(kind(ty.content), &mut random);
            let val = to_val(&mut *store, value);
            Global::new(&mut *store, *ty, val)?.into()
        }
        ExternType::Tag(ty) => Tag::new(&mut *store, ty.clone())?.into(),
    })
}

fn host_func(store: &mut Store<Data>, number: usize, ty: &FuncType) -> Func {
    let kinds: Vec<Kind> = ty.results().iter().copied().map(kind).collect();
    Func::new(store, ty.clone(), move |mut caller, arguments, results| {
        let arguments: Vec<Value> = arguments.iter().map(|val| from_val(&caller, *val)).collect();
        let answer = caller.data_mut().host.answer(number, &arguments, &kinds);
        let Some(answer) = answer else { return Err(Error::host(Failed)) };
        for (result, value) in results.iter_mut().zip(answer) {
            *result = to_val(&mut caller, value);
        }
        Ok(())
    })
}

fn kind(ty: ValType) -> Kind {
    match ty {
        ValType::I32 => Kind::I32,
        ValType::I64 => Kind::I64,
        ValType::F32 => Kind::F32,
        ValType::F64 => Kind::F64,
        ValType::V128 => Kind::V128,
        ValType::Ref(ty) if ty.heap == HeapType::Func => Kind::Func,
        ValType::Ref(_) => Kind::Extern,
    }
}

fn to_val(mut store: impl dunlin::AsContextMut, value: Value) -> Val {
    match value {
        Value::I32(bits) => Val::I32(bits as i32),
        Value::I64(bits) => Val::I64(bits as i64),
        Value::F32(bits) => Val::F32(bits),
        Value::F64(bits) => Val::F64(bits),
        Value::V128(bits) => Val::V128(V128::from_bits(bits)),
        Value::Func(_) => Val::FuncRef(None),
        Value::Extern(None) => Val::ExternRef(None),
        Value::Extern(Some(number)) => {
            Val::ExternRef(Some(ExternRef::new(&mut store, number).expect("room for references")))
        }
    }
}

fn from_val(store: impl dunlin::AsContext, val: Val) -> Value {
    match val {
        Val::I32(value) => Value::I32(value as u32),
        Val::I64(value) => Value::I64(value as u64),
        Val::F32(bits) => Value::F32(bits),
        Val::F64(bits) => Value::F64(bits),
        Val::V128(value) => Value::V128(value.to_bits()),
        Val::FuncRef(None) => Value::Func(None),
        Val::FuncRef(Some(func)) => {
            let ty = func.ty(&store).expect("a function of this store");
            Value::Func(Some((ty.params().len() as u32, ty.results().len() as u32)))
        }
        Val::ExternRef(None) => Value::Extern(None),
        Val::ExternRef(Some(reference)) => {
            let data = reference.data(store.as_context()).expect("a reference of this store");
            Value::Extern(data.and_then(|data| data.downcast_ref::<u32>()).copied())
        }
        // The second engine has neither, so that no module that is made has: only whether they are null.
        Val::AnyRef(reference) => Value::Extern(reference.map(|_| 0)),
        Val::ExnRef(reference) => Value::Extern(reference.map(|_| 0)),
    }
}

fn ending(error: &Error) -> Ending {
    match error.kind() {
        ErrorKind::Trap => Ending::Trap(error.trap_code().map_or(Trap::Other, trap)),
        ErrorKind::Host if error.is::<Failed>() => Ending::Host,
        ErrorKind::Resource | ErrorKind::Link => Ending::Refused(error.to_string()),
        _ => Ending::Unexpected(error.to_string()),
    }
}

fn trap(code: TrapCode) -> Trap {
    match code {
        TrapCode::Unreachable => Trap::Unreachable,
        TrapCode::MemoryOutOfBounds => Trap::Memory,
        TrapCode::TableOutOfBounds | TrapCode::UndefinedElement => Trap::Table,
        TrapCode::UninitializedElement => Trap::Null,
        TrapCode::IndirectCallTypeMismatch => Trap::Signature,
        TrapCode::IntegerDivisionByZero => Trap::DivideByZero,
        TrapCode::IntegerOverflow => Trap::Overflow,
        TrapCode::InvalidConversionToInteger => Trap::Conversion,
        TrapCode::StackOverflow => Trap::Stack,
        TrapCode::OutOfFuel => Trap::Fuel,
        _ => Trap::Other,
    }
}
