//! How the servers of other clusters are, asked of one.

use std::collections::BTreeSet;

use crate::kit::regions;

#[test]
fn servers_of_other_clusters_tell_how_they_are() {
    let all = regions(["east", "west", "north"], 1);
    let (inbound, outbound) = ("gateway, inbound", "gateway, outbound");
    all[1].servers[0].wait_json("/clusterz", |page| {
        let servers = page["servers"].as_array()?;
        let mut clusters = BTreeSet::new();
        for server in servers {
            let standing = &server["standing"];
            clusters.insert(standing["cluster"].as_str()?);
            let links = standing["links"].as_array()?.iter();
            let mut kinds: Vec<_> = links.map(|link| link["kind"].as_str()).collect();
            kinds.sort_unstable();
            // Each finds the others and is found by them, one by one.
            if kinds != [inbound, inbound, outbound, outbound].map(Some) {
                return None;
            }
        }
        (clusters.len() == 3).then_some(())
    });
}

#[test]
fn one_server_of_a_cluster_tells_of_those_beside_it() {
    let [east, _west] = regions(["east", "west"], 3);
    for server in &east.servers {
        server.wait_json("/clusterz", |page| {
            let servers = page["servers"].as_array()?;
            let told = servers.iter().filter(|server| server["standing"].is_object()).count();
            (told == 6 && servers.len() == 6).then_some(())
        });
    }
}
