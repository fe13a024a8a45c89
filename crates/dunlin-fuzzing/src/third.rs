//! A third engine as a [`Subject`]: one in another process, if there is one at hand, told what to do and asking what the
//! host does (`peers/wasmtime.py` says how).

use crate::detour;
use crate::objects::peer::Peer as Process;
use crate::random::{Random, hash, mix};
use crate::subject::{
    Export, FUEL_PER_CALL, Host, MEMORY_BYTES_MAX, Metering, Plan, State, Subject,
    TABLE_ELEMENTS_MAX,
};
use crate::value::{Ending, Kind, Trap, Value};
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::OnceLock;
use wasmparser::{Parser, Payload, TypeRef, ValType};

/// Much more fuel than others get: it is they who say when a guest has gone on for too long.
const FUEL: u64 = FUEL_PER_CALL * 100;

static PROGRAM: OnceLock<Vec<String>> = OnceLock::new();

/// Says which program the third engine is: the words to start it with. Only the first time counts.
pub fn use_program(words: Vec<String>) {
    let _ = PROGRAM.set(words);
}

/// Whether there is a third engine.
#[must_use]
pub fn is_at_hand() -> bool {
    PROGRAM.get().is_some()
}

/// A module that the process has loaded.
pub struct Module {
    process: Rc<RefCell<Process>>,
    /// Of each imported function, the results.
    funcs: Vec<Vec<Kind>>,
    /// Of each imported global, the type.
    globals: Vec<Kind>,
}

/// An instance in the process. It has one at a time.
pub struct Third {
    process: Rc<RefCell<Process>>,
    funcs: Vec<Vec<Kind>>,
    host: Host,
}

impl Subject for Third {
    type Module = Module;

    fn compile(bytes: &[u8], plan: &Plan) -> Result<Module, String> {
        let words = PROGRAM.get().ok_or("there is none")?;
        // It rounds once where the deterministic profile rounds twice, and knows no compact imports either.
        let bytes = detour::around(bytes)?;
        let (funcs, globals) = imports(&bytes)?;
        let mut process = Process::new(words.clone());
        let fuel = match plan.metering {
            Metering::Fuel => FUEL.to_string(),
            Metering::Module => "-".to_owned(),
        };
        let answer = process.ask(&format!("module {} {fuel}", hex(&bytes)))?;
        match answer.first().map(String::as_str) {
            Some("ok") => Ok(Module { process: Rc::new(RefCell::new(process)), funcs, globals }),
            other => Err(other.unwrap_or("it says nothing").to_owned()),
        }
    }

    fn exports(_module: &Module) -> Vec<Export> {
        // Those of the engine beside it decide.
        Vec::new()
    }

    fn instantiate(module: &Module, plan: &Plan) -> (Option<Self>, Ending) {
        let (process, funcs) = (Rc::clone(&module.process), module.funcs.clone());
        let mut instance = Self { process, funcs, host: Host::new(plan.seed) };
        let ask = format!("instantiate {MEMORY_BYTES_MAX} {TABLE_ELEMENTS_MAX}");
        let ending = instance.step(&ask, &module.globals);
        let is_there = matches!(ending, Ending::Values(_));
        (is_there.then_some(instance), ending)
    }

    fn call(&mut self, export: &Export, arguments: &[Value]) -> Ending {
        self.host.rearm();
        // Names may be empty, words may not.
        let name = hex(export.name.as_bytes());
        self.step(&format!("call ={name} {}", words(arguments)), &[])
    }

    fn state(&mut self) -> State {
        let mut state = State { host: self.host.log, ..State::default() };
        let lines = self.process.borrow_mut().ask("state").unwrap_or_default();
        for line in lines {
            // What cannot be read is missing in the state, so that it differs.
            let _ = seen(&line, &mut state);
        }
        state
    }
}

impl Third {
    /// Asks for something that runs the guest, and does what the host does.
    fn step(&mut self, ask: &str, globals: &[Kind]) -> Ending {
        let (funcs, host) = (&self.funcs, &mut self.host);
        let reply = |question: &str| answer(question, funcs, globals, host);
        match self.process.borrow_mut().ask_and_answer(ask, reply) {
            Ok(lines) => ending(lines.first().map_or("", String::as_str)),
            Err(error) => Ending::Unexpected(error),
        }
    }
}

/// What the host does.
fn answer(
    question: &str,
    funcs: &[Vec<Kind>],
    globals: &[Kind],
    host: &mut Host,
) -> Result<String, String> {
    let unknown = || format!("it asks `{question}`");
    let mut rest = question.split(' ');
    let (what, number) = (rest.next(), rest.next().and_then(|number| number.parse().ok()));
    // Imports of a kind are counted from one.
    let (number, index) = number
        .and_then(|number: usize| Some((number, number.checked_sub(1)?)))
        .ok_or_else(unknown)?;
    match what {
        Some("global") => {
            let kind = globals.get(index).ok_or_else(unknown)?;
            let mut random = Random::of(host.seed, 1_000 + number as u64);
            Ok(words(&[Value::random(*kind, &mut random)]))
        }
        Some("answer") => {
            let results = funcs.get(index).ok_or_else(unknown)?;
            let arguments: Option<Vec<Value>> = rest.map(value).collect();
            let answer = host.answer(number, &arguments.ok_or_else(unknown)?, results);
            Ok(answer.map_or_else(|| "!".to_owned(), |values| words(&values)))
        }
        _ => Err(unknown()),
    }
}

/// The results of imported functions and the types of imported globals, in the module's order.
fn imports(bytes: &[u8]) -> Result<(Vec<Vec<Kind>>, Vec<Kind>), String> {
    let (mut types, mut funcs, mut globals) = (Vec::new(), Vec::new(), Vec::new());
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(|error| error.to_string())? {
            Payload::TypeSection(section) => {
                for ty in section.into_iter_err_on_gc_types() {
                    let ty = ty.map_err(|error| error.to_string())?;
                    types.push(ty.results().iter().map(|ty| kind(*ty)).collect::<Vec<_>>());
                }
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    match import.map_err(|error| error.to_string())?.ty {
                        TypeRef::Func(ty) => {
                            funcs.push(types.get(ty as usize).cloned().unwrap_or_default());
                        }
                        TypeRef::Global(ty) => globals.push(kind(ty.content_type)),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    Ok((funcs, globals))
}

fn kind(ty: ValType) -> Kind {
    match ty {
        ValType::I32 => Kind::I32,
        ValType::I64 => Kind::I64,
        ValType::F32 => Kind::F32,
        ValType::F64 => Kind::F64,
        ValType::V128 => Kind::V128,
        ValType::Ref(ty) if ty.is_func_ref() => Kind::Func,
        ValType::Ref(_) => Kind::Extern,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    (0..text.len() / 2).map(|i| u8::from_str_radix(text.get(2 * i..2 * i + 2)?, 16).ok()).collect()
}

fn words(values: &[Value]) -> String {
    let words: Vec<String> = values.iter().map(word).collect();
    words.join(" ")
}

fn word(value: &Value) -> String {
    match value {
        Value::I32(bits) => format!("i{bits:x}"),
        Value::I64(bits) => format!("l{bits:x}"),
        Value::F32(bits) => format!("f{bits:x}"),
        Value::F64(bits) => format!("d{bits:x}"),
        Value::V128(bits) => format!("v{bits:x}"),
        Value::Func(None) => "c".to_owned(),
        Value::Func(Some((params, results))) => format!("c{params:x},{results:x}"),
        Value::Extern(None) => "x".to_owned(),
        Value::Extern(Some(number)) => format!("x{number:x}"),
    }
}

/// The value of a word.
fn value(word: &str) -> Option<Value> {
    let (letter, bits) = word.split_at_checked(1)?;
    let narrow = || u32::from_str_radix(bits, 16).ok();
    let wide = || u64::from_str_radix(bits, 16).ok();
    Some(match letter {
        "i" => Value::I32(narrow()?),
        "l" => Value::I64(wide()?),
        "f" => Value::F32(narrow()?),
        "d" => Value::F64(wide()?),
        "v" => Value::V128(u128::from_str_radix(bits, 16).ok()?),
        "c" if bits.is_empty() => Value::Func(None),
        "c" => {
            let (params, results) = bits.split_once(',')?;
            let number = |text| u32::from_str_radix(text, 16).ok();
            Value::Func(Some((number(params)?, number(results)?)))
        }
        "x" if bits.is_empty() => Value::Extern(None),
        "x" => Value::Extern(Some(narrow()?)),
        _ => return None,
    })
}

/// Takes a line of what can be seen into the state.
fn seen(line: &str, state: &mut State) -> Option<()> {
    let mut rest = line.split(' ');
    let what = rest.next()?;
    if what == "global" {
        state.globals.push(value(rest.next()?)?);
        return Some(());
    }
    let size = u64::from_str_radix(rest.next()?, 16).ok()?;
    if what == "memory" {
        let length = usize::from_str_radix(rest.next()?, 16).ok()?;
        let mut data = vec![0; length.min(MEMORY_BYTES_MAX)];
        for piece in rest {
            let (at, bytes) = piece.split_once(',')?;
            let (at, bytes) = (usize::from_str_radix(at, 16).ok()?, unhex(bytes)?);
            data.get_mut(at..at.checked_add(bytes.len())?)?.copy_from_slice(&bytes);
        }
        state.memories.push((size, hash(&data)));
    } else {
        let elements =
            rest.try_fold(size, |hash, word| Some(mix(hash ^ value(word)?.fingerprint())));
        state.tables.push((size, elements?));
    }
    Some(())
}

fn ending(line: &str) -> Ending {
    let (what, rest) = line.split_once(' ').unwrap_or((line, ""));
    let known = match what {
        "values" => rest.split_whitespace().map(value).collect::<Option<_>>().map(Ending::Values),
        "trap" => Some(Ending::Trap(trap(rest))),
        "host" => Some(Ending::Host),
        "refused" => Some(Ending::Refused(rest.to_owned())),
        _ => None,
    };
    known.unwrap_or_else(|| Ending::Unexpected(line.to_owned()))
}

fn trap(word: &str) -> Trap {
    match word {
        "unreachable" => Trap::Unreachable,
        "memory" => Trap::Memory,
        "table" => Trap::Table,
        "null" => Trap::Null,
        "signature" => Trap::Signature,
        "zero" => Trap::DivideByZero,
        "overflow" => Trap::Overflow,
        "conversion" => Trap::Conversion,
        "stack" => Trap::Stack,
        "fuel" => Trap::Fuel,
        _ => Trap::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::{seen, value, word};
    use crate::random::{Random, hash};
    use crate::subject::State;
    use crate::value::{Kind, Value};

    #[test]
    fn values_are_what_their_words_say() {
        let mut random = Random::new(3);
        let kinds = [Kind::I32, Kind::I64, Kind::F32, Kind::F64, Kind::V128, Kind::Extern];
        for kind in kinds.iter().cycle().take(200) {
            let given = Value::random(*kind, &mut random);
            assert_eq!(value(&word(&given)), Some(given));
        }
        for given in [Value::Func(None), Value::Func(Some((3, 12))), Value::Extern(None)] {
            assert_eq!(value(&word(&given)), Some(given));
        }
        assert_eq!(value(""), None);
        assert_eq!(value("i"), None);
    }

    #[test]
    fn a_memory_is_told_in_pieces() {
        let mut state = State::default();
        assert_eq!(seen("memory 2 c 8,01ff", &mut state), Some(()));
        assert_eq!(state.memories, [(2, hash(&[0, 0, 0, 0, 0, 0, 0, 0, 1, 255, 0, 0]))]);
        assert_eq!(seen("memory 2 4 3,01ff", &mut state), None);
    }
}
