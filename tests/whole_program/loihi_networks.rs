//! Random networks on Loihi 2: what the simulated cores send is what the CPU engine sends, in every layer and step.

use crate::{
    random_networks::{
        config,
        generate::{Recipe, recipe},
        images, load,
    },
    support::library,
};
use neurocuda_compiler::{
    compile::{CompileError, Settings, Target},
    loihi::chip::{Chip, CoreLimits, SynapseFormat, Widths},
    pipeline::PipelineError,
    validate::artifact::sample,
};
use neurocuda_runtime::{
    artifact::program::Schedule,
    cpu::{Backend, Engine, ImageOutcome, RunOptions},
};
use proptest::test_runner::{TestCaseError, TestError, TestRunner};
use std::{cell::Cell, sync::Arc};

/// Networks to try; `PROPTEST_CASES` asks for more, `PROPTEST_RNG_SEED` for others.
const CASES: u32 = 80;

/// A chip with small cores, so that small networks are cut, and with words wide enough for most.
fn chip() -> Chip {
    Chip {
        name: "small-cores".to_owned(),
        chips: 16,
        core: CoreLimits { neurons: 48, ..CoreLimits::default() },
        synapses: SynapseFormat { lowest_exponent: -16, highest_exponent: 15, ..SynapseFormat::default() },
        widths: Widths { accumulator_bits: 30, state_bits: 32, payload_bits: 24 },
        ..Chip::default()
    }
}

/// Cores of a network that was carried; `None` if it was refused, with a place and an id that says why.
fn check(recipe: &Recipe, schedule: Schedule) -> Result<Option<usize>, String> {
    let generated = recipe.generate();
    let loaded = load(&generated);
    let calibration = Arc::new(images(&generated.input, 24, 1));
    let test = images(&generated.input, 2, 2);
    let settings = Settings {
        schedule,
        levels: recipe.levels.min(15),
        timesteps: 6,
        weight_bits: recipe.weight_bits,
        target: Target::Loihi,
        ..Settings::default()
    };
    let compiled = match library::compile_for(&loaded, &calibration, &settings, None, Some(chip())) {
        Ok(compiled) => compiled,
        Err(CompileError::Pipeline(PipelineError::Failed { message, source_place, .. }))
            if ["unsupported: ", "overflow: ", "chip-width: ", "chip-capacity: "]
                .iter()
                .any(|id| message.starts_with(id))
                && !source_place.is_empty() =>
        {
            return Ok(None);
        }
        // A deep network of `rate` in few steps.
        Err(CompileError::Unconverted(message)) if message.starts_with("unsupported: ") => return Ok(None),
        Err(error) => return Err(format!("{error}: {error:?}")),
    };
    let cores = Engine::on(&compiled.artifact, Backend::Loihi).map_err(|error| error.to_string())?;
    for index in 0..test.len() {
        let image = test.fetch(index).expect("the image is there");
        let options = RunOptions { trace: true, ..RunOptions::default() };
        let run = |engine: &Engine| {
            engine.run_image(image.view(), index, &options).map_err(|error| error.to_string())
        };
        let (on_cpu, on_cores) = (run(&compiled.engine)?, run(&cores)?);
        let counted: u64 = on_cores.cores.iter().map(|core| core.spikes).sum();
        if counted != on_cores.spikes.iter().sum::<u64>() {
            return Err("cores and layers count other spikes".to_owned());
        }
        // Two tables of one synapse count twice, and the CPU has no cores.
        let comparable = |outcome: ImageOutcome| ImageOutcome { sops: 0, cores: vec![], ..outcome };
        if comparable(on_cpu.clone()) != comparable(on_cores) {
            return Err(format!("{schedule}: image {index} differs between CPU and cores"));
        }
        let interpreted = compiled.interpreted_logits(&sample(&test, index).expect("the image is there"));
        let integers =
            on_cpu.outputs.iter().map(|output| output.integer.iter().map(|&y| i64::from(y)).collect());
        if interpreted != integers.collect::<Vec<Vec<_>>>() {
            return Err(format!("{schedule}: image {index} differs between interpreter and cores"));
        }
    }
    Ok(compiled.artifact.manifest.chips.map(|chips| chips.cores.len()))
}

#[test]
fn cores_send_what_the_cpu_sends() {
    let schedules = [Schedule::StBif, Schedule::SigmaDelta, Schedule::HoldAndFire, Schedule::Rate];
    let (tried, carried, most_cores) = (Cell::new(0), [0; 4].map(Cell::new), Cell::new(0));
    let result = TestRunner::new(config(CASES, 3, 200)).run(&recipe(), |recipe| {
        let number = tried.replace(tried.get() + 1) % schedules.len();
        match check(&recipe, schedules[number]) {
            Ok(cores) => {
                carried[number].set(carried[number].get() + usize::from(cores.is_some()));
                most_cores.set(most_cores.get().max(cores.unwrap_or(0)));
                Ok(())
            }
            Err(message) => Err(TestCaseError::fail(message)),
        }
    });
    if let Err(TestError::Fail(reason, recipe)) = &result {
        panic!("{reason}\n{recipe:?}\n{}", recipe.generate().text);
    }
    result.unwrap();
    let carried = carried.map(|count| count.get());
    eprintln!(
        "of {} random networks the chip carries {carried:?}; up to {} cores",
        tried.get(),
        most_cores.get()
    );
    assert!(carried.iter().all(|&count| count >= 3), "{carried:?}");
    assert!(most_cores.get() >= 8, "the networks are hardly cut");
}
