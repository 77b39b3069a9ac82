//! The `tracing` layer: decides which events are printed, and hands them to the sink.
//!
//! `tracing` caches the answer for every place that logs, and recomputes it when
//! [`super::LogControl::apply`] asks for it; so a disabled place costs one atomic load.

use std::{
    cell::Cell,
    fmt, io,
    sync::{
        Mutex, PoisonError, RwLock,
        atomic::{AtomicU8, AtomicU64, Ordering::Relaxed},
    },
    time::Instant,
};

use jiff::tz::TimeZone;
use tracing::{
    Event, Level, Metadata, Subscriber, level_filters::LevelFilter, subscriber::Interest,
};
use tracing_subscriber::layer::{Context, Layer};

use super::{
    LogConfig, LogError, LogFormat,
    line::{Body, Stamp},
    repeat::Repeats,
    sink::Sink,
};

/// Longest line buffer that a thread keeps for its next line.
const KEPT_BUFFER_BYTES_MAX: usize = 64 * 1024;

/// It warns of every link to another region, whose round trips take more than 50 ms, and knows no
/// address. What ends a link is told by the link.
const ALARMIST: &str = "ractor_cluster";

/// The switches, packed so that one load yields a consistent set.
#[derive(Clone, Copy)]
pub(super) struct Flags(u8);

impl Flags {
    pub(super) const DEBUG: u8 = 1;
    pub(super) const TRACE: u8 = 1 << 1;
    pub(super) const TIME: u8 = 1 << 2;
    pub(super) const UTC: u8 = 1 << 3;
    pub(super) const JSON: u8 = 1 << 4;
    pub(super) const COLOUR: u8 = 1 << 5;

    pub(super) fn has(self, flag: u8) -> bool {
        self.0 & flag != 0
    }

    pub(super) fn new(config: &LogConfig, terminal: bool) -> Self {
        let json = config.format == LogFormat::Json;
        let pairs = [
            (config.debug, Self::DEBUG),
            (config.trace, Self::TRACE),
            (config.time, Self::TIME),
            (config.utc, Self::UTC),
            (json, Self::JSON),
            (terminal && !json, Self::COLOUR),
        ];
        Self(pairs.iter().filter(|(on, _)| *on).map(|(_, flag)| flag).sum())
    }
}

/// What the layer and its controls share.
pub(super) struct Shared {
    flags: AtomicU8,
    /// Read only when `tracing` (re)computes what is enabled, never per event.
    targets: RwLock<Vec<String>>,
    zone: TimeZone,
    pid: u32,
    out: Mutex<Out>,
    lost: AtomicU64,
}

/// The two things that take turns: which line may go, and where to.
struct Out {
    repeats: Repeats,
    sink: Sink,
}

pub(super) struct LogLayer(std::sync::Arc<Shared>);

// === impl Shared ===

impl Shared {
    pub(super) fn new(
        config: LogConfig,
        writer: Option<Box<dyn io::Write + Send>>,
    ) -> Result<Self, LogError> {
        let mut sink = Sink::new(writer);
        sink.set_output(&config.output)?;
        Ok(Self {
            flags: AtomicU8::new(Flags::new(&config, sink.is_terminal()).0),
            targets: RwLock::new(config.targets),
            zone: TimeZone::system(),
            pid: std::process::id(),
            out: Mutex::new(Out { repeats: Repeats::default(), sink }),
            lost: AtomicU64::new(0),
        })
    }

    pub(super) fn apply(&self, config: LogConfig) -> Result<(), LogError> {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        out.sink.set_output(&config.output)?;
        self.flags.store(Flags::new(&config, out.sink.is_terminal()).0, Relaxed);
        drop(out);
        *self.targets.write().unwrap_or_else(PoisonError::into_inner) = config.targets;
        Ok(())
    }

    pub(super) fn reopen(&self) -> Result<bool, LogError> {
        self.out.lock().unwrap_or_else(PoisonError::into_inner).sink.reopen()
    }

    pub(super) fn lost_lines(&self) -> u64 {
        self.lost.load(Relaxed)
    }

    fn flags(&self) -> Flags {
        Flags(self.flags.load(Relaxed))
    }

    fn wants(&self, meta: &Metadata<'_>) -> bool {
        let flags = self.flags();
        let on = match *meta.level() {
            Level::ERROR => return true,
            Level::WARN => return !meta.target().starts_with(ALARMIST),
            Level::INFO => true,
            Level::DEBUG => flags.has(Flags::DEBUG),
            Level::TRACE => flags.has(Flags::TRACE),
        };
        on && self.is_ours(meta.target())
    }

    fn is_ours(&self, target: &str) -> bool {
        let targets = self.targets.read().unwrap_or_else(PoisonError::into_inner);
        targets.iter().any(|prefix| target.starts_with(prefix.as_str()))
    }

    fn write(&self, body: &Body, line: &mut String) {
        let stamp = Stamp { flags: self.flags(), zone: &self.zone, pid: self.pid };
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        // The time is taken under the lock, so that times in the file never run backwards.
        let mut suppressed = 0;
        if body.is_warning() {
            match out.repeats.admit(body.text(), Instant::now()) {
                Some(n) => suppressed = n,
                None => return,
            }
        }
        stamp.line(line, body, suppressed);
        if out.sink.write(line.as_bytes(), &stamp).is_err() {
            self.lost.fetch_add(1, Relaxed);
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("flags", &self.flags().0).finish_non_exhaustive()
    }
}

// === impl LogLayer ===

thread_local! {
    /// Buffers that one event after another reuses. Taken out while in use, so that a `Debug`
    /// implementation that itself logs finds fresh ones instead of a borrowed cell.
    static BUFFERS: Cell<(Body, String)> = Cell::new((Body::default(), String::new()));
}

impl LogLayer {
    pub(super) fn new(shared: std::sync::Arc<Shared>) -> Self {
        Self(shared)
    }
}

impl<S: Subscriber> Layer<S> for LogLayer {
    fn register_callsite(&self, meta: &'static Metadata<'static>) -> Interest {
        if meta.is_event() && self.0.wants(meta) { Interest::always() } else { Interest::never() }
    }

    fn enabled(&self, meta: &Metadata<'_>, _: Context<'_, S>) -> bool {
        meta.is_event() && self.0.wants(meta)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        let flags = self.0.flags();
        Some(match (flags.has(Flags::TRACE), flags.has(Flags::DEBUG)) {
            (true, _) => LevelFilter::TRACE,
            (false, true) => LevelFilter::DEBUG,
            (false, false) => LevelFilter::INFO,
        })
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let (mut body, mut line) = BUFFERS.take();
        body.fill(event, self.0.flags().has(Flags::JSON));
        line.clear();
        self.0.write(&body, &mut line);
        if body.capacity() + line.capacity() <= KEPT_BUFFER_BYTES_MAX {
            BUFFERS.set((body, line));
        }
    }
}
