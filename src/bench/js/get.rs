//! `get`: direct gets of messages picked at random, by sequence or by subject.

use serde_json::{Value, json};

use super::args::{GetBy, JsGetArgs};
use super::asker::Load;
use super::asking::ask_all;
use super::fill::{Fill, fill, number_in};
use super::puback::Tally;
use super::publish::{check_amount, one_stream, push_amount};
use crate::error::BenchError;
use crate::frames::{decimal_width, push_decimal};
use crate::inbound::Msg;
use crate::metrics::Metrics;
use crate::report::Outcome;
use crate::shapes::{Context, Shape, check_size};

/// What the gets of a connection name.
pub(super) enum Names {
    /// The sequence numbers from 1 to the number of messages.
    Seqs,
    /// The subjects `prefix.0000` to `prefix.K-1`.
    Subjects(String),
}

/// Gets of one connection.
pub(super) struct GetLoad {
    /// `PUB $JS.API.DIRECT.GET.<stream>`.
    head: Vec<u8>,
    names: Names,
    /// How many things there are to pick from, numbered from 0.
    count: u64,
    seed: u64,
    size: usize,
    /// Whether the payloads carry the number of what was picked.
    numbered: bool,
    pub(super) tally: Tally,
}

impl GetLoad {
    pub(super) fn new(stream: &str, names: Names, count: u64, size: usize, numbered: bool) -> Self {
        let head = format!("PUB $JS.API.DIRECT.GET.{stream}").into_bytes();
        let seed = fastrand::u64(..);
        Self { head, names, count, seed, size, numbered, tally: Tally::default() }
    }

    /// What request `number` asks for: spread over all there is, and the same when asked again.
    fn pick(&self, number: u64) -> u64 {
        let mut mixed = number.wrapping_add(self.seed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed ^= mixed >> 32;
        mixed = mixed.wrapping_mul(0xd6e8_feb8_6659_fd93);
        mixed ^= mixed >> 32;
        mixed % self.count
    }
}

impl Load for GetLoad {
    fn request(&mut self, number: u64, reply: &[u8], out: &mut Vec<u8>) {
        let pick = self.pick(number);
        out.extend_from_slice(&self.head);
        match &self.names {
            Names::Seqs => {
                out.push(b' ');
                out.extend_from_slice(reply);
                let body_len = br#"{"seq":}"#.len() + decimal_width(pick + 1);
                out.push(b' ');
                push_decimal(out, body_len);
                out.extend_from_slice(b"\r\n{\"seq\":");
                push_decimal(out, usize::try_from(pick + 1).unwrap_or(usize::MAX));
                out.extend_from_slice(b"}\r\n");
            }
            Names::Subjects(prefix) => {
                out.push(b'.');
                out.extend_from_slice(prefix.as_bytes());
                if self.count > 1 {
                    out.push(b'.');
                    let at = out.len();
                    out.resize(at + decimal_width(self.count - 1), b'0');
                    super::publish::write_decimal(&mut out[at..], pick);
                }
                out.push(b' ');
                out.extend_from_slice(reply);
                out.extend_from_slice(b" 0\r\n\r\n");
            }
        }
    }

    fn answer(&mut self, number: u64, msg: &Msg<'_>) -> Result<(), BenchError> {
        let status = msg.headers.strip_prefix(b"NATS/1.0 ");
        if let Some(status) = status.filter(|status| status.first() == Some(&b'4')) {
            let line = status.split(|byte| *byte == b'\r').next().unwrap_or_default();
            self.tally.refuse(String::from_utf8_lossy(line).into_owned());
            return Ok(());
        }
        let pick = self.pick(number);
        if msg.headers.is_empty() || msg.payload.len() != self.size {
            let got = msg.payload.len();
            return Err(BenchError::Verify(format!(
                "the message of get {pick} has {got} bytes, not {}",
                self.size
            )));
        }
        if self.numbered && number_in(msg.payload).is_some_and(|number| number != pick) {
            return Err(BenchError::Verify(format!("get {pick} brought another message")));
        }
        self.tally.stored += 1;
        Ok(())
    }
}

// === impl Shape for JsGetArgs ===

impl Shape for JsGetArgs {
    fn name(&self) -> &'static str {
        "js get"
    }

    fn settings(&self) -> Vec<(&'static str, Value)> {
        let mut settings = vec![
            ("storage", Value::from(self.stream.storage.name())),
            ("by", Value::from(if self.by == GetBy::Seq { "seq" } else { "subject" })),
            ("fill", Value::from(self.fill)),
            ("size", Value::from(self.size)),
            ("connections", Value::from(self.connections)),
            ("window", Value::from(self.window)),
        ];
        push_amount(&mut settings, &self.amount);
        settings
    }

    fn check(&self) -> Result<(), BenchError> {
        check_amount(&self.amount)
    }

    fn run(&self, context: &Context<'_>) -> Result<Outcome, BenchError> {
        let (streams, name) = one_stream(context, &self.stream, &json!({"allow_direct": true}))?;
        check_size(self.size, streams.api.connection())?;
        let existing = self.stream.existing;
        if !existing {
            let what =
                Fill { subject: &name, subjects: self.fill, msgs: self.fill, size: self.size };
            fill(context, &what)?;
        }
        let loads = (0..self.connections).map(|_| {
            let names = match self.by {
                GetBy::Seq => Names::Seqs,
                GetBy::Subject => Names::Subjects(name.clone()),
            };
            GetLoad::new(&name, names, self.fill, self.size, !existing)
        });
        let loads = loads.collect();
        let metrics = run_gets(context, loads, self.window, &self.amount, self.size)?;
        let server_version = streams.api.server_version().to_owned();
        streams.close()?;
        Ok(Outcome { server_version, metrics })
    }
}

/// Asks for all, and measures.
pub(super) fn run_gets(
    context: &Context<'_>,
    loads: Vec<GetLoad>,
    window: u32,
    amount: &super::args::AmountArgs,
    size: usize,
) -> Result<Metrics, BenchError> {
    let asked = ask_all(context, "a reader", loads, window, amount.quota()?)?;
    let tally = Tally::sum(asked.loads.iter().map(|load| &load.tally));
    tally.judge(asked.answers, amount.errors_max)?;
    let mut metrics = Metrics::default();
    asked.push_to(&mut metrics, size);
    metrics.push_count("errors", tally.errors);
    Ok(metrics)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(names: Names) -> GetLoad {
        GetLoad::new("S", names, 1000, 8, true)
    }

    fn request(load: &mut GetLoad, number: u64) -> String {
        let mut out = Vec::new();
        load.request(number, b"R", &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn requests_are_whole_frames() {
        let mut by_seq = load(Names::Seqs);
        for number in 0..2000 {
            let text = request(&mut by_seq, number);
            let body = format!("{{\"seq\":{}}}", by_seq.pick(number) + 1);
            let expected = format!("PUB $JS.API.DIRECT.GET.S R {}\r\n{body}\r\n", body.len());
            assert_eq!(text, expected);
        }
        let mut by_subject = load(Names::Subjects("$KV.b".to_owned()));
        let pick = by_subject.pick(5);
        let expected = format!("PUB $JS.API.DIRECT.GET.S.$KV.b.{pick:03} R 0\r\n\r\n");
        assert_eq!(request(&mut by_subject, 5), expected);
    }

    #[test]
    fn picks_are_spread() {
        let load = load(Names::Seqs);
        let mut counts = [0u32; 10];
        (0..10_000).for_each(|number| counts[(load.pick(number) / 100) as usize] += 1);
        assert!(counts.iter().all(|count| (800..1200).contains(count)), "{counts:?}");
    }

    #[test]
    fn an_answer_must_be_what_was_asked_for() {
        let mut load = load(Names::Seqs);
        let right = load.pick(1).to_le_bytes();
        let wrong = (load.pick(1) + 1).to_le_bytes();
        let mut answer = |headers: &[u8], payload: &[u8]| {
            load.answer(1, &Msg { subject: b"R", reply: None, headers, payload })
        };
        assert!(answer(b"NATS/1.0\r\nNats-Sequence: 1\r\n\r\n", &right).is_ok());
        assert!(answer(b"NATS/1.0\r\nNats-Sequence: 1\r\n\r\n", &wrong).is_err());
        assert!(answer(b"NATS/1.0\r\nNats-Sequence: 1\r\n\r\n", &right[..7]).is_err());
        assert!(answer(b"", &right).is_err());
        assert!(answer(b"NATS/1.0 404 Message Not Found\r\n\r\n", b"").is_ok());
        assert_eq!(load.tally.first_error.as_deref(), Some("404 Message Not Found"));
        assert_eq!((load.tally.stored, load.tally.errors), (1, 1));
    }
}
