//! What is counted: for each app and worker apart, so that counting costs an addition, and together when somebody
//! asks.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use super::end::Reason;

/// Upper ends of the classes of durations, in microseconds.
const DURATIONS_US: [u64; 16] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    1_000_000, 2_500_000, 5_000_000, 10_000_000,
];

/// Upper ends of the classes of an instance's memory, in bytes.
const MEMORIES: [u64; 9] =
    [64 << 10, 1 << 20, 2 << 20, 4 << 20, 8 << 20, 16 << 20, 32 << 20, 64 << 20, 128 << 20];

/// Adds to a counter that only this thread writes.
pub(crate) fn add(counter: &AtomicU64, more: u64) {
    counter.store(counter.load(Relaxed).wrapping_add(more), Relaxed);
}

/// A histogram: how often a value lay in each class, and their sum.
#[derive(Debug)]
struct Histogram<const N: usize> {
    classes: [AtomicU64; N],
    beyond: AtomicU64,
    sum: AtomicU64,
}

impl<const N: usize> Default for Histogram<N> {
    fn default() -> Self {
        let classes = std::array::from_fn(|_| AtomicU64::new(0));
        Self { classes, beyond: AtomicU64::new(0), sum: AtomicU64::new(0) }
    }
}

impl<const N: usize> Histogram<N> {
    fn note(&self, ends: &[u64; N], value: u64) {
        let class = ends.partition_point(|end| *end < value);
        add(self.classes.get(class).unwrap_or(&self.beyond), 1);
        add(&self.sum, value);
    }

    fn add_to(&self, total: &mut ([u64; N], u64, u64)) {
        for (sum, class) in total.0.iter_mut().zip(&self.classes) {
            *sum += class.load(Relaxed);
        }
        total.1 += self.beyond.load(Relaxed);
        total.2 += self.sum.load(Relaxed);
    }
}

/// What one worker counts of one app. Only that worker writes it.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// Requests by the first digit of their response's status.
    statuses: [AtomicU64; 6],
    /// Requests that ended for a reason of the server's or guest's own.
    reasons: [AtomicU64; Reason::ALL.len()],
    durations: Histogram<{ DURATIONS_US.len() }>,
    memories: Histogram<{ MEMORIES.len() }>,
    pub(crate) busy_us: AtomicU64,
    pub(crate) in_flight: AtomicI64,
    pub(crate) instances: AtomicU64,
    pub(crate) bytes_in: AtomicU64,
    pub(crate) bytes_out: AtomicU64,
}

impl Counters {
    pub(crate) fn begin(&self) {
        self.in_flight.store(self.in_flight.load(Relaxed) + 1, Relaxed);
    }

    pub(crate) fn end(&self, status: u16, duration: Duration) {
        self.in_flight.store(self.in_flight.load(Relaxed) - 1, Relaxed);
        add(&self.statuses[usize::from(status / 100).min(5)], 1);
        self.durations.note(&DURATIONS_US, duration.as_micros() as u64);
    }

    pub(crate) fn note_reason(&self, reason: Reason) {
        add(&self.reasons[reason as usize], 1);
    }

    /// A guest has ended: the time in which it ran, and what memory it had.
    pub(crate) fn note_guest(&self, busy: Duration, memory_bytes: u64) {
        add(&self.busy_us, busy.as_micros() as u64);
        self.memories.note(&MEMORIES, memory_bytes);
    }
}

/// What is counted of an app by all workers, to be written.
pub(crate) struct AppCounters<'a> {
    pub(crate) name: &'a str,
    pub(crate) executor: &'static str,
    pub(crate) shards: &'a [Counters],
    pub(crate) is_loaded: bool,
    pub(crate) waiting: u64,
    pub(crate) log_bytes_dropped: u64,
}

/// Counters of the whole server.
#[derive(Debug, Default)]
pub(crate) struct ServerCounters {
    pub(crate) connections: AtomicI64,
    pub(crate) accepted: AtomicU64,
    pub(crate) refused: AtomicU64,
    /// Connections that were ended because the client was too slow.
    pub(crate) slow: AtomicU64,
    pub(crate) malformed: AtomicU64,
    pub(crate) reloads: AtomicU64,
    pub(crate) reloads_failed: AtomicU64,
}

/// A number of an app: its name, kind and help, and where it is.
type Row = (&'static str, &'static str, &'static str, fn(&AppCounters<'_>) -> u64);

/// The sum of a counter over an app's workers.
fn sum(app: &AppCounters<'_>, pick: fn(&Counters) -> u64) -> u64 {
    app.shards.iter().map(pick).fold(0, u64::wrapping_add)
}

/// The numbers that each app has one of.
const ROWS: &[Row] = &[
    ("dunlin_guest_busy_microseconds_total", "counter", "Time in which guests ran.", |app| {
        sum(app, |c| c.busy_us.load(Relaxed))
    }),
    ("dunlin_requests_in_flight", "gauge", "Requests that are being served.", |app| {
        sum(app, |c| c.in_flight.load(Relaxed).max(0) as u64)
    }),
    ("dunlin_instances_created_total", "counter", "Instances that were made.", |app| {
        sum(app, |c| c.instances.load(Relaxed))
    }),
    ("dunlin_request_body_bytes_total", "counter", "Bytes of bodies of requests.", |app| {
        sum(app, |c| c.bytes_in.load(Relaxed))
    }),
    ("dunlin_response_body_bytes_total", "counter", "Bytes of bodies of responses.", |app| {
        sum(app, |c| c.bytes_out.load(Relaxed))
    }),
    ("dunlin_app_loaded", "gauge", "Whether the app's component is loaded.", |app| {
        app.is_loaded.into()
    }),
    ("dunlin_requests_waiting", "gauge", "Requests that wait for an instance.", |app| app.waiting),
    (
        "dunlin_log_bytes_dropped_total",
        "counter",
        "Bytes of guests' logs that were left out.",
        |app| app.log_bytes_dropped,
    ),
];

/// Writes all of it as Prometheus reads it.
pub(crate) fn render(apps: &[AppCounters<'_>], server: &ServerCounters) -> String {
    let mut out = String::with_capacity(4096 + apps.len() * 4096);
    render_server(&mut out, server);
    for (name, kind, help, value) in ROWS {
        head(&mut out, name, kind, help);
        for app in apps {
            let _ = writeln!(out, "{name}{{app=\"{}\"}} {}", app.name, value(app));
        }
    }
    render_statuses(&mut out, apps);
    render_reasons(&mut out, apps);
    render_durations(&mut out, apps);
    render_memories(&mut out, apps);
    out
}

fn head(out: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn render_server(out: &mut String, server: &ServerCounters) {
    let rows = [
        (
            "dunlin_connections",
            "gauge",
            "Connections that are open.",
            server.connections.load(Relaxed).max(0) as u64,
        ),
        (
            "dunlin_connections_accepted_total",
            "counter",
            "Connections that were accepted.",
            server.accepted.load(Relaxed),
        ),
        (
            "dunlin_connections_refused_total",
            "counter",
            "Connections beyond the limit.",
            server.refused.load(Relaxed),
        ),
        (
            "dunlin_connections_slow_total",
            "counter",
            "Connections that were ended for being too slow.",
            server.slow.load(Relaxed),
        ),
        (
            "dunlin_requests_malformed_total",
            "counter",
            "Connections that ended for what is no HTTP.",
            server.malformed.load(Relaxed),
        ),
        (
            "dunlin_reloads_total",
            "counter",
            "Times that apps were loaded again.",
            server.reloads.load(Relaxed),
        ),
        (
            "dunlin_reloads_failed_total",
            "counter",
            "Times that they could not be.",
            server.reloads_failed.load(Relaxed),
        ),
    ];
    for (name, kind, help, value) in rows {
        head(out, name, kind, help);
        let _ = writeln!(out, "{name} {value}");
    }
}

fn render_statuses(out: &mut String, apps: &[AppCounters<'_>]) {
    head(out, "dunlin_requests_total", "counter", "Requests that have ended, by class of status.");
    for app in apps {
        for class in 1..6 {
            let count: u64 = app.shards.iter().map(|c| c.statuses[class].load(Relaxed)).sum();
            let name = app.name;
            let _ = writeln!(
                out,
                "dunlin_requests_total{{app=\"{name}\",status=\"{class}xx\"}} {count}"
            );
        }
    }
    head(out, "fastedge_call_count", "counter", "Requests that have ended.");
    for executor in ["http", "wasi_http"] {
        let all = apps.iter().filter(|app| app.executor == executor);
        let count: u64 =
            all.flat_map(|app| app.shards).flat_map(|c| &c.statuses).map(|c| c.load(Relaxed)).sum();
        let _ = writeln!(out, "fastedge_call_count{{executor=\"{executor}\"}} {count}");
    }
}

fn render_reasons(out: &mut String, apps: &[AppCounters<'_>]) {
    head(
        out,
        "dunlin_errors_total",
        "counter",
        "Requests without a response of the app's own, by reason.",
    );
    for app in apps {
        for reason in Reason::ALL {
            let count: u64 =
                app.shards.iter().map(|c| c.reasons[*reason as usize].load(Relaxed)).sum();
            let (name, reason) = (app.name, reason.name());
            let _ =
                writeln!(out, "dunlin_errors_total{{app=\"{name}\",reason=\"{reason}\"}} {count}");
        }
    }
    head(
        out,
        "fastedge_error_total_count",
        "counter",
        "Requests without a response of the app's own, by reason.",
    );
    for executor in ["http", "wasi_http"] {
        for class in ["unknown", "timeout", "oom", "other", "overloaded"] {
            let all = apps.iter().filter(|app| app.executor == executor);
            let reasons = Reason::ALL.iter().filter(|reason| reason.fastedge_class() == class);
            let count: u64 = all
                .flat_map(|app| app.shards)
                .map(|c| {
                    reasons
                        .clone()
                        .map(|reason| c.reasons[*reason as usize].load(Relaxed))
                        .sum::<u64>()
                })
                .sum();
            let _ = writeln!(
                out,
                "fastedge_error_total_count{{executor=\"{executor}\",reason=\"{class}\"}} {count}"
            );
        }
    }
}

fn render_durations(out: &mut String, apps: &[AppCounters<'_>]) {
    let name = "fastedge_request_duration";
    head(out, name, "histogram", "Seconds from a request to the end of its response.");
    for app in apps {
        let mut total = ([0; DURATIONS_US.len()], 0, 0);
        app.shards.iter().for_each(|c| c.durations.add_to(&mut total));
        render_histogram(out, name, app.name, &DURATIONS_US, &total, 1e6);
    }
}

fn render_memories(out: &mut String, apps: &[AppCounters<'_>]) {
    let name = "fastedge_wasm_memory_used";
    head(out, name, "histogram", "Bytes of memory of an instance at its request's end.");
    for app in apps {
        let mut total = ([0; MEMORIES.len()], 0, 0);
        app.shards.iter().for_each(|c| c.memories.add_to(&mut total));
        render_histogram(out, name, app.name, &MEMORIES, &total, 1.0);
    }
}

fn render_histogram<const N: usize>(
    out: &mut String,
    name: &str,
    app: &str,
    ends: &[u64; N],
    (classes, beyond, sum): &([u64; N], u64, u64),
    parts: f64,
) {
    let mut count = 0;
    for (end, class) in ends.iter().zip(classes) {
        count += class;
        let end = *end as f64 / parts;
        let _ = writeln!(out, "{name}_bucket{{app=\"{app}\",le=\"{end}\"}} {count}");
    }
    count += beyond;
    let sum = *sum as f64 / parts;
    let _ = writeln!(out, "{name}_bucket{{app=\"{app}\",le=\"+Inf\"}} {count}");
    let _ =
        writeln!(out, "{name}_sum{{app=\"{app}\"}} {sum}\n{name}_count{{app=\"{app}\"}} {count}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_workers_count_apart_is_written_together() {
        let shards = [Counters::default(), Counters::default()];
        shards[0].begin();
        shards[0].end(200, Duration::from_micros(100));
        shards[1].begin();
        shards[1].end(530, Duration::from_secs(60));
        shards[1].note_reason(Reason::Trap);
        shards[1].note_guest(Duration::from_micros(7), 1 << 20);
        shards[0].begin();
        let app = AppCounters {
            name: "a",
            executor: "http",
            shards: &shards,
            is_loaded: true,
            waiting: 0,
            log_bytes_dropped: 5,
        };
        let text = render(&[app], &ServerCounters::default());
        for line in [
            "dunlin_requests_total{app=\"a\",status=\"2xx\"} 1",
            "dunlin_requests_total{app=\"a\",status=\"5xx\"} 1",
            "dunlin_errors_total{app=\"a\",reason=\"trap\"} 1",
            "dunlin_requests_in_flight{app=\"a\"} 1",
            "dunlin_guest_busy_microseconds_total{app=\"a\"} 7",
            "fastedge_call_count{executor=\"http\"} 2",
            "fastedge_error_total_count{executor=\"http\",reason=\"other\"} 1",
            "fastedge_request_duration_bucket{app=\"a\",le=\"0.0001\"} 1",
            "fastedge_request_duration_bucket{app=\"a\",le=\"10\"} 1",
            "fastedge_request_duration_bucket{app=\"a\",le=\"+Inf\"} 2",
            "fastedge_wasm_memory_used_bucket{app=\"a\",le=\"65536\"} 0",
            "fastedge_wasm_memory_used_bucket{app=\"a\",le=\"1048576\"} 1",
            "dunlin_log_bytes_dropped_total{app=\"a\"} 5",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }
}
