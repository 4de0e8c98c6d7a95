//! Statements read out of a store, page by page, with facts about each line from elsewhere in the log.
//!
//! Memory is bounded by the lines of the period and the days, features and sources in it, not by the log.

use headworks_core::audit::statement::{About, Statement};
use headworks_core::record::{Event, Label, Name, Record, Seq};
use headworks_store::{Store, StoreError, Stored};

use crate::refunds::given_back;

/// Feeds a statement the next records of an account; `false` when it is whole.
///
/// # Errors
/// When the log cannot be read.
pub async fn read_on(
    store: &dyn Store,
    account: &Name,
    statement: &mut Statement,
) -> Result<bool, StoreError> {
    let page = store.read(account, statement.seq + 1, 1_000).await?;
    for stored in &page {
        let record = stored.record()?;
        let about = match statement.wants(&record) {
            true => About {
                given_back: given_back(store, account, &record).await?,
                event: if statement.ask.has_lines { event(store, account, &record).await? } else { None },
            },
            false => About::default(),
        };
        if !statement.take(&record, stored.hash, about) {
            return Ok(false);
        }
    }
    Ok(!page.is_empty())
}

/// The key of the request that began the use of a record: for a hold, that of its authorize; for a refund or correction,
/// that of the first charge.
async fn event(store: &dyn Store, account: &Name, record: &Record) -> Result<Option<Label>, StoreError> {
    let key = |record: &Record| record.key.as_ref().map(|k| k.text.clone());
    let Some(mut seq) = origin(&record.event) else { return Ok(key(record)) };
    loop {
        let stored = store.read(account, seq, 1).await?;
        let Some(earlier) = stored.first().filter(|s| s.seq == seq).map(Stored::record).transpose()? else {
            return Ok(None);
        };
        match origin(&earlier.event).filter(|before| *before < seq) {
            Some(before) => seq = before,
            None => return Ok(key(&earlier)),
        }
    }
}

/// The record that began the use of a record.
fn origin(event: &Event) -> Option<Seq> {
    if let Event::Settled { hold, .. } | Event::Expired { hold, .. } = event {
        Some(hold.0)
    } else if let Event::Corrected { correcting, .. } = event {
        Some(correcting.charge)
    } else if let Event::Refunded { charge, .. } = event {
        Some(*charge)
    } else {
        None
    }
}
