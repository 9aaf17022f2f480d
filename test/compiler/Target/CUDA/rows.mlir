//===- rows.mlir - Several stages in one kernel ---------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A softmax is one kernel: maxima, exponentials and their sums, quotients. Rows
// of 64 elements belong to sixteen threads each, which need no barrier of the
// block; rows of 2048 to a block. What a block's memory does not hold lies in
// scratch memory.
//===----------------------------------------------------------------------===//
// RUN: split-file %s %t
// RUN: etch-cuda-check --show %t/short.mlir | FileCheck %s --check-prefix=SHORT
// RUN: etch-cuda-check --show %t/long.mlir | FileCheck %s --check-prefix=LONG
// RUN: etch-cuda-check --show %t/far.mlir | FileCheck %s --check-prefix=FAR

// SHORT-LABEL: ETCH_KERNEL(128, 1) r0(
// SHORT: __shared__ u8
// SHORT-NOT: etch_barrier();
// SHORT: etch_sync16();
// SHORT-COUNT-4: etch_down16(
// SHORT: etch_sync16();
// SHORT-COUNT-4: etch_down16(
// SHORT: etch_sync16();
// SHORT: etch_store_vec(
// SHORT-NOT: ETCH_KERNEL
// SHORT-LABEL: static u64 r0_blocks0(
// SHORT: return 64ull;

// LONG-LABEL: ETCH_KERNEL(256, 1) r0(
// LONG-NOT: etch_sync16();
// LONG: etch_barrier();
// LONG-COUNT-4: etch_down16(
// LONG: etch_barrier();
// LONG-NOT: ETCH_KERNEL
// LONG-LABEL: static u64 r0_blocks0(
// LONG: return 512ull;

// Two arrays of 32 KB: one of them is shared by the block.
// FAR-LABEL: ETCH_KERNEL(256, 1) r0(
// FAR: __shared__ u8 {{m[0-9]+}}[32800];
// A block has scratch memory for a row, and does several.
// FAR: for (i32 {{.*}} += 1024) {
// FAR-LABEL: static u64 r0_scratch(
// FAR: return 33554432ull;

//--- short.mlir
func.func @main(%x: tensor<512x64xf32>) -> tensor<512x64xf32> {
  %m = etch.max %x {axes = array<i64: 1>, keepdims = true} : (tensor<512x64xf32>) -> tensor<512x1xf32>
  %mb = etch.broadcast_to %m {shape = array<i64: 512, 64>} : (tensor<512x1xf32>) -> tensor<512x64xf32>
  %d = etch.sub %x, %mb : (tensor<512x64xf32>, tensor<512x64xf32>) -> tensor<512x64xf32>
  %e = etch.exp %d : (tensor<512x64xf32>) -> tensor<512x64xf32>
  %s = etch.sum %e {axes = array<i64: 1>, keepdims = true} : (tensor<512x64xf32>) -> tensor<512x1xf32>
  %sb = etch.broadcast_to %s {shape = array<i64: 512, 64>} : (tensor<512x1xf32>) -> tensor<512x64xf32>
  %y = etch.div %e, %sb : (tensor<512x64xf32>, tensor<512x64xf32>) -> tensor<512x64xf32>
  return %y : tensor<512x64xf32>
}

//--- long.mlir
func.func @main(%x: tensor<512x2048xf32>) -> tensor<512x2048xf32> {
  %m = etch.max %x {axes = array<i64: 1>, keepdims = true} : (tensor<512x2048xf32>) -> tensor<512x1xf32>
  %mb = etch.broadcast_to %m {shape = array<i64: 512, 2048>} : (tensor<512x1xf32>) -> tensor<512x2048xf32>
  %d = etch.sub %x, %mb : (tensor<512x2048xf32>, tensor<512x2048xf32>) -> tensor<512x2048xf32>
  %e = etch.exp %d : (tensor<512x2048xf32>) -> tensor<512x2048xf32>
  %s = etch.sum %e {axes = array<i64: 1>, keepdims = true} : (tensor<512x2048xf32>) -> tensor<512x1xf32>
  %sb = etch.broadcast_to %s {shape = array<i64: 512, 2048>} : (tensor<512x1xf32>) -> tensor<512x2048xf32>
  %y = etch.div %e, %sb : (tensor<512x2048xf32>, tensor<512x2048xf32>) -> tensor<512x2048xf32>
  return %y : tensor<512x2048xf32>
}

//--- far.mlir
func.func @main(%x: tensor<4096x8192xf32>) -> tensor<4096x8192xf32> {
  %m = etch.max %x {axes = array<i64: 1>, keepdims = true} : (tensor<4096x8192xf32>) -> tensor<4096x1xf32>
  %mb = etch.broadcast_to %m {shape = array<i64: 4096, 8192>} : (tensor<4096x1xf32>) -> tensor<4096x8192xf32>
  %d = etch.sub %x, %mb : (tensor<4096x8192xf32>, tensor<4096x8192xf32>) -> tensor<4096x8192xf32>
  %e = etch.exp %d : (tensor<4096x8192xf32>) -> tensor<4096x8192xf32>
  %s = etch.sum %e {axes = array<i64: 1>, keepdims = true} : (tensor<4096x8192xf32>) -> tensor<4096x1xf32>
  %sb = etch.broadcast_to %s {shape = array<i64: 4096, 8192>} : (tensor<4096x1xf32>) -> tensor<4096x8192xf32>
  %y = etch.div %e, %sb : (tensor<4096x8192xf32>, tensor<4096x8192xf32>) -> tensor<4096x8192xf32>
  return %y : tensor<4096x8192xf32>
}
