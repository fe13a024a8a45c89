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

use crate::{
    ConstOp, ConstRange, ElementItem, ElementMode, ElementSegment, ExternIdx, Invalid, Module,
};
use alloc::vec::Vec;
use dunlin_core::canon::Canon;
use wasmparser::Operator;

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

    /// The elements as compiled code reads them; null has a type that no other has.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let words = self.elements.iter().flat_map(|(ty, func)| [*ty, *func]);
        words.flat_map(u32::to_le_bytes).collect()
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
    for func in module.func_imports()..module.func_count() {
        let Some(body) = module.body(func) else { continue };
        let Ok(operators) = body.get_operators_reader() else { return candidates.fill(false) };
        for operator in operators {
            let table = match operator {
                Ok(
                    Operator::TableSet { table }
                    | Operator::TableGrow { table }
                    | Operator::TableFill { table }
                    | Operator::TableInit { table, .. }
                    | Operator::TableCopy { dst_table: table, .. },
                ) => table,
                Ok(_) => continue,
                Err(_) => return candidates.fill(false),
            };
            if let Some(candidate) = candidates.get_mut(table as usize) {
                *candidate = false;
            }
        }
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
