//! Names with a special meaning, and names in problem texts.

use core::fmt;

use crate::record::{Name, REQUESTS};

/// The most names that a fix lists.
const LISTED_MAX: usize = 16;

/// The fix where a level below the account is missing.
pub(super) const A_LEVEL: &str = "write organization, cost_center, team, user, seat, key or session";

/// The fix for a name that is not defined. Makes its text only when it is shown.
pub(super) fn one_of<'a>(names: impl Iterator<Item = &'a Name> + Clone) -> impl fmt::Display {
    OneOf(names)
}

struct OneOf<I>(I);

impl<'a, I: Iterator<Item = &'a Name> + Clone> fmt::Display for OneOf<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut names = self.0.clone();
        let Some(first) = names.next() else { return f.write_str("define it first") };
        write!(f, "write one of {first}")?;
        for name in names.by_ref().take(LISTED_MAX - 1) {
            write!(f, ", {name}")?;
        }
        if names.next().is_some() { f.write_str(", …") } else { Ok(()) }
    }
}

/// Whether a meter is the implied one.
pub(super) fn is_requests(meter: &Name) -> bool {
    meter.as_str() == REQUESTS
}
