//! What servers of a cluster tell each other of leaf clusters, those who know of them and those of
//! an earlier release, which do not.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Instant;

use crate::fiend::{ROUTE, linked_with};
use crate::harness::{DEADLINE, Server};
use crate::kit::{cluster_port, server_with};

/// What a server hears over a link, without what is none of the test's business.
struct Listener {
    socket: BufReader<TcpStream>,
    /// Where what comes is from, and where the last line was from that was handed out.
    origin: String,
    told: String,
}

impl Listener {
    fn at(server: &Server, name: &str, more: &str) -> Listener {
        let socket = BufReader::new(linked_with(cluster_port(server), ROUTE, name, more));
        Listener { socket, origin: "O".to_owned(), told: "O".to_owned() }
    }

    fn say(&mut self, text: &str) {
        self.socket.get_mut().write_all(text.as_bytes()).unwrap();
    }

    /// The lines about the global account, up to the one that is awaited. Where they are from is
    /// said once for all that follow, however the network cut what was sent.
    #[track_caller]
    fn until(&mut self, last: &str) -> Vec<String> {
        let (mut lines, mut ours) = (Vec::new(), false);
        let end = Instant::now() + DEADLINE;
        loop {
            assert!(Instant::now() < end, "waited for {last:?} in vain, after {lines:?}");
            let mut line = String::new();
            assert!(self.socket.read_line(&mut line).unwrap() > 0, "closed after {lines:?}");
            let line = line.trim_end().to_owned();
            if let Some(size) = line.strip_prefix("C ") {
                let mut bytes = vec![0; size.parse().unwrap()];
                std::io::Read::read_exact(&mut self.socket, &mut bytes).unwrap();
            } else if line == "PING" {
                self.say("PONG\r\n");
            } else if let Some(name) = line.strip_prefix("A ") {
                ours = name == "$G";
                "O".clone_into(&mut self.origin);
            } else if line == "O" || line.starts_with("O ") {
                self.origin = line;
            } else if ours && !line.contains("$LDS.") && !line.contains("$SYS.") {
                if self.origin != self.told {
                    lines.push(self.origin.clone());
                    self.told.clone_from(&self.origin);
                }
                lines.push(line);
                if lines.last().is_some_and(|line| line == last) {
                    return lines;
                }
            }
        }
    }
}

#[test]
fn servers_are_told_of_leaf_clusters_as_far_as_they_know_what_that_is() {
    let hub = server_with("hub", &[], "pool_size: -1", "leafnodes { listen: \"127.0.0.1:-1\" }");
    let port = hub.json("/varz")["leaf"]["port"].as_u64().unwrap();
    let leaf = Server::start(&format!(
        "server_name: leaf\ncluster {{ name: edge, listen: \"127.0.0.1:-1\" }}\n\
         leafnodes {{ remotes: [ {{ url: \"nats-leaf://127.0.0.1:{port}\" }} ] }}"
    ));
    leaf.wait_json("/leafz", |page| (page["leafnodes"] == 1).then_some(()));
    let mut newer = Listener::at(&hub, "newer", "\"origins\":true,");
    let mut older = Listener::at(&hub, "older", "");
    let (mut at_hub, mut at_leaf) = (hub.client(), leaf.client());
    // The leaf node first, so that the other is no news to those who do not tell them apart.
    at_leaf.subscribe("thing", "1");
    let of_leaf = newer.until("SUB thing 1");
    assert_eq!(of_leaf[of_leaf.len() - 2..], ["O edge", "SUB thing 1"]);
    assert_eq!(older.until("SUB thing 1").last().unwrap(), "SUB thing 1");
    at_hub.subscribe("thing", "1");
    assert_eq!(newer.until("SUB thing 1"), ["O", "SUB thing 1"]);
    at_leaf.send("UNSUB 1\r\n");
    at_leaf.ping_pong();
    assert_eq!(newer.until("SUB thing 0"), ["O edge", "SUB thing 0"]);
    at_hub.send("UNSUB 1\r\n");
    at_hub.ping_pong();
    assert_eq!(newer.until("SUB thing 0"), ["O", "SUB thing 0"]);
    assert_eq!(older.until("SUB thing 0"), ["SUB thing 0"]);

    // Messages of both, to one who knows where they come from, and one who does not.
    for one in [&mut newer, &mut older] {
        one.say("A $G\r\nSUB news.> 1\r\n");
    }
    leaf.wait_json("/leafz?subs=1", |page| {
        page["leafs"][0]["subscriptions_list"]
            .as_array()?
            .iter()
            .any(|known| known == "news.>")
            .then_some(())
    });
    let mut writer = leaf.client();
    writer.send("PUB news.a 1\r\n1\r\nPUB news.a 1\r\n2\r\nPUB news.b r 1\r\n3\r\n");
    let said = newer.until("3");
    assert_eq!(said, ["O edge", "PUB news.a 1", "1", "PUB news.a 1", "2", "PUB news.b r 1", "3"]);
    assert_eq!(older.until("3"), said[1..]);

    // What comes from the leaf cluster by way of another server does not go back to it.
    for (subject, sid) in [("back", "1"), ("back.>", "2")] {
        at_leaf.subscribe(subject, sid);
        newer.until(&format!("SUB {subject} 1"));
    }
    newer.say("A $G\r\nO edge\r\nPUB back 1\r\n1\r\nPUB back.a 1\r\n2\r\n");
    newer.say("PUB back.a 1\r\n3\r\nO \r\nPUB back.a 1\r\n4\r\nPUB back.a 1\r\n5\r\n");
    newer.say("O other\r\nPUB back.a 1\r\n6\r\nA $G\r\nPUB back.a 1\r\n7\r\n");
    let got = ["4", "5", "6", "7"].map(|_| at_leaf.payload());
    assert_eq!(got, ["4", "5", "6", "7"]);
    at_leaf.ping_pong();
}
