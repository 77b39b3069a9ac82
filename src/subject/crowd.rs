//! The entries that wait for the same thing: none, one, or many.
//!
//! Most patterns have one subscriber, so one is stored in place, without allocation. A crowd takes
//! 16 bytes where an entry takes 8.

use crate::Interested;
use crate::list::List;

#[derive(Debug)]
pub(crate) enum Crowd<S> {
    None,
    One(S),
    /// Two or more. Boxed, so that the other two cases stay small.
    Many(Box<List<S>>),
}

// === impl Crowd ===

impl<S> Crowd<S> {
    #[inline]
    pub(crate) fn as_slice(&self) -> &[S] {
        match self {
            Crowd::None => &[],
            Crowd::One(entry) => std::slice::from_ref(entry),
            Crowd::Many(list) => list.as_slice(),
        }
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        matches!(self, Crowd::None)
    }

    /// Bytes on the heap, those of the entries themselves aside.
    pub(crate) fn heap_bytes(&self) -> usize {
        match self {
            Crowd::None | Crowd::One(_) => 0,
            Crowd::Many(list) => size_of::<List<S>>() + list.heap_bytes(),
        }
    }
}

impl<S: Interested> Crowd<S> {
    /// False when the same entry is here already.
    pub(crate) fn insert(&mut self, entry: S) -> bool {
        match self {
            Crowd::Many(list) => return list.insert(entry),
            Crowd::One(first) if first.same(&entry) => return false,
            Crowd::None | Crowd::One(_) => {}
        }
        *self = match std::mem::replace(self, Crowd::None) {
            Crowd::One(first) => Crowd::Many(Box::new(List::of_two(first, entry))),
            _ => Crowd::One(entry),
        };
        true
    }

    /// False when the entry is not here. The order of the others may change.
    pub(crate) fn remove(&mut self, entry: &S) -> bool {
        match self {
            Crowd::One(only) if only.same(entry) => *self = Crowd::None,
            Crowd::Many(list) => {
                if !list.remove(entry) {
                    return false;
                }
                if let [_] = list.as_slice()
                    && let Crowd::Many(list) = std::mem::replace(self, Crowd::None)
                {
                    *self = list.into_entries().pop().map_or(Crowd::None, Crowd::One);
                }
            }
            Crowd::None | Crowd::One(_) => return false,
        }
        true
    }
}

// === impl IntoIterator ===

impl<S> IntoIterator for Crowd<S> {
    type Item = S;
    type IntoIter = std::iter::Chain<std::option::IntoIter<S>, std::vec::IntoIter<S>>;

    fn into_iter(self) -> Self::IntoIter {
        let (one, many) = match self {
            Crowd::None => (None, Vec::new()),
            Crowd::One(entry) => (Some(entry), Vec::new()),
            Crowd::Many(list) => (None, list.into_entries()),
        };
        one.into_iter().chain(many)
    }
}
