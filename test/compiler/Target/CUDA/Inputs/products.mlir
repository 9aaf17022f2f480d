//===- products.mlir - Products that tensor cores may make ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Whole vectors; a bias and relu.
func.func @main(%x: tensor<80x64xf32>, %w: tensor<64x96xf32>, %b: tensor<96xf32>) -> tensor<80x96xf32> {
  %y = etch.matmul %x, %w : (tensor<80x64xf32>, tensor<64x96xf32>) -> tensor<80x96xf32>
  %bb = etch.broadcast_to %b {shape = array<i64: 80, 96>} : (tensor<96xf32>) -> tensor<80x96xf32>
  %z = etch.add %y, %bb : (tensor<80x96xf32>, tensor<80x96xf32>) -> tensor<80x96xf32>
  %o = etch.relu %z : (tensor<80x96xf32>) -> tensor<80x96xf32>
  return %o : tensor<80x96xf32>
}

// -----
// Ends in all directions.
func.func @main(%x: tensor<70x53xf32>, %w: tensor<53x67xf32>) -> tensor<70x67xf32> {
  %y = etch.matmul %x, %w : (tensor<70x53xf32>, tensor<53x67xf32>) -> tensor<70x67xf32>
  return %y : tensor<70x67xf32>
}

// -----
// Both transposed.
func.func @main(%x: tensor<40x68xf32>, %w: tensor<36x40xf32>) -> tensor<68x36xf32> {
  %xt = etch.transpose %x {permutation = array<i64: 1, 0>} : (tensor<40x68xf32>) -> tensor<68x40xf32>
  %wt = etch.transpose %w {permutation = array<i64: 1, 0>} : (tensor<36x40xf32>) -> tensor<40x36xf32>
  %y = etch.matmul %xt, %wt : (tensor<68x40xf32>, tensor<40x36xf32>) -> tensor<68x36xf32>
  return %y : tensor<68x36xf32>
}

// -----
// Batches, an open number of rows.
func.func @main(%x: tensor<?x20xf32>, %w: tensor<20x33xf32>) -> tensor<?x33xf32> {
  %y = etch.matmul %x, %w : (tensor<?x20xf32>, tensor<20x33xf32>) -> tensor<?x33xf32>
  return %y : tensor<?x33xf32>
}

// -----
func.func @main(%x: tensor<3x17x40xf32>, %w: tensor<3x40x32xf32>) -> tensor<3x17x32xf32> {
  %y = etch.matmul %x, %w : (tensor<3x17x40xf32>, tensor<3x40x32xf32>) -> tensor<3x17x32xf32>
  return %y : tensor<3x17x32xf32>
}

// -----
// Enough for large tiles: 96 of them.
func.func @main(%x: tensor<96x32x16xf32>, %w: tensor<96x16x130xf32>) -> tensor<96x32x130xf32> {
  %y = etch.matmul %x, %w : (tensor<96x32x16xf32>, tensor<96x16x130xf32>) -> tensor<96x32x130xf32>
  return %y : tensor<96x32x130xf32>
}

// -----
// A convolution, a bias.
func.func @main(%x: tensor<2x5x9x11xf32>, %w: tensor<40x5x3x3xf32>, %b: tensor<40x1x1xf32>) -> tensor<2x40x5x6xf32> {
  %y = etch.conv2d %x, %w {shape = array<i64: 2, 40, 5, 6>, stride = array<i64: 2, 2>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64} : (tensor<2x5x9x11xf32>, tensor<40x5x3x3xf32>) -> tensor<2x40x5x6xf32>
  %bb = etch.broadcast_to %b {shape = array<i64: 2, 40, 5, 6>} : (tensor<40x1x1xf32>) -> tensor<2x40x5x6xf32>
  %z = etch.add %y, %bb : (tensor<2x40x5x6xf32>, tensor<2x40x5x6xf32>) -> tensor<2x40x5x6xf32>
  return %z : tensor<2x40x5x6xf32>
}

// -----
// In groups, dilated; vectors along the filter.
func.func @main(%x: tensor<2x8x9x9xf32>, %w: tensor<64x4x3x3xf32>) -> tensor<2x64x7x7xf32> {
  %y = etch.conv2d %x, %w {shape = array<i64: 2, 64, 7, 7>, stride = array<i64: 1, 1>, pad = array<i64: 1, 1>, dilation = array<i64: 2, 2>, groups = 2 : i64} : (tensor<2x8x9x9xf32>, tensor<64x4x3x3xf32>) -> tensor<2x64x7x7xf32>
  return %y : tensor<2x64x7x7xf32>
}

// -----
// The gradient of an image, in groups.
func.func @main(%x: tensor<2x6x9x8xf32>, %w: tensor<6x30x3x2xf32>) -> tensor<2x60x9x8xf32> {
  %y = etch.conv2d_input_grad %x, %w {stride = array<i64: 1, 1>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 2>, groups = 2 : i64, shape = array<i64: 2, 60, 9, 8>} : (tensor<2x6x9x8xf32>, tensor<6x30x3x2xf32>) -> tensor<2x60x9x8xf32>
  return %y : tensor<2x60x9x8xf32>
}

// -----
// The gradient of a filter, of few places: no block shares them.
func.func @main(%x: tensor<2x5x9x11xf32>, %g: tensor<2x40x5x6xf32>, %m: tensor<40x5x3x3xf32>) -> tensor<40x5x3x3xf32> {
  %y = etch.conv2d_weight_grad %x, %g {stride = array<i64: 2, 2>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: 40, 5, 3, 3>} : (tensor<2x5x9x11xf32>, tensor<2x40x5x6xf32>) -> tensor<40x5x3x3xf32>
  %z = etch.add %y, %m : (tensor<40x5x3x3xf32>, tensor<40x5x3x3xf32>) -> tensor<40x5x3x3xf32>
  return %z : tensor<40x5x3x3xf32>
}

// -----
// Whole vectors of four; shared by three blocks; what follows.
func.func @main(%x: tensor<2x4x28x28xf32>, %g: tensor<2x30x28x28xf32>, %m: tensor<30x4x3x3xf32>) -> tensor<30x4x3x3xf32> {
  %y = etch.conv2d_weight_grad %x, %g {stride = array<i64: 1, 1>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: 30, 4, 3, 3>} : (tensor<2x4x28x28xf32>, tensor<2x30x28x28xf32>) -> tensor<30x4x3x3xf32>
  %z = etch.add %y, %m : (tensor<30x4x3x3xf32>, tensor<30x4x3x3xf32>) -> tensor<30x4x3x3xf32>
  return %z : tensor<30x4x3x3xf32>
}

// -----
// In groups, dilated; lines that are no vectors; the last block has less.
func.func @main(%x: tensor<3x12x21x23xf32>, %g: tensor<3x80x19x23xf32>) -> tensor<80x6x3x5xf32> {
  %y = etch.conv2d_weight_grad %x, %g {stride = array<i64: 1, 1>, pad = array<i64: 1, 4>, dilation = array<i64: 2, 2>, groups = 2 : i64, shape = array<i64: 80, 6, 3, 5>} : (tensor<3x12x21x23xf32>, tensor<3x80x19x23xf32>) -> tensor<80x6x3x5xf32>
  return %y : tensor<80x6x3x5xf32>
}

// -----
// Large tiles, an open number of images.
func.func @main(%x: tensor<?x9x16x15xf32>, %g: tensor<?x70x16x15xf32>) -> tensor<70x9x3x3xf32> {
  %y = etch.conv2d_weight_grad %x, %g {stride = array<i64: 1, 1>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: 70, 9, 3, 3>} : (tensor<?x9x16x15xf32>, tensor<?x70x16x15xf32>) -> tensor<70x9x3x3xf32>
  return %y : tensor<70x9x3x3xf32>
}

// -----
// Strides: each of four kinds of places meets other taps.
func.func @main(%x: tensor<2x5x5x5xf32>, %w: tensor<5x30x3x3xf32>, %b: tensor<2x30x9x10xf32>) -> tensor<2x30x9x10xf32> {
  %y = etch.conv2d_input_grad %x, %w {stride = array<i64: 2, 2>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: 2, 30, 9, 10>} : (tensor<2x5x5x5xf32>, tensor<5x30x3x3xf32>) -> tensor<2x30x9x10xf32>
  %z = etch.add %y, %b : (tensor<2x30x9x10xf32>, tensor<2x30x9x10xf32>) -> tensor<2x30x9x10xf32>
  return %z : tensor<2x30x9x10xf32>
}

// -----
// Some places meet none.
func.func @main(%x: tensor<2x17x4x3xf32>, %w: tensor<17x33x1x1xf32>, %b: tensor<2x33x7x5xf32>) -> tensor<2x33x7x5xf32> {
  %y = etch.conv2d_input_grad %x, %w {stride = array<i64: 2, 2>, pad = array<i64: 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: 2, 33, 7, 5>} : (tensor<2x17x4x3xf32>, tensor<17x33x1x1xf32>) -> tensor<2x33x7x5xf32>
  %z = etch.add %y, %b : (tensor<2x33x7x5xf32>, tensor<2x33x7x5xf32>) -> tensor<2x33x7x5xf32>
  return %z : tensor<2x33x7x5xf32>
}

// -----
// A stride along, dilation across; groups.
func.func @main(%x: tensor<1x6x6x3xf32>, %w: tensor<6x26x3x2xf32>, %b: tensor<1x52x8x7xf32>) -> tensor<1x52x8x7xf32> {
  %y = etch.conv2d_input_grad %x, %w {stride = array<i64: 1, 3>, pad = array<i64: 1, 1>, dilation = array<i64: 2, 1>, groups = 2 : i64, shape = array<i64: 1, 52, 8, 7>} : (tensor<1x6x6x3xf32>, tensor<6x26x3x2xf32>) -> tensor<1x52x8x7xf32>
  %z = etch.add %y, %b : (tensor<1x52x8x7xf32>, tensor<1x52x8x7xf32>) -> tensor<1x52x8x7xf32>
  return %z : tensor<1x52x8x7xf32>
}

// -----
// Fewer places than the stride.
func.func @main(%x: tensor<1x7x1x5xf32>, %w: tensor<7x26x1x4xf32>, %b: tensor<1x26x1x9xf32>) -> tensor<1x26x1x9xf32> {
  %y = etch.conv2d_input_grad %x, %w {stride = array<i64: 2, 2>, pad = array<i64: 0, 2>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: 1, 26, 1, 9>} : (tensor<1x7x1x5xf32>, tensor<7x26x1x4xf32>) -> tensor<1x26x1x9xf32>
  %z = etch.add %y, %b : (tensor<1x26x1x9xf32>, tensor<1x26x1x9xf32>) -> tensor<1x26x1x9xf32>
  return %z : tensor<1x26x1x9xf32>
}
