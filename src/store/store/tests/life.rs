//! Groups are made, used, kept over restarts, and deleted.

use super::*;

#[test]
fn groups_and_what_they_hold_are_there_again() {
    let disk = FaultyDisk::new(1);
    for clean in [true, false] {
        let disk = disk.power_cut();
        let store = open(&disk);
        let name = format!("clean-{clean}");
        let id = create(&store, &name);
        publish(&store, id, &[b"one", b"two"]).unwrap();
        put(&store, id, "consumer/c", b"state").unwrap();
        if clean {
            store.shutdown();
            assert_eq!(store.table(id).err(), Some(StoreError::Stopped));
        }
        drop(store);
        let store = open(&disk);
        let id = id_of(&store, &name);
        assert_eq!(messages(&store, id), [(1, b"one".to_vec()), (2, b"two".to_vec())]);
        assert_eq!(get(&store, id, "config").unwrap(), format!("of {name}"));
        assert_eq!(get(&store, id, "consumer/c").unwrap(), "state");
        until(|| store.health() == Health::Good);
        let stats = store.stats();
        assert_eq!(stats.groups, stats.groups_ready);
    }
}

#[test]
fn a_batch_in_many_pieces_is_one_batch() {
    let disk = FaultyDisk::new(1);
    let store = open(&disk);
    let id = create(&store, "s");
    let payload = |n: u8| vec![n; 300 << 10];
    let mut log = store.log(id).unwrap();
    let mut stage = |from: u8| {
        for n in from..from + 9 {
            let payload = &payload(n);
            log.append(Entry { subject: b"s", payload, time_ns: 1, ..Entry::default() }).unwrap();
        }
        let (done, told) = done();
        match from {
            // What was staged before is forgotten, all of it.
            100 => log.abort(),
            _ => log.commit(done),
        }
        told
    };
    stage(100);
    wait(stage(1)).unwrap();
    wait(stage(10)).unwrap();
    drop((log, store));
    let store = open(&disk.power_cut());
    let expected: Vec<_> = (1..=18).map(|n| (u64::from(n), payload(n))).collect();
    assert!(messages(&store, id) == expected);
}

#[test]
fn a_name_is_taken_until_its_group_is_gone() {
    let disk = FaultyDisk::new(1);
    let store = open(&disk);
    let first = create(&store, "s");
    let (again, _told) = done();
    assert_eq!(store.create("$G", "s", FILE, 1, vec![], again), Err(StoreError::Exists));
    publish(&store, first, &[b"old"]).unwrap();
    delete(&store, first).unwrap();
    assert_eq!(store.log(first).err(), Some(StoreError::Unknown));
    assert_eq!(delete(&store, first), Err(CommitError::Gone));

    let second = create(&store, "s");
    assert_ne!(first, second);
    publish(&store, second, &[b"new"]).unwrap();
    drop(store);
    let store = open(&disk);
    assert_eq!(store.groups().len(), 1);
    assert_eq!(messages(&store, second), [(1, b"new".to_vec())]);
}

#[test]
fn a_deleted_group_leaves_nothing() {
    let disk = FaultyDisk::new(1);
    let store = open(&disk);
    let id = create(&store, "s");
    publish(&store, id, &[b"x"]).unwrap();
    store.shutdown();
    drop(store);
    assert!(!paths(&disk, "streams/s").is_empty());
    let store = open(&disk);
    delete(&store, id).unwrap();
    assert!(paths(&disk, "streams/s").is_empty());
    until(|| paths(&disk, "trash").is_empty());
    drop(store);
    let store = open(&disk);
    assert_eq!((store.groups(), store.stats().quarantined), (vec![], 0));
}

#[test]
fn a_deleted_table_takes_nothing_any_more() {
    let disk = FaultyDisk::new(1);
    let store = open(&disk);
    let id = create(&store, "s");
    let table = store.table(id).unwrap();
    delete(&store, id).unwrap();
    let (done, told) = done();
    table.write(vec![TableOp::Delete(Bytes::from("config"))], Mode::Durable, done);
    assert_eq!(wait(told), Err(CommitError::Gone));
}

#[test]
fn memory_is_gone_after_a_restart() {
    let disk = FaultyDisk::new(1);
    let store = open(&disk);
    let (made, told) = done();
    let id = store.create("$G", "m", Kind::Memory, 1, vec![], made).unwrap();
    wait(told).unwrap();
    publish(&store, id, &[b"x"]).unwrap();
    put(&store, id, "k", b"v").unwrap();
    assert_eq!(messages(&store, id).len(), 1);
    assert_eq!(store.stats().commits, 0);
    drop(store);
    assert!(open(&disk).groups().is_empty());
}

#[test]
fn a_store_has_one_user() {
    let disk = FaultyDisk::new(1);
    let store = open(&disk);
    let second = Store::open(options(), Arc::new(disk.clone()));
    assert!(matches!(second, Err(OpenError::InUse(_))));
    drop(store);
    open(&disk);
}

#[test]
fn what_belongs_to_no_group_is_moved_aside() {
    let disk = FaultyDisk::new(1);
    let store = open(&disk);
    create(&store, "s");
    drop(store);
    let stray = Path::new("/data/jetstream/A/streams/stray");
    disk.create_dir_all(stray).unwrap();
    disk.open(&stray.join("precious"), Access::Create).unwrap().sync_data().unwrap();
    disk.sync_dir(stray).unwrap();
    let store = open(&disk);
    assert_eq!(store.groups().len(), 1);
    assert_eq!(store.stats().quarantined, 1);
    assert_eq!(
        paths(&disk, "precious"),
        [Path::new("/data/jetstream/quarantine/1.A.stray/precious")]
    );
    until(|| matches!(store.health(), Health::Degraded(_)));
}

#[test]
fn the_write_ahead_log_is_freed_by_checkpoints() {
    let disk = FaultyDisk::new(1);
    let store = open(&disk);
    let ids: Vec<_> = (0..3).map(|n| create(&store, &format!("s{n}"))).collect();
    for n in 0..300_u32 {
        put(&store, ids[n as usize % 2], &format!("k{}", n % 7), &[n as u8; 1500]).unwrap();
    }
    until(|| store.stats().debt_bytes == 0);
    assert!(store.stats().checkpoints >= 3);
    assert!(paths(&disk, "/wal/").len() < 6, "{:?}", paths(&disk, "/wal/"));
    drop(store);
    let store = open(&disk);
    assert_eq!(get(&store, ids[1], "k5").unwrap(), vec![299_u32 as u8; 1500]);
    assert_eq!(get(&store, ids[2], "config").unwrap(), "of s2");
}

#[test]
fn a_shut_down_store_has_nothing_to_read_again() {
    let disk = FaultyDisk::new(1);
    let store = open(&disk);
    let id = create(&store, "s");
    publish(&store, id, &[b"x"]).unwrap();
    store.shutdown();
    assert_eq!(store.stats().debt_bytes, 0);
    drop(store);
    let store = open(&disk);
    assert_eq!(messages(&store, id).len(), 1);
}

#[test]
fn nobody_has_to_wait_for_a_log() {
    let disk = FaultyDisk::new(1);
    let store = open(&disk);
    let id = create(&store, "s");
    assert!(store.try_log(id).is_ok());
    publish(&store, id, &[b"x"]).unwrap();
    drop(store);
    let store = open(&disk);
    until(|| match store.try_log(id) {
        Ok(log) => log.reader().state().last_seq == 1,
        Err(error) => error != StoreError::Busy,
    });
    assert_eq!(messages(&store, id).len(), 1);
}

#[test]
fn loading_tells_when_it_is_ready() {
    let disk = FaultyDisk::new(1);
    let store = open(&disk);
    let id = create(&store, "s");
    drop(store);
    let store = open(&disk);
    let (tell, told) = channel();
    store.load(id, Box::new(move |result| drop(tell.send(result))));
    assert_eq!(told.recv_timeout(Duration::from_secs(10)).unwrap(), Ok(()));
    let (tell, told) = channel();
    store.load(GroupId(99), Box::new(move |result| drop(tell.send(result))));
    assert_eq!(told.recv().unwrap(), Err(StoreError::Unknown));
}

#[test]
fn a_directory_of_nats_server_is_left_alone() {
    let disk = FaultyDisk::new(1);
    let stream = Path::new("/data/jetstream/$G/streams/S");
    disk.create_dir_all(stream).unwrap();
    disk.open(&stream.join("meta.inf"), Access::Create).unwrap();
    let refused = Store::open(options(), Arc::new(disk.clone()));
    assert!(matches!(refused, Err(OpenError::Foreign(dir)) if dir == stream));
    assert!(disk.exists(&stream.join("meta.inf")));
}
