// A user's rule stands in for those of the ops that compute the outputs.
//
// RUN: etch-opt %s -split-input-file -etch-differentiate | FileCheck %s

// CHECK-LABEL: func @main
// CHECK-SAME: (%[[X:.*]]: tensor<2xf64>, %[[GY:.*]]: tensor<2xf64>)
// CHECK: %[[G:.*]] = etch.mul %[[GY]], %[[X]] {etch.backward}
// CHECK: return %[[G]]
func.func @main(%x: tensor<2xf64>, %gy: tensor<2xf64>) -> tensor<2xf64> {
  %0 = etch.exp %x : (tensor<2xf64>) -> tensor<2xf64>
  %y = etch.custom_vjp (%x) gives (%0) {
  ^bb0(%g: tensor<2xf64>):
    %1 = etch.mul %g, %x : (tensor<2xf64>, tensor<2xf64>) -> tensor<2xf64>
    etch.yield %1 : tensor<2xf64>
  } : (tensor<2xf64>) -> (tensor<2xf64>)
  %gx = etch.gradient %y by %gy wrt %x : (tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<2xf64>
  func.return %gx : tensor<2xf64>
}

// -----

// An output without a cotangent has one of zeros; the rule's own ops can be
// differentiated again.
// CHECK-LABEL: func @main
// CHECK-SAME: (%[[X:.*]]: tensor<f64>, %[[GY:.*]]: tensor<f64>)
// CHECK-NOT: etch.gradient
// CHECK: %[[Z:.*]] = etch.constant {etch.backward} dense<0.0
// CHECK: %[[G:.*]] = etch.mul %[[GY]], %[[X]] {etch.backward}
// CHECK: %[[GX:.*]] = etch.add %[[Z]], %[[G]] {etch.backward}
// CHECK: %[[GG:.*]] = etch.mul %[[GY]], %[[GY]] {etch.backward}
// CHECK: return %[[GX]], %[[GG]]
func.func @main(%x: tensor<f64>, %gy: tensor<f64>) -> (tensor<f64>, tensor<f64>) {
  %0 = etch.exp %x : (tensor<f64>) -> tensor<f64>
  %1 = etch.sin %x : (tensor<f64>) -> tensor<f64>
  %y:2 = etch.custom_vjp (%x) gives (%0, %1) {
  ^bb0(%g0: tensor<f64>, %g1: tensor<f64>):
    %2 = etch.mul %g1, %x : (tensor<f64>, tensor<f64>) -> tensor<f64>
    %3 = etch.add %g0, %2 : (tensor<f64>, tensor<f64>) -> tensor<f64>
    etch.yield %3 : tensor<f64>
  } : (tensor<f64>) -> (tensor<f64>, tensor<f64>)
  %gx = etch.gradient %y#1 by %gy wrt %x : (tensor<f64>, tensor<f64>, tensor<f64>) -> tensor<f64>
  %ggx = etch.gradient %gx by %gy wrt %x : (tensor<f64>, tensor<f64>, tensor<f64>) -> tensor<f64>
  func.return %gx, %ggx : tensor<f64>, tensor<f64>
}
