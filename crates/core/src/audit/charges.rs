//! Charges from usage, draws from charges.

use alloc::format;
use alloc::vec::Vec;

use super::finding::{Dataset, Findings};
use super::lines::{cost, priced_by};
use crate::account::{Account, Hold};
use crate::catalog::{Catalog, FREE};
use crate::record::{
    Basis, Charge, Credits, Decision, Draw, Event, Instant, Line, Priced, Record, Source, Terms, Unit, Use,
    Verdict, Visit,
};

/// The priced uses of a record, each with the price that the record states for it.
fn uses(record: &Record) -> Vec<(&Use, Option<Credits>)> {
    match &record.event {
        Event::Authorized { usage, decision, .. } | Event::Extended { usage, decision, .. } => {
            let stated = usage.lines.iter().any(|l| l.quantity > 0).then_some(decision.price);
            alloc::vec![(usage, stated)]
        }
        Event::Charged { charge, decision, .. } => {
            alloc::vec![(&charge.usage, Some(charge.price)), (&charge.usage, Some(decision.price))]
        }
        Event::Settled { charge, .. }
        | Event::Expired { charge: Some(charge), .. }
        | Event::Corrected { charge, .. } => {
            alloc::vec![(&charge.usage, Some(charge.price))]
        }
        Event::Denied(denials) => denials.recent.iter().map(|d| (&d.usage, Some(d.decision.price))).collect(),
        Event::Opened(_)
        | Event::Changed { .. }
        | Event::Released(_)
        | Event::Expired { charge: None, .. }
        | Event::Granted
        | Event::GrantExpired(_)
        | Event::Voided { .. }
        | Event::Adjusted { .. }
        | Event::Refunded { .. }
        | Event::CatalogLoaded { .. }
        | Event::KeyCreated(_)
        | Event::KeyRevoked(_)
        | Event::Cycle(_)
        | Event::Late(_)
        | Event::Alert(_)
        | Event::Abuse(_)
        | Event::Server(_)
        | Event::Erased { .. } => Vec::new(),
    }
}

/// Charges from usage: every price is the sum of its lines, every line has the price of its rate card.
pub(super) fn check_uses(record: &Record, catalogs: &[Catalog], found: &mut Findings) {
    let grows = matches!(record.event, Event::Extended { .. } | Event::Denied(_));
    for (usage, stated) in uses(record) {
        let mut sum = Some(0_i128);
        for line in &usage.lines {
            sum = sum.zip(cost(line)).and_then(|(a, b)| a.checked_add(b));
        }
        // The price is the sum of the lines, or of their multiple, rounded once.
        if let Some(factor) = usage.factor {
            sum = sum.and_then(|sum| priced_by(factor, sum));
        }
        if let Some(stated) = stated
            && sum != Some(i128::from(stated.nano()))
        {
            let sum = sum.map_or("more than credits can hold".into(), |n| format!("{n} nano-credits"));
            found.push((
                Dataset::Monetization,
                format!("it states a price of {stated}, its lines come to {sum}"),
            ));
        }
        if usage.credit_unit != record.unit && !matches!(record.event, Event::Denied(_)) {
            found.push((
                Dataset::Monetization,
                "it is priced in another unit of credits than it moves".into(),
            ));
        }
        // The close of a volume has no price on a card.
        if record.charge().is_some_and(Charge::closes) {
            continue;
        }
        let known = catalogs.iter().filter(|c| c.version == usage.catalog);
        let mut checked = known.filter_map(|c| Some((c, c.feature(usage.feature.as_str())?))).peekable();
        // Erased dimensions cannot be looked up any more; the sums are checked all the same.
        if record.erased.is_none()
            && checked.peek().is_some()
            && !checked.any(|(_, feature)| has_prices(feature, usage, grows))
        {
            found.push((
                Dataset::Usage,
                format!("its prices are not those of catalog `{}` for `{}`", usage.catalog, usage.feature),
            ));
        }
    }
}

/// Whether a use has the prices of its card. What a hold `grows` by is billed after what it holds.
fn has_prices(feature: &crate::catalog::Feature, usage: &Use, grows: bool) -> bool {
    (0..usage.parts()).all(|place| {
        let part = usage.only(place);
        // The version that was pinned, not the one in force when the record was written.
        let pinned = part.card.as_ref().map_or_else(Instant::default, |c| c.effective_from);
        let Ok(prices) = feature.prices(&part.dimensions, pinned) else { return part.unpriced };
        let is_price = |line: &Line| {
            let price = feature.price_of(&prices, &line.meter).unwrap_or(&FREE);
            price.is_of(line) || (grows && price.has_steps(line) && line.price.is_after(price.price))
        };
        part.unpriced || part.lines.iter().all(is_price)
    }) && feature.credit_unit == usage.credit_unit
}

pub(super) fn credits_of(draws: &[Draw]) -> i128 {
    draws.iter().map(|d| i128::from(d.credits().nano())).sum()
}

/// Draws from charges: the sources' payments cover the price, no more and no less.
pub(super) fn check_money(record: &Record, before: &Account, found: &mut Findings) {
    match &record.event {
        Event::Authorized { usage, decision, .. } => {
            check_draws(usage, &decision.draws, found);
            check_visits(decision, found);
        }
        Event::Extended { hold, usage, decision, .. } => {
            check_draws(usage, &decision.draws, found);
            check_visits(decision, found);
            check_growth(before.hold(*hold), usage, found);
        }
        Event::Charged { charge, decision, .. } => {
            check_charge(charge, found);
            check_visits(decision, found);
        }
        Event::Settled { hold, charge, is_late: late } => {
            check_charge(charge, found);
            if !late {
                check_of_hold(before.hold(*hold), charge, found);
            }
        }
        Event::Expired { hold, charge: Some(charge) } => {
            check_charge(charge, found);
            check_of_hold(before.hold(*hold), charge, found);
        }
        Event::Corrected { charge, .. } => check_charge(charge, found),
        Event::Refunded { .. }
        | Event::Opened(_)
        | Event::Changed { .. }
        | Event::Released(_)
        | Event::Expired { charge: None, .. }
        | Event::Granted
        | Event::GrantExpired(_)
        | Event::Voided { .. }
        | Event::Adjusted { .. }
        | Event::Denied(_)
        | Event::CatalogLoaded { .. }
        | Event::KeyCreated(_)
        | Event::KeyRevoked(_)
        | Event::Cycle(_)
        | Event::Late(_)
        | Event::Alert(_)
        | Event::Abuse(_)
        | Event::Server(_)
        | Event::Erased { .. } => {}
    }
}

/// Whether two lines are about the same meter of the same part.
fn is_same_line(a: &Line, b: &Line) -> bool {
    (a.part, &a.meter) == (b.part, &b.meter)
}

/// What a hold grows by costs what it costs after what it holds.
fn check_growth(hold: Option<&Hold>, usage: &Use, found: &mut Findings) {
    let Some(hold) = hold else { return };
    for line in &usage.lines {
        let held = hold.usage.lines.iter().find(|held| is_same_line(held, line));
        if held.is_some_and(|held| held.price.after(held.quantity) != line.price) {
            found.push((Dataset::Usage, "it grows at other prices than its hold".into()));
        }
    }
    if let Some(factor) = usage.factor {
        let held: i128 = hold.usage.lines.iter().filter_map(cost).sum();
        let is_graduated = usage.lines.iter().any(|line| line.graduated.is_some());
        let ahead = if is_graduated { 0 } else { -(held * i128::from(factor.billionths)) };
        if ahead.rem_euclid(1_000_000_000) != factor.ahead.map_or(0, |ahead| i128::from(ahead.get())) {
            found.push((Dataset::Usage, "its price is not rounded together with that of its hold".into()));
        }
    }
}

fn check_draws(usage: &Use, draws: &[Draw], found: &mut Findings) {
    if draws.iter().any(|d| d.amount < 0 || d.worth < 0 || d.amount == 0 && d.worth == 0) {
        found.push((Dataset::Monetization, "a draw is not above zero".into()));
        return;
    }
    if let Some(draw) = draws.iter().find(|d| !is_worth(usage, d)) {
        let Draw { layer, amount, worth, .. } = draw;
        let what = format!("layer `{layer}` drew {amount} for a worth of {worth} nano-credits");
        found.push((Dataset::Monetization, what));
    }
    let Some(price) = usage.price() else { return };
    let covered: i128 = draws.iter().map(|d| i128::from(d.worth)).sum();
    if covered != i128::from(price.nano()) {
        found.push((
            Dataset::Monetization,
            format!("its draws cover {covered} nano-credits of a price of {price}"),
        ));
    }
}

/// Whether a draw's amount is worth what it states. A request that an allowance pays is worth the part that nothing else
/// pays, and something else may have paid a part of the first unit.
fn is_worth(usage: &Use, draw: &Draw) -> bool {
    let (amount, worth) = (i128::from(draw.amount), i128::from(draw.worth));
    match (draw.source, &usage.unit) {
        (Source::Allowance, Unit::Requests) => true,
        (Source::Allowance, Unit::Meter(meter)) => {
            let lines = usage.lines.iter().filter(|l| l.meter == *meter);
            let price = lines.map(|l| i128::from(l.price.nano())).max().unwrap_or(0);
            worth <= amount * price
        }
        (Source::Allowance, Unit::Credits)
        | (
            Source::Grant(..) | Source::Overdraft | Source::Debt | Source::Goodwill | Source::Postpaid(_),
            _,
        ) => amount == worth,
    }
}

fn check_charge(charge: &Charge, found: &mut Findings) {
    check_draws(&charge.usage, &charge.draws, found);
    let of = |source: Source| {
        credits_of(&charge.draws.iter().filter(|d| d.source == source).cloned().collect::<Vec<_>>())
    };
    let (owed, refunded) =
        charge.excess.as_ref().map_or((0, 0), |e| (i128::from(e.owed.nano()), i128::from(e.refunded.nano())));
    if (of(Source::Debt), of(Source::Goodwill)) != (owed, refunded) {
        found.push((Dataset::Monetization, "what it owes or has refunded is not what its draws say".into()));
    }
}

/// A decision's visits and its draws state the same amounts for each source.
fn check_visits(decision: &Decision, found: &mut Findings) {
    use crate::record::VisitKind;
    for draw in &decision.draws {
        let visited =
            decision.visits.iter().filter(|v| v.verdict == Verdict::Paid && v.cost > 0).filter(|v| {
                match (draw.source, v.kind) {
                    (Source::Grant(id, _), VisitKind::Grant(visited)) => {
                        id == visited && v.name == draw.layer
                    }
                    (Source::Overdraft, VisitKind::Overdraft) => v.name == draw.layer,
                    (Source::Postpaid(start), VisitKind::Postpaid) => {
                        let terms = v.terms;
                        v.name == draw.layer
                            && matches!(terms, Some(Terms::Period { start: of, .. }) if of == start)
                    }
                    (Source::Allowance, VisitKind::Allowance) => {
                        matches!(&v.basis, Basis::Layer(layer) if *layer == draw.layer)
                    }
                    _ => false,
                }
            });
        // Every window of an allowance counts all of it.
        let visited: i128 = match draw.source {
            Source::Allowance => visited.map(|v| i128::from(v.cost)).min().unwrap_or(0),
            Source::Grant(..) | Source::Overdraft | Source::Debt | Source::Goodwill | Source::Postpaid(_) => {
                visited.map(|v| i128::from(v.cost)).sum()
            }
        };
        let told = !matches!(draw.source, Source::Debt | Source::Goodwill);
        if told && visited != i128::from(draw.amount) {
            found.push((
                Dataset::Monetization,
                format!("layer `{}` drew {} but its explanation says {visited}", draw.layer, draw.amount),
            ));
        }
    }
    let is_reached = |v: &Visit, mark: u8| {
        let at = i128::from(v.terms.map_or(0, |terms| terms.capacity())) * i128::from(mark);
        i128::from(v.before) * 100 < at && at <= (i128::from(v.before) + i128::from(v.cost)) * 100
    };
    if let Some(v) = decision.visits.iter().find(|v| v.mark.is_some_and(|mark| !is_reached(v, mark))) {
        found.push((Dataset::Usage, format!("`{}` warns of a mark that it has not reached", v.name)));
    }
    if let Some(v) = decision.visits.iter().find(|v| {
        v.cost != 0 && matches!(v.verdict, Verdict::Empty | Verdict::Refused(_)) && v.terms.is_none()
    }) {
        found.push((Dataset::Monetization, format!("`{}` refused and yet took {}", v.name, v.cost)));
    }
}

/// The part of a charge that the receipt of its hold pays: draw by draw from the front.
pub(super) fn kept<'a>(hold: &'a Hold, charge: &'a Charge) -> impl Iterator<Item = (&'a Draw, &'a Draw)> {
    let both = hold.draws.iter().zip(&charge.draws);
    both.take_while(|(held, drawn)| held.source == drawn.source && held.layer == drawn.layer)
}

/// A settled hold keeps the front of its receipt.
fn check_of_hold(hold: Option<&Hold>, charge: &Charge, found: &mut Findings) {
    let Some(hold) = hold else { return };
    if hold.usage.feature != charge.usage.feature || hold.usage.path != charge.usage.path {
        found
            .push((Dataset::Usage, "it is charged for another feature or place than it was held for".into()));
    }
    // Use as it was held has the prices of its hold, and so has use that nothing has a price for.
    let (held, charged) = (Priced::from(&hold.usage), Priced::from(&charge.usage));
    let as_held = |place: usize| {
        let part = charge.usage.only(place);
        part.unpriced || held.parts().nth(place) == charged.parts().nth(place)
    };
    let differs = |line: &Line| {
        let of_hold = hold.usage.lines.iter().find(|held| is_same_line(held, line));
        of_hold.is_some_and(|held| held.price != line.price) && as_held(line.part.into())
    };
    if charge.usage.lines.iter().any(differs) {
        found.push((Dataset::Usage, "it has other prices than its hold".into()));
    }
    if charge.excess.is_some() {
        return;
    }
    let fits = kept(hold, charge).take_while(|(held, drawn)| drawn.amount <= held.amount).count();
    if fits < charge.draws.len() {
        found.push((Dataset::Monetization, "it draws credits that its hold has not set aside".into()));
    }
    // Before the last draw that is kept, every one is kept whole.
    let whole = kept(hold, charge).take_while(|(held, drawn)| drawn.amount == held.amount).count();
    if whole + 1 < charge.draws.len() {
        found.push((Dataset::Monetization, "it keeps a later draw of its hold before an earlier one".into()));
    }
}
