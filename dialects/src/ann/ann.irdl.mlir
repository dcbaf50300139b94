// The `ann` dialect: the network without framework noise; later calibrated; later integer
//
// An op, its operands, attributes, summary and purity are stated here and nowhere else; `mod.rs` beside this file is its
// typed view in Rust. `summary` and `pure` are free attributes: the reference documents and the dead-op pass read them.
irdl.dialect @ann attributes {summary = "the network without framework noise; later calibrated; later integer"} {
  irdl.operation @normalize attributes {summary = "the network input: limited(input * multiplier + offset), for each channel", pure} {
    %input_type = irdl.base "!builtin.tensor"
    %multiplier_dense = irdl.base "#builtin.dense_int_or_fp_elements"
    %multiplier_resource = irdl.base "#builtin.dense_resource_elements"
    %multiplier = irdl.any_of(%multiplier_dense, %multiplier_resource)
    %offset_dense = irdl.base "#builtin.dense_int_or_fp_elements"
    %offset_resource = irdl.base "#builtin.dense_resource_elements"
    %offset = irdl.any_of(%offset_dense, %offset_resource)
    %minimum_dense = irdl.base "#builtin.dense_int_or_fp_elements"
    %minimum_resource = irdl.base "#builtin.dense_resource_elements"
    %minimum = irdl.any_of(%minimum_dense, %minimum_resource)
    %maximum_dense = irdl.base "#builtin.dense_int_or_fp_elements"
    %maximum_resource = irdl.base "#builtin.dense_resource_elements"
    %maximum = irdl.any_of(%maximum_dense, %maximum_resource)
    %result_type = irdl.base "!builtin.tensor"
    irdl.operands(input: %input_type)
    irdl.results(result: %result_type)
    irdl.attributes {
      "multiplier" = %multiplier,
      "offset" = %offset,
      "minimum" = %minimum,
      "maximum" = %maximum
    }
  }
  irdl.operation @conv attributes {summary = "cross-correlation over 1 to 3 spatial axes, or its adjoint if transposed, with zero padding and a bias; weight [O, I / groups, k…] either way", pure} {
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
      "transposed" = %transposed
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
  irdl.operation @scale attributes {summary = "one factor and one bias a channel", pure} {
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
  irdl.operation @activation attributes {summary = "input limited to [minimum, maximum]: the place where a neuron will stand", pure} {
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
  irdl.operation @curve attributes {summary = "a function of each element, by its name in PyTorch; parameter has one number, or one a channel", pure} {
    %input_type = irdl.base "!builtin.tensor"
    %function = irdl.base "#builtin.string"
    %parameter_dense = irdl.base "#builtin.dense_int_or_fp_elements"
    %parameter_resource = irdl.base "#builtin.dense_resource_elements"
    %parameter = irdl.any_of(%parameter_dense, %parameter_resource)
    %result_type = irdl.base "!builtin.tensor"
    irdl.operands(input: %input_type)
    irdl.results(result: %result_type)
    irdl.attributes {
      "function" = %function,
      "parameter" = %parameter
    }
  }
  irdl.operation @max_pool2d attributes {summary = "maximum over windows; padding never wins", pure} {
    %input_type = irdl.base "!builtin.tensor"
    %kernel = irdl.base "#builtin.dense_array"
    %stride = irdl.base "#builtin.dense_array"
    %padding = irdl.base "#builtin.dense_array"
    %dilation = irdl.base "#builtin.dense_array"
    %result_type = irdl.base "!builtin.tensor"
    irdl.operands(input: %input_type)
    irdl.results(result: %result_type)
    irdl.attributes {
      "kernel" = %kernel,
      "stride" = %stride,
      "padding" = %padding,
      "dilation" = %dilation
    }
  }
  irdl.operation @avg_pool2d attributes {summary = "sum over the window rows[2i..2i+2] x columns[2j..2j+2] over divisor[i, j]", pure} {
    %input_type = irdl.base "!builtin.tensor"
    %rows = irdl.base "#builtin.dense_array"
    %columns = irdl.base "#builtin.dense_array"
    %divisor_dense = irdl.base "#builtin.dense_int_or_fp_elements"
    %divisor_resource = irdl.base "#builtin.dense_resource_elements"
    %divisor = irdl.any_of(%divisor_dense, %divisor_resource)
    %result_type = irdl.base "!builtin.tensor"
    irdl.operands(input: %input_type)
    irdl.results(result: %result_type)
    irdl.attributes {
      "rows" = %rows,
      "columns" = %columns,
      "divisor" = %divisor
    }
  }
  irdl.operation @sum_pool2d attributes {summary = "sum over the window rows[2i..2i+2] x columns[2j..2j+2] times multiplier[i, j]", pure} {
    %input_type = irdl.base "!builtin.tensor"
    %rows = irdl.base "#builtin.dense_array"
    %columns = irdl.base "#builtin.dense_array"
    %multiplier_dense = irdl.base "#builtin.dense_int_or_fp_elements"
    %multiplier_resource = irdl.base "#builtin.dense_resource_elements"
    %multiplier = irdl.any_of(%multiplier_dense, %multiplier_resource)
    %result_type = irdl.base "!builtin.tensor"
    irdl.operands(input: %input_type)
    irdl.results(result: %result_type)
    irdl.attributes {
      "rows" = %rows,
      "columns" = %columns,
      "multiplier" = %multiplier
    }
  }
  irdl.operation @add attributes {summary = "sum of two tensors of one shape", pure} {
    %lhs_type = irdl.base "!builtin.tensor"
    %rhs_type = irdl.base "!builtin.tensor"
    %result_type = irdl.base "!builtin.tensor"
    irdl.operands(lhs: %lhs_type, rhs: %rhs_type)
    irdl.results(result: %result_type)
  }
  irdl.operation @concat attributes {summary = "two tensors joined along an axis", pure} {
    %lhs_type = irdl.base "!builtin.tensor"
    %rhs_type = irdl.base "!builtin.tensor"
    %axis = irdl.base "#builtin.integer"
    %result_type = irdl.base "!builtin.tensor"
    irdl.operands(lhs: %lhs_type, rhs: %rhs_type)
    irdl.results(result: %result_type)
    irdl.attributes {
      "axis" = %axis
    }
  }
  irdl.operation @gather attributes {summary = "slab i of an axis is slab indices[i] of the input", pure} {
    %input_type = irdl.base "!builtin.tensor"
    %axis = irdl.base "#builtin.integer"
    %indices = irdl.base "#builtin.dense_array"
    %result_type = irdl.base "!builtin.tensor"
    irdl.operands(input: %input_type)
    irdl.results(result: %result_type)
    irdl.attributes {
      "axis" = %axis,
      "indices" = %indices
    }
  }
  irdl.operation @permute attributes {summary = "axis i is axis axes[i] of the input; the batch axis stays first", pure} {
    %input_type = irdl.base "!builtin.tensor"
    %axes = irdl.base "#builtin.dense_array"
    %result_type = irdl.base "!builtin.tensor"
    irdl.operands(input: %input_type)
    irdl.results(result: %result_type)
    irdl.attributes {
      "axes" = %axes
    }
  }
  irdl.operation @pad attributes {summary = "zeros around the input, counts for each axis", pure} {
    %input_type = irdl.base "!builtin.tensor"
    %before = irdl.base "#builtin.dense_array"
    %after = irdl.base "#builtin.dense_array"
    %result_type = irdl.base "!builtin.tensor"
    irdl.operands(input: %input_type)
    irdl.results(result: %result_type)
    irdl.attributes {
      "before" = %before,
      "after" = %after
    }
  }
  irdl.operation @reshape attributes {summary = "the same elements in row-major order under the shape of the result", pure} {
    %input_type = irdl.base "!builtin.tensor"
    %result_type = irdl.base "!builtin.tensor"
    irdl.operands(input: %input_type)
    irdl.results(result: %result_type)
  }
  irdl.operation @observe attributes {summary = "what calibration saw of its operand, for each channel: histogram, its origin and bin width, mean"} {
    %input_type = irdl.base "!builtin.tensor"
    %counts_dense = irdl.base "#builtin.dense_int_or_fp_elements"
    %counts_resource = irdl.base "#builtin.dense_resource_elements"
    %counts = irdl.any_of(%counts_dense, %counts_resource)
    %origin_dense = irdl.base "#builtin.dense_int_or_fp_elements"
    %origin_resource = irdl.base "#builtin.dense_resource_elements"
    %origin = irdl.any_of(%origin_dense, %origin_resource)
    %width_dense = irdl.base "#builtin.dense_int_or_fp_elements"
    %width_resource = irdl.base "#builtin.dense_resource_elements"
    %width = irdl.any_of(%width_dense, %width_resource)
    %mean_dense = irdl.base "#builtin.dense_int_or_fp_elements"
    %mean_resource = irdl.base "#builtin.dense_resource_elements"
    %mean = irdl.any_of(%mean_dense, %mean_resource)
    irdl.operands(input: %input_type)
    irdl.attributes {
      "counts" = %counts,
      "origin" = %origin,
      "width" = %width,
      "mean" = %mean
    }
  }
  irdl.operation @fake_quantize attributes {summary = "clip(floor(input / scale + 1/2), low, high) * scale", pure} {
    %input_type = irdl.base "!builtin.tensor"
    %scale_dense = irdl.base "#builtin.dense_int_or_fp_elements"
    %scale_resource = irdl.base "#builtin.dense_resource_elements"
    %scale = irdl.any_of(%scale_dense, %scale_resource)
    %low = irdl.base "#builtin.integer"
    %high = irdl.base "#builtin.integer"
    %result_type = irdl.base "!builtin.tensor"
    irdl.operands(input: %input_type)
    irdl.results(result: %result_type)
    irdl.attributes {
      "scale" = %scale,
      "low" = %low,
      "high" = %high
    }
  }
  irdl.operation @encode attributes {summary = "integer code of the network input: clip(floor(limited(input * multiplier + offset) / scale + 1/2), low, high)", pure} {
    %input_type = irdl.base "!builtin.tensor"
    %multiplier_dense = irdl.base "#builtin.dense_int_or_fp_elements"
    %multiplier_resource = irdl.base "#builtin.dense_resource_elements"
    %multiplier = irdl.any_of(%multiplier_dense, %multiplier_resource)
    %offset_dense = irdl.base "#builtin.dense_int_or_fp_elements"
    %offset_resource = irdl.base "#builtin.dense_resource_elements"
    %offset = irdl.any_of(%offset_dense, %offset_resource)
    %minimum_dense = irdl.base "#builtin.dense_int_or_fp_elements"
    %minimum_resource = irdl.base "#builtin.dense_resource_elements"
    %minimum = irdl.any_of(%minimum_dense, %minimum_resource)
    %maximum_dense = irdl.base "#builtin.dense_int_or_fp_elements"
    %maximum_resource = irdl.base "#builtin.dense_resource_elements"
    %maximum = irdl.any_of(%maximum_dense, %maximum_resource)
    %scale = irdl.base "#builtin.float"
    %low = irdl.base "#builtin.integer"
    %high = irdl.base "#builtin.integer"
    %result_type = irdl.base "!builtin.tensor"
    irdl.operands(input: %input_type)
    irdl.results(result: %result_type)
    irdl.attributes {
      "multiplier" = %multiplier,
      "offset" = %offset,
      "minimum" = %minimum,
      "maximum" = %maximum,
      "scale" = %scale,
      "low" = %low,
      "high" = %high
    }
  }
  irdl.operation @encode_events attributes {summary = "number of events of each element of the network input, in all frames together; at most high of one element in one frame", pure} {
    %input_type = irdl.base "!builtin.tensor"
    %frames = irdl.base "#builtin.integer"
    %high = irdl.base "#builtin.integer"
    %result_type = irdl.base "!builtin.tensor"
    irdl.operands(input: %input_type)
    irdl.results(result: %result_type)
    irdl.attributes {
      "frames" = %frames,
      "high" = %high
    }
  }
  irdl.operation @requantize attributes {summary = "clip(floor((input + half) / threshold), low, high) with half = floor(threshold / 2); scale is the real value of 1", pure} {
    %input_type = irdl.base "!builtin.tensor"
    %threshold_dense = irdl.base "#builtin.dense_int_or_fp_elements"
    %threshold_resource = irdl.base "#builtin.dense_resource_elements"
    %threshold = irdl.any_of(%threshold_dense, %threshold_resource)
    %scale_dense = irdl.base "#builtin.dense_int_or_fp_elements"
    %scale_resource = irdl.base "#builtin.dense_resource_elements"
    %scale = irdl.any_of(%scale_dense, %scale_resource)
    %low = irdl.base "#builtin.integer"
    %high = irdl.base "#builtin.integer"
    %result_type = irdl.base "!builtin.tensor"
    irdl.operands(input: %input_type)
    irdl.results(result: %result_type)
    irdl.attributes {
      "threshold" = %threshold,
      "scale" = %scale,
      "low" = %low,
      "high" = %high
    }
  }
  irdl.operation @requantize_table attributes {summary = "start + the sum of the steps whose breakpoints are not above the input, for each channel; unit is the real value of 1 before, scale after", pure} {
    %input_type = irdl.base "!builtin.tensor"
    %breakpoints_dense = irdl.base "#builtin.dense_int_or_fp_elements"
    %breakpoints_resource = irdl.base "#builtin.dense_resource_elements"
    %breakpoints = irdl.any_of(%breakpoints_dense, %breakpoints_resource)
    %steps_dense = irdl.base "#builtin.dense_int_or_fp_elements"
    %steps_resource = irdl.base "#builtin.dense_resource_elements"
    %steps = irdl.any_of(%steps_dense, %steps_resource)
    %start_dense = irdl.base "#builtin.dense_int_or_fp_elements"
    %start_resource = irdl.base "#builtin.dense_resource_elements"
    %start = irdl.any_of(%start_dense, %start_resource)
    %unit_dense = irdl.base "#builtin.dense_int_or_fp_elements"
    %unit_resource = irdl.base "#builtin.dense_resource_elements"
    %unit = irdl.any_of(%unit_dense, %unit_resource)
    %scale_dense = irdl.base "#builtin.dense_int_or_fp_elements"
    %scale_resource = irdl.base "#builtin.dense_resource_elements"
    %scale = irdl.any_of(%scale_dense, %scale_resource)
    %low = irdl.base "#builtin.integer"
    %high = irdl.base "#builtin.integer"
    %result_type = irdl.base "!builtin.tensor"
    irdl.operands(input: %input_type)
    irdl.results(result: %result_type)
    irdl.attributes {
      "breakpoints" = %breakpoints,
      "steps" = %steps,
      "start" = %start,
      "unit" = %unit,
      "scale" = %scale,
      "low" = %low,
      "high" = %high
    }
  }
  irdl.operation @dequantize attributes {summary = "integer logits as real numbers: input * scale", pure} {
    %input_type = irdl.base "!builtin.tensor"
    %scale_dense = irdl.base "#builtin.dense_int_or_fp_elements"
    %scale_resource = irdl.base "#builtin.dense_resource_elements"
    %scale = irdl.any_of(%scale_dense, %scale_resource)
    %result_type = irdl.base "!builtin.tensor"
    irdl.operands(input: %input_type)
    irdl.results(result: %result_type)
    irdl.attributes {
      "scale" = %scale
    }
  }
  irdl.operation @head attributes {summary = "softmax, log_softmax or argmax of real logits along an axis; its result is returned and nothing else", pure} {
    %input_type = irdl.base "!builtin.tensor"
    %function = irdl.base "#builtin.string"
    %axis = irdl.base "#builtin.integer"
    %keepdim = irdl.base "#builtin.integer"
    %result_type = irdl.base "!builtin.tensor"
    irdl.operands(input: %input_type)
    irdl.results(result: %result_type)
    irdl.attributes {
      "function" = %function,
      "axis" = %axis,
      "keepdim" = %keepdim
    }
  }
}
