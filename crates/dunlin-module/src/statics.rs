//! Tables that never change: what stands in them is known before there is an instance.
//!
//! 1. A table is a candidate if the module defines it, exports it nowhere, and initialises it by active
//!    segments at constant places within its first size, with references to functions of its own.
//! 2. One pass over all bodies strikes out those that an operator may change. `table.get` may stay.
//!
//! A module that writes into an imported table has none: if its instantiation fails half-way, others may
//! call its functions before its own tables are written.
//!
//! The file behind a module may change between two readings: compiled code must be made with the same
//! answer throughout.

mod views;

pub use views::{Target, TargetView, targets};

use crate::{
    ConstOp, ConstRange, ElementItem, ElementMode, ElementSegment, ExternIdx, Invalid, Module,
};
use alloc::vec::Vec;
use dunlin_core::canon::Canon;
use wasmparser::Operator as Decoded;

/// Elements of all a module's tables that are worth a copy of their own.
const ELEMENTS_MAX: u64 = 1 << 16;

/// Bytes of an element as [`StaticTables::to_bytes`] writes it: type, then function, 32 bits each.
pub const STATIC_ELEMENT_BYTES: usize = 8;

/// The type of an element that is null.
const NO_TYPE: u32 = u32::MAX;

/// A module's tables that never change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StaticTables {
    /// By table: where its elements begin, and how many there are.
    tables: Vec<Option<(u32, u32)>>,
    /// Types and functions of all elements.
    elements: Vec<(u32, u32)>,
    /// By type: a number that equal ones have in common.
    same_types: Vec<u32>,
    /// What calls through them read, by tables and numbers of types.
    views: Vec<views::View>,
}

impl StaticTables {
    /// The tables of a module that never change.
    #[must_use]
    pub fn of(module: &Module) -> Self {
        let mut found = Self::default();
        let mut candidates = candidates(module);
        if candidates.iter().any(|is_candidate| *is_candidate) {
            strike_changed(module, &mut candidates);
        }
        if !candidates.iter().any(|is_candidate| *is_candidate) {
            return found;
        }
        found.same_types = same_types(module);
        for (table, is_candidate) in candidates.iter().enumerate() {
            let so_far = found.elements.len() as u64;
            let fits = so_far + module.table_type(table as u32).min <= ELEMENTS_MAX;
            let is_static = *is_candidate && fits;
            let elements = is_static.then(|| found.elements(module, table as u32)).flatten();
            // Code that looks into a table of none would need elements of which there are none.
            let elements = elements.filter(|elements| !elements.is_empty());
            found.tables.push(elements.map(|elements| {
                let start = found.elements.len() as u32;
                found.elements.extend(&elements);
                (start, elements.len() as u32)
            }));
        }
        found.views = views::of(&found.tables, &found.elements);
        found
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.elements.is_empty()
    }

    /// Where the table's elements begin among all, and how many there are; `None` if it may change.
    #[must_use]
    pub fn table(&self, index: u32) -> Option<(u32, u32)> {
        self.tables.get(index as usize).copied().flatten()
    }

    /// The functions in them, ascending and each once: all need code or a way out where code calls through them.
    #[must_use]
    pub fn functions(&self) -> Vec<u32> {
        let has_func = |element: &&(u32, u32)| element.0 != NO_TYPE;
        let mut functions: Vec<u32> =
            self.elements.iter().filter(has_func).map(|(_, func)| *func).collect();
        functions.sort_unstable();
        functions.dedup();
        functions
    }

    /// The number by which elements of this type are known.
    #[must_use]
    pub fn type_number(&self, ty: u32) -> u32 {
        self.same_types[ty as usize]
    }

    /// The pointers that a call through a table as a function of this type reads; `None` if it has none, and looks
    /// at the element.
    #[must_use]
    pub fn view(&self, table: u32, ty: u32) -> Option<TargetView> {
        views::find(&self.views, table, *self.same_types.get(ty as usize)?)
    }

    /// Where a function stands in a table, if that is one place.
    #[must_use]
    pub fn only_place(&self, table: u32, func: u32) -> Option<u32> {
        let (start, count) = self.table(table)?;
        let elements = &self.elements[start as usize..][..count as usize];
        let is_it = |element: &(u32, u32)| element.0 != NO_TYPE && element.1 == func;
        let mut places = elements.iter().enumerate().filter(|(_, element)| is_it(element));
        let (place, _) = places.next()?;
        places.next().is_none().then_some(place as u32)
    }

    /// The elements as compiled code reads them, where null has a type that no other has; behind them what
    /// [`targets`] reads.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let elements = self.elements.iter().flat_map(|(ty, func)| [*ty, *func]);
        let mut bytes: Vec<u8> = elements.flat_map(u32::to_le_bytes).collect();
        views::write(&self.views, self.elements.len(), &mut bytes);
        bytes
    }

    /// What the segments write into a table, if they say so without an instance.
    fn elements(&self, module: &Module, table: u32) -> Option<Vec<(u32, u32)>> {
        let mut elements = alloc::vec![(NO_TYPE, 0); module.table_type(table).min as usize];
        for segment in module.elements() {
            let ElementMode::Active { table: of, offset } = segment.mode else { continue };
            if of != table {
                continue;
            }
            let start = constant(module, offset)?;
            let end = start.checked_add(u64::from(segment.count))?;
            let place = elements.get_mut(start as usize..usize::try_from(end).ok()?)?;
            let mut at = 0;
            let written = module.element_items::<Invalid>(segment, |item| {
                place[at] = self.element(module, item)?;
                at += 1;
                Ok(())
            });
            written.ok()?;
        }
        Some(elements)
    }

    /// An item as an element; an error where it is not known, or is a function of another module.
    fn element(&self, module: &Module, item: ElementItem) -> Result<(u32, u32), Invalid> {
        let func = match item {
            ElementItem::Func(func) => Some(func),
            ElementItem::Expr(expr) => match only_op(module, expr) {
                Some(ConstOp::RefFunc(func)) => Some(func),
                Some(ConstOp::RefNull(_)) => None,
                _ => return Err(Invalid::new("not constant", 0)),
            },
        };
        match func {
            None => Ok((NO_TYPE, 0)),
            Some(func) if func < module.func_imports() => Err(Invalid::new("imported", 0)),
            Some(func) => Ok((self.type_number(module.func_type_index(func)), func)),
        }
    }
}

/// The tables that nobody outside can reach.
fn candidates(module: &Module) -> Vec<bool> {
    let imports = module.table_imports();
    let count = imports + module.tables().len();
    let into_imported = |segment: &ElementSegment| matches!(segment.mode, ElementMode::Active { table, .. } if (table as usize) < imports);
    // A comparison of numbers says nothing of a function whose type is below the one that is asked for.
    let has_subtypes = module.types().iter().any(|ty| !ty.is_final || ty.supertype.is_some());
    if has_subtypes || module.elements().iter().any(into_imported) {
        return alloc::vec![false; count];
    }
    let is_small = |table: usize| module.table_type(table as u32).min <= ELEMENTS_MAX;
    let begins_null = |table: usize| module.tables()[table - imports].init.is_none();
    let mut candidates: Vec<bool> =
        (0..count).map(|table| table >= imports && is_small(table) && begins_null(table)).collect();
    for export in module.exports() {
        if let ExternIdx::Table(table) = export.item {
            candidates[table as usize] = false;
        }
    }
    candidates
}

/// Strikes out what an operator of the module may change; everything where a body does not decode.
fn strike_changed(module: &Module, candidates: &mut [bool]) {
    let mut strike = |table: u32| {
        if let Some(candidate) = candidates.get_mut(table as usize) {
            *candidate = false;
        }
    };
    for func in module.func_imports()..module.func_count() {
        let Some(range) = module.body_range(func) else { continue };
        let mut skim = Skim { bytes: &module.bytes()[range], at: 0 };
        if skim.body(&mut strike).is_none() && !strike_in_body(module, func, &mut strike) {
            return candidates.fill(false);
        }
    }
}

/// Tells of the tables that a body changes, whatever is in it; whether it decodes.
fn strike_in_body(module: &Module, func: u32, strike: &mut impl FnMut(u32)) -> bool {
    let Some(Ok(operators)) = module.body(func).map(|body| body.get_operators_reader()) else {
        return false;
    };
    for operator in operators {
        match operator {
            Ok(
                Decoded::TableSet { table }
                | Decoded::TableGrow { table }
                | Decoded::TableFill { table }
                | Decoded::TableInit { table, .. }
                | Decoded::TableCopy { dst_table: table, .. },
            ) => strike(table),
            Ok(_) => {}
            Err(_) => return false,
        }
    }
    true
}

/// What stands behind an opcode.
#[derive(Clone, Copy)]
enum Shape {
    Unknown,
    None,
    /// One number, or two.
    One,
    Two,
    Access,
    Type,
    Labels,
    Bytes(usize),
    /// The index of a table that changes: alone, before another number, or behind one.
    Changed,
    ChangedFirst,
    ChangedLast,
    /// Another opcode.
    Prefix,
}

macro_rules! shape {
    (TableSet $immediates:ident) => {
        Shape::Changed
    };
    (TableGrow $immediates:ident) => {
        Shape::Changed
    };
    (TableFill $immediates:ident) => {
        Shape::Changed
    };
    (TableCopy $immediates:ident) => {
        Shape::ChangedFirst
    };
    (TableInit $immediates:ident) => {
        Shape::ChangedLast
    };
    ($name:ident none) => {
        Shape::None
    };
    ($name:ident block_type) => {
        Shape::Type
    };
    ($name:ident heap_type) => {
        Shape::Type
    };
    ($name:ident label) => {
        Shape::One
    };
    ($name:ident func) => {
        Shape::One
    };
    ($name:ident type) => {
        Shape::One
    };
    ($name:ident tag) => {
        Shape::One
    };
    ($name:ident local) => {
        Shape::One
    };
    ($name:ident global) => {
        Shape::One
    };
    ($name:ident table) => {
        Shape::One
    };
    ($name:ident data) => {
        Shape::One
    };
    ($name:ident element) => {
        Shape::One
    };
    ($name:ident memory) => {
        Shape::One
    };
    ($name:ident const_i32) => {
        Shape::One
    };
    ($name:ident const_i64) => {
        Shape::One
    };
    ($name:ident const_f32) => {
        Shape::Bytes(4)
    };
    ($name:ident const_f64) => {
        Shape::Bytes(8)
    };
    ($name:ident type_table) => {
        Shape::Two
    };
    ($name:ident data_memory) => {
        Shape::Two
    };
    ($name:ident memory_memory) => {
        Shape::Two
    };
    ($name:ident label_table) => {
        Shape::Labels
    };
    ($name:ident $immediates:ident) => {
        Shape::Unknown
    };
}

macro_rules! shapes {
    ($into:ident $($code:literal $name:ident $text:literal $immediates:ident $($notes:ident)*;)*) => {
        $($into[$code] = shape!($name $immediates);)*
    };
}

macro_rules! numeric_shapes {
    ($into:ident $($code:literal $name:ident $text:literal $function:ident
        ($($operand:ident),*) -> $result:ident $($traps:ident)?;)*) => {
        $($into[$code] = Shape::None;)*
    };
}

macro_rules! access_shapes {
    ($into:ident $($code:literal $name:ident $text:literal $function:ident
        ($($operand:ident),*) -> $result:ident bytes $bytes:literal;)*) => {
        $($into[$code] = Shape::Access;)*
    };
}

/// By opcode: operators behind no prefix.
static PLAIN: [Shape; 256] = {
    let mut shapes = [Shape::Unknown; 256];
    dunlin_core::for_each_plain_operator!(shapes, shapes);
    dunlin_core::for_each_numeric_operator!(numeric_shapes, shapes);
    dunlin_core::for_each_load_operator!(access_shapes, shapes);
    dunlin_core::for_each_store_operator!(access_shapes, shapes);
    shapes[PREFIX_FC as usize] = Shape::Prefix;
    shapes
};

/// The prefix of those on whole memories and tables.
const PREFIX_FC: u8 = 0xFC;

/// By opcode: operators behind it.
static PREFIXED: [Shape; 32] = {
    let mut shapes = [Shape::Unknown; 32];
    dunlin_core::for_each_saturating_operator!(numeric_shapes, shapes);
    dunlin_core::for_each_bulk_operator!(shapes, shapes);
    shapes
};

/// Goes over the operators that most bodies consist of, and looks only for what changes tables.
struct Skim<'m> {
    bytes: &'m [u8],
    at: usize,
}

impl Skim<'_> {
    /// Tells of the tables that a body changes; `None` if there is something in it that is not known here. It may have
    /// told of some by then.
    fn body(&mut self, strike: &mut impl FnMut(u32)) -> Option<()> {
        for _ in 0..self.number()? {
            self.number()?;
            // Types of one byte.
            self.byte().filter(|ty| *ty >= 0x6F)?;
        }
        while self.at < self.bytes.len() {
            self.operator(strike)?;
        }
        Some(())
    }

    #[inline(always)]
    fn operator(&mut self, strike: &mut impl FnMut(u32)) -> Option<()> {
        let opcode = self.byte()?;
        match PLAIN[usize::from(opcode)] {
            Shape::None => Some(()),
            Shape::One => self.skip(),
            Shape::Two => self.skip().and_then(|()| self.skip()),
            // Beyond that an alignment says more.
            Shape::Access => self.byte().filter(|flags| *flags < 0x20).and_then(|_| self.skip()),
            // Those of one byte.
            Shape::Type => self.byte().filter(|ty| (0x40..0x80).contains(ty)).map(drop),
            Shape::Bytes(count) => self.skip_bytes(count),
            Shape::Labels => {
                for _ in 0..=self.number()? {
                    self.skip()?;
                }
                Some(())
            }
            Shape::Changed => self.number().map(strike),
            Shape::Prefix => {
                let code = self.byte()?;
                match *PREFIXED.get(usize::from(code))? {
                    Shape::None => Some(()),
                    Shape::One => self.skip(),
                    Shape::Two => self.skip().and_then(|()| self.skip()),
                    Shape::Changed => self.number().map(strike),
                    Shape::ChangedFirst => {
                        strike(self.number()?);
                        self.skip()
                    }
                    Shape::ChangedLast => {
                        self.skip()?;
                        self.number().map(strike)
                    }
                    _ => None,
                }
            }
            _ => None,
        }
    }

    #[inline(always)]
    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn skip_bytes(&mut self, count: usize) -> Option<()> {
        self.at += count;
        (self.at <= self.bytes.len()).then_some(())
    }

    /// Skips a number of any length.
    #[inline(always)]
    fn skip(&mut self) -> Option<()> {
        while self.byte()? >= 0x80 {}
        Some(())
    }

    /// A number of 32 bits without a sign.
    fn number(&mut self) -> Option<u32> {
        let mut number = 0;
        for shift in [0, 7, 14, 21, 28] {
            let byte = self.byte()?;
            number |= u32::from(byte & 0x7F) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }
}

/// By type: a number that equal ones have in common.
fn same_types(module: &Module) -> Vec<u32> {
    Canon::default().intern_all(module.types(), module.groups()).into_vec()
}

/// The operator of an expression that has one.
fn only_op(module: &Module, expr: ConstRange) -> Option<ConstOp> {
    let (mut only, mut count) = (None, 0);
    let decoded = module.const_ops(expr, |op| {
        only = Some(op);
        count += 1;
    });
    decoded.ok()?;
    only.filter(|_| count == 1)
}

/// The value of an offset that is a constant.
fn constant(module: &Module, expr: ConstRange) -> Option<u64> {
    match only_op(module, expr)? {
        ConstOp::I32(value) => Some(u64::from(value as u32)),
        ConstOp::I64(value) => Some(value as u64),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::StaticTables;
    use crate::{Features, Module};
    use alloc::sync::Arc;
    use alloc::vec::Vec;

    /// Tables that a body of each kind of operator changes, by both ways of looking.
    #[test]
    fn tables_that_bodies_change_are_found_both_ways() {
        let text = r#"(module (memory 1) (data "a") (table $a 2 funcref) (table $b 2 funcref)
            (table $c 2 funcref) (table $d 2 funcref) (table $e 2 funcref) (table $f 2 funcref)
            (table $g 200 funcref) (type $t (func)) (elem funcref (ref.func 0)) (global (mut i32) (i32.const 0))
            (func (table.set $a (i32.const 0) (ref.func 0)))
            (func (drop (table.grow $b (ref.null func) (i32.const 1))))
            (func (table.fill $c (i32.const 0) (ref.null func) (i32.const 1)))
            (func (table.init $d 0 (i32.const 0) (i32.const 0) (i32.const 0)))
            (func (table.copy $e $g (i32.const 0) (i32.const 0) (i32.const 0)))
            (func (local f32 i64) (drop (table.get $g (i32.const -1000))) (drop (table.size $g)) (elem.drop 0)
                (block (loop (br_if 1 (i32.const 0x7fffffff)) (br 0)))
                (block (block (br_table 0 1 0 (global.get 0))))
                (drop (f64.mul (f64.const 5) (f64.const 0x1p70))) (drop (f32.const 1.5)) (drop (i64.const -5000000000))
                (i64.store32 offset=99999 (i32.const 5) (i64.trunc_sat_f32_s (local.get 0)))
                (memory.init 0 (i32.const 0) (i32.const 0) (i32.const 0)) (data.drop 0)
                (memory.copy (i32.const 0) (i32.const 0) (i32.const 0))
                (memory.fill (i32.const 0) (i32.const 0) (i32.const 0))
                (drop (memory.grow (memory.size))) (call_indirect $g (type $t) (i32.const 0)) (call 0)
                (drop (ref.is_null (select (result funcref) (ref.null func) (ref.func 1) (i32.const 1))))
                (if (i32.const 1) (then (global.set 0 (i32.const 1)) (return)) (else (nop) (unreachable))))
            (func (if (i32.const 1) (then (unreachable))) (drop (ref.is_null (table.get $g (i32.const 1))))))"#;
        let bytes = wat::parse_str(text).expect("a text");
        let module = Module::parse(Arc::new(bytes), Features::default()).expect("valid");
        let mut skimmed = 0;
        for func in 0..module.func_count() {
            let (mut quick, mut slow) = (Vec::new(), Vec::new());
            assert!(super::strike_in_body(&module, func, &mut |table| slow.push(table)));
            let range = module.body_range(func).expect("a body");
            let mut skim = super::Skim { bytes: &module.bytes()[range], at: 0 };
            if skim.body(&mut |table| quick.push(table)).is_some() {
                skimmed += 1;
                assert_eq!(quick, slow, "function {func}");
            }
        }
        // One has an operator that is not known.
        assert_eq!(skimmed, module.func_count() - 1);
        let mut candidates = [true; 7];
        super::strike_changed(&module, &mut candidates);
        assert_eq!(candidates, [false, false, false, false, false, true, true]);
    }

    #[test]
    fn what_code_may_read_is_what_there_is() {
        let text = "(module (table 0 funcref) (table 2 funcref) (table (export \"t\") 2 funcref)
            (func $f) (func $g) (elem (table 1) (i32.const 0) func $g $f))";
        let bytes = wat::parse_str(text).expect("a text");
        let module = Module::parse(Arc::new(bytes), Features::default()).expect("valid");
        let tables = StaticTables::of(&module);
        // One of no elements has nothing to read, and one that others may change is not known.
        assert_eq!([0, 1, 2].map(|table| tables.table(table)), [None, Some((0, 2)), None]);
        assert_eq!(tables.functions(), [0, 1]);
        assert!(!tables.is_empty());
    }
}
