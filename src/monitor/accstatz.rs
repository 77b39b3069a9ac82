//! `/accstatz`: what each account uses.

use std::sync::atomic::Ordering::Relaxed;

use serde::Serialize;
use vagus_actors::realm::GLOBAL_ACCOUNT;

use super::context::{Context, now};
use super::query::Query;
use super::reply::{self, Refusal, Reply};

#[derive(Serialize)]
struct Accstatz {
    server_id: String,
    now: String,
    account_statz: Vec<AccountStat>,
}

#[derive(Serialize)]
struct AccountStat {
    acc: String,
    name: String,
    conns: u64,
    leafnodes: u64,
    total_conns: u64,
    num_subscriptions: usize,
    /// To clients.
    sent: Data,
    /// From clients.
    received: Data,
    slow_consumers: u64,
}

#[derive(Default, Serialize)]
struct Data {
    msgs: u64,
    bytes: u64,
    gateways: Sums,
    routes: Sums,
    leafs: Sums,
}

#[derive(Default, Serialize)]
struct Sums {
    msgs: u64,
    bytes: u64,
}

pub(super) fn page(context: &Context, query: &Query) -> Result<Reply, Refusal> {
    let unused = query.flag("unused")?;
    let mut account_statz = vec![clients(context)];
    if unused {
        account_statz.push(system(context));
    }
    account_statz.retain(|account| unused || account.conns > 0);
    Ok(reply::page(&Accstatz { server_id: context.server_id(), now: now(), account_statz }))
}

fn clients(context: &Context) -> AccountStat {
    let (totals, tally) = (context.broker.totals(), &context.broker.tally);
    let conns = tally.clients.load(Relaxed);
    AccountStat {
        acc: GLOBAL_ACCOUNT.to_owned(),
        name: GLOBAL_ACCOUNT.to_owned(),
        conns,
        leafnodes: 0,
        total_conns: conns,
        num_subscriptions: context.broker.realms.global().interest.len(),
        sent: Data { msgs: totals.out_msgs, bytes: totals.out_bytes, ..Data::default() },
        received: Data { msgs: totals.in_msgs, bytes: totals.in_bytes, ..Data::default() },
        slow_consumers: tally.slow_consumers.load(Relaxed),
    }
}

/// Nobody can connect to the system's account.
fn system(context: &Context) -> AccountStat {
    let name = context.system_account();
    AccountStat {
        acc: name.clone(),
        name,
        conns: 0,
        leafnodes: 0,
        total_conns: 0,
        num_subscriptions: 0,
        sent: Data::default(),
        received: Data::default(),
        slow_consumers: 0,
    }
}
