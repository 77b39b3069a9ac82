//! Transforms: rules that give a message another subject.
//!
//! A transform has a source pattern and a destination. Tokens of the destination are literal, or
//! take something from the source's wildcards: `$n`, or a function in double braces such as
//! `{{partition(10,1)}}` (`transform/function.rs` has them all). A `>` in the source needs one
//! in the destination, and stands for the same tokens.
//!
//! [`Mappings`] puts transforms together as an account does: by source, with weights and clusters.

mod error;
mod function;
mod mappings;

pub use error::{DestinationError, MappingError, TransformError};
pub use mappings::{Destination, Mappings, Resolved};

use crate::relation::is_subset;
use crate::syntax::{
    ANY_TAIL, ANY_TOKEN, SEPARATOR, has_wildcards, is_white, join, token_count, tokens,
};
use function::{Call, Function};

/// What a transform is for, which decides what its destination may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A subject mapping of an account: everything but `left` and `right`.
    Mapping,
    /// The subject transform of a stream, or of its mirror or sources: as a mapping, but no
    /// destination leaves the subject alone. Applies to literal subjects only.
    Stream,
    /// The republishing of a stream: every function. No destination is `>`. Applies to literal
    /// subjects only.
    Republish,
    /// An import of another account: reversible, so wildcards only, and all of them.
    Import,
}

/// A compiled transform.
#[derive(Clone, Debug)]
pub struct Transform {
    source: Box<[u8]>,
    destination: Box<[u8]>,
    kind: Kind,
    /// One for each token of the destination.
    steps: Box<[Step]>,
    /// Whether the result is `destination`, whatever the subject.
    is_constant: bool,
}

/// What one token of the destination writes.
#[derive(Clone, Debug)]
enum Step {
    Literal(Box<[u8]>),
    /// A function, and the tokens of the subject (from 0) that it works on.
    Call(Function, Box<[usize]>),
    /// The tokens that the source's `>` stands for.
    Tail,
}

// === impl Transform ===

impl Transform {
    /// Compiles a transform. No source is `>`.
    pub fn new(source: &[u8], destination: &[u8], kind: Kind) -> Result<Self, TransformError> {
        let source = if source.is_empty() { ANY_TAIL } else { source };
        let identity;
        let destination = match (destination.is_empty(), kind) {
            (true, Kind::Stream) => {
                identity = numbered(source);
                &identity
            }
            (true, Kind::Republish) => ANY_TAIL,
            _ => destination,
        };
        if matches!(kind, Kind::Mapping | Kind::Stream) && !destination.is_empty() {
            check_mapping(destination)?;
        }
        let from = Shape::of(source).ok_or(TransformError::BadSubject)?;
        let to = Shape::of(destination).ok_or(TransformError::BadSubject)?;
        if !to.wildcards.is_empty() || from.has_tail != to.has_tail {
            return Err(TransformError::BadSubject);
        }
        let steps = compile(destination, &from, kind)?;
        Ok(Transform {
            source: source.into(),
            destination: destination.into(),
            kind,
            is_constant: steps.iter().all(|step| matches!(step, Step::Literal(_))),
            steps,
        })
    }

    /// The pattern of the subjects that this transform is for.
    pub fn source(&self) -> &[u8] {
        &self.source
    }

    /// The destination as it was written.
    pub fn destination(&self) -> &[u8] {
        &self.destination
    }

    /// Whether [`Transform::apply`] gives this subject another one (or itself).
    pub fn covers(&self, subject: &[u8]) -> bool {
        let literal_only = matches!(self.kind, Kind::Stream | Kind::Republish);
        is_subset(subject, &self.source)
            && !(literal_only && (has_wildcards(subject) || tokens(subject).any(<[u8]>::is_empty)))
    }

    /// The new subject, or `None` when the subject is not one of the source.
    pub fn apply(&self, subject: &[u8], rng: &mut fastrand::Rng) -> Option<Vec<u8>> {
        if !self.covers(subject) {
            return None;
        }
        if self.is_constant {
            return Some(self.destination.to_vec());
        }
        let given: Vec<&[u8]> = tokens(subject).collect();
        let mut out = Vec::with_capacity(self.destination.len() + subject.len());
        for (i, step) in self.steps.iter().enumerate() {
            if i > 0 {
                out.push(SEPARATOR);
            }
            match step {
                Step::Literal(token) => out.extend_from_slice(token),
                Step::Call(function, at) => function.run(subject, &given, at, rng, &mut out),
                // The `>` of the source is its last token.
                Step::Tail => join(&given[token_count(&self.source) - 1..], &mut out),
            }
        }
        Some(out)
    }

    /// The transform that leads back. Only an import has one: the other kinds may lose tokens.
    pub fn reversed(&self) -> Option<Transform> {
        if self.kind != Kind::Import {
            return None;
        }
        // Which token of the source each wildcard of the new source came from.
        let mut origins: Vec<usize> = Vec::new();
        let mut source: Vec<&[u8]> = Vec::new();
        for (step, token) in self.steps.iter().zip(tokens(&self.destination)) {
            match step {
                Step::Call(_, at) => {
                    origins.extend(at.first());
                    source.push(ANY_TOKEN);
                }
                Step::Literal(_) | Step::Tail => source.push(token),
            }
        }
        let mut destination = Vec::new();
        for (i, token) in tokens(&self.source).enumerate() {
            destination.push(if token == ANY_TOKEN {
                let number = origins.iter().position(|&origin| origin == i)? + 1;
                format!("${number}").into_bytes()
            } else {
                token.to_vec()
            });
        }
        let (source, destination) = (source.join(&SEPARATOR), destination.join(&SEPARATOR));
        Transform::new(&source, &destination, Kind::Import).ok()
    }
}

/// The destination that leaves the subjects of `pattern` as they are: `a.*.b.*` as `a.$1.b.$2`.
pub fn numbered(pattern: &[u8]) -> Vec<u8> {
    let mut count = 0;
    let mut number = |token: &[u8]| {
        if token != ANY_TOKEN {
            return token.to_vec();
        }
        count += 1;
        format!("${count}").into_bytes()
    };
    tokens(pattern).map(&mut number).collect::<Vec<_>>().join(&SEPARATOR)
}

/// The wildcards of a source or destination.
struct Shape {
    /// Which tokens (from 0) are `*`.
    wildcards: Vec<usize>,
    has_tail: bool,
}

impl Shape {
    /// None when a token is empty, or a `>` is not at the end. White space is allowed here: the
    /// arguments of a function may hold some.
    fn of(subject: &[u8]) -> Option<Self> {
        let mut shape = Shape { wildcards: Vec::new(), has_tail: false };
        for (i, token) in tokens(subject).enumerate() {
            if token.is_empty() || shape.has_tail {
                return None;
            }
            shape.has_tail = token == ANY_TAIL;
            if token == ANY_TOKEN {
                shape.wildcards.push(i);
            }
        }
        (!subject.is_empty()).then_some(shape)
    }

    fn is_literal(&self) -> bool {
        self.wildcards.is_empty() && !self.has_tail
    }
}

/// The rules for destinations that somebody writes into a configuration.
fn check_mapping(destination: &[u8]) -> Result<(), TransformError> {
    let mut is_over = false;
    for token in tokens(destination) {
        if token.is_empty() || is_over {
            return Err(DestinationError::InvalidTransform.in_token(token));
        }
        if function::is_braced(token) {
            if !function::is_known_to_mappings(token) {
                return Err(DestinationError::UnknownFunction.in_token(token));
            }
        } else if token.iter().any(|&byte| is_white(byte)) {
            return Err(DestinationError::InvalidTransform.in_token(b""));
        }
        is_over = token == ANY_TAIL;
    }
    Ok(())
}

fn compile(destination: &[u8], from: &Shape, kind: Kind) -> Result<Box<[Step]>, TransformError> {
    let mut used = 0;
    let mut steps = Vec::new();
    for token in tokens(destination) {
        steps.push(match function::parse(token)? {
            Some(call) => {
                used += call.wildcards.len();
                resolve(call, token, from, kind)?
            }
            None if token == ANY_TAIL => Step::Tail,
            None => Step::Literal(token.into()),
        });
    }
    if kind == Kind::Import && used < from.wildcards.len() {
        return Err(DestinationError::NotAllWildcards.in_token(destination));
    }
    Ok(steps.into())
}

/// Turns the numbers of wildcards into positions in the subject.
fn resolve(call: Call, token: &[u8], from: &Shape, kind: Kind) -> Result<Step, TransformError> {
    if from.is_literal() {
        // There is no wildcard to take anything from. A partition is that of the whole subject.
        return match call.function {
            Function::Random(_) | Function::Partition(_) => {
                Ok(Step::Call(call.function, Box::default()))
            }
            _ => Err(DestinationError::IndexOutOfRange.in_token(token)),
        };
    }
    if kind == Kind::Import && !matches!(call.function, Function::Wildcard) {
        return Err(DestinationError::NotForImports.in_token(token));
    }
    let position = |&number: &i64| match usize::try_from(number) {
        // Not an error, for nats-server takes it: the first token, be it a wildcard or not.
        Ok(0) | Err(_) => Ok(0),
        Ok(number) => from.wildcards.get(number - 1).copied().ok_or_else(|| {
            let place = [token, format!(": [{number}]").as_bytes()].concat();
            DestinationError::IndexOutOfRange.in_token(&place)
        }),
    };
    let positions = call.wildcards.iter().map(position).collect::<Result<Box<[_]>, _>>()?;
    Ok(Step::Call(call.function, positions))
}
