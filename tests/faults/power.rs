//! The power goes under load: what was not synced is gone, and nothing that was acknowledged may be
//! among it.

use crate::harness::Server;
use crate::kill::{Rounds, STREAMS};
use crate::random::count;
use crate::rig::{nats, start_on, streams};
use crate::volume::Volume;

#[test]
fn the_power_may_go_at_any_point() {
    let Some(mut volume) = Volume::new(768) else { return };
    let mut rounds = Rounds::new(2000);
    let mut server = start_on(&volume);
    streams(&mut nats(&server), STREAMS);
    for _ in 0..count("VAGUS_TEST_ROUNDS", 10) {
        rounds.work(server, |server: Server| volume.lose_power(server));
        server = start_on(&volume);
        rounds.check(&mut nats(&server));
    }
    rounds.check_all(server.port);
    drop(server);
}
