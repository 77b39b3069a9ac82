//! Tests of logs.

mod damage;
pub(crate) mod kit;
mod measure;
mod model;
