//! What a service is told of a client, sealed where it has a key for that.

use nkeys::XKey;
use vagus_auth::jwt::{AuthorizationRequest, Claims, ServerId, mint};

use super::{CalloutDesk, Open, Question};
use crate::broker::unix_now;

/// How tokens begin that are not sealed.
const PLAIN: &[u8] = b"eyJ";
const AUDIENCE: &str = "nats-authorization-request";

impl CalloutDesk {
    /// The payload of a request.
    pub(super) fn request(&self, question: &Question, user_nkey: &str) -> Option<Vec<u8>> {
        let settings = self.broker.settings();
        let (now, profile) = (unix_now(), &settings.profile);
        let patience = i64::try_from(settings.auth_timeout.as_secs()).unwrap_or(i64::MAX);
        let own = self.keys.sealing.public_key();
        let claims = Claims {
            aud: AUDIENCE.to_owned(),
            sub: question.callout.issuer.clone(),
            exp: now.saturating_add(patience.max(1)),
            nats: AuthorizationRequest {
                server_id: ServerId {
                    name: profile.name.clone(),
                    host: profile.host.clone(),
                    id: profile.id.clone(),
                    version: profile.version.clone(),
                    cluster: profile.cluster.clone().unwrap_or_default(),
                    tags: profile.tags.clone(),
                    xkey: question.callout.xkey.as_ref().map(|_| own).unwrap_or_default(),
                },
                user_nkey: user_nkey.to_owned(),
                client_info: question.client.clone(),
                connect_opts: question.shown.clone(),
                client_tls: question.tls.clone(),
                kind: "authorization_request".to_owned(),
                version: 2,
                ..AuthorizationRequest::default()
            },
            ..Claims::default()
        };
        let token = mint(&claims, &self.keys.signing, now).ok()?;
        let Some(xkey) = &question.callout.xkey else { return Some(token.into_bytes()) };
        let service = XKey::from_public_key(xkey).ok()?;
        self.keys.sealing.seal(token.as_bytes(), &service).ok()
    }

    /// The token of an answer, which may be sealed for this server.
    pub(super) fn opened(&self, open: &Open, body: &[u8]) -> Option<String> {
        if body.starts_with(PLAIN) {
            return String::from_utf8(body.to_vec()).ok();
        }
        let service = XKey::from_public_key(open.callout.xkey.as_deref()?).ok()?;
        let opened = self.keys.sealing.open(body, &service).ok()?;
        String::from_utf8(opened).ok()
    }
}
