//! A validation report as a page: one file that asks for nothing else, the same bytes for the same report.

mod canvas;
mod charts;
mod numbers;
mod palette;
mod sections;
mod spikes;
mod tables;
#[cfg(test)]
mod tests;

use super::report::Report;
use maud::{DOCTYPE, Markup, PreEscaped, html};

/// A chart cannot be drawn.
#[derive(Debug, thiserror::Error)]
#[error("report-page: the chart {0}")]
pub struct PageError(String);

/// The layout; colours are in [`palette`].
const STYLE: &str = include_str!("style.css");

/// No request leaves the page: not even one that its own text might bring in.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";

/// The page of a report. It says neither seconds nor memory, which differ each time.
///
/// # Errors
///
/// If a chart cannot be drawn.
pub fn page(report: &Report) -> Result<String, PageError> {
    let verdict = if report.passed { "passed" } else { "failed" };
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="color-scheme" content="light dark";
                // Without it browsers ask the server for one.
                link rel="icon" href="data:,";
                title { (report.network) ": validation " (verdict) }
                style { (PreEscaped(palette::style_sheet())) (PreEscaped(STYLE)) }
            }
            body {
                (header(report, verdict))
                main { (sections::all(report)?) }
            }
        }
    };
    Ok(markup.into_string())
}

fn header(report: &Report, verdict: &str) -> Markup {
    html! {
        header {
            p.kind { "Validation report" }
            h1 { (report.network) }
            p.facts {
                span.verdict.(verdict) { (verdict) }
                span { "schedule " strong { (report.schedule) } }
                span { strong { (report.levels) } " levels" }
                span { (numbers::datum("/images", report.images as f64, &numbers::count(report.images as f64))) " images" }
            }
        }
    }
}
