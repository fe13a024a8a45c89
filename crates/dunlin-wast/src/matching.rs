//! When a result, a trap or an error is the one that a script expects.
//!
//! Floats are compared by bits, since `0.0` is not `-0.0` and a NaN's payload may matter; a script
//! that does not care about the payload says so with a pattern:
//!
//! - `nan:canonical`: the payload is the most significant bit alone, either sign;
//! - `nan:arithmetic`: the most significant bit of the payload is set, either sign.

use dunlin::{AsContext, ExternRef, Val};
use wast::core::{AbstractHeapType, HeapType, NanPattern, V128Pattern, WastRetCore};
use wast::token::{F32, F64};

/// Whether this value is the expected one.
///
/// # Errors
///
/// When the expectation needs a proposal that the engine lacks.
pub(crate) fn value_matches(
    store: &impl AsContext,
    actual: &Val,
    expected: &WastRetCore<'_>,
) -> Result<bool, String> {
    Ok(match (expected, actual) {
        (WastRetCore::I32(want), Val::I32(got)) => want == got,
        (WastRetCore::I64(want), Val::I64(got)) => want == got,
        (WastRetCore::F32(want), Val::F32(got)) => f32_matches(want, *got),
        (WastRetCore::F64(want), Val::F64(got)) => f64_matches(want, *got),
        (WastRetCore::V128(want), Val::V128(got)) => v128_matches(want, got.to_bits()),
        (
            WastRetCore::RefNull(None),
            Val::FuncRef(None) | Val::ExternRef(None) | Val::AnyRef(None) | Val::ExnRef(None),
        ) => true,
        (WastRetCore::RefNull(Some(heap)), Val::AnyRef(None)) => !is_func(heap) && !is_extern(heap),
        (WastRetCore::RefHost(want), Val::AnyRef(Some(got))) => {
            let got = got.externalize(store).map_err(|error| error.to_string())?;
            host_number(store, &got) == Some(*want)
        }
        (WastRetCore::RefAny, Val::AnyRef(got)) => got.is_some(),
        (WastRetCore::RefEq, Val::AnyRef(Some(got))) => {
            got.kind(store).is_ok_and(|kind| kind != dunlin::HeapType::Any)
        }
        (WastRetCore::RefI31, Val::AnyRef(Some(got))) => {
            got.kind(store).is_ok_and(|kind| kind == dunlin::HeapType::I31)
        }
        (WastRetCore::RefStruct, Val::AnyRef(Some(got))) => {
            got.kind(store).is_ok_and(|kind| kind == dunlin::HeapType::Struct)
        }
        (WastRetCore::RefArray, Val::AnyRef(Some(got))) => {
            got.kind(store).is_ok_and(|kind| kind == dunlin::HeapType::Array)
        }
        (WastRetCore::RefNull(Some(heap)), Val::FuncRef(None)) => is_func(heap),
        (WastRetCore::RefNull(Some(heap)), Val::ExternRef(None)) => is_extern(heap),
        (WastRetCore::RefNull(Some(heap)), Val::ExnRef(None)) => is_exn(heap),
        (WastRetCore::RefExtern(None), Val::ExternRef(got)) => got.is_some(),
        (WastRetCore::RefExtern(Some(want)), Val::ExternRef(Some(got))) => {
            host_number(store, got) == Some(*want)
        }
        (WastRetCore::RefFunc(None), Val::FuncRef(got)) => got.is_some(),
        (WastRetCore::RefFunc(Some(_)), _) => {
            return Err("`ref.func` with an index is not supported".into());
        }
        (WastRetCore::Either(cases), _) => {
            for case in cases {
                if value_matches(store, actual, case)? {
                    return Ok(true);
                }
            }
            false
        }
        _ => false,
    })
}

/// The number that a script gave to this host reference, if it is one of the script's.
fn host_number(store: &impl AsContext, reference: &ExternRef) -> Option<u32> {
    reference.data(store).ok()??.downcast_ref::<u32>().copied()
}

fn is_func(heap: &HeapType<'_>) -> bool {
    use AbstractHeapType::{Func, NoFunc};
    matches!(heap, HeapType::Abstract { shared: false, ty: Func | NoFunc })
}

fn is_extern(heap: &HeapType<'_>) -> bool {
    use AbstractHeapType::{Extern, NoExtern};
    matches!(heap, HeapType::Abstract { shared: false, ty: Extern | NoExtern })
}

fn is_exn(heap: &HeapType<'_>) -> bool {
    use AbstractHeapType::{Exn, NoExn};
    matches!(heap, HeapType::Abstract { shared: false, ty: Exn | NoExn })
}

const F32_SIGN: u32 = 1 << 31;
const F32_CANONICAL_NAN: u32 = 0x7fc0_0000;
const F64_SIGN: u64 = 1 << 63;
const F64_CANONICAL_NAN: u64 = 0x7ff8_0000_0000_0000;

fn f32_matches(expected: &NanPattern<F32>, bits: u32) -> bool {
    match expected {
        NanPattern::CanonicalNan => bits & !F32_SIGN == F32_CANONICAL_NAN,
        NanPattern::ArithmeticNan => bits & F32_CANONICAL_NAN == F32_CANONICAL_NAN,
        NanPattern::Value(want) => want.bits == bits,
    }
}

fn f64_matches(expected: &NanPattern<F64>, bits: u64) -> bool {
    match expected {
        NanPattern::CanonicalNan => bits & !F64_SIGN == F64_CANONICAL_NAN,
        NanPattern::ArithmeticNan => bits & F64_CANONICAL_NAN == F64_CANONICAL_NAN,
        NanPattern::Value(want) => want.bits == bits,
    }
}

/// Compares lane by lane; lane 0 is in the least significant bits.
fn v128_matches(expected: &V128Pattern, bits: u128) -> bool {
    let lane32 = |i: usize| (bits >> (32 * i)) as u32;
    let lane64 = |i: usize| (bits >> (64 * i)) as u64;
    match expected {
        V128Pattern::I8x16(want) => (0..16).all(|i| want[i] == (bits >> (8 * i)) as i8),
        V128Pattern::I16x8(want) => (0..8).all(|i| want[i] == (bits >> (16 * i)) as i16),
        V128Pattern::I32x4(want) => (0..4).all(|i| want[i] == lane32(i) as i32),
        V128Pattern::I64x2(want) => (0..2).all(|i| want[i] == lane64(i) as i64),
        V128Pattern::F32x4(want) => (0..4).all(|i| f32_matches(&want[i], lane32(i))),
        V128Pattern::F64x2(want) => (0..2).all(|i| f64_matches(&want[i], lane64(i))),
    }
}

/// Whether a trap's text is the one that a script expects.
///
/// The specification compares prefixes. Scripts shorten the text (`undefined` for `undefined
/// element`) and lengthen it (`uninitialized element 2` names the index), so either may be the
/// prefix of the other.
pub(crate) fn message_matches(actual: &str, expected: &str) -> bool {
    !expected.is_empty() && (actual.starts_with(expected) || expected.starts_with(actual))
}

/// A value as scripts write it; floats with their bits, which decide.
pub(crate) fn show_value(store: &impl AsContext, value: &Val) -> String {
    match value {
        Val::I32(value) => format!("(i32.const {value})"),
        Val::I64(value) => format!("(i64.const {value})"),
        Val::F32(bits) => format!("(f32.const {:?} = {bits:#010x})", f32::from_bits(*bits)),
        Val::F64(bits) => format!("(f64.const {:?} = {bits:#018x})", f64::from_bits(*bits)),
        Val::V128(value) => {
            let bits = value.to_bits();
            let lanes: Vec<String> =
                (0..4).map(|i| format!("{:#010x}", (bits >> (32 * i)) as u32)).collect();
            format!("(v128.const i32x4 {})", lanes.join(" "))
        }
        Val::FuncRef(None) => "(ref.null func)".into(),
        Val::FuncRef(Some(_)) => "(ref.func)".into(),
        Val::ExnRef(None) => "(ref.null exn)".into(),
        Val::ExnRef(Some(_)) => "(ref.exn)".into(),
        Val::AnyRef(None) => "(ref.null any)".into(),
        Val::AnyRef(Some(reference)) => match reference.kind(store) {
            Ok(kind) => format!("(ref.{kind})"),
            Err(error) => format!("({error})"),
        },
        Val::ExternRef(None) => "(ref.null extern)".into(),
        Val::ExternRef(Some(reference)) => match host_number(store, reference) {
            Some(number) => format!("(ref.extern {number})"),
            None => "(ref.extern)".into(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn f32_value(value: f32) -> NanPattern<F32> {
        NanPattern::Value(F32 { bits: value.to_bits() })
    }

    #[test]
    fn zeros_of_either_sign_differ() {
        assert!(f32_matches(&f32_value(0.0), 0));
        assert!(!f32_matches(&f32_value(0.0), (-0.0_f32).to_bits()));
    }

    #[test]
    fn a_canonical_nan_has_the_quiet_bit_alone() {
        for (bits, canonical, arithmetic) in [
            (0x7fc0_0000, true, true),
            (0xffc0_0000, true, true),
            (0x7fc0_0001, false, true),
            (0xffe0_0000, false, true),
            (0x7fa0_0000, false, false),
            (0x7f80_0000, false, false),
            (0x3f80_0000, false, false),
        ] {
            assert_eq!(f32_matches(&NanPattern::CanonicalNan, bits), canonical, "{bits:#x}");
            assert_eq!(f32_matches(&NanPattern::ArithmeticNan, bits), arithmetic, "{bits:#x}");
        }
        for (bits, canonical, arithmetic) in [
            (0x7ff8_0000_0000_0000, true, true),
            (0xfff8_0000_0000_0000, true, true),
            (0x7ff8_0000_0000_0001, false, true),
            (0x7ff4_0000_0000_0000, false, false),
            (0x7ff0_0000_0000_0000, false, false),
        ] {
            assert_eq!(f64_matches(&NanPattern::CanonicalNan, bits), canonical, "{bits:#x}");
            assert_eq!(f64_matches(&NanPattern::ArithmeticNan, bits), arithmetic, "{bits:#x}");
        }
    }

    #[test]
    fn a_signalling_nan_is_matched_by_its_bits() {
        let pattern = NanPattern::Value(F32 { bits: 0x7fa0_0000 });
        assert!(f32_matches(&pattern, 0x7fa0_0000));
        assert!(!f32_matches(&pattern, 0x7fe0_0000));
    }

    #[test]
    fn lanes_are_counted_from_the_least_significant() {
        let bits: u128 = 0x0f0e_0d0c_0b0a_0908_0706_0504_0302_0100;
        let bytes = std::array::from_fn(|i| i as i8);
        assert!(v128_matches(&V128Pattern::I8x16(bytes), bits));
        assert!(!v128_matches(&V128Pattern::I8x16(bytes), bits ^ (1 << 127)));
        let halves = std::array::from_fn(|i| 0x0100 + 0x0202 * i as i16);
        assert!(v128_matches(&V128Pattern::I16x8(halves), bits));
        let words = [0x0302_0100, 0x0706_0504, 0x0b0a_0908, 0x0f0e_0d0c];
        assert!(v128_matches(&V128Pattern::I32x4(words), bits));
        let doubles = [0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908];
        assert!(v128_matches(&V128Pattern::I64x2(doubles), bits));
        assert!(!v128_matches(&V128Pattern::I64x2([doubles[1], doubles[0]]), bits));
    }

    #[test]
    fn each_lane_of_a_float_vector_has_a_pattern_of_its_own() {
        let pattern = V128Pattern::F32x4([
            NanPattern::CanonicalNan,
            f32_value(1.0),
            NanPattern::ArithmeticNan,
            f32_value(-0.0),
        ]);
        let lanes = [0xffc0_0000_u32, 0x3f80_0000, 0x7fc0_1234, 0x8000_0000];
        let bits = |lanes: [u32; 4]| {
            lanes.iter().rev().fold(0_u128, |bits, lane| bits << 32 | u128::from(*lane))
        };
        assert!(v128_matches(&pattern, bits(lanes)));
        for lane in 0..4 {
            let mut wrong = lanes;
            wrong[lane] = 0;
            assert!(!v128_matches(&pattern, bits(wrong)), "lane {lane}");
        }
    }

    #[test]
    fn messages_match_by_prefix_in_either_direction() {
        assert!(message_matches("undefined element", "undefined element"));
        assert!(message_matches("undefined element", "undefined"));
        assert!(message_matches("uninitialized element", "uninitialized element 2"));
        assert!(!message_matches("undefined element", "uninitialized element"));
        assert!(!message_matches("unreachable", ""));
    }
}
