//! Clusters: servers that find each other, share what is wanted, and get over each other's ends.
//!
//! Every server is a process of its own on random ports: the `vagus` that Cargo built, or the
//! program named by `VAGUS_TEST_SERVER`, such as nats-server.
//! Row numbers in comments are those of the feature scorecard.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[allow(dead_code, unused_imports)]
#[path = "../blackbox/harness.rs"]
mod harness;
mod kit;

mod compression;
mod crowd;
mod delivery;
mod faults;
#[allow(dead_code)]
mod fiend;
mod imports;
mod interest;
mod membership;
mod model;
mod network;
mod origins;
mod partitions;
mod permissions;
mod pool;
mod queues;
mod status;
mod strangers;
mod system;
mod tls;
#[allow(dead_code)]
#[path = "../security/tls_kit.rs"]
mod tls_kit;
mod tracing;
