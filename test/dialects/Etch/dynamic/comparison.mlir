// Every op takes extents that are known only when the program runs: comparison, choice, conversion.
//
// RUN: etch-opt %s | FileCheck %s

// CHECK-LABEL: func @equal
// CHECK: etch.equal %{{.*}} : (tensor<?x?xi1>, tensor<?x?xi1>) -> tensor<?x?xi1>
func.func @equal(%lhs: tensor<?x?xi1>, %rhs: tensor<?x?xi1>) -> tensor<?x?xi1> {
  %y = etch.equal %lhs, %rhs : (tensor<?x?xi1>, tensor<?x?xi1>) -> tensor<?x?xi1>
  return %y : tensor<?x?xi1>
}

// CHECK-LABEL: func @not_equal
// CHECK: etch.not_equal %{{.*}} : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xi1>
func.func @not_equal(%lhs: tensor<?x?xf32>, %rhs: tensor<?x?xf32>) -> tensor<?x?xi1> {
  %y = etch.not_equal %lhs, %rhs : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xi1>
  return %y : tensor<?x?xi1>
}

// CHECK-LABEL: func @less
// CHECK: etch.less %{{.*}} : (tensor<?x?xi64>, tensor<?x?xi64>) -> tensor<?x?xi1>
func.func @less(%lhs: tensor<?x?xi64>, %rhs: tensor<?x?xi64>) -> tensor<?x?xi1> {
  %y = etch.less %lhs, %rhs : (tensor<?x?xi64>, tensor<?x?xi64>) -> tensor<?x?xi1>
  return %y : tensor<?x?xi1>
}

// CHECK-LABEL: func @less_equal
// CHECK: etch.less_equal %{{.*}} : (tensor<?x?xf64>, tensor<?x?xf64>) -> tensor<?x?xi1>
func.func @less_equal(%lhs: tensor<?x?xf64>, %rhs: tensor<?x?xf64>) -> tensor<?x?xi1> {
  %y = etch.less_equal %lhs, %rhs : (tensor<?x?xf64>, tensor<?x?xf64>) -> tensor<?x?xi1>
  return %y : tensor<?x?xi1>
}

// CHECK-LABEL: func @greater
// CHECK: etch.greater %{{.*}} : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xi1>
func.func @greater(%lhs: tensor<?x?xf32>, %rhs: tensor<?x?xf32>) -> tensor<?x?xi1> {
  %y = etch.greater %lhs, %rhs : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xi1>
  return %y : tensor<?x?xi1>
}

// CHECK-LABEL: func @greater_equal
// CHECK: etch.greater_equal %{{.*}} : (tensor<?x?xi32>, tensor<?x?xi32>) -> tensor<?x?xi1>
func.func @greater_equal(%lhs: tensor<?x?xi32>, %rhs: tensor<?x?xi32>) -> tensor<?x?xi1> {
  %y = etch.greater_equal %lhs, %rhs : (tensor<?x?xi32>, tensor<?x?xi32>) -> tensor<?x?xi1>
  return %y : tensor<?x?xi1>
}

// CHECK-LABEL: func @select
// CHECK: etch.select %{{.*}} : (tensor<?xi1>, tensor<?xf64>, tensor<?xf64>) -> tensor<?xf64>
func.func @select(%c: tensor<?xi1>, %lhs: tensor<?xf64>, %rhs: tensor<?xf64>) -> tensor<?xf64> {
  %y = etch.select %c, %lhs, %rhs : (tensor<?xi1>, tensor<?xf64>, tensor<?xf64>) -> tensor<?xf64>
  return %y : tensor<?xf64>
}

// CHECK-LABEL: func @cast
// CHECK: etch.cast %{{.*}} {to = "f64"} : (tensor<?xi32>) -> tensor<?xf64>
func.func @cast(%x: tensor<?xi32>) -> tensor<?xf64> {
  %y = etch.cast %x {to = "f64"} : (tensor<?xi32>) -> tensor<?xf64>
  return %y : tensor<?xf64>
}

// CHECK-LABEL: func @stop_gradient
// CHECK: etch.stop_gradient %{{.*}} : (tensor<?x3xf32>) -> tensor<?x3xf32>
func.func @stop_gradient(%x: tensor<?x3xf32>) -> tensor<?x3xf32> {
  %y = etch.stop_gradient %x : (tensor<?x3xf32>) -> tensor<?x3xf32>
  return %y : tensor<?x3xf32>
}
