//! `/leafz`: links to leaf nodes, and to servers whose leaf node this one is.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use serde::Serialize;
use vagus_actors::delivery::Target;
use vagus_actors::leaf::LeafFacts;
use vagus_telemetry::text::GoDuration;

use super::context::{Context, now};
use super::query::Query;
use super::reply::{self, Refusal, Reply};

#[derive(Serialize)]
struct Leafz {
    server_id: String,
    now: String,
    leafnodes: usize,
    leafs: Vec<Leaf>,
}

#[derive(Serialize)]
struct Leaf {
    id: u64,
    name: String,
    is_spoke: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    is_isolated: bool,
    account: String,
    ip: String,
    port: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    rtt: Option<String>,
    in_msgs: u64,
    out_msgs: u64,
    in_bytes: u64,
    out_bytes: u64,
    subscriptions: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    subscriptions_list: Vec<String>,
    compression: &'static str,
}

pub(super) fn page(context: &Context, query: &Query) -> Result<Reply, Refusal> {
    let subs = query.flag("subs")?;
    let account = query.text("acc");
    let links = context.broker.realms.leafs.all();
    let shown = links
        .iter()
        .filter(|link| account.as_ref().is_none_or(|name| link.about.account == **name));
    let leafs: Vec<_> = shown.map(|link| describe(context, link, subs)).collect();
    Ok(reply::page(&Leafz {
        server_id: context.server_id(),
        now: now(),
        leafnodes: leafs.len(),
        leafs,
    }))
}

fn describe(context: &Context, link: &LeafFacts, subs: bool) -> Leaf {
    let (about, lane) = (&link.about, &link.lane);
    let stats = &lane.out.stats;
    let rtt = stats.rtt_ns.load(Relaxed);
    Leaf {
        id: lane.out.cid,
        name: about.name.clone(),
        is_spoke: !lane.is_spoke(),
        is_isolated: lane.isolated,
        account: about.account.clone(),
        ip: about.address.ip().to_canonical().to_string(),
        port: about.address.port(),
        rtt: (rtt > 0).then(|| GoDuration(Duration::from_nanos(rtt)).to_string()),
        in_msgs: stats.in_msgs.load(Relaxed),
        out_msgs: stats.out_msgs.load(Relaxed),
        in_bytes: stats.in_bytes.load(Relaxed),
        out_bytes: stats.out_bytes.load(Relaxed),
        subscriptions: stats.subscriptions.load(Relaxed),
        subscriptions_list: if subs { wants(context, link) } else { Vec::new() },
        compression: link.compression(),
    }
}

/// What the other end wants.
fn wants(context: &Context, link: &LeafFacts) -> Vec<String> {
    let Some(realm) = context.broker.realms.get(&link.about.account) else { return Vec::new() };
    let mut all = Vec::new();
    realm.interest.for_each(|sub| {
        if matches!(&sub.target, Target::Leaf(lane) if lane.out.cid == link.lane.out.cid) {
            all.push(String::from_utf8_lossy(sub.subject()).into_owned());
        }
    });
    all
}
