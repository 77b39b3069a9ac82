//! `idle`: many connections that do nothing, and the memory that the server keeps for each.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::{Context, Shape, seconds};
use crate::args::IdleArgs;
use crate::connection::{Connection, Patience};
use crate::error::BenchError;
use crate::inbound::Inbound;
use crate::metrics::Metrics;
use crate::process::{Window, allow_open_files};
use crate::report::Outcome;
use crate::swarm::Swarm;

/// Files that a program has open beside its connections.
const OTHER_FILES: u64 = 64;
/// Connections opened between two looks at those that are open.
const OPEN_PER_TURN: u32 = 500;
const LOOK: Duration = Duration::from_millis(50);

impl Shape for IdleArgs {
    fn name(&self) -> &'static str {
        "idle"
    }

    fn settings(&self) -> Vec<(&'static str, Value)> {
        vec![
            ("connections", Value::from(self.connections)),
            ("subs_each", Value::from(self.subs_each)),
            ("publish_each", Value::from(self.publish_each)),
            ("hold_seconds", Value::from(self.hold_seconds)),
        ]
    }

    fn check(&self) -> Result<(), BenchError> {
        seconds("hold-seconds", self.hold_seconds).map(|_| ())
    }

    fn run(&self, context: &Context<'_>) -> Result<Outcome, BenchError> {
        allow_open_files(u64::from(self.connections) + OTHER_FILES)?;
        context.progress.begin("connections", u64::from(self.connections));
        let mut swarm = Swarm::new("an idle client");
        let mut server_version = String::new();
        let opening = Window::open(&context.common.pid)?;
        let before = opening.before;
        let start = Instant::now();
        for index in 0..self.connections {
            let connection = self.open(context, index)?;
            if index == 0 {
                server_version.clone_from(&connection.server.version);
            }
            swarm.add(connection)?;
            if index % OPEN_PER_TURN == 0 {
                swarm.turn(Duration::ZERO)?;
                context.progress.set(u64::from(index));
            }
        }
        let duration = start.elapsed();
        let opened = opening.close()?;
        let holding = Window::open(&context.common.pid)?;
        let deadline = Instant::now() + seconds("hold-seconds", self.hold_seconds)?;
        while Instant::now() < deadline {
            swarm.turn(LOOK.min(deadline.saturating_duration_since(Instant::now())))?;
        }
        let held = holding.close()?;
        let count = f64::from(self.connections);
        let mut metrics = Metrics::default();
        metrics.push("duration_seconds", duration.as_secs_f64());
        metrics.push("connections", count);
        metrics.push("connections_per_second", count / duration.as_secs_f64());
        if held.measured {
            let grown = held.after.rss_bytes as f64 - before.rss_bytes as f64;
            metrics.push("server_rss_bytes_per_connection", grown / count);
            metrics.push("server_cpu_us_per_connection", opened.cpu_seconds() / count * 1e6);
            metrics.push("server_idle_cpu_seconds", held.cpu_seconds());
            metrics.push_count("server_rss_before_bytes", before.rss_bytes);
            metrics.push_count("server_rss_bytes", held.after.rss_bytes);
        }
        Ok(Outcome { server_version, metrics })
    }
}

impl IdleArgs {
    fn open(&self, context: &Context<'_>, index: u32) -> Result<Connection, BenchError> {
        let role = "an idle client";
        let target = &context.targets.subscribe;
        let mut connection = Connection::open_with(target, role, Inbound::small())?;
        let mut lines = Vec::new();
        for sub in 0..self.subs_each {
            lines.extend_from_slice(format!("SUB idle.{index}.{sub} {}\r\n", sub + 1).as_bytes());
        }
        if self.publish_each > 0 {
            let head = format!("PUB idle.none.{index} {}\r\n", self.publish_each);
            lines.extend_from_slice(head.as_bytes());
            lines.resize(lines.len() + self.publish_each, b'x');
            lines.extend_from_slice(b"\r\n");
        }
        if !lines.is_empty() {
            connection.write(&lines, &mut Patience::new(context.stall_timeout()))?;
            connection.flush(context.stall_timeout(), |_| Ok(()))?;
        }
        Ok(connection)
    }
}
