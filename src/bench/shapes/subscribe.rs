//! `sub`: receive what another program publishes. The window opens with the first delivery.

use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::{Context, Shape, check_subject, per_second};
use crate::args::SubArgs;
use crate::clock::sleep;
use crate::connection::Connection;
use crate::error::BenchError;
use crate::flow::{FanOut, Flow, join_all};
use crate::metrics::Metrics;
use crate::process::Window;
use crate::report::Outcome;
use crate::subscriber::{Duties, receive};

/// How often to look whether the first delivery has come.
const LOOK: Duration = Duration::from_millis(1);

impl Shape for SubArgs {
    fn name(&self) -> &'static str {
        "sub"
    }

    fn settings(&self) -> Vec<(&'static str, Value)> {
        let mut settings = vec![
            ("subs", Value::from(self.subs)),
            ("subject", Value::from(self.subject.as_str())),
            ("msgs", Value::from(self.msgs)),
        ];
        if let Some(group) = &self.queue {
            settings.push(("queue", Value::from(group.as_str())));
        }
        settings
    }

    fn check(&self) -> Result<(), BenchError> {
        check_subject(&self.subject, true)?;
        if self.msgs == 0 {
            return Err(BenchError::Options("--msgs must be above 0".to_owned()));
        }
        self.queue.as_deref().map_or(Ok(()), |group| check_subject(group, false))
    }

    fn run(&self, context: &Context<'_>) -> Result<Outcome, BenchError> {
        let mut subscribers = Vec::new();
        for _ in 0..self.subs {
            let mut connection = Connection::open(&context.targets.subscribe, "a subscriber")?;
            connection.subscribe(&self.subject, self.queue.as_deref(), 1)?;
            subscribers.push(connection);
        }
        for connection in &mut subscribers {
            connection.flush(context.stall_timeout(), |_| Ok(()))?;
        }
        let server_version =
            subscribers.first().map(|first| first.server.version.clone()).unwrap_or_default();
        let (fan_out, per_publish) = match self.queue {
            Some(_) => (FanOut::OneOfGroup, 1),
            None => (FanOut::Everyone, u64::from(self.subs)),
        };
        let flow = Flow::new(0, 0, subscribers.len(), fan_out, context.stall_timeout());
        context.progress.begin("deliveries", self.msgs.saturating_mul(per_publish));
        let (received, window) = thread::scope(|scope| {
            let flow = &flow;
            let threads: Vec<_> = subscribers
                .into_iter()
                .enumerate()
                .map(|(index, mut connection)| {
                    let duties = Duties::default();
                    scope
                        .spawn(move || flow.guard(|| receive(&mut connection, index, duties, flow)))
                })
                .collect();
            while flow.delivered() == 0 && !flow.is_aborted() {
                sleep(LOOK);
            }
            // A stall counts only from here: whoever publishes may take its time to start.
            flow.expect(self.msgs);
            let window = Window::open(&context.common.pid);
            let is_over = || threads.iter().all(thread::ScopedJoinHandle::is_finished);
            context.progress.watch(is_over, || flow.delivered());
            Ok::<_, BenchError>((join_all(threads)?, window?))
        })?;
        let spent = window.close()?;
        let deliveries: u64 = received.iter().map(|part| part.count).sum();
        let first = received.iter().filter_map(|part| part.first_at).min();
        let last = received.iter().filter_map(|part| part.last_at).max();
        let duration = match (first, last) {
            (Some(first), Some(last)) => last - first,
            _ => Duration::ZERO,
        };
        let mut metrics = Metrics::default();
        metrics.push("duration_seconds", duration.as_secs_f64());
        metrics.push_count("delivered_msgs", deliveries);
        metrics.push("delivered_msgs_per_second", per_second(deliveries, duration));
        spent.push_to(&mut metrics, deliveries / per_publish);
        Ok(Outcome { server_version, metrics })
    }
}
