//! Commands that add credits, take them back or refund a charge.

use headworks_core::command::{Adjust, Command, NewGrant, TopUp};
use headworks_core::record::{self, Category, Credits, Instant, Label, Name, WHOLE};

use super::{Malformed, grant, invalid, number};
use crate::recurrence::{Recurrence, RecurrenceAnchor, Rollover};
use crate::reference::Reference;
use crate::requests::{AdjustRequest, GrantRequest, RefundRequest, VoidRequest};
use crate::top_ups::ConfirmTopUpRequest;

fn rollover(r: &Rollover) -> Result<record::Rollover, Malformed> {
    let part = |f: Credits| u32::try_from(f.nano()).ok().filter(|f| *f <= WHOLE);
    let Some(fraction) = r.fraction.map_or(Some(WHOLE), part) else {
        return invalid("`fraction` is a decimal from 0 to 1");
    };
    Ok(record::Rollover { min: r.min, max: r.max, fraction, life: r.life })
}

/// How a grant recurs; the recurrence ends when the grant does.
fn recurrence(r: &Recurrence, whole: Credits, from: Instant) -> Result<Box<record::Recurrence>, Malformed> {
    let zone = r.zone.clone().map_or_else(|| Label::new("UTC"), Ok);
    Ok(Box::new(record::Recurrence {
        every: r.every,
        zone: zone.map_err(|e| Malformed::Invalid(e.to_string()))?,
        anchor: match r.anchor {
            RecurrenceAnchor::Billing => None,
            RecurrenceAnchor::Grant => Some(from),
        },
        until: Instant::NEVER,
        rollover: r.rollover.as_ref().map(rollover).transpose()?,
        overage: r.overage,
        prorated: r.prorate.map(|by| record::Prorated { whole, by }),
    }))
}

impl GrantRequest {
    /// The command of this request, received at `now`.
    ///
    /// # Errors
    /// When a fraction is out of range.
    pub fn command(&self, now: Instant) -> Result<Command, Malformed> {
        let from = self.effective_from.unwrap_or(now);
        Ok(Command::Grant(NewGrant {
            amount: self.amount,
            category: self.category,
            priority: self.priority,
            effective_from: self.effective_from,
            expires_at: self.expires_at,
            features: self.features.iter().cloned().collect(),
            reference: self.reference.clone(),
            recurrence: self.recurrence.as_ref().map(|r| recurrence(r, self.amount, from)).transpose()?,
            top_up: None,
            unit: self.unit.clone(),
        }))
    }
}

impl VoidRequest {
    /// The command of this request, on a grant of the account.
    ///
    /// # Errors
    /// When the grant belongs to another account.
    pub fn command(&self, account: &Name, of: &Reference) -> Result<Command, Malformed> {
        Ok(Command::Void { grant: grant(account, of)?, reason: self.reason.clone() })
    }
}

impl AdjustRequest {
    /// The command of this request.
    ///
    /// # Errors
    /// When the grant belongs to another account.
    pub fn command(&self, account: &Name) -> Result<Command, Malformed> {
        let grant = grant(account, &self.grant)?;
        let Self { amount: by, as_debt, .. } = *self;
        Ok(Command::Adjust(Adjust { grant, by, as_debt, reason: self.reason.clone() }))
    }
}

impl RefundRequest {
    /// The command of this request.
    ///
    /// # Errors
    /// When the charge belongs to another account.
    pub fn command(&self, account: &Name) -> Result<Command, Malformed> {
        let charge = number(account, &self.charge, Malformed::UnknownRecord)?;
        Ok(Command::Refund { charge, amount: self.amount, reason: self.reason.clone() })
    }
}

impl ConfirmTopUpRequest {
    /// The command of this request, on the top-up with this number.
    ///
    /// # Errors
    /// When unpaid credits have an expiry.
    pub fn command(&self, number: u64) -> Result<Command, Malformed> {
        if !self.paid && self.expires_at.is_some() {
            return invalid("`expires_at` is for credits that were paid");
        }
        let grant = NewGrant {
            reference: self.reference.clone(),
            expires_at: self.expires_at,
            ..NewGrant::new(Credits::ZERO, Category::Purchased)
        };
        let top_up = if self.paid { TopUp::Paid(grant) } else { TopUp::Failed(self.reason.clone()) };
        Ok(Command::ConfirmTopUp { number, top_up })
    }
}
