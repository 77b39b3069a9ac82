//! The cast of a Vagus server: everything that has a mailbox and a supervisor.
//!
//! ```text
//! client -> Listener -> Clients -> Connection (reads, parses, looks up, writes) -> other clients
//!                                     |    \-> Feed -> plugin
//!                                     \-> SubjectShard (SUB, UNSUB: one writer a slice)
//! monitoring -> Census -> Connection
//! server <-> Route (messages, as bytes), and inside the same link control <-> control (calls)
//! ```
//!
//! - [`listener`] accepts, [`clients`] is the parent of every [`connection`];
//! - [`shard`] writes the interest that every publishing connection reads;
//! - [`cluster`] brings this server together with others, each behind a [`route`];
//! - [`control`] tells other servers how this one is, and asks them;
//! - [`gateway`] brings its cluster together with other clusters, behind links of the same kind;
//! - [`leafs`] makes it a leaf node of others, and takes theirs in, each behind a [`leaf`] link;
//! - [`census`] knows who is connected, and who was;
//! - [`metas`] is the parent of the JetStream [`meta`] of every account, which is the parent of its
//!   [`stream`]s, they of their [`consumer`]s and [`source`]s;
//! - [`system`] answers operators over NATS, and tells them what happens;
//! - [`callout`] asks services who clients are, [`ocsp`] authorities whether they may be;
//! - [`resolver`] knows the accounts of operators by their JWTs;
//! - [`plugins`] hosts actors of others;
//! - [`delivery`] is the machinery that all of them publish through, [`link`] that of links to
//!   other servers, [`broker`] what they share.

pub mod account;
pub mod accounts;
pub mod broker;
pub mod callout;
pub mod census;
pub mod clients;
pub mod cluster;
pub mod connection;
pub mod consumer;
pub mod control;
pub mod delivery;
pub mod gateway;
pub mod jetstream;
pub mod leaf;
pub mod leafs;
pub mod link;
pub mod listener;
pub mod meta;
pub mod metas;
pub mod ocsp;
pub mod plugins;
pub mod realm;
pub mod resolver;
pub mod root;
pub mod route;
pub mod shard;
pub mod source;
pub mod stream;
pub mod system;

pub use broker::{Broker, Cast, Settings};
