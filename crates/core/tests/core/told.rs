//! A catalog as a person reads it, and what is legal but surprising.

use headworks_core::catalog::{Catalog, Format};

const CATALOG: &str = r#"
version = "t"
[meters]
input = { unit = "token" }
output = { unit = "token" }
seconds = { unit = "second" }
[features.chat]
meters = ["input", "output"]
rate_card = "card"
sizes.context = { count = ["input", "output"], steps = [{ above = 200_000, value = "long" }], otherwise = "short" }
times.rate = { zone = "Asia/Shanghai", hours = [{ days = ["saturday", "sunday"], from = "20:00", to = "08:00", value = "off" }] }
[features.review]
meters = ["input", "output"]
rate_card = "card"
[features.video]
meters = ["seconds"]
rate_card = "card"
credit_unit = "usd"
[[rate_cards.card]]
effective_from = "2020-01-01T00:00:00Z"
prices = [
  { feature = "chat", when = { model = "large" }, per = 1_000_000, credits = { input = "125", output = "750" } },
  { feature = "chat", when = { model = "large", class = "fast" }, per = 1_000_000, credits = { input = "312.5", output = "1875" } },
  { feature = "review", credits = { input = "0.5", output = "0" } },
  { feature = "video", credits = { seconds = "0.1" }, step = { seconds = 5 }, minimum = { seconds = 10 } },
  { credits = { seconds = "7", input = "8", output = "9" } },
]
[plans.plus]
features = ["chat", "review", "video"]
consent = "ask"
price_factor = { paid = "0.9" }
guards = [
  { name = "rpm", per = "user", window.rate = { limit = 60, period = "1m", burst = 10 } },
  { name = "large-tpm", features = ["chat"], count = ["input", "output"], when = { model = ["large", "mini"] }, window.sliding = { limit = 9000, length = "5m" } },
  { name = "longest", features = ["video"], count = "seconds", window.size = { limit = 25 } },
  { name = "budget", mode = "observe", window.spend_cap = { limit = "40.5", every = "quarter", counts = "price", zone = "Europe/Berlin" } },
  { name = "at-once", accounts_percent = 10, window.concurrency = { limit = 3 } },
]
waterfall = [
  { allowance = { name = "included", features = ["chat"], windows = [
    { name = "five-hours", window.first_use = { limit = "150", length = "5h" } },
    { name = "week", window.first_use = { limit = "500", length = "7d" } },
  ] } },
  { allowance = { name = "reviews", features = ["review"], per = "user", windows = [{ name = "m", window.fixed = { limit = "9", every = "month", anchor = "billing" } }] } },
  { grants = { name = "promotions", categories = ["free", "promotional"] } },
  { pool = { name = "shared", cap = { default = "50", every = "2 weeks" } } },
  { overdraft = { name = "overdraft", limit = "10" } },
]
"#;

fn told(text: &str) -> Vec<String> {
    let catalog = Catalog::parse(text, Format::Toml).unwrap_or_else(|problems| panic!("{problems}"));
    let about = catalog.told().into_iter();
    about.flat_map(|told| core::iter::once(told.head).chain(told.lines)).collect()
}

#[test]
fn a_plan_reads_like_what_is_sold() {
    let expected = [
        "plan plus",
        "may use chat, review and video",
        "limit rpm: 60 requests in 1m (bursts of 10) for each user",
        "limit large-tpm: 9000 input + output in any 5m of chat where model large or mini",
        "limit longest: at most 25 seconds in one request of video",
        "limit budget: 40.5 credits of price a quarter in Europe/Berlin of chat and review, observed only",
        "limit at-once: 3 open holds at once, enforced for 10 % of accounts, observed for the others",
        "1. included includes 150 credits in 5h from the first use, and 500 credits in 7d from the first use of chat",
        "2. reviews includes 9 credits a month from the billing anchor of review for each user",
        "3. promotions: free and promotional grants of the account",
        "4. shared: purchased and contract grants, at most 50 credits in 2 weeks for each user",
        "5. overdraft: up to 10 credits below zero",
        "prices are multiplied by 0.9 for paid accounts",
        "purchased, contract and postpaid credits and the overdraft are drawn only with the user's consent",
        "prices of chat",
        "context is long above 200000 input + output; short otherwise",
        "rate is off from 20:00 to 08:00 in Asia/Shanghai on saturday, sunday",
        "class fast, model large: input 312.5 credits a million, output 1875 credits a million",
        "model large: input 125 credits a million, output 750 credits a million",
        "otherwise: input 8 credits each, output 9 credits each",
        "prices of review",
        "otherwise: input 0.5 credits each",
        "prices of video",
        "otherwise: seconds 0.1 usd each (by 5, at least 10)",
    ];
    assert_eq!(told(CATALOG), expected);
}

/// A feature without prices has allowances alone; a cap counts a unit of its own.
#[test]
fn guards_and_layers_have_the_plans_order() {
    let text = r#"
version = "t"
[features.chat]
credit_unit = "usd"
prices = [{ credits = { tokens = "1" } }]
[features.review]
prices = [{ credits = { tokens = "1" } }]
[features.free]
meters = ["tokens"]
allowance_unit = "requests"
[plans.p]
guards = [
  { name = "second", features = ["review"], window.rate = { limit = 2, period = "1s" } },
  { name = "dollars", window.spend_cap = { limit = "5", every = "day", unit = "usd" } },
  { name = "price", window.spend_cap = { limit = "6", every = "day", unit = "usd", counts = "price" } },
]
waterfall = [
  { allowance = { name = "a", features = ["review"], windows = [{ name = "w", window.fixed = { limit = "1", every = "day" } }] } },
  { allowance = { name = "b", features = ["free"], windows = [{ name = "w", window.fixed = { limit = 2, every = "day" } }] } },
  { grants = { name = "c" } },
  { allowance = { name = "d", features = ["chat"], windows = [{ name = "w", window.fixed = { limit = "3", every = "day" } }] } },
]
"#;
    let expected = [
        "plan p",
        "may use chat, free and review",
        "limit second: 2 requests in 1s of review",
        "limit dollars: 5 usd drawn a day of chat",
        "limit price: 6 usd of price a day of chat",
        "1. a includes 1 credits a day of review",
        "2. b includes 2 requests a day of free",
        "3. c: all grants of the account",
        "4. d includes 3 usd a day of chat",
    ];
    assert_eq!(told(text)[..expected.len()], expected);
}

#[test]
fn what_is_surprising_is_said() {
    let rows = [
        (
            "limit = \"150\"",
            "limit = \"500\"",
            "`included.five-hours` never binds: `included.week` is longer and includes no more",
        ),
        ("limit = \"9\"", "limit = \"0\"", "`reviews.m` includes nothing"),
        (
            "features = [\"chat\", \"review\", \"video\"]\nconsent",
            "features = [\"chat\", \"review\", \"video\"]\nconsent",
            "",
        ),
        (
            "  { grants = { name = \"promotions\", categories = [\"free\", \"promotional\"] } },\n",
            "  { overdraft = { name = \"early\", unit = \"usd\", limit = \"1\" } },\n  { grants = { name = \"late\" } },\n",
            "`late` pays only what the overdraft `early` before it does not lend",
        ),
        ("[plans.plus]", "[features.spare]\nmeters = []\n[plans.plus]", "no plan includes the feature"),
        (
            "[plans.plus]",
            "[plans.bare]\nfeatures = [\"review\"]\n[plans.plus]",
            "`review` has a price and no source pays: every request that costs something is denied",
        ),
        (
            "when = { model = \"large\", class = \"fast\" }",
            "when = { model = \"large\", context = \"lnog\" }",
            "no request has `context` = `lnog` unless it says so itself",
        ),
    ];
    for (from, to, says) in rows {
        assert!(CATALOG.contains(from), "{from}");
        let catalog = Catalog::parse(&CATALOG.replacen(from, to, 1), Format::Toml);
        let warnings = catalog.unwrap_or_else(|problems| panic!("{problems}")).warnings.to_string();
        assert_eq!(warnings.is_empty(), says.is_empty(), "{warnings}");
        assert!(warnings.contains(says), "{warnings}");
    }
}
