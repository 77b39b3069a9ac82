//! `/explain?[account=A&]stream=S[&consumer=C]`: why a stream or a consumer gets on, or does not,
//! in the words of the actor itself, with what surrounds it; `/explain?peer=P`: the same of another
//! server.

mod peer;

use std::collections::HashSet;
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value};
use vagus_actors::jetstream::{Accounts, JetStream};
use vagus_runtime::{ActorCell, ActorState, ObserveError};

use super::context::{Context, now};
use super::jetstream::{health, tree};
use super::query::{Query, Window};
use super::reply::{self, Refusal, Reply};

#[derive(Serialize)]
struct Explanation {
    server_id: String,
    now: String,
    account: String,
    stream: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    consumer: Option<String>,
    #[serde(flatten)]
    actor: Explained,
    /// Of a consumer: what its stream waits for.
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_waiting: Option<String>,
    /// Of a stream: its consumers, those of one page, and how many there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    consumers: Option<Consumers>,
    store: Store,
}

#[derive(Serialize)]
struct Explained {
    /// What it waits for, in its own words.
    waiting: String,
    path: String,
    state: ActorState,
    uptime_ms: u64,
    restarts: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_cause: Option<String>,
    mailbox_depth: u32,
    mailbox_bytes: u64,
    mailbox_oldest_ms: u64,
    handled: u64,
    /// All else that it says of itself.
    details: Map<String, Value>,
}

#[derive(Serialize)]
struct Consumers {
    total: usize,
    offset: usize,
    limit: usize,
    waiting: Vec<Waiting>,
}

#[derive(Serialize)]
struct Waiting {
    consumer: String,
    waiting: String,
}

#[derive(Serialize)]
struct Store {
    /// How it is, as the end of a sentence.
    health: String,
    queued_bytes: u64,
    debt_bytes: u64,
    failed_batches: u64,
    damaged_records: u64,
}

pub(super) async fn page(context: &Context, query: &Query) -> Result<Reply, Refusal> {
    if let Some(name) = query.owned("peer") {
        // Whoever may ask for an account alone is told nothing of servers.
        return match query.owned("account") {
            Some(_) => Err(Refusal::bad("servers belong to no account")),
            None => peer::page(context, name).await,
        };
    }
    let window = query.window()?;
    let Some(jetstream) = &context.jetstream else {
        return Err(Refusal::absent("JetStream is off"));
    };
    let Some(stream) = query.owned("stream") else {
        return Err(Refusal::bad(
            "say which stream: /explain?[account=NAME&]stream=NAME[&consumer=NAME]",
        ));
    };
    let consumer = query.owned("consumer");
    let account = account(jetstream, query, &stream)?;
    let Some(stream_cell) = tree::stream(&context.actors, &account, &stream) else {
        return Err(Refusal::absent(format!("no stream {stream:?} in account {account:?}")));
    };
    let cell = match &consumer {
        None => Arc::clone(&stream_cell),
        Some(name) => tree::consumer(&context.actors, &account, &stream, name)
            .ok_or_else(|| Refusal::absent(format!("no consumer {name:?} of stream {stream:?}")))?,
    };
    let actor = explained(context, &cell).await;
    let (stream_waiting, consumers) = match &consumer {
        None => (None, Some(consumers(context, &account, &stream, window).await)),
        Some(_) => (Some(explained(context, &stream_cell).await.waiting), None),
    };
    let stats = jetstream.store.stats();
    Ok(reply::page(&Explanation {
        server_id: context.server_id(),
        now: now(),
        account,
        stream,
        consumer,
        actor,
        stream_waiting,
        consumers,
        store: Store {
            health: health::in_words(&jetstream.store.health()),
            queued_bytes: stats.queued_bytes,
            debt_bytes: stats.debt_bytes,
            failed_batches: stats.failed,
            damaged_records: stats.damaged,
        },
    }))
}

/// The account that is asked about; where none is named, the one that has such a stream.
fn account(jetstream: &Accounts, query: &Query, stream: &str) -> Result<String, Refusal> {
    if let Some(name) = query.owned("account") {
        return match jetstream.get(&name) {
            Some(_) => Ok(name),
            None => Err(Refusal::absent(format!("no JetStream in account {name:?}"))),
        };
    }
    let all = jetstream.all();
    let has = |js: &&Arc<JetStream>| js.directory.stream(stream.as_bytes()).is_some();
    let mut having = all.iter().filter(has).map(|js| js.account());
    match (having.next(), having.next()) {
        (Some(one), None) => Ok(one.to_owned()),
        (Some(one), Some(other)) => Err(Refusal::bad(format!(
            "say in which account: {one:?} and {other:?} both have a stream {stream:?}"
        ))),
        (None, _) => Err(Refusal::absent(format!("no stream {stream:?}"))),
    }
}

async fn explained(context: &Context, cell: &Arc<ActorCell>) -> Explained {
    let told = context.actors.observe(&cell.path()).await;
    let (waiting, details) = in_own_words(told);
    Explained {
        waiting,
        path: cell.path(),
        state: cell.state(),
        uptime_ms: cell.uptime_ms(),
        restarts: cell.restarts(),
        last_cause: cell.last_cause().map(|cause| cause.to_string()),
        mailbox_depth: cell.depth(),
        mailbox_bytes: cell.bytes(),
        mailbox_oldest_ms: cell.oldest_ms(),
        handled: cell.handled(),
        details,
    }
}

/// What an actor waits for, and the rest of what it says.
fn in_own_words(told: Result<Value, ObserveError>) -> (String, Map<String, Value>) {
    match told {
        Ok(Value::Object(mut details)) => match details.shift_remove("waiting") {
            Some(Value::String(waiting)) => (waiting, details),
            _ => ("nothing that it tells".to_owned(), details),
        },
        Ok(_) => ("nothing that it tells".to_owned(), Map::new()),
        Err(ObserveError::Late) => ("its turn: it did not answer in time".to_owned(), Map::new()),
        Err(error) => (format!("nothing any more: {error}"), Map::new()),
    }
}

/// What the consumers of a stream wait for: those of one page, in the order of their names.
async fn consumers(context: &Context, account: &str, stream: &str, window: Window) -> Consumers {
    let mut cells = context.actors.cells(|cell| tree::is_consumer_of(cell, account, stream));
    cells.sort_by_cached_key(|cell| cell.name().to_string());
    let total = cells.len();
    let page: Vec<_> = cells.iter().skip(window.offset).take(window.limit).collect();
    let ids: HashSet<_> = page.iter().map(|cell| cell.id()).collect();
    let told = context.actors.observe_all(|cell| ids.contains(&cell.id())).await;
    let mut waiting: Vec<_> = told
        .into_iter()
        .map(|(cell, told)| {
            let (waiting, _) = in_own_words(told);
            Waiting { consumer: cell.name().to_string(), waiting }
        })
        .collect();
    waiting.sort_by(|a, b| a.consumer.cmp(&b.consumer));
    Consumers { total, offset: window.offset, limit: window.limit, waiting }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_words_are_those_of_the_actor() {
        let told = json!({"pending": 3, "waiting": "for acks", "info": {"name": "C"}});
        let (waiting, details) = in_own_words(Ok(told));
        assert_eq!(waiting, "for acks");
        assert_eq!(Value::Object(details), json!({"pending": 3, "info": {"name": "C"}}));
        let (waiting, _) = in_own_words(Err(ObserveError::Late));
        assert!(waiting.starts_with("its turn"));
        let (waiting, details) = in_own_words(Ok(Value::Null));
        assert!(waiting.contains("nothing") && details.is_empty());
    }
}
