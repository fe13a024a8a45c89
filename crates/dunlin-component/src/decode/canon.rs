//! The canonical section: functions that are lifted and lowered, and those that the canonical ABI defines.

use super::items::known;
use super::{Decoder, unsupported};
use crate::adapt::Variants;
use crate::template::{Builtin, Def, Encoding, Options};
use dunlin::{FuncType, Result, ValType};
use std::sync::Arc;
use wasmparser::component_types::ComponentAnyTypeId;
use wasmparser::{CanonicalFunction, CanonicalOption};

impl Decoder<'_> {
    pub(super) fn canon(&mut self, func: &CanonicalFunction) -> Result<()> {
        match func {
            CanonicalFunction::Lift { core_func_index: func, type_index, options } => {
                let known = known(&self.validator);
                let ComponentAnyTypeId::Func(id) = known.component_any_type_at(*type_index) else {
                    return Err(unsupported("a function of such a type"));
                };
                let ty = self.types.func(known, id)?;
                let options = read_options(options)?;
                self.top().funcs += 1;
                self.top().def(Def::Lift { func: *func, ty, options });
            }
            CanonicalFunction::Lower { func_index: func, options } => {
                let known = known(&self.validator);
                let ty = self.types.func(known, known.component_function_at(*func))?;
                let options = read_options(options)?;
                let adapters = Variants::default();
                self.core_func(Def::Lower { func: *func, ty, options, adapters });
            }
            other => self.other(other)?,
        }
        Ok(())
    }

    /// A core function that the canonical ABI defines.
    fn other(&mut self, func: &CanonicalFunction) -> Result<()> {
        use CanonicalFunction as F;
        let var = match func {
            F::ResourceNew { resource }
            | F::ResourceDrop { resource }
            | F::ResourceRep { resource } => self.resource(*resource),
            _ => None,
        };
        let builtin = match (func, var) {
            (F::ResourceNew { .. }, Some(var)) => Builtin::ResourceNew(var),
            (F::ResourceDrop { .. }, Some(var)) => Builtin::ResourceDrop(var),
            (F::ResourceRep { .. }, Some(var)) => Builtin::ResourceRep(var),
            (F::ContextGet { ty, slot }, _) => Builtin::ContextGet(val_type(*ty)?, *slot),
            (F::ContextSet { ty, slot }, _) => Builtin::ContextSet(val_type(*ty)?, *slot),
            (F::TaskReturn { result, options }, _) => {
                let result = self.types.result(known(&self.validator), *result)?;
                let options = read_options(options)?;
                return self.builtin(|core| Builtin::TaskReturn { result, options, core });
            }
            (F::BackpressureInc, _) => Builtin::Backpressure(1),
            (F::BackpressureDec, _) => Builtin::Backpressure(-1),
            _ => return self.builtin(|ty| Builtin::Async(name(func), ty)),
        };
        self.core_func(Def::Builtin(builtin));
        Ok(())
    }

    fn core_func(&mut self, def: Def) {
        self.top().def(def);
        self.top().core_funcs += 1;
    }

    /// A core function whose type is what the validator says.
    fn builtin(&mut self, make: impl FnOnce(Arc<FuncType>) -> Builtin) -> Result<()> {
        let index = self.top().core_funcs;
        let known = known(&self.validator);
        let ty = known[known.core_function_at(index)].unwrap_func();
        let types = |types: &[wasmparser::ValType]| {
            types.iter().map(|ty| val_type(*ty)).collect::<Result<Vec<_>>>()
        };
        let ty = FuncType::new(types(ty.params())?, types(ty.results())?);
        self.core_func(Def::Builtin(make(Arc::new(ty))));
        Ok(())
    }
}

fn val_type(ty: wasmparser::ValType) -> Result<ValType> {
    Ok(match ty {
        wasmparser::ValType::I32 => ValType::I32,
        wasmparser::ValType::I64 => ValType::I64,
        wasmparser::ValType::F32 => ValType::F32,
        wasmparser::ValType::F64 => ValType::F64,
        _ => return Err(unsupported("a function of the canonical ABI with such a type")),
    })
}

fn read_options(options: &[CanonicalOption]) -> Result<Options> {
    let mut read = Options::default();
    for option in options {
        match option {
            CanonicalOption::UTF8 => read.encoding = Encoding::Utf8,
            CanonicalOption::UTF16 => read.encoding = Encoding::Utf16,
            CanonicalOption::CompactUTF16 => read.encoding = Encoding::Compact,
            CanonicalOption::Memory(memory) => read.memory = Some(*memory),
            CanonicalOption::Realloc(func) => read.realloc = Some(*func),
            CanonicalOption::PostReturn(func) => read.post_return = Some(*func),
            CanonicalOption::Async => read.is_async = true,
            CanonicalOption::Callback(_) => read.has_callback = true,
            CanonicalOption::CoreType(_) | CanonicalOption::Gc => {
                return Err(unsupported("the canonical ABI with references"));
            }
        }
    }
    Ok(read)
}

/// What functions of the model's asynchronous half are called, but for those of types that are called the same.
#[cfg(feature = "optimize")]
pub(crate) const ASYNC_NAMES: [&str; 5] =
    ["task.cancel", "a subtask", "thread.yield", "a waitable set", "a thread"];

/// What the function is called where it is refused.
fn name(func: &CanonicalFunction) -> &'static str {
    use CanonicalFunction as F;
    match func {
        F::TaskCancel => "task.cancel",
        F::SubtaskDrop | F::SubtaskCancel { .. } => "a subtask",
        F::ThreadYield => "thread.yield",
        F::WaitableSetNew
        | F::WaitableSetWait { .. }
        | F::WaitableSetPoll { .. }
        | F::WaitableSetDrop
        | F::WaitableJoin => "a waitable set",
        F::ErrorContextNew { .. } | F::ErrorContextDebugMessage { .. } | F::ErrorContextDrop => {
            "an error context"
        }
        F::StreamNew { .. }
        | F::StreamRead { .. }
        | F::StreamWrite { .. }
        | F::StreamForward { .. }
        | F::StreamCancelRead { .. }
        | F::StreamCancelWrite { .. }
        | F::StreamDropReadable { .. }
        | F::StreamDropWritable { .. } => "a stream",
        F::FutureNew { .. }
        | F::FutureRead { .. }
        | F::FutureWrite { .. }
        | F::FutureForward { .. }
        | F::FutureCancelRead { .. }
        | F::FutureCancelWrite { .. }
        | F::FutureDropReadable { .. }
        | F::FutureDropWritable { .. } => "a future",
        _ => "a thread",
    }
}
