//! `headworks demo`: a real server on loopback, driven over HTTP with a public trace in compressed time.

use std::net::SocketAddr;
use std::sync::Arc;

use headworks_core::record::Span;
use headworks_engine::{Clock, Engine, Limits};
use headworks_mock_upstream::MockUpstream;
use headworks_server::{ServeError, ServeOptions, Serving, serve_with};
use headworks_terminal::{Failed, Outcome, say, tell};

use crate::arguments::DemoArguments;
use crate::gateway::Slot;

mod drive;
mod people;
mod report;
mod streams;

pub(crate) async fn run(options: DemoArguments) -> Outcome {
    let temporary = tempfile::tempdir()?;
    let data = options.data.clone().unwrap_or_else(|| temporary.path().to_path_buf());
    let clock = Arc::new(Clock::new());
    // The clock begins in the past and is moved ahead with the trace, so that it shows the present at the end.
    let length = Span::from_secs(u64::from(options.minutes) * 60);
    clock.rewind(length);
    let engine = crate::serve::engine(&data, clock, Limits::default())?;
    let upstream =
        MockUpstream::start(([127, 0, 0, 1], 0).into(), headworks_mock_upstream::Options::default());
    let (upstream, slot) = (upstream.await?, Slot::default());
    let serving = listen(&engine, &slot, upstream.address, options.listen).await?;
    let url = format!("http://{}", serving.address);
    say!("Headworks listens on {url} (loopback, no key needed, ledger in {})", data.display())?;
    let requests = headworks_lab::traces::requests(u64::from(options.minutes) * 60)?;
    let mut people = people::open_accounts(&url, &requests).await?;
    say!(
        "{} accounts are open; replaying {} requests of {} minutes of two public traces",
        people.accounts().len(),
        requests.len(),
        options.minutes
    )?;
    let run = drive::replay(&engine, &url, &people, &requests, length).await?;
    say!("The replay is done; a minute of streams of a model follows")?;
    let streamed = streams::run(&engine, &url, &upstream, &requests).await?;
    people.add(streams::Streamed::accounts()?);
    let checked = report::check_ledger(&engine, &url, &people).await?;
    report::print(&run, &checked, &url).await?;
    streamed.print()?;
    if !options.once {
        report::print_next_steps(&url, &run, &streamed)?;
        tokio::signal::ctrl_c().await?;
    }
    slot.shut_down(serving, ServeOptions::default().drain).await;
    engine.close();
    upstream.stop().await;
    Ok(())
}

/// Listens on the wanted address, or on a free port when it is taken.
async fn listen(
    engine: &Arc<Engine>,
    slot: &Slot,
    upstream: SocketAddr,
    wanted: SocketAddr,
) -> Result<Serving, Failed> {
    let serve = async |listen| {
        let options = ServeOptions { listen, open: true, ..ServeOptions::default() };
        let edge = slot.edge(streams::setup(upstream)?);
        Ok::<_, Failed>(serve_with(Arc::clone(engine), options, Some(edge)).await)
    };
    match serve(wanted).await? {
        Err(ServeError::Bind(taken, e)) if e.kind() == std::io::ErrorKind::AddrInUse => {
            tell!("{taken} is in use; taking a free port");
            Ok(serve(SocketAddr::new(taken.ip(), 0)).await??)
        }
        other => Ok(other?),
    }
}
