// Symbolic extents: the arena's size and the places in it are arithmetic on the
// extents of arguments.
//
// RUN: etch-opt %s -split-input-file -etch-fuse -etch-bufferize | FileCheck %s

// CHECK-LABEL: func private @arena_bytes
// CHECK-SAME: (%[[X:.*]]: memref<?x3xf32>) -> i64
// CHECK: %[[N:.*]] = memref.dim %[[X]]
// CHECK: arith.muli %{{.*}}, %[[N]]
// CHECK: arith.divui
// CHECK: return
// CHECK-LABEL: func @main
// CHECK-SAME: (%[[X:.*]]: memref<?x3xf32>, %{{.*}}: memref<3x?xf32> {etch.result = 0 : i64}, %[[ARENA:.*]]: memref<?xi8>
// CHECK: %[[N:.*]] = memref.dim %[[X]]
// CHECK: memref.view %[[ARENA]][%{{.*}}][%[[N]]] : memref<?xi8> to memref<?x3xf32>
func.func @main(%x: tensor<?x3xf32>) -> tensor<3x?xf32> {
  %0 = etch.exp %x : (tensor<?x3xf32>) -> tensor<?x3xf32>
  %1 = etch.transpose %0 {permutation = array<i64: 1, 0>} : (tensor<?x3xf32>) -> tensor<3x?xf32>
  %2 = etch.tanh %1 : (tensor<3x?xf32>) -> tensor<3x?xf32>
  func.return %2 : tensor<3x?xf32>
}

// -----

// Values of one size that are not alive together share a place.
// CHECK-LABEL: func @main
// CHECK: %[[A:.*]] = memref.view %{{.*}}[%[[AT:.*]]][%[[N:.*]], %[[N]]]
// CHECK: device.launch @{{.*}} outs(%[[A]] :
// CHECK: %[[B:.*]] = memref.view
// CHECK: device.launch @{{.*}} outs(%[[B]] :
// CHECK: memref.view %{{.*}}[%[[AT]]][%[[N]], %[[N]]]
func.func @main(%x: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %zero = arith.constant 0 : index
  %n = tensor.dim %x, %zero : tensor<?x?xf32>
  %r = etch.reshape %x, %n, %n {shape = array<i64: -9223372036854775808, -9223372036854775808>} : (tensor<?x?xf32>, index, index) -> tensor<?x?xf32>
  %0 = etch.matmul %r, %r : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
  %1 = etch.matmul %0, %r : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
  %2 = etch.matmul %1, %r : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
  %3 = etch.matmul %2, %r : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
  func.return %3 : tensor<?x?xf32>
}

// -----

// Strided arguments keep what is known of their strides.
// CHECK-LABEL: func @main
// CHECK-SAME: memref<?x?xf32, strided<[?, 1]>> {etch.strided = [1]}
// CHECK-SAME: memref<?x?xf32, strided<[?, 0]>> {etch.strided = [0]}
// CHECK-SAME: memref<?x?xf32, strided<[?, ?]>> {etch.strided}
func.func @main(%x: tensor<?x?xf32> {etch.strided = [1]}, %y: tensor<?x?xf32> {etch.strided = [0]}, %z: tensor<?x?xf32> {etch.strided}) -> tensor<?x?xf32> {
  %0 = etch.add %x, %y : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
  %1 = etch.add %0, %z : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
  func.return %1 : tensor<?x?xf32>
}

// -----

// Which of two comes first follows from the extents that a call had: the larger
// one, here that of fixed extents.
// CHECK-LABEL: func @main
// CHECK: memref.view %{{.*}}[%c2048][%{{.*}}] : memref<?xi8> to memref<?x8xf32>
// CHECK: memref.view %{{.*}}[%c0{{.*}}][] : memref<?xi8> to memref<64x8xf32>
func.func @main(%x: tensor<?x8xf32> {etch.extents = array<i64: 0, -1>, etch.traced = array<i64: 2, 8>}, %y: tensor<64x8xf32>) -> tensor<?x64xf32> {
  %0 = etch.exp %x : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %1 = etch.exp %y : (tensor<64x8xf32>) -> tensor<64x8xf32>
  %2 = etch.transpose %1 {permutation = array<i64: 1, 0>} : (tensor<64x8xf32>) -> tensor<8x64xf32>
  %3 = etch.matmul %0, %2 : (tensor<?x8xf32>, tensor<8x64xf32>) -> tensor<?x64xf32>
  func.return %3 : tensor<?x64xf32>
}
