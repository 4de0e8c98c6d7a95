//! The billing cycle: periods of recurring grants, banked resets, changes of plan, overrides of limits, pauses,
//! invoices.

use alloc::vec::Vec;

use minicbor::{Decode, Encode};

use super::graduated::VolumeClosed;
use super::ids::{GrantId, Seq};
use super::invoice::{Invoice, InvoicePeriod};
use super::name::{Label, Name};
use super::overrides::Override;
use super::path::Path;
use super::pauses::{Pause, PauseEnd};
use super::plans::{PlanChange, PlanToCome};
use super::resets::{Cleared, ResetTerms};
use super::seats::SeatTerms;
use super::time::Instant;

/// An event of the billing cycle.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum CycleEvent {
    /// The remainder of a recurring grant was carried into a grant of its own, which the record opens.
    #[n(0)]
    RolledOver(#[n(0)] GrantId),
    /// A recurring grant opened again, with the next boundary.
    #[n(1)]
    Renewed {
        /// The recurring grant.
        #[n(0)]
        schedule: GrantId,
        /// The next boundary.
        #[n(1)]
        next_at: Instant,
    },
    /// A recurring grant has ended.
    #[n(2)]
    Ended(#[n(0)] GrantId),
    /// A reset was banked; it is named by the record.
    #[n(3)]
    Banked(#[n(0)] ResetTerms),
    /// A banked reset was redeemed by this path, and cleared these windows.
    #[n(4)]
    Redeemed {
        /// The reset.
        #[n(0)]
        reset: Seq,
        /// The path that redeemed it.
        #[n(1)]
        path: Path,
        /// The windows that it cleared.
        #[n(2)]
        cleared: Vec<Cleared>,
        /// Why, if an operator redeemed it.
        #[n(3)]
        reason: Option<Label>,
    },
    /// Periods were closed by hand, and the next ones began.
    #[n(22)]
    PeriodsClosed {
        /// The path whose windows they are.
        #[n(0)]
        path: Path,
        /// The windows, with their use until then.
        #[n(1)]
        closed: Vec<Cleared>,
        /// Why.
        #[n(2)]
        reason: Option<Label>,
    },
    /// The plan changed, with effects on recurring grants.
    #[n(5)]
    PlanChanged(#[n(0)] PlanChange),
    /// A limit has another figure from now on; the override is named by the record.
    #[n(6)]
    Overridden(#[n(0)] Override),
    /// An override has reached its end.
    #[n(7)]
    OverrideEnded(#[n(0)] Seq),
    /// The plan is to change; this takes the place of a change planned before.
    #[n(9)]
    PlanPlanned(#[n(0)] PlanToCome),
    /// A change of plan will not happen: it was withdrawn, or could not be made.
    #[n(10)]
    PlanWithdrawn {
        /// The record that had planned it.
        #[n(0)]
        planned: Seq,
        /// Why.
        #[n(1)]
        reason: Option<Label>,
        /// Its instant had come, and it could not be made.
        #[n(2)]
        has_failed: bool,
    },
    /// A recurring grant keeps its period and does not renew.
    #[n(11)]
    RenewalStopped {
        /// The recurring grant.
        #[n(0)]
        schedule: GrantId,
        /// Why.
        #[n(1)]
        reason: Option<Label>,
    },
    /// An override was removed.
    #[n(8)]
    OverrideRemoved {
        /// The override.
        #[n(0)]
        id: Seq,
        /// Why.
        #[n(1)]
        reason: Option<Label>,
    },
    /// A higher limit was asked for; the request is named by the record.
    #[n(15)]
    IncreaseAsked(#[n(0)] Override),
    /// A request for a higher limit was denied.
    #[n(16)]
    IncreaseDenied {
        /// The request.
        #[n(0)]
        asked: Seq,
        /// Why.
        #[n(1)]
        reason: Option<Label>,
    },
    /// A seat is like this from now on.
    #[n(20)]
    SeatSet(#[n(0)] SeatTerms),
    /// A seat was removed.
    #[n(21)]
    SeatRemoved {
        /// Its name.
        #[n(0)]
        seat: Name,
        /// Why.
        #[n(1)]
        reason: Option<Label>,
    },
    /// The account is paused from now on.
    #[n(12)]
    Paused(#[n(0)] Pause),
    /// A pause has reached its planned end.
    #[n(13)]
    PauseEnded(#[n(0)] PauseEnd),
    /// A pause was ended.
    #[n(14)]
    Resumed {
        /// Its end.
        #[n(0)]
        end: PauseEnd,
        /// Why.
        #[n(1)]
        reason: Option<Label>,
    },
    /// Something is to go on the next invoice of a postpaid layer: its period is known from now on.
    #[n(17)]
    InvoiceOpened(#[n(0)] InvoicePeriod),
    /// A period of a postpaid layer has ended.
    #[n(18)]
    InvoiceClosed(#[n(0)] Invoice),
    /// The period of a volume came to another price than was charged, and that did not end in a charge.
    #[n(23)]
    VolumeClosed(#[n(0)] VolumeClosed),
    /// An invoice was marked paid.
    #[n(19)]
    InvoicePaid {
        /// The record that closed it.
        #[n(0)]
        invoice: Seq,
        /// The operator's reference.
        #[n(1)]
        reference: Option<Label>,
    },
}
