//! Knobs that change how fast modules are made ready, and never what they mean.

/// Bytes of a module from which on its machine code is kept in a cache. Compiling takes about a second a
/// megabyte, so this much takes some 4 ms; an entry is found, checked and placed in less than one.
pub(crate) const CACHED_MODULE_BYTES_MIN: usize = 4 << 10;

/// How often the interpreter executes a function's body until it is worth compiling. The optimiser takes 1.2 µs for a
/// byte, and an execution of an operator, of two bytes, then takes 0.8 ns less: it pays for itself after 3,000. It works
/// beside the guest, though, and what has been executed a few hundred times will mostly be executed thousands of times.
pub(crate) const EXECUTIONS_UNTIL_HOT: u32 = 400;

/// Functions of a module that are compiled one after the other before another module's.
pub(crate) const FUNCTIONS_AT_A_TIME: usize = 32;

/// How long a thread that compiles waits for more, before it ends.
pub(crate) const COMPILER_IDLE_MAX: core::time::Duration = core::time::Duration::from_secs(2);

/// Bytes of its stack.
pub(crate) const COMPILER_STACK_BYTES: usize = 4 << 20;

/// How long code that has been learned waits to be kept while there is always more to compile.
pub(crate) const UNKEPT_TIME_MAX: core::time::Duration = core::time::Duration::from_secs(15);
