//! The records of a *jitdump*: what `perf inject --jit` reads to give compiled code names, bytes and
//! places. The format is `tools/perf/Documentation/jitdump-specification.txt` of Linux.
//!
//! All numbers are little-endian. The file begins with a header; then each piece of code has a record of
//! where its instructions come from, and behind that a record with its name and bytes. What the format
//! calls lines are offsets in the module.

use std::io::{self, Write};

/// `JiTD`, as a number.
const MAGIC: u32 = 0x4A69_5444;
const VERSION: u32 = 1;
const HEADER_BYTES: u32 = 40;

/// The machine's number in ELF.
const ELF_X86_64: u32 = 62;

/// Kinds of records.
const CODE_LOAD: u32 = 0;
const CODE_DEBUG_INFO: u32 = 2;

/// Bytes that every record begins with: kind, length, time.
const PREFIX_BYTES: u64 = 16;
/// Bytes of a code record without its name and code.
const LOAD_BYTES: u64 = PREFIX_BYTES + 40;
/// Bytes of a record of places without the places.
const DEBUG_BYTES: u64 = PREFIX_BYTES + 16;
/// Bytes of a place without its file's name.
const ENTRY_BYTES: u64 = 16;

/// What is said of a piece of code.
pub(super) struct Record<'a> {
    /// Nanoseconds of the profiler's clock.
    pub(super) time: u64,
    pub(super) process: u32,
    pub(super) thread: u32,
    /// Where the code is.
    pub(super) address: u64,
    /// Different for each piece.
    pub(super) index: u64,
    /// Without NUL.
    pub(super) name: &'a str,
    pub(super) code: &'a [u8],
    /// What the module is called where a file is asked for. Without NUL.
    pub(super) file: &'a str,
    /// From which address on code is of an offset in the module, ascending; 0 is none.
    pub(super) places: &'a [(u64, u32)],
}

/// Writes the beginning of a file.
pub(super) fn write_header(out: &mut impl Write, process: u32, time: u64) -> io::Result<()> {
    for number in [MAGIC, VERSION, HEADER_BYTES, ELF_X86_64, 0, process] {
        out.write_all(&number.to_le_bytes())?;
    }
    out.write_all(&time.to_le_bytes())?;
    // No flags.
    out.write_all(&0_u64.to_le_bytes())
}

impl Record<'_> {
    /// Writes the records of a piece of code.
    pub(super) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        if !self.places.is_empty() {
            self.write_places(out)?;
        }
        let bytes = LOAD_BYTES + self.name.len() as u64 + 1 + self.code.len() as u64;
        self.write_prefix(out, CODE_LOAD, bytes)?;
        for number in [self.process, self.thread] {
            out.write_all(&number.to_le_bytes())?;
        }
        for number in [self.address, self.address, self.code.len() as u64, self.index] {
            out.write_all(&number.to_le_bytes())?;
        }
        out.write_all(self.name.as_bytes())?;
        out.write_all(&[0])?;
        out.write_all(self.code)
    }

    fn write_places(&self, out: &mut impl Write) -> io::Result<()> {
        let count = self.places.len() as u64;
        let bytes = DEBUG_BYTES + count * (ENTRY_BYTES + self.file.len() as u64 + 1);
        self.write_prefix(out, CODE_DEBUG_INFO, bytes)?;
        out.write_all(&self.address.to_le_bytes())?;
        out.write_all(&count.to_le_bytes())?;
        for (address, line) in self.places {
            out.write_all(&address.to_le_bytes())?;
            out.write_all(&line.to_le_bytes())?;
            out.write_all(&0_u32.to_le_bytes())?;
            // The format has a short spelling for the same name again, which `perf` does not read.
            out.write_all(self.file.as_bytes())?;
            out.write_all(&[0])?;
        }
        Ok(())
    }

    fn write_prefix(&self, out: &mut impl Write, kind: u32, bytes: u64) -> io::Result<()> {
        let bytes = u32::try_from(bytes).map_err(|_| io::ErrorKind::FileTooLarge)?;
        out.write_all(&kind.to_le_bytes())?;
        out.write_all(&bytes.to_le_bytes())?;
        out.write_all(&self.time.to_le_bytes())
    }
}
