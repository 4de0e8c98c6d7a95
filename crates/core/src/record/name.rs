//! Names and places: the identifiers that requests, catalogs and records share.
//!
//! Never interprets a name: a name is a label, compared byte by byte.
//! N1 a name that was accepted is printable, has no blank and no `/`, so it survives a URL path and a log line
//! (`names_refuse_what_a_url_or_log_would_break`).
//! Units: lengths are bytes of UTF-8 (names are ASCII).

use alloc::string::{String, ToString};
use core::fmt;

#[cfg(feature = "schema")]
use alloc::{vec, vec::Vec};

use minicbor::{Decode, Decoder, Encode, Encoder};
use smallvec::SmallVec;
use smol_str::SmolStr;

/// Longest accepted name, in bytes.
pub const NAME_LEN_MAX: usize = 128;

/// An identifier: 1 to 128 bytes of `A-Z a-z 0-9 . _ : @ + -`, beginning with a letter, a digit or `_`.
///
/// Names of up to 23 bytes are stored inline.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(SmolStr);

/// Why a text is not a [`Name`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NameError {
    /// The text is empty.
    Empty,
    /// The text has more than [`NAME_LEN_MAX`] bytes.
    TooLong,
    /// The text has a character outside the accepted set, at this byte offset.
    BadCharacter(usize),
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("a name must not be empty"),
            Self::TooLong => write!(f, "a name has at most {NAME_LEN_MAX} bytes"),
            Self::BadCharacter(at) => write!(
                f,
                "a name is made of A-Z a-z 0-9 . _ : @ + - and begins with a letter, a digit or _ (byte {at} is none of these)"
            ),
        }
    }
}

impl core::error::Error for NameError {}

impl Name {
    /// Checks and takes a name.
    pub fn new(text: &str) -> Result<Self, NameError> {
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        if text.len() > NAME_LEN_MAX {
            return Err(NameError::TooLong);
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

/// A free label such as the value of a dimension (`meta/llama-3`): 1 to 128 bytes of printable text.
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
            return Err(NameError::TooLong);
        }
        match text.char_indices().find(|(_, c)| c.is_control()) {
            Some((at, _)) => Err(NameError::BadCharacter(at)),
            None => Ok(Self(SmolStr::new(text))),
        }
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
                Self::new(d.str()?).map_err(|e| minicbor::decode::Error::message(e.to_string()).at(at))
            }
        }
    };
}
text_codec!(Name);
text_codec!(Label);

/// The levels of a path below and including the account, outermost first.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Encode,
    Decode,
    serde::Serialize,
    serde::Deserialize,
)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum Level {
    /// The account itself: the company or person who pays.
    #[n(0)]
    Account,
    /// A team inside the account.
    #[n(1)]
    Team,
    /// A user.
    #[n(2)]
    User,
    /// An API key of the product.
    #[n(3)]
    Key,
    /// A session.
    #[n(4)]
    Session,
}

impl Level {
    const BELOW_ACCOUNT: [Self; 4] = [Self::Team, Self::User, Self::Key, Self::Session];

    /// The word used in paths and catalogs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Team => "team",
            Self::User => "user",
            Self::Key => "key",
            Self::Session => "session",
        }
    }
}

/// One step of a path: `user:alice`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct Segment {
    /// The level that the segment names; never [`Level::Account`].
    #[n(0)]
    pub level: Level,
    /// Its name, unique for that level inside the account.
    #[n(1)]
    pub name: Name,
}

impl fmt::Display for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.level.as_str(), self.name)
    }
}

/// Why a text is not a [`Path`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathError {
    /// A segment is not `level:name` with a level of `team`, `user`, `key`, `session`.
    BadSegment(String),
    /// A name inside a segment is refused.
    BadName(String, NameError),
    /// The levels do not come in the order team, user, key, session, each at most once.
    OutOfOrder(String),
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadSegment(s) => {
                write!(f, "`{s}` is not a path segment; write team:…, user:…, key:… or session:…")
            }
            Self::BadName(s, e) => write!(f, "`{s}`: {e}"),
            Self::OutOfOrder(s) => {
                write!(f, "`{s}` is out of order; a path goes team, user, key, session, each at most once")
            }
        }
    }
}

impl core::error::Error for PathError {}

impl core::str::FromStr for Segment {
    type Err = PathError;
    fn from_str(text: &str) -> Result<Self, PathError> {
        let bad = || PathError::BadSegment(text.into());
        let (word, name) = text.split_once(':').ok_or_else(bad)?;
        let level = Level::BELOW_ACCOUNT.into_iter().find(|l| l.as_str() == word).ok_or_else(bad)?;
        let name = Name::new(name).map_err(|e| PathError::BadName(text.into(), e))?;
        Ok(Self { level, name })
    }
}

/// The place inside the account that a request comes from: `team:research/user:alice/key:k7/session:s1`.
///
/// Segments are in level order, each level at most once; any may be absent. The empty path is the account itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Path(SmallVec<[Segment; 2]>);

impl Path {
    /// The segments, outermost first.
    #[must_use]
    pub fn segments(&self) -> &[Segment] {
        &self.0
    }

    pub(crate) fn segments_mut(&mut self) -> &mut [Segment] {
        &mut self.0
    }

    /// The name at a level; `None` for the account's own level and for levels the path leaves out.
    #[must_use]
    pub fn at(&self, level: Level) -> Option<&Name> {
        self.0.iter().find(|s| s.level == level).map(|s| &s.name)
    }

    fn push(&mut self, segment: Segment) -> Result<(), PathError> {
        if self.0.last().is_some_and(|last| last.level >= segment.level) {
            return Err(PathError::OutOfOrder(segment.to_string()));
        }
        self.0.push(segment);
        Ok(())
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, segment) in self.0.iter().enumerate() {
            let slash = if i == 0 { "" } else { "/" };
            write!(f, "{slash}{segment}")?;
        }
        Ok(())
    }
}

impl core::str::FromStr for Path {
    type Err = PathError;
    /// Blanks around the slashes are accepted; the empty text is the empty path.
    fn from_str(text: &str) -> Result<Self, PathError> {
        let mut path = Self::default();
        if text.trim().is_empty() {
            return Ok(path);
        }
        for part in text.split('/') {
            path.push(part.trim().parse()?)?;
        }
        Ok(path)
    }
}

impl<C> Encode<C> for Path {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut Encoder<W>,
        ctx: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        crate::record::codec::list::encode(&self.0, e, ctx)
    }
}

impl<'b, C> Decode<'b, C> for Path {
    fn decode(d: &mut Decoder<'b>, ctx: &mut C) -> Result<Self, minicbor::decode::Error> {
        let segments: SmallVec<[Segment; 2]> = crate::record::codec::list::decode(d, ctx)?;
        let mut path = Self::default();
        for segment in segments {
            path.push(segment).map_err(|e| minicbor::decode::Error::message(e.to_string()))?;
        }
        Ok(path)
    }
}

#[cfg(test)]
mod tests {
    use super::{NAME_LEN_MAX, Name, NameError};

    fn check(text: &str, expected: Result<(), NameError>) {
        assert_eq!(Name::new(text).map(|_| ()), expected, "{text:?}");
    }

    #[test]
    fn names_refuse_what_a_url_or_log_would_break() {
        check("acme", Ok(()));
        check("_Acme-1.b:c@d+e", Ok(()));
        check(&"n".repeat(NAME_LEN_MAX), Ok(()));
        check("", Err(NameError::Empty));
        check(&"n".repeat(NAME_LEN_MAX + 1), Err(NameError::TooLong));
        for first in [".hidden", "-flag", ":a", "@a", "+a"] {
            check(first, Err(NameError::BadCharacter(0)));
        }
        for broken in [
            "a/b", "a b", "a\tb", "a\nb", "a\0b", "a\u{7f}b", "a?b", "a#b", "a%b", "a\"b", "a\\b", "a\u{e9}b",
        ] {
            check(broken, Err(NameError::BadCharacter(1)));
        }
    }
}
