//! Streams: what is configured, what is reported.

mod config;
mod info;
mod origin;
mod policy;
mod state;

pub use config::{ConsumerLimits, Placement, Republish, StreamConfig, SubjectTransform};
pub use info::{Alternate, ClusterInfo, PeerInfo, StreamInfo, StreamSourceInfo};
pub use origin::{ExternalStream, SourceConsumer, StreamSource};
pub use policy::{Compression, Discard, PersistMode, Retention, Storage};
pub use state::{LostStreamData, StreamState};
