//! What the interpreter executes of a function, for reports: its operators, what stands in their place in
//! the private copy, and the words of the side table that each owns.

use crate::body::Scratch;
use crate::fuse;
use crate::side::{Branch, END_BIT, ESCAPE_POPS};
use crate::text::OperatorText;
use crate::{Invalid, Module, Prepared};
use alloc::vec::Vec;
use core::fmt;
use dunlin_core::Operator;

/// A function as the interpreter executes it.
#[derive(Clone, Debug)]
pub struct Listing {
    /// Slots of the parameters.
    pub params: u32,
    /// Slots of all locals, parameters included.
    pub locals: u32,
    /// Slots of the results.
    pub results: u32,
    /// Slots that an activation needs.
    pub frame: u32,
    /// Words of the side table.
    pub words: usize,
    /// The operators, in order.
    pub steps: Vec<Step>,
}

/// An operator as the interpreter executes it.
#[derive(Clone, Debug)]
pub struct Step {
    /// What it is.
    pub operator: OperatorText,
    /// The opcode that stands in its place in the private copy, if another does.
    pub replaced_by: Option<u8>,
    /// The operators that this opcode executes; none if it executes this one alone.
    pub sequence: &'static [Operator],
    /// Its words of the side table.
    pub words: Vec<(usize, SideWord)>,
}

/// A word of the side table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SideWord {
    /// A branch.
    Branch {
        /// Where it goes, as an offset in the module.
        target: usize,
        /// The word that is next there.
        word: usize,
        /// Slots that it keeps where it drops others.
        kept: u32,
        /// Slots below those that it drops.
        dropped: u32,
    },
    /// The function's last `end`, with the slots of its results.
    End(u64),
    /// The slot of a local.
    Slot(u64),
    /// A number of slots.
    Slots(u64),
}

impl Module {
    /// What the interpreter executes of a function.
    ///
    /// # Errors
    ///
    /// As [`Module::prepare`].
    pub fn listing(&self, func: u32) -> Result<Listing, Invalid> {
        let mut firsts: Vec<(u32, u32)> = Vec::new();
        let prepared = self.prepare_and_tell(func, &mut Scratch::default(), |offset, word| {
            // It began again.
            if firsts.last().is_some_and(|(last, _)| *last >= offset) {
                firsts.clear();
            }
            firsts.push((offset, word));
        })?;
        let start = self.body_range(func).map_or(0, |range| range.start);
        let operators = self.operators(func)?;
        // Wide records lie behind the words of the last operator, the final `end`, which owns two.
        let end = firsts.last().map_or(0, |(_, word)| *word as usize + 2);
        let nexts = firsts.iter().skip(1).map(|(_, word)| *word as usize).chain([end]);
        let steps = operators.into_iter().zip(&firsts).zip(nexts);
        let steps = steps.map(|((operator, (_, first)), next)| {
            let code = self.bytes()[operator.offset];
            let words = *first as usize..next.min(prepared.words.len());
            // `dip` counts from behind the opcode.
            let at = (operator.offset - start + 1) as i64;
            let words = words.map(|index| (index, word(&prepared, code, index, at, start)));
            let patched = prepared.patched.as_ref().map(|copy| copy[operator.offset - start]);
            let replaced_by = patched.filter(|patched| *patched != code);
            let sequence = replaced_by.map_or(&[][..], fuse::sequence);
            Step { words: words.collect(), operator, replaced_by, sequence }
        });
        Ok(Listing {
            params: prepared.params,
            locals: prepared.locals,
            results: prepared.results,
            frame: prepared.frame,
            words: prepared.words.len(),
            steps: steps.collect(),
        })
    }
}

/// What a word means to its owner: the operator with this opcode, behind which `at` is.
fn word(prepared: &Prepared, code: u8, index: usize, at: i64, start: usize) -> SideWord {
    let words = &prepared.words;
    let raw = words[index];
    let is_branch = matches!(code, 0x04 | 0x05 | 0x07 | 0x0C..=0x0F | 0x19);
    if !is_branch {
        // The last `end` owns its mark, and then the slots of the results.
        let is_end = code == 0x0B;
        let is_local = matches!(code, 0x09 | 0x20..=0x22);
        return match raw & END_BIT {
            0 if is_local => SideWord::Slot(raw),
            0 => SideWord::Slots(raw),
            _ if is_end => SideWord::End(words.get(index + 1).copied().unwrap_or(0)),
            bits => SideWord::Slots(raw & !bits),
        };
    }
    let branch = Branch::unpack(raw);
    if u64::from(branch.pops) == ESCAPE_POPS {
        let record = index.wrapping_add_signed(branch.dip as isize);
        if let Some([target, word, moved]) = words.get(record..record + 3) {
            return SideWord::Branch {
                target: start + *target as usize,
                word: record.wrapping_add_signed(*word as isize),
                kept: *moved as u32,
                dropped: (*moved >> 32) as u32,
            };
        }
    }
    SideWord::Branch {
        target: (start as i64 + at + i64::from(branch.dip)) as usize,
        word: index.wrapping_add_signed(branch.dstp.into()),
        kept: branch.vals.into(),
        dropped: branch.pops.into(),
    }
}

impl fmt::Display for SideWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Branch { target, word, kept, dropped } => {
                write!(f, "to {target:#x}, word {word}")?;
                if *dropped > 0 {
                    write!(f, ", keeps {kept}, drops {dropped}")?;
                }
                Ok(())
            }
            Self::End(results) => write!(f, "end, results {results}"),
            Self::Slot(slot) => write!(f, "slot {slot}"),
            Self::Slots(slots) => write!(f, "slots {slots}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Features;
    use alloc::string::{String, ToString};
    use alloc::sync::Arc;
    use alloc::{format, vec};

    fn listing(text: &str) -> Listing {
        let bytes = wat::parse_str(text).expect("a valid text");
        let module = Module::parse(Arc::new(bytes), Features::default()).expect("an index");
        module.with_fusing(true).listing(0).expect("a valid body")
    }

    #[test]
    fn words_are_given_to_their_operators() {
        let listing = listing(
            "(module (func (param i32) (result i32)
                (block (result i32)
                    i32.const 9 i32.const 7 local.get 0 br_if 0 drop)
                local.get 0
                if nop else i32.const 3 return end
                loop local.get 0 br_if 0 end
                local.get 0
                br_table 0 0))",
        );
        let lines: Vec<String> = listing
            .steps
            .iter()
            .filter(|step| !step.words.is_empty())
            .map(|step| {
                let words: Vec<String> =
                    step.words.iter().map(|(at, word)| format!("[{at}] {word}")).collect();
                format!("{:#x} {}: {}", step.operator.offset, step.operator.text, words.join("; "))
            })
            .collect();
        let expected = [
            "0x21 br_if 0: [0] to 0x25, word 1, keeps 1, drops 1",
            "0x27 if: [1] to 0x2b, word 3",
            "0x2a else: [2] to 0x2f, word 4",
            "0x2d return: [3] to 0x3c, word 7, keeps 1, drops 1",
            "0x33 br_if 0: [4] to 0x31, word 4",
            "0x38 br_table 0 0: [5] to 0x3c, word 7; [6] to 0x3c, word 7",
            "0x3c end: [7] end, results 1; [8] slots 1",
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn far_branches_go_by_their_wide_record() {
        let branch = |step: &Step| match step.words.first() {
            Some((_, SideWord::Branch { target, word, .. })) => Some((*target, *word)),
            _ => None,
        };
        let text = "(module (func (param i32) (block (br_if 0 (local.get 0)) PARTS)))";
        let far = listing(&text.replace("PARTS", &"(block (br 0))".repeat(40_000)));
        let first = far.steps.iter().find_map(branch).expect("the first branch");
        let end = &far.steps[far.steps.len() - 1];
        assert_eq!(first, (end.operator.offset, end.words[0].0));
    }

    #[test]
    fn sequences_and_vectors_are_shown_as_what_replaces_them() {
        let shown = listing(
            "(module (func (param i32 v128 i32) (result i32)
                (drop (local.get 1)) (i32.add (local.get 0) (i32.const 1))))",
        );
        let replaced: Vec<_> = shown
            .steps
            .iter()
            .filter_map(|step| {
                let operators: Vec<String> =
                    step.sequence.iter().map(ToString::to_string).collect();
                Some((step.operator.text.clone(), step.replaced_by?, operators.join(" ")))
            })
            .collect();
        let expected = vec![
            ("local.get 1".to_string(), crate::side::pseudo::LOCAL_GET_V128, String::new()),
            ("drop".to_string(), crate::side::pseudo::DROP_V128, String::new()),
            ("local.get 0".to_string(), 0xCB, "local.get i32.const i32.add".to_string()),
        ];
        assert_eq!(replaced, expected);
        assert_eq!((shown.params, shown.locals, shown.results), (4, 4, 1));
    }
}
