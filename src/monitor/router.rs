//! From a request to its page: the table of endpoints.

use std::sync::Arc;

use hyper::{Request, StatusCode, Version, header};
use tracing::error;

use super::context::Context;
use super::query::{Query, decode};
use super::reply::{self, Refusal, Reply};
use super::{
    accountz, accstatz, actorz, clusterz, connz, explain, expvar, gatewayz, healthz, index,
    ipqueuesz, jsz, leafz, metrics, raftz, routez, stacksz, subsz, varz,
};

/// A page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Endpoint {
    Index,
    Varz,
    Connz,
    Routez,
    Gatewayz,
    Leafz,
    Subsz,
    Accountz,
    Accstatz,
    Jsz,
    Healthz,
    Ipqueuesz,
    Raftz,
    Stacksz,
    Expvar,
    Metrics,
    Actorz,
    Explain,
    Clusterz,
}

impl Endpoint {
    pub(super) const ALL: [Self; 19] = [
        Self::Index,
        Self::Varz,
        Self::Connz,
        Self::Routez,
        Self::Gatewayz,
        Self::Leafz,
        Self::Subsz,
        Self::Accountz,
        Self::Accstatz,
        Self::Jsz,
        Self::Healthz,
        Self::Ipqueuesz,
        Self::Raftz,
        Self::Stacksz,
        Self::Expvar,
        Self::Metrics,
        Self::Actorz,
        Self::Explain,
        Self::Clusterz,
    ];

    /// Its path behind the base path; also the name under which its requests are counted.
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Index => "/",
            Self::Varz => "/varz",
            Self::Connz => "/connz",
            Self::Routez => "/routez",
            Self::Gatewayz => "/gatewayz",
            Self::Leafz => "/leafz",
            Self::Subsz => "/subsz",
            Self::Accountz => "/accountz",
            Self::Accstatz => "/accstatz",
            Self::Jsz => "/jsz",
            Self::Healthz => "/healthz",
            Self::Ipqueuesz => "/ipqueuesz",
            Self::Raftz => "/raftz",
            Self::Stacksz => "/stacksz",
            Self::Expvar => "/debug/vars",
            Self::Metrics => "/metrics",
            Self::Actorz => "/actorz",
            Self::Explain => "/explain",
            Self::Clusterz => "/clusterz",
        }
    }

    /// Whether `/varz` tells how often it was asked for, as nats-server does.
    pub(super) fn is_in_varz(self) -> bool {
        (self as usize) <= Self::Healthz as usize
    }

    /// The page at a path of the server.
    fn at(base: &str, path: &str) -> Option<Self> {
        let inner = path.strip_prefix(base)?;
        match inner {
            // With a base path, the page of links is at that path, without a slash behind it.
            "" | "/" => (inner.is_empty() != base.is_empty()).then_some(Self::Index),
            "/subscriptionsz" => Some(Self::Subsz),
            _ => Self::ALL.into_iter().skip(1).find(|endpoint| endpoint.path() == inner),
        }
    }

    pub(super) async fn page(self, context: &Context, query: &Query) -> Result<Reply, Refusal> {
        match self {
            Self::Index => Ok(index::page(context)),
            Self::Varz => Ok(varz::page(context)),
            Self::Connz => connz::page(context, query).await,
            Self::Routez => routez::page(context, query),
            Self::Gatewayz => gatewayz::page(context, query),
            Self::Leafz => leafz::page(context, query),
            Self::Subsz => subsz::page(context, query),
            Self::Accountz => accountz::page(context, query),
            Self::Accstatz => accstatz::page(context, query),
            Self::Jsz => jsz::page(context, query).await,
            Self::Healthz => healthz::page(context, query).await,
            Self::Ipqueuesz => ipqueuesz::page(context, query),
            Self::Raftz => raftz::page(),
            Self::Stacksz => Ok(stacksz::page(context)),
            Self::Expvar => Ok(expvar::page()),
            Self::Metrics => metrics::page(context),
            Self::Actorz => actorz::page(context, query).await,
            Self::Explain => explain::page(context, query).await,
            Self::Clusterz => Ok(clusterz::page(context).await),
        }
    }
}

/// Answers a request, whatever its method.
pub(super) async fn answer<B>(context: Arc<Context>, request: Request<B>) -> Reply {
    if request.version() == Version::HTTP_11 && !request.headers().contains_key(header::HOST) {
        let text = "400 Bad Request: missing required Host header";
        return Refusal::bad(text).into();
    }
    let uri = request.uri();
    let path = decode(uri.path(), false).and_then(|path| String::from_utf8(path).ok());
    let Some(path) = path else { return Refusal::bad("400 Bad Request").into() };
    if let Some(clean) = cleaned(&path) {
        let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        return reply::elsewhere(&format!("{clean}{query}"));
    }
    let Some(endpoint) = Endpoint::at(&context.base_path, &path) else {
        return reply::not_found();
    };
    context.count(endpoint);
    let query = Query::parse(uri.query().unwrap_or_default());
    made(endpoint, async move { endpoint.page(&context, &query).await }).await
}

/// The page, made in a task of its own: a panic in it ends there.
pub(super) async fn made<F>(endpoint: Endpoint, page: F) -> Reply
where
    F: Future<Output = Result<Reply, Refusal>> + Send + 'static,
{
    match tokio::spawn(page).await {
        Ok(Ok(reply)) => reply,
        Ok(Err(refusal)) => refusal.into(),
        Err(failure) => {
            error!("monitoring: page {} failed: {failure}", endpoint.path());
            let text = reply::plain("the page could not be made\n");
            reply::with_status(text, StatusCode::INTERNAL_SERVER_ERROR)
        }
    }
}

/// The path without empty and dotted parts; `None` when it has none.
fn cleaned(path: &str) -> Option<String> {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    let mut clean = format!("/{}", parts.join("/"));
    if path.ends_with('/') && clean != "/" {
        clean.push('/');
    }
    (clean != path).then_some(clean)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_whole() {
        for (place, endpoint) in Endpoint::ALL.into_iter().enumerate() {
            assert_eq!(endpoint as usize, place);
            assert_eq!(Endpoint::at("", endpoint.path()), Some(endpoint));
        }
        let shown = Endpoint::ALL.into_iter().filter(|endpoint| endpoint.is_in_varz()).count();
        assert_eq!(shown, 11);
    }

    #[test]
    fn a_base_path_stands_before_all() {
        assert_eq!(Endpoint::at("/mon", "/mon"), Some(Endpoint::Index));
        assert_eq!(Endpoint::at("/mon", "/mon/subscriptionsz"), Some(Endpoint::Subsz));
        for nowhere in ["/", "/mon/", "/varz", "/monvarz", "/mon/varz/", "/mon/VARZ"] {
            assert_eq!(Endpoint::at("/mon", nowhere), None, "{nowhere}");
        }
    }

    #[tokio::test]
    async fn a_panic_costs_one_answer() {
        let reply = made(Endpoint::Varz, async { panic!("on purpose") }).await;
        assert_eq!(reply.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let reply = made(Endpoint::Varz, async { Ok(reply::not_found()) }).await;
        assert_eq!(reply.status(), StatusCode::NOT_FOUND);
    }

    #[test]
    fn paths_are_cleaned() {
        assert_eq!(cleaned("//varz").as_deref(), Some("/varz"));
        assert_eq!(cleaned("/a/../varz/.").as_deref(), Some("/varz"));
        assert_eq!(cleaned("/varz/"), None);
        assert_eq!(cleaned("/"), None);
        assert_eq!(cleaned("//").as_deref(), Some("/"));
    }
}
