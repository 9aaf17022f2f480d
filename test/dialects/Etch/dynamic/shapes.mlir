// Every op takes extents that are known only when the program runs: shapes.
//
// RUN: etch-opt %s | FileCheck %s

// CHECK-LABEL: func @reshape
// CHECK: etch.reshape %{{.*}}, %{{.*}} {shape = array<i64: {{.*}}, 4>} : (tensor<?xf32>, index) -> tensor<?x4xf32>
func.func @reshape(%x: tensor<?xf32>, %n: index) -> tensor<?x4xf32> {
  %y = etch.reshape %x, %n {shape = array<i64: -9223372036854775808, 4>} : (tensor<?xf32>, index) -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// CHECK-LABEL: func @broadcast_to
// CHECK: etch.broadcast_to %{{.*}}, %{{.*}} : (tensor<4xf32>, index) -> tensor<?x4xf32>
func.func @broadcast_to(%x: tensor<4xf32>, %n: index) -> tensor<?x4xf32> {
  %y = etch.broadcast_to %x, %n {shape = array<i64: -9223372036854775808, 4>} : (tensor<4xf32>, index) -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// CHECK-LABEL: func @sum_to
// CHECK: etch.sum_to %{{.*}}, %{{.*}} : (tensor<?x?x4xf32>, index) -> tensor<?x4xf32>
func.func @sum_to(%x: tensor<?x?x4xf32>, %n: index) -> tensor<?x4xf32> {
  %y = etch.sum_to %x, %n {shape = array<i64: -9223372036854775808, 4>} : (tensor<?x?x4xf32>, index) -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// CHECK-LABEL: func @transpose
// CHECK: etch.transpose %{{.*}} : (tensor<?x3x?xi64>) -> tensor<?x?x3xi64>
func.func @transpose(%x: tensor<?x3x?xi64>) -> tensor<?x?x3xi64> {
  %y = etch.transpose %x {permutation = array<i64: 2, 0, 1>} : (tensor<?x3x?xi64>) -> tensor<?x?x3xi64>
  return %y : tensor<?x?x3xi64>
}
