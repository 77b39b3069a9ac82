//! The key file: the keys of all runs, each wrapped by a key derived from the configured one.
//!
//! It lies in two copies, each written aside, synced and renamed. A copy is
//! `magic, rounds u32, salt[32], count u32, count x { run u32, cipher u32, nonce[12], key[32],
//! tag[16] }, crc32c u32`, numbers little-endian.

use std::io::ErrorKind;
use std::num::NonZeroU32;
use std::path::Path;

use hashbrown::HashMap;
use ring::aead::{Aad, LessSafeKey, Nonce};
use ring::pbkdf2;

use super::{Cipher, KEY_BYTES, KeyError, NONCE_BYTES, TAG_BYTES, key, random};
use crate::disk::{Disk, read_file, replace_file};
use crate::error::OpenError;
use crate::options::{CipherKind, Encryption};

const MAGIC: [u8; 8] = *b"vagkeys1";
const COPIES: [&str; 2] = ["keys", "keys.copy"];
/// Of the derivation: what makes guessing a weak key expensive.
const ROUNDS: u32 = if cfg!(test) { 10 } else { 100_000 };
const ENTRY_BYTES: usize = 8 + NONCE_BYTES + KEY_BYTES + TAG_BYTES;
const SALT_BYTES: usize = 32;

struct KeyFile {
    rounds: u32,
    salt: [u8; SALT_BYTES],
    entries: Vec<Entry>,
}

struct Entry {
    run: u32,
    kind: CipherKind,
    nonce: [u8; NONCE_BYTES],
    /// Key and tag.
    wrapped: [u8; KEY_BYTES + TAG_BYTES],
}

/// Opens the keys in `dir` and adds one for this run. `None` if nothing is to be encrypted, and
/// nothing is.
pub(crate) fn open(
    disk: &dyn Disk,
    dir: &Path,
    config: Option<&Encryption>,
) -> Result<Option<Cipher>, OpenError> {
    let found = load(disk, dir)?;
    let Some(config) = config else {
        return match found {
            Some(_) => Err(KeyError::Missing.into()),
            None => Ok(None),
        };
    };
    let (mut plain, wrapper) = match &found {
        Some(file) => unwrap_all(file, config)?,
        None => (Vec::new(), None),
    };
    let wrapper = match wrapper {
        Some(wrapper) => wrapper,
        None => Wrapper::new(&config.key, random()?, ROUNDS)?,
    };
    // No run is numbered 0.
    let run = plain.iter().map(|(run, ..)| *run).max().unwrap_or(0) + 1;
    plain.push((run, config.cipher, random()?));
    let entries: Result<_, _> =
        plain.iter().map(|plain| Entry::wrap(plain, &wrapper.key)).collect();
    let file = KeyFile { rounds: wrapper.rounds, salt: wrapper.salt, entries: entries? };
    for name in COPIES {
        let path = dir.join(name);
        replace_file(disk, &path, &[&file.encode()]).map_err(OpenError::io(path))?;
    }
    let mut keys = HashMap::new();
    for (run, kind, bytes) in &plain {
        keys.insert(*run, key(*kind, bytes)?);
    }
    Ok(Some(Cipher::new(keys, run)))
}

/// The first copy that is whole; an error if there are only others.
fn load(disk: &dyn Disk, dir: &Path) -> Result<Option<KeyFile>, OpenError> {
    let mut damaged = false;
    for path in COPIES.map(|name| dir.join(name)) {
        match read_file(disk, &path) {
            Ok(bytes) => match KeyFile::decode(&bytes) {
                Some(file) => return Ok(Some(file)),
                None => damaged = true,
            },
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(source) => return Err(OpenError::Io { path, source }),
        }
    }
    if damaged { Err(KeyError::Damaged.into()) } else { Ok(None) }
}

type Plain = (u32, CipherKind, [u8; KEY_BYTES]);

/// The keys of all runs, with the configured key or else with the one before. The first comes with
/// what wraps them, which need not change then.
fn unwrap_all(
    file: &KeyFile,
    config: &Encryption,
) -> Result<(Vec<Plain>, Option<Wrapper>), KeyError> {
    let secrets = [(Some(&config.key), true), (config.prev_key.as_ref(), false)];
    for (secret, is_current) in secrets {
        let Some(secret) = secret else { continue };
        let wrapper = Wrapper::new(secret, file.salt, file.rounds)?;
        let plain = file.entries.iter().map(|entry| entry.unwrap(&wrapper.key));
        if let Some(plain) = plain.collect() {
            return Ok((plain, is_current.then_some(wrapper)));
        }
    }
    Err(KeyError::Wrong)
}

/// What wraps the keys, derived from a configured key.
struct Wrapper {
    key: [u8; KEY_BYTES],
    salt: [u8; SALT_BYTES],
    rounds: u32,
}

impl Wrapper {
    fn new(secret: &str, salt: [u8; SALT_BYTES], rounds: u32) -> Result<Wrapper, KeyError> {
        let count = NonZeroU32::new(rounds).ok_or(KeyError::Damaged)?;
        let mut key = [0; KEY_BYTES];
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, count, &salt, secret.as_bytes(), &mut key);
        Ok(Wrapper { key, salt, rounds })
    }
}

// === impl Entry ===

impl Entry {
    fn aad(run: u32, kind: CipherKind) -> [u8; 8] {
        let mut aad = [0; 8];
        aad[..4].copy_from_slice(&run.to_le_bytes());
        aad[4..].copy_from_slice(&code(kind).to_le_bytes());
        aad
    }

    fn wrap(plain: &Plain, derived: &[u8]) -> Result<Entry, KeyError> {
        let (run, kind, bytes) = plain;
        let nonce = random()?;
        let mut wrapped = [0; KEY_BYTES + TAG_BYTES];
        wrapped[..KEY_BYTES].copy_from_slice(bytes);
        let wrapping: LessSafeKey = key(*kind, derived)?;
        let aad = Aad::from(Entry::aad(*run, *kind));
        let sealing = Nonce::assume_unique_for_key(nonce);
        let tag = wrapping
            .seal_in_place_separate_tag(sealing, aad, &mut wrapped[..KEY_BYTES])
            .map_err(|_| KeyError::Damaged)?;
        wrapped[KEY_BYTES..].copy_from_slice(tag.as_ref());
        Ok(Entry { run: *run, kind: *kind, nonce, wrapped })
    }

    fn unwrap(&self, derived: &[u8]) -> Option<Plain> {
        let wrapping = key(self.kind, derived).ok()?;
        let aad = Aad::from(Entry::aad(self.run, self.kind));
        let mut text = self.wrapped;
        let opening = Nonce::assume_unique_for_key(self.nonce);
        let plain = wrapping.open_in_place(opening, aad, &mut text).ok()?;
        Some((self.run, self.kind, (&*plain).try_into().ok()?))
    }
}

// === impl KeyFile ===

impl KeyFile {
    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64 + self.entries.len() * ENTRY_BYTES);
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&self.rounds.to_le_bytes());
        out.extend_from_slice(&self.salt);
        out.extend_from_slice(&(self.entries.len() as u32).to_le_bytes());
        for entry in &self.entries {
            out.extend_from_slice(&entry.run.to_le_bytes());
            out.extend_from_slice(&code(entry.kind).to_le_bytes());
            out.extend_from_slice(&entry.nonce);
            out.extend_from_slice(&entry.wrapped);
        }
        let crc = crc32c::crc32c(&out);
        out.extend_from_slice(&crc.to_le_bytes());
        out
    }

    fn decode(bytes: &[u8]) -> Option<KeyFile> {
        let (bytes, crc) = bytes.split_last_chunk::<4>()?;
        if crc32c::crc32c(bytes) != u32::from_le_bytes(*crc) {
            return None;
        }
        let rest = bytes.strip_prefix(&MAGIC)?;
        let (rounds, rest) = rest.split_first_chunk::<4>()?;
        let (salt, rest) = rest.split_first_chunk::<SALT_BYTES>()?;
        let (count, rest) = rest.split_first_chunk::<4>()?;
        let entries = rest.chunks(ENTRY_BYTES).map(Entry::decode).collect::<Option<Vec<_>>>()?;
        (entries.len() == u32::from_le_bytes(*count) as usize).then_some(KeyFile {
            rounds: u32::from_le_bytes(*rounds),
            salt: *salt,
            entries,
        })
    }
}

impl Entry {
    fn decode(bytes: &[u8]) -> Option<Entry> {
        let (run, rest) = bytes.split_first_chunk::<4>()?;
        let (kind, rest) = rest.split_first_chunk::<4>()?;
        let (nonce, rest) = rest.split_first_chunk::<NONCE_BYTES>()?;
        let kind = match u32::from_le_bytes(*kind) {
            1 => CipherKind::ChaCha20Poly1305,
            2 => CipherKind::Aes256Gcm,
            _ => return None,
        };
        let run = u32::from_le_bytes(*run);
        Some(Entry { run, kind, nonce: *nonce, wrapped: rest.try_into().ok()? })
    }
}

fn code(kind: CipherKind) -> u32 {
    match kind {
        CipherKind::ChaCha20Poly1305 => 1,
        CipherKind::Aes256Gcm => 2,
    }
}

/// Whatever the bytes are, they are a key file or none.
pub(crate) fn fuzz(data: &[u8]) {
    let _ = KeyFile::decode(data);
    let sum = crc32c::crc32c(data).to_le_bytes();
    if let Some(file) = KeyFile::decode(&[data, &sum].concat()) {
        assert_eq!(file.encode()[..data.len()], *data);
    }
}
