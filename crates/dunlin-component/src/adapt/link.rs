//! Adapters in a store: what a component instance has lowered and not used yet becomes an instance of a module of adapters.

use super::helpers::{Adapted, HELPERS, Helper};
use super::{Adapter, Code, End, Import, Made, Recipe, Variants, module};
use crate::abi::side::Side;
use crate::call::entering;
use crate::func::{FuncItem, Lifted, TypeRef, lifted};
use crate::limits::ADAPTED_MAX;
use crate::matching::same_funcs;
use crate::state::{flags_global, state};
use crate::trap::link as refused;
use crate::types::{FuncTypeId, TypeTable};
use dunlin::{
    AsContextMut, Extern, Func, Global, GlobalType, Memory, Module, Mutability, Result,
    StoreContextMut, Val, ValType,
};
use std::sync::Arc;

/// A function that is to be lowered.
pub(crate) struct Pending {
    /// The caller.
    pub(crate) side: Side,
    pub(crate) ty: FuncTypeId,
    /// The callee, by its place in the store's list, which is lifted.
    pub(crate) callee: u32,
}

/// A recipe and what it is made of.
#[derive(Default)]
struct Ingredients {
    recipe: Recipe,
    memories: Vec<Memory>,
    globals: Vec<Global>,
    funcs: Vec<Func>,
}

impl Ingredients {
    fn end<T: 'static>(&mut self, store: &mut StoreContextMut<'_, T>, side: &Side) -> Result<End> {
        Ok(End {
            flags: self.flags(store, side.instance)?,
            memory: side.memory.map(|memory| place(&mut self.memories, memory)),
            realloc: side.realloc.map(|realloc| self.func(*realloc.func(), Import::Realloc)),
            encoding: side.encoding,
        })
    }

    fn flags<T: 'static>(
        &mut self,
        store: &mut StoreContextMut<'_, T>,
        instance: u32,
    ) -> Result<u32> {
        let global = flags_global(store, instance)?;
        Ok(place(&mut self.globals, global))
    }

    fn func(&mut self, func: Func, import: Import) -> u32 {
        let mut known = self.funcs.iter().zip(&self.recipe.funcs);
        // Whole lists of functions would be long to search: only allocators are shared as a rule.
        let found = match import {
            Import::Callee(_) => None,
            _ => known.position(|known| (*known.0, *known.1) == (func, import)),
        };
        found.unwrap_or_else(|| {
            self.funcs.push(func);
            self.recipe.funcs.push(import);
            self.funcs.len() - 1
        }) as u32
    }

    fn add<T: 'static>(
        &mut self,
        store: &mut StoreContextMut<'_, T>,
        pending: &Pending,
        to: &Lifted,
        catches: bool,
    ) -> Result<()> {
        let first = self.recipe.enters.len() as u32;
        let set = entering(state(store), pending.side.instance, to.side.instance);
        for instance in set {
            let flags = self.flags(store, instance)?;
            self.recipe.enters.push(flags);
        }
        let enters = (first, self.recipe.enters.len() as u32);
        let (caller, callee) = (self.end(store, &pending.side)?, self.end(store, &to.side)?);
        let func = self.func(*to.func.func(), Import::Callee(pending.ty));
        let post_return = to
            .post_return
            .map(|post_return| self.func(*post_return.func(), Import::PostReturn(pending.ty)));
        let adapter =
            Adapter { ty: pending.ty, caller, callee, func, post_return, catches, enters };
        self.recipe.adapters.push(adapter);
        Ok(())
    }
}

/// The place of something in a list, where it is once.
fn place<I: Copy + PartialEq>(list: &mut Vec<I>, item: I) -> u32 {
    let found = list.iter().position(|known| *known == item);
    found.unwrap_or_else(|| {
        list.push(item);
        list.len() - 1
    }) as u32
}

/// Makes adapters of functions that are to be lowered; nothing if there can be none for them.
pub(crate) fn link<T: 'static>(
    store: &mut StoreContextMut<'_, T>,
    types: &Arc<TypeTable>,
    variants: &Variants,
    pending: &mut Vec<Pending>,
) -> Result<Option<Vec<Func>>> {
    let mut made_of = Ingredients::default();
    for one in pending.iter() {
        let callee = state(store).funcs[one.callee as usize].clone();
        let to = lifted(&callee)?;
        let ty = TypeRef { types: types.clone(), id: one.ty };
        let known = Arc::ptr_eq(types, &to.ty.types);
        if !known && !same_funcs((&ty, &one.side), (&to.ty, &to.side)) {
            return Err(refused("a function of another component is of another type"));
        }
        let catches = types.throws || to.ty.types.throws;
        made_of.add(store, one, to, catches)?;
    }
    let Ingredients { mut recipe, memories, globals, funcs } = made_of;
    (recipe.memories, recipe.globals) = (memories.len() as u32, globals.len() as u32);
    let made = variants.get(&recipe, || {
        let code = make(store, types, &recipe);
        Made { recipe: recipe.clone(), code }
    });
    let Some(Some(code)) = made.as_deref().map(|made| made.code.as_ref()) else { return Ok(None) };
    let mut imports: Vec<Extern> = memories.into_iter().map(Extern::Memory).collect();
    imports.extend(globals.into_iter().map(Extern::Global));
    if code.helpers & Helper::NUMBERED != 0 {
        let Some(base) = known_to_host(store, pending) else { return Ok(None) };
        let ty = GlobalType::new(ValType::I32, Mutability::Const);
        let value = Val::I32((base * 2).cast_signed());
        imports.push(Global::new(store.as_context_mut(), ty, value)?.into());
    }
    imports.extend(funcs.into_iter().map(Extern::Func));
    for helper in HELPERS.iter().filter(|helper| code.helpers & helper.bit() != 0) {
        imports.push(helper.func(store)?.into());
    }
    state(store).core_instances += 1;
    let instance = dunlin::Instance::new(store.as_context_mut(), &code.module, &imports)?;
    let func = |export| {
        let found = instance.get_module_export(store.as_context_mut(), export);
        found.and_then(Extern::into_func).ok_or_else(|| refused("an adapter is missing"))
    };
    code.exports.iter().map(func).collect::<Result<_>>().map(Some)
}

/// Makes what adapters do known to the host, in whose list they follow each other from the place on that is given.
fn known_to_host<T: 'static>(
    store: &mut StoreContextMut<'_, T>,
    pending: &mut Vec<Pending>,
) -> Option<u32> {
    let state = state(store);
    let base = state.adapted.len();
    if base + pending.len() > ADAPTED_MAX {
        return None;
    }
    for Pending { side, callee, .. } in pending.drain(..) {
        let callee: Arc<FuncItem<T>> = state.funcs[callee as usize].clone();
        state.adapted.push(Arc::new(Adapted { caller: side, callee }));
    }
    Some(base as u32)
}

/// Makes the module of a recipe, if the engine takes it.
fn make<T: 'static>(
    store: &StoreContextMut<'_, T>,
    types: &TypeTable,
    recipe: &Recipe,
) -> Option<Code> {
    let made = module::module(types, recipe)?;
    let module = Module::from_vec(store.engine(), made.module).ok()?;
    let exports = (0..recipe.adapters.len()).map(|at| module.get_export_index(&at.to_string()));
    Some(Code { exports: exports.collect::<Option<_>>()?, module, helpers: made.helpers })
}
