//! Networks that fall apart under load: each part goes on, and whole again, everybody knows what
//! the clients of all hold, and nobody has got anything twice.

use crate::harness::Server;
use crate::kit::{meshed, peers};
use crate::load::Load;
use crate::model::Crowd;
use crate::net::Net;
use crate::wire::Way;

/// Three servers on hosts of their own, with messages that go on, and a crowd of clients.
struct Cluster {
    servers: Vec<Server>,
    load: Load,
    crowd: Crowd,
    net: Net,
}

impl Cluster {
    #[track_caller]
    fn new() -> Option<Cluster> {
        let net = Net::new(3)?;
        let servers: Vec<_> = (0..3).map(|n| net.member(n, "c", &[0, 1, 2], "")).collect();
        let all: Vec<_> = servers.iter().collect();
        meshed(&all);
        let load = Load::begin(&all, 3);
        let mut crowd = Crowd::new(&all, 2);
        crowd.churn(60);
        crowd.agree(&all);
        Some(Cluster { load, crowd, servers, net })
    }

    fn all(&self) -> Vec<&Server> {
        self.servers.iter().collect()
    }

    /// Waits until a server has routes to these alone.
    #[track_caller]
    fn sees(&self, n: usize, others: &[&str]) {
        self.servers[n].wait_json("/routez", |page| {
            (peers(page).iter().map(String::as_str).collect::<Vec<_>>() == others).then_some(())
        });
    }

    /// Everybody knows in time from now, and loses nothing any more.
    #[track_caller]
    fn ends_well(self) {
        self.crowd.agree_in_time(&self.all());
        self.load.end();
    }
}

#[test]
fn a_cluster_cut_in_two_under_load_agrees_once_it_is_whole() {
    let Some(mut cluster) = Cluster::new() else { return };
    cluster.net.set_all(&[2], &[0, 1], Some(Way::Cut));
    cluster.sees(2, &[]);
    cluster.sees(0, &["s1"]);
    cluster.sees(1, &["s0"]);
    cluster.crowd.churn(100);
    cluster.net.set_all(&[2], &[0, 1], None);
    cluster.ends_well();
}

#[test]
fn a_network_that_is_cut_again_and_again_leaves_nothing_behind() {
    let Some(mut cluster) = Cluster::new() else { return };
    for n in [0, 1, 2, 0] {
        let others = [(n + 1) % 3, (n + 2) % 3];
        cluster.net.set_all(&[n], &others, Some(Way::Cut));
        cluster.sees(n, &[]);
        cluster.crowd.churn(30);
        cluster.net.set_all(&[n], &others, None);
        meshed(&cluster.all());
    }
    cluster.ends_well();
}

/// Each of the three has lost one direction: `s0` does not hear `s1`, nor `s1` `s2`, nor `s2` `s0`.
#[test]
fn servers_that_are_heard_but_do_not_hear_are_given_up_and_taken_in_again() {
    let Some(mut cluster) = Cluster::new() else { return };
    let ways = [(1, 0), (2, 1), (0, 2)];
    ways.iter().for_each(|(from, to)| cluster.net.set(*from, *to, Some(Way::Cut)));
    (0..3).for_each(|n| cluster.sees(n, &[]));
    cluster.crowd.churn(60);
    ways.iter().for_each(|(from, to)| cluster.net.set(*from, *to, None));
    cluster.ends_well();
}

#[test]
fn one_packet_in_twenty_lost_costs_time_and_nothing_else() {
    let Some(mut cluster) = Cluster::new() else { return };
    let before = cluster.net.lost();
    cluster.net.set_all(&[0, 1, 2], &[0, 1, 2], Some(Way::Lossy(5)));
    while cluster.net.lost() < before + 100 {
        cluster.crowd.churn(10);
    }
    cluster.crowd.agree_in_time(&cluster.all());
    // No link has ended for it.
    for server in &cluster.servers {
        assert!(!server.log.text().contains("Router connection closed"));
        assert!(!server.log.text().contains("Stale Connection"));
    }
    let share = cluster.load.end();
    assert!(share == 1.0, "{share} of all deliveries were made");
}

/// The kernel itself knows of this one: who sends is told so at once.
#[test]
fn a_route_that_leads_nowhere_is_like_any_other_cut() {
    let Some(mut cluster) = Cluster::new() else { return };
    let far = cluster.net.address(1);
    cluster.net.ip(0, &format!("route add blackhole {far}/32"));
    cluster.sees(0, &["s2"]);
    cluster.sees(1, &["s2"]);
    cluster.crowd.churn(60);
    cluster.net.ip(0, &format!("route del blackhole {far}/32"));
    cluster.ends_well();
}
