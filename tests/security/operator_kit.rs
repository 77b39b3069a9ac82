//! Operators, accounts and users that are made for a test, and clients that show their JWTs.

use std::time::{SystemTime, UNIX_EPOCH};

use data_encoding::BASE64URL_NOPAD;
use nkeys::KeyPair;
use vagus_auth::jwt::{
    AccountClaims, Claims, OperatorClaims, OperatorLimits, UserClaims, UserTerms, mint,
};

use crate::harness::{Client, Server};

/// An account and the keys that it is made with.
pub(crate) struct Account {
    pub(crate) key: KeyPair,
    pub(crate) claims: Claims<AccountClaims>,
}

/// An operator with a system account and one other account.
pub(crate) struct World {
    pub(crate) operator: KeyPair,
    pub(crate) operator_claims: Claims<OperatorClaims>,
    pub(crate) system: Account,
    pub(crate) account: Account,
}

pub(crate) fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64
}

impl Account {
    pub(crate) fn new(name: &str) -> Self {
        let key = KeyPair::new_account();
        let limits = OperatorLimits {
            subs: -1,
            data: -1,
            payload: -1,
            imports: -1,
            exports: -1,
            wildcards: true,
            conn: -1,
            leaf: -1,
            ..Default::default()
        };
        let nats =
            AccountClaims { limits, kind: "account".into(), version: 2, ..Default::default() };
        // Issued at a time that is set, the same claims make the same token.
        let iat = now();
        let claims =
            Claims { sub: key.public_key(), name: name.into(), iat, nats, ..Default::default() };
        Self { key, claims }
    }

    pub(crate) fn id(&self) -> String {
        self.key.public_key()
    }

    /// A user of this account, as `change` has it.
    pub(crate) fn user(&self, change: impl FnOnce(&mut Claims<UserClaims>)) -> User {
        let mut user = User::new();
        change(&mut user.claims);
        user.token = mint(&user.claims, &self.key, now()).unwrap();
        user
    }

    /// A user that is like any other.
    pub(crate) fn plain_user(&self) -> User {
        self.user(|_| ())
    }
}

/// A user's key and JWT.
pub(crate) struct User {
    pub(crate) key: KeyPair,
    pub(crate) claims: Claims<UserClaims>,
    pub(crate) token: String,
}

impl User {
    fn new() -> Self {
        let key = KeyPair::new_user();
        let terms = UserTerms { subs: -1, data: -1, payload: -1, ..Default::default() };
        let nats = UserClaims { terms, kind: "user".into(), version: 2, ..Default::default() };
        let claims =
            Claims { sub: key.public_key(), name: "joe".into(), nats, ..Default::default() };
        Self { key, claims, token: String::new() }
    }

    /// The content of a creds file.
    pub(crate) fn creds(&self) -> String {
        format!(
            "-----BEGIN NATS USER JWT-----\n{}\n------END NATS USER JWT------\n\n\
             -----BEGIN USER NKEY SEED-----\n{}\n------END USER NKEY SEED------\n",
            self.token,
            self.key.seed().unwrap()
        )
    }

    /// Connects and shows the JWT; what the server says to that is to be read.
    pub(crate) fn knock(&self, server: &Server) -> Client {
        let mut client = Client::dial(server.port);
        let info = client.expect_info();
        let nonce = info["nonce"].as_str().expect("a nonce");
        let signature = BASE64URL_NOPAD.encode(&self.key.sign(nonce.as_bytes()).unwrap());
        client.send_connect(&format!(
            r#"{{"jwt":"{}","sig":"{signature}","headers":true,"no_responders":true}}"#,
            self.token
        ));
        client
    }

    /// Connects, and is let in.
    #[track_caller]
    pub(crate) fn login(&self, server: &Server) -> Client {
        let mut client = self.knock(server);
        client.ping_pong();
        client
    }

    /// Connects, and is refused.
    #[track_caller]
    pub(crate) fn is_refused(&self, server: &Server) {
        self.knock(server).expect_err_closed("Authorization Violation");
    }
}

/// What the one token says, with the signature of the other.
pub(crate) fn forged(says: &str, signed: &str) -> String {
    let (content, _) = says.rsplit_once('.').unwrap();
    let (_, signature) = signed.rsplit_once('.').unwrap();
    format!("{content}.{signature}")
}

impl World {
    pub(crate) fn new() -> Self {
        let operator = KeyPair::new_operator();
        let (system, account) = (Account::new("SYS"), Account::new("acme"));
        let nats = OperatorClaims {
            system_account: system.id(),
            kind: "operator".into(),
            version: 2,
            ..Default::default()
        };
        let (sub, iat) = (operator.public_key(), now());
        let operator_claims = Claims { sub, name: "O".into(), iat, nats, ..Default::default() };
        Self { operator, operator_claims, system, account }
    }

    pub(crate) fn operator_token(&self) -> String {
        mint(&self.operator_claims, &self.operator, now()).unwrap()
    }

    pub(crate) fn account_token(&self, account: &Account) -> String {
        mint(&account.claims, &self.operator, now()).unwrap()
    }

    /// A configuration with both accounts preloaded.
    pub(crate) fn memory(&self) -> String {
        self.memory_with(&[])
    }

    /// A configuration with more accounts preloaded.
    pub(crate) fn memory_with(&self, more: &[&Account]) -> String {
        let mut accounts = vec![&self.system, &self.account];
        accounts.extend(more);
        self.resolved_by("MEMORY", &accounts)
    }

    /// A configuration with a resolver that begins with these accounts.
    pub(crate) fn resolved_by(&self, resolver: &str, accounts: &[&Account]) -> String {
        let mut preload = String::new();
        for account in accounts {
            preload += &format!("  {}: \"{}\"\n", account.id(), self.account_token(account));
        }
        format!(
            "operator: \"{}\"\nresolver: {resolver}\nresolver_preload {{\n{preload}}}\n",
            self.operator_token()
        )
    }
}
