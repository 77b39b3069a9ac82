//! [`Batch`]: the messages of one read, taken one by one from the bytes they came in.

use bytes::Bytes;
use memchr::memchr;

use crate::message::{Message, Part};

/// Messages that came together, oldest first: an iterator over [`Message`].
#[derive(Debug)]
pub struct Batch {
    frames: Bytes,
    /// Where the next frame starts.
    at: usize,
    /// Number of the plugin's first subscription. Those below it were another instance's.
    first: usize,
}

impl Batch {
    /// `MSG` and `HMSG` frames, back to back, whose sids are numbers from `first` on.
    pub(crate) fn new(frames: Bytes, first: usize) -> Self {
        Self { frames, at: 0, first }
    }

    /// Whether all of it was taken.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.at >= self.frames.len()
    }

    /// Bytes not taken yet.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.frames.len() - self.at.min(self.frames.len())
    }
}

impl Iterator for Batch {
    type Item = Message;

    fn next(&mut self) -> Option<Message> {
        while !self.is_empty() {
            let Some(frame) = read(&self.frames[self.at..]) else {
                // The server wrote these frames: only a bug of its own leads here.
                debug_assert!(false, "batch holds something other than messages");
                self.at = self.frames.len();
                return None;
            };
            let start = self.at;
            self.at += frame.len;
            if let Some(subscription) = frame.sid.checked_sub(self.first) {
                return Some(Message {
                    frame: self.frames.slice(start..self.at),
                    subject: frame.subject,
                    reply: frame.reply,
                    headers: frame.headers,
                    payload: frame.payload,
                    subscription,
                });
            }
        }
        None
    }
}

struct Frame {
    len: usize,
    sid: usize,
    subject: Part,
    reply: Part,
    headers: Part,
    payload: Part,
}

/// Words of an `HMSG` with a reply.
const WORDS_MAX: usize = 6;

/// Reads the frame at the start of `bytes`.
fn read(bytes: &[u8]) -> Option<Frame> {
    let line = memchr(b'\n', bytes)?;
    let (words, count) = words(bytes.get(..line.checked_sub(1)?)?)?;
    let with_headers = bytes[0] == b'H';
    let text = |part: Part| &bytes[part.start as usize..part.end as usize];
    let (reply, header_len, size) = match (with_headers, count) {
        (false, 4) => (Part::default(), 0, number(text(words[3]))?),
        (false, 5) => (words[3], 0, number(text(words[4]))?),
        (true, 5) => (Part::default(), number(text(words[3]))?, number(text(words[4]))?),
        (true, 6) => (words[3], number(text(words[4]))?, number(text(words[5]))?),
        _ => return None,
    };
    let (start, end) = (line + 1, line + 1 + size);
    if header_len > size || bytes.get(end..end + 2)? != b"\r\n" {
        return None;
    }
    let part = |start: usize, end: usize| Part { start: start as u32, end: end as u32 };
    Some(Frame {
        len: end + 2,
        sid: number(text(words[2]))?,
        subject: words[1],
        reply,
        headers: part(start, start + header_len),
        payload: part(start + header_len, end),
    })
}

/// The words of a control line and how many they are.
fn words(line: &[u8]) -> Option<([Part; WORDS_MAX], usize)> {
    let mut words = [Part::default(); WORDS_MAX];
    let (mut count, mut start) = (0, 0);
    loop {
        let end = memchr(b' ', &line[start..]).map_or(line.len(), |n| start + n);
        *words.get_mut(count)? = Part { start: start as u32, end: end as u32 };
        count += 1;
        if end == line.len() {
            return Some((words, count));
        }
        start = end + 1;
    }
}

fn number(digits: &[u8]) -> Option<usize> {
    if digits.is_empty() || digits.len() > 18 {
        return None;
    }
    digits
        .iter()
        .try_fold(0usize, |sum, b| b.is_ascii_digit().then(|| sum * 10 + usize::from(b - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAMES: &[u8] = b"MSG a.b 7 5\r\nhe\r\no\r\n\
        HMSG c 8 re.ply 17 19\r\nNATS/1.0\r\nA:1\r\n\r\nhi\r\nMSG d 7 r 0\r\n\r\n";

    #[test]
    fn messages_are_views_of_the_batch() {
        let frames = Bytes::from(FRAMES.to_vec());
        let bounds = frames.as_ptr_range();
        let all: Vec<Message> = Batch::new(frames.clone(), 7).collect();
        let shown: Vec<_> = all
            .iter()
            .map(|m| (m.subject_text(), m.subscription(), m.reply(), m.payload_text()))
            .collect();
        assert_eq!(
            shown,
            [
                ("a.b".into(), 0, None, "he\r\no".into()),
                ("c".into(), 1, Some(&b"re.ply"[..]), "hi".into()),
                ("d".into(), 0, Some(&b"r"[..]), "".into()),
            ]
        );
        assert_eq!(all[1].header("A"), Some(&b"1"[..]));
        assert_eq!(all[0].headers().count(), 0);
        for message in &all {
            assert!(bounds.contains(&message.subject().as_ptr()), "the subject was copied");
            assert!(bounds.contains(&message.subject_bytes().as_ptr()), "the subject was copied");
        }
        assert!(bounds.contains(&all[0].payload_bytes().as_ptr()), "the payload was copied");
    }

    #[test]
    fn what_earlier_subscriptions_wanted_is_skipped() {
        let mut batch = Batch::new(Bytes::from_static(FRAMES), 8);
        assert_eq!(batch.next().map(|m| m.subject_text().into_owned()).as_deref(), Some("c"));
        assert!(!batch.is_empty());
        assert!(batch.next().is_none());
        assert!(batch.is_empty());
        assert_eq!(batch.bytes(), 0);
    }

    #[test]
    fn cut_frames_are_refused() {
        for cut in 1..FRAMES.len() {
            let whole = [20, 64].iter().filter(|end| **end <= cut).count();
            let mut at = 0;
            let mut count = 0;
            while let Some(frame) = read(&FRAMES[at..cut]) {
                at += frame.len;
                count += 1;
            }
            assert_eq!(count, whole, "cut at {cut}");
        }
    }
}
