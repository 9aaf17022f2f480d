// RUN: etch-opt %s --etch-codegen-cpu="vector-bits=256 stop=loops" | FileCheck %s

// A slice is another first element and other strides: plain vector loads.
// CHECK-LABEL: llvm.func internal @k0(
// CHECK-NOT: masked
// CHECK: llvm.load {{.*}} -> vector<8xf32>
func.func private @k0(%x: tensor<8x16xf32>) -> tensor<2x8xf32> attributes {etch.kernel} {
  %0 = etch.slice %x {starts = array<i64: 6, 3>, steps = array<i64: -2, 1>, shape = array<i64: 2, 8>} : (tensor<8x16xf32>) -> tensor<2x8xf32>
  %1 = etch.neg %0 : (tensor<2x8xf32>) -> tensor<2x8xf32>
  return %1 : tensor<2x8xf32>
}

// Backwards along the vectors: forwards, then turned round.
// CHECK-LABEL: llvm.func internal @k1(
// CHECK: llvm.load {{.*}} -> vector<8xf32>
// CHECK: llvm.shufflevector {{.*}} [7, 6, 5, 4, 3, 2, 1, 0]
func.func private @k1(%x: tensor<16xf32>) -> tensor<16xf32> attributes {etch.kernel} {
  %0 = etch.slice %x {starts = array<i64: 15>, steps = array<i64: -1>, shape = array<i64: 16>} : (tensor<16xf32>) -> tensor<16xf32>
  %1 = etch.neg %0 : (tensor<16xf32>) -> tensor<16xf32>
  return %1 : tensor<16xf32>
}

// A placed array is read where it is, under a mask, and the rest is the fill.
// CHECK-LABEL: llvm.func internal @k2(
// CHECK: %[[FILL:.*]] = arith.constant dense<5.000000e-01> : vector<8xf32>
// CHECK: %[[X:.*]] = llvm.intr.masked.load
// CHECK: arith.select %{{.*}}, %[[X]], %[[FILL]]
func.func private @k2(%x: tensor<10xf32>) -> tensor<16xf32> attributes {etch.kernel} {
  %0 = etch.place %x {starts = array<i64: 3>, steps = array<i64: 1>, fill = 0.5, shape = array<i64: 16>} : (tensor<10xf32>) -> tensor<16xf32>
  %1 = etch.neg %0 : (tensor<16xf32>) -> tensor<16xf32>
  return %1 : tensor<16xf32>
}

// Rows of zeros around rows: one flat loop.
// CHECK-LABEL: llvm.func internal @k3(
// CHECK-COUNT-1: scf.for
// CHECK-NOT: scf.for
// CHECK-LABEL: llvm.func internal @k4(
func.func private @k3(%x: tensor<2x8xf32>) -> tensor<4x8xf32> attributes {etch.kernel} {
  %0 = etch.place %x {starts = array<i64: 1, 0>, steps = array<i64: 1, 1>, fill = 0.0, shape = array<i64: 4, 8>} : (tensor<2x8xf32>) -> tensor<4x8xf32>
  %1 = etch.neg %0 : (tensor<4x8xf32>) -> tensor<4x8xf32>
  return %1 : tensor<4x8xf32>
}

// Counting reads nothing.
// CHECK-NOT: masked.gather
// CHECK: arith.addi {{.*}} : vector<4xi64>
// CHECK: llvm.store {{.*}} : vector<4xi64>
func.func private @k4() -> tensor<4x8xi64> attributes {etch.kernel} {
  %0 = etch.iota {shape = array<i64: 4, 8>} : () -> tensor<4x8xi64>
  %1 = etch.neg %0 : (tensor<4x8xi64>) -> tensor<4x8xi64>
  return %1 : tensor<4x8xi64>
}

// Sums so far: each from the one before, columns side by side.
// CHECK-LABEL: llvm.func internal @k5(
// CHECK: arith.constant dense<-0.000000e+00> : vector<8xf32>
// CHECK: scf.for {{.*}} iter_args
// CHECK: arith.addf {{.*}} : vector<8xf32>
func.func private @k5(%x: tensor<2x5x16xf32>) -> tensor<2x5x16xf32> attributes {etch.kernel} {
  %0 = etch.cumsum %x {axis = 1 : i64, reverse = false} : (tensor<2x5x16xf32>) -> tensor<2x5x16xf32>
  return %0 : tensor<2x5x16xf32>
}

func.func @main(%x: memref<16xf32>, %y: memref<16xf32> {etch.result = 0 : i64}, %arena: memref<?xi8> {etch.arena}) {
  device.launch @k1 ins(%x : memref<16xf32>) outs(%y : memref<16xf32>)
  return
}
