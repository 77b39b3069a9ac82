//! Superclusters: clusters that find each other, share what is wanted, and get over each other's
//! ends.
//!
//! Every server is a process of its own on random ports: the `vagus` that Cargo built.
//! Row numbers in comments are those of the feature scorecard.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[allow(dead_code, unused_imports)]
#[path = "../blackbox/harness.rs"]
mod harness;
mod kit;
#[path = "../leaf/net.rs"]
mod net;

#[path = "../cluster/crowd.rs"]
mod crowd;
mod delivery;
mod faults;
#[allow(dead_code)]
#[path = "../cluster/fiend.rs"]
mod fiend;
mod leafs;
mod membership;
mod queues;
mod requests;
mod status;
mod strangers;
mod tls;
#[allow(dead_code)]
#[path = "../security/tls_kit.rs"]
mod tls_kit;
mod tracing;
