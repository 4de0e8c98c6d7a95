//! What the engine remembers of callers beside the ledger: how they behaved lately, and from how many networks keys are used.
//!
//! Volatile: it is lost at a restart, and fades within hours anyway. Bounded: keys past a number are remembered as one.
//! A1 an entry goes only when it says nothing any more (`a_flood_of_keys_is_one_entry`).

use std::collections::VecDeque;
use std::net::IpAddr;

use headworks_core::abuse::OTHER;
use headworks_core::abuse::penalty::{Misdeed, Score, WHOLE_ACCOUNT};
use headworks_core::abuse::sketch::Distinct;
use headworks_core::catalog::{Catalog, Mode};
use headworks_core::operation::{self, Context, Draft, Refusal};
use headworks_core::record::{
    Conduct, Denial, Effect, Event, Instant, Label, Level, Name, Operation, Path, Rule, Span, is_internal,
};

use crate::answer::{Answer, EngineError, Idempotency};
use crate::engine::{Engine, Look, Step};
use crate::operations::{Keyed, opened};

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
    /// Reports that have been counted, with when.
    reported: VecDeque<(Label, Instant)>,
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

    /// Scores above nothing, in thousandths of a point, with their levels.
    fn scores(&self, now: Instant) -> Vec<(Option<Name>, u64, u8)> {
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
        let told = denial.decision.unblock.and_then(|u| u.at);
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

/// An effect that is due on the account.
pub(crate) fn due(callers: &mut Option<Box<Callers>>, ctx: Context<'_>) -> Option<Draft> {
    if !ctx.account.is_open() {
        return None;
    }
    while let Some((key, networks)) = callers.as_mut().and_then(|w| w.grown.pop()) {
        if let Some(draft) = operation::share_key(ctx, &key, networks) {
            return Some(draft);
        }
    }
    operation::begin_effect(ctx)
}

/// What operators see of an account.
#[derive(Clone, Debug)]
pub struct ConductView {
    /// How far it is trusted.
    pub tier: headworks_core::record::Tier,
    /// What its tier may do.
    pub terms: headworks_core::catalog::TierTerms,
    /// Effects in force, each with what its rule does now.
    pub effects: Vec<(Effect, Mode)>,
    /// Penalty scores by key: thousandths of a point, and the level.
    pub penalties: Vec<(Option<Name>, u64, u8)>,
    /// The share of holds that expired, in millionths.
    pub expired: u64,
}

/// An account that abuse rules hold back now.
#[derive(Clone, Debug)]
pub struct HeldBack {
    /// The account.
    pub account: Name,
    /// What rules make of it.
    pub conduct: ConductView,
}

impl ConductView {
    fn of(ctx: Context<'_>, callers: Option<&Callers>) -> Self {
        let rules = &ctx.catalog.abuse;
        let tier = rules.tier_of(ctx.account, ctx.now);
        let effects = ctx.account.effects(ctx.now).map(|e| (e.clone(), rules.mode(e.rule)));
        Self {
            tier,
            terms: rules.tier(tier),
            effects: effects.collect(),
            penalties: callers.map(|w| w.scores(ctx.now)).unwrap_or_default(),
            expired: ctx.account.hygiene().expired,
        }
    }

    /// Whether a rule has an effect, or for the penalty box a key at level 1 or above.
    fn holds_back(&self, rule: Option<Rule>) -> bool {
        let is_meant = |of: Rule| rule.is_none_or(|rule| rule == of);
        self.effects.iter().any(|(effect, _)| is_meant(effect.rule))
            || is_meant(Rule::Penalty) && self.penalties.iter().any(|(.., level)| *level > 0)
    }
}

impl Engine {
    /// Accounts in memory that a rule, or any of them, holds back now or would if it were enforced: those whose latest effect
    /// began last come first; at most `max`.
    #[must_use]
    pub fn held_back(&self, rule: Option<Rule>, max: usize) -> Vec<HeldBack> {
        let catalog = self.catalog();
        let clock = self.clock().now();
        let mut found = Vec::new();
        for shard in self.cache.shards() {
            for (name, slot) in shard.slots.iter().filter(|(name, _)| !is_internal(name)) {
                if slot.callers.is_none() && slot.account.effects(clock).next().is_none() {
                    continue;
                }
                let now = slot.account.tick(clock);
                let ctx = Context::new(&slot.account, &catalog, now);
                let conduct = ConductView::of(ctx, slot.callers.as_deref());
                if conduct.holds_back(rule) {
                    found.push(HeldBack { account: name.clone(), conduct });
                }
            }
            drop(shard);
            let last = |held: &HeldBack| held.conduct.effects.iter().map(|(effect, _)| effect.since).max();
            found.sort_by(|a, b| last(b).cmp(&last(a)).then_with(|| a.account.cmp(&b.account)));
            found.truncate(max);
        }
        found
    }

    /// What abuse rules make of an account now.
    ///
    /// # Errors
    /// When there is no such account, or the store fails.
    pub async fn conduct(&self, account: &Name) -> Result<ConductView, EngineError> {
        self.view_with_callers(account, |ctx, callers| Ok(ConductView::of(ctx, callers))).await
    }

    /// Ends an effect of an abuse rule, or the penalty of a key, before its time.
    ///
    /// # Errors
    /// When it is not in force, there is no such account, or the store fails.
    pub async fn lift(
        &self,
        account: &Name,
        keyed: Keyed<'_>,
        rule: Rule,
        key: Option<&Name>,
        reason: Option<&Label>,
    ) -> Result<Answer, EngineError> {
        self.mutate(account, Operation::Conduct, Some(keyed.0), keyed.1, |look| {
            opened(&look)?;
            let draft = operation::lift(look.ctx, rule, key, reason.cloned())?;
            if rule == Rule::Penalty {
                let keys = look.callers.as_mut().map(|w| &mut w.keys);
                let scored = keys.and_then(|keys| keys.iter_mut().find(|k| k.key.as_ref() == key));
                scored.ok_or(Refusal::NoEffect(rule))?.score = Score::default();
            }
            Ok(Step::Append(Box::new(draft)))
        })
        .await
    }

    /// Records that a payment of the account is disputed.
    ///
    /// # Errors
    /// When there is no such account, or the store fails.
    pub async fn dispute(
        &self,
        account: &Name,
        keyed: Keyed<'_>,
        reason: Option<&Label>,
    ) -> Result<Answer, EngineError> {
        self.mutate(account, Operation::Conduct, Some(keyed.0), keyed.1, |look: Look<'_>| {
            opened(&look)?;
            Ok(Step::Append(Box::new(operation::dispute(reason.cloned()))))
        })
        .await
    }

    /// Counts a misdeed that an operator's own systems report, once for each key.
    ///
    /// # Errors
    /// When there is no such account, or the store fails.
    pub async fn report(
        &self,
        account: &Name,
        key: &Idempotency,
        misdeed: Misdeed,
        of: Option<&Name>,
    ) -> Result<(), EngineError> {
        self.view(account, |_| Ok(())).await?;
        if self.is_new_report(account, key) {
            self.note_misdeed(account, of, misdeed);
        }
        Ok(())
    }

    /// Whether a report has not been counted yet. Only the last are remembered.
    fn is_new_report(&self, account: &Name, key: &Idempotency) -> bool {
        let now = self.clock().now();
        let mut shard = self.cache.lock(account);
        let Some(slot) = shard.slots.get_mut(account) else { return false };
        let reported = &mut slot.callers.get_or_insert_default().reported;
        if reported.iter().any(|(text, _)| *text == key.text) {
            return false;
        }
        if reported.len() >= REPORTS_MAX {
            reported.pop_front();
        }
        reported.push_back((key.text.clone(), now));
        true
    }

    /// Counts a misdeed of a key, where the rule is on and the account is in memory.
    pub(crate) fn note_misdeed(&self, account: &Name, key: Option<&Name>, misdeed: Misdeed) {
        if !self.catalog().abuse.is_on(Rule::Penalty) {
            return;
        }
        let now = self.clock().now();
        if let Some(slot) = self.cache.lock(account).slots.get_mut(account) {
            slot.callers.get_or_insert_default().known(key, now).score.add(misdeed, now);
        }
    }

    /// Counts what a record says about abuse.
    pub(crate) fn count_conduct(&self, event: &Event) {
        if let Event::Conduct(conduct) = event
            && let Conduct::Began(effect) = &**conduct
        {
            self.stats().effect(effect.rule);
        }
    }
}
