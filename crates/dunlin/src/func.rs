//! Functions: those of guests, those made from closures, and calls of both.

use crate::caller::Caller;
use crate::context::{AsContext, AsContextMut};
use crate::error::{Error, Result};
use crate::host;
use crate::store::{LentType, StoreInner};
use crate::val::{Home, Val};
use crate::wasm_ty::{IntoFunc, TYPED_SLOTS_MAX, WasmParams, WasmResults};
use core::fmt;
use core::marker::PhantomData;
use dunlin_core::{FuncType, ValType};
use dunlin_vm::HostFn;

/// Slots of an untyped call that are kept on the native stack; longer lists are allocated.
const UNTYPED_SLOTS_INLINE: usize = 16;

/// Slots of an untyped call that are cleared at little cost.
const UNTYPED_SLOTS_SHORT: usize = 4;

/// Values of an untyped call of the host that are kept on the native stack.
const UNTYPED_VALUES_INLINE: usize = 8;

/// Values of an untyped call of the host that are made at little cost.
const UNTYPED_VALUES_SHORT: usize = 4;

/// Slots of a typed call that are cleared at little cost; longer lists take the largest array.
const TYPED_SLOTS_SHORT: usize = 4;

/// A function of a store: a guest's, or the host's.
///
/// # Examples
///
/// ```
/// use dunlin::{Engine, Func, Store, Val};
///
/// let mut store = Store::new(&Engine::default(), ());
/// let add = Func::wrap(&mut store, |a: i32, b: i32| a + b);
///
/// let mut results = [Val::I32(0)];
/// add.call(&mut store, &[Val::I32(1), Val::I32(2)], &mut results)?;
/// assert_eq!(results[0].i32(), Some(3));
///
/// let typed = add.typed::<(i32, i32), i32>(&store)?;
/// assert_eq!(typed.call(&mut store, (3, 4))?, 7);
/// # Ok::<(), dunlin::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Func {
    pub(crate) store: u64,
    pub(crate) index: u32,
    pub(crate) generation: u32,
}

/// A host function that no store has yet.
#[derive(Clone)]
pub struct HostFunc {
    pub(crate) ty: FuncType,
    pub(crate) code: HostFn,
}

impl HostFunc {
    /// A host function whose types are known at run time.
    pub(crate) fn new<T: 'static>(
        ty: FuncType,
        func: impl Fn(Caller<'_, T>, &[Val], &mut [Val]) -> Result<()> + Send + Sync + 'static,
    ) -> Self {
        let types = ty.clone();
        let code = host::host_fn::<T>(&ty, move |caller, slots| {
            call_untyped(&func, &types, caller, slots)
        });
        Self { ty, code }
    }

    /// Makes it a function of this store.
    pub(crate) fn add_to<T>(&self, store: &mut StoreInner<T>) -> Func {
        let index = store.vm.create_host_func(&self.ty, self.code.clone());
        Func::of(store.home(), index)
    }
}

/// Runs a closure over values: arguments from the slots, results back into them.
fn call_untyped<T>(
    func: impl Fn(Caller<'_, T>, &[Val], &mut [Val]) -> Result<()>,
    ty: &FuncType,
    caller: Caller<'_, T>,
    slots: &mut [u64],
) -> Result<()> {
    let len = ty.params().len() + ty.results().len();
    if len <= UNTYPED_VALUES_SHORT {
        call_values(func, ty, caller, slots, &mut [Val::I32(0); UNTYPED_VALUES_SHORT][..len])
    } else if len <= UNTYPED_VALUES_INLINE {
        call_values(func, ty, caller, slots, &mut [Val::I32(0); UNTYPED_VALUES_INLINE][..len])
    } else {
        call_values(func, ty, caller, slots, &mut alloc::vec![Val::I32(0); len])
    }
}

#[inline]
fn call_values<T>(
    func: impl Fn(Caller<'_, T>, &[Val], &mut [Val]) -> Result<()>,
    ty: &FuncType,
    mut caller: Caller<'_, T>,
    slots: &mut [u64],
    values: &mut [Val],
) -> Result<()> {
    let (arguments, results) = values.split_at_mut(ty.params().len());
    read_all(caller.home(), ty.params(), slots, arguments);
    for (result, ty) in results.iter_mut().zip(ty.results()) {
        *result = Val::default_for(*ty);
    }
    func(caller.reborrow(), arguments, results)?;
    write_all(caller.home(), ty.results(), results, "result", slots)
}

pub(crate) fn read_all(home: Home<'_>, types: &[ValType], slots: &[u64], values: &mut [Val]) {
    let mut at = 0;
    for (ty, value) in types.iter().zip(values) {
        *value = Val::read(home, *ty, &slots[at..]);
        at += ty.slots() as usize;
    }
}

pub(crate) fn write_all(
    home: Home<'_>,
    types: &[ValType],
    values: &[Val],
    what: &str,
    slots: &mut [u64],
) -> Result<()> {
    let mut at = 0;
    for (ty, value) in types.iter().zip(values) {
        value.write(home, *ty, what, &mut slots[at..])?;
        at += ty.slots() as usize;
    }
    Ok(())
}

impl Func {
    /// Makes a host function whose types are known at run time.
    ///
    /// The closure is given the arguments and as many results, which it overwrites; they begin as
    /// zeros and nulls.
    ///
    /// # Examples
    ///
    /// ```
    /// use dunlin::{Engine, Func, FuncType, Store, Val, ValType};
    ///
    /// let mut store = Store::new(&Engine::default(), ());
    /// let ty = FuncType::new([ValType::I32], [ValType::I32, ValType::I64]);
    /// let func = Func::new(&mut store, ty, |_caller, params, results| {
    ///     results[0] = params[0];
    ///     results[1] = Val::I64(7);
    ///     Ok(())
    /// });
    /// let mut results = [Val::I32(0), Val::I32(0)];
    /// func.call(&mut store, &[Val::I32(5)], &mut results)?;
    /// assert_eq!((results[0].i32(), results[1].i64()), (Some(5), Some(7)));
    /// # Ok::<(), dunlin::Error>(())
    /// ```
    pub fn new<T: 'static>(
        mut store: impl AsContextMut<Data = T>,
        ty: FuncType,
        func: impl Fn(Caller<'_, T>, &[Val], &mut [Val]) -> Result<()> + Send + Sync + 'static,
    ) -> Self {
        HostFunc::new(ty, func).add_to(store.as_context_mut().0)
    }

    /// Makes a host function from a closure, whose types say what the function's are.
    ///
    /// See [`IntoFunc`] for the closures that can be one, and [`Linker::func_wrap`] for one that every
    /// store can use.
    ///
    /// [`Linker::func_wrap`]: crate::Linker::func_wrap
    pub fn wrap<T: 'static, Params, Results>(
        mut store: impl AsContextMut<Data = T>,
        func: impl IntoFunc<T, Params, Results>,
    ) -> Self {
        func.into_func().add_to(store.as_context_mut().0)
    }

    /// The function's type.
    ///
    /// # Errors
    ///
    /// If the function is one of another store.
    pub fn ty(&self, store: impl AsContext) -> Result<FuncType> {
        let inner = store.as_context().0;
        self.check(inner.home())?;
        Ok((*inner.vm.func_type(self.index)).clone())
    }

    /// Calls the function and writes its results to `results`, whose values before do not matter.
    ///
    /// # Errors
    ///
    /// If the function is one of another store, the values are not of its types, it traps, or a host
    /// function that it calls fails.
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
        let inner = store.as_context_mut().0;
        self.check(inner.home())?;
        // Lent and not shared, which would count: the store is the call's.
        let lent = inner.lend_func_type(self.index);
        let result = call_lent(inner, self.index, &lent, params, results);
        inner.give_func_type_back(lent);
        result
    }

    /// This function with types that are known when the embedder's code is compiled: calls of it check
    /// no types and allocate nothing.
    ///
    /// # Errors
    ///
    /// If the function is one of another store or of another type.
    pub fn typed<P: WasmParams, R: WasmResults>(
        &self,
        store: impl AsContext,
    ) -> Result<TypedFunc<P, R>> {
        let inner = store.as_context().0;
        self.check(inner.home())?;
        let ty = inner.vm.func_type(self.index);
        let types = inner.vm.types();
        if !types.vals_match(P::TYPES, ty.params()) || !types.vals_match(ty.results(), R::TYPES) {
            let asked = FuncType::new(P::TYPES.iter().copied(), R::TYPES.iter().copied());
            return Err(Error::usage(format_args!(
                "the function is of type {ty}, and was asked for as {asked}"
            )));
        }
        Ok(TypedFunc { func: *self, _types: PhantomData })
    }

    /// Makes a host function of numbers that is given its arguments as bits: one word each, in whose place it
    /// leaves its results. A 32-bit number stands in the lower half; the upper half of an argument means nothing, and
    /// that of a result must be zero.
    ///
    /// # Errors
    ///
    /// If the type has references or vectors.
    ///
    /// # Examples
    ///
    /// ```
    /// use dunlin::{Engine, Func, FuncType, Store, ValType};
    ///
    /// let mut store = Store::new(&Engine::default(), ());
    /// let ty = FuncType::new([ValType::I64, ValType::I64], [ValType::I64]);
    /// let add = Func::new_numeric(&mut store, ty, |_, words| {
    ///     words[0] = words[0].wrapping_add(words[1]);
    ///     Ok(())
    /// })?;
    /// let mut words = [3, 4];
    /// add.numeric(&store)?.call(&mut store, &mut words)?;
    /// assert_eq!(words[0], 7);
    /// # Ok::<(), dunlin::Error>(())
    /// ```
    pub fn new_numeric<T: 'static>(
        mut store: impl AsContextMut<Data = T>,
        ty: FuncType,
        func: impl Fn(Caller<'_, T>, &mut [u64]) -> Result<()> + Send + Sync + 'static,
    ) -> Result<Self> {
        check_numeric(&ty)?;
        let code = host::host_fn::<T>(&ty, func);
        Ok(HostFunc { ty, code }.add_to(store.as_context_mut().0))
    }

    /// This function, if it is one of numbers, to be called with their bits.
    ///
    /// # Errors
    ///
    /// If its type has references or vectors, or it is one of another store.
    pub fn numeric(&self, store: impl AsContext) -> Result<NumericFunc> {
        let inner = store.as_context().0;
        self.check(inner.home())?;
        let ty = inner.vm.func_type(self.index);
        check_numeric(&ty)?;
        let words = ty.params().len().max(ty.results().len());
        Ok(NumericFunc { func: *self, words: words as u32 })
    }

    pub(crate) fn from_reference(home: Home<'_>, index: u32) -> Option<Self> {
        (index != 0).then(|| Self::of(home, index))
    }

    /// What the store at home calls this, which is about to be put somewhere there.
    ///
    /// # Errors
    ///
    /// If it is one of another store, or of an instance that has been removed.
    pub(crate) fn reference(self, home: Home<'_>) -> Result<u32> {
        self.check(home)?;
        home.vm.note_given(self.index);
        Ok(self.index)
    }
}

/// A host function of numbers that many stores of `T` have: in each it is added with data of its own, as often as wanted.
///
/// A function that is made for one store numbers its type and allocates its closure there; this one has done so once.
///
/// # Examples
///
/// ```
/// use dunlin::{Engine, FuncType, NumericHost, Store, ValType};
///
/// let engine = Engine::default();
/// let ty = FuncType::new([ValType::I32], [ValType::I32]);
/// let add = NumericHost::new(&engine, &ty, |_, by: &u32, words| {
///     words[0] = u64::from(words[0] as u32 + by);
///     Ok(())
/// })?;
/// let mut store = Store::new(&engine, ());
/// for by in [3, 4] {
///     let func = add.add_to(&mut store, by)?;
///     let mut words = [30];
///     func.numeric(&store)?.call(&mut store, &mut words)?;
///     assert_eq!(words[0], u64::from(30 + by));
/// }
/// # Ok::<(), dunlin::Error>(())
/// ```
pub struct NumericHost<T: 'static, D: Send + Sync + 'static> {
    engine: crate::Engine,
    host: dunlin_vm::BoundHostFn<D>,
    _data: PhantomData<fn(T)>,
}

impl<T: 'static, D: Send + Sync + 'static> NumericHost<T, D> {
    /// Makes it, for stores of this engine; see [`Func::new_numeric`] for what it is given.
    ///
    /// # Errors
    ///
    /// If the type has references or vectors.
    pub fn new(
        engine: &crate::Engine,
        ty: &FuncType,
        func: impl Fn(Caller<'_, T>, &D, &mut [u64]) -> Result<()> + Send + Sync + 'static,
    ) -> Result<Self> {
        check_numeric(ty)?;
        let host = host::bound_fn::<T, D>(engine.types(), ty, func);
        Ok(Self { engine: engine.clone(), host, _data: PhantomData })
    }

    /// Adds it to a store, with this data.
    ///
    /// # Errors
    ///
    /// If the store is one of another engine.
    pub fn add_to(&self, mut store: impl AsContextMut<Data = T>, data: D) -> Result<Func> {
        let inner = store.as_context_mut().0;
        if !crate::Engine::same(&self.engine, &inner.engine) {
            return Err(Error::other_engine("the host function"));
        }
        let index = inner.vm.bound_host_func(&self.host, data);
        Ok(Func::of(inner.home(), index))
    }
}

impl<T: 'static, D: Send + Sync + 'static> core::fmt::Debug for NumericHost<T, D> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("NumericHost").finish_non_exhaustive()
    }
}

fn check_numeric(ty: &FuncType) -> Result<()> {
    let is_number = |ty: &ValType| !matches!(ty, ValType::Ref(_) | ValType::V128);
    if ty.params().iter().chain(ty.results()).all(is_number) {
        return Ok(());
    }
    Err(Error::usage(format_args!("a function of type {ty} is not one of numbers alone")))
}

/// A function of numbers, called with their bits; see [`Func::numeric`].
#[derive(Clone, Copy, Debug)]
pub struct NumericFunc {
    func: Func,
    words: u32,
}

impl NumericFunc {
    /// The function.
    #[must_use]
    pub fn func(&self) -> &Func {
        &self.func
    }

    /// How many words a call needs: as many as the longer of its two lists has.
    #[must_use]
    pub fn words(&self) -> usize {
        self.words as usize
    }

    /// Calls the function with the arguments in `words`, in whose place it leaves its results; see
    /// [`Func::new_numeric`] for what a word is.
    ///
    /// # Errors
    ///
    /// If there are fewer words than [`words`](Self::words), the function is one of another store, it traps, or a host
    /// function that it calls fails.
    ///
    /// # Panics
    ///
    /// With the panic of a host function that it calls.
    #[inline]
    pub fn call(&self, mut store: impl AsContextMut, words: &mut [u64]) -> Result<()> {
        let inner = store.as_context_mut().0;
        self.func.check(inner.home())?;
        let given = words.len();
        let Some(words) = words.get_mut(..self.words()) else {
            return Err(wrong_count("words", self.words(), given));
        };
        inner.call(self.func.index, words)
    }
}

/// An untyped call of a function of this type.
#[inline]
fn call_lent<T>(
    inner: &mut StoreInner<T>,
    func: u32,
    lent: &LentType,
    params: &[Val],
    results: &mut [Val],
) -> Result<()> {
    let ty = &*lent.ty;
    check_count("arguments", ty.params().len(), params.len())?;
    check_count("results", ty.results().len(), results.len())?;
    if lent.slots <= UNTYPED_SLOTS_SHORT {
        let slots = &mut [0; UNTYPED_SLOTS_SHORT][..lent.slots];
        call_slots(inner, func, ty, params, results, slots)
    } else if lent.slots <= UNTYPED_SLOTS_INLINE {
        let slots = &mut [0; UNTYPED_SLOTS_INLINE][..lent.slots];
        call_slots(inner, func, ty, params, results, slots)
    } else {
        call_slots(inner, func, ty, params, results, &mut alloc::vec![0; lent.slots])
    }
}

#[inline]
fn call_slots<T>(
    inner: &mut StoreInner<T>,
    func: u32,
    ty: &FuncType,
    params: &[Val],
    results: &mut [Val],
    slots: &mut [u64],
) -> Result<()> {
    write_all(inner.home(), ty.params(), params, "argument", slots)?;
    inner.call(func, slots)?;
    read_all(inner.home(), ty.results(), slots, results);
    Ok(())
}

#[inline]
fn check_count(what: &str, expected: usize, given: usize) -> Result<()> {
    if expected == given { Ok(()) } else { Err(wrong_count(what, expected, given)) }
}

#[cold]
fn wrong_count(what: &str, expected: usize, given: usize) -> Error {
    Error::usage(format_args!("the function has {expected} {what}, and {given} were given"))
}

#[cold]
pub(crate) fn wrong_reference(what: &str) -> Error {
    Error::usage(format_args!(
        "{what} belongs to another store, its scope has ended, or its instance has been removed"
    ))
}

/// A function whose parameters and results are types of Rust; see [`Func::typed`].
///
/// # Examples
///
/// ```
/// use dunlin::{Engine, Instance, Module, Store, TypedFunc};
///
/// let engine = Engine::default();
/// let module = Module::new(&engine, r#"
///     (module (func (export "divmod") (param i32 i32) (result i32 i32)
///         (i32.div_s (local.get 0) (local.get 1))
///         (i32.rem_s (local.get 0) (local.get 1))))
/// "#)?;
/// let mut store = Store::new(&engine, ());
/// let instance = Instance::new(&mut store, &module, &[])?;
/// let divmod: TypedFunc<(i32, i32), (i32, i32)> =
///     instance.get_typed_func(&mut store, "divmod")?;
/// assert_eq!(divmod.call(&mut store, (17, 5))?, (3, 2));
/// # Ok::<(), dunlin::Error>(())
/// ```
pub struct TypedFunc<P, R> {
    func: Func,
    _types: PhantomData<fn(P) -> R>,
}

impl<P, R> Clone for TypedFunc<P, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P, R> Copy for TypedFunc<P, R> {}

impl<P, R> fmt::Debug for TypedFunc<P, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.func.fmt(f)
    }
}

impl<P: WasmParams, R: WasmResults> TypedFunc<P, R> {
    /// The function without its types.
    #[must_use]
    pub fn func(&self) -> &Func {
        &self.func
    }

    /// Calls the function.
    ///
    /// # Errors
    ///
    /// If the function, or a reference among the parameters, is one of another store, it traps, or a
    /// host function that it calls fails.
    ///
    /// # Panics
    ///
    /// With the panic of a host function that it calls.
    #[inline]
    pub fn call(&self, mut store: impl AsContextMut, params: P) -> Result<R> {
        let inner = store.as_context_mut().0;
        if const { P::SLOTS <= TYPED_SLOTS_SHORT && R::SLOTS <= TYPED_SLOTS_SHORT } {
            self.call_in(inner, params, &mut [0; TYPED_SLOTS_SHORT])
        } else {
            self.call_in(inner, params, &mut [0; TYPED_SLOTS_MAX])
        }
    }

    #[inline]
    fn call_in<T>(&self, inner: &mut StoreInner<T>, params: P, slots: &mut [u64]) -> Result<R> {
        let slots = &mut slots[..if P::SLOTS > R::SLOTS { P::SLOTS } else { R::SLOTS }];
        self.func.check(inner.home())?;
        if !params.is_of(inner.home()) {
            return Err(wrong_reference("a reference among the arguments"));
        }
        params.write(inner.home(), slots);
        inner.call(self.func.index, slots)?;
        Ok(R::read(slots, inner.home()))
    }
}
