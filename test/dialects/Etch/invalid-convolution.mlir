// What the verifier says of convolutions: the op, what is wrong, the values.
//
// RUN: etch-opt %s -split-input-file -verify-diagnostics

func.func @channels(%x: tensor<1x5x15x15xf32>, %w: tensor<8x3x3x3xf32>) {
  // expected-error @+2 {{conv2d: channels differ: x is (1, 5, 15, 15), w is (8, 3, 3, 3)}}
  // expected-error @+1 {{failed to infer returned types}}
  %y = etch.conv2d %x, %w {stride = array<i64: 1, 1>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: 1, 8, 15, 15>} : (tensor<1x5x15x15xf32>, tensor<8x3x3x3xf32>) -> tensor<1x8x15x15xf32>
  return
}

// -----

func.func @grouped_channels(%x: tensor<1x4x5x5xf32>, %w: tensor<6x4x3x3xf32>) {
  // expected-error @+2 {{conv2d: channels differ: x is (1, 4, 5, 5), w is (6, 4, 3, 3), in 2 groups}}
  // expected-error @+1 {{failed to infer returned types}}
  %y = etch.conv2d %x, %w {stride = array<i64: 1, 1>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 2 : i64, shape = array<i64: 1, 6, 5, 5>} : (tensor<1x4x5x5xf32>, tensor<6x4x3x3xf32>) -> tensor<1x6x5x5xf32>
  return
}

// -----

func.func @filters_in_groups(%x: tensor<1x4x5x5xf32>, %w: tensor<5x2x3x3xf32>) {
  // expected-error @+2 {{conv2d: 5 filters cannot be cut in 2 groups}}
  // expected-error @+1 {{failed to infer returned types}}
  %y = etch.conv2d %x, %w {stride = array<i64: 1, 1>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 2 : i64, shape = array<i64: 1, 5, 5, 5>} : (tensor<1x4x5x5xf32>, tensor<5x2x3x3xf32>) -> tensor<1x5x5x5xf32>
  return
}

// -----

func.func @too_large(%x: tensor<1x3x5x5xf32>, %w: tensor<8x3x7x7xf32>) {
  // expected-error @+2 {{conv2d: windows of (7, 7) do not fit into x of (5, 5) with pad (0, 0)}}
  // expected-error @+1 {{failed to infer returned types}}
  %y = etch.conv2d %x, %w {stride = array<i64: 1, 1>, pad = array<i64: 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: 1, 8, 1, 1>} : (tensor<1x3x5x5xf32>, tensor<8x3x7x7xf32>) -> tensor<1x8x1x1xf32>
  return
}

// -----

func.func @stride(%x: tensor<1x3x5x5xf32>, %w: tensor<8x3x3x3xf32>) {
  // expected-error @+2 {{conv2d: stride is not two positive numbers}}
  // expected-error @+1 {{failed to infer returned types}}
  %y = etch.conv2d %x, %w {stride = array<i64: 1, 0>, pad = array<i64: 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: 1, 8, 3, 3>} : (tensor<1x3x5x5xf32>, tensor<8x3x3x3xf32>) -> tensor<1x8x3x3xf32>
  return
}

// -----

func.func @places(%x: tensor<1x8x3x3xf32>, %w: tensor<8x3x3x3xf32>) {
  // expected-error @+2 {{conv2d_input_grad: the output has 3 places along H, windows of (3, 3) have 4 in the result of (6, 5)}}
  // expected-error @+1 {{failed to infer returned types}}
  %y = etch.conv2d_input_grad %x, %w {stride = array<i64: 1, 1>, pad = array<i64: 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: 1, 3, 6, 5>} : (tensor<1x8x3x3xf32>, tensor<8x3x3x3xf32>) -> tensor<1x3x6x5xf32>
  return
}

// -----

func.func @element_types(%x: tensor<1x3x5x5xf32>, %gy: tensor<1x8x3x3xf64>) {
  // expected-error @+2 {{conv2d_weight_grad: element types: x is float32, w is float64}}
  // expected-error @+1 {{failed to infer returned types}}
  %y = etch.conv2d_weight_grad %x, %gy {stride = array<i64: 1, 1>, pad = array<i64: 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: 8, 3, 3, 3>} : (tensor<1x3x5x5xf32>, tensor<1x8x3x3xf64>) -> tensor<8x3x3x3xf32>
  return
}

// -----

func.func @columns(%x: tensor<1x3x5x5xf32>) {
  // expected-error @+2 {{im2col: the output has 4 places along W, windows of (3, 3) have 3 in x of (5, 5)}}
  // expected-error @+1 {{failed to infer returned types}}
  %y = etch.im2col %x {stride = array<i64: 1, 1>, pad = array<i64: 0, 0>, dilation = array<i64: 1, 1>, shape = array<i64: 1, 3, 3, 3, 3, 4>} : (tensor<1x3x5x5xf32>) -> tensor<1x3x3x3x3x4xf32>
  return
}

// -----

func.func @padding_alone(%x: tensor<1x3x5x5xf32>) {
  // expected-error @+2 {{max_pool_index: windows of (2, 2) may lie in the padding of (2, 2) alone}}
  // expected-error @+1 {{failed to infer returned types}}
  %y = etch.max_pool_index %x {kernel = array<i64: 2, 2>, stride = array<i64: 2, 2>, pad = array<i64: 2, 2>, shape = array<i64: 1, 3, 4, 4>} : (tensor<1x3x5x5xf32>) -> tensor<1x3x4x4xi64>
  return
}
