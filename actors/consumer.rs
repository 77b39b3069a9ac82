//! One consumer.
#![allow(dead_code)]
mod flow;
mod pause;
mod pending;
mod priority;
mod progress;
mod push;
mod redelivery;
mod replay;
mod reset;
mod start;
mod state;
mod terms;
mod waiting;
