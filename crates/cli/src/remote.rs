//! What every call to a server needs: a connection, and a key for retries.

use headworks_core::record::Label;
use headworks_terminal::{CallError, Client, Failed, tell};

use crate::arguments::{KeyArgument, Remote};

/// Connects to the server that the arguments name.
pub(crate) async fn connect(remote: &Remote) -> Result<Client, CallError> {
    Client::connect(&remote.server, remote.api_key.clone()).await
}

/// An idempotency key that nobody has used.
fn new_key() -> Result<String, getrandom::Error> {
    let mut random = [0; 16];
    getrandom::fill(&mut random)?;
    Ok(random.iter().map(|b| format!("{b:02x}")).collect())
}

/// The key of a request: the caller's, or a new one, which is printed so that a retry can use it.
pub(crate) fn key_of(argument: KeyArgument) -> Result<Label, Failed> {
    if let Some(key) = argument.key {
        return Ok(key);
    }
    let text = new_key()?;
    tell!("idempotency key {text} (pass --key {text} to retry this very request)");
    Ok(Label::new(&text).map_err(|e| e.to_string())?)
}
