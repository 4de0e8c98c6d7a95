//! Tests of the core: tables in the words of the domain, and an independent model.

mod abuse;
mod audit;
mod capacity;
mod catalog;
mod catalog_size;
mod common;
mod controller;
mod corrections;
mod counting;
mod cycle;
mod decisions;
mod factors;
mod giving_back;
mod guards;
mod holds;
mod ledger;
mod model;
mod overrides;
mod paying;
mod shares;
mod sizes;
mod statement;
mod turned_out;
mod unblock;
mod units;
mod what_if;
