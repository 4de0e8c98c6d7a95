//! `headworks demo`: a real server on loopback, driven over HTTP with a public trace in compressed time.

use std::net::SocketAddr;
use std::sync::Arc;

use headworks_core::record::Span;
use headworks_engine::{Clock, Engine, Limits};
use headworks_server::{ServeError, ServeOptions, Serving, serve};
use headworks_terminal::{Outcome, say, tell};

use crate::arguments::DemoArguments;

mod drive;
mod people;
mod report;

pub(crate) async fn run(options: DemoArguments) -> Outcome {
    let temporary = tempfile::tempdir()?;
    let data = options.data.clone().unwrap_or_else(|| temporary.path().to_path_buf());
    let clock = Arc::new(Clock::new());
    // The clock begins in the past and is moved ahead with the trace, so that it shows the present at the end.
    let length = Span::from_secs(u64::from(options.minutes) * 60);
    clock.rewind(length);
    let engine = crate::serve::engine(&data, clock, Limits::default())?;
    let serving = listen(&engine, options.listen).await?;
    let url = format!("http://{}", serving.address);
    say!("Headworks listens on {url} (loopback, no key needed, ledger in {})", data.display())?;
    let requests = headworks_lab::traces::requests(u64::from(options.minutes) * 60)?;
    let people = people::open_accounts(&url, &requests).await?;
    say!(
        "{} accounts are open; replaying {} requests of {} minutes of two public traces",
        people.accounts().len(),
        requests.len(),
        options.minutes
    )?;
    let run = drive::replay(&engine, &url, &people, requests, length).await?;
    let checked = report::check_ledger(&engine, &url, &people).await?;
    report::print(&run, &checked, &url).await?;
    if options.once {
        serving.shut_down().await;
        engine.close();
        return Ok(());
    }
    report::print_next_steps(&url, &run)?;
    tokio::signal::ctrl_c().await?;
    serving.shut_down().await;
    engine.close();
    Ok(())
}

/// Listens on the wanted address, or on a free port when it is taken.
async fn listen(engine: &Arc<Engine>, wanted: SocketAddr) -> Result<Serving, ServeError> {
    let options = |listen| ServeOptions { listen, open: true, ..ServeOptions::default() };
    match serve(Arc::clone(engine), options(wanted)).await {
        Err(ServeError::Bind(taken, e)) if e.kind() == std::io::ErrorKind::AddrInUse => {
            tell!("{taken} is in use; taking a free port");
            serve(Arc::clone(engine), options(SocketAddr::new(taken.ip(), 0))).await
        }
        other => other,
    }
}
