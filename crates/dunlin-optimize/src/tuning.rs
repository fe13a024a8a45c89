//! Knobs that change how fast code is, or how fast it is made, and never what it means.

/// Whether an address that failed its check is replaced before a processor that has not noticed yet
/// could read through it.
pub(crate) const SPECTRE_MASKS: bool = true;

/// Whether the access through an address that was replaced is the trap, so that no branch is needed.
pub(crate) const MASKS_TRAP: bool = true;

/// Cranelift's level of optimisation.
pub(crate) const OPT_LEVEL: &str = "speed";

/// Whether `f32.convert_i64_u` and `f64.convert_i64_u` are computed without a branch and without
/// waiting for the register that they write.
pub(crate) const CONVERT_I64_U_BY_BITS: bool = true;

/// Offsets below this stand in the access itself instead of the masked address: what lies that close
/// to address zero is never mapped.
pub(crate) const FOLDED_OFFSET_MAX: u64 = dunlin_module::layout::NULL_BYTES as u64;

/// Whether a product with 3, 5 or 9 is a shift and a sum, which address arithmetic does in one cycle in
/// place of three.
pub(crate) const MULTIPLY_BY_SUMS: bool = true;

/// Whether calls through a table that never changes read a copy that all instances share.
pub(crate) const STATIC_TABLES: bool = true;

/// Whether they read a pointer to code there, in a row for functions of the type, and ask for no type.
pub(crate) const TARGET_VIEWS: bool = true;

/// Bytes from one poll site's offset in the poll page to the next site's.
pub(crate) const POLL_SITE_STRIDE: u32 = 8;

/// Slots of parameters and results that a way in or out passes on without asking how much of the stack is left:
/// half a kilobyte, of sixteen that the host keeps at least.
pub(crate) const WAY_SLOTS_UNCHECKED: u32 = 64;

/// Whether functions that neither loop nor call do without a poll at their entry.
pub(crate) const LEAVES_WITHOUT_POLLS: bool = true;

/// Whether functions during which no memory grows read the bounds of memories once.
pub(crate) const CONSTANT_BOUNDS: bool = true;

/// Whether our own passes run at all.
pub(crate) const PASSES: bool = true;

/// Whether bounds of memories are read outside of loops that cannot change them.
pub(crate) const HOIST_BOUNDS: bool = true;

/// Whether loops whose accesses run evenly over memory get a form that checks the whole range first.
pub(crate) const STREAMS: bool = true;

/// The same where the machine checks accesses: only additions are saved.
pub(crate) const STREAMS_GUARDED: bool = true;

/// Turns of a loop from which on it is worth checking the range first.
pub(crate) const STREAM_TURNS_MIN: i64 = 8;

/// The same where the machine checks accesses.
pub(crate) const STREAM_TURNS_MIN_GUARDED: i64 = 32;

/// Whether the second form of a small loop makes several turns between its tests.
pub(crate) const UNROLL: bool = true;

/// So many, the first for which it is small enough: powers of two, not more than turns from which on there is a
/// second form.
pub(crate) const UNROLLED_TURNS: [i64; 2] = [4, 2];

/// Whether small loops that have no second form make several turns before they jump back.
pub(crate) const PLAIN_UNROLL: bool = true;

/// So many, the first for which it is small enough.
pub(crate) const PLAIN_UNROLLED_TURNS: [usize; 2] = [4, 2];

/// Whether numbers that are read and extended are read as what they are extended to.
pub(crate) const WIDE_LOADS: bool = true;

/// Whether loops that test at their start test at their end too.
pub(crate) const ROTATE_LOOPS: bool = true;

/// Whether loops that do nothing but copy or fill become bulk operations.
pub(crate) const BULK_LOOPS: bool = true;

/// Turns from which on a bulk operation is worth its call.
pub(crate) const BULK_TURNS_MIN: i64 = 32;

/// What the code of a function is aligned to: a processor fetches a line of so many bytes at once. Small
/// loops and functions differ by a fifth in speed by where they lie in it.
pub(crate) const FUNCTION_ALIGNMENT: u32 = 64;

/// Whether bodies of small functions stand in place of calls.
pub(crate) const INLINE: bool = true;

/// Bytes of such a body, in modules that have no types of objects: compilers of C and Rust have done it already.
pub(crate) const INLINED_BODY_BYTES_MAX: usize = 48;

/// The same in modules that have: calls of accessors and constructors are many and small.
pub(crate) const INLINED_BODY_BYTES_MAX_OBJECTS: usize = 80;

/// Locals of such a body that are no parameters.
pub(crate) const INLINED_LOCALS_MAX: usize = 16;

/// How many times its own bytes a function may grow by such bodies, and what is always allowed.
pub(crate) const INLINED_TIMES_MAX: usize = 4;
pub(crate) const INLINED_BYTES_ALWAYS: usize = 256;

/// How often a body may stand in itself, where a profile says that it is worth it.
pub(crate) const INLINED_RECURSION_MAX: usize = 2;

/// What is always allowed where a profile says what is called often.
pub(crate) const GUIDED_BYTES_ALWAYS: usize = 1024;

/// Bytes of a body that a profile says is called often.
pub(crate) const INLINED_BODY_BYTES_MAX_HOT: usize = 160;

/// One call in so many of those of the function around it must have been of it.
pub(crate) const HOT_CALLS_SHARE: u32 = 2;

/// How many times as many bytes as those that the function calls itself they may have, with those inside them.
pub(crate) const INLINED_NESTED_TIMES: usize = 3;

/// Whether calls ask for the function that a profile says they call most.
pub(crate) const GUARDED_CALLS: bool = true;

/// Whether tests and casts ask for the type that a profile says they meet most.
pub(crate) const GUARDED_CASTS: bool = true;

/// How many of a hundred calls must go there, or casts meet it.
pub(crate) const GUARDED_PERCENT_MIN: u32 = 60;

/// From how many on others are put out of the way.
pub(crate) const SURE_PERCENT_MIN: u32 = 95;

/// Whether what has been read from objects, and found of them, is used again.
pub(crate) const FACTS: bool = true;

/// Whether ways that end with an exception or a trap are taken to be rare.
pub(crate) const FAILURES_ARE_RARE: bool = true;

/// Whether tests in a block that a loop begins with are repeated too.
pub(crate) const ROTATE_BLOCKS: bool = true;

/// Whether branches on what others have decided are taken there.
pub(crate) const THREAD_BRANCHES: bool = true;
