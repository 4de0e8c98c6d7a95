//! Rows of a business, and how they are tried.

use headworks_core::account::Account;
use headworks_core::command::{ChangePlan, Command, NewFigure, NewOverride, NewSeat, Patch};
use headworks_core::record::{
    Category, Certainty, Credits, Decision, Dimension, Dimensions, Draw, Event, Every, HoldId, Instant,
    Label, Outcome, Overage, Path, Recurrence, Rollover, Source, WHOLE, Way,
};
use headworks_core::view;
use headworks_core::waterfall::{AskedPart, Authorize, Context, Quantities, Request};

use super::later;
use crate::audit::{audit, chained, replayed};
use crate::common::{World, at, catalog, credits, name, refund};

/// Tries every row; tells the one that does not hold.
pub(crate) fn run(policy: &str, rows: &str) {
    let mut world: Option<World> = None;
    for (n, line) in (1..).zip(rows.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(rest) = line.strip_prefix("account ") {
            world.take().iter().for_each(|w| trusted(w, policy));
            let (plan, opened) = rest.split_once(' ').expect("plan and instant");
            world = Some(opened_at(policy, plan, at(opened)));
            continue;
        }
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [instant, call, outcome, draws, left, unblock] = cells[..] else { panic!("row {n}: {line}") };
        let w = world.as_mut().expect("an account");
        w.now = at(instant);
        w.due();
        let seen = call_of(w, policy, call);
        let told = |what: &str, expected: &str, seen: String| {
            assert_eq!(seen, expected, "row {n}, {what}: {line}");
        };
        told("outcome", outcome, seen.outcome);
        if !outcome.is_empty() {
            told("draws", draws, seen.draws.join(", "));
        }
        let own = |name: &str| left_of(w, name);
        for part in left.split(", ").filter(|part| !part.is_empty()) {
            let (of, amount) = part.rsplit_once(' ').expect("a remainder");
            told(of, amount, own(of));
        }
        if !unblock.is_empty() {
            let sorted = |mut ways: Vec<String>| {
                ways.sort_unstable();
                ways.join("; ")
            };
            let ways = unblock.split("; ").filter(|way| *way != "nothing");
            let expected = sorted(ways.map(str::to_owned).collect());
            told("unblock", &expected, sorted(seen.ways));
        }
    }
    world.iter().for_each(|w| trusted(w, policy));
}

fn opened_at(policy: &str, plan: &str, now: Instant) -> World {
    let mut w = World {
        catalog: catalog(policy),
        account: Account::empty(name("acme")),
        now,
        log: Vec::new(),
        fills: true,
    };
    w.apply(Command::Open(Patch { plan: Some(name(plan)), ..Patch::default() })).expect("opens");
    w
}

fn trusted(w: &World, policy: &str) {
    assert_eq!(audit(&chained(&w.log), &[catalog(policy)]), []);
    assert_eq!(replayed(&w.log, &catalog(policy)), []);
}

/// What came of a call.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) outcome: String,
    pub(super) draws: Vec<String>,
    pub(super) ways: Vec<String>,
}

/// The words of a request: `model=large 400000 in 20000 out consent`.
#[derive(Default)]
pub(super) struct Words {
    pub(super) dimensions: Dimensions,
    pub(super) quantities: Quantities,
    pub(super) path: Path,
    pub(super) consented: bool,
    pub(super) held: bool,
    pub(super) minimum: Option<headworks_core::waterfall::Minimum>,
}

pub(super) fn words(text: &str) -> Words {
    let mut out = Words::default();
    let mut parts = text.split_whitespace();
    while let Some(part) = parts.next() {
        if let Some((of, value)) = part.split_once('=') {
            out.dimensions.push(Dimension::new(name(of), Label::new(value).expect(value)));
        } else if let Ok(n) = part.parse::<u64>() {
            out.quantities.push((name(parts.next().expect("a meter")), n));
        } else {
            match part {
                "consent" => out.consented = true,
                "held" => out.held = true,
                "min" => {
                    let quantity = parts.next().and_then(|n| n.parse().ok()).expect("a quantity");
                    let meter = name(parts.next().expect("a meter"));
                    out.minimum = Some(headworks_core::waterfall::Minimum { meter, quantity });
                }
                path => out.path = path.parse().expect(path),
            }
        }
    }
    out.dimensions.sort_by(|a, b| a.name.cmp(&b.name));
    out
}

fn part(text: &str) -> AskedPart {
    let Words { dimensions, quantities, .. } = words(text);
    // Without dimensions: those that the part had.
    AskedPart { dimensions: (!dimensions.is_empty()).then_some(dimensions), quantities }
}

pub(super) fn parts(text: &str) -> Vec<AskedPart> {
    text.split(" + ").filter(|text| !text.is_empty()).map(part).collect()
}

fn call_of(w: &mut World, policy: &str, call: &str) -> Seen {
    if let Some((n, call)) = call.split_once(" times ") {
        let n: usize = n.parse().expect("a number");
        // The last of them is told.
        return (0..n).map(|_| call_of(w, policy, call)).last().expect("one at least");
    }
    let (verb, rest) = call.split_once(' ').unwrap_or((call, ""));
    match verb {
        "now" | "hold" => {
            let (feature, rest) = rest.split_once(' ').expect("a feature");
            let (rest, more) = rest.split_once(" + ").unwrap_or((rest, ""));
            let Words { dimensions, quantities, path, consented, held, minimum } = words(rest);
            let more = parts(more);
            let request =
                Request { dimensions, path, consented, more, ..Request::new(name(feature), quantities) };
            let ask = Authorize { settle_now: verb == "now" && !held, minimum, ..Authorize::new(request) };
            decided(&w.ask(&ask))
        }
        "settle" => {
            // The last hold; or the first of all, which may have expired.
            let (hold, rest) = match rest.strip_prefix("first ") {
                Some(rest) => (first_hold(w), rest),
                None => (w.account.holds.last().map(|h| h.id).expect("a hold"), rest),
            };
            let (rest, more) = rest.split_once(" + ").unwrap_or((rest, ""));
            let Words { dimensions, quantities, .. } = words(rest);
            let dimensions = (!dimensions.is_empty()).then_some(dimensions);
            let more = parts(more);
            w.apply(Command::Settle { hold, quantities, dimensions, more }).expect("settles");
            later::charged(w, "settled")
        }
        "release" => {
            let holds: Vec<HoldId> = w.account.holds.iter().map(|h| h.id).collect();
            for hold in holds {
                w.apply(Command::Release { hold }).expect("releases");
            }
            Seen::default()
        }
        "refund" => {
            // Of the charge so many records before the last one.
            let (amount, charge) = rest.split_once(" of ").expect("a charge");
            let charge = charge.parse().expect("a number");
            w.apply(refund(charge, (amount != "all").then_some(amount))).expect("refunds");
            Seen::default()
        }
        "grant" => {
            let mut parts = rest.split_whitespace();
            let category = parts.next().expect("a category");
            let category = Category::ALL.into_iter().find(|c| c.as_str() == category).expect(category);
            let amount = parts.next().expect("an amount");
            let word = parts.next().expect("a unit, or until");
            let unit = (word != "until").then(|| name(word));
            let expires_at = parts.last().map(at);
            w.grant_with(amount, |g| (g.category, g.expires_at, g.unit) = (category, expires_at, unit));
            Seen::default()
        }
        "monthly" => {
            // An amount a month from the billing anchor: in a zone; what is left is carried up to a limit, and lives so long.
            let parts: Vec<&str> = rest.split(' ').collect();
            let word = |after: &str| parts.iter().skip_while(|part| **part != after).nth(1).copied();
            let rollover = word("carrying").map(|most| Rollover {
                min: Credits::ZERO,
                max: credits(most),
                fraction: WHOLE,
                life: word("for").map(|days| format!("{days}d").parse().expect("a span")),
            });
            let recurrence = Recurrence {
                every: Every::Month,
                zone: Label::new(word("in").unwrap_or("UTC")).expect("label"),
                anchor: None,
                until: Instant::NEVER,
                rollover,
                overage: Overage::Keep,
                prorated: None,
            };
            let amount = parts.first().expect("an amount");
            w.grant_with(amount, |g| {
                (g.category, g.recurrence) = (Category::Contract, Some(Box::new(recurrence)))
            });
            Seen::default()
        }
        "plan" => {
            let plan = name(rest);
            let amounts = Vec::new();
            let ask = ChangePlan { plan, move_anchor: false, amounts, prorate: None, at: None, reason: None };
            w.apply(Command::ChangePlan(ask)).expect("changes");
            Seen::default()
        }
        "seat" => {
            let words: Vec<&str> = rest.split_whitespace().collect();
            let [seat, kind, member] = words[..] else { panic!("a seat, its type and its member") };
            let member: Path = member.parse().expect(member);
            w.apply(Command::SetSeat(NewSeat {
                name: name(seat),
                kind: Some(Some(name(kind))),
                member: Some(member.segments().first().cloned()),
                exists: false,
                reason: None,
            }))
            .expect("sets the seat");
            Seen::default()
        }
        "unseat" => {
            w.apply(Command::RemoveSeat { seat: name(rest), reason: None }).expect("removes the seat");
            Seen::default()
        }
        "override" => {
            let mut parts = rest.split_whitespace();
            let limit = name(parts.next().expect("a limit"));
            let figure = NewFigure::Written(Label::new(parts.next().expect("a figure")).expect("a label"));
            let mut new = NewOverride { limit, path: Path::default(), figure, until: None, reason: None };
            while let Some(word) = parts.next() {
                match word {
                    "until" => new.until = parts.next().map(at),
                    of => new.path = of.parse().expect(of),
                }
            }
            w.apply(Command::Override(new)).expect("overrides");
            Seen::default()
        }
        "bank" => {
            let (windows, until) = rest.split_once(" until ").expect("until");
            let windows = windows.split(' ').map(name).collect();
            let command = Command::Bank { windows, expires_at: Some(at(until)), reference: None };
            w.apply(command).expect("banks");
            Seen::default()
        }
        "redeem" => {
            w.apply(Command::Redeem { reset: None, path: Path::default(), reason: None }).expect("redeems");
            Seen::default()
        }
        // What was due has happened.
        "pass" => Seen::default(),
        other => later::call_of(w, policy, other, rest),
    }
}

fn first_hold(w: &World) -> HoldId {
    let held = w.log.iter().find(|r| matches!(r.event, Event::Authorized { .. }));
    HoldId(held.expect("a hold").seq)
}

pub(super) fn decided(decision: &Decision) -> Seen {
    let outcome = match decision.outcome {
        Outcome::Allow => "allow",
        Outcome::Partial => "partial",
        Outcome::Deny => "deny",
        Outcome::NeedsConsent => "needs_consent",
        Outcome::Wait => "wait",
    };
    let draws = if decision.outcome.is_granted() { decision.draws.as_slice() } else { &[] };
    Seen {
        outcome: format!("{outcome} {}", decision.price),
        draws: draws.iter().map(drawn).collect(),
        ways: decision.unblock.iter().flat_map(|u| &u.ways).map(way).collect(),
    }
}

/// A draw in credits, or in the requests of an allowance that counts those.
pub(super) fn drawn(draw: &Draw) -> String {
    let in_requests = draw.source == Source::Allowance && draw.amount != draw.worth;
    let amount =
        if in_requests { draw.amount.to_string() } else { Credits::from_nano(draw.amount).to_string() };
    format!("{} {amount}", draw.layer)
}

fn way(way: &Way) -> String {
    let mut parts = Vec::new();
    if let Some(instant) = way.at {
        let certainty = if way.certainty == Certainty::Latest { "latest" } else { "at" };
        parts.push(format!("{certainty} {instant}"));
    }
    parts.extend(way.purchase.map(|credits| format!("buy {credits}")));
    parts.extend(way.consent.then(|| "consent".to_owned()));
    parts.join(" + ")
}

/// What is left of a window, or `credits` that can be drawn.
fn left_of(w: &World, of: &str) -> String {
    if of == "credits" {
        return w.available();
    }
    if of == "usd" {
        return w.account.available(w.account.tick(w.now), Some(&name(of))).to_string();
    }
    // As of the instant itself: a context of its own would be a microsecond later.
    let now = w.now.max(w.account.recorded_at);
    let views = view::windows(Context::new(&w.account, &w.catalog, now)).expect("views");
    let full = match of {
        "five_hours" => "included.five_hours",
        "week" | "free_week" => "included.week",
        other => other,
    };
    let (full, member) = full.split_once('@').map_or((full, None), |(of, member)| (of, Some(name(member))));
    let named = |v: &view::WindowView| v.member.as_ref()?.segments().last().map(|s| &s.name).cloned();
    let view = views
        .iter()
        .find(|v| v.name.as_str() == full && named(v) == member)
        .unwrap_or_else(|| panic!("no window {full}"));
    if view.is_credits { Credits::from_nano(view.remaining).to_string() } else { view.remaining.to_string() }
}
