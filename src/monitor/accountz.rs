//! `/accountz`: the accounts.

mod shared;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use vagus_actors::realm::{GLOBAL_ACCOUNT, Realm};
use vagus_auth::account::AccountMapping;
use vagus_subject::transform::Destination;

use self::shared::{ExportShown, ImportShown};

use super::context::{Context, now, time};
use super::query::Query;
use super::reply::{self, Refusal, Reply};
use super::subsz::{self, SublistStats};

#[derive(Serialize)]
struct Accountz {
    server_id: String,
    now: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    system_account: Option<String>,
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
    client_connections: usize,
    subscriptions: usize,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    mappings: BTreeMap<String, Vec<Share>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    exports: Vec<ExportShown>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    imports: Vec<ImportShown>,
    name_tag: String,
    sublist_stats: SublistStats,
}

/// Where a part of the messages to a mapped subject goes.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Share {
    subject: String,
    /// Per cent that go here or to one of those before.
    weight: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster: Option<String>,
}

pub(super) fn page(context: &Context, query: &Query) -> Result<Reply, Refusal> {
    let system_account = context.system_account();
    let wanted = query.owned("acc");
    let realm = wanted.as_deref().and_then(|name| context.broker.realms.get(name));
    if let (Some(name), None) = (&wanted, &realm) {
        return Err(Refusal::bad(format!("Account {name} does not exist")));
    }
    let accounts = match realm {
        None => names(context),
        Some(_) => Vec::new(),
    };
    Ok(reply::page(&Accountz {
        server_id: context.server_id(),
        now: now(),
        accounts,
        account_detail: realm.map(|realm| detail(context, &realm)),
        system_account,
    }))
}

/// The global account, then the others by name.
fn names(context: &Context) -> Vec<String> {
    let all = context.broker.realms.all();
    let mut names: Vec<String> = all.iter().map(|realm| realm.name.to_string()).collect();
    names.sort_by_key(|name| (name != GLOBAL_ACCOUNT, name.clone()));
    names
}

fn detail(context: &Context, realm: &Arc<Realm>) -> AccountInfo {
    let stats = subsz::stats(&context.broker, std::slice::from_ref(realm));
    let rules = realm.rules();
    let stated = &rules.stated;
    let mappings = stated.mappings.iter().map(|one| (one.source.clone(), shares(one)));
    let name = realm.name.to_string();
    AccountInfo {
        is_system: Some(&name) == context.system_account().as_ref(),
        update_time: time(context.in_force().since),
        expired: false,
        complete: true,
        jetstream_enabled: context.has_jetstream(&realm.name),
        leafnode_connections: 0,
        client_connections: realm.traffic().connections,
        subscriptions: stats.num_subscriptions,
        mappings: mappings.collect(),
        exports: stated.exports.iter().map(ExportShown::from).collect(),
        imports: shared::imports(stated, &context.broker.realms),
        name_tag: stated.label.clone().unwrap_or_else(|| name.clone()),
        account_name: name,
        sublist_stats: stats,
    }
}

/// The destinations everywhere, then those of each cluster; the smallest share first. What is left
/// of a hundred stays at the source.
fn shares(mapping: &AccountMapping) -> Vec<Share> {
    let mut clusters = vec![None];
    for destination in &mapping.destinations {
        if !clusters.contains(&destination.cluster) {
            clusters.push(destination.cluster.clone());
        }
    }
    clusters.into_iter().flat_map(|cluster| shares_in(mapping, &cluster)).collect()
}

fn shares_in(mapping: &AccountMapping, cluster: &Option<String>) -> Vec<Share> {
    let share = |subject: &str, weight| Share {
        subject: subject.to_owned(),
        weight,
        cluster: cluster.clone(),
    };
    let text = |to: &Destination| String::from_utf8_lossy(&to.subject).into_owned();
    let destinations = mapping.destinations.iter().filter(|to| to.cluster == *cluster);
    let mut shares: Vec<_> =
        destinations.map(|to| share(&text(to), u64::from(to.weight))).collect();
    let given: u64 = shares.iter().map(|share| share.weight).sum();
    if given < 100 {
        shares.push(share(&mapping.source, 100 - given));
    }
    shares.sort_by_key(|share| share.weight);
    let mut sum = 0;
    for share in &mut shares {
        sum += share.weight;
        share.weight = sum;
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn shown(text: &str) -> Vec<(String, u64, Option<String>)> {
        let config = vagus_config::Config::parse(text, "test").unwrap().config;
        let shares = shares(&config.mappings[0].clone().into()).into_iter();
        shares.map(|share| (share.subject, share.weight, share.cluster)).collect()
    }

    #[test]
    fn shares_add_up_and_the_rest_stays() {
        let all = |list: &[(&str, u64)]| -> Vec<_> {
            list.iter().map(|(subject, weight)| ((*subject).to_owned(), *weight, None)).collect()
        };
        assert_eq!(shown("mappings { a: b }"), all(&[("b", 100)]));
        assert_eq!(
            shown("mappings { i: [{destination: x, weight: 60%}, {destination: y, weight: 10%}] }"),
            all(&[("y", 10), ("i", 40), ("x", 100)])
        );
    }

    #[test]
    fn clusters_have_shares_of_their_own() {
        let shown = shown("mappings { f: [{destination: g, weight: 100%, cluster: zz}] }");
        let wanted = [("f".to_owned(), 100, None), ("g".to_owned(), 100, Some("zz".to_owned()))];
        assert_eq!(shown, wanted);
    }
}
