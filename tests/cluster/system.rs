//! The system of a cluster: every server of it is asked, watched and steered from any other
//! (rows 97, 104, 138, 139 and 141).

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::harness::{Client, Server};
use crate::kit::{knows, server_with};

const ACCOUNTS: &str = r#"
    accounts {
        APP { users: [{user: app, password: x}] }
        SYS { users: [{user: sys, password: x}] }
    }
    system_account: SYS
"#;

#[track_caller]
fn pair() -> [Server; 2] {
    let a = server_with("a", &[], "", ACCOUNTS);
    let b = server_with("b", &[&a], "", ACCOUNTS);
    // Requests find who has said that it wants them, and no one else.
    for (server, other) in [(&a, &b), (&b, &a)] {
        let id = other.json("/varz")["server_id"].as_str().unwrap().to_owned();
        knows(server, &format!("$SYS.REQ.SERVER.{id}.KICK"));
        knows(server, "$SYS.REQ.ACCOUNT.PING.CONNZ");
    }
    [a, b]
}

#[track_caller]
fn log_in(server: &Server, user: &str) -> Client {
    let mut client = server.client_with(&format!(r#"{{"user":"{user}","pass":"x"}}"#));
    client.subscribe("r", "1");
    client
}

/// The next `N` answers to a request.
#[track_caller]
fn ask<const N: usize>(client: &mut Client, subject: &str, body: &str) -> [Value; N] {
    client.send(format!("PUB {subject} r {}\r\n{body}\r\n", body.len()));
    [(); N].map(|()| serde_json::from_slice(&client.message().1).expect("an answer is JSON"))
}

fn names(answers: &[Value]) -> BTreeSet<&str> {
    answers.iter().filter_map(|answer| answer["server"]["name"].as_str()).collect()
}

#[test]
fn every_server_answers_who_asks_one_of_them() {
    let [a, b] = pair();
    let mut sys = log_in(&a, "sys");
    for page in ["", ".VARZ", ".CONNZ", ".ROUTEZ", ".SUBSZ", ".HEALTHZ", ".ACCOUNTZ"] {
        let answers: [Value; 2] = ask(&mut sys, &format!("$SYS.REQ.SERVER.PING{page}"), "");
        assert_eq!(names(&answers), ["a", "b"].into(), "{page}");
    }
    let (mut near, _far) = (log_in(&a, "app"), log_in(&b, "app"));
    let answers: [Value; 2] = ask(&mut near, "$SYS.REQ.ACCOUNT.PING.CONNZ", "");
    assert_eq!(names(&answers), ["a", "b"].into());
    assert!(answers.iter().all(|answer| answer["data"]["num_connections"] == 1), "{answers:?}");
}

#[test]
fn a_server_is_steered_from_another() {
    let [a, b] = pair();
    let (mut sys, mut client) = (log_in(&a, "sys"), log_in(&b, "app"));
    let id = client.info["server_id"].as_str().unwrap().to_owned();
    let cid = client.info["client_id"].as_u64().unwrap();
    let [answer] = ask(&mut sys, &format!("$SYS.REQ.SERVER.{id}.RELOAD"), "");
    assert_eq!((&answer["server"]["name"], answer.get("error")), (&json!("b"), None));
    let [answer] =
        ask(&mut sys, &format!("$SYS.REQ.SERVER.{id}.KICK"), &json!({"cid": cid}).to_string());
    assert_eq!((&answer["server"]["name"], answer.get("error")), (&json!("b"), None));
    client.expect_closed();
}

#[test]
fn statistics_tell_of_the_links_and_count_clients_apart() {
    let [a, b] = pair();
    let (mut sys, mut far) = (log_in(&a, "sys"), log_in(&b, "app"));
    let mut near = log_in(&a, "app");
    a.wait_interest("APP", "r", 2);
    for n in 0..10 {
        near.publish("r", "to both");
        assert_eq!(far.payload(), "to both", "{n}");
        near.message();
    }
    let answers: [Value; 2] = ask(&mut sys, "$SYS.REQ.SERVER.PING", "");
    let of = |name: &str| {
        let answer = answers.iter().find(|answer| answer["server"]["name"] == name);
        answer.unwrap()["statsz"].clone()
    };
    let (a, b) = (of("a"), of("b"));
    assert_eq!((&a["active_servers"], &b["active_servers"]), (&json!(2), &json!(2)));
    let sum = |statsz: &Value, field: &str| {
        let routes = statsz["routes"].as_array().unwrap().iter();
        routes.map(|route| route[field]["msgs"].as_u64().unwrap()).sum::<u64>()
    };
    assert!(a["routes"].as_array().unwrap().iter().all(|route| route["name"] == "b"), "{a}");
    assert!(sum(&a, "sent") >= 10 && sum(&b, "received") >= 10, "{a} {b}");
    for (statsz, all, clients) in
        [(&a, "sent", "sent_to_clients"), (&b, "received", "received_from_clients")]
    {
        let count = |field: &str| statsz[field]["msgs"].as_u64().unwrap();
        assert!(count(clients) + 10 <= count(all), "{statsz}");
    }
}
