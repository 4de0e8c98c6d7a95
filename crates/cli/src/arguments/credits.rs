//! Arguments of the calls that change credits.

use clap::{Args, Subcommand};
use headworks_core::record::{Category, Credits, Every, Id, Instant, Label, Name, Overage, Proration, Span};
use headworks_wire::{self as wire, Reference};

use super::key::KeyArgument;
use super::values::*;

/// The calls that change credits.
#[derive(Debug, Subcommand)]
pub(crate) enum CreditsCall {
    /// Add credits
    Grant {
        /// The account
        #[arg(value_parser = id)]
        account: Id,
        /// How many credits, like 25 or 0.5
        #[arg(value_parser = credits)]
        amount: Credits,
        /// Their kind
        #[arg(long, default_value = "purchased", value_parser = category, value_name = "free|promotional|purchased|contract")]
        category: Category,
        /// Your reference, like an invoice number
        #[arg(long, value_parser = label)]
        reference: Option<Label>,
        #[command(flatten)]
        terms: GrantArguments,
        #[command(flatten)]
        key: KeyArgument,
    },
    /// Take back the remainder of a grant
    Void {
        /// The grant, like acme~3
        #[arg(value_parser = reference)]
        grant: Reference,
        /// Why, for the ledger
        #[arg(long, value_parser = label)]
        reason: Option<Label>,
        #[command(flatten)]
        key: KeyArgument,
    },
    /// Correct a grant by hand
    Adjust {
        /// The grant, like acme~3
        #[arg(value_parser = reference)]
        grant: Reference,
        /// Credits to add, or with a minus sign to take
        #[arg(value_parser = credits, allow_negative_numbers = true)]
        amount: Credits,
        /// Turn the part that the grant no longer has into debt
        #[arg(long)]
        as_debt: bool,
        /// Why, for the ledger
        #[arg(long, value_parser = label)]
        reason: Option<Label>,
        #[command(flatten)]
        key: KeyArgument,
    },
    /// Give back a charge, wholly or in parts
    Refund {
        /// The charge, like acme~18
        #[arg(value_parser = reference)]
        charge: Reference,
        /// How many credits; default: everything not yet given back, including the allowance
        #[arg(long, value_parser = credits)]
        amount: Option<Credits>,
        /// Why, for the ledger
        #[arg(long, value_parser = label)]
        reason: Option<Label>,
        #[command(flatten)]
        key: KeyArgument,
    },
}

/// The terms of a grant besides its amount.
#[derive(Debug, Args)]
pub(crate) struct GrantArguments {
    /// Lower numbers are drawn first
    #[arg(long, default_value_t = 0)]
    priority: u16,
    /// Usable from, RFC 3339; default: at once
    #[arg(long, value_parser = instant)]
    effective_from: Option<Instant>,
    /// Usable before, RFC 3339; default: they never expire
    #[arg(long, value_parser = instant)]
    expires_at: Option<Instant>,
    /// A feature they pay for; repeat for several; default: all
    #[arg(long = "feature", value_parser = name)]
    features: Vec<Name>,
    /// Their unit; default: credits
    #[arg(long, value_parser = name)]
    unit: Option<Name>,
    #[command(flatten)]
    recurrence: RecurrenceArguments,
}

impl GrantArguments {
    /// The grant, without a reference and a key.
    pub(crate) fn into_wire(self, amount: Credits, category: Category) -> wire::GrantRequest {
        let Self { priority, effective_from, expires_at, features, unit, recurrence } = self;
        wire::GrantRequest {
            amount,
            category,
            priority,
            effective_from,
            expires_at,
            features,
            reference: None,
            unit,
            recurrence: recurrence.into_wire(),
            idempotency_key: None,
        }
    }
}

/// How a grant recurs.
#[derive(Debug, Args)]
pub(crate) struct RecurrenceArguments {
    /// Recurs every hour, day, week, month or year, until it expires
    #[arg(long, value_parser = every, value_name = "hour|day|week|month|year")]
    every: Option<Every>,
    /// The IANA zone that its boundaries are counted in
    #[arg(long, value_parser = label, requires = "every")]
    zone: Option<Label>,
    /// At most this much of the remainder is carried over a boundary; default: nothing
    #[arg(long, value_parser = credits, requires = "every")]
    rollover_max: Option<Credits>,
    /// At least this much is carried
    #[arg(long, value_parser = credits, default_value = "0")]
    rollover_min: Credits,
    /// The part of the remainder that is carried, like 0.5
    #[arg(long, value_parser = credits)]
    rollover_fraction: Option<Credits>,
    /// How long carried credits live, like 90d; default: one period
    #[arg(long, value_parser = span)]
    rollover_life: Option<Span>,
    /// Forgive debt at a boundary instead of repaying it
    #[arg(long, requires = "every")]
    forgive_overage: bool,
    /// Prorate a first period shorter than a whole one, to the instant or in whole days; default: the whole amount
    #[arg(long, value_parser = proration, requires = "every", value_name = "instant|days")]
    prorate: Option<Proration>,
}

impl RecurrenceArguments {
    pub(crate) fn into_wire(self) -> Option<headworks_wire::Recurrence> {
        let every = self.every?;
        let rollover = |max| headworks_wire::Rollover {
            min: self.rollover_min,
            max,
            fraction: self.rollover_fraction,
            life: self.rollover_life,
        };
        Some(headworks_wire::Recurrence {
            every,
            zone: self.zone,
            anchor: headworks_wire::RecurrenceAnchor::default(),
            rollover: self.rollover_max.map(rollover),
            overage: if self.forgive_overage { Overage::Forgive } else { Overage::Keep },
            prorate: self.prorate,
        })
    }
}
