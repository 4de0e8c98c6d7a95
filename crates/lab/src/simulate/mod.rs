//! `headworks simulate`: a trace replayed in simulated time against one or more policies, side by side.

use std::path::Path;

use headworks_core::catalog::{Catalog, Format};
use headworks_terminal::{Failed, Outcome, print, say, say_part};
use indicatif::ProgressBar;

pub(crate) mod clients;
pub(crate) mod fairness;
mod fates;
mod learned;
pub(crate) mod measure;
mod member;
mod plot;
pub(crate) mod trace;
pub(crate) mod traffic;
mod upstream;
mod windows;
mod world;

use crate::arguments::SimulateArguments;
use measure::{Report, report};
use upstream::Upstream;
use windows::Cut;
use world::Estimate;

/// `headworks simulate`.
///
/// # Errors
/// When the trace or a catalog cannot be read.
pub fn run(options: &SimulateArguments, as_json: bool) -> Outcome {
    let lengths = options.lengths.as_deref().map(trace::text).transpose()?;
    let cut = Cut {
        model: options.model.as_deref(),
        seconds: (options.from_s, options.until_s.unwrap_or(u64::MAX)),
        lengths: lengths.as_deref(),
        seed: options.seed,
    };
    let traffic = trace::read(&options.trace, &cut)?;
    let upstream = Upstream {
        slots: options.slots,
        service: (options.service_time.micros(), options.service_time_per_token.micros()),
        rates: options.upstream_rate.map(|rate| (0, rate)).into_iter().collect(),
    };
    let progress = ProgressBar::new_spinner();
    let mut reports = Vec::new();
    for path in &options.catalog {
        progress.set_message(format!("{} requests against {}", traffic.requests.len(), path.display()));
        progress.tick();
        let catalog = read_catalog(path)?;
        let feature = options.feature.as_ref();
        let estimate = options.output_estimate.map(Estimate::Tokens);
        let run = world::run(&catalog, feature, &traffic, &upstream, estimate, options.credits)?;
        let name =
            path.file_stem().map_or_else(|| path.display().to_string(), |n| n.to_string_lossy().into_owned());
        reports.push(report(&name, &traffic, &upstream, &run));
        if let Some(dir) = &options.plots {
            plot::write(dir, &name, &traffic, &run)?;
        }
    }
    progress.finish_and_clear();
    if as_json {
        say!("{}", serde_json::to_string_pretty(&reports)?)?;
    } else {
        show(&reports, options.clients)?;
    }
    Ok(())
}

fn read_catalog(path: &Path) -> Result<Catalog, Failed> {
    let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
    Catalog::parse(&text, Format::of(&text))
        .map_err(|problems| format!("{}:\n{problems}", path.display()).into())
}

fn ratio(value: Option<f64>) -> String {
    value.map_or_else(|| "-".into(), |v| format!("{v:.4}"))
}

/// The reports side by side: a row for each figure, a column for each policy.
pub(crate) fn show(reports: &[Report], clients: bool) -> Outcome {
    let mut reasons: Vec<&String> = reports.iter().flat_map(|r| r.refused.keys()).collect();
    reasons.sort_unstable();
    reasons.dedup();
    let row = |name: &str, of: &dyn Fn(&Report) -> String| {
        let mut cells = vec![name.to_owned()];
        cells.extend(reports.iter().map(of));
        cells
    };
    let mut rows = vec![
        row("requests", &|r| r.requests.to_string()),
        row("served", &|r| r.served.to_string()),
        row("waited", &|r| r.waited.to_string()),
    ];
    for reason in reasons {
        rows.push(row(&format!("refused: {reason}"), &|r| {
            r.refused.get(reason).copied().unwrap_or(0).to_string()
        }));
    }
    rows.extend([
        row("refused by the upstream", &|r| r.overrun.to_string()),
        row("served by a fallback supply", &|r| r.fell_back.to_string()),
        row("served one class lower", &|r| r.demoted.to_string()),
        row("effects of abuse rules", &|r| r.effects.to_string()),
        row("utilisation", &|r| ratio(r.utilisation)),
        row("work conservation", &|r| ratio(r.work_conservation)),
        row("Jain index against max-min", &|r| format!("{:.4}", r.jain)),
        row("worst client against max-min", &|r| format!("{:.4}", r.worst_share)),
        row("service gap, tokens", &|r| r.service_gap.to_string()),
        row("wait p50, s", &|r| format!("{:.3}", r.wait_p50_s)),
        row("wait p90, s", &|r| format!("{:.3}", r.wait_p90_s)),
        row("wait p99, s", &|r| format!("{:.3}", r.wait_p99_s)),
        row("wait max, s", &|r| format!("{:.3}", r.wait_max_s)),
    ]);
    let mut all = vec![row("", &|r| r.policy.clone())];
    all.extend(rows);
    let right = |columns: usize, words: usize| (0..columns).map(|c| c >= words).collect::<Vec<_>>();
    say_part!("{}", print::table(&all, &right(reports.len() + 1, 1)))?;
    if clients {
        for report in reports {
            say!("\n{}: service received, input + 2 x output tokens", report.policy)?;
            let header =
                ["client", "requests", "served", "refused", "offered", "service", "max-min", "wait p99, s"];
            let mut rows = vec![header.map(str::to_owned).to_vec()];
            rows.extend(report.clients.iter().map(|c| {
                vec![
                    c.client.clone(),
                    c.requests.to_string(),
                    c.served.to_string(),
                    c.refused.to_string(),
                    c.offered.to_string(),
                    c.service.to_string(),
                    c.optimum.to_string(),
                    format!("{:.3}", c.wait_p99_s),
                ]
            }));
            say_part!("{}", print::table(&rows, &right(8, 1)))?;
        }
    }
    Ok(())
}
