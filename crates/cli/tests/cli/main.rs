//! The binary as users and operators meet it: killed, mistreated, and followed along the README.

mod commands;
mod data;
mod common;
mod killed;
mod tour;
