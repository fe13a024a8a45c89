//! What differs between machines: zeroed regions that grow, reserved address space, images that are
//! mapped copy-on-write, and files mapped as modules.

#[cfg(all(feature = "std", unix, not(miri)))]
mod unix;
#[cfg(all(feature = "std", unix, not(miri)))]
pub use unix::{CAN_RESERVE, ImageFile, MappedFile, PAGE, Pages, Region, written};

#[cfg(not(all(feature = "std", target_os = "linux", not(miri))))]
mod plain_image;

#[cfg(not(all(feature = "std", unix, not(miri))))]
mod portable;
#[cfg(not(all(feature = "std", unix, not(miri))))]
pub use plain_image::ImageFile;
#[cfg(all(feature = "std", not(all(unix, not(miri)))))]
pub use portable::MappedFile;
#[cfg(not(all(feature = "std", unix, not(miri))))]
pub use portable::{CAN_RESERVE, PAGE, Pages, Region, written};

#[cfg(all(test, not(all(feature = "std", unix, not(miri)))))]
pub(crate) use portable::protection;
#[cfg(all(test, feature = "std", unix, not(miri)))]
pub(crate) use unix::protection;
