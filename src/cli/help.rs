//! The texts of `--help` and `--help_tls`, both written from declarations.

use std::fmt::Write;

use vagus_config::schema::{self, Shape, State};

use super::flags::ServeCli;

/// What `--help` prints.
pub(super) fn usage() -> String {
    ServeCli::declared().render_help().to_string()
}

/// What `--help_tls` prints: the keys of the `tls` block.
pub(super) fn tls() -> String {
    let mut out = String::from("TLS is configured by the \"tls\" block of the configuration file");
    let Some(key) = schema::find("tls") else { return out + ".\n" };
    if key.state != State::Built {
        out.push_str(" (not implemented yet)");
    }
    out.push_str(":\n\n");
    let shapes = match key.shape {
        Shape::OneOf(shapes) => shapes,
        ref shape => std::slice::from_ref(shape),
    };
    for shape in shapes {
        if let Shape::Block(block) = shape {
            for key in block.keys {
                // Writing to a String can't fail.
                let _ = writeln!(out, "    {:32} {}", key.name, key.doc);
            }
        }
    }
    out
}
