//! The policy of a simulation: small limits, so that every wall is met, and versions to change to.

use headworks_core::record::Credits;

pub(crate) const ACCOUNTS: [&str; 3] = ["alpha", "beta", "gamma"];
pub(crate) const USERS: [&str; 2] = ["ann", "ben"];
pub(crate) const KEYS: [&str; 3] = ["k1", "k2", "k3"];
/// Requests of `task` in a calendar day.
pub(crate) const DAILY: i64 = 5;
/// The largest limits of the pools of slots, live changes included.
pub(crate) const SLOTS: [(&str, u64); 2] = [("model", 7), ("spare", 1)];
/// Most open holds of one account.
pub(crate) const HOLDS: usize = 4;
/// Free credits of one day.
pub(crate) const TRIAL: i64 = 150_000_000_000;
/// The same for every tier, so that the model need not know who is trusted.
const TIER: &str = "holds = 4, held_percent = 80, velocity_floor = 5, ramp_floor = 100, sub_keys = 2, networks = 1, shared_holds = 1, key_spend_floor = \"40\"";
/// Nano-credits that are lent.
pub(crate) const OVERDRAFT: i128 = 10_000_000_000;

const TEXT: &str = r#"
version = "VERSION"
late_horizon = "2d"
[meters]
tokens = { unit = "token" }
images = { unit = "image" }
[pools.model]
in_flight = 5
in_flight_cost = { requests = 1 }
cost = { tokens = 1 }
fallback = ["spare"]
classes = { default = { wait_max = "20s" } }
[pools.spare]
in_flight = 1
in_flight_cost = { requests = 1 }
cost = { tokens = 1 }
[pools.rated]
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
pool = "model"
rate_card = "card"
overshoot = "debt"
hold = { life = "60s", expiry_charges = ["tokens"] }
[features.gift]
meters = ["tokens"]
pool = "rated"
rate_card = "card"
[features.draw]
meters = ["images"]
rate_card = "card"
credit_unit = "stamps"
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
[[rate_cards.card]]
effective_from = "2020-01-01T00:00:00Z"
prices = [
  { feature = "chat", credits = { tokens = "PRICE" } },
  { feature = "gift", credits = { tokens = "1" } },
  { feature = "draw", credits = { images = "1" } },
]
[plans.p]
cost_max = 90
features = ["chat", "gift", "draw", "task", "fast"]
guards = [
  { name = "tokens", features = ["chat"], count = "tokens", window.rate = { limit = 60, period = "1m" } },
  { name = "quick", features = ["fast"], window.rate = { limit = 2, period = "10s" } },
  { name = "recent", features = ["gift"], per = "user", window.sliding = { limit = 3, length = "30s" } },
  { name = "daily", features = ["task"], window.fixed = { limit = 5, every = "day" } },
  { name = "shift", features = ["draw"], window.first_use = { limit = 3, length = "2h" } },
  { name = "open", features = ["chat"], window.concurrency = { limit = 3 } },
  { name = "cap", features = ["gift"], window.spend_cap = { limit = "25", every = "day" } },
]
waterfall = [
  { allowance = { name = "tasks", features = ["task"], windows = [{ name = "five", window.first_use = { limit = "4", length = "5h" } }] } },
  { allowance = { name = "included", features = ["chat"], windows = [{ name = "hour", window.fixed = { limit = "5", every = "hour" } }] } },
  { grants = { name = "gifts", categories = ["free", "promotional"] } },
  { pool = { name = "shared", member = "user", cap = { default = "30", every = "day" } } },
  { overdraft = { name = "lent", limit = "10" } },
]
[plans.q]
features = ["chat", "task"]
consent = "ask"
waterfall = [{ grants = { name = "all" } }]
"#;

/// What a token of `chat` costs in nano-credits.
pub(crate) fn chat_price(version: usize) -> i64 {
    if version.is_multiple_of(2) { 1_000_000_000 } else { 1_500_000_000 }
}

/// The policy, in one of its versions; prices differ, and windows that a restart may lose change places with durable ones.
pub(crate) fn text(version: usize) -> String {
    let price = Credits::from_nano(chat_price(version)).to_string();
    let text = TEXT.replace("TIER", TIER).replace("VERSION", &format!("v{version}")).replace("PRICE", &price);
    if !version.is_multiple_of(3) {
        return text;
    }
    let quick = r#"features = ["fast"], window.rate = { limit = 2, period = "10s" }"#;
    let slow = r#"features = ["task"], window.rate = { limit = 2, period = "10m" }"#;
    text.replace(quick, slow)
        .replace(r#"limit = 60, period = "1m""#, r#"limit = 60, period = "5m""#)
        .replace(r#"length = "30s""#, r#"length = "2h""#)
}
