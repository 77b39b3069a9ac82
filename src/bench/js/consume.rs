//! `consume`: what a stream holds comes to consumers, pulled in batches or pushed, and is acked.

mod taker;

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use self::taker::{Taken, Taker};
use super::api::{inbox, random_name};
use super::args::{AckMode, JsConsumeArgs, Mode};
use super::bits::Bits;
use super::fill::{Fill, fill};
use super::publish::one_stream;
use super::stream::Streams;
use crate::clock::sleep;
use crate::connection::Connection;
use crate::error::BenchError;
use crate::flow::{FanOut, Flow, join_all};
use crate::metrics::Metrics;
use crate::process::Window;
use crate::report::Outcome;
use crate::shapes::{Context, Shape, check_size, push_rates};

/// Between two looks at whether all acks have arrived.
const ACK_LOOK: Duration = Duration::from_millis(2);
const GROUP: &str = "bench";
const SECOND_NANOS: u64 = 1_000_000_000;

/// A consumer of the run, and where its messages go when they are pushed.
struct Consumer {
    name: String,
    inbox: String,
}

impl Shape for JsConsumeArgs {
    fn name(&self) -> &'static str {
        "js consume"
    }

    fn settings(&self) -> Vec<(&'static str, Value)> {
        let mut settings = vec![
            ("storage", Value::from(self.stream.storage.name())),
            ("mode", Value::from(if self.mode == Mode::Pull { "pull" } else { "push" })),
            ("msgs", Value::from(self.msgs)),
            ("size", Value::from(self.size)),
            ("consumers", Value::from(self.consumers)),
            ("shared", Value::from(self.shared)),
            ("ack", Value::from(self.ack.name())),
        ];
        if self.mode == Mode::Pull {
            settings.push(("batch", Value::from(self.batch)));
            settings.push(("requests", Value::from(self.requests)));
        }
        settings
    }

    fn check(&self) -> Result<(), BenchError> {
        if self.shared && self.ack == AckMode::All {
            let text = "--ack all acknowledges what others got: not with --shared".to_owned();
            return Err(BenchError::Options(text));
        }
        Ok(())
    }

    fn run(&self, context: &Context<'_>) -> Result<Outcome, BenchError> {
        let (mut streams, stream) = one_stream(context, &self.stream, &json!({}))?;
        check_size(self.size, streams.api.connection())?;
        self.prepare(context, &mut streams, &stream)?;
        let consumers = self.make_consumers(&mut streams, &stream)?;
        let result = self.measure(context, &mut streams, &stream, &consumers);
        if self.stream.existing || self.stream.keep {
            for consumer in &consumers {
                let what = format!("CONSUMER.DELETE.{stream}.{}", consumer.name);
                streams.api.ask(&what, &json!({}))?;
            }
        }
        let metrics = result?;
        let server_version = streams.api.server_version().to_owned();
        streams.close()?;
        Ok(Outcome { server_version, metrics })
    }
}

impl JsConsumeArgs {
    /// Fills the stream, or makes sure that it holds enough.
    fn prepare(
        &self,
        context: &Context<'_>,
        streams: &mut Streams,
        stream: &str,
    ) -> Result<(), BenchError> {
        if !self.stream.existing {
            let what = Fill { subject: stream, subjects: 1, msgs: self.msgs, size: self.size };
            return fill(context, &what);
        }
        let held = streams.state(stream)?.messages;
        if held < self.msgs {
            let text = format!("{stream} holds {held} messages, fewer than --msgs {}", self.msgs);
            return Err(BenchError::Options(text));
        }
        Ok(())
    }

    fn make_consumers(
        &self,
        streams: &mut Streams,
        stream: &str,
    ) -> Result<Vec<Consumer>, BenchError> {
        let count = if self.shared { 1 } else { self.consumers };
        let mut consumers = Vec::new();
        for _ in 0..count {
            let consumer = Consumer { name: format!("c{}", random_name(8)), inbox: inbox() };
            let body = json!({"stream_name": stream, "config": self.config(&consumer)});
            let what = format!("CONSUMER.CREATE.{stream}.{}", consumer.name);
            streams.api.ask(&what, &body)?;
            consumers.push(consumer);
        }
        Ok(consumers)
    }

    /// Pull: a durable consumer. Push: what clients make for an ordered consumer, and the same
    /// with acks.
    fn config(&self, consumer: &Consumer) -> Value {
        let mut config = json!({
            "name": consumer.name,
            "ack_policy": self.ack.name(),
            "deliver_policy": "all",
        });
        if self.ack != AckMode::None {
            let under_way = u64::from(self.batch) * u64::from(self.requests + 1);
            config["max_ack_pending"] = Value::from(under_way.max(1000));
        }
        if self.mode == Mode::Pull {
            config["durable_name"] = Value::from(consumer.name.as_str());
            return config;
        }
        config["deliver_subject"] = Value::from(consumer.inbox.as_str());
        config["flow_control"] = Value::from(true);
        config["idle_heartbeat"] = Value::from(5 * SECOND_NANOS);
        // Nobody is subscribed yet when it is made.
        config["inactive_threshold"] = Value::from(300 * SECOND_NANOS);
        if self.shared {
            config["deliver_group"] = Value::from(GROUP);
        }
        if self.ack == AckMode::None {
            config["max_deliver"] = Value::from(1);
            config["mem_storage"] = Value::from(true);
            config["num_replicas"] = Value::from(1);
            config["ack_wait"] = Value::from(22 * 3600 * SECOND_NANOS);
        }
        config
    }

    fn measure(
        &self,
        context: &Context<'_>,
        streams: &mut Streams,
        stream: &str,
        consumers: &[Consumer],
    ) -> Result<Metrics, BenchError> {
        let count = usize::from(self.consumers);
        let mut takers = Vec::with_capacity(count);
        for index in 0..count {
            let consumer = &consumers[index % consumers.len()];
            let mut connection = Connection::open(&context.targets.subscribe, "a consumer")?;
            let taker = Taker::new(self, stream, consumer);
            taker.subscribe_early(&mut connection)?;
            connection.flush(context.stall_timeout(), |_| Ok(()))?;
            takers.push((connection, taker));
        }
        let fan_out = if self.shared { FanOut::OneOfGroup } else { FanOut::Everyone };
        let flow = Flow::new(count, 0, count, fan_out, context.stall_timeout());
        flow.expect(self.msgs);
        let due = if self.shared { self.msgs } else { self.msgs * count as u64 };
        context.progress.begin("messages", due);
        let window = Window::open(&context.common.pid)?;
        let (start, taken) = thread::scope(|scope| {
            let flow = &flow;
            let taking: Vec<_> = takers
                .into_iter()
                .enumerate()
                .map(|(index, (mut connection, taker))| {
                    scope.spawn(move || flow.guard(|| taker.run(&mut connection, index, flow)))
                })
                .collect();
            let start = flow.open_gate();
            let is_over = || taking.iter().all(thread::ScopedJoinHandle::is_finished);
            context.progress.watch(is_over, || flow.delivered());
            Ok::<_, BenchError>((start, join_all(taking)?))
        })?;
        let mut last = taken.iter().filter_map(|part| part.last_at).max().unwrap_or(start);
        if self.ack != AckMode::None {
            self.await_acks(context, streams, stream, consumers)?;
            last = Instant::now();
        }
        let spent = window.close()?;
        self.verify(&taken)?;
        let mut metrics = Metrics::default();
        push_rates(&mut metrics, due, last - start, self.size);
        let sum = |of: fn(&Taken) -> u64| taken.iter().map(of).sum::<u64>();
        metrics.push_count("pull_requests", sum(|part| part.requests));
        metrics.push_count("flow_control_requests", sum(|part| part.flow_controls));
        metrics.push_count("redelivered", sum(|part| part.redelivered));
        metrics.push_count("acks_sent", sum(|part| part.acks));
        spent.push_to(&mut metrics, due);
        Ok(metrics)
    }

    /// Waits until no message that was delivered lacks its ack.
    fn await_acks(
        &self,
        context: &Context<'_>,
        streams: &mut Streams,
        stream: &str,
        consumers: &[Consumer],
    ) -> Result<(), BenchError> {
        let since = Instant::now();
        for consumer in consumers {
            loop {
                let what = format!("CONSUMER.INFO.{stream}.{}", consumer.name);
                let info = streams.api.ask(&what, &json!({}))?;
                let pending = info["num_ack_pending"].as_u64().unwrap_or(u64::MAX);
                let floor = info["ack_floor"]["stream_seq"].as_u64().unwrap_or(0);
                let all_delivered = info["delivered"]["stream_seq"].as_u64() >= Some(self.msgs);
                if pending == 0 && all_delivered && floor >= self.msgs {
                    break;
                }
                if since.elapsed() > context.stall_timeout() {
                    return Err(BenchError::Stalled {
                        what: "acks taken by the server",
                        got: floor,
                        expected: self.msgs,
                        seconds: context.common.stall_timeout_seconds,
                    });
                }
                sleep(ACK_LOOK);
            }
        }
        Ok(())
    }

    /// That connections with one consumer got, together, each message once.
    fn verify(&self, taken: &[Taken]) -> Result<(), BenchError> {
        if !self.shared {
            return Ok(());
        }
        let (got, expected) = (Bits::union_len(taken.iter().map(|part| &part.seen)), self.msgs);
        if got < expected {
            let text = format!("the connections got {got} of {expected} messages, some twice");
            return Err(BenchError::Verify(text));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::js::args::{JsArgs, JsShapeArgs};
    use clap::Parser;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        js: JsArgs,
    }

    fn args(line: &str) -> JsConsumeArgs {
        let cli = Cli::try_parse_from(["js", "consume"].into_iter().chain(line.split(' ')));
        let JsShapeArgs::Consume(args) = cli.unwrap().js.shape else { panic!("not consume") };
        args
    }

    #[test]
    fn consumers_are_made_as_clients_make_them() {
        let consumer = Consumer { name: "c".to_owned(), inbox: "i".to_owned() };
        let pull = args("--ack explicit --batch 600 --requests 1").config(&consumer);
        let expected = json!({
            "name": "c", "durable_name": "c", "ack_policy": "explicit", "deliver_policy": "all",
            "max_ack_pending": 1200
        });
        assert_eq!(pull, expected);
        let push = args("--mode push").config(&consumer);
        assert_eq!((&push["deliver_subject"], &push["max_deliver"]), (&json!("i"), &json!(1)));
        assert_eq!(push.get("max_ack_pending"), None);
        let group = args("--mode push --shared --ack explicit").config(&consumer);
        assert_eq!(
            (group["deliver_group"].as_str(), group.get("mem_storage")),
            (Some(GROUP), None)
        );
    }

    #[test]
    fn acks_of_what_others_got_are_refused() {
        assert!(args("--shared --ack all").check().is_err());
        assert!(args("--shared --ack explicit").check().is_ok());
    }
}
