//! The JSON of a `torch.export` archive, as far as a translation needs it.
//!
//! Source: `torch/_export/serde/schema.py`, schema version 8. Unions are objects of one key, which is what serde calls
//! externally tagged. Fields that play no part are left out; unknown ones are ignored, as minor versions only add.

use std::collections::HashMap;

use serde::Deserialize;
use serde::de::IgnoredAny;

/// `models/<name>.json`
#[derive(Debug, Deserialize)]
pub(super) struct ExportedProgram {
    pub(super) graph_module: GraphModule,
}

/// What is read before the rest: an archive of another version may not have the other fields.
#[derive(Debug, Deserialize)]
pub(super) struct Header {
    pub(super) schema_version: SchemaVersion,
    #[serde(default)]
    pub(super) torch_version: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct SchemaVersion {
    pub(super) major: u32,
    pub(super) minor: u32,
}

#[derive(Debug, Deserialize)]
pub(super) struct GraphModule {
    pub(super) graph: Graph,
    pub(super) signature: Signature,
    #[serde(default)]
    pub(super) module_call_graph: Vec<ModuleCall>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ModuleCall {
    pub(super) fqn: String,
    pub(super) signature: Option<ModuleCallSignature>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ModuleCallSignature {
    pub(super) out_spec: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Graph {
    pub(super) nodes: Vec<Node>,
    pub(super) tensor_values: HashMap<String, TensorMeta>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Node {
    pub(super) target: String,
    pub(super) inputs: Vec<NamedArgument>,
    pub(super) outputs: Vec<Argument>,
    #[serde(default)]
    pub(super) metadata: HashMap<String, String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct NamedArgument {
    pub(super) name: String,
    pub(super) arg: Argument,
}

/// The value of an argument; what networks do not use is kept as [`IgnoredAny`], so that it can be refused by its name.
// The names are the schema's.
#[allow(clippy::enum_variant_names)]
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Argument {
    AsNone(IgnoredAny),
    AsTensor(Named),
    AsTensors(Vec<Named>),
    AsInt(i64),
    AsInts(Vec<i64>),
    AsFloat(Float),
    AsFloats(Vec<Float>),
    AsString(String),
    AsStrings(IgnoredAny),
    AsSymInt(SymInt),
    AsSymInts(Vec<SymInt>),
    AsScalarType(IgnoredAny),
    AsMemoryFormat(IgnoredAny),
    AsLayout(IgnoredAny),
    AsDevice(IgnoredAny),
    AsBool(bool),
    AsBools(IgnoredAny),
    AsSymBool(IgnoredAny),
    AsSymBools(IgnoredAny),
    AsGraph(IgnoredAny),
    AsOptionalTensors(Vec<OptionalTensor>),
    AsCustomObj(IgnoredAny),
    AsOperator(IgnoredAny),
    AsSymFloat(IgnoredAny),
    AsSymFloats(IgnoredAny),
    AsOptionalTensor(OptionalTensor),
    AsComplex(IgnoredAny),
    AsNestedTensors(IgnoredAny),
    AsIntLists(IgnoredAny),
    AsStringToArgument(IgnoredAny),
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Named {
    pub(super) name: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum OptionalTensor {
    AsTensor(Named),
    AsNone(IgnoredAny),
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum SymInt {
    AsName(IgnoredAny),
    AsInt(i64),
}

/// A number; JSON has none that is not finite, and PyTorch writes a word for it.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Float {
    Number(f64),
    Word(String),
}

impl Float {
    pub(super) fn value(&self) -> Option<f64> {
        match self {
            Self::Number(value) => Some(*value),
            Self::Word(word) => match word.as_str() {
                "Infinity" => Some(f64::INFINITY),
                "-Infinity" => Some(f64::NEG_INFINITY),
                _ => None,
            },
        }
    }
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(super) struct TensorMeta {
    /// Number of a `ScalarType`.
    pub(super) dtype: u32,
    pub(super) sizes: Vec<Size>,
    pub(super) strides: Vec<Size>,
    pub(super) storage_offset: Size,
}

/// The size of an axis.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Size {
    AsExpr(SizeExpression),
    AsInt(i64),
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(super) struct SizeExpression {
    pub(super) expr_str: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Signature {
    pub(super) input_specs: Vec<InputSpec>,
    pub(super) output_specs: Vec<OutputSpec>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum InputSpec {
    UserInput { arg: Argument },
    Parameter { arg: Named, parameter_name: String },
    Buffer { arg: Named, buffer_name: String },
    TensorConstant { arg: Named, tensor_constant_name: String },
    CustomObj(IgnoredAny),
    Token(IgnoredAny),
    ConstantInput(IgnoredAny),
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum OutputSpec {
    UserOutput { arg: Argument },
    LossOutput(IgnoredAny),
    BufferMutation { buffer_name: String },
    GradientToParameter(IgnoredAny),
    GradientToUserInput(IgnoredAny),
    UserInputMutation(IgnoredAny),
    Token(IgnoredAny),
    ParameterMutation { parameter_name: String },
}

/// `model_weights_config.json` and `model_constants_config.json`
#[derive(Debug, Deserialize)]
pub(super) struct PayloadConfig {
    pub(super) config: HashMap<String, Payload>,
}

/// Where a tensor's bytes are, and how they lie there.
#[derive(Debug, Deserialize)]
pub(super) struct Payload {
    pub(super) path_name: String,
    pub(super) use_pickle: bool,
    pub(super) tensor_meta: Option<TensorMeta>,
}

/// A node of the structure that a model returns, `torch.utils._pytree`.
#[derive(Debug, Deserialize)]
pub(super) struct TreeSpec {
    pub(super) r#type: Option<String>,
    pub(super) context: Option<String>,
    pub(super) children_spec: Vec<TreeSpec>,
}
