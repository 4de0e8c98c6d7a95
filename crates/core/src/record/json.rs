//! JSON without surprises: an object with a duplicate key is refused.

use alloc::collections::BTreeSet;
use alloc::string::String;
use core::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// A message of serde with types as people name them: `expected u32` is `expected a whole number`.
#[must_use]
pub fn in_words(message: &str) -> String {
    let Some((what, expected)) = message.split_once("expected ") else { return message.into() };
    let end = expected.find(" at line ").unwrap_or(expected.len());
    let (expected, place) = expected.split_at(end);
    let expected = match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number, at least 0",
        "i32" | "i64" => "a whole number",
        "a sequence" => "a list",
        "a string" | "string" => "text in quotes",
        "a boolean" => "true or false",
        "a map" => "{ … }",
        shape if shape.starts_with("struct ") => "{ … }",
        other => other,
    };
    alloc::format!("{what}expected {expected}{place}")
}

/// Checks that no object of a JSON text names a key twice.
///
/// # Errors
/// Names the key with its line and column, or the place where the text is not JSON.
pub fn check_keys(text: &[u8]) -> Result<(), serde_json::Error> {
    serde_json::from_slice::<Checked>(text).map(drop)
}

/// JSON in which no object names a key twice.
pub(crate) struct Checked;

impl<'de> Deserialize<'de> for Checked {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Values)
    }
}

struct Values;

impl<'de> Visitor<'de> for Values {
    type Value = Checked;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Checked, E> {
        Ok(Checked)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Checked, E> {
        Ok(Checked)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Checked, E> {
        Ok(Checked)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Checked, E> {
        Ok(Checked)
    }

    fn visit_str<E>(self, _: &str) -> Result<Checked, E> {
        Ok(Checked)
    }

    fn visit_unit<E>(self) -> Result<Checked, E> {
        Ok(Checked)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Checked, A::Error> {
        while items.next_element::<Checked>()?.is_some() {}
        Ok(Checked)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Checked, A::Error> {
        let mut keys: BTreeSet<String> = BTreeSet::new();
        while let Some(key) = entries.next_key::<String>()? {
            if keys.contains(&key) {
                return Err(A::Error::custom(alloc::format!("the key `{key}` appears twice in one object")));
            }
            entries.next_value::<Checked>()?;
            keys.insert(key);
        }
        Ok(Checked)
    }
}

#[cfg(test)]
mod tests {
    use super::check_keys;
    use alloc::string::ToString as _;

    #[test]
    fn a_key_that_stands_twice_is_named() {
        for fine in ["{}", "[]", "1", "null", r#"{"a":{"b":1},"b":{"a":-1.5e3}}"#, r#"[{"a":1},{"a":true}]"#]
        {
            assert!(check_keys(fine.as_bytes()).is_ok(), "{fine}");
        }
        for twice in [
            r#"{"a":1,"a":1}"#,
            r#"{"b":{"a":1,"c":2,"a":3}}"#,
            r#"[0,{"a":[],"a":"x"}]"#,
            r#"{"a":1,"\u0061":2}"#,
        ] {
            let found = check_keys(twice.as_bytes()).map_err(|e| e.to_string());
            assert!(
                found.as_ref().is_err_and(|e| e.contains("the key `a` appears twice")),
                "{twice}: {found:?}"
            );
        }
        for broken in ["", "{", r#"{"a"}"#, "[1,]"] {
            assert!(check_keys(broken.as_bytes()).is_err(), "{broken}");
        }
    }
}
