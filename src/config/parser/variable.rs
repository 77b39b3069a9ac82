//! `$name`: looked up in the enclosing maps from the inner to the outer, then in the environment.

use super::Parser;
use crate::diagnostic::{Diagnostic, Position};
use crate::value::Value;

/// The key under which the text of an environment variable is parsed.
const ENV_KEY: &str = "value";

impl Parser<'_> {
    pub(super) fn variable(&mut self, name: &str, at: &Position) -> Result<Value, Diagnostic> {
        // An unquoted bcrypt hash looks like a variable; it is meant as it stands.
        if name.starts_with("2a$") {
            return Ok(Value::Text(format!("${name}")));
        }
        if let Some(node) = self.scopes.iter_mut().rev().find_map(|scope| scope.get_mut(name)) {
            node.used = true;
            let value = node.value.clone();
            self.count(value.weight())?;
            return Ok(value);
        }
        match self.environment(name, at)? {
            Some(value) => Ok(value),
            None => {
                let line = at.line;
                let why =
                    format!("variable reference for '{name}' on line {line} can not be found");
                Err(Diagnostic::error(at, why))
            }
        }
    }

    /// The text of an environment variable means what it would mean in the file.
    fn environment(&self, name: &str, at: &Position) -> Result<Option<Value>, Diagnostic> {
        if self.shared.expanding.borrow().iter().any(|open| open == name) {
            return Err(Diagnostic::error(at, format!("variable reference cycle for '{name}'")));
        }
        let Some(text) = (self.shared.env)(name) else { return Ok(None) };
        self.shared.expanding.borrow_mut().push(name.to_owned());
        let text = format!("{ENV_KEY}={text}");
        let mut parser = Parser::new(text.as_bytes(), &self.file, None, self.shared, self.depth);
        parser.descend(at)?;
        let root = parser.root();
        self.shared.expanding.borrow_mut().pop();
        let root = root.map_err(|inner| {
            let (line, inner) = (at.line, inner.message);
            let why = format!(
                "variable reference for '{name}' on line {line} could not be parsed: {inner}"
            );
            Diagnostic::error(at, why)
        })?;
        Ok(root.get(ENV_KEY).map(|node| node.value.clone()))
    }
}
