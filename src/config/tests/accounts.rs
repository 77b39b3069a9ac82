//! Accounts, users and permissions: what is read, and what is refused with which words.

use std::time::Duration;

use vagus_auth::account::{ResponseType, Sampling, Sharing};
use vagus_auth::{ConnectionType, PermissionRules, Responses, SubjectRules};
use vagus_config::{Account, Config, User};

fn config(text: &str) -> Config {
    Config::parse(text, "a.conf").unwrap_or_else(|found| panic!("{text}: {found:?}")).config
}

fn account(text: &str) -> Account {
    config(&format!("accounts {{ A {{ {text} }} }}")).accounts.remove(0)
}

/// The first error, as nats-server 2.14.5 words it, at the place where it is.
#[track_caller]
fn refused(text: &str, finding: &str) {
    let Err(found) = Config::parse(text, "a.conf") else { panic!("accepted: {text}") };
    let first = found.iter().find(|f| f.is_error()).map(ToString::to_string);
    assert_eq!(first.as_deref(), Some(finding), "{text}");
}

const KEY: &str = "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4";
const ACCOUNT_KEY: &str = "AAAQCAIBAEAQCAIBAEAQCAIBAEAQCAIBAEAQCAIBAEAQCAIBAEAQDPYC";

#[test]
fn users_belong_to_accounts() {
    let config = config(&format!(
        "accounts {{ A {{ users: [ {{ user: a, pass: p }}, {{ nkey: {KEY} }} ] }}, B {{}} }}\n\
         authorization {{ users: [ {{ user: g, password: p }} ] }}\nno_auth_user: {KEY}"
    ));
    let users: Vec<_> = config.users().map(|(account, user)| (account, user.id())).collect();
    assert_eq!(users, [("$G", "g"), ("A", "a"), ("A", KEY)]);
    assert!(config.auth_required() && !config.admits_without_users());
    assert_eq!(config.system(), Some("$SYS"));
}

#[test]
fn a_bare_list_of_accounts_is_enough() {
    let config = config("accounts [ A, B ]");
    let names: Vec<_> = config.accounts.iter().map(|a| a.rules.name.as_str()).collect();
    assert_eq!(names, ["A", "B"]);
}

#[test]
fn a_system_account_alone_shuts_nobody_out() {
    let sys = "accounts { $SYS { users: [ { user: s, pass: s } ] } }";
    assert!(config(sys).admits_without_users());
    assert!(
        config(&sys.replace("$SYS", "S").replace("accounts", "system_account: S\naccounts"))
            .admits_without_users()
    );
    assert!(!config(&sys.replace("$SYS", "S")).admits_without_users());
    let mixed = format!("{sys}\nauthorization {{ users: [ {{ user: a }} ] }}");
    assert!(!config(&mixed).admits_without_users());
    assert_eq!(config("no_system_account: true").system(), None);
    refused("system_account: X", "error resolving system account: account missing");
}

#[test]
fn users_may_be_limited_to_kinds_of_connection() {
    let users = |text: &str| account(&format!("users: [ {{ user: a, clients: {text} }} ]")).users;
    let types = |users: &[User]| users[0].connection_types;
    assert!(types(&users("[standard, MQTT]")).allow(ConnectionType::Mqtt));
    assert!(!types(&users("LEAFNODE")).allow(ConnectionType::Standard));
    refused(
        "authorization { users: [ { user: a, clients: [mqtt, foo] } ] }",
        "a.conf:1:37: invalid connection types [\"FOO\"]",
    );
}

fn permissions(text: &str) -> PermissionRules {
    let user = format!("users: [ {{ user: a, permissions {{ {text} }} }} ]");
    account(&user).users.remove(0).permissions.unwrap_or_default()
}

#[test]
fn permissions_allow_and_deny() {
    assert_eq!(permissions("pub: a.b").publish, SubjectRules::only(["a.b"]));
    let rules = permissions("subscribe { allow: [a, \"b  q.>\"], deny: c }, publish: []").clone();
    assert_eq!(rules.subscribe.allow.as_deref(), Some(["a".to_owned(), "b q.>".into()].as_slice()));
    assert_eq!(rules.subscribe.deny, ["c"]);
    assert_eq!(rules.publish.allow.as_deref(), Some([].as_slice()));
    let responses = |text: &str| permissions(&format!("allow_responses: {text}")).responses;
    assert_eq!(responses("true"), Some(Responses::default()));
    assert_eq!(responses("false"), None);
    let five = Responses { max: Some(5), ttl: Some(Duration::from_secs(60)) };
    assert_eq!(responses("{ max: 5, expires: \"1m\" }"), Some(five));
    let any = Responses { max: None, ttl: None };
    assert_eq!(responses("{ max: -1, ttl: \"-1s\" }"), Some(any));
}

#[test]
fn permissions_that_make_no_sense_are_refused() {
    let user = |text: &str| {
        format!("authorization {{ users: [ {{ user: a, permissions {{\n{text} }} }} ] }}")
    };
    refused(&user("pub: \"a b c\""), "a.conf:2:1: subject \"a b c\" is not a valid subject");
    refused(&user("pub: \"a..b\""), "a.conf:2:1: subject \"a..b\" is not a valid subject");
    let deny = "a.conf:2:7: subject \"a..b q\" is not a valid subject";
    refused(&user("sub { deny: [\"a..b q\"] }"), deny);
    refused(&user("foo: a"), "a.conf:2:1: Unknown field \"foo\" parsing permissions");
}

#[test]
fn users_that_make_no_sense_are_refused() {
    let user = |text: &str| format!("authorization {{ users: [ {{ {text} }} ] }}");
    refused(&user("pass: b"), "a.conf:1:26: User entry requires a user");
    refused(&user("nkey: UABC"), "a.conf:1:28: Not a valid public nkey for a user");
    refused(
        &user(&format!("nkey: {KEY}, user: a")),
        "a.conf:1:26: Nkey users do not take usernames or passwords",
    );
    let two = |kind: &str, id: &str| {
        let users = format!("users: [ {{ {kind}: {id} }} ]");
        format!("accounts {{ A {{ {users} }}\nB {{ {users} }} }}")
    };
    refused(&two("user", "a"), "a.conf:2:14: Duplicate user \"a\" detected");
    refused(&two("nkey", KEY), &format!("a.conf:2:14: Duplicate nkey {KEY:?} detected"));
}

#[test]
fn ways_to_authenticate_exclude_each_other() {
    let accounts = "accounts { A { users: [ { user: a } ] } }\n";
    let with = |text: &str| format!("{accounts}authorization {{ {text} }}");
    refused(&with("user: a, pass: b"), "Can not have a single user/pass and accounts");
    refused(&with("token: b"), "Can not have a token and accounts");
    refused(
        &format!("{accounts}no_auth_user: x"),
        "no_auth_user: \"x\" not present as user or nkey in authorization block or account \
         configuration",
    );
}

#[test]
fn accounts_have_names_and_keys() {
    refused("accounts { $G {} }", "a.conf:1:12: \"$G\" is a Reserved Account");
    refused("accounts [ A, A ]", "a.conf:1:15: Duplicate Account Entry: A");
    assert_eq!(account(&format!("nkey: {ACCOUNT_KEY}")).rules.nkey.as_deref(), Some(ACCOUNT_KEY));
    refused(
        "accounts { A { nkey: foo } }",
        "a.conf:1:16: Not a valid public nkey for an account: \"foo\"",
    );
}

#[test]
fn limits_are_read_and_minus_one_is_none() {
    let limits = account("limits { max_conn: 3, max_subs: -1, max_payload: 1k, max_leafs: 0 }");
    let limits = limits.rules.limits;
    assert_eq!((limits.connections, limits.subscriptions), (Some(3), None));
    assert_eq!((limits.payload, limits.leafnodes), (Some(1000), Some(0)));
}

#[test]
fn jetstream_is_a_switch_or_a_block() {
    for (text, on) in
        [("true", true), ("enabled", true), ("disabled", false), ("{ disabled: true }", false)]
    {
        assert_eq!(account(&format!("jetstream: {text}")).rules.jetstream.is_some(), on, "{text}");
    }
    let js = account(
        "jetstream { mem: \"1G\", disk: -1, streams: 5, cluster_traffic: owner, max_bytes: true }",
    );
    let js = js.rules.jetstream.expect("enabled");
    assert_eq!((js.memory, js.store, js.streams), (Some(1 << 30), None, Some(5)));
    assert!(js.owner_traffic && js.max_bytes_required);
    let of = |text: &str| format!("accounts {{ A {{ jetstream {{ {text} }} }} }}");
    refused(&of("mem: x"), "a.conf:1:28: Expected a parseable size for \"mem\", got x");
    refused(
        &of("cluster_traffic: x"),
        "a.conf:1:28: Expected 'system' or 'owner' string value for \"cluster_traffic\", got x",
    );
    refused(
        "accounts { A { jetstream: foo } }",
        "a.conf:1:16: Expected 'enabled' or 'disabled' for string value, got 'foo'",
    );
}

#[test]
fn traces_go_somewhere() {
    let trace = |text: &str| account(&format!("msg_trace: {text}")).rules.trace.expect("a trace");
    assert_eq!((trace("a.b").subject.as_str(), trace("a.b").sampling), ("a.b", 100));
    assert_eq!(trace("{ dest: a, sampling: \"7%\" }").sampling, 7);
    let of = |text: &str| format!("accounts {{ A {{ msg_trace: {text} }} }}");
    refused(&of("\"a..b\""), "a.conf:1:16: Trace destination \"a..b\" is not valid");
    refused(
        &of("{ dest: a, sampling: 101 }"),
        "a.conf:1:38: Trace destination sampling value 101 is invalid, needs to be [1..100]",
    );
    refused(
        &of("{ dest: a, sampling: \"x%\" }"),
        "a.conf:1:38: Invalid trace destination sampling value \"x%\"",
    );
}

#[test]
fn exports_say_who_may_have_what() {
    let rules = account(
        "exports: [ { stream: \"s.*\", accounts: [A], account_token_position: 2 }\n\
         { service: q, response_type: stream, threshold: \"3s\", allow_trace: true }\n\
         { service: r, latency: { subject: l, sampling: headers } }\n\
         { service: t, latency: l } ]",
    )
    .rules;
    let [s, q, r, t] = rules.exports.as_slice() else { panic!("{:?}", rules.exports) };
    assert_eq!((s.kind, s.account_token_position), (Sharing::Stream, Some(2)));
    assert_eq!(s.accounts.as_deref(), Some(["A".to_owned()].as_slice()));
    assert_eq!((q.kind, q.response_type), (Sharing::Service, ResponseType::Stream));
    assert_eq!(q.response_threshold, Some(Duration::from_secs(3)));
    assert!(q.allow_trace && q.accounts.is_none());
    assert_eq!(r.latency.as_ref().map(|l| l.sampling), Some(Sampling::Headers));
    assert_eq!(t.latency.as_ref().map(|l| l.sampling), Some(Sampling::Percent(100)));
}

#[test]
fn exports_that_make_no_sense_are_refused() {
    let refused = |text: &str, finding: &str| {
        refused(&format!("accounts {{ A {{ exports: [\n{{ {text} }} ] }} }}"), finding);
    };
    let both = "a.conf:2:14: Detected service \"b\" but already saw a stream";
    refused("stream: a, service: b", both);
    refused(
        "stream: a, response: stream",
        "a.conf:2:14: Detected response directive on non-service",
    );
    refused(
        "stream: a, threshold: \"3s\"",
        "a.conf:2:14: Detected response directive on non-service",
    );
    refused("stream: a, latency: x", "a.conf:2:14: Detected latency directive on non-service");
    refused(
        "stream: a, allow_trace: true",
        "a.conf:2:14: Detected allow_trace directive on non-service",
    );
    refused("service: a, response: foo", "a.conf:2:15: Unknown response type: \"foo\"");
    refused(
        "service: a, latency { sampling: 3 }",
        "a.conf:2:15: Latency subject required, but missing",
    );
    let bad = "a.conf:2:37: bad sampling percentage, should be 1-100";
    refused("service: a, latency { subject: x, sampling: 0 }", bad);
    refused("service: a, latency { subject: x, sampling: 101 }", bad);
    refused(
        "service: a, latency: \"a..b\"",
        "a.conf:2:1: Error adding service latency sampling for \"a\" on subject \"a..b\": invalid \
         publish subject",
    );
    refused(
        "service: a, response: stream, latency: x",
        "a.conf:2:1: Error adding service latency sampling for \"a\" on subject \"x\": bad service \
         response type",
    );
    refused(
        "service: \"a.*\", account_token_position: 1",
        "a.conf:2:1: Error adding service export \"a.*\": sublist: invalid subject",
    );
    refused("stream: a, accounts: [X]", "a.conf:2:1: \"X\" account not defined for stream export");
}

fn importing(text: &str) -> String {
    format!(
        "accounts {{ A {{ exports: [ {{ stream: \"s.>\" }}, {{ service: \"q.>\" }} ] }}\n\
         B {{ imports: [\n{text} ] }} }}"
    )
}

#[test]
fn imports_have_local_subjects() {
    let config = config(&importing(
        "{ stream: { account: A, subject: \"s.a\" }, prefix: x }\n\
         { stream: { account: A, subject: \"s.*\" }, to: \"y.$1\" }\n\
         { service: { account: A, subject: \"q.a\" }, to: z, share: true }\n\
         { service: { account: A, subject: \"q.b\" } }",
    ));
    let imports = &config.accounts[1].rules.imports;
    let local: Vec<_> = imports.iter().map(|import| import.local()).collect();
    assert_eq!(local, ["x.s.a", "y.$1", "z", "q.b"]);
    assert_eq!(imports[1].local_pattern(), "y.*");
    assert!(imports[2].share && imports[2].kind == Sharing::Service);
}

#[test]
fn imports_that_make_no_sense_are_refused() {
    let refused = |text: &str, finding: &str| refused(&importing(text), finding);
    let incomplete = "a.conf:3:3: Expect an account name and a subject";
    refused("{ stream: { account: A } }", incomplete);
    refused("{ stream: { subject: a } }", incomplete);
    refused(
        "{ stream: { account: A, subject: s.a }, service: { account: A, subject: q.a } }",
        "a.conf:3:41: Detected service but already saw a stream",
    );
    refused(
        "{ stream: { account: A, subject: s.a }, prefix: x, to: y }",
        "a.conf:3:52: Stream import can not have a 'prefix' and a 'to' property",
    );
    refused(
        "{ service: { account: A, subject: q.a }, allow_trace: true }",
        "a.conf:3:42: Detected allow_trace directive on a non-stream",
    );
    refused(
        "{ service: { account: A, subject: q.a } }\n\
         { service: { account: A, subject: q.b }, to: q.a }",
        "a.conf:4:1: Duplicate service import subject \"q.a\", previously used in import for \
         account \"A\", subject \"q.a\"",
    );
    refused(
        "{ stream: { account: X, subject: a } }",
        "a.conf:3:1: \"X\" account not defined for stream import",
    );
    refused(
        "{ stream: { account: A, subject: a } }",
        "a.conf:3:1: Error adding stream import \"a\": stream import not authorized",
    );
}

#[test]
fn mappings_are_the_accounts_own() {
    let rules = account("mappings { a: b, c: [ { destination: d, weight: 50% } ] }").rules;
    assert_eq!(rules.mappings.len(), 2);
    assert_eq!(rules.mappings[1].destinations[0].weight, 50);
    refused(
        "accounts { A { mappings { \"a.*\": \"b.$2\" } } }",
        "a.conf:1:28: Error adding mapping for \"a.*\" to \"b.$2\" : invalid mapping destination: \
         wildcard index out of range in $2: [2]",
    );
}
