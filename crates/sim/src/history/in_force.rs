//! What is in force for an account at some record: its plan, that which is rolled out to it, and the overrides of limits.

use headworks_core::record::{CycleEvent, Event, Figure, Instant, Level, Name, Override, Path, Record, Seq};

use crate::catalog::{self, FACTOR, TRIED};

const WHOLE: i64 = 1_000_000_000;

/// Whether the plan `r` is in force for the accounts on `p` that an account belongs to, from each record of the server's own log on.
#[derive(Clone, Copy, Default)]
pub(crate) struct RolledOut<'a>(pub(crate) &'a [(Seq, bool)]);

#[derive(Default)]
pub(super) struct InForce<'a> {
    rolled_out: RolledOut<'a>,
    /// The record of the server's own log that it goes by.
    under: Seq,
    /// That of its settings.
    plan: Option<&'a Name>,
    /// The oldest first.
    overrides: Vec<(Seq, &'a Override)>,
}

impl<'a> InForce<'a> {
    pub(super) fn new(rolled_out: RolledOut<'a>) -> Self {
        Self { rolled_out, ..Self::default() }
    }

    pub(super) fn follow(&mut self, record: &'a Record) {
        self.under = record.under.map_or(self.under, |under| under.seq);
        match &record.event {
            Event::Opened(settings) | Event::Changed { settings, .. } => self.plan = Some(&settings.plan),
            Event::Cycle(event) => match &**event {
                CycleEvent::PlanChanged(change) => self.plan = Some(&change.settings.plan),
                CycleEvent::Overridden(terms) => self.overrides.push((record.seq, terms)),
                CycleEvent::OverrideEnded(id) | CycleEvent::OverrideRemoved { id, .. } => {
                    self.overrides.retain(|(of, _)| of != id);
                }
                _ => {}
            },
            _ => {}
        }
    }

    pub(super) fn plan(&self) -> Option<&'a Name> {
        self.plan
    }

    fn is_on(&self, plan: &str) -> bool {
        self.plan.is_some_and(|of| of.as_str() == plan)
    }

    /// Whether its plan has the limits of `p`.
    pub(super) fn has_limits(&self) -> bool {
        self.plan.is_some_and(catalog::has_limits) && !self.has_rolled_out()
    }

    /// Whether another plan is tried on what it asks.
    pub(super) fn is_tried(&self) -> bool {
        self.is_on("p") && !self.has_rolled_out()
    }

    /// Whether it is treated as on the plan that is tried.
    fn has_rolled_out(&self) -> bool {
        let RolledOut(catalogs) = self.rolled_out;
        self.is_on("p") && catalogs.iter().rfind(|(from, _)| *from <= self.under).is_some_and(|(_, is)| *is)
    }

    /// The overrides that have not ended.
    pub(super) fn overrides(&self) -> &[(Seq, &'a Override)] {
        &self.overrides
    }

    /// The override of a limit for use on a path: of those whose segments are all on it, that with the innermost
    /// segment, then with the next one further out; of one path the newest.
    pub(super) fn overriding(&self, limit: &str, path: &Path, now: Instant) -> Option<(Seq, Figure)> {
        let applies = |(_, own): &&(Seq, &Override)| {
            own.limit.as_str() == limit
                && own.path.segments().iter().all(|segment| path.segments().contains(segment))
                && own.until.is_none_or(|until| now < until)
        };
        let levels = |own: &Override| -> Vec<Level> {
            let mut levels: Vec<Level> = own.path.segments().iter().map(|segment| segment.level).collect();
            levels.sort_unstable_by(|a, b| b.cmp(a));
            levels
        };
        let all = self.overrides.iter().filter(applies);
        all.max_by_key(|(id, own)| (levels(own), *id)).map(|(id, own)| (*id, own.figure))
    }

    /// The figure of a limit for use on a path; no limit is the greatest number.
    pub(super) fn figure(&self, limit: &str, path: &Path, now: Instant, usual: i64) -> i64 {
        match self.overriding(limit, path, now) {
            None => usual,
            Some((_, Figure::Limit(figure))) => figure,
            Some((_, Figure::Unlimited)) => i64::MAX,
        }
    }

    /// What prices are multiplied by, in billionths: an account on a plan with an allowance of words has whole prices.
    pub(super) fn factor(&self, path: &Path, now: Instant) -> i64 {
        if self.has_rolled_out() {
            self.tried_factor(path, now)
        } else if self.is_on("q") {
            self.own_factor(path, now, FACTOR)
        } else {
            WHOLE
        }
    }

    /// The same on the plan that is tried.
    pub(super) fn tried_factor(&self, path: &Path, now: Instant) -> i64 {
        self.own_factor(path, now, TRIED)
    }

    fn own_factor(&self, path: &Path, now: Instant, usual: i64) -> i64 {
        match self.overriding("price_factor", path, now) {
            Some((_, Figure::Unlimited)) => WHOLE,
            Some((_, Figure::Limit(factor))) => factor,
            None => usual,
        }
    }
}

/// The path of the use of a record.
pub(super) fn path_of(record: &Record) -> Path {
    match &record.event {
        Event::Authorized { usage, .. } | Event::Extended { usage, .. } => usage.path.clone(),
        _ => record.charge().map(|charge| charge.usage.path.clone()).unwrap_or_default(),
    }
}
