//! The open replies of a realm: requests from other realms that may still be answered.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::task::AtomicWaker;
use hashbrown::HashMap;
use parking_lot::Mutex;
use ring::rand::{SecureRandom, SystemRandom};
use vagus_auth::account::ResponseType;

use super::latency::Measure;
use crate::delivery::Outbound;
use crate::realm::Realm;

/// Where answers go: behind it stand two tokens of six letters.
pub(super) const PREFIX: &[u8] = b"_R_.";
/// Letters of the two tokens and the dot between them.
const TOKENS: usize = 13;
/// Requests that may wait for answers.
const OPEN_MAX: usize = 1 << 19;

/// See the module's text.
#[derive(Default)]
pub struct Replies {
    open: Mutex<HashMap<[u8; TOKENS], Waiting>>,
    /// Of who ends those that nobody has answered in time.
    sweeper: AtomicWaker,
}

/// A request that may be answered.
#[derive(Clone)]
pub(super) struct Open {
    /// Where it came from.
    pub realm: Arc<Realm>,
    /// What it asked to be answered to.
    pub reply: Box<[u8]>,
    pub response: ResponseType,
    /// Time for an answer, and for each that follows.
    pub threshold: Duration,
    pub asker: Option<Arc<Outbound>>,
    pub measure: Option<Measure>,
}

struct Waiting {
    open: Open,
    until: Instant,
}

/// Why a request is not waited for any longer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Over {
    /// Nobody answered in time.
    Late,
    /// Who asked is gone.
    Gone,
}

// === impl Replies ===

impl Replies {
    /// Notes a request; the subject to answer to. `None`: too many wait already.
    pub(super) fn open(&self, open: Open, now: Instant) -> Option<Vec<u8>> {
        let token = random_token()?;
        let until = now + open.threshold;
        let mut all = self.open.lock();
        if all.len() >= OPEN_MAX {
            return None;
        }
        let alone = all.is_empty();
        all.insert(token, Waiting { open, until });
        drop(all);
        if alone {
            self.sweeper.wake();
        }
        Some([PREFIX, &token].concat())
    }

    /// Whether the request with this reply subject waits for an answer.
    pub(super) fn knows(&self, subject: &[u8]) -> bool {
        token_of(subject).is_some_and(|token| self.open.lock().contains_key(&token))
    }

    pub(super) fn forget(&self, subject: &[u8]) {
        if let Some(token) = token_of(subject) {
            self.open.lock().remove(&token);
        }
    }

    /// An answer has come, the last one if it `ends` the answers of who gives several.
    pub(super) fn answered(&self, subject: &[u8], ends: bool, now: Instant) -> Option<Open> {
        let token = token_of(subject)?;
        let mut all = self.open.lock();
        let waiting = all.get_mut(&token)?;
        if now >= waiting.until {
            return None;
        }
        if waiting.open.response == ResponseType::Singleton || ends {
            return all.remove(&token).map(|waiting| waiting.open);
        }
        waiting.until = now + waiting.open.threshold;
        let mut open = waiting.open.clone();
        // The first answer is what is measured.
        open.measure = waiting.open.measure.take();
        Some(open)
    }

    /// Ends what is over; the measures of it, and when to look again, if anything is left.
    pub(crate) fn sweep(&self, now: Instant) -> (Vec<(Measure, Over)>, Option<Instant>) {
        let (mut ended, mut next) = (Vec::new(), None::<Instant>);
        self.open.lock().retain(|_, waiting| {
            let gone = waiting.open.asker.as_ref().is_some_and(|out| !out.is_open());
            let over = match (gone, now >= waiting.until) {
                (true, _) => Over::Gone,
                (_, true) => Over::Late,
                _ => {
                    next = Some(next.map_or(waiting.until, |next| next.min(waiting.until)));
                    return true;
                }
            };
            ended.extend(waiting.open.measure.take().map(|measure| (measure, over)));
            false
        });
        (ended, next)
    }

    /// Who sweeps is woken when there is something to sweep again.
    pub(crate) fn wake_me(&self, waker: &std::task::Waker) {
        self.sweeper.register(waker);
    }

    /// How many wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.open.lock().len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn token_of(subject: &[u8]) -> Option<[u8; TOKENS]> {
    subject.strip_prefix(PREFIX)?.get(..TOKENS)?.try_into().ok()
}

/// Two tokens that nobody can guess; `None` if the system has no randomness to give.
fn random_token() -> Option<[u8; TOKENS]> {
    const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut bytes = [0; 16];
    SystemRandom::new().fill(&mut bytes).ok()?;
    let mut number = u128::from_le_bytes(bytes);
    let mut token = [b'.'; TOKENS];
    for place in (0..TOKENS).filter(|place| *place != TOKENS / 2) {
        token[place] = LETTERS[(number % 62) as usize];
        number /= 62;
    }
    Some(token)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::Interest;

    fn open(response: ResponseType) -> Open {
        Open {
            realm: Arc::new(Realm::new("A", Interest::new(1))),
            reply: (*b"inbox").into(),
            response,
            threshold: Duration::from_secs(1),
            asker: None,
            measure: None,
        }
    }

    #[test]
    fn one_answer_or_several_until_an_empty_one_or_time_ends_them() {
        let (replies, now) = (Replies::default(), Instant::now());
        let single = replies.open(open(ResponseType::Singleton), now).unwrap();
        assert!(replies.knows(&single) && !replies.knows(b"_R_.abcdef.abcdef"));
        assert!(replies.answered(&single, false, now).is_some());
        assert!(replies.answered(&single, false, now).is_none());
        let several = replies.open(open(ResponseType::Stream), now).unwrap();
        let soon = now + Duration::from_millis(900);
        assert!(replies.answered(&several, false, soon).is_some());
        let later = now + Duration::from_millis(1800);
        assert!(replies.answered(&several, false, later).is_some(), "each answer gives time");
        assert!(replies.answered(&several, true, later).is_some());
        assert!(replies.answered(&several, false, later).is_none());
        let late = replies.open(open(ResponseType::Chunked), now).unwrap();
        assert!(replies.answered(&late, false, later).is_none());
    }

    #[test]
    fn what_is_over_is_swept() {
        let (replies, now) = (Replies::default(), Instant::now());
        assert_eq!(replies.sweep(now).1, None);
        replies.open(open(ResponseType::Singleton), now).unwrap();
        let until = now + Duration::from_secs(1);
        assert_eq!(replies.sweep(now).1, Some(until));
        assert_eq!(replies.sweep(until).1, None);
        assert!(replies.is_empty());
    }

    #[test]
    fn tokens_are_of_letters_and_differ() {
        let all: std::collections::HashSet<_> =
            (0..1000).map(|_| random_token().unwrap()).collect();
        assert_eq!(all.len(), 1000);
        for token in all {
            let [first @ .., _, _, _, _, _, _, _] = token;
            assert!(first.iter().all(u8::is_ascii_alphanumeric) && token[6] == b'.');
        }
    }
}
