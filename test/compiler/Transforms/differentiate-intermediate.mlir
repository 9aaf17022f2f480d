// A gradient with respect to a value in the middle: what reads it is not
// rewritten in terms of what it was made of, for then nothing would depend on
// it.
//
// RUN: etch-opt %s -etch-differentiate | FileCheck %s

// CHECK-LABEL: func @main
// CHECK: %[[S:.*]] = etch.reshape %{{.*}} {shape = array<i64: 6>}
// CHECK: %[[G:.*]] = etch.reshape %[[S]] {etch.backward, shape = array<i64: 2, 3>}
// CHECK: %[[R:.*]] = etch.reshape %{{.*}} {etch.backward, {{.*}}shape = array<i64: 6>}
// CHECK: return %[[R]]
func.func @main(%x: tensor<2x3xf64>, %v: tensor<2x3xf64>, %gt: tensor<2x3xf64>) -> tensor<6xf64> {
  %s = etch.reshape %v {shape = array<i64: 6>} : (tensor<2x3xf64>) -> tensor<6xf64>
  %y = etch.reshape %x {shape = array<i64: 6>} : (tensor<2x3xf64>) -> tensor<6xf64>
  %g = etch.gradient %y by %s wrt %x : (tensor<6xf64>, tensor<6xf64>, tensor<2x3xf64>) -> tensor<2x3xf64>
  %t = etch.mul %g, %g : (tensor<2x3xf64>, tensor<2x3xf64>) -> tensor<2x3xf64>
  %gs = etch.gradient %t by %gt wrt %s : (tensor<2x3xf64>, tensor<2x3xf64>, tensor<6xf64>) -> tensor<6xf64>
  func.return %gs : tensor<6xf64>
}
