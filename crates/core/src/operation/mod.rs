//! Operations: from a request and the state to the record that answers it.
//!
//! Never changes the state: [`crate::account::Account::apply`] does, from the record alone.
//! O1 a refused or denied operation yields no record (`refusals_change_nothing`).
//! O2 a hold ends once (`hold_ends_once`). O3 settle keeps the front of the receipt (`settle_keeps_the_front`).
//! Units: nano-credits; instants in UTC microseconds.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use smallvec::SmallVec;

use crate::account::Account;
use crate::capacity::Offer;
use crate::catalog::{Catalog, Feature, NoPrice, Plan};
use crate::record::{
    Book, Correction, Counted, Credits, Decision, Dimension, Draw, Event, GrantId, GrantTerms, HoldId,
    Instant, Key, Movement, Name, Path, Price, Priced, PricedLine, REQUESTS, Record, Rule, Seq, Source, Use,
};

mod conduct;
mod corrections;
mod credits;
mod holds;
mod notice;
mod periodic;
mod requests;

pub use conduct::{
    begin_effect, claim_free_grant, dispute, draw_trial_budget, folded, is_demoted, lift, prepared,
    share_key, trial_budget_used,
};
pub(crate) use corrections::correct_to;
pub use corrections::{Correct, correct, corrected_price};
pub use credits::{NewGrant, adjust, charge_of, expire_grant, grant, refund, void};
pub use holds::{Ended, Extend, expire_hold, extend, release, settle, settle_late};
pub use notice::{
    accept_late, ask_top_up, cross, discard_late, late_request, quarantine, still_needs_top_up, top_up_failed,
};
pub use periodic::{ChangePlan, RESET_LIFE, bank_reset, change_plan, redeem_reset, renew, roll_over};
pub use requests::{Authorize, Minimum, Request, authorize, change, decide, open, record, record_at};

/// Most units of one meter in one request, so that sums over a hold's life stay exact.
pub const QUANTITY_MAX: u64 = 1_000_000_000_000_000;

/// How much of each meter.
pub type Quantities = SmallVec<[(Name, u64); 3]>;

/// What every operation sees.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The state.
    pub account: &'a Account,
    /// The policy in force.
    pub catalog: &'a Catalog,
    /// The account's time, from [`Account::tick`].
    pub now: Instant,
    /// What capacity pools have for the request, the feature's own first. Empty where capacity is not asked about.
    pub offers: &'a [Offer],
    /// The level of the penalty box that the caller is in.
    pub penalty: u8,
}

impl<'a> Context<'a> {
    /// A state at an instant: no capacity is asked about, and the caller is in no penalty box.
    #[must_use]
    pub fn new(account: &'a Account, catalog: &'a Catalog, now: Instant) -> Self {
        Self { account, catalog, now, offers: &[], penalty: 0 }
    }
}

/// A record without its place in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// What happened.
    pub event: Event,
    /// Records it follows from.
    pub parents: SmallVec<[Seq; 1]>,
    /// Balance updates.
    pub movements: SmallVec<[Movement; 3]>,
    /// Corrections of use counted earlier.
    pub corrections: SmallVec<[Correction; 2]>,
    /// The grant it opens.
    pub opens: Option<GrantTerms>,
    /// When it counts; `None`: when it is written.
    pub effective_at: Option<Instant>,
    /// The unit of credits that it moves.
    pub unit: Option<Name>,
}

impl Draft {
    pub(crate) fn new(event: Event) -> Self {
        Self {
            event,
            parents: SmallVec::new(),
            movements: SmallVec::new(),
            corrections: SmallVec::new(),
            opens: None,
            effective_at: None,
            unit: None,
        }
    }

    /// A record that follows from another.
    fn following(parent: Seq, event: Event) -> Self {
        Self { parents: SmallVec::from_slice(&[parent]), ..Self::new(event) }
    }

    /// A record of the server's own log, which moves no credits.
    #[must_use]
    pub fn administrative(event: Event) -> Self {
        Self::new(event)
    }

    fn moves(&mut self, from: Book, to: Book, amount: Credits) {
        if amount.is_positive() {
            self.movements.push(Movement { from, to, amount });
        }
    }

    /// Whether the account's books can take the movements: everything ever issued or lent to it stays within the range
    /// of [`Credits`], and with it every other sum.
    #[must_use]
    pub fn fits(&self, account: &Account) -> bool {
        let b = account.books_of(self.unit.as_ref());
        let inflow =
            |m: &&Movement| matches!(m.from, Book::Operator | Book::Goodwill | Book::Debt | Book::Overdraft);
        let standing = [b.issued, b.goodwill, b.debt, b.overdraft].into_iter();
        let mut all = standing.chain(self.movements.iter().filter(inflow).map(|m| m.amount));
        all.try_fold(Credits::ZERO, |sum, amount| sum.checked_add(amount)).is_some()
    }

    /// The record at the end of the account's log.
    #[must_use]
    pub fn into_record(
        self,
        account: &Account,
        now: Instant,
        key: Option<Key>,
        actor: Option<Name>,
    ) -> Record {
        Record {
            seq: account.seq + 1,
            effective_at: self.effective_at.unwrap_or(now),
            recorded_at: now,
            parents: self.parents,
            key,
            actor,
            event: self.event,
            movements: self.movements,
            corrections: self.corrections,
            opens: self.opens,
            unit: self.unit,
            erased: None,
        }
    }
}

/// What came of deciding.
#[derive(Clone, Debug)]
pub enum Decided {
    /// Granted: what to append.
    Granted(Box<Draft>),
    /// Granted for a feature that is not recorded: what to count.
    Counted(Use, Decision),
    /// Denied, or consent is needed: what was asked.
    Denied(Use, Decision),
}

/// Why an operation was refused. Nothing changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The catalog has no such feature.
    UnknownFeature(Name),
    /// The catalog has no such plan.
    UnknownPlan(Name),
    /// The feature has no such meter.
    UnknownMeter(Name),
    /// No price is in force, or none matches the dimensions.
    NoPrice(Name, NoPrice),
    /// A quantity, a price or the account's books would leave their range.
    TooLarge,
    /// A minimum names a meter that is not asked for, or more than is asked.
    BadMinimum(Name),
    /// A hold's life is zero or longer than the feature allows; the longest, in the text form of a duration.
    BadLife(String),
    /// The feature is not recorded, so it cannot be held.
    NotRecorded(Name),
    /// The account has no such hold.
    UnknownHold(HoldId),
    /// The hold has been extended as often as it may: its deadline ten times, its quantities some thousand times.
    TooManyExtensions(HoldId),
    /// The use is larger than the hold by this much, and the feature refuses that.
    BeyondHold(Credits),
    /// The account has no such open grant.
    UnknownGrant(GrantId),
    /// The account has as many open grants, or segments with settings, as it may.
    AccountFull,
    /// An amount must be above zero.
    NotPositive,
    /// The expiry is not after the beginning, or has passed.
    BadExpiry,
    /// A correction would take more than is left.
    MoreThanLeft(Credits),
    /// The record is no charge.
    NotACharge(Seq),
    /// A refund is larger than the charge.
    MoreThanCharged(Credits),
    /// The zone of a recurrence is not known.
    UnknownZone,
    /// What is to be carried contradicts itself, or would leave too many grants open.
    BadRollover,
    /// The account's plan has no such window, or it counts open holds.
    UnknownWindow(Name),
    /// The account has no banked reset that can be redeemed.
    NoReset,
    /// The windows of the banked reset are unused.
    NothingToReset,
    /// The recurring grants of one change are in different units of credits.
    MixedUnits,
    /// A correction changes nothing.
    NothingToCorrect,
    /// Use was said to happen after now.
    InTheFuture(Instant),
    /// No use with this number waits in quarantine.
    NotInQuarantine(Seq),
    /// No top-up with this number is in flight.
    NoTopUp(u64),
    /// A live change of a pool is not acceptable: what is wrong.
    BadPool(String),
    /// The account has no effect of this abuse rule.
    NoEffect(Rule),
    /// The identity had a free grant in the last 90 days: when there may be one again.
    FreeGrantTooSoon(Instant),
    /// The free credits of the day are given: when the next day begins.
    TrialBudgetSpent(Instant),
    /// The mark at which a balance has recovered is below the one at which it is low, or a top-up has no amount.
    BadAlerts,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownFeature(name) => write!(f, "the catalog has no feature `{name}`"),
            Self::UnknownPlan(name) => write!(f, "the catalog has no plan `{name}`"),
            Self::UnknownMeter(name) => write!(f, "the feature has no meter `{name}`"),
            Self::NoPrice(name, NoPrice::NotYet) => {
                write!(f, "no price of `{name}` is in force yet")
            }
            Self::NoPrice(name, NoPrice::NoMatch) => {
                write!(f, "no price of `{name}` matches the request's dimensions")
            }
            Self::TooLarge => {
                write!(
                    f,
                    "more than {QUANTITY_MAX} units, or more credits than an account can hold (9223372036.854775807); ask for less"
                )
            }
            Self::BadMinimum(meter) => {
                write!(
                    f,
                    "the minimum of `{meter}` must be one asked meter, above zero and at most what is asked"
                )
            }
            Self::BadLife(max) => write!(f, "the life of this hold must be above zero and at most {max}"),
            Self::NotRecorded(name) => {
                write!(f, "feature `{name}` is not recorded, so it cannot be held; settle it at once")
            }
            Self::UnknownHold(id) => write!(f, "the account has no hold {}", id.0),
            Self::TooManyExtensions(_) => {
                f.write_str("the hold has been extended as often as it may; settle it and open another")
            }
            Self::BeyondHold(short) => {
                write!(
                    f,
                    "the use exceeds the hold and no source pays the {short} credits beyond it; extend the hold first"
                )
            }
            Self::UnknownGrant(id) => write!(f, "the account has no open grant {}", id.0),
            Self::AccountFull => {
                f.write_str("the account has as many open grants or segments with settings as it may")
            }
            Self::NotPositive => f.write_str("the amount must be above zero"),
            Self::BadExpiry => f.write_str("the expiry must lie in the future and after the beginning"),
            Self::MoreThanLeft(left) => write!(f, "only {left} credits are left in the grant"),
            Self::NotACharge(seq) => write!(f, "record {seq} is no charge"),
            Self::UnknownZone => {
                f.write_str("the zone is not an IANA time zone; write for example Europe/Berlin or UTC")
            }
            Self::BadRollover => f.write_str(
                "a rollover needs 0 <= min <= max, a fraction of at most 1, and a life of at most 100 periods",
            ),
            Self::UnknownWindow(name) => write!(
                f,
                "the account's plan has no window `{name}` that a reset can clear; write a guard or `allowance.window`"
            ),
            Self::NoReset => f.write_str("the account has no such banked reset that can be redeemed"),
            Self::NothingToReset => f.write_str("the windows of the banked reset are unused; it stays banked"),
            Self::MixedUnits => f.write_str(
                "the recurring grants are in different units of credits; change those of each unit in a call of its own",
            ),
            Self::NothingToCorrect => f.write_str("the correction changes neither a quantity nor a price"),
            Self::InTheFuture(at) => write!(f, "the use is said to happen at {at}, which is still to come"),
            Self::NotInQuarantine(seq) => write!(f, "no use {seq} waits in quarantine"),
            Self::NoTopUp(number) => write!(f, "no top-up {number} is in flight"),
            Self::BadPool(what) => f.write_str(what),
            Self::NoEffect(rule) => {
                write!(f, "the rule `{}` has no effect on this account or key", rule.as_str())
            }
            Self::FreeGrantTooSoon(at) => {
                write!(f, "the identity behind the account had a free grant; there may be one again from {at} on")
            }
            Self::TrialBudgetSpent(at) => {
                write!(f, "the free credits of this day are given; there are new ones from {at} on")
            }
            Self::BadAlerts => f.write_str(
                "alerts need 0 <= low <= recovered; a top-up needs alerts, and an amount above zero and at most its monthly maximum",
            ),
            Self::MoreThanCharged(charged) => write!(f, "only {charged} credits were charged"),
        }
    }
}

/// Does the next thing that falls due by `until`, the earliest first: holds and grants that end, recurring grants that
/// cross a boundary.
///
/// # Errors
/// Never for a state that follows from its log.
pub fn next_end(ctx: Context<'_>, until: Instant) -> Result<Option<Draft>, Refusal> {
    let account = ctx.account;
    let holds = account.holds.iter().map(|h| (h.terms.deadline, Due::Hold(h.id)));
    let spent = |g: &&crate::account::Grant| g.remaining.is_positive();
    let grants = account.grants.iter().filter(spent).map(|g| (g.terms.expires_at, Due::Grant(g.id)));
    let schedules = account.extras().schedules.iter().map(|s| {
        let carries = s.next_at <= until && periodic::to_carry(ctx, s).is_positive();
        (s.next_at, if carries { Due::Rollover(s.id) } else { Due::Renewal(s.id) })
    });
    match holds.chain(grants).chain(schedules).filter(|(at, _)| *at <= until).min() {
        None => Ok(None),
        Some((_, Due::Hold(id))) => expire_hold(ctx, id).map(Some),
        Some((_, Due::Rollover(id))) => roll_over(ctx, id).map(Some),
        Some((_, Due::Grant(id))) => expire_grant(ctx, id).map(Some),
        Some((_, Due::Renewal(id))) => renew(ctx, id).map(Some),
    }
}

/// What falls due, in the order in which it happens at one instant.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Hold(HoldId),
    Rollover(GrantId),
    Grant(GrantId),
    Renewal(GrantId),
}

impl<'a> Context<'a> {
    fn plan(&self) -> Result<&'a Plan, Refusal> {
        let name = &self.account.settings.plan;
        self.catalog.plan(name.as_str()).ok_or_else(|| Refusal::UnknownPlan(name.clone()))
    }

    fn feature(&self, name: &Name) -> Result<&'a Feature, Refusal> {
        self.catalog.feature(name.as_str()).ok_or_else(|| Refusal::UnknownFeature(name.clone()))
    }

    /// Pins the prices in force to quantities. Every meter of the feature has a line, at zero when it is not named.
    fn price(
        &self,
        feature: &'a Feature,
        path: &'a Path,
        dimensions: &'a [Dimension],
        quantities: &'a [(Name, u64)],
    ) -> Result<Priced<'a>, Refusal> {
        let found = feature
            .prices(dimensions, self.now)
            .map_err(|why| Refusal::NoPrice(feature.name.clone(), why))?;
        let mut named = 0;
        let mut lines: SmallVec<[PricedLine<'_>; 3]> = SmallVec::new();
        for (i, meter) in feature.meters.iter().enumerate() {
            let asked = quantities.iter().find(|(m, _)| m == meter);
            named += usize::from(asked.is_some());
            lines.push(PricedLine {
                meter,
                quantity: asked.map_or_else(|| u64::from(meter.as_str() == REQUESTS), |(_, n)| *n),
                price: found.prices.and_then(|p| p.get(i).copied()).unwrap_or_default(),
            });
        }
        if named < quantities.len() {
            for (meter, quantity) in quantities.iter().filter(|(m, _)| !feature.meters.contains(m)) {
                if meter.as_str() != REQUESTS {
                    return Err(Refusal::UnknownMeter(meter.clone()));
                }
                lines.push(PricedLine { meter, quantity: *quantity, price: Price::default() });
            }
        }
        if lines.iter().any(|l| l.quantity > QUANTITY_MAX) {
            return Err(Refusal::TooLarge);
        }
        Ok(Priced {
            feature: &feature.name,
            path,
            dimensions,
            lines,
            unit: &feature.unit,
            card: found.card,
            catalog: &self.catalog.version,
            credit_unit: feature.credit_unit.as_ref(),
        })
    }
}

/// The book a source's credits stand in.
fn book(source: Source) -> Option<Book> {
    match source {
        Source::Allowance => None,
        Source::Grant(id, _) => Some(Book::Grant(id)),
        Source::Overdraft => Some(Book::Overdraft),
        Source::Debt => Some(Book::Debt),
        Source::Goodwill => Some(Book::Goodwill),
    }
}

/// The movements of what draws take to `to`.
fn taken(draws: &[Draw], to: Book) -> SmallVec<[Movement; 3]> {
    let moved = |draw: &Draw| Some(Movement { from: book(draw.source)?, to, amount: draw.credits() });
    draws.iter().filter_map(moved).filter(|m| m.amount.is_positive()).collect()
}

/// The part of what was counted that a refund gives back: what was drawn, not that it was asked.
fn refundable(counted: impl Iterator<Item = Counted>) -> Vec<Counted> {
    use crate::record::Basis;
    counted.filter(|c| matches!(c.basis, Basis::Layer(_) | Basis::Spend) && c.cost != 0).collect()
}
