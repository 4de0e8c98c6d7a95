//! The attacks: what somebody without a key, or with a small one, can do to a server.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use headworks_terminal::Failed;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::super::load::CATALOG;
use super::target::{BIG, Target};

type Attack = fn(Arc<Target>) -> Pin<Box<dyn Future<Output = Result<(), Failed>> + Send>>;

/// Every attack: its name, what it does, and how. Each goes on until it is dropped.
pub(super) const ATTACKS: &[(&str, &str, Attack)] = &[
    ("idle", "10,001 HTTP/2 connections that ask once and answer pings", |t| Box::pin(idle(t))),
    ("greedy", "4,000 connections that pipeline and never read", |t| Box::pin(greedy(t))),
    ("half-open", "200 halves of heads and bodies, again and again", |t| Box::pin(half_open(t))),
    ("wrong-keys", "32 connections that try made-up keys", |t| Box::pin(wrong_keys(t))),
    ("oversized", "16 bodies that are too long or lie about it", |t| Box::pin(oversized(t))),
    ("events", "8 batches of 8 MiB of tiny events", |t| Box::pin(events(t))),
    ("signed", "1,000 signed reports that never end", |t| Box::pin(signed(t))),
    ("ties", "8 checks of a catalog of 4,000 prices that tie", |t| Box::pin(checks(t, ties))),
    ("catalogs", "8 checks of a catalog of 100,000 prices", |t| Box::pin(checks(t, prices))),
    ("statements", "8 statements of a long log", |t| Box::pin(reads(t, "statement"))),
    ("as-of", "8 past balances of a long log", |t| Box::pin(reads(t, "balances/as-of"))),
    ("records", "8 pages of 1,000 records", |t| Box::pin(reads(t, "records?max=1000"))),
    ("reprice", "8 repricings of every charge", |t| Box::pin(reprice(t))),
    ("what-if", "8 what-ifs over every log", |t| Box::pin(what_if(t))),
    ("slow-readers", "64 readers of pages of records who take a byte a second", |t| {
        Box::pin(slow_readers(t))
    }),
    ("puts", "a new catalog every second", |t| Box::pin(puts(t))),
    ("webhooks", "20 webhooks whose receivers refuse everything", |t| Box::pin(webhooks(t))),
    ("reconcile", "8 calls that start reconciliation", |t| Box::pin(reconcile(t))),
];

/// Runs so many copies of an act, each again as soon as it ends.
async fn again<F>(copies: usize, pause: Duration, act: impl Fn(usize) -> F) -> Result<(), Failed>
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut running = JoinSet::new();
    for n in 0..copies {
        running.spawn(act(n));
    }
    let mut n = copies;
    while let Some(ended) = running.join_next().await {
        ended?;
        n += 1;
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        running.spawn(act(n));
    }
    Ok(())
}

/// The start of an HTTP/2 connection with one request for `/healthz`, by the static table of HPACK.
const HEALTH_H2: &[u8] =
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0\0\0\x0f\x01\x05\0\0\0\x01\x82\x86\x04\x08/healthz\x41\x01t";

async fn idle(target: Arc<Target>) -> Result<(), Failed> {
    again(10_001, Duration::ZERO, |_| {
        let address = target.address;
        async move {
            let Ok(mut stream) = TcpStream::connect(address).await else {
                return tokio::time::sleep(Duration::from_secs(1)).await;
            };
            // Settings and pings are answered; nothing more is asked.
            let _ = stream.write_all(HEALTH_H2).await;
            let _ = stream.write_all(b"\0\0\0\x04\x01\0\0\0\0").await;
            let mut part = [0; 256];
            while let Ok(length) = stream.read(&mut part).await
                && length > 0
            {
                let Some(read) = part.get(..length) else { return };
                if let Some(at) = read.windows(9).position(|w| w == b"\0\0\x08\x06\0\0\0\0\0")
                    && let Some(ping) = read.get(at + 9..at + 17)
                {
                    let _ = stream.write_all(&[b"\0\0\x08\x06\x01\0\0\0\0", ping].concat()).await;
                }
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    })
    .await
}

async fn greedy(target: Arc<Target>) -> Result<(), Failed> {
    let asks = Arc::new(b"GET /healthz HTTP/1.1\r\nHost: t\r\n\r\n".repeat(2_000));
    again(4_000, Duration::ZERO, |_| {
        let (address, asks) = (target.address, Arc::clone(&asks));
        async move {
            if let Ok(mut stream) = TcpStream::connect(address).await {
                while stream.write_all(&asks).await.is_ok() {}
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    })
    .await
}

async fn half_open(target: Arc<Target>) -> Result<(), Failed> {
    again(200, Duration::ZERO, |n| {
        let target = Arc::clone(&target);
        async move {
            let Ok(mut stream) = TcpStream::connect(target.address).await else { return };
            let auth = &target.reader;
            let part = match n % 4 {
                0 => "POST /v1/authorize HTTP/1.1\r\nHost: ".to_owned(),
                1 => format!(
                    "POST /v1/check HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer {auth}\r\nContent-Length: 500\r\n\r\n{{\"acc"
                ),
                2 => format!(
                    "POST /v1/check HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer {auth}\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n"
                ),
                _ => String::new(),
            };
            let _ = stream.write_all(part.as_bytes()).await;
            let _ = stream.read_to_end(&mut Vec::new()).await;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    })
    .await
}

/// A connection that sends one request again and again.
async fn repeat(target: &Target, request: Vec<u8>, pause: Duration) {
    let Ok(mut stream) = TcpStream::connect(target.address).await else {
        return tokio::time::sleep(Duration::from_millis(100)).await;
    };
    let mut part = [0; 16 << 10];
    while stream.write_all(&request).await.is_ok() {
        match stream.read(&mut part).await {
            Ok(length) if length > 0 => tokio::time::sleep(pause).await,
            _ => return,
        }
    }
}

async fn wrong_keys(target: Arc<Target>) -> Result<(), Failed> {
    again(32, Duration::ZERO, |n| {
        let target = Arc::clone(&target);
        async move {
            let key = format!("hw_{n:012x}_{:064x}abcdef", n * 7);
            let request =
                format!("GET /v1/accounts HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer {key}\r\n\r\n");
            repeat(&target, request.into_bytes(), Duration::ZERO).await;
        }
    })
    .await
}

async fn oversized(target: Arc<Target>) -> Result<(), Failed> {
    again(16, Duration::ZERO, |n| {
        let target = Arc::clone(&target);
        async move {
            let says =
                if n.is_multiple_of(2) { "Content-Length: 99999999" } else { "Transfer-Encoding: chunked" };
            let key = &target.recorder;
            let head = format!(
                "POST /v1/record HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer {key}\r\n{says}\r\n\r\n"
            );
            let Ok(mut stream) = TcpStream::connect(target.address).await else { return };
            let chunk = [b"10000\r\n".as_slice(), &[b' '; 0x10000], b"\r\n"].concat();
            let mut sent = stream.write_all(head.as_bytes()).await;
            for _ in 0..64 {
                if sent.is_ok() {
                    sent = stream.write_all(&chunk).await;
                }
            }
            let _ = stream.read(&mut [0; 1024]).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
}

async fn events(target: Arc<Target>) -> Result<(), Failed> {
    let body = Arc::new(format!("[{}{{}}]", r#"{"":0},"#.repeat((8 << 20) / 7 - 2)).into_bytes());
    again(8, Duration::from_millis(50), |_| {
        let (target, body) = (Arc::clone(&target), Arc::clone(&body));
        async move {
            // A refusal is what it should get.
            let _ = target.ask(&target.recorder, "POST", "/v1/events", &body).await;
        }
    })
    .await
}

async fn signed(target: Arc<Target>) -> Result<(), Failed> {
    again(1_000, Duration::ZERO, |_| {
        let target = Arc::clone(&target);
        async move {
            let Ok(mut stream) = TcpStream::connect(target.address).await else { return };
            let head = "POST /v1/inbound/x/signals HTTP/1.1\r\nHost: t\r\nwebhook-id: x\r\nContent-Length: 65536\r\n\r\n";
            let _ = stream.write_all(&[head.as_bytes(), &[b' '; 60_000]].concat()).await;
            let _ = stream.read_to_end(&mut Vec::new()).await;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    })
    .await
}

const CATALOG_HEAD: &str = "version=\"x\"\nplans={p0={features=[],waterfall=[]}}\n[meters]\nt={unit=\"t\"}\n[features.chat]\n\
     meters=[\"t\"]\nrate_card=\"s\"\n[[rate_cards.s]]\neffective_from=\"2026-01-01T00:00:00Z\"\nprices=[\n";

fn ties() -> String {
    let price = |n: u32| format!("{{feature=\"chat\",when={{d{n}=\"x\"}},per=1,credits={{t=\"1\"}}}},\n");
    format!("{CATALOG_HEAD}{}]\n", (0..4_000).map(price).collect::<String>())
}

fn prices() -> String {
    let price = |n: u32| format!("{{feature=\"chat\",when={{model=\"m{n}\"}},per=1,credits={{t=\"1\"}}}},\n");
    format!("{CATALOG_HEAD}{}]\n", (0..100_000).map(price).collect::<String>())
}

async fn checks(target: Arc<Target>, text: fn() -> String) -> Result<(), Failed> {
    let text = Arc::new(text().into_bytes());
    again(8, Duration::ZERO, |_| {
        let (target, text) = (Arc::clone(&target), Arc::clone(&text));
        async move {
            let _ = target.ask(&target.checker, "POST", "/v1/catalog/check", &text).await;
        }
    })
    .await
}

async fn reads(target: Arc<Target>, of: &'static str) -> Result<(), Failed> {
    again(8, Duration::ZERO, |_| {
        let target = Arc::clone(&target);
        async move {
            let path = format!("/v1/accounts/{BIG}/{of}");
            let _ = target.ask(&target.reader, "GET", &path, b"").await;
        }
    })
    .await
}

async fn reprice(target: Arc<Target>) -> Result<(), Failed> {
    again(8, Duration::ZERO, |_| {
        let target = Arc::clone(&target);
        async move {
            let body = br#"{"from":"2020-01-01T00:00:00Z","to":"2100-01-01T00:00:00Z"}"#;
            let _ = target.ask(&target.admin, "POST", "/v1/catalog/corrections", body).await;
        }
    })
    .await
}

async fn what_if(target: Arc<Target>) -> Result<(), Failed> {
    let text = Arc::new(CATALOG.replace("1.25", "2").into_bytes());
    again(8, Duration::ZERO, |_| {
        let (target, text) = (Arc::clone(&target), Arc::clone(&text));
        async move {
            let _ = target.ask(&target.checker, "POST", "/v1/catalog/what-if", &text).await;
        }
    })
    .await
}

async fn reconcile(target: Arc<Target>) -> Result<(), Failed> {
    again(8, Duration::from_millis(50), |_| {
        let target = Arc::clone(&target);
        async move {
            let _ = target.ask(&target.admin, "POST", "/v1/reconcile", b"").await;
        }
    })
    .await
}

async fn slow_readers(target: Arc<Target>) -> Result<(), Failed> {
    again(64, Duration::ZERO, |_| {
        let target = Arc::clone(&target);
        async move {
            let Ok(mut stream) = TcpStream::connect(target.address).await else { return };
            let key = &target.reader;
            let path = format!("/v1/accounts/{BIG}/records?max=1000");
            let head = format!("GET {path} HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer {key}\r\n\r\n");
            let _ = stream.write_all(head.as_bytes()).await;
            while stream.read(&mut [0; 1]).await.is_ok_and(|length| length > 0) {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    })
    .await
}

async fn puts(target: Arc<Target>) -> Result<(), Failed> {
    again(1, Duration::from_secs(1), |n| {
        let target = Arc::clone(&target);
        async move {
            let text = CATALOG.replace("\"bench\"", &format!("\"bench-{n}\""));
            let _ = target.ask(&target.admin, "PUT", "/v1/catalog", text.as_bytes()).await;
        }
    })
    .await
}

async fn webhooks(target: Arc<Target>) -> Result<(), Failed> {
    for n in 0..20 {
        // Nothing listens on the discard port.
        let ask = br#"{"url":"http://127.0.0.1:9/","events":["usage","charge","movement"]}"#;
        target.ask(&target.admin, "PUT", &format!("/v1/webhooks/refused-{n}"), ask).await?;
    }
    std::future::pending().await
}
