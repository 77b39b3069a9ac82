//! Leaf nodes: of nats-server and of our own, at either end of a link.
//!
//! Every server is a process of its own on random ports. The tests that name a pair of servers run
//! with ours at both ends, and where a nats-server is found (`VAGUS_TEST_NATS_SERVER`, or the one
//! on the PATH) with that at each end too.
//! Row numbers in comments are those of the feature scorecard.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[allow(dead_code, unused_imports)]
#[path = "../blackbox/harness.rs"]
mod harness;
#[allow(dead_code, unused_imports)]
#[path = "../jetstream/kit.rs"]
mod jetstream;
mod kit;
mod ways;

mod access;
mod callout;
mod clusters;
mod compression;
#[path = "../cluster/crowd.rs"]
mod crowd;
mod domains;
mod events;
mod hello;
mod links;
mod model;
mod net;
mod operator;
#[allow(dead_code)]
#[path = "../security/operator_kit.rs"]
mod operator_kit;
mod pages;
mod places;
mod proxy;
mod reload;
mod rules;
mod tls;
mod websocket;
