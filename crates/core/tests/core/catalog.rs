//! Catalogs: what is refused, where, and with which fix.

use headworks_core::catalog::{Catalog, Format, changes};

const GOOD: &str = r#"version = "1"
default_plan = "p"
[meters]
tokens = { unit = "token" }
[features.chat]
meters = ["tokens"]
rate_card = "card"
[[rate_cards.card]]
effective_from = "2026-01-01T00:00:00Z"
prices = [
  { feature = "chat", per = 1_000_000, credits = { tokens = "1.875" } },
]
[plans.p]
features = ["chat"]
guards = [
  { name = "rpm", window.rate = { limit = 60, period = "1m" } },
]
waterfall = [
  { allowance = { name = "included", windows = [{ name = "day", window.fixed = { limit = "5", every = "day", zone = "Europe/Berlin" } }] } },
  { grants = { name = "credits" } },
]
"#;

/// Replaces one piece of the good catalog; the first problem must be at this line and say these words.
#[track_caller]
fn check(from: &str, to: &str, line: usize, words: &[&str]) {
    assert!(GOOD.contains(from), "the row's text is not in the catalog: {from}");
    let text = GOOD.replacen(from, to, 1);
    let problems = Catalog::parse(&text, Format::Toml).expect_err(&format!("accepted: {to}"));
    let shown = problems.to_string();
    let first = problems.kept.first().expect("a problem");
    assert_eq!(first.line, Some(line), "{shown}");
    for word in words {
        assert!(shown.contains(word), "`{word}` is not in: {shown}");
    }
    assert!(!first.fix.is_empty() || words.contains(&"write for example"), "no fix in: {shown}");
}

#[test]
fn the_good_catalog_is_good() {
    Catalog::parse(GOOD, Format::Toml).unwrap_or_else(|e| panic!("{e}"));
}

#[test]
fn problems_name_line_and_fix() {
    check("unit = \"token\"", "units = \"token\"", 4, &["unknown field", "units", "unit"]);
    check("version = \"1\"", "version = 1.5", 1, &["floating point"]);
    check("default_plan = \"p\"", "default_plan = \"q\"", 2, &["no plan `q`", "write one of p"]);
    check("meters = [\"tokens\"]", "meters = [\"token\"]", 6, &["no meter `token`", "tokens"]);
    check("rate_card = \"card\"", "rate_card = \"cards\"", 7, &["no rate card `cards`"]);
    check("tokens = \"1.875\"", "tokens = \"0.0001\"", 11, &["finer than 0.000000001"]);
    check("tokens = \"1.875\"", "tokens = \"-1\"", 11, &["decimal"]);
    check("tokens = \"1.875\"", "tokens = 1.875", 11, &["decimal in quotes"]);
    check("credits = { tokens = \"1.875\" }", "credits = { }", 11, &["`tokens` has no price", "\"0\""]);
    check(
        "features = [\"chat\"]\nguards",
        "features = [\"chat\", \"video\"]\nguards",
        14,
        &["no feature `video`"],
    );
    check("limit = 60,", "limit = 0,", 16, &["above zero"]);
    check("period = \"1m\"", "period = \"soon\"", 16, &["not a duration"]);
    check("period = \"1m\"", "period = \"1m\", hits = 3", 16, &["hits", "write one of limit, period, burst"]);
    check("Europe/Berlin", "Europe/Atlantis", 19, &["not an IANA time zone", "write for example"]);
    check("limit = \"5\"", "limit = \"-5\"", 19, &["negative"]);
    check(
        "window.fixed = { limit = \"5\", every = \"day\", zone = \"Europe/Berlin\" }",
        "window.concurrency = { limit = 5 }",
        19,
        &["refills by `fixed` or `first_use`"],
    );
    check("{ grants = { name = \"credits\" } }", "{ grants = { name = \"rpm\" } }", 20, &["used twice"]);
    check(
        "{ name = \"rpm\", window.rate = { limit = 60, period = \"1m\" } }",
        "{ name = \"included.day\", window.spend_cap = { limit = \"9\", every = \"day\" } }",
        19,
        &["`included.day` is used twice"],
    );
    check(
        "{ grants = { name = \"credits\" } }",
        "{ grant = { name = \"credits\" } }",
        20,
        &["unknown variant"],
    );
}

#[test]
fn what_a_limit_or_factor_cannot_be_is_refused() {
    let rate = "window.rate = { limit = 60, period = \"1m\" }";
    check(rate, "window.size = { limit = 9 }", 16, &["counted in meters", "`count`"]);
    check(rate, "count = \"words\", window.size = { limit = 9 }", 16, &["the meter `words`"]);
    check("every = \"day\"", "every = \"fortnight\"", 19, &["no period", "quarter"]);
    check("every = \"day\"", "every = \"1 days\"", 19, &["no period", "2 weeks"]);
    let plan = "features = [\"chat\"]\nguards";
    for bad in ["-0.5", "1000.000000001", "0.0000000001", "much"] {
        let factor = format!("features = [\"chat\"]\nprice_factor = \"{bad}\"\nguards");
        check(plan, &factor, 15, &["no factor from 0 to 1000", bad]);
    }
    let by_tier = "features = [\"chat\"]\nprice_factor = { gold = \"0.9\" }\nguards";
    check(plan, by_tier, 15, &["gold", "established"]);
    check("name = \"rpm\"", "name = \"price_factor\"", 16, &["the name of the factor"]);
    let units = GOOD
        .replace("rate_card = \"card\"", "rate_card = \"card\"\nallowance_unit = \"tokens\"")
        .replace(plan, "features = [\"chat\"]\nprice_factor = \"0.9\"\nguards");
    let refused = Catalog::parse(&units, Format::Toml).expect_err("an allowance in units").to_string();
    assert!(refused.contains("whole units at whole prices"), "{refused}");
}

#[test]
fn json_problems_have_lines_too() {
    let json = "{\n \"version\": \"1\",\n \"meters\": {\"tokens\": {\"unit\": \"token\"}},\n \"features\": {\n  \"chat\": {\"meters\": [\"tokens\",\n   \"sounds\"]}\n },\n \"plans\": {}\n}";
    let problems = Catalog::parse(json, Format::Json).expect_err("accepted");
    assert_eq!(problems.kept.first().map(|p| p.line), Some(Some(6)), "{problems}");
    assert!(
        problems.to_string().contains("features.chat.meters[1]: there is no meter `sounds`"),
        "{problems}"
    );
    let problems =
        Catalog::parse("{\n\"version\": \"1\",\n\"plan\": {}}", Format::Json).expect_err("accepted");
    assert_eq!(problems.kept.first().map(|p| p.line), Some(Some(3)), "{problems}");
}

#[test]
fn all_problems_are_told_at_once() {
    let text = GOOD.replace("[\"tokens\"]", "[\"token\"]").replace("Europe/Berlin", "Nowhere");
    let problems = Catalog::parse(&text, Format::Toml).expect_err("accepted");
    assert!(problems.kept.len() >= 2, "{problems}");
}

#[test]
fn a_meter_that_leaves_other_prices_open_is_refused() {
    let text = GOOD
        .replace(
            "tokens = { unit = \"token\" }",
            "tokens = { unit = \"token\" }\nseconds = { unit = \"second\" }",
        )
        .replace("meters = [\"tokens\"]", "meters = [\"tokens\", \"seconds\"]\nallowance_unit = \"seconds\"")
        .replace("{ tokens = \"1.875\" }", "{ tokens = \"1.875\", seconds = \"2\" }");
    let problems = Catalog::parse(&text, Format::Toml).expect_err("accepted");
    assert!(problems.to_string().contains("not the only priced meter"), "{problems}");
}

#[test]
fn what_a_catalog_changes_is_told_by_name() {
    let parse = |text: &str| Catalog::parse(text, Format::of(text)).unwrap_or_else(|e| panic!("{e}"));
    let before = parse(GOOD);
    let notation =
        GOOD.replace("1_000_000", "1000000").replace("version = \"1\"", "version = \"2\" # the same");
    assert_eq!(changes(&before, &parse(&notation)), Default::default());
    let after = GOOD
        .replace("limit = \"5\"", "limit = \"6\"")
        .replace("1.875", "2")
        .replace("[features.chat]", "[features.draw]\nmeters = []\n[features.chat]")
        .replace("unit = \"token\"", "unit = \"word\"");
    let after = changes(&before, &parse(&(after + "[plans.q]\nfeatures = []\n")));
    let text =
        |names: &[headworks_core::record::Name]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(text(&after.plans.added), ["q"]);
    assert_eq!(text(&after.plans.changed), ["p"]);
    assert_eq!(text(&after.features.added), ["draw"]);
    assert_eq!(text(&after.rate_cards.changed), ["card"]);
    assert_eq!(text(&after.other), ["meters"]);
    let gone = changes(&parse(&(GOOD.to_owned() + "[plans.q]\nfeatures = []\n")), &before);
    assert_eq!(text(&gone.plans.removed), ["q"]);
}

/// What was used and overridden of a limit stays with its name: 7 credits of one plan would be 7 billion requests of another.
#[test]
fn limits_of_one_name_count_credits_in_all_plans_or_in_none() {
    let text = r#"
version = "t"
default_plan = "a"
[features.chat]
prices = [{ credits = { tokens = "1" } }]
[plans.a]
features = ["chat"]
guards = [{ name = "most", window.spend_cap = { limit = "5", every = "month" } }]
waterfall = [{ grants = { name = "credits" } }]
[plans.b]
features = ["chat"]
guards = [{ name = "most", count = "requests", window.fixed = { limit = 5, every = "month" } }]
waterfall = [{ grants = { name = "credits" } }]
"#;
    let parse = |text: &str| Catalog::parse(text, Format::Toml);
    let refused = parse(text).expect_err("refused").to_string();
    assert!(
        refused.contains("line 10: plans.b: `most` counts no credits, and credits in plan `a`"),
        "{refused}"
    );
    parse(&text.replace("name = \"most\", count", "name = \"calls\", count")).expect("two names");
    parse(
        &text
            .replace("window.fixed = { limit = 5", "window.spend_cap = { limit = \"5\"")
            .replace("count = \"requests\", ", ""),
    )
    .expect("one unit");
}
