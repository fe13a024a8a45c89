//! Functions of other components that have no adapters, as core modules call them: functions of the host's that run programs.

use crate::abi::fuse::{FlatFrom, FlatTo, Fuse, InMemory};
use crate::abi::side::{AREA, Side};
use crate::call::{WORDS, check_leave, end, enter, entering};
use crate::func::{FuncItem, Lifted, TypeRef, lifted};
use crate::matching::same_funcs;
use crate::resource::{begin_scope, end_scope};
use crate::state::state;
use crate::tasks::{self, Destination};
use crate::trap::{contained, link};
use crate::types::Shape;
use dunlin::{AsContextMut, Result, StoreContextMut};
use std::sync::Arc;

/// What a call comes to that has returned before its caller goes on (`Subtask.State.RETURNED` of the canonical ABI).
pub(crate) const RETURNED: u64 = 2;

/// A function that a component imports, as its core modules call it.
pub(crate) struct Lowered<T: 'static> {
    /// The caller.
    pub(crate) side: Side,
    pub(crate) ty: TypeRef,
    pub(crate) shape: Shape,
    callee: Arc<FuncItem<T>>,
    /// The instances that a call enters.
    set: Box<[u32]>,
}

/// Makes a core function of a component's.
pub(crate) fn lower<T: 'static>(
    store: &mut StoreContextMut<'_, T>,
    side: Side,
    ty: TypeRef,
    is_async: bool,
    callee: Arc<FuncItem<T>>,
) -> Result<dunlin::Func> {
    let shape = ty.get().shape(is_async);
    let core = ty.get().lowered(shape);
    let to = lifted(&callee)?;
    let known = Arc::ptr_eq(&ty.types, &to.ty.types);
    if !known && !same_funcs((&ty, &side), (&to.ty, &to.side)) {
        return Err(link("a function of another component is of another type"));
    }
    let set = entering(state(store), side.instance, to.side.instance);
    let lowered = Arc::new(Lowered { side, ty, shape, callee, set });
    dunlin::Func::new_numeric(store.as_context_mut(), core, move |mut caller, words| {
        lowered.call(&mut caller.as_context_mut(), words)
    })
}

impl<T: 'static> Lowered<T> {
    fn call(self: &Arc<Self>, store: &mut StoreContextMut<'_, T>, words: &mut [u64]) -> Result<()> {
        check_leave(store, self.side.instance)?;
        let scope = self.ty.get().lends.then(|| begin_scope(store));
        let result = lifted(&self.callee).and_then(|to| self.fused(store, to, scope, words));
        if let Some(scope) = scope {
            end_scope(store, scope);
        }
        if self.shape.is_async && result.is_ok() {
            words[0] = RETURNED;
        }
        result
    }

    /// A call from one component to another.
    fn fused(
        self: &Arc<Self>,
        store: &mut StoreContextMut<'_, T>,
        lifted: &Lifted,
        scope: Option<u32>,
        words: &mut [u64],
    ) -> Result<()> {
        let context = enter(store, &self.set)?;
        let result = self.entered(store, lifted, scope, words);
        end(store, &self.set, context, result)
    }

    fn entered(
        self: &Arc<Self>,
        store: &mut StoreContextMut<'_, T>,
        lifted: &Lifted,
        scope: Option<u32>,
        words: &mut [u64],
    ) -> Result<()> {
        let mut callee = [0; WORDS];
        self.pass_params(store, lifted, scope, (words, &mut callee))?;
        if lifted.is_async {
            let place = words.get(self.shape.param_slots).copied().unwrap_or(0) as u32;
            let to = Destination::Component { caller: self.clone(), place, word: 0 };
            let to = tasks::run(store, &self.callee, lifted, (to, scope), &mut callee)?;
            if let (Destination::Component { word, .. }, Some(first)) = (to, words.first_mut()) {
                *first = word;
            }
            return Ok(());
        }
        lifted.func.call(store.as_context_mut(), &mut callee).map_err(contained)?;
        self.pass_result(store, lifted, scope, (&callee, words))?;
        lifted.finish(store, scope, &callee)
    }

    fn pass_params(
        &self,
        store: &mut StoreContextMut<'_, T>,
        lifted: &Lifted,
        scope: Option<u32>,
        (words, callee): (&[u64], &mut [u64; WORDS]),
    ) -> Result<()> {
        let (ty, from, to) = (self.ty.get(), &self.side, &lifted.side);
        let program = &ty.programs(&self.ty.types)?.0;
        let (size, align) = (ty.params_size, ty.params_align);
        let pointer = words.first().copied().unwrap_or(0) as u32;
        if self.shape.params_in_memory {
            from.range(store, (pointer, size.into()), align, AREA)?;
        }
        let mut fuse = Fuse { store, from, to, speaks: from, program, scope };
        match (self.shape.params_in_memory, program.in_memory) {
            (true, true) => {
                let target = to.allocate(fuse.store, align, size, AREA)?;
                callee[0] = target.into();
                fuse.pass(InMemory(pointer), InMemory(target))
            }
            (true, false) => fuse.pass(InMemory(pointer), FlatTo::new(callee)),
            (false, _) => fuse.pass(FlatFrom::new(words), FlatTo::new(callee)),
        }
    }

    fn pass_result(
        &self,
        store: &mut StoreContextMut<'_, T>,
        lifted: &Lifted,
        scope: Option<u32>,
        (callee, words): (&[u64; WORDS], &mut [u64]),
    ) -> Result<()> {
        let (ty, from, to) = (self.ty.get(), &lifted.side, &self.side);
        let Some(result) = ty.result else { return Ok(()) };
        let program = &ty.programs(&self.ty.types)?.1;
        let node = self.ty.types.node(result);
        let source = callee[0] as u32;
        let target = words.get(self.shape.param_slots).copied().unwrap_or(0) as u32;
        if program.in_memory {
            from.range(store, (source, node.size.into()), node.align, AREA)?;
        }
        if self.shape.result_in_memory {
            to.check_lowered(store, target, node.align, node.size, AREA)?;
        }
        let mut fuse = Fuse { store, from, to, speaks: to, program, scope };
        match (program.in_memory, self.shape.result_in_memory) {
            (true, _) => fuse.pass(InMemory(source), InMemory(target)),
            (false, true) => fuse.pass(FlatFrom::new(callee), InMemory(target)),
            (false, false) => fuse.pass(FlatFrom::new(callee), FlatTo::new(words)),
        }
    }
}
