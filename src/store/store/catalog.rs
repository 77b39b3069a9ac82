//! What groups there are: the table of the meta group.
//!
//! - `group/<id>`: a group as it was made, and what its table began with;
//! - `dead/<id>`: a deleted group whose files may still be there;
//! - `next`: the id that comes next, so that none is used twice.

use bytes::{BufMut, Bytes, BytesMut};

use super::snapshot::{Birth, decode_birth, encode_birth};
use crate::group::GroupId;
use crate::table::{Entries, Key, TableOp, codec};

const NEXT: &[u8] = b"next";
const GROUP: &[u8] = b"group/";
const DEAD: &[u8] = b"dead/";

/// A group in the catalog.
#[derive(Debug, Clone)]
pub(crate) struct Listed {
    pub(crate) birth: Birth,
    /// What its table began with.
    pub(crate) entries: Vec<TableOp>,
}

fn key(prefix: &[u8], id: GroupId) -> Key {
    [prefix, format!("{:016x}", id.0).as_bytes()].concat().into()
}

/// Lists a group. `next` is the id after it.
pub(crate) fn made(birth: &Birth, entries: &[TableOp]) -> Vec<TableOp> {
    let mut value = BytesMut::new();
    encode_birth(birth, &mut value);
    codec::encode(entries, &mut value);
    let next = birth.info.id.0 + 1;
    vec![
        TableOp::Put(key(GROUP, birth.info.id), value.freeze()),
        TableOp::Put(Bytes::from_static(NEXT), Bytes::copy_from_slice(&next.to_le_bytes())),
    ]
}

/// Takes a group off the list. Its birth is kept until its files are gone.
pub(crate) fn deleted(birth: &Birth) -> Vec<TableOp> {
    let mut value = BytesMut::new();
    encode_birth(birth, &mut value);
    let id = birth.info.id;
    vec![TableOp::Delete(key(GROUP, id)), TableOp::Put(key(DEAD, id), value.freeze())]
}

/// Nothing of a deleted group is left.
pub(crate) fn buried(id: GroupId) -> Vec<TableOp> {
    vec![TableOp::Delete(key(DEAD, id))]
}

/// The id that comes next.
pub(crate) fn next_id(entries: &Entries) -> u64 {
    let stored = entries.get(NEXT).and_then(|value| value.base.as_ref().try_into().ok());
    let highest = listed(entries).iter().map(|listed| listed.birth.info.id.0 + 1).max();
    stored.map_or(1, u64::from_le_bytes).max(highest.unwrap_or(1))
}

pub(crate) fn listed(entries: &Entries) -> Vec<Listed> {
    let decode = |value: &Bytes| {
        let mut value = value.clone();
        let birth = decode_birth(&mut value)?;
        Some(Listed { birth, entries: codec::decode(value)? })
    };
    entries.scan(GROUP).filter_map(|(_, value)| decode(&value.base)).collect()
}

pub(crate) fn dead(entries: &Entries) -> Vec<Birth> {
    entries.scan(DEAD).filter_map(|(_, value)| decode_birth(&mut value.base.clone())).collect()
}

/// The same, from what the directories of the groups say of themselves.
pub(crate) fn adopted(births: &[Birth]) -> Vec<TableOp> {
    let mut ops = Vec::new();
    for birth in births {
        let mut value = BytesMut::new();
        encode_birth(birth, &mut value);
        ops.push(TableOp::Put(key(GROUP, birth.info.id), value.freeze()));
    }
    let next = births.iter().map(|birth| birth.info.id.0 + 1).max().unwrap_or(1);
    let mut value = BytesMut::new();
    value.put_u64_le(next);
    ops.push(TableOp::Put(Bytes::from_static(NEXT), value.freeze()));
    ops
}
