//! `key-value`: stores that an app reads.

use super::ctx::FastEdgeCtx;
use super::link::{Interfaces, answer};
use super::types::KeyValueError;
use crate::stores::{KeyValue, Scored, StoreError};
use dunlin::Result;
use dunlin_component::{Borrow, Resource};
use std::sync::Arc;

/// A store that an app has opened.
pub struct OpenStore(Arc<dyn KeyValue>);

impl std::fmt::Debug for OpenStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("OpenStore").finish()
    }
}

impl From<StoreError> for KeyValueError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Denied => Self::AccessDenied,
            StoreError::Refused(why) => Self::Other(why),
            StoreError::WrongKind | StoreError::Failed(_) => Self::InternalError,
        }
    }
}

/// What an app is answered.
type Answered<R> = std::result::Result<R, KeyValueError>;

/// The store that a method is called of.
type This = Borrow<OpenStore>;

pub(super) fn define<T, G>(all: &mut Interfaces<'_, T, G>) -> Result<()>
where
    T: 'static,
    G: Fn(&mut T) -> &mut FastEdgeCtx + Clone + Send + Sync + 'static,
{
    let mut items = all.named("key-value")?;
    items.resource::<OpenStore>("store")?;
    items.func("[static]store.open", |ctx, (name,): (String,)| {
        let Some(store) = ctx.grants.stores.get(&name).cloned() else {
            return Ok(Err(KeyValueError::NoSuchStore));
        };
        ctx.push(OpenStore(store)).map(Answered::<Resource<OpenStore>>::Ok)
    })?;
    items.func("[method]store.get", |ctx, (this, key): (This, String)| {
        let store = store(ctx, &this)?;
        answered::<Option<Vec<u8>>>(ctx, store.get(&key))
    })?;
    items.func("[method]store.scan", |ctx, (this, pattern): (This, String)| {
        let store = store(ctx, &this)?;
        answered::<Vec<String>>(ctx, store.scan(&pattern))
    })?;
    items.func(
        "[method]store.zrange-by-score",
        |ctx, (this, key, min, max): (This, String, f64, f64)| {
            let store = store(ctx, &this)?;
            answered::<Scored>(ctx, store.zrange_by_score(&key, min, max))
        },
    )?;
    items.func("[method]store.zscan", |ctx, (this, key, pattern): (This, String, String)| {
        let store = store(ctx, &this)?;
        answered::<Scored>(ctx, store.zscan(&key, &pattern))
    })?;
    items.func("[method]store.bf-exists", |ctx, (this, key, item): (This, String, String)| {
        let store = store(ctx, &this)?;
        answered::<bool>(ctx, store.bf_exists(&key, &item))
    })?;
    Ok(())
}

fn store(ctx: &FastEdgeCtx, this: &This) -> Result<Arc<dyn KeyValue>> {
    ctx.get(this).map(|store| store.0.clone())
}

fn answered<R>(
    ctx: &mut FastEdgeCtx,
    answer_of: crate::stores::Answer<'_, R>,
) -> Result<Answered<R>> {
    answer(ctx, "key-value", answer_of)
}
