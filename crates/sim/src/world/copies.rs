//! Copies of the ledger: backups, restores and erasures, each interrupted between any two steps, repeatedly.
//!
//! C1 an interrupted copy is no ledger, or is unchanged. C2 the same command then finishes, with every record that
//! was stored when it began, and nothing else. C3 an erased ledger
//! reconciles, replays, keeps its hashes, and goes on.

use std::collections::BTreeMap;
use std::sync::Arc;

use headworks_audit::reconcile::{Progress, reconcile};
use headworks_audit::replay::replay;
use headworks_core::record::{Erasure, Event, Instant, Level, Name, Record, Segment, Span};
use headworks_store::{
    Disk, Embedded, MemoryIndex, Store, StoreError, Stored, backup_on, erase_on, restore_on, wait,
};

use super::owners::options;
use super::{Broken, World};
use crate::catalog::{ACCOUNTS, KEYS, TEAMS, USERS};
use crate::disk::{Faults, SimDisk};
use crate::op::name;

/// The most attempts that may be interrupted before one runs to the end.
const CUT_OFF_MAX: usize = 4;
/// The most disk operations of a command before it is interrupted.
const STEPS: usize = 40;

type Logs = BTreeMap<Name, Vec<Stored>>;

fn fail(e: StoreError) -> Broken {
    Broken(e.to_string())
}

fn logs(store: &dyn Store) -> Result<Logs, Broken> {
    let read =
        |account: Name| Ok((account.clone(), wait(store.read(&account, 1, usize::MAX)).map_err(fail)?));
    wait(store.accounts(None, usize::MAX)).map_err(fail)?.into_iter().map(read).collect()
}

fn open(disk: &SimDisk) -> Result<Embedded, StoreError> {
    Embedded::on(Arc::new(disk.clone()), Arc::new(MemoryIndex::default()), options())
}

/// The ledger on a disk; `None` if there is none, or it is unfinished. Does not change it.
fn found(disk: &SimDisk) -> Result<Option<Logs>, Broken> {
    let disk = disk.snapshot();
    if !disk.has("journal").map_err(|e| Broken(e.to_string()))? {
        return Ok(None);
    }
    match open(&disk) {
        Ok(store) => logs(&store).map(Some),
        Err(StoreError::Unfinished(_)) => Ok(None),
        Err(e) => Err(Broken(format!("what was cut off does not open: {e}"))),
    }
}

impl World {
    /// Copies a ledger, and checks the copy.
    pub(super) fn copy(&mut self) -> Result<(), Broken> {
        self.say(|| "a backup".into());
        self.poll()?;
        if self.stopped().is_some() {
            return self.crash();
        }
        let (from, kept) = (self.disk.clone(), self.kept.clone());
        self.cut_off(&kept, |to| backup_on(&from, &**to).map(drop))?;
        let stored = logs(&*self.store)?;
        if found(&kept)?.as_ref() != Some(&stored) {
            return Err(Broken("the backup is not what was stored".into()));
        }
        if self.random.chance(300) {
            return self.restore_to(&kept, &stored);
        }
        let restored = self.empty();
        self.cut_off(&restored, |to| restore_on(&kept, to, None).map(drop))?;
        if found(&restored)?.as_ref() != Some(&stored) {
            return Err(Broken("what was restored is not the backup".into()));
        }
        if self.random.chance(300) {
            self.coverage.fault("moved to a restored ledger");
            self.say(|| "the server moves to what was restored".into());
            self.flying.clear();
            self.check_rested()?;
            restored.set_faults(self.swarm.faults);
            (self.disk, self.kept) = (restored, self.empty());
            self.index = Arc::new(MemoryIndex::default());
            self.open()?;
            return self.check_acknowledged();
        }
        self.erase(restored, 1 + self.random.below(2)).map(drop)
    }

    fn empty(&self) -> SimDisk {
        SimDisk::new(Arc::clone(&self.random), Arc::clone(&self.coverage), Faults::default())
    }

    /// Runs a command that writes to a disk: interrupts it a few times, then lets it finish.
    fn cut_off(
        &self,
        to: &SimDisk,
        command: impl Fn(&Arc<dyn Disk>) -> Result<(), StoreError>,
    ) -> Result<(), Broken> {
        let disk: Arc<dyn Disk> = Arc::new(to.clone());
        let before = found(to)?;
        for _ in 0..self.random.below(CUT_OFF_MAX + 1) {
            to.set_faults(self.swarm.faults);
            to.end_after(Some(1 + self.random.below(STEPS)));
            let done = command(&disk);
            to.end_after(None);
            to.set_faults(Faults { keeps: self.swarm.faults.keeps, ..Faults::default() });
            // A command that succeeded is durable.
            if done.is_ok() || self.random.chance(600) {
                to.crash();
            }
            self.coverage.fault(if done.is_ok() { "copied" } else { "copy cut off" });
            let Some(after) = found(to)? else { continue };
            let is_there = |(account, log): (&Name, &Vec<Stored>)| {
                after.get(account).is_some_and(|later| later.starts_with(log))
            };
            if !before.iter().flatten().all(is_there) {
                return Err(Broken("a copy that was whole has lost records".into()));
            }
            // A command interrupted after its last step is done.
            if done.is_ok() || before.is_none() {
                return Ok(());
            }
        }
        command(&disk).map_err(fail)?;
        to.set_faults(Faults::default());
        to.crash();
        Ok(())
    }

    /// Restores to an instant: each account ends before its first record at or after it.
    fn restore_to(&mut self, from: &SimDisk, stored: &Logs) -> Result<(), Broken> {
        let until = self.clock.now().before(Span::from_secs(self.random.next() % 200_000));
        self.coverage.fault("restored to an instant");
        let to = self.empty();
        self.cut_off(&to, |to| restore_on(from, to, Some(until)).map(drop))?;
        let restored = found(&to)?.unwrap_or_default();
        let at = |r: &Stored| Record::recorded_at(&r.bytes).unwrap_or(Instant::NEVER);
        for (account, log) in stored {
            let before: Vec<&Stored> = log.iter().take_while(|r| at(r) < until).collect();
            let is: Vec<&Stored> = restored.get(account).into_iter().flatten().collect();
            if is != before {
                return Err(Broken(format!("{account} is not what it was before {until}")));
            }
        }
        self.check_copy(&to, "what was restored to an instant")
    }

    /// Erases personal data repeatedly, each time into a new ledger; returns the last ledger.
    pub(super) fn erase(&mut self, from: SimDisk, times: usize) -> Result<SimDisk, Broken> {
        let mut from = from;
        for _ in 0..times {
            let account = name(self.random.pick(&ACCOUNTS).copied().unwrap_or("zero"));
            let (level, names): (_, &[&str]) = match self.random.below(3) {
                0 => (Level::User, &USERS),
                1 => (Level::Team, &TEAMS),
                _ => (Level::Key, &KEYS),
            };
            let who = self.random.pick(names).copied().unwrap_or("ann");
            let segment = Segment { level, name: name(who) };
            self.say(|| format!("{segment} of {account} is erased"));
            let secret = [u8::try_from(self.random.below(256)).unwrap_or(0); 32];
            let erasure = Erasure { segments: vec![segment], dimensions: Vec::new(), secret };
            let before = found(&from)?.unwrap_or_default();
            if !before.get(&account).into_iter().flatten().any(|r| has(r, level, who)) {
                continue;
            }
            let (to, now) = (self.empty(), self.clock.now());
            self.cut_off(&to, |to| erase_on(&from, to, &account, &erasure, (now, None)).map(drop))?;
            let after = found(&to)?.unwrap_or_default();
            for (of, log) in &before {
                let now: Vec<&Stored> = after.get(of).into_iter().flatten().collect();
                check_erased(of, log, &now, (*of == account).then_some(who))?;
            }
            self.check_copy(&to, "the erased ledger")?;
            from = to;
            // A copy of an erased ledger is just as valid.
            if self.random.chance(400) {
                let (again, older) = (self.empty(), from.clone());
                let until = self
                    .random
                    .chance(500)
                    .then(|| self.clock.now().before(Span::from_secs(self.random.next() % 100_000)));
                if self.random.chance(500) {
                    self.cut_off(&again, |to| restore_on(&older, to, until).map(drop))?;
                } else {
                    self.cut_off(&again, |to| backup_on(&older, &**to).map(drop))?;
                }
                self.check_copy(&again, "a copy of the erased ledger")?;
                if until.is_none() {
                    from = again;
                }
            }
        }
        Ok(from)
    }

    /// The server goes on with a ledger after an erasure.
    pub(super) fn go_on_erased(&mut self) -> Result<(), Broken> {
        if self.random.chance(700) {
            return Ok(());
        }
        self.coverage.fault("went on after an erasure");
        let whole = self.empty();
        backup_on(&self.disk, &whole).map_err(fail)?;
        self.disk = self.erase(whole, 2)?;
        self.index = Arc::new(MemoryIndex::default());
        self.open()?;
        for _ in 0..20 {
            let account = self.random.below(ACCOUNTS.len());
            let body = self.body(account);
            self.submit(account, body)?;
            self.commit_all();
        }
        self.maintain_all();
        self.commit_all();
        if let Some(why) = self.stopped() {
            return Err(Broken(format!("the erased ledger stops: {why}")));
        }
        self.check_copy(&self.disk, "what followed an erasure")
    }

    /// The copy reconciles and replays.
    pub(super) fn check_copy(&self, disk: &SimDisk, what: &str) -> Result<(), Broken> {
        let store = open(&disk.snapshot()).map_err(fail)?;
        let report = reconcile(&store, 1, &Progress::default()).map_err(fail)?;
        if !report.is_clean() {
            return Err(Broken(format!("{what} does not reconcile: {:?}", report.findings)));
        }
        let report = replay(&store, 1, &Progress::default()).map_err(fail)?;
        if report.found > 0 {
            return Err(Broken(format!("{what} does not replay: {:?}", report.differing)));
        }
        Ok(())
    }
}

/// Compares a log with its copy after an erasure; `who` is erased, if this is the account in question.
fn check_erased(
    account: &Name,
    before: &[Stored],
    after: &[&Stored],
    who: Option<&str>,
) -> Result<(), Broken> {
    let broken = |seq: u64, what: &str| Err(Broken(format!("{account}, record {seq}: {what}")));
    let mut more = after.iter();
    for (was, is) in before.iter().zip(more.by_ref()) {
        if was.hash != is.hash {
            return broken(was.seq, "it has another hash after an erasure");
        }
        let record = Record::from_bytes(&is.bytes).map_err(|e| Broken(e.to_string()))?;
        let text = format!("{record:?}");
        if who.is_some_and(|who| text.contains(&format!("\"{who}\""))) {
            return broken(was.seq, "it names who was erased");
        }
        if was.bytes != is.bytes && (who.is_none() || record.erased.is_none()) {
            return broken(was.seq, "it is not the same, and says nothing of an erasure");
        }
    }
    if after.len() < before.len() {
        return broken(0, "records are missing after an erasure");
    }
    for added in more {
        let record = Record::from_bytes(&added.bytes).map_err(|e| Broken(e.to_string()))?;
        if who.is_none() || !matches!(record.event, Event::Erased { .. }) {
            return broken(added.seq, "an erasure has added it");
        }
    }
    Ok(())
}

/// Whether a record names `who`.
fn has(stored: &Stored, level: Level, who: &str) -> bool {
    let segment = format!("Segment {{ level: {level:?}, name: \"{who}\" }}");
    let key = format!("key: Some(\"{who}\")");
    let text = Record::from_bytes(&stored.bytes).map(|record| format!("{record:?}")).unwrap_or_default();
    text.contains(&segment) || level == Level::Key && text.contains(&key)
}
