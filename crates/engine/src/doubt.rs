//! Appends whose answer was lost (rule R1): nobody hears anything until it is certain what became of them.
//!
//! What is in doubt is appended again. Both attempts name the same end of the log, so at most one of them is ever stored; and once
//! the second is answered, the first can change nothing. If the second is in conflict, the log says whether what stands
//! there is ours (`every_interleaving_of_two_owners`).

use headworks_core::record::Name;
use headworks_store::{Appended, Batch, Store, StoreError};

/// Appends a batch, and asks until the fate of every account is certain. The accounts that are in conflict; the others are stored.
/// `goes_on` is asked before each further attempt, with its number, and may wait.
///
/// # Errors
/// When the store takes nothing more, or nobody goes on asking.
pub(crate) async fn append(
    store: &dyn Store,
    batch: &Batch,
    mut goes_on: impl FnMut(u32) -> bool,
) -> Result<Vec<Name>, StoreError> {
    let Appended { mut conflicts, mut in_doubt } = store.append(batch).await?;
    let mut attempt = 0;
    while !in_doubt.is_empty() {
        attempt += 1;
        if !goes_on(attempt) {
            return Err(StoreError::Stopped);
        }
        let again = store.append(&batch.only(&in_doubt)).await?;
        in_doubt = again.in_doubt;
        for account in again.conflicts {
            match is_stored(store, batch, &account).await {
                Ok(true) => {}
                Ok(false) => conflicts.push(account),
                Err(e) => {
                    tracing::warn!(%account, error = %e, "its log cannot be read while an append is in doubt");
                    in_doubt.push(account);
                }
            }
        }
    }
    Ok(conflicts)
}

/// Whether the log has an account's records of a batch. It has all of them or none, so the last one says.
async fn is_stored(store: &dyn Store, batch: &Batch, account: &Name) -> Result<bool, StoreError> {
    let Some(last) = batch.entries().iter().rfind(|entry| entry.account == *account) else { return Ok(true) };
    let found = store.read(account, last.seq, 1).await?;
    Ok(found.first().is_some_and(|stored| stored.seq == last.seq && stored.hash == last.hash))
}
