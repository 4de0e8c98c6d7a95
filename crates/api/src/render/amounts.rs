//! Amounts and uses, with their units.

use headworks_core::record as core;
use headworks_core::record::{CREDITS, Credits, Name, REQUESTS, Seq, Unit, Use};
use headworks_wire as wire;
use wire::Reference;

pub(super) fn reference(account: &Name, seq: Seq) -> Reference {
    Reference::Record(account.clone(), seq)
}

/// The unit of an amount: its name, and whether it is nano-credits.
pub(super) type Counts<'a> = (&'a str, bool);

/// A count, or nano-credits as a decimal.
pub(super) fn amount(value: i64, (_, is_credits): Counts<'_>) -> String {
    if is_credits { Credits::from_nano(value).to_string() } else { value.to_string() }
}

/// The unit of credits that a use is priced in.
pub(super) fn credits_of(usage: &Use) -> Counts<'_> {
    (usage.credit_unit.as_ref().map_or(CREDITS, Name::as_str), true)
}

/// The unit that the allowances of a use count.
pub(super) fn allowance_of(usage: &Use) -> Counts<'_> {
    match &usage.unit {
        Unit::Credits => credits_of(usage),
        Unit::Requests => (REQUESTS, false),
        Unit::Meter(meter) => (meter.as_str(), false),
    }
}

pub(crate) fn usage(u: &Use) -> wire::Usage {
    let has_parts = u.parts() > 1;
    let dimensions = |all: &core::Dimensions| all.iter().map(|d| (d.name.clone(), d.value.clone())).collect();
    let card = |card: &core::CardRef| wire::RateCard {
        name: card.name.clone(),
        effective_from: card.effective_from,
    };
    let part = |(named, of, unpriced): (&core::Dimensions, &Option<core::CardRef>, bool)| wire::UsagePart {
        dimensions: dimensions(named),
        rate_card: of.as_ref().map(card),
        unpriced,
    };
    let first = has_parts.then_some((&u.dimensions, &u.card, u.unpriced));
    let more = u.more.iter().map(|p| (&p.dimensions, &p.card, p.unpriced));
    wire::Usage {
        feature: u.feature.clone(),
        path: u.path.clone(),
        dimensions: dimensions(&u.dimensions),
        lines: u
            .lines
            .iter()
            .map(|l| wire::Line {
                meter: l.meter.clone(),
                part: has_parts.then(|| l.part.saturating_add(1)),
                quantity: l.quantity,
                billed: Some(l.price.billed(l.quantity)).filter(|_| !l.price.bills_what_is_used()),
                unit_price: price(l.price.nano()),
                amount: l.cost().unwrap_or(Credits::MAX),
                graduated: l.graduated.as_deref().map(graduated),
            })
            .collect(),
        unit: allowance_of(u).0.into(),
        credit_unit: credits_of(u).0.into(),
        rate_card: u.card.as_ref().map(card),
        catalog: u.catalog.clone(),
        unpriced: u.unpriced,
        price_factor: u.factor.map(|f| price(f.billionths)),
        parts: first.into_iter().chain(more).map(part).collect(),
    }
}

/// Nano-credits for one unit.
fn price(nano: u64) -> Credits {
    Credits::from_nano(i64::try_from(nano).unwrap_or(i64::MAX))
}

fn graduated(of: &core::Graduated) -> wire::Graduated {
    let step = |step: &core::PriceStep| wire::PriceStep { above: step.above, unit_price: price(step.nano) };
    wire::Graduated {
        volume: of.volume.clone(),
        from: of.from,
        until: of.until,
        position: of.at,
        position_max: (of.to > of.at).then_some(of.to),
        steps: of.steps.iter().map(step).collect(),
        closes: of.closes,
    }
}

pub(crate) fn draw(account: &Name, d: &core::Draw, usage: &Use) -> wire::Draw {
    let (source, grant, category) = match d.source {
        core::Source::Allowance => ("allowance", None, None),
        core::Source::Grant(id, category) => ("grant", Some(reference(account, id.0)), Some(category)),
        core::Source::Overdraft => ("overdraft", None, None),
        core::Source::Postpaid(_) => ("postpaid", None, None),
        core::Source::Debt => ("debt", None, None),
        core::Source::Goodwill => ("goodwill", None, None),
    };
    let is_included = d.source == core::Source::Allowance;
    let unit = if is_included { allowance_of(usage) } else { credits_of(usage) };
    wire::Draw {
        source: source.into(),
        layer: d.layer.clone(),
        grant,
        category,
        amount: amount(d.amount, unit),
        unit: unit.0.into(),
        worth: Credits::from_nano(d.worth),
    }
}
