//! `queue`: publishers and one queue group; each message goes to one member of it.

use serde_json::Value;

use super::pubsub::subject_of_all;
use super::stream::{self, Plan};
use super::{Context, Shape, check_subject};
use crate::args::QueueArgs;
use crate::error::BenchError;
use crate::report::Outcome;

impl Shape for QueueArgs {
    fn name(&self) -> &'static str {
        "queue"
    }

    fn settings(&self) -> Vec<(&'static str, Value)> {
        let mut settings =
            vec![("pubs", Value::from(self.pubs)), ("members", Value::from(self.members))];
        settings.extend(stream::settings(&self.flow));
        settings
    }

    fn check(&self) -> Result<(), BenchError> {
        check_subject(&self.group, false)?;
        stream::check(&self.flow)
    }

    fn run(&self, context: &Context<'_>) -> Result<Outcome, BenchError> {
        let plan = Plan {
            args: &self.flow,
            pubs: self.pubs,
            subs: self.members,
            sub_subject: subject_of_all(&self.flow),
            group: Some(&self.group),
            pairs: false,
            stuck: 0,
        };
        stream::run(context, &plan)
    }
}
