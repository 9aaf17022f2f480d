// Columns that lie along K and are used by a few rows only: sixteen of them by
// sixteen steps are transposed in registers, from pieces of four elements that
// meet as they are loaded; those four lines on are fetched meanwhile. Nothing is
// packed; the last eight steps are such a block, too, half of it used.
//
// RUN: etch-opt %s --etch-codegen-cpu="vector-bits=512 stop=loops" | FileCheck %s

// CHECK-LABEL: llvm.func internal @k0(
// CHECK: scf.for {{.*}} step %c16_i64 : i64 {
// CHECK-NEXT: scf.for {{.*}} step %c256_i64 : i64 {
// CHECK: scf.for {{.*}} step %c16_i64 iter_args
// CHECK: arith.select %{{.*}}, %c15000_i64, %c0_i64
// CHECK-COUNT-16: llvm.intr.prefetch
// CHECK-COUNT-4: llvm.load {{.*}} -> vector<4xf32>
// CHECK-COUNT-80: llvm.shufflevector
// CHECK-NOT: llvm.store
// CHECK-COUNT-48: math.fma
// CHECK: scf.for {{.*}} step %c16_i64 iter_args
// CHECK-COUNT-16: llvm.intr.masked.load
// CHECK-COUNT-64: llvm.shufflevector
// CHECK-COUNT-24: math.fma
// CHECK-NEXT: scf.yield
func.func private @k0(%x: tensor<3x1000xf32>, %w: tensor<1000x1000xf32>)
    -> tensor<3x1000xf32> attributes {etch.kernel} {
  %0 = etch.transpose %w {permutation = array<i64: 1, 0>} : (tensor<1000x1000xf32>) -> tensor<1000x1000xf32>
  %1 = etch.matmul %x, %0 : (tensor<3x1000xf32>, tensor<1000x1000xf32>) -> tensor<3x1000xf32>
  return %1 : tensor<3x1000xf32>
}

// A matrix by a vector is such a product: the vector is the row.
// CHECK-LABEL: llvm.func internal @k1(
// CHECK-COUNT-80: llvm.shufflevector
// CHECK-NOT: llvm.store
// CHECK-COUNT-16: math.fma
func.func private @k1(%x: tensor<1000x1000xf32>, %w: tensor<1000x1xf32>)
    -> tensor<1000x1xf32> attributes {etch.kernel} {
  %0 = etch.matmul %x, %w : (tensor<1000x1000xf32>, tensor<1000x1xf32>) -> tensor<1000x1xf32>
  return %0 : tensor<1000x1xf32>
}

// Fourteen rows: their sums and sixteen columns fill the registers.
// CHECK-LABEL: llvm.func internal @k2(
// CHECK-COUNT-80: llvm.shufflevector
// CHECK-NOT: llvm.store
// CHECK-COUNT-224: math.fma
func.func private @k2(%x: tensor<14x1000xf32>, %w: tensor<1000x1000xf32>)
    -> tensor<14x1000xf32> attributes {etch.kernel} {
  %0 = etch.transpose %w {permutation = array<i64: 1, 0>} : (tensor<1000x1000xf32>) -> tensor<1000x1000xf32>
  %1 = etch.matmul %x, %0 : (tensor<14x1000xf32>, tensor<1000x1000xf32>) -> tensor<14x1000xf32>
  return %1 : tensor<14x1000xf32>
}

// Fifteen are worth panels.
// CHECK-LABEL: llvm.func internal @k3(
// CHECK-COUNT-80: llvm.shufflevector
// CHECK: llvm.store
// CHECK: math.fma
func.func private @k3(%x: tensor<15x1000xf32>, %w: tensor<1000x1000xf32>)
    -> tensor<15x1000xf32> attributes {etch.kernel} {
  %0 = etch.transpose %w {permutation = array<i64: 1, 0>} : (tensor<1000x1000xf32>) -> tensor<1000x1000xf32>
  %1 = etch.matmul %x, %0 : (tensor<15x1000xf32>, tensor<1000x1000xf32>) -> tensor<15x1000xf32>
  return %1 : tensor<15x1000xf32>
}

func.func @main(%arena: memref<?xi8> {etch.arena}) {
  return
}
