//! The policy of a simulation: small limits, so that every limit is reached, and several versions to switch between.

use headworks_core::record::{Credits, Instant, Name};

pub(crate) const ACCOUNTS: [&str; 3] = ["auth0|5f7c", "org/acme", "Zoë"];
pub(crate) const USERS: [&str; 2] = ["ann", "ann/ben"];
pub(crate) const KEYS: [&str; 3] = ["k1", "k2", "k3"];
/// Requests of `task` in a calendar day.
pub(crate) const DAILY: i64 = 5;
/// The largest limits of the supplies of slots, live changes included.
pub(crate) const SLOTS: [(&str, u64); 2] = [("model", 7), ("spare", 1)];
/// The most open holds of one account.
pub(crate) const HOLDS: usize = 4;
/// The most open chats of the plan with that limit.
pub(crate) const OPEN: i64 = 3;
/// The limit that has a burst of its own, and its burst.
pub(crate) const BURST: (&str, u64) = ("surge", 3_000);
/// What incidents raise: the limit, its figure in the plan and the new one.
pub(crate) const RAISED: [(&str, i64, &str); 2] = [("daily", DAILY, "8"), ("cap", 25_000_000_000, "40")];
/// Free credits of one day.
pub(crate) const TRIAL: i64 = 150_000_000_000;
/// The same for every tier, so the model need not know an account's tier.
const TIER: &str = "holds = 4, held_percent = 80, velocity_floor = 5, ramp_floor = 100, sub_keys = 2, networks = 1, shared_holds = 1, key_spend_floor = \"40\"";
/// The overdraft limit in nano-credits.
pub(crate) const OVERDRAFT: i64 = 10_000_000_000;
/// The debt limit of `owe`, in nano-credits.
pub(crate) const OWED: i128 = 20_000_000_000;
/// The most that a member may draw from the pool in a day, if no cap is set.
pub(crate) const MEMBER_CAP: i64 = 30_000_000_000;
/// The requested features; no plan has `secret`.
pub(crate) const FEATURES: [&str; 10] =
    ["chat", "gift", "owe", "bulk", "draw", "rent", "blend", "task", "fast", "secret"];
/// The most that is lent for `rent` in a day, in nano-credits.
pub(crate) const LENT: i64 = 60_000_000_000;
/// Hours of one rental above which it is long, at half the price.
pub(crate) const LONG_ABOVE: u64 = 20;
/// The prices of an hour above so many hours of a day, in nano-credits.
pub(crate) const STEPS: [(u64, i64); 2] = [(30, 1_000_000_000), (80, 3_000_000_000)];
/// What the plan `q` multiplies prices by, in billionths.
pub(crate) const FACTOR: i64 = 987_654_321;
/// The marks of the plan's warnings, in percent.
pub(crate) const MARKS: [i64; 2] = [50, 90];
/// What the plan that is tried multiplies prices by, in billionths.
pub(crate) const TRIED: i64 = 500_000_000;
/// The only account of the 40 percent that the plan is tried on in some versions. The first 16 bits of BLAKE3("r\0" + account), of
/// 65,536: 36.1 percent for it, 62.1 and 47.2 for the others.
pub(crate) const ROLLED_OUT_TO: &str = ACCOUNTS[0];
/// A limit that grows: the least, the greatest, and the share of the greatest day of the last seven, in percent.
pub(crate) const PACE: (i64, i64, i64) = (2_500, 6_000, 150);
/// The limits whose periods are closed by hand.
pub(crate) const MANUAL: [&str; 4] = ["job", "purse", "album.job", "seated.job"];
/// The words that a seat includes in a day, and one of the type `premium`.
pub(crate) const SEATED: [i64; 2] = [40, 80];
pub(crate) const SEATS: [&str; 2] = ["s1", "s2"];
pub(crate) const TEAMS: [&str; 1] = ["red~1/user:ann"];
/// The units of credits; `None`: the usual one.
pub(crate) const UNITS: [Option<&str>; 3] = [None, Some("stamps"), Some("notes")];
/// The start of a simulation: an ordinary day, or a day before clocks change or a month is too short.
pub(crate) const STARTS: [&str; 5] = [
    "2026-06-01T12:00:00Z",
    "2026-03-07T12:00:00Z",
    "2026-10-24T12:00:00Z",
    "2026-10-31T12:00:00Z",
    "2026-02-27T12:00:00Z",
];
/// The billing anchors of the accounts; `None`: their opening. Half past two is skipped in New York on 8 March.
pub(crate) const ANCHORS: [Option<&str>; 3] =
    [Some("2025-12-31T07:30:00Z"), None, Some("2025-10-31T05:15:00Z")];
/// The instants at which prices change, in microseconds since 1970.
const CHANGES: [i64; 11] = [
    1_577_836_800_000_000,
    1_772_258_400_000_000,
    1_772_409_600_000_000,
    1_772_951_400_000_000,
    1_773_100_800_000_000,
    1_780_380_000_000_000,
    1_780_531_200_000_000,
    1_792_908_000_000_000,
    1_793_059_200_000_000,
    1_793_511_000_000_000,
    1_793_664_000_000_000,
];

const TEXT: &str = r#"
version = "VERSION"
late_horizon = "2d"
[meters]
tokens = { unit = "token" }
images = { unit = "image" }
bytes = { unit = "byte" }
hours = { unit = "hour" }
words = { unit = "word" }
[supplies.model]
in_flight = 5
in_flight_cost = { requests = 1 }
cost = { tokens = 1 }
fallback = ["spare"]
classes = { default = { wait_max = "20s" } }
[supplies.spare]
in_flight = 1
in_flight_cost = { requests = 1 }
cost = { tokens = 1 }
[supplies.rated]
rate = 20
cost = { tokens = 1 }
points_seconds_max = 30
[abuse]
cost = { tokens = 1, images = 1, requests = 1 }
trial_budget = "150"
[abuse.rules]
cost_maximum = "enforce"
holds = "enforce"
velocity = "enforce"
ramp = "enforce"
penalty = "enforce"
identity = "enforce"
sub_keys = "enforce"
sharing = "enforce"
key_spend = "enforce"
[abuse.tiers]
anonymous = { TIER }
paid = { TIER }
established = { TIER }
contract = { TIER }
[features.chat]
meters = ["tokens"]
supply = "model"
rate_card = "card"
overshoot = "debt"
hold = { life = "60s", expiry_charges = ["tokens"] }
[features.gift]
meters = ["tokens"]
supply = "rated"
rate_card = "card"
[features.owe]
meters = ["tokens"]
rate_card = "card"
overshoot = { debt = "20" }
[features.bulk]
meters = ["bytes"]
rate_card = "card"
[features.draw]
meters = ["images"]
rate_card = "card"
credit_unit = "stamps"
[features.rent]
meters = ["hours"]
rate_card = "card"
credit_unit = "notes"
sizes = { size = { count = ["hours"], steps = [{ above = 20, value = "long" }] } }
[features.blend]
meters = ["words"]
rate_card = "card"
allowance_unit = "words"
[features.task]
meters = []
allowance_unit = "requests"
[features.secret]
meters = []
allowance_unit = "requests"
[features.fast]
meters = []
allowance_unit = "requests"
ledger = false
CARDS
[plans.p]
cost_max = 90
warn_at = [50, 90]
rollout = { plan = "r" }
features = ["chat", "gift", "owe", "bulk", "draw", "rent", "blend", "task", "fast"]
guards = [
  { name = "tokens", features = ["chat"], count = "tokens", window.rate = { limit = 60, period = "1m" } },
  { name = "quick", features = ["fast"], window.rate = { limit = 2, period = "10s" } },
  { name = "recent", features = ["gift"], per = "user", window.sliding = { limit = 3, length = "30s" } },
  { name = "daily", features = ["task"], window.fixed = { limit = 5, every = "day" } },
  { name = "shift", features = ["draw"], window.first_use = { limit = 3, length = "2h" } },
  { name = "open", features = ["chat"], window.concurrency = { limit = 3 } },
  { name = "cap", features = ["gift"], window.spend_cap = { limit = "25", every = "day" } },
  { name = "budget", features = ["gift", "owe"], window.spend_cap = { limit = "60", every = "week", zone = "Europe/Berlin" } },
  { name = "local", features = ["owe"], window.fixed = { limit = 6, every = "day", zone = "America/New_York" } },
  { name = "round", features = ["owe"], count = "tokens", window.fixed = { limit = 150, every = "day", zone = "America/New_York", anchor = "billing" } },
  { name = "turn", features = ["bulk"], count = "bytes", window.fixed = { limit = 9000, every = "week", zone = "America/New_York", anchor = "billing" } },
  { name = "cycle", features = ["bulk"], count = "bytes", window.fixed = { limit = 15000, every = "month", anchor = "billing" } },
  { name = "volume", features = ["bulk"], count = "bytes", window.sliding = { limit = 2000, length = "2h" } },
  { name = "surge", features = ["bulk"], count = "bytes", window.rate = { limit = 300, period = "1h", burst = 3000 } },
  { name = "job", features = ["bulk"], per = "user", count = "bytes", window.fixed = { limit = 12000, every = "manual" } },
  { name = "pace", features = ["bulk"], count = "bytes", window.growth = { start = 2500, percent = 50, max = 6000, every = "day" } },
  { name = "purse", features = ["owe"], window.spend_cap = { limit = "90", every = "manual" } },
  { name = "of_a", features = ["blend"], count = "words", when = { model = "a" }, window.fixed = { limit = 90, every = "day" } },
]
waterfall = [
  { allowance = { name = "tasks", features = ["task"], windows = [{ name = "five", window.first_use = { limit = "4", length = "5h" } }] } },
  { allowance = { name = "included", features = ["chat"], windows = [{ name = "hour", window.fixed = { limit = "5", every = "hour" } }] } },
  { allowance = { name = "album", features = ["draw"], windows = [{ name = "job", window.fixed = { limit = "6", every = "manual" } }] } },
  { allowance = { name = "seated", features = ["blend"], per = "seat", windows = [{ name = "day", window.fixed = { limit = "40", every = "day" } }, { name = "job", window.fixed = { limit = "150", every = "manual" } }] } },
  { grants = { name = "gifts", categories = ["free", "promotional"] } },
  { pool = { name = "shared", member = "user", cap = { default = "30", every = "day" } } },
  { overdraft = { name = "lent", limit = "10" } },
  { postpaid = { name = "bill", unit = "notes", limit = "60", every = "day" } },
]
[plans.p.seats.types]
premium = { "seated.day" = "80" }
[plans.s]
extends = "p"
[plans.s.seats]
required = true
types = { premium = { "seated.day" = "80" } }
[plans.r]
features = ["chat", "gift", "owe", "bulk", "draw", "rent", "blend", "task", "fast"]
price_factor = "0.5"
waterfall = [{ grants = { name = "all" } }]
[plans.q]
features = ["chat", "rent", "blend", "task"]
consent = "ask"
price_factor = "0.987654321"
waterfall = [{ grants = { name = "all" } }]
"#;

const CARD: &str = r#"
[[rate_cards.card]]
effective_from = "FROM"
prices = [
  { feature = "chat", credits = { tokens = "CHAT" } },
  { feature = "gift", credits = { tokens = "1" } },
  { feature = "owe", credits = { tokens = "OWE" } },
  { feature = "bulk", credits = { bytes = "0.01" } },
  { feature = "draw", credits = { images = "1" } },
  { feature = "rent", credits = { hours = "RENT" }, graduated = { hours = { every = "day", steps = [{ above = 30, credits = "1" }, { above = 80, credits = "3" }] } } },
  { feature = "rent", when = { size = "long" }, like = {}, factor = "0.5" },
  { feature = "blend", when = { model = "a" }, credits = { words = "BLEND" } },
  { feature = "blend", when = { model = "b" }, like = { model = "a" }, factor = "0.5" },
]
"#;

/// Whether a version of the policy rolls out the plan that it tries to a share of the accounts.
pub(crate) fn rolls_out(version: usize) -> bool {
    !version.is_multiple_of(2)
}

/// Whether a plan has the limits of `p`: `s` is `p` for those with a seat.
pub(crate) fn has_limits(plan: &Name) -> bool {
    plan.as_str() != "q"
}

/// The price of the first unit of a feature at an instant in a version of the policy, in nano-credits; of `blend` under the model `a`.
pub(crate) fn price(version: usize, feature: &str, at: Instant) -> i64 {
    price_in(version, feature, CHANGES.iter().filter(|from| **from <= at.micros()).count())
}

/// The same, after this many changes.
fn price_in(version: usize, feature: &str, changes: usize) -> i64 {
    let dear = changes.is_multiple_of(2);
    match feature {
        "chat" => {
            1_000_000_000
                + if version.is_multiple_of(2) { 0 } else { 500_000_000 }
                + i64::from(dear) * 250_000_000
        }
        "owe" => 1_000_000_000 + i64::from(dear) * 1_000_000_000,
        "bulk" => 10_000_000,
        "blend" => 1_000_000_000 + if version.is_multiple_of(2) { 0 } else { 1_000_000_000 },
        "rent" => 2_000_000_000 + if version.is_multiple_of(2) { 0 } else { 500_000_000 },
        _ => 1_000_000_000,
    }
}

fn cards(version: usize) -> String {
    let cards = CHANGES.iter().zip(1..).map(|(from, changes)| {
        let of = |feature| Credits::from_nano(price_in(version, feature, changes)).to_string();
        let from = Instant::from_micros(*from).to_string();
        CARD.replace("FROM", &from)
            .replace("CHAT", &of("chat"))
            .replace("OWE", &of("owe"))
            .replace("RENT", &of("rent"))
            .replace("BLEND", &of("blend"))
    });
    cards.collect()
}

/// One version of the policy. Prices differ, and volatile windows change places with durable ones.
pub(crate) fn text(version: usize) -> String {
    let text = TEXT.replace("TIER", TIER).replace("VERSION", &format!("v{version}"));
    let text = text.replace("CARDS", &cards(version));
    let share = r#"rollout = { plan = "r", accounts_percent = 40 }"#;
    let text = if rolls_out(version) { text.replace(r#"rollout = { plan = "r" }"#, share) } else { text };
    if !version.is_multiple_of(3) {
        return text;
    }
    let quick = r#"features = ["fast"], window.rate = { limit = 2, period = "10s" }"#;
    let slow = r#"features = ["task"], window.rate = { limit = 2, period = "10m" }"#;
    text.replace(quick, slow)
        .replace(r#"limit = 60, period = "1m""#, r#"limit = 60, period = "5m""#)
        .replace(r#"length = "30s""#, r#"length = "2h""#)
}
