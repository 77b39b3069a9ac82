//! The key reference, written from the schema.

use std::collections::HashSet;
use std::fmt::Write;

use crate::schema::{Block, Key, State, TOP};

/// A Markdown text with a table for each block of the language.
pub fn reference() -> String {
    let mut out = String::from(
        "# Configuration reference\n\n\
         Status: *built* is acted upon; *ignored* is known, but leaves a warning; *refused* is \
         known, and the server does not start with it, for it would protect less than the \
         configuration says.\n",
    );
    let mut seen = HashSet::new();
    write_block(&mut out, "Top level", &TOP, &mut seen);
    out
}

fn write_block(
    out: &mut String,
    title: &str,
    block: &'static Block,
    seen: &mut HashSet<*const Block>,
) {
    if !seen.insert(std::ptr::from_ref(block)) {
        return;
    }
    // Writing to a string cannot fail.
    let _ = write!(out, "\n## {title}\n\n");
    out.push_str("| key | value | default | reload | status | meaning |\n|--|--|--|--|--|--|\n");
    for key in block.keys {
        write_key(out, key);
    }
    for key in block.keys {
        for inner in key.shape.blocks() {
            let title = match block.name {
                "top level" => format!("`{}`", key.name),
                _ => format!("`{}`", inner.name),
            };
            write_block(out, &title, inner, seen);
        }
    }
}

fn write_key(out: &mut String, key: &Key) {
    let mut names = format!("`{}`", key.name);
    for alias in key.aliases {
        let _ = write!(names, ", `{alias}`");
    }
    let default = if key.default.is_empty() { String::new() } else { format!("`{}`", key.default) };
    let reload = if key.reloadable { "yes" } else { "no" };
    let status = match key.state {
        State::Built => "built",
        State::Ignored => "ignored",
        State::Refused => "refused",
    };
    let (value, doc) = (key.shape.wanted(), key.doc);
    let _ = writeln!(out, "| {names} | {value} | {default} | {reload} | {status} | {doc} |");
}
