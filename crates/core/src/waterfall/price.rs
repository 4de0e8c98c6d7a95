//! Pinning prices to quantities.

use smallvec::SmallVec;

use super::context::Context;
use super::refusal::Refusal;
use super::request::{QUANTITY_MAX, Request};
use crate::catalog::{Feature, PRICE_FACTOR, Plan};
use crate::record::{
    Figure, Name, Path, Price, PriceFactor, Priced, PricedLine, REQUESTS, Rounding, WHOLE_PRICE,
};

impl<'a> Context<'a> {
    /// The factor on prices: that of an override, else that of the plan for the account's tier.
    #[inline]
    pub(crate) fn factor(&self, plan: &Plan, path: &Path, rounding: Rounding) -> Option<PriceFactor> {
        let own = if self.account.has_overrides() {
            let name = Name::new(PRICE_FACTOR).unwrap_or_else(|_| unreachable!("`{PRICE_FACTOR}` is a name"));
            self.account.figure(&name, path.segments(), self.now)
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

    /// Pins the prices in force, and a factor on them, to the quantities of a request. Every meter of the feature has a line, at
    /// zero when it is not named.
    pub(crate) fn price<'p>(
        &self,
        feature: &'p Feature,
        request: &'p Request,
        factor: Option<PriceFactor>,
    ) -> Result<Priced<'p>, Refusal>
    where
        'a: 'p,
    {
        let Request { path, dimensions, quantities, .. } = request;
        let found = feature
            .prices(dimensions, self.now)
            .map_err(|why| Refusal::no_price(feature, why, dimensions, self.now))?;
        let mut named = 0;
        let mut lines: SmallVec<[PricedLine<'_>; 3]> = SmallVec::new();
        for (i, meter) in feature.meters.iter().enumerate() {
            let asked = quantities.iter().find(|(m, _)| m == meter);
            named += usize::from(asked.is_some());
            lines.push(PricedLine {
                meter,
                quantity: asked.map_or_else(|| u64::from(meter.as_str() == REQUESTS), |(_, n)| *n),
                price: found.of(i),
            });
        }
        if named < quantities.len() {
            for (meter, quantity) in quantities.iter().filter(|(m, _)| !feature.meters.contains(m)) {
                if meter.as_str() != REQUESTS {
                    return Err(Refusal::UnknownMeter(meter.clone()));
                }
                lines.push(PricedLine { meter, quantity: *quantity, price: Price::default() });
            }
        }
        if quantities.iter().any(|(m, n)| m.as_str() == REQUESTS && *n == 0) {
            return Err(Refusal::NoRequests);
        }
        if lines.iter().any(|l| l.quantity > QUANTITY_MAX) {
            return Err(Refusal::TooLarge);
        }
        Ok(Priced {
            feature: &feature.name,
            path,
            dimensions,
            lines,
            unit: &feature.unit,
            card: found.card,
            catalog: &self.catalog.version,
            credit_unit: feature.credit_unit.as_ref(),
            unpriced: false,
            factor,
        })
    }
}
