//! Black-box tests: a server process, sockets, files and signals, and nothing else.
//!
//! Every test starts a server of its own on free ports, so all of them may run at once. The server is
//! the `vagus` that Cargo built, or the program named by `VAGUS_TEST_SERVER`: pointing that at
//! nats-server is how we know that the tests, and not only our server, are right.
//! Row numbers in comments are those of the feature scorecard.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod harness;

mod bad_input;
mod barrier;
mod connections;
mod headers;
mod limits;
mod protocol;
mod queue;
mod slow;
mod split;
mod subscriptions;
