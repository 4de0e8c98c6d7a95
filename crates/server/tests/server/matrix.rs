//! Every route × scope × reach of the key × lane, from one table. A route of the document that the table lacks fails the test.
//!
//! The table is written from docs/http.md: what each scope may do, and which calls have a lane of their own.

use std::collections::{BTreeMap, BTreeSet};

use headworks_wire::Scope;
use serde_json::Value;

use crate::common::{Reply, Server, key};

const CATALOG: &str = include_str!("../../../../examples/abuse.toml");

/// What a caller has to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Needs {
    /// Nothing.
    Nothing,
    /// The signature of an inbound caller; no API key takes its place.
    Signature,
    /// An API key of any scope.
    AnyKey,
    /// The scope.
    Has(Scope),
}

/// What a call concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    /// The account that it names.
    Named,
    /// An account that it makes.
    New,
    /// The account that it names, and others by what they share: out of reach it is unknown, and the key must reach all.
    Shared,
    /// More than one account: the key must reach all.
    All,
    /// No account, or those that the key reaches.
    Reached,
}

use Needs::{AnyKey, Has, Nothing, Signature};
use Of::{All, Named, New, Reached, Shared};
use Scope::{Admin, Catalog, Decide, Gateway, Operator, Read, Record};

/// Method, path, what it needs, what it concerns, the lanes it runs in, and the smallest body it takes.
type Row = (&'static str, &'static str, Needs, Of, &'static [&'static str], &'static str);

/// `ACCOUNT` stands for the account's name, `NUMBER` for a new number.
#[rustfmt::skip]
const TABLE: &[Row] = &[
    ("POST", "/v1/authorize", Has(Decide), Named, &[], r#"{"account":"ACCOUNT","feature":"chat","quantities":{"input_tokens":1,"output_tokens":1}}"#),
    ("POST", "/v1/check", Has(Decide), Named, &[], r#"{"account":"ACCOUNT","feature":"chat"}"#),
    ("POST", "/v1/extend", Has(Decide), Named, &[], r#"{"hold":"ACCOUNT~2","life":"60s"}"#),
    ("POST", "/v1/settle", Has(Decide), Named, &[], r#"{"hold":"ACCOUNT~2"}"#),
    ("POST", "/v1/release", Has(Decide), Named, &[], r#"{"hold":"ACCOUNT~2"}"#),
    ("POST", "/v1/record", Has(Record), Named, &[], r#"{"account":"ACCOUNT","feature":"chat","quantities":{"input_tokens":1}}"#),
    ("POST", "/v1/events", Has(Record), Named, &[], r#"{"specversion":"1.0","id":"e","source":"s","type":"chat","subject":"ACCOUNT","data":{"input_tokens":1,"output_tokens":0}}"#),
    ("POST", "/v1/batch", Has(Decide), Named, &[], r#"{"items":[{"authorize":{"account":"ACCOUNT","feature":"chat","idempotency_key":"b"}}]}"#),
    ("POST", "/v1/batch", Has(Decide), Named, &[], r#"{"items":[{"settle":{"hold":"ACCOUNT~2"}}]}"#),
    ("POST", "/v1/batch", Has(Record), Named, &[], r#"{"items":[{"record":{"account":"ACCOUNT","feature":"chat","idempotency_key":"r"}}]}"#),
    ("GET", "/v1/decisions/{id}", Has(Read), Named, &[], ""),
    ("GET", "/v1/accounts", Has(Read), Reached, &[], ""),
    ("POST", "/v1/accounts", Has(Admin), New, &[], r#"{"id":"ACCOUNT"}"#),
    ("POST", "/v1/accounts", Has(Operator), New, &[], r#"{"id":"ACCOUNT","tier":"contract"}"#),
    ("POST", "/v1/accounts", Has(Operator), Shared, &[], r#"{"id":"ACCOUNT","capacity":{"cluster":"new-NUMBER"}}"#),
    ("GET", "/v1/accounts/{id}", Has(Read), Named, &[], ""),
    ("PATCH", "/v1/accounts/{id}", Has(Admin), Named, &[], r#"{"consent":"allow"}"#),
    ("PATCH", "/v1/accounts/{id}", Has(Operator), Named, &[], r#"{"suspended":false}"#),
    ("PATCH", "/v1/accounts/{id}", Has(Operator), Shared, &[], r#"{"capacity":{"cluster":"new-NUMBER"}}"#),
    ("GET", "/v1/accounts/{id}/balances", Has(Read), Named, &[], ""),
    ("GET", "/v1/accounts/{id}/balances/as-of", Has(Read), Named, &["reads"], ""),
    ("GET", "/v1/accounts/{id}/windows", Has(Read), Named, &[], ""),
    ("GET", "/v1/accounts/{id}/holds", Has(Read), Named, &[], ""),
    ("GET", "/v1/accounts/{id}/records", Has(Read), Named, &["reads"], ""),
    ("GET", "/v1/accounts/{id}/statement", Has(Read), Named, &["reads"], ""),
    ("GET", "/v1/accounts/{id}/abuse", Has(Read), Named, &[], ""),
    ("GET", "/v1/accounts/{id}/top-ups", Has(Read), Named, &[], ""),
    ("GET", "/v1/accounts/{id}/resets", Has(Read), Named, &[], ""),
    ("GET", "/v1/accounts/{id}/overrides", Has(Read), Named, &[], ""),
    ("POST", "/v1/accounts/{id}/overrides", Has(Operator), Named, &[], r#"{"limit":"rpm","value":5}"#),
    ("POST", "/v1/accounts/{id}/overrides/{override}/remove", Has(Operator), Named, &[], "{}"),
    ("GET", "/v1/accounts/{id}/seats", Has(Read), Named, &[], ""),
    ("POST", "/v1/accounts/{id}/seats", Has(Operator), Named, &[], r#"{"seat":"s1"}"#),
    ("POST", "/v1/accounts/{id}/seats/{seat}/assign", Has(Admin), Named, &[], r#"{"member":"user:ann"}"#),
    ("POST", "/v1/accounts/{id}/seats/{seat}/remove", Has(Operator), Named, &[], "{}"),
    ("GET", "/v1/accounts/{id}/increases", Has(Read), Named, &[], ""),
    ("POST", "/v1/accounts/{id}/increases", Has(Decide), Named, &[], r#"{"limit":"rpm","value":5}"#),
    ("POST", "/v1/accounts/{id}/increases/{increase}/approve", Has(Operator), Named, &[], "{}"),
    ("POST", "/v1/accounts/{id}/increases/{increase}/deny", Has(Operator), Named, &[], "{}"),
    ("GET", "/v1/accounts/{id}/invoices", Has(Read), Named, &[], ""),
    ("POST", "/v1/accounts/{id}/invoices/{invoice}/pay", Has(Operator), Named, &[], "{}"),
    ("GET", "/v1/accounts/{id}/quarantine", Has(Read), Named, &[], ""),
    ("POST", "/v1/accounts/{id}/signals", Has(Record), Named, &[], r#"{"signal":"invalid_key","key":"k"}"#),
    ("POST", "/v1/accounts/{id}/resets/redeem", Has(Decide), Named, &[], "{}"),
    ("POST", "/v1/accounts/{id}/grants/{grant}/void", Has(Admin), Named, &[], "{}"),
    ("POST", "/v1/accounts/{id}/grants", Has(Operator), Named, &[], r#"{"amount":"1","category":"purchased"}"#),
    ("POST", "/v1/accounts/{id}/grants", Has(Operator), All, &[], r#"{"amount":"1","category":"free"}"#),
    ("POST", "/v1/accounts/{id}/adjustments", Has(Operator), Named, &[], r#"{"grant":"ACCOUNT~2","amount":"1"}"#),
    ("POST", "/v1/accounts/{id}/refunds", Has(Operator), Named, &[], r#"{"charge":"ACCOUNT~2"}"#),
    ("POST", "/v1/accounts/{id}/corrections", Has(Operator), Named, &[], r#"{"charge":"ACCOUNT~2","delete":true}"#),
    ("POST", "/v1/accounts/{id}/pause", Has(Operator), Named, &[], "{}"),
    ("POST", "/v1/accounts/{id}/resume", Has(Operator), Named, &[], "{}"),
    ("POST", "/v1/accounts/{id}/plan", Has(Operator), Named, &[], r#"{"plan":"paid"}"#),
    ("POST", "/v1/accounts/{id}/plan/withdraw", Has(Operator), Named, &[], "{}"),
    ("POST", "/v1/accounts/{id}/grants/{grant}/stop", Has(Operator), Named, &[], "{}"),
    ("POST", "/v1/accounts/{id}/resets", Has(Operator), Named, &[], r#"{"windows":["rpm"]}"#),
    ("POST", "/v1/accounts/{id}/windows/close", Has(Operator), Named, &[], r#"{"windows":["rpm"]}"#),
    ("POST", "/v1/accounts/{id}/quarantine/{use}", Has(Operator), Named, &[], r#"{"action":"discard"}"#),
    ("POST", "/v1/accounts/{id}/top-ups/{number}", Has(Operator), Named, &[], r#"{"paid":true}"#),
    ("POST", "/v1/accounts/{id}/abuse/lift", Has(Operator), Named, &[], r#"{"rule":"velocity"}"#),
    ("GET", "/v1/abuse", Has(Read), All, &[], ""),
    ("GET", "/v1/supplies", Has(Read), All, &[], ""),
    ("GET", "/v1/supplies/{name}", Has(Read), All, &[], ""),
    ("GET", "/v1/supplies/{name}/sharers", Has(Read), All, &[], ""),
    ("PUT", "/v1/supplies/{name}", Has(Admin), All, &[], r#"{"rate":400000}"#),
    ("POST", "/v1/supplies/{name}/feedback", Has(Decide), All, &[], r#"{"status":200}"#),
    ("GET", "/v1/catalog", Has(Read), All, &[], ""),
    ("PUT", "/v1/catalog", Has(Admin), All, &["catalogs"], CATALOG),
    ("POST", "/v1/catalog/check", Has(Catalog), All, &["catalogs"], CATALOG),
    ("POST", "/v1/catalog/what-if", Has(Catalog), All, &["catalogs", "surveys"], CATALOG),
    ("POST", "/v1/catalog/corrections", Has(Operator), All, &["surveys"], r#"{"from":"2026-01-01T00:00:00Z","to":"2026-01-02T00:00:00Z"}"#),
    ("POST", "/v1/incidents", Has(Operator), All, &["surveys"], r#"{"id":"i","cause":"c","act":{"grant":{"amount":"1","category":"promotional"}}}"#),
    ("GET", "/v1/catalog/schema", Has(Read), Reached, &[], ""),
    ("GET", "/v1/catalogs", Has(Read), All, &[], ""),
    ("GET", "/v1/catalogs/{hash}", Has(Read), All, &[], ""),
    ("POST", "/v1/catalogs/{hash}/restore", Has(Admin), All, &["catalogs"], ""),
    ("GET", "/v1/reconcile", Has(Read), All, &[], ""),
    ("POST", "/v1/reconcile", Has(Admin), All, &[], ""),
    ("GET", "/v1/signing-key", Has(Read), Reached, &[], ""),
    ("PUT", "/v1/webhooks/{name}", Has(Admin), All, &[], r#"{"url":"http://127.0.0.1:1"}"#),
    ("GET", "/v1/webhooks", Has(Admin), All, &[], ""),
    ("GET", "/v1/webhooks/{name}", Has(Admin), All, &[], ""),
    ("GET", "/v1/webhooks/{name}/parked", Has(Admin), All, &[], ""),
    ("POST", "/v1/webhooks/{name}/parked/{account}", Has(Admin), All, &[], r#"{"resume":"pass_over"}"#),
    ("DELETE", "/v1/webhooks/{name}", Has(Admin), All, &[], ""),
    ("PUT", "/v1/inbound/{name}", Has(Admin), All, &[], r#"{"purposes":["signals"]}"#),
    ("GET", "/v1/inbound", Has(Admin), All, &[], ""),
    ("GET", "/v1/inbound/{name}", Has(Admin), All, &[], ""),
    ("POST", "/v1/inbound/{name}/signals", Signature, Reached, &[], r#"{"account":"ACCOUNT","report":{"signal":"invalid_key"}}"#),
    ("POST", "/v1/inbound/{name}/top-ups", Signature, Reached, &[], r#"{"account":"ACCOUNT","number":1,"payment":{"paid":true}}"#),
    ("DELETE", "/v1/inbound/{name}", Has(Admin), All, &[], ""),
    ("GET", "/v1/keys", Has(Admin), All, &[], ""),
    ("POST", "/v1/keys", Has(Admin), All, &[], r#"{"scopes":["read"]}"#),
    ("POST", "/v1/keys/{id}/rotate", Has(Admin), All, &[], "{}"),
    ("DELETE", "/v1/keys/{id}", Has(Admin), All, &[], ""),
    ("GET", "/v1/audit", Has(Admin), All, &["reads"], ""),
    ("GET", "/v1/test-clock", Has(Admin), All, &[], ""),
    ("POST", "/v1/test-clock/advance", Has(Admin), All, &[], r#"{"by":"1ms"}"#),
    ("GET", "/healthz", Nothing, Reached, &[], ""),
    ("GET", "/readyz", Nothing, Reached, &[], ""),
    ("GET", "/metrics", Has(Read), All, &[], ""),
    ("GET", UNDOCUMENTED, AnyKey, Reached, &[], ""),
];

/// The document does not describe itself.
const UNDOCUMENTED: &str = "/v1/openapi.json";

/// Accounts that keys reach, and whether `acme` is one.
const REACHES: [(&[&str], bool); 3] = [(&[], true), (&["acme*"], true), (&["zeta"], false)];

/// Whether a key with one scope may do what a scope is needed for.
fn may(own: Scope, is_limited: bool, needed: Scope) -> bool {
    match needed {
        Decide | Record | Read => own == needed || own == Admin,
        Admin => own == Admin,
        Gateway => own == needed,
        Operator | Catalog => own == needed || (own == Admin && !is_limited),
    }
}

/// What a call has to be answered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    /// A status and a kind of problem.
    Refused(u16, &'static str),
    /// No valid signature; after a few of them the network has to wait.
    Unsigned,
    /// Any answer of the state, but not that the caller may not.
    Allowed,
}

const UNAUTHENTICATED: Answer = Answer::Refused(401, "unauthenticated");
const UNKNOWN_ACCOUNT: Answer = Answer::Refused(404, "unknown_account");

fn expected(needs: Needs, of: Of, own: Scope, is_limited: bool, reaches_it: bool) -> Answer {
    match needs {
        Nothing | AnyKey => Answer::Allowed,
        Signature => Answer::Unsigned,
        Has(scope) if !may(own, is_limited, scope) || (of == All && is_limited) => {
            Answer::Refused(403, "wrong_scope")
        }
        Has(_) if matches!(of, Named | New | Shared) && !reaches_it => UNKNOWN_ACCOUNT,
        Has(_) if of == Shared && is_limited => Answer::Refused(403, "wrong_scope"),
        Has(_) => Answer::Allowed,
    }
}

fn fits(answer: Answer, got: &(u16, String)) -> bool {
    match answer {
        Answer::Refused(status, problem) => *got == (status, problem.to_owned()),
        Answer::Unsigned => {
            matches!((got.0, got.1.as_str()), (401, "bad_signature") | (429, "too_many_invalid"))
        }
        Answer::Allowed => {
            let is_of_caller = matches!(got.0, 401 | 403) || got.1 == "unknown_account";
            !is_of_caller && (200..500).contains(&got.0) && got.0 != 405 && got.1 != "no_such_route"
        }
    }
}

struct World {
    server: Server,
    hash: String,
    asked: u32,
}

impl World {
    async fn new() -> Self {
        let server = Server::start().await;
        let put = server.call("PUT", "/v1/catalog", "", CATALOG).await;
        let hash = put.body["hash"].as_str().expect("a hash").to_owned();
        for account in ["acme", "zeta"] {
            server.open(account, "100").await;
        }
        Self { server, hash, asked: 0 }
    }

    /// Asks for a row of the table about an account.
    async fn ask(&mut self, row: &Row, account: &str, key: Option<&str>) -> Reply {
        let (method, path, _, _, _, body) = row;
        let id = match path.split('/').nth(2) {
            Some("decisions") => format!("{account}~2"),
            Some("keys") => "none".to_owned(),
            _ => account.to_owned(),
        };
        let name = if path.starts_with("/v1/supplies") { "model" } else { "hook" };
        let record = format!("{account}~2");
        let filled = [
            ("{id}", id.as_str()),
            ("{name}", name),
            ("{hash}", &self.hash),
            ("{grant}", &record),
            ("{use}", &record),
            ("{override}", &record),
            ("{increase}", &record),
            ("{seat}", "s1"),
            ("{invoice}", &record),
            ("{number}", "1"),
            ("{account}", account),
        ];
        let path = filled.iter().fold((*path).to_owned(), |path, (from, to)| path.replace(from, to));
        self.asked += 1;
        let body = body.replace("ACCOUNT", account).replace("NUMBER", &self.asked.to_string());
        let mut head = format!("Idempotency-Key: {}\r\n", self.asked);
        if let Some(key) = key {
            head += &format!("Authorization: Bearer {key}\r\n");
        }
        self.server.raw(method, &path, &head, body.as_bytes()).await
    }

    /// Calls that each lane took.
    async fn lanes(&self) -> BTreeMap<String, u64> {
        let text = self.server.call("GET", "/metrics", "", "").await.body;
        let text = text.as_str().expect("text");
        let counts = text.lines().filter_map(|line| {
            let (lane, count) =
                line.strip_prefix("headworks_lane_calls_total{lane=\"")?.split_once("\"} ")?;
            Some((lane.to_owned(), count.parse().expect("a number")))
        });
        counts.collect()
    }
}

/// The status and the problem of an answer; of its first item, for a batch.
fn outcome(reply: &Reply) -> (u16, String) {
    let item = reply.body.get("items").and_then(|items| items.get(0)?.get("problem"));
    let of = item.unwrap_or(&reply.body);
    let problem = of.get("type").and_then(Value::as_str).unwrap_or_default();
    let status = item.and_then(|item| u16::try_from(item.get("status")?.as_u64()?).ok());
    (
        status.unwrap_or(reply.status),
        problem.strip_prefix("urn:headworks:problem:").unwrap_or_default().to_owned(),
    )
}

#[test]
fn the_table_has_every_route() {
    let document = headworks_server::openapi();
    let paths = document["paths"].as_object().expect("paths").iter();
    let documented: BTreeSet<String> = paths
        .flat_map(|(path, item)| {
            let methods = item.as_object().expect("operations").keys();
            methods.map(move |method| format!("{} {path}", method.to_uppercase()))
        })
        .collect();
    let listed: BTreeSet<String> = TABLE
        .iter()
        .filter(|row| row.1 != UNDOCUMENTED)
        .map(|(method, path, ..)| format!("{method} {path}"))
        .collect();
    let missing: Vec<_> = documented.difference(&listed).collect();
    assert!(missing.is_empty(), "the table of this test lacks {missing:?}: say who may call them");
    let gone: Vec<_> = listed.difference(&documented).collect();
    assert!(gone.is_empty(), "the document lacks {gone:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_asks_for_its_scope_reach_and_lane() {
    let mut world = World::new().await;
    let mut keys = Vec::new();
    for own in Scope::ALL {
        for (accounts, reaches_it) in REACHES {
            // A key for the gateway has one account.
            if own == Gateway && !matches!(accounts, [one] if !one.ends_with('*')) {
                continue;
            }
            let secret = key(&world.server.engine, &[own], accounts).await;
            keys.push((own, !accounts.is_empty(), reaches_it, secret));
        }
    }
    let all = key(&world.server.engine, &[Admin], &[]).await;
    let mut wrong = Vec::new();
    for row in TABLE {
        let (method, path, needs, of, lanes, body) = *row;
        let body = if body == CATALOG { "" } else { body };
        let mut note = |who: String, asks: Answer, got: &(u16, String)| {
            if !fits(asks, got) {
                wrong.push(format!("{method} {path} {body}\n    {who}: {asks:?}, not {got:?}"));
            }
        };
        // An account that does not exist, for comparison with one out of reach.
        let absent = match of {
            Named => Some(world.ask(row, "nobody", Some(&all)).await),
            Shared | New | All | Reached => None,
        };
        if let Some(absent) = &absent {
            note("an account that does not exist".into(), UNKNOWN_ACCOUNT, &outcome(absent));
        }
        let before = world.lanes().await;
        let without = match needs {
            AnyKey | Has(_) => UNAUTHENTICATED,
            Nothing => Answer::Allowed,
            Signature => Answer::Unsigned,
        };
        note("no key".into(), without, &outcome(&world.ask(row, "acme", None).await));
        let mut served = 0;
        for (own, is_limited, reaches_it, secret) in &keys {
            let asks = expected(needs, of, *own, *is_limited, *reaches_it);
            let reply = world.ask(row, "acme", Some(secret)).await;
            let who = format!("{own:?}, limited {is_limited}, reaches it {reaches_it}");
            note(who, asks, &outcome(&reply));
            served += u64::from(asks == Answer::Allowed);
            if let (UNKNOWN_ACCOUNT, Some(absent)) = (asks, &absent) {
                let hidden = reply.body.to_string().replace("acme", "nobody");
                assert_eq!(
                    hidden,
                    absent.body.to_string(),
                    "{method} {path}: it shows that the account exists"
                );
            }
        }
        let after = world.lanes().await;
        for (lane, count) in &after {
            let more = if lanes.contains(&lane.as_str()) { served } else { 0 };
            let taken = count - before[lane];
            // A large answer is written in the lane too.
            assert!(
                taken == more || taken == 2 * more,
                "{method} {path}: {taken} calls in the lane `{lane}` of {more}"
            );
        }
        assert!(lanes.iter().all(|lane| after.contains_key(*lane)), "{method} {path}: {lanes:?}");
    }
    assert!(wrong.is_empty(), "{} cells are wrong:\n{}", wrong.len(), wrong.join("\n"));
}
