//! `attach-program`: lets a layer of neurons run a program of one's own.
//!
//! ```mlir
//! %2 = "loihi.neurons"(%c) {program = "if_soft_reset", parameter_names = ["threshold", …], …} : …          // before
//! %2 = "loihi.neurons"(%c) {program = "leaky", parameter_names = ["threshold"], loihi.attached, …} : …     // after
//! func.func private @leaky() attributes {loihi.microcode} { … }
//! ```
//!
//! A parameter of the program that the layer has one of the same name of gets the layer's numbers, others their defaults. What the program
//! computes is its author's: only networks of `rate` take one, because the exact schedules promise what their own neurons compute, and its
//! spikes may carry no more than those that it replaces, because sums behind them were proved to fit.

use super::{microcode, populations::Names};
use crate::{
    loihi::payload,
    mlir::{self, IrError, IrResult},
    pass::{Claim, OptionError, OptionInfo, Options, Pass, PassInfo},
    passes::{ann_to_snn::synapses::SCHEDULE, snn_to_loihi::lower_to_loihi::ACCUMULATOR},
    session::Session,
};
use melior::ir::{Attribute, OperationRef, ValueLike, attribute::StringAttribute, operation::OperationLike};
use neurocuda_dialects::{Elements, Tensor, TensorAttr, loihi, stage::Stage};
use neurocuda_runtime::loihi::{
    Program, builtin,
    program::ValueKind,
    verify::{Limits, verify},
};
use std::path::Path;

/// What is to be known of the pass.
pub const INFO: PassInfo = PassInfo {
    name: "attach-program",
    summary: "lets a layer of neurons of a rate network run a program of one's own",
    from: Some(Stage::Loihi),
    to: None,
    claim: Claim::Another,
    options: &[
        OptionInfo { name: "layer", default: "", summary: "name of the layer" },
        OptionInfo {
            name: "program",
            default: "",
            summary: "file of the program (.ncm), or the name of a built-in one",
        },
    ],
};

/// Name of the attribute of neurons that run a program of one's own.
pub const ATTACHED: &str = "loihi.attached";

/// Largest payload of the neurons of `rate`, for which sums were proved to fit.
const PAYLOAD: i64 = 1;

struct AttachProgram {
    layer: String,
    program: Program,
}

/// Makes the pass.
///
/// # Errors
///
/// If an option is missing, or the file holds no program that may run.
pub fn build(options: &Options) -> Result<Box<dyn Pass>, OptionError> {
    let wrong = |option: &str, problem: String| OptionError {
        pass: INFO.name.to_owned(),
        option: option.to_owned(),
        problem,
    };
    let layer = options.get::<String>("layer")?;
    let name = options.get::<String>("program")?;
    for (option, value) in [("layer", &layer), ("program", &name)] {
        if value.is_empty() {
            return Err(wrong(option, "it has to be given".to_owned()));
        }
    }
    let program = builtin::program(&name).unwrap_or_else(|| Program::read(Path::new(&name)));
    let program = program.map_err(|error| wrong("program", error.to_string()))?;
    verify(&program, &Limits::default())
        .map_err(|errors| wrong("program", errors.first().map(ToString::to_string).unwrap_or_default()))?;
    Ok(Box::new(AttachProgram { layer, program }))
}

impl Pass for AttachProgram {
    fn run<'c>(&self, module: OperationRef<'c, '_>, _session: &mut Session) -> IrResult<'c, ()> {
        let function = mlir::network(module)?;
        let mut names = Names::default();
        let mut found = vec![];
        for operation in mlir::operations(mlir::network_block(module)?) {
            match mlir::view::<loihi::Neurons>(operation)? {
                Some(neurons) => found.push((names.of(operation), operation, neurons)),
                None if mlir::has_name(operation, <loihi::Readout as neurocuda_dialects::View>::NAME) => {
                    names.of(operation);
                }
                None => {}
            }
        }
        let Some((_, operation, neurons)) = found.iter().find(|(name, ..)| *name == self.layer) else {
            let known = found.iter().map(|(name, ..)| name.as_str()).collect::<Vec<_>>().join(", ");
            return Err(IrError::at(
                function,
                format!("microcode-attach: there is no layer `{}` of neurons; there are {known}", self.layer),
            ));
        };
        let schedule =
            function.attribute(SCHEDULE).ok().and_then(|value| StringAttribute::try_from(value).ok());
        if schedule.is_none_or(|schedule| schedule.value() != "rate") {
            return Err(self.refuse(
                *operation,
                "an exact schedule promises what its own neurons compute; compile with --schedule rate",
            ));
        }
        self.attach(module, *operation, neurons)
    }
}

impl AttachProgram {
    fn refuse<'c>(&self, operation: OperationRef<'c, '_>, problem: &str) -> IrError<'c> {
        IrError::at(
            operation,
            format!(
                "microcode-attach: program `{}` on layer `{}`: {problem}",
                self.program.name(),
                self.layer
            ),
        )
    }

    fn attach<'c>(
        &self,
        module: OperationRef<'c, '_>,
        operation: OperationRef<'c, '_>,
        neurons: &loihi::Neurons<'c>,
    ) -> IrResult<'c, ()> {
        let program = &self.program;
        if (program.ports().len(), program.outputs().len()) != (1, 1) {
            return Err(self.refuse(operation, "it needs one port and one output"));
        }
        let values = neurons.parameters.read()?.to_i32()?;
        let columns = values.len() / neurons.parameter_names.len().max(1);
        let row = |name: &str| {
            let at = neurons.parameter_names.iter().position(|own| own == name)?;
            values.get(at * columns..(at + 1) * columns)
        };
        let (mut names, mut rows) = (vec![], vec![]);
        for value in program.values() {
            let (ValueKind::Shared(default) | ValueKind::PerNeuron(default)) = value.kind else { continue };
            match (row(&value.name), default) {
                (Some(row), _) => {
                    if matches!(value.kind, ValueKind::Shared(_))
                        && row.iter().any(|own| Some(own) != row.first())
                    {
                        let problem = format!("the layer's `{}` differ: declare it as `param`", value.name);
                        return Err(self.refuse(operation, &problem));
                    }
                    names.push(value.name.clone());
                    rows.extend(row);
                }
                (None, Some(_)) => {}
                (None, None) => {
                    let problem = format!(
                        "`{}` has no default, and is none of the layer's parameters: {}",
                        value.name,
                        neurons.parameter_names.join(", ")
                    );
                    return Err(self.refuse(operation, &problem));
                }
            }
        }
        let magnitude = |index: usize| {
            let value = program.values().get(index)?;
            let (ValueKind::Shared(default) | ValueKind::PerNeuron(default)) = value.kind else {
                return None;
            };
            match row(&value.name) {
                Some(row) => row.iter().map(|value| i64::from(*value).abs()).max(),
                None => default.map(|value| i64::from(value).abs()),
            }
        };
        match payload::largest(program, magnitude) {
            Some(largest) if largest <= PAYLOAD => {}
            Some(largest) => {
                let problem =
                    format!("its spikes carry up to {largest}, and what reads them was proved for {PAYLOAD}");
                return Err(self.refuse(operation, &problem));
            }
            None => {
                let problem = format!(
                    "its text does not show that its spikes carry at most {PAYLOAD}: send numbers, or registers that only get numbers"
                );
                return Err(self.refuse(operation, &problem));
            }
        }
        microcode::state(operation, module, program)?;
        let tensor = Tensor { shape: vec![names.len(), columns], elements: Elements::I32(rows) };
        let hint = format!("{}.parameters", self.layer);
        let context = mlir::context(operation);
        let view = loihi::Neurons {
            program: program.name().to_owned(),
            parameter_names: names,
            parameters: TensorAttr::new(context, &hint, &tensor)?,
        };
        let result = mlir::result(operation)?.r#type();
        let attached = mlir::insert_before(operation, &view, &[mlir::operand(operation)?], result)?;
        if let Some(made) = mlir::definition(attached) {
            mlir::set_attribute(made, ATTACHED, Attribute::unit(context));
            if let Ok(bound) = operation.attribute(ACCUMULATOR) {
                mlir::set_attribute(made, ACCUMULATOR, bound);
            }
        }
        mlir::replace(operation, attached)
    }
}
