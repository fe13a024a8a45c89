//! Relaxed vector operators: all tiers give the same results on one machine, whatever those are, and the
//! results of the deterministic profile where the configuration asks for it.

#![cfg(all(feature = "optimize", target_arch = "x86_64", target_os = "linux"))]

mod support {
    #![allow(clippy::mod_module_files, reason = "one file of a shared folder")]
    pub(crate) mod random;
}

use dunlin::{Config, Engine, Instance, Module, Store, Tier, V128, Val};
use support::random::Random;

/// Operators: name, operands, and bits of a lane where lanes may be NaN.
const OPERATORS: [(&str, usize, u32); 20] = [
    ("i8x16.relaxed_swizzle", 2, 0),
    ("i32x4.relaxed_trunc_f32x4_s", 1, 0),
    ("i32x4.relaxed_trunc_f32x4_u", 1, 0),
    ("i32x4.relaxed_trunc_f64x2_s_zero", 1, 0),
    ("i32x4.relaxed_trunc_f64x2_u_zero", 1, 0),
    ("f32x4.relaxed_madd", 3, 32),
    ("f32x4.relaxed_nmadd", 3, 32),
    ("f64x2.relaxed_madd", 3, 64),
    ("f64x2.relaxed_nmadd", 3, 64),
    ("i8x16.relaxed_laneselect", 3, 0),
    ("i16x8.relaxed_laneselect", 3, 0),
    ("i32x4.relaxed_laneselect", 3, 0),
    ("i64x2.relaxed_laneselect", 3, 0),
    ("f32x4.relaxed_min", 2, 32),
    ("f32x4.relaxed_max", 2, 32),
    ("f64x2.relaxed_min", 2, 64),
    ("f64x2.relaxed_max", 2, 64),
    ("i16x8.relaxed_q15mulr_s", 2, 0),
    ("i16x8.relaxed_dot_i8x16_i7x16_s", 2, 0),
    ("i32x4.relaxed_dot_i8x16_i7x16_add_s", 3, 0),
];

/// The operator that each is in the deterministic profile, as a text of the operands `$0`, `$1`, `$2`.
const DETERMINISTIC: [&str; 20] = [
    "(i8x16.swizzle $0 $1)",
    "(i32x4.trunc_sat_f32x4_s $0)",
    "(i32x4.trunc_sat_f32x4_u $0)",
    "(i32x4.trunc_sat_f64x2_s_zero $0)",
    "(i32x4.trunc_sat_f64x2_u_zero $0)",
    "(f32x4.add (f32x4.mul $0 $1) $2)",
    "(f32x4.add (f32x4.mul (f32x4.neg $0) $1) $2)",
    "(f64x2.add (f64x2.mul $0 $1) $2)",
    "(f64x2.add (f64x2.mul (f64x2.neg $0) $1) $2)",
    "(v128.bitselect $0 $1 $2)",
    "(v128.bitselect $0 $1 $2)",
    "(v128.bitselect $0 $1 $2)",
    "(v128.bitselect $0 $1 $2)",
    "(f32x4.min $0 $1)",
    "(f32x4.max $0 $1)",
    "(f64x2.min $0 $1)",
    "(f64x2.max $0 $1)",
    "(i16x8.q15mulr_sat_s $0 $1)",
    "(i16x8.add_sat_s
        (i16x8.mul (i16x8.shr_s (i16x8.shl $0 (i32.const 8)) (i32.const 8))
                   (i16x8.shr_s (i16x8.shl $1 (i32.const 8)) (i32.const 8)))
        (i16x8.mul (i16x8.shr_s $0 (i32.const 8)) (i16x8.shr_s $1 (i32.const 8))))",
    "(i32x4.add (i32x4.extadd_pairwise_i16x8_s (i16x8.add_sat_s
        (i16x8.mul (i16x8.shr_s (i16x8.shl $0 (i32.const 8)) (i32.const 8))
                   (i16x8.shr_s (i16x8.shl $1 (i32.const 8)) (i32.const 8)))
        (i16x8.mul (i16x8.shr_s $0 (i32.const 8)) (i16x8.shr_s $1 (i32.const 8))))) $2)",
];

/// One function for each operator, of three vectors.
fn module(text: impl Fn(usize) -> String) -> String {
    let functions: String = (0..OPERATORS.len())
        .map(|index| {
            let body = text(index);
            format!("(func (export \"{index}\") (param v128 v128 v128) (result v128) {body})\n")
        })
        .collect();
    format!("(module {functions})")
}

fn relaxed() -> String {
    module(|index| {
        let (name, operands, _) = OPERATORS[index];
        let operands: String = (0..operands).map(|i| format!("(local.get {i})")).collect();
        format!("({name} {operands})")
    })
}

fn ordinary() -> String {
    module(|index| {
        let body = DETERMINISTIC[index].to_owned();
        (0..3).fold(body, |body, i| body.replace(&format!("${i}"), &format!("(local.get {i})")))
    })
}

/// An instance, and the function of each operator.
struct Guest(Store<()>, Instance);

impl Guest {
    fn new(text: &str, tier: Tier, deterministic: bool) -> Self {
        let mut config = Config::new();
        config.tier(tier).relaxed_simd_deterministic(deterministic);
        let engine = Engine::new(&config).expect("both tiers are there");
        let module = Module::new(&engine, text).expect("the module is valid");
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[]).expect("nothing is imported");
        Self(store, instance)
    }

    fn call(&mut self, index: usize, operands: [u128; 3]) -> u128 {
        let func = self.1.get_func(&mut self.0, &index.to_string()).expect("an export");
        let mut results = [Val::I32(0)];
        let operands = operands.map(|bits| Val::V128(V128::from(bits)));
        func.call(&mut self.0, &operands, &mut results).expect("nothing traps");
        let [Val::V128(vector)] = results else { panic!("{results:?}") };
        one_nan(vector.into(), OPERATORS[index].2)
    }
}

/// The vector with every lane that is NaN replaced by one NaN: which one it is, no operator promises.
fn one_nan(bits: u128, lane: u32) -> u128 {
    let lanes = |nan: u128, infinity: u128, mask: u128| {
        (0..128).step_by(lane as usize).fold(0, |vector, at| {
            let lane = bits >> at & mask;
            let is_nan = lane & (mask >> 1) > infinity;
            vector | (if is_nan { nan } else { lane }) << at
        })
    };
    match lane {
        32 => lanes(0x7FC0_0000, 0x7F80_0000, u32::MAX.into()),
        64 => lanes(0x7FF8 << 48, 0x7FF0 << 48, u64::MAX.into()),
        _ => bits,
    }
}

impl Random {
    /// A vector of lanes of a width of its own, among which edges of all types are frequent.
    fn vector(&mut self) -> u128 {
        const EDGES: [u64; 12] = [
            0,
            u64::MAX,
            0x8000_8000_8000_8000,
            0x8080_8080_8080_8080,
            0x7F7F_7F7F_7F7F_7F7F,
            0x8000_0000_8000_0000,
            0x8000_0000_0000_0000,
            0x4F00_0000_CF00_0000,
            0x7F80_0000_FFC0_0001,
            0x41E0_0000_0000_0000,
            0xC1E0_0000_0020_0000,
            0x3F80_0001_3F80_0001,
        ];
        let half = |random: &mut Self| match random.next() % 6 {
            0 | 1 => EDGES[(random.next() % 12) as usize],
            2 => (random.next() as i32 as f64 / 64.0).to_bits(),
            3 => {
                let lane = |random: &mut Self| u64::from((random.next() as i32 as f32).to_bits());
                lane(random) << 32 | lane(random)
            }
            // Numbers around one, whose products have more digits than they.
            4 => (1.0 + (random.next() >> 11) as f64 / (1_u64 << 53) as f64).to_bits(),
            _ => random.next(),
        };
        u128::from(half(self)) << 64 | u128::from(half(self))
    }
}

const ROUNDS: u32 = if cfg!(debug_assertions) { 4_000 } else { 40_000 };

#[track_caller]
fn agree(mut first: Guest, mut second: Guest) {
    let mut random = Random(0x5EED_0000_D011_1135);
    for _ in 0..ROUNDS {
        let operands = [random.vector(), random.vector(), random.vector()];
        for (index, (name, ..)) in OPERATORS.iter().enumerate() {
            let (one, other) = (first.call(index, operands), second.call(index, operands));
            assert_eq!(one, other, "{name} of {operands:#034x?}: {one:#034x}, {other:#034x}");
        }
    }
}

#[test]
fn tiers_agree() {
    for deterministic in [false, true] {
        let guest = |tier| Guest::new(&relaxed(), tier, deterministic);
        agree(guest(Tier::Interp), guest(Tier::Optimize));
        agree(guest(Tier::Interp), guest(Tier::Baseline));
    }
}

#[test]
fn deterministic_operators_are_those_of_the_profile() {
    for tier in [Tier::Interp, Tier::Baseline, Tier::Optimize] {
        agree(Guest::new(&relaxed(), tier, true), Guest::new(&ordinary(), Tier::Interp, true));
    }
}

#[test]
fn the_fast_results_are_used_where_nobody_asks_otherwise() {
    let min = 0x8000_u128;
    for (deterministic, q15, dot) in [(true, 0x7FFF, 0xFFFE), (false, min, 510)] {
        for tier in [Tier::Interp, Tier::Baseline, Tier::Optimize] {
            let mut guest = Guest::new(&relaxed(), tier, deterministic);
            assert_eq!(guest.call(17, [min, min, 0]), q15, "{tier:?}");
            assert_eq!(guest.call(18, [0x0101, 0xFFFF, 0]), dot, "{tier:?}");
        }
    }
}

/// What a function is interpreted with first is what its compiled code gives later.
#[test]
fn results_stay_when_code_is_made_late() {
    let engine = Engine::default();
    let module = Module::new(&engine, relaxed()).expect("the module is valid");
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[]).expect("nothing is imported");
    let mut guest = Guest(store, instance);
    let mut random = Random(7);
    let operands: Vec<_> =
        (0..100).map(|_| [random.vector(), random.vector(), random.vector()]).collect();
    let mut all = || -> Vec<u128> {
        let each = |operands: &[u128; 3]| -> Vec<u128> {
            (0..OPERATORS.len()).map(|index| guest.call(index, *operands)).collect()
        };
        operands.iter().flat_map(each).collect()
    };
    let before = all();
    assert!(module.optimize().expect("code is made"));
    assert_eq!(before, all());
}
