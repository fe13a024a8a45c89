//! Building a side table: labels, the words that wait for them, and escapes.
//!
//! Heights and positions come from the validator's visitor ([`crate::body`]); this file knows nothing
//! of operators. A forward branch's word is threaded into a list that starts in its label and runs
//! through the words themselves, so that a `br_table` of a million targets needs no memory but its
//! words.

use crate::side::{Branch, END_BIT, WIDE_WORDS, escape};
use alloc::vec::Vec;

/// Ends a list of waiting words.
const NONE: u32 = u32::MAX;

/// A control construct that branches may target.
pub(crate) struct Label {
    /// Whether a branch to it goes backwards, and then whereto.
    pub(crate) start: Option<Target>,
    /// Slots below the construct's operands.
    pub(crate) base: u32,
    /// Slots that a branch to it keeps.
    pub(crate) arity: u32,
    /// Whether the construct was entered in reachable code.
    pub(crate) live: bool,
    /// The first word of an `if` that still needs its `else`.
    pub(crate) otherwise: Option<u32>,
    waiting: u32,
    wide: Option<(u32, u32)>,
    /// The innermost region of handlers inside.
    pub(crate) region: u32,
    /// Whether that is its own.
    pub(crate) owns_region: bool,
    /// Clauses that catch to here, once it is known where that is.
    pub(crate) catching: u32,
    /// What a `try` has caught so far.
    pub(crate) caught: Option<Caught>,
    /// How many `try` there are from here outwards.
    pub(crate) tries: u32,
}

/// What is known of a `try` that can be reached.
#[derive(Clone, Copy)]
pub(crate) struct Caught {
    /// Its region.
    pub(crate) region: u32,
    /// The latest clause.
    pub(crate) clause: u32,
}

impl Label {
    pub(crate) fn new(base: u32, arity: u32, live: bool) -> Self {
        Self {
            start: None,
            base,
            arity,
            live,
            otherwise: None,
            waiting: NONE,
            wide: None,
            region: NONE,
            owns_region: false,
            catching: NONE,
            caught: None,
            tries: 0,
        }
    }
}

/// A place in the code: offset from the body's start, and index into the side table.
#[derive(Clone, Copy)]
pub(crate) struct Target {
    pub(crate) at: u32,
    pub(crate) word: u32,
}

/// Where a branch operator stands, and the slots on the operand stack when it branches.
#[derive(Clone, Copy)]
pub(crate) struct Site {
    /// The byte after the opcode, from the body's start.
    pub(crate) at: u32,
    pub(crate) height: u32,
}

struct Wide {
    target: Target,
    pops: u32,
    vals: u32,
}

/// A side table under construction.
#[derive(Default)]
pub(crate) struct Builder {
    words: Vec<u64>,
    sites: Vec<Site>,
    wides: Vec<Wide>,
    escapes: Vec<(u32, u32)>,
    relocations: Vec<u32>,
    /// Words of branches that go backwards.
    loops: Vec<u32>,
}

impl Builder {
    /// The index of the next word.
    pub(crate) fn next(&self) -> u32 {
        self.words.len() as u32
    }

    /// Appends a word that is no branch.
    pub(crate) fn plain(&mut self, word: u32) {
        self.words.push(word.into());
    }

    /// Notes a branch operator; its words follow.
    pub(crate) fn site(&mut self, site: Site) -> u32 {
        self.sites.push(site);
        self.sites.len() as u32 - 1
    }

    /// Appends the word of a branch from `site` to `label`.
    pub(crate) fn branch(&mut self, site: u32, label: &mut Label) {
        let index = self.next();
        if let Some(start) = label.start {
            self.words.push(0);
            self.loops.push(index);
            self.settle(index, self.sites[site as usize], label, start);
        } else {
            self.words.push(u64::from(label.waiting) | u64::from(site) << 32);
            label.waiting = index;
        }
    }

    /// Appends the word of an `if`, which `otherwise` settles.
    pub(crate) fn if_word(&mut self, site: Site) -> u32 {
        let index = self.next();
        self.words.push(site.at.into());
        index
    }

    /// Settles the word of an `if`: a false condition goes to `target` and moves nothing.
    pub(crate) fn otherwise(&mut self, index: u32, target: Target) {
        let at = self.words[index as usize] as u32;
        self.write(index, at, target, 0, 0, &mut None);
    }

    /// Settles all words that wait for `label`: it is at `target`.
    pub(crate) fn settle_all(&mut self, label: &mut Label, target: Target) {
        let mut index = core::mem::replace(&mut label.waiting, NONE);
        while index != NONE {
            let word = self.words[index as usize];
            let site = self.sites[(word >> 32) as usize];
            self.settle(index, site, label, target);
            index = word as u32;
        }
    }

    /// Appends the words of a function's last `end`, which stands before `after`.
    pub(crate) fn end(&mut self, after: u32, results: u32) {
        self.relocations.push(self.next());
        self.words.push(END_BIT | u64::from(after));
        self.words.push(results.into());
    }

    /// The finished table, its relocations, and its words of branches that go backwards.
    pub(crate) fn finish(mut self) -> (Vec<u64>, Vec<u32>, Vec<u32>) {
        let base = self.next();
        for (index, wide) in &self.escapes {
            let record = base + wide * WIDE_WORDS as u32;
            self.words[*index as usize] = escape((record - index) as i32);
        }
        for (i, wide) in self.wides.iter().enumerate() {
            let record = base + (i * WIDE_WORDS) as u32;
            self.relocations.push(record);
            self.words.push(wide.target.at.into());
            self.words.push((i64::from(wide.target.word) - i64::from(record)) as u64);
            self.words.push(u64::from(wide.pops) << 32 | u64::from(wide.vals));
        }
        self.words.shrink_to_fit();
        (self.words, self.relocations, self.loops)
    }

    fn settle(&mut self, index: u32, site: Site, label: &mut Label, target: Target) {
        let pops = site.height.saturating_sub(label.arity).saturating_sub(label.base);
        self.write(index, site.at, target, pops, label.arity, &mut label.wide);
    }

    /// Writes a branch word; `cache` is the label's latest wide record, as pops and number.
    fn write(
        &mut self,
        index: u32,
        at: u32,
        target: Target,
        pops: u32,
        vals: u32,
        cache: &mut Option<(u32, u32)>,
    ) {
        let dip = i64::from(target.at) - i64::from(at);
        let dstp = i64::from(target.word) - i64::from(index);
        if let Some(word) = Branch::pack(dip, dstp, pops, vals) {
            self.words[index as usize] = word;
            return;
        }
        let wide = match *cache {
            Some((cached, wide)) if cached == pops => wide,
            _ => {
                self.wides.push(Wide { target, pops, vals });
                self.wides.len() as u32 - 1
            }
        };
        *cache = Some((pops, wide));
        self.escapes.push((index, wide));
    }
}
