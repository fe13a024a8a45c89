//! The functions of WASI 0.1 called directly, over a memory that is a plain `Vec<u8>`.

mod confined;
mod escapes;
mod files;
mod guest;
mod hostile;
mod layout;
mod polls;
mod stdio;
