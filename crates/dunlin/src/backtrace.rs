//! Where in the guests' code a failure happened.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use dunlin_vm::ModuleCode;

/// The frames of guests at a failure, innermost first.
///
/// Frames of the host are not among them. A recursion shows its innermost
/// [`BACKTRACE_FRAMES_MAX`](crate::BACKTRACE_FRAMES_MAX) frames.
#[derive(Clone)]
pub struct Backtrace {
    frames: Vec<BacktraceFrame>,
}

impl Backtrace {
    pub(crate) fn new(frames: Vec<BacktraceFrame>) -> Self {
        Self { frames }
    }

    /// The frames, innermost first.
    #[must_use]
    pub fn frames(&self) -> &[BacktraceFrame] {
        &self.frames
    }

    /// Adds the frames of the activation around those that are here, as far as there is room.
    pub(crate) fn append(&mut self, outer: Self) {
        let room = crate::BACKTRACE_FRAMES_MAX.saturating_sub(self.frames.len());
        self.frames.extend(outer.frames.into_iter().take(room));
    }
}

impl fmt::Display for Backtrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, frame) in self.frames.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{i:>3}: {frame}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Backtrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One activation of a guest's function.
///
/// Names are looked up when asked for: a failure that nobody prints costs no search.
#[derive(Clone)]
pub struct BacktraceFrame {
    code: Arc<ModuleCode>,
    func: u32,
    offset: usize,
}

impl BacktraceFrame {
    pub(crate) fn new(code: Arc<ModuleCode>, func: u32, offset: usize) -> Self {
        Self { code, func, offset }
    }

    /// The function's index in its module, imports first.
    #[must_use]
    pub fn func_index(&self) -> u32 {
        self.func
    }

    /// The function's name: from the module's `name` section, else that of an export.
    #[must_use]
    pub fn func_name(&self) -> Option<&str> {
        self.code.module().func_name(self.func)
    }

    /// The module's name, from its `name` section.
    #[must_use]
    pub fn module_name(&self) -> Option<&str> {
        self.code.module().name()
    }

    /// Offset, from the start of the module, of the operator that was executing.
    #[must_use]
    pub fn module_offset(&self) -> usize {
        self.offset
    }

    /// Offset of that operator from the start of the function's body.
    #[must_use]
    pub fn func_offset(&self) -> usize {
        let body = self.code.module().body_range(self.func);
        body.map_or(0, |body| self.offset.saturating_sub(body.start))
    }
}

impl fmt::Display for BacktraceFrame {
    /// `name at module+0x1234 (func 7)`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.func_name().unwrap_or("<unnamed>");
        let module = self.module_name().unwrap_or("module");
        write!(f, "{name} at {module}+{:#x} (func {})", self.offset, self.func)
    }
}

impl fmt::Debug for BacktraceFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
