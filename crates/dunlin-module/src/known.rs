//! Functions that have been prepared before, as bytes: whoever keeps them for the next process spares it validating them.
//!
//! What is read from such bytes is executed as it is, like machine code: they are for who can tell that nobody but this
//! engine has written them, of the same bytes of a module. Nevertheless nothing in them makes this crate panic.
//!
//! An entry is a list of functions in ascending order, each with the length of what follows of it, so that one is read when
//! it is called and not before. Of functions that catch exceptions nothing is said: they are rare.

use crate::handlers::Handlers;
use crate::side::Prepared;
use crate::{Module, Scratch};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Range;

/// Functions of a module that have been prepared before.
pub struct Known {
    entry: Arc<Vec<u8>>,
    /// Functions in ascending order, each with where it stands.
    functions: Vec<(u32, Range<usize>)>,
}

impl Module {
    /// These functions, which are in ascending order, as bytes for [`Known::read`]. Of those that are not valid, or catch
    /// exceptions, nothing is said.
    #[must_use]
    pub fn write_known(&self, functions: &[u32]) -> Vec<u8> {
        let (mut out, mut scratch) = (Vec::new(), Scratch::default());
        for func in functions {
            let prepared = self.prepare(*func, &mut scratch).ok();
            let prepared = prepared.filter(|prepared| prepared.handlers.is_empty());
            let body = prepared.as_ref().map(write).unwrap_or_default();
            number(&mut out, *func);
            number(&mut out, body.len() as u32);
            out.extend(body);
        }
        out
    }
}

impl Known {
    /// Reads where each function stands in this part of some bytes; `None` if it makes no sense.
    #[must_use]
    pub fn read(entry: Arc<Vec<u8>>, part: Range<usize>, module: &Module) -> Option<Self> {
        let mut functions: Vec<(u32, Range<usize>)> = Vec::new();
        let mut reader = Reader { bytes: entry.get(..part.end)?, at: part.start };
        while reader.at < part.end {
            let (func, len) = (reader.number()?, reader.number()? as usize);
            let start = reader.at;
            let end = start.checked_add(len).filter(|end| *end <= part.end)?;
            let is_next = functions.last().is_none_or(|last| last.0 < func);
            if !is_next || module.body_range(func).is_none() {
                return None;
            }
            functions.push((func, start..end));
            reader.at = end;
        }
        Some(Self { entry, functions })
    }

    /// The functions, in ascending order.
    pub fn functions(&self) -> impl ExactSizeIterator<Item = u32> {
        self.functions.iter().map(|function| function.0)
    }

    /// Whether a function is among them.
    #[must_use]
    pub fn has(&self, func: u32) -> bool {
        self.functions.binary_search_by_key(&func, |function| function.0).is_ok()
    }

    /// A function, if it is among them.
    pub(crate) fn get(&self, func: u32) -> Option<Prepared> {
        let place = self.functions.binary_search_by_key(&func, |function| function.0).ok()?;
        let bytes = self.entry.get(self.functions[place].1.clone())?;
        read(bytes)
    }
}

fn number(out: &mut Vec<u8>, number: u32) {
    out.extend_from_slice(&number.to_le_bytes());
}

fn numbers(out: &mut Vec<u8>, list: &[u32]) {
    number(out, list.len() as u32);
    list.iter().for_each(|one| number(out, *one));
}

fn write(prepared: &Prepared) -> Vec<u8> {
    let mut out = Vec::new();
    let Prepared { code_offset, words, relocations, loops, .. } = prepared;
    let Prepared { params, locals, results, frame, patched, handlers: _, .. } = prepared;
    for one in [code_offset, params, locals, results, frame] {
        number(&mut out, *one);
    }
    number(&mut out, words.len() as u32);
    words.iter().for_each(|word| out.extend_from_slice(&word.to_le_bytes()));
    numbers(&mut out, relocations);
    numbers(&mut out, loops);
    match patched {
        Some(body) => {
            number(&mut out, body.len() as u32);
            out.extend_from_slice(body);
        }
        // No body is so long.
        None => number(&mut out, u32::MAX),
    }
    out
}

fn read(bytes: &[u8]) -> Option<Prepared> {
    let mut reader = Reader { bytes, at: 0 };
    let mut head = [0; 5];
    for one in &mut head {
        *one = reader.number()?;
    }
    let [code_offset, params, locals, results, frame] = head;
    let count = reader.number()? as usize;
    let words = reader.take(count.checked_mul(8)?)?.as_chunks().0;
    let words: Vec<u64> = words.iter().map(|word| u64::from_le_bytes(*word)).collect();
    let relocations = reader.numbers(words.len())?;
    let loops = reader.numbers(words.len())?;
    let patched: Option<Box<[u8]>> = match reader.number()? {
        u32::MAX => None,
        len => Some(reader.take(len as usize)?.into()),
    };
    let is_whole = reader.at == bytes.len() && locals >= params;
    is_whole.then_some(Prepared {
        code_offset,
        words,
        relocations,
        loops,
        params,
        locals,
        results,
        frame,
        patched,
        handlers: Handlers::default(),
    })
}

struct Reader<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl<'b> Reader<'b> {
    fn take(&mut self, len: usize) -> Option<&'b [u8]> {
        let end = self.at.checked_add(len)?;
        let taken = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }

    fn number(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(*self.take(4)?.first_chunk()?))
    }

    /// Numbers that are all below a bound.
    fn numbers(&mut self, below: usize) -> Option<Vec<u32>> {
        let count = self.number()? as usize;
        let list = self.take(count.checked_mul(4)?)?.as_chunks().0;
        let list: Vec<u32> = list.iter().map(|one| u32::from_le_bytes(*one)).collect();
        list.iter().all(|one| (*one as usize) < below).then_some(list)
    }
}

#[cfg(all(test, feature = "std"))]
mod tests {
    use super::{Known, read};
    use crate::{Features, Module, Scratch};
    use alloc::sync::Arc;
    use alloc::vec::Vec;

    /// Functions with loops, branches, calls, a fused sequence, vectors; the last catches, and the one before is invalid.
    fn module() -> Vec<u8> {
        wat::parse_str(
            r#"(module (memory 1) (tag $t) (global $v (mut v128) (v128.const i64x2 0 0))
            (func $a (param i32) (result i32) (local i32)
                (loop $l (local.set 1 (i32.add (local.get 1) (local.get 0)))
                    (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
                (block (br_table 0 0 (local.get 1))) (i32.load (local.get 1)))
            (func $b (param i64 i32) (result i64) (if (result i64) (local.get 1) (then (local.get 0))
                (else (i64.extend_i32_u (call $a (local.get 1))))))
            (func $c (global.set $v (i32x4.splat (i32.const 1))))
            (func $d) (func $e (try_table (catch_all 0) (throw $t))))"#,
        )
        .expect("a text")
    }

    fn parse(again: bool) -> Module {
        let bytes = Arc::new(module());
        let features = Features::default();
        let module = if again {
            Module::parse_again(bytes, features)
        } else {
            Module::parse(bytes, features)
        };
        module.expect("a module").with_fusing(true)
    }

    #[test]
    fn what_is_known_is_what_was_prepared() {
        let first = parse(false);
        let entry = first.write_known(&[0, 1, 2, 3, 4]);
        let again = parse(true);
        let part = 3..3 + entry.len();
        let entry = [&b"one"[..], &entry, b"more"].concat();
        let known = Known::read(Arc::new(entry), part, &again).expect("an entry");
        assert_eq!(known.functions().collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
        assert!(known.get(3).is_some() && known.get(4).is_none(), "nothing of what catches");
        let again = again.with_known(known);
        let mut scratch = Scratch::default();
        for func in 0..5 {
            let (a, b) = (first.prepare(func, &mut scratch), again.prepare(func, &mut scratch));
            assert_eq!(a.expect("it is valid"), b.expect("it is valid"), "{func}");
            again.validate(func, &mut scratch).expect("it is valid");
        }
        // Nothing is known of its declarations but that they are valid: they are validated when that is needed.
        let (_, slowly) = parse(true).prepare_both_ways(2, &mut scratch);
        assert_eq!(
            slowly.expect("it is valid"),
            first.prepare(2, &mut scratch).expect("it is valid")
        );
    }

    #[test]
    fn damage_makes_nothing_panic() {
        let module = parse(false);
        let entry = module.write_known(&[0, 1, 2, 3]);
        for at in 0..entry.len() {
            for change in [1, 0x80, 0xff] {
                let mut damaged = entry.clone();
                damaged[at] ^= change;
                for damaged in [damaged, entry[..at].to_vec()] {
                    let part = 0..damaged.len();
                    let Some(known) = Known::read(Arc::new(damaged), part, &module) else {
                        continue;
                    };
                    known.functions.iter().for_each(|of| drop(read(&known.entry[of.1.clone()])));
                }
            }
        }
        let (part, after) = (0..entry.len(), 0..entry.len() + 1);
        let entry = Arc::new(entry);
        assert!(Known::read(entry.clone(), part, &parse(false)).is_some());
        assert!(Known::read(entry, after, &parse(false)).is_none(), "the part is not within");
    }
}
