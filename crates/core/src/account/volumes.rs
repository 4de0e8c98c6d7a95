//! Volumes: how many billed units of graduated prices an account has used in each period, and what its charges are short of.
//!
//! V1 once a period is closed, its charges come to the price of all its units (`the_period_comes_to_its_price`).
//! Units: billed units; nano-credits.

use alloc::string::String;
use alloc::vec::Vec;

use super::state::Account;
use super::volume::Volume;
use crate::record::{
    Charge, Credits, CycleEvent, Event, ExactCredits, Graduated, Instant, Line, Name, Record, Use,
    VolumeShift, WHOLE_PRICE,
};

/// How many ended periods of a volume stay for late use.
const ENDED_KEPT: usize = 32;

impl Account {
    /// The use of volumes, by name and period.
    #[must_use]
    pub fn volumes(&self) -> &[Volume] {
        &self.rare().volumes
    }

    /// The use of a volume in the period that begins then.
    pub(crate) fn volume(&self, name: &Name, from: Instant) -> Option<&Volume> {
        let at = self.volumes().binary_search_by(|volume| volume.key().cmp(&(name, from)));
        at.ok().and_then(|at| self.volumes().get(at))
    }

    /// The period of a volume that an instant is in: the one that is known, or what those around it leave of `fresh`.
    pub(crate) fn period_of_volume(
        &self,
        name: &Name,
        at: Instant,
        (start, end): (Instant, Instant),
    ) -> (Instant, Instant) {
        let own = || self.volumes().iter().filter(|volume| volume.name == *name);
        if let Some(known) = own().find(|volume| volume.from <= at && at < volume.until) {
            return (known.from, known.until);
        }
        let before = own().map(|volume| volume.until).filter(|until| *until <= at).max();
        let after = own().map(|volume| volume.from).filter(|from| *from > at).min();
        (before.map_or(start, |before| start.max(before)), after.map_or(end, |after| end.min(after)))
    }

    /// When the first period ends that is still to be closed, each with its place.
    pub(super) fn volumes_due(&self) -> impl Iterator<Item = (Instant, usize)> {
        let due = self.volumes().iter().enumerate().filter(|(_, volume)| volume.is_to_close());
        due.map(|(at, volume)| (volume.until, at)).filter(|(until, _)| *until < Instant::NEVER)
    }

    /// When the first open period of a volume ends.
    pub(crate) fn next_volume(&self, now: Instant) -> Option<Instant> {
        self.volumes().iter().map(|volume| volume.until).filter(|until| now < *until).min()
    }

    /// Notes what a record uses of volumes, sets aside, or frees. Holds that end are still open.
    pub(super) fn note_volumes(&mut self, record: &Record) -> Result<(), String> {
        if let Event::Authorized { usage, .. } | Event::Extended { usage, .. } = &record.event {
            for (line, of) in usage.graduated() {
                let held = &mut self.volume_mut(of, usage, line, record)?.held;
                *held = held.checked_add(line.billed()).ok_or("overflow")?;
            }
        } else if let Event::Corrected { correcting, .. } = &record.event {
            correcting.volumes.iter().try_for_each(|shift| self.shift_volume(shift))?;
        } else if let Event::Refunded { volumes, .. } = &record.event {
            volumes.iter().try_for_each(|shift| self.shift_volume(shift))?;
        } else if let Event::Cycle(cycle) = &record.event {
            if let CycleEvent::VolumeClosed(closed) = &**cycle {
                let back = Credits::ZERO.checked_sub(closed.back).ok_or("overflow")?;
                self.close_volume(&closed.volume, closed.from, (back, back))?;
            }
        } else if let Some(charge) = record.charge() {
            self.use_volumes(charge, record)?;
        }
        self.free_units(record)?;
        if let Some((at, _)) = self.volumes_due().min() {
            self.wakes_at = self.wakes_at.min(at);
        }
        Ok(())
    }

    /// Frees the units of a hold that ends.
    fn free_units(&mut self, record: &Record) -> Result<(), String> {
        let ended = record.event.ends().and_then(|id| self.hold(id)).map(|hold| &hold.usage);
        let Some(usage) = ended.filter(|usage| usage.graduated().next().is_some()).cloned() else {
            return Ok(());
        };
        for (line, of) in usage.graduated() {
            let held = &mut self.volume_mut(of, &usage, line, record)?.held;
            *held =
                held.checked_sub(line.billed()).ok_or("a hold frees more of a volume than it set aside")?;
        }
        Ok(())
    }

    fn use_volumes(&mut self, charge: &Charge, record: &Record) -> Result<(), String> {
        let factor = charge.usage.factor.map_or(WHOLE_PRICE, |factor| factor.billionths);
        for (line, of, paid) in charge.usage.shares(charge.paid()) {
            if let Some(charged) = of.closes {
                self.close_volume(&of.volume, of.from, (charged, paid))?;
                continue;
            }
            let units = line.billed();
            let volume = self.volume_mut(of, &charge.usage, line, record)?;
            // Where it stands elsewhere than at the end of what was used before it, the close of the period makes up for that.
            let short = line.price_at(volume.used, units) - line.price_at(of.at, units);
            let due = ExactCredits::of(short, factor).and_then(|short| volume.due.checked_add(short));
            volume.due = due.ok_or("overflow")?;
            volume.used = volume.used.checked_add(units).ok_or("overflow")?;
            volume.paid = volume.paid.checked_add(paid).ok_or("overflow")?;
        }
        Ok(())
    }

    fn shift_volume(&mut self, shift: &VolumeShift) -> Result<(), String> {
        let volume = self.known_volume(&shift.volume, shift.from)?;
        volume.used =
            volume.used.checked_add_signed(shift.units).ok_or("a correction takes more than was used")?;
        volume.due = volume.due.checked_add(shift.due).ok_or("overflow")?;
        volume.paid = volume.paid.checked_add(shift.paid).ok_or("overflow")?;
        Ok(())
    }

    /// So much less is due; credits have paid this much of it. What could not be given back, because credits have not paid it, stays due:
    /// it makes up for what later corrections make due.
    fn close_volume(
        &mut self,
        name: &Name,
        from: Instant,
        (charged, paid): (Credits, Credits),
    ) -> Result<(), String> {
        let volume = self.known_volume(name, from)?;
        let left = ExactCredits::of(-i128::from(charged.nano()), WHOLE_PRICE);
        volume.due = left.and_then(|left| volume.due.checked_add(left)).ok_or("overflow")?;
        volume.paid = volume.paid.checked_add(paid).ok_or("overflow")?;
        volume.uncharged = volume.owed();
        Ok(())
    }

    fn known_volume(&mut self, name: &Name, from: Instant) -> Result<&mut Volume, String> {
        let volumes = &mut self.rare_mut().volumes;
        let at = volumes.binary_search_by(|volume| volume.key().cmp(&(name, from)));
        let known = at.ok().and_then(|at| volumes.get_mut(at));
        known.ok_or_else(|| "no such period of a volume".into())
    }

    fn volume_mut(
        &mut self,
        of: &Graduated,
        usage: &Use,
        line: &Line,
        record: &Record,
    ) -> Result<&mut Volume, String> {
        if self.volume(&of.volume, of.from).is_none() {
            let fresh = Volume {
                name: of.volume.clone(),
                from: of.from,
                until: of.until,
                used: 0,
                held: 0,
                due: ExactCredits::default(),
                paid: Credits::ZERO,
                uncharged: ExactCredits::default(),
                feature: usage.feature.clone(),
                meter: line.meter.clone(),
                unit: record.unit.clone(),
            };
            self.forget_volumes(&of.volume, record.recorded_at);
            let volumes = &mut self.rare_mut().volumes;
            let at = volumes.partition_point(|volume| volume.key() < fresh.key());
            volumes.insert(at, fresh);
        }
        let volume = self.known_volume(&of.volume, of.from)?;
        (volume.feature, volume.meter) = (usage.feature.clone(), line.meter.clone());
        Ok(volume)
    }

    /// The last ended periods of a volume stay, and those that are still to be closed.
    fn forget_volumes(&mut self, name: &Name, now: Instant) {
        let volumes = &mut self.rare_mut().volumes;
        let is_over = |volume: &Volume| {
            volume.name == *name && volume.until <= now && volume.held == 0 && !volume.is_to_close()
        };
        let ended: Vec<Instant> =
            volumes.iter().filter(|volume| is_over(volume)).map(|volume| volume.from).collect();
        let Some(last) = ended.len().checked_sub(ENDED_KEPT).and_then(|gone| ended.get(gone)) else { return };
        volumes.retain(|volume| !is_over(volume) || volume.from >= *last);
    }
}
