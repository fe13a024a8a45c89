//! The way from `wasmparser`'s visitor to the translator's methods.
//!
//! Operators behind a branch are skipped, but for those that open and close blocks. An operator of a
//! proposal that the feature table does not have is refused; validation has refused it before.

use super::Translator;
use wasmparser::{VisitOperator, VisitSimdOperator};

/// The translator as a visitor.
pub(super) struct Visitor<'t, 'b, 'm>(pub(super) &'t mut Translator<'b, 'm>);

/// Passes one operator on.
macro_rules! pass {
    (@mvp Block $($rest:tt)*) => { pass!(always $($rest)*) };
    (@mvp Loop $($rest:tt)*) => { pass!(always $($rest)*) };
    (@mvp If $($rest:tt)*) => { pass!(always $($rest)*) };
    (@mvp Else $($rest:tt)*) => { pass!(always $($rest)*) };
    (@mvp End $($rest:tt)*) => { pass!(always $($rest)*) };
    (@mvp Nop $($rest:tt)*) => { pass!(free $($rest)*) };
    (@mvp Unreachable $($rest:tt)*) => { pass!(free $($rest)*) };
    (@mvp Return $($rest:tt)*) => { pass!(free $($rest)*) };
    (@mvp Drop $($rest:tt)*) => { pass!(free $($rest)*) };
    (@mvp $op:ident $($rest:tt)*) => { pass!(charged $($rest)*) };
    (@sign_extension $op:ident $($rest:tt)*) => { pass!(charged $($rest)*) };
    (@saturating_float_to_int $op:ident $($rest:tt)*) => { pass!(charged $($rest)*) };
    (@bulk_memory $op:ident $($rest:tt)*) => { pass!(charged $($rest)*) };
    (@reference_types TypedSelectMulti $self:ident $visit:ident $($arg:ident)*) => {{
        $(let _ = $arg;)*
        $self.0.unsupported(stringify!($visit));
    }};
    (@reference_types $op:ident $($rest:tt)*) => { pass!(charged $($rest)*) };
    (@function_references $op:ident $($rest:tt)*) => { pass!(charged $($rest)*) };
    (@gc $op:ident $($rest:tt)*) => { pass!(charged $($rest)*) };
    (@tail_call $op:ident $($rest:tt)*) => { pass!(charged $($rest)*) };
    (@threads $op:ident $($rest:tt)*) => { pass!(charged $($rest)*) };
    (@exceptions TryTable $($rest:tt)*) => { pass!(always $($rest)*) };
    (@exceptions $op:ident $($rest:tt)*) => { pass!(charged $($rest)*) };
    (@legacy_exceptions Rethrow $($rest:tt)*) => { pass!(charged $($rest)*) };
    (@legacy_exceptions $op:ident $($rest:tt)*) => { pass!(always $($rest)*) };
    (@simd $op:ident $($rest:tt)*) => { pass!(charged $($rest)*) };
    (@relaxed_simd $op:ident $($rest:tt)*) => { pass!(charged $($rest)*) };
    (@wide_arithmetic $op:ident $($rest:tt)*) => { pass!(charged $($rest)*) };
    (@$proposal:ident $op:ident $self:ident $visit:ident $($arg:ident)*) => {{
        $(let _ = $arg;)*
        $self.0.unsupported(stringify!($visit));
    }};
    (always $self:ident $visit:ident $($arg:ident)*) => { $self.0.$visit($($arg),*) };
    (free $self:ident $visit:ident $($arg:ident)*) => {
        if $self.0.live {
            $self.0.$visit($($arg),*);
        }
    };
    (charged $self:ident $visit:ident $($arg:ident)*) => {
        if $self.0.live {
            $self.0.charge += 1;
            $self.0.$visit($($arg),*);
        }
    };
}

macro_rules! define {
    ($(
        @$proposal:ident $op:ident $({ $($arg:ident: $ty:ty),* })? => $visit:ident ($($notes:tt)*)
    )*) => {$(
        fn $visit(&mut self $($(, $arg: $ty)*)?) {
            pass!(@$proposal $op self $visit $($($arg)*)?)
        }
    )*};
}

impl<'a> VisitOperator<'a> for Visitor<'_, '_, '_> {
    type Output = ();

    fn simd_visitor(&mut self) -> Option<&mut dyn VisitSimdOperator<'a, Output = ()>> {
        Some(self)
    }

    wasmparser::for_each_visit_operator!(define);
}

impl<'a> VisitSimdOperator<'a> for Visitor<'_, '_, '_> {
    wasmparser::for_each_visit_simd_operator!(define);
}
