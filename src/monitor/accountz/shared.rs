//! What an account offers to others and takes from them, as `/accountz` shows it.

use serde::Serialize;
use serde_json::{Value, json};
use vagus_actors::realm::Realms;
use vagus_auth::AccountRules;
use vagus_auth::account::{Export, Import, Latency, ResponseType, Sampling, Sharing};
use vagus_auth::jwt::Holds;

/// An offer.
#[derive(Debug, Serialize)]
pub(super) struct ExportShown {
    subject: String,
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_latency: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    approved_accounts: Option<Vec<String>>,
}

/// What is taken.
#[derive(Debug, Serialize)]
pub(super) struct ImportShown {
    subject: String,
    account: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<String>,
    local_subject: String,
    r#type: &'static str,
    invalid: bool,
    share: bool,
    tracking: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    latency: Option<Value>,
}

// === impl ExportShown ===

impl From<&Export> for ExportShown {
    fn from(export: &Export) -> Self {
        let service = export.kind == Sharing::Service;
        Self {
            subject: export.subject.clone(),
            r#type: word(export.kind),
            response_type: service.then_some(match export.response_type {
                ResponseType::Singleton => "Singleton",
                ResponseType::Stream => "Streamed",
                ResponseType::Chunked => "Chunked",
            }),
            service_latency: export.latency.as_ref().map(latency),
            approved_accounts: export.accounts.clone(),
        }
    }
}

/// The imports of an account, with what the exporters say of them.
pub(super) fn imports(of: &AccountRules, realms: &Realms) -> Vec<ImportShown> {
    let shown = |import: &Import| {
        let service = import.kind == Sharing::Service;
        let exporter = realms.get(&import.account).map(|realm| realm.rules());
        let export = exporter.as_ref().and_then(|rules| rules.export_for(import, &of.name));
        let export = export.filter(|(_, holds)| matches!(holds, Holds::Until(_)));
        ImportShown {
            subject: import.subject.clone(),
            account: import.account.clone(),
            to: service.then(|| import.local_pattern()),
            local_subject: import.local_pattern(),
            r#type: word(import.kind),
            invalid: export.is_none(),
            share: import.share,
            tracking: false,
            latency: export.and_then(|(export, _)| export.latency.as_ref()).map(latency),
        }
    };
    of.imports.iter().map(shown).collect()
}

fn word(kind: Sharing) -> &'static str {
    match kind {
        Sharing::Stream => "stream",
        Sharing::Service => "service",
    }
}

fn latency(latency: &Latency) -> Value {
    match latency.sampling {
        Sampling::Headers => json!({ "sampling": "headers", "results": latency.subject }),
        Sampling::Percent(share) => json!({ "sampling": share, "results": latency.subject }),
    }
}
