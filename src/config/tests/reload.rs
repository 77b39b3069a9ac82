//! What a reload takes up, what it refuses, and what it says.

use vagus_config::{Config, Kind, Overrides, Plan, Port, Secret, plan};

fn config(text: &str) -> Config {
    Config::parse(text, "a.conf").unwrap_or_else(|found| panic!("{text}: {found:?}")).config
}

fn between(old: &str, new: &str) -> Plan {
    plan(&config(old), &config(new))
}

#[track_caller]
fn reloads(old: &str, new: &str, kind: Kind, what: &str) {
    let plan = between(old, new);
    assert!(plan.refused.is_empty(), "{:?}", plan.refused);
    let lines: Vec<_> = plan.changes.iter().map(ToString::to_string).collect();
    assert_eq!(lines, [format!("Reloaded: {what}")]);
    assert_eq!(plan.changes[0].kind, kind);
}

#[track_caller]
fn refuses(old: &str, new: &str, why: &str) {
    let plan = between(old, new);
    assert!(plan.changes.is_empty(), "{:?}", plan.changes);
    let lines: Vec<_> = plan.refused.iter().map(ToString::to_string).collect();
    assert_eq!(lines, [format!("config reload not supported for {why}")]);
}

#[test]
fn nothing_changes() {
    assert!(between("port: 4222", "listen: 0.0.0.0:4222").is_empty());
    assert!(between("http: 0.0.0.0:8222", "http_port: 8222").is_empty());
}

#[test]
fn logging() {
    reloads("debug: false", "debug: true", Kind::Logging, "debug = true");
    reloads("debug: false", "trace: true", Kind::Logging, "trace = true");
    reloads("log_file: a", "log_file: b", Kind::Logging, "log_file = b");
    reloads("debug: no", "logtime: false", Kind::Logging, "logtime = false");
    reloads("debug: no", "max_traced_msg_len: 9", Kind::Logging, "max_traced_msg_len = 9");
}

#[test]
fn limits() {
    reloads("debug: no", "max_payload: 1k", Kind::Limits, "max_payload = 1000");
    reloads("debug: no", "max_connections: 5", Kind::Limits, "max_connections = 5");
    reloads("debug: no", "max_control_line: 1k", Kind::Limits, "max_control_line = 1000");
    reloads("debug: no", "ping_interval: \"90s\"", Kind::Limits, "ping_interval = 1m30s");
    reloads("debug: no", "ping_max: 5", Kind::Limits, "ping_max = 5");
    reloads("debug: no", "write_deadline: \"1.5s\"", Kind::Limits, "write_deadline = 1.5s");
    let stall = "fast producers will not be stalled";
    reloads("debug: no", "no_fast_producer_stall: true", Kind::Limits, stall);
    let stall = "fast producers will be stalled";
    reloads("no_fast_producer_stall: true", "debug: no", Kind::Limits, stall);
}

#[test]
fn identity() {
    let one = "authorization { user: a, password: b }";
    let two = "authorization { user: a, password: c }";
    reloads(one, two, Kind::Auth, "authorization password");
    let token = ["authorization { token: a }", "authorization { token: b }"];
    reloads(token[0], token[1], Kind::Auth, "authorization token");
    let users =
        ["authorization { users: [ {user: a} ] }", "authorization { users: [ {user: b} ] }"];
    reloads(users[0], users[1], Kind::Auth, "authorization users");
    let time = "authorization { timeout: 3.5 }";
    reloads("debug: no", time, Kind::Auth, "authorization timeout = 3.5");
}

#[test]
fn the_rest_that_reloads() {
    reloads("debug: no", "server_tags: a", Kind::Info, "tags");
    reloads("debug: no", "server_metadata { a: b }", Kind::Info, "metadata");
    reloads("debug: no", "client_advertise: a", Kind::Info, "client_advertise = a");
    reloads("debug: no", "pid_file: p", Kind::Files, "pid_file = p");
    reloads("debug: no", "ports_file_dir: p", Kind::Files, "ports_file_dir = p");
    reloads("debug: no", "mappings { a: b }", Kind::Mappings, "accounts");
    reloads("debug: no", "cluster { name: c }", Kind::Mappings, "cluster");
}

#[test]
fn what_needs_a_restart() {
    refuses("port: 4222", "port: 4333", "Port: old=4222, new=4333");
    refuses("host: 127.0.0.1", "host: 127.0.0.2", "Host: old=127.0.0.1, new=127.0.0.2");
    refuses("server_name: a", "server_name: b", "ServerName: old=a, new=b");
    refuses("debug: no", "max_pending: 2g", "MaxPending: old=67108864, new=2000000000");
    refuses("debug: no", "max_subscriptions: 5", "MaxSubs: old=0, new=5");
    refuses("debug: no", "max_sub_tokens: 5", "MaxSubTokens: old=, new=5");
    refuses("debug: no", "write_timeout: close", "WriteTimeout: old=default, new=close");
    refuses("debug: no", "http_port: 1", "HTTPPort: old=, new=1");
    refuses("debug: no", "lame_duck_duration: \"3m\"", "LameDuckDuration: old=2m0s, new=3m0s");
    let accounts = "accounts { A {} }";
    let named = format!("{accounts}\nsystem_account: A");
    refuses(accounts, &named, "SystemAccount: old=, new=A");
    refuses("debug: no", "feature_flags { a: true }", "FeatureFlags: old=map[], new=map[a:true]");
    refuses("debug: no", "vagus { shards: 2 }", "Shards: old=, new=2");
}

#[test]
fn plugin_blocks_are_not_shown() {
    let plan = between("debug: no", "plugins { p { key: hush } }");
    assert_eq!(
        plan.refused[0].to_string(),
        "config reload not supported for Plugins: old=[], new=[p]"
    );
}

#[test]
fn a_random_port_keeps_what_it_got() {
    assert!(between("port: 4222", "port: -1").is_empty());
    refuses("port: -1", "port: 4222", "Port: old=-1, new=4222");
}

#[test]
fn no_auth_user_may_go_with_its_user() {
    let old = "authorization { users: [ {user: a}, {user: b} ] }\nno_auth_user: a";
    let both_gone = between(old, "authorization { users: [ {user: b} ] }");
    assert!(both_gone.refused.is_empty());
    let still_there = "authorization { users: [ {user: a}, {user: b} ] }";
    refuses(old, still_there, "NoAuthUser: old=a, new=");
    let other = "authorization { users: [ {user: a}, {user: b} ] }\nno_auth_user: b";
    refuses(old, other, "NoAuthUser: old=a, new=b");
}

#[test]
fn the_default_system_account_may_be_left_unnamed() {
    assert!(between("system_account: \"$SYS\"", "debug: no").is_empty());
}

#[test]
fn one_refusal_does_not_hide_other_changes() {
    let plan = between("port: 1", "port: 2\ndebug: true\nserver_name: x");
    assert_eq!((plan.changes.len(), plan.refused.len()), (1, 2));
}

#[test]
fn the_command_line_wins() {
    let over = Overrides {
        port: Some(Port::Random),
        server_name: Some("flag".into()),
        debug: Some(false),
        trace_verbose: Some(true),
        max_traced_msg_len: Some(7),
        user: Some("u".into()),
        password: Some(Secret::new("p")),
        ..Overrides::default()
    };
    let mut config = config("port: 1\nserver_name: file\ndebug: true\nmax_payload: 1k");
    config.apply(&over);
    assert_eq!(config.port, Port::Random);
    assert_eq!(config.server_name.as_deref(), Some("flag"));
    assert!(!config.debug && config.trace && config.trace_verbose);
    assert_eq!((config.max_traced_msg_len, config.max_payload), (7, 1000));
    assert_eq!(config.authorization.user.as_deref(), Some("u"));
    assert!(config.auth_required());
    assert!(config.validate().is_empty());
}

#[test]
fn zero_and_nothing_on_the_command_line_leave_the_file_alone() {
    let over = Overrides {
        host: Some(String::new()),
        port: Some(Port::Fixed(0)),
        log_file: Some("".into()),
        log_size_limit: Some(0),
        token: Some(Secret::new("")),
        ..Overrides::default()
    };
    let mut changed = config("port: 1\nlog_file: a\nlog_size_limit: 5");
    let before = changed.clone();
    changed.apply(&over);
    assert_eq!(changed, before);
}

#[test]
fn the_command_line_is_validated_with_the_file() {
    let over = Overrides { token: Some(Secret::new("t")), ..Overrides::default() };
    let mut config = config("authorization { user: a, password: b }");
    config.apply(&over);
    assert_eq!(config.validate()[0].to_string(), "Cannot have a user/pass and token");
}
