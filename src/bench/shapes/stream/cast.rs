//! Opens the connections of a run, so that all of them count before the window opens.

use std::time::Instant;

use super::super::Context;
use super::Plan;
use crate::connection::Connection;
use crate::error::BenchError;
use crate::frames::Frames;
use crate::interest::await_interest;
use crate::subscriber::Duties;
use crate::verify::{Checker, Stamper, TIMED_STAMP_BYTES};

/// The open connections of a run, publishers first.
#[derive(Default)]
pub(super) struct Cast {
    pub(super) publishers: Vec<(Connection, Frames)>,
    pub(super) subscribers: Vec<(Connection, Duties)>,
    /// Held open, and never read again.
    pub(super) stuck: Vec<Connection>,
    pub(super) server_version: String,
}

/// Opens and subscribes everything; returns when the server has taken all of it.
pub(super) fn open(
    context: &Context<'_>,
    plan: &Plan<'_>,
    epoch: Instant,
) -> Result<Cast, BenchError> {
    let args = plan.args;
    let timed = args.paced.is_some() && args.size >= TIMED_STAMP_BYTES;
    let mut cast = Cast::default();
    let subscribe = |index: u16| -> Result<Connection, BenchError> {
        let mut connection = Connection::open(&context.targets.subscribe, "a subscriber")?;
        let subject = plan.own_subject(&plan.sub_subject, index);
        connection.subscribe(&subject, plan.group, 1)?;
        connection.flush(context.stall_timeout(), |_| Ok(()))?;
        Ok(connection)
    };
    for index in 0..plan.stuck {
        cast.stuck.push(subscribe(index)?);
    }
    for index in 0..plan.subs {
        let connection = subscribe(index)?;
        let every = plan.group.is_none();
        let duties = Duties {
            checker: args.verify.then(|| Checker::new(plan.pubs, args.size, every)),
            latency_epoch: timed.then_some(epoch),
        };
        cast.subscribers.push((connection, duties));
    }
    for publisher in 0..plan.pubs {
        let connection = Connection::open(&context.targets.publish, "a publisher")?;
        check_size(args.size, &connection)?;
        let stamper =
            (args.verify || timed).then(|| Stamper::new(publisher, timed.then_some(epoch)));
        let subject = plan.own_subject(&args.subject, publisher);
        let frames = Frames::new(&subject, args.subjects, args.size, stamper);
        cast.server_version.clone_from(&connection.server.version);
        cast.publishers.push((connection, frames));
    }
    if !context.targets.are_one() && plan.subs > 0 {
        await_all_interest(context, plan, &mut cast)?;
    }
    Ok(cast)
}

/// Between two servers: waits until the publishers' server knows of every subscriber.
fn await_all_interest(
    context: &Context<'_>,
    plan: &Plan<'_>,
    cast: &mut Cast,
) -> Result<(), BenchError> {
    let any = plan.group.is_some();
    let timeout = context.stall_timeout();
    let subject = match plan.args.subjects {
        1 => plan.args.subject.clone(),
        _ => format!("{}.0", plan.args.subject),
    };
    let Cast { publishers, subscribers, .. } = cast;
    if !plan.pairs {
        let Some((publisher, _)) = publishers.first_mut() else { return Ok(()) };
        let subscribers = subscribers.iter_mut().map(|(connection, _)| connection);
        return await_interest(publisher, &subject, subscribers, any, timeout);
    }
    for (index, ((publisher, _), (subscriber, _))) in
        (0..).zip(publishers.iter_mut().zip(subscribers))
    {
        let subject = plan.own_subject(&subject, index);
        await_interest(publisher, &subject, std::iter::once(subscriber), any, timeout)?;
    }
    Ok(())
}

pub(crate) fn check_size(size: usize, connection: &Connection) -> Result<(), BenchError> {
    let max = connection.server.max_payload;
    if max > 0 && size > max {
        let text = format!("--size {size} is above the server's max_payload of {max}");
        return Err(BenchError::Options(text));
    }
    Ok(())
}
