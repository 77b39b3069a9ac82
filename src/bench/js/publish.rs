//! `pub`: publishes that are acked, with a window of them under way on each connection.

use serde_json::{Value, json};

use super::args::{AmountArgs, JsPubArgs, StreamArgs};
use super::asker::{Load, write_hex};
use super::asking::ask_all;
use super::puback::{Acks, Tally};
use super::stream::{Streams, config, name_of};
use crate::error::BenchError;
use crate::frames::decimal_width;
use crate::inbound::Msg;
use crate::metrics::Metrics;
use crate::report::Outcome;
use crate::shapes::{Context, Shape, check_size};
use crate::verify::STAMP_BYTES;

/// Bytes of a reply subject: `_INBOX.`, 22 characters, a dot and 8 digits.
const REPLY_BYTES: usize = 38;
const ID_DIGITS: usize = 16;
const SEQUENCE_BITS: u32 = 48;

/// What a connection publishes.
pub(super) struct Plan<'a> {
    /// One of each stream: what is published to, or its prefix when `count` is above 1.
    pub(super) subjects: &'a [String],
    /// Subjects of each stream, `prefix.0000` to `prefix.K-1`.
    pub(super) count: u64,
    /// The first of them.
    pub(super) offset: u64,
    pub(super) size: usize,
    pub(super) msg_id: bool,
    /// Stamped, with the number of the publish, at the start of the payload.
    pub(super) publisher: u16,
}

/// Publishes of one connection.
pub(super) struct PubLoad {
    templates: Vec<Template>,
    count: u64,
    offset: u64,
    publisher: u16,
    acks: Acks,
}

/// A frame, and where in it stands what differs from publish to publish.
struct Template {
    frame: Vec<u8>,
    digits: std::ops::Range<usize>,
    reply_at: usize,
    id_at: Option<usize>,
    stamp_at: Option<usize>,
}

impl PubLoad {
    pub(super) fn new(plan: &Plan<'_>) -> Self {
        let templates: Vec<_> =
            plan.subjects.iter().map(|subject| Template::new(subject, plan)).collect();
        Self {
            acks: Acks::new(templates.len() as u64),
            templates,
            count: plan.count,
            offset: plan.offset,
            publisher: plan.publisher,
        }
    }

    pub(super) fn tally(&self) -> &Tally {
        &self.acks.tally
    }
}

impl Template {
    fn new(subject: &str, plan: &Plan<'_>) -> Self {
        let mut frame = if plan.msg_id { b"HPUB ".to_vec() } else { b"PUB ".to_vec() };
        frame.extend_from_slice(subject.as_bytes());
        let mut digits = 0..0;
        if plan.count > 1 {
            frame.push(b'.');
            digits = frame.len()..frame.len() + decimal_width(plan.count - 1);
            frame.resize(digits.end, b'0');
        }
        frame.push(b' ');
        let reply_at = frame.len();
        frame.resize(reply_at + REPLY_BYTES, b'_');
        let mut id_at = None;
        if plan.msg_id {
            let id = super::api::random_name(8);
            let headers = format!("NATS/1.0\r\nNats-Msg-Id: {id}-{:0ID_DIGITS$}\r\n\r\n", 0);
            let total = headers.len() + plan.size;
            frame.extend_from_slice(format!(" {} {total}\r\n", headers.len()).as_bytes());
            frame.extend_from_slice(headers.as_bytes());
            id_at = Some(frame.len() - b"\r\n\r\n".len() - ID_DIGITS);
        } else {
            frame.extend_from_slice(format!(" {}\r\n", plan.size).as_bytes());
        }
        let stamp_at = (plan.size >= STAMP_BYTES).then_some(frame.len());
        frame.extend((b'a'..=b'z').cycle().take(plan.size));
        frame.extend_from_slice(b"\r\n");
        Self { frame, digits, reply_at, id_at, stamp_at }
    }
}

impl Load for PubLoad {
    fn request(&mut self, number: u64, reply: &[u8], out: &mut Vec<u8>) {
        let streams = self.templates.len() as u64;
        let template = &self.templates[(number % streams) as usize];
        let at = out.len();
        out.extend_from_slice(&template.frame);
        let frame = &mut out[at..];
        frame[template.reply_at..][..REPLY_BYTES].copy_from_slice(reply);
        if !template.digits.is_empty() {
            let subject = (number / streams + self.offset) % self.count;
            write_decimal(&mut frame[template.digits.clone()], subject);
        }
        if let Some(at) = template.id_at {
            write_hex(&mut frame[at..at + ID_DIGITS], number);
        }
        if let Some(at) = template.stamp_at {
            let stamp = u64::from(self.publisher) << SEQUENCE_BITS | number;
            frame[at..at + STAMP_BYTES].copy_from_slice(&stamp.to_le_bytes());
        }
    }

    fn answer(&mut self, number: u64, msg: &Msg<'_>) -> Result<(), BenchError> {
        self.acks.take(number, msg.payload)
    }
}

/// Fills `digits` with the lowest decimal digits of `number`.
pub(super) fn write_decimal(digits: &mut [u8], mut number: u64) {
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

// === impl Shape for JsPubArgs ===

impl Shape for JsPubArgs {
    fn name(&self) -> &'static str {
        "js pub"
    }

    fn settings(&self) -> Vec<(&'static str, Value)> {
        let mut settings = vec![
            ("storage", Value::from(self.stream.storage.name())),
            ("size", Value::from(self.size)),
            ("pubs", Value::from(self.pubs)),
            ("window", Value::from(self.window)),
            ("streams", Value::from(self.streams)),
            ("subjects", Value::from(self.subjects)),
            ("msg_id", Value::from(self.msg_id)),
        ];
        if self.persist_async {
            settings.push(("persist_async", Value::from(true)));
        }
        if self.stream.replicas > 1 {
            settings.push(("replicas", Value::from(self.stream.replicas)));
        }
        push_amount(&mut settings, &self.amount);
        settings
    }

    fn check(&self) -> Result<(), BenchError> {
        check_amount(&self.amount)
    }

    fn run(&self, context: &Context<'_>) -> Result<Outcome, BenchError> {
        let extra = if self.persist_async { json!({"persist_mode": "async"}) } else { json!({}) };
        let mut streams = Streams::make(context, &self.stream, &self.configs(&extra))?;
        check_size(self.size, streams.api.connection())?;
        let before = streams.states()?;
        let loads = (0..self.pubs).map(|publisher| {
            PubLoad::new(&Plan {
                subjects: streams.names(),
                count: self.subjects,
                offset: self.subjects * u64::from(publisher) / u64::from(self.pubs),
                size: self.size,
                msg_id: self.msg_id,
                publisher,
            })
        });
        let loads = loads.collect();
        let quota = self.amount.quota()?;
        let asked = ask_all(context, "a publisher", loads, self.window, quota)?;
        let tally = Tally::sum(asked.loads.iter().map(PubLoad::tally));
        let mut metrics = Metrics::default();
        asked.push_to(&mut metrics, self.size);
        tally.judge(asked.answers, self.amount.errors_max)?;
        push_tally(&mut metrics, &tally);
        check_stored(&mut streams, before.last_seq, tally.stored)?;
        let server_version = streams.api.server_version().to_owned();
        streams.close()?;
        Ok(Outcome { server_version, metrics })
    }
}

impl JsPubArgs {
    fn configs(&self, extra: &Value) -> Vec<Value> {
        let name = name_of(&self.stream);
        if self.streams == 1 {
            return vec![config(&name, &self.stream, extra)];
        }
        (0..self.streams)
            .map(|number| config(&format!("{name}_{number}"), &self.stream, extra))
            .collect()
    }
}

/// Whether the streams hold as many messages more as were acked.
pub(super) fn check_stored(
    streams: &mut Streams,
    last_seq_before: u64,
    stored: u64,
) -> Result<(), BenchError> {
    let grown = streams.states()?.last_seq - last_seq_before;
    if grown == stored {
        return Ok(());
    }
    Err(BenchError::Verify(format!("{stored} publishes were acked as stored, {grown} were")))
}

pub(super) fn push_tally(metrics: &mut Metrics, tally: &Tally) {
    metrics.push_count("acks_stored", tally.stored);
    metrics.push_count("acks_duplicate", tally.duplicates);
    metrics.push_count("acks_out_of_order", tally.out_of_order);
    metrics.push_count("errors", tally.errors);
}

pub(super) fn push_amount(settings: &mut Vec<(&'static str, Value)>, amount: &AmountArgs) {
    match amount.msgs_total() {
        Some(msgs) => settings.push(("msgs", Value::from(msgs))),
        None => settings.push(("seconds", Value::from(amount.seconds))),
    }
}

pub(super) fn check_amount(amount: &AmountArgs) -> Result<(), BenchError> {
    if amount.msgs == Some(0) {
        return Err(BenchError::Options("--msgs must be above 0".to_owned()));
    }
    amount.quota().map(|_| ())
}

/// The one stream of a shape that has no more than one.
pub(super) fn one_stream(
    context: &Context<'_>,
    args: &StreamArgs,
    extra: &Value,
) -> Result<(Streams, String), BenchError> {
    let name = name_of(args);
    let streams = Streams::make(context, args, &[config(&name, args, extra)])?;
    Ok((streams, name))
}

#[cfg(test)]
#[path = "publish_tests.rs"]
mod tests;
