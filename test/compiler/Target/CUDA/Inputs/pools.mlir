//===- pools.mlir - Windows of images with channels last ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which element is the largest must not depend on rounding: for what is nearly
// as precise as the CPU.
//===----------------------------------------------------------------------===//

// Batch norm, pooling.
func.func @main(%x: tensor<2x8x10x10xf32>, %w: tensor<32x8x3x3xf32>, %gamma: tensor<1x32x1x1xf32>, %u: tensor<28x32x3x3xf32>, %seed: tensor<2x28x5x5xf32>)
    -> (tensor<2x28x5x5xf32>, tensor<2x8x10x10xf32>, tensor<32x8x3x3xf32>, tensor<1x32x1x1xf32>, tensor<28x32x3x3xf32>, tensor<2x28xf32>) {
  %c = etch.conv2d %x, %w {stride = array<i64: 1, 1>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: 2, 32, 10, 10>} : (tensor<2x8x10x10xf32>, tensor<32x8x3x3xf32>) -> tensor<2x32x10x10xf32>
  %m = etch.mean %c {axes = array<i64: 0, 2, 3>, keepdims = true} : (tensor<2x32x10x10xf32>) -> tensor<1x32x1x1xf32>
  %mb = etch.broadcast_to %m {shape = array<i64: 2, 32, 10, 10>} : (tensor<1x32x1x1xf32>) -> tensor<2x32x10x10xf32>
  %d = etch.sub %c, %mb : (tensor<2x32x10x10xf32>, tensor<2x32x10x10xf32>) -> tensor<2x32x10x10xf32>
  %dd = etch.mul %d, %d : (tensor<2x32x10x10xf32>, tensor<2x32x10x10xf32>) -> tensor<2x32x10x10xf32>
  %var = etch.mean %dd {axes = array<i64: 0, 2, 3>, keepdims = true} : (tensor<2x32x10x10xf32>) -> tensor<1x32x1x1xf32>
  %r = etch.sqrt %var : (tensor<1x32x1x1xf32>) -> tensor<1x32x1x1xf32>
  %k = etch.div %gamma, %r : (tensor<1x32x1x1xf32>, tensor<1x32x1x1xf32>) -> tensor<1x32x1x1xf32>
  %kb = etch.broadcast_to %k {shape = array<i64: 2, 32, 10, 10>} : (tensor<1x32x1x1xf32>) -> tensor<2x32x10x10xf32>
  %n = etch.mul %d, %kb : (tensor<2x32x10x10xf32>, tensor<2x32x10x10xf32>) -> tensor<2x32x10x10xf32>
  %o = etch.relu %n : (tensor<2x32x10x10xf32>) -> tensor<2x32x10x10xf32>
  %i = etch.max_pool_index %o {kernel = array<i64: 3, 3>, stride = array<i64: 2, 2>, pad = array<i64: 1, 1>, shape = array<i64: 2, 32, 5, 5>} : (tensor<2x32x10x10xf32>) -> tensor<2x32x5x5xi64>
  %op = etch.reshape %o {shape = array<i64: 64, 100, 1>} : (tensor<2x32x10x10xf32>) -> tensor<64x100x1xf32>
  %ip = etch.reshape %i {shape = array<i64: 64, 25>} : (tensor<2x32x5x5xi64>) -> tensor<64x25xi64>
  %pp = etch.gather %op, %ip : (tensor<64x100x1xf32>, tensor<64x25xi64>) -> tensor<64x25x1xf32>
  %p = etch.reshape %pp {shape = array<i64: 2, 32, 5, 5>} : (tensor<64x25x1xf32>) -> tensor<2x32x5x5xf32>
  %v = etch.conv2d %p, %u {stride = array<i64: 1, 1>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: 2, 28, 5, 5>} : (tensor<2x32x5x5xf32>, tensor<28x32x3x3xf32>) -> tensor<2x28x5x5xf32>
  %a = etch.mean %v {axes = array<i64: 2, 3>, keepdims = false} : (tensor<2x28x5x5xf32>) -> tensor<2x28xf32>
  %g:4 = etch.gradient %v by %seed wrt %x, %w, %gamma, %u : (tensor<2x28x5x5xf32>, tensor<2x28x5x5xf32>, tensor<2x8x10x10xf32>, tensor<32x8x3x3xf32>, tensor<1x32x1x1xf32>, tensor<28x32x3x3xf32>) -> (tensor<2x8x10x10xf32>, tensor<32x8x3x3xf32>, tensor<1x32x1x1xf32>, tensor<28x32x3x3xf32>)
  return %v, %g#0, %g#1, %g#2, %g#3, %a : tensor<2x28x5x5xf32>, tensor<2x8x10x10xf32>, tensor<32x8x3x3xf32>, tensor<1x32x1x1xf32>, tensor<28x32x3x3xf32>, tensor<2x28xf32>
}
