//! The command line: what all shapes share, and one struct a shape.

use std::path::PathBuf;

use clap::{Args, Subcommand, value_parser};

use crate::js::args::JsArgs;

/// Messages of a run when neither `--msgs` nor `--seconds` is given.
const MSGS_DEFAULT: u64 = 1_000_000;

/// `vagus bench [options] <shape> [options]`.
#[derive(Debug, Clone, Args)]
pub struct BenchArgs {
    #[command(flatten)]
    pub common: CommonArgs,
    #[command(subcommand)]
    pub shape: ShapeArgs,
}

/// Options of every shape; they may stand before or after the shape's name.
#[derive(Debug, Clone, Args)]
pub struct CommonArgs {
    /// Server, as in nats://user:pass@host:4222, nats://token@host or plain host
    #[arg(long, global = true, default_value = "nats://127.0.0.1:4222")]
    pub url: String,
    /// Another server for publishers and requesters
    #[arg(long, global = true)]
    pub pub_url: Option<String>,
    /// Another server for subscribers and responders
    #[arg(long, global = true)]
    pub sub_url: Option<String>,
    /// User name (unless the url has one)
    #[arg(long, global = true, requires = "pass")]
    pub user: Option<String>,
    /// Password
    #[arg(long, global = true, requires = "user")]
    pub pass: Option<String>,
    /// Token
    #[arg(long, global = true, conflicts_with = "user")]
    pub token: Option<String>,
    #[command(flatten)]
    pub tls: TlsArgs,
    /// Server process(es) whose CPU time and memory to measure
    #[arg(long, global = true, value_delimiter = ',')]
    pub pid: Vec<u32>,
    /// Print one JSON object instead of a table
    #[arg(long, global = true)]
    pub json: bool,
    /// Repeat, and report medians
    #[arg(long, global = true, default_value_t = 1)]
    #[arg(value_parser = value_parser!(u32).range(1..=1000))]
    pub runs: u32,
    /// Give up when nothing moves for so many seconds
    #[arg(long, global = true, default_value_t = 15, value_parser = value_parser!(u64).range(1..))]
    pub stall_timeout_seconds: u64,
}

/// TLS towards the server; each of these asks for it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct TlsArgs {
    /// Speak TLS once the server has sent INFO
    #[arg(long, global = true)]
    pub tls: bool,
    /// Authorities to trust, PEM; else those of the system
    #[arg(long, global = true, value_name = "file")]
    pub tlsca: Option<PathBuf>,
    /// Certificate to show to the server, PEM
    #[arg(long, global = true, value_name = "file", requires = "tlskey")]
    pub tlscert: Option<PathBuf>,
    /// Key of that certificate, PEM
    #[arg(long, global = true, value_name = "file", requires = "tlscert")]
    pub tlskey: Option<PathBuf>,
}

impl TlsArgs {
    pub(crate) fn is_on(&self) -> bool {
        self.tls || self.tlsca.is_some() || self.tlscert.is_some()
    }
}

/// The shapes of load.
#[derive(Debug, Clone, Subcommand)]
pub enum ShapeArgs {
    /// Publish to a subject that nobody has subscribed to
    Pub(PubArgs),
    /// Receive what another program publishes
    Sub(SubArgs),
    /// N publishers, M subscribers; every subscriber gets every message
    Pubsub(PubsubArgs),
    /// Publishers and a queue group; each message goes to one member
    Queue(QueueArgs),
    /// Requests and replies, with latency percentiles
    Request(RequestArgs),
    /// Many connections that do nothing; memory of each
    Idle(IdleArgs),
    /// Many subscriptions; time and memory of each, and lookups among them
    Subs(SubsArgs),
    /// JetStream: publish, consume, get; memory of streams and consumers
    Js(JsArgs),
}

/// What flows: the same for publishing and for receiving.
#[derive(Debug, Clone, Args)]
pub struct FlowArgs {
    /// Subject, or its prefix when --subjects is above 1
    #[arg(long, default_value = "test")]
    pub subject: String,
    /// Payload bytes
    #[arg(long, default_value_t = 128)]
    pub size: usize,
    /// Messages in all, shared among the publishers [default: 1000000]
    #[arg(long, conflicts_with = "seconds")]
    pub msgs: Option<u64>,
    /// Publish for so long instead of counting messages
    #[arg(long)]
    pub seconds: Option<f64>,
    /// Cycle over so many subjects: SUBJECT.0 to SUBJECT.K-1
    #[arg(long, default_value_t = 1, value_parser = value_parser!(u64).range(1..=100_000_000))]
    pub subjects: u64,
    /// Messages per second of each publisher, written one by one; measures latency
    #[arg(long)]
    pub paced: Option<f64>,
    /// Bytes that may be under way to the slowest subscriber; 0: TCP decides
    #[arg(long, default_value_t = 0)]
    pub window: u64,
    /// Number every payload, and check order, loss and duplicates
    #[arg(long)]
    pub verify: bool,
}

impl FlowArgs {
    /// Messages to publish in all; `None` when time decides.
    #[must_use]
    pub fn msgs_total(&self) -> Option<u64> {
        match (self.msgs, self.seconds) {
            (Some(msgs), _) => Some(msgs),
            (None, Some(_)) => None,
            (None, None) => Some(MSGS_DEFAULT),
        }
    }
}

#[derive(Debug, Clone, Args)]
pub struct PubArgs {
    #[command(flatten)]
    pub flow: FlowArgs,
    /// Publishers
    #[arg(long, default_value_t = 1, value_parser = value_parser!(u16).range(1..))]
    pub pubs: u16,
}

#[derive(Debug, Clone, Args)]
pub struct SubArgs {
    /// Subject to subscribe to
    #[arg(long, default_value = "test")]
    pub subject: String,
    /// Messages that each subscriber waits for (a queue group: all together)
    #[arg(long, default_value_t = MSGS_DEFAULT)]
    pub msgs: u64,
    /// Subscribers
    #[arg(long, default_value_t = 1, value_parser = value_parser!(u16).range(1..))]
    pub subs: u16,
    /// Join this queue group
    #[arg(long)]
    pub queue: Option<String>,
}

#[derive(Debug, Clone, Args)]
pub struct PubsubArgs {
    #[command(flatten)]
    pub flow: FlowArgs,
    /// Publishers
    #[arg(long, default_value_t = 1, value_parser = value_parser!(u16).range(1..))]
    pub pubs: u16,
    /// Subscribers
    #[arg(long, default_value_t = 1, value_parser = value_parser!(u16).range(1..))]
    pub subs: u16,
    /// Subscriber i gets what publisher i publishes, and nothing else
    #[arg(long)]
    pub pairs: bool,
    /// Further subscribers that never read what they are sent
    #[arg(long, default_value_t = 0)]
    pub stuck: u16,
    /// Subscribe to this instead of SUBJECT (or SUBJECT.* with --subjects)
    #[arg(long)]
    pub sub_subject: Option<String>,
}

#[derive(Debug, Clone, Args)]
pub struct QueueArgs {
    #[command(flatten)]
    pub flow: FlowArgs,
    /// Publishers
    #[arg(long, default_value_t = 1, value_parser = value_parser!(u16).range(1..))]
    pub pubs: u16,
    /// Members of the queue group
    #[arg(long, default_value_t = 4, value_parser = value_parser!(u16).range(1..))]
    pub members: u16,
    /// Name of the queue group
    #[arg(long, default_value = "bench")]
    pub group: String,
}

#[derive(Debug, Clone, Args)]
pub struct RequestArgs {
    /// Subject of the requests
    #[arg(long, default_value = "test.request")]
    pub subject: String,
    /// Payload bytes, of the request and of the reply
    #[arg(long, default_value_t = 128)]
    pub size: usize,
    /// Requests in all, shared among the requesters [default: 100000]
    #[arg(long, conflicts_with = "seconds")]
    pub msgs: Option<u64>,
    /// Send requests for so long instead of counting them
    #[arg(long)]
    pub seconds: Option<f64>,
    /// Requests under way at any time, of each requester
    #[arg(long, default_value_t = 1, value_parser = value_parser!(u32).range(1..=65536))]
    pub outstanding: u32,
    /// Requesters
    #[arg(long, default_value_t = 1, value_parser = value_parser!(u16).range(1..))]
    pub requesters: u16,
    /// Responders; several form a queue group
    #[arg(long, default_value_t = 1, value_parser = value_parser!(u16).range(1..))]
    pub responders: u16,
    /// One literal reply subject instead of a new one for each request
    #[arg(long)]
    pub fixed_reply: bool,
}

impl RequestArgs {
    /// Requests to send in all; `None` when time decides.
    #[must_use]
    pub fn msgs_total(&self) -> Option<u64> {
        match (self.msgs, self.seconds) {
            (Some(msgs), _) => Some(msgs),
            (None, Some(_)) => None,
            (None, None) => Some(100_000),
        }
    }
}

#[derive(Debug, Clone, Args)]
pub struct IdleArgs {
    /// Connections to open
    #[arg(long, default_value_t = 10_000, value_parser = value_parser!(u32).range(1..))]
    pub connections: u32,
    /// Subscriptions of each connection
    #[arg(long, default_value_t = 0)]
    pub subs_each: u32,
    /// Publish one message of so many bytes on each connection; 0: none
    #[arg(long, default_value_t = 0)]
    pub publish_each: usize,
    /// Hold the connections for so long before memory is read
    #[arg(long, default_value_t = 3.0)]
    pub hold_seconds: f64,
}

#[derive(Debug, Clone, Args)]
pub struct SubsArgs {
    /// Subscriptions to make, each with its own subject
    #[arg(long, default_value_t = 1_000_000, value_parser = value_parser!(u64).range(1..))]
    pub subscriptions: u64,
    /// Connections that share them
    #[arg(long, default_value_t = 1, value_parser = value_parser!(u32).range(1..))]
    pub connections: u32,
    /// First token of the subjects
    #[arg(long, default_value = "test")]
    pub subject: String,
    /// Then publish so many messages of 16 bytes across the subjects
    #[arg(long, default_value_t = 0)]
    pub lookups: u64,
    /// Wait for so long before memory is read
    #[arg(long, default_value_t = 1.0)]
    pub hold_seconds: f64,
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        bench: BenchArgs,
    }

    fn parse(line: &str) -> Result<BenchArgs, clap::Error> {
        Cli::try_parse_from(std::iter::once("bench").chain(line.split(' '))).map(|cli| cli.bench)
    }

    #[test]
    fn common_options_stand_on_either_side_of_the_shape() {
        let args = parse("--json pubsub --pid 7,8 --pubs 4 --subs 2 --size 16 --runs 3").unwrap();
        assert!(args.common.json);
        assert_eq!(args.common.pid, [7, 8]);
        assert_eq!(args.common.runs, 3);
        let ShapeArgs::Pubsub(shape) = args.shape else { panic!("not pubsub") };
        assert_eq!((shape.pubs, shape.subs, shape.flow.size), (4, 2, 16));
        assert_eq!(shape.flow.msgs_total(), Some(MSGS_DEFAULT));
    }

    #[test]
    fn time_and_count_exclude_each_other() {
        assert!(parse("pub --msgs 5 --seconds 1").is_err());
        let ShapeArgs::Pub(shape) = parse("pub --seconds 1.5").unwrap().shape else {
            panic!("not pub")
        };
        assert_eq!(shape.flow.msgs_total(), None);
    }

    #[test]
    fn nonsense_is_refused() {
        assert!(parse("pubsub --pubs 0").is_err());
        assert!(parse("queue --members 0").is_err());
        assert!(parse("request --outstanding 70000").is_err());
        assert!(parse("pub --user me").is_err(), "a user needs a password");
        assert!(parse("pub --runs 0").is_err());
        assert!(parse("dance").is_err());
    }

    #[test]
    fn every_shape_has_defaults() {
        for shape in ["pub", "sub", "pubsub", "queue", "request", "idle", "subs"] {
            assert!(parse(shape).is_ok(), "{shape}");
        }
    }
}
