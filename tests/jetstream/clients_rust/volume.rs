//! More than fits into one read, one window or one page, while it is still coming.

use async_nats::jetstream::consumer::{AckPolicy, pull, push};
use async_nats::jetstream::{Context, kv};
use futures_util::{StreamExt, TryStreamExt};

use super::{filled, with_client};

const COUNT: u64 = 20_000;

/// Publishes all of it, many at a time.
async fn publish(js: Context) {
    let mut acks = std::collections::VecDeque::new();
    for n in 1..=COUNT {
        let payload = format!("{n:0200}");
        acks.push_back(js.publish(format!("s.{}", n % 7), payload.into()).await.unwrap());
        if acks.len() >= 1000 {
            acks.pop_front().unwrap().await.unwrap();
        }
    }
    for ack in acks {
        ack.await.unwrap();
    }
}

#[test]
fn all_comes_in_order_while_more_is_stored() {
    with_client(|js| async move {
        let stream = filled(&js, 0).await;
        let config =
            push::OrderedConfig { deliver_subject: js.client().new_inbox(), ..Default::default() };
        let mut pushed = stream.create_consumer(config).await.unwrap().messages().await.unwrap();
        let config = pull::OrderedConfig::default();
        let mut pulled = stream.create_consumer(config).await.unwrap().messages().await.unwrap();
        let publisher = tokio::spawn(publish(js.clone()));
        for seq in 1..=COUNT {
            let message = pushed.try_next().await.unwrap().unwrap();
            assert_eq!(message.info().unwrap().stream_sequence, seq);
            assert_eq!(message.payload.len(), 200);
            let message = pulled.try_next().await.unwrap().unwrap();
            assert_eq!(message.info().unwrap().stream_sequence, seq);
        }
        publisher.await.unwrap();
    });
}

#[test]
fn all_is_acknowledged_while_more_is_stored() {
    with_client(|js| async move {
        let stream = filled(&js, 0).await;
        let config = pull::Config {
            durable_name: Some("C".into()),
            ack_policy: AckPolicy::Explicit,
            ..Default::default()
        };
        let mut consumer = stream.create_consumer(config).await.unwrap();
        let mut messages = consumer.messages().await.unwrap();
        let publisher = tokio::spawn(publish(js.clone()));
        for seq in 1..=COUNT {
            let message = messages.try_next().await.unwrap().unwrap();
            let info = message.info().unwrap();
            assert_eq!((info.stream_sequence, info.delivered), (seq, 1));
            if seq < COUNT {
                message.ack().await.unwrap();
            } else {
                message.double_ack().await.unwrap();
            }
        }
        publisher.await.unwrap();
        let info = consumer.info().await.unwrap();
        assert_eq!((info.ack_floor.stream_sequence, info.num_ack_pending), (COUNT, 0));
    });
}

#[test]
fn thousands_of_keys_are_listed_and_watched() {
    with_client(|js| async move {
        let config = kv::Config { bucket: "B".into(), history: 2, ..Default::default() };
        let store = js.create_key_value(config).await.unwrap();
        for round in 0..2 {
            let mut acks = Vec::new();
            for n in 0..3000 {
                let value = (3000 * round + n).to_string();
                acks.push(js.publish(format!("$KV.B.key.{n}"), value.into()).await.unwrap());
            }
            for ack in acks {
                ack.await.unwrap();
            }
        }
        let keys: Vec<_> = store.keys().await.unwrap().try_collect().await.unwrap();
        assert_eq!(keys.len(), 3000);
        let mut watch = store.watch_with_history("key.*").await.unwrap();
        for n in 0..3000 {
            let entry = watch.next().await.unwrap().unwrap();
            assert_eq!((entry.revision, entry.delta), (3001 + n, 2999 - n));
            assert_eq!(entry.value, (3000 + n).to_string());
        }
    });
}
