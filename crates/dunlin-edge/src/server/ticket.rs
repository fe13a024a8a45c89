//! One request's account: from its head to the end of its response, counted and logged once.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use http::{Method, Response, Uri, request};

use super::apps::App;
use super::body::{Body, Flow};
use super::conn::Conn;
use super::end::{self, Reason, Style};
use super::guest::Failure;
use super::id::{RequestId, TraceId};
use super::log::Level;
use super::metrics::add;
use super::worker::Worker;

/// The header that says of which trace a request is a part (Trace Context, of the W3C).
const TRACEPARENT: &str = "traceparent";

/// The account of a request; it is closed when this goes.
pub(crate) struct Ticket {
    worker: Rc<Worker>,
    conn: Arc<Conn>,
    begun: Instant,
    id: Option<RequestId>,
    app: Option<Arc<App>>,
    flow: Option<Arc<Flow>>,
    status: u16,
    sent: u64,
    reason: Option<Reason>,
    /// The trace that whoever asks says the request is a part of.
    trace: Option<TraceId>,
    /// What is logged of each request, if anything is.
    asked: Option<(Method, Uri)>,
}

impl Ticket {
    pub(crate) fn new(worker: Rc<Worker>, conn: Arc<Conn>, parts: &request::Parts) -> Self {
        let asked = worker.shared.logs_requests.then(|| (parts.method.clone(), parts.uri.clone()));
        Self {
            worker,
            conn,
            begun: Instant::now(),
            id: None,
            app: None,
            flow: None,
            status: 0,
            sent: 0,
            reason: None,
            trace: parts.headers.get(TRACEPARENT).and_then(|text| TraceId::parse(text.as_bytes())),
            asked,
        }
    }

    /// The worker that serves the request.
    pub(crate) fn worker(&self) -> &Worker {
        &self.worker
    }

    /// When the request began.
    pub(crate) fn begun(&self) -> Instant {
        self.begun
    }

    /// Says whose request it is.
    pub(crate) fn set_app(&mut self, app: &Arc<App>) {
        app.shards[self.worker.index].begin();
        self.app = Some(app.clone());
    }

    pub(crate) fn set_flow(&mut self, flow: &Arc<Flow>) {
        self.flow = Some(flow.clone());
    }

    pub(crate) fn set_status(&mut self, status: u16) {
        self.status = status;
    }

    pub(crate) fn add_sent(&mut self, bytes: u64) {
        self.sent += bytes;
    }

    /// Its number; it has one from when somebody asks.
    pub(crate) fn id(&mut self) -> RequestId {
        *self.id.get_or_insert_with(|| self.worker.ids.next())
    }

    /// Notes how the request ended, without words of a guest's.
    pub(crate) fn note(&mut self, reason: Reason) {
        self.reason = Some(reason);
        let Some(app) = &self.app else { return };
        app.shards[self.worker.index].note_reason(reason);
        if reason.is_failure() {
            let app = app.name.clone();
            let id = self.id().to_string();
            let log = &self.worker.shared.log;
            let mut line = log.line(Level::Warn, reason.text());
            line.text("id", &id).text("app", &app).text("reason", reason.name());
            if let Some(trace) = &self.trace {
                line.text("trace", trace.as_str());
            }
        }
    }

    /// Notes how a guest failed, with its own words.
    pub(crate) fn fail(&mut self, failure: &Failure) {
        self.reason = Some(failure.reason);
        let Some(app) = self.app.clone() else { return };
        app.shards[self.worker.index].note_reason(failure.reason);
        let id = self.id().to_string();
        let log = &self.worker.shared.log;
        let mut line = log.line(Level::Error, failure.reason.text());
        line.text("id", &id).text("app", &app.name).text("reason", failure.reason.name());
        if let Some(trace) = &self.trace {
            line.text("trace", trace.as_str());
        }
        if !failure.text.is_empty() {
            line.text("error", &failure.text);
        }
        if let Some(backtrace) = &failure.backtrace {
            line.text("backtrace", backtrace);
        }
    }

    /// The response of a request that has none of the app's own.
    pub(crate) fn refuse(&mut self, reason: Reason) -> Response<Body> {
        let style = self.app.as_ref().map_or(Style::Plain, |app| app.style());
        let mut response = end::response(reason, style, self.id());
        if let Some(app) = &self.app {
            app.add_response_headers(response.headers_mut());
        }
        self.status = response.status().as_u16();
        response
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.conn.end_request();
        let duration = self.begun.elapsed();
        if let Some(app) = &self.app {
            let counters = &app.shards[self.worker.index];
            counters.end(self.status, duration);
            add(&counters.bytes_out, self.sent);
            if let Some(flow) = &self.flow {
                add(&counters.bytes_in, flow.bytes.load(Relaxed));
            }
        }
        let Some((method, uri)) = &self.asked else { return };
        let mut line = self.worker.shared.log.line(Level::Info, "request");
        if let Some(app) = &self.app {
            line.text("app", &app.name);
        }
        line.text("method", method.as_str()).text("path", uri.path());
        line.number("status", self.status.into()).number("bytes", self.sent).span("ms", duration);
        if let Some(reason) = self.reason {
            line.text("reason", reason.name());
        }
        if let Some(id) = self.id {
            line.text("id", &id.to_string());
        }
        if let Some(trace) = &self.trace {
            line.text("trace", trace.as_str());
        }
    }
}
