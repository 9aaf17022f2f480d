// What need not be repeated leaves a loop.
//
// RUN: etch-opt %s -split-input-file -etch-hoist | FileCheck %s

// A dear function of a capture goes to the front; a number that is spread stays,
// for it costs nothing where it is.
// CHECK-LABEL: func @main
// CHECK: %[[T:.*]] = etch.tanh %{{.*}}
// CHECK: "etch.loop"(%{{.*}}, %{{.*}}, %[[T]])
// CHECK: ^bb0(%{{.*}}: tensor<i64>, %[[S:.*]]: tensor<4xf32>, %[[C:.*]]: tensor<4xf32>):
// CHECK-NEXT: %[[K:.*]] = etch.constant dense<2.0
// CHECK-NEXT: %[[M:.*]] = etch.mul %[[S]], %[[C]]
// CHECK-NEXT: etch.add %[[K]], %[[M]]
// CHECK-NEXT: etch.yield
func.func @main(%n: tensor<i64>, %x: tensor<4xf32>, %w: tensor<4xf32>) -> tensor<4xf32> {
  %r:2 = "etch.loop"(%n, %x, %w) ({}, {
  ^bb0(%i: tensor<i64>, %s: tensor<4xf32>, %c: tensor<4xf32>):
    %t = etch.tanh %c : (tensor<4xf32>) -> tensor<4xf32>
    %k = etch.constant dense<2.0> : tensor<4xf32>
    %m = etch.mul %s, %t : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    %a = etch.add %m, %k : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    etch.yield %a : tensor<4xf32>
  }) {reverse = false, max_iterations = -1 : i64, operandSegmentSizes = array<i32: 1, 1, 0, 1>, resultSegmentSizes = array<i32: 1, 1, 0>} : (tensor<i64>, tensor<4xf32>, tensor<4xf32>) -> (tensor<i64>, tensor<4xf32>)
  return %r#1 : tensor<4xf32>
}

// -----

// The products of all slices are one product in front of the loop; those that
// are outputs one behind it.
// CHECK-LABEL: func @main
// CHECK-SAME: (%[[X:.*]]: tensor<5x2x3xf32>, %[[W:.*]]: tensor<3x4xf32>, %[[V:.*]]: tensor<4x6xf32>
// CHECK: %[[R:.*]] = etch.reshape %[[X]] {shape = array<i64: 10, 3>}
// CHECK: %[[P:.*]] = etch.matmul %[[R]], %[[W]]
// CHECK: %[[Q:.*]] = etch.reshape %[[P]] {shape = array<i64: 5, 2, 4>}
// CHECK: %{{.*}}, %{{.*}}, %[[YS:.*]] = "etch.loop"(%{{.*}}, %[[Q]])
// CHECK-NOT: etch.matmul
// CHECK: }) :
// CHECK: %[[A:.*]] = etch.reshape %[[YS]] {shape = array<i64: 10, 4>}
// CHECK: etch.matmul %[[A]], %[[V]]
func.func @main(%x: tensor<5x2x3xf32>, %w: tensor<3x4xf32>, %v: tensor<4x6xf32>, %h: tensor<2x4xf32>) -> tensor<5x2x6xf32> {
  %r:3 = "etch.loop"(%h, %x, %w, %v) ({}, {
  ^bb0(%i: tensor<i64>, %s: tensor<2x4xf32>, %a: tensor<2x3xf32>, %b: tensor<3x4xf32>, %c: tensor<4x6xf32>):
    %p = etch.matmul %a, %b : (tensor<2x3xf32>, tensor<3x4xf32>) -> tensor<2x4xf32>
    %q = etch.add %p, %s : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
    %t = etch.tanh %q : (tensor<2x4xf32>) -> tensor<2x4xf32>
    %o = etch.matmul %t, %c : (tensor<2x4xf32>, tensor<4x6xf32>) -> tensor<2x6xf32>
    etch.yield %t, %o : tensor<2x4xf32>, tensor<2x6xf32>
  }) {reverse = false, max_iterations = -1 : i64, operandSegmentSizes = array<i32: 0, 1, 1, 2>, resultSegmentSizes = array<i32: 1, 1, 1>} : (tensor<2x4xf32>, tensor<5x2x3xf32>, tensor<3x4xf32>, tensor<4x6xf32>) -> (tensor<i64>, tensor<2x4xf32>, tensor<5x2x6xf32>)
  return %r#2 : tensor<5x2x6xf32>
}

// -----

// A product of one row and one column is a sum in another order: it stays.
// CHECK-LABEL: func @main
// CHECK: "etch.loop"
// CHECK: etch.matmul
func.func @main(%x: tensor<5x1x3xf32>, %w: tensor<3x1xf32>, %h: tensor<1x1xf32>) -> tensor<1x1xf32> {
  %r:2 = "etch.loop"(%h, %x, %w) ({}, {
  ^bb0(%i: tensor<i64>, %s: tensor<1x1xf32>, %a: tensor<1x3xf32>, %b: tensor<3x1xf32>):
    %p = etch.matmul %a, %b : (tensor<1x3xf32>, tensor<3x1xf32>) -> tensor<1x1xf32>
    %q = etch.add %p, %s : (tensor<1x1xf32>, tensor<1x1xf32>) -> tensor<1x1xf32>
    etch.yield %q : tensor<1x1xf32>
  }) {reverse = false, max_iterations = -1 : i64, operandSegmentSizes = array<i32: 0, 1, 1, 1>, resultSegmentSizes = array<i32: 1, 1, 0>} : (tensor<1x1xf32>, tensor<5x1x3xf32>, tensor<3x1xf32>) -> (tensor<i64>, tensor<1x1xf32>)
  return %r#1 : tensor<1x1xf32>
}
