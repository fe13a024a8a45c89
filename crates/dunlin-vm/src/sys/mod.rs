//! What differs between machines: zeroed regions that grow, and files mapped as modules.

#[cfg(all(feature = "std", unix, not(miri)))]
mod unix;
#[cfg(all(feature = "std", unix, not(miri)))]
pub use unix::{MappedFile, Pages};

#[cfg(not(all(feature = "std", unix, not(miri))))]
mod portable;
#[cfg(all(feature = "std", not(all(unix, not(miri)))))]
pub use portable::MappedFile;
#[cfg(not(all(feature = "std", unix, not(miri))))]
pub use portable::Pages;
