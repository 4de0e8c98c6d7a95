//! What the engine remembers of callers beside the ledger: how they behaved lately, and from how many networks keys are used.
//!
//! Volatile: it is lost at a restart, and fades within hours anyway. Bounded: keys past a number are remembered as one.
//! A1 an entry goes only when it says nothing any more (`a_flood_of_keys_is_one_entry`).

use std::collections::VecDeque;
use std::net::IpAddr;

use headworks_core::abuse::OTHER;
use headworks_core::abuse::penalty::{Misdeed, Score, WHOLE_ACCOUNT};
use headworks_core::abuse::sketch::Distinct;
use headworks_core::catalog::Catalog;
use headworks_core::command::Draft;
use headworks_core::life::share_key;
use headworks_core::record::{Denial, Instant, Level, Name, Path, Rule, Span, Unblock};
use headworks_core::waterfall::Context;

use crate::answer::Idempotency;

/// Keys of one account that are remembered one by one.
const KEYS_MAX: usize = 64;
const HOUR: Span = Span::from_secs(3_600);
/// Reports of one account that are remembered, so that each counts once.
const REPORTS_MAX: usize = 256;

/// What is known of one key; `None`: of requests without one.
#[derive(Clone, Debug)]
struct Known {
    key: Option<Name>,
    score: Score,
    /// The hour that networks are counted in, and their digests.
    networks: Option<Box<(Instant, Distinct)>>,
}

/// What is remembered of one account.
#[derive(Clone, Debug, Default)]
pub(crate) struct Callers {
    keys: Vec<Known>,
    /// Keys whose networks have grown, and how many there are.
    grown: Vec<(Name, u64)>,
    /// Keys and digests of reports that have been counted, with when.
    reported: VecDeque<(Idempotency, Instant)>,
}

/// A network of addresses that one subscriber usually has: the first 24 bits of IPv4, 48 of IPv6.
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

impl Callers {
    fn known(&mut self, key: Option<&Name>, now: Instant) -> &mut Known {
        let at = self.keys.iter().position(|k| k.key.as_ref() == key);
        let at = at.unwrap_or_else(|| {
            if self.keys.len() >= KEYS_MAX {
                self.keys.retain(|k| !k.is_over(now));
            }
            let other = Name::new(OTHER).ok();
            let key = if self.keys.len() < KEYS_MAX { key.cloned() } else { other };
            self.keys.iter().position(|k| k.key == key).unwrap_or_else(|| {
                self.keys.push(Known { key, score: Score::default(), networks: None });
                self.keys.len() - 1
            })
        });
        self.keys.get_mut(at).unwrap_or_else(|| unreachable!("it was found, or has just been put there"))
    }

    /// The level of the penalty box that a key is in; from [`WHOLE_ACCOUNT`] on the worst key counts for all.
    pub(crate) fn level(&self, key: Option<&Name>, now: Instant) -> u8 {
        let worst = self.keys.iter().map(|k| k.score.level(now)).max().unwrap_or(0);
        if worst >= WHOLE_ACCOUNT {
            return worst;
        }
        let own = self.keys.iter().find(|k| k.key.as_ref() == key);
        own.map_or(0, |k| k.score.level(now))
    }

    /// A key was used from an address.
    fn used_from(&mut self, key: &Name, source: IpAddr, now: Instant) {
        let known = self.known(Some(key), now);
        let networks = known.networks.get_or_insert_with(|| Box::new((now, Distinct::default())));
        if now.since(networks.0) >= HOUR {
            **networks = (now, Distinct::default());
        }
        let before = networks.1.count();
        networks.1.add(network(source));
        let count = networks.1.count();
        if count > before {
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

    /// Forgets the score of a key; whether it had one.
    pub(crate) fn forgive(&mut self, key: Option<&Name>) -> bool {
        let scored = self.keys.iter_mut().find(|k| k.key.as_ref() == key);
        scored.map(|known| known.score = Score::default()).is_some()
    }

    /// The report that came first with this key; when there was none, this one is remembered as it. Only the last are remembered.
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

    /// Scores above nothing, in thousandths of a point, with their levels.
    pub(crate) fn scores(&self, now: Instant) -> Vec<(Option<Name>, u64, u8)> {
        let of = |k: &Known| (k.key.clone(), k.score.milli(now), k.score.level(now));
        self.keys.iter().map(of).filter(|(_, milli, _)| *milli > 0).collect()
    }
}

impl Known {
    fn is_over(&self, now: Instant) -> bool {
        self.score.is_over(now) && self.networks.as_ref().is_none_or(|n| now.since(n.0) >= HOUR)
    }
}

/// Notes that a request was refused, and told to come back.
pub(crate) fn note_refusal(callers: &mut Option<Box<Callers>>, catalog: &Catalog, denial: &Denial) {
    if catalog.abuse.is_on(Rule::Penalty) {
        let key = denial.usage.path.at(Level::Key);
        let told = denial.decision.unblock.as_ref().and_then(Unblock::at);
        callers.get_or_insert_default().known(key, denial.at).score.refused(told, denial.at);
    }
}

/// Notes where a request comes from; the level of the penalty box that its caller is in.
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

/// The level of the penalty box that a caller is in.
pub(crate) fn level(callers: Option<&Callers>, ctx: Context<'_>, path: &Path) -> u8 {
    let callers = callers.filter(|_| ctx.catalog.abuse.is_on(Rule::Penalty));
    callers.map_or(0, |w| w.level(path.at(Level::Key), ctx.now))
}

/// What only the engine can see to follow: a key that is used from too many networks is held back.
pub(crate) fn due(callers: &mut Option<Box<Callers>>, ctx: Context<'_>) -> Option<Draft> {
    while let Some((key, networks)) = callers.as_mut().and_then(|w| w.grown.pop()) {
        if let Some(draft) = share_key(ctx, &key, networks) {
            return Some(draft);
        }
    }
    None
}
