//! The environment, laid out as the arguments are.

use super::Result;
use super::args::{store_sizes, store_strings};
use crate::ctx::WasiCtx;
use crate::memory::GuestMemory;

/// Writes the variables: pointers at `environ`, the text behind them at `environ_buf`.
///
/// # Errors
/// `FAULT` outside memory.
pub fn environ_get(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    environ: u32,
    environ_buf: u32,
) -> Result {
    store_strings(&ctx.env, memory, environ, environ_buf)
}

/// Writes how many variables there are and how many bytes they take.
///
/// # Errors
/// `FAULT` outside memory.
pub fn environ_sizes_get(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    count: u32,
    environ_buf_size: u32,
) -> Result {
    store_sizes(&ctx.env, memory, count, environ_buf_size)
}
