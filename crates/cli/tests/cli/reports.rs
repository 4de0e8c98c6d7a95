//! What is exported adds up to the balances, as `docs/ledger.md` says.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::PathBuf;

use parquet::basic::{LogicalType, TimeUnit, Type as Physical};
use parquet::data_type::Decimal;
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::Field;
use serde_json::{Value, json};

use crate::common::{Connection, Server, headworks, make_key};

const CATALOG: &str = r#"
version = "t"
default_plan = "p"
[meters]
tokens = { unit = "token" }
seconds = { unit = "second" }
images = { unit = "image" }
[features.chat]
meters = ["tokens"]
rate_card = "card"
[features.mail]
meters = ["tokens"]
rate_card = "card"
allowance_unit = "requests"
[features.film]
meters = ["seconds"]
rate_card = "card"
allowance_unit = "seconds"
overshoot = "debt"
[features.draw]
meters = ["images"]
rate_card = "card"
credit_unit = "usd"
overshoot = "debt"
[[rate_cards.card]]
effective_from = "2020-01-01T00:00:00Z"
prices = [
  { feature = "chat", credits = { tokens = "0.001" } },
  { feature = "mail", credits = { tokens = "0.001" } },
  { feature = "film", credits = { seconds = "0.5" } },
  { feature = "draw", credits = { images = "1" } },
]
[plans.p]
features = ["chat", "mail", "film", "draw"]
waterfall = [
  { allowance = { name = "talk", features = ["chat"], windows = [{ name = "month", window.fixed = { limit = "5", every = "month" } }] } },
  { allowance = { name = "letters", features = ["mail"], windows = [{ name = "month", window.fixed = { limit = 2, every = "month" } }] } },
  { allowance = { name = "reels", features = ["film"], windows = [{ name = "month", window.fixed = { limit = 10, every = "month" } }] } },
  { grants = { name = "credits" } },
  { overdraft = { name = "lent", limit = "3" } },
]
"#;

/// The value of a decimal with nine digits after the point.
pub(crate) fn billionths(decimal: &Decimal) -> i128 {
    assert_eq!((decimal.precision(), decimal.scale()), (38, 9));
    i128::from_be_bytes(decimal.data().try_into().expect("16 bytes"))
}

/// An account to which everything happens, on a test clock.
struct Book {
    dir: tempfile::TempDir,
    server: Server,
    secret: String,
    calls: u32,
}

impl Book {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("directory");
        std::fs::write(dir.path().join("catalog.toml"), CATALOG).expect("writes");
        let secret = make_key(&dir.path().join("data"));
        let (data, catalog) = (dir.path().join("data"), dir.path().join("catalog.toml"));
        // The keys are made by the wall's clock, and a ledger's time does not go back.
        let clock = ["--test-clock", "2030-01-10T00:00:00Z"];
        let server = Server::start_with(&data, &catalog, &clock);
        let mut book = Self { dir, server, secret, calls: 0 };
        book.post("/v1/accounts", json!({"id": "acme", "billing_anchor": "2030-01-01T00:00:00Z"}));
        book
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn call(&mut self, method: &str, path: &str, body: &Value) -> Value {
        self.calls += 1;
        let mut connection = Connection::open(self.server.address, &self.secret).expect("connects");
        let key = format!("call {}", self.calls);
        let (status, answer) = connection.call(method, path, &key, &body.to_string()).expect("answers");
        assert!(status < 300, "{path} {body}: {status} {answer}");
        answer
    }

    fn post(&mut self, path: &str, body: Value) -> Value {
        self.call("POST", path, &body)
    }

    /// What the command line prints.
    fn shown(&self, args: &[&str]) -> String {
        let url = format!("http://{}", self.server.address);
        let done = headworks().args(["--server", &url, "--api-key", &self.secret]).args(args).output();
        String::from_utf8(done.expect("runs").stdout).expect("text")
    }

    fn get(&mut self, path: &str) -> Value {
        self.call("GET", path, &json!({}))
    }

    fn advance(&mut self, to: &str) {
        self.post("/v1/test-clock/advance", json!({"to": to}));
    }

    fn grant(&mut self, amount: &str, more: Value) -> String {
        let mut body = json!({"amount": amount, "category": "purchased"});
        for (name, value) in more.as_object().expect("fields") {
            body[name] = value.clone();
        }
        self.post("/v1/accounts/acme/grants", body)["id"].as_str().expect("a grant").to_owned()
    }

    fn record(&mut self, feature: &str, meter: &str, quantity: u64) -> String {
        let body = json!({"account": "acme", "feature": feature, "quantities": {meter: quantity}});
        self.post("/v1/record", body)["charge"].as_str().expect("a charge").to_owned()
    }

    fn hold(&mut self, feature: &str, meter: &str, quantity: u64, life: &str) -> String {
        let body =
            json!({"account": "acme", "feature": feature, "quantities": {meter: quantity}, "life": life});
        let answer = self.post("/v1/authorize", body);
        answer["hold"]["id"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }

    fn settle(&mut self, hold: &str, meter: &str, quantity: u64) -> String {
        let body = json!({"hold": hold, "quantities": {meter: quantity}});
        self.post("/v1/settle", body)["charge"].as_str().expect("a charge").to_owned()
    }

    fn correct(&mut self, charge: &str, more: Value) -> String {
        let mut body = json!({"charge": charge});
        for (name, value) in more.as_object().expect("fields") {
            body[name] = value.clone();
        }
        let answer = self.post("/v1/accounts/acme/corrections", body);
        answer["charge"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }

    fn refund(&mut self, charge: &str, amount: Option<&str>) {
        self.post("/v1/accounts/acme/refunds", json!({"charge": charge, "amount": amount}));
    }

    /// January: allowances in three units, grants that expire, are voided, adjusted, come again; holds, corrections, refunds.
    fn january(&mut self) {
        let main = self.grant("100", json!({}));
        let dollars = self.grant("30", json!({"unit": "usd"}));
        let recurrence = json!({"every": "month", "rollover": {"max": "5"}});
        self.grant("20", json!({"category": "promotional", "recurrence": recurrence}));
        let gift = self.grant("7", json!({"category": "free", "priority": 0}));
        self.grant("2", json!({"category": "free", "expires_at": "2030-01-20T00:00:00Z"}));
        self.grant("50", json!({"category": "contract", "effective_from": "2030-06-01T00:00:00Z"}));
        // 5 credits are included; the grant that expires first pays the other 3, then the one after it.
        let mixed = self.record("chat", "tokens", 8_000);
        let letters: Vec<String> = (0..3).map(|_| self.record("mail", "tokens", 2_000)).collect();
        let film = self.record("film", "seconds", 14);
        let drawn = self.record("draw", "images", 10);
        let hold = self.hold("chat", "tokens", 10_000, "60s");
        let settled = self.settle(&hold, "tokens", 6_000);
        let late = self.hold("draw", "images", 5, "60s");
        self.advance("2030-01-10T00:05:00Z");
        self.settle(&late, "images", 4);
        self.refund(&drawn, Some("3"));
        self.refund(&drawn, Some("2.5"));
        let up = self.correct(&settled, json!({"quantities": {"tokens": 9_000}}));
        let down = self.correct(&up, json!({"quantities": {"tokens": 8_500}}));
        self.refund(&down, Some("0.75"));
        self.correct(&film, json!({"quantities": {"seconds": 9}}));
        self.correct(&letters[0], json!({"delete": true}));
        self.refund(&letters[1], None);
        self.post(&format!("/v1/accounts/acme/grants/{gift}/void"), json!({"reason": "a mistake"}));
        self.advance("2030-01-21T00:00:00Z");
        // Of its draws, one grant has expired, one was taken back.
        self.refund(&mixed, None);
        self.post("/v1/accounts/acme/adjustments", json!({"grant": main, "amount": "-10"}));
        self.post("/v1/accounts/acme/adjustments", json!({"grant": main, "amount": "1.5"}));
        let chargeback = json!({"grant": dollars, "amount": "-25", "as_debt": true});
        self.post("/v1/accounts/acme/adjustments", chargeback);
    }

    /// February: a new period, more use than there are credits, and a grant that repays.
    fn february(&mut self) {
        self.advance("2030-02-03T00:00:00Z");
        let much = self.record("chat", "tokens", 300_000);
        self.refund(&much, Some("40"));
        self.refund(&much, Some("170.000000001"));
        self.record("film", "seconds", 50);
        self.record("draw", "images", 6);
        self.grant("60", json!({"unit": "usd"}));
        self.grant("80", json!({}));
        self.hold("chat", "tokens", 3_000, "12h");
        self.hold("draw", "images", 2, "12h");
        self.advance("2030-02-03T06:00:00Z");
    }
}

type Row = BTreeMap<String, String>;

struct Tables {
    data: PathBuf,
    out: PathBuf,
}

impl Tables {
    fn run(&self, args: &[&str]) -> Vec<u8> {
        let done = headworks().args(args).arg("--data").arg(&self.data).output().expect("runs");
        assert!(done.status.success(), "{args:?}: {}", String::from_utf8_lossy(&done.stderr));
        done.stdout
    }

    /// The rows of a dataset: the same in both forms.
    fn rows(&self, dataset: &str, more: &[&str]) -> Vec<Row> {
        let out = self.out.to_str().expect("path");
        self.run(&[&["export", dataset, "--format", "parquet", "--out", out], more].concat());
        let typed = from_parquet(&self.out);
        let text = self.run(&[&["export", dataset], more].concat());
        let mut reader = csv::Reader::from_reader(&*text);
        let rows: Vec<Row> = reader.deserialize().map(|row| row.expect("a row")).collect();
        assert_eq!(typed, rows, "{dataset}");
        rows
    }
}

fn from_parquet(path: &PathBuf) -> Vec<Row> {
    let file = SerializedFileReader::new(File::open(path).expect("opens")).expect("a parquet file");
    for column in file.metadata().file_metadata().schema_descr().columns() {
        let is = (column.physical_type(), column.logical_type_ref().cloned());
        let should = match column.name() {
            "record" | "replaces" | "refunds" | "gives_back" | "hold" | "grant" | "quantity" | "billed"
            | "part" | "priority" | "position" => (Physical::INT64, None),
            "amount" | "worth" | "price" | "credits" | "spent" | "unit_price" | "balance" => {
                (Physical::FIXED_LEN_BYTE_ARRAY, Some(LogicalType::decimal(9, 38)))
            }
            "effective_at" | "recorded_at" | "rate_card_from" | "effective_from" | "expires_at" => {
                (Physical::INT64, Some(LogicalType::timestamp(true, TimeUnit::MICROS)))
            }
            "late" => (Physical::BOOLEAN, None),
            _ => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        };
        assert_eq!(is, should, "{}", column.name());
    }
    let text = |field: &Field| {
        if let Field::Decimal(decimal) = field {
            written(billionths(decimal))
        } else if let Field::TimestampMicros(at) = field {
            headworks_core::record::Instant::from_micros(*at).to_string()
        } else if let Field::Str(text) = field {
            text.clone()
        } else if *field == Field::Null {
            String::new()
        } else {
            field.to_string()
        }
    };
    let row = |row: parquet::record::Row| {
        row.get_column_iter().map(|(name, field)| (name.clone(), text(field))).collect()
    };
    file.get_row_iter(None).expect("rows").map(|r| row(r.expect("a row"))).collect()
}

/// Billionths as an exact decimal, and back.
fn written(billionths: i128) -> String {
    let (sign, n) = (if billionths < 0 { "-" } else { "" }, billionths.abs());
    let text = format!("{sign}{}.{:09}", n / 1_000_000_000, n % 1_000_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn read(decimal: &str) -> i128 {
    let (whole, part) = decimal.split_once('.').unwrap_or((decimal, ""));
    format!("{whole}{part:0<9}").parse().unwrap_or_else(|_| panic!("{decimal} is no decimal"))
}

/// The sum of a column over the rows that `of` picks.
fn sum(rows: &[Row], column: &str, of: impl Fn(&Row) -> bool) -> i128 {
    rows.iter().filter(|r| of(r)).map(|r| read(&r[column])).sum()
}

/// Rows of records whose place no correction has taken.
fn standing(rows: &[Row]) -> Vec<Row> {
    let gone: BTreeSet<&String> = rows.iter().map(|r| &r["replaces"]).collect();
    rows.iter().filter(|r| !gone.contains(&r["record"])).cloned().collect()
}

/// `headworks export` adds up to the balances, in each unit of credits, as the documents say how.
#[test]
fn exports_add_up_to_the_balances() {
    let mut book = Book::new();
    book.january();
    let january = book.get("/v1/accounts/acme/windows");
    book.february();
    let balances =
        ["credits", "usd"].map(|unit| (unit, book.get(&format!("/v1/accounts/acme/balances?unit={unit}"))));
    let statements = ["credits", "usd"].map(|unit| {
        ["recorded", "effective"]
            .map(|by| book.get(&format!("/v1/accounts/acme/statement?unit={unit}&by={by}")))
    });
    let now = book.get("/v1/test-clock")["now"].as_str().expect("an instant").to_owned();
    // What people are shown names each unit.
    let shown = book.shown(&["account", "balances", "acme"]);
    assert!(
        shown.contains("credits at ") && shown.contains("usd at ") && shown.contains(" usd held"),
        "{shown}"
    );
    let shown = book.shown(&["authorize", "acme", "draw", "-q", "images=5000"]);
    assert!(shown.contains("price 5000 usd") && shown.contains(" usd, or by the "), "{shown}");
    let tables = Tables { data: book.path("data"), out: book.path("table.parquet") };
    let Book { dir: _kept, server, .. } = book;
    drop(server);

    let movements = tables.rows("movements", &[]);
    let grants = tables.rows("grants", &[]);
    let (charges, draws) = (tables.rows("charges", &[]), tables.rows("draws", &[]));
    let books: Value =
        serde_json::from_slice(&tables.run(&["--json", "reconcile"])).expect("the books as JSON");
    let to_begin: BTreeSet<String> = grants
        .iter()
        .filter(|g| g["effective_from"] > now)
        .map(|g| format!("grant:{}", g["record"]))
        .collect();
    assert_eq!(to_begin.len(), 1, "{grants:?}");
    for (unit, balances) in &balances {
        // What entered a book less what left it.
        let net = |book: &dyn Fn(&str) -> bool| {
            sum(&movements, "amount", |m| m["unit"] == *unit && book(&m["to_book"]))
                - sum(&movements, "amount", |m| m["unit"] == *unit && book(&m["from_book"]))
        };
        let of = |name: &'static str| move |book: &str| book == name;
        let (debt, overdraft) = (-net(&of("debt")), -net(&of("overdraft")));
        let free = net(&|book: &str| book.starts_with("grant:"));
        let begun = net(&|book: &str| book.starts_with("grant:") && !to_begin.contains(book));
        for (name, sum) in [
            ("issued", -net(&of("operator"))),
            ("spent", net(&of("spent"))),
            ("breakage", net(&of("breakage"))),
            ("goodwill", -net(&of("goodwill"))),
            ("debt", debt),
            ("overdraft", overdraft),
            ("held", net(&|book: &str| book.starts_with("hold:"))),
            ("available", begun - debt - overdraft),
        ] {
            assert_eq!(
                written(sum),
                balances[name].as_str().expect("a decimal"),
                "{unit} {name}: {balances}"
            );
        }
        let of_operator = if *unit == "credits" { &books["books"] } else { &books["other_units"][unit] };
        assert_eq!(of_operator["free"], written(free), "{books}");
        assert_eq!(of_operator["difference"], "0");
        // What was spent, by the charges and by who paid.
        let spent = balances["spent"].as_str().expect("a decimal");
        let mine = |r: &Row| r["unit"] == *unit;
        assert_eq!(written(sum(&charges, "spent", mine)), spent);
        assert_eq!(written(sum(&standing(&charges), "credits", mine)), spent);
        let paid = |r: &Row| r["unit"] == *unit && r["source"] != "allowance";
        assert_eq!(written(sum(&draws, "amount", paid)), spent);
        // Worths add up to the prices; a refund gives back what it says, allowances aside.
        let refunds: BTreeSet<&String> =
            charges.iter().filter(|r| !r["refunds"].is_empty()).map(|r| &r["record"]).collect();
        let priced = sum(&standing(&charges), "price", |r| mine(r) && r["refunds"].is_empty());
        let worth = sum(&draws, "worth", |r| r["credit_unit"] == *unit && !refunds.contains(&r["record"]));
        assert_eq!(written(priced), written(worth), "{unit}");
    }
    // Statements end at what stands in the books, whichever instant counts, and so do their sums.
    for ((_, balances), statements) in balances.iter().zip(&statements) {
        let of = |name: &str| read(balances[name].as_str().expect("a decimal"));
        let closing = of("issued") + of("goodwill") - of("spent") - of("breakage");
        for statement in statements {
            assert_eq!(statement["closing"], written(closing), "{}", statement["by"]);
            for sums in ["by_cause", "by_day"] {
                let sums = statement["sums"][sums].as_object().expect("sums").values();
                let sum: i128 = sums.map(|s| read(s["amount"].as_str().expect("a decimal"))).sum();
                assert_eq!(sum, closing);
            }
            // What paid, less what came back, is what was spent.
            let sources = statement["sums"]["by_source"].as_array().expect("sources").iter();
            let paid = sources.filter(|s| s["source"] != "allowance");
            let paid: i128 = paid.map(|s| read(s["amount"].as_str().expect("a decimal"))).sum();
            assert_eq!(paid, of("spent"));
        }
    }
    // Every book that the ledger has came up.
    let seen: BTreeSet<String> = movements
        .iter()
        .flat_map(|m| [&m["from_book"], &m["to_book"]])
        .map(|book| book.split(':').next().expect("a word").to_owned())
        .collect();
    let all = ["breakage", "debt", "goodwill", "grant", "hold", "operator", "overdraft", "spent"];
    assert_eq!(seen.iter().map(String::as_str).collect::<Vec<_>>(), all);

    // Included use, each in what its allowance counts, while the window was open.
    let draws = tables.rows("draws", &["--to", "2030-02-01T00:00:00Z"]);
    for (layer, unit) in [("talk", "credits"), ("letters", "requests"), ("reels", "seconds")] {
        let used = sum(&draws, "amount", |r| r["layer"] == layer);
        assert!(draws.iter().filter(|r| r["layer"] == layer).all(|r| r["unit"] == unit), "{layer}");
        let windows = january["windows"].as_array().expect("windows");
        let window = windows.iter().find(|w| w["name"] == format!("{layer}.month")).expect(layer);
        assert_eq!((&window["used"], &window["unit"]), (&json!(written(used)), &json!(unit)), "{layer}");
    }
    // Charged quantities and the prices of the lines.
    let lines = standing(&tables.rows("lines", &[]));
    let usage = standing(&tables.rows("usage", &[]));
    let film = |r: &Row| r["feature"] == "film";
    // 9 s after the correction, and 50 s.
    assert_eq!(sum(&lines, "quantity", film), read("59"));
    assert_eq!(written(sum(&lines, "amount", film)), "29.5");
    assert_eq!(usage.iter().filter(|r| film(r)).count(), 2);
    assert!(usage.iter().any(|r| r["late"] == "true" && r["feature"] == "draw"));
    tables.rows("statements", &[]);
}
