//! Bodies of requests: looked into without being rewritten, and edited at places.
//!
//! B1 what is not edited reaches the upstream byte for byte, unknown fields and white space included
//! (`a_body_keeps_its_bytes_but_for_the_edits`). B2 a name that stands twice is refused: the upstream might read the other one
//! (`a_name_that_stands_twice_is_refused`).

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;

/// An object of JSON whose values are not parsed yet.
#[derive(Debug)]
pub(crate) struct Object<'a> {
    text: &'a str,
    fields: Vec<(Cow<'a, str>, &'a str)>,
}

struct Fields<'a>(Vec<(Cow<'a, str>, &'a str)>);

/// A name: borrowed unless it has escapes.
pub(crate) struct Key<'a>(pub(crate) Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Key<'a> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Cow<'de, str>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Cow::Borrowed(text))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Cow::Owned(text.to_owned()))
            }
        }
        d.deserialize_str(Text).map(Key)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields: Vec<(Cow<'de, str>, &'de str)> = Vec::new();
                while let Some(Key(name)) = map.next_key()? {
                    if fields.len() >= FIELDS_MAX {
                        return Err(A::Error::custom(format_args!(
                            "an object has more than {FIELDS_MAX} fields"
                        )));
                    }
                    let value: &'de RawValue = map.next_value()?;
                    if fields.iter().any(|(known, _)| *known == name) {
                        return Err(A::Error::custom(format_args!("`{name}` stands twice")));
                    }
                    fields.push((name, value.get()));
                }
                Ok(Fields(fields))
            }
        }
        d.deserialize_map(Each)
    }
}

/// The most fields of an object that is looked into.
const FIELDS_MAX: usize = 256;

/// What is wrong with a value, without its place in a text that the caller does not know.
pub(crate) fn without_place(e: &serde_json::Error) -> String {
    let text = e.to_string();
    text.rsplit_once(" at line ").map_or(text.as_str(), |(text, _)| text).to_owned()
}

impl<'a> Object<'a> {
    pub(crate) fn parse(text: &'a str) -> Result<Self, String> {
        let Fields(fields) = serde_json::from_str(text).map_err(|e| e.to_string())?;
        Ok(Self { text, fields })
    }

    /// The text of a field's value, as it stands.
    pub(crate) fn raw(&self, name: &str) -> Option<&'a str> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| *value)
    }

    /// A field's value, unless it is missing or null.
    pub(crate) fn get<T: Deserialize<'a>>(&self, name: &str) -> Result<Option<T>, String> {
        let Some(raw) = self.raw(name) else { return Ok(None) };
        serde_json::from_str(raw).map_err(|e| format!("`{name}`: {}", without_place(&e)))
    }

    /// The place of a field's value in the text.
    fn place(&self, raw: &str) -> Range<usize> {
        let from = raw.as_ptr().addr() - self.text.as_ptr().addr();
        from..from + raw.len()
    }
}

/// Changes of a text, each at a place of its own.
#[derive(Debug, Default)]
pub(crate) struct Edits(Vec<(Range<usize>, String)>);

impl Edits {
    /// Gives a field a value: in the place of the one that it has, or as the first of the object.
    pub(crate) fn set(&mut self, within: &str, object: &Object<'_>, name: &str, value: &str) {
        let base = object.text.as_ptr().addr() - within.as_ptr().addr();
        if let Some(raw) = object.raw(name) {
            let at = object.place(raw);
            self.0.push((base + at.start..base + at.end, value.to_owned()));
            return;
        }
        let open = base + object.text.find('{').map_or(0, |at| at + 1);
        let comma = if object.fields.is_empty() { "" } else { "," };
        self.0.push((open..open, format!("\"{name}\":{value}{comma}")));
    }

    /// The text with its changes.
    pub(crate) fn apply(mut self, text: &str) -> String {
        self.0.sort_by_key(|(at, _)| at.start);
        let mut edited = String::with_capacity(text.len() + 64);
        let mut done = 0;
        for (at, with) in &self.0 {
            edited.push_str(text.get(done..at.start).unwrap_or_default());
            edited.push_str(with);
            done = at.end;
        }
        edited.push_str(text.get(done..).unwrap_or_default());
        edited
    }
}
