//! Stores and caches in Redis, over its protocol.
//!
//! The client is our own, of a few hundred lines: it sends a dozen commands, and needs neither clusters nor scripts. Patterns
//! are compared here and not in the server, which is only given what they begin with: its own comparison takes as long as
//! a pattern likes, while all its other clients wait. A Bloom filter is asked for with `BF.EXISTS`; a server without that
//! command, as most are, has [filters of ours](super::bloom) as values, of which single bits are read.

mod cache;
mod pool;
mod protocol;
mod stream;
mod url;

pub use cache::RedisCache;
pub use url::RedisUrl;

use super::bloom::{HEADER_BYTES, Shape};
use super::glob::Scan;
use super::limits::{
    ANSWER_ITEMS_MAX, REDIS_COMMAND_MS_MAX, REDIS_SCAN_COUNT, REDIS_SCAN_MS_MAX, Room, check_key,
    check_scores, check_value,
};
use super::{Answer, Entry, KeyValue, Scored, StoreError};
use pool::{Command, Pool};
use protocol::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::future::Future;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::runtime::Handle;

/// Members that one command adds to a sorted set.
const MEMBERS_PER_COMMAND: usize = 1000;

/// A key-value store in Redis: all keys of a database, or those with a prefix. Clones share connections.
#[derive(Clone)]
pub struct Redis {
    shared: Arc<Shared>,
    prefix: Arc<str>,
}

struct Shared {
    pool: Pool,
    runtime: Handle,
    /// Whether the server has said that it knows no Bloom filters.
    has_no_filters: AtomicBool,
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

impl Redis {
    /// The store of a server. Nothing is sent yet; connections are tasks of this runtime, whose clock and sockets must be
    /// enabled.
    #[must_use]
    pub fn new(url: RedisUrl, runtime: Handle) -> Self {
        let has_no_filters = AtomicBool::new(false);
        let shared = Arc::new(Shared { pool: Pool::new(url), runtime, has_no_filters });
        Self { shared, prefix: "".into() }
    }

    /// The keys of the store that begin so, as a store of their own, without that beginning.
    #[must_use]
    pub fn with_prefix(&self, prefix: &str) -> Self {
        let prefix = format!("{}{prefix}", self.prefix).into();
        Self { shared: self.shared.clone(), prefix }
    }

    /// The keys of the store as a cache of an app's.
    #[must_use]
    pub fn cache(&self, app: &str) -> RedisCache {
        RedisCache::new(self.with_prefix(&format!("dunlin:cache:{app}:")))
    }

    /// Puts entries into the store. What a key held before is gone; other keys stay.
    ///
    /// # Errors
    ///
    /// As [`Embedded::fill`](super::Embedded::fill), but what has been put before a failure stays.
    pub fn fill(&self, entries: Vec<(String, Entry)>) -> Answer<'_, ()> {
        let this = self.clone();
        self.spawn(async move {
            for (key, entry) in entries {
                this.put(&key, entry).await?;
            }
            Ok(())
        })
    }

    async fn put(&self, key: &str, entry: Entry) -> Result<(), StoreError> {
        check_key(key)?;
        let key = self.key(key);
        let mut commands = vec![vec![b"DEL".to_vec(), key.clone()]];
        match entry {
            Entry::Value(value) => {
                check_value(&value)?;
                commands.push(vec![b"SET".to_vec(), key, value]);
            }
            Entry::Filter(filter) => {
                commands.push(vec![b"SET".to_vec(), key, filter.as_bytes().to_vec()]);
            }
            Entry::Sorted(members) => {
                if members.iter().any(|(_, score)| score.is_nan()) {
                    return Err(StoreError::refused("a score is not a number"));
                }
                for members in members.chunks(MEMBERS_PER_COMMAND) {
                    let mut command = vec![b"ZADD".to_vec(), key.clone()];
                    for (member, score) in members {
                        check_value(member)?;
                        command.extend([score.to_string().into_bytes(), member.clone()]);
                    }
                    commands.push(command);
                }
            }
        }
        for answer in self.shared.pool.send(&commands, REDIS_SCAN_MS_MAX).await? {
            checked(answer)?;
        }
        Ok(())
    }

    fn key(&self, key: &str) -> Vec<u8> {
        [self.prefix.as_bytes(), key.as_bytes()].concat()
    }

    /// Does something as a task of the runtime's.
    fn spawn<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    ) -> Answer<'static, T> {
        let task = self.shared.runtime.spawn(work);
        Box::pin(async move {
            // It has been given up, or has failed in a way that it must not.
            task.await.unwrap_or_else(|error| Err(StoreError::failed(error)))
        })
    }

    /// Sends one command as a task, and understands its answer.
    fn ask<T: Send + 'static>(
        &self,
        command: Result<Command, StoreError>,
        understand: impl FnOnce(Value) -> Result<T, StoreError> + Send + 'static,
    ) -> Answer<'static, T> {
        let this = self.clone();
        self.spawn(async move { understand(this.one(command?).await?) })
    }

    /// The answer to one command, which is no error.
    async fn one(&self, command: Command) -> Result<Value, StoreError> {
        let mut answers = self.shared.pool.send(&[command], REDIS_COMMAND_MS_MAX).await?;
        checked(answers.pop().unwrap_or(Value::Nothing))
    }

    /// Goes through what a scanning command finds: what it begins with, what comes before and after its cursor.
    async fn scan_all(
        &self,
        (before, prefix): (&[&[u8]], &[u8]),
        mut found: impl FnMut(Vec<Value>) -> Result<ControlFlow<()>, StoreError>,
    ) -> Result<(), StoreError> {
        let pattern = escaped(prefix);
        let count = REDIS_SCAN_COUNT.to_string();
        let mut cursor = b"0".to_vec();
        loop {
            let mut command: Command = before.iter().map(|word| word.to_vec()).collect();
            let rest: [&[u8]; 5] = [&cursor, b"MATCH", &pattern, b"COUNT", count.as_bytes()];
            command.extend(rest.map(<[u8]>::to_vec));
            let Value::Array(answer) = self.one(command).await? else { return Err(strange()) };
            let Ok([Value::Bytes(next), Value::Array(values)]) = <[Value; 2]>::try_from(answer)
            else {
                return Err(strange());
            };
            if found(values)?.is_break() || next == b"0" {
                return Ok(());
            }
            cursor = next;
        }
    }

    async fn keys(&self, pattern: &str) -> Result<Vec<String>, StoreError> {
        let (mut scan, mut room, mut keys) = (Scan::new(pattern)?, Room::new(), BTreeSet::new());
        let prefix = [self.prefix.as_bytes(), scan.prefix()].concat();
        let scanning = self.scan_all((&[b"SCAN"], &prefix), |values| {
            for value in values {
                let Value::Bytes(key) = value else { return Err(strange()) };
                let Some(key) = key.strip_prefix(self.prefix.as_bytes()) else { continue };
                // A key that is no text is no key of an app's.
                let Ok(key) = std::str::from_utf8(key) else { continue };
                // A scan may find a key twice.
                if scan.matches(key.as_bytes())? && !keys.contains(key) {
                    room.take(key.len())?;
                    keys.insert(key.to_owned());
                }
            }
            Ok(ControlFlow::Continue(()))
        });
        within(scanning).await?;
        Ok(keys.into_iter().collect())
    }

    async fn members(&self, key: &str, pattern: &str) -> Result<Scored, StoreError> {
        check_key(key)?;
        let (mut scan, mut room) = (Scan::new(pattern)?, Room::new());
        let (key, prefix) = (self.key(key), scan.prefix().to_vec());
        let mut members = BTreeMap::new();
        let before: [&[u8]; 2] = [b"ZSCAN", &key];
        let scanning = self.scan_all((&before, &prefix), |values| {
            for (member, score) in scored(values)? {
                if scan.matches(&member)? && !members.contains_key(&member) {
                    room.take(member.len())?;
                    members.insert(member, score);
                }
            }
            Ok(ControlFlow::Continue(()))
        });
        within(scanning).await?;
        let mut members: Scored = members.into_iter().collect();
        members.sort_by(|a, b| a.1.total_cmp(&b.1).then_with(|| a.0.cmp(&b.0)));
        Ok(members)
    }

    async fn filter_has(&self, key: &str, item: &str) -> Result<bool, StoreError> {
        check_key(key)?;
        check_key(item)?;
        let (key, word) = (self.key(key), |text: &str| text.as_bytes().to_vec());
        if !self.shared.has_no_filters.load(Ordering::Relaxed) {
            let command = vec![word("BF.EXISTS"), key.clone(), word(item)];
            let answers = self.shared.pool.send(&[command], REDIS_COMMAND_MS_MAX).await?;
            match answers.as_slice() {
                [Value::Integer(found)] => return Ok(*found != 0),
                [Value::Error(why)] if why.to_ascii_lowercase().contains("unknown command") => {
                    self.shared.has_no_filters.store(true, Ordering::Relaxed);
                }
                // A value: it may be a filter of ours.
                [Value::Error(why)] if why.starts_with("WRONGTYPE") => {}
                _ => return Err(strange()),
            }
        }
        let last = (HEADER_BYTES - 1).to_string();
        let header = vec![word("GETRANGE"), key.clone(), word("0"), word(&last)];
        let len = vec![word("STRLEN"), key.clone()];
        let answers = self.shared.pool.send(&[header, len], REDIS_COMMAND_MS_MAX).await?;
        let [header, len] = <[Value; 2]>::try_from(answers).map_err(|_| strange())?;
        let (Value::Bytes(header), Value::Integer(len)) = (checked(header)?, checked(len)?) else {
            return Err(strange());
        };
        if len == 0 {
            return Ok(false);
        }
        let shape = Shape::of(&header, usize::try_from(len).unwrap_or(usize::MAX));
        let places = shape.ok_or(StoreError::WrongKind)?.places(item);
        let bit = |at: u64| (at + HEADER_BYTES as u64 * 8).to_string();
        let commands = places.map(|at| vec![word("GETBIT"), key.clone(), word(&bit(at))]);
        let commands: Vec<Command> = commands.collect();
        let bits = self.shared.pool.send(&commands, REDIS_COMMAND_MS_MAX).await?;
        Ok(bits.iter().all(|bit| *bit == Value::Integer(1)))
    }
}

/// Ends a scan that takes too long.
async fn within<T>(scan: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    let ended = tokio::time::timeout(Duration::from_millis(REDIS_SCAN_MS_MAX), scan).await;
    ended.unwrap_or_else(|_| {
        Err(StoreError::refused(format_args!("the scan takes longer than {REDIS_SCAN_MS_MAX} ms")))
    })
}

/// A pattern of Redis's for what begins so.
fn escaped(prefix: &[u8]) -> Vec<u8> {
    let mut pattern = Vec::with_capacity(prefix.len() + 1);
    for byte in prefix {
        if b"*?[]\\^-".contains(byte) {
            pattern.push(b'\\');
        }
        pattern.push(*byte);
    }
    pattern.push(b'*');
    pattern
}

/// An answer that is no error.
fn checked(answer: Value) -> Result<Value, StoreError> {
    match answer {
        Value::Error(why) if why.starts_with("WRONGTYPE") => Err(StoreError::WrongKind),
        Value::Error(why) => Err(StoreError::failed(format_args!("Redis: {why}"))),
        answer => Ok(answer),
    }
}

/// Members and their scores, which alternate.
fn scored(values: Vec<Value>) -> Result<Scored, StoreError> {
    let mut members = Vec::with_capacity(values.len() / 2);
    let mut values = values.into_iter();
    while let Some(member) = values.next() {
        let (Value::Bytes(member), Some(Value::Bytes(score))) = (member, values.next()) else {
            return Err(strange());
        };
        let score = std::str::from_utf8(&score).ok().and_then(|score| score.parse().ok());
        members.push((member, score.ok_or_else(strange)?));
    }
    Ok(members)
}

/// An answer that the command does not have.
#[cold]
fn strange() -> StoreError {
    StoreError::failed("Redis answers something else than was asked")
}

impl KeyValue for Redis {
    fn get<'a>(&'a self, key: &'a str) -> Answer<'a, Option<Vec<u8>>> {
        let command = check_key(key).map(|()| vec![b"GET".to_vec(), self.key(key)]);
        self.ask(command, |answer| match answer {
            Value::Nothing => Ok(None),
            Value::Bytes(value) => check_value(&value).map(|()| Some(value)),
            _ => Err(strange()),
        })
    }

    fn scan<'a>(&'a self, pattern: &'a str) -> Answer<'a, Vec<String>> {
        let (this, pattern) = (self.clone(), pattern.to_owned());
        self.spawn(async move { this.keys(&pattern).await })
    }

    fn zrange_by_score<'a>(&'a self, key: &'a str, min: f64, max: f64) -> Answer<'a, Scored> {
        let command = check_key(key).and_then(|()| check_scores(min, max)).map(|()| {
            let (min, max) = (min.to_string(), max.to_string());
            let limit = (ANSWER_ITEMS_MAX + 1).to_string();
            let rest = [&*min, &*max, "WITHSCORES", "LIMIT", "0", &*limit];
            let words = rest.map(|word| word.as_bytes().to_vec());
            [b"ZRANGEBYSCORE".to_vec(), self.key(key)].into_iter().chain(words).collect()
        });
        self.ask(command, |answer| {
            let Value::Array(values) = answer else { return Err(strange()) };
            let (members, mut room) = (scored(values)?, Room::new());
            members.iter().try_for_each(|(member, _)| room.take(member.len()))?;
            Ok(members)
        })
    }

    fn zscan<'a>(&'a self, key: &'a str, pattern: &'a str) -> Answer<'a, Scored> {
        let (this, key, pattern) = (self.clone(), key.to_owned(), pattern.to_owned());
        self.spawn(async move { this.members(&key, &pattern).await })
    }

    fn bf_exists<'a>(&'a self, key: &'a str, item: &'a str) -> Answer<'a, bool> {
        let (this, key, item) = (self.clone(), key.to_owned(), item.to_owned());
        self.spawn(async move { this.filter_has(&key, &item).await })
    }
}
