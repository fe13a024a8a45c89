//! Adding code to a module while its guests run, and freeing what it has replaced.
//!
//! 1. [`ModuleCode::add_code`] places the code of a function, or of a way into one of its loops, and lets the module's
//!    pointers lead there: those of ways out first, then the function's, then its record for the interpreter.
//! 2. The code that a function had before is *retired* then: baseline code by optimised code, or whatever has been added
//!    by the code of the whole module. The ways into loops in it are closed.
//! 3. [`ModuleCode::reclaim`] frees what has been retired and no thread uses any more (`native/inside.rs`,
//!    `docs/rationale/026`): whoever compiles calls it, and guests at safe points that have been asked.
//!
//! Ways in and out are pieces of their own, and stay: records lead to the former by address.

use crate::ModuleCode;
use crate::code::Arena;
use crate::crossing::NativeEntry;
use crate::native::{Arena as NativeArena, CodeImage, CodeLimit, PlacedCode};
use crate::tuning;
use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicPtr, Ordering};
use dunlin_module::{CompiledFunction, Unit};
use std::sync::OnceLock;
use std::time::Instant;

/// From when on times are counted.
static START: OnceLock<Instant> = OnceLock::new();

/// A way into a loop of a function.
pub(crate) struct LoopEntry {
    /// What the interpreter enters, as if the function had been called. It stays as long as anything that is prepared.
    native: NativeEntry,
    /// Where the code is. Who has found it here goes there, whatever has become of it meanwhile.
    code: Box<AtomicPtr<u8>>,
    /// Whether the code has not been retired.
    is_open: bool,
    /// Whether it is a unit of its own, and not one of the code that counts.
    is_unit: bool,
}

/// Whether a unit is of one function alone, and goes with its code.
fn is_own(unit: Unit) -> bool {
    matches!(unit, Unit::Func(_) | Unit::Loop(..))
}

/// Closes the ways into a function's loops that are units, or those that are not; the offsets of the loops.
fn end_loops(arena: &mut Arena, func: u32, are_units: bool) -> Vec<u32> {
    let mut ended = Vec::new();
    for ((_, at), entries) in arena.loops.range_mut((func, 0)..=(func, u32::MAX)) {
        for entry in entries.iter_mut().filter(|entry| entry.is_unit == are_units) {
            if core::mem::take(&mut entry.is_open) {
                ended.push(*at);
            }
        }
    }
    ended
}

impl ModuleCode {
    /// What must be compiled besides a function of this index so that it can be added, whose code needs `needs`.
    #[must_use]
    pub fn missing_for(&self, func: u32, needs: &[Unit]) -> Vec<Unit> {
        let ty = self.module().func_type_index(func);
        let has_way_in = self.way_in(ty).is_some();
        let way_in = (!has_way_in).then_some(Unit::Enter(ty));
        let mut missing: Vec<Unit> =
            needs.iter().filter(|unit| !self.has_unit(**unit)).copied().chain(way_in).collect();
        missing.sort_unstable();
        missing
    }

    pub(crate) fn way_in(&self, ty: u32) -> Option<usize> {
        let whole = self.native().map_or(0, |native| native.way_in(ty));
        if whole != 0 { Some(whole) } else { self.added.lock().way_in(ty) }
    }

    /// Adds code of single functions, with what [`missing_for`](Self::missing_for) has said besides: units that ascend.
    /// From now on calls go there, of guests that run included. Whoever is told of what has been placed is told before.
    /// `false` if there is no memory for it: then calls go where they went.
    pub fn add_code(
        &self,
        limit: &Arc<CodeLimit>,
        units: &[(Unit, CompiledFunction)],
        mut tell: impl FnMut(PlacedCode<'_>),
    ) -> bool {
        let is_code = |of: &&(Unit, CompiledFunction)| is_own(of.0);
        let mut code = units.iter().filter(is_code);
        let (Some((unit, compiled)), None) = (code.next(), code.next()) else {
            let image = CodeImage::lay_out_part(units);
            return image.is_some_and(|image| self.place(limit, image, &[], tell));
        };
        // What others use too stays when the function's code goes.
        let others: Vec<_> = units.iter().filter(|of| !is_code(of)).cloned().collect();
        let one = [(*unit, compiled.clone())];
        let images = (CodeImage::lay_out_part(&others), CodeImage::lay_out_part(&one));
        let (Some(others), Some(image)) = images else { return false };
        let start = image.units[0].0;
        let inner = |(code, at): &(u32, u32)| match *unit {
            Unit::Func(func) => Some((func, *at, start + code)),
            _ => None,
        };
        let inner: Vec<_> = compiled.loops.iter().filter_map(inner).collect();
        self.place(limit, others, &[], &mut tell) && self.place(limit, image, &inner, &mut tell)
    }

    /// Adds the code of a part of the module as [`add_code`](Self::add_code) does: one that
    /// [`CodeImage::check`] accepts, but for what it needs and the module has.
    pub fn add_part(
        &self,
        limit: &Arc<CodeLimit>,
        image: CodeImage<'_>,
        tell: impl FnOnce(PlacedCode<'_>),
    ) -> bool {
        self.place(limit, image, &[], tell)
    }

    /// Adds a part, with ways into loops in the code of functions: those, the offsets of the loops' first operators in
    /// the module, and where the ways are in the part.
    fn place(
        &self,
        limit: &Arc<CodeLimit>,
        image: CodeImage<'_>,
        inner: &[(u32, u32, u32)],
        tell: impl FnOnce(PlacedCode<'_>),
    ) -> bool {
        if image.units.is_empty() {
            // A part of nothing is there.
            return true;
        }
        let mut arena = self.arena.lock();
        if !self.has_all_that_is_needed(&image) {
            // What was there is gone.
            return false;
        }
        let one = match image.units[..] {
            [(.., unit)] if is_own(unit) => Some(unit),
            _ => None,
        };
        let (mut entries, mut loops) = (Vec::new(), Vec::new());
        let mut added = self.added.lock();
        let Some(placed) = added.add(limit, image) else { return false };
        tell(placed);
        let base = placed.address(0);
        let targets = placed.targets();
        entries.extend(placed.entries(self.module()));
        loops.extend(placed.loops().map(|(func, at, address)| (func, at, address, true)));
        let inner = inner.iter();
        loops.extend(inner.map(|(func, at, code)| (*func, *at, placed.address(*code), false)));
        drop(added);
        let mut is_found = true;
        // What nothing leads to yet: functions of a part may call each other.
        entries.iter().for_each(|(index, _, address)| self.fill_code(*index, *address));
        self.fill_targets(&mut arena, targets);
        for entry in entries {
            is_found &= self.publish_unit(&mut arena, entry);
        }
        let one = one.filter(|_| is_found);
        if let Some(Unit::Func(func)) = one {
            self.retire(&mut arena, &mut self.added.lock(), func);
        }
        for way in loops {
            is_found &= self.publish_loop(&mut arena, way);
        }
        if let Some(unit) = one.filter(|_| is_found) {
            let mut added = self.added.lock();
            added.own(unit, base);
            self.has_retired.store(added.has_retired(), Ordering::Relaxed);
        }
        true
    }

    /// Lets the module's pointers lead to a unit, if they lead to another: its place among them, and its address. Whether
    /// they do, or to one that is as good: without a way in nobody could be led to a function.
    fn publish_unit(
        &self,
        arena: &mut Arena,
        (index, unit, address): (usize, Unit, *const u8),
    ) -> bool {
        // Of another unit, what is there is as good, or better.
        let Unit::Func(func) = unit else { return true };
        let Some(way_in) = self.way_in(self.module().func_type_index(func)) else { return false };
        self.lead_to_code(arena, func, address);
        self.doors()[index].store(address.cast_mut(), Ordering::Release);
        crate::relinking::note_published();
        if !self.leads_to_native(arena, func) {
            self.added_functions.fetch_add(1, Ordering::Release);
            self.publish_native(way_in, arena, func);
        }
        true
    }

    /// Lets whoever is in a loop find a way into it: the function, the offset of the loop's first operator, the way's
    /// address, and whether it is a unit. Whether it is found.
    fn publish_loop(
        &self,
        arena: &mut Arena,
        (func, at, address, is_unit): (u32, u32, usize, bool),
    ) -> bool {
        let Some(way_in) = self.way_in(self.module().func_type_index(func)) else { return false };
        let results = self.module().func_type(func).result_slots();
        let entries = arena.loops.entry((func, self.loop_start(at))).or_default();
        // One of a kind at most: pointers to those that are there stay valid.
        if entries.capacity() == 0 {
            entries.reserve_exact(2);
        }
        let address = core::ptr::with_exposed_provenance_mut(address);
        if let Some(entry) = entries.iter_mut().find(|entry| entry.is_unit == is_unit) {
            entry.code.store(address, Ordering::Release);
            entry.is_open = true;
            return true;
        }
        let code = Box::new(AtomicPtr::new(address));
        let native = NativeEntry::new(results, &raw const *code, way_in);
        entries.push(LoopEntry { native, code, is_open: true, is_unit });
        true
    }

    /// Retires the code that a function had of its own, with the ways into loops in it. The module's pointers lead to
    /// other code already.
    pub(crate) fn retire(&self, arena: &mut Arena, added: &mut NativeArena, func: u32) {
        end_loops(arena, func, false);
        added.retire(Unit::Func(func));
        self.has_retired.store(added.has_retired(), Ordering::Relaxed);
    }

    /// Frees code that has been replaced, as far as no thread is in it any more. With a function's former code the ways
    /// into its loops go too that lead into the new one: who is in such a loop began before, and has gone on since, or
    /// asks for one again. Whether there is some left.
    pub fn reclaim(&self) -> bool {
        if !self.has_retired.load(Ordering::Relaxed) {
            return false;
        }
        let mut ended = Vec::new();
        let mut arena = self.arena.lock();
        let mut added = self.added.lock();
        for unit in added.reclaim() {
            let Unit::Func(func) = unit else { continue };
            let ways = end_loops(&mut arena, func, true);
            if !ways.is_empty() {
                ended.push(func);
            }
            for at in ways {
                added.retire(Unit::Loop(func, at));
            }
        }
        let has_more = added.has_retired();
        self.has_retired.store(has_more, Ordering::Relaxed);
        drop((arena, added));
        if let Some(watch) = &self.watch {
            ended.into_iter().for_each(|func| watch.loops_ended(func));
        }
        has_more
    }

    /// The same, unless somebody has looked just now: to look makes all threads of the process stop for a moment, and
    /// asks them to look as well.
    pub fn reclaim_at_leisure(&self) -> bool {
        if !self.has_retired.load(Ordering::Relaxed) {
            return false;
        }
        let now = START.get_or_init(Instant::now).elapsed().as_micros() as u64;
        let next = self.next_reclaim.load(Ordering::Relaxed);
        if now < next {
            return true;
        }
        let after = now + tuning::RECLAIM_MICROSECONDS;
        let is_mine =
            self.next_reclaim.compare_exchange(next, after, Ordering::Relaxed, Ordering::Relaxed);
        is_mine.is_err() || self.reclaim()
    }

    /// Bytes of code that has been freed because other code had replaced it.
    #[must_use]
    pub fn code_freed(&self) -> u64 {
        self.added.lock().freed()
    }

    /// The way into a loop of a function that is a unit of its own; 0 if there is none.
    pub(crate) fn loop_unit(&self, func: u32, at: u32) -> usize {
        let arena = self.arena.lock();
        let found = arena.loops.get(&(func, at)).into_iter().flatten();
        let Some(entry) = found.into_iter().find(|entry| entry.is_unit && entry.is_open) else {
            return 0;
        };
        self.loops_entered.fetch_add(1, Ordering::Relaxed);
        entry.code.load(Ordering::Acquire) as usize
    }

    /// A way into the loop of a function whose first operator is at this offset in the module, for the interpreter.
    pub(crate) fn loop_entry(&self, func: u32, at: u32) -> Option<*const NativeEntry> {
        let arena = self.arena.lock();
        let entries = arena.loops.get(&(func, at))?.iter().filter(|entry| entry.is_open);
        let entry = entries.max_by_key(|entry| entry.is_unit)?;
        self.loops_entered.fetch_add(1, Ordering::Relaxed);
        Some(&raw const entry.native)
    }

    /// Where the interpreter goes on that goes back to a loop: behind the blocks that the loop begins with.
    pub(crate) fn loop_start(&self, at: u32) -> u32 {
        dunlin_module::behind_blocks(self.module().bytes(), at as usize)
    }

    /// Whether what a part needs is in it, or there.
    fn has_all_that_is_needed(&self, image: &CodeImage<'_>) -> bool {
        let has: BTreeSet<Unit> = image.units.iter().map(|(.., unit)| *unit).collect();
        let is_there = |unit: &Unit| {
            let body = if let Unit::LeaveFunc(func) = unit { Unit::Func(*func) } else { *unit };
            has.contains(unit) || has.contains(&body) || self.has_unit(*unit)
        };
        image.needs.iter().flatten().all(is_there)
    }

    /// Whether there is code for a unit that is found by index.
    fn has_unit(&self, unit: Unit) -> bool {
        let functions = self.module().func_count() as usize;
        let index = match unit {
            Unit::Func(func) | Unit::LeaveFunc(func) => func as usize,
            Unit::LeaveRef(ty) => functions + ty as usize,
            Unit::Tables => functions + self.module().types().len(),
            Unit::Enter(_) | Unit::Loop(..) => return false,
        };
        !self.code[index].load(Ordering::Acquire).is_null()
    }
}
