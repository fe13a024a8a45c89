//! Blocks that catch exceptions: regions and clauses of the handler table, and the words of the side table
//! that `throw`, `rethrow` and `catch` own.
//!
//! A clause waits for its label as a branch does, in a list that runs through the clauses. What an early
//! `try` has caught is kept in a slot behind the locals if a `rethrow` asks for it; the slot's number is how
//! many `try` there are around it.

use super::{Body, behind_blocks};
use crate::builder::{Caught, Site, Target};
use crate::handlers::{Clause, NONE, Region};
use wasmparser::{BlockType, Catch, TryTable};

impl Body<'_> {
    /// Begins a region at the operator at hand, whose clauses are still to come.
    fn begin_region(&mut self) -> u32 {
        let outer = self.labels.last().map_or(NONE, |label| label.region);
        let start = self.after_opcode();
        self.handlers.regions.push(Region {
            start,
            end: u32::MAX,
            parent: outer,
            outer,
            first: NONE,
        });
        self.handlers.regions.len() as u32 - 1
    }

    /// Ends the region of the innermost block, if that has one which is open.
    pub(super) fn end_region(&mut self, at: u32) {
        let Some(label) = self.labels.last_mut() else { return };
        if let Some(region) = self.handlers.regions.get_mut(label.region as usize)
            && label.owns_region
            && region.end == u32::MAX
        {
            region.end = at;
            (label.region, label.owns_region) = (region.outer, false);
        }
    }

    /// Adds a clause to a region, behind `last`; its index.
    fn add_clause(&mut self, region: u32, last: u32, clause: Clause) -> u32 {
        let index = self.handlers.clauses.len() as u32;
        self.handlers.clauses.push(clause);
        match self.handlers.clauses.get_mut(last as usize) {
            Some(last) => last.next = index,
            None => self.handlers.regions[region as usize].first = index,
        }
        index
    }

    pub(super) fn after_try_table(&mut self, table: &TryTable) -> wasmparser::Result<()> {
        let region = if self.live { self.begin_region() } else { NONE };
        let mut last = NONE;
        for catch in table.catches.iter().filter(|_| region != NONE) {
            let (tag, depth) = match *catch {
                Catch::One { tag, label } | Catch::OneRef { tag, label } => (Some(tag), label),
                Catch::All { label } | Catch::AllRef { label } => (None, label),
            };
            let gives_reference = matches!(catch, Catch::OneRef { .. } | Catch::AllRef { .. });
            last = self.catch_to(region, last, (tag, gives_reference), depth);
        }
        self.after_block(table.ty, false)?;
        self.own_region(region);
        Ok(())
    }

    /// Makes a region that of the innermost block.
    fn own_region(&mut self, region: u32) {
        if let Some(label) = self.labels.last_mut()
            && region != NONE
        {
            (label.region, label.owns_region) = (region, true);
        }
    }

    /// Adds a clause that branches over `depth` blocks; its index.
    fn catch_to(
        &mut self,
        region: u32,
        last: u32,
        (tag, gives_reference): (Option<u32>, bool),
        depth: u32,
    ) -> u32 {
        let index = self.labels.len().checked_sub(depth as usize + 1);
        let Some(label) = index.and_then(|index| self.labels.get(index)) else { return last };
        let (height, start) = (label.base, label.start);
        self.slots_max = self.slots_max.max(height + label.arity);
        let waiting = Target { at: label.catching, word: 0 };
        let Target { at, word } = start.unwrap_or(waiting);
        let kept_in = None;
        let clause = Clause { tag, gives_reference, kept_in, height, at, word, next: NONE };
        let made = self.add_clause(region, last, clause);
        if let Some(label) = index.and_then(|index| self.labels.get_mut(index))
            && start.is_none()
        {
            label.catching = made;
        }
        made
    }

    /// Settles the clauses that wait for a label.
    pub(super) fn settle_clauses(&mut self, first: u32, target: Target) {
        let mut index = first;
        while let Some(clause) = self.handlers.clauses.get_mut(index as usize) {
            index = clause.at;
            (clause.at, clause.word) = (target.at, target.word);
        }
    }

    pub(super) fn after_throw(&mut self, tag: u32) -> wasmparser::Result<()> {
        if self.live {
            self.builder.plain(self.module.tag_type(tag).param_slots());
        }
        self.after_dead_end()
    }

    pub(super) fn after_try(&mut self, ty: BlockType) -> wasmparser::Result<()> {
        let region = if self.live { self.begin_region() } else { NONE };
        self.after_block(ty, false)?;
        self.own_region(region);
        if let Some(label) = self.labels.last_mut() {
            label.tries += 1;
            label.caught = (region != NONE).then_some(Caught { region, clause: NONE });
        }
        Ok(())
    }

    /// `catch` and `catch_all`: whoever comes from before leaves the block.
    pub(super) fn after_catch(&mut self, tag: Option<u32>) -> wasmparser::Result<()> {
        let site = Site { at: self.after_opcode(), height: self.slots(self.height) };
        let values = tag.map_or(0, |tag| self.module.tag_type(tag).params().len() as u32);
        let after = if tag.is_some() { self.behind_leb(site.at) } else { site.at };
        self.end_region(site.at - 1);
        let Some(label) = self.labels.last_mut() else { return Ok(()) };
        if self.live {
            let site = self.builder.site(site);
            self.builder.branch(site, label);
        }
        self.live = label.live;
        let (height, caught) = (label.base, label.caught);
        if let Some(Caught { region, clause: last }) = caught {
            let (at, word) = (behind_blocks(self.bytes, after as usize), self.builder.next());
            let (gives_reference, kept_in) = (false, None);
            let clause = Clause { tag, gives_reference, kept_in, height, at, word, next: NONE };
            let clause = self.add_clause(region, last, clause);
            self.set_caught(Caught { region, clause });
        }
        self.after(values)
    }

    fn set_caught(&mut self, caught: Caught) {
        if let Some(label) = self.labels.last_mut() {
            label.caught = Some(caught);
        }
    }

    pub(super) fn after_rethrow(&mut self, depth: u32) -> wasmparser::Result<()> {
        if self.live {
            let index = self.labels.len().checked_sub(depth as usize + 1);
            let label = index.and_then(|index| self.labels.get(index));
            let tries = label.map_or(0, |label| label.tries);
            let slot = self.locals_len() + tries.saturating_sub(1);
            self.kept_slots = self.kept_slots.max(tries);
            let clause = label.and_then(|label| label.caught).map_or(NONE, |caught| caught.clause);
            if let Some(clause) = self.handlers.clauses.get_mut(clause as usize) {
                clause.kept_in = Some(slot);
            }
            self.builder.plain(slot);
        }
        self.after_dead_end()
    }

    /// `delegate` ends a `try` whose exceptions are looked at elsewhere. Nothing stands in its place.
    pub(super) fn after_delegate(&mut self, depth: u32) -> wasmparser::Result<()> {
        const NOP: u8 = 0x01;
        let after = self.behind_leb(self.after_opcode());
        self.end_region(self.after_opcode() - 1);
        let Some(label) = self.labels.pop() else { return Ok(()) };
        let index = self.labels.len().checked_sub(depth as usize + 1);
        let outer = index.and_then(|index| self.labels.get(index));
        let outer = outer.map_or(NONE, |label| label.region);
        if let Some(Caught { region, .. }) = label.caught {
            self.handlers.regions[region as usize].outer = outer;
        }
        for _ in self.after_opcode() - 1..after {
            self.patch(NOP);
            self.offset += 1;
        }
        self.close(label, after)
    }

    /// The byte behind a LEB128 number.
    fn behind_leb(&self, at: u32) -> u32 {
        let number = self.bytes.iter().skip(at as usize);
        at + number.take_while(|byte| **byte >= 0x80).count() as u32 + 1
    }
}
