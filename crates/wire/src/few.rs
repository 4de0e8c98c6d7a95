//! Lists that are counted while they are read, so that what is too long is refused before it takes memory.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use headworks_core::record::Name;
use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};
use serde::{Serialize, Serializer};

/// A list with at most `MAX` items.
#[derive(Clone, Debug, PartialEq)]
pub struct Few<T, const MAX: usize>(pub Vec<T>);

impl<T: Serialize, const MAX: usize> Serialize for Few<T, MAX> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>, const MAX: usize> Deserialize<'de> for Few<T, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Items<T, const MAX: usize>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>, const MAX: usize> Visitor<'de> for Items<T, MAX> {
            type Value = Few<T, MAX>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a list of at most {MAX} items")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
                let mut all = Vec::new();
                while let Some(item) = items.next_element()? {
                    if all.len() == MAX {
                        return Err(A::Error::custom(format_args!(
                            "the list has more than {MAX} items; send less at once"
                        )));
                    }
                    all.push(item);
                }
                Ok(Few(all))
            }
        }

        deserializer.deserialize_seq(Items(PhantomData))
    }
}

/// A list that is left out or has something in it: an empty one is a mistake, not everything.
pub(crate) fn some<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    let list = Vec::deserialize(deserializer)?;
    if list.is_empty() {
        return Err(D::Error::custom("the list is empty; leave it out for all, or name some"));
    }
    Ok(list)
}

/// The most dimensions of one request.
pub const DIMENSIONS_MAX: usize = 64;

/// Dimensions, not more than a request may have.
pub(crate) fn dimensions<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<Name, T>, D::Error> {
    bounded(BTreeMap::deserialize(deserializer)?)
}

fn bounded<T, E: Error>(given: BTreeMap<Name, T>) -> Result<BTreeMap<Name, T>, E> {
    if given.len() > DIMENSIONS_MAX {
        return Err(E::custom(format_args!("a request has at most {DIMENSIONS_MAX} dimensions")));
    }
    Ok(given)
}

/// The same, where they may be left out.
pub(crate) fn some_dimensions<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<BTreeMap<Name, T>>, D::Error> {
    let given: Option<BTreeMap<Name, T>> = Option::deserialize(deserializer)?;
    given.map(bounded).transpose()
}

#[cfg(test)]
mod tests {
    use super::Few;

    #[test]
    fn one_more_is_refused_before_the_rest_is_read() {
        let read = |text: &str| serde_json::from_str::<Few<u8, 3>>(text).map(|few| few.0);
        assert_eq!(read("[]").expect("reads").len(), 0);
        assert_eq!(read("[1,2,3]").expect("reads"), [1, 2, 3]);
        // What follows is not JSON, and is not reached.
        let refused = read("[1,2,3,4,?").expect_err("too many").to_string();
        assert!(refused.starts_with("the list has more than 3 items"), "{refused}");
    }
}
