//! What is told of all streams: their names, how they are, what the account uses.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use serde::Serialize;
use tokio::sync::oneshot;
use tokio::time::timeout;
use vagus_jetstream::api::{
    AccountInfo, AccountLimits, ApiStats, LEVEL, LIST_PAGE, Limits, NAMES_PAGE, Page, StreamList,
    StreamNames, StreamsRequest, Tier,
};
use vagus_jetstream::stream::{StreamConfig, StreamInfo};
use vagus_jetstream::{ApiError, codes};
use vagus_runtime::Cx;
use vagus_subject::{is_valid_subscription, overlaps};

use super::requests::optional;
use super::{Known, Meta, Phase};
use crate::delivery::Outlet;
use crate::jetstream::Caller;
use crate::stream::messages::Survey;

/// How long a list waits for streams.
const LIST_WITHIN: Duration = Duration::from_secs(4);
const LIMIT_REACHED: &[u8] = b"$JS.EVENT.ADVISORY.API.LIMIT_REACHED";

/// Requests were dropped, since too many waited.
#[derive(Serialize)]
struct LimitReached<'a> {
    r#type: &'static str,
    id: String,
    timestamp: String,
    server: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    domain: Option<&'a str>,
    dropped: usize,
}

impl Meta {
    pub(super) fn names(&self, caller: &Caller, out: &mut Outlet<'_>) -> Result<(), ApiError> {
        let ask: StreamsRequest = optional(caller.body(), self.js.settings().strict)?;
        let mut names = self.listed(&ask.subject)?;
        // Offline streams have names, too, but nobody knows their subjects.
        if ask.subject.is_empty() {
            names.extend(self.offline.keys().filter(|name| !self.streams.contains_key(*name)));
            names.sort_unstable();
        }
        let page = Page::at(ask.offset, names.len(), NAMES_PAGE);
        let shown: Vec<String> = names[page.range()].iter().map(|name| (*name).clone()).collect();
        let streams = (!shown.is_empty()).then_some(shown);
        self.reply(caller, StreamNames { page, streams }, out);
        Ok(())
    }

    /// Names of the streams with a subject that overlaps with `filter`, in order.
    fn listed(&self, filter: &str) -> Result<Vec<&String>, ApiError> {
        if !filter.is_empty() && !is_valid_subscription(filter.as_bytes()) {
            return Err(codes::BAD_REQUEST.error());
        }
        let is_there = |known: &Known| !matches!(known.phase, Phase::Storing) && !known.restoring;
        let there = self.streams.iter().filter(|(_, known)| is_there(known));
        let wanted = there.filter(|(_, known)| filter.is_empty() || takes(&known.config, filter));
        Ok(wanted.map(|(name, _)| name).collect())
    }

    /// Asks every stream of the page how it is, and answers when all have said so, or time is up.
    pub(super) fn list(&self, caller: &Caller, cx: &mut Cx<'_, Self>) -> Result<(), ApiError> {
        let ask: StreamsRequest = optional(caller.body(), self.js.settings().strict)?;
        let names = self.listed(&ask.subject)?;
        let page = Page::at(ask.offset, names.len(), LIST_PAGE);
        let surveys = names[page.range()].iter().map(|name| self.survey(name));
        let surveys: Vec<_> = surveys.collect();
        let caller = caller.clone();
        cx.when(join_all(surveys), move |me, found, cx| {
            let (mut streams, mut missing) = (Vec::new(), Vec::new());
            for (name, info) in found {
                match info {
                    Some(info) => streams.push(info),
                    None => missing.push(name),
                }
            }
            let offline: BTreeMap<_, _> = me.offline.clone();
            let only_offline = offline.keys().filter(|name| !me.streams.contains_key(*name));
            missing.extend(only_offline.clone().cloned());
            let page = Page { total: page.total + only_offline.count() as u64, ..page };
            let list = StreamList { page, streams, missing, offline };
            me.turn(cx, |me, out, _| me.reply(&caller, list, out));
        });
        Ok(())
    }

    fn survey(&self, name: &str) -> impl Future<Output = (String, Option<StreamInfo>)> + use<> {
        let (tell, told) = oneshot::channel();
        let survey = Survey(Box::new(move |info| {
            // A list that waited too long has gone without it.
            let _ = tell.send(info);
        }));
        if let Some((_, handle)) = self.living(name) {
            let _ = handle.send_urgent(survey);
        }
        let name = name.to_owned();
        async move {
            let info = timeout(LIST_WITHIN, told).await;
            (name, info.ok().and_then(Result::ok))
        }
    }

    pub(super) fn account_info(&self) -> AccountInfo {
        let usage = &self.js.usage;
        let count = |count: i64| u64::try_from(count).unwrap_or(0);
        let used = |limits: AccountLimits| Tier {
            memory: count(usage.bytes(true)),
            store: count(usage.bytes(false)),
            reserved_memory: count(usage.reserved(true)),
            reserved_store: count(usage.reserved(false)),
            streams: self.streams.len() as u64,
            consumers: usage.consumers(),
            limits,
        };
        let (of_all, tiers) = match &*self.js.limits() {
            Limits::Flat(limits) => (used(*limits), BTreeMap::new()),
            Limits::Tiered(tiers) => {
                // On one server all there is has one replica.
                let in_use = Limits::tier(1);
                let of = |name: &String, limits: &AccountLimits| match *name == in_use {
                    true => used(*limits),
                    false => Tier { limits: *limits, ..Tier::default() },
                };
                let shown = tiers.iter().map(|(name, limits)| (name.clone(), of(name, limits)));
                (used(AccountLimits::default()), shown.collect())
            }
        };
        AccountInfo {
            usage: of_all,
            domain: self.js.domain().unwrap_or_default().to_owned(),
            api: ApiStats {
                level: LEVEL,
                total: usage.requests(),
                errors: usage.errors(),
                inflight: 0,
            },
            tiers,
        }
    }

    /// Says that requests were dropped unread: to the system account, if there is one.
    pub(super) fn tell_dropped(&self, dropped: usize, out: &mut Outlet<'_>) {
        tracing::warn!("JetStream API queue limit reached, dropped {dropped} requests");
        let event = LimitReached {
            r#type: "io.nats.jetstream.advisory.v1.api_limit_reached",
            id: self.js.new_id(),
            timestamp: self.js.timestamp(),
            server: &self.js.server.id,
            domain: self.js.domain(),
            dropped,
        };
        self.js.advise_system(out, LIMIT_REACHED, &event);
    }
}

/// Whether the stream takes some messages that `filter` matches.
fn takes(config: &StreamConfig, filter: &str) -> bool {
    config.subjects.iter().any(|subject| overlaps(subject.as_bytes(), filter.as_bytes()))
}
