//! The command line of `js`: what its shapes share, and one struct a shape.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum, value_parser};

use crate::publisher::Quota;

/// What stands under the list of shapes.
const EXAMPLES: &str = "\
Examples:
  bench js pub --pubs 4 --seconds 5            acked publishes, 512 under way on each connection
  bench js pub --window 1 --msgs 10000         one publisher that waits for each ack
  bench js pub --storage memory --streams 3    three streams in memory, in turn
  bench js consume --consumers 4               four consumers, each pulls all in batches of 500
  bench js consume --mode push                 an ordered consumer
  bench js consume --shared --consumers 3 --ack explicit
  bench js kv-put --keys 1000 --history 5 --window 64
  bench js subjects --subjects 1000000 --pid $(pidof nats-server)
  bench js disk --dir /var/lib/nats            what the disk needs to sync a write

A run makes its streams and deletes them. To look at one several times:
  bench js pub --stream S --keep; bench js consume --stream S --existing

What comes back is checked: that each ack belongs to a publish, that sequences grow, that a
stream holds as many messages as were acked, and that deliveries are complete, in order and as
published. A request that is answered with an error fails the run (see --errors-max).";

/// `vagus bench js <shape> [options]`.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub struct JsArgs {
    #[command(subcommand)]
    pub shape: JsShapeArgs,
}

/// The shapes of load on JetStream.
#[derive(Debug, Clone, Subcommand)]
pub enum JsShapeArgs {
    /// Publish and take the acks, several under way (or one: --window 1)
    Pub(JsPubArgs),
    /// Publish in fast-ingest batches, one for each connection
    Fast(JsFastArgs),
    /// Receive what a stream holds through consumers
    Consume(JsConsumeArgs),
    /// Direct gets, by sequence or by subject
    Get(JsGetArgs),
    /// Gets of a key-value bucket
    KvGet(JsKvGetArgs),
    /// Puts into a key-value bucket
    KvPut(JsKvPutArgs),
    /// Many consumers that do nothing; memory of each
    Consumers(JsCrowdArgs),
    /// Many streams that do nothing; memory of each
    Streams(JsStreamsArgs),
    /// A stream of very many subjects; memory of each
    Subjects(JsSubjectsArgs),
    /// What the disk itself needs for a write that is synced; asks no server
    Disk(JsDiskArgs),
}

/// Where a stream keeps its messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Storage {
    File,
    Memory,
}

impl Storage {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Memory => "memory",
        }
    }
}

/// The stream of a run.
#[derive(Debug, Clone, Args)]
pub struct StreamArgs {
    /// Its name [default: one that nobody else has]
    #[arg(long)]
    pub stream: Option<String>,
    /// Where it keeps its messages
    #[arg(long, value_enum, default_value_t = Storage::File)]
    pub storage: Storage,
    /// Copies of each message
    #[arg(long, default_value_t = 1, value_parser = value_parser!(u8).range(1..=5))]
    pub replicas: u8,
    /// Leave the stream there at the end
    #[arg(long, requires = "stream")]
    pub keep: bool,
    /// Use the stream that is there: don't make, fill or delete it
    #[arg(long, requires = "stream", conflicts_with_all = ["keep", "storage", "replicas"])]
    pub existing: bool,
}

/// How much, and how much of it at once.
#[derive(Debug, Clone, Args)]
pub struct AmountArgs {
    /// Requests in all, shared among the connections [default: 1000000]
    #[arg(long, conflicts_with = "seconds")]
    pub msgs: Option<u64>,
    /// Send requests for so long instead of counting them
    #[arg(long)]
    pub seconds: Option<f64>,
    /// Fail when more requests than this were answered with an error
    #[arg(long, default_value_t = 0)]
    pub errors_max: u64,
}

impl AmountArgs {
    pub(crate) fn msgs_total(&self) -> Option<u64> {
        match (self.msgs, self.seconds) {
            (Some(msgs), _) => Some(msgs),
            (None, Some(_)) => None,
            (None, None) => Some(1_000_000),
        }
    }

    pub(crate) fn quota(&self) -> Result<Quota, crate::BenchError> {
        match (self.msgs_total(), self.seconds) {
            (None, Some(time)) => Ok(Quota::Time(crate::shapes::seconds("seconds", time)?)),
            (msgs, _) => Ok(Quota::Msgs(msgs.unwrap_or(0))),
        }
    }
}

#[derive(Debug, Clone, Args)]
pub struct JsPubArgs {
    #[command(flatten)]
    pub stream: StreamArgs,
    #[command(flatten)]
    pub amount: AmountArgs,
    /// Payload bytes
    #[arg(long, default_value_t = 128)]
    pub size: usize,
    /// Connections that publish
    #[arg(long, default_value_t = 1, value_parser = value_parser!(u16).range(1..))]
    pub pubs: u16,
    /// Publishes of a connection that wait for their ack at any time; 1: one after the other
    #[arg(long, default_value_t = 512, value_parser = value_parser!(u32).range(1..=1_000_000))]
    pub window: u32,
    /// Streams, published to in turn
    #[arg(long, default_value_t = 1, value_parser = value_parser!(u16).range(1..=10_000))]
    pub streams: u16,
    /// Subjects of each stream, published to in turn
    #[arg(long, default_value_t = 1, value_parser = value_parser!(u64).range(1..=100_000_000))]
    pub subjects: u64,
    /// Give every message an id (Nats-Msg-Id)
    #[arg(long)]
    pub msg_id: bool,
    /// Let the server ack before it has written (persist_mode async)
    #[arg(long)]
    pub persist_async: bool,
}

#[derive(Debug, Clone, Args)]
pub struct JsFastArgs {
    #[command(flatten)]
    pub stream: StreamArgs,
    #[command(flatten)]
    pub amount: AmountArgs,
    /// Payload bytes
    #[arg(long, default_value_t = 128)]
    pub size: usize,
    /// Connections that publish, each in a batch of its own
    #[arg(long, default_value_t = 1, value_parser = value_parser!(u16).range(1..))]
    pub pubs: u16,
    /// Messages between two acks that are asked for; the server may allow fewer
    #[arg(long, default_value_t = 500, value_parser = value_parser!(u32).range(1..=65_535))]
    pub flow: u32,
    /// Acks that may be outstanding
    #[arg(long, default_value_t = 2, value_parser = value_parser!(u32).range(1..=1000))]
    pub acks: u32,
}

/// How messages come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// Asked for in batches
    Pull,
    /// Sent to a subject, with flow control and heartbeats, as to an ordered consumer
    Push,
}

/// What becomes of a message that came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum AckMode {
    None,
    All,
    Explicit,
}

impl AckMode {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::All => "all",
            Self::Explicit => "explicit",
        }
    }
}

#[derive(Debug, Clone, Args)]
pub struct JsConsumeArgs {
    #[command(flatten)]
    pub stream: StreamArgs,
    /// Messages that the stream is filled with first (of --existing: that are received)
    #[arg(long, default_value_t = 1_000_000, value_parser = value_parser!(u64).range(1..))]
    pub msgs: u64,
    /// Payload bytes
    #[arg(long, default_value_t = 128)]
    pub size: usize,
    /// How messages come
    #[arg(long, value_enum, default_value_t = Mode::Pull)]
    pub mode: Mode,
    /// Messages of one pull request
    #[arg(long, default_value_t = 500, value_parser = value_parser!(u32).range(1..=100_000))]
    pub batch: u32,
    /// Pull requests under way; 1: the next when all of the last has come
    #[arg(long, default_value_t = 2, value_parser = value_parser!(u32).range(1..=100))]
    pub requests: u32,
    /// Which messages are acknowledged
    #[arg(long, value_enum, default_value_t = AckMode::None)]
    pub ack: AckMode,
    /// Connections, each with a consumer of its own
    #[arg(long, default_value_t = 1, value_parser = value_parser!(u16).range(1..))]
    pub consumers: u16,
    /// The connections share one consumer
    #[arg(long)]
    pub shared: bool,
}

/// What a direct get names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum GetBy {
    /// The sequence number
    Seq,
    /// The subject whose last message is wanted
    Subject,
}

#[derive(Debug, Clone, Args)]
pub struct JsGetArgs {
    #[command(flatten)]
    pub stream: StreamArgs,
    #[command(flatten)]
    pub amount: AmountArgs,
    /// Messages that the stream is filled with first, each with its own subject
    #[arg(long, default_value_t = 100_000, value_parser = value_parser!(u64).range(1..))]
    pub fill: u64,
    /// Payload bytes
    #[arg(long, default_value_t = 128)]
    pub size: usize,
    /// What a get names
    #[arg(long, value_enum, default_value_t = GetBy::Seq)]
    pub by: GetBy,
    /// Connections that ask
    #[arg(long, default_value_t = 1, value_parser = value_parser!(u16).range(1..))]
    pub connections: u16,
    /// Gets of a connection that are under way at any time
    #[arg(long, default_value_t = 64, value_parser = value_parser!(u32).range(1..=65_536))]
    pub window: u32,
}

#[derive(Debug, Clone, Args)]
pub struct JsKvArgs {
    #[command(flatten)]
    pub stream: StreamArgs,
    #[command(flatten)]
    pub amount: AmountArgs,
    /// Keys of the bucket
    #[arg(long, default_value_t = 10_000, value_parser = value_parser!(u64).range(1..=100_000_000))]
    pub keys: u64,
    /// Values that are kept of each key
    #[arg(long, default_value_t = 1, value_parser = value_parser!(u8).range(1..=64))]
    pub history: u8,
    /// Bytes of a value
    #[arg(long, default_value_t = 128)]
    pub size: usize,
    /// Connections
    #[arg(long, default_value_t = 1, value_parser = value_parser!(u16).range(1..))]
    pub connections: u16,
    /// Gets or puts of a connection that are under way at any time
    #[arg(long, default_value_t = 64, value_parser = value_parser!(u32).range(1..=65_536))]
    pub window: u32,
}

#[derive(Debug, Clone, Args)]
pub struct JsKvGetArgs {
    #[command(flatten)]
    pub kv: JsKvArgs,
}

#[derive(Debug, Clone, Args)]
pub struct JsKvPutArgs {
    #[command(flatten)]
    pub kv: JsKvArgs,
}

#[derive(Debug, Clone, Args)]
pub struct JsCrowdArgs {
    #[command(flatten)]
    pub stream: StreamArgs,
    /// Durable consumers to make on one stream
    #[arg(long, default_value_t = 10_000, value_parser = value_parser!(u64).range(1..))]
    pub count: u64,
    /// Messages that the stream is filled with first
    #[arg(long, default_value_t = 1)]
    pub fill: u64,
    /// Requests under way while they are made
    #[arg(long, default_value_t = 32, value_parser = value_parser!(u32).range(1..=4096))]
    pub window: u32,
    /// Wait for so long before memory is read
    #[arg(long, default_value_t = 3.0)]
    pub hold_seconds: f64,
}

#[derive(Debug, Clone, Args)]
pub struct JsStreamsArgs {
    /// Streams to make
    #[arg(long, default_value_t = 1000, value_parser = value_parser!(u64).range(1..))]
    pub count: u64,
    /// Where they would keep their messages
    #[arg(long, value_enum, default_value_t = Storage::File)]
    pub storage: Storage,
    /// Messages of 128 bytes that each is given
    #[arg(long, default_value_t = 0, value_parser = value_parser!(u64).range(..=1000))]
    pub fill: u64,
    /// Requests under way while they are made
    #[arg(long, default_value_t = 32, value_parser = value_parser!(u32).range(1..=4096))]
    pub window: u32,
    /// Wait for so long before memory is read
    #[arg(long, default_value_t = 3.0)]
    pub hold_seconds: f64,
}

#[derive(Debug, Clone, Args)]
pub struct JsSubjectsArgs {
    #[command(flatten)]
    pub stream: StreamArgs,
    /// Subjects, each with its own message
    #[arg(long, default_value_t = 1_000_000, value_parser = value_parser!(u64).range(1..))]
    pub subjects: u64,
    /// Payload bytes
    #[arg(long, default_value_t = 16)]
    pub size: usize,
    /// Publishes of a connection that wait for their ack
    #[arg(long, default_value_t = 4096, value_parser = value_parser!(u32).range(1..=1_000_000))]
    pub window: u32,
    /// Wait for so long before memory is read
    #[arg(long, default_value_t = 15.0)]
    pub hold_seconds: f64,
}

#[derive(Debug, Clone, Args)]
pub struct JsDiskArgs {
    /// A directory on the disk in question
    #[arg(long)]
    pub dir: PathBuf,
    /// Bytes of one write
    #[arg(long, default_value_t = 4096, value_parser = value_parser!(u64).range(1..=1 << 30))]
    pub write_bytes: u64,
    /// Writes, each synced (fdatasync) before the next
    #[arg(long, default_value_t = 1000, value_parser = value_parser!(u64).range(1..))]
    pub writes: u64,
    /// Let the file grow with each write instead of writing over what is there
    #[arg(long)]
    pub append: bool,
}

#[cfg(test)]
#[path = "args_tests.rs"]
mod tests;
