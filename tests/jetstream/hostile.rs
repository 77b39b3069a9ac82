//! What no client of good will sends. The server may refuse it, ignore it or answer nonsense with
//! sense; afterwards everything is as it was.

use serde_json::{Value, json};

use crate::kit::{Js, has};

fn start() -> Js {
    let mut js = Js::start();
    js.create(json!({
        "name": "S", "subjects": ["s.>"], "allow_direct": true, "allow_msg_ttl": true,
        "allow_rollup_hdrs": true, "allow_atomic": true, "allow_batched": true,
        "allow_msg_schedules": true,
    }));
    js.create(json!({"name": "C", "subjects": ["c.>"], "allow_msg_counter": true}));
    js.consumer("S", "P", json!({"durable_name": "P", "ack_policy": "explicit"}));
    js.stored("s.a", "x", 1);
    js
}

/// The server is there and has lost and gained nothing.
#[track_caller]
fn unharmed(js: &mut Js, messages: u64) {
    has(&js.state("S"), &json!({"messages": messages, "consumer_count": 1}));
    assert_eq!(js.get("S", 1).text(), "x");
    assert_eq!(js.api("STREAM.NAMES", "")["streams"], json!(["C", "S"]));
    let info = js.api("CONSUMER.INFO.S.P", "");
    assert_eq!(info["name"], "P");
}

fn bodies() -> Vec<Vec<u8>> {
    let mut bodies: Vec<Vec<u8>> = [
        "{",
        "}",
        "[]",
        "null",
        "true",
        "\"\"",
        "{\"",
        "{\"name\":",
        "{\"seq\":-1}",
        "{\"seq\":1.5}",
        "{\"seq\":1e99}",
        "{\"seq\":\"1\"}",
        "{\"seq\":99999999999999999999999}",
        "{\"batch\":-5}",
        "{\"name\":null}",
        "{\"name\":{}}",
        "{\"name\":\"\\u0000\"}",
        "{\"name\":\"\\ud800\"}",
        "{\"filter\":\"a..b\"}",
        "{\"filter\":\"\\u0000\"}",
        "{\"keep\":-1}",
        "{\"offset\":-9}",
        "{\"offset\":9223372036854775807}",
        "{\"deliver_subject\":\"\"}",
        "{\"config\":[]}",
        "{\"subjects_filter\":\"a b\"}",
        "{\"expires\":-1}",
        "{\"last_by_subj\":\"..\"}",
        "{\"start_time\":\"yesterday\"}",
        "{\"multi_last\":[]}",
        "{\"multi_last\":[\"\"]}",
        "{\"batch\":18446744073709551615,\"next_by_subj\":\">\",\"seq\":18446744073709551615}",
    ]
    .map(|text| text.as_bytes().to_vec())
    .into();
    bodies.push(vec![0xff; 64]);
    bodies.push(b"{\"name\":\"\xff\xfe\"}".to_vec());
    bodies.push(vec![b'['; 100_000]);
    bodies.push([b"{\"a\":".repeat(50_000), b"1".to_vec()].concat());
    bodies.push(format!("{{\"name\":\"{}\"}}", "n".repeat(500_000)).into_bytes());
    bodies
}

#[test]
fn bad_requests_do_no_harm() {
    let mut js = start();
    for endpoint in [
        "INFO",
        "STREAM.CREATE.S",
        "STREAM.CREATE.N",
        "STREAM.UPDATE.S",
        "STREAM.NAMES",
        "STREAM.LIST",
        "STREAM.INFO.S",
        "STREAM.MSG.GET.S",
        "STREAM.SNAPSHOT.S",
        "STREAM.RESTORE.N",
        "STREAM.MSG.DELETE.S",
        "DIRECT.GET.S",
        "DIRECT.GET.S.s.a",
        "CONSUMER.CREATE.S.P",
        "CONSUMER.CREATE.S",
        "CONSUMER.DURABLE.CREATE.S.P",
        "CONSUMER.NAMES.S",
        "CONSUMER.LIST.S",
        "CONSUMER.INFO.S.P",
        "CONSUMER.PAUSE.S.P",
        "CONSUMER.UNPIN.S.P",
        "CONSUMER.RESET.S.P",
        "STREAM.LEADER.STEPDOWN.S",
        "STREAM.CREATE",
        "STREAM.CREATE.S.S",
        "CONSUMER.CREATE",
        "CONSUMER.INFO.S",
        "STREAM.INFO",
        "CONSUMER.CREATE.S.P.s.*.>",
        "CONSUMER.DELETE.S",
        "STREAM.DELETE",
    ] {
        for body in bodies() {
            js.send_reply(&format!("$JS.API.{endpoint}"), "nobody", &[], body);
        }
        unharmed(&mut js, 1);
    }
}

#[test]
fn bad_headers_do_no_harm() {
    let mut js = start();
    let long = "9".repeat(100_000 / 2);
    for name in [
        "Nats-Expected-Last-Sequence",
        "Nats-Expected-Last-Subject-Sequence",
        "Nats-TTL",
        "Nats-Incr",
        "Nats-Rollup",
        "Nats-Batch-Sequence",
        "Nats-Batch-Id",
        "Nats-Schedule",
        "Nats-Expected-Last-Subject-Sequence-Subject",
        "Nats-Batch-Commit",
        "Nats-Schedule-TTL",
        "Nats-Required-Api-Level",
        "Nats-Expected-Stream",
        "Nats-Scheduler",
    ] {
        for value in [
            "-1",
            "99999999999999999999999999",
            "1.5",
            "0x10",
            "NaN",
            "",
            " ",
            ">",
            "a..b",
            "9999999999h",
            "9223372036854775807",
            "-9223372036854775808h",
            "@every 9999999h",
            "@at 9999-12-31T23:59:59Z",
            "0 0 0 31 2 *",
            &long,
        ] {
            let wrong = [(name, value), ("Nats-Expected-Last-Msg-Id", "none such")];
            let ack = js.publish_with("s.a", &wrong, "y");
            assert!(ack.get("error").is_some(), "{name}: {value}: {ack}");
            js.request("c.a", &[(name, value)], "");
        }
        unharmed(&mut js, 1);
    }
}

#[test]
fn bad_header_blocks_do_no_harm() {
    let mut js = start();
    let inbox = js.inbox();
    let sid = js.subscribe(&inbox);
    let blocks: [&[u8]; 9] = [
        b"\r\n",
        b"NATS/1.0",
        b"NATS/1.0\r\n",
        b"NATS/1.0\r\n\r",
        b"\0\0\0\0\r\n\r\n",
        b"NATS/1.0\r\nNats-Msg-Id\r\n\r\n",
        b"NATS/1.0\r\n:\r\n: x\r\n\r\n",
        b"NATS/1.0\r\nNats-TTL:\r\nNats-TTL:\r\n\xff\xff:\xff\r\n\r\n",
        b"Nats-Msg-Id: 1\r\nNats-Rollup: sub\r\n\r\n",
    ];
    for block in blocks {
        let line = format!("HPUB c.a {inbox} {} {}\r\n", block.len(), block.len() + 1);
        js.client.send([line.as_bytes(), block, b"x\r\n"].concat());
        assert!(js.next(&sid).json().get("error").is_some());
    }
    unharmed(&mut js, 1);
}

#[test]
fn bad_control_messages_do_no_harm() {
    let mut js = start();
    let message = js.request("$JS.API.CONSUMER.MSG.NEXT.S.P", &[], "");
    let good = message.reply.unwrap();
    let big = "99999999999999999999";
    let subjects = [
        "$JS.ACK".to_owned(),
        "$JS.ACK.S".to_owned(),
        "$JS.ACK.S.P".to_owned(),
        "$JS.ACK.S.P.1.1.1".to_owned(),
        format!("$JS.ACK.S.P.{big}.{big}.{big}.{big}.{big}"),
        "$JS.ACK.S.P.1.0.0.0.0".to_owned(),
        "$JS.ACK.S.P.1.-1.-1.-1.-1".to_owned(),
        "$JS.ACK.S.P.1.77.1.1.0".to_owned(),
        "$JS.ACK.S.P.1.1.77.1.0".to_owned(),
        "$JS.ACK.Z.P.1.1.1.1.0".to_owned(),
        "$JS.ACK.S.P.1.1.1.1.0.9.9.9.9.9.9".to_owned(),
        "$JS.FC".to_owned(),
        "$JS.FC.S.P.abcd".to_owned(),
        "$JS.FC.S.P.a.b.c.d.e".to_owned(),
        "$JS.SNAPSHOT.ACK.S.x.1.1".to_owned(),
        "$JS.SNAPSHOT.RESTORE.S.x".to_owned(),
        "$JS.API.CONSUMER.MSG.NEXT.S.P.more".to_owned(),
        "$JS.API.CONSUMER.MSG.NEXT".to_owned(),
    ];
    for subject in &subjects {
        for payload in
            ["", "+ACK", "-NAK {\"delay\":-1}", "-NAK forever", "+NXT -5", "+TERM", "???"]
        {
            js.send(subject, &[], payload);
        }
    }
    for payload in ["-NAK {\"delay\":99999999999999999999}", "-NAK 9999999h", "+NXT {", "+WPI x"] {
        js.send_reply(&good, "nobody", &[], payload);
    }
    for body in bodies() {
        js.send_reply("$JS.API.CONSUMER.MSG.NEXT.S.P", "nobody", &[], body);
    }
    unharmed(&mut js, 1);
    for reply in ["x.$FI", "$FI", "x.u.1.ok.1.0.$FI.$FI", "x.u.-1.ok.1.0.$FI", "x.u.1.ok.x.0.$FI"] {
        js.send_reply("s.none", reply, &[("Nats-Expected-Stream", "Z")], "y");
    }
    unharmed(&mut js, 1);
}

#[test]
fn one_stream_of_bad_configuration_at_a_time() {
    let mut js = start();
    let values = [
        json!(-1),
        json!(i64::MIN),
        json!(i64::MAX),
        json!(u64::MAX),
        json!(1.5),
        json!("x"),
        json!([]),
        json!({}),
        json!(null),
        json!([null]),
        json!([""]),
        json!({"name": ""}),
    ];
    for field in [
        "max_msgs",
        "max_bytes",
        "max_age",
        "max_msg_size",
        "max_consumers",
        "duplicate_window",
        "num_replicas",
        "first_seq",
        "subjects",
        "mirror",
        "sources",
        "placement",
        "republish",
        "subject_transform",
        "consumer_limits",
        "subject_delete_marker_ttl",
        "metadata",
        "sealed",
        "compression",
        "persist_mode",
        "storage",
        "retention",
        "discard",
        "description",
    ] {
        for value in &values {
            let mut config = json!({"name": "N", "subjects": ["n"]});
            config[field] = value.clone();
            let answer = js.try_create(config);
            if answer.get("error").is_none() {
                crate::kit::ok(js.api("STREAM.DELETE.N", ""));
            }
            assert_ne!(answer["type"], Value::Null, "{field}: {value}: {answer}");
        }
    }
    unharmed(&mut js, 1);
}
