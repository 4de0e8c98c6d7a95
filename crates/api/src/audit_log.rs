//! The audit log: failed authentication, administrative calls and reads of other people's data. They are noted in memory, equal
//! ones together, and written every few seconds as one record.
//!
//! U1 a call of the scopes `decide` and `record` that is let through takes no lock and notes nothing
//! (`calls_are_noted_by_what_they_need`). U2 an interval has a bounded number of entries of each class, so a flood neither fills
//! a disk nor hides what others do (`a_flood_of_wrong_keys_is_bounded_and_hides_nothing`). U3 an entry has nothing of a key but
//! its id (`no_secret_is_noted`). U4 entries that could not be written are kept, and written the next time
//! (`entries_wait_for_a_busy_store`).

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use headworks_core::record::{AuditEntry, AuditKind, AuditOutcome, Incident, Instant, Label, Name};
use headworks_engine::{Engine, EngineError, Entered, subnet};

use crate::unauthenticated::Network;

/// A call of the API, as its edge names it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Call {
    /// Its name, the same for all its requests, such as `GET /v1/accounts/{id}`.
    pub name: String,
    /// The origin.
    pub network: Network,
}

/// The parts that equal entries share.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Noted {
    pub(crate) kind: AuditKind,
    pub(crate) outcome: AuditOutcome,
    pub(crate) key: Option<Name>,
    network: Option<IpAddr>,
    call: String,
    account: Option<Name>,
}

/// How many, and when.
#[derive(Clone, Copy, Debug)]
struct Tally {
    count: u64,
    first_at: Instant,
    last_at: Instant,
}

impl Tally {
    fn one(at: Instant) -> Self {
        Self { count: 1, first_at: at, last_at: at }
    }

    fn add(&mut self, other: Self) {
        self.count = self.count.saturating_add(other.count);
        self.first_at = self.first_at.min(other.first_at);
        self.last_at = self.last_at.max(other.last_at);
    }
}

/// Calls that share a bound: those of one kind, by whether their caller is known.
type Class = (AuditKind, bool);

/// The most entries of a class in one interval. The rest is one entry for each kind and outcome.
fn entries_max(kind: AuditKind) -> usize {
    match kind {
        AuditKind::Administration | AuditKind::Read => 100,
        AuditKind::Authentication | AuditKind::Decision => 25,
    }
}

/// The calls of one interval.
#[derive(Debug, Default)]
struct Interval {
    noted: HashMap<Noted, Tally>,
    classes: BTreeMap<Class, usize>,
    others: BTreeMap<(AuditKind, AuditOutcome), Tally>,
}

impl Interval {
    fn add(&mut self, noted: Noted, tally: Tally) {
        if let Some(of) = self.noted.get_mut(&noted) {
            of.add(tally);
            return;
        }
        let entries = self.classes.entry((noted.kind, noted.key.is_some())).or_default();
        if *entries < entries_max(noted.kind) {
            *entries += 1;
            self.noted.insert(noted, tally);
        } else {
            self.add_to_others((noted.kind, noted.outcome), tally);
        }
    }

    fn add_to_others(&mut self, of: (AuditKind, AuditOutcome), tally: Tally) {
        self.others.entry(of).and_modify(|others| others.add(tally)).or_insert(tally);
    }

    /// The entries, oldest first.
    fn entries(&self) -> Vec<AuditEntry> {
        let noted = self.noted.iter().map(|(noted, tally)| AuditEntry {
            kind: noted.kind,
            outcome: noted.outcome,
            key: noted.key.clone(),
            network: noted.network.and_then(network),
            call: Label::new(&noted.call).ok(),
            account: noted.account.clone(),
            count: tally.count,
            first_at: tally.first_at,
            last_at: tally.last_at,
            incident: None,
        });
        let others = self.others.iter().map(|((kind, outcome), tally)| AuditEntry {
            kind: *kind,
            outcome: *outcome,
            key: None,
            network: None,
            call: None,
            account: None,
            count: tally.count,
            first_at: tally.first_at,
            last_at: tally.last_at,
            incident: None,
        });
        let mut entries: Vec<AuditEntry> = noted.chain(others).collect();
        entries.sort_by(|a, b| (a.first_at, &a.call, &a.account).cmp(&(b.first_at, &b.call, &b.account)));
        entries
    }
}

/// An address as text; of IPv6 the first 64 bits.
fn network(address: IpAddr) -> Option<Label> {
    let text = match address.to_canonical() {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => format!("{v6}/64"),
    };
    Label::new(&text).ok()
}

/// The calls that are not written yet.
#[derive(Debug)]
pub(crate) struct AuditLog {
    engine: Arc<Engine>,
    interval: Mutex<Interval>,
}

impl AuditLog {
    pub(crate) fn new(engine: Arc<Engine>) -> Self {
        Self { engine, interval: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Interval> {
        self.interval.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, noted: Noted) {
        let tally = Tally::one(self.engine.clock().now());
        self.lock().add(noted, tally);
    }

    /// Notes that a caller could not show who it is.
    pub(crate) fn failed(&self, call: &Call, outcome: AuditOutcome, key: Option<Name>) {
        self.note(Noted {
            kind: AuditKind::Authentication,
            outcome,
            key,
            network: call.network.map(subnet),
            call: call.name.clone(),
            account: None,
        });
    }

    /// Counts a call without an API key: anyone may try that, and it says nothing.
    pub(crate) fn count_without_key(&self) {
        let tally = Tally::one(self.engine.clock().now());
        self.lock().add_to_others((AuditKind::Authentication, AuditOutcome::NoKey), tally);
    }

    /// Writes what was noted since the last time.
    ///
    /// # Errors
    /// When the store is busy or fails; the entries are kept.
    pub(crate) async fn write(&self) -> Result<(), EngineError> {
        let interval = std::mem::take(&mut *self.lock());
        if interval.noted.is_empty() && interval.others.is_empty() {
            return Ok(());
        }
        let written = self.engine.note_calls(interval.entries()).await;
        if written.is_err() {
            let mut current = self.lock();
            for (noted, tally) in interval.noted {
                current.add(noted, tally);
            }
            for (of, tally) in interval.others {
                current.add_to_others(of, tally);
            }
        }
        written
    }
}

/// One request of a caller. When it is over, it is noted once, if there is anything to note.
#[derive(Debug)]
pub(crate) struct Trail {
    log: Option<Arc<AuditLog>>,
    call: Call,
    pub(crate) key: Option<Name>,
    /// The request counts as one that is being answered.
    _entered: Option<Entered>,
    seen: Mutex<Option<(AuditKind, AuditOutcome, Option<Name>)>>,
}

impl Trail {
    pub(crate) fn new(
        log: Option<Arc<AuditLog>>,
        call: Call,
        key: Option<Name>,
        entered: Option<Entered>,
    ) -> Self {
        Self { log, call, key, _entered: entered, seen: Mutex::default() }
    }

    /// An entry that the request begins an incident.
    pub(crate) fn begins(&self, incident: Incident, at: Instant) -> AuditEntry {
        AuditEntry {
            kind: AuditKind::Administration,
            outcome: AuditOutcome::Granted,
            key: self.key.clone(),
            network: self.call.network.map(subnet).and_then(network),
            call: Label::new(&self.call.name).ok(),
            account: None,
            count: 1,
            first_at: at,
            last_at: at,
            incident: Some(incident),
        }
    }

    /// A check of the request: a refusal counts more than what was granted before it.
    pub(crate) fn saw(&self, kind: AuditKind, is_granted: bool, account: Option<&Name>) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let (was, named) = seen.take().map_or((None, None), |(kind, was, named)| (Some((kind, was)), named));
        let is = (kind, if is_granted { AuditOutcome::Granted } else { AuditOutcome::Refused });
        let (kind, outcome) = was.filter(|was| was.1 >= is.1).unwrap_or(is);
        *seen = Some((kind, outcome, account.cloned().or(named)));
    }
}

impl Drop for Trail {
    fn drop(&mut self) {
        let seen = self.seen.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let (Some(log), Some((kind, outcome, account))) = (&self.log, seen) {
            log.note(Noted {
                kind,
                outcome,
                key: self.key.take(),
                network: self.call.network.map(subnet),
                call: std::mem::take(&mut self.call.name),
                account,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use headworks_core::catalog::{Catalog, Format};
    use headworks_core::record::AuditOutcome;
    use headworks_engine::{Clock, Engine, EngineError, Limits};
    use headworks_store::Memory;

    use super::{AuditLog, Call};

    #[tokio::test]
    async fn entries_wait_for_a_busy_store() {
        let catalog =
            Catalog::parse("version = \"t\"\n[meters]\n[features]\n[rate_cards]\n[plans]", Format::Toml)
                .expect("a catalog");
        let full = Limits { waiting_max: 0, ..Limits::default() };
        let engine = Engine::start(Arc::new(Memory::new()), catalog, Arc::new(Clock::new()), full);
        let log = AuditLog::new(engine.expect("starts"));
        for _ in 0..3 {
            log.failed(&Call::default(), AuditOutcome::WrongKey, None);
            log.count_without_key();
            assert!(matches!(log.write().await, Err(EngineError::Overloaded)));
        }
        let counts: Vec<u64> = log.lock().entries().iter().map(|entry| entry.count).collect();
        assert_eq!(counts, [3, 3]);
        log.engine.close();
    }
}
