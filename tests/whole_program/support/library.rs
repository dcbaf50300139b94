//! The path through the library, with every network along it.

use melior::{Context, ir::Module};
use neurocuda_compiler::{
    backend::cpu,
    compile::{self, CompileError, Description, Settings},
    import::{self, Loaded},
    interpret::{Network, Sample, StepLimit},
    loihi::chip::Chip,
    module_text,
    pipeline::{self, Hooks, Pipeline},
    session::{Samples, Session},
    validate::{
        artifact::sample,
        each::{EachValidator, step_limit},
    },
};
use neurocuda_runtime::{
    artifact::{Artifact, program::Schedule},
    cpu::{EarlyExit, Engine, ImageOutcome, Logits, RunOptions},
    data::{ImageView, Images},
};
use std::{path::Path, sync::Arc};

/// A model, compiled, at each of its stages.
pub struct Compiled {
    /// As the artifact carries it.
    pub integer: Network,
    /// The `snn` module.
    pub spiking: Network,
    /// How long the interpreter runs it.
    pub limit: StepLimit,
    /// The artifact.
    pub artifact: Artifact,
    /// The artifact, ready to run.
    pub engine: Engine,
}

/// Reads a model that is known to be good.
pub fn load(graph: &Path, weights: &Path) -> Loaded {
    import::load(graph, weights)
        .unwrap_or_else(|error| panic!("{}", error.findings.render(error.source_file.as_deref(), false)))
}

/// The network as PyTorch states it.
pub fn float(loaded: &Loaded) -> Network {
    let context = neurocuda_dialects::new_context().expect("the dialects load");
    network(
        &import::emit(&context, &loaded.graph, &loaded.weights, "float")
            .expect("a checked graph has a module"),
    )
}

/// The frames of a sample as the interpreter takes them; an image is one.
pub fn frames(images: &Images, index: usize) -> Vec<Sample> {
    match images.fetch(index).expect("the sample is there").view() {
        ImageView::Frames(frames) => (0..frames.len())
            .map(|frame| {
                let mut counts = vec![0.0; frames.totals().len()];
                frames.frame(frame).for_each(|(element, count)| counts[element] = f64::from(count));
                Sample::from_shape_vec(images.sample_shape(), counts).expect("as many counts as elements")
            })
            .collect(),
        _ => vec![sample(images, index).expect("the sample is there")],
    }
}

fn network(module: &Module) -> Network {
    Network::new(module.as_operation()).expect("the interpreter takes what the compiler makes")
}

/// Compiles; with `validated` samples every pass is held to its claim on so many of the calibration samples.
pub fn compile(
    loaded: &Loaded,
    calibration: &Arc<Images>,
    settings: &Settings,
    validated: Option<usize>,
) -> Result<Compiled, CompileError> {
    compile_for(loaded, calibration, settings, validated, None)
}

/// The same for a chip.
pub fn compile_for(
    loaded: &Loaded,
    calibration: &Arc<Images>,
    settings: &Settings,
    validated: Option<usize>,
    chip: Option<Chip>,
) -> Result<Compiled, CompileError> {
    let context = neurocuda_dialects::new_context().expect("the dialects load");
    let mut module =
        import::emit(&context, &loaded.graph, &loaded.weights, "test").expect("a checked graph has a module");
    let images = Arc::clone(calibration);
    let samples = Samples {
        count: images.len(),
        integers: images.are_integers(),
        fetch: Arc::new(move |index| sample(&images, index).expect("calibration asks for samples there are")),
        hash: "test".to_owned(),
    };
    let validator = validated.map(|count| EachValidator::new(samples.clone(), count));
    let description = Description {
        network: loaded.graph.name.clone(),
        input: loaded.graph.inputs[0].name.clone(),
        outputs: loaded.graph.outputs.iter().map(|output| output.name.clone()).collect(),
        ..Description::default()
    };
    let mut session = Session { calibration: Some(samples), chip, ..Session::default() };
    let hooks = Hooks { validate_each: validator.as_ref(), ..Hooks::default() };
    let (result, _) = module_text::collecting(&context, || {
        compile::compile(&context, &mut module, settings, description, &mut session, &hooks)
    });
    let (artifact, _) = result?;
    // A context of its own: in one that holds tensors of the same names, MLIR renames them.
    let own = neurocuda_dialects::new_context().expect("the dialects load");
    Ok(Compiled {
        integer: network(&integer_module(&own, &artifact)),
        spiking: network(&module),
        limit: step_limit(&module).expect("a spiking module states its steps"),
        engine: Engine::new(&artifact).expect("the engine takes what the compiler makes"),
        artifact,
    })
}

/// The integer network that an artifact carries.
fn integer_module<'c>(context: &'c Context, artifact: &Artifact) -> Module<'c> {
    let text = artifact.module_text().expect("the artifact carries its integer network");
    let text = std::str::from_utf8(text).expect("MLIR prints UTF-8");
    let tensor = |name: &str| artifact.tensors.get(name).map(|tensor| tensor.bytes());
    module_text::load(context, text, tensor).expect("the artifact's integer network can be read")
}

/// The same integer network under `sigma-delta`, with events that take so many steps.
pub fn with_delay(compiled: &Compiled, delay: u32) -> Compiled {
    let context = neurocuda_dialects::new_context().expect("the dialects load");
    let mut artifact = compiled.artifact.clone();
    let mut module = integer_module(&context, &artifact);
    let integer = network(&module);
    let passes = Pipeline::parse(&format!("lower-to-sigma-delta{{delay={delay}}},prove-bounds"));
    let passes = passes.expect("the passes exist");
    pipeline::run(&context, &mut module, &passes, &mut Session::default(), &Hooks::default())
        .expect("what compiled without delays compiles with them");
    let outputs = artifact.manifest.outputs.iter().map(|output| output.name.clone()).collect::<Vec<_>>();
    let emitted =
        cpu::emit(module.as_operation(), &outputs).expect("the back end takes what the compiler makes");
    artifact.tensors.extend(emitted.tensors);
    (artifact.manifest.program, artifact.manifest.layers) = (emitted.program, emitted.layers);
    Compiled {
        integer,
        spiking: network(&module),
        limit: step_limit(&module).expect("a spiking module states its steps"),
        engine: Engine::new(&artifact).expect("the engine takes what the compiler makes"),
        artifact,
    }
}

impl Compiled {
    /// Integer logits of the integer network, one list for each output.
    pub fn integer_logits(&self, input: &Sample) -> Vec<Vec<i64>> {
        let outputs = self
            .integer
            .ops()
            .iter()
            .filter(|op| op.name == "ann.dequantize")
            .map(|op| op.inputs[0])
            .collect::<Vec<_>>();
        let mut logits = vec![vec![]; outputs.len()];
        let mut probe = |op: usize, result: &Sample| {
            for (logits, &value) in logits.iter_mut().zip(&outputs) {
                if self.integer.ops()[op].output == Some(value) {
                    *logits = result.iter().map(|&value| value as i64).collect();
                }
            }
        };
        self.integer.forward(input, &mut probe).expect("the integer network runs");
        logits
    }

    /// Integer logits of the spiking network on the interpreter. An exact schedule must settle within its bound.
    pub fn interpreted_logits(&self, input: &Sample) -> Vec<Vec<i64>> {
        let outcome =
            self.spiking.simulate(input, self.limit, &mut |_, _, _| ()).expect("the spiking network runs");
        if matches!(self.limit, StepLimit::Quiescence { .. }) {
            assert!(outcome.settled_at.is_some(), "not settled after {} steps", outcome.steps);
        }
        outcome
            .outputs
            .iter()
            .map(|output| output.integer.iter().map(|&value| value as i64).collect())
            .collect()
    }

    /// What the engine does with an image. An exact schedule must settle.
    pub fn engine_outcome(&self, images: &Images, index: usize, trace: bool) -> ImageOutcome {
        let image = images.fetch(index).expect("the image is there");
        let options = RunOptions { timesteps: None, trace, ..RunOptions::default() };
        let outcome = self.engine.run_image(image.view(), index, &options).expect("the engine runs");
        assert!(
            outcome.certified || self.engine.schedule() == Schedule::Rate,
            "image {index} is not certified"
        );
        outcome
    }

    /// Whether the engine's outputs, behind their heads, are the interpreter's, rounded to f32.
    pub fn same_reals(&self, input: &Sample, images: &Images, index: usize) -> Result<(), String> {
        let interpreted =
            self.spiking.simulate(input, self.limit, &mut |_, _, _| ()).expect("the spiking network runs");
        for (interpreted, engine) in
            interpreted.outputs.iter().zip(self.engine_outcome(images, index, false).outputs)
        {
            let interpreted = interpreted.real.iter().map(|&value| value as f32).collect::<Vec<_>>();
            if interpreted != engine.real {
                return Err(format!("outputs: interpreter {interpreted:?}, engine {:?}", engine.real));
            }
        }
        Ok(())
    }

    /// Integer logits of an image that the engine leaves early.
    pub fn early_logits(&self, images: &Images, index: usize, last_layers: u32) -> Vec<Vec<i64>> {
        let image = images.image(index).expect("the image is there");
        let early_exit = Some(EarlyExit { last_layers, take: true });
        let options = RunOptions { early_exit, ..RunOptions::default() };
        let outcome = self.engine.run_image(image, index, &options).expect("the engine runs");
        assert!(outcome.exit.is_some(), "image {index} has no exit");
        let integers = |output: &Logits| output.integer.iter().map(|&value| i64::from(value)).collect();
        outcome.outputs.iter().map(integers).collect()
    }

    /// Integer logits of the engine.
    pub fn engine_logits(&self, images: &Images, index: usize) -> Vec<Vec<i64>> {
        let outcome = self.engine_outcome(images, index, false);
        outcome
            .outputs
            .iter()
            .map(|output| output.integer.iter().map(|&value| i64::from(value)).collect())
            .collect()
    }
}
