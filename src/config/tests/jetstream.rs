//! The `jetstream` key in its forms.

use std::path::Path;
use std::time::Duration;

use vagus_config::{Cipher, Config, JetStream, Overrides, SyncInterval};

fn read(text: &str) -> JetStream {
    let loaded = Config::parse(text, "a.conf").unwrap_or_else(|found| panic!("{found:?}"));
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    loaded.config.jetstream
}

#[track_caller]
fn refused(text: &str, finding: &str) {
    let Err(found) = Config::parse(text, "a.conf") else { panic!("accepted: {text}") };
    let shown: Vec<_> = found.iter().map(ToString::to_string).collect();
    assert!(shown.iter().any(|one| one.contains(finding)), "{shown:?}");
}

#[test]
fn a_switch() {
    for on in ["true", "enabled", "enable", "{}", "{ enabled: true }"] {
        assert!(read(&format!("jetstream: {on}")).enabled, "{on}");
    }
    for off in ["false", "disabled", "{ enabled: false }", "{ disabled: true }"] {
        assert!(!read(&format!("jetstream: {off}")).enabled, "{off}");
    }
    refused("jetstream: maybe", "expected 'enabled' or 'disabled', got \"maybe\"");
}

#[test]
fn a_block() {
    let read = read(
        "jetstream {
            store_dir: /data/js, max_mem: 1GB, max_file_store: 1073741824, domain: HUB
            sync_interval: 30s, key: s3cret, prev_key: older, cipher: aes, strict: false
            max_buffered_msgs: 7, max_buffered_size: 2MB, request_queue_limit: 5
            limits { max_ack_pending: 9, max_request_batch: 8, duplicate_window: \"1m\"
                batch { max_inflight_per_stream: 1, max_inflight_total: 2
                    max_msgs: 3, timeout: 4s } }
        }",
    );
    assert!(read.enabled && !read.strict);
    assert_eq!(read.store_dir.as_deref(), Some(Path::new("/data/js")));
    assert_eq!((read.max_memory_store, read.max_file_store), (Some(1 << 30), Some(1 << 30)));
    assert_eq!(read.domain.as_deref(), Some("HUB"));
    assert_eq!(read.sync_interval, SyncInterval::Every(Duration::from_secs(30)));
    assert_eq!(read.encryption_key.map(|key| key.expose().to_owned()).as_deref(), Some("s3cret"));
    assert_eq!(read.prev_encryption_key.map(|k| k.expose().to_owned()).as_deref(), Some("older"));
    assert_eq!(read.cipher, Cipher::Aes);
    assert_eq!((read.max_buffered_msgs, read.max_buffered_size), (7, 2 << 20));
    assert_eq!(read.request_queue_limit, 5);
    assert_eq!(read.limits.max_ack_pending, Some(9));
    assert_eq!(read.limits.max_request_batch, Some(8));
    assert_eq!(read.limits.duplicate_window, Some(Duration::from_secs(60)));
    let batch = read.limits.batch;
    assert_eq!(batch.max_inflight_per_stream, Some(1));
    assert_eq!(batch.max_inflight_total, Some(2));
    assert_eq!((batch.max_msgs, batch.timeout), (Some(3), Some(Duration::from_secs(4))));
}

#[test]
fn unset_means_durable_and_whatever_there_is_room_for() {
    let read = read("jetstream { max_mem: -1 }");
    assert_eq!(read.sync_interval, SyncInterval::Always);
    assert_eq!((read.max_memory_store, read.max_file_store), (None, None));
    assert_eq!(self::read("jetstream { sync: always }").sync_interval, SyncInterval::Always);
}

#[test]
fn bad_values() {
    refused("jetstream { cipher: rot13 }", "unknown cipher type: \"rot13\"");
    refused("jetstream { domain: \"a.b\" }", "invalid domain name");
    refused("jetstream { max_mem: lots }", "is not a size");
    refused("store_dir: /a\njetstream { store_dir: /b }", "Duplicate 'store_dir' configuration");
}

#[test]
fn accounts_may_ask_the_jetstream_of_another_domain() {
    let loaded = Config::parse(
        "accounts { A {} }, default_js_domain { A: hub, $G: \"\" }\n\
         jetstream { extension_hint: no_extend }",
        "a.conf",
    )
    .unwrap();
    let config = loaded.config;
    assert_eq!(config.default_js_domain["A"], "hub");
    assert_eq!(config.default_js_domain["$G"], "");
    refused("default_js_domain { A: hub }", "references non existing account \"A\"");
    refused("default_js_domain { $SYS: hub }", "can not be in default_js_domain");
    refused(
        "accounts { A { jetstream: enabled } }, default_js_domain { A: hub }",
        "contains account name \"A\" with enabled JetStream",
    );
    refused("accounts { A {} }, default_js_domain { A: \"a.b\" }", "invalid domain name \"a.b\"");
    refused("jetstream { extension_hint: maybe }", "expected 'no_extend', got \"maybe\"");
    refused("jetstream { extension_hint: will_extend }", "is not built yet");
}

#[test]
fn the_command_line_wins() {
    let mut config = Config::default();
    let over = Overrides {
        jetstream: Some(true),
        store_dir: Some("/tmp/js".into()),
        ..Overrides::default()
    };
    config.apply(&over);
    assert!(config.jetstream.enabled);
    assert_eq!(config.jetstream.store_dir.as_deref(), Some(Path::new("/tmp/js")));
}
