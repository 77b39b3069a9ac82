//! Asking all servers that this one is linked with how they are, at once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use vagus_runtime::cluster::node::AskError;
use vagus_runtime::cluster::speech::{Answer, MINOR, Question, SERIES};

use super::{STANDING, Standing};
use crate::broker::Broker;

/// What came of asking a server.
#[derive(Debug)]
pub struct Heard {
    pub id: String,
    pub name: String,
    /// How it is, or why that is not known.
    pub told: Result<Standing, String>,
    pub took: Duration,
}

/// Asks every other server, each for `within` at most. In the order of their names.
pub async fn survey(broker: &Arc<Broker>, within: Duration) -> Vec<Heard> {
    let (mut links, gateways) = (broker.realms.mates.all(), broker.realms.gateways.all());
    links.extend(gateways);
    let others = links.iter().map(|link| (link.about.id.clone(), link.about.clone()));
    // A server may have more links than one.
    let others: BTreeMap<_, _> = others.collect();
    let mut asked = JoinSet::new();
    for about in others.into_values() {
        let broker = Arc::clone(broker);
        asked.spawn(async move {
            let since = Instant::now();
            let told = match about.control {
                SERIES => ask(&broker, &about.id, within).await,
                series => Err(format!("it speaks version {series} of control, this one {SERIES}")),
            };
            Heard { id: about.id, name: about.name, told, took: since.elapsed() }
        });
    }
    let mut heard = asked.join_all().await;
    heard.sort_by(|a, b| a.name.cmp(&b.name));
    heard
}

async fn ask(broker: &Broker, id: &str, within: Duration) -> Result<Standing, String> {
    let question = Question { minor: MINOR, kind: STANDING, body: Vec::new() };
    let node = broker.control.get().ok_or_else(|| AskError::Absent.to_string())?;
    match node.ask(id, &question, within).await {
        Ok(Answer::Told(bytes)) => {
            Standing::decode(&bytes).ok_or_else(|| AskError::Garbled.to_string())
        }
        Ok(Answer::Unknown) => Err("it does not know the question".to_owned()),
        Err(problem) => Err(problem.to_string()),
    }
}
