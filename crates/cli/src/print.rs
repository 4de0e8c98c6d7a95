//! Answers for people. Anything without a form of its own is shown as indented JSON.

use std::fmt::Write as _;

use crate::outcome::Outcome;
use crate::output::say;
use headworks_core::record::{CREDITS, CatalogHash, Instant, Name, NamesChanged};
use headworks_wire as wire;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Prints an answer, as JSON when that was asked for.
pub(crate) fn show(kind: &str, answer: &Value, as_json: bool) -> Outcome {
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
        "conduct" => typed(answer).map(|c| conduct(&c)),
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

/// So many of something, in words: `1 record`, `2 records`.
pub(crate) fn counted<N: std::fmt::Display + From<u8> + PartialEq>(n: N, noun: &str) -> String {
    if n == N::from(1) { format!("1 {noun}") } else { format!("{n} {noun}s") }
}

fn typed<T: DeserializeOwned>(answer: &Value) -> Option<T> {
    serde_json::from_value(answer.clone()).ok()
}

/// Rows in columns: the first left-aligned, numbers right-aligned where `right` says so.
pub(crate) fn table(rows: &[Vec<String>], right: &[bool]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |c: usize| rows.iter().filter_map(|r| r.get(c)).map(|t| t.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut out = String::new();
    for row in rows {
        let cells = row.iter().enumerate().map(|(c, text)| {
            let width = widths.get(c).copied().unwrap_or(0);
            if right.get(c) == Some(&true) { format!("{text:>width$}") } else { format!("{text:<width$}") }
        });
        let line = cells.collect::<Vec<_>>().join("  ");
        // Writing to a string cannot fail.
        let _ = writeln!(out, "  {}", line.trim_end());
    }
    out
}

fn catalogs(c: &wire::Catalogs) -> String {
    let kind = |word: &str, of: &NamesChanged| {
        let signed = [("+", &of.added), ("-", &of.removed), ("~", &of.changed)];
        let names: Vec<_> = signed
            .iter()
            .flat_map(|(sign, names)| names.iter().map(move |name| format!("{sign}{name}")))
            .collect();
        (!names.is_empty()).then(|| format!("{word} {}", names.join(" ")))
    };
    let rows: Vec<Vec<String>> = c
        .catalogs
        .iter()
        .map(|past| {
            let changes = &past.changes;
            let other = changes.other.iter().map(|part| Some(format!("~{part}")));
            let parts = [
                kind("plans", &changes.plans),
                kind("features", &changes.features),
                kind("rate cards", &changes.rate_cards),
            ];
            let what: Vec<String> = parts.into_iter().chain(other).flatten().collect();
            vec![
                if past.in_force { "*".to_owned() } else { String::new() },
                format!("{:.*}", CatalogHash::SHORT, past.hash),
                past.version.to_string(),
                past.at.to_string(),
                past.actor.as_ref().map_or_else(|| "-".to_owned(), Name::to_string),
                what.join("; "),
            ]
        })
        .collect();
    table(&rows, &[])
}

fn quantities(u: &wire::Usage) -> String {
    let lines = u.lines.iter().filter(|l| l.quantity > 0);
    lines.map(|l| format!("{} {}", l.quantity, l.meter)).collect::<Vec<_>>().join(", ")
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
            vec![v.place.clone(), name, verdict, value, limit, v.unit.clone(), reset]
        })
        .collect();
    table(&rows, &[])
}

/// A decision, explained.
pub(crate) fn decision(d: &wire::Decision) -> String {
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

fn conduct(c: &wire::Conduct) -> String {
    let expired = format!("{}.{:02}", c.expired_millionths / 10_000, c.expired_millionths / 100 % 100);
    let mut out = format!("tier {}, {expired} % of holds expired\n", c.tier.as_str());
    let titles = ["effect", "key", "mode", "limit", "measured", "against", "until"].map(str::to_owned);
    let mut rows = vec![titles.to_vec()];
    for effect in &c.effects {
        rows.push(vec![
            effect.rule.as_str().to_owned(),
            effect.key.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string),
            effect.mode.as_str().to_owned(),
            effect.limit.to_string(),
            effect.figure.to_string(),
            effect.reference.to_string(),
            effect.until.to_string(),
        ]);
    }
    if !c.effects.is_empty() {
        out += &table(&rows, &[false, false, false, true, true, true]);
    }
    for penalty in &c.penalties {
        let key =
            penalty.key.as_ref().map_or_else(|| "requests without a key".to_owned(), ToString::to_string);
        let points = penalty.score_milli / 1_000;
        out += &format!("penalty box: {key}, {points} points, level {}\n", penalty.level);
    }
    out
}

fn held_back(held: &wire::HeldBack) -> String {
    let of = |a: &wire::AccountConduct| format!("{}: {}", a.account, conduct(&a.conduct));
    match held.accounts.as_slice() {
        [] => "nobody is held back".to_owned(),
        accounts => accounts.iter().map(of).collect(),
    }
}

fn windows(w: &wire::Windows) -> String {
    let rows: Vec<Vec<String>> = w
        .windows
        .iter()
        .map(|w| {
            let whose = w
                .member
                .as_ref()
                .map_or(w.level.as_str().to_owned(), |m| format!("{}:{m}", w.level.as_str()));
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
    format!("windows at {}\n{}", w.at, table(&rows, &[]))
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

fn what_if(w: &wire::WhatIf) -> String {
    let title = ["", "granted", "", "denied", "", "charged", "", "revenue", "", "in", "changed"];
    let row = |name: String, r: &wire::WhatIfRow| {
        let pair = |was: String, would_be: String| {
            [was.clone(), if was == would_be { "=".into() } else { format!("→ {would_be}") }]
        };
        let figures = [
            pair(r.was.granted.to_string(), r.would_be.granted.to_string()),
            pair(r.was.denied.to_string(), r.would_be.denied.to_string()),
            pair(r.was.charged.clone(), r.would_be.charged.clone()),
            pair(r.was.revenue.clone(), r.would_be.revenue.clone()),
        ];
        let cells = [name].into_iter().chain(figures.into_iter().flatten());
        let cells = cells.chain([r.was.unit.clone(), r.changed.to_string()]);
        cells.collect::<Vec<String>>()
    };
    let mut rows = vec![title.map(str::to_owned).to_vec()];
    for r in &w.by_feature {
        let name = |n: &Option<Name>| n.as_ref().map(ToString::to_string).unwrap_or_default();
        rows.push(row(format!("{} / {}", name(&r.plan), name(&r.feature)), r));
    }
    rows.push(row("all".into(), &w.total));
    let accounts = w.by_account.iter().filter_map(|r| Some(row(r.account.as_ref()?.to_string(), r)));
    let mut out = format!(
        "{}, {} on catalog {}\n",
        counted(w.accounts, "account"),
        counted(w.records, "record"),
        w.catalog
    );
    let right = [false, true, false, true, false, true, false, true, false, false, true];
    out.push_str(&table(&rows, &right));
    out.push_str(&match w.accounts_changed {
        1 => "1 account changes; by revenue:\n".to_owned(),
        n => format!("{n} accounts change; by revenue:\n"),
    });
    out.push_str(&table(&accounts.collect::<Vec<_>>(), &right));
    if w.unexplained_denials > 0 {
        out.push_str(&format!(
            "{} of the denials were counted without their explanation and could not be asked again: they are in `all` as denied\n",
            w.unexplained_denials
        ));
    }
    if w.refused > 0 {
        out.push_str(&format!("this catalog refuses {}, for example:\n", counted(w.refused, "operation")));
        for f in w.refusals.iter().take(5) {
            out.push_str(&format!("  account {}, record {}: {}\n", f.account, f.record, f.what));
        }
    }
    out
}

fn books(unit: &str, b: &wire::OperatorBooks) -> String {
    let row = |name: &str, amount: &String| vec![name.to_owned(), amount.clone(), unit.to_owned()];
    let rows = [
        row("issued", &b.issued),
        row("goodwill", &b.goodwill),
        row("owed (debt)", &b.debt),
        row("overdraft", &b.overdraft),
        row("free in grants", &b.free),
        row("held", &b.held),
        row("spent", &b.spent),
        row("breakage", &b.breakage),
        row("difference", &b.difference),
    ];
    table(&rows, &[false, true])
}

fn pass(pass: &wire::Pass) -> String {
    let mut out = format!(
        "{}, {}\n{}",
        counted(pass.accounts, "account"),
        counted(pass.records, "record"),
        books(CREDITS, &pass.books)
    );
    for (unit, of) in &pass.other_units {
        out.push_str(&books(unit.as_str(), of));
    }
    for place in &pass.damage {
        out.push_str(&format!("damaged: {place}\n"));
    }
    for f in &pass.findings {
        out.push_str(&format!("account {}, record {}, {}: {}\n", f.account, f.record, f.dataset, f.what));
    }
    if pass.found == 0 && pass.damage.is_empty() {
        out.push_str("every record follows from those before it\n");
    }
    out
}
