//! The audit log: what is noted, how much of it, and who reads it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use headworks_api::{Access, Api, Call, Key, Kind, Problem, Signature, create_key};
use headworks_core::record::{AuditKind, AuditOutcome, Id, Instant, Label, Name, Purpose, Span, audit_log};
use headworks_engine::{Clock, Limits};
use headworks_store::{Memory, Store as _};
use headworks_wire as wire;
use serde_json::json;
use wire::Scope;

use crate::{ask, engine, name, over};

const HOME: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7));

fn call(text: &str) -> Call {
    Call { name: text.to_owned(), network: Some(HOME) }
}

fn given(text: &str) -> Id {
    text.parse().expect("an id")
}

fn label(text: &str) -> Label {
    Label::new(text).expect("a label")
}

/// A server, its accounts `acme` and `zeta`, and an admin's key.
struct World {
    store: Arc<Memory>,
    api: Api,
    admin: String,
}

impl World {
    async fn new() -> Self {
        Self::by(Clock::new()).await
    }

    async fn by(clock: Clock) -> Self {
        let store = Arc::new(Memory::new());
        let api = over(engine(Arc::clone(&store), clock, Limits::default()), false);
        let mut world = Self { store, api, admin: String::new() };
        world.admin = world.key(&[Scope::Admin], &[], None).await;
        for account in ["acme", "zeta"] {
            let access = world.access(&world.admin, "open");
            let opened = world.api.open_account(&access, Key::Missing, body(&json!({"id": account}))).await;
            opened.expect("opens");
        }
        world.written().await;
        world
    }

    async fn key(&self, scopes: &[Scope], accounts: &[&str], expires_at: Option<Instant>) -> String {
        let accounts = accounts.iter().map(|a| given(a)).collect();
        let ask = wire::CreateKeyRequest {
            scopes: scopes.to_vec(),
            accounts,
            expires_at,
            note: None,
            limits: None,
            gateway: None,
        };
        let made = create_key(self.api.engine(), &ask, None, None).await.expect("makes a key");
        made.secret.expect("a new key has a secret")
    }

    fn access(&self, key: &str, name: &str) -> Access {
        self.api.access(Some(key), call(name)).expect(name)
    }

    /// Everything that was noted since the last time, oldest first.
    async fn written(&self) -> Vec<wire::AuditEntry> {
        let end = self.api.engine().audit_log_end().await.expect("reads");
        self.api.write_audit_log().await.expect("writes");
        let query = wire::AuditQuery { max: Some(1_000), ..wire::AuditQuery::default() };
        let mut entries = self.read(query).await.entries;
        // The read of before, which was noted meanwhile, is not asked for.
        entries.retain(|entry| entry.record > end && entry.call != Some(label("audit")));
        entries.reverse();
        entries
    }

    async fn read(&self, query: wire::AuditQuery) -> wire::AuditLog {
        self.api.audit_log(&self.access(&self.admin, "audit"), query).await.expect("reads")
    }
}

fn body<T: serde::de::DeserializeOwned>(value: &serde_json::Value) -> T {
    serde_json::from_value(value.clone()).expect("a request")
}

fn id(key: &str) -> Option<Name> {
    Some(name(key.split('_').nth(1).expect("an id")))
}

type Row = (AuditKind, AuditOutcome, Option<Name>, Option<Name>, u64);

fn rows(entries: &[wire::AuditEntry]) -> Vec<Row> {
    entries
        .iter()
        .map(|e| (e.kind, e.outcome, e.key.clone(), e.account.clone().map(Name::from), e.count))
        .collect()
}

#[tokio::test]
async fn calls_are_noted_by_what_they_need() {
    use AuditKind::{Administration, Decision, Read};
    use AuditOutcome::{Granted, Refused};
    let w = World::new().await;
    let one = w.key(&[Scope::Read], &["acme"], None).await;
    let prefix = w.key(&[Scope::Read], &["acme*"], None).await;
    let decide = w.key(&[Scope::Decide], &["acme"], None).await;
    let limited = w.key(&[Scope::Admin], &["acme*"], None).await;
    let trusted = w.key(&[Scope::Operator], &["acme"], None).await;
    let api = &w.api;
    let show = async |key: &str, account: &str| {
        let access = w.access(key, "GET account");
        api.account(&access, account).await.map(drop)
    };
    let change = async |key: &str, what: serde_json::Value| {
        let access = w.access(key, "PATCH account");
        let given = Key::Given(given(&format!("{key} {what}").chars().take(60).collect::<String>()));
        api.change_account(&access, "acme", given, body(&what)).await.map(drop)
    };
    type Noted = Option<(AuditKind, AuditOutcome, Option<&'static str>)>;
    let check = async |what: &str, key: &str, done: Result<(), Problem>, noted: Noted| {
        let expected: Vec<Row> = noted
            .into_iter()
            .map(|(kind, outcome, account)| (kind, outcome, id(key), account.map(name), 1))
            .collect();
        assert_eq!(rows(&w.written().await), expected, "{what}: {done:?}");
    };
    let is_refused = noted_outcome;
    // Reads of accounts: not those of the only account of a key.
    check("its only account", &one, show(&one, "acme").await, None).await;
    check("one of a prefix", &prefix, show(&prefix, "acme").await, Some((Read, Granted, Some("acme")))).await;
    check("one of all", &w.admin, show(&w.admin, "zeta").await, Some((Read, Granted, Some("zeta")))).await;
    check("beyond its reach", &one, show(&one, "zeta").await, Some((Read, Refused, Some("zeta")))).await;
    check(
        "an internal log",
        &w.admin,
        show(&w.admin, "_system").await,
        Some((Read, Refused, Some("_system"))),
    )
    .await;
    check("without the scope", &decide, show(&decide, "acme").await, Some((Read, Refused, Some("acme"))))
        .await;
    let list = async |key: &str| {
        api.accounts(&w.access(key, "GET accounts"), &wire::Page::default()).await.map(drop)
    };
    check("a list of its only account", &one, list(&one).await, None).await;
    check("a list of several", &prefix, list(&prefix).await, Some((Read, Granted, None))).await;
    let supplies = api.supplies(&w.access(&w.admin, "GET supplies")).map(drop);
    check("nobody's data", &w.admin, supplies, None).await;
    // Decisions: only refused ones.
    for (account, noted) in [("acme", None), ("zeta", Some((Decision, Refused, Some("zeta"))))] {
        let access = w.access(&decide, "POST authorize");
        let done = api.authorize(&access, Key::Given(given(account)), ask(account, 4)).await.map(drop);
        drop(access);
        check("a decision", &decide, done, noted).await;
    }
    // Administration: granted and refused; what was refused of a call counts.
    let consent = json!({"consent": "never"});
    let done = change(&limited, consent).await;
    check("its consent", &limited, done, Some((Administration, Granted, Some("acme")))).await;
    let done = change(&limited, json!({"plan": "p"})).await;
    assert_eq!(is_refused(&done), Some(Kind::WrongScope));
    check("its plan", &limited, done, Some((Administration, Refused, Some("acme")))).await;
    let done = change(&one, json!({"consent": "never"})).await;
    check("without the scope", &one, done, Some((Administration, Refused, Some("acme")))).await;
    let rank = json!({"capacity": {"weight": 2}});
    let access = w.access(&trusted, "PATCH account");
    let done = api.change_account(&access, "acme", Key::Given(given("r")), body(&rank)).await.map(drop);
    drop(access);
    check("the operator's", &trusted, done, Some((Administration, Granted, Some("acme")))).await;
    let grant = json!({"amount": "1", "category": "purchased"});
    let access = w.access(&trusted, "POST grants");
    let done = api.grant(&access, "acme", Key::Given(given("g")), body(&grant)).await.map(drop);
    drop(access);
    check("a grant", &trusted, done, Some((Administration, Granted, Some("acme")))).await;
    let access = w.access(&w.admin, "POST accounts");
    let done = api.open_account(&access, Key::Missing, body(&json!({"id": "new"}))).await.map(drop);
    drop(access);
    check("an account", &w.admin, done, Some((Administration, Granted, Some("new")))).await;
    let keys = api.keys(&w.access(&limited, "GET keys")).map(drop);
    check("all keys", &limited, keys, Some((Administration, Refused, None))).await;
    let checked = api.check_catalog(&w.access(&w.admin, "POST check"), String::new()).await.map(drop);
    check("a catalog", &w.admin, checked, Some((Administration, Granted, None))).await;
}

fn noted_outcome(done: &Result<(), Problem>) -> Option<Kind> {
    done.as_ref().err().map(|problem| problem.kind)
}

#[tokio::test]
async fn failed_authentication_is_noted_by_its_cause() {
    use AuditOutcome::{ExpiredKey, NoKey, RevokedKey, WrongKey, WrongSignature};
    let start: Instant = "2026-03-01T00:00:00Z".parse().expect("an instant");
    let w = World::by(Clock::standing(start)).await;
    let ends = w.key(&[Scope::Read], &[], Some(start.after(Span::from_secs(60)))).await;
    let revoked = w.key(&[Scope::Read], &[], None).await;
    let rotated = w.key(&[Scope::Read], &[], None).await;
    w.api.revoke_key(&w.access(&w.admin, "x"), id(&revoked).expect("an id").as_str()).await.expect("revokes");
    let ask = wire::RotateKeyRequest { overlap: Some(Span::from_secs(0)) };
    let rotated_id = id(&rotated).expect("an id");
    w.api
        .rotate_key(&w.access(&w.admin, "x"), rotated_id.as_str(), Key::Missing, ask)
        .await
        .expect("rotates");
    let inbound = body(&json!({"purposes": ["signals"]}));
    let made = w.api.set_inbound(&w.access(&w.admin, "x"), "shop", Key::Given(given("i")), inbound).await;
    made.expect("makes");
    w.written().await;
    w.api.engine().clock().advance(Span::from_secs(90));
    let altered = format!("{}0", w.admin);
    for (what, key, noted) in [
        ("none", None, (NoKey, None)),
        ("of another kind", Some("sk_live_secretsecret"), (WrongKey, None)),
        ("empty", Some(""), (WrongKey, None)),
        ("made up", Some("hw_0123456789ab_00112233445566778899aabbccddeeff"), (WrongKey, None)),
        ("altered", Some(altered.as_str()), (WrongKey, None)),
        ("expired", Some(ends.as_str()), (ExpiredKey, id(&ends))),
        ("revoked", Some(revoked.as_str()), (RevokedKey, id(&revoked))),
        ("rotated away", Some(rotated.as_str()), (WrongKey, id(&rotated))),
    ] {
        assert!(w.api.access(key, call("GET x")).is_err(), "{what}");
        let entries = w.written().await;
        let is_counted_only = noted.0 == NoKey;
        assert_eq!(rows(&entries), [(AuditKind::Authentication, noted.0, noted.1, None, 1)], "{what}");
        let network = entries.first().and_then(|e| e.network.as_ref().map(|n| n.as_str().to_owned()));
        assert_eq!(network, (!is_counted_only).then(|| "203.0.113.7".to_owned()), "{what}");
    }
    for (inbound, key) in [("shop", Some(name("inbound:shop"))), ("nobody", None)] {
        let shown = Signature { id: Some("1"), timestamp: Some("1"), signature: Some("v1,eA==") };
        let signed = w.api.signed(inbound, Purpose::Signals, call("POST signals"), shown, b"{}");
        assert!(signed.is_err(), "{inbound}");
        let expected = [(AuditKind::Authentication, WrongSignature, key, None, 1)];
        assert_eq!(rows(&w.written().await), expected, "{inbound}");
    }
}

#[tokio::test]
async fn a_flood_of_wrong_keys_is_bounded_and_hides_nothing() {
    let w = World::new().await;
    let revoked = w.key(&[Scope::Read], &[], None).await;
    let revoked_id = id(&revoked).expect("an id");
    w.api.revoke_key(&w.access(&w.admin, "x"), revoked_id.as_str()).await.expect("revokes");
    w.written().await;
    for n in 0..100_000_u32 {
        let network = match n % 2 {
            0 => IpAddr::V4(Ipv4Addr::from_bits(n)),
            _ => IpAddr::V6(Ipv6Addr::from_bits(u128::from(n) << 64 | 7)),
        };
        let call = Call { name: "POST /v1/authorize".into(), network: Some(network) };
        assert!(w.api.access(Some("hw_0123456789ab_0011223344556677"), call).is_err());
    }
    assert!(w.api.access(Some(&revoked), call("GET y")).is_err());
    drop(w.api.keys(&w.access(&w.admin, "GET keys")).expect("lists"));
    for _ in 0..1_000 {
        assert!(w.api.access(None, call("GET y")).is_err());
        drop(w.api.account(&w.access(&w.admin, "GET account"), "acme").await.expect("shows"));
    }
    let entries = w.written().await;
    let count = |kind, outcome, key: Option<&Name>| {
        let of = entries.iter().filter(|e| (e.kind, e.outcome, e.key.as_ref()) == (kind, outcome, key));
        (of.clone().count(), of.map(|e| e.count).sum::<u64>())
    };
    // 25 networks by name, and all others together.
    assert_eq!(count(AuditKind::Authentication, AuditOutcome::WrongKey, None), (26, 100_000));
    assert_eq!(count(AuditKind::Authentication, AuditOutcome::RevokedKey, Some(&revoked_id)), (1, 1));
    assert_eq!(count(AuditKind::Authentication, AuditOutcome::NoKey, None), (1, 1_000));
    let admin = id(&w.admin);
    assert_eq!(count(AuditKind::Administration, AuditOutcome::Granted, admin.as_ref()), (1, 1));
    assert_eq!(count(AuditKind::Read, AuditOutcome::Granted, admin.as_ref()), (1, 1_000));
    assert!(entries.iter().all(|e| e.first_at <= e.last_at && e.last_at <= e.recorded_at));
    let of_six: Vec<&str> = entries.iter().filter_map(|e| e.network.as_ref().map(Label::as_str)).collect();
    assert!(of_six.contains(&"0:0:0:1::/64") && of_six.contains(&"0.0.0.2"), "{of_six:?}");
}

/// The bounds of docs/operations.md, with the longest names that there are.
#[tokio::test]
async fn an_interval_has_a_bounded_size() {
    const LONGEST: &str = "POST /v1/accounts/{id}/grants/{grant}/void";
    let w = World::new().await;
    let read = w.key(&[Scope::Read], &["b*"], None).await;
    let inbound = "i".repeat(64);
    let ask_inbound = body(&json!({"purposes": ["signals"]}));
    let made =
        w.api.set_inbound(&w.access(&w.admin, "x"), &inbound, Key::Given(given("i")), ask_inbound).await;
    made.expect("makes");
    w.written().await;
    let from = |n: u64| {
        let network = Some(IpAddr::V6(Ipv6Addr::from_bits(u128::MAX - (u128::from(n) << 64))));
        Call { name: LONGEST.into(), network }
    };
    let fail = |n| {
        assert!(w.api.access(Some("wrong"), from(n)).is_err());
        let shown = Signature { id: Some("1"), timestamp: Some("1"), signature: Some("v1,eA==") };
        assert!(w.api.signed(&inbound, Purpose::Signals, from(n), shown, b"{}").is_err());
    };
    let size = async || {
        w.api.write_audit_log().await.expect("writes");
        let end = w.api.engine().audit_log_end().await.expect("reads");
        w.store.read(&audit_log(), end, 1).await.expect("reads").first().map_or(0, |last| last.bytes.len())
    };
    (0..500).for_each(fail);
    let failed = size().await;
    for n in 0..500 {
        fail(n);
        let account = format!("{}{n:03}", "a".repeat(125));
        for key in [&w.admin, &read] {
            let access = || w.api.access(Some(key), from(n)).expect("a caller");
            // They fail, and are noted: there is no such account, or it is out of reach.
            assert!(w.api.account(&access(), &account).await.is_err());
            assert!(
                w.api.void_grant(&access(), &account, "x~1", Key::Unknown, body(&json!({}))).await.is_err()
            );
            assert!(w.api.authorize(&access(), Key::Unknown, ask(&account, 1)).await.is_err());
        }
    }
    let all = size().await;
    // In 10 s; so at most 64 MB and 0.6 GB a day.
    assert!((5_000..7_400).contains(&failed) && (40_000..69_000).contains(&all), "{failed} {all}");
}

#[tokio::test]
async fn no_secret_is_noted() {
    let w = World::new().await;
    let key = w.key(&[Scope::Admin], &[], None).await;
    drop(w.api.keys(&w.access(&key, "GET keys")).expect("lists"));
    let key_id = id(&key).expect("an id");
    w.api.revoke_key(&w.access(&w.admin, "x"), key_id.as_str()).await.expect("revokes");
    assert!(w.api.access(Some(&key), call("GET keys")).is_err());
    assert!(w.api.access(Some(&key[3..]), call("GET keys")).is_err());
    assert!(w.api.access(Some("Tr0ub4dor&3"), call("GET keys")).is_err());
    w.api.write_audit_log().await.expect("writes");
    let mut bytes = Vec::new();
    for stored in w.store.read(&audit_log(), 1, 1_000).await.expect("reads") {
        bytes.extend_from_slice(&stored.bytes);
    }
    let has = |text: &str| bytes.windows(text.len()).any(|part| part == text.as_bytes());
    assert!(has(key_id.as_str()));
    let secret = key.split('_').nth(2).expect("a secret");
    for part in [&secret[..8], &secret[secret.len() - 8..], "Tr0ub4dor&3"] {
        assert!(!has(part), "{part}");
    }
}

#[tokio::test]
async fn pages_and_filters_find_each_entry_once() {
    let w = World::new().await;
    let read = w.key(&[Scope::Read], &[], None).await;
    let mut times = Vec::new();
    for n in 0..7 {
        let key = if n % 2 == 0 { &read } else { &w.admin };
        for account in ["acme", "zeta"] {
            drop(w.api.account(&w.access(key, "GET account"), account).await.expect("shows"));
        }
        let written = w.written().await;
        assert_eq!(written.len(), 2);
        times.push(written.first().expect("an entry").recorded_at);
    }
    let account = Some(name("zeta"));
    let kind = Some(AuditKind::Read);
    let of = |key: &str| wire::AuditQuery {
        key: id(key),
        account: account.clone().map(Into::into),
        kind,
        ..wire::AuditQuery::default()
    };
    assert_eq!(w.read(of(&read)).await.entries.len(), 4);
    assert_eq!(w.read(of(&w.admin)).await.entries.len(), 3);
    let other = wire::AuditQuery { kind: Some(AuditKind::Decision), ..of(&read) };
    assert_eq!(w.read(other).await, wire::AuditLog { entries: Vec::new(), next: None });
    for (from, to, expected) in [
        (None, None, 7),
        (times.get(3), None, 4),
        (None, times.get(3), 3),
        (times.get(2), times.get(5), 3),
        (times.get(5), times.get(2), 0),
    ] {
        let (from, to) = (from.copied(), to.copied());
        let query = |before, max| wire::AuditQuery {
            from,
            to,
            account: account.clone().map(Into::into),
            kind,
            before,
            max,
            ..wire::AuditQuery::default()
        };
        let whole = w.read(query(None, None)).await.entries;
        assert_eq!(whole.len(), expected, "{from:?} {to:?}");
        assert!(whole.is_sorted_by(|a, b| a.record > b.record), "newest first");
        let (mut paged, mut before) = (Vec::new(), None);
        loop {
            let page = w.read(query(before, Some(1))).await;
            paged.extend(page.entries);
            let Some(next) = page.next else { break };
            assert!(before.is_none_or(|before| next < before));
            before = Some(next);
        }
        assert_eq!(paged, whole, "{from:?} {to:?}");
    }
}

#[tokio::test]
async fn the_audit_log_outlives_the_process_and_is_the_admins() {
    let w = World::new().await;
    assert!(w.api.access(Some("wrong"), call("GET x")).is_err());
    let before = w.written().await;
    assert_eq!(before.len(), 1);
    let limited = w.key(&[Scope::Admin, Scope::Operator, Scope::Read], &["acme*"], None).await;
    let reads = w.key(&[Scope::Read, Scope::Operator, Scope::Catalog], &[], None).await;
    for key in [&limited, &reads] {
        let access = w.access(key, "audit");
        let refused = w.api.audit_log(&access, wire::AuditQuery::default()).await;
        assert_eq!(refused.expect_err("refused").kind, Kind::WrongScope);
    }
    w.api.engine().close();
    let engine = engine(Arc::clone(&w.store), Clock::new(), Limits::default());
    let again = World { api: over(engine, false), ..w };
    let wrong = wire::AuditQuery { kind: Some(AuditKind::Authentication), ..wire::AuditQuery::default() };
    assert_eq!(again.read(wrong).await.entries, before);
    // It is a log as every other: chained, and audited.
    again.api.engine().reconcile();
    for _ in 0..2_000 {
        if again.api.engine().reconciled().1 > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let pass = again.api.engine().reconciled().0.expect("a pass");
    assert_eq!((pass.found(), pass.report.internal_logs), (0, 2));
}
