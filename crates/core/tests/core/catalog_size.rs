//! Catalogs of any size and shape: what is kept of their problems, how much work they are, and when it ends.

use std::cell::Cell;

use headworks_core::catalog::{Catalog, Format, ParseError, Problems, TEXT_LEN_MAX};

/// A catalog in JSON with these parts.
fn json(features: &str, cards: &str, supplies: &str, plans: &str) -> String {
    format!(
        "{{\"version\":\"1\",\"meters\":{{\"t\":{{\"unit\":\"t\"}}}},\"features\":{{{features}}},\
         \"rate_cards\":{{{cards}}},\"supplies\":{{{supplies}}},\"plans\":{{{plans}}}}}"
    )
}

/// `n` things, separated by commas.
fn list(n: usize, thing: impl Fn(usize) -> String) -> String {
    (0..n).map(thing).collect::<Vec<_>>().join(",")
}

/// Prices of one feature, each with these dimensions.
fn prices(n: usize, when: impl Fn(usize) -> String) -> String {
    let price = |i| format!("{{\"feature\":\"f\",\"when\":{{{}}},\"credits\":{{\"t\":1}}}}", when(i));
    let card =
        format!("\"c\":[{{\"effective_from\":\"2026-01-01T00:00:00Z\",\"prices\":[{}]}}]", list(n, price));
    json("\"f\":{\"meters\":[\"t\"],\"rate_card\":\"c\"}", &card, "", "")
}

fn feature(i: usize) -> String {
    format!("\"f{i}\":{{\"meters\":[\"t\"],\"rate_card\":\"c\"}}")
}

/// Versions of a card that price the feature `f`, or nothing.
fn versions(n: usize, prices: &str) -> String {
    let version = |i| {
        let (day, second) = (1 + i / 3_600 % 28, i % 3_600);
        let (year, minute, second) = (2000 + i / 100_800, second / 60, second % 60);
        format!(
            "{{\"effective_from\":\"{year}-01-{day:02}T00:{minute:02}:{second:02}Z\",\"prices\":[{prices}]}}"
        )
    };
    format!("\"c\":[{}]", list(n, version))
}

#[track_caller]
fn problems(text: &str) -> Problems {
    Catalog::parse(text, Format::of(text)).expect_err("accepted")
}

#[test]
fn problems_beyond_the_first_hundred_are_counted() {
    for (count, kept) in [(1, 1), (99, 99), (100, 100), (101, 100), (5_000, 100)] {
        let unknown = list(count, |i| format!("\"nope{i}\""));
        let found = problems(&json("", "", "", &format!("\"p\":{{\"features\":[{unknown}]}}")));
        assert_eq!((found.count, found.kept.len(), found.more()), (count, kept, count - kept));
        let end = if count > kept { format!("\nand {} more", count - kept) } else { String::new() };
        assert!(found.to_string().ends_with(&end), "{count}");
    }
}

#[test]
fn warnings_are_kept_and_counted_like_problems() {
    let features = list(150, |i| format!("\"f{i}\":{{\"meters\":[\"t\"],\"overshoot\":\"debt\"}}"));
    let all = list(150, |i| format!("\"f{i}\""));
    let text = json(&features, "", "", &format!("\"p\":{{\"features\":[{all}]}}"));
    let catalog = Catalog::parse(&text, Format::Json).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!((catalog.warnings.count, catalog.warnings.kept.len()), (150, 100));
}

#[test]
fn a_price_is_told_once_however_many_it_ties_with() {
    let found = problems(&prices(4_000, |_| "\"model\":\"large\"".to_owned()));
    assert_eq!((found.count, found.kept.len()), (3_999, 100));
    let first = &found.kept[0];
    assert_eq!(first.at, "rate_cards.c[0].prices[1]");
    assert!(first.what.contains("prices[0]"), "{first}");
}

#[test]
fn versions_without_a_price_are_counted_feature_by_feature() {
    // Each of 300 features lacks a price in each of 200 versions.
    let found = problems(&json(&list(300, feature), &versions(200, ""), "", ""));
    assert_eq!((found.count, found.kept.len()), (300 * 200, 100));
}

#[test]
fn texts_of_problems_have_an_end() {
    let long = "9".repeat(1_000_000);
    for text in [
        json("", "", "", &format!("\"p\":{{\"features\":[\"{long}\"]}}")),
        format!("{{\"version\":\"1\",\"{long}\":0}}"),
        format!("version = \"1\"\n{long} = 0\n"),
        prices(1, |_| String::new()).replace("\"t\":1}", &format!("\"t\":\"{long}\"}}")),
    ] {
        let found = problems(&text);
        assert!(found.to_string().len() < 1_000, "{} bytes", found.to_string().len());
    }
    // A fix does not list thousands of names.
    let found = problems(&json(&list(5_000, feature), "", "", "\"p\":{\"features\":[\"g\"]}"));
    assert!(found.kept.iter().all(|problem| problem.to_string().len() < 600), "{}", found.kept[0]);
}

#[test]
fn problems_are_in_the_order_of_the_text_in_both_notations() {
    let toml = "version = \"1\"\nmeters.t.unit = \"t\"\n[features.b]\nmeters = [\n  \"x\",\n  \"y\",\n]\n[features.a]\nmeters = [\"z\"]\n[plans]\n";
    let json = "{\"version\": \"1\", \"meters\": {\"t\": {\"unit\": \"t\"}},\n\"features\": {\n\"b\": {\"meters\":\n[\n\"x\",\n\"y\"]},\n\"a\": {\"meters\": [\"z\"]}}, \"plans\": {}}";
    for (text, lines) in [(toml, [5, 6, 9]), (json, [5, 6, 7])] {
        let found = problems(text);
        let told: Vec<_> = found.kept.iter().map(|problem| problem.line).collect();
        assert_eq!(told, lines.map(Some), "{found}");
    }
}

/// A short catalog in which 40,000 features leave 32 meters each to one price.
#[test]
fn what_is_left_out_has_a_maximum() {
    let priced = list(32, |i| format!("\"t{i}\":\"1\""));
    let card = format!("\"c\":[{{\"prices\":[{{\"credits\":{{{priced}}}}}]}}]");
    let features = |n: usize| list(n, |i| format!("\"f{i}\":{{\"rate_card\":\"c\"}}"));
    let text =
        |n: usize| json(&features(n), &card, "", "").replace("\"meters\":{\"t\":{\"unit\":\"t\"}},", "");
    assert!(Catalog::parse(&text(100), Format::Json).is_ok());
    let found = problems(&text(40_000));
    assert!(found.to_string().contains("meters that features leave to prices"), "{found}");
}

/// What has a maximum: a catalog at the maximum, and one beyond it whose problem says these words.
#[test]
fn parts_have_a_maximum() {
    let names = |n: usize| list(n, |i| format!("\"t{i}\""));
    let meters = |n: usize| {
        let defined = list(n, |i| format!("\"t{i}\":{{\"unit\":\"t\"}}"));
        json(&format!("\"f\":{{\"meters\":[{}]}}", names(n)), "", "", "")
            .replace("\"t\":{\"unit\":\"t\"}", &defined)
    };
    let plan = |rest: &str| {
        json("\"f\":{\"meters\":[\"t\"]}", "", "", &format!("\"p\":{{\"features\":[\"f\"],{rest}}}"))
    };
    let guards = |n: usize| {
        let guard = |i| format!("{{\"name\":\"g{i}\",\"window\":{{\"concurrency\":{{\"limit\":1}}}}}}");
        plan(&format!("\"guards\":[{}]", list(n, guard)))
    };
    let layers = |n: usize| {
        plan(&format!("\"waterfall\":[{}]", list(n, |i| format!("{{\"grants\":{{\"name\":\"l{i}\"}}}}"))))
    };
    let windows = |n: usize| {
        let window =
            |i| format!("{{\"name\":\"w{i}\",\"window\":{{\"fixed\":{{\"limit\":1,\"every\":\"day\"}}}}}}");
        let windows = list(n, window);
        plan(&format!("\"waterfall\":[{{\"allowance\":{{\"name\":\"a\",\"windows\":[{windows}]}}}}]"))
    };
    let dimensions = |n: usize| prices(1, |_| list(n, |i| format!("\"d{i}\":\"x\"")));
    // Sets of two of nine names, with a common name whose values tell the prices apart.
    let shapes = |n: usize| {
        let pairs: Vec<(usize, usize)> = (0..9).flat_map(|a| (a + 1..9).map(move |b| (a, b))).collect();
        prices(n, |i| {
            let (a, b) = pairs[i];
            format!("\"d{a}\":\"x\",\"d{b}\":\"x\",\"common\":\"v{i}\"")
        })
    };
    let fallbacks = |n: usize| {
        let other = list(n, |i| format!("\"o{i}\":{{\"rate\":1}}"));
        let names = list(n, |i| format!("\"o{i}\""));
        json("", "", &format!("\"s\":{{\"rate\":1,\"fallback\":[{names}]}},{other}"), "")
    };
    let classes = |n: usize| {
        let classes = list(n, |i| format!("\"c{i}\":{{}}"));
        json("", "", &format!("\"s\":{{\"rate\":1,\"classes\":{{{classes}}}}}"), "")
    };
    let units = |n: usize| {
        json(&list(n, |i| format!("\"f{i}\":{{\"meters\":[\"t\"],\"credit_unit\":\"u{i}\"}}")), "", "", "")
    };
    let applied = |features: usize| {
        let guard = |i| format!("{{\"name\":\"g{i}\",\"window\":{{\"concurrency\":{{\"limit\":1}}}}}}");
        let (all, guards) = (list(features, |i| format!("\"f{i}\"")), list(250, guard));
        let features = list(features, |i| format!("\"f{i}\":{{\"meters\":[\"t\"]}}"));
        json(&features, "", "", &format!("\"p\":{{\"features\":[{all}],\"guards\":[{guards}]}}"))
    };
    type MakeOf<'a> = &'a dyn Fn(usize) -> String;
    let rows: [(MakeOf<'_>, usize, &str); 11] = [
        (&meters, 32, "33 meters, at most 32"),
        (&dimensions, 16, "17 dimensions, at most 16"),
        (&shapes, 32, "33 different sets of dimensions, at most 32"),
        (&guards, 256, "257 guards, at most 256"),
        (&layers, 64, "65 layers, at most 64"),
        (&windows, 16, "17 windows, at most 16"),
        (&fallbacks, 16, "17 supplies, at most 16"),
        (&classes, 64, "65 classes, at most 64"),
        (&units, 64, "65 units of credits, at most 64"),
        (&applied, 4_000, "1000250 guards and layers over all features of all plans, at most 1000000"),
        (&|n| format!("{{\"version\":\"{}", " ".repeat(n - 12)), TEXT_LEN_MAX, "at most 8388608 are read"),
    ];
    for (make, max, words) in rows {
        if let Err(e) = Catalog::parse(&make(max), Format::Json) {
            // A text of full length is read, and is not a catalog.
            assert!(max == TEXT_LEN_MAX && !e.to_string().contains(words), "at {max}: {e}");
        }
        let found = problems(&make(max + 1)).to_string();
        assert!(found.contains(words), "`{words}` is not in: {found}");
    }
}

#[test]
fn a_text_is_measured_before_it_is_read() {
    for (part, of) in [("[[a]]\n", "tables"), ("a={}\n", "tables"), ("#\n", "words"), ("a.", "words")] {
        let text = part.repeat(TEXT_LEN_MAX / part.len());
        let found = problems(&text).to_string();
        assert!(found.contains("at most 320000 tables and lists and 5000000 words"), "{of}: {found}");
        assert!(found.contains("line "), "{found}");
    }
}

/// Asks of a check whether to go on, and its result; it is stopped at the ask `stop`.
fn asks(text: &str, stop: u32) -> (u32, Result<(), ParseError>) {
    let asks = Cell::new(0);
    let goes_on = || {
        asks.set(asks.get() + 1);
        asks.get() < stop
    };
    let read = Catalog::parse_while(text, Format::of(text), &goes_on).map(drop);
    (asks.get(), read)
}

/// Makes a catalog of a size.
type Make = Box<dyn Fn(usize) -> String>;

/// Catalogs of every shape that grows with a number.
fn growing() -> Vec<(&'static str, Make)> {
    let priced = |features: usize, n: usize| {
        let all = list(n, |i| format!("{{\"feature\":\"f{}\",\"credits\":{{\"t\":1}}}}", i % features));
        let card = format!("\"c\":[{{\"effective_from\":\"2026-01-01T00:00:00Z\",\"prices\":[{all}]}}]");
        json(&list(features, feature), &card, "", "")
    };
    let toml = |n: usize| {
        let prices =
            list(n, |i| format!("{{ feature = \"f\", when = {{ m = \"{i}\" }}, credits = {{ t = 1 }} }}\n"));
        format!(
            "version = \"1\"\nplans = {{}}\nmeters.t.unit = \"t\"\n[features.f]\nmeters = [\"t\"]\nrate_card = \"c\"\n\
             [[rate_cards.c]]\neffective_from = \"2026-01-01T00:00:00Z\"\nprices = [{prices}]\n"
        )
    };
    let one = "{\"feature\":\"f\",\"credits\":{\"t\":1}}";
    let own = "\"f\":{\"meters\":[\"t\"],\"rate_card\":\"c\"}";
    let plan = |i: usize| {
        format!(
            "\"p{i}\":{{\"features\":[\"f{}\"],\"guards\":[{{\"name\":\"g\",\"window\":{{\"concurrency\":{{\"limit\":1}}}}}}]}}",
            i % 7
        )
    };
    vec![
        ("prices of one feature", Box::new(|n| prices(n, |i| format!("\"m\":\"{i}\"")))),
        ("the same in TOML", Box::new(toml)),
        ("the same price", Box::new(|n| prices(n, |_| "\"m\":\"x\"".to_owned()))),
        ("prices of many shapes", Box::new(|n| prices(n, |i| format!("\"m{}\":\"{i}\"", i % 32)))),
        ("a name for each price", Box::new(|n| prices(n, |i| format!("\"m{i}\":\"x\"")))),
        ("features of one card", Box::new(move |n| priced(n, n))),
        ("features without prices", Box::new(|n| json(&list(n, feature), &versions(1, ""), "", ""))),
        ("features and versions", Box::new(|n| json(&list(n / 2, feature), &versions(n / 2, ""), "", ""))),
        ("versions", Box::new(move |n| json(own, &versions(n, one), "", ""))),
        ("plans", Box::new(move |n| json(&list(n, feature), &versions(1, ""), "", &list(n, plan)))),
        (
            "guards",
            Box::new(|n| {
                json(
                    "",
                    "",
                    "",
                    &format!(
                        "\"p\":{{\"features\":[],\"guards\":[{}]}}",
                        list(n, |i| format!(
                            "{{\"name\":\"g{i}\",\"window\":{{\"concurrency\":{{\"limit\":1}}}}}}"
                        ))
                    ),
                )
            }),
        ),
        (
            "unknown features",
            Box::new(|n| {
                json("", "", "", &format!("\"p\":{{\"features\":[{}]}}", list(n, |i| format!("\"f{i}\""))))
            }),
        ),
        (
            "a price in each item of a list",
            Box::new(|n| prices(1, |_| format!("\"m\":[{}]", list(n, |i| format!("\"v{i}\""))))),
        ),
        (
            "prices that inherit",
            Box::new(|n| {
                prices(n, |i| format!("\"m\":\"{i}\""))
                    .replace("\"credits\":{\"t\":1}", "\"credits\":{}")
                    .replacen("\"m\":\"0\"},\"credits\":{}", "},\"credits\":{\"t\":1}", 1)
            }),
        ),
        (
            "derived prices",
            Box::new(|n| {
                prices(n, |i| format!("\"m\":\"{i}\""))
                    .replace("\"credits\":{\"t\":1}", "\"like\":{\"m\":\"0\"},\"factor\":2")
                    .replacen("\"like\":{\"m\":\"0\"},\"factor\":2", "\"credits\":{\"t\":1}", 1)
            }),
        ),
        (
            "prices that a third decides",
            Box::new(|n| {
                let one = |i: usize| match i % 3 {
                    0 => format!("\"a\":\"{i}\""),
                    1 => format!("\"b\":\"{i}\""),
                    _ => format!("\"a\":\"{}\",\"b\":\"{}\"", i - 2, i - 1),
                };
                prices(n, one)
            }),
        ),
        (
            "plans that extend one",
            Box::new(move |n| {
                let of = |i| format!(",\"p{i}\":{{\"extends\":\"p\",\"limits\":{{\"g\":{i}}}}}");
                let base = plan(0).replace("p0", "p");
                json(
                    &list(1, feature),
                    &versions(1, "{\"feature\":\"f0\",\"credits\":{\"t\":1}}"),
                    "",
                    &(base + &(0..n).map(of).collect::<String>()),
                )
            }),
        ),
        ("supplies", Box::new(|n| json("", "", &list(n, |i| format!("\"s{i}\":{{\"rate\":1}}")), ""))),
    ]
}

#[test]
fn work_grows_with_the_text() {
    for (name, make) in growing() {
        let (few, _) = asks(&make(2_000), u32::MAX);
        let (many, _) = asks(&make(16_000), u32::MAX);
        assert!(many <= 9 * few.max(8), "{name}: {few} asks for 2,000, {many} for 16,000");
    }
}

#[test]
fn a_check_ends_when_its_caller_says_so() {
    for (name, make) in growing() {
        let text = make(4_000);
        let (all, _) = asks(&text, u32::MAX);
        for stop in [1, all / 4, all / 2, all * 3 / 4, all].map(|stop| stop.max(1)) {
            let (asked, read) = asks(&text, stop);
            assert_eq!(read, Err(ParseError::Stopped), "{name}: stopped at {stop} of {all}");
            assert_eq!(asked, stop, "{name}: it went on");
        }
    }
}
