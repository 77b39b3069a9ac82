//! What each server knows of what clients of the others want, held against a model.

use crate::kit::cluster;
use crate::model::Crowd;

#[test]
fn every_server_shows_what_the_clients_of_all_hold() {
    let [a, b, c] = cluster();
    let servers = [&a, &b, &c];
    let mut crowd = Crowd::new(&servers, 3);
    for round in 0..6 {
        crowd.churn(120);
        if round == 3 {
            crowd.replace(1, 1, &b);
        }
        crowd.agree(&servers);
    }
}

#[test]
fn a_server_that_comes_later_is_told_everything() {
    let [a, b] = cluster();
    let mut client = a.client();
    let mut lines = String::new();
    for n in 0..20_000 {
        lines.push_str(&format!("SUB s.{n} {n}\r\nSUB job.{} g {}\r\n", n % 7, n + 100_000));
    }
    client.send(lines);
    client.ping_pong();
    let late = crate::kit::server("late", &[&b], "");
    for server in [&b, &late] {
        server.wait_json("/subsz?subs=1&acc=$G&test=s.19999", |page| {
            (page["total"] == 1).then_some(())
        });
        server.wait_json("/routez", |page| {
            let routes = page["routes"].as_array().unwrap();
            let told = routes.iter().map(|route| route["subscriptions"].as_u64().unwrap());
            (told.max() >= Some(20_007)).then_some(())
        });
    }
}
