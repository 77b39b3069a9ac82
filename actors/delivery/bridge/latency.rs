//! How long services take: some requests are measured, and reported to a subject of the exporter.

use std::time::{Duration, Instant, SystemTime};

use serde::Serialize;
use vagus_auth::account::Sampling;
use vagus_telemetry::text::GoTime;
use vagus_wire::headers;

use super::info::ClientInfo;
use super::replies::Over;
use crate::delivery::outlet::{Outlet, Post};
use crate::realm::ServiceImport;

/// A request that is measured.
#[derive(Clone)]
pub(crate) struct Measure {
    /// Where the report goes.
    subject: Box<[u8]>,
    began: Instant,
    began_at: SystemTime,
    requestor: ClientInfo,
    /// The headers for which it is measured.
    because: Option<serde_json::Value>,
}

/// How the request ended.
pub(super) enum Outcome {
    Answered {
        responder: Box<ClientInfo>,
        began: Instant,
    },
    /// There was no subject to answer to.
    BadRequest,
    /// Nobody serves.
    Unavailable,
    /// Nobody answered in time, or who asked is gone.
    Over(Over),
}

/// In the fields' order of nats-server. Durations are in nanoseconds.
#[derive(Serialize)]
struct Report<'a> {
    r#type: &'static str,
    id: String,
    timestamp: String,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'static str>,
    requestor: &'a ClientInfo,
    #[serde(skip_serializing_if = "Option::is_none")]
    responder: Option<&'a ClientInfo>,
    #[serde(skip_serializing_if = "Option::is_none")]
    header: Option<&'a serde_json::Value>,
    start: String,
    service: u64,
    system: u64,
    total: u64,
}

// === impl Measure ===

impl Measure {
    /// Whether this request is to be measured.
    pub(super) fn begin(
        import: &ServiceImport,
        block: Option<&[u8]>,
        requestor: &ClientInfo,
    ) -> Option<Self> {
        let latency = import.latency.as_ref()?;
        let by_chance = match latency.sampling {
            Sampling::Percent(share) => fastrand::u8(..100) < share,
            Sampling::Headers => false,
        };
        let because = match by_chance {
            true => None,
            false => Some(asks_for_it(block?)?),
        };
        Some(Self {
            subject: latency.subject.as_bytes().into(),
            began: Instant::now(),
            began_at: SystemTime::now(),
            requestor: requestor.clone(),
            because,
        })
    }

    /// Tells whoever listens in the realm of the service.
    pub(super) fn report(&self, outcome: Outcome, there: &mut Outlet<'_>) {
        if !there.interested(&self.subject, None) {
            return;
        }
        let (mut service, mut system, mut total) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
        let (mut responder, asked) = (None, rtt(&self.requestor));
        let (status, description) = match outcome {
            Outcome::BadRequest => (400, Some("Bad Request")),
            Outcome::Unavailable => (503, Some("Service Unavailable")),
            Outcome::Over(Over::Gone) => (408, Some("Request Timeout")),
            Outcome::Over(Over::Late) => {
                total = self.began.elapsed();
                service = total;
                (504, Some("Service Timeout"))
            }
            Outcome::Answered { responder: info, began } => {
                let (elapsed, answered) = (began - self.began, rtt(&info));
                service = elapsed.saturating_sub(answered);
                system = began.elapsed();
                total = asked + service + system + answered;
                responder = Some(*info);
                (200, None)
            }
        };
        let report = Report {
            r#type: "io.nats.server.metric.v1.service_latency",
            id: std::iter::repeat_with(fastrand::alphanumeric).take(22).collect(),
            timestamp: GoTime(SystemTime::now()).to_string(),
            status,
            description,
            requestor: &self.requestor,
            responder: responder.as_ref(),
            header: self.because.as_ref(),
            start: GoTime(self.began_at.checked_sub(asked).unwrap_or(self.began_at)).to_string(),
            service: service.as_nanos() as u64,
            system: system.as_nanos() as u64,
            total: total.as_nanos() as u64,
        };
        let payload = serde_json::to_vec(&report).unwrap_or_default();
        there.publish(Post {
            subject: &self.subject,
            reply: None,
            headers: None,
            payload: &payload,
        });
    }

    /// Of a request that was ended by time, or by who asked.
    pub(crate) fn report_over(&self, over: Over, there: &mut Outlet<'_>) {
        self.report(Outcome::Over(over), there);
    }
}

fn rtt(of: &ClientInfo) -> Duration {
    Duration::from_nanos(of.rtt.unwrap_or(0))
}

/// The headers of a trace that is being sampled, if there are any.
fn asks_for_it(block: &[u8]) -> Option<serde_json::Value> {
    let get = |name: &[u8]| headers::get(block, name).and_then(|v| std::str::from_utf8(v).ok());
    let taken = |names: &[&str]| {
        let mut all = serde_json::Map::new();
        for name in names {
            if let Some(value) = get(name.as_bytes()) {
                all.insert((*name).to_owned(), serde_json::json!([value]));
            }
        }
        Some(serde_json::Value::Object(all))
    };
    if let Some(trace) = get(b"Uber-Trace-Id") {
        let parts: Vec<&str> = trace.split(':').collect();
        let flags = parts.get(3).and_then(|flags| u8::from_str_radix(flags, 16).ok());
        return flags
            .filter(|_| parts.len() == 4)
            .filter(|flags| flags & 1 == 1)
            .and_then(|_| taken(&["Uber-Trace-Id"]));
    }
    const B3: [&str; 4] = ["X-B3-Sampled", "X-B3-TraceId", "X-B3-ParentSpanId", "X-B3-SpanId"];
    match (get(b"X-B3-Sampled"), get(b"X-B3-TraceId")) {
        (Some("1"), _) => return taken(&B3),
        (Some(_), _) => return None,
        (None, Some(_)) => return taken(&B3),
        (None, None) => {}
    }
    if let Some(b3) = get(b"B3") {
        let sampled = b3.split('-').nth(2).unwrap_or(b3);
        return (sampled != "0").then(|| taken(&["B3"])).flatten();
    }
    let trace = get(b"Traceparent")?;
    let flags = trace.split('-').nth(3).and_then(|flags| u8::from_str_radix(flags, 16).ok())?;
    (flags & 1 == 1).then(|| taken(&["Traceparent"])).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_sampled_traces_ask_to_be_measured() {
        let asks = |header: &str| asks_for_it(format!("NATS/1.0\r\n{header}\r\n\r\n").as_bytes());
        for header in [
            "Uber-Trace-Id: 479fefe9525eddb:479fefe9525eddb:0:1",
            "X-B3-Sampled: 1",
            "X-B3-TraceId: 80f198ee56343ba864fe8b2a57d3eff7",
            "B3: 80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1-05e3ac9a4f6e3b90",
            "B3: 80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1",
            "B3: 1",
            "Traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert!(asks(header).is_some(), "{header}");
        }
        for header in [
            "Uber-Trace-Id: 479fefe9525eddb:479fefe9525eddb:0:0",
            "Uber-Trace-Id: x",
            "X-B3-Sampled: 0\r\nX-B3-TraceId: 80f198ee56343ba864fe8b2a57d3eff7",
            "B3: 0",
            "B3: 80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-0-05e3ac9a4f6e3b90",
            "Traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00",
            "Foo: bar",
        ] {
            assert!(asks(header).is_none(), "{header}");
        }
    }
}
