//! Asking all servers that this one is linked with how they are, at once; and by those of other
//! clusters, the servers beside them.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;
use vagus_runtime::cluster::node::AskError;
use vagus_runtime::cluster::speech::{Answer, MINOR, Question, SERIES, decode};

use super::{REGION, STANDING, Standing};
use crate::broker::Broker;
use crate::route::{About, RouteFacts};

/// What came of asking a server.
#[derive(Debug)]
pub struct Heard {
    pub id: String,
    pub name: String,
    /// How it is, or why that is not known.
    pub told: Result<Standing, String>,
    pub took: Duration,
}

/// What one server knows of another of its cluster.
#[derive(Serialize, Deserialize)]
pub(super) struct Known {
    id: String,
    name: String,
    told: Result<Standing, String>,
}

const UNKNOWN: &str = "it does not know the question";
/// Who asks for a region waits longer than this, which each server of it gets.
const REGION_WITHIN: Duration = Duration::from_millis(700);

/// Asks every other server, each for `within` at most. In the order of their names.
pub async fn survey(broker: &Arc<Broker>, within: Duration) -> Vec<Heard> {
    let mut links = broker.realms.mates.all();
    links.extend(broker.realms.gateways.all());
    ask_all(broker, &links, within).await
}

/// This server and those of its cluster.
pub(super) async fn region(broker: &Arc<Broker>) -> Vec<Known> {
    let mates = ask_all(broker, &broker.realms.mates.all(), REGION_WITHIN).await;
    let own = Standing::of(broker);
    let first = Known { id: own.id.clone(), name: own.name.clone(), told: Ok(own) };
    let others = mates.into_iter().map(|Heard { id, name, told, .. }| Known { id, name, told });
    std::iter::once(first).chain(others).collect()
}

async fn ask_all(broker: &Arc<Broker>, links: &[Arc<RouteFacts>], within: Duration) -> Vec<Heard> {
    // A server may have more links than one. By one that was made to its cluster, it is asked for
    // that; there is one to each.
    let mut others: BTreeMap<&str, &About> = BTreeMap::new();
    for about in links.iter().map(|link| &link.about) {
        let known = others.entry(&about.id).or_insert(about);
        if is_way_out(about) {
            *known = about;
        }
    }
    let mut asked = JoinSet::new();
    for about in others.into_values() {
        asked.spawn(hear(Arc::clone(broker), about.clone(), within));
    }
    let mut heard: BTreeMap<String, Heard> = BTreeMap::new();
    for one in asked.join_all().await.into_iter().flatten() {
        match heard.entry(one.id.clone()) {
            Entry::Vacant(entry) => drop(entry.insert(one)),
            Entry::Occupied(mut entry) if entry.get().told.is_err() => drop(entry.insert(one)),
            Entry::Occupied(_) => {}
        }
    }
    let mut heard: Vec<_> = heard.into_values().collect();
    heard.sort_by(|a, b| a.name.cmp(&b.name));
    heard
}

fn is_way_out(about: &About) -> bool {
    about.cluster.is_some() && about.solicited
}

/// What a server tells of itself, and of others.
async fn hear(broker: Arc<Broker>, about: About, within: Duration) -> Vec<Heard> {
    let since = Instant::now();
    if about.control == SERIES && is_way_out(&about) {
        let known = ask(&broker, &about.id, REGION, within).await.map(|bytes| decode(&bytes));
        let took = since.elapsed();
        match known {
            Ok(Some(all)) => {
                let all: Vec<Known> = all;
                let heard = |Known { id, name, told }| Heard { id, name, told, took };
                return all.into_iter().map(heard).collect();
            }
            Err(why) if why != UNKNOWN => {
                return vec![Heard { id: about.id, name: about.name, told: Err(why), took }];
            }
            // It is older, or its cluster too large for one answer.
            _ => {}
        }
    }
    let told = match about.control {
        SERIES => ask(&broker, &about.id, STANDING, within).await.and_then(|bytes| {
            Standing::decode(&bytes).ok_or_else(|| AskError::Garbled.to_string())
        }),
        series => Err(format!("it speaks version {series} of control, this one {SERIES}")),
    };
    vec![Heard { id: about.id, name: about.name, told, took: since.elapsed() }]
}

async fn ask(broker: &Broker, id: &str, kind: u16, within: Duration) -> Result<Vec<u8>, String> {
    let question = Question { minor: MINOR, kind, body: Vec::new() };
    let node = broker.control.get().ok_or_else(|| AskError::Absent.to_string())?;
    match node.ask(id, &question, within).await {
        Ok(Answer::Told(bytes)) => Ok(bytes),
        Ok(Answer::Unknown) => Err(UNKNOWN.to_owned()),
        Err(problem) => Err(problem.to_string()),
    }
}
