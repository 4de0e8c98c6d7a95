//! A record that decodes encodes to bytes that decode to the same record. Folding it works or is refused.
#![no_main]

use headworks_core::account::Account;
use headworks_core::record::{Name, Record};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(record) = Record::from_bytes(data) else { return };
    let bytes = record.to_bytes();
    assert_eq!(Record::from_bytes(&bytes).as_ref(), Ok(&record));
    let mut account = Account::empty(Name::new("acme").expect("a name"));
    if account.apply(&record, [0; 32]).is_ok() {
        let state = account.to_bytes();
        assert_eq!(Account::from_bytes(&state).map(|a| a.to_bytes()), Ok(state));
    }
});
