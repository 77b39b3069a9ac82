//! What another server can have ractor_cluster do here.
//!
//! ractor_cluster keeps an actor for everything that the other end says exists, of about 9 KB each,
//! and logs what it is asked for. One server has one actor to show, so it needs to say little: the
//! bytes of a session pass here frame by frame, and what is more than that ends it.
//!
//! A frame is its length as u64 BE and a `NetworkMessage` of Protocol Buffers, of which the first
//! bytes tell what it is: `0x12` a call, a cast or an answer, `0x1a` control, of which `0x1a` and
//! `0x22` are pings and their answers.

use bytes::{Buf, BufMut as _, BytesMut};
use thiserror::Error;
use tokio::io::ReadBuf;

/// Frames on their way through.
#[derive(Default)]
pub(super) struct Gate {
    /// What is no whole frame yet.
    outside: BytesMut,
    inside: BytesMut,
    /// Frames so far that were neither calls nor pings.
    others: usize,
}

/// Why a session ends.
#[derive(Debug, Error, PartialEq, Eq)]
pub(super) enum GateError {
    #[error("a frame of {0} bytes between actors, at most {FRAME_MAX} are taken")]
    Size(u64),
    #[error("it tells of more actors than a server has")]
    Crowd,
}

/// Of one frame, in bytes. What is asked and answered is bounded by it.
pub(super) const FRAME_MAX: usize = 128 << 10;
/// Of one that is neither call nor ping: a group of one actor, with names.
const OTHER_MAX: usize = 256;
/// Such frames in the life of a session: the handshake, and its actor and their successors.
const OTHERS_MAX: usize = 64;
const HEAD: usize = 8;
const CALL: u8 = 0x12;
const CONTROL: u8 = 0x1a;
const PING: u8 = 0x1a;
const PONG: u8 = 0x22;

// === impl Gate ===

impl Gate {
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<(), GateError> {
        self.outside.extend_from_slice(bytes);
        while self.outside.len() >= HEAD {
            let size = (&self.outside[..HEAD]).get_u64();
            let whole = usize::try_from(size).ok().filter(|size| *size <= FRAME_MAX);
            let whole = HEAD + whole.ok_or(GateError::Size(size))?;
            if self.outside.len() < whole {
                break;
            }
            let frame = self.outside.split_to(whole);
            if !is_routine(&frame[HEAD..]) {
                self.others += 1;
                if frame.len() > HEAD + OTHER_MAX || self.others > OTHERS_MAX {
                    return Err(GateError::Crowd);
                }
            }
            self.inside.put(frame);
        }
        Ok(())
    }

    /// Hands over what has passed; false when that is nothing.
    pub(super) fn give(&mut self, room: &mut ReadBuf<'_>) -> bool {
        let size = self.inside.len().min(room.remaining());
        room.put_slice(&self.inside.split_to(size));
        size > 0
    }
}

/// A call or a ping, and nothing behind it: of several parts the last one would count.
fn is_routine(frame: &[u8]) -> bool {
    match only_field(frame) {
        Some((CALL, _)) => true,
        Some((CONTROL, inner)) => matches!(only_field(inner), Some((PING | PONG, _))),
        _ => false,
    }
}

/// The tag and the bytes of the one field that `message` is made of.
fn only_field(message: &[u8]) -> Option<(u8, &[u8])> {
    let (&tag, rest) = message.split_first()?;
    let digits = rest.iter().take(4).position(|byte| byte & 0x80 == 0)? + 1;
    let (digits, inner) = rest.split_at(digits);
    let size = digits.iter().rev().fold(0, |sum, byte| sum << 7 | usize::from(byte & 0x7f));
    (size == inner.len()).then_some((tag, inner))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(message: &[u8]) -> Vec<u8> {
        [&(message.len() as u64).to_be_bytes(), message].concat()
    }

    fn field(tag: u8, inner: &[u8]) -> Vec<u8> {
        let size = inner.len();
        let digits = match size {
            0..0x80 => vec![size as u8],
            _ => vec![size as u8 | 0x80, (size >> 7) as u8 & 0x7f | 0x80, (size >> 14) as u8],
        };
        [&[tag][..], &digits, inner].concat()
    }

    fn given(gate: &mut Gate) -> Vec<u8> {
        let (mut all, mut room) = (Vec::new(), [0; 7]);
        loop {
            let mut room = ReadBuf::new(&mut room);
            if !gate.give(&mut room) {
                return all;
            }
            all.extend_from_slice(room.filled());
        }
    }

    #[test]
    fn what_passes_is_unchanged_however_it_comes() {
        let mut gate = Gate::default();
        let ping = frame(&field(CONTROL, &field(PING, b"time")));
        let call = frame(&field(CALL, &[7; 20_000]));
        let all = [&ping[..], &call, &frame(b"hello"), &frame(b"")].concat();
        let mut passed = Vec::new();
        for chunk in all.chunks(13) {
            gate.push(chunk).unwrap();
            passed.extend(given(&mut gate));
        }
        assert_eq!(passed, all);
        assert_eq!(gate.others, 2);
    }

    #[test]
    fn a_server_tells_of_few_actors_and_pings_for_ever() {
        let spawn = frame(&field(CONTROL, &field(0x0a, &[0x0a, 2, 0x08, 1])));
        let ping = frame(&field(CONTROL, &field(PONG, b"time")));
        let mut gate = Gate::default();
        for _ in 0..OTHERS_MAX {
            gate.push(&spawn).unwrap();
            gate.push(&ping).unwrap();
        }
        gate.push(&ping).unwrap();
        assert_eq!(gate.push(&spawn), Err(GateError::Crowd));
    }

    #[test]
    fn crowds_do_not_pass_for_calls() {
        let crowd = field(CONTROL, &field(0x0a, &[8; 2000]));
        let hidden = [field(CALL, b"x"), crowd.clone()].concat();
        let behind_a_ping = field(CONTROL, &[field(PING, b"x"), field(0x0a, &[8; 2000])].concat());
        for one in [crowd, hidden, behind_a_ping, vec![CALL; 300]] {
            assert_eq!(Gate::default().push(&frame(&one)), Err(GateError::Crowd));
        }
    }

    #[test]
    fn what_is_too_long_is_refused_by_its_length_alone() {
        let huge = u64::MAX.to_be_bytes();
        assert_eq!(Gate::default().push(&huge), Err(GateError::Size(u64::MAX)));
        let head = (FRAME_MAX as u64).to_be_bytes();
        assert_eq!(Gate::default().push(&head), Ok(()));
    }
}
