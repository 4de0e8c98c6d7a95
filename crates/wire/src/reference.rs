//! References name records, holds, grants and decisions in the API: `account~number`.

use std::fmt;
use std::str::FromStr;

use headworks_core::record::{Instant, Name, NameError, Seq};

/// The name of a record, or of the hold, grant, decision or charge that it opened.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reference {
    /// `acme~17`: record 17 of account acme, and the hold or grant it opened.
    Record(Name, Seq),
    /// `acme~1763812800000000d`: the denial decided at this instant.
    Denial(Name, Instant),
}

headworks_core::text_schema!(
    Reference,
    headworks_core::schema::text("A record of an account, as the server named it.", "acme~17")
        .pattern(Some(headworks_core::schema::id_pattern("^", "", "~[0-9]{1,18}d?$")))
);

/// Why a text is not a [`Reference`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReferenceError {
    text: String,
    account: Option<NameError>,
}

impl fmt::Display for ReferenceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not a reference", self.text)?;
        if let Some(wrong) = &self.account {
            write!(f, " ({wrong})")?;
        }
        f.write_str("; write it as the server gave it, like acme~17")
    }
}

impl Reference {
    /// The account it belongs to.
    #[must_use]
    pub fn account(&self) -> &Name {
        match self {
            Self::Record(account, _) | Self::Denial(account, _) => account,
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Record(account, seq) => write!(f, "{account}~{seq}"),
            Self::Denial(account, at) => write!(f, "{account}~{}d", at.micros()),
        }
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;
    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let wrong = |account| ReferenceError { text: text.into(), account };
        let bad = || wrong(None);
        // An account may have a `~` of its own.
        let (account, number) = text.rsplit_once('~').ok_or_else(bad)?;
        let account = Name::id(account).map_err(|why| wrong(Some(why)))?;
        match number.strip_suffix('d') {
            Some(micros) => {
                Ok(Self::Denial(account, Instant::from_micros(micros.parse().map_err(|_| bad())?)))
            }
            None => Ok(Self::Record(account, number.parse().map_err(|_| bad())?)),
        }
    }
}

impl serde::Serialize for Reference {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Reference {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use headworks_core::record::Name;

    use super::{Instant, Reference};

    #[test]
    fn the_number_follows_the_last_tilde() {
        for account in ["acme", "a~5", "~", "a~5~", "~7d", "auth0|5f7c", "org/acme", "Zo\u{eb}"] {
            let account = Name::id(account).expect(account);
            for reference in [
                Reference::Record(account.clone(), 17),
                Reference::Denial(account.clone(), Instant::from_micros(1_763_812_800_000_000)),
            ] {
                assert_eq!(reference.to_string().parse(), Ok(reference));
            }
        }
        let composed: Reference = "Zo\u{eb}~7".parse().expect("a reference");
        assert_eq!("Zoe\u{308}~7".parse(), Ok(composed));
        for broken in ["acme", "~7", "acme~", "acme~d", "acme~7~x", "a\u{200b}~7"] {
            assert!(broken.parse::<Reference>().is_err(), "{broken}");
        }
        let why = "a\u{200b}~7".parse::<Reference>().expect_err("an invisible character").to_string();
        assert!(why.contains("U+200B"), "{why}");
    }
}
