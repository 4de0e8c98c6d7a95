//! Positions of readers of the feed: whole or not known, also when many write at once.

use std::fs;
use std::sync::Arc;

use headworks_core::record::Name;
use headworks_store::suite::{Writer, append};
use headworks_store::{Cursor, Embedded, Options, Store as _, wait};

#[test]
fn a_damaged_position_is_not_known() {
    let dir = tempfile::tempdir().expect("directory");
    let store = Embedded::open(dir.path(), Options::default()).expect("opens");
    append(&store, &mut [&mut Writer::new("a")], 9);
    let (reader, end) = (Name::new("webhook-1").expect("a name"), wait(store.feed_end()).expect("reads"));
    wait(store.acknowledge(&reader, &end)).expect("keeps");
    let file = dir.path().join("outbox/webhook-1.position");
    let kept = fs::read(&file).expect("reads");
    let acknowledged = || wait(store.acknowledged(&reader)).expect("reads");
    assert_eq!(acknowledged(), Some(end.clone()));
    // Cut anywhere, empty, altered anywhere, or with more behind it.
    for length in 0..kept.len() {
        fs::write(&file, &kept[..length]).expect("writes");
        assert_eq!(acknowledged(), None, "cut to {length}");
    }
    for at in 0..kept.len() {
        let mut altered = kept.clone();
        altered[at] ^= 1;
        fs::write(&file, &altered).expect("writes");
        assert_eq!(acknowledged(), None, "byte {at}");
    }
    fs::write(&file, [&kept[..], b"0"].concat()).expect("writes");
    assert_eq!(acknowledged(), None);
    // A position behind the end is one of another ledger.
    let beyond = Cursor::new(&(end.as_str().parse::<u64>().expect("a number") + 1).to_string());
    wait(store.acknowledge(&reader, &beyond)).expect("keeps");
    assert_eq!(acknowledged(), None);
    wait(store.acknowledge(&reader, &end)).expect("keeps");
    assert_eq!(acknowledged(), Some(end));
}

#[test]
fn a_position_is_whole_however_many_write_it() {
    let dir = tempfile::tempdir().expect("directory");
    let store =
        Arc::new(Embedded::open(dir.path(), Options { readers: 8, ..Options::default() }).expect("opens"));
    append(&*store, &mut [&mut Writer::new("a")], 9);
    let end = wait(store.feed_end()).expect("reads");
    let reader = Name::new("webhook-1").expect("a name");
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..20 {
                    wait(store.acknowledge(&reader, &end)).expect("keeps");
                    assert_eq!(wait(store.acknowledged(&reader)).expect("reads").as_ref(), Some(&end));
                }
            });
        }
    });
}
