// RUN: etch-opt %s --etch-codegen-cpu="vector-bits=512 stop=loops" | FileCheck %s

// A negative index counts from the end; one out of range is reported, first come
// first served, and becomes 0.
// CHECK-LABEL: llvm.func internal @k0(
// CHECK: arith.cmpi uge
// CHECK: llvm.cmpxchg
// CHECK: arith.select
// CHECK: llvm.load {{.*}} -> vector<16xf32>
func.func private @k0(%x: tensor<2x5x32xf32>, %i: tensor<2x3xi64>) -> tensor<2x3x32xf32>
    attributes {etch.kernel} {
  %0 = etch.gather %x, %i : (tensor<2x5x32xf32>, tensor<2x3xi64>) -> tensor<2x3x32xf32>
  return %0 : tensor<2x3x32xf32>
}

// CHECK-LABEL: llvm.func internal @k1(
// CHECK: arith.constant dense<0.0
// CHECK: llvm.cmpxchg
// CHECK: arith.addf {{.*}} : vector<16xf32>
func.func private @k1(%x: tensor<2x3x32xf32>, %i: tensor<2x3xi64>) -> tensor<2x5x32xf32>
    attributes {etch.kernel} {
  %0 = etch.scatter_add %x, %i {shape = array<i64: 2, 5, 32>} : (tensor<2x3x32xf32>, tensor<2x3xi64>) -> tensor<2x5x32xf32>
  return %0 : tensor<2x5x32xf32>
}

// The launch says which operation of the program it is.
// CHECK-LABEL: llvm.func internal @etch.run
// CHECK: arith.constant 17 : i64
// CHECK: llvm.call @k0
func.func @main(%x: memref<2x5x32xf32>, %i: memref<2x3xi64>,
    %y: memref<2x3x32xf32> {etch.result = 0 : i64}, %z: memref<2x5x32xf32> {etch.result = 1 : i64},
    %arena: memref<?xi8> {etch.arena}) {
  device.launch @k0 ins(%x, %i : memref<2x5x32xf32>, memref<2x3xi64>) outs(%y : memref<2x3x32xf32>) loc("site":17:0)
  device.launch @k1 ins(%y, %i : memref<2x3x32xf32>, memref<2x3xi64>) outs(%z : memref<2x5x32xf32>)
  return
}
