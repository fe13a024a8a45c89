//! Calling `wasi:http/incoming-handler`: a request of the embedder's becomes a resource, the guest runs, and its response
//! is sent on as soon as it is set.

use std::sync::{Arc, OnceLock};

use dunlin::{AsContextMut, Error, ErrorKind};
use dunlin_component::{Component, InstancePre, Resource, TypedFunc};

use super::answer::ResponseSender;
use super::requests::{IncomingRequest, ReceivedRequest};
use super::responses::ResponseOutparam;
use crate::preview2::ComponentCtx;

/// The interface, whose version follows.
const INTERFACE: &str = "wasi:http/incoming-handler@0.2.";

/// The name by which a component exports `wasi:http/incoming-handler`, of any revision of WASI 0.2.
#[must_use]
pub fn exported_handler(component: &Component) -> Option<&str> {
    let is_handler = |name: &&str| {
        let revision = name.strip_prefix(INTERFACE);
        revision.is_some_and(|revision| revision.bytes().all(|byte| byte.is_ascii_digit()))
    };
    component.exports().map(|(name, _)| name).find(is_handler)
}

/// A component that handles requests, whose imports have been found: what is done once for all requests.
pub struct HandlerPre<T: 'static> {
    pre: InstancePre<T>,
    name: Arc<str>,
    /// The handler, where it is the same in each store.
    known: Arc<OnceLock<Handler>>,
}

impl<T: 'static> Clone for HandlerPre<T> {
    fn clone(&self) -> Self {
        let (pre, known) = (self.pre.clone(), self.known.clone());
        HandlerPre { pre, name: self.name.clone(), known }
    }
}

impl<T: 'static> std::fmt::Debug for HandlerPre<T> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("HandlerPre").field("name", &self.name).finish_non_exhaustive()
    }
}

impl<T: 'static> HandlerPre<T> {
    /// Finds the handler that a component exports.
    ///
    /// # Errors
    /// If it exports none.
    pub fn new(pre: InstancePre<T>) -> dunlin::Result<HandlerPre<T>> {
        let name = exported_handler(pre.component()).map(Arc::from);
        let name = name.ok_or_else(|| {
            Error::new_of(
                ErrorKind::Link,
                "the component does not export `wasi:http/incoming-handler@0.2`",
            )
        })?;
        Ok(HandlerPre { pre, name, known: Arc::default() })
    }

    /// The component with its imports.
    #[must_use]
    pub fn instance_pre(&self) -> &InstancePre<T> {
        &self.pre
    }

    /// Instantiates the component in a store.
    ///
    /// # Errors
    /// As [`InstancePre::instantiate`] says; or if what is exported is of another type.
    pub fn instantiate(&self, mut store: impl AsContextMut<Data = T>) -> dunlin::Result<Handler> {
        let instance = self.pre.instantiate(&mut store)?;
        if let Some(known) = self.known.get().filter(|known| known.handle.is_planned(&mut store)) {
            return Ok(*known);
        }
        let interface = instance.get_instance(&mut store, &self.name);
        let interface = interface.ok_or_else(|| {
            Error::new_of(ErrorKind::Link, format_args!("`{}` is not an instance", self.name))
        })?;
        let handler = Handler { handle: interface.get_typed_func(&mut store, "handle")? };
        if handler.handle.is_planned(&mut store) {
            // Another thread may have been faster.
            let _ = self.known.set(handler);
        }
        Ok(handler)
    }
}

/// An instance that handles requests.
///
/// # Examples
///
/// One request, on whichever thread this runs:
///
/// ```no_run
/// use dunlin::{Engine, Store};
/// use dunlin_component::{Component, Linker};
/// use dunlin_wasi::WasiCtx;
/// use dunlin_wasi::preview2::{self, ComponentCtx, http};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let engine = Engine::default();
/// let mut linker = Linker::new(&engine);
/// preview2::add_to_linker(&mut linker, |ctx: &mut ComponentCtx| ctx)?;
/// http::add_to_linker(&mut linker, |ctx: &mut ComponentCtx| ctx)?;
/// let component = Component::from_file(&engine, "app.wasm")?;
/// let pre = http::HandlerPre::new(linker.instantiate_pre(&component)?)?;
///
/// let mut store = Store::new(&engine, ComponentCtx::new(WasiCtx::builder().build()?));
/// let handler = pre.instantiate(&mut store)?;
/// let request = ::http::Request::get("http://example.com/").body(http::Body::empty())?;
/// let (sender, mut response) = http::response_pair();
/// handler.handle(&mut store, |ctx| ctx, http::IncomingRequest::new(request), sender)?;
/// let response = response.try_take().ok_or("the guest goes on elsewhere")??;
/// println!("{}", response.status());
/// # Ok(())
/// # }
/// ```
///
/// A server runs all of it in [`Stacks::run`](dunlin::stacks::Stacks::run), and awaits the response beside it.
#[derive(Clone, Copy, Debug)]
pub struct Handler {
    handle: TypedFunc<(Resource<ReceivedRequest>, Resource<ResponseOutparam>), ()>,
}

impl Handler {
    /// Has the guest handle a request; `get` finds the context in the store's data.
    ///
    /// It returns when the guest does, which is usually after the response has been received and read: what the guest waits
    /// for is waited for by [`dunlin::stacks::wait`]. The guest has not finished its bodies then if it has given up, and
    /// whoever reads them gets an error.
    ///
    /// # Errors
    /// If the guest traps, or holds too many resources. The sender says so too: nobody waits for ever.
    pub fn handle<T: 'static>(
        &self,
        mut store: impl AsContextMut<Data = T>,
        get: impl Fn(&mut T) -> &mut ComponentCtx,
        request: IncomingRequest,
        sender: ResponseSender,
    ) -> dunlin::Result<()> {
        let mut store = store.as_context_mut();
        let unset = sender.watch();
        let (request, outparam) = get(store.data_mut()).begin_request(request, sender)?;
        let ended = self.handle.call(&mut store, (request, outparam));
        drop(unset);
        get(store.data_mut()).end_request();
        ended
    }
}
