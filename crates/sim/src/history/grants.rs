//! Grants: their burn order, the boundaries of recurring grants, and carried credits.
//!
//! Units: nano-credits; instants in UTC microseconds.

use std::collections::{BTreeMap, BTreeSet};

use headworks_core::record::{
    Book, Category, Charge, CycleEvent, Draw, Event, GrantId, GrantTerms, HoldId, Instant, Record, Rollover,
    Settings, Source, Use,
};

use super::calendar::{Zone, period};
use super::draws::keep;

/// The layers of the plan `p`, in order.
const LAYERS: [&str; 9] =
    ["tasks", "included", "album", "seated", "gifts", "shared", "lent", "bill", "overshoot"];

/// A recurring grant.
struct Schedule {
    current: GrantId,
    next_at: Instant,
    /// Whether the billing anchor has moved since the boundary was recorded.
    moved: bool,
}

#[derive(Default)]
struct Walk<'a> {
    settings: Option<&'a Settings>,
    terms: BTreeMap<GrantId, &'a GrantTerms>,
    balances: BTreeMap<GrantId, i64>,
    voided: BTreeSet<GrantId>,
    /// Grants with an expiry that moved with the billing anchor.
    moved: BTreeSet<GrantId>,
    schedules: BTreeMap<GrantId, Schedule>,
    holds: BTreeMap<HoldId, Vec<Draw>>,
    /// The end of the first period of carried credits: they burn before everything that this period brings.
    burns: BTreeMap<GrantId, Instant>,
    /// It has been paused: boundaries and expiries have moved since, also those of grants given in a pause.
    has_paused: bool,
    /// The rest of a recurring grant at its end, and the credits returned since.
    left: BTreeMap<GrantId, i64>,
}

/// Follows the grants of a log.
pub(super) fn check(log: &[Record]) -> Result<(), String> {
    let mut walk = Walk::default();
    for record in log {
        walk.follow(record).map_err(|e| format!("record {}: {e}", record.seq))?;
        walk.moves(record);
    }
    Ok(())
}

fn carried(rollover: &Rollover, left: i64) -> i64 {
    let part = i128::from(left.max(0)) * i128::from(rollover.fraction) / 1_000_000_000;
    i64::try_from(part).unwrap_or(i64::MAX).max(rollover.min.nano()).min(rollover.max.nano())
}

impl<'a> Walk<'a> {
    fn balance(&self, id: GrantId) -> i64 {
        self.balances.get(&id).copied().unwrap_or(0)
    }

    /// The total burn order of the grants of a layer; carried credits go before the credits of their period.
    fn order(&self, id: GrantId, terms: &GrantTerms) -> (u16, Instant, Category, Instant, bool, GrantId) {
        let carried = self.burns.get(&id).copied().or(terms.burns_at);
        let burns = carried.unwrap_or(terms.expires_at).min(terms.expires_at);
        (terms.priority, burns, terms.category, terms.effective_from, carried.is_none(), id)
    }

    fn moves(&mut self, record: &'a Record) {
        for movement in &record.movements {
            for (book, sign) in [(movement.from, -1), (movement.to, 1)] {
                if let Book::Grant(id) = book {
                    *self.balances.entry(id).or_default() += sign * movement.amount.nano();
                }
            }
        }
        if let Some(terms) = &record.opens {
            self.terms.insert(GrantId(record.seq), terms);
            if self.has_paused {
                self.moved.insert(GrantId(record.seq));
            }
        }
    }

    fn follow(&mut self, record: &'a Record) -> Result<(), String> {
        match &record.event {
            Event::Opened(settings) | Event::Changed { settings, .. } => self.settings = Some(settings),
            Event::Authorized { usage, decision, .. } => {
                self.burns(record, usage, &decision.draws)?;
                self.holds.insert(HoldId(record.seq), decision.draws.to_vec());
            }
            Event::Extended { hold, usage, decision, .. } => {
                self.burns(record, usage, &decision.draws)?;
                self.holds.entry(*hold).or_default().extend(decision.draws.iter().cloned());
            }
            Event::Charged { charge, .. } => self.burns(record, &charge.usage, &charge.draws)?,
            Event::Settled { is_late: true, charge, .. } => {
                self.burns(record, &charge.usage, &charge.draws)?
            }
            Event::Settled { hold, charge, .. } => {
                self.ends(record, *hold, Some(charge), record.recorded_at)?
            }
            Event::Released(hold) => self.ends(record, *hold, None, record.recorded_at)?,
            Event::Expired { hold, charge } => {
                let just_before = Instant::from_micros(record.effective_at.micros() - 1);
                self.ends(record, *hold, charge.as_deref(), just_before)?;
            }
            Event::Granted => self.begins(record),
            Event::GrantExpired(id) => self.expired(*id)?,
            Event::Voided { grant, .. } => {
                self.voided.insert(*grant);
                self.schedules.retain(|_, s| s.current != *grant);
            }
            Event::Cycle(event) => match &**event {
                CycleEvent::RolledOver(id) => self.rolled(record, *id)?,
                CycleEvent::Renewed { schedule, next_at } => self.renewed(record, *schedule, *next_at)?,
                CycleEvent::Ended(id) => {
                    self.schedules.remove(id);
                }
                CycleEvent::PlanChanged(change) => {
                    self.settings = Some(&change.settings);
                    if change.moved_from.is_some() {
                        for schedule in self.schedules.values_mut() {
                            schedule.moved = true;
                            self.moved.insert(schedule.current);
                        }
                    }
                }
                CycleEvent::Paused(_) => {
                    self.has_paused = true;
                    self.moved.extend(self.terms.keys());
                }
                _ => {}
            },
            _ => {}
        }
        Ok(())
    }

    /// Layers pay in the plan's order. In a layer, no grant pays while an earlier one still has something.
    fn burns(&self, record: &Record, usage: &Use, draws: &[Draw]) -> Result<(), String> {
        let place = |d: &Draw| LAYERS.iter().position(|layer| *layer == d.layer.as_str());
        if draws.windows(2).any(|pair| matches!(pair, [a, b] if place(a) > place(b))) {
            return Err("its layers are drawn out of order".into());
        }
        for draw in draws {
            let Source::Grant(id, category) = draw.source else { continue };
            let Some(terms) = self.terms.get(&id) else { return Err(format!("{id:?} was never opened")) };
            if draw.layer.as_str() == "all" || self.moved.contains(&id) {
                continue;
            }
            let before = self.terms.iter().filter(|(other, t)| {
                t.category.is_paid() == category.is_paid()
                    && t.unit == usage.credit_unit
                    && (t.features.is_empty() || t.features.contains(&usage.feature))
                    && t.effective_from <= record.recorded_at
                    && record.recorded_at < t.expires_at
                    && !self.voided.contains(other)
                    && !self.moved.contains(other)
                    && self.order(**other, t) < self.order(id, terms)
            });
            for (other, _) in before {
                let drawn: i64 = draws
                    .iter()
                    .filter(|d| matches!(d.source, Source::Grant(g, _) if g == *other))
                    .map(|d| d.amount)
                    .sum();
                if self.balance(*other) > drawn {
                    return Err(format!("{id:?} burns before {other:?}"));
                }
            }
            if record.recorded_at >= terms.expires_at || terms.effective_from > record.recorded_at {
                return Err(format!("{id:?} pays outside its time"));
            }
        }
        Ok(())
    }

    fn begins(&mut self, record: &'a Record) {
        let Some(terms) = record.opens.as_ref().filter(|t| t.recurrence.is_some()) else { return };
        let id = GrantId(record.seq);
        self.schedules.insert(id, Schedule { current: id, next_at: terms.expires_at, moved: false });
    }

    fn rollover(&self, id: GrantId) -> Option<(&'a GrantTerms, Rollover, Instant)> {
        let terms = self.terms.get(&id)?;
        let recurrence = terms.recurrence.as_ref()?;
        Some((terms, recurrence.rollover?, recurrence.until))
    }

    /// The end of a recurring grant's period that begins at a boundary.
    fn end_of(&self, terms: &GrantTerms, boundary: Instant) -> Option<Instant> {
        let recurrence = terms.recurrence.as_ref()?;
        let anchor = recurrence.anchor.or(self.settings.map(|s| s.billing_anchor))?;
        let zone = Zone::named(recurrence.zone.as_str());
        let (_, end) = period(recurrence.every, zone, Some(anchor.micros()), boundary.micros());
        Some(Instant::from_micros(end))
    }

    /// The rest is carried: as much as the terms say, for as long as they say, and nothing stays behind.
    fn rolled(&mut self, record: &Record, id: GrantId) -> Result<(), String> {
        let Some(schedule) = self.schedules.get(&id) else { return Err("nothing recurs".into()) };
        let (current, boundary) = (schedule.current, schedule.next_at);
        let Some((terms, rollover, _)) = self.rollover(current) else {
            return Err("nothing is carried".into());
        };
        let left = self.balance(current);
        let Some(opens) = &record.opens else { return Err("nothing is opened".into()) };
        if opens.amount.nano() != carried(&rollover, left) {
            return Err(format!("{} are carried of {left}", opens.amount));
        }
        self.left.insert(current, left);
        if schedule.moved || self.has_paused {
            return Ok(());
        }
        let period_end = self.end_of(terms, boundary);
        if let Some(end) = period_end {
            self.burns.insert(GrantId(record.seq), end);
        }
        let end = rollover.life.map(|life| boundary.after(life)).or(period_end);
        if opens.effective_from != boundary || end.is_some_and(|end| end != opens.expires_at) {
            return Err(format!("it is carried from {} to {}", opens.effective_from, opens.expires_at));
        }
        let out: i64 =
            record.movements.iter().filter(|m| m.from == Book::Grant(current)).map(|m| m.amount.nano()).sum();
        if out == left { Ok(()) } else { Err(format!("{out} of {left} leave the period that has ended")) }
    }

    /// A period begins at the end of the one before, and ends at the next boundary of its calendar.
    fn renewed(&mut self, record: &Record, id: GrantId, next_at: Instant) -> Result<(), String> {
        let Some(schedule) = self.schedules.get(&id) else { return Err("nothing recurs".into()) };
        let opens = record.opens.as_ref().ok_or("nothing is opened")?;
        let left = self.balance(schedule.current);
        if left > 0 && !schedule.moved && !self.has_paused {
            return Err(format!("{left} are still in the period before"));
        }
        let end = self.end_of(opens, schedule.next_at);
        let is_next = opens.effective_from == schedule.next_at && opens.expires_at == next_at;
        if !schedule.moved && !self.has_paused && (!is_next || end.is_some_and(|end| end != next_at)) {
            return Err(format!("its period is from {} to {next_at}", opens.effective_from));
        }
        self.schedules.insert(id, Schedule { current: GrantId(record.seq), next_at, moved: false });
        Ok(())
    }

    /// The rest of a recurring grant is carried before it expires.
    fn expired(&mut self, id: GrantId) -> Result<(), String> {
        let left = self.balance(id);
        self.left.entry(id).or_insert(left);
        let recurs = self.schedules.values().find(|s| s.current == id);
        if let (Some(schedule), Some((_, rollover, until))) = (recurs, self.rollover(id))
            && carried(&rollover, left) > 0
            && schedule.next_at < until
        {
            return Err(format!("{left} expire that are to be carried"));
        }
        Ok(())
    }

    /// Credits that a hold returns after a boundary are carried as far as the
    /// rollover has room; the rest is breakage.
    fn ends(
        &mut self,
        record: &Record,
        hold: HoldId,
        charge: Option<&Charge>,
        now: Instant,
    ) -> Result<(), String> {
        let Some(draws) = self.holds.remove(&hold) else { return Ok(()) };
        let kept = keep(&draws, charge);
        let (mut expected, mut sources, mut burns) = (0, 0, None);
        for (draw, kept) in draws.iter().zip(&kept) {
            let Source::Grant(id, _) = draw.source else { continue };
            let back = draw.amount - kept.amount;
            let Some((terms, rollover, until)) = self.rollover(id).filter(|_| back > 0) else { continue };
            if self.moved.contains(&id) {
                return Ok(());
            }
            let boundary = terms.expires_at;
            if boundary > now || self.voided.contains(&id) {
                continue;
            }
            let before = self.left.get(&id).copied().unwrap_or(0);
            self.left.insert(id, before + back);
            let period_end = self.end_of(terms, boundary);
            let end = rollover.life.map(|life| boundary.after(life)).or(period_end);
            if boundary < until && end.is_some_and(|end| end > now) {
                sources += 1;
                burns = period_end;
                expected += carried(&rollover, before + back) - carried(&rollover, before);
            }
        }
        let id = GrantId(record.seq);
        if let Some(burns) = burns.filter(|_| sources == 1) {
            self.burns.insert(id, burns);
        }
        let own = Book::Grant(id);
        let is: i64 = record.movements.iter().filter(|m| m.to == own).map(|m| m.amount.nano()).sum();
        if is == expected { Ok(()) } else { Err(format!("{is} are carried late and not {expected}")) }
    }
}
