//! The operators' rows, seen from another crate as handlers are generated from them: types of the
//! functions, codes, counts, texts, and that an assembler gives each text the row's code.

use dunlin_core::Operator;

/// The Rust type of a word in a row.
macro_rules! rust_type {
    (v128) => {
        dunlin_core::V128
    };
    ($ty:ident) => {
        $ty
    };
}

/// The Rust type of a row's immediate argument.
macro_rules! immediate_type {
    (lanes) => {
        u8
    };
    (shuffle) => {
        [u8; 16]
    };
    (relaxed) => {
        dunlin_core::numeric::Relaxed
    };
}

/// Each function has the type that its row says: this compiles, or a row is wrong.
macro_rules! check_types {
    ($($code:literal $name:ident $text:literal
        $function:ident ($($param:ident),*) -> $result:ident $($traps:ident)?;)*) => {$(
        const _: fn($(rust_type!($param)),*) -> check_types!(@ $result $($traps)?) =
            dunlin_core::numeric::$function;
    )*};
    (@ $result:ident) => { rust_type!($result) };
    (@ $result:ident traps) => { Result<rust_type!($result), dunlin_core::TrapCode> };
}

/// As `check_types`, for rows that access a memory.
macro_rules! check_access_types {
    ($($code:literal $name:ident $text:literal
        $function:ident ($($param:ident),*) -> $result:ident bytes $bytes:literal;)*) => {$(
        const _: fn($(rust_type!($param)),*) -> rust_type!($result) =
            dunlin_core::numeric::$function;
    )*};
}

/// As `check_types`, for rows whose functions take an immediate.
macro_rules! check_immediate_types {
    ($($code:literal $name:ident $text:literal
        $function:ident ($($param:ident),*) -> $result:ident $immediate:ident $($lanes:literal)?;)*) => {$(
        const _: fn($(rust_type!($param),)* immediate_type!($immediate)) -> rust_type!($result) =
            dunlin_core::numeric::$function;
    )*};
}

/// As `check_types`, for rows with two results.
macro_rules! check_types_twice {
    ($($code:literal $name:ident $text:literal
        $function:ident ($($param:ident),*) -> $result:ident twice;)*) => {$(
        const _: fn($($param),*) -> ($result, $result) = dunlin_core::numeric::$function;
    )*};
}

/// As `check_types`, for rows that access a memory for one lane.
macro_rules! check_lane_access_types {
    ($($code:literal $name:ident $text:literal
        $function:ident ($($param:ident),*) -> $result:ident bytes $bytes:literal lanes $lanes:literal;)*) => {$(
        const _: fn($(rust_type!($param),)* u8) -> rust_type!($result) =
            dunlin_core::numeric::$function;
    )*};
}

dunlin_core::for_each_numeric_operator!(check_types);
dunlin_core::for_each_saturating_operator!(check_types);
dunlin_core::for_each_simd_operator!(check_types);
dunlin_core::for_each_load_operator!(check_access_types);
dunlin_core::for_each_store_operator!(check_access_types);
dunlin_core::for_each_simd_load_operator!(check_access_types);
dunlin_core::for_each_simd_store_operator!(check_access_types);
dunlin_core::for_each_atomic_load_operator!(check_access_types);
dunlin_core::for_each_atomic_store_operator!(check_access_types);
dunlin_core::for_each_atomic_rmw_operator!(check_access_types);
dunlin_core::for_each_atomic_cmpxchg_operator!(check_access_types);
dunlin_core::for_each_simd_lane_operator!(check_immediate_types);
dunlin_core::for_each_simd_lane_load_operator!(check_lane_access_types);
dunlin_core::for_each_simd_lane_store_operator!(check_lane_access_types);
dunlin_core::for_each_simd_shuffle_operator!(check_immediate_types);
dunlin_core::for_each_relaxed_operator!(check_immediate_types);
dunlin_core::for_each_wide_operator!(check_types_twice);

/// What a test wants to know of a row: its operator, and how its types and immediates look.
struct Row {
    operator: Operator,
    params: &'static [&'static str],
    /// One type, or none where the row has no function.
    results: &'static [&'static str],
    notes: &'static [&'static str],
    word: &'static str,
}

/// Rows as values. A row without a function has its immediates as `word`.
macro_rules! rows {
    ($($code:literal $name:ident $text:literal
        $word:ident $(($($param:ident),*) -> $result:ident)? $($note:ident $($number:literal)?)*;)*) => {
        &[$(Row {
            operator: Operator::$name,
            params: &[$($(stringify!($param)),*)?],
            results: &[$(stringify!($result))?],
            notes: &[$(stringify!($note)),*],
            word: stringify!($word),
        }),*]
    };
}

const PLAIN: &[Row] = dunlin_core::for_each_plain_operator!(rows);
const BULK: &[Row] = dunlin_core::for_each_bulk_operator!(rows);
const GC: &[Row] = dunlin_core::for_each_gc_operator!(rows);
const LOAD: &[Row] = dunlin_core::for_each_load_operator!(rows);
const STORE: &[Row] = dunlin_core::for_each_store_operator!(rows);
const NUMERIC: &[Row] = dunlin_core::for_each_numeric_operator!(rows);
const SATURATING: &[Row] = dunlin_core::for_each_saturating_operator!(rows);
const SIMD_PLAIN: &[Row] = dunlin_core::for_each_simd_plain_operator!(rows);
const SIMD_LOAD: &[Row] = dunlin_core::for_each_simd_load_operator!(rows);
const SIMD_STORE: &[Row] = dunlin_core::for_each_simd_store_operator!(rows);
const SIMD_LANE_LOAD: &[Row] = dunlin_core::for_each_simd_lane_load_operator!(rows);
const SIMD_LANE_STORE: &[Row] = dunlin_core::for_each_simd_lane_store_operator!(rows);
const SIMD_LANE: &[Row] = dunlin_core::for_each_simd_lane_operator!(rows);
const SIMD_SHUFFLE: &[Row] = dunlin_core::for_each_simd_shuffle_operator!(rows);
const SIMD: &[Row] = dunlin_core::for_each_simd_operator!(rows);
const RELAXED: &[Row] = dunlin_core::for_each_relaxed_operator!(rows);
const WIDE: &[Row] = dunlin_core::for_each_wide_operator!(rows);

const ATOMIC_PLAIN: &[Row] = dunlin_core::for_each_atomic_plain_operator!(rows);
const WAIT: &[Row] = dunlin_core::for_each_wait_operator!(rows);
const ATOMIC_LOAD: &[Row] = dunlin_core::for_each_atomic_load_operator!(rows);
const ATOMIC_STORE: &[Row] = dunlin_core::for_each_atomic_store_operator!(rows);
const ATOMIC_RMW: &[Row] = dunlin_core::for_each_atomic_rmw_operator!(rows);
const ATOMIC_CMPXCHG: &[Row] = dunlin_core::for_each_atomic_cmpxchg_operator!(rows);

const GROUPS: &[&[Row]] = &[
    PLAIN,
    BULK,
    GC,
    LOAD,
    STORE,
    NUMERIC,
    SATURATING,
    SIMD_PLAIN,
    SIMD_LOAD,
    SIMD_STORE,
    SIMD_LANE_LOAD,
    SIMD_LANE_STORE,
    SIMD_LANE,
    SIMD_SHUFFLE,
    SIMD,
    RELAXED,
    WIDE,
    ATOMIC_PLAIN,
    WAIT,
    ATOMIC_LOAD,
    ATOMIC_STORE,
    ATOMIC_RMW,
    ATOMIC_CMPXCHG,
];

#[test]
fn codes_are_unique_and_lead_back() {
    for (number, &operator) in Operator::ALL.iter().enumerate() {
        assert_eq!(operator as usize, number, "{operator}");
        // A code given twice would lead back to its first operator.
        let back = Operator::from_code(operator.prefix(), operator.code());
        assert_eq!(back, Some(operator), "{operator}");
    }
    assert_eq!(Operator::from_code(None, 0xFF), None);
    assert_eq!(Operator::from_code(Some(0xFC), 18), None);
    assert_eq!(Operator::from_code(Some(0xFD), 0x9A), None);
    assert_eq!(Operator::from_code(Some(0xFD), 0x114), None);
    assert_eq!(Operator::from_code(Some(0xFE), 0x4F), None);
}

#[test]
fn texts_are_unique_but_for_the_typed_select_and_two_casts() {
    let mut texts: Vec<&str> = Operator::ALL.iter().map(|operator| operator.mnemonic()).collect();
    texts.sort_unstable();
    let count = texts.len();
    texts.dedup();
    assert_eq!(count - texts.len(), 3);
}

#[test]
fn every_operator_of_the_proposals_is_there() {
    let in_rows: usize = GROUPS.iter().map(|rows| rows.len()).sum();
    assert_eq!(Operator::ALL.len(), in_rows);
    let count = |prefix, codes: core::ops::RangeInclusive<u32>| {
        codes.filter(|&code| Operator::from_code(prefix, code).is_some()).count()
    };
    assert_eq!(count(None, 0x45..=0xBF), 123, "numeric operators of Wasm 1.0");
    assert_eq!(count(None, 0xC0..=0xC4), 5, "sign extension");
    assert_eq!(NUMERIC.len(), 128);
    assert_eq!(count(None, 0x28..=0x3E), 23, "loads and stores");
    assert_eq!(count(Some(0xFC), 0..=7), 8, "saturating conversions");
    assert_eq!(count(Some(0xFC), 8..=17), 10, "bulk memory and tables");
    assert_eq!(count(Some(0xFD), 0..=0xFF), 236, "fixed-width SIMD");
    assert_eq!(count(Some(0xFD), 0x100..=0x1FF), 20, "relaxed SIMD");
    assert_eq!(count(Some(0xFC), 18..=0xFF), 4, "wide arithmetic");
    assert_eq!(count(Some(0xFE), 0..=0x4E), 67, "threads");
    assert_eq!(count(None, 0x12..=0x13), 2, "tail calls");
    assert_eq!(count(Some(0xFB), 0..=0xFF), 31, "garbage collection");
    assert_eq!(count(None, 0x14..=0x15), 2, "calls by reference");
    // Control 15 with `else`, `end` and tail calls, parametric 3, variables 5, tables 2, memories 2,
    // constants 4, references 3, function references 5, and `ref.eq`.
    // Exceptions 3, and their early form 5.
    assert_eq!(PLAIN.len(), 15 + 3 + 5 + 2 + 2 + 4 + 3 + 5 + 1 + 3 + 5);
}

#[test]
fn traps_and_costs_follow_the_rows() {
    for operator in [
        Operator::Unreachable,
        Operator::CallIndirect,
        Operator::I64RemU,
        Operator::I32TruncF64U,
        Operator::F32Load,
        Operator::V128Store64Lane,
        Operator::TableInit,
        Operator::MemoryFill,
    ] {
        assert!(operator.traps(), "{operator}");
    }
    for operator in [
        Operator::Call,
        Operator::MemoryGrow,
        Operator::I32Add,
        Operator::F64Div,
        Operator::I32TruncSatF64U,
        Operator::I8x16Shuffle,
        Operator::DataDrop,
    ] {
        assert!(!operator.traps(), "{operator}");
    }
    let free: Vec<&str> = Operator::ALL
        .iter()
        .filter(|operator| operator.fuel_cost() == 0)
        .map(|operator| operator.mnemonic())
        .collect();
    let expected = [
        "unreachable",
        "nop",
        "block",
        "loop",
        "else",
        "try",
        "catch",
        "end",
        "return",
        "delegate",
        "catch_all",
        "drop",
        "try_table",
    ];
    assert_eq!(free, expected);
    assert!(Operator::ALL.iter().all(|operator| operator.fuel_cost() <= 1));
}

/// The operator's bytes in a function body.
fn encoding(operator: Operator) -> Vec<u8> {
    let Some(prefix) = operator.prefix() else { return vec![operator.code() as u8] };
    let mut bytes = vec![prefix];
    let mut code = operator.code();
    while code >= 0x80 {
        bytes.push(code as u8 | 0x80);
        code >>= 7;
    }
    bytes.push(code as u8);
    bytes
}

/// A body that ends with the operator and a marker: `i64.const 0x5EED`, which the encoding is found
/// before. The code around it need not be valid, since an assembler does not validate.
fn assemble(operator: Operator, immediates: &str) -> Vec<u8> {
    let text = format!(
        "(module (type $t (func)) (memory $m 1) (table $e 1 funcref) (global $g (mut i32) i32.const 0)
           (tag $x) (data $d \"\") (elem $s func)
           (func $f (local $l i32) i64.const 0x5EED {operator} {immediates}))"
    );
    wat::parse_str(&text).unwrap_or_else(|error| panic!("{operator}: {error}"))
}

/// The immediates in the text format for the word that a row without a function has.
fn immediates_text(word: &str) -> &'static str {
    match word {
        "none" | "reserved" | "memory" | "memory_memory" | "table" | "table_table" => "",
        "label" => "0",
        "block_type" => "end",
        "label_table" => "0 0",
        "func" => "$f",
        "type" => "$t",
        "type_type" => "$t $t",
        "type_field" => "$t 0",
        "type_count" => "$t 0",
        "type_data" => "$t $d",
        "type_element" => "$t $s",
        "non_null" => "(ref any)",
        "nullable" => "(ref null any)",
        "label_cast" => "0 (ref any) (ref any)",
        "type_table" => "(type $t)",
        "val_types" => "(result i32)",
        "heap_type" => "func",
        "local" => "$l",
        "global" => "$g",
        "tag" => "$x",
        "catches" => "end",
        "data" | "data_memory" => "$d",
        "element" | "element_table" => "$s",
        "const_i32" | "const_i64" | "const_f32" | "const_f64" => "0",
        "const_v128" => "i64x2 0 0",
        _ => panic!("a word without a template: {word}"),
    }
}

#[test]
fn an_assembler_knows_every_text_and_gives_it_the_rows_code() {
    let marker = [0x42, 0xED, 0xBD, 0x01];
    for row in GROUPS.iter().copied().flatten() {
        let operator = row.operator;
        // Neither stands without an opening: `else` needs an `if`, and `end` closes the function.
        if matches!(operator, Operator::Else | Operator::End) {
            continue;
        }
        let immediates = match row.results {
            [] => immediates_text(row.word),
            _ => function_immediates_text(row),
        };
        let binary = assemble(operator, immediates);
        let found = binary.windows(marker.len()).position(|window| window == marker);
        let found = found.expect("the marker is in the body") + marker.len();
        let expected = encoding(operator);
        assert_eq!(binary[found..found + expected.len()], expected, "{operator}");
    }
}

/// The immediates in the text format of a row with a function.
fn function_immediates_text(row: &Row) -> &'static str {
    match row.notes {
        ["shuffle"] => "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15",
        notes if notes.contains(&"lanes") => "1",
        _ => "",
    }
}

/// Whether a word of a row is raw bits of a memory access.
fn is_raw(word: &str) -> bool {
    word.starts_with('u')
}

/// A function of the row's types that applies the operator to its parameters. In place of raw bits
/// stands the address, before the operands; raw results go to memory.
fn applying_module(row: &Row) -> String {
    let loads = row.params.iter().any(|param| is_raw(param));
    let stores = row.results.iter().any(|result| is_raw(result));
    let address = if loads || stores { "i32" } else { "" };
    let params: Vec<&str> = row.params.iter().copied().filter(|param| !is_raw(param)).collect();
    let mut results: Vec<&str> =
        row.results.iter().copied().filter(|result| !is_raw(result)).collect();
    if let (true, true, [.., operand]) = (loads, stores, row.params) {
        // What reads, modifies and writes returns what it has read, as its operands' type.
        results.push(operand);
    }
    let gets: String = (0..params.len() + usize::from(loads || stores))
        .map(|local| format!("local.get {local} "))
        .collect();
    format!(
        "(module (memory 1)
           (func (param {address} {}) (result {}) {gets} {} {}))",
        params.join(" "),
        if row.notes == ["twice"] { [results[0]; 2].join(" ") } else { results.join(" ") },
        row.operator,
        function_immediates_text(row),
    )
}

#[test]
fn types_are_those_that_validation_asks_for() {
    for row in GROUPS.iter().copied().flatten().filter(|row| !row.results.is_empty()) {
        let binary = wat::parse_str(applying_module(row)).expect("the text is well-formed");
        if let Err(error) = wasmparser::validate(&binary) {
            panic!("{}: {error}", row.operator);
        }
    }
}
