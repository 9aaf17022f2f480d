// What each op says of itself must hold.
//
// RUN: etch-opt %s -split-input-file -verify-diagnostics

func.func @no_axis(%n: tensor<f32>) {
  // expected-error @+1 {{input 0 has no axis to iterate over}}
  %c, %y = "etch.loop"(%n) <{max_iterations = -1 : i64, reverse = false, operandSegmentSizes = array<i32: 0, 0, 1, 0>, resultSegmentSizes = array<i32: 1, 0, 1>}> ({}, {
  ^bb0(%i: tensor<i64>, %x: tensor<f32>):
    etch.yield %x : tensor<f32>
  }) : (tensor<f32>) -> (tensor<i64>, tensor<2xf32>)
  return
}

// -----

func.func @no_output_axis(%n: tensor<2xf32>) {
  // expected-error @+1 {{output 0 has no axis to iterate over}}
  %c, %y = "etch.loop"(%n) <{max_iterations = -1 : i64, reverse = false, operandSegmentSizes = array<i32: 0, 0, 1, 0>, resultSegmentSizes = array<i32: 1, 0, 1>}> ({}, {
  ^bb0(%i: tensor<i64>, %x: tensor<f32>):
    etch.yield %x : tensor<f32>
  }) : (tensor<2xf32>) -> (tensor<i64>, tensor<f32>)
  return
}

// -----

func.func @terminator(%p: tensor<i1>, %x: tensor<f32>) {
  // expected-error @+1 {{the first branch ends in llvm.unreachable}}
  %y = "etch.cond"(%p, %x) ({
  ^bb0(%a: tensor<f32>):
    llvm.unreachable
  }, {
  ^bb0(%a: tensor<f32>):
    etch.yield %a : tensor<f32>
  }) : (tensor<i1>, tensor<f32>) -> tensor<f32>
  return
}

// -----

func.func @variables(%x: tensor<2xf32>) {
  // expected-error @+1 {{has 1 variables but 2 gradients}}
  %gx:2 = "etch.gradient"(%x, %x, %x) : (tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) -> (tensor<2xf32>, tensor<2xf32>)
  return
}

// -----

func.func @results(%x: tensor<2xf32>) {
  // expected-error @+1 {{results differ from the outputs in number or type}}
  %y = "etch.custom_vjp"(%x, %x) <{operandSegmentSizes = array<i32: 1, 1>}> ({
  ^bb0(%gy: tensor<2xf32>):
    etch.yield %gy : tensor<2xf32>
  }) : (tensor<2xf32>, tensor<2xf32>) -> tensor<3xf32>
  return
}

// -----

func.func @cotangents(%x: tensor<2xf32>) {
  // expected-error @+1 {{the rule yields one cotangent per input}}
  %y = "etch.custom_vjp"(%x, %x) <{operandSegmentSizes = array<i32: 1, 1>}> ({
  ^bb0(%gy: tensor<2xf32>):
    etch.yield %gy, %gy : tensor<2xf32>, tensor<2xf32>
  }) : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  return
}
