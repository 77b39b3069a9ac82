//! `/leafz`: leaf nodes, of which this server has none.

use serde::Serialize;

use super::context::{Context, now};
use super::query::Query;
use super::reply::{self, Refusal, Reply};

#[derive(Serialize)]
struct Leafz {
    server_id: String,
    now: String,
    leafnodes: usize,
    leafs: [(); 0],
}

pub(super) fn page(context: &Context, query: &Query) -> Result<Reply, Refusal> {
    query.flag("subs")?;
    Ok(reply::page(&Leafz { server_id: context.server_id(), now: now(), leafnodes: 0, leafs: [] }))
}
