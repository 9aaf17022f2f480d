// Loops and branches, in the form in which programs hold them.
//
// RUN: etch-opt %s | FileCheck %s

// CHECK-LABEL: func @while_loop
// CHECK: "etch.loop"
// CHECK-SAME: max_iterations = -1 : i64
// CHECK-SAME: operandSegmentSizes = array<i32: 0, 1, 0, 1>
// CHECK-SAME: resultSegmentSizes = array<i32: 1, 1, 0>
// CHECK-SAME: reverse = false
// CHECK-NEXT: ^bb0(%{{.*}}: tensor<f32>, %{{.*}}: tensor<f32>):
// CHECK: etch.yield %{{.*}} : tensor<i1>
// CHECK-NEXT: }, {
// CHECK-NEXT: ^bb0(%{{.*}}: tensor<i64>, %{{.*}}: tensor<f32>, %{{.*}}: tensor<f32>):
// CHECK: etch.yield %{{.*}} : tensor<f32>
// CHECK-NEXT: }) : (tensor<f32>, tensor<f32>) -> (tensor<i64>, tensor<f32>)
func.func @while_loop(%x: tensor<f32>, %bound: tensor<f32>) -> (tensor<f32>, tensor<i64>) {
  %count, %y = "etch.loop"(%x, %bound) ({
  ^bb0(%s: tensor<f32>, %b: tensor<f32>):
    %p = "etch.less"(%s, %b) : (tensor<f32>, tensor<f32>) -> tensor<i1>
    "etch.yield"(%p) : (tensor<i1>) -> ()
  }, {
  ^bb0(%i: tensor<i64>, %s: tensor<f32>, %b: tensor<f32>):
    %n = "etch.add"(%s, %s) : (tensor<f32>, tensor<f32>) -> tensor<f32>
    "etch.yield"(%n) : (tensor<f32>) -> ()
  }) {reverse = false, max_iterations = -1 : i64, operandSegmentSizes = array<i32: 0, 1, 0, 1>, resultSegmentSizes = array<i32: 1, 1, 0>} : (tensor<f32>, tensor<f32>) -> (tensor<i64>, tensor<f32>)
  return %y, %count : tensor<f32>, tensor<i64>
}

// CHECK-LABEL: func @for_loop
// CHECK: operandSegmentSizes = array<i32: 1, 1, 0, 0>
// CHECK-SAME: ({
// CHECK-NEXT: }, {
func.func @for_loop(%n: tensor<i64>, %x: tensor<2xf32>) -> tensor<2xf32> {
  %count, %y = "etch.loop"(%n, %x) ({}, {
  ^bb0(%i: tensor<i64>, %s: tensor<2xf32>):
    %0 = "etch.mul"(%s, %s) : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
    "etch.yield"(%0) : (tensor<2xf32>) -> ()
  }) {reverse = false, max_iterations = -1 : i64, operandSegmentSizes = array<i32: 1, 1, 0, 0>, resultSegmentSizes = array<i32: 1, 1, 0>} : (tensor<i64>, tensor<2xf32>) -> (tensor<i64>, tensor<2xf32>)
  return %y : tensor<2xf32>
}

// CHECK-LABEL: func @scan
// CHECK: ^bb0(%{{.*}}: tensor<i64>, %{{.*}}: tensor<2xf32>, %{{.*}}: tensor<2xf32>):
func.func @scan(%x: tensor<?x2xf32>, %init: tensor<2xf32>) -> (tensor<2xf32>, tensor<?x2xf32>) {
  %r:3 = "etch.loop"(%init, %x) ({}, {
  ^bb0(%i: tensor<i64>, %s: tensor<2xf32>, %slice: tensor<2xf32>):
    %0 = "etch.add"(%s, %slice) : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
    "etch.yield"(%0, %0) : (tensor<2xf32>, tensor<2xf32>) -> ()
  }) {reverse = true, max_iterations = -1 : i64, operandSegmentSizes = array<i32: 0, 1, 1, 0>, resultSegmentSizes = array<i32: 1, 1, 1>} : (tensor<2xf32>, tensor<?x2xf32>) -> (tensor<i64>, tensor<2xf32>, tensor<?x2xf32>)
  return %r#1, %r#2 : tensor<2xf32>, tensor<?x2xf32>
}

// CHECK-LABEL: func @cond
// CHECK: "etch.cond"(%{{.*}}, %{{.*}}, %{{.*}}) ({
// CHECK-NEXT: ^bb0(%{{.*}}: tensor<2xf32>, %{{.*}}: tensor<2xf32>):
// CHECK: }, {
// CHECK-NEXT: ^bb0(%{{.*}}: tensor<2xf32>, %{{.*}}: tensor<2xf32>):
// CHECK: }) : (tensor<i1>, tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
func.func @cond(%p: tensor<i1>, %x: tensor<2xf32>, %y: tensor<2xf32>) -> tensor<2xf32> {
  %r = "etch.cond"(%p, %x, %y) ({
  ^bb0(%a: tensor<2xf32>, %b: tensor<2xf32>):
    %0 = "etch.add"(%a, %b) : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
    "etch.yield"(%0) : (tensor<2xf32>) -> ()
  }, {
  ^bb0(%a: tensor<2xf32>, %b: tensor<2xf32>):
    "etch.yield"(%a) : (tensor<2xf32>) -> ()
  }) : (tensor<i1>, tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  return %r : tensor<2xf32>
}
