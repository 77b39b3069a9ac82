//! The entries that wait for the same thing: none, one, or many.
//!
//! Most subjects and patterns have one subscriber, so one is stored in place, without allocation.
//! A crowd takes 16 bytes where an entry takes 8.

use crate::Interested;

/// The smallest list that is worth giving memory back for.
const SHRINK_LEN_MIN: usize = 16;

#[derive(Debug)]
pub(crate) enum Crowd<S> {
    None,
    One(S),
    /// Two or more.
    #[expect(clippy::box_collection, reason = "a bare list would make every crowd 24 bytes")]
    Many(Box<Vec<S>>),
}

// === impl Crowd ===

impl<S> Crowd<S> {
    #[inline]
    pub(crate) fn as_slice(&self) -> &[S] {
        match self {
            Crowd::None => &[],
            Crowd::One(entry) => std::slice::from_ref(entry),
            Crowd::Many(list) => list,
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
            Crowd::Many(list) => size_of::<Vec<S>>() + list.capacity() * size_of::<S>(),
        }
    }
}

impl<S: Interested> Crowd<S> {
    /// False when the same entry is here already.
    pub(crate) fn insert(&mut self, entry: S) -> bool {
        if self.as_slice().iter().any(|other| other.same(&entry)) {
            return false;
        }
        *self = match std::mem::replace(self, Crowd::None) {
            Crowd::None => Crowd::One(entry),
            Crowd::One(first) => Crowd::Many(Box::new(vec![first, entry])),
            Crowd::Many(mut list) => {
                list.push(entry);
                Crowd::Many(list)
            }
        };
        true
    }

    /// False when the entry is not here. The order of the others may change.
    pub(crate) fn remove(&mut self, entry: &S) -> bool {
        match self {
            Crowd::None => false,
            Crowd::One(other) => {
                let found = other.same(entry);
                if found {
                    *self = Crowd::None;
                }
                found
            }
            Crowd::Many(list) => {
                if !remove_from(list, entry) {
                    return false;
                }
                if list.len() == 1 {
                    *self = list.pop().map_or(Crowd::None, Crowd::One);
                }
                true
            }
        }
    }
}

impl<S> IntoIterator for Crowd<S> {
    type Item = S;
    type IntoIter = std::iter::Chain<std::option::IntoIter<S>, std::vec::IntoIter<S>>;

    fn into_iter(self) -> Self::IntoIter {
        let (one, many) = match self {
            Crowd::None => (None, Vec::new()),
            Crowd::One(entry) => (Some(entry), Vec::new()),
            Crowd::Many(list) => (None, *list),
        };
        one.into_iter().chain(many)
    }
}

/// Removes `entry` from `list`, which gives memory back when little is left of it.
pub(crate) fn remove_from<S: Interested>(list: &mut Vec<S>, entry: &S) -> bool {
    let Some(at) = list.iter().position(|other| other.same(entry)) else {
        return false;
    };
    list.swap_remove(at);
    if list.capacity() >= SHRINK_LEN_MIN && list.len() * 4 < list.capacity() {
        list.shrink_to(list.len() * 2);
    }
    true
}
