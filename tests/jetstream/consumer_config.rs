//! Configurations that a consumer can't have, each with its number and its words.

use serde_json::{Value, json};

use crate::kit::{Js, has, refused};

#[track_caller]
fn each_is_refused(js: &mut Js, cases: Vec<(Value, u64, &str)>) {
    for (config, code, text) in cases {
        let answer = js.try_consumer("S", "C", config);
        refused(&answer, code, text);
    }
    assert_eq!(js.state("S")["consumer_count"], 0);
}

#[test]
fn push_and_pull_have_their_own_settings() {
    let mut js = Js::start();
    js.filled(0);
    let second = 1_000_000_000;
    each_is_refused(
        &mut js,
        vec![
            (
                json!({"flow_control": true}),
                10089,
                "consumer flow control requires a push based consumer",
            ),
            (
                json!({"idle_heartbeat": second}),
                10088,
                "consumer idle heartbeat requires a push based consumer",
            ),
            (
                json!({"rate_limit_bps": 1000}),
                10086,
                "consumer in pull mode can not have rate limit set",
            ),
            (
                json!({"deliver_subject": "out", "max_waiting": 1}),
                10080,
                "consumer in push mode can not set max waiting",
            ),
            (
                json!({"deliver_subject": "out", "flow_control": true}),
                10108,
                "consumer with flow control also needs heartbeats",
            ),
            (
                json!({"deliver_subject": "out", "idle_heartbeat": second / 20}),
                10083,
                "consumer idle heartbeat needs to be >= 100ms",
            ),
            (json!({"deliver_subject": "out.*"}), 10079, "consumer deliver subject has wildcards"),
            (json!({"deliver_subject": "s.out"}), 10081, "consumer deliver subject forms a cycle"),
            (json!({"deliver_subject": "a..b"}), 10112, "invalid push consumer deliver subject"),
            (
                json!({"deliver_subject": "out", "max_ack_pending": 10}),
                10082,
                "consumer requires ack policy for max ack pending",
            ),
        ],
    );
}

#[test]
fn numbers_must_fit_together() {
    let mut js = Js::start();
    js.filled(0);
    each_is_refused(
        &mut js,
        vec![
            (
                json!({"ack_policy": "explicit", "backoff": [1, 2], "max_deliver": 1}),
                10116,
                "max deliver is required to be > length of backoff values",
            ),
            (
                json!({"ack_policy": "explicit", "ack_wait": -1}),
                10183,
                "consumer ack wait needs to be positive",
            ),
            (
                json!({"ack_policy": "explicit", "backoff": [-1]}),
                10184,
                "consumer backoff needs to be positive",
            ),
            (
                json!({"max_expires": 1000}),
                10115,
                "consumer max request expires needs to be >= 1ms",
            ),
            (
                json!({"sample_freq": "often"}),
                10095,
                "failed to parse consumer sampling configuration: strconv.Atoi: parsing \"often\": \
                 invalid syntax",
            ),
            (json!({"num_replicas": 3}), 10074, "replicas > 1 not supported in non-clustered mode"),
            (
                json!({"description": "d".repeat(4097)}),
                10107,
                "consumer description is too long, maximum allowed is 4096",
            ),
            (
                json!({"metadata": {"k": "v".repeat(131_072)}}),
                10135,
                "consumer metadata exceeds maximum size of 128KB",
            ),
        ],
    );
    for (config, field) in [
        (json!({"ack_policy": "sometimes"}), "ack_policy"),
        (json!({"deliver_policy": "first"}), "deliver_policy"),
        (json!({"replay_policy": "slow"}), "replay_policy"),
    ] {
        let answer = js.try_consumer("S", "C", config);
        assert_eq!(answer["error"]["err_code"], 10025, "{field}: {answer}");
    }
}

#[test]
fn names_are_single_words() {
    let mut js = Js::start();
    js.filled(0);
    let long = "n".repeat(256);
    let answer = js.try_consumer("S", &long, json!({"durable_name": long}));
    refused(&answer, 10102, "consumer name is too long, maximum allowed is 255");
    let body = json!({"stream_name": "S", "config": {"durable_name": "a.b"}});
    let answer = js.api("CONSUMER.DURABLE.CREATE.S.a", body);
    assert!(answer["error"]["err_code"].is_u64(), "{answer}");
}

// Row 77, as a consumer sees it.
#[test]
fn the_server_and_the_stream_have_limits() {
    let mut js = Js::start_with("limits { max_ack_pending: 50, max_request_batch: 20 }", "");
    js.create(json!({
        "name": "S", "subjects": ["s.>"],
        "consumer_limits": {"inactive_threshold": 60_000_000_000_u64, "max_ack_pending": 10},
    }));
    has(
        &js.puller(json!({}))["config"],
        &json!({"max_ack_pending": 10, "inactive_threshold": 60_000_000_000_u64}),
    );
    js.api("CONSUMER.DELETE.S.C", "");
    each_is_refused(
        &mut js,
        vec![
            (
                json!({"ack_policy": "explicit", "max_ack_pending": 11}),
                10121,
                "consumer max ack pending exceeds system limit of 10",
            ),
            (
                json!({"inactive_threshold": 61_000_000_000_u64}),
                10153,
                "consumer inactive threshold exceeds system limit of 1m0s",
            ),
            (
                json!({"max_batch": 21}),
                10125,
                "consumer max request batch exceeds server limit of 20",
            ),
        ],
    );
}
