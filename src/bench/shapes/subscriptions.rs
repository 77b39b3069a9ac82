//! `subs`: very many subscriptions, each with its own subject: how long they take, what memory
//! they need, and how fast publishes find their way among them.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{Context, Shape, check_subject, per_second, seconds};
use crate::args::SubsArgs;
use crate::connection::{Connection, Patience};
use crate::error::BenchError;
use crate::flow::{FanOut, Flow, both, join_all};
use crate::frames::{Frames, decimal_width};
use crate::metrics::Metrics;
use crate::process::{Window, allow_open_files};
use crate::publisher::{Published, Quota, flood};
use crate::report::Outcome;
use crate::swarm::Swarm;

const WRITE_BYTES: usize = 64 * 1024;
const OTHER_FILES: u64 = 64;
const LOOKUP_SIZE: usize = 16;
const LOOK: Duration = Duration::from_millis(20);

impl Shape for SubsArgs {
    fn name(&self) -> &'static str {
        "subs"
    }

    fn settings(&self) -> Vec<(&'static str, Value)> {
        vec![
            ("subscriptions", Value::from(self.subscriptions)),
            ("connections", Value::from(self.connections)),
            ("subject", Value::from(self.subject.as_str())),
            ("lookups", Value::from(self.lookups)),
        ]
    }

    fn check(&self) -> Result<(), BenchError> {
        check_subject(&self.subject, false)?;
        if u64::from(self.connections) > self.subscriptions {
            let text = "--connections is above --subscriptions".to_owned();
            return Err(BenchError::Options(text));
        }
        seconds("hold-seconds", self.hold_seconds).map(|_| ())
    }

    fn run(&self, context: &Context<'_>) -> Result<Outcome, BenchError> {
        allow_open_files(u64::from(self.connections) + OTHER_FILES)?;
        let mut connections = Vec::new();
        for _ in 0..self.connections {
            connections.push(Connection::open(&context.targets.subscribe, "a subscriber")?);
        }
        let server_version =
            connections.first().map(|first| first.server.version.clone()).unwrap_or_default();
        context.progress.begin("subscriptions", self.subscriptions);
        let window = Window::open(&context.common.pid)?;
        let before = window.before;
        let start = Instant::now();
        for (index, connection) in (0..).zip(&mut connections) {
            self.subscribe(context, connection, index)?;
        }
        let duration = start.elapsed();
        let mut swarm = Swarm::new("a subscriber");
        for connection in connections {
            swarm.add(connection)?;
        }
        let spent = window.close()?;
        let deadline = Instant::now() + seconds("hold-seconds", self.hold_seconds)?;
        while Instant::now() < deadline {
            swarm.turn(LOOK)?;
        }
        let rss = Window::open(&context.common.pid)?.before.rss_bytes;
        let count = self.subscriptions as f64;
        let mut metrics = Metrics::default();
        metrics.push("duration_seconds", duration.as_secs_f64());
        metrics.push_count("subscriptions", self.subscriptions);
        metrics.push("subscriptions_per_second", per_second(self.subscriptions, duration));
        if spent.measured {
            let grown = rss as f64 - before.rss_bytes as f64;
            metrics.push("server_rss_bytes_per_subscription", grown / count);
            metrics.push("server_cpu_us_per_subscription", spent.cpu_seconds() / count * 1e6);
            metrics.push_count("server_rss_before_bytes", before.rss_bytes);
            metrics.push_count("server_rss_bytes", rss);
        }
        if self.lookups > 0 {
            self.look_up(context, &mut swarm, &mut metrics)?;
        }
        Ok(Outcome { server_version, metrics })
    }
}

impl SubsArgs {
    /// Makes the subscriptions of connection `index`: every `connections`-th subject. Returns
    /// when the server has taken them.
    fn subscribe(
        &self,
        context: &Context<'_>,
        connection: &mut Connection,
        index: u64,
    ) -> Result<(), BenchError> {
        let timeout = context.stall_timeout();
        let width = decimal_width(self.subscriptions - 1);
        let mut lines = Vec::with_capacity(WRITE_BYTES + 256);
        let mut number = index;
        while number < self.subscriptions {
            let line = if self.subscriptions > 1 {
                format!("SUB {}.{number:0width$} {}\r\n", self.subject, number + 1)
            } else {
                format!("SUB {} 1\r\n", self.subject)
            };
            lines.extend_from_slice(line.as_bytes());
            if lines.len() >= WRITE_BYTES {
                connection.write(&lines, &mut Patience::new(timeout))?;
                lines.clear();
                context.progress.set(number);
            }
            number += u64::from(self.connections);
        }
        connection.write(&lines, &mut Patience::new(timeout))?;
        connection.flush(timeout, |_| Ok(()))
    }

    /// Publishes across all subjects and counts what comes back.
    fn look_up(
        &self,
        context: &Context<'_>,
        swarm: &mut Swarm,
        metrics: &mut Metrics,
    ) -> Result<(), BenchError> {
        let mut publisher = Connection::open(&context.targets.publish, "a publisher")?;
        let mut frames = Frames::new(&self.subject, self.subscriptions, LOOKUP_SIZE, None);
        let flow = Flow::new(1, 1, 1, FanOut::Everyone, context.stall_timeout());
        context.progress.begin("lookups", self.lookups);
        let window = Window::open(&context.common.pid)?;
        let duration = thread::scope(|scope| {
            let flow = &flow;
            let quota = Quota::Msgs(self.lookups);
            let publishing = scope.spawn(move || -> Result<Published, BenchError> {
                flow.guard(|| flood(&mut publisher, &mut frames, 0, quota, 0, flow))
            });
            let start = flow.open_gate();
            let received = flow.guard(|| collect(context, swarm, self.lookups, start, flow));
            both(received, join_all(vec![publishing])).map(|(duration, _)| duration)
        })?;
        let spent = window.close()?;
        metrics.push("lookup_duration_seconds", duration.as_secs_f64());
        metrics.push("lookup_msgs_per_second", per_second(self.lookups, duration));
        if spent.measured {
            let per_million = spent.cpu_seconds() / (self.lookups as f64 / 1e6);
            metrics.push("lookup_server_cpu_seconds_per_million_msgs", per_million);
        }
        Ok(())
    }
}

/// Receives until all lookups were delivered; returns when the last one came, from `start`.
fn collect(
    context: &Context<'_>,
    swarm: &mut Swarm,
    lookups: u64,
    start: Instant,
    flow: &Flow,
) -> Result<Duration, BenchError> {
    let (mut last_at, mut delivered) = (Duration::ZERO, 0);
    while delivered < lookups {
        swarm.turn(LOOK)?;
        if swarm.delivered() > delivered {
            delivered = swarm.delivered();
            last_at = start.elapsed();
            flow.set_delivered(0, delivered);
            context.progress.set(delivered);
        } else if flow.is_aborted() {
            return Err(BenchError::Aborted);
        } else if start.elapsed() - last_at > flow.stall_timeout {
            let seconds = flow.stall_timeout.as_secs();
            let expected = lookups;
            return Err(BenchError::Stalled {
                what: "delivered",
                got: delivered,
                expected,
                seconds,
            });
        }
    }
    swarm.turn(LOOK)?;
    let got = swarm.delivered();
    if got > lookups {
        return Err(BenchError::TooMany { what: "delivered", got, expected: lookups });
    }
    Ok(last_at)
}
