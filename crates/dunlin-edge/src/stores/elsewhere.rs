//! A store in a file, which may have to wait for a disk: its answers are looked for on threads of a runtime's, so that no guest
//! holds its own.

use super::{Answer, EmbeddedStore, KeyValue, Scored, StoreError};
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

/// How many answers are looked for at once, of all stores of a server: one file gains little from more.
pub(crate) const LOOKS_MAX: usize = 8;

/// A store in a file, looked at elsewhere.
pub(crate) struct Elsewhere {
    store: EmbeddedStore,
    runtime: Handle,
    looks: Arc<Semaphore>,
}

impl Elsewhere {
    pub(crate) fn new(store: EmbeddedStore, runtime: Handle, looks: Arc<Semaphore>) -> Self {
        Self { store, runtime, looks }
    }

    /// Looks for an answer on another thread. What has begun goes on if nobody waits for it any more.
    fn look<R: Send + 'static>(
        &self,
        look: impl FnOnce(&EmbeddedStore) -> Result<R, StoreError> + Send + 'static,
    ) -> Answer<'_, R> {
        Box::pin(async move {
            let permit = self.looks.clone().acquire_owned().await.map_err(StoreError::failed)?;
            let store = self.store.clone();
            let looking = self.runtime.spawn_blocking(move || {
                let answer = look(&store);
                drop(permit);
                answer
            });
            looking.await.map_err(StoreError::failed)?
        })
    }
}

/// Waits for an answer, on a thread that may be held.
fn now<R>(answer: Answer<'_, R>) -> Result<R, StoreError> {
    dunlin::stacks::wait(answer).map_err(StoreError::failed)?
}

impl KeyValue for Elsewhere {
    fn get<'a>(&'a self, key: &'a str) -> Answer<'a, Option<Vec<u8>>> {
        let key = key.to_owned();
        self.look(move |store| now(store.get(&key)))
    }

    fn scan<'a>(&'a self, pattern: &'a str) -> Answer<'a, Vec<String>> {
        let pattern = pattern.to_owned();
        self.look(move |store| now(store.scan(&pattern)))
    }

    fn zrange_by_score<'a>(&'a self, key: &'a str, min: f64, max: f64) -> Answer<'a, Scored> {
        let key = key.to_owned();
        self.look(move |store| now(store.zrange_by_score(&key, min, max)))
    }

    fn zscan<'a>(&'a self, key: &'a str, pattern: &'a str) -> Answer<'a, Scored> {
        let (key, pattern) = (key.to_owned(), pattern.to_owned());
        self.look(move |store| now(store.zscan(&key, &pattern)))
    }

    fn bf_exists<'a>(&'a self, key: &'a str, item: &'a str) -> Answer<'a, bool> {
        let (key, item) = (key.to_owned(), item.to_owned());
        self.look(move |store| now(store.bf_exists(&key, &item)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stores::{Embedded, parse_entries};
    use std::task::{Context, Waker};

    #[test]
    fn whoever_asks_is_not_the_one_who_looks() {
        let folder = tempfile::tempdir().expect("a folder");
        let embedded = Embedded::open(folder.path().join("store.redb")).expect("a store");
        let text =
            r#"{"a": "1", "b": "2", "s": {"sorted": {"x": 1, "y": 2}}, "f": {"bloom": ["in"]}}"#;
        embedded.fill("shop", parse_entries(text).expect("valid")).expect("room");
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let looks = Arc::new(Semaphore::new(1));
        let here = embedded.store("shop");
        let store = Elsewhere::new(here.clone(), runtime.handle().clone(), looks.clone());
        let mut answer = store.get("a");
        assert!(answer.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        // There is one at a time, and the next when that has been found, whether or not it is wanted.
        drop(answer);
        assert_eq!(now(store.get("a")), now(here.get("a")));
        assert_eq!(now(store.scan("?")), now(here.scan("?")));
        assert_eq!(now(store.zscan("s", "x")), now(here.zscan("s", "x")));
        assert_eq!(
            now(store.zrange_by_score("s", 2.0, 9.0)),
            now(here.zrange_by_score("s", 2.0, 9.0))
        );
        assert_eq!(now(store.bf_exists("f", "in")), Ok(true));
        assert!(matches!(now(store.scan("[")), Err(StoreError::Refused(_)) | Ok(_)));
        assert_eq!(looks.available_permits(), 1);
    }
}
