//! The needs of every call to a server: a connection, and a key for retries.

use headworks_core::record::Id;
use headworks_terminal::values::parsed;
use headworks_terminal::{CallError, Client, Failed, tell};

use crate::arguments::{KeyArgument, Remote};

/// Connects to the server that the arguments name.
pub(crate) async fn connect(remote: &Remote) -> Result<Client, CallError> {
    Client::connect(&remote.server, remote.api_key.clone()).await
}

/// A fresh idempotency key.
fn new_key() -> Result<String, getrandom::Error> {
    let mut random = [0; 16];
    getrandom::fill(&mut random)?;
    Ok(random.iter().map(|b| format!("{b:02x}")).collect())
}

/// The key of a request: the caller's, or a new one, which is printed so that a retry can use it.
pub(crate) fn key_of(argument: KeyArgument) -> Result<Id, Failed> {
    if let Some(key) = argument.key {
        return Ok(key);
    }
    let text = new_key()?;
    tell!("idempotency key {text} (pass --key {text} to retry this very request)");
    parsed(&text).map_err(Into::into)
}
