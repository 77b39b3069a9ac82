//! `js ...`: loads JetStream: streams that are published to, consumed, asked for messages, or
//! just there. One shape is one file in `js/`, beside what they share:
//!
//! `api` (requests that make and delete streams) and `asker` (requests under way on a connection,
//! as publishing with acks, gets and creations all are) with `asking`, which runs many of them;
//! `puback` and `acksubject`, what the server says.
//!
//! A run makes its streams, and deletes them whatever happens.

mod acksubject;
mod api;
pub mod args;
mod asker;
mod asking;
mod bits;
mod consume;
mod crowd;
mod disk;
mod fast;
mod fill;
mod get;
mod kv;
mod puback;
mod publish;
mod stream;
mod subjects;

use self::args::JsShapeArgs;
use crate::shapes::Shape;

/// The shape that the command line names.
pub(crate) fn shape(args: &JsShapeArgs) -> &dyn Shape {
    match args {
        JsShapeArgs::Pub(shape) => shape,
        JsShapeArgs::Fast(shape) => shape,
        JsShapeArgs::Consume(shape) => shape,
        JsShapeArgs::Get(shape) => shape,
        JsShapeArgs::KvGet(shape) => shape,
        JsShapeArgs::KvPut(shape) => shape,
        JsShapeArgs::Consumers(shape) => shape,
        JsShapeArgs::Streams(shape) => shape,
        JsShapeArgs::Subjects(shape) => shape,
        JsShapeArgs::Disk(shape) => shape,
    }
}
