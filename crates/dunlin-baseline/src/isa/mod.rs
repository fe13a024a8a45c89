//! Machines that code is made for.

pub(crate) mod x64;
