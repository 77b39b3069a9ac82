//! The syntax of JSON, with Go's words for what breaks it, and the way to a value in a text.

use super::decode::Step;

/// Why a text is not JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SyntaxError {
    /// It stops too early.
    End,
    /// A byte that does not belong where it is, how that place is called, and its number (from 1).
    Byte { byte: u8, place: String, offset: usize },
}

type Scanned = Result<usize, SyntaxError>;

/// Objects and lists within one another: a little less than what the reader behind this one takes.
const DEPTH_MAX: usize = 120;

/// The documents of a text: one, or if `many` any number.
pub(super) fn documents(text: &[u8], many: bool) -> Result<Vec<&[u8]>, SyntaxError> {
    let mut found = Vec::new();
    let mut at = blanks(text, 0);
    while at < text.len() || (found.is_empty() && !many) {
        if !found.is_empty() && !many {
            return Err(wrong(text, at, "after top-level value"));
        }
        let end = value(text, at, 0)?;
        found.push(&text[at..end]);
        at = blanks(text, end);
    }
    Ok(found)
}

fn blanks(text: &[u8], mut at: usize) -> usize {
    while matches!(text.get(at), Some(b' ' | b'\t' | b'\r' | b'\n')) {
        at += 1;
    }
    at
}

fn wrong(text: &[u8], at: usize, place: &str) -> SyntaxError {
    match text.get(at) {
        Some(&byte) => SyntaxError::Byte { byte, place: place.to_owned(), offset: at + 1 },
        None => SyntaxError::End,
    }
}

/// The end of the value that starts here.
fn value(text: &[u8], at: usize, depth: usize) -> Scanned {
    let Some(byte) = text.get(at) else { return Err(SyntaxError::End) };
    match byte {
        b'{' | b'[' if depth >= DEPTH_MAX => Err(wrong(text, at, "nested too deep")),
        b'{' => object(text, at + 1, depth + 1),
        b'[' => array(text, at + 1, depth + 1),
        b'"' => string(text, at + 1),
        b'-' | b'0'..=b'9' => number(text, at),
        b't' => literal(text, at, "true"),
        b'f' => literal(text, at, "false"),
        b'n' => literal(text, at, "null"),
        _ => Err(wrong(text, at, "looking for beginning of value")),
    }
}

fn object(text: &[u8], at: usize, depth: usize) -> Scanned {
    let mut at = blanks(text, at);
    if text.get(at) == Some(&b'}') {
        return Ok(at + 1);
    }
    loop {
        if text.get(at) != Some(&b'"') {
            return Err(wrong(text, at, "looking for beginning of object key string"));
        }
        at = blanks(text, string(text, at + 1)?);
        if text.get(at) != Some(&b':') {
            return Err(wrong(text, at, "after object key"));
        }
        at = blanks(text, value(text, blanks(text, at + 1), depth)?);
        match text.get(at) {
            Some(b',') => at = blanks(text, at + 1),
            Some(b'}') => return Ok(at + 1),
            _ => return Err(wrong(text, at, "after object key:value pair")),
        }
    }
}

fn array(text: &[u8], at: usize, depth: usize) -> Scanned {
    let mut at = blanks(text, at);
    if text.get(at) == Some(&b']') {
        return Ok(at + 1);
    }
    loop {
        at = blanks(text, value(text, at, depth)?);
        match text.get(at) {
            Some(b',') => at = blanks(text, at + 1),
            Some(b']') => return Ok(at + 1),
            _ => return Err(wrong(text, at, "after array element")),
        }
    }
}

/// Behind the opening quote.
fn string(text: &[u8], mut at: usize) -> Scanned {
    loop {
        match text.get(at) {
            Some(b'"') => return Ok(at + 1),
            Some(b'\\') => at = escape(text, at + 1)?,
            Some(0x20..) => at += 1,
            _ => return Err(wrong(text, at, "in string literal")),
        }
    }
}

fn escape(text: &[u8], at: usize) -> Scanned {
    match text.get(at) {
        Some(b'b' | b'f' | b'n' | b'r' | b't' | b'\\' | b'/' | b'"') => Ok(at + 1),
        Some(b'u') => {
            let digits = at + 1..at + 5;
            let bad = digits.clone().find(|&at| !text.get(at).is_some_and(u8::is_ascii_hexdigit));
            match bad {
                Some(at) => Err(wrong(text, at, "in \\u hexadecimal character escape")),
                None => Ok(digits.end),
            }
        }
        _ => Err(wrong(text, at, "in string escape code")),
    }
}

fn number(text: &[u8], at: usize) -> Scanned {
    let digits = |mut at: usize, place: &str| {
        if !text.get(at).is_some_and(u8::is_ascii_digit) {
            return Err(wrong(text, at, place));
        }
        while text.get(at).is_some_and(u8::is_ascii_digit) {
            at += 1;
        }
        Ok(at)
    };
    let start = if text.get(at) == Some(&b'-') { at + 1 } else { at };
    let mut at = if text.get(start) == Some(&b'0') {
        start + 1
    } else {
        digits(start, "in numeric literal")?
    };
    if text.get(at) == Some(&b'.') {
        at = digits(at + 1, "after decimal point in numeric literal")?;
    }
    if matches!(text.get(at), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(text.get(at + 1), Some(b'+' | b'-')));
        at = digits(at + 1 + sign, "in exponent of numeric literal")?;
    }
    Ok(at)
}

fn literal(text: &[u8], at: usize, word: &str) -> Scanned {
    for (n, expected) in word.bytes().enumerate() {
        if text.get(at + n) != Some(&expected) {
            let place = format!("in literal {word} (expecting {:?})", char::from(expected));
            return Err(wrong(text, at + n, &place));
        }
    }
    Ok(at + word.len())
}

/// The text of the value at the end of the way. Of two fields of a name it is the last.
pub(super) fn find<'a>(document: &'a [u8], way: &[Step]) -> Option<&'a [u8]> {
    let at = blanks(document, 0);
    let Some((step, rest)) = way.split_first() else {
        return Some(&document[at..value(document, at, 0).ok()?]);
    };
    if !matches!(document.get(at)?, b'{' | b'[') {
        return None;
    }
    let mut found = None;
    let mut index = 0;
    let mut at = blanks(document, at + 1);
    while !matches!(document.get(at)?, b'}' | b']') {
        let mut hit = *step == Step::Index(index);
        if let Step::Field(name) = step {
            let end = string(document, at + 1).ok()?;
            let key = serde_json::from_slice::<String>(&document[at..end]);
            hit = key.is_ok_and(|key| key.eq_ignore_ascii_case(name));
            at = blanks(document, blanks(document, end) + 1);
        }
        let end = value(document, at, 0).ok()?;
        if hit {
            found = Some(&document[at..end]);
        }
        index += 1;
        at = blanks(document, end);
        if document.get(at) == Some(&b',') {
            at = blanks(document, at + 1);
        }
    }
    find(found?, rest)
}
