//! Care while a server runs: the last uses of API keys are recorded, the operator hears of keys that end soon, and the audit
//! log is written.

use std::sync::Arc;
use std::time::Duration;

use headworks_api::{Api, Kind};
use tokio::sync::watch;

/// How often last uses are recorded, as far as they are due.
const HOUR: Duration = Duration::from_secs(3_600);
/// How often the audit log is written.
const AUDIT_EVERY: Duration = Duration::from_secs(10);
/// How long warnings of keys wait for others.
const WARNED_EVERY: Duration = Duration::from_secs(1);
/// How often that is tried when the server stops, and the pause after each attempt.
const LAST_ATTEMPTS: u32 = 10;
const LAST_PAUSE: Duration = Duration::from_millis(100);
/// How many rounds lie between two warnings.
const ROUNDS: u32 = 24;
/// The most keys that one warning names.
const NAMED: usize = 10;

/// Tends the keys until the server stops, and then records all uses that are not recorded yet.
pub(crate) async fn keys(api: Arc<Api>, mut stopping: watch::Receiver<bool>) {
    let mut round = 0_u32;
    loop {
        if round.is_multiple_of(ROUNDS) {
            warn(&api);
        }
        round = round.wrapping_add(1);
        let is_over = tokio::select! {
            _ = stopping.wait_for(|stopping| *stopping) => true,
            () = tokio::time::sleep(HOUR) => false,
        };
        // A use that could not be recorded is recorded the next time.
        if let Err(problem) = api.record_key_uses(is_over).await {
            tracing::warn!(error = problem.detail, "the last uses of API keys could not be recorded");
        }
        if is_over {
            return;
        }
    }
}

fn warn(api: &Api) {
    let expiring = api.expiring_keys();
    let named = expiring.iter().take(NAMED).map(|(id, at)| format!("{id} at {at}"));
    let named = named.collect::<Vec<_>>().join(", ");
    if !expiring.is_empty() {
        let keys = expiring.len();
        tracing::warn!(
            keys,
            soonest = named,
            "API keys expire within 14 days; make others, and revoke these"
        );
    }
}

/// Writes warnings of keys as they come, at most once a second, until the server stops.
pub(crate) async fn key_warnings(api: Arc<Api>, mut stopping: watch::Receiver<bool>) {
    loop {
        let is_over = tokio::select! {
            _ = stopping.wait_for(|stopping| *stopping) => true,
            () = api.key_warned() => false,
        };
        // Those that could not be written are written the next time.
        if let Err(problem) = api.write_key_warnings().await {
            tracing::warn!(error = problem.detail, "warnings of API keys could not be written");
        }
        if is_over {
            return;
        }
        tokio::select! {
            _ = stopping.wait_for(|stopping| *stopping) => {}
            () = tokio::time::sleep(WARNED_EVERY) => {}
        }
    }
}

/// Writes the audit log until the server stops.
pub(crate) async fn audit_log(api: Arc<Api>, mut stopping: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            _ = stopping.wait_for(|stopping| *stopping) => return,
            () = tokio::time::sleep(AUDIT_EVERY) => {}
        }
        // Entries that could not be written are written the next time.
        if let Err(problem) = api.write_audit_log().await {
            tracing::warn!(error = problem.detail, "the audit log could not be written; it is tried again");
        }
    }
}

/// Writes the rest of the audit log, once no request is answered any more.
pub(crate) async fn end_audit_log(api: &Api) {
    for _ in 0..LAST_ATTEMPTS {
        let Err(problem) = api.write_audit_log().await else { return };
        tracing::warn!(error = problem.detail, "the end of the audit log could not be written");
        if problem.kind != Kind::Overloaded {
            return;
        }
        tokio::time::sleep(LAST_PAUSE).await;
    }
}
