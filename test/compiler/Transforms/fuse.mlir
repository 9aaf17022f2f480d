// Pointwise ops over one space share a kernel; views are part of its readers.
//
// CAPABILITY: C138
// RUN: etch-opt %s -split-input-file -etch-fuse | FileCheck %s

// CHECK-LABEL: func private @k0
// CHECK-SAME: (%[[B:.*]]: tensor<3xf32>, %[[X:.*]]: tensor<4x3xf32>, %[[S:.*]]: tensor<f32>)
// CHECK-SAME: attributes {etch.kernel}
// CHECK: etch.broadcast_to %[[B]]
// CHECK: etch.add
// CHECK: etch.broadcast_to %[[S]]
// CHECK: etch.mul
// CHECK: etch.tanh
// CHECK-LABEL: func @main
// CHECK: call @k0
// CHECK-NOT: call
func.func @main(%x: tensor<4x3xf32>, %b: tensor<3xf32>, %s: tensor<f32>) -> tensor<4x3xf32> {
  %0 = etch.broadcast_to %b {shape = array<i64: 4, 3>} : (tensor<3xf32>) -> tensor<4x3xf32>
  %1 = etch.add %x, %0 : (tensor<4x3xf32>, tensor<4x3xf32>) -> tensor<4x3xf32>
  %2 = etch.broadcast_to %s {shape = array<i64: 4, 3>} : (tensor<f32>) -> tensor<4x3xf32>
  %3 = etch.mul %1, %2 : (tensor<4x3xf32>, tensor<4x3xf32>) -> tensor<4x3xf32>
  %4 = etch.tanh %3 : (tensor<4x3xf32>) -> tensor<4x3xf32>
  func.return %4 : tensor<4x3xf32>
}

// -----

// Clusters merge where one op uses both; a value that others read, too, is one
// more result.
// CHECK-LABEL: func private @k0
// CHECK: return %{{.*}}, %{{.*}} : tensor<8xf32>, tensor<8xf32>
// CHECK-NOT: @k1
// CHECK-LABEL: func @main
func.func @main(%x: tensor<8xf32>) -> (tensor<8xf32>, tensor<8xf32>) {
  %0 = etch.exp %x : (tensor<8xf32>) -> tensor<8xf32>
  %1 = etch.tanh %x : (tensor<8xf32>) -> tensor<8xf32>
  %2 = etch.add %0, %1 : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
  func.return %1, %2 : tensor<8xf32>, tensor<8xf32>
}

// -----

// Kernels of equal structure are one.
// CHECK: func private @k0
// CHECK-NOT: func private
// CHECK-LABEL: func @main
// CHECK-SAME: (%[[X:.*]]: tensor<4xf32>, %[[Y:.*]]: tensor<4xf32>)
// CHECK: call @k0(%[[X]])
// CHECK: call @k0(%[[Y]])
func.func @main(%x: tensor<4xf32>, %y: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %0 = etch.exp %x : (tensor<4xf32>) -> tensor<4xf32>
  %1 = etch.exp %y : (tensor<4xf32>) -> tensor<4xf32>
  func.return %0, %1 : tensor<4xf32>, tensor<4xf32>
}

// -----

// So are those of ops that commute, whichever way round their operands come.
// CHECK: func private @k0
// CHECK-NOT: func private
// CHECK-LABEL: func @main
// CHECK-SAME: (%[[X:.*]]: tensor<4xf32>, %[[Y:.*]]: tensor<4xf32>, %[[S:.*]]: tensor<f32>)
// CHECK: call @k0(%[[S]], %[[X]])
// CHECK: call @k0(%[[S]], %[[Y]])
func.func @main(%x: tensor<4xf32>, %y: tensor<4xf32>, %s: tensor<f32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %0 = etch.broadcast_to %s {shape = array<i64: 4>} : (tensor<f32>) -> tensor<4xf32>
  %1 = etch.mul %x, %0 : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %2 = etch.mul %0, %y : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  func.return %1, %2 : tensor<4xf32>, tensor<4xf32>
}

// -----

// A view of a computed value waits for it; a view that is returned is copied.
// CHECK: func private @k0
// CHECK: etch.exp
// CHECK: func private @k1
// CHECK: etch.transpose
// CHECK: etch.stop_gradient
// CHECK-LABEL: func @main
// CHECK: %[[E:.*]] = call @k0
// CHECK: call @k1({{.*}}%[[E]]{{.*}})
func.func @main(%x: tensor<4x4xf32>) -> (tensor<4x4xf32>, tensor<4x4xf32>) {
  %0 = etch.exp %x : (tensor<4x4xf32>) -> tensor<4x4xf32>
  %1 = etch.transpose %0 {permutation = array<i64: 1, 0>} : (tensor<4x4xf32>) -> tensor<4x4xf32>
  %2 = etch.add %0, %1 : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  func.return %1, %2 : tensor<4x4xf32>, tensor<4x4xf32>
}

// -----

// Ops on one element each gather in one kernel.
// CHECK: func private @k0
// CHECK-NOT: func private
// CHECK-LABEL: func @main
func.func @main(%x: tensor<f32>, %y: tensor<f32>) -> (tensor<f32>, tensor<f32>) {
  %0 = etch.exp %x : (tensor<f32>) -> tensor<f32>
  %1 = etch.log %y : (tensor<f32>) -> tensor<f32>
  func.return %0, %1 : tensor<f32>, tensor<f32>
}

// -----

// The layout of arguments is part of a kernel.
// CHECK: func private @k0(%{{.*}}: tensor<?xf32> {etch.strided = [1]}, %{{.*}}: tensor<?xf32>)
func.func @main(%x: tensor<?xf32> {etch.strided = [1]}, %y: tensor<?xf32>) -> tensor<?xf32> {
  %0 = etch.add %x, %y : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
  func.return %0 : tensor<?xf32>
}
