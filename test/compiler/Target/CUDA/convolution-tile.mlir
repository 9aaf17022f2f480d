//===- convolution-tile.mlir - Convolutions as products -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Many channels: tiles in shared memory. Few: a thread for each element.
//===----------------------------------------------------------------------===//
// RUN: split-file %s %t
// RUN: etch-cuda-check --show %t/many.mlir | FileCheck %s --check-prefix=MANY
// RUN: etch-cuda-check --show %t/few.mlir | FileCheck %s --check-prefix=FEW

// MANY-LABEL: ETCH_KERNEL(256) k0(
// MANY: __shared__ float
// MANY: __shared__ float
// MANY: etch_barrier();
// MANY: #pragma unroll 16
// MANY-COUNT-2: etch_load_vec<float, 4>
// MANY-COUNT-16: etch_fma(

// FEW-LABEL: ETCH_KERNEL(256, 3) k0(
// FEW-NOT: __shared__
// FEW-COUNT-1: etch_fma(
// FEW-NOT: etch_barrier();

//--- many.mlir
func.func @main(%x: tensor<8x32x28x28xf32>, %w: tensor<64x32x3x3xf32>)
    -> tensor<8x64x28x28xf32> {
  %y = etch.conv2d %x, %w {stride = array<i64: 1, 1>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: 8, 64, 28, 28>} : (tensor<8x32x28x28xf32>, tensor<64x32x3x3xf32>) -> tensor<8x64x28x28xf32>
  return %y : tensor<8x64x28x28xf32>
}

//--- few.mlir
func.func @main(%x: tensor<8x4x28x28xf32>, %w: tensor<6x4x3x3xf32>)
    -> tensor<8x6x28x28xf32> {
  %y = etch.conv2d %x, %w {stride = array<i64: 1, 1>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: 8, 6, 28, 28>} : (tensor<8x4x28x28xf32>, tensor<6x4x3x3xf32>) -> tensor<8x6x28x28xf32>
  return %y : tensor<8x6x28x28xf32>
}
