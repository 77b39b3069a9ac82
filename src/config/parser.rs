//! Builds the tree: maps, lists, variables and includes.

mod include;
mod variable;

use std::cell::{Cell, RefCell};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Position};
use crate::lexer::{Lexer, Scalar};
use crate::value::{Map, Node, Value};

/// How deep maps, lists, includes and variables may be nested altogether.
pub const NESTING_MAX: usize = 100;
/// How many values one configuration may hold, the copies made by variables included.
pub const VALUES_MAX: usize = 1_000_000;

/// How variables that the files do not define are looked up.
pub type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// A whole configuration as written.
#[derive(Debug, Clone)]
pub struct Document {
    pub root: Map,
    /// Every file that was read, the first one first.
    pub files: Vec<PathBuf>,
}

/// Why a file can't be read, with the reason in lower case and without the system's number for it.
pub(crate) fn not_opened(path: &Path, error: &std::io::Error) -> String {
    let text = error.to_string();
    let reason = text.split(" (os error").next().unwrap_or(&text).to_lowercase();
    format!("open {}: {reason}", path.display())
}

/// Reads a file and what it includes.
pub fn parse_file(path: &Path, env: Env<'_>) -> Result<Document, Diagnostic> {
    let shared = Shared::new(env, true);
    let text =
        std::fs::read(path).map_err(|error| Diagnostic::general(not_opened(path, &error)))?;
    let identity = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    shared.files.borrow_mut().push(path.to_owned());
    shared.including.borrow_mut().push(identity);
    let root = Parser::new(&text, &path.display().to_string(), path.parent(), &shared, 0).root()?;
    Ok(Document { root, files: shared.files.into_inner() })
}

/// Reads text. Includes are refused, for there is no directory they could be relative to.
pub fn parse_text(text: &[u8], name: &str, env: Env<'_>) -> Result<Document, Diagnostic> {
    let shared = Shared::new(env, false);
    let root = Parser::new(text, name, None, &shared, 0).root()?;
    Ok(Document { root, files: Vec::new() })
}

/// What the parsers of a file, of its includes and of its environment variables share.
pub(crate) struct Shared<'a> {
    env: Env<'a>,
    includes_allowed: bool,
    values: Cell<usize>,
    files: RefCell<Vec<PathBuf>>,
    /// Files being read, outermost first.
    including: RefCell<Vec<PathBuf>>,
    /// Environment variables being read, outermost first.
    expanding: RefCell<Vec<String>>,
}

impl<'a> Shared<'a> {
    fn new(env: Env<'a>, includes_allowed: bool) -> Self {
        Self {
            env,
            includes_allowed,
            values: Cell::new(0),
            files: RefCell::default(),
            including: RefCell::default(),
            expanding: RefCell::default(),
        }
    }
}

pub(crate) struct Parser<'a> {
    lexer: Lexer<'a>,
    /// The maps being filled, outermost first; variables are looked up from the last to the first.
    scopes: Vec<Map>,
    depth: usize,
    dir: Option<PathBuf>,
    file: Arc<str>,
    shared: &'a Shared<'a>,
}

impl<'a> Parser<'a> {
    fn new(
        text: &'a [u8],
        name: &str,
        dir: Option<&Path>,
        shared: &'a Shared<'a>,
        depth: usize,
    ) -> Self {
        let file: Arc<str> = Arc::from(name);
        Self {
            lexer: Lexer::new(text, file.clone()),
            scopes: vec![Map::new()],
            depth,
            dir: dir.map(Path::to_owned),
            file,
            shared,
        }
    }

    /// The whole text. Braces around all of it, or around parts, mean nothing.
    fn root(mut self) -> Result<Map, Diagnostic> {
        let mut open = 0usize;
        let mut after_value = false;
        loop {
            self.lexer.skip_space_and_comments();
            match self.lexer.peek() {
                None => return Ok(self.finished()),
                Some(b'{') => {
                    self.lexer.bump();
                    open += 1;
                }
                // A closing brace too many is forgiven after a value and at the end of the text.
                Some(b'}') if open > 0 || after_value => {
                    self.lexer.bump();
                    open = open.saturating_sub(1);
                }
                Some(b'}') if self.lexer.only_closing_left() => return Ok(self.finished()),
                Some(b',' | b';') if open > 0 => {
                    self.lexer.bump();
                }
                Some(_) => {
                    self.entry(true)?;
                    self.end_of_entry(Place::Top)?;
                    after_value = true;
                    continue;
                }
            }
            after_value = false;
        }
    }

    /// One `key value` pair, or an include.
    fn entry(&mut self, top: bool) -> Result<(), Diagnostic> {
        if let Some(b'=' | b':') = self.lexer.peek() {
            return Err(self
                .lexer
                .error(format!("unexpected {} where a key should be", self.lexer.shown())));
        }
        if self.lexer.peek() == Some(b'/') {
            return Err(self.lexer.error("a key cannot start with '/'; quote it"));
        }
        let key = self.lexer.key()?;
        let spaced = !matches!(self.lexer.peek(), None | Some(b'=' | b':'));
        if spaced && !key.quoted && key.text.eq_ignore_ascii_case("include") {
            return self.include(&key.at);
        }
        self.lexer.skip_space();
        match self.lexer.peek() {
            Some(b'=' | b':') => {
                self.lexer.bump();
                self.lexer.skip_blank();
                if !top {
                    self.lexer.skip_space();
                }
            }
            None => {
                let why = format!("key {:?} has no value", key.text);
                return Err(Diagnostic::error(&key.at, why));
            }
            Some(_) => {}
        }
        if !top && matches!(self.lexer.peek(), None | Some(b',' | b'}')) {
            let why = format!("key {:?} has no value", key.text);
            return Err(Diagnostic::error(&key.at, why));
        }
        let value = self.value()?;
        self.set(key.text, Node { value, at: key.at, used: false });
        Ok(())
    }

    /// The innermost map, which is complete.
    fn finished(&mut self) -> Map {
        self.scopes.pop().unwrap_or_default()
    }

    fn set(&mut self, key: String, node: Node) {
        if let Some(scope) = self.scopes.last_mut() {
            scope.insert(key, node);
        }
    }

    fn value(&mut self) -> Result<Value, Diagnostic> {
        self.count(1)?;
        let at = self.lexer.position();
        match self.lexer.peek() {
            Some(b'{') => self.nested(Self::map),
            Some(b'[') => self.nested(Self::list),
            _ => match self.lexer.scalar()? {
                Scalar::Value(value) => Ok(value),
                Scalar::Variable(name) => self.variable(&name, &at),
            },
        }
    }

    fn nested(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<Value, Diagnostic>,
    ) -> Result<Value, Diagnostic> {
        self.descend(&self.lexer.position())?;
        let value = read(self)?;
        self.depth -= 1;
        Ok(value)
    }

    fn descend(&mut self, at: &Position) -> Result<(), Diagnostic> {
        self.depth += 1;
        if self.depth > NESTING_MAX {
            let why = format!("nested deeper than {NESTING_MAX} levels");
            return Err(Diagnostic::error(at, why));
        }
        Ok(())
    }

    /// Counts values, so that variables which name lists of variables cannot fill the memory.
    fn count(&self, values: usize) -> Result<(), Diagnostic> {
        let total = self.shared.values.get().saturating_add(values);
        self.shared.values.set(total);
        if total > VALUES_MAX {
            return Err(self.lexer.error(format!("more than {VALUES_MAX} values")));
        }
        Ok(())
    }

    fn map(&mut self) -> Result<Value, Diagnostic> {
        let opened = self.lexer.position();
        self.lexer.bump();
        self.scopes.push(Map::new());
        loop {
            self.lexer.skip_space_and_comments();
            match self.lexer.peek() {
                None => return Err(Diagnostic::error(&opened, "block is not closed")),
                Some(b'}') => {
                    self.lexer.bump();
                    return Ok(Value::Map(self.finished()));
                }
                Some(b']') => return Err(self.lexer.error("unexpected ']' inside a block")),
                Some(_) => {
                    self.entry(false)?;
                    self.end_of_entry(Place::Map)?;
                }
            }
        }
    }

    fn list(&mut self) -> Result<Value, Diagnostic> {
        let opened = self.lexer.position();
        self.lexer.bump();
        let mut items = Vec::new();
        loop {
            self.lexer.skip_space_and_comments();
            match self.lexer.peek() {
                None => return Err(Diagnostic::error(&opened, "list is not closed")),
                Some(b']') => {
                    self.lexer.bump();
                    return Ok(Value::List(items));
                }
                Some(b',' | b';' | b'}' | b'/') => {
                    let shown = self.lexer.shown();
                    return Err(self.lexer.error(format!("unexpected {shown} in a list")));
                }
                Some(_) => {
                    let at = self.lexer.position();
                    let value = self.value()?;
                    items.push(Node { value, at, used: false });
                    self.end_of_entry(Place::List)?;
                }
            }
        }
    }

    /// What may follow a value: a terminator is consumed, a closing bracket is left in place.
    fn end_of_entry(&mut self, place: Place) -> Result<(), Diagnostic> {
        self.lexer.skip_blank();
        self.lexer.skip_comment();
        match (self.lexer.peek(), place) {
            (None | Some(b'\n' | b'\r'), _)
            | (Some(b'}'), Place::Top | Place::Map)
            | (Some(b']'), Place::List) => Ok(()),
            (Some(b','), _) | (Some(b';'), Place::Top | Place::Map) => {
                self.lexer.bump();
                Ok(())
            }
            _ => {
                let (shown, after) = (self.lexer.shown(), place.after());
                Err(self.lexer.error(format!("expected {after} after a value, got {shown}")))
            }
        }
    }
}

#[derive(Clone, Copy)]
enum Place {
    Top,
    Map,
    List,
}

impl Place {
    fn after(self) -> &'static str {
        match self {
            Place::Top => "a new line, ',' or ';'",
            Place::Map => "a new line, ',', ';' or '}'",
            Place::List => "a new line, ',' or ']'",
        }
    }
}
