//! The postpaid side of an account: what no invoice has yet, and the invoices.
//!
//! Units: nano-credits; instants in UTC microseconds.

use alloc::vec::Vec;

use minicbor::{Decode, Encode};

use crate::record::{Credits, Instant, Invoice, InvoiceLine, InvoicePeriod, Name, Seq};

/// How many invoices stay in the state once they are paid or come to zero.
const PAID_KEPT: usize = 24;

/// What a postpaid layer has lent and no invoice has yet.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Uninvoiced {
    /// The layer.
    #[n(0)]
    pub layer: Name,
    /// The unit of credits; `None`: `credits`.
    #[n(1)]
    pub unit: Option<Name>,
    /// The first record that the lines come from.
    #[n(2)]
    pub from: Seq,
    /// By feature and period.
    #[n(3)]
    pub lines: Vec<InvoiceLine>,
    /// When that was recorded: the invoice closes with the period that it is in.
    #[n(4)]
    pub since: Instant,
    /// The period, once it is known.
    #[n(5)]
    pub period: Option<InvoicePeriod>,
}

/// An invoice that has closed.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct ClosedInvoice {
    /// Its name: the record that closed it.
    #[n(0)]
    pub id: Seq,
    /// The unit of credits; `None`: `credits`.
    #[n(1)]
    pub unit: Option<Name>,
    /// Its content.
    #[n(2)]
    pub invoice: Invoice,
    /// When it was marked paid.
    #[n(3)]
    pub paid_at: Option<Instant>,
}

impl ClosedInvoice {
    /// Whether anything of it is to be paid.
    #[must_use]
    pub fn is_unpaid(&self) -> bool {
        self.paid_at.is_none() && !self.invoice.total.is_zero()
    }
}

/// The postpaid side of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Postpaid {
    /// By layer and unit, in the order in which they began.
    #[n(0)]
    pub uninvoiced: Vec<Uninvoiced>,
    /// All that are unpaid, and the last others; in the order in which they closed.
    #[n(1)]
    pub invoices: Vec<ClosedInvoice>,
    /// How many have closed.
    #[n(2)]
    pub closed: u64,
    /// The book of each unit: lent after use, holds included, less what invoices have paid.
    #[n(3)]
    pub lent: Vec<(Option<Name>, Credits)>,
}

impl Postpaid {
    /// Of those that are not unpaid the last ones stay.
    pub(super) fn forget(&mut self) {
        let others = self.invoices.iter().filter(|closed| !closed.is_unpaid()).count();
        let mut gone = others.saturating_sub(PAID_KEPT);
        self.invoices.retain(|closed| {
            let goes = gone > 0 && !closed.is_unpaid();
            gone -= usize::from(goes);
            !goes
        });
    }
}
