//! The operator's words in a record: why it was made.
//!
//! Never the reason of a decision: that is in its explanation.

use super::charge::Correcting;
use super::event::Event;
use super::late::Late;
use super::{
    AbuseEvent, Alert, CycleEvent, Label, Override, Pause, PlanChange, PlanToCome, Record, SeatTerms,
};

impl Record {
    /// The operator's reason or reference, if it has one.
    #[must_use]
    pub fn reason(&self) -> Option<&Label> {
        self.event.reason().or_else(|| self.opens.as_ref()?.reference.as_ref())
    }
}

impl Event {
    fn reason(&self) -> Option<&Label> {
        match self {
            Self::Changed { reason, .. }
            | Self::Voided { reason, .. }
            | Self::Adjusted { reason, .. }
            | Self::Refunded { reason, .. }
            | Self::Corrected { correcting: Correcting { reason, .. }, .. }
            | Self::Late(Late::Discarded { reason, .. })
            | Self::Alert(Alert::TopUpFailed { reason, .. })
            | Self::Erased { reason, .. } => reason.as_ref(),
            Self::Cycle(cycle) => cycle.reason(),
            Self::Abuse(abuse) => match &**abuse {
                AbuseEvent::Lifted { reason, .. } | AbuseEvent::Disputed(reason) => reason.as_ref(),
                AbuseEvent::Began(_) | AbuseEvent::FreeGrant { .. } => None,
            },
            Self::Opened(_)
            | Self::Authorized { .. }
            | Self::Extended { .. }
            | Self::Settled { .. }
            | Self::Released(_)
            | Self::Expired { .. }
            | Self::Charged { .. }
            | Self::Granted
            | Self::GrantExpired(_)
            | Self::Denied(_)
            | Self::CatalogLoaded { .. }
            | Self::KeyCreated(_)
            | Self::KeyRevoked(_)
            | Self::Late(Late::Quarantined(_))
            | Self::Alert(Alert::Crossed { .. } | Alert::TopUpAsked { .. })
            | Self::Server(_) => None,
        }
    }
}

impl CycleEvent {
    fn reason(&self) -> Option<&Label> {
        match self {
            Self::Banked(terms) => terms.reference.as_ref(),
            Self::InvoicePaid { reference, .. } => reference.as_ref(),
            Self::Redeemed { reason, .. }
            | Self::PeriodsClosed { reason, .. }
            | Self::PlanChanged(PlanChange { reason, .. })
            | Self::PlanPlanned(PlanToCome { reason, .. })
            | Self::PlanWithdrawn { reason, .. }
            | Self::RenewalStopped { reason, .. }
            | Self::Overridden(Override { reason, .. })
            | Self::OverrideRemoved { reason, .. }
            | Self::IncreaseAsked(Override { reason, .. })
            | Self::IncreaseDenied { reason, .. }
            | Self::SeatSet(SeatTerms { reason, .. })
            | Self::SeatRemoved { reason, .. }
            | Self::Paused(Pause { reason, .. })
            | Self::Resumed { reason, .. } => reason.as_ref(),
            Self::RolledOver(_)
            | Self::Renewed { .. }
            | Self::Ended(_)
            | Self::OverrideEnded(_)
            | Self::PauseEnded(_)
            | Self::InvoiceOpened(_)
            | Self::InvoiceClosed(_)
            | Self::VolumeClosed(_) => None,
        }
    }
}
