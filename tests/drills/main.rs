//! Fire drills: every kind of actor panics while clients are at work. What breaks, what comes back,
//! and what nobody else may notice. And the order of messages under load, which is what a drill
//! would disturb first.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod accounts;
mod churn;
mod connections;
mod end;
mod flow;
mod kit;
mod order;
mod others;
mod shards;
