//! Graduated prices in random histories, beside a count of units: each charge costs what its position says, and each month comes to
//! the price of its units.

use std::collections::BTreeMap;

use headworks_core::command::{Command, Correct, Extend};
use headworks_core::record::{Category, Credits, CycleEvent, Event, HoldId, Instant, Record, Seq, Span};
use proptest::prelude::*;

use crate::audit::trusted;
use crate::common::{AskExt as _, World, ask, at, catalog, correct, quantities, refund, release, to};
use crate::graduated::CATALOG;

#[derive(Clone, Debug)]
enum Deed {
    Charge(u64),
    Hold(u64),
    Extend(usize, u64),
    Settle(usize, u64),
    Release(usize),
    Expire(usize),
    Correct(usize, u64),
    Delete(usize),
    Refund(usize),
    Late(u64, u64),
    Pass(u64),
}

fn deed() -> impl Strategy<Value = Deed> {
    let (units, nth) = (0_u64..160, 0_usize..8);
    prop_oneof![
        (1_u64..160).prop_map(Deed::Charge),
        (1_u64..160).prop_map(Deed::Hold),
        (nth.clone(), prop_oneof![Just(0), 1_u64..90]).prop_map(|(nth, units)| Deed::Extend(nth, units)),
        (nth.clone(), units.clone()).prop_map(|(nth, units)| Deed::Settle(nth, units)),
        nth.clone().prop_map(Deed::Release),
        nth.clone().prop_map(Deed::Expire),
        (nth.clone(), units).prop_map(|(nth, units)| Deed::Correct(nth, units)),
        nth.clone().prop_map(Deed::Delete),
        nth.prop_map(Deed::Refund),
        (1_u64..90, 0_u64..30).prop_map(|(units, days)| Deed::Late(units, days)),
        (1_u64..120).prop_map(Deed::Pass),
    ]
}

/// `2026-06`.
type Month = String;

fn month_of(at: Instant) -> Month {
    at.to_string().chars().take(7).collect()
}

fn whole(credits: Credits) -> i64 {
    credits.nano() / 1_000_000_000
}

struct Charged {
    seq: Seq,
    month: Month,
    position: u64,
    units: u64,
}

/// An account, and the units of each month.
struct History {
    w: World,
    feature: &'static str,
    meter: &'static str,
    used: BTreeMap<Month, u64>,
    holds: Vec<(Seq, Month)>,
    charges: Vec<Charged>,
    /// What was refunded of each month.
    refunded: BTreeMap<Month, i64>,
}

impl History {
    fn new(feature: &'static str, meter: &'static str) -> Self {
        let mut w = World::new(&text(), "usual");
        w.now = at("2026-06-20T00:00:00Z");
        w.grant("10000000", Category::Purchased);
        let (used, holds, charges) = (BTreeMap::new(), Vec::new(), Vec::new());
        Self { w, feature, meter, used, holds, charges, refunded: BTreeMap::new() }
    }

    /// The price of the first units, unit by unit: 10 up to 100, then 20; or 10 up to 100, 8 up to 300, then 5.
    fn price_of_first(&self, units: u64) -> i64 {
        let of = |nth: u64| match (self.feature, nth) {
            (_, 0..=100) => 10,
            ("code", _) => 20,
            (_, 101..=300) => 8,
            (_, _) => 5,
        };
        (1..=units).map(of).sum()
    }

    fn price(&self, position: u64, units: u64) -> i64 {
        self.price_of_first(position + units) - self.price_of_first(position)
    }

    /// The last record charges units in a month, at the end of its use or at a position.
    fn charged(&mut self, month: Month, units: u64, position: Option<u64>) -> Result<(), TestCaseError> {
        let used = self.used.entry(month.clone()).or_default();
        let position = position.unwrap_or(*used);
        *used += units;
        prop_assert_eq!(whole(self.w.charge().price), self.price(position, units));
        self.charges.push(Charged { seq: self.w.account.seq, month, position, units });
        Ok(())
    }

    fn ask(&self, units: u64) -> headworks_core::waterfall::Authorize {
        ask(self.feature, &[(self.meter, units)])
    }

    fn last_month(&self) -> Month {
        month_of(self.w.account.recorded_at)
    }

    fn happen(&mut self, deed: Deed) -> Result<(), TestCaseError> {
        self.expire()?;
        self.w.due();
        let hold = |nth: usize, of: &Self| nth.checked_rem(of.holds.len());
        let charge = |nth: usize, of: &Self| nth.checked_rem(of.charges.len());
        match deed {
            Deed::Charge(units) => {
                let now = self.ask(units).now();
                self.w.ask(&now);
                self.charged(self.last_month(), units, None)?;
            }
            Deed::Hold(units) => {
                let later = self.ask(units);
                self.w.ask(&later);
                self.holds.push((self.w.account.seq, self.last_month()));
            }
            Deed::Extend(nth, units) => {
                let Some(of) = hold(nth, self) else { return Ok(()) };
                let more = Extend {
                    hold: HoldId(self.holds[of].0),
                    quantities: quantities(&[(self.meter, units)]),
                    more: Vec::new(),
                    minimum: None,
                    life: (units % 3 == 0).then(|| Span::from_secs(120)),
                    progress: None,
                    consented: false,
                };
                self.w.apply(Command::Extend(more)).expect("extends");
            }
            Deed::Settle(nth, units) => {
                let Some(of) = hold(nth, self) else { return Ok(()) };
                let (id, month) = self.holds.remove(of);
                self.w.settle(id, &[(self.meter, units)]).expect("settles");
                self.charged(month, units, None)?;
            }
            Deed::Release(nth) => {
                let Some(of) = hold(nth, self) else { return Ok(()) };
                self.w.apply(release(self.holds.remove(of).0)).expect("releases");
            }
            Deed::Expire(nth) => {
                let Some(of) = hold(nth, self) else { return Ok(()) };
                let hold = self.w.account.hold(HoldId(self.holds[of].0)).expect("open");
                self.w.now = self.w.now.max(hold.terms.deadline);
                self.expire()?;
            }
            Deed::Correct(nth, units) => {
                let Some(of) = charge(nth, self) else { return Ok(()) };
                self.correct(of, units, &to(&[(self.meter, units)]))?;
            }
            Deed::Delete(nth) => {
                let Some(of) = charge(nth, self) else { return Ok(()) };
                self.correct(of, 0, &Correct::Delete)?;
            }
            Deed::Refund(nth) => {
                let Some(of) = charge(nth, self) else { return Ok(()) };
                // What is refunded is not corrected any more; its use stays.
                let Charged { seq, month, .. } = self.charges.remove(of);
                let price = self.w.charge_of(seq).price.nano();
                if price > 0 {
                    // No month gives back more than was paid for it.
                    let paid = self.charged_for(&month) - self.refunded.get(&month).unwrap_or(&0);
                    let refused = self.w.apply(refund(seq, None)).is_err();
                    prop_assert_eq!(refused, paid <= 0, "{} of {}", price, paid);
                    if !refused {
                        *self.refunded.entry(month).or_default() += price.min(paid);
                    }
                }
            }
            Deed::Late(units, days) => {
                let then = self.w.now.before(Span::from_secs(days * 86_400)).max(at("2026-06-01T00:00:00Z"));
                let request = self.ask(units).request;
                self.w.apply(Command::Record { request, at: Some(then) }).expect("records");
                self.charged(month_of(then), units, None)?;
            }
            Deed::Pass(hours) => {
                self.w.now = self.w.now.after(Span::from_secs(hours * 3_600));
                self.expire()?;
            }
        }
        Ok(())
    }

    /// All holds that are due end, each at what it held or less.
    fn expire(&mut self) -> Result<(), TestCaseError> {
        loop {
            let now = self.w.account.tick(self.w.now);
            let holds = self.w.account.holds.iter().filter(|hold| hold.terms.deadline <= now);
            let Some(hold) = holds.min_by_key(|hold| (hold.terms.deadline, hold.id)) else { return Ok(()) };
            let (id, held): (_, i64) = (hold.id, hold.draws.iter().map(|draw| draw.amount).sum());
            self.w.expire(id.0);
            let charge = self.w.charge();
            prop_assert!(charge.price.nano() <= held);
            let line = charge.usage.lines.iter().find(|line| line.graduated.is_some()).expect("a line");
            let (units, place) = (line.quantity, line.graduated.as_ref().map(|of| of.at));
            let of = self.holds.iter().position(|(seq, _)| *seq == id.0).expect("known");
            let month = self.holds.remove(of).1;
            self.charged(month, units, place)?;
        }
    }

    fn correct(&mut self, of: usize, units: u64, to: &Correct) -> Result<(), TestCaseError> {
        if self.w.apply(correct(self.charges[of].seq, to)).is_err() {
            prop_assert_eq!(self.charges[of].units, units, "only what changes nothing is refused");
            return Ok(());
        }
        let price = self.price(self.charges[of].position, units);
        prop_assert_eq!(whole(self.w.charge().price), price);
        let charge = &mut self.charges[of];
        *self.used.entry(charge.month.clone()).or_default() += units;
        *self.used.entry(charge.month.clone()).or_default() -= charge.units;
        (charge.seq, charge.units) = (self.w.account.seq, units);
        Ok(())
    }

    /// What the records charge for a month, closes and corrections included.
    fn charged_for(&self, month: &Month) -> i64 {
        let corrected = |r: &Record| {
            if let Event::Corrected { correcting, .. } = &r.event { Some(correcting.charge) } else { None }
        };
        let corrected: Vec<Seq> = self.w.log.iter().filter_map(corrected).collect();
        let amount = |r: &Record| {
            if let Some(charge) = r.charge() {
                let line = charge.usage.lines.iter().find_map(|line| line.graduated.as_ref());
                let is_of = line.is_some_and(|of| month_of(of.from) == *month) && !corrected.contains(&r.seq);
                return if is_of { charge.price.nano() } else { 0 };
            }
            let Event::Cycle(cycle) = &r.event else { return 0 };
            let CycleEvent::VolumeClosed(closed) = &**cycle else { return 0 };
            if month_of(closed.from) == *month { -closed.back.nano() } else { 0 }
        };
        self.w.log.iter().map(amount).sum()
    }
}

fn text() -> String {
    CATALOG.replace("anchor = \"billing\", ", "")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn months_come_to_the_price_of_their_units(
        deeds in prop::collection::vec(deed(), 1..40),
        (feature, meter) in prop::sample::select(vec![("chat", "output"), ("code", "reserved")]),
    ) {
        let mut history = History::new(feature, meter);
        for deed in deeds {
            history.happen(deed)?;
        }
        history.w.now = history.w.now.after(Span::from_secs(62 * 86_400));
        history.expire()?;
        history.w.due();
        for volume in history.w.account.volumes() {
            let month = month_of(volume.from);
            prop_assert_eq!(volume.used, history.used.get(&month).copied().unwrap_or(0));
            prop_assert_eq!(volume.held, 0);
            let (charged, refunded) = (history.charged_for(&month), history.refunded.get(&month).copied());
            if refunded.is_none() {
                let price = history.price_of_first(volume.used) * 1_000_000_000;
                prop_assert_eq!(charged, price, "{}", &month);
            }
            prop_assert_eq!(volume.paid.nano(), charged - refunded.unwrap_or(0), "{}", &month);
            prop_assert!(volume.paid.nano() >= 0, "{}", month);
        }
        trusted(&history.w, &catalog(&text()));
    }
}
