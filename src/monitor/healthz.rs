//! `/healthz`: whether the server can serve clients.

use std::sync::atomic::Ordering::Relaxed;

use hyper::StatusCode;
use serde::Serialize;
use tracing::warn;
use vagus_runtime::ActorState;

use super::context::Context;
use super::query::{Query, quoted};
use super::reply::{self, Refusal, Reply};

#[derive(Debug, PartialEq, Eq, Serialize)]
struct Health {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<Problem>,
}

/// One of the errors of a page with details.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Problem {
    r#type: &'static str,
    error: &'static str,
}

/// Why the answer is not "ok".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    Request(&'static str),
    NotReady,
}

/// Parameters about JetStream. Each says where the check may stop, and without JetStream it stops
/// before all of them.
const FLAGS: [&str; 3] = ["js-enabled-only", "js-server-only", "js-meta-only"];
const NOT_READY: &str = "failed to be ready for connections after 1ms: server";
const LISTENER: &str = "/server/listener";

pub(super) fn page(context: &Context, query: &Query) -> Result<Reply, Refusal> {
    if query.flag("js-enabled")? {
        warn!("Healthcheck: js-enabled deprecated, use js-enabled-only instead");
    }
    for flag in FLAGS {
        query.flag(flag)?;
    }
    let details = query.flag("details")?;
    let trouble = wrong(query).map(Trouble::Request).or_else(|| {
        let ready = !context.broker.leaving.load(Relaxed) && accepts(context);
        (!ready).then_some(Trouble::NotReady)
    });
    if let Some(trouble) = trouble {
        warn!("Healthcheck failed: {}", quoted(trouble.text().as_bytes()));
    }
    let status = trouble.map_or(StatusCode::OK, Trouble::status);
    Ok(reply::with_status(reply::line(&health(trouble, details)), status))
}

/// Whether clients are served. Until the listener is born the open port holds them.
fn accepts(context: &Context) -> bool {
    let listener = context.actors.get(LISTENER);
    listener.is_none_or(|cell| matches!(cell.state(), ActorState::Starting | ActorState::Running))
}

fn wrong(query: &Query) -> Option<&'static str> {
    let given = |name| query.text(name).is_some();
    match (given("account"), given("stream"), given("consumer")) {
        (false, true, _) => Some("\"account\" must not be empty when checking stream health"),
        (_, false, true) => Some("\"stream\" must not be empty when checking consumer health"),
        _ => None,
    }
}

fn health(trouble: Option<Trouble>, details: bool) -> Health {
    match trouble {
        None => Health { status: "ok", error: None, errors: Vec::new() },
        Some(trouble) if details => {
            let problem = Problem { r#type: trouble.kind(), error: trouble.text() };
            Health { status: "error", error: None, errors: vec![problem] }
        }
        Some(trouble) => {
            Health { status: "error", error: Some(trouble.text()), errors: Vec::new() }
        }
    }
}

// === impl Trouble ===

impl Trouble {
    fn text(self) -> &'static str {
        match self {
            Self::Request(text) => text,
            Self::NotReady => NOT_READY,
        }
    }

    fn kind(self) -> &'static str {
        match self {
            Self::Request(_) => "BAD_REQUEST",
            Self::NotReady => "CONNECTION",
        }
    }

    fn status(self) -> StatusCode {
        match self {
            Self::Request(_) => StatusCode::BAD_REQUEST,
            Self::NotReady => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_of_a_stream_needs_its_account_and_of_a_consumer_its_stream() {
        let wrong = |text: &str| wrong(&Query::parse(text));
        assert_eq!(wrong("account=A&stream=S&consumer=C"), None);
        assert_eq!(wrong("account=A"), None);
        assert!(wrong("stream=S&consumer=C").unwrap().starts_with("\"account\""));
        assert!(wrong("consumer=C").unwrap().starts_with("\"stream\""));
        assert!(wrong("account=A&consumer=C").unwrap().starts_with("\"stream\""));
    }

    #[test]
    fn details_are_a_list() {
        let shown = |trouble, details| serde_json::to_string(&health(trouble, details)).unwrap();
        assert_eq!(shown(None, true), r#"{"status":"ok"}"#);
        assert_eq!(
            shown(Some(Trouble::NotReady), false),
            format!(r#"{{"status":"error","error":"{NOT_READY}"}}"#)
        );
        assert_eq!(
            shown(Some(Trouble::NotReady), true),
            format!(
                r#"{{"status":"error","errors":[{{"type":"CONNECTION","error":"{NOT_READY}"}}]}}"#
            )
        );
    }
}
