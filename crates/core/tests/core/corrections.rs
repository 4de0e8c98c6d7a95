//! Corrections of charges, late use and its quarantine, alerts and automatic top-ups.

use headworks_core::catalog::Catalog;
use headworks_core::command::{Command, Correct, NewGrant, TopUp, corrected_price};
use headworks_core::life;
use headworks_core::record::{
    Alert, AlertMarks, Category, Event, Instant, Record, Span, Standing, TopUpTerms,
};
use headworks_core::waterfall::Refusal;

use crate::audit::{audit, chained, replayed};
use crate::common::{self, AskExt as _, World, ask, at, catalog, credits, to};

const CATALOG: &str = r#"
version = "t"
[meters]
input = { unit = "token" }
[features.chat]
meters = ["input"]
rate_card = "card"
[[rate_cards.card]]
effective_from = "2020-01-01T00:00:00Z"
prices = [{ feature = "chat", credits = { input = "1" } }]
[[rate_cards.card]]
effective_from = "2026-06-01T00:00:00Z"
prices = [{ feature = "chat", credits = { input = "2" } }]
[plans.p]
features = ["chat"]
guards = [{ name = "cap", window.spend_cap = { limit = "500", every = "month" } }]
waterfall = [
  { allowance = { name = "included", windows = [{ name = "day", window.fixed = { limit = "10", every = "day" } }] } },
  { grants = { name = "credits" } },
]
"#;

fn catalogs() -> [Catalog; 2] {
    [catalog(CATALOG), catalog(&cheaper())]
}

/// The price of June was wrong: 1.5 instead of 2.
fn cheaper() -> String {
    CATALOG.replace("version = \"t\"", "version = \"t2\"").replace("input = \"2\"", "input = \"1.5\"")
}

fn trusted(w: &World) {
    assert_eq!(audit(&chained(&w.log), &catalogs()), []);
}

fn last(w: &World) -> Record {
    w.log.last().expect("a record").clone()
}

fn correct(w: &mut World, charge: &Record, ask: &Correct) -> Result<Record, Refusal> {
    w.apply(common::correct(charge.seq, ask))?;
    Ok(last(w))
}

fn counted(w: &World, window: &str) -> i64 {
    let views = headworks_core::view::windows(w.ctx()).expect("views");
    views.iter().find(|v| v.name.as_str() == window).map_or(0, |v| v.used)
}

/// Free 5, purchased 50; a charge of 40: 10 included, 5 free, 25 purchased.
fn charged() -> (World, Record) {
    let mut w = World::new(CATALOG, "p");
    w.grant("5", Category::Free);
    w.grant("50", Category::Purchased);
    w.ask(&ask("chat", &[("input", 20)]).now());
    let charge = last(&w);
    (w, charge)
}

#[test]
fn a_smaller_quantity_unwinds_from_the_end() {
    let (mut w, charge) = charged();
    assert_eq!(w.available(), "25");
    // 12 credits: 10 included, 2 free; 3 free and 25 purchased come back.
    let corrected = correct(&mut w, &charge, &to(&[("input", 6)])).expect("corrects");
    assert_eq!(w.available(), "53");
    assert_eq!((counted(&w, "included.day"), counted(&w, "cap")), (10_000_000_000, 2_000_000_000));
    let what = corrected.charge().expect("a charge");
    assert_eq!((what.price, corrected.parents.as_slice()), (credits("12"), &[charge.seq][..]));
    // Smaller still: the allowance as well.
    let nothing = correct(&mut w, &corrected, &to(&[("input", 0), ("requests", 0)]));
    assert_eq!(nothing.err(), Some(Refusal::NoRequests));
    let other = correct(&mut w, &corrected, &to(&[("seconds", 1)]));
    assert!(matches!(other, Err(Refusal::UnknownMeter(_))), "only meters that were charged");
    correct(&mut w, &corrected, &to(&[("input", 0)])).expect("deletes");
    assert_eq!((w.available().as_str(), counted(&w, "included.day"), counted(&w, "cap")), ("55", 0, 0));
    assert_eq!(w.account.books.spent, credits("0"));
    assert_eq!(replayed(&w.log, &w.catalog), []);
    trusted(&w);
}

#[test]
fn a_larger_quantity_draws_what_is_missing() {
    let (mut w, charge) = charged();
    // 60 credits: 20 more from the purchased grant.
    correct(&mut w, &charge, &to(&[("input", 30)])).expect("corrects");
    assert_eq!((w.available().as_str(), counted(&w, "cap")), ("5", 50_000_000_000));
    // 100 credits would need 35 more than there are: the operator makes the rest good.
    let second = last(&w);
    correct(&mut w, &second, &to(&[("input", 50)])).expect("corrects");
    assert_eq!((w.available().as_str(), w.account.books.goodwill), ("0", credits("35")));
    assert_eq!(w.account.books.spent, credits("90"));
    // And takes it back first.
    let third = last(&w);
    correct(&mut w, &third, &to(&[("input", 30)])).expect("corrects");
    assert_eq!((w.available().as_str(), w.account.books.goodwill), ("5", credits("0")));
    assert_eq!(replayed(&w.log, &w.catalog), []);
    trusted(&w);
}

#[test]
fn a_corrected_price_changes_the_charge() {
    let (mut w, charge) = charged();
    w.catalog = catalog(&cheaper());
    let reprice = Correct::reprice();
    let corrected = correct(&mut w, &charge, &reprice).expect("corrects");
    // 30 instead of 40 credits.
    assert_eq!((w.available().as_str(), w.account.books.spent), ("35", credits("20")));
    assert_eq!(corrected.effective_at, charge.effective_at);
    assert_eq!(correct(&mut w, &corrected, &reprice).err(), Some(Refusal::NothingToCorrect));
    trusted(&w);
}

/// A hold pins its prices: they change before it is settled, and pricing again on the same catalog finds nothing. On another it
/// finds what that has for the instant of the hold.
#[test]
fn what_a_hold_began_has_the_prices_of_the_hold() {
    let dearer = "prices = [{ feature = \"chat\", credits = { input = \"3\" } }]\n[plans.p]";
    let july = format!("[[rate_cards.card]]\neffective_from = \"2026-06-01T12:01:00Z\"\n{dearer}");
    for passes in ["50s", "2h"] {
        let text = |catalog: &str| catalog.replacen("[plans.p]", &july, 1);
        let mut w = World::new(&text(CATALOG), "p");
        w.grant("100", Category::Purchased);
        w.pass("30s");
        w.hold("chat", &[("input", 20)]);
        let hold = w.account.seq;
        // Within its life, and after it has expired.
        w.pass(passes);
        w.due();
        w.settle(hold, &[("input", 20)]).expect("settles");
        let settled = last(&w);
        assert_eq!(settled.charge().map(|c| c.price), Some(credits("40")), "after {passes}");
        let same = correct(&mut w, &settled, &Correct::reprice());
        assert_eq!(same.err(), Some(Refusal::NothingToCorrect), "after {passes}");
        w.catalog = catalog(&text(&cheaper()));
        let corrected = correct(&mut w, &settled, &Correct::reprice()).expect("corrects");
        assert_eq!(corrected.charge().map(|c| c.price), Some(credits("30")), "after {passes}");
        // A correction has the prices of what it corrects.
        let again = correct(&mut w, &corrected, &Correct::reprice());
        assert_eq!(again.err(), Some(Refusal::NothingToCorrect), "after {passes}");
    }
}

#[test]
fn a_correction_reaches_grants_that_are_gone() {
    // What comes back to a grant that has expired since is breakage, and made good where the plan says so.
    for (rule, available) in [("", "10"), ("expired_draws = \"goodwill\"\n", "20")] {
        let mut w = World::new(&CATALOG.replace("[plans.p]\n", &format!("[plans.p]\n{rule}")), "p");
        let expires = w.now.after("1h".parse::<Span>().expect("span"));
        w.grant_with("10", |g| g.expires_at = Some(expires));
        w.grant_with("10", |g| g.category = Category::Contract);
        w.ask(&ask("chat", &[("input", 15)]).now());
        let charge = last(&w);
        assert!(w.account.grants.is_empty());
        w.pass("2h");
        correct(&mut w, &charge, &to(&[("input", 0)])).expect("deletes");
        // The contract grant is open again.
        assert_eq!((w.available().as_str(), w.account.books.breakage), (available, credits("10")));
        trusted(&w);
    }
}

fn late(w: &mut World, when: &str, amount: u64) -> Result<Record, Refusal> {
    let request = ask("chat", &[("input", amount)]).request;
    w.apply(Command::Record { request, at: Some(at(when)) })?;
    Ok(last(w))
}

#[test]
fn late_use_has_the_price_of_its_time() {
    let mut w = World::new(CATALOG, "p");
    w.grant("100", Category::Purchased);
    let record = late(&mut w, "2026-05-31T23:59:59Z", 30).expect("records");
    assert_eq!((record.effective_at, w.available().as_str()), (at("2026-05-31T23:59:59Z"), "80"));
    // Ten were included in May's day; ten are in June's, of sixty.
    late(&mut w, "2026-06-01T00:00:00Z", 30).expect("records");
    assert_eq!(w.available(), "30");
    // A clock that is a little ahead counts as now, and is kept.
    let now = w.account.tick(w.now);
    let ahead = Instant::from_micros(now.micros() + 300_000_000);
    let request = || ask("chat", &[("input", 1)]).request;
    let further = Instant::from_micros(now.micros() + 300_000_001);
    let refused = w.apply(Command::Record { request: request(), at: Some(further) });
    assert_eq!(refused, Err(Refusal::InTheFuture(further)));
    w.apply(Command::Record { request: request(), at: Some(ahead) }).expect("records");
    let record = last(&w);
    assert_eq!(record.effective_at, record.recorded_at);
    let Event::Charged { said_at, .. } = record.event else { panic!("a charge") };
    assert_eq!(said_at, Some(ahead));
    assert_eq!(replayed(&w.log, &w.catalog), []);
    let tomorrow = late(&mut w, "2026-06-02T00:00:00Z", 30);
    assert_eq!(tomorrow.err(), Some(Refusal::InTheFuture(at("2026-06-02T00:00:00Z"))));
    trusted(&w);
}

#[test]
fn quarantined_use_waits_for_a_decision() {
    let mut w = World::new(CATALOG, "p");
    w.grant("100", Category::Purchased);
    let mut kept = Vec::new();
    for _ in 0..2 {
        let record = late(&mut w, "2026-01-01T00:00:00Z", 30).expect("keeps");
        assert!(record.quarantined().is_some());
        kept.push(record.seq);
    }
    assert_eq!((w.available().as_str(), &w.account.rare().quarantine), ("100", &kept));
    let (first, second) = (kept[0], kept[1]);
    w.apply(Command::AcceptLate { kept: first }).expect("accepts");
    w.apply(Command::DiscardLate { kept: second, reason: None }).expect("discards");
    // What was used of that day's allowance nobody knows any more, so it pays nothing.
    assert_eq!((w.available().as_str(), w.account.rare().quarantine.len()), ("70", 0));
    assert_eq!(
        w.apply(Command::AcceptLate { kept: first }).err(),
        Some(Refusal::NotInQuarantine(first)),
        "it is charged once"
    );
    assert_eq!(replayed(&w.log, &w.catalog), []);
    trusted(&w);
}

/// Spends, and does what the engine does after every record.
fn step(w: &mut World, spend: u64) -> Vec<(Standing, u64)> {
    if spend > 0 {
        w.ask(&ask("chat", &[("input", spend)]).now());
    }
    let mut crossed = Vec::new();
    while let Some(draft) = life::next(w.ctx()) {
        if let Event::Alert(Alert::Crossed { standing, number, .. }) = &draft.event {
            crossed.push((*standing, *number));
        }
        w.append(draft);
    }
    crossed
}

fn with_marks() -> World {
    // Without the allowance: every unit costs 2 credits.
    let mut w = World::new(&CATALOG.replace("limit = \"10\"", "limit = \"0\""), "p");
    w.grant("100", Category::Purchased);
    w.settings(|s| s.alerts = vec![AlertMarks { low: credits("20"), recovered: credits("40"), unit: None }]);
    w
}

#[test]
fn a_balance_crosses_each_mark_once() {
    let mut w = with_marks();
    assert_eq!(step(&mut w, 40), [], "20 is not below 20");
    assert_eq!(step(&mut w, 1), [(Standing::Low, 1)]);
    w.grant("20", Category::Purchased);
    assert_eq!(step(&mut w, 0), [], "38 has not recovered");
    assert_eq!(step(&mut w, 10), [], "and 18 is low still");
    assert_eq!(step(&mut w, 9), [(Standing::Empty, 2)]);
    w.grant("5", Category::Purchased);
    assert_eq!(step(&mut w, 0), [(Standing::Low, 3)]);
    w.grant("35", Category::Purchased);
    assert_eq!(step(&mut w, 0), [(Standing::Fine, 4)]);
    assert_eq!(replayed(&w.log, &w.catalog), []);
}

#[test]
fn top_ups_are_bounded() {
    let mut w = with_marks();
    let terms = TopUpTerms {
        amount: credits("50"),
        monthly_max: credits("120"),
        cool_down: "1h".parse().expect("span"),
        unit: None,
    };
    w.settings(|s| s.top_ups = vec![terms.clone()]);
    let in_flight = |w: &World| w.account.balance(None).and_then(|b| b.asked).map(|a| a.number);
    step(&mut w, 45);
    assert_eq!(in_flight(&w), Some(1));
    step(&mut w, 5);
    assert_eq!(in_flight(&w), Some(1), "one in flight, however many marks are crossed meanwhile");
    let pay = |w: &mut World| {
        let asked = w.account.balance(None).and_then(|b| b.asked).expect("in flight");
        let new = NewGrant::new(asked.amount, Category::Purchased);
        let paid = Command::ConfirmTopUp { number: asked.number, top_up: TopUp::Paid(new) };
        w.apply(paid).expect("grants");
        assert_eq!(last(w).parents.as_slice(), [asked.seq]);
    };
    let fail =
        |w: &mut World, number: u64| w.apply(Command::ConfirmTopUp { number, top_up: TopUp::Failed(None) });
    pay(&mut w);
    assert_eq!((in_flight(&w), w.available().as_str()), (None, "50"));
    step(&mut w, 20);
    assert_eq!(in_flight(&w), None, "within the cool-down");
    w.pass("61m");
    step(&mut w, 1);
    assert_eq!(in_flight(&w), Some(2));
    let number = in_flight(&w).expect("in flight");
    assert_eq!(fail(&mut w, number + 1).err(), Some(Refusal::NoTopUp(number + 1)));
    fail(&mut w, number).expect("fails");
    w.pass("61m");
    step(&mut w, 4);
    assert_eq!(in_flight(&w), Some(number + 1), "again, and the failed one is not counted");
    pay(&mut w);
    w.pass("61m");
    step(&mut w, 25);
    assert_eq!(in_flight(&w), None, "a third would be beyond the month's 120");
    w.now = at("2026-07-01T00:00:00Z");
    w.grant("1", Category::Purchased);
    step(&mut w, 0);
    assert!(in_flight(&w).is_some(), "a new month");
    assert_eq!(replayed(&w.log, &w.catalog), []);
}

/// Priced again on the same catalog, what was asked for at a size stays at it, although less of it was charged.
#[test]
fn what_is_priced_again_keeps_its_size() {
    let text = r#"version = "t"
[features.chat]
hold = { life = "1h", expiry_charges = ["output"] }
sizes = { ctx = { count = ["input"], steps = [{ above = 100, value = "long" }] } }
prices = [
  { credits = { input = "2", output = "10" } },
  { when = { ctx = "long" }, credits = { input = "4", output = "20" } },
]
[plans.p]
waterfall = [{ grants = { name = "g" } }]
"#;
    let mut w = World::new(text, "p");
    w.grant("100000", Category::Purchased);
    w.hold("chat", &[("input", 150), ("output", 60)]);
    w.pass("2h");
    w.due();
    let expired = last(&w);
    assert_eq!(expired.charge().map(|c| c.price), Some(credits("1200")), "60 x 20");
    let mut named = ask("chat", &[("input", 10)]).now();
    named.request.dimensions = crate::turned_out::dimensions("ctx=long");
    w.ask(&named);
    let named = last(&w);
    assert_eq!(named.charge().map(|c| c.price), Some(credits("40")));
    for charge in [&expired, &named] {
        assert_eq!(corrected_price(&w.catalog, charge.charge().expect("a charge"), w.now), Ok(None));
        assert_eq!(correct(&mut w, charge, &Correct::reprice()).err(), Some(Refusal::NothingToCorrect));
    }
    // Under other prices it is the price of its size that counts.
    w.catalog = catalog(&text.replace("\"20\"", "\"21\"").replace("version = \"t\"", "version = \"u\""));
    let corrected = correct(&mut w, &expired, &Correct::reprice()).expect("corrects");
    assert_eq!(corrected.charge().map(|c| c.price), Some(credits("1260")), "60 x 21");
}

/// The use happened after all: it is one request again.
#[test]
fn a_deletion_that_is_corrected_is_a_request() {
    let (mut w, charge) = charged();
    let deleted = correct(&mut w, &charge, &Correct::Delete).expect("deletes");
    let requests = |record: &Record| {
        let lines = &record.charge().expect("a charge").usage.lines;
        lines.iter().find(|line| line.meter.as_str() == "requests").map_or(1, |line| line.quantity)
    };
    assert_eq!(requests(&deleted), 0);
    let again = correct(&mut w, &deleted, &to(&[("input", 20)])).expect("corrects");
    assert_eq!((requests(&again), again.charge().map(|c| c.price)), (1, charge.charge().map(|c| c.price)));
    trusted(&w);
}
