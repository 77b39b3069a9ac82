//! Streams come, change, are listed, and go.

use serde_json::json;

use crate::kit::{Js, has, refused};

// Row 4.
#[test]
fn a_stream_is_created_with_defaults() {
    let mut js = Js::start();
    let created = js.create(json!({"name": "S", "subjects": ["s.>"]}));
    has(&created, &json!({"did_create": true}));
    assert_eq!(created["config"]["max_msgs"], -1);
    js.stored("s.a", "hi", 1);
    assert_eq!(js.get("S", 1).text(), "hi");
}

// Row 5.
#[test]
fn to_create_a_stream_twice_is_to_create_it_once() {
    let mut js = Js::start();
    js.create(json!({"name": "S", "subjects": ["s.>"]}));
    js.create(json!({"name": "S", "subjects": ["s.>"]}));
    let other = js.try_create(json!({"name": "S", "subjects": ["t.>"]}));
    refused(&other, 10058, "stream name already in use with a different configuration");
}
