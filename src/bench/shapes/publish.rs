//! `pub`: publish to a subject that nobody wants; ends when the server has read it all.

use serde_json::Value;

use super::stream::{self, Plan};
use super::{Context, Shape};
use crate::args::PubArgs;
use crate::error::BenchError;
use crate::report::Outcome;

impl Shape for PubArgs {
    fn name(&self) -> &'static str {
        "pub"
    }

    fn settings(&self) -> Vec<(&'static str, Value)> {
        let mut settings = vec![("pubs", Value::from(self.pubs))];
        settings.extend(stream::settings(&self.flow));
        settings
    }

    fn check(&self) -> Result<(), BenchError> {
        if self.flow.window > 0 {
            return Err(BenchError::Options("--window needs subscribers".to_owned()));
        }
        stream::check(&self.flow)
    }

    fn run(&self, context: &Context<'_>) -> Result<Outcome, BenchError> {
        let plan = Plan {
            args: &self.flow,
            pubs: self.pubs,
            subs: 0,
            sub_subject: String::new(),
            group: None,
            pairs: false,
            stuck: 0,
        };
        stream::run(context, &plan)
    }
}
