//! The levels of paths, and those that a limit counts at: the account, one level, or several together.
//!
//! Several levels together have one counter for each combination of their members: `alice` of team `red` and `alice` of team
//! `blue` are two. A level that a path leaves out is a member of its own.
//! L1 one level is written as a word, several as a list, outermost first (`levels_read_back_as_written`).

use alloc::vec::Vec;
#[cfg(feature = "schema")]
use alloc::{string::String, vec};
use core::fmt;

use minicbor::data::Type;
use minicbor::{Decode, Decoder, Encode, Encoder};

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
    /// An organization inside the account.
    #[n(5)]
    Organization,
    /// A cost center.
    #[n(6)]
    CostCenter,
    /// A team.
    #[n(1)]
    Team,
    /// A user.
    #[n(2)]
    User,
    /// A seat: it follows from the user or team that holds it.
    #[n(7)]
    Seat,
    /// An API key of the product.
    #[n(3)]
    Key,
    /// A session.
    #[n(4)]
    Session,
}

impl Level {
    /// The levels that segments have, outermost first.
    pub const BELOW_ACCOUNT: [Self; 7] =
        [Self::Organization, Self::CostCenter, Self::Team, Self::User, Self::Seat, Self::Key, Self::Session];

    /// The word used in paths and catalogs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Organization => "organization",
            Self::CostCenter => "cost_center",
            Self::Team => "team",
            Self::User => "user",
            Self::Seat => "seat",
            Self::Key => "key",
            Self::Session => "session",
        }
    }
}

/// A set of levels below the account; the empty set is the account itself.
///
/// Sets are in order of their innermost level, then of the next: that of the longer path is the greater.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Levels(u8);

impl Levels {
    /// The account itself.
    pub const ACCOUNT: Self = Self(0);

    /// One level.
    #[must_use]
    pub const fn one(level: Level) -> Self {
        Self(match level {
            Level::Account => 0,
            Level::Organization => 1,
            Level::CostCenter => 1 << 1,
            Level::Team => 1 << 2,
            Level::User => 1 << 3,
            Level::Seat => 1 << 4,
            Level::Key => 1 << 5,
            Level::Session => 1 << 6,
        })
    }

    /// This and one more level.
    #[must_use]
    pub const fn and(self, level: Level) -> Self {
        Self(self.0 | Self::one(level).0)
    }

    /// Whether it has a level; none has the account's own.
    #[must_use]
    pub const fn contains(self, level: Level) -> bool {
        self.0 & Self::one(level).0 != 0
    }

    /// Whether it has all levels of another.
    #[must_use]
    pub const fn contains_all(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Its levels, outermost first; none for the account.
    pub fn iter(self) -> impl DoubleEndedIterator<Item = Level> {
        Level::BELOW_ACCOUNT.into_iter().filter(move |level| self.contains(*level))
    }

    /// The innermost: a limit at several levels together is that of a member of it.
    #[must_use]
    pub fn innermost(self) -> Level {
        self.iter().next_back().unwrap_or(Level::Account)
    }

    fn of(levels: &[Level]) -> Result<Self, WrongLevels> {
        let mut all = Self::ACCOUNT;
        for level in levels {
            if all.contains(*level) {
                return Err(WrongLevels("a level stands in the list twice"));
            }
            if *level == Level::Account && levels.len() > 1 {
                return Err(WrongLevels(
                    "the account stands beside other levels, but all of them are inside it",
                ));
            }
            all = all.and(*level);
        }
        if levels.is_empty() { Err(WrongLevels("the list has no level")) } else { Ok(all) }
    }

    /// One level, if it is one; the account is.
    fn alone(self) -> Option<Level> {
        let mut levels = self.iter();
        match (levels.next(), levels.next()) {
            (None, _) => Some(Level::Account),
            (one, None) => one,
            (Some(_), Some(_)) => None,
        }
    }
}

/// Why a list is not [`Levels`].
struct WrongLevels(&'static str);

impl From<Level> for Levels {
    fn from(level: Level) -> Self {
        Self::one(level)
    }
}

impl PartialEq<Level> for Levels {
    fn eq(&self, level: &Level) -> bool {
        *self == Self::one(*level)
    }
}

impl fmt::Display for Levels {
    /// A word, or words joined by `+`, outermost first.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(one) = self.alone() {
            return f.write_str(one.as_str());
        }
        for (i, level) in self.iter().enumerate() {
            let plus = if i == 0 { "" } else { "+" };
            write!(f, "{plus}{}", level.as_str())?;
        }
        Ok(())
    }
}

impl fmt::Debug for Levels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl serde::Serialize for Levels {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self.alone() {
            Some(one) => one.serialize(s),
            None => s.collect_seq(self.iter()),
        }
    }
}

impl<'de> serde::Deserialize<'de> for Levels {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct WordOrList;
        impl<'de> serde::de::Visitor<'de> for WordOrList {
            type Value = Levels;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a level in quotes, or a list of such")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Levels, E> {
                let word = serde::de::value::StrDeserializer::new(text);
                <Level as serde::Deserialize>::deserialize(word).map(Levels::one)
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut list: A) -> Result<Levels, A::Error> {
                let mut levels = Vec::new();
                while let Some(level) = list.next_element::<Level>()? {
                    levels.push(level);
                }
                Levels::of(&levels).map_err(|wrong| serde::de::Error::custom(wrong.0))
            }
        }
        d.deserialize_any(WordOrList)
    }
}

/// One level has the form of [`Level`]; several are a list.
impl<C> Encode<C> for Levels {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut Encoder<W>,
        ctx: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        if let Some(one) = self.alone() {
            return one.encode(e, ctx);
        }
        e.array(u64::try_from(self.iter().count()).unwrap_or(u64::MAX))?;
        self.iter().try_for_each(|level| level.encode(e, ctx))
    }
}

impl<'b, C> Decode<'b, C> for Levels {
    fn decode(d: &mut Decoder<'b>, ctx: &mut C) -> Result<Self, minicbor::decode::Error> {
        if d.datatype()? != Type::Array {
            return Level::decode(d, ctx).map(Self::one);
        }
        let levels: Vec<Level> = d.array_iter_with(ctx)?.collect::<Result<_, _>>()?;
        Self::of(&levels).map_err(|wrong| minicbor::decode::Error::message(wrong.0))
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::{Level, Levels};

    #[test]
    fn levels_read_back_as_written() {
        let pair = Levels::one(Level::Team).and(Level::User);
        for (levels, json, text) in [
            (Levels::ACCOUNT, r#""account""#, "account"),
            (Levels::one(Level::CostCenter), r#""cost_center""#, "cost_center"),
            (pair, r#"["team","user"]"#, "team+user"),
            (pair.and(Level::Organization), r#"["organization","team","user"]"#, "organization+team+user"),
        ] {
            assert_eq!(serde_json::to_string(&levels).expect("JSON"), json);
            assert_eq!(serde_json::from_str::<Levels>(json).expect(json), levels);
            assert_eq!(levels.to_string(), text);
            let bytes = minicbor::to_vec(levels).expect("bytes");
            assert_eq!(minicbor::decode::<Levels>(&bytes).expect(text), levels);
        }
        // In any order, and a list of one is that one.
        assert_eq!(serde_json::from_str::<Levels>(r#"["user","team"]"#).expect("a list"), pair);
        assert_eq!(serde_json::from_str::<Levels>(r#"["user"]"#).expect("a list"), Level::User);
        // One level has the bytes that levels have always had.
        assert_eq!(minicbor::to_vec(Levels::one(Level::User)).ok(), minicbor::to_vec(Level::User).ok());
    }

    #[test]
    fn what_are_no_levels_is_refused() {
        for (json, why) in [
            ("[]", "no level"),
            (r#"["user","user"]"#, "twice"),
            (r#"["account","user"]"#, "beside other levels"),
            (r#"["person"]"#, "unknown variant"),
            (r#""person""#, "unknown variant"),
        ] {
            let refused = serde_json::from_str::<Levels>(json).expect_err(json).to_string();
            assert!(refused.contains(why), "{json}: {refused}");
        }
    }

    /// That of the longest path is the greatest.
    #[test]
    fn the_innermost_level_counts_first() {
        let one = Levels::one;
        let rising = [
            Levels::ACCOUNT,
            one(Level::Organization),
            one(Level::Team),
            one(Level::Organization).and(Level::Team),
            one(Level::User),
            one(Level::Team).and(Level::User),
            one(Level::Key),
        ];
        assert!(rising.is_sorted());
        assert_eq!(rising.map(Levels::innermost)[3], Level::Team);
    }
}
