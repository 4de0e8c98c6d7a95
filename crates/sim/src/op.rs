//! What callers ask for: operations that can be sent again, with the same body or another.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use headworks_core::abuse::penalty::Misdeed;
use headworks_core::operation::{
    Authorize, ChangePlan, Correct, Extend, Minimum, NewGrant, Quantities, Request,
};
use headworks_core::record::{
    AlertMarks, Category, Consent, Credits, Every, GrantId, HoldId, Instant, Label, Level, Name, Overage,
    Path, PoolChange, Rank, Recurrence, Rollover, Rule, Seq, Settings, Span, TopUpTerms, WHOLE,
};
use headworks_engine::{Answer, Caller, Engine, EngineError, Idempotency};

use crate::catalog::{self, ACCOUNTS, KEYS, USERS};

pub(crate) type Asked = Pin<Box<dyn Future<Output = Result<Answer, EngineError>>>>;

/// One request.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Op {
    /// Its idempotency key.
    pub(crate) key: u64,
    pub(crate) account: usize,
    pub(crate) body: Body,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Body {
    Open,
    Authorize {
        feature: &'static str,
        user: Option<usize>,
        /// The key, and the network it is used from.
        from: Option<(usize, u8)>,
        amount: u64,
        now: bool,
        least: Option<u64>,
        consent: bool,
        /// Seconds to wait for capacity; `None`: as the class says.
        wait: Option<u64>,
        /// Whether its caller has just sent a few forged webhooks.
        forges: bool,
    },
    Settle {
        hold: Seq,
        used: u64,
    },
    Extend {
        hold: Seq,
        more: u64,
        life: Option<u64>,
    },
    Release {
        hold: Seq,
    },
    Record {
        amount: u64,
        hours_ago: i64,
    },
    Grant {
        amount: u64,
        kind: usize,
        hours: Option<u64>,
        recurs: bool,
        stamps: bool,
    },
    Void {
        grant: Seq,
    },
    Adjust {
        grant: Seq,
        by: i64,
    },
    Refund {
        charge: Seq,
        amount: Option<u64>,
    },
    Correct {
        charge: Seq,
        to: Option<u64>,
    },
    ChangePlan {
        moves: bool,
        grant: Option<Seq>,
        amount: u64,
    },
    Settings {
        suspended: bool,
        consent: usize,
        alerts: bool,
        plan: usize,
    },
    Bank,
    Redeem,
    Late {
        kept: Seq,
        accept: bool,
    },
    TopUp {
        number: u64,
        paid: bool,
    },
    Catalog(usize),
    /// An effect of an abuse rule, by its place in the list, is lifted.
    Lift(usize),
    Dispute,
    /// A live limit of the pool of slots; `None`: as the catalog says.
    Pool(Option<u64>),
}

pub(crate) fn name(text: &str) -> Name {
    Name::new(text).unwrap_or_else(|e| panic!("{text}: {e}"))
}

fn whole(n: u64) -> Credits {
    Credits::from_nano(i64::try_from(n).unwrap_or(0) * 1_000_000_000)
}

fn label(text: &str) -> Label {
    Label::new(text).unwrap_or_else(|e| panic!("{text}: {e}"))
}

fn quantities(feature: &str, amount: u64) -> Quantities {
    let meter = match feature {
        "chat" | "gift" => "tokens",
        "draw" => "images",
        _ => return Quantities::new(),
    };
    [(name(meter), amount)].into_iter().collect()
}

fn path(user: Option<usize>, key: Option<usize>) -> Path {
    let user = user.and_then(|u| USERS.get(u)).map(|user| format!("user:{user}"));
    let key = key.and_then(|k| KEYS.get(k)).map(|key| format!("key:{key}"));
    let segments: Vec<String> = user.into_iter().chain(key).collect();
    segments.join("/").parse().unwrap_or_default()
}

impl Op {
    pub(crate) fn account(&self) -> Name {
        name(ACCOUNTS.get(self.account).copied().unwrap_or("alpha"))
    }

    fn idempotency(&self) -> Idempotency {
        let mut digest = [0_u8; 16];
        for (i, byte) in format!("{:?}", self.body).bytes().enumerate() {
            if let Some(place) = digest.get_mut(i % 16) {
                *place = place.rotate_left(3) ^ byte;
            }
        }
        Idempotency { text: label(&format!("k{}", self.key)), digest }
    }

    /// Sends it.
    pub(crate) fn send(self, engine: Arc<Engine>) -> Asked {
        Box::pin(async move {
            let (account, key) = (self.account(), self.idempotency());
            let keyed = (&key, None);
            match self.body {
                Body::Open => {
                    // The first two are one identity.
                    let cluster = Some(name(if self.account < 2 { "twins" } else { "single" }));
                    let rank = Rank { class: None, cluster, weight: 1, floor: 0, max: None };
                    let settings = |now| Settings {
                        rank: Some(Box::new(rank.clone())),
                        ..Settings::new(name("p"), now)
                    };
                    engine.open_account(&account, keyed, settings).await
                }
                Body::Authorize { feature, user, from, amount, now, least, consent, wait, forges } => {
                    let ask = Authorize {
                        request: Request {
                            feature: name(feature),
                            path: path(user, from.map(|(key, _)| key)),
                            dimensions: smallvec::SmallVec::new(),
                            quantities: quantities(feature, amount),
                            consented: consent,
                        },
                        minimum: least.map(|quantity| Minimum { meter: name("tokens"), quantity }),
                        life: None,
                        settle_now: now,
                    };
                    let of = ask.request.path.at(Level::Key).cloned();
                    for report in 0..if forges { 5 } else { 0 } {
                        let id =
                            Idempotency { text: label(&format!("{}-{report}", self.key)), ..key.clone() };
                        engine.report(&account, &id, Misdeed::ForgedWebhook, of.as_ref()).await?;
                    }
                    let caller = Caller {
                        max_wait: wait.map(Span::from_secs),
                        source: from.map(|(_, network)| [10, 0, network, 1].into()),
                    };
                    engine.authorize(&account, keyed, &ask, caller).await
                }
                Body::Settle { hold, used } => {
                    engine.settle(&account, keyed, HoldId(hold), &quantities("chat", used)).await
                }
                Body::Extend { hold, more, life } => {
                    let ask = Extend {
                        hold: HoldId(hold),
                        quantities: quantities("chat", more),
                        minimum: None,
                        life: life.map(Span::from_secs),
                        progress: Some(quantities("chat", more)),
                        consented: true,
                    };
                    engine.extend(&account, keyed, &ask).await
                }
                Body::Release { hold } => engine.release(&account, keyed, HoldId(hold)).await,
                Body::Record { amount, hours_ago } => {
                    let request = Request {
                        feature: name("chat"),
                        path: path(Some(0), None),
                        dimensions: smallvec::SmallVec::new(),
                        quantities: quantities("chat", amount),
                        consented: true,
                    };
                    let ago = Span::from_secs(u64::try_from(hours_ago).unwrap_or(0) * 3_600);
                    let at = (hours_ago >= 0).then(|| engine.clock().now().before(ago));
                    engine.record(&account, keyed, &request, at).await
                }
                Body::Grant { amount, kind, hours, recurs, stamps } => {
                    let category = Category::ALL.get(kind).copied().unwrap_or(Category::Free);
                    let rollover = Rollover { min: whole(0), max: whole(5), fraction: WHOLE, life: None };
                    let recurrence = Recurrence {
                        every: Every::Day,
                        zone: label("UTC"),
                        anchor: None,
                        until: Instant::NEVER,
                        rollover: Some(rollover),
                        overage: if amount.is_multiple_of(2) { Overage::Keep } else { Overage::Forgive },
                    };
                    let now = engine.clock().now();
                    let new = NewGrant {
                        expires_at: hours.map(|h| now.after(Span::from_secs(h * 3_600))),
                        recurrence: recurs.then(|| Box::new(recurrence)),
                        unit: stamps.then(|| name("stamps")),
                        ..NewGrant::new(whole(amount), category)
                    };
                    engine.grant(&account, keyed, &new).await
                }
                Body::Void { grant } => engine.void(&account, keyed, GrantId(grant), None).await,
                Body::Adjust { grant, by } => {
                    let by = Credits::from_nano(by * 1_000_000_000);
                    engine.adjust(&account, keyed, GrantId(grant), by, None).await
                }
                Body::Refund { charge, amount } => {
                    engine.refund(&account, keyed, charge, amount.map(whole), None).await
                }
                Body::Correct { charge, to } => {
                    let ask = Correct {
                        quantities: to.map_or_else(Quantities::new, |n| quantities("chat", n)),
                        reprice: to.is_none(),
                    };
                    engine.correct(&account, keyed, charge, &ask, to == Some(0), None).await
                }
                Body::ChangePlan { moves, grant, amount } => {
                    let ask = ChangePlan {
                        plan: name("p"),
                        move_anchor: moves,
                        amounts: grant.map(|g| (GrantId(g), whole(amount))).into_iter().collect(),
                        prorate: amount.is_multiple_of(2),
                        reason: None,
                    };
                    engine.change_plan(&account, keyed, &ask).await
                }
                Body::Settings { suspended, consent, alerts, plan } => {
                    let marks = AlertMarks { low: whole(10), recovered: whole(20) };
                    let top_up = TopUpTerms {
                        amount: whole(25),
                        monthly_max: whole(200),
                        cool_down: Span::from_secs(60),
                    };
                    let consents = [None, Some(Consent::Allow), Some(Consent::Ask), Some(Consent::Never)];
                    let change = |settings: &mut Settings| {
                        settings.suspended = suspended;
                        settings.consent = consents.get(consent).copied().flatten();
                        settings.alerts = alerts.then_some(marks);
                        settings.top_up = alerts.then_some(top_up);
                        settings.plan = name(if plan == 0 { "q" } else { "p" });
                    };
                    engine.change_account(&account, keyed, None, change).await
                }
                Body::Bank => {
                    let windows = [name("daily"), name("tasks.five")];
                    engine.bank_reset(&account, keyed, &windows, None, None).await
                }
                Body::Redeem => engine.redeem_reset(&account, keyed, None, &Path::default()).await,
                Body::Late { kept, accept } => engine.decide_late(&account, keyed, kept, accept, None).await,
                Body::TopUp { number, paid } => {
                    let grant = NewGrant::new(whole(1), Category::Purchased);
                    let paid = if paid { Ok(&grant) } else { Err(None) };
                    engine.confirm_top_up(&account, keyed, number, paid).await
                }
                Body::Lift(rule) => {
                    let rule = Rule::ALL.get(rule).copied().unwrap_or(Rule::Velocity);
                    engine.lift(&account, keyed, rule, None, None).await
                }
                Body::Dispute => engine.dispute(&account, keyed, None).await,
                Body::Pool(in_flight) => {
                    let change = PoolChange {
                        pool: name("model"),
                        rate: None,
                        in_flight,
                        classes: std::collections::BTreeMap::new(),
                        reason: None,
                    };
                    engine.change_pool(change, keyed).await
                }
                Body::Catalog(version) => {
                    let put = engine.put_catalog(&catalog::text(version), keyed).await?;
                    put.map(|(_, answer)| answer).map_err(|p| panic!("the simulation's catalog: {p}"))
                }
            }
        })
    }
}
