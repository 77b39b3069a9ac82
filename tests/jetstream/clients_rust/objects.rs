//! Object stores.

use async_nats::jetstream::object_store::{
    Config, GetErrorKind, ObjectMetadata, ObjectStore, UpdateMetadata,
};
use futures_util::{StreamExt, TryStreamExt};
use tokio::io::AsyncReadExt;

use super::with_client;

/// Bytes that do not repeat in step with the chunks.
fn content(size: usize) -> Vec<u8> {
    (0..size as u64).map(|n| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect()
}

async fn read(store: &ObjectStore, name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    store.get(name).await.unwrap().read_to_end(&mut bytes).await.unwrap();
    bytes
}

async fn names(store: &ObjectStore) -> Vec<String> {
    let infos: Vec<_> = store.list().await.unwrap().try_collect().await.unwrap();
    let mut names: Vec<_> = infos.into_iter().map(|info| info.name).collect();
    names.sort();
    names
}

// Row 119.
#[test]
fn objects_come_back_whole() {
    with_client(|js| async move {
        let config = Config { bucket: "O".into(), ..Default::default() };
        let store = js.create_object_store(config).await.unwrap();
        let data = content(5_000_000);
        let info = store.put("large", &mut data.as_slice()).await.unwrap();
        assert_eq!((info.size, info.chunks), (data.len(), 39));
        // The client compares the digest while it reads.
        assert!(read(&store, "large").await == data);
        store.put("empty", &mut &b""[..]).await.unwrap();
        assert_eq!(read(&store, "empty").await, b"");
        let metadata = ObjectMetadata {
            name: "small".into(),
            description: Some("d".into()),
            chunk_size: Some(10),
            ..Default::default()
        };
        let info = store.put(metadata, &mut &data[..95]).await.unwrap();
        assert!(info.chunks > 1, "{info:?}");
        assert_eq!(info.description.as_deref(), Some("d"));
        assert_eq!(read(&store, "small").await, &data[..95]);
        assert_eq!(names(&store).await, ["empty", "large", "small"]);
        assert_eq!(store.get("none").await.unwrap_err().kind(), GetErrorKind::NotFound);
    });
}

// Row 119.
#[test]
fn what_is_overwritten_or_deleted_takes_no_room() {
    with_client(|js| async move {
        let config = Config { bucket: "O".into(), ..Default::default() };
        let store = js.create_object_store(config).await.unwrap();
        store.put("a", &mut content(400_000).as_slice()).await.unwrap();
        store.put("b", &mut content(400_000).as_slice()).await.unwrap();
        let mut stream = js.get_stream("OBJ_O").await.unwrap();
        assert_eq!(stream.info().await.unwrap().state.messages, 10);
        store.put("a", &mut &b"short"[..]).await.unwrap();
        assert_eq!(read(&store, "a").await, b"short");
        store.delete("b").await.unwrap();
        // A chunk, its meta message, and the mark of what was deleted.
        assert_eq!(stream.info().await.unwrap().state.messages, 3);
        assert_eq!(names(&store).await, ["a"]);
        let update = UpdateMetadata { name: "c".into(), ..Default::default() };
        store.update_metadata("a", update).await.unwrap();
        assert_eq!(names(&store).await, ["c"]);
        let link = store.add_link("link", &store.get("c").await.unwrap()).await.unwrap();
        assert_eq!(link.name, "link");
        assert_eq!(read(&store, "link").await, b"short");
    });
}

// Row 119.
#[test]
fn a_sealed_store_is_read_only() {
    with_client(|js| async move {
        let config = Config { bucket: "O".into(), ..Default::default() };
        let mut store = js.create_object_store(config).await.unwrap();
        store.put("a", &mut &b"text"[..]).await.unwrap();
        store.seal().await.unwrap();
        assert!(store.put("b", &mut &b"text"[..]).await.is_err());
        let store = js.get_object_store("O").await.unwrap();
        assert_eq!(read(&store, "a").await, b"text");
        assert_eq!(names(&store).await, ["a"]);
        js.delete_object_store("O").await.unwrap();
        assert!(js.get_object_store("O").await.is_err());
    });
}

// Row 119.
#[test]
fn a_store_is_watched() {
    with_client(|js| async move {
        let config = Config { bucket: "O".into(), ..Default::default() };
        let store = js.create_object_store(config).await.unwrap();
        store.put("old", &mut &b"1"[..]).await.unwrap();
        let mut news = store.watch().await.unwrap();
        let mut all = store.watch_with_history().await.unwrap();
        store.put("new", &mut &b"2"[..]).await.unwrap();
        store.delete("old").await.unwrap();
        assert_eq!(all.next().await.unwrap().unwrap().name, "old");
        for watch in [&mut news, &mut all] {
            let put = watch.next().await.unwrap().unwrap();
            assert_eq!((put.name.as_str(), put.deleted), ("new", false));
            let deleted = watch.next().await.unwrap().unwrap();
            assert_eq!((deleted.name.as_str(), deleted.deleted), ("old", true));
        }
    });
}
