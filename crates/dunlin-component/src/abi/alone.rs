//! Runs blocks of a program whose values are all in their bytes, from slice to slice: nothing is allocated, and nothing of
//! the store is looked at.

use super::fuse::{check_case, check_char};
use super::program::{Block, Program, Step};
use crate::trap::trap;
use dunlin::Result;
use std::ops::Range;

/// Passes a value that fills these bytes.
pub(super) fn pass(program: &Program, block: Block, from: &[u8], to: &mut [u8]) -> Result<()> {
    program.blocks[block as usize].iter().try_for_each(|step| self::step(program, step, from, to))
}

fn step(program: &Program, step: &Step, from: &[u8], to: &mut [u8]) -> Result<()> {
    match step {
        Step::Bits(at, bytes) | Step::Signed(at, bytes) => {
            let range = range(at.offset, *bytes);
            let (Some(from), Some(to)) = (from.get(range.clone()), to.get_mut(range)) else {
                return Err(missing());
            };
            to.copy_from_slice(from);
            Ok(())
        }
        Step::Bool(at) => write(to, at.offset, 1, u32::from(read(from, at.offset, 1)? != 0)),
        Step::Char(at) => {
            let value = read(from, at.offset, 4)?;
            check_char(value)?;
            write(to, at.offset, 4, value)
        }
        Step::Enum(at, bytes, cases) => {
            let value = read(from, at.offset, *bytes)?;
            check_case(value, *cases)?;
            write(to, at.offset, *bytes, value)
        }
        Step::Flags(at, bytes, mask) => {
            write(to, at.offset, *bytes, read(from, at.offset, *bytes)? & mask)
        }
        Step::Repeat(at, elements, count) => (0..*count).try_for_each(|index| {
            let range = range(at.offset + index * elements.size, elements.size);
            let (Some(from), Some(to)) = (from.get(range.clone()), to.get_mut(range)) else {
                return Err(missing());
            };
            pass(program, elements.block, from, to)
        }),
        Step::Variant(at, choice) => {
            let case = read(from, at.offset, choice.bytes)?;
            check_case(case, choice.cases.len() as u32)?;
            write(to, at.offset, choice.bytes, case)?;
            match choice.cases[case as usize] {
                Some(block) => pass(program, block, from, to),
                None => Ok(()),
            }
        }
        Step::String(_) | Step::List(..) | Step::Own(..) | Step::Borrow(..) | Step::Async(_) => {
            Err(missing())
        }
    }
}

fn range(offset: u32, bytes: u32) -> Range<usize> {
    offset as usize..(offset + bytes) as usize
}

#[inline]
fn read(from: &[u8], offset: u32, bytes: u32) -> Result<u32> {
    let from = from.get(range(offset, bytes)).ok_or_else(missing)?;
    Ok(match *from {
        [a] => a.into(),
        [a, b] => u16::from_le_bytes([a, b]).into(),
        [a, b, c, d] => u32::from_le_bytes([a, b, c, d]),
        _ => return Err(missing()),
    })
}

#[inline]
fn write(to: &mut [u8], offset: u32, bytes: u32, value: u32) -> Result<()> {
    let to = to.get_mut(range(offset, bytes)).ok_or_else(missing)?;
    to.copy_from_slice(value.to_le_bytes().get(..bytes as usize).ok_or_else(missing)?);
    Ok(())
}

#[cold]
fn missing() -> dunlin::Error {
    trap("bytes of a value are missing")
}
