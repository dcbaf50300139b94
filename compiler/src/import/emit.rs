//! Graph to MLIR: one `torch` op for each node, weights as resources over the mapped file.
//!
//! ```mlir
//! func.func @net(%x: tensor<?x1x28x28xf32>) -> tensor<?x10xf32> {
//!   %0 = "torch.convolution"(%x) {weight = dense_resource<conv1.weight> : tensor<…>, …} : …   loc("conv1"("net.ncg":2:3))
//! ```
//! Every op is located by its layer's name and its place in the graph file. The names of the outputs are not in the module;
//! they are in [`Graph::outputs`], in the order in which values are returned.

use std::collections::HashMap;
use std::sync::Arc;

use melior::Context;
use melior::dialect::func;
use melior::ir::attribute::{StringAttribute, TypeAttribute};
use melior::ir::operation::OperationLike;
use melior::ir::r#type::{FunctionType, RankedTensorType};
use melior::ir::{Block, BlockLike, Location, Module, Region, RegionLike, Type, Value};
use neurocuda_dialects::{Elements, Tensor, TensorAttr, ViewError, resource, torch};

use super::graph::{Graph, Node, Shape, ValueId, WeightRef};
use super::ops::{AvgPool, Conv, ConvTranspose, MaxPool, Operand, TorchOp};
use super::weights::Weights;
use crate::diagnostic::Origin;
use crate::mlir::{Number, batch_type};

/// A graph could not be emitted. A graph and the weights that it was checked against do not give this.
#[derive(Debug, thiserror::Error)]
pub enum EmitError {
    /// The graph was checked against another weights file.
    #[error("the weights file has no tensor `{0}` of the size that the graph states")]
    Weight(String),
    /// A node uses a value that is not defined before it.
    #[error("layer `{0}` uses a value that is not defined before it")]
    Value(String),
    /// MLIR refuses an op.
    #[error(transparent)]
    View(#[from] ViewError),
    /// MLIR refuses the module.
    #[error("the module is not valid")]
    Invalid,
}

/// Makes a module of the `torch` stage. `file` is what locations call the graph file.
///
/// # Errors
/// [`EmitError`], if `graph` was not checked against `weights`.
pub fn emit<'c>(
    context: &'c Context,
    graph: &Graph,
    weights: &Arc<Weights>,
    file: &str,
) -> Result<Module<'c>, EmitError> {
    let emitter = Emitter { context, graph, weights, file, attributes: HashMap::new() };
    let start = emitter.place(1, 1, graph.inputs.first().and_then(|input| input.at.as_ref()));
    let types =
        |shapes: &mut dyn Iterator<Item = &Shape>| shapes.map(|shape| emitter.value_type(shape)).collect();
    let inputs: Vec<Type> = types(&mut graph.inputs.iter().map(|input| &input.shape));
    let results: Vec<Type> = types(&mut graph.outputs.iter().filter_map(|output| graph.shape(output.value)));
    let located = graph
        .inputs
        .iter()
        .map(|input| emitter.location(&input.name, input.line, input.column, input.at.as_ref()));
    let arguments: Vec<_> = inputs.iter().copied().zip(located).collect();
    let function_type = TypeAttribute::new(FunctionType::new(context, &inputs, &results).into());
    let block = Block::new(&arguments);
    emitter.fill(&block, start)?;
    let region = Region::new();
    region.append_block(block);
    let name = StringAttribute::new(context, &graph.name);
    let module = Module::new(start);
    module.body().append_operation(func::func(context, name, function_type, region, &[], start));
    if module.as_operation().verify() { Ok(module) } else { Err(EmitError::Invalid) }
}

fn find<'c, 'a>(values: &[Value<'c, 'a>], id: ValueId, user: &str) -> Result<Value<'c, 'a>, EmitError> {
    values.get(id.index()).copied().ok_or_else(|| EmitError::Value(user.to_owned()))
}

struct Emitter<'c, 'g> {
    context: &'c Context,
    graph: &'g Graph,
    weights: &'g Arc<Weights>,
    file: &'g str,
    /// A tensor that several layers share becomes one resource.
    attributes: HashMap<&'g str, TensorAttr<'c>>,
}

impl<'c, 'g> Emitter<'c, 'g> {
    fn fill(mut self, block: &Block<'c>, end: Location<'c>) -> Result<(), EmitError> {
        let mut values: Vec<Value<'c, '_>> =
            Vec::with_capacity(self.graph.inputs.len() + self.graph.nodes.len());
        for index in 0..block.argument_count() {
            values.extend(block.argument(index).ok().map(Value::from));
        }
        for node in &self.graph.nodes {
            let operands = node.inputs.iter().map(|input| find(&values, *input, &node.layer));
            let operands = operands.collect::<Result<Vec<_>, _>>()?;
            let location = self.location(&node.layer, node.line, node.column, node.at.as_ref());
            let append = |op: torch::Op<'c>, operands: &[Value<'c, '_>], result: Type<'c>| {
                let built = op.build(self.context, operands, &[result], location)?;
                block.append_operation(built).result(0).map(Value::from).map_err(|_| EmitError::Invalid)
            };
            let op = self.op(node)?;
            let value = match &node.op {
                TorchOp::Concat(concat) => {
                    // The op joins two; the operands of an IRDL list would all need one type.
                    let shapes =
                        node.inputs.iter().filter_map(|input| self.graph.shape(*input)).collect::<Vec<_>>();
                    let mut joined = shapes.first().map(|shape| shape.sample().to_vec()).unwrap_or_default();
                    let mut value = operands.first().copied().ok_or(EmitError::Invalid)?;
                    for (operand, shape) in operands.iter().zip(&shapes).skip(1) {
                        let axis = concat.dim - 1;
                        joined[axis] += shape.sample()[axis];
                        let sizes = joined.iter().map(|size| *size as usize).collect::<Vec<_>>();
                        let result = batch_type(self.context, &sizes, Number::Real);
                        value = append(op.clone(), &[value, *operand], result)?;
                    }
                    value
                }
                TorchOp::Add(_) | TorchOp::Sub(_) => {
                    let result = self.value_type(&node.shape);
                    let mut repeated = Vec::with_capacity(operands.len());
                    for (operand, input) in operands.iter().zip(&node.inputs) {
                        repeated.push(match self.graph.shape(*input) {
                            Some(shape) if *shape != node.shape => {
                                append(torch::Op::Expand(torch::Expand {}), &[*operand], result)?
                            }
                            _ => *operand,
                        });
                    }
                    append(op, &repeated, result)?
                }
                _ => append(op, &operands, self.value_type(&node.shape))?,
            };
            values.push(value);
        }
        let outputs = self.graph.outputs.iter().map(|output| find(&values, output.value, &output.name));
        let outputs = outputs.collect::<Result<Vec<_>, _>>()?;
        block.append_operation(func::r#return(&outputs, end));
        Ok(())
    }

    fn value_type(&self, shape: &Shape) -> Type<'c> {
        let sizes = shape.sample().iter().map(|size| *size as usize).collect::<Vec<_>>();
        batch_type(self.context, &sizes, Number::Real)
    }

    fn location(&self, layer: &str, line: usize, column: usize, at: Option<&Origin>) -> Location<'c> {
        Location::name(self.context, layer, self.place(line, column, at))
    }

    /// The line of the user's program where it is known, else the place in the graph file.
    fn place(&self, line: usize, column: usize, at: Option<&Origin>) -> Location<'c> {
        match at {
            // PyTorch records no columns.
            Some(origin) => Location::new(self.context, &origin.file, origin.line, 0),
            None => Location::new(self.context, self.file, line, column),
        }
    }

    fn op(&mut self, node: &'g Node) -> Result<torch::Op<'c>, EmitError> {
        Ok(match &node.op {
            TorchOp::Conv1d(op) => self.conv(op)?,
            TorchOp::Conv2d(op) => self.conv(op)?,
            TorchOp::Conv3d(op) => self.conv(op)?,
            TorchOp::ConvTranspose1d(op) => self.conv_transpose(op)?,
            TorchOp::ConvTranspose2d(op) => self.conv_transpose(op)?,
            TorchOp::ConvTranspose3d(op) => self.conv_transpose(op)?,
            TorchOp::Linear(op) => torch::Op::Linear(torch::Linear {
                weight: self.weight(&op.weight)?,
                bias: self.weight_or(op.bias.as_ref(), op.weight.shape.first(), 0.0)?,
            }),
            TorchOp::BatchNorm(op) => torch::Op::BatchNorm(torch::BatchNorm {
                weight: self.weight_or(op.weight.as_ref(), op.running_mean.shape.first(), 1.0)?,
                bias: self.weight_or(op.bias.as_ref(), op.running_mean.shape.first(), 0.0)?,
                running_mean: self.weight(&op.running_mean)?,
                running_var: self.weight(&op.running_var)?,
                eps: op.eps,
            }),
            TorchOp::Normalize(op) => torch::Op::Normalize(torch::Normalize {
                scale: op.scale,
                mean: TensorAttr::new(
                    self.context,
                    &format!("{}.mean", node.layer),
                    &Tensor::reals(op.mean.clone()),
                )?,
                std: TensorAttr::new(
                    self.context,
                    &format!("{}.std", node.layer),
                    &Tensor::reals(op.std.clone()),
                )?,
            }),
            TorchOp::Relu(_) => torch::Op::Relu(torch::Relu {}),
            TorchOp::Clamp(op) => torch::Op::Clamp(torch::Clamp {
                minimum: op.min.unwrap_or(f64::NEG_INFINITY),
                maximum: op.max.unwrap_or(f64::INFINITY),
            }),
            TorchOp::Relu6(_) => torch::Op::Clamp(torch::Clamp { minimum: 0.0, maximum: 6.0 }),
            TorchOp::Hardtanh(op) => {
                torch::Op::Clamp(torch::Clamp { minimum: op.min_val, maximum: op.max_val })
            }
            TorchOp::LeakyRelu(op) => {
                torch::Op::LeakyRelu(torch::LeakyRelu { negative_slope: op.negative_slope })
            }
            TorchOp::Prelu(op) => torch::Op::Prelu(torch::Prelu { weight: self.weight(&op.weight)? }),
            TorchOp::Elu(op) => torch::Op::Elu(torch::Elu { alpha: op.alpha }),
            TorchOp::Softplus(op) => torch::Op::Softplus(torch::Softplus { beta: op.beta }),
            TorchOp::Hardsigmoid(_) => torch::Op::Hardsigmoid(torch::Hardsigmoid {}),
            TorchOp::Hardswish(_) => torch::Op::Hardswish(torch::Hardswish {}),
            TorchOp::Silu(_) => torch::Op::Silu(torch::Silu {}),
            TorchOp::Gelu(op) => torch::Op::Gelu(torch::Gelu { approximate_tanh: op.approximate_tanh }),
            TorchOp::Sigmoid(_) => torch::Op::Sigmoid(torch::Sigmoid {}),
            TorchOp::Tanh(_) => torch::Op::Tanh(torch::Tanh {}),
            TorchOp::Mish(_) => torch::Op::Mish(torch::Mish {}),
            TorchOp::Add(op) => match &op.y {
                Operand::Tensor => torch::Op::Add(torch::Add {}),
                Operand::Number(value) => torch::Op::AddScalar(torch::AddScalar { value: *value }),
                Operand::Weight { weight, sample } => torch::Op::AddConstant(torch::AddConstant {
                    value: self.constant(node, weight, sample, |value| value)?,
                }),
            },
            TorchOp::Sub(op) => match &op.y {
                Operand::Tensor => torch::Op::Sub(torch::Sub {}),
                Operand::Number(value) => torch::Op::AddScalar(torch::AddScalar { value: -value }),
                Operand::Weight { weight, sample } => torch::Op::AddConstant(torch::AddConstant {
                    value: self.constant(node, weight, sample, |value| -value)?,
                }),
            },
            TorchOp::Mul(op) => self.product(node, &op.y, |value| value)?,
            TorchOp::Div(op) => self.product(node, &op.y, f64::recip)?,
            TorchOp::Dropout(op) => torch::Op::Dropout(torch::Dropout { p: op.p }),
            TorchOp::Identity(_) => torch::Op::Identity(torch::Identity {}),
            TorchOp::MaxPool1d(op) => max_pool(op),
            TorchOp::MaxPool2d(op) => max_pool(op),
            TorchOp::MaxPool3d(op) => max_pool(op),
            TorchOp::AvgPool1d(op) => avg_pool(op),
            TorchOp::AvgPool2d(op) => avg_pool(op),
            TorchOp::AvgPool3d(op) => avg_pool(op),
            TorchOp::AdaptiveAvgPool1d(op) => adaptive_avg_pool(&op.output_size),
            TorchOp::AdaptiveAvgPool2d(op) => adaptive_avg_pool(&op.output_size),
            TorchOp::AdaptiveAvgPool3d(op) => adaptive_avg_pool(&op.output_size),
            TorchOp::AdaptiveMaxPool1d(op) => adaptive_max_pool(&op.output_size),
            TorchOp::AdaptiveMaxPool2d(op) => adaptive_max_pool(&op.output_size),
            TorchOp::AdaptiveMaxPool3d(op) => adaptive_max_pool(&op.output_size),
            TorchOp::Amax(op) => {
                let dims = op.dims.iter().map(|dim| *dim as i64).collect();
                torch::Op::Amax(torch::Amax { dims, keepdim: op.keepdim })
            }
            TorchOp::Mean(op) => {
                let dims = op.dims.iter().map(|dim| *dim as i64).collect();
                torch::Op::Mean(torch::Mean { dims, keepdim: op.keepdim })
            }
            TorchOp::Flatten(op) => torch::Op::Flatten(torch::Flatten {
                start_dim: op.start_dim as i64,
                end_dim: op.end_dim as i64,
            }),
            TorchOp::Reshape(_) => torch::Op::Reshape(torch::Reshape {}),
            TorchOp::Permute(op) => {
                torch::Op::Permute(torch::Permute { dims: op.dims.iter().map(|dim| *dim as i64).collect() })
            }
            TorchOp::UpsampleNearest(op) => {
                torch::Op::UpsampleNearest(torch::UpsampleNearest { output_size: op.size.clone() })
            }
            TorchOp::Concat(op) => torch::Op::Cat(torch::Cat { dim: op.dim as i64 }),
            TorchOp::Slice(op) => torch::Op::Slice(torch::Slice {
                dim: op.dim as i64,
                start: op.start,
                end: op.end,
                step: op.step,
            }),
            TorchOp::Softmax(op) => torch::Op::Softmax(torch::Softmax { dim: op.dim as i64 }),
            TorchOp::LogSoftmax(op) => torch::Op::LogSoftmax(torch::LogSoftmax { dim: op.dim as i64 }),
            TorchOp::Argmax(op) => {
                torch::Op::Argmax(torch::Argmax { dim: op.dim as i64, keepdim: op.keepdim })
            }
            TorchOp::Pad(op) => {
                // The attributes count the batch axis, which is never padded.
                let side = |side: usize| {
                    std::iter::once(0).chain(op.padding.iter().map(move |pair| pair[side])).collect()
                };
                torch::Op::ConstantPad(torch::ConstantPad {
                    before: side(0),
                    after: side(1),
                    value: op.value,
                })
            }
        })
    }

    fn conv<const AXES: usize>(&mut self, op: &'g Conv<AXES>) -> Result<torch::Op<'c>, EmitError> {
        Ok(torch::Op::Convolution(torch::Convolution {
            weight: self.weight(&op.weight)?,
            bias: self.weight_or(op.bias.as_ref(), op.weight.shape.first(), 0.0)?,
            stride: op.stride.to_vec(),
            padding: op.padding.to_vec(),
            dilation: op.dilation.to_vec(),
            groups: op.groups,
            transposed: false,
            output_padding: vec![0; AXES],
        }))
    }

    fn conv_transpose<const AXES: usize>(
        &mut self,
        op: &'g ConvTranspose<AXES>,
    ) -> Result<torch::Op<'c>, EmitError> {
        let outputs = op.weight.shape.get(1).map(|outputs| outputs * op.groups);
        Ok(torch::Op::Convolution(torch::Convolution {
            weight: self.weight(&op.weight)?,
            bias: self.weight_or(op.bias.as_ref(), outputs.as_ref(), 0.0)?,
            stride: op.stride.to_vec(),
            padding: op.padding.to_vec(),
            dilation: op.dilation.to_vec(),
            groups: op.groups,
            transposed: true,
            output_padding: op.output_padding.to_vec(),
        }))
    }

    /// `x` times what `factor` makes of the operand.
    fn product(
        &self,
        node: &Node,
        operand: &Operand,
        factor: fn(f64) -> f64,
    ) -> Result<torch::Op<'c>, EmitError> {
        Ok(match operand {
            Operand::Number(value) => torch::Op::MulScalar(torch::MulScalar { value: factor(*value) }),
            Operand::Weight { weight, sample } => torch::Op::MulConstant(torch::MulConstant {
                value: self.constant(node, weight, sample, factor)?,
            }),
            Operand::Tensor => return Err(EmitError::Value(node.layer.clone())),
        })
    }

    /// What `value` makes of the elements of a weight, with the axes of a sample.
    fn constant(
        &self,
        node: &Node,
        weight: &WeightRef,
        sample: &[i64],
        value: fn(f64) -> f64,
    ) -> Result<TensorAttr<'c>, EmitError> {
        let missing = || EmitError::Weight(weight.key.clone());
        let elements = self.weights.get(&weight.key).and_then(|tensor| tensor.f32s()).ok_or_else(missing)?;
        let shape = sample.iter().map(|size| *size as usize).collect::<Vec<_>>();
        if elements.len() != shape.iter().product::<usize>() {
            return Err(missing());
        }
        let elements = Elements::F64(elements.iter().map(|&element| value(f64::from(element))).collect());
        Ok(TensorAttr::new(self.context, &format!("{}.y", node.layer), &Tensor { shape, elements })?)
    }

    /// A tensor of the weights file, not copied where its alignment allows it.
    fn weight(&mut self, weight: &'g WeightRef) -> Result<TensorAttr<'c>, EmitError> {
        if let Some(known) = self.attributes.get(weight.key.as_str()) {
            return Ok(*known);
        }
        let missing = || EmitError::Weight(weight.key.clone());
        let range = self.weights.range(&weight.key).ok_or_else(missing)?;
        let dims = weight.shape.iter().map(|size| *size as u64).collect::<Vec<_>>();
        let values = dims.iter().try_fold(1_u64, |count, size| count.checked_mul(*size));
        if values.and_then(|values| values.checked_mul(size_of::<f32>() as u64)) != Some(range.len() as u64) {
            return Err(missing());
        }
        let r#type = RankedTensorType::new(&dims, Type::float32(self.context), None).into();
        let attribute =
            resource::shared(r#type, &weight.key, Arc::clone(self.weights), range).ok_or_else(missing)?;
        let attribute = TensorAttr::from_attribute(attribute).ok_or_else(missing)?;
        self.attributes.insert(&weight.key, attribute);
        Ok(attribute)
    }

    /// A tensor of the weights file, else one of `count` equal values.
    fn weight_or(
        &mut self,
        weight: Option<&'g WeightRef>,
        count: Option<&i64>,
        value: f64,
    ) -> Result<TensorAttr<'c>, EmitError> {
        match weight {
            Some(weight) => self.weight(weight),
            None => {
                let count = count.map_or(0, |count| *count as usize);
                TensorAttr::splat(self.context, &[count], value).ok_or(EmitError::Invalid)
            }
        }
    }
}

fn max_pool<'c, const AXES: usize>(op: &MaxPool<AXES>) -> torch::Op<'c> {
    torch::Op::MaxPool(torch::MaxPool {
        kernel: op.kernel.to_vec(),
        stride: op.stride.to_vec(),
        padding: op.padding.to_vec(),
        dilation: op.dilation.to_vec(),
        ceil_mode: op.ceil_mode,
    })
}

fn avg_pool<'c, const AXES: usize>(op: &AvgPool<AXES>) -> torch::Op<'c> {
    torch::Op::AvgPool(torch::AvgPool {
        kernel: op.kernel.to_vec(),
        stride: op.stride.to_vec(),
        padding: op.padding.to_vec(),
        ceil_mode: op.ceil_mode,
        count_include_pad: op.count_include_pad,
        divisor_override: op.divisor_override.unwrap_or(0),
    })
}

fn adaptive_avg_pool<'c>(output_size: &[i64]) -> torch::Op<'c> {
    torch::Op::AdaptiveAvgPool(torch::AdaptiveAvgPool { output_size: output_size.to_vec() })
}

fn adaptive_max_pool<'c>(output_size: &[i64]) -> torch::Op<'c> {
    torch::Op::AdaptiveMaxPool(torch::AdaptiveMaxPool { output_size: output_size.to_vec() })
}
