//! The two traces shipped with the demo, merged by arrival.

use std::io::Read as _;

use crate::outcome::Failed;

const ARENA: &str = include_str!("../../demo/vtc_lmsys_arena_27clients.csv");
const BUSY_HOUR: &[u8] = include_bytes!("../../demo/servegen_r1_busy_hour_requests.csv.gz");

/// Which trace a request is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Trace {
    Arena,
    BusyHour,
}

/// One request of a trace.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Traced {
    /// Arrival, in microseconds from the beginning.
    pub(crate) at_micros: u64,
    pub(crate) trace: Trace,
    pub(crate) client: u32,
    pub(crate) input_tokens: u64,
    pub(crate) output_tokens: u64,
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
pub(crate) fn requests(seconds: u64) -> Result<Vec<Traced>, Failed> {
    let mut busy = String::new();
    flate2::read::GzDecoder::new(BUSY_HOUR).read_to_string(&mut busy)?;
    let mut all = read(Trace::Arena, ARENA)?;
    all.extend(read(Trace::BusyHour, &busy)?);
    all.retain(|r| r.at_micros < seconds * 1_000_000);
    all.sort_by_key(|r| r.at_micros);
    Ok(all)
}
