//! Why a guest's execution ended early: the specification's traps, and the engine's own.
//!
//! The texts are those of the specification's test suite, since people search for them.

use core::fmt;

macro_rules! trap_codes {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $text:literal;)*) => {
        /// Why a guest trapped: plain data, one byte, the same in every tier.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        #[non_exhaustive]
        pub enum TrapCode { $($(#[$doc])* $name = $number,)* }

        impl TrapCode {
            /// Every trap code.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The text of the specification's test suite for this trap.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

trap_codes! {
    /// `unreachable` was executed.
    Unreachable = 1, "unreachable";
    /// A memory access, or a bulk operation on a memory, left its bounds.
    MemoryOutOfBounds = 2, "out of bounds memory access";
    /// A table access, or a bulk operation on a table, left its bounds.
    TableOutOfBounds = 3, "out of bounds table access";
    /// `call_indirect` named an index beyond the table's end.
    UndefinedElement = 4, "undefined element";
    /// `call_indirect` found a null reference.
    UninitializedElement = 5, "uninitialized element";
    /// `call_indirect` found a function of another type.
    IndirectCallTypeMismatch = 6, "indirect call type mismatch";
    /// An integer division by zero.
    IntegerDivisionByZero = 7, "integer divide by zero";
    /// The quotient of `INT_MIN / -1`, or a float too large for the integer type.
    IntegerOverflow = 8, "integer overflow";
    /// NaN converted to an integer.
    InvalidConversionToInteger = 9, "invalid conversion to integer";
    /// The value stack's limit was reached.
    StackOverflow = 10, "call stack exhausted";
    /// The store's fuel is used up.
    OutOfFuel = 11, "all fuel consumed by WebAssembly";
    /// The guest was interrupted: an epoch deadline passed, or an interrupt handle was used.
    Interrupted = 12, "interrupted";
    /// A function's body is not valid; found at its first call, since validation was lazy.
    InvalidFunction = 13, "invalid function body";
    /// `ref.as_non_null` or a cast found null.
    NullReference = 14, "null reference";
    /// `call_ref` found null.
    NullFunctionReference = 15, "null function reference";
    /// An operator on a structure found null.
    NullStructureReference = 16, "null structure reference";
    /// An operator on an array found null.
    NullArrayReference = 17, "null array reference";
    /// `i31.get_s` or `i31.get_u` found null.
    NullI31Reference = 18, "null i31 reference";
    /// `throw_ref` found null.
    NullExceptionReference = 19, "null exception reference";
    /// An operator on an array left its bounds.
    ArrayOutOfBounds = 20, "out of bounds array access";
    /// `ref.cast` found something of another type.
    CastFailure = 21, "cast failure";
    /// The store's heap has no room for an object, and may not grow.
    OutOfHeap = 22, "all memory for objects is in use";
    /// The address of an atomic access is not a multiple of its width.
    UnalignedAtomic = 23, "unaligned atomic";
    /// `memory.atomic.wait` on a memory that is not shared.
    ExpectedSharedMemory = 24, "expected shared memory";
}

impl TrapCode {
    /// The trap code with this number, if there is one.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| *code as u8 == number)
    }
}

impl fmt::Display for TrapCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl core::error::Error for TrapCode {}
