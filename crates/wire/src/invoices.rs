//! Invoices of postpaid layers.

use headworks_core::record::{Credits, Id, Instant, Label, Name};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::reference::Reference;

/// Mark an invoice paid.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PayInvoiceRequest {
    /// Your reference, such as that of the payment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<Label>,
    /// Idempotency key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<Id>,
}

/// The invoices of an account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Invoices {
    /// All that are unpaid, and the last 24 others; in the order in which they closed.
    pub invoices: Vec<Invoice>,
    /// What the next ones have so far.
    pub open: Vec<OpenInvoice>,
}

/// An invoice that has closed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Invoice {
    /// Its name: the record that closed it.
    pub id: Reference,
    /// Its number among the invoices of the account, from 1.
    pub number: u64,
    /// The postpaid layer.
    pub layer: Name,
    /// The unit of credits.
    pub unit: String,
    /// The beginning of its period.
    pub start: Instant,
    /// The end of its period.
    pub end: Instant,
    /// The sum of its lines. Below zero, you owe it.
    pub total: Credits,
    /// What it consists of.
    pub lines: Vec<InvoiceLine>,
    /// The first record that its lines come from; the last is before `id`.
    pub from: Reference,
    /// `paid`, `unpaid`, or `nothing_to_pay`.
    pub state: String,
    /// When it was marked paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paid_at: Option<Instant>,
}

/// What the next invoice of a layer has so far.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OpenInvoice {
    /// The postpaid layer.
    pub layer: Name,
    /// The unit of credits.
    pub unit: String,
    /// When it closes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<Instant>,
    /// What it has so far.
    pub lines: Vec<InvoiceLine>,
}

/// What the charges of a feature come to, less what was given back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct InvoiceLine {
    /// The feature.
    pub feature: Name,
    /// The beginning of the period that it was drawn in: an earlier one where it corrects that period's invoice.
    pub period: Instant,
    /// The amount.
    pub amount: Credits,
}
