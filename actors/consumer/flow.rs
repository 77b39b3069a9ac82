//! Flow control of a push consumer: after so many bytes the client is asked whether it has read
//! them, and while it has not said so, only so many more follow.

/// See the module's text. Sizes in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Flow {
    /// What may be under way.
    window: u64,
    /// What is.
    under_way: u64,
    asked: Option<Asked>,
}

/// A question that was not answered yet.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Asked {
    /// The last token of the subject to answer on.
    token: [u8; TOKEN],
    /// What was under way then.
    bytes: u64,
}

/// Length of what tells one question from another.
pub(crate) const TOKEN: usize = 4;
const WINDOW_MIN: u64 = 2 << 20;
const WINDOW_MAX: u64 = 32 << 20;
const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

// === impl Flow ===

impl Default for Flow {
    fn default() -> Self {
        Self { window: WINDOW_MIN, under_way: 0, asked: None }
    }
}

impl Flow {
    /// A message was sent.
    pub(crate) fn sent(&mut self, size: u64) {
        self.under_way += size;
    }

    /// Whether it is time to ask the client.
    pub(crate) fn wants_to_ask(&self) -> bool {
        self.asked.is_none() && self.under_way > self.window / 2
    }

    /// Whether no question waits for its answer.
    pub(crate) fn may_ask(&self) -> bool {
        self.asked.is_none()
    }

    /// The client is asked, with this token.
    pub(crate) fn ask(&mut self, rng: &mut fastrand::Rng) -> [u8; TOKEN] {
        let token = std::array::from_fn(|_| LETTERS[rng.usize(..LETTERS.len())]);
        self.asked = Some(Asked { token, bytes: self.under_way });
        token
    }

    /// The token of the question that was not answered.
    pub(crate) fn asked(&self) -> Option<&[u8; TOKEN]> {
        self.asked.as_ref().map(|asked| &asked.token)
    }

    /// Whether nothing may be sent before the client has answered.
    pub(crate) fn is_stalled(&self) -> bool {
        self.under_way > self.window
    }

    /// The client has answered. False when nobody asked that.
    pub(crate) fn on_answer(&mut self, token: &[u8]) -> bool {
        let Some(asked) = self.asked.take_if(|asked| asked.token == token) else { return false };
        self.under_way = self.under_way.saturating_sub(asked.bytes);
        self.window = (self.window * 2).min(WINDOW_MAX);
        true
    }

    /// Bytes that were sent since the client answered last, and how many may be.
    pub(crate) fn level(&self) -> (u64, u64) {
        (self.under_way, self.window)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asks_at_half_a_window_and_stalls_behind_it() {
        let mut rng = fastrand::Rng::with_seed(1);
        let mut flow = Flow::default();
        let (mut asked_at, mut stalled_at) = (None, None);
        for n in 1..=60 {
            flow.sent(50_000);
            if flow.wants_to_ask() {
                flow.ask(&mut rng);
                asked_at = Some(n);
            }
            if flow.is_stalled() {
                stalled_at = Some(n);
                break;
            }
        }
        assert_eq!((asked_at, stalled_at), (Some(21), Some(42)));
        assert!(!flow.on_answer(b"????"));
        let token = *flow.asked().unwrap();
        assert!(flow.on_answer(&token));
        assert!(!flow.on_answer(&token));
        assert!(!flow.is_stalled());
        assert_eq!(flow.level(), (21 * 50_000, 4 << 20));
    }

    #[test]
    fn the_window_grows_to_its_bound() {
        let mut rng = fastrand::Rng::with_seed(1);
        let mut flow = Flow::default();
        for _ in 0..10 {
            let token = flow.ask(&mut rng);
            assert!(flow.on_answer(&token));
        }
        assert_eq!(flow.level(), (0, WINDOW_MAX));
    }
}
