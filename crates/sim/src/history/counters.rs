//! Windows counted again from use: every visit must have found the count
//! computed here, and no grant may pass a limit.
//!
//! Units: those of the window; instants in UTC microseconds.

use std::collections::BTreeMap;

use headworks_core::record::{
    Cleared, CycleEvent, Decision, Denial, Draw, Event, Figure, Instant, Level, Name, Operation, Override,
    Path, Record, Seq, Settings, Terms, Use, Visit,
};

use super::calendar::DAY;
use super::in_force::{InForce, RolledOut};
use super::prices::model;
use super::seats::Seats;
use super::windows::{Basis, Kind, SPECS, Spec, Used, bounds_of, total};
use crate::catalog;

/// A window, and its member.
pub(super) type Key = (usize, Option<Name>);

/// Use this old is not remembered.
const FORGOTTEN: i64 = 34 * 86_400_000_000;

/// The use that a hold or a charge counted in a window.
pub(super) struct Counted {
    pub(super) key: Key,
    pub(super) at: i64,
    pub(super) amount: i64,
}

/// An open hold, or a charge that may be refunded.
pub(super) struct Open {
    pub(super) draws: Vec<Draw>,
    /// The model and the units of each part of a hold; `None`: it is a charge.
    pub(super) parts: Option<Vec<(Option<String>, i64)>>,
    pub(super) counted: Vec<Counted>,
    /// Nano-credits refunded.
    pub(super) returned: i64,
}

/// One use to count.
struct Taking<'a> {
    usage: &'a Use,
    draws: &'a [Draw],
    visits: &'a [Visit],
    /// When it happened, and the present instant.
    at: (i64, i64),
    /// Whether it could have been refused.
    refusable: bool,
    /// The number of requests that it counts as.
    requests: i64,
}

#[derive(Default)]
pub(super) struct Walk<'a> {
    settings: Option<&'a Settings>,
    in_force: InForce<'a>,
    seats: Seats<'a>,
    pub(super) windows: BTreeMap<Key, Used>,
    pub(super) open: BTreeMap<Seq, Open>,
    /// It has been paused: its billing windows have moved.
    has_paused: bool,
}

/// Counts a whole log.
pub(super) fn check(log: &[Record], rolled_out: RolledOut<'_>) -> Result<(), String> {
    let of = |r: &'_ Record| {
        if let Event::Denied(denials) = &r.event { Some(denials.recent.clone()) } else { None }
    };
    let mut denials: Vec<Denial> = log.iter().filter_map(of).flatten().collect();
    denials.sort_by_key(|d| d.at);
    let mut denials = denials.iter().peekable();
    let mut walk = Walk { in_force: InForce::new(rolled_out), ..Walk::default() };
    for record in log {
        while let Some(denial) = denials.next_if(|d| d.at < record.recorded_at) {
            walk.look(&denial.usage, &denial.decision, denial.at)
                .map_err(|e| format!("denial at {}: {e}", denial.at))?;
        }
        walk.follow(record).map_err(|e| format!("record {}: {e}", record.seq))?;
    }
    Ok(())
}

/// The model and the units of each part of a use.
pub(super) fn parts(usage: &Use) -> Vec<(Option<&str>, i64)> {
    let mut all: Vec<(Option<&str>, i64)> = Vec::new();
    for line in usage.lines.iter().filter(|l| l.meter.as_str() != "requests") {
        all.resize(all.len().max(usize::from(line.part) + 1), (None, 0));
        let Some(part) = all.get_mut(usize::from(line.part)) else { continue };
        *part = (model(usage, line), part.1 + i64::try_from(line.quantity).unwrap_or(0));
    }
    all
}

/// The units of a use that a window counts.
fn units(spec: &Spec, usage: &Use) -> i64 {
    parts(usage).iter().filter(|(model, _)| spec.counts(*model)).map(|(_, n)| n).sum()
}

pub(super) fn key(at: usize, spec: &Spec, path: &Path) -> Key {
    (at, spec.per.and_then(|level| path.at(level)).cloned())
}

fn named(parts: Vec<(Option<&str>, i64)>) -> Vec<(Option<String>, i64)> {
    parts.into_iter().map(|(model, units)| (model.map(str::to_owned), units)).collect()
}

impl Open {
    /// A hold grows: part by part, and by those beyond them.
    fn grows(&mut self, usage: &Use) {
        let held = self.parts.get_or_insert_default();
        for (at, (model, units)) in named(parts(usage)).into_iter().enumerate() {
            match held.get_mut(at) {
                Some(part) => part.1 += units,
                None => held.push((model, units)),
            }
        }
    }
}

impl<'a> Walk<'a> {
    pub(super) fn in_plan(&self) -> bool {
        self.in_force.has_limits()
    }

    /// The limit of a window: that of an override; else for a member of the pool its own, else its team's, else the plan's; for a seat that of its type.
    fn limit(&self, spec: &Spec, path: &Path, now: i64) -> i64 {
        let cap = |level| {
            Some(self.settings?.segment(level, path.at(level)?)?.pool_cap.as_ref()?.of(None, None)?.nano())
        };
        let [usual, premium] = catalog::SEATED;
        let own = self.in_force.overriding(spec.name, path, Instant::from_micros(now));
        match own {
            // The plan sets the burst of a rate.
            Some((_, Figure::Limit(_))) if matches!(spec.kind, Kind::Rate(..)) => {}
            Some((_, Figure::Limit(figure))) => return figure,
            Some((_, Figure::Unlimited)) => return i64::MAX,
            None => {}
        }
        match spec.limit {
            Some(limit) => limit,
            None if spec.name == "seated.day" => {
                if self.seats.is_premium(path) {
                    premium
                } else {
                    usual
                }
            }
            None if spec.name == "pace" => {
                let used =
                    SPECS.iter().position(|s| s.name == spec.name).map(|at| self.windows.get(&(at, None)));
                used.flatten().unwrap_or(&Used::default()).pace(now)
            }
            None => cap(Level::User).or_else(|| cap(Level::Team)).unwrap_or(catalog::MEMBER_CAP),
        }
    }

    /// What a rate has counted drains at the figure of an override of the account, until something is counted.
    fn drains(&mut self, limit: &Name, path: &Path, figure: i64, now: i64) {
        let is_of = |spec: &Spec| spec.name == limit.as_str() && matches!(spec.kind, Kind::Rate(..));
        if let Some(at) = SPECS.iter().position(is_of).filter(|_| path.segments().is_empty())
            && let Some(used) = self.windows.get_mut(&(at, None))
        {
            used.drains_at(figure, now);
        }
    }

    /// Compares a visit with the state of its window.
    pub(super) fn agrees(
        &self,
        at: usize,
        usage: &Use,
        visit: &Visit,
        (happened, now): (i64, i64),
    ) -> Result<(), String> {
        let Some(spec) = SPECS.get(at) else { return Ok(()) };
        let key = key(at, spec, &usage.path);
        let Some(terms) = visit.terms else { return Ok(()) };
        if now - happened > FORGOTTEN {
            return Ok(());
        }
        let limit = self.limit(spec, &usage.path, now);
        // The limit of an ended day is that of its own.
        let is_past = matches!(spec.kind, Kind::Growth) && happened.div_euclid(DAY) != now.div_euclid(DAY);
        if terms.capacity() != limit && !is_past {
            return Err(format!("{} has a limit of {} and not {limit}", spec.name, terms.capacity()));
        }
        let own = self.in_force.overriding(spec.name, &usage.path, Instant::from_micros(now));
        if let (Kind::Rate(rate, _), Terms::Rate { limit, .. }) = (&spec.kind, terms)
            && own.is_none()
            && i64::try_from(limit) != Ok(*rate)
        {
            return Err(format!("{} drains {limit} a period", spec.name));
        }
        if self.has_paused && spec.is_anchored() {
            return Ok(());
        }
        let nothing = Used::default();
        let used = self.windows.get(&key).unwrap_or(&nothing);
        let anchor = self.settings.map_or(0, |s| s.billing_anchor.micros());
        let bounds = used.bounds(spec, anchor, happened, now);
        if let Some(found) = bounds_of(Some(terms)) {
            match bounds {
                Some(bounds) if found != bounds => {
                    let [start, end, from, to] =
                        [found.0, found.1, bounds.0, bounds.1].map(Instant::from_micros);
                    return Err(format!(
                        "{} is from {start} to {end} and not from {from} to {to}",
                        spec.name
                    ));
                }
                Some(_) => {}
                // Use of another period; a guard remembers nothing of it.
                None => return Ok(()),
            }
        }
        // A window that is open when the billing anchor moves stays open, beside
        // the first one counted from the new anchor.
        let doubtful = spec.is_anchored() && bounds.is_some_and(|(start, _)| start == anchor);
        let counted = used.amount(spec, bounds, now);
        if counted == visit.before || doubtful {
            Ok(())
        } else {
            Err(format!("{} of {:?} had {counted} used, not {}", spec.name, key.1, visit.before))
        }
    }

    /// Checks the visits of a decision that counted nothing.
    fn look(&self, usage: &Use, decision: &Decision, at: Instant) -> Result<(), String> {
        if !self.in_plan() {
            return Ok(());
        }
        let at = (at.micros(), at.micros());
        for (i, spec) in
            SPECS.iter().enumerate().filter(|(_, s)| s.features.contains(&usage.feature.as_str()))
        {
            for visit in decision.visits.iter().filter(|v| v.name.as_str() == spec.name && v.terms.is_some())
            {
                self.agrees(i, usage, visit, at)?;
            }
        }
        Ok(())
    }

    /// Periods are closed by hand: those in which use from a path would count.
    fn closes(&mut self, path: &Path, closed: &[Cleared], now: i64) -> Result<(), String> {
        for cleared in closed {
            let at = SPECS.iter().position(|spec| spec.name == cleared.name.as_str());
            let Some((at, spec)) = at.and_then(|at| Some((at, SPECS.get(at)?))) else { continue };
            let seat = || path.at(Level::Seat).or(self.seats.held_on(path)).cloned();
            let key = if spec.per == Some(Level::Seat) { (at, seat()) } else { key(at, spec, path) };
            let used = self.windows.entry(key).or_default().close(spec, now);
            if used != cleared.used {
                return Err(format!("{} had used {used} and not {}", spec.name, cleared.used));
            }
        }
        Ok(())
    }

    /// Counts a use in every window of its feature.
    fn take(&mut self, take: &Taking<'_>) -> Result<Vec<Counted>, String> {
        let mut all = Vec::new();
        if !self.in_plan() {
            return Ok(all);
        }
        let (happened, now) = take.at;
        for (i, spec) in SPECS.iter().enumerate() {
            if !spec.features.contains(&take.usage.feature.as_str()) {
                continue;
            }
            let amount = match spec.basis {
                Basis::Requests => take.requests,
                Basis::Units => units(spec, take.usage),
                Basis::Spend | Basis::Layer(_) => total(&spec.basis, take.draws),
            };
            let of_source = matches!(spec.basis, Basis::Layer(_));
            let visit = take.visits.iter().find(|v| v.name.as_str() == spec.name && v.terms.is_some());
            let Some(visit) = visit else {
                let is_of_it = spec.of.is_none() || parts(take.usage).iter().any(|(of, _)| spec.counts(*of));
                if amount > 0 || !of_source && is_of_it && take.refusable {
                    return Err(format!("{amount} are not counted in {}", spec.name));
                }
                continue;
            };
            self.agrees(i, take.usage, visit, take.at)?;
            let bounds = bounds_of(visit.terms);
            let reaches = matches!(spec.basis, Basis::Spend | Basis::Layer(_))
                || bounds.map_or_else(|| now - happened < spec.looks_back(visit.terms), |(_, end)| now < end);
            let amount = if reaches { amount } else { 0 };
            if visit.cost != amount {
                return Err(format!("{} counts {} and not {amount}", spec.name, visit.cost));
            }
            if take.refusable && visit.before + amount > visit.terms.map_or(0, |t| t.capacity()) && amount > 0
            {
                return Err(format!("{} passes its limit: {} + {amount}", spec.name, visit.before));
            }
            if amount > 0 {
                let key = key(i, spec, &take.usage.path);
                self.windows.entry(key.clone()).or_default().take(spec, take.at, amount, visit.terms);
                all.push(Counted { key, at: happened, amount });
            }
        }
        Ok(all)
    }

    /// Returns the count beyond `stays`, latest first.
    pub(super) fn trim(&mut self, counted: &mut [Counted], at: usize, stays: i64, now: i64) {
        let all: i64 = counted.iter().filter(|c| c.key.0 == at).map(|c| c.amount).sum();
        let mut back = (all - stays).max(0);
        for c in counted.iter_mut().rev().filter(|c| c.key.0 == at) {
            let part = back.min(c.amount);
            (c.amount, back) = (c.amount - part, back - part);
            if let (Some(used), Some(spec)) = (self.windows.get_mut(&c.key), SPECS.get(at)) {
                used.give_back(spec, c.at, part, now);
            }
        }
    }

    fn follow(&mut self, record: &'a Record) -> Result<(), String> {
        self.seats.follow(record);
        self.in_force.follow(record);
        let now = record.recorded_at.micros();
        match &record.event {
            Event::Opened(settings) | Event::Changed { settings, .. } => self.settings = Some(settings),
            Event::Cycle(event) => {
                if let CycleEvent::PlanChanged(change) = &**event {
                    self.settings = Some(&change.settings);
                }
                if let CycleEvent::Overridden(Override {
                    limit, path, figure: Figure::Limit(figure), ..
                }) = &**event
                {
                    self.drains(limit, path, *figure, now);
                }
                if let CycleEvent::PeriodsClosed { path, closed, .. } = &**event {
                    self.closes(path, closed, now)?;
                }
                self.has_paused |= matches!(**event, CycleEvent::Paused(_));
            }
            Event::Authorized { usage, decision, .. } => {
                let (draws, visits) = (&decision.draws[..], &decision.visits[..]);
                let take = Taking { usage, draws, visits, at: (now, now), refusable: true, requests: 1 };
                let counted = self.take(&take)?;
                let parts = Some(named(parts(usage)));
                let open = Open { draws: draws.to_vec(), parts, counted, returned: 0 };
                self.open.insert(record.seq, open);
            }
            Event::Extended { hold, usage, decision, .. } => {
                let (draws, visits) = (&decision.draws[..], &decision.visits[..]);
                let refusable = !visits.is_empty();
                let take = Taking { usage, draws, visits, at: (now, now), refusable, requests: 0 };
                let counted = self.take(&take)?;
                if let Some(open) = self.open.get_mut(&hold.0) {
                    open.draws.extend(draws.iter().cloned());
                    open.grows(usage);
                    open.counted.extend(counted);
                }
            }
            Event::Charged { charge, decision, .. } => {
                let refusable = record.key.as_ref().is_some_and(|k| k.operation == Operation::Authorize);
                let (usage, draws, visits) = (&charge.usage, &decision.draws[..], &decision.visits[..]);
                let at = (record.effective_at.micros().min(now), now);
                let counted = self.take(&Taking { usage, draws, visits, at, refusable, requests: 1 })?;
                self.charged(record.seq, charge, counted);
            }
            Event::Settled { hold, charge, is_late: true } => {
                let visits = charge.excess.as_ref().map_or(&[][..], |e| &e.visits);
                let (usage, draws) = (&charge.usage, &charge.draws[..]);
                let at = (now, now);
                let counted =
                    self.take(&Taking { usage, draws, visits, at, refusable: false, requests: 1 })?;
                self.open.remove(&hold.0);
                self.charged(record.seq, charge, counted);
            }
            Event::Settled { hold, charge, .. } | Event::Expired { hold, charge: Some(charge) } => {
                let at = (now, now);
                self.ends(record.seq, hold.0, charge, at)?;
            }
            Event::Released(hold) | Event::Expired { hold, charge: None } => {
                if let Some(mut open) = self.open.remove(&hold.0) {
                    (0..SPECS.len()).for_each(|at| self.trim(&mut open.counted, at, 0, now));
                }
            }
            Event::Corrected { correcting, charge } => {
                let at = (record.effective_at.micros().min(now), now);
                self.ends(record.seq, correcting.charge, charge, at)?;
            }
            Event::Refunded { charge, amount, .. } => self.refunded(*charge, amount.nano(), now),
            _ => {}
        }
        Ok(())
    }
}
