//! What differs between machines: zeroed regions that grow, reserved address space, images that are
//! mapped copy-on-write, files mapped as modules, folders of one owner, and what native code needs of the operating system.

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

#[cfg(all(feature = "std", unix))]
#[path = "unix/folder.rs"]
mod folder;
#[cfg(all(feature = "std", not(unix)))]
#[path = "portable/folder.rs"]
mod folder;
#[cfg(feature = "std")]
pub use folder::private_folder;

#[cfg(all(test, not(all(feature = "std", unix, not(miri)))))]
pub(crate) use portable::protection;
#[cfg(all(test, feature = "std", unix, not(miri)))]
pub(crate) use unix::protection;

#[cfg(all(feature = "native", target_os = "linux", target_arch = "x86_64", not(miri)))]
#[path = "native/linux.rs"]
pub(crate) mod native;
#[cfg(not(all(feature = "native", target_os = "linux", target_arch = "x86_64", not(miri))))]
#[path = "native/portable.rs"]
pub(crate) mod native;

#[cfg(all(feature = "native", target_os = "linux", target_arch = "x86_64", not(miri)))]
#[path = "native/processor.rs"]
pub(crate) mod processor;
#[cfg(all(feature = "native", not(all(target_os = "linux", target_arch = "x86_64", not(miri)))))]
#[path = "native/no_processor.rs"]
pub(crate) mod processor;

#[cfg(all(feature = "native", target_os = "linux", target_arch = "x86_64", not(miri)))]
#[path = "native/profile.rs"]
pub(crate) mod profile;
#[cfg(all(feature = "native", not(all(target_os = "linux", target_arch = "x86_64", not(miri)))))]
#[path = "native/no_profile.rs"]
pub(crate) mod profile;

pub(crate) use native::PollPage;
