//! The two traces that the binary contains, merged by arrival.

use std::io::Read as _;

use headworks_terminal::Failed;

const ARENA: &str = include_str!("../traces/vtc_lmsys_arena_27clients.csv");
const BUSY_HOUR: &[u8] = include_bytes!("../traces/servegen_r1_busy_hour_requests.csv.gz");

/// Which trace a request is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Trace {
    /// The chat arena: 27 clients, ten minutes.
    Arena,
    /// The busy hour of a model: 31 clients.
    BusyHour,
}

/// One request of a trace.
#[derive(Clone, Copy, Debug)]
pub struct Traced {
    /// Arrival, in microseconds from the beginning.
    pub at_micros: u64,
    /// The trace it is from.
    pub trace: Trace,
    /// The number of the client within the trace.
    pub client: u32,
    /// Tokens of the prompt.
    pub input_tokens: u64,
    /// Tokens of the answer.
    pub output_tokens: u64,
}

/// Seconds with at most six decimals, as microseconds.
fn micros(text: &str) -> Option<u64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let part: u64 = format!("{part:0<6}").get(..6)?.parse().ok()?;
    Some(whole.parse::<u64>().ok()? * 1_000_000 + part)
}

fn line(trace: Trace, text: &str) -> Option<Traced> {
    let mut fields = text.split(',');
    let at_micros = micros(fields.next()?)?;
    let client = fields.next()?.parse().ok()?;
    let input_tokens = fields.next()?.parse().ok()?;
    let output_tokens = fields.next()?.trim().parse().ok()?;
    Some(Traced { at_micros, trace, client, input_tokens, output_tokens })
}

fn read(trace: Trace, text: &str) -> Result<Vec<Traced>, Failed> {
    let rows = text.lines().skip(1).enumerate();
    rows.map(|(i, row)| line(trace, row).ok_or_else(|| format!("trace line {}: `{row}`", i + 2).into()))
        .collect()
}

/// All requests of the first `seconds`, by arrival.
///
/// # Errors
/// Never for the traces as they are; a line that is none is named.
pub fn requests(seconds: u64) -> Result<Vec<Traced>, Failed> {
    let mut busy = String::new();
    flate2::read::GzDecoder::new(BUSY_HOUR).read_to_string(&mut busy)?;
    let mut all = read(Trace::Arena, ARENA)?;
    all.extend(read(Trace::BusyHour, &busy)?);
    all.retain(|r| r.at_micros < seconds * 1_000_000);
    all.sort_by_key(|r| r.at_micros);
    Ok(all)
}
