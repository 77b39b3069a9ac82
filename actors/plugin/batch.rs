//! [`Batch`]: the messages of one read, taken one by one from the bytes they came in.

use bytes::Bytes;
use vagus_wire::frame::{self, Span};

use crate::message::Message;

/// Messages that came together, oldest first: an iterator over [`Message`].
#[derive(Debug)]
pub struct Batch {
    frames: Bytes,
    /// Where the next frame starts.
    at: usize,
    /// Number of the plugin's first subscription. Those below it were another instance's.
    first: usize,
    /// What the last frame started with: a busy publisher keeps to a subject for a while.
    head: Head,
}

/// `MSG <subject> <sid> `.
#[derive(Debug, Default)]
struct Head {
    /// Where in the batch.
    start: usize,
    /// 0: none yet.
    len: usize,
    subject: Span,
    subscription: usize,
}

impl Batch {
    /// `MSG` and `HMSG` frames, back to back, whose sids are numbers from `first` on.
    pub(crate) fn new(frames: Bytes, first: usize) -> Self {
        Self { frames, at: 0, first, head: Head::default() }
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
        if let Some((len, payload)) = self.repeat() {
            let start = self.at;
            self.at += len;
            return Some(Message {
                frame: self.frames.slice(start..self.at),
                subject: self.head.subject,
                reply: Span::default(),
                headers: Span::default(),
                payload,
                subscription: self.head.subscription,
            });
        }
        self.next_unlike()
    }
}

impl Batch {
    /// Recognises a frame that differs from the last one in nothing but its payload.
    fn repeat(&self) -> Option<(usize, Span)> {
        let Head { start, len, .. } = self.head;
        if len == 0 {
            return None;
        }
        let rest = &self.frames[self.at..];
        let behind = rest.strip_prefix(&self.frames[start..start + len])?;
        let (mut size, mut digits) = (0, 0);
        loop {
            match behind.get(digits)? {
                digit @ b'0'..=b'9' if digits < DIGITS_MAX => {
                    size = size * 10 + usize::from(digit - b'0');
                    digits += 1;
                }
                b'\r' if digits > 0 => break,
                // A reply subject, for one.
                _ => return None,
            }
        }
        let start = len + digits + 2;
        let end = start + size;
        (rest.get(end..end + 2)? == b"\r\n")
            .then_some((end + 2, Span { start: start as u32, end: end as u32 }))
    }

    fn next_unlike(&mut self) -> Option<Message> {
        while !self.is_empty() {
            let Some(frame) = frame::read(&self.frames[self.at..]) else {
                // The server wrote these frames: only a bug of its own leads here.
                debug_assert!(false, "batch holds something other than messages");
                self.at = self.frames.len();
                return None;
            };
            let start = self.at;
            let sid = frame::number(frame.sid.of(&self.frames[start..])).unwrap_or_default();
            self.at += frame.len;
            if let Some(subscription) = sid.checked_sub(self.first) {
                let subject = frame.subject;
                self.head = Head { start, len: frame.head_len, subject, subscription };
                return Some(Message {
                    frame: self.frames.slice(start..self.at),
                    subject,
                    reply: frame.reply.unwrap_or_default(),
                    headers: frame.headers,
                    payload: frame.payload,
                    subscription,
                });
            }
        }
        None
    }
}

/// More digits than this are no number of the server's.
const DIGITS_MAX: usize = 18;

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
    fn runs_of_one_subject_are_read_like_others() {
        let heads = ["MSG a 1", "MSG a 1 r", "MSG a 12", "MSG ab 1", "MSG a 1", "MSG a 1"];
        let payloads = ["", "x", "1234567890", "\r\n", "MSG a 1 0\r\n\r\n"];
        let (mut frames, mut wanted) = (String::new(), Vec::new());
        for (head, payload) in heads.iter().flat_map(|h| payloads.map(|p| (*h, p))) {
            frames.push_str(&format!("{head} {}\r\n{payload}\r\n", payload.len()));
            wanted.push((head.to_owned(), payload.to_owned()));
        }
        let read: Vec<_> = Batch::new(Bytes::from(frames), 0)
            .map(|m| {
                let reply = m.reply().map_or("", |_| " r");
                let head = format!("MSG {} {}{reply}", m.subject_text(), m.subscription());
                (head, m.payload_text().into_owned())
            })
            .collect();
        assert_eq!(read, wanted);
    }
}
