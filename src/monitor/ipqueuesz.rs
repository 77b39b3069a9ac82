//! `/ipqueuesz`: queues inside the server, which are the mailboxes of its actors.

use std::collections::BTreeMap;

use serde::Serialize;

use super::context::Context;
use super::query::Query;
use super::reply::{self, Refusal, Reply};

#[derive(Serialize)]
struct Queue {
    pending: u32,
}

pub(super) fn page(context: &Context, query: &Query) -> Result<Reply, Refusal> {
    let all = query.flag("all")?;
    let named = query.text("queues").unwrap_or_default();
    let actors = context.actors.snapshot().into_iter();
    let queues: BTreeMap<String, Queue> = actors
        .filter(|actor| (all || actor.mailbox.depth > 0) && actor.path.contains(&*named))
        .map(|actor| (actor.path, Queue { pending: actor.mailbox.depth }))
        .collect();
    Ok(reply::wide_page(&queues))
}
