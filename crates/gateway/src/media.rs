//! Calls of images and audio: what is asked for, and what there is to read and hear.
//!
//! H1 a sound is held by its own header or by its length, never by what its caller says of it (`a_sound_is_measured_by_its_bytes`).

use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::fields::Fields;
use crate::text::Text;
use crate::usage::Made;
use crate::wav;

/// What a call makes, or hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Medium {
    /// Pictures.
    Pictures,
    /// Speech made from text.
    Speech,
    /// Text made from a sound.
    Sound,
}

impl Medium {
    /// The class that it is measured by, whichever tokens it takes.
    pub(crate) fn measure(self) -> &'static str {
        match self {
            Self::Pictures => "images",
            Self::Speech => "characters",
            Self::Sound => "audio_seconds",
        }
    }

    /// The class of its output.
    pub(crate) fn output(self) -> &'static str {
        match self {
            Self::Pictures => "image_output_tokens",
            Self::Speech => "audio_output_tokens",
            Self::Sound => "output_tokens",
        }
    }

    /// What its output is made of, if that is no text.
    pub(crate) fn made(self) -> Option<Made> {
        match self {
            Self::Pictures => Some(Made::Pictures),
            Self::Speech => Some(Made::Sound),
            Self::Sound => None,
        }
    }
}

/// The length of a sound, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Length {
    Seconds(u64),
    Bytes(u64),
}

/// What a call of a medium asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Media {
    pub(crate) medium: Medium,
    /// Outputs: pictures, or one.
    pub(crate) pieces: u64,
    /// Pictures on the way to each of them.
    pub(crate) partials: u64,
    /// Of the text that is spoken.
    pub(crate) characters: u64,
    /// Of the sound that is heard.
    pub(crate) length: Length,
    /// What there is to read; its media are pictures and sounds.
    pub(crate) input: Text,
}

/// The most pictures of one call, and the most on the way to one.
const PIECES_MAX: u64 = 128;
const PARTIALS_MAX: u64 = 16;

impl Media {
    /// What a request asks for.
    ///
    /// # Errors
    /// With what is wrong with it.
    pub(crate) fn read(medium: Medium, fields: &Fields<'_>) -> Result<Self, String> {
        let none = Self {
            medium,
            pieces: 1,
            partials: 0,
            characters: 0,
            length: Length::Seconds(0),
            input: Text::default(),
        };
        let bytes =
            |name: &str| Ok::<_, String>(fields.text(name)?.map_or(0, |text| length(text.as_bytes())));
        match medium {
            Medium::Pictures => {
                let pieces = bounded(fields, "n", 1, PIECES_MAX)?.unwrap_or(1);
                let partials = bounded(fields, "partial_images", 0, PARTIALS_MAX)?.unwrap_or(0);
                // What the price may depend on is read without errors later.
                for name in ["size", "quality", "output_format"] {
                    fields.text(name)?;
                }
                let input = Text { bytes: bytes("prompt")?, media: pictures(fields), ..Text::default() };
                Ok(Self { pieces, partials, input, ..none })
            }
            Medium::Speech => {
                let spoken = fields.text("input")?.ok_or("`input` is missing; say what is to be spoken")?;
                let characters = u64::try_from(spoken.chars().count()).unwrap_or(u64::MAX);
                let bytes = length(spoken.as_bytes()).saturating_add(bytes("instructions")?);
                Ok(Self { characters, input: Text { bytes, ..Text::default() }, ..none })
            }
            Medium::Sound => {
                let Fields::Form(form) = fields else { return Err("a sound comes in a form".into()) };
                let mut sounds = form.parts().iter().filter(|part| part.name == "file");
                let (Some(sound), None) = (sounds.next(), sounds.next()) else {
                    return Err("send one sound, as `file`".into());
                };
                let heard = wav::seconds(sound.content);
                let length = heard.map_or_else(|| Length::Bytes(length(sound.content)), Length::Seconds);
                Ok(Self {
                    length,
                    input: Text { bytes: bytes("prompt")?, media: 1, ..Text::default() },
                    ..none
                })
            }
        }
    }
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

fn bounded(fields: &Fields<'_>, name: &str, least: u64, most: u64) -> Result<Option<u64>, String> {
    let number = fields.number(name)?;
    if number.is_some_and(|number| !(least..=most).contains(&number)) {
        return Err(format!("`{name}` is from {least} to {most}"));
    }
    Ok(number)
}

/// How many pictures there are to look at.
fn pictures(fields: &Fields<'_>) -> u64 {
    const NAMES: [&str; 4] = ["image", "images", "mask", "markup"];
    match fields {
        Fields::Json(object) => {
            let values = NAMES.iter().filter_map(|name| object.raw(name)).filter(|raw| *raw != "null");
            values.map(items).sum()
        }
        Fields::Form(form) => {
            let is_one = |name: &str| NAMES.contains(&name.split('[').next().unwrap_or_default());
            let found = form.parts().iter().filter(|part| part.is_file || is_one(part.name));
            u64::try_from(found.count()).unwrap_or(u64::MAX)
        }
    }
}

/// The items of a list; anything else is one.
pub(crate) fn items(raw: &str) -> u64 {
    let list = serde_json::from_str::<Vec<IgnoredAny>>(raw);
    list.map_or(1, |list| u64::try_from(list.len()).unwrap_or(u64::MAX))
}

/// The items of a list that an answer has; nothing if it has none.
pub(crate) fn made(raw: Option<&RawValue>) -> u64 {
    raw.map(RawValue::get).filter(|raw| raw.starts_with('[')).map_or(0, items)
}

#[cfg(test)]
mod tests {
    use super::{Length, Media, Medium};
    use crate::body::Object;
    use crate::fields::Fields;
    use crate::multipart::Form;

    fn json(medium: Medium, text: &str) -> Result<Media, String> {
        Media::read(medium, &Fields::Json(Object::parse(text).expect("an object")))
    }

    fn form(medium: Medium, parts: &[(&str, &str)]) -> Result<Media, String> {
        let parts = parts.iter().map(|(head, content)| {
            format!("--b\r\nContent-Disposition: form-data; {head}\r\n\r\n{content}\r\n")
        });
        let body = parts.collect::<String>() + "--b--\r\n";
        Media::read(medium, &Fields::Form(Form::parse("b", body.as_bytes()).expect("a form")))
    }

    #[test]
    fn pictures_are_counted() {
        let asked =
            json(Medium::Pictures, r#"{"prompt":"h\u00e9","n":3,"partial_images":2}"#).expect("a request");
        assert_eq!((asked.pieces, asked.partials, asked.input.bytes, asked.input.media), (3, 2, 3, 0));
        let edit = r#"{"prompt":"p","images":[{"image_url":"https://example.com/a.png"},{"file_id":"f"}],"mask":{"file_id":"m"},"markup":null}"#;
        assert_eq!(json(Medium::Pictures, edit).expect("a request").input.media, 3);
        let edit = [
            ("name=\"prompt\"", "hello"),
            ("name=\"image[]\"; filename=\"a.png\"", "A"),
            ("name=\"image[]\"; filename=\"b.png\"", "B"),
            ("name=\"mask\"; filename=\"m.png\"", "M"),
            ("name=\"n\"", "2"),
        ];
        let asked = form(Medium::Pictures, &edit).expect("a request");
        assert_eq!((asked.pieces, asked.input.bytes, asked.input.media), (2, 5, 3));
        for wrong in
            [r#"{"n":0}"#, r#"{"n":129}"#, r#"{"n":"2"}"#, r#"{"partial_images":17}"#, r#"{"size":1024}"#]
        {
            assert!(json(Medium::Pictures, wrong).is_err(), "{wrong}");
        }
        assert!(form(Medium::Pictures, &[("name=\"size\"", "a"), ("name=\"size\"", "b")]).is_err());
    }

    #[test]
    fn speech_is_measured_by_characters() {
        let asked = json(Medium::Speech, r#"{"input":"gr\u00fc\u00df \ud83d\ude00","instructions":"low"}"#)
            .expect("a request");
        // Six characters: g, r, two of two bytes, a space, and one of four bytes.
        assert_eq!((asked.characters, asked.input.bytes), (6, 2 + 4 + 1 + 4 + 3));
        assert!(json(Medium::Speech, r#"{"instructions":"low"}"#).is_err());
        assert!(json(Medium::Speech, r#"{"input":["a"]}"#).is_err());
    }

    #[test]
    fn a_sound_is_measured_by_its_bytes() {
        let file = "name=\"file\"; filename=\"a.mp3\"";
        let said = [(file, "12345"), ("name=\"prompt\"", "abc"), ("name=\"seconds\"", "0")];
        let asked = form(Medium::Sound, &said).expect("a request");
        assert_eq!((asked.length, asked.input.bytes, asked.input.media), (Length::Bytes(5), 3, 1));
        assert!(form(Medium::Sound, &[("name=\"prompt\"", "abc")]).is_err());
        assert!(form(Medium::Sound, &[(file, "1"), (file, "2")]).is_err());
        assert!(json(Medium::Sound, "{}").is_err());
    }
}
