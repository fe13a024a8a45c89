//! The embedded store: key-value stores and what caches keep, in one file of the server's, or in memory.
//!
//! A key is of one kind, as in Redis: a value, a sorted set, or a Bloom filter. Tables:
//!
//! | table | key | value |
//! |---|---|---|
//! | `keys` | store, key | the kind |
//! | `values` | store, key | the bytes of a value, or a filter's header and how many bytes it has |
//! | `bits` | store, key, which piece | a piece of a filter, so that asking reads a few pages and not all |
//! | `scores` | store, key, score in an order that bytes have, member | – |
//! | `cache` | app, key | when it expires, the bytes |
//!
//! Apps only read: in a snapshot, while somebody [fills](Embedded::fill) the store, of which an app sees all or nothing.
//! Reading is a few lookups in pages that are in memory after their first use, so answers are ready at once; what looks at
//! many keys or members lets others on now and then, in the same snapshot.

use super::bloom::{HEADER_BYTES, Shape};
use super::cache::{Changed, LocalCache};
use super::fill::Entry;
use super::glob::Scan;
use super::limits::{Room, VALUE_BYTES_MAX, check_key, check_scores, check_value};
use super::{Answer, KeyValue, Scored, StoreError};
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use std::fmt;
use std::future::{poll_fn, ready};
use std::path::Path;
use std::sync::Arc;
use std::task::Poll;

const KEYS: TableDefinition<'_, (&str, &str), u8> = TableDefinition::new("keys");
const VALUES: TableDefinition<'_, (&str, &str), &[u8]> = TableDefinition::new("values");
const SCORES: TableDefinition<'_, (&str, &str, u64, &[u8]), ()> = TableDefinition::new("scores");
const BITS: TableDefinition<'_, (&str, &str, u64), &[u8]> = TableDefinition::new("bits");
const CACHE: TableDefinition<'_, (&str, &str), (u64, &[u8])> = TableDefinition::new("cache");

/// Bytes of the file that are kept in memory: what a thousand apps look at often.
const PAGES_BYTES_MAX: usize = 64 << 20;

/// Bytes of a piece of a filter: a page.
const PIECE_BYTES: u64 = 4096;

/// An entry of the table `cache` that does not expire.
const NEVER: u64 = u64::MAX;

/// The least member of a sorted set.
const NOTHING: &[u8] = &[];

/// What a key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum KeyKind {
    Value = 0,
    Sorted = 1,
    Filter = 2,
}

/// Key-value stores in one file, or in memory. Clones are the same stores.
///
/// # Examples
///
/// ```
/// use dunlin_edge::stores::{Embedded, Entry, KeyValue};
///
/// let embedded = Embedded::in_memory()?;
/// let team = vec![(b"ada".to_vec(), 3.0), (b"alan".to_vec(), 1.5)];
/// embedded.fill("game", vec![
///     ("motto".into(), Entry::Value(b"play".to_vec())),
///     ("team".into(), Entry::Sorted(team)),
/// ])?;
/// let store = embedded.store("game");
/// let members = dunlin::stacks::wait(store.zrange_by_score("team", 2.0, f64::INFINITY));
/// assert_eq!(members.expect("nobody interrupts")?, [(b"ada".to_vec(), 3.0)]);
/// # Ok::<(), dunlin_edge::stores::StoreError>(())
/// ```
#[derive(Clone)]
pub struct Embedded {
    database: Arc<Database>,
}

impl fmt::Debug for Embedded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Embedded").finish_non_exhaustive()
    }
}

impl Embedded {
    /// The stores of a file, which is made if there is none.
    ///
    /// # Errors
    ///
    /// [`StoreError::Failed`] if the file cannot be opened, is another process's, or is damaged.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = path.as_ref();
        let made = Database::builder().set_cache_size(PAGES_BYTES_MAX).create(path);
        let failed =
            |error| StoreError::failed(format_args!("cannot open `{}`: {error}", path.display()));
        Self::with_tables(made.map_err(failed)?)
    }

    /// Stores that nobody finds again.
    ///
    /// # Errors
    ///
    /// [`StoreError::Failed`] if the machine has no memory.
    pub fn in_memory() -> Result<Self, StoreError> {
        let backend = redb::backends::InMemoryBackend::new();
        let made = Database::builder().set_cache_size(PAGES_BYTES_MAX).create_with_backend(backend);
        Self::with_tables(made.map_err(StoreError::failed)?)
    }

    /// Makes what tables there are not, so that readers find them.
    fn with_tables(database: Database) -> Result<Self, StoreError> {
        let write = database.begin_write().map_err(StoreError::failed)?;
        write.open_table(KEYS).map_err(StoreError::failed)?;
        write.open_table(VALUES).map_err(StoreError::failed)?;
        write.open_table(SCORES).map_err(StoreError::failed)?;
        write.open_table(BITS).map_err(StoreError::failed)?;
        write.open_table(CACHE).map_err(StoreError::failed)?;
        write.commit().map_err(StoreError::failed)?;
        Ok(Self { database: Arc::new(database) })
    }

    /// A store, by its name; one that nobody has filled is empty.
    #[must_use]
    pub fn store(&self, name: &str) -> EmbeddedStore {
        EmbeddedStore { embedded: self.clone(), name: name.into() }
    }

    /// Puts entries into a store, all or none. What a key held before is gone; other keys stay.
    ///
    /// # Errors
    ///
    /// [`StoreError::Refused`] if a key or value is too large or a score is not a number; [`StoreError::Failed`] if the file
    /// cannot be written.
    pub fn fill(&self, store: &str, entries: Vec<(String, Entry)>) -> Result<(), StoreError> {
        self.change(|tables| tables.put_all(store, entries))
    }

    /// Puts entries into a store in place of all that it holds.
    ///
    /// # Errors
    ///
    /// As [`fill`](Self::fill).
    pub fn replace(&self, store: &str, entries: Vec<(String, Entry)>) -> Result<(), StoreError> {
        self.change(|tables| {
            tables.clear(store)?;
            tables.put_all(store, entries)
        })
    }

    /// Removes a store with all its keys.
    ///
    /// # Errors
    ///
    /// [`StoreError::Failed`] if the file cannot be written.
    pub fn clear(&self, store: &str) -> Result<(), StoreError> {
        self.change(|tables| tables.clear(store))
    }

    /// Changes something, which is there for readers when it has happened without an error.
    fn change(
        &self,
        change: impl FnOnce(&mut Tables<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let write = self.database.begin_write().map_err(StoreError::failed)?;
        let mut tables = Tables {
            keys: write.open_table(KEYS).map_err(StoreError::failed)?,
            values: write.open_table(VALUES).map_err(StoreError::failed)?,
            scores: write.open_table(SCORES).map_err(StoreError::failed)?,
            bits: write.open_table(BITS).map_err(StoreError::failed)?,
        };
        change(&mut tables)?;
        drop(tables);
        write.commit().map_err(StoreError::failed)
    }

    /// Writes what has changed in caches since this was last done; how many entries. From the first time on, caches note
    /// what changes. To be called now and then, and at the end; not on a thread that serves.
    ///
    /// # Errors
    ///
    /// [`StoreError::Failed`] if the file cannot be written; what was to be written is then not.
    pub fn keep_cache(&self, cache: &LocalCache) -> Result<usize, StoreError> {
        cache.note_changes();
        let changed = cache.take_changes();
        let count = changed.iter().map(|changed| changed.entries.len()).sum();
        if changed.is_empty() {
            return Ok(0);
        }
        let write = self.database.begin_write().map_err(StoreError::failed)?;
        for changed in changed {
            let mut table = write.open_table(CACHE).map_err(StoreError::failed)?;
            keep(&mut table, &changed).map_err(StoreError::failed)?;
        }
        write.commit().map_err(StoreError::failed)?;
        Ok(count)
    }

    /// Fills caches with what was kept, and has not expired meanwhile; how many entries were found.
    ///
    /// # Errors
    ///
    /// [`StoreError::Failed`] if the file cannot be read.
    pub fn restore_cache(&self, cache: &LocalCache) -> Result<usize, StoreError> {
        let read = self.database.begin_read().map_err(StoreError::failed)?;
        let table = read.open_table(CACHE).map_err(StoreError::failed)?;
        let mut count = 0;
        for entry in table.iter().map_err(StoreError::failed)? {
            let (place, value) = entry.map_err(StoreError::failed)?;
            let ((app, key), (expires, bytes)) = (place.value(), value.value());
            cache.put_back(app, key, bytes.to_vec(), (expires != NEVER).then_some(expires));
            count += 1;
        }
        Ok(count)
    }
}

fn keep(
    table: &mut redb::Table<'_, (&'static str, &'static str), (u64, &'static [u8])>,
    changed: &Changed,
) -> Result<(), redb::StorageError> {
    let app = changed.app.as_str();
    if changed.all {
        table.retain_in((app, "")..(&*after(app), ""), |_, _| false)?;
    }
    for entry in &changed.entries {
        let place = (app, &*entry.key);
        match &entry.value {
            Some((value, expires)) => {
                table.insert(place, (expires.unwrap_or(NEVER), value.as_slice()))?;
            }
            None => drop(table.remove(place)?),
        }
    }
    Ok(())
}

/// The tables of a change.
struct Tables<'a> {
    keys: redb::Table<'a, (&'static str, &'static str), u8>,
    values: redb::Table<'a, (&'static str, &'static str), &'static [u8]>,
    scores: redb::Table<'a, (&'static str, &'static str, u64, &'static [u8]), ()>,
    bits: redb::Table<'a, (&'static str, &'static str, u64), &'static [u8]>,
}

impl Tables<'_> {
    fn put_all(&mut self, store: &str, entries: Vec<(String, Entry)>) -> Result<(), StoreError> {
        for (key, entry) in entries {
            self.remove(store, &key)?;
            self.put(store, &key, entry)?;
        }
        Ok(())
    }

    /// Removes all keys of a store.
    fn clear(&mut self, store: &str) -> Result<(), StoreError> {
        let end = after(store);
        let end = end.as_str();
        let all = (store, "")..(end, "");
        self.keys.retain_in(all.clone(), |_, _| false).map_err(StoreError::failed)?;
        self.values.retain_in(all, |_, _| false).map_err(StoreError::failed)?;
        let all = (store, "", 0, NOTHING)..(end, "", 0, NOTHING);
        self.scores.retain_in(all, |_, ()| false).map_err(StoreError::failed)?;
        let all = (store, "", 0)..(end, "", 0);
        self.bits.retain_in(all, |_, _| false).map_err(StoreError::failed)
    }

    fn remove(&mut self, store: &str, key: &str) -> Result<(), StoreError> {
        let kind = self.keys.remove((store, key)).map_err(StoreError::failed)?;
        let Some(kind) = kind.map(|kind| kind.value()) else { return Ok(()) };
        let end = after(key);
        let end = end.as_str();
        let all = (store, key, 0, NOTHING)..(store, end, 0, NOTHING);
        if kind == KeyKind::Sorted as u8 {
            self.scores.retain_in(all, |_, ()| false).map_err(StoreError::failed)?;
            return Ok(());
        }
        self.values.remove((store, key)).map_err(StoreError::failed)?;
        if kind == KeyKind::Filter as u8 {
            let all = (store, key, 0)..(store, end, 0);
            self.bits.retain_in(all, |_, _| false).map_err(StoreError::failed)?;
        }
        Ok(())
    }

    fn put(&mut self, store: &str, key: &str, entry: Entry) -> Result<(), StoreError> {
        check_key(key)?;
        let kind = match entry {
            Entry::Value(value) => {
                check_value(&value)?;
                self.values.insert((store, key), &*value).map_err(StoreError::failed)?;
                KeyKind::Value
            }
            Entry::Filter(filter) => {
                self.put_filter(store, key, filter.as_bytes())?;
                KeyKind::Filter
            }
            Entry::Sorted(members) => {
                self.put_members(store, key, members)?;
                KeyKind::Sorted
            }
        };
        self.keys.insert((store, key), kind as u8).map_err(StoreError::failed)?;
        Ok(())
    }

    fn put_filter(&mut self, store: &str, key: &str, filter: &[u8]) -> Result<(), StoreError> {
        let (header, bits) = filter.split_at_checked(HEADER_BYTES).ok_or(StoreError::WrongKind)?;
        let head = [header, &(filter.len() as u64).to_le_bytes()].concat();
        self.values.insert((store, key), &*head).map_err(StoreError::failed)?;
        for (at, piece) in (0..).zip(bits.chunks(PIECE_BYTES as usize)) {
            self.bits.insert((store, key, at), piece).map_err(StoreError::failed)?;
        }
        Ok(())
    }

    fn put_members(&mut self, store: &str, key: &str, members: Scored) -> Result<(), StoreError> {
        // A member has one score: the last.
        let members: std::collections::BTreeMap<Vec<u8>, f64> = members.into_iter().collect();
        for (member, score) in members {
            if score.is_nan() {
                return Err(StoreError::refused("a score is not a number"));
            }
            check_value(&member)?;
            let place = (store, key, order(score), &*member);
            self.scores.insert(place, ()).map_err(StoreError::failed)?;
        }
        Ok(())
    }
}

/// A score as a number whose order is that of scores; zeroes are one.
fn order(score: f64) -> u64 {
    let bits = (score + 0.0).to_bits();
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

/// The score that [`order`] made this number of.
fn score(order: u64) -> f64 {
    f64::from_bits(if order >> 63 == 1 { order & !(1 << 63) } else { !order })
}

/// The next text: none is between them.
fn after(text: &str) -> String {
    format!("{text}\0")
}

/// One key-value store of an embedded one's.
#[derive(Clone, Debug)]
pub struct EmbeddedStore {
    embedded: Embedded,
    name: Arc<str>,
}

/// A view of the tables as they are at one moment.
struct View {
    keys: redb::ReadOnlyTable<(&'static str, &'static str), u8>,
    values: redb::ReadOnlyTable<(&'static str, &'static str), &'static [u8]>,
    scores: redb::ReadOnlyTable<(&'static str, &'static str, u64, &'static [u8]), ()>,
    bits: redb::ReadOnlyTable<(&'static str, &'static str, u64), &'static [u8]>,
}

impl EmbeddedStore {
    fn view(&self) -> Result<View, StoreError> {
        let read = self.embedded.database.begin_read().map_err(StoreError::failed)?;
        Ok(View {
            keys: read.open_table(KEYS).map_err(StoreError::failed)?,
            values: read.open_table(VALUES).map_err(StoreError::failed)?,
            scores: read.open_table(SCORES).map_err(StoreError::failed)?,
            bits: read.open_table(BITS).map_err(StoreError::failed)?,
        })
    }

    /// Whether a key is there.
    ///
    /// # Errors
    ///
    /// [`StoreError::WrongKind`] if it is of another kind.
    fn is(&self, view: &View, key: &str, wanted: KeyKind) -> Result<bool, StoreError> {
        check_key(key)?;
        let kind = view.keys.get((&*self.name, key)).map_err(StoreError::failed)?;
        match kind.map(|kind| kind.value()) {
            None => Ok(false),
            Some(kind) if kind == wanted as u8 => Ok(true),
            Some(_) => Err(StoreError::WrongKind),
        }
    }

    fn value(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let view = self.view()?;
        if !self.is(&view, key, KeyKind::Value)? {
            return Ok(None);
        }
        let value = view.values.get((&*self.name, key)).map_err(StoreError::failed)?;
        Ok(value.map(|value| value.value().to_vec()))
    }

    async fn keys(&self, pattern: &str) -> Result<Vec<String>, StoreError> {
        let (view, mut scan) = (self.view()?, Scan::new(pattern)?);
        let (mut found, mut room) = (Vec::new(), Room::new());
        // What is not text at its end, because the pattern cuts a character, begins with what is.
        let prefix = scan.prefix().to_vec();
        let text = prefix.utf8_chunks().next().map_or("", |chunk| chunk.valid());
        let mut from = text.to_owned();
        while let Some(next) = self.some_keys(&view, (text, &from), &mut scan, |key| {
            room.take(key.len())?;
            found.push(key.to_owned());
            Ok(())
        })? {
            from = next;
            let_others_on().await;
        }
        Ok(found)
    }

    /// Gives keys that match, until it is time to let others on; the key to go on at.
    fn some_keys(
        &self,
        view: &View,
        (prefix, from): (&str, &str),
        scan: &mut Scan,
        mut found: impl FnMut(&str) -> Result<(), StoreError>,
    ) -> Result<Option<String>, StoreError> {
        let end = after(&self.name);
        let range = (&*self.name, from)..(&*end, "");
        for entry in view.keys.range(range).map_err(StoreError::failed)? {
            let (place, _) = entry.map_err(StoreError::failed)?;
            let (_, key) = place.value();
            if !key.starts_with(prefix) {
                break;
            }
            if scan.is_due() {
                return Ok(Some(key.to_owned()));
            }
            if scan.matches(key.as_bytes())? {
                found(key)?;
            }
        }
        Ok(None)
    }

    /// Members whose scores lie in a range, and that match.
    async fn members(
        &self,
        key: &str,
        (min, max): (f64, f64),
        mut scan: Scan,
    ) -> Result<Scored, StoreError> {
        check_scores(min, max)?;
        let view = self.view()?;
        let (mut found, mut room) = (Vec::new(), Room::new());
        if !self.is(&view, key, KeyKind::Sorted)? || min > max {
            return Ok(found);
        }
        let mut from = (order(min), Vec::new());
        while let Some(next) =
            self.some_members(&view, key, (&from, order(max)), &mut scan, |member, score| {
                room.take(member.len())?;
                found.push((member.to_vec(), score));
                Ok(())
            })?
        {
            from = next;
            let_others_on().await;
        }
        Ok(found)
    }

    /// Gives members that match, until it is time to let others on; the place to go on at.
    fn some_members(
        &self,
        view: &View,
        key: &str,
        ((first, member), last): (&(u64, Vec<u8>), u64),
        scan: &mut Scan,
        mut found: impl FnMut(&[u8], f64) -> Result<(), StoreError>,
    ) -> Result<Option<(u64, Vec<u8>)>, StoreError> {
        let end = after(key);
        let range = (&*self.name, key, *first, &**member)..(&*self.name, &*end, 0, NOTHING);
        for entry in view.scores.range(range).map_err(StoreError::failed)? {
            let (place, _) = entry.map_err(StoreError::failed)?;
            let (_, _, at, member) = place.value();
            if at > last {
                break;
            }
            if scan.is_due() {
                return Ok(Some((at, member.to_vec())));
            }
            if scan.matches(member)? {
                found(member, score(at))?;
            }
        }
        Ok(None)
    }

    fn contains(&self, key: &str, item: &str) -> Result<bool, StoreError> {
        let view = self.view()?;
        check_key(item)?;
        if !self.is(&view, key, KeyKind::Filter)? {
            return Ok(false);
        }
        let head = view.values.get((&*self.name, key)).map_err(StoreError::failed)?;
        let head = head.ok_or(StoreError::WrongKind)?;
        let (header, len) =
            head.value().split_at_checked(HEADER_BYTES).ok_or(StoreError::WrongKind)?;
        let len = len.try_into().map(u64::from_le_bytes).map_err(|_| StoreError::WrongKind)?;
        let shape = Shape::of(header, len as usize).ok_or(StoreError::WrongKind)?;
        for bit in shape.places(item) {
            let (byte, mask) = (bit / 8, 0x80 >> (bit % 8));
            let place = (&*self.name, key, byte / PIECE_BYTES);
            let piece = view.bits.get(place).map_err(StoreError::failed)?;
            let piece = piece.ok_or(StoreError::WrongKind)?;
            if piece.value().get((byte % PIECE_BYTES) as usize).is_none_or(|byte| byte & mask == 0)
            {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl KeyValue for EmbeddedStore {
    fn get<'a>(&'a self, key: &'a str) -> Answer<'a, Option<Vec<u8>>> {
        Box::pin(ready(self.value(key)))
    }

    fn scan<'a>(&'a self, pattern: &'a str) -> Answer<'a, Vec<String>> {
        Box::pin(self.keys(pattern))
    }

    fn zrange_by_score<'a>(&'a self, key: &'a str, min: f64, max: f64) -> Answer<'a, Scored> {
        Box::pin(self.members(key, (min, max), Scan::of_all()))
    }

    fn zscan<'a>(&'a self, key: &'a str, pattern: &'a str) -> Answer<'a, Scored> {
        let all = (f64::NEG_INFINITY, f64::INFINITY);
        Box::pin(async move { self.members(key, all, Scan::new(pattern)?).await })
    }

    fn bf_exists<'a>(&'a self, key: &'a str, item: &'a str) -> Answer<'a, bool> {
        Box::pin(ready(self.contains(key, item)))
    }
}

/// Gives the thread to others that wait for it, once.
async fn let_others_on() {
    let mut has = false;
    poll_fn(|context| {
        if std::mem::replace(&mut has, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

const _: () = assert!(VALUE_BYTES_MAX < u32::MAX as usize, "what the file's format can hold");

#[cfg(test)]
mod tests {
    use super::super::Cache;
    use super::super::bloom::Filter;
    use super::super::limits::KEY_BYTES_MAX;
    use super::*;

    fn now<T>(answer: Answer<'_, T>) -> Result<T, StoreError> {
        dunlin::stacks::wait(answer).expect("nobody interrupts")
    }

    fn filled(entries: Vec<(&str, Entry)>) -> EmbeddedStore {
        let embedded = Embedded::in_memory().expect("memory");
        // Neighbours in the same tables.
        for name in ["stor", "store\u{1}", "store1"] {
            let others = ["a", "b", "z"].map(|key| (key.into(), Entry::Value(b"other".to_vec())));
            embedded.fill(name, others.into()).expect("small");
        }
        let entries = entries.into_iter().map(|(key, entry)| (key.into(), entry)).collect();
        embedded.fill("store", entries).expect("small");
        embedded.store("store")
    }

    fn value(text: &str) -> Entry {
        Entry::Value(text.into())
    }

    fn sorted(members: &[(&str, f64)]) -> Entry {
        Entry::Sorted(
            members.iter().map(|(member, score)| (member.as_bytes().into(), *score)).collect(),
        )
    }

    #[test]
    fn values_are_what_was_put_last() {
        let store = filled(vec![
            ("a", value("1")),
            ("a", value("2")),
            ("", value("empty")),
            ("e", value("")),
        ]);
        for (key, expected) in [("a", Some("2")), ("", Some("empty")), ("e", Some("")), ("b", None)]
        {
            let found = now(store.get(key)).expect("a value");
            assert_eq!(found, expected.map(|text| text.as_bytes().to_vec()), "`{key}`");
        }
    }

    #[test]
    fn keys_of_every_kind_are_scanned_and_those_of_no_other_store() {
        let filter = Entry::Filter(Filter::new(1, 0.1).expect("small"));
        let store = filled(vec![
            ("my:a", value("1")),
            ("my:set", sorted(&[("x", 1.0)])),
            ("my:filter", filter),
            ("mz", value("2")),
            ("grüße", value("3")),
        ]);
        for (pattern, expected) in [
            ("my:*", vec!["my:a", "my:filter", "my:set"]),
            ("m?", vec!["mz"]),
            ("*", vec!["grüße", "my:a", "my:filter", "my:set", "mz"]),
            ("mz", vec!["mz"]),
            // A pattern that cuts a character in two.
            ("gr\u{fc}*", vec!["grüße"]),
            ("x*", vec![]),
            ("", vec![]),
        ] {
            assert_eq!(now(store.scan(pattern)).expect("few"), expected, "`{pattern}`");
        }
        assert!(now(store.scan(&"*".repeat(2000))).is_err());
    }

    #[test]
    fn members_are_found_by_their_scores_in_order() {
        let (least, most) = (f64::NEG_INFINITY, f64::INFINITY);
        let members = [
            ("c", 1.5),
            ("a", -2.0),
            ("b", 0.0),
            ("d", 1.5),
            ("e", most),
            ("f", least),
            ("g", -0.0),
        ];
        let store = filled(vec![("s", sorted(&members)), ("s2", sorted(&[("other", 0.0)]))]);
        for ((min, max), expected) in [
            ((least, most), "fabgcde"),
            ((0.0, 0.0), "bg"),
            ((-0.0, 0.0), "bg"),
            ((-2.0, 1.5), "abgcd"),
            ((-1.9, 1.49), "bg"),
            ((2.0, 1.0), ""),
            ((most, most), "e"),
            ((least, least), "f"),
        ] {
            let found = now(store.zrange_by_score("s", min, max)).expect("few");
            let names = found.iter().map(|(member, _)| String::from_utf8_lossy(member));
            assert_eq!(names.collect::<String>(), expected, "{min} to {max}");
        }
        let scores = now(store.zrange_by_score("s", -3.0, -1.0)).expect("few");
        assert_eq!(scores, [(b"a".to_vec(), -2.0)]);
        assert_eq!(now(store.zrange_by_score("none", 0.0, 1.0)), Ok(Vec::new()));
        assert!(now(store.zrange_by_score("s", f64::NAN, 1.0)).is_err());
        assert!(now(store.zrange_by_score("s", 0.0, f64::NAN)).is_err());
        assert_eq!(now(store.zscan("s", "[a-b]")).expect("few").len(), 2);
    }

    #[test]
    fn what_takes_long_lets_others_on_and_misses_nothing() {
        let mut entries: Vec<(String, Entry)> =
            (0..5_000).map(|at| (format!("key{at:05}"), Entry::Value(Vec::new()))).collect();
        let members = (0..5_000).map(|at| (format!("m{at:05}").into_bytes(), f64::from(at / 7)));
        entries.push(("set".into(), Entry::Sorted(members.collect())));
        let embedded = Embedded::in_memory().expect("memory");
        embedded.fill("store", entries).expect("small");
        let store = embedded.store("store");
        assert_eq!(now(store.scan("key*")).map(|keys| keys.len()), Ok(5_000));
        assert_eq!(now(store.scan("*9")).map(|keys| keys.len()), Ok(500));
        for found in [store.zscan("set", "m*"), store.zrange_by_score("set", 0.0, 1e9)] {
            let found = now(found).expect("few");
            assert!(found.len() == 5_000 && found.is_sorted_by(|a, b| (a.1, &a.0) < (b.1, &b.0)));
        }
        let mut scan = store.scan("*");
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        let pending =
            (0..100).take_while(|_| scan.as_mut().poll(&mut context).is_pending()).count();
        assert!((2..50).contains(&pending), "{pending}");
    }

    #[test]
    fn every_score_keeps_its_order_and_value() {
        let scores = [
            f64::NEG_INFINITY,
            f64::MIN,
            -1.0,
            -f64::MIN_POSITIVE,
            -5e-324,
            0.0,
            5e-324,
            1.0,
            f64::MAX,
        ];
        assert!(scores.windows(2).all(|pair| order(pair[0]) < order(pair[1])));
        assert!(scores.iter().all(|value| score(order(*value)) == *value));
        assert_eq!(order(-0.0), order(0.0));
    }

    #[test]
    fn a_key_is_of_one_kind() {
        let mut filter = Filter::new(100_000, 0.001).expect("small");
        filter.add("in");
        let store = filled(vec![
            ("v", value("1")),
            ("s", sorted(&[("x", 1.0)])),
            ("f", Entry::Filter(filter)),
        ]);
        assert_eq!(now(store.bf_exists("f", "in")), Ok(true));
        assert_eq!(now(store.bf_exists("f", "out")), Ok(false));
        assert_eq!(now(store.bf_exists("none", "in")), Ok(false));
        for key in ["s", "f"] {
            assert_eq!(now(store.get(key)), Err(StoreError::WrongKind));
        }
        for key in ["v", "f"] {
            assert_eq!(now(store.zscan(key, "*")), Err(StoreError::WrongKind));
        }
        for key in ["v", "s"] {
            assert_eq!(now(store.bf_exists(key, "in")), Err(StoreError::WrongKind));
        }
        // A key that is put again may be of another kind.
        let again = ["v", "s", "f"].map(|key| (key.to_owned(), value("now")));
        store.embedded.fill("store", again.into()).expect("small");
        for key in ["v", "s", "f"] {
            assert_eq!(now(store.get(key)), Ok(Some(b"now".to_vec())));
        }
        store.embedded.fill("store", vec![("s".into(), sorted(&[("y", 2.0)]))]).expect("small");
        assert_eq!(
            now(store.zscan("s", "*")),
            Ok(vec![(b"y".to_vec(), 2.0)]),
            "nothing is left of before"
        );
    }

    #[test]
    fn what_is_too_large_or_no_number_is_refused_and_nothing_is_filled() {
        let store = filled(vec![]);
        let long = "k".repeat(KEY_BYTES_MAX + 1);
        for bad in [
            (long.clone(), value("1")),
            ("b".into(), Entry::Value(vec![0; VALUE_BYTES_MAX + 1])),
            ("b".into(), sorted(&[("x", f64::NAN)])),
        ] {
            let entries = vec![("a".to_owned(), value("1")), bad];
            assert!(store.embedded.fill("store", entries).is_err());
            assert_eq!(now(store.get("a")), Ok(None));
        }
        assert!(now(store.get(&long)).is_err());
        assert!(now(store.bf_exists("a", &long)).is_err());
    }

    #[test]
    fn stores_last_and_are_cleared_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("stores.redb");
        {
            let embedded = Embedded::open(&path).expect("a file");
            for name in ["a", "b"] {
                let entries = vec![("v".into(), value(name)), ("s".into(), sorted(&[("x", 1.0)]))];
                embedded.fill(name, entries).expect("small");
            }
            assert!(Embedded::open(&path).is_err(), "it is held");
        }
        let embedded = Embedded::open(&path).expect("a file");
        embedded.clear("a").expect("a file");
        assert_eq!(now(embedded.store("a").scan("*")), Ok(Vec::new()));
        assert_eq!(now(embedded.store("a").zscan("s", "*")), Ok(Vec::new()));
        assert_eq!(now(embedded.store("b").get("v")), Ok(Some(b"b".to_vec())));
        embedded.replace("b", vec![("w".into(), value("new"))]).expect("small");
        assert_eq!(now(embedded.store("b").scan("*")), Ok(vec!["w".into()]));
        let bad = vec![("x".into(), value("1")), ("y".into(), sorted(&[("z", f64::NAN)]))];
        embedded.replace("b", bad).expect_err("not a number");
        assert_eq!(now(embedded.store("b").scan("*")), Ok(vec!["w".into()]), "as it was");
        std::fs::write(folder.path().join("bad.redb"), "nothing of the kind").expect("a file");
        let error = Embedded::open(folder.path().join("bad.redb")).expect_err("no store");
        assert!(error.to_string().contains("bad.redb"), "{error}");
    }

    #[test]
    fn caches_are_kept_and_come_back() {
        let embedded = Embedded::in_memory().expect("memory");
        let cache = LocalCache::default();
        let (shop, blog) = (cache.view("shop"), cache.view("blog"));
        now(shop.set("a", b"1".to_vec(), None)).expect("room");
        assert_eq!(embedded.keep_cache(&cache), Ok(1), "what was there before");
        now(shop.set("b", b"2".to_vec(), Some(3_600_000))).expect("room");
        now(shop.set("gone", b"3".to_vec(), Some(1))).expect("room");
        now(blog.incr("visits", 7)).expect("room");
        assert_eq!(embedded.keep_cache(&cache), Ok(3));
        assert_eq!(embedded.keep_cache(&cache), Ok(0));
        now(shop.delete("a")).expect("a key");
        assert_eq!(embedded.keep_cache(&cache), Ok(1));
        std::thread::sleep(std::time::Duration::from_millis(5));
        let again = LocalCache::default();
        embedded.restore_cache(&again).expect("memory");
        assert_eq!(now(again.view("shop").get("b")), Ok(Some(b"2".to_vec())));
        assert_eq!(now(again.view("shop").purge()), Ok(1));
        assert_eq!(now(again.view("blog").incr("visits", 1)), Ok(8));
        now(blog.purge()).expect("allowed");
        embedded.keep_cache(&cache).expect("memory");
        let last = LocalCache::default();
        embedded.restore_cache(&last).expect("memory");
        assert_eq!(now(last.view("blog").purge()), Ok(0));
    }
}
