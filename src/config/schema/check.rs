//! Holds a parsed tree against the schema: unknown keys, wrong types, keys not built yet.

use super::{Block, Key, Shape, State};
use crate::diagnostic::{Diagnostic, Position};
use crate::duration;
use crate::value::{Map, Node, Value};

/// What the check is to report about keys that are not built.
#[derive(Clone, Copy)]
struct Report {
    ignored: bool,
    refused: bool,
}

/// All findings, in the order of the file.
pub(crate) fn check(root: &Map) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    block(&super::TOP, root, Report { ignored: true, refused: true }, &mut found);
    found
}

fn block(block: &Block, map: &Map, report: Report, found: &mut Vec<Diagnostic>) {
    for (name, node) in map.iter() {
        match block.find(name) {
            Some(key) => entry(key, name, node, report, found),
            None if node.used => {}
            None => {
                let text = block.unknown.replace("{}", &format!("{name:?}"));
                found.push(Diagnostic::error(&node.at, text));
            }
        }
    }
}

fn entry(key: &Key, name: &str, node: &Node, report: Report, found: &mut Vec<Diagnostic>) {
    let state = if switched_off(key, &node.value) { State::Built } else { key.state };
    let mut inner = report;
    match state {
        State::Built => {}
        State::Ignored => {
            if report.ignored {
                let text = format!("{name:?} is not implemented yet, ignored");
                found.push(Diagnostic::warning(&node.at, text));
            }
            inner.ignored = false;
            // What is below a listener that is not opened has nothing to protect.
            inner.refused = false;
        }
        State::Refused => {
            if report.refused {
                let text = format!(
                    "{name:?} is not implemented yet; \
                     refusing to start less protected than the configuration says"
                );
                found.push(Diagnostic::error(&node.at, text));
            }
            inner = Report { ignored: false, refused: false };
        }
    }
    if let Err(wrong) = value(key.shape, name, node, inner, found) {
        found.push(wrong);
    }
}

/// `false` where that is the default anyway: leaving the key out changes nothing.
fn switched_off(key: &Key, value: &Value) -> bool {
    *value == Value::Bool(false) && key.default == "false"
}

fn value(
    shape: Shape,
    name: &str,
    node: &Node,
    report: Report,
    found: &mut Vec<Diagnostic>,
) -> Result<(), Diagnostic> {
    match (shape, &node.value) {
        (Shape::Block(inner), Value::Map(map)) => block(inner, map, report, found),
        (Shape::Blocks(inner), Value::List(items)) => {
            for item in items {
                value(Shape::Block(inner), name, item, report, found)?;
            }
        }
        (Shape::Texts, Value::List(items)) => {
            for item in items {
                value(Shape::Text, name, item, report, found)?;
            }
        }
        (Shape::Named(inner), Value::Map(map)) => {
            for (name, node) in map.iter().filter(|(_, node)| !node.used) {
                value(Shape::Block(inner), name, node, report, found)?;
            }
        }
        (Shape::Each(shape), Value::Map(map)) => {
            for (name, node) in map.iter() {
                value(*shape, name, node, report, found)?;
            }
        }
        (Shape::OneOf(shapes), _) => {
            let fitting = shapes.iter().find(|shape| shape.admits(&node.value));
            let fitting = fitting.ok_or_else(|| mismatch(shape, name, node))?;
            return value(*fitting, name, node, report, found);
        }
        (Shape::Duration, Value::Int(_)) => {
            let text =
                format!("invalid use of field {name:?}: {name} should be converted to a duration");
            found.push(Diagnostic::warning(&node.at, text));
        }
        (Shape::Duration | Shape::DurationText | Shape::Seconds, Value::Text(text)) => {
            if let Err(error) = duration::parse(text) {
                return Err(failed(&node.at, name, &error));
            }
        }
        _ if shape.admits(&node.value) => {}
        _ => return Err(mismatch(shape, name, node)),
    }
    Ok(())
}

fn failed(at: &Position, name: &str, error: &duration::DurationError) -> Diagnostic {
    Diagnostic::error(at, format!("error parsing {name}: {error}"))
}

fn mismatch(shape: Shape, name: &str, node: &Node) -> Diagnostic {
    let (wanted, kind) = (shape.wanted(), node.value.kind());
    Diagnostic::error(&node.at, format!("{name}: expected {wanted}, got {kind}"))
}

impl Shape {
    /// Whether a value is of the right kind, leaving aside what is inside it.
    fn admits(self, value: &Value) -> bool {
        let is_text = matches!(value, Value::Text(_));
        match self {
            Shape::Bool => matches!(value, Value::Bool(_)),
            Shape::Int | Shape::Bytes => matches!(value, Value::Int(_)),
            Shape::Storage | Shape::Listen | Shape::Duration => {
                is_text || matches!(value, Value::Int(_))
            }
            Shape::Text | Shape::Secret | Shape::Path | Shape::DurationText => is_text,
            Shape::Seconds => is_text || matches!(value, Value::Int(_) | Value::Float(_)),
            Shape::Texts => is_text || matches!(value, Value::List(_)),
            Shape::Block(_) | Shape::Named(_) | Shape::Each(_) => matches!(value, Value::Map(_)),
            Shape::Blocks(_) => matches!(value, Value::List(_)),
            Shape::OneOf(shapes) => shapes.iter().any(|shape| shape.admits(value)),
            Shape::Free => true,
        }
    }

    /// How error texts and the reference name the shape.
    pub(crate) fn wanted(self) -> String {
        match self {
            Shape::Bool => "a boolean".into(),
            Shape::Int => "an integer".into(),
            Shape::Bytes => "a number of bytes".into(),
            Shape::Storage => "a number of bytes or a string such as \"10G\"".into(),
            Shape::Text => "a string".into(),
            Shape::Secret => "a string (secret)".into(),
            Shape::Path => "a path".into(),
            Shape::Duration | Shape::DurationText => "a duration such as \"2s\"".into(),
            Shape::Seconds => "seconds or a duration such as \"2s\"".into(),
            Shape::Listen => "a port or \"host:port\"".into(),
            Shape::Texts => "a string or a list of strings".into(),
            Shape::Block(_) => "a block".into(),
            Shape::Blocks(_) => "a list of blocks".into(),
            Shape::Named(_) => "a block by name".into(),
            Shape::Each(shape) => format!("a block, each value {}", shape.wanted()),
            Shape::OneOf(shapes) => {
                shapes.iter().map(|shape| shape.wanted()).collect::<Vec<_>>().join(" or ")
            }
            Shape::Free => "anything".into(),
        }
    }
}
