//! Postpaid credits: lent after use up to a limit in each period, and paid by invoice.

use headworks_core::command::{ChangePlan, Command};
use headworks_core::record::{
    Book, Category, Credits, CycleEvent, Draw, Event, Invoice, Outcome, Reason, Seq, Source,
};
use headworks_core::view;
use headworks_core::waterfall::{Context, Refusal};

use crate::audit::{audit, chained, replayed};
use crate::common::{AskExt, World, ask, at, catalog, credits, name, overriding, refund, to};

/// A page costs 1 credit. 10 credits a month are lent, after what was bought.
const POLICY: &str = r#"
version = "v1"
default_plan = "team"

[meters]
pages = { unit = "page" }

[features.scan]
meters = ["pages"]
rate_card = "credits"
hold = { life = "1h", life_max = "24h" }

[features.print]
meters = ["pages"]
rate_card = "credits"
hold = { life = "1h", life_max = "24h" }

[[rate_cards.credits]]
effective_from = "2026-01-01T00:00:00Z"
prices = [
  { feature = "scan", credits = { pages = "1" } },
  { feature = "print", credits = { pages = "2" } },
]

[plans.team]
features = ["scan", "print"]
waterfall = [
  { grants = { name = "bought", categories = ["purchased"] } },
  { postpaid = { name = "overage", limit = "10", every = "month" } },
]

[plans.other]
features = ["scan", "print"]
waterfall = [{ grants = { name = "bought" } }]

[plans.billed]
extends = "team"
waterfall = [{ postpaid = { name = "overage", limit = "10", every = "month", anchor = "billing", unpaid = "ignored" } }]
"#;

fn on(plan: &str) -> World {
    World::new(POLICY, plan)
}

fn world() -> World {
    on("team")
}

/// Uses pages at once: `paid`, or the reason.
fn scan(w: &mut World, pages: u64) -> String {
    w.due();
    told(&w.ask(&ask("scan", &[("pages", pages)]).now()))
}

fn told(decision: &headworks_core::record::Decision) -> String {
    if decision.outcome == Outcome::Allow {
        let draw = |d: &Draw| format!("{} {}", d.layer, Credits::from_nano(d.amount));
        return decision.draws.iter().map(draw).collect::<Vec<_>>().join(", ");
    }
    format!("{:?}", decision.reason)
}

/// What is left of the limit of the period.
fn left(w: &World) -> String {
    let now = w.now.max(w.account.recorded_at);
    let windows = view::windows(Context::new(&w.account, &w.catalog, now)).expect("windows");
    let view = windows.iter().find(|view| view.name.as_str() == "overage").expect("the layer");
    Credits::from_nano(view.remaining).to_string()
}

/// The invoices that have closed: number, period, total, and lines by feature and month.
fn invoices(w: &World) -> Vec<(Seq, String)> {
    let closed = |event: &Event| -> Option<Invoice> {
        let Event::Cycle(cycle) = event else { return None };
        if let CycleEvent::InvoiceClosed(invoice) = &**cycle { Some(invoice.clone()) } else { None }
    };
    let told = |invoice: Invoice| {
        let month = |at: headworks_core::record::Instant| at.to_string().chars().take(7).collect::<String>();
        let lines =
            invoice.lines.iter().map(|l| format!("{} of {} {}", l.feature, month(l.period), l.amount));
        let lines: Vec<String> = lines.collect();
        format!(
            "{} for {}: {} = {}",
            invoice.number,
            month(invoice.period.start),
            invoice.total,
            lines.join(", ")
        )
    };
    w.log.iter().filter_map(|r| Some((r.seq, told(closed(&r.event)?)))).collect()
}

fn texts(w: &World) -> Vec<String> {
    invoices(w).into_iter().map(|(_, text)| text).collect()
}

fn pay(w: &mut World, invoice: Seq) -> Result<Seq, Refusal> {
    w.apply(Command::PayInvoice { invoice, reference: None })
}

fn to_july(w: &mut World) {
    w.now = at("2026-07-01T00:00:00Z");
    w.due();
}

fn trusted(w: &World) {
    assert_eq!(audit(&chained(&w.log), &[catalog(POLICY)]), []);
    assert_eq!(replayed(&w.log, &catalog(POLICY)), []);
}

#[test]
fn it_lends_after_the_other_sources_up_to_the_limit_of_a_period() {
    let mut w = world();
    w.grant("3", Category::Purchased);
    assert_eq!(scan(&mut w, 5), "bought 3, overage 2");
    assert_eq!(left(&w), "8");
    assert_eq!(scan(&mut w, 8), "overage 8");
    assert_eq!(scan(&mut w, 1), "InsufficientCredits");
    // A grant repays nothing of it.
    w.grant("4", Category::Purchased);
    assert_eq!((w.available(), left(&w)), ("4".into(), "0".into()));
    assert_eq!(w.account.lent(None), credits("10"));
    trusted(&w);
}

#[test]
fn a_period_closes_with_an_invoice_by_feature() {
    let mut w = world();
    scan(&mut w, 2);
    w.ask(&ask("print", &[("pages", 3)]).now());
    assert_eq!(w.due(), ["invoice_opened"]);
    w.now = at("2026-06-30T23:59:59.999999Z");
    assert_eq!(w.due(), Vec::<&str>::new());
    w.now = at("2026-07-01T00:00:00Z");
    assert_eq!(w.due(), ["invoice_closed"]);
    assert_eq!(texts(&w), ["1 for 2026-06: 8 = print of 2026-06 6, scan of 2026-06 2"]);
    let closed = w.log.last().expect("a record");
    assert_eq!(closed.effective_at, at("2026-07-01T00:00:00Z"));
    // A period with nothing in it has none.
    w.now = at("2026-09-15T00:00:00Z");
    assert_eq!(w.due(), Vec::<&str>::new());
    trusted(&w);
}

#[test]
fn an_unpaid_invoice_counts_against_the_limit_until_it_is_paid() {
    let mut w = world();
    scan(&mut w, 7);
    to_july(&mut w);
    assert_eq!(left(&w), "3");
    let (invoice, _) = invoices(&w)[0];
    assert_eq!(scan(&mut w, 4), "InvoiceUnpaid");
    assert_eq!(scan(&mut w, 11), "InsufficientCredits");
    let paid = pay(&mut w, invoice).expect("is paid");
    assert_eq!((left(&w), w.account.lent(None)), ("10".into(), Credits::ZERO));
    assert_eq!(pay(&mut w, invoice), Err(Refusal::InvoicePaid(invoice, paid)));
    assert_eq!(pay(&mut w, 1), Err(Refusal::UnknownInvoice(1)));
    assert_eq!(pay(&mut w, 99), Err(Refusal::UnknownInvoice(99)));
    assert_eq!(scan(&mut w, 10), "overage 10");
    trusted(&w);
}

#[test]
fn a_denial_says_when_the_next_period_helps() {
    let ways = |w: &mut World, pages: u64| -> Vec<String> {
        w.due();
        let decision = w.ask(&ask("scan", &[("pages", pages)]).now());
        let ways = decision.unblock.expect("a denial").ways;
        let way = |w: &headworks_core::record::Way| match (w.at, w.purchase) {
            (Some(at), None) => at.to_string(),
            (None, Some(purchase)) => format!("buy {purchase}"),
            other => format!("{other:?}"),
        };
        ways.iter().map(way).collect()
    };
    // All of June will stand unpaid in July.
    let mut w = world();
    scan(&mut w, 10);
    assert_eq!(ways(&mut w, 1), ["buy 1"]);
    scan(&mut w, 0);
    let mut w = world();
    scan(&mut w, 6);
    assert_eq!(ways(&mut w, 5), ["buy 1"]);
    // An override of the limit that was for June only leaves room in July.
    let mut w = on("billed");
    w.now = at("2026-06-03T00:00:00Z");
    scan(&mut w, 10);
    assert_eq!(ways(&mut w, 1), ["buy 1", "2026-07-01T12:00:00Z"]);
    trusted(&w);
}

#[test]
fn use_belongs_to_the_period_of_its_authorize() {
    let mut w = on("billed");
    w.now = at("2026-07-01T11:59:30Z");
    let held = |w: &mut World, pages: u64| {
        let decision = w.hold("scan", &[("pages", pages)]);
        assert_eq!(told(&decision), format!("overage {pages}"));
        w.account.seq
    };
    let (a, b, c) = (held(&mut w, 4), held(&mut w, 3), held(&mut w, 2));
    assert_eq!(left(&w), "1");
    w.now = at("2026-07-01T12:00:10Z");
    w.due();
    assert_eq!(left(&w), "10");
    // Below the hold: the rest comes back to June, and gives no room in July.
    w.settle(a, &[("pages", 1)]).expect("settles");
    assert_eq!(left(&w), "10");
    // Above it: the hold's part is June's, the rest draws on July.
    w.settle(b, &[("pages", 5)]).expect("settles");
    assert_eq!(left(&w), "8");
    let june = at("2026-06-01T12:00:00Z");
    let july = at("2026-07-01T12:00:00Z");
    let draws: Vec<(Source, i64)> = w.charge().draws.iter().map(|d| (d.source, d.amount)).collect();
    let nano = 1_000_000_000;
    assert_eq!(draws, [(Source::Postpaid(june), 3 * nano), (Source::Postpaid(july), 2 * nano)]);
    w.apply(Command::Release { hold: headworks_core::record::HoldId(c) }).expect("releases");
    // It closes on July's invoice, as June's.
    w.now = at("2026-08-01T12:00:00Z");
    w.due();
    assert_eq!(texts(&w), ["1 for 2026-07: 6 = scan of 2026-06 4, scan of 2026-07 2"]);
    trusted(&w);
}

#[test]
fn a_refund_after_closing_is_a_line_of_the_next_invoice() {
    let mut w = world();
    assert_eq!(scan(&mut w, 8), "overage 8");
    let charge = w.account.seq;
    to_july(&mut w);
    let (first, _) = invoices(&w)[0];
    w.apply(refund(charge, Some("3"))).expect("refunds");
    // No room in July: June's invoice stands as it is.
    assert_eq!((left(&w), w.account.lent(None)), ("2".into(), credits("5")));
    pay(&mut w, first).expect("is paid");
    assert_eq!((left(&w), w.account.lent(None)), ("10".into(), credits("-3")));
    w.now = at("2026-08-01T00:00:00Z");
    w.due();
    assert_eq!(texts(&w)[1..], ["2 for 2026-07: -3 = scan of 2026-06 -3"]);
    // One below zero gives no room, and the operator pays it.
    let (second, _) = invoices(&w)[1];
    assert_eq!(left(&w), "10");
    pay(&mut w, second).expect("is paid");
    let moved = w.log.last().expect("a record").movements.first().copied().expect("a movement");
    assert_eq!((moved.from, moved.to, moved.amount), (Book::Postpaid, Book::Operator, credits("3")));
    assert_eq!(w.account.lent(None), Credits::ZERO);
    trusted(&w);
}

#[test]
fn a_refund_in_the_period_gives_room_back() {
    let mut w = world();
    scan(&mut w, 8);
    let charge = w.account.seq;
    w.apply(refund(charge, Some("3"))).expect("refunds");
    assert_eq!(left(&w), "5");
    w.apply(refund(charge, None)).expect("refunds");
    assert_eq!(left(&w), "10");
    // An invoice that comes to nothing is not to be paid.
    to_july(&mut w);
    assert_eq!(texts(&w), ["1 for 2026-06: 0 = scan of 2026-06 0"]);
    let (invoice, _) = invoices(&w)[0];
    assert_eq!(pay(&mut w, invoice), Err(Refusal::NothingToPay(invoice)));
    trusted(&w);
}

#[test]
fn a_correction_changes_the_book_of_its_period() {
    let mut w = world();
    scan(&mut w, 8);
    let charge = w.account.seq;
    to_july(&mut w);
    w.apply(Command::Correct { charge, to: to(&[("pages", 5)]), reason: None }).expect("corrects");
    w.now = at("2026-08-01T00:00:00Z");
    w.due();
    assert_eq!(texts(&w)[1..], ["2 for 2026-07: -3 = scan of 2026-06 -3"]);
    trusted(&w);
}

#[test]
fn late_use_after_closing_is_a_line_of_the_next_invoice() {
    let mut w = world();
    scan(&mut w, 8);
    w.now = at("2026-07-01T00:10:00Z");
    w.due();
    let request = ask("scan", &[("pages", 1)]).request;
    let late = Command::Record { request, at: Some(at("2026-06-30T23:50:00Z")) };
    w.apply(late).expect("records");
    w.now = at("2026-08-01T00:00:00Z");
    w.due();
    assert_eq!(texts(&w)[1..], ["2 for 2026-07: 1 = scan of 2026-06 1"]);
    trusted(&w);
}

#[test]
fn an_override_changes_the_limit_and_none_lifts_it() {
    let mut w = world();
    scan(&mut w, 10);
    w.apply(Command::Override(overriding("overage", "12"))).expect("overrides");
    assert_eq!((left(&w), scan(&mut w, 3)), ("2".into(), "InsufficientCredits".into()));
    w.apply(Command::Override(overriding("overage", "none"))).expect("overrides");
    assert_eq!(scan(&mut w, 3), "overage 3");
    trusted(&w);
}

#[test]
fn the_open_period_closes_after_a_change_of_plan() {
    let mut w = world();
    scan(&mut w, 4);
    let charge = w.account.seq;
    w.due();
    let plan = name("other");
    let change =
        ChangePlan { plan, move_anchor: false, amounts: vec![], prorate: None, at: None, reason: None };
    w.apply(Command::ChangePlan(change)).expect("changes");
    to_july(&mut w);
    assert_eq!(texts(&w), ["1 for 2026-06: 4 = scan of 2026-06 4"]);
    // The plan has no layer that later invoices could follow: a correction closes one at once.
    w.apply(refund(charge, Some("1"))).expect("refunds");
    assert_eq!(w.due(), ["invoice_opened", "invoice_closed"]);
    assert_eq!(texts(&w)[1..], ["2 for 2026-07: -1 = scan of 2026-06 -1"]);
    trusted(&w);
}

#[test]
fn a_pause_moves_the_period_that_follows_the_billing_anchor() {
    let mut w = on("billed");
    scan(&mut w, 4);
    w.due();
    w.now = at("2026-06-11T12:00:00Z");
    w.apply(Command::Pause { until: Some(at("2026-06-16T12:00:00Z")), reason: None }).expect("pauses");
    w.now = at("2026-07-06T11:59:59Z");
    assert_eq!(w.due(), ["pause_ended"]);
    w.now = at("2026-07-06T12:00:00Z");
    assert_eq!(w.due(), ["invoice_closed"]);
    trusted(&w);
}

#[test]
fn it_needs_the_consent_that_paid_sources_need() {
    let mut w = world();
    w.settings(|s| s.consent = Some(headworks_core::record::Consent::Ask));
    let request = ask("scan", &[("pages", 2)]).now();
    let decision = w.ask(&request);
    assert_eq!((decision.outcome, decision.reason), (Outcome::NeedsConsent, Reason::ConsentNeeded));
    assert_eq!(told(&w.ask(&request.with_consent())), "overage 2");
    w.settings(|s| s.consent = Some(headworks_core::record::Consent::Never));
    assert_eq!(scan(&mut w, 1), "ConsentNever");
    trusted(&w);
}

#[test]
fn a_hold_that_expires_gives_back() {
    let mut w = world();
    w.hold("scan", &[("pages", 6)]);
    let hold = w.account.seq;
    assert_eq!((left(&w), w.account.lent(None)), ("4".into(), credits("6")));
    w.expire(hold);
    assert_eq!((left(&w), w.account.lent(None)), ("10".into(), Credits::ZERO));
    // What was only held is on no invoice.
    to_july(&mut w);
    assert_eq!(texts(&w), Vec::<String>::new());
    trusted(&w);
}

/// Two layers lend ten each: what is unpaid of one takes nothing from the other. Use that is reported late finds the limit of its own day.
#[test]
fn an_unpaid_invoice_counts_against_its_own_layer_and_later_periods() {
    let text = POLICY.replace(
        "  { postpaid = { name = \"overage\", limit = \"10\", every = \"month\" } },\n]\n\n[plans.other]",
        "  { postpaid = { name = \"overage\", limit = \"10\", every = \"month\" } },\n  { postpaid = { name = \"more\", limit = \"10\", every = \"month\" } },\n]\n\n[plans.other]",
    );
    let mut w = World::new(&text, "team");
    scan(&mut w, 14);
    to_july(&mut w);
    assert_eq!(scan(&mut w, 7), "InvoiceUnpaid");
    assert_eq!(scan(&mut w, 6), "more 6");

    let text = POLICY.replace("default_plan", "late_horizon = \"30d\"\ndefault_plan").replace(
        "name = \"overage\", limit = \"10\", every = \"month\" }",
        "name = \"overage\", limit = \"20\", every = \"day\" }",
    );
    let mut w = World::new(&text, "team");
    w.now = at("2026-06-21T12:00:00Z");
    scan(&mut w, 12);
    w.now = at("2026-06-22T12:00:00Z");
    w.due();
    scan(&mut w, 3);
    w.now = at("2026-06-23T12:00:00Z");
    w.due();
    // 12 of the 21st are drawn there; nothing is owed from before the 18th. Of the 23rd, 15 are.
    for (day, expected) in
        [("21", "overage 8, overshoot 1"), ("18", "overage 9"), ("23", "overage 5, overshoot 4")]
    {
        let request = ask("scan", &[("pages", 9)]).request;
        let at = Some(at(&format!("2026-06-{day}T12:00:00Z")));
        w.apply(Command::Record { request, at }).expect("records");
        let draws: Vec<String> =
            w.charge().draws.iter().map(|d| format!("{} {}", d.layer, d.amount / 1_000_000_000)).collect();
        assert_eq!(draws.join(", "), expected, "{day}");
    }
}

/// Ten pages are held on 30 June, and charged at the deadline an hour later; nobody looks until August.
#[test]
fn an_expired_hold_is_billed_with_its_period() {
    let policy = POLICY.replace("life_max = \"24h\" }", "life_max = \"24h\", expiry_charges = [\"pages\"] }");
    let mut w = World::new(&policy, "team");
    w.now = at("2026-06-30T12:00:00Z");
    w.hold("scan", &[("pages", 10)]);
    w.now = at("2026-08-03T12:00:00Z");
    w.due();
    assert_eq!(texts(&w), ["1 for 2026-06: 10 = scan of 2026-06 10"]);
    assert_eq!(scan(&mut w, 1), "InvoiceUnpaid", "it has been unpaid since July");
    assert_eq!(audit(&chained(&w.log), &[catalog(&policy)]), []);
    assert_eq!(replayed(&w.log, &catalog(&policy)), []);
}

/// The first credits of a unit may be lent after use: nothing of it was ever issued.
#[test]
fn a_unit_may_begin_with_what_is_lent() {
    let text = POLICY
        .replace("rate_card = \"credits\"\n", "rate_card = \"credits\"\ncredit_unit = \"coins\"\n")
        .replace("name = \"overage\", limit", "name = \"overage\", unit = \"coins\", limit");
    let mut w = World::new(&text, "team");
    assert_eq!(scan(&mut w, 4), "overage 4");
    w.hold("scan", &[("pages", 5)]);
    w.settle(w.account.seq, &[("pages", 2)]).expect("settles");
    assert_eq!(audit(&chained(&w.log), &[catalog(&text)]), []);
}
