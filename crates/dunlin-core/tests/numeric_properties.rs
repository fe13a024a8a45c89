//! Properties over pseudo-random operands: rounding agrees with the standard library's, truncation
//! with exact integers, and every lane of a vector with an independent statement of its meaning.

use dunlin_core::{TrapCode, V128, numeric};

/// How many operands each property is tried with; enough to meet every exponent many times.
const ROUNDS: u32 = 200_000;

/// A generator of pseudo-random numbers (Marsaglia's xorshift64*), so that failures repeat.
struct Random(u64);

impl Random {
    fn new() -> Self {
        Self(0x5EED_0000_D011_1135)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// Bits in which long runs of ones and zeros, and thus edges of every type, are frequent.
    fn bits(&mut self) -> u64 {
        let word = self.next();
        match self.next() % 8 {
            0 => 0,
            1 => u64::MAX,
            2 => 1 << (word % 64),
            3 => (1_u64 << (word % 64)).wrapping_sub(1),
            4 => !(1_u64 << (word % 64)),
            _ => word,
        }
    }

    /// A vector whose bytes, words or halves are edges, each with its own kind.
    fn vector(&mut self) -> V128 {
        let lane = 1_usize << (self.next() % 4);
        let mut bytes = [0; 16];
        for lane in bytes.chunks_mut(lane) {
            lane.copy_from_slice(&self.bits().rotate_left(8).to_le_bytes()[..lane.len()]);
        }
        V128::from_bytes(bytes)
    }
}

/// Compares rounding with the standard library's, whose NaN need not be quiet.
macro_rules! rounding_property {
    ($test:ident $float:ident $bits:ident: $($ours:ident $theirs:ident)*) => {
        #[test]
        fn $test() {
            let mut random = Random::new();
            let quiet_bit = 1 << ($float::MANTISSA_DIGITS - 2);
            for round in 0..ROUNDS {
                // Every fourth operand is small enough to have a fraction, with both signs.
                let operand = match round % 4 {
                    0 => random.next() as i32 as $float / 64.0,
                    _ => $float::from_bits(random.bits() as $bits),
                };
                $(
                    let got = numeric::$ours(operand);
                    let expected = operand.$theirs();
                    if operand.is_nan() {
                        assert_eq!(got.to_bits(), operand.to_bits() | quiet_bit);
                    } else {
                        assert_eq!(got.to_bits(), expected.to_bits(), "{operand:?}");
                    }
                )*
            }
        }
    };
}

rounding_property! { f32_rounds_as_the_standard_library f32 u32:
    f32_ceil ceil f32_floor floor f32_trunc trunc f32_nearest round_ties_even
}
rounding_property! { f64_rounds_as_the_standard_library f64 u64:
    f64_ceil ceil f64_floor floor f64_trunc trunc f64_nearest round_ties_even
}

/// A truncation's exact outcome: `as i128` is exact for every finite float of these tests, because
/// those beyond saturate outside all ranges.
fn exact_truncation(value: i128, is_nan: bool, low: i128, high: i128) -> Result<i128, TrapCode> {
    match value {
        _ if is_nan => Err(TrapCode::InvalidConversionToInteger),
        value if (low..=high).contains(&value) => Ok(value),
        _ => Err(TrapCode::IntegerOverflow),
    }
}

#[test]
fn truncations_trap_exactly_outside_the_range() {
    let mut random = Random::new();
    macro_rules! check {
        ($float:ident $operand:ident: $($function:ident $saturating:ident $range:ident;)*) => {$(
            let exact = exact_truncation(
                $operand as i128,
                $operand.is_nan(),
                $range::MIN as i128,
                $range::MAX as i128,
            );
            let got = numeric::$function($operand).map(|value| value as $range as i128);
            assert_eq!(got, exact, "{} {:?}", stringify!($function), $operand);
            let saturated = ($operand as i128).clamp($range::MIN as i128, $range::MAX as i128);
            let got = numeric::$saturating($operand) as $range as i128;
            assert_eq!(got, saturated, "{} {:?}", stringify!($saturating), $operand);
        )*};
    }
    for _ in 0..ROUNDS {
        // Around a power of two, where the ranges end, within a few units in the last place.
        let steps = random.next() % 5;
        let sign = if random.next() & 1 == 0 { 1.0 } else { -1.0 };
        let power = ((random.next() % 80) as f64).exp2() * sign;
        let narrow = f32::from_bits((power as f32).to_bits().wrapping_add(steps as u32) - 2);
        let wide = f64::from_bits(power.to_bits().wrapping_add(steps) - 2);
        let any_narrow = f32::from_bits(random.bits() as u32);
        let any_wide = f64::from_bits(random.bits());
        for x in [narrow, any_narrow] {
            check! { f32 x:
                i32_trunc_f32_s i32_trunc_sat_f32_s i32;
                i32_trunc_f32_u i32_trunc_sat_f32_u u32;
                i64_trunc_f32_s i64_trunc_sat_f32_s i64;
                i64_trunc_f32_u i64_trunc_sat_f32_u u64;
            }
        }
        for x in [wide, any_wide] {
            check! { f64 x:
                i32_trunc_f64_s i32_trunc_sat_f64_s i32;
                i32_trunc_f64_u i32_trunc_sat_f64_u u32;
                i64_trunc_f64_s i64_trunc_sat_f64_s i64;
                i64_trunc_f64_u i64_trunc_sat_f64_u u64;
            }
        }
    }
}

#[test]
fn division_agrees_with_exact_integers() {
    let mut random = Random::new();
    macro_rules! check {
        ($lhs:ident $rhs:ident: $($function:ident $range:ident $operation:tt;)*) => {$(
            let (lhs, rhs) = ($lhs as $range as i128, $rhs as $range as i128);
            let expected = match rhs {
                0 => Err(TrapCode::IntegerDivisionByZero),
                _ if $range::try_from(lhs $operation rhs).is_err() => Err(TrapCode::IntegerOverflow),
                _ => Ok(lhs $operation rhs),
            };
            let got = numeric::$function($lhs as _, $rhs as _).map(|value| value as $range as i128);
            assert_eq!(got, expected, "{} {lhs} {rhs}", stringify!($function));
        )*};
    }
    for _ in 0..ROUNDS {
        let (lhs, rhs) = (random.bits(), random.bits());
        check! { lhs rhs:
            i32_div_s i32 /; i32_div_u u32 /; i32_rem_s i32 %; i32_rem_u u32 %;
            i64_div_s i64 /; i64_div_u u64 /; i64_rem_s i64 %; i64_rem_u u64 %;
        }
    }
}

/// Compares each lane of operators with a statement of its meaning in exact integers, cut to the
/// lane's width; the lane type says how the operands are read.
macro_rules! integer_lanes_property {
    ($test:ident $count:literal: $($function:ident $lane:ident $meaning:expr;)*) => {
        #[test]
        fn $test() {
            let mut random = Random::new();
            for _ in 0..ROUNDS / 20 {
                let (lhs, rhs) = (random.vector(), random.vector());
                $(
                    let got = <[$lane; $count]>::from(numeric::$function(lhs, rhs));
                    let (a, b) = (<[$lane; $count]>::from(lhs), <[$lane; $count]>::from(rhs));
                    let meaning: fn(i128, i128) -> i128 = $meaning;
                    for i in 0..$count {
                        let expected = meaning(i128::from(a[i]), i128::from(b[i])) as $lane;
                        assert_eq!(got[i], expected, "{} {} {}", stringify!($function), a[i], b[i]);
                    }
                )*
            }
        }
    };
}

/// A comparison's lane.
fn mask(condition: bool) -> i128 {
    if condition { -1 } else { 0 }
}

integer_lanes_property! { bytes_agree_with_exact_integers 16:
    i8x16_add i8 |a, b| a + b;
    i8x16_sub i8 |a, b| a - b;
    i8x16_add_sat_s i8 |a, b| (a + b).clamp(-128, 127);
    i8x16_add_sat_u u8 |a, b| (a + b).min(255);
    i8x16_sub_sat_s i8 |a, b| (a - b).clamp(-128, 127);
    i8x16_sub_sat_u u8 |a, b| (a - b).max(0);
    i8x16_avgr_u u8 |a, b| (a + b + 1) / 2;
    i8x16_min_s i8 |a, b| a.min(b);
    i8x16_min_u u8 |a, b| a.min(b);
    i8x16_max_s i8 |a, b| a.max(b);
    i8x16_max_u u8 |a, b| a.max(b);
    i8x16_eq i8 |a, b| mask(a == b);
    i8x16_ne i8 |a, b| mask(a != b);
    i8x16_lt_s i8 |a, b| mask(a < b);
    i8x16_lt_u u8 |a, b| mask(a < b);
    i8x16_gt_s i8 |a, b| mask(a > b);
    i8x16_gt_u u8 |a, b| mask(a > b);
    i8x16_le_s i8 |a, b| mask(a <= b);
    i8x16_le_u u8 |a, b| mask(a <= b);
    i8x16_ge_s i8 |a, b| mask(a >= b);
    i8x16_ge_u u8 |a, b| mask(a >= b);
    v128_and u8 |a, b| a & b;
    v128_andnot u8 |a, b| a & !b;
    v128_or u8 |a, b| a | b;
    v128_xor u8 |a, b| a ^ b;
}

integer_lanes_property! { lanes_of_16_bits_agree_with_exact_integers 8:
    i16x8_add i16 |a, b| a + b;
    i16x8_sub i16 |a, b| a - b;
    i16x8_mul i16 |a, b| a * b;
    i16x8_add_sat_s i16 |a, b| (a + b).clamp(-32768, 32767);
    i16x8_add_sat_u u16 |a, b| (a + b).min(65535);
    i16x8_sub_sat_s i16 |a, b| (a - b).clamp(-32768, 32767);
    i16x8_sub_sat_u u16 |a, b| (a - b).max(0);
    i16x8_q15mulr_sat_s i16 |a, b| ((a * b + 0x4000) >> 15).clamp(-32768, 32767);
    i16x8_avgr_u u16 |a, b| (a + b + 1) / 2;
    i16x8_min_s i16 |a, b| a.min(b);
    i16x8_min_u u16 |a, b| a.min(b);
    i16x8_max_s i16 |a, b| a.max(b);
    i16x8_max_u u16 |a, b| a.max(b);
    i16x8_eq i16 |a, b| mask(a == b);
    i16x8_ne i16 |a, b| mask(a != b);
    i16x8_lt_s i16 |a, b| mask(a < b);
    i16x8_lt_u u16 |a, b| mask(a < b);
    i16x8_gt_s i16 |a, b| mask(a > b);
    i16x8_gt_u u16 |a, b| mask(a > b);
    i16x8_le_s i16 |a, b| mask(a <= b);
    i16x8_le_u u16 |a, b| mask(a <= b);
    i16x8_ge_s i16 |a, b| mask(a >= b);
    i16x8_ge_u u16 |a, b| mask(a >= b);
}

integer_lanes_property! { lanes_of_32_bits_agree_with_exact_integers 4:
    i32x4_add i32 |a, b| a + b;
    i32x4_sub i32 |a, b| a - b;
    i32x4_mul i32 |a, b| a * b;
    i32x4_min_s i32 |a, b| a.min(b);
    i32x4_min_u u32 |a, b| a.min(b);
    i32x4_max_s i32 |a, b| a.max(b);
    i32x4_max_u u32 |a, b| a.max(b);
    i32x4_eq i32 |a, b| mask(a == b);
    i32x4_ne i32 |a, b| mask(a != b);
    i32x4_lt_s i32 |a, b| mask(a < b);
    i32x4_lt_u u32 |a, b| mask(a < b);
    i32x4_gt_s i32 |a, b| mask(a > b);
    i32x4_gt_u u32 |a, b| mask(a > b);
    i32x4_le_s i32 |a, b| mask(a <= b);
    i32x4_le_u u32 |a, b| mask(a <= b);
    i32x4_ge_s i32 |a, b| mask(a >= b);
    i32x4_ge_u u32 |a, b| mask(a >= b);
    i32x4_dot_i16x8_s i32 |a, b| {
        let low = i128::from(a as i16) * i128::from(b as i16);
        low + (a >> 16) * (b >> 16)
    };
}

integer_lanes_property! { lanes_of_64_bits_agree_with_exact_integers 2:
    i64x2_add i64 |a, b| a + b;
    i64x2_sub i64 |a, b| a - b;
    i64x2_mul i64 |a, b| a * b;
    i64x2_eq i64 |a, b| mask(a == b);
    i64x2_ne i64 |a, b| mask(a != b);
    i64x2_lt_s i64 |a, b| mask(a < b);
    i64x2_gt_s i64 |a, b| mask(a > b);
    i64x2_le_s i64 |a, b| mask(a <= b);
    i64x2_ge_s i64 |a, b| mask(a >= b);
}

/// What two NaN results may differ in is the payload; other results are equal bit by bit.
macro_rules! assert_same_float {
    ($got:expr, $expected:expr, $name:expr) => {
        let (got, expected) = ($got, $expected);
        if expected.is_nan() {
            assert!(got.is_nan(), "{}: {got:?}", $name);
        } else {
            assert_eq!(got.to_bits(), expected.to_bits(), "{}", $name);
        }
    };
}

/// Compares each lane of float operators with the scalar operator, which, unlike the vector, is kept
/// from being vectorised.
macro_rules! float_lanes_property {
    ($test:ident $float:ident $bits:ident $count:literal:
     unary { $($unary:ident $scalar_unary:ident)* }
     binary { $($binary:ident $scalar_binary:ident)* }
     compare { $($compare:ident $scalar_compare:ident)* }
    ) => {
        #[test]
        fn $test() {
            let mut random = Random::new();
            for _ in 0..ROUNDS / 20 {
                let (lhs, rhs) = (random.vector(), random.vector());
                let (a, b) = (<[$float; $count]>::from(lhs), <[$float; $count]>::from(rhs));
                $(
                    let got = <[$float; $count]>::from(numeric::$unary(lhs));
                    for i in 0..$count {
                        let expected = numeric::$scalar_unary(core::hint::black_box(a[i]));
                        assert_same_float!(got[i], expected, stringify!($unary));
                    }
                )*
                $(
                    let got = <[$float; $count]>::from(numeric::$binary(lhs, rhs));
                    for i in 0..$count {
                        let expected = numeric::$scalar_binary(core::hint::black_box(a[i]), b[i]);
                        assert_same_float!(got[i], expected, stringify!($binary));
                    }
                )*
                $(
                    let got = <[$bits; $count]>::from(numeric::$compare(lhs, rhs));
                    for i in 0..$count {
                        let holds = numeric::$scalar_compare(core::hint::black_box(a[i]), b[i]);
                        let expected = if holds == 1 { $bits::MAX } else { 0 };
                        assert_eq!(got[i], expected, stringify!($compare));
                    }
                )*
            }
        }
    };
}

float_lanes_property! { lanes_of_f32_agree_with_scalars f32 u32 4:
    unary {
        f32x4_abs f32_abs f32x4_neg f32_neg f32x4_sqrt f32_sqrt f32x4_ceil f32_ceil
        f32x4_floor f32_floor f32x4_trunc f32_trunc f32x4_nearest f32_nearest
    }
    binary {
        f32x4_add f32_add f32x4_sub f32_sub f32x4_mul f32_mul f32x4_div f32_div
        f32x4_min f32_min f32x4_max f32_max
    }
    compare {
        f32x4_eq f32_eq f32x4_ne f32_ne f32x4_lt f32_lt f32x4_gt f32_gt f32x4_le f32_le
        f32x4_ge f32_ge
    }
}

float_lanes_property! { lanes_of_f64_agree_with_scalars f64 u64 2:
    unary {
        f64x2_abs f64_abs f64x2_neg f64_neg f64x2_sqrt f64_sqrt f64x2_ceil f64_ceil
        f64x2_floor f64_floor f64x2_trunc f64_trunc f64x2_nearest f64_nearest
    }
    binary {
        f64x2_add f64_add f64x2_sub f64_sub f64x2_mul f64_mul f64x2_div f64_div
        f64x2_min f64_min f64x2_max f64_max
    }
    compare {
        f64x2_eq f64_eq f64x2_ne f64_ne f64x2_lt f64_lt f64x2_gt f64_gt f64x2_le f64_le
        f64x2_ge f64_ge
    }
}

#[test]
fn smaller_and_larger_order_zeros_and_keep_nan() {
    let mut random = Random::new();
    macro_rules! check {
        ($($min:ident $max:ident $float:ident $bits:ident;)*) => {$(
            let a = $float::from_bits(random.bits() as $bits);
            let b = $float::from_bits(random.bits() as $bits);
            let (min, max) = (numeric::$min(a, b), numeric::$max(a, b));
            if a.is_nan() || b.is_nan() {
                let quiet = $float::NAN.to_bits() & !(1 << ($bits::BITS - 1));
                assert_eq!(min.to_bits() & quiet, quiet, "{a:?} {b:?}");
                assert_eq!(max.to_bits() & quiet, quiet, "{a:?} {b:?}");
            } else {
                // The total order agrees with `<` on numbers and puts -0.0 before 0.0.
                let (low, high) = if a.total_cmp(&b).is_le() { (a, b) } else { (b, a) };
                assert_eq!(min.to_bits(), low.to_bits(), "{a:?} {b:?}");
                assert_eq!(max.to_bits(), high.to_bits(), "{a:?} {b:?}");
            }
        )*};
    }
    for _ in 0..ROUNDS {
        check! { f32_min f32_max f32 u32; f64_min f64_max f64 u64; }
    }
}

#[test]
fn lanes_move_as_bytes_do() {
    let mut random = Random::new();
    for _ in 0..ROUNDS / 20 {
        let (lhs, rhs) = (random.vector(), random.vector());
        let (a, b) = (lhs.to_bytes(), rhs.to_bytes());
        let lanes = random.vector().to_bytes().map(|lane| lane & 31);
        let shuffled = numeric::i8x16_shuffle(lhs, rhs, lanes).to_bytes();
        let swizzled = numeric::i8x16_swizzle(lhs, rhs).to_bytes();
        let ones = numeric::i8x16_popcnt(lhs).to_bytes();
        for i in 0..16 {
            let lane = usize::from(lanes[i]);
            assert_eq!(shuffled[i], if lane < 16 { a[lane] } else { b[lane - 16] });
            assert_eq!(swizzled[i], a.get(usize::from(b[i])).copied().unwrap_or(0));
            assert_eq!(u32::from(ones[i]), a[i].count_ones());
        }
        let signs = |bytes: usize| -> i32 {
            a.chunks(bytes).enumerate().map(|(i, lane)| i32::from(lane[bytes - 1] >> 7) << i).sum()
        };
        assert_eq!(numeric::i8x16_bitmask(lhs), signs(1));
        assert_eq!(numeric::i16x8_bitmask(lhs), signs(2));
        assert_eq!(numeric::i32x4_bitmask(lhs), signs(4));
        assert_eq!(numeric::i64x2_bitmask(lhs), signs(8));
        let all_true =
            |bytes: usize| i32::from(a.chunks(bytes).all(|lane| lane != &[0; 8][..bytes]));
        assert_eq!(numeric::i8x16_all_true(lhs), all_true(1));
        assert_eq!(numeric::i16x8_all_true(lhs), all_true(2));
        assert_eq!(numeric::i32x4_all_true(lhs), all_true(4));
        assert_eq!(numeric::i64x2_all_true(lhs), all_true(8));
        assert_eq!(V128::from_halves(lhs.halves().0, lhs.halves().1), lhs);
        assert_eq!(V128::from_bits(lhs.to_bits()), lhs);
    }
}
