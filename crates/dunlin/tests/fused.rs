//! Sequences of operators that the interpreter executes as one mean what their operators mean.
//!
//! For each row of `for_each_fused_operator`, a function is written from the row: the operands that the
//! sequence lacks, a `nop` (which no sequence contains), the sequence, and then the results and all
//! locals. It runs fused, not fused, and metered, on arguments at the edges of every operator.

use dunlin::{Config, Engine, Instance, Module, Result, Store, Val};
use dunlin_core::Operator;

/// A type as the text format spells it.
type Ty = &'static str;

/// What an operator takes and leaves.
type Effect = (Vec<Ty>, Vec<Ty>);

macro_rules! effects {
    ($name:ident $(
        $code:literal $row:ident $text:literal
        $function:ident ($($param:ident),*) -> $result:ident $($note:ident $($number:literal)?)*;
    )*) => {
        match $name {
            $(Operator::$row => Some((vec![$(stringify!($param)),*], vec![stringify!($result)])),)*
            _ => None,
        }
    };
}

fn numeric(name: Operator) -> Option<Effect> {
    dunlin_core::for_each_numeric_operator!(effects, name)
}

fn load(name: Operator) -> Option<Effect> {
    let effect: Option<Effect> = dunlin_core::for_each_load_operator!(effects, name);
    effect.map(|(_, results)| (vec!["i32"], results))
}

fn store(name: Operator) -> Option<Effect> {
    let effect: Option<Effect> = dunlin_core::for_each_store_operator!(effects, name);
    effect.map(|(params, _)| (vec!["i32", params[0]], vec![]))
}

/// An operator's effect, where locals and operands without type are of type `ty`.
fn effect(name: Operator, ty: Ty) -> Effect {
    match name {
        Operator::LocalGet => (vec![], vec![ty]),
        Operator::LocalSet => (vec![ty], vec![]),
        Operator::LocalTee => (vec![ty], vec![ty]),
        Operator::I32Const => (vec![], vec!["i32"]),
        Operator::I64Const => (vec![], vec!["i64"]),
        Operator::BrIf => (vec!["i32"], vec![]),
        Operator::Select => (vec![ty, ty, "i32"], vec![ty]),
        _ => {
            numeric(name).or_else(|| load(name)).or_else(|| store(name)).expect("a row's operator")
        }
    }
}

const TYPES: [Ty; 3] = ["i32", "i64", "f64"];

/// Locals of each type, parameters of every function: five of a type.
const LOCALS: usize = 5;

fn local(ty: Ty, number: usize) -> usize {
    let first = TYPES.iter().position(|known| *known == ty).expect("a type of the rows");
    first * LOCALS + number
}

/// The function of a row in the text format, or `None` if the row's operators do not fit `ty`.
fn function(names: &[Operator], ty: Ty) -> Option<String> {
    let (mut before, mut stack, mut text) = (Vec::new(), Vec::<Ty>::new(), String::new());
    for (at, name) in names.iter().enumerate() {
        let (params, results) = effect(*name, ty);
        for param in params.iter().rev() {
            match stack.pop() {
                Some(found) if found != *param => return None,
                Some(_) => {}
                None => before.push(*param),
            }
        }
        stack.extend(&results);
        let immediate = match name {
            Operator::LocalGet | Operator::LocalSet | Operator::LocalTee => {
                format!(" {}", local(ty, at % LOCALS))
            }
            Operator::I32Const | Operator::I64Const => " -7".into(),
            Operator::BrIf => " 0".into(),
            _ if load(*name).or_else(|| store(*name)).is_some() => " offset=5".into(),
            _ => String::new(),
        };
        text += &format!("{}{immediate} ", name.mnemonic());
    }
    let operands: String = (before.iter().rev().enumerate())
        .map(|(at, ty)| format!("local.get {} ", local(ty, at % LOCALS)))
        .collect();
    let (left, all) = (stack.join(" "), TYPES.map(|ty| [ty; LOCALS].join(" ")).join(" "));
    let locals: String = (0..TYPES.len() * LOCALS).map(|i| format!("local.get {i} ")).collect();
    Some(format!(
        "(module (memory 1) (data (i32.const 0) \"\\80\\ff\\7f\\01\\f0\\ff\\ff\\ff\\00\\00\\f0\\7f\")
          (func (export \"f\") (param {all}) (result {left} {all} i32) (local $through i32)
            (block (result {left}) {operands} nop {text} (local.set $through (i32.const 1)))
            {locals} local.get $through)
          (func (export \"word\") (param i32) (result i64) (i64.load (local.get 0))))"
    ))
}

/// Arguments: every function gets each of these lists of numbers, as its parameters' types.
const ARGUMENTS: [[i64; LOCALS]; 6] = [
    [0, 0, 0, 0, 0],
    [1, 2, 3, 4, 5],
    [-1, i64::MIN, i32::MAX as i64, 7, -7],
    [65_527, 65_528, 65_531, 65_532, 65_535],
    [7, 0, 1, -1, 1 << 40],
    [1 << 31, 8, 1 << 31, 64, 3],
];

fn arguments(numbers: [i64; LOCALS]) -> Vec<Val> {
    let all = |make: fn(i64) -> Val| numbers.map(make);
    let lists: [[Val; LOCALS]; 3] = [
        all(|number| Val::I32(number as i32)),
        all(Val::I64),
        all(|number| Val::F64((number as f64 / 3.0).to_bits())),
    ];
    lists.concat()
}

/// What a run showed: results, or the trap, and words of the memory.
fn observe(engine: &Engine, text: &str, numbers: [i64; LOCALS]) -> Result<String> {
    let module = Module::new(engine, text)?;
    let mut store = Store::new(engine, ());
    // An engine without fuel refuses it, which is no matter here.
    let _ = store.set_fuel(1_000);
    let instance = Instance::new(&mut store, &module, &[])?;
    let func = instance.get_func(&mut store, "f").expect("exported");
    let mut results = vec![Val::I32(0); func.ty(&store)?.results().len()];
    let outcome = match func.call(&mut store, &arguments(numbers), &mut results) {
        Ok(()) => format!("{results:?}"),
        Err(error) => format!("{:?}", error.trap_code()),
    };
    let word = instance.get_typed_func::<i32, i64>(&mut store, "word")?;
    let words: Vec<i64> =
        [0, 7, 12, 65_528].iter().map(|at| word.call(&mut store, *at)).collect::<Result<_>>()?;
    Ok(format!("{outcome} {words:?}"))
}

#[test]
fn sequences_mean_what_their_operators_mean() -> Result<()> {
    let fused = Engine::default();
    let unfused = Engine::new(Config::new().fuse_operators(false))?;
    let metered = Engine::new(Config::new().consume_fuel(true))?;
    let mut tried = 0;
    for (code, names) in rows() {
        let mut fits = 0;
        for text in TYPES.iter().filter_map(|ty| function(&names, ty)) {
            fits += 1;
            for numbers in ARGUMENTS {
                let expected = observe(&unfused, &text, numbers)?;
                let message = || format!("{code:#x} {names:?} on {numbers:?}:\n{text}");
                assert_eq!(observe(&fused, &text, numbers)?, expected, "{}", message());
                assert_eq!(observe(&metered, &text, numbers)?, expected, "{}", message());
                tried += 1;
            }
        }
        assert!(fits > 0, "{code:#x} {names:?} fits no type");
    }
    assert!(tried > 200, "{tried} runs");
    Ok(())
}

fn rows() -> Vec<(u8, Vec<Operator>)> {
    macro_rules! rows {
        ($($code:literal ($($name:ident)*) $handler:ident $(<$($argument:ident),*>)? $($weak:ident)?;)*) => {
            vec![$(($code, vec![$(Operator::$name),*])),*]
        };
    }
    dunlin_core::for_each_fused_operator!(rows)
}
