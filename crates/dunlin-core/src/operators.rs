//! Every operator, once, as rows of data; whatever is written per operator elsewhere (handlers,
//! decoders, printers, tables in documents) is derived from these rows by a macro.
//!
//! A macro `for_each_…_operator!(callback)` calls `callback! { rows }`; with further tokens,
//! `for_each_…_operator!(callback, tokens…)`, it calls `callback! { tokens… rows }`. The callback is a
//! path; the macros can stand where items, statements or expressions do. Rows of one macro have one
//! shape:
//!
//! | macro | prefix | row |
//! |---|---|---|
//! | [`for_each_numeric_operator`](crate::for_each_numeric_operator) | none | `0x6A I32Add "i32.add" i32_add (i32, i32) -> i32;`, and with ` traps` before the `;` for a function that returns `Result<_, TrapCode>` |
//! | [`for_each_saturating_operator`](crate::for_each_saturating_operator) | 0xFC | as above, never `traps` |
//! | [`for_each_simd_operator`](crate::for_each_simd_operator) | 0xFD | as above, never `traps` |
//! | [`for_each_relaxed_operator`](crate::for_each_relaxed_operator) | 0xFD | `0x100 I8x16RelaxedSwizzle "i8x16.relaxed_swizzle" i8x16_relaxed_swizzle (v128, v128) -> v128 relaxed;` |
//! | [`for_each_wide_operator`](crate::for_each_wide_operator) | 0xFC | `0x13 I64Add128 "i64.add128" i64_add128 (i64, i64, i64, i64) -> i64 twice;` |
//! | [`for_each_simd_lane_operator`](crate::for_each_simd_lane_operator) | 0xFD | `0x17 I8x16ReplaceLane "i8x16.replace_lane" i8x16_replace_lane (v128, i32) -> v128 lanes 16;` |
//! | [`for_each_simd_shuffle_operator`](crate::for_each_simd_shuffle_operator) | 0xFD | `0x0D I8x16Shuffle "i8x16.shuffle" i8x16_shuffle (v128, v128) -> v128 shuffle;` |
//! | [`for_each_load_operator`](crate::for_each_load_operator) | none | `0x2C I32Load8S "i32.load8_s" i32_load8_s (u8) -> i32 bytes 1;` |
//! | [`for_each_simd_load_operator`](crate::for_each_simd_load_operator) | 0xFD | `0x07 V128Load8Splat "v128.load8_splat" v128_load8_splat (u8) -> v128 bytes 1;` |
//! | [`for_each_store_operator`](crate::for_each_store_operator) | none | `0x3A I32Store8 "i32.store8" i32_store8 (i32) -> u8 bytes 1;` |
//! | [`for_each_simd_store_operator`](crate::for_each_simd_store_operator) | 0xFD | `0x0B V128Store "v128.store" v128_store (v128) -> u128 bytes 16;` |
//! | [`for_each_simd_lane_load_operator`](crate::for_each_simd_lane_load_operator) | 0xFD | `0x54 V128Load8Lane "v128.load8_lane" v128_load8_lane (u8, v128) -> v128 bytes 1 lanes 16;` |
//! | [`for_each_simd_lane_store_operator`](crate::for_each_simd_lane_store_operator) | 0xFD | `0x58 V128Store8Lane "v128.store8_lane" v128_store8_lane (v128) -> u8 bytes 1 lanes 16;` |
//! | [`for_each_plain_operator`](crate::for_each_plain_operator) | none | `0x0C Br "br" label;`, and with the notes ` free`, ` traps` or both before the `;` |
//! | [`for_each_bulk_operator`](crate::for_each_bulk_operator) | 0xFC | as above, never `free` |
//! | [`for_each_gc_operator`](crate::for_each_gc_operator) | 0xFB | as above |
//! | [`for_each_simd_plain_operator`](crate::for_each_simd_plain_operator) | 0xFD | as above, without notes |
//! | [`for_each_atomic_plain_operator`](crate::for_each_atomic_plain_operator) | 0xFE | as above, without notes |
//! | [`for_each_wait_operator`](crate::for_each_wait_operator) | 0xFE | `0x00 MemoryAtomicNotify "memory.atomic.notify" none bytes 4;` |
//! | [`for_each_atomic_load_operator`](crate::for_each_atomic_load_operator) | 0xFE | `0x10 I32AtomicLoad "i32.atomic.load" i32_load (u32) -> i32 bytes 4;` |
//! | [`for_each_atomic_store_operator`](crate::for_each_atomic_store_operator) | 0xFE | `0x17 I32AtomicStore "i32.atomic.store" i32_store (i32) -> u32 bytes 4;` |
//! | [`for_each_atomic_rmw_operator`](crate::for_each_atomic_rmw_operator) | 0xFE | `0x1E I32AtomicRmwAdd "i32.atomic.rmw.add" i32_rmw_add (u32, i32) -> u32 bytes 4;` |
//! | [`for_each_atomic_cmpxchg_operator`](crate::for_each_atomic_cmpxchg_operator) | 0xFE | `0x48 I32AtomicRmwCmpxchg "i32.atomic.rmw.cmpxchg" i32_rmw_cmpxchg (u32, i32, i32) -> u32 bytes 4;` |
//!
//! The tokens of a row:
//!
//! * The code is a literal: the opcode's byte, or the number after the prefix byte, LEB128 in a body.
//! * The name is the variant of [`Operator`], the text is the specification's.
//! * The function is in [`numeric`](crate::numeric). Its arguments are the operands in the order they
//!   were pushed (for a lane load the raw bits come first, in place of the address), and then the
//!   immediate if there is one: a lane index `u8` where the row says `lanes`, `[u8; 16]` where it
//!   says `shuffle`. Where the row says `relaxed`, the last argument is the
//!   [`Relaxed`](crate::numeric::Relaxed) that the engine has chosen.
//! * `twice`: the operator has two results of the row's type, and the function returns a pair of them,
//!   the first of which is pushed first.
//! * Types are written `i32`, `i64`, `f32`, `f64` and `v128`, the last being
//!   [`V128`](crate::V128); raw bits of a memory access `u8` to `u128`. A load's raw bits are its
//!   `bytes`, read as a little-endian integer of that width; a store's result is written so. What an operator
//!   that reads, modifies and writes makes of its raw bits takes their place; they are its result, zero-extended.
//! * The immediates of a row without function are a word: `none`, `block_type`, `label`,
//!   `label_table`, `func`, `type`, `type_table` (a type index, then a table index), `type_type`,
//!   `type_field`, `type_count`, `type_data`, `type_element` (likewise), `val_types`, `heap_type`,
//!   `non_null`, `nullable` (a heap type), `label_cast` (flags, a label, two heap types), `local`, `global`,
//!   `tag`, `catches` (a block type, then clauses), `table`, `memory`, `data`, `element`, `data_memory` (a data index, then a
//!   memory index), `element_table`, `memory_memory` and `table_table` (destination, then source),
//!   `const_i32`, `const_i64`, `const_f32`, `const_f64`, `const_v128`, `reserved` (a zero byte). Rows with
//!   `bytes` have a memory argument (alignment and offset), before their lane index if they have one.
//! * `traps`: the operator itself may trap for a reason that the specification names. Rows with
//!   `bytes` trap as well. Calls run out of stack, which is not counted here.
//! * `free`: executing the operator uses no fuel.

mod atomic_rows;
mod fused_rows;
mod rows;
mod simd_rows;

/// The prefixes as the rows' groups name them.
const NO_PREFIX: Option<u8> = None;
const PREFIX_FB: Option<u8> = Some(0xFB);
const PREFIX_FC: Option<u8> = Some(0xFC);
const PREFIX_FD: Option<u8> = Some(0xFD);
const PREFIX_FE: Option<u8> = Some(0xFE);

/// Joins the rows of every macro, each group behind its prefix, and gives them to `derive_operators`.
/// The state is: the groups so far, the prefix of the rows that follow, the macros still to call.
macro_rules! join_rows {
    ([$($done:tt)*] $prefix:ident [$next_prefix:ident $next:ident $($rest:tt)*] $($rows:tt)*) => {
        crate::$next! { join_rows, [$($done)* $prefix { $($rows)* }] $next_prefix [$($rest)*] }
    };
    ([$($done:tt)*] $prefix:ident [] $($rows:tt)*) => {
        derive_operators! { $($done)* $prefix { $($rows)* } }
    };
}

/// Whether a note of a row says that the operator may trap.
macro_rules! note_traps {
    (traps) => {
        true
    };
    (bytes) => {
        true
    };
    ($other:ident) => {
        false
    };
}

/// Whether a note of a row says that the operator uses no fuel.
macro_rules! note_is_free {
    (free) => {
        true
    };
    ($other:ident) => {
        false
    };
}

/// Whether a note is the one that is asked for.
macro_rules! note_is {
    (bytes bytes) => {
        true
    };
    (lanes lanes) => {
        true
    };
    (shuffle shuffle) => {
        true
    };
    ($asked:ident $other:ident) => {
        false
    };
}

/// The number of bytes that a note says, or 0.
macro_rules! note_bytes {
    (bytes $number:literal) => {
        $number
    };
    ($($other:tt)*) => {
        0
    };
}

macro_rules! derive_operators {
    ($($prefix:ident {$(
        $code:literal $name:ident $text:literal
        $word:ident $(($($param:ident),*) -> $result:ident)? $($note:ident $($number:literal)?)*;
    )*})*) => {
        /// An operator of WebAssembly, without its immediates.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u16)]
        pub enum Operator {$($(
            #[doc = concat!("`", $text, "`")]
            $name,
        )*)*}

        impl Operator {
            /// Every operator, in the order of the rows: an operator stands at its own number.
            pub const ALL: &'static [Self] = &[$($(Self::$name,)*)*];

            /// One row an operator, in the order of [`ALL`](Self::ALL).
            const ROWS: &'static [Row] = &[$($(
                Row {
                    shape: shape(
                        stringify!($word),
                        [
                            false $(|| note_is!(bytes $note))*,
                            false $(|| note_is!(lanes $note))*,
                            false $(|| note_is!(shuffle $note))*,
                        ],
                    ),
                    access_bytes: 0 $(+ note_bytes!($note $($number)?))*,
                    prefix: $prefix,
                    code: $code,
                    traps: false $(|| note_traps!($note))*,
                    fuel_cost: if false $(|| note_is_free!($note))* { 0 } else { 1 },
                },
            )*)*];

            /// The operators' texts, one behind the other.
            const TEXTS: &'static str = concat!($($($text,)*)*);

            /// Where each text begins.
            const STARTS: [u16; Self::ALL.len() + 1] = starts(&[$($($text,)*)*]);

            /// The operator with this code, behind this prefix byte.
            #[must_use]
            pub const fn from_code(prefix: Option<u8>, code: u32) -> Option<Self> {
                match (prefix, code) {
                    $($(($prefix, $code) => Some(Self::$name),)*)*
                    _ => None,
                }
            }
        }
    };
}

/// Where each of these texts begins when they lie one behind the other, and where the last one ends.
const fn starts<const N: usize>(texts: &[&str]) -> [u16; N] {
    let mut starts = [0; N];
    let mut at = 0;
    while at < texts.len() {
        starts[at + 1] = starts[at] + texts[at].len() as u16;
        at += 1;
    }
    starts
}

/// Which immediates an operator has. A number and no slice of them, as texts are offsets and no slices:
/// every start of a program writes the pointers of its tables, whether or not somebody reads them.
#[derive(Clone, Copy)]
enum Shape {
    None,
    BlockType,
    Label,
    LabelTable,
    Func,
    Type,
    TypeTable,
    TypeType,
    TypeField,
    TypeCount,
    TypeData,
    TypeElement,
    ValTypes,
    HeapType,
    NonNull,
    Nullable,
    LabelCast,
    Local,
    Global,
    Tag,
    Catches,
    Table,
    Memory,
    Data,
    Element,
    DataMemory,
    ElementTable,
    MemoryMemory,
    TableTable,
    ConstI32,
    ConstI64,
    ConstF32,
    ConstF64,
    ConstV128,
    Reserved,
    Access,
    AccessLane,
    Lane,
    Shuffle,
}

/// The shape that a row says by its word, or by its notes `bytes`, `lanes` and `shuffle` if the word is its
/// function's name.
const fn shape(word: &str, notes: [bool; 3]) -> Shape {
    match (word.as_bytes(), notes) {
        (_, [true, true, _]) => Shape::AccessLane,
        (_, [true, ..]) => Shape::Access,
        (_, [_, true, _]) => Shape::Lane,
        (_, [.., true]) => Shape::Shuffle,
        (b"block_type", _) => Shape::BlockType,
        (b"label", _) => Shape::Label,
        (b"label_table", _) => Shape::LabelTable,
        (b"func", _) => Shape::Func,
        (b"type", _) => Shape::Type,
        (b"type_table", _) => Shape::TypeTable,
        (b"type_type", _) => Shape::TypeType,
        (b"type_field", _) => Shape::TypeField,
        (b"type_count", _) => Shape::TypeCount,
        (b"type_data", _) => Shape::TypeData,
        (b"type_element", _) => Shape::TypeElement,
        (b"non_null", _) => Shape::NonNull,
        (b"nullable", _) => Shape::Nullable,
        (b"label_cast", _) => Shape::LabelCast,
        (b"val_types", _) => Shape::ValTypes,
        (b"heap_type", _) => Shape::HeapType,
        (b"local", _) => Shape::Local,
        (b"global", _) => Shape::Global,
        (b"tag", _) => Shape::Tag,
        (b"catches", _) => Shape::Catches,
        (b"table", _) => Shape::Table,
        (b"memory", _) => Shape::Memory,
        (b"data", _) => Shape::Data,
        (b"element", _) => Shape::Element,
        (b"data_memory", _) => Shape::DataMemory,
        (b"element_table", _) => Shape::ElementTable,
        (b"memory_memory", _) => Shape::MemoryMemory,
        (b"table_table", _) => Shape::TableTable,
        (b"const_i32", _) => Shape::ConstI32,
        (b"const_i64", _) => Shape::ConstI64,
        (b"const_f32", _) => Shape::ConstF32,
        (b"const_f64", _) => Shape::ConstF64,
        (b"const_v128", _) => Shape::ConstV128,
        (b"reserved", _) => Shape::Reserved,
        _ => Shape::None,
    }
}

/// What a row says about an operator, as values.
struct Row {
    shape: Shape,
    access_bytes: u8,
    prefix: Option<u8>,
    code: u16,
    traps: bool,
    fuel_cost: u8,
}

crate::for_each_plain_operator! { join_rows,
    [] NO_PREFIX [
        NO_PREFIX for_each_load_operator
        NO_PREFIX for_each_store_operator
        NO_PREFIX for_each_numeric_operator
        PREFIX_FC for_each_saturating_operator
        PREFIX_FC for_each_bulk_operator
        PREFIX_FC for_each_wide_operator
        PREFIX_FB for_each_gc_operator
        PREFIX_FD for_each_simd_plain_operator
        PREFIX_FD for_each_simd_load_operator
        PREFIX_FD for_each_simd_store_operator
        PREFIX_FD for_each_simd_lane_load_operator
        PREFIX_FD for_each_simd_lane_store_operator
        PREFIX_FD for_each_simd_lane_operator
        PREFIX_FD for_each_simd_shuffle_operator
        PREFIX_FD for_each_simd_operator
        PREFIX_FD for_each_relaxed_operator
        PREFIX_FE for_each_atomic_plain_operator
        PREFIX_FE for_each_wait_operator
        PREFIX_FE for_each_atomic_load_operator
        PREFIX_FE for_each_atomic_store_operator
        PREFIX_FE for_each_atomic_rmw_operator
        PREFIX_FE for_each_atomic_cmpxchg_operator
    ]
}

impl Operator {
    const fn row(self) -> &'static Row {
        &Self::ROWS[self as usize]
    }

    /// The operator's text in the text format.
    #[must_use]
    pub const fn mnemonic(self) -> &'static str {
        let starts = &Self::STARTS;
        let (start, end) = (starts[self as usize] as usize, starts[self as usize + 1] as usize);
        let (until, _) = Self::TEXTS.split_at(end);
        until.split_at(start).1
    }

    /// The byte before the operator's code, if there is one.
    #[must_use]
    pub const fn prefix(self) -> Option<u8> {
        self.row().prefix
    }

    /// The operator's code: its byte, or the number after its prefix byte.
    #[must_use]
    pub const fn code(self) -> u32 {
        self.row().code as u32
    }

    /// Whether the operator itself may trap; running out of stack or fuel is not counted.
    #[must_use]
    pub const fn traps(self) -> bool {
        self.row().traps
    }

    /// What stands behind the operator's code, in order.
    #[must_use]
    pub fn immediates(self) -> &'static [Immediate] {
        use Immediate as I;
        match self.row().shape {
            Shape::None => &[],
            Shape::BlockType => &[I::BlockType],
            Shape::Label => &[I::Label],
            Shape::LabelTable => &[I::LabelTable],
            Shape::Func => &[I::Func],
            Shape::Type => &[I::Type],
            Shape::TypeTable => &[I::Type, I::Table],
            Shape::TypeType => &[I::Type, I::Type],
            Shape::TypeField => &[I::Type, I::Field],
            Shape::TypeCount => &[I::Type, I::Count],
            Shape::TypeData => &[I::Type, I::Data],
            Shape::TypeElement => &[I::Type, I::Element],
            Shape::NonNull => &[I::NonNull],
            Shape::Nullable => &[I::Nullable],
            Shape::LabelCast => &[I::Cast],
            Shape::ValTypes => &[I::ValTypes],
            Shape::HeapType => &[I::HeapType],
            Shape::Local => &[I::Local],
            Shape::Global => &[I::Global],
            Shape::Tag => &[I::Tag],
            Shape::Catches => &[I::BlockType, I::Catches],
            Shape::Table => &[I::Table],
            Shape::Memory => &[I::Memory],
            Shape::Data => &[I::Data],
            Shape::Element => &[I::Element],
            Shape::DataMemory => &[I::Data, I::Memory],
            Shape::ElementTable => &[I::Element, I::Table],
            Shape::MemoryMemory => &[I::Memory, I::Memory],
            Shape::TableTable => &[I::Table, I::Table],
            Shape::ConstI32 => &[I::ConstI32],
            Shape::ConstI64 => &[I::ConstI64],
            Shape::ConstF32 => &[I::ConstF32],
            Shape::ConstF64 => &[I::ConstF64],
            Shape::ConstV128 => &[I::ConstV128],
            Shape::Reserved => &[I::Reserved],
            Shape::Access => &[I::MemoryArgument],
            Shape::AccessLane => &[I::MemoryArgument, I::Lane],
            Shape::Lane => &[I::Lane],
            Shape::Shuffle => &[I::Shuffle],
        }
    }

    /// Bytes of memory that the operator reads or writes, if it is a load or a store.
    #[must_use]
    pub fn access_bytes(self) -> Option<u8> {
        let bytes = self.row().access_bytes;
        (bytes != 0).then_some(bytes)
    }

    /// Units of fuel that executing the operator uses: 0 for those that only give structure
    /// (`nop`, `block`, `loop`, `else`, `end`, `drop`, `unreachable`, `return`, and those that begin and end
    /// blocks which catch), otherwise 1.
    #[must_use]
    pub const fn fuel_cost(self) -> u32 {
        self.row().fuel_cost as u32
    }
}

/// What stands behind an operator's code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Immediate {
    /// A block's type.
    BlockType,
    /// The depth of a label.
    Label,
    /// Depths of labels: a number of them, and one more.
    LabelTable,
    /// A function's index.
    Func,
    /// A type's index.
    Type,
    /// A table's index.
    Table,
    /// A memory's index.
    Memory,
    /// A data segment's index.
    Data,
    /// An element segment's index.
    Element,
    /// A local's index.
    Local,
    /// A global's index.
    Global,
    /// A tag's index.
    Tag,
    /// Clauses of a `try_table`: a number of them, and then each one's kind, tag (if it has one) and label.
    Catches,
    /// A structure's field.
    Field,
    /// A number of operands.
    Count,
    /// A heap type, of references that are never null.
    NonNull,
    /// A heap type, of references that may be null.
    Nullable,
    /// Which of two heap types have null, the depth of a label, and the types.
    Cast,
    /// Types of values: a number of them, and then they.
    ValTypes,
    /// A heap type.
    HeapType,
    /// A constant, LEB128.
    ConstI32,
    /// A constant, LEB128.
    ConstI64,
    /// A constant's 4 bytes.
    ConstF32,
    /// A constant's 8 bytes.
    ConstF64,
    /// A constant's 16 bytes.
    ConstV128,
    /// Alignment, memory and offset.
    MemoryArgument,
    /// A lane's index: a byte.
    Lane,
    /// The 16 bytes of a shuffle.
    Shuffle,
    /// A byte that is zero.
    Reserved,
}

impl core::fmt::Display for Operator {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.mnemonic())
    }
}
