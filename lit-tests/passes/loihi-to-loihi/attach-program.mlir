// RUN: %split-file %s %t
// RUN: %neurocudac opt %t/net.mlir --pass-pipeline='builtin.module(attach-program{layer=loihi.neurons program=%t/leaky.ncm})' | %FileCheck %t/net.mlir
// RUN: %not %neurocudac opt %t/net.mlir --pass-pipeline='builtin.module(attach-program{layer=conv1 program=%t/leaky.ncm})' 2>&1 | %FileCheck %t/layer.txt
// RUN: %not %neurocudac opt %t/net.mlir --pass-pipeline='builtin.module(attach-program{layer=loihi.neurons program=lif})' 2>&1 | %FileCheck %t/default.txt
// RUN: %not %neurocudac opt %t/net.mlir --pass-pipeline='builtin.module(attach-program{layer=loihi.neurons program=%t/graded.ncm})' 2>&1 | %FileCheck %t/graded.ncm
// RUN: %not %neurocudac opt %t/net.mlir --pass-pipeline='builtin.module(attach-program{layer=loihi.neurons program=%t/unset.ncm})' 2>&1 | %FileCheck %t/unset.ncm
// RUN: %not %neurocudac opt %t/net.mlir --pass-pipeline='builtin.module(attach-program{layer=loihi.neurons program=%t/if_soft_reset.ncm})' 2>&1 | %FileCheck %t/if_soft_reset.ncm
// RUN: %not %neurocudac opt %t/exact.mlir --pass-pipeline='builtin.module(attach-program{layer=loihi.neurons program=%t/leaky.ncm})' 2>&1 | %FileCheck %t/exact.mlir
// RUN: %not %neurocudac opt %t/net.mlir --pass-pipeline='builtin.module(attach-program{layer=loihi.neurons})' 2>&1 | %FileCheck %t/option.txt

//--- leaky.ncm
program leaky
port a
out s
param threshold
shared decay = 3000
state v
code
    rdc a
    rmw v
    mul_shr v, v, decay, 12
    add v, v, a
    ge v, threshold
    jmp_c.not done
    spike 1
    mov v, 0
done:

//--- net.mlir
// The threshold is the layer's, what else the layer has the program does not ask for. No bound of membranes is left.
// CHECK: %[[D:.*]] = "loihi.dense"
// CHECK-NEXT: %[[S:.*]] = "loihi.neurons"(%[[D]]) {loihi.accumulator_bound = 40 : i64, loihi.attached, parameter_names = ["threshold"], parameters = dense<{{\[\[}}9, 4]]> : tensor<1x2xi32>, program = "leaky"} : (tensor<?x2xi32>) -> tensor<?x2xi32>
// CHECK-NEXT: "loihi.axon"(%[[S]])
// CHECK: func.func private @leaky() attributes {loihi.microcode} {
// CHECK-NEXT: "loihi.declare"() {kind = "port", text = "a"} : () -> ()
// CHECK-NEXT: "loihi.declare"() {kind = "out", text = "s"} : () -> ()
// CHECK-NEXT: "loihi.declare"() {kind = "param", text = "threshold"} : () -> ()
// CHECK-NEXT: "loihi.declare"() {kind = "shared", text = "decay = 3000"} : () -> ()
// CHECK-NEXT: "loihi.declare"() {kind = "state", text = "v = 0"} : () -> ()
// CHECK-NEXT: "loihi.rdc"() {port = "a"} : () -> ()
// CHECK-NEXT: "loihi.rmw"() {word = "v"} : () -> ()
// CHECK-NEXT: "loihi.mul_shr"() {a = "v", b = "decay", rounding = "toward_zero", shift = "12", to = "v"} : () -> ()
// CHECK-NEXT: "loihi.add"() {a = "v", b = "a", to = "v"} : () -> ()
// CHECK-NEXT: "loihi.ge"() {a = "v", b = "threshold"} : () -> ()
// CHECK-NEXT: "loihi.jmp_c"() {label = "done", sense = false} : () -> ()
// CHECK-NEXT: "loihi.spike"() {output = "s", payload = "1"} : () -> ()
// CHECK-NEXT: "loihi.mov"() {from = "0", to = "v"} : () -> ()
// CHECK-NEXT: "loihi.label"() {name = "done"} : () -> ()
// CHECK-NEXT: return
module {
  func.func @net(%x: tensor<?x2xf32>) -> tensor<?x2xf32>
      attributes {snn.levels = 31 : i64, snn.schedule = "rate", snn.steps = 8 : i64} {
    %0 = "loihi.input"(%x) {multiplier = dense<1.0> : tensor<2xf64>, offset = dense<0.0> : tensor<2xf64>,
      minimum = dense<-4.0> : tensor<2xf64>, maximum = dense<4.0> : tensor<2xf64>, scale = 0.5, low = -8, high = 8,
      every_step = true} : (tensor<?x2xf32>) -> tensor<?x2xi32>
    %1 = "loihi.axon"(%0) {delay = 0} : (tensor<?x2xi32>) -> tensor<?x2xi32>
    %2 = "loihi.dense"(%1) {weight = dense<[[192, -128], [64, 64]]> : tensor<2x2xi16>, weight_bits = 3, exponent = -6,
      sign_mode = "mixed"} : (tensor<?x2xi32>) -> tensor<?x2xi32>
    %3 = "loihi.neurons"(%2) {program = "if_soft_reset", parameter_names = ["gain", "threshold", "initial", "bias"],
      parameters = dense<[[1, 1], [9, 4], [4, 2], [0, 1]]> : tensor<4x2xi32>, loihi.accumulator_bound = 40 : i64,
      loihi.state_bound = 300 : i64} : (tensor<?x2xi32>) -> tensor<?x2xi32>
    %4 = "loihi.axon"(%3) {delay = 1} : (tensor<?x2xi32>) -> tensor<?x2xi32>
    %5 = "loihi.identity"(%4) {weight = dense<128> : tensor<2xi16>, weight_bits = 1, exponent = -7,
      sign_mode = "excitatory"} : (tensor<?x2xi32>) -> tensor<?x2xi32>
    %6 = "loihi.readout"(%5) {initial = dense<0> : tensor<2xi32>, bias = dense<0> : tensor<2xi32>, gain = 1,
      scale = dense<0.5> : tensor<2xf64>, average = true, start = 1} : (tensor<?x2xi32>) -> tensor<?x2xf32>
    return %6 : tensor<?x2xf32>
  }
}

//--- layer.txt
CHECK: net.mlir:{{.*}}:3: error: microcode-attach: there is no layer `conv1` of neurons; there are loihi.neurons

//--- default.txt
CHECK: net.mlir:{{.*}}:10: error: microcode-attach: program `lif` on layer `loihi.neurons`: `{{.*}}` has no default, and is none of the layer's parameters: gain, threshold, initial, bias

//--- graded.ncm
# CHECK: net.mlir:{{.*}}: error: microcode-attach: program `graded` on layer `loihi.neurons`: its text does not show that its spikes carry at most 1: send numbers, or registers that only get numbers
program graded
port a
out s
code
    rdc a
    spike a

//--- unset.ncm
# CHECK: error: {{.*}}pass `attach-program`, option `program`: microcode-name: {{.*}}unset.ncm:{{[0-9]+}}:{{[0-9]+}}:
program unset
port a
out s
code
    rdc a
    spike x

//--- if_soft_reset.ncm
# Populations name their programs, so that a name that is taken would be two.
# CHECK: net.mlir:{{.*}}: error: microcode-name: there is another program `if_soft_reset`: call yours otherwise
program if_soft_reset
port a
out s
code
    rdc a
    lt a, 3
    jmp_c done
    spike 1
done:

//--- exact.mlir
// CHECK: exact.mlir:[[#@LINE+10]]:10: error: microcode-attach: program `leaky` on layer `loihi.neurons`: an exact schedule promises what its own neurons compute; compile with --schedule rate
module {
  func.func @net(%x: tensor<?x2xf32>) -> tensor<?x2xf32>
      attributes {snn.levels = 31 : i64, snn.schedule = "st-bif", snn.steps = 36 : i64} {
    %0 = "loihi.input"(%x) {multiplier = dense<1.0> : tensor<2xf64>, offset = dense<0.0> : tensor<2xf64>,
      minimum = dense<-4.0> : tensor<2xf64>, maximum = dense<4.0> : tensor<2xf64>, scale = 0.5, low = -8, high = 8,
      every_step = false} : (tensor<?x2xf32>) -> tensor<?x2xi32>
    %1 = "loihi.axon"(%0) {delay = 0} : (tensor<?x2xi32>) -> tensor<?x2xi32>
    %2 = "loihi.dense"(%1) {weight = dense<[[192, -128], [64, 64]]> : tensor<2x2xi16>, weight_bits = 3, exponent = -6,
      sign_mode = "mixed"} : (tensor<?x2xi32>) -> tensor<?x2xi32>
    %3 = "loihi.neurons"(%2) {program = "st_bif", parameter_names = ["low", "high", "threshold", "initial"],
      parameters = dense<[[0, 0], [31, 31], [9, 4], [9, -5]]> : tensor<4x2xi32>} : (tensor<?x2xi32>) -> tensor<?x2xi32>
    %4 = "loihi.axon"(%3) {delay = 2} : (tensor<?x2xi32>) -> tensor<?x2xi32>
    %5 = "loihi.identity"(%4) {weight = dense<128> : tensor<2xi16>, weight_bits = 1, exponent = -7,
      sign_mode = "excitatory"} : (tensor<?x2xi32>) -> tensor<?x2xi32>
    %6 = "loihi.readout"(%5) {initial = dense<[13, 2]> : tensor<2xi32>, bias = dense<0> : tensor<2xi32>, gain = 1,
      scale = dense<0.5> : tensor<2xf64>, average = false, start = 0} : (tensor<?x2xi32>) -> tensor<?x2xf32>
    return %6 : tensor<?x2xf32>
  }
}

//--- option.txt
CHECK: error: {{.*}}pass `attach-program`, option `program`: it has to be given
