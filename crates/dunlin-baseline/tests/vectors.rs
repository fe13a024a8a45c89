//! No operator on vectors is refused, whatever the settings are: each has its code, which is verified.

mod support;

use dunlin_baseline::Baseline;
use dunlin_core::numeric::Relaxed;
use dunlin_module::{Bounds, Compiler, Features, Module, Polls, Settings, StaticTables, Unit};
use std::sync::Arc;

macro_rules! rows {
    ($($code:literal $name:ident $text:literal $word:ident $(($($param:ident),*) -> $result:ident)?
        $($note:ident $($number:literal)?)*;
    )*) => {
        vec![$(($text, vec![$($(stringify!($param)),*)?])),*]
    };
}

/// Operators, and the types that they take from the stack.
fn operators() -> Vec<(String, Vec<&'static str>)> {
    let plain = dunlin_core::for_each_simd_operator!(rows);
    let relaxed = dunlin_core::for_each_relaxed_operator!(rows);
    let of_lanes = dunlin_core::for_each_simd_lane_operator!(rows);
    let loads = dunlin_core::for_each_simd_load_operator!(rows);
    let stores = dunlin_core::for_each_simd_store_operator!(rows);
    let lane_loads = dunlin_core::for_each_simd_lane_load_operator!(rows);
    let lane_stores = dunlin_core::for_each_simd_lane_store_operator!(rows);
    let shuffle = dunlin_core::for_each_simd_shuffle_operator!(rows);
    let constant = dunlin_core::for_each_simd_plain_operator!(rows);
    let lanes = " 0 31 1 30 2 29 3 28 4 27 5 26 6 25 7 24";
    let with = |all: Vec<(&str, Vec<&'static str>)>, immediate: &str, address: bool| {
        let all = all.into_iter().map(|(text, mut params)| {
            if address {
                params.retain(|param| *param == "v128");
                params.insert(0, "i32");
            }
            (format!("{text}{immediate}"), params)
        });
        all.collect::<Vec<_>>()
    };
    let mut all = with(plain, "", false);
    all.extend(with(relaxed, "", false));
    all.extend(with(of_lanes, " 1", false));
    all.extend(with(loads, "", true));
    all.extend(with(stores, "", true));
    all.extend(with(lane_loads, " 1", true));
    all.extend(with(lane_stores, " 1", true));
    all.extend(with(shuffle, lanes, false));
    all.extend(with(constant, " i64x2 1 2", false));
    all
}

/// How many operators the decoder knows.
fn known() -> usize {
    macro_rules! count {
        ($(@$proposal:ident $op:ident $({ $($arg:ident: $ty:ty),* })? => $visit:ident $notes:tt)*) => {
            [$(stringify!($op)),*].len()
        };
    }
    wasmparser::for_each_visit_simd_operator!(count)
}

/// A module with a function for each operator, which leaves its result alone, as nothing else reaches its end.
fn module(all: &[(String, Vec<&'static str>)]) -> Module {
    let function = |(text, params): &(String, Vec<&'static str>)| {
        let gets: String = (0..params.len()).map(|at| format!("(local.get {at})")).collect();
        format!("(func (param {}) ({text} {gets}) unreachable)", params.join(" "))
    };
    let functions: String = all.iter().map(function).collect();
    let bytes = wat::parse_str(format!("(module (memory 1) {functions})")).expect("it is text");
    Module::parse(Arc::new(bytes), Features::default()).expect("it is valid")
}

fn settings() -> Vec<Settings> {
    let guarded = Bounds::Guarded { reserved_bytes: 1 << 32, guard_bytes: 1 << 31 };
    let relaxed = [Relaxed::Deterministic, Relaxed::Fast, Relaxed::Fused];
    let all =
        [(Bounds::Explicit, false), (guarded, true)].into_iter().flat_map(|(bounds, fuel)| {
            relaxed.map(|relaxed| Settings {
                bounds,
                polls: Polls::Off,
                fuel,
                relaxed,
                ..Settings::default()
            })
        });
    all.collect()
}

#[test]
fn every_operator_on_vectors_has_its_code() {
    let all = operators();
    assert_eq!(all.len(), known());
    let module = module(&all);
    let mut checked = support::Checked::default();
    for settings in settings() {
        checked.check(&module, &StaticTables::default(), &settings, true);
        // Where there is no code for the machine, or nothing that fuses, nothing is refused one by one.
        let Ok(baseline) = Baseline::new(settings) else { continue };
        let tables = StaticTables::default();
        let mut worker = baseline.worker(&module, &tables);
        for (index, (text, _)) in (0..).zip(&all) {
            let made = worker.compile(Unit::Func(index));
            assert!(
                made.is_ok(),
                "{text}: {}",
                made.err().map_or(String::new(), |e| e.to_string())
            );
        }
    }
    checked.assert_fine();
}

#[test]
fn a_constant_stands_behind_the_code_once_and_aligned() {
    let Ok(baseline) = Baseline::new(Settings::default()) else { return };
    let text = "(module (func (param v128) (result v128)
        (i32x4.add (i32x4.mul (local.get 0) (v128.const i32x4 11 12 13 14)) (v128.const i32x4 11 12 13 14))))";
    let bytes = wat::parse_str(text).expect("it is text");
    let module = Module::parse(Arc::new(bytes), Features::default()).expect("it is valid");
    let tables = StaticTables::default();
    let made = baseline.worker(&module, &tables).compile(Unit::Func(0)).expect("it has code");
    let constant: Vec<u8> =
        [11_u32, 12, 13, 14].iter().flat_map(|lane| lane.to_le_bytes()).collect();
    let found: Vec<usize> =
        (0..=made.code.len() - 16).filter(|at| made.code[*at..at + 16] == constant).collect();
    assert_eq!(found, [made.code.len() - 16]);
    assert_eq!(found[0] % 16, 0);
    assert_eq!(made.alignment % 16, 0);
}
