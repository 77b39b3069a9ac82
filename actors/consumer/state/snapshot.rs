//! The base of a consumer's progress: the whole state in one value.

use super::super::pending::Slot;
use super::super::progress::{Reading, Unreadable, VERSION, put, put_signed};
use super::super::terms::Terms;
use super::{Mark, State};

impl State {
    /// The whole state. Deltas up to now are part of it.
    pub(crate) fn base(&mut self) -> Vec<u8> {
        self.take_delta();
        let mut out = vec![VERSION];
        for mark in [self.delivered, self.floor] {
            put(&mut out, mark.consumer);
            put(&mut out, mark.stream);
        }
        put_signed(&mut out, self.delivered_ns);
        put_signed(&mut out, self.acked_ns);
        put(&mut out, self.work.pending.len() as u64);
        let mut last = Slot::new(self.floor.stream, self.floor.consumer, self.delivered_ns, 0, 0);
        for slot in self.work.pending.iter() {
            put(&mut out, slot.seq.wrapping_sub(last.seq));
            put_signed(&mut out, slot.dseq.wrapping_sub(last.dseq) as i64);
            put_signed(&mut out, slot.at_ns.wrapping_sub(last.at_ns));
            // Zero where the terms say it.
            let usual_ns = slot.at_ns.saturating_add(self.terms.wait_ns(slot.deliveries));
            let due_ns = if slot.is_queued() { slot.at_ns } else { slot.due_ns };
            put_signed(&mut out, due_ns.wrapping_sub(usual_ns));
            put(&mut out, u64::from(slot.deliveries));
            last = *slot;
        }
        put(&mut out, self.work.exhausted.len() as u64);
        let mut last = 0;
        for (seq, deliveries) in &self.work.exhausted {
            put(&mut out, seq - last);
            put(&mut out, u64::from(*deliveries));
            last = *seq;
        }
        out
    }

    /// The state that [`State::base`] wrote under these terms.
    pub(crate) fn restore(terms: Terms, base: &[u8]) -> Result<Self, Unreadable> {
        let mut from = Reading::new(base)?;
        let mut state = State { terms, ..State::default() };
        for mark in [&mut state.delivered, &mut state.floor] {
            *mark = Mark { consumer: from.number()?, stream: from.number()? };
        }
        (state.delivered_ns, state.acked_ns) = (from.signed()?, from.signed()?);
        let mut last =
            Slot::new(state.floor.stream, state.floor.consumer, state.delivered_ns, 0, 0);
        for _ in 0..from.number()? {
            let seq = last.seq.wrapping_add(from.number()?);
            let dseq = last.dseq.wrapping_add(from.signed()? as u64);
            let at_ns = last.at_ns.wrapping_add(from.signed()?);
            let extra_ns = from.signed()?;
            let deliveries = u32::try_from(from.number()?).map_err(|_| from.unreadable())?;
            let usual_ns = at_ns.saturating_add(state.terms.wait_ns(deliveries));
            let slot = Slot::new(seq, dseq, at_ns, usual_ns.wrapping_add(extra_ns), deliveries);
            if seq <= last.seq && !state.work.pending.is_empty() {
                return Err(from.unreadable());
            }
            state.work.pending.insert(slot);
            last = slot;
        }
        let mut seq = 0u64;
        for _ in 0..from.number()? {
            seq = seq.wrapping_add(from.number()?);
            let deliveries = u32::try_from(from.number()?).map_err(|_| from.unreadable())?;
            state.work.exhausted.insert(seq, deliveries);
        }
        Ok(state)
    }
}
