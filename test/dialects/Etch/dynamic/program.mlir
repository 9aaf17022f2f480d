// Every op takes extents that are known only when the program runs: what a traced program holds besides.
//
// RUN: etch-opt %s | FileCheck %s

// CHECK-LABEL: func @gradient
// CHECK: etch.gradient %{{.*}} by %{{.*}} wrt %{{.*}} : (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
func.func @gradient(%x: tensor<?xf32>, %seed: tensor<?xf32>) -> tensor<?xf32> {
  %y = etch.tanh %x : (tensor<?xf32>) -> tensor<?xf32>
  %gx = etch.gradient %y by %seed wrt %x : (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
  return %gx : tensor<?xf32>
}

// CHECK-LABEL: func @custom_vjp
// CHECK: etch.custom_vjp(%{{.*}}) gives (%{{.*}}) {
// CHECK: etch.yield %{{.*}} : tensor<?xf32>
func.func @custom_vjp(%x: tensor<?xf32>) -> tensor<?xf32> {
  %y = etch.exp %x : (tensor<?xf32>) -> tensor<?xf32>
  %z = etch.custom_vjp(%x) gives (%y) {
  ^bb0(%gy: tensor<?xf32>):
    %gx = etch.mul %gy, %y : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
    etch.yield %gx : tensor<?xf32>
  } : (tensor<?xf32>) -> (tensor<?xf32>)
  return %z : tensor<?xf32>
}

// A constant has all its extents; what is made of it need not.
// CHECK-LABEL: func @constant
// CHECK: etch.constant dense<1.000000e+00> : tensor<1xf32>
// CHECK: -> tensor<?xf32>
func.func @constant(%n: index) -> tensor<?xf32> {
  %one = etch.constant dense<1.0> : tensor<1xf32>
  %y = etch.broadcast_to %one, %n {shape = array<i64: -9223372036854775808>} : (tensor<1xf32>, index) -> tensor<?xf32>
  return %y : tensor<?xf32>
}

// What is prepared has all its extents, in programs that have not.
// CHECK-LABEL: func @prepare
// CHECK: "etch.prepare"(%{{.*}})
// CHECK: etch.yield %{{.*}} : tensor<1xf32>
// CHECK: etch.pack %{{.*}} for @k 0 : (tensor<?xf32>) -> tensor<64xf32>
func.func @prepare(%w: tensor<1xf32>, %x: tensor<?xf32>, %n: index) -> (tensor<?xf32>, tensor<64xf32>) {
  %once = "etch.prepare"(%w) ({
  ^bb0(%a: tensor<1xf32>):
    %e = etch.exp %a : (tensor<1xf32>) -> tensor<1xf32>
    etch.yield %e : tensor<1xf32>
  }) : (tensor<1xf32>) -> tensor<1xf32>
  %y = etch.broadcast_to %once, %n {shape = array<i64: -9223372036854775808>} : (tensor<1xf32>, index) -> tensor<?xf32>
  %p = etch.pack %x for @k 0 : (tensor<?xf32>) -> tensor<64xf32>
  return %y, %p : tensor<?xf32>, tensor<64xf32>
}
