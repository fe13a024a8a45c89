//! Values in neither engine's words, and how calls end.

use crate::random::Random;
use std::fmt;

/// The type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `i32`
    I32,
    /// `i64`
    I64,
    /// `f32`
    F32,
    /// `f64`
    F64,
    /// `v128`
    V128,
    /// `funcref`
    Func,
    /// `externref`
    Extern,
}

/// A value as both engines can say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    /// The bits of an `i32`.
    I32(u32),
    /// The bits of an `i64`.
    I64(u64),
    /// The bits of an `f32`.
    F32(u32),
    /// The bits of an `f64`.
    F64(u64),
    /// The bits of a `v128`.
    V128(u128),
    /// Null, or a function with so many parameters and results: more cannot be said of it in both.
    Func(Option<(u32, u32)>),
    /// Null, or the host's number.
    Extern(Option<u32>),
}

/// Integers at which something changes.
const INTEGERS: [u64; 12] =
    [0, 1, 2, 7, 64, 65_535, 65_536, i32::MAX as u64, 1 << 31, u32::MAX as u64, 1 << 63, u64::MAX];

/// Floats at which something changes: zeros, one, infinities, the edges of the integers, NaNs.
const FLOATS: [f64; 14] = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    -1.5,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::NAN,
    2_147_483_648.0,
    -2_147_483_649.0,
    9_223_372_036_854_775_808.0,
    18_446_744_073_709_551_616.0,
    f64::MIN_POSITIVE,
];

impl Value {
    /// A value of this type: half of them small or at an edge, half any.
    #[must_use]
    pub fn random(kind: Kind, random: &mut Random) -> Self {
        match kind {
            Kind::I32 => Self::I32(integer(random) as u32),
            Kind::I64 => Self::I64(integer(random)),
            Kind::F32 if random.once_in(2) => Self::F32((float(random) as f32).to_bits()),
            Kind::F32 => Self::F32(random.bits() as u32),
            Kind::F64 if random.once_in(2) => Self::F64(float(random).to_bits()),
            Kind::F64 => Self::F64(random.bits()),
            Kind::V128 => {
                Self::V128(u128::from(integer(random)) << 64 | u128::from(integer(random)))
            }
            // A function of one engine is not one of the other: null is what both have.
            Kind::Func => Self::Func(None),
            Kind::Extern if random.once_in(3) => Self::Extern(None),
            Kind::Extern => Self::Extern(Some(random.below(1000) as u32)),
        }
    }

    /// All that the value is, as one number.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        let (tag, bits) = match *self {
            Self::I32(bits) => (1, u64::from(bits)),
            Self::I64(bits) => (2, bits),
            Self::F32(bits) => (3, u64::from(bits)),
            Self::F64(bits) => (4, bits),
            Self::V128(bits) => (5, crate::random::mix(bits as u64) ^ (bits >> 64) as u64),
            Self::Func(None) => (6, 0),
            Self::Func(Some((params, results))) => {
                (7, u64::from(params) << 32 | u64::from(results))
            }
            Self::Extern(None) => (8, 0),
            Self::Extern(Some(number)) => (9, u64::from(number)),
        };
        crate::random::mix(bits ^ crate::random::mix(tag))
    }
}

fn integer(random: &mut Random) -> u64 {
    match random.below(4) {
        0 => random.below(300),
        1 => INTEGERS[random.below(INTEGERS.len() as u64) as usize],
        _ => random.bits(),
    }
}

fn float(random: &mut Random) -> f64 {
    FLOATS[random.below(FLOATS.len() as u64) as usize]
}

/// Why a guest trapped, as far as both engines tell reasons apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trap {
    /// `unreachable`.
    Unreachable,
    /// A memory's bounds.
    Memory,
    /// A table's bounds, by `call_indirect` too.
    Table,
    /// `call_indirect` of null.
    Null,
    /// `call_indirect` of another type.
    Signature,
    /// Division by zero.
    DivideByZero,
    /// Integer overflow.
    Overflow,
    /// NaN to an integer.
    Conversion,
    /// The stack's limit: each engine has its own.
    Stack,
    /// The fuel's end: each engine counts its own way.
    Fuel,
    /// Nothing that these modules should be able to bring about.
    Other,
}

/// How an instantiation or a call ended.
#[derive(Clone, Debug)]
pub enum Ending {
    /// It returned these values.
    Values(Vec<Value>),
    /// The guest trapped.
    Trap(Trap),
    /// A host function failed.
    Host,
    /// The engine refused: limits, or the machine. The text is for people.
    Refused(String),
    /// An error that these modules should not be able to bring about.
    Unexpected(String),
    /// The engine panicked, with this message.
    Panic(String),
}

impl Ending {
    /// Whether the ending says nothing about the other engine: it depends on limits of its own.
    #[must_use]
    pub fn is_own_limit(&self) -> bool {
        matches!(self, Self::Trap(Trap::Stack | Trap::Fuel))
    }

    /// Whether both mean the same.
    #[must_use]
    pub fn agrees(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Values(a), Self::Values(b)) => a == b,
            (Self::Trap(a), Self::Trap(b)) => a == b,
            (Self::Host, Self::Host) | (Self::Refused(_), Self::Refused(_)) => true,
            _ => false,
        }
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Values(values) => write!(f, "{values:x?}"),
            Self::Trap(trap) => write!(f, "trap: {trap:?}"),
            Self::Host => f.write_str("a host function's error"),
            Self::Refused(why) => write!(f, "refused: {why}"),
            Self::Unexpected(message) => write!(f, "unexpected: {message}"),
            Self::Panic(message) => write!(f, "PANIC: {message}"),
        }
    }
}
