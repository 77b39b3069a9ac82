//! Accounts that share services: the actor of one dies while its users ask and are answered.

use std::sync::mpsc::{Receiver, channel};

use vagus::Server;

use crate::flow::Flow;
use crate::kit::{Client, DEADLINE, drill_alone, eventually, port, start_conf};

/// The service of one account, asked for by another; the flow of a third goes on beside.
fn shared() -> Server {
    start_conf(
        "accounts {\n\
         OWNER { users: [{user: owner, password: x}]\n\
         exports: [{service: help}, {service: keep}] }\n\
         GUEST { users: [{user: guest, password: x}]\n\
         imports: [{service: {account: OWNER, subject: help}},\n\
         {service: {account: OWNER, subject: keep}}] }\n\
         OTHER { users: [{user: other, password: x}] } }\nno_auth_user: other",
    )
}

fn user(server: &Server, name: &str) -> Client {
    let mut client = Client::connect(port(server));
    client.login(&format!(r#"{{"user":"{name}","pass":"x"}}"#));
    client
}

/// Asks again and again until there is an answer to one of these questions, which are numbered
/// from `next` on.
fn until_answered(guest: &mut Client, answers: &Receiver<String>, next: &mut u32) {
    let first = *next;
    eventually("an answer", || {
        let word = next.to_string();
        *next += 1;
        guest.send(format!("PUB help inbox {}\r\n{word}\r\n", word.len()));
        let answers = answers.try_iter().filter_map(|answer| answer.parse::<u32>().ok());
        answers.max().filter(|answer| *answer >= first).map(drop)
    });
}

#[test]
fn an_account_dies_and_its_users_are_served_again() {
    let server = shared();
    let flow = Flow::start(port(&server));
    let (mut owner, mut guest) = (user(&server, "owner"), user(&server, "guest"));
    let (mut keeper, mut reader) = (user(&server, "owner"), user(&server, "guest"));
    owner.subscribe("help", "1");
    keeper.subscribe("keep", "1");
    reader.subscribe("inbox", "1");
    reader.subscribe("late", "2");
    for client in [&mut owner, &mut keeper, &mut reader] {
        client.ping_pong();
    }
    let (answered, answers) = channel();
    let (kept, lates) = channel();
    std::thread::spawn(move || {
        while let Some(request) = owner.next_frame() {
            let head = String::from_utf8_lossy(&request).into_owned();
            let (reply, word) = (head.split_ascii_whitespace().nth(3), head.lines().nth(1));
            owner.publish(reply.unwrap(), word.unwrap());
        }
    });
    std::thread::spawn(move || {
        while let Some(answer) = reader.next_frame() {
            let text = String::from_utf8_lossy(&answer).into_owned();
            let body = text.lines().nth(1).unwrap().to_owned();
            let to = if text.starts_with("MSG late ") { &kept } else { &answered };
            let _ = to.send(body);
        }
    });
    let mut next = 10;
    until_answered(&mut guest, &answers, &mut next);
    for _ in 0..3 {
        for account in ["GUEST", "OWNER"] {
            guest.send("PUB keep late 4\r\nopen\r\n");
            let (head, _) = keeper.message();
            drill_alone(&server, &format!("/server/accounts/{account}"));
            // Whoever was connected still is, and is served once the account is back.
            guest.ping_pong();
            keeper.ping_pong();
            until_answered(&mut guest, &answers, &mut next);
            // A request that was open meanwhile is answered all the same.
            keeper.publish(&head[2], "late");
            assert_eq!(lates.recv_timeout(DEADLINE).unwrap(), "late");
        }
        flow.advance(100);
    }
    flow.end();
}
