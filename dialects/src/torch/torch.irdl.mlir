// The `torch` dialect: what the checkpoint says, op for op, in ATen names
//
// An op, its operands, attributes, summary and purity are stated here and nowhere else; `mod.rs` beside this file is its
// typed view in Rust. `summary` and `pure` are free attributes: the reference documents and the dead-op pass read them.
irdl.dialect @torch attributes {summary = "what the checkpoint says, op for op, in ATen names"} {
  irdl.operation @convolution attributes {summary = "cross-correlation over 1 to 3 spatial axes with zero padding and a bias; transposed, its adjoint", pure} {
    %input_type = irdl.base "!builtin.tensor"
    %weight_dense = irdl.base "#builtin.dense_int_or_fp_elements"
    %weight_resource = irdl.base "#builtin.dense_resource_elements"
    %weight = irdl.any_of(%weight_dense, %weight_resource)
    %bias_dense = irdl.base "#builtin.dense_int_or_fp_elements"
    %bias_resource = irdl.base "#builtin.dense_resource_elements"
    %bias = irdl.any_of(%bias_dense, %bias_resource)
    %stride = irdl.base "#builtin.dense_array"
    %padding = irdl.base "#builtin.dense_array"
    %dilation = irdl.base "#builtin.dense_array"
    %groups = irdl.base "#builtin.integer"
    %transposed = irdl.base "#builtin.integer"
    %output_padding = irdl.base "#builtin.dense_array"
    %result_type = irdl.base "!builtin.tensor"
    irdl.operands(input: %input_type)
    irdl.results(result: %result_type)
    irdl.attributes {
      "weight" = %weight,
      "bias" = %bias,
      "stride" = %stride,
      "padding" = %padding,
      "dilation" = %dilation,
      "groups" = %groups,
      "transposed" = %transposed,
      "output_padding" = %output_padding
    }
  }
  irdl.operation @linear attributes {summary = "dense layer: input times transposed weight, plus bias", pure} {
    %input_type = irdl.base "!builtin.tensor"
    %weight_dense = irdl.base "#builtin.dense_int_or_fp_elements"
    %weight_resource = irdl.base "#builtin.dense_resource_elements"
    %weight = irdl.any_of(%weight_dense, %weight_resource)
    %bias_dense = irdl.base "#builtin.dense_int_or_fp_elements"
    %bias_resource = irdl.base "#builtin.dense_resource_elements"
    %bias = irdl.any_of(%bias_dense, %bias_resource)
    %result_type = irdl.base "!builtin.tensor"
    irdl.operands(input: %input_type)
    irdl.results(result: %result_type)
    irdl.attributes {
      "weight" = %weight,
      "bias" = %bias
    }
  }
  irdl.operation @batch_norm attributes {summary = "batch normalisation by running statistics", pure} {
    %input_type = irdl.base "!builtin.tensor"
    %weight_dense = irdl.base "#builtin.dense_int_or_fp_elements"
    %weight_resource = irdl.base "#builtin.dense_resource_elements"
    %weight = irdl.any_of(%weight_dense, %weight_resource)
    %bias_dense = irdl.base "#builtin.dense_int_or_fp_elements"
    %bias_resource = irdl.base "#builtin.dense_resource_elements"
    %bias = irdl.any_of(%bias_dense, %bias_resource)
    %running_mean_dense = irdl.base "#builtin.dense_int_or_fp_elements"
    %running_mean_resource = irdl.base "#builtin.dense_resource_elements"
    %running_mean = irdl.any_of(%running_mean_dense, %running_mean_resource)
    %running_var_dense = irdl.base "#builtin.dense_int_or_fp_elements"
    %running_var_resource = irdl.base "#builtin.dense_resource_elements"
    %running_var = irdl.any_of(%running_var_dense, %running_var_resource)
    %eps = irdl.base "#builtin.float"
    %result_type = irdl.base "!builtin.tensor"
    irdl.operands(input: %input_type)
    irdl.results(result: %result_type)
    irdl.attributes {
      "weight" = %weight,
      "bias" = %bias,
      "running_mean" = %running_mean,
      "running_var" = %running_var,
      "eps" = %eps
    }
  }
  irdl.operation @relu attributes {summary = "maximum of 0 and the input", pure} {
    %input_type = irdl.base "!builtin.tensor"
    %result_type = irdl.base "!builtin.tensor"
    irdl.operands(input: %input_type)
    irdl.results(result: %result_type)
  }
  irdl.operation @clamp attributes {summary = "input limited to [minimum, maximum]", pure} {
    %input_type = irdl.base "!builtin.tensor"
    %minimum = irdl.base "#builtin.float"
    %maximum = irdl.base "#builtin.float"
    %result_type = irdl.base "!builtin.tensor"
    irdl.operands(input: %input_type)
    irdl.results(result: %result_type)
    irdl.attributes {
      "minimum" = %minimum,
      "maximum" = %maximum
    }
  }
  irdl.operation @leaky_relu attributes {summary = "x where it is positive, else negative_slope * x", pure} {
    %input_type = irdl.base "!builtin.tensor"
    %negative_slope = irdl.base "#builtin.float"
    %result_type = irdl.base "!builtin.tensor"
    irdl.operands(input: %input_type)
    irdl.results(result: %result_type)
    irdl.attributes {
      "negative_slope" = %negative_slope
    }
  }
  irdl.operation @prelu attributes {summary = "x where it is positive, else slope * x; one slope, or one a channel", pure} {
    %input_type = irdl.base "!builtin.tensor"
    %weight_dense = irdl.base "#builtin.dense_int_or_fp_elements"
    %weight_resource = irdl.base "#builtin.dense_resource_elements"
    %weight = irdl.any_of(%weight_dense, %weight_resource)
    %result_type = irdl.base "!builtin.tensor"
    irdl.operands(input: %input_type)
    irdl.results(result: %result_type)
    irdl.attributes {
      "weight" = %weight
    }
  }
  irdl.operation @elu attributes {summary = "x where it is positive, else alpha * (exp(x) - 1)", pure} {
    %input_type = irdl.base "!builtin.tensor"
    %alpha = irdl.base "#builtin.float"
    %result_type = irdl.base "!builtin.tensor"
    irdl.operands(input: %input_type)
    irdl.results(result: %result_type)
    irdl.attributes {
      "alpha" = %alpha
    }
  }
  irdl.operation @hardsigmoid attributes {summary = "x / 6 + 1 / 2 limited to [0, 1]", pure} {
    %input_type = irdl.base "!builtin.tensor"
    %result_type = irdl.base "!builtin.tensor"
    irdl.operands(input: %input_type)
    irdl.results(result: %result_type)
  }
  irdl.operation @hardswish attributes {summary = "x times its hard sigmoid", pure} {
    %input_type = irdl.base "!builtin.tensor"
    %result_type = irdl.base "!builtin.tensor"
    irdl.operands(input: %input_type)
    irdl.results(result: %result_type)
  }
  irdl.operation @silu attributes {summary = "x times its sigmoid", pure} {
    %input_type = irdl.base "!builtin.tensor"
    %result_type = irdl.base "!builtin.tensor"
    irdl.operands(input: %input_type)
    irdl.results(result: %result_type)
  }
  irdl.operation @gelu attributes {summary = "x times the normal distribution function of x, or its approximation by tanh", pure} {
    %input_type = irdl.base "!builtin.tensor"
    %approximate_tanh = irdl.base "#builtin.integer"
    %result_type = irdl.base "!builtin.tensor"
    irdl.operands(input: %input_type)
    irdl.results(result: %result_type)
    irdl.attributes {
      "approximate_tanh" = %approximate_tanh
    }
  }
  irdl.operation @sigmoid attributes {summary = "1 / (1 + exp(-x))", pure} {
    %input_type = irdl.base "!builtin.tensor"
    %result_type = irdl.base "!builtin.tensor"
    irdl.operands(input: %input_type)
    irdl.results(result: %result_type)
  }
  irdl.operation @tanh attributes {summary = "hyperbolic tangent", pure} {
    %input_type = irdl.base "!builtin.tensor"
    %result_type = irdl.base "!builtin.tensor"
    irdl.operands(input: %input_type)
    irdl.results(result: %result_type)
  }
  irdl.operation @softplus attributes {summary = "log(1 + exp(beta * x)) / beta", pure} {
    %input_type = irdl.base "!builtin.tensor"
    %beta = irdl.base "#builtin.float"
    %result_type = irdl.base "!builtin.tensor"
    irdl.operands(input: %input_type)
    irdl.results(result: %result_type)
    irdl.attributes {
      "beta" = %beta
    }
  }
  irdl.operation @mish attributes {summary = "x times the tanh of its softplus", pure} {
    %input_type = irdl.base "!builtin.tensor"
    %result_type = irdl.base "!builtin.tensor"
    irdl.operands(input: %input_type)
    irdl.results(result: %result_type)
  }
  irdl.operation @max_pool attributes {summary = "maximum over windows; padding never wins", pure} {
    %input_type = irdl.base "!builtin.tensor"
    %kernel = irdl.base "#builtin.dense_array"
    %stride = irdl.base "#builtin.dense_array"
    %padding = irdl.base "#builtin.dense_array"
    %dilation = irdl.base "#builtin.dense_array"
    %ceil_mode = irdl.base "#builtin.integer"
    %result_type = irdl.base "!builtin.tensor"
    irdl.operands(input: %input_type)
    irdl.results(result: %result_type)
    irdl.attributes {
      "kernel" = %kernel,
      "stride" = %stride,
      "padding" = %padding,
      "dilation" = %dilation,
      "ceil_mode" = %ceil_mode
    }
  }
  irdl.operation @avg_pool attributes {summary = "mean over windows, or their sum over divisor_override where that is not 0", pure} {
    %input_type = irdl.base "!builtin.tensor"
    %kernel = irdl.base "#builtin.dense_array"
    %stride = irdl.base "#builtin.dense_array"
    %padding = irdl.base "#builtin.dense_array"
    %ceil_mode = irdl.base "#builtin.integer"
    %count_include_pad = irdl.base "#builtin.integer"
    %divisor_override = irdl.base "#builtin.integer"
    %result_type = irdl.base "!builtin.tensor"
    irdl.operands(input: %input_type)
    irdl.results(result: %result_type)
    irdl.attributes {
      "kernel" = %kernel,
      "stride" = %stride,
      "padding" = %padding,
      "ceil_mode" = %ceil_mode,
      "count_include_pad" = %count_include_pad,
      "divisor_override" = %divisor_override
    }
  }
  irdl.operation @adaptive_avg_pool attributes {summary = "mean over windows that divide the input into output_size parts", pure} {
    %input_type = irdl.base "!builtin.tensor"
    %output_size = irdl.base "#builtin.dense_array"
    %result_type = irdl.base "!builtin.tensor"
    irdl.operands(input: %input_type)
    irdl.results(result: %result_type)
    irdl.attributes {
      "output_size" = %output_size
    }
  }
  irdl.operation @adaptive_max_pool attributes {summary = "maximum over windows that divide the input into output_size parts", pure} {
    %input_type = irdl.base "!builtin.tensor"
    %output_size = irdl.base "#builtin.dense_array"
    %result_type = irdl.base "!builtin.tensor"
    irdl.operands(input: %input_type)
    irdl.results(result: %result_type)
    irdl.attributes {
      "output_size" = %output_size
    }
  }
  irdl.operation @add attributes {summary = "sum of two tensors of one shape", pure} {
    %lhs_type = irdl.base "!builtin.tensor"
    %rhs_type = irdl.base "!builtin.tensor"
    %result_type = irdl.base "!builtin.tensor"
    irdl.operands(lhs: %lhs_type, rhs: %rhs_type)
    irdl.results(result: %result_type)
  }
  irdl.operation @add_scalar attributes {summary = "input plus a constant", pure} {
    %input_type = irdl.base "!builtin.tensor"
    %value = irdl.base "#builtin.float"
    %result_type = irdl.base "!builtin.tensor"
    irdl.operands(input: %input_type)
    irdl.results(result: %result_type)
    irdl.attributes {
      "value" = %value
    }
  }
  irdl.operation @mul_scalar attributes {summary = "input times a constant", pure} {
    %input_type = irdl.base "!builtin.tensor"
    %value = irdl.base "#builtin.float"
    %result_type = irdl.base "!builtin.tensor"
    irdl.operands(input: %input_type)
    irdl.results(result: %result_type)
    irdl.attributes {
      "value" = %value
    }
  }
  irdl.operation @sub attributes {summary = "difference of two tensors of one shape", pure} {
    %lhs_type = irdl.base "!builtin.tensor"
    %rhs_type = irdl.base "!builtin.tensor"
    %result_type = irdl.base "!builtin.tensor"
    irdl.operands(lhs: %lhs_type, rhs: %rhs_type)
    irdl.results(result: %result_type)
  }
  irdl.operation @add_constant attributes {summary = "input plus a constant, whose axes are those of a sample or 1", pure} {
    %input_type = irdl.base "!builtin.tensor"
    %value_dense = irdl.base "#builtin.dense_int_or_fp_elements"
    %value_resource = irdl.base "#builtin.dense_resource_elements"
    %value = irdl.any_of(%value_dense, %value_resource)
    %result_type = irdl.base "!builtin.tensor"
    irdl.operands(input: %input_type)
    irdl.results(result: %result_type)
    irdl.attributes {
      "value" = %value
    }
  }
  irdl.operation @mul_constant attributes {summary = "input times a constant, whose axes are those of a sample or 1", pure} {
    %input_type = irdl.base "!builtin.tensor"
    %value_dense = irdl.base "#builtin.dense_int_or_fp_elements"
    %value_resource = irdl.base "#builtin.dense_resource_elements"
    %value = irdl.any_of(%value_dense, %value_resource)
    %result_type = irdl.base "!builtin.tensor"
    irdl.operands(input: %input_type)
    irdl.results(result: %result_type)
    irdl.attributes {
      "value" = %value
    }
  }
  irdl.operation @flatten attributes {summary = "axes start_dim to end_dim as one", pure} {
    %input_type = irdl.base "!builtin.tensor"
    %start_dim = irdl.base "#builtin.integer"
    %end_dim = irdl.base "#builtin.integer"
    %result_type = irdl.base "!builtin.tensor"
    irdl.operands(input: %input_type)
    irdl.results(result: %result_type)
    irdl.attributes {
      "start_dim" = %start_dim,
      "end_dim" = %end_dim
    }
  }
  irdl.operation @dropout attributes {summary = "identity at inference", pure} {
    %input_type = irdl.base "!builtin.tensor"
    %p = irdl.base "#builtin.float"
    %result_type = irdl.base "!builtin.tensor"
    irdl.operands(input: %input_type)
    irdl.results(result: %result_type)
    irdl.attributes {
      "p" = %p
    }
  }
  irdl.operation @identity attributes {summary = "identity", pure} {
    %input_type = irdl.base "!builtin.tensor"
    %result_type = irdl.base "!builtin.tensor"
    irdl.operands(input: %input_type)
    irdl.results(result: %result_type)
  }
  irdl.operation @cat attributes {summary = "two tensors joined along an axis", pure} {
    %lhs_type = irdl.base "!builtin.tensor"
    %rhs_type = irdl.base "!builtin.tensor"
    %dim = irdl.base "#builtin.integer"
    %result_type = irdl.base "!builtin.tensor"
    irdl.operands(lhs: %lhs_type, rhs: %rhs_type)
    irdl.results(result: %result_type)
    irdl.attributes {
      "dim" = %dim
    }
  }
  irdl.operation @permute attributes {summary = "axis i is axis dims[i] of the input; the batch axis stays first", pure} {
    %input_type = irdl.base "!builtin.tensor"
    %dims = irdl.base "#builtin.dense_array"
    %result_type = irdl.base "!builtin.tensor"
    irdl.operands(input: %input_type)
    irdl.results(result: %result_type)
    irdl.attributes {
      "dims" = %dims
    }
  }
  irdl.operation @reshape attributes {summary = "the same elements in row-major order under the shape of the result", pure} {
    %input_type = irdl.base "!builtin.tensor"
    %result_type = irdl.base "!builtin.tensor"
    irdl.operands(input: %input_type)
    irdl.results(result: %result_type)
  }
  irdl.operation @expand attributes {summary = "axes of size 1 repeated to the shape of the result", pure} {
    %input_type = irdl.base "!builtin.tensor"
    %result_type = irdl.base "!builtin.tensor"
    irdl.operands(input: %input_type)
    irdl.results(result: %result_type)
  }
  irdl.operation @upsample_nearest attributes {summary = "each element of the spatial axes repeated to output_size, as PyTorch rounds", pure} {
    %input_type = irdl.base "!builtin.tensor"
    %output_size = irdl.base "#builtin.dense_array"
    %result_type = irdl.base "!builtin.tensor"
    irdl.operands(input: %input_type)
    irdl.results(result: %result_type)
    irdl.attributes {
      "output_size" = %output_size
    }
  }
  irdl.operation @slice attributes {summary = "every step-th slab of an axis in [start, end)", pure} {
    %input_type = irdl.base "!builtin.tensor"
    %dim = irdl.base "#builtin.integer"
    %start = irdl.base "#builtin.integer"
    %end = irdl.base "#builtin.integer"
    %step = irdl.base "#builtin.integer"
    %result_type = irdl.base "!builtin.tensor"
    irdl.operands(input: %input_type)
    irdl.results(result: %result_type)
    irdl.attributes {
      "dim" = %dim,
      "start" = %start,
      "end" = %end,
      "step" = %step
    }
  }
  irdl.operation @constant_pad attributes {summary = "constant elements around the input, counts for each axis", pure} {
    %input_type = irdl.base "!builtin.tensor"
    %before = irdl.base "#builtin.dense_array"
    %after = irdl.base "#builtin.dense_array"
    %value = irdl.base "#builtin.float"
    %result_type = irdl.base "!builtin.tensor"
    irdl.operands(input: %input_type)
    irdl.results(result: %result_type)
    irdl.attributes {
      "before" = %before,
      "after" = %after,
      "value" = %value
    }
  }
  irdl.operation @mean attributes {summary = "mean over axes", pure} {
    %input_type = irdl.base "!builtin.tensor"
    %dims = irdl.base "#builtin.dense_array"
    %keepdim = irdl.base "#builtin.integer"
    %result_type = irdl.base "!builtin.tensor"
    irdl.operands(input: %input_type)
    irdl.results(result: %result_type)
    irdl.attributes {
      "dims" = %dims,
      "keepdim" = %keepdim
    }
  }
  irdl.operation @amax attributes {summary = "maximum over axes", pure} {
    %input_type = irdl.base "!builtin.tensor"
    %dims = irdl.base "#builtin.dense_array"
    %keepdim = irdl.base "#builtin.integer"
    %result_type = irdl.base "!builtin.tensor"
    irdl.operands(input: %input_type)
    irdl.results(result: %result_type)
    irdl.attributes {
      "dims" = %dims,
      "keepdim" = %keepdim
    }
  }
  irdl.operation @normalize attributes {summary = "(input * scale - mean) / std, mean and std for each channel", pure} {
    %input_type = irdl.base "!builtin.tensor"
    %scale = irdl.base "#builtin.float"
    %mean_dense = irdl.base "#builtin.dense_int_or_fp_elements"
    %mean_resource = irdl.base "#builtin.dense_resource_elements"
    %mean = irdl.any_of(%mean_dense, %mean_resource)
    %std_dense = irdl.base "#builtin.dense_int_or_fp_elements"
    %std_resource = irdl.base "#builtin.dense_resource_elements"
    %std = irdl.any_of(%std_dense, %std_resource)
    %result_type = irdl.base "!builtin.tensor"
    irdl.operands(input: %input_type)
    irdl.results(result: %result_type)
    irdl.attributes {
      "scale" = %scale,
      "mean" = %mean,
      "std" = %std
    }
  }
  irdl.operation @softmax attributes {summary = "exp(x) / sum(exp(x)) along an axis", pure} {
    %input_type = irdl.base "!builtin.tensor"
    %dim = irdl.base "#builtin.integer"
    %result_type = irdl.base "!builtin.tensor"
    irdl.operands(input: %input_type)
    irdl.results(result: %result_type)
    irdl.attributes {
      "dim" = %dim
    }
  }
  irdl.operation @log_softmax attributes {summary = "log of the softmax along an axis", pure} {
    %input_type = irdl.base "!builtin.tensor"
    %dim = irdl.base "#builtin.integer"
    %result_type = irdl.base "!builtin.tensor"
    irdl.operands(input: %input_type)
    irdl.results(result: %result_type)
    irdl.attributes {
      "dim" = %dim
    }
  }
  irdl.operation @argmax attributes {summary = "index of the largest value along an axis, of the first where several are", pure} {
    %input_type = irdl.base "!builtin.tensor"
    %dim = irdl.base "#builtin.integer"
    %keepdim = irdl.base "#builtin.integer"
    %result_type = irdl.base "!builtin.tensor"
    irdl.operands(input: %input_type)
    irdl.results(result: %result_type)
    irdl.attributes {
      "dim" = %dim,
      "keepdim" = %keepdim
    }
  }
}
