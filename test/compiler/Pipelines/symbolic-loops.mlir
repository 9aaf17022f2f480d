// A loop over any number of steps, and its gradient: one body each, whatever the
// number; the products of all slices in front of the loop.
//
// REQUIRES: etch-compile
// RUN: etch-compile %s --compile-to=simplify | FileCheck %s
// RUN: etch-compile %s --compile-to=codegen | FileCheck %s --check-prefix=CODE

// CHECK: etch.matmul %{{.*}} -> tensor<?x3xf32>
// CHECK: "etch.loop"
// CHECK: "etch.loop"
// CHECK-SAME: reverse = true
// CHECK-NOT: "etch.loop"
// CODE: define {{.*}} @etch_query(

func.func @main(%x: tensor<?x2x3xf32>, %w: tensor<3x3xf32>) -> (tensor<2x3xf32>, tensor<3x3xf32>) {
  %h0 = etch.constant dense<0.1> : tensor<2x3xf32>
  %one = etch.constant dense<1.0> : tensor<2x3xf32>
  %r:2 = "etch.loop"(%h0, %x, %w) ({}, {
  ^bb0(%i: tensor<i64>, %h: tensor<2x3xf32>, %s: tensor<2x3xf32>, %c: tensor<3x3xf32>):
    %b = etch.matmul %s, %c : (tensor<2x3xf32>, tensor<3x3xf32>) -> tensor<2x3xf32>
    %e = etch.add %b, %h : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
    %f = etch.tanh %e : (tensor<2x3xf32>) -> tensor<2x3xf32>
    etch.yield %f : tensor<2x3xf32>
  }) {reverse = false, max_iterations = -1 : i64, operandSegmentSizes = array<i32: 0, 1, 1, 1>, resultSegmentSizes = array<i32: 1, 1, 0>} : (tensor<2x3xf32>, tensor<?x2x3xf32>, tensor<3x3xf32>) -> (tensor<i64>, tensor<2x3xf32>)
  %g = etch.gradient %r#1 by %one wrt %w : (tensor<2x3xf32>, tensor<2x3xf32>, tensor<3x3xf32>) -> tensor<3x3xf32>
  return %r#1, %g : tensor<2x3xf32>, tensor<3x3xf32>
}
