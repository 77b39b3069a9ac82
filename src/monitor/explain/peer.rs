//! `/explain?peer=NAME`: why another server gets on with this one, or does not.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;
use vagus_actors::control::{Heard, LinkStanding, Sought, Standing, survey};
use vagus_runtime::cluster::node::PeerReport;
use vagus_telemetry::text::GoDuration;

use super::super::context::{Context, now};
use super::super::reply::{self, Refusal, Reply};

#[derive(Serialize)]
struct Explanation {
    server_id: String,
    now: String,
    peer: String,
    /// What it waits for, or this server for it.
    waiting: String,
    details: Details,
}

#[derive(Default, Serialize)]
struct Details {
    #[serde(skip_serializing_if = "String::is_empty")]
    peer_id: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    links: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    session: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    itself: String,
}

/// For its answer.
const PATIENCE: Duration = Duration::from_secs(1);

pub(super) async fn page(context: &Context, name: String) -> Result<Reply, Refusal> {
    let own = Standing::of(&context.broker);
    let heard = survey(&context.broker, PATIENCE).await;
    let (waiting, details) = match heard.into_iter().find(|one| one.name == name) {
        Some(heard) => linked(context, &own, heard).await,
        None => match own.sought.iter().find(|one| one.address == name) {
            Some(sought) => (in_vain(sought), Details::default()),
            None => return Err(Refusal::absent(unknown(&own, &name))),
        },
    };
    let (server_id, now) = (context.server_id(), now());
    Ok(reply::page(&Explanation { server_id, now, peer: name, waiting, details }))
}

async fn linked(context: &Context, own: &Standing, heard: Heard) -> (String, Details) {
    let links = own.links.iter().filter(|link| link.peer_id == heard.id);
    let behind = links.clone().find(|link| link.queue_bytes > 0);
    let took = GoDuration(heard.took);
    let waiting = match (&heard.told, behind) {
        (Err(why), _) => format!("for an answer: {why}"),
        (Ok(_), Some(link)) => format!("for {} bytes to be read: {}", link.queue_bytes, link.state),
        (Ok(_), None) => format!("for nothing: it answers within {took}"),
    };
    let mut details = Details { peer_id: heard.id.clone(), ..Details::default() };
    for link in links {
        details.links.push(described(context, link).await);
    }
    let peers = context.broker.control.get().map(|node| node.peers()).unwrap_or_default();
    details.session =
        peers.iter().find(|one| one.about.id == heard.id).map_or_else(String::new, session);
    if let Ok(told) = &heard.told {
        let leaving = if told.leaving { ", and is about to end" } else { "" };
        details.itself =
            format!("has {} links and {} clients{leaving}", told.links.len(), told.clients);
    }
    (waiting, details)
}

/// A link, in the words of the actor that keeps it.
async fn described(context: &Context, link: &LinkStanding) -> String {
    let observed = context.actors.observe(&format!("/server/cluster/{}", link.cid)).await;
    let state = match observed {
        Ok(told) => told.get("state").and_then(Value::as_str).unwrap_or(&link.state).to_owned(),
        Err(problem) => problem.to_string(),
    };
    let rtt = match link.rtt_ns {
        0 => "not measured yet".to_owned(),
        ns => GoDuration(Duration::from_nanos(ns)).to_string(),
    };
    format!(
        "{} for {}, round trip {rtt}, {} bytes queued: {state}",
        link.address, link.accounts, link.queue_bytes
    )
}

fn session(peer: &PeerReport) -> String {
    match (peer.ready, peer.stuck) {
        (false, _) => "has not begun".to_owned(),
        (true, false) => format!("in order, {} of {} questions open", peer.asking, peer.asked),
        (true, true) => {
            format!("waits for the other to read {} bytes, and has more", peer.unconfirmed_bytes)
        }
    }
}

fn in_vain(sought: &Sought) -> String {
    let Sought { attempts, problem, .. } = sought;
    format!("to be found, {attempts} attempts in vain: {problem}")
}

fn unknown(own: &Standing, name: &str) -> String {
    let mut known: Vec<_> = own.links.iter().map(|link| link.peer.as_str()).collect();
    known.extend(own.sought.iter().map(|sought| sought.address.as_str()));
    known.dedup();
    format!("no server {name:?} is linked with this one or looked for: there are {known:?}")
}
