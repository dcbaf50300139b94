// The `snn` dialect: neurons, synapses, encoder and readout of a spiking network; one run of the function is one timestep
//
// An op, its operands, attributes, summary and purity are stated here and nowhere else; `mod.rs` beside this file is its
// typed view in Rust. `summary` and `pure` are free attributes: the reference documents and the dead-op pass read them.
irdl.dialect @snn attributes {summary = "neurons, synapses, encoder and readout of a spiking network; one run of the function is one timestep"} {
  irdl.operation @encode attributes {summary = "integer code of the network input, sent in step 0 or in every step", pure} {
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
    %every_step = irdl.base "#builtin.integer"
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
      "high" = %high,
      "every_step" = %every_step
    }
  }
  irdl.operation @encode_events attributes {summary = "events of the network input as they come: the counts of frame t in step t < frames, at most high of one element in one frame", pure} {
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
  irdl.operation @conv attributes {summary = "synapses of a convolution over 1 to 3 spatial axes, or of its adjoint if transposed", pure} {
    %input_type = irdl.base "!builtin.tensor"
    %weight_dense = irdl.base "#builtin.dense_int_or_fp_elements"
    %weight_resource = irdl.base "#builtin.dense_resource_elements"
    %weight = irdl.any_of(%weight_dense, %weight_resource)
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
      "stride" = %stride,
      "padding" = %padding,
      "dilation" = %dilation,
      "groups" = %groups,
      "transposed" = %transposed
    }
  }
  irdl.operation @linear attributes {summary = "synapses of a dense layer", pure} {
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
  irdl.operation @scale attributes {summary = "identity synapses with one integer weight a channel", pure} {
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
  irdl.operation @pad attributes {summary = "silent elements around the input", pure} {
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
  irdl.operation @max_pool2d attributes {summary = "difference of maxima of running sums over windows; padding never wins", pure} {
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
  irdl.operation @st_bif attributes {summary = "signed integrate-and-fire with a tracer S in [low, high]", pure} {
    %input_type = irdl.base "!builtin.tensor"
    %threshold_dense = irdl.base "#builtin.dense_int_or_fp_elements"
    %threshold_resource = irdl.base "#builtin.dense_resource_elements"
    %threshold = irdl.any_of(%threshold_dense, %threshold_resource)
    %initial_dense = irdl.base "#builtin.dense_int_or_fp_elements"
    %initial_resource = irdl.base "#builtin.dense_resource_elements"
    %initial = irdl.any_of(%initial_dense, %initial_resource)
    %low = irdl.base "#builtin.integer"
    %high = irdl.base "#builtin.integer"
    %delay = irdl.base "#builtin.integer"
    %result_type = irdl.base "!builtin.tensor"
    irdl.operands(input: %input_type)
    irdl.results(result: %result_type)
    irdl.attributes {
      "threshold" = %threshold,
      "initial" = %initial,
      "low" = %low,
      "high" = %high,
      "delay" = %delay
    }
  }
  irdl.operation @st_bif_table attributes {summary = "signed neuron whose tracer S follows a table of its membrane, one spike a step; the membrane is never reset", pure} {
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
    %initial_dense = irdl.base "#builtin.dense_int_or_fp_elements"
    %initial_resource = irdl.base "#builtin.dense_resource_elements"
    %initial = irdl.any_of(%initial_dense, %initial_resource)
    %low = irdl.base "#builtin.integer"
    %high = irdl.base "#builtin.integer"
    %delay = irdl.base "#builtin.integer"
    %result_type = irdl.base "!builtin.tensor"
    irdl.operands(input: %input_type)
    irdl.results(result: %result_type)
    irdl.attributes {
      "breakpoints" = %breakpoints,
      "steps" = %steps,
      "start" = %start,
      "initial" = %initial,
      "low" = %low,
      "high" = %high,
      "delay" = %delay
    }
  }
  irdl.operation @sigma_delta attributes {summary = "graded neuron: sends by how much clip(floor(v / threshold), low, high) has changed; the membrane is never reset", pure} {
    %input_type = irdl.base "!builtin.tensor"
    %threshold_dense = irdl.base "#builtin.dense_int_or_fp_elements"
    %threshold_resource = irdl.base "#builtin.dense_resource_elements"
    %threshold = irdl.any_of(%threshold_dense, %threshold_resource)
    %initial_dense = irdl.base "#builtin.dense_int_or_fp_elements"
    %initial_resource = irdl.base "#builtin.dense_resource_elements"
    %initial = irdl.any_of(%initial_dense, %initial_resource)
    %low = irdl.base "#builtin.integer"
    %high = irdl.base "#builtin.integer"
    %delay = irdl.base "#builtin.integer"
    %result_type = irdl.base "!builtin.tensor"
    irdl.operands(input: %input_type)
    irdl.results(result: %result_type)
    irdl.attributes {
      "threshold" = %threshold,
      "initial" = %initial,
      "low" = %low,
      "high" = %high,
      "delay" = %delay
    }
  }
  irdl.operation @sigma_delta_table attributes {summary = "graded neuron: sends by how much a table of its membrane has changed; the membrane is never reset", pure} {
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
    %initial_dense = irdl.base "#builtin.dense_int_or_fp_elements"
    %initial_resource = irdl.base "#builtin.dense_resource_elements"
    %initial = irdl.any_of(%initial_dense, %initial_resource)
    %low = irdl.base "#builtin.integer"
    %high = irdl.base "#builtin.integer"
    %delay = irdl.base "#builtin.integer"
    %result_type = irdl.base "!builtin.tensor"
    irdl.operands(input: %input_type)
    irdl.results(result: %result_type)
    irdl.attributes {
      "breakpoints" = %breakpoints,
      "steps" = %steps,
      "start" = %start,
      "initial" = %initial,
      "low" = %low,
      "high" = %high,
      "delay" = %delay
    }
  }
  irdl.operation @hold_and_fire attributes {summary = "integrate-and-fire behind a gate that opens in step release for levels steps", pure} {
    %input_type = irdl.base "!builtin.tensor"
    %threshold_dense = irdl.base "#builtin.dense_int_or_fp_elements"
    %threshold_resource = irdl.base "#builtin.dense_resource_elements"
    %threshold = irdl.any_of(%threshold_dense, %threshold_resource)
    %initial_dense = irdl.base "#builtin.dense_int_or_fp_elements"
    %initial_resource = irdl.base "#builtin.dense_resource_elements"
    %initial = irdl.any_of(%initial_dense, %initial_resource)
    %hold = irdl.base "#builtin.integer"
    %release = irdl.base "#builtin.integer"
    %levels = irdl.base "#builtin.integer"
    %delay = irdl.base "#builtin.integer"
    %result_type = irdl.base "!builtin.tensor"
    irdl.operands(input: %input_type)
    irdl.results(result: %result_type)
    irdl.attributes {
      "threshold" = %threshold,
      "initial" = %initial,
      "hold" = %hold,
      "release" = %release,
      "levels" = %levels,
      "delay" = %delay
    }
  }
  irdl.operation @if attributes {summary = "integrate-and-fire with soft reset: v += gain * input + bias", pure} {
    %input_type = irdl.base "!builtin.tensor"
    %threshold_dense = irdl.base "#builtin.dense_int_or_fp_elements"
    %threshold_resource = irdl.base "#builtin.dense_resource_elements"
    %threshold = irdl.any_of(%threshold_dense, %threshold_resource)
    %initial_dense = irdl.base "#builtin.dense_int_or_fp_elements"
    %initial_resource = irdl.base "#builtin.dense_resource_elements"
    %initial = irdl.any_of(%initial_dense, %initial_resource)
    %bias_dense = irdl.base "#builtin.dense_int_or_fp_elements"
    %bias_resource = irdl.base "#builtin.dense_resource_elements"
    %bias = irdl.any_of(%bias_dense, %bias_resource)
    %gain = irdl.base "#builtin.integer"
    %delay = irdl.base "#builtin.integer"
    %result_type = irdl.base "!builtin.tensor"
    irdl.operands(input: %input_type)
    irdl.results(result: %result_type)
    irdl.attributes {
      "threshold" = %threshold,
      "initial" = %initial,
      "bias" = %bias,
      "gain" = %gain,
      "delay" = %delay
    }
  }
  irdl.operation @readout attributes {summary = "network output: y(0) = initial, from step start on y += gain * input + bias; result y * scale, over the number of those steps if average", pure} {
    %input_type = irdl.base "!builtin.tensor"
    %initial_dense = irdl.base "#builtin.dense_int_or_fp_elements"
    %initial_resource = irdl.base "#builtin.dense_resource_elements"
    %initial = irdl.any_of(%initial_dense, %initial_resource)
    %bias_dense = irdl.base "#builtin.dense_int_or_fp_elements"
    %bias_resource = irdl.base "#builtin.dense_resource_elements"
    %bias = irdl.any_of(%bias_dense, %bias_resource)
    %gain = irdl.base "#builtin.integer"
    %scale_dense = irdl.base "#builtin.dense_int_or_fp_elements"
    %scale_resource = irdl.base "#builtin.dense_resource_elements"
    %scale = irdl.any_of(%scale_dense, %scale_resource)
    %average = irdl.base "#builtin.integer"
    %start = irdl.base "#builtin.integer"
    %result_type = irdl.base "!builtin.tensor"
    irdl.operands(input: %input_type)
    irdl.results(result: %result_type)
    irdl.attributes {
      "initial" = %initial,
      "bias" = %bias,
      "gain" = %gain,
      "scale" = %scale,
      "average" = %average,
      "start" = %start
    }
  }
  irdl.operation @head attributes {summary = "softmax, log_softmax or argmax of the real result of a readout along an axis", pure} {
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
