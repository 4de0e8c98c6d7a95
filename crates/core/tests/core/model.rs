//! An independent model of the waterfall: no windows, no receipts, no books, only a list of what happened.
//!
//! Every question is answered by adding up history, in whole credits. Prices are one credit a token, so that tokens,
//! credits and counts are the same small numbers and nothing of the code under test is needed to compute them.

use headworks_core::record::{Category, Consent, GrantId, Instant, Outcome, SegmentSettings, Source};
use proptest::prelude::*;

use crate::audit::{audit, chained, replayed};
use crate::common::{AskExt as _, World, ask, release};

const NANO: i64 = 1_000_000_000;
const USERS: [&str; 3] = ["a", "b", "c"];

/// A random policy.
#[derive(Clone, Debug)]
struct Policy {
    /// Sliding limit on tokens a user may use, seconds.
    sliding: Option<(i64, i64)>,
    concurrency: Option<i64>,
    /// Calendar hour limit on requests of the account.
    hourly: Option<i64>,
    spend_cap: Option<i64>,
    /// Included tokens: (limit, seconds) first-use windows, of the account or of each user.
    allowance: Vec<(i64, i64)>,
    allowance_per_user: bool,
    layers: Vec<LayerKind>,
    default_cap: Option<i64>,
    overdraft: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LayerKind {
    Allowance,
    Gifts,
    Pool,
    Everything,
    Overdraft,
}

#[derive(Clone, Debug)]
enum Step {
    Pass(i64),
    Grant { amount: i64, category: usize, priority: u16, lives: Option<i64> },
    Hold { user: usize, tokens: u64, consent: bool, now: bool },
    Settle { which: usize, percent: u64 },
    Release { which: usize },
    Consent(usize),
    Cap { user: usize, cap: i64 },
}

fn policy() -> impl Strategy<Value = Policy> {
    let layers = prop_oneof![
        Just(vec![LayerKind::Allowance, LayerKind::Gifts, LayerKind::Pool, LayerKind::Overdraft]),
        Just(vec![LayerKind::Gifts, LayerKind::Allowance, LayerKind::Everything]),
        Just(vec![LayerKind::Everything, LayerKind::Overdraft, LayerKind::Allowance]),
        Just(vec![LayerKind::Pool, LayerKind::Everything]),
        Just(vec![LayerKind::Allowance]),
        Just(vec![LayerKind::Overdraft]),
    ];
    (
        prop::option::of((10_i64..60, 5_i64..200)),
        prop::option::of(1_i64..5),
        prop::option::of(1_i64..12),
        prop::option::of(5_i64..60),
        prop::collection::vec((3_i64..40, 20_i64..4_000), 1..3),
        any::<bool>(),
        layers,
        prop::option::of(3_i64..30),
        0_i64..20,
    )
        .prop_map(
            |(
                sliding,
                concurrency,
                hourly,
                spend_cap,
                allowance,
                per_user,
                layers,
                default_cap,
                overdraft,
            )| Policy {
                sliding,
                concurrency,
                hourly,
                spend_cap,
                allowance,
                allowance_per_user: per_user,
                layers,
                default_cap,
                overdraft,
            },
        )
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (1_i64..2_000).prop_map(Step::Pass),
        2 => (1_i64..40, 0_usize..4, 0_u16..3, prop::option::of(1_i64..5_000))
            .prop_map(|(amount, category, priority, lives)| Step::Grant { amount, category, priority, lives }),
        8 => (0_usize..3, 0_u64..45, any::<bool>(), any::<bool>())
            .prop_map(|(user, tokens, consent, now)| Step::Hold { user, tokens, consent, now }),
        4 => (0_usize..8, 0_u64..=100).prop_map(|(which, percent)| Step::Settle { which, percent }),
        1 => (0_usize..8).prop_map(|which| Step::Release { which }),
        1 => (0_usize..3).prop_map(Step::Consent),
        1 => (0_usize..3, 0_i64..30).prop_map(|(user, cap)| Step::Cap { user, cap }),
    ]
}

impl Policy {
    fn catalog(&self) -> String {
        let mut guards = Vec::new();
        if let Some((limit, seconds)) = self.sliding {
            guards.push(format!(
                "{{ name = \"sliding\", per = \"user\", count = \"tokens\", window.sliding = {{ limit = {limit}, length = \"{seconds}s\" }} }}"
            ));
        }
        if let Some(limit) = self.concurrency {
            guards.push(format!("{{ name = \"slots\", window.concurrency = {{ limit = {limit} }} }}"));
        }
        if let Some(limit) = self.hourly {
            guards.push(format!(
                "{{ name = \"hourly\", window.fixed = {{ limit = {limit}, every = \"hour\" }} }}"
            ));
        }
        if let Some(limit) = self.spend_cap {
            guards.push(format!(
                "{{ name = \"cap\", window.spend_cap = {{ limit = \"{limit}\", every = \"day\" }} }}"
            ));
        }
        let windows: Vec<String> = self
            .allowance
            .iter()
            .enumerate()
            .map(|(i, (limit, seconds))| {
                format!("{{ name = \"w{i}\", window.first_use = {{ limit = \"{limit}\", length = \"{seconds}s\" }} }}")
            })
            .collect();
        let per = if self.allowance_per_user { "user" } else { "account" };
        let cap = self.default_cap.map_or(String::new(), |cap| format!("default = \"{cap}\", "));
        let layers: Vec<String> = self
            .layers
            .iter()
            .map(|layer| match layer {
                LayerKind::Allowance => {
                    format!(
                        "{{ allowance = {{ name = \"included\", per = \"{per}\", windows = [{}] }} }}",
                        windows.join(", ")
                    )
                }
                LayerKind::Gifts => {
                    "{ grants = { name = \"gifts\", categories = [\"free\", \"promotional\"] } }".to_owned()
                }
                LayerKind::Pool => {
                    format!("{{ pool = {{ name = \"pool\", cap = {{ {cap}every = \"day\" }} }} }}")
                }
                LayerKind::Everything => "{ grants = { name = \"everything\" } }".to_owned(),
                LayerKind::Overdraft => {
                    format!("{{ overdraft = {{ name = \"overdraft\", limit = \"{}\" }} }}", self.overdraft)
                }
            })
            .collect();
        format!(
            "version = \"m\"\n[meters]\ntokens = {{ unit = \"token\" }}\n[features.chat]\nmeters = [\"tokens\"]\nrate_card = \"c\"\nhold = {{ life = \"24h\" }}\n\
             [[rate_cards.c]]\neffective_from = \"2020-01-01T00:00:00Z\"\nprices = [{{ feature = \"chat\", credits = {{ tokens = \"1\" }} }}]\n\
             [plans.p]\nfeatures = [\"chat\"]\nguards = [{}]\nwaterfall = [{}]\n",
            guards.join(", "),
            layers.join(", ")
        )
    }
}

/// One request that was granted.
#[derive(Clone, Debug)]
struct Granted {
    id: u64,
    at: i64,
    user: usize,
    /// What is counted now: the estimate while it is open, the actual use afterwards.
    tokens: i64,
    is_open: bool,
    /// Released whole: it counts as if it had never been.
    is_gone: bool,
    paid: Vec<(Payer, i64)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Payer {
    Allowance,
    Grant(u64, LayerKind),
    Overdraft,
}

#[derive(Clone, Debug)]
struct Given {
    id: u64,
    amount: i64,
    category: usize,
    priority: u16,
    expires: Option<i64>,
    from: i64,
    repaid: i64,
}

#[derive(Debug)]
struct Model {
    policy: Policy,
    history: Vec<Granted>,
    grants: Vec<Given>,
    consent: Consent,
    caps: [Option<i64>; 3],
    /// When each allowance window was last opened, by window and user (0 when it is the account's).
    opened: Vec<(usize, usize, i64)>,
    overdraft_repaid: i64,
}

fn is_paid(category: usize) -> bool {
    category >= 2
}

impl Model {
    fn user_key(&self, user: usize) -> usize {
        if self.policy.allowance_per_user { user } else { 0 }
    }

    fn opened_at(&self, window: usize, user: usize, now: i64) -> Option<i64> {
        let length = self.policy.allowance[window].1 * 1_000_000;
        let last = self.opened.iter().rev().find(|(w, u, _)| *w == window && *u == self.user_key(user));
        last.map(|(_, _, at)| *at).filter(|at| now < at + length)
    }

    fn included_left(&self, user: usize, now: i64) -> i64 {
        let left = (0..self.policy.allowance.len()).map(|w| {
            let from = self.opened_at(w, user, now);
            let drawn: i64 = self
                .history
                .iter()
                .filter(|h| {
                    from.is_some_and(|from| h.at >= from) && self.user_key(h.user) == self.user_key(user)
                })
                .flat_map(|h| &h.paid)
                .filter(|(p, _)| *p == Payer::Allowance)
                .map(|(_, n)| n)
                .sum();
            self.policy.allowance[w].0 - drawn
        });
        left.min().unwrap_or(0).max(0)
    }

    fn grant_left(&self, id: u64) -> i64 {
        let given = self.grants.iter().find(|g| g.id == id).expect("known");
        let drawn: i64 = self
            .history
            .iter()
            .flat_map(|h| &h.paid)
            .filter(|(p, _)| matches!(p, Payer::Grant(g, _) if *g == id))
            .map(|(_, n)| n)
            .sum();
        given.amount - given.repaid - drawn
    }

    fn day(at: i64) -> i64 {
        at.div_euclid(86_400_000_000)
    }

    fn spent_today(&self, now: i64, of: impl Fn(&Granted, &Payer) -> bool) -> i64 {
        let today = self.history.iter().filter(|h| Self::day(h.at) == Self::day(now));
        today
            .flat_map(|h| h.paid.iter().map(move |p| (h, p)))
            .filter(|(h, (p, _))| of(h, p))
            .map(|(_, (_, n))| n)
            .sum()
    }

    fn overdrawn(&self) -> i64 {
        let drawn: i64 = self
            .history
            .iter()
            .flat_map(|h| &h.paid)
            .filter(|(p, _)| *p == Payer::Overdraft)
            .map(|(_, n)| n)
            .sum();
        drawn - self.overdraft_repaid
    }

    fn guards_pass(&self, user: usize, tokens: i64, now: i64, hold: bool) -> bool {
        let counted = |h: &&Granted| !h.is_gone;
        if let Some((limit, seconds)) = self.policy.sliding {
            let recent = self
                .history
                .iter()
                .filter(counted)
                .filter(|h| h.user == user && h.at + seconds * 1_000_000 > now);
            if recent.map(|h| h.tokens).sum::<i64>() + tokens > limit && tokens > 0 {
                return false;
            }
        }
        if let Some(limit) = self.policy.concurrency
            && hold
            && i64::try_from(self.history.iter().filter(|h| h.is_open).count()).expect("few") >= limit
        {
            return false;
        }
        if let Some(limit) = self.policy.hourly {
            let hour = |at: i64| at.div_euclid(3_600_000_000);
            let n = self.history.iter().filter(counted).filter(|h| hour(h.at) == hour(now)).count();
            if i64::try_from(n).expect("few") >= limit {
                return false;
            }
        }
        true
    }

    /// Who would pay, or `None`; the flag says that consent is needed.
    fn payers(&self, user: usize, tokens: i64, now: i64, consent: bool) -> Option<(Vec<(Payer, i64)>, bool)> {
        let mut rest = tokens;
        let mut paid: Vec<(Payer, i64)> = Vec::new();
        let spent = self.spent_today(now, |_, p| *p != Payer::Allowance);
        let mut budget = self.policy.spend_cap.map_or(i64::MAX, |cap| (cap - spent).max(0));
        let mut asked = false;
        for layer in &self.policy.layers {
            let mut room = i64::MAX;
            let categories: &[usize] = match layer {
                LayerKind::Allowance => {
                    let n = rest.min(self.included_left(user, now));
                    if n > 0 {
                        paid.push((Payer::Allowance, n));
                        rest -= n;
                    }
                    continue;
                }
                LayerKind::Overdraft => {
                    let n = rest.min((self.policy.overdraft - self.overdrawn()).max(0)).min(budget);
                    if n > 0 && self.consent != Consent::Never {
                        asked |= self.consent == Consent::Ask && !consent;
                        paid.push((Payer::Overdraft, n));
                        rest -= n;
                        budget -= n;
                    }
                    continue;
                }
                LayerKind::Gifts => &[0, 1],
                LayerKind::Pool => {
                    if let Some(cap) = self.caps[user].or(self.policy.default_cap) {
                        let used = self.spent_today(now, |h, p| {
                            h.user == user && matches!(p, Payer::Grant(_, LayerKind::Pool))
                        });
                        room = (cap - used).max(0);
                    }
                    &[2, 3]
                }
                LayerKind::Everything => &[0, 1, 2, 3],
            };
            let mut usable: Vec<&Given> = self
                .grants
                .iter()
                .filter(|g| {
                    categories.contains(&g.category) && g.from <= now && g.expires.is_none_or(|e| now < e)
                })
                .collect();
            usable.sort_by_key(|g| (g.priority, g.expires.unwrap_or(i64::MAX), g.category, g.from, g.id));
            for grant in usable {
                if is_paid(grant.category) && self.consent == Consent::Never {
                    continue;
                }
                let already: i64 = paid
                    .iter()
                    .filter(|(p, _)| matches!(p, Payer::Grant(g, _) if *g == grant.id))
                    .map(|(_, n)| n)
                    .sum();
                let n = rest.min(self.grant_left(grant.id) - already).min(room).min(budget);
                if n > 0 {
                    asked |= is_paid(grant.category) && self.consent == Consent::Ask && !consent;
                    paid.push((Payer::Grant(grant.id, *layer), n));
                    rest -= n;
                    room -= n;
                    budget -= n;
                }
            }
        }
        (rest == 0).then_some((paid, asked))
    }

    fn open_windows(&mut self, user: usize, now: i64) {
        for w in 0..self.policy.allowance.len() {
            if self.opened_at(w, user, now).is_none() {
                self.opened.push((w, self.user_key(user), now));
            }
        }
    }
}

fn run(policy: &Policy, steps: &[Step]) -> Result<(), TestCaseError> {
    let mut w = World::new(&policy.catalog(), "p");
    let mut m = Model {
        policy: policy.clone(),
        history: Vec::new(),
        grants: Vec::new(),
        consent: Consent::Allow,
        caps: [None; 3],
        opened: Vec::new(),
        overdraft_repaid: 0,
    };
    for step in steps {
        let now = w.account.tick(w.now).micros();
        match step {
            Step::Pass(seconds) => w.now = Instant::from_micros(w.now.micros() + seconds * 1_000_000),
            Step::Grant { amount, category, priority, lives } => {
                let expires = lives.map(|s| now + s * 1_000_000);
                let id = w.grant_with(&amount.to_string(), |g| {
                    g.category = Category::ALL[*category];
                    g.priority = *priority;
                    g.expires_at = expires.map(Instant::from_micros);
                });
                let held: i64 = m
                    .history
                    .iter()
                    .filter(|h| h.is_open)
                    .flat_map(|h| &h.paid)
                    .filter(|(p, _)| *p == Payer::Overdraft)
                    .map(|(_, n)| n)
                    .sum();
                let repaid = (m.overdrawn() - held).min(*amount).max(0);
                m.overdraft_repaid += repaid;
                m.grants.push(Given {
                    id,
                    amount: *amount,
                    category: *category,
                    priority: *priority,
                    expires,
                    from: now,
                    repaid,
                });
            }
            Step::Hold { user, tokens, consent, now: at_once } => {
                let mut request =
                    ask("chat", &[("tokens", *tokens)]).on_path(&format!("user:{}", USERS[*user]));
                request.request.consented = *consent;
                request.settle_now = *at_once;
                let tokens = i64::try_from(*tokens).expect("small");
                let decision = w.ask(&request);
                let expected = m
                    .guards_pass(*user, tokens, now, !at_once)
                    .then(|| m.payers(*user, tokens, now, *consent))
                    .flatten();
                match expected {
                    None => prop_assert_eq!(decision.outcome, Outcome::Deny, "{:?}", decision),
                    Some((_, true)) => {
                        prop_assert_eq!(decision.outcome, Outcome::NeedsConsent, "{:?}", decision)
                    }
                    Some((paid, false)) => {
                        prop_assert_eq!(decision.outcome, Outcome::Allow, "{:?}", decision);
                        let draws: Vec<(String, i64)> =
                            decision.draws.iter().map(|d| (format!("{:?}", d.source), d.amount)).collect();
                        let wanted: Vec<(String, i64)> = paid
                            .iter()
                            .map(|(p, n)| {
                                let source = match p {
                                    Payer::Allowance => Source::Allowance,
                                    Payer::Overdraft => Source::Overdraft,
                                    Payer::Grant(id, _) => {
                                        let given = m.grants.iter().find(|g| g.id == *id).expect("known");
                                        Source::Grant(GrantId(*id), Category::ALL[given.category])
                                    }
                                };
                                (format!("{source:?}"), n * NANO)
                            })
                            .collect();
                        prop_assert_eq!(draws, wanted, "{:?}", decision);
                        if paid.iter().any(|(p, _)| *p == Payer::Allowance) {
                            m.open_windows(*user, now);
                        }
                        m.history.push(Granted {
                            id: w.account.seq,
                            at: now,
                            user: *user,
                            tokens,
                            is_open: !at_once,
                            is_gone: false,
                            paid,
                        });
                    }
                }
            }
            Step::Settle { which, percent } => {
                let open: Vec<usize> = (0..m.history.len()).filter(|i| m.history[*i].is_open).collect();
                let Some(&i) = open.get(which % open.len().max(1)) else { continue };
                let actual = m.history[i].tokens * i64::try_from(*percent).expect("small") / 100;
                w.settle(m.history[i].id, &[("tokens", u64::try_from(actual).expect("positive"))])
                    .expect("settles");
                end(&mut m, i, actual, now);
            }
            Step::Release { which } => {
                let open: Vec<usize> = (0..m.history.len()).filter(|i| m.history[*i].is_open).collect();
                let Some(&i) = open.get(which % open.len().max(1)) else { continue };
                w.apply(release(m.history[i].id)).expect("releases");
                end(&mut m, i, 0, now);
                m.history[i].is_gone = true;
            }
            Step::Consent(which) => {
                let consent = [Consent::Allow, Consent::Ask, Consent::Never][*which];
                w.settings(|s| s.consent = Some(consent));
                m.consent = consent;
            }
            Step::Cap { user, cap } => {
                let segment = format!("user:{}", USERS[*user]).parse().expect("segment");
                w.settings(|s| {
                    s.segments.retain(|x| x.segment != segment);
                    let pool_cap = Some(headworks_core::record::Credits::from_nano(cap * NANO));
                    s.segments.push(SegmentSettings {
                        segment,
                        suspended: false,
                        consent: None,
                        pool_cap,
                        hourly_cap: None,
                    });
                });
                m.caps[*user] = Some(*cap);
            }
        }
        compare(&w, &m)?;
    }
    // Whatever happened, the log reconciles.
    prop_assert_eq!(audit(&chained(&w.log), std::slice::from_ref(&w.catalog)), []);
    prop_assert_eq!(replayed(&w.log, &w.catalog), []);
    Ok(())
}

/// Keeps the front of what was paid.
fn end(m: &mut Model, i: usize, actual: i64, now: i64) {
    let mut rest = actual;
    let granted = &mut m.history[i];
    granted.is_open = false;
    granted.tokens = actual;
    let mut back = Vec::new();
    for (payer, n) in &mut granted.paid {
        let keep = rest.min(*n);
        rest -= keep;
        if let Payer::Grant(id, _) = payer {
            back.push((*id, *n - keep));
        }
        *n = keep;
    }
    granted.paid.retain(|(_, n)| *n > 0);
    // What returns to a grant that has expired is lost.
    for (id, n) in back {
        if let Some(given) = m.grants.iter_mut().find(|g| g.id == id && g.expires.is_some_and(|e| e <= now)) {
            given.amount -= n;
        }
    }
}

fn compare(w: &World, m: &Model) -> Result<(), TestCaseError> {
    let now = w.account.tick(w.now);
    let free: i64 = m
        .grants
        .iter()
        .filter(|g| g.from <= now.micros() && g.expires.is_none_or(|e| now.micros() < e))
        .map(|g| m.grant_left(g.id))
        .sum();
    prop_assert_eq!(w.account.available(now, None).nano(), (free - m.overdrawn()) * NANO);
    let open = m.history.iter().filter(|h| h.is_open);
    let held: i64 = open.flat_map(|h| &h.paid).filter(|(p, _)| *p != Payer::Allowance).map(|(_, n)| n).sum();
    prop_assert_eq!(w.account.held(None).nano(), held * NANO);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, max_shrink_iters: 4_000, ..ProptestConfig::default() })]

    #[test]
    fn model_agrees(policy in policy(), steps in prop::collection::vec(step(), 1..60)) {
        run(&policy, &steps)?;
    }
}
