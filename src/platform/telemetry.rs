//! What operators see: one log line per request, business metrics, a trace that goes through HTTP,
//! outbox and broker (W3C `traceparent`).

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;

tokio::task_local! {
    static TRACE: String;
}

/// Starts logging: JSON lines for machines, plain ones on a terminal. `RUST_LOG` chooses the level.
pub fn start_logging() {
    use std::io::IsTerminal;
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new("info,lapin=error,sqlx=warn"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = if std::io::stderr().is_terminal() {
        log.try_init()
    } else {
        log.json().flatten_event(true).with_current_span(true).with_span_list(false).try_init()
    };
    // A second start, in a test, keeps the first one's.
    drop(started);
}

/// Starts metrics; the handle renders them for `/metrics`.
pub fn start_metrics() -> PrometheusHandle {
    static HANDLE: std::sync::OnceLock<PrometheusHandle> = std::sync::OnceLock::new();
    HANDLE
        .get_or_init(|| {
            let builder = PrometheusBuilder::new();
            let seconds =
                [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0];
            let builder = builder
                .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &seconds)
                .unwrap_or_else(|_| PrometheusBuilder::new());
            let recorder = builder.build_recorder();
            let handle = recorder.handle();
            drop(metrics::set_global_recorder(recorder));
            handle
        })
        .clone()
}

/// The trace of the work that runs now, as `traceparent`; empty outside any.
pub fn current_trace() -> String {
    TRACE.try_with(Clone::clone).unwrap_or_default()
}

/// Does work within a trace: the given one when it is well-formed, a new one otherwise.
pub async fn within_trace<F: Future>(trace: Option<String>, work: F) -> F::Output {
    let trace = match trace {
        Some(trace) if is_traceparent(&trace) => trace,
        _ => new_trace(),
    };
    TRACE.scope(trace, work).await
}

/// The 32 digits of a trace.
pub fn trace_id(traceparent: &str) -> &str {
    traceparent.get(3..35).unwrap_or("")
}

fn new_trace() -> String {
    let id: u128 = rand::random();
    let span: u64 = rand::random();
    format!("00-{id:032x}-{span:016x}-01")
}

fn is_traceparent(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() == 55
        && text.starts_with("00-")
        && bytes[35] == b'-'
        && bytes[52] == b'-'
        && text.bytes().enumerate().all(|(place, b)| {
            matches!(place, 2 | 35 | 52) || matches!(b, b'0'..=b'9' | b'a'..=b'f')
        })
}

/// A page of metrics without its gauges. A family begins with the line that tells its type.
pub fn without_gauges(page: &str) -> String {
    let mut kept = String::with_capacity(page.len());
    let mut of_gauge = false;
    for line in page.split_inclusive('\n') {
        if line.starts_with("# ") {
            of_gauge = line.starts_with("# TYPE ") && line.trim_end().ends_with(" gauge");
        }
        if !of_gauge {
            kept.push_str(line);
        }
    }
    kept
}

/// Seconds since an instant, for a histogram.
pub fn seconds_since(since: tokio::time::Instant) -> f64 {
    since.elapsed().as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::without_gauges;

    #[test]
    fn a_page_without_its_gauges_keeps_all_else() {
        let page = "# TYPE a counter\na{x=\"1 gauge\"} 1\n\n# TYPE b gauge\nb{x=\"y\"} 2\nb 3\n\n\
                    # TYPE c summary\nc_sum 4\n";
        let kept = "# TYPE a counter\na{x=\"1 gauge\"} 1\n\n# TYPE c summary\nc_sum 4\n";
        assert_eq!(without_gauges(page), kept);
    }
}
