//! [`PageMaker`]: the same pages for those who ask over NATS, made on the monitor's thread.

use std::sync::Arc;

use http_body_util::BodyExt;
use hyper::StatusCode;
use tokio::runtime::Handle;
use vagus_actors::system::{Done, PageError, Pages};
use vagus_telemetry::json;

use super::context::Context;
use super::query::Query;
use super::reply::Reply;
use super::router::{self, Endpoint};
use super::statsz;

/// See the module's text.
pub(super) struct PageMaker {
    context: Arc<Context>,
    thread: Handle,
}

/// The pages that can be asked for, by their names.
const NAMES: [(&str, Endpoint); 15] = [
    ("VARZ", Endpoint::Varz),
    ("CONNZ", Endpoint::Connz),
    ("ROUTEZ", Endpoint::Routez),
    ("GATEWAYZ", Endpoint::Gatewayz),
    ("LEAFZ", Endpoint::Leafz),
    ("SUBSZ", Endpoint::Subsz),
    ("ACCOUNTZ", Endpoint::Accountz),
    ("ACCSTATZ", Endpoint::Accstatz),
    ("JSZ", Endpoint::Jsz),
    ("HEALTHZ", Endpoint::Healthz),
    ("IPQUEUESZ", Endpoint::Ipqueuesz),
    ("RAFTZ", Endpoint::Raftz),
    ("EXPVARZ", Endpoint::Expvar),
    ("EXPLAIN", Endpoint::Explain),
    ("CLUSTERZ", Endpoint::Clusterz),
];
/// A subject belongs to an account.
const NO_ACCOUNT: &str = "filter by subject only valid with account filtering";
/// What a server of which another one is the leader says to who asks leaders alone.
const NOT_LEADER: &str = "filtered response: not leader";

// === impl PageMaker ===

impl PageMaker {
    pub(super) fn new(context: Arc<Context>, thread: Handle) -> Self {
        Self { context, thread }
    }
}

impl Pages for PageMaker {
    fn make(&self, name: &'static str, options: Vec<(&'static str, String)>, done: Done) {
        let context = Arc::clone(&self.context);
        self.thread.spawn(async move { done(page(context, name, options).await) });
    }
}

async fn page(
    context: Arc<Context>,
    name: &str,
    options: Vec<(&'static str, String)>,
) -> Result<Vec<u8>, PageError> {
    if name == "STATSZ" {
        return Ok(json::compact(&statsz::of(&context)));
    }
    let known = NAMES.iter().find(|(known, _)| *known == name);
    let Some((_, endpoint)) = known else {
        return Err(PageError::Refused(format!("there is no page {name}")));
    };
    let query = Query::of(options);
    if query.text("filter_subject").is_some() && query.text("acc").is_none() {
        return Err(PageError::Refused(NO_ACCOUNT.to_owned()));
    }
    let reply = router::made(*endpoint, async move { endpoint.page(&context, &query).await }).await;
    in_one_line(*endpoint, reply).await
}

/// A page as an answer: on one line, with what HTTP says by its status.
async fn in_one_line(endpoint: Endpoint, reply: Reply) -> Result<Vec<u8>, PageError> {
    let status = reply.status();
    // The page is in memory.
    let body = reply.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    match endpoint {
        Endpoint::Healthz => return Ok(with_status(&json::on_one_line(&body), status)),
        // No group is nothing wrong.
        Endpoint::Raftz if status == StatusCode::NOT_FOUND => return Ok(b"{}".to_vec()),
        _ => {}
    }
    if status == StatusCode::OK {
        return Ok(json::on_one_line(&body));
    }
    match String::from_utf8_lossy(&body).trim_end() {
        NOT_LEADER => Err(PageError::NotOurs),
        why => Err(PageError::Refused(why.to_owned())),
    }
}

/// `{"status":"ok",...}` with the code behind the word.
fn with_status(health: &[u8], status: StatusCode) -> Vec<u8> {
    let text = String::from_utf8_lossy(health);
    let code = format!("\"status_code\":{}", status.as_u16());
    let after_word = text.find([',', '}']).unwrap_or(text.len());
    let (head, tail) = text.split_at(after_word);
    format!("{head},{code}{tail}").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monitor::reply;

    #[test]
    fn health_says_its_status() {
        let shown = |health: &str, status| {
            String::from_utf8(with_status(health.as_bytes(), status)).unwrap()
        };
        assert_eq!(
            shown(r#"{"status":"ok"}"#, StatusCode::OK),
            r#"{"status":"ok","status_code":200}"#
        );
        assert_eq!(
            shown(r#"{"status":"error","error":"a, b"}"#, StatusCode::BAD_REQUEST),
            r#"{"status":"error","status_code":400,"error":"a, b"}"#
        );
    }

    #[tokio::test]
    async fn pages_that_are_refused_say_why() {
        let refused = |text: &str| reply::Refusal::bad(text).into();
        assert_eq!(
            in_one_line(Endpoint::Connz, refused("no")).await,
            Err(PageError::Refused("no".to_owned()))
        );
        assert_eq!(in_one_line(Endpoint::Jsz, refused(NOT_LEADER)).await, Err(PageError::NotOurs));
        let absent: Reply = reply::Refusal::absent("No Raft nodes registered").into();
        assert_eq!(in_one_line(Endpoint::Raftz, absent).await, Ok(b"{}".to_vec()));
        let page = reply::page(&serde_json::json!({"a": [1, "b c"]}));
        assert_eq!(in_one_line(Endpoint::Varz, page).await, Ok(br#"{"a":[1,"b c"]}"#.to_vec()));
    }
}
