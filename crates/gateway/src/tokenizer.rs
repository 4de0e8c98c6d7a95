//! Tokenizers of models whose vocabularies are public.

use serde::Deserialize;

/// A vocabulary, by the name that its maker gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(crate) enum Tokenizer {
    #[serde(rename = "o200k_base")]
    O200kBase,
    #[serde(rename = "cl100k_base")]
    Cl100kBase,
}

impl Tokenizer {
    /// Loads its vocabulary, which takes a moment.
    pub(crate) fn load(self) {
        self.count("");
    }

    /// Tokens of a text.
    pub(crate) fn count(self, text: &str) -> u64 {
        let of = match self {
            Self::O200kBase => bpe_openai::o200k_base(),
            Self::Cl100kBase => bpe_openai::cl100k_base(),
        };
        u64::try_from(of.count(text)).unwrap_or(u64::MAX)
    }
}
