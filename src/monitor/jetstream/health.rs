//! Whether JetStream can do its work: the store first, then streams and consumers.

use std::sync::Arc;

use hyper::StatusCode;
use vagus_actors::jetstream::{Accounts, JetStream};
use vagus_runtime::{ActorCell, ActorState};
use vagus_store::Health;

use super::tree;
use crate::monitor::context::Context;
use crate::monitor::healthz::Problem;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::monitor) enum Severity {
    BadRequest,
    /// The server does not serve.
    NotReady,
    /// What was asked about is not there.
    Missing,
    /// It is there, and can't do its work.
    Unavailable,
    /// It works; something is to be known.
    Note,
}

/// What is to be checked, where it is not all.
#[derive(Debug, Default)]
pub(in crate::monitor) struct Asked {
    pub(in crate::monitor) account: Option<String>,
    pub(in crate::monitor) stream: Option<String>,
    pub(in crate::monitor) consumer: Option<String>,
}

impl Severity {
    pub(in crate::monitor) fn code(self) -> StatusCode {
        match self {
            Self::BadRequest => StatusCode::BAD_REQUEST,
            Self::NotReady => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Missing => StatusCode::NOT_FOUND,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Note => StatusCode::OK,
        }
    }
}

/// What is wrong with the store, if anything is.
pub(in crate::monitor) fn of_store(jetstream: &Accounts) -> Option<Problem> {
    let (text, severity) = told(&jetstream.store.health())?;
    Some(Problem::of("JETSTREAM", text, severity))
}

fn told(health: &Health) -> Option<(String, Severity)> {
    let text = match health {
        Health::Good => return None,
        Health::Degraded(what) => return Some((format!("JetStream: {what}"), Severity::Note)),
        _ => format!("JetStream {}", in_words(health)),
    };
    Some((text, Severity::Unavailable))
}

/// The state of the store as the end of a sentence.
pub(crate) fn in_words(health: &Health) -> String {
    match health {
        Health::Good => "is in order".to_owned(),
        Health::Recovering { ready, of } => {
            format!("is recovering: {ready} of {of} streams are ready")
        }
        Health::Degraded(what) => format!("works, but {what}"),
        Health::Full => "can't write: the disk is full".to_owned(),
        Health::Failing => "can't write: the disk fails".to_owned(),
        Health::Broken => "can't write until the server is started again".to_owned(),
    }
}

/// What is wrong with what was asked about; of all streams and consumers if nothing was.
pub(in crate::monitor) async fn of_streams(
    context: &Context,
    jetstream: &Accounts,
    asked: &Asked,
) -> Vec<Problem> {
    let mut problems = offline(context).await;
    let Some(account) = &asked.account else {
        problems.extend(failing(context));
        return problems;
    };
    let Some(jetstream) = jetstream.get(account) else {
        let text = format!("JetStream account \"{account}\" not found");
        let mut problem = Problem::of("ACCOUNT", text, Severity::Missing);
        problem.account = Some(account.clone());
        return vec![problem];
    };
    let Some(stream) = &asked.stream else {
        problems.extend(failing(context));
        problems.retain(|problem| problem.account.as_ref().is_none_or(|name| name == account));
        return problems;
    };
    problems.retain(|problem| {
        problem.account.as_ref() == Some(account) && problem.stream.as_ref() == Some(stream)
    });
    if problems.is_empty() {
        problems.extend(of_one(context, &jetstream, stream, asked.consumer.as_deref()));
    }
    problems
}

/// What is wrong with a stream, or with a consumer of it.
fn of_one(
    context: &Context,
    jetstream: &JetStream,
    stream: &str,
    consumer: Option<&str>,
) -> Option<Problem> {
    let account = jetstream.account();
    let missing = |kind: &'static str, text: String| {
        Some(Problem::of(kind, text, Severity::Missing).within(account, Some(stream), consumer))
    };
    let Some(cell) = tree::stream(&context.actors, account, stream) else {
        let text = format!("JetStream stream \"{stream}\" not found on account \"{account}\"");
        return missing("STREAM", text);
    };
    let Some(consumer) = consumer else { return of_cell(&cell) };
    let Some(cell) = tree::consumer(&context.actors, account, stream, consumer) else {
        let text = format!(
            "JetStream consumer \"{consumer}\" not found for stream \"{stream}\" on account \
             \"{account}\""
        );
        return missing("CONSUMER", text);
    };
    // A consumer that no client reaches is as good as none.
    let known = jetstream.directory.consumer(stream.as_bytes(), consumer.as_bytes()).is_some();
    of_cell(&cell).or_else(|| {
        let text =
            format!("JetStream consumer '{account} > {stream} > {consumer}' does not serve yet");
        let problem = Problem::of("CONSUMER", text, Severity::Unavailable);
        (!known).then(|| problem.within(account, Some(stream), Some(consumer)))
    })
}

/// Streams that their parent can't bring to life.
async fn offline(context: &Context) -> Vec<Problem> {
    let told = context.actors.observe_all(|cell| cell.kind() == "meta").await;
    let mut problems = Vec::new();
    for (cell, state) in told {
        let account = cell.name().to_string();
        let Ok(state) = state else {
            let text = format!("JetStream's API does not answer account '{account}'");
            let problem = Problem::of("ACCOUNT", text, Severity::Unavailable);
            problems.push(problem.within(&account, None, None));
            continue;
        };
        for (name, cause) in state["offline"].as_object().into_iter().flatten() {
            let cause = cause.as_str().unwrap_or("for an unknown reason");
            let text = format!("JetStream stream '{account} > {name}' can't be served: {cause}");
            let problem = Problem::of("STREAM", text, Severity::Unavailable);
            problems.push(problem.within(&account, Some(name), None));
        }
    }
    problems
}

/// Streams and consumers that failed, and are not back.
fn failing(context: &Context) -> Vec<Problem> {
    let cells = context.actors.cells(|cell| matches!(cell.kind(), "meta" | "stream" | "consumer"));
    cells.iter().filter_map(of_cell).collect()
}

fn of_cell(cell: &Arc<ActorCell>) -> Option<Problem> {
    if !matches!(cell.state(), ActorState::Restarting | ActorState::Failed) {
        return None;
    }
    let cause = cell.last_cause().map(|cause| cause.to_string()).unwrap_or_default();
    let name = cell.name().to_string();
    let parent = cell.parent().map(|parent| parent.name().to_string()).unwrap_or_default();
    let account = tree::account_of(cell);
    let of = |kind, shown: String| {
        let text = format!("JetStream {shown} failed and starts again: {cause}");
        Problem::of(kind, text, Severity::Unavailable)
    };
    Some(match cell.kind() {
        "meta" => of("ACCOUNT", format!("of account '{name}'")).within(&name, None, None),
        "stream" => {
            of("STREAM", format!("stream '{account} > {name}'")).within(&account, Some(&name), None)
        }
        _ => {
            let shown = format!("consumer '{account} > {parent} > {name}'");
            of("CONSUMER", shown).within(&account, Some(&parent), Some(&name))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_is_told_and_a_full_disk_is_trouble() {
        let is = |health: Health| told(&health).map(|(text, severity)| (severity, text));
        assert_eq!(is(Health::Good), None);
        let (severity, text) = is(Health::Degraded("1 damaged record".to_owned())).unwrap();
        assert_eq!((severity, text.as_str()), (Severity::Note, "JetStream: 1 damaged record"));
        let (severity, text) = is(Health::Full).unwrap();
        assert_eq!(
            (severity, text.as_str()),
            (Severity::Unavailable, "JetStream can't write: the disk is full")
        );
        let (_, text) = is(Health::Recovering { ready: 3, of: 4 }).unwrap();
        assert_eq!(text, "JetStream is recovering: 3 of 4 streams are ready");
    }
}
