//! Runs the tables in `tests/tables`: one application of an operator and its outcome a line.
//!
//! A line is `operator operands… => outcome`; `;;` opens a comment. Integers are decimal or
//! hexadecimal. Floats are decimal, `inf`, `nan` (the canonical one), `nan:PAYLOAD`, each with an
//! optional sign; `#BITS` gives any value's bits. Vectors are `SHAPE(lane,lane,…)`, and fewer lanes
//! than the shape has are repeated. Loads take raw bits in place of the address, operators with an
//! immediate take it last, and relaxed ones what has been chosen for them. An outcome is a value, or two, with `nan:canonical` (either sign) and
//! `nan:arithmetic` (any quiet NaN) as the specification's tests have them, or `trap:` and a text.

use dunlin_core::numeric::Relaxed;
use dunlin_core::{TrapCode, V128, numeric};

/// A type that operands and outcomes have.
trait Word: Sized {
    /// The value that a token stands for.
    fn parse(token: &str) -> Self;
    /// Whether this is the value, or of the class of NaN, that a token stands for.
    fn matches(&self, token: &str) -> bool;
    /// The value's bits, for a message.
    fn show(&self) -> String;
}

fn parse_integer(token: &str) -> i128 {
    let (sign, digits) = match token.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, token.strip_prefix('#').unwrap_or(token)),
    };
    let magnitude = match digits.strip_prefix("0x") {
        Some(digits) => u128::from_str_radix(digits, 16).map(|bits| bits as i128),
        None => digits.parse(),
    };
    sign * magnitude.unwrap_or_else(|error| panic!("`{token}`: {error}"))
}

macro_rules! integer_words {
    ($($ty:ident)*) => {$(
        impl Word for $ty {
            fn parse(token: &str) -> Self {
                let value = parse_integer(token);
                assert!(
                    $ty::BITS > 64 || (-(1 << ($ty::BITS.min(64) - 1))..1 << $ty::BITS.min(64)).contains(&value),
                    "`{token}` is no {}",
                    stringify!($ty)
                );
                value as $ty
            }
            fn matches(&self, token: &str) -> bool {
                *self == Self::parse(token)
            }
            fn show(&self) -> String {
                format!("{self} = {self:#x}")
            }
        }
    )*};
}

integer_words!(u8 u16 u32 u64 u128 i8 i16 i32 i64);

macro_rules! float_words {
    ($($ty:ident $bits:ident)*) => {$(
        impl Word for $ty {
            fn parse(token: &str) -> Self {
                if let Some(bits) = token.strip_prefix('#') {
                    return $ty::from_bits($bits::parse(bits));
                }
                let magnitude = token.trim_start_matches('-');
                let value = match magnitude.strip_prefix("nan:") {
                    Some(payload) => {
                        $ty::from_bits($ty::INFINITY.to_bits() | $bits::parse(payload))
                    }
                    None if magnitude == "nan" => {
                        $ty::from_bits($ty::INFINITY.to_bits() | 1 << ($ty::MANTISSA_DIGITS - 2))
                    }
                    None => magnitude.parse().unwrap_or_else(|_| panic!("`{token}` is no float")),
                };
                if token.starts_with('-') { -value } else { value }
            }
            fn matches(&self, token: &str) -> bool {
                let quiet = $ty::INFINITY.to_bits() | 1 << ($ty::MANTISSA_DIGITS - 2);
                match token {
                    "nan:canonical" => self.abs().to_bits() == quiet,
                    "nan:arithmetic" => self.to_bits() & quiet == quiet,
                    _ => self.to_bits() == Self::parse(token).to_bits(),
                }
            }
            fn show(&self) -> String {
                format!("{self:?} = {:#x}", self.to_bits())
            }
        }
    )*};
}

float_words!(f32 u32 f64 u64);

/// The shape of a vector's token and its lanes.
fn vector_token(token: &str) -> (&str, Vec<&str>) {
    let (shape, lanes) = token.split_once('(').unwrap_or_else(|| panic!("`{token}` is no vector"));
    (shape, lanes.trim_end_matches(')').split(',').collect())
}

macro_rules! vector_word {
    ($($shape:literal $lane:ident $count:literal;)*) => {
        impl Word for V128 {
            fn parse(token: &str) -> Self {
                let (shape, lanes) = vector_token(token);
                match shape {
                    $($shape => V128::from(core::array::from_fn::<_, $count, _>(|i| {
                        $lane::parse(lanes[i % lanes.len()])
                    })),)*
                    _ => panic!("`{token}` has no shape"),
                }
            }
            fn matches(&self, token: &str) -> bool {
                let (shape, lanes) = vector_token(token);
                match shape {
                    $($shape => <[$lane; $count]>::from(*self)
                        .iter()
                        .enumerate()
                        .all(|(i, lane)| lane.matches(lanes[i % lanes.len()])),)*
                    _ => panic!("`{token}` has no shape"),
                }
            }
            fn show(&self) -> String {
                format!("{self:?} = {:?} = {:?}", self.to_i8x16(), self.to_f32x4())
            }
        }
    };
}

vector_word! {
    "i8x16" i8 16;
    "i16x8" i16 8;
    "i32x4" i32 4;
    "i64x2" i64 2;
    "f32x4" f32 4;
    "f64x2" f64 2;
}

impl Word for [u8; 16] {
    fn parse(token: &str) -> Self {
        V128::parse(token).to_bytes()
    }
    fn matches(&self, token: &str) -> bool {
        *self == Self::parse(token)
    }
    fn show(&self) -> String {
        format!("{self:?}")
    }
}

/// What an engine has chosen for relaxed operators, which stands as an immediate.
fn parse_relaxed(token: &str) -> Relaxed {
    match token {
        "deterministic" => Relaxed::Deterministic,
        "fast" => Relaxed::Fast,
        "fused" => Relaxed::Fused,
        _ => panic!("`{token}` is no choice"),
    }
}

/// What applying an operator gave, compared with a token: nothing if it agrees, otherwise a message.
trait Outcome {
    fn difference(self, expected: &str) -> Option<String>;
}

impl<T: Word> Outcome for T {
    fn difference(self, expected: &str) -> Option<String> {
        let agrees = !expected.starts_with("trap:") && self.matches(expected);
        (!agrees).then(|| self.show())
    }
}

impl Outcome for (i64, i64) {
    fn difference(self, expected: &str) -> Option<String> {
        let (low, high) = expected.split_once(' ').expect("two results");
        let differences = [self.0.difference(low), self.1.difference(high.trim())];
        differences.iter().any(Option::is_some).then(|| format!("{:#x} {:#x}", self.0, self.1))
    }
}

impl<T: Word> Outcome for Result<T, TrapCode> {
    fn difference(self, expected: &str) -> Option<String> {
        match (self, expected.strip_prefix("trap:")) {
            (Ok(value), _) => value.difference(expected),
            (Err(code), Some(text)) if code.text() == text.trim() => None,
            (Err(code), _) => Some(format!("trap: {code}")),
        }
    }
}

/// The Rust type of a word in a row.
macro_rules! rust_type {
    (v128) => {
        V128
    };
    ($ty:ident) => {
        $ty
    };
}

/// A function that applies the operators of rows of one shape; `None` where none has the text.
macro_rules! applier {
    ($applier:ident
     $($code:literal $name:ident $text:literal $function:ident ($($param:ident),*) -> $result:ident
       $($note:ident $($number:literal)?)*;)*) => {
        fn $applier(operator: &str, operands: &[&str], expected: &str) -> Option<Option<String>> {
            let mut operands = operands.iter();
            let difference = match operator {
                $($text => {
                    let mut next = || *operands.next().expect("an operand");
                    apply!(next $function ($($param)*) $($note)*).difference(expected)
                })*
                _ => return None,
            };
            assert_eq!(operands.next(), None, "an operand too many");
            Some(difference)
        }
    };
}

/// Applies one function to parsed operands, and to a parsed immediate where a note asks for one.
macro_rules! apply {
    ($next:ident $function:ident ($($param:ident)*) bytes lanes) => {
        apply!($next $function ($($param)*) lanes)
    };
    ($next:ident $function:ident ($($param:ident)*) lanes) => {
        numeric::$function($(<rust_type!($param)>::parse($next()),)* u8::parse($next()))
    };
    ($next:ident $function:ident ($($param:ident)*) shuffle) => {
        numeric::$function($(<rust_type!($param)>::parse($next()),)* Word::parse($next()))
    };
    ($next:ident $function:ident ($($param:ident)*) relaxed) => {
        numeric::$function($(<rust_type!($param)>::parse($next()),)* parse_relaxed($next()))
    };
    ($next:ident $function:ident ($($param:ident)*) $($note:ident)?) => {
        numeric::$function($(<rust_type!($param)>::parse($next())),*)
    };
}

/// One applier a macro of rows, and the function that asks them in turn.
macro_rules! appliers {
    ($($applier:ident $rows:ident;)*) => {
        $(dunlin_core::$rows!(applier, $applier);)*

        /// How an operator's outcome differs from the expected one, if it does.
        fn difference(operator: &str, operands: &[&str], expected: &str) -> Option<String> {
            $(if let Some(difference) = $applier(operator, operands, expected) {
                return difference;
            })*
            panic!("no row has the text `{operator}`")
        }
    };
}

appliers! {
    numeric_operator for_each_numeric_operator;
    saturating_operator for_each_saturating_operator;
    wide_operator for_each_wide_operator;
    relaxed_operator for_each_relaxed_operator;
    load_operator for_each_load_operator;
    store_operator for_each_store_operator;
    simd_operator for_each_simd_operator;
    simd_lane_operator for_each_simd_lane_operator;
    simd_shuffle_operator for_each_simd_shuffle_operator;
    simd_load_operator for_each_simd_load_operator;
    simd_store_operator for_each_simd_store_operator;
    simd_lane_load_operator for_each_simd_lane_load_operator;
    simd_lane_store_operator for_each_simd_lane_store_operator;
    atomic_load_operator for_each_atomic_load_operator;
    atomic_store_operator for_each_atomic_store_operator;
    atomic_rmw_operator for_each_atomic_rmw_operator;
    atomic_cmpxchg_operator for_each_atomic_cmpxchg_operator;
}

/// Runs a table; returns the texts of the operators that it applies.
fn check(table: &str) -> Vec<&str> {
    let mut failures = Vec::new();
    let mut operators = Vec::new();
    for (number, line) in table.lines().enumerate() {
        let case = line.split(";;").next().unwrap_or_default().trim();
        if case.is_empty() {
            continue;
        }
        let (application, expected) = case.split_once("=>").expect("a line has an outcome");
        let mut words = application.split_whitespace();
        let operator = words.next().expect("a line has an operator");
        let operands: Vec<&str> = words.collect();
        if let Some(got) = difference(operator, &operands, expected.trim()) {
            failures.push(format!("line {}: {case}\n    got {got}", number + 1));
        }
        operators.push(operator);
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    operators
}

const INTEGER: &str = include_str!("tables/integer.txt");
const FLOAT: &str = include_str!("tables/float.txt");
const CONVERSION: &str = include_str!("tables/conversion.txt");
const VECTOR: &str = include_str!("tables/vector.txt");
const VECTOR_FLOAT: &str = include_str!("tables/vector_float.txt");
const WIDE: &str = include_str!("tables/wide.txt");
const RELAXED: &str = include_str!("tables/relaxed.txt");
const MEMORY: &str = include_str!("tables/memory.txt");
const ATOMIC: &str = include_str!("tables/atomic.txt");

#[test]
fn integers() {
    check(INTEGER);
}

#[test]
fn floats() {
    check(FLOAT);
}

#[test]
fn conversions() {
    check(CONVERSION);
}

#[test]
fn vectors_of_integers() {
    check(VECTOR);
}

#[test]
fn vectors_of_floats() {
    check(VECTOR_FLOAT);
}

#[test]
fn integers_of_two_halves() {
    check(WIDE);
}

#[test]
fn relaxed_vectors() {
    check(RELAXED);
}

#[test]
fn accesses_of_memory() {
    check(MEMORY);
}

#[test]
fn atomic_accesses_of_memory() {
    check(ATOMIC);
}

#[test]
fn every_operator_with_a_function_has_a_line() {
    let tables = [INTEGER, FLOAT, CONVERSION, VECTOR, VECTOR_FLOAT, WIDE, RELAXED, MEMORY, ATOMIC];
    let tested: Vec<&str> = tables.into_iter().flat_map(check).collect();
    macro_rules! texts {
        ($($code:literal $name:ident $text:literal
           $word:ident $(($($param:ident),*) -> $result:ident)? $($note:ident $($number:literal)?)*;)*) => {
            [$($text),*]
        };
    }
    let without_function: Vec<&str> = dunlin_core::for_each_plain_operator!(texts)
        .into_iter()
        .chain(dunlin_core::for_each_bulk_operator!(texts))
        .chain(dunlin_core::for_each_simd_plain_operator!(texts))
        .chain(dunlin_core::for_each_atomic_plain_operator!(texts))
        .chain(dunlin_core::for_each_wait_operator!(texts))
        .chain(dunlin_core::for_each_gc_operator!(texts))
        .collect();
    let missing: Vec<&str> = dunlin_core::Operator::ALL
        .iter()
        .map(|operator| operator.mnemonic())
        .filter(|text| !without_function.contains(text) && !tested.contains(text))
        .collect();
    assert!(missing.is_empty(), "without a line: {missing:?}");
}

#[test]
#[should_panic(expected = "got 2 = 0x2")]
fn a_wrong_outcome_fails() {
    check("i32.add 1 1 => 3");
}
