//! What an app was granted, and what one request of it has used of that.

use super::headers;
use super::http_client::HttpClient;
use super::limits::{DIAG_BYTES_MAX, NOTES_MAX, OPEN_STORES_MAX, SUB_REQUESTS_MAX};
use super::secrets::Secrets;
use super::types::Headers;
use crate::stores::{Cache, KeyValue};
use dunlin::{Error, ErrorKind};
use dunlin_component::{Rep, Resource, ResourceTable};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// What an app was granted; the same for all its requests.
#[derive(Clone)]
#[non_exhaustive]
pub struct Grants {
    /// What `dictionary.get` finds: the app's environment.
    pub dictionary: BTreeMap<String, String>,
    /// Its secrets.
    pub secrets: Secrets,
    /// The key-value stores that it may open, by the names that it knows them by.
    pub stores: BTreeMap<String, Arc<dyn KeyValue>>,
    /// Its cache, if it has one.
    pub cache: Option<Arc<dyn Cache>>,
    /// What sends its requests, if it may send any.
    pub client: Option<Arc<dyn HttpClient>>,
    /// Requests that it may send while it answers one.
    pub sub_requests_max: u32,
    /// Names of headers that every request it sends has from the one that it answers.
    pub propagate: Vec<String>,
}

impl Default for Grants {
    /// Nothing but the number of requests that it could send.
    fn default() -> Self {
        Self {
            dictionary: BTreeMap::new(),
            secrets: Secrets::default(),
            stores: BTreeMap::new(),
            cache: None,
            client: None,
            sub_requests_max: SUB_REQUESTS_MAX,
            propagate: Vec::new(),
        }
    }
}

impl fmt::Debug for Grants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grants")
            .field("secrets", &self.secrets)
            .field("stores", &self.stores.keys())
            .field("cache", &self.cache.is_some())
            .field("client", &self.client.is_some())
            .finish_non_exhaustive()
    }
}

/// What one request of an app's has: its grants, and what it has used of them. It is a part of a store's data.
pub struct FastEdgeCtx {
    pub(super) grants: Arc<Grants>,
    pub(super) propagated: Headers,
    pub(super) sub_requests: u32,
    open: ResourceTable,
    open_count: usize,
    diag: Option<String>,
    notes: Vec<String>,
}

impl fmt::Debug for FastEdgeCtx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FastEdgeCtx")
            .field("grants", &self.grants)
            .field("sub_requests", &self.sub_requests)
            .field("diag", &self.diag)
            .finish_non_exhaustive()
    }
}

impl FastEdgeCtx {
    /// For a request with these headers, of which those are sent on that the grants name.
    #[must_use]
    pub fn new<'h>(
        grants: Arc<Grants>,
        incoming: impl IntoIterator<Item = (&'h str, &'h str)>,
    ) -> Self {
        let propagated = headers::propagated(&grants.propagate, incoming);
        Self {
            grants,
            propagated,
            sub_requests: 0,
            open: ResourceTable::new(),
            open_count: 0,
            diag: None,
            notes: Vec::new(),
        }
    }

    /// What the app has called this request, for statistics, if it has.
    #[must_use]
    pub fn user_diag(&self) -> Option<&str> {
        self.diag.as_deref()
    }

    /// How many requests the app has sent.
    #[must_use]
    pub fn sub_requests(&self) -> u32 {
        self.sub_requests
    }

    /// What has failed on the host's side, for its log: the app was only told that something has.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    pub(super) fn note(&mut self, what: impl fmt::Display) {
        if self.notes.len() < NOTES_MAX {
            self.notes.push(what.to_string());
        }
    }

    /// Names the request; the last name counts.
    pub(super) fn set_user_diag(&mut self, mut name: String) {
        name.truncate(name.floor_char_boundary(DIAG_BYTES_MAX));
        self.diag = Some(name);
    }

    /// Keeps what stands behind a resource.
    ///
    /// # Errors
    ///
    /// A trap for more than the limit.
    pub(super) fn push<R: Send + Sync + 'static>(
        &mut self,
        value: R,
    ) -> dunlin::Result<Resource<R>> {
        if self.open_count >= OPEN_STORES_MAX {
            return Err(Error::new_of(ErrorKind::Trap, "the app has too many stores open"));
        }
        self.open_count += 1;
        Ok(self.open.push(value))
    }

    pub(super) fn get<R: 'static>(&self, resource: &impl Rep<R>) -> dunlin::Result<&R> {
        self.open.get(resource)
    }

    pub(super) fn delete<R: 'static>(&mut self, resource: &impl Rep<R>) -> dunlin::Result<R> {
        let value = self.open.delete(resource)?;
        self.open_count = self.open_count.saturating_sub(1);
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_requests_are_cut_at_a_character() {
        let mut ctx = FastEdgeCtx::new(Arc::default(), []);
        ctx.set_user_diag("ü".repeat(DIAG_BYTES_MAX));
        assert_eq!(ctx.user_diag().map(str::len), Some(DIAG_BYTES_MAX));
        ctx.set_user_diag(format!("a{}", "ü".repeat(DIAG_BYTES_MAX)));
        assert_eq!(ctx.user_diag().map(str::len), Some(DIAG_BYTES_MAX - 1));
        ctx.set_user_diag("last".into());
        assert_eq!(ctx.user_diag(), Some("last"));
    }

    #[test]
    fn what_is_kept_is_bounded_and_given_back() {
        let mut ctx = FastEdgeCtx::new(Arc::default(), []);
        let held: Vec<_> = (0..OPEN_STORES_MAX).map(|at| ctx.push(at).expect("room")).collect();
        assert_eq!(ctx.push(0_usize).expect_err("no room").kind(), ErrorKind::Trap);
        assert_eq!(ctx.delete(&held[3]).expect("there"), 3);
        assert!(ctx.push(0_usize).is_ok());
        (0..100).for_each(|at| ctx.note(at));
        assert_eq!(ctx.notes().len(), NOTES_MAX);
    }
}
