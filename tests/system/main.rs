//! The system's account: what operators ask for over NATS, and what they are told.
//!
//! As in the black-box tests, every test starts a server of its own; the server is the `vagus` that
//! Cargo built, or the program named by `VAGUS_TEST_SERVER`, such as nats-server.
//! Row numbers in comments are those of the feature scorecard.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[allow(dead_code, unused_imports)]
#[path = "../blackbox/harness.rs"]
mod harness;
mod kit;
#[allow(dead_code)]
#[path = "../security/operator_kit.rs"]
mod operator_kit;

mod accounts;
mod events;
mod explain;
mod operator;
mod orders;
mod pages;
mod storms;
