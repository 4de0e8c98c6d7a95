//! Denials of accounts in memory: remembered for retries, and kept until they are recorded together.

use std::collections::VecDeque;

use headworks_core::account::Account;
use headworks_core::catalog::Catalog;
use headworks_core::record::{Denial, Denials, Instant, Key, Name, Outcome, Span};

/// A denial remembered under its key.
pub(crate) struct Remembered {
    pub(crate) key: Option<Key>,
    pub(crate) denial: Denial,
    /// Whether its explanation is kept.
    pub(crate) is_kept: bool,
    /// The end of the account's log and the catalog when it was decided. The end by its hash: another writer's record may
    /// have taken the number of one that was never stored (`what_rests_on_a_lost_record_is_no_answer`).
    on: ([u8; 32], Name),
    /// It answers retries until this instant.
    until: Instant,
}

impl Remembered {
    /// Whether it still answers a retry: nothing that it depended on has changed, and no way around it has opened.
    pub(crate) fn answers(&self, account: &Account, catalog: &Catalog, now: Instant) -> bool {
        now < self.until && self.on.0 == account.chain && self.on.1 == catalog.version
    }
}

/// The most denials remembered for one account.
const REMEMBERED_MAX: usize = 32;
/// The longest time for which the key of a denial is remembered.
const REMEMBERED: Span = Span::from_secs(30);
/// The most bytes of explanations kept at once for one account, and the time
/// until the full amount is available again.
const KEPT_BYTES_MAX: u64 = 256 * 1_024;
const KEPT_REFILL: Span = Span::from_secs(6 * 3_600);
/// The most explanations in one record.
pub(crate) const EXPLAINED_MAX: usize = 64;

/// Denials of one account since the last record of denials.
#[derive(Default)]
pub(crate) struct DenialLog {
    pub(crate) recent: VecDeque<Remembered>,
    pub(crate) unwritten: Option<Denials>,
    /// Bytes of explanations that still count against [`KEPT_BYTES_MAX`], as of an instant.
    kept: (u64, Instant),
}

impl DenialLog {
    /// Takes in a denial; returns whether its explanation is kept. A flood of denials cannot fill a disk.
    pub(crate) fn push(
        &mut self,
        key: Option<Key>,
        denial: Denial,
        account: &Account,
        catalog: &Catalog,
    ) -> bool {
        let at = denial.at;
        let is_kept = self.keeps(&denial);
        let log = self.unwritten.get_or_insert_with(|| Denials {
            count: 0,
            first_at: at,
            last_at: at,
            recent: Vec::new(),
        });
        log.count += 1;
        log.last_at = at;
        if is_kept {
            log.recent.push(denial.clone());
        }
        if self.recent.len() == REMEMBERED_MAX {
            self.recent.pop_front();
        }
        let ways = denial.decision.unblock.iter().flat_map(|u| &u.ways);
        let until = ways.filter_map(|w| w.at).fold(at.after(REMEMBERED), Instant::min);
        // A request that needs consent comes again with the consent. A caller without
        // a reported instant may come back at once.
        let comes_again = match denial.decision.outcome {
            Outcome::NeedsConsent => true,
            Outcome::Wait => denial.decision.unblock.as_ref().is_none_or(|u| u.at().is_none()),
            Outcome::Allow | Outcome::Partial | Outcome::Deny => false,
        };
        let key = key.filter(|_| !comes_again);
        let on = (account.chain, catalog.version.clone());
        self.recent.push_back(Remembered { key, denial, is_kept, on, until });
        is_kept
    }

    /// A denial remembered at the end `before` stays valid at `now`: the record in between only reports denials.
    pub(crate) fn follow(&mut self, before: [u8; 32], now: [u8; 32]) {
        for remembered in self.recent.iter_mut().filter(|r| r.on.0 == before) {
            remembered.on.0 = now;
        }
    }

    fn keeps(&mut self, denial: &Denial) -> bool {
        let (used, since) = self.kept;
        let drained = u128::from(denial.at.since(since).micros()) * u128::from(KEPT_BYTES_MAX)
            / u128::from(KEPT_REFILL.micros());
        let used = used.saturating_sub(u64::try_from(drained).unwrap_or(u64::MAX));
        let bytes = u64::try_from(denial.size()).unwrap_or(u64::MAX);
        let fits = used.saturating_add(bytes) <= KEPT_BYTES_MAX;
        self.kept = (if fits { used + bytes } else { used }, denial.at);
        fits
    }
}
