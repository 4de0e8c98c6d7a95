//! What happened: the events of records.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

#[cfg(feature = "schema")]
use alloc::vec;

use minicbor::{Decode, Encode};

use serde::{Deserialize, Serialize};

use super::codec::list;
use super::{
    Alert, ApiKey, Basis, Conduct, Credits, Decision, Draws, GrantId, GrantTerms, HoldId, Instant, Label,
    Late, Level, Name, Path, Periodic, Seq, Server, Settings, Span, Use, Visit,
};

/// Use that a hold counted in a window.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Counted {
    /// The window.
    #[n(0)]
    pub name: Name,
    /// The level it counts at.
    #[n(1)]
    pub level: Level,
    /// When.
    #[n(2)]
    pub at: Instant,
    /// How much.
    #[n(3)]
    pub cost: i64,
    /// How it is recomputed.
    #[n(4)]
    pub basis: Basis,
}

/// A correction of use that a window counted earlier. It has no effect when that window has closed since.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Correction {
    /// The window.
    #[n(0)]
    pub name: Name,
    /// The level it counts at.
    #[n(1)]
    pub level: Level,
    /// When the use was counted.
    #[n(2)]
    pub counted_at: Instant,
    /// What to add; negative gives back.
    #[n(3)]
    pub delta: i64,
}

/// How the use beyond a hold was paid.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Excess {
    /// What the waterfall drew for it.
    #[n(0)]
    pub visits: Vec<Visit>,
    /// Refunded from the operator's goodwill.
    #[n(1)]
    pub refunded: Credits,
    /// Owed by the account.
    #[n(2)]
    pub owed: Credits,
}

/// The charged use of a hold or of a direct charge.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Charge {
    /// The usage event.
    #[n(0)]
    pub usage: Use,
    /// The monetization event: what it costs.
    #[n(1)]
    pub price: Credits,
    /// The monetization event: who paid.
    #[cbor(n(2), with = "list")]
    pub draws: Draws,
    /// What the hold did not cover.
    #[n(3)]
    pub excess: Option<Excess>,
    /// What stays counted in allowances, member caps and spend caps; a refund gives it back.
    #[n(4)]
    pub counted: Vec<Counted>,
}

/// What a hold was opened with.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct HoldTerms {
    /// When it expires.
    #[n(0)]
    pub deadline: Instant,
    /// What happens to settled use that no source pays.
    #[n(1)]
    pub overshoot: Overshoot,
    /// Meters charged at their estimate on expiry; `None` releases the hold whole.
    #[n(2)]
    pub expiry_charges: Option<Vec<Name>>,
    /// Longest remaining life an extension may set.
    #[n(3)]
    pub life_max: Span,
    /// The capacity it takes until it ends.
    #[n(4)]
    pub capacity: Option<Box<HeldCapacity>>,
}

/// What a hold takes of a capacity pool.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct HeldCapacity {
    /// The pool.
    #[n(0)]
    pub pool: Name,
    /// The class it was let in by.
    #[n(1)]
    pub class: Name,
    /// Its estimated cost, in the unit of the pool's rate.
    #[n(2)]
    pub cost: u64,
    /// Its cost in flight.
    #[n(3)]
    pub in_flight: u64,
    /// Whether it was let in beyond the account's share: it does not grow while others want the room.
    #[n(4)]
    pub revocable: bool,
}

/// Denials since the last such record, coalesced.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Denials {
    /// How many.
    #[n(0)]
    pub count: u64,
    /// When the first was decided.
    #[n(1)]
    pub first_at: Instant,
    /// When the last was decided.
    #[n(2)]
    pub last_at: Instant,
    /// The latest, oldest first, at most [`crate::account::DENIALS_KEPT`].
    #[n(3)]
    pub recent: Vec<Denial>,
}

/// One denied or postponed request with its explanation.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Denial {
    /// When it was decided; unique in the account, and its name.
    #[n(0)]
    pub at: Instant,
    /// What was asked.
    #[n(1)]
    pub usage: Use,
    /// What was answered.
    #[n(2)]
    pub decision: Decision,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Event {
    /// The account was opened with these settings.
    #[n(0)]
    Opened(#[n(0)] Settings),
    /// The account's settings are these from now on.
    #[n(1)]
    Changed {
        /// The settings from now on.
        #[n(0)]
        settings: Settings,
        /// Why.
        #[n(1)]
        reason: Option<Label>,
    },
    /// A hold was opened.
    #[n(2)]
    Authorized {
        /// What it sets aside.
        #[n(0)]
        usage: Use,
        /// What was answered.
        #[n(1)]
        decision: Decision,
        /// What it was opened with.
        #[n(2)]
        terms: HoldTerms,
    },
    /// A hold grew by `Use`, or its deadline moved, or progress was reported.
    #[n(3)]
    Extended {
        /// The hold.
        #[n(0)]
        hold: HoldId,
        /// By how much.
        #[n(1)]
        usage: Use,
        /// What was answered.
        #[n(2)]
        decision: Decision,
        /// When it expires from now on.
        #[n(3)]
        deadline: Instant,
        /// What has been used so far.
        #[n(4)]
        progress: Option<Box<Use>>,
    },
    /// A hold ended at its actual use; `true` when it had expired before.
    #[n(4)]
    Settled {
        /// The hold.
        #[n(0)]
        hold: HoldId,
        /// What is charged.
        #[n(1)]
        charge: Box<Charge>,
        /// Whether the hold had expired before.
        #[n(2)]
        is_late: bool,
    },
    /// A hold ended at zero.
    #[n(5)]
    Released(#[n(0)] HoldId),
    /// A hold passed its deadline; the charge is there when its feature charges expired holds.
    #[n(6)]
    Expired {
        /// The hold.
        #[n(0)]
        hold: HoldId,
        /// What is charged.
        #[n(1)]
        charge: Option<Box<Charge>>,
    },
    /// Use was charged without a hold.
    #[n(7)]
    Charged {
        /// What is charged.
        #[n(0)]
        charge: Box<Charge>,
        /// What was answered.
        #[n(1)]
        decision: Decision,
    },
    /// Credits were added.
    #[n(8)]
    Granted,
    /// A grant passed its expiry.
    #[n(9)]
    GrantExpired(#[n(0)] GrantId),
    /// What was left of a grant was taken back.
    #[n(10)]
    Voided {
        /// The grant.
        #[n(0)]
        grant: GrantId,
        /// Why.
        #[n(1)]
        reason: Option<Label>,
    },
    /// A grant was corrected by hand, by this much.
    #[n(11)]
    Adjusted {
        /// The grant.
        #[n(0)]
        grant: GrantId,
        /// By how much.
        #[n(1)]
        by: Credits,
        /// Why.
        #[n(2)]
        reason: Option<Label>,
    },
    /// A charge was given back, wholly or in part; the grants it reopened.
    #[n(12)]
    Refunded {
        /// The record of the charge.
        #[n(0)]
        charge: Seq,
        /// How much came back, in credits.
        #[n(1)]
        amount: Credits,
        /// Grants that had left the state and are open again.
        #[n(2)]
        reopened: Vec<(GrantId, GrantTerms)>,
        /// Why.
        #[n(3)]
        reason: Option<Label>,
        /// Where the charged use came from.
        #[n(4)]
        path: Path,
    },
    /// Requests were denied.
    #[n(13)]
    Denied(#[n(0)] Denials),
    /// The catalog in force from now on: its label and its text.
    #[n(14)]
    CatalogLoaded {
        /// Its label.
        #[n(0)]
        label: Name,
        /// Its text.
        #[n(1)]
        text: String,
    },
    /// An API key was made.
    #[n(15)]
    KeyCreated(#[n(0)] ApiKey),
    /// An API key was revoked.
    #[n(16)]
    KeyRevoked(#[n(0)] Name),
    /// Something that comes again with the calendar.
    #[n(17)]
    Periodic(#[n(0)] Box<Periodic>),
    /// A charge was corrected: what is charged instead. The correction takes its place.
    #[n(18)]
    Corrected {
        /// Which charge, and why.
        #[n(0)]
        correcting: Correcting,
        /// What is charged instead.
        #[n(1)]
        charge: Box<Charge>,
    },
    /// Use came too late.
    #[n(19)]
    Late(#[n(0)] Late),
    /// The owner of the account is to hear of something.
    #[n(20)]
    Alert(#[n(0)] Alert),
    /// Something about the server itself.
    #[n(21)]
    Server(#[n(0)] Box<Server>),
    /// Personal data was erased from earlier records; they are what they are now.
    #[n(22)]
    Erased {
        /// What they are now.
        #[n(0)]
        records: Vec<Erased>,
        /// Why.
        #[n(1)]
        reason: Option<Label>,
    },
    /// Something about abuse.
    #[n(23)]
    Conduct(#[n(0)] Box<Conduct>),
}

impl Event {
    /// The decision that it stores.
    #[must_use]
    pub fn decision(&self) -> Option<&Decision> {
        if let Self::Authorized { decision, .. }
        | Self::Charged { decision, .. }
        | Self::Extended { decision, .. } = self
        {
            Some(decision)
        } else {
            None
        }
    }

    pub(crate) fn decision_mut(&mut self) -> Option<&mut Decision> {
        if let Self::Authorized { decision, .. }
        | Self::Charged { decision, .. }
        | Self::Extended { decision, .. } = self
        {
            Some(decision)
        } else {
            None
        }
    }

    /// The charge that it makes.
    #[must_use]
    pub fn charge(&self) -> Option<&Charge> {
        if let Self::Settled { charge, .. }
        | Self::Charged { charge, .. }
        | Self::Expired { charge: Some(charge), .. }
        | Self::Corrected { charge, .. } = self
        {
            Some(charge)
        } else {
            None
        }
    }

    pub(crate) fn charge_mut(&mut self) -> Option<&mut Charge> {
        if let Self::Settled { charge, .. }
        | Self::Charged { charge, .. }
        | Self::Expired { charge: Some(charge), .. }
        | Self::Corrected { charge, .. } = self
        {
            Some(charge)
        } else {
            None
        }
    }

    /// The open hold that it ends. A charge after the hold had expired ends nothing.
    #[must_use]
    pub fn ends(&self) -> Option<HoldId> {
        if let Self::Settled { hold, is_late: false, .. }
        | Self::Released(hold)
        | Self::Expired { hold, .. } = self
        {
            Some(*hold)
        } else {
            None
        }
    }

    /// The word used in the API.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Opened(_) => "account_opened",
            Self::Changed { .. } => "account_changed",
            Self::Authorized { .. } => "authorized",
            Self::Extended { .. } => "extended",
            Self::Settled { .. } => "settled",
            Self::Released(_) => "released",
            Self::Expired { .. } => "hold_expired",
            Self::Charged { .. } => "charged",
            Self::Granted => "granted",
            Self::GrantExpired(_) => "grant_expired",
            Self::Voided { .. } => "voided",
            Self::Adjusted { .. } => "adjusted",
            Self::Refunded { .. } => "refunded",
            Self::Denied(_) => "denied",
            Self::CatalogLoaded { .. } => "catalog_loaded",
            Self::KeyCreated(_) => "key_created",
            Self::KeyRevoked(_) => "key_revoked",
            Self::Periodic(periodic) => match &**periodic {
                Periodic::RolledOver(_) => "rolled_over",
                Periodic::Renewed { .. } => "renewed",
                Periodic::Ended(_) => "recurrence_ended",
                Periodic::Banked(_) => "reset_banked",
                Periodic::Redeemed { .. } => "reset_redeemed",
                Periodic::PlanChanged(_) => "plan_changed",
            },
            Self::Corrected { .. } => "corrected",
            Self::Late(Late::Quarantined(_)) => "quarantined",
            Self::Late(Late::Discarded { .. }) => "discarded",
            Self::Alert(Alert::Crossed { .. }) => "balance_crossed",
            Self::Alert(Alert::TopUpAsked { .. }) => "top_up_asked",
            Self::Alert(Alert::TopUpFailed { .. }) => "top_up_failed",
            Self::Erased { .. } => "erased",
            Self::Conduct(conduct) => match &**conduct {
                Conduct::Began(_) => "abuse_effect_began",
                Conduct::Lifted { .. } => "abuse_effect_lifted",
                Conduct::Disputed(_) => "payment_disputed",
                Conduct::FreeGrant { .. } => "free_grant_given",
            },
            Self::Server(server) => match &**server {
                Server::WebhookSet(_) => "webhook_set",
                Server::WebhookRemoved(_) => "webhook_removed",
                Server::ReconcileFailed { .. } => "reconcile_failed",
                Server::PoolChanged(_) => "pool_changed",
                Server::CheckKeyMade(_) => "check_key_made",
            },
        }
    }
}

/// Which charge is corrected, and why.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Correcting {
    /// The record of the charge.
    #[n(0)]
    pub charge: Seq,
    /// Grants that had left the state and are open again.
    #[n(1)]
    pub reopened: Vec<(GrantId, GrantTerms)>,
    /// Why.
    #[n(2)]
    pub reason: Option<Label>,
}

/// A record that was erased, and the digest of what it says now.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Erased {
    /// The record.
    #[n(0)]
    pub seq: Seq,
    /// BLAKE3 of its bytes.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub digest: [u8; 32],
}

/// What happens to settled use that no source pays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum Overshoot {
    /// Charge it and refund it at once from the operator's goodwill.
    #[default]
    #[n(0)]
    Refund,
    /// Owe it: a negative balance up to the overdraft, repaid first by the next grant; what is beyond is refunded.
    #[n(1)]
    Debt,
    /// Refuse the settle; the hold stays open.
    #[n(2)]
    Reject,
}
