//! Streams of images, speech and transcripts.
//!
//! N1 each picture of a stream has a report of its own, so they add up (`pictures_of_a_stream_add_up`). N2 none of these protocols has a
//! word for an end by length: what is cut ends with an error, never like a whole one (`a_cut_transcript_does_not_look_whole`).

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::parts::{Read, length, part, text};
use crate::usage::{Made, Report};

/// A stream as far as it has come.
#[derive(Debug, Default)]
pub(super) struct Media {
    /// Pictures that are asked for.
    asked: u64,
    /// Pictures that are complete, and whether another one has begun.
    complete: u64,
    has_begun: bool,
    /// Speech has come.
    has_sound: bool,
    /// Bytes of a transcript in deltas and in segments, which may repeat them; those that were counted.
    deltas: u64,
    segments: u64,
    counted: u64,
    /// The reports of all pictures.
    report: Option<Report>,
    pub(super) is_over: bool,
}

#[derive(Deserialize)]
struct Step<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    delta: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    text: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
}

impl Media {
    pub(super) fn new(asked: u64) -> Self {
        Self { asked, ..Self::default() }
    }

    /// Pictures, or the one speech, of which anything has come.
    pub(super) fn pieces(&self) -> u64 {
        self.complete + u64::from(self.has_begun || self.has_sound)
    }

    /// Bytes of text in an event, and the usage that it reports.
    pub(super) fn event(&mut self, data: &[u8]) -> Read {
        if data.trim_ascii() == b"[DONE]" {
            self.is_over = true;
            return Read::default();
        }
        let Ok(step) = serde_json::from_slice::<Step<'_>>(data) else {
            // What cannot be read is passed on, so it counts.
            return (text(u64::try_from(data.len()).unwrap_or(u64::MAX)), None);
        };
        let written = |text: Option<&Cow<'_, str>>| text.map_or(0, |text| length(text));
        match step.kind.as_ref() {
            "image_generation.partial_image" | "image_edit.partial_image" => self.has_begun = true,
            "image_generation.completed" | "image_edit.completed" => {
                (self.complete, self.has_begun) = (self.complete + 1, false);
                self.is_over = self.complete >= self.asked;
                return (text(0), self.picture(part(step.usage), data));
            }
            "speech.audio.delta" => self.has_sound = true,
            "speech.audio.done" => {
                self.is_over = true;
                let report: Option<Report> = part(step.usage);
                return (text(0), report.map(|report| report.made(Made::Sound)));
            }
            "transcript.text.delta" => {
                self.deltas += written(step.delta.as_ref());
                return (text(self.more()), None);
            }
            "transcript.text.segment" => {
                self.segments += written(step.text.as_ref());
                return (text(self.more()), None);
            }
            "transcript.text.done" => {
                self.is_over = true;
                self.segments = self.segments.max(written(step.text.as_ref()));
                return (text(self.more()), part(step.usage));
            }
            _ => {}
        }
        Read::default()
    }

    /// Bytes of a transcript that were not counted yet.
    fn more(&mut self) -> u64 {
        let all = self.deltas.max(self.segments);
        let more = all.saturating_sub(self.counted);
        self.counted += more;
        more
    }

    /// The reports of all pictures so far; one says how its picture turned out, also if it has no usage.
    fn picture(&mut self, report: Option<Report>, data: &[u8]) -> Option<Report> {
        let mut one = report.unwrap_or_default().made(Made::Pictures);
        one.picture = serde_json::from_slice(data).unwrap_or_default();
        match &mut self.report {
            Some(all) => all.add(one),
            none @ None => *none = Some(one),
        }
        self.report.clone()
    }

    /// Whether a body that ends here is whole: an upstream may make fewer pictures than were asked for.
    pub(super) fn may_end(&self) -> bool {
        self.complete > 0 && !self.has_begun
    }

    /// The event of an end before its time.
    pub(super) fn error(kind: &str, code: &str, why: &str) -> String {
        let error = json!({"error": {"message": why, "type": kind, "code": code, "param": null}});
        format!("data: {error}\n\n")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Media;

    fn text(media: &mut Media, event: &Value) -> u64 {
        media.event(event.to_string().as_bytes()).0.text
    }

    #[test]
    fn pictures_of_a_stream_add_up() {
        for kind in ["image_generation", "image_edit"] {
            let mut media = Media::new(2);
            let usage = json!({"input_tokens": 7, "output_tokens": 100, "input_tokens_details": {"text_tokens": 5, "image_tokens": 2}});
            let partial = json!({"type": format!("{kind}.partial_image"), "partial_image_index": 0, "b64_json": "AAAA"});
            let done = json!({"type": format!("{kind}.completed"), "b64_json": "AAAA", "size": "1x2", "quality": "auto", "usage": usage});
            assert_eq!((text(&mut media, &partial), media.pieces(), media.may_end()), (0, 1, false));
            let (_, report) = media.event(done.to_string().as_bytes());
            let report = report.expect("a report");
            assert_eq!(
                (report.output_tokens, media.pieces(), media.may_end(), media.is_over),
                (Some(100), 1, true, false)
            );
            assert_eq!((report.dimension("size"), report.dimension("quality")), (Some("1x2"), None));
            assert_eq!((text(&mut media, &partial), media.pieces(), media.may_end()), (0, 2, false));
            let (_, report) = media.event(done.to_string().as_bytes());
            let mut classes = report.expect("a report").classes();
            classes.sort_unstable();
            let expected = [("image_input_tokens", 4), ("image_output_tokens", 200), ("input_tokens", 10)];
            assert_eq!((classes.as_slice(), media.pieces(), media.is_over), (&expected[..], 2, true));
        }
    }

    #[test]
    fn a_transcript_is_counted_once() {
        let mut media = Media::new(1);
        let delta = |text: &str| json!({"type": "transcript.text.delta", "delta": text, "segment_id": "s"});
        let segment = |text: &str| json!({"type": "transcript.text.segment", "text": text, "speaker": "A", "start": 0.0, "end": 1.5});
        let done = json!({"type": "transcript.text.done", "text": "one two three", "usage": {"type": "tokens",
            "input_tokens": 14, "output_tokens": 45, "total_tokens": 59}});
        assert_eq!(text(&mut media, &delta("one ")), 4);
        assert_eq!(text(&mut media, &segment("one ")), 0);
        assert_eq!(text(&mut media, &segment("two ")), 4);
        assert_eq!(text(&mut media, &delta("two three")), 5);
        assert!(!media.is_over && !media.may_end());
        let (seen, report) = media.event(done.to_string().as_bytes());
        assert_eq!(
            (seen.text, report.and_then(|report| report.output_tokens), media.is_over),
            (0, Some(45), true)
        );
        let mut media = Media::new(1);
        assert_eq!(text(&mut media, &json!({"type": "transcript.text.done", "text": "all at once"})), 11);
        assert_eq!(media.event(b"no JSON").0.text, 7);
    }

    #[test]
    fn speech_is_over_when_it_says_so() {
        let mut media = Media::new(1);
        assert_eq!(
            (text(&mut media, &json!({"type": "speech.audio.delta", "audio": "AAAA"})), media.pieces()),
            (0, 1)
        );
        assert!(!media.is_over && !media.may_end());
        let done = json!({"type": "speech.audio.done", "usage": {"input_tokens": 14, "output_tokens": 101, "total_tokens": 115}});
        let (_, report) = media.event(done.to_string().as_bytes());
        let classes = report.expect("a report").classes();
        assert_eq!(
            (classes.as_slice(), media.is_over),
            (&[("input_tokens", 14), ("audio_output_tokens", 101)][..], true)
        );
    }
}
