//! Tests of logs.

mod damage;
pub(crate) mod kit;
mod life;
mod measure;
mod model;
mod stress;
