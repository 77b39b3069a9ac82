//! The door for actors of others: what a plugin of a Vagus server is made of.
//!
//! A plugin is a struct that lives inside the server, with a place in its tree of actors. It is
//! one of two things, and each is one trait:
//!
//! - a **subscriber** ([`Plugin`]) gets messages in batches and may publish;
//! - a **service** ([`Service`]) answers requests, and is found by every NATS tool that looks for
//!   services (`nats micro list`).
//!
//! ```
//! use serde::Deserialize;
//! use vagus_plugin::{Batch, Cx, Error, Plugin, Subscription};
//!
//! /// Counts orders, and tells about those that are large.
//! struct Audit {
//!     config: AuditConfig,
//!     seen: u64,
//! }
//!
//! /// Written as `plugins { audit { large: 5000 } }` in the server's configuration file.
//! #[derive(Deserialize)]
//! #[serde(default, deny_unknown_fields)]
//! struct AuditConfig {
//!     large: usize,
//! }
//!
//! impl Default for AuditConfig {
//!     fn default() -> Self {
//!         Self { large: 1000 }
//!     }
//! }
//!
//! impl Audit {
//!     fn new(config: AuditConfig) -> Result<Self, Error> {
//!         Ok(Self { config, seen: 0 })
//!     }
//! }
//!
//! impl Plugin for Audit {
//!     const NAME: &'static str = "audit";
//!     type Config = AuditConfig;
//!
//!     fn subscriptions(&self) -> Vec<Subscription> {
//!         vec![Subscription::new("orders.>")]
//!     }
//!
//!     fn on_messages(&mut self, batch: &mut Batch, cx: &mut Cx<'_, Self>) {
//!         for message in batch {
//!             self.seen += 1;
//!             if message.payload().len() > self.config.large {
//!                 // Only an invalid subject or a payload above the limit is refused.
//!                 let _ = cx.publish("audit.large", message.subject());
//!             }
//!         }
//!     }
//! }
//! ```
//!
//! It moves in with `vagus::Server::builder().plugin(Audit::new)`.
//!
//! # What can be relied on
//! - **One thread.** All methods of a plugin run on one thread, its arbiter, never two at a time:
//!   a plugin needs no lock and need not be `Send`. It must not block that thread; what takes
//!   time is a future ([`Cx::when`], [`Answer::later`]).
//! - **No copies.** A batch is what one read of a publisher's socket held; a [`Message`] is a view
//!   of its bytes.
//! - **Order.** Messages of one publisher come in the order sent. What is published in a turn
//!   leaves in that order when the turn ends.
//! - **At most once.** Up to [`Plugin::PENDING_MAX`] bytes wait for a plugin that is behind. What
//!   comes on top is dropped, and counted in the plugin's observable state; publishers never wait.
//! - **Failure.** A plugin that panics is made anew by its factory, with its configuration, after
//!   a back-off. The message that did it is lost, those behind it wait. While there is no instance
//!   its subscriptions are withdrawn. One that fails too often is left out, and the server goes on
//!   without it. One that can't be made when the server starts keeps the server from starting.
//!
//! # Table of contents
//! - `plugin`, `subscription`, `batch`, `message`: a subscriber and what it is given;
//! - `context`, `publisher`, `headers`: what it can do in its turn;
//! - `service` with `endpoint`, `answer`, and under it discovery;
//! - `host`: the server's side of the door, of no use to plugins.

mod batch;
mod context;
mod headers;
#[doc(hidden)]
pub mod host;
mod message;
mod plugin;
mod publisher;
mod service;
mod subscription;

pub use batch::Batch;
pub use context::Cx;
pub use headers::{HeaderError, Headers};
pub use message::Message;
pub use plugin::{Error, Plugin};
pub use publisher::{Outgoing, PublishError, Publisher};
pub use service::{Answer, DefinitionError, Endpoint, Response, Service, ServiceError};
pub use subscription::Subscription;
