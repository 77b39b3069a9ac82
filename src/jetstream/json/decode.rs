//! From bytes to a value: the fast way, and the one that knows what is wrong.

use serde::de::DeserializeOwned;
use serde_ignored::Path;
use serde_json::{Deserializer, Map, Value};

use super::Manner;
use super::scan::{self, SyntaxError};

/// Why a body can't be read.
#[derive(Debug)]
pub(super) enum Failure {
    Syntax(SyntaxError),
    /// A field that is not known.
    Unknown(String),
    /// A value of the wrong kind, and the way to it.
    Kind(Vec<Step>),
    /// Nothing that can be named better.
    Other(String),
}

/// One step on the way to a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    Field(String),
    Index(usize),
}

/// Reads what needs no second look: everything is known, and of the right kind.
pub(super) fn quickly<T: DeserializeOwned>(
    body: &[u8],
    manner: Manner,
    beside: &[&str],
) -> Option<T> {
    let mut odd = has_odd_list(body);
    let mut json = Deserializer::from_slice(body);
    let value = serde_ignored::deserialize(&mut json, |path| {
        odd |= !is_beside(&path, beside) && (manner == Manner::Strict || has_upper(&path));
    })
    .ok()?;
    json.end().ok()?;
    (!odd).then_some(value)
}

/// Reads anything.
pub(super) fn carefully<T: DeserializeOwned>(
    body: &[u8],
    manner: Manner,
    beside: &[&str],
) -> Result<T, Failure> {
    let documents = scan::documents(body, manner == Manner::Strict).map_err(Failure::Syntax)?;
    let mut whole = Value::Object(Map::new());
    for document in documents {
        let text = String::from_utf8_lossy(document);
        let value = serde_json::from_str(&text).map_err(|e| Failure::Other(e.to_string()))?;
        match (&mut whole, value) {
            (Value::Object(known), Value::Object(more)) => known.extend(more),
            (_, Value::Null) => {}
            (whole, other) => *whole = other,
        }
    }
    without_nulls(&mut whole);
    if let Some(way) = list_for_object(&whole, true) {
        return Err(Failure::Kind(way));
    }
    let mut renamed = Vec::new();
    // Each round gives a name its usual case, so that there are as many rounds as names at most.
    loop {
        let mut unknown: Vec<Vec<Step>> = Vec::new();
        let read = {
            let mut note = |path: Path<'_>| {
                if !is_beside(&path, beside) {
                    unknown.push(steps(&path));
                }
            };
            let json = serde_ignored::Deserializer::new(&whole, &mut note);
            serde_path_to_error::deserialize::<_, T>(json)
        };
        let other_case = unknown.iter().find(|way| has_upper_end(way)).cloned();
        if let Some(way) = other_case
            && let Some(Step::Field(name)) = way.last()
        {
            rename(&mut whole, &way);
            renamed.push(name.clone());
            continue;
        }
        if manner == Manner::Strict
            && let Some(Step::Field(name)) = unknown.first().and_then(|way| way.last())
        {
            let original = renamed.iter().find(|known| known.eq_ignore_ascii_case(name));
            return Err(Failure::Unknown(original.unwrap_or(name).clone()));
        }
        return read.map_err(|error| Failure::Kind(way_of(error.path())));
    }
}

/// Fields that hold objects. What reads them would take a list of their values as well.
const OBJECTS: [&str; 10] = [
    "config",
    "consumer",
    "consumer_limits",
    "external",
    "mirror",
    "metadata",
    "placement",
    "republish",
    "state",
    "subject_transform",
];
/// Fields that hold lists of objects.
const LISTS: [&str; 2] = ["sources", "subject_transforms"];

/// Whether a list may stand where an object belongs: right behind the name of such a field, or
/// behind no name at all.
fn has_odd_list(body: &[u8]) -> bool {
    memchr::memchr_iter(b'[', body).any(|at| {
        let before = body[..at].trim_ascii_end();
        let Some(before) = before.strip_suffix(b":") else { return true };
        let Some(before) = before.trim_ascii_end().strip_suffix(b"\"") else { return true };
        let start = memchr::memrchr(b'"', before).map_or(0, |quote| quote + 1);
        OBJECTS.iter().any(|name| name.as_bytes().eq_ignore_ascii_case(&before[start..]))
    })
}

/// The way to the first list that stands where an object belongs.
fn list_for_object(value: &Value, is_object: bool) -> Option<Vec<Step>> {
    let Value::Object(fields) = value else {
        return (is_object && value.is_array()).then(Vec::new);
    };
    fields.iter().find_map(|(name, value)| {
        let known = |names: &[&str]| names.iter().any(|known| known.eq_ignore_ascii_case(name));
        let mut way = vec![Step::Field(name.clone())];
        if let (true, Value::Array(items)) = (known(&LISTS), value) {
            let (index, rest) = items
                .iter()
                .enumerate()
                .find_map(|(index, item)| Some((index, list_for_object(item, true)?)))?;
            way.push(Step::Index(index));
            way.extend(rest);
        } else {
            way.extend(list_for_object(value, known(&OBJECTS))?);
        }
        Some(way)
    })
}

/// `null` says nothing.
fn without_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, value| !value.is_null());
            fields.values_mut().for_each(without_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(without_nulls),
        _ => {}
    }
}

/// Gives the field at the end of the way its name in lower case, unless there is one.
fn rename(whole: &mut Value, way: &[Step]) {
    let Some((Step::Field(name), parents)) = way.split_last() else { return };
    let mut at = whole;
    for step in parents {
        let next = match step {
            Step::Field(name) => at.get_mut(name.as_str()),
            Step::Index(index) => at.get_mut(*index),
        };
        let Some(next) = next else { return };
        at = next;
    }
    if let Value::Object(fields) = at
        && let Some(value) = fields.remove(name)
    {
        fields.entry(name.to_ascii_lowercase()).or_insert(value);
    }
}

fn is_beside(path: &Path<'_>, beside: &[&str]) -> bool {
    matches!(path, Path::Map { parent: Path::Root, key } if beside.contains(&key.as_str()))
}

fn has_upper(path: &Path<'_>) -> bool {
    matches!(path, Path::Map { key, .. } if key.bytes().any(|byte| byte.is_ascii_uppercase()))
}

fn has_upper_end(way: &[Step]) -> bool {
    let name = way.last();
    matches!(name, Some(Step::Field(name)) if name.bytes().any(|byte| byte.is_ascii_uppercase()))
}

fn steps(path: &Path<'_>) -> Vec<Step> {
    let (parent, step) = match path {
        Path::Root => return Vec::new(),
        Path::Seq { parent, index } => (parent, Some(Step::Index(*index))),
        Path::Map { parent, key } => (parent, Some(Step::Field(key.clone()))),
        Path::Some { parent }
        | Path::NewtypeStruct { parent }
        | Path::NewtypeVariant { parent } => (parent, None),
    };
    let mut way = steps(parent);
    way.extend(step);
    way
}

fn way_of(path: &serde_path_to_error::Path) -> Vec<Step> {
    use serde_path_to_error::Segment;
    path.iter()
        .filter_map(|segment| match segment {
            Segment::Seq { index } => Some(Step::Index(*index)),
            Segment::Map { key } => Some(Step::Field(key.clone())),
            Segment::Enum { .. } | Segment::Unknown => None,
        })
        .collect()
}
