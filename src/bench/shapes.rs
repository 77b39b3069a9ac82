//! The shapes of load: one file each, and the way to the right one.

mod idle;
mod publish;
mod pubsub;
mod queue;
mod request;
mod stream;
mod subscribe;
mod subscriptions;

use std::time::Duration;

pub(crate) use self::stream::{check_size, push_rates};

use serde_json::Value;

use crate::args::{BenchArgs, CommonArgs, ShapeArgs};
use crate::error::BenchError;
use crate::metrics::Metrics;
use crate::progress::Progress;
use crate::report::{Outcome, Report};
use crate::target::Targets;

/// What every shape needs.
pub(crate) struct Context<'a> {
    pub(crate) targets: Targets,
    pub(crate) common: &'a CommonArgs,
    pub(crate) progress: Progress,
}

impl Context<'_> {
    pub(crate) fn stall_timeout(&self) -> Duration {
        Duration::from_secs(self.common.stall_timeout_seconds)
    }
}

/// A kind of load: its name, its settings for the report, and one run of it.
pub(crate) trait Shape {
    fn name(&self) -> &'static str;
    fn settings(&self) -> Vec<(&'static str, Value)>;
    /// Refuses options that make no sense together.
    fn check(&self) -> Result<(), BenchError>;
    fn run(&self, context: &Context<'_>) -> Result<Outcome, BenchError>;
}

pub(crate) fn run(args: &BenchArgs) -> Result<Report, BenchError> {
    let shape: &dyn Shape = match &args.shape {
        ShapeArgs::Pub(shape) => shape,
        ShapeArgs::Sub(shape) => shape,
        ShapeArgs::Pubsub(shape) => shape,
        ShapeArgs::Queue(shape) => shape,
        ShapeArgs::Request(shape) => shape,
        ShapeArgs::Idle(shape) => shape,
        ShapeArgs::Subs(shape) => shape,
        ShapeArgs::Js(args) => crate::js::shape(&args.shape),
    };
    shape.check()?;
    let context = Context {
        targets: Targets::from_args(&args.common)?,
        common: &args.common,
        progress: Progress::new(args.common.json),
    };
    let outcomes: Result<Vec<Outcome>, BenchError> =
        (0..args.common.runs).map(|_| shape.run(&context)).collect();
    context.progress.clear();
    let outcomes = outcomes?;
    let server_version =
        outcomes.first().map(|outcome| outcome.server_version.clone()).unwrap_or_default();
    let runs: Vec<Metrics> = outcomes.into_iter().map(|outcome| outcome.metrics).collect();
    Ok(Report {
        shape: shape.name(),
        server_version,
        settings: shape.settings(),
        metrics: Metrics::medians(&runs),
        runs,
    })
}

/// `value` per second.
pub(crate) fn per_second(value: u64, time: Duration) -> f64 {
    value as f64 / time.as_secs_f64()
}

/// Seconds from the command line as a time.
pub(crate) fn seconds(option: &'static str, value: f64) -> Result<Duration, BenchError> {
    Duration::try_from_secs_f64(value)
        .map_err(|_| BenchError::Options(format!("--{option} {value} is no time")))
}

/// A subject that may be published to, or (with `wildcards`) subscribed to.
fn check_subject(subject: &str, wildcards: bool) -> Result<(), BenchError> {
    let bad_token = |token: &str| {
        token.is_empty()
            || token.contains(|c: char| c.is_ascii_whitespace() || c.is_ascii_control())
            || (!wildcards && matches!(token, "*" | ">"))
    };
    if subject.split('.').any(bad_token) {
        let kind = if wildcards { "subject" } else { "literal subject" };
        return Err(BenchError::Options(format!("{subject:?} is not a {kind}")));
    }
    Ok(())
}
