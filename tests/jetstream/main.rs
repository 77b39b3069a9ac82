//! JetStream from outside: a server process with a store in a folder of its own, and raw requests.
//!
//! Every test starts its own server on free ports. The server is the `vagus` that Cargo built, or
//! the program named by `VAGUS_TEST_SERVER`: pointing that at nats-server is how we know that the
//! tests, and not only our server, are right. Where ours differs on purpose the test says why and
//! is skipped there. Row numbers in comments are those of the JetStream feature scorecard.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[allow(dead_code, unused_imports)]
#[path = "../blackbox/harness.rs"]
mod harness;
#[allow(dead_code)]
mod kit;

mod account;
mod accounts;
mod acks;
mod advisories;
mod api;
mod atomic;
mod buckets;
mod clients_node;
mod clients_python;
mod clients_rust;
mod consumer_config;
mod consumer_start;
mod consumers;
mod counters;
mod encryption;
mod explain;
mod fast;
mod flow;
mod get;
mod groups;
mod hostile;
mod limits;
mod mirrors;
mod model;
mod monitor;
mod monitoring;
mod offline;
mod ordered;
mod pause;
mod pressure;
mod publish;
mod pull;
mod purge;
mod push;
mod quotas;
mod recovery;
mod redelivery;
mod reset;
mod schedules;
mod snapshot;
mod sources;
mod stores;
mod streams;
mod tracing;
mod transforms;
mod ttl;
mod workers;
