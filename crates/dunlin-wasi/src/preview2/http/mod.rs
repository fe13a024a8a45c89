//! `wasi:http` 0.2: requests and responses in both directions, their bodies as streams.
//!
//! An embedder gives a request to a guest with [`Handler::handle`], and has the response by a [`ResponseReceiver`] as soon as
//! the guest has set it. What a guest requests goes to the embedder's [`Outgoing`]. Bodies are [`Body`] on the embedder's
//! side, in both directions.
//!
//! Invariants:
//! 1. No more of a body than a buffer is held for a guest: who writes faster than the other side reads waits.
//! 2. What waits is a future, which [`dunlin::stacks::wait`] waits for.
//! 3. Names and values of fields, methods, schemes, authorities and paths have been checked before they leave: no guest
//!    writes a message's framing.
//!
//! Does **not** know: connections, TLS, names of hosts, any server or client.

mod answer;
pub(super) mod bodies;
mod body;
mod error_code;
mod fields;
mod handler;
mod outgoing;
pub(super) mod pipe;
pub(super) mod reader;
mod requests;
mod responses;
mod settings;

pub use answer::{NoResponse, ResponseReceiver, ResponseSender, response_pair};
pub use body::Body;
pub use error_code::{DnsErrorPayload, ErrorCode, FieldSizePayload, TlsAlertReceivedPayload};
pub use handler::{Handler, HandlerPre, exported_handler};
pub use outgoing::{Outgoing, RequestOptions, Sending};
pub use requests::IncomingRequest;
pub use settings::{HttpSettings, is_forbidden_field};

use super::ComponentCtx;
use super::link::Interfaces;

/// Adds `wasi:http/types` and `wasi:http/outgoing-handler` of every revision of WASI 0.2 to a linker; `get` finds the context
/// in the store's data. The other interfaces of a proxy are those of [`preview2::add_to_linker`](super::add_to_linker).
///
/// # Errors
/// When a name is already defined.
pub fn add_to_linker<T: 'static>(
    linker: &mut dunlin_component::Linker<T>,
    get: impl Fn(&mut T) -> &mut ComponentCtx + Clone + Send + Sync + 'static,
) -> dunlin::Result<()> {
    let mut all = Interfaces::new(linker, get);
    let mut types = all.named("wasi:http/types")?;
    types.func("http-error-code", |state, (error,)| outgoing::error_code(state, &error))?;
    fields::define(&mut types)?;
    requests::define(&mut types)?;
    bodies::define(&mut types)?;
    responses::define(&mut types)?;
    outgoing::define(&mut all)
}
