//! What is known of registers, flags and a frame's memory at a place in the code.
//!
//! *Relations* between values ([`What::is_relation`]) name values by the instruction that made them. They hold only
//! where there is one way back to those instructions: where ways come together they are forgotten.

use dunlin_module::Builtin;
use std::collections::BTreeMap;

/// The instruction, or the start of a block, that made a value, and the register.
pub(crate) type Id = u64;

/// What is known of the 64 bits of a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// A number that is not greater, and not zero if it says so.
    Number {
        max: u64,
        nonzero: bool,
    },
    Const(u64),
    /// What a register held that is the caller's, and what `rbp` did.
    Caller(usize),
    CallerFrame,
    ReturnAddress,
    /// An address so far above the frame pointer.
    Frame(i32),
    /// Where the function's results go that have no register.
    Area,
    /// The context, and that of another instance, which is only handed on.
    Context,
    Foreign,
    Store,
    /// Arrays that the context leads to.
    Memories,
    Tables,
    Globals,
    TypeIds,
    Code,
    ImportCalls,
    Interrupts,
    PollPage,
    Tags,
    Budgets,
    Notes,
    MemoryDef(u32),
    Len(u32),
    Base(u32),
    TableDef(u32),
    TableBase(u32),
    GlobalCell,
    /// The elements of tables that never change, one of them, and the number of the code in it.
    Statics,
    StaticElement,
    StaticCode,
    /// The address of a pointer to code; that pointer, and its number in the array of code if it is from there.
    CodeCell,
    CodePtr(Option<u32>),
    /// A way into a loop of other code, from the VM.
    LoopCode,
    Builtin(Builtin),
    /// A reference times the bytes of a function's record, and the record.
    FuncOffset,
    FuncRecord,
    /// The records of types; an index that is less than there are, times their size, and one of them.
    Types,
    TypeIndex,
    TypeOffset,
    TypeRecord,
    /// The line of a type that is known to have so many places.
    Line(u32),
    LoopSlots,
    /// What a caught exception carries.
    Payload,
    Heap,
    /// An object by a reference, and how far something in it is from the heap's base.
    Object,
    HeapOffset,
    /// A byte that stands for a part of the heap.
    Card,
    /// An address in this function: one where ways into loops go on, or where a table of branches begins.
    Way,
    BranchTable(u32),
    /// An entry of such a table with at most this number, and what it leads to.
    BranchEntry {
        table: u32,
        most: u32,
    },
    BranchTarget {
        table: u32,
        most: u32,
    },
    /// A place in a memory that has so many bytes, or zero; one in an array, and one in a table.
    Masked {
        room: u64,
    },
    MaskedElement {
        stride: u32,
    },
    MaskedTableElement,

    // Relations.
    /// The sum of this value and a number; without overflow unless it says so.
    Reach {
        index: Id,
        bytes: u64,
        max: u64,
        wraps: bool,
    },
    /// A memory's base with this value and a number added.
    Address {
        memory: u32,
        index: Id,
        offset: u64,
    },
    /// The heap's base with this reference added; that with this value times a stride added.
    ObjectOf {
        array: Id,
    },
    Element {
        array: Id,
        index: Id,
        stride: u32,
    },
    TableElement {
        table: u32,
        index: Id,
    },
}

pub(crate) const ANY: What = What::Number { max: u64::MAX, nonzero: false };
pub(crate) const U32: What = What::Number { max: u32::MAX as u64, nonzero: false };

/// A number that is not greater.
pub(crate) const fn up_to(max: u64) -> What {
    What::Number { max, nonzero: false }
}

impl What {
    /// What it is not greater than, as a number.
    pub(crate) fn max(self) -> u64 {
        match self {
            Self::Number { max, .. } => max,
            Self::Const(value) => value,
            Self::Reach { max, wraps: false, .. } => max,
            Self::StaticCode => u32::MAX.into(),
            _ => u64::MAX,
        }
    }

    /// Whether it has 32 bits.
    pub(crate) fn is_narrow(self) -> bool {
        self.max() <= u32::MAX.into()
    }

    pub(crate) fn is_nonzero(self) -> bool {
        match self {
            Self::Number { nonzero, .. } => nonzero,
            Self::Const(value) => value != 0,
            _ => false,
        }
    }

    fn is_relation(self) -> bool {
        use What::{Address, Element, ObjectOf, Reach, TableElement};
        matches!(
            self,
            Reach { .. } | Address { .. } | ObjectOf { .. } | Element { .. } | TableElement { .. }
        )
    }

    /// Whether a frame is remembered to hold it.
    pub(crate) fn is_kept_in_frames(self) -> bool {
        use What::{Area, Caller, CallerFrame, Context, ReturnAddress};
        matches!(self, Caller(_) | CallerFrame | ReturnAddress | Area | Context)
    }

    /// Either of two. Numbers have few bounds, so that loops come to an end.
    pub(crate) fn join(self, other: Self) -> Self {
        if self == other {
            return self;
        }
        let nonzero = self.is_nonzero() && other.is_nonzero();
        let greatest = self.max().max(other.max());
        let bounds = [u8::MAX.into(), u16::MAX.into(), u32::MAX.into(), u64::MAX];
        let max = bounds.into_iter().find(|bound| *bound >= greatest).unwrap_or(u64::MAX);
        Self::Number { max, nonzero }
    }
}

/// What a register holds, and what made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Value {
    pub(crate) what: What,
    pub(crate) id: Id,
}

/// What the flags say: of the comparison that has made them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flags {
    Unknown,
    /// Of a sum: carry if it has wrapped.
    Sum(Id),
    /// Of a value with a number, as unsigned ones.
    Immediate(Id, u64),
    /// Of a value with zero; whether it is a constant that is not.
    Zero(Id, bool),
    /// Of the sum of a value and a number with a memory's length.
    Memory {
        memory: u32,
        index: Id,
        bytes: u64,
    },
    /// Of an index with an array's length, or a table's.
    Array {
        array: Id,
        index: Id,
    },
    Table {
        table: u32,
        index: Id,
    },
    /// Of a value with how many types there are.
    TypeCount(Id),
    /// Of the places of a line with a number.
    Line(u32),
}

/// What is known at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) regs: [Value; 16],
    pub(crate) flags: Flags,
    /// What the frame holds that matters, by its distance from the frame pointer.
    pub(crate) cells: BTreeMap<i32, What>,
}

impl State {
    /// Nothing is known, at the start of a block.
    pub(crate) fn unknown(block: u32) -> Self {
        let value = |reg| Value { what: ANY, id: id_of_block(block, reg) };
        let regs = core::array::from_fn(value);
        Self { regs, flags: Flags::Unknown, cells: BTreeMap::new() }
    }

    pub(crate) fn what(&self, reg: usize) -> What {
        self.regs[reg].what
    }

    pub(crate) fn set(&mut self, reg: usize, what: What, at: u32) {
        self.regs[reg] = Value { what, id: (u64::from(at) << 1 | 1) << 4 | reg as u64 };
    }

    /// Forgets relations, at the start of a block to which more than one way leads.
    pub(crate) fn settle(&mut self, block: u32) {
        self.flags = Flags::Unknown;
        for (reg, value) in self.regs.iter_mut().enumerate() {
            value.id = id_of_block(block, reg);
            if value.what.is_relation() {
                value.what = up_to(value.what.max());
            }
        }
    }

    /// Either of two that have been settled.
    pub(crate) fn join(&mut self, other: &Self) {
        for (value, other) in self.regs.iter_mut().zip(&other.regs) {
            value.what = value.what.join(other.what);
        }
        self.cells.retain(|at, what| other.cells.get(at) == Some(what));
    }

    /// Forgets what a part of the frame holds.
    pub(crate) fn forget_cells(&mut self, from: i32, to: i32) {
        self.cells.retain(|at, _| at + 8 <= from || *at >= to);
    }

    /// Values that are known to be something else from here on.
    pub(crate) fn refine(&mut self, id: Id, refined: impl Fn(What) -> What) {
        for value in self.regs.iter_mut().filter(|value| value.id == id) {
            value.what = refined(value.what);
        }
    }
}

fn id_of_block(block: u32, reg: usize) -> Id {
    u64::from(block) << 5 | reg as u64
}
