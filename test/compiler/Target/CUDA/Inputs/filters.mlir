//===- filters.mlir - Gradients of filters with channels last -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Whole vectors of channels; blocks share the places.
func.func @main(%x: tensor<4x32x18x18xf32>, %w: tensor<64x32x3x3xf32>, %u: tensor<72x64x3x3xf32>, %seed: tensor<4x72x18x18xf32>)
    -> (tensor<4x72x18x18xf32>, tensor<64x32x3x3xf32>, tensor<72x64x3x3xf32>) {
  %one = etch.mul %x, %x : (tensor<4x32x18x18xf32>, tensor<4x32x18x18xf32>) -> tensor<4x32x18x18xf32>
  %y = etch.conv2d %one, %w {stride = array<i64: 1, 1>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: 4, 64, 18, 18>} : (tensor<4x32x18x18xf32>, tensor<64x32x3x3xf32>) -> tensor<4x64x18x18xf32>
  %o = etch.mul %y, %y : (tensor<4x64x18x18xf32>, tensor<4x64x18x18xf32>) -> tensor<4x64x18x18xf32>
  %v = etch.conv2d %o, %u {stride = array<i64: 1, 1>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: 4, 72, 18, 18>} : (tensor<4x64x18x18xf32>, tensor<72x64x3x3xf32>) -> tensor<4x72x18x18xf32>
  %g:2 = etch.gradient %v by %seed wrt %w, %u : (tensor<4x72x18x18xf32>, tensor<4x72x18x18xf32>, tensor<64x32x3x3xf32>, tensor<72x64x3x3xf32>) -> (tensor<64x32x3x3xf32>, tensor<72x64x3x3xf32>)
  return %v, %g#0, %g#1 : tensor<4x72x18x18xf32>, tensor<64x32x3x3xf32>, tensor<72x64x3x3xf32>
}

// -----
// Ends in all directions, steps, dilation, groups.
func.func @main(%x: tensor<4x30x21x19xf32>, %w: tensor<54x15x3x3xf32>, %u: tensor<33x54x3x3xf32>, %seed: tensor<4x33x11x10xf32>)
    -> (tensor<4x33x11x10xf32>, tensor<54x15x3x3xf32>, tensor<33x54x3x3xf32>) {
  %one = etch.mul %x, %x : (tensor<4x30x21x19xf32>, tensor<4x30x21x19xf32>) -> tensor<4x30x21x19xf32>
  %y = etch.conv2d %one, %w {stride = array<i64: 2, 2>, pad = array<i64: 2, 2>, dilation = array<i64: 2, 2>, groups = 2 : i64, shape = array<i64: 4, 54, 11, 10>} : (tensor<4x30x21x19xf32>, tensor<54x15x3x3xf32>) -> tensor<4x54x11x10xf32>
  %o = etch.mul %y, %y : (tensor<4x54x11x10xf32>, tensor<4x54x11x10xf32>) -> tensor<4x54x11x10xf32>
  %v = etch.conv2d %o, %u {stride = array<i64: 1, 1>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: 4, 33, 11, 10>} : (tensor<4x54x11x10xf32>, tensor<33x54x3x3xf32>) -> tensor<4x33x11x10xf32>
  %g:2 = etch.gradient %v by %seed wrt %w, %u : (tensor<4x33x11x10xf32>, tensor<4x33x11x10xf32>, tensor<54x15x3x3xf32>, tensor<33x54x3x3xf32>) -> (tensor<54x15x3x3xf32>, tensor<33x54x3x3xf32>)
  return %v, %g#0, %g#1 : tensor<4x33x11x10xf32>, tensor<54x15x3x3xf32>, tensor<33x54x3x3xf32>
}
