//! Names: the identifiers that requests, catalogs and records share.
//!
//! Never interprets a name: a name is a label, compared byte by byte. The catalog's names and those of the server itself are
//! words (`Name::new`); accounts, segments and idempotency keys are a caller's own ids (`Name::id`, [`Id`]).
//! N1 a word is printable, has no blank and no `/`, so it survives a URL path and a log line
//! (`names_refuse_what_a_url_or_log_would_break`). N2 ids that look the same are the same: they are in NFC, and have no
//! character that is not seen (`ids_are_printable_and_in_nfc`). N3 what was stored stays readable, whichever version of Unicode
//! a release knows (`stored_ids_are_not_judged_again`).
//! Units: lengths are bytes of UTF-8 (words are ASCII).

use alloc::string::{String, ToString};
use core::fmt;
use core::ops::Deref;

use minicbor::{Decode, Decoder, Encode, Encoder};
use smol_str::SmolStr;

use super::printable::{self, ID_LEN_MAX, NAME_LEN_MAX, NameError};

/// An identifier: a word, which is 1 to 128 bytes of `A-Z a-z 0-9 . _ : @ + -`, beginning with a letter, a digit or `_`;
/// or an id, which is 1 to 256 bytes of printable text.
///
/// Names of up to 23 bytes are stored inline.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(SmolStr);

impl Name {
    /// Checks and takes a name.
    pub fn new(text: &str) -> Result<Self, NameError> {
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        if text.len() > NAME_LEN_MAX {
            return Err(NameError::TooLong(NAME_LEN_MAX));
        }
        let fits = |at: usize, b: u8| {
            b.is_ascii_alphanumeric()
                || b == b'_'
                || (at > 0 && matches!(b, b'.' | b':' | b'@' | b'+' | b'-'))
        };
        match text.bytes().enumerate().find(|&(at, b)| !fits(at, b)) {
            Some((at, _)) => Err(NameError::BadCharacter(at)),
            None => Ok(Self(SmolStr::new(text))),
        }
    }

    /// Takes a caller's id, in NFC: an account, a segment, an idempotency key.
    ///
    /// # Errors
    /// Refuses empty texts, texts over [`ID_LEN_MAX`] bytes in NFC, blanks at either end, `.` and `..`, and every
    /// character that is not seen: blanks other than the space, invisible ones and those that direct text, controls,
    /// private use, unassigned ones.
    pub fn id(text: &str) -> Result<Self, NameError> {
        // Most ids need no look at their characters.
        if (1..=ID_LEN_MAX).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic()) {
            return if matches!(text, "." | "..") {
                Err(NameError::Dots)
            } else {
                Ok(Self(SmolStr::new(text)))
            };
        }
        printable::id(text).map(Self)
    }

    /// A name that was stored: judged when it was accepted.
    pub(crate) fn stored(text: &str) -> Result<Self, NameError> {
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        if text.len() > ID_LEN_MAX {
            return Err(NameError::TooLong(ID_LEN_MAX));
        }
        match text.bytes().position(|b| b.is_ascii_control()) {
            Some(at) => Err(NameError::BadCharacter(at)),
            None => Ok(Self(SmolStr::new(text))),
        }
    }

    /// A name from the bytes that a store kept.
    #[must_use]
    pub fn from_stored(bytes: &[u8]) -> Option<Self> {
        Self::stored(core::str::from_utf8(bytes).ok()?).ok()
    }

    /// The name of one window of an allowance: `layer.window`.
    pub(crate) fn joined(layer: &Self, window: &Self) -> Result<Self, NameError> {
        Self::new(&alloc::format!("{layer}.{window}"))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl core::borrow::Borrow<str> for Name {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl core::str::FromStr for Name {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::new(text)
    }
}

/// A free label such as the value of a dimension (`meta/llama-3`): 1 to 128 bytes of text without controls.
///
/// An idempotency key and a pattern of accounts are labels too: those keep the rule of ids.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Label(SmolStr);

impl Label {
    /// Checks and takes a label.
    ///
    /// # Errors
    /// Refuses empty texts, texts over [`NAME_LEN_MAX`] bytes and control characters.
    pub fn new(text: &str) -> Result<Self, NameError> {
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        if text.len() > NAME_LEN_MAX {
            return Err(NameError::TooLong(NAME_LEN_MAX));
        }
        match text.char_indices().find(|(_, c)| c.is_control()) {
            Some((at, _)) => Err(NameError::BadCharacter(at)),
            None => Ok(Self(SmolStr::new(text))),
        }
    }

    /// Takes an idempotency key, or a pattern of accounts, by the rule of [`Name::id`].
    ///
    /// # Errors
    /// As [`Name::id`].
    pub fn id(text: &str) -> Result<Self, NameError> {
        Name::id(text).map(|Name(text)| Self(text))
    }

    fn stored(text: &str) -> Result<Self, NameError> {
        Name::stored(text).map(|Name(text)| Self(text))
    }

    /// The label as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

macro_rules! text_codec {
    ($type:ty) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = String::deserialize(d)?;
                Self::new(&text).map_err(|e| serde::de::Error::custom(alloc::format!("`{text}`: {e}")))
            }
        }

        impl<C> Encode<C> for $type {
            fn encode<W: minicbor::encode::Write>(
                &self,
                e: &mut Encoder<W>,
                _: &mut C,
            ) -> Result<(), minicbor::encode::Error<W::Error>> {
                e.str(self.as_str())?.ok()
            }
        }

        impl<'b, C> Decode<'b, C> for $type {
            fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
                let at = d.position();
                Self::stored(d.str()?).map_err(|e| minicbor::decode::Error::message(e.to_string()).at(at))
            }
        }
    };
}
text_codec!(Name);
text_codec!(Label);

/// A caller's id where it enters and leaves: JSON, arguments, queries. Inside it is the [`Name`] that it holds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(pub Name);

impl core::str::FromStr for Id {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        Name::id(text).map(Self)
    }
}

impl Deref for Id {
    type Target = Name;
    fn deref(&self) -> &Name {
        &self.0
    }
}

impl From<Name> for Id {
    fn from(name: Name) -> Self {
        Self(name)
    }
}

impl From<&Name> for Id {
    fn from(name: &Name) -> Self {
        Self(name.clone())
    }
}

impl From<Id> for Name {
    fn from(id: Id) -> Self {
        id.0
    }
}

impl From<&Label> for Id {
    fn from(label: &Label) -> Self {
        Self(Name(label.0.clone()))
    }
}

impl From<Id> for Label {
    fn from(id: Id) -> Self {
        Self(id.0.0)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl serde::Serialize for Id {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(s)
    }
}

impl<'de> serde::Deserialize<'de> for Id {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        // What cannot be seen is escaped, so that the message can be read.
        text.parse().map_err(|e| serde::de::Error::custom(alloc::format!("`{}`: {e}", text.escape_debug())))
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::super::printable::What;
    use super::{ID_LEN_MAX, NAME_LEN_MAX, Name, NameError};

    fn check(text: &str, expected: Result<(), NameError>) {
        assert_eq!(Name::new(text).map(|_| ()), expected, "{text:?}");
    }

    #[test]
    fn names_refuse_what_a_url_or_log_would_break() {
        check("acme", Ok(()));
        check("_Acme-1.b:c@d+e", Ok(()));
        check(&"n".repeat(NAME_LEN_MAX), Ok(()));
        check("", Err(NameError::Empty));
        check(&"n".repeat(NAME_LEN_MAX + 1), Err(NameError::TooLong(NAME_LEN_MAX)));
        for first in [".hidden", "-flag", ":a", "@a", "+a"] {
            check(first, Err(NameError::BadCharacter(0)));
        }
        for broken in [
            "a/b", "a b", "a\tb", "a\nb", "a\0b", "a\u{7f}b", "a?b", "a#b", "a%b", "a\"b", "a\\b", "a\u{e9}b",
        ] {
            check(broken, Err(NameError::BadCharacter(1)));
        }
    }

    #[test]
    fn ids_are_printable_and_in_nfc() {
        // As they are.
        for id in [
            "auth0|5f7c",
            "org/acme",
            "Zo\u{eb}",
            "a b",
            "~",
            "=",
            "\u{6f22}\u{5b57}",
            "\u{1f600}",
            "e\u{302}\u{323}x",
            "...",
            "a*",
        ] {
            assert!(Name::id(id).is_ok(), "{id:?}");
        }
        // The same text in two forms is the same id; the vectors are from UAX #15, figures 3 to 5.
        for (sent, stored) in [
            ("Zoe\u{308}", "Zo\u{eb}"),
            ("\u{212b}", "\u{c5}"),
            ("\u{2126}", "\u{3a9}"),
            ("s\u{323}\u{307}", "\u{1e69}"),
            ("\u{1e0b}\u{323}", "\u{1e0d}\u{307}"),
        ] {
            assert_eq!(Name::id(sent).map(|id| id.to_string()), Ok(stored.into()), "{sent:?}");
        }
        // Compatibility forms differ: NFC, not NFKC.
        assert_ne!(Name::id("\u{fb01}x"), Name::id("fix"));
        assert_eq!(Name::id(""), Err(NameError::Empty));
        assert_eq!(Name::id("."), Err(NameError::Dots));
        assert_eq!(Name::id(".."), Err(NameError::Dots));
        assert_eq!(Name::id(" a"), Err(NameError::BlankEdge));
        assert_eq!(Name::id("a "), Err(NameError::BlankEdge));
        for (c, what) in [
            ('\0', What::Control),
            ('\n', What::Control),
            ('\u{7f}', What::Control),
            ('\u{85}', What::Control),
            ('\u{a0}', What::Blank),
            ('\u{3000}', What::Blank),
            ('\u{2028}', What::Blank),
            ('\u{200b}', What::Invisible),
            ('\u{200d}', What::Invisible),
            ('\u{ad}', What::Invisible),
            ('\u{feff}', What::Invisible),
            ('\u{34f}', What::Invisible),
            ('\u{115f}', What::Invisible),
            ('\u{3164}', What::Invisible),
            ('\u{fe0f}', What::Invisible),
            ('\u{2800}', What::Invisible),
            ('\u{e0041}', What::Invisible),
            ('\u{200e}', What::Directing),
            ('\u{61c}', What::Directing),
            ('\u{202e}', What::Directing),
            ('\u{2066}', What::Directing),
            ('\u{e000}', What::Private),
            ('\u{10fffd}', What::Private),
            ('\u{378}', What::Unassigned),
            ('\u{ffff}', What::Unassigned),
        ] {
            let text = alloc::format!("Zo\u{eb}{c}x");
            assert_eq!(Name::id(&text), Err(NameError::Unseen(c, 4, what)), "{c:?}");
        }
        assert_eq!(
            Name::id("ab\u{202e}c").map_err(|e| e.to_string()),
            Err("an id is made of characters that can be seen, and its character 3, U+202E, is one that directs text".into())
        );
    }

    #[test]
    fn an_id_has_256_bytes_in_nfc() {
        let of = |n: usize| "\u{eb}".repeat(n);
        assert!(Name::id(&of(ID_LEN_MAX / 2)).is_ok());
        assert_eq!(Name::id(&(of(ID_LEN_MAX / 2) + "x")), Err(NameError::TooLong(ID_LEN_MAX)));
        // Longer as sent than as kept.
        assert!(Name::id(&"e\u{308}".repeat(ID_LEN_MAX / 2)).is_ok());
        assert!(Name::id(&"n".repeat(ID_LEN_MAX)).is_ok());
        assert_eq!(Name::id(&"n".repeat(ID_LEN_MAX + 1)), Err(NameError::TooLong(ID_LEN_MAX)));
        assert_eq!(Name::id(&"n".repeat(1 << 20)), Err(NameError::TooLong(ID_LEN_MAX)));
    }

    #[test]
    fn stored_ids_are_not_judged_again() {
        // Assigned only by a later version of Unicode than this release knows.
        assert!(Name::id("a\u{378}").is_err());
        assert_eq!(
            Name::from_stored("a\u{378}".as_bytes()).map(|id| id.to_string()),
            Some("a\u{378}".into())
        );
        assert_eq!(Name::from_stored(b"a\0b"), None);
        assert_eq!(Name::from_stored(b"\xff"), None);
    }
}
