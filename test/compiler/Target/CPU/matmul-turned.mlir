// Columns that lie along K are transposed as they are packed: code that is long,
// and there once, for the vectors of a panel one after the other.
//
// RUN: etch-opt %s --etch-codegen-cpu="vector-bits=512 stop=loops" | FileCheck %s

// K is a multiple of a vector: no block ends within one.
// CHECK-LABEL: llvm.func internal @k0(
// CHECK: scf.for {{.*}} step %c32_i64
// CHECK: scf.for {{.*}} step %c16_i64
// CHECK: scf.for %[[K:.*]] = {{.*}} step %c16_i64
// CHECK-NOT: arith.minsi %[[K]]
// CHECK-NOT: llvm.intr.masked.load
// CHECK-COUNT-80: llvm.shufflevector
// CHECK-NOT: llvm.shufflevector
// CHECK-LABEL: llvm.func internal @k1(
func.func private @k0(%x: tensor<?x768xf32>, %w: tensor<256x768xf32>)
    -> tensor<?x256xf32> attributes {etch.kernel} {
  %0 = etch.transpose %w {permutation = array<i64: 1, 0>} : (tensor<256x768xf32>) -> tensor<768x256xf32>
  %1 = etch.matmul %x, %0 : (tensor<?x768xf32>, tensor<768x256xf32>) -> tensor<?x256xf32>
  return %1 : tensor<?x256xf32>
}

// The last of 1000 steps are more than a vector: that one begins within the one
// before.
// CHECK: scf.for {{.*}} step %c32_i64
// CHECK: scf.for {{.*}} step %c16_i64
// CHECK: scf.for %[[K:.*]] = {{.*}} step %c16_i64
// CHECK: arith.minsi %[[K]]
// CHECK-NOT: llvm.intr.masked.load
// CHECK-COUNT-80: llvm.shufflevector
// CHECK-NOT: llvm.shufflevector
// CHECK-LABEL: llvm.func internal @k2(
func.func private @k1(%x: tensor<?x1000xf32>, %w: tensor<256x1000xf32>)
    -> tensor<?x256xf32> attributes {etch.kernel} {
  %0 = etch.transpose %w {permutation = array<i64: 1, 0>} : (tensor<256x1000xf32>) -> tensor<1000x256xf32>
  %1 = etch.matmul %x, %0 : (tensor<?x1000xf32>, tensor<1000x256xf32>) -> tensor<?x256xf32>
  return %1 : tensor<?x256xf32>
}

// Of 1029 steps the last five are less: a masked one.
// CHECK-COUNT-80: llvm.shufflevector
// CHECK-COUNT-16: llvm.intr.masked.load
// CHECK-COUNT-64: llvm.shufflevector
// CHECK-LABEL: llvm.func internal @etch.task
func.func private @k2(%x: tensor<?x1029xf32>, %w: tensor<256x1029xf32>)
    -> tensor<?x256xf32> attributes {etch.kernel} {
  %0 = etch.transpose %w {permutation = array<i64: 1, 0>} : (tensor<256x1029xf32>) -> tensor<1029x256xf32>
  %1 = etch.matmul %x, %0 : (tensor<?x1029xf32>, tensor<1029x256xf32>) -> tensor<?x256xf32>
  return %1 : tensor<?x256xf32>
}

func.func @main(%x: memref<?x768xf32>, %w: memref<256x768xf32>, %y: memref<?x256xf32> {etch.result = 0 : i64},
    %v: memref<?x1000xf32>, %u: memref<256x1000xf32>, %z: memref<?x256xf32> {etch.result = 1 : i64},
    %s: memref<?x1029xf32>, %t: memref<256x1029xf32>, %r: memref<?x256xf32> {etch.result = 2 : i64}) {
  device.launch @k0 ins(%x, %w : memref<?x768xf32>, memref<256x768xf32>) outs(%y : memref<?x256xf32>)
  device.launch @k1 ins(%v, %u : memref<?x1000xf32>, memref<256x1000xf32>) outs(%z : memref<?x256xf32>)
  device.launch @k2 ins(%s, %t : memref<?x1029xf32>, memref<256x1029xf32>) outs(%r : memref<?x256xf32>)
  return
}
