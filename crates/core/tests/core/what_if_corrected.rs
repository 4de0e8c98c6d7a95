//! What-if after corrections, refunds, expiries, quarantine and closes: they happen again, or it is told why not.

use headworks_core::audit::what_if::{Row, Shadow, Tally};
use headworks_core::command::{Command, Correct};
use headworks_core::record::{Category, Credits, Seq};
use headworks_core::waterfall::Refusal;

use crate::common::{AskExt as _, World, ask, at, catalog, correct, credits, name, refund, to, void};
use crate::graduated::CATALOG as GRADUATED;
use crate::what_if::shadow;

/// A token is a credit, a call two; an expired hold is charged its tokens.
const CATALOG: &str = r#"
version = "t"
late_horizon = "30d"
[features.chat]
hold = { life = "1h", life_max = "2h", expiry_charges = ["tokens"] }
prices = [{ credits = { tokens = "1" } }]
[features.call]
prices = [{ credits = { requests = "2" } }]
[plans.p]
waterfall = [{ grants = { name = "credits" } }]
"#;

fn world() -> World {
    let mut w = World::new(CATALOG, "p");
    w.grant("1000", Category::Purchased);
    w
}

/// What was charged, and what would be; the credits left there; what was refused.
fn told(w: &World, text: &str) -> ([String; 2], String, Vec<(Seq, String)>) {
    let catalog = catalog(text);
    let shadow = shadow(&w.log, &catalog);
    assert_eq!(shadow.broken(), None);
    let mut sums = [0, 0];
    for (_, row) in shadow.rows() {
        sums[0] += row.was.charged;
        sums[1] += row.would_be.charged;
    }
    let in_credits = |nano: i128| Credits::from_nano(i64::try_from(nano).expect("small")).to_string();
    let left = shadow.account().available(shadow.account().recorded_at, None).to_string();
    let refused = shadow.refused().iter().map(|(seq, refusal)| (*seq, refusal.to_string())).collect();
    (sums.map(in_credits), left, refused)
}

fn expect(w: &World, text: &str, [was, would_be, left]: [&str; 3]) {
    assert_eq!(told(w, text), ([was.to_string(), would_be.to_string()], left.to_string(), Vec::new()));
}

fn dearer() -> String {
    CATALOG.replace("tokens = \"1\"", "tokens = \"3\"")
}

/// A hold of 10 tokens that has expired.
fn expired(w: &mut World) -> Seq {
    w.hold("chat", &[("tokens", 10)]);
    w.pass("2h");
    w.due();
    w.account.seq
}

/// By hand, at 1 and at 3 a token.
#[test]
fn charges_of_expired_holds_are_corrected_and_refunded() {
    let mut w = world();
    let hold = expired(&mut w);
    w.apply(correct(hold, &to(&[("tokens", 4)]))).expect("corrects");
    expect(&w, CATALOG, ["4", "4", "996"]);
    expect(&w, &dearer(), ["4", "12", "988"]);
    let hold = expired(&mut w);
    w.apply(refund(hold, None)).expect("refunds");
    expect(&w, &dearer(), ["4", "12", "988"]);
    let hold = expired(&mut w);
    w.apply(refund(hold, Some("3"))).expect("refunds");
    expect(&w, &dearer(), ["11", "39", "961"]);
    // Another one is settled in time, but with lives of half an hour it has expired then.
    w.hold("chat", &[("tokens", 10)]);
    let hold = w.account.seq;
    w.pass("45m");
    let settled = w.settle(hold, &[("tokens", 2)]).expect("settles");
    w.apply(refund(settled, None)).expect("refunds");
    let brief = CATALOG.replace("life = \"1h\", life_max = \"2h\"", "life = \"30m\", life_max = \"30m\"");
    expect(&w, &brief, ["11", "11", "989"]);
}

/// Where an expired hold costs nothing, there is no charge to give back or to correct: it is told.
#[test]
fn what_refers_to_no_charge_is_told() {
    let mut w = world();
    let hold = expired(&mut w);
    let corrected = w.apply(correct(hold, &to(&[("tokens", 4)]))).expect("corrects");
    w.apply(refund(corrected, None)).expect("refunds");
    let free = CATALOG.replace(", expiry_charges = [\"tokens\"]", "");
    let refused = vec![(corrected, format!("record {hold} is not a charge"))];
    assert_eq!(told(&w, &free), (["0", "0"].map(String::from), "1000".into(), refused));
}

#[test]
fn what_refers_to_nothing_known_is_told() {
    let mut w = world();
    w.ask(&ask("chat", &[("tokens", 10)]).now());
    let charge = w.account.seq;
    let refunded = w.apply(refund(charge, None)).expect("refunds");
    let mut shadow = Shadow::new(&name("acme"), &w.catalog);
    w.log.iter().for_each(|record| shadow.note(record));
    w.log.iter().filter(|record| record.seq != charge).for_each(|record| shadow.take(record));
    assert_eq!(shadow.refused(), [(refunded, Refusal::UnknownRecord(charge))]);
}

fn late(w: &mut World, tokens: u64) -> Seq {
    let request = ask("chat", &[("tokens", tokens)]).request;
    w.apply(Command::Record { request, at: Some(at("2026-04-01T00:00:00Z")) }).expect("records")
}

fn counts(w: &World, text: &str) -> [u64; 5] {
    let catalog = catalog(text);
    let shadow = shadow(&w.log, &catalog);
    let (_, Row { was, would_be, changed }) = shadow.rows().next().expect("a row");
    [was.granted, was.denied, would_be.granted, would_be.denied, *changed]
}

/// Accepted use is charged as that; where it had not been kept aside, it was charged before.
#[test]
fn accepted_use_happens_and_what_follows_from_it() {
    let mut w = world();
    let kept = late(&mut w, 10);
    let accepted = w.apply(Command::AcceptLate { kept }).expect("accepts");
    let corrected = w.apply(correct(accepted, &to(&[("tokens", 6)]))).expect("corrects");
    expect(&w, CATALOG, ["6", "6", "994"]);
    expect(&w, &dearer(), ["6", "18", "982"]);
    assert_eq!(counts(&w, CATALOG), [1, 0, 1, 0, 0]);
    let patient = CATALOG.replace("30d", "90d");
    expect(&w, &patient, ["6", "6", "994"]);
    assert_eq!(counts(&w, &patient), [1, 0, 1, 0, 0]);
    w.apply(refund(corrected, Some("1"))).expect("refunds");
    expect(&w, &patient, ["5", "5", "995"]);
    // Dropped, or never decided: only where it is not kept aside does it happen.
    let kept = late(&mut w, 20);
    w.apply(Command::DiscardLate { kept, reason: None }).expect("drops");
    late(&mut w, 30);
    expect(&w, CATALOG, ["5", "5", "995"]);
    expect(&w, &patient, ["5", "55", "945"]);
    assert_eq!(counts(&w, &patient), [1, 0, 3, 0, 2]);
}

/// What waits in quarantine this time does not happen, and what follows from it is told.
#[test]
fn use_that_waits_this_time_does_not_happen() {
    let mut w = World::new(&CATALOG.replace("30d", "90d"), "p");
    w.grant("1000", Category::Purchased);
    let charge = late(&mut w, 10);
    let refunded = w.apply(refund(charge, Some("2"))).expect("refunds");
    let refused = vec![(refunded, format!("record {charge} is not a charge"))];
    assert_eq!(told(&w, CATALOG), (["8", "0"].map(String::from), "1000".into(), refused));
    assert_eq!(counts(&w, CATALOG), [1, 0, 0, 1, 1]);
}

#[test]
fn a_deletion_is_one_again_and_so_is_its_correction() {
    for (feature, meter, [once, twice]) in
        [("chat", "tokens", ["10", "30"]), ("call", "requests", ["20", "50"])]
    {
        let other = dearer().replace("requests = \"2\"", "requests = \"5\"");
        let mut w = world();
        w.ask(&ask(feature, &[(meter, 10)]).now());
        let charge = w.account.seq;
        let deleted = w.apply(correct(charge, &Correct::Delete)).expect("deletes");
        expect(&w, CATALOG, ["0", "0", "1000"]);
        expect(&w, &other, ["0", "0", "1000"]);
        let again = w.apply(correct(deleted, &to(&[(meter, 10)]))).expect("corrects");
        let left =
            |charged: &str| Credits::from_nano(credits("1000").nano() - credits(charged).nano()).to_string();
        expect(&w, CATALOG, [once, once, &left(once)]);
        expect(&w, &other, [once, twice, &left(twice)]);
        w.apply(refund(again, None)).expect("refunds");
        expect(&w, &other, ["0", "0", "1000"]);
    }
}

/// What took all that was left takes all that is left; what took a part takes as much, while there is some.
#[test]
fn refunds_after_one_another_give_back_no_more_than_is_left() {
    let cheaper = CATALOG.replace("tokens = \"1\"", "tokens = \"0.5\"");
    let mut w = world();
    w.ask(&ask("chat", &[("tokens", 40)]).now());
    let charge = w.account.seq;
    w.apply(refund(charge, Some("15"))).expect("refunds");
    w.apply(refund(charge, Some("10"))).expect("refunds");
    expect(&w, CATALOG, ["15", "15", "985"]);
    expect(&w, &dearer(), ["15", "95", "905"]);
    expect(&w, &cheaper, ["15", "0", "1000"]);
    w.apply(refund(charge, None)).expect("refunds");
    expect(&w, &dearer(), ["0", "0", "1000"]);
}

/// By hand: 100 x 10, 100 x 20. Without the first 100 the others come to 1,000, so 1,000 of 2,000 come back at the close.
/// From 100 on at 30: 1,000 of 3,000 are the price, and 2,000 come back.
#[test]
fn what_a_close_gives_back_is_not_charged() {
    let mut w = World::new(GRADUATED, "usual");
    w.now = at("2026-07-03T10:00:00Z");
    w.grant("100000", Category::Purchased);
    w.ask(&ask("code", &[("reserved", 100)]).now());
    let first = w.account.seq;
    w.ask(&ask("code", &[("reserved", 100)]).now());
    w.apply(correct(first, &Correct::Delete)).expect("deletes");
    w.now = at("2026-09-03T00:00:00Z");
    assert_eq!(w.due(), ["volume_closed"]);
    let dearer = GRADUATED.replace("above = 100, credits = \"20\"", "above = 100, credits = \"30\"");
    expect(&w, GRADUATED, ["1000", "1000", "99000"]);
    expect(&w, &dearer, ["1000", "1000", "99000"]);
    // The grant that came back is taken back: 1,000 there, 2,000 here.
    w.apply(void(w.account.seq)).expect("voids");
    expect(&w, &dearer, ["1000", "1000", "97000"]);
}

/// At double the price 2,000 and 4,000 are charged, the first is deleted, the close gives back 2,000, and the refund the other 2,000. At
/// the plain price the close gives back 1,000, and there are only 1,000 left to refund.
#[test]
fn refunds_after_a_close_give_back_no_more_than_is_left() {
    let double = GRADUATED
        .replace("credits = \"20\"", "credits = \"40\"")
        .replace("reserved = \"10\"", "reserved = \"20\"");
    let mut w = World::new(&double, "usual");
    w.now = at("2026-07-03T10:00:00Z");
    w.grant("100000", Category::Purchased);
    w.ask(&ask("code", &[("reserved", 100)]).now());
    let first = w.account.seq;
    w.ask(&ask("code", &[("reserved", 100)]).now());
    let second = w.account.seq;
    w.apply(correct(first, &Correct::Delete)).expect("deletes");
    w.now = at("2026-09-03T00:00:00Z");
    assert_eq!(w.due(), ["volume_closed"]);
    w.apply(refund(second, None)).expect("refunds");
    expect(&w, GRADUATED, ["0", "0", "100000"]);
    expect(&w, &double.replace("credits = \"40\"", "credits = \"60\""), ["0", "0", "100000"]);
}

/// Ten are included and four bought, of a graduated price. Six come back: four of the credits and two of the allowance; of the next
/// twenty, the allowance pays two. Nothing more comes back where all that credits paid has.
#[test]
fn a_part_that_comes_back_of_an_allowance_and_a_graduated_price_is_a_part_again() {
    let text = r#"
version = "t"
[features.chat]
prices = [{ credits = { tokens = "1" }, graduated = { tokens = { every = "day", steps = [{ above = 100, credits = "0.5" }] } } }]
[plans.p]
waterfall = [
  { allowance = { name = "included", windows = [{ name = "year", window.fixed = { limit = "10", every = "year" } }] } },
  { grants = { name = "credits" } },
]
"#;
    for (used, back, was, left) in [(14, "6", "18", "82"), (14, "4", "20", "80"), (4, "1", "13", "87")] {
        let mut w = World::new(text, "p");
        w.grant("100", Category::Purchased);
        w.ask(&ask("chat", &[("tokens", used)]).now());
        w.apply(refund(w.account.seq, Some(back))).expect("refunds");
        w.ask(&ask("chat", &[("tokens", 20)]).now());
        assert_eq!(w.account.available(w.account.recorded_at, None).to_string(), left, "{used} less {back}");
        let [charged, left] = [was, left].map(ToString::to_string);
        assert_eq!(told(&w, text), ([charged.clone(), charged], left, Vec::new()), "{used} less {back}");
    }
}

/// By hand: 100 x 10, 100 x 8, and 50 of the first 100 deleted: 150 units come to 1,400, 1,300 are charged. The close charges 100.
#[test]
fn what_a_close_charged_is_refunded_again() {
    let mut w = World::new(GRADUATED, "usual");
    w.now = at("2026-07-03T10:00:00Z");
    w.grant("100000", Category::Purchased);
    w.ask(&ask("chat", &[("output", 100)]).now());
    let first = w.account.seq;
    w.ask(&ask("chat", &[("output", 100)]).now());
    w.apply(correct(first, &to(&[("output", 50)]))).expect("corrects");
    w.now = at("2026-08-01T00:00:00Z");
    assert_eq!(w.due(), ["charged"]);
    w.apply(refund(w.account.seq, None)).expect("refunds");
    expect(&w, GRADUATED, ["1300", "1300", "98700"]);
    // At 4 above 100: 500 and 400 are charged, 150 units come to 1,200; the close charges 300, and they come back.
    let other = GRADUATED.replace("credits = \"8\"", "credits = \"4\"");
    expect(&w, &other, ["1300", "900", "99100"]);
}

#[test]
fn what_comes_back_counts_where_it_was_charged() {
    let two = CATALOG
        .replace("[plans.p]", "[plans.q]\nextends = \"p\"\n[plans.p]\nfeatures = [\"chat\", \"call\"]");
    let two = format!("default_plan = \"p\"\n{two}");
    let mut w = World::new(&two, "p");
    w.grant("1000", Category::Promotional);
    w.ask(&ask("chat", &[("tokens", 10)]).now());
    let charge = w.account.seq;
    w.settings(|s| s.plan = name("q"));
    w.apply(refund(charge, Some("4"))).expect("refunds");
    let catalog = catalog(&two);
    let shadow = shadow(&w.log, &catalog);
    let rows: Vec<_> = shadow.rows().map(|((plan, _), row)| (plan.as_str(), row.clone())).collect();
    let six = Tally { granted: 1, denied: 0, charged: 6_000_000_000, paid: 0, unit: None };
    assert_eq!(rows, [("p", Row { was: six.clone(), would_be: six, changed: 0 })]);
}
