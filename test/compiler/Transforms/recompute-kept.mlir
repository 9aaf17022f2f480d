// What takes a few instructions is not kept from one loop to another.
//
// RUN: etch-opt %s -split-input-file -etch-recompute-kept | FileCheck %s

// The sum of a slice and a capture is computed again; its exponential, which is
// dear, is kept; so is the state.
// CHECK-LABEL: func @main
// CHECK-SAME: (%[[X:.*]]: tensor<3x4xf32>, %[[W:.*]]: tensor<4xf32>, %[[H:.*]]: tensor<4xf32>
// CHECK: %{{.*}}, %[[F:.*]], %[[YS:.*]]:2 = "etch.loop"(%[[H]], %[[X]], %[[W]])
// CHECK: "etch.loop"(%{{.*}}, %[[YS]]#{{[01]}}, %[[YS]]#{{[01]}}, %[[X]], %[[W]])
// CHECK: ^bb0(%{{.*}}: tensor<i64>, %{{.*}}: tensor<4xf32>, %{{.*}}: tensor<4xf32>, %{{.*}}: tensor<4xf32>, %[[S:.*]]: tensor<4xf32>, %[[C:.*]]: tensor<4xf32>):
// CHECK-NEXT: etch.add %[[S]], %[[C]]
func.func @main(%x: tensor<3x4xf32>, %w: tensor<4xf32>, %h: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %r:5 = "etch.loop"(%h, %x, %w) ({}, {
  ^bb0(%i: tensor<i64>, %s: tensor<4xf32>, %a: tensor<4xf32>, %c: tensor<4xf32>):
    %p = etch.add %a, %c : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    %e = etch.exp %p : (tensor<4xf32>) -> tensor<4xf32>
    %n = etch.mul %s, %e : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    etch.yield %n, %p, %e, %s : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
  }) {reverse = false, max_iterations = -1 : i64, operandSegmentSizes = array<i32: 0, 1, 1, 1>, resultSegmentSizes = array<i32: 1, 1, 3>} : (tensor<4xf32>, tensor<3x4xf32>, tensor<4xf32>) -> (tensor<i64>, tensor<4xf32>, tensor<3x4xf32>, tensor<3x4xf32>, tensor<3x4xf32>)
  %q:2 = "etch.loop"(%h, %r#2, %r#3, %r#4) ({}, {
  ^bb0(%i: tensor<i64>, %g: tensor<4xf32>, %p: tensor<4xf32>, %e: tensor<4xf32>, %s: tensor<4xf32>):
    %0 = etch.mul %g, %p : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    %1 = etch.mul %0, %e : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    %2 = etch.mul %1, %s : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    etch.yield %2 : tensor<4xf32>
  }) {reverse = true, max_iterations = -1 : i64, operandSegmentSizes = array<i32: 0, 1, 3, 0>, resultSegmentSizes = array<i32: 1, 1, 0>} : (tensor<4xf32>, tensor<3x4xf32>, tensor<3x4xf32>, tensor<3x4xf32>) -> (tensor<i64>, tensor<4xf32>)
  return %r#1, %q#1 : tensor<4xf32>, tensor<4xf32>
}
