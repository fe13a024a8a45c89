//! From rows to host functions: the interfaces of WASI 0.2.

use dunlin::StoreContextMut;
use dunlin_component::{LiftParams, Linker, LinkerInstance, LowerPayload, LowerResults, Resource};

use super::error_code::ErrorCode;
use super::state::ComponentCtx;
use super::{cli, clocks, filesystem, names, network, poll, preopens, random, streams, tcp, udp};
use crate::errno::Errno;

/// Which revision of WASI 0.2 the interfaces are of; linkers find them for every other one.
const VERSION: &str = "0.2.12";

/// Adds every interface of WASI 0.2 that there is to a linker; `get` finds the context in the store's data.
///
/// # Errors
/// When a name is already defined.
pub fn add_to_linker<T: 'static>(
    linker: &mut Linker<T>,
    get: impl Fn(&mut T) -> &mut ComponentCtx + Clone + Send + Sync + 'static,
) -> dunlin::Result<()> {
    let mut all = Interfaces::new(linker, get);
    streams::define(&mut all)?;
    poll::define(&mut all)?;
    cli::define(&mut all)?;
    clocks::define(&mut all)?;
    random::define(&mut all)?;
    filesystem::define(&mut all)?;
    preopens::define(&mut all)?;
    network::define(&mut all)?;
    names::define(&mut all)?;
    tcp::define(&mut all)?;
    udp::define(&mut all)
}

/// A linker, and how functions find the context.
pub(super) struct Interfaces<'l, T: 'static, G> {
    linker: &'l mut Linker<T>,
    get: G,
}

impl<'l, T, G> Interfaces<'l, T, G>
where
    T: 'static,
    G: Fn(&mut T) -> &mut ComponentCtx + Clone + Send + Sync + 'static,
{
    pub(super) fn new(linker: &'l mut Linker<T>, get: G) -> Self {
        Interfaces { linker, get }
    }

    /// The interface of this name, whose version is added.
    pub(super) fn named(&mut self, name: &str) -> dunlin::Result<Interface<'_, T, G>> {
        let items = self.linker.instance(&format!("{name}@{VERSION}"))?;
        Ok(Interface { items, get: self.get.clone() })
    }
}

/// An interface, to define functions and resources in.
pub(super) struct Interface<'l, T: 'static, G> {
    items: LinkerInstance<'l, T>,
    get: G,
}

impl<T, G> Interface<'_, T, G>
where
    T: 'static,
    G: Fn(&mut T) -> &mut ComponentCtx + Clone + Send + Sync + 'static,
{
    /// Defines a function.
    pub(super) fn func<P, R>(
        &mut self,
        name: &str,
        function: impl Fn(&mut ComponentCtx, P) -> dunlin::Result<R> + Send + Sync + 'static,
    ) -> dunlin::Result<&mut Self>
    where
        P: LiftParams + 'static,
        R: LowerResults + 'static,
    {
        let get = self.get.clone();
        self.items.func_wrap(name, move |mut store: StoreContextMut<'_, T>, params: P| {
            function(get(store.data_mut()), params)
        })?;
        Ok(self)
    }

    /// Defines a function of `wasi:filesystem` that may fail.
    pub(super) fn file_func<P, R>(
        &mut self,
        name: &str,
        function: impl Fn(&mut ComponentCtx, P) -> Result<R, Errno> + Send + Sync + 'static,
    ) -> dunlin::Result<&mut Self>
    where
        P: LiftParams + 'static,
        R: LowerPayload + 'static,
    {
        self.func(
            name,
            move |state, params: P| Ok(function(state, params).map_err(ErrorCode::from)),
        )
    }

    /// Defines a resource type, which needs no more than to be forgotten.
    pub(super) fn resource<R: Send + Sync + 'static>(
        &mut self,
        name: &str,
    ) -> dunlin::Result<&mut Self> {
        self.resource_with(name, |_, _: R| {})
    }

    /// Defines a resource type, and what is done when one is dropped.
    pub(super) fn resource_with<R: Send + Sync + 'static>(
        &mut self,
        name: &str,
        dropped: impl Fn(&mut ComponentCtx, R) + Send + Sync + 'static,
    ) -> dunlin::Result<&mut Self> {
        let get = self.get.clone();
        self.items.resource::<R>(name, move |mut store, rep| {
            let state = get(store.data_mut());
            let value = state.delete(&Resource::<R>::new(rep))?;
            dropped(state, value);
            Ok(())
        })?;
        Ok(self)
    }
}
