//! The one map from addresses to native code, asked by the fault handler and by whoever walks frames.
//!
//! Readers may be inside a signal handler, where nothing may wait for a lock that the interrupted code
//! holds. Code is registered and removed by safe code, never by guests; while a thread does so, its own
//! faults are not looked up. Other threads' changes are short, and waited for.

use super::code::Region;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use core::cell::Cell;
use std::sync::{PoisonError, RwLock};
use std::thread_local;

/// Regions by the address behind their last byte.
static MAP: RwLock<BTreeMap<usize, Arc<Region>>> = RwLock::new(BTreeMap::new());

thread_local! {
    /// Whether this thread changes the map.
    static CHANGES: Cell<bool> = const { Cell::new(false) };
}

fn change(change: impl FnOnce(&mut BTreeMap<usize, Arc<Region>>)) {
    CHANGES.set(true);
    change(&mut MAP.write().unwrap_or_else(PoisonError::into_inner));
    CHANGES.set(false);
}

/// Enters a region.
pub(super) fn register(region: &Arc<Region>) {
    change(|map| {
        map.insert(region.end(), region.clone());
    });
}

/// Removes a region.
pub(super) fn remove(region: &Region) {
    let mut removed = None;
    change(|map| removed = map.remove(&region.end()));
    // Dropped where no lock is held.
    drop(removed);
}

/// Asks the region that holds `pc`.
pub(super) fn look_up<R>(pc: usize, ask: impl FnOnce(&Region) -> Option<R>) -> Option<R> {
    if CHANGES.get() {
        return None;
    }
    let map = MAP.read().unwrap_or_else(PoisonError::into_inner);
    let (_, region) = map.range(pc.checked_add(1)?..).next()?;
    if region.contains(pc) { ask(region) } else { None }
}
