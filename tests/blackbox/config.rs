//! The configuration file: its grammar, its mistakes, its effects.

use std::fs;
use std::process::Command;

use crate::harness::{Run, Server, run, server_path};

/// Checks `conf` with `-t`.
#[track_caller]
fn check(conf: &str) -> Run {
    Server::run_conf(conf, &["-t"])
}

#[track_caller]
fn accepted(conf: &str) {
    let run = check(conf);
    assert_eq!(run.code, Some(0), "{conf}\n{run:?}");
}

/// What the server made of `max_payload`.
#[track_caller]
fn payload(conf: &str) -> u64 {
    Server::start(conf).connect().info["max_payload"].as_u64().unwrap()
}

// Row 98.
#[test]
fn includes_are_read_from_beside_the_file() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("sub")).unwrap();
    fs::write(dir.path().join("sub/limits.conf"), "max_payload: 7000\ninclude deep.conf\n")
        .unwrap();
    fs::write(dir.path().join("sub/deep.conf"), "server_name: from_the_deep\n").unwrap();
    let server = Server::start_in(dir, "include 'sub/limits.conf'", &[]);
    let info = server.connect().info;
    assert_eq!(info["max_payload"], 7000);
    assert_eq!(info["server_name"], "from_the_deep");
}

#[test]
fn includes_may_stand_within_a_block() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("maps.conf"), "a: b\n").unwrap();
    let server = Server::start_in(dir, "mappings {\n include \"maps.conf\"\n}", &[]);
    let mut client = server.client();
    client.send("SUB b 1\r\nPUB a 1\r\nx\r\n");
    client.expect("MSG b 1 1\r\nx\r\n");
}

#[test]
fn variables_come_from_the_file() {
    assert_eq!(payload("size = 3000\nmax_payload: $size"), 3000);
    let conf = "who = derek\nauthorization { user: $who, password: porkchop }";
    Server::start(conf).client_with(r#"{"user":"derek","pass":"porkchop"}"#).ping_pong();
}

#[test]
fn variables_come_from_the_environment_and_are_parsed() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("env.conf");
    let folder = dir.path().display();
    let conf = format!(
        "listen: \"127.0.0.1:-1\"\nports_file_dir: \"{folder}\"\n\
         max_payload: $VAGUS_TEST_SIZE\nserver_name: $VAGUS_TEST_NAME\n"
    );
    fs::write(&file, conf).unwrap();
    let mut command = Command::new(server_path());
    command.arg("-c").arg(&file).env("VAGUS_TEST_SIZE", "5kb").env("VAGUS_TEST_NAME", "by_env");
    let info = Server::spawn(dir, &mut command).connect().info;
    assert_eq!(info["max_payload"], 5 * 1024);
    assert_eq!(info["server_name"], "by_env");
}

#[test]
fn a_missing_variable_is_an_error() {
    check("port: -1\nmax_payload: $VAGUS_TEST_MISSING\n")
        .refused_with("variable reference for 'VAGUS_TEST_MISSING' on line 2 can not be found");
}

#[test]
fn a_missing_include_is_an_error() {
    let run = check("include 'nowhere.conf'\n");
    run.refused_with("error parsing include file 'nowhere.conf'");
}

// Row 99.
#[test]
fn sizes_have_units_of_1000_and_of_1024() {
    for (text, bytes) in [
        ("1k", 1000),
        ("1kb", 1024),
        ("1K", 1000),
        ("1KiB", 1024),
        ("1ki", 1024),
        ("2m", 2_000_000),
        ("2MB", 2 * 1024 * 1024),
        ("2mib", 2 * 1024 * 1024),
        ("512", 512),
    ] {
        assert_eq!(payload(&format!("max_payload: {text}")), bytes, "for {text}");
    }
}

#[test]
fn separators_comments_and_braces_are_free() {
    for conf in [
        "max_payload = 4096",
        "max_payload 4096",
        "max_payload:4096;",
        "\"max_payload\": 4096,",
        "'max_payload' = 4096 # a comment",
        "# first\n// second\nmax_payload: 4096 // last",
        "{ max_payload: 4096 }",
        "MAX_PAYLOAD: 4096",
        "max_payload: 1\nmax_payload: 4096",
    ] {
        assert_eq!(payload(conf), 4096, "for {conf}");
    }
}

#[test]
fn json_is_a_configuration() {
    accepted(r#"{"port": -1, "max_payload": 2048, "mappings": {"a": "b"}, "debug": true}"#);
}

#[test]
fn booleans_have_three_spellings() {
    for value in ["true", "yes", "on", "TRUE", "Yes"] {
        let info = Server::start(&format!("no_header_support: {value}")).connect().info;
        assert_eq!(info["headers"], false, "for {value}");
    }
    for value in ["false", "no", "off", "OFF"] {
        let info = Server::start(&format!("no_header_support: {value}")).connect().info;
        assert_eq!(info["headers"], true, "for {value}");
    }
}

#[test]
fn strings_may_be_raw_escaped_bare_or_blocks() {
    for (text, name) in [
        ("'it\\n'", "it\\n"),
        (r#""tab\x2d""#, "tab-"),
        ("bare_word", "bare_word"),
        ("\"a:b;c\"", "a:b;c"),
    ] {
        let info = Server::start(&format!("server_name: {text}")).connect().info;
        assert_eq!(info["server_name"], name, "for {text}");
    }
}

#[test]
fn durations_are_strings_or_seconds() {
    for (text, nanos) in [("\"90s\"", 90_u64), ("\"1m30s\"", 90), ("'2h'", 7200), ("5", 5)] {
        let page = Server::start(&format!("ping_interval: {text}")).json("/varz");
        assert_eq!(page["ping_interval"], nanos * 1_000_000_000, "for {text}");
    }
}

#[test]
fn a_number_for_a_duration_is_only_a_warning() {
    let server = Server::start("ping_interval: 5");
    server.log.wait_for("ping_interval should be converted to a duration");
    check("port: -1\nping_interval: 5\n")
        .refused_with("ping_interval should be converted to a duration");
}

// Row 100.
#[test]
fn unknown_keys_are_errors_with_their_place() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a.conf");
    fs::write(&file, "port: -1\n\n  foo_bar: 1\n").unwrap();
    for args in [&["-t"][..], &[]] {
        let run = run(Command::new(server_path()).arg("-c").arg(&file).args(args));
        run.refused_with(&format!("{}:3:3: unknown field \"foo_bar\"", file.display()));
    }
}

#[test]
fn unknown_keys_in_blocks_are_errors() {
    check("port: -1\nauthorization {\n  nonsense: 1\n}\n")
        .refused_with("unknown field \"nonsense\"");
}

#[test]
fn an_unused_top_level_key_is_no_error_as_a_variable() {
    accepted("my_port = -1\nport: $my_port\n");
    check("my_port = -1\nport: 4222\n").refused_with("unknown field \"my_port\"");
}

#[test]
fn wrong_types_and_values_are_errors() {
    for (conf, reason) in [
        ("max_payload: \"abc\"", ":1:"),
        ("lame_duck_duration: \"10s\"", "invalid lame_duck_duration of 10s, minimum is 30 seconds"),
        ("debug: 17", ":1:"),
        ("listen: \"127.0.0.1:port\"", "could not parse port \"port\""),
        ("server_name: \"two words\"", "server name cannot contain spaces"),
        ("ping_interval: \"abc\"", "error parsing ping_interval"),
        ("max_subscription_tokens: 300", "value is too big"),
        ("write_timeout: foo", "write_timeout must be 'default', 'close' or 'retry'"),
        ("authorization: {users: [{password: x}]}", "User entry requires a user"),
    ] {
        check(conf).refused_with(reason);
    }
}

#[test]
fn values_that_do_not_fit_each_other_are_errors_at_the_start() {
    Server::run_conf("max_payload: 100MB\nmax_pending: 1MB", &["-p", "-1"])
        .refused_with("max_payload");
    Server::run_conf("no_auth_user: nobody", &["-p", "-1"]).refused_with("no_auth_user");
}

#[test]
fn advice_about_a_large_payload_is_no_error() {
    let conf = "max_payload: 10MB";
    accepted(conf);
    Server::start(conf).log.wait_for("[WRN] Maximum payloads over 8.00 MB");
}

#[test]
fn broken_grammar_is_an_error_with_its_place() {
    for conf in ["a { b: \n", "max_payload: [1, 2\n", "'unclosed: 1\n", "mappings: { a: b"] {
        let run = check(conf);
        run.refused_with("");
        let text = run.text();
        assert!(text.contains(" on line ") || text.contains("server.conf:"), "{conf:?}: {text}");
    }
}

// Row 101.
#[test]
fn a_valid_file_is_said_to_be_so_with_its_digest() {
    let run = check("port: -1\nmax_payload: 1kb\n");
    assert_eq!(run.code, Some(0), "{run:?}");
    // The digest is over what the file means, so it is a constant of the format.
    let wanted = "server.conf is valid \
        (sha256:edb0646b36e4c0265f7f8d4a78e4a6b1f767633fdfd635b26965305315faed48)";
    assert!(run.stderr.contains("configuration file ") && run.stderr.contains(wanted), "{run:?}");
}

#[test]
fn the_digest_is_over_what_the_file_means() {
    let digest = |conf: &str| {
        let text = check(conf).stderr;
        text[text.find("sha256:").expect("a digest")..].trim().to_owned()
    };
    let one = digest("port: -1\nmax_payload: 1024\n");
    assert_eq!(one, digest("# the same\nmax_payload = 1kb; port = -1"));
    assert_ne!(one, digest("port: -1\nmax_payload: 1025\n"));
}

#[test]
fn varz_shows_the_digest_of_the_file_in_use() {
    let server = Server::start("max_payload: 1kb");
    let digest = server.json("/varz")["config_digest"].as_str().unwrap().to_owned();
    assert!(digest.starts_with("sha256:") && digest.len() == 71, "{digest}");
    server.log.wait_for(&digest);
}
