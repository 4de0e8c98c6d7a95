//! The requests of callers: commands that can be sent again, with the same body or another.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use headworks_core::abuse::penalty::Misdeed;
use headworks_core::command::{
    Adjust, ChangePlan, Command, Correct, Extend, NewGrant, NewSeat, Patch, Setting, TopUp,
};
use headworks_core::record::{
    AlertMarks, Category, Consent, Credits, Every, GrantId, HoldId, Instant, Label, Level, Name, Overage,
    Path, Proration, Rank, Recurrence, Rollover, Segment, SegmentSettings, Seq, Span, SupplyChange,
    TopUpTerms, WHOLE,
};
use headworks_core::waterfall::{AskedPart, Authorize, Minimum, Quantities, Request};
use headworks_engine::{Answer, Caller, Engine, EngineError, Idempotency};

use crate::catalog::{self, ACCOUNTS, ANCHORS, KEYS, TEAMS, USERS};
use crate::parts::{more, parts};
use crate::usage::Usage;

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
    Command(Box<Command>, From),
    /// A catalog is put in force.
    Catalog(usize),
    /// A live limit of the supply of slots; `None`: the catalog's.
    Supply(Option<u64>),
    /// Use reported as a CloudEvent.
    Usage(Usage),
}

/// The circumstances of a command.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct From {
    /// The network of the caller.
    pub(crate) network: Option<u8>,
    /// Seconds to wait for capacity; `None`: the default of the class.
    pub(crate) wait: Option<u64>,
    /// Whether its caller has just sent a few forged webhooks.
    pub(crate) forges: bool,
}

impl std::convert::From<Command> for Body {
    fn from(command: Command) -> Self {
        Self::Command(Box::new(command), From::default())
    }
}

pub(crate) fn name(text: &str) -> Name {
    Name::id(text).unwrap_or_else(|e| panic!("{text}: {e}"))
}

fn whole(n: u64) -> Credits {
    Credits::from_nano(i64::try_from(n).unwrap_or(0) * 1_000_000_000)
}

pub(crate) fn label(text: &str) -> Label {
    Label::new(text).unwrap_or_else(|e| panic!("{text}: {e}"))
}

fn quantities(feature: &str, amount: u64) -> Quantities {
    let meter = match feature {
        "chat" | "gift" | "owe" => "tokens",
        "draw" => "images",
        "bulk" => "bytes",
        "rent" => "hours",
        "blend" => return parts(amount).0.1,
        _ => return Quantities::new(),
    };
    [(name(meter), amount)].into_iter().collect()
}

/// A request for an amount of a feature.
fn request(feature: &str, amount: u64, path: Path, consented: bool) -> Request {
    let request = Request { path, consented, ..Request::new(name(feature), quantities(feature, amount)) };
    if feature != "blend" {
        return request;
    }
    let ((dimensions, _), second) = parts(amount);
    let second =
        second.map(|(dimensions, quantities)| AskedPart { dimensions: Some(dimensions), quantities });
    Request { dimensions, more: second.into_iter().collect(), ..request }
}

/// The origin of a request, as indexes into the lists.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Whence {
    pub(crate) team: Option<usize>,
    pub(crate) user: Option<usize>,
    pub(crate) key: Option<usize>,
}

fn path(whence: Whence) -> Path {
    path_in(whence, None)
}

/// Overrides may name a seat.
pub(crate) fn path_in(Whence { team, user, key }: Whence, seat: Option<&str>) -> Path {
    let team = team.and_then(|t| TEAMS.get(t)).map(|team| format!("team:{team}"));
    let user = user.and_then(|u| USERS.get(u)).map(|user| format!("user:{user}"));
    let key = key.and_then(|k| KEYS.get(k)).map(|key| format!("key:{key}"));
    let seat = seat.map(|seat| format!("seat:{seat}"));
    let segments: Vec<String> = team.into_iter().chain(user).chain(seat).chain(key).collect();
    // A list, because names have slashes.
    serde_json::json!(segments).to_string().parse().unwrap_or_else(|e| panic!("{segments:?}: {e}"))
}

/// Opens an account; the first two share an identity.
pub(crate) fn open(account: usize) -> Body {
    let cluster = Some(name(if account < 2 { "twins" } else { "single" }));
    let rank = Box::new(Rank { class: None, cluster, weight: 1, floor: 0, max: None });
    let anchor = ANCHORS.get(account).copied().flatten();
    let billing_anchor = anchor.and_then(|at| at.parse().ok());
    let patch = Patch { plan: Some(name("p")), rank: Setting::Set(rank), billing_anchor, ..Patch::default() };
    Command::Open(patch).into()
}

/// A request whose hold lives this many seconds.
pub(crate) fn authorize(
    feature: &str,
    whence: Whence,
    amount: u64,
    least: Option<u64>,
    settle_now: bool,
    consented: bool,
    life: Option<u64>,
) -> Command {
    Command::Authorize(Authorize {
        request: request(feature, amount, path(whence), consented),
        minimum: least.map(|quantity| Minimum { meter: name("tokens"), quantity }),
        life: life.map(Span::from_secs),
        settle_now,
    })
}

/// A record, and its feature.
pub(crate) type Of = (Seq, &'static str);

pub(crate) fn settle((hold, feature): Of, used: u64) -> Command {
    let (quantities, more) = (quantities(feature, used), more(feature, used));
    Command::Settle { hold: HoldId(hold), quantities, dimensions: None, more }
}

pub(crate) fn extend((hold, feature): Of, by: u64, life: Option<u64>) -> Command {
    Command::Extend(Extend {
        hold: HoldId(hold),
        quantities: quantities(feature, by),
        more: more(feature, by),
        minimum: None,
        life: life.map(Span::from_secs),
        progress: (feature != "blend").then(|| quantities(feature, by)),
        consented: true,
    })
}

/// Use at an instant; `None`: now.
pub(crate) fn record(feature: &str, amount: u64, at: Option<Instant>) -> Command {
    let path = path(Whence { user: Some(0), ..Whence::default() });
    let request = request(feature, amount, path, true);
    Command::Record { request, at }
}

/// An invoice is paid.
pub(crate) fn pay(invoice: Seq) -> Command {
    Command::PayInvoice { invoice, reference: None }
}

/// The special properties of a grant.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Kind {
    /// Its index in the list of categories.
    pub(crate) category: usize,
    pub(crate) expires_at: Option<Instant>,
    /// A number that selects its recurrence.
    pub(crate) recurs: Option<usize>,
    /// In another unit of credits.
    pub(crate) unit: Option<&'static str>,
    /// For only one feature.
    pub(crate) only: Option<&'static str>,
}

/// Lifetimes of carried credits, in hours; `None`: one period.
const LIVES: [Option<u64>; 4] = [None, Some(36), Some(72), Some(5)];

fn recurrence(choice: usize, overage: Overage) -> Recurrence {
    let life = LIVES.get(choice % 4).copied().flatten().map(|hours| Span::from_secs(hours * 3_600));
    let every = [Every::Day, Every::Day, Every::Week, Every::Month].get(choice / 4 % 4).copied();
    let fraction = if choice.is_multiple_of(5) { WHOLE / 2 } else { WHOLE };
    Recurrence {
        every: every.unwrap_or(Every::Day),
        zone: label(if (choice / 16).is_multiple_of(2) { "UTC" } else { "America/New_York" }),
        anchor: None,
        until: Instant::NEVER,
        rollover: Some(Rollover { min: whole(0), max: whole(5), fraction, life }),
        overage,
        prorated: None,
    }
}

pub(crate) fn grant(amount: u64, kind: Kind) -> Command {
    let category = Category::ALL.get(kind.category).copied().unwrap_or(Category::Free);
    let overage = if amount.is_multiple_of(2) { Overage::Keep } else { Overage::Forgive };
    Command::Grant(NewGrant {
        expires_at: kind.expires_at,
        recurrence: kind.recurs.map(|choice| Box::new(recurrence(choice, overage))),
        unit: kind.unit.map(name),
        features: kind.only.into_iter().map(name).collect(),
        ..NewGrant::new(whole(amount), category)
    })
}

/// `as_debt`: an amount beyond the rest of the grant becomes debt.
pub(crate) fn adjust(grant: Seq, by: i64, as_debt: bool) -> Command {
    let by = Credits::from_nano(by * 1_000_000_000);
    Command::Adjust(Adjust { grant: GrantId(grant), by, as_debt, reason: None })
}

/// A cap of a member of the pool, or of a team; `None`: none.
pub(crate) fn cap(team: bool, cap: Option<u64>) -> Command {
    let (level, name) = if team {
        (Level::Team, name(TEAMS.first().copied().unwrap_or_default()))
    } else {
        (Level::User, name("ann"))
    };
    let segment = Segment { level, name };
    let settings = SegmentSettings {
        segment: segment.clone(),
        suspended: false,
        consent: None,
        pool_cap: cap.map(whole).map(Into::into),
        hourly_cap: None,
    };
    let patch = Patch { segments: vec![(segment, cap.map(|_| settings))], ..Patch::default() };
    Command::Change { patch, reason: None }
}

pub(crate) fn refund(charge: Seq, amount: Option<u64>) -> Command {
    Command::Refund { charge, amount: amount.map(whole), reason: None }
}

/// Another quantity; 0: the use did not happen, `None`: other prices.
pub(crate) fn correct((charge, feature): Of, to: Option<u64>) -> Command {
    let to = match to {
        None => Correct::reprice(),
        Some(0) => Correct::Delete,
        Some(n) => {
            let more = (feature == "blend").then(|| more(feature, n));
            Correct::To { quantities: quantities(feature, n), dimensions: None, more, reprice: false }
        }
    };
    Command::Correct { charge, to, reason: None }
}

pub(crate) fn change_plan(move_anchor: bool, grant: Option<Seq>, amount: u64) -> Command {
    Command::ChangePlan(ChangePlan {
        plan: name("p"),
        move_anchor,
        amounts: grant.map(|g| (GrantId(g), whole(amount))).into_iter().collect(),
        prorate: [None, Some(Proration::Instant), Some(Proration::Days)]
            [usize::try_from(amount % 3).unwrap_or(0)],
        at: None,
        reason: None,
    })
}

pub(crate) fn settings(suspended: bool, consent: usize, alerts: bool, plan: usize) -> Command {
    let marks = |unit| AlertMarks { low: whole(10), recovered: whole(20), unit };
    let top_up = |unit| TopUpTerms {
        amount: whole(25),
        monthly_max: whole(200),
        cool_down: Span::from_secs(60),
        unit,
    };
    let stamps = || Some(name("stamps"));
    let consents = [None, Some(Consent::Allow), Some(Consent::Ask), Some(Consent::Never)];
    let patch = Patch {
        suspended: Some(suspended),
        consent: consents.get(consent).copied().flatten().into(),
        alerts: alerts.then(|| vec![marks(Some(name("credits"))), marks(stamps())]).into(),
        top_ups: alerts.then(|| vec![top_up(None), top_up(stamps())]).into(),
        plan: Some(name(["q", "s"].get(plan).copied().unwrap_or("p"))),
        ..Patch::default()
    };
    Command::Change { patch, reason: None }
}

/// A seat is set: of a type, and given to a user or to nobody. What is left out stays.
pub(crate) fn seat(seat: &str, premium: Option<bool>, member: Option<Option<usize>>) -> Command {
    let user = |user: usize| USERS.get(user).map(|user| Segment { level: Level::User, name: name(user) });
    Command::SetSeat(NewSeat {
        name: name(seat),
        kind: premium.map(|is| is.then(|| name("premium"))),
        member: member.map(|of| of.and_then(user)),
        exists: premium.is_none(),
        reason: None,
    })
}

/// Closes the periods of some limits for a user.
pub(crate) fn close(limits: &[&str], user: usize) -> Command {
    let path = path(Whence { user: Some(user), ..Whence::default() });
    Command::ClosePeriods { windows: limits.iter().map(|limit| name(limit)).collect(), path, reason: None }
}

pub(crate) fn bank() -> Command {
    Command::Bank { windows: vec![name("daily"), name("tasks.five")], expires_at: None, reference: None }
}

pub(crate) fn top_up(number: u64, paid: bool) -> Command {
    let grant = NewGrant::new(whole(1), Category::Purchased);
    Command::ConfirmTopUp { number, top_up: if paid { TopUp::Paid(grant) } else { TopUp::Failed(None) } }
}

impl Op {
    pub(crate) fn account(&self) -> Name {
        name(ACCOUNTS.get(self.account).copied().unwrap_or("zero"))
    }

    fn idempotency(&self) -> Idempotency {
        let mut digest = [0_u8; 16];
        for (i, byte) in format!("{:?}", self.body).bytes().enumerate() {
            if let Some(place) = digest.get_mut(i % 16) {
                *place = place.rotate_left(3) ^ byte;
            }
        }
        Idempotency { text: label(&format!("r{}", self.key)), digest }
    }

    /// Sends it.
    pub(crate) fn send(self, engine: Arc<Engine>) -> Asked {
        Box::pin(async move {
            let (account, key) = (self.account(), self.idempotency());
            let (command, from) = match &self.body {
                Body::Command(command, from) => (&**command, from),
                Body::Usage(usage) => {
                    let event = usage.event(self.key, &account);
                    let reported = headworks_api::usage(&event, &engine.catalog());
                    let (account, key, command) =
                        reported.unwrap_or_else(|e| panic!("{event}: {}", e.detail));
                    return engine.run(&account, Some(&key), Caller::default(), &command).await;
                }
                Body::Supply(in_flight) => {
                    let change = SupplyChange {
                        supply: name("model"),
                        rate: None,
                        in_flight: *in_flight,
                        classes: std::collections::BTreeMap::new(),
                        reason: None,
                    };
                    return engine.change_supply(change, (&key, None)).await;
                }
                Body::Catalog(version) => {
                    let put = engine.put_catalog(&catalog::text(*version), (&key, None)).await?;
                    return put
                        .map(|(_, answer)| answer)
                        .map_err(|p| panic!("the simulation's catalog: {p}"));
                }
            };
            if let (true, Command::Authorize(ask)) = (from.forges, command) {
                for report in 0..5 {
                    let text = label(&format!("{}-{report}", self.key));
                    let id = Idempotency { text, ..key.clone() };
                    let of = ask.request.path.at(Level::Key);
                    engine.report(&account, &id, Misdeed::ForgedWebhook, of).await?;
                }
            }
            let caller = Caller {
                actor: None,
                max_wait: from.wait.map(Span::from_secs),
                source: from.network.map(|network| [10, 0, network, 1].into()),
                ..Caller::default()
            };
            engine.run(&account, Some(&key), caller, command).await
        })
    }
}
