//! The fold of alerts and top-ups.

use alloc::string::String;

use super::rare::{Asked, Balance};
use super::state::Account;
use crate::record::{Alert, Calendar, Credits, Every, Instant, Name, Record, Standing, TopUpTerms};

impl Account {
    pub(super) fn apply_alert(&mut self, record: &Record, alert: &Alert) -> Result<(), String> {
        let (now, unit) = (record.recorded_at, record.unit.as_ref());
        match alert {
            Alert::Crossed { standing, number, .. } => {
                self.balance_mut(unit).standing = *standing;
                self.rare_mut().crossings = *number;
            }
            Alert::TopUpAsked { number, amount } => {
                let bought = self.bought_in_month(unit, now).checked_add(*amount).ok_or("overflow")?;
                let balance = self.balance_mut(unit);
                balance.asked = Some(Asked { seq: record.seq, number: *number, amount: *amount });
                (balance.last_at, balance.month_total) = (now, bought);
                self.rare_mut().top_ups = *number;
            }
            Alert::TopUpFailed { .. } => {
                let balance = self.balance_mut(unit);
                let asked = balance.asked.take().ok_or("no top-up is in flight")?;
                // Credits that were not bought do not count against the month.
                let total =
                    balance.month_total.checked_sub(asked.amount).filter(|rest| *rest >= Credits::ZERO);
                balance.month_total = total.ok_or("the month's total is less than the top-up")?;
            }
        }
        Ok(())
    }

    /// A grant that follows from a top-up in flight ends it.
    pub(super) fn end_top_up(&mut self, record: &Record) {
        let ends = |balance: &Balance| balance.asked.is_some_and(|asked| record.parents.contains(&asked.seq));
        if self.rare().balances.iter().any(ends) {
            self.rare_mut().balances.iter_mut().filter(|b| ends(b)).for_each(|b| b.asked = None);
        }
    }

    /// The alert state of the balance in one unit, if there is one.
    #[must_use]
    pub fn balance(&self, unit: Option<&Name>) -> Option<&Balance> {
        self.rare().balances.iter().find(|b| b.unit.as_ref() == unit)
    }

    fn balance_mut(&mut self, unit: Option<&Name>) -> &mut Balance {
        let balances = &mut self.rare_mut().balances;
        let at = balances.iter().position(|b| b.unit.as_ref() == unit).unwrap_or_else(|| {
            balances.push(Balance { unit: unit.cloned(), ..Balance::default() });
            balances.len() - 1
        });
        balances.get_mut(at).unwrap_or_else(|| unreachable!("it is there"))
    }

    /// Whether a low balance asks for this top-up at `now`: after the cool-down, in a month that has room for it.
    pub(crate) fn asks_top_up(&self, terms: &TopUpTerms, now: Instant) -> bool {
        let unit = terms.unit.as_ref();
        let balance = self.balance(unit);
        if balance.is_some_and(|b| b.asked.is_some()) || self.settings.suspended || self.pause().is_some() {
            return false;
        }
        let marks = self.settings.alerts.iter().find(|marks| marks.unit == terms.unit);
        let is_below = || marks.is_some_and(|marks| self.available(now, unit) < marks.low);
        // Never asked before: nothing to wait for.
        let asked_at = balance.map_or(Instant::default(), |b| b.last_at);
        let waits = asked_at > Instant::default() && now.since(asked_at) < terms.cool_down;
        let total = self.bought_in_month(unit, now).checked_add(terms.amount);
        let has_room = total.is_some_and(|total| total <= terms.monthly_max);
        !waits && has_room && (balance.is_some_and(|b| b.standing == Standing::Empty) || is_below())
    }

    /// When a balance that stays low asks for its next top-up: once it has cooled down, or in the month after.
    pub(super) fn next_top_up(&self) -> Option<Instant> {
        let next = |terms: &TopUpTerms| {
            let balance = self.balance(terms.unit.as_ref())?;
            if balance.standing == Standing::Fine || balance.asked.is_some() {
                return None;
            }
            let cooled = balance.last_at.after(terms.cool_down);
            let asks = |at: &Instant| *at > self.recorded_at && self.asks_top_up(terms, *at);
            Some(cooled).filter(asks).or_else(|| month(cooled).map(|(_, end)| end).filter(asks))
        };
        self.settings.top_ups.iter().filter_map(next).min()
    }

    /// Credits of a unit that top-ups brought, or will, in the calendar month of UTC that `now` is in.
    #[must_use]
    pub fn bought_in_month(&self, unit: Option<&Name>, now: Instant) -> Credits {
        let Some(balance) = self.balance(unit) else { return Credits::ZERO };
        let began = month(now).map(|(start, _)| start);
        if began.is_some_and(|at| balance.last_at >= at) { balance.month_total } else { Credits::ZERO }
    }
}

/// The calendar month of UTC that an instant is in.
fn month(at: Instant) -> Option<(Instant, Instant)> {
    Calendar::new(Every::Month, "UTC", false).ok().map(|c| c.period(at, at))
}
