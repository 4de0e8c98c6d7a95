//! The surfaces that callers may use.

use crate::media::Medium;
use crate::setup::Protocol;

/// The fields that prices may depend on.
const DIMENSIONS: [&str; 3] = ["service_tier", "speed", "inference_geo"];
const PICTURE_DIMENSIONS: [&str; 3] = ["size", "quality", "output_format"];

/// A call that infers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Surface {
    /// `POST /v1/chat/completions`
    Chat,
    /// `POST /v1/completions`
    Completions,
    /// `POST /v1/responses`
    Responses,
    /// `POST /v1/embeddings`
    Embeddings,
    /// `POST /v1/messages`
    Messages,
    /// `POST /v1/images/generations`
    Images,
    /// `POST /v1/images/edits`
    ImageEdits,
    /// `POST /v1/images/variations`
    ImageVariations,
    /// `POST /v1/audio/speech`
    Speech,
    /// `POST /v1/audio/transcriptions`
    Transcriptions,
    /// `POST /v1/audio/translations`
    Translations,
}

impl Surface {
    /// Every surface.
    pub(crate) const ALL: [Self; 11] = [
        Self::Chat,
        Self::Completions,
        Self::Responses,
        Self::Embeddings,
        Self::Messages,
        Self::Images,
        Self::ImageEdits,
        Self::ImageVariations,
        Self::Speech,
        Self::Transcriptions,
        Self::Translations,
    ];

    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Chat => "/v1/chat/completions",
            Self::Completions => "/v1/completions",
            Self::Responses => "/v1/responses",
            Self::Embeddings => "/v1/embeddings",
            Self::Messages => "/v1/messages",
            Self::Images => "/v1/images/generations",
            Self::ImageEdits => "/v1/images/edits",
            Self::ImageVariations => "/v1/images/variations",
            Self::Speech => "/v1/audio/speech",
            Self::Transcriptions => "/v1/audio/transcriptions",
            Self::Translations => "/v1/audio/translations",
        }
    }

    pub(crate) fn protocol(self) -> Protocol {
        match self {
            Self::Messages => Protocol::Anthropic,
            Self::Chat
            | Self::Completions
            | Self::Responses
            | Self::Embeddings
            | Self::Images
            | Self::ImageEdits
            | Self::ImageVariations
            | Self::Speech
            | Self::Transcriptions
            | Self::Translations => Protocol::Openai,
        }
    }

    /// What it makes or hears, if that is more than text.
    pub(crate) fn medium(self) -> Option<Medium> {
        match self {
            Self::Images | Self::ImageEdits | Self::ImageVariations => Some(Medium::Pictures),
            Self::Speech => Some(Medium::Speech),
            Self::Transcriptions | Self::Translations => Some(Medium::Sound),
            Self::Chat | Self::Completions | Self::Responses | Self::Embeddings | Self::Messages => None,
        }
    }

    /// Whether its requests may be forms, and whether they may be objects of JSON.
    pub(crate) fn shapes(self) -> (bool, bool) {
        let is_sound = self.medium() == Some(Medium::Sound);
        let is_form = is_sound || matches!(self, Self::ImageEdits | Self::ImageVariations);
        (is_form, !is_form || self == Self::ImageEdits)
    }

    /// Whether an answer may become shorter than was asked for: by a limit in the request, or because its stream is cut.
    pub(crate) fn may_be_short(self, is_stream: bool) -> bool {
        !self.caps().is_empty() || (is_stream && self.medium() == Some(Medium::Sound))
    }

    /// The fields that prices may depend on.
    pub(crate) fn dimensions(self) -> &'static [&'static str] {
        if self.medium() == Some(Medium::Pictures) { &PICTURE_DIMENSIONS } else { &DIMENSIONS }
    }

    /// Whether a model writes something.
    pub(crate) fn has_output(self) -> bool {
        self != Self::Embeddings
    }

    /// The fields that limit the output, the one to add first.
    pub(crate) fn caps(self) -> &'static [&'static str] {
        match self {
            Self::Chat => &["max_completion_tokens", "max_tokens"],
            Self::Completions | Self::Messages => &["max_tokens"],
            Self::Responses => &["max_output_tokens"],
            Self::Embeddings
            | Self::Images
            | Self::ImageEdits
            | Self::ImageVariations
            | Self::Speech
            | Self::Transcriptions
            | Self::Translations => &[],
        }
    }

    /// The fields whose text a model reads.
    pub(crate) fn inputs(self) -> &'static [&'static str] {
        match self {
            Self::Chat => &["messages", "tools", "functions", "response_format"],
            Self::Completions => &["prompt", "suffix"],
            Self::Responses => &["input", "instructions", "tools", "text", "prompt"],
            Self::Embeddings => &["input"],
            Self::Messages => &["messages", "system", "tools", "cache_control"],
            // Read with the rest of what they ask for.
            Self::Images
            | Self::ImageEdits
            | Self::ImageVariations
            | Self::Speech
            | Self::Transcriptions
            | Self::Translations => &[],
        }
    }
}
