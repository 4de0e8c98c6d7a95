//! The API over real sockets: every kind of bad input, keys, and the twenty holds.

mod abuse;
mod api_keys;
mod audit_log;
mod bad_input;
mod common;
mod connections;
mod events;
mod explained;
mod flows;
mod ids;
mod inbound;
mod incidents;
mod invoices;
mod keys;
mod ledger_flows;
mod matrix;
mod overload;
mod parts;
mod reach;
mod receiver;
mod snapshot;
mod statements;
mod stripe;
mod supplies;
mod time;
mod webhooks;
