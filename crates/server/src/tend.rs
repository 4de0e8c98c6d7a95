//! The care of API keys while a server runs: their last uses are recorded, and the operator is told of those that end soon.

use std::sync::Arc;
use std::time::Duration;

use headworks_api::Api;
use tokio::sync::watch;

/// How often last uses are recorded, as far as they are due.
const HOUR: Duration = Duration::from_secs(3_600);
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
        // What could not be recorded is recorded the next time.
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
