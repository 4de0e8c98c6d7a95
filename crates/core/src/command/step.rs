//! The answer to a command: a draft to append or count, a denial, or a look-up that is needed first.

use alloc::boxed::Box;

use super::draft::Draft;
use crate::record::{Decision, Once, Seq, Use};
use crate::waterfall::Wanted;

/// The answer of a command on a state.
#[derive(Clone, Debug)]
pub enum Step {
    /// It is done, or granted: the draft to append.
    Append(Box<Draft>),
    /// Granted for a feature that is not recorded: the use to count.
    Count(Use, Decision),
    /// Denied, postponed, or in need of consent: the request. Nothing changes.
    Deny(Use, Decision),
    /// Nothing yet: this must be looked up first.
    Needs(Need),
}

/// A look-up that is needed before a command can be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// A record of the account, for [`super::History::add_record`].
    Record(Seq),
    /// The record of an effect that happens at most once, for [`super::History::add_once`].
    Once(Once),
    /// The facts about the request that only a running engine knows, for [`crate::waterfall::Context::live`].
    Live(Box<Wanted>),
}

impl Step {
    /// The draft to append, if there is one.
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
