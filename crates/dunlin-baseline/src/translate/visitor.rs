//! The way from the decoder's operators to the translator's methods.
//!
//! Operators behind a branch are skipped, but for those that open and close blocks. What this tier does not know is
//! refused, and the function runs elsewhere.

use super::Translator;
use super::decode::Sink;
use super::stack::{Entry, Loc};
use wasmparser::{VisitOperator, VisitSimdOperator};

/// Passes one operator on.
macro_rules! pass {
    (@mvp Block $($rest:tt)*) => { pass!(always $($rest)*) };
    (@mvp Loop $($rest:tt)*) => { pass!(always $($rest)*) };
    (@mvp If $($rest:tt)*) => { pass!(condition $($rest)*) };
    (@mvp Else $($rest:tt)*) => { pass!(always $($rest)*) };
    (@mvp End $($rest:tt)*) => { pass!(always $($rest)*) };
    (@mvp Nop $($rest:tt)*) => { pass!(free $($rest)*) };
    (@mvp Unreachable $($rest:tt)*) => { pass!(free $($rest)*) };
    (@mvp Return $($rest:tt)*) => { pass!(free $($rest)*) };
    (@mvp Drop $($rest:tt)*) => { pass!(free $($rest)*) };
    (@mvp BrIf $($rest:tt)*) => { pass!(asks $($rest)*) };
    (@mvp Select $($rest:tt)*) => { pass!(asks $($rest)*) };
    (@mvp I32Eqz $($rest:tt)*) => { pass!(asks $($rest)*) };
    (@mvp $op:ident $($rest:tt)*) => { pass!(charged $($rest)*) };
    (@sign_extension $op:ident $($rest:tt)*) => { pass!(charged $($rest)*) };
    (@saturating_float_to_int $op:ident $($rest:tt)*) => { pass!(charged $($rest)*) };
    (@bulk_memory $op:ident $($rest:tt)*) => { pass!(charged $($rest)*) };
    (@reference_types TypedSelectMulti $($rest:tt)*) => { pass!(none $($rest)*) };
    (@reference_types TypedSelect $($rest:tt)*) => { pass!(asks $($rest)*) };
    (@reference_types $op:ident $($rest:tt)*) => { pass!(charged $($rest)*) };
    (@function_references $op:ident $($rest:tt)*) => { pass!(charged $($rest)*) };
    (@simd $op:ident $($rest:tt)*) => { pass!(charged $($rest)*) };
    (@relaxed_simd $op:ident $($rest:tt)*) => { pass!(charged $($rest)*) };
    (@tail_call $op:ident $($rest:tt)*) => { pass!(charged $($rest)*) };
    (@exceptions TryTable $($rest:tt)*) => { pass!(always $($rest)*) };
    (@exceptions $op:ident $($rest:tt)*) => { pass!(charged $($rest)*) };
    (@legacy_exceptions Rethrow $($rest:tt)*) => { pass!(charged $($rest)*) };
    (@legacy_exceptions $op:ident $($rest:tt)*) => { pass!(always $($rest)*) };
    (@threads $op:ident $($rest:tt)*) => { pass!(charged $($rest)*) };
    (@wide_arithmetic $op:ident $($rest:tt)*) => { pass!(charged $($rest)*) };
    (@gc $op:ident $($rest:tt)*) => { pass!(charged $($rest)*) };
    (@$proposal:ident $op:ident $($rest:tt)*) => { pass!(none $($rest)*) };
    (none $self:ident $visit:ident $($arg:ident)*) => {{
        $(let _ = $arg;)*
        $self.unsupported(stringify!($visit));
    }};
    (always $self:ident $visit:ident $($arg:ident)*) => {{
        settle_cond($self);
        $self.$visit($($arg),*)
    }};
    (condition $self:ident $visit:ident $($arg:ident)*) => { $self.$visit($($arg),*) };
    (free $self:ident $visit:ident $($arg:ident)*) => {
        if $self.live {
            settle_cond($self);
            $self.$visit($($arg),*);
        }
    };
    (charged $self:ident $visit:ident $($arg:ident)*) => {
        if $self.live {
            $self.charge += 1;
            settle_cond($self);
            $self.$visit($($arg),*);
        }
    };
    (asks $self:ident $visit:ident $($arg:ident)*) => {
        if $self.live {
            $self.charge += 1;
            $self.$visit($($arg),*);
        }
    };
}

#[inline(always)]
fn settle_cond(of: &mut Translator<'_>) {
    if let Some(Entry { loc: Loc::Cond(_), .. }) = of.stack.last() {
        of.settle_cond();
    }
}

macro_rules! define {
    ($(
        @$proposal:ident $op:ident $({ $($arg:ident: $ty:ty),* })? => $visit:ident ($($notes:tt)*)
    )*) => {$(
        fn $visit(&mut self $($(, $arg: $ty)*)?) {
            pass!(@$proposal $op self $visit $($($arg)*)?);
        }
    )*};
}

impl<'a> VisitOperator<'a> for Translator<'_> {
    type Output = ();

    fn simd_visitor(&mut self) -> Option<&mut dyn VisitSimdOperator<'a, Output = ()>> {
        Some(self)
    }

    wasmparser::for_each_visit_operator!(define);
}

impl<'a> VisitSimdOperator<'a> for Translator<'_> {
    wasmparser::for_each_visit_simd_operator!(define);
}

impl Sink<'_> for Translator<'_> {
    #[inline(always)]
    fn next(&mut self, at: usize) {
        self.next_operator = at as u32;
    }
}
