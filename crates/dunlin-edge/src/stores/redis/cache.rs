//! A cache in Redis: commands of its own for everything but purging.

use super::super::limits::{TTL_MS_MAX, VALUE_BYTES_MAX, check_key, check_value};
use super::super::{Answer, Cache, KeyValue as _, StoreError};
use super::pool::Command;
use super::protocol::Value;
use super::{Redis, checked, strange, within};
use std::ops::ControlFlow;

/// The cache of one app in Redis, where others may be that share it. Sums and times are the server's.
#[derive(Clone, Debug)]
pub struct RedisCache {
    redis: Redis,
}

impl RedisCache {
    pub(super) fn new(redis: Redis) -> Self {
        Self { redis }
    }

    /// A command on a key.
    fn command(&self, name: &str, key: &str, rest: &[&[u8]]) -> Result<Command, StoreError> {
        check_key(key)?;
        let mut command = vec![name.as_bytes().to_vec(), self.redis.key(key)];
        command.extend(rest.iter().map(|word| word.to_vec()));
        Ok(command)
    }

    /// Forgets the keys that begin so, in pieces.
    async fn forget(&self, prefix: &str) -> Result<u64, StoreError> {
        check_key(prefix)?;
        let prefix = self.redis.key(prefix);
        let mut count = 0;
        loop {
            // A scan sees what was there from its beginning to its end, and forgetting meanwhile is allowed; but what
            // one step finds is as much as is to be held.
            let mut found: Vec<Command> = Vec::new();
            let scanning = self.redis.scan_all((&[b"SCAN"], &prefix), |values| {
                let keys = values.into_iter().filter_map(|value| match value {
                    Value::Bytes(key) if key.starts_with(&prefix) => Some(key),
                    _ => None,
                });
                let command: Command = [b"UNLINK".to_vec()].into_iter().chain(keys).collect();
                if command.len() > 1 {
                    found.push(command);
                }
                let is_enough = found.len() >= COMMANDS_AT_ONCE;
                Ok(if is_enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
            });
            within(scanning).await?;
            if found.is_empty() {
                return Ok(count);
            }
            for command in found {
                match self.redis.one(command).await? {
                    Value::Integer(forgotten) => count += u64::try_from(forgotten).unwrap_or(0),
                    _ => return Err(strange()),
                }
            }
        }
    }
}

/// Commands that forget what one scan has found before the next begins.
const COMMANDS_AT_ONCE: usize = 64;

/// Whether what was asked is so.
fn truth(answer: Value) -> Result<bool, StoreError> {
    match answer {
        Value::Integer(number) => Ok(number != 0),
        _ => Err(strange()),
    }
}

fn done(_: Value) -> Result<(), StoreError> {
    Ok(())
}

impl Cache for RedisCache {
    fn get<'a>(&'a self, key: &'a str) -> Answer<'a, Option<Vec<u8>>> {
        self.redis.get(key)
    }

    fn set<'a>(&'a self, key: &'a str, value: Vec<u8>, ttl_ms: Option<u64>) -> Answer<'a, ()> {
        let command = check_value(&value).and_then(|()| match ttl_ms {
            None => self.command("SET", key, &[&value]),
            // Which Redis refuses, as it lasts for no time.
            Some(0) => self.command("DEL", key, &[]),
            Some(ttl) => {
                let ttl = ttl.min(TTL_MS_MAX).to_string();
                self.command("SET", key, &[&value, b"PX", ttl.as_bytes()])
            }
        });
        self.redis.ask(command, done)
    }

    fn delete<'a>(&'a self, key: &'a str) -> Answer<'a, ()> {
        self.redis.ask(self.command("DEL", key, &[]), done)
    }

    fn exists<'a>(&'a self, key: &'a str) -> Answer<'a, bool> {
        self.redis.ask(self.command("EXISTS", key, &[]), truth)
    }

    fn incr<'a>(&'a self, key: &'a str, delta: i64) -> Answer<'a, i64> {
        let command = self.command("INCRBY", key, &[delta.to_string().as_bytes()]);
        let this = self.redis.clone();
        self.redis.spawn(async move {
            let ms_max = super::REDIS_COMMAND_MS_MAX;
            let mut answers = this.shared.pool.send(&[command?], ms_max).await?;
            match answers.pop() {
                Some(Value::Integer(sum)) => Ok(sum),
                Some(Value::Error(why)) if why.contains("not an integer") => {
                    Err(StoreError::refused("the value is not an integer"))
                }
                Some(Value::Error(why)) if why.contains("overflow") => {
                    Err(StoreError::refused("the sum is beyond 64 bits"))
                }
                Some(answer) => checked(answer).and_then(|_| Err(strange())),
                None => Err(strange()),
            }
        })
    }

    fn expire<'a>(&'a self, key: &'a str, ttl_ms: u64) -> Answer<'a, bool> {
        let ttl = ttl_ms.min(TTL_MS_MAX).to_string();
        self.redis.ask(self.command("PEXPIRE", key, &[ttl.as_bytes()]), truth)
    }

    fn purge(&self) -> Answer<'_, u64> {
        self.purge_prefix("")
    }

    fn purge_prefix<'a>(&'a self, prefix: &'a str) -> Answer<'a, u64> {
        let (this, prefix) = (self.clone(), prefix.to_owned());
        self.redis.spawn(async move { this.forget(&prefix).await })
    }
}

const _: () = assert!(VALUE_BYTES_MAX < 512 << 20, "what Redis holds in one value");
