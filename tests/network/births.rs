//! Servers that begin: all of them look for all, and some find each other twice.

use crate::kit::meshed;
use crate::load::Load;
use crate::net::Net;

/// Each lists all of them, itself too, and those that began first look again for those that were
/// not there yet. A link that carries messages is not ended for one that comes of that.
#[test]
fn no_message_is_lost_while_servers_that_are_linked_find_each_other_again() {
    let Some(net) = Net::new(3) else { return };
    let servers = [0, 1, 2].map(|n| net.member(n, "c", &[0, 1, 2], ""));
    let all: Vec<_> = servers.iter().collect();
    meshed(&all);
    let load = Load::begin(&all, 3);
    for server in &all {
        server.wait_json("/clusterz", |page| {
            let standing = &page["servers"][0]["standing"];
            standing["sought"].as_array()?.is_empty().then_some(())
        });
        assert!(!server.log.text().contains("the same server"));
    }
    let share = load.end();
    assert!(share == 1.0, "{share} of all deliveries were made");
}
