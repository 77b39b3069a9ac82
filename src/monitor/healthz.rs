//! `/healthz`: whether the server can serve clients, and whether JetStream, or a stream or consumer
//! of it, can.

use std::borrow::Cow;
use std::sync::atomic::Ordering::Relaxed;

use hyper::StatusCode;
use serde::Serialize;
use tracing::warn;
use vagus_runtime::ActorState;

use super::context::Context;
use super::jetstream::health::{self, Asked, Severity};
use super::query::{Query, quoted};
use super::reply::{self, Refusal, Reply};

#[derive(Debug, PartialEq, Eq, Serialize)]
struct Health {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<Problem>,
}

/// Why the answer is not "ok"; one of the errors of a page with details.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Problem {
    pub(super) r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) account: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) stream: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) consumer: Option<String>,
    pub(super) error: Cow<'static, str>,
    #[serde(skip)]
    pub(super) severity: Severity,
}

const NOT_READY: &str = "failed to be ready for connections after 1ms: server";
const LISTENER: &str = "/server/listener";

pub(super) async fn page(context: &Context, query: &Query) -> Result<Reply, Refusal> {
    let enabled = query.flag("js-enabled")?;
    if enabled {
        warn!("Healthcheck: js-enabled deprecated, use js-enabled-only instead");
    }
    let enabled_only = query.flag("js-enabled-only")? || enabled;
    let server_only = query.flag("js-server-only")?;
    let meta_only = query.flag("js-meta-only")?;
    let details = query.flag("details")?;
    let mut problems: Vec<_> = wrong(query).into_iter().collect();
    let ready = !context.broker.leaving.load(Relaxed) && accepts(context);
    if problems.is_empty() && !ready {
        problems.push(Problem::of("CONNECTION", NOT_READY, Severity::NotReady));
    }
    if problems.is_empty()
        && !server_only
        && let Some(jetstream) = &context.jetstream
    {
        problems.extend(health::of_store(jetstream));
        if problems.iter().all(|problem| problem.severity == Severity::Note)
            && !enabled_only
            && !meta_only
        {
            problems.extend(health::of_streams(context, jetstream, &asked(query)).await);
        }
    }
    if let Some(worst) = problems.iter().find(|problem| problem.severity != Severity::Note) {
        warn!("Healthcheck failed: {}", quoted(worst.error.as_bytes()));
    }
    let (health, status) = health(problems, details);
    Ok(reply::with_status(reply::line(&health), status))
}

/// Whether clients are served. Until the listener is born the open port holds them.
fn accepts(context: &Context) -> bool {
    let listener = context.actors.get(LISTENER);
    listener.is_none_or(|cell| matches!(cell.state(), ActorState::Starting | ActorState::Running))
}

fn wrong(query: &Query) -> Option<Problem> {
    let given = |name| query.text(name).is_some();
    let text = match (given("account"), given("stream"), given("consumer")) {
        (false, true, _) => "\"account\" must not be empty when checking stream health",
        (_, false, true) => "\"stream\" must not be empty when checking consumer health",
        _ => return None,
    };
    Some(Problem::of("BAD_REQUEST", text, Severity::BadRequest))
}

fn asked(query: &Query) -> Asked {
    Asked {
        account: query.owned("account"),
        stream: query.owned("stream"),
        consumer: query.owned("consumer"),
    }
}

/// What is said of `problems`, the first of which decides.
fn health(mut problems: Vec<Problem>, details: bool) -> (Health, StatusCode) {
    problems.sort_by_key(|problem| problem.severity == Severity::Note);
    let worst = problems.first().map_or(Severity::Note, |problem| problem.severity);
    let status = match worst {
        Severity::Note => "ok",
        _ if details => "error",
        Severity::BadRequest | Severity::NotReady => "error",
        Severity::Missing | Severity::Unavailable => "unavailable",
    };
    let (error, errors) = match (details, worst) {
        (true, _) => (None, problems),
        (false, Severity::Note) => (None, Vec::new()),
        (false, _) => (problems.into_iter().next().map(|p| p.error.into_owned()), Vec::new()),
    };
    (Health { status, error, errors }, worst.code())
}

// === impl Problem ===

impl Problem {
    pub(super) fn of(
        kind: &'static str,
        error: impl Into<Cow<'static, str>>,
        severity: Severity,
    ) -> Self {
        let (account, stream, consumer) = (None, None, None);
        Self { r#type: kind, account, stream, consumer, error: error.into(), severity }
    }

    /// Of an account, or what is in it.
    pub(super) fn within(
        mut self,
        account: &str,
        stream: Option<&str>,
        consumer: Option<&str>,
    ) -> Self {
        self.account = Some(account.to_owned());
        self.stream = stream.map(str::to_owned);
        self.consumer = consumer.map(str::to_owned);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_of_a_stream_needs_its_account_and_of_a_consumer_its_stream() {
        let wrong = |text: &str| wrong(&Query::parse(text)).map(|problem| problem.error);
        assert_eq!(wrong("account=A&stream=S&consumer=C"), None);
        assert_eq!(wrong("account=A"), None);
        assert!(wrong("stream=S&consumer=C").unwrap().starts_with("\"account\""));
        assert!(wrong("consumer=C").unwrap().starts_with("\"stream\""));
        assert!(wrong("account=A&consumer=C").unwrap().starts_with("\"stream\""));
    }

    fn shown(problems: &[Problem], details: bool) -> (String, u16) {
        let (health, status) = health(problems.to_vec(), details);
        (serde_json::to_string(&health).unwrap(), status.as_u16())
    }

    #[test]
    fn details_are_a_list() {
        let not_ready = [Problem::of("CONNECTION", NOT_READY, Severity::NotReady)];
        assert_eq!(shown(&[], true), (r#"{"status":"ok"}"#.to_owned(), 200));
        let plain = format!(r#"{{"status":"error","error":"{NOT_READY}"}}"#);
        assert_eq!(shown(&not_ready, false), (plain, 500));
        let list = format!(
            r#"{{"status":"error","errors":[{{"type":"CONNECTION","error":"{NOT_READY}"}}]}}"#
        );
        assert_eq!(shown(&not_ready, true), (list, 500));
    }

    #[test]
    fn what_is_missing_is_unavailable() {
        let problem =
            Problem::of("STREAM", "no S", Severity::Missing).within("$G", Some("S"), None);
        let plain = r#"{"status":"unavailable","error":"no S"}"#.to_owned();
        assert_eq!(shown(std::slice::from_ref(&problem), false), (plain, 404));
        let told = r#"{"type":"STREAM","account":"$G","stream":"S","error":"no S"}"#;
        let list = format!(r#"{{"status":"error","errors":[{told}]}}"#);
        assert_eq!(shown(&[problem], true), (list, 404));
    }

    #[test]
    fn a_note_is_only_read_by_who_wants_details() {
        let note = Problem::of("JETSTREAM", "1 damaged", Severity::Note);
        assert_eq!(shown(std::slice::from_ref(&note), false), (r#"{"status":"ok"}"#.into(), 200));
        let list = r#"{"status":"ok","errors":[{"type":"JETSTREAM","error":"1 damaged"}]}"#;
        assert_eq!(shown(std::slice::from_ref(&note), true), (list.to_owned(), 200));
        let full = Problem::of("JETSTREAM", "full", Severity::Unavailable);
        let plain = r#"{"status":"unavailable","error":"full"}"#.to_owned();
        assert_eq!(shown(&[note, full], false), (plain, 503));
    }
}
