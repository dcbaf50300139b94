//! `neurocudac loihi disasm`: what an artifact holds for the chip, as text.

use crate::{data, failure::Failure, output};
use clap::Args;
use neurocuda_runtime::{
    artifact::chip_program::{ChipSynapses, ChipTable},
    loihi::Program,
};
use std::path::PathBuf;

/// Print what an artifact holds for Loihi 2: neuron programs, which `loihi check` reads, and populations, synapse tables, cores and routes.
#[derive(Args)]
pub struct Arguments {
    /// The artifact, compiled with --target loihi.
    #[arg(value_name = "OUT.ncx")]
    artifact: PathBuf,

    /// Print only this program, as a file that `loihi check` reads.
    #[arg(long, value_name = "NAME")]
    program: Option<String>,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let artifact = data::artifact(&arguments.artifact)?;
    let chips = artifact.manifest.chips.as_ref().ok_or_else(|| {
        Failure::input(format!(
            "artifact-invalid: {}: it was not compiled for Loihi 2; compile it with --target loihi",
            arguments.artifact.display()
        ))
    })?;
    for (name, text) in &chips.programs {
        if arguments.program.as_ref().is_none_or(|wanted| wanted == name) {
            output::line(Program::parse(text, name).map_err(Failure::input)?);
        }
    }
    if let Some(wanted) = &arguments.program {
        let names = chips.programs.keys().map(String::as_str).collect::<Vec<_>>();
        return if names.contains(&wanted.as_str()) {
            Ok(())
        } else {
            Err(Failure::input(format!("the artifact has no program `{wanted}`, but {}", names.join(", "))))
        };
    }
    for (number, population) in chips.populations.iter().enumerate() {
        let runs = population.neurons.as_ref().map_or("injected by the host".to_owned(), |neurons| {
            format!("program {}, parameters {}", neurons.program, neurons.parameter_names.join(", "))
        });
        output::line(format!("population {number} {}: {runs}", population.op));
        population.synapses.iter().for_each(|synapses| output::line(format!("  {}", table(synapses))));
    }
    for (number, core) in chips.cores.iter().enumerate() {
        let [chip, column, row, place] = core.place;
        let routes =
            core.routes.iter().map(|route| format!("{} ({} hops)", route.to, route.hops)).collect::<Vec<_>>();
        output::line(format!(
            "core {number} at chip {chip}, tile {column},{row}, core {place}: population {}, channels {}..{}, columns {}..{}; sends to {}",
            core.population,
            core.channels[0],
            core.channels[1],
            core.columns[0],
            core.columns[1],
            if routes.is_empty() { "nobody".to_owned() } else { routes.join(", ") }
        ));
    }
    Ok(())
}

fn table(synapses: &ChipSynapses) -> String {
    let kind = match &synapses.table {
        ChipTable::Dense { weight } => format!("dense {weight}"),
        ChipTable::Conv { weight, stride, padding, dilation, groups } => {
            format!(
                "conv {weight}, stride {stride:?}, padding {padding:?}, dilation {dilation:?}, {groups} groups"
            )
        }
        ChipTable::Identity { weight } => format!("identity {weight}"),
        ChipTable::Sparse { weight, pairs } => format!("sparse {weight} over {pairs}"),
    };
    let axons = synapses.axons.iter().map(|axon| {
        let moved = axon.pairs.as_ref().map(|pairs| format!(" over {pairs}")).unwrap_or_default();
        format!("population {} after {} steps{moved}", axon.population, axon.delay)
    });
    format!(
        "{kind}, {} of {} bits, times 2^{}, from {}",
        synapses.sign_mode,
        synapses.weight_bits,
        synapses.exponent,
        axons.collect::<Vec<_>>().join(" and ")
    )
}
