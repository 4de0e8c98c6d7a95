//! Units of each meter, as requests and answers name them.

use std::collections::BTreeMap;

use headworks_core::record::Name;

/// Units of each meter.
pub type Quantities = BTreeMap<Name, u64>;

/// Quantities in which a meter may come several times.
pub(crate) fn largest<'de, D: serde::Deserializer<'de>>(d: D) -> Result<Quantities, D::Error> {
    struct Largest;
    impl<'de> serde::de::Visitor<'de> for Largest {
        type Value = Quantities;
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a map from meters to whole numbers")
        }
        fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Quantities, A::Error> {
            let mut quantities = Quantities::new();
            while let Some((meter, n)) = map.next_entry::<Name, u64>()? {
                let most = quantities.entry(meter).or_default();
                *most = n.max(*most);
            }
            Ok(quantities)
        }
    }
    d.deserialize_map(Largest)
}

/// The same, as the ledger takes them.
pub(crate) fn pairs(quantities: &Quantities) -> headworks_core::waterfall::Quantities {
    quantities.iter().map(|(meter, n)| (meter.clone(), *n)).collect()
}
