//! wasmi as a [`Subject`]: the second engine.

use crate::detour;
use crate::random::{Random, hash, mix};
use crate::subject::{
    Export, FUEL_PER_CALL, Host, MEMORY_BYTES_MAX, Metering, Plan, State, Subject,
    TABLE_ELEMENTS_MAX,
};
use crate::value::{Ending, Kind, Trap, Value};
use std::fmt;
use wasmi::errors::{ErrorKind, InstantiationError};
use wasmi::{
    AsContext, AsContextMut, CompilationMode, Config, Engine, Error, Extern, ExternRef, ExternType,
    F32, F64, Func, FuncType, Global, Instance, Memory, Module, Nullable, Ref, Store, StoreLimits,
    StoreLimitsBuilder, Table, TrapCode, V128, Val, ValType,
};

/// Calls in one another: both engines should get deep before they differ.
const RECURSION_MAX: usize = 20_000;

/// Bytes of the value stack.
const STACK_BYTES: usize = 8 << 20;

struct Data {
    host: Host,
    limits: StoreLimits,
}

/// An instance in its store.
pub struct Peer {
    store: Store<Data>,
    instance: Instance,
    metering: Metering,
    exports: Vec<Extern>,
}

/// A host function's failure.
#[derive(Debug)]
struct Failed;

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the host refuses")
    }
}

impl wasmi::errors::HostError for Failed {}

impl Subject for Peer {
    type Module = Module;

    fn compile(bytes: &[u8], plan: &Plan) -> Result<Module, String> {
        let mut config = Config::default();
        config
            .consume_fuel(plan.metering == Metering::Fuel)
            .compilation_mode(CompilationMode::Eager)
            .wasm_relaxed_simd(true)
            .wasm_wide_arithmetic(true)
            .wasm_custom_page_sizes(true)
            .set_max_recursion_depth(RECURSION_MAX)
            .set_max_stack_height(STACK_BYTES);
        let bytes = detour::around(bytes).unwrap_or_else(|_| bytes.to_vec());
        Module::new(&Engine::new(&config), bytes).map_err(|error| error.to_string())
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
            match define(&mut store, *number, import.ty()) {
                Ok(import) => imports.push(import),
                Err(error) => return (None, ending(&error)),
            }
        }
        match Instance::new(&mut store, module, &imports) {
            Ok(instance) => {
                let mut names: Vec<&str> = module.exports().map(|export| export.name()).collect();
                names.sort_unstable();
                let export = |name: &&str| instance.get_export(&store, name);
                let exports = names.iter().filter_map(export).collect();
                let peer = Self { store, instance, metering: plan.metering, exports };
                (Some(peer), Ending::Values(Vec::new()))
            }
            Err(error) => (None, ending(&error)),
        }
    }

    fn call(&mut self, export: &Export, arguments: &[Value]) -> Ending {
        self.store.data_mut().host.rearm();
        refuel(&mut self.store, self.metering);
        let Some(func) = self.instance.get_func(&self.store, &export.name) else {
            return Ending::Refused("no such export".into());
        };
        let arguments: Vec<Val> =
            arguments.iter().map(|value| to_val(&mut self.store, *value)).collect();
        let mut results = vec![Val::I32(0); export.results];
        match func.call(&mut self.store, &arguments, &mut results) {
            Ok(()) => {
                Ending::Values(results.iter().map(|val| from_val(&self.store, val)).collect())
            }
            Err(error) => ending(&error),
        }
    }

    fn state(&mut self) -> State {
        let store = &self.store;
        let mut state = State { host: store.data().host.log, ..State::default() };
        for export in &self.exports {
            match export {
                Extern::Global(global) => state.globals.push(from_val(store, &global.get(store))),
                Extern::Memory(memory) => {
                    state.memories.push((memory.size(store), hash(memory.data(store))));
                }
                Extern::Table(table) => {
                    let size = table.size(store);
                    let elements = (0..size).fold(size, |hash, i| {
                        let element = table.get(store, i).map(|r| from_val(store, &from_ref(r)));
                        mix(hash ^ element.map_or(0, |value| value.fingerprint()))
                    });
                    state.tables.push((size, elements));
                }
                Extern::Func(_) => {}
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
            let init = Ref::default_for_ty(ty.element());
            Table::new(&mut *store, *ty, init)?.into()
        }
        ExternType::Global(ty) => {
            let mut random = Random::of(store.data().host.seed, 1_000 + number as u64);
            let value = Value::random(kind(ty.content()), &mut random);
            let val = to_val(&mut *store, value);
            Global::new(&mut *store, val, ty.mutability()).into()
        }
    })
}

fn host_func(store: &mut Store<Data>, number: usize, ty: &FuncType) -> Func {
    let kinds: Vec<Kind> = ty.results().iter().copied().map(kind).collect();
    Func::new(store, ty.clone(), move |mut caller, arguments, results| {
        let arguments: Vec<Value> = arguments.iter().map(|val| from_val(&caller, val)).collect();
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
        ValType::FuncRef => Kind::Func,
        ValType::ExternRef => Kind::Extern,
    }
}

fn to_val(store: impl AsContextMut, value: Value) -> Val {
    match value {
        Value::I32(bits) => Val::I32(bits as i32),
        Value::I64(bits) => Val::I64(bits as i64),
        Value::F32(bits) => Val::F32(F32::from_bits(bits)),
        Value::F64(bits) => Val::F64(F64::from_bits(bits)),
        Value::V128(bits) => Val::V128(V128::from(bits)),
        Value::Func(_) => Val::FuncRef(Nullable::Null),
        Value::Extern(None) => Val::ExternRef(Nullable::Null),
        Value::Extern(Some(number)) => Val::ExternRef(Nullable::Val(ExternRef::new(store, number))),
    }
}

fn from_val(store: impl AsContext, val: &Val) -> Value {
    match val {
        Val::I32(value) => Value::I32(*value as u32),
        Val::I64(value) => Value::I64(*value as u64),
        Val::F32(value) => Value::F32(value.to_bits()),
        Val::F64(value) => Value::F64(value.to_bits()),
        Val::V128(value) => Value::V128(value.as_u128()),
        Val::FuncRef(Nullable::Null) => Value::Func(None),
        Val::FuncRef(Nullable::Val(func)) => {
            let ty = func.ty(&store);
            Value::Func(Some((ty.params().len() as u32, ty.results().len() as u32)))
        }
        Val::ExternRef(Nullable::Null) => Value::Extern(None),
        Val::ExternRef(Nullable::Val(reference)) => {
            Value::Extern(reference.data(store.as_context()).downcast_ref::<u32>().copied())
        }
    }
}

fn from_ref(reference: Ref) -> Val {
    match reference {
        Ref::Func(func) => Val::FuncRef(func),
        Ref::Extern(value) => Val::ExternRef(value),
    }
}

fn ending(error: &Error) -> Ending {
    match error.as_trap_code() {
        Some(code) => Ending::Trap(trap(code)),
        None if error.downcast_ref::<Failed>().is_some() => Ending::Host,
        None => match error.kind() {
            ErrorKind::Instantiation(InstantiationError::ElementSegmentDoesNotFit { .. }) => {
                Ending::Trap(Trap::Table)
            }
            ErrorKind::Instantiation(_) | ErrorKind::Memory(_) | ErrorKind::Table(_) => {
                Ending::Refused(error.to_string())
            }
            _ => Ending::Unexpected(error.to_string()),
        },
    }
}

fn trap(code: TrapCode) -> Trap {
    match code {
        TrapCode::UnreachableCodeReached => Trap::Unreachable,
        TrapCode::MemoryOutOfBounds => Trap::Memory,
        TrapCode::TableOutOfBounds => Trap::Table,
        TrapCode::IndirectCallToNull => Trap::Null,
        TrapCode::BadSignature => Trap::Signature,
        TrapCode::IntegerDivisionByZero => Trap::DivideByZero,
        TrapCode::IntegerOverflow => Trap::Overflow,
        TrapCode::BadConversionToInteger => Trap::Conversion,
        TrapCode::StackOverflow => Trap::Stack,
        TrapCode::OutOfFuel => Trap::Fuel,
        _ => Trap::Other,
    }
}
