// A loop has the gradients of its iterations written one after the other, bit
// for bit; so has a branch those of the branch that is taken.
//
// REQUIRES: etch-run
// RUN: split-file %s %t
// RUN: etch-run %t/while.mlir --print >%t/while.loop
// RUN: etch-run %t/while-unrolled.mlir --print >%t/while.unrolled
// RUN: diff %t/while.loop %t/while.unrolled
// RUN: etch-run %t/reverse.mlir --print >%t/reverse.loop
// RUN: etch-run %t/reverse-unrolled.mlir --print >%t/reverse.unrolled
// RUN: diff %t/reverse.loop %t/reverse.unrolled
// RUN: etch-run %t/cond.mlir --print --fill 1 | FileCheck %t/cond.mlir --check-prefix=THEN
// RUN: etch-run %t/cond.mlir --print --fill 0 | FileCheck %t/cond.mlir --check-prefix=ELSE
// RUN: etch-run %t/inside.mlir --print | FileCheck %t/inside.mlir
// RUN: not etch-run %t/unbounded.mlir 2>&1 | FileCheck %t/unbounded.mlir
// RUN: etch-run %t/for.mlir --print --fill 3 | FileCheck %t/for.mlir
// RUN: etch-run %t/for.mlir --print --fill 0 | FileCheck %t/for.mlir --check-prefix=NONE

//--- while.mlir
// x is used before and in the loop; w as what it captures and after it.
func.func @main() -> (tensor<3xf32>, tensor<3xf32>, tensor<3xf32>) {
  %x = etch.constant dense<[0.3, 0.7, -0.2]> : tensor<3xf32>
  %w = etch.constant dense<[1.3, -0.4, 0.9]> : tensor<3xf32>
  %two = etch.constant dense<2.0> : tensor<f32>
  %one = etch.constant dense<1.0> : tensor<3xf32>
  %s = etch.sin %x : (tensor<3xf32>) -> tensor<3xf32>
  %r:2 = "etch.loop"(%s, %w, %two) ({
  ^bb0(%a: tensor<3xf32>, %c: tensor<3xf32>, %t: tensor<f32>):
    %q = etch.mul %a, %a : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
    %m = etch.sum %q {axes = array<i64: 0>, keepdims = false} : (tensor<3xf32>) -> tensor<f32>
    %p = etch.less %m, %t : (tensor<f32>, tensor<f32>) -> tensor<i1>
    etch.yield %p : tensor<i1>
  }, {
  ^bb0(%i: tensor<i64>, %a: tensor<3xf32>, %c: tensor<3xf32>, %t: tensor<f32>):
    %m = etch.mul %a, %c : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
    %e = etch.exp %m : (tensor<3xf32>) -> tensor<3xf32>
    %f = etch.mul %e, %a : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
    etch.yield %f : tensor<3xf32>
  }) {reverse = false, max_iterations = 10 : i64, operandSegmentSizes = array<i32: 0, 1, 0, 2>, resultSegmentSizes = array<i32: 1, 1, 0>} : (tensor<3xf32>, tensor<3xf32>, tensor<f32>) -> (tensor<i64>, tensor<3xf32>)
  %y = etch.mul %r#1, %w : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
  %g:2 = etch.gradient %y by %one wrt %x, %w : (tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>) -> (tensor<3xf32>, tensor<3xf32>)
  return %y, %g#0, %g#1 : tensor<3xf32>, tensor<3xf32>, tensor<3xf32>
}

//--- while-unrolled.mlir
func.func @main() -> (tensor<3xf32>, tensor<3xf32>, tensor<3xf32>) {
  %x = etch.constant dense<[0.3, 0.7, -0.2]> : tensor<3xf32>
  %w = etch.constant dense<[1.3, -0.4, 0.9]> : tensor<3xf32>
  %one = etch.constant dense<1.0> : tensor<3xf32>
  %s = etch.sin %x : (tensor<3xf32>) -> tensor<3xf32>
  %m0 = etch.mul %s, %w : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
  %e0 = etch.exp %m0 : (tensor<3xf32>) -> tensor<3xf32>
  %f0 = etch.mul %e0, %s : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
  %m1 = etch.mul %f0, %w : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
  %e1 = etch.exp %m1 : (tensor<3xf32>) -> tensor<3xf32>
  %f1 = etch.mul %e1, %f0 : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
  %m2 = etch.mul %f1, %w : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
  %e2 = etch.exp %m2 : (tensor<3xf32>) -> tensor<3xf32>
  %f2 = etch.mul %e2, %f1 : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
  %y = etch.mul %f2, %w : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
  %g:2 = etch.gradient %y by %one wrt %x, %w : (tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>) -> (tensor<3xf32>, tensor<3xf32>)
  return %y, %g#0, %g#1 : tensor<3xf32>, tensor<3xf32>, tensor<3xf32>
}

//--- reverse.mlir
// Two states, of which the outputs are the old one and a third value.
func.func @main() -> (tensor<3x2xf32>, tensor<2xf32>, tensor<3x2xf32>, tensor<2xf32>) {
  %x = etch.constant dense<[[0.3, 0.7], [-0.2, 1.1], [0.9, -0.6]]> : tensor<3x2xf32>
  %a0 = etch.constant dense<[0.4, -0.5]> : tensor<2xf32>
  %b0 = etch.constant dense<[1.2, 0.8]> : tensor<2xf32>
  %seed = etch.constant dense<[[0.31, 1.7], [-0.42, 0.11], [0.29, -0.16]]> : tensor<3x2xf32>
  %r:4 = "etch.loop"(%a0, %b0, %x) ({}, {
  ^bb0(%i: tensor<i64>, %a: tensor<2xf32>, %b: tensor<2xf32>, %c: tensor<2xf32>):
    %m = etch.mul %a, %c : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
    %n = etch.tanh %m : (tensor<2xf32>) -> tensor<2xf32>
    %o = etch.mul %n, %b : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
    %p = etch.add %o, %c : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
    etch.yield %p, %n, %a : tensor<2xf32>, tensor<2xf32>, tensor<2xf32>
  }) {reverse = true, max_iterations = -1 : i64, operandSegmentSizes = array<i32: 0, 2, 1, 0>, resultSegmentSizes = array<i32: 1, 2, 1>} : (tensor<2xf32>, tensor<2xf32>, tensor<3x2xf32>) -> (tensor<i64>, tensor<2xf32>, tensor<2xf32>, tensor<3x2xf32>)
  %y = etch.mul %r#3, %r#3 : (tensor<3x2xf32>, tensor<3x2xf32>) -> tensor<3x2xf32>
  %bb = etch.broadcast_to %r#2 {shape = array<i64: 3, 2>} : (tensor<2xf32>) -> tensor<3x2xf32>
  %z = etch.mul %y, %bb : (tensor<3x2xf32>, tensor<3x2xf32>) -> tensor<3x2xf32>
  %g:3 = etch.gradient %z by %seed wrt %a0, %x, %b0 : (tensor<3x2xf32>, tensor<3x2xf32>, tensor<2xf32>, tensor<3x2xf32>, tensor<2xf32>) -> (tensor<2xf32>, tensor<3x2xf32>, tensor<2xf32>)
  return %z, %g#0, %g#1, %g#2 : tensor<3x2xf32>, tensor<2xf32>, tensor<3x2xf32>, tensor<2xf32>
}

//--- reverse-unrolled.mlir
func.func @main() -> (tensor<3x2xf32>, tensor<2xf32>, tensor<3x2xf32>, tensor<2xf32>) {
  %x = etch.constant dense<[[[0.3, 0.7], [-0.2, 1.1], [0.9, -0.6]]]> : tensor<1x3x2xf32>
  %a0 = etch.constant dense<[0.4, -0.5]> : tensor<2xf32>
  %b0 = etch.constant dense<[1.2, 0.8]> : tensor<2xf32>
  %seed = etch.constant dense<[[0.31, 1.7], [-0.42, 0.11], [0.29, -0.16]]> : tensor<3x2xf32>
  %i0 = etch.constant dense<0> : tensor<1x1xi64>
  %i1 = etch.constant dense<1> : tensor<1x1xi64>
  %i2 = etch.constant dense<2> : tensor<1x1xi64>
  %x0r = etch.gather %x, %i0 : (tensor<1x3x2xf32>, tensor<1x1xi64>) -> tensor<1x1x2xf32>
  %x1r = etch.gather %x, %i1 : (tensor<1x3x2xf32>, tensor<1x1xi64>) -> tensor<1x1x2xf32>
  %x2r = etch.gather %x, %i2 : (tensor<1x3x2xf32>, tensor<1x1xi64>) -> tensor<1x1x2xf32>
  %x0 = etch.reshape %x0r {shape = array<i64: 2>} : (tensor<1x1x2xf32>) -> tensor<2xf32>
  %x1 = etch.reshape %x1r {shape = array<i64: 2>} : (tensor<1x1x2xf32>) -> tensor<2xf32>
  %x2 = etch.reshape %x2r {shape = array<i64: 2>} : (tensor<1x1x2xf32>) -> tensor<2xf32>
  %m2 = etch.mul %a0, %x2 : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  %n2 = etch.tanh %m2 : (tensor<2xf32>) -> tensor<2xf32>
  %o2 = etch.mul %n2, %b0 : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  %p2 = etch.add %o2, %x2 : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  %m1 = etch.mul %p2, %x1 : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  %n1 = etch.tanh %m1 : (tensor<2xf32>) -> tensor<2xf32>
  %o1 = etch.mul %n1, %n2 : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  %p1 = etch.add %o1, %x1 : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  %m0 = etch.mul %p1, %x0 : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  %n0 = etch.tanh %m0 : (tensor<2xf32>) -> tensor<2xf32>
  %s2 = etch.reshape %a0 {shape = array<i64: 1, 1, 2>} : (tensor<2xf32>) -> tensor<1x1x2xf32>
  %s1 = etch.reshape %p2 {shape = array<i64: 1, 1, 2>} : (tensor<2xf32>) -> tensor<1x1x2xf32>
  %s0 = etch.reshape %p1 {shape = array<i64: 1, 1, 2>} : (tensor<2xf32>) -> tensor<1x1x2xf32>
  %t2 = etch.scatter_add %s2, %i2 {shape = array<i64: 1, 3, 2>} : (tensor<1x1x2xf32>, tensor<1x1xi64>) -> tensor<1x3x2xf32>
  %t1 = etch.scatter_add %s1, %i1 {shape = array<i64: 1, 3, 2>} : (tensor<1x1x2xf32>, tensor<1x1xi64>) -> tensor<1x3x2xf32>
  %t0 = etch.scatter_add %s0, %i0 {shape = array<i64: 1, 3, 2>} : (tensor<1x1x2xf32>, tensor<1x1xi64>) -> tensor<1x3x2xf32>
  %u = etch.add %t2, %t1 : (tensor<1x3x2xf32>, tensor<1x3x2xf32>) -> tensor<1x3x2xf32>
  %v = etch.add %u, %t0 : (tensor<1x3x2xf32>, tensor<1x3x2xf32>) -> tensor<1x3x2xf32>
  %ys = etch.reshape %v {shape = array<i64: 3, 2>} : (tensor<1x3x2xf32>) -> tensor<3x2xf32>
  %y = etch.mul %ys, %ys : (tensor<3x2xf32>, tensor<3x2xf32>) -> tensor<3x2xf32>
  %bb = etch.broadcast_to %n0 {shape = array<i64: 3, 2>} : (tensor<2xf32>) -> tensor<3x2xf32>
  %z = etch.mul %y, %bb : (tensor<3x2xf32>, tensor<3x2xf32>) -> tensor<3x2xf32>
  %g:3 = etch.gradient %z by %seed wrt %a0, %x, %b0 : (tensor<3x2xf32>, tensor<3x2xf32>, tensor<2xf32>, tensor<1x3x2xf32>, tensor<2xf32>) -> (tensor<2xf32>, tensor<1x3x2xf32>, tensor<2xf32>)
  %gx = etch.reshape %g#1 {shape = array<i64: 3, 2>} : (tensor<1x3x2xf32>) -> tensor<3x2xf32>
  return %z, %g#0, %gx, %g#2 : tensor<3x2xf32>, tensor<2xf32>, tensor<3x2xf32>, tensor<2xf32>
}

//--- cond.mlir
// THEN: result_0: float32 (2,) [3 8]
// THEN: result_1: float32 (2,) [3 4]
// THEN: result_2: float32 (2,) [1 2]
// ELSE: result_0: float32 (2,) [2 4]
// ELSE: result_1: float32 (2,) [2 2]
// ELSE: result_2: float32 (2,) [{{-?}}0 {{-?}}0]
func.func @main(%p: tensor<i1>) -> (tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) {
  %x = etch.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %y = etch.constant dense<[3.0, 4.0]> : tensor<2xf32>
  %one = etch.constant dense<1.0> : tensor<2xf32>
  %r = "etch.cond"(%p, %x, %y) ({
  ^bb0(%a: tensor<2xf32>, %b: tensor<2xf32>):
    %0 = etch.mul %a, %b : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
    etch.yield %0 : tensor<2xf32>
  }, {
  ^bb0(%a: tensor<2xf32>, %b: tensor<2xf32>):
    %0 = etch.add %a, %a : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
    etch.yield %0 : tensor<2xf32>
  }) : (tensor<i1>, tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  %g:2 = etch.gradient %r by %one wrt %x, %y : (tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) -> (tensor<2xf32>, tensor<2xf32>)
  return %r, %g#0, %g#1 : tensor<2xf32>, tensor<2xf32>, tensor<2xf32>
}

//--- inside.mlir
// Newton's method: the square root of 2, with the gradient of x*x by the way. Its
// derivative, with respect to the number, is 1 / (2 * sqrt(2)).
// CHECK: result_0: float64 () [1.41421356
// CHECK: result_1: float64 () [0.35355339
func.func @main() -> (tensor<f64>, tensor<f64>) {
  %two = etch.constant dense<2.0> : tensor<f64>
  %one = etch.constant dense<1.0> : tensor<f64>
  %x = etch.add %two, %one : (tensor<f64>, tensor<f64>) -> tensor<f64>
  %r:2 = "etch.loop"(%x, %two, %one) ({}, {
  ^bb0(%i: tensor<i64>, %s: tensor<f64>, %n: tensor<f64>, %seed: tensor<f64>):
    %q = etch.mul %s, %s : (tensor<f64>, tensor<f64>) -> tensor<f64>
    %d = etch.gradient %q by %seed wrt %s : (tensor<f64>, tensor<f64>, tensor<f64>) -> tensor<f64>
    %e = etch.sub %q, %n : (tensor<f64>, tensor<f64>) -> tensor<f64>
    %f = etch.div %e, %d : (tensor<f64>, tensor<f64>) -> tensor<f64>
    %next = etch.sub %s, %f : (tensor<f64>, tensor<f64>) -> tensor<f64>
    etch.yield %next : tensor<f64>
  }) {reverse = false, max_iterations = 8 : i64, operandSegmentSizes = array<i32: 0, 1, 0, 2>, resultSegmentSizes = array<i32: 1, 1, 0>} : (tensor<f64>, tensor<f64>, tensor<f64>) -> (tensor<i64>, tensor<f64>)
  %g = etch.gradient %r#1 by %one wrt %two : (tensor<f64>, tensor<f64>, tensor<f64>) -> tensor<f64>
  return %r#1, %g : tensor<f64>, tensor<f64>
}

//--- unbounded.mlir
// CHECK: error: {{.*}}while_loop: its gradient needs 1 value of every iteration, and nothing says how many there are at most: give it max_iterations, or cut the gradient off with stop_gradient
func.func @main() -> tensor<f32> {
  %x = etch.constant dense<1.5> : tensor<f32>
  %b = etch.constant dense<100.0> : tensor<f32>
  %count, %y = "etch.loop"(%x, %b) ({
  ^bb0(%s: tensor<f32>, %c: tensor<f32>):
    %p = etch.less %s, %c : (tensor<f32>, tensor<f32>) -> tensor<i1>
    etch.yield %p : tensor<i1>
  }, {
  ^bb0(%i: tensor<i64>, %s: tensor<f32>, %c: tensor<f32>):
    %n = etch.mul %s, %s : (tensor<f32>, tensor<f32>) -> tensor<f32>
    etch.yield %n : tensor<f32>
  }) {reverse = false, max_iterations = -1 : i64, operandSegmentSizes = array<i32: 0, 1, 0, 1>, resultSegmentSizes = array<i32: 1, 1, 0>} : (tensor<f32>, tensor<f32>) -> (tensor<i64>, tensor<f32>)
  %g = etch.gradient %y by %x wrt %x : (tensor<f32>, tensor<f32>, tensor<f32>) -> tensor<f32>
  return %g : tensor<f32>
}

//--- for.mlir
// A limit that the run brings; nothing is kept when the values are captures.
// CHECK: result_0: float32 () [13]
// CHECK: result_1: float32 () [1]
// CHECK: result_2: float32 () [3]
// NONE: result_0: float32 () [1]
// NONE: result_1: float32 () [1]
// NONE: result_2: float32 () [{{-?}}0]
func.func @main(%n: tensor<i64>) -> (tensor<f32>, tensor<f32>, tensor<f32>) {
  %x = etch.constant dense<1.0> : tensor<f32>
  %w = etch.constant dense<4.0> : tensor<f32>
  %count, %y = "etch.loop"(%n, %x, %w) ({}, {
  ^bb0(%i: tensor<i64>, %s: tensor<f32>, %c: tensor<f32>):
    %0 = etch.add %s, %c : (tensor<f32>, tensor<f32>) -> tensor<f32>
    etch.yield %0 : tensor<f32>
  }) {reverse = false, max_iterations = -1 : i64, operandSegmentSizes = array<i32: 1, 1, 0, 1>, resultSegmentSizes = array<i32: 1, 1, 0>} : (tensor<i64>, tensor<f32>, tensor<f32>) -> (tensor<i64>, tensor<f32>)
  %one = etch.constant dense<1.0> : tensor<f32>
  %g:2 = etch.gradient %y by %one wrt %x, %w : (tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>) -> (tensor<f32>, tensor<f32>)
  return %y, %g#0, %g#1 : tensor<f32>, tensor<f32>, tensor<f32>
}
