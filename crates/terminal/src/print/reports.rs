//! Answers that look back: catalogs, abuse, what-if, reconciliation.

use headworks_core::record::{CREDITS, CatalogHash, Name, NamesChanged};
use headworks_wire as wire;

use super::lines::{counted, table};

pub(super) fn catalogs(c: &wire::Catalogs) -> String {
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

pub(super) fn abuse(c: &wire::AbuseState) -> String {
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

pub(super) fn held_back(held: &wire::HeldBack) -> String {
    let of = |a: &wire::AccountAbuse| format!("{}: {}", a.account, abuse(&a.abuse));
    match held.accounts.as_slice() {
        [] => "nobody is held back".to_owned(),
        accounts => accounts.iter().map(of).collect(),
    }
}

pub(super) fn what_if(w: &wire::WhatIf) -> String {
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
        0 => "no account changes\n".to_owned(),
        1 => "1 account changes; by revenue:\n".to_owned(),
        n => format!("{n} accounts change; by revenue:\n"),
    });
    out.push_str(&table(&accounts.collect::<Vec<_>>(), &right));
    if w.unexplained_denials > 0 {
        out.push_str(&format!(
            "{} of the denials were counted without their explanation and could not be run again: they are in `all` as denied\n",
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
        row("postpaid", &b.postpaid),
        row("free in grants", &b.free),
        row("held", &b.held),
        row("spent", &b.spent),
        row("breakage", &b.breakage),
        row("difference", &b.difference),
    ];
    table(&rows, &[false, true])
}

pub(super) fn invoices(i: &wire::Invoices) -> String {
    let lines = |lines: &[wire::InvoiceLine]| {
        let one = |line: &wire::InvoiceLine| format!("{} {}", line.amount, line.feature);
        lines.iter().map(one).collect::<Vec<_>>().join(", ")
    };
    let closed = i.invoices.iter().map(|of| {
        let period = format!("{} to {}", of.start, of.end);
        let total = format!("{} {}", of.total, of.unit);
        vec![of.id.to_string(), of.layer.to_string(), period, total, of.state.clone(), lines(&of.lines)]
    });
    let open = i.open.iter().map(|of| {
        let end = of.end.map_or(String::new(), |end| format!("closes {end}"));
        let so_far = lines(&of.lines);
        vec![String::new(), of.layer.to_string(), end, of.unit.clone(), "open".to_owned(), so_far]
    });
    let rows: Vec<Vec<String>> = closed.chain(open).collect();
    if rows.is_empty() { "no invoices\n".to_owned() } else { table(&rows, &[]) }
}

pub(super) fn pass(pass: &wire::Pass) -> String {
    let mut out = format!(
        "{}, {}, {}\n{}",
        counted(pass.accounts, "account"),
        counted(pass.internal_logs, "internal log"),
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
