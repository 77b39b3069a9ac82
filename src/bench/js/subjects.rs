//! `subjects`: a stream of very many subjects with a message each, and the memory of it.

use serde_json::{Value, json};

use super::args::JsSubjectsArgs;
use super::asking::ask_all;
use super::fill::memory;
use super::puback::Tally;
use super::publish::{Plan, PubLoad, check_stored, one_stream};
use crate::clock::sleep;
use crate::error::BenchError;
use crate::metrics::Metrics;
use crate::publisher::Quota;
use crate::report::Outcome;
use crate::shapes::{Context, Shape, check_size, seconds};

impl Shape for JsSubjectsArgs {
    fn name(&self) -> &'static str {
        "js subjects"
    }

    fn settings(&self) -> Vec<(&'static str, Value)> {
        vec![
            ("storage", Value::from(self.stream.storage.name())),
            ("subjects", Value::from(self.subjects)),
            ("size", Value::from(self.size)),
            ("window", Value::from(self.window)),
            ("hold_seconds", Value::from(self.hold_seconds)),
        ]
    }

    fn check(&self) -> Result<(), BenchError> {
        seconds("hold-seconds", self.hold_seconds).map(|_| ())
    }

    fn run(&self, context: &Context<'_>) -> Result<Outcome, BenchError> {
        let (mut streams, name) = one_stream(context, &self.stream, &json!({}))?;
        check_size(self.size, streams.api.connection())?;
        let before = streams.states()?;
        let rss_before = memory(context)?;
        let load = PubLoad::new(&Plan {
            subjects: &[name],
            count: self.subjects,
            offset: 0,
            size: self.size,
            msg_id: false,
            publisher: 0,
        });
        let quota = Quota::Msgs(self.subjects);
        let asked = ask_all(context, "a publisher", vec![load], self.window, quota)?;
        let tally = Tally::sum(asked.loads.iter().map(PubLoad::tally));
        tally.judge(asked.answers, 0)?;
        check_stored(&mut streams, before.last_seq, tally.stored)?;
        let mut metrics = Metrics::default();
        asked.push_to(&mut metrics, self.size);
        sleep(seconds("hold-seconds", self.hold_seconds)?);
        if asked.spent.measured {
            let held = memory(context)?;
            let grown = held as f64 - rss_before as f64;
            metrics.push("server_rss_bytes_per_subject", grown / self.subjects as f64);
            metrics.push_count("server_rss_held_bytes", held);
        }
        let server_version = streams.api.server_version().to_owned();
        streams.close()?;
        Ok(Outcome { server_version, metrics })
    }
}
