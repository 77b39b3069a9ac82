//! Consumers: pull in its three forms, push, ordered ones, acknowledgements.

use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, Consumer, DeliverPolicy, pull, push};
use async_nats::jetstream::{AckKind, Message};
use futures_util::{StreamExt, TryStreamExt};

use super::{filled, with_client};

fn durable(name: &str) -> pull::Config {
    pull::Config {
        durable_name: Some(name.into()),
        ack_policy: AckPolicy::Explicit,
        ..Default::default()
    }
}

fn seq(message: &Message) -> u64 {
    message.info().unwrap().stream_sequence
}

#[test]
fn pull_in_batches_and_as_a_stream() {
    with_client(|js| async move {
        let stream = filled(&js, 20).await;
        let mut consumer = stream.create_consumer(durable("worker")).await.unwrap();
        let batch: Vec<_> =
            consumer.fetch().max_messages(5).messages().await.unwrap().try_collect().await.unwrap();
        assert_eq!(batch.iter().map(seq).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
        for message in &batch {
            message.double_ack().await.unwrap();
        }
        let info = consumer.info().await.unwrap();
        assert_eq!((info.ack_floor.stream_sequence, info.num_pending), (5, 15));
        let batch = consumer.batch().max_messages(5).expires(Duration::from_secs(5));
        let batch: Vec<_> = batch.messages().await.unwrap().try_collect().await.unwrap();
        assert_eq!(batch.iter().map(seq).collect::<Vec<_>>(), [6, 7, 8, 9, 10]);
        let mut messages = consumer
            .stream()
            .max_messages_per_batch(3)
            .heartbeat(Duration::from_millis(500))
            .expires(Duration::from_secs(2))
            .messages()
            .await
            .unwrap();
        for n in 11..=20 {
            let message = messages.try_next().await.unwrap().unwrap();
            assert_eq!(seq(&message), n);
            message.ack().await.unwrap();
        }
        // Still open: what comes now, comes.
        js.publish("s.21", "21".into()).await.unwrap().await.unwrap();
        assert_eq!(messages.try_next().await.unwrap().unwrap().payload, "21");
        // Nothing more: a fetch is empty, and ends at once.
        let rest: Vec<_> = consumer.fetch().messages().await.unwrap().collect().await;
        assert!(rest.is_empty());
    });
}

#[test]
fn a_request_for_bytes_ends_with_them() {
    with_client(|js| async move {
        let stream = filled(&js, 0).await;
        for _ in 0..5 {
            js.publish("s.x", vec![b'x'; 1000].into()).await.unwrap().await.unwrap();
        }
        let consumer = stream.create_consumer(durable("worker")).await.unwrap();
        let batch =
            consumer.batch().max_bytes(2500).max_messages(10).expires(Duration::from_secs(3));
        let got: Vec<_> = batch.messages().await.unwrap().collect().await;
        let sizes: Vec<_> =
            got.iter().filter_map(|it| it.as_ref().ok()).map(|m| m.payload.len()).collect();
        assert_eq!(sizes, [1000, 1000]);
    });
}

#[test]
fn every_kind_of_acknowledgement() {
    with_client(|js| async move {
        let stream = filled(&js, 4).await;
        let mut consumer = stream.create_consumer(durable("worker")).await.unwrap();
        let batch = consumer.batch().max_messages(4).messages().await.unwrap();
        let batch: Vec<_> = batch.try_collect().await.unwrap();
        batch[0].ack_with(AckKind::Nak(None)).await.unwrap();
        batch[1].double_ack_with(AckKind::Term).await.unwrap();
        batch[2].double_ack_with(AckKind::Progress).await.unwrap();
        let later = AckKind::Nak(Some(Duration::from_millis(200)));
        batch[3].double_ack_with(later).await.unwrap();
        let again = consumer.batch().max_messages(2).expires(Duration::from_secs(10));
        let again: Vec<_> = again.messages().await.unwrap().try_collect().await.unwrap();
        let told: Vec<_> = again.iter().map(|m| (seq(m), m.info().unwrap().delivered)).collect();
        assert_eq!(told, [(1, 2), (4, 2)]);
        for message in again.iter().chain([&batch[2]]) {
            message.double_ack().await.unwrap();
        }
        let info = consumer.info().await.unwrap();
        assert_eq!((info.ack_floor.stream_sequence, info.num_ack_pending), (4, 0));
    });
}

#[test]
fn push_alone_and_in_a_group() {
    with_client(|js| async move {
        let stream = filled(&js, 10).await;
        let config = push::Config {
            durable_name: Some("push".into()),
            deliver_subject: js.client().new_inbox(),
            ack_policy: AckPolicy::Explicit,
            flow_control: true,
            idle_heartbeat: Duration::from_millis(500),
            ..Default::default()
        };
        let consumer = stream.create_consumer(config).await.unwrap();
        let mut messages = consumer.messages().await.unwrap();
        for n in 1..=10 {
            let message = messages.next().await.unwrap().unwrap();
            assert_eq!(seq(&message), n);
            message.ack().await.unwrap();
        }
        let config = push::Config {
            name: Some("group".into()),
            deliver_subject: js.client().new_inbox(),
            deliver_group: Some("crew".into()),
            ..Default::default()
        };
        let consumer = stream.create_consumer(config).await.unwrap();
        let mut one = consumer.messages().await.unwrap();
        let mut two = consumer.messages().await.unwrap();
        let mut seen = Vec::new();
        while seen.len() < 10 {
            let message = tokio::select! {
                message = one.next() => message,
                message = two.next() => message,
            };
            seen.push(seq(&message.unwrap().unwrap()));
        }
        seen.sort_unstable();
        assert_eq!(seen, (1..=10).collect::<Vec<_>>());
    });
}

#[test]
fn ordered_consumers_survive_their_deletion() {
    with_client(|js| async move {
        let stream = filled(&js, 10).await;
        let pull = pull::OrderedConfig { filter_subject: "s.>".into(), ..Default::default() };
        let mut pulled = stream.create_consumer(pull).await.unwrap().messages().await.unwrap();
        let push =
            push::OrderedConfig { deliver_subject: js.client().new_inbox(), ..Default::default() };
        let mut pushed = stream.create_consumer(push).await.unwrap().messages().await.unwrap();
        for n in 1..=10 {
            assert_eq!(seq(&pulled.try_next().await.unwrap().unwrap()), n);
            assert_eq!(seq(&pushed.try_next().await.unwrap().unwrap()), n);
        }
        let names: Vec<_> = stream.consumer_names().try_collect().await.unwrap();
        assert_eq!(names.len(), 2);
        for name in &names {
            stream.delete_consumer(name).await.unwrap();
        }
        js.publish("s.11", "11".into()).await.unwrap().await.unwrap();
        assert_eq!(seq(&pulled.try_next().await.unwrap().unwrap()), 11);
    });
}

#[test]
fn consumers_are_managed() {
    with_client(|js| async move {
        let stream = filled(&js, 5).await;
        let mut config = durable("c");
        config.deliver_policy = DeliverPolicy::ByStartSequence { start_sequence: 2 };
        stream.create_consumer_strict(config.clone()).await.unwrap();
        config.max_deliver = 3;
        assert!(stream.create_consumer_strict(config.clone()).await.is_err());
        let consumer = stream.update_consumer(config).await.unwrap();
        assert_eq!(consumer.cached_info().config.max_deliver, 3);
        stream.get_or_create_consumer("d", durable("d")).await.unwrap();
        let mut names: Vec<_> = stream.consumer_names().try_collect().await.unwrap();
        names.sort();
        assert_eq!(names, ["c", "d"]);
        let mut infos: Vec<_> = stream.consumers().try_collect().await.unwrap();
        infos.sort_by(|a, b| a.name.cmp(&b.name));
        assert_eq!(infos[0].num_pending, 4);
        let until = infos[0].created + Duration::from_secs(3600);
        assert!(stream.pause_consumer("c", until).await.unwrap().paused);
        assert!(!stream.resume_consumer("c").await.unwrap().paused);
        let consumer: Consumer<pull::Config> = stream.get_consumer("c").await.unwrap();
        let got: Vec<_> = consumer.fetch().messages().await.unwrap().try_collect().await.unwrap();
        assert_eq!(got.iter().map(seq).collect::<Vec<_>>(), [2, 3, 4, 5]);
        assert_eq!(stream.reset_consumer("c", Some(4)).await.unwrap().reset_seq, 4);
        let got: Vec<_> = consumer.fetch().messages().await.unwrap().try_collect().await.unwrap();
        assert_eq!(got.iter().map(seq).collect::<Vec<_>>(), [4, 5]);
        assert!(stream.delete_consumer("c").await.unwrap().success);
        assert!(stream.get_consumer::<pull::Config>("c").await.is_err());
    });
}
