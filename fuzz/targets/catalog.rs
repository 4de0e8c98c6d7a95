//! A catalog is refused with every problem named, or decides requests.
#![no_main]

use std::str;

use headworks_core::account::Account;
use headworks_core::catalog::{Catalog, Format};
use headworks_core::command::{Command, Draft, History, NewGrant, Patch, Step, run};
use headworks_core::life;
use headworks_core::record::{Category, Credits, Instant, Name};
use headworks_core::waterfall::{Authorize, Context, Refusal, Request, prepare};
use libfuzzer_sys::fuzz_target;

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
        // Appends what comes of a command; tells whether anything did.
        let give = |account: &mut Account, command: Command| {
            let ctx = Context::new(account, &catalog, account.tick(now));
            let Ok(Step::Append(draft)) = run(ctx, &command, &History::new()) else { return false };
            append(account, *draft);
            true
        };
        let open = Patch { plan: Some(name(plan)), ..Patch::default() };
        if !give(&mut account, Command::Open(open)) {
            continue;
        }
        let grant = NewGrant::new(Credits::from_nano(50_000_000_000), Category::Purchased);
        give(&mut account, Command::Grant(grant));
        for feature in ["chat", "chat.completion", "task", "image"] {
            for quantity in [0, 1, 1_000_000] {
                for settle_now in [false, true] {
                    let Some(known) = catalog.feature(feature) else { continue };
                    let quantities = known.meters.iter().map(|meter| (meter.clone(), quantity));
                    let request = Request {
                        path: "user:ann/key:k".parse().expect("a path"),
                        consented: true,
                        ..Request::new(name(feature), quantities)
                    };
                    let ask = Authorize { settle_now, ..Authorize::new(request) };
                    let ready = prepare(Context::new(&account, &catalog, account.tick(now)), &ask);
                    let is_unknown =
                        matches!(ready, Err(Refusal::UnknownFeature(_) | Refusal::UnknownPlan(_)));
                    assert!(!is_unknown, "a known feature");
                    give(&mut account, Command::Authorize(ask));
                    let due =
                        |account: &Account| life::next(Context::new(account, &catalog, account.tick(now)));
                    while let Some(draft) = due(&account) {
                        append(&mut account, draft);
                    }
                }
            }
        }
    }
});
