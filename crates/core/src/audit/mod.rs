//! Reconciliation: every dataset of a log computed again from the one before it, and each record that differs named.
//!
//! Charges follow from usage and its prices, movements from charges, balances and state from movements, and the chain
//! from the bytes. Deliberately its own arithmetic: it shares the fold with the engine, nothing of the waterfall.
//! Never changes anything and never stops at the first finding.
//! A1 an altered record is named, whichever dataset it is in (`any_altered_field_is_named`).
//! A2 a log that the engine wrote has no finding (`a_written_log_reconciles`, and every server test at its end).
//! Units: nano-credits.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use hashbrown::{HashMap, HashSet};

use crate::account::Account;
use crate::catalog::Catalog;

use crate::record::{Draws, Event, GrantId, Instant, Name, Periodic, Record, Seq, chain};

mod charges;
mod movements;
pub mod replay;
pub mod statement;
pub mod what_if;

use charges::{check_money, check_uses};
use movements::check_movements;

/// Which of the linked datasets a finding is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dataset {
    /// The bytes and their chain.
    Chain,
    /// What was used.
    Usage,
    /// What it costs and who pays.
    Monetization,
    /// How balances moved.
    Balance,
    /// The state that the log folds into.
    State,
}

impl Dataset {
    /// The word used in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Chain => "chain",
            Self::Usage => "usage",
            Self::Monetization => "monetization",
            Self::Balance => "balance",
            Self::State => "state",
        }
    }
}

/// A record that differs from what it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The record.
    pub seq: Seq,
    /// Where it differs.
    pub dataset: Dataset,
    /// What it says and what follows from the records before it.
    pub what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "record {}, {}: {}", self.seq, self.dataset.as_str(), self.what)
    }
}

/// What later records of an account refer back to.
#[derive(Debug, Default)]
struct Past {
    /// What each charge drew.
    charges: HashMap<Seq, Draws>,
    /// When each grant expires.
    expiries: HashMap<GrantId, Instant>,
    voided: HashSet<GrantId>,
}

impl Past {
    fn take(&mut self, record: &Record, before: &Account) {
        if let Some(charge) = record.charge() {
            self.charges.insert(record.seq, charge.draws.clone());
        }
        if let Event::Corrected { correcting, .. } = &record.event {
            self.charges.remove(&correcting.charge);
        }
        if let Some(terms) = &record.opens {
            self.expiries.insert(GrantId(record.seq), terms.expires_at);
        }
        if let Event::Voided { grant: id, .. } = record.event {
            self.voided.insert(id);
        }
        // A billing anchor that moves ends the periods that follow it.
        if let Event::Periodic(event) = &record.event
            && let Periodic::PlanChanged(change) = &**event
            && change.moved_from.is_some()
        {
            let anchor = change.settings.billing_anchor;
            for schedule in before.extras().schedules.iter().filter(|s| s.restarts_at(anchor)) {
                self.expiries.insert(schedule.current, anchor);
            }
        }
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
    /// Erased records that no later record has vouched for yet.
    erased: BTreeMap<Seq, [u8; 32]>,
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

    /// The state as far as the log folds.
    #[must_use]
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// What was found.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// What was found, in the end.
    #[must_use]
    pub fn into_findings(mut self) -> Vec<Finding> {
        for seq in core::mem::take(&mut self.erased).into_keys() {
            let what = "it says that it was erased, and no later record vouches for it".into();
            self.findings.push(Finding { seq, dataset: Dataset::Chain, what });
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

    /// Looks at the next record as stored.
    pub fn record(&mut self, seq: Seq, hash: [u8; 32], bytes: &[u8]) {
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
            }
            Ok(record) if record.to_bytes() != bytes => {
                self.find(Dataset::Chain, "its bytes are not canonical");
                self.folds = false;
            }
            Ok(record) => {
                if record.erased.is_some() {
                    self.erased.insert(seq, *blake3::hash(bytes).as_bytes());
                }
                self.decoded(&record, hash);
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
            if check_movements(record, &self.account, &self.past, &mut found).is_none() {
                found.push((Dataset::Balance, "it ends a hold or names a grant that is not open".into()));
            }
        }
        for (dataset, what) in found {
            self.find(dataset, what);
        }
        if let Event::Erased { records: list, .. } = &record.event {
            for erased in list {
                if self.erased.remove(&erased.seq) != Some(erased.digest) {
                    let what = "it is not what was left when it was erased".into();
                    self.findings.push(Finding { seq: erased.seq, dataset: Dataset::Chain, what });
                }
            }
        }
        self.past.take(record, &self.account);
        if !self.folds {
            return;
        }
        if let Err(e) = self.account.apply(record, hash) {
            self.find(Dataset::State, format!("{}; what comes after it was compared less closely", e.what));
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

type Found = Vec<(Dataset, String)>;
