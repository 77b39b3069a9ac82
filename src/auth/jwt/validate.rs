//! What is wrong with claims that are well signed.

use vagus_subject::is_valid_subscription;

/// Collects findings, each of which keeps the claims from being used.
#[derive(Default)]
pub(super) struct Findings(Vec<String>);

impl Findings {
    pub(super) fn error_if(&mut self, wrong: bool, text: impl FnOnce() -> String) {
        if wrong {
            self.0.push(text());
        }
    }

    pub(super) fn subject(&mut self, subject: &str) {
        self.error_if(!is_valid_subscription(subject.as_bytes()), || {
            format!("subject {subject:?} is not valid")
        });
    }

    pub(super) fn done(self) -> Vec<String> {
        self.0
    }
}
