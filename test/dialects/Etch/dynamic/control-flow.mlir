// Every op takes extents that are known only when the program runs: loops and
// branches.
//
// RUN: etch-opt %s | FileCheck %s

// Slices of a list as long as the call says, states as wide as it says.
// CHECK-LABEL: func @scan
// CHECK: "etch.loop"
// CHECK: (tensor<?xf32>, tensor<?x?xf32>, tensor<?xf32>) -> (tensor<i64>, tensor<?xf32>, tensor<?x?xf32>)
func.func @scan(%init: tensor<?xf32>, %xs: tensor<?x?xf32>, %w: tensor<?xf32>) -> (tensor<?xf32>, tensor<?x?xf32>) {
  %count, %last, %ys = "etch.loop"(%init, %xs, %w) ({}, {
  ^bb0(%i: tensor<i64>, %s: tensor<?xf32>, %x: tensor<?xf32>, %v: tensor<?xf32>):
    %0 = "etch.mul"(%s, %v) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
    %1 = "etch.add"(%0, %x) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
    "etch.yield"(%1, %0) : (tensor<?xf32>, tensor<?xf32>) -> ()
  }) {reverse = false, max_iterations = -1 : i64, operandSegmentSizes = array<i32: 0, 1, 1, 1>, resultSegmentSizes = array<i32: 1, 1, 1>} : (tensor<?xf32>, tensor<?x?xf32>, tensor<?xf32>) -> (tensor<i64>, tensor<?xf32>, tensor<?x?xf32>)
  return %last, %ys : tensor<?xf32>, tensor<?x?xf32>
}

// CHECK-LABEL: func @branch
// CHECK: "etch.cond"
// CHECK: (tensor<i1>, tensor<?xf32>) -> tensor<?xf32>
func.func @branch(%p: tensor<i1>, %x: tensor<?xf32>) -> tensor<?xf32> {
  %y = "etch.cond"(%p, %x) ({
  ^bb0(%a: tensor<?xf32>):
    %0 = "etch.tanh"(%a) : (tensor<?xf32>) -> tensor<?xf32>
    "etch.yield"(%0) : (tensor<?xf32>) -> ()
  }, {
  ^bb0(%b: tensor<?xf32>):
    "etch.yield"(%b) : (tensor<?xf32>) -> ()
  }) : (tensor<i1>, tensor<?xf32>) -> tensor<?xf32>
  return %y : tensor<?xf32>
}
