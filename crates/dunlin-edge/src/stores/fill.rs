//! What fills a store from outside: `NAME=FILE.json`, or `NAME=redis://…`, with TLS `NAME=rediss://…`.
//!
//! The file is an object of JSON, a key a member:
//!
//! | in the file | in the store |
//! |---|---|
//! | `"text"` | a value |
//! | `{"base64": "AAEC"}` | a value that is no text |
//! | `{"sorted": {"ada": 3, "alan": 1.5}}` | a sorted set, members with their scores |
//! | `{"bloom": ["a", "b"], "rate": 0.01}` | a Bloom filter, and how many false answers it may give; 0.01 if it does not say |
//! | anything else, in `{"json": …}` | a value, the text of what is there |

use super::bloom::Filter;
use super::limits::FILL_BYTES_MAX;
use super::{Embedded, KeyValue, Redis, RedisUrl, Scored, StoreError};
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::runtime::Handle;

/// False answers of a Bloom filter that does not say how many.
const RATE: f64 = 0.01;

/// What a key of a store is to hold.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry {
    /// Bytes.
    Value(Vec<u8>),
    /// A sorted set; of a member that is there twice the last counts.
    Sorted(Scored),
    /// A Bloom filter.
    Filter(Filter),
}

/// A store that an app may open, by name, and where what is in it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KvSpec {
    /// What the app calls it.
    pub name: String,
    /// Where what is in it comes from.
    pub source: KvSource,
}

/// Where what is in a store comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KvSource {
    /// The embedded store, as it is.
    Embedded,
    /// The embedded store, filled from a file.
    File(PathBuf),
    /// A Redis server.
    Redis(RedisUrl),
}

/// Reads `NAME`, `NAME=FILE.json`, `NAME=redis://…` or `NAME=rediss://…`.
///
/// # Errors
///
/// [`StoreError::Refused`] if it is none of these.
///
/// # Examples
///
/// ```
/// use dunlin_edge::stores::{KvSource, parse_kv};
///
/// assert_eq!(parse_kv("shop=shop.json")?.source, KvSource::File("shop.json".into()));
/// assert!(matches!(parse_kv("shop=redis://127.0.0.1:6379/2")?.source, KvSource::Redis(_)));
/// assert!(parse_kv("=shop.json").is_err());
/// # Ok::<(), dunlin_edge::stores::StoreError>(())
/// ```
pub fn parse_kv(text: &str) -> Result<KvSpec, StoreError> {
    let (name, source) = match text.split_once('=') {
        None => (text, KvSource::Embedded),
        Some((name, source)) => (name, parse_source(source)?),
    };
    if name.is_empty() {
        return Err(StoreError::refused(format_args!(
            "`{text}` names no store: write NAME, NAME=FILE.json or NAME=redis://HOST:PORT"
        )));
    }
    Ok(KvSpec { name: name.into(), source })
}

fn parse_source(source: &str) -> Result<KvSource, StoreError> {
    if source.is_empty() {
        return Ok(KvSource::Embedded);
    }
    if source.contains("://") {
        return RedisUrl::parse(source).map(KvSource::Redis);
    }
    if Path::new(source).extension().is_some_and(|ending| ending.eq_ignore_ascii_case("json")) {
        return Ok(KvSource::File(source.into()));
    }
    Err(StoreError::refused(format_args!(
        "`{source}` is neither a file of JSON nor a URL of Redis's"
    )))
}

/// The store that a text has said where it is. A file replaces all that the embedded store has by this name; connections to
/// Redis are tasks of the runtime's.
///
/// # Errors
///
/// As [`read_entries`] and [`Embedded::replace`].
pub fn open_kv(
    source: &KvSource,
    (embedded, name): (&Embedded, &str),
    runtime: &Handle,
) -> Result<Arc<dyn KeyValue>, StoreError> {
    match source {
        KvSource::Embedded => {}
        KvSource::File(path) => embedded.replace(name, read_entries(path)?)?,
        KvSource::Redis(url) => return Ok(Arc::new(Redis::new(url.clone(), runtime.clone()))),
    }
    Ok(Arc::new(embedded.store(name)))
}

/// Reads what a file has for a store.
///
/// # Errors
///
/// [`StoreError::Failed`] if the file cannot be read or is too large; [`StoreError::Refused`] if it does not say what there
/// is to be, with the line or the key.
pub fn read_entries(path: &Path) -> Result<Vec<(String, Entry)>, StoreError> {
    let shown = path.display();
    let failed = |error| StoreError::failed(format_args!("cannot read `{shown}`: {error}"));
    let bytes = std::fs::metadata(path).map_err(failed)?.len();
    if bytes > FILL_BYTES_MAX {
        return Err(StoreError::refused(format_args!(
            "`{shown}` has {bytes} bytes, and {FILL_BYTES_MAX} at most"
        )));
    }
    let text = std::fs::read_to_string(path).map_err(failed)?;
    parse_entries(&text).map_err(|error| StoreError::refused(format_args!("`{shown}`: {error}")))
}

/// Reads the text of such a file.
///
/// # Errors
///
/// As [`read_entries`].
///
/// # Examples
///
/// ```
/// use dunlin_edge::stores::{Entry, parse_entries};
///
/// let entries = parse_entries(r#"{"motto": "play", "team": {"sorted": {"ada": 3}}}"#)?;
/// assert_eq!(entries[0], ("motto".into(), Entry::Value(b"play".to_vec())));
/// assert_eq!(entries[1], ("team".into(), Entry::Sorted(vec![(b"ada".to_vec(), 3.0)])));
/// # Ok::<(), dunlin_edge::stores::StoreError>(())
/// ```
pub fn parse_entries(text: &str) -> Result<Vec<(String, Entry)>, StoreError> {
    let all: Map<String, Value> = serde_json::from_str(text).map_err(StoreError::refused)?;
    let named = |(key, value): (String, Value)| match entry(value) {
        Ok(entry) => Ok((key, entry)),
        Err(why) => Err(StoreError::refused(format_args!("`{key}`: {why}"))),
    };
    all.into_iter().map(named).collect()
}

fn entry(value: Value) -> Result<Entry, String> {
    let mut object = match value {
        Value::String(text) => return Ok(Entry::Value(text.into_bytes())),
        Value::Object(object) => object,
        _ => return Err("a value is a text, or an object that says what it is".into()),
    };
    let rate = object.remove("rate");
    let mut members = object.into_iter();
    let (Some((kind, value)), None) = (members.next(), members.next()) else {
        return Err(
            "an object says what it is by one of `json`, `base64`, `sorted`, `bloom`".into()
        );
    };
    if rate.is_some() && kind != "bloom" {
        return Err("`rate` is for `bloom`".into());
    }
    match (&*kind, value) {
        ("json", value) => Ok(Entry::Value(value.to_string().into_bytes())),
        ("base64", Value::String(text)) => {
            base64(&text).map(Entry::Value).ok_or_else(|| "this is not base64".into())
        }
        ("sorted", Value::Object(members)) => sorted(members).map(Entry::Sorted),
        ("bloom", Value::Array(items)) => bloom(&items, rate).map(Entry::Filter),
        ("base64" | "sorted" | "bloom", _) => Err(format!("what `{kind}` has is of another type")),
        _ => Err(format!("`{kind}` is none of `json`, `base64`, `sorted`, `bloom`")),
    }
}

fn sorted(members: Map<String, Value>) -> Result<Scored, String> {
    let scored = |(member, score): (String, Value)| match score.as_f64() {
        Some(score) => Ok((member.into_bytes(), score)),
        None => Err(format!("the score of `{member}` is not a number")),
    };
    members.into_iter().map(scored).collect()
}

fn bloom(items: &[Value], rate: Option<Value>) -> Result<Filter, String> {
    let rate = match rate {
        None => RATE,
        Some(rate) => rate.as_f64().ok_or("`rate` is not a number")?,
    };
    let mut filter = Filter::new(items.len(), rate).map_err(|error| error.to_string())?;
    for item in items {
        filter.add(item.as_str().ok_or("items of `bloom` are texts")?);
    }
    Ok(filter)
}

/// The bytes of base64, with or without its padding.
fn base64(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim_end_matches('=').bytes();
    let (mut bits, mut count, mut bytes) = (0_u32, 0, Vec::with_capacity(text.len() / 4 * 3 + 2));
    for digit in digits {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        (bits, count) = (bits << 6 | u32::from(value), count + 6);
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    // Six bits are no byte, and what is left over is nothing.
    (count < 6 && bits == 0).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_say_what_each_key_holds() {
        let text = r#"{
            "text": "grüße", "empty": "", "bytes": {"base64": "AAEC/w=="},
            "json": {"json": {"a": [1, null]}},
            "set": {"sorted": {"b": -1.5, "a": 2}},
            "filter": {"bloom": ["x", "y"], "rate": 0.001}
        }"#;
        let entries: std::collections::BTreeMap<_, _> =
            parse_entries(text).expect("valid").into_iter().collect();
        let value = |text: &[u8]| Entry::Value(text.into());
        assert_eq!(entries["text"], value("grüße".as_bytes()));
        assert_eq!(entries["empty"], value(b""));
        assert_eq!(entries["bytes"], value(&[0, 1, 2, 255]));
        assert_eq!(entries["json"], value(br#"{"a":[1,null]}"#));
        let Entry::Sorted(set) = &entries["set"] else { panic!("{entries:?}") };
        assert_eq!(set.len(), 2);
        let Entry::Filter(filter) = &entries["filter"] else { panic!("{entries:?}") };
        assert!(filter.contains("x") && filter.contains("y") && !filter.contains("z"));
    }

    #[test]
    fn what_files_cannot_say_is_refused_with_its_place() {
        for (text, place) in [
            ("", "line 1"),
            ("[]", "line 1"),
            (r#"{"a": 1}"#, "`a`"),
            (r#"{"a": {}}"#, "`a`"),
            (r#"{"a": {"sorted": {}, "bloom": []}}"#, "`a`"),
            (r#"{"a": {"other": 1}}"#, "`other`"),
            (r#"{"a": {"base64": "A"}}"#, "base64"),
            (r#"{"a": {"base64": "AB"}}"#, "base64"),
            (r#"{"a": {"base64": "*"}}"#, "base64"),
            (r#"{"a": {"sorted": {"x": "1"}}}"#, "`x`"),
            (r#"{"a": {"sorted": {"x": 1e999}}}"#, "line 1"),
            (r#"{"a": {"sorted": [1]}}"#, "`sorted`"),
            (r#"{"a": {"bloom": [1]}}"#, "`bloom`"),
            (r#"{"a": {"bloom": ["x"], "rate": 2}}"#, "rate"),
            (r#"{"a": {"bloom": ["x"], "rate": "1"}}"#, "rate"),
            (r#"{"a": {"json": 1, "rate": 0.1}}"#, "rate"),
        ] {
            let error = parse_entries(text).expect_err(text).to_string();
            assert!(error.contains(place), "{text}: {error}");
        }
        let deep = format!("{{\"a\": {}", "[".repeat(100_000));
        assert!(parse_entries(&deep).is_err());
    }

    #[test]
    fn a_file_is_what_its_store_holds() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("shop.json");
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let embedded = Embedded::in_memory().expect("memory");
        let source = parse_kv(&format!("shop={}", path.display())).expect("a file").source;
        let open = || open_kv(&source, (&embedded, "apps/shop"), runtime.handle());
        let error = open().err().expect("there is no file").to_string();
        assert!(error.contains("shop.json"), "{error}");
        for (text, keys) in [(r#"{"a": "1", "b": "2"}"#, 2), (r#"{"c": "3"}"#, 1)] {
            std::fs::write(&path, text).expect("a file");
            let store = open().expect("filled");
            let found = dunlin::stacks::wait(store.scan("*")).expect("nobody interrupts");
            assert_eq!(found.expect("few").len(), keys);
        }
        let store = open_kv(&KvSource::Embedded, (&embedded, "apps/shop"), runtime.handle());
        let value = dunlin::stacks::wait(store.expect("as it is").get("c"));
        assert_eq!(value.expect("nobody interrupts"), Ok(Some(b"3".to_vec())));
    }

    #[test]
    fn sources_are_told_apart() {
        let source = |text: &str| parse_kv(text).map(|spec| spec.source);
        assert_eq!(source("a"), Ok(KvSource::Embedded));
        assert_eq!(source("a="), Ok(KvSource::Embedded));
        assert_eq!(source("a=b=c.JSON"), Ok(KvSource::File("b=c.JSON".into())));
        assert!(matches!(source("a=redis://h"), Ok(KvSource::Redis(_))));
        assert!(matches!(source("a=rediss://h?ca=ca.pem"), Ok(KvSource::Redis(_))));
        for bad in ["", "=x.json", "a=x.toml", "a=http://h", "a=rediss://", "a=redis://"] {
            assert!(parse_kv(bad).is_err(), "{bad}");
        }
    }
}
