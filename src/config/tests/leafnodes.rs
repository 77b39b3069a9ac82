//! Leaf nodes: how their links are compressed, and the ways that lead to the other side.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use vagus_config::{Compression, Config, LeafRemote};

fn remote(text: &str) -> Result<LeafRemote, String> {
    let text = format!("leafnodes {{ remotes: [ {{ {text} }} ] }}");
    match Config::parse(&text, "a.conf") {
        Ok(loaded) => {
            assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
            Ok(loaded.config.leafnodes.remotes.into_iter().next().unwrap())
        }
        Err(found) => Err(found.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")),
    }
}

#[track_caller]
fn refused(text: &str, why: &str) {
    let found = remote(text).unwrap_err();
    assert!(found.ends_with(why), "{found}");
}

#[test]
fn links_are_compressed_as_the_way_is_long_unless_told_otherwise() {
    let mode = |text: &str| remote(&format!("url: \"nats://h\", {text}")).map(|r| r.compression);
    assert_eq!(mode(""), Ok(Compression::auto()));
    assert_eq!(mode("compression: on"), Ok(Compression::auto()));
    assert_eq!(mode("compression: off"), Ok(Compression::Off));
    assert_eq!(mode("compression: accept"), Ok(Compression::Accept));
    assert_eq!(mode("compression: s2_better"), Ok(Compression::Better));
    let times = |ms: &[u64]| {
        Ok(Compression::Auto(ms.iter().map(|ms| Duration::from_millis(*ms)).collect()))
    };
    let auto =
        |rtts: &str| mode(&format!("compression {{ mode: s2_auto, rtt_thresholds: {rtts} }}"));
    assert_eq!(auto("[5ms, 0s, 20ms, 0s]"), times(&[5, 0, 20]));
    for (rtts, why) in [
        ("[10ms, 5ms]", "RTT threshold values [10ms, 5ms] should be in ascending order"),
        ("[0s, 0s]", "compression mode \"s2_auto\" requires at least one RTT threshold"),
        (
            "[1ms, 2ms, 3ms, 4ms, 5ms]",
            "compression mode \"s2_auto\" should have no more than 4 RTT thresholds: \
             [1ms, 2ms, 3ms, 4ms, 5ms]",
        ),
    ] {
        let found = auto(rtts).unwrap_err();
        assert!(found.ends_with(why), "{found}");
    }
    let found = mode("compression: bogus").unwrap_err();
    assert!(found.ends_with("unsupported compression mode \"bogus\""), "{found}");
}

#[test]
fn a_remote_is_reached_over_websocket_or_not() {
    let web = remote("urls: [\"ws://h:1\", \"wss://u:p@i:2/x\"], ws_compress: true").unwrap();
    assert_eq!((web.ws_compression, web.ws_no_masking), (true, false));
    let paths: Vec<_> = web.urls.iter().map(|url| url.websocket.as_deref()).collect();
    assert_eq!(paths, [Some("/leafnode"), Some("/x/leafnode")]);
    refused(
        "urls: [\"ws://u:secret@h:80\", \"nats://h\"]",
        "remote leaf node configuration cannot have a mix of websocket and non-websocket urls: \
         [\"h:80\", \"h:7422\"]",
    );
}

#[test]
fn a_proxy_is_checked_before_anybody_needs_it() {
    let proxy = |text: &str| format!("url: \"ws://h:80\", proxy {{ {text} }}");
    let good = "url: \"http://p\", username: u, password: hunter2, timeout: 3s";
    let good = remote(&proxy(good)).unwrap();
    let known = good.proxy.as_ref().unwrap();
    assert_eq!((&*known.address, known.timeout), ("p:80", Some(Duration::from_secs(3))));
    assert_eq!(known.user.as_ref().unwrap().0, "u");
    assert!(!format!("{good:?}").contains("hunter2"));
    assert_eq!(remote(&proxy("username: u")).unwrap().proxy, None);
    for (text, why) in [
        ("url: \"ftp://p:1\"", "proxy URL scheme must be http or https, got: ftp"),
        ("url: \"http://\"", "proxy URL must specify a host"),
        ("url: \"https://p:1\"", "a proxy can't be spoken to over TLS"),
        (
            "url: \"http://p:1\", username: u",
            "proxy username and password must both be specified or both be empty",
        ),
        ("url: \"http://p:1\", timeout: \"-1s\"", "proxy timeout must be >= 0"),
        ("url: \"http://p:1\", x: 1", "unknown field \"x\""),
    ] {
        refused(&proxy(text), why);
    }
    refused(
        "url: \"wss://h:80\", proxy { url: \"http://p:1\" }",
        "proxy is configured but remote URL wss://h:80 requires TLS and no TLS configuration is \
         provided. When using proxy with TLS endpoints, ensure TLS is properly configured for the \
         leafnode remote",
    );
    remote("url: \"wss://h:80\", proxy { url: \"http://p:1\" }, tls {}").unwrap();
}
