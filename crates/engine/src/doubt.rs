//! Appends whose answer was lost (rule R1): nobody gets an answer until their fate is certain.
//!
//! An append in doubt is sent again. Both attempts name the same end of the log, so at most one of them is ever
//! stored. Once the second is answered, the first can change nothing. If the second is in conflict, the log shows
//! whether the records there are ours (`every_interleaving_of_two_owners`).

use headworks_core::record::Name;
use headworks_store::{Appended, Batch, Store, StoreError};

/// The open questions about an append, step by step. Asks nothing itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Doubt {
    conflicts: Vec<Name>,
    /// To be appended again.
    in_doubt: Vec<Name>,
    /// In conflict with another writer's records, or with their own from an earlier attempt.
    unread: Vec<Name>,
}

/// The next question.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Asked {
    /// The outcome of the first attempt.
    Append(Vec<Name>),
    /// Whether the log has the records.
    Read(Name),
}

impl Doubt {
    fn of(first: Appended) -> Self {
        Self { conflicts: first.conflicts, in_doubt: first.in_doubt, unread: Vec::new() }
    }

    fn next(&self) -> Option<Asked> {
        let read = self.unread.last().cloned().map(Asked::Read);
        read.or_else(|| (!self.in_doubt.is_empty()).then(|| Asked::Append(self.in_doubt.clone())))
    }

    /// A further attempt was answered.
    fn appended(&mut self, again: Appended) {
        self.in_doubt = again.in_doubt;
        self.unread.extend(again.conflicts);
    }

    /// The log has the account's records, has others, or cannot be read.
    fn read(&mut self, is_stored: Result<bool, StoreError>) {
        let Some(account) = self.unread.pop() else { return };
        match is_stored {
            Ok(true) => {}
            Ok(false) => self.conflicts.push(account),
            Err(e) => {
                tracing::warn!(%account, error = %e, "its log cannot be read while an append is in doubt");
                self.in_doubt.push(account);
            }
        }
    }
}

/// Appends a batch, and asks until the fate of every account is certain. Returns the accounts in conflict; the others
/// are stored. Calls `goes_on` with the attempt's number before each further attempt; it may wait.
///
/// # Errors
/// When the store accepts nothing more, or `goes_on` ends the attempts.
pub(crate) async fn append(
    store: &dyn Store,
    batch: &Batch,
    mut goes_on: impl FnMut(u32) -> bool,
) -> Result<Vec<Name>, StoreError> {
    let mut doubt = Doubt::of(store.append(batch).await?);
    let mut attempt = 0;
    while let Some(asked) = doubt.next() {
        match asked {
            Asked::Append(accounts) => {
                attempt += 1;
                if !goes_on(attempt) {
                    return Err(StoreError::Stopped);
                }
                doubt.appended(store.append(&batch.only(&accounts)).await?);
            }
            Asked::Read(account) => doubt.read(is_stored(store, batch, &account).await),
        }
    }
    Ok(doubt.conflicts)
}

/// Whether the log has an account's records of a batch. It has all of them or none, so the last one decides.
async fn is_stored(store: &dyn Store, batch: &Batch, account: &Name) -> Result<bool, StoreError> {
    let Some(last) = batch.entries().iter().rfind(|entry| entry.account == *account) else { return Ok(true) };
    let found = store.read(account, last.seq, 1).await?;
    Ok(found.first().is_some_and(|stored| stored.seq == last.seq && stored.hash == last.hash))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use headworks_core::record::Name;
    use headworks_store::{Appended, StoreError};

    use super::{Asked, Doubt};

    /// The number of records that each owner writes.
    const RECORDS: u8 = 3;

    /// The owner of a record, and its number among the owner's records.
    type Entry = (u8, u8);

    /// A record under way, with the log before it: the equivalent of a chain hash.
    type Sent = (Vec<Entry>, Entry);

    #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
    enum Step {
        /// The next record is to be appended.
        Append,
        /// Its outcome is in doubt.
        Doubt(Doubt),
        /// Another owner was first: the log must be read again.
        Reload,
    }

    #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
    struct Owner {
        /// The log as the owner knows it.
        known: Vec<Entry>,
        /// The number of its records that it believes stored.
        done: u8,
        step: Step,
    }

    #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
    struct World {
        log: Vec<Entry>,
        owners: [Owner; 2],
        /// Batches in doubt that may still arrive, at any moment.
        under_way: BTreeSet<Sent>,
    }

    fn acme() -> Name {
        Name::new("acme").expect("a name")
    }

    fn conflict() -> Appended {
        Appended { conflicts: vec![acme()], in_doubt: Vec::new() }
    }

    impl World {
        /// The contract: a record is stored if the log ends as the record says.
        fn store(&mut self, (before, entry): &Sent) -> Appended {
            if self.log != *before {
                return conflict();
            }
            self.log.push(*entry);
            // A record that names an earlier end can never be stored any more.
            let end = self.log.len();
            self.under_way.retain(|(before, _)| before.len() >= end);
            Appended::default()
        }

        /// Every outcome of an append: answered, or in doubt and stored, lost, or under way.
        fn outcomes(&self, sent: &Sent) -> Vec<(Self, Appended)> {
            let in_doubt = || Appended { conflicts: Vec::new(), in_doubt: vec![acme()] };
            let (mut answered, mut stored, mut late) = (self.clone(), self.clone(), self.clone());
            let answer = answered.store(sent);
            stored.store(sent);
            late.under_way.insert(sent.clone());
            vec![(answered, answer), (stored, in_doubt()), (self.clone(), in_doubt()), (late, in_doubt())]
        }

        fn owner(&mut self, which: u8) -> &mut Owner {
            &mut self.owners[usize::from(which)]
        }

        /// Every world after the next call of an owner.
        fn after(&self, which: u8) -> Vec<Self> {
            let owner = &self.owners[usize::from(which)];
            let sent = (owner.known.clone(), (which, owner.done + 1));
            let decided = |mut world: Self, doubt: Doubt| {
                let owner = world.owner(which);
                match doubt.next() {
                    Some(_) => owner.step = Step::Doubt(doubt),
                    None if doubt.conflicts.is_empty() => {
                        owner.known.push(sent.1);
                        (owner.done, owner.step) = (owner.done + 1, Step::Append);
                    }
                    None => owner.step = Step::Reload,
                }
                world
            };
            match &owner.step {
                Step::Append if owner.done == RECORDS => Vec::new(),
                Step::Append => {
                    let outcomes = self.outcomes(&sent).into_iter();
                    outcomes.map(|(world, appended)| decided(world, Doubt::of(appended))).collect()
                }
                Step::Doubt(doubt) => match doubt.next().expect("it is in doubt") {
                    Asked::Append(accounts) => {
                        assert_eq!(accounts, [acme()]);
                        let again = |(world, appended)| {
                            let mut doubt = doubt.clone();
                            doubt.appended(appended);
                            decided(world, doubt)
                        };
                        self.outcomes(&sent).into_iter().map(again).collect()
                    }
                    Asked::Read(_) => {
                        let is_ours = self.log.get(sent.0.len()) == Some(&sent.1);
                        let lost = || StoreError::Refused("the connection was lost".into());
                        [Ok(is_ours), Err(lost())]
                            .map(|read| {
                                let mut doubt = doubt.clone();
                                doubt.read(read);
                                decided(self.clone(), doubt)
                            })
                            .into()
                    }
                },
                Step::Reload => {
                    let mut world = self.clone();
                    let log = world.log.clone();
                    let owner = world.owner(which);
                    (owner.known, owner.step) = (log, Step::Append);
                    vec![world]
                }
            }
        }

        /// Every world after one append under way arrives.
        fn arrivals(&self) -> impl Iterator<Item = Self> {
            self.under_way.iter().map(|sent| {
                let mut world = self.clone();
                world.under_way.remove(sent);
                world.store(sent);
                world
            })
        }

        /// Records that owners believe stored are stored, in their order, and nothing is stored twice.
        fn check(&self) {
            for (which, owner) in (0..).zip(&self.owners) {
                let own: Vec<u8> = self.log.iter().filter(|e| e.0 == which).map(|e| e.1).collect();
                let done: Vec<u8> = (1..=owner.done).collect();
                assert!(own.starts_with(&done) && own.len() <= done.len() + 1, "{self:?}");
                assert!(own.is_sorted_by(|a, b| a < b), "{self:?}");
                if owner.done == RECORDS {
                    assert_eq!(own, done, "{self:?}");
                }
            }
        }
    }

    /// Two owners of one account write three records each. Every append is answered, lost, late or without an answer,
    /// at every moment, any number of times. An owner is never wrong about the
    /// stored records, and both can always finish.
    #[test]
    fn every_interleaving_of_two_owners() {
        let owner = Owner { known: Vec::new(), done: 0, step: Step::Append };
        let first = World { log: Vec::new(), owners: [owner.clone(), owner], under_way: BTreeSet::new() };
        let (mut seen, mut open) = (BTreeSet::from([first.clone()]), vec![first]);
        let mut ends = BTreeSet::new();
        while let Some(world) = open.pop() {
            world.check();
            if world.owners.iter().all(|owner| owner.done == RECORDS) {
                ends.insert(world.log.clone());
            }
            let next = world.after(0).into_iter().chain(world.after(1)).chain(world.arrivals());
            open.extend(next.filter(|world| seen.insert(world.clone())));
        }
        // Every order of three records of one owner and three of the other: 6! / (3! 3!).
        assert_eq!(ends.len(), 20);
        assert!(seen.len() > 10_000, "{}", seen.len());
    }
}
