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
use melior::ir::{Attribute, OperationRef, ValueLike, operation::OperationLike};
use neurocuda_dialects::{Elements, Tensor, TensorAttr, loihi, stage::Stage};
use neurocuda_runtime::loihi::{Program, builtin, program::ValueKind, verify::accept};

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
    let program = builtin::or_read(&name).and_then(|program| accept(&program).map(|()| program));
    let program = program.map_err(|error| wrong("program", error.to_string()))?;
    Ok(Box::new(AttachProgram { layer, program }))
}

impl Pass for AttachProgram {
    fn run<'c>(&self, module: OperationRef<'c, '_>, _session: &mut Session) -> IrResult<'c, ()> {
        let function = mlir::network(module)?;
        let mut names = Names::default();
        let mut found = vec![];
        for operation in mlir::operations(mlir::network_block(module)?) {
            let op = loihi::Op::read(operation).map_err(|error| IrError::at(operation, error.to_string()))?;
            match op {
                Some(loihi::Op::Neurons(neurons)) => found.push((names.of(operation), operation, neurons)),
                // Populations that are no neurons have names too.
                Some(loihi::Op::Input(_) | loihi::Op::InputEvents(_) | loihi::Op::Readout(_)) => {
                    names.of(operation);
                }
                _ => {}
            }
        }
        let Some((_, operation, neurons)) = found.iter().find(|(name, ..)| *name == self.layer) else {
            let known = found.iter().map(|(name, ..)| name.as_str()).collect::<Vec<_>>().join(", ");
            return Err(IrError::at(
                function,
                format!("microcode-attach: there is no layer `{}` of neurons; there are {known}", self.layer),
            ));
        };
        if mlir::string(function, SCHEDULE).as_deref() != Some("rate") {
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
        let given = Given::of(neurons)?;
        let names = self.parameters(operation, &given)?;
        self.check_payload(operation, &given)?;
        microcode::state(operation, module, program)?;
        let rows = names.iter().filter_map(|name| given.row(name)).flatten().copied().collect();
        let tensor = Tensor { shape: vec![names.len(), given.columns], elements: Elements::I32(rows) };
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

    /// Names of the program's parameters that get the layer's numbers.
    fn parameters<'c>(&self, operation: OperationRef<'c, '_>, given: &Given) -> IrResult<'c, Vec<String>> {
        let mut names = vec![];
        for value in self.program.values() {
            let (ValueKind::Shared(default) | ValueKind::PerNeuron(default)) = value.kind else { continue };
            let shared = matches!(value.kind, ValueKind::Shared(_));
            match given.row(&value.name) {
                Some(row) if shared && row.iter().any(|own| Some(own) != row.first()) => {
                    let problem = format!("the layer's `{}` differ: declare it as `param`", value.name);
                    return Err(self.refuse(operation, &problem));
                }
                Some(_) => names.push(value.name.clone()),
                None if default.is_some() => {}
                None => {
                    let problem = format!(
                        "`{}` has no default, and is none of the layer's parameters: {}",
                        value.name,
                        given.names.join(", ")
                    );
                    return Err(self.refuse(operation, &problem));
                }
            }
        }
        Ok(names)
    }

    /// Shows that spikes carry no more than those of the neurons that were there.
    fn check_payload<'c>(&self, operation: OperationRef<'c, '_>, given: &Given) -> IrResult<'c, ()> {
        let magnitude = |index: usize| {
            let value = self.program.values().get(index)?;
            let (ValueKind::Shared(default) | ValueKind::PerNeuron(default)) = value.kind else {
                return None;
            };
            let of = |value: i32| i64::from(value).abs();
            match given.row(&value.name) {
                Some(row) => row.iter().copied().map(of).max(),
                None => default.map(of),
            }
        };
        let problem = match payload::largest(&self.program, magnitude) {
            Some(largest) if largest <= PAYLOAD => return Ok(()),
            Some(largest) => {
                format!("its spikes carry up to {largest}, and what reads them was proved for {PAYLOAD}")
            }
            None => format!(
                "its text does not show that its spikes carry at most {PAYLOAD}: send numbers, or registers that only get numbers"
            ),
        };
        Err(self.refuse(operation, &problem))
    }
}

/// The parameters of a layer as it was.
struct Given {
    names: Vec<String>,
    values: Vec<i32>,
    columns: usize,
}

impl Given {
    fn of<'c>(neurons: &loihi::Neurons<'c>) -> IrResult<'c, Self> {
        let (names, values) = (neurons.parameter_names.clone(), neurons.parameters.read()?.to_i32()?);
        Ok(Self { columns: values.len() / names.len().max(1), names, values })
    }

    /// The numbers of a parameter, by channel or by neuron.
    fn row(&self, name: &str) -> Option<&[i32]> {
        let at = self.names.iter().position(|own| own == name)?;
        self.values.get(at * self.columns..(at + 1) * self.columns)
    }
}

#[cfg(test)]
mod tests {
    use crate::passes::testing::{check, network};

    /// A layer and a readout.
    fn layer(schedule: &str) -> String {
        let body = r#"
    %0 = "loihi.input"(%x) {multiplier = dense<1.0> : tensor<2xf64>, offset = dense<0.0> : tensor<2xf64>,
      minimum = dense<-4.0> : tensor<2xf64>, maximum = dense<4.0> : tensor<2xf64>, scale = 0.5, low = -8, high = 8,
      every_step = true} : (tensor<?x2xf32>) -> tensor<?x2xi32> loc("a")
    %1 = "loihi.axon"(%0) {delay = 0} : (tensor<?x2xi32>) -> tensor<?x2xi32> loc("a")
    %2 = "loihi.identity"(%1) {weight = dense<[2, 3]> : tensor<2xi16>, weight_bits = 8, exponent = 0, sign_mode = "excitatory"}
      : (tensor<?x2xi32>) -> tensor<?x2xi32> loc("a")
    %3 = "loihi.neurons"(%2) {program = "if_soft_reset", parameter_names = ["gain", "threshold", "initial", "bias"],
      parameters = dense<[[1, 1], [3, 4], [1, 2], [0, 1]]> : tensor<4x2xi32>, loihi.state_bound = 300 : i64,
      loihi.accumulator_bound = 24 : i64} : (tensor<?x2xi32>) -> tensor<?x2xi32> loc("a")
    %4 = "loihi.axon"(%3) {delay = 1} : (tensor<?x2xi32>) -> tensor<?x2xi32> loc("r")
    %5 = "loihi.identity"(%4) {weight = dense<[2, 3]> : tensor<2xi16>, weight_bits = 8, exponent = 0, sign_mode = "excitatory"}
      : (tensor<?x2xi32>) -> tensor<?x2xi32> loc("r")
    %r = "loihi.readout"(%5) {initial = dense<[3, 4]> : tensor<2xi32>, bias = dense<0> : tensor<2xi32>, gain = 1,
      scale = dense<1.0> : tensor<2xf64>, average = true, start = 0} : (tensor<?x2xi32>) -> tensor<?x2xf32> loc("r")"#;
        let attributes = format!(
            "-> tensor<?x2xf32> attributes {{snn.steps = 9 : i64, snn.schedule = \"{schedule}\"}} {{"
        );
        network("tensor<?x2xf32>", body, "tensor<?x2xf32>").replace("-> tensor<?x2xf32> {", &attributes)
    }

    #[test]
    fn attach_program() {
        // The input and the layer have the same name; the second one of it is the layer.
        let options = [("layer", "a.1"), ("program", "if_soft_reset")];
        insta::assert_snapshot!(check("attach-program", &options, &layer("rate")));
        let error = check("attach-program", &options, &layer("st-bif"));
        assert!(
            error.contains("microcode-attach: program `if_soft_reset` on layer `a.1`: an exact schedule"),
            "{error}"
        );
        let error = check("attach-program", &[("layer", "a"), options[1]], &layer("rate"));
        assert!(error.contains("there is no layer `a` of neurons; there are a.1"), "{error}");
    }
}
