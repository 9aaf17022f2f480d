// Loops and branches take and hold what they need.
//
// RUN: etch-opt %s -split-input-file -etch-simplify | FileCheck %s

// A state that never changes is a capture, a limit that is a number an attribute;
// equal captures are one; what nobody reads goes: a state, an output, a capture.
// CHECK-LABEL: func @main
// CHECK-SAME: (%[[X:.*]]: tensor<4xf32>, %[[W:.*]]: tensor<4xf32>)
// CHECK: "etch.loop"(%[[X]], %[[W]]) <{max_iterations = 3 : i64, operandSegmentSizes = array<i32: 0, 1, 0, 1>, resultSegmentSizes = array<i32: 1, 1, 0>
// CHECK: ^bb0(%{{.*}}: tensor<i64>, %[[S:.*]]: tensor<4xf32>, %[[C:.*]]: tensor<4xf32>):
// CHECK-NEXT: %[[M:.*]] = etch.mul %[[S]], %[[C]]
// CHECK-NEXT: %[[A:.*]] = etch.add %[[C]], %[[M]]
// CHECK-NEXT: etch.yield %[[A]]
func.func @main(%x: tensor<4xf32>, %w: tensor<4xf32>) -> tensor<4xf32> {
  %n = etch.constant dense<3> : tensor<i64>
  %r:5 = "etch.loop"(%n, %x, %w, %x, %w, %x) ({}, {
  ^bb0(%i: tensor<i64>, %s: tensor<4xf32>, %c: tensor<4xf32>, %dead: tensor<4xf32>, %d: tensor<4xf32>, %e: tensor<4xf32>):
    %m = etch.mul %s, %c : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    %a = etch.add %m, %d : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    %f = etch.exp %dead : (tensor<4xf32>) -> tensor<4xf32>
    %g = etch.add %f, %e : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    etch.yield %a, %c, %g, %f : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
  }) {reverse = false, max_iterations = 3 : i64, operandSegmentSizes = array<i32: 1, 3, 0, 2>, resultSegmentSizes = array<i32: 1, 3, 1>} : (tensor<i64>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) -> (tensor<i64>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<3x4xf32>)
  return %r#1 : tensor<4xf32>
}

// -----

// Numbers go inside, also as inputs; what is left of an input is its bound.
// CHECK-LABEL: func @main
// CHECK-SAME: (%[[X:.*]]: tensor<4xf32>, %[[K:.*]]: tensor<f32>)
// CHECK: "etch.loop"(%[[X]], %[[K]]) <{max_iterations = 6 : i64
// CHECK: ^bb0(%{{.*}}: tensor<i64>, %[[S:.*]]: tensor<4xf32>, %[[C:.*]]: tensor<f32>):
// CHECK: etch.broadcast_to %[[C]]
// CHECK: etch.constant dense<2.0
func.func @main(%x: tensor<4xf32>, %k: tensor<f32>) -> tensor<4xf32> {
  %two = etch.constant dense<2.0> : tensor<6x4xf32>
  %all = etch.broadcast_to %k {shape = array<i64: 6, 4>} : (tensor<f32>) -> tensor<6x4xf32>
  %r:2 = "etch.loop"(%x, %two, %all) ({}, {
  ^bb0(%i: tensor<i64>, %s: tensor<4xf32>, %t: tensor<4xf32>, %a: tensor<4xf32>):
    %m = etch.mul %s, %t : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    %n = etch.add %m, %a : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    etch.yield %n : tensor<4xf32>
  }) {reverse = false, max_iterations = -1 : i64, operandSegmentSizes = array<i32: 0, 1, 2, 0>, resultSegmentSizes = array<i32: 1, 1, 0>} : (tensor<4xf32>, tensor<6x4xf32>, tensor<6x4xf32>) -> (tensor<i64>, tensor<4xf32>)
  return %r#1 : tensor<4xf32>
}

// -----

// An output that is an input is that; a loop without uses is gone.
// CHECK-LABEL: func @main
// CHECK-SAME: (%[[X:.*]]: tensor<3x4xf32>
// CHECK-NEXT: return %[[X]]
func.func @main(%x: tensor<3x4xf32>) -> tensor<3x4xf32> {
  %r:2 = "etch.loop"(%x) ({}, {
  ^bb0(%i: tensor<i64>, %s: tensor<4xf32>):
    etch.yield %s : tensor<4xf32>
  }) {reverse = false, max_iterations = -1 : i64, operandSegmentSizes = array<i32: 0, 0, 1, 0>, resultSegmentSizes = array<i32: 1, 0, 1>} : (tensor<3x4xf32>) -> (tensor<i64>, tensor<3x4xf32>)
  return %r#1 : tensor<3x4xf32>
}

// -----

// Branches drop results and captures; both are simplified inside.
// CHECK-LABEL: func @main
// CHECK: "etch.cond"(%{{.*}}, %{{.*}}) ({
// CHECK-NEXT: ^bb0(%[[A:.*]]: tensor<4xf32>):
// CHECK-NEXT: etch.yield %[[A]]
// CHECK: ^bb0(%[[B:.*]]: tensor<4xf32>):
// CHECK-NEXT: %[[E:.*]] = etch.exp %[[B]]
// CHECK-NEXT: etch.yield %[[E]]
func.func @main(%p: tensor<i1>, %x: tensor<4xf32>, %y: tensor<4xf32>) -> tensor<4xf32> {
  %r:2 = "etch.cond"(%p, %x, %y) ({
  ^bb0(%a: tensor<4xf32>, %b: tensor<4xf32>):
    %s = etch.stop_gradient %a : (tensor<4xf32>) -> tensor<4xf32>
    etch.yield %s, %b : tensor<4xf32>, tensor<4xf32>
  }, {
  ^bb0(%a: tensor<4xf32>, %b: tensor<4xf32>):
    %e = etch.exp %a : (tensor<4xf32>) -> tensor<4xf32>
    %f = etch.exp %b : (tensor<4xf32>) -> tensor<4xf32>
    etch.yield %e, %f : tensor<4xf32>, tensor<4xf32>
  }) : (tensor<i1>, tensor<4xf32>, tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>)
  return %r#0 : tensor<4xf32>
}

// -----

// What one loop kept of something that it captured is that in another one,
// which goes as far; not so in one that may go further.
// CHECK-LABEL: func @main
// CHECK-SAME: (%[[X:.*]]: tensor<4xf32>, %[[W:.*]]: tensor<4xf32>, %[[N:.*]]: tensor<i64>)
// CHECK: %[[COUNT:.*]], %[[S:.*]], %[[KEPT:.*]] = "etch.loop"(%[[N]], %[[X]], %[[W]])
// CHECK: "etch.loop"(%[[COUNT]], %[[S]], %[[W]])
// CHECK: "etch.loop"(%[[S]], %[[KEPT]])
func.func @main(%x: tensor<4xf32>, %w: tensor<4xf32>, %n: tensor<i64>) -> (tensor<4xf32>, tensor<4xf32>) {
  %r:3 = "etch.loop"(%n, %x, %w) ({}, {
  ^bb0(%i: tensor<i64>, %s: tensor<4xf32>, %c: tensor<4xf32>):
    %m = etch.mul %s, %c : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    etch.yield %m, %c : tensor<4xf32>, tensor<4xf32>
  }) {reverse = false, max_iterations = 5 : i64, operandSegmentSizes = array<i32: 1, 1, 0, 1>, resultSegmentSizes = array<i32: 1, 1, 1>} : (tensor<i64>, tensor<4xf32>, tensor<4xf32>) -> (tensor<i64>, tensor<4xf32>, tensor<5x4xf32>)
  %b:2 = "etch.loop"(%r#0, %r#1, %r#2) ({}, {
  ^bb0(%i: tensor<i64>, %s: tensor<4xf32>, %c: tensor<4xf32>):
    %m = etch.sub %s, %c : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    etch.yield %m : tensor<4xf32>
  }) {reverse = true, max_iterations = -1 : i64, operandSegmentSizes = array<i32: 1, 1, 1, 0>, resultSegmentSizes = array<i32: 1, 1, 0>} : (tensor<i64>, tensor<4xf32>, tensor<5x4xf32>) -> (tensor<i64>, tensor<4xf32>)
  %d:2 = "etch.loop"(%r#1, %r#2) ({}, {
  ^bb0(%i: tensor<i64>, %s: tensor<4xf32>, %c: tensor<4xf32>):
    %m = etch.sub %s, %c : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    etch.yield %m : tensor<4xf32>
  }) {reverse = true, max_iterations = -1 : i64, operandSegmentSizes = array<i32: 0, 1, 1, 0>, resultSegmentSizes = array<i32: 1, 1, 0>} : (tensor<4xf32>, tensor<5x4xf32>) -> (tensor<i64>, tensor<4xf32>)
  return %b#1, %d#1 : tensor<4xf32>, tensor<4xf32>
}
