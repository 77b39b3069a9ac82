//! The other half of the index: subscriptions with `*` and `>`, in a tree by token.
//!
//! Nodes live in one arena and name each other by number, and all literal edges of the tree are in
//! one hash table keyed by (parent, token). So a node with one child costs the same few bytes as
//! any edge, a node with a million children needs no other structure, nothing recurses however deep
//! a subject is, and dropping the index frees a handful of blocks.
//!
//! A node is reached by exactly one path, therefore a visit touches a node once at most: many `*`
//! levels cost as much as there are nodes that match, and no more.

mod node;
mod walk;

use crate::Interested;
use crate::syntax::{ANY_TAIL, ANY_TOKEN, tokens};
use node::{Nodes, ROOT};
use walk::{Path, Pending};

/// Arenas smaller than this are not worth rebuilding.
const REBUILD_NODES_MIN: usize = 64;

/// Subscriptions to patterns.
#[derive(Debug)]
pub struct Wildcards<S> {
    nodes: Nodes<S>,
    /// Subscriptions in all nodes.
    len: usize,
}

/// Where in a node a pattern waits.
#[derive(Clone, Copy)]
enum Place {
    /// The pattern ends at this node.
    Here,
    /// The pattern goes on with a last `>`.
    Tail,
}

// === impl Wildcards ===

impl<S> Wildcards<S> {
    /// An empty tree.
    pub fn new() -> Self {
        Wildcards { nodes: Nodes::new(), len: 0 }
    }

    /// How many subscriptions there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Every subscription, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &S> {
        self.nodes.iter().flat_map(|node| node.here.as_slice().iter().chain(node.tail.as_slice()))
    }

    /// Bytes on the heap, those that the entries point to aside.
    pub fn heap_bytes(&self) -> usize {
        self.nodes.heap_bytes()
    }

    /// Calls `each` for every subscription that matches `subject`, in no order. Whether the same
    /// ones match every subject that differs from this one in its last token alone.
    ///
    /// As in [`crate::matches`], a subject with an empty token matches nothing.
    pub fn visit(&self, subject: &[u8], each: &mut impl FnMut(&S)) -> bool {
        if self.len == 0 {
            return true;
        }
        let Some(path) = Path::of(subject) else {
            return false;
        };
        let mut alike = true;
        let mut pending = Pending::new();
        let mut next = Some((ROOT, 0));
        while let Some((id, depth)) = next {
            let node = self.nodes.get(id);
            alike &= !node.has_literals() || depth + 1 != path.len();
            next = match path.get(depth) {
                None => {
                    node.here.as_slice().iter().for_each(&mut *each);
                    None
                }
                Some((token, hash)) => {
                    node.tail.as_slice().iter().for_each(&mut *each);
                    if let Some(any) = node.any() {
                        pending.push((any, depth + 1));
                    }
                    self.nodes.child(id, token, hash).map(|child| (child, depth + 1))
                }
            };
            next = next.or_else(|| pending.pop());
        }
        alike
    }
}

impl<S: Interested> Wildcards<S> {
    /// Adds a subscription; false when the same one is here already.
    ///
    /// Its subject should be a valid subscription. A literal one is no mistake, just better off in
    /// [`crate::Literals`]; an invalid one is kept, and never matched.
    pub fn insert(&mut self, entry: S) -> bool {
        let mut node = ROOT;
        let mut place = Place::Here;
        let mut rest = tokens(entry.subject());
        while let Some(token) = rest.next() {
            if token == ANY_TAIL && rest.is_done() {
                place = Place::Tail;
            } else if token == ANY_TOKEN {
                node = self.nodes.any_or_insert(node);
            } else {
                node = self.nodes.child_or_insert(node, token, crate::hash(token));
            }
        }
        let node = self.nodes.get_mut(node);
        let crowd = match place {
            Place::Here => &mut node.here,
            Place::Tail => &mut node.tail,
        };
        // When the entry is a duplicate, then its pattern, and so every node on the way, was here.
        let added = crowd.insert(entry);
        self.len += usize::from(added);
        added
    }

    /// Takes a subscription out; false when it is not here. Nodes that lead nowhere go with it.
    pub fn remove(&mut self, entry: &S) -> bool {
        let Some((id, place)) = self.find(entry.subject()) else {
            return false;
        };
        let node = self.nodes.get_mut(id);
        let crowd = match place {
            Place::Here => &mut node.here,
            Place::Tail => &mut node.tail,
        };
        if !crowd.remove(entry) {
            return false;
        }
        self.len -= 1;
        self.nodes.prune(id);
        if self.nodes.len() >= REBUILD_NODES_MIN && self.nodes.live() * 8 < self.nodes.len() {
            self.rebuild();
        }
        true
    }

    /// Where the subscriptions to `pattern` wait, if its nodes exist.
    fn find(&self, pattern: &[u8]) -> Option<(u32, Place)> {
        let mut node = ROOT;
        let mut rest = tokens(pattern);
        while let Some(token) = rest.next() {
            if token == ANY_TAIL && rest.is_done() {
                return Some((node, Place::Tail));
            }
            node = if token == ANY_TOKEN {
                self.nodes.get(node).any()?
            } else {
                self.nodes.child(node, token, crate::hash(token))?
            };
        }
        Some((node, Place::Here))
    }

    /// Moves what is left into a smaller arena.
    fn rebuild(&mut self) {
        let old = std::mem::take(self);
        for entry in old.nodes.into_entries() {
            self.insert(entry);
        }
    }
}

// === impl Default ===

impl<S> Default for Wildcards<S> {
    fn default() -> Self {
        Wildcards::new()
    }
}
