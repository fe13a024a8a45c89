//! `fields` of `wasi:http/types`: headers and trailers, as guests have them.
//!
//! Those of a request or response are one map that all handles on them share; nobody can change it any more. A guest that
//! clones it gets a map of its own, which is copied when it is changed.

use std::sync::Arc;

use dunlin_component::{Borrow, variant};
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::settings::HttpSettings;
use crate::preview2::link::Interface;
use crate::preview2::state::{ComponentCtx, trap};

/// What a name or value costs besides its bytes, so that a flood of empty ones is bounded.
const ENTRY_BYTES: usize = 32;

variant! {
    /// Why fields are not changed.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(super) enum HeaderError {
        InvalidSyntax => "invalid-syntax",
        Forbidden => "forbidden",
        Immutable => "immutable",
    }
}

/// What functions of fields answer: a trap, or what the guest is told.
type Fielded<R> = dunlin::Result<Result<R, HeaderError>>;

/// Headers or trailers.
#[derive(Clone, Debug)]
pub(super) struct Fields {
    map: Arc<HeaderMap>,
    /// What names and values cost in all; known of those that may be changed.
    bytes: usize,
    may_change: bool,
}

impl Fields {
    fn new() -> Fields {
        Fields { map: Arc::default(), bytes: 0, may_change: true }
    }

    /// Those of a message from outside, without what guests do not see.
    pub(super) fn received(mut map: HeaderMap, settings: &HttpSettings) -> Fields {
        let hidden = |name: &&HeaderName| is_hidden(settings, name);
        // Nearly always there are none, or one.
        while let Some(name) = map.keys().find(hidden).cloned() {
            map.remove(name);
        }
        Fields { map: Arc::new(map), bytes: 0, may_change: false }
    }

    /// Those that a message has been made with.
    pub(super) fn freeze(mut self) -> Fields {
        self.may_change = false;
        self
    }

    pub(super) fn into_map(self) -> HeaderMap {
        Arc::unwrap_or_clone(self.map)
    }

    /// A guest's own copy.
    fn copy(&self) -> Fields {
        Fields { map: self.map.clone(), bytes: cost(&self.map), may_change: true }
    }

    /// What `content-length` says, if it says anything.
    ///
    /// # Errors
    /// If it is not one number.
    pub(super) fn content_length(&self) -> Result<Option<u64>, ()> {
        let mut values = self.map.get_all(CONTENT_LENGTH).iter();
        let Some(value) = values.next() else { return Ok(None) };
        let bytes = value.as_bytes();
        if values.next().is_some() || bytes.is_empty() || !bytes.iter().all(u8::is_ascii_digit) {
            return Err(());
        }
        let number = value.to_str().ok().and_then(|text| text.parse().ok());
        number.map(Some).ok_or(())
    }

    /// Adds a value.
    fn append(&mut self, name: HeaderName, value: HeaderValue, bytes_max: usize) -> Fielded<()> {
        if !self.may_change {
            return Ok(Err(HeaderError::Immutable));
        }
        let of_name = if self.map.contains_key(&name) { 0 } else { cost_of(name.as_str().len()) };
        let bytes = self.bytes + of_name + cost_of(value.len());
        if bytes > bytes_max {
            return Err(too_large());
        }
        let appended = Arc::make_mut(&mut self.map).try_append(name, value);
        appended.map_err(|_| too_large())?;
        self.bytes = bytes;
        Ok(Ok(()))
    }

    /// Takes all values of a name away.
    fn remove(&mut self, name: &HeaderName) -> Result<(), HeaderError> {
        if !self.may_change {
            return Err(HeaderError::Immutable);
        }
        if self.map.contains_key(name) {
            let values: usize =
                self.map.get_all(name).iter().map(|value| cost_of(value.len())).sum();
            self.bytes = self.bytes.saturating_sub(values + cost_of(name.as_str().len()));
            Arc::make_mut(&mut self.map).remove(name);
        }
        Ok(())
    }
}

fn cost_of(bytes: usize) -> usize {
    bytes + ENTRY_BYTES
}

fn cost(map: &HeaderMap) -> usize {
    let names: usize = map.keys().map(|name| cost_of(name.as_str().len())).sum();
    names + map.values().map(|value| cost_of(value.len())).sum::<usize>()
}

#[cold]
fn too_large() -> dunlin::Error {
    trap("a set of fields is larger than its bound")
}

/// Whether a guest does not set or see a field: those of a connection it never does.
fn is_hidden(settings: &HttpSettings, name: &HeaderName) -> bool {
    is_of_connection(name) || (settings.is_forbidden)(name)
}

/// Whether a field is about a connection, or about where a message ends.
pub(super) fn is_of_connection(name: &HeaderName) -> bool {
    matches!(*name, header::CONNECTION | header::TRANSFER_ENCODING | header::UPGRADE)
        || matches!(name.as_str(), "keep-alive" | "proxy-connection" | "http2-settings")
}

/// A name that a guest may set.
fn name_of(settings: &HttpSettings, name: &str) -> Result<HeaderName, HeaderError> {
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| HeaderError::InvalidSyntax)?;
    if is_hidden(settings, &name) { Err(HeaderError::Forbidden) } else { Ok(name) }
}

fn value_of(value: Vec<u8>) -> Result<HeaderValue, HeaderError> {
    HeaderValue::try_from(value).map_err(|_| HeaderError::InvalidSyntax)
}

fn from_list(settings: &HttpSettings, entries: Vec<(String, Vec<u8>)>) -> Fielded<Fields> {
    let mut fields = Fields::new();
    for (name, value) in entries {
        let entry = name_of(settings, &name).and_then(|name| Ok((name, value_of(value)?)));
        let (name, value) = match entry {
            Ok(entry) => entry,
            Err(error) => return Ok(Err(error)),
        };
        if let Err(error) = fields.append(name, value, settings.fields_bytes_max)? {
            return Ok(Err(error));
        }
    }
    Ok(Ok(fields))
}

fn set(
    settings: &HttpSettings,
    fields: &mut Fields,
    name: &str,
    values: Vec<Vec<u8>>,
) -> Fielded<()> {
    let checked = name_of(settings, name).and_then(|name| {
        let values = values.into_iter().map(value_of).collect::<Result<Vec<_>, _>>()?;
        fields.remove(&name)?;
        Ok((name, values))
    });
    let (name, values) = match checked {
        Ok(checked) => checked,
        Err(error) => return Ok(Err(error)),
    };
    for value in values {
        if let Err(error) = fields.append(name.clone(), value, settings.fields_bytes_max)? {
            return Ok(Err(error));
        }
    }
    Ok(Ok(()))
}

fn append(settings: &HttpSettings, fields: &mut Fields, name: &str, value: Vec<u8>) -> Fielded<()> {
    match name_of(settings, name).and_then(|name| Ok((name, value_of(value)?))) {
        Ok((name, value)) => fields.append(name, value, settings.fields_bytes_max),
        Err(error) => Ok(Err(error)),
    }
}

/// The values of a name; none for what is no name.
fn values(fields: &Fields, name: &str) -> Vec<Vec<u8>> {
    let all = fields.map.get_all(name);
    all.iter().map(|value| value.as_bytes().to_vec()).collect()
}

fn entries(fields: &Fields) -> Vec<(String, Vec<u8>)> {
    let owned = |(name, value): (&HeaderName, &HeaderValue)| {
        (name.as_str().to_owned(), value.as_bytes().to_vec())
    };
    fields.map.iter().map(owned).collect()
}

pub(super) fn define<T, G>(types: &mut Interface<'_, T, G>) -> dunlin::Result<()>
where
    T: 'static,
    G: Fn(&mut T) -> &mut ComponentCtx + Clone + Send + Sync + 'static,
{
    type This = Borrow<Fields>;
    types
        .resource::<Fields>("fields")?
        .func("[constructor]fields", |state, ()| state.give(Fields::new()))?
        .func("[static]fields.from-list", |state, (list,): (Vec<(String, Vec<u8>)>,)| {
            match from_list(&state.http, list)? {
                Ok(fields) => Ok(Ok(state.give(fields)?)),
                Err(error) => Ok(Err(error)),
            }
        })?
        .func("[method]fields.get", |state, (this, name): (This, String)| {
            Ok(values(state.table.get(&this)?, &name))
        })?
        .func("[method]fields.has", |state, (this, name): (This, String)| {
            Ok(state.table.get(&this)?.map.contains_key(name.as_str()))
        })?
        .func("[method]fields.set", |state, (this, name, list): (This, String, Vec<Vec<u8>>)| {
            let ComponentCtx { table, http, .. } = state;
            set(http, table.get_mut(&this)?, &name, list)
        })?
        .func("[method]fields.delete", |state, (this, name): (This, String)| {
            let ComponentCtx { table, http, .. } = state;
            let fields = table.get_mut(&this)?;
            Ok(name_of(http, &name).and_then(|name| fields.remove(&name)))
        })?
        .func("[method]fields.append", |state, (this, name, value): (This, String, Vec<u8>)| {
            let ComponentCtx { table, http, .. } = state;
            append(http, table.get_mut(&this)?, &name, value)
        })?
        .func("[method]fields.entries", |state, (this,): (This,)| {
            Ok(entries(state.table.get(&this)?))
        })?
        .func("[method]fields.clone", |state, (this,): (This,)| {
            let copy = state.table.get(&this)?.copy();
            state.give(copy)
        })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(pairs: &[(&str, &str)]) -> Vec<(String, Vec<u8>)> {
        pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
    }

    fn told<R>(fielded: Fielded<R>) -> Result<R, HeaderError> {
        fielded.expect("no trap")
    }

    #[test]
    fn names_have_no_case_and_values_keep_their_order() {
        let settings = HttpSettings::default();
        let pairs = list(&[("Accept", "a"), ("x", "1"), ("accept", "b")]);
        let mut fields = told(from_list(&settings, pairs)).expect("fields");
        assert_eq!(values(&fields, "ACCEPT"), [b"a", b"b"]);
        assert_eq!(entries(&fields), list(&[("accept", "a"), ("accept", "b"), ("x", "1")]));
        told(set(&settings, &mut fields, "Accept", vec![b"c".to_vec()])).expect("it is set");
        assert_eq!(values(&fields, "accept"), [b"c"]);
        told(set(&settings, &mut fields, "x", vec![])).expect("it is set to nothing");
        assert!(!fields.map.contains_key("x"));
        assert_eq!(fields.bytes, cost(&fields.map));
        assert_eq!(values(&fields, "no name\n"), Vec::<Vec<u8>>::new());
    }

    #[test]
    fn nobody_splits_a_message() {
        let settings = HttpSettings::default();
        let mut fields = Fields::new();
        for (name, value) in [
            ("a\r\nb", "c"),
            ("a: b\r\nc", "d"),
            ("", "a"),
            ("a b", "c"),
            ("a:", "b"),
            ("a\0", "b"),
            ("ä", "b"),
            ("a", "b\r\nset-cookie: c=d"),
            ("a", "b\n"),
            ("a", "\r"),
            ("a", "b\0c"),
            ("a", "\x7f"),
        ] {
            let appended = told(append(&settings, &mut fields, name, value.into()));
            assert_eq!(appended, Err(HeaderError::InvalidSyntax), "{name:?} {value:?}");
            let set = told(set(&settings, &mut fields, name, vec![value.into()]));
            assert_eq!(set, Err(HeaderError::InvalidSyntax), "{name:?} {value:?}");
            let made = told(from_list(&settings, list(&[(name, value)])));
            assert_eq!(made.err(), Some(HeaderError::InvalidSyntax), "{name:?} {value:?}");
        }
        assert!(fields.map.is_empty());
    }

    #[test]
    fn what_belongs_to_a_connection_is_not_the_guests() {
        let mut settings = HttpSettings::default();
        let framing = [
            "connection",
            "Transfer-Encoding",
            "UPGRADE",
            "keep-alive",
            "Proxy-Connection",
            "http2-settings",
        ];
        let mut fields = Fields::new();
        for name in framing.iter().chain(&["Host", "proxy-authorization"]) {
            let told = told(append(&settings, &mut fields, name, b"x".to_vec()));
            assert_eq!(told, Err(HeaderError::Forbidden), "{name}");
            assert_eq!(name_of(&settings, name), Err(HeaderError::Forbidden));
        }
        settings.is_forbidden = |_| false;
        for name in framing {
            assert_eq!(name_of(&settings, name), Err(HeaderError::Forbidden), "{name}");
        }
        assert!(name_of(&settings, "host").is_ok());
        let mut map = HeaderMap::new();
        for name in ["connection", "host", "upgrade", "te"] {
            map.append(HeaderName::from_static(name), HeaderValue::from_static("x"));
            map.append(HeaderName::from_static(name), HeaderValue::from_static("y"));
        }
        let seen = Fields::received(map, &HttpSettings::default());
        assert_eq!(entries(&seen), list(&[("te", "x"), ("te", "y")]));
    }

    #[test]
    fn fields_of_a_message_do_not_change_but_copies_do() {
        let settings = HttpSettings::default();
        let mut fields = told(from_list(&settings, list(&[("a", "b")]))).expect("fields").freeze();
        let refused = Err(HeaderError::Immutable);
        assert_eq!(told(append(&settings, &mut fields, "c", b"d".to_vec())), refused);
        assert_eq!(told(set(&settings, &mut fields, "a", vec![])), refused);
        assert_eq!(fields.remove(&HeaderName::from_static("a")), refused);
        let mut copy = fields.copy();
        told(append(&settings, &mut copy, "c", b"d".to_vec())).expect("it is the guest's own");
        assert_eq!(copy.bytes, cost(&copy.map));
        assert_eq!((fields.map.len(), copy.map.len()), (1, 2));
    }

    #[test]
    fn floods_of_fields_trap() {
        let settings = HttpSettings { fields_bytes_max: 1000, ..HttpSettings::default() };
        let mut fields = Fields::new();
        let flood = (0..1000).find_map(|_| append(&settings, &mut fields, "a", vec![]).err());
        assert!(flood.is_some());
        assert!(fields.map.len() < 40 && fields.bytes <= 1000);
        let pairs = (0..100).map(|at| (format!("a{at}"), vec![b'x'; 10])).collect();
        assert!(from_list(&settings, pairs).is_err());
        assert!(set(&settings, &mut Fields::new(), "a", vec![vec![b'x'; 500]; 2]).is_err());
        // The map's own bound is no panic.
        let settings = HttpSettings { fields_bytes_max: usize::MAX, ..HttpSettings::default() };
        let pairs = (0..40_000).map(|at| (format!("a{at}"), vec![])).collect();
        assert!(from_list(&settings, pairs).is_err());
    }

    #[test]
    fn a_length_is_one_number() {
        let settings = HttpSettings::default();
        let length = |values: &[&str]| {
            let pairs: Vec<_> = values.iter().map(|value| ("content-length", *value)).collect();
            told(from_list(&settings, list(&pairs))).expect("fields").content_length()
        };
        assert_eq!(length(&[]), Ok(None));
        assert_eq!(length(&["17"]), Ok(Some(17)));
        for lie in [
            &["+1"][..],
            &["-1"],
            &[""],
            &["1", "1"],
            &["1, 1"],
            &["0x1"],
            &["1 "],
            &["99999999999999999999"],
        ] {
            assert_eq!(length(lie), Err(()), "{lie:?}");
        }
    }
}
