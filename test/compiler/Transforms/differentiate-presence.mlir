// A cotangent that only one branch gives leaves nothing behind in the other.
//
// RUN: etch-opt %s -split-input-file -etch-differentiate -etch-simplify | FileCheck %s

// The rule of log divides by x, which may be 0: where the branch is not taken,
// what comes of it is -0, and the gradient is 0.
// CHECK-LABEL: func.func @main
// CHECK: %[[BACK:.*]] = "etch.cond"(%arg1
// CHECK: %[[G:.*]] = etch.div %[[BACK]], %arg0
// CHECK: %[[P:.*]] = etch.broadcast_to %arg1
// CHECK: etch.select %[[P]], %[[G]]
func.func @main(%x: tensor<4xf32>, %p: tensor<i1>, %seed: tensor<4xf32>) -> tensor<4xf32> {
  %l = etch.log %x : (tensor<4xf32>) -> tensor<4xf32>
  %c = etch.constant dense<1.0> : tensor<4xf32>
  %y = "etch.cond"(%p, %l, %c) ({
  ^bb0(%a: tensor<4xf32>, %b: tensor<4xf32>):
    %s = etch.tanh %a : (tensor<4xf32>) -> tensor<4xf32>
    etch.yield %s : tensor<4xf32>
  }, {
  ^bb0(%a: tensor<4xf32>, %b: tensor<4xf32>):
    etch.yield %b : tensor<4xf32>
  }) : (tensor<i1>, tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %g = etch.gradient %y by %seed wrt %x : (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %g : tensor<4xf32>
}

// -----

// Both branches read it: no mask.
// CHECK-LABEL: func.func @main
// CHECK: etch.cond
// CHECK-NOT: etch.presence
// CHECK-NOT: etch.select
// CHECK: return
func.func @main(%x: tensor<4xf32>, %p: tensor<i1>, %seed: tensor<4xf32>) -> tensor<4xf32> {
  %l = etch.log %x : (tensor<4xf32>) -> tensor<4xf32>
  %y = "etch.cond"(%p, %l) ({
  ^bb0(%a: tensor<4xf32>):
    %s = etch.tanh %a : (tensor<4xf32>) -> tensor<4xf32>
    etch.yield %s : tensor<4xf32>
  }, {
  ^bb0(%a: tensor<4xf32>):
    %s = etch.sin %a : (tensor<4xf32>) -> tensor<4xf32>
    etch.yield %s : tensor<4xf32>
  }) : (tensor<i1>, tensor<4xf32>) -> tensor<4xf32>
  %g = etch.gradient %y by %seed wrt %x : (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %g : tensor<4xf32>
}
