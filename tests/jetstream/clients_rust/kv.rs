//! Key-value buckets.

use std::time::Duration;

use async_nats::jetstream::Context;
use async_nats::jetstream::kv::{
    Config, CreateErrorKind, Entry, Operation, Store, UpdateErrorKind,
};
use async_nats::jetstream::stream::{Source, SubjectTransform};
use futures_util::{StreamExt, TryStreamExt};

use super::with_client;

async fn bucket(js: &Context, history: i64) -> Store {
    let config = Config { bucket: "B".into(), history, ..Default::default() };
    js.create_key_value(config).await.unwrap()
}

fn told(entry: &Entry) -> (&str, Operation, u64) {
    (&entry.key, entry.operation, entry.revision)
}

// Row 117.
#[test]
fn values_are_put_and_got() {
    with_client(|js| async move {
        let kv = bucket(&js, 5).await;
        assert_eq!(kv.put("a.b", "one".into()).await.unwrap(), 1);
        assert_eq!(kv.get("a.b").await.unwrap().unwrap(), "one");
        assert_eq!(kv.get("none").await.unwrap(), None);
        assert_eq!(kv.create("c", "two".into()).await.unwrap(), 2);
        let error = kv.create("c", "again".into()).await.unwrap_err();
        assert_eq!(error.kind(), CreateErrorKind::AlreadyExists);
        assert_eq!(kv.update("a.b", "three".into(), 1).await.unwrap(), 3);
        let error = kv.update("a.b", "late".into(), 1).await.unwrap_err();
        assert_eq!(error.kind(), UpdateErrorKind::WrongLastRevision);
        let entry = kv.entry("a.b").await.unwrap().unwrap();
        assert_eq!((told(&entry), &entry.value[..]), (("a.b", Operation::Put, 3), &b"three"[..]));
        let entry = kv.entry_for_revision("a.b", 1).await.unwrap().unwrap();
        assert_eq!((entry.revision, &entry.value[..]), (1, &b"one"[..]));
        let status = kv.status().await.unwrap();
        assert_eq!((status.bucket(), status.history()), ("B", 5));
        let again = js.get_key_value("B").await.unwrap();
        assert_eq!(again.get("c").await.unwrap().unwrap(), "two");
        js.delete_key_value("B").await.unwrap();
        assert!(js.get_key_value("B").await.is_err());
    });
}

// Row 117.
#[test]
fn a_key_has_a_history_until_it_is_purged() {
    with_client(|js| async move {
        let kv = bucket(&js, 3).await;
        for n in 1..=4 {
            kv.put("k", n.to_string().into()).await.unwrap();
        }
        kv.put("other", "x".into()).await.unwrap();
        kv.delete("k").await.unwrap();
        assert_eq!(kv.get("k").await.unwrap(), None);
        let history: Vec<_> = kv.history("k").await.unwrap().try_collect().await.unwrap();
        let history: Vec<_> = history.iter().map(|e| (e.operation, e.revision)).collect();
        let put = Operation::Put;
        assert_eq!(history, [(put, 3), (put, 4), (Operation::Delete, 6)]);
        let keys: Vec<_> = kv.keys().await.unwrap().try_collect().await.unwrap();
        assert_eq!(keys, ["other"]);
        // A deleted key can be created again; a purged one has no past.
        assert_eq!(kv.create("k", "new".into()).await.unwrap(), 7);
        kv.purge("k").await.unwrap();
        let history: Vec<_> = kv.history("k").await.unwrap().try_collect().await.unwrap();
        assert_eq!(history.iter().map(told).collect::<Vec<_>>(), [("k", Operation::Purge, 8)]);
        assert!(kv.purge_expect_revision("other", Some(1)).await.is_err());
        kv.purge_expect_revision("other", Some(5)).await.unwrap();
        let keys: Vec<_> = kv.keys().await.unwrap().try_collect().await.unwrap();
        assert!(keys.is_empty(), "{keys:?}");
    });
}

// Row 117.
#[test]
fn a_bucket_is_watched() {
    with_client(|js| async move {
        let kv = bucket(&js, 5).await;
        for n in 1..=3 {
            kv.put("old", n.to_string().into()).await.unwrap();
        }
        let mut news = kv.watch("*").await.unwrap();
        let mut all = kv.watch_with_history("old").await.unwrap();
        let mut from = kv.watch_from_revision("old", 2).await.unwrap();
        let mut many = kv.watch_many(["old", "new"]).await.unwrap();
        kv.put("new", "x".into()).await.unwrap();
        kv.delete("old").await.unwrap();
        let (put, delete) = (Operation::Put, Operation::Delete);
        for wanted in [("new", put, 4), ("old", delete, 5)] {
            assert_eq!(told(&news.next().await.unwrap().unwrap()), wanted);
        }
        for wanted in [("old", put, 3), ("old", delete, 5)] {
            assert_eq!(told(&all.next().await.unwrap().unwrap()), wanted);
        }
        for wanted in [("old", put, 2), ("old", put, 3), ("old", delete, 5)] {
            assert_eq!(told(&from.next().await.unwrap().unwrap()), wanted);
        }
        for wanted in [("new", put, 4), ("old", delete, 5)] {
            assert_eq!(told(&many.next().await.unwrap().unwrap()), wanted);
        }
    });
}

// Row 118.
#[test]
fn a_key_expires_and_leaves_a_mark() {
    with_client(|js| async move {
        let config = Config {
            bucket: "B".into(),
            limit_markers: Some(Duration::from_secs(60)),
            ..Default::default()
        };
        let kv = js.create_key_value(config).await.unwrap();
        let mut watch = kv.watch_all().await.unwrap();
        kv.create_with_ttl("short", "x".into(), Duration::from_secs(1)).await.unwrap();
        kv.put("long", "y".into()).await.unwrap();
        let put = Operation::Put;
        assert_eq!(told(&watch.next().await.unwrap().unwrap()), ("short", put, 1));
        assert_eq!(told(&watch.next().await.unwrap().unwrap()), ("long", put, 2));
        let gone = watch.next().await.unwrap().unwrap();
        assert_eq!(told(&gone), ("short", Operation::Purge, 3));
        assert_eq!(kv.get("short").await.unwrap(), None);
        kv.purge_with_ttl("long", Duration::from_secs(1)).await.unwrap();
        assert_eq!(told(&watch.next().await.unwrap().unwrap()), ("long", Operation::Purge, 4));
    });
}

// Row 117.
#[test]
fn a_bucket_may_mirror_another() {
    with_client(|js| async move {
        let kv = bucket(&js, 1).await;
        kv.put("k", "v".into()).await.unwrap();
        let config = Config {
            bucket: "M".into(),
            mirror: Some(Source {
                name: "B".into(),
                subject_transforms: vec![SubjectTransform {
                    source: "$KV.B.>".into(),
                    destination: "$KV.M.>".into(),
                }],
                ..Default::default()
            }),
            ..Default::default()
        };
        let mirror = js.create_key_value(config).await.unwrap();
        let mut watch = mirror.watch_with_history("k").await.unwrap();
        let entry = watch.next().await.unwrap().unwrap();
        assert_eq!((entry.revision, &entry.value[..]), (1, &b"v"[..]));
        assert_eq!(mirror.get("k").await.unwrap().unwrap(), "v");
    });
}
