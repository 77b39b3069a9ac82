//! What a leaf link keeps back so that each end has a JetStream of its own.
//!
//! An account is one on both sides of a link, but its streams are not: who asks `$JS.API.` is
//! answered by the own end, and reaches the other by the name of its domain, `$JS.<domain>.API.`.

/// Whose JetStream the two ends of a link have.
pub(super) struct Domains<'a> {
    /// Of this server; empty: none.
    pub own: &'a str,
    /// The link serves the account that watches over the server.
    pub system: bool,
    /// What configuration says the account asks; see [`crate::realm::Domains`].
    pub asked: Option<&'a str>,
}

/// Subjects of an account's own JetStream.
const OWN: [&str; 3] = ["$JS.API.>", "$KV.>", "$OBJ.>"];
/// How servers that share one talk about it.
const OF_SERVERS: [&str; 2] = ["$JSC.>", "$NRG.>"];

// === impl Domains ===

impl Domains<'_> {
    /// What passes the link in neither direction, and is not asked for.
    pub(super) fn private(&self) -> Vec<String> {
        if self.shares_all() {
            return Vec::new();
        }
        let of_servers = OF_SERVERS.iter().filter(|_| self.system);
        OWN.iter().chain(of_servers).map(|subject| (*subject).to_owned()).collect()
    }

    /// What is not sent, but taken: requests for this end, should both have one name.
    pub(super) fn not_sent(&self) -> Vec<String> {
        let named = !self.own.is_empty() && !self.system && !self.shares_all();
        named.then(|| format!("$JS.{}.API.>", self.own)).into_iter().collect()
    }

    /// Both ends are to be taken for one, as where a release did not know domains yet.
    fn shares_all(&self) -> bool {
        !self.system && self.asked == Some("")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_end_keeps_its_own() {
        let account = Domains { own: "leaf", system: false, asked: None };
        assert_eq!(account.private(), OWN);
        assert_eq!(account.not_sent(), ["$JS.leaf.API.>"]);
        assert!(Domains { own: "", ..account }.not_sent().is_empty());
        let system = Domains { own: "leaf", system: true, asked: Some("") };
        assert_eq!(system.private(), [&OWN[..], &OF_SERVERS].concat());
        assert!(system.not_sent().is_empty());
        let shared = Domains { own: "leaf", system: false, asked: Some("") };
        assert!(shared.private().is_empty() && shared.not_sent().is_empty());
        assert_eq!(Domains { own: "", system: false, asked: Some("hub") }.private(), OWN);
    }
}
