//! `STREAM.UPDATE`: another configuration.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use vagus_jetstream::api::StreamUpdateResponse;
use vagus_jetstream::stream::{Compression, StreamConfig};
use vagus_jetstream::{ApiError, codes, json};
use vagus_runtime::Cx;
use vagus_store::{CommitError, TableOp};

use super::messages::News;
use super::retention::Rule;
use super::rules::Rules;
use super::{Life, Stream};
use crate::consumer::messages::Wake;
use crate::delivery::Outlet;
use crate::jetstream::{Caller, keys};

impl Life {
    pub(super) fn update(&mut self, caller: Caller, config: StreamConfig, out: &mut Outlet<'_>) {
        let rules = match self.check_update(config) {
            Ok(rules) => rules,
            Err(error) => {
                // What the parent takes for the configuration by now is not.
                self.tell_parent();
                return self.answer_with::<StreamUpdateResponse>(&caller, Err(error), out);
            }
        };
        let bytes = json::to_vec(&*rules.config);
        self.state.log.stage_table(TableOp::Put(keys::CONFIG.into(), bytes.into()));
        self.open.then.push(Box::new(move |life, outcome, out, cx| {
            life.updated(caller, rules, outcome, out, cx);
        }));
    }

    fn check_update(&self, config: StreamConfig) -> Result<Rules, ApiError> {
        self.check_not_failing(codes::STREAM_UPDATE)?;
        let limits = config.consumer_limits;
        let violates = |one: &vagus_jetstream::consumer::ConsumerConfig| {
            (limits.inactive_threshold > 0 && one.inactive_threshold > limits.inactive_threshold)
                || (limits.max_ack_pending > 0 && one.max_ack_pending > limits.max_ack_pending)
        };
        let violating = self.consumers.iter().filter(|(_, one)| violates(&one.seat.config()));
        let names: Vec<&str> = violating.map(|(name, _)| name.as_str()).collect();
        if !names.is_empty() {
            let text = format!("change to limits violates consumers: {}", names.join(", "));
            return Err(codes::STREAM_UPDATE.with(text));
        }
        Rules::new(config).map_err(|error| codes::STREAM_UPDATE.with(error))
    }

    /// The new configuration is durable: from now on it holds.
    fn updated(
        &mut self,
        caller: Caller,
        rules: Rules,
        outcome: Result<(), CommitError>,
        out: &mut Outlet<'_>,
        cx: &mut Cx<'_, Stream>,
    ) {
        if let Err(error) = outcome {
            self.tell_parent();
            let error = codes::STREAM_UPDATE.with(error);
            return self.answer_with::<StreamUpdateResponse>(&caller, Err(error), out);
        }
        self.apply(rules);
        self.set_taps(cx);
        self.tell_parent();
        let subjects = &self.state.config().subjects;
        let registered = self.subjects.set(&self.js, &self.feed, subjects);
        cx.when(registered, move |me, (), cx| {
            me.turn(cx, |life, out, _| {
                let answer = StreamUpdateResponse { info: life.info() };
                life.answer_with(&caller, Ok(answer), out);
                life.tell_action("modify", out);
            });
        });
    }

    fn apply(&mut self, rules: Rules) {
        let was = self.state.rules.retention();
        self.state.rules = rules;
        let rules = &self.state.rules;
        let (rule, window) = (rules.retention(), rules.config.duplicate_window);
        self.state.log.set_compression(rules.config.compression != Compression::None);
        self.state.dedupe.set_window(window);
        self.state.retention.set_rule(rule);
        self.home.wants_progress.store(rule != Rule::Limits, Relaxed);
        let size_max = rules.max_msg_size.map_or(u64::MAX, |max| max as u64);
        self.home.msg_size_max.store(size_max, Relaxed);
        self.state.aged = 0;
        self.state.trim_all();
        if rule != was {
            self.resume_retention();
            // They tell where they stand now that it matters.
            for child in self.consumers.values() {
                let _ = child.handle.send_urgent(Wake);
            }
        }
        if !self.state.rules.config.allow_atomic || !self.state.rules.config.allow_batched {
            self.drop_batches_not_allowed();
        }
        self.charge();
    }

    fn tell_parent(&self) {
        let (name, config) = (self.state.name().to_owned(), Arc::clone(self.state.config()));
        // A parent that is gone needs no news.
        let _ = self.news.send_urgent(News::Updated { name, config });
    }
}
