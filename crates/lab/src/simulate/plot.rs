//! Pictures of a run as SVG: service over time, and each client beside its fair share.

#![allow(clippy::float_arithmetic, clippy::as_conversions, reason = "coordinates")]

use std::path::Path;

use headworks_terminal::Failed;
use plotters::prelude::*;

use super::fates::{Fate, Run};
use super::traffic::Traffic;
use super::upstream::service_of;

/// Clients that get a line of their own: those with the most service.
const LINES: usize = 8;
const SIZE: (u32, u32) = (960, 540);

/// Writes `NAME-service.svg` and `NAME-waiting.svg`.
pub(super) fn write(dir: &Path, name: &str, traffic: &Traffic, run: &Run) -> Result<(), Failed> {
    std::fs::create_dir_all(dir).map_err(|e| format!("{}: {e}", dir.display()))?;
    service(&dir.join(format!("{name}-service.svg")), name, traffic, run)?;
    waiting(&dir.join(format!("{name}-waiting.svg")), name, run)
}

fn failed(path: &Path, e: &dyn std::fmt::Display) -> Failed {
    format!("{}: {e}", path.display()).into()
}

/// The service of one client over time.
struct Line {
    points: Vec<(f64, f64)>,
    total: f64,
    client: usize,
}

fn service(path: &Path, name: &str, traffic: &Traffic, run: &Run) -> Result<(), Failed> {
    let mut lines: Vec<Line> = (0..traffic.clients.len())
        .map(|client| Line { points: vec![(0.0, 0.0)], total: 0.0, client })
        .collect();
    let mut ends: Vec<(u64, usize, u64)> = traffic
        .requests
        .iter()
        .zip(&run.fates)
        .filter_map(|(traced, fate)| match fate {
            Fate::Served { start, .. } => Some((*start, traced.client, service_of(traced))),
            Fate::Pending | Fate::Refused(..) | Fate::Overrun => None,
        })
        .collect();
    ends.sort_unstable();
    let last = ends.last().map_or(1.0, |(at, ..)| *at as f64 / 1e6);
    for (at, client, service) in ends {
        if let Some(line) = lines.get_mut(client) {
            line.total += service as f64;
            line.points.push((at as f64 / 1e6, line.total));
        }
    }
    lines.sort_by(|a, b| b.total.total_cmp(&a.total));
    let most = lines.first().map_or(1.0, |line| line.total.max(1.0));
    let named = |line: Line| {
        let label = traffic.clients.get(line.client).map(|c| c.name.to_string()).unwrap_or_default();
        (label, line.points)
    };
    let frame = Frame {
        caption: &format!("{name}: service received by client"),
        y: ("input + 2 x output tokens", 90),
        last,
        most,
        style: apart,
    };
    let lines: Vec<_> = lines.into_iter().take(LINES).map(named).collect();
    draw(path, frame, &lines, Some(SeriesLabelPosition::UpperLeft))
}

fn waiting(path: &Path, name: &str, run: &Run) -> Result<(), Failed> {
    let last = run.samples.last().map_or(1.0, |s| s.at as f64 / 1e6);
    let points: Vec<(f64, f64)> = run.samples.iter().map(|s| (s.at as f64 / 1e6, s.waiting as f64)).collect();
    let most = points.iter().map(|p| p.1).fold(1.0, f64::max);
    let caption = format!("{name}: requests waiting for capacity");
    let frame = Frame { caption: &caption, y: ("requests", 60), last, most, style: |_| BLUE.into() };
    draw(path, frame, &[(String::new(), points)], None)
}

/// Writes `NAME.svg`: several lines over the seconds of a run.
pub(super) fn rates(dir: &Path, name: &str, lines: &[(String, Vec<(f64, f64)>)]) -> Result<(), Failed> {
    std::fs::create_dir_all(dir).map_err(|e| format!("{}: {e}", dir.display()))?;
    let points = || lines.iter().flat_map(|(_, points)| points);
    let last = points().map(|p| p.0).fold(1.0, f64::max);
    let most = points().map(|p| p.1).fold(1.0, f64::max) * 1.15;
    let frame = Frame { caption: name, y: ("cost per second", 90), last, most, style: apart };
    draw(&dir.join(format!("{name}.svg")), frame, lines, Some(SeriesLabelPosition::LowerLeft))
}

/// What is around the lines.
struct Frame<'a> {
    caption: &'a str,
    /// What the vertical axis counts, and the width of its labels.
    y: (&'a str, u32),
    last: f64,
    most: f64,
    style: fn(usize) -> ShapeStyle,
}

/// Lines that are told apart by their colour.
fn apart(at: usize) -> ShapeStyle {
    Palette99::pick(at).stroke_width(2)
}

/// Draws lines over seconds; with a legend, if they have names.
fn draw(
    path: &Path,
    frame: Frame<'_>,
    lines: &[(String, Vec<(f64, f64)>)],
    legend: Option<SeriesLabelPosition>,
) -> Result<(), Failed> {
    let area = SVGBackend::new(path, SIZE).into_drawing_area();
    area.fill(&WHITE).map_err(|e| failed(path, &e))?;
    let mut chart = ChartBuilder::on(&area)
        .caption(frame.caption, ("sans-serif", 20))
        .margin(12)
        .x_label_area_size(36)
        .y_label_area_size(frame.y.1)
        .build_cartesian_2d(0.0..frame.last, 0.0..frame.most)
        .map_err(|e| failed(path, &e))?;
    let mut mesh = chart.configure_mesh();
    mesh.x_desc("seconds").y_desc(frame.y.0).draw().map_err(|e| failed(path, &e))?;
    for (at, (label, points)) in lines.iter().enumerate() {
        let style = (frame.style)(at);
        chart
            .draw_series(LineSeries::new(points.iter().copied(), style))
            .map_err(|e| failed(path, &e))?
            .label(label.as_str())
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], style));
    }
    if let Some(position) = legend {
        let mut labels = chart.configure_series_labels();
        labels.position(position).border_style(BLACK).background_style(WHITE);
        labels.draw().map_err(|e| failed(path, &e))?;
    }
    area.present().map_err(|e| failed(path, &e))
}
