//! `incoming-body`, `outgoing-body` and `future-trailers` of `wasi:http/types`.

use std::sync::{Arc, Weak};

use dunlin_component::{Borrow, Resource};
use http::HeaderMap;

use super::body::Body;
use super::error_code::ErrorCode;
use super::fields::Fields;
use super::pipe::{Message, Pipe, PipeWriter, pipe};
use super::reader::BodyReader;
use super::settings::HttpSettings;
use crate::preview2::link::Interface;
use crate::preview2::poll::Pollable;
use crate::preview2::state::{ComponentCtx, trap};
use crate::preview2::streams::{InputStream, OutputStream};

/// A stream's hold on the body that it reads.
pub(in crate::preview2) struct ReadHold(pub(in crate::preview2) Arc<BodyReader>);

/// A stream's hold on the body that it writes.
pub(in crate::preview2) struct WriteHold(pub(in crate::preview2) Arc<Pipe>);

/// The stream of a body: none yet, or the one that was given out, if it is still there.
struct Given<S>(Option<Weak<S>>);

impl<S> Given<S> {
    /// Gives the stream out, the first time.
    fn give(&mut self, stream: impl FnOnce() -> S) -> Option<Arc<S>> {
        if self.0.is_some() {
            return None;
        }
        let stream = Arc::new(stream());
        self.0 = Some(Arc::downgrade(&stream));
        Some(stream)
    }

    /// Refuses a body whose stream is still there.
    fn require_gone(&self) -> dunlin::Result<()> {
        match &self.0 {
            Some(stream) if stream.strong_count() > 0 => {
                Err(trap("a body is finished whose stream has not been dropped"))
            }
            _ => Ok(()),
        }
    }
}

/// A body that a guest reads.
pub(super) struct IncomingBody {
    reader: Arc<BodyReader>,
    stream: Given<ReadHold>,
}

impl IncomingBody {
    pub(super) fn new(body: Body) -> IncomingBody {
        IncomingBody { reader: BodyReader::new(body), stream: Given(None) }
    }
}

/// A body that a guest writes.
pub(super) struct OutgoingBody {
    writer: PipeWriter,
    stream: Given<WriteHold>,
}

/// The body of a message that a guest makes.
#[derive(Default)]
pub(super) enum MessageBody {
    /// The guest has not asked for it.
    #[default]
    Unasked,
    /// What the guest writes.
    Asked(Body, Arc<Pipe>),
}

impl MessageBody {
    /// Gives the guest's end out, the first time, if the length is not a lie already.
    pub(super) fn take(
        &mut self,
        message: Message,
        length: Result<Option<u64>, ()>,
        settings: &HttpSettings,
    ) -> Option<OutgoingBody> {
        let (MessageBody::Unasked, Ok(length)) = (&self, length) else { return None };
        let (writer, reader) = pipe(message, length, settings.body_buffer_bytes);
        *self = MessageBody::Asked(Body::piped(reader), writer.pipe().clone());
        Some(OutgoingBody { writer, stream: Given(None) })
    }

    /// The other end.
    pub(super) fn into_body(self, message: Message, length: Option<u64>) -> Body {
        match self {
            MessageBody::Asked(body, _) => body,
            MessageBody::Unasked => match length {
                None | Some(0) => Body::empty(),
                Some(length) => {
                    // A response to `HEAD` announces what it does not have; whoever wants it gets an error.
                    let (writer, reader) = pipe(message, Some(length), 1);
                    drop(writer.finish(None));
                    Body::piped(reader)
                }
            },
        }
    }

    /// What the guest writes, if it has asked for it.
    pub(super) fn pipe(&self) -> Option<&Arc<Pipe>> {
        match self {
            MessageBody::Asked(_, pipe) => Some(pipe),
            MessageBody::Unasked => None,
        }
    }
}

/// Trailers that may not be there yet.
pub(super) struct FutureTrailers {
    reader: Arc<BodyReader>,
    is_taken: bool,
}

/// What is told of trailers.
type Trailers = Result<Result<Option<Resource<Fields>>, ErrorCode>, ()>;

impl ComponentCtx {
    /// The trailers, if the body has ended; an error when they have been taken.
    fn trailers(&mut self, this: &Borrow<FutureTrailers>) -> dunlin::Result<Option<Trailers>> {
        let future = self.table.get_mut(this)?;
        if future.is_taken {
            return Ok(Some(Err(())));
        }
        let Some(trailers) = future.reader.trailers() else { return Ok(None) };
        future.is_taken = true;
        let fields = |map: HeaderMap| Fields::received(map, &self.http);
        Ok(Some(Ok(match trailers.map(|map| map.map(fields)) {
            Err(failure) => Err(failure),
            Ok(fields) => Ok(fields.map(|fields| self.give(fields)).transpose()?),
        })))
    }
}

/// Waits for the end of a body.
struct AtEnd(Arc<BodyReader>);

impl crate::preview2::poll::AsyncReady for AtEnd {
    fn poll_ready(&self, context: &mut std::task::Context<'_>) -> std::task::Poll<()> {
        self.0.poll_end(context)
    }
}

pub(super) fn define<T, G>(types: &mut Interface<'_, T, G>) -> dunlin::Result<()>
where
    T: 'static,
    G: Fn(&mut T) -> &mut ComponentCtx + Clone + Send + Sync + 'static,
{
    types
        .resource::<IncomingBody>("incoming-body")?
        .func("[method]incoming-body.stream", |state, (this,): (Borrow<IncomingBody>,)| {
            let IncomingBody { reader, stream } = state.table.get_mut(&this)?;
            let hold = stream.give(|| ReadHold(reader.clone()));
            let stream = hold.map(|hold| state.give(InputStream::body(hold))).transpose()?;
            Ok(stream.ok_or(()))
        })?
        .func("[static]incoming-body.finish", |state, (this,): (Resource<IncomingBody>,)| {
            let IncomingBody { reader, stream } = state.delete(&this)?;
            stream.require_gone()?;
            state.give(FutureTrailers { reader, is_taken: false })
        })?
        .resource::<FutureTrailers>("future-trailers")?
        .func("[method]future-trailers.subscribe", |state, (this,): (Borrow<FutureTrailers>,)| {
            let future = state.table.get(&this)?;
            let pollable = match future.is_taken {
                true => Pollable::Ready,
                false => Pollable::Async(Arc::new(AtEnd(future.reader.clone()))),
            };
            state.give(pollable)
        })?
        .func("[method]future-trailers.get", |state, (this,): (Borrow<FutureTrailers>,)| {
            state.trailers(&this)
        })?;
    type Finished = (Resource<OutgoingBody>, Option<Resource<Fields>>);
    types
        .resource::<OutgoingBody>("outgoing-body")?
        .func("[method]outgoing-body.write", |state, (this,): (Borrow<OutgoingBody>,)| {
            let OutgoingBody { writer, stream } = state.table.get_mut(&this)?;
            let hold = stream.give(|| WriteHold(writer.pipe().clone()));
            let stream = hold.map(|hold| state.give(OutputStream::body(hold))).transpose()?;
            Ok(stream.ok_or(()))
        })?
        .func("[static]outgoing-body.finish", |state, (this, trailers): Finished| {
            let OutgoingBody { writer, stream } = state.delete(&this)?;
            stream.require_gone()?;
            let trailers = trailers.map(|fields| state.delete(&fields)).transpose()?;
            Ok(writer.finish(trailers.map(Fields::into_map)))
        })?;
    Ok(())
}
