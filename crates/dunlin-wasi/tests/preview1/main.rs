//! The functions of WASI 0.1 called directly, over a memory that is a plain `Vec<u8>`.

// Both plant links on the host.
#[cfg(unix)]
mod confined;
#[cfg(unix)]
mod escapes;
mod files;
mod guest;
mod hostile;
mod layout;
mod polls;
mod stdio;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod suspended;
