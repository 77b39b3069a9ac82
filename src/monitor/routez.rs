//! `/routez`: links to servers of the same cluster.

use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, SystemTime};

use serde::Serialize;
use vagus_actors::delivery::Target;
use vagus_actors::realm::Realm;
use vagus_actors::route::RouteFacts;
use vagus_auth::SubjectRules;
use vagus_telemetry::text::{GoDuration, Uptime};

use super::context::{Context, now, time};
use super::query::Query;
use super::reply::{self, Refusal, Reply};
use super::subsz::{SubDetail, detail};

#[derive(Serialize)]
struct Routez {
    server_id: String,
    server_name: String,
    now: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    import: Option<Subjects>,
    #[serde(skip_serializing_if = "Option::is_none")]
    export: Option<Subjects>,
    num_routes: usize,
    routes: Vec<Route>,
}

#[derive(Serialize)]
struct Route {
    rid: u64,
    remote_id: String,
    remote_name: String,
    did_solicit: bool,
    is_configured: bool,
    ip: String,
    port: u16,
    start: String,
    last_activity: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    rtt: Option<String>,
    uptime: String,
    idle: String,
    pending_size: usize,
    in_msgs: u64,
    out_msgs: u64,
    in_bytes: u64,
    out_bytes: u64,
    subscriptions: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    subscriptions_list: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    subscriptions_list_detail: Vec<SubDetail>,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<String>,
    compression: &'static str,
}

/// What crosses the routes in one direction.
#[derive(Serialize)]
struct Subjects {
    #[serde(skip_serializing_if = "Option::is_none")]
    allow: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    deny: Vec<String>,
}

/// What is shown of the other server's interest.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Subs {
    Hidden,
    Listed,
    Detailed,
}

pub(super) fn page(context: &Context, query: &Query) -> Result<Reply, Refusal> {
    let detailed = query.text("subs").is_some_and(|text| text.eq_ignore_ascii_case("detail"));
    let subs = match () {
        () if detailed => Subs::Detailed,
        () if query.flag("subs")? => Subs::Listed,
        () => Subs::Hidden,
    };
    let links = context.broker.realms.mates.all();
    let permissions = context.broker.realms.mates.permissions();
    let routes: Vec<_> = links.iter().map(|link| describe(context, link, subs)).collect();
    Ok(reply::page(&Routez {
        server_id: context.server_id(),
        server_name: context.identity.name.clone(),
        now: now(),
        import: permissions.as_ref().and_then(|all| Subjects::of(&all.rules().publish)),
        export: permissions.as_ref().and_then(|all| Subjects::of(&all.rules().subscribe)),
        num_routes: routes.len(),
        routes,
    }))
}

impl Subjects {
    fn of(rules: &SubjectRules) -> Option<Self> {
        let shown = Self { allow: rules.allow.clone(), deny: rules.deny.clone() };
        (*rules != SubjectRules::default()).then_some(shown)
    }
}

fn describe(context: &Context, link: &RouteFacts, subs: Subs) -> Route {
    let (about, stats) = (&link.about, &link.out.stats);
    let since = |at: SystemTime| SystemTime::now().duration_since(at).unwrap_or_default();
    let active = Duration::from_nanos(stats.active_ns.load(Relaxed));
    let active = (context.broker.started_at + active).max(about.since);
    let rtt = stats.rtt_ns.load(Relaxed);
    let mut wants = match subs {
        Subs::Hidden => Vec::new(),
        _ => wants(&context.broker.realms.all(), link.out.cid),
    };
    let list = wants.iter().map(|want| want.subject.clone());
    let subscriptions_list = if subs == Subs::Listed { list.collect() } else { Vec::new() };
    if subs != Subs::Detailed {
        wants.clear();
    }
    Route {
        rid: link.out.cid,
        remote_id: about.id.clone(),
        remote_name: about.name.clone(),
        did_solicit: about.solicited,
        is_configured: about.configured,
        ip: about.address.ip().to_canonical().to_string(),
        port: about.address.port(),
        start: time(about.since),
        last_activity: time(active),
        rtt: (rtt > 0).then(|| GoDuration(Duration::from_nanos(rtt)).to_string()),
        uptime: Uptime(since(about.since)).to_string(),
        idle: Uptime(since(active)).to_string(),
        pending_size: link.out.pending(),
        in_msgs: stats.in_msgs.load(Relaxed),
        out_msgs: stats.out_msgs.load(Relaxed),
        in_bytes: stats.in_bytes.load(Relaxed),
        out_bytes: stats.out_bytes.load(Relaxed),
        subscriptions: stats.subscriptions.load(Relaxed),
        subscriptions_list,
        subscriptions_list_detail: wants,
        account: about.share.account().map(str::to_owned),
        compression: link.compression(),
    }
}

fn wants(realms: &[std::sync::Arc<Realm>], cid: u64) -> Vec<SubDetail> {
    let mut all = Vec::new();
    for realm in realms {
        realm.interest.for_each(|sub| {
            if matches!(&sub.target, Target::Route(lane) if lane.out().cid == cid) {
                all.push(detail(sub, &realm.name));
            }
        });
    }
    all
}
