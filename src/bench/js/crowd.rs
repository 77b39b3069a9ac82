//! `consumers` and `streams`: very many of them that do nothing, and the memory of each.

use serde_json::{Value, json};

use super::api::{Api, error_text, random_name};
use super::args::{JsCrowdArgs, JsStreamsArgs, StreamArgs};
use super::asker::Load;
use super::asking::{Asked, ask_all};
use super::fill::{Fill, fill, memory};
use super::puback::Tally;
use super::publish::{Plan, PubLoad, one_stream};
use super::stream::{Streams, config};
use crate::clock::sleep;
use crate::error::BenchError;
use crate::inbound::Msg;
use crate::metrics::Metrics;
use crate::process::Window;
use crate::publisher::Quota;
use crate::report::Outcome;
use crate::shapes::{Context, Shape, per_second, seconds};

/// Bytes of a message that each stream is given.
const FILL_SIZE: usize = 128;

/// Requests that make things, each with a number in its name.
struct MakeLoad<F> {
    /// The subject and the body of request `number`.
    request: F,
    tally: Tally,
}

impl<F: FnMut(u64) -> (String, String) + Send> Load for MakeLoad<F> {
    fn request(&mut self, number: u64, reply: &[u8], out: &mut Vec<u8>) {
        let (subject, body) = (self.request)(number);
        out.extend_from_slice(b"PUB ");
        out.extend_from_slice(subject.as_bytes());
        out.push(b' ');
        out.extend_from_slice(reply);
        out.extend_from_slice(format!(" {}\r\n{body}\r\n", body.len()).as_bytes());
    }

    fn answer(&mut self, _: u64, msg: &Msg<'_>) -> Result<(), BenchError> {
        let answer: Value = serde_json::from_slice(msg.payload)
            .map_err(|error| BenchError::Protocol(format!("bad answer: {error}")))?;
        match answer.get("error") {
            Some(error) => self.tally.refuse(error_text(error)),
            None => self.tally.stored += 1,
        }
        Ok(())
    }
}

/// Makes `count` things; any error ends the run.
fn make_all(
    context: &Context<'_>,
    count: u64,
    window: u32,
    request: impl FnMut(u64) -> (String, String) + Send,
) -> Result<Asked<impl Load>, BenchError> {
    let load = MakeLoad { request, tally: Tally::default() };
    let asked = ask_all(context, "a maker", vec![load], window, Quota::Msgs(count))?;
    Tally::sum(asked.loads.iter().map(|load| &load.tally)).judge(asked.answers, 0)?;
    Ok(asked)
}

/// The figures of things that were made and then left alone; names tell what they are.
struct Names {
    count: &'static str,
    per_second: &'static str,
    rss_each: &'static str,
    cpu_each: &'static str,
}

/// Waits, and tells what each of `count` things costs.
fn hold<L>(
    context: &Context<'_>,
    asked: &Asked<L>,
    rss_before: u64,
    (count, hold_seconds): (u64, f64),
    names: &Names,
) -> Result<Metrics, BenchError> {
    let holding = Window::open(&context.common.pid)?;
    sleep(seconds("hold-seconds", hold_seconds)?);
    let held = holding.close()?;
    let mut metrics = Metrics::default();
    metrics.push("duration_seconds", asked.duration.as_secs_f64());
    metrics.push_count(names.count, count);
    metrics.push(names.per_second, per_second(count, asked.duration));
    if held.measured {
        let grown = held.after.rss_bytes as f64 - rss_before as f64;
        metrics.push(names.rss_each, grown / count as f64);
        metrics.push(names.cpu_each, asked.spent.cpu_seconds() / count as f64 * 1e6);
        metrics.push("server_idle_cpu_seconds", held.cpu_seconds());
        metrics.push_count("server_rss_before_bytes", rss_before);
        metrics.push_count("server_rss_bytes", held.after.rss_bytes);
    }
    Ok(metrics)
}

// === impl Shape for JsCrowdArgs ===

impl Shape for JsCrowdArgs {
    fn name(&self) -> &'static str {
        "js consumers"
    }

    fn settings(&self) -> Vec<(&'static str, Value)> {
        vec![
            ("storage", Value::from(self.stream.storage.name())),
            ("count", Value::from(self.count)),
            ("fill", Value::from(self.fill)),
            ("window", Value::from(self.window)),
            ("hold_seconds", Value::from(self.hold_seconds)),
        ]
    }

    fn check(&self) -> Result<(), BenchError> {
        seconds("hold-seconds", self.hold_seconds).map(|_| ())
    }

    fn run(&self, context: &Context<'_>) -> Result<Outcome, BenchError> {
        let (mut streams, name) = one_stream(context, &self.stream, &json!({}))?;
        let what = Fill { subject: &name, subjects: 1, msgs: self.fill, size: FILL_SIZE };
        fill(context, &what)?;
        let rss_before = memory(context)?;
        let id = random_name(4);
        let asked = make_all(context, self.count, self.window, |number| {
            let consumer = format!("{id}{number}");
            let config =
                json!({"durable_name": consumer, "name": consumer, "ack_policy": "explicit"});
            (
                format!("$JS.API.CONSUMER.CREATE.{name}.{consumer}"),
                json!({"stream_name": name, "config": config}).to_string(),
            )
        })?;
        let names = Names {
            count: "consumers",
            per_second: "consumers_per_second",
            rss_each: "server_rss_bytes_per_consumer",
            cpu_each: "server_cpu_us_per_consumer",
        };
        let amount = (self.count, self.hold_seconds);
        let metrics = hold(context, &asked, rss_before, amount, &names)?;
        let info = streams.api.ask(&format!("STREAM.INFO.{name}"), &json!({}))?;
        let there = info["state"]["consumer_count"].as_u64().unwrap_or(0);
        if there < self.count {
            let text = format!("{there} consumers are there, {} were made", self.count);
            return Err(BenchError::Verify(text));
        }
        let server_version = streams.api.server_version().to_owned();
        streams.close()?;
        Ok(Outcome { server_version, metrics })
    }
}

// === impl Shape for JsStreamsArgs ===

impl Shape for JsStreamsArgs {
    fn name(&self) -> &'static str {
        "js streams"
    }

    fn settings(&self) -> Vec<(&'static str, Value)> {
        vec![
            ("storage", Value::from(self.storage.name())),
            ("count", Value::from(self.count)),
            ("fill", Value::from(self.fill)),
            ("window", Value::from(self.window)),
            ("hold_seconds", Value::from(self.hold_seconds)),
        ]
    }

    fn check(&self) -> Result<(), BenchError> {
        seconds("hold-seconds", self.hold_seconds).map(|_| ())
    }

    fn run(&self, context: &Context<'_>) -> Result<Outcome, BenchError> {
        let mut streams = Streams::over(Api::open(context)?, true);
        let rss_before = memory(context)?;
        let prefix = format!("bench_{}", random_name(8));
        let args = StreamArgs {
            stream: None,
            storage: self.storage,
            replicas: 1,
            keep: false,
            existing: false,
        };
        let name_of = |number: u64| format!("{prefix}_{number}");
        // Deleting one that never came to be is answered with an error, and does no harm.
        (0..self.count).for_each(|number| streams.adopt(name_of(number)));
        let asked = make_all(context, self.count, self.window, |number| {
            let name = name_of(number);
            let body = config(&name, &args, &json!({})).to_string();
            (format!("$JS.API.STREAM.CREATE.{name}"), body)
        })?;
        self.fill_all(context, streams.names())?;
        let names = Names {
            count: "streams",
            per_second: "streams_per_second",
            rss_each: "server_rss_bytes_per_stream",
            cpu_each: "server_cpu_us_per_stream",
        };
        let amount = (self.count, self.hold_seconds);
        let metrics = hold(context, &asked, rss_before, amount, &names)?;
        let server_version = streams.api.server_version().to_owned();
        streams.close()?;
        Ok(Outcome { server_version, metrics })
    }
}

impl JsStreamsArgs {
    /// Gives each stream its messages.
    fn fill_all(&self, context: &Context<'_>, subjects: &[String]) -> Result<(), BenchError> {
        if self.fill == 0 {
            return Ok(());
        }
        let load = PubLoad::new(&Plan {
            subjects,
            count: 1,
            offset: 0,
            size: FILL_SIZE,
            msg_id: false,
            publisher: 0,
        });
        let quota = Quota::Msgs(self.fill * self.count);
        let asked = ask_all(context, "a publisher", vec![load], self.window, quota)?;
        Tally::sum(asked.loads.iter().map(PubLoad::tally)).judge(asked.answers, 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_is_counted() {
        let request = |number| (format!("a.{number}"), "{}".to_owned());
        let mut load = MakeLoad { request, tally: Tally::default() };
        let mut out = Vec::new();
        load.request(7, b"R", &mut out);
        assert_eq!(out, b"PUB a.7 R 2\r\n{}\r\n");
        let mut answer = |payload: &[u8]| {
            load.answer(7, &Msg { subject: b"R", reply: None, headers: b"", payload })
        };
        answer(br#"{"type":"x","name":"y"}"#).unwrap();
        answer(br#"{"error":{"err_code":10026,"description":"too many"}}"#).unwrap();
        assert!(answer(b"+OK").is_err());
        assert_eq!((load.tally.stored, load.tally.errors), (1, 1));
    }
}
