//! What becomes of the files of a log, and of its memory.

use super::kit::*;
use crate::disk::Faults;
use crate::group::Engine;
use crate::*;

fn send(log: &mut Log, subject: &str, payload: &[u8]) -> u64 {
    let entry = Entry { subject: subject.as_bytes(), payload, time_ns: 1, ..Entry::default() };
    log.append(entry).unwrap()
}

/// All that is in segment files, of which there is at least one.
fn in_files(rig: &Rig) -> Vec<u8> {
    let paths = rig.segments();
    assert!(!paths.is_empty());
    paths.iter().flat_map(|path| crate::disk::read_file(&rig.disk, path).unwrap()).collect()
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[test]
fn nothing_readable_is_in_encrypted_files() {
    for encrypted in [false, true] {
        let rig = Rig::new(FILE, |options| {
            options.log.segment_bytes = 1000;
            let key = "the key".to_owned();
            let cipher = CipherKind::default();
            let encryption = Encryption { cipher, key, prev_key: None };
            options.encryption = encrypted.then_some(encryption);
        });
        let mut log = rig.log();
        for _ in 0..30 {
            send(&mut log, "subject.secret", b"payload-secret");
        }
        commit(&mut log).unwrap();
        let readable = |part: &[u8]| {
            let mut all = rig.disk.paths().into_iter();
            all.any(|path| contains(&crate::disk::read_file(&rig.disk, &path).unwrap(), part))
        };
        // First in the write-ahead log only, then in segments with their footers, too.
        assert_eq!(readable(b"payload-secret"), !encrypted);
        log.core.secure(log.core.capture()).unwrap();
        assert_eq!(contains(&in_files(&rig), b"payload-secret"), !encrypted);
        assert_eq!(readable(b"subject.secret"), !encrypted);
        drop(log);
        let rig = rig.reopen(true);
        let found = visit(&rig.log().reader(), 1, &Filter::all());
        assert_eq!(found.len(), 30);
        assert!(found.iter().all(|(_, message)| message.payload == b"payload-secret"));
    }
}

#[test]
fn what_no_checkpoint_knows_comes_from_the_write_ahead_log() {
    for count in 20..60 {
        let rig = Rig::new(FILE, |options| options.log.segment_bytes = 1000);
        let mut log = rig.log();
        let only_in = Some("wal".to_owned());
        rig.disk.set_faults(Faults { failing_writes: 1, only_in, ..Faults::default() });
        send(&mut log, "a", b"refused");
        commit(&mut log).unwrap_err();
        log.abort();
        for n in 0..count {
            send(&mut log, "a", &[n; 100]);
            commit(&mut log).unwrap();
        }
        // In segments, with their footers, of which the cut takes what it likes.
        let core = &log.core;
        core.write_out(&mut core.files.lock(), true).unwrap();
        drop(log);
        let rig = rig.reopen(true);
        let found = visit(&rig.log().reader(), 1, &Filter::all());
        assert_eq!(found.len(), usize::from(count));
    }
}

#[test]
fn a_lazy_log_acknowledges_at_once_and_keeps_what_it_can() {
    let rig = Rig::new(Kind::File { compress: false, lazy: true }, |_| {});
    let mut log = rig.log();
    for n in 0..100 {
        let seq = send(&mut log, "a", &[n]);
        let mut acknowledged = false;
        let (tell, told) = std::sync::mpsc::channel();
        log.commit(Box::new(move |result| tell.send(result).unwrap()));
        // Before the call returns, whatever the disk does.
        if let Ok(result) = told.try_recv() {
            acknowledged = result.is_ok();
        }
        assert!(acknowledged && log.reader().committed() == seq);
    }
    assert_eq!(visit(&log.reader(), 1, &Filter::all()).len(), 100);
    drop(log);
    let rig = rig.reopen(false);
    assert_eq!(visit(&rig.log().reader(), 1, &Filter::all()).len(), 100);
}

#[test]
fn files_go_with_their_messages() {
    let rig = Rig::new(FILE, |options| options.log.segment_bytes = 4000);
    let mut log = rig.log();
    for n in 0..1000 {
        send(&mut log, &format!("s.{}", n % 3), &[n as u8; 100]);
    }
    commit(&mut log).unwrap();
    log.core.secure(log.core.capture()).unwrap();
    assert!(rig.segments().len() > 30);
    // Two of three are removed: what is left moves together.
    assert_eq!(log.purge(None, None, Some(b"s.0")).messages, 334);
    assert_eq!(log.purge(None, None, Some(b"s.1")).messages, 333);
    commit(&mut log).unwrap();
    let before = in_files(&rig).len();
    let dead = log.core.dead_bytes();
    assert!(dead as usize > before / 2, "{dead} of {before}");
    while log.core.compact(&mut log.core.files.lock()).unwrap() {}
    assert!(in_files(&rig).len() < before / 2);
    assert!((log.core.dead_bytes() as usize) < before / 20);
    assert_eq!(visit(&log.reader(), 1, &Filter::all()).len(), 333);
    log.purge(None, Some(1), None);
    commit(&mut log).unwrap();
    log.core.flush().unwrap();
    assert!(rig.segments().len() <= 2, "{:?}", rig.segments());
    drop(log);
    let rig = rig.reopen(true);
    let found = visit(&rig.log().reader(), 1, &Filter::all());
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].0, 999);
}

#[test]
fn memory_goes_with_its_messages() {
    let rig = Rig::new(Kind::Memory, |_| {});
    let mut log = rig.log();
    let empty = log.reader().memory();
    for n in 0..60_000 {
        send(&mut log, &format!("s.{}", n % 10), &[0; 200]);
        if n % 100 == 99 {
            commit(&mut log).unwrap();
        }
    }
    let full = log.reader().memory();
    assert!(full > 12_000_000 && full < 20_000_000, "{full}");
    // Every tenth stays: they are put together.
    for subject in 0..9 {
        log.purge(None, None, Some(format!("s.{subject}").as_bytes()));
    }
    commit(&mut log).unwrap();
    let tenth = log.reader().memory();
    assert!(tenth < full / 4, "{tenth} of {full}");
    assert_eq!(visit(&log.reader(), 1, &Filter::all()).len(), 6000);
    log.purge(None, None, None);
    commit(&mut log).unwrap();
    let left = log.reader().memory();
    assert!(left < empty + (2 << 20), "{left}, {empty} at first");
}

#[test]
fn a_purge_is_undone_as_a_whole() {
    let rig = Rig::new(FILE, |options| options.log.segment_bytes = 1000);
    let mut log = rig.log();
    for n in 0..200 {
        send(&mut log, &format!("s.{}", n % 7), &[n as u8; 20]);
    }
    commit(&mut log).unwrap();
    let before = (log.reader().state(), visit(&log.reader(), 1, &Filter::all()));
    assert_eq!(log.purge(None, None, None).messages, 200);
    assert_eq!(log.reader().state().first_seq, 201);
    send(&mut log, "other", b"");
    log.abort();
    assert_eq!((log.reader().state(), visit(&log.reader(), 1, &Filter::all())), before);
}

#[test]
fn what_is_erased_is_not_in_the_files_any_more() {
    for compress in [false, true] {
        let rig = Rig::new(Kind::File { compress, lazy: false }, |options| {
            options.log.segment_bytes = 2000;
            options.wal.segment_bytes = 64 << 10;
        });
        let mut log = rig.log();
        for n in 0..60 {
            let secret = format!("secret-{}-{:x}", n, n * 0x9E37_79B9_u64);
            send(&mut log, "s", &[secret.as_bytes(), &[n as u8; 40]].concat());
        }
        commit(&mut log).unwrap();
        let has = |n: u64| contains(&in_files(&rig), format!("secret-{n}-").as_bytes());
        log.core.secure(log.core.capture()).unwrap();
        // Where it is compressed, what is written there may be split up.
        assert!(compress || (has(3) && has(4) && has(59)));
        for n in [3, 59] {
            assert!(log.erase(n + 1).is_some());
            assert!(log.erase(n + 1).is_none());
        }
        log.abort();
        assert!(log.erase(4).is_some());
        send(&mut log, "s", b"secret-60-");
        commit(&mut log).unwrap();
        assert!(log.erase(61).is_some());
        commit(&mut log).unwrap();
        log.core.flush().unwrap();
        log.core.secure(log.core.capture()).unwrap();
        log.core.flush().unwrap();
        assert!(!has(3) && !has(60));
        assert!(compress || (has(4) && has(59)));
        assert_eq!(visit(&log.reader(), 1, &Filter::all()).len(), 59);
        drop(log);
        let rig = rig.reopen(true);
        assert_eq!(visit(&rig.log().reader(), 1, &Filter::all()).len(), 59);
        assert_eq!(rig.log().reader().state().lost, 0);
        assert_eq!(rig.store.stats().damaged, 0);
    }
}
