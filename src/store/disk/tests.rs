//! Both disks do the same; the simulated one forgets what it may.
#![allow(clippy::unwrap_used)]

use std::io::{ErrorKind, IoSlice};
use std::path::Path;
use std::sync::Arc;

use super::{Access, Disk, Faults, FaultyDisk, RealDisk, read_file, replace_file};

fn each(test: impl Fn(&dyn Disk, &Path)) {
    let dir = tempfile::tempdir().unwrap();
    test(&RealDisk, dir.path());
    let faulty = FaultyDisk::new(1);
    faulty.create_dir_all(Path::new("/x")).unwrap();
    test(&faulty, Path::new("/x"));
}

#[test]
fn files_and_names() {
    each(|disk, dir| {
        let deep = dir.join("a/b");
        assert_eq!(disk.list(&deep).unwrap_err().kind(), ErrorKind::NotFound);
        disk.create_dir_all(&deep).unwrap();
        let path = deep.join("f");
        let missing = disk.open(&path, Access::Write).err().unwrap();
        assert_eq!(missing.kind(), ErrorKind::NotFound);
        let file = disk.open(&path, Access::Create).unwrap();
        file.write_all_at(&[IoSlice::new(b"ab"), IoSlice::new(b""), IoSlice::new(b"cd")], 2)
            .unwrap();
        file.sync_data().unwrap();
        disk.sync_dir(&deep).unwrap();
        assert_eq!(read_file(disk, &path).unwrap(), b"\0\0abcd");
        assert_eq!(
            file.read_exact_at(&mut [0; 9], 0).unwrap_err().kind(),
            ErrorKind::UnexpectedEof
        );
        file.preallocate(100).unwrap();
        assert_eq!(disk.list(&deep).unwrap()[0].len, 100);
        file.preallocate(3).unwrap();
        assert_eq!(read_file(disk, &path).unwrap(), b"\0\0a");

        disk.rename(&deep, &dir.join("c")).unwrap();
        assert!(!disk.exists(&path) && disk.exists(&dir.join("c/f")));
        replace_file(disk, &dir.join("c/f"), &[b"new", b"er"]).unwrap();
        assert_eq!(read_file(disk, &dir.join("c/f")).unwrap(), b"newer");
        let names: Vec<_> =
            disk.list(dir).unwrap().into_iter().map(|l| (l.name, l.is_dir)).collect();
        assert_eq!(names, [("a".to_owned(), true), ("c".to_owned(), true)]);
        disk.remove_file(&dir.join("c/f")).unwrap();
        disk.remove_dir_all(&dir.join("c")).unwrap();
        assert!(!disk.exists(&dir.join("c")));
        assert!(disk.free_space(dir).unwrap() > 0);
    });
}

#[test]
fn large_writes_are_where_small_ones_would_be() {
    each(|disk, dir| {
        let file = disk.open(&dir.join("f"), Access::Create).unwrap();
        let mut random = fastrand::Rng::with_seed(7);
        let mut expected: Vec<u8> = Vec::new();
        for round in 0..40_u8 {
            let len = random.usize(..if round % 2 == 0 { 3 << 20 } else { 9000 });
            let bytes: Vec<u8> = (0..len).map(|n| (n / 7) as u8 ^ round).collect();
            // Most behind what is there, some over it.
            let over = if round % 5 == 0 { random.usize(..=expected.len()) } else { 0 };
            let at = expected.len() - over;
            let parts: Vec<_> = bytes.chunks(random.usize(1..100_000)).map(IoSlice::new).collect();
            file.write_all_at(&parts, at as u64).unwrap();
            expected.truncate(at);
            let behind = file.len().unwrap().saturating_sub((at + len) as u64);
            expected.extend_from_slice(&bytes);
            if behind > 0 {
                file.preallocate(expected.len() as u64).unwrap();
            }
            file.sync_data().unwrap();
        }
        assert!(read_file(disk, &dir.join("f")).unwrap() == expected);
    });
}

#[test]
fn what_is_appended_lies_behind_what_was() {
    each(|disk, dir| {
        let file = disk.open(&dir.join("f"), Access::Create).unwrap();
        file.write_at(&[1; 8192], 0).unwrap();
        let mut random = fastrand::Rng::with_seed(3);
        let mut expected = vec![1; 4096];
        for round in 0..60_u8 {
            let most = [50, 5000, 3 << 20][usize::from(round) % 3];
            let bytes: Vec<u8> = (0..random.usize(1..most)).map(|n| n as u8 ^ round).collect();
            let parts: Vec<_> = bytes.chunks(random.usize(1..9000)).map(IoSlice::new).collect();
            // One that is written again takes the place of what was there.
            if round == 20 {
                file.append_at(&parts, expected.len() as u64).unwrap();
            }
            file.append_at(&parts, expected.len() as u64).unwrap();
            expected.extend_from_slice(&bytes);
            file.sync_data().unwrap();
            let found = read_file(disk, &dir.join("f")).unwrap();
            assert!(found[..expected.len()] == expected, "round {round}");
            assert!(found.len() <= expected.len().next_multiple_of(4096).max(8192));
        }
    });
}

#[test]
fn many_parts_in_one_write() {
    each(|disk, dir| {
        let bytes: Vec<u8> = (0..5000_u32).map(|n| n as u8).collect();
        let parts: Vec<_> = bytes.chunks(1).map(IoSlice::new).collect();
        let file = disk.open(&dir.join("f"), Access::Create).unwrap();
        file.write_all_at(&parts, 0).unwrap();
        assert_eq!(read_file(disk, &dir.join("f")).unwrap(), bytes);
    });
}

#[test]
fn a_cut_takes_what_is_not_safe_and_nothing_else() {
    let (mut names, mut contents) = (0, [0; 3]);
    for seed in 0..200 {
        let disk = FaultyDisk::new(seed);
        let dir = Path::new("/d");
        disk.create_dir_all(dir).unwrap();
        let file = disk.open(&dir.join("safe"), Access::Create).unwrap();
        file.write_at(&[1; 2000], 0).unwrap();
        file.sync_data().unwrap();
        disk.sync_dir(dir).unwrap();
        file.write_at(&[2; 2000], 1000).unwrap();
        disk.open(&dir.join("new"), Access::Create).unwrap().sync_data().unwrap();
        let disk = disk.power_cut();
        assert!(file.len().is_err(), "a handle of a former life");
        names += usize::from(disk.exists(&dir.join("new")));
        let kept = read_file(&disk, &dir.join("safe")).unwrap();
        assert_eq!(kept[..1000], [1; 1000]);
        let changed = kept[1000..].iter().filter(|b| **b == 2).count();
        contents[match changed {
            0 => 0,
            2000 => 2,
            _ => 1,
        }] += 1;
        assert!(changed == 0 || changed == 2000 || (1000 + changed).is_multiple_of(512));
    }
    assert!((50..150).contains(&names), "{names}");
    assert!(contents.iter().all(|n| *n > 20), "{contents:?}");
}

#[test]
fn faults_happen_as_ordered() {
    let disk = FaultyDisk::new(7);
    let dir = Path::new("/");
    disk.create_dir_all(dir).unwrap();
    let file = disk.open(&dir.join("f"), Access::Create).unwrap();
    disk.set_faults(Faults { capacity: Some(10), ..Faults::default() });
    file.write_at(&[0; 10], 0).unwrap();
    assert_eq!(file.write_at(&[0; 1], 10).unwrap_err().kind(), ErrorKind::StorageFull);
    assert_eq!(disk.free_space(dir).unwrap(), 0);

    disk.set_faults(Faults { failing_syncs: 1, failing_writes: 1, ..Faults::default() });
    assert!(file.sync_data().is_err() && file.write_at(&[1], 0).is_err());
    assert!(file.sync_data().is_ok() && file.write_at(&[1], 0).is_ok());

    disk.set_faults(Faults { power_off_after: Some(1), ..Faults::default() });
    assert!(file.write_at(&[1], 0).is_ok());
    assert!(file.write_at(&[1], 0).is_err() && file.read_at(&mut [0], 0).is_err());
    let disk = disk.power_cut();
    assert!(disk.open(&dir.join("f"), Access::Create).is_ok());
    let _: Arc<dyn Disk> = Arc::new(disk);
}
