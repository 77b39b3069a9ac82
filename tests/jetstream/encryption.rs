//! A store that tells nothing to those without its key.

use serde_json::json;

use crate::kit::Js;

const SECRET: &str = "the cat sat on the secret mat";

/// Whether any file of the store holds `needle`.
fn tells(js: &Js, needle: &str) -> bool {
    let holds = |path: &std::path::PathBuf| {
        std::fs::read(path).unwrap().windows(needle.len()).any(|bytes| bytes == needle.as_bytes())
    };
    js.files().iter().any(holds)
}

fn fill(js: &mut Js) {
    js.create(json!({"name": "S", "subjects": ["secret.>"], "description": SECRET}));
    js.consumer("S", "C", json!({"durable_name": "C", "description": SECRET}));
    for n in 1..=100 {
        js.publish_with("secret.subject", &[("Secret-Header", SECRET)], format!("{SECRET} {n}"));
    }
}

#[track_caller]
fn is_whole(js: &mut Js) {
    assert_eq!(js.info("S")["config"]["description"], SECRET);
    assert_eq!(js.state("S")["messages"], 100);
    for n in [1, 50, 100] {
        let message = js.get("S", n);
        assert_eq!(message.text(), format!("{SECRET} {n}"));
        assert_eq!(message.header("Secret-Header"), Some(SECRET));
    }
}

// Row 126.
#[test]
fn files_are_not_to_be_read_without_the_key() {
    for cipher in ["aes", "chacha"] {
        let block = format!("key: \"open sesame\", cipher: {cipher}");
        let mut js = Js::start_with(&block, "");
        fill(&mut js);
        js.restart();
        is_whole(&mut js);
        js.crash();
        is_whole(&mut js);
        js.stop();
        assert!(!js.files().is_empty());
        assert!(!tells(&js, SECRET), "{cipher}: a message");
        assert!(!tells(&js, "Secret-Header"), "{cipher}: a header");
        assert!(!tells(&js, "open sesame"), "{cipher}: the key");
    }
}

#[test]
fn without_a_key_files_are_plain() {
    let mut js = Js::start();
    fill(&mut js);
    js.stop();
    assert!(tells(&js, SECRET), "the other tests would pass without a cipher");
}

#[test]
fn a_key_is_replaced() {
    let mut js = Js::start_with("key: \"first\", cipher: chacha", "");
    fill(&mut js);
    js.stop();
    js.start_again_with("key: \"second\", prev_key: \"first\", cipher: chacha", "");
    is_whole(&mut js);
    js.stored("secret.more", SECRET, 101);
    js.stop();
    assert!(!tells(&js, SECRET));
    js.start_again_with("key: \"second\", cipher: chacha", "");
    assert_eq!(js.get("S", 1).text(), format!("{SECRET} 1"));
    assert_eq!(js.get("S", 101).text(), SECRET);
}
