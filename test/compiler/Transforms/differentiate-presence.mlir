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

// -----

// The cotangent of a state that is an output, too, comes from outside in the
// last iteration and from the next one in all others: it is always there.
// CHECK-LABEL: func.func @main
// CHECK: "etch.loop"
// CHECK: "etch.loop"(%[[Z:.*]], %[[Z]], %arg3, %ys, %arg1, %arg2)
// CHECK-SAME: operandSegmentSizes = array<i32: 0, 2, 3, 1>
// CHECK-NOT: etch.presence
// CHECK: return
func.func @main(%h: tensor<4xf32>, %x: tensor<5x4xf32>, %w: tensor<4xf32>, %seed: tensor<5x4xf32>) -> (tensor<4xf32>, tensor<5x4xf32>, tensor<4xf32>) {
  %count, %last, %ys = "etch.loop"(%h, %x, %w) ({
  }, {
  ^bb0(%i: tensor<i64>, %s: tensor<4xf32>, %in: tensor<4xf32>, %c: tensor<4xf32>):
    %p = etch.mul %in, %c : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    %q = etch.add %s, %p : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    %t = etch.tanh %q : (tensor<4xf32>) -> tensor<4xf32>
    etch.yield %t, %t : tensor<4xf32>, tensor<4xf32>
  }) {operandSegmentSizes = array<i32: 0, 1, 1, 1>, resultSegmentSizes = array<i32: 1, 1, 1>, reverse = false, max_iterations = -1 : i64} : (tensor<4xf32>, tensor<5x4xf32>, tensor<4xf32>) -> (tensor<i64>, tensor<4xf32>, tensor<5x4xf32>)
  %g:3 = etch.gradient %ys by %seed wrt %h, %x, %w : (tensor<5x4xf32>, tensor<5x4xf32>, tensor<4xf32>, tensor<5x4xf32>, tensor<4xf32>) -> (tensor<4xf32>, tensor<5x4xf32>, tensor<4xf32>)
  return %g#0, %g#1, %g#2 : tensor<4xf32>, tensor<5x4xf32>, tensor<4xf32>
}

// -----

// With as many iterations as there are slices, the same; without any, there is
// no gradient, and that says the number of iterations.
// CHECK-LABEL: func.func @main
// CHECK: "etch.loop"
// CHECK: "etch.loop"
// CHECK-SAME: operandSegmentSizes = array<i32: 0, 2, 2, 1>
// CHECK-NOT: i1
// CHECK: etch.yield
// CHECK: etch.equal %count
// CHECK-COUNT-2: etch.presence
// CHECK-NOT: etch.presence
// CHECK: return
func.func @main(%h: tensor<4xf32>, %x: tensor<?x4xf32>, %w: tensor<4xf32>, %seed: tensor<4xf32>) -> (tensor<?x4xf32>, tensor<4xf32>) {
  %count, %last = "etch.loop"(%h, %x, %w) ({
  }, {
  ^bb0(%i: tensor<i64>, %s: tensor<4xf32>, %in: tensor<4xf32>, %c: tensor<4xf32>):
    %p = etch.mul %in, %c : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    %q = etch.add %s, %p : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    %t = etch.tanh %q : (tensor<4xf32>) -> tensor<4xf32>
    etch.yield %t : tensor<4xf32>
  }) {operandSegmentSizes = array<i32: 0, 1, 1, 1>, resultSegmentSizes = array<i32: 1, 1, 0>, reverse = false, max_iterations = -1 : i64} : (tensor<4xf32>, tensor<?x4xf32>, tensor<4xf32>) -> (tensor<i64>, tensor<4xf32>)
  %g:2 = etch.gradient %last by %seed wrt %x, %w : (tensor<4xf32>, tensor<4xf32>, tensor<?x4xf32>, tensor<4xf32>) -> (tensor<?x4xf32>, tensor<4xf32>)
  return %g#0, %g#1 : tensor<?x4xf32>, tensor<4xf32>
}
