//! One certificate: what its authority says of it, and what that is worth.

use std::sync::Arc;
use std::time::SystemTime;

use tracing::{error, warn};
use vagus_config::PeerStatus;
use vagus_tls::{Answer, Status, Subject};

use super::Archive;

/// What is to be found out.
pub(super) struct Question {
    pub digest: String,
    pub subject: Subject,
    pub terms: PeerStatus,
    /// It was revoked when it was last asked about.
    pub was_revoked: bool,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Missing {
    /// Nobody has answered.
    Unreachable { why: String, was_revoked: bool },
    /// What was answered can't be read, or not be trusted.
    Unreadable(String),
    /// What was answered does not count now.
    OutOfDate,
}

pub(super) fn is_current(answer: &Answer, terms: &PeerStatus) -> bool {
    answer.is_current(SystemTime::now(), terms.allowed_clockskew, terms.ttl_without_end)
}

/// Looks for an answer: among those that were kept, then at the responders.
pub(super) async fn look_up(
    archive: Arc<dyn Archive>,
    question: Question,
) -> Result<Answer, Missing> {
    let Question { digest, subject, terms, mut was_revoked } = question;
    if let Some(kept) = archive.kept(&digest).await {
        match subject.read(&kept) {
            Ok(answer) if is_current(&answer, &terms) => return Ok(answer),
            Ok(answer) if answer.status == Status::Revoked => {
                was_revoked = true;
                if !archive.keeps_revoked() {
                    archive.forget(&digest);
                }
            }
            Ok(_) | Err(_) => archive.forget(&digest),
        }
    }
    let told = archive.ask(&subject, terms.ca_timeout).await;
    let told = told.map_err(|why| Missing::Unreachable { why, was_revoked })?;
    let answer = subject.read(&told).map_err(|why| Missing::Unreadable(why.to_string()))?;
    if !is_current(&answer, &terms) {
        return Err(Missing::OutOfDate);
    }
    archive.keep(&digest, told);
    Ok(answer)
}

/// Whether a certificate is good enough; `name` is its subject.
///
/// # Errors
/// Why it is not, as events have it.
pub(super) fn judge(
    found: &Result<Answer, Missing>,
    terms: &PeerStatus,
    name: &str,
) -> Result<(), String> {
    let why = match found {
        Ok(Answer { status: Status::Good, .. }) => return Ok(()),
        Ok(Answer { status: Status::Unknown, .. }) if terms.unknown_is_good => return Ok(()),
        Ok(Answer { status, .. }) => {
            let status = status.name();
            warn!("OCSP verify fail for [{name}] with CA status [{status}]");
            format!("Invalid OCSP response status: {status}")
        }
        Err(Missing::Unreachable { why, .. }) => {
            warn!("Attempt to obtain OCSP response from CA responder for [{name}] failed: {why}");
            "Failed OCSP response fetch".to_owned()
        }
        Err(Missing::Unreadable(why)) => {
            error!("Could not parse OCSP CA response for [{name}]: {why}");
            "Failed OCSP response parse".to_owned()
        }
        Err(Missing::OutOfDate) => {
            warn!("New OCSP CA response obtained for [{name}] but not current");
            "OCSP response not in effectivity window".to_owned()
        }
    };
    if terms.warn_only {
        warn!("OCSP verify fail for [{name}] but WarnOnly is true so allowing");
        return Ok(());
    }
    match found {
        Err(Missing::Unreachable { was_revoked, .. }) if terms.allow_when_ca_unreachable => {
            let failed = format!("Failed to obtain OCSP CA response for [{name}]");
            if *was_revoked {
                warn!(
                    "{failed} but AllowWhenCAUnreachable set; cached revocation exists so rejecting"
                );
                return Err(why);
            }
            warn!("{failed} but AllowWhenCAUnreachable set; no cached revocation so allowing");
            Ok(())
        }
        _ => Err(why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(status: Status) -> Result<Answer, Missing> {
        let (this_update, next_update) = (SystemTime::UNIX_EPOCH, None);
        Ok(Answer { der: Vec::new(), status, this_update, next_update })
    }

    fn unreachable(was_revoked: bool) -> Result<Answer, Missing> {
        Err(Missing::Unreachable { why: "no route".into(), was_revoked })
    }

    #[test]
    fn terms_say_what_an_answer_is_worth() {
        let strict = PeerStatus::default();
        let judge = |found, terms: &PeerStatus| judge(&found, terms, "CN=joe").is_ok();
        assert!(judge(said(Status::Good), &strict));
        let bad = || {
            let others = [Err(Missing::OutOfDate), Err(Missing::Unreadable("bad".into()))];
            let all = [said(Status::Revoked), said(Status::Unknown), unreachable(false)];
            all.into_iter().chain(others)
        };
        assert!(bad().all(|found| !judge(found, &strict)));
        let lenient = PeerStatus { warn_only: true, ..strict.clone() };
        assert!(bad().all(|found| judge(found, &lenient)));
        let unknown = PeerStatus { unknown_is_good: true, ..strict.clone() };
        let passes: Vec<_> = bad().map(|found| judge(found, &unknown)).collect();
        assert_eq!(passes, [false, true, false, false, false]);
        let away = PeerStatus { allow_when_ca_unreachable: true, ..strict };
        let passes: Vec<_> = bad().map(|found| judge(found, &away)).collect();
        assert_eq!(passes, [false, false, true, false, false]);
        assert!(!judge(unreachable(true), &away));
    }
}
