//! Coverage of the simulations: kinds of records, reasons, faults, cases. Anything never reached is not tested.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use headworks_core::record::Reason;

use crate::history::CASES;

/// Counts by kind and name.
#[derive(Debug, Default)]
pub(crate) struct Coverage(Mutex<BTreeMap<(&'static str, &'static str), u64>>);

/// Every fault that simulations inject.
const FAULTS: [&str; 46] = [
    "failed start",
    "kill",
    "overload",
    "lost file name",
    "crash",
    "lost write",
    "torn write",
    "disk full",
    "failed sync",
    "short read",
    "interrupted read",
    "bit flip",
    "index cut off",
    "index thrown away",
    "clock ahead",
    "clock back",
    "retry",
    "retry with another body",
    "caller gone",
    "catalog changed",
    "supply changed",
    "waited for capacity",
    "asked twice",
    "looked at",
    "look that waits",
    "priced again",
    "nothing to price again",
    "copied",
    "copy cut off",
    "restored to an instant",
    "moved to a restored ledger",
    "went on after an erasure",
    "event in another spelling",
    "delivered twice",
    "webhook answer lost",
    "webhook refused",
    "webhook gone",
    "webhook made again",
    "webhook passed over",
    "increase answered again",
    "override removed again",
    "incident shown",
    "incident cut off",
    "incident sent again",
    "incident in parts",
    "incident with another act",
];

/// Further faults if two engines share a store.
const SHARED: [&str; 4] = ["one of two restarted", "conflict", "append in doubt", "catalog of another"];

/// Kinds of records that an account's log can have in a simulation.
const KINDS: [&str; 46] = [
    "account_opened",
    "account_changed",
    "authorized",
    "extended",
    "settled",
    "released",
    "hold_expired",
    "charged",
    "granted",
    "grant_expired",
    "voided",
    "adjusted",
    "refunded",
    "denied",
    "catalog_loaded",
    "rolled_over",
    "renewed",
    "recurrence_ended",
    "reset_banked",
    "reset_redeemed",
    "plan_changed",
    "paused",
    "pause_ended",
    "resumed",
    "corrected",
    "quarantined",
    "discarded",
    "balance_crossed",
    "top_up_asked",
    "top_up_failed",
    "abuse_effect_began",
    "abuse_effect_lifted",
    "payment_disputed",
    "free_grant_given",
    "invoice_opened",
    "invoice_closed",
    "invoice_paid",
    "volume_closed",
    "seat_set",
    "periods_closed",
    "seat_removed",
    "override_set",
    "override_ended",
    "override_removed",
    "increase_asked",
    "increase_denied",
];

/// Reasons that no request of the simulation can meet: it fills no account.
const UNREACHED: [Reason; 1] = [Reason::AccountFull];

impl Coverage {
    fn count(&self, kind: &'static str, name: &'static str) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry((kind, name)).or_default() += 1;
    }

    pub(crate) fn fault(&self, name: &'static str) {
        self.count("fault", name);
    }

    pub(crate) fn case(&self, name: &'static str) {
        self.count("case", name);
    }

    pub(crate) fn record(&self, name: &'static str) {
        self.count("record", name);
    }

    pub(crate) fn reason(&self, name: &'static str) {
        self.count("reason", name);
    }

    /// The table, and the items that were never reached.
    pub(crate) fn report(&self, is_shared: bool) -> (String, Vec<String>) {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = counts.iter().map(|((kind, name), n)| format!("{kind:<8} {name:<24} {n}"));
        let table = lines.collect::<Vec<_>>().join("\n");
        let wanted = FAULTS
            .iter()
            .chain(SHARED.iter().filter(|_| is_shared))
            .map(|name| ("fault", *name))
            .chain(KINDS.iter().map(|name| ("record", *name)))
            .chain(CASES.iter().map(|name| ("case", *name)))
            .chain(Reason::ALL.iter().filter(|r| !UNREACHED.contains(r)).map(|r| ("reason", r.as_str())));
        let missing = wanted.filter(|key| !counts.contains_key(key));
        (table, missing.map(|(kind, name)| format!("{kind} {name}")).collect())
    }
}
