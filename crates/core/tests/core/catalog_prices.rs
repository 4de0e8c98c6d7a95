//! Prices that are written once: for several features and values, derived by a factor, or left to a less specific price.

use headworks_core::catalog::{Catalog, Format};
use headworks_core::command::Command;
use headworks_core::record::{Credits, Dimension, Label, Line};
use headworks_core::waterfall::Refusal;

use crate::common::{World, ask, asked, name};

/// Three features of one card; prices follow.
const FEATURES: &str = r#"version = "1"
[meters]
tokens = { unit = "token" }
cached = { unit = "token" }
searches = { unit = "search" }
[features.chat]
meters = ["tokens", "cached", "searches"]
rate_card = "card"
[features.review]
meters = ["tokens", "cached"]
rate_card = "card"
[features.draw]
meters = ["tokens", "requests"]
rate_card = "card"
[plans.p]
features = ["chat", "review", "draw"]
waterfall = [{ overdraft = { name = "o", limit = "1000000" } }]
[[rate_cards.card]]
effective_from = "2020-01-01T00:00:00Z"
prices = [
"#;

fn text(prices: &str) -> String {
    format!("{FEATURES}{prices}\n]\n")
}

/// What one unit of each meter costs a request of a feature with these dimensions, or why it is refused.
fn prices(catalog: &str, feature: &str, dimensions: &str) -> Result<String, Refusal> {
    let world = World::new(catalog, "p");
    let mut asking = ask(feature, &[]);
    let dimension = |text: &str| {
        let (of, value) = text.split_once('=').expect("a dimension");
        Dimension::new(name(of), Label::new(value).expect(value))
    };
    asking.request.dimensions = dimensions.split_whitespace().map(dimension).collect();
    let step = world.run(&Command::Authorize(asking))?;
    let price = |line: &Line| Credits::from_nano(line.price.nano().try_into().expect("small")).to_string();
    Ok(asked(&step).lines.iter().map(price).collect::<Vec<_>>().join(" "))
}

/// Prices, and rows of feature, dimensions and the expected price of each meter in order; `-`: there is none.
#[track_caller]
fn check(written: &str, rows: &[(&str, &str, &str)]) {
    let catalog = text(written);
    for (feature, dimensions, expected) in rows {
        let found = match prices(&catalog, feature, dimensions) {
            Ok(found) => found,
            Err(Refusal::NoPrice(..)) => "-".to_owned(),
            Err(refusal) => panic!("{refusal}"),
        };
        assert_eq!(found, *expected, "{feature} with {dimensions} under\n{written}");
    }
}

const DEFAULT: &str = "{ credits = { tokens = 1, cached = \"0.1\", searches = 9 } },\n";

#[test]
fn a_price_is_for_several_features_and_values() {
    check(
        "{ feature = [\"chat\", \"review\"], when = { model = [\"a\", \"b\"], tier = [\"x\", \"y\"] }, credits = { tokens = 2, cached = 1, searches = 3 } },
         { feature = \"chat\", when = { model = \"c\" }, credits = { tokens = 4, cached = 0, searches = 0 } },
         { feature = \"draw\", credits = { tokens = 5 } }",
        &[
            ("chat", "model=a tier=x", "2 1 3"),
            ("chat", "model=b tier=y", "2 1 3"),
            ("review", "model=b tier=x", "2 1"),
            ("chat", "model=c tier=x", "4 0 0"),
            ("review", "model=c tier=x", "-"),
            ("chat", "model=a", "-"),
            ("chat", "model=a tier=z", "-"),
            ("draw", "", "5 0"),
        ],
    );
    // Without a feature it is for all that use the card; one that names its feature is more specific.
    check(
        &format!("{DEFAULT}{{ feature = \"review\", credits = {{ tokens = 7 }} }}"),
        &[("chat", "", "1 0.1 9"), ("review", "", "7 0.1"), ("draw", "", "1 0")],
    );
}

#[test]
fn a_meter_costs_what_the_most_specific_price_of_it_says() {
    check(
        &format!(
            "{DEFAULT}{{ when = {{ context = \"long\" }}, credits = {{ tokens = 2 }} }},
             {{ when = {{ service = \"batch\" }}, credits = {{ searches = 5 }} }},
             {{ when = {{ context = \"long\", service = \"batch\", model = \"a\" }}, credits = {{ tokens = 3 }} }}"
        ),
        &[
            ("chat", "", "1 0.1 9"),
            ("chat", "context=long", "2 0.1 9"),
            ("chat", "service=batch", "1 0.1 5"),
            // Two prices that name as much, each of other meters.
            ("chat", "context=long service=batch", "2 0.1 5"),
            ("chat", "context=long service=batch model=a", "3 0.1 5"),
            ("chat", "context=long service=batch model=b", "2 0.1 5"),
            ("review", "service=batch", "1 0.1"),
        ],
    );
    // What `requests` cost is inherited too; without any price they are free.
    check(
        "{ credits = { tokens = 1, cached = 0, searches = 0, requests = 6 } },
         { when = { model = \"a\" }, credits = { tokens = 2 } }",
        &[("draw", "", "1 6"), ("draw", "model=a", "2 6")],
    );
}

#[test]
fn what_is_told_of_prices_says_what_they_inherit() {
    let catalog = text(&format!(
        "{DEFAULT}{{ feature = \"chat\", when = {{ model = \"a\" }}, credits = {{ tokens = 2 }} }}"
    ));
    let catalog = Catalog::parse(&catalog, Format::Toml).unwrap_or_else(|e| panic!("{e}"));
    let told = catalog.told();
    let of = |head: &str| {
        told.iter().find(|told| told.head == head).map(|told| told.lines.clone()).unwrap_or_default()
    };
    assert_eq!(
        of("prices of chat"),
        [
            "model a: tokens 2 credits each, the rest as without some of these",
            "otherwise: tokens 1 credits each, cached 0.1 credits each, searches 9 credits each",
        ]
    );
}

#[test]
fn a_default_of_some_meters_is_no_price_by_itself() {
    check(
        "{ credits = { searches = 9 } },
         { feature = [\"chat\", \"review\"], when = { model = [\"a\", \"b\"] }, credits = { tokens = 1, cached = 0 } },
         { feature = \"draw\", credits = { tokens = 3 } }",
        &[("chat", "model=a", "1 0 9"), ("chat", "", "-"), ("chat", "model=c", "-"), ("review", "model=b", "1 0"), ("draw", "", "3 0")],
    );
}

#[test]
fn a_third_price_decides_between_two() {
    check(
        &format!(
            "{DEFAULT}{{ when = {{ context = \"long\" }}, credits = {{ tokens = 2 }} }},
             {{ when = {{ service = [\"batch\", \"flex\"] }}, credits = {{ tokens = \"0.5\" }} }},
             {{ when = {{ context = \"long\", service = [\"batch\", \"flex\"] }}, credits = {{ tokens = \"0.7\" }} }}"
        ),
        &[
            ("chat", "context=long", "2 0.1 9"),
            ("chat", "service=flex", "0.5 0.1 9"),
            ("chat", "context=long service=batch", "0.7 0.1 9"),
            ("chat", "context=long service=none", "2 0.1 9"),
        ],
    );
}

#[test]
fn a_price_is_derived_by_a_factor() {
    check(
        &format!(
            "{DEFAULT}{{ when = {{ model = \"large\" }}, credits = {{ tokens = 4 }} }},
             {{ when = {{ model = \"large\", service = \"fast\" }}, like = {{ model = \"large\" }}, factor = \"2.5\" }},
             {{ when = {{ model = \"small\" }}, like = {{}}, factor = \"0.5\", credits = {{ searches = 8 }} }},
             {{ when = {{ model = [\"large\", \"small\"], service = \"batch\" }}, like = {{ model = [\"large\", \"small\"] }}, factor = \"0.5\" }},
             {{ when = {{ model = \"medium\" }}, like = {{ model = \"large\" }} }}"
        ),
        &[
            ("chat", "model=large", "4 0.1 9"),
            ("chat", "model=large service=fast", "10 0.25 22.5"),
            ("chat", "model=small", "0.5 0.05 8"),
            // Derived from what is derived, value by value.
            ("chat", "model=small service=batch", "0.25 0.025 4"),
            ("chat", "model=large service=batch", "2 0.05 4.5"),
            ("review", "model=large service=fast", "10 0.25"),
            ("chat", "model=medium", "4 0.1 9"),
            ("draw", "model=large service=fast", "10 0"),
        ],
    );
}

#[test]
fn the_nearest_prices_are_told() {
    let catalog = text(
        "{ feature = \"chat\", when = { model = [\"large\", \"larger\", \"small\", \"medium\"] }, credits = { tokens = 2, cached = 1, searches = 3 } },
         { feature = \"chat\", when = { model = [\"large\", \"small\"], tier = [\"x\", \"y\"] }, credits = { tokens = 2 } },
         { feature = [\"review\", \"draw\"], credits = { tokens = 5, cached = 0 } }",
    );
    for (dimensions, words) in [
        (
            "model=larg",
            "matches model=larg; the nearest prices are for model=large; or model=larger; or model=small",
        ),
        (
            "model=smal",
            "matches model=smal; the nearest prices are for model=small; or model=large; or model=",
        ),
        (
            "",
            "matches a request without dimensions; the nearest prices are for model=large; or model=small; or model=",
        ),
        ("model=big tier=x", "matches model=big, tier=x; the nearest prices are for model=large; or model="),
        (
            "tier=x",
            "matches tier=x; the nearest prices are for model=large; or model=large, tier=x; or model=small",
        ),
    ] {
        let refusal = prices(&catalog, "chat", dimensions).expect_err("has no price");
        let shown = refusal.to_string();
        assert!(shown.starts_with(&format!("no price of `chat` {words}")), "{dimensions}: {shown}");
    }
    // Of very many prices some are looked at: those that stand next to what was sent.
    let models: Vec<String> = (0..20_000).map(|i| format!("\"m{i:05}\"")).collect();
    let catalog = text(&format!(
        "{{ feature = \"draw\", when = {{ model = [{}] }}, credits = {{ tokens = 1 }} }}, {{ feature = [\"chat\", \"review\"], credits = {{ tokens = 1, cached = 1, searches = 1 }} }}",
        models.join(", ")
    ));
    let refusal = prices(&catalog, "draw", "model=m0700").expect_err("has no price");
    assert!(
        refusal.to_string().contains("the nearest prices are for model=m07000; or model=m07001; or"),
        "{refusal}"
    );
}

/// These prices are refused: the first problem is in this line of them, from 1, and says these words.
#[track_caller]
fn refused(written: &str, line: usize, words: &[&str]) {
    let problems = Catalog::parse(&text(written), Format::Toml).expect_err(&format!("accepted: {written}"));
    let shown = problems.to_string();
    let first = problems.kept.first().expect("a problem");
    assert_eq!(first.line, Some(FEATURES.lines().count() + line), "{shown}");
    for word in words {
        assert!(shown.contains(word), "`{word}` is not in: {shown}");
    }
    assert!(!first.fix.is_empty(), "no fix in: {shown}");
}

#[test]
fn prices_that_follow_from_others_are_checked() {
    let after = |rest: &str| format!("{DEFAULT}{rest}");
    refused(
        &after("{ feature = [\"chat\",\n\"chart\"], credits = { tokens = 1 } }"),
        3,
        &["no feature `chart`"],
    );
    refused(
        &after("{ feature = [\"chat\",\n\"chat\"], credits = { tokens = 1 } }"),
        3,
        &["`chat` is listed twice"],
    );
    refused(&after("{ feature = [], credits = { tokens = 1 } }"), 2, &["the list is empty"]);
    refused(
        &after("{ when = { model = [\"a\",\n\"a\"] }, credits = { tokens = 1 } }"),
        3,
        &["`a` is listed twice"],
    );
    refused(&after("{ when = { model = [] }, credits = { tokens = 1 } }"), 2, &["the list is empty"]);
    refused(&after("{ when = { model = 5 }, credits = { tokens = 1 } }"), 2, &["text in quotes, or a list"]);
    // A meter belongs to one of the features at least, and every meter has a price.
    refused(
        &after("{ feature = [\"review\", \"draw\"],\ncredits = { searches = 1 } }"),
        3,
        &["`searches` is not a meter"],
    );
    refused(
        "{ when = { model = \"a\" }, credits = { tokens = 1, cached = 1, searches = 1 } },\n{ when = { model = \"b\" }, credits = { tokens = 1, searches = 1 } }",
        2,
        &["meter `cached` has no price", "add cached = \"0\"", "names fewer dimensions"],
    );
    // Ties: both are named, and a third price decides only for the meters that it prices.
    let tied = "{ when = { a = \"x\" }, credits = { tokens = 1, cached = 1 } },\n{ when = { b = \"y\" }, credits = { tokens = 2, cached = 2 } },\n";
    refused(
        &after(tied),
        3,
        &["rate_cards.card[0].prices[2]", "prices[1] can match the same request", "that names those of both"],
    );
    let third =
        |meters: &str| format!("{tied}{{ when = {{ a = \"x\", b = \"y\" }}, credits = {{ {meters} }} }},\n");
    refused(&after(&third("tokens = 1")), 3, &["prices[1]"]);
    parse(&after(&third("tokens = 1, cached = 1")));
    refused(
        &after(
            "{ feature = \"chat\", credits = { tokens = 1 } },\n{ when = { a = \"x\" }, credits = { tokens = 2 } }",
        ),
        3,
        &["of `chat` and prices[1]"],
    );
    refused(&after("{ credits = { searches = 1 } }"), 2, &["prices[0] can match"]);
    // Factors.
    refused(
        &after("{ when = { a = \"x\" }, like = { a = \"z\" }, factor = 2 }"),
        2,
        &["no price of `chat` has this `when`"],
    );
    refused(
        &after("{ when = { a = \"x\" },\nfactor = 2, credits = { tokens = 1 } }"),
        3,
        &["a factor of nothing"],
    );
    refused(&after("{ when = { a = \"x\" }, like = {},\nfactor = \"0\" }"), 3, &["above zero"]);
    refused(&after("{ when = { a = \"x\" }, like = {},\nfactor = \"2x\" }"), 3, &["not a factor"]);
    refused(
        &after("{ when = { a = \"x\" }, like = {},\nfactor = \"0.000000001\" }"),
        3,
        &["`cached` of `chat` times 0.000000001 is not exact", "finer"],
    );
    refused(
        &after("{ when = { a = \"x\" }, like = {},\nfactor = \"9223372036\" }"),
        3,
        &["not exact", "largest"],
    );
    refused(
        &after("{ when = { a = [\"x\", \"y\"] },\nlike = { a = [\"y\", \"x\"] } }"),
        3,
        &["not that of `when`"],
    );
    refused(&after("{ when = { a = \"x\" }, like = { a = \"x\" } }"), 2, &["derived from itself"]);
    refused(
        &after(
            "{ when = { a = \"x\" }, like = { a = \"y\" } },\n{ when = { a = \"y\" }, like = { a = \"x\" } }",
        ),
        2,
        &["derived from itself", "written out"],
    );
    let row = |i: usize| {
        format!(
            "{{ when = {{ a = \"{i}\" }}, like = {{ {} }} }},\n",
            if i == 1 { String::new() } else { format!("a = \"{}\"", i - 1) }
        )
    };
    let chain = |n: usize| (1..=n).map(row).collect::<String>();
    parse(&after(&chain(8)));
    refused(&after(&chain(9)), 10, &["over more than 8 others"]);
}

fn parse(prices: &str) {
    let catalog = text(prices);
    Catalog::parse(&catalog, Format::Toml).unwrap_or_else(|e| panic!("{e}\n{catalog}"));
}

#[test]
fn what_lists_add_has_a_maximum() {
    let list = |n: usize| (0..n).map(|i| format!("\"v{i}\"")).collect::<Vec<_>>().join(", ");
    // Three features times n values, less the written one; the default adds 2.
    let one =
        |n: usize| format!("{DEFAULT}{{ when = {{ model = [{}] }}, credits = {{ tokens = 1 }} }}", list(n));
    parse(&one(33_333));
    let too_many =
        |written: &str| Catalog::parse(&text(written), Format::Toml).expect_err("accepted").to_string();
    let shown = too_many(&one(33_334));
    assert!(shown.contains("100003 prices more than are written"), "{shown}");
    // Lists multiply; they are counted before anything is made of them.
    let values = list(100);
    let dimensions: Vec<String> = (0..16).map(|i| format!("d{i} = [{values}]")).collect();
    let many = format!("{{ when = {{ {} }}, credits = {{ tokens = 1 }} }}", dimensions.join(", "));
    let shown = too_many(&many);
    assert!(shown.contains("prices more than are written"), "{shown}");
    // Sets of meters.
    let sets = |n: u32| -> String {
        let meters: Vec<String> = (0..4).map(|i| format!("m{i} = {{ unit = \"u\" }}")).collect();
        let row = |set: u32| {
            let some: Vec<String> =
                (0..4).filter(|i| set >> i & 1 == 1).map(|i| format!("m{i} = 1")).collect();
            format!("{{ when = {{ a = \"{set}\" }}, credits = {{ {} }} }}", some.join(", "))
        };
        let rows: Vec<String> = (16 - n..16).map(row).collect();
        let all = format!("{{ credits = {{ m0 = 1, m1 = 1, m2 = 1, m3 = 1 }} }}, {}", rows.join(", "));
        format!(
            "version = \"1\"\nplans = {{}}\n[meters]\n{}\n[features.f]\nmeters = [\"m0\", \"m1\", \"m2\", \"m3\"]\nrate_card = \"c\"\n\
             [[rate_cards.c]]\neffective_from = \"2026-01-01T00:00:00Z\"\nprices = [{all}]\n",
            meters.join("\n")
        )
    };
    Catalog::parse(&sets(8), Format::Toml).unwrap_or_else(|e| panic!("{e}"));
    let problems = Catalog::parse(&sets(9), Format::Toml).expect_err("accepted").to_string();
    assert!(problems.contains("are for 9 different sets of meters, at most 8"), "{problems}");
}

#[test]
fn pairs_that_a_third_decides_have_a_maximum() {
    // Every set of so many of five dimensions, each dimension with so many values.
    let all = |values: usize, named: u32| -> String {
        let list = |d: u32| {
            let values: Vec<String> = (0..values).map(|i| format!("\"v{i}\"")).collect();
            format!("d{d} = [{}]", values.join(", "))
        };
        let sets = (0..32_u32).filter(|set| set.count_ones() >= named);
        let row = |set: u32| {
            let when: Vec<String> = (0..5).filter(|d| set >> d & 1 == 1).map(list).collect();
            format!(
                "{{ feature = \"chat\", when = {{ {} }}, credits = {{ tokens = 1 }} }},\n",
                when.join(", ")
            )
        };
        sets.map(row).collect::<String>()
    };
    // With 6 values: 15 pairs of sets of 3 with 6^5 pairs of prices, 30 with 6^4; 10 pairs of sets of 4 with 6^5. 233,280 in all.
    let default = "{ feature = \"chat\", credits = { tokens = 1, cached = 1, searches = 1 } },\n{ feature = [\"review\", \"draw\"], credits = { tokens = 1, cached = 1 } },\n";
    parse(&format!("{default}{}", all(6, 3)));
    // With 7 they are 492,205.
    refused(
        &format!("{default}{}", all(7, 3)),
        0,
        &["more than 250000 pairs of prices are decided by a third"],
    );
}
