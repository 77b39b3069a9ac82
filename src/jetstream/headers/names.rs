//! The names of all headers that mean something to a stream or consumer.

macro_rules! names {
    ($($name:ident = $text:literal;)*) => {$(
        #[doc = concat!("`", $text, "`")]
        pub const $name: &[u8] = $text.as_bytes();
    )*};
}

// What publishers say.
names! {
    MSG_ID = "Nats-Msg-Id";
    EXPECTED_STREAM = "Nats-Expected-Stream";
    EXPECTED_LAST_SEQ = "Nats-Expected-Last-Sequence";
    EXPECTED_LAST_SUBJECT_SEQ = "Nats-Expected-Last-Subject-Sequence";
    EXPECTED_LAST_SUBJECT_SEQ_SUBJECT = "Nats-Expected-Last-Subject-Sequence-Subject";
    EXPECTED_LAST_MSG_ID = "Nats-Expected-Last-Msg-Id";
    ROLLUP = "Nats-Rollup";
    TTL = "Nats-TTL";
    INCR = "Nats-Incr";
    BATCH_ID = "Nats-Batch-Id";
    BATCH_SEQ = "Nats-Batch-Sequence";
    BATCH_COMMIT = "Nats-Batch-Commit";
    SCHEDULE = "Nats-Schedule";
    SCHEDULE_TARGET = "Nats-Schedule-Target";
    SCHEDULE_SOURCE = "Nats-Schedule-Source";
    SCHEDULE_TTL = "Nats-Schedule-TTL";
    SCHEDULE_TIME_ZONE = "Nats-Schedule-Time-Zone";
    SCHEDULE_ROLLUP = "Nats-Schedule-Rollup";
    SCHEDULER = "Nats-Scheduler";
    SCHEDULE_NEXT = "Nats-Schedule-Next";
    REQUIRED_API_LEVEL = "Nats-Required-Api-Level";
    KV_OPERATION = "KV-Operation";
}

// What the server writes into stored messages.
names! {
    STREAM_SOURCE = "Nats-Stream-Source";
    COUNTER_SOURCES = "Nats-Counter-Sources";
    MARKER_REASON = "Nats-Marker-Reason";
}

// What it adds to messages that are republished or read.
names! {
    STREAM = "Nats-Stream";
    SUBJECT = "Nats-Subject";
    SEQUENCE = "Nats-Sequence";
    TIME_STAMP = "Nats-Time-Stamp";
    LAST_SEQUENCE = "Nats-Last-Sequence";
    NUM_PENDING = "Nats-Num-Pending";
    UP_TO_SEQUENCE = "Nats-UpTo-Sequence";
    MSG_SIZE = "Nats-Msg-Size";
}

// What goes with deliveries and statuses.
names! {
    PIN_ID = "Nats-Pin-Id";
    PENDING_MESSAGES = "Nats-Pending-Messages";
    PENDING_BYTES = "Nats-Pending-Bytes";
    LAST_CONSUMER = "Nats-Last-Consumer";
    LAST_STREAM = "Nats-Last-Stream";
    CONSUMER_STALLED = "Nats-Consumer-Stalled";
    REQUEST_INFO = "Nats-Request-Info";
}

/// Values of [`ROLLUP`], in any case.
pub const ROLLUP_SUBJECT: &[u8] = b"sub";
/// The value of [`MARKER_REASON`] of a message that says that the last of its subject grew too old.
pub const MARKER_MAX_AGE: &[u8] = b"MaxAge";
/// The value of [`KV_OPERATION`] that says that a key is gone with its history.
pub const KV_PURGE: &[u8] = b"PURGE";
/// The value of [`SCHEDULE_NEXT`] of the last message of a schedule.
pub const SCHEDULE_PURGE: &[u8] = b"purge";
/// Begins the names of all headers that say what a publisher expects.
pub const EXPECTED_PREFIX: &[u8] = b"Nats-Expected-";
/// Begins the names of all headers of an atomic batch.
pub const BATCH_PREFIX: &[u8] = b"Nats-Batch-";
/// Begins the names of all headers of a schedule.
pub const SCHEDULE_PREFIX: &[u8] = b"Nats-Schedule";
