//! Whole files, good ones and bad ones.

use std::path::{Path, PathBuf};
use std::time::Duration;

use vagus_config::{Config, Loaded, Port, WriteTimeout};

fn samples(kind: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples").join(kind)
}

fn env(name: &str) -> Option<String> {
    let text = match name {
        "TEST_PORT" => "4555",
        "TEST_NAME" => "from-here",
        "TEST_TAG" => "$TEST_OTHER",
        "TEST_OTHER" => "\"two words\"",
        "TEST_DEBUG" => "yes",
        _ => return None,
    };
    Some(text.to_owned())
}

#[track_caller]
fn load(name: &str) -> Loaded {
    Config::load(samples("good").join(name), &env).unwrap_or_else(|e| panic!("{name}: {e:?}"))
}

/// The digests are those that nats-server 2.14.5 prints for the same files (`nats-server -t`).
#[test]
fn digests_are_those_of_nats_server() {
    let known = [
        ("braces.conf", "sha256:90c733ec1bc1dcb45d623aae83a8c4a8af1df6bd96456ae43738d9d2d0f5cd88"),
        ("common.conf", "sha256:b8f8b8e19f84cdd39205e1d29e114afe091c1e9e338317485e153b3ce9f3f1a7"),
        ("crlf.conf", "sha256:c73fadd637355639866458ec128a907d060945cda3216a46bd9b894b818a88e8"),
        (
            "environment.conf",
            "sha256:f8fc02acd07a3517cb3e0375f292d7a7d03295d119d337d21273b41b68777109",
        ),
        (
            "every_key.conf",
            "sha256:be220ee6feb6792e5e748fe4b69593912ddff171d2f798f14e2a76fac73dfb70",
        ),
        (
            "includes.conf",
            "sha256:f7ac961615d4611794e5531c74984d2a8a574f2161e9ab429d3a852d2ff98f01",
        ),
        ("json.conf", "sha256:7a4607e4674c6b92664dce96e57b0eed4ae0dcaac64ff28e8a6aad3cad4efdeb"),
        (
            "language.conf",
            "sha256:e9f1fcaf681d100169f08becaa28686885b9651d2b76af7a035e6b263d4f72a0",
        ),
        ("minimal.conf", "sha256:797533ebd0dfba7d34a0f9337ecf147e442871f48ddfd07ed751575a5737267e"),
    ];
    for (name, digest) in known {
        assert_eq!(load(name).digest, digest, "{name}");
    }
    let files = std::fs::read_dir(samples("good")).expect("samples");
    let count = files.filter(|f| f.as_ref().is_ok_and(|f| f.path().is_file())).count();
    assert_eq!(count, known.len(), "a sample is not in the list");
}

/// Each bad sample says in its first line what must be found.
#[test]
fn bad_files_are_refused_for_the_right_reason_at_the_right_place() {
    let (mut count, mut wrong) = (0, Vec::new());
    for file in std::fs::read_dir(samples("bad")).expect("samples") {
        let path = file.expect("entry").path();
        let text = std::fs::read_to_string(&path).expect("text");
        let first = text.lines().next().unwrap_or_default();
        let expected = first.strip_prefix("# expect: ").expect("an expectation");
        let found = Config::load(&path, &env).expect_err(expected);
        let errors: Vec<_> = found.iter().filter(|f| f.is_error()).collect();
        let shown = errors[0].to_string();
        let shown = shown.strip_prefix(&format!("{}:", path.display())).unwrap_or(&shown);
        // What the operating system says of a missing file is its own affair.
        let shown = shown.split_inclusive("open ").next().unwrap_or(shown);
        if shown != expected || errors.len() != 1 {
            wrong.push(format!("{}: {found:#?}", path.display()));
        }
        count += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > 50, "{count} samples");
}

#[test]
fn a_common_file() {
    let loaded = load("common.conf");
    let warnings: Vec<_> = loaded.warnings.iter().map(|w| w.message.as_str()).collect();
    assert!(warnings.is_empty(), "{warnings:?}");
    let config = loaded.config;
    assert_eq!(config.server_name.as_deref(), Some("orders-1"));
    assert_eq!((config.host.as_str(), config.port), ("0.0.0.0", Port::Fixed(4222)));
    assert_eq!((config.monitor_host(), config.http_port), ("localhost", Some(Port::Fixed(8222))));
    assert_eq!(config.max_payload, 2 * 1024 * 1024);
    assert_eq!(config.max_connections, 10_000);
    assert_eq!(config.ping_interval, Duration::from_secs(30));
    assert_eq!(config.log_size_limit, 100 * 1024 * 1024);
    assert_eq!(config.auth_timeout(), Duration::from_secs(3));
    let users = &config.authorization.users;
    assert_eq!((users[0].user.as_str(), users[0].password.expose()), ("alice", "a secret"));
    assert!(users[1].password.is_bcrypt());
    assert!(config.has_plaintext_passwords());
    assert_eq!(config.no_auth_user.as_deref(), Some("alice"));
    assert_eq!(config.mappings[0].source, "old.*");
    let canary: Vec<_> =
        config.mappings[1].destinations.iter().map(|d| (d.subject.as_str(), d.weight)).collect();
    assert_eq!(canary, [("canary.v1", 90), ("canary.v2", 10)]);
}

#[test]
fn every_key_reaches_its_field() {
    let config = load("every_key.conf").config;
    assert_eq!((config.host.as_str(), config.port), ("127.0.0.1", Port::Random));
    assert_eq!(config.client_advertise.as_deref(), Some("broker.example:4222"));
    assert_eq!(config.server_tags, ["region:eu", "disk:ssd"]);
    assert_eq!(config.server_metadata["rack"], "12");
    assert!(!config.feature_flags["js_ack_fc_v2"]);
    assert_eq!(config.features().len(), 2);
    assert!(config.debug && config.trace && config.trace_verbose && config.trace_headers);
    assert!(!config.logtime && config.logtime_utc);
    assert_eq!(config.log_file.as_deref(), Some(Path::new("server.log")));
    assert_eq!((config.log_size_limit, config.log_max_num), (1_000_000_000, 5));
    assert_eq!((config.connect_error_reports, config.reconnect_error_reports), (10, 2));
    assert_eq!(config.max_traced_msg_len, 1000);
    assert_eq!(config.pid_file.as_deref(), Some(Path::new("server.pid")));
    assert_eq!(config.ports_file_dir.as_deref(), Some(Path::new("/tmp")));
    assert_eq!((config.http_port, config.monitor_host()), (Some(Port::Random), "127.0.0.1"));
    assert_eq!(config.http_base_path, "/monitor");
    assert_eq!((config.max_control_line, config.max_payload), (2048, 512 * 1024));
    assert_eq!((config.max_pending, config.max_connections), (32 * 1024 * 1024, 0));
    assert_eq!((config.max_subscriptions, config.max_sub_tokens), (100, Some(16)));
    assert_eq!((config.max_closed_clients, config.ping_max), (7, 3));
    assert_eq!(config.ping_interval, Duration::from_secs(90));
    assert_eq!(config.write_deadline, Duration::from_millis(1500));
    assert_eq!(config.write_timeout, WriteTimeout::Retry);
    assert_eq!(config.lame_duck_duration, Duration::from_secs(45));
    assert_eq!(config.lame_duck_grace_period, Duration::from_millis(500));
    assert!(config.no_fast_producer_stall && config.disable_sublist_cache);
    assert!(config.no_header_support && config.allow_non_tls);
    assert_eq!(config.system_account.as_deref(), Some("SYS"));
    assert_eq!(config.cluster.name.as_deref(), Some("east"));
    assert_eq!(config.authorization.user.as_deref(), Some("root"));
    assert_eq!(config.auth_timeout(), Duration::from_millis(2500));
    assert_eq!(config.mappings[1].destinations[0].cluster.as_deref(), Some("east"));
}

#[test]
fn includes_are_merged_and_listed() {
    let loaded = load("includes.conf");
    assert_eq!(loaded.config.server_name.as_deref(), Some("included"));
    assert_eq!(loaded.config.max_payload, 1024 * 1024);
    assert_eq!(loaded.config.authorization.users.len(), 1);
    let names: Vec<_> =
        loaded.files.iter().filter_map(|f| f.strip_prefix(samples("good")).ok()).collect();
    let expected = ["includes.conf", "parts/name.conf", "parts/deeper.conf", "parts/users.conf"];
    assert_eq!(names, expected.map(Path::new));
}

#[test]
fn the_environment_is_read_like_the_file() {
    let config = load("environment.conf").config;
    assert_eq!(config.port, Port::Fixed(4555));
    assert_eq!(config.server_name.as_deref(), Some("from-here"));
    assert_eq!(config.server_tags, ["two words"]);
    assert!(config.debug);
}

#[test]
fn our_own_blocks() {
    let text = "vagus { arbiters: 4, shards: 8, log_format: json }\n\
                plugins { audit { subject: \"audit.>\", sizes [1, 2kb, 1.5], deep { on: true } }, \
                empty {} }";
    let loaded = Config::parse(text, "a.conf").expect("valid");
    assert!(loaded.warnings.is_empty());
    let config = loaded.config;
    assert_eq!((config.vagus.arbiters, config.vagus.shards), (Some(4), Some(8)));
    assert_eq!(config.vagus.log_format, vagus_config::LogFormat::Json);
    let audit = &config.plugins["audit"];
    let expected = r#"{"subject":"audit.>","sizes":[1,2048,1.5],"deep":{"on":true}}"#;
    assert_eq!(audit.to_string(), expected);
    assert_eq!(config.plugins["empty"].to_string(), "{}");
}

#[test]
fn an_empty_file_is_the_default_with_a_warning() {
    let loaded = Config::parse("# nothing\n", "a.conf").expect("valid");
    assert_eq!(loaded.config, Config::default());
    assert_eq!(loaded.warnings[0].to_string(), "a.conf: config has no values or is empty");
}

#[test]
fn seconds_without_a_unit_are_understood_with_a_warning() {
    let loaded = Config::parse("ping_interval: 5\nwrite_deadline: 3", "a.conf").expect("valid");
    assert_eq!(loaded.config.ping_interval, Duration::from_secs(5));
    let warnings: Vec<_> = loaded.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        [
            "a.conf:1:1: invalid use of field \"ping_interval\": \
             ping_interval should be converted to a duration",
            "a.conf:2:1: invalid use of field \"write_deadline\": \
             write_deadline should be converted to a duration",
        ]
    );
}

#[test]
fn large_payloads_are_advised_against() {
    let loaded = Config::parse("max_payload: 9MB", "a.conf").expect("valid");
    assert!(loaded.warnings[0].message.starts_with("Maximum payloads over 8.00 MB"));
    assert!(Config::parse("max_payload: 8MB", "a.conf").expect("valid").warnings.is_empty());
}

#[test]
fn long_authentication_is_advised_against() {
    let loaded = Config::parse("authorization { timeout: 61 }", "a.conf").expect("valid");
    assert!(loaded.warnings[0].message.contains("timeout of 61 seconds is high"));
}

#[test]
fn zero_means_the_default_where_nats_says_so() {
    let text = "port: 0\nping_interval: \"0s\"\nping_max: 0\nmax_payload: 0\nhttp_port: 0\n\
                lame_duck_grace_period: \"0s\"\nmax_control_line: 0";
    let loaded = Config::parse(text, "a.conf").expect("valid");
    let standard = Config::default();
    assert_eq!(loaded.config, standard);
}

#[test]
fn secrets_are_not_shown() {
    let text = "authorization { users: [ {user: a, password: hush1} ] }\n\
                plugins { p { key: hush2 } }";
    let config = Config::parse(text, "a.conf").expect("valid").config;
    let shown = format!("{config:?} {:?}", config.authorization);
    assert!(!shown.contains("hush"), "{shown}");
    assert!(shown.contains("authorization.users: [a]"), "{shown}");
    let text = "authorization { user: a, password: hush1 }";
    let config = Config::parse(text, "a.conf").expect("valid").config;
    assert!(!format!("{config:?}").contains("hush"));
    assert!(format!("{config:?}").contains("[REDACTED]"));
}

#[test]
fn a_missing_file_is_one_error() {
    let found = Config::load("/nowhere/a.conf", &env).expect_err("no file");
    assert_eq!(found.len(), 1);
    assert!(found[0].to_string().starts_with("open /nowhere/a.conf: "));
}
