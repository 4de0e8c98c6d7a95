//! What a catalog leaves out: it is the same as if its defaults were written, and what cannot be left out is named where it is missing.

use headworks_core::catalog::{Catalog, Format};
use headworks_core::record::Name;

const SHORT: &str = r#"version = "1"
[features.chat]
estimate = { cached = 0 }
prices = [
  { when = { model = "large" }, credits = { input = "15", cached = "2", output = "75" } },
  { when = { model = "small" }, credits = { input = "1", cached = "0", output = "5" } },
]
[features.ping]
[plans.plus]
waterfall = [{ grants = { name = "credits" } }]
"#;

const LONG: &str = r#"version = "1"
default_plan = "plus"
[meters]
input = { unit = "token" }
cached = { unit = "token" }
output = { unit = "token" }
[features.chat]
meters = ["cached", "input", "output"]
rate_card = "chat"
estimate = { cached = 0 }
[features.ping]
meters = []
[[rate_cards.chat]]
effective_from = "1970-01-01T00:00:00Z"
prices = [
  { feature = "chat", when = { model = "large" }, credits = { input = "15", cached = "2", output = "75" } },
  { feature = "chat", when = { model = "small" }, credits = { input = "1", cached = "0", output = "5" } },
]
[plans.plus]
features = ["chat", "ping"]
waterfall = [{ grants = { name = "credits" } }]
"#;

fn parse(text: &str) -> Catalog {
    Catalog::parse(text, Format::of(text)).unwrap_or_else(|e| panic!("{e}\n{text}"))
}

/// Every part that decisions look up.
fn parts(catalog: &Catalog) -> String {
    let features = ["chat", "ping"].map(|name| catalog.feature(name));
    format!("{:#?} {features:#?} {:#?}", catalog.default_plan, catalog.plan("plus"))
}

/// The problems of the short catalog with a part replaced, and their lines.
#[track_caller]
fn problems(from: &str, to: &str) -> Vec<(Option<usize>, String, String)> {
    assert!(SHORT.contains(from), "{from}");
    let problems = Catalog::parse(&SHORT.replacen(from, to, 1), Format::Toml).expect_err(to);
    problems.kept.into_iter().map(|p| (p.line, p.at, p.what)).collect()
}

#[test]
fn what_is_left_out_is_as_if_it_were_written() {
    assert_eq!(parts(&parse(SHORT)), parts(&parse(LONG)));
    let json: serde_json::Value = toml::from_str(SHORT).expect("TOML");
    assert_eq!(parts(&parse(&json.to_string())), parts(&parse(LONG)));
    // The first version of a card has always applied, others begin.
    let from = "effective_from = \"1970-01-01T00:00:00Z\"\n";
    assert_eq!(parts(&parse(&LONG.replacen(from, "", 1))), parts(&parse(LONG)));
}

#[test]
fn features_of_one_card_have_the_meters_that_it_prices_for_them() {
    let catalog = parse(
        r#"version = "1"
[features.local]
rate_card = "card"
[features.cloud]
rate_card = "card"
[[rate_cards.card]]
prices = [{ credits = { tokens = "1" } }, { feature = "cloud", credits = { seconds = "2" } }]
[plans.plus]
"#,
    );
    let meters =
        |name| catalog.feature(name).expect("a feature").meters.iter().map(Name::as_str).collect::<Vec<_>>();
    assert_eq!(meters("local"), ["tokens"]);
    assert_eq!(meters("cloud"), ["seconds", "tokens"]);
}

#[test]
fn problems_of_a_features_own_prices_are_found_where_they_are_written() {
    let at = |line, at: &str, what: &str| vec![(Some(line), at.to_owned(), what.to_owned())];
    assert_eq!(
        problems("output = \"5\"", "outputs = \"5\"")[0].0,
        Some(5),
        "a misspelled meter leaves another without a price"
    );
    assert_eq!(
        problems("cached = \"2\"", "cached = \"0.0000000001\"")[0].1,
        "features.chat.prices[0].credits.cached"
    );
    assert_eq!(
        problems("[features.chat]", "[features.chat]\nrate_card = \"other\""),
        [
            at(3, "features.chat.rate_card", "there is no rate card `other`"),
            at(4, "features.chat.estimate.cached", "`cached` is not a meter of the feature"),
            at(5, "features.chat.prices", "the feature has a rate card as well"),
        ]
        .concat()
    );
    assert_eq!(
        problems(
            "[features.ping]",
            "[features.ping]\nrate_card = \"chat\"\n[[rate_cards.chat]]\nprices = [{ credits = { a = \"1\" } }]"
        ),
        [
            at(3, "features.chat.estimate.cached", "`cached` is not a meter of the feature"),
            at(4, "features.chat.prices", "a rate card has the feature's name"),
        ]
        .concat()
    );
}

#[test]
fn what_several_plans_or_versions_leave_open_is_refused_or_doubted() {
    let several = format!("{SHORT}[plans.pro]\nfeatures = [\"chat\"]\n");
    let refused = Catalog::parse(&several, Format::Toml).expect_err("one plan has no features");
    assert_eq!(refused.kept[0].what, "the plan has no `features`");
    let listed = several.replacen("[plans.plus]", "[plans.plus]\nfeatures = [\"chat\", \"ping\"]", 1);
    let catalog = parse(&listed);
    assert_eq!(catalog.default_plan, None);
    let doubts: Vec<&str> = catalog.warnings.kept.iter().map(|doubt| doubt.what.as_str()).collect();
    assert!(doubts.contains(&"accounts that name no plan can use nothing"), "{doubts:?}");
    let second = LONG.replacen("[plans.plus]", "[[rate_cards.chat]]\nprices = []\n[plans.plus]", 1);
    let refused = Catalog::parse(&second, Format::Toml).expect_err("the second version has no beginning");
    assert_eq!(refused.kept[0].what, "the version does not say when it begins");
}

/// A meter that only one of several prices names may be misspelled there.
#[test]
fn a_meter_that_one_price_alone_names_is_doubted() {
    let text = |special: &str| {
        format!(
            "version = \"1\"\n[features.chat]\nprices = [\n  {{ credits = {{ input = \"0\", output = \"0\" }} }},\n  {special},\n]\n\
             [plans.p]\nwaterfall = [{{ grants = {{ name = \"g\" }} }}]\n"
        )
    };
    let misspelled = text("{ when = { model = \"large\" }, credits = { input = \"2\", ouput = \"10\" } }");
    let doubts = parse(&misspelled).warnings.kept;
    let ouput = doubts.iter().find(|d| d.at == "features.chat.prices[1].credits.ouput").expect("a doubt");
    assert_eq!(
        (ouput.line, ouput.what.as_str()),
        (Some(5), "of the prices of `chat` only this one is for `ouput`")
    );
    let right = text("{ when = { model = \"large\" }, credits = { input = \"2\", output = \"10\" } }");
    assert_eq!(parse(&right).warnings.count, 0);
    let listed =
        misspelled.replacen("[features.chat]", "[features.chat]\nmeters = [\"input\", \"output\"]", 1);
    let refused = Catalog::parse(&listed, Format::Toml).expect_err("a list says which meters there are");
    assert_eq!(
        (refused.kept[0].line, refused.kept[0].at.as_str()),
        (Some(6), "features.chat.prices[1].credits.ouput")
    );
    let defined = format!("{misspelled}[meters]\ninput.unit = \"token\"\noutput.unit = \"token\"\n");
    let refused = Catalog::parse(&defined, Format::Toml).expect_err("so does a table of them");
    assert_eq!((refused.kept[0].line, refused.kept[0].what.as_str()), (Some(5), "there is no meter `ouput`"));
}

#[test]
fn prices_that_say_nothing_are_refused() {
    for (prices, what) in [
        ("[]", "feature `chat` has no price in this version"),
        ("[{ credits = {} }]", "its prices name no meters"),
        ("[{ when = { model = \"m\" } }]", "its prices name no meters"),
    ] {
        let text = format!("version = \"1\"\n[features.chat]\nprices = {prices}\n[plans.p]\n");
        let refused = Catalog::parse(&text, Format::Toml).expect_err(prices);
        let found = refused.kept.iter().find(|problem| problem.what == what);
        assert_eq!(
            found.and_then(|problem| problem.line),
            Some(if prices == "[]" { 2 } else { 3 }),
            "{refused}"
        );
    }
}

/// Beside `like` too: it is named where it stands, and not at another price that lacks it. A factor that is not exact is one problem.
#[test]
fn problems_beside_like_are_told_once_and_where_they_stand() {
    let text = |special: &str| {
        format!(
            "version = \"1\"\n[features.chat]\nprices = [\n  {{ when = {{ model = \"small\" }}, credits = {{ input = \"0.000000001\", output = \"0\" }} }},\n  \
             {{ when = {{ model = \"large\" }}, like = {{ model = \"small\" }}{special} }},\n]\n[plans.p]\nwaterfall = [{{ grants = {{ name = \"g\" }} }}]\n"
        )
    };
    assert_eq!(parse(&text("")).warnings.count, 0);
    for (special, at, what) in [
        (", credits = { ouput = \"10\" }", "credits.ouput", "meter `ouput` has a price beside `like` alone"),
        (", factor = \"0.5\"", "factor", "the price of `input` of `chat` times 0.5 is not exact"),
    ] {
        let refused = Catalog::parse(&text(special), Format::Toml).expect_err(special);
        let told: Vec<_> = refused.kept.iter().map(|p| (p.line, p.at.as_str(), p.what.as_str())).collect();
        assert_eq!(told, [(Some(5), format!("features.chat.prices[1].{at}").as_str(), what)]);
    }
}

/// The advice can be followed: another feature has no part in a card of this name.
#[test]
fn prices_in_a_feature_are_for_it_alone() {
    let text = "version = \"1\"\n[features.ping]\nprices = [{ credits = { requests = \"1\" } }]\n[features.chat]\nprices = [\n  \
                { credits = { input = \"1\" } },\n  { feature = \"ping\", credits = { requests = \"2\" } },\n]\n\
                [plans.p]\nwaterfall = [{ grants = { name = \"g\" } }]\n";
    let refused = Catalog::parse(text, Format::Toml).expect_err("a price of another feature");
    let told = refused.kept.iter().find(|p| p.at == "features.chat.prices[1].feature").expect("told there");
    assert_eq!(told.what, "`prices` in feature `chat` are for it alone");
    assert_eq!(told.fix, "write it in the `prices` of `ping`, or leave `feature` out");
}
