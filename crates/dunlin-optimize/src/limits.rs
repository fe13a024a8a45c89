//! Bounds of what this tier takes on; beyond them functions run elsewhere.

/// Bytes of a function's body. The code generator's time and memory grow faster than the body: one
/// megabyte takes seconds and hundreds of megabytes; the largest that compilers of C and Rust made of
/// real programs is a third of this.
pub(crate) const BODY_BYTES_MAX: usize = 1 << 20;

/// Blocks that a function's body opens. Where tens of thousands of branches meet, the code generator's
/// time grows with their square: 12,000 take one second, 45,000 fourteen.
pub(crate) const BLOCKS_MAX: usize = 12_000;

/// Branches of a function's body, those of branch tables apart. Where many meet that bring different
/// values, the register allocator looks at all of them for each: 16,000 take two seconds, 40,000 eleven.
pub(crate) const BRANCHES_MAX: usize = 16_000;

/// Blocks that a function's body opens, times its locals: at each start of a loop, and where branches
/// meet, there may be a value of each local. 2,000 times 3,000 take three seconds.
pub(crate) const BLOCKS_TIMES_LOCALS_MAX: usize = 2 << 20;

/// Locals of a function: each block of the body may make a value of each.
pub(crate) const LOCALS_MAX: usize = 10_000;

/// Values that calls, blocks and branches of a function take and leave: a call of two bytes may leave a
/// thousand, and each takes half a kilobyte of the code generator's memory.
pub(crate) const VALUES_MAX: usize = 1 << 17;

/// Targets of a function's branch tables: each is a byte of the body, and half a kilobyte of memory.
pub(crate) const TARGETS_MAX: usize = 1 << 17;

/// Values that branches of a function may bring to where they meet: each takes a kilobyte of memory. The
/// largest function that we know of, an interpreter's loop, has half of this.
pub(crate) const BROUGHT_MAX: usize = 1 << 19;

/// Loops around a block up to which loops are looked at: our passes climb from inner loops to outer ones.
/// Compilers' code seldom has eight.
pub(crate) const LOOP_DEPTH_MAX: usize = 32;

/// Loops of a function that get a second form, in which their accesses are not checked one by one: each adds
/// up to as many instructions as it has, or those of several turns if they are few.
pub(crate) const STREAMED_LOOPS_MAX: usize = 128;

/// Instructions of a loop that gets a second form. Larger ones gain little by it.
pub(crate) const STREAMED_INSTRUCTIONS_MAX: usize = 256;

/// Instructions of a loop's second form, if it makes several turns between its tests. Larger ones gain nothing by
/// it: 64 are as fast as 32.
pub(crate) const UNROLLED_INSTRUCTIONS_MAX: usize = 32;

/// Loops of a function that make several turns before they jump back.
pub(crate) const UNROLLED_LOOPS_MAX: usize = 128;

/// Values that a loop which gets a second form passes on from turn to turn, or to what follows it: they are
/// looked up one by one.
pub(crate) const STREAMED_VALUES_MAX: usize = 128;

/// Steps into an expression that an address or a loop's end is computed by.
pub(crate) const EXPRESSION_DEPTH_MAX: u32 = 8;

/// Bytes of a loop before its first test, up to which they are translated again where it jumps back.
pub(crate) const ROTATED_BYTES_MAX: u64 = 32;

/// Jumps back to a loop that get its test.
pub(crate) const ROTATIONS_MAX: u32 = 2;

/// References that are live across calls, counted for each call: Cranelift looks at all of them at every call,
/// some three times a microsecond.
pub(crate) const MAPPED_MAX: usize = 4 << 20;

/// Bytes of bodies that stand in place of calls, in one function.
pub(crate) const INLINED_BYTES_MAX: usize = 16 << 10;

/// Values that such a body, what it calls, and its blocks take and leave.
pub(crate) const INLINED_VALUES_MAX: usize = 16;

/// How deep they stand in one another.
pub(crate) const INLINED_DEPTH_MAX: usize = 5;

/// How often tests are looked for that others have decided: those inside one another need a look each.
pub(crate) const THREAD_ROUNDS: usize = 4;

/// Steps of such a test before its branch.
pub(crate) const THREAD_STEPS_MAX: usize = 4;

/// Values that such a test hands on: each jump that becomes a test hands them on too.
pub(crate) const THREAD_VALUES_MAX: usize = 8;

/// Jumps of a function that become tests, or go where those go. Where many branches meet, the register allocator's
/// time grows with their square.
pub(crate) const THREADED_JUMPS_MAX: usize = 1 << 10;

/// Operands below a block that holds a loop which code leads into: each is read again behind every such block.
pub(crate) const ENTERED_OPERANDS_MAX: usize = 256;
