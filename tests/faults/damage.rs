//! Every kind of file of a store is damaged in every way, while no server runs. The next one must
//! notice, say so to whoever asks, and serve everything else: no wrong byte, no hole that is passed
//! over in silence, and no stream thrown away.

use std::fs::{self, File, OpenOptions};
use std::net::TcpStream;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{Server, eventually, is_reference, request, server_path};
use crate::kit::{Msg, Nats};
use crate::rig;

const MESSAGES: u64 = 300;
/// Of one message, about: so that the messages take more than one segment.
const SIZE: usize = 40_000;
/// Messages that the consumer has acknowledged.
const ACKED: u64 = 100;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Harm {
    Flip,
    Zero,
    Cut,
    Delete,
}

/// What a server made of a damaged store.
#[derive(Debug, Default)]
struct Outcome {
    /// It did not start, and said this.
    refused: Option<String>,
    /// Messages that are not served, and what is said of the first of them.
    lost: Vec<u64>,
    error: Value,
    /// The stream, or the consumer, as an error. Null if it is there.
    stream: Value,
    consumer: Value,
    /// Up to where the consumer is known to have acknowledged.
    floor: u64,
    /// What the consumer did not deliver of what lies behind.
    undelivered: Vec<u64>,
    state: Value,
    damaged: u64,
    quarantined: u64,
    health: String,
    /// Lines of the log that are no mere news.
    log: Vec<String>,
    /// The sequence of the next message.
    next: u64,
}

fn payload(n: u64) -> String {
    format!("{n} {}", "x".repeat(SIZE + n as usize))
}

/// A store with a stream, a consumer, and a server that ended in good order or was killed.
fn filled(orderly: bool) -> TempDir {
    let store = tempfile::tempdir().unwrap();
    let mut server = rig::start(store.path());
    let mut nats = rig::nats(&server);
    nats.create(json!({"name": "S", "subjects": ["s.>"], "allow_direct": true}));
    nats.create(json!({"name": "OTHER", "subjects": ["other"]}));
    nats.stored("other", "safe and sound", 1);
    let consumer = json!({"durable_name": "C", "ack_policy": "all", "ack_wait": 1_000_000_000u64});
    nats.consumer("S", "C", consumer);
    for n in 1..=MESSAGES {
        nats.stored(&format!("s.{}", n % 7), payload(n), n);
        if n == ACKED {
            let last = nats.fetch(ACKED as usize).pop().unwrap();
            nats.double_ack(&last, "");
        }
    }
    if orderly {
        server.signal("TERM");
        server.wait_exit();
    }
    store
}

/// All files of a store, with what kind of file each is.
fn files(store: &Path) -> Vec<(String, PathBuf)> {
    let (mut found, mut folders) = (Vec::new(), vec![store.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(store).unwrap().display().to_string();
            found.push((name, path));
        }
    }
    found.sort();
    found
}

fn harm(path: &Path, harm: Harm) {
    let content = fs::read(path).unwrap();
    let used = content.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let at = used * 6 / 10;
    let file = OpenOptions::new().write(true).open(path).unwrap();
    match harm {
        Harm::Flip => file.write_all_at(&[content[at] ^ 0x10], at as u64).unwrap(),
        Harm::Zero => {
            let len = (used - at).min(4096);
            file.write_all_at(&vec![0; len], at as u64).unwrap();
        }
        Harm::Cut => file.set_len(at as u64).unwrap(),
        Harm::Delete => fs::remove_file(path).unwrap(),
    }
}

fn copy(store: &Path) -> TempDir {
    let to = tempfile::tempdir().unwrap();
    let mut command = Command::new("cp");
    command.args(["-a", "--sparse=always", "--reflink=auto"]).arg(store.join(".")).arg(to.path());
    assert!(command.status().unwrap().success());
    to
}

fn metric(page: &str, name: &str) -> u64 {
    let line = page.lines().find(|line| line.starts_with(&format!("{name} ")));
    let value =
        line.and_then(|line| line.split(' ').nth(1)).and_then(|text| text.parse::<f64>().ok());
    value.unwrap_or_else(|| panic!("no {name} in {page}")) as u64
}

/// Starts a server on the store, and looks at everything there is.
fn look(store: &Path) -> Outcome {
    let mut outcome = Outcome::default();
    let dir = tempfile::tempdir().unwrap();
    let conf = rig::conf(store);
    let file = dir.path().join("check.conf");
    let folder = dir.path().display();
    fs::write(&file, format!("{conf}ports_file_dir: \"{folder}\"\n")).unwrap();
    let log = File::create(dir.path().join("log")).unwrap();
    let mut command = Command::new(server_path());
    command.arg("-c").arg(&file).stdout(log.try_clone().unwrap()).stderr(log);
    let mut child = command.spawn().unwrap();
    let ready = eventually("the server to start or to end", || {
        if child.try_wait().unwrap().is_some() {
            return Some(None);
        }
        let mut entries = fs::read_dir(dir.path()).unwrap().flatten().map(|entry| entry.path());
        let ports = entries.find(|path| path.extension().is_some_and(|ext| ext == "ports"))?;
        serde_json::from_str::<Value>(&fs::read_to_string(ports).ok()?).ok().map(Some)
    });
    let text = || fs::read_to_string(dir.path().join("log")).unwrap();
    match ready {
        None => outcome.refused = Some(text()),
        Some(ports) => {
            let port = |name: &str| {
                let url = ports[name][0].as_str().unwrap();
                url.rsplit(':').next().unwrap().parse::<u16>().unwrap()
            };
            survey(&mut Nats::connect(port("nats"), "{}"), port("monitoring"), &mut outcome);
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
    let is_news = |line: &&str| line.contains("[INF]");
    outcome.log = text().lines().filter(|line| !is_news(line)).map(str::to_owned).collect();
    outcome
}

fn survey(nats: &mut Nats, monitoring: u16, outcome: &mut Outcome) {
    outcome.stream = nats.api("STREAM.INFO.S", "")["error"].take();
    outcome.consumer = nats.api("CONSUMER.INFO.S.C", "")["error"].take();
    let mut other = nats.api("STREAM.MSG.GET.OTHER", json!({"seq": 1}));
    if other["error"].is_null() {
        assert_eq!(Msg::stored(&other["message"]).text(), "safe and sound");
    } else if outcome.stream.is_null() {
        outcome.error = other["error"].take();
    }
    for n in 1..=MESSAGES {
        let message = nats.direct("S", json!({"seq": n}));
        if message.status().is_none() {
            assert_eq!(message.header("Nats-Subject"), Some(format!("s.{}", n % 7).as_str()));
            assert!(message.text() == payload(n), "the wrong bytes for {n}");
            continue;
        }
        outcome.lost.push(n);
        if outcome.error.is_null() {
            outcome.error = nats.api("STREAM.MSG.GET.S", json!({"seq": n}))["error"].take();
        }
    }
    if outcome.consumer.is_null() {
        deliveries(nats, outcome);
    }
    if outcome.stream.is_null() {
        outcome.state = nats.state("S");
        outcome.next = nats.publish("s.n", "n")["seq"].as_u64().unwrap_or(0);
    }
    let page = |path: &str| {
        let mut socket = TcpStream::connect(("127.0.0.1", monitoring)).unwrap();
        request(&mut socket, path).body
    };
    outcome.health = page("/healthz?details=true");
    if is_reference() {
        return;
    }
    let metrics = page("/metrics");
    outcome.damaged = metric(&metrics, "vagus_store_damaged_records_total");
    outcome.quarantined = metric(&metrics, "vagus_store_quarantined_total");
}

/// What the consumer delivers must be what was sent, in order.
fn deliveries(nats: &mut Nats, outcome: &mut Outcome) {
    let info = nats.api("CONSUMER.INFO.S.C", "");
    outcome.floor = info["ack_floor"]["stream_seq"].as_u64().unwrap();
    let sid = nats.pull(json!({"batch": 2 * MESSAGES, "no_wait": true}));
    let mut wanted: Vec<u64> = (outcome.floor + 1..=MESSAGES).collect();
    let mut last = 0;
    loop {
        let message = nats.next(&sid);
        if message.status().is_some() {
            break;
        }
        let seq = message.seq();
        assert!(seq > last && message.text() == payload(seq), "the wrong bytes for {seq}");
        last = seq;
        wanted.retain(|wanted| *wanted != seq);
    }
    outcome.undelivered = wanted;
}

/// Damages one file of a copy of the store, and looks at what a server makes of it.
fn after(store: &Path, name: &str, kind: Harm) -> Outcome {
    let copy = copy(store);
    harm(&copy.path().join(name), kind);
    let outcome = look(copy.path());
    if std::env::var_os("VAGUS_TEST_SHOW").is_some() {
        eprintln!("=== {name} {kind:?}: {outcome:?}");
    }
    outcome
}

/// The files whose names end like this.
#[track_caller]
fn named(store: &Path, end: &str) -> Vec<String> {
    let names: Vec<_> =
        files(store).into_iter().map(|(name, _)| name).filter(|name| name.ends_with(end)).collect();
    assert!(!names.is_empty(), "no {end} in {:?}", files(store));
    names
}

/// The server runs; what is lost is known, told, and no more than `most`.
#[track_caller]
fn bounded(outcome: &Outcome, what: &str, most: usize) {
    assert!(outcome.refused.is_none(), "{what}: {outcome:?}");
    assert!(outcome.stream.is_null() && outcome.consumer.is_null(), "{what}: {outcome:?}");
    assert!(outcome.lost.len() <= most, "{what}: {outcome:?}");
    let behind: Vec<_> = outcome.lost.iter().filter(|seq| **seq > outcome.floor).collect();
    assert_eq!(outcome.undelivered.iter().collect::<Vec<_>>(), behind, "{what}: {outcome:?}");
    assert!(outcome.floor <= ACKED, "{what}: {outcome:?}");
    if !outcome.lost.is_empty() {
        told(outcome, what);
        let text = outcome.error["description"].as_str().unwrap();
        assert!(text.contains("damaged"), "{what}: {outcome:?}");
        let lost = outcome.state["lost"]["msgs"].as_array().unwrap();
        assert!(lost.iter().eq(&outcome.lost), "{what}: {outcome:?}");
        // No sequence is given twice.
        assert_eq!(outcome.next, MESSAGES + 1, "{what}: {outcome:?}");
    }
}

/// It is in the log, in the metrics and on the page of health.
#[track_caller]
fn told(outcome: &Outcome, what: &str) {
    assert!(outcome.damaged + outcome.quarantined > 0, "{what}: {outcome:?}");
    assert!(outcome.log.iter().any(|line| line.contains("[ERR]")), "{what}: {outcome:?}");
    assert!(outcome.health.contains("damaged"), "{what}: {outcome:?}");
}

const ALL: [Harm; 4] = [Harm::Flip, Harm::Zero, Harm::Cut, Harm::Delete];

#[test]
fn a_damaged_segment_costs_what_was_damaged() {
    let store = filled(true);
    // The reference has other names for the same, and must fail here.
    let end = if is_reference() { ".blk" } else { ".seg" };
    for kind in ALL {
        for name in named(store.path(), end) {
            if !name.contains("streams/S/") {
                continue;
            }
            let outcome = after(store.path(), &name, kind);
            let what = format!("{name} {kind:?}");
            let most = match kind {
                Harm::Flip => 1,
                Harm::Zero => 2,
                Harm::Cut => MESSAGES as usize / 2,
                Harm::Delete => MESSAGES as usize * 3 / 4,
            };
            bounded(&outcome, &what, most);
            assert!(!outcome.lost.is_empty(), "{what}: {outcome:?}");
        }
    }
}

#[test]
fn a_damaged_checkpoint_costs_nothing_that_the_segments_hold() {
    let store = filled(true);
    // Without what the write-ahead log would bring again.
    for name in logs(store.path()) {
        fs::remove_file(store.path().join(name)).unwrap();
    }
    for kind in ALL {
        for name in ["$G/streams/S/state-b", "meta/state-b"] {
            let name = &named(store.path(), name)[0];
            let outcome = after(store.path(), name, kind);
            let what = format!("{name} {kind:?}");
            assert!(outcome.refused.is_none() && outcome.stream.is_null(), "{what}: {outcome:?}");
            assert!(outcome.lost.is_empty(), "{what}: {outcome:?}");
            told(&outcome, &what);
        }
    }
}

/// The files of the write-ahead log that hold anything.
fn logs(store: &Path) -> Vec<String> {
    let all = files(store).into_iter().filter(|(name, _)| name.contains("/wal/wal-"));
    let used = all.filter(|(_, path)| fs::read(path).unwrap().iter().any(|byte| *byte != 0));
    let found: Vec<_> = used.map(|(name, _)| name).collect();
    assert!(!found.is_empty(), "there is no write-ahead log to damage");
    found
}

#[test]
fn a_damaged_write_ahead_log_costs_what_was_damaged() {
    let store = filled(false);
    for name in logs(store.path()) {
        for kind in ALL {
            let outcome = after(store.path(), &name, kind);
            let what = format!("{name} {kind:?}");
            match kind {
                Harm::Flip => bounded(&outcome, &what, 1),
                Harm::Zero => bounded(&outcome, &what, 2),
                // What is gone without a trace can't be counted; that it is gone is known.
                _ => assert!(outcome.refused.is_none(), "{what}: {outcome:?}"),
            }
            told(&outcome, &what);
        }
    }
}

#[test]
fn damaged_key_files_stop_the_server_and_nothing_is_lost() {
    let store = tempfile::tempdir().unwrap();
    let conf = rig::conf_with(store.path(), "key: \"a secret of some length\"");
    let run = || rig::run(&conf, Command::new(server_path()));
    let mut server = run();
    let mut nats = rig::nats(&server);
    nats.create(json!({"name": "S", "subjects": ["s.>"]}));
    nats.stored("s.1", "kept", 1);
    server.signal("TERM");
    server.wait_exit();
    let copies: Vec<_> =
        ["keys", "keys.copy"].map(|name| store.path().join(&named(store.path(), name)[0])).into();
    let whole: Vec<_> = copies.iter().map(|path| fs::read(path).unwrap()).collect();
    for kind in ALL {
        copies.iter().for_each(|path| harm(path, kind));
        let refused = Server::run_conf(&conf, &[]);
        assert_eq!(refused.code, Some(1), "{kind:?}: {refused:?}");
        assert!(refused.text().contains("key"), "{kind:?}: {refused:?}");
        copies.iter().zip(&whole).for_each(|(path, whole)| fs::write(path, whole).unwrap());
    }
    // One copy is enough.
    harm(&copies[0], Harm::Flip);
    assert_eq!(rig::nats(&run()).get("S", 1).text(), "kept");
    harm(&copies[1], Harm::Delete);
    assert_eq!(rig::nats(&run()).get("S", 1).text(), "kept");
}
