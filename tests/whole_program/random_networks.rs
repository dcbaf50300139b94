//! Random networks: integer network, `st-bif`, `sigma-delta` and `hold-and-fire` give the same logits, bit for bit, on interpreter and engine;
//! and every pass keeps what it claims.

pub mod generate;

use crate::{
    engine_equals_interpreter::compare,
    support::{
        library::{self, Compiled},
        tensors,
    },
};
use generate::{Generated, Recipe, recipe};
use neurocuda_compiler::{
    compile::{CompileError, Settings},
    import::Loaded,
    pipeline::PipelineError,
    validate::artifact::sample,
};
use neurocuda_runtime::{artifact::program::Schedule, data::Images};
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestError, TestRunner};
use std::{cell::RefCell, sync::Arc};

/// Networks to try; `PROPTEST_CASES` asks for more, `PROPTEST_RNG_SEED` for others.
const CASES: u32 = 120;

/// Images for calibration, and images that are compared.
const IMAGES: [usize; 2] = [24, 3];

/// How a network fared.
enum Fate {
    /// Everything is equal that has to be.
    Compiled,
    /// The compiler does not take the network.
    Refused(String),
}

pub fn load(generated: &Generated) -> Loaded {
    let folder = tempfile::tempdir().unwrap();
    let (graph, weights) = (folder.path().join("net.ncg"), folder.path().join("net.safetensors"));
    std::fs::write(&graph, &generated.text).unwrap();
    tensors::write(&weights, &generated.weights);
    library::load(&graph, &weights)
}

pub fn images(shape: &[usize], count: usize, seed: u64) -> Images {
    Images::from_u8(shape.to_vec(), tensors::bytes(seed, count * shape.iter().product::<usize>()), None)
        .unwrap()
}

/// What may be refused, and how: with a place and an id that says why. Anything else is a bug.
fn refusal(error: CompileError) -> Result<String, String> {
    match error {
        CompileError::Pipeline(PipelineError::Failed { message, source_place, .. })
            if ["unsupported: ", "overflow: "].iter().any(|id| message.starts_with(id))
                && !source_place.is_empty() =>
        {
            Ok(message)
        }
        error => Err(format!("{error}: {error:?}")),
    }
}

fn check(recipe: &Recipe) -> Result<Fate, String> {
    let generated = recipe.generate();
    let loaded = load(&generated);
    let calibration = Arc::new(images(&generated.input, IMAGES[0], 1));
    let test = images(&generated.input, IMAGES[1], 2);
    let mut expected = None;
    for schedule in [Schedule::StBif, Schedule::SigmaDelta, Schedule::HoldAndFire] {
        let settings = Settings {
            schedule,
            levels: recipe.levels,
            weight_bits: recipe.weight_bits,
            mixed_levels: recipe.mixed.then_some(1.0),
            timesteps: 1,
            ..Settings::default()
        };
        // Whatever the levels are: no claim is one of how much quantisation may lose. Weights of few bits are not rounded to the nearest.
        let held = (recipe.weight_bits == 8).then_some(3);
        let compiled = match library::compile(&loaded, &calibration, &settings, held) {
            Ok(_) if schedule == Schedule::HoldAndFire && generated.curved => {
                return Err("hold-and-fire carries a curve".to_owned());
            }
            Ok(compiled) => compiled,
            Err(error) if schedule == Schedule::HoldAndFire && generated.curved => {
                let refused = refusal(error)?;
                return match refused.starts_with("unsupported: schedule hold-and-fire cannot carry") {
                    true => Ok(Fate::Compiled),
                    false => Err(refused),
                };
            }
            Err(error) => return refusal(error).map(Fate::Refused),
        };
        let of = |compiled: &Compiled| {
            (0..test.len()).map(|index| logits(compiled, &test, index)).collect::<Result<Vec<_>, _>>()
        };
        let logits = of(&compiled)?;
        if schedule == Schedule::SigmaDelta {
            for delay in [0, 1, 3] {
                let delayed = library::with_delay(&compiled, delay);
                compare(&delayed, &test, 0, &format!("delay {delay}"));
                if of(&delayed)? != logits {
                    return Err(format!("a delay of {delay} changes the logits"));
                }
            }
        }
        match &expected {
            None => expected = Some(logits),
            Some(expected) if *expected == logits => {}
            Some(expected) => {
                return Err(format!("the integer networks differ: {expected:?} and {logits:?}"));
            }
        }
    }
    // An approximation, whose passes keep their claims.
    let settings = Settings {
        schedule: Schedule::Rate,
        levels: recipe.levels,
        timesteps: recipe.levels,
        ..Settings::default()
    };
    let compiled = match library::compile(&loaded, &calibration, &settings, Some(3)) {
        // The checks run the module before its bounds are proved, and meet an overflow first.
        Err(CompileError::Pipeline(PipelineError::Claim { found, .. }))
            if found.contains("does not fit 32 bits") =>
        {
            match library::compile(&loaded, &calibration, &settings, None) {
                Ok(_) => return Err(format!("{found}, and yet all is proved to fit")),
                refused => refused,
            }
        }
        compiled => compiled,
    };
    match compiled {
        Err(error) => refusal(error).map(|_| Fate::Compiled),
        Ok(_) => Ok(Fate::Compiled),
    }
}

/// Integer logits of an image, if all three agree.
fn logits(compiled: &Compiled, images: &Images, index: usize) -> Result<Vec<Vec<i64>>, String> {
    let input = sample(images, index).unwrap();
    let integer = compiled.integer_logits(&input);
    let found = [compiled.interpreted_logits(&input), compiled.engine_logits(images, index)];
    for last_layers in [1, 2, u32::MAX] {
        let early = compiled.early_logits(images, index, last_layers);
        if early != integer {
            return Err(format!(
                "an exit before the last {last_layers} layers: {early:?}, integer {integer:?}"
            ));
        }
    }
    compiled.same_reals(&input, images, index)?;
    if found.iter().all(|found| *found == integer) {
        return Ok(integer);
    }
    Err(format!(
        "{:?}: integer {integer:?}, interpreter {:?}, engine {:?}",
        compiled.engine.schedule(),
        found[0],
        found[1]
    ))
}

/// So many networks of a fixed seed, unless the environment asks for others.
pub fn config(cases: u32, seed: u64, max_shrink_iters: u32) -> Config {
    let defaults = Config::default();
    let given = |name: &str| std::env::var_os(name).is_some();
    Config {
        cases: if given("PROPTEST_CASES") { defaults.cases } else { cases },
        rng_seed: if given("PROPTEST_RNG_SEED") { defaults.rng_seed } else { RngSeed::Fixed(seed) },
        failure_persistence: None,
        max_shrink_iters,
        ..defaults
    }
}

#[test]
fn exact_schedules_equal_the_integer_network() {
    let config = config(CASES, 2, 300);
    let cases = config.cases as usize;
    let refused = RefCell::new(Vec::new());
    let result = TestRunner::new(config).run(&recipe(), |recipe| match check(&recipe) {
        Ok(Fate::Compiled) => Ok(()),
        Ok(Fate::Refused(message)) => {
            refused.borrow_mut().push(message);
            Ok(())
        }
        Err(message) => Err(TestCaseError::fail(message)),
    });
    if let Err(TestError::Fail(reason, recipe)) = &result {
        panic!("{reason}\n{recipe:?}\n{}", recipe.generate().text);
    }
    result.unwrap();
    let refused = refused.into_inner();
    eprintln!("of {cases} random networks {} were refused: {refused:#?}", refused.len());
    assert!(refused.len() * 5 <= cases, "more than 20 % refused: {refused:#?}");
}
