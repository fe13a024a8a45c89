//! What differs between machines: zeroed regions that grow, files mapped as modules, and what native
//! code needs of the operating system.

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

#[cfg(all(feature = "native", target_os = "linux", target_arch = "x86_64", not(miri)))]
#[path = "native/linux.rs"]
pub(crate) mod native;
#[cfg(not(all(feature = "native", target_os = "linux", target_arch = "x86_64", not(miri))))]
#[path = "native/portable.rs"]
pub(crate) mod native;

pub(crate) use native::PollPage;
