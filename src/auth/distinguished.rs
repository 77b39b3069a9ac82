//! Distinguished names as users' names: written by hand in the configuration, with spaces and in
//! any order, and compared with the subject of a certificate.

/// Parts of a name: what each is (`CN`), and its value.
pub type Parts = [(String, String)];

/// One spelling for names whose parts are equal and in the same order.
pub fn ordered(parts: &Parts) -> String {
    parts.iter().map(spell).collect::<Vec<_>>().join(",")
}

/// One spelling for names whose parts are equal in any order. No ordered name reads like it.
pub fn unordered(parts: &Parts) -> String {
    let mut parts: Vec<_> = parts.iter().map(spell).collect();
    parts.sort();
    format!("{{{}}}", parts.join(","))
}

/// Reads a name such as `CN=joe, O=Users`; `None` where it is none.
pub fn parse(text: &str) -> Option<Vec<(String, String)>> {
    split(text)?.into_iter().map(|part| read(&part)).collect()
}

fn spell((kind, value): &(String, String)) -> String {
    let mut out = format!("{}=", kind.to_uppercase());
    for letter in value.chars() {
        if matches!(letter, ',' | '+' | '\\' | '{' | '}') {
            out.push('\\');
        }
        out.push(letter);
    }
    out
}

/// The parts as written, with their escapes. `None` where an escape has no end.
fn split(text: &str) -> Option<Vec<String>> {
    let mut parts = vec![String::new()];
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        if matches!(letter, ',' | '+' | ';') {
            parts.push(String::new());
            continue;
        }
        let part = parts.last_mut()?;
        part.push(letter);
        if letter == '\\' {
            part.push(letters.next()?);
        }
    }
    Some(parts)
}

fn read(part: &str) -> Option<(String, String)> {
    let (kind, value) = part.split_once('=')?;
    let kind = kind.trim();
    if kind.is_empty() || !kind.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.') {
        return None;
    }
    let mut out = String::new();
    let mut letters = value.trim().chars();
    while let Some(letter) = letters.next() {
        out.push(if letter == '\\' { letters.next()? } else { letter });
    }
    Some((kind.to_uppercase(), out))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(a: &str, b: &str) -> (bool, bool) {
        let (a, b) = (parse(a).unwrap(), parse(b).unwrap());
        (ordered(&a) == ordered(&b), unordered(&a) == unordered(&b))
    }

    #[test]
    fn names_are_compared_by_their_parts() {
        assert_eq!(same("CN=joe,O=Users", "cn = joe , O=Users"), (true, true));
        assert_eq!(same("CN=joe,O=Users", "O=Users, CN=joe"), (false, true));
        assert_eq!(same("CN=joe,O=Users", "CN=joe,O=Users,O=Users"), (false, false));
        assert_eq!(same("CN=a\\,b,O=c", "CN=a,O=b\\,c"), (false, false));
        assert_eq!(same("CN=joe+O=Users", "CN=joe,O=Users"), (true, true));
    }

    #[test]
    fn what_is_no_name_is_none() {
        for text in ["", "joe", "joe@example.com", "CN=joe,", "=joe", "CN=joe\\", "a b=c"] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn the_two_spellings_are_never_mixed_up() {
        let parts = parse("CN=\\{a\\}").unwrap();
        assert_ne!(ordered(&parts), unordered(&parts));
        assert!(!ordered(&parse("x=y").unwrap()).starts_with('{'));
    }
}
