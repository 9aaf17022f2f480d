//===- large-products.mlir - Registers of large tiles ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Too large for an emulator: compiled for devices, which shows what tiles take.
// Seen beside: tiles of 128 x 128 elements, vectors on their way into shared
// memory, the instruction's wrapper, and a loop over what a thread has.
//===----------------------------------------------------------------------===//
// RUN: etch-cuda-check --precision tf32 --show %s | FileCheck %s --check-prefixes=CHECK,TF32
// RUN: etch-cuda-check --precision bf16 --show %s | FileCheck %s --check-prefixes=CHECK,BF16
// RUN: etch-cuda-check --show %s | FileCheck %s --check-prefix=FULL

// CHECK: #ifndef ETCH_PRODUCT
// CHECK: mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32
// CHECK-LABEL: ETCH_KERNEL(256, 2) k0(
// CHECK: [[WHOLE:v[0-9]+]] = etch_aligned(
// TF32: etch_matmul<128, 128, false, true, false, float, float>({{.*}}, 2048ull,
// BF16: etch_matmul<128, 128, false, true, true, float, float>({{.*}}, 2048ull,
// CHECK: #pragma unroll 64
// CHECK: static u64 k0_blocks0(
// CHECK: return 256ull;
// TF32: etch_matmul<128, 128, false, false, false, float, float>(
// TF32: etch_convolve<64, 128, true, false, float, float>(
// TF32: etch_convolve<128, 128, false, false, float, float>(
// TF32: etch_correlate<64, 128, false, float, float>(
// BF16: etch_correlate<64, 128, true, float, float>(
// CHECK: static u64 k0_blocks0(
// CHECK: return 260ull;
// BF16: etch_correlate<128, 64, true, float, float>(
// TF32: etch_correlate<128, 128, false, float, float>(
// BF16: etch_matmul<128, 128, false, true, true, u16, u16>(
// BF16: etch_convolve_last<128, 128, true, true, u16, u16>(
// BF16: etch_convolve_last<128, 128, false, true, u16, u16>(
// FULL-NOT: ETCH_PRODUCT

func.func @main(%x: tensor<2048x2048xf32>, %w: tensor<2048x2048xf32>) -> tensor<2048x2048xf32> {
  %y = etch.matmul %x, %w : (tensor<2048x2048xf32>, tensor<2048x2048xf32>) -> tensor<2048x2048xf32>
  return %y : tensor<2048x2048xf32>
}
// -----
func.func @main(%x: tensor<2048x2048xf32>, %w: tensor<2048x2048xf32>, %b: tensor<2048xf32>) -> tensor<2048x2048xf32> {
  %wt = etch.transpose %w {permutation = array<i64: 1, 0>} : (tensor<2048x2048xf32>) -> tensor<2048x2048xf32>
  %y = etch.matmul %x, %wt : (tensor<2048x2048xf32>, tensor<2048x2048xf32>) -> tensor<2048x2048xf32>
  %bb = etch.broadcast_to %b {shape = array<i64: 2048, 2048>} : (tensor<2048xf32>) -> tensor<2048x2048xf32>
  %z = etch.add %y, %bb : (tensor<2048x2048xf32>, tensor<2048x2048xf32>) -> tensor<2048x2048xf32>
  %o = etch.tanh %z : (tensor<2048x2048xf32>) -> tensor<2048x2048xf32>
  return %o : tensor<2048x2048xf32>
}
// -----
func.func @main(%x: tensor<64x64x56x56xf32>, %w: tensor<64x64x3x3xf32>) -> tensor<64x64x56x56xf32> {
  %y = etch.conv2d %x, %w {shape = array<i64: 64, 64, 56, 56>, stride = array<i64: 1, 1>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64} : (tensor<64x64x56x56xf32>, tensor<64x64x3x3xf32>) -> tensor<64x64x56x56xf32>
  return %y : tensor<64x64x56x56xf32>
}
// -----
func.func @main(%x: tensor<64x64x56x56xf32>, %w: tensor<64x96x3x3xf32>) -> tensor<64x96x56x56xf32> {
  %y = etch.conv2d_input_grad %x, %w {shape = array<i64: 64, 96, 56, 56>, stride = array<i64: 1, 1>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64} : (tensor<64x64x56x56xf32>, tensor<64x96x3x3xf32>) -> tensor<64x96x56x56xf32>
  return %y : tensor<64x96x56x56xf32>
}
// -----
func.func @main(%x: tensor<2048x1024xf32>, %w: tensor<2048x1026xf32>) -> tensor<1024x1026xf32> {
  %xt = etch.transpose %x {permutation = array<i64: 1, 0>} : (tensor<2048x1024xf32>) -> tensor<1024x2048xf32>
  %y = etch.matmul %xt, %w : (tensor<1024x2048xf32>, tensor<2048x1026xf32>) -> tensor<1024x1026xf32>
  return %y : tensor<1024x1026xf32>
}
// -----
func.func @main(%x: tensor<64x64x56x56xf32>, %w: tensor<64x64x56x56xf32>) -> tensor<64x64x3x3xf32> {
  %y = etch.conv2d_weight_grad %x, %w {shape = array<i64: 64, 64, 3, 3>, stride = array<i64: 1, 1>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64} : (tensor<64x64x56x56xf32>, tensor<64x64x56x56xf32>) -> tensor<64x64x3x3xf32>
  return %y : tensor<64x64x3x3xf32>
}
// -----
func.func @main(%x: tensor<64x256x14x14xf32>, %w: tensor<64x512x7x7xf32>) -> tensor<512x256x3x3xf32> {
  %y = etch.conv2d_weight_grad %x, %w {shape = array<i64: 512, 256, 3, 3>, stride = array<i64: 2, 2>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64} : (tensor<64x256x14x14xf32>, tensor<64x512x7x7xf32>) -> tensor<512x256x3x3xf32>
  return %y : tensor<512x256x3x3xf32>
}
// -----
// Stored as bfloat16 in between.
func.func @main(%x: tensor<2048x2048xf32>, %w: tensor<2048x2048xf32>, %v: tensor<2048x2048xf32>) -> tensor<2048x2048xf32> {
  %h = etch.matmul %x, %w : (tensor<2048x2048xf32>, tensor<2048x2048xf32>) -> tensor<2048x2048xf32>
  %y = etch.matmul %h, %v : (tensor<2048x2048xf32>, tensor<2048x2048xf32>) -> tensor<2048x2048xf32>
  return %y : tensor<2048x2048xf32>
}
// -----
func.func @main(%x: tensor<64x128x28x28xf32>, %w: tensor<128x128x3x3xf32>, %v: tensor<128x128x3x3xf32>) -> (tensor<64x128x28x28xf32>, tensor<128x128x3x3xf32>) {
  %a = etch.conv2d %x, %w {shape = array<i64: 64, 128, 28, 28>, stride = array<i64: 1, 1>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64} : (tensor<64x128x28x28xf32>, tensor<128x128x3x3xf32>) -> tensor<64x128x28x28xf32>
  %b = etch.conv2d_input_grad %a, %v {shape = array<i64: 64, 128, 28, 28>, stride = array<i64: 1, 1>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64} : (tensor<64x128x28x28xf32>, tensor<128x128x3x3xf32>) -> tensor<64x128x28x28xf32>
  %g = etch.conv2d_weight_grad %a, %b {shape = array<i64: 128, 128, 3, 3>, stride = array<i64: 1, 1>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64} : (tensor<64x128x28x28xf32>, tensor<64x128x28x28xf32>) -> tensor<128x128x3x3xf32>
  %c = etch.conv2d %b, %w {shape = array<i64: 64, 128, 28, 28>, stride = array<i64: 1, 1>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64} : (tensor<64x128x28x28xf32>, tensor<128x128x3x3xf32>) -> tensor<64x128x28x28xf32>
  return %c, %g : tensor<64x128x28x28xf32>, tensor<128x128x3x3xf32>
}
