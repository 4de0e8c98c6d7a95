//! Room for one request: wished for, taken, waited for, and returned if unused.

use std::sync::Arc;

use headworks_core::account::Account;
use headworks_core::capacity::Offer;
use headworks_core::capacity::queue::WaiterId;
use headworks_core::command::Step;
use headworks_core::record::{Instant, Name, Outcome, Span};
use smallvec::SmallVec;
use tokio::sync::oneshot;

use super::supply::{self, Cost, Leaf, NoWait, Room, Supply};

/// A supply whose waiters are requests.
pub(crate) type EngineSupply = Supply<oneshot::Sender<Taken>>;

/// Room taken for a request that is not yet granted. Dropping it returns the room.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(super) wish: Wish,
    room: Room,
    kept: bool,
}

impl Taken {
    pub(super) fn new(wish: Wish, room: Room) -> Self {
        Self { wish, room, kept: false }
    }

    pub(super) fn offer(&self, now: Instant) -> Offer {
        self.wish.offer(Ok(self.room), now)
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        if !self.kept {
            self.wish.supply.undo(&self.wish.leaf, self.wish.cost);
        }
    }
}

/// A request's wish to a supply.
#[derive(Clone, Debug)]
pub(crate) struct Wish {
    pub(super) supply: Arc<EngineSupply>,
    pub(super) leaf: Arc<Leaf>,
    pub(super) class: Name,
    pub(super) cost: Cost,
    pub(super) used: u64,
}

impl Wish {
    /// How long the class lets a request wait if the request does not say.
    pub(crate) fn wait_max(&self) -> Span {
        self.supply.wait_max(&self.leaf)
    }

    pub(super) fn offer(&self, room: Result<Room, supply::Busy>, now: Instant) -> Offer {
        self.supply.offer(self.class.clone(), self.cost, self.used, room, now)
    }

    /// Waits for room, for at most `most`. `None`: there was none, or the wait would be longer.
    pub(crate) async fn wait(&self, now: Instant, most: Span) -> Option<Taken> {
        let (sender, receiver) = oneshot::channel();
        let id = match self.supply.wait(&self.leaf, self.cost, now, most, sender) {
            Ok(id) => id,
            Err((NoWait::TooLong(_) | NoWait::Full(..), _)) => return None,
        };
        let place = Waiting(&self.supply, id);
        pump(&self.supply, now);
        // A passed deadline drops the sender.
        let taken = receiver.await.ok();
        drop(place);
        taken
    }
}

/// The room for a request while it is being decided.
#[derive(Debug, Default)]
pub(crate) struct RequestRoom {
    /// The offers for the core.
    pub(crate) offers: SmallVec<[Offer; 1]>,
    pub(super) taken: Option<Taken>,
    pub(super) wishes: SmallVec<[Wish; 1]>,
}

impl RequestRoom {
    /// Adds one supply's offer; returns whether there was room.
    pub(super) fn add(&mut self, wish: Wish, room: Result<Room, supply::Busy>, now: Instant) -> bool {
        self.offers.push(wish.offer(room, now));
        self.taken = room.ok().map(|room| Taken::new(wish.clone(), room));
        self.wishes.push(wish);
        self.taken.is_some()
    }

    /// Keeps granted room, returns the rest, and counts the capacity that was asked for.
    pub(crate) fn close(mut self, step: &Step, account: &Account) -> Option<Wish> {
        let denied = match step {
            // A draft that would take the account's books out of range is refused after all.
            Step::Append(draft) if !draft.fits(account) => return None,
            Step::Append(_) | Step::Count(..) | Step::Needs(_) => None,
            Step::Deny(_, decision) => Some(decision),
        };
        if denied.is_none_or(|decision| decision.outcome == Outcome::Wait) {
            for wish in &self.wishes {
                wish.supply.note(&wish.leaf, wish.cost);
            }
        }
        if denied.is_none()
            && let Some(taken) = &mut self.taken
        {
            taken.kept = true;
        }
        self.wishes.into_iter().next()
    }
}

/// A place in a queue. Dropping it leaves the queue, also for a caller that has gone.
struct Waiting<'a>(&'a EngineSupply, WaiterId);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        drop(self.0.leave(self.1));
    }
}

/// Admits the next waiter. If it has gone meanwhile, its room goes to the one after it.
pub(super) fn pump(supply: &Arc<EngineSupply>, now: Instant) {
    loop {
        let pumped = supply.pump(now);
        let mut gone = false;
        for (leaf, cost, who) in pumped.admitted {
            let used = leaf.in_flight().saturating_sub(cost.in_flight);
            let wish = Wish { class: supply.class_of(&leaf), supply: Arc::clone(supply), leaf, cost, used };
            // Room that cannot be handed over is dropped, which returns it.
            gone |= who.send(Taken::new(wish, Room::Share)).is_err();
        }
        if !gone {
            return;
        }
    }
}
