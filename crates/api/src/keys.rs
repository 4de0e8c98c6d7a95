//! API keys made and rotated: secrets of 256 random bits, of which only a hash is stored.

use headworks_core::record::{ApiKey, Event, Instant, KeyLimits, KeyRate, Label, Name, Span};
use headworks_engine::{Effect, Engine, EngineError, Idempotency, KeyState, check_code};
use headworks_wire::{CreateKeyRequest, Scope};

use crate::access::check_patterns;
use crate::render::hex;

/// The most requests at once that a limit can name.
const CONCURRENT_MAX: u32 = 65_536;
/// The most requests over time that a limit can name.
const RATE_MAX: u32 = 1_000_000_000;
/// The most marks of a key's limits.
const MARKS_MAX: usize = 8;
/// The most models that a key can name.
const MODELS_MAX: usize = 256;
const SECOND: Span = Span::from_secs(1);
const DAY: Span = Span::from_secs(86_400);

/// A key that was made or rotated: the part that is stored, and the secret that is shown once.
#[derive(Debug)]
pub struct NewSecret {
    /// The stored part.
    pub key: ApiKey,
    /// The secret that the caller sends; `None` in the answer to a repetition.
    pub secret: Option<String>,
}

/// Why no key was made.
#[derive(Debug)]
pub enum CreateKeyError {
    /// The system has no randomness to give.
    NoRandomness(String),
    /// The request cannot be met; the text says which part, and why.
    Invalid(String),
    /// The key has expired.
    Expired(Name),
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
            Self::Invalid(why) => f.write_str(why),
            Self::Expired(id) => {
                write!(f, "key `{id}` has expired and no secret of it works; make another key")
            }
            Self::Engine(e) => e.fmt(f),
        }
    }
}

impl std::error::Error for CreateKeyError {}

fn random<const N: usize>() -> Result<[u8; N], CreateKeyError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|e| CreateKeyError::NoRandomness(e.to_string()))?;
    Ok(bytes)
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap_or_else(|_| unreachable!("hexadecimal digits and words make names"))
}

/// The text of a secret for a key, and its hash.
async fn secret(engine: &Engine, id: &Name) -> Result<(String, [u8; 32]), CreateKeyError> {
    let check_key = engine.check_key(random()?).await?;
    let secret = hex(&random::<32>()?);
    let text = format!("{id}_{secret}");
    let hash = *blake3::hash(secret.as_bytes()).as_bytes();
    Ok((format!("hw_{text}{}", check_code(&check_key, &text)), hash))
}

fn check(ask: &CreateKeyRequest) -> Result<(), CreateKeyError> {
    let invalid = |why: String| Err(CreateKeyError::Invalid(why));
    if ask.scopes.is_empty() {
        return invalid(
            "`scopes`: name at least one of decide, record, read, admin, operator, catalog, gateway".into(),
        );
    }
    check_patterns(&ask.accounts).map_err(CreateKeyError::Invalid)?;
    check_gateway(ask).map_err(CreateKeyError::Invalid)?;
    let Some(KeyLimits { rate, concurrent, warn_at }) = &ask.limits else { return Ok(()) };
    let are_marks = |marks: &Vec<u8>| {
        (1..=MARKS_MAX).contains(&marks.len())
            && marks.iter().all(|mark| (1..=100).contains(mark))
            && marks.is_sorted_by(|a, b| a < b)
    };
    if warn_at.as_ref().is_some_and(|marks| !are_marks(marks)) {
        return invalid(format!("`limits.warn_at` is up to {MARKS_MAX} percentages from 1 to 100 that rise"));
    }
    if warn_at.is_some() && rate.is_none() && concurrent.is_none() {
        return invalid("`limits.warn_at` goes with `rate`, `concurrent` or both".into());
    }
    if concurrent.is_some_and(|most| !(1..=CONCURRENT_MAX).contains(&most)) {
        return invalid(format!("`limits.concurrent` is from 1 to {CONCURRENT_MAX}"));
    }
    match rate {
        Some(KeyRate { limit, .. }) if !(1..=RATE_MAX).contains(limit) => {
            invalid(format!("`limits.rate.limit` is from 1 to {RATE_MAX}"))
        }
        Some(KeyRate { per, .. }) if !(SECOND..=DAY).contains(per) => {
            invalid("`limits.rate.per` is from 1s to 24h".into())
        }
        Some(_) | None => Ok(()),
    }
}

/// Use through the gateway is an account's, which its key alone names.
fn check_gateway(ask: &CreateKeyRequest) -> Result<(), String> {
    if !ask.scopes.contains(&Scope::Gateway) {
        let is_given = ask.gateway.is_some();
        return if is_given { Err("`gateway` goes with the scope `gateway`".into()) } else { Ok(()) };
    }
    if !matches!(&ask.accounts[..], [one] if !one.as_str().ends_with('*')) {
        return Err(
            "a key with the scope `gateway` has one account, which pays: name it in `accounts`".into()
        );
    }
    let models = ask.gateway.as_ref().and_then(|gateway| gateway.models.as_ref());
    if models.is_some_and(|models| !(1..=MODELS_MAX).contains(&models.len())) {
        return Err(format!("`gateway.models` has 1 to {MODELS_MAX} entries; leave it out for all models"));
    }
    Ok(())
}

/// Makes a key and stores it. A repetition gets the key that the first request made, without its secret.
///
/// # Errors
/// When what is asked cannot be, the system has no randomness to give, or the store fails.
pub async fn create_key(
    engine: &Engine,
    ask: &CreateKeyRequest,
    once: Option<Idempotency>,
    actor: Option<&Name>,
) -> Result<NewSecret, CreateKeyError> {
    check(ask)?;
    if ask.expires_at.is_some_and(|at| at <= engine.clock().now())
        && !is_repeated(engine, once.as_ref()).await?
    {
        return Err(CreateKeyError::Invalid("`expires_at` is not in the future".into()));
    }
    let id = name(&hex(&random::<6>()?));
    let (text, hash) = secret(engine, &id).await?;
    let mut scopes = ask.scopes.clone();
    scopes.sort_unstable();
    scopes.dedup();
    let key = ApiKey {
        id: id.clone(),
        hash,
        scopes: scopes.iter().map(|s| name(s.as_str())).collect(),
        accounts: ask.accounts.iter().cloned().map(Label::from).collect(),
        expires_at: ask.expires_at.unwrap_or(Instant::NEVER),
        note: ask.note.clone(),
        limits: ask.limits.clone(),
        gateway: ask.gateway.clone(),
    };
    let once = once.map_or_else(|| by_itself("create", &id), Ok)?;
    let answer = engine.create_key(key.clone(), (&once, actor)).await?;
    // The same key with the same digest is the same request.
    if let Effect::Recorded(record) = &answer.effect
        && let Event::KeyCreated(first) = &record.event
        && answer.replayed
    {
        return Ok(NewSecret { key: first.clone(), secret: None });
    }
    Ok(NewSecret { key, secret: Some(text) })
}

/// Gives a key a new secret. A repetition shows none.
///
/// # Errors
/// When there is no such key, the system has no randomness to give, or the store fails.
pub(crate) async fn rotate_key(
    engine: &Engine,
    state: &KeyState,
    overlap: Span,
    once: Option<Idempotency>,
    actor: Option<&Name>,
) -> Result<Option<String>, CreateKeyError> {
    let id = &state.key.id;
    if state.key.expires_at <= engine.clock().now() && !is_repeated(engine, once.as_ref()).await? {
        return Err(CreateKeyError::Expired(id.clone()));
    }
    let (text, hash) = secret(engine, id).await?;
    let until = engine.clock().now().after(overlap);
    let once = once.map_or_else(|| by_itself("rotate", &name(&hex(&hash))), Ok)?;
    let answer = engine.rotate_key(id, hash, until, (&once, actor)).await?;
    Ok((!answer.replayed).then_some(text))
}

/// A repetition has its answer, also after the time that it speaks of.
async fn is_repeated(engine: &Engine, once: Option<&Idempotency>) -> Result<bool, CreateKeyError> {
    match once {
        Some(key) => Ok(engine.is_repeated(key).await?),
        None => Ok(false),
    }
}

/// The key of a request that repeats no other.
fn by_itself(what: &str, id: &Name) -> Result<Idempotency, CreateKeyError> {
    let text = Label::new(&format!("{what} {id}")).map_err(|e| CreateKeyError::Invalid(e.to_string()))?;
    Ok(Idempotency { text, digest: [0; 16] })
}
