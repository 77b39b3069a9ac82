//! Encryption: what is written is sealed, keys can change, and the wrong one is told.

use super::*;
use crate::disk::read_file;
use crate::{CipherKind, KeyError};

fn with_key(disk: &FaultyDisk, key: &str, prev_key: Option<&str>) -> Result<Store, OpenError> {
    let encryption = Encryption {
        cipher: CipherKind::ChaCha20Poly1305,
        key: key.to_owned(),
        prev_key: prev_key.map(str::to_owned),
    };
    Store::open(Options { encryption: Some(encryption), ..options() }, Arc::new(disk.clone()))
}

fn key_error(result: Result<Store, OpenError>) -> KeyError {
    match result {
        Err(OpenError::Key(error)) => error,
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("it opened"),
    }
}

#[test]
fn what_is_written_can_be_read_with_the_key_only() {
    let disk = FaultyDisk::new(1);
    let store = with_key(&disk, "first", None).unwrap();
    let id = create(&store, "s");
    put(&store, id, "SECRET-KEY", b"SECRET-VALUE").unwrap();
    drop(store);
    let store = with_key(&disk, "first", None).unwrap();
    put(&store, id, "other", b"SECRET-TOO").unwrap();
    publish(&store, id, &[b"SECRET-MESSAGE"]).unwrap();
    store.shutdown();
    drop(store);
    for path in disk.paths() {
        let bytes = read_file(&disk, &path).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains("SECRET"), "{}", path.display());
    }

    assert_eq!(key_error(with_key(&disk, "wrong", None)), KeyError::Wrong);
    let plain = Store::open(options(), Arc::new(disk.clone()));
    assert_eq!(key_error(plain), KeyError::Missing);

    // The key changes; what was written before can still be read.
    let store = with_key(&disk, "second", Some("first")).unwrap();
    assert_eq!(get(&store, id, "SECRET-KEY").unwrap(), "SECRET-VALUE");
    assert_eq!(messages(&store, id), [(1, b"SECRET-MESSAGE".to_vec())]);
    drop(store);
    assert_eq!(key_error(with_key(&disk, "first", None)), KeyError::Wrong);
    let store = with_key(&disk, "second", None).unwrap();
    assert_eq!(get(&store, id, "other").unwrap(), "SECRET-TOO");
}

#[test]
fn either_copy_of_the_keys_will_do() {
    let disk = FaultyDisk::new(1);
    let store = with_key(&disk, "key", None).unwrap();
    let id = create(&store, "s");
    store.shutdown();
    drop(store);
    let disk = disk.power_cut();
    let keys = paths(&disk, "/keys");
    assert_eq!(keys.len(), 2);
    for (n, path) in keys.iter().enumerate() {
        assert!(disk.flip(path, 60 + n as u64, 3));
        let store = with_key(&disk, "key", None).unwrap();
        assert_eq!(get(&store, id, "config").unwrap(), "of s");
    }
    // Opening has written both anew; now both are damaged.
    keys.iter().for_each(|path| assert!(disk.flip(path, 60, 3)));
    assert_eq!(key_error(with_key(&disk, "key", None)), KeyError::Damaged);
    keys.iter().for_each(|path| disk.remove_file(path).unwrap());
    assert_eq!(key_error(with_key(&disk, "key", None)), KeyError::Gone);
}

#[test]
fn an_unencrypted_store_can_be_encrypted_from_now_on() {
    let disk = FaultyDisk::new(1);
    let store = open(&disk);
    let id = create(&store, "s");
    put(&store, id, "before", b"plain").unwrap();
    drop(store);
    let store = with_key(&disk, "key", None).unwrap();
    put(&store, id, "after", b"sealed").unwrap();
    drop(store);
    let store = with_key(&disk, "key", None).unwrap();
    assert_eq!(get(&store, id, "before").unwrap(), "plain");
    assert_eq!(get(&store, id, "after").unwrap(), "sealed");
}
