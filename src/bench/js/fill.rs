//! Fills a stream before it is read: one publisher, so that message n has sequence n, and each
//! carries its number.

use super::asking::ask_all;
use super::puback::Tally;
use super::publish::{Plan, PubLoad};
use crate::error::BenchError;
use crate::process::Window;
use crate::publisher::Quota;
use crate::shapes::Context;

/// Publishes under way: as many as help.
const WINDOW: u32 = 4096;

/// What a stream is filled with.
pub(super) struct Fill<'a> {
    pub(super) subject: &'a str,
    /// Subjects below it, in turn.
    pub(super) subjects: u64,
    pub(super) msgs: u64,
    pub(super) size: usize,
}

/// Publishes all; any error ends the run.
pub(super) fn fill(context: &Context<'_>, what: &Fill<'_>) -> Result<(), BenchError> {
    if what.msgs == 0 {
        return Ok(());
    }
    let load = PubLoad::new(&Plan {
        subjects: &[what.subject.to_owned()],
        count: what.subjects,
        offset: 0,
        size: what.size,
        msg_id: false,
        publisher: 0,
    });
    let asked = ask_all(context, "a publisher", vec![load], WINDOW, Quota::Msgs(what.msgs))?;
    Tally::sum(asked.loads.iter().map(PubLoad::tally)).judge(asked.answers, 0)
}

/// The number that [`fill`] wrote into a payload; `None` when it is too short to hold one.
pub(super) fn number_in(payload: &[u8]) -> Option<u64> {
    payload.first_chunk().map(|stamp| u64::from_le_bytes(*stamp))
}

/// Memory of the servers at this moment, in bytes.
pub(super) fn memory(context: &Context<'_>) -> Result<u64, BenchError> {
    Ok(Window::open(&context.common.pid)?.before.rss_bytes)
}
