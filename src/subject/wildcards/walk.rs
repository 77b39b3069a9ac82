//! What a visit of the tree needs on the way: the subject's tokens, and where to go back to.
//!
//! Both live on the stack for ordinary subjects and move to the heap for deep ones.

use crate::syntax::SEPARATOR;

/// Tokens of a subject that need no allocation.
const INLINE_TOKENS: usize = 16;
/// Unfinished branches that need no allocation.
const INLINE_BRANCHES: usize = 16;

/// A token and its hash.
type Step<'a> = (&'a [u8], u64);

/// A subject as tokens, each hashed once however many nodes ask for it.
pub(super) struct Path<'a> {
    inline: [Step<'a>; INLINE_TOKENS],
    /// All tokens, when they are too many for `inline`.
    heap: Vec<Step<'a>>,
    len: usize,
}

// === impl Path ===

impl<'a> Path<'a> {
    /// None when a token is empty: such a subject matches nothing.
    #[inline]
    pub(super) fn of(subject: &'a [u8]) -> Option<Self> {
        let mut path = Path { inline: [(&[], 0); INLINE_TOKENS], heap: Vec::new(), len: 0 };
        let mut start = 0;
        // Tokens are short: a plain loop beats a vectorised search for each separator.
        for (i, &byte) in subject.iter().enumerate() {
            if byte == SEPARATOR {
                path.push(&subject[start..i])?;
                start = i + 1;
            }
        }
        path.push(&subject[start..])?;
        Some(path)
    }

    #[inline]
    fn push(&mut self, token: &'a [u8]) -> Option<()> {
        if token.is_empty() {
            return None;
        }
        let step = (token, crate::hash(token));
        match self.inline.get_mut(self.len) {
            Some(slot) => *slot = step,
            None => {
                if self.heap.is_empty() {
                    self.heap.extend_from_slice(&self.inline);
                }
                self.heap.push(step);
            }
        }
        self.len += 1;
        Some(())
    }

    /// Tokens of the subject.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub(super) fn get(&self, depth: usize) -> Option<Step<'a>> {
        let steps = if self.heap.is_empty() { &self.inline[..self.len] } else { &self.heap[..] };
        steps.get(depth).copied()
    }
}

/// Branches left aside: (node, depth), last in first out.
pub(super) struct Pending {
    inline: [(u32, usize); INLINE_BRANCHES],
    len: usize,
    /// Holds what came after `inline` was full.
    heap: Vec<(u32, usize)>,
}

// === impl Pending ===

impl Pending {
    #[inline]
    pub(super) fn new() -> Self {
        Pending { inline: [(0, 0); INLINE_BRANCHES], len: 0, heap: Vec::new() }
    }

    #[inline]
    pub(super) fn push(&mut self, branch: (u32, usize)) {
        match self.inline.get_mut(self.len) {
            Some(slot) => {
                *slot = branch;
                self.len += 1;
            }
            None => self.heap.push(branch),
        }
    }

    #[inline]
    pub(super) fn pop(&mut self) -> Option<(u32, usize)> {
        if let Some(branch) = self.heap.pop() {
            return Some(branch);
        }
        self.len = self.len.checked_sub(1)?;
        Some(self.inline[self.len])
    }
}
