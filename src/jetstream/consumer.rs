//! Consumers: what is configured and by which rules, what is reported.
//!
//! A request becomes a configuration with a name through [`identify`], then goes through
//! [`ConsumerConfig::for_create`] or [`ConsumerConfig::for_update`].

mod config;
mod defaults;
mod identity;
mod info;
mod kinds;
mod level;
mod policy;
mod priority;
mod queue;
mod rules;
mod start;
mod update;

pub use config::ConsumerConfig;
pub use identity::identify;
pub use info::{ConsumerInfo, PriorityGroupState, SequenceInfo};
pub use policy::{AckPolicy, DeliverPolicy, PriorityPolicy, ReplayPolicy};
pub use priority::is_group_name;
pub use queue::check_queue;
pub use rules::{ConsumerRules, sampling};

#[cfg(test)]
mod tests;
