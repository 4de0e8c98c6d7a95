//! Estimates for images and audio, learned from what upstreams report: tokens of a picture and of a character, bytes of a second.
//!
//! One report changes little, and what is believed is bounded, since accounts share it (`what_is_learned_stays_within_bounds`).

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::estimate::Last;
use crate::media::{Length, Media, Medium};

/// Tokens of a picture where nothing is known: as many as one of the largest usual size has at high quality.
const PICTURE: u64 = 6_240;
/// Tokens of a picture on the way to another one.
const PARTIAL: u64 = 100;
/// Tokens of speech for a thousand characters where nothing is known: 20 a second, at 10 characters a second.
const SPEECH: u64 = 2_000;
/// Bytes of a second of sound where nothing is known: the least that Opus takes for speech, 6 kbit/s (RFC 6716).
const SECOND: u64 = 750;
/// Tokens of a second of sound that is heard: one for each tenth.
const HEARD: u64 = 10;

/// The most that is believed of each: accounts share what is learned of a model.
const PICTURE_MAX: u64 = 100_000;
const SPEECH_MAX: u64 = 20_000;
const SECOND_MAX: u64 = 16_000;

/// What is known of a model.
#[derive(Debug)]
struct Known {
    picture: Last,
    speech: Last,
    second: Last,
}

impl Default for Known {
    fn default() -> Self {
        // Few pictures and few speeches have more tokens, few sounds have fewer bytes a second.
        Self { picture: Last::new(95), speech: Last::new(95), second: Last::new(5) }
    }
}

/// What is known of all models.
#[derive(Debug, Default)]
pub(crate) struct Rates(Mutex<HashMap<String, Known>>);

/// What a call of a medium is held for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Worth {
    pub(crate) asked: Media,
    pub(crate) seconds: u64,
    /// Tokens of the sound that is heard.
    pub(crate) heard: u64,
    /// Tokens of all outputs; `None`: text, which grows.
    pub(crate) output: Option<u64>,
}

impl Worth {
    /// It by the measure of its medium.
    pub(crate) fn measured(&self) -> (&'static str, u64) {
        let count = match self.asked.medium {
            Medium::Pictures => self.asked.pieces,
            Medium::Speech => self.asked.characters,
            Medium::Sound => self.seconds,
        };
        (self.asked.medium.measure(), count)
    }
}

impl Rates {
    fn quantile(&self, model: &str, of: impl FnOnce(&Known) -> &Last) -> Option<u64> {
        let models = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        models.get(model).and_then(|known| of(known).quantile)
    }

    /// What a call may come to; `output_max`: the most tokens of one output.
    pub(crate) fn worth(&self, model: &str, output_max: Option<u64>, asked: Media) -> Worth {
        let seconds = match asked.length {
            Length::Seconds(seconds) => seconds,
            Length::Bytes(bytes) => {
                bytes.div_ceil(self.quantile(model, |known| &known.second).unwrap_or(SECOND))
            }
        };
        let output = match asked.medium {
            Medium::Pictures => {
                let learned = || self.quantile(model, |known| &known.picture).unwrap_or(PICTURE);
                let one = output_max.unwrap_or_else(|| learned().saturating_add(asked.partials * PARTIAL));
                Some(one.saturating_mul(asked.pieces))
            }
            Medium::Speech => {
                let rate = self.quantile(model, |known| &known.speech).unwrap_or(SPEECH);
                let learned = asked.characters.saturating_mul(rate).div_ceil(1_000);
                Some(output_max.map_or(learned, |most| most.min(learned)))
            }
            Medium::Sound => None,
        };
        let heard = if asked.medium == Medium::Sound { seconds.saturating_mul(HEARD) } else { 0 };
        Worth { asked, seconds, heard, output }
    }

    /// What an upstream reported: tokens of so many pieces, and the length of a sound.
    pub(crate) fn note(
        &self,
        model: &str,
        asked: Media,
        pieces: u64,
        tokens: Option<u64>,
        seconds: Option<u64>,
    ) {
        let mut models = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = models.entry(model.to_owned()).or_default();
        match (asked.medium, asked.length, tokens, seconds) {
            (Medium::Pictures, _, Some(tokens), _) if pieces > 0 => {
                known.picture.note(tokens.div_ceil(pieces).clamp(1, PICTURE_MAX));
            }
            (Medium::Speech, _, Some(tokens), _) if asked.characters > 0 => {
                let rate = tokens.saturating_mul(1_000).div_ceil(asked.characters);
                known.speech.note(rate.clamp(1, SPEECH_MAX));
            }
            (Medium::Sound, Length::Bytes(bytes), _, Some(seconds)) if seconds > 0 => {
                known.second.note((bytes / seconds).clamp(SECOND, SECOND_MAX));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Rates;
    use crate::media::{Length, Media, Medium};
    use crate::text::Text;

    fn asked(medium: Medium) -> Media {
        let input = Text::default();
        Media { medium, pieces: 2, partials: 3, characters: 500, length: Length::Bytes(75_000), input }
    }

    #[test]
    fn what_is_learned_stays_within_bounds() {
        let rates = Rates::default();
        let (pictures, speech, sound) =
            (asked(Medium::Pictures), asked(Medium::Speech), asked(Medium::Sound));
        let found = |output_max| {
            let of = |media| rates.worth("m", output_max, media);
            (of(pictures).output, of(speech).output, of(sound).seconds, of(sound).heard)
        };
        // Two pictures of 6,240 and three of 100 before each; 2 tokens a character; 750 bytes a second, 10 tokens a second.
        assert_eq!(found(None), (Some(13_080), Some(1_000), 100, 1_000));
        assert_eq!(found(Some(400)), (Some(800), Some(400), 100, 1_000));
        let note = |tokens: u64, seconds: u64| {
            for asked in [pictures, speech, sound] {
                rates.note("m", asked, 2, Some(tokens), Some(seconds));
            }
        };
        for _ in 0..15 {
            note(1_000, 10);
        }
        assert_eq!(found(None), (Some(13_080), Some(1_000), 100, 1_000), "too few reports");
        for _ in 0..5 {
            note(1_000, 10);
        }
        // 500 a picture, 2 a character, 7,500 bytes a second.
        assert_eq!(found(None), (Some(1_600), Some(1_000), 10, 100));
        for _ in 0..64 {
            note(u64::MAX, 1);
        }
        // 100,000 a picture, 20 a character, 16,000 bytes a second.
        assert_eq!(found(None), (Some(200_600), Some(10_000), 5, 50));
        for _ in 0..64 {
            note(0, u64::MAX);
        }
        assert_eq!(found(None), (Some(602), Some(1), 100, 1_000));
        rates.note("m", pictures, 0, Some(9), None);
        rates.note("n", sound, 1, None, Some(0));
        assert_eq!(rates.worth("n", None, sound).seconds, 100);
    }
}
