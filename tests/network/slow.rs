//! A way that takes less than is sent: what waits is bounded, and nobody else waits.

use std::thread;

use crate::harness::eventually;
use crate::kit::{flood, meshed, wants};
use crate::net::Net;
use crate::wire::Way;

#[test]
fn a_narrow_way_to_one_server_costs_bounded_memory_and_nobody_else() {
    let Some(net) = Net::new(3) else { return };
    let limit = "max_pending: 32MB";
    let [a, b, c] = [0, 1, 2].map(|n| net.member(n, "c", &[0, 1, 2], limit));
    meshed(&[&a, &b, &c]);
    let (mut far, mut well) = (b.client(), c.client());
    far.subscribe("flood", "1");
    far.subscribe("later", "2");
    well.subscribe("flood", "1");
    well.subscribe("end", "2");
    wants(&a, "flood", 2);
    wants(&a, "end", 1);
    net.set(0, 1, Some(Way::Narrow(200_000)));
    // Whoever reads nothing would be cut off by its own server.
    let late = thread::spawn(move || while far.message().0[0] != "later" {});
    let mut from = a.client();
    flood(&mut from, well, 1_500, || {
        let memory = a.json("/varz")["mem"].as_u64().unwrap();
        assert!(memory < 250 << 20, "{} MB", memory >> 20);
    });
    net.set(0, 1, None);
    meshed(&[&a, &b, &c]);
    wants(&a, "later", 1);
    // What had got through of the flood comes first.
    eventually("the reader behind the narrow way", || {
        from.publish("later", "on");
        from.ping_pong();
        late.is_finished().then_some(())
    });
    late.join().unwrap();
}
