//! The API over real sockets: every kind of bad input, keys, and the twenty holds.

mod abuse;
mod bad_input;
mod common;
mod events;
mod explained;
mod flows;
mod keys;
mod ledger_flows;
mod overload;
mod pools;
mod receiver;
mod snapshot;
mod statements;
mod stripe;
mod time;
mod webhooks;
