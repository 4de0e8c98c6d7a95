//! Places inside an account: segments and paths.
//!
//! Never looks a place up: an account has every place that a request names.
//! P1 a path has one written form, and reads back from it as the same list (`a_path_reads_back_as_written`).

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use minicbor::{Decode, Decoder, Encode, Encoder};
use smallvec::SmallVec;

use super::levels::{Level, Levels};
use super::name::Name;
use super::printable::NameError;

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
    /// A segment is not `level:name` with a level below the account.
    BadSegment(String),
    /// A name inside a segment is refused.
    BadName(String, NameError),
    /// The levels do not come in the order of [`Level`], each at most once.
    OutOfOrder(String),
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadSegment(s) => {
                write!(
                    f,
                    "`{s}` is not a path segment; write organization:…, cost_center:…, team:…, user:…, seat:…, key:… or session:…"
                )
            }
            Self::BadName(s, e) => write!(f, "`{s}`: {e}"),
            Self::OutOfOrder(s) => {
                write!(
                    f,
                    "`{s}` is out of order; a path goes organization, cost_center, team, user, seat, key, session, each at most once"
                )
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
        let name = Name::id(name).map_err(|e| PathError::BadName(text.into(), e))?;
        Ok(Self { level, name })
    }
}

/// The place inside the account that a request comes from: `team:research/user:alice/key:k7/session:s1`.
///
/// A path is also written as a list, `["team:research","user:alice"]`; always so if a name in it has a slash.
///
/// Segments are in level order, each level at most once; any may be absent. The empty path is the account itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Path(SmallVec<[Segment; 2]>);

impl Path {
    /// This path with another segment in its place; a segment of the same level gives way.
    #[must_use]
    pub fn with(&self, segment: Segment) -> Self {
        let mut path = self.clone();
        path.0.retain(|known| known.level != segment.level);
        let at = path.0.iter().take_while(|known| known.level < segment.level).count();
        path.0.insert(at, segment);
        path
    }

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

    /// The levels that it names.
    #[must_use]
    pub fn levels(&self) -> Levels {
        self.0.iter().fold(Levels::ACCOUNT, |levels, segment| levels.and(segment.level))
    }

    /// The member that it names at some levels; `None` if it names none of them.
    #[must_use]
    pub fn member(&self, levels: Levels) -> Option<Self> {
        let is_named = self.at_levels(levels).next().is_some();
        is_named.then(|| self.at_levels(levels).collect())
    }

    /// Its segments at some levels, outermost first: the member that it names there.
    pub(crate) fn at_levels(&self, levels: Levels) -> impl Iterator<Item = &Segment> {
        self.0.iter().filter(move |segment| levels.contains(segment.level))
    }

    /// The segments above a level and at it, outermost first.
    pub(crate) fn up_to(&self, level: Level) -> &[Segment] {
        self.0.get(..self.0.partition_point(|s| s.level <= level)).unwrap_or_default()
    }

    /// Whether its text cannot separate its segments: a name has a slash.
    fn needs_list(&self) -> bool {
        self.0.iter().any(|s| s.name.as_str().contains('/'))
    }

    fn of<'a>(segments: impl Iterator<Item = &'a str>) -> Result<Self, PathError> {
        let mut path = Self::default();
        for segment in segments {
            path.push(segment.parse()?)?;
        }
        Ok(path)
    }

    fn push(&mut self, segment: Segment) -> Result<(), PathError> {
        if self.0.last().is_some_and(|last| last.level >= segment.level) {
            return Err(PathError::OutOfOrder(segment.to_string()));
        }
        self.0.push(segment);
        Ok(())
    }
}

impl<'a> FromIterator<&'a Segment> for Path {
    /// Segments of one path, or of two that have no level in common.
    fn from_iter<I: IntoIterator<Item = &'a Segment>>(segments: I) -> Self {
        let mut path = Self(segments.into_iter().cloned().collect());
        path.0.sort_unstable_by_key(|segment| segment.level);
        path
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.needs_list() {
            let segments: Vec<String> = self.0.iter().map(ToString::to_string).collect();
            return f.write_str(&serde_json::to_string(&segments).map_err(|_| fmt::Error)?);
        }
        for (i, segment) in self.0.iter().enumerate() {
            let slash = if i == 0 { "" } else { "/" };
            write!(f, "{slash}{segment}")?;
        }
        Ok(())
    }
}

impl core::str::FromStr for Path {
    type Err = PathError;
    /// Blanks around the slashes are accepted; the empty text is the empty path. What begins with `[` is a list as JSON.
    fn from_str(text: &str) -> Result<Self, PathError> {
        let text = text.trim_matches(' ');
        if text.is_empty() {
            return Ok(Self::default());
        }
        if text.starts_with('[') {
            let segments = serde_json::from_str::<Vec<String>>(text);
            let segments = segments.map_err(|_| PathError::BadSegment(text.into()))?;
            return Self::of(segments.iter().map(String::as_str));
        }
        Self::of(text.split('/').map(|part| part.trim_matches(' ')))
    }
}

impl serde::Serialize for Path {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        if self.needs_list() { s.collect_seq(&self.0) } else { s.collect_str(self) }
    }
}

impl<'de> serde::Deserialize<'de> for Path {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct TextOrList;
        impl<'de> serde::de::Visitor<'de> for TextOrList {
            type Value = Path;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a path such as \"team:research/user:alice\", or a list of its segments")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Path, E> {
                text.parse().map_err(E::custom)
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut list: A) -> Result<Path, A::Error> {
                let mut path = Path::default();
                while let Some(segment) = list.next_element::<Segment>()? {
                    path.push(segment).map_err(serde::de::Error::custom)?;
                }
                Ok(path)
            }
        }
        d.deserialize_any(TextOrList)
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
    use alloc::string::ToString;

    use alloc::string::String;
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::{Level, Name, NameError, Path, PathError, Segment};

    proptest! {
        /// P1, for any ids.
        #[test]
        fn any_path_reads_back(names in proptest::collection::vec("[ -~\u{eb}\u{308}\u{1f600}]{1,12}", 0..6)) {
            let named = Level::BELOW_ACCOUNT.iter().zip(&names).filter_map(|(l, n)| Some((*l, Name::id(n).ok()?)));
            let segments: Vec<Segment> = named.map(|(level, name)| Segment { level, name }).collect();
            let listed: Vec<String> = segments.iter().map(ToString::to_string).collect();
            let path: Path = serde_json::from_value(serde_json::json!(listed)).expect("a list");
            prop_assert_eq!(path.segments(), &segments[..]);
            prop_assert_eq!(path.to_string().parse(), Ok(path.clone()));
            let json = serde_json::to_string(&path).expect("JSON");
            prop_assert_eq!(serde_json::from_str::<Path>(&json).expect("reads"), path);
        }

        /// N2: an id is in NFC, is the same as its other forms, and is taken again as it is.
        #[test]
        fn any_id_is_taken_again(text in "\\PC{1,20}") {
            if let Ok(id) = Name::id(&text) {
                prop_assert_eq!(Name::id(id.as_str()), Ok(id.clone()));
                let apart: String = icu_normalizer::DecomposingNormalizerBorrowed::new_nfd().normalize(&text).into();
                prop_assert_eq!(Name::id(&apart), Ok(id.clone()));
                prop_assert_eq!(Name::from_stored(id.as_str().as_bytes()), Some(id));
            }
        }
    }

    #[test]
    fn a_path_reads_back_as_written() {
        for (sent, written) in [
            ("", r#""""#),
            ("team:a / user:b", r#""team:a/user:b""#),
            ("user:auth0|5f7c", r#""user:auth0|5f7c""#),
            ("user:a:b", r#""user:a:b""#),
            (r#"["team:a","user:b"]"#, r#""team:a/user:b""#),
            (
                "organization:o/cost_center:c/team:t/user:u/key:k/session:s",
                r#""organization:o/cost_center:c/team:t/user:u/key:k/session:s""#,
            ),
            (r#"["team:org/acme","user:b"]"#, r#"["team:org/acme","user:b"]"#),
            // A name that looks like two segments is one.
            (r#"["team:a/user:b"]"#, r#"["team:a/user:b"]"#),
            (r#"["key:\"[/]\\"]"#, r#"["key:\"[/]\\"]"#),
            ("user:Zoe\u{308}", "\"user:Zo\u{eb}\""),
        ] {
            let path: Path = sent.parse().expect(sent);
            assert_eq!(serde_json::to_string(&path).expect("JSON"), written, "{sent}");
            assert_eq!(serde_json::from_str::<Path>(written).expect(written), path, "{sent}");
            assert_eq!(path.to_string().parse::<Path>().expect("its text"), path, "{sent}");
        }
        let two: Path = "team:a/user:b".parse().expect("a path");
        let one: Path = r#"["team:a/user:b"]"#.parse().expect("a path");
        assert_ne!(one, two);
        assert_eq!(one.at(Level::Team).map(Name::as_str), Some("a/user:b"));
    }

    #[test]
    fn a_path_names_what_it_refuses() {
        let unseen = "user:a\u{200b}".parse::<Path>();
        assert!(
            matches!(unseen, Err(PathError::BadName(_, NameError::Unseen('\u{200b}', 2, _)))),
            "{unseen:?}"
        );
        for broken in ["alice", "user:", "account:a", "[", r#"["user:a",1]"#, "[[]]", "user:a//key:b"] {
            assert!(broken.parse::<Path>().is_err(), "{broken}");
        }
        for order in [
            "user:a/team:b",
            r#"["user:a","user:b"]"#,
            "team:a/cost_center:b",
            "cost_center:a/organization:b",
        ] {
            assert!(matches!(order.parse::<Path>(), Err(PathError::OutOfOrder(_))), "{order}");
        }
    }
}
