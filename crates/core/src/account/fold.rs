//! The fold: what a record does to a state. The one place where a state changes.
//!
//! Uses the record alone, never the catalog or a clock.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use smallvec::SmallVec;

use super::{Account, Books, FoldError, Grant, Hold, Window};
use crate::record::{
    Basis, Book, Correction, Counted, Credits, Draw, Event, GrantId, GrantTerms, HoldId, HoldTerms, Instant,
    Level, Movement, Name, Path, Place, Record, RecordError, Seq, Source, Terms, Use, Verdict, Visit,
};
use crate::window::Used;

impl Account {
    /// Folds a record, verifying the chain against its bytes; returns the hash after it.
    ///
    /// # Errors
    /// Refuses a record that does not follow; the state must then be thrown away.
    pub fn apply_bytes(&mut self, bytes: &[u8]) -> Result<[u8; 32], FoldError> {
        let record = Record::from_bytes(bytes).map_err(|e: RecordError| self.broken(&e.to_string()))?;
        let hash = record.link(&self.chain, bytes);
        self.apply(&record, hash)?;
        Ok(hash)
    }

    fn broken(&self, what: &str) -> FoldError {
        FoldError { seq: self.seq + 1, what: what.to_string() }
    }

    /// Folds a record whose chain hash is known.
    ///
    /// # Errors
    /// Refuses a record that does not follow; the state must then be thrown away.
    pub fn apply(&mut self, record: &Record, hash: [u8; 32]) -> Result<(), FoldError> {
        if record.seq != self.seq + 1 {
            return Err(self.broken(&alloc::format!("its number is {}", record.seq)));
        }
        let now = record.recorded_at;
        if let Some(terms) = &record.opens {
            self.open_grant(GrantId(record.seq), terms.clone());
            self.note_payment(terms, now);
            if matches!(record.event, Event::Granted) {
                self.begin_schedule(GrantId(record.seq), terms);
            }
        }
        self.apply_event(record, now).map_err(|what| self.broken(&what))?;
        for movement in &record.movements {
            self.apply_movement(movement, record.unit.as_ref()).map_err(|what| self.broken(&what))?;
        }
        self.finish_event(record).map_err(|what| self.broken(&what))?;
        (self.seq, self.chain, self.recorded_at) = (record.seq, hash, now);
        if self.wakes_at <= now {
            self.wakes_at = self.next_wake();
        }
        Ok(())
    }

    /// Counts the use of a feature that is not recorded.
    pub fn count_volatile(&mut self, usage: &Use, decision: &crate::record::Decision, now: Instant) {
        if decision.outcome.is_granted() {
            self.take_visits(&usage.path, &decision.visits, now);
        }
    }

    /// Makes [`Self::wakes_at`] exact, once everything that was due has ended.
    pub fn settle_wake(&mut self) {
        self.wakes_at = self.next_wake();
    }

    fn next_wake(&self) -> Instant {
        let holds = self.holds.iter().map(|h| h.terms.deadline);
        let grants = self.grants.iter().filter(|g| g.remaining.is_positive()).map(|g| g.terms.expires_at);
        let periods = self.extras().schedules.iter().map(|s| s.next_at);
        holds.chain(grants).chain(periods).min().unwrap_or(Instant::NEVER)
    }

    /// What must stand before the movements: new grants, new holds, windows.
    fn apply_event(&mut self, record: &Record, now: Instant) -> Result<(), String> {
        match &record.event {
            Event::Opened(settings) => {
                self.settings = settings.clone();
                self.opened_at = now;
            }
            Event::Changed { settings, .. } => self.settings = settings.clone(),
            Event::Authorized { usage, decision, terms } => {
                self.open_hold(record.seq, now, usage, terms);
                self.watch_holds(&decision.visits);
                self.count(HoldId(record.seq), &decision.visits, &decision.draws, now)?;
            }
            Event::Extended { hold: id, usage, decision, deadline, progress } => {
                self.extend_hold(*id, usage, *deadline, progress.as_deref())?;
                self.extend_capacity(*id, &decision.visits)?;
                self.count(*id, &decision.visits, &decision.draws, now)?;
            }
            Event::Settled { hold: id, charge, is_late: late } => {
                if !late {
                    self.correct_windows(*id, &record.corrections, now)?;
                }
                self.take_visits(&charge.usage.path, excess_visits(charge), now);
            }
            Event::Released(id) | Event::Expired { hold: id, .. } => {
                self.correct_windows(*id, &record.corrections, now)?
            }
            Event::Charged { charge, decision } => {
                self.take_visits(&charge.usage.path, &decision.visits, now);
                self.leave_quarantine(&record.parents);
            }
            Event::Refunded { reopened, path, .. } => {
                for (id, terms) in reopened {
                    self.open_grant(*id, terms.clone());
                }
                self.correct(path, &record.corrections, now);
            }
            Event::Voided { grant: id, .. } => {
                // A recurring grant comes no more, whether or not anything is left of it.
                let recurs = self.schedule(*id).is_some();
                if recurs {
                    self.extras_mut().schedules.retain(|s| s.current != *id);
                }
                match self.grant_mut(*id) {
                    Ok(grant) => grant.voided = true,
                    Err(_) if recurs => {}
                    Err(what) => return Err(what),
                }
            }
            Event::Adjusted { grant: id, by, .. } => {
                let grant = self.grant_mut(*id)?;
                grant.terms.amount = grant.terms.amount.checked_add(*by).ok_or("overflow")?;
            }
            Event::Denied(denials) => self.denied = self.denied.saturating_add(denials.count),
            Event::Periodic(event) => self.apply_periodic(record, event)?,
            Event::Corrected { correcting, charge } => {
                for (id, terms) in &correcting.reopened {
                    self.open_grant(*id, terms.clone());
                }
                self.correct(&charge.usage.path, &record.corrections, now);
                self.take_visits(&charge.usage.path, excess_visits(charge), now);
            }
            Event::Late(late) => self.apply_late(record.seq, late)?,
            Event::Alert(alert) => self.apply_alert(record, alert)?,
            Event::Granted => self.end_top_up(record),
            Event::Conduct(conduct) => self.apply_conduct(record, conduct),
            Event::GrantExpired(_)
            | Event::CatalogLoaded { .. }
            | Event::KeyCreated(_)
            | Event::KeyRevoked(_)
            | Event::Server(_)
            | Event::Erased { .. } => {}
        }
        Ok(())
    }

    /// What must wait until the movements are done: ended holds and empty grants leave.
    fn finish_event(&mut self, record: &Record) -> Result<(), String> {
        match &record.event {
            Event::Settled { hold: id, is_late: false, .. }
            | Event::Released(id)
            | Event::Expired { hold: id, .. } => {
                self.end_hold(*id)?;
                if !matches!(record.event, Event::Released(_)) {
                    self.note_end(matches!(record.event, Event::Expired { .. }));
                }
            }
            Event::Opened(_)
            | Event::Changed { .. }
            | Event::Authorized { .. }
            | Event::Extended { .. }
            | Event::Settled { is_late: true, .. }
            | Event::Charged { .. }
            | Event::Granted
            | Event::GrantExpired(_)
            | Event::Voided { .. }
            | Event::Adjusted { .. }
            | Event::Refunded { .. }
            | Event::Denied(_)
            | Event::CatalogLoaded { .. }
            | Event::KeyCreated(_)
            | Event::KeyRevoked(_)
            | Event::Periodic(_)
            | Event::Corrected { .. }
            | Event::Late(_)
            | Event::Alert(_)
            | Event::Conduct(_)
            | Event::Server(_)
            | Event::Erased { .. } => {}
        }
        if !record.movements.is_empty() {
            self.grants.retain(|g| g.remaining.is_positive() || g.held.is_positive());
        }
        Ok(())
    }

    fn open_hold(&mut self, seq: Seq, now: Instant, usage: &Use, terms: &HoldTerms) {
        self.wakes_at = self.wakes_at.min(terms.deadline);
        self.holds.push(Box::new(Hold {
            id: HoldId(seq),
            opened_at: now,
            terms: terms.clone(),
            usage: usage.clone(),
            draws: SmallVec::new(),
            counted: Vec::new(),
            extensions: 0,
            progress: None,
        }));
    }

    fn hold_mut(&mut self, id: HoldId) -> Result<&mut Hold, String> {
        let at = self.holds.binary_search_by_key(&id, |h| h.id).map_err(|_| "no such hold")?;
        self.holds.get_mut(at).map(|h| &mut **h).ok_or_else(|| "no such hold".into())
    }

    fn extend_hold(
        &mut self,
        id: HoldId,
        more: &Use,
        deadline: Instant,
        progress: Option<&Use>,
    ) -> Result<(), String> {
        let hold = self.hold_mut(id)?;
        if deadline != hold.terms.deadline {
            hold.terms.deadline = deadline;
            hold.extensions += 1;
        }
        for line in &more.lines {
            if let Some(held) = hold.usage.lines.iter_mut().find(|l| l.meter == line.meter) {
                held.quantity = held.quantity.saturating_add(line.quantity);
            }
        }
        if let Some(progress) = progress {
            hold.progress = Some(progress.clone());
        }
        self.wakes_at = self.wakes_at.min(deadline);
        Ok(())
    }

    /// What an extension took of the hold's pool is given back with the rest of it.
    fn extend_capacity(&mut self, id: HoldId, visits: &[Visit]) -> Result<(), String> {
        let taken = visits.iter().filter(|v| v.place == Place::Pool && v.verdict == Verdict::Passed);
        let hold = self.hold_mut(id)?;
        let Some(held) = &mut hold.terms.capacity else { return Ok(()) };
        for visit in taken {
            held.cost = held.cost.saturating_add(visit.cost.unsigned_abs());
            if let Basis::InFlight(more) = visit.basis {
                held.in_flight = held.in_flight.saturating_add(more);
            }
        }
        Ok(())
    }

    /// Counts what a decision took and writes it on the hold's receipt.
    fn count(&mut self, id: HoldId, visits: &[Visit], draws: &[Draw], now: Instant) -> Result<(), String> {
        for draw in draws {
            if let Source::Grant(grant, _) = draw.source {
                let grant = self.grant_mut(grant)?;
                grant.held = grant.held.checked_add(draw.credits()).ok_or("overflow")?;
            }
        }
        let hold = self.hold_mut(id)?;
        for draw in draws {
            match hold.draws.iter_mut().find(|d| d.source == draw.source && d.layer == draw.layer) {
                Some(same) => same.amount += draw.amount,
                None => hold.draws.push(draw.clone()),
            }
        }
        for visit in visits.iter().filter(|v| v.is_given_back() && v.cost != 0) {
            hold.counted.push(Counted {
                name: visit.name.clone(),
                level: visit.level,
                at: now,
                cost: visit.cost,
                basis: visit.basis.clone(),
            });
        }
        let path = hold.usage.path.clone();
        self.take_visits(&path, visits, now);
        Ok(())
    }

    fn take_visits(&mut self, path: &Path, visits: &[Visit], now: Instant) {
        for visit in visits {
            if let (Some(terms), true) = (&visit.terms, visit.cost != 0) {
                self.take(&visit.name, visit.level, path.at(visit.level), *terms, visit.cost, now);
            }
        }
    }

    pub(super) fn take(
        &mut self,
        name: &Name,
        level: Level,
        member: Option<&Name>,
        terms: Terms,
        cost: i64,
        now: Instant,
    ) {
        match self.find_window(name, level, member) {
            Ok(i) => {
                if let Some(window) = self.windows.get_mut(i) {
                    let before = core::mem::replace(&mut window.used, Used::Slots(0));
                    window.used = terms.take(Some(before), cost, now);
                }
            }
            Err(_) => {
                if self.windows.len().is_power_of_two() && self.windows.len() >= 8 {
                    // What no record says must not take durable use out of the state.
                    let recorded_at = self.recorded_at;
                    let as_of = |used: &Used| if used.is_volatile() { now } else { recorded_at };
                    self.windows.retain(|w| !w.used.is_over(as_of(&w.used)));
                }
                let used = terms.take(None, cost, now);
                if let Err(i) = self.find_window(name, level, member) {
                    self.windows.insert(
                        i,
                        Window { name: name.clone(), level, member: member.cloned().map(Box::new), used },
                    );
                }
            }
        }
    }

    fn correct_windows(
        &mut self,
        id: HoldId,
        corrections: &[Correction],
        now: Instant,
    ) -> Result<(), String> {
        let path = self.hold(id).ok_or("no such hold")?.usage.path.clone();
        self.correct(&path, corrections, now);
        Ok(())
    }

    fn correct(&mut self, path: &Path, corrections: &[Correction], now: Instant) {
        for c in corrections {
            let Ok(i) = self.find_window(&c.name, c.level, path.at(c.level)) else {
                continue;
            };
            let Some(window) = self.windows.get_mut(i) else {
                continue;
            };
            // A checkpoint has left out what was over: whoever comes from one and whoever does not must agree.
            if !window.used.is_over(now) {
                window.used.correct(c.counted_at, c.delta, now);
            }
            if window.used.is_over(now) {
                self.windows.remove(i);
            }
        }
    }

    pub(super) fn open_grant(&mut self, id: GrantId, terms: GrantTerms) {
        if let Ok(open) = self.grant_mut(id) {
            open.terms.amount = open.terms.amount.max(terms.amount);
            return;
        }
        self.wakes_at = self.wakes_at.min(terms.expires_at);
        let grant = Grant { id, terms, remaining: Credits::ZERO, held: Credits::ZERO, voided: false };
        let at = self.grants.partition_point(|g| g.burn_key() < grant.burn_key());
        self.grants.insert(at, grant);
    }

    fn end_hold(&mut self, id: HoldId) -> Result<(), String> {
        let at = self.holds.binary_search_by_key(&id, |h| h.id).map_err(|_| "no such hold")?;
        let hold = self.holds.remove(at);
        for draw in &hold.draws {
            if let Source::Grant(grant, _) = draw.source {
                let grant = self.grant_mut(grant)?;
                grant.held = grant.held.checked_sub(draw.credits()).ok_or("overflow")?;
            }
        }
        Ok(())
    }

    fn apply_movement(&mut self, m: &Movement, unit: Option<&Name>) -> Result<(), String> {
        if m.amount < Credits::ZERO {
            return Err("a movement is negative".into());
        }
        self.post(m.from, m.amount, false, unit)?;
        self.post(m.to, m.amount, true, unit)
    }

    fn post(&mut self, book: Book, amount: Credits, enters: bool, unit: Option<&Name>) -> Result<(), String> {
        let move_to = |balance: &mut Credits, adds: bool| -> Result<(), String> {
            let next = if adds { balance.checked_add(amount) } else { balance.checked_sub(amount) };
            // What goodwill has paid for goes back to the operator when it is voided: more than it had issued, perhaps.
            let may_fall_below = book == Book::Operator;
            let next = next.filter(|n| may_fall_below || *n >= Credits::ZERO);
            *balance = next.ok_or("a book would go below zero or overflow")?;
            Ok(())
        };
        match book {
            // A hold's balance is its receipt.
            Book::Hold(_) => return Ok(()),
            Book::Grant(id) => {
                let grant = self.grants.iter_mut().find(|g| g.id == id).ok_or("no such grant")?;
                if grant.terms.unit.as_ref() != unit {
                    return Err("a movement is in another unit of credits than its grant".into());
                }
                if enters {
                    self.wakes_at = self.wakes_at.min(grant.terms.expires_at);
                }
                return move_to(&mut grant.remaining, enters);
            }
            Book::Operator | Book::Goodwill | Book::Debt | Book::Overdraft | Book::Spent | Book::Breakage => {
            }
        }
        let books = self.books_mut(unit);
        match book {
            // What leaves these has been issued or lent to the account.
            Book::Operator => move_to(&mut books.issued, !enters),
            Book::Goodwill => move_to(&mut books.goodwill, !enters),
            Book::Debt => move_to(&mut books.debt, !enters),
            Book::Overdraft => move_to(&mut books.overdraft, !enters),
            Book::Spent => move_to(&mut books.spent, enters),
            Book::Breakage => move_to(&mut books.breakage, enters),
            Book::Hold(_) | Book::Grant(_) => Ok(()),
        }
    }

    fn books_mut(&mut self, unit: Option<&Name>) -> &mut Books {
        let Some(unit) = unit else { return &mut self.books };
        let all = &mut self.extras.get_or_insert_default().books;
        let at = match all.binary_search_by(|(of, _)| of.cmp(unit)) {
            Ok(at) => at,
            Err(at) => {
                all.insert(at, (unit.clone(), Books::default()));
                at
            }
        };
        // It has just been found or put there.
        all.get_mut(at).map(|(_, books)| books).unwrap_or(&mut self.books)
    }
}

fn excess_visits(charge: &crate::record::Charge) -> &[Visit] {
    charge.excess.as_ref().map_or(&[], |e| &e.visits)
}
