//! Values as people write them in `dunlin.toml` and flags: sizes, time spans, counts.

use std::time::Duration;

/// Longer is surely a slip, and would overflow the clocks of some systems.
const SPAN_MAX: Duration = Duration::from_hours(24 * 366);

/// Bytes written as `65536`, `64KiB`, `64K` or `64MB`.
///
/// # Errors
///
/// When the text is no size, or one beyond 64 bits.
pub fn size(text: &str) -> Result<u64, String> {
    let why = "expected bytes, or a number with KiB, MiB or GiB";
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(split);
    let number: u64 = digits.parse().map_err(|_| why)?;
    let bytes: u64 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "kb" => 1000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        _ => return Err(why.to_owned()),
    };
    number.checked_mul(bytes).ok_or_else(|| "it does not fit in 64 bits".to_owned())
}

/// A time span written as `500ms`, `2s`, `1.5s`, `10m` or `1h`.
///
/// # Errors
///
/// When the text is no time span, has no unit, is zero, or longer than a year.
pub fn span(text: &str) -> Result<Duration, String> {
    let why = "expected a number with ms, s, m or h";
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (digits, unit) = text.split_at(split);
    let number: f64 = digits.parse().map_err(|_| why)?;
    let unit = match unit {
        "us" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        _ => return Err(why.to_owned()),
    };
    let seconds = number * unit;
    if seconds > SPAN_MAX.as_secs_f64() {
        return Err("it is longer than a year".to_owned());
    }
    let span = Duration::from_secs_f64(seconds);
    if span.is_zero() { Err("it must be more than zero".to_owned()) } else { Ok(span) }
}

/// A whole number, not larger than `most`.
///
/// # Errors
///
/// When the text is none.
pub fn count(text: &str, most: u64) -> Result<u64, String> {
    let number: u64 = text.parse().map_err(|_| "expected a whole number".to_owned())?;
    if number > most { Err(format!("it is more than {most}")) } else { Ok(number) }
}

/// A size as [`size`] reads it.
#[must_use]
pub fn show_size(bytes: u64) -> String {
    let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    let whole = units.iter().find(|(bits, _)| bytes > 0 && bytes.is_multiple_of(1 << bits));
    whole.map_or_else(|| bytes.to_string(), |(bits, unit)| format!("{}{unit}", bytes >> bits))
}

/// A time span as [`span`] reads it.
#[must_use]
pub fn show_span(span: Duration) -> String {
    if span.subsec_millis() == 0 && span.as_secs() > 0 {
        return format!("{}s", span.as_secs());
    }
    format!("{}ms", span.as_secs_f64() * 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_spans_are_read_as_they_are_shown() {
        for text in ["0", "17", "1KiB", "64MiB", "3GiB"] {
            assert_eq!(show_size(size(text).unwrap()), text);
        }
        for text in ["1ms", "1500ms", "2s", "60s"] {
            assert_eq!(show_span(span(text).unwrap()), text);
        }
        assert_eq!(span("1.5s").unwrap(), Duration::from_millis(1500));
        assert_eq!(size("2MB").unwrap(), 2_000_000);
    }

    #[test]
    fn what_is_no_value_is_refused() {
        for text in ["", "x", "-1", "1.5KiB", "99999999999999999999", "17179869184GiB"] {
            assert!(size(text).is_err(), "{text}");
        }
        for text in ["", "1", "0s", "1e9h", "10 s", "nan", "-1s", "99999h"] {
            assert!(span(text).is_err(), "{text}");
        }
        assert!(count("11", 10).is_err() && count("ten", 10).is_err());
    }
}
