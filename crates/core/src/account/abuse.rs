//! The fold of abuse rules: effects that begin and end, how holds end, when payments began.

use alloc::boxed::Box;

use super::abuse_state::{EFFECTS_MAX, ENDS, Hygiene};
use super::rare::CLUSTERS_MAX;
use super::state::Account;
use crate::record::{
    AbuseEvent, Calendar, Effect, Every, GrantTerms, Instant, Levels, Name, Path, Record, Rule, Settings,
    Terms, Visit, VisitKind,
};
use crate::window::Count;

const MILLIONTHS: u64 = 1_000_000;

impl Account {
    /// Effects in force at `now`.
    pub fn effects(&self, now: Instant) -> impl Iterator<Item = &Effect> {
        self.rare().abuse.iter().flat_map(|w| &w.effects).filter(move |e| now < e.until)
    }

    /// The effect of a rule on a key, or on the account.
    #[must_use]
    pub fn effect(&self, rule: Rule, key: Option<&Name>, now: Instant) -> Option<&Effect> {
        self.effects(now).find(|e| e.rule == rule && e.key.as_deref() == key)
    }

    /// How its holds end, as far as the rule `holds` has counted.
    #[must_use]
    pub fn hygiene(&self) -> Hygiene {
        self.rare().abuse.as_ref().map_or_else(Hygiene::default, |w| w.hygiene)
    }

    /// The clusters that the account is or was in: the identity of its free grants.
    pub fn clusters(&self) -> impl Iterator<Item = &Name> {
        let now = self.settings.rank.as_ref().and_then(|rank| rank.cluster.as_ref());
        self.rare().left_clusters.iter().filter(move |left| Some(*left) != now).chain(now)
    }

    /// Settings that take the account out of its cluster.
    pub(super) fn note_cluster(&mut self, next: &Settings) {
        let cluster = |settings: &Settings| settings.rank.as_ref().and_then(|rank| rank.cluster.clone());
        let Some(left) = cluster(&self.settings).filter(|own| cluster(next).as_ref() != Some(own)) else {
            return;
        };
        let known = &mut self.rare_mut().left_clusters;
        if known.contains(&left) {
            return;
        }
        if known.len() >= CLUSTERS_MAX {
            // The first binding is the most telling, then the latest.
            known.remove(1);
        }
        known.push(left);
    }

    pub(super) fn note_payment(&mut self, terms: &GrantTerms, now: Instant) {
        if terms.category.is_paid() && self.paid_since.is_none() {
            self.paid_since = Some(now);
        }
    }

    /// Ends of holds are counted from the first one on that the rule looked at.
    pub(super) fn count_ends(&mut self, visits: &[Visit]) {
        let is_of_holds = |v: &Visit| v.kind == VisitKind::Abuse && v.name == Rule::Holds.name();
        if self.rare().abuse.is_none() && visits.iter().any(is_of_holds) {
            self.rare_mut().abuse = Some(Box::default());
        }
    }

    /// A hold was settled, or expired.
    pub(super) fn note_end(&mut self, expired: bool) {
        let Some(abuse) = self.rare.as_deref_mut().and_then(|e| e.abuse.as_deref_mut()) else { return };
        let hygiene = &mut abuse.hygiene;
        hygiene.ended = hygiene.ended.saturating_add(1).min(ENDS);
        let target = if expired { MILLIONTHS } else { 0 };
        // The mean of all at first, then one part in twenty.
        let weight = u64::from(hygiene.ended);
        hygiene.expired = (hygiene.expired * (weight - 1) + target) / weight;
        hygiene.clean = if expired { 0 } else { hygiene.clean + 1 };
        if hygiene.clean >= ENDS {
            hygiene.clean = 0;
            let of_holds = abuse.effects.iter_mut().filter(|e| e.rule == Rule::Holds);
            of_holds.for_each(|e| e.limit = e.limit.saturating_add(1));
        }
    }

    pub(super) fn apply_abuse(&mut self, record: &Record, abuse: &AbuseEvent) {
        match abuse {
            AbuseEvent::Began(effect) => self.begin(effect, record.recorded_at),
            AbuseEvent::Lifted { rule, key, .. } => {
                if let Some(abuse) = self.rare.as_deref_mut().and_then(|e| e.abuse.as_deref_mut()) {
                    abuse.effects.retain(|e| e.rule != *rule || e.key != *key);
                }
            }
            AbuseEvent::Disputed(_) => self.paid_since = self.paid_since.map(|_| record.recorded_at),
            AbuseEvent::FreeGrant { amount, .. } => {
                let (start, end) = trial_day(record.recorded_at);
                let terms = Terms::Period { limit: i64::MAX, start, end };
                let now = record.recorded_at;
                let name = Rule::Identity.name();
                let (level, path) = (Levels::ACCOUNT, &Path::default());
                let before = self.window(&name, level, path).map_or(0, |w| terms.room(Some(w), now).used);
                self.take((&name, level, path), terms, Count::now(amount.nano(), now, before), now);
            }
        }
    }

    fn begin(&mut self, effect: &Effect, now: Instant) {
        match effect.rule {
            Rule::Velocity => {
                let name = Rule::Velocity.name();
                let habit =
                    self.windows.iter_mut().filter(|w| w.name == name).find_map(|w| w.used.habit_mut());
                if let Some(habit) = habit {
                    habit.clamp(effect.limit);
                }
            }
            Rule::Holds => self.rare_mut().abuse.get_or_insert_default().hygiene = Hygiene::default(),
            Rule::CostMaximum
            | Rule::Ramp
            | Rule::Penalty
            | Rule::Identity
            | Rule::SubKeys
            | Rule::Sharing
            | Rule::KeySpend => {}
        }
        let effects = &mut self.rare_mut().abuse.get_or_insert_default().effects;
        effects.retain(|e| now < e.until && (e.rule, &e.key) != (effect.rule, &effect.key));
        if effects.len() >= EFFECTS_MAX
            && let Some(first) = (0..effects.len()).min_by_key(|i| effects.get(*i).map(|e| e.until))
        {
            effects.remove(first);
        }
        let at = effects.partition_point(|e| (e.rule, &e.key) < (effect.rule, &effect.key));
        effects.insert(at, effect.clone());
    }
}

/// The day of UTC that an instant is in.
pub(crate) fn trial_day(now: Instant) -> (Instant, Instant) {
    let day = Calendar::new(Every::Day, "UTC", false);
    day.map_or((now, now), |calendar| calendar.period(now, now))
}
