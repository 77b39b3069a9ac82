//! A network of hosts, each in a network namespace, that are linked by a wire which the test owns.
//!
//! The kernels' TCP runs over it packet by packet, with its timeouts and repetitions, as it does
//! between real machines. It is made of TUN devices because delay and loss by `tc` need a module
//! (netem) that not every kernel has. Needs root, `/dev/net/tun`, iproute2 and perl.

use std::io::Write;
use std::net::Ipv4Addr;
use std::process::Command;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use crate::harness::{Server, server_path};
use crate::host::Host;
use crate::wire::{Way, Wire};

pub(crate) struct Net {
    wire: Arc<Wire>,
    /// Hosts for servers; the one after the last is the test itself.
    count: usize,
    threads: Vec<JoinHandle<()>>,
}

/// 198.18.0.0/15 is for tests of networks, and nobody else has it. Each network takes a part of it,
/// and with it a device of that name; a second one of the same name can't be.
const PARTS: usize = 512;
const ROUTE_PORT: u16 = 6222;
const GATEWAY_PORT: u16 = 7222;

// === impl Net ===

impl Net {
    /// So many hosts. `None`, with a line that says so, where they can't be had.
    pub(crate) fn new(count: usize) -> Option<Net> {
        let net = Net::open(count);
        if net.is_none() {
            let _ = writeln!(
                std::io::stderr(),
                "skipped: hosts need root, /dev/net/tun, iproute2, util-linux and perl"
            );
        }
        net
    }

    fn open(count: usize) -> Option<Net> {
        let first = fastrand::usize(..PARTS);
        let place = |part: usize, n: u8| Ipv4Addr::new(198, 18 + (part >> 8) as u8, part as u8, n);
        let (part, outside) = (0..8).find_map(|n| {
            let part = (first + n) % PARTS;
            Host::outside(&format!("vagus{part}"), place(part, 254)).map(|outside| (part, outside))
        })?;
        let mut all: Vec<_> = (0..count)
            .map(|n| Host::inside(place(part, 1 + u8::try_from(n).ok()?)))
            .collect::<Option<_>>()?;
        all.push(outside);
        let (hosts, outputs): (Vec<_>, Vec<_>) = all.into_iter().unzip();
        let wire = Arc::new(Wire::new(hosts));
        let mut threads: Vec<_> = outputs
            .into_iter()
            .enumerate()
            .map(|(from, output)| {
                let wire = Arc::clone(&wire);
                thread::spawn(move || wire.carry(from, output))
            })
            .collect();
        let late = Arc::clone(&wire);
        threads.push(thread::spawn(move || late.deliver_late()));
        Some(Net { wire, count, threads })
    }

    /// A server on host `n`.
    #[track_caller]
    pub(crate) fn server(&self, n: usize, conf: &str) -> Server {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("server.conf");
        let (address, folder) = (self.address(n), dir.path().display());
        std::fs::write(
            &file,
            format!(
                "listen: \"{address}:4222\"\nhttp: \"{address}:8222\"\n\
                 ports_file_dir: \"{folder}\"\n{conf}\n"
            ),
        )
        .unwrap();
        let mut command = self.wire.hosts()[n].command(server_path());
        command.arg("-c").arg(file);
        Server::spawn(dir, &mut command)
    }

    /// A server of cluster `cluster` on host `n`, which looks for those on hosts `mates`; `more`
    /// goes around the cluster block.
    #[track_caller]
    pub(crate) fn member(&self, n: usize, cluster: &str, mates: &[usize], more: &str) -> Server {
        let routes: Vec<_> = mates
            .iter()
            .map(|mate| format!("nats-route://{}:{ROUTE_PORT}", self.address(*mate)))
            .collect();
        self.server(
            n,
            &format!(
                "server_name: s{n}\ncluster {{ name: {cluster}, \
                 listen: \"{}:{ROUTE_PORT}\", routes: {routes:?} }}\n{more}",
                self.address(n)
            ),
        )
    }

    /// What a server on host `n` needs to be a gateway of `own` that looks for clusters of which a
    /// server is on the host named.
    pub(crate) fn gateway(&self, n: usize, own: &str, others: &[(&str, usize)]) -> String {
        let others: Vec<_> = others
            .iter()
            .map(|(name, at)| {
                format!("{{ name: {name}, url: \"nats://{}:{GATEWAY_PORT}\" }}", self.address(*at))
            })
            .collect();
        format!(
            "gateway {{ name: {own}, listen: \"{}:{GATEWAY_PORT}\", gateways: [{}] }}",
            self.address(n),
            others.join(", ")
        )
    }

    pub(crate) fn address(&self, n: usize) -> Ipv4Addr {
        self.wire.hosts()[n].address
    }

    /// What becomes of packets from one host to another. The test's own are never touched.
    pub(crate) fn set(&self, from: usize, to: usize, way: Option<Way>) {
        assert!(from < self.count && to < self.count);
        self.wire.set(from, to, way);
    }

    /// All between these and those, in both directions.
    pub(crate) fn set_all(&self, these: &[usize], those: &[usize], way: Option<Way>) {
        for (one, other) in these.iter().flat_map(|one| those.iter().map(move |other| (one, other)))
        {
            self.set(*one, *other, way);
            self.set(*other, *one, way);
        }
    }

    pub(crate) fn lost(&self) -> u64 {
        self.wire.lost()
    }

    /// Runs `ip` on a host.
    #[track_caller]
    pub(crate) fn ip(&self, n: usize, args: &str) {
        let mut command = self.wire.hosts()[n].command("ip");
        assert!(run(command.args(args.split(' '))), "ip {args}");
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        self.wire.end();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn run(command: &mut Command) -> bool {
    command.status().is_ok_and(|status| status.success())
}
