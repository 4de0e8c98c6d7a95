//! Amounts owed through Stripe: charged use as meter events, and their adjustments when it is corrected or refunded.
//!
//! A function of the records of a charge, oldest first; never says anything that is not in the ledger, and never reads a
//! clock. S1 the events sent for a charge add up to the amount that paid sources paid, after each correction and refund
//! (`what_is_sent_adds_up_to_what_paid_sources_paid`). S2 an identifier is sent with one value.
//! Units: units of a meter, rounded down, or nano-credits. Source: Stripe API, `billing/meter_events` and
//! `billing/meter_event_adjustments`; "Fix incorrect usage data" for values below zero.

use std::collections::BTreeMap;

use headworks_core::record::{
    CREDITS, Charge, Credits, Draw, Event, Instant, Name, Record, Seq, Source, StripeValue, Unit, Webhook,
};

use crate::render::events::{ascii, short};

/// Stripe's longest identifier.
const IDENTIFIER_MAX: usize = 100;
const HOUR: i64 = 3_600_000_000;
/// An event is cancelled while its use is at most this old. Stripe accepts that for 24 hours; the margin is for delays.
const CANCEL_WITHIN: i64 = 20 * HOUR;
/// An event's time is sent while it is at most this old. Stripe accepts it for 35 days; without a time it counts as now.
const DATED_WITHIN: i64 = 34 * 24 * HOUR;
/// A charge at most this much older than the webhook is sent: it was on its way when the webhook was made.
const UNDER_WAY: i64 = 1_000_000;

/// A call to Stripe's API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StripeCall {
    /// A meter event.
    Event {
        /// The meter at Stripe.
        name: String,
        /// Unique for ever.
        identifier: String,
        /// The customer who owes it.
        customer: Name,
        /// The amount to add, or below zero the amount to take off.
        value: i128,
        /// When; `None`: when Stripe receives it.
        at: Option<Instant>,
    },
    /// An event is cancelled.
    Cancel {
        /// The meter at Stripe.
        name: String,
        /// The event.
        identifier: String,
    },
}

impl StripeCall {
    /// Below the webhook's URL.
    #[must_use]
    pub fn path(&self) -> &'static str {
        match self {
            Self::Event { .. } => "/v1/billing/meter_events",
            Self::Cancel { .. } => "/v1/billing/meter_event_adjustments",
        }
    }

    /// Stripe's own key against duplicates, in addition to the identifier: the same however often it is sent.
    #[must_use]
    pub fn id(&self) -> String {
        match self {
            Self::Event { identifier, .. } => identifier.clone(),
            Self::Cancel { identifier, .. } => format!("{identifier}/cancel"),
        }
    }

    /// Names and values.
    #[must_use]
    pub fn form(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Event { name, identifier, customer, value, at } => {
                let mut form = vec![
                    ("event_name", name.clone()),
                    ("identifier", identifier.clone()),
                    ("payload[stripe_customer_id]", customer.to_string()),
                    ("payload[value]", value.to_string()),
                ];
                form.extend(at.map(|at| ("timestamp", (at.micros() / 1_000_000).to_string())));
                form
            }
            Self::Cancel { name, identifier } => vec![
                ("event_name", name.clone()),
                ("type", "cancel".into()),
                ("cancel[identifier]", identifier.clone()),
            ],
        }
    }
}

/// A record with its chain hash.
pub(super) type Linked = (Record, [u8; 32]);

/// The calls that a record adds to Stripe's account of a charge, after the records `before` it about the same charge.
pub(super) fn calls(
    account: &Name,
    webhook: &Webhook,
    before: &[Linked],
    record: &Linked,
    now: Instant,
) -> Vec<StripeCall> {
    let first = before.iter().chain([record]).map(|(first, _)| first).next();
    let Some(first) = first.filter(|first| first.charge().is_some()) else { return Vec::new() };
    // Events that Stripe never received cannot be cancelled.
    if webhook.since.is_some_and(|since| first.recorded_at.micros() + UNDER_WAY < since.micros()) {
        return Vec::new();
    }
    let mut bill = Bill {
        account,
        first,
        value: webhook.stripe,
        now,
        sent: BTreeMap::new(),
        charge: None,
        kept: Vec::new(),
        returned: 0,
    };
    for earlier in before {
        bill.advance(earlier);
    }
    bill.advance(record)
}

/// The events of one charge that were sent to Stripe.
struct Bill<'a> {
    account: &'a Name,
    first: &'a Record,
    value: StripeValue,
    now: Instant,
    /// By event name: the sum of what was sent, and the event that can be cancelled.
    sent: BTreeMap<String, (i128, String)>,
    charge: Option<&'a Charge>,
    /// Its draws, less what refunds gave back.
    kept: Vec<Draw>,
    /// Nano-credits that refunds gave back or passed over.
    returned: i64,
}

impl<'a> Bill<'a> {
    fn advance(&mut self, (record, hash): &'a Linked) -> Vec<StripeCall> {
        if let (Event::Refunded { amount, passed_over, .. }, Some(charge)) = (&record.event, self.charge) {
            let before = self.returned + passed_over.map_or(0, Credits::nano);
            take_off(&mut self.kept, &charge.given_back(Credits::from_nano(before), *amount));
            self.returned = before + amount.nano();
        } else {
            (self.charge, self.returned) = (record.charge(), 0);
            self.kept = self.charge.map_or_else(Vec::new, |charge| charge.draws.to_vec());
        }
        let Some(charge) = self.charge else { return Vec::new() };
        let owed = owed(charge, &self.kept, self.value);
        let age = record.recorded_at.micros() - self.first.recorded_at.micros();
        let mut names: Vec<String> = self.sent.keys().chain(owed.keys()).cloned().collect();
        names.sort();
        names.dedup();
        let mut calls = Vec::new();
        for name in names {
            let owed = owed.get(&name).copied().unwrap_or(0);
            let (sent, live) = self.sent.get(&name).cloned().unwrap_or_default();
            if owed == sent {
                continue;
            }
            let identifier = identifier(self.account, record.seq, hash, &name);
            if age <= CANCEL_WITHIN {
                if sent != 0 {
                    calls.push(StripeCall::Cancel { name: name.clone(), identifier: live });
                }
                if owed != 0 {
                    // A correction keeps the time of the use, and so does the part that a refund leaves.
                    calls.push(self.event(&name, &identifier, owed, self.first.effective_at));
                }
                self.sent.insert(name, (owed, identifier));
            } else {
                calls.push(self.event(&name, &identifier, owed - sent, record.recorded_at));
                self.sent.insert(name, (owed, live));
            }
        }
        calls
    }

    fn event(&self, name: &str, identifier: &str, value: i128, at: Instant) -> StripeCall {
        let at = Some(at).filter(|at| self.now.micros() - at.micros() <= DATED_WITHIN);
        let (name, identifier) = (name.to_owned(), identifier.to_owned());
        StripeCall::Event { name, identifier, customer: self.account.clone(), value, at }
    }
}

/// `acme~12/tokens/1f0a9c3e`, or a digest of it where that is too long for Stripe.
fn identifier(account: &Name, seq: Seq, hash: &[u8; 32], name: &str) -> String {
    let text = format!("{}/{name}/{}", ascii(account, seq), short(hash));
    if text.len() <= IDENTIFIER_MAX { text } else { format!("headworks/{}", blake3::hash(text.as_bytes())) }
}

/// Takes what a refund gives back, from the last draw to the first, off the draws of a charge.
fn take_off(kept: &mut [Draw], given: &[Draw]) {
    let mut given = given.iter().peekable();
    for draw in kept.iter_mut().rev() {
        if let Some(back) = given.next_if(|back| back.source == draw.source && back.layer == draw.layer) {
            draw.amount -= back.amount;
            draw.worth -= back.worth;
        }
    }
}

/// Whether the account owes the operator for this source's payment.
fn is_owed(source: Source) -> bool {
    source.is_paid() || source == Source::Debt
}

/// The amounts owed for a charge, by event name; never zero.
fn owed(charge: &Charge, draws: &[Draw], value: StripeValue) -> BTreeMap<String, i128> {
    let mut owed = BTreeMap::new();
    match value {
        StripeValue::Amount => {
            let unit = charge.usage.credit_unit.as_ref().map_or(CREDITS, Name::as_str);
            let paid = draws.iter().filter(|d| is_owed(d.source)).map(|d| i128::from(d.worth)).sum();
            owed.insert(unit.to_owned(), paid);
        }
        StripeValue::Meters => {
            for line in paid_lines(charge, draws) {
                *owed.entry(line.meter.to_string()).or_insert(0) += line.paid_units();
            }
        }
    }
    owed.retain(|_, value| *value > 0);
    owed
}

/// A line of a charge, without the units that an allowance of its meter paid.
struct Line<'a> {
    meter: &'a Name,
    units: i128,
    /// Their cost, the part that sources have paid, and the part that is owed; nano-credits.
    worth: i128,
    paid: i128,
    owed: i128,
}

impl Line<'_> {
    /// The units that paid sources paid for; a unit that another source paid in part does not count.
    fn paid_units(&self) -> i128 {
        if self.worth == 0 { 0 } else { self.units * self.owed / self.worth }
    }
}

/// Which source paid which part of a line: an allowance of a meter pays the first units of that meter, then each source pays the
/// next part, in the order of the lines.
fn paid_lines<'a>(charge: &'a Charge, draws: &[Draw]) -> Vec<Line<'a>> {
    let line = |l: &'a headworks_core::record::Line| {
        let worth = l.cost().map_or(0, |cost| i128::from(cost.nano()));
        Line { meter: &l.meter, units: l.billed().into(), worth, paid: 0, owed: 0 }
    };
    let mut lines: Vec<Line<'a>> = charge.usage.lines.iter().map(line).collect();
    let of_meter =
        |draw: &&Draw| draw.source == Source::Allowance && matches!(charge.usage.unit, Unit::Meter(_));
    if let Unit::Meter(meter) = &charge.usage.unit {
        let mut left: i128 = draws.iter().filter(of_meter).map(|d| i128::from(d.amount)).sum();
        for line in lines.iter_mut().filter(|l| l.meter == meter && l.units > 0) {
            let units = left.min(line.units);
            line.worth -= line.worth / line.units * units;
            line.units -= units;
            left -= units;
        }
    }
    for draw in draws.iter().filter(|d| !of_meter(d)) {
        let mut left = i128::from(draw.worth);
        for line in &mut lines {
            let part = left.min(line.worth - line.paid);
            line.paid += part;
            line.owed += if is_owed(draw.source) { part } else { 0 };
            left -= part;
        }
    }
    lines
}
