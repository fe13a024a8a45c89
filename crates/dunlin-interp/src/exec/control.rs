//! Control operators: blocks and branches. Targets come from the side table.

use super::regs::Regs;
use super::{Mode, Op, Step, handler};
use dunlin_core::TrapCode;
use dunlin_module::side::is_short_block_type;

/// `unreachable`.
pub(crate) struct Unreachable;

impl Op for Unreachable {
    #[inline]
    fn run<M: Mode>(r: Regs) -> Step<M> {
        r.raise(TrapCode::Unreachable)
    }
}

/// `nop`.
pub(crate) struct Nop;

impl Op for Nop {
    #[inline]
    fn run<M: Mode>(r: Regs) -> Step<M> {
        Step::Next(r)
    }
}

/// `block`: only its block type is skipped, and so are the blocks behind it: a `br_table` stands in as
/// many as it has targets, and they are free.
pub(crate) struct Block;

impl Op for Block {
    #[inline(always)]
    fn run<M: Mode>(mut r: Regs) -> Step<M> {
        const BLOCK: u8 = 0x02;
        if !is_short_block_type(r.peek(0)) {
            return Step::Go(handler::<SkipBlockType, M>(), r);
        }
        r.skip(1);
        while r.peek(0) == BLOCK && is_short_block_type(r.peek(1)) {
            r.skip(2);
        }
        Step::Next(r)
    }
}

/// Skips a block type of any length.
struct SkipBlockType;

impl Op for SkipBlockType {
    #[inline]
    fn run<M: Mode>(mut r: Regs) -> Step<M> {
        r.skip_type();
        Step::Next(r)
    }
}

/// `loop`: likewise; branches to it go behind it.
pub(crate) type Loop = Block;

/// `if`.
pub(crate) struct If;

impl Op for If {
    const COST: u8 = 1;

    #[inline(always)]
    fn run<M: Mode>(mut r: Regs) -> Step<M> {
        if r.pop() as u32 == 0 {
            return r.branch();
        }
        r.side_skip(1);
        if !is_short_block_type(r.peek(0)) {
            return Step::Go(handler::<SkipBlockType, M>(), r);
        }
        r.skip(1);
        Step::Next(r)
    }
}

/// `br`: the side table says where to.
pub(crate) struct Br;

impl Op for Br {
    const COST: u8 = 1;

    #[inline(always)]
    fn run<M: Mode>(r: Regs) -> Step<M> {
        r.branch()
    }
}

/// `else`, reached from the first branch of its `if`: a branch that costs nothing.
pub(crate) struct Else;

/// `return`: a branch to the function's last `end`.
pub(crate) type Return = Else;

impl Op for Else {
    #[inline(always)]
    fn run<M: Mode>(r: Regs) -> Step<M> {
        r.branch()
    }
}

/// `br_if`.
pub(crate) struct BrIf;

impl Op for BrIf {
    const COST: u8 = 1;

    #[inline(always)]
    fn run<M: Mode>(mut r: Regs) -> Step<M> {
        let condition = r.pop() as u32 != 0;
        r.branch_if(condition)
    }
}

impl Regs {
    /// Branches as `br_if` does, whose opcode `ip` is behind.
    #[inline(always)]
    pub(crate) fn branch_if<M: Mode>(mut self, condition: bool) -> Step<M> {
        if condition {
            return self.branch();
        }
        self.side_skip(1);
        skip_small(self)
    }
}

/// `br_on_null`: a branch drops the reference.
pub(crate) struct BrOnNull;

impl Op for BrOnNull {
    const COST: u8 = 1;

    #[inline]
    fn run<M: Mode>(mut r: Regs) -> Step<M> {
        if r.top() as u32 == 0 {
            r.pop();
            return r.branch();
        }
        r.side_skip(1);
        skip_small(r)
    }
}

/// `br_on_non_null`: a branch keeps the reference.
pub(crate) struct BrOnNonNull;

impl Op for BrOnNonNull {
    const COST: u8 = 1;

    #[inline]
    fn run<M: Mode>(mut r: Regs) -> Step<M> {
        if r.top() as u32 != 0 {
            return r.branch();
        }
        r.pop();
        r.side_skip(1);
        skip_small(r)
    }
}

/// `ref.as_non_null`.
pub(crate) struct RefAsNonNull;

impl Op for RefAsNonNull {
    const COST: u8 = 1;

    #[inline]
    fn run<M: Mode>(r: Regs) -> Step<M> {
        if r.top() as u32 == 0 { r.raise(TrapCode::NullReference) } else { Step::Next(r) }
    }
}

/// `br_table`.
pub(crate) struct BrTable;

impl Op for BrTable {
    const COST: u8 = 1;

    #[inline(always)]
    fn run<M: Mode>(mut r: Regs) -> Step<M> {
        // Targets count from the byte after the opcode, so the count is read from a copy.
        let mut count = r;
        let Some(count) = count.small() else {
            return Step::Go(handler::<BrTableSlow, M>(), r);
        };
        let index = (r.pop() as u32).min(count);
        r.side_skip(index as usize);
        r.branch()
    }
}

/// `br_table` with more than 127 targets.
struct BrTableSlow;

impl Op for BrTableSlow {
    #[inline]
    fn run<M: Mode>(mut r: Regs) -> Step<M> {
        let mut count = r;
        let index = (r.pop() as u32).min(count.leb_u32());
        r.side_skip(index as usize);
        r.branch()
    }
}

/// `end`: the function's last one returns.
pub(crate) struct End;

impl Op for End {
    #[inline(always)]
    fn run<M: Mode>(r: Regs) -> Step<M> {
        if !r.is_last_end() {
            return Step::Next(r);
        }
        let mut after = r;
        after.side_skip(1);
        match after.side_word() {
            0 => Step::Next(r.leave(0)),
            1 => Step::Next(r.leave(1)),
            _ => Step::Go(handler::<EndMany, M>(), r),
        }
    }
}

/// The last `end` of a function with several result slots.
struct EndMany;

impl Op for EndMany {
    #[inline]
    fn run<M: Mode>(mut r: Regs) -> Step<M> {
        r.side_skip(1);
        let results = r.side_word() as usize;
        Step::Next(r.leave(results))
    }
}

/// The return address of the host's frame.
pub(crate) struct Leave;

impl Op for Leave {
    #[inline]
    fn run<M: Mode>(r: Regs) -> Step<M> {
        r.exit()
    }
}

/// `drop`.
pub(crate) struct Drop;

impl Op for Drop {
    #[inline(always)]
    fn run<M: Mode>(mut r: Regs) -> Step<M> {
        r.pop();
        Step::Next(r)
    }
}

/// `drop` of a vector.
pub(crate) struct DropV128;

impl Op for DropV128 {
    #[inline]
    fn run<M: Mode>(mut r: Regs) -> Step<M> {
        r.drop_slots(2);
        Step::Next(r)
    }
}

/// `select` of one-slot values.
pub(crate) struct Select;

impl Op for Select {
    const COST: u8 = 1;

    #[inline(always)]
    fn run<M: Mode>(mut r: Regs) -> Step<M> {
        let value = r.select();
        r.set_top(value);
        Step::Next(r)
    }
}

impl Regs {
    /// Takes what `select` takes, and chooses; the top is left to be set.
    #[inline(always)]
    pub(crate) fn select(&mut self) -> u64 {
        let condition = self.top() as u32;
        let second = self.pop_below();
        let first = self.pop_below();
        if condition != 0 { first } else { second }
    }
}

/// `select` with a type, which is skipped.
pub(crate) struct TypedSelect;

impl Op for TypedSelect {
    const COST: u8 = 1;

    #[inline(always)]
    fn run<M: Mode>(mut r: Regs) -> Step<M> {
        // A list of one type: its length and the type, each of one byte as a rule.
        if r.peek(0) >= 0x80 || !is_short_block_type(r.peek(1)) {
            return Step::Go(handler::<TypedSelectSlow, M>(), r);
        }
        r.skip(2);
        Select::run(r)
    }
}

struct TypedSelectSlow;

impl Op for TypedSelectSlow {
    #[inline]
    fn run<M: Mode>(mut r: Regs) -> Step<M> {
        r.skip_leb();
        r.skip_type();
        Select::run(r)
    }
}

/// `select` of vectors.
pub(crate) struct SelectV128;

impl Op for SelectV128 {
    const COST: u8 = 1;

    #[inline]
    fn run<M: Mode>(mut r: Regs) -> Step<M> {
        let condition = r.pop() as u32;
        let second = r.pop_v128();
        let first = r.pop_v128();
        r.push_v128(if condition != 0 { first } else { second });
        Step::Next(r)
    }
}

/// `select` of vectors with a type.
pub(crate) struct TypedSelectV128;

impl Op for TypedSelectV128 {
    const COST: u8 = 1;

    #[inline]
    fn run<M: Mode>(mut r: Regs) -> Step<M> {
        r.skip_leb();
        r.skip_leb();
        SelectV128::run(r)
    }
}

/// Goes on behind a LEB128 immediate that is not needed.
#[inline(always)]
fn skip_small<M: Mode>(mut r: Regs) -> Step<M> {
    if r.fetch() >= 0x80 {
        return Step::Go(handler::<SkipLeb, M>(), r);
    }
    Step::Next(r)
}

/// Skips the rest of a LEB128 immediate.
struct SkipLeb;

impl Op for SkipLeb {
    #[inline]
    fn run<M: Mode>(mut r: Regs) -> Step<M> {
        r.skip_leb();
        Step::Next(r)
    }
}
