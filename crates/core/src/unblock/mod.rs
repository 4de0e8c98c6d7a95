//! The ways to unblock a denial: instants, purchases and consent, each found by trying it.
//!
//! The account's life is walked forward from one instant at which something may change to the next, and the request is decided
//! again at each. Never changes anything.
//! U1 it passes at the reported instant and not a microsecond earlier (`instants_are_exact`).
//! U2 it passes after the reported purchase and not with one nano-credit less (`purchases_are_exact`).
//! U3 where the search was cut off, it says so (`a_search_that_is_cut_off_says_so`).
//! Units: nano-credits; instants in UTC microseconds.

use alloc::vec::Vec;

use crate::command::{Command, Step};
use crate::record::{Certainty, Decision, Instant, Outcome, Reason, Unblock, Way};
use crate::waterfall::{Authorize, Context, Until};

mod ahead;
mod question;

use ahead::Ahead;
use question::Question;

/// The most instants that are tried.
const STEPS_MAX: usize = 64;

/// A step as it is reported: a denial has the ways to unblock it.
#[must_use]
pub fn told(ctx: Context<'_>, command: &Command, mut step: Step) -> Step {
    if let Step::Deny(_, decision) = &mut step {
        if let Command::Authorize(ask) = command {
            tell(ctx, &Question::Authorize(ask), decision);
        } else if let Command::Extend(ask) = command {
            tell(ctx, &Question::Extend(ask), decision);
        }
    }
    step
}

/// The same for a decision that has no effect.
pub fn tell_of(ctx: Context<'_>, ask: &Authorize, decision: &mut Decision) {
    tell(ctx, &Question::Authorize(ask), decision);
}

fn tell(ctx: Context<'_>, question: &Question<'_>, decision: &mut Decision) {
    // A request that waits for room in a supply already has an instant.
    if !matches!(decision.outcome, Outcome::Deny | Outcome::NeedsConsent) {
        return;
    }
    if let Some(Unblock { ways, searched_until, .. }) = &mut decision.unblock {
        (*ways, *searched_until) = self::ways(ctx, question);
    }
}

/// The ways, and where the search for more was cut off, if it was.
fn ways(ctx: Context<'_>, question: &Question<'_>) -> (Vec<Way>, Option<Instant>) {
    let mut ways: Vec<Way> = Vec::new();
    let mut ahead = Ahead::new(ctx);
    let (mut bought, mut consented) = (false, false);
    for step in 0..STEPS_MAX {
        let ctx = ahead.ctx();
        let Some((decision, until)) = question.look(ctx, 0) else { return (ways, None) };
        let certainty = if ahead.rests_on_holds { Certainty::Latest } else { Certainty::Exact };
        let way = Way { at: (step > 0).then_some(ahead.now), certainty, purchase: None, consent: false };
        match decision.outcome {
            Outcome::Allow | Outcome::Partial | Outcome::Wait => {
                ways.push(way);
                return (ways, None);
            }
            Outcome::NeedsConsent if !consented => {
                consented = true;
                ways.push(Way { consent: true, ..way });
            }
            Outcome::Deny if until == Until::Now && !bought => {
                if let Some((purchase, consent)) = question.purchase(ctx) {
                    bought = true;
                    // A caller who can agree at once need not wait to buy and agree.
                    if !consent || !consented {
                        ways.push(Way { purchase: Some(purchase), consent, ..way });
                    }
                }
            }
            Outcome::NeedsConsent | Outcome::Deny => {}
        }
        let Some(next) = question.next(&ahead, &decision, until) else { return (ways, None) };
        if ahead.live_to(next).is_none() {
            break;
        }
        // While the account is paused, no end of a hold would have let it pass before.
        ahead.rests_on_holds &= decision.reason != Reason::Paused;
    }
    (ways, Some(ahead.now))
}
