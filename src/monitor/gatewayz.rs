//! `/gatewayz`: links to other clusters, and what of each account crosses them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime};

use serde::Serialize;
use vagus_actors::delivery::Target;
use vagus_actors::realm::Realm;
use vagus_actors::route::RouteFacts;
use vagus_telemetry::text::{GoDuration, Uptime};

use super::context::{Context, now, time};
use super::query::Query;
use super::reply::{self, Refusal, Reply};
use super::subsz::{SubDetail, detail};

#[derive(Serialize)]
struct Gatewayz {
    server_id: String,
    now: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
    outbound_gateways: BTreeMap<String, Remote>,
    inbound_gateways: BTreeMap<String, Vec<Remote>>,
}

#[derive(Serialize)]
struct Remote {
    configured: bool,
    connection: Connection,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    accounts: Vec<Account>,
}

#[derive(Serialize)]
struct Connection {
    cid: u64,
    kind: &'static str,
    ip: String,
    port: u16,
    start: String,
    last_activity: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    rtt: Option<String>,
    uptime: String,
    idle: String,
    pending_bytes: usize,
    in_msgs: u64,
    out_msgs: u64,
    in_bytes: u64,
    out_bytes: u64,
    subscriptions: u64,
    /// The other server's id.
    name: String,
}

#[derive(Serialize)]
struct Account {
    name: String,
    interest_mode: &'static str,
    #[serde(skip_serializing_if = "is_none")]
    num_subs: usize,
    #[serde(skip_serializing_if = "is_none")]
    num_queue_subs: usize,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    subscriptions_list: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    subscriptions_list_detail: Vec<SubDetail>,
    // Of this server alone.
    sent: Sums,
    received: Sums,
}

#[derive(Clone, Copy, Default, Serialize)]
struct Sums {
    msgs: u64,
    bytes: u64,
}

/// Which accounts are shown, and how much of what is wanted there.
struct Choice {
    accounts: bool,
    account: Option<String>,
    listed: bool,
    detailed: bool,
}

/// A server hears of all that is wanted elsewhere, and sends nothing else.
const INTEREST_ONLY: &str = "Interest-Only";

pub(super) fn page(context: &Context, query: &Query) -> Result<Reply, Refusal> {
    let detailed = query.text("subs").is_some_and(|text| text.eq_ignore_ascii_case("detail"));
    let account = query.owned("acc_name").filter(|name| !name.is_empty());
    let choice = Choice {
        detailed,
        listed: !detailed && query.flag("subs")?,
        accounts: query.flag("accs")? || account.is_some(),
        account,
    };
    let wanted = query.owned("gw_name").filter(|name| !name.is_empty());
    let (mut outbound, mut inbound) = (BTreeMap::new(), BTreeMap::<_, Vec<_>>::new());
    for link in context.broker.realms.gateways.all() {
        let Some(cluster) = link.about.cluster.as_deref() else { continue };
        if wanted.as_deref().is_some_and(|name| name != cluster) {
            continue;
        }
        let remote = Remote {
            configured: link.about.configured,
            connection: connection(context, &link),
            accounts: accounts(context, &link, &choice),
        };
        match link.about.solicited {
            true => drop(outbound.insert(cluster.to_owned(), remote)),
            false => inbound.entry(cluster.to_owned()).or_default().push(remote),
        }
    }
    let in_force = context.in_force();
    let gateway = in_force.config.gateway.as_ref();
    Ok(reply::page(&Gatewayz {
        server_id: context.server_id(),
        now: now(),
        name: gateway.map(|gateway| gateway.name.clone()),
        host: gateway.map(|gateway| gateway.host.clone()),
        port: gateway.map(|_| context.broker.gateways.port()),
        outbound_gateways: outbound,
        inbound_gateways: inbound,
    }))
}

fn connection(context: &Context, link: &RouteFacts) -> Connection {
    let (about, stats) = (&link.about, &link.out.stats);
    let since = |at: SystemTime| SystemTime::now().duration_since(at).unwrap_or_default();
    let active = Duration::from_nanos(stats.active_ns.load(Relaxed));
    let active = (context.broker.started_at + active).max(about.since);
    let rtt = stats.rtt_ns.load(Relaxed);
    Connection {
        cid: link.out.cid,
        kind: "Gateway",
        ip: about.address.ip().to_canonical().to_string(),
        port: about.address.port(),
        start: time(about.since),
        last_activity: time(active),
        rtt: (rtt > 0).then(|| GoDuration(Duration::from_nanos(rtt)).to_string()),
        uptime: Uptime(since(about.since)).to_string(),
        idle: Uptime(since(active)).to_string(),
        pending_bytes: link.out.pending(),
        in_msgs: stats.in_msgs.load(Relaxed),
        out_msgs: stats.out_msgs.load(Relaxed),
        in_bytes: stats.in_bytes.load(Relaxed),
        out_bytes: stats.out_bytes.load(Relaxed),
        subscriptions: stats.subscriptions.load(Relaxed),
        name: about.id.clone(),
    }
}

fn accounts(context: &Context, link: &RouteFacts, choice: &Choice) -> Vec<Account> {
    if !choice.accounts {
        return Vec::new();
    }
    let mut realms = match &choice.account {
        Some(name) => context.broker.realms.get(name).into_iter().collect(),
        None => context.broker.realms.all(),
    };
    realms.sort_by(|a, b| a.name.cmp(&b.name));
    realms.iter().map(|realm| account(realm, link, choice)).collect()
}

fn account(realm: &Arc<Realm>, link: &RouteFacts, choice: &Choice) -> Account {
    let (mut wants, mut queues) = (Vec::new(), 0);
    realm.interest.for_each(|sub| {
        if matches!(&sub.target, Target::Route(lane) if lane.out().cid == link.out.cid) {
            queues += usize::from(sub.queue().is_some());
            wants.push(detail(sub, &realm.name));
        }
    });
    let (num_subs, listed) = (wants.len() - queues, choice.listed);
    let list = wants.iter().filter(|_| listed).map(|want| want.subject.clone()).collect();
    if !choice.detailed {
        wants.clear();
    }
    let lanes = link.lanes();
    let lane = lanes.iter().find(|lane| lane.account() == &*realm.name);
    let load = |count: &AtomicU64| count.load(Relaxed);
    let sums = |msgs, bytes| Sums { msgs: load(msgs), bytes: load(bytes) };
    let crossed = lane.map(|lane| &lane.crossed);
    Account {
        name: realm.name.to_string(),
        interest_mode: INTEREST_ONLY,
        num_subs,
        num_queue_subs: queues,
        subscriptions_list: list,
        subscriptions_list_detail: wants,
        sent: crossed.map_or_else(Sums::default, |all| sums(&all.out_msgs, &all.out_bytes)),
        received: crossed.map_or_else(Sums::default, |all| sums(&all.in_msgs, &all.in_bytes)),
    }
}

// serde passes references.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_none(count: &usize) -> bool {
    *count == 0
}
