//! `/accstatz`: what each account uses.

use serde::Serialize;
use vagus_actors::realm::GLOBAL_ACCOUNT;
use vagus_actors::system::AccountStat;

use super::context::{Context, now};
use super::query::Query;
use super::reply::{self, Refusal, Reply};

#[derive(Serialize)]
struct Accstatz {
    server_id: String,
    now: String,
    account_statz: Vec<AccountStat>,
}

pub(super) fn page(context: &Context, query: &Query) -> Result<Reply, Refusal> {
    let unused = query.flag("unused")?;
    let named = query.texts("account");
    let mut realms = context.broker.realms.all();
    realms.retain(|realm| named.is_empty() || named.iter().any(|name| **name == *realm.name));
    realms.sort_by_key(|realm| (*realm.name != *GLOBAL_ACCOUNT, realm.name.clone()));
    let stats = realms
        .iter()
        .map(|realm| AccountStat::of(realm, context.broker.realms.leafs.count_of(&realm.name)));
    let account_statz = stats.filter(|account| unused || account.total_conns > 0).collect();
    Ok(reply::page(&Accstatz { server_id: context.server_id(), now: now(), account_statz }))
}
