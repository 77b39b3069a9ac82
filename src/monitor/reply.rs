//! Answers: JSON, text, HTML, and refusals.

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION,
    X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Response, StatusCode};
use serde::Serialize;
use vagus_telemetry::json;

/// A whole answer.
pub(super) type Reply = Response<Full<Bytes>>;

/// Why there is no page.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) text: String,
}

impl Refusal {
    /// The request is wrong.
    pub(super) fn bad(text: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, text: text.into() }
    }

    /// There is nothing of the kind here.
    pub(super) fn absent(text: impl Into<String>) -> Self {
        Self { status: StatusCode::NOT_FOUND, text: text.into() }
    }
}

impl From<Refusal> for Reply {
    fn from(refusal: Refusal) -> Self {
        with_status(plain(refusal.text), refusal.status)
    }
}

const HTML: &str = "text/html; charset=utf-8";
const JSON: &str = "application/json";
const PLAIN: &str = "text/plain; charset=utf-8";

/// A page of fields, two blanks a level.
pub(super) fn page(value: &impl Serialize) -> Reply {
    open(json::pretty(value, "  "))
}

/// The same with three blanks a level: two pages have always had them.
pub(super) fn wide_page(value: &impl Serialize) -> Reply {
    open(json::pretty(value, "   "))
}

/// Fields on one line.
pub(super) fn line(value: &impl Serialize) -> Reply {
    open(json::compact(value))
}

/// What pages of every origin may read. It says that it is JSON, whatever it is.
pub(super) fn open(body: impl Into<Bytes>) -> Reply {
    let reply = typed(body, JSON);
    with_header(reply, ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"))
}

pub(super) fn plain(text: impl Into<Bytes>) -> Reply {
    typed(text, PLAIN)
}

pub(super) fn html(text: impl Into<Bytes>) -> Reply {
    typed(text, HTML)
}

pub(super) fn typed(body: impl Into<Bytes>, content_type: &'static str) -> Reply {
    let reply = Response::new(Full::new(body.into()));
    with_header(reply, CONTENT_TYPE, HeaderValue::from_static(content_type))
}

pub(super) fn with_status(mut reply: Reply, status: StatusCode) -> Reply {
    *reply.status_mut() = status;
    reply
}

/// No such page.
pub(super) fn not_found() -> Reply {
    let reply = with_status(plain("404 page not found\n"), StatusCode::NOT_FOUND);
    with_header(reply, X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"))
}

/// The page is at `location`, a path.
pub(super) fn elsewhere(location: &str) -> Reply {
    let shown = location.replace('&', "&amp;").replace('"', "&#34;").replace('<', "&lt;");
    let body = format!("<a href=\"{shown}\">Temporary Redirect</a>.\n\n");
    match HeaderValue::from_str(location) {
        Ok(value) => {
            let reply = with_status(html(body), StatusCode::TEMPORARY_REDIRECT);
            with_header(reply, LOCATION, value)
        }
        Err(_) => not_found(),
    }
}

fn with_header(mut reply: Reply, name: HeaderName, value: HeaderValue) -> Reply {
    reply.headers_mut().insert(name, value);
    reply
}
