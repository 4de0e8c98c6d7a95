//! Commands about invoices.

use headworks_core::command::Command;
use headworks_core::record::Name;

use super::{Malformed, number};
use crate::invoices::PayInvoiceRequest;
use crate::reference::Reference;

impl PayInvoiceRequest {
    /// The command that is meant.
    ///
    /// # Errors
    /// When the invoice belongs to another account.
    pub fn command(&self, account: &Name, of: &Reference) -> Result<Command, Malformed> {
        let invoice = number(account, of, Malformed::UnknownRecord)?;
        Ok(Command::PayInvoice { invoice, reference: self.reference.clone() })
    }
}
