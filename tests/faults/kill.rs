//! A server that is killed at any point, over and over, on one store: what it acknowledged is
//! there, where it said, once, and its consumers are where they were.

use std::path::Path;

use crate::content::Content;
use crate::harness::{Server, eventually};
use crate::kit::Nats;
use crate::load::Ledger;
use crate::random::{Random, count};
use crate::rig::{nats, pause, start, streams};

/// Streams that are worked on.
pub(crate) const STREAMS: usize = 2;

/// Messages that are looked at again in each round, below those that are new.
const OVERLAP: u64 = 500;

pub(crate) struct Rounds {
    pub(crate) ledgers: Vec<Ledger>,
    pub(crate) random: Random,
    /// Up to where each stream was read.
    read: Vec<u64>,
}

// === impl Rounds ===

impl Rounds {
    pub(crate) fn new(size: u64) -> Rounds {
        let ledgers = (0..STREAMS).map(|n| Ledger::new(n, 2, size)).collect();
        Rounds { ledgers, random: Random::new(7), read: vec![0; STREAMS] }
    }

    /// Clients work until the server is gone.
    pub(crate) fn work(&mut self, server: Server, end: impl FnOnce(Server)) {
        let port = server.port;
        self.work_at(port, || end(server));
    }

    /// Clients work until the server at this port is gone, or until they were told to stop.
    pub(crate) fn work_at(&mut self, port: u16, end: impl FnOnce()) {
        let loads: Vec<_> = self.ledgers.iter_mut().map(|one| one.start(port, true)).collect();
        pause(20 + self.random.below(180));
        end();
        for (ledger, load) in self.ledgers.iter_mut().zip(loads) {
            load.stop();
            ledger.finish(load);
        }
    }

    /// What is new is what was acknowledged.
    #[track_caller]
    pub(crate) fn check(&mut self, nats: &mut Nats) {
        for (n, ledger) in self.ledgers.iter().enumerate() {
            let from = self.read[n].saturating_sub(OVERLAP).max(1);
            let content = Content::read(nats, &format!("S{n}"), from);
            let acked = ledger.acked.range(from..).map(|(seq, id)| (*seq, id.clone())).collect();
            let lost = content.lost(&acked);
            assert!(
                lost.is_empty(),
                "{} of {} lost: {:?}",
                lost.len(),
                acked.len(),
                &lost[..lost.len().min(20)]
            );
            content.check(from);
            self.read[n] = content.0.keys().next_back().copied().unwrap_or(0);
        }
    }

    /// Everything is there, ids are still known, and nothing was kept from the consumers.
    #[track_caller]
    pub(crate) fn check_all(&mut self, port: u16) {
        let mut nats = Nats::connect(port, "{}");
        self.read.fill(0);
        self.check(&mut nats);
        let loads: Vec<_> =
            self.ledgers.iter_mut().map(|ledger| ledger.start(port, true)).collect();
        loads.iter().for_each(|load| load.stop());
        for (ledger, load) in self.ledgers.iter_mut().zip(loads) {
            ledger.finish(load);
        }
        self.drain(port, &mut nats);
        for (n, ledger) in self.ledgers.iter().enumerate() {
            for (seq, id) in ledger.acked.iter().rev().step_by(97).take(50) {
                let subject = id.rsplit_once('-').unwrap().0;
                let headers = [("Nats-Msg-Id", id.as_str())];
                let again = nats.publish_with(subject, &headers, format!("{id} "));
                assert_eq!((&again["seq"], &again["duplicate"]), (&(*seq).into(), &true.into()));
            }
            let content = Content::read(&mut nats, &format!("S{n}"), 1);
            content.check(1);
            let missed: Vec<_> =
                content.0.keys().filter(|seq| !ledger.delivered.contains(seq)).collect();
            assert!(missed.is_empty(), "never delivered: {missed:?}");
            assert!(!ledger.confirmed.is_empty(), "nothing was confirmed");
        }
    }

    /// The consumers go on to their ends.
    #[track_caller]
    fn drain(&mut self, port: u16, nats: &mut Nats) {
        for (n, ledger) in self.ledgers.iter_mut().enumerate() {
            let consumer = ledger.consume(port);
            eventually("the consumer to be done", || {
                let info = nats.api(&format!("CONSUMER.INFO.S{n}.C"), "");
                (info["num_pending"] == 0 && info["num_ack_pending"] == 0).then_some(())
            });
            consumer.stop();
            ledger.finish(consumer);
        }
    }
}

fn fresh(store: &Path) -> Server {
    let server = start(store);
    streams(&mut nats(&server), STREAMS);
    server
}

#[test]
fn a_server_may_be_killed_at_any_point() {
    let store = tempfile::tempdir().unwrap();
    let mut rounds = Rounds::new(400);
    let mut server = fresh(store.path());
    for _ in 0..count("VAGUS_TEST_ROUNDS", 50) {
        rounds.work(server, drop);
        server = start(store.path());
        rounds.check(&mut nats(&server));
    }
    rounds.check_all(server.port);
    assert!(rounds.ledgers.iter().all(|ledger| ledger.refused == 0));
}
