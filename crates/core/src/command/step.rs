//! The answer to a command: what to append or count, a denial, or what must be looked up first.

use alloc::boxed::Box;

use super::draft::Draft;
use crate::record::{Decision, Once, Seq, Use};
use crate::waterfall::Wanted;

/// What a command makes of the state.
#[derive(Clone, Debug)]
pub enum Step {
    /// It is done, or granted: what to append.
    Append(Box<Draft>),
    /// Granted for a feature that is not recorded: what to count.
    Count(Use, Decision),
    /// Denied, postponed, or consent is needed: what was asked. Nothing changes.
    Deny(Use, Decision),
    /// Nothing yet: this must be looked up first.
    Needs(Need),
}

/// What must be looked up before a command can be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// A record of the account, for [`super::History::add_record`].
    Record(Seq),
    /// The record of what happens at most once, for [`super::History::add_once`].
    Once(Once),
    /// What only a running engine knows of the request, for [`crate::waterfall::Context::live`].
    Live(Box<Wanted>),
}

impl Step {
    /// What to append, if anything is.
    #[must_use]
    pub fn into_draft(self) -> Option<Draft> {
        if let Self::Append(draft) = self { Some(*draft) } else { None }
    }

    /// The decision, where a request was decided.
    #[must_use]
    pub fn decision(&self) -> Option<&Decision> {
        match self {
            Self::Append(draft) => draft.event.decision(),
            Self::Count(_, decision) | Self::Deny(_, decision) => Some(decision),
            Self::Needs(_) => None,
        }
    }

    pub(super) fn append(draft: Draft) -> Self {
        Self::Append(Box::new(draft))
    }
}
