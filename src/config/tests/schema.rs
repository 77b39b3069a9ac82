//! What the schema makes of keys: known, unknown, not built, not safe to leave out.

use vagus_config::{Config, Diagnostic, schema};

fn findings(text: &str) -> Vec<String> {
    let show = |found: &[Diagnostic]| found.iter().map(ToString::to_string).collect();
    match Config::parse(text, "a.conf") {
        Ok(loaded) => show(&loaded.warnings),
        Err(found) => show(&found),
    }
}

#[track_caller]
fn refused(text: &str, finding: &str) {
    let Err(found) = Config::parse(text, "a.conf") else { panic!("accepted: {text}") };
    let errors: Vec<_> = found.iter().filter(|f| f.is_error()).map(ToString::to_string).collect();
    assert!(errors.iter().any(|error| error == finding), "{errors:#?}");
}

#[track_caller]
fn warned(text: &str, finding: &str) {
    let loaded = Config::parse(text, "a.conf").unwrap_or_else(|found| panic!("{found:?}"));
    let warnings: Vec<_> = loaded.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(warnings, [finding]);
}

#[track_caller]
fn unprotected(text: &str, at: &str, key: &str) {
    refused(
        text,
        &format!(
            "a.conf:{at}: \"{key}\" is not implemented yet; \
             refusing to start less protected than the configuration says"
        ),
    );
}

#[test]
fn a_key_that_is_no_key() {
    refused("\n\n\nfoo_bar: 1", "a.conf:4:1: unknown field \"foo_bar\"");
    refused("authorization {\n  foo: 1\n}", "a.conf:2:3: unknown field \"foo\"");
    refused("cluster {\n  name: c, foo: 1 }", "a.conf:2:12: unknown field \"foo\"");
    refused("vagus { foo: 1 }", "a.conf:1:9: unknown field \"foo\"");
}

#[test]
fn blocks_have_their_own_words_for_unknown_keys() {
    refused("tls { foo: 1 }", "a.conf:1:7: error parsing tls config, unknown field \"foo\"");
    refused(
        "accounts { A { limits { foo: 1 } } }",
        "a.conf:1:25: Unknown field \"foo\" parsing account limits",
    );
    refused(
        "mappings { a: { destination: b, weight: 1, foo: 1 } }",
        "a.conf:1:44: Unknown field \"foo\" for mapping destination",
    );
}

#[test]
fn unknown_keys_are_found_inside_blocks_that_are_ignored() {
    let text = "jetstream { limits { batch { foo: 1 } } }";
    refused(text, "a.conf:1:30: unknown field \"foo\"");
    let text = "gateway { name: A, gateways: [ { name: B, foo: 1 } ] }";
    refused(text, "a.conf:1:43: unknown field \"foo\"");
}

#[test]
fn a_key_used_as_variable_need_not_be_known() {
    assert!(findings("size: 2MB\nmax_payload: $size").is_empty());
    refused("size: 2MB\nother: $size", "a.conf:2:1: unknown field \"other\"");
}

#[test]
fn keys_are_found_in_any_case_and_by_alias() {
    let loaded = Config::parse("LogFile: a\nMonitor_Port: 1", "a.conf").expect("valid");
    assert_eq!(loaded.config.log_file.as_deref(), Some("a".as_ref()));
    assert_eq!(loaded.config.http_port, Some(vagus_config::Port::Fixed(1)));
}

#[test]
fn keys_not_built_leave_one_warning() {
    warned("syslog: true", "a.conf:1:1: \"syslog\" is not implemented yet, ignored");
    warned(
        "cluster { tls { cert_file: a, key_file: b, connection_rate_limit: 5 } }",
        "a.conf:1:44: \"connection_rate_limit\" is not implemented yet, ignored",
    );
}

#[test]
fn what_is_switched_off_needs_no_warning() {
    assert!(findings("syslog: false\njetstream: false\nproxy_protocol: off").is_empty());
    assert!(findings("authorization { user: a, proxy_required: false }").is_empty());
}

#[test]
fn what_protects_is_refused_rather_than_ignored() {
    unprotected("resolver_tls { pinned_certs: [a] }", "1:16", "pinned_certs");
}

#[test]
fn gateways_need_names_ports_and_urls() {
    let whole = "gateway { name: A, port: -1, gateways: [{ name: B, url: \"nats://h:1\" }] }";
    assert!(findings(whole).is_empty());
    let none = "gateway \"A\" has no port specified (select -1 for random port)";
    for (text, expected) in [
        ("gateway { port: -1 }", "gateway has no name"),
        ("gateway { name: A }", none),
        ("gateway { name: A, port: -1, gateways: [{ name: B }] }", "gateway \"B\" has no URL"),
        (
            "gateway { name: A, port: -1, gateways: [{ url: \"nats://h:1\" }] }",
            "gateway in the list 0 has no name",
        ),
        (
            "cluster { name: C, port: -1 }\ngateway { name: A, port: -1 }",
            "cluster name conflicts between cluster and gateway definitions",
        ),
    ] {
        refused(text, expected);
    }
    refused(
        "gateway { name: A, authorization { token: x } }",
        "a.conf:1:1: Gateway authorization does not support tokens",
    );
    refused("gateway { name: \"A B\" }", "a.conf:1:11: gateway name cannot contain spaces");
}

#[test]
fn wrong_types_are_named() {
    refused("port: x", "a.conf:1:1: port: expected an integer, got a string");
    refused("debug: 1", "a.conf:1:1: debug: expected a boolean, got an integer");
    refused("listen: true", "a.conf:1:1: listen: expected a port or \"host:port\", got a boolean");
    refused("server_tags: [a, 3]", "a.conf:1:18: server_tags: expected a string, got an integer");
    refused("feature_flags { a: 1 }", "a.conf:1:17: a: expected a boolean, got an integer");
    refused("cluster: 1", "a.conf:1:1: cluster: expected a block, got an integer");
    refused("authorization { users: [ a ] }", "a.conf:1:26: users: expected a block, got a string");
}

#[test]
fn every_wrong_key_is_reported_in_the_order_of_the_file() {
    let found = findings("port: x\nfoo: 1\nsyslog: true\nlame_duck_duration: \"1s\"");
    let lines: Vec<_> = found.iter().map(|finding| &finding[..9]).collect();
    assert_eq!(lines, ["a.conf:1:", "a.conf:2:", "a.conf:3:", "a.conf:4:"]);
}

#[test]
fn keys_are_found_by_path() {
    assert!(schema::find("authorization.users.password").is_some());
    assert!(schema::find("accounts.exports.service").is_some());
    assert!(schema::find("authorization.nothing").is_none());
    assert!(schema::reloadable("max_payload"));
    assert!(schema::reloadable("authorization.users"));
    assert!(!schema::reloadable("server_name"));
}

#[test]
fn names_in_a_block_are_unique() {
    fn walk(block: &schema::Block, depth: usize, seen: &mut usize) {
        let mut names: Vec<_> =
            block.keys.iter().flat_map(|key| key.aliases.iter().chain([&key.name])).collect();
        names.sort();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count, "{}", block.name);
        assert!(names.iter().all(|name| **name == name.to_lowercase()), "{}", block.name);
        *seen += block.keys.len();
        for key in block.keys {
            assert!(key.doc.ends_with('.'), "{}.{}", block.name, key.name);
            for inner in key.shape.blocks() {
                assert!(depth < 8);
                walk(inner, depth + 1, seen);
            }
        }
    }
    let mut seen = 0;
    walk(&schema::TOP, 0, &mut seen);
    assert!(seen > 400, "{seen} keys");
}

#[test]
fn the_reference_has_every_block_and_status() {
    let text = vagus_config::reference();
    for part in [
        "| `max_payload` | a number of bytes | `1MB` | yes | built |",
        "| `operator`, `operators`, `roots`",
        "| refused |",
        "| ignored |",
        "## `leafnodes.remotes`",
        "## `jetstream.limits.batch`",
        "| `destination`, `dest` |",
    ] {
        assert!(text.contains(part), "{part}");
    }
}
