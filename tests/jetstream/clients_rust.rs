//! JetStream with the official Rust client, driven as its users drive it.

use std::future::Future;

use async_nats::jetstream::{self, Context, stream};

use crate::harness::{DEADLINE, Server};

mod consumers;
mod kv;
mod objects;
mod streams;
mod volume;

/// Runs `body` on a runtime of its own with a JetStream context, within the deadline.
#[track_caller]
fn with_client<F: Future<Output = ()>>(body: impl FnOnce(Context) -> F) {
    let store = tempfile::tempdir().unwrap();
    let conf = format!("jetstream {{ store_dir: \"{}\" }}", store.path().display());
    let server = Server::start(&conf);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let url = format!("nats://127.0.0.1:{}", server.port);
    let late = runtime.block_on(async {
        let client = async_nats::connect(url).await.unwrap();
        tokio::time::timeout(DEADLINE, body(jetstream::new(client))).await
    });
    late.expect("the client did not get to the end");
}

/// A stream `S` on `s.>` with `count` messages that say their number, from 1.
async fn filled(js: &Context, count: u64) -> stream::Stream {
    let config = stream::Config {
        name: "S".into(),
        subjects: vec!["s.>".into()],
        allow_direct: true,
        ..Default::default()
    };
    let stream = js.create_stream(config).await.unwrap();
    for n in 1..=count {
        let ack = js.publish(format!("s.{n}"), n.to_string().into()).await.unwrap().await.unwrap();
        assert_eq!((ack.stream.as_str(), ack.sequence), ("S", n));
    }
    stream
}
