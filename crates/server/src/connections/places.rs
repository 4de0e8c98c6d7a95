//! The places of connections: how many there may be, and which one goes when a newcomer needs its place.
//!
//! C1 a connection whose caller has shown no valid key keeps its place only while nobody else needs it: a newcomer takes the
//! place of the oldest such connection of the network that has most of them (`the_unauthenticated_give_way`). C2 no network has more
//! than its share of the places (`a_network_has_its_share`). C3 a connection that has given up its place is counted no more,
//! and ends at once (`a_place_given_away_is_ended`). C4 authenticated callers leave a part of the places free: a newcomer finds one
//! and shows its key, and the caller with most connections gives one up (`one_key_does_not_have_every_place`).

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use headworks_core::record::Name;
use tokio::sync::Notify;
use tokio::time::Instant;

/// The places of a server.
#[derive(Debug)]
pub(crate) struct Places {
    most: usize,
    /// The most of authenticated callers: a sixteenth is left to newcomers.
    most_authenticated: usize,
    /// The most of one network.
    share: usize,
    inner: Mutex<Inner>,
    /// Connections that gave their place to a newcomer.
    pub(crate) displaced: AtomicU64,
    /// Newcomers that found no place.
    pub(crate) refused: AtomicU64,
}

#[derive(Debug, Default)]
struct Inner {
    /// The number of the next connection: later ones are greater.
    next: u64,
    taken: usize,
    networks: BTreeMap<Network, Members>,
    /// Networks with unauthenticated connections, by how many.
    crowds: BTreeSet<(usize, Network)>,
    authenticated: usize,
    /// The connections of each caller.
    callers: BTreeMap<Owner, BTreeMap<u64, Arc<Place>>>,
    /// Callers, by how many they have.
    most_of: BTreeSet<(usize, Owner)>,
}

/// The key of an authenticated caller; `None`: no key is needed, or a signature was shown.
type Owner = Option<Name>;

#[derive(Debug, Default)]
struct Members {
    all: usize,
    unauthenticated: BTreeMap<u64, Arc<Place>>,
}

/// Where connections come from: an address, or the /64 of an IPv6 address; `None`: a proxy of the operator's, whose
/// connections are those of all its clients.
pub(crate) type Network = Option<IpAddr>;

/// The place of one connection.
#[derive(Debug)]
pub(crate) struct Place {
    number: u64,
    network: Network,
    /// Its caller has shown a valid key.
    authenticated: AtomicBool,
    owner: Mutex<Owner>,
    /// It is to end now.
    displaced: Notify,
    pub(crate) since: Instant,
    /// Requests that are being answered.
    pub(crate) running: AtomicUsize,
    /// Requests so far.
    pub(crate) requests: AtomicU64,
    /// Milliseconds from `since` to the last progress of a request.
    pub(crate) moved_ms: AtomicU64,
    /// Milliseconds from `since` to the time at which its unauthenticated requests are paid for.
    pub(super) paid_ms: AtomicU64,
    places: Arc<Places>,
}

impl Places {
    pub(crate) fn new(most: usize, share: usize) -> Arc<Self> {
        Arc::new(Self {
            most,
            most_authenticated: most - most / 16,
            share,
            inner: Mutex::default(),
            displaced: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Connections that have a place.
    pub(crate) fn taken(&self) -> usize {
        self.lock().taken
    }

    /// A place for a connection from a network, if need be that of an unauthenticated one; and whether it is.
    pub(crate) fn enter(self: &Arc<Self>, network: Network) -> Option<(Arc<Place>, bool)> {
        let mut inner = self.lock();
        let own = inner.networks.get(&network).map_or(0, |members| members.all);
        let gives_way = if network.is_some() && own >= self.share {
            Some(network)
        } else if inner.taken >= self.most {
            Some(inner.crowds.last().map_or(network, |(_, crowd)| *crowd))
        } else {
            None
        };
        if let Some(crowd) = gives_way
            && !inner.displace_oldest(crowd)
        {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        if gives_way.is_some() {
            self.displaced.fetch_add(1, Ordering::Relaxed);
        }
        inner.next += 1;
        let place = Arc::new(Place {
            number: inner.next,
            network,
            authenticated: AtomicBool::new(false),
            owner: Mutex::default(),
            displaced: Notify::new(),
            since: Instant::now(),
            running: AtomicUsize::new(0),
            requests: AtomicU64::new(0),
            moved_ms: AtomicU64::new(0),
            paid_ms: AtomicU64::new(0),
            places: Arc::clone(self),
        });
        inner.taken += 1;
        inner.networks.entry(network).or_default().all += 1;
        inner.change(network, |members| {
            members.insert(place.number, Arc::clone(&place));
        });
        Some((place, gives_way.is_some()))
    }
}

impl Inner {
    /// Changes the unauthenticated connections of a network.
    fn change(&mut self, network: Network, change: impl FnOnce(&mut BTreeMap<u64, Arc<Place>>)) {
        let Some(members) = self.networks.get_mut(&network) else { return };
        self.crowds.remove(&(members.unauthenticated.len(), network));
        change(&mut members.unauthenticated);
        if !members.unauthenticated.is_empty() {
            self.crowds.insert((members.unauthenticated.len(), network));
        }
    }

    /// One connection of a network is gone.
    fn leave(&mut self, network: Network) {
        self.taken -= 1;
        if let Some(members) = self.networks.get_mut(&network) {
            members.all -= 1;
            if members.all == 0 {
                self.networks.remove(&network);
            }
        }
    }

    /// Changes the connections of a caller.
    fn of_caller(&mut self, owner: Option<&Name>, change: impl FnOnce(&mut BTreeMap<u64, Arc<Place>>)) {
        let owner = owner.cloned();
        let places = self.callers.entry(owner.clone()).or_default();
        let before = places.len();
        change(places);
        let after = places.len();
        if after == 0 {
            self.callers.remove(&owner);
        }
        self.most_of.remove(&(before, owner.clone()));
        if after > 0 {
            self.most_of.insert((after, owner));
        }
    }

    /// Takes a connection out of those of its caller, if it is there.
    fn take_authenticated(&mut self, place: &Place) -> Option<Arc<Place>> {
        let owner = place.owner.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut own = None;
        self.of_caller(owner.as_ref(), |places| own = places.remove(&place.number));
        if own.is_some() {
            self.authenticated -= 1;
            place.authenticated.store(false, Ordering::Relaxed);
        }
        own
    }

    /// Ends a connection of the caller that has most: the oldest, and rather one that rests.
    fn displace_of_most(&mut self) -> bool {
        let Some((_, owner)) = self.most_of.last() else { return false };
        let Some(places) = self.callers.get(owner) else { return false };
        let rests = |place: &&Arc<Place>| place.running.load(Ordering::Relaxed) == 0;
        let chosen = places.values().take(64).find(rests).or_else(|| places.values().next()).cloned();
        let Some(place) = chosen.and_then(|place| self.take_authenticated(&place)) else { return false };
        self.leave(place.network);
        place.displaced.notify_one();
        true
    }

    /// Ends the oldest unauthenticated connection of a network; false when it has none.
    fn displace_oldest(&mut self, network: Network) -> bool {
        let mut oldest = None;
        self.change(network, |members| oldest = members.pop_first());
        let Some((_, place)) = oldest else { return false };
        self.leave(network);
        place.displaced.notify_one();
        true
    }
}

impl Place {
    /// The caller has shown a valid key: its place is one of its own, and goes only to callers who have fewer.
    pub(crate) fn authenticate(&self, owner: Option<&Name>) {
        if self.is_authenticated() {
            return;
        }
        // If it has given its place away just now, it ends.
        let mut own = None;
        let mut inner = self.places.lock();
        inner.change(self.network, |members| own = members.remove(&self.number));
        let Some(own) = own else { return };
        *self.owner.lock().unwrap_or_else(PoisonError::into_inner) = owner.cloned();
        self.authenticated.store(true, Ordering::Relaxed);
        inner.authenticated += 1;
        inner.of_caller(owner, |places| {
            places.insert(self.number, own);
        });
        if inner.authenticated > self.places.most_authenticated && inner.displace_of_most() {
            self.places.displaced.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The caller's key is no longer valid: it is like one that never had a key.
    pub(crate) fn doubt(&self) {
        if !self.is_authenticated() {
            return;
        }
        let mut inner = self.places.lock();
        if let Some(own) = inner.take_authenticated(self) {
            inner.change(self.network, |members| {
                members.insert(self.number, own);
            });
        }
    }

    pub(crate) fn is_authenticated(&self) -> bool {
        self.authenticated.load(Ordering::Relaxed)
    }

    /// Waits until its place is given to another.
    pub(crate) async fn displaced(&self) {
        self.displaced.notified().await;
    }

    /// A request has made progress.
    pub(crate) fn moved(&self) {
        let passed = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.moved_ms.store(passed, Ordering::Relaxed);
    }

    /// The connection has ended.
    pub(crate) fn leave(&self) {
        let mut inner = self.places.lock();
        let mut counts = inner.take_authenticated(self).is_some();
        inner.change(self.network, |members| counts |= members.remove(&self.number).is_some());
        if counts {
            inner.leave(self.network);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::Ordering;

    use headworks_core::record::Name;
    use headworks_engine::subnet;

    use super::{Network, Place, Places};

    fn from(text: &str) -> Network {
        Some(subnet(text.parse().expect("an address")))
    }

    fn enter(places: &Arc<Places>, from: Network) -> Option<Arc<Place>> {
        places.enter(from).map(|(place, _)| place)
    }

    async fn is_ended(place: &Place) -> bool {
        tokio::select! {
            biased;
            () = place.displaced() => true,
            () = std::future::ready(()) => false,
        }
    }

    #[tokio::test]
    async fn the_unauthenticated_give_way() {
        let places = Places::new(4, 4);
        let few = enter(&places, from("192.0.2.9")).expect("a place");
        let many: Vec<Arc<Place>> =
            (0..3).map(|_| enter(&places, from("192.0.2.1")).expect("a place")).collect();
        // The oldest of the larger crowd goes, even where another network's is older.
        let late = enter(&places, from("192.0.2.7")).expect("a place");
        assert!(is_ended(&many[0]).await && !is_ended(&many[1]).await && !is_ended(&few).await);
        assert_eq!((places.taken(), places.displaced.load(Ordering::Relaxed)), (4, 1));
        // Authenticated callers keep their places, and where all are theirs a newcomer is refused.
        for place in [&few, &many[1], &many[2], &late] {
            place.authenticate(None);
        }
        assert!(enter(&places, from("192.0.2.8")).is_none());
        assert_eq!((places.taken(), places.refused.load(Ordering::Relaxed)), (4, 1));
        many[1].leave();
        assert!(enter(&places, from("192.0.2.8")).is_some());
    }

    #[tokio::test]
    async fn a_network_has_its_share() {
        let places = Places::new(100, 2);
        let first = enter(&places, from("2001:db8::1")).expect("a place");
        let second = enter(&places, from("2001:db8::2")).expect("a place");
        second.authenticate(None);
        let third = enter(&places, from("2001:db8::3")).expect("a place of the same /64");
        assert!(is_ended(&first).await && !is_ended(&second).await);
        third.authenticate(None);
        assert!(enter(&places, from("2001:db8::4")).is_none(), "its share is taken by authenticated callers");
        assert!(enter(&places, from("2001:db8:0:1::1")).is_some(), "another network has its own");
        // IPv4 written as IPv6 is the same network; a proxy has no share, as its clients are many.
        assert_eq!(from("::ffff:192.0.2.1"), from("192.0.2.1"));
        assert!((0..10).all(|_| enter(&places, None).is_some()));
    }

    #[tokio::test]
    async fn one_key_does_not_have_every_place() {
        let places = Places::new(64, 64);
        let key = |name: &str| Name::new(name).expect("a name");
        let (greedy, other) = (key("key:greedy"), key("key:other"));
        // One of them is busy, and may finish.
        let hoard: Vec<Arc<Place>> = (0..64)
            .map(|_| {
                let place = enter(&places, from("192.0.2.1")).expect("a place");
                place.authenticate(Some(&greedy));
                place
            })
            .collect();
        assert_eq!(places.taken(), 60, "a sixteenth is left free");
        hoard[4].running.store(1, Ordering::Relaxed);
        // Newcomers find a place, push each other out, and keep it once they show another key.
        let mut newcomers = Vec::new();
        for n in 0..40 {
            let place = enter(&places, from("192.0.2.2")).expect("a place is free");
            place.authenticate(Some(&other));
            assert!(place.is_authenticated(), "{n}");
            newcomers.push(place);
        }
        let left = |of: &[Arc<Place>]| of.iter().filter(|place| place.is_authenticated()).count();
        assert_eq!((left(&hoard), left(&newcomers), places.taken()), (30, 30, 60), "who has most gives way");
        assert!(hoard[4].is_authenticated(), "the busy one stayed");
        assert!(is_ended(&hoard[5]).await && is_ended(&newcomers[0]).await);
        // A key that is revoked gives no right to a place.
        for place in hoard.iter().filter(|place| place.is_authenticated()) {
            place.doubt();
        }
        assert_eq!((left(&hoard), places.taken()), (0, 60));
        for place in hoard.iter().chain(&newcomers) {
            place.leave();
        }
        let inner = places.lock();
        assert_eq!(
            (inner.taken, inner.authenticated, inner.callers.len(), inner.most_of.len()),
            (0, 0, 0, 0)
        );
    }

    #[tokio::test]
    async fn a_place_given_away_is_ended() {
        let places = Places::new(1, 1);
        let first = enter(&places, from("192.0.2.1")).expect("a place");
        let second = enter(&places, from("192.0.2.2")).expect("a place");
        // It shows a key too late, and ends: its place is counted once.
        first.authenticate(None);
        assert!(!first.is_authenticated() && is_ended(&first).await);
        first.leave();
        assert_eq!(places.taken(), 1);
        second.leave();
        assert_eq!(places.taken(), 0);
    }
}
