//! Arguments of the calls that open, change and read accounts.

use clap::{Args, Subcommand};
use headworks_core::record::{Consent, CreditsByUnit, Id, Instant, Label, Name, Path, Rule, Segment, Tier};
use headworks_wire::{Reference, SignalKind};

use super::key::KeyArgument;
use super::values::*;

#[derive(Debug, Subcommand)]
pub(crate) enum AccountCommand {
    /// Open an account
    Open {
        /// Its name
        #[arg(value_parser = id)]
        account: Id,
        /// Its plan; default: the catalog's default plan
        #[arg(long, value_parser = name)]
        plan: Option<Name>,
        /// Whether paid sources may be drawn; default: as the plan says
        #[arg(long, value_parser = consent, value_name = "allow|ask|never")]
        consent: Option<Consent>,
        /// The instant that billing windows are counted from, RFC 3339; default: now
        #[arg(long, value_parser = instant)]
        billing_anchor: Option<Instant>,
        /// The IANA zone of its windows whose zone is `account`; default: UTC
        #[arg(long, value_parser = label)]
        zone: Option<Label>,
        /// How far it is trusted; default: as its ledger shows
        #[arg(long, value_parser = tier, value_name = TIERS)]
        tier: Option<Tier>,
    },
    /// Change an account's plan and settings
    Change {
        /// The account
        #[arg(value_parser = id)]
        account: Id,
        /// The new plan
        #[arg(long, value_parser = name)]
        plan: Option<Name>,
        /// Deny every request, or stop doing so
        #[arg(long, value_name = "true|false")]
        suspended: Option<bool>,
        /// Whether paid sources may be drawn
        #[arg(long, value_parser = consent, value_name = "allow|ask|never")]
        consent: Option<Consent>,
        /// The credits a member may draw from the pool in one window, like user:alice=50, or by unit
        /// user:alice=usd=50,coins=900; repeat for several
        #[arg(long = "pool-cap", value_parser = cap, value_name = "LEVEL:NAME=CREDITS")]
        pool_caps: Vec<(Segment, CreditsByUnit)>,
        /// The credits a key may spend in an hour, like key:k7=50, or by unit key:k7=usd=50; repeat for several
        #[arg(long = "hourly-cap", value_parser = cap, value_name = "key:NAME=CREDITS")]
        hourly_caps: Vec<(Segment, CreditsByUnit)>,
        /// The IANA zone of its windows whose zone is `account`
        #[arg(long, value_parser = label)]
        zone: Option<Label>,
        /// How far it is trusted
        #[arg(long, value_parser = tier, value_name = TIERS)]
        tier: Option<Tier>,
        /// Why, for the ledger
        #[arg(long, value_parser = label)]
        reason: Option<Label>,
        #[command(flatten)]
        key: KeyArgument,
    },
    /// Pause it: nothing of it is used, renews or expires
    Pause {
        /// The account
        #[arg(value_parser = id)]
        account: Id,
        /// It ends then, RFC 3339; default: when it is resumed
        #[arg(long, value_parser = instant)]
        until: Option<Instant>,
        /// Why, for the ledger
        #[arg(long, value_parser = label)]
        reason: Option<Label>,
        #[command(flatten)]
        key: KeyArgument,
    },
    /// End its pause
    Resume {
        /// The account
        #[arg(value_parser = id)]
        account: Id,
        /// Why, for the ledger
        #[arg(long, value_parser = label)]
        reason: Option<Label>,
        #[command(flatten)]
        key: KeyArgument,
    },
    /// List accounts by name
    List {
        /// Names after this one
        #[arg(long, value_parser = id)]
        after: Option<Id>,
        /// At most this many
        #[arg(long, default_value_t = 100)]
        max: u16,
    },
    /// Show an account
    Show {
        /// The account
        #[arg(value_parser = id)]
        account: Id,
    },
    /// Show its credits
    Balances {
        /// The account
        #[arg(value_parser = id)]
        account: Id,
        /// As they will be at this instant, RFC 3339: holds expired, grants begun and ended
        #[arg(long, value_parser = instant)]
        at: Option<Instant>,
    },
    /// Show its standing under the abuse rules; without an account, list the accounts they hold back now
    Abuse {
        /// The account
        #[arg(value_parser = id)]
        account: Option<Id>,
        /// Only those that this rule holds back, like velocity
        #[arg(long, value_parser = rule, conflicts_with = "account")]
        rule: Option<Rule>,
    },
    /// End an effect of an abuse rule early
    Lift {
        /// The account
        #[arg(value_parser = id)]
        account: Id,
        /// The rule, like velocity
        #[arg(value_parser = rule)]
        rule: Rule,
        /// The key of the account that it applies to; default: the whole account
        #[arg(long, value_parser = id)]
        of_key: Option<Id>,
        /// Why, for the ledger
        #[arg(long, value_parser = label)]
        reason: Option<Label>,
        #[command(flatten)]
        key: KeyArgument,
    },
    /// Report an observation of your own systems about it
    Report {
        /// The account
        #[arg(value_parser = id)]
        account: Id,
        /// invalid_key, forged_webhook or dispute
        #[arg(value_parser = signal)]
        signal: SignalKind,
        /// The key of the account that caused it
        #[arg(long, value_parser = id)]
        of_key: Option<Id>,
        /// Why, for the ledger
        #[arg(long, value_parser = label)]
        reason: Option<Label>,
        #[command(flatten)]
        key: KeyArgument,
    },
    /// Show its windows
    Windows {
        /// The account
        #[arg(value_parser = id)]
        account: Id,
    },
    /// Close the periods of limits that end when they are closed; the next ones begin
    ClosePeriods {
        /// The account
        #[arg(value_parser = id)]
        account: Id,
        /// The limits: guards, allowances' windows like included.job, pools
        #[arg(required = true, value_parser = name)]
        windows: Vec<Name>,
        /// The member whose periods they are, as a path like user:alice; default: the account
        #[arg(long, value_parser = path, default_value = "")]
        path: Path,
        /// Why, for the ledger
        #[arg(long, value_parser = label)]
        reason: Option<Label>,
        #[command(flatten)]
        key: KeyArgument,
    },
    /// Give one of its limits another figure, for itself or for a place in it
    Override(OverrideArguments),
    /// Show its overrides
    Overrides {
        /// The account
        #[arg(value_parser = id)]
        account: Id,
    },
    /// Add a seat, or change its type or member
    Seat {
        /// The account
        #[arg(value_parser = id)]
        account: Id,
        /// The seat
        #[arg(value_parser = name)]
        seat: Name,
        /// Its type, one of the plan's; default: as it is
        #[arg(long = "type", value_parser = name)]
        kind: Option<Name>,
        /// The member that holds it, like user:alice; default: as it is
        #[arg(long, value_parser = segment)]
        member: Option<Segment>,
        /// Why, for the ledger
        #[arg(long, value_parser = label)]
        reason: Option<Label>,
        #[command(flatten)]
        key: KeyArgument,
    },
    /// Show its seats
    Seats {
        /// The account
        #[arg(value_parser = id)]
        account: Id,
    },
    /// Give a seat to a member, or release it
    AssignSeat {
        /// The account
        #[arg(value_parser = id)]
        account: Id,
        /// The seat
        #[arg(value_parser = name)]
        seat: Name,
        /// The member, like user:alice; without one the seat is released
        #[arg(value_parser = segment)]
        member: Option<Segment>,
        /// Why, for the ledger
        #[arg(long, value_parser = label)]
        reason: Option<Label>,
        #[command(flatten)]
        key: KeyArgument,
    },
    /// Remove a seat
    RemoveSeat {
        /// The account
        #[arg(value_parser = id)]
        account: Id,
        /// The seat
        #[arg(value_parser = name)]
        seat: Name,
        /// Why, for the ledger
        #[arg(long, value_parser = label)]
        reason: Option<Label>,
        #[command(flatten)]
        key: KeyArgument,
    },
    /// Ask for a higher limit, for itself or for a place in it
    AskIncrease(OverrideArguments),
    /// Show its requests for higher limits
    Increases {
        /// The account
        #[arg(value_parser = id)]
        account: Id,
    },
    /// Approve a request for a higher limit
    ApproveIncrease {
        /// The request, like acme~17
        #[arg(value_parser = reference)]
        id: Reference,
        /// Another figure than was asked for
        #[arg(long, value_parser = label)]
        value: Option<Label>,
        /// Another end than was asked for, RFC 3339
        #[arg(long, value_parser = instant)]
        until: Option<Instant>,
        /// Why, for the ledger
        #[arg(long, value_parser = label)]
        reason: Option<Label>,
    },
    /// Deny a request for a higher limit
    DenyIncrease {
        /// The request, like acme~17
        #[arg(value_parser = reference)]
        id: Reference,
        /// Why, for the ledger
        #[arg(long, value_parser = label)]
        reason: Option<Label>,
    },
    /// Remove an override
    RemoveOverride {
        /// The override, like acme~17
        #[arg(value_parser = reference)]
        id: Reference,
        /// Why, for the ledger
        #[arg(long, value_parser = label)]
        reason: Option<Label>,
    },
    /// Show its invoices
    Invoices {
        /// The account
        #[arg(value_parser = id)]
        account: Id,
    },
    /// Mark an invoice paid
    PayInvoice {
        /// The invoice, like acme~17
        #[arg(value_parser = reference)]
        id: Reference,
        /// Your reference, such as that of the payment
        #[arg(long, value_parser = label)]
        reference: Option<Label>,
        #[command(flatten)]
        key: KeyArgument,
    },
    /// Show its open holds
    Holds {
        /// The account
        #[arg(value_parser = id)]
        account: Id,
    },
    /// Read its log
    Records {
        /// The account
        #[arg(value_parser = id)]
        account: Id,
        /// From this number on
        #[arg(long, default_value_t = 1)]
        from: u64,
        /// At most this many
        #[arg(long, default_value_t = 100)]
        max: u16,
    },
}

/// Another figure of a limit.
#[derive(Debug, Args)]
pub(crate) struct OverrideArguments {
    /// The account
    #[arg(value_parser = id)]
    pub(crate) account: Id,
    /// The limit: a guard, an allowance's window like included.week, a pool, a postpaid layer, an overdraft or price_factor
    #[arg(value_parser = name)]
    pub(crate) limit: Name,
    /// The figure in its unit, or none
    #[arg(value_parser = label)]
    pub(crate) value: Label,
    /// The place it is for, like user:alice or team:research/user:alice, and everything below; default: the account
    #[arg(long, value_parser = path, default_value = "")]
    pub(crate) path: Path,
    /// It ends then, RFC 3339; default: when it is removed
    #[arg(long, value_parser = instant)]
    pub(crate) until: Option<Instant>,
    /// Why, for the ledger
    #[arg(long, value_parser = label)]
    pub(crate) reason: Option<Label>,
    #[command(flatten)]
    pub(crate) key: KeyArgument,
}
