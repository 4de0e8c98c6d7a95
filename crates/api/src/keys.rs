//! New API keys: 256 random bits, of which only a hash is stored.

use headworks_core::record::{ApiKey, Instant, Label, Name};
use headworks_engine::{Engine, EngineError, Idempotency, check_code};
use headworks_wire::CreateKeyRequest;

/// A new key: the part that is stored, and the secret that is shown once.
#[derive(Debug)]
pub struct NewSecret {
    /// The stored part.
    pub key: ApiKey,
    /// The secret that the caller sends.
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
