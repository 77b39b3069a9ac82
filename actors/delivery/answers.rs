//! What a client may answer: subjects that it may publish to for a while, because a message that
//! it was sent asks for answers there.

use std::time::Instant;

use hashbrown::HashMap;
use parking_lot::Mutex;
use vagus_auth::Responses;

/// See the module's text.
pub struct Answers {
    bounds: Responses,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    by_subject: HashMap<Box<[u8]>, Asked>,
    /// Messages that asked.
    asked: u64,
}

struct Asked {
    /// Answers that are left; `None`: any number.
    left: Option<u64>,
    until: Option<Instant>,
    /// Which message asked.
    number: u64,
}

/// Subjects that are kept of one client. Of more, the older half is forgotten.
const SUBJECTS_MAX: usize = 1 << 14;

// === impl Answers ===

impl Answers {
    #[must_use]
    pub fn new(bounds: Responses) -> Self {
        Self { bounds, open: Mutex::default() }
    }

    #[must_use]
    pub fn bounds(&self) -> Responses {
        self.bounds
    }

    /// The client is sent a message that asks for answers to `subject`.
    pub fn expect(&self, subject: &[u8], now: Instant) {
        let mut open = self.open.lock();
        if open.by_subject.len() >= SUBJECTS_MAX {
            open.make_room(now);
        }
        open.asked += 1;
        let until = self.bounds.ttl.and_then(|ttl| now.checked_add(ttl));
        let asked = Asked { left: self.bounds.max, until, number: open.asked };
        open.by_subject.insert(subject.into(), asked);
    }

    /// Whether the client may answer to `subject` now, which uses up one of its answers.
    pub fn take(&self, subject: &[u8], now: Instant) -> bool {
        let mut open = self.open.lock();
        let Some(asked) = open.by_subject.get_mut(subject) else { return false };
        let late = asked.until.is_some_and(|until| now >= until);
        if !late {
            if let Some(left) = &mut asked.left {
                *left = left.saturating_sub(1);
            }
            if asked.left != Some(0) {
                return true;
            }
        }
        open.by_subject.remove(subject);
        !late
    }
}

// === impl Open ===

impl Open {
    fn make_room(&mut self, now: Instant) {
        self.by_subject.retain(|_, asked| asked.until.is_none_or(|until| now < until));
        if self.by_subject.len() >= SUBJECTS_MAX {
            let newest = self.asked.saturating_sub(SUBJECTS_MAX as u64 / 2);
            self.by_subject.retain(|_, asked| asked.number > newest);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn answers_are_counted_and_end_with_time() {
        let now = Instant::now();
        let second = Duration::from_secs(1);
        let answers = Answers::new(Responses { max: Some(2), ttl: Some(second) });
        assert!(!answers.take(b"r", now));
        answers.expect(b"r", now);
        assert!(answers.take(b"r", now) && answers.take(b"r", now));
        assert!(!answers.take(b"r", now), "a third");
        answers.expect(b"r", now);
        assert!(!answers.take(b"r", now + second), "too late");
        assert!(!answers.take(b"r", now), "what is over is over");
    }

    #[test]
    fn without_bounds_there_is_no_end_but_of_memory() {
        let now = Instant::now();
        let answers = Answers::new(Responses { max: None, ttl: None });
        for n in 0..2 * SUBJECTS_MAX as u64 {
            answers.expect(format!("r.{n}").as_bytes(), now);
        }
        let last = format!("r.{}", 2 * SUBJECTS_MAX - 1);
        let later = now + Duration::from_hours(1000);
        assert!((0..100).all(|_| answers.take(last.as_bytes(), later)));
        assert!(!answers.take(b"r.0", now), "the oldest are forgotten");
        assert!(answers.open.lock().by_subject.len() <= SUBJECTS_MAX);
    }
}
