//! The one map from addresses to native code, asked by the fault handler and by whoever walks frames.
//!
//! Readers may be inside a signal handler, where nothing may wait: they count themselves in, read a list
//! that is never changed, and count themselves out. Who changes the map publishes another list, and
//! waits for those who may still read the one before. Code is registered and removed by safe code, never
//! by guests.
//!
//! A reader counts in one of two places, by the parity of the epoch, so that new readers do not keep a
//! writer waiting for old ones (as sleepable read-copy-update does in Linux). A reader may have taken its
//! parity long before it counts, so a writer waits for both places, one after the other.

use super::region::Region;
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// A region, and the address behind its last byte.
#[derive(Clone, Copy)]
struct Entry {
    end: usize,
    region: *const Region,
}

/// Entries, ascending; null where there is none yet.
static MAP: AtomicPtr<Vec<Entry>> = AtomicPtr::new(null_mut());

/// Who reads, by the parity of the epoch in which they began.
static READERS: [AtomicUsize; 2] = [AtomicUsize::new(0), AtomicUsize::new(0)];

static EPOCH: AtomicUsize = AtomicUsize::new(0);

/// Held by who changes the map.
static CHANGES: Mutex<()> = Mutex::new(());

/// A reader that has counted itself in.
struct Reader(&'static AtomicUsize);

impl Reader {
    fn new() -> Self {
        let readers = &READERS[EPOCH.load(Ordering::SeqCst) % 2];
        readers.fetch_add(1, Ordering::SeqCst);
        Self(readers)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

fn change(change: impl FnOnce(&mut Vec<Entry>)) {
    let changes = CHANGES.lock().unwrap_or_else(PoisonError::into_inner);
    let before = MAP.load(Ordering::SeqCst);
    // SAFETY: a list that is published is alive, and only who holds the lock frees it.
    let mut entries = unsafe { before.as_ref() }.cloned().unwrap_or_default();
    change(&mut entries);
    MAP.store(Box::into_raw(Box::new(entries)), Ordering::SeqCst);
    let_readers_leave();
    drop(changes);
    if !before.is_null() {
        // SAFETY: the list came from a box, is published no longer, and nobody reads it any more.
        drop(unsafe { Box::from_raw(before) });
    }
}

/// Waits for whoever reads what has just been replaced: they have counted before.
fn let_readers_leave() {
    for _ in 0..READERS.len() {
        let former = EPOCH.fetch_add(1, Ordering::SeqCst) % 2;
        while READERS[former].load(Ordering::SeqCst) != 0 {
            std::thread::yield_now();
        }
    }
}

/// Waits for whoever has found in a region what has been taken out of it. Not to be called by who reads.
pub(super) fn wait_for_readers() {
    let _changes = CHANGES.lock().unwrap_or_else(PoisonError::into_inner);
    let_readers_leave();
}

/// Enters a region, which stays alive until it is removed.
pub(super) fn register(region: &Arc<Region>) {
    let entry = Entry { end: region.end(), region: Arc::as_ptr(region) };
    change(|entries| {
        let at = entries.partition_point(|other| other.end < entry.end);
        entries.insert(at, entry);
    });
}

/// Removes a region. Nobody reads it through the map when this returns.
pub(super) fn remove(region: &Region) {
    let end = region.end();
    change(|entries| entries.retain(|other| other.end != end));
}

/// Asks the region that holds `pc`.
pub(super) fn look_up<R>(pc: usize, ask: impl FnOnce(&Region) -> Option<R>) -> Option<R> {
    let _reader = Reader::new();
    // SAFETY: the list lives for as long as somebody who has counted before may read it.
    let entries = unsafe { MAP.load(Ordering::SeqCst).as_ref() }?;
    let entry = entries.get(entries.partition_point(|entry| entry.end <= pc))?;
    // SAFETY: a region lives until it has been removed, which waits for us.
    let region = unsafe { &*entry.region };
    if region.contains(pc) { ask(region) } else { None }
}

/// Asks about one address after the other, most of which are in the same region. Who changes the map waits
/// for as long as this lives.
pub(super) struct Walk {
    _reader: Reader,
    latest: *const Region,
}

impl Walk {
    /// A walk that has not begun.
    pub(super) fn new() -> Self {
        Self { _reader: Reader::new(), latest: core::ptr::null() }
    }

    /// The region that holds `pc`.
    pub(super) fn region(&mut self, pc: usize) -> Option<&Region> {
        // SAFETY: a region lives until it has been removed, which waits for us; so for both below.
        if let Some(region) = unsafe { self.latest.as_ref() }
            && region.contains(pc)
        {
            return Some(region);
        }
        // SAFETY: the list lives for as long as somebody who has counted before may read it.
        let entries = unsafe { MAP.load(Ordering::SeqCst).as_ref() }?;
        let entry = entries.get(entries.partition_point(|entry| entry.end <= pc))?;
        // SAFETY: as above.
        let region = unsafe { &*entry.region };
        if !region.contains(pc) {
            return None;
        }
        self.latest = entry.region;
        Some(region)
    }
}

#[cfg(all(test, not(miri)))]
mod tests {
    use super::look_up;
    use crate::native::{CodeImage, NativeCode};
    use core::sync::atomic::{AtomicBool, Ordering};
    use dunlin_core::TrapCode;
    use dunlin_module::{Features, Module, Unit};
    use std::{sync::Arc, vec, vec::Vec};

    fn code(module: &Module) -> NativeCode {
        let image = CodeImage {
            code: vec![0xcc; 64].into(),
            units: vec![(0, 64, Unit::Func(0))],
            traps: vec![(7, TrapCode::OutOfFuel)],
            ..CodeImage::default()
        };
        NativeCode::load(module, image).expect("memory")
    }

    #[test]
    fn readers_find_what_lives_while_others_come_and_go() {
        if !crate::native::is_supported() {
            return;
        }
        let module = Module::parse(Arc::new(b"\0asm\x01\0\0\0".to_vec()), Features::default());
        let module = module.expect("the empty module");
        let lasting: Vec<NativeCode> = (0..9).map(|_| code(&module)).collect();
        let places: Vec<usize> = lasting.iter().map(NativeCode::address).collect();
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    while !over.load(Ordering::Relaxed) {
                        for place in &places {
                            let trap = look_up(place + 7, |region| region.trap(place + 7));
                            assert_eq!(trap, Some(TrapCode::OutOfFuel));
                            assert!(look_up(place + 8, |region| region.trap(place + 8)).is_none());
                        }
                    }
                });
            }
            for _ in 0..2 {
                scope.spawn(|| {
                    for round in 0..5 {
                        let passing: Vec<NativeCode> = (0..5).map(|_| code(&module)).collect();
                        let place = passing[round % 5].address();
                        assert!(look_up(place, |region| region.unit(place)).is_some());
                        drop(passing);
                    }
                    over.store(true, Ordering::Relaxed);
                });
            }
        });
        drop(lasting);
    }
}
