//! Streams: publishing with its checks, reading back, listing, purging.

use async_nats::HeaderMap;
use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::context::PublishErrorKind;
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::{Config, StorageType};
use futures_util::TryStreamExt;

use super::{filled, with_client};

#[test]
fn streams_are_made_changed_listed_and_deleted() {
    with_client(|js| async move {
        let mut stream = filled(&js, 6).await;
        let info = stream.info().await.unwrap();
        assert_eq!((info.state.messages, info.state.first_sequence), (6, 1));
        let mut config = info.config.clone();
        config.max_messages = 4;
        assert_eq!(js.update_stream(config).await.unwrap().config.max_messages, 4);
        let info = stream.info_with_subjects("s.>").await.unwrap();
        let subjects: Vec<_> = info.try_collect().await.unwrap();
        assert_eq!(subjects.len(), 4);
        assert_eq!(js.stream_by_subject("s.x").await.unwrap(), "S");
        let memory = Config {
            name: "M".into(),
            subjects: vec!["m".into()],
            storage: StorageType::Memory,
            ..Default::default()
        };
        js.get_or_create_stream(memory.clone()).await.unwrap();
        js.get_or_create_stream(memory).await.unwrap();
        let mut names: Vec<_> = js.stream_names().try_collect().await.unwrap();
        names.sort();
        assert_eq!(names, ["M", "S"]);
        let infos: Vec<_> = js.streams().try_collect().await.unwrap();
        assert_eq!(infos.len(), 2);
        assert_eq!(stream.purge().filter("s.4").await.unwrap().purged, 1);
        assert_eq!(stream.purge().keep(1).await.unwrap().purged, 2);
        assert_eq!(js.query_account().await.unwrap().streams, 2);
        assert!(js.delete_stream("M").await.unwrap().success);
        let error = js.get_stream("M").await.unwrap_err().to_string();
        assert!(error.contains("10059"), "{error}");
    });
}

#[test]
fn publishing_is_acknowledged_and_checked() {
    with_client(|js| async move {
        filled(&js, 1).await;
        let message = || PublishMessage::build().payload("x".into()).message_id("one");
        let first = js.send_publish("s.a", message()).await.unwrap().await.unwrap();
        let again = js.send_publish("s.a", message()).await.unwrap().await.unwrap();
        assert_eq!((first.sequence, first.duplicate), (2, false));
        assert_eq!((again.sequence, again.duplicate), (2, true));
        let late = PublishMessage::build().expected_last_sequence(7);
        let error = js.send_publish("s.a", late).await.unwrap().await.unwrap_err();
        assert_eq!(error.kind(), PublishErrorKind::WrongLastSequence);
        let right = PublishMessage::build().expected_last_subject_sequence(2).expected_stream("S");
        assert_eq!(js.send_publish("s.a", right).await.unwrap().await.unwrap().sequence, 3);
        let error = js.publish("nowhere", "".into()).await.unwrap().await.unwrap_err();
        assert_eq!(error.kind(), PublishErrorKind::StreamNotFound);
        // Many at once, their answers afterwards and in order.
        let mut acks = Vec::new();
        for n in 0..500 {
            acks.push(js.publish("s.many", n.to_string().into()).await.unwrap());
        }
        for (seq, ack) in (4..).zip(acks) {
            assert_eq!(ack.await.unwrap().sequence, seq);
        }
    });
}

#[test]
fn messages_are_read_back_and_deleted() {
    with_client(|js| async move {
        let stream = filled(&js, 3).await;
        let mut headers = HeaderMap::new();
        headers.append("Colour", "red");
        headers.append("Size", "7");
        let ack = js.publish_with_headers("s.1", headers.clone(), "body".into()).await.unwrap();
        assert_eq!(ack.await.unwrap().sequence, 4);
        for message in [
            stream.get_raw_message(4).await.unwrap(),
            stream.direct_get(4).await.unwrap(),
            stream.get_last_raw_message_by_subject("s.1").await.unwrap(),
            stream.direct_get_last_for_subject("s.1").await.unwrap(),
            stream.direct_get_next_for_subject("s.1", Some(2)).await.unwrap(),
        ] {
            assert_eq!((message.subject.as_str(), message.sequence), ("s.1", 4));
            assert_eq!(message.payload, "body");
            assert_eq!(message.headers.get("Colour").unwrap().as_str(), "red");
            assert_eq!(message.headers.get("Size").unwrap().as_str(), "7");
        }
        assert!(stream.delete_message(2).await.unwrap());
        assert!(stream.get_raw_message(2).await.is_err());
        assert!(stream.direct_get(2).await.is_err());
        let answer: async_nats::jetstream::response::Response<serde_json::Value> =
            js.request("STREAM.MSG.GET.S", &serde_json::json!({"seq": 2})).await.unwrap();
        let async_nats::jetstream::response::Response::Err { error } = answer else {
            panic!("{answer:?}")
        };
        assert_eq!(error.error_code(), ErrorCode::NO_MESSAGE_FOUND);
    });
}
