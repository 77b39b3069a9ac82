//! Power cuts, full disks and damage, seen from above.

use std::collections::BTreeMap;

use super::*;
use crate::disk::read_file;

/// Name of a group to what it must hold: messages and a table.
type Model = BTreeMap<String, (Vec<Vec<u8>>, BTreeMap<String, Vec<u8>>)>;

#[test]
fn what_was_acknowledged_survives_power_cuts() {
    for seed in 0..24 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut disk = FaultyDisk::new(seed);
        let mut model = Model::new();
        // What failed may be there or not.
        let mut unsure: Option<String> = None;
        for life in 0..4 {
            let store = open(&disk);
            verify(&store, &mut model, unsure.take(), seed);
            disk.set_faults(Faults {
                power_off_after: Some(random.u64(1..250)),
                ..Faults::default()
            });
            'life: for step in 0..120_u32 {
                let name = format!("s{}", random.u8(..3));
                let payload = vec![step as u8; random.usize(1..900)];
                let exists = model.contains_key(&name);
                let result = match random.u8(..12) {
                    _ if !exists => {
                        let (made, told) = done();
                        let taken = store.create("$G", &name, FILE, 1, vec![], made).is_err();
                        if taken {
                            // Its files could not be moved away: the power is off already.
                            break 'life;
                        }
                        wait(told).map(|()| drop(model.insert(name.clone(), Default::default())))
                    }
                    0 => delete(&store, id_of(&store, &name)).map(|()| drop(model.remove(&name))),
                    1..5 => {
                        let key = format!("k{}-{life}", random.u8(..5));
                        put(&store, id_of(&store, &name), &key, &payload).map(|()| {
                            model.get_mut(&name).unwrap().1.insert(key, payload.clone());
                        })
                    }
                    _ => publish(&store, id_of(&store, &name), &[&payload])
                        .map(|()| model.get_mut(&name).unwrap().0.push(payload.clone())),
                };
                if result.is_err() {
                    unsure = Some(name);
                    break 'life;
                }
            }
            disk = disk.power_cut();
        }
        verify(&open(&disk), &mut model, unsure, seed);
    }
}

/// Compares; what the last operation on `unsure` did may or may not show.
fn verify(store: &Store, model: &mut Model, unsure: Option<String>, seed: u64) {
    assert_eq!(store.stats().damaged, 0, "seed {seed}: a cut is no damage");
    assert_eq!(store.stats().quarantined, 0, "seed {seed}");
    let groups: Vec<String> = store.groups().into_iter().map(|info| info.name).collect();
    if let Some(name) = &unsure {
        match (groups.contains(name), model.contains_key(name)) {
            (true, false) => drop(model.insert(name.clone(), Default::default())),
            (false, true) => drop(model.remove(name)),
            _ => {}
        }
    }
    let known: Vec<String> = model.keys().cloned().collect();
    let mut sorted = groups;
    sorted.sort();
    assert_eq!(sorted, known, "seed {seed}");
    for (name, (sent, table)) in model {
        let id = id_of(store, name);
        let found: Vec<Vec<u8>> = messages(store, id).into_iter().map(|(_, p)| p).collect();
        let more = found.len() - sent.len().min(found.len());
        assert!(found.starts_with(sent), "seed {seed}: {name} lost messages");
        assert!(more == 0 || (more == 1 && unsure.as_ref() == Some(name)), "seed {seed}: {name}");
        *sent = found;
        for (key, value) in table {
            let found = get(store, id, key);
            let same = found.as_deref() == Some(&value[..]);
            assert!(same || unsure.as_ref() == Some(name), "seed {seed}: {name}/{key}");
            *value = found.expect("a key that was there").to_vec();
        }
    }
}

#[test]
fn a_full_disk_is_told_and_passes() {
    let disk = FaultyDisk::new(1);
    let store = open(&disk);
    let id = create(&store, "s");
    publish(&store, id, &[b"first"]).unwrap();
    disk.set_faults(Faults { capacity: Some(disk.used()), ..Faults::default() });
    let mut sent = 1;
    while publish(&store, id, &[&[1; 2000]]).is_ok() {
        sent += 1;
        assert!(sent < 1000, "the disk is never full");
    }
    assert_eq!(store.health(), Health::Full);
    assert_eq!(messages(&store, id).len(), sent);
    // What adds no message still has room.
    let other = create(&store, "t");
    delete(&store, other).unwrap();
    assert_eq!(store.health(), Health::Full);

    disk.set_faults(Faults::default());
    until(|| publish(&store, id, &[b"again"]).is_ok());
    assert_eq!(store.health(), Health::Good);
    drop(store);
    let store = open(&disk);
    assert_eq!(messages(&store, id).last(), Some(&(sent as u64 + 1, b"again".to_vec())));
}

#[test]
fn a_damaged_list_of_groups_is_made_again() {
    let disk = FaultyDisk::new(1);
    let store = open(&disk);
    let ids = ["a", "b"].map(|name| create(&store, name));
    publish(&store, ids[0], &[b"kept"]).unwrap();
    store.shutdown();
    drop(store);
    let states = paths(&disk, "/meta/state");
    assert!(!states.is_empty());
    states.iter().for_each(|path| assert!(disk.flip(path, 50, 1)));
    let store = open(&disk);
    assert_eq!(store.groups().len(), 2);
    assert_eq!(store.stats().quarantined, 0);
    assert_eq!(messages(&store, ids[0]), [(1, b"kept".to_vec())]);
    assert!(store.stats().damaged > 0);
    // No id is given twice.
    let third = create(&store, "c");
    assert!(!ids.contains(&third));
    drop(store);
    assert_eq!(open(&disk).groups().len(), 3);
}

#[test]
fn a_damaged_checkpoint_is_told_and_the_older_one_counts() {
    let disk = FaultyDisk::new(1);
    let mut store = open(&disk);
    let id = create(&store, "s");
    for value in [&b"1"[..], b"2"] {
        put(&store, id, "k", value).unwrap();
        store.shutdown();
        drop(store);
        store = open(&disk);
    }
    drop(store);
    let states = paths(&disk, "streams/s/state");
    assert_eq!(states.len(), 2);
    // What was checkpointed is no longer in the write-ahead log, once that is used again.
    paths(&disk, "/wal/").iter().for_each(|path| disk.remove_file(path).unwrap());
    let generation = |path: &PathBuf| read_file(&disk, path).unwrap()[8];
    let newer = states.iter().max_by_key(|path| generation(path)).unwrap();
    assert!(disk.flip(newer, 50, 1));
    let store = open(&disk);
    assert_eq!(get(&store, id, "k").unwrap(), "1");
    // And that there is no write-ahead log, which there always is.
    assert_eq!(store.stats().damaged, 2);
}

#[test]
fn a_damaged_batch_costs_its_messages_and_no_others() {
    let disk = FaultyDisk::new(1);
    let store = open(&disk);
    let id = create(&store, "s");
    publish(&store, id, &[b"one", b"damaged-later", b"three"]).unwrap();
    put(&store, id, "k", b"v").unwrap();
    drop(store);
    let (path, at) = paths(&disk, "/wal/")
        .into_iter()
        .find_map(|path| {
            let bytes = read_file(&disk, &path).unwrap();
            let at = bytes.windows(7).position(|part| part == b"damaged")?;
            Some((path, at))
        })
        .unwrap();
    assert!(disk.flip(&path, at as u64, 0));
    let store = open(&disk);
    assert_eq!(messages(&store, id), [(1, b"one".to_vec()), (3, b"three".to_vec())]);
    assert_eq!(get(&store, id, "k").unwrap(), "v");
    assert!(store.stats().damaged > 0);
    assert_eq!(store.log(id).unwrap().reader().state().lost, 1);
    // No sequence is given twice.
    publish(&store, id, &[b"four"]).unwrap();
    assert_eq!(messages(&store, id).last().unwrap().0, 4);
}
