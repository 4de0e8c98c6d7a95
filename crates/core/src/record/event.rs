//! The events of records.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use minicbor::{Decode, Encode};

use super::charge::{Charge, Correcting};
use super::codec::few;
use super::denial::Denials;
use super::hold::HoldTerms;
use super::{
    AbuseEvent, Alert, ApiKey, CatalogChanges, Credits, CycleEvent, Decision, GrantId, GrantTerms, HoldId,
    Instant, Label, Late, Name, Path, PostpaidBack, Seq, Server, Settings, Use, VolumeShift,
};

/// An event.
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
        /// The use it sets credits aside for.
        #[n(0)]
        usage: Use,
        /// The decision.
        #[n(1)]
        decision: Decision,
        /// Its terms at the opening.
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
        /// The decision.
        #[n(2)]
        decision: Decision,
        /// When it expires from now on.
        #[n(3)]
        deadline: Instant,
        /// The use so far.
        #[n(4)]
        progress: Option<Box<Use>>,
    },
    /// A hold ended at its actual use; `true` when it had expired before.
    #[n(4)]
    Settled {
        /// The hold.
        #[n(0)]
        hold: HoldId,
        /// The charge.
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
        /// The charge.
        #[n(1)]
        charge: Option<Box<Charge>>,
    },
    /// Use was charged without a hold.
    #[n(7)]
    Charged {
        /// The charge.
        #[n(0)]
        charge: Box<Charge>,
        /// The decision.
        #[n(1)]
        decision: Decision,
        /// The reported instant, if the caller's clock is ahead; the use counts as of now.
        #[n(2)]
        said_at: Option<Instant>,
    },
    /// Credits were added.
    #[n(8)]
    Granted,
    /// A grant passed its expiry.
    #[n(9)]
    GrantExpired(#[n(0)] GrantId),
    /// The remainder of a grant was taken back.
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
        /// The part that the grant no longer had, which is owed now.
        #[n(3)]
        owed: Credits,
    },
    /// A charge was given back, wholly or in part; the grants it reopened.
    #[n(12)]
    Refunded {
        /// The record of the charge.
        #[n(0)]
        charge: Seq,
        /// How much came back, in credits: to the sources of credits, and to allowances that count credits.
        #[n(1)]
        amount: Credits,
        /// Grants that had left the state and are open again.
        #[n(2)]
        reopened: Vec<(GrantId, GrantTerms)>,
        /// Why.
        #[n(3)]
        reason: Option<Label>,
        /// The path of the charged use.
        #[n(4)]
        path: Path,
        /// How many refunds of the charge there were before.
        #[n(5)]
        before: u8,
        /// What goes back to postpaid layers, if they paid any of it.
        #[n(6)]
        postpaid: Option<Vec<PostpaidBack>>,
        /// What comes back of what was paid for graduated prices.
        #[cbor(n(7), with = "few", has_nil)]
        volumes: Vec<VolumeShift>,
        /// How much of the charge it passes over, from the last draw on, before it gives anything back: closes of graduated prices have
        /// given that back.
        #[n(8)]
        passed_over: Option<Credits>,
    },
    /// Requests were denied.
    #[n(13)]
    Denied(#[n(0)] Denials),
    /// The catalog in force from now on.
    #[n(14)]
    CatalogLoaded {
        /// The label that decisions use for it; no other catalog has had it.
        #[n(0)]
        label: Name,
        /// Its text.
        #[n(1)]
        text: String,
        /// Its changes to the catalog before it.
        #[n(2)]
        changes: Box<CatalogChanges>,
    },
    /// An API key was made.
    #[n(15)]
    KeyCreated(#[n(0)] ApiKey),
    /// An API key was revoked.
    #[n(16)]
    KeyRevoked(#[n(0)] Name),
    /// Something of the billing cycle.
    #[n(17)]
    Cycle(#[n(0)] Box<CycleEvent>),
    /// A charge was corrected. The correction takes its place.
    #[n(18)]
    Corrected {
        /// The charge, and why.
        #[n(0)]
        correcting: Correcting,
        /// The charge that takes its place.
        #[n(1)]
        charge: Box<Charge>,
    },
    /// Use came too late.
    #[n(19)]
    Late(#[n(0)] Late),
    /// The owner of the account is to be notified.
    #[n(20)]
    Alert(#[n(0)] Alert),
    /// Something about the server itself.
    #[n(21)]
    Server(#[n(0)] Box<Server>),
    /// Personal data was erased from earlier records.
    #[n(22)]
    Erased {
        /// Their present digests.
        #[n(0)]
        records: Vec<Erased>,
        /// Why.
        #[n(1)]
        reason: Option<Label>,
    },
    /// Something about abuse.
    #[n(23)]
    Abuse(#[n(0)] Box<AbuseEvent>),
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

    /// The nano-credits of its charge that a refund leaves less of: what it gives back, and what it passes over.
    #[must_use]
    pub fn uses_up(&self) -> Option<i64> {
        let Self::Refunded { amount, passed_over, .. } = self else { return None };
        Some(amount.nano() + passed_over.map_or(0, Credits::nano))
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

    /// The record whose prices a charge has, if that is an earlier one: its hold, or the charge that it corrects.
    #[must_use]
    pub fn priced_by(&self) -> Option<Seq> {
        if let Self::Settled { hold, .. } | Self::Expired { hold, .. } = self {
            return Some(hold.0);
        }
        if let Self::Corrected { correcting, .. } = self { Some(correcting.charge) } else { None }
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
            Self::Cycle(cycle) => match &**cycle {
                CycleEvent::RolledOver(_) => "rolled_over",
                CycleEvent::Renewed { .. } => "renewed",
                CycleEvent::Ended(_) => "recurrence_ended",
                CycleEvent::Banked(_) => "reset_banked",
                CycleEvent::Redeemed { .. } => "reset_redeemed",
                CycleEvent::PeriodsClosed { .. } => "periods_closed",
                CycleEvent::PlanChanged(_) => "plan_changed",
                CycleEvent::PlanPlanned(_) => "plan_change_planned",
                CycleEvent::PlanWithdrawn { .. } => "plan_change_withdrawn",
                CycleEvent::RenewalStopped { .. } => "renewal_stopped",
                CycleEvent::Overridden(_) => "override_set",
                CycleEvent::IncreaseAsked(_) => "increase_asked",
                CycleEvent::IncreaseDenied { .. } => "increase_denied",
                CycleEvent::SeatSet(_) => "seat_set",
                CycleEvent::SeatRemoved { .. } => "seat_removed",
                CycleEvent::OverrideEnded(_) => "override_ended",
                CycleEvent::OverrideRemoved { .. } => "override_removed",
                CycleEvent::Paused(_) => "paused",
                CycleEvent::PauseEnded(_) => "pause_ended",
                CycleEvent::InvoiceOpened(_) => "invoice_opened",
                CycleEvent::InvoiceClosed(_) => "invoice_closed",
                CycleEvent::InvoicePaid { .. } => "invoice_paid",
                CycleEvent::VolumeClosed(_) => "volume_closed",
                CycleEvent::Resumed { .. } => "resumed",
            },
            Self::Corrected { .. } => "corrected",
            Self::Late(Late::Quarantined(_)) => "quarantined",
            Self::Late(Late::Discarded { .. }) => "discarded",
            Self::Alert(Alert::Crossed { .. }) => "balance_crossed",
            Self::Alert(Alert::TopUpAsked { .. }) => "top_up_asked",
            Self::Alert(Alert::TopUpFailed { .. }) => "top_up_failed",
            Self::Erased { .. } => "erased",
            Self::Abuse(abuse) => match &**abuse {
                AbuseEvent::Began(_) => "abuse_effect_began",
                AbuseEvent::Lifted { .. } => "abuse_effect_lifted",
                AbuseEvent::Disputed(_) => "payment_disputed",
                AbuseEvent::FreeGrant { .. } => "free_grant_given",
            },
            Self::Server(server) => match &**server {
                Server::WebhookSet { .. } => "webhook_set",
                Server::WebhookRemoved(_) => "webhook_removed",
                Server::ReconcileFailed { .. } => "reconcile_failed",
                Server::SupplyChanged(_) => "supply_changed",
                Server::CheckKeyMade(_) => "check_key_made",
                Server::TestClockMoved(_) => "test_clock_moved",
                Server::WebhookGone { .. } => "webhook_gone",
                Server::WebhookParked { .. } => "webhook_parked",
                Server::WebhookResumed { .. } => "webhook_resumed",
                Server::WebhookCaughtUp { .. } => "webhook_caught_up",
                Server::InboundSet { .. } => "inbound_set",
                Server::InboundRemoved(_) => "inbound_removed",
                Server::KeyRotated { .. } => "api_key_rotated",
                Server::KeysUsed(_) => "api_keys_used",
                Server::CallsNoted(_) => "calls_noted",
                Server::KeysWarned(_) => "api_keys_warned",
            },
        }
    }
}

/// A record that was erased, and the digest of its present content.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Erased {
    /// The record.
    #[n(0)]
    pub seq: Seq,
    /// BLAKE3 of its bytes.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub digest: [u8; 32],
}
