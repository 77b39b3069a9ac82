//! Consumers: what is configured, what is reported.

mod config;
mod info;
mod policy;

pub use config::ConsumerConfig;
pub use info::{ConsumerInfo, PriorityGroupState, SequenceInfo};
pub use policy::{AckPolicy, DeliverPolicy, PriorityPolicy, ReplayPolicy};
