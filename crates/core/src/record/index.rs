//! The keys that a record is found by, besides its number.
//!
//! Never holds a caller's text: keys are hashed with their account, so that one account cannot reach another's.
//! X1 an effect that may happen once has one key for all callers (`hold_ends_once`,
//! `a_charge_is_refunded_until_nothing_is_left`).

use smallvec::SmallVec;

use super::{CycleEvent, Denial, Event, GrantId, HoldId, Operation, Record, Seq};
use crate::record::{Instant, Label, Name};

/// A key that a record is found by, besides its number: a hash of account and key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IndexKey(pub u128);

/// An effect that at most one record of an account has, under any key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Once {
    /// Ends a hold.
    Ends(HoldId),
    /// Charges a hold that had expired.
    SettlesLate(HoldId),
    /// Gives back a charge, or a part of it, after this many refunds of it; or corrects it.
    Refunds(Seq, u8),
    /// Takes back a grant.
    Voids(GrantId),
    /// Redeems a banked reset.
    Redeems(Seq),
    /// Ends or removes an override of a limit.
    EndsOverride(Seq),
    /// Marks an invoice paid.
    PaysInvoice(Seq),
    /// Keeps the explanation of the denial decided at this instant.
    Explains(Instant),
}

impl IndexKey {
    fn of(account: &Name, tag: u8, body: &[u8]) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(account.as_str().as_bytes()).update(&[0, tag]).update(body);
        let mut bytes = [0; 16];
        bytes.copy_from_slice(hasher.finalize().as_bytes().get(..16).unwrap_or(&[0; 16]));
        Self(u128::from_be_bytes(bytes))
    }

    /// The place of an idempotency key.
    #[must_use]
    pub fn of_key(account: &Name, operation: Operation, text: &Label) -> Self {
        let mut body: SmallVec<[u8; 64]> = SmallVec::from_slice(operation.as_str().as_bytes());
        body.push(0);
        body.extend_from_slice(text.as_str().as_bytes());
        Self::of(account, 0, &body)
    }

    /// The place of an effect that happens at most once.
    #[must_use]
    pub fn of_once(account: &Name, once: Once) -> Self {
        match once {
            Once::Ends(hold) => Self::of(account, 1, &hold.0.to_be_bytes()),
            Once::SettlesLate(hold) => Self::of(account, 2, &hold.0.to_be_bytes()),
            Once::Refunds(charge, before) => {
                let mut body: SmallVec<[u8; 9]> = SmallVec::from_slice(&charge.to_be_bytes());
                body.push(before);
                Self::of(account, 3, &body)
            }
            Once::Voids(grant) => Self::of(account, 5, &grant.0.to_be_bytes()),
            Once::Redeems(reset) => Self::of(account, 6, &reset.to_be_bytes()),
            Once::EndsOverride(id) => Self::of(account, 8, &id.to_be_bytes()),
            Once::PaysInvoice(id) => Self::of(account, 9, &id.to_be_bytes()),
            Once::Explains(at) => Self::of(account, 4, &at.micros().to_be_bytes()),
        }
    }
}

impl Event {
    /// Its effect that happens at most once, if it has one.
    #[must_use]
    pub fn once(&self) -> Option<Once> {
        if let Self::Settled { hold, is_late: true, .. } = self {
            Some(Once::SettlesLate(*hold))
        } else if let Self::Refunded { charge, before, .. } = self {
            Some(Once::Refunds(*charge, *before))
        } else if let Self::Corrected { correcting, .. } = self {
            // The corrected charge no longer exists: it can neither be refunded nor corrected again.
            Some(Once::Refunds(correcting.charge, 0))
        } else if let Self::Voided { grant, .. } = self {
            Some(Once::Voids(*grant))
        } else if let Self::Cycle(cycle) = self
            && let CycleEvent::Redeemed { reset, .. } = &**cycle
        {
            Some(Once::Redeems(*reset))
        } else if let Self::Cycle(cycle) = self
            && let CycleEvent::OverrideEnded(id) | CycleEvent::OverrideRemoved { id, .. } = &**cycle
        {
            Some(Once::EndsOverride(*id))
        } else if let Self::Cycle(cycle) = self
            && let CycleEvent::InvoicePaid { invoice, .. } = &**cycle
        {
            Some(Once::PaysInvoice(*invoice))
        } else {
            self.ends().map(Once::Ends)
        }
    }
}

impl Record {
    /// The keys that the record is found by.
    #[must_use]
    pub fn index_keys(&self, account: &Name) -> SmallVec<[IndexKey; 2]> {
        if let Event::Denied(denials) = &self.event {
            let explains = |d: &Denial| IndexKey::of_once(account, Once::Explains(d.at));
            return denials.recent.iter().map(explains).collect();
        }
        let key = self.key.as_ref().map(|k| IndexKey::of_key(account, k.operation, &k.text));
        key.into_iter().chain(self.event.once().map(|o| IndexKey::of_once(account, o))).collect()
    }
}
