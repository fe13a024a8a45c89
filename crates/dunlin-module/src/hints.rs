//! Branch hints: what the custom section `metadata.code.branch_hint` says of branches (branch-hinting
//! proposal). They change how fast code is and never what it does, so nothing depends on them: a section
//! that makes no sense says nothing.

use crate::module::Span;
use crate::{Invalid, Module};
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use wasmparser::{BinaryReader, BranchHintSectionReader, Operator};

/// The name of the section.
pub(crate) const SECTION: &str = "metadata.code.branch_hint";

/// Numbers of sections in the binary format.
const CUSTOM_SECTION: u8 = 0;
const CODE_SECTION: u8 = 10;

/// A hint at a branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BranchHint {
    /// Offset of the `if` or `br_if` from its body's start, local declarations included.
    pub offset: u32,
    /// Whether its condition is likely to hold, rather than likely not to.
    pub likely: bool,
}

/// Hints of a module.
#[derive(Clone, Debug, Default)]
pub struct BranchHints(BTreeMap<u32, Vec<BranchHint>>);

impl BranchHints {
    /// The hints at branches of a function, by ascending offsets; they need not be at branches.
    #[must_use]
    pub fn of(&self, func: u32) -> &[BranchHint] {
        self.0.get(&func).map_or(&[], Vec::as_slice)
    }
}

impl Module {
    /// What the module says of its branches, in one pass over the section that does; nothing of a function
    /// whose hints are not in order, and nothing at all where the section is not well-formed.
    #[must_use]
    pub fn branch_hints(&self) -> BranchHints {
        let read = || -> Result<BranchHints, Invalid> {
            let mut all = BranchHints::default();
            let Some(span) = self.branch_hint_section else { return Ok(all) };
            self.each_hinted(span, |func, _, hints| {
                let is_new = !all.0.contains_key(&func);
                if is_new && hints.is_sorted_by(|a, b| a.offset < b.offset) {
                    all.0.insert(func, hints);
                }
                Ok(())
            })?;
            Ok(all)
        };
        read().unwrap_or_default()
    }

    /// Checks what the module says of its branches, which has no influence on whether it is valid.
    ///
    /// # Errors
    ///
    /// If there is more than one section, one behind the code, one that is not well-formed, or a hint that
    /// is at no branch or out of order.
    pub fn check_branch_hints(&self) -> Result<(), Invalid> {
        let mut code = false;
        let mut seen = false;
        for (id, span) in &self.sections {
            code |= *id == CODE_SECTION;
            if *id != CUSTOM_SECTION || self.section_name(*id, *span) != SECTION {
                continue;
            }
            let start = u64::from(span.start);
            if core::mem::replace(&mut seen, true) {
                return Err(Invalid::new("branch hints: multiple sections", start));
            }
            if code {
                return Err(Invalid::new("branch hints: section behind the code", start));
            }
        }
        let Some(span) = self.branch_hint_section else { return Ok(()) };
        let mut last = None;
        self.each_hinted(span, |func, at, hints| {
            if last.replace(func).is_some_and(|last| last >= func) {
                return Err(Invalid::new("branch hints: functions out of order", at));
            }
            self.check_hints_of(func, at, &hints)
        })
    }

    fn check_hints_of(&self, func: u32, at: u64, hints: &[BranchHint]) -> Result<(), Invalid> {
        let Some(body) = self.body(func) else {
            return Err(Invalid::new("branch hints: function has no body", at));
        };
        let start = body.range().start;
        let mut operators = body.get_operators_reader()?.into_iter_with_offsets();
        for hint in hints {
            let wanted = start + u64::from(hint.offset);
            // Behind the operator at hand there is none that an earlier hint could be at.
            let found = operators.find_map(|item| match item {
                Ok((_, offset)) if offset < wanted => None,
                item => Some(item),
            });
            match found {
                Some(Ok((Operator::If { .. } | Operator::BrIf { .. }, offset)))
                    if offset == wanted => {}
                Some(Err(error)) => return Err(error.into()),
                _ => return Err(Invalid::new("branch hints: invalid target", wanted)),
            }
        }
        Ok(())
    }

    /// Calls `each` with every function that has hints, where those stand in the module, and they.
    fn each_hinted(
        &self,
        span: Span,
        mut each: impl FnMut(u32, u64, Vec<BranchHint>) -> Result<(), Invalid>,
    ) -> Result<(), Invalid> {
        self.bytes.pin(span.range());
        let bytes = &self.bytes()[span.range()];
        let reader = BinaryReader::new(bytes, u64::from(span.start));
        for item in BranchHintSectionReader::new(reader)?.into_iter_with_offsets() {
            let (at, function) = item?;
            let hint = |hint: wasmparser::Result<wasmparser::BranchHint>| {
                hint.map(|hint| BranchHint { offset: hint.func_offset, likely: hint.taken })
            };
            let hints = function.hints.into_iter().map(hint).collect::<Result<_, _>>()?;
            each(function.func, at, hints)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::{BranchHint, Features, Module};
    use alloc::sync::Arc;
    use alloc::vec::Vec;

    /// Two functions, and a custom section of these bytes before them.
    fn module(section: &[u8], after: bool) -> Module {
        let text = "(module (func (param i32) (if (local.get 0) (then)))
            (func (param i32) (block (br_if 0 (local.get 0)) (br_if 0 (local.get 0)))))";
        let plain = wat::parse_str(text).expect("a valid text");
        let code = Module::parse(Arc::new(plain.clone()), Features::default())
            .expect("a valid module")
            .sections()
            .find(|section| section.name == "code")
            .expect("a section")
            .range;
        // The section's number and its size, one byte each.
        let at = if after { plain.len() } else { code.start - 2 };
        let name = super::SECTION.as_bytes();
        let mut bytes = plain[..at].to_vec();
        bytes.extend([0, (1 + name.len() + section.len()) as u8, name.len() as u8]);
        bytes.extend(name.iter().chain(section).chain(&plain[at..]));
        Module::parse(Arc::new(bytes), Features::default()).expect("a valid module")
    }

    #[test]
    fn hints_are_found_and_checked() {
        // A body begins with the number of its groups of locals.
        let module = module(&[2, 0, 1, 3, 1, 1, 1, 2, 5, 1, 0, 9, 1, 1], false);
        module.check_branch_hints().expect("they are at branches");
        let hints = module.branch_hints();
        assert_eq!(hints.of(0), [BranchHint { offset: 3, likely: true }]);
        let second =
            [BranchHint { offset: 5, likely: false }, BranchHint { offset: 9, likely: true }];
        assert_eq!(hints.of(1), second);
        assert!(hints.of(2).is_empty());
    }

    #[test]
    fn what_makes_no_sense_says_nothing_and_is_refused_by_who_asks() {
        let rows: [(&[u8], bool, usize, &str); 10] = [
            (&[], false, 0, "unexpected end"),
            (&[1], false, 0, "unexpected end"),
            (&[1, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F], false, 0, "unexpected end"),
            (&[1, 0, 1, 3, 2, 1], false, 0, "hint byte"),
            (&[1, 0, 1, 3, 1, 2], false, 0, "taken byte"),
            (&[1, 0, 1, 2, 1, 1], false, 1, "invalid target"),
            (&[1, 0, 1, 99, 1, 1], false, 1, "invalid target"),
            (&[1, 1, 2, 9, 1, 0, 5, 1, 0], false, 0, "invalid target"),
            (&[1, 7, 1, 3, 1, 1], false, 0, "no body"),
            (&[1, 0, 1, 3, 1, 1], true, 1, "behind the code"),
        ];
        for (section, after, found, message) in rows {
            let module = module(section, after);
            let hints: Vec<_> =
                (0..2).flat_map(|func| module.branch_hints().of(func).to_vec()).collect();
            assert_eq!(hints.len(), found, "{section:?}");
            let error = module.check_branch_hints().expect_err("it makes no sense").to_string();
            assert!(error.contains(message), "{section:?}: {error}");
        }
    }
}
