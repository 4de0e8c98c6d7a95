//! Open items of an account: grants that are not used up, holds that have not ended, windows that have not closed.
//!
//! Units: nano-credits; windows count in their own unit.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::cmp::Ordering;

use crate::record::codec::list;
use crate::record::{
    Category, Counted, Credits, Draws, GrantId, GrantTerms, HoldId, HoldTerms, Instant, Levels, Name, Path,
    Segment, Use,
};
use crate::window::Used;
use minicbor::{Decode, Encode};

/// Most open holds of one account.
pub const HOLDS_MAX: usize = 10_000;
/// Most open windows of one account, over all members.
pub(crate) const WINDOWS_MAX: usize = 10_000;
/// Most open grants of one account.
pub(crate) const GRANTS_MAX: usize = 1_000;
/// Most extensions of the deadline of one hold.
pub(crate) const EXTENSIONS_MAX: u8 = 10;

/// A grant with its remainder.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Grant {
    /// Its name.
    #[n(0)]
    pub id: GrantId,
    /// Its terms.
    #[n(1)]
    pub terms: GrantTerms,
    /// Free to draw.
    #[n(2)]
    pub remaining: Credits,
    /// Set aside by open holds.
    #[n(3)]
    pub held: Credits,
    /// Taken back: credits that return go to the operator.
    #[n(4)]
    pub voided: bool,
    /// The remainder when it ended, plus credits given back since: a recurring grant carries that over.
    #[n(5)]
    pub(crate) left: Option<Credits>,
}

impl Grant {
    /// Whether it pays at `now`.
    #[must_use]
    pub(crate) fn is_usable(&self, now: Instant) -> bool {
        !self.voided && self.terms.effective_from <= now && now < self.terms.expires_at
    }

    /// The total burn order inside a layer; [`Instant::NEVER`] sorts grants without expiry last.
    /// Credits carried into a period burn before the period's own, even if they came back late.
    pub(super) fn burn_key(&self) -> (u16, Instant, Category, Instant, bool, GrantId) {
        let t = &self.terms;
        let expires = t.burns_at.unwrap_or(t.expires_at);
        (t.priority, expires, t.category, t.effective_from, t.burns_at.is_none(), self.id)
    }
}

/// A hold: credits and counts set aside for a request.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Hold {
    /// Its name.
    #[n(0)]
    pub id: HoldId,
    /// When it was opened: the instant its use was counted at.
    #[n(1)]
    pub opened_at: Instant,
    /// The terms it was opened with; the deadline moves with extensions.
    #[n(2)]
    pub terms: HoldTerms,
    /// The quantities it covers and their prices.
    #[n(3)]
    pub usage: Use,
    /// Its receipt: the sources that pay, in order.
    #[cbor(n(4), with = "list")]
    pub draws: Draws,
    /// Counts in windows, to be corrected at the end.
    #[n(5)]
    pub counted: Vec<Counted>,
    /// Extensions of the deadline so far.
    #[n(6)]
    pub extensions: u8,
    /// Progress last reported.
    #[n(7)]
    pub progress: Option<Use>,
}

impl Hold {
    /// The credits it sets aside.
    #[must_use]
    pub fn held(&self) -> Credits {
        Credits::from_nano(self.draws.iter().map(|d| d.credits().nano()).sum())
    }
}

/// One window of the account or of a member.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct CountedWindow {
    /// The guard, `allowance.window`, or pool it belongs to.
    #[n(0)]
    pub name: Name,
    /// The level it counts at, or several together.
    #[n(1)]
    pub level: Levels,
    /// The member it belongs to: the part of the path at its levels. `None` for the account's own, and for requests whose path leaves
    /// them out.
    #[n(2)]
    pub member: Option<Box<Path>>,
    /// Its use.
    #[n(3)]
    pub used: Used,
    /// The place above a member that it last used something in, whose cap may bound the member.
    #[n(4)]
    pub(crate) within: Option<Box<Path>>,
}

impl CountedWindow {
    /// Its place among the others, before or after that of a name, levels and the member that a path names there.
    pub(super) fn against(&self, name: &Name, level: Levels, path: &Path) -> Ordering {
        let of_limit = (&self.name, self.level).cmp(&(name, level));
        // The account itself has one counter.
        if level == Levels::ACCOUNT {
            return of_limit;
        }
        of_limit.then_with(|| self.segments().iter().cmp(path.at_levels(level)))
    }

    /// The segments of its member, outermost first.
    pub(crate) fn segments(&self) -> &[Segment] {
        self.member.as_ref().map_or(&[], |member| member.segments())
    }

    /// The part of the path of its requests that is known.
    pub(crate) fn path(&self) -> Path {
        self.within.iter().flat_map(|path| path.segments()).chain(self.segments()).collect()
    }
}
