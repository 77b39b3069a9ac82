//! `/actorz`: the tree of living actors, each with its mailbox, its history and, when asked for,
//! what it says of itself.
//!
//! Parents come before their children, and who is high in the tree comes first, so that ten
//! thousand connections do not hide the few actors that serve them all.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use tokio::task::JoinSet;
use vagus_runtime::cluster::node::Node;
use vagus_runtime::{ActorReport, ActorState};

use super::context::{Context, now};
use super::query::{Query, Window};
use super::reply::{self, Refusal, Reply};

#[derive(Serialize)]
struct Actorz {
    server_id: String,
    now: String,
    /// How many match, on this page or not.
    total: usize,
    offset: usize,
    limit: usize,
    summary: Summary,
    actors: Vec<Shown>,
    /// Those of other servers, as far as this one supervises them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    remote: Vec<Remote>,
}

/// The control actor of another server.
#[derive(Serialize)]
struct Remote {
    path: String,
    peer: String,
    peer_id: String,
    /// What kind of link its session runs in.
    link: &'static str,
    state: &'static str,
    /// Questions it has not answered yet, and all that it was asked.
    queue: u32,
    asked: u64,
    /// Sent, and not confirmed as read, which is done in steps of 16 KiB.
    unconfirmed_bytes: usize,
    uptime_ms: u64,
}

/// All living actors that match.
#[derive(Debug, Default, Serialize)]
struct Summary {
    kinds: BTreeMap<&'static str, Kind>,
    states: BTreeMap<&'static str, usize>,
}

/// The living actors of one kind.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Kind {
    pub(super) count: usize,
    pub(super) mailbox_depth: u64,
    pub(super) mailbox_bytes: u64,
    pub(super) oldest_ms: u64,
    pub(super) handled: u64,
    pub(super) restarts: u64,
}

#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    report: ActorReport,
    #[serde(skip_serializing_if = "Option::is_none")]
    observed: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    observe_error: Option<String>,
}

/// Actors that one request may ask for their own state. The others of its page are only reported.
const OBSERVED_MAX: usize = 256;

pub(super) async fn page(context: &Context, query: &Query) -> Result<Reply, Refusal> {
    let window = query.window()?;
    let observe = query.flag("observe")?;
    let (path, kind) = (query.text("path").unwrap_or_default(), query.text("kind"));
    let mut actors = context.actors.snapshot();
    actors.retain(|actor| {
        actor.path.starts_with(&*path) && kind.as_ref().is_none_or(|kind| actor.kind == kind)
    });
    by_depth(&mut actors);
    let summary = summarized(&actors);
    let total = actors.len();
    let page = on_page(actors, window);
    Ok(reply::page(&Actorz {
        server_id: context.server_id(),
        now: now(),
        total,
        offset: window.offset,
        limit: window.limit,
        summary,
        actors: if observe { observed(context, page).await } else { page },
        remote: remote(context, &path, kind.as_deref()),
    }))
}

/// Remote actors of this path and kind.
fn remote(context: &Context, path: &str, kind: Option<&str>) -> Vec<Remote> {
    let peers = context.broker.control.get().map(Node::peers).unwrap_or_default();
    let all = peers.into_iter().map(|peer| Remote {
        path: format!("/remote/{}/control", peer.about.name),
        peer: peer.about.name,
        peer_id: peer.about.id,
        link: peer.about.kind,
        state: match (peer.ready, peer.stuck) {
            (false, _) => "starting",
            (true, false) => "running",
            (true, true) => "waiting for it to read",
        },
        queue: peer.asking,
        asked: peer.asked,
        unconfirmed_bytes: peer.unconfirmed_bytes,
        uptime_ms: u64::try_from(peer.uptime.as_millis()).unwrap_or(u64::MAX),
    });
    let wanted = kind.is_none_or(|kind| kind == "control");
    all.filter(|one| wanted && one.path.starts_with(path)).collect()
}

fn on_page(actors: Vec<ActorReport>, window: Window) -> Vec<Shown> {
    let page = actors.into_iter().skip(window.offset).take(window.limit);
    page.map(|report| Shown { report, observed: None, observe_error: None }).collect()
}

/// Asks each of the actors shown, all at once; the runtime limits the time of each.
async fn observed(context: &Context, mut page: Vec<Shown>) -> Vec<Shown> {
    let mut questions = JoinSet::new();
    for (place, shown) in page.iter().enumerate().take(OBSERVED_MAX) {
        let (registry, path) = (context.actors.clone(), shown.report.path.clone());
        questions.spawn(async move { (place, registry.observe(&path).await) });
    }
    for shown in page.iter_mut().skip(OBSERVED_MAX) {
        shown.observe_error = Some(format!("only the first {OBSERVED_MAX} of a page are asked"));
    }
    while let Some(answer) = questions.join_next().await {
        let Ok((place, answer)) = answer else { continue };
        match answer {
            Ok(state) => page[place].observed = Some(state),
            Err(problem) => page[place].observe_error = Some(problem.to_string()),
        }
    }
    page
}

/// Puts who is high in the tree first, and numbered siblings in the order of their numbers.
pub(super) fn by_depth(actors: &mut [ActorReport]) {
    actors.sort_by_cached_key(|actor| {
        let (parent, name) = actor.path.rsplit_once('/').unwrap_or(("", &actor.path));
        let number = name.parse::<u64>().unwrap_or(0);
        (parent.matches('/').count(), parent.to_owned(), number, name.to_owned())
    });
}

fn summarized(actors: &[ActorReport]) -> Summary {
    let mut states: BTreeMap<&'static str, usize> = BTreeMap::new();
    for actor in actors {
        *states.entry(state_name(actor.state)).or_default() += 1;
    }
    Summary { kinds: by_kind(actors), states }
}

/// Sums over the living actors of each kind.
pub(super) fn by_kind(actors: &[ActorReport]) -> BTreeMap<&'static str, Kind> {
    let mut kinds: BTreeMap<&'static str, Kind> = BTreeMap::new();
    for actor in actors {
        let kind = kinds.entry(actor.kind).or_default();
        kind.count += 1;
        kind.mailbox_depth += u64::from(actor.mailbox.depth);
        kind.mailbox_bytes += actor.mailbox.bytes;
        kind.oldest_ms = kind.oldest_ms.max(actor.mailbox.oldest_ms);
        kind.handled += actor.handled;
        kind.restarts += u64::from(actor.restarts);
    }
    kinds
}

/// As the reports spell it.
pub(super) fn state_name(state: ActorState) -> &'static str {
    match state {
        ActorState::Starting => "starting",
        ActorState::Running => "running",
        ActorState::Restarting => "restarting",
        ActorState::Stopping => "stopping",
        ActorState::Stopped => "stopped",
        ActorState::Failed => "failed",
    }
}

#[cfg(test)]
mod tests {
    use vagus_runtime::MailboxReport;

    use super::*;

    fn actor(path: &str, kind: &'static str, state: ActorState, depth: u32) -> ActorReport {
        ActorReport {
            path: path.to_owned(),
            kind,
            parent: path.rsplit_once('/').map(|(parent, _)| parent.to_owned()),
            state,
            arbiter: "data-0".to_owned(),
            mailbox: MailboxReport {
                depth,
                bytes: u64::from(depth) * 10,
                oldest_ms: u64::from(depth),
                depth_max: 64,
                bytes_max: 1 << 20,
            },
            handled: 3,
            restarts: 1,
            last_cause: None,
            uptime_ms: 5,
        }
    }

    #[test]
    fn the_tree_is_shown_from_the_top_and_siblings_by_number() {
        let paths = ["/server/clients/10", "/server/clients/9", "/server/shard-1", "/server"];
        let mut actors = paths.map(|path| actor(path, "x", ActorState::Running, 0));
        by_depth(&mut actors);
        let order = actors.map(|actor| actor.path);
        assert_eq!(
            order,
            ["/server", "/server/shard-1", "/server/clients/9", "/server/clients/10"]
        );
    }

    #[test]
    fn the_summary_counts_all_that_match() {
        let actors = [
            actor("/a", "root", ActorState::Running, 0),
            actor("/a/1", "connection", ActorState::Running, 2),
            actor("/a/2", "connection", ActorState::Restarting, 5),
        ];
        let summary = summarized(&actors);
        assert_eq!(summary.states, BTreeMap::from([("running", 2), ("restarting", 1)]));
        let wanted = Kind {
            count: 2,
            mailbox_depth: 7,
            mailbox_bytes: 70,
            oldest_ms: 5,
            handled: 6,
            restarts: 2,
        };
        assert_eq!(summary.kinds["connection"], wanted);
        assert_eq!(summary.kinds["root"].count, 1);
    }

    #[test]
    fn a_page_shows_an_actor_with_its_report() {
        let actors = vec![
            actor("/a", "root", ActorState::Running, 0),
            actor("/a/1", "connection", ActorState::Stopping, 2),
        ];
        let page = on_page(actors, Window { offset: 1, limit: 5 });
        assert_eq!(page.len(), 1);
        let shown = serde_json::to_value(&page[0]).unwrap();
        assert_eq!(shown["path"], "/a/1");
        assert_eq!(shown["state"], state_name(ActorState::Stopping));
        assert_eq!(shown["mailbox"]["depth_max"], 64);
        assert!(shown.get("observed").is_none());
    }
}
