//! The datasets: their columns, and the rows of a record in each.
//!
//! Never computes: every value comes from a record. The column `record` links the datasets: a usage event, its charge, lines,
//! draws and movements have the same one.

use std::collections::BTreeMap;

use headworks_core::record::{
    Book, CREDITS, Charge, Credits, Dimension, Dimensions, Draw, Event, GivenBack, Instant, Line, Movement,
    NANO, Name, REQUESTS, Record, Seq, Source, Unit, Use,
};
use serde_json::{Value, json};

use crate::arguments::Dataset;
use crate::table::Kind::{Amount, Flag, Moment, Number, Text};
use crate::table::{Cell, Column, Row};

/// The first columns of every dataset: [`head`] has their cells.
const HEAD: [Column; 4] =
    [("account", Text), ("record", Number), ("effective_at", Moment), ("recorded_at", Moment)];

const USAGE: &[Column] = &[
    ("replaces", Number),
    ("feature", Text),
    ("path", Text),
    ("dimensions", Text),
    ("quantities", Text),
    ("hold", Number),
    ("late", Flag),
    ("idempotency_key", Text),
    ("actor", Text),
    ("catalog", Text),
    ("parts", Text),
];

const LINES: &[Column] = &[
    ("replaces", Number),
    ("feature", Text),
    ("rate_card", Text),
    ("rate_card_from", Moment),
    ("meter", Text),
    ("quantity", Number),
    ("billed", Number),
    ("unit_price", Amount),
    ("amount", Amount),
    ("unit", Text),
    ("part", Number),
    ("volume", Text),
    ("position", Number),
];

const CHARGES: &[Column] = &[
    ("replaces", Number),
    ("refunds", Number),
    ("kind", Text),
    ("feature", Text),
    ("path", Text),
    ("hold", Number),
    ("price", Amount),
    ("credits", Amount),
    ("spent", Amount),
    ("unit", Text),
];

const DRAWS: &[Column] = &[
    ("gives_back", Number),
    ("feature", Text),
    ("source", Text),
    ("layer", Text),
    ("grant", Number),
    ("category", Text),
    ("amount", Amount),
    ("unit", Text),
    ("worth", Amount),
    ("credit_unit", Text),
];

const GRANTS: &[Column] = &[
    ("kind", Text),
    ("category", Text),
    ("priority", Number),
    ("amount", Amount),
    ("unit", Text),
    ("effective_from", Moment),
    ("expires_at", Moment),
    ("features", Text),
    ("reference", Text),
];

const MOVEMENTS: &[Column] = &[
    ("kind", Text),
    ("from_book", Text),
    ("to_book", Text),
    ("amount", Amount),
    ("unit", Text),
    ("parents", Text),
];

const STATEMENTS: &[Column] = &[
    ("cause", Text),
    ("amount", Amount),
    ("balance", Amount),
    ("unit", Text),
    ("feature", Text),
    ("reason", Text),
    ("idempotency_key", Text),
    ("event_id", Text),
];

/// The columns of a dataset.
pub(super) fn columns(dataset: Dataset) -> Vec<Column> {
    let rest = match dataset {
        Dataset::Usage => USAGE,
        Dataset::Lines => LINES,
        Dataset::Charges => CHARGES,
        Dataset::Draws => DRAWS,
        Dataset::Grants => GRANTS,
        Dataset::Movements => MOVEMENTS,
        Dataset::Statements => STATEMENTS,
    };
    HEAD.iter().chain(rest).copied().collect()
}

/// The first cells of a row of a record.
pub(super) fn head(
    account: &Name,
    record: Seq,
    effective_at: Instant,
    recorded_at: Instant,
) -> [Cell; HEAD.len()] {
    [Cell::text(account), number(record), Cell::Moment(effective_at), Cell::Moment(recorded_at)]
}

/// The rows of a record; `given_back` is there for refunds and corrections.
pub(super) fn rows(
    dataset: Dataset,
    account: &Name,
    record: &Record,
    given_back: Option<&GivenBack>,
) -> Vec<Row> {
    let head = || head(account, record.seq, record.effective_at, record.recorded_at);
    let row = |rest: Vec<Cell>| head().into_iter().chain(rest).collect::<Row>();
    let charge = record.charge();
    let of_charge =
        |rows: fn(&Record, &Charge) -> Vec<Vec<Cell>>| charge.map_or_else(Vec::new, |c| rows(record, c));
    let rest = match dataset {
        Dataset::Usage => of_charge(|record, charge| vec![usage(record, charge)]),
        Dataset::Lines => of_charge(lines),
        Dataset::Charges => charges(record, given_back),
        Dataset::Draws => draws(record, given_back),
        Dataset::Grants => grants(record),
        Dataset::Movements => movements(account, record),
        Dataset::Statements => Vec::new(),
    };
    rest.into_iter().map(row).collect()
}

fn number(n: u64) -> Cell {
    // Numbers of records and quantities stay far below it.
    Cell::Number(i64::try_from(n).unwrap_or(i64::MAX))
}

pub(super) fn credits(amount: Credits) -> Cell {
    Cell::Amount(amount.nano().into())
}

pub(super) fn unit_of(unit: Option<&Name>) -> Cell {
    Cell::text(unit.map_or(CREDITS, Name::as_str))
}

/// The record of the charge that this one replaces.
fn replaces(record: &Record) -> Cell {
    if let Event::Corrected { correcting, .. } = &record.event {
        number(correcting.charge)
    } else {
        Cell::Null
    }
}

fn hold(record: &Record) -> Cell {
    if let Event::Settled { hold, .. } | Event::Expired { hold, .. } = &record.event {
        number(hold.0)
    } else {
        Cell::Null
    }
}

/// The use.
fn usage(record: &Record, charge: &Charge) -> Vec<Cell> {
    let used = &charge.usage;
    let dimension = |d: &Dimension| (d.name.to_string(), json!(d.value));
    let dimensions = |all: &[Dimension]| Value::Object(all.iter().map(dimension).collect());
    let quantities = |part: Option<usize>| {
        let mut sums: BTreeMap<&Name, u64> = BTreeMap::new();
        for line in used.lines.iter().filter(|l| part.is_none_or(|part| part == usize::from(l.part))) {
            let sum = sums.entry(&line.meter).or_default();
            *sum = sum.saturating_add(line.quantity);
        }
        Value::Object(sums.into_iter().map(|(meter, n)| (meter.to_string(), json!(n))).collect())
    };
    let all = core::iter::once(&used.dimensions).chain(used.more.iter().map(|part| &part.dimensions));
    let part = |(place, of): (usize, &Dimensions)| json!({ "dimensions": dimensions(of), "quantities": quantities(Some(place)) });
    let parts = (used.parts() > 1).then(|| Value::Array(all.enumerate().map(part).collect()));
    vec![
        replaces(record),
        Cell::text(&used.feature),
        Cell::text(&used.path),
        Cell::Json(dimensions(&used.dimensions)),
        Cell::Json(quantities(None)),
        hold(record),
        Cell::Flag(matches!(record.event, Event::Settled { is_late: true, .. })),
        Cell::maybe(record.key.as_ref().map(|k| &k.text)),
        Cell::maybe(record.actor.as_ref()),
        Cell::text(&used.catalog),
        parts.map_or(Cell::Null, Cell::Json),
    ]
}

/// One row for each meter of each part of a charge.
fn lines(record: &Record, charge: &Charge) -> Vec<Vec<Cell>> {
    let used = &charge.usage;
    let line = |l: &Line| {
        let more = usize::from(l.part).checked_sub(1).and_then(|at| used.more.get(at));
        let card = more.map_or(used.card.as_ref(), |part| part.card.as_ref());
        vec![
            replaces(record),
            Cell::text(&charge.usage.feature),
            Cell::maybe(card.map(|c| &c.name)),
            card.map_or(Cell::Null, |c| Cell::Moment(c.effective_from)),
            Cell::text(&l.meter),
            number(l.quantity),
            number(l.billed()),
            Cell::Amount(l.price.nano().into()),
            l.cost().map_or(Cell::Null, |cost| Cell::Amount(cost.nano().into())),
            unit_of(used.credit_unit.as_ref()),
            if used.parts() > 1 { number(u64::from(l.part) + 1) } else { Cell::Null },
            Cell::maybe(l.graduated.as_ref().map(|of| &of.volume)),
            l.graduated.as_ref().map_or(Cell::Null, |of| number(of.at)),
        ]
    };
    used.lines.iter().map(line).collect()
}

/// By how much a record moves the book `spent`.
fn spent(record: &Record) -> Cell {
    let of = |m: &Movement| match (m.from, m.to) {
        (_, Book::Spent) => i128::from(m.amount.nano()),
        (Book::Spent, _) => -i128::from(m.amount.nano()),
        _ => 0,
    };
    Cell::Amount(record.movements.iter().map(of).sum())
}

/// One row for a charge, and one for a refund.
fn charges(record: &Record, given_back: Option<&GivenBack>) -> Vec<Vec<Cell>> {
    let of = |used: &Use, refunds: Cell, price: Cell, amount: Cell| {
        vec![
            replaces(record),
            refunds,
            Cell::text(record.event.kind()),
            Cell::text(&used.feature),
            Cell::text(&used.path),
            hold(record),
            price,
            amount,
            spent(record),
            unit_of(used.credit_unit.as_ref()),
        ]
    };
    let charged = record.charge().map(|c| of(&c.usage, Cell::Null, credits(c.price), credits(c.credits())));
    let refund = given_back.filter(|_| record.charge().is_none());
    let refunded = refund.map(|given| {
        let back: i64 = given.draws.iter().map(|d| d.credits().nano()).sum();
        of(&given.charge.usage, number(given.seq), Cell::Null, Cell::Amount(-i128::from(back)))
    });
    charged.into_iter().chain(refunded).collect()
}

/// One row for each source that paid, and for each that gets something back.
fn draws(record: &Record, given_back: Option<&GivenBack>) -> Vec<Vec<Cell>> {
    let back = given_back.map(|given| given.draws.iter().map(|d| draw(&given.charge, d, Some(given.seq))));
    let paid = record.charge().map(|charge| charge.draws.iter().map(|d| draw(charge, d, None)));
    back.into_iter().flatten().chain(paid.into_iter().flatten()).collect()
}

fn draw(charge: &Charge, draw: &Draw, gives_back: Option<Seq>) -> Vec<Cell> {
    let used = &charge.usage;
    let credit_unit = used.credit_unit.as_ref();
    let (source, grant, category) = match draw.source {
        Source::Allowance => ("allowance", Cell::Null, Cell::Null),
        Source::Grant(id, category) => ("grant", number(id.0), Cell::text(category.as_str())),
        Source::Overdraft => ("overdraft", Cell::Null, Cell::Null),
        Source::Postpaid(_) => ("postpaid", Cell::Null, Cell::Null),
        Source::Debt => ("debt", Cell::Null, Cell::Null),
        Source::Goodwill => ("goodwill", Cell::Null, Cell::Null),
    };
    let nano = i128::from(draw.amount);
    let whole = nano * i128::from(NANO);
    let (amount, unit) = match (draw.source, &used.unit) {
        (Source::Allowance, Unit::Requests) => (whole, Cell::text(REQUESTS)),
        (Source::Allowance, Unit::Meter(meter)) => (whole, Cell::text(meter)),
        (Source::Allowance, Unit::Credits)
        | (
            Source::Grant(..) | Source::Overdraft | Source::Debt | Source::Goodwill | Source::Postpaid(_),
            _,
        ) => (nano, unit_of(credit_unit)),
    };
    let sign = if gives_back.is_some() { -1 } else { 1 };
    vec![
        gives_back.map_or(Cell::Null, number),
        Cell::text(&used.feature),
        Cell::text(source),
        Cell::text(&draw.layer),
        grant,
        category,
        Cell::Amount(sign * amount),
        unit,
        Cell::Amount(sign * i128::from(draw.worth)),
        unit_of(credit_unit),
    ]
}

/// The grant that a record opens.
fn grants(record: &Record) -> Vec<Vec<Cell>> {
    let Some(terms) = &record.opens else { return Vec::new() };
    let features: Vec<&str> = terms.features.iter().map(Name::as_str).collect();
    let expires = Some(terms.expires_at).filter(|at| *at < Instant::NEVER);
    vec![vec![
        Cell::text(record.event.kind()),
        Cell::text(terms.category.as_str()),
        number(terms.priority.into()),
        credits(terms.amount),
        unit_of(terms.unit.as_ref()),
        Cell::Moment(terms.effective_from),
        expires.map_or(Cell::Null, Cell::Moment),
        Cell::text(features.join(" ")),
        Cell::maybe(terms.reference.as_ref()),
    ]]
}

/// One row for each movement between two books.
fn movements(account: &Name, record: &Record) -> Vec<Vec<Cell>> {
    let shown = headworks_api::record_answer(account, record, &[], &[0; 32]);
    let parents: Vec<String> = record.parents.iter().map(ToString::to_string).collect();
    let movement = |m: &headworks_wire::Movement| {
        vec![
            Cell::text(&shown.kind),
            Cell::text(&m.from),
            Cell::text(&m.to),
            credits(m.amount),
            unit_of(record.unit.as_ref()),
            Cell::text(parents.join(" ")),
        ]
    };
    shown.movements.iter().map(movement).collect()
}
