//! Incidents: one act for all accounts that match. They are shown first, cut off, and sent again until they are done.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::task::{Context, Waker};

use headworks_core::command::{Command, NewFigure, NewOverride};
use headworks_core::record::{
    AuditEntry, AuditKind, AuditOutcome, Event, Incident, Instant, Name, Path, Record, Span,
};
use headworks_engine::{EngineError, Idempotency, IncidentAsk, IncidentDone, Used};

use super::waiting::poll_until;
use super::{Broken, World};
use crate::catalog::{ACCOUNTS, RAISED};
use crate::history;
use crate::op::{self, Kind, label, name};

/// How often an incident is sent before it must have been done.
const SENT_MAX: usize = 8;

/// How many incidents a simulation has.
const INCIDENTS: usize = 7;

/// The credits that an incident grants to each account.
fn granted(which: usize) -> i128 {
    [2, 1, 3].get(which).copied().unwrap_or(0) * 1_000_000_000
}

fn key(which: usize) -> String {
    format!("incident i{which}")
}

fn has_key(record: &Record, which: usize) -> bool {
    record.key.as_ref().is_some_and(|of| of.text.as_str() == key(which))
}

/// What an incident does, and for whom; always the same.
fn asked(which: usize, begins: Instant) -> IncidentAsk {
    let digest = [u8::try_from(which).unwrap_or(0); 16];
    let grant = |amount, category| op::grant(amount, Kind { category, ..Kind::default() });
    let raise = || {
        let (limit, _, figure) = RAISED.get(which - 5).copied().unwrap_or(RAISED[0]);
        Command::Override(NewOverride {
            limit: name(limit),
            path: Path::default(),
            figure: NewFigure::Written(label(figure)),
            until: Some(begins.after(Span::from_secs(20 * 86_400))),
            reason: Some(label("sorry")),
        })
    };
    let act = match which {
        0 => grant(2, 1),
        1 => grant(1, 0),
        2 => grant(3, 3),
        3 | 4 => op::bank(),
        _ => raise(),
    };
    let features = [None, None, Some("rent"), None, Some("task"), None, Some("gift")];
    let used = features.get(which).copied().flatten().map(|feature| Used {
        features: vec![name(feature)],
        from: begins.after(Span::from_secs(3_600)),
        to: begins.after(Span::from_secs(3 * 86_400)),
    });
    let only = |is: bool, names: &[&str]| -> Vec<Name> {
        names.iter().filter(|_| is).map(|text| name(text)).collect()
    };
    IncidentAsk {
        key: Idempotency { text: label(&key(which)), digest },
        cause: label("sorry"),
        act,
        redeems: which == 3,
        accounts: only(which == 4, &ACCOUNTS[..2]),
        plans: only(which == 2 || which == 5, &["p", "s"]),
        used,
        after: None,
        accounts_max: 1_000,
        records_max: 100_000,
    }
}

fn entry(which: usize, at: Instant) -> AuditEntry {
    AuditEntry {
        kind: AuditKind::Administration,
        outcome: AuditOutcome::Granted,
        key: None,
        network: None,
        call: None,
        account: None,
        count: 1,
        first_at: at,
        last_at: at,
        incident: Some(Incident { id: name(&format!("i{which}")), cause: label("sorry") }),
    }
}

/// The accounts that an answer names.
fn named(answer: &IncidentDone) -> BTreeSet<Name> {
    answer.done.iter().chain(answer.skipped.iter().map(|(account, _)| account)).cloned().collect()
}

impl World {
    /// Shows an incident, runs it, cuts a run off, or names another act by its name.
    pub(super) fn incident(&mut self) -> Result<(), Broken> {
        let which = self.random.below(INCIDENTS);
        let mut ask = asked(which, self.begins);
        self.say(|| format!("incident {which}"));
        if self.random.chance(150) {
            ask.key.digest = [99; 16];
            let engine = Arc::clone(&self.engine);
            let shown = poll_until(&engine, engine.try_incident(&ask));
            return match shown {
                Some(Ok(_)) if self.incidents.begun.contains(&which) => {
                    Err(Broken(format!("incident {which} has two acts")))
                }
                Some(Err(EngineError::KeyReused(..))) => {
                    self.coverage.fault("incident with another act");
                    self.after_incident()
                }
                _ => self.after_incident(),
            };
        }
        if self.random.chance(300) {
            return self.cut_off_incident(&ask, which);
        }
        ask.accounts_max = if self.random.chance(400) { 1 } else { 1_000 };
        let shown = self.show(&ask, which)?;
        let Some(run) = self.run_incident(&ask, which)? else { return self.after_incident() };
        // Nothing else happens meanwhile. Free credits have bounds that several accounts share.
        if let Some(shown) = shown
            && which != 1
            && (shown.done != run.done || named(&shown) != named(&run) || shown.granted != run.granted)
        {
            return Err(Broken(format!("incident {which} was shown as {shown:?} and is {run:?}")));
        }
        self.after_incident()
    }

    fn after_incident(&mut self) -> Result<(), Broken> {
        self.poll()?;
        self.restart_if_stopped()
    }

    /// A run that is not waited for; the process may end as well.
    fn cut_off_incident(&mut self, ask: &IncidentAsk, which: usize) -> Result<(), Broken> {
        self.coverage.fault("incident cut off");
        let engine = Arc::clone(&self.engine);
        let polls = 1 + self.random.below(12);
        {
            let mut run = Box::pin(engine.run_incident(ask, entry(which, self.clock.now()), None));
            let mut context = Context::from_waker(Waker::noop());
            for _ in 0..polls {
                if run.as_mut().poll(&mut context).is_ready() {
                    break;
                }
                if self.random.chance(700) {
                    engine.commit_once();
                }
            }
        }
        if self.random.chance(300) { self.crash() } else { self.after_incident() }
    }

    /// What an incident would do, if nothing else is under way: it names everybody who matches, and changes nothing.
    fn show(&mut self, ask: &IncidentAsk, which: usize) -> Result<Option<IncidentDone>, Broken> {
        self.commit_all();
        self.poll()?;
        if !self.flying.is_empty() || self.stopped().is_some() || self.is_shared() {
            return Ok(None);
        }
        let (matching, before) = self.matching(ask, which)?;
        let engine = Arc::clone(&self.engine);
        let Some(Ok(shown)) = self.all_parts(ask, |ask| poll_until(&engine, engine.try_incident(ask))) else {
            return Ok(None);
        };
        self.coverage.fault("incident shown");
        let (_, after) = self.matching(ask, which)?;
        let all: BTreeSet<Name> = named(&shown).into_iter().chain(before.iter().cloned()).collect();
        if all != matching || shown.before != before.len().try_into().unwrap_or(0) || before != after {
            return Err(Broken(format!(
                "incident {which} is for {matching:?}, {before:?} had it, and {shown:?} is shown"
            )));
        }
        let sum: i128 = shown.granted.values().sum();
        if sum != granted(which) * i128::try_from(shown.done.len()).unwrap_or(0) {
            return Err(Broken(format!("incident {which} would grant {sum} to {:?}", shown.done)));
        }
        Ok(Some(shown))
    }

    fn run_incident(&mut self, ask: &IncidentAsk, which: usize) -> Result<Option<IncidentDone>, Broken> {
        let engine = Arc::clone(&self.engine);
        let at = self.clock.now();
        let run =
            self.all_parts(ask, |ask| poll_until(&engine, engine.run_incident(ask, entry(which, at), None)));
        match run {
            Some(Ok(run)) => {
                if run.before > 0 {
                    self.coverage.fault("incident sent again");
                }
                self.incidents.begun.insert(which);
                self.incidents.done.extend(run.done.iter().map(|account| (account.clone(), which)));
                Ok(Some(run))
            }
            Some(Err(EngineError::Store(e))) => Err(Broken(e.to_string())),
            Some(Err(_)) | None => Ok(None),
        }
    }

    /// Part by part until the end.
    fn all_parts(
        &self,
        ask: &IncidentAsk,
        mut each: impl FnMut(&IncidentAsk) -> Option<Result<IncidentDone, EngineError>>,
    ) -> Option<Result<IncidentDone, EngineError>> {
        let (mut ask, mut all) = (ask.clone(), IncidentDone::default());
        loop {
            let part = match each(&ask)? {
                Ok(part) => part,
                Err(e) => return Some(Err(e)),
            };
            all.done.extend(part.done);
            all.skipped.extend(part.skipped);
            all.before += part.before;
            part.granted.into_iter().for_each(|(unit, n)| *all.granted.entry(unit).or_default() += n);
            match part.next {
                None => return Some(Ok(all)),
                next => {
                    self.coverage.fault("incident in parts");
                    ask.after = next;
                }
            }
        }
    }

    /// The accounts that match by their logs, and those that have had the act.
    fn matching(&self, ask: &IncidentAsk, which: usize) -> Result<(BTreeSet<Name>, BTreeSet<Name>), Broken> {
        let (mut matching, mut had) = (BTreeSet::new(), BTreeSet::new());
        for account in ACCOUNTS.map(name) {
            let log = self.log(&account)?;
            let is_listed =
                if ask.accounts.is_empty() { !log.is_empty() } else { ask.accounts.contains(&account) };
            let on = history::plan(&log);
            let is_on = ask.plans.is_empty() || on.is_some_and(|plan| ask.plans.contains(plan));
            let has_used = ask.used.as_ref().is_none_or(|used| log.iter().any(|record| is_use(record, used)));
            if is_listed && (log.is_empty() || is_on && has_used) {
                if log.iter().any(|record| has_key(record, which)) {
                    had.insert(account.clone());
                }
                matching.insert(account);
            }
        }
        Ok((matching, had))
    }

    /// Every begun incident is sent again: everybody who matches has it once, or is named with the reason.
    pub(super) fn finish_incidents(&mut self) -> Result<(), Broken> {
        for which in self.incidents.begun.clone() {
            let ask = asked(which, self.begins);
            // Others may wait to be stored, so that it is refused; it is sent again once they are.
            let mut run = None;
            for _ in 0..SENT_MAX {
                self.commit_all();
                self.poll()?;
                run = self.run_incident(&ask, which)?;
                if run.is_some() {
                    break;
                }
            }
            let run = run.ok_or_else(|| Broken(format!("incident {which} does not end")))?;
            self.commit_all();
            let (matching, had) = self.matching(&ask, which)?;
            let skipped: BTreeSet<Name> = run.skipped.into_iter().map(|(account, _)| account).collect();
            let all: BTreeSet<Name> = had.union(&skipped).cloned().collect();
            if all != matching || !had.is_disjoint(&skipped) {
                return Err(Broken(format!(
                    "incident {which} is for {matching:?}, {had:?} have it and {skipped:?} cannot"
                )));
            }
        }
        for (account, which) in &self.incidents.done {
            let firsts = self
                .log(account)?
                .iter()
                .filter(|record| has_key(record, *which) && !matches!(record.event.kind(), "reset_redeemed"))
                .count();
            if firsts != 1 {
                return Err(Broken(format!("{account} has incident {which} {firsts} times")));
            }
        }
        Ok(())
    }
}

/// A request that was granted or extended, or use that was settled or recorded; no closing of a day.
fn is_use(record: &Record, used: &Used) -> bool {
    let usage = match &record.event {
        Event::Authorized { usage, .. } | Event::Extended { usage, .. } => usage,
        Event::Settled { charge, .. } => &charge.usage,
        Event::Charged { charge, .. } if !charge.closes() => &charge.usage,
        Event::Expired { charge: Some(charge), .. } => &charge.usage,
        _ => return false,
    };
    used.from <= record.effective_at
        && record.effective_at < used.to
        && used.features.contains(&usage.feature)
}
