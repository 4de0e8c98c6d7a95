//! Webhooks: the feed of the ledger, sent to receivers one event after another.
//!
//! Each webhook has one sender while its name is in force, and a place in the feed that is kept
//! once everything before it is acknowledged. Setting, removing or making a webhook again only changes what the sender sees
//! between two attempts; docs/ledger.md has the table of states.
//! H1 an event is sent until the receiver acknowledges it, at least once, with the same id each time
//! (`a_failing_receiver_loses_nothing`). H2 events of one account arrive in the order of its log, and there is never a second
//! sender (`a_webhook_set_many_times_has_one_sender`). H4 a receiver that is gone is left alone until it is set again, even by
//! the next process (`a_receiver_that_is_gone_is_left_alone_until_it_is_set_again`).

mod backlog;
mod board;
mod course;
mod destinations;
mod pace;
mod secrets;
mod sender;
mod stripe;

pub use board::{Board, FeedEnd, Status};
pub use course::{Call, calls};
pub use destinations::{Destinations, Reach, address_of, parse_block, reach, refusal};
pub use secrets::{Owner, Secrets, Signed, Unopened};
pub use sender::{Answer, Next, Sender, Surroundings};
pub use stripe::StripeCall;
