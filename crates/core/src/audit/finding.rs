//! The findings of an audit: a record, the dataset in which it differs, and its proper value.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::record::Seq;

/// The linked dataset that a finding is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dataset {
    /// The bytes and their chain.
    Chain,
    /// The use.
    Usage,
    /// Its cost and its payers.
    Monetization,
    /// The movements of balances.
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
    /// The dataset that differs.
    pub dataset: Dataset,
    /// What it says, and what follows from the records before it.
    pub what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "record {}, {}: {}", self.seq, self.dataset.as_str(), self.what)
    }
}

/// The findings in one record.
pub(super) type Findings = Vec<(Dataset, String)>;
