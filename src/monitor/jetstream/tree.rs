//! Streams and consumers: how they are ([`streams`]: the directory knows whom to ask), and their
//! actors ([`stream`], [`consumer`]), for who wants to know more.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};
use vagus_actors::consumer::messages::Survey as ConsumerSurvey;
use vagus_actors::jetstream::{JetStream, StreamEntry};
use vagus_actors::stream::messages::Survey as StreamSurvey;
use vagus_jetstream::consumer::ConsumerInfo;
use vagus_jetstream::stream::StreamInfo;
use vagus_runtime::{ActorCell, Name, Registry};

/// Kinds of actors.
pub(in crate::monitor) const STREAM: &str = "stream";
pub(in crate::monitor) const CONSUMER: &str = "consumer";
/// How long a page waits for those that are slow to tell.
const PATIENCE: Duration = Duration::from_secs(2);

/// A stream as it says it is.
#[derive(Debug, Default)]
pub(in crate::monitor) struct Stream {
    pub(in crate::monitor) name: String,
    /// `None` when it did not say in time.
    pub(in crate::monitor) info: Option<StreamInfo>,
    /// In the order of their names; those that said in time.
    pub(in crate::monitor) consumers: Vec<ConsumerInfo>,
}

/// A stream that was asked, and its consumers.
struct Asked {
    name: String,
    info: oneshot::Receiver<StreamInfo>,
    consumers: Vec<oneshot::Receiver<ConsumerInfo>>,
}

/// All streams in the order of their names, and, if asked for, their consumers. All are asked at
/// once.
pub(in crate::monitor) async fn streams(jetstream: &JetStream, consumers: bool) -> Vec<Stream> {
    let entries = jetstream.directory.streams();
    let asked: Vec<_> =
        entries.into_iter().map(|(name, entry)| ask(name, &entry, consumers)).collect();
    let deadline = Instant::now() + PATIENCE;
    let mut streams = Vec::with_capacity(asked.len());
    for asked in asked {
        let info = told(asked.info, deadline).await;
        let mut consumers = Vec::with_capacity(asked.consumers.len());
        for consumer in asked.consumers {
            consumers.extend(told(consumer, deadline).await);
        }
        consumers.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        streams.push(Stream { name: asked.name, info, consumers });
    }
    streams
}

fn ask(name: String, entry: &StreamEntry, consumers: bool) -> Asked {
    let (tell, info) = oneshot::channel();
    // Who is gone, or does not take it in, says nothing. Who waited too long does not listen.
    let _ = entry.survey.send_urgent(StreamSurvey(Box::new(move |info| drop(tell.send(info)))));
    let surveys = if consumers { entry.surveys() } else { Vec::new() };
    let consumers = surveys.into_iter().map(|survey| {
        let (tell, info) = oneshot::channel();
        let _ = survey.send_urgent(ConsumerSurvey(Box::new(move |info| drop(tell.send(info)))));
        info
    });
    Asked { name, info, consumers: consumers.collect() }
}

async fn told<T>(answer: oneshot::Receiver<T>, deadline: Instant) -> Option<T> {
    timeout_at(deadline, answer).await.ok()?.ok()
}

/// The actor of a stream.
pub(in crate::monitor) fn stream(
    actors: &Registry,
    account: &str,
    name: &str,
) -> Option<Arc<ActorCell>> {
    actors.cells(|cell| is_stream(cell, account, name)).into_iter().next()
}

/// The actor of a consumer.
pub(in crate::monitor) fn consumer(
    actors: &Registry,
    account: &str,
    stream: &str,
    name: &str,
) -> Option<Arc<ActorCell>> {
    let is_it = |cell: &ActorCell| is_consumer_of(cell, account, stream) && is_named(cell, name);
    actors.cells(is_it).into_iter().next()
}

pub(in crate::monitor) fn is_consumer_of(cell: &ActorCell, account: &str, stream: &str) -> bool {
    cell.kind() == CONSUMER
        && cell.parent().is_some_and(|parent| is_stream(parent, account, stream))
}

fn is_stream(cell: &ActorCell, account: &str, name: &str) -> bool {
    cell.kind() == STREAM
        && is_named(cell, name)
        && cell.parent().is_some_and(|parent| is_named(parent, account))
}

/// The account of the actor of a stream or a consumer.
pub(in crate::monitor) fn account_of(cell: &ActorCell) -> String {
    let parent = match cell.kind() {
        CONSUMER => cell.parent().and_then(|stream| stream.parent()),
        _ => cell.parent(),
    };
    parent.map(|meta| meta.name().to_string()).unwrap_or_default()
}

fn is_named(cell: &ActorCell, name: &str) -> bool {
    match cell.name() {
        Name::Text(text) => **text == *name,
        Name::Number(_) => false,
    }
}
