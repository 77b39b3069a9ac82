//! `/accountz`: the accounts. There is one for clients, and the name of the system's own.

use std::sync::atomic::Ordering::Relaxed;

use serde::Serialize;
use vagus_actors::broker::GLOBAL_ACCOUNT;

use super::context::{Context, now, time};
use super::query::Query;
use super::reply::{self, Refusal, Reply};
use super::subsz::{self, SublistStats};

#[derive(Serialize)]
struct Accountz {
    server_id: String,
    now: String,
    system_account: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    accounts: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    account_detail: Option<AccountInfo>,
}

#[derive(Serialize)]
struct AccountInfo {
    account_name: String,
    update_time: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    is_system: bool,
    expired: bool,
    complete: bool,
    jetstream_enabled: bool,
    leafnode_connections: u64,
    client_connections: u64,
    subscriptions: usize,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    mappings: Vec<String>,
    name_tag: String,
    sublist_stats: SublistStats,
}

pub(super) fn page(context: &Context, query: &Query) -> Result<Reply, Refusal> {
    let system_account = context.system_account();
    let wanted = query.owned("acc");
    if let Some(name) = wanted.as_deref().filter(|name| !context.has_account(name)) {
        return Err(Refusal::bad(format!("Account {name} does not exist")));
    }
    let accounts = match wanted {
        None => vec![GLOBAL_ACCOUNT.to_owned(), system_account.clone()],
        Some(_) => Vec::new(),
    };
    Ok(reply::page(&Accountz {
        server_id: context.server_id(),
        now: now(),
        accounts,
        account_detail: wanted.map(|name| detail(context, name)),
        system_account,
    }))
}

fn detail(context: &Context, account_name: String) -> AccountInfo {
    let clients = account_name == GLOBAL_ACCOUNT;
    let stats = if clients { subsz::stats(&context.broker) } else { SublistStats::default() };
    let in_force = context.in_force();
    let mappings = in_force.config.mappings.iter().filter(|_| clients);
    AccountInfo {
        is_system: account_name == context.system_account(),
        update_time: time(in_force.since),
        expired: false,
        complete: true,
        jetstream_enabled: false,
        leafnode_connections: 0,
        client_connections: match clients {
            true => context.broker.tally.clients.load(Relaxed),
            false => 0,
        },
        subscriptions: stats.num_subscriptions,
        mappings: mappings.map(|mapping| mapping.source.clone()).collect(),
        name_tag: account_name.clone(),
        account_name,
        sublist_stats: stats,
    }
}
