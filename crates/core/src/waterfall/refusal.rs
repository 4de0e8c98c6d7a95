//! Why a command is refused.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::request::QUANTITY_MAX;
use crate::catalog::{Feature, NoPrice, Unmatched};
use crate::record::{
    Amount, CREDITS, Credits, Dimension, Event, GrantId, HoldId, Instant, Name, Record, Rule, Seq,
};

/// Why a command was refused. Nothing changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is no such account.
    UnknownAccount(Name),
    /// The account is open already.
    AccountExists(Name),
    /// An account names no plan, and the catalog has no default one.
    NoPlan,
    /// There is no such record.
    UnknownRecord(Seq),
    /// The hold has already ended.
    HoldEnded {
        /// The hold.
        hold: HoldId,
        /// The record that ended it.
        by: Seq,
        /// When.
        at: Instant,
        /// How: `settled`, `released` or `expired`.
        how: &'static str,
    },
    /// The charge has already been refunded or corrected, by this record.
    AlreadyRefunded(Seq, Seq),
    /// The banked reset has already been redeemed, by this record.
    AlreadyRedeemed(Seq, Seq),
    /// The catalog has no such feature.
    UnknownFeature(Name),
    /// The catalog has no such plan.
    UnknownPlan(Name),
    /// The feature has no such meter.
    UnknownMeter(Name),
    /// The feature has such a meter, and what was held or charged does not: the catalog cannot price it beside that.
    MeterUnpriced(Name),
    /// The feature has such a meter, and the hold that is extended does not.
    MeterNotHeld(Name),
    /// No price is in force, or none matches the dimensions.
    NoPrice(Name, NoPrice, Box<Unmatched>),
    /// A charge has been refunded as often as one may be.
    TooManyRefunds(Seq),
    /// A change that changes nothing.
    NoChange,
    /// A request does not say how much of a meter it is.
    MissingMeter(Name),
    /// A request counts itself as none.
    NoRequests,
    /// Parts of a use that cannot be: why.
    BadParts(&'static str),
    /// A quantity, a price or the account's books would leave their range.
    TooLarge,
    /// A minimum names a meter that is not requested, or more than is requested.
    BadMinimum(Name),
    /// A hold's life is zero or longer than the feature allows; the longest, in the text form of a duration.
    BadLife(String),
    /// The feature is not recorded, so it cannot be held.
    NotRecorded(Name),
    /// The account has no such hold.
    UnknownHold(HoldId),
    /// The hold has been extended as often as it may: its deadline ten times, its quantities about a thousand times.
    TooManyExtensions(HoldId),
    /// Nobody pays this much of use that has happened, and the feature refuses that.
    NobodyPays(Amount),
    /// As [`Self::NobodyPays`], for use beyond a hold.
    BeyondHold(Amount),
    /// The account has no such open grant.
    UnknownGrant(GrantId),
    /// The grant has ended, so nothing can be added to it.
    GrantEnded(GrantId),
    /// The total issued and lent to the account in the unit would leave the range of credits.
    BooksFull(Option<Name>),
    /// A cap is below zero.
    BadCap,
    /// A cap is in a unit of credits that no feature is priced in; `None`: `credits`.
    UnpricedUnit(Option<Name>),
    /// A reset names no window.
    NoWindows,
    /// The account has as many open grants, segments with settings, or requests for higher limits, as it may.
    AccountFull,
    /// An amount must be above zero.
    NotPositive,
    /// The expiry is not after the beginning, or has passed.
    BadExpiry,
    /// A correction would take more than is left.
    MoreThanLeft(Amount),
    /// The record is not a charge.
    NotACharge(Seq),
    /// A refund is larger than the charge.
    MoreThanCharged(Amount),
    /// The zone of a recurrence is not known.
    UnknownZone,
    /// The rollover contradicts itself, or would leave too many grants open.
    BadRollover,
    /// The account's plan has no such windows that a reset can clear.
    UnknownWindows(Vec<Name>),
    /// The plan has no window or pool of that name whose periods are closed by hand.
    NotClosable(Name),
    /// The periods of this window or pool are those of seats, and the path names neither one nor a member with one.
    ClosesPerSeat(Name),
    /// The account has no banked reset that can be redeemed.
    NoReset,
    /// The windows of the banked reset are unused.
    NothingToReset,
    /// A change of plan that cannot be: why.
    BadPlanChange(&'static str),
    /// The account is paused, since this record.
    Paused(Seq),
    /// The account is not paused.
    NotPaused,
    /// A pause that cannot be: why.
    BadPause(&'static str),
    /// The plan has no limit of this name.
    UnknownLimit(Name),
    /// An override that cannot be: why.
    BadOverride(&'static str),
    /// No such override.
    UnknownOverride(Seq),
    /// The account has no such seat.
    UnknownSeat(Name),
    /// The member holds this seat already.
    HasSeat(Name),
    /// A seat that cannot be: why.
    BadSeat(&'static str),
    /// No such request for a higher limit.
    UnknownIncrease(Seq),
    /// The request for a higher limit has been answered, by this record.
    IncreaseAnswered(Seq, Seq),
    /// The override has ended, by this record.
    OverrideEnded(Seq, Seq),
    /// No such invoice.
    UnknownInvoice(Seq),
    /// The invoice is paid, by this record.
    InvoicePaid(Seq, Seq),
    /// The invoice comes to zero.
    NothingToPay(Seq),
    /// The recurring grants of one change are in different units of credits.
    MixedUnits,
    /// A correction changes nothing.
    NothingToCorrect,
    /// The reported time of use is in the future.
    InTheFuture(Instant),
    /// No use with this number waits in quarantine.
    NotInQuarantine(Seq),
    /// No top-up with this number is in flight.
    NoTopUp(u64),
    /// A live change of a supply is not acceptable, for this reason.
    BadSupply(String),
    /// The account has no effect of this abuse rule.
    NoEffect(Rule),
    /// The identity had a free grant in the last 90 days; the instant of the next possible one.
    FreeGrantTooSoon(Instant),
    /// The day's free credits of a unit are used up; the beginning of the next day, and the unit; `None`: `credits`.
    TrialBudgetSpent(Instant, Option<Name>),
    /// The mark at which a balance has recovered is below the one at which it is low, or a top-up has no amount.
    BadAlerts(&'static str),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownAccount(name) => write!(f, "there is no account `{name}`; open it first"),
            Self::AccountExists(name) => write!(f, "account `{name}` is open already"),
            Self::NoPlan => f.write_str("name a `plan`: the catalog has no default plan"),
            Self::UnknownRecord(seq) => write!(f, "the account has no record {seq}"),
            Self::HoldEnded { hold, by, at, how } => {
                // An expired hold was not ended by anybody.
                let was = if *how == "expired" { "" } else { "was " };
                write!(f, "hold {} {was}{how} at {at}, in record {by}", hold.0)
            }
            Self::AlreadyRefunded(charge, by) => write!(
                f,
                "charge {charge} was refunded or corrected before, by record {by}; a correction can be corrected again"
            ),
            Self::AlreadyRedeemed(reset, by) => write!(f, "reset {reset} was redeemed before, by record {by}"),
            Self::UnknownFeature(name) => write!(f, "the catalog has no feature `{name}`"),
            Self::UnknownPlan(name) => write!(f, "the catalog has no plan `{name}`"),
            Self::UnknownMeter(name) => write!(f, "the feature has no meter `{name}`"),
            Self::MeterUnpriced(name) => write!(
                f,
                "the use was priced before the feature had a meter `{name}`, and the catalog in force cannot price it beside the \
                 rest: the version of the rate card that the use refers to is gone or altered, or has no price for these \
                 dimensions; leave the meter out, and record it as a use of its own"
            ),
            Self::MeterNotHeld(name) => write!(
                f,
                "the hold was made before the feature had a meter `{name}`, so it cannot be extended by it; name it when you settle"
            ),
            Self::NoPrice(name, NoPrice::NotYet, _) => {
                write!(f, "no price of `{name}` is in force yet")
            }
            Self::NoPrice(name, NoPrice::NoMatch, unmatched) => {
                write!(f, "no price of `{name}` matches {unmatched}")
            }
            Self::TooManyRefunds(seq) => write!(
                f,
                "charge {seq} has been refunded in as many parts as one may be; grant the rest"
            ),
            Self::NoChange => f.write_str("the amount is zero; name how many credits to add, or with a minus sign to take"),
            Self::MissingMeter(meter) => write!(
                f,
                "the request does not say how much of `{meter}` it is; name it, with 0 for none, or give the feature an estimate of it"
            ),
            Self::NoRequests => f.write_str(
                "`requests` counts at least 1; leave it out, or name a larger number for a request that counts more",
            ),
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
            Self::NobodyPays(short) => {
                write!(
                    f,
                    "no source pays {short} of the use, and the feature refuses use that nobody pays for (`overshoot = \"reject\"`); grant credits first"
                )
            }
            Self::BeyondHold(short) => {
                write!(
                    f,
                    "the use exceeds the hold and no source pays the {short} beyond it; extend the hold first"
                )
            }
            Self::UnknownGrant(id) => write!(f, "the account has no open grant {}", id.0),
            Self::GrantEnded(id) => {
                write!(f, "grant {} has ended, so nothing can be added to it; add a grant of its own", id.0)
            }
            Self::BooksFull(unit) => write!(
                f,
                "all that was ever issued and lent to an account stays within {}; this is more",
                Amount::of(Credits::MAX, unit.as_ref())
            ),
            Self::UnpricedUnit(unit) => {
                let unit = unit.as_ref().map_or(CREDITS, Name::as_str);
                write!(f, "no feature is priced in `{unit}`; name the unit of credits that the catalog has prices in")
            }
            Self::BadCap => f.write_str("a cap must not be below zero; 0 lets nothing be drawn"),
            Self::NoWindows => {
                f.write_str("name at least one window: a guard or `allowance.window`; a pool as well to close its period")
            }
            Self::AccountFull => {
                f.write_str(
                    "the account has as many open grants, segments with settings, overrides, requests for higher limits or \
                     pauses as it may",
                )
            }
            Self::NotPositive => f.write_str("the amount must be above zero"),
            Self::BadExpiry => f.write_str("the expiry must lie in the future and after the beginning"),
            Self::MoreThanLeft(left) => write!(f, "only {left} are left in the grant"),
            Self::NotACharge(seq) => write!(f, "record {seq} is not a charge"),
            Self::UnknownZone => {
                f.write_str("the zone is not an IANA time zone; write for example Europe/Berlin or UTC")
            }
            Self::BadRollover => f.write_str(
                "a rollover needs 0 <= min <= max, a fraction of at most 1, and a life of at most 100 periods",
            ),
            Self::NotClosable(name) => write!(
                f,
                "the account's plan has no `{name}` whose periods end when they are closed; name a guard, `allowance.window` or pool with every = \"manual\""
            ),
            Self::ClosesPerSeat(name) => write!(
                f,
                "`{name}` counts for each seat; name in `path` the seat whose period ends, such as seat:s1, or the member that holds it, such as user:alice"
            ),
            Self::UnknownWindows(names) => {
                f.write_str("the account's plan has no window ")?;
                for (i, name) in names.iter().enumerate() {
                    let before = if i == 0 { "" } else { " or " };
                    write!(f, "{before}`{name}`")?;
                }
                f.write_str(" that a reset can clear; write a guard or `allowance.window`")
            }
            Self::NoReset => f.write_str("the account has no such banked reset to redeem"),
            Self::UnknownLimit(name) => write!(
                f,
                "the account's plan has no limit `{name}`; name a guard, `allowance.window`, a pool, a postpaid layer, an overdraft or `price_factor`"
            ),
            Self::BadOverride(why) | Self::BadPlanChange(why) | Self::BadPause(why) | Self::BadParts(why) | Self::BadSeat(why) => {
                f.write_str(why)
            }
            Self::Paused(id) => write!(f, "the account is paused, since record {id}; resume it first"),
            Self::NotPaused => f.write_str("the account is not paused"),
            Self::UnknownOverride(id) => write!(f, "the account has no override {id}"),
            Self::UnknownSeat(seat) => write!(f, "the account has no seat `{seat}`"),
            Self::HasSeat(seat) => write!(f, "the member holds the seat `{seat}`; release that one first"),
            Self::UnknownIncrease(id) => write!(f, "the account has no request {id} for a higher limit"),
            Self::IncreaseAnswered(id, by) => {
                write!(f, "the request {id} for a higher limit was answered before, by record {by}")
            }
            Self::OverrideEnded(id, by) => write!(f, "override {id} has ended, by record {by}"),
            Self::UnknownInvoice(id) => write!(f, "the account has no invoice {id}"),
            Self::InvoicePaid(id, by) => write!(f, "invoice {id} is paid, by record {by}"),
            Self::NothingToPay(id) => write!(f, "invoice {id} comes to zero: there is nothing to pay"),
            Self::NothingToReset => f.write_str("the windows of the reset are unused, so there is nothing to clear"),
            Self::MixedUnits => f.write_str(
                "the recurring grants are in different units of credits; change those of each unit in a call of its own",
            ),
            Self::NothingToCorrect => f.write_str("the correction changes neither a quantity nor a price"),
            Self::InTheFuture(at) => write!(f, "the reported time of the use, {at}, is in the future"),
            Self::NotInQuarantine(seq) => write!(f, "no use {seq} waits in quarantine"),
            Self::NoTopUp(number) => write!(f, "no top-up {number} is in flight"),
            Self::BadSupply(what) => f.write_str(what),
            Self::NoEffect(rule) => {
                write!(f, "the rule `{}` has no effect on this account or key", rule.as_str())
            }
            Self::FreeGrantTooSoon(at) => {
                write!(f, "the identity behind the account had a free grant; the next one is possible from {at} on")
            }
            Self::TrialBudgetSpent(at, unit) => {
                let unit = unit.as_ref().map_or(CREDITS, Name::as_str);
                write!(f, "the free {unit} of this day are used up; new ones are available from {at} on")
            }
            Self::BadAlerts(why) => f.write_str(why),
            Self::MoreThanCharged(charged) => write!(f, "only {charged} of the charge are left to give back"),
        }
    }
}

impl core::error::Error for Refusal {}

impl Refusal {
    /// The refusal of a request without a price at `now`.
    pub(crate) fn no_price(feature: &Feature, why: NoPrice, dimensions: &[Dimension], now: Instant) -> Self {
        Self::NoPrice(feature.name.clone(), why, Box::new(feature.unmatched(dimensions, now)))
    }

    /// A meter that something was held or charged without is another matter where the feature has it.
    pub(crate) fn or_since(self, feature: Option<&Feature>, since: fn(Name) -> Self) -> Self {
        if let Self::UnknownMeter(meter) = &self
            && feature.is_some_and(|of| of.meters.contains(meter))
        {
            return since(meter.clone());
        }
        self
    }

    /// The same for use that has a hold.
    pub(crate) fn of_hold(self) -> Self {
        if let Self::NobodyPays(short) = self { Self::BeyondHold(short) } else { self }
    }

    /// The refusal for a hold that a record has ended.
    pub(crate) fn hold_ended(hold: HoldId, record: &Record) -> Self {
        let how = match record.event.ends() {
            Some(_) if matches!(record.event, Event::Released(_)) => "released",
            Some(_) if matches!(record.event, Event::Expired { .. }) => "expired",
            Some(_) | None => "settled",
        };
        Self::HoldEnded { hold, by: record.seq, at: record.recorded_at, how }
    }
}
