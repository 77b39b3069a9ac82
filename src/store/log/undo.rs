//! What it takes to undo what is not committed, and what happens once it is.

use super::index::Index;

/// One change that is not committed.
#[derive(Debug)]
pub(crate) enum Undo {
    /// Messages were added; `last` and `time` are what was the last one before.
    Append {
        from: u64,
        to: u64,
        last: u64,
        time: i64,
    },
    /// These were there, each of them, and were removed in this order.
    Remove {
        from: u64,
        to: u64,
    },
    Skip {
        last: u64,
        first: u64,
    },
}

// === impl Index ===

impl Index {
    /// Notes that `seq` was added, when the last one before was `last`, stored at `time`.
    #[inline]
    pub(crate) fn note_append(&mut self, seq: u64, last: u64, time: i64) {
        let open = self.done + self.undo.len() as u64 > self.submitted;
        if let Some(Undo::Append { to, .. }) = self.undo.back_mut()
            && open
            && *to + 1 == seq
        {
            *to = seq;
        } else {
            self.undo.push_back(Undo::Append { from: seq, to: seq, last, time });
        }
    }

    /// Notes that `seq` was removed.
    #[inline]
    pub(crate) fn note_remove(&mut self, seq: u64) {
        let open = self.noted() > self.submitted;
        match self.undo.back_mut() {
            Some(Undo::Remove { to, .. }) if open && *to + 1 == seq => *to = seq,
            _ => self.undo.push_back(Undo::Remove { from: seq, to: seq }),
        }
    }

    /// The number up to which everything is noted.
    pub(crate) fn noted(&self) -> u64 {
        self.done + self.undo.len() as u64
    }

    /// Everything up to number `upto` is committed, and with it all sequences up to `mark`.
    pub(crate) fn commit(&mut self, upto: u64, mark: u64) {
        self.committed = self.committed.max(mark);
        while self.done < upto
            && let Some(undo) = self.undo.pop_front()
        {
            self.done += 1;
            if let Undo::Remove { from, to } = undo {
                self.drop_range(from, to);
            }
        }
        if self.undo.is_empty() {
            self.expiries.settle();
        }
    }

    /// Undoes everything from number `from` on.
    pub(crate) fn undo(&mut self, from: u64) {
        let mut appended = None;
        while self.noted() > from.max(self.done)
            && let Some(undo) = self.undo.pop_back()
        {
            match undo {
                Undo::Remove { from, to } => {
                    for seq in (from..=to).rev() {
                        if let Some((segment, slot)) = self.find(seq) {
                            self.relink(segment, slot);
                        }
                    }
                }
                Undo::Skip { last, first } => (self.last, self.first) = (last, first),
                Undo::Append { from, to, last, time } => {
                    for seq in (from..=to).rev() {
                        self.take_back(seq);
                    }
                    (self.last, self.last_time) = (last, time);
                    if self.messages == 0 {
                        self.first = last + 1;
                    }
                    appended = Some(from);
                }
            }
        }
        self.submitted = self.submitted.min(self.noted());
        let mut erasing = std::mem::take(&mut self.erasing);
        erasing.retain(|seq| !self.is_live(*seq));
        self.erasing = erasing;
        self.expiries.restore(appended.unwrap_or(u64::MAX));
        if appended.is_some() {
            self.removals.forget();
        }
    }

    /// The removal of these is final. Of each segment what can be freed is freed once.
    fn drop_range(&mut self, from: u64, to: u64) {
        let mut at = self.segment_of(from).unwrap_or(0);
        while let Some(segment) = self.segments.get(at)
            && segment.base <= to
        {
            let id = segment.id;
            let slots = segment.slot_from(from)..segment.slot_from(to.saturating_add(1));
            for slot in slots {
                self.drop_slot(at, slot);
            }
            self.tidy(at);
            at += usize::from(self.segments.get(at).is_some_and(|segment| segment.id == id));
        }
    }

    /// Takes back the last message.
    fn take_back(&mut self, seq: u64) {
        let Some((at, slot)) = self.find(seq) else { return };
        let id = self.segments[at].subject(slot);
        self.unlink(at, slot);
        let segment = &mut self.segments[at];
        let len = segment.facts.get(slot).record_len();
        let offset = segment.offset(slot);
        segment.pop(len);
        segment.blocks.truncate(offset);
        segment.end = offset;
        self.unflushed = self.unflushed.saturating_sub(len as u64);
        self.subjects.release(id, self.removals.total());
        if slot == 0 && at > 0 && at + 1 == self.segments.len() {
            self.segments.pop_back();
        }
    }

    /// Removes for good what is alive from `from` to `to`.
    pub(crate) fn remove_range(&mut self, from: u64, to: u64) {
        let mut at = from;
        while let Some(seq) = self.next_live(at)
            && seq <= to
            && let Some((segment, slot)) = self.find(seq)
        {
            self.unlink(segment, slot);
            self.drop_slot(segment, slot);
            self.tidy(segment);
            at = seq + 1;
        }
    }

    /// Frees what a segment no longer needs, now that one of its slots has no bytes any more.
    pub(super) fn tidy(&mut self, at: usize) {
        let last = at + 1 == self.segments.len();
        let segment = &mut self.segments[at];
        if last {
            return;
        }
        if segment.held() == 0 {
            self.dropped.extend(segment.file.is_some().then_some(segment.id));
            self.segments.remove(at);
        } else if self.shape.salt.is_none() {
            let sparse = (segment.held() as usize) < segment.slots() / 2;
            let memory = segment.blocks.memory() as u64;
            let loose = memory > 128 << 10 && segment.held_bytes() * 2 < memory;
            if sparse || loose {
                segment.thin(true);
            }
        } else if (segment.held() as usize) < segment.slots() / 2 {
            segment.thin(false);
        }
    }
}
