//! Finding the sequences of operators that the interpreter executes as one.
//!
//! The rows of [`for_each_fused_operator`](dunlin_core::for_each_fused_operator) become a trie at compile
//! time: a node a prefix, an edge an opcode. At an operator's start, [`fuse`] walks it through the bytes
//! ahead, as far as immediates are in their shortest spelling, and answers with the longest sequence.
//! Nothing is decoded twice: an operator of a sequence has a known length.
//!
//! A sequence never contains a branch target but at its start, since no operator that makes one (`block`,
//! `loop`, `else`, `end`) is in a row.

use dunlin_core::Operator;

/// A sequence at the bytes looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fused {
    /// The opcode that stands for it.
    pub(crate) code: u8,
    /// Bytes of its operators, up to the last one's opcode at least.
    pub(crate) bytes: usize,
}

/// What follows an opcode in a sequence.
#[derive(Clone, Copy)]
enum Immediate {
    /// Nothing, or an operator that ends every sequence it is in.
    None,
    /// A local's index.
    Local,
    /// A constant.
    Const,
    /// A memory argument.
    Memory,
}

const fn immediate(opcode: u8) -> Immediate {
    match opcode {
        0x20..=0x22 => Immediate::Local,
        0x28..=0x3E => Immediate::Memory,
        0x41 | 0x42 => Immediate::Const,
        _ => Immediate::None,
    }
}

/// A row of the trie's source.
struct Row {
    code: u8,
    names: &'static [Operator],
    weak: bool,
}

macro_rules! is_weak {
    () => {
        false
    };
    (weak) => {
        true
    };
}

macro_rules! rows {
    ($($code:literal ($($name:ident)*) $handler:ident $(<$($argument:ident),*>)? $($weak:ident)?;)*) => {
        const ROWS: &[Row] = &[$(
            Row { code: $code, names: &[$(Operator::$name),*], weak: is_weak!($($weak)?) },
        )*];
    };
}

dunlin_core::for_each_fused_operator!(rows);

/// The operators that a code stands for; none if it is of no row.
pub(crate) fn sequence(code: u8) -> &'static [Operator] {
    ROWS.iter().find(|row| row.code == code).map_or(&[], |row| row.names)
}

/// Nodes of the trie; the compiler says when they do not suffice.
const NODES: usize = 64;
/// Kinds of opcodes: 0 is every opcode without an edge.
const KINDS: usize = 32;

/// The trie. Node 0 is the root, and no edge leads there.
struct Trie {
    kinds: [u8; 256],
    /// The edges of the root, by opcode.
    begins: [u8; 256],
    edges: [[u8; KINDS]; NODES],
    /// The code of the row that ends at a node, or 0.
    codes: [u8; NODES],
    weak: [bool; NODES],
}

static TRIE: Trie = Trie::new();

impl Trie {
    const fn new() -> Self {
        let mut trie = Self {
            kinds: [0; 256],
            begins: [0; 256],
            edges: [[0; KINDS]; NODES],
            codes: [0; NODES],
            weak: [false; NODES],
        };
        let (mut kinds, mut nodes, mut row) = (1, 1, 0);
        while row < ROWS.len() {
            let (mut node, mut at) = (0, 0);
            while at < ROWS[row].names.len() {
                let opcode = ROWS[row].names[at].code() as usize;
                if trie.kinds[opcode] == 0 {
                    trie.kinds[opcode] = kinds;
                    kinds += 1;
                }
                let edge = &mut trie.edges[node][trie.kinds[opcode] as usize];
                if *edge == 0 {
                    *edge = nodes;
                    nodes += 1;
                }
                node = *edge as usize;
                if at == 0 {
                    trie.begins[opcode] = node as u8;
                }
                at += 1;
            }
            trie.codes[node] = ROWS[row].code;
            trie.weak[node] = ROWS[row].weak;
            row += 1;
        }
        trie
    }
}

/// The longest sequence at the start of `bytes`, which is an operator's start. `plain` says of a local
/// whether its index is its slot and it takes one.
// Two passes call it, and in both it is hot.
#[inline(always)]
pub(crate) fn fuse(bytes: &[u8], plain: impl Fn(u8) -> bool) -> Option<Fused> {
    let found = longest(bytes, &plain)?;
    if !found.weak {
        return Some(found.fused);
    }
    // What ends this sequence may begin a better one.
    match longest(&bytes[found.last..], &plain) {
        Some(better) if !better.weak && better.operators > 2 => {
            let shorter = found.operators > 2;
            shorter
                .then(|| longest(&bytes[..found.last], &plain).map(|found| found.fused))
                .flatten()
        }
        _ => Some(found.fused),
    }
}

struct Found {
    fused: Fused,
    operators: u32,
    /// Where the last operator starts.
    last: usize,
    weak: bool,
}

#[inline(always)]
fn longest(bytes: &[u8], plain: &impl Fn(u8) -> bool) -> Option<Found> {
    // Most operators begin nothing, which is one look into a table.
    let mut opcode = *bytes.first()?;
    let mut node = usize::from(TRIE.begins[usize::from(opcode)]);
    if node == 0 {
        return None;
    }
    let mut end = behind(bytes, 0, opcode, plain)?;
    let mut operators = 1;
    let mut best = None;
    while let Some(code) = bytes.get(end) {
        opcode = *code;
        let kind = usize::from(TRIE.kinds[usize::from(opcode)]);
        node = usize::from(TRIE.edges[node % NODES][kind % KINDS]);
        if node == 0 {
            break;
        }
        let last = end;
        match behind(bytes, last, opcode, plain) {
            Some(behind) => end = behind,
            None => break,
        }
        operators += 1;
        let code = TRIE.codes[node % NODES];
        if code != 0 {
            let fused = Fused { code, bytes: end };
            best = Some(Found { fused, operators, last, weak: TRIE.weak[node % NODES] });
        }
    }
    best
}

/// Where the operator ends that begins at `at`, if its immediates are in their shortest spelling and its local is plain.
// Which kind of operator it is cannot be foretold, so nothing is decided by a jump.
#[inline(always)]
fn behind(bytes: &[u8], at: usize, opcode: u8, plain: &impl Fn(u8) -> bool) -> Option<usize> {
    let spelling = &SPELLINGS[usize::from(opcode)];
    let byte = |ahead: usize| bytes.get(at + ahead).copied().unwrap_or(0);
    let (first, second) = (byte(1), byte(2));
    let is_long = (first & spelling.longer[0]) | (second & spelling.longer[1]) != 0;
    let end = at + 1 + usize::from(spelling.bytes);
    let is_plain = !spelling.is_local || plain(first);
    (!is_long & is_plain & (end <= bytes.len())).then_some(end)
}

/// How immediates are spelled in the shortest way.
struct Spelling {
    /// How many bytes they then are.
    bytes: u8,
    /// Bits of these bytes that say that they are longer.
    longer: [u8; 2],
    is_local: bool,
}

impl Spelling {
    const fn of(immediate: Immediate) -> Self {
        let (bytes, longer) = match immediate {
            Immediate::None => (0, [0, 0]),
            Immediate::Local | Immediate::Const => (1, [0x80, 0]),
            // An alignment with the bit 0x40 has the index of a memory behind it.
            Immediate::Memory => (2, [0xC0, 0x80]),
        };
        Self { bytes, longer, is_local: matches!(immediate, Immediate::Local) }
    }
}

/// By opcode.
static SPELLINGS: [Spelling; 256] = {
    let mut spellings = [const { Spelling::of(Immediate::None) }; 256];
    let mut opcode = 0;
    while opcode < 256 {
        spellings[opcode] = Spelling::of(immediate(opcode as u8));
        opcode += 1;
    }
    spellings
};

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    /// The shortest spelling of a row's operators.
    fn spelled(row: &Row) -> Vec<u8> {
        let mut bytes = Vec::new();
        for name in row.names {
            let opcode = name.code() as u8;
            bytes.push(opcode);
            match immediate(opcode) {
                Immediate::None => {}
                Immediate::Local | Immediate::Const => bytes.push(0x7F),
                Immediate::Memory => bytes.extend([0x02, 0x7F]),
            }
        }
        bytes
    }

    #[test]
    fn every_row_is_found_whole() {
        for row in ROWS {
            let bytes = spelled(row);
            let found = fuse(&bytes, |_| true);
            assert_eq!(
                found,
                Some(Fused { code: row.code, bytes: bytes.len() }),
                "{:?}",
                row.names
            );
        }
    }

    #[test]
    fn codes_are_of_no_operator_and_of_one_row() {
        for (at, row) in ROWS.iter().enumerate() {
            assert_eq!(Operator::from_code(None, row.code.into()), None, "{:#x}", row.code);
            assert!(!(0xE0..=0xEA).contains(&row.code) && row.code < 0xFB, "{:#x}", row.code);
            assert!(ROWS[..at].iter().all(|other| other.code != row.code), "{:#x}", row.code);
        }
    }

    #[test]
    fn long_immediates_and_other_locals_are_left_alone() {
        for row in ROWS {
            let bytes = spelled(row);
            for at in 0..bytes.len() {
                if bytes[at] == 0x7F {
                    let mut long = bytes.clone();
                    long.splice(at..=at, [0xFF, 0x00]);
                    assert_ne!(fuse(&long, |_| true).map(|found| found.code), Some(row.code));
                }
                assert_ne!(fuse(&bytes[..at], |_| true).map(|found| found.code), Some(row.code));
            }
            let has_local = row.names.iter().any(|name| matches!(name.code(), 0x20..=0x22));
            let found = fuse(&bytes, |_| false).map(|found| found.code);
            assert!(!has_local || found != Some(row.code), "{:?}", row.names);
        }
    }

    #[test]
    fn a_weak_row_leaves_its_last_operator_to_a_longer_one() {
        // local.get 1, then local.get 2, i32.const 3, i32.add
        let bytes = [0x20, 1, 0x20, 2, 0x41, 3, 0x6A, 0x0B];
        assert_eq!(fuse(&bytes, |_| true), None);
        assert_eq!(fuse(&bytes[2..], |_| true).map(|found| found.bytes), Some(5));
        // local.get 0 before them makes a pair with the first.
        let longer = [&[0x20, 0], &bytes[..]].concat();
        assert_eq!(fuse(&longer, |_| true).map(|found| found.bytes), Some(4));
    }
}
