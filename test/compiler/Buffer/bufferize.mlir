// Values get places: arguments, results, one arena; dying operands are reused.
//
// RUN: etch-opt %s -split-input-file -etch-fuse -etch-bufferize | FileCheck %s

// The three transposes keep kernels apart. Two buffers are enough for three
// values: the last is computed where it is returned.
// CHECK: etch.arena_bytes = 128 : i64, etch.live_bytes = 128 : i64, etch.saved_bytes = 0 : i64
// CHECK-LABEL: func private @arena_bytes
// CHECK: arith.constant 128
// CHECK-LABEL: func @main
// CHECK-SAME: (%[[X:.*]]: memref<4x4xf32>, %[[Y:.*]]: memref<4x4xf32> {etch.result = 0 : i64}, %[[ARENA:.*]]: memref<?xi8> {etch.arena})
// CHECK: %[[A:.*]] = memref.view %[[ARENA]]
// CHECK: device.launch @k0 ins(%[[X]] : {{.*}}) outs(%[[A]] :
// CHECK: %[[B:.*]] = memref.view %[[ARENA]]
// CHECK: device.launch @k1 ins(%[[A]] : {{.*}}) outs(%[[B]] :
// CHECK: device.launch @k1 ins(%[[B]] : {{.*}}) outs(%[[Y]] :
// CHECK-NEXT: return
func.func @main(%x: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %0 = etch.exp %x : (tensor<4x4xf32>) -> tensor<4x4xf32>
  %1 = etch.transpose %0 {permutation = array<i64: 1, 0>} : (tensor<4x4xf32>) -> tensor<4x4xf32>
  %2 = etch.tanh %1 : (tensor<4x4xf32>) -> tensor<4x4xf32>
  %3 = etch.transpose %2 {permutation = array<i64: 1, 0>} : (tensor<4x4xf32>) -> tensor<4x4xf32>
  %4 = etch.tanh %3 : (tensor<4x4xf32>) -> tensor<4x4xf32>
  func.return %4 : tensor<4x4xf32>
}

// -----

// A pointwise kernel writes over an operand that dies there: one place for the
// product and what is computed of it.
// CHECK: etch.arena_bytes = 64 : i64
// CHECK-LABEL: func @main
// CHECK: %[[V:.*]] = memref.view
// CHECK: outs(%[[V]] :
// CHECK-NEXT: device.launch @{{.*}} ins(%[[V]]{{.*}}) outs(%[[V]] :
// CHECK-NEXT: device.launch @{{.*}} ins(%[[V]]{{.*}})
func.func @main(%x: tensor<4x4xf32>, %w: tensor<4x4xf32> {etch.state}) -> tensor<4x4xf32> {
  %0 = etch.matmul %x, %w : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %1 = etch.mul %0, %0 : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %2 = etch.add %1, %w : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %3 = etch.matmul %2, %w : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  func.return %3 : tensor<4x4xf32>
}

// -----

// A reshape is another name of the same memory.
// CHECK-LABEL: func @main
// CHECK-SAME: (%[[X:.*]]: memref<2x6xf32>, %[[Y:.*]]: memref<12xf32> {{.*}}, %[[Z:.*]]: memref<3x4xf32>
// CHECK: %[[V:.*]] = memref.reinterpret_cast %[[Y]] to offset: [0], sizes: [2, 6], strides: [6, 1]
// CHECK: device.launch @k0 ins(%[[X]] : {{.*}}) outs(%[[V]] :
// CHECK: %[[W:.*]] = memref.reinterpret_cast %[[X]] to offset: [0], sizes: [3, 4]
// CHECK: memref.copy %[[W]], %[[Z]]
func.func @main(%x: tensor<2x6xf32>) -> (tensor<12xf32>, tensor<3x4xf32>) {
  %0 = etch.exp %x : (tensor<2x6xf32>) -> tensor<2x6xf32>
  %1 = etch.reshape %0 {shape = array<i64: 12>} : (tensor<2x6xf32>) -> tensor<12xf32>
  %2 = etch.reshape %x {shape = array<i64: 3, 4>} : (tensor<2x6xf32>) -> tensor<3x4xf32>
  func.return %1, %2 : tensor<12xf32>, tensor<3x4xf32>
}

// -----

// Constants that are no splats lie in the program.
// CHECK: memref.global "private" constant @c0 : memref<2xf32> = dense<[1.0{{.*}}, 2.0
// CHECK-LABEL: func @main
// CHECK: %[[C:.*]] = memref.get_global @c0
// CHECK: ins({{.*}}%[[C]]
func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> {
  %c = etch.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %0 = etch.add %x, %c : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  func.return %0 : tensor<2xf32>
}

// -----

// What the forward part computes and the backward part reads is counted.
// CHECK: etch.saved_bytes = 64 : i64
func.func @main(%x: tensor<4xf32>, %g: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %0 = etch.tanh %x : (tensor<4xf32>) -> tensor<4xf32>
  %1 = etch.exp %0 : (tensor<4xf32>) -> tensor<4xf32>
  %2 = etch.mul %0, %g {etch.backward} : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  func.return %1, %2 : tensor<4xf32>, tensor<4xf32>
}
