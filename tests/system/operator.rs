//! Users and accounts that are known by JWT, as events and answers show them.

use serde_json::{Value, json};

use crate::harness::{Server, is_reference};
use crate::kit::Caller;
use crate::operator_kit::{User, World};

fn join(server: &Server, user: &User) -> Caller {
    Caller::over(user.login(server))
}

#[test]
fn events_show_who_a_user_is_but_not_its_jwt() {
    let world = World::new();
    let server = Server::start(&world.memory());
    let mut sys = join(&server, &world.system.plain_user());
    let account = world.account.id();
    sys.client.subscribe(&format!("$SYS.ACCOUNT.{account}.*"), "1");
    sys.client.subscribe("$SYS.SERVER.*.CLIENT.AUTH.ERR", "2");
    let user = world.account.plain_user();
    drop(user.login(&server));
    let thief = User { key: nkeys::KeyPair::new_user(), ..world.account.plain_user() };
    let told = sys.next();
    assert_eq!(told.subject, format!("$SYS.ACCOUNT.{account}.CONNECT"));
    let client = told.json()["client"].clone();
    for (field, value) in [
        ("acc", json!(account)),
        ("user", json!(user.key.public_key())),
        ("issuer_key", json!(account)),
        ("name_tag", json!("acme")),
    ] {
        assert_eq!(client[field], value, "{field} of {client}");
    }
    let gone = sys.next();
    assert_eq!(gone.subject, format!("$SYS.ACCOUNT.{account}.DISCONNECT"));
    thief.is_refused(&server);
    let refused = sys.next();
    assert!(refused.subject.ends_with(".CLIENT.AUTH.ERR"), "{refused:?}");
    for event in [told, gone, refused] {
        let text = String::from_utf8_lossy(&event.payload).into_owned();
        let shown = text.contains(&user.token) || text.contains(&thief.token);
        // nats-server shows the JWT itself.
        assert!(is_reference() || !shown, "{text}");
    }
}

#[test]
fn users_and_operators_ask() {
    let world = World::new();
    let server = Server::start(&world.memory());
    let account = world.account.id();
    let mut app = join(&server, &world.account.plain_user());
    let answer = app.ask("$SYS.REQ.USER.INFO", "");
    assert_eq!(
        (&answer["data"]["account"], &answer["data"]["account_name"]),
        (&json!(account), &json!("acme")),
        "{answer}"
    );
    assert_eq!(answer["data"]["user_name"], "joe");
    let mut sys = join(&server, &world.system.plain_user());
    let stat: Value = sys.ask(&format!("$SYS.REQ.ACCOUNT.{account}.STATZ"), "");
    let stat = &stat["data"]["account_statz"][0];
    assert_eq!(
        (&stat["acc"], &stat["name"], &stat["conns"]),
        (&json!(account), &json!("acme"), &json!(1))
    );
}
