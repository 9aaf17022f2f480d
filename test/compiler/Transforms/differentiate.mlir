// Gradients become ops, at the locations of the ops that they differentiate.
//
// RUN: etch-opt %s -split-input-file -etch-differentiate -mlir-print-debuginfo -mlir-use-nameloc-as-prefix=false | FileCheck %s

// Contributions to one value add up in the order in which they arrive: ops last
// to first, operands first to last.
// CHECK-LABEL: func @main
// CHECK-SAME: (%[[X:.*]]: tensor<2xf64> {{.*}}, %[[GY:.*]]: tensor<2xf64> {{.*}})
// CHECK: etch.mul %[[X]], %[[X]] : {{.*}} loc(#[[MUL_LOC:.*]])
// CHECK: etch.sin %[[X]] : {{.*}} loc(#[[SIN_LOC:.*]])
// CHECK: %[[COS:.*]] = etch.cos %[[X]] {etch.backward} : {{.*}} loc(#[[SIN_LOC]])
// CHECK: %[[G2:.*]] = etch.mul %[[GY]], %[[COS]] {etch.backward}
// CHECK: %[[G0:.*]] = etch.mul %[[GY]], %[[X]] {etch.backward} : {{.*}} loc(#[[MUL_LOC]])
// CHECK: %[[G1:.*]] = etch.mul %[[GY]], %[[X]] {etch.backward} : {{.*}} loc(#[[MUL_LOC]])
// CHECK: %[[S:.*]] = etch.add %[[G2]], %[[G0]] {etch.backward} : {{.*}} loc(#[[MUL_LOC]])
// CHECK: %[[T:.*]] = etch.add %[[S]], %[[G1]] {etch.backward}
// CHECK-NOT: etch.gradient
// CHECK: return %[[T]]
// CHECK-DAG: #[[MUL_LOC]] = loc("site":0:0)
// CHECK-DAG: #[[SIN_LOC]] = loc("site":1:0)
func.func @main(%x: tensor<2xf64>, %gy: tensor<2xf64>) -> (tensor<2xf64>, tensor<2xf64>) {
  %0 = etch.mul %x, %x : (tensor<2xf64>, tensor<2xf64>) -> tensor<2xf64> loc("site":0:0)
  %1 = etch.sin %x : (tensor<2xf64>) -> tensor<2xf64> loc("site":1:0)
  %2 = etch.add %0, %1 : (tensor<2xf64>, tensor<2xf64>) -> tensor<2xf64> loc("site":2:0)
  %3 = etch.gradient %2 by %gy wrt %x : (tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<2xf64> loc("site":3:0)
  func.return %3, %2 : tensor<2xf64>, tensor<2xf64>
}

// -----

// Only ops between x and y are visited; what y does not depend on has zeros;
// the gradient of y with respect to itself is the seed.
// CHECK-LABEL: func @main
// CHECK-SAME: (%{{.*}}, %[[W:.*]]: tensor<2xf64> {{.*}}, %[[GY:.*]]: tensor<2xf64> {{.*}})
// CHECK-NEXT: etch.tanh
// CHECK-NEXT: %[[Y:.*]] = etch.mul
// CHECK-NEXT: %[[Z:.*]] = etch.constant {etch.backward} dense<0.0
// CHECK-NEXT: return %[[Z]], %[[GY]], %[[Y]]
func.func @main(%x: tensor<2xf64>, %w: tensor<2xf64>, %gy: tensor<2xf64>) -> (tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) {
  %0 = etch.tanh %x : (tensor<2xf64>) -> tensor<2xf64>
  %y = etch.mul %0, %x : (tensor<2xf64>, tensor<2xf64>) -> tensor<2xf64>
  %g:2 = etch.gradient %y by %gy wrt %w, %y : (tensor<2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> (tensor<2xf64>, tensor<2xf64>)
  func.return %g#0, %g#1, %y : tensor<2xf64>, tensor<2xf64>, tensor<2xf64>
}

// -----

// Nothing flows through stop_gradient, comparisons, ops recorded without
// gradient, integers.
// CHECK-LABEL: func @main
// CHECK: %[[A:.*]] = etch.constant {etch.backward} dense<0.0
// CHECK-NEXT: return %[[A]], %[[A]], %[[A]]
func.func @main(%x: tensor<f64>, %gy: tensor<f64>) -> (tensor<f64>, tensor<f64>, tensor<f64>) {
  %0 = etch.stop_gradient %x : (tensor<f64>) -> tensor<f64>
  %a = etch.mul %0, %0 : (tensor<f64>, tensor<f64>) -> tensor<f64>
  %ga = etch.gradient %a by %gy wrt %x : (tensor<f64>, tensor<f64>, tensor<f64>) -> tensor<f64>
  %b = etch.exp %x {etch.nograd} : (tensor<f64>) -> tensor<f64>
  %gb = etch.gradient %b by %gy wrt %x : (tensor<f64>, tensor<f64>, tensor<f64>) -> tensor<f64>
  %1 = etch.cast %x {to = "i64"} : (tensor<f64>) -> tensor<i64>
  %c = etch.cast %1 {to = "f64"} : (tensor<i64>) -> tensor<f64>
  %gc = etch.gradient %c by %gy wrt %x : (tensor<f64>, tensor<f64>, tensor<f64>) -> tensor<f64>
  func.return %ga, %gb, %gc : tensor<f64>, tensor<f64>, tensor<f64>
}
