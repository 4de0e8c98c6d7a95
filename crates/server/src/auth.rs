//! Who asks: API keys in `Authorization: Bearer hw_<id>_<secret><check code>`, their scopes and the accounts they reach.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use headworks_core::abuse::penalty::Misdeed;
use headworks_core::record::{ApiKey, Instant, Label, Name, is_internal};
use headworks_engine::{Engine, EngineError, Idempotency, check_code};
use headworks_wire::{CreateKeyRequest, Scope};

use crate::app::App;
use crate::problem::Failure;
use crate::strangers::Peer;

/// What the caller may do.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    key: Option<Name>,
    scopes: Vec<Scope>,
    accounts: Arc<[Label]>,
}

/// A new key: what is stored, and what is shown once.
#[derive(Debug)]
pub struct NewSecret {
    /// What is stored.
    pub key: ApiKey,
    /// What the caller sends.
    pub secret: String,
}

/// Makes a key with 256 random bits and stores it.
///
/// # Errors
/// When the system has no randomness to give, or the store fails.
pub async fn create_key(
    engine: &Engine,
    ask: &CreateKeyRequest,
    actor: Option<&Name>,
) -> Result<NewSecret, CreateKeyError> {
    let (mut random, mut fresh) = ([0; 38], [0; 32]);
    getrandom::fill(&mut random).map_err(|e| CreateKeyError::NoRandomness(e.to_string()))?;
    getrandom::fill(&mut fresh).map_err(|e| CreateKeyError::NoRandomness(e.to_string()))?;
    let hex: String = random.iter().map(|b| format!("{b:02x}")).collect();
    let (id, secret) = hex.split_at(12);
    let check_key = engine.check_key(fresh).await?;
    let text = format!("{id}_{secret}");
    let name =
        |text: &str| Name::new(text).unwrap_or_else(|_| unreachable!("hexadecimal digits make a name"));
    let key = ApiKey {
        id: name(id),
        hash: *blake3::hash(secret.as_bytes()).as_bytes(),
        scopes: ask.scopes.iter().map(|s| name(s.as_str())).collect(),
        accounts: ask.accounts.clone(),
        expires_at: ask.expires_at.unwrap_or(Instant::NEVER),
        note: ask.note.clone(),
    };
    // Keys are random, so no request repeats another.
    let once = Label::new(&format!("create {id}")).unwrap_or_else(|_| unreachable!("words and digits"));
    engine.create_key(key.clone(), (&Idempotency { text: once, digest: [0; 16] }, actor)).await?;
    Ok(NewSecret { secret: format!("hw_{text}{}", check_code(&check_key, &text)), key })
}

/// Why no key was made.
#[derive(Debug)]
pub enum CreateKeyError {
    /// The system has no randomness to give.
    NoRandomness(String),
    /// The engine could not store it.
    Engine(EngineError),
}

impl From<EngineError> for CreateKeyError {
    fn from(e: EngineError) -> Self {
        Self::Engine(e)
    }
}

impl std::fmt::Display for CreateKeyError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoRandomness(why) => write!(f, "the system has no randomness to give: {why}"),
            Self::Engine(e) => e.fmt(f),
        }
    }
}

impl std::error::Error for CreateKeyError {}

/// The scopes of a stored key.
pub(crate) fn scopes(key: &ApiKey) -> Vec<Scope> {
    Scope::ALL.into_iter().filter(|s| key.scopes.iter().any(|name| name.as_str() == s.as_str())).collect()
}

impl Access {
    /// Who asks, for the ledger.
    pub(crate) fn actor(&self) -> Option<&Name> {
        self.key.as_ref()
    }

    /// Requires a scope, whatever the account.
    pub(crate) fn scope(&self, scope: Scope) -> Result<(), Failure> {
        if self.scopes.contains(&scope) || self.scopes.contains(&Scope::Admin) {
            return Ok(());
        }
        Err(Failure::new(
            StatusCode::FORBIDDEN,
            "wrong_scope",
            format!("this needs an API key with the scope `{}`", scope.as_str()),
        ))
    }

    /// Requires a scope on an account. An account out of reach looks like one that does not exist.
    pub(crate) fn on(&self, scope: Scope, account: &Name) -> Result<(), Failure> {
        self.scope(scope)?;
        if !is_internal(account) && self.reaches(account) {
            return Ok(());
        }
        Err(Failure::unknown_account(account.as_str()))
    }

    /// Requires a scope on everything the server holds.
    pub(crate) fn everywhere(&self, scope: Scope) -> Result<(), Failure> {
        self.scope(scope)?;
        if self.accounts.is_empty() {
            return Ok(());
        }
        Err(Failure::new(
            StatusCode::FORBIDDEN,
            "wrong_scope",
            "this needs an API key that reaches every account",
        ))
    }

    pub(crate) fn reaches(&self, account: &Name) -> bool {
        self.accounts.is_empty()
            || self.accounts.iter().any(|pattern| match pattern.as_str().strip_suffix('*') {
                Some(prefix) => account.as_str().starts_with(prefix),
                None => account.as_str() == pattern.as_str(),
            })
    }
}

impl FromRequestParts<App> for Access {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Failure> {
        let refused = |detail: &str| Failure::new(StatusCode::UNAUTHORIZED, "unauthenticated", detail);
        let Some(header) = parts.headers.get(header::AUTHORIZATION) else {
            if app.open {
                return Ok(Self { key: None, scopes: Scope::ALL.to_vec(), accounts: Arc::new([]) });
            }
            return Err(refused(
                "send an API key as `Authorization: Bearer hw_…`; `headworks keys create` makes one",
            ));
        };
        let wrong = "the API key is not valid: wrong, expired or revoked";
        let text =
            header.to_str().ok().and_then(|t| t.strip_prefix("Bearer hw_")).ok_or_else(|| refused(wrong))?;
        let (keyring, text) = (app.engine.keyring(), text.trim_end());
        // What nobody here has made is dropped before anything is looked up.
        if !keyring.is_genuine(text) {
            return Err(refused(wrong));
        }
        let now = app.engine.clock().now();
        let Some(key) = keyring.check(text, now) else {
            let peer = parts.extensions.get::<Peer>().copied();
            return Err(match app.strangers.note(peer, Misdeed::InvalidKey, now) {
                Ok(()) => refused(wrong),
                Err(after) => Failure::too_many(after),
            });
        };
        Ok(Self { key: Some(key.id.clone()), scopes: scopes(key), accounts: key.accounts.clone().into() })
    }
}
