//! Businesses as they are sold, row by row: each row follows the one above on one account, and its figures are worked by hand.

mod later;
mod rows;

use rows::run;

#[test]
fn a_coding_assistant() {
    run(include_str!("assistant.toml"), include_str!("assistant.rows"));
}

#[test]
fn an_api_with_usage_tiers() {
    run(include_str!("api.toml"), include_str!("api.rows"));
}

#[test]
fn video_by_the_second() {
    run(include_str!("video.toml"), include_str!("video.rows"));
}

#[test]
fn a_workspace_with_seats_a_pool_and_team_budgets() {
    run(include_str!("workspace.toml"), include_str!("workspace.rows"));
}

#[test]
fn an_assistant_for_enterprises_with_a_pool_and_postpaid_overage() {
    run(include_str!("enterprise.toml"), include_str!("enterprise.rows"));
}

/// What prices and limits depend on, two at a time, through the life of a use: hold, extend, settle, correct, refund, replay.
#[test]
fn every_two_of_them_together() {
    run(include_str!("pairs.toml"), include_str!("pairs.rows"));
}
