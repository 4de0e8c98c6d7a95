//! What calls are held for once something is known of the model and its account.

use headworks_core::record::{Credits, Event};
use http::StatusCode;
use serde_json::{Value, json};

use crate::world::{CATALOG, WRITING, World, request, setup, text};

/// What the last hold was opened for: tokens of input and of output.
fn held(world: &World) -> (u64, u64) {
    let records = world.records();
    let lines = records.iter().rev().find_map(|record| {
        let Event::Authorized { usage, .. } = &record.event else { return None };
        Some(&usage.lines)
    });
    let of = |meter: &str| {
        let line = lines.expect("a hold").iter().find(|line| line.meter.as_str() == meter);
        line.map_or(0, |line| line.quantity)
    };
    (of("input_tokens"), of("output_tokens"))
}

async fn call(world: &World, is_stream: bool, output_max: u64, mock: Value) -> StatusCode {
    let sent = world.send(WRITING[0], request(WRITING[0], is_stream, output_max, mock)).await;
    let (status, _) = text(sent).await;
    world.idle().await;
    status
}

/// Leaves an account this much, by a call that is held in full.
async fn leave(world: &World, credits: &str) {
    let nano = |text: &str| text.parse::<Credits>().expect("credits").nano();
    let more = nano(&world.available().await) - nano(credits);
    let output = u64::try_from(more / 2_000_000).expect("fits");
    let usage = json!({"prompt_tokens": 0, "completion_tokens": output});
    assert_eq!(call(world, false, output - 10, json!({"usage": usage})).await, StatusCode::OK);
    assert_eq!(world.available().await, credits);
}

/// A stream begins with as many tokens as half of the outputs have, and its input is held as few have it. Once the account had less
/// than was asked for, because a call was refused, granted a part or cut off, inputs are held as half of them have it.
#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_was_short_is_held_closer() {
    for short in ["refused", "a part", "cut off"] {
        // Money ends before any cap does.
        let catalog = CATALOG.replace("limit = \"1000\"", "limit = \"100000\"");
        let world = World::with(&catalog, |at| setup(at, "")).await;
        for n in 0..21 {
            // The same text counts 10 tokens in nine calls and 5 in twelve; outputs have 20, 21, … 40.
            let input = if n % 7 < 3 { 10 } else { 5 };
            call(&world, true, 50, json!({"input_tokens": input, "output_tokens": 20 + n})).await;
        }
        call(&world, true, 50, json!({"input_tokens": 10, "output_tokens": 30})).await;
        assert_eq!(held(&world), (10, 30), "{short}");
        let left = if short == "refused" { "0.02" } else { "0.1" };
        leave(&world, left).await;
        let (is_stream, output, expected) = match short {
            "refused" => (true, 30, StatusCode::TOO_MANY_REQUESTS),
            "a part" => (false, 30, StatusCode::OK),
            _ => (true, 500, StatusCode::OK),
        };
        let mock = json!({"input_tokens": 10, "output_tokens": output});
        assert_eq!(call(&world, is_stream, 1_000, mock).await, expected, "{short}");
        world.grant("10").await;
        assert_eq!(call(&world, true, 50, json!({})).await, StatusCode::OK);
        assert_eq!(held(&world).0, 5, "{short}");
    }
}
