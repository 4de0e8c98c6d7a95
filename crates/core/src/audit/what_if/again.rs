//! Running again: commands and denied requests, on the shadow's own state and numbers.

use super::Shadow;
use crate::command::{
    Command, Correct, Draft, Extend, History, Step, circumstances, circumstances_of, more_of, quantities_of,
    request_of, run_with,
};
use crate::record::{
    Basis, Credits, Denial, Event, HoldId, Instant, Late, Name, Record, Seq, Use, Verdict, Visit, VisitKind,
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
            self.release(hold, record.seq);
        }
        done
    }

    fn run_again(&mut self, record: &Record, command: Command) -> Result<(), Refusal> {
        let asked = asked_of(record).map(|usage| usage.feature.clone());
        if let Some(feature) = &asked {
            self.row(feature).was.granted += 1;
        }
        if let Command::AcceptLate { kept } = command
            && let Some(own) = self.number(kept)
            && self.kept.records.get(&own).is_some_and(|late| late.charge().is_some())
        {
            // The other catalog had no need to ask.
            self.numbered(record, Some(own));
            self.count(asked.as_ref(), true);
            return Ok(());
        }
        let subject = subject_of(&command);
        let takes_all = subject.is_some_and(|charge| self.then.is_spent(charge));
        let command = match self.renumbered(command) {
            Ok(command) => command,
            Err(unknown) => {
                self.numbered(record, None);
                self.count(asked.as_ref(), false);
                return unknown.map_or(Ok(()), |seq| Err(Refusal::UnknownRecord(seq)));
            }
        };
        let command = self.fitted(command, record.recorded_at, takes_all);
        let (offers, penalty) = circumstances(record);
        let live = Some(Live { offers: &offers, penalty });
        let ctx = Context { live, ..self.ctx(record.recorded_at) };
        let Ok(mut step) = run_with(ctx, &command, &mut History::new(), &self.kept);
        if let (Err(Refusal::MoreThanCharged(_)), Command::Refund { charge, reason, .. }) = (&step, &command)
        {
            // A close has given back more of it here than it did there: what is left comes back.
            let all = Command::Refund { charge: *charge, amount: None, reason: reason.clone() };
            Ok(step) = run_with(ctx, &all, &mut History::new(), &self.kept);
        }
        let step = match step {
            Err(refusal) => {
                let own = match (&refusal, &command) {
                    // Only prices were corrected, and the other catalog has its own.
                    (Refusal::NothingToCorrect, Command::Correct { charge, .. }) => Some(*charge),
                    // It had expired by then: what refers to the charge finds that of its end.
                    (Refusal::HoldEnded { by, .. }, Command::Settle { .. }) => Some(*by),
                    _ => None,
                };
                self.numbered(record, own);
                self.count(asked.as_ref(), false);
                if let (Refusal::NotACharge(_), Some(seq)) = (&refusal, subject) {
                    return Err(Refusal::NotACharge(seq));
                }
                return if is_moot(&refusal) { Ok(()) } else { Err(refusal) };
            }
            Ok(step) => step,
        };
        match step {
            Step::Append(draft) => {
                self.count_late(record, &draft, asked.as_ref());
                let later = self.wanted.contains_key(&record.seq);
                let seq = self.append(*draft, record.recorded_at, later);
                self.numbered(record, seq);
                self.live_until(record.recorded_at);
            }
            Step::Count(..) => {
                self.count(asked.as_ref(), true);
                self.numbered(record, None);
            }
            Step::Deny(..) | Step::Needs(_) => {
                self.count(asked.as_ref(), false);
                self.numbered(record, None);
            }
        }
        Ok(())
    }

    /// The command with the shadow's numbers. If its subject does not exist, the number that the shadow knows nothing of, unless
    /// it is known that there is none.
    fn renumbered(&self, command: Command) -> Result<Command, Option<Seq>> {
        let mut unknown = None;
        let command = command.renumbered(|seq| match self.numbers.get(&seq) {
            Some(own) => *own,
            None => {
                unknown.get_or_insert(seq);
                None
            }
        });
        command.ok_or(unknown)
    }

    /// Use that only one side puts in quarantine: what waits does not happen before it is accepted.
    fn count_late(&mut self, record: &Record, draft: &Draft, asked: Option<&Name>) {
        let waited = matches!(record.event, Event::Late(Late::Quarantined(_)));
        if let Some(charge) = draft.event.charge().filter(|_| waited) {
            if !self.accepted.contains(&record.seq) {
                let row = self.row(&charge.usage.feature);
                (row.would_be.granted, row.changed) = (row.would_be.granted + 1, row.changed + 1);
            }
            return;
        }
        self.count(asked, !matches!(draft.event, Event::Late(Late::Quarantined(_))));
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

    /// A command adapted to the shadow: holds live as long as the other catalog lets them, refunds give back at most what is left of
    /// the charge this time (all of it if they took all that was left), and corrected quantities keep the shadow's prices.
    fn fitted(&self, mut command: Command, now: Instant, takes_all: bool) -> Command {
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
            let most = self.anew.left(*charge).unwrap_or(0);
            let least = |amount: Credits| Credits::from_nano(amount.nano().min(most));
            *amount = amount.filter(|_| !takes_all).map(least).filter(|a| a.is_positive());
        }
        if let Command::Correct { to, .. } = &mut command
            && let Correct::Exactly(usage) = to
        {
            *to = match usage.is_deleted() {
                true => Correct::Delete,
                false => Correct::To {
                    quantities: quantities_of(usage),
                    dimensions: Some(usage.dimensions.clone()),
                    more: Some(more_of(usage)),
                    reprice: false,
                },
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

/// The charge that a command gives back or corrects.
fn subject_of(command: &Command) -> Option<Seq> {
    if let Command::Refund { charge, .. } | Command::Correct { charge, .. } = command {
        Some(*charge)
    } else {
        None
    }
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
        Refusal::NothingToCorrect
            | Refusal::UnknownHold(_)
            | Refusal::HoldEnded { .. }
            | Refusal::UnknownGrant(_)
            | Refusal::UnknownRecord(_)
            | Refusal::AlreadyRefunded(..)
            | Refusal::AlreadyRedeemed(..)
            | Refusal::NotClosable(_)
            | Refusal::ClosesPerSeat(_)
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
