//! Messages that go on while the network does not, and who got which.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::harness::{Client, Server, eventually};
use crate::kit::wants;

/// A publisher and a reader at each server. Readers get everything, and are a queue group besides.
pub(crate) struct Load {
    done: Arc<AtomicBool>,
    publishers: Vec<JoinHandle<(Client, usize)>>,
    readers: Vec<JoinHandle<Got>>,
    /// Readers that have heard the end of all publishers.
    heard: Arc<AtomicUsize>,
}

/// What one reader got.
#[derive(Default)]
struct Got {
    /// By publisher, in this order.
    plain: HashMap<usize, Vec<usize>>,
    /// Publisher and number.
    jobs: Vec<(usize, usize)>,
}

/// Between two messages of a publisher, about.
const PACE: Duration = Duration::from_millis(2);

// === impl Load ===

impl Load {
    /// Begins, once each server knows of all readers. A message finds `entries` at each: its own
    /// reader, and those of others as one for each server and each other cluster.
    #[track_caller]
    pub(crate) fn begin(servers: &[&Server], entries: u64) -> Load {
        let readers: Vec<Client> = servers.iter().map(|server| reader(server)).collect();
        for server in servers {
            for subject in ["load.plain", "load.job", "load.end"] {
                wants(server, subject, entries);
            }
        }
        let done = Arc::new(AtomicBool::new(false));
        let publishers = servers.iter().enumerate().map(|(n, server)| {
            let (mut client, done) = (server.client(), Arc::clone(&done));
            thread::spawn(move || {
                let mut sent = 0;
                while !done.load(Relaxed) {
                    for subject in ["load.plain", "load.job"] {
                        client.publish(subject, format!("{n} {sent}"));
                    }
                    sent += 1;
                    thread::park_timeout(PACE);
                }
                (client, sent)
            })
        });
        let publishers = publishers.collect();
        let (count, heard) = (servers.len(), Arc::new(AtomicUsize::new(0)));
        let readers = readers.into_iter().map(|client| {
            let heard = Arc::clone(&heard);
            thread::spawn(move || {
                let got = Got::read(client, count);
                heard.fetch_add(1, Relaxed);
                got
            })
        });
        Load { done, publishers, readers: readers.collect(), heard }
    }

    /// Ends, while all is well, and looks at who got what: everything arrives at most once and in
    /// order, what was published at a server where a reader is arrives there, and the end is heard
    /// by all. Returns the share of all deliveries that were made.
    #[track_caller]
    pub(crate) fn end(self) -> f64 {
        self.done.store(true, Relaxed);
        let (mut publishers, sent): (Vec<Client>, Vec<usize>) =
            self.publishers.into_iter().map(|publisher| publisher.join().unwrap()).unzip();
        for (n, client) in publishers.iter_mut().enumerate() {
            client.publish("load.end", n.to_string());
            client.ping_pong();
        }
        eventually("all readers to hear the end", || {
            (self.heard.load(Relaxed) == self.readers.len()).then_some(())
        });
        let (readers, mut plain) = (self.readers.len(), 0);
        let mut jobs: HashMap<(usize, usize), usize> = HashMap::new();
        for (n, reader) in self.readers.into_iter().enumerate() {
            let got = reader.join().expect("a reader that hears the end of all");
            for (publisher, numbers) in &got.plain {
                plain += numbers.len();
                let ascending = numbers.windows(2).all(|pair| pair[0] < pair[1]);
                assert!(ascending, "reader {n} got some of {publisher} twice, or late");
            }
            let own = got.plain.get(&n).map_or(0, Vec::len);
            assert_eq!(own, sent[n], "what was published beside reader {n}");
            got.jobs.into_iter().for_each(|job| *jobs.entry(job).or_default() += 1);
        }
        let twice: Vec<_> = jobs.iter().filter(|(_, times)| **times > 1).collect();
        assert!(twice.is_empty(), "{twice:?}");
        (jobs.len() + plain) as f64 / (sent.iter().sum::<usize>() * (1 + readers)) as f64
    }
}

#[track_caller]
fn reader(server: &Server) -> Client {
    let mut client = server.client();
    client.send("SUB load.plain 1\r\nSUB load.job workers 2\r\nSUB load.end 3\r\n");
    client.ping_pong();
    client
}

// === impl Got ===

impl Got {
    /// Reads until each of `count` publishers has ended.
    fn read(mut client: Client, count: usize) -> Got {
        let (mut got, mut ends) = (Got::default(), BTreeSet::new());
        while ends.len() < count {
            let (words, payload) = client.message();
            let text = String::from_utf8(payload).unwrap();
            let mut numbers = text.split(' ').map(|word| word.parse::<usize>().unwrap());
            let publisher = numbers.next().unwrap();
            match &*words[1] {
                "1" => got.plain.entry(publisher).or_default().extend(numbers.next()),
                "2" => got.jobs.push((publisher, numbers.next().unwrap())),
                _ => drop(ends.insert(publisher)),
            }
        }
        got
    }
}
