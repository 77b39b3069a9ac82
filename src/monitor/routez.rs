//! `/routez`: links to servers of the same cluster, of which this server has none.

use serde::Serialize;

use super::context::{Context, now};
use super::query::Query;
use super::reply::{self, Refusal, Reply};

#[derive(Serialize)]
struct Routez {
    server_id: String,
    server_name: String,
    now: String,
    num_routes: usize,
    routes: [(); 0],
}

pub(super) fn page(context: &Context, query: &Query) -> Result<Reply, Refusal> {
    if query.text("subs").is_none_or(|text| !text.eq_ignore_ascii_case("detail")) {
        query.flag("subs")?;
    }
    Ok(reply::page(&Routez {
        server_id: context.server_id(),
        server_name: context.identity.name.clone(),
        now: now(),
        num_routes: 0,
        routes: [],
    }))
}
