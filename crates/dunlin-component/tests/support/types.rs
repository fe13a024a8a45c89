//! Random types of values without handles, their text, their core types, and values of them.

use super::Random;
use dunlin_component::Val;

/// A type, without handles.
pub(crate) enum Ty {
    /// A type with a name of its own, whose values are numbers, characters or text.
    Scalar(&'static str),
    List(Box<Ty>),
    Fixed(Box<Ty>, usize),
    Map(&'static str, Box<Ty>),
    Record(Vec<Ty>),
    Tuple(Vec<Ty>),
    Variant(Vec<Option<Ty>>),
    Option(Box<Ty>),
    Result(Option<Box<Ty>>, Option<Box<Ty>>),
    Enum(usize),
    Flags(usize),
}

const SCALARS: [&str; 13] =
    ["bool", "s8", "u8", "s16", "u16", "s32", "u32", "s64", "u64", "f32", "f64", "char", "string"];

impl Ty {
    /// A random type, so deep.
    pub(crate) fn random(random: &mut Random, deep: usize) -> Self {
        if deep == 0 {
            return Self::Scalar(random.pick(&SCALARS));
        }
        let some = |random: &mut Random, max: usize| {
            (0..1 + random.below(max)).map(|_| Self::random(random, deep - 1)).collect()
        };
        let maybe =
            |random: &mut Random| (random.below(3) > 0).then(|| Self::random(random, deep - 1));
        match random.below(14) {
            0..3 => Self::Scalar(random.pick(&SCALARS)),
            3 => Self::List(Box::new(Self::random(random, deep - 1))),
            4 if random.newer => {
                Self::Fixed(Box::new(Self::random(random, deep - 1)), 1 + random.below(5))
            }
            5 if random.newer => {
                let key = random.pick(&["string", "u8", "s64", "char"]);
                Self::Map(key, Box::new(Self::random(random, deep - 1)))
            }
            4..8 => Self::Record(some(random, 6)),
            8 => Self::Tuple(some(random, 5)),
            9 | 10 => Self::Variant((0..1 + random.below(4)).map(|_| maybe(random)).collect()),
            11 => Self::Option(Box::new(Self::random(random, deep - 1))),
            12 => Self::Result(maybe(random).map(Box::new), maybe(random).map(Box::new)),
            _ if random.below(2) == 0 => Self::Enum(1 + random.below(300)),
            _ => Self::Flags(1 + random.below(32)),
        }
    }

    /// The type's text; types that must have names are added to `named`.
    pub(crate) fn text(&self, named: &mut Vec<String>) -> String {
        let list = |types: &[Self], named: &mut Vec<String>| {
            types.iter().map(|ty| ty.text(named)).collect::<Vec<_>>()
        };
        let name = |text: String, named: &mut Vec<String>| {
            named.push(text);
            format!("$t{}", named.len() - 1)
        };
        match self {
            Self::Scalar(name) => (*name).into(),
            Self::List(element) => format!("(list {})", element.text(named)),
            Self::Fixed(element, len) => format!("(list {} {len})", element.text(named)),
            Self::Map(key, value) => format!("(map {key} {})", value.text(named)),
            Self::Tuple(types) => format!("(tuple {})", list(types, named).join(" ")),
            Self::Record(types) => {
                let fields = list(types, named).into_iter().enumerate();
                let fields = fields.map(|(index, ty)| format!(r#"(field "f{index}" {ty})"#));
                name(format!("(record {})", fields.collect::<String>()), named)
            }
            Self::Variant(cases) => {
                let cases = cases.iter().enumerate().map(|(index, case)| {
                    let payload = case.as_ref().map(|ty| ty.text(named)).unwrap_or_default();
                    format!(r#"(case "c{index}" {payload})"#)
                });
                let cases: Vec<_> = cases.collect();
                name(format!("(variant {})", cases.concat()), named)
            }
            Self::Option(some) => format!("(option {})", some.text(named)),
            Self::Result(ok, error) => {
                let ok = ok.as_ref().map(|ty| ty.text(named)).unwrap_or_default();
                let error = error.as_ref().map(|ty| format!("(error {})", ty.text(named)));
                format!("(result {ok} {})", error.unwrap_or_default())
            }
            Self::Enum(count) => name(
                format!(
                    "(enum {})",
                    (0..*count).map(|n| format!(r#" "e{n}""#)).collect::<String>()
                ),
                named,
            ),
            Self::Flags(count) => name(
                format!(
                    "(flags {})",
                    (0..*count).map(|n| format!(r#" "b{n}""#)).collect::<String>()
                ),
                named,
            ),
        }
    }

    /// The core types of a value.
    pub(crate) fn flat(&self) -> Vec<&'static str> {
        let variant = |cases: Vec<Vec<&'static str>>| {
            let mut joined: Vec<&'static str> = vec!["i32"];
            for case in cases {
                for (at, ty) in case.into_iter().enumerate() {
                    match joined.get(at + 1).copied() {
                        None => joined.push(ty),
                        Some(other) if other == ty => {}
                        Some("i32" | "f32") if matches!(ty, "i32" | "f32") => {
                            joined[at + 1] = "i32";
                        }
                        Some(_) => joined[at + 1] = "i64",
                    }
                }
            }
            joined
        };
        let maybe = |ty: Option<&Self>| ty.map(Self::flat).unwrap_or_default();
        match self {
            Self::Scalar("s64" | "u64") => vec!["i64"],
            Self::Scalar("f32") => vec!["f32"],
            Self::Scalar("f64") => vec!["f64"],
            Self::Scalar("string") | Self::List(_) | Self::Map(..) => vec!["i32", "i32"],
            Self::Scalar(_) | Self::Enum(_) | Self::Flags(_) => vec!["i32"],
            Self::Fixed(element, len) => element.flat().repeat(*len),
            Self::Record(types) | Self::Tuple(types) => types.iter().flat_map(Self::flat).collect(),
            Self::Variant(cases) => {
                variant(cases.iter().map(|case| maybe(case.as_ref())).collect())
            }
            Self::Option(some) => variant(vec![Vec::new(), some.flat()]),
            Self::Result(ok, error) => variant(vec![maybe(ok.as_deref()), maybe(error.as_deref())]),
        }
    }

    /// A random value.
    pub(crate) fn value(&self, random: &mut Random) -> Val {
        let boxed = |ty: &Self, random: &mut Random| Some(Box::new(ty.value(random)));
        match self {
            Self::Scalar(name) => scalar(name, random),
            Self::List(element) => {
                Val::List((0..random.below(5)).map(|_| element.value(random)).collect())
            }
            Self::Fixed(element, len) => {
                Val::List((0..*len).map(|_| element.value(random)).collect())
            }
            Self::Map(key, value) => {
                let pair = |_| (scalar(key, random), value.value(random));
                Val::Map((0..3).map(pair).collect())
            }
            Self::Record(types) => {
                let field = |(at, ty): (usize, &Self)| (format!("f{at}"), ty.value(random));
                Val::Record(types.iter().enumerate().map(field).collect())
            }
            Self::Tuple(types) => Val::Tuple(types.iter().map(|ty| ty.value(random)).collect()),
            Self::Variant(cases) => {
                let case = random.below(cases.len());
                let payload = cases[case].as_ref().and_then(|ty| boxed(ty, random));
                Val::Variant(format!("c{case}"), payload)
            }
            Self::Option(some) => {
                Val::Option(if random.below(3) > 0 { boxed(some, random) } else { None })
            }
            Self::Result(ok, error) => Val::Result(match random.below(2) {
                0 => Ok(ok.as_ref().and_then(|ty| boxed(ty, random))),
                _ => Err(error.as_ref().and_then(|ty| boxed(ty, random))),
            }),
            Self::Enum(count) => Val::Enum(format!("e{}", random.below(*count))),
            Self::Flags(count) => {
                let set = (0..*count).filter(|_| random.below(2) == 0);
                Val::Flags(set.map(|bit| format!("b{bit}")).collect())
            }
        }
    }
}

fn scalar(name: &str, random: &mut Random) -> Val {
    let bits = random.next();
    match name {
        "bool" => Val::Bool(bits & 1 == 1),
        "s8" => Val::S8(bits as i8),
        "u8" => Val::U8(bits as u8),
        "s16" => Val::S16(bits as i16),
        "u16" => Val::U16(bits as u16),
        "s32" => Val::S32(bits as i32),
        "u32" => Val::U32(bits as u32),
        "s64" => Val::S64(bits.cast_signed()),
        "u64" => Val::U64(bits),
        // One in some is NaN, with any payload.
        "f32" if bits & 7 == 0 => Val::Float32(f32::from_bits(0x7f80_0001 | bits as u32)),
        "f32" => Val::Float32(f32::from_bits(bits as u32)),
        "f64" => Val::Float64(f64::from_bits(bits)),
        "char" => Val::Char(character(random)),
        _ => Val::String((0..random.below(7)).map(|_| character(random)).collect()),
    }
}

/// ASCII, Latin-1, and what takes two or four bytes of UTF-16.
fn character(random: &mut Random) -> char {
    random.pick(&['a', '~', '\0', 'ö', 'ÿ', 'Ā', '☃', '\u{d7ff}', '\u{e000}', '🍰', '\u{10ffff}'])
}
