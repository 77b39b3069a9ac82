//! Consumers come, change, are listed, and go.

use serde_json::{Value, json};

use crate::kit::{Js, has, ok, refused, seqs};

fn create(js: &mut Js, endpoint: &str, config: Value) -> Value {
    js.api(&format!("CONSUMER.{endpoint}"), json!({"stream_name": "S", "config": config}))
}

fn act(js: &mut Js, action: &str, config: Value) -> Value {
    let name = config["name"].as_str().unwrap().to_owned();
    let body = json!({"stream_name": "S", "config": config, "action": action});
    js.api(&format!("CONSUMER.CREATE.S.{name}"), body)
}

// Row 78.
#[test]
fn a_consumer_is_created_with_defaults() {
    let mut js = Js::start();
    js.filled(5);
    let mut info = js.consumer("S", "C", json!({"durable_name": "C", "ack_policy": "explicit"}));
    let metadata = info["config"].as_object_mut().unwrap().remove("metadata").unwrap();
    has(&metadata, &json!({"_nats.level": "4", "_nats.req.level": "0"}));
    assert_eq!(
        info["config"],
        json!({
            "durable_name": "C", "name": "C", "deliver_policy": "all", "ack_policy": "explicit",
            "ack_wait": 30_000_000_000_u64, "max_deliver": -1, "replay_policy": "instant",
            "max_waiting": 512, "max_ack_pending": 1000, "num_replicas": 0,
        })
    );
    for moment in ["created", "ts"] {
        let time = info.as_object_mut().unwrap().remove(moment).unwrap();
        assert!(time.as_str().unwrap().ends_with('Z'), "{moment}: {time}");
    }
    info.as_object_mut().unwrap().remove("config");
    assert_eq!(
        info,
        json!({
            "type": "io.nats.jetstream.api.v1.consumer_create_response",
            "stream_name": "S", "name": "C",
            "delivered": {"consumer_seq": 0, "stream_seq": 0},
            "ack_floor": {"consumer_seq": 0, "stream_seq": 0},
            "num_ack_pending": 0, "num_redelivered": 0, "num_waiting": 0, "num_pending": 5,
        })
    );
}

#[test]
fn defaults_depend_on_what_the_consumer_is_for() {
    let mut js = Js::start();
    js.filled(0);
    // Not durable: it goes when nobody uses it. Nothing to acknowledge: nothing to wait for.
    let info = js.consumer("S", "E", json!({"name": "E"}));
    has(&info["config"], &json!({"ack_policy": "none", "inactive_threshold": 5_000_000_000_u64}));
    for absent in ["ack_wait", "max_ack_pending", "durable_name"] {
        assert_eq!(info["config"][absent], Value::Null, "{absent}");
    }
    // The first step of the backoff is the time to acknowledge.
    let backoff = json!([1_000_000_000, 5_000_000_000_u64]);
    let config =
        json!({"name": "B", "ack_policy": "explicit", "backoff": backoff, "max_deliver": 3});
    let info = js.consumer("S", "B", config);
    has(&info["config"], &json!({"ack_wait": 1_000_000_000, "backoff": backoff}));
    // A push consumer has no queue of requests.
    let push = json!({"name": "P", "deliver_subject": "out", "ack_policy": "explicit"});
    let info = js.consumer("S", "P", push);
    assert_eq!(info["config"]["max_waiting"], Value::Null);
    assert_eq!(info["push_bound"], Value::Null);
}

// Row 79.
#[test]
fn create_and_update_are_told_apart() {
    let mut js = Js::start();
    js.filled(0);
    let config = json!({"name": "C", "durable_name": "C", "ack_policy": "explicit"});
    let mut changed = config.clone();
    changed["max_deliver"] = 3.into();
    refused(&act(&mut js, "update", config.clone()), 10149, "consumer does not exist");
    ok(act(&mut js, "create", config.clone()));
    ok(act(&mut js, "create", config));
    refused(&act(&mut js, "create", changed.clone()), 10148, "consumer already exists");
    has(&ok(act(&mut js, "update", changed))["config"], &json!({"max_deliver": 3}));
    let odd = act(&mut js, "replace", json!({"name": "C"}));
    assert_eq!(odd["error"]["err_code"], 10025, "{odd}");
}

// Row 80.
#[test]
fn the_old_subjects_still_create() {
    let mut js = Js::start();
    js.filled(0);
    let durable = json!({"durable_name": "D", "ack_policy": "explicit"});
    let info = ok(create(&mut js, "DURABLE.CREATE.S.D", durable.clone()));
    has(&info, &json!({"name": "D", "config": {"durable_name": "D", "name": "D"}}));
    let differs = "consumer name in subject does not match durable name in request";
    refused(&create(&mut js, "DURABLE.CREATE.S.X", durable.clone()), 10017, differs);
    refused(&create(&mut js, "CREATE.S.X", durable.clone()), 10017, differs);
    refused(
        &create(&mut js, "DURABLE.CREATE.S.X", json!({})),
        10018,
        "consumer expected to be durable but a durable name was not set",
    );
    refused(
        &create(&mut js, "CREATE.S", durable),
        10020,
        "consumer expected to be ephemeral but a durable name was set in request",
    );
    let info = ok(create(&mut js, "CREATE.S", json!({"ack_policy": "explicit"})));
    let name = info["name"].as_str().unwrap();
    assert!(name.len() == 8 && name.bytes().all(|b| b.is_ascii_alphanumeric()), "{name}");
    assert_eq!(info["config"]["name"], Value::Null);
    has(&info["config"], &json!({"inactive_threshold": 5_000_000_000_u64}));
    let named = ok(create(&mut js, "CREATE.S", json!({"name": "N"})));
    has(&named, &json!({"name": "N", "config": {"name": "N"}}));
}

// Row 81.
#[test]
fn the_filter_may_be_in_the_subject() {
    let mut js = Js::start();
    js.filled(3);
    let filter = |filter: &str| json!({"name": "F", "filter_subject": filter});
    let info = ok(create(&mut js, "CREATE.S.F.s.2", filter("s.2")));
    has(&info, &json!({"num_pending": 1, "config": {"filter_subject": "s.2"}}));
    assert_eq!(seqs(&js.fetch_from("F", 1)), [2]);
    refused(
        &create(&mut js, "CREATE.S.F.s.2", filter("s.3")),
        10131,
        "Consumer create request did not match filtered subject from create subject",
    );
    refused(
        &create(&mut js, "CREATE.S.F.s.2", json!({"name": "F", "filter_subjects": ["s.2"]})),
        10137,
        "consumer with multiple subject filters cannot use subject based API",
    );
}

// Row 82.
#[test]
fn several_filters_are_one_stream_of_messages() {
    let mut js = Js::start();
    js.filled(0);
    for (n, subject) in (1..).zip(["s.a", "s.b.1", "s.c", "s.b.2", "s.a"]) {
        js.stored(subject, "", n);
    }
    js.puller(json!({"filter_subjects": ["s.a", "s.b.*"]}));
    let messages = js.fetch(4);
    assert_eq!(seqs(&messages), [1, 2, 4, 5]);
    let pending: Vec<_> = messages.iter().map(|message| message.delivery().pending).collect();
    assert_eq!(pending, [3, 2, 1, 0]);
    let filters = |filters: Value| json!({"name": "F", "filter_subjects": filters});
    for (config, code, text) in [
        (filters(json!(["s.a", "s.*"])), 10138, "consumer subject filters cannot overlap"),
        (filters(json!(["s.a", ""])), 10139, "consumer filter in FilterSubjects cannot be empty"),
        (
            json!({"name": "F", "filter_subject": "s.a", "filter_subjects": ["s.c"]}),
            10136,
            "consumer cannot have both FilterSubject and FilterSubjects specified",
        ),
    ] {
        refused(&create(&mut js, "CREATE.S.F", config), code, text);
    }
}

// Row 83.
#[test]
fn consumers_are_listed_and_deleted() {
    let mut js = Js::start();
    js.filled(2);
    assert_eq!(ok(js.api("CONSUMER.NAMES.S", ""))["consumers"], json!([]));
    for name in ["b", "c", "a"] {
        js.consumer("S", name, json!({"durable_name": name}));
    }
    let names = ok(js.api("CONSUMER.NAMES.S", ""));
    let wanted = json!({
        "type": "io.nats.jetstream.api.v1.consumer_names_response",
        "total": 3, "offset": 0, "limit": 1024, "consumers": ["a", "b", "c"],
    });
    assert_eq!(names, wanted);
    let list = ok(js.api("CONSUMER.LIST.S", json!({"offset": 1})));
    has(&list, &json!({"total": 3, "offset": 1, "limit": 256}));
    let listed = list["consumers"].as_array().unwrap();
    assert_eq!((listed[0]["name"].clone(), listed[1]["name"].clone()), ("b".into(), "c".into()));
    assert_eq!(listed[0]["num_pending"], 2);
    has(&js.consumer_info("a"), &json!({"stream_name": "S", "name": "a"}));
    assert_eq!(js.state("S")["consumer_count"], 3);

    let gone = ok(js.api("CONSUMER.DELETE.S.a", ""));
    let wanted =
        json!({"type": "io.nats.jetstream.api.v1.consumer_delete_response", "success": true});
    assert_eq!(gone, wanted);
    refused(&js.api("CONSUMER.INFO.S.a", ""), 10014, "consumer not found");
    refused(&js.api("CONSUMER.DELETE.S.a", ""), 10014, "consumer not found");
    refused(&js.api("CONSUMER.INFO.X.a", ""), 10059, "stream not found");
    refused(&js.api("CONSUMER.NAMES.X", ""), 10059, "stream not found");
    let body = json!({"a": 1});
    refused(&js.api("CONSUMER.INFO.S.b", body.clone()), 10038, "expected an empty request payload");
    refused(&js.api("CONSUMER.DELETE.S.b", body), 10038, "expected an empty request payload");
    assert_eq!(js.state("S")["consumer_count"], 2);
    // Nobody answers for a consumer that is not there.
    let answer = js.request("$JS.API.CONSUMER.MSG.NEXT.S.a", &[], "");
    assert_eq!(answer.head, "NATS/1.0 503\r\nNats-Subject: $JS.API.CONSUMER.MSG.NEXT.S.a\r\n\r\n");
}

#[test]
fn a_request_names_the_right_things() {
    let mut js = Js::start();
    js.filled(0);
    refused(
        &js.api("CONSUMER.CREATE.S.C", json!({"stream_name": "T", "config": {"name": "C"}})),
        10056,
        "stream name in subject does not match request",
    );
    refused(
        &js.api("CONSUMER.CREATE.T.C", json!({"stream_name": "T", "config": {"name": "C"}})),
        10059,
        "stream not found",
    );
    refused(
        &create(&mut js, "CREATE.S.C", json!({"name": "C", "durable_name": "D"})),
        10017,
        "consumer name in subject does not match durable name in request",
    );
    let odd = create(&mut js, "CREATE.S.C", json!({"name": "C", "colour": "red"}));
    refused(&odd, 10025, "invalid JSON: json: unknown field \"colour\"");
}

#[test]
fn a_stream_has_room_for_so_many_consumers() {
    let mut js = Js::start();
    js.create(json!({"name": "S", "subjects": ["s.>"], "max_consumers": 1}));
    js.consumer("S", "A", json!({"durable_name": "A"}));
    js.consumer("S", "A", json!({"durable_name": "A"}));
    let one_more = js.try_consumer("S", "B", json!({"durable_name": "B"}));
    refused(&one_more, 10026, "maximum consumers limit reached");
    ok(js.api("CONSUMER.DELETE.S.A", ""));
    js.consumer("S", "B", json!({"durable_name": "B"}));
}

// Row 110.
#[test]
fn some_of_a_consumer_can_be_updated() {
    let mut js = Js::start();
    js.filled(4);
    js.puller(json!({}));
    assert_eq!(seqs(&js.fetch(1)), [1]);
    let changes = json!({
        "description": "d", "ack_wait": 5_000_000_000_u64, "max_deliver": 7, "sample_freq": "50%",
        "max_ack_pending": 2, "max_batch": 10, "max_expires": 60_000_000_000_u64,
        "max_bytes": 1000, "inactive_threshold": 60_000_000_000_u64, "headers_only": true,
        "metadata": {"owner": "me"},
    });
    has(&js.puller(changes.clone())["config"], &changes);
    // What was delivered stays so, and the new limit holds.
    assert_eq!(seqs(&js.fetch(1)), [2]);
    let sid = js.pull(json!({"batch": 1}));
    js.flush();
    has(&js.consumer_info("C"), &json!({"num_ack_pending": 2, "num_waiting": 1}));
    js.unsubscribe(&sid);
    // The filter may change too: another count of what is left.
    has(&js.puller(json!({"filter_subject": "s.4"})), &json!({"num_pending": 1}));
    assert_eq!(seqs(&js.fetch(1)), [4]);
}

// Row 110.
#[test]
fn the_rest_of_a_consumer_can_not_be_updated() {
    let mut js = Js::start();
    js.filled(2);
    js.puller(json!({}));
    for (change, text) in [
        (json!({"deliver_policy": "new"}), "deliver policy can not be updated"),
        (json!({"ack_policy": "all"}), "ack policy can not be updated"),
        (json!({"replay_policy": "original"}), "replay policy can not be updated"),
        (json!({"max_waiting": 5}), "max waiting can not be updated"),
        (
            json!({"deliver_subject": "out", "max_waiting": 0}),
            "can not update pull consumer to push based",
        ),
    ] {
        let mut config = json!({"durable_name": "C", "ack_policy": "explicit"});
        config.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        refused(&js.try_consumer("S", "C", config), 10012, text);
    }
    let start =
        json!({"durable_name": "B", "deliver_policy": "by_start_sequence", "opt_start_seq": 1});
    js.consumer("S", "B", start.clone());
    let mut later = start;
    later["opt_start_seq"] = 2.into();
    let answer = js.try_consumer("S", "B", later);
    refused(&answer, 10012, "start sequence can not be updated");
    let push = json!({
        "durable_name": "P", "deliver_subject": "out", "idle_heartbeat": 1_000_000_000,
    });
    js.consumer("S", "P", push.clone());
    for (change, text) in [
        (json!({"idle_heartbeat": 2_000_000_000_u64}), "heart beats can not be updated"),
        (json!({"flow_control": true}), "flow control can not be updated"),
    ] {
        let mut config = push.clone();
        config.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        refused(&js.try_consumer("S", "P", config), 10012, text);
    }
    js.consumer("S", "Q", json!({"durable_name": "Q", "deliver_subject": "out"}));
    let pull = js.try_consumer("S", "Q", json!({"durable_name": "Q"}));
    refused(&pull, 10012, "can not update push consumer to pull based");
}
