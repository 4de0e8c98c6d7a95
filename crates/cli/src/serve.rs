//! `headworks serve`.

use std::io::IsTerminal as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use headworks_core::catalog::{Catalog, Format, WAIT_MAX};
use headworks_core::record::{CatalogHash, Label, Name, Span};
use headworks_engine::{Clock, Engine, Idempotency, Limits, test_clock_of};
use headworks_server::{Proxies, ServeError, ServeOptions, TlsFiles, memory_ceiling};
use headworks_store::{Embedded, Options};
use headworks_terminal::{Failed, Outcome};
use tokio::signal::unix::{SignalKind, signal};

use crate::arguments::{LogFormat, ServeArguments};
use crate::gateway::{self, Slot};
use crate::made::NewDirectory;
use crate::process::descriptors;

/// The catalog in force before any was put there: it knows no feature, so it allows nothing.
pub(crate) const EMPTY: &str = "version = \"none\"\nmeters = {}\nfeatures = {}\nplans = {}\n";

pub(crate) fn log(format: LogFormat) {
    let filter = tracing_subscriber::EnvFilter::try_from_env("HEADWORKS_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    // A failure to write the log itself cannot be reported.
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .log_internal_errors(false);
    match format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
}

/// Opens the store in `data` and starts an engine on it.
pub(crate) fn engine(data: &Path, clock: Arc<Clock>, limits: Limits) -> Result<Arc<Engine>, Failed> {
    start(open(data)?, clock, limits)
}

/// Starts an engine on the store in `data` with the clock of its ledger.
pub(crate) fn engine_in_its_time(data: &Path) -> Result<Arc<Engine>, Failed> {
    let store = open(data)?;
    let clock = test_clock_of(&store)?.map_or_else(Clock::new, Clock::test);
    start(store, Arc::new(clock), Limits::default())
}

fn open(data: &Path) -> Result<Embedded, Failed> {
    let store = Embedded::open(data, Options::default())?;
    let recovery = store.recovery();
    tracing::info!(records = recovery.records, read = recovery.read, data = %data.display(), "opened the ledger");
    if let Some(place) = &recovery.from {
        tracing::info!(%place, "the journal before this place is read again while the server runs");
    }
    if let Some((place, bytes)) = &recovery.cut {
        tracing::warn!(%place, bytes, "cut a torn tail: a write that was never acknowledged");
    }
    Ok(store)
}

fn start(store: Embedded, clock: Arc<Clock>, limits: Limits) -> Result<Arc<Engine>, Failed> {
    let initial = Catalog::parse(EMPTY, Format::Toml).map_err(|e| e.to_string())?;
    Ok(Engine::start(Arc::new(store), initial, clock, limits)?)
}

/// The actor that puts a catalog from a file in force.
const FILE_ACTOR: &str = "_catalog_file";

/// The content of a catalog file.
fn read_catalog(file: &Path) -> Result<String, String> {
    std::fs::read_to_string(file).map_err(|e| format!("{}: {e}", file.display()))
}

/// Puts the file's catalog in force if it is not. One that was in force before and gave way to another comes back only when
/// that is intended: a restart must not undo later live changes.
async fn load_catalog(engine: &Engine, file: &Path, text: &str, comes_back: bool) -> Outcome {
    let (hash, live) = (CatalogHash::of(text), engine.catalog());
    if live.hash == hash {
        return Ok(());
    }
    let past = engine.past_catalogs();
    if let (Some(was), Some(now)) = (past.iter().rev().find(|past| past.hash == hash), past.last())
        && !comes_back
    {
        let actor = now.actor.as_ref().map_or("-", Name::as_str);
        tracing::warn!(
            file = %file.display(), was_in_force = %was.label, since = %was.at,
            in_force = %now.label, hash = %now.hash, by = actor, at = %now.at,
            "the catalog of the file gave way to the one in force, which stays; to put the file's back, start with \
             --catalog-force or run `headworks catalog restore {hash:.12}`"
        );
        return Ok(());
    }
    let key = Idempotency {
        // By the machine's clock: a test clock may show the same instant at two starts.
        text: Label::new(&format!("file at {}", headworks_engine::wall())).map_err(|e| e.to_string())?,
        digest: [0; 16],
    };
    let actor = Name::new(FILE_ACTOR).map_err(|e| e.to_string())?;
    match engine.put_catalog(text, (&key, Some(&actor))).await? {
        Ok((catalog, _)) => {
            tracing::info!(version = %catalog.version, file = %file.display(), "the catalog is in force");
            Ok(())
        }
        Err(problems) => Err(format!("{}:\n{problems}", file.display()).into()),
    }
}

/// The most connections where nobody says otherwise.
const CONNECTIONS_MAX: usize = 10_000;
/// Descriptors that the ledger and the process itself need.
const OWN_DESCRIPTORS: u64 = 48;

/// The most connections: as asked for, as far as half of the descriptors allow. The other half is for connections that are
/// ending, for requests to webhooks and for the ledger.
fn connections_max(arguments: &ServeArguments, descriptors: u64) -> usize {
    let allowed =
        usize::try_from(descriptors.saturating_sub(OWN_DESCRIPTORS) / 2).unwrap_or(usize::MAX).max(1);
    let asked = arguments.connections_max.map(as_count);
    if asked.unwrap_or(CONNECTIONS_MAX) > allowed {
        tracing::warn!(
            descriptors,
            connections = allowed,
            "the limit of open files allows fewer connections; raise it"
        );
    }
    asked.unwrap_or(CONNECTIONS_MAX).min(allowed)
}

fn as_count(n: u32) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

fn tls(arguments: &ServeArguments) -> Option<TlsFiles> {
    Some(TlsFiles {
        certificate: arguments.tls_cert.clone()?,
        key: arguments.tls_key.clone()?,
        client_ca: arguments.tls_client_ca.clone(),
    })
}

fn stripe_key(file: &Path) -> Result<String, String> {
    let text = std::fs::read_to_string(file).map_err(|e| format!("{}: {e}", file.display()))?;
    Ok(text.trim().to_owned())
}

pub(crate) async fn run(arguments: ServeArguments, new: &NewDirectory) -> Outcome {
    log(arguments.log_format);
    // Before the ledger becomes a test ledger.
    if arguments.test_clock.is_some() && !arguments.listen.ip().is_loopback() {
        return Err(ServeError::TestClockBeyondLoopback(arguments.listen).into());
    }
    // A request that waits for capacity is answered before its own time is over.
    let wait_max = Span::from_secs(arguments.request_timeout_s).min(WAIT_MAX);
    let wait_max = Span::from_micros(wait_max.micros() / 4 * 3);
    let limits = Limits { accounts_max: arguments.accounts_max, wait_max, ..Limits::default() };
    let clock = match arguments.test_clock {
        Some(at) => Clock::test(at),
        None if arguments.accept_clock => Clock::new().accepting_jumps(),
        None => Clock::new(),
    };
    let engine = engine(&arguments.data, Arc::new(clock), limits)?;
    if let Some(at) = arguments.test_clock {
        let now = engine.begin_test_clock(at).await?;
        tracing::warn!(%now, "time is a test clock: it moves only with `headworks test-clock advance`");
    }
    let catalog =
        arguments.catalog.as_deref().map(|file| Ok::<_, String>((file, read_catalog(file)?))).transpose()?;
    if let Some((file, text)) = &catalog {
        load_catalog(&engine, file, text, arguments.catalog_force).await?;
    }
    let connections_max = connections_max(&arguments, descriptors());
    let options = ServeOptions {
        listen: arguments.listen,
        signing_key: Some(arguments.data.join("signing.key")),
        stripe_key: arguments.stripe_key_file.as_deref().map(stripe_key).transpose()?,
        sends_webhooks: !arguments.no_webhooks,
        webhooks_allow: arguments.webhooks_allow.clone(),
        memory_max: arguments.memory_max.or_else(memory_ceiling),
        tls: tls(&arguments),
        behind_proxy: Proxies::new(arguments.behind_proxy.clone(), arguments.forwarded_header),
        connections_max,
        connections_per_peer: arguments.connections_per_peer.map_or(connections_max.div_ceil(2), as_count),
        request_timeout: Duration::from_secs(arguments.request_timeout_s),
        drain: Duration::from_secs(arguments.drain_s),
        ..ServeOptions::default()
    };
    let slot = Slot::default();
    let gateway = arguments.gateway.as_deref().map(|file| gateway::read(file, &engine)).transpose()?;
    let edge = gateway.map(|setup| slot.edge(setup));
    let drain = options.drain;
    let serving =
        headworks_server::serve_with(Arc::clone(&engine), options, edge).await.map_err(|e| match e {
            ServeError::NoKeys(_) => ServeError::NoKeys(Some(arguments.data.clone())),
            e @ (ServeError::Bind(..)
            | ServeError::OpenBeyondLoopback(_)
            | ServeError::PlainBeyondLoopback(_)
            | ServeError::Tls(_)
            | ServeError::TestClockBeyondLoopback(_)
            | ServeError::SigningKey(_)) => e,
        })?;
    new.keep();
    tracing::info!(address = %serving.address, descriptors = descriptors(), "listening");
    let ended = wait(&engine, catalog).await;
    slot.shut_down(serving, drain).await;
    engine.close();
    ended
}

/// Reads the file again: a text that differs from the last one read is meant to come into force.
async fn reload(engine: &Engine, file: &Path, last: &mut String) -> Outcome {
    let text = read_catalog(file)?;
    load_catalog(engine, file, &text, text != *last).await?;
    *last = text;
    Ok(())
}

/// Waits for the end: a signal, or an engine that has stopped. SIGHUP reads the catalog again.
async fn wait(engine: &Engine, mut catalog: Option<(&Path, String)>) -> Outcome {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let mut watch = tokio::time::interval(Duration::from_millis(200));
    loop {
        tokio::select! {
            _ = interrupt.recv() => break,
            _ = terminate.recv() => break,
            _ = hang_up.recv() => match &mut catalog {
                Some((file, last)) => {
                    if let Err(e) = reload(engine, file, last).await {
                        tracing::error!(error = %e, "the catalog was not loaded; the one in force stays");
                    }
                }
                None => tracing::warn!("SIGHUP reads the catalog again, but no --catalog was given"),
            },
            _ = watch.tick() => {
                if let Some(why) = engine.stopped() {
                    return Err(format!("stopped: {why}").into());
                }
            }
        }
    }
    tracing::info!("shutting down");
    Ok(())
}
