//! [`Terms`]: what passes a leaf link.

use std::sync::Arc;

use vagus_auth::{Filter, SubjectRules};
use vagus_subject::{has_wildcards, is_subset};

use super::leaf_lane::LOOP_PREFIX;

/// See the module's text.
#[derive(Default)]
pub struct Terms {
    /// What is not sent to the other end.
    outward: Option<Arc<Filter>>,
    /// What is not taken from the other end.
    inward: Option<Arc<Filter>>,
    /// What it is not asked for, besides, and not heard about.
    private: Vec<Vec<u8>>,
    /// What is not sent to it, though it may not know that.
    withheld: Vec<Vec<u8>>,
}

/// Answers find their way back whatever is denied.
const ANSWERS: [&[u8]; 2] = [b"_R_.", b"$JS.ACK."];

/// Nothing of some interest is left.
#[derive(Debug)]
pub struct Denied;

// === impl Terms ===

impl Terms {
    /// Each end keeps what is `private` to itself, and this one does not send what is `withheld`;
    /// besides, only what `outward` allows is sent, and only what `inward` allows is taken.
    #[must_use]
    pub fn new(
        mut outward: SubjectRules,
        inward: SubjectRules,
        private: &[String],
        withheld: &[String],
    ) -> Self {
        outward.deny.extend(private.iter().chain(withheld).cloned());
        let patterns = |all: &[String]| all.iter().map(|one| one.as_bytes().to_vec()).collect();
        let filter = |rules: SubjectRules| {
            (rules != SubjectRules::default()).then(|| Arc::new(Filter::new(&rules)))
        };
        Self {
            outward: filter(outward),
            inward: filter(inward),
            private: patterns(private),
            withheld: patterns(withheld),
        }
    }

    /// What is kept back from interest in `subject` at the other end.
    ///
    /// # Errors
    /// When that is all.
    pub fn outward(&self, subject: &[u8]) -> Result<Option<Arc<Filter>>, Denied> {
        let Some(filter) = &self.outward else { return Ok(None) };
        if [LOOP_PREFIX].iter().chain(&ANSWERS).any(|prefix| subject.starts_with(prefix)) {
            return Ok(None);
        }
        match has_wildcards(subject) {
            true => Ok(Some(Arc::clone(filter))),
            false if filter.denies(subject) => Err(Denied),
            false => Ok(None),
        }
    }

    /// Whether the other end may want the subject in vain: it is not told that it is kept back.
    #[must_use]
    pub fn keeps_back(&self, subject: &[u8]) -> bool {
        let mut all = self.private.iter().chain(&self.withheld);
        all.any(|pattern| is_subset(subject, pattern))
    }

    /// Whether each end keeps the subject to itself.
    #[must_use]
    fn is_private(&self, subject: &[u8]) -> bool {
        self.private.iter().any(|pattern| is_subset(subject, pattern))
    }

    /// Whether a message is taken from the other end.
    #[must_use]
    pub fn takes(&self, subject: &[u8]) -> bool {
        // Looked up in the filter of this direction, it would cost every message something.
        if subject.starts_with(b"$") && self.is_private(subject) {
            return false;
        }
        let Some(filter) = &self.inward else { return true };
        ANSWERS.iter().any(|prefix| subject.starts_with(prefix)) || !filter.denies(subject)
    }

    /// Whether the other end is told of interest in `subject`.
    #[must_use]
    pub fn tells(&self, subject: &[u8]) -> bool {
        if subject.starts_with(LOOP_PREFIX) {
            return true;
        }
        !self.is_private(subject)
            && self.inward.as_ref().is_none_or(|filter| !filter.denies_all(subject))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(allow: Option<&[&str]>, deny: &[&str]) -> SubjectRules {
        let owned = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
        SubjectRules { allow: allow.map(owned), deny: owned(deny) }
    }

    #[test]
    fn each_direction_has_rules_of_its_own() {
        let (outward, inward) = (rules(None, &["out.no"]), rules(Some(&["in.>"]), &["in.no"]));
        let terms = Terms::new(outward, inward, &[], &["own.>".to_owned()]);
        assert!(terms.outward(b"out.no").is_err());
        assert!(terms.outward(b"out.yes").unwrap().is_none());
        let filter = terms.outward(b"out.*").unwrap().unwrap();
        assert!(filter.denies(b"out.no") && !filter.denies(b"out.yes"));
        assert!(terms.takes(b"in.a") && !terms.takes(b"in.no") && !terms.takes(b"other"));
        assert!(terms.tells(b"in.a") && terms.tells(b">") && terms.tells(b"in.*"));
        assert!(!terms.tells(b"in.no") && !terms.tells(b"other.>"));
        assert!(terms.outward(b"own.a").is_err() && terms.keeps_back(b"own.a"));
        assert!(!terms.keeps_back(b"out.no"));
    }

    #[test]
    fn what_is_private_stays_and_answers_do_not() {
        let private = ["$JS.API.>", "$KV.>"].map(str::to_owned);
        let terms = Terms::new(SubjectRules::default(), SubjectRules::default(), &private, &[]);
        assert!(terms.outward(b"$JS.API.INFO").is_err() && !terms.tells(b"$JS.API.>"));
        assert!(!terms.takes(b"$JS.API.INFO") && terms.keeps_back(b"$JS.API.>"));
        assert!(terms.outward(b">").unwrap().unwrap().denies(b"$KV.b.k"));
        let strict = Terms::new(rules(Some(&[]), &[]), rules(Some(&[]), &[]), &[], &[]);
        assert!(strict.takes(b"_R_.abc.1") && strict.takes(b"$JS.ACK.S.C.1.2.3.4.5"));
        assert!(strict.tells(b"$LDS.x") && strict.outward(b"$LDS.x").is_ok());
    }
}
