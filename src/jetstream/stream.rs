//! Streams: what is configured and by which rules, what is reported.
//!
//! A configuration as it was sent goes through [`StreamConfig::for_create`] or
//! [`StreamConfig::for_update`], which fill in what was left out and refuse what can't be; what
//! comes out is what a stream works with, is stored, and is shown.

mod account;
mod config;
mod defaults;
mod features;
mod info;
mod level;
mod origin;
mod origins;
mod policy;
mod rules;
mod state;
mod subjects;
mod update;

pub use account::{Reserved, check_account};
pub use config::{ConsumerLimits, Placement, Republish, StreamConfig, SubjectTransform};
pub use info::{Alternate, ClusterInfo, PeerInfo, StreamInfo, StreamSourceInfo};
pub use origin::{ExternalStream, SourceConsumer, StreamSource};
pub use policy::{Compression, Discard, PersistMode, Retention, Storage};
pub use rules::StreamRules;
pub use state::{LostStreamData, StreamState};
pub use subjects::overlap;

#[cfg(test)]
mod tests;
