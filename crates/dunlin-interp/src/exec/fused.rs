//! Sequences of operators that one handler executes: the rows of `for_each_fused_operator`.
//!
//! A handler is entered behind the first opcode, which the row's code has replaced in the body's private
//! copy. The other opcodes and all immediates stand where they stood, so every offset here is known: an
//! opcode takes a byte, a local's index or a constant another one, a memory argument two.
//!
//! Where operators cost fuel, each is paid for by itself: the table of metered handlers has the first
//! operator's handler in a row's place. A handler that cannot finish goes there too, having changed
//! nothing.

use super::locals::LocalGet;
use super::memory::{Loads, Stores};
use super::numeric::{Binary, F64Add, F64Mul};
use super::regs::Regs;
use super::{Mode, Op, Step, handler};
use core::marker::PhantomData;
use dunlin_core::numeric;

/// The byte `offset` bytes behind `ip`: a local's index, in a sequence below 128.
#[inline(always)]
fn local(r: &Regs, offset: usize) -> u64 {
    r.local(r.peek(offset).into())
}

/// Where the operands of a sequence's operator come from.
pub(crate) trait Source<O> {
    /// Bytes behind the first opcode, up to and with the operator's opcode.
    const BYTES: usize;
    /// Whether the result gets a slot of its own, or that of an operand on top.
    const FRESH: bool;

    /// The operands.
    fn operands(r: &mut Regs) -> (u64, u64);
}

/// `local.get`, a constant of one byte.
pub(crate) struct GetConst;
/// `local.get`, `local.get`.
pub(crate) struct Gets;
/// What is on top, `local.get`.
pub(crate) struct TopGet;
/// What is on top, a constant of one byte.
pub(crate) struct TopConst;
/// Both on the operand stack.
pub(crate) struct Operands;

impl<O: Binary> Source<O> for GetConst {
    const BYTES: usize = 4;
    const FRESH: bool = true;

    #[inline(always)]
    fn operands(r: &mut Regs) -> (u64, u64) {
        (local(r, 0), O::constant(r.peek(2)))
    }
}

impl<O: Binary> Source<O> for Gets {
    const BYTES: usize = 4;
    const FRESH: bool = true;

    #[inline(always)]
    fn operands(r: &mut Regs) -> (u64, u64) {
        (local(r, 0), local(r, 2))
    }
}

impl<O: Binary> Source<O> for TopGet {
    const BYTES: usize = 2;
    const FRESH: bool = false;

    #[inline(always)]
    fn operands(r: &mut Regs) -> (u64, u64) {
        (r.top(), local(r, 0))
    }
}

impl<O: Binary> Source<O> for TopConst {
    const BYTES: usize = 2;
    const FRESH: bool = false;

    #[inline(always)]
    fn operands(r: &mut Regs) -> (u64, u64) {
        (r.top(), O::constant(r.peek(0)))
    }
}

impl<O: Binary> Source<O> for Operands {
    const BYTES: usize = 0;
    const FRESH: bool = false;

    #[inline(always)]
    fn operands(r: &mut Regs) -> (u64, u64) {
        let b = r.top();
        (r.pop_below(), b)
    }
}

/// What happens to a sequence's result. `ip` is behind the operator that made it.
pub(crate) trait Sink {
    /// Takes the result: `fresh` says whether it needs a slot, or has that of the top.
    fn take<M: Mode>(r: Regs, value: u64, fresh: bool) -> Step<M>;
}

/// It is pushed.
pub(crate) struct Push;
/// `local.tee`.
pub(crate) struct Tee;
/// `local.set`.
pub(crate) struct Set;
/// `br_if`.
pub(crate) struct Branch;

#[inline(always)]
fn place(r: &mut Regs, value: u64, fresh: bool) {
    if fresh {
        r.push(value);
    } else {
        r.set_top(value);
    }
}

#[inline(always)]
fn discard(r: &mut Regs, fresh: bool) {
    if !fresh {
        r.pop();
    }
}

impl Sink for Push {
    #[inline(always)]
    fn take<M: Mode>(mut r: Regs, value: u64, fresh: bool) -> Step<M> {
        place(&mut r, value, fresh);
        Step::Next(r)
    }
}

impl Sink for Tee {
    #[inline(always)]
    fn take<M: Mode>(mut r: Regs, value: u64, fresh: bool) -> Step<M> {
        r.set_local(r.peek(1).into(), value);
        r.skip(2);
        place(&mut r, value, fresh);
        Step::Next(r)
    }
}

impl Sink for Set {
    #[inline(always)]
    fn take<M: Mode>(mut r: Regs, value: u64, fresh: bool) -> Step<M> {
        r.set_local(r.peek(1).into(), value);
        r.skip(2);
        discard(&mut r, fresh);
        Step::Next(r)
    }
}

impl Sink for Branch {
    #[inline(always)]
    fn take<M: Mode>(mut r: Regs, value: u64, fresh: bool) -> Step<M> {
        r.skip(1);
        discard(&mut r, fresh);
        r.branch_if(value as u32 != 0)
    }
}

/// Operands from `S`, operator `O`, result to `K`.
pub(crate) struct Compute<S, O, K>(PhantomData<(S, O, K)>);

impl<S: Source<O> + 'static, O: Binary + 'static, K: Sink + 'static> Op for Compute<S, O, K> {
    #[inline(always)]
    fn run<M: Mode>(mut r: Regs) -> Step<M> {
        let (a, b) = S::operands(&mut r);
        r.skip(S::BYTES);
        K::take(r, O::apply(a, b), S::FRESH)
    }
}

/// `local.get`, a load of memory 0 with a short memory argument; the value to `K`.
pub(crate) struct GetLoad<A, K>(PhantomData<(A, K)>);

impl<A: Loads + 'static, K: Sink + 'static> Op for GetLoad<A, K> {
    #[inline(always)]
    fn run<M: Mode>(mut r: Regs) -> Step<M> {
        let address = local(&r, 0);
        match r.place0(address, r.peek(3).into(), A::BYTES) {
            Some(place) => {
                r.skip(4);
                K::take(r, A::load(place), true)
            }
            None => Step::Go(handler::<LocalGet, M>(), r),
        }
    }
}

/// `local.get`, `local.get`.
pub(crate) struct GetGet;

impl Op for GetGet {
    #[inline(always)]
    fn run<M: Mode>(mut r: Regs) -> Step<M> {
        let (a, b) = (local(&r, 0), local(&r, 2));
        r.skip(3);
        r.push(a);
        r.push(b);
        Step::Next(r)
    }
}

/// `local.get`, `local.get`, `local.get`.
pub(crate) struct GetGetGet;

impl Op for GetGetGet {
    #[inline(always)]
    fn run<M: Mode>(mut r: Regs) -> Step<M> {
        r.push(local(&r, 0));
        r.push(local(&r, 2));
        r.push(local(&r, 4));
        r.skip(5);
        Step::Next(r)
    }
}

/// `local.set`, `local.get`.
pub(crate) struct SetGet;

impl Op for SetGet {
    #[inline(always)]
    fn run<M: Mode>(mut r: Regs) -> Step<M> {
        r.set_local(r.peek(0).into(), r.top());
        r.set_top(local(&r, 2));
        r.skip(3);
        Step::Next(r)
    }
}

/// `local.tee`, `local.get`.
pub(crate) struct TeeGet;

impl Op for TeeGet {
    #[inline(always)]
    fn run<M: Mode>(mut r: Regs) -> Step<M> {
        r.set_local(r.peek(0).into(), r.top());
        r.push(local(&r, 2));
        r.skip(3);
        Step::Next(r)
    }
}

/// `local.get`, `local.set`.
pub(crate) struct Copy;

impl Op for Copy {
    #[inline(always)]
    fn run<M: Mode>(mut r: Regs) -> Step<M> {
        r.set_local(r.peek(2).into(), local(&r, 0));
        r.skip(3);
        Step::Next(r)
    }
}

/// `f64.mul`, `f64.add`: two roundings, as two operators have.
pub(crate) struct MultiplyAdd;

impl Op for MultiplyAdd {
    #[inline(always)]
    fn run<M: Mode>(mut r: Regs) -> Step<M> {
        let b = r.top();
        let product = F64Mul::apply(r.pop_below(), b);
        let sum = F64Add::apply(r.pop_below(), product);
        r.set_top(sum);
        r.skip(1);
        Step::Next(r)
    }
}

/// `select`, `local.tee`.
pub(crate) struct SelectTee;

impl Op for SelectTee {
    #[inline(always)]
    fn run<M: Mode>(mut r: Regs) -> Step<M> {
        let value = r.select();
        r.set_top(value);
        r.set_local(r.peek(1).into(), value);
        r.skip(2);
        Step::Next(r)
    }
}

/// `local.get`, a store to memory 0 with a short memory argument.
pub(crate) struct StoreGet<A>(PhantomData<A>);

impl<A: Stores + 'static> Op for StoreGet<A> {
    #[inline(always)]
    fn run<M: Mode>(mut r: Regs) -> Step<M> {
        match r.place0(r.top(), r.peek(3).into(), A::BYTES) {
            Some(place) => {
                A::store(place, local(&r, 0));
                r.pop();
                r.skip(4);
                Step::Next(r)
            }
            None => Step::Go(handler::<LocalGet, M>(), r),
        }
    }
}

/// `i32.const`, `local.set`.
pub(crate) struct SetConst;

impl Op for SetConst {
    #[inline(always)]
    fn run<M: Mode>(mut r: Regs) -> Step<M> {
        let value = <super::numeric::I32Add as Binary>::constant(r.peek(0));
        r.set_local(r.peek(2).into(), value);
        r.skip(3);
        Step::Next(r)
    }
}

/// `i32.eqz`, `br_if`.
pub(crate) struct EqzBranch;

impl Op for EqzBranch {
    #[inline(always)]
    fn run<M: Mode>(mut r: Regs) -> Step<M> {
        let condition = numeric::i32_eqz(r.pop() as i32) != 0;
        r.skip(1);
        r.branch_if(condition)
    }
}

/// `local.tee`, `br_if`.
pub(crate) struct TeeBranch;

impl Op for TeeBranch {
    #[inline(always)]
    fn run<M: Mode>(mut r: Regs) -> Step<M> {
        let value = r.pop();
        r.set_local(r.peek(0).into(), value);
        r.skip(2);
        r.branch_if(value as u32 != 0)
    }
}
