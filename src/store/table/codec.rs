//! Changes of a table, and whole tables, as bytes.
//!
//! A change is `kind u8, length of the key u32, key` and, unless it deletes, `length u32, value`. A
//! table is the changes that make it.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::{Entries, TableOp};

const PUT: u8 = 1;
const MERGE: u8 = 2;
const DELETE: u8 = 3;

pub(crate) fn encode(ops: &[TableOp], out: &mut BytesMut) {
    for op in ops {
        match op {
            TableOp::Put(key, value) => put(out, PUT, key, Some(value)),
            TableOp::Merge(key, delta) => put(out, MERGE, key, Some(delta)),
            TableOp::Delete(key) => put(out, DELETE, key, None),
        }
    }
}

pub(crate) fn encode_entries(entries: &Entries, out: &mut BytesMut) {
    for (key, value) in entries.iter() {
        put(out, PUT, key, Some(&value.base));
        for delta in &value.deltas {
            put(out, MERGE, key, Some(delta));
        }
    }
}

fn put(out: &mut BytesMut, kind: u8, key: &[u8], value: Option<&[u8]>) {
    out.put_u8(kind);
    for part in [Some(key), value].into_iter().flatten() {
        out.put_u32_le(part.len() as u32);
        out.put_slice(part);
    }
}

/// `None`: these are no changes.
pub(crate) fn decode(mut bytes: Bytes) -> Option<Vec<TableOp>> {
    let mut ops = Vec::new();
    while bytes.has_remaining() {
        let kind = bytes.get_u8();
        let key = take(&mut bytes)?;
        ops.push(match kind {
            PUT => TableOp::Put(key, take(&mut bytes)?),
            MERGE => TableOp::Merge(key, take(&mut bytes)?),
            DELETE => TableOp::Delete(key),
            _ => return None,
        });
    }
    Some(ops)
}

fn take(bytes: &mut Bytes) -> Option<Bytes> {
    let len = bytes.try_get_u32_le().ok()? as usize;
    // Copied: a value outlives the batch it came with, and must not keep all of it in memory.
    (len <= bytes.len()).then(|| Bytes::copy_from_slice(&bytes.split_to(len)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ops() -> impl Strategy<Value = Vec<TableOp>> {
        let bytes = || prop::collection::vec(any::<u8>(), 0..20).prop_map(Bytes::from);
        let op = (0..3, bytes(), bytes()).prop_map(|(kind, key, value)| match kind {
            0 => TableOp::Put(key, value),
            1 => TableOp::Merge(key, value),
            _ => TableOp::Delete(key),
        });
        prop::collection::vec(op, 0..20)
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(ops in ops()) {
            let mut bytes = BytesMut::new();
            encode(&ops, &mut bytes);
            prop_assert_eq!(decode(bytes.clone().freeze()), Some(ops.clone()));
            // A part of it is fewer changes, or none.
            for n in 0..bytes.len() {
                let part = decode(bytes.clone().freeze().slice(..n));
                prop_assert!(part.is_none_or(|part| part.len() < ops.len()));
            }
        }

        #[test]
        fn a_table_is_the_changes_that_make_it(ops in ops()) {
            let mut entries = Entries::default();
            ops.into_iter().for_each(|op| entries.apply(op));
            let mut bytes = BytesMut::new();
            encode_entries(&entries, &mut bytes);
            let mut again = Entries::default();
            decode(bytes.freeze()).unwrap().into_iter().for_each(|op| again.apply(op));
            prop_assert_eq!(again, entries);
        }

        #[test]
        fn anything_else_is_refused(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = decode(Bytes::from(bytes));
        }
    }
}
