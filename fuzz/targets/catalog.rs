//! A catalog is refused with every problem named, or decides requests.
#![no_main]

use std::str;

use libfuzzer_sys::fuzz_target;
use headworks_core::account::Account;
use headworks_core::catalog::{Catalog, Format};
use headworks_core::operation::{Authorize, Context, Decided, Draft, NewGrant, Request, self};
use headworks_core::record::{Category, Credits, Instant, Name, Settings};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = str::from_utf8(data) else { return };
    let catalog = match Catalog::parse(text, Format::of(text)) {
        Ok(catalog) => catalog,
        Err(problems) => {
            assert!(!problems.to_string().is_empty());
            return;
        }
    };
    let again = Catalog::parse(&catalog.text, Format::of(&catalog.text)).expect("its own text");
    assert_eq!(again.version, catalog.version);
    let name = |text: &str| Name::new(text).expect("a name");
    let now: Instant = "2026-06-01T12:00:00Z".parse().expect("an instant");
    for plan in ["p", "free", "pro", "trial"].into_iter().filter(|p| catalog.plan(p).is_some()) {
        let mut account = Account::empty(name("acme"));
        let append = |account: &mut Account, draft: Draft| {
            let record = draft.into_record(account, account.tick(now), None, None);
            account.apply(&record, [0; 32]).expect("what was decided can be done");
            account.check().expect("the books balance");
        };
        let context = |account: &Account| (account.clone(), account.tick(now));
        let opened = operation::open(Context::new(&account, &catalog, now), Settings::new(name(plan), now));
        let Ok(draft) = opened else { continue };
        append(&mut account, draft);
        let grant = NewGrant::new(Credits::from_nano(50_000_000_000), Category::Purchased);
        let (state, at) = context(&account);
        if let Ok(draft) = operation::grant(Context::new(&state, &catalog, at), &grant) {
            append(&mut account, draft);
        }
        for feature in ["chat", "chat.completion", "task", "image"] {
            for quantity in [0, 1, 1_000_000] {
                for settle_now in [false, true] {
                    let Some(known) = catalog.feature(feature) else { continue };
                    let quantities = known.meters.iter().map(|meter| (meter.clone(), quantity)).collect();
                    let request = Request {
                        feature: name(feature),
                        path: "user:ann/key:k".parse().expect("a path"),
                        dimensions: smallvec::SmallVec::new(),
                        quantities,
                        consented: true,
                    };
                    let ask = Authorize { request, minimum: None, life: None, settle_now };
                    let (state, at) = context(&account);
                    let ctx = Context::new(&state, &catalog, at);
                    let ask = operation::prepared(ctx, &ask).expect("a known feature");
                    if let Ok(Decided::Granted(draft)) = operation::authorize(ctx, &ask) {
                        append(&mut account, *draft);
                    }
                    let (state, at) = context(&account);
                    if let Some(draft) = operation::begin_effect(Context::new(&state, &catalog, at)) {
                        append(&mut account, draft);
                    }
                }
            }
        }
    }
});
