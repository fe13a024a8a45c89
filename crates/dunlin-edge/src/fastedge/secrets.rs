//! Secrets of an app, each with slots, so that one takes another's place at a time that was said before.

use super::ctx::FastEdgeCtx;
use super::link::Interfaces;
use super::types::SecretError;
use std::collections::BTreeMap;
use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

/// A value of a secret, and from when on it is the one.
#[derive(Clone, PartialEq, Eq)]
pub struct Slot {
    /// Seconds since 1970.
    pub effective_from: u32,
    /// The value.
    pub value: String,
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Values stand in no log.
        f.debug_struct("Slot").field("effective_from", &self.effective_from).finish_non_exhaustive()
    }
}

/// The secrets of an app, by name.
///
/// # Examples
///
/// ```
/// use dunlin_edge::fastedge::{Secrets, Slot};
///
/// let mut secrets = Secrets::default();
/// secrets.add("key", Slot { effective_from: 0, value: "old".into() });
/// secrets.add("key", Slot { effective_from: 1_000, value: "new".into() });
/// assert_eq!(secrets.at("key", 999), Some("old"));
/// assert_eq!(secrets.at("key", 1_000), Some("new"));
/// assert_eq!(secrets.now("other"), None);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Secrets {
    slots: BTreeMap<String, Vec<Slot>>,
}

impl Secrets {
    /// Adds a slot to a secret. Of two that are effective from the same time the later added is the one.
    pub fn add(&mut self, name: &str, slot: Slot) {
        let slots = self.slots.entry(name.into()).or_default();
        let at = slots.partition_point(|other| other.effective_from <= slot.effective_from);
        slots.insert(at, slot);
    }

    /// The value of a secret at a time, in seconds since 1970: of the newest slot that was effective.
    #[must_use]
    pub fn at(&self, name: &str, seconds: u32) -> Option<&str> {
        let slots = self.slots.get(name)?;
        let after = slots.partition_point(|slot| slot.effective_from <= seconds);
        Some(&slots.get(after.checked_sub(1)?)?.value)
    }

    /// The value of a secret now.
    #[must_use]
    pub fn now(&self, name: &str) -> Option<&str> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let seconds = since.map_or(0, |since| since.as_secs());
        self.at(name, u32::try_from(seconds).unwrap_or(u32::MAX))
    }
}

/// What `secret` answers. That there is none is all that an app learns of others' secrets.
type Answered = Result<Option<String>, SecretError>;

pub(super) fn define<T, G>(all: &mut Interfaces<'_, T, G>) -> dunlin::Result<()>
where
    T: 'static,
    G: Fn(&mut T) -> &mut FastEdgeCtx + Clone + Send + Sync + 'static,
{
    let mut secret = all.named("secret")?;
    secret.func("get", |ctx, (key,): (String,)| -> dunlin::Result<Answered> {
        Ok(Ok(ctx.grants.secrets.now(&key).map(String::from)))
    })?;
    secret.func(
        "get-effective-at",
        |ctx, (key, at): (String, u32)| -> dunlin::Result<Answered> {
            Ok(Ok(ctx.grants.secrets.at(&key, at).map(String::from)))
        },
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_slot_that_is_effective_is_the_one() {
        let mut secrets = Secrets::default();
        for (effective_from, value) in [(500, "b"), (0, "a"), (u32::MAX, "d"), (500, "c")] {
            secrets.add("key", Slot { effective_from, value: value.into() });
        }
        for (at, value) in [(0, "a"), (499, "a"), (500, "c"), (u32::MAX - 1, "c"), (u32::MAX, "d")]
        {
            assert_eq!(secrets.at("key", at), Some(value), "at {at}");
        }
        secrets.add("late", Slot { effective_from: 9, value: "x".into() });
        assert_eq!(secrets.at("late", 8), None);
        assert_eq!(secrets.now("key"), Some("c"));
        assert!(!format!("{secrets:?}").contains("\"c\""), "values stand in no log");
    }
}
