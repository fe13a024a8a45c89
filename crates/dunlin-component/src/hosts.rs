//! Functions of the host's as core functions of components.
//!
//! What such a function does depends on its type alone, and on which instance calls it. So it is made once for all
//! instances that are made in one way ([`InstancePre`](crate::InstancePre)), which add it to their stores with what
//! they are; and its type is checked once.

use crate::abi::lift::Cx;
use crate::abi::side::Side;
use crate::builtins::Resource;
use crate::call::check_leave;
use crate::func::{HostCode, HostFunc, TypeRef};
use crate::lowered::RETURNED;
use crate::resource::{ResourceTypeId, begin_scope, end_scope};
use crate::trap::{contained, link};
use crate::typed::with_known;
use dunlin::{AsContextMut, Func, NumericHost, Result, StoreContextMut};
use std::sync::Arc;

/// A function of the host's, lowered for all instances.
struct Lowered<T: 'static> {
    host: NumericHost<T, Side>,
    /// What it was made of.
    code: Arc<dyn HostCode<T>>,
    ty: TypeRef,
    is_async: bool,
}

/// A function that works on handles, for all instances.
type OfResources<T> = Arc<NumericHost<T, (u32, ResourceTypeId)>>;

/// What an instantiation has made for those that come after it.
pub(crate) struct KnownHosts<T: 'static> {
    lowered: Box<[Lowered<T>]>,
    resources: [Option<OfResources<T>>; 3],
}

/// Functions of the host's while a component is instantiated.
pub(crate) struct Hosts<'m, T: 'static> {
    known: Option<&'m KnownHosts<T>>,
    /// How many have been lowered so far.
    next: usize,
    made: Vec<Lowered<T>>,
    resources: [Option<OfResources<T>>; 3],
}

impl<'m, T: 'static> Hosts<'m, T> {
    pub(crate) fn new(known: Option<&'m KnownHosts<T>>) -> Self {
        Self { known, next: 0, made: Vec::new(), resources: [const { None }; 3] }
    }

    /// What is left for the next instantiation of the same.
    pub(crate) fn into_known(self) -> KnownHosts<T> {
        KnownHosts { lowered: self.made.into(), resources: self.resources }
    }

    /// Lowers a function of the host's.
    pub(crate) fn lower(
        &mut self,
        store: &mut StoreContextMut<'_, T>,
        side: Side,
        (ty, is_async): (TypeRef, bool),
        func: &HostFunc<T>,
    ) -> Result<Func> {
        let known = self.known.and_then(|known| known.lowered.get(self.next));
        self.next += 1;
        if let Some(known) = known.filter(|known| known.is((&ty, is_async), func)) {
            return known.host.add_to(store.as_context_mut(), side);
        }
        let made = Lowered::new(store, &side, (ty, is_async), func)?;
        let func = made.host.add_to(store.as_context_mut(), side);
        self.made.push(made);
        func
    }

    /// A function that works on handles of an instance's.
    pub(crate) fn resource(
        &mut self,
        store: &mut StoreContextMut<'_, T>,
        what: Resource,
        of: (u32, ResourceTypeId),
    ) -> Result<Func> {
        let known = self.known.and_then(|known| known.resources[what as usize].as_ref());
        let host = match known.or(self.resources[what as usize].as_ref()) {
            Some(host) => host,
            None => {
                let run = move |mut caller: dunlin::Caller<'_, T>, of: &_, words: &mut [u64]| {
                    what.run(&mut caller.as_context_mut(), *of, words).map_err(contained)
                };
                let host = NumericHost::new(store.engine(), &what.ty(), run)?;
                self.resources[what as usize].insert(Arc::new(host))
            }
        };
        host.add_to(store.as_context_mut(), of)
    }
}

impl<T: 'static> Lowered<T> {
    fn is(&self, (ty, is_async): (&TypeRef, bool), func: &HostFunc<T>) -> bool {
        std::ptr::addr_eq(Arc::as_ptr(&self.code), Arc::as_ptr(&func.code))
            && Arc::ptr_eq(&self.ty.types, &ty.types)
            && (self.ty.id, self.is_async) == (ty.id, is_async)
    }

    fn new(
        store: &mut StoreContextMut<'_, T>,
        side: &Side,
        (ty, is_async): (TypeRef, bool),
        func: &HostFunc<T>,
    ) -> Result<Self> {
        let code = func.code.clone();
        with_known(store, side, None, |known| code.check(&ty.types, ty.get(), known))
            .map_err(|error| link(format_args!("a function of the host's: {error}")))?;
        let shape = ty.get().shape(is_async);
        let core = ty.get().lowered(shape);
        let (run, of) = (code.clone(), ty.clone());
        let host = move |mut caller: dunlin::Caller<'_, T>, side: &Side, words: &mut [u64]| {
            let store = &mut caller.as_context_mut();
            check_leave(store, side.instance)?;
            let ty = of.get();
            let scope = ty.lends.then(|| begin_scope(store));
            let mut cx = Cx::new(store, side, &of.types, scope);
            let result = run.run(&mut cx, ty, shape, words).map_err(contained);
            if let Some(scope) = scope {
                end_scope(store, scope);
            }
            if is_async && result.is_ok() {
                words[0] = RETURNED;
            }
            result
        };
        let host = NumericHost::new(store.engine(), &core, host)?;
        Ok(Self { host, code, ty, is_async })
    }
}
