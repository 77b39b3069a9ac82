//! Limits of accounts (row 64).

use crate::harness::Server;
use crate::kit::user;

const LIMITED: &str = r#"accounts {
    A {
        users: [{user: a, password: x}, {user: a2, password: x}]
        limits { max_connections: 2, max_subscriptions: 2, max_payload: 10 }
    }
    B { users: [{user: b, password: x}] }
}"#;

#[test]
fn an_account_has_so_many_connections() {
    let server = Server::start(LIMITED);
    let (first, _second) = (user(&server, "a"), user(&server, "a2"));
    let mut third = server.connect();
    third.send_connect(r#"{"user":"a","pass":"x"}"#);
    third.expect_err_closed("maximum account active connections exceeded");
    let page = server.wait_json("/connz?state=closed", |page| page["connections"].get(0).cloned());
    assert_eq!(page["reason"], "Maximum Account Connections Exceeded");
    let _others = [user(&server, "b"), user(&server, "b"), user(&server, "b")];
    drop(first);
    server.wait_json("/connz?acc=A", |page| (page["num_connections"] == 1).then_some(()));
    user(&server, "a").ping_pong();
}

#[test]
fn a_connection_has_so_many_subscriptions() {
    let server = Server::start(LIMITED);
    let mut client = user(&server, "a");
    client.send("SUB a 1\r\nSUB b 2\r\nSUB c 3\r\n");
    client.expect_err("maximum subscriptions exceeded");
    client.send("UNSUB 1\r\nSUB d 4\r\n");
    client.publish("d", "hi");
    client.expect("MSG d 4 2\r\nhi\r\n");
    let mut other = user(&server, "b");
    other.send("SUB a 1\r\nSUB b 2\r\nSUB c 3\r\n");
    other.ping_pong();
}

#[test]
fn a_message_has_so_many_bytes() {
    let server = Server::start(LIMITED);
    let mut client = server.connect();
    client.send_connect(r#"{"user":"a","pass":"x","protocol":1}"#);
    client.send("PING\r\n");
    client.expect("PONG\r\n");
    assert_eq!(client.expect_info()["max_payload"], 10);
    client.publish("a", "0123456789");
    client.publish("a", "0123456789");
    client.ping_pong();
    client.publish("a", "01234567890");
    client.expect_err_closed("Maximum Payload Violation");
    user(&server, "b").publish("a", "01234567890");
}
