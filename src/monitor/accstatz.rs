//! `/accstatz`: what each account uses.

use serde::Serialize;
use vagus_actors::realm::{GLOBAL_ACCOUNT, Realm};

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
    conns: usize,
    leafnodes: u64,
    total_conns: usize,
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
    let mut realms = context.broker.realms.all();
    realms.sort_by_key(|realm| (*realm.name != *GLOBAL_ACCOUNT, realm.name.clone()));
    let mut account_statz: Vec<_> = realms.iter().map(|realm| stat(realm)).collect();
    account_statz.retain(|account| unused || account.conns > 0);
    Ok(reply::page(&Accstatz { server_id: context.server_id(), now: now(), account_statz }))
}

fn stat(realm: &Realm) -> AccountStat {
    let traffic = realm.traffic();
    let name = realm.name.to_string();
    AccountStat {
        name: realm.rules().stated.label.clone().unwrap_or_else(|| name.clone()),
        acc: name,
        conns: traffic.connections,
        leafnodes: 0,
        total_conns: traffic.connections,
        num_subscriptions: realm.interest.len(),
        sent: Data { msgs: traffic.out_msgs, bytes: traffic.out_bytes, ..Data::default() },
        received: Data { msgs: traffic.in_msgs, bytes: traffic.in_bytes, ..Data::default() },
        slow_consumers: traffic.slow_consumers,
    }
}
