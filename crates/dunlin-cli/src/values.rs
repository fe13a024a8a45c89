//! Values as people write them: sizes, durations, and WebAssembly's numbers.

use std::time::Duration;

use dunlin::{V128, Val, ValType};

/// Bytes written as `65536`, `64KiB`, `64K`, `64MB`: `K`, `M`, `G`, `T` and `KiB` … are powers of
/// 1024, `kB` … powers of 1000, as their standards have it.
///
/// # Errors
///
/// When the text is no size, or one beyond 64 bits.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    let why = "expected bytes, or a number with KiB, MiB or GiB";
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(split);
    let number: u64 = digits.parse().map_err(|_| why)?;
    let bytes: u64 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "t" | "tib" => 1 << 40,
        "kb" => 1000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "tb" => 1_000_000_000_000,
        _ => return Err(why.to_owned()),
    };
    number.checked_mul(bytes).ok_or_else(|| "it does not fit in 64 bits".to_owned())
}

/// A time span written as `500ms`, `2s`, `1.5s`, `10m` or `1h`.
///
/// # Errors
///
/// When the text is no duration, has no unit, is zero, or longer than a year.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    /// Longer is surely a slip, and would overflow the clocks of some systems.
    const SECONDS_MAX: f64 = 366.0 * 86_400.0;
    let why = "expected a number with ms, s, m or h";
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (digits, unit) = text.split_at(split);
    let number: f64 = digits.parse().map_err(|_| why)?;
    let seconds = match unit {
        "us" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        _ => return Err(why.to_owned()),
    };
    let total = number * seconds;
    if total > SECONDS_MAX {
        return Err("it is longer than a year".to_owned());
    }
    let span = Duration::from_secs_f64(total);
    if span.is_zero() { Err("it must be more than zero".to_owned()) } else { Ok(span) }
}

/// A duration for people: three or four significant digits and a unit.
pub(crate) fn show_duration(span: Duration) -> String {
    let seconds = span.as_secs_f64();
    match seconds {
        _ if seconds < 1e-3 => format!("{:.1} µs", seconds * 1e6),
        _ if seconds < 1.0 => format!("{:.2} ms", seconds * 1e3),
        _ => format!("{seconds:.2} s"),
    }
}

/// A size for people: exact below one KiB, else one decimal and a binary unit.
pub(crate) fn show_size(bytes: u64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB"];
    let Some(power) = bytes.checked_ilog2().map(|bits| bits / 10).filter(|power| *power > 0) else {
        return format!("{bytes} B");
    };
    let power = (power as usize).min(units.len());
    // Sizes are for reading: the rounding of a 53-bit mantissa does not show.
    let scaled = bytes as f64 / (1_u64 << (10 * power)) as f64;
    format!("{scaled:.1} {}", units[power - 1])
}

/// Where in a module's bytes something is wrong.
pub(crate) fn show_offset(offset: u64) -> String {
    format!("at offset {offset:#x}")
}

/// A guest's argument of this type, written as the text format writes constants: integers decimal or
/// hexadecimal, signed or unsigned; floats decimal, `inf` or `nan`; vectors hexadecimal; `null`.
///
/// # Errors
///
/// Why the text is no value of the type.
pub(crate) fn parse_value(ty: ValType, text: &str) -> Result<Val, String> {
    match ty {
        ValType::I32 => integer(text, 32).map(|bits| Val::I32(bits as u32 as i32)),
        ValType::I64 => integer(text, 64).map(|bits| Val::I64(bits as i64)),
        ValType::F32 => float::<f32>(text).map(|number| Val::F32(number.to_bits())),
        ValType::F64 => float::<f64>(text).map(|number| Val::F64(number.to_bits())),
        ValType::V128 => vector(text).map(|bits| Val::V128(V128::from_bits(bits))),
        ValType::Ref(ty) if text == "null" && ty.nullable => Ok(Val::null(ty.heap)),
        ValType::Ref(_) => Err("the only reference that can be written is `null`".to_owned()),
    }
}

/// The value as [`parse_value`] reads it; references show only whether they are null.
pub(crate) fn show_value(value: &Val) -> String {
    match value {
        Val::I32(number) => number.to_string(),
        Val::I64(number) => number.to_string(),
        Val::F32(bits) => show_float(f32::from_bits(*bits)),
        Val::F64(bits) => show_float(f64::from_bits(*bits)),
        Val::V128(vector) => format!("0x{:032x}", vector.to_bits()),
        Val::FuncRef(None) | Val::ExternRef(None) | Val::AnyRef(None) | Val::ExnRef(None) => {
            "null".to_owned()
        }
        Val::AnyRef(Some(_)) => "anyref".to_owned(),
        Val::FuncRef(Some(_)) => "funcref".to_owned(),
        Val::ExternRef(Some(_)) => "externref".to_owned(),
        Val::ExnRef(Some(_)) => "exnref".to_owned(),
    }
}

/// The low `bits` of an integer between −2^(bits−1) and 2^bits − 1.
fn integer(text: &str, bits: u32) -> Result<u64, String> {
    let (negative, magnitude) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (digits, radix) = match magnitude.strip_prefix("0x").or(magnitude.strip_prefix("0X")) {
        Some(rest) => (rest, 16),
        None => (magnitude, 10),
    };
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
        return Err("expected an integer, decimal or 0x…".to_owned());
    }
    let range = || format!("it does not fit in {bits} bits");
    let magnitude = u128::from_str_radix(digits, radix).map_err(|_| range())?;
    let limit = if negative { 1 << (bits - 1) } else { (1_u128 << bits) - 1 };
    if magnitude > limit {
        return Err(range());
    }
    let number = magnitude as u64;
    Ok(if negative { number.wrapping_neg() } else { number })
}

fn float<F: std::str::FromStr>(text: &str) -> Result<F, String> {
    text.parse().map_err(|_| "expected a number, inf or nan".to_owned())
}

fn vector(text: &str) -> Result<u128, String> {
    let digits = text.strip_prefix("0x").or(text.strip_prefix("0X"));
    digits
        .filter(|digits| digits.chars().all(|c| c.is_ascii_hexdigit()))
        .and_then(|digits| u128::from_str_radix(digits, 16).ok())
        .ok_or_else(|| "expected up to 32 hexadecimal digits after 0x".to_owned())
}

/// Plain digits where they are few, an exponent otherwise: `1e300` rather than 301 digits.
fn show_float<F: std::fmt::Display + std::fmt::LowerExp>(number: F) -> String {
    /// Digits and point of the longest number that is still written out: every integer below 2^53.
    const PLAIN_CHARS_MAX: usize = 21;
    let plain = number.to_string();
    if plain.len() > PLAIN_CHARS_MAX {
        return format!("{number:e}");
    }
    // Rust writes `NaN`; the text format writes `nan`.
    plain.to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, bytes) in [
            ("0", Some(0)),
            ("65536", Some(65536)),
            ("64KiB", Some(65536)),
            ("64k", Some(65536)),
            ("64MiB", Some(64 << 20)),
            ("2G", Some(2 << 30)),
            ("1MB", Some(1_000_000)),
            ("16777216TiB", None),
            ("", None),
            ("MiB", None),
            ("1.5MiB", None),
            ("-1", None),
            ("1XB", None),
        ] {
            assert_eq!(size(text).ok(), bytes, "{text}");
        }
    }

    #[test]
    fn durations() {
        for (text, millis) in [
            ("500ms", Some(500)),
            ("2s", Some(2000)),
            ("1.5s", Some(1500)),
            ("1m", Some(60_000)),
            ("1h", Some(3_600_000)),
            ("5", None),
            ("0s", None),
            ("-1s", None),
            ("1e9h", None),
            ("99999999h", None),
            ("1..5s", None),
            ("", None),
        ] {
            let found = duration(text).ok().map(|span| span.as_millis());
            assert_eq!(found, millis, "{text}");
        }
    }

    #[test]
    fn shown_sizes_and_durations() {
        assert_eq!(show_size(1023), "1023 B");
        assert_eq!(show_size(1024), "1.0 KiB");
        assert_eq!(show_size(26 << 20), "26.0 MiB");
        assert_eq!(show_size(u64::MAX), "16777216.0 TiB");
        assert_eq!(show_duration(Duration::from_micros(12)), "12.0 µs");
        assert_eq!(show_duration(Duration::from_millis(1500)), "1.50 s");
    }

    #[test]
    fn values_read_back_as_they_are_shown() {
        for (ty, text, shown) in [
            (ValType::I32, "-1", Ok("-1")),
            (ValType::I32, "0xffffffff", Ok("-1")),
            (ValType::I32, "4294967295", Ok("-1")),
            (ValType::I32, "-2147483648", Ok("-2147483648")),
            (ValType::I32, "-2147483649", Err("it does not fit in 32 bits")),
            (ValType::I32, "4294967296", Err("it does not fit in 32 bits")),
            (ValType::I32, "-0x10", Ok("-16")),
            (ValType::I32, "1.0", Err("expected an integer, decimal or 0x…")),
            (ValType::I32, "", Err("expected an integer, decimal or 0x…")),
            (ValType::I64, "0x8000000000000000", Ok("-9223372036854775808")),
            (ValType::I64, "18446744073709551616", Err("it does not fit in 64 bits")),
            (ValType::F32, "1.5", Ok("1.5")),
            (ValType::F32, "-inf", Ok("-inf")),
            (ValType::F64, "nan", Ok("nan")),
            (ValType::F64, "1e300", Ok("1e300")),
            (ValType::F64, "4", Ok("4")),
            (ValType::F64, "0.1", Ok("0.1")),
            (ValType::F64, "x", Err("expected a number, inf or nan")),
            (ValType::V128, "0x1", Ok("0x00000000000000000000000000000001")),
            (ValType::V128, "1", Err("expected up to 32 hexadecimal digits after 0x")),
            (ValType::FUNCREF, "null", Ok("null")),
            (ValType::EXTERNREF, "null", Ok("null")),
            (ValType::EXTERNREF, "1", Err("the only reference that can be written is `null`")),
        ] {
            let found = parse_value(ty, text).map(|value| show_value(&value));
            assert_eq!(found, shown.map(str::to_owned).map_err(str::to_owned), "{ty} {text}");
        }
    }
}
