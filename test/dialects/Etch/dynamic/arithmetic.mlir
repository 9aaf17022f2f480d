// Every op takes extents that are known only when the program runs: arithmetic.
//
// RUN: etch-opt %s | FileCheck %s

// CHECK-LABEL: func @neg
// CHECK: etch.neg %{{.*}} : (tensor<?x3xf32>) -> tensor<?x3xf32>
func.func @neg(%x: tensor<?x3xf32>) -> tensor<?x3xf32> {
  %y = etch.neg %x : (tensor<?x3xf32>) -> tensor<?x3xf32>
  return %y : tensor<?x3xf32>
}

// CHECK-LABEL: func @add
// CHECK: etch.add %{{.*}} : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
func.func @add(%lhs: tensor<?x?xf32>, %rhs: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %y = etch.add %lhs, %rhs : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
  return %y : tensor<?x?xf32>
}

// CHECK-LABEL: func @sub
// CHECK: etch.sub %{{.*}} : (tensor<?x?xf64>, tensor<?x?xf64>) -> tensor<?x?xf64>
func.func @sub(%lhs: tensor<?x?xf64>, %rhs: tensor<?x?xf64>) -> tensor<?x?xf64> {
  %y = etch.sub %lhs, %rhs : (tensor<?x?xf64>, tensor<?x?xf64>) -> tensor<?x?xf64>
  return %y : tensor<?x?xf64>
}

// CHECK-LABEL: func @mul
// CHECK: etch.mul %{{.*}} : (tensor<?x?xi64>, tensor<?x?xi64>) -> tensor<?x?xi64>
func.func @mul(%lhs: tensor<?x?xi64>, %rhs: tensor<?x?xi64>) -> tensor<?x?xi64> {
  %y = etch.mul %lhs, %rhs : (tensor<?x?xi64>, tensor<?x?xi64>) -> tensor<?x?xi64>
  return %y : tensor<?x?xi64>
}

// CHECK-LABEL: func @div
// CHECK: etch.div %{{.*}} : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
func.func @div(%lhs: tensor<?x?xf32>, %rhs: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %y = etch.div %lhs, %rhs : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
  return %y : tensor<?x?xf32>
}

// CHECK-LABEL: func @pow
// CHECK: etch.pow %{{.*}} {exponent = 2.500000e+00 : f64} : (tensor<?x3xf32>) -> tensor<?x3xf32>
func.func @pow(%x: tensor<?x3xf32>) -> tensor<?x3xf32> {
  %y = etch.pow %x {exponent = 2.5 : f64} : (tensor<?x3xf32>) -> tensor<?x3xf32>
  return %y : tensor<?x3xf32>
}

// CHECK-LABEL: func @maximum
// CHECK: etch.maximum %{{.*}} : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
func.func @maximum(%lhs: tensor<?x?xf32>, %rhs: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %y = etch.maximum %lhs, %rhs : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
  return %y : tensor<?x?xf32>
}

// CHECK-LABEL: func @minimum
// CHECK: etch.minimum %{{.*}} : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
func.func @minimum(%lhs: tensor<?x?xf32>, %rhs: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %y = etch.minimum %lhs, %rhs : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
  return %y : tensor<?x?xf32>
}

// CHECK-LABEL: func @abs
// CHECK: etch.abs %{{.*}} : (tensor<?x3xi32>) -> tensor<?x3xi32>
func.func @abs(%x: tensor<?x3xi32>) -> tensor<?x3xi32> {
  %y = etch.abs %x : (tensor<?x3xi32>) -> tensor<?x3xi32>
  return %y : tensor<?x3xi32>
}

// CHECK-LABEL: func @sign
// CHECK: etch.sign %{{.*}} : (tensor<?x3xf64>) -> tensor<?x3xf64>
func.func @sign(%x: tensor<?x3xf64>) -> tensor<?x3xf64> {
  %y = etch.sign %x : (tensor<?x3xf64>) -> tensor<?x3xf64>
  return %y : tensor<?x3xf64>
}
