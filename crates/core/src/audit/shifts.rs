//! Graduated prices: what a correction or a refund moves in the periods of volumes.
//!
//! Units: billed units; billionths of a nano-credit; nano-credits.

use alloc::collections::BTreeMap;

use super::finding::{Dataset, Findings};
use super::lines::{at, billed, cost};
use super::past::Past;
use crate::account::Account;
use crate::record::{Credits, Draw, Event, Graduated, Instant, Line, Name, Record, Source, Use, WHOLE_PRICE};

/// By volume and period: units, what becomes due in billionths of a nano-credit, and what credits pay.
#[derive(Default, PartialEq)]
struct Moved<'a>(BTreeMap<(&'a Name, Instant), (i128, i128, i128)>);

/// The record moves in volumes what follows from its lines and those of the charge that it is about.
pub(super) fn check_shifts(record: &Record, before: &Account, past: &Past, found: &mut Findings) {
    let mut follows = Moved::default();
    // A charge that is not there is a finding of its own.
    let stated = if let Event::Corrected { correcting, charge } = &record.event {
        let Some(was) = past.charges.get(&correcting.charge) else { return };
        follows.corrected(was.graduated.as_deref(), &charge.usage, before);
        follows.pay(was.graduated.as_deref(), -paid(&was.draws, i64::MAX), before);
        follows.pay(Some(&charge.usage), paid(&charge.draws, i64::MAX), before);
        &correcting.volumes
    } else if let Event::Refunded { charge, amount, volumes, passed_over, .. } = &record.event {
        let Some(was) = past.charges.get(charge) else { return };
        let passed_over = passed_over.map_or(0, Credits::nano);
        let back = paid(&was.draws, passed_over + amount.nano()) - paid(&was.draws, passed_over);
        follows.pay(was.graduated.as_deref(), -back, before);
        volumes
    } else {
        return;
    };
    follows.0.retain(|_, moved| *moved != (0, 0, 0));
    let mut says = Moved::default();
    for shift in stated {
        let moved = (i128::from(shift.units), shift.due.in_billionths(), i128::from(shift.paid.nano()));
        says.0.insert((&shift.volume, shift.from), moved);
    }
    if says != follows || says.0.len() != stated.len() {
        found.push((Dataset::Monetization, "it moves in volumes what its lines do not come to".into()));
    }
}

/// What credits pay of the last `amount` nano-credits of draws.
fn paid(draws: &[Draw], amount: i64) -> i128 {
    let (mut left, mut paid) = (amount, 0_i128);
    for draw in draws.iter().rev() {
        let part = draw.amount.min(left);
        left -= part;
        paid += match draw.source {
            Source::Allowance | Source::Goodwill => 0,
            Source::Grant(..) | Source::Overdraft | Source::Debt | Source::Postpaid(_) => i128::from(part),
        };
    }
    paid
}

impl<'a> Moved<'a> {
    fn of(&mut self, of: &'a Graduated) -> &mut (i128, i128, i128) {
        self.0.entry((&of.volume, of.from)).or_default()
    }

    /// First what is no longer used leaves the end of the volume, line by line; then each line has what it has now.
    fn corrected(&mut self, was: Option<&'a Use>, is: &'a Use, before: &Account) {
        let had = |of: &Use, line: &Line, graduated: &Graduated| {
            let same = of.graduated().find(|(other, g)| {
                (other.part, &other.meter, &g.volume, g.from)
                    == (line.part, &line.meter, &graduated.volume, graduated.from)
            });
            same.map(|(line, _)| billed(line))
        };
        let gone = was.into_iter().flat_map(Use::graduated).filter(|(line, of)| had(is, line, of).is_none());
        for (line, of) in gone {
            self.line(
                (line, of),
                was.and_then(|was| was.factor.map(|f| f.billionths)),
                (billed(line), 0),
                before,
            );
        }
        for (line, of) in is.graduated() {
            let units = was.and_then(|was| had(was, line, of)).unwrap_or(0);
            self.line((line, of), is.factor.map(|f| f.billionths), (units, billed(line)), before);
        }
    }

    /// A line is billed other units. They are due at the end of the volume, and charged where the line stands.
    fn line(
        &mut self,
        (line, of): (&Line, &'a Graduated),
        factor: Option<u64>,
        (from, to): (i128, i128),
        before: &Account,
    ) {
        let Some(volume) = before.volume(&of.volume, of.from) else { return };
        let (units, due, _) = self.of(of);
        let end = i128::from(volume.used) + *units;
        let worth = at(line, of, 0, end + to - from) - at(line, of, 0, end);
        let charged = at(line, of, of.at.into(), to) - at(line, of, of.at.into(), from);
        *units += to - from;
        *due += (worth - charged) * i128::from(factor.unwrap_or(WHOLE_PRICE));
    }

    /// Credits pay each line of a use by what it costs.
    fn pay(&mut self, usage: Option<&'a Use>, amount: i128, before: &Account) {
        let Some(usage) = usage else { return };
        let all: i128 = usage.lines.iter().filter_map(cost).sum();
        for (line, of) in usage.graduated().filter(|(_, of)| before.volume(&of.volume, of.from).is_some()) {
            let part = (amount * cost(line).unwrap_or(0)).checked_div(all).unwrap_or(0);
            self.of(of).2 += part;
        }
    }
}
