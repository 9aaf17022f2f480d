// Each region of a loop or branch becomes a program of its own.
//
// RUN: etch-opt %s -split-input-file -etch-outline-regions | FileCheck %s

// States are updated, what is captured is an argument; a program stands before
// the one that uses it.
// CHECK-LABEL: func.func private @body0
// CHECK-SAME: tensor<i64>
// CHECK-SAME: etch.state
// CHECK-SAME: etch.update = 1
// CHECK-SAME: etch.program
// CHECK: etch.mul
// CHECK: return
// CHECK-LABEL: func.func @main
// CHECK: etch.loop
// CHECK: func.call @body0
// CHECK-NOT: etch.mul
func.func @main(%x: tensor<4xf32>, %w: tensor<4xf32>) -> tensor<4xf32> {
  %c, %y = "etch.loop"(%x, %w) <{max_iterations = 3 : i64, reverse = false, operandSegmentSizes = array<i32: 0, 1, 0, 1>, resultSegmentSizes = array<i32: 1, 1, 0>}> ({}, {
  ^bb0(%i: tensor<i64>, %s: tensor<4xf32>, %v: tensor<4xf32>):
    %p = etch.mul %s, %v : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    etch.yield %p : tensor<4xf32>
  }) : (tensor<4xf32>, tensor<4xf32>) -> (tensor<i64>, tensor<4xf32>)
  return %y : tensor<4xf32>
}

// -----

// Programs without regions stay as they are.
// CHECK-LABEL: func.func @main
// CHECK-NEXT: etch.tanh
// CHECK-NEXT: return
// CHECK-NOT: func.func
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %y = etch.tanh %x : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}
