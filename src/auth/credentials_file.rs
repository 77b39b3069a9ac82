//! Files that hold a user's JWT and its seed, as `nsc` writes them.

/// The JWT and the seed: the first and the second text between lines of dashes.
#[must_use]
pub fn read_credentials(text: &str) -> Option<(String, String)> {
    let mut within = false;
    let mut parts = Vec::new();
    for line in text.lines().map(str::trim) {
        if line.starts_with("---") {
            within = line.contains("BEGIN");
        } else if within && !line.is_empty() {
            parts.push(line);
        }
    }
    let [jwt, seed, ..] = parts[..] else { return None };
    Some((jwt.to_owned(), seed.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::read_credentials;

    #[test]
    fn a_file_holds_a_jwt_and_a_seed() {
        let text = "-----BEGIN NATS USER JWT-----\na.b.c\n------END NATS USER JWT------\n\n\
            ***\nkeep this secret\n\n-----BEGIN USER NKEY SEED-----\nSU1\n\
            ------END USER NKEY SEED------\n";
        assert_eq!(read_credentials(text), Some(("a.b.c".to_owned(), "SU1".to_owned())));
        assert_eq!(read_credentials("a.b.c\nSU1"), None);
    }
}
