//! The server's own cache: in memory, one part for each app, bounded in bytes, least recently used first out.
//!
//! Every operation holds its app's lock from beginning to end, which is what makes counters exact; none waits for
//! anything meanwhile. What has expired is gone for whoever asks; its bytes go when it is asked for, when somebody
//! writes, or at the next [sweep](LocalCache::sweep). Changes are noted, if somebody said to
//! [keep](LocalCache::note_changes) them, so that [`Embedded`](super::Embedded) can write them now and then.

use super::limits::{
    CACHE_BYTES_MAX, ENTRY_BYTES, SWEEP_ENTRIES_MAX, TTL_MS_MAX, check_key, check_value,
};
use super::{Answer, Cache, StoreError};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::future::ready;
use std::ops::Bound;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Expired entries that one write removes: more than it adds, so that they do not pile up.
const EXPIRED_PER_WRITE: usize = 4;

/// Changed keys of one app that are noted one by one; beyond, all that the app has is written anew.
const CHANGES_MAX: usize = 1 << 16;

/// Milliseconds since 1970.
type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// The caches of all apps of a server. Clones are the same caches.
///
/// # Examples
///
/// ```
/// use dunlin_edge::stores::{Cache, LocalCache};
///
/// let cache = LocalCache::new(1 << 20, 1 << 24).view("shop");
/// let waited = dunlin::stacks::wait(async {
///     cache.set("colour", b"red".to_vec(), Some(60_000)).await?;
///     assert_eq!(cache.get("colour").await?.as_deref(), Some(&b"red"[..]));
///     assert_eq!(cache.incr("visits", 2).await?, 2);
///     assert_eq!(cache.purge().await?, 2);
///     Ok::<(), dunlin_edge::stores::StoreError>(())
/// })?;
/// waited.expect("all of it is allowed");
/// # Ok::<(), dunlin::Error>(())
/// ```
#[derive(Clone)]
pub struct LocalCache {
    shared: Arc<Shared>,
    apps: Arc<Mutex<BTreeMap<String, Arc<App>>>>,
}

struct Shared {
    clock: Clock,
    app_bytes_max: usize,
    bytes_max: usize,
    bytes: AtomicUsize,
    notes_changes: AtomicBool,
}

struct App {
    shared: Arc<Shared>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    entries: BTreeMap<Arc<str>, Held>,
    /// Keys by when they were last used.
    used: BTreeMap<u64, Arc<str>>,
    /// Keys that expire, by when they do.
    expiring: BTreeSet<(u64, Arc<str>)>,
    uses: u64,
    bytes: usize,
    changes: Changes,
}

struct Held {
    value: Vec<u8>,
    expires: Option<u64>,
    used: u64,
}

#[derive(Default)]
enum Changes {
    #[default]
    None,
    Of(BTreeSet<Arc<str>>),
    All,
}

/// An entry of a cache, to be kept.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) key: Arc<str>,
    /// The value and when it expires; nothing if the key is gone.
    pub(crate) value: Option<(Vec<u8>, Option<u64>)>,
}

/// What has changed in an app's cache.
pub(crate) struct Changed {
    pub(crate) app: String,
    /// Whether nothing is there but what is listed.
    pub(crate) all: bool,
    pub(crate) entries: Vec<Kept>,
}

impl fmt::Debug for LocalCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalCache").field("bytes", &self.bytes()).finish_non_exhaustive()
    }
}

impl Default for LocalCache {
    /// With [`CACHE_BYTES_MAX`] for each app, and four times as much for all.
    fn default() -> Self {
        Self::new(CACHE_BYTES_MAX, 4 * CACHE_BYTES_MAX)
    }
}

impl LocalCache {
    /// Caches that hold so many bytes for each app, and for all of them.
    #[must_use]
    pub fn new(app_bytes_max: usize, bytes_max: usize) -> Self {
        // The clock of the day as it was at first, so that nothing expires when somebody sets it.
        let (then, since) = (SystemTime::now(), Instant::now());
        let then = then.duration_since(UNIX_EPOCH).map_or(0, |span| span.as_millis() as u64);
        Self::with_clock(app_bytes_max, bytes_max, move || {
            then + since.elapsed().as_millis() as u64
        })
    }

    pub(crate) fn with_clock(
        app_bytes_max: usize,
        bytes_max: usize,
        clock: impl Fn() -> u64 + Send + Sync + 'static,
    ) -> Self {
        let clock = Arc::new(clock);
        let (bytes, notes_changes) = (AtomicUsize::new(0), AtomicBool::new(false));
        let shared = Arc::new(Shared { clock, app_bytes_max, bytes_max, bytes, notes_changes });
        Self { shared, apps: Arc::default() }
    }

    /// The cache of one app.
    #[must_use]
    pub fn view(&self, app: &str) -> CacheView {
        let mut apps = lock(&self.apps);
        let made = || Arc::new(App { shared: self.shared.clone(), state: Mutex::default() });
        CacheView { app: apps.entry(app.into()).or_insert_with(made).clone() }
    }

    /// Forgets an app with all that its cache holds.
    pub fn remove(&self, app: &str) {
        if let Some(app) = lock(&self.apps).remove(app) {
            lock(&app.state).clear(&self.shared);
        }
    }

    /// Bytes that all caches hold.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.shared.bytes.load(Ordering::Relaxed)
    }

    /// Notes from now on what changes, for somebody who writes it; what there is already has changed.
    pub fn note_changes(&self) {
        if self.shared.notes_changes.swap(true, Ordering::Relaxed) {
            return;
        }
        for app in lock(&self.apps).values() {
            let mut state = lock(&app.state);
            if !state.entries.is_empty() {
                state.changes = Changes::All;
            }
        }
    }

    /// Gives back what expired entries hold; how many there were. No app waits for longer than a moment.
    pub fn sweep(&self) -> usize {
        let apps: Vec<Arc<App>> = lock(&self.apps).values().cloned().collect();
        let mut swept = 0;
        for app in apps {
            loop {
                let now = (self.shared.clock)();
                let removed = lock(&app.state).remove_expired(now, SWEEP_ENTRIES_MAX, &self.shared);
                swept += removed;
                if removed < SWEEP_ENTRIES_MAX {
                    break;
                }
            }
        }
        swept
    }

    /// What has changed since this was last asked.
    pub(crate) fn take_changes(&self) -> Vec<Changed> {
        let apps: Vec<(String, Arc<App>)> =
            lock(&self.apps).iter().map(|(name, app)| (name.clone(), app.clone())).collect();
        let changed = apps.into_iter().filter_map(|(name, app)| {
            let mut state = lock(&app.state);
            let kept = |key: &Arc<str>, held: Option<&Held>| Kept {
                key: key.clone(),
                value: held.map(|held| (held.value.clone(), held.expires)),
            };
            let (all, entries) = match std::mem::take(&mut state.changes) {
                Changes::None => return None,
                Changes::Of(keys) => {
                    (false, keys.iter().map(|key| kept(key, state.entries.get(key))).collect())
                }
                Changes::All => {
                    let entries = state.entries.iter();
                    (true, entries.map(|(key, held)| kept(key, Some(held))).collect())
                }
            };
            Some(Changed { app: name, all, entries })
        });
        changed.collect()
    }

    /// Puts an entry back that was kept, unless it has expired or there is no room.
    pub(crate) fn put_back(&self, app: &str, key: &str, value: Vec<u8>, expires: Option<u64>) {
        let now = (self.shared.clock)();
        if expires.is_some_and(|expires| expires <= now) {
            return;
        }
        let view = self.view(app);
        let mut state = lock(&view.app.state);
        let changes = std::mem::take(&mut state.changes);
        // What does not fit is a cache's to forget.
        let _ = state.set(key, value, expires, &self.shared);
        state.changes = changes;
    }
}

impl Shared {
    /// Takes so many bytes of those that all caches have together; whether there were so many.
    fn take(&self, bytes: usize) -> bool {
        let taken = |held: usize| held.checked_add(bytes).filter(|sum| *sum <= self.bytes_max);
        self.bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, taken).is_ok()
    }
}

impl State {
    /// Forgets a key; whether it was there.
    fn remove(&mut self, key: &str, shared: &Shared) -> bool {
        let Some((key, held)) = self.entries.remove_entry(key) else { return false };
        self.used.remove(&held.used);
        let bytes = cost(&key, &held.value);
        if let Some(expires) = held.expires {
            self.expiring.remove(&(expires, key.clone()));
        }
        self.bytes -= bytes;
        shared.bytes.fetch_sub(bytes, Ordering::Relaxed);
        self.note(key, shared);
        true
    }

    fn note(&mut self, key: Arc<str>, shared: &Shared) {
        if !shared.notes_changes.load(Ordering::Relaxed) {
            return;
        }
        match &mut self.changes {
            Changes::All => {}
            Changes::None => self.changes = Changes::Of(BTreeSet::from([key])),
            Changes::Of(keys) => {
                keys.insert(key);
                if keys.len() > CHANGES_MAX {
                    self.changes = Changes::All;
                }
            }
        }
    }

    fn clear(&mut self, shared: &Shared) -> u64 {
        let entries = self.entries.len();
        shared.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
        let changed = shared.notes_changes.load(Ordering::Relaxed);
        let changes = if changed { Changes::All } else { Changes::None };
        *self = Self { uses: self.uses, changes, ..Self::default() };
        entries as u64
    }

    fn remove_expired(&mut self, now: u64, max: usize, shared: &Shared) -> usize {
        let mut removed = 0;
        while removed < max
            && let Some((expires, key)) = self.expiring.first()
            && *expires <= now
        {
            let key = key.clone();
            self.remove(&key, shared);
            removed += 1;
        }
        removed
    }

    /// What a key holds, as used now.
    fn held(&mut self, key: &str, now: u64, shared: &Shared) -> Option<&mut Held> {
        let expires = self.entries.get(key)?.expires;
        if expires.is_some_and(|expires| expires <= now) {
            self.remove(key, shared);
            return None;
        }
        self.uses += 1;
        let held = self.entries.get_mut(key)?;
        if let Some(key) = self.used.remove(&held.used) {
            self.used.insert(self.uses, key);
        }
        held.used = self.uses;
        Some(held)
    }

    /// Sets a value, for which others make room.
    fn set(
        &mut self,
        key: &str,
        value: Vec<u8>,
        expires: Option<u64>,
        shared: &Shared,
    ) -> Result<(), StoreError> {
        let bytes = cost(key, &value);
        if bytes > shared.app_bytes_max {
            let bytes_max = shared.app_bytes_max;
            return Err(StoreError::refused(format_args!(
                "the entry takes {bytes} bytes, and the cache has {bytes_max}"
            )));
        }
        self.remove(key, shared);
        while self.bytes + bytes > shared.app_bytes_max && self.remove_oldest(shared) {}
        // All caches together: what others hold is theirs, so that the room has to be this one's.
        while !shared.take(bytes) {
            if !self.remove_oldest(shared) {
                return Err(StoreError::refused("the caches of all apps are full"));
            }
        }
        self.bytes += bytes;
        let key: Arc<str> = key.into();
        self.uses += 1;
        self.used.insert(self.uses, key.clone());
        if let Some(expires) = expires {
            self.expiring.insert((expires, key.clone()));
        }
        self.entries.insert(key.clone(), Held { value, expires, used: self.uses });
        self.note(key, shared);
        Ok(())
    }

    fn remove_oldest(&mut self, shared: &Shared) -> bool {
        let Some((_, key)) = self.used.first_key_value() else { return false };
        let key = key.clone();
        self.remove(&key, shared)
    }
}

/// The cache of one app, as it uses it.
#[derive(Clone)]
pub struct CacheView {
    app: Arc<App>,
}

impl fmt::Debug for CacheView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = lock(&self.app.state);
        let (entries, bytes) = (state.entries.len(), state.bytes);
        f.debug_struct("CacheView").field("entries", &entries).field("bytes", &bytes).finish()
    }
}

impl CacheView {
    /// Does something with the state, the clock read under its lock, so that time does not go backwards in it.
    fn with<R: Send + 'static>(
        &self,
        run: impl FnOnce(&mut State, u64, &Shared) -> Result<R, StoreError>,
    ) -> Answer<'_, R> {
        let shared = &self.app.shared;
        let mut state = lock(&self.app.state);
        let now = (shared.clock)();
        Box::pin(ready(run(&mut state, now, shared)))
    }
}

impl Cache for CacheView {
    fn get<'a>(&'a self, key: &'a str) -> Answer<'a, Option<Vec<u8>>> {
        self.with(|state, now, shared| {
            Ok(state.held(key, now, shared).map(|held| held.value.clone()))
        })
    }

    fn set<'a>(&'a self, key: &'a str, value: Vec<u8>, ttl_ms: Option<u64>) -> Answer<'a, ()> {
        self.with(|state, now, shared| {
            check_key(key)?;
            check_value(&value)?;
            state.remove_expired(now, EXPIRED_PER_WRITE, shared);
            match ttl_ms {
                Some(0) => {
                    state.remove(key, shared);
                }
                ttl => state.set(key, value, ttl.map(|ttl| after(now, ttl)), shared)?,
            }
            Ok(())
        })
    }

    fn delete<'a>(&'a self, key: &'a str) -> Answer<'a, ()> {
        self.with(|state, _, shared| {
            state.remove(key, shared);
            Ok(())
        })
    }

    fn exists<'a>(&'a self, key: &'a str) -> Answer<'a, bool> {
        self.with(|state, now, shared| Ok(state.held(key, now, shared).is_some()))
    }

    fn incr<'a>(&'a self, key: &'a str, delta: i64) -> Answer<'a, i64> {
        self.with(|state, now, shared| {
            check_key(key)?;
            state.remove_expired(now, EXPIRED_PER_WRITE, shared);
            let (sum, expires) = match state.held(key, now, shared) {
                None => (delta, None),
                Some(held) => (sum(&held.value, delta)?, held.expires),
            };
            state.set(key, sum.to_string().into_bytes(), expires, shared)?;
            Ok(sum)
        })
    }

    fn expire<'a>(&'a self, key: &'a str, ttl_ms: u64) -> Answer<'a, bool> {
        self.with(|state, now, shared| {
            let Some(held) = state.held(key, now, shared) else { return Ok(false) };
            let new = after(now, ttl_ms);
            let old = held.expires.replace(new);
            let key: Arc<str> = key.into();
            if let Some(old) = old {
                state.expiring.remove(&(old, key.clone()));
            }
            state.expiring.insert((new, key.clone()));
            state.note(key, shared);
            Ok(true)
        })
    }

    fn purge(&self) -> Answer<'_, u64> {
        self.with(|state, now, shared| {
            state.remove_expired(now, usize::MAX, shared);
            Ok(state.clear(shared))
        })
    }

    fn purge_prefix<'a>(&'a self, prefix: &'a str) -> Answer<'a, u64> {
        self.with(|state, now, shared| {
            state.remove_expired(now, usize::MAX, shared);
            let from = (Bound::Included(prefix), Bound::Unbounded);
            let keys = state.entries.range::<str, _>(from).map(|(key, _)| key.clone());
            let keys: Vec<Arc<str>> = keys.take_while(|key| key.starts_with(prefix)).collect();
            for key in &keys {
                state.remove(key, shared);
            }
            Ok(keys.len() as u64)
        })
    }
}

/// Adds to the integer that a value is, as decimal text.
pub(crate) fn sum(value: &[u8], delta: i64) -> Result<i64, StoreError> {
    let text = std::str::from_utf8(value).ok();
    let number: Option<i64> = text.and_then(|text| text.parse().ok());
    let number = number.ok_or_else(|| StoreError::refused("the value is not an integer"))?;
    number.checked_add(delta).ok_or_else(|| StoreError::refused("the sum is beyond 64 bits"))
}

fn after(now: u64, ttl_ms: u64) -> u64 {
    now.saturating_add(ttl_ms.min(TTL_MS_MAX))
}

fn cost(key: &str, value: &[u8]) -> usize {
    key.len() + value.len() + ENTRY_BYTES
}

/// Locks; what a panic has left is whole, since no step between two states panics.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU64;

    fn now<T>(answer: Answer<'_, T>) -> Result<T, StoreError> {
        dunlin::stacks::wait(answer).expect("nobody interrupts")
    }

    /// A cache whose clock stands where the test puts it.
    fn cache(app_bytes: usize, bytes: usize) -> (LocalCache, Arc<AtomicU64>) {
        let time = Arc::new(AtomicU64::new(1_000));
        let clock = time.clone();
        (LocalCache::with_clock(app_bytes, bytes, move || clock.load(Ordering::Relaxed)), time)
    }

    #[test]
    fn values_last_as_long_as_was_said() {
        // How long it is to last, when it is looked at, whether it is there.
        for (ttl, at, there) in [
            (None, u64::MAX / 2, true),
            (Some(0), 0, false),
            (Some(1), 0, true),
            (Some(1), 1, false),
            (Some(1000), 999, true),
            (Some(1000), 1000, false),
            // What is -1 in a language without unsigned numbers.
            (Some(u64::MAX), TTL_MS_MAX - 1, true),
        ] {
            let (all, time) = cache(1 << 20, 1 << 20);
            let cache = all.view("app");
            now(cache.set("a", b"1".to_vec(), ttl)).expect("small");
            time.fetch_add(at, Ordering::Relaxed);
            assert_eq!(now(cache.exists("a")), Ok(there), "{ttl:?} after {at}");
            assert_eq!(now(cache.get("a")).expect("small").is_some(), there);
            assert_eq!(all.bytes() > 0, there);
        }
    }

    #[test]
    fn what_lasts_can_be_told_to_last_longer_or_shorter() {
        let (all, time) = cache(1 << 20, 1 << 20);
        let cache = all.view("app");
        assert_eq!(now(cache.expire("a", 5)), Ok(false));
        now(cache.set("a", b"7".to_vec(), Some(10))).expect("small");
        assert_eq!(now(cache.expire("a", 100)), Ok(true));
        time.fetch_add(50, Ordering::Relaxed);
        assert_eq!(now(cache.incr("a", 1)), Ok(8), "a sum keeps the time");
        time.fetch_add(50, Ordering::Relaxed);
        assert_eq!(now(cache.incr("a", 1)), Ok(1), "it has begun anew");
        assert_eq!(now(cache.expire("a", 0)), Ok(true));
        assert_eq!(now(cache.exists("a")), Ok(false));
        assert_eq!(now(cache.expire("a", 1)), Ok(false));
        assert_eq!(all.bytes(), 0);
    }

    #[test]
    fn sums_are_of_integers_within_64_bits() {
        let (all, _) = cache(1 << 20, 1 << 20);
        let cache = all.view("app");
        for (value, delta, sum) in [
            (Some("10"), -3, Some(7)),
            (Some("-5"), 5, Some(0)),
            (None, i64::MIN, Some(i64::MIN)),
            (Some("9223372036854775807"), 1, None),
            (Some("1.5"), 1, None),
            (Some(" 1"), 1, None),
            (Some(""), 1, None),
        ] {
            now(cache.delete("n")).expect("a key");
            if let Some(value) = value {
                now(cache.set("n", value.into(), None)).expect("small");
            }
            assert_eq!(now(cache.incr("n", delta)).ok(), sum, "{value:?} + {delta}");
            let after = now(cache.get("n")).expect("a key");
            let expected = sum.map(|sum| sum.to_string()).or(value.map(String::from));
            assert_eq!(after, expected.map(String::into_bytes), "a sum that fails changes nothing");
        }
    }

    #[test]
    fn counters_lose_nothing_under_threads() {
        let cache = LocalCache::default().view("app");
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| (0..2_000).for_each(|_| drop(now(cache.incr("n", 1)))));
            }
        });
        assert_eq!(now(cache.get("n")).expect("a key").as_deref(), Some(&b"16000"[..]));
    }

    #[test]
    fn the_least_recently_used_makes_room() {
        let (all, _) = cache(4 * (ENTRY_BYTES + 11), 1 << 20);
        let cache = all.view("app");
        for key in ["a", "b", "c", "d"] {
            now(cache.set(key, vec![0; 10], None)).expect("room");
        }
        now(cache.get("a")).expect("a key");
        now(cache.set("e", vec![0; 10], None)).expect("room");
        let there = ["a", "b", "c", "d", "e"].map(|key| now(cache.exists(key)).expect("a key"));
        assert_eq!(there, [true, false, true, true, true]);
        assert!(now(cache.set("f", vec![0; 4 * ENTRY_BYTES + 44], None)).is_err());
        assert_eq!(all.bytes(), 4 * (ENTRY_BYTES + 11));
    }

    #[test]
    fn an_app_that_floods_takes_nothing_from_others() {
        let (all, _) = cache(10 * (ENTRY_BYTES + 10), 15 * (ENTRY_BYTES + 10));
        let (good, bad) = (all.view("good"), all.view("bad"));
        for at in 0..5 {
            now(good.set(&format!("key{at:07}"), Vec::new(), None)).expect("room");
        }
        for at in 0..10_000 {
            now(bad.set(&format!("key{at:07}"), Vec::new(), None)).expect("its own make room");
        }
        assert_eq!(now(good.purge()), Ok(5));
        assert_eq!(now(bad.purge()), Ok(10));
        assert_eq!(all.bytes(), 0);
        // One that has nothing to give up is refused.
        let late = all.view("late");
        for (cache, keys) in [(&good, 10), (&bad, 5)] {
            for at in 0..keys {
                now(cache.set(&format!("key{at:07}"), Vec::new(), None)).expect("room");
            }
        }
        assert!(now(late.set("key0000000", Vec::new(), None)).is_err());
        all.remove("bad");
        assert!(now(late.set("key0000000", Vec::new(), None)).is_ok());
    }

    #[test]
    fn prefixes_are_purged_and_counted() {
        let (all, time) = cache(1 << 20, 1 << 20);
        let cache = all.view("app");
        for key in ["a", "a:", "a:1", "a:2", "b", "a;"] {
            now(cache.set(key, Vec::new(), None)).expect("room");
        }
        now(cache.set("a:old", Vec::new(), Some(1))).expect("room");
        time.fetch_add(1, Ordering::Relaxed);
        assert_eq!(now(cache.purge_prefix("a:")), Ok(3));
        assert_eq!(now(cache.purge_prefix("x")), Ok(0));
        assert_eq!(now(cache.purge_prefix("")), Ok(3));
        assert_eq!(all.bytes(), 0);
    }

    #[test]
    fn keys_and_values_are_bounded() {
        let cache = LocalCache::default().view("app");
        let long = "k".repeat(super::super::limits::KEY_BYTES_MAX + 1);
        assert!(now(cache.set(&long, Vec::new(), None)).is_err());
        assert!(now(cache.incr(&long, 1)).is_err());
        assert_eq!(now(cache.get(&long)), Ok(None));
        let large = vec![0; super::super::limits::VALUE_BYTES_MAX + 1];
        assert!(now(cache.set("a", large, None)).is_err());
    }

    #[test]
    fn sweeping_gives_bytes_back() {
        let (all, time) = cache(1 << 24, 1 << 24);
        let cache = all.view("app");
        for at in 0..10_000 {
            now(cache.set(&format!("{at}"), vec![0; 8], Some(at))).expect("room");
        }
        time.fetch_add(20_000, Ordering::Relaxed);
        assert!(all.sweep() > 9_000);
        assert_eq!(all.bytes(), 0);
    }

    #[test]
    fn changes_are_noted_once() {
        let (all, _) = cache(1 << 20, 1 << 20);
        all.note_changes();
        let cache = all.view("app");
        now(cache.set("a", b"1".to_vec(), None)).expect("room");
        now(cache.set("b", b"2".to_vec(), Some(9))).expect("room");
        now(cache.delete("a")).expect("a key");
        let changed = all.take_changes();
        assert_eq!((changed.len(), changed[0].all), (1, false));
        let kept = |key: &str, value| Kept { key: key.into(), value };
        let b = Some((b"2".to_vec(), Some(1_009)));
        assert_eq!(changed[0].entries, [kept("a", None), kept("b", b)]);
        assert!(all.take_changes().is_empty());
        now(cache.purge()).expect("allowed");
        assert!(all.take_changes()[0].all);
    }
}
