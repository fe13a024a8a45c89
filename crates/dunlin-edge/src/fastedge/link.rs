//! From rows to host functions: the interfaces that apps import.

use super::ctx::FastEdgeCtx;
use super::{cache_sync, http_client, key_value};
use crate::stores::Answer;
use dunlin::{Result, StoreContextMut, stacks};
use dunlin_component::{Component, LiftParams, Linker, LinkerInstance, LowerResults, Resource};
use std::future::Future;

/// Packages whose imports trap when they are called, and only then: what apps may be built with and seldom use.
const OPTIONAL: &[&str] = &["wasi:nn/"];

/// Adds every interface of FastEdge's to a linker; `get` finds the context in the store's data.
///
/// # Errors
///
/// When a name is already defined.
pub fn add_to_linker<T: 'static>(
    linker: &mut Linker<T>,
    get: impl Fn(&mut T) -> &mut FastEdgeCtx + Clone + Send + Sync + 'static,
) -> Result<()> {
    let mut all = Interfaces { linker, get };
    all.named("dictionary")?
        .func("get", |ctx, (key,): (String,)| Ok(ctx.grants.dictionary.get(&key).cloned()))?;
    all.named("utils")?.func("set-user-diag", |ctx, (name,): (String,)| {
        ctx.set_user_diag(name);
        Ok(())
    })?;
    super::secrets::define(&mut all)?;
    http_client::define(&mut all)?;
    key_value::define(&mut all)?;
    cache_sync::define(&mut all)
}

/// Defines what an app imports of optional packages that are not there, such as `wasi:nn`: functions that trap when they are
/// called. What was defined so, for the log.
pub fn define_optional<T: 'static>(linker: &mut Linker<T>, component: &Component) -> Vec<String> {
    linker.define_imports_as_traps(component, |name| {
        OPTIONAL.iter().any(|package| name.starts_with(package))
    })
}

/// Whether an app imports anything of such packages.
pub fn imports_optional(component: &Component) -> bool {
    let mut names = component.imports().map(|(name, _)| name);
    names.any(|name| OPTIONAL.iter().any(|package| name.starts_with(package)))
}

/// A linker, and how functions find the context.
pub(super) struct Interfaces<'l, T: 'static, G> {
    linker: &'l mut Linker<T>,
    get: G,
}

impl<T, G> Interfaces<'_, T, G>
where
    T: 'static,
    G: Fn(&mut T) -> &mut FastEdgeCtx + Clone + Send + Sync + 'static,
{
    /// The interface of this name, of FastEdge's package.
    pub(super) fn named(&mut self, name: &str) -> Result<Interface<'_, T, G>> {
        let items = self.linker.instance(&format!("gcore:fastedge/{name}"))?;
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
    G: Fn(&mut T) -> &mut FastEdgeCtx + Clone + Send + Sync + 'static,
{
    /// Defines a function.
    pub(super) fn func<P, R>(
        &mut self,
        name: &str,
        function: impl Fn(&mut FastEdgeCtx, P) -> Result<R> + Send + Sync + 'static,
    ) -> Result<&mut Self>
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

    /// Defines a resource type, which needs no more than to be forgotten.
    pub(super) fn resource<R: Send + Sync + 'static>(&mut self, name: &str) -> Result<&mut Self> {
        let get = self.get.clone();
        self.items.resource::<R>(name, move |mut store, rep| {
            get(store.data_mut()).delete(&Resource::<R>::new(rep)).map(drop)
        })?;
        Ok(self)
    }
}

/// Waits for a store's answer; the guest is suspended meanwhile. What failed is noted, and told the app as its
/// interface says.
pub(super) fn answer<R, E: From<crate::stores::StoreError>>(
    ctx: &mut FastEdgeCtx,
    what: &str,
    answer: Answer<'_, R>,
) -> Result<std::result::Result<R, E>> {
    let answered = wait(answer)?;
    if let Err(crate::stores::StoreError::Failed(why)) = &answered {
        ctx.note(format_args!("{what}: {why}"));
    }
    Ok(answered.map_err(E::from))
}

/// Waits; the guest is suspended meanwhile.
pub(super) fn wait<F: Future>(future: F) -> Result<F::Output> {
    stacks::wait(future)
}
