//! The parsed tree: values that remember where they were written.

use std::collections::HashMap;

use crate::diagnostic::Position;

/// A value and its place: that of the key in a map, that of the value itself in a list.
#[derive(Debug, Clone)]
pub struct Node {
    pub value: Value,
    pub at: Position,
    /// Named by a `$variable` somewhere: such a key need not be a key of the schema.
    pub used: bool,
}

#[derive(Debug, Clone)]
pub enum Value {
    Map(Map),
    List(Vec<Node>),
    Text(String),
    Bool(bool),
    Int(i64),
    Float(f64),
    /// A date and time in Zulu form, as written and checked to exist.
    Time(String),
}

impl Value {
    /// The kind of value, with its article, for error texts.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Map(_) => "a block",
            Value::List(_) => "a list",
            Value::Text(_) => "a string",
            Value::Bool(_) => "a boolean",
            Value::Int(_) => "an integer",
            Value::Float(_) => "a float",
            Value::Time(_) => "a datetime",
        }
    }

    /// How many values the tree holds, itself included.
    pub(crate) fn weight(&self) -> usize {
        match self {
            Value::Map(map) => map.iter().map(|(_, node)| node.value.weight()).sum::<usize>() + 1,
            Value::List(items) => items.iter().map(|node| node.value.weight()).sum::<usize>() + 1,
            _ => 1,
        }
    }

    /// The value as JSON, for parts of the configuration that are free-form.
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match self {
            Value::Map(map) => {
                Json::Object(map.iter().map(|(k, n)| (k.to_owned(), n.value.to_json())).collect())
            }
            Value::List(items) => Json::Array(items.iter().map(|n| n.value.to_json()).collect()),
            Value::Text(text) | Value::Time(text) => Json::String(text.clone()),
            Value::Bool(flag) => Json::Bool(*flag),
            Value::Int(number) => Json::from(*number),
            Value::Float(number) => Json::from(*number),
        }
    }
}

/// Equality of content; places and use marks do not count.
impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Value::Map(a), Value::Map(b)) => a == b,
            (Value::List(a), Value::List(b)) => a == b,
            (Value::Text(a), Value::Text(b)) | (Value::Time(a), Value::Time(b)) => a == b,
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::Int(a), Value::Int(b)) => a == b,
            (Value::Float(a), Value::Float(b)) => a.to_bits() == b.to_bits(),
            _ => false,
        }
    }
}

impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

/// A map that keeps the order in which keys were first written; the last value of a key wins.
#[derive(Debug, Clone, Default)]
pub struct Map {
    entries: Vec<(String, Node)>,
    places: HashMap<String, usize>,
}

impl Map {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn insert(&mut self, key: String, node: Node) {
        match self.places.get(&key) {
            Some(&place) => self.entries[place].1 = node,
            None => {
                self.places.insert(key.clone(), self.entries.len());
                self.entries.push((key, node));
            }
        }
    }

    pub fn get(&self, key: &str) -> Option<&Node> {
        self.places.get(key).map(|&place| &self.entries[place].1)
    }

    pub(crate) fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        self.places.get(key).map(|&place| &mut self.entries[place].1)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &Node)> {
        self.entries.iter().map(|(key, node)| (key.as_str(), node))
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl IntoIterator for Map {
    type Item = (String, Node);
    type IntoIter = std::vec::IntoIter<(String, Node)>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.into_iter()
    }
}

/// Equality of content; the order of keys does not count.
impl PartialEq for Map {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().all(|(key, node)| other.get(key) == Some(node))
    }
}
