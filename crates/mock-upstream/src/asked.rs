//! Requests, and what they wish.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Number, Value};

/// How requests are served that wish nothing else.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Tokens of an output, unless the request sets a lower limit.
    pub output_tokens: u64,
    /// Tokens a second; 0: as fast as they can be sent.
    pub tokens_per_second: u64,
    /// Until the first token.
    pub first_token: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self { output_tokens: 64, tokens_per_second: 0, first_token: Duration::ZERO }
    }
}

/// How one request is served: its field `mock`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wish {
    /// Tokens of the input. Default: a quarter of the bytes of the request.
    pub(crate) input_tokens: Option<u64>,
    pub(crate) output_tokens: Option<u64>,
    pub(crate) tokens_per_second: Option<u64>,
    pub(crate) first_token_ms: Option<u64>,
    /// Tokens of an event. Default 1.
    pub(crate) tokens_per_event: Option<u64>,
    /// The usage that is reported; null: none.
    pub(crate) usage: Option<Value>,
    /// No usage is reported.
    #[serde(default)]
    pub(crate) no_usage: bool,
    /// What the answer says.
    pub(crate) text: Option<String>,
    /// The answer says the request, as it came.
    #[serde(default)]
    pub(crate) echo: bool,
    /// The answer is a call of a tool.
    pub(crate) tool_call: Option<ToolCall>,
    pub(crate) fault: Option<Fault>,
    /// Pictures that are made, if not as many as were asked for.
    pub(crate) images: Option<u64>,
    /// What an answer says of its pictures: `size`, `quality`, `output_format`, `svg_usage`.
    #[serde(default)]
    pub(crate) picture: Map<String, Value>,
    /// The length of a sound, which is then what is reported of it.
    pub(crate) seconds: Option<Number>,
}

/// A call of a tool.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ToolCall {
    pub(crate) name: String,
    pub(crate) arguments: Value,
}

/// A fault.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Fault {
    /// Refuse with this status.
    Status(u16),
    /// Never answer.
    Hang,
    /// Break the connection after so many events.
    CutAfter(u64),
    /// End the body after so many events, as if all were well.
    EndAfter(u64),
    /// Send something that is no event after so many events, and end.
    MalformedAfter(u64),
    /// Send an error of the protocol after so many events, and end.
    ErrorAfter(u64),
}

impl Fault {
    /// After how many events it comes.
    pub(crate) fn after(&self) -> Option<u64> {
        match self {
            Self::CutAfter(n) | Self::EndAfter(n) | Self::MalformedAfter(n) | Self::ErrorAfter(n) => Some(*n),
            Self::Status(_) | Self::Hang => None,
        }
    }
}

/// The surfaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Surface {
    Chat,
    Completions,
    Responses,
    Embeddings,
    Messages,
}

/// A request as it is served.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) surface: Surface,
    pub(crate) id: String,
    pub(crate) model: String,
    pub(crate) wish: Wish,
    pub(crate) choices: u64,
    pub(crate) input: u64,
    /// Bytes of the request.
    pub(crate) bytes: u64,
    /// Tokens of each output.
    pub(crate) output: u64,
    /// Tokens that each output would have without a limit.
    pub(crate) wanted: u64,
    pub(crate) is_stream: bool,
    pub(crate) is_background: bool,
    pub(crate) wants_usage: bool,
    /// Embeddings are asked for in base64.
    pub(crate) is_base64: bool,
    /// What the whole output says; `None`: the same word for each token.
    pub(crate) says: Option<Vec<char>>,
}

impl Asked {
    /// Reads a request.
    pub(crate) fn read(options: Options, surface: Surface, id: String, body: &[u8]) -> Result<Self, String> {
        let request = serde_json::from_slice::<Value>(body).map_err(|_| "the body is not JSON")?;
        let wish: Wish = match request.get("mock") {
            None => Wish::default(),
            Some(wish) => serde_json::from_value(wish.clone()).map_err(|e| format!("`mock`: {e}"))?,
        };
        let number = |name: &str| request.get(name).and_then(Value::as_u64);
        let limit =
            ["max_completion_tokens", "max_tokens", "max_output_tokens"].into_iter().filter_map(number).min();
        let wanted = wish.output_tokens.unwrap_or(options.output_tokens);
        let says = match &wish.tool_call {
            Some(call) => Some(call.arguments.to_string()),
            None if wish.echo => Some(String::from_utf8_lossy(body).into_owned()),
            None => wish.text.clone(),
        };
        let bytes = u64::try_from(body.len()).unwrap_or(u64::MAX);
        Ok(Self {
            surface,
            id,
            model: request["model"].as_str().unwrap_or_default().to_owned(),
            choices: number("n").unwrap_or(1),
            input: wish.input_tokens.unwrap_or_else(|| bytes.div_ceil(4)),
            bytes,
            output: if surface == Surface::Embeddings {
                0
            } else {
                limit.map_or(wanted, |limit| wanted.min(limit))
            },
            wanted,
            is_stream: request["stream"] == true,
            is_background: surface == Surface::Responses && request["background"] == true,
            wants_usage: request["stream_options"]["include_usage"] == true,
            is_base64: request["encoding_format"] == "base64",
            says: says.map(|says| says.chars().collect()),
            wish,
        })
    }

    /// The output ends because its limit is reached.
    pub(crate) fn is_limited(&self) -> bool {
        self.output < self.wanted
    }

    /// The tool that is called.
    pub(crate) fn tool(&self) -> Option<&str> {
        let can = !matches!(self.surface, Surface::Completions | Surface::Embeddings);
        self.wish.tool_call.as_ref().filter(|_| can).map(|call| call.name.as_str())
    }

    /// What tokens of the output say, from one to before another.
    pub(crate) fn text(&self, from: u64, to: u64) -> String {
        let Some(says) = &self.says else {
            return TOKEN.repeat(usize::try_from(to - from).unwrap_or(0));
        };
        let length = u64::try_from(says.len()).unwrap_or(u64::MAX);
        let place = |token: u64| {
            let place = length.saturating_mul(token).checked_div(self.wanted).unwrap_or(0);
            usize::try_from(place).unwrap_or(usize::MAX)
        };
        says.get(place(from)..place(to)).unwrap_or_default().iter().collect()
    }
}

/// The text of a token.
const TOKEN: &str = "tok ";

/// How long it takes to write so many tokens.
pub(crate) fn duration(options: Options, asked: &Asked, tokens: u64) -> Duration {
    let first = asked.wish.first_token_ms.map_or(options.first_token, Duration::from_millis);
    let rate = asked.wish.tokens_per_second.unwrap_or(options.tokens_per_second);
    let micros = tokens.saturating_mul(1_000_000).checked_div(rate).unwrap_or(0);
    first + Duration::from_micros(micros)
}

/// Waits as long as it takes to write so many tokens.
pub(crate) async fn wait(options: Options, asked: &Asked, tokens: u64) {
    let all = duration(options, asked, tokens);
    if !all.is_zero() {
        tokio::time::sleep(all).await;
    }
}
