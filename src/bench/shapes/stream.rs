//! The engine under `pub`, `sub`, `pubsub` and `queue`: publishers on one side, subscribers on the
//! other, and the window in which all is measured.

mod cast;

use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

pub(crate) use self::cast::check_size;
use self::cast::open;
use super::{Context, check_subject, per_second, seconds};
use crate::args::FlowArgs;
use crate::connection::Connection;
use crate::error::BenchError;
use crate::flow::{FanOut, Flow, both, join_all};
use crate::frames::Frames;
use crate::metrics::{Metrics, merge_histograms};
use crate::process::{Spent, Window};
use crate::publisher::{Paced, Published, Quota, flood, pace};
use crate::report::Outcome;
use crate::subscriber::{Received, receive};
use crate::verify::{Checker, STAMP_BYTES};

/// Who takes part.
pub(super) struct Plan<'a> {
    pub(super) args: &'a FlowArgs,
    pub(super) pubs: u16,
    pub(super) subs: u16,
    pub(super) sub_subject: String,
    /// The subscribers form this queue group.
    pub(super) group: Option<&'a str>,
    /// Publisher i and subscriber i have subject i to themselves.
    pub(super) pairs: bool,
    /// Further subscribers, which never read.
    pub(super) stuck: u16,
}

impl Plan<'_> {
    fn fan_out(&self) -> FanOut {
        match (self.pairs, self.group) {
            (true, _) => FanOut::Pairs,
            (false, Some(_)) => FanOut::OneOfGroup,
            (false, None) => FanOut::Everyone,
        }
    }

    /// How often each publish is delivered.
    fn deliveries_per_publish(&self) -> u64 {
        if self.fan_out() == FanOut::Everyone { u64::from(self.subs) } else { 1 }
    }

    /// The subject of publisher or subscriber `index`, where `subject` is that of all.
    fn own_subject(&self, subject: &str, index: u16) -> String {
        if self.pairs { format!("{}.{index}", self.args.subject) } else { subject.to_owned() }
    }
}

/// Refuses flow options that make no sense together.
pub(super) fn check(args: &FlowArgs) -> Result<(), BenchError> {
    let refuse = |text: &str| Err(BenchError::Options(text.to_owned()));
    check_subject(&args.subject, false)?;
    if args.msgs == Some(0) {
        return refuse("--msgs must be above 0");
    }
    if args.verify && args.size < STAMP_BYTES {
        return refuse("--verify needs a --size of at least 8");
    }
    if args.paced.is_some_and(|rate| !rate.is_finite() || rate <= 0.0) {
        return refuse("--paced must be above 0");
    }
    quota(args).map(|_| ())
}

pub(super) fn settings(args: &FlowArgs) -> Vec<(&'static str, Value)> {
    let mut settings = vec![
        ("subject", Value::from(args.subject.as_str())),
        ("size", Value::from(args.size)),
        ("subjects", Value::from(args.subjects)),
    ];
    match args.msgs_total() {
        Some(msgs) => settings.push(("msgs", Value::from(msgs))),
        None => settings.push(("seconds", Value::from(args.seconds))),
    }
    if let Some(rate) = args.paced {
        settings.push(("paced", Value::from(rate)));
    }
    if args.window > 0 {
        settings.push(("window", Value::from(args.window)));
    }
    if args.verify {
        settings.push(("verify", Value::from(true)));
    }
    settings
}

/// Publishes and receives all, and measures from the first publish to the last delivery.
pub(super) fn run(context: &Context<'_>, plan: &Plan<'_>) -> Result<Outcome, BenchError> {
    let epoch = Instant::now();
    let cast = open(context, plan, epoch)?;
    let server_version = cast.server_version.clone();
    let paced = plan.args.paced;
    let threads = if paced.is_some() { 1 } else { cast.publishers.len() };
    let (pubs, subs) = (cast.publishers.len(), cast.subscribers.len());
    let flow = Flow::new(threads, pubs, subs, plan.fan_out(), context.stall_timeout());
    let per_publish = plan.deliveries_per_publish().max(1);
    let total = plan.args.msgs_total().unwrap_or(0).saturating_mul(per_publish);
    context.progress.begin("messages", total);
    let quota = quota(plan.args)?;
    let window = Window::open(&context.common.pid)?;
    let (start, published, received) = thread::scope(|scope| {
        let flow = &flow;
        let subscribers: Vec<_> = cast
            .subscribers
            .into_iter()
            .enumerate()
            .map(|(index, (mut connection, duties))| {
                scope.spawn(move || flow.guard(|| receive(&mut connection, index, duties, flow)))
            })
            .collect();
        let publishers = match paced {
            Some(rate) => vec![scope.spawn(move || {
                let mut publishers = paced_publishers(cast.publishers, quota);
                flow.guard(|| pace(&mut publishers, rate, flow))
            })],
            None => cast
                .publishers
                .into_iter()
                .enumerate()
                .map(|(index, (mut connection, mut frames))| {
                    let quota = quota.share(index as u64, pubs as u64);
                    let window = window_msgs(plan.args, &frames);
                    scope.spawn(move || {
                        flow.guard(|| {
                            flood(&mut connection, &mut frames, index, quota, window, flow)
                        })
                    })
                })
                .collect(),
        };
        let start = flow.open_gate();
        let is_over = || {
            publishers.iter().all(thread::ScopedJoinHandle::is_finished)
                && subscribers.iter().all(thread::ScopedJoinHandle::is_finished)
        };
        let position = || if plan.subs > 0 { flow.delivered() } else { flow.published() };
        context.progress.watch(is_over, position);
        let (published, received) = both(join_all(publishers), join_all(subscribers))?;
        Ok::<_, BenchError>((start, published, received))
    })?;
    let spent = window.close()?;
    drop(cast.stuck);
    verify(plan, &published, &received)?;
    let metrics = measure(plan, start, &published, received, &spent)?;
    Ok(Outcome { server_version, metrics })
}

fn paced_publishers(publishers: Vec<(Connection, Frames)>, quota: Quota) -> Vec<Paced> {
    let count = publishers.len() as u64;
    (0..)
        .zip(publishers)
        .map(|(index, (connection, frames))| {
            let quota = quota.share(index, count);
            Paced { connection, frames, quota }
        })
        .collect()
}

fn quota(args: &FlowArgs) -> Result<Quota, BenchError> {
    match (args.msgs_total(), args.seconds) {
        (None, Some(time)) => Ok(Quota::Time(seconds("seconds", time)?)),
        (msgs, _) => Ok(Quota::Msgs(msgs.unwrap_or(0))),
    }
}

/// The window in messages; at least one if there is a window at all.
fn window_msgs(args: &FlowArgs, frames: &Frames) -> u64 {
    if args.window == 0 { 0 } else { (args.window / frames.frame_len() as u64).max(1) }
}

fn verify(
    plan: &Plan<'_>,
    published: &[Published],
    received: &[Received],
) -> Result<(), BenchError> {
    let counts: Vec<u64> = published.iter().flat_map(|part| part.counts.iter().copied()).collect();
    let total: u64 = counts.iter().sum();
    let got: u64 = received.iter().map(|part| part.count).sum();
    let expected = total * plan.deliveries_per_publish();
    if plan.subs > 0 && got != expected {
        return Err(BenchError::TooMany { what: "delivered", got, expected });
    }
    if plan.args.verify && plan.group.is_some() {
        let members: Vec<&Checker> =
            received.iter().filter_map(|part| part.checker.as_ref()).collect();
        Checker::check_group(&members, &counts)?;
    }
    Ok(())
}

fn measure(
    plan: &Plan<'_>,
    start: Instant,
    published: &[Published],
    received: Vec<Received>,
    spent: &Spent,
) -> Result<Metrics, BenchError> {
    let since_start = |at: Option<Instant>| at.map_or(Duration::ZERO, |at| at - start);
    let publishes: u64 = published.iter().flat_map(|part| &part.counts).sum();
    let publishing = since_start(published.iter().map(|part| part.done_at).max());
    let mut metrics = Metrics::default();
    let receiving = since_start(received.iter().filter_map(|part| part.last_at).max());
    let duration = if plan.subs > 0 { receiving } else { publishing };
    push_rates(&mut metrics, publishes, duration, plan.args.size);
    metrics.push("publish_msgs_per_second", per_second(publishes, publishing));
    if plan.subs > 0 {
        let deliveries: u64 = received.iter().map(|part| part.count).sum();
        let bytes = deliveries * plan.args.size as u64;
        metrics.push_count("delivered_msgs", deliveries);
        metrics.push("delivered_msgs_per_second", per_second(deliveries, receiving));
        metrics.push("delivered_payload_mb_per_second", per_second(bytes, receiving) / 1e6);
    }
    let latencies = merge_histograms(received.into_iter().filter_map(|part| part.latencies))?;
    metrics.push_latencies(&latencies);
    spent.push_to(&mut metrics, publishes);
    Ok(metrics)
}

/// The headline: messages over the whole window.
pub(crate) fn push_rates(metrics: &mut Metrics, msgs: u64, duration: Duration, size: usize) {
    metrics.push("duration_seconds", duration.as_secs_f64());
    metrics.push_count("msgs", msgs);
    metrics.push("msgs_per_second", per_second(msgs, duration));
    metrics.push("payload_mb_per_second", per_second(msgs * size as u64, duration) / 1e6);
}
