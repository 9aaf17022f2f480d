//===- reduction-spread.mlir - How sums are spread over threads -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Known rows of one block: one stage, one barrier. Few long sums: two stages.
// Extents of the launch: all of them are there, and it chooses.
//===----------------------------------------------------------------------===//
// RUN: split-file %s %t
// RUN: etch-cuda-check --show %t/rows.mlir | FileCheck %s --check-prefix=ROWS
// RUN: etch-cuda-check --show %t/long.mlir | FileCheck %s --check-prefix=LONG
// RUN: etch-cuda-check --show %t/open.mlir | FileCheck %s --check-prefix=OPEN

// ROWS-LABEL: ETCH_KERNEL(256) k0(
// ROWS: etch_barrier();
// ROWS-NOT: etch_barrier();
// ROWS-NOT: ETCH_KERNEL

// LONG-LABEL: ETCH_KERNEL(512) k0(
// LONG-NOT: etch_barrier();
// LONG-LABEL: ETCH_KERNEL(512) k0_1(
// LONG: etch_barrier();
// LONG-NOT: etch_barrier();
// LONG-NOT: ETCH_KERNEL

// OPEN-LABEL: ETCH_KERNEL(256) k0(
// Neighbours lie along the axis where nothing lies inside of it.
// OPEN: == 1ull;
// OPEN: ? 1 : 16;
// OPEN-LABEL: ETCH_KERNEL(256) k0_1(
// OPEN-LABEL: ETCH_KERNEL(256) k0_2(
// OPEN: static u64 k0_blocks0(

//--- rows.mlir
func.func @main(%x: tensor<4096x1024xf32>) -> tensor<4096xf32> {
  %r = etch.sum %x {axes = array<i64: 1>, keepdims = false} : (tensor<4096x1024xf32>) -> tensor<4096xf32>
  return %r : tensor<4096xf32>
}

//--- long.mlir
func.func @main(%x: tensor<3x1000000xf32>) -> tensor<3xf32> {
  %r = etch.sum %x {axes = array<i64: 1>, keepdims = false} : (tensor<3x1000000xf32>) -> tensor<3xf32>
  return %r : tensor<3xf32>
}

//--- open.mlir
func.func @main(%x: tensor<?x?x?xf32>) -> tensor<?x?xf32> {
  %r = etch.sum %x {axes = array<i64: 1>, keepdims = false} : (tensor<?x?x?xf32>) -> tensor<?x?xf32>
  return %r : tensor<?x?xf32>
}
