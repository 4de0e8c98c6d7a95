//! Where the lines of a use stand in the volumes that they count in.

use alloc::boxed::Box;

use super::context::Context;
use crate::catalog::Ladder;
use crate::record::{Graduated, Instant, Line, Name, PricedLine, Rounding, Use};

impl Context<'_> {
    /// The period of a volume that an instant is in.
    fn volume_period(&self, ladder: &Ladder, at: Instant) -> (Instant, Instant) {
        let fresh = self.account.billing().period(&ladder.calendar, at);
        self.account.period_of_volume(&ladder.volume, at, fresh)
    }

    /// Where a new line stands at `self.now`, after earlier lines of the same use: what is held may come before or after all else that
    /// is held.
    #[inline(never)]
    pub(crate) fn standing(
        &self,
        ladder: &Ladder,
        earlier: &[PricedLine<'_>],
        rounding: Rounding,
    ) -> Box<Graduated> {
        let period = self.volume_period(ladder, self.now);
        let own = earlier
            .iter()
            .filter(|line| line.graduated.as_ref().is_some_and(|g| g.is_of(&ladder.volume, period.0)));
        let own = own.map(|line| line.price.billed(line.quantity)).fold(0, u64::saturating_add);
        let (used, held) = self.volume_use(&ladder.volume, period.0);
        let at = used.saturating_add(own);
        let to = match rounding {
            Rounding::Up => at.saturating_add(held),
            Rounding::HalfEven => at,
        };
        Box::new(ladder.standing(period, (at, to)))
    }

    fn volume_use(&self, name: &Name, from: Instant) -> (u64, u64) {
        self.account.volume(name, from).map_or((0, 0), |volume| (volume.used, volume.held))
    }

    /// Lines that are in no period yet are in the one of `at`.
    pub(crate) fn date(&self, usage: &mut Use, at: Instant) {
        let Some(feature) = self.catalog.feature(usage.feature.as_str()) else { return };
        for of in
            usage.lines.iter_mut().filter_map(|line| line.graduated.as_mut()).filter(|of| of.is_undated())
        {
            if let Some(ladder) = feature.ladder(&of.volume) {
                (of.from, of.until) = self.volume_period(ladder, at);
            }
        }
    }

    /// The lines of a charge follow on what has been used so far.
    pub(crate) fn place(&self, usage: &mut Use, at: Instant) {
        self.place_lines(usage, at, |_, at| at);
    }

    /// The same for a charge that stays within its hold: it stands where the hold allowed for.
    pub(crate) fn place_within(&self, usage: &mut Use, at: Instant) {
        self.place_lines(usage, at, |held, at| at.clamp(held.at, held.to.max(held.at)));
    }

    fn place_lines(&self, usage: &mut Use, at: Instant, whence: impl Fn(&Graduated, u64) -> u64) {
        if usage.lines.iter().all(|line| line.graduated.is_none()) {
            return;
        }
        self.date(usage, at);
        for nth in 0..usage.lines.len() {
            let (earlier, rest) = usage.lines.split_at_mut(nth);
            let Some(of) = rest.first_mut().and_then(|line| line.graduated.as_mut()) else { continue };
            let is_same =
                |line: &&Line| line.graduated.as_ref().is_some_and(|g| g.is_of(&of.volume, of.from));
            let own =
                earlier.iter().filter(|line| is_same(line)).map(Line::billed).fold(0, u64::saturating_add);
            let (used, _) = self.volume_use(&of.volume, of.from);
            let at = whence(of, used.saturating_add(own));
            (of.at, of.to) = (at, at);
        }
    }

    /// More of what is held may come before or after all that is held.
    pub(crate) fn place_growth(&self, usage: &mut Use) {
        self.place(usage, self.now);
        for of in usage.lines.iter_mut().filter_map(|line| line.graduated.as_mut()) {
            let (_, held) = self.volume_use(&of.volume, of.from);
            of.to = of.at.saturating_add(held);
        }
    }
}
