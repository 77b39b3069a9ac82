//! A consumer that is sent back, and the newer form of ack subjects.

use serde_json::{Value, json};

use crate::kit::{Js, has, ok, refused, seqs};

fn reset(js: &mut Js, body: impl Into<Value>) -> Value {
    js.api("CONSUMER.RESET.S.C", body)
}

// Row 115.
#[test]
fn a_consumer_goes_back_to_a_sequence() {
    let mut js = Js::start();
    js.filled(5);
    js.puller(json!({}));
    let messages = js.fetch(5);
    js.double_ack(&messages[0], "+ACK");
    js.double_ack(&messages[3], "-NAK");
    let answer = ok(reset(&mut js, json!({"seq": 2})));
    has(
        &answer,
        &json!({
            "type": "io.nats.jetstream.api.v1.consumer_reset_response",
            "stream_name": "S", "name": "C", "reset_seq": 2,
            "delivered": {"consumer_seq": 0, "stream_seq": 1},
            "ack_floor": {"consumer_seq": 0, "stream_seq": 1},
            "num_ack_pending": 0, "num_redelivered": 0, "num_pending": 4,
        }),
    );
    // As if nothing had ever been delivered or acknowledged.
    for mark in ["delivered", "ack_floor"] {
        assert_eq!(answer[mark], json!({"consumer_seq": 0, "stream_seq": 1}), "{mark}");
    }
    let again = js.fetch(4);
    let counts: Vec<_> = again.iter().map(|message| message.counts()).collect();
    assert_eq!(counts, [(2, 1, 1), (3, 2, 1), (4, 3, 1), (5, 4, 1)]);
}

// Row 115.
#[test]
fn a_consumer_goes_back_to_its_floor() {
    let mut js = Js::start();
    js.filled(5);
    js.puller(json!({}));
    let messages = js.fetch(4);
    js.double_ack(&messages[0], "+ACK");
    js.double_ack(&messages[1], "+ACK");
    has(&ok(reset(&mut js, "")), &json!({"reset_seq": 3, "num_pending": 3}));
    assert_eq!(seqs(&js.fetch(3)), [3, 4, 5]);
    js.restart();
    has(
        &js.consumer_info("C"),
        &json!({"delivered": {"consumer_seq": 3, "stream_seq": 5}, "num_ack_pending": 3}),
    );
}

// Row 115.
#[test]
fn a_waiting_request_is_served_after_a_reset() {
    let mut js = Js::start();
    js.filled(1);
    js.puller(json!({}));
    js.fetch(1);
    let sid = js.pull(json!({"batch": 1, "expires": 30_000_000_000_u64}));
    js.wait_consumer("C", |info| info["num_waiting"] == 1);
    ok(reset(&mut js, json!({"seq": 1})));
    assert_eq!(js.next(&sid).counts(), (1, 1, 1));
}

// Row 115.
#[test]
fn where_a_consumer_started_binds_it() {
    let mut js = Js::start();
    js.filled(5);
    js.puller(json!({"deliver_policy": "by_start_sequence", "opt_start_seq": 3}));
    refused(&reset(&mut js, json!({"seq": 2})), 10204, "invalid reset: below start seq");
    has(&ok(reset(&mut js, json!({"seq": 4}))), &json!({"reset_seq": 4, "num_pending": 2}));
    js.api("CONSUMER.DELETE.S.C", "");
    js.puller(json!({"deliver_policy": "new"}));
    refused(&reset(&mut js, json!({"seq": 2})), 10204, "invalid reset: not allowed");
    ok(reset(&mut js, ""));
}

// Row 116.
#[test]
fn ack_subjects_may_carry_domain_and_account() {
    let mut js = Js::start_with("", "feature_flags { js_ack_fc_v2: true }");
    js.filled(2);
    js.puller(json!({}));
    let sid = js.pull(json!({"batch": 2}));
    let (one, two) = (js.next(&sid), js.next(&sid));
    let reply = one.reply.clone().unwrap();
    let words: Vec<_> = reply.split('.').collect();
    assert_eq!(words.len(), 11, "{reply}");
    assert_eq!([&words[..3], &words[4..9]].concat(), ["$JS", "ACK", "_", "S", "C", "1", "1", "1"]);
    let hash = words[3];
    assert!(hash.len() == 8 && hash.bytes().all(|b| b.is_ascii_alphanumeric()), "{hash}");
    assert_eq!(words[10], "1");
    js.double_ack(&one, "+ACK");
    has(&js.consumer_info("C"), &json!({"ack_floor": {"stream_seq": 1}}));
    // The older form means the same.
    let time = two.reply.unwrap().split('.').nth(9).unwrap().to_owned();
    let answer = js.request(&format!("$JS.ACK.S.C.1.2.2.{time}.0"), &[], "+ACK");
    assert_eq!((answer.head.as_str(), answer.text()), ("", ""));
    has(&js.consumer_info("C"), &json!({"ack_floor": {"stream_seq": 2}, "num_ack_pending": 0}));
}

// Row 116.
#[test]
fn the_newer_form_is_always_understood() {
    let hash = account_hash();
    let mut js = Js::start();
    js.filled(1);
    js.puller(json!({}));
    let time = js.fetch(1)[0].delivery().time_ns;
    // The account is a part of the subject: nobody is there under another one.
    js.send(&format!("$JS.ACK._.xxxxxxxx.S.C.1.1.1.{time}.0"), &[], "+ACK");
    js.flush();
    has(&js.consumer_info("C"), &json!({"num_ack_pending": 1}));
    let answer = js.request(&format!("$JS.ACK._.{hash}.S.C.1.1.1.{time}.0"), &[], "+ACK");
    assert_eq!((answer.head.as_str(), answer.text()), ("", ""));
    has(&js.consumer_info("C"), &json!({"ack_floor": {"stream_seq": 1}, "num_ack_pending": 0}));
}

/// What a server that writes the newer form calls the global account.
fn account_hash() -> String {
    let mut js = Js::start_with("", "feature_flags { js_ack_fc_v2: true }");
    js.filled(1);
    js.puller(json!({}));
    let message = js.request("$JS.API.CONSUMER.MSG.NEXT.S.C", &[], "");
    message.reply.unwrap().split('.').nth(3).unwrap().to_owned()
}
