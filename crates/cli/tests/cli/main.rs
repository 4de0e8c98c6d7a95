//! The binary as users and operators meet it: killed, mistreated, and followed along the README.

mod catalogs;
mod clients;
mod commands;
mod common;
mod data;
mod described;
mod disks;
mod ids;
mod killed;
mod leftovers;
mod models;
mod moves;
mod outputs;
mod release;
mod reports;
mod sdk;
mod simulate;
mod tour;
mod webhooks;
