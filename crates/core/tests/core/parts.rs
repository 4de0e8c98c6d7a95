//! A use with parts under several models: one request, one walk, one receipt.

use headworks_core::catalog::Catalog;
use headworks_core::command::{Command, Correct, Extend, corrected_price};
use headworks_core::record::{
    Category, Decision, Dimensions, Draw, Erasure, HoldId, Label, Outcome, Reason, Seq,
};
use headworks_core::view;
use headworks_core::waterfall::{AskedPart, Authorize, Minimum, Quantities, Refusal, Request};

use crate::audit::{audit, chained, replayed_under, trusted};
use crate::common::{AskExt as _, World, at, catalog, correct, credits, name, quantities, refund};
use crate::turned_out::dimensions;

/// A token of input and of output on `a` costs 2 and 10, on `b` 1 and 5; from July on there is a `c` at 3 and 4.
const CATALOG: &str = r#"
version = "t"
late_horizon = "1h"
meters = { input = { unit = "token" }, output = { unit = "token" } }
[features.chat]
meters = ["input", "output"]
rate_card = "card"
hold = { life = "1h", life_max = "24h", expiry_charges = ["input"] }
[[rate_cards.card]]
effective_from = "2020-01-01T00:00:00Z"
prices = [
  { when = { model = "a" }, credits = { input = "2", output = "10" } },
  { when = { model = "b" }, credits = { input = "1", output = "5" } },
]
[[rate_cards.card]]
effective_from = "2026-07-01T00:00:00Z"
prices = [
  { when = { model = "a" }, credits = { input = "2", output = "10" } },
  { when = { model = "b" }, credits = { input = "100", output = "500" } },
  { when = { model = "c" }, credits = { input = "3", output = "4" } },
]
[plans.p]
features = ["chat"]
guards = [
  { name = "all", count = "input", window.fixed = { limit = 1000, every = "day" } },
  { name = "a_tokens", count = ["input", "output"], when = { model = "a" }, window.fixed = { limit = 500, every = "day" } },
  { name = "b_tokens", count = ["input", "output"], when = { model = "b" }, window.fixed = { limit = 300, every = "day" } },
  { name = "a_requests", count = "requests", when = { model = "a" }, window.fixed = { limit = 10, every = "day" } },
  { name = "b_requests", count = "requests", when = { model = "b" }, window.fixed = { limit = 10, every = "day" } },
  { name = "a_price", when = { model = "a" }, window.spend_cap = { limit = "900", every = "day", counts = "price" } },
]
waterfall = [{ grants = { name = "credits" } }]
"#;

/// `model=a 100 input 5 output + model=b 7 input`.
fn parts(text: &str) -> Vec<(Option<Dimensions>, Quantities)> {
    let part = |text: &str| {
        let (mut of, mut counted, mut number) = (String::new(), Vec::new(), 0);
        for word in text.split_whitespace() {
            if word.contains('=') {
                of.push_str(word);
                of.push(' ');
            } else if let Ok(n) = word.parse() {
                number = n;
            } else {
                counted.push((word, number));
            }
        }
        ((!of.is_empty()).then(|| dimensions(&of)), quantities(&counted))
    };
    text.split('+').map(part).collect()
}

/// The first part, and those after it.
fn split(text: &str) -> ((Option<Dimensions>, Quantities), Vec<AskedPart>) {
    let mut all = parts(text).into_iter();
    let first = all.next().expect("a part");
    (first, all.map(|(dimensions, quantities)| AskedPart { dimensions, quantities }).collect())
}

fn request(text: &str) -> Request {
    let ((of, counted), more) = split(text);
    Request { dimensions: of.unwrap_or_default(), more, ..Request::new(name("chat"), counted) }
}

fn asked(text: &str) -> Authorize {
    Authorize::new(request(text))
}

fn settled(hold: Seq, text: &str) -> Command {
    let ((dimensions, quantities), more) = split(text);
    Command::Settle { hold: HoldId(hold), quantities, dimensions, more }
}

fn extended(hold: Seq, text: &str) -> Extend {
    let ((_, quantities), more) = split(text);
    let hold = HoldId(hold);
    Extend { hold, quantities, more, minimum: None, life: None, progress: None, consented: false }
}

fn corrected(charge: Seq, text: &str) -> Command {
    let ((dimensions, quantities), more) = split(text);
    correct(charge, &Correct::To { quantities, dimensions, more: Some(more), reprice: false })
}

fn world() -> World {
    let mut w = World::new(CATALOG, "p");
    w.grant("10000", Category::Purchased);
    w
}

/// What a window of the whole account has counted.
fn used(w: &World, window: &str) -> String {
    let all = view::windows(w.ctx()).expect("windows");
    let used = all.iter().find(|of| of.name.as_str() == window).map_or(0, |of| of.used);
    if window == "a_price" {
        headworks_core::record::Credits::from_nano(used).to_string()
    } else {
        used.to_string()
    }
}

fn is_allowed(decision: &Decision, price: &str) {
    assert_eq!((decision.outcome, decision.price), (Outcome::Allow, credits(price)));
}

#[test]
fn each_part_has_its_own_price() {
    // 100 × 2 + 5 × 10, and 30 × 1 + 2 × 5.
    for (text, price) in [
        ("model=a 100 input 5 output + model=b 30 input 2 output", "290"),
        ("model=b 30 input 2 output + model=a 100 input 5 output", "290"),
        // Two parts of one model are two parts.
        ("model=a 1 input 0 output + model=a 1 input + model=a 1 output", "14"),
    ] {
        let mut w = world();
        is_allowed(&w.ask(&asked(text)), price);
        assert_eq!(w.account.holds[0].usage.price(), Some(credits(price)));
        is_allowed(&w.ask(&asked(text).now()), price);
        assert_eq!(w.charge().draws.len(), 1, "one receipt");
        trusted(&w, &catalog(CATALOG));
    }
}

/// A part counts in the guards that are about its model; requests count with the first.
#[test]
fn requests_count_with_the_first_part() {
    let mut w = world();
    w.ask(&asked("model=a 100 input 5 output + model=b 30 input 2 output"));
    w.ask(&asked("model=b 1 input 1 output + model=a 10 input 0 output").now());
    let counts =
        ["all", "a_tokens", "b_tokens", "a_requests", "b_requests", "a_price"].map(|of| used(&w, of));
    assert_eq!(counts, ["141", "115", "34", "1", "1", "270"].map(String::from));
    trusted(&w, &catalog(CATALOG));
}

#[test]
fn a_part_is_refused_by_the_guard_of_its_model() {
    let mut w = world();
    w.ask(&asked("model=b 250 input 0 output").now());
    // `b` has 50 left; `a` would fit.
    let denied = w.ask(&asked("model=a 10 input 0 output + model=b 51 input 0 output"));
    assert_eq!((denied.outcome, denied.reason), (Outcome::Deny, Reason::FixedLimit));
    is_allowed(&w.ask(&asked("model=a 10 input 0 output + model=b 50 input 0 output")), "70");
}

/// What is held, what turned out; its price, and what the guards have counted then: input, `a`, `b`, and the price on `a`.
#[test]
fn what_turned_out_is_charged_and_counted_part_by_part() {
    for (held, turned_out, price, counts) in [
        // As it was held, less of it, more of it.
        (
            "model=a 100 input 10 output + model=b 50 input",
            "100 input 10 output + 50 input",
            "350",
            ["150", "110", "50", "300"],
        ),
        (
            "model=a 100 input 10 output + model=b 50 input",
            "60 input 0 output + 20 input",
            "140",
            ["80", "60", "20", "120"],
        ),
        (
            "model=a 100 input 10 output + model=b 50 input",
            "120 input 10 output + 80 input",
            "420",
            ["200", "130", "80", "340"],
        ),
        // A part did not happen; another did instead. What was held counts for the model that was asked for.
        (
            "model=a 100 input 10 output + model=b 50 input",
            "model=a 100 input 10 output",
            "300",
            ["100", "110", "0", "300"],
        ),
        (
            "model=a 100 input 10 output",
            "model=a 60 input 4 output + model=b 40 input 6 output",
            "230",
            ["100", "64", "46", "160"],
        ),
        ("model=a 100 input 10 output", "model=b 100 input 10 output", "150", ["100", "110", "0", "150"]),
        ("model=a 100 input 0 output", "model=b 130 input 0 output", "130", ["130", "100", "30", "130"]),
        // A part that was held stays with the model that was asked for, and a new one counts for its own.
        (
            "model=b 100 input 0 output",
            "model=a 100 input 0 output + model=b 100 input",
            "300",
            ["200", "0", "200", "100"],
        ),
        (
            "model=a 10 input 0 output + model=b 10 input",
            "10 input 0 output + model=a 10 input + model=b 3 input",
            "43",
            ["23", "10", "13", "30"],
        ),
        // A further part of the same model goes on counting where the first has given back.
        (
            "model=a 100 input 0 output",
            "model=a 60 input 0 output + model=a 40 input",
            "200",
            ["100", "100", "0", "200"],
        ),
        (
            "model=a 100 input 0 output + model=a 50 input",
            "120 input 0 output + 30 input",
            "300",
            ["150", "150", "0", "300"],
        ),
    ] {
        let mut w = world();
        w.ask(&asked(held));
        let hold = w.account.seq;
        w.pass("1m");
        w.apply(settled(hold, turned_out)).expect("settles");
        assert_eq!(w.charge().price, credits(price), "{held} → {turned_out}");
        let seen = ["all", "a_tokens", "b_tokens", "a_price"].map(|of| used(&w, of));
        assert_eq!(seen, counts.map(String::from), "{held} → {turned_out}");
        trusted(&w, &catalog(CATALOG));
    }
}

/// Prices that a catalog alters in place are those of no part: what turned out otherwise keeps its price where the version of any part was
/// altered. A record never mixes the prices of two catalogs.
#[test]
fn parts_have_the_prices_of_one_catalog() {
    // From 1 to 50 for `b`, which was held or was not.
    let altered = CATALOG.replacen("\"t\"", "\"t2\"", 1).replacen("input = \"1\"", "input = \"50\"", 1);
    let catalogs = [catalog(CATALOG), catalog(&altered)];
    for (held, turned_out, price, unpriced) in [
        ("model=a 10 input + model=b 10 input", "model=b 10 input + 10 input", "30", [true, false]),
        ("model=b 10 input + model=a 10 input", "10 input + model=b 10 input", "30", [false, true]),
        ("model=a 10 input + model=a 10 input", "10 input + model=b 10 input", "520", [false, false]),
        ("model=a 10 input + model=a 10 input", "model=b 10 input + 10 input", "520", [false, false]),
        ("model=a 10 input", "10 input + model=b 10 input", "520", [false, false]),
    ] {
        let mut w = world();
        w.now = at("2026-06-30T23:30:00Z");
        w.ask(&asked(held));
        let hold = w.account.seq;
        w.catalog = catalog(&altered);
        w.apply(settled(hold, turned_out)).expect("settles");
        let usage = &w.charge().usage;
        assert_eq!(w.charge().price, credits(price), "{held} → {turned_out}");
        assert_eq!([usage.unpriced, usage.more[0].unpriced], unpriced, "{held} → {turned_out}");
        assert_eq!(audit(&chained(&w.log), &catalogs), [], "{held} → {turned_out}");
    }
}

/// The catalog with another version label and change, in which a token of input on `b` costs 7.
fn changed(from: &str, to: &str) -> String {
    // `rate_card` and `rate_cards` are words of the format.
    let text = CATALOG.replacen("\"t\"", "\"t2\"", 1).replace(from, to);
    let text = text.replace("rate_tariff", "rate_card");
    text.replace("input = \"1\"", "input = \"7\"").replace("input = \"100\"", "input = \"7\"")
}

/// Reconciliation and replay have nothing to say about a log whose records after `hold` were written under the second catalog.
fn trusted_under(w: &World, catalogs: &[Catalog; 2], hold: Seq, what: &str) {
    assert_eq!(audit(&chained(&w.log), catalogs), [], "{what}");
    let [first, second] = catalogs;
    assert_eq!(replayed_under(&w.log, |seq| if seq <= hold { first } else { second }), [], "{what}");
}

/// Where the feature has another card, or its card other versions, a part that stays is priced by the catalog of the hold: what turned
/// out otherwise beside it keeps its price. Without such a part, all is priced by the catalog in force.
#[test]
fn what_turns_out_beside_a_part_that_stays_has_prices_of_its_catalog() {
    let (start, july) = (at("2026-06-30T23:30:00Z"), at("2026-07-01T00:10:00Z"));
    let of_a = "  { when = { model = \"a\" }, credits = { input = \"2\", output = \"10\" } },\n";
    let first = CATALOG.split("[[rate_cards.card]]\n").nth(1).expect("a version");
    for (what, other) in [
        ("another card", changed("card", "tariff")),
        ("another version", changed("2020-01-01", "2021-01-01")),
        ("no such version", changed(&format!("[[rate_cards.card]]\n{first}"), "")),
        ("no such model", changed(of_a, "")),
    ] {
        let catalogs = [catalog(CATALOG), catalog(&other)];
        let held = || {
            let mut w = world();
            w.now = start;
            w.ask(&asked("model=a 10 input 0 output"));
            let hold = w.account.seq;
            w.catalog = catalog(&other);
            w.now = july;
            (w, hold)
        };
        for (turned_out, price, unpriced) in [
            ("10 input + model=b 10 input", "40", [false, true]),
            ("model=b 10 input + model=a 10 input", "40", [true, false]),
            ("model=b 10 input + model=b 10 input", "140", [false, false]),
            ("model=b 10 input", "70", [false, false]),
        ] {
            let what = format!("{what}: {turned_out}");
            let (mut w, hold) = held();
            w.apply(settled(hold, turned_out)).expect("settles");
            let usage = &w.charge().usage;
            let seen = [usage.unpriced, usage.more.first().is_some_and(|part| part.unpriced)];
            assert_eq!((w.charge().price, seen), (credits(price), unpriced), "{what}");
            trusted_under(&w, &catalogs, hold, &what);
        }
        let (mut w, hold) = held();
        let more = w.run(&Command::Extend(extended(hold, "0 input + model=b 10 input")));
        assert!(matches!(more, Err(Refusal::NoPrice(..))), "{what}: {more:?}");
        w.apply(settled(hold, "10 input")).expect("settles");
        let charge = w.account.seq;
        let mixed = w.run(&corrected(charge, "10 input + model=b 10 input"));
        assert!(matches!(mixed, Err(Refusal::NoPrice(..))), "{what}: {mixed:?}");
        w.apply(corrected(charge, "model=b 10 input")).expect("corrects");
        assert_eq!(w.charge().price, credits("70"), "{what}");
        trusted_under(&w, &catalogs, hold, what);
    }
}

/// What only a later catalog knows, with the prices of the others as they were, makes it the catalog of the hold and of its charge.
#[test]
fn a_use_names_the_catalog_that_has_all_its_prices() {
    let with_d = "prices = [\n  { when = { model = \"d\" }, credits = { input = \"4\", output = \"4\" } },";
    let other = CATALOG.replacen("\"t\"", "\"t2\"", 1).replace("prices = [", with_d);
    let catalogs = [catalog(CATALOG), catalog(&other)];
    for (how, price) in [("extended", "60"), ("settled", "60"), ("corrected", "60")] {
        let mut w = world();
        w.now = at("2026-06-30T23:30:00Z");
        w.ask(&asked("model=a 10 input 0 output"));
        let hold = w.account.seq;
        w.catalog = catalog(&other);
        if how == "extended" {
            let step =
                w.run(&Command::Extend(extended(hold, "0 input + model=d 10 input"))).expect("extends");
            is_allowed(&w.fold(step), "40");
            assert_eq!(w.account.holds[0].usage.catalog, name("t2"));
            w.apply(settled(hold, "10 input + 10 input")).expect("settles");
        } else {
            let used = if how == "settled" { "10 input + model=d 10 input" } else { "10 input" };
            w.apply(settled(hold, used)).expect("settles");
        }
        if how == "corrected" {
            w.apply(corrected(w.account.seq, "10 input + model=d 10 input")).expect("corrects");
        }
        assert_eq!((w.charge().price, &w.charge().usage.catalog), (credits(price), &name("t2")), "{how}");
        trusted_under(&w, &catalogs, hold, how);
    }
}

/// A meter that only a later catalog has is priced by it beside the others, if it has their prices still; if not, it is unknown to the use.
#[test]
fn a_meter_that_is_new_has_a_price_of_the_same_catalog_as_the_others() {
    let with_calls = |text: &str| {
        text.replace(
            "output = { unit = \"token\" } }",
            "output = { unit = \"token\" }, calls = { unit = \"call\" } }",
        )
        .replace("[\"input\", \"output\"]\nrate", "[\"input\", \"output\", \"calls\"]\nrate")
        .replace("credits = { input", "credits = { calls = \"9\", input")
    };
    let held = |other: &str| {
        let mut w = world();
        w.now = at("2026-06-30T23:30:00Z");
        w.ask(&asked("model=a 10 input 0 output"));
        w.catalog = catalog(other);
        let hold = w.account.seq;
        (w, hold)
    };
    let same = with_calls(&changed("late_horizon", "late_horizon"));
    let (mut w, hold) = held(&same);
    w.apply(settled(hold, "10 input 0 output 1 calls")).expect("settles");
    assert_eq!((w.charge().price, &w.charge().usage.catalog), (credits("29"), &name("t2")));
    trusted_under(&w, &[catalog(CATALOG), catalog(&same)], hold, "the same version");
    let (w, hold) = held(&with_calls(&changed("card", "tariff")));
    let refused = w.run(&settled(hold, "10 input 0 output 1 calls"));
    assert_eq!(refused.err(), Some(Refusal::MeterUnpriced(name("calls"))));
}

/// The version of the card is pinned for each part; what it does not know has the prices in force, or else those that were held.
#[test]
fn each_part_has_the_prices_of_what_answered() {
    for (settled_at, turned_out, price, unpriced) in [
        ("2026-07-01T00:10:00Z", "model=a 10 input 0 output + model=b 10 input", "30", [false, false]),
        ("2026-07-01T00:10:00Z", "model=a 10 input 0 output + model=c 10 input", "50", [false, false]),
        ("2026-06-30T23:50:00Z", "model=a 10 input 0 output + model=c 10 input", "40", [false, true]),
        ("2026-06-30T23:50:00Z", "model=x 10 input 0 output + model=b 10 input", "30", [true, false]),
    ] {
        let mut w = world();
        w.now = at("2026-06-30T23:30:00Z");
        w.ask(&asked("model=a 100 input 0 output"));
        let hold = w.account.seq;
        w.now = at(settled_at);
        w.apply(settled(hold, turned_out)).expect("settles");
        let usage = &w.charge().usage;
        assert_eq!(w.charge().price, credits(price), "{turned_out}");
        assert_eq!([usage.unpriced, usage.more[0].unpriced], unpriced, "{turned_out}");
        trusted(&w, &catalog(CATALOG));
    }
}

#[test]
fn a_hold_grows_part_by_part() {
    let mut w = world();
    w.ask(&asked("model=a 100 input 0 output + model=b 10 input"));
    let hold = w.account.seq;
    // Two of output on `b`; then ten of input on `a`, and a third part.
    for (more, price) in
        [("0 input + 2 output", "10"), ("10 input + 0 input + model=b 1 input 1 output", "26")]
    {
        let step = w.run(&Command::Extend(extended(hold, more))).expect("extends");
        is_allowed(&w.fold(step), price);
    }
    assert_eq!(w.account.holds[0].usage.price(), Some(credits("246")));
    assert_eq!(
        ["all", "a_tokens", "b_tokens"].map(|of| used(&w, of)),
        ["121", "110", "14"].map(String::from)
    );
    let other = extended(hold, "1 input + model=a 1 input");
    assert!(matches!(w.run(&Command::Extend(other)), Err(Refusal::BadParts(_))));
    let unknown = extended(hold, "1 input + 1 input + 0 input + model=c 1 input");
    assert!(matches!(w.run(&Command::Extend(unknown)), Err(Refusal::NoPrice(..))));
    // Expiry charges the input of every part.
    w.expire(hold);
    assert_eq!(w.charge().price, credits("231"));
    trusted(&w, &catalog(CATALOG));
}

#[test]
fn a_charge_is_corrected_part_by_part() {
    let start = "model=a 100 input 10 output + model=b 50 input 0 output";
    for (to, price, counts) in [
        // What is left out stays; a part beyond those that are named is taken away; one may be added.
        ("90 input + 40 input", "320", "280"),
        ("10 output", "300", "300"),
        ("10 output + 0 input + model=a 3 input", "306", "306"),
        // What was charged counts for the model that was named then.
        ("model=b 10 output + 0 input", "150", "150"),
    ] {
        let mut w = world();
        w.ask(&asked(start).now());
        let charge = w.account.seq;
        w.apply(corrected(charge, to)).expect("corrects");
        assert_eq!(w.charge().price, credits(price), "{to}");
        assert_eq!(used(&w, "a_price"), counts, "{to}");
        trusted(&w, &catalog(CATALOG));
    }
    // A correction that names no parts is about the first.
    let mut w = world();
    w.ask(&asked(start).now());
    let first =
        Correct::To { quantities: quantities(&[("input", 1)]), dimensions: None, more: None, reprice: false };
    w.apply(correct(w.account.seq, &first)).expect("corrects");
    assert_eq!(w.charge().price, credits("152"));
    let none = corrected(w.account.seq, "1 input + 50 input");
    assert_eq!(w.run(&none).err(), Some(Refusal::NothingToCorrect));
}

/// A deleted charge costs nothing under any catalog, and its lines stay in the order of their parts.
#[test]
fn a_deleted_charge_of_parts_has_nothing_to_price_again() {
    let mut w = world();
    w.ask(&asked("model=a 100 input 10 output + model=b 50 input").now());
    w.apply(correct(w.account.seq, &Correct::Delete)).expect("deletes");
    assert_eq!(w.available(), "10000");
    let places: Vec<u8> = w.charge().usage.lines.iter().map(|line| line.part).collect();
    assert!(places.is_sorted(), "{places:?}");
    assert_eq!(w.run(&correct(w.account.seq, &Correct::reprice())).err(), Some(Refusal::NothingToCorrect));
    for prices in [CATALOG.to_owned(), CATALOG.replace("input = \"2\"", "input = \"3\"")] {
        assert_eq!(corrected_price(&catalog(&prices), w.charge(), w.now), Ok(None));
    }
    trusted(&w, &catalog(CATALOG));
}

/// A refund takes the last part back first: 20 of `b`, then what `a` cost.
#[test]
fn a_refund_gives_back_the_last_part_first() {
    let mut w = world();
    w.ask(&asked("model=a 100 input 0 output + model=b 20 input").now());
    let charge = w.account.seq;
    for (amount, left) in [(Some("15"), "200"), (Some("25"), "180"), (Some("80"), "100"), (None, "0")] {
        w.apply(refund(charge, amount)).expect("refunds");
        assert_eq!(used(&w, "a_price"), left, "{amount:?}");
    }
    assert_eq!(w.available(), "10000");
    trusted(&w, &catalog(CATALOG));
}

#[test]
fn late_use_waits_with_its_parts() {
    let mut w = world();
    let request = request("model=a 10 input 1 output + model=b 5 input");
    let then = at("2026-06-01T11:30:00Z");
    w.apply(Command::Record { request: request.clone(), at: Some(then) }).expect("records");
    assert_eq!(w.charge().price, credits("35"));
    let before = at("2026-06-01T09:30:00Z");
    w.apply(Command::Record { request, at: Some(before) }).expect("keeps");
    let kept = w.account.seq;
    w.apply(Command::AcceptLate { kept }).expect("charges");
    assert_eq!(w.charge().price, credits("35"));
    assert_eq!(["a_tokens", "b_tokens"].map(|of| used(&w, of)), ["22", "10"].map(String::from));
    trusted(&w, &catalog(CATALOG));
}

#[test]
fn parts_that_cannot_be_are_refused() {
    let w = world();
    let refused = |ask: Authorize| w.bare(&Command::Authorize(ask)).expect_err("refused");
    let many = vec!["model=a 1 input 1 output"; 17].join("+");
    for text in [
        "model=a 1 input 1 output + model=b 1 input 1 requests",
        "model=a 1 input 1 output + model=b",
        many.as_str(),
    ] {
        assert!(matches!(refused(asked(text)), Refusal::BadParts(_)), "{text}");
    }
    let minimum = Some(Minimum { meter: name("input"), quantity: 1 });
    let ask = Authorize { minimum, ..asked("model=a 9 input 1 output + model=b 1 input") };
    assert!(matches!(refused(ask), Refusal::BadParts(_)));
    // One part that names a meter is enough, but one must.
    assert!(matches!(refused(asked("model=a 1 input + model=b 1 input")), Refusal::MissingMeter(_)));
    assert!(matches!(refused(asked("model=a 1 input 1 output + model=x 1 input")), Refusal::NoPrice(..)));
    assert!(matches!(refused(asked("model=a 1 input 1 output + model=b 1 pages")), Refusal::UnknownMeter(_)));
}

/// The catalog with input alone, of which `limit` units a day are included.
fn included(limit: u64) -> String {
    let allowance = format!(
        "waterfall = [{{ allowance = {{ name = \"free\", windows = [{{ name = \"day\", window.fixed = {{ limit = {limit}, every = \"day\" }} }}] }} }}, "
    );
    CATALOG
        .replace("meters = [\"input\", \"output\"]", "meters = [\"input\"]\nallowance_unit = \"input\"")
        .replace(", output = \"10\"", "")
        .replace(", output = \"500\"", "")
        .replace(", output = \"5\"", "")
        .replace(", output = \"4\"", "")
        .replace("[\"input\", \"output\"]", "[\"input\"]")
        .replace("waterfall = [", &allowance)
}

/// Who pays how much of its unit, and what that is worth in nano-credits.
fn receipt(draws: &[Draw]) -> Vec<(&str, i64, i64)> {
    draws.iter().map(|d| (d.layer.as_str(), d.amount, d.worth)).collect()
}

const NANO: i64 = 1_000_000_000;

/// An allowance of tokens pays the parts in order: of 25 units at 2 and 40 at 1, the first 30 are worth 50 and 5.
#[test]
fn an_allowance_of_units_pays_parts_in_order() {
    let text = included(30);
    let mut w = World::new(&text, "p");
    w.grant("100", Category::Purchased);
    let held = w.ask(&asked("model=a 25 input + model=b 40 input"));
    is_allowed(&held, "90");
    assert_eq!(receipt(&held.draws), [("free", 30, 55 * NANO), ("credits", 35 * NANO, 35 * NANO)]);
    // Less of the first leaves units for the second: 20 at 2 and 10 at 1 of 30.
    w.apply(settled(w.account.seq, "20 input + 30 input")).expect("settles");
    assert_eq!(receipt(&w.charge().draws), [("free", 30, 50 * NANO), ("credits", 20 * NANO, 20 * NANO)]);
    trusted(&w, &catalog(&text));
}

/// Credits pay parts in order as well, so what a use grows by is what its last parts are: of 25 units at 2 and 40 at 1 the day before,
/// 10 were included and credits paid 30 and 40. The allowance of today pays what is more of the second part, and not of the first.
#[test]
fn credits_pay_parts_in_order() {
    let text = included(10);
    let of_yesterday = [("free", 10, 20 * NANO), ("credits", 70 * NANO, 70 * NANO)];
    let today = ("free", 5, 5 * NANO);
    let receipt_of_today = [of_yesterday.to_vec(), vec![today]].concat();
    // Whether it grows before it is settled, or turns out as more.
    for grows in [true, false] {
        let mut w = World::new(&text, "p");
        w.now = at("2026-06-01T23:30:00Z");
        w.grant("100", Category::Purchased);
        let held = w.ask(&asked("model=a 25 input + model=b 40 input"));
        is_allowed(&held, "90");
        assert_eq!(receipt(&held.draws), of_yesterday);
        let hold = w.account.seq;
        w.now = at("2026-06-02T00:10:00Z");
        if grows {
            let step = w.run(&Command::Extend(extended(hold, "0 input + 5 input"))).expect("extends");
            let decision = w.fold(step);
            is_allowed(&decision, "5");
            assert_eq!(receipt(&decision.draws), [today]);
        }
        w.apply(settled(hold, "25 input + 45 input")).expect("settles");
        assert_eq!(receipt(&w.charge().draws), receipt_of_today, "{grows}");
        assert_eq!(used(&w, "free.day"), "5", "{grows}");
        trusted(&w, &catalog(&text));
    }
}

/// A hold of 1 unit at 1 and 7 at 2 has 8 of 19 included, worth 15. It grows by 14 at 1 and 8 at 2: 11 more are included, worth 11, and
/// credits pay 19. But in order 19 of all that are 15 at 1 and 4 at 2, worth 23 and not 26. As it expires at 45 nobody is charged
/// beyond what it set aside: the operator makes good 3.
#[test]
fn a_hold_that_has_grown_expires_within_what_it_set_aside() {
    let text = included(19);
    let mut w = World::new(&text, "p");
    w.grant("100", Category::Purchased);
    let held = w.ask(&asked("model=b 1 input + model=a 7 input"));
    assert_eq!(receipt(&held.draws), [("free", 8, 15 * NANO)]);
    let hold = w.account.seq;
    let step = w.run(&Command::Extend(extended(hold, "14 input + 8 input"))).expect("extends");
    let decision = w.fold(step);
    assert_eq!(receipt(&decision.draws), [("free", 11, 11 * NANO), ("credits", 19 * NANO, 19 * NANO)]);
    w.expire(hold);
    let charge = w.charge();
    assert_eq!(charge.price, credits("45"));
    let paid =
        [("free", 19, 23 * NANO), ("credits", 19 * NANO, 19 * NANO), ("overshoot", 3 * NANO, 3 * NANO)];
    assert_eq!(receipt(&charge.draws), paid);
    assert_eq!((w.available(), used(&w, "free.day")), ("81".to_owned(), "19".to_owned()));
    trusted(&w, &catalog(&text));
}

/// A request that costs nothing is let through where its allowance is used. It is not counted later, with a second part or without.
#[test]
fn a_settlement_at_nothing_counts_no_request() {
    let text = included(1).replace("allowance_unit = \"input\"", "allowance_unit = \"requests\"");
    for turned_out in ["0 input", "0 input + 0 input"] {
        let mut w = World::new(&text, "p");
        w.ask(&asked("model=a 1 input").now());
        let first = w.account.seq;
        is_allowed(&w.ask(&asked("model=a 0 input")), "0");
        let hold = w.account.seq;
        w.apply(refund(first, None)).expect("refunds");
        w.apply(settled(hold, turned_out)).expect("settles");
        assert_eq!(
            (receipt(&w.charge().draws), used(&w, "free.day")),
            (vec![], "0".to_owned()),
            "{turned_out}"
        );
        trusted(&w, &catalog(&text));
    }
}

/// Each part is rounded up to its steps and has the size of its own; the factor rounds all of it once.
#[test]
fn steps_sizes_and_factors_are_of_parts_and_of_all() {
    let text = CATALOG
        .replace(
            "rate_card = \"card\"\n",
            "rate_card = \"card\"\nsizes = { size = { count = [\"input\"], otherwise = \"s\", steps = [{ above = 10, value = \"l\" }] } }\n",
        )
        .replace(
            "  { when = { model = \"a\" }, credits = { input = \"2\", output = \"10\" } },\n  { when = { model = \"b\" }, credits = { input = \"1\", output = \"5\" } },\n]\n[[",
            "  { when = { size = \"s\" }, credits = { input = \"0.000000003\", output = \"1\" }, step = { output = 6 } },\n  { when = { size = \"l\" }, credits = { input = \"0.000000005\", output = \"1\" }, step = { output = 6 } },\n]\n[[",
        )
        .replace("[plans.p]\n", "[plans.p]\nprice_factor = \"0.5\"\n");
    let text = text.as_str();
    let mut w = World::new(text, "p");
    w.grant("100", Category::Purchased);
    // Output: 6 and 12 of 1. Input: 10 at 3 and 11 at 5, together 85 nano-credits: 42.5, half to even 42, for a hold 43.
    let ask = "10 input 1 output + 11 input 7 output";
    is_allowed(&w.ask(&asked(ask)), "9.000000043");
    w.apply(settled(w.account.seq, ask)).expect("settles");
    assert_eq!(w.charge().price, credits("9.000000042"));
    let sizes = |w: &World| {
        let usage = &w.charge().usage;
        [&usage.dimensions, &usage.more[0].dimensions]
            .map(|of| of.iter().map(|d| d.value.to_string()).collect::<String>())
    };
    assert_eq!(sizes(&w), ["s", "l"]);
    trusted(&w, &catalog(text));
    // What the second part turned out to be has its size.
    is_allowed(&w.ask(&asked(ask)), "9.000000043");
    w.apply(settled(w.account.seq, "10 input 1 output + 10 input 7 output")).expect("settles");
    assert_eq!((w.charge().price, sizes(&w)), (credits("9.00000003"), ["s".into(), "s".into()]));
    trusted(&w, &catalog(text));
}

#[test]
fn the_dimensions_of_a_part_can_be_erased() {
    let mut w = world();
    w.ask(&asked("model=a 1 input 1 output + model=b 1 input").now());
    let mut record = w.log.last().expect("a record").clone();
    let erasure =
        Erasure { segments: Vec::new(), dimensions: dimensions("model=b").to_vec(), secret: [7; 32] };
    erasure.erase(&mut record, [0; 32]).expect("something is erased");
    let usage = &record.charge().expect("a charge").usage;
    assert_eq!(usage.dimensions, dimensions("model=a"));
    assert_ne!(usage.more[0].dimensions[0].value, Label::new("b").expect("a label"));
}

/// A rate that a settlement empties counts what a further part adds all the same.
#[test]
fn a_rate_gives_back_and_counts_in_one_settlement() {
    let text = CATALOG.replace(
        "guards = [",
        "guards = [\n  { name = \"pace\", count = \"input\", when = { model = \"a\" }, window.rate = { limit = 1200, period = \"1h\" } },",
    );
    for held in ["model=a 10 input 0 output", "model=a 400 input 0 output"] {
        let mut w = World::new(&text, "p");
        w.grant("10000", Category::Purchased);
        w.ask(&asked(held));
        w.apply(settled(w.account.seq, "model=a 0 input 0 output + model=a 3 input")).expect("settles");
        assert_eq!(used(&w, "pace"), "3", "{held}");
        trusted(&w, &catalog(&text));
    }
}

/// Held on `b` for 10, charged on `a` for 60: the cap of `b` counts the first 10, which a refund reaches last.
#[test]
fn a_refund_leaves_what_was_held_for_last() {
    let text = CATALOG.replace(
        "{ name = \"a_price\", when = { model = \"a\" }",
        "{ name = \"a_price\", when = { model = \"b\" }",
    );
    let mut w = World::new(&text, "p");
    w.grant("10000", Category::Purchased);
    w.ask(&asked("model=b 10 input 0 output"));
    w.apply(settled(w.account.seq, "model=a 30 input 0 output")).expect("settles");
    assert_eq!(used(&w, "a_price"), "10");
    let charge = w.account.seq;
    for (amount, left) in [(Some("45"), "10"), (Some("9"), "6"), (None, "0")] {
        w.apply(refund(charge, amount)).expect("refunds");
        assert_eq!(used(&w, "a_price"), left, "{amount:?}");
    }
}
