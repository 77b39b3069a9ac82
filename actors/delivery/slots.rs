//! Small dense numbers for the targets of messages, so that a batch finds a target's block by an
//! array index. A number is used again once nobody can hold it any more.

use std::sync::Arc;

use parking_lot::Mutex;

/// Hands out slots.
#[derive(Clone, Default)]
pub struct Slots(Arc<Mutex<Free>>);

#[derive(Default)]
struct Free {
    next: u32,
    returned: Vec<u32>,
}

/// One number, returned when dropped.
pub struct Slot {
    number: u32,
    home: Slots,
}

// === impl Slots ===

impl Slots {
    #[must_use]
    pub fn take(&self) -> Slot {
        let mut free = self.0.lock();
        let number = free.returned.pop().unwrap_or_else(|| {
            free.next += 1;
            free.next - 1
        });
        Slot { number, home: self.clone() }
    }
}

// === impl Slot ===

impl Slot {
    #[must_use]
    pub fn index(&self) -> usize {
        self.number as usize
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.home.0.lock().returned.push(self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_dense_and_used_again() {
        let slots = Slots::default();
        let (a, b) = (slots.take(), slots.take());
        assert_eq!((a.index(), b.index()), (0, 1));
        drop(a);
        assert_eq!(slots.take().index(), 0);
    }
}
