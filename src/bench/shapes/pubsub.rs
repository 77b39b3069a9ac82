//! `pubsub`: N publishers, M subscribers, and every subscriber gets every message.

use serde_json::Value;

use super::stream::{self, Plan};
use super::{Context, Shape, check_subject};
use crate::args::{FlowArgs, PubsubArgs};
use crate::error::BenchError;
use crate::report::Outcome;

impl Shape for PubsubArgs {
    fn name(&self) -> &'static str {
        "pubsub"
    }

    fn settings(&self) -> Vec<(&'static str, Value)> {
        let mut settings = vec![("pubs", Value::from(self.pubs)), ("subs", Value::from(self.subs))];
        if self.pairs {
            settings.push(("pairs", Value::from(true)));
        }
        if self.stuck > 0 {
            settings.push(("stuck", Value::from(self.stuck)));
        }
        settings.extend(stream::settings(&self.flow));
        settings
    }

    fn check(&self) -> Result<(), BenchError> {
        if let Some(subject) = &self.sub_subject {
            check_subject(subject, true)?;
        }
        let refuse = |text: &str| Err(BenchError::Options(text.to_owned()));
        if self.pairs && self.pubs != self.subs {
            return refuse("--pairs needs as many --pubs as --subs");
        }
        if self.pairs && (self.flow.subjects > 1 || self.sub_subject.is_some()) {
            return refuse("--pairs gives each pair its subject: no --subjects, no --sub-subject");
        }
        stream::check(&self.flow)
    }

    fn run(&self, context: &Context<'_>) -> Result<Outcome, BenchError> {
        let plan = Plan {
            args: &self.flow,
            pubs: self.pubs,
            subs: self.subs,
            sub_subject: self.sub_subject.clone().unwrap_or_else(|| subject_of_all(&self.flow)),
            group: None,
            pairs: self.pairs,
            stuck: self.stuck,
        };
        stream::run(context, &plan)
    }
}

/// The subject, or the wildcard that takes in all the subjects of the cycle.
pub(super) fn subject_of_all(flow: &FlowArgs) -> String {
    if flow.subjects > 1 { format!("{}.*", flow.subject) } else { flow.subject.clone() }
}
