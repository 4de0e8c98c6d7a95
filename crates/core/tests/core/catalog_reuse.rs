//! Catalogs that say each thing once: a plan that takes parts over equals the same plan written out.

use headworks_core::catalog::{Catalog, Format, changes};

/// Features, prices, and the plan that others extend; plans follow.
const BASE: &str = r#"version = "1"
meters.tokens = { unit = "token" }
[features.local]
meters = ["tokens"]
rate_card = "card"
[features.cloud]
meters = ["tokens"]
rate_card = "card"
[[rate_cards.card]]
effective_from = "2026-01-01T00:00:00Z"
prices = [
  { feature = "local", credits = { tokens = "1" } },
  { feature = "cloud", credits = { tokens = "2" } },
]
[plans.plus]
features = ["local", "cloud"]
consent = "ask"
class = "paid"
cost_max = 7
expired_draws = "goodwill"
in_debt = "allowances"
guards = [
  { name = "rpm", per = "user", window.rate = { limit = 60, period = "1m", burst = 10 } },
  { name = "cloud_at_once", features = ["cloud"], window.concurrency = { limit = 5 } },
  { name = "spend", window.spend_cap = { limit = "100", every = "month" } },
]
waterfall = [
  { allowance = { name = "included", features = ["local"], per = "user", windows = [
    { name = "five_hours", window.first_use = { limit = "150", length = "5h" } },
    { name = "week", window.first_use = { limit = "500", length = "7d" } },
  ] } },
  { grants = { name = "promotions", categories = ["free", "promotional"] } },
  { pool = { name = "shared", member = "team" } },
  { overdraft = { name = "overdraft", limit = "1" } },
]
"#;

const SETTINGS: &str = "features = [\"local\", \"cloud\"]\nconsent = \"ask\"\nclass = \"paid\"\ncost_max = 7\n\
    expired_draws = \"goodwill\"\nin_debt = \"allowances\"\n";
const RPM: &str =
    "{ name = \"rpm\", per = \"user\", window.rate = { limit = 60, period = \"1m\", burst = 10 } }";
const AT_ONCE: &str =
    "{ name = \"cloud_at_once\", features = [\"cloud\"], window.concurrency = { limit = 5 } }";
const SPEND: &str = "{ name = \"spend\", window.spend_cap = { limit = \"100\", every = \"month\" } }";
const FIVE_HOURS: &str = "{ name = \"five_hours\", window.first_use = { limit = \"150\", length = \"5h\" } }";
const WEEK: &str = "{ name = \"week\", window.first_use = { limit = \"500\", length = \"7d\" } }";
const PROMOTIONS: &str = "{ grants = { name = \"promotions\", categories = [\"free\", \"promotional\"] } }";
const SHARED: &str = "{ pool = { name = \"shared\", member = \"team\" } }";
const OVERDRAFT: &str = "{ overdraft = { name = \"overdraft\", limit = \"1\" } }";

fn included(windows: &[&str]) -> String {
    let windows = windows.join(", ");
    format!(
        "{{ allowance = {{ name = \"included\", features = [\"local\"], per = \"user\", windows = [{windows}] }} }}"
    )
}

/// A plan written out.
fn plan(settings: &str, guards: &[&str], waterfall: &[&str]) -> String {
    format!("{settings}guards = [{}]\nwaterfall = [{}]\n", guards.join(", "), waterfall.join(", "))
}

fn parse(text: &str) -> Catalog {
    Catalog::parse(text, Format::of(text)).unwrap_or_else(|e| panic!("{e}\n{text}"))
}

/// The plan `pro` of a catalog that says these parts has the same compiled form as if it were written out so.
#[track_caller]
fn equal(pro: &str, written: &str) {
    let shown = |plan: &str| format!("{:#?}", parse(&format!("{BASE}{plan}")).plan("pro"));
    let written = shown(&format!("[plans.pro]\n{written}"));
    assert_eq!(shown(pro), written, "{pro}");
    // The same in JSON.
    let value: serde_json::Value = toml::from_str(&format!("{BASE}{pro}")).expect("TOML");
    assert_eq!(format!("{:#?}", parse(&value.to_string()).plan("pro")), written, "{pro} in JSON");
}

#[test]
fn a_plan_has_what_it_extends_and_what_it_writes() {
    let windows = [FIVE_HOURS, WEEK];
    let (guards, included) = ([RPM, AT_ONCE, SPEND], &*included(&windows));
    let waterfall = [included, PROMOTIONS, SHARED, OVERDRAFT];
    let pro = |rest: &str| format!("[plans.pro]\nextends = \"plus\"\n{rest}");
    // Nothing written: all the same.
    equal(&pro(""), &plan(SETTINGS, &guards, &waterfall));
    // Settings, one by one.
    for (from, to) in [
        ("features = [\"local\", \"cloud\"]", "features = [\"cloud\", \"local\"]"),
        ("consent = \"ask\"", "consent = \"allow\""),
        ("class = \"paid\"", "class = \"default\""),
        ("cost_max = 7", "cost_max = 8"),
        ("expired_draws = \"goodwill\"", "expired_draws = \"breakage\""),
        ("in_debt = \"allowances\"", "in_debt = \"deny\""),
    ] {
        equal(&pro(to), &plan(&SETTINGS.replace(from, to), &guards, &waterfall));
    }
    // A guard of the same name takes the place of the old one, another follows.
    let rpm = "{ name = \"rpm\", window.sliding = { limit = 9, length = \"1m\" } }";
    let tpm = "{ name = \"tpm\", count = \"tokens\", window.rate = { limit = 9, period = \"1m\" } }";
    let own = format!("guards = [{tpm}, {rpm}]");
    equal(&pro(&own), &plan(SETTINGS, &[rpm, AT_ONCE, SPEND, tpm], &waterfall));
    // So do layers, of another kind too.
    let (grants, more) = ("{ grants = { name = \"shared\" } }", "{ grants = { name = \"more\" } }");
    let own = format!("waterfall = [{more}, {grants}]");
    equal(&pro(&own), &plan(SETTINGS, &guards, &[included, PROMOTIONS, grants, OVERDRAFT, more]));
}

#[test]
fn an_allowance_keeps_what_is_not_written() {
    let guards = [RPM, AT_ONCE, SPEND];
    let week = "{ name = \"week\", window.fixed = { limit = \"7\", every = \"week\" } }";
    let month = "{ name = \"month\", window.fixed = { limit = \"9\", every = \"month\" } }";
    let rest = [PROMOTIONS, SHARED, OVERDRAFT];
    let of = |allowance: &str| plan(SETTINGS, &guards, &[&[allowance], rest.as_slice()].concat());
    let pro = |allowance: &str| {
        format!(
            "[plans.pro]\nextends = \"plus\"\nwaterfall = [{{ allowance = {{ name = \"included\", {allowance} }} }}]\n"
        )
    };
    equal(&pro(&format!("windows = [{month}, {week}]")), &of(&included(&[FIVE_HOURS, week, month])));
    let per = included(&[FIVE_HOURS, WEEK]).replace("\"user\"", "\"team\"");
    equal(&pro("per = \"team\""), &of(&per));
    let cloud = included(&[FIVE_HOURS, WEEK]).replace("\"local\"", "\"local\", \"cloud\"");
    equal(&pro("features = [\"local\", \"cloud\"]"), &of(&cloud));
}

#[test]
fn a_plan_leaves_out_and_has_other_figures() {
    let pro = |rest: &str| format!("[plans.pro]\nextends = \"plus\"\n{rest}");
    let included_week = included(&[WEEK]);
    equal(
        &pro("without = [\"spend\", \"included.five_hours\", \"promotions\"]"),
        &plan(SETTINGS, &[RPM, AT_ONCE], &[&included_week, SHARED, OVERDRAFT]),
    );
    let figures = [
        ("rpm", "600", RPM, RPM.replace("60,", "600,")),
        ("cloud_at_once", "20", AT_ONCE, AT_ONCE.replace('5', "20")),
        ("spend", "\"2.5\"", SPEND, SPEND.replace("100", "2.5")),
        ("included.five_hours", "\"3000\"", FIVE_HOURS, FIVE_HOURS.replace("150", "3000")),
        ("included.week", "10_000", WEEK, WEEK.replace("500", "10000")),
        (
            "shared",
            "\"30\"",
            SHARED,
            "{ pool = { name = \"shared\", member = \"team\", cap = { default = \"30\", every = \"month\" } } }".into(),
        ),
        ("overdraft", "\"0.5\"", OVERDRAFT, OVERDRAFT.replace("\"1\"", "\"0.5\"")),
    ];
    let all = included(&[FIVE_HOURS, WEEK]);
    let written = plan(SETTINGS, &[RPM, AT_ONCE, SPEND], &[&all, PROMOTIONS, SHARED, OVERDRAFT]);
    let mut together = written.clone();
    for (limit, figure, from, to) in &figures {
        equal(&pro(&format!("limits = {{ \"{limit}\" = {figure} }}")), &written.replace(from, to));
        together = together.replace(from, to);
    }
    let limits: Vec<String> =
        figures.iter().map(|(limit, figure, ..)| format!("\"{limit}\" = {figure}")).collect();
    equal(&pro(&format!("limits = {{ {} }}", limits.join(", "))), &together);
    // A plan that extends the extending one, in any order of names.
    let chain = "[plans.a]\nextends = \"plus\"\nlimits.rpm = 1\n[plans.pro]\nextends = \"a\"\nlimits.spend = \"2.5\"\n";
    let both = written.replace("60,", "1,").replace("\"100\"", "\"2.5\"");
    equal(chain, &both);
    equal(&chain.replace("plans.a", "plans.z").replace("\"a\"", "\"z\""), &both);
}

#[test]
fn plans_share_named_lists() {
    let lists =
        format!("[guards]\nusual = [{RPM}, {AT_ONCE}]\n[waterfalls]\npaid = [{PROMOTIONS}, {SHARED}]\n");
    let all = included(&[FIVE_HOURS, WEEK]);
    let own = format!(
        "{lists}[plans.pro]\n{SETTINGS}guards = [\"usual\", {SPEND}]\nwaterfall = [{all}, \"paid\"]\n"
    );
    equal(&own, &plan(SETTINGS, &[RPM, AT_ONCE, SPEND], &[&all, PROMOTIONS, SHARED]));
    // What comes from a list can be left out and have another figure, without extending a plan.
    equal(
        &format!("{own}without = [\"promotions\"]\nlimits = {{ rpm = 600 }}\n"),
        &plan(SETTINGS, &[&RPM.replace("60,", "600,"), AT_ONCE, SPEND], &[&all, SHARED]),
    );
    // A list replaces by name what a plan extends.
    let lists = lists.replace("limit = 5", "limit = 6");
    let pro = format!(
        "{lists}[plans.pro]\nextends = \"plus\"\nguards = [\"usual\"]\n[plans.x]\nfeatures = []\nwaterfall = [\"paid\"]\n"
    );
    let at_once = AT_ONCE.replace('5', "6");
    equal(&pro, &plan(SETTINGS, &[RPM, &at_once, SPEND], &[&all, PROMOTIONS, SHARED, OVERDRAFT]));
}

#[test]
fn a_plan_changes_with_what_it_takes_over() {
    let lists = format!("[guards]\nusual = [{AT_ONCE}]\n");
    let plans = "[plans.a]\nextends = \"plus\"\n[plans.b]\nextends = \"a\"\n[plans.c]\nfeatures = [\"cloud\"]\nguards = [\"usual\"]\n\
        [plans.d]\nfeatures = []\n";
    let before = parse(&format!("{BASE}{lists}{plans}"));
    for (from, to, expected) in [
        ("cost_max = 7", "cost_max = 8", &["a", "b", "plus"][..]),
        ("extends = \"plus\"", "extends = \"plus\"\ncost_max = 9", &["a", "b"]),
        (
            "[guards]\nusual = [",
            "[guards]\nusual = [{ name = \"more\", window.concurrency = { limit = 1 } }, ",
            &["c"],
        ),
        ("features = []", "features = [\"local\"]", &["d"]),
        ("version = \"1\"", "version = \"2\"", &[]),
    ] {
        let after = parse(&format!("{BASE}{lists}{plans}").replacen(from, to, 1));
        let changed: Vec<String> =
            changes(&before, &after).plans.changed.iter().map(ToString::to_string).collect();
        assert_eq!(changed, expected, "{to}");
    }
}

/// These plans after the base are refused: the first problem is at this line, counted from the first of them, and says this.
#[track_caller]
fn refused(plans: &str, line: usize, words: &[&str]) {
    let text = format!("{BASE}{plans}");
    let problems = Catalog::parse(&text, Format::Toml).expect_err(&format!("accepted: {plans}"));
    let shown = problems.to_string();
    let first = problems.kept.first().expect("a problem");
    assert_eq!(first.line, Some(BASE.lines().count() + line), "{shown}");
    for word in words {
        assert!(shown.contains(word), "`{word}` is not in: {shown}");
    }
    assert!(!first.fix.is_empty(), "no fix in: {shown}");
}

#[test]
fn what_plans_extend_is_checked() {
    let pro = |rest: &str| format!("[plans.pro]\nextends = \"plus\"\n{rest}");
    refused("[plans.pro]\nconsent = \"ask\"\n", 1, &["no `features`", "extends"]);
    refused("[plans.pro]\nextends = \"pluss\"\n", 2, &["no plan `pluss`", "write one of plus, pro"]);
    refused("[plans.pro]\nextends = \"pro\"\n", 2, &["extends itself"]);
    refused(
        "[plans.a]\nextends = \"b\"\n[plans.b]\nextends = \"a\"\n",
        2,
        &["plans.b.extends: the plan extends itself"],
    );
    refused(
        &pro("without = [\n\"rpm\",\n\"tpm\"]"),
        5,
        &["no guard, layer or window `tpm`", "write one of cloud_at_once"],
    );
    refused(&pro("without = [\n\"rpm\",\n\"rpm\"]"), 5, &["takes over no"]);
    refused(&pro("without = [\"rpm\"]\n[plans.pro.limits]\nrpm = 5"), 5, &["`rpm`"]);
    refused(
        &pro("without = [\"included\"]\n[plans.pro.limits]\n\"included.week\" = 5"),
        5,
        &["`included.week`"],
    );
    refused(&pro("[plans.pro.limits]\n\"included.day\" = 5"), 4, &["`included.day`", "included.five_hours"]);
    refused(&pro("[plans.pro.limits]\nincluded = 5"), 4, &["those of its windows", "included.WINDOW"]);
    refused(&pro("[plans.pro.limits]\npromotions = 5"), 4, &["has no limit"]);
    refused(&pro("[plans.pro.limits]\nrpm = \"2.5\""), 4, &["`2.5` is not a whole number"]);
    refused(&pro("[plans.pro.limits]\nrpm = 0"), 4, &["above zero"]);
    refused(&pro("[plans.pro.limits]\nspend = \"-1\""), 4, &["negative"]);
    refused(&pro("[plans.pro.limits]\n\"included.week\" = \"x\""), 4, &["not an amount"]);
    // A guard that the plan writes itself has its figure there.
    let own = format!("guards = [{RPM}]\nlimits = {{\nrpm = 5 }}");
    refused(&pro(&own), 5, &["takes over no"]);
    // A name stands for one thing.
    refused(&pro("waterfall = [{ grants = { name = \"rpm\" } }]"), 3, &["used twice"]);
    refused(&pro("guards = [\n\"usual\"]"), 4, &["no list `usual` in `guards`"]);
    refused(
        "[guards]\nusual = [\n{ name = \"a\", window.concurrency = { limit = 1 }, per = \"x\" }]",
        3,
        &["unknown variant"],
    );
    let lists = format!("[guards]\nusual = [\n{RPM},\n{}]\n", AT_ONCE.replace("cloud\"]", "clouds\"]"));
    let both = "[plans.a]\nfeatures = [\"cloud\"]\nguards = [\"usual\"]\n[plans.b]\nfeatures = [\"cloud\"]\nguards = [\"usual\"]\n";
    refused(
        &format!("{lists}{both}"),
        4,
        &["guards.usual[1].features[0]: the plan does not include `clouds`, in plan `a`"],
    );
    refused(
        &format!("{lists}[plans.a]\nfeatures = [\"cloud\"]\nguards = [\"usual\", \"usual\"]\n"),
        3,
        &["used twice"],
    );
}

#[test]
fn a_problem_that_plans_take_over_is_told_once() {
    // The base has it too.
    let text = format!("{BASE}[plans.a]\nextends = \"plus\"\n[plans.z]\nextends = \"plus\"\n");
    let text = text.replace("every = \"month\" } },\n]", "every = \"month\", zone = \"Nowhere\" } },\n]");
    let problems = Catalog::parse(&text, Format::Toml).expect_err("accepted");
    assert_eq!((problems.count, problems.kept[0].line), (1, Some(25)), "{problems}");
    assert!(!problems.to_string().contains("in plan"), "{problems}");
    // Only the extending plan has it: what it takes over does not fit its features.
    let text = format!("{BASE}[plans.a]\nextends = \"plus\"\nfeatures = [\"local\"]\n");
    let problems = Catalog::parse(&text, Format::Toml).expect_err("accepted").to_string();
    assert!(
        problems.contains(
            "line 24: plans.plus.guards[1].features[0]: the plan does not include `cloud`, in plan `a`"
        ),
        "{problems}"
    );
}

#[test]
fn a_list_that_no_plan_names_is_doubtful() {
    let text = format!("{BASE}[guards]\nusual = []\n[waterfalls]\npaid = []\n");
    let warnings = parse(&text).warnings.to_string();
    assert!(
        warnings.contains("guards.usual: no plan names") && warnings.contains("waterfalls.paid: no plan"),
        "{warnings}"
    );
}

#[test]
fn chains_of_plans_have_an_end() {
    let chain = |n: usize| -> String {
        (1..n)
            .map(|i| {
                format!(
                    "[plans.p{i}]\nextends = \"{}\"\n",
                    if i == 1 { "plus".into() } else { format!("p{}", i - 1) }
                )
            })
            .collect()
    };
    parse(&format!("{BASE}{}", chain(8)));
    refused(&chain(9), 16, &["more than 8 plans extend one another"]);
}

#[test]
fn what_plans_take_over_has_a_maximum() {
    // The base has 2 features, 3 guards, 4 layers and 2 windows: 11 for each plan.
    let many = |n: usize| -> String {
        format!("{BASE}{}", (0..n).map(|i| format!("[plans.p{i}]\nextends = \"plus\"\n")).collect::<String>())
    };
    parse(&many(9_090));
    let problems = Catalog::parse(&many(9_091), Format::Toml).expect_err("accepted").to_string();
    assert!(problems.contains("100001 features, guards, layers and windows taken over"), "{problems}");
}
