//! What a body does somewhere, which must be known before its first operator is translated.

use dunlin_module::CompileError;
use wasmparser::{FunctionBody, Operator};

/// What a body does somewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Survey {
    /// It calls a function, or leaves for one.
    pub(super) calls: bool,
    /// It has a loop.
    pub(super) loops: bool,
    /// It grows a memory.
    pub(super) grows: bool,
    /// What may be expected of conditions, by where they are: see [`Ways`].
    pub(super) likely: Vec<(u64, bool)>,
}

impl Survey {
    /// Looks at all operators of a body.
    ///
    /// # Errors
    ///
    /// If the body does not decode.
    pub(super) fn of(body: &FunctionBody<'_>) -> Result<Self, CompileError> {
        let mut found = Self::default();
        let mut ways = Ways { levels: vec![Level::default()], found: Vec::new() };
        let mut reader = body.get_operators_reader()?;
        while !reader.eof() {
            let (operator, offset) = reader.read_with_offset()?;
            ways.look(&operator, offset);
            match operator {
                Operator::Loop { .. } => found.loops = true,
                Operator::MemoryGrow { .. } => found.grows = true,
                Operator::Call { .. }
                | Operator::CallIndirect { .. }
                | Operator::CallRef { .. }
                | Operator::ReturnCall { .. }
                | Operator::ReturnCallIndirect { .. }
                | Operator::ReturnCallRef { .. } => found.calls = true,
                _ => {}
            }
        }
        found.likely = ways.found();
        Ok(found)
    }

    /// What may be expected of the condition at an offset of the module.
    pub(super) fn likely(&self, offset: u64) -> Option<bool> {
        let found = self.likely.binary_search_by_key(&offset, |(at, _)| *at).ok()?;
        Some(self.likely[found].1)
    }

    /// Whether a call of the function ends however it goes: after at most as many operators as it has.
    ///
    /// Such a function need not look whether it should stop. What runs without end repeats a loop, or
    /// enters functions without end; among those it enters infinitely often is one that calls, since one
    /// that does not is entered from one that does. Loops look, and so do functions that call.
    pub(super) fn ends_by_itself(&self) -> bool {
        !self.calls && !self.loops
    }

    /// Whether memories stay where they are and as long as they are while the function runs: only a
    /// growth changes that, by the function or by whom it calls.
    pub(super) fn keeps_memories(&self) -> bool {
        !self.calls && !self.grows
    }
}

/// Which way conditions seldom go: that which ends with an exception or a trap, whatever happens on it.
struct Ways {
    levels: Vec<Level>,
    found: Vec<(u64, bool)>,
}

/// A block that is open.
#[derive(Default)]
struct Level {
    /// The latest condition that control is here by: where it is, and what it was.
    by: Option<(u64, bool)>,
    /// Where it was opened, if it is an `if` before its `else`.
    condition: Option<u64>,
    /// Whether it is a block that nothing has branched out of yet.
    is_plain: bool,
    /// Whether control does not get behind the latest operator.
    is_dead: bool,
}

impl Ways {
    fn look(&mut self, operator: &Operator<'_>, offset: u64) {
        match operator {
            Operator::Block { .. } => self.open(None, true),
            Operator::Loop { .. } | Operator::TryTable { .. } | Operator::Try { .. } => {
                self.open(None, false);
            }
            Operator::If { .. } => self.open(Some(offset), false),
            Operator::Else => {
                if let Some(level) = self.levels.last_mut() {
                    level.by = level.condition.take().map(|at| (at, false));
                    level.is_dead = false;
                }
            }
            Operator::End | Operator::Delegate { .. } => self.end(),
            Operator::BrIf { .. }
            | Operator::BrOnNull { .. }
            | Operator::BrOnNonNull { .. }
            | Operator::BrOnCast { .. }
            | Operator::BrOnCastFail { .. } => {
                self.leave();
                if let Some(level) = self.levels.last_mut() {
                    level.by = Some((offset, false));
                }
            }
            Operator::Br { .. }
            | Operator::BrTable { .. }
            | Operator::Return
            | Operator::ReturnCall { .. }
            | Operator::ReturnCallIndirect { .. }
            | Operator::ReturnCallRef { .. } => {
                self.leave();
                self.levels.last_mut().into_iter().for_each(|level| level.is_dead = true);
            }
            Operator::Throw { .. } | Operator::ThrowRef | Operator::Unreachable => self.fail(),
            _ => {}
        }
    }

    fn open(&mut self, condition: Option<u64>, is_plain: bool) {
        let by = condition.map(|at| (at, true));
        self.levels.push(Level { by, condition, is_plain, is_dead: false });
    }

    fn end(&mut self) {
        let Some(level) = self.levels.pop() else { return };
        let Some(outer) = self.levels.last_mut() else { return };
        if let Some(at) = level.condition.filter(|_| level.is_dead) {
            // Whoever gets here did not go that way.
            outer.by = Some((at, false));
        }
    }

    /// Control may go elsewhere from here: nothing that has been decided leads to one end any more.
    fn leave(&mut self) {
        for level in &mut self.levels {
            (level.by, level.is_plain) = (None, false);
        }
    }

    /// Control ends here.
    fn fail(&mut self) {
        for level in self.levels.iter_mut().rev() {
            if let Some((at, outcome)) = level.by.take() {
                self.found.push((at, !outcome));
                break;
            }
            if !level.is_plain {
                break;
            }
        }
        // What was seen dead by a failure leads nowhere: the condition behind it is what it was.
        self.levels.last_mut().into_iter().for_each(|level| level.is_dead = false);
    }

    fn found(mut self) -> Vec<(u64, bool)> {
        self.found.sort_unstable();
        self.found.dedup_by_key(|(at, _)| *at);
        self.found
    }
}

#[cfg(test)]
mod tests {
    use super::Survey;
    use wasmparser::{Parser, Payload};

    /// What is expected of the conditions of a function's body, by their order.
    fn likely(body: &str) -> Vec<bool> {
        let text = format!("(module (func $f) (tag $t) (func (param i32) {body}))");
        let bytes = wat::parse_str(text).expect("a module");
        let bodies = Parser::new(0).parse_all(&bytes).filter_map(|payload| match payload {
            Ok(Payload::CodeSectionEntry(body)) => Some(body),
            _ => None,
        });
        let survey = Survey::of(&bodies.last().expect("a body")).expect("a body that decodes");
        survey.likely.into_iter().map(|(_, likely)| likely).collect()
    }

    #[test]
    fn ways_that_end_with_exceptions_and_traps_are_seldom() {
        let then = "(if (local.get 0) (then (call $f) (throw $t)))";
        assert_eq!(likely(then), [false]);
        let otherwise = "(if (local.get 0) (then nop) (else (block (call $f)) unreachable))";
        assert_eq!(likely(otherwise), [true]);
        let behind_branch = "(block (br_if 0 (local.get 0)) (call $f) (throw $t))";
        assert_eq!(likely(behind_branch), [true]);
        let behind_return = "(if (local.get 0) (then return)) (throw $t)";
        assert_eq!(likely(behind_return), [true]);
        let inside = "(if (local.get 0) (then (block (throw $t))))";
        assert_eq!(likely(inside), [false]);
    }

    #[test]
    fn nothing_is_expected_where_control_may_go_elsewhere() {
        let leaves = "(block (if (local.get 0) (then (br_if 1 (local.get 0)) (throw $t))))";
        assert_eq!(likely(leaves), [true], "the inner condition alone");
        let in_loop = "(if (local.get 0) (then (loop (br 1)) (throw $t)))";
        assert_eq!(likely(in_loop), [] as [bool; 0]);
        assert_eq!(likely("(if (local.get 0) (then (call $f)))"), [] as [bool; 0]);
    }
}
