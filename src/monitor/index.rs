//! `/`: links to the pages.

use std::fmt::Write as _;

use super::context::Context;
use super::reply::{self, Reply};
use super::router::Endpoint;

const LINKS: [(&str, Endpoint); 18] = [
    ("General", Endpoint::Varz),
    ("JetStream", Endpoint::Jsz),
    ("Connections", Endpoint::Connz),
    ("Accounts", Endpoint::Accountz),
    ("Account Stats", Endpoint::Accstatz),
    ("Subscriptions", Endpoint::Subsz),
    ("Routes", Endpoint::Routez),
    ("LeafNodes", Endpoint::Leafz),
    ("Gateways", Endpoint::Gatewayz),
    ("Servers", Endpoint::Clusterz),
    ("Raft Groups", Endpoint::Raftz),
    ("Health Probe", Endpoint::Healthz),
    ("Actors", Endpoint::Actorz),
    ("Explain a Stream", Endpoint::Explain),
    ("Metrics", Endpoint::Metrics),
    ("Mailboxes", Endpoint::Ipqueuesz),
    ("Threads", Endpoint::Stacksz),
    ("Expvar", Endpoint::Expvar),
];

const STYLE: &str = "body { font: 17px system-ui, sans-serif; margin: 2rem; color: #223 } \
    a { display: block; padding: .2rem 0; color: #225ea8; text-decoration: none } \
    a:hover { text-decoration: underline } \
    code { color: #889; margin-left: .6rem }";

pub(super) fn page(context: &Context) -> Reply {
    let name = escaped(&context.identity.name);
    let version = env!("CARGO_PKG_VERSION");
    // Links are seen from the page of links itself, which has no slash behind it.
    let base = &context.base_path;
    let mut text = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <title>Vagus: {name}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
         <h1>Vagus</h1>\n<p>{name}, version {version}</p>\n"
    );
    for (label, endpoint) in LINKS {
        let path = endpoint.path();
        // Writing to a string cannot fail.
        let _ = writeln!(text, "<a href=\".{base}{path}\">{label}<code>{path}</code></a>");
    }
    text.push_str("</body>\n</html>\n");
    reply::html(text)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&#34;")
}
