// Reductions take axis 1 of three, groups of axes one after the other.
//
// RUN: etch-opt %s -split-input-file -etch-expand | FileCheck %s

// CHECK-LABEL: func @main
// CHECK-SAME: (%[[X:.*]]: tensor<2x3x4xf32>)
// CHECK-DAG: %[[A:.*]] = etch.reshape %[[X]] {shape = array<i64: 6, 4, 1>}
// CHECK-DAG: %[[S:.*]] = etch.sum %[[A]] {axes = array<i64: 1>, keepdims = false} : (tensor<6x4x1xf32>) -> tensor<6x1xf32>
// CHECK-DAG: %[[B:.*]] = etch.reshape %[[S]] {shape = array<i64: 1, 2, 3>}
// CHECK-DAG: %[[T:.*]] = etch.sum %[[B]] {{.*}} : (tensor<1x2x3xf32>) -> tensor<1x3xf32>
// CHECK: etch.reshape %[[T]] {{.*}} -> tensor<3xf32>
func.func @main(%x: tensor<2x3x4xf32>) -> tensor<3xf32> {
  %0 = etch.sum %x {axes = array<i64: 0, 2>, keepdims = false} : (tensor<2x3x4xf32>) -> tensor<3xf32>
  func.return %0 : tensor<3xf32>
}

// -----

// A mean is a sum and a division; a sum to a shape is a sum.
// CHECK-LABEL: func @main
// CHECK: etch.sum {{.*}} : (tensor<1x6x1xf32>) -> tensor<1x1xf32>
// CHECK: %[[N:.*]] = etch.constant dense<6.0
// CHECK: etch.div %{{.*}}, %[[N]]
// CHECK: etch.sum {{.*}} : (tensor<1x2x3xf32>) -> tensor<1x3xf32>
// CHECK-NOT: etch.mean
// CHECK-NOT: etch.sum_to
func.func @main(%x: tensor<2x3xf32>) -> (tensor<f32>, tensor<1x3xf32>) {
  %0 = etch.mean %x {axes = array<i64: 0, 1>, keepdims = false} : (tensor<2x3xf32>) -> tensor<f32>
  %1 = etch.sum_to %x {shape = array<i64: 1, 3>} : (tensor<2x3xf32>) -> tensor<1x3xf32>
  func.return %0, %1 : tensor<f32>, tensor<1x3xf32>
}

// -----

// Batches have one axis.
// CHECK-LABEL: func @main
// CHECK: etch.matmul {{.*}} : (tensor<6x4x5xf32>, tensor<6x5x7xf32>) -> tensor<6x4x7xf32>
func.func @main(%x: tensor<2x3x4x5xf32>, %w: tensor<2x3x5x7xf32>) -> tensor<2x3x4x7xf32> {
  %0 = etch.matmul %x, %w : (tensor<2x3x4x5xf32>, tensor<2x3x5x7xf32>) -> tensor<2x3x4x7xf32>
  func.return %0 : tensor<2x3x4x7xf32>
}

// -----

// Symbolic extents multiply.
// CHECK-LABEL: func @main
// CHECK-SAME: (%[[X:.*]]: tensor<?x?xf32>)
// CHECK: %[[N:.*]] = arith.muli
// CHECK: %[[R:.*]] = etch.reshape %[[X]], %[[N]] {shape = array<i64: 1, -9223372036854775808, 1>}
// CHECK: etch.sum %[[R]]
func.func @main(%x: tensor<?x?xf32>) -> tensor<f32> {
  %0 = etch.sum %x {axes = array<i64: 0, 1>, keepdims = false} : (tensor<?x?xf32>) -> tensor<f32>
  func.return %0 : tensor<f32>
}
