//! How functions that the interpreter executes often are found: their *budgets*.
//!
//! 1. A module that is watched ([`Watch`]) gives each function a budget when it is prepared: so many bytes that the
//!    interpreter may execute, some number of times the body's.
//! 2. The function's record leads to a [`Counted`] in place of the body, which takes the body's bytes off at each call
//!    and goes on there. Words of the side table by which branches go backwards are *counted branches*
//!    (`dunlin_module::side`), which take off how far they go.
//! 3. When the budget has run out, whoever watches is told, and says how much more is to be counted, or that it is
//!    enough. The record then leads to the body, and words are branches again as soon as they are executed. Hence what
//!    is counted costs a little while it is counted, and nothing before or after; a module that nobody watches has
//!    neither.
//! 4. An activation that is in a loop goes on in compiled code as soon as there is a way into the loop
//!    (`ModuleCode::loop_entry`): its locals and operands are copied, and its frame becomes that of a call of the
//!    function (`crossing`).
//!
//! Compiled code may count too (`dunlin_module::layout::vm_context::BUDGETS`), at the beginning of functions and of
//! loops: what it has executed is charged against the module's own array.

use crate::code::ModuleCode;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, Ordering};
use dunlin_module::side::{self, COUNTED_WORDS, pseudo};

/// What compiled code that counts may still execute of a function.
#[repr(C)]
#[derive(Debug)]
pub struct Budget {
    /// Bytes; negative once that is too much.
    pub(crate) left: AtomicI32,
    /// How often it has been called.
    pub(crate) calls: AtomicU32,
    /// How often while it noted where control gets.
    pub(crate) observed: AtomicU32,
    /// Room, so that a function's index is shifted.
    _rest: u32,
}

/// Bytes of a budget at most.
const BUDGET_BYTES_MAX: u64 = 1 << 30;

/// Bytes that the interpreter is taken to execute at once at most: from a call or a backward branch on to the next one,
/// much of a large body is passed over. In an interpreter's loop that is nearly all.
const BYTES_AT_ONCE_MAX: usize = 4 << 10;

/// Who is told of functions that have been executed often.
pub trait Watch: Send + Sync {
    /// How often the interpreter may execute a function's body, of so many bytes, until then.
    fn executions(&self, func: u32, bytes: usize) -> u32;

    /// A function's budget has run out. Says how often its body may be executed until it is told again; `None` if
    /// that is not wanted. Called by a thread that runs a guest.
    fn ran_out(&self, code: &Arc<ModuleCode>, spent: Spent) -> Option<u32>;

    /// The ways into a function's loops that were units are gone. Whoever is in one asks again.
    fn loops_ended(&self, func: u32);
}

/// A budget that has run out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spent {
    /// Whose.
    pub func: u32,
    /// In which loop that has been found: the offset in the module of its first operator. `None` at a call.
    pub in_loop: Option<u32>,
    /// Whether compiled code has found it, and not the interpreter.
    pub by_code: bool,
}

/// What the record of a function leads to that is counted.
#[repr(C)]
pub struct Counted {
    /// The interpreter's operator, and a byte behind it that is not 0.
    opcode: [u8; 2],
    /// The function.
    pub func: u32,
    /// Bytes of its body.
    bytes: u32,
    /// Bytes that may still be executed; negative once they have run out.
    left: AtomicI32,
    /// Whether nothing is counted any more.
    is_over: AtomicBool,
    /// The first operator of the body.
    pub ip: *const u8,
}

// SAFETY: the pointer is to a body, which nobody writes, of the module that owns this.
unsafe impl Send for Counted {}
// SAFETY: as above.
unsafe impl Sync for Counted {}

impl Counted {
    /// The budget of a function whose body, of so many bytes, begins at `ip`.
    pub(crate) fn new(func: u32, bytes: usize, executions: u32, ip: *const u8) -> Self {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX).clamp(1, BUDGET_BYTES_MAX as u32);
        let (left, is_over) = (AtomicI32::new(0), AtomicBool::new(false));
        let counted = Self { opcode: [pseudo::EXIT, 1], func, bytes, left, is_over, ip };
        counted.fill(executions);
        counted
    }

    /// Gives the function its budget.
    pub(crate) fn fill(&self, executions: u32) {
        // The last execution that is counted is the one that finds nothing left.
        self.left.store(budget(self.bytes, executions), Ordering::Relaxed);
    }

    /// Nothing is to be counted any more.
    pub(crate) fn end(&self) {
        self.is_over.store(true, Ordering::Relaxed);
    }

    /// Whether that is so.
    pub fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    /// Takes off an execution of the body; says whether nothing is left.
    #[inline(always)]
    pub fn enter(&self) -> bool {
        self.take(self.bytes.min(BYTES_AT_ONCE_MAX as u32) as i32)
    }

    /// Takes off a branch that goes so many bytes back; says whether nothing is left.
    #[inline(always)]
    pub fn go_back(&self, bytes: usize) -> bool {
        self.take(bytes.min(BYTES_AT_ONCE_MAX) as i32)
    }

    /// Threads that count at the same time may forget what one of them has counted: no swap, which would lock the bus.
    #[inline(always)]
    fn take(&self, bytes: i32) -> bool {
        let left = self.left.load(Ordering::Relaxed).saturating_sub(bytes);
        self.left.store(left, Ordering::Relaxed);
        left < 0
    }
}

/// The budget of so many executions of a body of so many bytes.
pub(crate) fn budget(bytes: u32, executions: u32) -> i32 {
    (u64::from(bytes) * u64::from(executions)).min(BUDGET_BYTES_MAX) as i32
}

/// Whether words of side tables can be replaced while they are read.
pub const CAN_COUNT_BRANCHES: bool = cfg!(target_has_atomic = "64");

/// Reads a word of a side table, which another thread may replace.
///
/// # Safety
///
/// `word` points to a word of a published side table.
#[inline(always)]
pub unsafe fn side_word(word: *const u64) -> u64 {
    #[cfg(target_has_atomic = "64")]
    // SAFETY: the caller's promise: words of published tables are only written atomically.
    return unsafe { core::sync::atomic::AtomicU64::from_ptr(word.cast_mut()) }
        .load(Ordering::Relaxed);
    #[cfg(not(target_has_atomic = "64"))]
    // SAFETY: the caller's promise: nobody writes words of published tables.
    return unsafe { word.read() };
}

/// Makes the word of a counted branch its own again: for whoever executes it when nothing is left.
///
/// # Safety
///
/// `word` points to a word of a published side table that is or was a counted branch, and `plain` is the branch's own.
#[inline]
pub unsafe fn stop_counting(word: *const u64, plain: u64) {
    #[cfg(target_has_atomic = "64")]
    // SAFETY: the caller's promise: words of published tables are only read and written atomically.
    unsafe { core::sync::atomic::AtomicU64::from_ptr(word.cast_mut()) }
        .store(plain, Ordering::Relaxed);
    #[cfg(not(target_has_atomic = "64"))]
    let _ = (word, plain);
}

/// Makes the words at `loops` counted branches, whose records stand behind the table. Its address may change.
pub(crate) fn count_branches(
    words: &mut alloc::vec::Vec<u64>,
    loops: &[u32],
    counted: *const Counted,
) {
    if !CAN_COUNT_BRANCHES {
        return;
    }
    words.reserve_exact(loops.len() * COUNTED_WORDS);
    for index in loops {
        let record = words.len();
        let plain = words[*index as usize];
        words.extend([plain, counted.expose_provenance() as u64]);
        // Tables are shorter than a module, whose offsets have 32 bits.
        words[*index as usize] = side::counted((record - *index as usize) as i32);
    }
}
