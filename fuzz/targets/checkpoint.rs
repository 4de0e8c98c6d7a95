//! A state that decodes encodes to bytes that decode to the same state.
#![no_main]

use headworks_core::account::Account;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(account) = Account::from_bytes(data) else { return };
    // What a restart loses and what is over is left out; what stays is stable.
    let bytes = account.to_bytes();
    let again = Account::from_bytes(&bytes).expect("its own bytes");
    assert_eq!(again.to_bytes(), bytes);
    let _ = account.check();
});
