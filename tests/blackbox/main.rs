//! Black-box tests: a server process, sockets, files and signals, and nothing else.
//!
//! Every test starts a server of its own on free ports, so all of them may run at once. The server
//! is the `vagus` that Cargo built, or the program named by `VAGUS_TEST_SERVER`: pointing that at
//! nats-server is how we know that the tests, and not only our server, are right.
//! Row numbers in comments are those of the feature scorecard.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod harness;

mod auth;
mod bad_input;
mod barrier;
mod cli;
mod clients_node;
mod clients_python;
mod clients_rust;
mod config;
mod connections;
mod connz;
mod extensions;
mod headers;
mod limits;
mod mappings;
mod monitoring;
mod ops;
mod protocol;
mod queue;
mod signals;
mod slow;
mod split;
mod subscriptions;
mod tracing;
