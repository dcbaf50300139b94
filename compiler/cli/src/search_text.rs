//! What a search for the cheapest network did, for people.

use crate::output;
use comfy_table::{CellAlignment, Table, presets::NOTHING};
use neurocuda_compiler::search::SearchReport;

/// Prints the candidates, the chosen one's agreement over time, and what can be expected of it.
pub fn print(search: &SearchReport) {
    let mut table = Table::new();
    table.load_preset(NOTHING).set_header(["", "schedule", "levels", "steps", "disagree", "SOPs/image", ""]);
    for column in table.column_iter_mut().skip(2).take(4) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    for (index, candidate) in search.candidates.iter().enumerate() {
        let given_up = candidate.samples < search.estimated;
        table.add_row([
            if index == search.chosen { "->" } else { "" }.to_owned(),
            candidate.schedule.to_string(),
            candidate.levels.to_string(),
            format!("{:.1}", candidate.mean_steps),
            format!("{} of {}", candidate.disagree, candidate.samples),
            format!("{:.0}", candidate.sops),
            match (candidate.within, given_up) {
                (true, _) => "within",
                (false, true) => "given up",
                (false, false) => "too many",
            }
            .to_owned(),
        ]);
    }
    output::line(table);
    output::line(format!("chosen because {}", search.reason));
    output::line(format!("agreement after steps: {}", curve(&search.agreement)));
    output::line(format!(
        "expect a drop of at most {:.2} points, plus a margin of {:.2} (95 %): fitted on {} samples, estimated on {} others, without labels",
        search.drop_at_most, search.margin, search.fitted, search.estimated
    ));
}

/// Some steps of the curve: powers of two, and the last.
fn curve(agreement: &[f64]) -> String {
    let powers =
        std::iter::successors(Some(1usize), |step| Some(step * 2)).take_while(|&step| step < agreement.len());
    let points = powers.chain([agreement.len()]).filter_map(|step| {
        let fraction = agreement.get(step.checked_sub(1)?)?;
        Some(format!("{step}: {:.2} %", 100.0 * fraction))
    });
    points.collect::<Vec<_>>().join(", ")
}
