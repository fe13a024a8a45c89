//! What a component's bytes say, kept in the engine's cache, so that a component that this machine has seen is not validated
//! and decoded again: that takes most of the time until a fresh process has its first instance.
//!
//! 1. An entry is found by a hash of all of the bytes, the engine's build and features, and the sources that decide what
//!    is in it ([`BUILD`]).
//! 2. It says nothing of core modules but where they stand: the engine indexes these and validates their bodies as ever.
//! 3. It is believed as machine code in the same folder is, sealed as that is ([`dunlin::Kept`]), and yet nothing in it
//!    can make this crate panic or run without end: every index is looked at ([`read`]). What makes no sense is removed, and the
//!    component validated as if there had been no entry.
//!
//! What instances find and make (where imports are, adapters) is not kept.

mod read;
mod spaces;
mod write;

use crate::decode::{self, Decoded};
use crate::limits::{KEPT_BYTES_MAX, KEPT_BYTES_MIN};
use crate::template::Options;
use dunlin::{Kept, Parts};
use std::ops::Range;

/// Changes with the sources that decide what an entry means, so that what another build kept is not found.
const BUILD: u64 = {
    let sources: [&[u8]; 9] = [
        include_bytes!("read.rs"),
        include_bytes!("spaces.rs"),
        include_bytes!("write.rs"),
        include_bytes!("../decode/mod.rs"),
        include_bytes!("../decode/canon.rs"),
        include_bytes!("../decode/items.rs"),
        include_bytes!("../decode/types.rs"),
        include_bytes!("../template.rs"),
        include_bytes!("../types.rs"),
    ];
    // FNV-1a with 64 bits: it tells builds apart, and keeps nobody out.
    let (mut hash, mut file) = (0xcbf2_9ce4_8422_2325_u64, 0);
    while file < sources.len() {
        let mut at = 0;
        while at < sources[file].len() {
            hash = (hash ^ sources[file][at] as u64).wrapping_mul(0x0100_0000_01b3);
            at += 1;
        }
        file += 1;
    }
    hash
};

/// What an entry says.
struct Facts {
    decoded: Decoded,
    /// Where the core modules stand, which are not loaded yet.
    modules: Vec<Range<usize>>,
}

/// The place in an engine's cache of what a component's bytes say.
pub(crate) struct Place<'a> {
    kept: Kept<'a>,
    parts: &'a Parts,
}

impl<'a> Place<'a> {
    /// The place of these bytes; `None` if the engine has no cache, or it is not worth it.
    pub(crate) fn of(parts: &'a Parts) -> Option<Self> {
        if !(KEPT_BYTES_MIN..=KEPT_BYTES_MAX).contains(&parts.bytes().len()) {
            return None;
        }
        let kept = parts.kept(&format!("component {BUILD:016x}"))?;
        Some(Self { kept, parts })
    }

    /// What was kept, with the core modules loaded; `None` also if one of these is not valid: validating the component says
    /// why.
    pub(crate) fn find(&self) -> Option<Decoded> {
        let entry = self.kept.get()?;
        let Some(Facts { mut decoded, modules }) = read::read(&entry, self.parts.bytes().len())
        else {
            self.kept.remove();
            return None;
        };
        for range in modules {
            decoded.modules.push(self.parts.module(range).ok()?);
        }
        Some(decoded)
    }

    /// Keeps what the bytes say for next time.
    pub(crate) fn keep(&self, decoded: &Decoded) {
        if let Some(entry) = write::write(decoded, self.parts.bytes()) {
            self.kept.put(&entry);
        }
    }
}

/// The names of what the model's asynchronous half has, in the order of their numbers.
fn async_names() -> impl Iterator<Item = &'static str> {
    let types = ["an error context", "a future", "a stream"];
    types.into_iter().chain(decode::ASYNC_NAMES)
}

/// The bits that say which options there are.
#[derive(Clone, Copy)]
struct OptionBits(u32);

impl OptionBits {
    const MEMORY: u32 = 4;
    const REALLOC: u32 = 8;
    const POST_RETURN: u32 = 16;
    const ASYNC: u32 = 32;
    const CALLBACK: u32 = 64;

    fn of(options: &Options) -> Self {
        let bit = |is: bool, bit: u32| if is { bit } else { 0 };
        Self(
            options.encoding as u32
                | bit(options.memory.is_some(), Self::MEMORY)
                | bit(options.realloc.is_some(), Self::REALLOC)
                | bit(options.post_return.is_some(), Self::POST_RETURN)
                | bit(options.is_async, Self::ASYNC)
                | bit(options.has_callback, Self::CALLBACK),
        )
    }

    fn has(self, bit: u32) -> bool {
        self.0 & bit != 0
    }
}

#[cfg(test)]
mod tests;
