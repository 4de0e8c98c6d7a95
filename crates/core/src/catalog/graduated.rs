//! Graduated prices as configured: which volume a meter counts in, and what its units cost from which position on.
//!
//! Units: nano-credits for one unit.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::record::{AmountError, Calendar, Credits, Graduated, Instant, Line, Name, Price, PriceStep};

/// The price of a meter.
#[derive(Clone, Debug, Default)]
pub(crate) struct MeterPrice {
    /// The price of a unit; of the first units of a period, if it is graduated.
    pub(crate) price: Price,
    /// The prices above.
    pub(crate) ladder: Option<Arc<Ladder>>,
}

/// What is not priced costs nothing.
pub(crate) static FREE: MeterPrice = MeterPrice { price: Price::FREE, ladder: None };

/// The prices of later units.
#[derive(Debug)]
pub(crate) struct Ladder {
    /// The volume whose use decides.
    pub(crate) volume: Name,
    /// Its periods.
    pub(crate) calendar: Calendar,
    pub(crate) steps: Vec<PriceStep>,
}

impl MeterPrice {
    /// Whether a unit costs anything at some position.
    pub(crate) fn costs(&self) -> bool {
        self.price.nano() > 0 || self.steps().iter().any(|step| step.nano > 0)
    }

    pub(crate) fn steps(&self) -> &[PriceStep] {
        self.ladder.as_ref().map_or(&[], |ladder| &ladder.steps)
    }

    /// This price times `factor`, exactly.
    pub(super) fn by(&self, factor: Credits) -> Result<Self, AmountError> {
        let times = |nano: u64| Price::of_nano(nano).by(factor).map(Price::nano);
        let ladder = |ladder: &Arc<Ladder>| {
            let step = |step: &PriceStep| Ok(PriceStep { nano: times(step.nano)?, ..*step });
            let steps = ladder.steps.iter().map(step).collect::<Result<_, AmountError>>()?;
            let (volume, calendar) = (ladder.volume.clone(), ladder.calendar.clone());
            Ok(Arc::new(Ladder { volume, calendar, steps }))
        };
        let price = self.price.by(factor)?;
        Ok(Self { price, ladder: self.ladder.as_ref().map(ladder).transpose()? })
    }

    /// Whether a line has it, wherever it stands.
    pub(crate) fn is_of(&self, line: &Line) -> bool {
        let steps = line.graduated.as_ref().map_or(&[][..], |graduated| &graduated.steps);
        self.price == line.price && self.has_steps(line) && steps == self.steps()
    }

    /// Whether a line counts in the same volume.
    pub(crate) fn has_steps(&self, line: &Line) -> bool {
        let volume = line.graduated.as_ref().map(|graduated| &graduated.volume);
        volume == self.ladder.as_ref().map(|ladder| &ladder.volume)
    }

    /// Gives it to a line, which stays where it stands in the same volume. In another one it is at the beginning, until it is placed.
    pub(crate) fn give(&self, line: &mut Line) {
        line.price = self.price;
        let had = line.graduated.take();
        line.graduated = self.ladder.as_ref().map(|ladder| {
            let had = had.filter(|had| had.volume == ladder.volume);
            let at = had.unwrap_or_else(|| {
                Box::new(ladder.standing((Instant::default(), Instant::default()), (0, 0)))
            });
            Box::new(Graduated { steps: ladder.steps.clone(), ..*at })
        });
    }
}

impl Ladder {
    /// A line in a period of the volume, between two positions.
    pub(crate) fn standing(&self, (from, until): (Instant, Instant), (at, to): (u64, u64)) -> Graduated {
        Graduated {
            volume: self.volume.clone(),
            from,
            until,
            at,
            to,
            steps: self.steps.clone(),
            closes: None,
            grows: None,
        }
    }
}
