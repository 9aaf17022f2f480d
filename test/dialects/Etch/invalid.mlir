// What the verifier says: the op, what is wrong, the values.
//
// RUN: etch-opt %s -split-input-file -verify-diagnostics

func.func @shapes_differ(%x: tensor<2x3xf32>, %w: tensor<2x4xf32>) {
  // expected-error @+2 {{add: shapes differ: (2, 3) and (2, 4)}}
  // expected-error @+1 {{failed to infer returned types}}
  %y = etch.add %x, %w : (tensor<2x3xf32>, tensor<2x4xf32>) -> tensor<2x3xf32>
  return
}

// -----

func.func @ranks_differ(%x: tensor<3xf32>, %w: tensor<2x3xf32>) {
  // expected-error @+2 {{mul: shapes differ: (3,) and (2, 3)}}
  // expected-error @+1 {{failed to infer returned types}}
  %y = etch.mul %x, %w : (tensor<3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  return
}

// -----

func.func @element_types_differ(%x: tensor<2xf32>, %w: tensor<2xf64>) {
  // expected-error @+2 {{sub: element types differ: float32 and float64}}
  // expected-error @+1 {{failed to infer returned types}}
  %y = etch.sub %x, %w : (tensor<2xf32>, tensor<2xf64>) -> tensor<2xf64>
  return
}

// -----

func.func @not_for_integers(%x: tensor<2xi32>) {
  // expected-error @+2 {{tanh: not defined for int32}}
  // expected-error @+1 {{failed to infer returned types}}
  %y = etch.tanh %x : (tensor<2xi32>) -> tensor<2xi32>
  return
}

// -----

func.func @wrong_result(%x: tensor<2xf32>) {
  // expected-error @+2 {{failed to infer returned types}}
  // expected-error @+1 {{'etch.exp' op inferred type(s) 'tensor<2xf32>' are incompatible with return type(s) of operation 'tensor<3xf32>'}}
  %y = etch.exp %x : (tensor<2xf32>) -> tensor<3xf32>
  return
}

// -----

func.func @condition(%c: tensor<2xi32>, %x: tensor<2xf32>) {
  // expected-error @+2 {{select: the condition is int32 (2,), not bool}}
  // expected-error @+1 {{failed to infer returned types}}
  %y = etch.select %c, %x, %x : (tensor<2xi32>, tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  return
}

// -----

func.func @element_type(%x: tensor<2xf32>) {
  // expected-error @+2 {{cast: there is no element type 'f8'}}
  // expected-error @+1 {{failed to infer returned types}}
  %y = etch.cast %x {to = "f8"} : (tensor<2xf32>) -> tensor<2xf32>
  return
}

// -----

func.func @reshape(%x: tensor<2x3xf32>) {
  // expected-error @+2 {{reshape: cannot reshape (2, 3) into (4, 2)}}
  // expected-error @+1 {{failed to infer returned types}}
  %y = etch.reshape %x {shape = array<i64: 4, 2>} : (tensor<2x3xf32>) -> tensor<4x2xf32>
  return
}

// -----

func.func @broadcast(%x: tensor<2x3xf32>) {
  // expected-error @+2 {{broadcast_to: (2, 3) does not broadcast to (2, 4)}}
  // expected-error @+1 {{failed to infer returned types}}
  %y = etch.broadcast_to %x {shape = array<i64: 2, 4>} : (tensor<2x3xf32>) -> tensor<2x4xf32>
  return
}

// -----

func.func @sum_to(%x: tensor<2x3xf32>) {
  // expected-error @+2 {{sum_to: (2, 3) does not sum to (2, 2)}}
  // expected-error @+1 {{failed to infer returned types}}
  %y = etch.sum_to %x {shape = array<i64: 2, 2>} : (tensor<2x3xf32>) -> tensor<2x2xf32>
  return
}

// -----

func.func @transpose(%x: tensor<2x3xf32>) {
  // expected-error @+2 {{transpose: (0, 0) is not a permutation of the axes of (2, 3)}}
  // expected-error @+1 {{failed to infer returned types}}
  %y = etch.transpose %x {permutation = array<i64: 0, 0>} : (tensor<2x3xf32>) -> tensor<2x2xf32>
  return
}

// -----

func.func @axis(%x: tensor<2x3xf32>) {
  // expected-error @+2 {{sum: axis 2 is repeated or out of range for (2, 3)}}
  // expected-error @+1 {{failed to infer returned types}}
  %y = etch.sum %x {axes = array<i64: 2>, keepdims = false} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return
}

// -----

func.func @maximum_of_nothing(%x: tensor<0x3xf32>) {
  // expected-error @+2 {{max: no elements along axis 0 of (0, 3)}}
  // expected-error @+1 {{failed to infer returned types}}
  %y = etch.max %x {axes = array<i64: 0>, keepdims = false} : (tensor<0x3xf32>) -> tensor<3xf32>
  return
}

// -----

func.func @inner_dimensions(%x: tensor<2x3xf32>, %w: tensor<4x5xf32>) {
  // expected-error @+2 {{matmul: inner dimensions differ: x is (2, 3), w is (4, 5)}}
  // expected-error @+1 {{failed to infer returned types}}
  %y = etch.matmul %x, %w : (tensor<2x3xf32>, tensor<4x5xf32>) -> tensor<2x5xf32>
  return
}

// -----

func.func @index_type(%x: tensor<1x5x2xf32>, %i: tensor<1x3xi32>) {
  // expected-error @+2 {{gather: indices are int32, not int64}}
  // expected-error @+1 {{failed to infer returned types}}
  %y = etch.gather %x, %i : (tensor<1x5x2xf32>, tensor<1x3xi32>) -> tensor<1x3x2xf32>
  return
}

// -----

func.func @seed(%x: tensor<2xf32>, %seed: tensor<f32>) {
  // expected-error @+1 {{'etch.gradient' op the seed is 'tensor<f32>', y is 'tensor<2xf32>'}}
  %gx = etch.gradient %x by %seed wrt %x : (tensor<2xf32>, tensor<f32>, tensor<2xf32>) -> tensor<2xf32>
  return
}

// -----

func.func @rule(%x: tensor<2xf32>) {
  // expected-error @+1 {{'etch.custom_vjp' op the rule takes one cotangent per output}}
  %y = etch.custom_vjp(%x) gives (%x) {
    etch.yield %x : tensor<2xf32>
  } : (tensor<2xf32>) -> (tensor<2xf32>)
  return
}
