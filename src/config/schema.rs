//! Every key of the language, one entry a key. The check for unknown keys and wrong types, the
//! key reference and the answer to "may this change while the server runs" all come from here.

pub(crate) mod accounts;
pub(crate) mod auth;
pub(crate) mod cluster;
mod gateway;
mod jetstream;
pub(crate) mod leaf;
mod mqtt;
mod operator;
mod own;
pub(crate) mod tls;
mod top;
mod websocket;

pub(crate) mod check;

pub use top::TOP;

/// A set of keys that stand together between braces.
#[derive(Debug)]
pub struct Block {
    pub name: &'static str,
    pub keys: &'static [Key],
    /// What is said of a key that is not in the block; `{}` stands for the key with its quotes.
    pub unknown: &'static str,
}

impl Block {
    const fn new(name: &'static str, keys: &'static [Key]) -> Self {
        Self { name, keys, unknown: "unknown field {}" }
    }

    const fn unknown(mut self, text: &'static str) -> Self {
        self.unknown = text;
        self
    }

    /// The entry of a key or of one of its aliases, in any case.
    pub fn find(&self, name: &str) -> Option<&'static Key> {
        let name = name.to_lowercase();
        self.keys.iter().find(|key| key.name == name || key.aliases.contains(&name.as_str()))
    }
}

/// One key.
#[derive(Debug)]
pub struct Key {
    pub name: &'static str,
    pub aliases: &'static [&'static str],
    pub shape: Shape,
    /// As it would be written; empty when the key is unset by default.
    pub default: &'static str,
    /// One sentence for the reference.
    pub doc: &'static str,
    /// Whether a change is taken up by a running server.
    pub reloadable: bool,
    pub state: State,
}

/// How far this server honours a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Built,
    /// Known and not built: a warning, and the server runs without it.
    Ignored,
    /// Known and not built, and leaving it out would protect less than was asked for: an error.
    Refused,
}

/// What may be written as the value of a key.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    Bool,
    Int,
    /// An integer counting bytes, so with a unit as a rule.
    Bytes,
    /// Bytes as an integer, or as a string such as "10G".
    Storage,
    Text,
    Secret,
    Path,
    /// A duration such as "2s"; a bare integer means seconds and earns a warning.
    Duration,
    /// A duration which must be written as a string.
    DurationText,
    /// Seconds as a number, or a duration as a string.
    Seconds,
    /// A port, or "host:port".
    Listen,
    /// One string or a list of strings.
    Texts,
    Block(&'static Block),
    /// A list of blocks.
    Blocks(&'static Block),
    /// A block for each name of the writer's choice.
    Named(&'static Block),
    /// A block of keys of the writer's choice, each of this shape.
    Each(&'static Shape),
    OneOf(&'static [Shape]),
    /// Anything.
    Free,
}

impl Shape {
    /// The blocks that a value of this shape may be, or be made of.
    pub fn blocks(self) -> Vec<&'static Block> {
        match self {
            Shape::Block(block) | Shape::Blocks(block) | Shape::Named(block) => vec![block],
            Shape::OneOf(shapes) => shapes.iter().flat_map(|shape| shape.blocks()).collect(),
            Shape::Each(shape) => shape.blocks(),
            _ => Vec::new(),
        }
    }
}

/// A table entry is `key("name", shape, "default", "doc")` and then what is special about it.
const fn key(name: &'static str, shape: Shape, default: &'static str, doc: &'static str) -> Key {
    Key { name, aliases: &[], shape, default, doc, reloadable: false, state: State::Built }
}

impl Key {
    const fn or(mut self, aliases: &'static [&'static str]) -> Self {
        self.aliases = aliases;
        self
    }

    const fn reloads(mut self) -> Self {
        self.reloadable = true;
        self
    }

    const fn later(mut self) -> Self {
        self.state = State::Ignored;
        self
    }

    const fn refused(mut self) -> Self {
        self.state = State::Refused;
        self
    }
}

/// Whether the key at a path such as `authorization.users` may change while the server runs.
pub fn reloadable(path: &str) -> bool {
    find(path).is_some_and(|key| key.reloadable)
}

/// The entry at a path such as `authorization.users`, through blocks and lists of blocks.
pub fn find(path: &str) -> Option<&'static Key> {
    let (first, rest) = path.split_once('.').unwrap_or((path, ""));
    let mut key = TOP.find(first)?;
    for name in rest.split('.').filter(|name| !name.is_empty()) {
        key = key.shape.blocks().iter().find_map(|block| block.find(name))?;
    }
    Some(key)
}
