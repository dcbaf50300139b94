//! Checks of a whole artifact, made before anything in it is used.

mod gpu;
pub mod limits;
mod ops;
mod tensors;

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Artifact, ArtifactError, FORMAT_VERSION,
    program::{Op, OpKind, Program, Schedule},
};
use limits::{MAX_DELAY, MAX_DELAYED_ELEMENTS, MAX_ELEMENTS, MAX_RANK, MAX_STEPS, MAX_TOTAL_ELEMENTS};

/// A rule that was broken, as a sentence.
type Problem = String;

impl Artifact {
    /// Checks the manifest, the program and the tensors against each other.
    ///
    /// After this, every value is defined once and before its use, every shape is what its op makes of its inputs,
    /// every tensor is present with the type and shape that its op needs, thresholds are positive, and steps, delays
    /// and sizes are within [`limits`].
    ///
    /// # Errors
    /// `artifact-invalid` with the op and the rule.
    pub fn validate(&self) -> Result<(), ArtifactError> {
        let invalid = |place: &str, problem: Problem| ArtifactError::invalid(place, problem);
        if self.manifest.format_version != FORMAT_VERSION {
            let found = self.manifest.format_version;
            return Err(ArtifactError::Version { found, supported: FORMAT_VERSION });
        }
        if self.manifest.levels == 0 {
            return Err(invalid("manifest", "`levels` is 0".into()));
        }
        let program = self.program();
        if !(1..=MAX_STEPS).contains(&program.steps) {
            return Err(invalid("program", format!("`steps` is {}, not 1 to {MAX_STEPS}", program.steps)));
        }
        check_sizes(program).map_err(|problem| invalid("program", problem))?;
        check_order(program)?;
        for op in &program.ops {
            let checked =
                ops::check(op, program, &self.tensors).and_then(|()| check_schedule(op, program.schedule));
            checked.map_err(|problem| invalid(&format!("op `{}`", op.name), problem))?;
        }
        check_delays(program).map_err(|problem| invalid("program", problem))?;
        if let Some(gpu) = &self.manifest.gpu {
            self.check_gpu(gpu).map_err(|problem| invalid("gpu", problem))?;
        }
        self.check_names().map_err(|problem| invalid("manifest", problem))
    }

    /// Input, outputs and layers of the manifest are those of the program.
    fn check_names(&self) -> Result<(), Problem> {
        let program = self.program();
        let mut encoders = 0;
        let mut readouts = BTreeMap::new();
        let mut layers = self.manifest.layers.iter();
        for op in &program.ops {
            let shape = shape_of(program, op.output)?;
            match &op.kind {
                OpKind::Encode { .. } | OpKind::EncodeEvents { .. } => {
                    encoders += 1;
                    let frames =
                        if let OpKind::EncodeEvents { frames, .. } = op.kind { Some(frames) } else { None };
                    if frames != self.manifest.input.frames {
                        return Err(format!(
                            "the input has {} frames, its encoder `{}` {}",
                            count(self.manifest.input.frames),
                            op.name,
                            count(frames)
                        ));
                    }
                    if shape != self.manifest.input.shape {
                        return Err(format!(
                            "the input has shape {:?}, its encoder `{}` {shape:?}",
                            self.manifest.input.shape, op.name
                        ));
                    }
                }
                OpKind::Readout { output_name, head, .. } => {
                    let shape = match head {
                        Some(head) => head.shape(shape).ok_or_else(|| {
                            format!("the head of `{output_name}` has no axis {} in {shape:?}", head.axis)
                        })?,
                        None => shape.to_vec(),
                    };
                    let earlier = readouts.insert(output_name.as_str(), shape);
                    earlier
                        .map_or(Ok(()), |_| Err(format!("two readouts write the output `{output_name}`")))?;
                }
                kind if kind.is_neuron() => {
                    let layer = layers.next().ok_or_else(|| format!("layer `{}` is not listed", op.name))?;
                    let neurons = shape.iter().product::<usize>() as u64;
                    if layer.name != op.name || layer.neurons != neurons {
                        return Err(format!(
                            "layer `{}` with {} neurons is listed where the program has `{}` with {neurons}",
                            layer.name, layer.neurons, op.name
                        ));
                    }
                }
                _ => {}
            }
        }
        if let Some(layer) = layers.next() {
            return Err(format!("layer `{}` is not in the program", layer.name));
        }
        if encoders == 0 {
            return Err("the program has no encoder".into());
        }
        if self.manifest.outputs.is_empty() {
            return Err("the network has no output".into());
        }
        for output in &self.manifest.outputs {
            if readouts.remove(output.name.as_str()).as_ref() != Some(&output.shape) {
                return Err(format!("no readout writes `{}` with shape {:?}", output.name, output.shape));
            }
        }
        match readouts.first_key_value() {
            Some((name, _)) => Err(format!("the readout of `{name}` is no output")),
            None => Ok(()),
        }
    }
}

fn count(frames: Option<u32>) -> String {
    frames.map_or_else(|| "no".to_owned(), |frames| frames.to_string())
}

/// Shape of a value.
fn shape_of(program: &Program, value: usize) -> Result<&[usize], Problem> {
    program
        .values
        .get(value)
        .map(Vec::as_slice)
        .ok_or_else(|| format!("value {value} does not exist; there are {}", program.values.len()))
}

/// Shapes are within the limits.
fn check_sizes(program: &Program) -> Result<(), Problem> {
    let mut total = 0usize;
    for (value, shape) in program.values.iter().enumerate() {
        if !(1..=MAX_RANK).contains(&shape.len()) || shape.contains(&0) {
            return Err(format!("value {value} has the shape {shape:?}, which is no shape of a sample"));
        }
        let elements = shape.iter().try_fold(1usize, |n, &extent| n.checked_mul(extent));
        let elements = elements.filter(|&n| n <= MAX_ELEMENTS).ok_or_else(|| {
            format!("value {value} has the shape {shape:?}, more than {MAX_ELEMENTS} elements")
        })?;
        total = total.saturating_add(elements);
    }
    if total > MAX_TOTAL_ELEMENTS {
        return Err(format!("the values have {total} elements together, more than {MAX_TOTAL_ELEMENTS}"));
    }
    Ok(())
}

/// Every value is written once, before it is read; nothing reads what a readout writes; names are unique.
fn check_order(program: &Program) -> Result<(), ArtifactError> {
    let mut readable = vec![None; program.values.len()];
    let mut names = BTreeSet::new();
    for op in &program.ops {
        let invalid = |problem: Problem| ArtifactError::invalid(format!("op `{}`", op.name), problem);
        if op.name.is_empty() || !names.insert(op.name.as_str()) {
            return Err(invalid("the name is empty or was used before".into()));
        }
        for &input in &op.inputs {
            shape_of(program, input).map_err(invalid)?;
            match readable.get(input) {
                Some(Some(true)) => {}
                Some(Some(false)) => {
                    return Err(invalid(format!("value {input} is an output, which no op reads")));
                }
                _ => return Err(invalid(format!("value {input} is read before it is written"))),
            }
        }
        shape_of(program, op.output).map_err(invalid)?;
        let is_value = !matches!(op.kind, OpKind::Readout { .. });
        match readable.get_mut(op.output) {
            Some(slot @ None) => *slot = Some(is_value),
            _ => return Err(invalid(format!("value {} is written twice", op.output))),
        }
    }
    match readable.iter().position(Option::is_none) {
        Some(value) => Err(ArtifactError::invalid("program", format!("no op writes value {value}"))),
        None => Ok(()),
    }
}

/// The op belongs to the schedule.
fn check_schedule(op: &Op, schedule: Schedule) -> Result<(), Problem> {
    let fits = match op.kind {
        OpKind::StBif { .. } | OpKind::StBifTable { .. } => schedule == Schedule::StBif,
        OpKind::SigmaDelta { .. } | OpKind::SigmaDeltaTable { .. } => schedule == Schedule::SigmaDelta,
        OpKind::HoldAndFire { .. } => schedule == Schedule::HoldAndFire,
        OpKind::If { .. } => schedule == Schedule::Rate,
        // An exact schedule ends when nothing is sent any more, so nothing may depend on the number of steps.
        OpKind::EncodeEvents { .. } => schedule != Schedule::Rate,
        OpKind::Encode { every_step, .. } => schedule == Schedule::Rate || !every_step,
        OpKind::Readout { average, start, .. } => schedule == Schedule::Rate || !average && start == 0,
        _ => true,
    };
    if fits {
        Ok(())
    } else {
        Err(format!("this op or one of its settings is not for the schedule `{schedule}`"))
    }
}

/// Delays are within the limits.
fn check_delays(program: &Program) -> Result<(), Problem> {
    let mut total = 0usize;
    for op in &program.ops {
        let Some(delay) = op.kind.delay() else { continue };
        if delay > MAX_DELAY {
            return Err(format!("op `{}` has a delay of {delay} steps, more than {MAX_DELAY}", op.name));
        }
        let elements: usize = shape_of(program, op.output)?.iter().product();
        total = total.saturating_add(elements.saturating_mul(delay as usize));
    }
    if total > MAX_DELAYED_ELEMENTS {
        return Err(format!("delays hold {total} elements, more than {MAX_DELAYED_ELEMENTS}"));
    }
    Ok(())
}
