//! `/jsz`: JetStream, which this server does not have.

use serde::Serialize;

use super::context::{Context, now};
use super::query::Query;
use super::reply::{self, Refusal, Reply};

/// What a server answers whose JetStream is off.
#[derive(Serialize)]
struct Jsz {
    memory: u64,
    storage: u64,
    reserved_memory: u64,
    reserved_storage: u64,
    accounts: u64,
    ha_assets: u64,
    api: Api,
    server_id: String,
    now: String,
    disabled: bool,
    config: Limits,
    streams: u64,
    consumers: u64,
    messages: u64,
    bytes: u64,
    total: u64,
}

#[derive(Default, Serialize)]
struct Api {
    level: u64,
    total: u64,
    errors: u64,
}

#[derive(Default, Serialize)]
struct Limits {
    max_memory: u64,
    max_storage: u64,
}

const FLAGS: [&str; 7] = [
    "accounts",
    "streams",
    "consumers",
    "direct-consumers",
    "config",
    "raft",
    "stream-leader-only",
];

pub(super) fn page(context: &Context, query: &Query) -> Result<Reply, Refusal> {
    for flag in FLAGS {
        query.flag(flag)?;
    }
    query.window()?;
    if query.flag("leader-only")? {
        return Err(Refusal::bad("filtered response: not leader"));
    }
    Ok(reply::page(&Jsz {
        memory: 0,
        storage: 0,
        reserved_memory: 0,
        reserved_storage: 0,
        accounts: 0,
        ha_assets: 0,
        api: Api::default(),
        server_id: context.server_id(),
        now: now(),
        disabled: true,
        config: Limits::default(),
        streams: 0,
        consumers: 0,
        messages: 0,
        bytes: 0,
        total: 0,
    }))
}
