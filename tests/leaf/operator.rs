//! Leaf nodes that show a JWT, as users of accounts that an operator vouches for.

use std::fs;

use crate::harness::{Server, eventually};
use crate::kit::{
    Make, Pair, knows, leaf_port, leafnodes, links, our_hubs, pairs, start, start_in, wanted,
};
use crate::operator_kit::{User, World, now};

/// A hub whose users have JWTs.
fn hub(make: Make, world: &World) -> Server {
    start(make, &format!("server_name: hub\n{}{}", leafnodes(""), world.memory()))
}

/// A leaf node that shows a user's file.
fn leaf(make: Make, hub: &Server, user: &User) -> Server {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("user.creds");
    fs::write(&file, user.creds()).unwrap();
    let remote =
        format!("{{ url: \"nats-leaf://127.0.0.1:{}\", credentials: {file:?} }}", leaf_port(hub));
    let conf = format!("server_name: leaf\nleafnodes {{ reconnect: 1, remotes: [ {remote} ] }}");
    start_in(dir, make, &conf)
}

fn is_refused(pair: Pair, world: &World, user: &User) {
    let hub = hub(pair.0, world);
    let leaf = leaf(pair.1, &hub, user);
    hub.log.wait_for("authentication error");
    links(&hub, 0);
    assert!(!leaf.log.text().contains(&user.key.seed().unwrap()), "a seed is shown");
}

// Row 163.
#[test]
fn a_leaf_node_with_creds_joins_the_account_of_its_user() {
    for pair in pairs() {
        let world = World::new();
        let hub = hub(pair.0, &world);
        let leaf = leaf(pair.1, &hub, &world.account.plain_user());
        links(&hub, 1);
        let page = hub.json("/leafz");
        assert_eq!(page["leafs"][0]["account"], world.account.id(), "{pair:?}");
        let mut at_hub = world.account.plain_user().login(&hub);
        at_hub.subscribe("up", "1");
        at_hub.ping_pong();
        knows(&leaf, "up");
        leaf.client().publish("up", "1");
        at_hub.expect("MSG up 1 1\r\n1\r\n");
        let mut at_leaf = leaf.client();
        at_leaf.subscribe("down", "1");
        at_leaf.ping_pong();
        knows(&hub, "down");
        at_hub.publish("down", "2");
        at_leaf.expect("MSG down 1 1\r\n2\r\n");
    }
}

// Row 163.
#[test]
fn who_has_creds_that_nobody_vouches_for_is_refused() {
    for pair in pairs() {
        let world = World::new();
        is_refused(pair, &world, &World::new().account.plain_user());
        let late = world.account.user(|user| user.exp = now() - 1);
        is_refused(pair, &world, &late);
        let client = world.account.user(|user| {
            user.nats.terms.allowed_connection_types = vec!["STANDARD".to_owned()];
        });
        is_refused(pair, &world, &client);
    }
}

// Row 163.
#[test]
fn a_user_may_be_for_leaf_nodes_alone() {
    for pair in pairs() {
        let world = World::new();
        let user = world.account.user(|user| {
            user.nats.terms.allowed_connection_types = vec!["LEAFNODE".to_owned()];
        });
        let hub = hub(pair.0, &world);
        let _leaf = leaf(pair.1, &hub, &user);
        links(&hub, 1);
        user.is_refused(&hub);
    }
}

// Row 166.
#[test]
fn what_a_jwt_permits_holds_for_the_link() {
    for pair in pairs() {
        let world = World::new();
        let user = world.account.user(|user| {
            let permissions = &mut user.nats.terms.permissions;
            permissions.publish.allow = vec!["up.>".into()];
            permissions.subscribe.deny = vec!["secret.>".into()];
        });
        let hub = hub(pair.0, &world);
        let leaf = leaf(pair.1, &hub, &user);
        links(&hub, 1);
        let mut at_hub = world.account.plain_user().login(&hub);
        at_hub.subscribe(">", "1");
        at_hub.ping_pong();
        knows(&leaf, ">");
        let (mut at_leaf, mut from_leaf) = (leaf.client(), leaf.client());
        at_leaf.send("SUB secret.a 1\r\nSUB open 2\r\n");
        at_leaf.ping_pong();
        knows(&hub, "open");
        assert!(!wanted(&hub.json("/leafz?subs=1"), "secret.a"));
        from_leaf.publish("elsewhere", "no");
        from_leaf.publish("up.a", "yes");
        assert_eq!(at_hub.payload(), "yes", "{pair:?}");
        let mut from_hub = world.account.plain_user().login(&hub);
        from_hub.publish("secret.a", "no");
        from_hub.publish("open", "yes");
        assert_eq!(at_leaf.payload(), "yes", "{pair:?}");
    }
}

#[test]
fn no_more_leaf_nodes_come_than_an_account_s_jwt_allows() {
    for pair in our_hubs() {
        let mut world = World::new();
        world.account.claims.nats.limits.leaf = 1;
        let hub = hub(pair.0, &world);
        let _one = leaf(pair.1, &hub, &world.account.plain_user());
        links(&hub, 1);
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("user.creds");
        fs::write(&file, world.account.plain_user().creds()).unwrap();
        let conf = format!(
            "server_name: two\nleafnodes {{ remotes: [ \
             {{ url: \"nats://127.0.0.1:{}\", credentials: {file:?} }} ] }}",
            leaf_port(&hub)
        );
        let two = start_in(dir, pair.1, &conf);
        two.log.wait_for("maximum account active connections exceeded");
        links(&hub, 1);
    }
}

#[test]
fn a_link_ends_with_the_time_of_its_user() {
    for pair in our_hubs() {
        let world = World::new();
        let hub = hub(pair.0, &world);
        let leaf = leaf(pair.1, &hub, &World::new().account.plain_user());
        hub.log.wait_for("authentication error");
        // The file is read whenever it connects: from here on, nothing slow stands between.
        let user = world.account.user(|user| user.exp = now() + 6);
        fs::write(leaf.dir.path().join("user.creds"), user.creds()).unwrap();
        leaf.log.wait_for("User Authentication Expired");
        links(&hub, 0);
    }
}

#[test]
fn a_link_ends_when_its_user_is_revoked() {
    for pair in our_hubs() {
        let mut world = World::new();
        let dir = tempfile::tempdir().unwrap();
        let resolver = format!("{{ type: full, dir: {:?} }}", dir.path().join("jwt"));
        let accounts = world.resolved_by(&resolver, &[&world.system, &world.account]);
        let hub = start_in(dir, pair.0, &format!("server_name: hub\n{}{accounts}", leafnodes("")));
        let (user, other) = (world.account.plain_user(), world.account.plain_user());
        let leaf = leaf(pair.1, &hub, &user);
        links(&hub, 1);
        let first = hub.json("/leafz")["leafs"][0]["id"].clone();
        let mut system = world.system.plain_user().login(&hub);
        let mut push = |world: &World| {
            let token = world.account_token(&world.account);
            let size = token.len();
            system.send(format!(
                "SUB told 1\r\nUNSUB 1 1\r\nPUB $SYS.REQ.CLAIMS.UPDATE told {size}\r\n{token}\r\n"
            ));
            assert!(system.payload().contains("jwt updated"));
        };
        // Of somebody else, it changes nothing.
        world.account.claims.iat += 1;
        let revoked = |user: &User| (user.key.public_key(), now() + 10);
        world.account.claims.nats.revocations = [revoked(&other)].into();
        push(&world);
        eventually("the other user to be out", || {
            let text = hub.log.text();
            let _ = other.knock(&hub);
            text.contains("authentication error").then_some(())
        });
        assert_eq!(hub.json("/leafz")["leafs"][0]["id"], first);
        world.account.claims.iat += 1;
        world.account.claims.nats.revocations = [revoked(&other), revoked(&user)].into();
        push(&world);
        leaf.log.wait_for("Authentication Revoked");
        links(&hub, 0);
    }
}
