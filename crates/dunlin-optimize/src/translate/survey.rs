//! What a body does somewhere, which must be known before its first operator is translated.

use dunlin_module::CompileError;
use wasmparser::{FunctionBody, Operator};

/// What a body does somewhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Survey {
    /// It calls a function, or leaves for one.
    pub(super) calls: bool,
    /// It has a loop.
    pub(super) loops: bool,
    /// It grows a memory.
    pub(super) grows: bool,
}

impl Survey {
    /// Looks at all operators of a body.
    ///
    /// # Errors
    ///
    /// If the body does not decode.
    pub(super) fn of(body: &FunctionBody<'_>) -> Result<Self, CompileError> {
        let mut found = Self::default();
        let mut reader = body.get_operators_reader()?;
        while !reader.eof() {
            match reader.read()? {
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
        Ok(found)
    }

    /// Whether a call of the function ends however it goes: after at most as many operators as it has.
    ///
    /// Such a function need not look whether it should stop. What runs without end repeats a loop, or
    /// enters functions without end; among those it enters infinitely often is one that calls, since one
    /// that does not is entered from one that does. Loops look, and so do functions that call.
    pub(super) fn ends_by_itself(self) -> bool {
        !self.calls && !self.loops
    }

    /// Whether memories stay where they are and as long as they are while the function runs: only a
    /// growth changes that, by the function or by whom it calls.
    pub(super) fn keeps_memories(self) -> bool {
        !self.calls && !self.grows
    }
}
