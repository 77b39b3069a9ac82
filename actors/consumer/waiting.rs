//! Pull requests that wait for messages: who is next, who has had enough, who waited too long.

use std::collections::VecDeque;

use super::priority::Gate;

/// One request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Request {
    /// Where messages and statuses go.
    pub inbox: Box<[u8]>,
    /// Messages still wanted.
    pub left: u64,
    /// Messages that it got.
    pub sent: u64,
    /// Bytes that the rest may have.
    pub bytes_left: Option<u64>,
    /// When it ends, in unix nanoseconds; 0: with the interest in its inbox.
    pub expires_ns: i64,
    /// Pause after which it is sent a heartbeat, in nanoseconds; 0: none.
    pub beat_every_ns: i64,
    /// When the next heartbeat is due.
    pub beat_ns: i64,
    /// Ends when there is nothing more.
    pub no_wait: bool,
    /// Lower ones come first.
    pub priority: u8,
    /// Waits until so many messages are to come, or to be acknowledged; 0: does not ask.
    pub min_pending: u64,
    pub min_ack_pending: u64,
    /// The pin that it was given.
    pub pin: Option<Box<str>>,
}

/// What became of a request by the passing of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Passed {
    /// It expired and is gone.
    Expired(Request),
    /// A heartbeat is due to this inbox.
    Beat(Box<[u8]>),
}

/// What became of the request that a message went to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Served {
    /// It waits for more.
    Waits,
    /// It has all it wanted and is gone.
    Complete(Request),
}

/// See the module's text.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    queue: VecDeque<Request>,
    /// No request expires or has a heartbeat due before.
    due_ns: Option<i64>,
}

// === impl Request ===

impl Request {
    /// When something is to be done about it, if ever.
    fn due_ns(&self) -> Option<i64> {
        let expires = Some(self.expires_ns).filter(|at| *at > 0);
        let beat = Some(self.beat_ns).filter(|_| self.beat_every_ns > 0);
        expires.into_iter().chain(beat).min()
    }

    /// Whether a message of `size` bytes is within its budget.
    pub(crate) fn fits(&self, size: u64) -> bool {
        self.bytes_left.is_none_or(|left| size <= left)
    }

    /// Whether it ends when there is nothing to be had.
    fn ends_when_drained(&self) -> bool {
        self.no_wait && (self.sent > 0 || self.expires_ns == 0)
    }
}

// === impl Waiting ===

impl Waiting {
    pub(crate) fn len(&self) -> usize {
        self.queue.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Messages that all of them want.
    pub(crate) fn wanted(&self) -> u64 {
        self.queue.iter().fold(0, |sum, request| sum.saturating_add(request.left))
    }

    /// Appends a request behind those of the same or a lower number of priority.
    pub(crate) fn push(&mut self, request: Request) {
        self.due_ns = self.due_ns.into_iter().chain(request.due_ns()).min();
        let behind = |queue: &VecDeque<Request>| {
            queue.partition_point(|other| other.priority <= request.priority)
        };
        match self.queue.back() {
            Some(last) if last.priority > request.priority => {
                let at = behind(&self.queue);
                self.queue.insert(at, request);
            }
            _ => self.queue.push_back(request),
        }
    }

    /// The request that the next message goes to.
    pub(crate) fn pick(&self, gate: &Gate<'_>) -> Option<usize> {
        self.queue.iter().position(|request| gate.lets(request))
    }

    pub(crate) fn get(&self, index: usize) -> Option<&Request> {
        self.queue.get(index)
    }

    pub(crate) fn get_mut(&mut self, index: usize) -> Option<&mut Request> {
        self.queue.get_mut(index)
    }

    /// Takes a request out.
    pub(crate) fn remove(&mut self, index: usize) -> Option<Request> {
        let request = self.queue.remove(index);
        if self.queue.is_empty() {
            self.due_ns = None;
        }
        request
    }

    /// A message of `size` bytes went to the request at `index`, whose turn is over.
    pub(crate) fn serve(&mut self, index: usize, size: u64, now_ns: i64) -> Served {
        let Some(request) = self.queue.get_mut(index) else { return Served::Waits };
        request.left = request.left.saturating_sub(1);
        request.sent += 1;
        if let Some(left) = &mut request.bytes_left {
            *left = left.saturating_sub(size);
        }
        if request.beat_every_ns > 0 {
            request.beat_ns = now_ns.saturating_add(request.beat_every_ns);
        }
        if request.left == 0 {
            return self.remove(index).map_or(Served::Waits, Served::Complete);
        }
        if self.queue.len() > 1
            && let Some(request) = self.queue.remove(index)
        {
            self.push(request);
        }
        Served::Waits
    }

    /// Takes out a request that ends because there is nothing to be had.
    pub(crate) fn pop_drained(&mut self) -> Option<Request> {
        let index = self.queue.iter().position(Request::ends_when_drained)?;
        self.remove(index)
    }

    /// Takes out all for which `keep` is false.
    pub(crate) fn retain(&mut self, keep: impl FnMut(&Request) -> bool) {
        self.queue.retain(keep);
        if self.queue.is_empty() {
            self.due_ns = None;
        }
    }

    /// Gives memory back, if there is no request.
    pub(crate) fn shrink(&mut self) {
        if self.queue.is_empty() {
            self.queue = VecDeque::new();
        }
    }

    /// Takes out all.
    pub(crate) fn take_all(&mut self) -> VecDeque<Request> {
        self.due_ns = None;
        std::mem::take(&mut self.queue)
    }

    #[cfg(test)]
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Request> {
        self.queue.iter()
    }

    /// Expires requests, and says to whom heartbeats are due.
    pub(crate) fn on_time(&mut self, now_ns: i64) -> Vec<Passed> {
        if self.due_ns.is_none_or(|due_ns| due_ns > now_ns) {
            return Vec::new();
        }
        let mut passed = Vec::new();
        let mut index = 0;
        while let Some(request) = self.queue.get_mut(index) {
            if request.expires_ns > 0 && request.expires_ns <= now_ns {
                passed.extend(self.queue.remove(index).map(Passed::Expired));
                continue;
            }
            if request.beat_every_ns > 0 && request.beat_ns <= now_ns {
                request.beat_ns = now_ns.saturating_add(request.beat_every_ns);
                passed.push(Passed::Beat(request.inbox.clone()));
            }
            index += 1;
        }
        self.due_ns = self.queue.iter().filter_map(Request::due_ns).min();
        passed
    }

    /// When [`Waiting::on_time`] may have something to do, in unix nanoseconds.
    pub(crate) fn next_due(&self) -> Option<i64> {
        self.due_ns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(inbox: &str, left: u64) -> Request {
        Request { inbox: inbox.as_bytes().into(), left, ..Request::default() }
    }

    fn order(waiting: &Waiting) -> Vec<&str> {
        waiting.iter().map(|one| std::str::from_utf8(&one.inbox).unwrap()).collect()
    }

    #[test]
    fn requests_take_turns() {
        let mut waiting = Waiting::default();
        ["a", "b", "c"].into_iter().for_each(|inbox| waiting.push(request(inbox, 2)));
        assert_eq!(waiting.wanted(), 6);
        let mut served = Vec::new();
        while let Some(index) = waiting.pick(&Gate::open()) {
            served.push(waiting.get(index).unwrap().inbox[0] as char);
            waiting.serve(index, 10, 0);
        }
        assert_eq!(served, ['a', 'b', 'c', 'a', 'b', 'c']);
        assert!(waiting.is_empty());
    }

    #[test]
    fn lower_priorities_come_first_and_take_turns_among_themselves() {
        let mut waiting = Waiting::default();
        for (inbox, priority) in [("a", 1), ("b", 0), ("c", 1), ("d", 0)] {
            waiting.push(Request { priority, ..request(inbox, 2) });
        }
        assert_eq!(order(&waiting), ["b", "d", "a", "c"]);
        waiting.serve(0, 10, 0);
        assert_eq!(order(&waiting), ["d", "b", "a", "c"]);
    }

    #[test]
    fn budgets_shrink_and_complete() {
        let mut waiting = Waiting::default();
        waiting.push(Request { bytes_left: Some(100), ..request("a", 2) });
        assert!(waiting.get(0).unwrap().fits(100));
        assert_eq!(waiting.serve(0, 60, 0), Served::Waits);
        assert!(!waiting.get(0).unwrap().fits(41));
        let Served::Complete(done) = waiting.serve(0, 10, 0) else { panic!("it wants more") };
        assert_eq!((done.bytes_left, done.sent), (Some(30), 2));
    }

    #[test]
    fn time_ends_requests_and_has_others_reminded() {
        let mut waiting = Waiting::default();
        waiting.push(Request { expires_ns: 100, ..request("a", 1) });
        waiting.push(Request { beat_every_ns: 30, beat_ns: 30, ..request("b", 1) });
        waiting.push(request("c", 1));
        assert_eq!(waiting.next_due(), Some(30));
        assert!(waiting.on_time(29).is_empty());
        assert_eq!(waiting.on_time(30), [Passed::Beat(b"b"[..].into())]);
        assert_eq!(waiting.next_due(), Some(60));
        let passed = waiting.on_time(100);
        assert!(
            matches!(&passed[..], [Passed::Expired(one), Passed::Beat(_)] if &*one.inbox == b"a")
        );
        assert_eq!(order(&waiting), ["b", "c"]);
    }

    #[test]
    fn who_does_not_wait_ends_when_drained() {
        let mut waiting = Waiting::default();
        waiting.push(request("a", 1));
        waiting.push(Request { no_wait: true, expires_ns: 9, ..request("b", 2) });
        assert_eq!(waiting.pop_drained(), None);
        waiting.serve(1, 1, 0);
        assert_eq!(waiting.pop_drained().map(|one| one.inbox), Some(b"b"[..].into()));
        waiting.push(Request { no_wait: true, ..request("c", 2) });
        assert_eq!(waiting.pop_drained().map(|one| one.inbox), Some(b"c"[..].into()));
    }
}
