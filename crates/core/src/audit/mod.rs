//! Reconciliation: computes every dataset of a log again from the one before it, and names each record that differs.
//!
//! Charges follow from usage and its prices, movements from charges, balances and state from movements, and the chain
//! from the bytes. Deliberately its own arithmetic: it shares the fold with the engine, nothing of the waterfall.
//! Never changes anything and never stops at the first finding.
//! A1 an altered record is named, in any dataset (`any_altered_field_is_named`).
//! A2 a log that the engine wrote has no finding (`a_written_log_reconciles`, and every server test at its end).
//! Units: nano-credits.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::account::Account;
use crate::catalog::Catalog;
use crate::record::{Event, Name, Record, Seq, chain};

mod charges;
mod finding;
mod lines;
mod movements;
mod past;
mod pauses;
pub mod replay;
mod shifts;
pub mod statement;
mod volumes;
pub mod what_if;

use charges::{check_money, check_uses};
pub use finding::{Dataset, Finding};
use movements::check_movements;
pub use past::Left;
use past::Past;
use pauses::check_pause;
use shifts::check_shifts;
use volumes::check_volumes;

const ALTERED: &str = "it is not what was left when it was erased";

/// Whether a later record vouches for the present content of an erased one.
#[derive(Clone, Copy, Debug)]
enum Vouched {
    NotYet,
    Yes,
    Other,
}

/// The charge that a record gives back or corrects, and how many refunds of it came before.
fn refers_to(record: &Record) -> Option<(Seq, u8)> {
    if let Event::Refunded { charge, before, .. } = record.event {
        Some((charge, before))
    } else if let Event::Corrected { correcting, .. } = &record.event {
        Some((correcting.charge, 0))
    } else {
        None
    }
}

/// Reconciles the log of one account, record by record.
#[derive(Debug)]
pub struct Auditor<'a> {
    account: Account,
    /// The hash the next record follows, as stored.
    chain: [u8; 32],
    seq: Seq,
    /// Whether the state still follows from the log.
    folds: bool,
    /// Every catalog that was ever in force.
    catalogs: &'a [Catalog],
    past: Past,
    /// The digests of erased records, and whether the last record that names each one agrees.
    erased: BTreeMap<Seq, ([u8; 32], Vouched)>,
    findings: Vec<Finding>,
}

impl<'a> Auditor<'a> {
    /// Before the first record. Prices are compared with those of `catalogs`: every one that was ever in force, or none.
    #[must_use]
    pub fn new(account: &Name, catalogs: &'a [Catalog]) -> Self {
        let account = Account::empty(account.clone());
        Self {
            chain: account.chain,
            account,
            seq: 0,
            folds: true,
            catalogs,
            past: Past::default(),
            erased: BTreeMap::new(),
            findings: Vec::new(),
        }
    }

    /// The same, of a log of any length: charges are looked up as later records refer to them, see [`Self::record_with`].
    #[must_use]
    pub fn recalling(account: &Name, catalogs: &'a [Catalog]) -> Self {
        let mut auditor = Self::new(account, catalogs);
        auditor.past.recalls = true;
        auditor
    }

    /// The state up to the point where the log folds.
    #[must_use]
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// The findings so far.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// All findings.
    #[must_use]
    pub fn into_findings(mut self) -> Vec<Finding> {
        for (seq, (_, vouched)) in core::mem::take(&mut self.erased) {
            let what = match vouched {
                Vouched::Yes => continue,
                Vouched::NotYet => "it says that it was erased, and no later record vouches for it",
                Vouched::Other => ALTERED,
            };
            self.findings.push(Finding { seq, dataset: Dataset::Chain, what: what.into() });
        }
        self.findings
    }

    fn find(&mut self, dataset: Dataset, what: impl Into<String>) {
        self.findings.push(Finding { seq: self.seq, dataset, what: what.into() });
    }

    /// Notes that the store could not give the record after the last one.
    pub fn unreadable(&mut self, what: &str) {
        self.seq += 1;
        self.find(Dataset::Chain, what);
        self.folds = false;
    }

    /// Notes that the last record is not found where it should be.
    pub fn misfiled(&mut self, what: &str) {
        self.find(Dataset::Chain, what);
    }

    /// Looks at the next record as stored, and gives it back if it can be read.
    pub fn record(&mut self, seq: Seq, hash: [u8; 32], bytes: &[u8]) -> Option<Record> {
        self.record_with(seq, hash, bytes, |_, _| None)
    }

    /// The same. `recall` gives what the first refunds of a charge, so many of them, have left of it.
    pub fn record_with(
        &mut self,
        seq: Seq,
        hash: [u8; 32],
        bytes: &[u8],
        recall: impl FnOnce(Seq, u8) -> Option<Left>,
    ) -> Option<Record> {
        self.seq += 1;
        if seq != self.seq {
            self.find(Dataset::Chain, format!("the store numbers it {seq}"));
        }
        let decoded = Record::from_bytes(bytes);
        let linked = match &decoded {
            Ok(record) => record.link(&self.chain, bytes),
            Err(_) => chain(&self.chain, bytes),
        };
        if linked != hash {
            self.find(
                Dataset::Chain,
                "its bytes do not have the stored hash: they were altered, or it was moved",
            );
        }
        self.chain = hash;
        match decoded {
            Err(e) => {
                self.find(Dataset::Chain, e.to_string());
                self.folds = false;
                None
            }
            Ok(record) if record.to_bytes() != bytes => {
                self.find(Dataset::Chain, "its bytes are not canonical");
                self.folds = false;
                None
            }
            Ok(record) => {
                if record.erased.is_some() {
                    self.erased.insert(seq, (*blake3::hash(bytes).as_bytes(), Vouched::NotYet));
                }
                if let Some((charge, before)) =
                    refers_to(&record).filter(|(charge, _)| self.past.recalls && *charge < seq)
                {
                    self.past.charges.extend(recall(charge, before).map(|left| (charge, left)));
                }
                self.decoded(&record, hash);
                Some(record)
            }
        }
    }

    fn decoded(&mut self, record: &Record, hash: [u8; 32]) {
        if record.seq != self.seq {
            self.find(Dataset::Chain, format!("it calls itself {}", record.seq));
        }
        if record.recorded_at <= self.account.recorded_at && self.account.seq > 0 {
            self.find(Dataset::State, "it was recorded before the one it follows");
        }
        if record.parents.iter().any(|parent| *parent == 0 || *parent >= self.seq) {
            self.find(Dataset::Chain, "it names a parent that does not come before it");
        }
        let mut found = Vec::new();
        check_uses(record, self.catalogs, &mut found);
        if self.folds {
            check_money(record, &self.account, &mut found);
            check_pause(record, &self.account, &mut found);
            check_volumes(record, &self.account, &mut found);
            check_shifts(record, &self.account, &self.past, &mut found);
            if check_movements(record, &self.account, &self.past, &mut found).is_none() {
                found.push((Dataset::Balance, "it ends a hold or names a grant that is not open".into()));
            }
        }
        for (dataset, what) in found {
            self.find(dataset, what);
        }
        if let Event::Erased { records: list, .. } = &record.event {
            for erased in list {
                // A record that is erased again differs from the result of the first erasure: the last one counts.
                if let Some((digest, vouched)) = self.erased.get_mut(&erased.seq) {
                    *vouched = if *digest == erased.digest { Vouched::Yes } else { Vouched::Other };
                } else {
                    let seq = erased.seq;
                    self.findings.push(Finding { seq, dataset: Dataset::Chain, what: ALTERED.into() });
                }
            }
        }
        self.past.take(record, &self.account);
        if !self.folds {
            return;
        }
        if let Err(e) = self.account.apply(record, hash) {
            self.find(Dataset::State, format!("{}; the records after it were compared less closely", e.what));
            self.folds = false;
        } else if let Err(what) = self.account.check() {
            self.find(Dataset::Balance, what);
        }
    }

    /// Compares a checkpoint of the state after the last record.
    pub fn checkpoint(&mut self, seq: Seq, bytes: &[u8]) {
        if self.folds && seq == self.account.seq && self.account.to_bytes() != bytes {
            self.find(Dataset::State, "the checkpoint after it is not what the log folds into");
        }
    }
}
