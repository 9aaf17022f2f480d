//===- indices.mlir - 32-bit indices, arguments that nobody writes --------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Extents that are known say how large indices get. A buffer that a launch
// writes too, or that may be one, is not said to be apart.
//===----------------------------------------------------------------------===//
// RUN: split-file %s %t
// RUN: etch-cuda-check --show %t/small.mlir | FileCheck %s --check-prefix=SMALL
// RUN: etch-cuda-check --show %t/large.mlir | FileCheck %s --check-prefix=LARGE
// RUN: etch-cuda-check --show %t/open.mlir | FileCheck %s --check-prefix=OPEN
// RUN: etch-cuda-check --show %t/update.mlir | FileCheck %s --check-prefix=UPDATE

// SMALL: k0(u8 *__restrict__ a0, u8 *a1,
// SMALL: i32 [[BLOCK:v[0-9]+]] = etch_block();
// SMALL: i32 {{v[0-9]+}} = [[BLOCK]] * 256;
// SMALL-NOT: u64 v

// 2^33 elements: the last index takes more than 31 bits, its row does not.
// LARGE: i32 {{v[0-9]+}} = etch_block();
// LARGE: u64 {{v[0-9]+}} = {{.*}} * 4ull;

// OPEN: k0(u8 *__restrict__ a0, const u64 a1,
// OPEN: u64 {{v[0-9]+}} = etch_block();
// OPEN: i32 {{v[0-9]+}} = etch_thread();

// The parameter is written in place; the gradient is the user's array, and
// might be that parameter.
// UPDATE: k0(u8 *a0, u8 *a1, u8 *a2,

//--- small.mlir
func.func @main(%x: tensor<1000x64xf32>) -> tensor<1000x64xf32> {
  %y = etch.neg %x : (tensor<1000x64xf32>) -> tensor<1000x64xf32>
  return %y : tensor<1000x64xf32>
}

//--- large.mlir
func.func @main(%x: tensor<131072x65536xf32>) -> tensor<131072x65536xf32> {
  %y = etch.neg %x : (tensor<131072x65536xf32>) -> tensor<131072x65536xf32>
  return %y : tensor<131072x65536xf32>
}

//--- open.mlir
func.func @main(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
  %y = etch.neg %x : (tensor<?x64xf32>) -> tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}

//--- update.mlir
func.func @main(%g: tensor<64xf32>, %p: tensor<64xf32> {etch.state}) -> (tensor<64xf32> {etch.update = 1 : i64}) {
  %y = etch.sub %p, %g : (tensor<64xf32>, tensor<64xf32>) -> tensor<64xf32>
  return %y : tensor<64xf32>
}
