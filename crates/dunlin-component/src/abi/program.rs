//! How values of a type pass from one component to another: a program of flat steps, made once for each function type.
//!
//! 1. A block of steps is for a value at one place. Records and tuples are no steps: their parts stand in the block of
//!    what they are part of, with offsets and slots counted from its beginning.
//! 2. Only what happens more than once, or not always, has a block of its own: elements of lists, cases of variants.
//!    A case's block counts from the beginning of what the variant is part of.
//! 3. A step knows its place among flat values (`slot`) and in memory (`offset`), and serves both. Programs for memory
//!    join neighbours whose bits need no look into one step, so that a list of such is copied at once.
//!
//! Both sides have the same layout, since function types of two components that are linked are equal.

use crate::limits::PROGRAM_STEPS_MAX;
use crate::types::{Cases, FuncType, Kind, TypeId, TypeTable, Var};
use std::sync::atomic::Ordering;

/// Steps of all blocks; the first block is that of the whole value.
#[derive(Debug, Default)]
pub(crate) struct Program {
    pub(crate) blocks: Vec<Vec<Step>>,
    /// Whether the value passes in memory.
    pub(crate) in_memory: bool,
    /// How many steps have been made, joined ones included, and how many may be.
    made: usize,
    left: usize,
}

/// Where a step's value is, counted from the beginning of the block's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct At {
    pub(crate) offset: u32,
    pub(crate) slot: u32,
}

/// A block of a program, by its place.
pub(crate) type Block = u32;

#[derive(Debug)]
pub(crate) enum Step {
    /// Bits of which all patterns are values; so many bytes.
    Bits(At, u32),
    /// A signed number of fewer than 32 bits, which fills the flat value; so many bytes.
    Signed(At, u32),
    Bool(At),
    Char(At),
    /// A number below a count, of so many bytes.
    Enum(At, u32, u32),
    /// Bits, of so many bytes, of which those outside the mask are dropped.
    Flags(At, u32, u32),
    String(At),
    List(At, Elements),
    /// Elements in place.
    Repeat(At, Elements, u32),
    Variant(At, Box<Choice>),
    Own(At, Var),
    Borrow(At, Var),
    Async(&'static str),
}

/// The elements of a list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Elements {
    pub(crate) block: Block,
    pub(crate) size: u32,
    pub(crate) align: u32,
    pub(crate) slots: u32,
    /// Whether all patterns of an element's bits are values, so that elements are copied at once.
    pub(crate) plain: bool,
    /// Whether an element's bytes are all that there is of it: it has no handles, and leads to nothing elsewhere.
    pub(crate) alone: bool,
}

/// A variant: its discriminant, and the block of each case that has a payload.
#[derive(Debug)]
pub(crate) struct Choice {
    pub(crate) bytes: u32,
    /// The flat values of the payload that is longest.
    pub(crate) slots: std::ops::Range<u32>,
    pub(crate) cases: Box<[Option<Block>]>,
}

impl Program {
    /// The programs of a function's parameters and result; `None` if they are too long for the component.
    pub(crate) fn of(types: &TypeTable, func: &FuncType) -> Option<(Self, Self)> {
        let mut params = Self::new(types, func.flat_params.is_none());
        let mut steps = Vec::new();
        for param in &func.params {
            let at = At { offset: param.offset, slot: param.slot };
            params.add(types, param.ty, at, &mut steps);
        }
        let params = params.finish(types, steps)?;
        Some((params, Self::of_result(types, func, func.result_in_memory)?))
    }

    /// The program of a function's result where it is given as parameters of `task.return`.
    pub(crate) fn returned(types: &TypeTable, func: &FuncType) -> Option<Self> {
        let is_flat = func.result.is_none_or(|ty| types.node(ty).core.is_some());
        Self::of_result(types, func, !is_flat)
    }

    fn of_result(types: &TypeTable, func: &FuncType, in_memory: bool) -> Option<Self> {
        let mut program = Self::new(types, in_memory);
        let mut steps = Vec::new();
        if let Some(ty) = func.result {
            program.add(types, ty, At::default(), &mut steps);
        }
        program.finish(types, steps)
    }

    fn new(types: &TypeTable, in_memory: bool) -> Self {
        let made = types.steps.load(Ordering::Relaxed);
        let left = PROGRAM_STEPS_MAX.saturating_sub(made);
        Self { blocks: vec![Vec::new()], in_memory, made: 0, left }
    }

    /// The program with the steps of its first block, unless there were too many.
    fn finish(mut self, types: &TypeTable, mut steps: Vec<Step>) -> Option<Self> {
        if self.made > self.left {
            return None;
        }
        types.steps.fetch_add(self.made, Ordering::Relaxed);
        if self.in_memory {
            join(&mut steps);
        }
        self.blocks[0] = steps;
        Some(self)
    }

    /// Adds the steps of a value at this place.
    fn add(&mut self, types: &TypeTable, ty: TypeId, at: At, steps: &mut Vec<Step>) {
        // Types are few as they are written, and may be very many as trees.
        self.made += 1;
        if self.made > self.left {
            return;
        }
        let node = types.node(ty);
        // Slots of what passes in memory mean nothing, and may be more than can be counted.
        let within = |offset: u32, slot: u32| At {
            offset: at.offset + offset,
            slot: at.slot.saturating_add(slot),
        };
        steps.push(match &node.kind {
            Kind::Bool => Step::Bool(at),
            Kind::S8 | Kind::S16 => Step::Signed(at, node.size),
            Kind::U8
            | Kind::U16
            | Kind::S32
            | Kind::U32
            | Kind::S64
            | Kind::U64
            | Kind::F32
            | Kind::F64 => Step::Bits(at, node.size),
            Kind::Char => Step::Char(at),
            Kind::String => Step::String(at),
            Kind::List(element) | Kind::Map(element) => {
                Step::List(at, self.elements(types, *element))
            }
            Kind::FixedList(element, len) => {
                let elements = self.elements_at(types, *element, self.in_memory);
                Step::Repeat(at, elements, *len)
            }
            Kind::Record(fields) | Kind::Tuple(fields) => {
                for field in fields {
                    self.add(types, field.ty, within(field.offset, field.slot), steps);
                }
                return;
            }
            Kind::Variant(cases) | Kind::Option(cases) | Kind::Result(cases) => {
                let payload = within(cases.payload, 1);
                let slots = payload.slot..at.slot.saturating_add(node.flat);
                Step::Variant(at, Box::new(self.choice(types, cases, payload, slots)))
            }
            Kind::Enum(names) => Step::Enum(at, node.size, names.len() as u32),
            Kind::Flags(names) => Step::Flags(at, node.size, mask(names.len())),
            Kind::Own(var) => Step::Own(at, *var),
            Kind::Borrow(var) => Step::Borrow(at, *var),
            Kind::Async(what) => Step::Async(what),
        });
    }

    fn choice(
        &mut self,
        types: &TypeTable,
        cases: &Cases,
        payload: At,
        slots: std::ops::Range<u32>,
    ) -> Choice {
        let blocks = cases.cases.iter().map(|case| {
            let mut steps = Vec::new();
            self.add(types, case.ty?, payload, &mut steps);
            if self.in_memory {
                join(&mut steps);
            }
            Some(self.block(steps))
        });
        let cases_of = blocks.collect();
        Choice { bytes: cases.discriminant, slots, cases: cases_of }
    }

    /// The elements of a list, which lie in memory.
    fn elements(&mut self, types: &TypeTable, element: TypeId) -> Elements {
        self.elements_at(types, element, true)
    }

    fn elements_at(&mut self, types: &TypeTable, element: TypeId, in_memory: bool) -> Elements {
        let node = types.node(element);
        let outer = std::mem::replace(&mut self.in_memory, in_memory);
        let mut steps = Vec::new();
        self.add(types, element, At::default(), &mut steps);
        if in_memory {
            join(&mut steps);
        }
        self.in_memory = outer;
        let whole =
            matches!(steps[..], [Step::Bits(At { offset: 0, .. }, len)] if len == node.size);
        let alone = self.is_alone(&steps);
        let block = self.block(steps);
        let (size, align, slots) = (node.size, node.align, node.flat);
        Elements { block, size, align, slots, plain: whole, alone }
    }

    /// Whether the bytes that these steps are about lead to nothing elsewhere.
    fn is_alone(&self, steps: &[Step]) -> bool {
        steps.iter().all(|step| match step {
            Step::Bits(..)
            | Step::Signed(..)
            | Step::Bool(_)
            | Step::Char(_)
            | Step::Enum(..)
            | Step::Flags(..) => true,
            Step::Repeat(_, elements, _) => elements.alone,
            Step::Variant(_, choice) => {
                let mut cases = choice.cases.iter().flatten();
                cases.all(|block| self.is_alone(&self.blocks[*block as usize]))
            }
            Step::String(_)
            | Step::List(..)
            | Step::Own(..)
            | Step::Borrow(..)
            | Step::Async(_) => false,
        })
    }

    fn block(&mut self, steps: Vec<Step>) -> Block {
        self.blocks.push(steps);
        (self.blocks.len() - 1) as Block
    }
}

/// The bits of so many flags.
pub(crate) fn mask(flags: usize) -> u32 {
    u32::MAX.checked_shr(32 - flags as u32).unwrap_or(0)
}

/// Joins steps whose bytes in memory follow each other and need no look. Gaps are not copied: what lies there is nobody
/// else's business.
fn join(steps: &mut Vec<Step>) {
    let mut joined: Vec<Step> = Vec::with_capacity(steps.len());
    for step in steps.drain(..) {
        let step = match step {
            Step::Signed(at, len) => Step::Bits(at, len),
            Step::Repeat(at, elements, count) if elements.plain => {
                Step::Bits(at, elements.size * count)
            }
            step => step,
        };
        match (joined.last_mut(), &step) {
            (Some(Step::Bits(before, len)), Step::Bits(at, more))
                if before.offset + *len == at.offset =>
            {
                *len += more;
            }
            _ => joined.push(step),
        }
    }
    *steps = joined;
}

#[cfg(test)]
mod tests {
    use super::mask;

    #[test]
    fn the_mask_has_a_bit_for_each_flag() {
        assert_eq!([0, 1, 8, 32].map(mask), [0, 1, 0xff, u32::MAX]);
    }
}
