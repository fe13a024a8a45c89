//! A request on its way: to its app, through the bounds, to a guest, and back.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use dunlin_wasi::preview2::http::{Body as WasiBody, NoResponse, ResponseReceiver};
use http::{HeaderValue, Method, Request, Response, StatusCode, Version, header, request};
use http_body::{Body as HttpBody, Frame};
use hyper::body::Incoming;

use super::apps::App;
use super::body::{Body, Flow, GATHERED_BYTES_MAX, GuestBody, RequestBody};
use super::conn::{Conn, Lengths};
use super::end::Reason;
use super::guest::{Failure, Guest};
use super::ticket::Ticket;
use super::worker::Worker;

/// For how many turns a response is held back whose guest is still at it: most end in the turn in which they answer,
/// and then the length of the body is known.
const TURNS_MAX: u32 = 8;

/// A request that has no response of an app's own.
enum Refused {
    /// For a reason that the counters and the log do not know yet.
    Plain(Reason),
    /// Because a guest failed.
    Guest(Failure),
}

impl From<Reason> for Refused {
    fn from(reason: Reason) -> Self {
        Self::Plain(reason)
    }
}

/// Serves a request; there is a response whatever happens.
pub(crate) async fn serve(
    worker: Rc<Worker>,
    conn: Arc<Conn>,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let lengths = conn.begin_request();
    let (parts, incoming) = request.into_parts();
    // Whoever is in front may go by a length where this server goes by a coding.
    let is_coded = parts.headers.contains_key(header::TRANSFER_ENCODING);
    let closes = is_coded && lengths != Lengths::None;
    let is_certain = is_coded && lengths == Lengths::Seen;
    let mut ticket = Ticket::new(worker.clone(), conn.clone(), &parts);
    let answered = match is_certain {
        true => Err(Reason::Malformed.into()),
        false => answer(&worker, &conn, &mut ticket, parts, incoming).await,
    };
    let mut response = match answered {
        Ok(answer) => answer.into_response(&worker, ticket),
        Err(refused) => {
            let reason = match refused {
                Refused::Plain(reason) => {
                    ticket.note(reason);
                    reason
                }
                Refused::Guest(failure) => {
                    ticket.fail(&failure);
                    failure.reason
                }
            };
            ticket.refuse(reason)
        }
    };
    if closes {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response)
}

/// What a guest has answered so far.
struct Answer {
    response: Response<WasiBody>,
    guest: Option<Guest>,
    is_head: bool,
    app: Arc<App>,
}

/// Has a guest answer a request.
async fn answer(
    worker: &Rc<Worker>,
    conn: &Arc<Conn>,
    ticket: &mut Ticket,
    mut parts: request::Parts,
    incoming: Incoming,
) -> Result<Answer, Refused> {
    check(&parts)?;
    let apps = worker.apps();
    let found = apps.router.find(&parts.uri, &parts.headers);
    let app = &apps.list[found.ok_or(Reason::NotFound)?];
    ticket.set_app(app);
    let length = parts.headers.get(header::CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > app.spec.limits.request_body_bytes) {
        return Err(Reason::TooLarge.into());
    }
    let loaded = app.loaded(&worker.shared).await;
    let loaded = loaded.map_err(|why| {
        Refused::Guest(Failure { reason: Reason::Unloadable, text: why, backtrace: None })
    })?;
    let gathers = loaded.kind.is_whole();
    // What is gathered beyond a little takes one of the app's places, so that their number bounds it.
    let is_large = length.is_none_or(|length| length > GATHERED_BYTES_MAX);
    let early = if gathers && is_large && !incoming.is_end_stream() {
        Some(app.place().await?)
    } else {
        None
    };
    let (body, flow) = body(conn, app, ticket, incoming, length, gathers).await?;
    let place = match early {
        Some(place) => place,
        None => app.place().await?,
    };
    prepare(app, &mut parts);
    let is_head = parts.method == Method::HEAD;
    let request = Request::from_parts(parts, body);
    let begun = ticket.begun();
    let (mut guest, receiver) =
        Guest::begin(worker, app, &loaded, request, begun, place).map_err(Refused::Guest)?;
    let (response, ended) = first(&mut guest, receiver, flow.as_deref()).await?;
    let guest = (!ended).then_some(guest);
    Ok(Answer { response, guest, is_head, app: app.clone() })
}

/// Refuses what the protocol's parser lets pass and this server does not.
fn check(parts: &request::Parts) -> Result<(), Reason> {
    let headers = &parts.headers;
    let two_lengths = headers.contains_key(header::TRANSFER_ENCODING)
        && headers.contains_key(header::CONTENT_LENGTH);
    let hosts = headers.get_all(header::HOST).iter().count();
    let needs_host = parts.version == Version::HTTP_11 && hosts == 0;
    if two_lengths || hosts > 1 || needs_host || parts.method == Method::CONNECT {
        return Err(Reason::Malformed);
    }
    Ok(())
}

/// The body as a guest is given it: at once if it is short, and else as it comes.
async fn body(
    conn: &Arc<Conn>,
    app: &Arc<App>,
    ticket: &mut Ticket,
    incoming: Incoming,
    length: Option<u64>,
    gathers: bool,
) -> Result<(WasiBody, Option<Arc<Flow>>), Reason> {
    if incoming.is_end_stream() {
        return Ok((WasiBody::empty(), None));
    }
    let flow = Arc::new(Flow::default());
    ticket.set_flow(&flow);
    let most = app.spec.limits.request_body_bytes;
    let body = RequestBody::new(incoming, conn.clone(), flow.clone(), most);
    if gathers || length.is_some_and(|length| length <= GATHERED_BYTES_MAX) {
        return Ok((WasiBody::from(body.gather().await?), Some(flow)));
    }
    Ok((WasiBody::new(body), Some(flow)))
}

/// Makes of a request what the app sees.
fn prepare(app: &App, parts: &mut request::Parts) {
    app.add_request_headers(&mut parts.headers);
    let Some(prefix) = app.spec.prefix.as_deref().filter(|_| app.spec.strip_prefix) else { return };
    let Some(path) = parts.uri.path_and_query() else { return };
    let rest = path.as_str().strip_prefix(prefix.trim_end_matches('/'));
    let rest =
        rest.map(|rest| if rest.starts_with('/') { rest.into() } else { format!("/{rest}") });
    let mut uri = std::mem::take(&mut parts.uri).into_parts();
    if let Some(Ok(path)) = rest.map(TryInto::try_into) {
        uri.path_and_query = Some(path);
    }
    // The parts are those of a URI, with another path.
    parts.uri = uri.try_into().unwrap_or_default();
}

/// Runs a guest until it has answered; its response, and whether it has ended.
async fn first(
    guest: &mut Guest,
    mut receiver: ResponseReceiver,
    flow: Option<&Flow>,
) -> Result<(Response<WasiBody>, bool), Refused> {
    let mut answer = None;
    let mut turns_left = TURNS_MAX;
    poll_fn(|context| {
        let end = guest.poll(context);
        answer = answer.take().or_else(|| receiver.try_take());
        if end.is_pending() && answer.is_some() && !guest.is_waiting() && turns_left > 0 {
            turns_left -= 1;
            return Poll::Pending;
        }
        match (end, answer.take()) {
            (Poll::Pending, None) => Poll::Pending,
            (Poll::Pending, Some(Ok(response))) => Poll::Ready(Ok((response, false))),
            (Poll::Ready(Ok(Some(response))), _) => Poll::Ready(Ok((response, true))),
            (Poll::Ready(Ok(None)), Some(Ok(response))) => Poll::Ready(Ok((response, true))),
            // A guest that fails after it has answered has failed: nothing has been sent yet.
            (Poll::Ready(Err(failure)), _) => Poll::Ready(Err(failed(failure, flow))),
            (Poll::Ready(Ok(None)), None) => Poll::Ready(Err(Reason::NoResponse.into())),
            (_, Some(Err(why))) => Poll::Ready(Err(unanswered(&why, flow))),
        }
    })
    .await
}

/// A guest that did not get its request's body because it is too large is not to blame.
fn failed(failure: Failure, flow: Option<&Flow>) -> Refused {
    if flow.is_some_and(|flow| flow.is_too_large.load(Relaxed)) {
        return Reason::TooLarge.into();
    }
    Refused::Guest(failure)
}

fn unanswered(why: &NoResponse, flow: Option<&Flow>) -> Refused {
    let reason = match why {
        NoResponse::Failed(_) => Reason::Failed,
        NoResponse::Unset => Reason::NoResponse,
    };
    failed(Failure { reason, text: why.to_string(), backtrace: None }, flow)
}

impl Answer {
    /// The response for the client; it has the ticket while its body goes on.
    fn into_response(self, worker: &Worker, mut ticket: Ticket) -> Response<Body> {
        let Self { response, guest, is_head, app } = self;
        let (mut parts, mut body) = response.into_parts();
        app.add_response_headers(&mut parts.headers);
        ticket.set_status(parts.status.as_u16());
        let is_bodiless =
            is_head || matches!(parts.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        let most = app.spec.limits.response_body_bytes;
        let mut early = Vec::new();
        let extent = match guest {
            None if !is_bodiless => extent(&mut body, &mut early),
            _ => Extent::More,
        };
        let length: usize = early.iter().filter_map(|frame| frame.data_ref().map(Bytes::len)).sum();
        let refused = match extent {
            Extent::Failed => Some(Reason::Failed),
            Extent::Whole | Extent::More if length as u64 > most => Some(Reason::ResponseTooLarge),
            Extent::Whole => {
                let bytes =
                    early.pop().and_then(|frame| frame.into_data().ok()).unwrap_or_default();
                ticket.add_sent(bytes.len() as u64);
                return Response::from_parts(parts, Body::from(bytes));
            }
            Extent::More => None,
        };
        // Nothing has been sent yet, so that the client can be told.
        if let Some(reason) = refused {
            ticket.note(reason);
            return ticket.refuse(reason);
        }
        let body = GuestBody::new(body, early, guest, ticket, most);
        if is_bodiless {
            worker.spawn(body.drain());
            return Response::from_parts(parts, Body::from(Bytes::new()));
        }
        Response::from_parts(parts, Body::Guest(Box::new(body)))
    }
}

/// What there is of a body whose guest has ended.
enum Extent {
    /// A frame of data or none, and nothing else.
    Whole,
    /// More.
    More,
    /// It was not finished.
    Failed,
}

/// How much there is of a body whose guest has ended; what was read of it to see that.
fn extent(body: &mut WasiBody, early: &mut Vec<Frame<Bytes>>) -> Extent {
    let mut context = Context::from_waker(Waker::noop());
    loop {
        match Pin::new(&mut *body).poll_frame(&mut context) {
            Poll::Ready(None) => return Extent::Whole,
            Poll::Ready(Some(Ok(frame))) if frame.is_data() && early.is_empty() => {
                early.push(frame);
            }
            Poll::Ready(Some(Ok(frame))) => {
                early.push(frame);
                return Extent::More;
            }
            Poll::Ready(Some(Err(_))) => return Extent::Failed,
            // It comes from elsewhere, such as another server.
            Poll::Pending => return Extent::More,
        }
    }
}
