//! Entry for the fuzz targets: whatever is found on a disk can be read, and what counts of a log
//! was written.

use bytes::Bytes;

use crate::crypt::keys;
use crate::store::snapshot;
use crate::table::codec;
use crate::wal::format::{BatchHeader, FIRST, SegmentHeader};
use crate::wal::scan::{Contents, judge, read_segment};

/// Bytes of strangers as everything that is read from files.
pub fn fuzz_files(data: &[u8]) {
    let _ = codec::decode(Bytes::copy_from_slice(data));
    snapshot::fuzz(data);
    keys::fuzz(data);
    let mut segment =
        SegmentHeader { number: 1, first_lsn: 1, fence: 0, epoch: 1, len: 0 }.encode();
    segment.extend_from_slice(data);
    counted(&[(1, read_segment(&segment, 1)), (2, read_segment(data, 2))]);
}

/// Bytes as instructions: how long the batches of a log are, after how many of them the next
/// segment begins, and what is then done to it.
pub fn fuzz_wal(data: &[u8]) {
    let Some((head, damage)) = data.split_first_chunk::<12>() else { return };
    let (lengths, [split, ..]) = head.split_at(8) else { return };
    let split = usize::from(split % 8) + 1;
    let mut segments: Vec<(u64, Vec<u8>)> = Vec::new();
    for (n, len) in lengths.iter().enumerate() {
        let lsn = n as u64 + 1;
        if n.is_multiple_of(split) {
            let number = segments.len() as u64 + 1;
            let header = SegmentHeader { number, first_lsn: lsn, fence: lsn - 1, epoch: 1, len: 0 };
            segments.push((number, header.encode()));
        }
        if let Some((number, bytes)) = segments.last_mut() {
            append(bytes, *number, lsn, usize::from(*len));
        }
    }
    for place in damage.as_chunks::<4>().0 {
        let [segment, at, far, byte] = *place;
        let count = segments.len();
        let bytes = &mut segments[usize::from(segment) % count].1;
        let at = FIRST as usize + (usize::from(at) | usize::from(far) << 8) % 1200;
        if let Some(found) = bytes.get_mut(at) {
            *found ^= byte;
        } else if byte > 200 {
            bytes.truncate(at.max(FIRST as usize));
        }
    }
    let contents: Vec<(u64, Contents)> =
        segments.iter().map(|(number, bytes)| (*number, read_segment(bytes, *number))).collect();
    for (lsn, at, segment) in counted(&contents) {
        let len = usize::from(lengths[lsn as usize - 1]);
        let body = at as usize + crate::wal::format::BATCH_BYTES;
        let bytes = &segments[segment].1[body..body + len];
        assert!(bytes.iter().all(|byte| *byte == lsn as u8), "batch {lsn} was never written so");
    }
}

fn append(segment: &mut Vec<u8>, number: u64, lsn: u64, len: usize) {
    let body = vec![lsn as u8; len];
    let header = BatchHeader {
        body_len: len as u32,
        segment: number,
        lsn,
        durable: lsn - 1,
        group: lsn % 3,
        index: lsn,
        mark: 0,
        term: 0,
        table_len: 0,
        body_crc: crc32c::crc32c(&body),
        flags: 0,
    };
    let (head, tail) = header.encode_frame();
    segment.extend_from_slice(&head);
    segment.extend_from_slice(&body);
    let rest = header.room() as usize - head.len() - len;
    segment.extend_from_slice(&tail[tail.len() - rest..]);
}

/// The whole batches that count: LSN, position, segment. They ascend.
fn counted(contents: &[(u64, Contents)]) -> Vec<(u64, u64, usize)> {
    let verdict = judge(contents);
    let mut found: Vec<(u64, u64, usize)> = Vec::new();
    for (n, ((_, contents), count)) in contents.iter().zip(&verdict.counts).enumerate() {
        for batch in contents.batches[..*count].iter().filter(|batch| batch.whole) {
            assert!(found.last().is_none_or(|last| last.0 < batch.lsn), "out of order");
            assert!(batch.lsn <= verdict.last_lsn, "beyond the end");
            found.push((batch.lsn, batch.at, n));
        }
    }
    found
}
