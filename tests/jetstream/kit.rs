//! What the tests are written with: a server with JetStream, a connection that asks and listens,
//! and words for what an answer must hold.

mod answer;
mod consuming;
mod js;
mod message;
mod nats;

#[allow(unused_imports)]
pub(crate) use answer::{has, ok, refused};
#[allow(unused_imports)]
pub(crate) use consuming::{Delivery, seqs};
pub(crate) use js::Js;
#[allow(unused_imports)]
pub(crate) use message::Msg;
#[allow(unused_imports)]
pub(crate) use nats::Nats;
