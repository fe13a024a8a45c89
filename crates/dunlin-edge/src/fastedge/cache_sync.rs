//! `cache-sync`: what an app keeps for a while.

use super::ctx::FastEdgeCtx;
use super::link::{Interfaces, answer};
use super::types::CacheError;
use crate::stores::{Answer, Cache, StoreError};
use dunlin::Result;
use std::sync::Arc;

impl From<StoreError> for CacheError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Denied => Self::AccessDenied,
            StoreError::Refused(why) => Self::Other(why),
            StoreError::WrongKind | StoreError::Failed(_) => Self::InternalError,
        }
    }
}

/// What an app is answered.
type Answered<R> = std::result::Result<R, CacheError>;

pub(super) fn define<T, G>(all: &mut Interfaces<'_, T, G>) -> Result<()>
where
    T: 'static,
    G: Fn(&mut T) -> &mut FastEdgeCtx + Clone + Send + Sync + 'static,
{
    let mut items = all.named("cache-sync")?;
    items.func("get", |ctx, (key,): (String,)| match cache(ctx) {
        Some(cache) => answered::<Option<Vec<u8>>>(ctx, cache.get(&key)),
        None => denied(),
    })?;
    items.func("set", |ctx, (key, value, ttl): (String, Vec<u8>, Option<u64>)| {
        match cache(ctx) {
            Some(cache) => answered::<()>(ctx, cache.set(&key, value, ttl)),
            None => denied(),
        }
    })?;
    items.func("delete", |ctx, (key,): (String,)| match cache(ctx) {
        Some(cache) => answered::<()>(ctx, cache.delete(&key)),
        None => denied(),
    })?;
    items.func("exists", |ctx, (key,): (String,)| match cache(ctx) {
        Some(cache) => answered::<bool>(ctx, cache.exists(&key)),
        None => denied(),
    })?;
    items.func("incr", |ctx, (key, delta): (String, i64)| match cache(ctx) {
        Some(cache) => answered::<i64>(ctx, cache.incr(&key, delta)),
        None => denied(),
    })?;
    items.func("expire", |ctx, (key, ttl): (String, u64)| match cache(ctx) {
        Some(cache) => answered::<bool>(ctx, cache.expire(&key, ttl)),
        None => denied(),
    })?;
    items.func("purge", |ctx, ()| match cache(ctx) {
        Some(cache) => answered::<u64>(ctx, cache.purge()),
        None => denied(),
    })?;
    items.func("purge-prefix", |ctx, (prefix,): (String,)| match cache(ctx) {
        Some(cache) => answered::<u64>(ctx, cache.purge_prefix(&prefix)),
        None => denied(),
    })?;
    Ok(())
}

/// The app's cache, if it has one.
fn cache(ctx: &FastEdgeCtx) -> Option<Arc<dyn Cache>> {
    ctx.grants.cache.clone()
}

fn denied<R>() -> Result<Answered<R>> {
    Ok(Err(CacheError::AccessDenied))
}

fn answered<R>(ctx: &mut FastEdgeCtx, of: Answer<'_, R>) -> Result<Answered<R>> {
    answer(ctx, "cache", of)
}
