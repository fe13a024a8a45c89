//! Where apps keep values: an embedded store, or Redis.
//!
//! [`KeyValue`] is what an app reads of one store: values, sorted sets, Bloom filters, by keys. [`Cache`] is what it writes
//! for a while. [`Embedded`] keeps key-value stores in one file of the server's, or in memory; [`LocalCache`] is a cache of the
//! server's own, which that file keeps while the server does not run; [`Redis`] is both over the network.
//!
//! Invariants:
//! 1. Keys, values, patterns and answers are bounded (`limits.rs`), whatever an app asks for and whatever a server answers.
//! 2. A pattern takes no more steps than its length times that of what it is compared with.
//! 3. What a cache says has happened has happened for every app's next question: counters lose nothing.
//! 4. Nobody holds a thread over the network, nor, in the server, over a file: answers are futures, to be waited for with [`dunlin::stacks::wait`].
//!
//! Does **not** know: components, WIT, which app asks.

pub mod bloom;
mod cache;
pub(crate) mod elsewhere;
mod embedded;
mod error;
mod fill;
pub mod glob;
pub mod limits;
mod redis;

pub use cache::{CacheView, LocalCache};
pub use embedded::{Embedded, EmbeddedStore};
pub use error::StoreError;
pub use fill::{Entry, KvSource, KvSpec, open_kv, parse_entries, parse_kv, read_entries};
pub use redis::{Redis, RedisCache, RedisUrl};

use std::future::Future;
use std::pin::Pin;

/// An answer that may take a while.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// Members of a sorted set with their scores, from the lowest score to the highest.
pub type Scored = Vec<(Vec<u8>, f64)>;

/// A key-value store, as apps read it.
pub trait KeyValue: Send + Sync {
    /// The value of a key.
    fn get<'a>(&'a self, key: &'a str) -> Answer<'a, Option<Vec<u8>>>;

    /// The keys, of whatever kind, that match a [pattern](glob::Glob).
    fn scan<'a>(&'a self, pattern: &'a str) -> Answer<'a, Vec<String>>;

    /// The members of the sorted set of a key whose scores lie between two, both included.
    fn zrange_by_score<'a>(&'a self, key: &'a str, min: f64, max: f64) -> Answer<'a, Scored>;

    /// The members of the sorted set of a key that match a [pattern](glob::Glob).
    fn zscan<'a>(&'a self, key: &'a str, pattern: &'a str) -> Answer<'a, Scored>;

    /// Whether an item has probably been added to the Bloom filter of a key.
    fn bf_exists<'a>(&'a self, key: &'a str, item: &'a str) -> Answer<'a, bool>;
}

/// A cache, as apps read and write it.
pub trait Cache: Send + Sync {
    /// The value of a key.
    fn get<'a>(&'a self, key: &'a str) -> Answer<'a, Option<Vec<u8>>>;

    /// Sets the value of a key, for so many milliseconds or for as long as there is room.
    fn set<'a>(&'a self, key: &'a str, value: Vec<u8>, ttl_ms: Option<u64>) -> Answer<'a, ()>;

    /// Forgets a key.
    fn delete<'a>(&'a self, key: &'a str) -> Answer<'a, ()>;

    /// Whether there is a value of a key.
    fn exists<'a>(&'a self, key: &'a str) -> Answer<'a, bool>;

    /// Adds to the integer of a key, which is 0 where there is none; the sum.
    fn incr<'a>(&'a self, key: &'a str, delta: i64) -> Answer<'a, i64>;

    /// Says for how many milliseconds from now a key lasts; whether there is one.
    fn expire<'a>(&'a self, key: &'a str, ttl_ms: u64) -> Answer<'a, bool>;

    /// Forgets every key; how many there were.
    fn purge(&self) -> Answer<'_, u64>;

    /// Forgets every key that begins so; how many there were.
    fn purge_prefix<'a>(&'a self, prefix: &'a str) -> Answer<'a, u64>;
}
