//! Running again: commands and denied requests, on the shadow's own state and numbers.

use super::Shadow;
use crate::command::{
    Command, Correct, Extend, History, Step, circumstances, circumstances_of, more_of, quantities_of,
    request_of, run_with,
};
use crate::record::{
    Basis, Charge, Credits, Denial, Event, HoldId, Instant, Name, Record, Use, Verdict, Visit, VisitKind,
};
use crate::waterfall::{Authorize, Context, Live, Refusal, Request, quantity_of};

impl Shadow<'_> {
    /// Runs the command behind a record again, on the shadow's own numbers.
    pub(super) fn live(&mut self, record: &Record, command: Command) -> Result<(), Refusal> {
        let hold = if let Command::Extend(Extend { hold, .. })
        | Command::Settle { hold, .. }
        | Command::Release { hold } = &command
        {
            Some(hold.0)
        } else {
            None
        };
        let done = self.run_again(record, command);
        if let Some(hold) = hold {
            self.release(hold);
        }
        done
    }

    fn run_again(&mut self, record: &Record, command: Command) -> Result<(), Refusal> {
        let asked = asked_of(record).map(|usage| usage.feature.clone());
        if let Some(feature) = &asked {
            self.row(feature).was.granted += 1;
        }
        let Some(command) = command.renumbered(|seq| self.number(seq)) else {
            // The record it refers to does not exist this time.
            self.count(asked.as_ref(), false);
            return Ok(());
        };
        let command = self.fitted(command, record.recorded_at);
        let (offers, penalty) = circumstances(record);
        let live = Some(Live { offers: &offers, penalty });
        let ctx = Context { live, ..self.ctx(record.recorded_at) };
        let Ok(step) = run_with(ctx, &command, &mut History::new(), &self.kept);
        let step = match step {
            Err(Refusal::NothingToCorrect) => {
                // Only prices were corrected, and the other catalog has its own.
                if let Command::Correct { charge, .. } = command {
                    self.numbered(record, Some(charge));
                }
                return Ok(());
            }
            Err(refusal) => {
                self.count(asked.as_ref(), false);
                return if is_moot(&refusal) { Ok(()) } else { Err(refusal) };
            }
            Ok(step) => step,
        };
        match step {
            Step::Append(draft) => {
                self.count(asked.as_ref(), true);
                let later = self.wanted.contains_key(&record.seq);
                let seq = self.append(*draft, record.recorded_at, later);
                self.numbered(record, seq);
                self.live_until(record.recorded_at);
            }
            Step::Count(..) => self.count(asked.as_ref(), true),
            Step::Deny(..) | Step::Needs(_) => {
                self.count(asked.as_ref(), false);
                self.numbered(record, None);
            }
        }
        Ok(())
    }

    fn count(&mut self, asked: Option<&Name>, granted: bool) {
        let Some(feature) = asked else { return };
        let row = self.row(feature);
        if granted {
            row.would_be.granted += 1;
        } else {
            (row.would_be.denied, row.changed) = (row.would_be.denied + 1, row.changed + 1);
        }
    }

    /// A command adapted to the shadow: holds live as long as the other catalog lets them, refunds give back at most the amount
    /// charged this time, and corrected quantities keep the shadow's prices.
    fn fitted(&self, mut command: Command, now: Instant) -> Command {
        if let Command::Record { request, at } = &mut command {
            self.derive_anew(request, at.unwrap_or(now));
        }
        if let Command::Authorize(Authorize { request, life, .. }) = &mut command {
            self.derive_anew(request, now);
            let feature = self.catalog.feature(request.feature.as_str());
            *life = life.zip(feature).map(|(life, f)| life.min(f.hold_life_max));
        }
        if let Command::Extend(Extend { hold, life, .. }) = &mut command {
            let hold = self.account.hold(*hold);
            *life = life.zip(hold).map(|(life, h)| life.min(h.terms.life_max));
        }
        if let Command::Refund { charge, amount, .. } = &mut command {
            let charged = self.kept.records.get(charge).and_then(Record::charge);
            let most = charged.map_or(0, Charge::divisible);
            let least = |amount: Credits| Credits::from_nano(amount.nano().min(most));
            *amount = amount.map(least).filter(|a| a.is_positive());
        }
        if let Command::Correct { to, .. } = &mut command
            && let Correct::Exactly(usage) = to
        {
            *to = Correct::To {
                quantities: quantities_of(usage),
                dimensions: Some(usage.dimensions.clone()),
                more: Some(more_of(usage)),
                reprice: false,
            };
        }
        command
    }

    /// What follows from a request follows from it as the other catalog says.
    fn derive_anew(&self, request: &mut Request, at: Instant) {
        let Some(feature) = self.catalog.feature(request.feature.as_str()) else { return };
        let quantity = |meter: &Name| request.quantity(meter);
        if let Some(derived) = feature.derived_anew(&request.dimensions, at, quantity) {
            request.dimensions = derived;
        }
        for part in &mut request.more {
            let named = part.dimensions.as_deref().unwrap_or_default();
            let quantity = |meter: &Name| quantity_of(&part.quantities, meter);
            if let Some(derived) = feature.derived_anew(named, at, quantity) {
                part.dimensions = Some(derived);
            }
        }
    }

    /// Runs a denied request again; if granted now, the use happens as requested.
    pub(super) fn denied(&mut self, denial: &Denial) -> Result<(), Refusal> {
        let held = denial.decision.visits.iter().any(is_of_hold);
        let mut request = Request { consented: false, ..request_of(&denial.usage, &denial.decision) };
        self.derive_anew(&mut request, denial.at);
        let ask = Command::Authorize(Authorize { settle_now: !held, ..Authorize::new(request) });
        let (offers, penalty) = circumstances_of(&denial.decision, None);
        let live = Some(Live { offers: &offers, penalty });
        let ctx = Context { live, ..self.ctx(denial.at) };
        let Ok(step) = run_with(ctx, &ask, &mut History::new(), &self.kept);
        let row = self.row(&denial.usage.feature);
        row.was.denied += 1;
        match step {
            Ok(Step::Append(draft)) => {
                (row.would_be.granted, row.changed) = (row.would_be.granted + 1, row.changed + 1);
                let seq = self.append(*draft, denial.at, false);
                if let Some(hold) = seq.filter(|_| held).map(HoldId) {
                    let settle = Command::Settle {
                        hold,
                        quantities: quantities_of(&denial.usage),
                        dimensions: None,
                        more: more_of(&denial.usage),
                    };
                    let Ok(settled) = run_with(self.ctx(denial.at), &settle, &mut History::new(), &self.kept);
                    if let Step::Append(draft) = settled? {
                        self.append(*draft, denial.at, false);
                    }
                }
                self.live_until(denial.at);
            }
            Ok(Step::Count(..)) => {
                (row.would_be.granted, row.changed) = (row.would_be.granted + 1, row.changed + 1);
            }
            Ok(Step::Deny(..) | Step::Needs(_)) => row.would_be.denied += 1,
            Err(refusal) => {
                row.would_be.denied += 1;
                return Err(refusal);
            }
        }
        Ok(())
    }
}

/// Whether a visit shows that a hold was requested: an immediate charge takes no slot, and no rule on holds applies to it.
fn is_of_hold(visit: &Visit) -> bool {
    visit.basis == Basis::Slot
        && (visit.kind == VisitKind::Abuse || matches!(visit.verdict, Verdict::Refused(_)))
}

/// The request that a record answers, if it answers one.
fn asked_of(record: &Record) -> Option<&Use> {
    if let Event::Authorized { usage, .. } | Event::Extended { usage, .. } = &record.event {
        return Some(usage);
    }
    if let Event::Charged { charge, .. } = &record.event { Some(&charge.usage) } else { None }
}

/// Whether a refusal only means that the shadow took another course: the subject of the command does not exist, is over, or
/// is done already.
fn is_moot(refusal: &Refusal) -> bool {
    matches!(
        refusal,
        Refusal::UnknownHold(_)
            | Refusal::HoldEnded { .. }
            | Refusal::UnknownGrant(_)
            | Refusal::UnknownRecord(_)
            | Refusal::NotACharge(_)
            | Refusal::AlreadyRefunded(..)
            | Refusal::AlreadyRedeemed(..)
            | Refusal::NotClosable(_)
            | Refusal::NoReset
            | Refusal::NothingToReset
            | Refusal::UnknownOverride(_)
            | Refusal::OverrideEnded(..)
            | Refusal::UnknownIncrease(_)
            | Refusal::IncreaseAnswered(..)
            | Refusal::UnknownSeat(_)
            | Refusal::UnknownInvoice(_)
            | Refusal::InvoicePaid(..)
            | Refusal::NothingToPay(_)
            | Refusal::Paused(_)
            | Refusal::NotPaused
            | Refusal::NotInQuarantine(_)
            | Refusal::NoTopUp(_)
            | Refusal::NoEffect(_)
    )
}
