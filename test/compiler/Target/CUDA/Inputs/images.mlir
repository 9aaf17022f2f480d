//===- images.mlir - Images that go with channels last --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Whole vectors of channels.
func.func @main(%x: tensor<2x32x9x7xf32>, %w: tensor<40x32x3x3xf32>, %b: tensor<40xf32>, %u: tensor<36x40x3x3xf32>, %seed: tensor<2x36x9x7xf32>)
    -> (tensor<2x36x9x7xf32>, tensor<2x32x9x7xf32>, tensor<40x32x3x3xf32>, tensor<40xf32>, tensor<36x40x3x3xf32>) {
  %one = etch.mul %x, %x : (tensor<2x32x9x7xf32>, tensor<2x32x9x7xf32>) -> tensor<2x32x9x7xf32>
  %y = etch.conv2d %one, %w {stride = array<i64: 1, 1>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: 2, 40, 9, 7>} : (tensor<2x32x9x7xf32>, tensor<40x32x3x3xf32>) -> tensor<2x40x9x7xf32>
  %b4 = etch.reshape %b {shape = array<i64: 1, 40, 1, 1>} : (tensor<40xf32>) -> tensor<1x40x1x1xf32>
  %bb = etch.broadcast_to %b4 {shape = array<i64: 2, 40, 9, 7>} : (tensor<1x40x1x1xf32>) -> tensor<2x40x9x7xf32>
  %z = etch.add %y, %bb : (tensor<2x40x9x7xf32>, tensor<2x40x9x7xf32>) -> tensor<2x40x9x7xf32>
  %o = etch.mul %z, %z : (tensor<2x40x9x7xf32>, tensor<2x40x9x7xf32>) -> tensor<2x40x9x7xf32>
  %v = etch.conv2d %o, %u {stride = array<i64: 1, 1>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: 2, 36, 9, 7>} : (tensor<2x40x9x7xf32>, tensor<36x40x3x3xf32>) -> tensor<2x36x9x7xf32>
  %g:4 = etch.gradient %v by %seed wrt %x, %w, %b, %u : (tensor<2x36x9x7xf32>, tensor<2x36x9x7xf32>, tensor<2x32x9x7xf32>, tensor<40x32x3x3xf32>, tensor<40xf32>, tensor<36x40x3x3xf32>) -> (tensor<2x32x9x7xf32>, tensor<40x32x3x3xf32>, tensor<40xf32>, tensor<36x40x3x3xf32>)
  return %v, %g#0, %g#1, %g#2, %g#3 : tensor<2x36x9x7xf32>, tensor<2x32x9x7xf32>, tensor<40x32x3x3xf32>, tensor<40xf32>, tensor<36x40x3x3xf32>
}

// -----
// Ends in all directions, steps, dilation; windows of one place are products.
func.func @main(%x: tensor<2x27x6x8xf32>, %w: tensor<26x27x3x2xf32>, %b: tensor<26xf32>, %u: tensor<30x26x1x1xf32>, %seed: tensor<2x30x3x6xf32>)
    -> (tensor<2x30x3x6xf32>, tensor<2x27x6x8xf32>, tensor<26x27x3x2xf32>, tensor<26xf32>, tensor<30x26x1x1xf32>) {
  %one = etch.mul %x, %x : (tensor<2x27x6x8xf32>, tensor<2x27x6x8xf32>) -> tensor<2x27x6x8xf32>
  %y = etch.conv2d %one, %w {stride = array<i64: 2, 1>, pad = array<i64: 1, 0>, dilation = array<i64: 1, 2>, groups = 1 : i64, shape = array<i64: 2, 26, 3, 6>} : (tensor<2x27x6x8xf32>, tensor<26x27x3x2xf32>) -> tensor<2x26x3x6xf32>
  %b4 = etch.reshape %b {shape = array<i64: 1, 26, 1, 1>} : (tensor<26xf32>) -> tensor<1x26x1x1xf32>
  %bb = etch.broadcast_to %b4 {shape = array<i64: 2, 26, 3, 6>} : (tensor<1x26x1x1xf32>) -> tensor<2x26x3x6xf32>
  %z = etch.add %y, %bb : (tensor<2x26x3x6xf32>, tensor<2x26x3x6xf32>) -> tensor<2x26x3x6xf32>
  %o = etch.mul %z, %z : (tensor<2x26x3x6xf32>, tensor<2x26x3x6xf32>) -> tensor<2x26x3x6xf32>
  %v = etch.conv2d %o, %u {stride = array<i64: 1, 1>, pad = array<i64: 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: 2, 30, 3, 6>} : (tensor<2x26x3x6xf32>, tensor<30x26x1x1xf32>) -> tensor<2x30x3x6xf32>
  %g:4 = etch.gradient %v by %seed wrt %x, %w, %b, %u : (tensor<2x30x3x6xf32>, tensor<2x30x3x6xf32>, tensor<2x27x6x8xf32>, tensor<26x27x3x2xf32>, tensor<26xf32>, tensor<30x26x1x1xf32>) -> (tensor<2x27x6x8xf32>, tensor<26x27x3x2xf32>, tensor<26xf32>, tensor<30x26x1x1xf32>)
  return %v, %g#0, %g#1, %g#2, %g#3 : tensor<2x30x3x6xf32>, tensor<2x27x6x8xf32>, tensor<26x27x3x2xf32>, tensor<26xf32>, tensor<30x26x1x1xf32>
}

// -----
// Groups; few channels.
func.func @main(%x: tensor<1x48x6x6xf32>, %w: tensor<64x24x3x3xf32>, %b: tensor<64xf32>, %u: tensor<6x64x2x2xf32>, %seed: tensor<1x6x5x5xf32>)
    -> (tensor<1x6x5x5xf32>, tensor<1x48x6x6xf32>, tensor<64x24x3x3xf32>, tensor<64xf32>, tensor<6x64x2x2xf32>) {
  %one = etch.mul %x, %x : (tensor<1x48x6x6xf32>, tensor<1x48x6x6xf32>) -> tensor<1x48x6x6xf32>
  %y = etch.conv2d %one, %w {stride = array<i64: 1, 1>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 2 : i64, shape = array<i64: 1, 64, 6, 6>} : (tensor<1x48x6x6xf32>, tensor<64x24x3x3xf32>) -> tensor<1x64x6x6xf32>
  %b4 = etch.reshape %b {shape = array<i64: 1, 64, 1, 1>} : (tensor<64xf32>) -> tensor<1x64x1x1xf32>
  %bb = etch.broadcast_to %b4 {shape = array<i64: 1, 64, 6, 6>} : (tensor<1x64x1x1xf32>) -> tensor<1x64x6x6xf32>
  %z = etch.add %y, %bb : (tensor<1x64x6x6xf32>, tensor<1x64x6x6xf32>) -> tensor<1x64x6x6xf32>
  %o = etch.mul %z, %z : (tensor<1x64x6x6xf32>, tensor<1x64x6x6xf32>) -> tensor<1x64x6x6xf32>
  %v = etch.conv2d %o, %u {stride = array<i64: 1, 1>, pad = array<i64: 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: 1, 6, 5, 5>} : (tensor<1x64x6x6xf32>, tensor<6x64x2x2xf32>) -> tensor<1x6x5x5xf32>
  %g:4 = etch.gradient %v by %seed wrt %x, %w, %b, %u : (tensor<1x6x5x5xf32>, tensor<1x6x5x5xf32>, tensor<1x48x6x6xf32>, tensor<64x24x3x3xf32>, tensor<64xf32>, tensor<6x64x2x2xf32>) -> (tensor<1x48x6x6xf32>, tensor<64x24x3x3xf32>, tensor<64xf32>, tensor<6x64x2x2xf32>)
  return %v, %g#0, %g#1, %g#2, %g#3 : tensor<1x6x5x5xf32>, tensor<1x48x6x6xf32>, tensor<64x24x3x3xf32>, tensor<64xf32>, tensor<6x64x2x2xf32>
}
