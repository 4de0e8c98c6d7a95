//! Invoices: what postpaid use of a period comes to.
//!
//! Units: nano-credits; instants in UTC microseconds.

use alloc::vec::Vec;

use minicbor::{Decode, Encode};

use super::amount::Credits;
use super::ids::Seq;
use super::name::Name;
use super::time::Instant;

/// What the charges of one feature come to, less what was given back.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct InvoiceLine {
    /// The feature.
    #[n(0)]
    pub feature: Name,
    /// The beginning of the period that it was drawn in: that of the invoice, or an earlier one, which it corrects.
    #[n(1)]
    pub period: Instant,
    /// The amount; below zero where more was given back than charged.
    #[n(2)]
    pub amount: Credits,
}

/// A part of a charge that goes back to the postpaid layer that paid it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct PostpaidBack {
    /// The layer.
    #[n(0)]
    pub layer: Name,
    /// The feature, the period that it was drawn in, and the amount, which is above zero.
    #[n(1)]
    pub line: InvoiceLine,
}

/// The period of the next invoice of a postpaid layer.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct InvoicePeriod {
    /// The layer.
    #[n(0)]
    pub layer: Name,
    /// Its beginning.
    #[n(1)]
    pub start: Instant,
    /// Its end, when the invoice closes. Where the plan no longer has the layer, both are when its first line was recorded.
    #[n(2)]
    pub end: Instant,
}

/// What a period of a postpaid layer comes to. It is named by its record.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Invoice {
    /// The layer and the period.
    #[n(0)]
    pub period: InvoicePeriod,
    /// Its number among the invoices of the account, from 1.
    #[n(1)]
    pub number: u64,
    /// The first record that its lines come from.
    #[n(2)]
    pub from: Seq,
    /// By feature and period.
    #[n(3)]
    pub lines: Vec<InvoiceLine>,
    /// The sum of its lines. Below zero, the operator owes it.
    #[n(4)]
    pub total: Credits,
}
