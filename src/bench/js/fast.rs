//! `fast`: fast-ingest batches, one a connection: no ack for each message, but one for every so
//! many, by which the server says how fast it goes.

mod batch;

use std::thread;

use serde_json::{Value, json};

use self::batch::{Batch, Done};
use super::args::JsFastArgs;
use super::publish::{check_amount, check_stored, one_stream, push_amount};
use crate::connection::Connection;
use crate::error::BenchError;
use crate::flow::{FanOut, Flow, join_all};
use crate::metrics::Metrics;
use crate::process::Window;
use crate::publisher::Quota;
use crate::report::Outcome;
use crate::shapes::{Context, Shape, check_size, push_rates};

impl Shape for JsFastArgs {
    fn name(&self) -> &'static str {
        "js fast"
    }

    fn settings(&self) -> Vec<(&'static str, Value)> {
        let mut settings = vec![
            ("storage", Value::from(self.stream.storage.name())),
            ("size", Value::from(self.size)),
            ("pubs", Value::from(self.pubs)),
            ("flow", Value::from(self.flow)),
            ("acks", Value::from(self.acks)),
        ];
        push_amount(&mut settings, &self.amount);
        settings
    }

    fn check(&self) -> Result<(), BenchError> {
        check_amount(&self.amount)?;
        if self.amount.msgs.is_some_and(|msgs| msgs < u64::from(self.pubs)) {
            let text = "--msgs must give each publisher at least one".to_owned();
            return Err(BenchError::Options(text));
        }
        Ok(())
    }

    fn run(&self, context: &Context<'_>) -> Result<Outcome, BenchError> {
        let extra = json!({"allow_batched": true});
        let (mut streams, name) = one_stream(context, &self.stream, &extra)?;
        check_size(self.size, streams.api.connection())?;
        let before = streams.states()?;
        let mut batches = Vec::new();
        for publisher in 0..self.pubs {
            let batch = Batch::new(&name, self, publisher);
            let mut connection = Connection::open(&context.targets.publish, "a publisher")?;
            connection.subscribe(&batch.reply_subject(), None, 1)?;
            connection.flush(context.stall_timeout(), |_| Ok(()))?;
            batches.push((connection, batch));
        }
        let metrics = self.measure(context, batches)?;
        let stored = metrics.get("msgs").unwrap_or_default();
        check_stored(&mut streams, before.last_seq, stored as u64)?;
        let server_version = streams.api.server_version().to_owned();
        streams.close()?;
        Ok(Outcome { server_version, metrics })
    }
}

impl JsFastArgs {
    fn measure(
        &self,
        context: &Context<'_>,
        batches: Vec<(Connection, Batch)>,
    ) -> Result<Metrics, BenchError> {
        let quota = self.amount.quota()?;
        let count = batches.len();
        let flow = Flow::new(count, count, count, FanOut::Everyone, context.stall_timeout());
        context.progress.begin("messages", self.amount.msgs_total().unwrap_or(0));
        let window = Window::open(&context.common.pid)?;
        let (start, done) = thread::scope(|scope| {
            let flow = &flow;
            let publishing: Vec<_> = batches
                .into_iter()
                .enumerate()
                .map(|(index, (mut connection, batch))| {
                    let quota: Quota = quota.share(index as u64, count as u64);
                    scope.spawn(move || {
                        flow.guard(|| batch.run(&mut connection, index, quota, flow))
                    })
                })
                .collect();
            let start = flow.open_gate();
            let is_over = || publishing.iter().all(thread::ScopedJoinHandle::is_finished);
            context.progress.watch(is_over, || flow.delivered());
            Ok::<_, BenchError>((start, join_all(publishing)?))
        })?;
        let spent = window.close()?;
        let last = done.iter().map(|part| part.at).max().unwrap_or(start);
        let sum = |of: fn(&Done) -> u64| done.iter().map(of).sum::<u64>();
        let msgs = sum(|part| part.msgs);
        let mut metrics = Metrics::default();
        push_rates(&mut metrics, msgs, last - start, self.size);
        metrics.push_count("flow_acks", sum(|part| part.flow_acks));
        metrics.push_count("errors", 0);
        spent.push_to(&mut metrics, msgs);
        Ok(metrics)
    }
}
