//! Graduated prices: what a unit costs depends on how many were used in the period before it.

use headworks_core::catalog::{Catalog, Format};
use headworks_core::command::{Command, Correct, Extend};
use headworks_core::record::{
    Amount, Category, Credits, Event, ExactCredits, HoldId, Record, Seq, VolumeShift,
};
use headworks_core::waterfall::{AskedPart, Authorize, Refusal};

use crate::audit::{audit, chained, trusted};
use crate::common::{
    AskExt as _, World, ask, at, catalog, correct, credits, overriding, quantities, refund, to,
};
use crate::what_if::shadow;

/// An output costs 10, above 100 a month 8, above 300 it costs 5. A reserved one costs 10, above 100 it costs 20.
pub(crate) const CATALOG: &str = r#"
version = "t"
[meters]
output = { unit = "token" }
reserved = { unit = "token" }
calls = { unit = "call" }
[features.chat]
meters = ["output"]
rate_card = "card"
hold = { expiry_charges = ["output"] }
[features.code]
meters = ["reserved"]
rate_card = "card"
hold = { expiry_charges = ["reserved"] }
[features.phone]
meters = ["calls"]
rate_card = "card"
[[rate_cards.card]]
effective_from = "2020-01-01T00:00:00Z"
prices = [
  { feature = "chat", credits = { output = "10" },
    graduated = { output = { every = "month", steps = [{ above = 100, credits = "8" }, { above = 300, credits = "5" }] } } },
  { feature = "chat", when = { model = "batch" }, like = {}, factor = "0.5" },
  { feature = "chat", when = { model = "flat" }, credits = { output = "3" } },
  { feature = "code", credits = { reserved = "10" },
    graduated = { reserved = { volume = "reserved", every = "month", anchor = "billing", steps = [{ above = 100, credits = "20" }] } } },
  { feature = "phone", step = { calls = 60 }, credits = { calls = "1" },
    graduated = { calls = { every = "life", steps = [{ above = 120, credits = "0.5" }] } } },
]
[plans.usual]
features = ["chat", "code", "phone"]
waterfall = [{ grants = { name = "credits" } }]
[plans.reduced]
features = ["chat"]
price_factor = "0.9"
waterfall = [{ grants = { name = "credits" } }]
"#;

fn world_on(plan: &str) -> World {
    let mut w = World::new(CATALOG, plan);
    w.now = at("2026-07-03T10:00:00Z");
    w.grant("100000", Category::Purchased);
    w
}

fn world() -> World {
    world_on("usual")
}

/// What a use that is charged at once costs.
fn charge(w: &mut World, feature: &str, meter: &str, n: u64) -> Credits {
    w.due();
    w.ask(&ask(feature, &[(meter, n)]).now()).price
}

fn chat(w: &mut World, n: u64) -> Credits {
    charge(w, "chat", "output", n)
}

fn hold(w: &mut World, feature: &str, meter: &str, n: u64) -> (Seq, Credits) {
    let price = w.hold(feature, &[(meter, n)]).price;
    (w.account.seq, price)
}

fn settled(w: &mut World, hold: Seq, meter: &str, n: u64) -> Credits {
    w.settle(hold, &[(meter, n)]).expect("settles");
    w.charge().price
}

fn spent(w: &World) -> Credits {
    Credits::from_nano(credits("100000").nano() - w.account.available(w.account.tick(w.now), None).nano())
}

fn checked(w: &World) {
    trusted(w, &catalog(CATALOG));
}

/// By hand: T(401) = 100 × 10 + 200 × 8 + 101 × 5 = 3,105.
#[test]
fn each_unit_has_the_price_of_its_position() {
    let mut w = world();
    assert_eq!((chat(&mut w, 100), chat(&mut w, 1)), (credits("1000"), credits("8")));
    // From 101 on: 199 × 8 + 101 × 5.
    let (long, price) = hold(&mut w, "chat", "output", 300);
    assert_eq!(price, credits("2097"));
    // Somewhere from 101 to 401, at most 50 × 8.
    let (short, price) = hold(&mut w, "chat", "output", 50);
    assert_eq!(price, credits("400"));
    // 199 × 8 + 51 × 5, and then 50 × 5.
    assert_eq!(settled(&mut w, long, "output", 250), credits("1847"));
    assert_eq!(settled(&mut w, short, "output", 50), credits("250"));
    assert_eq!(spent(&w), credits("3105"));
    // The period comes to its price: nothing is left to close, and the next one begins at the first price.
    w.now = at("2026-08-01T00:00:00Z");
    assert_eq!(w.due(), Vec::<&str>::new());
    assert_eq!(chat(&mut w, 1), credits("10"));
    checked(&w);
}

/// Prices that rise: a hold covers the dearest position there may be, and what comes after it is dearer still.
#[test]
fn rising_prices_are_held_at_the_top() {
    let mut w = world();
    let (first, price) = hold(&mut w, "code", "reserved", 100);
    assert_eq!(price, credits("1000"));
    let (second, price) = hold(&mut w, "code", "reserved", 100);
    assert_eq!(price, credits("2000"), "the first hold may be used before it");
    // An extension may come after everything that is held, its own hold included: 10 × 20.
    let more = Extend {
        hold: HoldId(second),
        quantities: quantities(&[("reserved", 10)]),
        more: Vec::new(),
        minimum: None,
        life: None,
        progress: None,
        consented: false,
    };
    let decision = w.draft(Command::Extend(more)).map(|draft| {
        let price = draft.event.decision().expect("a decision").price;
        w.append(draft);
        price
    });
    assert_eq!(decision, Ok(credits("200")));
    // Settled first, it stands at the beginning: 100 × 10 + 10 × 20.
    assert_eq!(settled(&mut w, second, "reserved", 110), credits("1200"));
    // From 110 on: 100 × 20, more than was held.
    assert_eq!(settled(&mut w, first, "reserved", 100), credits("2000"));
    assert_eq!(spent(&w), credits("3200"));
    checked(&w);
}

/// What bills nothing more sets nothing more aside: a longer life, and units within a step that is begun.
#[test]
fn an_extension_without_units_leaves_the_positions() {
    for (feature, meter, first, other, more) in
        [("code", "reserved", 50, 100, 0), ("phone", "calls", 61, 120, 30)]
    {
        let mut w = world();
        let (id, price) = hold(&mut w, feature, meter, first);
        charge(&mut w, feature, meter, other);
        let extend = Extend {
            hold: HoldId(id),
            quantities: quantities(&[(meter, more)]),
            more: Vec::new(),
            minimum: None,
            life: Some("2m".parse().expect("a span")),
            progress: None,
            consented: false,
        };
        let draft = w.draft(Command::Extend(extend)).expect("extends");
        assert_eq!(draft.event.decision().map(|decision| decision.price), Some(credits("0")));
        w.append(draft);
        w.expire(id);
        if feature == "code" {
            assert_eq!(w.charge().price, price);
        }
        checked(&w);
    }
}

/// Of 14 units held after 86, and 38 used by others, 13 more can only come where a unit costs 8: 13 × 8.
#[test]
fn an_extension_is_priced_where_it_can_still_come() {
    let mut w = world();
    chat(&mut w, 86);
    let (id, price) = hold(&mut w, "chat", "output", 14);
    assert_eq!(price, credits("140"));
    chat(&mut w, 38);
    let extend = Extend {
        hold: HoldId(id),
        quantities: quantities(&[("output", 13)]),
        more: Vec::new(),
        minimum: None,
        life: None,
        progress: None,
        consented: false,
    };
    let draft = w.draft(Command::Extend(extend)).expect("extends");
    assert_eq!(draft.event.decision().map(|decision| decision.price), Some(credits("104")));
    w.append(draft);
    checked(&w);
}

#[test]
fn a_hold_that_expires_costs_no_more_than_it_held() {
    let mut w = world();
    let (first, price) = hold(&mut w, "code", "reserved", 50);
    assert_eq!(price, credits("500"));
    // In the meantime 100 are used.
    assert_eq!(charge(&mut w, "code", "reserved", 100), credits("1000"));
    w.expire(first);
    assert_eq!(w.charge().price, credits("500"), "at the position that it was held for");
    // The month comes to 100 × 10 + 50 × 20 = 2,000; the close charges what is missing.
    w.now = at("2026-08-01T12:00:00Z");
    assert_eq!(w.due(), ["charged"]);
    assert_eq!((w.charge().price, spent(&w)), (credits("500"), credits("2000")));
    checked(&w);
}

/// A correction keeps its position; the close charges or gives back what that makes of the period's price.
#[test]
fn the_period_comes_to_its_price() {
    // By hand: 100 × 10, 100 × 8; of the first 50 remain at 10 each: 500 + 800. 150 units come to 1,400.
    let mut w = world();
    chat(&mut w, 100);
    let first = w.account.seq;
    chat(&mut w, 100);
    w.apply(correct(first, &to(&[("output", 50)]))).expect("corrects");
    assert_eq!((w.charge().price, spent(&w)), (credits("500"), credits("1300")));
    assert_eq!(chat(&mut w, 10), credits("80"), "from 150 on");
    w.now = at("2026-08-01T00:00:00Z");
    assert_eq!(w.due(), ["charged"]);
    assert_eq!((w.charge().price, spent(&w)), (credits("100"), credits("1480")));
    assert_eq!(w.log.last().expect("a record").effective_at, at("2026-07-31T23:59:59.999999Z"));
    let close = w.account.seq;
    let refused = w.run(&correct(close, &to(&[("output", 5)]))).expect_err("a close");
    assert_eq!(refused, Refusal::NothingToCorrect);
    // Deleted afterwards: the 50 come back at 10, and were worth 8 at the end of 160 units: 50 × 2 are due at once.
    w.apply(correct(close - 2, &Correct::Delete)).expect("deletes");
    assert_eq!(w.due(), ["charged"]);
    assert_eq!(spent(&w), credits("1080"), "110 units: 1,000 + 80");
    checked(&w);

    // By hand: 100 more in the first charge cost 8 each there, and 200 more: 1,600; at the end of 200 units 100 × 8 + 100 × 5.
    let mut w = world();
    chat(&mut w, 100);
    let first = w.account.seq;
    chat(&mut w, 100);
    w.apply(correct(first, &to(&[("output", 300)]))).expect("corrects");
    assert_eq!(spent(&w), credits("3400"));
    w.now = at("2026-08-01T00:00:00Z");
    assert_eq!(w.due(), ["volume_closed"]);
    assert_eq!(spent(&w), credits("3100"), "400 units: 1,000 + 1,600 + 500");
    checked(&w);
}

#[test]
fn refunds_give_back_money_and_leave_the_use() {
    let mut w = world();
    chat(&mut w, 100);
    w.apply(refund(w.account.seq, Some("250"))).expect("refunds");
    assert_eq!(chat(&mut w, 1), credits("8"));
    w.now = at("2026-08-01T00:00:00Z");
    assert_eq!(w.due(), Vec::<&str>::new());
    assert_eq!(spent(&w), credits("758"));
    checked(&w);
}

/// By hand: 100 x 10, 100 x 20. Without the first 100 the others come to 1,000: the close gives 1,000 back, and 1,000 are paid.
#[test]
fn what_the_close_gave_back_is_not_refunded_again() {
    let mut w = world();
    charge(&mut w, "code", "reserved", 100);
    let first = w.account.seq;
    assert_eq!(charge(&mut w, "code", "reserved", 100), credits("2000"));
    let second = w.account.seq;
    w.apply(correct(first, &Correct::Delete)).expect("deletes");
    w.now = at("2026-09-03T00:00:00Z");
    assert_eq!(w.due(), ["volume_closed"]);
    assert_eq!(spent(&w), credits("1000"));
    let left = Err(Refusal::MoreThanCharged(Amount::of(credits("1000"), None)));
    assert_eq!(w.run(&refund(second, Some("1000.5"))).map(drop), left);
    w.apply(refund(second, Some("400"))).expect("refunds");
    w.apply(refund(second, None)).expect("refunds what is left");
    assert_eq!(spent(&w), Credits::ZERO);
    assert!(w.run(&refund(second, Some("1"))).is_err(), "nothing is left");
    checked(&w);
}

/// By hand: 100 x 10 and 100 x 20, of which 1,500 are lent. Without the first 100 the others come to 1,000: 1,000 come back.
#[test]
fn what_a_close_gives_back_repays_debt() {
    let owing = CATALOG.replacen("[features.code]", "[features.code]\novershoot = \"debt\"", 1).replacen(
        "waterfall = [{ grants = { name = \"credits\" } }]",
        "waterfall = [{ grants = { name = \"credits\" } }, { overdraft = { name = \"overdraft\", limit = \"2000\" } }]",
        1,
    );
    let mut w = World::new(&owing, "usual");
    w.now = at("2026-07-03T10:00:00Z");
    w.grant("1500", Category::Purchased);
    assert_eq!(charge(&mut w, "code", "reserved", 100), credits("1000"));
    let first = w.account.seq;
    assert_eq!(charge(&mut w, "code", "reserved", 100), credits("2000"));
    assert_eq!(w.account.books.overdraft, credits("1500"));
    w.apply(correct(first, &Correct::Delete)).expect("deletes");
    assert_eq!((w.account.books.overdraft, w.available().as_str()), (credits("1500"), "-500"));
    w.now = at("2026-09-03T00:00:00Z");
    assert_eq!(w.due(), ["volume_closed"]);
    assert_eq!((w.account.books.overdraft, w.available().as_str()), (credits("500"), "500"));
    trusted(&w, &catalog(&owing));
}

/// What a correction or a refund says that it moves in a volume follows from the lines alone.
#[test]
fn a_correction_that_moves_other_units_or_credits_is_named() {
    let mut w = world();
    chat(&mut w, 100);
    let first = w.account.seq;
    chat(&mut w, 100);
    w.apply(correct(first, &to(&[("output", 50)]))).expect("corrects");
    let corrected = w.log.len();
    w.apply(refund(first + 1, Some("30"))).expect("refunds");
    checked(&w);
    fn shifts(record: &mut Record) -> &mut Vec<VolumeShift> {
        if matches!(record.event, Event::Refunded { .. }) {
            let Event::Refunded { volumes, .. } = &mut record.event else { unreachable!("it is one") };
            return volumes;
        }
        let Event::Corrected { correcting, .. } = &mut record.event else { panic!("it moves no volume") };
        &mut correcting.volumes
    }
    let alterations: [fn(&mut VolumeShift); 4] = [
        |shift| shift.units += 1,
        |shift| shift.due = ExactCredits::default(),
        |shift| shift.paid = Credits::ZERO,
        |shift| shift.paid = credits("1"),
    ];
    for (at, alterations) in [(corrected, &alterations[..]), (corrected + 1, &alterations[2..])] {
        for alter in alterations {
            let mut log = w.log.clone();
            alter(&mut shifts(&mut log[at - 1])[0]);
            let found = audit(&chained(&log), &[catalog(CATALOG)]);
            let named =
                found.iter().any(|f| Some(f.seq) == u64::try_from(at).ok() && f.what.contains("volumes"));
            assert!(named, "{found:?}");
        }
        let mut log = w.log.clone();
        shifts(&mut log[at - 1]).clear();
        assert!(audit(&chained(&log), &[catalog(CATALOG)]).iter().any(|f| f.what.contains("volumes")));
    }
}

#[test]
fn late_use_has_the_position_of_its_period() {
    let mut w = world();
    chat(&mut w, 100);
    w.now = at("2026-08-02T00:00:00Z");
    assert_eq!(chat(&mut w, 10), credits("100"));
    let late = ask("chat", &[("output", 5)]).request;
    w.apply(Command::Record { request: late, at: Some(at("2026-07-30T00:00:00Z")) }).expect("records");
    assert_eq!(w.charge().price, credits("40"), "July has had 100 already");
    // A hold belongs to the period of its authorize.
    w.now = at("2026-08-31T23:59:30Z");
    let (over, price) = hold(&mut w, "chat", "output", 10);
    assert_eq!(price, credits("100"));
    w.now = at("2026-09-01T00:00:10Z");
    assert_eq!(chat(&mut w, 1), credits("10"));
    assert_eq!(settled(&mut w, over, "output", 95), credits("940"), "from 10 on: 90 × 10 + 5 × 8");
    checked(&w);
}

/// A batch costs half: it counts in the same volume, at prices of its own. Another model has none.
#[test]
fn prices_that_share_a_volume_share_its_position() {
    let mut w = world();
    chat(&mut w, 90);
    let batch = w.ask(&ask("chat", &[("output", 20)]).model("batch").now()).price;
    assert_eq!(batch, credits("90"), "10 × 5 + 10 × 4");
    assert_eq!(chat(&mut w, 1), credits("8"));
    let flat = w.ask(&ask("chat", &[("output", 20)]).model("flat").now()).price;
    assert_eq!(flat, credits("60"));
    assert_eq!(chat(&mut w, 1), credits("8"));
    // It turned out as a batch: from 112 on, 4 each.
    let (over, price) = hold(&mut w, "chat", "output", 10);
    assert_eq!(price, credits("80"));
    let settle = Command::Settle {
        hold: HoldId(over),
        quantities: quantities(&[("output", 10)]),
        dimensions: Some(ask("chat", &[]).model("batch").request.dimensions),
        more: Vec::new(),
    };
    w.apply(settle).expect("settles");
    assert_eq!(w.charge().price, credits("40"));
    // It was flat, and then was not: from the beginning of the period on until the close: 20 × 10, worth 20 × 8 at the end.
    let flat = w.log.iter().find(|r| r.charge().is_some_and(|c| c.price == credits("60"))).expect("flat").seq;
    let to = Correct::To {
        quantities: quantities(&[]),
        dimensions: Some(ask("chat", &[]).request.dimensions),
        more: None,
        reprice: false,
    };
    w.apply(correct(flat, &to)).expect("corrects");
    assert_eq!(w.charge().price, credits("200"));
    w.now = at("2026-08-01T00:00:00Z");
    assert_eq!(w.due(), ["volume_closed"]);
    // 90 × 10, 90 for the batch, 2 × 8, 40 for the batch, 20 × 8.
    assert_eq!(spent(&w), credits("1206"));
    checked(&w);
}

#[test]
fn steps_are_billed_and_counted_whole() {
    let mut w = world();
    // 61 seconds are billed as 120, the next as 60 at half the price.
    assert_eq!(charge(&mut w, "phone", "calls", 61), credits("120"));
    assert_eq!(charge(&mut w, "phone", "calls", 1), credits("30"));
    checked(&w);
}

/// 0.9 of everything; the close is rounded with the fractions of all that it makes up for.
#[test]
fn a_factor_multiplies_the_price_of_each_position() {
    let mut w = world_on("reduced");
    assert_eq!(chat(&mut w, 101), credits("907.2"));
    let (over, price) = hold(&mut w, "chat", "output", 200);
    assert_eq!(price, credits("1437.3"), "0.9 × (199 × 8 + 5)");
    assert_eq!(settled(&mut w, over, "output", 1), credits("7.2"));
    w.apply(Command::Override(overriding("price_factor", "0.5"))).expect("overrides");
    assert_eq!(chat(&mut w, 1), credits("4"));
    let first = w.log.iter().find(|r| r.charge().is_some()).expect("a charge").seq;
    w.apply(correct(first, &to(&[("output", 1)]))).expect("corrects");
    assert_eq!(spent(&w), credits("20.2"), "9 + 7.2 + 4");
    // 100 fewer: they cost 998 in their place, and 994 at the end, where 3 of 103 units remain. 0.9 × 4 are due.
    w.now = at("2026-08-01T00:00:00Z");
    assert_eq!(w.due(), ["charged"]);
    assert_eq!(spent(&w), credits("23.8"));
    checked(&w);
}

/// Periods that follow the billing anchor move with a pause; what was used before it still counts after it.
#[test]
fn a_pause_moves_periods_of_the_billing_anchor() {
    let mut w = World::new(CATALOG, "usual");
    w.grant("100000", Category::Purchased);
    // Opened on June 1st at noon: so are its periods.
    assert_eq!(charge(&mut w, "code", "reserved", 100), credits("1000"));
    w.now = at("2026-06-11T12:00:00Z");
    w.apply(Command::Pause { until: Some(at("2026-06-21T12:00:00Z")), reason: None }).expect("pauses");
    w.now = at("2026-07-10T12:00:00Z");
    assert_eq!(charge(&mut w, "code", "reserved", 1), credits("20"), "ten days later than July 1st");
    w.now = at("2026-07-11T12:00:00Z");
    assert_eq!(charge(&mut w, "code", "reserved", 1), credits("10"));
    checked(&w);
}

#[test]
fn another_period_is_a_way() {
    let mut w = World::new(CATALOG, "usual");
    w.now = at("2026-06-20T00:00:00Z");
    w.grant("1500", Category::Purchased);
    charge(&mut w, "code", "reserved", 100);
    // 30 × 20 are more than the 500 that are left; in the next period 30 × 10 are not.
    let denied = w.ask(&ask("code", &[("reserved", 30)]).now());
    let ways = denied.unblock.expect("ways").ways;
    assert!(ways.iter().any(|way| way.at == Some(at("2026-07-01T12:00:00Z"))), "{ways:?}");
    assert!(ways.iter().any(|way| way.purchase == Some(credits("100"))), "{ways:?}");
    assert!(matches!(w.log.last().expect("a record").event, Event::Charged { .. }));
}

/// Parts stand one after the other; each has the price of its own place.
#[test]
fn parts_stand_one_after_the_other() {
    let mut w = world();
    let mut request = ask("chat", &[("output", 90)]).request;
    let batch = ask("chat", &[]).model("batch").request.dimensions;
    request.more = vec![AskedPart { dimensions: Some(batch), quantities: quantities(&[("output", 20)]) }];
    let decision = w.ask(&Authorize { settle_now: true, ..Authorize::new(request.clone()) });
    assert_eq!(decision.price, credits("990"), "90 × 10, then 10 × 5 + 10 × 4");
    // Held, each may stand as late as it likes: from 110 on 90 × 8, from 200 on 20 × 4.
    w.ask(&Authorize::new(request));
    let hold = w.account.seq;
    assert_eq!(w.log.last().and_then(|r| r.event.decision()).map(|d| d.price), Some(credits("800")));
    w.apply(crate::common::release(hold)).expect("releases");
    assert_eq!(chat(&mut w, 1), credits("8"), "from 110 on");
    checked(&w);
}

/// 141 credits are left at position 86: 14 units at 10 fit, the next would cost 8.
#[test]
fn less_is_granted_at_the_prices_of_its_positions() {
    let mut w = World::new(CATALOG, "usual");
    w.now = at("2026-07-03T10:00:00Z");
    w.grant("1001", Category::Purchased);
    assert_eq!(chat(&mut w, 86), credits("860"));
    let some = ask("chat", &[("output", 20)]).at_least("output", 1);
    assert_eq!(w.ask(&some).price, credits("140"));
    checked(&w);
}

/// What was charged on one policy costs on another what its own positions say, corrections and closes included.
#[test]
fn what_if_has_positions_of_its_own() {
    let mut w = world();
    chat(&mut w, 100);
    let first = w.account.seq;
    let (over, _) = hold(&mut w, "chat", "output", 60);
    chat(&mut w, 50);
    settled(&mut w, over, "output", 50);
    w.apply(correct(first, &to(&[("output", 50)]))).expect("corrects");
    w.now = at("2026-08-01T00:00:00Z");
    w.due();
    assert_eq!(spent(&w), credits("1400"), "150 units");
    let same = shadow(&w.log, &w.catalog);
    assert_eq!(same.account().books, w.account.books);
    // Above 20 at 1: 20 × 10 + 130 × 1 for the 150 units.
    let other = catalog(&CATALOG.replace(
        "above = 100, credits = \"8\" }, { above = 300, credits = \"5\"",
        "above = 20, credits = \"1\"",
    ));
    let other = shadow(&w.log, &other);
    let spent = other.account().books.spent;
    assert_eq!(spent, credits("330"));
}

/// Each is refused with its place and a fix.
#[test]
fn what_cannot_be_graduated_is_refused() {
    let steps =
        "every = \"month\", steps = [{ above = 100, credits = \"8\" }, { above = 300, credits = \"5\" }]";
    let rows = [
        ("steps = [{ above = 100, credits = \"20\" }]", "steps = []", "from 1 to 32 steps"),
        ("above = 300, credits = \"5\"", "above = 100, credits = \"5\"", "do not rise from 1"),
        ("above = 100, credits = \"8\"", "above = 0, credits = \"8\"", "do not rise from 1"),
        ("credits = \"8\"", "credits = \"0.0000000001\"", "is not a price"),
        ("every = \"life\"", "every = \"manual\"", "not closed by hand"),
        (
            "volume = \"reserved\", every",
            "volume = \"chat.output\", every",
            "counts in `chat.output` by other periods",
        ),
        ("graduated = { calls", "graduated = { output", "`output` has no price here"),
        (
            "[features.chat]\nmeters",
            "[features.chat]\nallowance_unit = \"output\"\nmeters",
            "`output` is graduated",
        ),
        (steps, &format!("zone = \"Mars\", {steps}"), "not an IANA time zone"),
    ];
    for (from, to, words) in rows {
        assert!(CATALOG.contains(from), "{from}");
        let problems = Catalog::parse(&CATALOG.replacen(from, to, 1), Format::Toml).expect_err(to);
        assert!(problems.to_string().contains(words), "{words}: {problems}");
    }
}

#[test]
fn a_person_reads_the_prices_of_positions() {
    let catalog = catalog(CATALOG);
    let lines: Vec<String> = catalog.told().into_iter().flat_map(|told| told.lines).collect();
    for line in [
        "otherwise: output 10 credits each, 8 above 100, 5 above 300 a month (chat.output)",
        "model batch: output 5 credits each, 4 above 100, 2.5 above 300 a month (chat.output)",
        "otherwise: reserved 10 credits each, 20 above 100 a month from the billing anchor (reserved)",
        "otherwise: calls 1 credits each (by 60), 0.5 above 120 in all (phone.calls)",
    ] {
        assert!(lines.iter().any(|known| known == line), "{line}: {lines:#?}");
    }
}
