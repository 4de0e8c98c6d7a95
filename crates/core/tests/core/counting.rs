//! What windows count: at once, beyond a hold, after a change of their terms, and of use that is reported late.
//!
//! One token counts one, so every figure of the tables is worked by hand.

use headworks_core::account::Account;
use headworks_core::audit::replay;
use headworks_core::command::{Command, Extend, Step};
use headworks_core::record::{Category, HoldId, Instant, Name, Outcome, Reason, Verdict};
use headworks_core::view;

use crate::audit::{replayed, trusted};
use crate::common::{AskExt as _, Log, World, ask, at, catalog, correct, quantities, release, to};

const KINDS: [(&str, &str, &str); 7] = [
    // What it is, the window, and a time after which five tokens have left it.
    ("rate", "window.rate = { limit = 60, period = \"1m\", burst = 60 }", "6s"),
    ("slow rate", "window.rate = { limit = 10, period = \"10m\", burst = 100 }", "301s"),
    ("log", "window.sliding = { limit = 500, length = \"1m\" }", "61s"),
    ("cells", "window.sliding = { limit = 5000, length = \"1m\" }", "121s"),
    ("hours", "window.fixed = { limit = 500, every = \"hour\" }", "61m"),
    ("anchored days", "window.fixed = { limit = 500, every = \"day\", anchor = \"billing\" }", "24h"),
    ("first use", "window.first_use = { limit = 500, length = \"1m\" }", "61s"),
];

fn text(window: &str) -> String {
    format!(
        "version = \"c\"\n[meters]\ntokens = {{ unit = \"token\" }}\n[features.chat]\nmeters = [\"tokens\"]\nrate_card = \"c\"\n\
         hold = {{ life = \"24h\", life_max = \"24h\" }}\n\
         [[rate_cards.c]]\neffective_from = \"2020-01-01T00:00:00Z\"\nprices = [{{ feature = \"chat\", credits = {{ tokens = \"1\" }} }}]\n\
         [plans.p]\nfeatures = [\"chat\"]\nguards = [{{ name = \"g\", count = [\"tokens\"], {window} }}]\nwaterfall = [{{ grants = {{ name = \"grants\" }} }}]\n"
    )
}

fn world(window: &str) -> World {
    let mut w = World::new(&text(window), "p");
    w.grant("100000", Category::Free);
    w
}

fn used(w: &World) -> i64 {
    view::windows(w.ctx()).expect("views").iter().find(|v| v.name.as_str() == "g").expect("the guard").used
}

#[test]
fn use_beyond_a_hold_is_always_counted() {
    for (kind, window, leaves) in KINDS {
        // What is settled or extended counts when that is decided, also when the estimate has left the window.
        for (passes, before) in [("0s", 5), (leaves, 0)] {
            let mut w = world(window);
            w.hold("chat", &[("tokens", 5)]);
            let hold = w.account.seq;
            w.pass(passes);
            assert_eq!(used(&w), before, "{kind} after {passes}");
            let more = Extend {
                hold: HoldId(hold),
                quantities: quantities(&[("tokens", 3)]),
                more: Vec::new(),
                minimum: None,
                life: None,
                progress: None,
                consented: false,
            };
            w.apply(Command::Extend(more)).expect("extends");
            assert_eq!(used(&w), before + 3, "{kind} after {passes}, extended");
            w.settle(hold, &[("tokens", 20)]).expect("settles");
            assert_eq!(used(&w), before + 15, "{kind} after {passes}, settled above");
            trusted(&w, &w.catalog);
        }
        // Below the hold, the rest is given back to the window it was counted in, and to no other.
        for (passes, expected) in [("0s", 2), (leaves, 0)] {
            let mut w = world(window);
            w.hold("chat", &[("tokens", 5)]);
            let hold = w.account.seq;
            w.pass(passes);
            w.settle(hold, &[("tokens", 2)]).expect("settles");
            assert_eq!(used(&w), expected, "{kind} after {passes}, settled below");
            trusted(&w, &w.catalog);
        }
    }
}

#[test]
fn holds_save_up_no_burst() {
    // Ten in ten seconds, ten at once. Five holds that each filled the window and end unused leave it as full as it is.
    let mut w = world("window.rate = { limit = 10, period = \"10s\", burst = 10 }");
    let mut holds = Vec::new();
    for _ in 0..5 {
        assert_eq!(w.hold("chat", &[("tokens", 10)]).outcome, Outcome::Allow);
        holds.push(w.account.seq);
        w.pass("11s");
    }
    assert_eq!(w.ask(&ask("chat", &[("tokens", 10)]).now()).outcome, Outcome::Allow);
    for hold in holds {
        w.apply(release(hold)).expect("releases");
        assert_eq!(w.ask(&ask("chat", &[("tokens", 1)]).now()).outcome, Outcome::Deny, "{hold}");
    }
    assert_eq!(used(&w), 10);
    trusted(&w, &w.catalog);
}

#[test]
fn use_that_passes_a_limit_is_counted_into_debt() {
    for (kind, window, _) in KINDS {
        let mut w = world(window);
        w.hold("chat", &[("tokens", 50)]);
        w.settle(w.account.seq, &[("tokens", 20_000)]).expect("settles");
        assert_eq!(used(&w), 20_000, "{kind}");
        let denied = w.ask(&ask("chat", &[("tokens", 1)]));
        assert_eq!(denied.outcome, Outcome::Deny, "{kind}");
        let told = denied.unblock.and_then(|u| u.at()).unwrap_or_else(|| panic!("{kind} says when"));
        w.now = Instant::from_micros(told.micros() - 1);
        assert_eq!(w.ask(&ask("chat", &[("tokens", 1)])).outcome, Outcome::Deny, "{kind} earlier");
        w.now = told;
        assert_eq!(w.ask(&ask("chat", &[("tokens", 1)])).outcome, Outcome::Allow, "{kind} at {told}");
    }
}

#[test]
fn a_changed_limit_keeps_use_through_a_reload() {
    for (kind, window, _) in KINDS {
        for (other, changed, _) in KINDS {
            let mut w = world(window);
            w.ask(&ask("chat", &[("tokens", 40)]).now());
            w.catalog = catalog(&text(changed).replace("version = \"c\"", "version = \"d\""));
            assert_eq!(used(&w), 40, "{kind} to {other}");
            let before = w.account.clone();
            w.ask(&ask("chat", &[("tokens", 2)]).now());
            assert_eq!(used(&w), 42, "{kind} to {other}");
            let again = replay::differs(&before, w.log.last().expect("a record"), &w.catalog, &Log(&w.log));
            assert_eq!(again, None, "{kind} to {other}");
        }
    }
}

#[test]
fn late_use_leaves_live_windows_alone() {
    for (kind, window, _) in KINDS {
        let mut w = world(window);
        w.ask(&ask("chat", &[("tokens", 7)]).now());
        let request = || ask("chat", &[("tokens", 9)]).request;
        w.pass("1s");
        let now = w.now;
        // Just inside the window that is open, and long before it.
        for (ago, counts) in [("0s", true), ("25h", false)] {
            let span: headworks_core::record::Span = ago.parse().expect("a span");
            let then = Instant::from_micros(now.micros() - i64::try_from(span.micros()).expect("small"));
            let before = used(&w);
            w.apply(Command::Record { request: request(), at: Some(then) }).expect("records");
            let expected = before + if counts { 9 } else { 0 };
            // A rate drains while the record is written.
            let drained = i64::from(kind.ends_with("rate"));
            assert!((expected - drained..=expected).contains(&used(&w)), "{kind} {ago} ago: {}", used(&w));
        }
        trusted(&w, &w.catalog);
    }
}

const ALLOWANCES: &str = r#"
version = "a"
[meters]
tokens = { unit = "token" }
[features.chat]
meters = ["tokens"]
rate_card = "c"
[[rate_cards.c]]
effective_from = "2020-01-01T00:00:00Z"
prices = [{ feature = "chat", credits = { tokens = "1" } }]
[plans.days]
features = ["chat"]
waterfall = [
  { allowance = { name = "included", windows = [{ name = "w", window.fixed = { limit = "10", every = "day" } }] } },
  { grants = { name = "grants" } },
]
[plans.five]
features = ["chat"]
waterfall = [
  { allowance = { name = "included", windows = [{ name = "w", window.first_use = { limit = "10", length = "5h" } }] } },
  { grants = { name = "grants" } },
]
"#;

/// Charges now or at an instant of the past; tells what the allowance paid.
fn paid(w: &mut World, tokens: u64, then: Option<&str>) -> i64 {
    let ask = ask("chat", &[("tokens", tokens)]).now();
    match then {
        None => drop(w.ask(&ask)),
        Some(then) => {
            w.apply(Command::Record { request: ask.request, at: Some(at(then)) }).expect("records");
        }
    }
    let charge = w.charge();
    charge.draws.iter().filter(|d| d.layer.as_str() == "included").map(|d| d.amount / 1_000_000_000).sum()
}

#[test]
fn late_use_is_paid_by_the_window_of_its_time() {
    // The world stands at noon on 1 June.
    let mut w = World::new(ALLOWANCES, "days");
    w.grant("1000", Category::Free);
    assert_eq!(paid(&mut w, 8, None), 8);
    w.pass("24h");
    assert_eq!(paid(&mut w, 4, None), 4);
    for (then, tokens, expected) in [
        ("2026-06-01T20:00:00Z", 5, 2),
        ("2026-06-01T00:00:00Z", 5, 0),
        ("2026-05-31T23:59:59Z", 7, 7),
        ("2026-05-31T01:00:00Z", 7, 3),
        ("2026-06-02T00:00:00Z", 5, 5),
    ] {
        assert_eq!(paid(&mut w, tokens, Some(then)), expected, "{tokens} at {then}");
    }
    assert_eq!(paid(&mut w, 4, None), 1, "today's ten: four, five of this morning, one");
    trusted(&w, &w.catalog);
}

/// Charges use of an instant so long ago that it waits in quarantine first; tells what the allowance paid.
fn accepted(w: &mut World, tokens: u64, then: &str) -> i64 {
    let request = ask("chat", &[("tokens", tokens)]).request;
    let kept = w.apply(Command::Record { request, at: Some(at(then)) }).expect("waits");
    w.apply(Command::AcceptLate { kept }).expect("charges");
    let charge = w.charge();
    charge.draws.iter().filter(|d| d.layer.as_str() == "included").map(|d| d.amount / 1_000_000_000).sum()
}

/// Ten are included. Use older than two days waits; accepted, it is paid by its window until that has ended two days ago.
#[test]
fn windows_pay_until_they_have_ended_a_horizon_ago() {
    let of = |every: &str| {
        let text = ALLOWANCES.replace("version = \"a\"", "version = \"a\"\nlate_horizon = \"2d\"");
        text.replace("every = \"day\"", &format!("every = \"{every}\""))
    };
    for (every, then, expected) in [
        ("year", "2026-02-03T12:00:00Z", 4),
        ("life", "2026-02-03T12:00:00Z", 4),
        ("manual", "2026-02-03T12:00:00Z", 4),
        ("month", "2026-06-01T00:00:00Z", 4),
        ("month", "2026-05-31T23:59:59Z", 0),
        ("day", "2026-06-07T10:00:00Z", 4),
        ("day", "2026-06-07T00:00:00Z", 4),
        ("day", "2026-06-06T23:59:59Z", 0),
    ] {
        let mut w = World::new(&of(every), "days");
        w.grant("1000", Category::Free);
        w.now = at("2026-06-09T23:00:00Z");
        assert_eq!(accepted(&mut w, 4, then), expected, "every {every}, at {then}");
        assert_eq!(accepted(&mut w, 9, then), if expected == 0 { 0 } else { 6 }, "every {every}, once more");
        trusted(&w, &w.catalog);
    }
    // The window of 1 June from noon to 17:00 is kept until 3 June at 17:00. None is opened so late.
    for (then, now, expected) in [
        ("2026-06-01T13:00:00Z", "2026-06-03T16:59:00Z", 4),
        ("2026-06-01T13:00:00Z", "2026-06-03T17:01:00Z", 0),
        ("2026-06-01T11:59:00Z", "2026-06-03T16:59:00Z", 0),
    ] {
        let mut w = World::new(&of("day"), "five");
        w.grant("1000", Category::Free);
        assert_eq!(paid(&mut w, 6, None), 6);
        w.now = at(now);
        assert_eq!(accepted(&mut w, 9, then), expected, "{then}, at {now}");
        trusted(&w, &w.catalog);
    }
}

/// Five a day and twelve a week: of the windows the one with the least room is named, whichever comes first.
#[test]
fn the_window_without_room_is_named() {
    let day = "{ name = \"d\", window.fixed = { limit = \"5\", every = \"day\" } }";
    let week = "{ name = \"w\", window.fixed = { limit = \"12\", every = \"week\" } }";
    let alone = "{ name = \"w\", window.fixed = { limit = \"10\", every = \"day\" } }";
    for windows in [[day, week], [week, day]] {
        let mut w = World::new(&ALLOWANCES.replace(alone, &windows.join(", ")), "days");
        let denied = |w: &mut World, tokens, by: &str, verdicts: [Verdict; 2]| {
            let decision = w.ask(&ask("chat", &[("tokens", tokens)]).now());
            assert_eq!(decision.refused_by().map(Name::as_str), Some(by), "{tokens}");
            let of = |name: &str| decision.visits.iter().find(|v| v.name.as_str() == name).map(|v| v.verdict);
            assert_eq!([of("included.d"), of("included.w")], verdicts.map(Some), "{tokens}");
        };
        let used = Verdict::Refused(Reason::AllowanceUsed);
        assert_eq!(paid(&mut w, 2, None), 2);
        denied(&mut w, 4, "included.d", [Verdict::Paid; 2]);
        assert_eq!(paid(&mut w, 3, None), 3);
        denied(&mut w, 1, "included.d", [used, Verdict::Passed]);
        w.pass("24h");
        assert_eq!(paid(&mut w, 5, None), 5);
        w.pass("24h");
        assert_eq!(paid(&mut w, 2, None), 2);
        denied(&mut w, 1, "included.w", [Verdict::Passed, used]);
    }
}

/// A charge of July is corrected upwards in September: the year is open.
#[test]
fn an_old_charge_is_corrected_in_its_open_window() {
    let text = ALLOWANCES.replace("every = \"day\"", "every = \"year\"");
    let mut w = World::new(&text, "days");
    w.grant("1000", Category::Free);
    w.now = at("2026-07-01T12:00:00Z");
    paid(&mut w, 1, None);
    let charge = w.account.seq;
    w.now = at("2026-09-01T12:00:00Z");
    w.apply(correct(charge, &to(&[("tokens", 12)]))).expect("corrects");
    let draws: Vec<_> =
        w.charge().draws.iter().map(|d| (d.layer.to_string(), d.amount / 1_000_000_000)).collect();
    assert_eq!(draws, [("included".into(), 10), ("grants".into(), 2)]);
    trusted(&w, &w.catalog);
}

#[test]
fn late_use_opens_no_live_window() {
    let mut w = World::new(ALLOWANCES, "five");
    w.grant("1000", Category::Free);
    // The first use of the account is reported late, four hours later: the window it would have opened ends by now.
    w.pass("4h");
    assert_eq!(paid(&mut w, 6, Some("2026-06-01T12:00:00Z")), 6);
    assert_eq!(paid(&mut w, 6, Some("2026-06-01T13:00:00Z")), 4, "the same window");
    assert_eq!(paid(&mut w, 6, None), 6, "a window of its own, from 16:00 to 21:00");
    let views = view::windows(w.ctx()).expect("views");
    let resets = views.iter().find(|v| v.name.as_str() == "included.w").and_then(|v| v.resets_at);
    assert_eq!(resets, Some(at("2026-06-01T21:00:00.000002Z")));
    // Before the first, up to its opening.
    w.pass("20h");
    assert_eq!(paid(&mut w, 3, Some("2026-06-01T11:00:00Z")), 3);
    assert_eq!(paid(&mut w, 9, Some("2026-06-01T11:59:59Z")), 7);
    assert_eq!(paid(&mut w, 9, Some("2026-06-01T12:00:00Z")), 0, "the one after is used up");
    assert_eq!(paid(&mut w, 9, Some("2026-06-01T20:00:00Z")), 4, "the live one, ended since");
    trusted(&w, &w.catalog);
}

#[test]
fn a_correction_counts_where_its_charge_did() {
    let mut w = World::new(ALLOWANCES, "days");
    w.grant("1000", Category::Free);
    paid(&mut w, 6, None);
    let charge = w.account.seq;
    w.pass("24h");
    assert_eq!(paid(&mut w, 3, None), 3);
    w.apply(correct(charge, &to(&[("tokens", 12)]))).expect("corrects");
    let corrected = w.charge();
    let included: i64 =
        corrected.draws.iter().filter(|d| d.layer.as_str() == "included").map(|d| d.amount).sum();
    assert_eq!(included, 10_000_000_000, "yesterday's ten");
    assert_eq!(paid(&mut w, 9, None), 7, "today's are untouched");
    trusted(&w, &w.catalog);
}

#[test]
fn corrections_leave_guards_alone() {
    for (kind, window, _) in KINDS {
        let mut w = world(window);
        w.ask(&ask("chat", &[("tokens", 10)]).now());
        let mut charge = w.account.seq;
        for tokens in [40, 10, 40, 0] {
            charge = w.apply(correct(charge, &to(&[("tokens", tokens)]))).expect("corrects");
        }
        assert_eq!(used(&w), 10, "{kind}: what was asked for then");
        trusted(&w, &w.catalog);
    }
}

#[test]
fn settling_fewer_requests_gives_them_back() {
    for (kind, window, _) in KINDS {
        let mut w = world(window);
        w.catalog = catalog(&text(window).replace("count = [\"tokens\"]", "count = \"requests\""));
        w.hold("chat", &[("tokens", 5), ("requests", 4)]);
        assert_eq!(used(&w), 4, "{kind}");
        w.settle(w.account.seq, &[("tokens", 5), ("requests", 2)]).expect("settles");
        assert_eq!(used(&w), 2, "{kind}");
        trusted(&w, &w.catalog);
    }
}

#[test]
fn use_reported_a_moment_late_stays_in_one_window() {
    // Ten in five hours; ten are reported each minute, a second late.
    let mut w = World::new(ALLOWANCES, "five");
    w.grant("1000", Category::Free);
    let mut paid_by_allowance = Vec::new();
    for _ in 0..6 {
        w.pass("60s");
        let then = Instant::from_micros(w.now.micros() - 1_000_000).to_string();
        paid_by_allowance.push(paid(&mut w, 4, Some(&then)));
    }
    assert_eq!(paid_by_allowance, [4, 4, 2, 0, 0, 0]);
    // Five hours after the first, the next window.
    w.pass("5h");
    let then = Instant::from_micros(w.now.micros() - 1_000_000).to_string();
    assert_eq!(paid(&mut w, 4, Some(&then)), 4);
    trusted(&w, &w.catalog);
}

#[test]
fn a_longer_window_does_not_remember_what_had_left() {
    let of =
        |limit: u32, length: &str| format!("window.sliding = {{ limit = {limit}, length = \"{length}\" }}");
    for (old, new) in [(of(1_000, "2m"), of(1_000, "3m")), (of(1_000, "1m"), of(3_000, "2h"))] {
        let mut w = world(&old);
        w.ask(&ask("chat", &[("tokens", 900)]).now());
        w.pass("130s");
        assert_eq!(used(&w), 0);
        w.catalog = catalog(&text(&new).replace("version = \"c\"", "version = \"d\""));
        assert_eq!(used(&w), 0, "{old} to {new}");
        w.ask(&ask("chat", &[("tokens", 5)]).now());
        assert_eq!(used(&w), 5, "{old} to {new}");
    }
}

/// An allowance that nobody used for so long that a checkpoint leaves its window out: the next use makes one state, whether or not
/// the account went through a checkpoint.
#[test]
fn a_window_that_is_over_is_forgotten_alike() {
    let allowance = "waterfall = [{ allowance = { name = \"a\", windows = [{ name = \"w\", window.fixed = { limit = \"50\", every = \"day\" } }] } }, ";
    let text = text("window.rate = { limit = 60, period = \"1m\" }").replace("waterfall = [", allowance);
    let mut w = World::new(&text, "p");
    w.ask(&ask("chat", &[("tokens", 5)]).now());
    w.pass("24h");
    w.ask(&ask("chat", &[("tokens", 5)]).now());
    w.pass("40d");
    w.grant("10", Category::Free);
    let mut loaded = Account::from_bytes(&w.account.to_bytes()).expect("reads back");
    for used in ["now", "late"] {
        match used {
            "now" => drop(w.ask(&ask("chat", &[("tokens", 5)]).now())),
            _ => {
                let request = ask("chat", &[("tokens", 5)]).request;
                let late = Instant::from_micros(w.now.micros() - 86_400_000_000);
                w.apply(Command::Record { request, at: Some(late) }).expect("records");
            }
        }
        loaded.apply_bytes(&w.log.last().expect("a record").to_bytes()).expect("follows");
        assert!(loaded.to_bytes() == w.account.to_bytes(), "{used}: the states differ");
    }
}

/// A guard whose durable use has drained counts what is in no record, and then what is: the record says what it had.
#[test]
fn what_no_record_says_is_taken_from_the_record_that_follows() {
    let text = |window: &str| {
        text(window)
            .replace("[features.chat]", "[features.login]\nmeters = []\nledger = false\n[features.chat]")
            .replace("[plans.p]\nfeatures = [\"chat\"]", "[plans.p]\nfeatures = [\"chat\", \"login\"]")
            .replace("count = [\"tokens\"]", "count = \"requests\"")
    };
    let durable = "features = [\"chat\"], window.rate = { limit = 3, period = \"10m\" }";
    let volatile = "window.rate = { limit = 3, period = \"10s\" }";
    let mut w = World::new(&text(durable), "p");
    w.grant("100", Category::Free);
    w.ask(&ask("chat", &[("tokens", 1)]).now());
    w.pass("1h");
    w.grant("1", Category::Free);
    w.catalog = catalog(&text(volatile));
    let step = w.run(&Command::Authorize(ask("login", &[]).now())).expect("answers");
    let Step::Count(usage, decision) = step else { panic!("{step:?}") };
    w.account.count_volatile(&usage, &decision, w.account.tick(w.now));
    w.catalog = catalog(&text(durable));
    let decision = w.ask(&ask("chat", &[("tokens", 1)]).now());
    let before = decision.visits.iter().find(|v| v.name.as_str() == "g").map(|v| v.before);
    assert_eq!(before, Some(1));
    assert_eq!(replayed(&w.log, &w.catalog), []);
}

/// What a hold gives back goes to the cell that it was counted in, also when that is the one before.
#[test]
fn cells_give_back_where_they_counted() {
    let mut w = world("window.sliding = { limit = 5000, length = \"1h\" }");
    // Noon begins a cell.
    w.hold("chat", &[("tokens", 800)]);
    let hold = w.account.seq;
    w.pass("90m");
    w.hold("chat", &[("tokens", 100)]);
    assert_eq!(used(&w), 100 + 400, "half of the cell before");
    w.settle(hold, &[("tokens", 200)]).expect("settles");
    assert_eq!(used(&w), 100 + 100);
}

/// Of several guards that refuse, the one that refuses longest says when a request passes.
#[test]
fn the_longest_wait_is_told() {
    let short = "window.rate = { limit = 1, period = \"1m\" }";
    let long = "window.sliding = { limit = 1, length = \"1h\" }";
    for (first, second) in [(short, long), (long, short)] {
        let guard =
            |window: &str, name: &str| format!("{{ name = \"{name}\", count = [\"tokens\"], {window} }}");
        let guards = format!("guards = [{}, {}]", guard(first, "g"), guard(second, "h"));
        let text = text(short).replace(&format!("guards = [{}]", guard(short, "g")), &guards);
        let mut w = World::new(&text, "p");
        w.grant("100", Category::Free);
        let ask = ask("chat", &[("tokens", 1)]).now();
        w.ask(&ask);
        let passes = w.log.last().expect("a charge").recorded_at.after("1h".parse().expect("a span"));
        w.pass("1s");
        let denied = w.ask(&ask);
        let told = denied.unblock.expect("a way").ways.iter().filter_map(|way| way.at).min();
        assert_eq!(told, Some(passes), "{first}, {second}");
    }
}
