//! Configurations of operators and resolvers that make no sense, and what is said of them (rows 66
//! to 71, 79 and 80).

use vagus_auth::jwt::mint;

use crate::harness::Server;
use crate::operator_kit::{World, now};

/// Neither checks nor starts.
#[track_caller]
fn refused(config: &str, why: &str) {
    Server::run_conf(&format!("listen: \"127.0.0.1:-1\"\n{config}\n"), &[]).refused_with(why);
}

#[test]
fn what_does_not_go_with_operators_is_refused() {
    let world = World::new();
    let token = world.operator_token();
    let memory = format!("operator: \"{token}\"\nresolver: MEMORY\n");
    for (config, why) in [
        (
            // Of one alone the other server says that it can't reach its resolver.
            format!("operator: [\"{token}\", \"{token}\"]"),
            "operators require an account resolver to be configured",
        ),
        (
            format!("{memory}accounts {{ A {{}} }}"),
            "operators do not allow Accounts to be configured directly",
        ),
        (
            format!("{memory}authorization {{ users: [{{ user: a, password: b }}] }}"),
            "operators do not allow users to be configured directly",
        ),
        (format!("{memory}no_auth_user: a"), "no_auth_user not compatible with Trusted Operator"),
        (
            format!("{memory}trusted_keys: {}", world.operator.public_key()),
            "conflicting options for 'TrustedKeys' and 'TrustedOperators'",
        ),
        (
            format!("{memory}system_account: {}", world.account.id()),
            "system_account in config and operator JWT must be identical",
        ),
        (
            format!("{memory}resolver_pinned_accounts: [nobody]"),
            "pinned account key \"nobody\" is not a valid public account nkey",
        ),
        (
            format!(
                "{memory}authorization {{ users: [], auth_callout {{ issuer: {}, \
                 auth_users: [a], account: A }} }}",
                world.account.id()
            ),
            "operators do not allow authorization callouts to be configured directly",
        ),
        (
            "operator: \"/there/is/no/such.jwt\"".to_owned(),
            "error parsing operator JWT: open /there/is/no/such.jwt: no such file or directory",
        ),
        (
            "trusted_keys: [nobody]".to_owned(),
            "trust key \"nobody\" required to be a valid public operator nkey",
        ),
    ] {
        refused(&config, why);
    }
}

#[test]
fn an_operator_says_what_servers_it_wants() {
    let mut world = World::new();
    for (wanted, why) in [
        ("99.1.0", "expected major version 99 > server major version 2"),
        ("2.99.0", "expected minor version 99 > server minor version 14"),
        ("2.14.99", "expected update version 99 > server update version 5"),
    ] {
        world.operator_claims.nats.assert_server_version = wanted.into();
        let operator = world.operator.public_key();
        refused(&world.memory(), &format!("operator {operator} {why}"));
    }
    world.operator_claims.nats.assert_server_version = "2.14.0".into();
    world.account.plain_user().login(&Server::start(&world.memory()));
}

#[test]
fn resolvers_that_contradict_themselves_are_refused() {
    let mut world = World::new();
    let dir = tempfile::tempdir().unwrap();
    let dir = format!("dir: {:?}", dir.path());
    let unknown = "error parsing account resolver, should be MEM or  URL(\"url\") or a map \
                   containing dir and type state=[FULL|CACHE])";
    for (resolver, why) in [
        ("whatever".to_owned(), unknown),
        (format!("{{ type: some, {dir} }}"), unknown),
        ("{ type: full }".to_owned(), "dir has no value and needs to point to a directory"),
        (
            "{ type: full, dir: \"/dev/null\" }".to_owned(),
            "dir needs to point to an accessible directory",
        ),
        (format!("{{ type: cache, interval: \"1s\", {dir} }}"), "CACHE does not accept sync"),
        (
            format!("{{ type: cache, allow_delete: true, {dir} }}"),
            "CACHE does not accept allow_delete",
        ),
        (
            format!("{{ type: cache, hard_delete: false, {dir} }}"),
            "CACHE does not accept hard_delete",
        ),
        (format!("{{ type: full, ttl: \"1s\", {dir} }}"), "FULL does not accept ttl"),
        (
            format!("{{ type: full, hard_delete: true, {dir} }}"),
            "hard_delete has no effect without delete",
        ),
        (
            "URL(\"http://127.0.0.1:1/\")".to_owned(),
            "resolver preloads only available for writeable resolver types MEM/DIR/CACHE_DIR",
        ),
    ] {
        refused(&world.resolved_by(&resolver, &[&world.account]), why);
    }
    world.operator_claims.nats.system_account = String::new();
    refused(
        &world.resolved_by(&format!("{{ type: full, {dir} }}"), &[]),
        "using nats based account resolver - the system account needs to be specified in \
         configuration or the operator jwt",
    );
    let forged = world.memory().replace(&world.account_token(&world.account), "eyJ.e.e");
    refused(&forged, "invalid account JWT");
}

// Row 80.
#[test]
fn the_sentinel_needs_no_key_to_sign_with() {
    let world = World::new();
    let sentinel = |token: &str| format!("{}default_sentinel: \"{token}\"", world.memory());
    let plain = world.account.plain_user();
    refused(&sentinel(&plain.token), "default sentinel must be a bearer token");
    let mut by_signer = world.account.plain_user();
    by_signer.claims.nats.issuer_account = world.account.id();
    by_signer.token = mint(&by_signer.claims, &world.account.key, now()).unwrap();
    refused(&sentinel(&by_signer.token), "default sentinel must be a bearer token");
    refused(&sentinel("eyJ.e.e"), "default sentinel JWT not valid");
    let alone = format!("default_sentinel: \"{}\"", plain.token);
    refused(&alone, "default sentinel requires operators and accounts");
}
