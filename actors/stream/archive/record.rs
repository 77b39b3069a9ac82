//! Messages and entries of the table as bytes.

use vagus_store::{Entry, Stored, Value};

fn bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    out.extend_from_slice(bytes);
}

fn take<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (len, behind) = rest.split_first_chunk::<4>()?;
    let (taken, behind) = behind.split_at_checked(u32::from_le_bytes(*len) as usize)?;
    *rest = behind;
    Some(taken)
}

fn number(rest: &mut &[u8]) -> Option<u64> {
    let (number, behind) = rest.split_first_chunk::<8>()?;
    *rest = behind;
    Some(u64::from_le_bytes(*number))
}

/// Appends a message.
pub(in crate::stream) fn message(out: &mut Vec<u8>, stored: &Stored<'_>) {
    for number in [stored.seq, stored.time_ns as u64, stored.expires_ns as u64] {
        out.extend_from_slice(&number.to_le_bytes());
    }
    out.push(u8::from(stored.has_id));
    [stored.subject, stored.headers, stored.payload].into_iter().for_each(|part| bytes(out, part));
}

/// Takes a message from the front; `None` if that is none.
pub(in crate::stream) fn take_message<'a>(rest: &mut &'a [u8]) -> Option<Entry<'a>> {
    let (seq, time_ns, expires_ns) = (number(rest)?, number(rest)?, number(rest)?);
    let (flag, behind) = rest.split_first()?;
    *rest = behind;
    Some(Entry {
        seq: Some(seq),
        time_ns: time_ns as i64,
        expires_ns: expires_ns as i64,
        has_id: *flag == 1,
        subject: take(rest)?,
        headers: take(rest)?,
        payload: take(rest)?,
    })
}

/// Appends an entry of the table.
pub(in crate::stream) fn entry(out: &mut Vec<u8>, key: &[u8], value: &Value) {
    bytes(out, key);
    bytes(out, &value.base);
    out.extend_from_slice(&(value.deltas.len() as u64).to_le_bytes());
    value.deltas.iter().for_each(|delta| bytes(out, delta));
}

/// An entry of the table, as it was written.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::stream) struct Row<'a> {
    pub key: &'a [u8],
    pub base: &'a [u8],
    pub deltas: Vec<&'a [u8]>,
}

/// Takes an entry of the table from the front; `None` if that is none.
pub(in crate::stream) fn take_entry<'a>(rest: &mut &'a [u8]) -> Option<Row<'a>> {
    let (key, base, count) = (take(rest)?, take(rest)?, number(rest)?);
    let deltas = (0..count).map(|_| take(rest)).collect::<Option<_>>()?;
    Some(Row { key, base, deltas })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mut out = Vec::new();
        let stored = Stored {
            seq: 7,
            time_ns: -5,
            expires_ns: i64::MAX,
            has_id: true,
            subject: b"a.b",
            headers: b"",
            payload: b"hello",
            subject_id: 3,
        };
        message(&mut out, &stored);
        let value = Value { base: b"base".as_slice().into(), deltas: vec![b"d".as_slice().into()] };
        entry(&mut out, b"key", &value);
        let mut rest = &out[..];
        let kept = take_message(&mut rest).unwrap();
        let wanted = Entry {
            seq: Some(7),
            time_ns: -5,
            expires_ns: i64::MAX,
            has_id: true,
            subject: b"a.b",
            headers: b"",
            payload: b"hello",
        };
        assert_eq!(kept, wanted);
        let row = Row { key: b"key", base: b"base", deltas: vec![b"d"] };
        assert_eq!(take_entry(&mut rest), Some(row));
        assert!(rest.is_empty());
        for cut in 0..out.len() {
            let mut rest = &out[..cut];
            let whole = take_message(&mut rest).is_some() && take_entry(&mut rest).is_some();
            assert!(!whole, "{cut}");
        }
    }
}
