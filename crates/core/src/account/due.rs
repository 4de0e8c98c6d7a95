//! Due events of an account: holds and grants that end, recurring grants that are carried over or open again,
//! invoices that close.
//!
//! Units: nano-credits; instants in UTC microseconds.

use super::open::Grant;
use super::rare::Schedule;
use super::state::Account;
use crate::record::{Credits, GrantId, HoldId, Instant, Seq};

/// A due event, in the order in which events happen at one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Due {
    /// A hold passes its deadline.
    Hold(HoldId),
    /// The period of a volume has ended, and its charges are not its price.
    Volume(usize),
    /// The period of a postpaid layer's next invoice ends, or is not known yet.
    Invoice(usize),
    /// The remainder of a recurring grant is carried over.
    Rollover(GrantId),
    /// A grant expires.
    Grant(GrantId),
    /// A pause reaches its planned end.
    Pause(Seq),
    /// The plan changes, before grants open again under it.
    Plan(Seq),
    /// A recurring grant opens again.
    Renewal(GrantId),
    /// An override of a limit ends.
    Override(Seq),
}

impl Account {
    /// A recurring grant, by its own name or by that of its current grant.
    #[must_use]
    pub fn schedule(&self, id: GrantId) -> Option<&Schedule> {
        self.rare().schedules.iter().find(|s| s.id == id || s.current == id)
    }

    /// The remainder of a recurring grant's current period.
    pub(crate) fn remaining(&self, schedule: &Schedule) -> Credits {
        self.grant(schedule.current).filter(|g| !g.voided).map_or(Credits::ZERO, |g| g.remaining)
    }

    /// The amount to carry over the next boundary of a recurring grant; zero if there is none.
    pub(crate) fn to_carry(&self, schedule: &Schedule) -> Credits {
        let rollover = schedule.terms.recurrence.as_ref().and_then(|r| r.rollover);
        match rollover {
            Some(rollover) if !schedule.rolled && !self.ends(schedule) => {
                rollover.carried(self.remaining(schedule))
            }
            Some(_) | None => Credits::ZERO,
        }
    }

    /// When the period after the current one ends.
    pub(crate) fn next_boundary(&self, schedule: &Schedule) -> Option<Instant> {
        schedule.period_end(schedule.next_at, self.settings.billing_anchor)
    }

    /// Whether no period begins at the next boundary.
    pub(crate) fn ends(&self, schedule: &Schedule) -> bool {
        let until = schedule.terms.recurrence.as_ref().map_or(Instant::default(), |r| r.until);
        schedule.next_at >= until || self.next_boundary(schedule).is_none_or(|end| end >= Instant::NEVER)
    }

    /// The events to come that change limits by themselves: overrides and pauses end, and the plan
    /// changes.
    pub(crate) fn changes_of_limits(&self) -> impl Iterator<Item = (Instant, Due)> {
        let rare = self.rare();
        let overrides = rare.overrides.iter().filter_map(|o| Some((o.terms.until?, Due::Override(o.id))));
        let plan = rare.plan_to_come.iter().map(|(id, planned)| (planned.at, Due::Plan(*id)));
        let pause = rare.pause.iter().filter_map(|pause| Some((pause.until?, Due::Pause(pause.id))));
        overrides.chain(plan).chain(pause)
    }

    /// The events due by `until`, earliest first.
    pub(crate) fn due(&self, until: Instant) -> Option<Due> {
        let holds = self.holds.iter().map(|h| (h.terms.deadline, Due::Hold(h.id)));
        let spent = |g: &&Grant| g.remaining.is_positive();
        let grants = self.grants.iter().filter(spent).map(|g| (g.terms.expires_at, Due::Grant(g.id)));
        let schedules = self.rare().schedules.iter().map(|s| {
            let carries = s.next_at <= until && self.to_carry(s).is_positive();
            (s.next_at, if carries { Due::Rollover(s.id) } else { Due::Renewal(s.id) })
        });
        let invoices = self.invoices_due().map(|(at, layer)| (at, Due::Invoice(layer)));
        let volumes = self.volumes_due().map(|(at, volume)| (at, Due::Volume(volume)));
        let all = holds
            .chain(volumes)
            .chain(invoices)
            .chain(grants)
            .chain(schedules)
            .chain(self.changes_of_limits());
        all.filter(|(at, _)| *at <= until).min().map(|(_, due)| due)
    }
}
