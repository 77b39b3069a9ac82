//! `/jsz`: JetStream: what it uses, and its streams and consumers in as much detail as asked for.

use std::ops::Range;
use std::sync::Arc;

use serde::Serialize;
use vagus_actors::jetstream::JetStream;
use vagus_jetstream::Time;
use vagus_jetstream::consumer::ConsumerInfo;
use vagus_jetstream::stream::{ClusterInfo, StreamConfig, StreamSourceInfo, StreamState};

use super::context::{Context, now};
use super::jetstream::stats::{Limits, Settings, Stats};
use super::jetstream::tree::{self, Stream};
use super::query::{Query, Window};
use super::reply::{self, Refusal, Reply};

#[derive(Serialize)]
struct Jsz {
    #[serde(flatten)]
    stats: Stats,
    server_id: String,
    now: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    disabled: bool,
    config: Settings,
    #[serde(skip_serializing_if = "Option::is_none")]
    limits: Option<Limits>,
    #[serde(flatten)]
    totals: Totals,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    account_details: Vec<AccountDetail>,
    /// Accounts with JetStream.
    total: u64,
}

#[derive(Default, Serialize)]
struct Totals {
    streams: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    streams_leader: Option<u64>,
    consumers: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    consumers_leader: Option<u64>,
    messages: u64,
    bytes: u64,
}

#[derive(Serialize)]
struct AccountDetail {
    name: String,
    id: String,
    #[serde(flatten)]
    stats: Stats,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stream_detail: Vec<StreamDetail>,
}

#[derive(Serialize)]
struct StreamDetail {
    name: String,
    created: Time,
    cluster: ClusterInfo,
    #[serde(skip_serializing_if = "Option::is_none")]
    config: Option<StreamConfig>,
    state: StreamState,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    consumer_detail: Vec<ConsumerInfo>,
    /// The server's own, for mirrors and sources, which lists don't show.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    direct_consumer_detail: Vec<ConsumerInfo>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mirror: Option<StreamSourceInfo>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    sources: Vec<StreamSourceInfo>,
}

/// What is asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Wanted {
    accounts: bool,
    streams: bool,
    consumers: bool,
    direct: bool,
    config: bool,
    raft: bool,
}

pub(super) async fn page(context: &Context, query: &Query) -> Result<Reply, Refusal> {
    let wanted = Wanted::read(query)?;
    let window = query.window()?;
    let leader_only = query.flag("leader-only")?;
    let account = query.text("acc");
    let Some(jetstream) = &context.jetstream else {
        // One that does not take part leads nothing.
        return match leader_only {
            true => Err(Refusal::bad("filtered response: not leader")),
            false => Ok(reply::page(&without(context))),
        };
    };
    let accounts = jetstream.all();
    let shown = shown(&accounts, wanted, account.as_deref(), window);
    let mut totals = wanted.totals();
    let mut account_details = Vec::new();
    for (at, account) in accounts.iter().enumerate() {
        let is_shown = shown.contains(&at);
        let streams = tree::streams(account, wanted.consumers && is_shown).await;
        totals.add(&streams);
        if is_shown {
            account_details.push(wanted.account(context, account, streams));
        }
    }
    let in_force = context.in_force();
    Ok(reply::page(&Jsz {
        stats: Stats::of_server(jetstream),
        server_id: context.server_id(),
        now: now(),
        disabled: false,
        config: Settings::of(jetstream, &in_force.config),
        limits: Some(Limits::of(&in_force.config)),
        totals,
        account_details,
        total: accounts.len() as u64,
    }))
}

/// The page of a server whose JetStream is off.
fn without(context: &Context) -> Jsz {
    Jsz {
        stats: Stats::default(),
        server_id: context.server_id(),
        now: now(),
        disabled: true,
        config: Settings::default(),
        limits: None,
        totals: Totals::default(),
        account_details: Vec::new(),
        total: 0,
    }
}

/// Which of the accounts are on the page. Who asks for one gets it, wherever it stands among the
/// others.
fn shown(
    accounts: &[Arc<JetStream>],
    wanted: Wanted,
    name: Option<&str>,
    window: Window,
) -> Range<usize> {
    match name {
        Some(name) => match accounts.iter().position(|account| account.account() == name) {
            Some(at) => at..at + 1,
            None => 0..0,
        },
        None if wanted.accounts => {
            let from = window.offset.min(accounts.len());
            from..from.saturating_add(window.limit).min(accounts.len())
        }
        None => 0..0,
    }
}

// === impl Totals ===

impl Totals {
    fn add(&mut self, streams: &[Stream]) {
        self.streams += streams.len() as u64;
        for state in streams.iter().filter_map(|stream| Some(&stream.info.as_ref()?.state)) {
            self.consumers += state.consumers;
            self.messages += state.msgs;
            self.bytes += state.bytes;
        }
        self.streams_leader = self.streams_leader.map(|_| self.streams);
        self.consumers_leader = self.consumers_leader.map(|_| self.consumers);
    }
}

// === impl Wanted ===

impl Wanted {
    /// Who wants consumers wants their streams, and who wants streams their accounts.
    fn read(query: &Query) -> Result<Self, Refusal> {
        // Of one server all streams are led here.
        query.flag("stream-leader-only")?;
        let consumers = query.flag("consumers")?;
        let streams = query.flag("streams")? || consumers;
        Ok(Self {
            accounts: query.flag("accounts")? || streams,
            streams,
            consumers,
            direct: query.flag("direct-consumers")?,
            config: query.flag("config")?,
            raft: query.flag("raft")?,
        })
    }

    /// Of no streams yet.
    fn totals(self) -> Totals {
        let led = self.raft.then_some(0);
        Totals { streams_leader: led, consumers_leader: led, ..Totals::default() }
    }

    fn account(
        self,
        context: &Context,
        jetstream: &JetStream,
        streams: Vec<Stream>,
    ) -> AccountDetail {
        let server = &context.identity.name;
        let streams = streams.into_iter().filter(|_| self.streams);
        AccountDetail {
            name: jetstream.account().to_owned(),
            id: jetstream.account().to_owned(),
            stats: Stats::of_account(jetstream),
            stream_detail: streams.map(|stream| self.stream(stream, server)).collect(),
        }
    }

    fn stream(self, stream: Stream, server: &str) -> StreamDetail {
        let info = stream.info.unwrap_or_default();
        let alone = || ClusterInfo { leader: server.to_owned(), ..ClusterInfo::default() };
        let is_direct =
            |consumer: &ConsumerInfo| consumer.config.as_ref().is_some_and(|config| config.direct);
        let (direct, listed) = stream.consumers.into_iter().partition(is_direct);
        let shown = |mut consumers: Vec<ConsumerInfo>, wanted: bool| {
            consumers.retain(|_| wanted);
            if !self.config {
                consumers.iter_mut().for_each(|consumer| consumer.config = None);
            }
            consumers
        };
        StreamDetail {
            name: stream.name,
            created: info.created,
            cluster: info.cluster.unwrap_or_else(alone),
            config: self.config.then_some(info.config),
            state: info.state,
            consumer_detail: shown(listed, self.consumers),
            direct_consumer_detail: shown(direct, self.consumers && self.direct),
            mirror: info.mirror,
            sources: info.sources,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use vagus_jetstream::consumer::ConsumerConfig;
    use vagus_jetstream::stream::StreamInfo;

    use super::*;

    fn wanted(query: &str) -> Wanted {
        Wanted::read(&Query::parse(query)).unwrap()
    }

    fn stream() -> Stream {
        let consumer = |name: &str, direct: bool| ConsumerInfo {
            name: name.to_owned(),
            config: Some(ConsumerConfig { direct, ..ConsumerConfig::default() }),
            ..ConsumerInfo::default()
        };
        let state = StreamState { msgs: 2, bytes: 70, consumers: 1, ..Default::default() };
        Stream {
            name: "S".to_owned(),
            info: Some(StreamInfo { state, ..StreamInfo::default() }),
            consumers: vec![consumer("a", false), consumer("b", true)],
        }
    }

    #[test]
    fn detail_brings_what_it_is_detail_of() {
        assert_eq!(wanted(""), Wanted::default());
        let consumers = wanted("consumers=1");
        assert!(consumers.streams && consumers.accounts && !consumers.direct && !consumers.config);
        assert!(!wanted("direct-consumers=1&config=1").accounts);
        assert!(Wanted::read(&Query::parse("stream-leader-only=maybe")).is_err());
    }

    #[test]
    fn a_stream_shows_what_was_asked_for() {
        let shown =
            |query: &str| serde_json::to_value(wanted(query).stream(stream(), "me")).unwrap();
        let names =
            |value: &Value| -> Vec<String> { value.as_object().unwrap().keys().cloned().collect() };
        let plain = shown("streams=1");
        assert_eq!(names(&plain), ["name", "created", "cluster", "state"]);
        assert_eq!(plain["cluster"], json!({"leader": "me"}));
        let all = shown("consumers=1&direct-consumers=1&config=1");
        let expected = [
            "name",
            "created",
            "cluster",
            "config",
            "state",
            "consumer_detail",
            "direct_consumer_detail",
        ];
        assert_eq!(names(&all), expected);
        assert_eq!(all["direct_consumer_detail"][0]["name"], "b");
        assert_eq!(all["consumer_detail"].as_array().unwrap().len(), 1);
        let bare = shown("consumers=1");
        assert_eq!(bare["consumer_detail"][0].get("config"), None);
        assert_eq!(bare.get("direct_consumer_detail"), None);
    }

    #[test]
    fn totals_are_those_of_all_streams() {
        let silent = Stream { name: "T".to_owned(), ..Stream::default() };
        let mut totals = wanted("raft=1").totals();
        totals.add(&[stream(), silent]);
        assert_eq!(
            (totals.streams, totals.consumers, totals.messages, totals.bytes),
            (2, 1, 2, 70)
        );
        assert_eq!((totals.streams_leader, totals.consumers_leader), (Some(2), Some(1)));
        let mut totals = wanted("").totals();
        totals.add(&[stream()]);
        assert_eq!((totals.streams, totals.streams_leader), (1, None));
    }
}
