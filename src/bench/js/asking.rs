//! Runs the askers of a shape, one thread each, in one measured window.

use std::thread;
use std::time::Duration;

use super::asker::{Answered, Asker, Load};
use crate::connection::Connection;
use crate::error::BenchError;
use crate::flow::{FanOut, Flow, join_all};
use crate::metrics::{Metrics, merge_histograms};
use crate::process::{Spent, Window};
use crate::publisher::Quota;
use crate::shapes::{Context, push_rates};

/// What all askers found out together.
pub(super) struct Asked<L> {
    pub(super) loads: Vec<L>,
    pub(super) answers: u64,
    pub(super) duration: Duration,
    pub(super) spent: Spent,
    latencies: hdrhistogram::Histogram<u64>,
}

impl<L> Asked<L> {
    /// Rates (of `size` bytes of payload each), latencies, and what the servers used.
    pub(super) fn push_to(&self, metrics: &mut Metrics, size: usize) {
        push_rates(metrics, self.answers, self.duration, size);
        metrics.push_latencies(&self.latencies);
        self.spent.push_to(metrics, self.answers);
    }
}

/// Opens a connection for each of `loads`, and asks on all of them until `quota` is used up.
pub(super) fn ask_all<L: Load>(
    context: &Context<'_>,
    role: &'static str,
    loads: Vec<L>,
    window: u32,
    quota: Quota,
) -> Result<Asked<L>, BenchError> {
    let mut askers = Vec::with_capacity(loads.len());
    for load in loads {
        let asker = Asker::new(load, window)?;
        let mut connection = Connection::open(&context.targets.publish, role)?;
        connection.subscribe(&asker.reply_subject(), None, 1)?;
        connection.flush(context.stall_timeout(), |_| Ok(()))?;
        askers.push((connection, asker));
    }
    let count = askers.len();
    let flow = Flow::new(count, count, count, FanOut::Everyone, context.stall_timeout());
    if let Quota::Msgs(total) = quota {
        context.progress.begin("answers", total);
    } else {
        context.progress.begin("answers", 0);
    }
    let measured = Window::open(&context.common.pid)?;
    let (start, answered) = thread::scope(|scope| {
        let flow = &flow;
        let asking: Vec<_> = askers
            .into_iter()
            .enumerate()
            .map(|(index, (mut connection, asker))| {
                let quota = quota.share(index as u64, count as u64);
                scope.spawn(move || flow.guard(|| asker.run(&mut connection, index, quota, flow)))
            })
            .collect();
        let start = flow.open_gate();
        let is_over = || asking.iter().all(thread::ScopedJoinHandle::is_finished);
        context.progress.watch(is_over, || flow.delivered());
        Ok::<_, BenchError>((start, join_all(asking)?))
    })?;
    let spent = measured.close()?;
    let last = answered.iter().map(|part| part.last_at).max().unwrap_or(start);
    let answers = answered.iter().map(|part| part.answers).sum();
    let (loads, latencies): (Vec<_>, Vec<_>) =
        answered.into_iter().map(|Answered { load, latencies, .. }| (load, latencies)).unzip();
    let latencies = merge_histograms(latencies)?;
    Ok(Asked { loads, answers, duration: last - start, spent, latencies })
}
