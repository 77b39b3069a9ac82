//! How servers that have all claims come to have the same ones: each asks one of the others from
//! time to time whether it has the same, and is sent all of that one's if it has not.

use std::cmp::Ordering;

use tracing::warn;
use vagus_auth::KnownAccount;
use vagus_runtime::Cx;

use super::Resolver;
use super::requests::{self, PACK};
use crate::delivery::{Post, outlet};

impl Resolver {
    /// Asks another server whether it has the same claims.
    pub(super) fn compare(&self, cx: &Cx<'_, Self>) {
        let all = self.archive.book.all();
        let hash = requests::hash(all.iter().map(|account| &*account.token));
        let reply = format!("{}{}", self.inbox(), requests::PACKED);
        let (broker, realm) = (&self.archive.broker, &self.archive.realm);
        outlet::turn(broker, realm, cx.cell().arbiter(), |out| {
            let (subject, reply) = (PACK.as_bytes(), Some(reply.as_bytes()));
            out.publish_away(Post { subject, reply, headers: None, payload: &hash });
        });
    }

    /// What another server has, of which this one takes what is newer, once all of a batch is read.
    pub(super) fn unpack(&mut self, body: &[u8]) {
        let lines = std::str::from_utf8(body).unwrap_or_default().lines();
        for line in lines.filter(|line| !line.is_empty()) {
            let Some((account, token)) = line.split_once('|') else { continue };
            match self.judge(account, token) {
                Ok(known) if self.is_news(&known) => self.unpacked.push(known),
                Ok(_) => {}
                Err(why) => warn!("account {account:?} of another server is not taken: {why}"),
            }
        }
    }

    /// Of two that were issued in the same second, all servers settle on the same one.
    fn is_news(&self, known: &KnownAccount) -> bool {
        let Some(old) = self.archive.book.get(known.key()) else { return true };
        let (iat, token) = (known.claims.iat, &known.token);
        (iat, token).cmp(&(old.claims.iat, &old.token)) == Ordering::Greater
    }

    /// Puts what was taken over on disk, then in force.
    pub(super) fn take_over(&mut self, cx: &mut Cx<'_, Self>) {
        let news = std::mem::take(&mut self.unpacked);
        if news.is_empty() {
            return;
        }
        self.save(news, cx, |me, saved, cx| match saved {
            Ok(saved) => {
                me.merged += saved.len() as u64;
                for known in saved {
                    me.put_in_force(known, cx);
                }
            }
            Err(why) => warn!("what other servers have can't be kept: {why}"),
        });
    }
}
