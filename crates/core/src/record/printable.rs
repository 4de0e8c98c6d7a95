//! The lengths of names, and the characters of ids by their Unicode properties.
//!
//! Never changes what a text says: NFC joins only what is canonically equivalent.
//! Source: Unicode Standard Annex 15 (NFC), general categories and `Default_Ignorable_Code_Point` of the Unicode Character Database.

use alloc::borrow::Cow;
use core::fmt;

use icu_normalizer::ComposingNormalizerBorrowed;
use icu_properties::props::{BidiControl, DefaultIgnorableCodePoint, GeneralCategory};
use icu_properties::{CodePointMapData, CodePointSetData};
use smol_str::SmolStr;

/// Longest accepted word, and longest label, in bytes.
pub const NAME_LEN_MAX: usize = 128;

/// Longest accepted id, in bytes.
pub const ID_LEN_MAX: usize = 256;

/// The most bytes of UTF-8 that NFC makes shorter to one: so a longer text cannot become an id.
const SHORTER_MAX: usize = 3;

/// Braille's blank: a symbol by its category, and not seen.
const BRAILLE_BLANK: char = '\u{2800}';

/// Why a text is not a [`super::Name`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NameError {
    /// The text is empty.
    Empty,
    /// The text has more than this many bytes.
    TooLong(usize),
    /// The text has a character outside the accepted set, at this byte offset.
    BadCharacter(usize),
    /// An id has this character, the n-th from 1, which is not one that people see.
    Unseen(char, usize, What),
    /// An id begins or ends with a blank.
    BlankEdge,
    /// An id is `.` or `..`, which URLs resolve away.
    Dots,
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("a name must not be empty"),
            Self::TooLong(max) => write!(f, "a name has at most {max} bytes"),
            Self::BadCharacter(at) => write!(
                f,
                "a name is made of A-Z a-z 0-9 . _ : @ + - and begins with a letter, a digit or _ (byte {at} is none of these)"
            ),
            Self::Unseen(c, at, what) => write!(
                f,
                "an id is made of characters that can be seen, and its character {at}, U+{:04X}, is {what}",
                u32::from(*c)
            ),
            Self::BlankEdge => f.write_str("an id neither begins nor ends with a blank"),
            Self::Dots => f.write_str("an id is neither `.` nor `..`: a URL cannot carry them"),
        }
    }
}

impl core::error::Error for NameError {}

/// Why a character is not one that people see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// A control character.
    Control,
    /// A blank other than the space, or an end of a line.
    Blank,
    /// A character without a shape of its own.
    Invisible,
    /// One that says in which direction the text around it runs.
    Directing,
    /// One that means what sender and receiver agree on.
    Private,
    /// One that Unicode has not assigned.
    Unassigned,
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Control => "a control character",
            Self::Blank => "a blank other than the space",
            Self::Invisible => "invisible",
            Self::Directing => "one that directs text",
            Self::Private => "for private use",
            Self::Unassigned => "not assigned in Unicode",
        })
    }
}

/// Why nobody sees a character; none for those that are seen, and for the space.
fn unseen(c: char) -> Option<What> {
    let category = CodePointMapData::<GeneralCategory>::new().get(c);
    let is_one_of = |these: &[GeneralCategory]| these.contains(&category);
    use GeneralCategory as G;
    if is_one_of(&[G::Control]) {
        Some(What::Control)
    } else if is_one_of(&[G::PrivateUse, G::Surrogate]) {
        Some(What::Private)
    } else if is_one_of(&[G::SpaceSeparator, G::LineSeparator, G::ParagraphSeparator]) {
        (c != ' ').then_some(What::Blank)
    } else if is_one_of(&[G::Unassigned]) {
        Some(What::Unassigned)
    } else if CodePointSetData::new::<BidiControl>().contains(c) {
        Some(What::Directing)
    } else {
        let is_ignorable = CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c);
        (is_ignorable || c == BRAILLE_BLANK || is_one_of(&[G::Format])).then_some(What::Invisible)
    }
}

/// A text in NFC; its characters are not checked.
#[must_use]
pub fn nfc(text: &str) -> Cow<'_, str> {
    ComposingNormalizerBorrowed::new_nfc().normalize(text)
}

/// Refuses the first character that is not seen; the length of the text is not checked.
///
/// # Errors
/// [`NameError::Unseen`].
pub fn check_seen(text: &str) -> Result<(), NameError> {
    let wrong = text.chars().zip(1..).find_map(|(c, at)| Some(NameError::Unseen(c, at, unseen(c)?)));
    wrong.map_or(Ok(()), Err)
}

/// An id in NFC; the rule of [`super::Name::id`] for texts beyond ASCII.
pub(super) fn id(text: &str) -> Result<SmolStr, NameError> {
    if text.is_empty() {
        return Err(NameError::Empty);
    }
    if text.len() > ID_LEN_MAX * SHORTER_MAX {
        return Err(NameError::TooLong(ID_LEN_MAX));
    }
    check_seen(text)?;
    if text.starts_with(' ') || text.ends_with(' ') {
        return Err(NameError::BlankEdge);
    }
    let composed = nfc(text);
    if composed.len() > ID_LEN_MAX {
        return Err(NameError::TooLong(ID_LEN_MAX));
    }
    Ok(SmolStr::new(composed))
}
