//! Arguments of incidents.

use clap::{Args, Subcommand};
use headworks_core::record::{Category, Credits, Id, Instant, Label, Name};
use headworks_wire as wire;

use super::credits::GrantArguments;
use super::values::*;

/// An act for all accounts that match.
#[derive(Debug, Args)]
pub(crate) struct IncidentArguments {
    /// Its name, like outage-2026-05-12; an account gets the act of each name once
    #[arg(value_parser = name)]
    pub(crate) id: Name,
    /// Why: it stands on every record
    #[arg(long, value_parser = label)]
    pub(crate) cause: Label,
    /// An account; repeat for several; default: all
    #[arg(long = "account", value_parser = id)]
    pub(crate) accounts: Vec<Id>,
    /// A plan that it is on now; repeat for several; default: all
    #[arg(long = "plan", value_parser = name)]
    pub(crate) plans: Vec<Name>,
    /// A feature that it used in the time; repeat for several; default: all
    #[arg(long = "used", value_parser = name, requires = "from", value_name = "FEATURE")]
    pub(crate) features: Vec<Name>,
    /// It used something from this instant on, RFC 3339
    #[arg(long, value_parser = instant, requires = "to")]
    pub(crate) from: Option<Instant>,
    /// It used something before this instant, RFC 3339
    #[arg(long, value_parser = instant, requires = "from")]
    pub(crate) to: Option<Instant>,
    /// Do what the dry run with this digest showed; default: a dry run
    #[arg(long, value_name = "DIGEST")]
    pub(crate) apply: Option<String>,
    #[command(subcommand)]
    pub(crate) act: IncidentActArguments,
}

#[derive(Debug, Subcommand)]
pub(crate) enum IncidentActArguments {
    /// Add credits to each
    Grant {
        /// How many credits, like 25 or 0.5
        #[arg(value_parser = credits)]
        amount: Credits,
        /// Their kind
        #[arg(long, default_value = "promotional", value_parser = category, value_name = "free|promotional|purchased|contract")]
        category: Category,
        #[command(flatten)]
        terms: GrantArguments,
    },
    /// Bank a reset for each
    Reset {
        /// A window it clears, as a guard or allowance.window; repeat for several
        #[arg(required = true, value_parser = name)]
        windows: Vec<Name>,
        /// It must be redeemed before this instant, RFC 3339; default: for 30 days
        #[arg(long, value_parser = instant)]
        expires_at: Option<Instant>,
        /// Redeem it at once; accounts whose windows are unused are skipped
        #[arg(long)]
        redeem: bool,
    },
    /// Raise a limit of each for a time; those whose limit is as high are skipped
    Raise {
        /// The limit, as a guard or allowance.window
        #[arg(value_parser = name)]
        limit: Name,
        /// The figure: a whole number, credits like 2.5, or none for no limit
        #[arg(value_parser = label)]
        value: Label,
        /// It ends at this instant, RFC 3339
        #[arg(long, value_parser = instant)]
        until: Instant,
    },
}

impl IncidentArguments {
    /// The first request.
    pub(crate) fn into_wire(self) -> wire::IncidentRequest {
        let features = self.features;
        let used = self.from.zip(self.to).map(|(from, to)| wire::IncidentUse { features, from, to });
        wire::IncidentRequest {
            id: self.id,
            cause: self.cause,
            act: self.act.into_wire(),
            accounts: self.accounts,
            plans: self.plans,
            used,
            apply: self.apply,
            after: None,
        }
    }
}

impl IncidentActArguments {
    fn into_wire(self) -> wire::IncidentAct {
        match self {
            Self::Grant { amount, category, terms } => {
                wire::IncidentAct::Grant(terms.into_wire(amount, category))
            }
            Self::Reset { windows, expires_at, redeem } => {
                wire::IncidentAct::Reset(wire::IncidentReset { windows, expires_at, redeem })
            }
            Self::Raise { limit, value, until } => wire::IncidentAct::Raise(wire::IncidentRaise {
                limit,
                value: wire::OverrideValue::Text(value),
                until,
            }),
        }
    }
}
