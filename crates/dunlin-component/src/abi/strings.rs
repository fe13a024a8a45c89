//! Strings: three encodings, checked as they are read, and written with as few calls of the allocator as the canonical
//! ABI says.
//!
//! What is already in the encoding that is wanted is copied from one memory to the other. What is not becomes text of
//! the host's on its way.

use super::side::{Peer, Side};
use crate::limits::{BYTES_PER_FUEL, RANGE_BYTES_MAX};
use crate::template::Encoding;
use crate::trap::trap;
use dunlin::{Result, StoreContextMut};
use std::ops::Range;

/// The bit of a length that says that a compact string is UTF-16.
const UTF16_TAG: u32 = 1 << 31;

/// What a string's bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Simple {
    Utf8,
    Utf16,
    Latin1,
}

/// A string in a guest's memory, in bounds, whose bytes have not been looked at.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) range: Range<usize>,
    pub(crate) simple: Simple,
    pub(crate) units: u32,
    /// Whether the guest could have chosen another encoding.
    compact: bool,
}

/// Finds a string in a guest's memory.
pub(crate) fn find<T: 'static>(
    store: &StoreContextMut<'_, T>,
    side: &Side,
    (pointer, tagged): (u32, u32),
    peer: Peer,
) -> Result<Found> {
    let compact = side.encoding == Encoding::Compact;
    let (simple, units) = match side.encoding {
        Encoding::Utf8 => (Simple::Utf8, tagged),
        Encoding::Utf16 => (Simple::Utf16, tagged),
        Encoding::Compact if tagged & UTF16_TAG != 0 => (Simple::Utf16, tagged ^ UTF16_TAG),
        Encoding::Compact => (Simple::Latin1, tagged),
    };
    let bytes = u64::from(units) * if simple == Simple::Utf16 { 2 } else { 1 };
    let align = if side.encoding == Encoding::Utf8 { 1 } else { 2 };
    if bytes > RANGE_BYTES_MAX || u64::from(pointer) + bytes > side.bytes(store).len() as u64 {
        // A pointer that is wrong in both ways is called unaligned.
        if pointer.is_multiple_of(align) {
            return Err(trap(match peer {
                Peer::Host => "string pointer/length out of bounds of memory",
                Peer::Component(text) => text,
            }));
        }
    }
    let range = side.range(store, (pointer, bytes), align, peer)?;
    Ok(Found { range, simple, units, compact })
}

/// The text of a string's bytes.
pub(crate) fn decode(bytes: &[u8], simple: Simple) -> Result<String> {
    match simple {
        Simple::Utf8 => check_utf8(bytes).map(str::to_owned),
        Simple::Latin1 => Ok(bytes.iter().map(|byte| char::from(*byte)).collect()),
        Simple::Utf16 => char::decode_utf16(units(bytes))
            .collect::<std::result::Result<String, _>>()
            .map_err(|_| trap("invalid utf-16: an unpaired surrogate")),
    }
}

/// The UTF-16 code units of these bytes.
fn units(bytes: &[u8]) -> impl Iterator<Item = u16> {
    bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
}

fn check_utf8(bytes: &[u8]) -> Result<&str> {
    std::str::from_utf8(bytes).map_err(|error| match error.error_len() {
        Some(_) => trap(format_args!("invalid utf-8 at byte {} of a string", error.valid_up_to())),
        None => trap("incomplete utf-8 byte sequence"),
    })
}

/// Lowers text of the host's; pointer and tagged length.
pub(crate) fn lower<T: 'static>(
    store: &mut StoreContextMut<'_, T>,
    side: &Side,
    text: &str,
    peer: Peer,
) -> Result<(u32, u32)> {
    if text.len() as u64 > RANGE_BYTES_MAX {
        return Err(trap("string is too long for a component"));
    }
    let source = (Simple::Utf8, text.len() as u32, false);
    transcode(store, side, text, source, peer)
}

/// Passes a string from one component to another; pointer and tagged length.
pub(crate) fn pass<T: 'static>(
    store: &mut StoreContextMut<'_, T>,
    (from, to): (&Side, &Side),
    found: &Found,
    peer: Peer,
) -> Result<(u32, u32)> {
    let same = match (found.simple, to.encoding) {
        (Simple::Utf8, Encoding::Utf8) | (Simple::Utf16, Encoding::Utf16) => true,
        (Simple::Latin1, Encoding::Compact) => found.compact,
        _ => false,
    };
    charge(store, found.range.len())?;
    let source = from.slice(store, found.range.clone())?;
    if !same {
        let text = decode(source, found.simple)?;
        let source = (found.simple, found.units, found.compact);
        return transcode(store, to, &text, source, peer);
    }
    check(store, from, found)?;
    let align = if found.simple == Simple::Utf8 { 1 } else { 2 };
    let bytes = found.range.len() as u32;
    let pointer = to.allocate(store, align, bytes, peer)?;
    copy(store, (from, to), found.range.clone(), pointer)?;
    Ok((pointer, found.units))
}

/// Takes fuel for what is looked at or copied here and not by code of the guest's.
pub(crate) fn charge<T: 'static>(store: &mut StoreContextMut<'_, T>, bytes: usize) -> Result<()> {
    store.consume_fuel(1 + bytes as u64 / BYTES_PER_FUEL)
}

/// Checks a string's bytes.
pub(crate) fn check<T: 'static>(
    store: &StoreContextMut<'_, T>,
    side: &Side,
    found: &Found,
) -> Result<()> {
    let bytes = side.slice(store, found.range.clone())?;
    match found.simple {
        Simple::Utf8 => check_utf8(bytes).map(drop),
        Simple::Utf16 => check_utf16(bytes),
        Simple::Latin1 => Ok(()),
    }
}

fn check_utf16(bytes: &[u8]) -> Result<()> {
    match char::decode_utf16(units(bytes)).all(|unit| unit.is_ok()) {
        true => Ok(()),
        false => Err(trap("invalid utf-16: an unpaired surrogate")),
    }
}

/// Copies bytes from one component's memory to another's.
pub(crate) fn copy<T: 'static>(
    store: &mut StoreContextMut<'_, T>,
    (from, to): (&Side, &Side),
    source: Range<usize>,
    pointer: u32,
) -> Result<()> {
    charge(store, source.len())?;
    let target = pointer as usize..pointer as usize + source.len();
    if let (Some(from), Some(to)) = (&from.memory, &to.memory)
        && let Some((bytes, place)) = from.data_beside(to, &mut *store)
        && let (Some(bytes), Some(place)) =
            (bytes.get(source.clone()), place.get_mut(target.clone()))
    {
        place.copy_from_slice(bytes);
        return Ok(());
    }
    // One memory on both sides, or none.
    let bytes = from.slice(store, source)?.to_vec();
    to.slice_mut(store, target)?.copy_from_slice(&bytes);
    Ok(())
}

/// Lowers text that comes from this encoding, so many code units of it.
fn transcode<T: 'static>(
    store: &mut StoreContextMut<'_, T>,
    side: &Side,
    text: &str,
    (simple, count, compact): (Simple, u32, bool),
    peer: Peer,
) -> Result<(u32, u32)> {
    let mut out = Out { store, side, peer };
    match (side.encoding, simple) {
        (Encoding::Utf8, Simple::Utf8) => out.exact(text.as_bytes(), 1, count),
        (Encoding::Utf8, Simple::Utf16) => out.utf8(text, count, 3),
        (Encoding::Utf8, Simple::Latin1) => out.utf8(text, count, 2),
        (Encoding::Utf16, Simple::Utf8) => out.utf16(text, count),
        (Encoding::Utf16, _) => out.exact(&utf16(text), 2, count),
        (Encoding::Compact, Simple::Utf16) if compact => out.probably_utf16(text, count),
        (Encoding::Compact, Simple::Latin1) => out.exact(&latin1(text), 2, count),
        (Encoding::Compact, _) => out.compact(text, count),
    }
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// Text of which all characters are Latin-1.
fn latin1(text: &str) -> Vec<u8> {
    text.chars().map(|c| c as u32 as u8).collect()
}

fn is_latin1(text: &str) -> bool {
    text.chars().all(|c| (c as u32) < 0x100)
}

/// Where strings are lowered to.
struct Out<'s, 'a, T: 'static> {
    store: &'s mut StoreContextMut<'a, T>,
    side: &'s Side,
    peer: Peer,
}

impl<T: 'static> Out<'_, '_, T> {
    fn realloc(&mut self, arguments: [u32; 4]) -> Result<u32> {
        self.side.reallocate(self.store, arguments, self.peer)
    }

    fn write(&mut self, pointer: u32, bytes: &[u8]) -> Result<()> {
        let range = pointer as usize..pointer as usize + bytes.len();
        self.side.slice_mut(self.store, range)?.copy_from_slice(bytes);
        Ok(())
    }

    /// Bytes whose number is known.
    fn exact(&mut self, bytes: &[u8], align: u32, units: u32) -> Result<(u32, u32)> {
        let pointer = self.realloc([0, 0, align, bytes.len() as u32])?;
        self.write(pointer, bytes)?;
        Ok((pointer, units))
    }

    /// UTF-8 of what has so many code units: as many bytes at first, then as many as there can be, then as many as
    /// there are.
    fn utf8(&mut self, text: &str, units: u32, worst: u32) -> Result<(u32, u32)> {
        let mut pointer = self.realloc([0, 0, 1, units])?;
        if !text.is_ascii() {
            let worst = units * worst;
            // What has been written so far is the allocator's to keep.
            let ascii = text.bytes().position(|byte| !byte.is_ascii()).unwrap_or(0);
            self.write(pointer, &text.as_bytes()[..ascii])?;
            pointer = self.realloc([pointer, units, 1, worst])?;
            self.write(pointer, text.as_bytes())?;
            return Ok((self.shrink(pointer, worst, 1, text.len())?, text.len() as u32));
        }
        self.write(pointer, text.as_bytes())?;
        Ok((pointer, units))
    }

    /// UTF-16 of what has so many bytes of UTF-8.
    fn utf16(&mut self, text: &str, bytes: u32) -> Result<(u32, u32)> {
        let worst = bytes * 2;
        let pointer = self.realloc([0, 0, 2, worst])?;
        let encoded = utf16(text);
        self.write(pointer, &encoded)?;
        Ok((self.shrink(pointer, worst, 2, encoded.len())?, (encoded.len() / 2) as u32))
    }

    /// Latin-1 if that suffices, else UTF-16.
    fn compact(&mut self, text: &str, units: u32) -> Result<(u32, u32)> {
        let mut pointer = self.realloc([0, 0, 2, units])?;
        if is_latin1(text) {
            let encoded = latin1(text);
            self.write(pointer, &encoded)?;
            return Ok((self.shrink(pointer, units, 2, encoded.len())?, encoded.len() as u32));
        }
        let worst = units * 2;
        pointer = self.realloc([pointer, units, 2, worst])?;
        let encoded = utf16(text);
        self.write(pointer, &encoded)?;
        let pointer = self.shrink(pointer, worst, 2, encoded.len())?;
        Ok((pointer, (encoded.len() / 2) as u32 | UTF16_TAG))
    }

    /// UTF-16 that was chosen where Latin-1 could have been: most likely it is needed.
    fn probably_utf16(&mut self, text: &str, units: u32) -> Result<(u32, u32)> {
        let bytes = units * 2;
        let pointer = self.realloc([0, 0, 2, bytes])?;
        if !is_latin1(text) {
            self.write(pointer, &utf16(text))?;
            return Ok((pointer, units | UTF16_TAG));
        }
        self.write(pointer, &latin1(text))?;
        let pointer = self.realloc([pointer, bytes, 1, units])?;
        Ok((pointer, units))
    }

    /// Gives back what was too much.
    fn shrink(&mut self, pointer: u32, had: u32, align: u32, needed: usize) -> Result<u32> {
        if needed as u32 == had {
            return Ok(pointer);
        }
        self.realloc([pointer, had, align, needed as u32])
    }
}
