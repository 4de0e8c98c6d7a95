//! Every store runs the same suite; the embedded one also crashes, tears and is damaged.

mod backup;
mod damage;
mod descriptors;
mod embedded;
mod positions;

#[test]
fn memory() {
    headworks_store::suite::run(&headworks_store::Memory::new());
}
