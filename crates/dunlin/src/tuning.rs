//! Knobs that change how fast modules are made ready, and never what they mean.

/// Bytes of a module from which on its machine code is kept in a cache. Compiling takes about a second a
/// megabyte, so this much takes some 4 ms; an entry is found, checked and placed in less than one.
pub(crate) const CACHED_MODULE_BYTES_MIN: usize = 4 << 10;

/// Bytes that modules are parts of for which it is kept which functions have been prepared. Finding an entry takes
/// some 40 µs and a third of a nanosecond for each byte; what it saves is some 7 ns for each byte that is executed, and
/// in a large module these are few.
pub(crate) const PREPARED_BYTES: core::ops::RangeInclusive<usize> = 16 << 10..=4 << 20;

/// Bytes of such an entry: it is read as a whole.
pub(crate) const PREPARED_ENTRY_BYTES_MAX: usize = 1 << 20;

/// How often the interpreter executes a function's body until the baseline compiler makes its code: that takes 40 to
/// 60 ns for a byte, and an execution of one then takes 1 ns less. `record/tier-up.md` has other values, between which little
/// changes but for programs that end at once.
pub(crate) const EXECUTIONS_UNTIL_WARM: u32 = 100;

/// The same for the functions that a module calls first: programs that end at once call no others, and what is made for them
/// takes a tenth of their time.
pub(crate) const EXECUTIONS_UNTIL_WARM_AT_FIRST: u32 = 400;

/// How many functions these are.
pub(crate) const FUNCTIONS_AT_FIRST: u32 = 400;

/// Bytes of a body that are executed besides until then: whatever its size, 10 µs go into making and publishing its code
/// and the ways out that this needs.
pub(crate) const BYTES_UNTIL_WARM: usize = 10_000;

/// How often that code executes it until its ways are observed, which makes its code a fifth larger: nine of ten
/// functions never get there.
pub(crate) const EXECUTIONS_UNTIL_OBSERVED: u32 = 1_000;

/// How often that code executes it until it is worth optimising: 1.2 µs for a byte, by a thread beside the guest, for
/// a fifth to a half of 0.2 ns.
pub(crate) const EXECUTIONS_UNTIL_HOT: u32 = 10_000;

/// How often a body is executed at least until it is looked again whether there is better code.
pub(crate) const EXECUTIONS_UNTIL_ASKED_AGAIN: u32 = 50;

/// Bytes that are executed until then: some 10 to 50 µs, of which asking takes a third of one.
pub(crate) const BYTES_UNTIL_ASKED_AGAIN: usize = 50_000;

/// Bytes of a body that the baseline compiler makes code of while the guest waits: some 300 µs.
pub(crate) const WARM_BYTES_AT_ONCE_MAX: usize = 4 << 10;

/// Bytes of its stack that the guest's thread must have left for that.
pub(crate) const WARM_STACK_BYTES_MIN: usize = 96 << 10;

/// Bytes of a module at most whose bodies are looked at for which tables they change, when a function is hot: 7 ns each.
pub(crate) const STATIC_TABLES_MODULE_BYTES_MAX: usize = 2 << 20;

/// Functions in such tables at most: each that has no code gets a way out.
pub(crate) const STATIC_TABLE_FUNCTIONS_MAX: usize = 2048;

/// Functions of a module that are compiled one after the other before another module's.
pub(crate) const FUNCTIONS_AT_A_TIME: usize = 32;

/// How long a thread that compiles waits for more, before it ends.
pub(crate) const COMPILER_IDLE_MAX: core::time::Duration = core::time::Duration::from_secs(2);

/// How often it looks then whether code that has been replaced is free, and how long it waits between.
pub(crate) const RECLAIMS_WHILE_IDLE: u32 = 20;

/// See [`RECLAIMS_WHILE_IDLE`].
pub(crate) const RECLAIM_PAUSE: core::time::Duration = core::time::Duration::from_millis(200);

/// Bytes of its stack.
pub(crate) const COMPILER_STACK_BYTES: usize = 4 << 20;

/// How long code that has been learned waits to be kept while there is always more to compile.
pub(crate) const UNKEPT_TIME_MAX: core::time::Duration = core::time::Duration::from_secs(15);
