//! Machine code as text, told apart from the data that lies between it.
//!
//! 1. Instructions are found by following the code from its start and from where exceptions are looked at:
//!    through branches that name their target, and through tables of targets. What nobody gets to is data, and is never taken for code.
//! 2. A branch table is known by how Cranelift writes it: an address taken of the place right behind an
//!    indirect jump. It ends where the first of its targets, or of anybody's, begins.
//!
//! The bytes may be anything: every offset is decoded at most once, and no table is longer than what
//! there is.

use iced_x86::{Decoder, DecoderOptions, FastFormatter, Instruction, Mnemonic, OpKind};
use std::collections::{BTreeMap, BTreeSet};

/// Bytes of data that one line shows at most.
const DATA_BYTES: usize = 16;

/// Bytes of an entry of a branch table.
const ENTRY_BYTES: usize = 4;

/// What a line of a listing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineKind {
    /// An instruction.
    Instruction,
    /// Offsets that an indirect jump chooses from.
    Table,
    /// Constants, and what lies between for alignment.
    Data,
}

/// A line of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Where its bytes begin.
    pub offset: u32,
    /// How many there are.
    pub len: u32,
    /// What they are.
    pub kind: LineKind,
    /// An instruction in Intel's syntax, where addresses of the code are offsets in it; a table's
    /// targets; data's name.
    pub text: String,
}

/// The lines of a piece of x86-64 code of the compiler's, in order; together they are all of its bytes.
/// `handlers` are where exceptions are looked at.
#[must_use]
pub fn disassemble(code: &[u8], handlers: &[u32]) -> Vec<Line> {
    let mut found = Found { code, ..Found::default() };
    found.follow(0);
    for handler in handlers {
        found.targets.insert(*handler as usize);
        found.follow(*handler as usize);
    }
    // What is behind one table may lead to another.
    while let Some(table) = found.tables_waiting.pop() {
        found.read_table(table);
    }
    found.lines()
}

#[derive(Default)]
struct Found<'a> {
    code: &'a [u8],
    instructions: BTreeMap<usize, Instruction>,
    /// Offsets whose addresses are taken.
    addresses: BTreeSet<usize>,
    /// Offsets that branches name.
    targets: BTreeSet<usize>,
    tables_waiting: Vec<usize>,
    /// Tables by offset, and their targets.
    tables: BTreeMap<usize, Vec<usize>>,
    entries: usize,
}

impl Found<'_> {
    /// Decodes everything that code at an offset leads to.
    fn follow(&mut self, start: usize) {
        let mut waiting = vec![start];
        while let Some(start) = waiting.pop() {
            let Some(bytes) = self.code.get(start..) else { continue };
            let mut decoder = Decoder::with_ip(64, bytes, start as u64, DecoderOptions::NONE);
            while decoder.can_decode() {
                let at = decoder.ip() as usize;
                if self.instructions.contains_key(&at) {
                    break;
                }
                let instruction = decoder.decode();
                if instruction.is_invalid() {
                    break;
                }
                self.instructions.insert(at, instruction);
                if !self.step(&instruction, &mut waiting) {
                    break;
                }
            }
        }
    }

    /// Notes where an instruction leads; says whether the next one is executed after it.
    fn step(&mut self, instruction: &Instruction, waiting: &mut Vec<usize>) -> bool {
        let is_near = instruction.op0_kind() == OpKind::NearBranch64;
        match instruction.mnemonic() {
            Mnemonic::Ret | Mnemonic::Ud2 => return false,
            Mnemonic::Jmp if !is_near => {
                let next = instruction.next_ip() as usize;
                if self.addresses.contains(&next) {
                    self.tables_waiting.push(next);
                }
                return false;
            }
            Mnemonic::Lea if instruction.is_ip_rel_memory_operand() => {
                self.addresses.insert(instruction.ip_rel_memory_address() as usize);
            }
            mnemonic if is_near && mnemonic != Mnemonic::Call => {
                let target = instruction.near_branch_target() as usize;
                self.targets.insert(target);
                waiting.push(target);
                return mnemonic != Mnemonic::Jmp;
            }
            _ => {}
        }
        true
    }

    fn read_table(&mut self, table: usize) {
        let len = self.code.len();
        let mut end = self.targets.range(table + 1..).next().copied().unwrap_or(len).min(len);
        let mut targets = Vec::new();
        let mut at = table;
        // All tables together are no longer than the code: in ours they do not overlap.
        while at + ENTRY_BYTES <= end && self.entries < len {
            let (entry, _) = self.code[at..].split_at(ENTRY_BYTES);
            let offset = i32::from_le_bytes(entry.try_into().unwrap_or_default());
            let Some(target) = table.checked_add_signed(offset as isize).filter(|at| *at < len)
            else {
                break;
            };
            if target > table {
                end = end.min(target);
            }
            targets.push(target);
            self.entries += 1;
            at += ENTRY_BYTES;
        }
        for target in &targets {
            self.targets.insert(*target);
            self.follow(*target);
        }
        self.tables.insert(table, targets);
    }

    /// Everything in order, with what nobody gets to between.
    fn lines(&self) -> Vec<Line> {
        let mut formatter = FastFormatter::new();
        formatter.options_mut().set_use_hex_prefix(true);
        formatter.options_mut().set_uppercase_hex(false);
        formatter.options_mut().set_space_after_operand_separator(true);
        let mut lines = Vec::new();
        let mut end = 0;
        let tables = self.tables.iter().map(|(at, targets)| (*at, Piece::Table(targets)));
        let code = self.instructions.iter().map(|(at, found)| (*at, Piece::Instruction(found)));
        let mut pieces: Vec<_> = tables.chain(code).collect();
        pieces.sort_by_key(|(at, _)| *at);
        for (at, piece) in pieces {
            // Instructions of foreign code may overlap.
            if at < end {
                continue;
            }
            self.push_data(end..at, &mut lines);
            let (len, kind, text) = match piece {
                Piece::Instruction(instruction) => {
                    let mut text = String::new();
                    formatter.format(instruction, &mut text);
                    (instruction.len(), LineKind::Instruction, text)
                }
                Piece::Table(targets) => {
                    let texts: Vec<String> =
                        targets.iter().map(|target| format!("{target:#x}")).collect();
                    (targets.len() * ENTRY_BYTES, LineKind::Table, texts.join(" "))
                }
            };
            end = at + len;
            if len > 0 {
                lines.push(Line { offset: at as u32, len: len as u32, kind, text });
            }
        }
        self.push_data(end..self.code.len(), &mut lines);
        lines
    }

    fn push_data(&self, range: std::ops::Range<usize>, lines: &mut Vec<Line>) {
        let mut at = range.start;
        while at < range.end {
            // Constants are read at their own offsets, which are aligned.
            let next = (at + 1).next_multiple_of(DATA_BYTES).min(range.end);
            let line = |text: &str| Line {
                offset: at as u32,
                len: (next - at) as u32,
                kind: LineKind::Data,
                text: text.to_owned(),
            };
            lines.push(line("data"));
            at = next;
        }
    }
}

enum Piece<'a> {
    Instruction(&'a Instruction),
    Table(&'a [usize]),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(code: &[u8]) -> Vec<(u32, String)> {
        let lines = disassemble(code, &[]);
        let mut end = 0;
        for line in &lines {
            assert_eq!(line.offset, end, "nothing is left out: {lines:?}");
            end += line.len;
        }
        assert_eq!(end as usize, code.len());
        lines.into_iter().map(|line| (line.offset, line.text)).collect()
    }

    #[test]
    fn tables_are_told_from_code_and_so_is_what_nobody_gets_to() {
        // lea rax, [rip+0]: the address behind the jump is taken.
        let head = [0x48, 0x8D, 0x05, 0x02, 0, 0, 0, 0xFF, 0xE0];
        // Two targets: behind the table, and one instruction further.
        let table = [8, 0, 0, 0, 9, 0, 0, 0];
        let code = [&head[..], &table, &[0x90, 0xC3, 0x0F]].concat();
        let expected = [
            (0, "lea rax, [0x9]"),
            (7, "jmp rax"),
            (9, "0x11 0x12"),
            (17, "nop"),
            (18, "ret"),
            (19, "data"),
        ];
        assert_eq!(texts(&code), expected.map(|(at, text)| (at, text.to_owned())));
    }

    #[test]
    fn any_bytes_are_listed_whole() {
        let mut state = 1_u64;
        for len in 0..2000 {
            let bytes = (0..len).map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                // Many of what this file looks at.
                match state >> 61 {
                    0 => 0xEB,
                    1 => 0x8D,
                    2 => 0xFF,
                    _ => (state >> 33) as u8,
                }
            });
            texts(&bytes.collect::<Vec<u8>>());
        }
    }
}
