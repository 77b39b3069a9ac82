//! Publishing for a plugin: as every actor of the server does, but mappings hold as for clients.

use vagus_plugin::Outgoing;
use vagus_plugin::host::{self, Parts};
use vagus_subject::transform::Resolved;

use crate::broker::Settings;
use crate::delivery::outlet::{Outlet, Post};
use crate::realm::RealmRules;

/// The way out of one turn of a plugin.
pub(super) struct PluginOutlet<'a, 'b> {
    pub settings: &'a Settings,
    pub rules: &'a RealmRules,
    pub outlet: &'a mut Outlet<'b>,
    /// Messages published.
    pub published: u64,
}

impl host::Outlet for PluginOutlet<'_, '_> {
    fn payload_max(&self) -> usize {
        self.settings.limits.payload_max
    }

    fn takes_headers(&self) -> bool {
        self.settings.headers
    }

    fn publish(&mut self, message: &Outgoing<'_>) -> usize {
        self.published += 1;
        let Parts { subject, reply, headers, payload } = host::parts(message);
        let post = |subject| Post { subject, reply, headers, payload };
        let (mappings, cluster) = (&self.rules.mappings, self.settings.cluster.as_deref());
        if mappings.is_empty() {
            return self.outlet.publish(post(subject));
        }
        match mappings.resolve(subject, cluster, &mut self.outlet.delivery().rng) {
            Resolved::Drop => 0,
            Resolved::To(mapped) => self.outlet.publish(post(&mapped)),
            Resolved::Same => self.outlet.publish(post(subject)),
        }
    }
}
