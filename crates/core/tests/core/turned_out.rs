//! What happened is charged, not what was requested: another model answered, a tier was not granted.

use headworks_core::command::{Command, Correct, Extend};
use headworks_core::record::{Dimension, Dimensions, HoldId, Label};
use headworks_core::waterfall::{Quantities, Refusal};

use crate::audit::{audit, chained, replayed, trusted};
use crate::common::{AskExt as _, World, ask, at, catalog, correct, credits, name, quantities};

/// Model `a` costs twice what `b` does. From July on `b` costs ten times as much, and there is a `c`.
const CATALOG: &str = r#"
version = "t"
[meters]
input = { unit = "token" }
output = { unit = "token" }
[features.chat]
meters = ["input", "output"]
rate_card = "card"
hold = { life = "1h", life_max = "24h" }
[[rate_cards.card]]
effective_from = "2020-01-01T00:00:00Z"
prices = [
  { feature = "chat", when = { model = "a" }, per = 1_000_000, credits = { input = "10", output = "50" } },
  { feature = "chat", when = { model = "b" }, per = 1_000_000, credits = { input = "5", output = "25" } },
  { feature = "chat", when = { model = "a", speed = "fast" }, per = 1_000_000, credits = { input = "20", output = "100" } },
]
[[rate_cards.card]]
effective_from = "2026-07-01T00:00:00Z"
prices = [
  { feature = "chat", when = { model = "a" }, per = 1_000_000, credits = { input = "10", output = "50" } },
  { feature = "chat", when = { model = "b" }, per = 1_000_000, credits = { input = "50", output = "250" } },
  { feature = "chat", when = { model = "c" }, per = 1_000_000, credits = { input = "1", output = "2" } },
]
[plans.p]
features = ["chat"]
waterfall = [{ grants = { name = "credits" } }]
"#;

const USED: [(&str, u64); 2] = [("input", 412), ("output", 264)];

fn world(now: &str) -> World {
    let mut w = World::new(CATALOG, "p");
    w.now = at(now);
    w.grant("1", headworks_core::record::Category::Purchased);
    w
}

pub(crate) fn dimensions(of: &str) -> Dimensions {
    let one = |text: &str| {
        let (of, value) = text.split_once('=').expect("a dimension");
        Dimension::new(name(of), Label::new(value).expect(value))
    };
    of.split_whitespace().map(one).collect()
}

fn settle_as(hold: u64, used: Quantities, of: &str) -> Command {
    Command::Settle {
        hold: HoldId(hold),
        quantities: used,
        dimensions: Some(dimensions(of)),
        more: Vec::new(),
    }
}

fn correct_as(charge: u64, of: &str) -> Command {
    let quantities = Quantities::new();
    correct(charge, &Correct::To { quantities, dimensions: Some(dimensions(of)), more: None, reprice: false })
}

#[test]
fn what_happened_is_charged() {
    // Held on, settled on, what answered, the charge, the version of the card, whether it is unpriced.
    let rows = [
        ("2026-06-30T23:30:00Z", "2026-06-30T23:40:00Z", "model=a", "0.01732", "2020-01-01T00:00:00Z", false),
        ("2026-06-30T23:30:00Z", "2026-06-30T23:40:00Z", "model=b", "0.00866", "2020-01-01T00:00:00Z", false),
        (
            "2026-06-30T23:30:00Z",
            "2026-06-30T23:40:00Z",
            "model=a speed=fast",
            "0.03464",
            "2020-01-01T00:00:00Z",
            false,
        ),
        // The version is pinned, and `c` is not in it.
        ("2026-06-30T23:30:00Z", "2026-07-01T00:10:00Z", "model=b", "0.00866", "2020-01-01T00:00:00Z", false),
        ("2026-06-30T23:30:00Z", "2026-07-01T00:10:00Z", "model=c", "0.00094", "2026-07-01T00:00:00Z", false),
        ("2026-07-01T00:30:00Z", "2026-07-01T00:40:00Z", "model=b", "0.0866", "2026-07-01T00:00:00Z", false),
        // Nothing has a price for it: that of the hold.
        ("2026-06-30T23:30:00Z", "2026-06-30T23:40:00Z", "model=c", "0.01732", "2020-01-01T00:00:00Z", true),
        ("2026-06-30T23:30:00Z", "2026-07-01T00:10:00Z", "model=d", "0.01732", "2020-01-01T00:00:00Z", true),
        ("2026-06-30T23:30:00Z", "2026-07-01T00:10:00Z", "", "0.01732", "2020-01-01T00:00:00Z", true),
    ];
    for (held, settled, answered, price, version, unpriced) in rows {
        let mut w = world(held);
        let hold = w.ask(&ask("chat", &USED).model("a"));
        assert_eq!(hold.price, credits("0.01732"));
        let hold = w.account.seq;
        w.now = at(settled);
        w.apply(settle_as(hold, quantities(&USED), answered)).expect("settles");
        let of = w.charge();
        let card = of.usage.card.as_ref().expect("a card").effective_from;
        assert_eq!(
            (of.price, card, of.usage.unpriced),
            (credits(price), at(version), unpriced),
            "{answered}"
        );
        assert_eq!(of.usage.dimensions, dimensions(answered));
        assert_eq!(w.available(), credits("1").checked_sub(credits(price)).expect("fits").to_string());
        trusted(&w, &catalog(CATALOG));
    }
}

/// Up to 200 tokens of input, output counts as one more kind; beyond 200 and 1,000 all units cost more.
#[test]
fn the_whole_request_has_the_price_of_its_size() {
    let text = CATALOG.replace(
        "rate_card = \"card\"\n",
        "rate_card = \"card\"\nsizes = { size = { count = [\"input\"], otherwise = \"s\", steps = [{ above = 200, value = \"m\" }, { above = 1000, value = \"l\" }] } }\n",
    );
    let start = text.find("prices = [").expect("prices");
    let end = text.find("[plans.p]").expect("plans");
    let prices = "prices = [\n  { when = { size = \"s\" }, credits = { input = \"0.001\", output = \"0.002\" } },\n  \
        { when = { size = [\"m\", \"l\"] }, credits = { input = \"0.003\", output = \"0.005\" } },\n]\n";
    let text = format!("{}{prices}{}", &text[..start], &text[end..]);
    let world = || {
        let mut w = World::new(&text, "p");
        w.grant("1000", headworks_core::record::Category::Purchased);
        w
    };
    let size = |w: &World| w.charge().usage.dimensions.first().map(|d| d.value.to_string());
    // Input, output, what it costs, its size.
    for (input, output, price, of) in [
        (0, 10, "0.02", "s"),
        (200, 10, "0.22", "s"),
        (201, 10, "0.653", "m"),
        (1_000, 0, "3", "m"),
        (1_001, 0, "3.003", "l"),
    ] {
        let mut w = world();
        let used = [("input", input), ("output", output)];
        assert_eq!(w.ask(&ask("chat", &used).now()).price, credits(price), "{input}");
        assert_eq!(size(&w).as_deref(), Some(of));
        // However large the hold was, the settlement goes by what happened.
        for held in [1, 300] {
            let mut w = world();
            w.ask(&ask("chat", &[("input", held), ("output", 10)]));
            w.settle(w.account.seq, &used).expect("settles");
            assert_eq!((w.charge().price, size(&w).as_deref()), (credits(price), Some(of)), "{held}");
            assert_eq!(audit(&chained(&w.log), &[catalog(&text)]), []);
            assert_eq!(replayed(&w.log, &catalog(&text)), []);
        }
    }
    // A correction of the quantity is one of the size; what the caller says stays.
    let mut w = world();
    w.ask(&ask("chat", &[("input", 300), ("output", 10)]).now());
    let to = Correct::To {
        quantities: quantities(&[("input", 100)]),
        dimensions: None,
        more: None,
        reprice: false,
    };
    w.apply(correct(w.account.seq, &to)).expect("corrects");
    assert_eq!((w.charge().price, size(&w).as_deref()), (credits("0.12"), Some("s")));
    let mut w = world();
    let mut said = ask("chat", &[("input", 300), ("output", 0)]).now();
    said.request.dimensions = dimensions("size=s");
    assert_eq!(w.ask(&said).price, credits("0.3"));
    assert_eq!(replayed(&w.log, &catalog(&text)), []);
}

#[test]
fn a_dearer_model_walks_for_the_rest() {
    let mut w = world("2026-06-30T12:00:00Z");
    w.ask(&ask("chat", &USED).model("b"));
    let hold = w.account.seq;
    w.apply(settle_as(hold, quantities(&USED), "model=a")).expect("settles");
    assert_eq!(w.charge().price, credits("0.01732"));
    assert_eq!(w.available(), "0.98268");
    trusted(&w, &catalog(CATALOG));
}

#[test]
fn a_hold_that_has_expired_is_charged_for_what_happened() {
    let mut w = world("2026-06-30T12:00:00Z");
    w.ask(&ask("chat", &USED).model("a"));
    let hold = w.account.seq;
    w.expire(hold);
    w.apply(settle_as(hold, quantities(&USED), "model=b")).expect("settles late");
    assert_eq!(w.charge().price, credits("0.00866"));
    trusted(&w, &catalog(CATALOG));
}

#[test]
fn a_correction_says_what_had_answered() {
    let mut w = world("2026-06-30T12:00:00Z");
    w.ask(&ask("chat", &USED).model("a").now());
    let first = w.account.seq;
    w.apply(correct_as(first, "model=b")).expect("corrects");
    assert_eq!(w.charge().price, credits("0.00866"));
    assert_eq!(w.available(), "0.99134");
    trusted(&w, &catalog(CATALOG));
    // The same again changes nothing, and a correction to something without a price is refused.
    let second = w.account.seq;
    assert_eq!(w.apply(correct_as(second, "model=b")), Err(Refusal::NothingToCorrect));
    let unknown = w.apply(correct_as(second, "model=z")).expect_err("has no price");
    assert!(matches!(unknown, Refusal::NoPrice(..)), "{unknown}");
}

#[test]
fn the_same_settlement_again_is_the_same_one() {
    let mut w = world("2026-06-30T12:00:00Z");
    w.ask(&ask("chat", &USED).model("a"));
    let settle = settle_as(w.account.seq, quantities(&USED), "model=b");
    w.apply(settle.clone()).expect("settles");
    let end = w.log.last().expect("a record");
    assert!(settle.ends_as(end));
    assert!(!settle_as(end.seq - 1, quantities(&USED), "model=a").ends_as(end));
}

/// Prices that a catalog alters in place are not those of the hold, and its own stay.
#[test]
fn a_version_that_was_altered_prices_nothing_else() {
    let mut w = world("2026-06-30T12:00:00Z");
    w.ask(&ask("chat", &USED).model("a"));
    let hold = w.account.seq;
    w.catalog = catalog(&CATALOG.replace("\"t\"", "\"t2\"").replace("input = \"10\"", "input = \"100\""));
    w.apply(settle_as(hold, quantities(&USED), "model=b")).expect("settles");
    assert_eq!((w.charge().price, w.charge().usage.unpriced), (credits("0.01732"), true));
}

/// A meter that the feature has had only since: where the version of the card that the hold refers to is gone, the answer says so.
#[test]
fn a_later_meter_beside_a_version_that_is_gone_is_told_apart() {
    let later = |text: &str| {
        let text =
            text.replace("\"t\"", "\"t2\"").replace("[meters]\n", "[meters]\ncalls = { unit = \"call\" }\n");
        text.replace("meters = [\"input\", \"output\"]", "meters = [\"input\", \"output\", \"calls\"]")
            .replace("credits = { input", "credits = { calls = \"1000000\", input")
    };
    let held = |text: &str| {
        let mut w = world("2026-06-30T12:00:00Z");
        w.ask(&ask("chat", &USED).model("a"));
        w.catalog = catalog(text);
        w.fills = false;
        let hold = w.account.seq;
        (w, hold)
    };
    let with = |meter: &'static str| quantities(&[USED[0], USED[1], (meter, 2)]);
    // 412 at 10, 264 at 50 per million, and two calls at one credit each.
    let (mut w, hold) = held(&later(CATALOG));
    w.grant("9", headworks_core::record::Category::Purchased);
    w.apply(settle_as(hold, with("calls"), "model=a")).expect("settles");
    assert_eq!(w.charge().price, credits("2.01732"));
    let altered = later(&CATALOG.replace("input = \"10\"", "input = \"100\""));
    let (w, hold) = held(&altered);
    let refused = w.run(&settle_as(hold, with("calls"), "model=a")).expect_err("has no price");
    assert_eq!(refused, Refusal::MeterUnpriced(name("calls")));
    assert!(
        refused.to_string().contains("the rate card that the use refers to is gone or altered"),
        "{refused}"
    );
    // A meter that the feature does not have is none.
    let refused = w.run(&settle_as(hold, with("pages"), "model=a")).expect_err("is no meter");
    assert_eq!(refused, Refusal::UnknownMeter(name("pages")));
    // An extension takes the meters of its hold.
    let extend = Command::Extend(Extend {
        hold: HoldId(hold),
        quantities: quantities(&[("calls", 1)]),
        more: Vec::new(),
        minimum: None,
        life: None,
        progress: None,
        consented: false,
    });
    assert_eq!(w.run(&extend).expect_err("refused"), Refusal::MeterNotHeld(name("calls")));
    let (mut w, hold) = held(&altered);
    w.apply(settle_as(hold, quantities(&USED), "model=a")).expect("settles");
    let to = Correct::To { quantities: with("calls"), dimensions: None, more: None, reprice: false };
    let refused = w.run(&correct(w.account.seq, &to)).expect_err("has no price");
    assert_eq!(refused, Refusal::MeterUnpriced(name("calls")));
}
