//! Leaf nodes that a service knows.

use std::sync::mpsc;
use std::thread;

use nkeys::KeyPair;
use vagus_auth::Identity;
use vagus_auth::jwt::{
    AuthorizationRequest, AuthorizationResponse, Claims, UserClaims, UserTerms, decode, mint,
};

use crate::harness::Client;
use crate::kit::{Make, knows, leaf_port, leafnodes, links, our_hubs, start};
use crate::operator_kit::now;

/// What the service says of who has asked: a user of account `A` who may not publish to `no`, if
/// the password is good.
fn answer(issuer: &KeyPair, asked: &Claims<AuthorizationRequest>) -> String {
    let sub = asked.nats.user_nkey.clone();
    let mut nats = AuthorizationResponse {
        kind: "authorization_response".into(),
        version: 2,
        ..Default::default()
    };
    match asked.nats.connect_opts.pass == "good" {
        true => {
            let mut terms = UserTerms { subs: -1, data: -1, payload: -1, ..Default::default() };
            terms.permissions.publish.deny = vec!["no".into()];
            let nats_user =
                UserClaims { terms, kind: "user".into(), version: 2, ..Default::default() };
            let (sub, aud) = (sub.clone(), "A".to_owned());
            let user = Claims { sub, aud, nats: nats_user, ..Default::default() };
            nats.jwt = mint(&user, issuer, now()).unwrap();
        }
        false => nats.error = "nobody".into(),
    }
    let aud = asked.nats.server_id.id.clone();
    mint(&Claims { sub, aud, nats, ..Default::default() }, issuer, now()).unwrap()
}

/// Answers until the connection ends; hands out what it was asked.
fn serve(issuer: KeyPair, mut client: Client) -> mpsc::Receiver<AuthorizationRequest> {
    client.subscribe("$SYS.REQ.USER.AUTH", "1");
    client.ping_pong();
    let (hand_out, asked) = mpsc::channel();
    thread::spawn(move || {
        while let Some(frame) = client.next_frame() {
            let text = String::from_utf8(frame).unwrap();
            let (head, body) = text.split_once("\r\n").unwrap();
            let Some(reply) = head.split(' ').nth(3) else { continue };
            let claims = decode(body.trim_end()).unwrap();
            let said = answer(&issuer, &claims);
            if !client.try_send(format!("PUB {reply} {}\r\n{said}\r\n", said.len())) {
                return;
            }
            // The test may have seen enough.
            let _ = hand_out.send(claims.nats);
        }
    });
    asked
}

// Rows 81 and 160.
#[test]
fn the_service_says_which_leaf_nodes_there_are() {
    for (_, leaf_make) in our_hubs() {
        let issuer = KeyPair::new_account();
        let hub = start(
            Make::Ours,
            &format!(
                "server_name: hub\n{}accounts {{\n AUTH {{ users: [ {{ user: auth, password: x }} \
                 ] }}\n A {{ users: [ {{ user: a, password: a }} ] }} }}\n\
                 authorization {{ auth_callout {{ issuer: {}, account: AUTH, \
                 auth_users: [ auth, a ] }} }}",
                leafnodes(""),
                issuer.public_key()
            ),
        );
        let asked = serve(issuer, hub.client_with(r#"{"user":"auth","pass":"x"}"#));
        let leaf = |name: &str, pass: &str| {
            let url = format!("nats-leaf://edge:{pass}@127.0.0.1:{}", leaf_port(&hub));
            let conf =
                format!("server_name: {name}\nleafnodes {{ remotes: [ {{ url: \"{url}\" }} ] }}");
            start(leaf_make, &conf)
        };
        let bad = leaf("bad", "bad");
        bad.log.wait_for("Authorization Violation");
        hub.log.wait_for("authentication error - User \"edge\"");
        let about = asked.recv().unwrap();
        let client = (&*about.client_info.kind, &*about.client_info.user, &*about.client_info.name);
        assert_eq!(client, ("Leafnode", "edge", "bad"), "{leaf_make:?}");
        assert_eq!(about.client_info.client_type, "");
        assert_eq!((&*about.connect_opts.user, &*about.connect_opts.pass), ("edge", "bad"));
        drop(bad);
        // Leaf nodes show a token in both places.
        let mut token = Client::connect(leaf_port(&hub));
        token.send(r#"CONNECT {"name":"t","cluster":"t","user":"s3cret","auth_token":"s3cret"}"#);
        token.send("\r\n");
        token.expect_err_closed("Authorization Violation");
        let about = asked.recv().unwrap();
        assert_eq!(about.client_info.user, Identity::TOKEN);
        assert_eq!(about.connect_opts.auth_token, "s3cret");

        let good = leaf("good", "good");
        links(&hub, 1);
        assert_eq!(hub.json("/leafz")["leafs"][0]["account"], "A");
        let mut at_hub = hub.client_with(r#"{"user":"a","pass":"a"}"#);
        at_hub.send("SUB no 1\r\nSUB yes 2\r\n");
        at_hub.ping_pong();
        knows(&good, "yes");
        let mut from = good.client();
        from.publish("no", "");
        from.publish("yes", "it");
        assert_eq!(at_hub.payload(), "it", "the other one stays");
    }
}
