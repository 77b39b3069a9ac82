//! `request`: requesters that keep k requests under way, responders that echo, and how long a
//! reply takes. Requester and responder speak as real clients do: a new reply subject for each
//! request under one wildcard subscription, whole reads handled at once.

mod requester;

use std::thread;
use std::time::Duration;

use serde_json::Value;

use self::requester::Requester;
use super::stream::{check_size, push_rates};
use super::{Context, Shape, check_subject, seconds};
use crate::args::RequestArgs;
use crate::connection::{Connection, Patience};
use crate::error::BenchError;
use crate::flow::{FanOut, Flow, both, join_all};
use crate::frames::push_decimal;
use crate::interest::await_interest;
use crate::metrics::{Metrics, merge_histograms};
use crate::process::Window;
use crate::publisher::Quota;
use crate::report::Outcome;

const GROUP: &str = "bench";

impl Shape for RequestArgs {
    fn name(&self) -> &'static str {
        "request"
    }

    fn settings(&self) -> Vec<(&'static str, Value)> {
        let mut settings = vec![
            ("subject", Value::from(self.subject.as_str())),
            ("size", Value::from(self.size)),
            ("outstanding", Value::from(self.outstanding)),
            ("requesters", Value::from(self.requesters)),
            ("responders", Value::from(self.responders)),
            ("fixed_reply", Value::from(self.fixed_reply)),
        ];
        match self.msgs_total() {
            Some(msgs) => settings.push(("msgs", Value::from(msgs))),
            None => settings.push(("seconds", Value::from(self.seconds))),
        }
        settings
    }

    fn check(&self) -> Result<(), BenchError> {
        if self.msgs == Some(0) {
            return Err(BenchError::Options("--msgs must be above 0".to_owned()));
        }
        if self.fixed_reply && self.responders > 1 {
            let text = "--fixed-reply tells replies apart by their order: one responder only";
            return Err(BenchError::Options(text.to_owned()));
        }
        self.quota()?;
        check_subject(&self.subject, false)
    }

    fn run(&self, context: &Context<'_>) -> Result<Outcome, BenchError> {
        let mut responders = Vec::new();
        for _ in 0..self.responders {
            let mut connection = Connection::open(&context.targets.subscribe, "a responder")?;
            let group = (self.responders > 1).then_some(GROUP);
            connection.subscribe(&self.subject, group, 1)?;
            connection.flush(context.stall_timeout(), |_| Ok(()))?;
            responders.push(connection);
        }
        let mut requesters = Vec::new();
        let mut server_version = String::new();
        for _ in 0..self.requesters {
            let mut connection = Connection::open(&context.targets.publish, "a requester")?;
            check_size(self.size, &connection)?;
            let requester = Requester::new(self)?;
            connection.subscribe(&requester.reply_subject(), None, 1)?;
            connection.flush(context.stall_timeout(), |_| Ok(()))?;
            server_version.clone_from(&connection.server.version);
            requesters.push((connection, requester));
        }
        if !context.targets.are_one() {
            self.await_all_interest(context, &mut responders, &mut requesters)?;
        }
        let quota = self.quota()?;
        let count = requesters.len();
        let flow = Flow::new(count, count, count, FanOut::Everyone, context.stall_timeout());
        context.progress.begin("replies", self.msgs_total().unwrap_or(0));
        let window = Window::open(&context.common.pid)?;
        let (start, finished) = thread::scope(|scope| {
            let flow = &flow;
            let responding: Vec<_> = responders
                .into_iter()
                .map(|mut connection| {
                    scope.spawn(move || flow.guard(|| respond(&mut connection, flow)))
                })
                .collect();
            let requesting: Vec<_> = requesters
                .into_iter()
                .enumerate()
                .map(|(index, (mut connection, requester))| {
                    let quota = quota.share(index as u64, count as u64);
                    scope.spawn(move || {
                        flow.guard(|| requester.run(&mut connection, index, quota, flow))
                    })
                })
                .collect();
            let start = flow.open_gate();
            let is_over = || requesting.iter().all(thread::ScopedJoinHandle::is_finished);
            context.progress.watch(is_over, || flow.delivered());
            let requested = join_all(requesting);
            let (finished, _) = both(requested, join_all(responding))?;
            Ok::<_, BenchError>((start, finished))
        })?;
        let spent = window.close()?;
        let last = finished.iter().map(|part| part.last_at).max().unwrap_or(start);
        let replies = finished.iter().map(|part| part.replies).sum();
        let mut metrics = Metrics::default();
        push_rates(&mut metrics, replies, last - start, self.size);
        let latencies = merge_histograms(finished.into_iter().map(|part| part.latencies))?;
        metrics.push_latencies(&latencies);
        spent.push_to(&mut metrics, replies);
        Ok(Outcome { server_version, metrics })
    }
}

impl RequestArgs {
    /// Between two servers: waits until requests and replies find their way.
    fn await_all_interest(
        &self,
        context: &Context<'_>,
        responders: &mut [Connection],
        requesters: &mut [(Connection, Requester)],
    ) -> Result<(), BenchError> {
        let timeout = context.stall_timeout();
        let any = self.responders > 1;
        if let Some((requester, _)) = requesters.first_mut() {
            await_interest(requester, &self.subject, responders.iter_mut(), any, timeout)?;
        }
        let Some(responder) = responders.first_mut() else { return Ok(()) };
        for (connection, requester) in requesters {
            let subject = requester.reply_subject().replace('*', "probe");
            await_interest(responder, &subject, std::iter::once(connection), false, timeout)?;
        }
        Ok(())
    }

    fn quota(&self) -> Result<Quota, BenchError> {
        match (self.msgs_total(), self.seconds) {
            (None, Some(time)) => Ok(Quota::Time(seconds("seconds", time)?)),
            (msgs, _) => Ok(Quota::Msgs(msgs.unwrap_or(0))),
        }
    }
}

/// Echoes every request to its reply subject, until the requesters are done.
fn respond(connection: &mut Connection, flow: &Flow) -> Result<(), BenchError> {
    let aborted = || flow.is_aborted();
    let mut patience = Patience::until(Duration::from_secs(30), &aborted);
    let mut out = Vec::new();
    while !flow.is_published() {
        if !connection.fill()? {
            if flow.is_aborted() {
                return Err(BenchError::Aborted);
            }
            continue;
        }
        connection.drain(|msg| {
            let Some(reply) = msg.reply else { return Ok(()) };
            out.extend_from_slice(b"PUB ");
            out.extend_from_slice(reply);
            out.push(b' ');
            push_decimal(&mut out, msg.payload.len());
            out.extend_from_slice(b"\r\n");
            out.extend_from_slice(msg.payload);
            out.extend_from_slice(b"\r\n");
            Ok(())
        })?;
        connection.write(&out, &mut patience)?;
        out.clear();
    }
    Ok(())
}
