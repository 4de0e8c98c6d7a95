//! Streams, requests and forms of the gateway: read without a panic, passed on without a change but for the edits.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((kind, body)) = data.split_first() else { return };
    match kind % 3 {
        0 => headworks_gateway::fuzzing::stream(body, usize::from(*kind)),
        1 => {
            if let Ok(text) = std::str::from_utf8(body) {
                headworks_gateway::fuzzing::request(text);
            }
        }
        _ => headworks_gateway::fuzzing::form(body),
    }
});
