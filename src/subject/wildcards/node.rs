//! The arena of the wildcard tree: its nodes, its edges, and the pruning of both.

use hashbrown::HashTable;

use crate::crowd::Crowd;
use crate::hashing::edge;

/// The node that stands for the start of a subject. It always exists, and is nobody's child.
pub(super) const ROOT: u32 = 0;

/// Tokens up to this length are stored in the node itself.
const INLINE_BYTES_MAX: usize = 22;

/// One token of one or more patterns.
#[derive(Debug)]
pub(super) struct Node<S> {
    /// Subscriptions to the pattern that ends here.
    pub(super) here: Crowd<S>,
    /// Subscriptions to the pattern that goes on with `>`.
    pub(super) tail: Crowd<S>,
    /// The literal token that leads here, so that an edge can be compared. Empty for `*`.
    token: Token,
    parent: u32,
    /// The child by `*`; `ROOT` for none.
    any: u32,
    /// How many children by literal tokens there are.
    literals: u32,
}

/// A token's own bytes: a pattern may go while its nodes stay, so none can be borrowed from it.
#[derive(Debug)]
enum Token {
    Inline(u8, [u8; INLINE_BYTES_MAX]),
    Heap(Box<[u8]>),
}

/// All nodes of a tree.
#[derive(Debug)]
pub(super) struct Nodes<S> {
    arena: Vec<Node<S>>,
    /// Children by literal tokens, found by [`edge`] and compared by (parent, token).
    edges: HashTable<u32>,
    /// Unused places of the arena.
    free: Vec<u32>,
}

// === impl Node ===

impl<S> Node<S> {
    fn new(parent: u32, token: &[u8]) -> Self {
        Node {
            here: Crowd::None,
            tail: Crowd::None,
            token: Token::new(token),
            parent,
            any: ROOT,
            literals: 0,
        }
    }

    /// The child by `*`.
    #[inline]
    pub(super) fn any(&self) -> Option<u32> {
        (self.any != ROOT).then_some(self.any)
    }

    #[inline]
    pub(super) fn has_literals(&self) -> bool {
        self.literals > 0
    }

    fn is_useless(&self) -> bool {
        self.literals == 0 && self.any == ROOT && self.here.is_empty() && self.tail.is_empty()
    }
}

// === impl Token ===

impl Token {
    fn new(bytes: &[u8]) -> Self {
        if bytes.len() > INLINE_BYTES_MAX {
            return Token::Heap(bytes.into());
        }
        let mut inline = [0; INLINE_BYTES_MAX];
        inline[..bytes.len()].copy_from_slice(bytes);
        Token::Inline(bytes.len() as u8, inline)
    }

    #[inline]
    fn bytes(&self) -> &[u8] {
        match self {
            Token::Inline(len, bytes) => &bytes[..usize::from(*len)],
            Token::Heap(bytes) => bytes,
        }
    }

    fn heap_bytes(&self) -> usize {
        match self {
            Token::Inline(..) => 0,
            Token::Heap(bytes) => bytes.len(),
        }
    }
}

// === impl Nodes ===

impl<S> Nodes<S> {
    pub(super) fn new() -> Self {
        Nodes { arena: vec![Node::new(ROOT, b"")], edges: HashTable::new(), free: Vec::new() }
    }

    /// Places in the arena, used or not.
    pub(super) fn len(&self) -> usize {
        self.arena.len()
    }

    /// Places in use.
    pub(super) fn live(&self) -> usize {
        self.arena.len() - self.free.len()
    }

    #[inline]
    pub(super) fn get(&self, id: u32) -> &Node<S> {
        &self.arena[id as usize]
    }

    pub(super) fn get_mut(&mut self, id: u32) -> &mut Node<S> {
        &mut self.arena[id as usize]
    }

    /// Every place; the unused ones hold no subscription.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Node<S>> {
        self.arena.iter()
    }

    /// Every subscription, taken out.
    pub(super) fn into_entries(self) -> impl Iterator<Item = S> {
        self.arena.into_iter().flat_map(|node| node.here.into_iter().chain(node.tail))
    }

    /// The child of `parent` by a literal token, whose [`crate::hash`] is `hash`.
    #[inline]
    pub(super) fn child(&self, parent: u32, token: &[u8], hash: u64) -> Option<u32> {
        if self.get(parent).literals == 0 {
            return None;
        }
        self.edges.find(edge(parent, hash), |&id| self.get(id).is_child(parent, token)).copied()
    }

    pub(super) fn child_or_insert(&mut self, parent: u32, token: &[u8], hash: u64) -> u32 {
        if let Some(id) = self.child(parent, token, hash) {
            return id;
        }
        let id = self.add(Node::new(parent, token));
        let arena = &self.arena;
        self.edges.insert_unique(edge(parent, hash), id, |&id| arena[id as usize].edge());
        self.get_mut(parent).literals += 1;
        id
    }

    pub(super) fn any_or_insert(&mut self, parent: u32) -> u32 {
        if let Some(id) = self.get(parent).any() {
            return id;
        }
        let id = self.add(Node::new(parent, b""));
        self.get_mut(parent).any = id;
        id
    }

    /// Frees the node, then its parent and so on, as long as they lead nowhere.
    pub(super) fn prune(&mut self, mut id: u32) {
        while id != ROOT && self.get(id).is_useless() {
            let parent = self.get(id).parent;
            if self.get(parent).any == id {
                self.get_mut(parent).any = ROOT;
            } else {
                if let Ok(slot) = self.edges.find_entry(self.get(id).edge(), |&other| other == id) {
                    slot.remove();
                }
                self.get_mut(parent).literals -= 1;
            }
            // Frees the token; what stays is an empty place.
            *self.get_mut(id) = Node::new(ROOT, b"");
            self.free.push(id);
            id = parent;
        }
    }

    pub(super) fn heap_bytes(&self) -> usize {
        let inner: usize = self
            .arena
            .iter()
            .map(|n| n.here.heap_bytes() + n.tail.heap_bytes() + n.token.heap_bytes())
            .sum();
        self.arena.capacity() * size_of::<Node<S>>()
            + self.edges.allocation_size()
            + self.free.capacity() * size_of::<u32>()
            + inner
    }

    fn add(&mut self, node: Node<S>) -> u32 {
        if let Some(id) = self.free.pop() {
            *self.get_mut(id) = node;
            return id;
        }
        // 2^32 nodes are 300 GB: memory ends first.
        let id = self.arena.len() as u32;
        self.arena.push(node);
        id
    }
}

impl<S> Node<S> {
    #[inline]
    fn is_child(&self, parent: u32, token: &[u8]) -> bool {
        self.parent == parent && self.token.bytes() == token
    }

    /// The hash of the literal edge that leads here.
    fn edge(&self) -> u64 {
        edge(self.parent, crate::hash(self.token.bytes()))
    }
}
