//! From what callers send to the commands that they mean.
//!
//! Never looks anything up: what is unknown is found out by the command.

use std::collections::BTreeMap;
use std::fmt;

use headworks_core::command::{ChangePlan, Command, Correct, Extend, NewGrant, Patch, Setting, TopUp};
use headworks_core::record::{
    self, Category, Credits, Dimension, GrantId, HoldId, Instant, Label, Name, Segment, Seq, WHOLE,
};
use headworks_core::waterfall::{Authorize, Minimum, Request};

use crate::conduct::LiftRequest;
use crate::periodic::{
    AlertMarks, BankResetRequest, ChangePlanRequest, ConfirmTopUpRequest, CorrectRequest, LateAction,
    LateRequest, PlanAnchor, Recurrence, RecurrenceAnchor, RedeemResetRequest, Rollover, TopUpTerms,
};
use crate::pools::AccountCapacity;
use crate::reference::Reference;
use crate::requests::{
    AdjustRequest, AuthorizeRequest, ChangeAccountRequest, ExtendRequest, GrantRequest, OpenAccountRequest,
    Quantities, RecordRequest, RefundRequest, ReleaseRequest, SegmentSettings, Settle, SettleRequest,
    VoidRequest,
};

/// Why a request is no command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// Its content contradicts itself: what, and what to write.
    Invalid(String),
    /// It names a record of another account, or none: which kind of thing is not there.
    Elsewhere(&'static str, String),
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(what) | Self::Elsewhere(_, what) => f.write_str(what),
        }
    }
}

fn invalid<T>(what: &str) -> Result<T, Malformed> {
    Err(Malformed::Invalid(what.to_owned()))
}

fn pairs(quantities: &Quantities) -> headworks_core::waterfall::Quantities {
    quantities.iter().map(|(meter, n)| (meter.clone(), *n)).collect()
}

fn minimum(min: Option<&Quantities>) -> Result<Option<Minimum>, Malformed> {
    let Some(min) = min else { return Ok(None) };
    let mut meters = min.iter();
    match (meters.next(), meters.next()) {
        (Some((meter, quantity)), None) => Ok(Some(Minimum { meter: meter.clone(), quantity: *quantity })),
        _ => invalid("`min` names exactly one meter: the one that may shrink"),
    }
}

fn dimensions(named: &BTreeMap<Name, Label>) -> impl Iterator<Item = Dimension> {
    named.iter().map(|(name, value)| Dimension { name: name.clone(), value: value.clone() })
}

/// The number of a record that must be in this account; `kind` is what is not there otherwise.
fn number(account: &Name, reference: &Reference, kind: &'static str) -> Result<Seq, Malformed> {
    match reference {
        Reference::Record(of, seq) if of == account => Ok(*seq),
        Reference::Record(..) | Reference::Denial(..) => {
            Err(Malformed::Elsewhere(kind, format!("`{reference}` is not of account `{account}`")))
        }
    }
}

fn grant(account: &Name, reference: &Reference) -> Result<GrantId, Malformed> {
    number(account, reference, "unknown_grant").map(GrantId)
}

fn hold(reference: &Reference) -> Result<HoldId, Malformed> {
    match reference {
        Reference::Record(_, seq) => Ok(HoldId(*seq)),
        Reference::Denial(..) => {
            Err(Malformed::Elsewhere("unknown_hold", "a denial opens no hold".to_owned()))
        }
    }
}

impl AuthorizeRequest {
    /// What is asked for.
    ///
    /// # Errors
    /// When `min` names several meters, or none.
    pub fn authorize(&self) -> Result<Authorize, Malformed> {
        Ok(Authorize {
            request: Request {
                feature: self.feature.clone(),
                path: self.path.clone(),
                dimensions: dimensions(&self.dimensions).collect(),
                quantities: pairs(&self.quantities),
                consented: self.consent,
                recorded: false,
            },
            minimum: minimum(self.min.as_ref())?,
            life: self.life,
            settle_now: self.settle == Settle::Now,
        })
    }
}

impl ExtendRequest {
    /// The command that is meant.
    ///
    /// # Errors
    /// When it names no hold, or `min` names several meters.
    pub fn command(&self) -> Result<Command, Malformed> {
        Ok(Command::Extend(Extend {
            hold: hold(&self.hold)?,
            quantities: pairs(&self.quantities),
            minimum: minimum(self.min.as_ref())?,
            life: self.life,
            progress: self.progress.as_ref().map(pairs),
            consented: self.consent,
        }))
    }
}

impl SettleRequest {
    /// The command that is meant.
    ///
    /// # Errors
    /// When it names no hold.
    pub fn command(&self) -> Result<Command, Malformed> {
        Ok(Command::Settle { hold: hold(&self.hold)?, quantities: pairs(&self.quantities) })
    }
}

impl ReleaseRequest {
    /// The command that is meant.
    ///
    /// # Errors
    /// When it names no hold.
    pub fn command(&self) -> Result<Command, Malformed> {
        Ok(Command::Release { hold: hold(&self.hold)? })
    }
}

impl RecordRequest {
    /// The command that is meant.
    #[must_use]
    pub fn command(&self) -> Command {
        let request = Request {
            feature: self.feature.clone(),
            path: self.path.clone(),
            dimensions: dimensions(&self.dimensions).collect(),
            quantities: pairs(&self.quantities),
            consented: self.consent,
            recorded: false,
        };
        Command::Record { request, at: self.effective_at }
    }
}

fn segment(of: &Segment, s: &SegmentSettings) -> record::SegmentSettings {
    record::SegmentSettings {
        segment: of.clone(),
        suspended: s.suspended,
        consent: s.consent,
        pool_cap: s.pool_cap,
        hourly_cap: s.hourly_cap,
    }
}

fn rank(c: &AccountCapacity) -> Box<record::Rank> {
    let AccountCapacity { class, cluster, weight, floor, max } = c.clone();
    Box::new(record::Rank { class, cluster, weight, floor, max })
}

fn marks(alerts: &AlertMarks) -> record::AlertMarks {
    record::AlertMarks { low: alerts.low, recovered: alerts.recovered }
}

fn terms(t: &TopUpTerms) -> record::TopUpTerms {
    record::TopUpTerms { amount: t.amount, monthly_max: t.monthly_max, cool_down: t.cool_down }
}

/// Left out: it stays; null: there is none from now on.
fn setting<T, U>(given: Option<&Option<T>>, of: impl Fn(&T) -> U) -> Setting<U> {
    given.map_or(Setting::Keep, |given| given.as_ref().map(of).into())
}

/// What is given is set; what is left out stays.
fn set<T>(given: Option<T>) -> Setting<T> {
    given.map_or(Setting::Keep, Setting::Set)
}

impl OpenAccountRequest {
    /// The command that is meant.
    #[must_use]
    pub fn command(&self) -> Command {
        let settings = |(of, s): (&Segment, &SegmentSettings)| (of.clone(), Some(segment(of, s)));
        Command::Open(Patch {
            plan: self.plan.clone(),
            consent: set(self.consent),
            billing_anchor: self.billing_anchor,
            segments: self.segments.iter().map(settings).collect(),
            rank: set(self.capacity.as_ref().map(rank)),
            tier: set(self.tier),
            ..Patch::default()
        })
    }
}

impl ChangeAccountRequest {
    /// The command that is meant.
    #[must_use]
    pub fn command(&self) -> Command {
        let settings =
            |(of, s): (&Segment, &Option<SegmentSettings>)| (of.clone(), s.as_ref().map(|s| segment(of, s)));
        let patch = Patch {
            plan: self.plan.clone(),
            suspended: self.suspended,
            consent: set(self.consent),
            billing_anchor: self.billing_anchor,
            segments: self.segments.iter().map(settings).collect(),
            replaces_segments: false,
            alerts: setting(self.alerts.as_ref(), marks),
            top_up: setting(self.top_up.as_ref(), terms),
            rank: setting(self.capacity.as_ref(), rank),
            tier: setting(self.tier.as_ref(), |tier| *tier),
        };
        Command::Change { patch, reason: self.reason.clone() }
    }
}

fn rollover(r: &Rollover) -> Result<record::Rollover, Malformed> {
    let part = |f: Credits| u32::try_from(f.nano()).ok().filter(|f| *f <= WHOLE);
    let Some(fraction) = r.fraction.map_or(Some(WHOLE), part) else {
        return invalid("`fraction` is a decimal from 0 to 1");
    };
    Ok(record::Rollover { min: r.min, max: r.max, fraction, life: r.life })
}

/// How a grant comes again; its end is that of the grant.
fn recurrence(r: &Recurrence, from: Instant) -> Result<Box<record::Recurrence>, Malformed> {
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
    }))
}

impl GrantRequest {
    /// The command that is meant by a request that came at `now`.
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
            recurrence: self.recurrence.as_ref().map(|r| recurrence(r, from)).transpose()?,
            top_up: None,
            unit: self.unit.clone(),
        }))
    }
}

impl VoidRequest {
    /// The command that is meant, on a grant of the account.
    ///
    /// # Errors
    /// When the grant is another account's.
    pub fn command(&self, account: &Name, of: &Reference) -> Result<Command, Malformed> {
        Ok(Command::Void { grant: grant(account, of)?, reason: self.reason.clone() })
    }
}

impl AdjustRequest {
    /// The command that is meant.
    ///
    /// # Errors
    /// When the grant is another account's.
    pub fn command(&self, account: &Name) -> Result<Command, Malformed> {
        let grant = grant(account, &self.grant)?;
        Ok(Command::Adjust { grant, by: self.amount, reason: self.reason.clone() })
    }
}

impl RefundRequest {
    /// The command that is meant.
    ///
    /// # Errors
    /// When the charge is another account's.
    pub fn command(&self, account: &Name) -> Result<Command, Malformed> {
        let charge = number(account, &self.charge, "unknown_record")?;
        Ok(Command::Refund { charge, amount: self.amount, reason: self.reason.clone() })
    }
}

impl CorrectRequest {
    /// The command that is meant.
    ///
    /// # Errors
    /// When the charge is another account's, or it is to be deleted and changed at once.
    pub fn command(&self, account: &Name) -> Result<Command, Malformed> {
        let charge = number(account, &self.charge, "unknown_record")?;
        if self.delete && (self.reprice || !self.quantities.is_empty()) {
            return invalid("`delete` goes with neither `quantities` nor `reprice`");
        }
        let to = if self.delete {
            Correct::Delete
        } else {
            Correct::To { quantities: pairs(&self.quantities), reprice: self.reprice }
        };
        Ok(Command::Correct { charge, to, reason: self.reason.clone() })
    }
}

impl LateRequest {
    /// The command that is meant, on use in the account's quarantine.
    ///
    /// # Errors
    /// When the use is another account's.
    pub fn command(&self, account: &Name, of: &Reference) -> Result<Command, Malformed> {
        let kept = number(account, of, "not_in_quarantine")?;
        Ok(match self.action {
            LateAction::Accept => Command::AcceptLate { kept },
            LateAction::Discard => Command::DiscardLate { kept, reason: self.reason.clone() },
        })
    }
}

impl ChangePlanRequest {
    /// The command that is meant.
    ///
    /// # Errors
    /// When a grant is another account's.
    pub fn command(&self, account: &Name) -> Result<Command, Malformed> {
        let amount = |(of, amount): (&Reference, &Credits)| Ok((grant(account, of)?, *amount));
        Ok(Command::ChangePlan(ChangePlan {
            plan: self.plan.clone(),
            move_anchor: self.anchor == PlanAnchor::Move,
            amounts: self.amounts.iter().map(amount).collect::<Result<_, Malformed>>()?,
            prorate: self.prorate.unwrap_or(true),
            reason: self.reason.clone(),
        }))
    }
}

impl BankResetRequest {
    /// The command that is meant.
    #[must_use]
    pub fn command(&self) -> Command {
        Command::Bank {
            windows: self.windows.clone(),
            expires_at: self.expires_at,
            reference: self.reference.clone(),
        }
    }
}

impl RedeemResetRequest {
    /// The command that is meant.
    ///
    /// # Errors
    /// When the reset is another account's.
    pub fn command(&self, account: &Name) -> Result<Command, Malformed> {
        let token = self.reset.as_ref().map(|of| number(account, of, "unknown_record")).transpose()?;
        Ok(Command::Redeem { token, path: self.path.clone() })
    }
}

impl ConfirmTopUpRequest {
    /// The command that is meant, on the top-up of this number.
    ///
    /// # Errors
    /// When credits that were not paid have an expiry.
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

impl LiftRequest {
    /// The command that is meant.
    #[must_use]
    pub fn command(&self) -> Command {
        Command::Lift { rule: self.rule, key: self.key.clone(), reason: self.reason.clone() }
    }
}
