//! Volatile memory of callers, beside the ledger: their recent behaviour, and
//! the number of networks that use each key.
//!
//! It is lost at a restart, and fades within hours anyway. It is bounded: [`KEYS_MAX`] keys per account, at most some
//! 1.5 KiB each. A further key replaces the least telling one and starts from zero. Nothing is ever counted for
//! several keys together, so a key is only held back for its own behaviour.
//! A1 the most telling key stays (`a_flood_of_keys_displaces_nobody`). A2 keys beyond the bound are not held back for
//! each other (`keys_past_the_number_are_nobody`).

use std::collections::VecDeque;
use std::net::IpAddr;

use headworks_core::abuse::penalty::{Misdeed, Score};
use headworks_core::abuse::sketch::Distinct;
use headworks_core::catalog::Catalog;
use headworks_core::command::Draft;
use headworks_core::life::share_key;
use headworks_core::record::{Denial, Instant, Level, Name, Path, Rule, Span, Unblock};
use headworks_core::waterfall::Context;

use crate::answer::Idempotency;

/// The number of keys of one account that are remembered.
const KEYS_MAX: usize = 64;
const HOUR: Span = Span::from_secs(3_600);
/// The number of reports of one account that are remembered, so that each counts once.
const REPORTS_MAX: usize = 256;

/// Memory of one key; `None`: of requests without a key.
#[derive(Clone, Debug)]
struct Known {
    key: Option<Name>,
    score: Score,
    /// The networks that it was used from.
    networks: Option<Box<Networks>>,
    /// When it was last seen.
    last_at: Instant,
}

/// The networks of one hour.
#[derive(Clone, Debug)]
struct Networks {
    since: Instant,
    seen: Distinct,
    count: u64,
}

/// Memory of one account's callers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Callers {
    keys: Vec<Known>,
    /// Keys that came from a new network, with the number of networks.
    grown: Vec<(Name, u64)>,
    /// Keys and digests of counted reports, with their instants.
    reported: VecDeque<(Idempotency, Instant)>,
}

/// A network as one site usually has it: the first 24 bits of IPv4, 48 of IPv6.
#[must_use]
pub fn network(address: IpAddr) -> u64 {
    let (kind, bytes): (u8, [u8; 6]) = match address.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            (4, [a, b, c, 0, 0, 0])
        }
        IpAddr::V6(v6) => {
            let [a, b, c, d, e, f, ..] = v6.octets();
            (6, [a, b, c, d, e, f])
        }
    };
    let hash = blake3::Hasher::new().update(&[kind]).update(&bytes).finalize();
    u64::from_be_bytes(*hash.as_bytes().first_chunk().unwrap_or(&[0; 8]))
}

/// The part of an address that one customer has: all of IPv4, the first 64 bits of IPv6.
#[must_use]
pub fn subnet(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() & !u128::from(u64::MAX)).into()),
        v4 @ IpAddr::V4(_) => v4,
    }
}

impl Callers {
    fn known(&mut self, key: Option<&Name>, now: Instant) -> &mut Known {
        let at = self.keys.iter().position(|k| k.key.as_ref() == key).unwrap_or_else(|| {
            if self.keys.len() >= KEYS_MAX {
                self.keys.retain(|k| !k.is_over(now));
            }
            if self.keys.len() >= KEYS_MAX
                && let Some(least) = (0..KEYS_MAX).min_by_key(|i| self.keys.get(*i).map(|k| k.says(now)))
            {
                self.keys.swap_remove(least);
            }
            let (score, networks) = (Score::default(), None);
            self.keys.push(Known { key: key.cloned(), score, networks, last_at: now });
            self.keys.len() - 1
        });
        let known = self.keys.get_mut(at);
        let known = known.unwrap_or_else(|| unreachable!("it was found, or has just been put there"));
        known.last_at = now;
        known
    }

    /// The penalty box level of a key.
    pub(crate) fn level(&self, key: Option<&Name>, now: Instant) -> u8 {
        let own = self.keys.iter().find(|k| k.key.as_ref() == key);
        own.map_or(0, |k| k.score.level(now))
    }

    /// Notes that a key was used from an address.
    fn used_from(&mut self, key: &Name, source: IpAddr, now: Instant) {
        let known = self.known(Some(key), now);
        let fresh = || Networks { since: now, seen: Distinct::default(), count: 0 };
        let networks = known.networks.get_or_insert_with(|| Box::new(fresh()));
        if now.since(networks.since) >= HOUR {
            **networks = fresh();
        }
        if !networks.seen.add(network(source)) {
            return;
        }
        let count = networks.seen.count();
        if count > networks.count {
            networks.count = count;
            self.grown.push((key.clone(), count));
        }
    }

    /// Whether nothing is remembered any more.
    pub(crate) fn is_over(&self, now: Instant) -> bool {
        let last = self.reported.back().map_or(Instant::default(), |(_, at)| *at);
        now.since(last) >= HOUR && self.keys.iter().all(|k| k.is_over(now))
    }

    /// Counts a misdeed of a key.
    pub(crate) fn add(&mut self, key: Option<&Name>, misdeed: Misdeed, now: Instant) {
        self.known(key, now).score.add(misdeed, now);
    }

    /// Forgets the score of a key; returns whether it had one.
    pub(crate) fn forgive(&mut self, key: Option<&Name>) -> bool {
        let scored = self.keys.iter_mut().find(|k| k.key.as_ref() == key);
        scored.map(|known| known.score = Score::default()).is_some()
    }

    /// The first report with this key. If there is none, remembers this one. Only the latest reports are remembered.
    pub(crate) fn first_report(&mut self, report: &Idempotency, now: Instant) -> Option<&Idempotency> {
        if let Some(at) = self.reported.iter().position(|(known, _)| known.text == report.text) {
            return self.reported.get(at).map(|(known, _)| known);
        }
        if self.reported.len() >= REPORTS_MAX {
            self.reported.pop_front();
        }
        self.reported.push_back((report.clone(), now));
        None
    }

    /// Scores above zero, in thousandths of a point, with their levels.
    pub(crate) fn scores(&self, now: Instant) -> Vec<(Option<Name>, u64, u8)> {
        let of = |k: &Known| (k.key.clone(), k.score.milli(now), k.score.level(now));
        self.keys.iter().map(of).filter(|(_, milli, _)| *milli > 0).collect()
    }
}

impl Known {
    /// How telling it is: its score, its networks, and how recently it was seen.
    fn says(&self, now: Instant) -> (u64, u64, Instant) {
        let networks = self.networks.as_ref().filter(|n| now.since(n.since) < HOUR);
        // One or two networks are normal for anyone.
        let networks = networks.map_or(0, |n| n.count).max(2);
        (self.score.milli(now) / 1_000, networks, self.last_at)
    }

    fn is_over(&self, now: Instant) -> bool {
        self.score.is_over(now) && self.networks.as_ref().is_none_or(|n| now.since(n.since) >= HOUR)
    }
}

/// The digest of a path, to recognise a caller that has a reported instant to wait for.
fn digest(path: &Path) -> u64 {
    let hash = blake3::hash(path.to_string().as_bytes());
    u64::from_be_bytes(*hash.as_bytes().first_chunk().unwrap_or(&[0; 8]))
}

/// Notes that a request was refused, and the instant that was reported to it.
pub(crate) fn note_refusal(callers: &mut Option<Box<Callers>>, catalog: &Catalog, denial: &Denial) {
    if catalog.abuse.is_on(Rule::Penalty) {
        let key = denial.usage.path.at(Level::Key);
        let told = denial.decision.unblock.as_ref().and_then(Unblock::at);
        let path = digest(&denial.usage.path);
        callers.get_or_insert_default().known(key, denial.at).score.refused(path, told, denial.at);
    }
}

/// Notes that a refused request came again before the reported instant and got the same answer.
pub(crate) fn note_repeat(callers: &mut Option<Box<Callers>>, denial: &Denial, now: Instant) {
    let path = &denial.usage.path;
    if let Some(callers) = callers {
        callers.known(path.at(Level::Key), now).score.repeated(digest(path), now);
    }
}

/// Notes where a request comes from; returns the penalty box level of its caller.
pub(crate) fn note_request(
    callers: &mut Option<Box<Callers>>,
    ctx: Context<'_>,
    path: &Path,
    source: Option<IpAddr>,
) -> u8 {
    let key = path.at(Level::Key);
    if let (Some(key), Some(source), true) = (key, source, ctx.catalog.abuse.is_on(Rule::Sharing)) {
        callers.get_or_insert_default().used_from(key, source, ctx.now);
    }
    level(callers.as_deref(), ctx, path)
}

/// The penalty box level of a caller.
pub(crate) fn level(callers: Option<&Callers>, ctx: Context<'_>, path: &Path) -> u8 {
    let callers = callers.filter(|_| ctx.catalog.abuse.is_on(Rule::Penalty));
    callers.map_or(0, |w| w.level(path.at(Level::Key), ctx.now))
}

/// The consequence that only the engine can see: a key used from too many networks is held back.
pub(crate) fn due(callers: &mut Option<Box<Callers>>, ctx: Context<'_>) -> Option<Draft> {
    while let Some((key, networks)) = callers.as_mut().and_then(|w| w.grown.pop()) {
        if let Some(draft) = share_key(ctx, &key, networks) {
            return Some(draft);
        }
    }
    None
}
