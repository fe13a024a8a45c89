//! Values of components whose types are known at run time.

use crate::resource::ResourceAny;

/// A value of a component.
///
/// # Examples
///
/// ```
/// use dunlin_component::Val;
///
/// let point = Val::Record(vec![("x".into(), Val::S32(3)), ("y".into(), Val::S32(4))]);
/// let points = Val::List(vec![point.clone(), point]);
/// assert_eq!(points.kind(), "list");
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Val {
    /// A truth value.
    Bool(bool),
    /// A signed 8-bit integer.
    S8(i8),
    /// An unsigned 8-bit integer.
    U8(u8),
    /// A signed 16-bit integer.
    S16(i16),
    /// An unsigned 16-bit integer.
    U16(u16),
    /// A signed 32-bit integer.
    S32(i32),
    /// An unsigned 32-bit integer.
    U32(u32),
    /// A signed 64-bit integer.
    S64(i64),
    /// An unsigned 64-bit integer.
    U64(u64),
    /// A 32-bit float. There is only one NaN.
    Float32(f32),
    /// A 64-bit float. There is only one NaN.
    Float64(f64),
    /// A Unicode scalar value.
    Char(char),
    /// Text.
    String(String),
    /// A list, of any or of fixed length.
    List(Vec<Val>),
    /// Keys and values, in order.
    Map(Vec<(Val, Val)>),
    /// Named fields; given in any order, received in that of the type.
    Record(Vec<(String, Val)>),
    /// Fields without names.
    Tuple(Vec<Val>),
    /// One of several cases, by name, with its payload.
    Variant(String, Option<Box<Val>>),
    /// One of several names.
    Enum(String),
    /// A value, or none.
    Option(Option<Box<Val>>),
    /// What came of something that may fail.
    Result(Result<Option<Box<Val>>, Option<Box<Val>>>),
    /// Any of several names.
    Flags(Vec<String>),
    /// A resource.
    Resource(ResourceAny),
}

impl Val {
    /// What kind of value this is, as WIT spells it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Bool(_) => "bool",
            Self::S8(_) => "s8",
            Self::U8(_) => "u8",
            Self::S16(_) => "s16",
            Self::U16(_) => "u16",
            Self::S32(_) => "s32",
            Self::U32(_) => "u32",
            Self::S64(_) => "s64",
            Self::U64(_) => "u64",
            Self::Float32(_) => "f32",
            Self::Float64(_) => "f64",
            Self::Char(_) => "char",
            Self::String(_) => "string",
            Self::List(_) => "list",
            Self::Map(_) => "map",
            Self::Record(_) => "record",
            Self::Tuple(_) => "tuple",
            Self::Variant(..) => "variant",
            Self::Enum(_) => "enum",
            Self::Option(_) => "option",
            Self::Result(_) => "result",
            Self::Flags(_) => "flags",
            Self::Resource(_) => "resource",
        }
    }
}

/// Floats are equal as the component model sees them: NaN is itself, and zeros have signs. Flags are a set, and fields of a
/// record are found by name.
impl PartialEq for Val {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::S8(a), Self::S8(b)) => a == b,
            (Self::U8(a), Self::U8(b)) => a == b,
            (Self::S16(a), Self::S16(b)) => a == b,
            (Self::U16(a), Self::U16(b)) => a == b,
            (Self::S32(a), Self::S32(b)) => a == b,
            (Self::U32(a), Self::U32(b)) => a == b,
            (Self::S64(a), Self::S64(b)) => a == b,
            (Self::U64(a), Self::U64(b)) => a == b,
            (Self::Float32(a), Self::Float32(b)) => {
                a.is_nan() && b.is_nan() || a.to_bits() == b.to_bits()
            }
            (Self::Float64(a), Self::Float64(b)) => {
                a.is_nan() && b.is_nan() || a.to_bits() == b.to_bits()
            }
            (Self::Char(a), Self::Char(b)) => a == b,
            (Self::String(a), Self::String(b)) | (Self::Enum(a), Self::Enum(b)) => a == b,
            (Self::List(a), Self::List(b)) | (Self::Tuple(a), Self::Tuple(b)) => a == b,
            (Self::Map(a), Self::Map(b)) => a == b,
            (Self::Record(a), Self::Record(b)) => {
                let has = |field: &(String, Self)| b.iter().any(|other| other == field);
                a.len() == b.len() && a.iter().all(has)
            }
            (Self::Variant(a, x), Self::Variant(b, y)) => a == b && x == y,
            (Self::Option(a), Self::Option(b)) => a == b,
            (Self::Result(a), Self::Result(b)) => a == b,
            (Self::Flags(a), Self::Flags(b)) => {
                a.iter().all(|flag| b.contains(flag)) && b.iter().all(|flag| a.contains(flag))
            }
            (Self::Resource(a), Self::Resource(b)) => a == b,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Val;

    #[test]
    fn there_is_one_nan_and_zeros_have_signs() {
        let payload = f64::from_bits(0x7ff8_0000_0000_0001);
        assert_eq!(Val::Float64(f64::NAN), Val::Float64(payload));
        assert_ne!(Val::Float32(0.0), Val::Float32(-0.0));
        assert_ne!(Val::U8(1), Val::S8(1));
    }

    #[test]
    fn fields_and_flags_are_found_by_name() {
        let record = |names: [&str; 2]| Val::Record(names.map(|n| (n.into(), Val::U8(1))).into());
        assert_eq!(record(["a", "b"]), record(["b", "a"]));
        assert_ne!(record(["a", "b"]), record(["a", "c"]));
        let flags = |names: &[&str]| Val::Flags(names.iter().map(|n| (*n).into()).collect());
        assert_eq!(flags(&["a", "b"]), flags(&["b", "a"]));
        assert_ne!(flags(&["a", "b"]), flags(&["a"]));
    }
}
