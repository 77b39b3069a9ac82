//! The state of a group at a checkpoint: its table, and what its log wants to remember.
//!
//! There are two generations, `state-a` and `state-b`; the older one is replaced. A file is `magic,
//! generation u64, flags u32, length u64, crc32c u32` of what follows, `crc32c u32` of all that,
//! and the content, sealed if the store is encrypted.

use std::io::{self, ErrorKind};
use std::path::Path;

use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::crypt::Cipher;
use crate::disk::{Disk, read_file, replace_file};
use crate::group::{GroupId, Kind};
use crate::store::GroupInfo;
use crate::table::{Entries, TableOp, codec};

const MAGIC: [u8; 8] = *b"vagstat1";
const NAMES: [&str; 2] = ["state-a", "state-b"];
const HEAD_BYTES: usize = 36;
const FLAG_SEALED: u32 = 1;
const AAD: &[u8] = b"state";

/// What a group was when it was made. It is repeated in every checkpoint, so that the directory of
/// a group says all there is to know about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Birth {
    pub(crate) info: GroupInfo,
    pub(crate) first_seq: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Snapshot {
    pub(crate) birth: Birth,
    /// Batches up to here are in it.
    pub(crate) index: u64,
    /// Changes that make the table.
    pub(crate) table: Vec<TableOp>,
    pub(crate) log: Bytes,
}

/// What was found in a directory.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) newest: Option<Snapshot>,
    pub(crate) generation: u64,
    /// There is, or was, a newer one that can't be read.
    pub(crate) stale: bool,
    /// Files that are damaged.
    pub(crate) damaged: u64,
    /// Some of it is sealed with a key that is not there.
    pub(crate) unsealed: bool,
}

/// Writes generation `generation` to `dir`, which must exist. `entries` are the table of `state`.
pub(crate) fn write(
    disk: &dyn Disk,
    dir: &Path,
    cipher: Option<&Cipher>,
    generation: u64,
    state: &Snapshot,
    entries: &Entries,
) -> io::Result<()> {
    let mut content = BytesMut::new();
    content.put_u64_le(state.index);
    encode_birth(&state.birth, &mut content);
    let mut changes = BytesMut::new();
    codec::encode_entries(entries, &mut changes);
    content.put_u64_le(changes.len() as u64);
    content.put_slice(&changes);
    content.put_slice(&state.log);
    if let Some(cipher) = cipher {
        cipher.seal(AAD, &mut content, 0);
    }
    let mut head = Vec::with_capacity(HEAD_BYTES);
    head.put_slice(&MAGIC);
    head.put_u64_le(generation);
    head.put_u32_le(if cipher.is_some() { FLAG_SEALED } else { 0 });
    head.put_u64_le(content.len() as u64);
    head.put_u32_le(crc32c::crc32c(&content));
    head.put_u32_le(crc32c::crc32c(&head));
    replace_file(disk, &dir.join(NAMES[(generation % 2) as usize]), &[&head, &content])
}

/// The newest that can be read.
pub(crate) fn load(disk: &dyn Disk, dir: &Path, cipher: Option<&Cipher>) -> io::Result<Found> {
    let mut found = Found::default();
    // 0: unknown.
    let mut damaged = Vec::new();
    for name in NAMES {
        let bytes = match read_file(disk, &dir.join(name)) {
            Ok(bytes) => Bytes::from(bytes),
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => {
                tracing::error!(%error, dir = %dir.display(), name, "a checkpoint can't be read");
                damaged.push(0);
                continue;
            }
        };
        match decode(bytes, cipher) {
            Ok((generation, snapshot)) => {
                if found.generation < generation {
                    found.generation = generation;
                    found.newest = Some(snapshot);
                }
            }
            Err(bad) => {
                tracing::error!(dir = %dir.display(), name, "a checkpoint is damaged");
                found.unsealed |= bad.unsealed;
                damaged.push(bad.generation);
            }
        }
    }
    found.damaged = damaged.len() as u64;
    found.stale = damaged.iter().any(|n| *n == 0 || *n > found.generation);
    let newest = damaged.into_iter().max().unwrap_or(0);
    if newest > found.generation {
        // The next one must count as newer than both.
        found.generation = newest;
    }
    Ok(found)
}

struct Bad {
    /// 0: unknown.
    generation: u64,
    unsealed: bool,
}

fn decode(mut bytes: Bytes, cipher: Option<&Cipher>) -> Result<(u64, Snapshot), Bad> {
    let mut bad = Bad { generation: 0, unsealed: false };
    if bytes.len() < HEAD_BYTES
        || bytes[..8] != MAGIC
        || crc32c::crc32c(&bytes[..HEAD_BYTES - 4]).to_le_bytes()
            != bytes[HEAD_BYTES - 4..HEAD_BYTES]
    {
        return Err(bad);
    }
    bytes.advance(8);
    let generation = bytes.get_u64_le();
    bad.generation = generation;
    let flags = bytes.get_u32_le();
    let len = bytes.get_u64_le();
    let crc = bytes.get_u32_le();
    bytes.advance(4);
    if bytes.len() as u64 != len || crc32c::crc32c(&bytes) != crc {
        return Err(bad);
    }
    if flags & FLAG_SEALED != 0 {
        bad.unsealed = true;
        let Some(cipher) = cipher else { return Err(bad) };
        let mut sealed = BytesMut::from(bytes);
        let text = cipher.open(AAD, &mut sealed).map(|text| Bytes::copy_from_slice(text));
        let Ok(text) = text else { return Err(bad) };
        bad.unsealed = false;
        bytes = text;
    }
    decode_content(bytes).map(|snapshot| (generation, snapshot)).ok_or(bad)
}

fn decode_content(mut bytes: Bytes) -> Option<Snapshot> {
    let index = bytes.try_get_u64_le().ok()?;
    let birth = decode_birth(&mut bytes)?;
    let len = usize::try_from(bytes.try_get_u64_le().ok()?).ok()?;
    if len > bytes.len() {
        return None;
    }
    let table = codec::decode(bytes.split_to(len))?;
    Some(Snapshot { birth, index, table, log: bytes })
}

pub(crate) fn encode_birth(birth: &Birth, out: &mut BytesMut) {
    let info = &birth.info;
    out.put_u64_le(info.id.0);
    out.put_u64_le(birth.first_seq);
    out.put_u8(match info.kind {
        Kind::Memory => 0,
        Kind::File { compress, lazy } => 1 | u8::from(compress) << 1 | u8::from(lazy) << 2,
    });
    for text in [&info.account, &info.name] {
        out.put_u32_le(text.len() as u32);
        out.put_slice(text.as_bytes());
    }
}

pub(crate) fn decode_birth(bytes: &mut Bytes) -> Option<Birth> {
    let id = GroupId(bytes.try_get_u64_le().ok()?);
    let first_seq = bytes.try_get_u64_le().ok()?;
    let kind = match bytes.try_get_u8().ok()? {
        0 => Kind::Memory,
        bits => Kind::File { compress: bits & 2 != 0, lazy: bits & 4 != 0 },
    };
    let mut text = || {
        let len = bytes.try_get_u32_le().ok()? as usize;
        (len <= bytes.len()).then(|| String::from_utf8(bytes.split_to(len).to_vec()).ok())?
    };
    let info = GroupInfo { id, account: text()?, name: text()?, kind };
    Some(Birth { info, first_seq })
}

/// Whatever the bytes are, they are a checkpoint or none.
pub(crate) fn fuzz(data: &[u8]) {
    let bytes = Bytes::copy_from_slice(data);
    let _ = decode(bytes.clone(), None);
    let _ = decode_content(bytes);
}
