// The `loihi` dialect: populations, synapse tables and axons of a network on Loihi 2, and the cores that hold them
//
// An op, its operands, attributes, summary and purity are stated here and nowhere else; `mod.rs` beside this file is its
// typed view in Rust. `summary` and `pure` are free attributes: the reference documents and the dead-op pass read them.
irdl.dialect @loihi attributes {summary = "populations, synapse tables and axons of a network on Loihi 2, and the cores that hold them; one run of the function is one timestep"} {
  irdl.operation @input attributes {summary = "integer code of the network input, injected by the host in step 0 or in every step", pure} {
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
  irdl.operation @input_events attributes {summary = "events of the network input, injected by the host as they come: the counts of frame t in step t < frames", pure} {
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
  irdl.operation @axon attributes {summary = "what a population sends, where it arrives delay steps later: element for element", pure} {
    %input_type = irdl.base "!builtin.tensor"
    %delay = irdl.base "#builtin.integer"
    %result_type = irdl.base "!builtin.tensor"
    irdl.operands(input: %input_type)
    irdl.results(result: %result_type)
    irdl.attributes {
      "delay" = %delay
    }
  }
  irdl.operation @axon_map attributes {summary = "what a population sends, where it arrives delay steps later: neuron pairs[i, 0] writes element pairs[i, 1], and what several write adds up", pure} {
    %input_type = irdl.base "!builtin.tensor"
    %delay = irdl.base "#builtin.integer"
    %pairs_dense = irdl.base "#builtin.dense_int_or_fp_elements"
    %pairs_resource = irdl.base "#builtin.dense_resource_elements"
    %pairs = irdl.any_of(%pairs_dense, %pairs_resource)
    %result_type = irdl.base "!builtin.tensor"
    irdl.operands(input: %input_type)
    irdl.results(result: %result_type)
    irdl.attributes {
      "delay" = %delay,
      "pairs" = %pairs
    }
  }
  irdl.operation @merge attributes {summary = "what arrives from two populations at the input axons of the same synapses", pure} {
    %lhs_type = irdl.base "!builtin.tensor"
    %rhs_type = irdl.base "!builtin.tensor"
    %result_type = irdl.base "!builtin.tensor"
    irdl.operands(lhs: %lhs_type, rhs: %rhs_type)
    irdl.results(result: %result_type)
  }
  irdl.operation @dense attributes {summary = "synapses from every input to every neuron: the weighted sum, times 2^exponent rounded down", pure} {
    %input_type = irdl.base "!builtin.tensor"
    %weight_dense = irdl.base "#builtin.dense_int_or_fp_elements"
    %weight_resource = irdl.base "#builtin.dense_resource_elements"
    %weight = irdl.any_of(%weight_dense, %weight_resource)
    %weight_bits = irdl.base "#builtin.integer"
    %exponent = irdl.base "#builtin.integer"
    %sign_mode = irdl.base "#builtin.string"
    %result_type = irdl.base "!builtin.tensor"
    irdl.operands(input: %input_type)
    irdl.results(result: %result_type)
    irdl.attributes {
      "weight" = %weight,
      "weight_bits" = %weight_bits,
      "exponent" = %exponent,
      "sign_mode" = %sign_mode
    }
  }
  irdl.operation @conv attributes {summary = "synapses of a convolution whose kernel all places share: the weighted sum, times 2^exponent rounded down", pure} {
    %input_type = irdl.base "!builtin.tensor"
    %weight_dense = irdl.base "#builtin.dense_int_or_fp_elements"
    %weight_resource = irdl.base "#builtin.dense_resource_elements"
    %weight = irdl.any_of(%weight_dense, %weight_resource)
    %stride = irdl.base "#builtin.dense_array"
    %padding = irdl.base "#builtin.dense_array"
    %dilation = irdl.base "#builtin.dense_array"
    %groups = irdl.base "#builtin.integer"
    %weight_bits = irdl.base "#builtin.integer"
    %exponent = irdl.base "#builtin.integer"
    %sign_mode = irdl.base "#builtin.string"
    %result_type = irdl.base "!builtin.tensor"
    irdl.operands(input: %input_type)
    irdl.results(result: %result_type)
    irdl.attributes {
      "weight" = %weight,
      "stride" = %stride,
      "padding" = %padding,
      "dilation" = %dilation,
      "groups" = %groups,
      "weight_bits" = %weight_bits,
      "exponent" = %exponent,
      "sign_mode" = %sign_mode
    }
  }
  irdl.operation @identity attributes {summary = "one synapse a neuron from the element at its place, with the weight of the channel: the product, times 2^exponent rounded down", pure} {
    %input_type = irdl.base "!builtin.tensor"
    %weight_dense = irdl.base "#builtin.dense_int_or_fp_elements"
    %weight_resource = irdl.base "#builtin.dense_resource_elements"
    %weight = irdl.any_of(%weight_dense, %weight_resource)
    %weight_bits = irdl.base "#builtin.integer"
    %exponent = irdl.base "#builtin.integer"
    %sign_mode = irdl.base "#builtin.string"
    %result_type = irdl.base "!builtin.tensor"
    irdl.operands(input: %input_type)
    irdl.results(result: %result_type)
    irdl.attributes {
      "weight" = %weight,
      "weight_bits" = %weight_bits,
      "exponent" = %exponent,
      "sign_mode" = %sign_mode
    }
  }
  irdl.operation @sparse attributes {summary = "a synapse of weight weight[i] from input pairs[i, 0] to neuron pairs[i, 1]: the weighted sum, times 2^exponent rounded down", pure} {
    %input_type = irdl.base "!builtin.tensor"
    %pairs_dense = irdl.base "#builtin.dense_int_or_fp_elements"
    %pairs_resource = irdl.base "#builtin.dense_resource_elements"
    %pairs = irdl.any_of(%pairs_dense, %pairs_resource)
    %weight_dense = irdl.base "#builtin.dense_int_or_fp_elements"
    %weight_resource = irdl.base "#builtin.dense_resource_elements"
    %weight = irdl.any_of(%weight_dense, %weight_resource)
    %weight_bits = irdl.base "#builtin.integer"
    %exponent = irdl.base "#builtin.integer"
    %sign_mode = irdl.base "#builtin.string"
    %result_type = irdl.base "!builtin.tensor"
    irdl.operands(input: %input_type)
    irdl.results(result: %result_type)
    irdl.attributes {
      "pairs" = %pairs,
      "weight" = %weight,
      "weight_bits" = %weight_bits,
      "exponent" = %exponent,
      "sign_mode" = %sign_mode
    }
  }
  irdl.operation @accumulate attributes {summary = "sum of what two tables of synapses add to the accumulators of a population", pure} {
    %lhs_type = irdl.base "!builtin.tensor"
    %rhs_type = irdl.base "!builtin.tensor"
    %result_type = irdl.base "!builtin.tensor"
    irdl.operands(lhs: %lhs_type, rhs: %rhs_type)
    irdl.results(result: %result_type)
  }
  irdl.operation @neurons attributes {summary = "population of neurons that run a program once a step; row i of parameters are the values of parameter parameter_names[i], by channel or by neuron", pure} {
    %input_type = irdl.base "!builtin.tensor"
    %program = irdl.base "#builtin.string"
    %parameter_names = irdl.base "#builtin.array"
    %parameters_dense = irdl.base "#builtin.dense_int_or_fp_elements"
    %parameters_resource = irdl.base "#builtin.dense_resource_elements"
    %parameters = irdl.any_of(%parameters_dense, %parameters_resource)
    %result_type = irdl.base "!builtin.tensor"
    irdl.operands(input: %input_type)
    irdl.results(result: %result_type)
    irdl.attributes {
      "program" = %program,
      "parameter_names" = %parameter_names,
      "parameters" = %parameters
    }
  }
  irdl.operation @readout attributes {summary = "population that runs program readout and sends nothing; after the last step the host reads y and makes y * scale of it, over the number of steps from start on if average", pure} {
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
  irdl.operation @head attributes {summary = "softmax, log_softmax or argmax, by the host, of the real result of a readout along an axis", pure} {
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
  irdl.operation @chip attributes {summary = "the chips that a network is mapped onto, and the widths that it was proved for"} {
    %name = irdl.base "#builtin.string"
    %chips = irdl.base "#builtin.integer"
    %cores = irdl.base "#builtin.integer"
    %mesh = irdl.base "#builtin.dense_array"
    %accumulator_bits = irdl.base "#builtin.integer"
    %state_bits = irdl.base "#builtin.integer"
    %payload_bits = irdl.base "#builtin.integer"
    %weight_bits = irdl.base "#builtin.integer"
    %longest_delay = irdl.base "#builtin.integer"
    irdl.attributes {
      "name" = %name,
      "chips" = %chips,
      "cores" = %cores,
      "mesh" = %mesh,
      "accumulator_bits" = %accumulator_bits,
      "state_bits" = %state_bits,
      "payload_bits" = %payload_bits,
      "weight_bits" = %weight_bits,
      "longest_delay" = %longest_delay
    }
  }
  irdl.operation @core attributes {summary = "a core and its slice of a population: the channels and columns from start to end, all rows; place is chip, column, row and core in the tile"} {
    %number = irdl.base "#builtin.integer"
    %place = irdl.base "#builtin.dense_array"
    %population = irdl.base "#builtin.string"
    %start = irdl.base "#builtin.dense_array"
    %end = irdl.base "#builtin.dense_array"
    %neurons = irdl.base "#builtin.integer"
    %synaptic_words = irdl.base "#builtin.integer"
    %state_bytes = irdl.base "#builtin.integer"
    %axons_in = irdl.base "#builtin.integer"
    %axons_out = irdl.base "#builtin.integer"
    irdl.attributes {
      "number" = %number,
      "place" = %place,
      "population" = %population,
      "start" = %start,
      "end" = %end,
      "neurons" = %neurons,
      "synaptic_words" = %synaptic_words,
      "state_bytes" = %state_bytes,
      "axons_in" = %axons_in,
      "axons_out" = %axons_out
    }
  }
  irdl.operation @route attributes {summary = "messages of one core: to core to[i] those of neurons[i] of its neurons, over hops[i] tiles, in delay[i] steps"} {
    %from = irdl.base "#builtin.integer"
    %to = irdl.base "#builtin.dense_array"
    %neurons = irdl.base "#builtin.dense_array"
    %hops = irdl.base "#builtin.dense_array"
    %delay = irdl.base "#builtin.dense_array"
    irdl.attributes {
      "from" = %from,
      "to" = %to,
      "neurons" = %neurons,
      "hops" = %hops,
      "delay" = %delay
    }
  }
  irdl.operation @declare attributes {summary = "what a program declares: kind is port, out, shared, param, let or state; text is the name, and behind = the value, as in assembly"} {
    %kind = irdl.base "#builtin.string"
    %text = irdl.base "#builtin.string"
    irdl.attributes {
      "kind" = %kind,
      "text" = %text
    }
  }
  irdl.operation @label attributes {summary = "the place that jumps to it go on at"} {
    %name = irdl.base "#builtin.string"
    irdl.attributes {
      "name" = %name
    }
  }
  irdl.operation @rmw attributes {summary = "opens a word of state: the register of its name has the word, and is written back when the program ends"} {
    %word = irdl.base "#builtin.string"
    irdl.attributes {
      "word" = %word
    }
  }
  irdl.operation @rdc attributes {summary = "the register of a port gets what the port's accumulator has, which is cleared"} {
    %port = irdl.base "#builtin.string"
    irdl.attributes {
      "port" = %port
    }
  }
  irdl.operation @mov attributes {summary = "to = from"} {
    %to = irdl.base "#builtin.string"
    %from = irdl.base "#builtin.string"
    irdl.attributes {
      "to" = %to,
      "from" = %from
    }
  }
  irdl.operation @sel attributes {summary = "to = from where the flag is set"} {
    %to = irdl.base "#builtin.string"
    %from = irdl.base "#builtin.string"
    irdl.attributes {
      "to" = %to,
      "from" = %from
    }
  }
  irdl.operation @and attributes {summary = "to = a and b, bit by bit"} {
    %to = irdl.base "#builtin.string"
    %a = irdl.base "#builtin.string"
    %b = irdl.base "#builtin.string"
    irdl.attributes {
      "to" = %to,
      "a" = %a,
      "b" = %b
    }
  }
  irdl.operation @or attributes {summary = "to = a or b, bit by bit"} {
    %to = irdl.base "#builtin.string"
    %a = irdl.base "#builtin.string"
    %b = irdl.base "#builtin.string"
    irdl.attributes {
      "to" = %to,
      "a" = %a,
      "b" = %b
    }
  }
  irdl.operation @shl attributes {summary = "to = a * 2^b modulo 2^32, rounded down"} {
    %to = irdl.base "#builtin.string"
    %a = irdl.base "#builtin.string"
    %b = irdl.base "#builtin.string"
    irdl.attributes {
      "to" = %to,
      "a" = %a,
      "b" = %b
    }
  }
  irdl.operation @add attributes {summary = "to = a + b modulo 2^32"} {
    %to = irdl.base "#builtin.string"
    %a = irdl.base "#builtin.string"
    %b = irdl.base "#builtin.string"
    irdl.attributes {
      "to" = %to,
      "a" = %a,
      "b" = %b
    }
  }
  irdl.operation @neg attributes {summary = "to = -from modulo 2^32"} {
    %to = irdl.base "#builtin.string"
    %from = irdl.base "#builtin.string"
    irdl.attributes {
      "to" = %to,
      "from" = %from
    }
  }
  irdl.operation @min attributes {summary = "to is the smaller one of a and b"} {
    %to = irdl.base "#builtin.string"
    %a = irdl.base "#builtin.string"
    %b = irdl.base "#builtin.string"
    irdl.attributes {
      "to" = %to,
      "a" = %a,
      "b" = %b
    }
  }
  irdl.operation @mul_shr attributes {summary = "to = a * b / 2^shift modulo 2^32, with a product of 64 bits; rounding is toward_zero or floor"} {
    %to = irdl.base "#builtin.string"
    %a = irdl.base "#builtin.string"
    %b = irdl.base "#builtin.string"
    %shift = irdl.base "#builtin.string"
    %rounding = irdl.base "#builtin.string"
    irdl.attributes {
      "to" = %to,
      "a" = %a,
      "b" = %b,
      "shift" = %shift,
      "rounding" = %rounding
    }
  }
  irdl.operation @lt attributes {summary = "sets the flag to a < b"} {
    %a = irdl.base "#builtin.string"
    %b = irdl.base "#builtin.string"
    irdl.attributes {
      "a" = %a,
      "b" = %b
    }
  }
  irdl.operation @ge attributes {summary = "sets the flag to a >= b"} {
    %a = irdl.base "#builtin.string"
    %b = irdl.base "#builtin.string"
    irdl.attributes {
      "a" = %a,
      "b" = %b
    }
  }
  irdl.operation @eq attributes {summary = "sets the flag to a = b"} {
    %a = irdl.base "#builtin.string"
    %b = irdl.base "#builtin.string"
    irdl.attributes {
      "a" = %a,
      "b" = %b
    }
  }
  irdl.operation @skp_c attributes {summary = "leaves out count instructions where the flag is sense"} {
    %sense = irdl.base "#builtin.integer"
    %count = irdl.base "#builtin.integer"
    irdl.attributes {
      "sense" = %sense,
      "count" = %count
    }
  }
  irdl.operation @jmp_c attributes {summary = "goes on at a label where the flag is sense"} {
    %sense = irdl.base "#builtin.integer"
    %label = irdl.base "#builtin.string"
    irdl.attributes {
      "sense" = %sense,
      "label" = %label
    }
  }
  irdl.operation @spike attributes {summary = "sends a spike with a payload on an output; 0 is none"} {
    %payload = irdl.base "#builtin.string"
    %output = irdl.base "#builtin.string"
    irdl.attributes {
      "payload" = %payload,
      "output" = %output
    }
  }
  irdl.operation @probe attributes {summary = "shows a value under a name to whoever traces"} {
    %value = irdl.base "#builtin.string"
    %name = irdl.base "#builtin.string"
    irdl.attributes {
      "value" = %value,
      "name" = %name
    }
  }
}
