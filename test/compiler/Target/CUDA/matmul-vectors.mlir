//===- matmul-vectors.mlir - Products whose operands move as vectors ------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Whole vectors and whole slices: the next slice is loaded before this one is
// used, and stored into the other buffer; one barrier for each slice.
//===----------------------------------------------------------------------===//
// RUN: split-file %s %t
// RUN: etch-cuda-check --show %t/vectors.mlir | FileCheck %s
// RUN: etch-cuda-check --show %t/odd.mlir | FileCheck %s --check-prefix=ODD

// CHECK-LABEL: ETCH_KERNEL(256, 2) k0(
// CHECK: bool [[ALIGNED:v[0-9]+]] = etch_aligned(a0, a1);
// Chains of 256 steps, then slices of them.
// CHECK: for (u64 {{n[0-9]+}} = 0ull; {{.*}} i64(1024ull); {{n[0-9]+}} += 256ull
// CHECK: for (u64
// CHECK: if ([[ALIGNED]])
// CHECK: etch_load_vec<float, 4>
// CHECK: #pragma unroll 8
// CHECK: etch_load_vec<float, 4>
// CHECK-COUNT-64: etch_fma(
// CHECK: etch_barrier();
// CHECK-NOT: etch_barrier();

// ODD-LABEL: ETCH_KERNEL(256) k0(
// ODD-NOT: etch_load_vec
// ODD: etch_barrier();

//--- vectors.mlir
func.func @main(%a: tensor<1024x1024xf32>, %b: tensor<1024x1024xf32>)
    -> tensor<1024x1024xf32> {
  %c = etch.matmul %a, %b : (tensor<1024x1024xf32>, tensor<1024x1024xf32>) -> tensor<1024x1024xf32>
  return %c : tensor<1024x1024xf32>
}

//--- odd.mlir
func.func @main(%a: tensor<100x63xf32>, %b: tensor<63x100xf32>)
    -> tensor<100x100xf32> {
  %c = etch.matmul %a, %b : (tensor<100x63xf32>, tensor<63x100xf32>) -> tensor<100x100xf32>
  return %c : tensor<100x100xf32>
}
