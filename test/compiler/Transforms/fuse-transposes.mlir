// Where transposes are done that nothing takes in.
//
// RUN: etch-opt %s -split-input-file -etch-fuse | FileCheck %s

// Parts of an array under one batch axis are copied as they lie there, once:
// the products read them turned, or not.
// CHECK-LABEL: func private @k0
// CHECK: etch.slice
// CHECK-NEXT: etch.stop_gradient
// CHECK-LABEL: func private @k1
// CHECK-SAME: tensor<?x5x4xf32>, %{{.*}}: tensor<?x6x4xf32>
// CHECK: %[[T:.*]] = etch.transpose %arg0 {permutation = array<i64: 0, 2, 1>}
// CHECK: etch.matmul %{{.*}}, %[[T]]
// CHECK-LABEL: func private @k2
// CHECK-NOT: etch.transpose
// CHECK: etch.matmul
// CHECK-NOT: func private
// CHECK-LABEL: func @main
func.func @main(%x: tensor<?x6x4xf32>, %g: tensor<?x6x5xf32>, %w: tensor<?x6x5x4xf32>, %n: index, %nn: index)
    -> (tensor<?x6x5xf32>, tensor<?x6x4xf32>) {
  %0 = etch.slice %w, %n {shape = array<i64: -9223372036854775808, 3, 5, 4>, starts = array<i64: 0, 1, 0, 0>, steps = array<i64: 1, 1, 1, 1>} : (tensor<?x6x5x4xf32>, index) -> tensor<?x3x5x4xf32>
  %1 = etch.transpose %0 {permutation = array<i64: 0, 1, 3, 2>} : (tensor<?x3x5x4xf32>) -> tensor<?x3x4x5xf32>
  %2 = etch.reshape %1, %nn {shape = array<i64: -9223372036854775808, 4, 5>} : (tensor<?x3x4x5xf32>, index) -> tensor<?x4x5xf32>
  %3 = etch.reshape %0, %nn {shape = array<i64: -9223372036854775808, 5, 4>} : (tensor<?x3x5x4xf32>, index) -> tensor<?x5x4xf32>
  %4 = etch.matmul %x, %2 : (tensor<?x6x4xf32>, tensor<?x4x5xf32>) -> tensor<?x6x5xf32>
  %5 = etch.matmul %g, %3 : (tensor<?x6x5xf32>, tensor<?x5x4xf32>) -> tensor<?x6x4xf32>
  func.return %4, %5 : tensor<?x6x5xf32>, tensor<?x6x4xf32>
}

// -----

// What is placed is placed in the order in which it is used.
// CHECK-LABEL: func private @k0
// CHECK: %[[A:.*]] = etch.transpose %{{.*}} {permutation = array<i64: 0, 2, 1, 3>}
// CHECK: %[[P:.*]] = etch.place %[[A]] {{.*}}starts = array<i64: 0, 0, 1, 0>
// CHECK: %[[B:.*]] = etch.transpose %{{.*}} {permutation = array<i64: 0, 2, 3, 1>}
// CHECK: %[[Q:.*]] = etch.place %[[B]] {{.*}}starts = array<i64: 0, 0, 0, 0>
// CHECK: etch.add %[[P]], %[[Q]] : (tensor<2x5x2x4xf32>
// CHECK-NOT: func private
// CHECK-LABEL: func @main
func.func @main(%a: tensor<2x1x5x4xf32>, %b: tensor<2x4x5x1xf32>) -> tensor<10x8xf32> {
  %t = etch.transpose %b {permutation = array<i64: 0, 3, 2, 1>} : (tensor<2x4x5x1xf32>) -> tensor<2x1x5x4xf32>
  %0 = etch.place %a {fill = 0.0 : f64, shape = array<i64: 2, 2, 5, 4>, starts = array<i64: 0, 1, 0, 0>, steps = array<i64: 1, 1, 1, 1>} : (tensor<2x1x5x4xf32>) -> tensor<2x2x5x4xf32>
  %1 = etch.place %t {fill = 0.0 : f64, shape = array<i64: 2, 2, 5, 4>, starts = array<i64: 0, 0, 0, 0>, steps = array<i64: 1, 1, 1, 1>} : (tensor<2x1x5x4xf32>) -> tensor<2x2x5x4xf32>
  %2 = etch.add %0, %1 : (tensor<2x2x5x4xf32>, tensor<2x2x5x4xf32>) -> tensor<2x2x5x4xf32>
  %3 = etch.transpose %2 {permutation = array<i64: 0, 2, 1, 3>} : (tensor<2x2x5x4xf32>) -> tensor<2x5x2x4xf32>
  %4 = etch.reshape %3 {shape = array<i64: 10, 8>} : (tensor<2x5x2x4xf32>) -> tensor<10x8xf32>
  func.return %4 : tensor<10x8xf32>
}
