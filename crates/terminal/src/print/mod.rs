//! Answers for people. Anything without a form of its own is shown as indented JSON.

use std::fmt::Write as _;

use headworks_core::record::Instant;
use headworks_wire as wire;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::outcome::Outcome;
use crate::say;

mod lines;
mod reports;

pub use lines::{counted, table};

use reports::{abuse, catalogs, held_back, invoices, pass, what_if};

/// Prints an answer, as JSON when that was asked for.
///
/// # Errors
/// When standard output is closed.
pub fn show(kind: &str, answer: &Value, as_json: bool) -> Outcome {
    let text = if as_json { None } else { text(kind, answer) };
    let text = text.unwrap_or_else(|| serde_json::to_string_pretty(answer).unwrap_or_default());
    say!("{}", text.trim_end())
}

fn text(kind: &str, answer: &Value) -> Option<String> {
    match kind {
        "decision" => typed(answer).map(|d| decision(&d)),
        "charge" => typed(answer).map(|c| charge(&c)),
        "balances" => typed(answer).map(|b| balances(&b)),
        "windows" => typed(answer).map(|w| windows(&w)),
        "invoices" => typed(answer).map(|i| invoices(&i)),
        "abuse" => typed(answer).map(|c| abuse(&c)),
        "held_back" => typed(answer).map(|h| held_back(&h)),
        "test_clock" => typed(answer).map(|clock: wire::TestClock| clock.now.to_string()),
        "signal" => Some("noted".to_owned()),
        "change" => typed(answer).map(|c| change(&c)),
        "what_if" => typed(answer).map(|w| what_if(&w)),
        "pass" => typed(answer).map(|p| pass(&p)),
        "catalogs" => typed(answer).map(|c| catalogs(&c)),
        "records" => typed(answer).map(|r| records(&r)),
        "accounts" => typed(answer).map(|a: wire::Accounts| {
            a.accounts.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
        }),
        _ => None,
    }
}

fn typed<T: DeserializeOwned>(answer: &Value) -> Option<T> {
    serde_json::from_value(answer.clone()).ok()
}

/// The quantities of a use; of one with several parts, those of each with its dimensions.
fn quantities(u: &wire::Usage) -> String {
    let of = |part: Option<usize>| {
        let is_of = |l: &&wire::Line| l.quantity > 0 && l.part.map(usize::from) == part;
        let lines = u.lines.iter().filter(is_of);
        lines.map(|l| format!("{} {}", l.quantity, l.meter)).collect::<Vec<_>>().join(", ")
    };
    if u.parts.is_empty() {
        return of(None);
    }
    let part = |(place, part): (usize, &wire::UsagePart)| {
        let named: Vec<String> =
            part.dimensions.iter().map(|(name, value)| format!("{name}={value}")).collect();
        format!("{} ({})", of(Some(place)), named.join(", "))
    };
    (1..).zip(&u.parts).map(part).collect::<Vec<_>>().join(" + ")
}

/// Marks of limits that a use has reached.
fn warnings(all: &[wire::LimitWarning]) -> String {
    let each = all.iter().map(|w| {
        let member = w.member.as_ref().map_or(String::new(), |member| format!(" of {member}"));
        let reset = w.resets_at.map_or(String::new(), |at| format!(", until {at}"));
        format!(
            "warning: {}{member} has reached {} %: {} of {} {}{reset}\n",
            w.limit, w.percent, w.used, w.of, w.unit
        )
    });
    each.collect()
}

fn draws(draws: &[wire::Draw]) -> String {
    let rows: Vec<Vec<String>> = draws
        .iter()
        .map(|d| {
            let what = match (&d.grant, d.category) {
                (Some(grant), Some(category)) => format!("grant {grant} ({})", category.as_str()),
                _ => d.source.clone(),
            };
            vec![d.amount.clone(), d.unit.clone(), format!("from {}", d.layer), what]
        })
        .collect();
    table(&rows, &[true])
}

fn visits(visits: &[wire::Visit]) -> String {
    let rows: Vec<Vec<String>> = visits
        .iter()
        .map(|v| {
            let name = v.grant.as_ref().map_or_else(|| v.name.to_string(), |g| format!("{} {g}", v.name));
            let verdict = v
                .reason
                .as_ref()
                .map_or_else(|| v.verdict.replace('_', " "), |r| format!("{} ({r})", v.verdict));
            let limit = v.limit.as_ref().map_or(String::new(), |limit| format!("of {limit}"));
            let reset = match &v.rate {
                Some(r) => format!("{} per {}, full again at {}", r.limit, r.period, r.full_at),
                None => v.resets_at.map_or(String::new(), |at| format!("until {at}")),
            };
            let value =
                if v.before == v.after { v.before.clone() } else { format!("{} → {}", v.before, v.after) };
            vec![v.kind.clone(), name, verdict, value, limit, v.unit.clone(), reset]
        })
        .collect();
    table(&rows, &[])
}

/// A decision, explained.
pub fn decision(d: &wire::Decision) -> String {
    let mut out = String::new();
    let replayed = if d.replayed { " (first answer again)" } else { "" };
    let id = d.decision_id.as_ref().map_or(String::new(), |id| format!("  decision {id}"));
    let mut line = |text: String| {
        let _ = writeln!(out, "{text}");
    };
    line(format!("{}: {}{replayed}{id}", d.outcome, d.reason));
    let path = d.usage.path.to_string();
    let from = if path.is_empty() { d.account.to_string() } else { format!("{} {path}", d.account) };
    line(format!("{from} asked for {} of {} at {}", quantities(&d.usage), d.usage.feature, d.at));
    let unit = &d.usage.credit_unit;
    let card = d
        .usage
        .rate_card
        .as_ref()
        .map_or(String::new(), |c| format!(", rate card {} of {}", c.name, c.effective_from));
    line(format!(
        "price {} {unit}, of which paid {}  (catalog {}{card})",
        d.price, d.paid_price, d.usage.catalog
    ));
    if let Some(hold) = &d.hold {
        line(format!("hold {} until {}", hold.id, hold.expires_at));
    }
    if let Some(charge) = &d.charge {
        line(format!("charged as {charge}"));
    }
    if let Some(wall) = &d.wall {
        line(format!("wall: {wall}"));
    }
    if let Some(u) = &d.unblock {
        let ways: Vec<String> = u
            .ways
            .iter()
            .map(|w| way(w, unit))
            .chain([format!("by the {}", u.by.replace('_', " "))])
            .collect();
        line(format!("unblocked {}", ways.join(", or ")));
    }
    out.push_str(&warnings(&d.warnings));
    if !d.draws.is_empty() {
        let _ = write!(out, "paid:\n{}", draws(&d.draws));
    }
    if !d.visits.is_empty() {
        let _ = write!(out, "looked at:\n{}", visits(&d.visits));
    }
    out
}

fn way(w: &wire::Way, unit: &str) -> String {
    let at = w.at.map(|at| match w.certainty.as_str() {
        "latest" => format!("at {at} at the latest"),
        "estimated" => format!("at about {at}"),
        _ => format!("at {at}"),
    });
    let purchase = w.purchase.map(|p| format!("by a purchase of {p} {unit}"));
    let consent = w.consent.then(|| "with consent".to_owned());
    at.into_iter().chain(purchase).chain(consent).collect::<Vec<_>>().join(" ")
}

fn charge(c: &wire::Charge) -> String {
    let mut out = String::new();
    let replayed = if c.replayed { " (first answer again)" } else { "" };
    let unit = &c.usage.credit_unit;
    let _ = writeln!(out, "charge {}{replayed}: {} for {} {unit}", c.charge, quantities(&c.usage), c.price);
    let extra = [("went back", c.returned), ("refunded by the operator", c.refunded), ("owed", c.owed)];
    for (what, credits) in extra.into_iter().filter(|(_, credits)| credits.is_positive()) {
        let _ = writeln!(out, "{credits} {unit} {what}");
    }
    if c.late {
        let _ = writeln!(out, "the hold had expired, so the use was charged directly");
    }
    out.push_str(&warnings(&c.warnings));
    if !c.draws.is_empty() {
        let _ = write!(out, "paid:\n{}", draws(&c.draws));
    }
    out
}

fn change(c: &wire::Change) -> String {
    let mut out = format!("{} {} at {}\n", c.kind.replace('_', " "), c.id, c.at);
    let rows: Vec<Vec<String>> = c
        .movements
        .iter()
        .map(|m| vec![m.amount.to_string(), m.unit.clone(), format!("{} → {}", m.from, m.to)])
        .collect();
    out.push_str(&table(&rows, &[true]));
    out
}

fn balances(b: &wire::Balances) -> String {
    let all = std::iter::once(&b.first).chain(&b.other_units);
    all.map(|of| unit_balances(of, b.at)).collect::<Vec<_>>().join("\n")
}

fn unit_balances(b: &wire::UnitBalances, at: Instant) -> String {
    let mut rows = Vec::new();
    for (name, credits) in [
        ("available", b.available),
        ("held", b.held),
        ("spent", b.spent),
        ("issued", b.issued),
        ("breakage", b.breakage),
        ("goodwill", b.goodwill),
        ("debt", b.debt),
        ("overdraft", b.overdraft),
        ("postpaid", b.postpaid),
    ] {
        rows.push(vec![name.to_owned(), credits.to_string()]);
    }
    let mut out = format!("{} at {at}\n{}", b.unit, table(&rows, &[false, true]));
    let grants: Vec<Vec<String>> = b
        .grants
        .iter()
        .map(|g| {
            let expires = g.expires_at.map_or("never expires".to_owned(), |at| format!("expires {at}"));
            let held = format!("{} {} held", g.held, g.unit);
            vec![
                g.id.to_string(),
                g.category.as_str().into(),
                format!("{} of {} {}", g.remaining, g.amount, g.unit),
                held,
                expires,
            ]
        })
        .collect();
    if !grants.is_empty() {
        let _ = write!(out, "grants, in burn order:\n{}", table(&grants, &[]));
    }
    out
}

fn windows(w: &wire::Windows) -> String {
    let rows: Vec<Vec<String>> = w
        .windows
        .iter()
        .map(|w| {
            let whose = w.member.as_ref().map_or_else(|| w.level.to_string(), ToString::to_string);
            let reset = w.resets_at.map_or(String::new(), |at| format!("until {at}"));
            vec![
                w.name.to_string(),
                whose,
                format!("{} of {} {}", w.used, w.limit, w.unit),
                format!("{} left", w.remaining),
                reset,
            ]
        })
        .collect();
    let volume = |v: &wire::Volume| {
        vec![
            v.name.to_string(),
            format!("{} used", v.used),
            format!("{} held", v.held),
            format!("until {}", v.until),
        ]
    };
    let volumes: Vec<Vec<String>> = w.volumes.iter().map(volume).collect();
    let rest =
        if volumes.is_empty() { String::new() } else { format!("\nvolumes\n{}", table(&volumes, &[])) };
    format!("windows at {}\n{}{rest}", w.at, table(&rows, &[]))
}

fn records(r: &wire::Records) -> String {
    let rows: Vec<Vec<String>> = r
        .records
        .iter()
        .map(|r| {
            let moved: Vec<String> =
                r.movements.iter().map(|m| format!("{} {} {}→{}", m.amount, m.unit, m.from, m.to)).collect();
            let hash = r.hash.get(..12).unwrap_or_default();
            vec![
                r.seq.to_string(),
                r.recorded_at.to_string(),
                r.kind.clone(),
                hash.to_owned(),
                moved.join(", "),
            ]
        })
        .collect();
    table(&rows, &[true])
}

#[cfg(test)]
mod tests {
    use headworks_wire as wire;
    use serde_json::json;

    use super::{quantities, warnings};

    #[test]
    fn parts_and_warnings_are_said() {
        let line = |part: u8, quantity: u64| json!({"meter": "tokens", "part": part, "quantity": quantity, "unit_price": "1", "amount": "1"});
        let usage: wire::Usage = serde_json::from_value(json!({
            "feature": "chat", "path": "", "dimensions": {"model": "a"}, "unit": "credits", "credit_unit": "credits", "catalog": "v1",
            "lines": [line(1, 10), line(2, 4)],
            "parts": [{"dimensions": {"model": "a"}}, {"dimensions": {"model": "b"}}],
        }))
        .expect("a use");
        assert_eq!(quantities(&usage), "10 tokens (model=a) + 4 tokens (model=b)");
        let warning: wire::LimitWarning = serde_json::from_value(json!({
            "limit": "daily", "level": "user", "member": "user:ann", "percent": 80, "used": "8", "of": "10", "unit": "requests",
        }))
        .expect("a warning");
        assert_eq!(warnings(&[warning]), "warning: daily of user:ann has reached 80 %: 8 of 10 requests\n");
    }
}
