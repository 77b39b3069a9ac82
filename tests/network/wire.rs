//! What becomes of packets between hosts: they arrive late, or not, as a test wants it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::io::Read;
use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

use crate::host::Host;

/// What becomes of packets from one host to another: they arrive at once, where nothing is said.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Way {
    Cut,
    /// So long for one direction.
    Far(Duration),
    /// Of a hundred packets, so many are lost.
    Lossy(u8),
    /// Bytes a second. What does not go within [`NARROW_WAIT_MAX`] is lost.
    Narrow(u32),
}

/// Hosts, each by its number, and what is between them.
pub(crate) struct Wire {
    hosts: Vec<Host>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    ways: BTreeMap<(usize, usize), Way>,
    /// On their way, the next first.
    late: BinaryHeap<Reverse<Late>>,
    /// When a narrow way is free again.
    free: BTreeMap<(usize, usize), Instant>,
    count: u64,
    lost: u64,
    ended: bool,
}

/// When it arrives, in which order, where, and what.
type Late = (Instant, u64, usize, Vec<u8>);

/// How much waits in front of a narrow way.
const NARROW_WAIT_MAX: Duration = Duration::from_millis(200);
/// Least size of a packet, whose bytes 16 to 19 are where it goes.
const HEADER: usize = 20;

// === impl Wire ===

impl Wire {
    pub(crate) fn new(hosts: Vec<Host>) -> Self {
        Self { hosts, state: Mutex::default(), changed: Condvar::new() }
    }

    pub(crate) fn hosts(&self) -> &[Host] {
        &self.hosts
    }

    pub(crate) fn set(&self, from: usize, to: usize, way: Option<Way>) {
        let mut state = self.state.lock().unwrap();
        match way {
            Some(way) => state.ways.insert((from, to), way),
            None => state.ways.remove(&(from, to)),
        };
    }

    /// Packets that were lost so far.
    pub(crate) fn lost(&self) -> u64 {
        self.state.lock().unwrap().lost
    }

    /// Takes what host number `from` sends, until it ends.
    pub(crate) fn carry(&self, from: usize, mut output: impl Read) {
        let mut size = [0; 2];
        while output.read_exact(&mut size).is_ok() {
            let mut packet = vec![0; usize::from(u16::from_be_bytes(size))];
            if output.read_exact(&mut packet).is_err() {
                return;
            }
            // The other version of IP has no part in this.
            if packet.len() < HEADER || packet[0] >> 4 != 4 {
                continue;
            }
            let to = self.hosts.iter().position(|host| packet[16..HEADER] == host.address.octets());
            if let Some(to) = to {
                self.pass(from, to, packet);
            }
        }
    }

    fn pass(&self, from: usize, to: usize, packet: Vec<u8>) {
        let mut state = self.state.lock().unwrap();
        let now = Instant::now();
        let due = match state.ways.get(&(from, to)) {
            None => Some(now),
            Some(Way::Cut) => None,
            Some(Way::Far(time)) => Some(now + *time),
            Some(Way::Lossy(share)) => (fastrand::u8(..100) >= *share).then_some(now),
            Some(&Way::Narrow(rate)) => {
                let free = state.free.entry((from, to)).or_insert(now);
                let begin = now.max(*free);
                let fits = begin - now < NARROW_WAIT_MAX;
                fits.then(|| {
                    let end =
                        begin + Duration::from_secs_f64(packet.len() as f64 / f64::from(rate));
                    *free = end;
                    end
                })
            }
        };
        match due {
            None => state.lost += 1,
            Some(due) if due == now => {
                drop(state);
                self.hosts[to].send(&packet);
            }
            Some(due) => {
                let n = state.count;
                state.count += 1;
                state.late.push(Reverse((due, n, to, packet)));
                self.changed.notify_one();
            }
        }
    }

    /// Delivers what is late when it is due, until the wire ends.
    pub(crate) fn deliver_late(&self) {
        let mut state = self.state.lock().unwrap();
        while !state.ended {
            let now = Instant::now();
            let due = state.late.peek().map(|Reverse((due, ..))| *due);
            state = match due {
                None => self.changed.wait(state).unwrap(),
                Some(due) if due > now => self.changed.wait_timeout(state, due - now).unwrap().0,
                Some(_) => {
                    let next = state.late.pop();
                    drop(state);
                    if let Some(Reverse((_, _, to, packet))) = next {
                        self.hosts[to].send(&packet);
                    }
                    self.state.lock().unwrap()
                }
            };
        }
    }

    /// All hosts go.
    pub(crate) fn end(&self) {
        self.state.lock().unwrap().ended = true;
        self.changed.notify_all();
        self.hosts.iter().for_each(Host::end);
    }
}
