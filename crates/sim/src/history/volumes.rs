//! Graduated prices: where each use stands in its day, and what the day comes to when it closes.
//!
//! Units: hours of rentals; nano-credits; instants in UTC microseconds.

use std::collections::BTreeMap;

use headworks_core::record::{
    Charge, CycleEvent, Draw, Event, Graduated, GrantTerms, Line, Record, Seq, Source, Use, VolumeClosed,
};

use super::calendar::DAY;
use super::draws::unwound;
use super::in_force::{InForce, RolledOut, path_of};
use super::prices::{Round, dearest, of_first, rounded};

const WHOLE: i64 = 1_000_000_000;

/// The use of one day.
#[derive(Default)]
struct Day {
    used: u64,
    /// What its close charges: nano-credits times billionths.
    due: i128,
    /// What its charges come to, and its closes.
    sum: i64,
    /// What credits have paid.
    paid: i64,
    /// The prices of all its use; `None`: there are several, or a factor.
    ladder: Option<(u64, Vec<(u64, u64)>)>,
    is_mixed: bool,
}

/// A charge that may be corrected or refunded.
struct Live {
    usage: Use,
    price: i64,
    draws: Vec<Draw>,
    returned: i64,
    factor: i64,
}

/// An open hold.
struct Held {
    day: i64,
    units: u64,
    /// The positions that its units may have.
    range: (u64, u64),
    price: i64,
    factor: i64,
}

#[derive(Default)]
struct Walk<'a> {
    days: BTreeMap<i64, Day>,
    live: BTreeMap<Seq, Live>,
    held: BTreeMap<Seq, Held>,
    /// Factors of holds, also of those that have expired.
    factors: BTreeMap<Seq, i64>,
    in_force: InForce<'a>,
}

/// Follows the volumes of a log; once everything has settled, all days have been closed.
pub(super) fn check(log: &[Record], rolled_out: RolledOut<'_>, settled: bool) -> Result<(), String> {
    let mut walk = Walk { in_force: InForce::new(rolled_out), ..Walk::default() };
    for record in log {
        walk.follow(record).map_err(|e| format!("record {}: {e}", record.seq))?;
    }
    let due = |day: &Day| match rounded(day.due, 1, Round::HalfEven) {
        due if due < 0 => due.max(-day.paid),
        due => due,
    };
    match walk.days.values().map(due).find(|due| settled && *due != 0) {
        Some(due) => Err(format!("a day is over, and {due} are still due")),
        None => Ok(()),
    }
}

/// The line that counts in a volume.
fn graduated(usage: &Use) -> Option<(&Line, &Graduated)> {
    usage.lines.iter().find_map(|line| Some((line, &**line.graduated.as_ref()?)))
}

/// What credits of the account pay.
fn by_credits(draws: &[Draw]) -> i64 {
    let pays = |d: &&Draw| !matches!(d.source, Source::Allowance | Source::Goodwill);
    draws.iter().filter(pays).map(|d| d.amount).sum()
}

impl Day {
    fn prices(&mut self, line: &Line, of: &Graduated, factor: i64) {
        let steps = of.steps.iter().map(|step| (step.above, step.nano)).collect();
        let ladder = (line.price.nano(), steps);
        self.is_mixed |= factor != WHOLE || self.ladder.as_ref().is_some_and(|known| *known != ladder);
        self.ladder = Some(ladder);
    }
}

impl<'a> Walk<'a> {
    fn follow(&mut self, record: &'a Record) -> Result<(), String> {
        self.in_force.follow(record);
        let factor = self.in_force.factor(&path_of(record), record.recorded_at);
        match &record.event {
            Event::Authorized { usage, decision, .. } => {
                self.factors.insert(record.seq, factor);
                if let Some((line, of)) = graduated(usage) {
                    self.holds(record, (line, of), decision.price.nano(), factor)?;
                }
            }
            Event::Extended { hold, usage, decision, .. } => {
                if let Some((line, of)) = graduated(usage) {
                    self.grows(hold.0, line, of, decision.price.nano())?;
                }
            }
            Event::Refunded { charge, amount, .. } => {
                let Some(live) = self.live.get_mut(charge) else { return Ok(()) };
                let back = by_credits(&unwound(&live.draws, live.returned, amount.nano()));
                live.returned += amount.nano();
                if let Some((_, of)) = graduated(&live.usage) {
                    self.days.entry(of.from.micros()).or_default().paid -= back;
                }
            }
            Event::Corrected { correcting, charge } => {
                self.corrected(record.seq, correcting.charge, charge)?
            }
            Event::Settled { hold, charge, .. } => {
                let factor = self.factors.get(&hold.0).copied().unwrap_or(WHOLE);
                self.charged(record.seq, charge, factor)?;
            }
            Event::Charged { charge, .. } => self.charged(record.seq, charge, factor)?,
            Event::Cycle(event) => {
                if let CycleEvent::VolumeClosed(closed) = &**event {
                    self.closed(closed, record.opens.as_ref())?;
                }
            }
            _ => {}
        }
        if let Some(hold) = record.event.ends() {
            self.held.remove(&hold.0);
        }
        Ok(())
    }

    fn holds(
        &mut self,
        record: &Record,
        (line, of): (&Line, &Graduated),
        price: i64,
        factor: i64,
    ) -> Result<(), String> {
        let day = record.recorded_at.micros().div_euclid(DAY) * DAY;
        if (of.from.micros(), of.until.micros()) != (day, day + DAY) {
            return Err(format!("a rental counts from {} to {}", of.from, of.until));
        }
        let range = self.range(day);
        if (of.at, of.to) != range {
            return Err(format!("a hold may stand from {} to {} and not {range:?}", of.at, of.to));
        }
        let held = Held { day, units: line.quantity, range, price, factor };
        self.held.insert(record.seq, held);
        Ok(())
    }

    /// From what is used to what would be if all that is held were.
    fn range(&self, day: i64) -> (u64, u64) {
        let used = self.days.get(&day).map_or(0, |day| day.used);
        let held: u64 = self.held.values().filter(|held| held.day == day).map(|held| held.units).sum();
        (used, used + held)
    }

    /// A hold that has grown covers all of its units wherever they may stand.
    fn grows(&mut self, hold: Seq, line: &Line, of: &Graduated, price: i64) -> Result<(), String> {
        let Some(day) = self.held.get(&hold).map(|held| held.day) else { return Ok(()) };
        let (used, to) = self.range(day);
        let Some(held) = self.held.get_mut(&hold) else { return Ok(()) };
        let alone = rounded(dearest(line, of, (used, to), line.quantity), held.factor, Round::Up);
        if line.quantity > 0 && (of.at, of.to) != (used, to) {
            return Err(format!("an extension may stand from {} to {} and not {used} to {to}", of.at, of.to));
        }
        if line.quantity > 0 {
            held.range = (used, used.max(to - held.units));
        }
        held.units += line.quantity;
        held.price += price;
        let all = rounded(dearest(line, of, held.range, held.units), held.factor, Round::Up);
        if line.quantity > 0 && (price < alone || held.price < all) {
            let price = held.price;
            return Err(format!("a hold of {all} has {price}, and grew by {alone}"));
        }
        Ok(())
    }

    /// A charge stands after all that was charged before.
    fn charged(&mut self, seq: Seq, charge: &Charge, factor: i64) -> Result<(), String> {
        let Some((line, of)) = graduated(&charge.usage) else { return Ok(()) };
        let from = of.from.micros();
        let day = self.days.entry(from).or_default();
        let (price, paid) = (charge.price.nano(), by_credits(&charge.draws));
        let owed = rounded(day.due, 1, Round::HalfEven).max(-day.paid);
        day.paid += paid;
        day.sum += price;
        if of.closes.is_some() {
            day.due -= i128::from(price) * i128::from(WHOLE);
            if price != owed {
                return Err(format!("the close of a day charges {price} and not {owed}"));
            }
            self.comes_to(from)?;
        } else {
            if of.at != day.used || of.to != of.at {
                return Err(format!("a charge stands at {} and not {}", of.at, day.used));
            }
            day.prices(line, of, factor);
            day.used += line.quantity;
        }
        let (usage, draws) = (charge.usage.clone(), charge.draws.to_vec());
        self.live.insert(seq, Live { usage, price, draws, returned: 0, factor });
        Ok(())
    }

    /// A correction keeps its position; what its units are worth at the end of all use is due.
    fn corrected(&mut self, seq: Seq, before: Seq, charge: &Charge) -> Result<(), String> {
        let Some(was) = self.live.remove(&before) else { return Ok(()) };
        let (Some((had, place)), Some((line, of))) = (graduated(&was.usage), graduated(&charge.usage)) else {
            return Err("a correction leaves its volume".into());
        };
        if (of.at, of.from) != (place.at, place.from) {
            return Err(format!("a correction stands at {} and not {}", of.at, place.at));
        }
        let day = self.days.entry(of.from.micros()).or_default();
        let (units, now) = (had.quantity, line.quantity);
        let after = day.used - units + now;
        let at_the_end = of_first(line, of, after) - of_first(line, of, day.used);
        let in_place = of_first(line, of, of.at + now) - of_first(line, of, of.at + units);
        day.due += (at_the_end - in_place) * i128::from(was.factor);
        day.used = after;
        day.prices(line, of, was.factor);
        let (price, draws) = (charge.price.nano(), charge.draws.to_vec());
        day.sum += price - was.price;
        day.paid += by_credits(&draws) - by_credits(&was.draws);
        let usage = charge.usage.clone();
        self.live.insert(seq, Live { usage, price, draws, returned: 0, factor: was.factor });
        Ok(())
    }

    /// What a day was charged too much comes back, as far as credits have paid it.
    fn closed(&mut self, closed: &VolumeClosed, opens: Option<&GrantTerms>) -> Result<(), String> {
        let from = closed.from.micros();
        let day = self.days.entry(from).or_default();
        let due = rounded(day.due, 1, Round::HalfEven);
        let back = (-due).min(day.paid).max(0);
        let opened = opens.map_or(0, |terms| terms.amount.nano());
        let is = (closed.due.nano(), closed.back.nano(), closed.used);
        if is != (due, back, day.used) || opened > back || due > 0 {
            return Err(format!("a day closes with {is:?} and opens {opened}, not {due} and {back}"));
        }
        // What credits have not paid makes up for what becomes due later.
        day.due += i128::from(back) * i128::from(WHOLE);
        day.paid -= back;
        day.sum -= back;
        self.comes_to(from)
    }

    /// Its charges and closes come to the price of its units, if all have the same prices.
    fn comes_to(&self, from: i64) -> Result<(), String> {
        let Some(day) = self.days.get(&from).filter(|day| !day.is_mixed) else { return Ok(()) };
        let Some((first, steps)) = &day.ladder else { return Ok(()) };
        let price =
            |nth: u64| steps.iter().rev().find(|(above, _)| *above <= nth).map_or(*first, |(_, n)| *n);
        let all: u64 = (0..day.used).map(price).sum();
        // What credits have not paid does not come back.
        let sum = u64::try_from(day.sum + rounded(day.due, 1, Round::HalfEven)).ok();
        if sum == Some(all) { Ok(()) } else { Err(format!("a day of {all} was charged {sum:?}")) }
    }
}
