//! How the servers of other clusters are, asked of one.

use std::collections::BTreeMap;

use crate::kit::regions;

#[test]
fn servers_of_other_clusters_tell_how_they_are() {
    let all = regions(["east", "west", "north"], 1);
    let clusters = all[1].servers[0].wait_json("/clusterz", |page| {
        let servers = page["servers"].as_array()?;
        let standing = servers.iter().map(|server| &server["standing"]);
        let told: Option<BTreeMap<_, _>> = standing
            .map(|how| Some((how["cluster"].as_str()?.to_owned(), how["links"].clone())))
            .collect();
        told.filter(|told| told.len() == 3)
    });
    for (name, links) in &clusters {
        let mut kinds: Vec<_> =
            links.as_array().unwrap().iter().map(|link| &link["kind"]).collect();
        kinds.sort_by_key(|kind| kind.as_str());
        let (inbound, outbound) = ("gateway, inbound", "gateway, outbound");
        assert_eq!(kinds, [inbound, inbound, outbound, outbound], "{name}");
    }
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
