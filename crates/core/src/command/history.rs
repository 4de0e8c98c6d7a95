//! Earlier records of the account that commands refer back to, looked up as the need arises.

use alloc::vec::Vec;

use super::step::Need;
use crate::record::{Once, Record, Seq};
use crate::waterfall::{Context, Refusal};

/// A source of the earlier records of one account.
pub trait Log {
    /// The error of a look-up.
    type Error;

    /// The record with this number, if there is one.
    ///
    /// # Errors
    /// When it cannot be read.
    fn record(&self, seq: Seq) -> Result<Option<Record>, Self::Error>;

    /// The record of an effect that happens at most once, if there is one.
    ///
    /// # Errors
    /// When it cannot be read.
    fn once(&self, once: Once) -> Result<Option<Record>, Self::Error>;
}

/// The results of look-ups so far.
#[derive(Clone, Debug, Default)]
pub struct History {
    records: Vec<(Seq, Option<Record>)>,
    once: Vec<(Once, Option<Record>)>,
}

/// Why a command stops before it has an answer.
pub(super) enum Stop {
    Refused(Refusal),
    Needs(Need),
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl History {
    /// Nothing has been looked up.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes the record with this number, or that there is none.
    pub fn add_record(&mut self, seq: Seq, found: Option<Record>) {
        self.records.push((seq, found));
    }

    /// Notes the record of an effect that happens at most once, or that there is none.
    pub fn add_once(&mut self, once: Once, found: Option<Record>) {
        self.once.push((once, found));
    }

    /// The record with this number.
    pub(super) fn record(&self, ctx: Context<'_>, seq: Seq) -> Result<&Record, Stop> {
        let looked = self.records.iter().find(|(known, _)| *known == seq);
        let (_, found) = looked.ok_or(Stop::Needs(Need::Record(seq)))?;
        found.as_ref().filter(|r| r.seq <= ctx.account.seq).ok_or(Refusal::UnknownRecord(seq).into())
    }

    /// The record of an effect that happens at most once, if there is one. A replay knows what came later; the state does not.
    pub(super) fn once(&self, ctx: Context<'_>, once: Once) -> Result<Option<&Record>, Stop> {
        let looked = self.once.iter().find(|(known, _)| *known == once);
        let (_, found) = looked.ok_or(Stop::Needs(Need::Once(once)))?;
        Ok(found.as_ref().filter(|r| r.seq <= ctx.account.seq))
    }
}
