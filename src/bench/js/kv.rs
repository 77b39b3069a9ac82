//! `kv-get` and `kv-put`: a bucket as clients make it, its keys read at random or written in turn.

use serde_json::{Value, json};

use super::args::{JsKvArgs, JsKvGetArgs, JsKvPutArgs};
use super::asking::ask_all;
use super::fill::{Fill, fill};
use super::get::{GetLoad, Names, run_gets};
use super::puback::Tally;
use super::publish::{Plan, PubLoad, check_amount, check_stored, push_amount, push_tally};
use super::stream::{Streams, config, name_of};
use crate::error::BenchError;
use crate::metrics::Metrics;
use crate::report::Outcome;
use crate::shapes::{Context, Shape, check_size};

impl JsKvArgs {
    fn settings(&self) -> Vec<(&'static str, Value)> {
        let mut settings = vec![
            ("storage", Value::from(self.stream.storage.name())),
            ("keys", Value::from(self.keys)),
            ("history", Value::from(self.history)),
            ("size", Value::from(self.size)),
            ("connections", Value::from(self.connections)),
            ("window", Value::from(self.window)),
        ];
        push_amount(&mut settings, &self.amount);
        settings
    }

    /// Makes the bucket; returns its stream and the prefix of its keys.
    fn make(&self, context: &Context<'_>) -> Result<(Streams, String), BenchError> {
        let bucket = name_of(&self.stream);
        let extra = json!({
            "subjects": [format!("$KV.{bucket}.>")],
            "max_msgs_per_subject": self.history,
            "allow_direct": true,
            "allow_rollup_hdrs": true,
            "deny_delete": true,
            "discard": "new",
        });
        let config = config(&format!("KV_{bucket}"), &self.stream, &extra);
        let streams = Streams::make(context, &self.stream, &[config])?;
        check_size(self.size, streams.api.connection())?;
        Ok((streams, format!("$KV.{bucket}.key")))
    }

    fn get(&self, context: &Context<'_>) -> Result<Outcome, BenchError> {
        let (streams, prefix) = self.make(context)?;
        if !self.stream.existing {
            let what =
                Fill { subject: &prefix, subjects: self.keys, msgs: self.keys, size: self.size };
            fill(context, &what)?;
        }
        let stream = streams.names()[0].clone();
        let numbered = !self.stream.existing;
        let loads = (0..self.connections).map(|_| {
            let names = Names::Subjects(prefix.clone());
            GetLoad::new(&stream, names, self.keys, self.size, numbered)
        });
        let metrics = run_gets(context, loads.collect(), self.window, &self.amount, self.size)?;
        let server_version = streams.api.server_version().to_owned();
        streams.close()?;
        Ok(Outcome { server_version, metrics })
    }

    fn put(&self, context: &Context<'_>) -> Result<Outcome, BenchError> {
        let (mut streams, prefix) = self.make(context)?;
        let before = streams.states()?;
        let loads = (0..self.connections).map(|publisher| {
            PubLoad::new(&Plan {
                subjects: std::slice::from_ref(&prefix),
                count: self.keys,
                offset: self.keys * u64::from(publisher) / u64::from(self.connections),
                size: self.size,
                msg_id: false,
                publisher,
            })
        });
        let quota = self.amount.quota()?;
        let asked = ask_all(context, "a writer", loads.collect(), self.window, quota)?;
        let tally = Tally::sum(asked.loads.iter().map(PubLoad::tally));
        tally.judge(asked.answers, self.amount.errors_max)?;
        let mut metrics = Metrics::default();
        asked.push_to(&mut metrics, self.size);
        push_tally(&mut metrics, &tally);
        check_stored(&mut streams, before.last_seq, tally.stored)?;
        let kept_max = self.keys.saturating_mul(u64::from(self.history));
        let kept = streams.states()?.messages;
        if kept > kept_max {
            let text = format!("the bucket keeps {kept} values, {kept_max} at most were due");
            return Err(BenchError::Verify(text));
        }
        let server_version = streams.api.server_version().to_owned();
        streams.close()?;
        Ok(Outcome { server_version, metrics })
    }
}

// === impl Shape for JsKvGetArgs ===

impl Shape for JsKvGetArgs {
    fn name(&self) -> &'static str {
        "js kv-get"
    }

    fn settings(&self) -> Vec<(&'static str, Value)> {
        self.kv.settings()
    }

    fn check(&self) -> Result<(), BenchError> {
        check_amount(&self.kv.amount)
    }

    fn run(&self, context: &Context<'_>) -> Result<Outcome, BenchError> {
        self.kv.get(context)
    }
}

// === impl Shape for JsKvPutArgs ===

impl Shape for JsKvPutArgs {
    fn name(&self) -> &'static str {
        "js kv-put"
    }

    fn settings(&self) -> Vec<(&'static str, Value)> {
        self.kv.settings()
    }

    fn check(&self) -> Result<(), BenchError> {
        check_amount(&self.kv.amount)
    }

    fn run(&self, context: &Context<'_>) -> Result<Outcome, BenchError> {
        self.kv.put(context)
    }
}
