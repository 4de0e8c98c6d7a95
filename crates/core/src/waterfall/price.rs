//! Pinning prices to quantities.

use alloc::vec::Vec;

use smallvec::SmallVec;

use super::context::Context;
use super::refusal::Refusal;
use super::request::{AskedPart, QUANTITY_MAX, Request};
use crate::catalog::{Feature, MeterPrice, PRICE_FACTOR, Plan};
use crate::record::{
    Dimension, Figure, Instant, Name, PARTS_MAX, Path, Price, PriceFactor, Priced, PricedLine, PricedPart,
    REQUESTS, Rounding, WHOLE_PRICE,
};

impl<'a> Context<'a> {
    /// The factor on prices: that of an override, else that of the plan for the account's tier. A plan that takes none has whole
    /// prices, even under an override that was set on another plan.
    #[inline]
    pub(crate) fn factor(&self, plan: &Plan, path: &Path, rounding: Rounding) -> Option<PriceFactor> {
        let own = if self.account.has_overrides() {
            self.account.figure(PRICE_FACTOR, path, self.now).filter(|_| plan.takes_price_factor())
        } else {
            None
        };
        let billionths = match own {
            Some(Figure::Limit(billionths)) => u64::try_from(billionths).ok()?,
            Some(Figure::Unlimited) => return None,
            None => plan.price_factors.as_ref()?.of(self.catalog.abuse.tier_of(self.account, self.now)),
        };
        (billionths != WHOLE_PRICE).then_some(PriceFactor { billionths, rounding, ahead: None })
    }

    /// Pins the prices in force, and a factor on them, to the quantities of a request whose first part has these dimensions. Every meter of the feature has a line in each
    /// part, at zero when it is not named; requests are counted with the first.
    pub(crate) fn price<'p>(
        &self,
        feature: &'p Feature,
        request: &'p Request,
        dimensions: &'p [Dimension],
        (factor, rounding): (Option<PriceFactor>, Rounding),
    ) -> Result<Priced<'p>, Refusal>
    where
        'a: 'p,
    {
        let Request { path, quantities, more, .. } = request;
        let mut lines = SmallVec::new();
        let card = self.price_part(feature, (dimensions, quantities), (0, rounding), &mut lines)?;
        let parts =
            if more.is_empty() { Vec::new() } else { self.price_more(feature, more, rounding, &mut lines)? };
        if lines.iter().any(|l: &PricedLine<'_>| l.quantity > QUANTITY_MAX) {
            return Err(Refusal::TooLarge);
        }
        Ok(Priced {
            feature: &feature.name,
            path,
            dimensions,
            lines,
            unit: &feature.unit,
            card,
            catalog: &self.catalog.version,
            credit_unit: feature.credit_unit.as_ref(),
            unpriced: false,
            factor,
            more: parts,
        })
    }

    /// Pins the prices in force to the quantities of the parts after the first.
    #[inline(never)]
    fn price_more<'p>(
        &self,
        feature: &'p Feature,
        more: &'p [AskedPart],
        rounding: Rounding,
        lines: &mut SmallVec<[PricedLine<'p>; 3]>,
    ) -> Result<Vec<PricedPart<'p>>, Refusal> {
        check_parts(more)?;
        if more.iter().any(|part| part.quantities.is_empty()) {
            return Err(Refusal::BadParts("a part names no meter; leave it out, or say how much it is"));
        }
        let mut parts = Vec::new();
        for (place, part) in (1..).zip(more) {
            let dimensions = part.dimensions.as_deref().unwrap_or_default();
            let card = self.price_part(feature, (dimensions, &part.quantities), (place, rounding), lines)?;
            parts.push(PricedPart { dimensions, card, unpriced: false });
        }
        Ok(parts)
    }

    /// Pins the prices in force to the quantities of one part; returns the card that they come from.
    #[inline(always)]
    fn price_part<'p>(
        &self,
        feature: &'p Feature,
        (dimensions, quantities): (&'p [Dimension], &'p [(Name, u64)]),
        (part, rounding): (u8, Rounding),
        lines: &mut SmallVec<[PricedLine<'p>; 3]>,
    ) -> Result<Option<(&'p Name, Instant)>, Refusal> {
        let found = feature
            .prices(dimensions, self.now)
            .map_err(|why| Refusal::no_price(feature, why, dimensions, self.now))?;
        let mut named = 0;
        for (i, meter) in feature.meters.iter().enumerate() {
            let is_requests = meter.as_str() == REQUESTS;
            let asked = quantities.iter().find(|(m, _)| m == meter);
            named += usize::from(asked.is_some());
            if is_requests && part > 0 {
                continue;
            }
            let quantity = asked.map_or(u64::from(is_requests), |(_, n)| *n);
            let MeterPrice { price, ladder } = found.of(i);
            let graduated = ladder.as_ref().map(|ladder| self.standing(ladder, lines, rounding));
            let price = *price;
            lines.push(PricedLine { meter, quantity, price, part, graduated });
        }
        if named < quantities.len() {
            for (meter, quantity) in quantities.iter().filter(|(m, _)| !feature.meters.contains(m)) {
                if meter.as_str() != REQUESTS {
                    return Err(Refusal::UnknownMeter(meter.clone()));
                }
                lines.push(PricedLine {
                    meter,
                    quantity: *quantity,
                    price: Price::default(),
                    part,
                    graduated: None,
                });
            }
        }
        if quantities.iter().any(|(m, n)| m.as_str() == REQUESTS && *n == 0) {
            return Err(Refusal::NoRequests);
        }
        Ok(found.card)
    }
}

/// Requests are counted with the first part.
pub(crate) fn check_parts(more: &[AskedPart]) -> Result<(), Refusal> {
    if more.len() >= PARTS_MAX {
        return Err(Refusal::BadParts("a use has at most 16 parts; add up those with the same dimensions"));
    }
    let names_requests = |part: &AskedPart| part.quantities.iter().any(|(m, _)| m.as_str() == REQUESTS);
    if more.iter().any(names_requests) {
        return Err(Refusal::BadParts("`requests` is counted with the first part; name it there"));
    }
    Ok(())
}
