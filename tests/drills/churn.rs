//! Bad luck in combination: actors of every kind die while fifty clients come and go.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread;

use crate::flow::Flow;
use crate::kit::{Client, SHARDS, cid, client, drill, eventually, page, port, start};

const THREADS: usize = 10;
const CLIENTS_EACH: usize = 5;

/// Connects some clients, lets them speak to each other, and lets them go, some rudely.
fn come_and_go(port: u16, id: usize, round: usize) {
    let mut all: Vec<Client> = (0..CLIENTS_EACH).map(|_| client(port)).collect();
    for (n, one) in all.iter_mut().enumerate() {
        one.send(format!(
            "SUB churn{id}.{round}.{n} 1\r\nSUB churn{id}.*.{n} 2\r\nSUB *.{round}.{n}.{id} 3\r\n\
             UNSUB 2\r\n"
        ));
    }
    for one in &mut all {
        one.ping_pong();
    }
    let last = CLIENTS_EACH - 1;
    for n in 0..last {
        let subjects = [format!("churn{id}.{round}.{n}"), format!("any.{round}.{n}.{id}")];
        for subject in &subjects {
            all[last].publish(subject, "hi");
        }
        for (subject, sid) in subjects.iter().zip([1, 3]) {
            all[n].expect(format!("MSG {subject} {sid} 2\r\nhi\r\n"));
        }
    }
    for (n, one) in all.iter_mut().enumerate() {
        match n % 3 {
            0 => one.send("UNSUB 1\r\nUNSUB 3\r\n"),
            1 => one.send("SUB half.way 4\r\nPUB half.way 100\r\nnever fin"),
            _ => {}
        }
    }
}

#[test]
fn fifty_clients_come_and_go_while_actors_die() {
    let server = start();
    let port = port(&server);
    let flow = Flow::start(port);
    let held = server.broker().realms.global().interest.len();
    let (over, rounds) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let workers: Vec<_> = (0..THREADS)
        .map(|id| {
            let (over, rounds) = (Arc::clone(&over), Arc::clone(&rounds));
            thread::spawn(move || {
                let mut round = 0;
                while !over.load(Relaxed) {
                    come_and_go(port, id, round);
                    round += 1;
                    rounds.fetch_add(1, Relaxed);
                }
            })
        })
        .collect();
    for n in 0..=SHARDS {
        drill(&server, &format!("/server/shard-{n}"));
        match n % 3 {
            0 => drill(&server, "/server/census"),
            1 => drill(&server, "/server/listener"),
            _ => {
                let victim = client(port);
                server.actors().drill(&format!("/server/clients/{}", cid(&victim)), "fire drill");
            }
        }
        flow.advance(50);
    }
    let so_far = rounds.load(Relaxed);
    eventually("more rounds", || (rounds.load(Relaxed) > so_far + THREADS).then_some(()));
    over.store(true, Relaxed);
    for worker in workers {
        worker.join().expect("no client noticed");
    }
    eventually("everything to be as before", || {
        (server.clients() == 2 && server.broker().realms.global().interest.len() == held)
            .then_some(())
    });
    eventually("the census to agree", || {
        (page(&server, "/connz")["num_connections"] == 2).then_some(())
    });
    let connections = server.actors().snapshot();
    let connections = connections.iter().filter(|actor| actor.kind == "connection");
    assert_eq!(connections.count(), 2);
    flow.end();
}
