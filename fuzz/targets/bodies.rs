//! A body of the JSON API is refused, or is the same request when it is written and read again.
#![no_main]

use headworks_wire as wire;
use libfuzzer_sys::fuzz_target;
use serde::Serialize;
use serde::de::DeserializeOwned;

fn round<T: DeserializeOwned + Serialize>(json: &[u8]) {
    let Ok(request) = serde_json::from_slice::<T>(json) else { return };
    let text = serde_json::to_string(&request).expect("a request can be written");
    let again: T = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"));
    assert_eq!(serde_json::to_string(&again).expect("written"), text);
}

fuzz_target!(|data: &[u8]| {
    for read in [
        round::<wire::AuthorizeRequest>,
        round::<wire::SettleRequest>,
        round::<wire::ReleaseRequest>,
        round::<wire::ExtendRequest>,
        round::<wire::RecordRequest>,
        round::<wire::BatchRequest>,
        round::<wire::OpenAccountRequest>,
        round::<wire::ChangeAccountRequest>,
        round::<wire::GrantRequest>,
        round::<wire::VoidRequest>,
        round::<wire::AdjustRequest>,
        round::<wire::RefundRequest>,
        round::<wire::CreateKeyRequest>,
        round::<wire::BankResetRequest>,
        round::<wire::RedeemResetRequest>,
        round::<wire::ChangePlanRequest>,
        round::<wire::PauseAccountRequest>,
        round::<wire::ResumeAccountRequest>,
        round::<wire::CorrectRequest>,
        round::<wire::RepriceRequest>,
        round::<wire::LateRequest>,
        round::<wire::ConfirmTopUpRequest>,
        round::<wire::WebhookRequest>,
        round::<wire::InboundRequest>,
        round::<wire::SignedTopUp>,
        round::<wire::SignedSignal>,
        round::<wire::RotateKeyRequest>,
    ] {
        read(data);
    }
});
