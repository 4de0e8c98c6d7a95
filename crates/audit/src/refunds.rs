//! The draws that refunds and corrections give back, source by source, from the charge's own receipt.
//!
//! Reads the charge and the refunds of it before this one; at most 100 of them.

use headworks_core::record::{Charge, Credits, Event, GivenBack, IndexKey, Name, Once, Record, Seq};
use headworks_store::{Store, StoreError, Stored};

/// The part of an earlier charge that a record gives back; `None` if it is neither a refund nor a correction.
///
/// # Errors
/// When the charge or an earlier refund of it cannot be read.
pub async fn given_back(
    store: &dyn Store,
    account: &Name,
    record: &Record,
) -> Result<Option<GivenBack>, StoreError> {
    if let Event::Corrected { correcting, .. } = &record.event {
        let seq = correcting.charge;
        let charge = charge_of(store, account, seq).await?;
        let draws = charge.draws.iter().rev().cloned().collect();
        return Ok(Some(GivenBack { seq, charge, draws }));
    }
    let Event::Refunded { charge: seq, amount, before, passed_over, .. } = record.event else {
        return Ok(None);
    };
    let returned = returned(store, account, seq, before).await?;
    let returned = Credits::from_nano(returned.nano() + passed_over.map_or(0, Credits::nano));
    let charge = charge_of(store, account, seq).await?;
    let draws = charge.given_back(returned, amount);
    Ok(Some(GivenBack { seq, charge, draws }))
}

/// What the first refunds of a charge, so many of them, gave back or passed over.
pub(crate) async fn returned(
    store: &dyn Store,
    account: &Name,
    charge: Seq,
    refunds: u8,
) -> Result<Credits, StoreError> {
    let mut returned = Credits::ZERO;
    for n in 0..refunds {
        let refund = store.find(IndexKey::of_once(account, Once::Refunds(charge, n))).await?;
        let refund = refund.as_ref().map(Stored::record).transpose()?;
        let wrong = |what: &str| {
            StoreError::Unreadable(format!("account {account}: {what} refund {} of charge {charge}", n + 1))
        };
        let Some(used_up) = refund.and_then(|r| r.event.uses_up()) else {
            return Err(wrong("there is no"));
        };
        returned = returned
            .checked_add(Credits::from_nano(used_up))
            .ok_or_else(|| wrong("more is given back than fits, by"))?;
    }
    Ok(returned)
}

pub(crate) async fn charge_of(store: &dyn Store, account: &Name, seq: Seq) -> Result<Charge, StoreError> {
    let stored = store.read(account, seq, 1).await?;
    let record = stored.first().filter(|s| s.seq == seq).map(Stored::record).transpose()?;
    let what =
        || format!("account {account}, record {seq}: it is not a charge, but another record gives it back");
    record.as_ref().and_then(Record::charge).cloned().ok_or_else(|| StoreError::Unreadable(what()))
}
