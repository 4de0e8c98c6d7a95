//! What comes back, and where to: refunds in parts, holds that end beside their grants, credits taken back as debt.
//!
//! One token costs one credit, so every figure of the tables is worked by hand.

use headworks_core::command::{Adjust, Command, Extend, NewGrant, Patch, Setting, TopUp};
use headworks_core::life;
use headworks_core::record::{
    AlertMarks, Amount, Category, Every, GrantId, HoldId, Label, Overage, Reason, Recurrence, Rollover,
    TopUpTerms, WHOLE,
};
use headworks_core::waterfall::Refusal;

use crate::audit::trusted;
use crate::common::{
    AskExt as _, World, ask, at, correct, credits, name, quantities, refund, release, settle, to,
};

const NANO: i64 = 1_000_000_000;

fn catalog(plan: &str) -> String {
    format!(
        "version = \"g\"\n[meters]\ntokens = {{ unit = \"token\" }}\n[features.chat]\nmeters = [\"tokens\"]\nrate_card = \"c\"\n\
         hold = {{ life = \"60s\", life_max = \"24h\" }}\n\
         [[rate_cards.c]]\neffective_from = \"2020-01-01T00:00:00Z\"\nprices = [{{ feature = \"chat\", credits = {{ tokens = \"1\" }} }}]\n\
         [plans.p]\nfeatures = [\"chat\"]\n{plan}\n"
    )
}

const CAPPED: &str = r#"
guards = [{ name = "cap", window.spend_cap = { limit = "50", every = "day" } }]
waterfall = [
  { pool = { name = "shared", member = "user", categories = ["purchased"], cap = { default = "50", every = "day" } } },
  { grants = { name = "free" } },
]"#;

fn counted(w: &World, name: &str) -> i64 {
    let windows = w.account.windows.iter().filter(|v| v.name.as_str() == name);
    let views = headworks_core::view::windows(w.ctx()).expect("views");
    assert!(windows.count() <= 1);
    views.iter().find(|v| v.name.as_str() == name).map_or(0, |v| v.used / NANO)
}

#[test]
fn caps_count_what_sources_drew() {
    // A charge of 30: 20 through the pool, 6 from the free grant, 4 that nobody had. What each step leaves counted in the
    // spend cap, in the member's cap, and available.
    type Row = (&'static [(&'static str, &'static str)], [i64; 2], &'static str);
    let rows: [Row; 7] = [
        (&[], [26, 20], "0"),
        (&[("refund", "3")], [26, 20], "0"),
        (&[("refund", "4")], [26, 20], "0"),
        (&[("refund", "5")], [25, 20], "1"),
        (&[("refund", "4"), ("refund", "6"), ("refund", "1")], [19, 19], "7"),
        (&[("refund", "12"), ("refund", "17"), ("refund", "")], [0, 0], "26"),
        (&[("correct", "28"), ("correct", "25"), ("correct", "12")], [12, 12], "14"),
    ];
    for (steps, caps, available) in rows {
        let mut w = World::new(&catalog(CAPPED), "p");
        w.grant("20", Category::Purchased);
        w.grant("6", Category::Free);
        let request = ask("chat", &[("tokens", 30)]).on_path("user:u").request;
        let mut charge = w.apply(Command::Record { request, at: None }).expect("records");
        for (what, amount) in steps {
            let command = match *what {
                "refund" => refund(charge, Some(*amount).filter(|a| !a.is_empty())),
                _ => correct(charge, &to(&[("tokens", amount.parse().expect("a number"))])),
            };
            let by = w.apply(command).unwrap_or_else(|e| panic!("{what} {amount} of {steps:?}: {e}"));
            if *what == "correct" {
                charge = by;
            }
        }
        assert_eq!([counted(&w, "cap"), counted(&w, "shared")], caps, "{steps:?}");
        assert_eq!(w.available(), available, "{steps:?}");
        trusted(&w, &w.catalog);
    }
}

#[test]
fn a_refund_gives_no_room_in_another_window() {
    let mut w = World::new(&catalog(CAPPED), "p");
    w.grant("100", Category::Purchased);
    let charge = |w: &mut World| {
        w.ask(&ask("chat", &[("tokens", 30)]).on_path("user:u").now());
        w.account.seq
    };
    let first = charge(&mut w);
    w.pass("24h");
    charge(&mut w);
    w.apply(refund(first, Some("20"))).expect("refunds");
    assert_eq!([counted(&w, "cap"), counted(&w, "shared")], [30, 30], "yesterday's is closed");
    trusted(&w, &w.catalog);
}

fn monthly(every: Every, rollover: Option<Rollover>) -> Option<Box<Recurrence>> {
    Some(Box::new(Recurrence {
        every,
        zone: Label::new("UTC").expect("a label"),
        anchor: None,
        until: headworks_core::record::Instant::NEVER,
        rollover,
        overage: Overage::Keep,
        prorated: None,
    }))
}

fn up_to(max: &str) -> Option<Rollover> {
    Some(Rollover { min: credits("0"), max: credits(max), fraction: WHOLE, life: None })
}

#[test]
fn a_hold_ends_at_its_deadline_in_the_books() {
    // A hold of 30 that lives 60 seconds, a grant of 100 that ends some time after that; nobody looks for ten days.
    let rules = ["", "expired_draws = \"goodwill\"\n"];
    for (rule, ends) in rules.into_iter().flat_map(|r| ["61s", "60s", "24h"].map(|e| (r, e))) {
        let plan = format!("{rule}waterfall = [{{ grants = {{ name = \"all\" }} }}]");
        let mut w = World::new(&catalog(&plan), "p");
        let expires = w.now.after("2s".parse().expect("span")).after(ends.parse().expect("span"));
        w.grant_with("100", |g| g.expires_at = Some(expires));
        w.hold("chat", &[("tokens", 30)]);
        let deadline = w.account.holds.first().expect("a hold").terms.deadline;
        w.pass("240h");
        assert_eq!(w.due(), ["hold_expired", "grant_expired"], "{ends}");
        let at_ends: Vec<_> = w.log.iter().rev().take(2).map(|r| r.effective_at).collect();
        assert_eq!(at_ends, [expires, deadline], "each at its own instant");
        assert_eq!(
            (w.available().as_str(), w.account.books.breakage),
            ("0", credits("100")),
            "{rule} {ends}"
        );
        trusted(&w, &w.catalog);
    }
    // The other way round, the grant has ended before: what the hold gives back is gone, or made good.
    for (rule, available) in [(rules[0], "0"), (rules[1], "30")] {
        let plan = format!("{rule}waterfall = [{{ grants = {{ name = \"all\" }} }}]");
        let mut w = World::new(&catalog(&plan), "p");
        let expires = w.now.after("30s".parse().expect("span"));
        w.grant_with("100", |g| g.expires_at = Some(expires));
        w.hold("chat", &[("tokens", 30)]);
        w.pass("240h");
        w.due();
        assert_eq!((w.available().as_str(), w.account.books.breakage), (available, credits("100")), "{rule}");
        trusted(&w, &w.catalog);
    }
}

#[test]
fn a_hold_that_ends_before_a_boundary_is_carried_over_it() {
    let plan = "waterfall = [{ grants = { name = \"all\" } }]";
    for (swept, available) in [("2m", "100"), ("13h", "200"), ("37h", "200")] {
        let mut w = World::new(&catalog(plan), "p");
        w.settings(|s| s.billing_anchor = at("2026-06-01T00:00:00Z"));
        w.grant_with("100", |g| g.recurrence = monthly(Every::Day, up_to("100")));
        w.hold("chat", &[("tokens", 30)]);
        w.pass(swept);
        w.due();
        assert_eq!(w.available(), available, "swept after {swept}");
        trusted(&w, &w.catalog);
    }
}

#[test]
fn what_comes_back_after_a_boundary_is_carried_up_to_the_limit() {
    // A recurring 100 with 60 held at the boundary, settled afterwards. Rollover limit, used of the hold: available,
    // breakage.
    for (limit, used, available, breakage) in [
        ("50", 10, "150", "40"),
        ("50", 60, "140", "0"),
        ("45", 50, "145", "5"),
        ("100", 0, "200", "0"),
        ("30", 20, "130", "50"),
        ("0", 20, "100", "80"),
    ] {
        let plan = "waterfall = [{ grants = { name = \"all\" } }]";
        let mut w = World::new(&catalog(plan), "p");
        w.settings(|s| s.billing_anchor = at("2026-06-01T12:30:00Z"));
        w.grant_with("100", |g| g.recurrence = monthly(Every::Month, up_to(limit)));
        let mut hold = ask("chat", &[("tokens", 60)]);
        hold.life = Some("12h".parse().expect("span"));
        w.ask(&hold);
        let hold = w.account.seq;
        w.pass("31m");
        w.due();
        let end = if used == 0 { release(hold) } else { settle(hold, &[("tokens", used)]) };
        w.apply(end).expect("ends");
        let found = (w.available(), w.account.books.breakage.to_string());
        assert_eq!(found, (available.to_owned(), breakage.to_owned()), "limit {limit}, used {used}");
        // What was carried burns before the new period's, and ends with it.
        w.now = at("2026-07-02T00:00:00Z");
        w.due();
        trusted(&w, &w.catalog);
    }
}

#[test]
fn holds_that_give_back_one_after_another_share_the_limit() {
    // A recurring 100 with two holds at the boundary. Rollover limit, the size of both, used of the first: available
    // after each, breakage.
    for (limit, size, used, [first, both], breakage) in [
        ("50", 30, 0, ["150", "150"], "50"),
        ("50", 30, 20, ["150", "150"], "30"),
        ("90", 30, 10, ["160", "190"], "0"),
        ("80", 30, 10, ["160", "180"], "10"),
        // Nothing is left at the boundary.
        ("60", 50, 0, ["150", "160"], "40"),
        ("60", 50, 50, ["100", "150"], "0"),
    ] {
        let mut w = World::new(&catalog("waterfall = [{ grants = { name = \"all\" } }]"), "p");
        w.settings(|s| s.billing_anchor = at("2026-06-01T12:30:00Z"));
        w.grant_with("100", |g| g.recurrence = monthly(Every::Month, up_to(limit)));
        let mut hold = ask("chat", &[("tokens", size)]);
        hold.life = Some("12h".parse().expect("span"));
        let holds = [0, 1].map(|_| {
            w.ask(&hold);
            w.account.seq
        });
        w.pass("31m");
        w.due();
        let end = if used == 0 { release(holds[0]) } else { settle(holds[0], &[("tokens", used)]) };
        w.apply(end).expect("ends");
        assert_eq!(w.available(), first, "limit {limit}, used {used}");
        w.apply(release(holds[1])).expect("ends");
        let found = (w.available(), w.account.books.breakage.to_string());
        assert_eq!(found, (both.to_owned(), breakage.to_owned()), "limit {limit}, used {used}");
        trusted(&w, &w.catalog);
    }
}

#[test]
fn what_is_not_left_is_taken_as_debt() {
    let plan = "waterfall = [{ grants = { name = \"all\" } }]";
    let take = |grant, by: &str, as_debt| {
        Command::Adjust(Adjust { grant: GrantId(grant), by: credits(by), as_debt, reason: None })
    };
    for spent in [40, 100] {
        let mut w = World::new(&catalog(plan), "p");
        let grant = w.grant("100", Category::Purchased);
        w.ask(&ask("chat", &[("tokens", spent)]).now());
        let left = 100 - i64::try_from(spent).expect("small");
        let refused = w.apply(take(grant, "-100", false));
        assert_eq!(refused, Err(Refusal::MoreThanLeft(Amount::of(credits(&left.to_string()), None))));
        w.apply(take(grant, "-100", true)).expect("takes");
        assert_eq!(w.account.books.debt, credits(&spent.to_string()));
        assert_eq!(w.hold("chat", &[("tokens", 1)]).reason, Reason::InDebt);
        w.grant(&(spent + 5).to_string(), Category::Purchased);
        assert_eq!((w.available().as_str(), w.account.books.debt), ("5", credits("0")), "repaid first");
        trusted(&w, &w.catalog);
    }
}

#[test]
fn a_low_balance_asks_for_top_ups_until_it_is_not() {
    let plan =
        "waterfall = [{ grants = { name = \"all\" } }, { overdraft = { name = \"od\", limit = \"1000\" } }]";
    let mut w = World::new(&catalog(plan), "p");
    w.grant("10", Category::Free);
    w.settings(|s| {
        s.alerts = vec![AlertMarks { low: credits("5"), recovered: credits("6"), unit: None }];
        s.top_ups = vec![TopUpTerms {
            amount: credits("20"),
            monthly_max: credits("1000"),
            cool_down: "1m".parse().expect("span"),
            unit: None,
        }];
    });
    let in_flight = |w: &World| w.account.balance(None).and_then(|b| b.asked).map(|a| a.number);
    let pay = |w: &mut World, number| {
        let new = NewGrant::new(credits("20"), Category::Purchased);
        w.apply(Command::ConfirmTopUp { number, top_up: TopUp::Paid(new) }).expect("pays");
    };
    w.ask(&ask("chat", &[("tokens", 50)]).now());
    w.due();
    for number in 1..=3 {
        assert_eq!(in_flight(&w), Some(number), "at {} credits", w.available());
        pay(&mut w, number);
        assert!(w.due().iter().all(|what| *what != "top_up_asked"), "within the cool-down");
        w.pass("59s");
        assert!(life::next(w.ctx()).is_none());
        // It is woken for the next one, with nobody asking for anything.
        assert!(number == 3 || w.account.wakes_at <= w.now.after("2s".parse().expect("span")));
        w.pass("2s");
        w.due();
    }
    assert_eq!((in_flight(&w), w.available().as_str()), (None, "20"), "-40, -20, 0, 20");
    trusted(&w, &w.catalog);
}

#[test]
fn a_correction_gives_back_what_was_drawn_last() {
    let plan = "waterfall = [{ grants = { name = \"all\" } }]";
    let text = catalog(plan).replace("hold = {", "overshoot = { debt = \"50\" }\nhold = {");
    let mut w = World::new(&text, "p");
    let request = ask("chat", &[("tokens", 4)]).request;
    let charge = w.apply(Command::Record { request, at: None }).expect("records");
    assert_eq!(w.account.books.debt, credits("4"));
    w.grant("14", Category::Purchased);
    // Four debt, ten of the grant, six debt; back to ten, the last six debt and four of the grant.
    let more = w.apply(correct(charge, &to(&[("tokens", 20)]))).expect("corrects");
    assert_eq!((w.available().as_str(), w.account.books.debt), ("-6", credits("6")));
    w.apply(correct(more, &to(&[("tokens", 10)]))).expect("corrects");
    assert_eq!((w.available().as_str(), w.account.books.debt), ("4", credits("0")));
    trusted(&w, &w.catalog);
}

/// An account that has bought its 20 credits of June, and has spent them.
fn spent_top_up(monthly_max: &str, setup: impl FnOnce(&mut World)) -> World {
    let mut w = World::new(&catalog("waterfall = [{ grants = { name = \"all\" } }]"), "p");
    w.settings(|s| {
        s.billing_anchor = at("2026-06-01T00:00:00Z");
        s.alerts = vec![AlertMarks { low: credits("5"), recovered: credits("6"), unit: None }];
        s.top_ups = vec![TopUpTerms {
            amount: credits("20"),
            monthly_max: credits(monthly_max),
            cool_down: "1h".parse().expect("span"),
            unit: None,
        }];
    });
    setup(&mut w);
    w.ask(&ask("chat", &[("tokens", 10)]).now());
    assert!(w.due().contains(&"top_up_asked"));
    let new = NewGrant::new(credits("20"), Category::Purchased);
    w.apply(Command::ConfirmTopUp { number: 1, top_up: TopUp::Paid(new) }).expect("pays");
    w.due();
    w.ask(&ask("chat", &[("tokens", 20)]).now());
    w.due();
    w
}

#[test]
fn a_top_up_that_the_month_has_no_room_for_waits_for_the_next() {
    for (monthly_max, wakes) in
        [("39", "2026-07-01T00:00:00Z"), ("20", "2026-07-01T00:00:00Z"), ("40", "2026-06-01T13:00:00Z")]
    {
        let mut w = spent_top_up(monthly_max, |w| {
            w.grant("10", Category::Free);
        });
        let wakes = at(wakes);
        let late = w.account.wakes_at.since(wakes).micros();
        assert!(w.account.wakes_at >= wakes && late < 100, "{monthly_max}: {}", w.account.wakes_at);
        w.now = wakes.before("1s".parse().expect("span"));
        assert_eq!(w.due(), [""; 0], "{monthly_max}");
        w.now = w.account.wakes_at;
        assert_eq!(w.due(), ["top_up_asked"], "{monthly_max}");
        trusted(&w, &w.catalog);
    }
}

#[test]
fn a_top_up_without_room_hides_nothing_that_falls_due_later() {
    let mut w = spent_top_up("30", |w| {
        w.grant_with("10", |g| g.recurrence = monthly(Every::Day, None));
    });
    for passed in ["1m", "2h"] {
        w.pass(passed);
        w.due();
        let ways = w.hold("chat", &[("tokens", 10)]).unblock.expect("denied").ways;
        assert!(ways.iter().any(|way| way.at == Some(at("2026-06-02T00:00:00Z"))), "{ways:?}");
    }
}

#[test]
fn a_receipt_is_in_the_order_of_its_draws() {
    // Eight are lent, six given, two more lent: of what is used, the first eight stay lent.
    let plan =
        "waterfall = [{ grants = { name = \"all\" } }, { overdraft = { name = \"od\", limit = \"10\" } }]";
    for (used, overdraft, available) in
        [(16, "10", "-10"), (15, "9", "-9"), (14, "8", "-8"), (10, "8", "-4"), (5, "5", "1")]
    {
        let mut w = World::new(&catalog(plan), "p");
        w.hold("chat", &[("tokens", 8)]);
        let hold = w.account.seq;
        w.grant("6", Category::Free);
        let more = Extend {
            hold: HoldId(hold),
            quantities: quantities(&[("tokens", 8)]),
            more: Vec::new(),
            minimum: None,
            life: None,
            progress: None,
            consented: false,
        };
        w.apply(Command::Extend(more)).expect("extends");
        w.apply(settle(hold, &[("tokens", used)])).expect("settles");
        assert_eq!(
            (w.account.books.overdraft, w.available().as_str()),
            (credits(overdraft), available),
            "{used} used"
        );
        trusted(&w, &w.catalog);
    }
}

#[test]
fn what_is_carried_late_burns_before_the_new_period() {
    let mut w = World::new(&catalog("waterfall = [{ grants = { name = \"all\" } }]"), "p");
    w.settings(|s| s.billing_anchor = at("2026-06-01T12:30:00Z"));
    w.grant_with("100", |g| g.recurrence = monthly(Every::Month, up_to("50")));
    let mut hold = ask("chat", &[("tokens", 100)]);
    hold.life = Some("12h".parse().expect("span"));
    w.ask(&hold);
    let hold = w.account.seq;
    w.pass("31m");
    w.due();
    // Thirty of the hundred come back after the boundary.
    w.apply(settle(hold, &[("tokens", 70)])).expect("settles");
    w.ask(&ask("chat", &[("tokens", 40)]).now());
    let left: Vec<_> = w.account.grants.iter().map(|g| (g.terms.amount, g.remaining)).collect();
    assert_eq!(left, [(credits("100"), credits("90"))], "the thirty, and ten of the new month");
    trusted(&w, &w.catalog);
}

/// A charge that drew 22 from a grant that has ended since, and 3 as debt that is repaid: what the account had paid itself does
/// not end with what is made good.
#[test]
fn what_makes_good_takes_nothing_back() {
    let text = catalog("expired_draws = 'goodwill'\nwaterfall = [{ grants = { name = 'g' } }]");
    let mut w = World::new(&text.replace("hold =", "overshoot = { debt = \"50\" }\nhold ="), "p");
    let ends = w.now.after("1h".parse().expect("span"));
    w.grant_with("22", |g| (g.category, g.expires_at) = (Category::Promotional, Some(ends)));
    w.ask(&ask("chat", &[("tokens", 1)]));
    let charge = w.settle(w.account.seq, &[("tokens", 25)]).expect("settles");
    w.grant("10", Category::Purchased);
    assert_eq!(w.available(), "7");
    w.pass("2h");
    w.due();
    w.apply(refund(charge, None)).expect("refunds");
    assert_eq!(w.available(), "32");
    w.pass("60d");
    w.due();
    assert_eq!(w.available(), "32", "own credits last");
    trusted(&w, &w.catalog);
}

/// Marks and top-ups are of one unit of credits each; without one, the catalog's.
#[test]
fn each_unit_has_marks_of_its_own() {
    let feature = |name: &str, unit: &str| {
        format!(
            "[features.{name}]\nmeters = [\"tokens\"]\nrate_card = \"{name}\"\ncredit_unit = \"{unit}\"\n\
             [[rate_cards.{name}]]\neffective_from = \"2020-01-01T00:00:00Z\"\nprices = [{{ feature = \"{name}\", credits = {{ tokens = \"1\" }} }}]\n"
        )
    };
    let plan = |features: &str| {
        format!("[plans.p]\nfeatures = [{features}]\nwaterfall = [{{ grants = {{ name = \"g\" }} }}]\n")
    };
    let head = "version = \"u\"\n[meters]\ntokens = { unit = \"token\" }\n";
    let (usd, coins) = (feature("chat", "usd"), feature("game", "coins"));
    let marks = |low: &str, unit: Option<&str>| AlertMarks {
        low: credits(low),
        recovered: credits(low),
        unit: unit.map(name),
    };
    let buys = |amount: &str, unit: Option<&str>| TopUpTerms {
        amount: credits(amount),
        monthly_max: credits("1000"),
        cool_down: "1h".parse().expect("span"),
        unit: unit.map(name),
    };
    let set = |w: &mut World, alerts: Vec<AlertMarks>, top_ups: Vec<TopUpTerms>| {
        let patch =
            Patch { alerts: Setting::Set(alerts), top_ups: Setting::Set(top_ups), ..Patch::default() };
        w.apply(Command::Change { patch, reason: None })
    };
    // One unit that features are priced in, beside a feature without a price: marks that name none are of it.
    let task = "[features.task]\nmeters = []\nallowance_unit = \"requests\"\n";
    let mut w = World::new(&format!("{head}{usd}{task}{}", plan("\"chat\", \"task\"")), "p");
    w.grant_with("100", |g| g.unit = Some(name("usd")));
    set(&mut w, vec![marks("5", None)], vec![buys("20", None)]).expect("sets");
    assert_eq!(w.due(), [""; 0], "100 usd are not empty");
    w.ask(&ask("chat", &[("tokens", 96)]).now());
    assert_eq!(w.due(), ["balance_crossed", "top_up_asked"]);
    let new = NewGrant::new(credits("20"), Category::Purchased);
    w.apply(Command::ConfirmTopUp { number: 1, top_up: TopUp::Paid(new) }).expect("pays");
    let usd_unit = name("usd");
    assert_eq!(
        w.account.available(w.account.tick(w.now), Some(&usd_unit)),
        credits("24"),
        "what is bought is in the unit"
    );
    assert_eq!(w.due(), ["balance_crossed"]);
    trusted(&w, &w.catalog);
    // Two units, neither `credits`: each is named, and each stands by itself.
    let mut w = World::new(&format!("{head}{usd}{coins}{}", plan("\"chat\", \"game\"")), "p");
    w.grant_with("10", |g| g.unit = Some(name("usd")));
    w.grant_with("500", |g| g.unit = Some(name("coins")));
    let both = vec![marks("5", Some("usd")), marks("100", Some("coins"))];
    let top_ups = vec![buys("7", Some("usd")), buys("300", Some("coins"))];
    set(&mut w, both.clone(), top_ups.clone()).expect("sets");
    assert_eq!(w.due(), [""; 0]);
    w.ask(&ask("game", &[("tokens", 450)]).now());
    assert_eq!(w.due(), ["balance_crossed", "top_up_asked"]);
    w.ask(&ask("chat", &[("tokens", 6)]).now());
    assert_eq!(w.due(), ["balance_crossed", "top_up_asked"], "while the other is in flight");
    let crossed: Vec<_> = w.log.iter().filter(|r| r.event.kind() == "top_up_asked").collect();
    assert_eq!(
        crossed.iter().map(|r| r.unit.clone()).collect::<Vec<_>>(),
        [Some(name("coins")), Some(name("usd"))]
    );
    w.apply(Command::ConfirmTopUp { number: 2, top_up: TopUp::Failed(None) }).expect("fails");
    let new = NewGrant::new(credits("300"), Category::Purchased);
    w.apply(Command::ConfirmTopUp { number: 1, top_up: TopUp::Paid(new) }).expect("pays");
    assert_eq!(w.account.available(w.account.tick(w.now), Some(&name("coins"))), credits("350"));
    assert_eq!(w.due(), ["balance_crossed"]);
    w.pass("2h");
    assert_eq!(w.due(), ["top_up_asked"], "usd once more, after its cool-down");
    for (alerts, top_ups) in [
        (vec![marks("5", None)], vec![]),
        (both.clone(), vec![buys("7", Some("credits"))]),
        (vec![marks("5", Some("usd")), marks("6", Some("usd"))], vec![]),
        (both, vec![buys("7", Some("usd")), buys("8", Some("usd"))]),
        (vec![marks("-1", Some("usd"))], vec![]),
    ] {
        assert!(matches!(set(&mut w, alerts, top_ups), Err(Refusal::BadAlerts(_))));
    }
    trusted(&w, &w.catalog);
}
