//! Byte by byte what nats-server 2.14.5 published.
use serde_json::json;

use super::*;

/// Looks at the subject behind its prefix, at the type, and at what follows the envelope's head.
fn check<E: Event>(event: &E, subject: &str, kind: &str, rest: &str) {
    let at = Time::from_nanos(1_795_246_014_489_995_637);
    let json = String::from_utf8(to_json(event, "N62t", at, "")).unwrap();
    let head = r#""id":"N62t","timestamp":"2026-11-21T07:26:54.489995637Z""#;
    assert_eq!(json, format!(r#"{{"type":"io.nats.jetstream.{kind}",{head},{rest}}}"#));
    assert_eq!(event.subject(), format!("$JS.EVENT.{subject}"));
}

#[test]
fn streams_are_told_about() {
    check(
        &StreamAction { stream: "T", action: Done::Modify },
        "ADVISORY.STREAM.UPDATED.T",
        "advisory.v1.stream_action",
        r#""stream":"T","action":"modify""#,
    );
    check(
        &BatchAbandoned { account: "", stream: "T", batch: "q", reason: BATCH_INCOMPLETE },
        "ADVISORY.STREAM.BATCH_ABANDONED.T",
        "advisory.v1.stream_batch_abandoned",
        r#""stream":"T","batch":"q","reason":"incomplete""#,
    );
    let client = json!({"acc": "$G"});
    check(
        &RestoreCreate { stream: "R", client: &client },
        "ADVISORY.STREAM.RESTORE_CREATE.R",
        "advisory.v1.restore_create",
        r#""stream":"R","client":{"acc":"$G"}"#,
    );
    check(
        &ApiAudit { server: "ref", client, subject: "$JS.API.INFO", request: "", response: "{}" },
        "ADVISORY.API",
        "advisory.v1.api_audit",
        r#""server":"ref","client":{"acc":"$G"},"subject":"$JS.API.INFO","response":"{}""#,
    );
}

#[test]
fn consumers_are_told_about() {
    let (stream, consumer) = ("T", "c");
    check(
        &ConsumerAction { stream, consumer, action: Done::Create },
        "ADVISORY.CONSUMER.CREATED.T.c",
        "advisory.v1.consumer_action",
        r#""stream":"T","consumer":"c","action":"create""#,
    );
    check(
        &ConsumerPaused { stream, consumer, paused: false, pause_until: Time::ZERO },
        "ADVISORY.CONSUMER.PAUSE.T.c",
        "advisory.v1.consumer_pause",
        r#""stream":"T","consumer":"c","paused":false,"pause_until":"0001-01-01T00:00:00Z""#,
    );
    check(
        &GroupPinned { account: "$G", stream, consumer, group: "g", id: "N62" },
        "ADVISORY.CONSUMER.PINNED.T.c",
        "advisory.v1.consumer_group_pinned",
        r#""account":"$G","stream":"T","consumer":"c","group":"g","pinned_id":"N62""#,
    );
    check(
        &GroupUnpinned { account: "$G", stream, consumer, group: "g", reason: UNPINNED_BY_ADMIN },
        "ADVISORY.CONSUMER.UNPINNED.T.c",
        "advisory.v1.consumer_group_unpinned",
        r#""account":"$G","stream":"T","consumer":"c","group":"g","reason":"admin""#,
    );
}

#[test]
fn deliveries_are_told_about() {
    let (stream, consumer) = ("T", "c");
    let (consumer_seq, stream_seq, deliveries) = (3, 2, 1);
    check(
        &AckSample { stream, consumer, consumer_seq, stream_seq, ack_time: 46329, deliveries },
        "METRIC.CONSUMER.ACK.T.c",
        "metric.v1.consumer_ack",
        concat!(
            r#""stream":"T","consumer":"c","consumer_seq":3,"stream_seq":2,"#,
            r#""ack_time":46329,"deliveries":1"#
        ),
    );
    check(
        &MaxDeliveries { stream, consumer, stream_seq, deliveries },
        "ADVISORY.CONSUMER.MAX_DELIVERIES.T.c",
        "advisory.v1.max_deliver",
        r#""stream":"T","consumer":"c","stream_seq":2,"deliveries":1"#,
    );
    check(
        &Naked { stream, consumer, consumer_seq, stream_seq, deliveries },
        "ADVISORY.CONSUMER.MSG_NAKED.T.c",
        "advisory.v1.nak",
        r#""stream":"T","consumer":"c","consumer_seq":3,"stream_seq":2,"deliveries":1"#,
    );
    check(
        &Terminated { stream, consumer, consumer_seq, stream_seq, deliveries, reason: "why" },
        "ADVISORY.CONSUMER.MSG_TERMINATED.T.c",
        "advisory.v1.terminated",
        concat!(
            r#""stream":"T","consumer":"c","consumer_seq":3,"stream_seq":2,"#,
            r#""deliveries":1,"reason":"why""#
        ),
    );
}

#[test]
fn a_domain_comes_last() {
    let json = to_json(&ApiLimitReached { server: "s", dropped: 3 }, "i", Time::ZERO, "D");
    let expected = concat!(
        r#"{"type":"io.nats.jetstream.advisory.v1.api_limit_reached","id":"i","#,
        r#""timestamp":"0001-01-01T00:00:00Z","server":"s","dropped":3,"domain":"D"}"#
    );
    assert_eq!(String::from_utf8(json).unwrap(), expected);
}
