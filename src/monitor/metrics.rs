//! `/metrics`: the server in numbers, as OpenMetrics, for Prometheus and its kin.
//!
//! Labels take values that the program knows beforehand, such as kinds and states of actors, or
//! that the operator has chosen: names of servers. Never a name or number that clients choose, so
//! that the number of series stays as it is however many clients come.

mod gateways;
mod routes;

use std::fmt::Debug;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::UNIX_EPOCH;

use hyper::StatusCode;
use prometheus_client::encoding::EncodeMetric;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};
use vagus_runtime::ActorReport;
use vagus_store::{Health, Store};

use super::actorz::{by_kind, state_name};
use super::context::Context;
use super::reply::{self, Refusal, Reply};
use super::router::Endpoint;
use crate::server::Identity;

type Labels = Vec<(&'static str, &'static str)>;
type Gauges = Family<Labels, Gauge<f64, AtomicU64>>;

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

pub(super) fn page(context: &Context) -> Result<Reply, Refusal> {
    let mut text = String::with_capacity(8192);
    encode(&mut text, &registry(context)).map_err(|_| Refusal {
        status: StatusCode::INTERNAL_SERVER_ERROR,
        text: "the metrics could not be written".to_owned(),
    })?;
    Ok(reply::typed(text, OPEN_METRICS))
}

/// All metrics with their values of this moment.
fn registry(context: &Context) -> Registry {
    let mut metrics = Metrics(Registry::with_prefix("vagus"));
    traffic(context, &mut metrics);
    clients(context, &mut metrics);
    routes::routes(context, &mut metrics);
    gateways::gateways(context, &mut metrics);
    actors(&context.actors.snapshot(), &mut metrics);
    jetstream(context, &mut metrics);
    process(context, &mut metrics);
    requests(context, &mut metrics);
    metrics.0
}

/// Takes values in.
struct Metrics(Registry);

impl Metrics {
    fn put(
        &mut self,
        name: &str,
        help: &str,
        metric: impl EncodeMetric + Debug + Send + Sync + 'static,
    ) {
        self.0.register(name, help, metric);
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.put(name, help, ConstCounter::new(value));
    }

    fn gauge(&mut self, name: &str, help: &str, value: f64) {
        self.put(name, help, ConstGauge::new(value));
    }
}

fn traffic(context: &Context, metrics: &mut Metrics) {
    let totals = context.broker.totals();
    metrics.counter("in_messages", "Messages received from clients", totals.in_msgs);
    metrics.counter("in_bytes", "Bytes of messages received from clients", totals.in_bytes);
    metrics.counter("out_messages", "Messages sent to clients", totals.out_msgs);
    metrics.counter("out_bytes", "Bytes of messages sent to clients", totals.out_bytes);
    metrics.counter(
        "interest_lookups",
        "Subjects looked up in the index because no cache knew them",
        totals.lookups,
    );
    let cached = "Subjects whose interest is cached";
    metrics.gauge("cached_subjects", cached, totals.cached as f64);
    let realms = &context.broker.realms;
    let all = realms.all();
    let added = all.iter().map(|realm| realm.interest.added());
    metrics.gauge("subscriptions", "Subscriptions at present", realms.subscriptions() as f64);
    metrics.counter("subscriptions_added", "Subscriptions ever made", added.sum());
}

fn clients(context: &Context, metrics: &mut Metrics) {
    let tally = &context.broker.tally;
    let load = |counter: &AtomicU64| counter.load(Relaxed);
    let present = load(&tally.clients) as f64;
    metrics.gauge("connections", "Clients connected at present", present);
    let max = context.in_force().config.max_connections as f64;
    metrics.gauge("connections_max", "Clients that may be connected", max);
    metrics.counter("accepted_connections", "Connections accepted", load(&tally.connections));
    metrics.counter(
        "system_events_dropped",
        "News of connections that the system had no room for",
        load(&tally.events_dropped),
    );
    metrics.counter(
        "slow_consumers",
        "Connections ended because the client read too slowly",
        load(&tally.slow_consumers),
    );
    metrics.counter(
        "stale_connections",
        "Connections ended because the client did not answer",
        load(&tally.stale_connections),
    );
    metrics.counter(
        "stalls",
        "Times a publisher waited for slow readers",
        load(&tally.stalled_clients),
    );
    metrics.counter(
        "authentication_failures",
        "Connections ended because of missing or wrong credentials",
        load(&tally.auth_failures),
    );
    let leaving = u64::from(context.broker.leaving.load(Relaxed)) as f64;
    metrics.gauge("lame_duck", "1 while the server sends its clients away", leaving);
}

fn actors(actors: &[ActorReport], metrics: &mut Metrics) {
    let (counts, depths, bytes, ages, restarts, handled) = (
        Gauges::default(),
        Gauges::default(),
        Gauges::default(),
        Gauges::default(),
        Gauges::default(),
        Gauges::default(),
    );
    let set = |family: &Gauges, labels: Labels, value: f64| {
        family.get_or_create(&labels).set(value);
    };
    for (name, kind) in by_kind(actors) {
        let labels = vec![("kind", name)];
        set(&depths, labels.clone(), kind.mailbox_depth as f64);
        set(&bytes, labels.clone(), kind.mailbox_bytes as f64);
        set(&ages, labels.clone(), kind.oldest_ms as f64 / 1000.0);
        set(&restarts, labels.clone(), kind.restarts as f64);
        set(&handled, labels, kind.handled as f64);
    }
    for actor in actors {
        let labels = vec![("kind", actor.kind), ("state", state_name(actor.state))];
        counts.get_or_create(&labels).inc();
    }
    metrics.put("actors", "Living actors", counts);
    metrics.put("mailbox_messages", "Messages waiting in mailboxes", depths);
    metrics.put("mailbox_bytes", "Bytes waiting in mailboxes", bytes);
    metrics.put("mailbox_oldest_seconds", "Age of the oldest message in a mailbox", ages);
    // Gauges: they are those of the living, and go with them.
    metrics.put("actor_restarts", "Restarts of the actors that live", restarts);
    metrics.put("actor_handled_messages", "Messages handled by the actors that live", handled);
}

/// Sums over all streams: how many there are is up to clients, and so they are no labels.
fn jetstream(context: &Context, metrics: &mut Metrics) {
    let enabled = u64::from(context.jetstream.is_some()) as f64;
    metrics.gauge("jetstream_enabled", "1 when JetStream is on", enabled);
    let Some(jetstream) = &context.jetstream else { return };
    let usage = &jetstream.total;
    let (streams, consumers) = (usage.streams(), usage.consumers());
    metrics.gauge("jetstream_accounts", "Accounts with JetStream", jetstream.count() as f64);
    metrics.gauge("jetstream_streams", "Streams at present", streams as f64);
    metrics.gauge("jetstream_consumers", "Consumers at present", consumers as f64);
    let (bytes, reserved, most) = (Gauges::default(), Gauges::default(), Gauges::default());
    let settings = jetstream.settings();
    for (name, in_memory, max) in
        [("memory", true, settings.memory_max), ("file", false, settings.storage_max)]
    {
        let labels = vec![("storage", name)];
        bytes.get_or_create(&labels).set(usage.bytes(in_memory) as f64);
        reserved.get_or_create(&labels).set(usage.reserved(in_memory) as f64);
        most.get_or_create(&labels).set(max as f64);
    }
    metrics.put("jetstream_bytes", "Bytes of all streams, as streams count them", bytes);
    metrics.put("jetstream_reserved_bytes", "Bytes reserved by max_bytes of streams", reserved);
    metrics.put("jetstream_max_bytes", "Bytes that streams may take", most);
    let requests = usage.requests();
    metrics.counter("jetstream_api_requests", "Requests to the API", requests);
    let errors = usage.errors();
    metrics.counter("jetstream_api_errors", "Requests answered with an error", errors);
    store(&jetstream.store, metrics);
}

/// What the store counts since it was opened, and how it is.
fn store(store: &Store, metrics: &mut Metrics) {
    let stats = store.stats();
    for (name, help, value) in [
        ("store_commits", "Batches of changes that became durable", stats.commits),
        ("store_failed_commits", "Batches of changes that failed", stats.failed),
        ("store_wal_writes", "Writes to the write-ahead log", stats.wal_writes),
        ("store_wal_bytes", "Bytes written to the write-ahead log", stats.wal_bytes),
        ("store_wal_syncs", "Syncs of the write-ahead log", stats.syncs),
        ("store_segment_bytes", "Bytes written to the segments of streams", stats.segment_bytes),
        ("store_checkpoints", "Times that segments took over what was logged", stats.checkpoints),
        ("store_damaged_records", "Records that can't be read", stats.damaged),
        ("store_quarantined", "Directories of unknown origin, moved aside", stats.quarantined),
    ] {
        metrics.counter(name, help, value);
    }
    let seconds = ConstGauge::new(stats.sync_ns as f64 / 1e9);
    let help = "Time spent in syncs of the write-ahead log, since the start";
    metrics.0.register_with_unit("store_wal_sync_time", help, Unit::Seconds, seconds);
    for (name, help, value) in [
        ("store_queued_bytes", "Bytes that wait to be written", stats.queued_bytes),
        ("store_debt_bytes", "Bytes that a restart would read again", stats.debt_bytes),
        ("store_groups", "Streams in the store", stats.groups),
        ("store_groups_ready", "Streams in the store that are recovered", stats.groups_ready),
    ] {
        metrics.gauge(name, help, value as f64);
    }
    let states = Gauges::default();
    let now = health_name(&store.health());
    for name in HEALTH_NAMES {
        states.get_or_create(&vec![("state", name)]).set(f64::from(u8::from(name == now)));
    }
    metrics.put("store_health", "1 for the state that the store is in", states);
}

const HEALTH_NAMES: [&str; 6] = ["good", "recovering", "degraded", "full", "failing", "broken"];

fn health_name(health: &Health) -> &'static str {
    match health {
        Health::Good => "good",
        Health::Recovering { .. } => "recovering",
        Health::Degraded(_) => "degraded",
        Health::Full => "full",
        Health::Failing => "failing",
        Health::Broken => "broken",
    }
}

fn process(context: &Context, metrics: &mut Metrics) {
    let usage = context.process.usage();
    metrics.gauge("process_memory_bytes", "Resident memory", usage.rss_bytes as f64);
    let cpu = "Cores that the process kept busy between the last two looks";
    metrics.gauge("process_cpu_cores", cpu, usage.cpu_percent / 100.0);
    let cores = context.process.cores() as f64;
    metrics.gauge("process_cores", "Cores that the process may use", cores);
    let arbiters = context.broker.counters.len() as f64;
    metrics.gauge("arbiters", "Threads that serve clients", arbiters);
    let uptime = ConstGauge::new(context.broker.started.elapsed().as_secs_f64());
    metrics.0.register_with_unit("uptime", "Time since the start", Unit::Seconds, uptime);
    let since = context.broker.started_at.duration_since(UNIX_EPOCH).unwrap_or_default();
    let started = ConstGauge::new(since.as_secs_f64());
    metrics.0.register_with_unit("start_time", "When the server started", Unit::Seconds, started);
    let info = context.broker.settings();
    let build = vec![
        ("version", env!("CARGO_PKG_VERSION").to_owned()),
        ("compatible", info.info.version.clone()),
        ("revision", Identity::revision().to_owned()),
    ];
    metrics.put("build", "What runs", Info::new(build));
}

fn requests(context: &Context, metrics: &mut Metrics) {
    let requests: Family<Labels, Counter> = Family::default();
    for endpoint in Endpoint::ALL {
        let labels = vec![("endpoint", endpoint.path())];
        requests.get_or_create(&labels).inc_by(context.requests(endpoint));
    }
    metrics.put("http_requests", "Requests to the monitoring port", requests);
}
