//! A policy as an operator would write it.

use headworks_core::record::{Category, Consent, Level, Overshoot};

use super::dice::Dice;
use super::policy::{FEATURES, Guard, Kind, Layer, NANO, Policy, Unit, Window};
use super::price::Hours;
use super::reuse;

pub(super) fn credits(nano: i64) -> String {
    let (sign, n) = if nano < 0 { ("-", -nano) } else { ("", nano) };
    format!("{sign}{}.{:09}", n / NANO, n % NANO)
}

pub(super) fn level(level: Level) -> &'static str {
    match level {
        Level::Account => "account",
        Level::Organization => "organization",
        Level::CostCenter => "cost_center",
        Level::Team => "team",
        Level::User => "user",
        Level::Seat => "seat",
        Level::Key => "key",
        Level::Session => "session",
    }
}

/// One level, or a list of them.
fn per(levels: &[Level]) -> String {
    match levels {
        [] => format!("\"{}\"", level(Level::Account)),
        [one] => format!("\"{}\"", level(*one)),
        several => {
            let words: Vec<String> = several.iter().map(|of| format!("\"{}\"", level(*of))).collect();
            format!("[{}]", words.join(", "))
        }
    }
}

pub(super) fn segment((of, number): (Level, u8)) -> String {
    let word = level(of);
    format!("{word}:{}{number}", &word[..1])
}

pub(super) fn layer_name(index: usize) -> String {
    format!("l{index}")
}

fn of_feature(feature: Option<usize>) -> String {
    feature.map_or(String::new(), |f| format!("features = [\"{}\"], ", FEATURES[f]))
}

impl Guard {
    fn text(&self, index: usize) -> String {
        let window = match self.kind {
            Kind::Rate { limit, seconds, burst } => {
                format!("rate = {{ limit = {limit}, period = \"{seconds}s\", burst = {burst} }}")
            }
            Kind::Sliding { limit, seconds } => {
                format!("sliding = {{ limit = {limit}, length = \"{seconds}s\" }}")
            }
            Kind::Fixed { limit, calendar } => format!("fixed = {{ limit = {limit}, {} }}", calendar.text()),
            Kind::FirstUse { limit, seconds } => {
                format!("first_use = {{ limit = {limit}, length = \"{seconds}s\" }}")
            }
            Kind::Growth { start, percent, max, calendar } => format!(
                "growth = {{ start = {start}, percent = {percent}, max = {max}, {} }}",
                calendar.text()
            ),
            Kind::Slots { limit } => format!("concurrency = {{ limit = {limit} }}"),
            Kind::SpendCap { limit, calendar } => {
                format!("spend_cap = {{ limit = \"{}\", {} }}", credits(limit), calendar.text())
            }
        };
        let counts = !matches!(self.kind, Kind::Slots { .. } | Kind::SpendCap { .. });
        let count = if !counts {
            ""
        } else if self.tokens {
            "count = \"tokens\", "
        } else {
            "count = \"requests\", "
        };
        let (per, feature) = (per(self.level), of_feature(self.feature));
        format!("{{ name = \"g{index}\", per = {per}, {feature}{count}window.{window} }}")
    }
}

impl Layer {
    fn text(&self, index: usize, unit: Unit) -> String {
        let name = layer_name(index);
        let limit = |n: i64| if unit == Unit::Credits { credits(n) } else { n.to_string() };
        let list = |categories: &[Category]| {
            let quoted: Vec<String> = categories.iter().map(|c| format!("\"{}\"", c.as_str())).collect();
            quoted.join(", ")
        };
        match self {
            Self::Allowance { level: of, feature, windows } => {
                let one = |(i, w): (usize, &Window)| match w {
                    Window::Fixed { limit: n, calendar } => {
                        format!(
                            "{{ name = \"w{i}\", window.fixed = {{ limit = \"{}\", {} }} }}",
                            limit(*n),
                            calendar.text()
                        )
                    }
                    Window::FirstUse { limit: n, seconds } => format!(
                        "{{ name = \"w{i}\", window.first_use = {{ limit = \"{}\", length = \"{seconds}s\" }} }}",
                        limit(*n)
                    ),
                };
                let windows: Vec<String> = windows.iter().enumerate().map(one).collect();
                format!(
                    "{{ allowance = {{ name = \"{name}\", per = {}, {}windows = [{}] }} }}",
                    per(of),
                    of_feature(*feature),
                    windows.join(", ")
                )
            }
            Self::Grants { categories } => {
                format!("{{ grants = {{ name = \"{name}\", categories = [{}] }} }}", list(categories))
            }
            Self::Pool { categories, member, cap, calendar } => {
                let default = cap.map_or(String::new(), |c| format!("default = \"{}\", ", credits(c)));
                format!(
                    "{{ pool = {{ name = \"{name}\", categories = [{}], member = {}, cap = {{ {default}{} }} }} }}",
                    list(categories),
                    per(member),
                    calendar.text()
                )
            }
            Self::Postpaid { limit, calendar, counts } => {
                let unpaid = if *counts { "counts" } else { "ignored" };
                format!(
                    "{{ postpaid = {{ name = \"{name}\", limit = \"{}\", {}, unpaid = \"{unpaid}\" }} }}",
                    credits(*limit),
                    calendar.text()
                )
            }
            Self::Overdraft { limit } => {
                format!("{{ overdraft = {{ name = \"{name}\", limit = \"{}\" }} }}", credits(*limit))
            }
        }
    }
}

impl Policy {
    /// The dimensions that follow from a request.
    fn derived(&self) -> String {
        let sizes = self.large_above.map(|above| {
            format!("sizes.size = {{ count = [\"tokens\"], steps = [{{ above = {above}, value = \"large\" }}], otherwise = \"small\" }}\n")
        });
        let times = self.hours.map(|Hours { zone, from, to }| {
            format!("times.hour = {{ zone = \"{zone}\", hours = [{{ from = \"{from:02}:00\", to = \"{to:02}:00\", value = \"dear\" }}], otherwise = \"usual\" }}\n")
        });
        sizes.into_iter().chain(times).collect()
    }

    pub(super) fn text(&self) -> String {
        let unit = match self.unit {
            Unit::Credits => "credits",
            Unit::Requests => "requests",
            Unit::Tokens => "tokens",
        };
        let overshoot = match self.overshoot {
            Overshoot::Refund => "\"refund\"".to_owned(),
            Overshoot::Goodwill => "\"goodwill\"".to_owned(),
            Overshoot::Debt => "\"debt\"".to_owned(),
            Overshoot::DebtUpTo(most) => format!("{{ debt = \"{}\" }}", credits(most.nano())),
            Overshoot::Reject => "\"reject\"".to_owned(),
        };
        let mut dice = Dice::new(self.notation.wrapping_add(u64::try_from(self.version).expect("small")));
        let charges = if self.expiry_charges { ", expiry_charges = [\"tokens\"]" } else { "" };
        let mut text =
            format!("version = \"v{}\"\n[meters]\ntokens = {{ unit = \"token\" }}\n", self.version);
        for feature in FEATURES {
            text += &format!(
                "[features.{feature}]\nmeters = [\"tokens\"]\nrate_card = \"c\"\nallowance_unit = \"{unit}\"\novershoot = {overshoot}\n\
                 hold = {{ life = \"10m\", life_max = \"24h\"{charges} }}\n{}",
                self.derived()
            );
        }
        for (from, prices) in ["2020-01-01T00:00:00Z", self.dearer_from].into_iter().zip(self.prices) {
            let prices = reuse::prices(self, prices, &mut dice);
            text += &format!("[[rate_cards.c]]\neffective_from = \"{from}\"\nprices = [{prices}]\n");
        }
        let consent = match self.consent {
            Consent::Allow => "allow",
            Consent::Ask => "ask",
            Consent::Never => "never",
        };
        let in_debt = if self.allowances_in_debt { "allowances" } else { "deny" };
        let expired = if self.goodwill { "goodwill" } else { "breakage" };
        let guards: Vec<String> = self.guards.iter().enumerate().map(|(i, g)| g.text(i)).collect();
        let layers: Vec<String> = self.layers.iter().enumerate().map(|(i, l)| l.text(i, self.unit)).collect();
        let settings = format!(
            "features = [\"a\", \"b\"]\nconsent = \"{consent}\"\nin_debt = \"{in_debt}\"\nexpired_draws = \"{expired}\"\n{}",
            if self.factor == NANO {
                String::new()
            } else {
                format!("price_factor = \"{}\"\n", credits(self.factor))
            }
        );
        let seats = self.seats.as_ref().map_or(String::new(), |seats| seats.text(self));
        if dice.one_in(2) {
            return text + &reuse::plan((&settings, &seats), &guards, &layers, &mut dice);
        }
        let list = |parts: Vec<String>| parts.join(",\n  ");
        text + &format!(
            "[plans.p]\n{settings}{seats}guards = [\n  {},\n]\nwaterfall = [\n  {},\n]\n",
            list(guards),
            list(layers)
        )
        .replace("[\n  ,\n]", "[]")
    }
}
