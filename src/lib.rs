//! Vagus: a message broker that speaks the NATS protocol, built from supervised actors.

pub mod monitor;
pub mod server;

pub use server::{Builder, Server, StartError};
pub use vagus_config::Config;
/// What plugins are made of.
pub use vagus_plugin as plugin;
