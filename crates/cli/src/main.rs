//! `headworks`: the server, the demo and one command for each call of the API.

// Print with `output`, which handles closed pipes.
#![warn(clippy::print_stdout, clippy::print_stderr)]

use std::process::ExitCode;

use clap::Parser as _;
use headworks_terminal::output;

mod accounts;
mod archive;
mod arguments;
mod audit;
mod calls;
mod demo;
mod export;
mod gateway;
mod import;
mod incident;
mod keys;
mod ledger;
mod made;
mod process;
mod remote;
mod serve;
mod supplies;
mod table;
mod webhooks;

use arguments::{Arguments, Command};
use made::NewDirectory;

/// Answers are many small pieces made on one thread and freed on another, which the system's allocator does badly.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    process::prepare();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(e) => {
            return output::exit(Err(format!("cannot start: {e}").into()));
        }
    };
    let outcome = runtime.block_on(async {
        match arguments.command {
            Command::Serve(options) => {
                let new = NewDirectory::at(&options.data);
                let ended = serve::run(options, &new).await;
                new.after(ended)
            }
            Command::Demo(options) => demo::run(options).await,
            Command::MockUpstream(options) => gateway::mock_upstream(&options).await,
            Command::CheckCatalog { file } => calls::check_catalog(&file, arguments.json),
            Command::Schema => calls::schema(),
            Command::Bench(options) => headworks_lab::bench(options, arguments.json).await,
            Command::Simulate(options) => headworks_lab::simulate(&options, arguments.json),
            Command::Reconcile { data } => {
                ledger::reconcile(data.as_deref(), &arguments.remote, arguments.json).await
            }
            Command::Replay { data, catalog } => ledger::replay(&data, catalog.as_deref(), arguments.json),
            Command::Backup { data, to } => ledger::backup(&data, &to, arguments.json),
            Command::Restore { from, data, until } => ledger::restore(&from, &data, until, arguments.json),
            Command::ExportAccount { account, data, to } => {
                archive::export(&account, &data, &to, arguments.json)
            }
            Command::ImportAccount { file, data, any_catalog } => {
                archive::import(&file, &data, any_catalog, arguments.json)
            }
            Command::Erase(what) => ledger::erase(&what, arguments.json),
            Command::Export(what) => export::run(what, arguments.json),
            Command::Import(what) => import::run(&what, &arguments.remote, arguments.json).await,
            Command::Statement(what) => ledger::statement(&what, &arguments.remote, arguments.json).await,
            Command::Verify { file, key } => ledger::verify(&file, &key, arguments.json),
            Command::SigningKey => ledger::signing_key(&arguments.remote, arguments.json).await,
            Command::Keys(command) => keys::run(command, &arguments.remote, arguments.json).await,
            Command::Audit(what) => audit::run(what, &arguments.remote, arguments.json).await,
            Command::Call(call) => calls::run(call, &arguments.remote, arguments.json).await,
        }
    });
    output::exit(outcome)
}
