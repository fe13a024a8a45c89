//! What one component was granted, and the resources that it holds.

use std::fmt;
use std::sync::Arc;

use dunlin::{Error, ErrorKind, TrapCode};
use dunlin_component::{Rep, Resource, ResourceTable};

use super::http::HttpSettings;
use super::http::pipe::Pipe;
use crate::ctx::WasiCtx;
use crate::errno::Errno;
use crate::reactor::Reactor;

/// What one component was granted, and the resources of the host's that it holds.
///
/// # Examples
/// ```
/// use dunlin::{Engine, Store};
/// use dunlin_component::{Component, Linker};
/// use dunlin_wasi::preview2::{self, ComponentCtx};
/// use dunlin_wasi::{ExitCode, WasiCtx};
///
/// let engine = Engine::default();
/// let component = Component::new(&engine, r#"
///     (component
///         (import "wasi:cli/exit@0.2.3" (instance $exit
///             (export "exit" (func (param "status" (result))))))
///         (core func $exit (canon lower (func $exit "exit")))
///         (core module $m
///             (import "host" "exit" (func $exit (param i32)))
///             (func (export "run") (result i32) (call $exit (i32.const 1)) (i32.const 0)))
///         (core instance $i (instantiate $m (with "host" (instance
///             (export "exit" (func $exit))))))
///         (func (export "run") (result (result)) (canon lift (core func $i "run"))))
/// "#)?;
/// let mut linker = Linker::new(&engine);
/// preview2::add_to_linker(&mut linker, |ctx: &mut ComponentCtx| ctx)?;
/// let mut store = Store::new(&engine, ComponentCtx::new(WasiCtx::builder().build()?));
/// let instance = linker.instantiate(&mut store, &component)?;
/// let run = instance.get_typed_func::<(), Result<(), ()>>(&mut store, "run")?;
/// let ended = run.call(&mut store, ()).unwrap_err();
/// assert_eq!(ended.downcast_ref::<ExitCode>(), Some(&ExitCode(1)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct ComponentCtx {
    pub(super) ctx: WasiCtx,
    pub(super) table: ResourceTable,
    /// How many resources the table holds.
    held: usize,
    /// How many directory entries the streams of the table hold.
    pub(super) entries_held: usize,
    /// Every socket that lives has one of these.
    pub(super) sockets: Arc<()>,
    /// Every lookup of a name that has not ended has one of these.
    pub(super) lookups: Arc<()>,
    /// What was granted of HTTP.
    pub(super) http: HttpSettings,
    /// How many requests the guest has made since its own began.
    pub(super) http_requests: u32,
    /// The body of the response that the guest has answered its request with.
    pub(super) answering: Option<Arc<Pipe>>,
}

impl fmt::Debug for ComponentCtx {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("ComponentCtx")
            .field("ctx", &self.ctx)
            .field("held", &self.held)
            .finish_non_exhaustive()
    }
}

impl ComponentCtx {
    /// What a component is granted, and no resources yet.
    #[must_use]
    pub fn new(ctx: WasiCtx) -> ComponentCtx {
        ComponentCtx {
            ctx,
            table: ResourceTable::new(),
            held: 0,
            entries_held: 0,
            sockets: Arc::new(()),
            lookups: Arc::new(()),
            http: HttpSettings::default(),
            http_requests: 0,
            answering: None,
        }
    }

    /// What it was granted of HTTP, and the bounds of it: nothing may be requested until something is set there.
    #[must_use]
    pub fn http(&mut self) -> &mut HttpSettings {
        &mut self.http
    }

    /// Makes waits for clocks, files, names, pipes and sockets hold no thread, as [`WasiCtx::set_reactor`] does.
    pub fn set_reactor(&mut self, reactor: Arc<dyn Reactor>) {
        self.ctx.set_reactor(reactor);
    }

    /// What it was granted.
    #[must_use]
    pub fn ctx(&mut self) -> &mut WasiCtx {
        &mut self.ctx
    }

    /// Keeps what stands behind a resource.
    ///
    /// # Errors
    /// `NOMEM` for more resources than the limit.
    pub(super) fn push<R: Send + Sync + 'static>(
        &mut self,
        value: R,
    ) -> Result<Resource<R>, Errno> {
        if self.held >= self.ctx.limits.resources_max {
            return Err(Errno::Nomem);
        }
        self.held += 1;
        Ok(self.table.push(value))
    }

    /// The same for functions that cannot fail.
    ///
    /// # Errors
    /// A trap for more resources than the limit.
    pub(super) fn give<R: Send + Sync + 'static>(
        &mut self,
        value: R,
    ) -> dunlin::Result<Resource<R>> {
        self.push(value).map_err(|_| trap("the component holds too many resources"))
    }

    /// Takes what stands behind a resource away.
    ///
    /// # Errors
    /// If there is none.
    pub(super) fn delete<R: 'static>(&mut self, resource: &impl Rep<R>) -> dunlin::Result<R> {
        let value = self.table.delete(resource)?;
        self.held = self.held.saturating_sub(1);
        Ok(value)
    }

    /// Ends the guest if the embedder wants it to.
    ///
    /// # Errors
    /// The trap of an interrupt.
    pub(super) fn check_interrupt(&self) -> dunlin::Result<()> {
        self.ctx.interrupt.check().map_err(|_| Error::from(TrapCode::Interrupted))
    }
}

/// A guest that has gone beyond what a function that cannot fail can do for it.
#[cold]
pub(super) fn trap(why: &str) -> Error {
    Error::new_of(ErrorKind::Trap, why)
}
