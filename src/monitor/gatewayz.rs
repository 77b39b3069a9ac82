//! `/gatewayz`: links to other clusters, of which this server has none.

use std::collections::BTreeMap;

use serde::Serialize;

use super::context::{Context, now};
use super::query::Query;
use super::reply::{self, Refusal, Reply};

#[derive(Serialize)]
struct Gatewayz {
    server_id: String,
    now: String,
    outbound_gateways: BTreeMap<String, ()>,
    inbound_gateways: BTreeMap<String, ()>,
}

pub(super) fn page(context: &Context, query: &Query) -> Result<Reply, Refusal> {
    if query.text("subs").is_none_or(|text| !text.eq_ignore_ascii_case("detail")) {
        query.flag("subs")?;
    }
    query.flag("accs")?;
    Ok(reply::page(&Gatewayz {
        server_id: context.server_id(),
        now: now(),
        outbound_gateways: BTreeMap::new(),
        inbound_gateways: BTreeMap::new(),
    }))
}
