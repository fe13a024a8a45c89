//! Functions of components, and those that the host gives them.

use crate::abi::lift::{Cx, From};
use crate::abi::lower::To;
use crate::abi::side::{Peer, Side};
use crate::call::{WORDS, params_area};
use crate::state::state;
use crate::tasks;
use crate::trap::usage;
use crate::typed::{Params, Results, TypedFunc};
use crate::types::{FuncType, FuncTypeId, Shape, TypeTable};
use crate::val::Val;
use dunlin::{AsContextMut, NumericFunc, Result, StoreContextMut};
use std::sync::Arc;

/// A function type with the table that it is in.
#[derive(Clone, Debug)]
pub(crate) struct TypeRef {
    pub(crate) types: Arc<TypeTable>,
    pub(crate) id: FuncTypeId,
}

impl TypeRef {
    pub(crate) fn get(&self) -> &FuncType {
        self.types.func(self.id)
    }
}

/// A component's function at run time.
pub(crate) enum FuncItem<T: 'static> {
    /// A core function of a component instance.
    Lifted(Lifted),
    /// The host's.
    Host(HostFunc<T>),
}

/// A core function that is lifted.
#[derive(Debug)]
pub(crate) struct Lifted {
    pub(crate) side: Side,
    pub(crate) func: NumericFunc,
    pub(crate) post_return: Option<NumericFunc>,
    pub(crate) ty: TypeRef,
    pub(crate) is_async: bool,
    /// Whether its result says what is to be done next.
    pub(crate) has_callback: bool,
    /// The instances that a call from the host enters.
    pub(crate) from_host: Box<[u32]>,
}

/// A function of the host's.
pub(crate) struct HostFunc<T: 'static> {
    pub(crate) code: Arc<dyn HostCode<T>>,
}

impl<T: 'static> Clone for HostFunc<T> {
    fn clone(&self) -> Self {
        Self { code: self.code.clone() }
    }
}

/// What a function of the host's does.
pub(crate) trait HostCode<T: 'static>: Send + Sync {
    /// Checks that it can be a function of this type.
    fn check(&self, types: &TypeTable, ty: &FuncType, side: &crate::typed::Known<'_>)
    -> Result<()>;

    /// Calls it with a guest's flat arguments, and puts the result where the guest wants it.
    fn run(
        &self,
        cx: &mut Cx<'_, '_, T>,
        ty: &FuncType,
        shape: Shape,
        words: &mut [u64],
    ) -> Result<()>;
}

/// A function of the host's whose types are known at run time.
pub(crate) struct Dynamic<F>(pub(crate) F);

impl<T: 'static, F> HostCode<T> for Dynamic<F>
where
    F: Fn(StoreContextMut<'_, T>, &[Val], &mut [Val]) -> Result<()> + Send + Sync + 'static,
{
    fn check(&self, _: &TypeTable, _: &FuncType, _: &crate::typed::Known<'_>) -> Result<()> {
        Ok(())
    }

    fn run(
        &self,
        cx: &mut Cx<'_, '_, T>,
        ty: &FuncType,
        shape: Shape,
        words: &mut [u64],
    ) -> Result<()> {
        let in_memory = shape.params_in_memory;
        let pointer = words.first().copied().unwrap_or(0) as u32;
        if in_memory {
            params_area(cx, pointer, ty)?;
        }
        let mut arguments = Vec::with_capacity(ty.params.len());
        for param in &ty.params {
            let from = match in_memory {
                true => From::Memory(pointer.wrapping_add(param.offset)),
                false => From::Flat(words.get(param.slot as usize..).unwrap_or_default()),
            };
            arguments.push(cx.lift(param.ty, from)?);
        }
        // It begins as something that is of no type.
        let mut results = vec![Val::Tuple(Vec::new()); usize::from(ty.result.is_some())];
        (self.0)(cx.store.as_context_mut(), &arguments, &mut results)?;
        let (Some(result), Some(value)) = (ty.result, results.first()) else { return Ok(()) };
        if !shape.result_in_memory {
            return cx.lower(result, value, &mut To::Flat(words));
        }
        let place = result_area(cx, ty, shape, words)?;
        cx.lower(result, value, &mut To::Memory(place))
    }
}

/// Where a guest wants a result that passes in memory, checked.
pub(crate) fn result_area<T: 'static>(
    cx: &Cx<'_, '_, T>,
    ty: &FuncType,
    shape: Shape,
    words: &[u64],
) -> Result<u32> {
    let place = words.get(shape.param_slots).copied().unwrap_or(0) as u32;
    let node = ty.result.map(|result| cx.types.node(result));
    let (size, align) = node.map_or((0, 1), |node| (node.size, node.align));
    cx.side.check_lowered(cx.store, place, align, size, Peer::Host)?;
    Ok(place)
}

/// A function of a component instance, or one of the host's that an instance exports.
///
/// # Examples
///
/// ```
/// use dunlin::{Engine, Store};
/// use dunlin_component::{Component, Linker, Val};
///
/// let engine = Engine::default();
/// let component = Component::new(&engine, r#"
///     (component
///         (core module $m (func (export "add") (param i32 i32) (result i32)
///             (i32.add (local.get 0) (local.get 1))))
///         (core instance $i (instantiate $m))
///         (func (export "add") (param "a" s32) (param "b" s32) (result s32)
///             (canon lift (core func $i "add"))))
/// "#)?;
/// let mut store = Store::new(&engine, ());
/// let instance = Linker::new(&engine).instantiate(&mut store, &component)?;
/// let add = instance.get_func(&mut store, "add").expect("an export");
///
/// let mut results = [Val::Bool(false)];
/// add.call(&mut store, &[Val::S32(3), Val::S32(4)], &mut results)?;
/// assert_eq!(results[0], Val::S32(7));
///
/// let add = add.typed::<(i32, i32), i32>(&mut store)?;
/// assert_eq!(add.call(&mut store, (30, 4))?, 34);
/// # Ok::<(), dunlin::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Func {
    pub(crate) state: u64,
    pub(crate) index: u32,
}

impl Func {
    /// What the store has of it.
    pub(crate) fn item<T: 'static>(
        &self,
        store: &mut StoreContextMut<'_, T>,
    ) -> Result<Arc<FuncItem<T>>> {
        let state = state(store);
        if !state.is_known(self.state) {
            return Err(usage("the function belongs to another store"));
        }
        let item = state.funcs.get(self.index as usize).cloned();
        item.ok_or_else(|| usage("the function is not one of the store's"))
    }

    /// How many results a call has: one or none.
    ///
    /// # Errors
    ///
    /// If the function is one of another store, or the host's own.
    pub fn result_count(&self, mut store: impl AsContextMut) -> Result<usize> {
        let item = self.item(&mut store.as_context_mut())?;
        Ok(usize::from(lifted(&item)?.ty.get().result.is_some()))
    }

    /// Calls the function, and writes its result to `results`, whose values before do not matter.
    ///
    /// # Errors
    ///
    /// If the function is one of another store, values are not of its types, it traps, or a host function that it calls
    /// fails. An instance that has trapped cannot be called again.
    ///
    /// # Panics
    ///
    /// With the panic of a host function that it calls.
    pub fn call(
        &self,
        mut store: impl AsContextMut,
        params: &[Val],
        results: &mut [Val],
    ) -> Result<()> {
        let mut store = store.as_context_mut();
        let item = self.item(&mut store)?;
        let lifted = lifted(&item)?;
        let ty = lifted.ty.get();
        check_count("parameters", ty.params.len(), params.len())?;
        check_count("results", usize::from(ty.result.is_some()), results.len())?;
        let lower = |cx: &mut Cx<'_, '_, _>, words: &mut _| lower_params(cx, ty, params, words);
        let value = match lifted.is_async {
            true => tasks::call_from_host(&mut store, &item, lifted, lower)?,
            false => {
                lifted.call_from_host(&mut store, lower, |cx, words| lift_result(cx, ty, words))?
            }
        };
        if let (Some(value), Some(result)) = (value, results.first_mut()) {
            *result = value;
        }
        Ok(())
    }

    /// This function with types that are known when the embedder's code is compiled: calls of it look at no types, and
    /// make no [`Val`]s.
    ///
    /// # Errors
    ///
    /// If the function is one of another store, or of another type.
    pub fn typed<P: Params, R: Results>(
        &self,
        mut store: impl AsContextMut,
    ) -> Result<TypedFunc<P, R>> {
        let mut store = store.as_context_mut();
        let item = self.item(&mut store)?;
        TypedFunc::new(*self, lifted(&item)?, &mut store)
    }
}

/// The guest's function that this is.
pub(crate) fn lifted<T: 'static>(item: &FuncItem<T>) -> Result<&Lifted> {
    match item {
        FuncItem::Lifted(lifted) => Ok(lifted),
        FuncItem::Host(_) => {
            Err(usage("the function is the host's own: call it without a component"))
        }
    }
}

fn check_count(what: &str, wanted: usize, given: usize) -> Result<()> {
    if wanted == given {
        return Ok(());
    }
    Err(usage(format_args!("the function has {wanted} {what}, and {given} were given")))
}

fn lower_params<T: 'static>(
    cx: &mut Cx<'_, '_, T>,
    ty: &FuncType,
    params: &[Val],
    words: &mut [u64; WORDS],
) -> Result<()> {
    if ty.flat_params.is_none() {
        let pointer = cx.side.allocate(cx.store, ty.params_align, ty.params_size, Peer::Host)?;
        for (param, value) in ty.params.iter().zip(params) {
            let place = pointer.wrapping_add(param.offset);
            cx.lower(param.ty, value, &mut To::Memory(place))?;
        }
        words[0] = pointer.into();
        return Ok(());
    }
    for (param, value) in ty.params.iter().zip(params) {
        cx.lower(param.ty, value, &mut To::Flat(&mut words[param.slot as usize..]))?;
    }
    Ok(())
}

fn lift_result<T: 'static>(
    cx: &mut Cx<'_, '_, T>,
    ty: &FuncType,
    words: &[u64; WORDS],
) -> Result<Option<Val>> {
    let Some(result) = ty.result else { return Ok(None) };
    if !ty.result_in_memory {
        return cx.lift(result, From::Flat(words)).map(Some);
    }
    let (pointer, node) = (words[0] as u32, cx.types.node(result));
    let range = (pointer, u64::from(node.size));
    cx.side.range(cx.store, range, node.align, Peer::Host)?;
    cx.lift(result, From::Memory(pointer)).map(Some)
}
