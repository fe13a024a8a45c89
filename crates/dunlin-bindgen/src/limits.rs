//! Every bound of this crate, with its reason.

/// Parameters of a function: `dunlin_component` knows tuples of so many.
pub(crate) const PARAMS_MAX: usize = 12;

/// Parts of a tuple, for the same reason.
pub(crate) const TUPLE_MAX: usize = 12;
