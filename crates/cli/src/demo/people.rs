//! Accounts for the clients of the traces: individuals on three plans, and one workspace with members.

use std::collections::{BTreeMap, BTreeSet};

use headworks_core::record::{Category, Credits, Instant, Label, Name, Path, Span};
use headworks_terminal::{Client, Failed};
use headworks_wire as wire;

use headworks_lab::traces::{Trace, Traced};

const CATALOG: &str = include_str!("../../demo/catalog.toml");

/// Every third client of the busy hour works in one workspace.
fn is_in_workspace(client: u32) -> bool {
    client.is_multiple_of(3)
}

/// The account of each client of a trace.
#[derive(Debug)]
pub(super) struct People {
    accounts: Vec<Name>,
}

/// A client's account and path.
pub(super) struct Person {
    pub(super) account: Name,
    pub(super) path: Path,
    pub(super) model: Label,
}

pub(super) fn name(text: &str) -> Result<Name, Failed> {
    Ok(Name::new(text).map_err(|e| format!("{text}: {e}"))?)
}

impl People {
    /// All accounts, in order.
    pub(super) fn accounts(&self) -> &[Name] {
        &self.accounts
    }

    /// Opened by others.
    pub(super) fn add(&mut self, accounts: impl IntoIterator<Item = Name>) {
        self.accounts.extend(accounts);
    }

    /// The sender of a traced request.
    pub(super) fn of(&self, request: &Traced) -> Result<Person, Failed> {
        let model = |text: &str| Label::new(text).map_err(|e| e.to_string());
        Ok(match request.trace {
            Trace::Arena => Person {
                account: name(&format!("arena-{}", request.client))?,
                path: Path::default(),
                model: model("chat")?,
            },
            Trace::BusyHour if is_in_workspace(request.client) => Person {
                account: name("acme")?,
                path: format!("team:research/user:u{}", request.client)
                    .parse()
                    .map_err(|e| format!("{e}"))?,
                model: model("reasoning")?,
            },
            Trace::BusyHour => Person {
                account: name(&format!("client-{}", request.client))?,
                path: Path::default(),
                model: model("reasoning")?,
            },
        })
    }
}

pub(super) async fn open(client: &mut Client, account: &Name, plan: &str) -> Result<wire::Account, Failed> {
    let ask = wire::OpenAccountRequest {
        zone: None,
        tier: None,
        capacity: None,
        id: account.into(),
        plan: Some(name(plan)?),
        consent: None,
        billing_anchor: None,
        segments: BTreeMap::new(),
        idempotency_key: None,
    };
    Ok(client.post("/v1/accounts", None, &ask).await?)
}

pub(super) async fn grant(
    client: &mut Client,
    account: &Name,
    amount: &str,
    category: Category,
    expires_at: Option<Instant>,
) -> Result<(), Failed> {
    let ask = wire::GrantRequest {
        amount: amount.parse::<Credits>().map_err(|e| e.to_string())?,
        category,
        priority: 0,
        effective_from: None,
        expires_at,
        features: Vec::new(),
        reference: None,
        recurrence: None,
        unit: None,
        idempotency_key: None,
    };
    let key = format!("demo {}", category.as_str());
    client.post::<wire::Change>(&format!("/v1/accounts/{account}/grants"), Some(&key), &ask).await?;
    Ok(())
}

/// Puts the catalog in force and opens an account for each client, with grants of all categories among them.
pub(super) async fn open_accounts(url: &str, requests: &[Traced]) -> Result<People, Failed> {
    let mut client = Client::connect(url, None).await?;
    let put = client.send(hyper::Method::PUT, "/v1/catalog", None, "text/plain", CATALOG.into()).await?;
    headworks_terminal::read::<wire::CatalogAccepted>(put.0, &put.1)?;
    let mut accounts = Vec::new();
    for n in 0..27 {
        let account = name(&format!("arena-{n}"))?;
        let opened = open(&mut client, &account, if n % 3 == 0 { "plus" } else { "free" }).await?;
        let at = opened.opened_at;
        let expires = at.after(Span::from_secs(30 * 86_400));
        grant(&mut client, &account, "0.05", Category::Free, None).await?;
        if n % 2 == 0 {
            grant(&mut client, &account, "0.1", Category::Promotional, Some(expires)).await?;
        }
        accounts.push(account);
    }
    let busy = requests.iter().filter(|r| r.trace == Trace::BusyHour).map(|r| r.client);
    let individuals: BTreeSet<u32> = busy.filter(|n| !is_in_workspace(*n)).collect();
    for n in individuals {
        let account = name(&format!("client-{n}"))?;
        let opened = open(&mut client, &account, if n % 2 == 0 { "pro" } else { "plus" }).await?;
        // A promotion that runs out in the middle of the hour.
        let soon = opened.opened_at.after(Span::from_secs(1_800));
        grant(&mut client, &account, "10", Category::Promotional, Some(soon)).await?;
        if n % 4 != 3 {
            grant(&mut client, &account, "1500", Category::Purchased, None).await?;
        }
        accounts.push(account);
    }
    let acme = name("acme")?;
    open(&mut client, &acme, "workspace").await?;
    grant(&mut client, &acme, "1200", Category::Purchased, None).await?;
    grant(&mut client, &acme, "500", Category::Contract, None).await?;
    cap_a_member(&mut client, &acme).await?;
    accounts.push(acme);
    accounts.sort();
    Ok(People { accounts })
}

/// One member has a cap of its own.
async fn cap_a_member(client: &mut Client, acme: &Name) -> Result<(), Failed> {
    let cap: Credits = "40".parse().map_err(|_| "40")?;
    let cap = wire::SegmentSettings { pool_cap: Some(cap.into()), ..Default::default() };
    let segment = "user:u1".parse().map_err(|e| format!("{e}"))?;
    let ask = wire::ChangeAccountRequest {
        segments: [(segment, Some(cap))].into_iter().collect(),
        reason: Some(Label::new("a trial seat").map_err(|e| e.to_string())?),
        ..Default::default()
    };
    let path = format!("/v1/accounts/{acme}");
    client.call::<wire::Account>(hyper::Method::PATCH, &path, Some("demo cap"), Some(&ask)).await?;
    Ok(())
}
