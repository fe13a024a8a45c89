//! Views of tables that never change: what calls through one as functions of one type read.
//!
//! 1. A *view* is a row of pointers to code, as many as the table has elements, and so many more that an index can be
//!    kept within it by a mask: their number is a power of two.
//! 2. Where an element is a function of the view's type, the pointer is that function's; elsewhere it leads to what
//!    traps. So a call asks for no type, and even a processor that runs ahead of the check of the index gets nowhere but
//!    to a function that takes what it is given.
//! 3. The rows of a module stand one behind the other. Who has them filled reads from [`targets`] with what; the
//!    compilers know from [`StaticTables::view`](super::StaticTables::view) which row is whose.

use super::{NO_TYPE, STATIC_ELEMENT_BYTES};
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// Pointers of all a module's views: 128 KiB. Types of which tables have the most elements come first; calls of others
/// look at the elements.
const TARGETS_MAX: usize = 1 << 14;

/// Bytes of a view as [`write`] writes it, and of what is behind them all.
const VIEW_BYTES: usize = 16;
const TAIL_BYTES: usize = 8;

/// A table as functions of one type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct View {
    table: u32,
    /// The type's number.
    number: u32,
    /// The table's elements: where they begin among all, and how many there are.
    start: u32,
    count: u32,
    /// The first pointer.
    first: u32,
}

impl View {
    fn len(&self) -> u32 {
        self.count.next_power_of_two()
    }
}

/// The pointers that a call reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TargetView {
    /// The first one, among all.
    pub first: u32,
    /// What keeps an index within them: one less than a power of two.
    pub mask: u32,
}

/// What a pointer leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The function of this index.
    Func(u32),
    /// A trap: the element is null, or there is none.
    Null,
    /// A trap: the element is a function of another type.
    Other,
}

/// The views of tables that never change: where their elements are, and all elements.
pub(super) fn of(tables: &[Option<(u32, u32)>], elements: &[(u32, u32)]) -> Vec<View> {
    let mut wanted = Vec::new();
    for (table, place) in (0..).zip(tables) {
        let Some((start, count)) = *place else { continue };
        let mut by_type = BTreeMap::<u32, u32>::new();
        for (number, _) in &elements[start as usize..][..count as usize] {
            if *number != NO_TYPE {
                *by_type.entry(*number).or_default() += 1;
            }
        }
        let view = |number| View { table, number, start, count, first: 0 };
        wanted.extend(by_type.into_iter().map(|(number, of)| (of, view(number))));
    }
    // A sort that keeps the order of those that are alike.
    wanted.sort_by_key(|(of, _)| core::cmp::Reverse(*of));
    let (mut views, mut end) = (Vec::new(), 0);
    for (_, view) in wanted {
        if end + view.len() as usize <= TARGETS_MAX {
            views.push(View { first: end as u32, ..view });
            end += view.len() as usize;
        }
    }
    views.sort_by_key(|view| (view.table, view.number));
    views
}

pub(super) fn find(views: &[View], table: u32, number: u32) -> Option<TargetView> {
    let key = |view: &View| (view.table, view.number);
    let view = views[views.binary_search_by_key(&(table, number), key).ok()?];
    Some(TargetView { first: view.first, mask: view.len() - 1 })
}

/// Writes views behind so many elements.
pub(super) fn write(views: &[View], elements: usize, bytes: &mut Vec<u8>) {
    let of_views = views.iter().flat_map(|view| [view.start, view.count, view.number, view.first]);
    let words = of_views.chain([elements as u32, views.len() as u32]);
    bytes.extend(words.flat_map(u32::to_le_bytes));
}

/// What the pointers of all views lead to, as [`StaticTables::to_bytes`](super::StaticTables::to_bytes) says. `None` if
/// it has not written these bytes.
#[must_use]
pub fn targets(bytes: &[u8]) -> Option<Vec<Target>> {
    let word = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    let tail = bytes.len().checked_sub(TAIL_BYTES)?;
    let (elements, views) = (word(tail)? as usize, word(tail + 4)? as usize);
    let views_at = elements.checked_mul(STATIC_ELEMENT_BYTES)?;
    if views_at.checked_add(views.checked_mul(VIEW_BYTES)?)? != tail {
        return None;
    }
    let mut targets = Vec::new();
    for view in (views_at..tail).step_by(VIEW_BYTES) {
        let (start, count) = (word(view)? as usize, word(view + 4)? as usize);
        let (number, first) = (word(view + 8)?, word(view + 12)? as usize);
        let is_inside = start.checked_add(count)? <= elements;
        let end = first.checked_add(count.checked_next_power_of_two()?)?;
        if !is_inside || end > TARGETS_MAX {
            return None;
        }
        if targets.len() < end {
            targets.resize(end, Target::Null);
        }
        for (target, element) in targets[first..].iter_mut().zip(start..start + count) {
            let at = element * STATIC_ELEMENT_BYTES;
            *target = match (word(at)?, word(at + 4)?) {
                (NO_TYPE, _) => Target::Null,
                (of, func) if of == number => Target::Func(func),
                _ => Target::Other,
            };
        }
    }
    Some(targets)
}

#[cfg(test)]
mod tests {
    use super::super::StaticTables;
    use super::{TARGETS_MAX, Target, TargetView, targets};
    use crate::{Features, Module};
    use alloc::string::String;
    use alloc::sync::Arc;
    use alloc::vec::Vec;

    fn tables(text: &str) -> StaticTables {
        let bytes = wat::parse_str(text).expect("a text");
        StaticTables::of(&Module::parse(Arc::new(bytes), Features::default()).expect("valid"))
    }

    #[test]
    fn a_view_leads_to_functions_of_its_type_and_to_traps() {
        let tables = tables(
            "(module (type $a (func)) (type $b (func (param i32))) (type $c (func (param i64))) (type $d (func))
                (table $t 5 funcref) (table $u 1 funcref)
                (elem (table $t) (i32.const 1) func $g $f $g $h) (elem (table $u) (i32.const 0) func $h)
                (func $f (type $a)) (func $g (type $b) (param i32)) (func $h (type $d)))",
        );
        let of = targets(&tables.to_bytes()).expect("what was written");
        let row = |table, ty| {
            let TargetView { first, mask } = tables.view(table, ty)?;
            assert!((mask + 1).is_power_of_two());
            Some(&of[first as usize..][..mask as usize + 1])
        };
        use Target::{Func, Null, Other};
        let (f, g, h) = (Func(0), Func(1), Func(2));
        // Types that are equal have one view; five elements have eight pointers.
        let of_a = [Null, Other, f, Other, h, Null, Null, Null];
        assert_eq!((row(0, 0), row(0, 3)), (Some(&of_a[..]), Some(&of_a[..])));
        assert_eq!(row(0, 1), Some(&[Null, g, Other, g, Other, Null, Null, Null][..]));
        // Of a type that no element has, there is none.
        assert_eq!((row(0, 2), row(1, 0), row(1, 1)), (None, Some(&[h][..]), None));
        assert_eq!(of.len(), 8 + 8 + 1);
        assert_eq!([0, 1, 2].map(|func| tables.only_place(0, func)), [Some(2), None, Some(4)]);
        assert_eq!((tables.only_place(1, 0), tables.only_place(1, 2)), (None, Some(0)));
        assert!(targets(&StaticTables::default().to_bytes()).is_some_and(|of| of.is_empty()));
    }

    #[test]
    fn views_are_bounded_and_those_of_many_elements_come_first() {
        let count = TARGETS_MAX / 4;
        let rare: String = (1..9).map(|ty| alloc::format!("(func (type {ty}))")).collect();
        let types: String =
            (0..9).map(|n| alloc::format!("(type (func {}))", "(param i32) ".repeat(n))).collect();
        let tables = tables(&alloc::format!(
            "(module {types} (table {count} funcref) (elem (i32.const 9) func 0 1 2 3 4 5 6 7 8 8) {rare}
                (func (type 0)))"
        ));
        let has: Vec<bool> = (0..9).map(|ty| tables.view(0, ty).is_some()).collect();
        // The last function, of type 0, stands in the table twice; of those that are alike the first come first.
        assert_eq!(has, [true, true, true, true, false, false, false, false, false]);
        assert_eq!(targets(&tables.to_bytes()).map(|of| of.len()), Some(TARGETS_MAX));
    }

    #[test]
    fn bytes_that_nobody_has_written_are_refused() {
        let tables = tables(
            "(module (type (func)) (table 2 funcref) (elem (i32.const 0) func 0) (func (type 0)))",
        );
        let bytes = tables.to_bytes();
        for len in 0..bytes.len() {
            // The first eight bytes are those of a null element, or say that there is nothing.
            let of = targets(&bytes[..len]);
            assert!(of.as_ref().is_none_or(|of| of.is_empty()), "{len}: {of:?}");
        }
        // The view's words, and how many elements and views there are.
        for at in (16..bytes.len()).step_by(4).filter(|at| *at != 24) {
            let mut changed = bytes.clone();
            changed[at..at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
            assert_eq!(targets(&changed), None, "{at}");
        }
    }
}
