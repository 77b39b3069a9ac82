//! How servers find each other, whom they take in, and what clients hear of it.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::{Server, eventually};
use crate::kit::{cluster, cluster_port, meshed, peers, route_url, server, server_with};
use crate::network::{Network, Way};

// Rows 143 and 144, 125.
#[test]
fn servers_that_know_one_find_all() {
    let seed = server("seed", &[], "");
    let others: Vec<_> = (0..3).map(|n| server(&format!("n{n}"), &[&seed], "")).collect();
    let mut all: Vec<&Server> = others.iter().collect();
    all.push(&seed);
    meshed(&all);
    let page = seed.json("/routez");
    assert_eq!(page["num_routes"].as_u64(), Some(page["routes"].as_array().unwrap().len() as u64));
    let route = &page["routes"][0];
    assert_eq!((&route["did_solicit"], &route["ip"]), (&false.into(), &"127.0.0.1".into()));
    assert_eq!(seed.json("/varz")["remotes"], 3);
    seed.wait_json("/routez", |page| page["routes"][0]["rtt"].as_str().map(str::to_owned));
}

#[test]
fn servers_that_look_for_each_other_have_one_link() {
    let a = server("a", &[], "");
    let port = cluster_port(&a);
    // A route to itself does no harm.
    let itself = format!("nats-route://127.0.0.1:{port}");
    let b = server("b", &[&a, &a], "pool_size: -1");
    drop(a);
    let conf = format!(
        "server_name: a\ncluster {{ name: c, listen: \"127.0.0.1:{port}\", \
         routes: [\"{itself}\", \"{}\"] }}",
        route_url(&b)
    );
    let a = Server::start(&conf);
    meshed(&[&a, &b]);
    for server in [&a, &b] {
        // Neither looks for anybody any more: all attempts have come to their end.
        server.wait_json("/actorz?observe=1&kind=cluster", |page| {
            (page["actors"][0]["observed"]["looking_for"] == 0).then_some(())
        });
        server.wait_json("/routez", |page| (page["num_routes"] == 1).then_some(()));
    }
}

#[test]
fn of_two_servers_that_dial_each_other_at_once_one_makes_the_only_link() {
    for _ in 0..4 {
        let network = Network::default();
        network.set_all("a", &["b"], Some(Way::Slow(Duration::from_millis(30))));
        let (at_a, at_b) = (Network::place(), Network::place());
        let ports = [at_a.1, at_b.1];
        let a = network.server_at(at_a, "a", &ports);
        let b = network.server_at(at_b, "b", &ports);
        meshed(&[&a, &b]);
        for server in [&a, &b] {
            server.wait_json("/actorz?observe=1&kind=cluster", |page| {
                (page["actors"][0]["observed"]["looking_for"] == 0).then_some(())
            });
            // One that was replaced would be one more in the log.
            server.wait_json("/routez", |page| {
                let text = server.log.text();
                let created = text.matches("Route connection created").count() as u64;
                (page["num_routes"] == created).then_some(())
            });
        }
    }
}

fn urls(info: &Value) -> Vec<String> {
    let list = info["connect_urls"].as_array().cloned().unwrap_or_default();
    let mut urls: Vec<_> = list.iter().map(|url| url.as_str().unwrap().to_owned()).collect();
    urls.sort();
    urls
}

fn url(server: &Server) -> String {
    format!("127.0.0.1:{}", server.port)
}

/// Reads `INFO` until it lists just these servers.
fn hears_of(client: &mut crate::harness::Client, servers: &[&Server]) {
    let mut wanted: Vec<_> = servers.iter().map(|server| url(server)).collect();
    wanted.sort();
    loop {
        let info = client.expect_info();
        assert_eq!(info["cluster"], "c");
        if urls(&info) == wanted {
            return;
        }
    }
}

// Row 145.
#[test]
fn clients_hear_of_servers_that_come_and_go() {
    let a = server("a", &[], "");
    let mut client = a.connect();
    assert_eq!(urls(&client.info), [url(&a)]);
    client.send_connect(r#"{"protocol":1}"#);
    client.send("PING\r\n");
    client.expect("PONG\r\n");
    hears_of(&mut client, &[&a]);
    let mut old = a.client();
    let b = server("b", &[&a], "");
    hears_of(&mut client, &[&a, &b]);
    let mut c = server("c", &[&a], "");
    hears_of(&mut client, &[&a, &b, &c]);
    // One that is about to end is listed no more.
    c.signal("USR2");
    hears_of(&mut client, &[&a, &b]);
    c.signal("KILL");
    c.wait_exit();
    drop(b);
    hears_of(&mut client, &[&a]);
    old.ping_pong();
}

// Row 117.
#[test]
fn clients_are_sent_where_a_server_says_it_is_found() {
    let a = server_with("a", &[], "", "client_advertise: \"broker.example:4333\"");
    let b = server_with("b", &[&a], "", "client_advertise: other.example");
    meshed(&[&a, &b]);
    let wanted = ["broker.example:4333".to_owned(), format!("other.example:{}", b.port)];
    for server in [&a, &b] {
        eventually("the places of both", || (urls(&server.connect().info) == wanted).then_some(()));
    }
}

// Row 146.
#[test]
fn no_advertise_keeps_clients_where_they_are() {
    let a = server("a", &[], "no_advertise: true");
    let b = server("b", &[&a], "");
    meshed(&[&a, &b]);
    assert_eq!(urls(&a.connect().info), [""; 0]);
    assert_eq!(urls(&b.connect().info), [url(&b)]);
}

// Row 147.
#[test]
fn a_server_that_does_not_know_the_password_stays_out() {
    let auth = "authorization { user: u, password: \"pa55\" }";
    let a = server("a", &[], auth);
    let wrong = server("wrong", &[&a], "authorization { user: u, password: other }");
    wrong.log.wait_for("Authorization Violation");
    let none = server("none", &[&a], "");
    none.log.wait_for("Authorization Violation");
    let b = server("b", &[&a], auth);
    meshed(&[&a, &b]);
    let url = route_url(&a).replace("//", "//u:pa55@");
    let conf = format!(
        "server_name: d\ncluster {{ name: c, listen: \"127.0.0.1:-1\", routes: [\"{url}\"] }}"
    );
    let d = Server::start(&conf);
    d.wait_json("/routez", |page| peers(page).contains("a").then_some(()));
    for server in [&a, &b, &d] {
        assert!(!server.log.text().contains("pa55"));
        assert!(!server.get("/varz").json().to_string().contains("pa55"));
    }
    assert!(peers(&wrong.json("/routez")).is_empty() && peers(&none.json("/routez")).is_empty());
}

// Row 147: who is dialled has to know the password as well.
#[test]
fn a_server_is_not_led_on_by_one_that_asks_for_no_password() {
    let open = server("open", &[], "");
    let a = server("a", &[&open], "authorization { user: u, password: \"pa55\" }");
    a.log.wait_for("the other server does not know the password");
    assert!(peers(&a.json("/routez")).is_empty());
}

/// When a server that looks for `port` has come, so many times.
fn attempts(listener: &TcpListener, count: usize) -> Vec<Instant> {
    let come = || listener.accept().map(|_| Instant::now()).unwrap();
    std::iter::repeat_with(come).take(count).collect()
}

// Row 152.
#[test]
fn who_is_not_there_is_looked_for_more_and_more_rarely() {
    let longest = |backoff: bool| {
        let nobody = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("nats-route://127.0.0.1:{}", nobody.local_addr().unwrap().port());
        let _server = Server::start(&format!(
            "cluster {{ name: c, listen: \"127.0.0.1:-1\", connect_backoff: {backoff}, \
             routes: [\"{url}\"] }}"
        ));
        let came = attempts(&nobody, 7);
        let pauses: Vec<Duration> = came.windows(2).map(|two| two[1] - two[0]).collect();
        for (n, pause) in pauses.iter().enumerate() {
            let least = Duration::from_millis(100 << n);
            let least = if backoff { least } else { least.min(Duration::from_secs(1)) };
            // The other end may be late to see the attempt before, but never by that much.
            assert!(*pause + Duration::from_millis(50) >= least, "{n}: {pauses:?}");
        }
        // Without it, no pause is longer than a second, whatever holds up one of them.
        pauses[4].min(pauses[5])
    };
    assert!(longest(true) > Duration::from_millis(1500));
    assert!(longest(false) < Duration::from_millis(1500));
}

// Row 148.
#[test]
fn servers_without_a_name_for_their_cluster_agree_on_one() {
    let start = |name: &str, routes: &str, cluster: &str| {
        Server::start(&format!(
            "server_name: {name}\n\
             cluster {{ {cluster} listen: \"127.0.0.1:-1\", routes: [{routes}] }}"
        ))
    };
    let cluster_of = |server: &Server| server.json("/varz")["cluster"]["name"].clone();
    let a = start("a", "", "");
    let first = cluster_of(&a);
    let quoted = |server: &Server| format!("\"{}\"", route_url(server));
    let b = start("b", &quoted(&a), "");
    meshed(&[&a, &b]);
    b.wait_json("/varz", |_| (cluster_of(&a) == cluster_of(&b)).then_some(()));
    assert_ne!(first, Value::Null);
    // One that was chosen wins.
    let c = start("c", &quoted(&a), "name: chosen,");
    c.wait_json("/routez", |page| (peers(page).len() == 2).then_some(()));
    for server in [&a, &b] {
        server.wait_json("/varz", |_| (cluster_of(server) == "chosen").then_some(()));
    }
    let d = start("d", &quoted(&a), "name: other,");
    d.log.wait_for("does not match");
    assert!(peers(&d.json("/routez")).is_empty());
}

#[test]
fn two_servers_of_one_name_are_not_linked() {
    let [a, b] = cluster();
    let twin = server("s1", &[&a], "");
    twin.log.wait_for("duplicate name");
    meshed(&[&a, &b]);
}

#[test]
fn flags_say_the_same_as_the_file() {
    let a = Server::start_args(&[
        "-n",
        "a",
        "--cluster",
        "nats://u:p@127.0.0.1:-1",
        "--cluster_name",
        "c",
    ]);
    let routes = route_url(&a).replace("//", "//u:p@");
    let b = Server::start_args(&[
        "-n",
        "b",
        "--cluster",
        "nats://127.0.0.1:-1",
        "--cluster_name",
        "c",
        "--routes",
        &routes,
        "--no_advertise",
    ]);
    meshed(&[&a, &b]);
    assert_eq!(urls(&b.connect().info), [""; 0]);
    let run = Server::run_conf("port: -1\ncluster { routes: [\"nats://127.0.0.1:1\"] }", &[]);
    run.refused_with("solicited routes require cluster capabilities, e.g. --cluster");
}

// Row 152.
#[test]
fn who_is_not_there_is_looked_for_ever_more_seldom() {
    // Nobody listens there.
    let place = "127.0.0.1:1";
    let conf = format!(
        "cluster {{ name: c, listen: \"127.0.0.1:-1\", connect_backoff: true, \
         routes: [\"nats-route://{place}\"] }}"
    );
    let server = Server::start_with(&conf, &["-D"]);
    let attempts = eventually("seven attempts", || {
        let log = server.log.text();
        let line = format!("Trying to connect to route on {place}");
        let at: Vec<f64> = log.lines().filter(|one| one.ends_with(&line)).map(second_of).collect();
        (at.len() >= 7).then_some(at)
    });
    for (n, pair) in attempts.windows(2).enumerate() {
        let (pause, least) = (pair[1] - pair[0], 0.1 * f64::from(1 << n));
        // A clock that is set while the test runs is allowed a little.
        assert!(pause.rem_euclid(86_400.0) >= 0.95 * least, "{n}: {attempts:?}");
    }
}

/// The second of the day at which a line of the log was written.
fn second_of(line: &str) -> f64 {
    let time = line.split(' ').nth(2).unwrap_or_else(|| panic!("no time in {line}"));
    time.split(':').fold(0.0, |sum, part| sum * 60.0 + part.parse::<f64>().unwrap())
}
