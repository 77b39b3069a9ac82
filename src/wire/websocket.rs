//! WebSocket frames (RFC 6455) around a stream of bytes, with permessage-deflate (RFC 7692) where
//! both ends have agreed on it: every message is packed by itself, no window is kept.
//!
//! Where a message begins and ends means nothing here: what is in it is handed over as it comes.
//! Headers of frames are the business of `tungstenite`, whose messages know no compression; the
//! handshake of HTTP comes before any of this.

mod inflate;

use std::io::Cursor;

use flate2::{Compress, Compression, FlushCompress};
use thiserror::Error;
use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};

use self::inflate::Inflate;

/// What the two ends have agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// Frames of this end are masked: it is the client, and may not do without.
    pub masks: bool,
    /// Those of the other end have to be.
    pub masked: bool,
    pub deflate: bool,
}

/// Makes frames.
pub struct Writer {
    masks: bool,
    deflate: Option<Compress>,
}

/// Takes frames apart.
pub struct Reader {
    terms: Terms,
    /// The frame that is not read to its end.
    frame: Option<Frame>,
    /// A message goes on with the next frame of data.
    open: Option<Kind>,
    inflate: Option<Inflate>,
    /// A question is answered with what was in it. Only the last one has to be.
    pong: Option<Vec<u8>>,
    closed: Option<Vec<u8>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    Deflated,
}

struct Frame {
    kind: Kind,
    is_final: bool,
    mask: Option<[u8; 4]>,
    /// Payload bytes that are read, and all of them.
    done: u64,
    len: u64,
}

/// The other end has sent what is no such frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct Broken(pub &'static str);

/// Payload of a frame that is no data, at most.
const CONTROL_MAX: usize = 125;
/// Fewer bytes are not worth the work.
const SMALL: usize = 64;
/// What each packed message ends with, which is therefore left out.
const TAIL: [u8; 4] = [0, 0, 0xFF, 0xFF];
/// Bytes that are unmasked at a time to be inflated.
const PIECE: usize = 4 << 10;

// === impl Writer ===

impl Writer {
    #[must_use]
    pub fn new(terms: Terms) -> Self {
        let deflate = terms.deflate.then(|| Compress::new(Compression::fast(), false));
        Self { masks: terms.masks, deflate }
    }

    /// Appends `plain` to `out` as one message. `mask` is asked for a mask that nobody can guess,
    /// if one is needed.
    pub fn write(&mut self, plain: &[u8], mask: impl FnOnce() -> [u8; 4], out: &mut Vec<u8>) {
        let binary = OpCode::Data(Data::Binary);
        match self.deflated(plain) {
            Some(packed) => self.frame(binary, true, &packed, mask, out),
            None => self.frame(binary, false, plain, mask, out),
        }
    }

    /// Appends the answer to what the other end has asked or said last.
    pub fn answer(&self, reader: &mut Reader, mask: impl Fn() -> [u8; 4], out: &mut Vec<u8>) {
        if let Some(body) = reader.pong.take() {
            self.frame(OpCode::Control(Control::Pong), false, &body, &mask, out);
        }
    }

    /// Appends the goodbye: an answer, if the other end was first.
    pub fn close(&self, reader: &mut Reader, mask: impl FnOnce() -> [u8; 4], out: &mut Vec<u8>) {
        // 1000: for no other reason than that it is over.
        let body = reader.closed.take().unwrap_or_else(|| 1000u16.to_be_bytes().to_vec());
        self.frame(OpCode::Control(Control::Close), false, &body, mask, out);
    }

    fn deflated(&mut self, plain: &[u8]) -> Option<Vec<u8>> {
        let deflate = self.deflate.as_mut().filter(|_| plain.len() >= SMALL)?;
        deflate.reset();
        let mut packed = Vec::with_capacity(plain.len() / 2 + 64);
        let mut at = 0;
        loop {
            let before = deflate.total_in();
            deflate.compress_vec(&plain[at..], &mut packed, FlushCompress::Sync).ok()?;
            at += usize::try_from(deflate.total_in() - before).ok()?;
            if at == plain.len() && packed.len() < packed.capacity() {
                break;
            }
            if packed.len() >= plain.len() {
                return None;
            }
            packed.reserve(packed.capacity().max(64));
        }
        if !packed.ends_with(&TAIL) {
            return None;
        }
        packed.truncate(packed.len() - TAIL.len());
        (packed.len() < plain.len()).then_some(packed)
    }

    fn frame(
        &self,
        opcode: OpCode,
        deflated: bool,
        body: &[u8],
        mask: impl FnOnce() -> [u8; 4],
        out: &mut Vec<u8>,
    ) {
        let mask = self.masks.then(mask);
        let header = FrameHeader { opcode, rsv1: deflated, mask, ..FrameHeader::default() };
        // A vector takes everything.
        let _ = header.format(body.len() as u64, out);
        let start = out.len();
        out.extend_from_slice(body);
        if let Some(mask) = mask {
            apply(mask, 0, &mut out[start..]);
        }
    }
}

/// Masks bytes, or unmasks them, `at` being the place of the first in the frame.
fn apply(mask: [u8; 4], at: u64, bytes: &mut [u8]) {
    let mut mask = mask;
    mask.rotate_left((at % 4) as usize);
    for four in bytes.chunks_mut(4) {
        four.iter_mut().zip(mask).for_each(|(byte, mask)| *byte ^= mask);
    }
}

// === impl Reader ===

impl Reader {
    #[must_use]
    pub fn new(terms: Terms) -> Self {
        Self {
            terms,
            frame: None,
            open: None,
            inflate: terms.deflate.then(Inflate::new),
            pong: None,
            closed: None,
        }
    }

    /// Whether the other end has said goodbye: nothing comes behind that.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closed.is_some()
    }

    /// Reads what `heard` begins with, and fills `room` with what is in messages, as far as there
    /// is any; the answer is how many bytes of the one are used, and how many of the other are
    /// filled. What is not used is to be shown again, with more behind it.
    ///
    /// # Errors
    /// When the other end breaks a rule.
    pub fn read(&mut self, heard: &[u8], room: &mut [u8]) -> Result<(usize, usize), Broken> {
        let (mut at, mut filled) = (0, 0);
        while filled < room.len() {
            let (there, place) = (&heard[at..], &mut room[filled..]);
            if let Some(count) = self.rest_of_message(place)? {
                filled += count;
            } else if let Some(frame) = self.frame.take() {
                let (used, count, on) = self.read_frame(frame, there, place)?;
                at += used;
                filled += count;
                if !on {
                    break;
                }
            } else if self.closed.is_some() {
                break;
            } else {
                let used = self.begin_frame(there)?;
                at += used;
                if used == 0 {
                    break;
                }
            }
        }
        Ok((at, filled))
    }

    /// What a deflated message still has in it, its bytes being read. `None` where it has nothing.
    fn rest_of_message(&mut self, room: &mut [u8]) -> Result<Option<usize>, Broken> {
        match &mut self.inflate {
            Some(inflate) if inflate.is_ending() => inflate.end(room).map(Some),
            _ => Ok(None),
        }
    }

    /// Reads on in a frame of data; the last answer is whether there may be more.
    fn read_frame(
        &mut self,
        mut frame: Frame,
        there: &[u8],
        room: &mut [u8],
    ) -> Result<(usize, usize, bool), Broken> {
        let left = usize::try_from(frame.len - frame.done).unwrap_or(usize::MAX);
        let there = &there[..there.len().min(left)];
        let mask = |frame: &Frame, bytes: &mut [u8]| {
            if let Some(mask) = frame.mask {
                apply(mask, frame.done, bytes);
            }
        };
        let (used, filled) = match (&mut self.inflate, frame.kind) {
            (Some(inflate), Kind::Deflated) => {
                let mut piece = [0; PIECE];
                let piece = &mut piece[..there.len().min(PIECE)];
                piece.copy_from_slice(&there[..piece.len()]);
                mask(&frame, piece);
                inflate.read(piece, room)?
            }
            _ => {
                let count = there.len().min(room.len());
                room[..count].copy_from_slice(&there[..count]);
                mask(&frame, &mut room[..count]);
                (count, count)
            }
        };
        frame.done += used as u64;
        // One that is inflated may hold back what has no room yet.
        let over = frame.done == frame.len && (frame.kind == Kind::Plain || filled < room.len());
        if !over {
            self.frame = Some(frame);
        } else if frame.is_final
            && let Some(inflate) = &mut self.inflate
        {
            inflate.begin_to_end(frame.kind == Kind::Deflated);
        }
        Ok((used, filled, over || used > 0 || filled > 0))
    }

    /// Reads the header of a frame, and all of one that is no data; the answer is how many bytes
    /// that is, none where they are not all there yet.
    fn begin_frame(&mut self, there: &[u8]) -> Result<usize, Broken> {
        let mut cursor = Cursor::new(there);
        let header = FrameHeader::parse(&mut cursor).map_err(|_| Broken("unknown opcode"))?;
        let Some((header, len)) = header else { return Ok(0) };
        let size = cursor.position() as usize;
        if header.rsv2 || header.rsv3 {
            return Err(Broken("RSV2 and RSV3 must be clear"));
        }
        if header.mask.is_some() != self.terms.masked {
            return Err(Broken(if self.terms.masked {
                "mask bit missing"
            } else {
                "masked frame"
            }));
        }
        if len >= 1 << 63 {
            return Err(Broken("invalid 64-bit payload length"));
        }
        match header.opcode {
            OpCode::Control(control) => {
                let body = self.control(control, &header, &there[size..], len)?;
                Ok(body.map_or(0, |len| size + len))
            }
            OpCode::Data(data) => {
                let kind = self.kind_of(data, &header)?;
                self.open = (!header.is_final).then_some(kind);
                let (is_final, mask) = (header.is_final, header.mask);
                self.frame = Some(Frame { kind, is_final, mask, done: 0, len });
                Ok(size)
            }
        }
    }

    fn kind_of(&self, data: Data, header: &FrameHeader) -> Result<Kind, Broken> {
        match (data, self.open) {
            (Data::Continue, Some(kind)) if !header.rsv1 => Ok(kind),
            (Data::Continue, _) => Err(Broken("invalid continuation frame")),
            (_, Some(_)) => Err(Broken(
                "new message started before final frame for previous message was received",
            )),
            _ if !header.rsv1 => Ok(Kind::Plain),
            _ if self.terms.deflate => Ok(Kind::Deflated),
            _ => Err(Broken("compressed frame received without negotiated permessage-deflate")),
        }
    }

    fn control(
        &mut self,
        control: Control,
        header: &FrameHeader,
        there: &[u8],
        len: u64,
    ) -> Result<Option<usize>, Broken> {
        if len > CONTROL_MAX as u64 {
            return Err(Broken("control frame length bigger than maximum allowed of 125 bytes"));
        }
        if !header.is_final {
            return Err(Broken("control frame does not have final bit set"));
        }
        if header.rsv1 {
            return Err(Broken("control frame must not be compressed"));
        }
        let Some(body) = there.get(..len as usize) else { return Ok(None) };
        let mut body = body.to_vec();
        if let Some(mask) = header.mask {
            apply(mask, 0, &mut body);
        }
        let len = body.len();
        match control {
            Control::Ping => self.pong = Some(body),
            Control::Close => self.closed = Some(body),
            Control::Pong | Control::Reserved(_) => {}
        }
        Ok(Some(len))
    }
}

#[cfg(test)]
mod tests;
