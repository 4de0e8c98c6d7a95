//! The same plan written in another way: part of it in a plan that it extends, or in named lists, some figures apart.

use super::dice::Dice;
use super::policy::{FEATURES, Policy};
use super::price::{Rate, Rates};
use super::text::credits;

/// The guards or the layers of a plan: in order, and how the lists of plans and named lists are called.
struct Parts<'t> {
    list: &'static str,
    lists: &'static str,
    /// What may be left out: one more in the base.
    dropped: &'static str,
    texts: &'t [String],
}

/// How a plan is written.
#[derive(Default)]
struct Written {
    /// Tables before the plans.
    lists: String,
    base: String,
    own: String,
    without: Vec<String>,
    limits: Vec<String>,
}

/// The plan `p` of these settings, guards and layers, extending a base. Seats are its own, since they name its limits.
pub(super) fn plan(
    (settings, seats): (&str, &str),
    guards: &[String],
    layers: &[String],
    dice: &mut Dice,
) -> String {
    let mut written = Written::default();
    let dropped = "{ name = \"dropped\", window.concurrency = { limit = 0 } }";
    written.write(&Parts { list: "guards", lists: "guards", dropped, texts: guards }, dice);
    let dropped = "{ grants = { name = \"dropped_too\" } }";
    written.write(&Parts { list: "waterfall", lists: "waterfalls", dropped, texts: layers }, dice);
    // Some settings are those of the base, the others replace it.
    let lines: Vec<&str> = settings.lines().collect();
    let kept = dice.index(lines.len() + 1);
    let (of_base, own) = lines.split_at(kept);
    let other = "consent = \"never\"\nin_debt = \"allowances\"\nexpired_draws = \"goodwill\"\nfeatures = [\"a\", \"b\"]";
    let key = |line: &str| line.split(" = ").next().map(str::to_owned);
    let others = other.lines().filter(|line| own.iter().any(|own| key(own) == key(line)));
    let base: Vec<&str> = of_base.iter().copied().chain(others).collect();
    let without =
        if written.without.is_empty() { String::new() } else { format!("without = {:?}\n", written.without) };
    let limits = written.limits.join(", ");
    format!(
        "{}[plans.base]\n{}\n{}[plans.p]\nextends = \"base\"\n{}\n{seats}{}{without}limits = {{ {limits} }}\n",
        written.lists,
        base.join("\n"),
        written.base,
        own.join("\n"),
        written.own,
    )
}

/// The prices of a token of both features.
pub(super) fn prices(policy: &Policy, by_feature: [Rates; 2], dice: &mut Dice) -> String {
    let text = |price: Rate| {
        let mut text = format!("credits = {{ tokens = \"{}\" }}", credits(price.each));
        if price.step > 1 {
            text += &format!(", step = {{ tokens = {} }}", price.step);
        }
        if price.least > 0 {
            text += &format!(", minimum = {{ tokens = {} }}", price.least);
        }
        text
    };
    if policy.large_above.is_some() || policy.hours.is_some() {
        return by_dimensions(policy, by_feature, text);
    }
    let prices = by_feature.map(|[[usual, _], _]| usual);
    let [a, b] = prices.map(text);
    let half = text(Rate { each: prices[1].each / 2, ..prices[1] });
    match dice.int(0, 4) {
        0 if a == b => format!("{{ feature = [\"a\", \"b\"], {a} }}"),
        1 if a == b => format!("{{ {a} }}"),
        // One for all features, another for one of them.
        1 => format!("{{ {a} }}, {{ feature = \"b\", {b} }}"),
        // One derived from a price that no request has.
        2 => format!(
            "{{ feature = \"a\", {a} }}, {{ feature = \"b\", like = {{ d = \"y\" }}, factor = \"2\" }}, \
             {{ feature = \"b\", when = {{ d = [\"x\", \"y\"] }}, {half} }}"
        ),
        _ => format!("{{ feature = \"a\", {a} }}, {{ feature = \"b\", {b} }}"),
    }
}

/// A price for each size and each time of both features.
fn by_dimensions(policy: &Policy, by_feature: [Rates; 2], text: impl Fn(Rate) -> String) -> String {
    let mut prices = Vec::new();
    for (feature, rates) in FEATURES.into_iter().zip(by_feature) {
        for (hour, sizes) in ["usual", "dear"].into_iter().zip(rates) {
            for (size, rate) in ["small", "large"].into_iter().zip(sizes) {
                let hour = policy.hours.map(|_| format!("hour = \"{hour}\""));
                let size = policy.large_above.map(|_| format!("size = \"{size}\""));
                let when: Vec<String> = hour.into_iter().chain(size).collect();
                let price = format!(
                    "{{ feature = \"{feature}\", when = {{ {} }}, {} }}",
                    when.join(", "),
                    text(rate)
                );
                if !prices.contains(&price) {
                    prices.push(price);
                }
            }
        }
    }
    prices.join(", ")
}

impl Written {
    fn write(&mut self, parts: &Parts<'_>, dice: &mut Dice) {
        let (first, last) = parts.texts.split_at(dice.index(parts.texts.len() + 1));
        let (mut base, mut own) = (Vec::new(), Vec::new());
        for text in first {
            match dice.int(0, 2) {
                0 => base.push(text.clone()),
                1 => base.push(self.with_other_figures(text)),
                _ => {
                    base.push(self.replaced(parts, text));
                    own.push(text.clone());
                }
            }
        }
        if dice.one_in(2) {
            // Last, since allowances in tokens come before what pays credits.
            base.push(parts.dropped.to_owned());
            self.without.push(name(parts.dropped));
        }
        let (listed, rest) = last.split_at(dice.index(last.len() + 1));
        own.extend(listed.iter().cloned());
        let mut entries: Vec<String> = rest.to_vec();
        if dice.one_in(2) && !own.is_empty() {
            self.lists += &format!("[{}]\nshared = [{}]\n", parts.lists, own.join(", "));
            entries.insert(0, "\"shared\"".to_owned());
        } else {
            entries.splice(0..0, own);
        }
        self.base += &format!("{} = [{}]\n", parts.list, base.join(", "));
        self.own += &format!("{} = [{}]\n", parts.list, entries.join(", "));
    }

    /// Another part of the same name, that one replaces. An allowance keeps a window, which is left out; a cap stays one, because limits
    /// of one name count credits in all plans or in none.
    fn replaced(&mut self, parts: &Parts<'_>, text: &str) -> String {
        let name = name(text);
        if text.contains("spend_cap") {
            return format!(
                "{{ name = \"{name}\", window.spend_cap = {{ limit = \"0\", every = \"day\" }} }}"
            );
        }
        if text.contains("{ allowance") {
            self.without.push(format!("{name}.gone"));
            let gone = "{ name = \"gone\", window.fixed = { limit = 1, every = \"day\" } }";
            return format!(
                "{{ allowance = {{ name = \"{name}\", per = \"session\", windows = [{gone}] }} }}"
            );
        }
        parts.dropped.replace("dropped_too", &name).replace("dropped", &name)
    }

    /// The part with all its figures at 1; the right ones are noted as limits.
    fn with_other_figures(&mut self, text: &str) -> String {
        let mut out = String::new();
        let mut window = None;
        let words: Vec<&str> = text.split(' ').collect();
        for (i, word) in words.iter().enumerate() {
            let before = |n: usize| i.checked_sub(n).and_then(|i| words.get(i)).copied();
            if before(2) == Some("name") && text.contains("{ allowance") && word.starts_with("\"w") {
                window = Some(word.trim_matches(['"', ',']).to_owned());
            }
            if matches!(before(2), Some("limit" | "default")) {
                let figure = word.trim_end_matches(',');
                let limit = window.as_ref().map_or_else(|| name(text), |w| format!("{}.{w}", name(text)));
                self.limits.push(format!("\"{limit}\" = {figure}"));
                out += &word.replace(figure, if figure.starts_with('"') { "\"1\"" } else { "1" });
            } else {
                out += word;
            }
            out += if i + 1 < words.len() { " " } else { "" };
        }
        out
    }
}

/// The name of a part, the first in its text.
fn name(text: &str) -> String {
    let after = text.split("name = \"").nth(1).expect("a name");
    after.split('"').next().expect("its end").to_owned()
}
