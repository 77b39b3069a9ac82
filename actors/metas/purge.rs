//! `ACCOUNT.PURGE`: the system account has all streams of an account deleted.

use std::sync::Arc;

use vagus_jetstream::api::{AccountPurgeResponse, Reply};
use vagus_runtime::Cx;

use super::Metas;
use crate::delivery::outlet;
use crate::jetstream::Caller;
use crate::meta::Purge;
use crate::realm::Realm;

impl Metas {
    /// Begins to delete, and says so to who asked in `from`.
    pub(super) fn purge(
        &mut self,
        account: &str,
        caller: &Caller,
        from: &Arc<Realm>,
        cx: &mut Cx<'_, Self>,
    ) {
        let store = &self.accounts.store;
        let groups = store.groups().into_iter().filter(|group| group.account == *account);
        let groups: Vec<_> = groups.collect();
        tracing::info!("Purge request for account '{account}' (streams: {})", groups.len());
        match self.living.get(account) {
            // One that is between two lives has streams from before only: they are asked for again.
            Some(living) => drop(living.handle.send_urgent(Purge)),
            // What nobody serves nobody has to end first.
            None => groups.iter().for_each(|group| store.delete(group.id, Box::new(|_| {}))),
        }
        let answer = Reply::ok(AccountPurgeResponse { initiated: true }).to_json();
        outlet::turn(&self.accounts.broker, from, cx.cell().arbiter(), |out| {
            caller.answer_quietly(out, &answer);
        });
    }
}
