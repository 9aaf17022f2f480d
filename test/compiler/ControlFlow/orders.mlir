// Gradients of gradients: a loop whose backward loop is differentiated has the
// bits of its iterations written one after the other; so have loops in loops,
// whose states are values of their own in each iteration (here: transposed).
//
// REQUIRES: etch-run
// RUN: split-file %s %t
// RUN: etch-run %t/rnn.mlir --print >%t/rnn.loop
// RUN: etch-run %t/rnn-unrolled.mlir --print >%t/rnn.unrolled
// RUN: diff %t/rnn.loop %t/rnn.unrolled
// RUN: etch-run %t/nested.mlir --print --threads 2 >%t/nested.loop
// RUN: etch-run %t/nested-unrolled.mlir --print >%t/nested.unrolled
// RUN: diff %t/nested.loop %t/nested.unrolled

//--- rnn.mlir
func.func @main() -> (tensor<f32>, tensor<3x2xf32>, tensor<2x2xf32>, tensor<2x2xf32>, tensor<3x2x3xf32>) {
  %x = etch.constant dense<[[[-0.731, 0.695, 0.528], [-0.490, -0.009, -0.101]], [[0.303, 0.577, -0.812], [-0.943, 0.672, -0.134]], [[0.525, -0.996, -0.109], [0.443, -0.542, 0.891]]]> : tensor<3x2x3xf32>
  %w = etch.constant dense<[[0.803, -0.939], [-0.949, 0.083], [0.878, -0.238]]> : tensor<3x2xf32>
  %u = etch.constant dense<[[-0.567, -0.156], [-0.942, -0.557]]> : tensor<2x2xf32>
  %h0 = etch.constant dense<[[-0.124, -0.008], [-0.534, -0.538]]> : tensor<2x2xf32>
  %c = etch.constant dense<[[[-0.562, -0.081], [-0.420, -0.957]], [[0.675, 0.113], [0.285, -0.628]], [[0.985, 0.720], [-0.758, -0.335]]]> : tensor<3x2x2xf32>
  %c2 = etch.constant dense<[[0.443, 0.422], [0.873, -0.156]]> : tensor<2x2xf32>
  %r:3 = "etch.loop"(%h0, %x, %w, %u) ({}, {
  ^bb0(%i: tensor<i64>, %bh: tensor<2x2xf32>, %bx: tensor<2x3xf32>, %bw: tensor<3x2xf32>, %bu: tensor<2x2xf32>):
  %sa = etch.matmul %bx, %bw : (tensor<2x3xf32>, tensor<3x2xf32>) -> tensor<2x2xf32>
  %sb = etch.matmul %bh, %bu : (tensor<2x2xf32>, tensor<2x2xf32>) -> tensor<2x2xf32>
  %sd = etch.add %sa, %sb : (tensor<2x2xf32>, tensor<2x2xf32>) -> tensor<2x2xf32>
  %sh = etch.tanh %sd : (tensor<2x2xf32>) -> tensor<2x2xf32>
    etch.yield %sh, %sh : tensor<2x2xf32>, tensor<2x2xf32>
  }) {reverse = false, max_iterations = -1 : i64, operandSegmentSizes = array<i32: 0, 1, 1, 2>, resultSegmentSizes = array<i32: 1, 1, 1>} : (tensor<2x2xf32>, tensor<3x2x3xf32>, tensor<3x2xf32>, tensor<2x2xf32>) -> (tensor<i64>, tensor<2x2xf32>, tensor<3x2x2xf32>)
  %l0 = etch.mul %r#2, %c : (tensor<3x2x2xf32>, tensor<3x2x2xf32>) -> tensor<3x2x2xf32>
  %l1 = etch.mul %r#2, %l0 : (tensor<3x2x2xf32>, tensor<3x2x2xf32>) -> tensor<3x2x2xf32>
  %l2 = etch.sum %l1 {axes = array<i64: 0, 1, 2>, keepdims = false} : (tensor<3x2x2xf32>) -> tensor<f32>
  %l3 = etch.mul %r#1, %c2 : (tensor<2x2xf32>, tensor<2x2xf32>) -> tensor<2x2xf32>
  %l4 = etch.sum %l3 {axes = array<i64: 0, 1>, keepdims = false} : (tensor<2x2xf32>) -> tensor<f32>
  %l5 = etch.add %l2, %l4 : (tensor<f32>, tensor<f32>) -> tensor<f32>
  %one = etch.constant dense<1.0> : tensor<f32>
  %g:4 = etch.gradient %l5 by %one wrt %w, %u, %h0, %x : (tensor<f32>, tensor<f32>, tensor<3x2xf32>, tensor<2x2xf32>, tensor<2x2xf32>, tensor<3x2x3xf32>) -> (tensor<3x2xf32>, tensor<2x2xf32>, tensor<2x2xf32>, tensor<3x2x3xf32>)
  %q0 = etch.mul %g#0, %g#0 : (tensor<3x2xf32>, tensor<3x2xf32>) -> tensor<3x2xf32>
  %q1 = etch.sum %q0 {axes = array<i64: 0, 1>, keepdims = false} : (tensor<3x2xf32>) -> tensor<f32>
  %q2 = etch.mul %g#2, %c2 : (tensor<2x2xf32>, tensor<2x2xf32>) -> tensor<2x2xf32>
  %q3 = etch.sum %q2 {axes = array<i64: 0, 1>, keepdims = false} : (tensor<2x2xf32>) -> tensor<f32>
  %q4 = etch.add %q1, %q3 : (tensor<f32>, tensor<f32>) -> tensor<f32>
  %k:4 = etch.gradient %q4 by %one wrt %w, %u, %h0, %x : (tensor<f32>, tensor<f32>, tensor<3x2xf32>, tensor<2x2xf32>, tensor<2x2xf32>, tensor<3x2x3xf32>) -> (tensor<3x2xf32>, tensor<2x2xf32>, tensor<2x2xf32>, tensor<3x2x3xf32>)
  func.return %l5, %k#0, %k#1, %k#2, %k#3 : tensor<f32>, tensor<3x2xf32>, tensor<2x2xf32>, tensor<2x2xf32>, tensor<3x2x3xf32>
}

//--- rnn-unrolled.mlir
func.func @main() -> (tensor<f32>, tensor<3x2xf32>, tensor<2x2xf32>, tensor<2x2xf32>, tensor<3x2x3xf32>) {
  %x = etch.constant dense<[[[-0.731, 0.695, 0.528], [-0.490, -0.009, -0.101]], [[0.303, 0.577, -0.812], [-0.943, 0.672, -0.134]], [[0.525, -0.996, -0.109], [0.443, -0.542, 0.891]]]> : tensor<3x2x3xf32>
  %w = etch.constant dense<[[0.803, -0.939], [-0.949, 0.083], [0.878, -0.238]]> : tensor<3x2xf32>
  %u = etch.constant dense<[[-0.567, -0.156], [-0.942, -0.557]]> : tensor<2x2xf32>
  %h0 = etch.constant dense<[[-0.124, -0.008], [-0.534, -0.538]]> : tensor<2x2xf32>
  %c = etch.constant dense<[[[-0.562, -0.081], [-0.420, -0.957]], [[0.675, 0.113], [0.285, -0.628]], [[0.985, 0.720], [-0.758, -0.335]]]> : tensor<3x2x2xf32>
  %c2 = etch.constant dense<[[0.443, 0.422], [0.873, -0.156]]> : tensor<2x2xf32>
  %xr = etch.reshape %x {shape = array<i64: 1, 3, 6>} : (tensor<3x2x3xf32>) -> tensor<1x3x6xf32>
  %i0 = etch.constant dense<0> : tensor<1x1xi64>
  %y0 = etch.gather %xr, %i0 : (tensor<1x3x6xf32>, tensor<1x1xi64>) -> tensor<1x1x6xf32>
  %x0 = etch.reshape %y0 {shape = array<i64: 2, 3>} : (tensor<1x1x6xf32>) -> tensor<2x3xf32>
  %s0a = etch.matmul %x0, %w : (tensor<2x3xf32>, tensor<3x2xf32>) -> tensor<2x2xf32>
  %s0b = etch.matmul %h0, %u : (tensor<2x2xf32>, tensor<2x2xf32>) -> tensor<2x2xf32>
  %s0d = etch.add %s0a, %s0b : (tensor<2x2xf32>, tensor<2x2xf32>) -> tensor<2x2xf32>
  %s0h = etch.tanh %s0d : (tensor<2x2xf32>) -> tensor<2x2xf32>
  %i1 = etch.constant dense<1> : tensor<1x1xi64>
  %y1 = etch.gather %xr, %i1 : (tensor<1x3x6xf32>, tensor<1x1xi64>) -> tensor<1x1x6xf32>
  %x1 = etch.reshape %y1 {shape = array<i64: 2, 3>} : (tensor<1x1x6xf32>) -> tensor<2x3xf32>
  %s1a = etch.matmul %x1, %w : (tensor<2x3xf32>, tensor<3x2xf32>) -> tensor<2x2xf32>
  %s1b = etch.matmul %s0h, %u : (tensor<2x2xf32>, tensor<2x2xf32>) -> tensor<2x2xf32>
  %s1d = etch.add %s1a, %s1b : (tensor<2x2xf32>, tensor<2x2xf32>) -> tensor<2x2xf32>
  %s1h = etch.tanh %s1d : (tensor<2x2xf32>) -> tensor<2x2xf32>
  %i2 = etch.constant dense<2> : tensor<1x1xi64>
  %y2 = etch.gather %xr, %i2 : (tensor<1x3x6xf32>, tensor<1x1xi64>) -> tensor<1x1x6xf32>
  %x2 = etch.reshape %y2 {shape = array<i64: 2, 3>} : (tensor<1x1x6xf32>) -> tensor<2x3xf32>
  %s2a = etch.matmul %x2, %w : (tensor<2x3xf32>, tensor<3x2xf32>) -> tensor<2x2xf32>
  %s2b = etch.matmul %s1h, %u : (tensor<2x2xf32>, tensor<2x2xf32>) -> tensor<2x2xf32>
  %s2d = etch.add %s2a, %s2b : (tensor<2x2xf32>, tensor<2x2xf32>) -> tensor<2x2xf32>
  %s2h = etch.tanh %s2d : (tensor<2x2xf32>) -> tensor<2x2xf32>
  %z0 = etch.reshape %s0h {shape = array<i64: 1, 1, 4>} : (tensor<2x2xf32>) -> tensor<1x1x4xf32>
  %p0 = etch.scatter_add %z0, %i0 {shape = array<i64: 1, 3, 4>} : (tensor<1x1x4xf32>, tensor<1x1xi64>) -> tensor<1x3x4xf32>
  %z1 = etch.reshape %s1h {shape = array<i64: 1, 1, 4>} : (tensor<2x2xf32>) -> tensor<1x1x4xf32>
  %p1 = etch.scatter_add %z1, %i1 {shape = array<i64: 1, 3, 4>} : (tensor<1x1x4xf32>, tensor<1x1xi64>) -> tensor<1x3x4xf32>
  %acc1 = etch.add %p0, %p1 : (tensor<1x3x4xf32>, tensor<1x3x4xf32>) -> tensor<1x3x4xf32>
  %z2 = etch.reshape %s2h {shape = array<i64: 1, 1, 4>} : (tensor<2x2xf32>) -> tensor<1x1x4xf32>
  %p2 = etch.scatter_add %z2, %i2 {shape = array<i64: 1, 3, 4>} : (tensor<1x1x4xf32>, tensor<1x1xi64>) -> tensor<1x3x4xf32>
  %acc2 = etch.add %acc1, %p2 : (tensor<1x3x4xf32>, tensor<1x3x4xf32>) -> tensor<1x3x4xf32>
  %Y = etch.reshape %acc2 {shape = array<i64: 3, 2, 2>} : (tensor<1x3x4xf32>) -> tensor<3x2x2xf32>
  %l0 = etch.mul %Y, %c : (tensor<3x2x2xf32>, tensor<3x2x2xf32>) -> tensor<3x2x2xf32>
  %l1 = etch.mul %Y, %l0 : (tensor<3x2x2xf32>, tensor<3x2x2xf32>) -> tensor<3x2x2xf32>
  %l2 = etch.sum %l1 {axes = array<i64: 0, 1, 2>, keepdims = false} : (tensor<3x2x2xf32>) -> tensor<f32>
  %l3 = etch.mul %s2h, %c2 : (tensor<2x2xf32>, tensor<2x2xf32>) -> tensor<2x2xf32>
  %l4 = etch.sum %l3 {axes = array<i64: 0, 1>, keepdims = false} : (tensor<2x2xf32>) -> tensor<f32>
  %l5 = etch.add %l2, %l4 : (tensor<f32>, tensor<f32>) -> tensor<f32>
  %one = etch.constant dense<1.0> : tensor<f32>
  %g:4 = etch.gradient %l5 by %one wrt %w, %u, %h0, %x : (tensor<f32>, tensor<f32>, tensor<3x2xf32>, tensor<2x2xf32>, tensor<2x2xf32>, tensor<3x2x3xf32>) -> (tensor<3x2xf32>, tensor<2x2xf32>, tensor<2x2xf32>, tensor<3x2x3xf32>)
  %q0 = etch.mul %g#0, %g#0 : (tensor<3x2xf32>, tensor<3x2xf32>) -> tensor<3x2xf32>
  %q1 = etch.sum %q0 {axes = array<i64: 0, 1>, keepdims = false} : (tensor<3x2xf32>) -> tensor<f32>
  %q2 = etch.mul %g#2, %c2 : (tensor<2x2xf32>, tensor<2x2xf32>) -> tensor<2x2xf32>
  %q3 = etch.sum %q2 {axes = array<i64: 0, 1>, keepdims = false} : (tensor<2x2xf32>) -> tensor<f32>
  %q4 = etch.add %q1, %q3 : (tensor<f32>, tensor<f32>) -> tensor<f32>
  %k:4 = etch.gradient %q4 by %one wrt %w, %u, %h0, %x : (tensor<f32>, tensor<f32>, tensor<3x2xf32>, tensor<2x2xf32>, tensor<2x2xf32>, tensor<3x2x3xf32>) -> (tensor<3x2xf32>, tensor<2x2xf32>, tensor<2x2xf32>, tensor<3x2x3xf32>)
  func.return %l5, %k#0, %k#1, %k#2, %k#3 : tensor<f32>, tensor<3x2xf32>, tensor<2x2xf32>, tensor<2x2xf32>, tensor<3x2x3xf32>
}

//--- nested.mlir
func.func @main() -> (tensor<f32>, tensor<3xf32>, tensor<3xf32>) {
  %x = etch.constant dense<[[0.3, 0.7, -0.2], [0.5, -0.1, 0.9]]> : tensor<2x3xf32>
  %w = etch.constant dense<[1.3, -0.4, 0.9]> : tensor<3xf32>
  %h0 = etch.constant dense<[0.2, 0.1, -0.7]> : tensor<3xf32>
  %n = etch.constant dense<3> : tensor<i64>
  %r:2 = "etch.loop"(%h0, %x, %w, %n) ({}, {
  ^bb0(%i: tensor<i64>, %h: tensor<3xf32>, %s: tensor<3xf32>, %c: tensor<3xf32>, %m: tensor<i64>):
    %in:2 = "etch.loop"(%h, %s, %c) ({}, {
    ^bb0(%j: tensor<i64>, %h1: tensor<3xf32>, %s1: tensor<3xf32>, %c1: tensor<3xf32>):
      %a = etch.mul %h1, %c1 : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
      %b = etch.add %a, %s1 : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
      %t = etch.tanh %b : (tensor<3xf32>) -> tensor<3xf32>
      etch.yield %t : tensor<3xf32>
    }) {reverse = false, max_iterations = 3 : i64, operandSegmentSizes = array<i32: 0, 1, 0, 2>, resultSegmentSizes = array<i32: 1, 1, 0>} : (tensor<3xf32>, tensor<3xf32>, tensor<3xf32>) -> (tensor<i64>, tensor<3xf32>)
    %o = etch.mul %in#1, %s : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
    etch.yield %o : tensor<3xf32>
  }) {reverse = false, max_iterations = -1 : i64, operandSegmentSizes = array<i32: 0, 1, 1, 2>, resultSegmentSizes = array<i32: 1, 1, 0>} : (tensor<3xf32>, tensor<2x3xf32>, tensor<3xf32>, tensor<i64>) -> (tensor<i64>, tensor<3xf32>)
  %l = etch.sum %r#1 {axes = array<i64: 0>, keepdims = false} : (tensor<3xf32>) -> tensor<f32>
  %one = etch.constant dense<1.0> : tensor<f32>
  %g:2 = etch.gradient %l by %one wrt %w, %h0 : (tensor<f32>, tensor<f32>, tensor<3xf32>, tensor<3xf32>) -> (tensor<3xf32>, tensor<3xf32>)
  %q = etch.mul %g#0, %g#1 : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
  %ql = etch.sum %q {axes = array<i64: 0>, keepdims = false} : (tensor<3xf32>) -> tensor<f32>
  %k:2 = etch.gradient %ql by %one wrt %w, %h0 : (tensor<f32>, tensor<f32>, tensor<3xf32>, tensor<3xf32>) -> (tensor<3xf32>, tensor<3xf32>)
  return %l, %k#0, %k#1 : tensor<f32>, tensor<3xf32>, tensor<3xf32>
}

//--- nested-unrolled.mlir
func.func @main() -> (tensor<f32>, tensor<3xf32>, tensor<3xf32>) {
  %x0 = etch.constant dense<[0.3, 0.7, -0.2]> : tensor<3xf32>
  %x1 = etch.constant dense<[0.5, -0.1, 0.9]> : tensor<3xf32>
  %w = etch.constant dense<[1.3, -0.4, 0.9]> : tensor<3xf32>
  %h0 = etch.constant dense<[0.2, 0.1, -0.7]> : tensor<3xf32>
  %a00 = etch.mul %h0, %w : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
  %b00 = etch.add %a00, %x0 : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
  %t00 = etch.tanh %b00 : (tensor<3xf32>) -> tensor<3xf32>
  %t00s = etch.transpose %t00 {permutation = array<i64: 0>} : (tensor<3xf32>) -> tensor<3xf32>
  %a01 = etch.mul %t00s, %w : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
  %b01 = etch.add %a01, %x0 : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
  %t01 = etch.tanh %b01 : (tensor<3xf32>) -> tensor<3xf32>
  %t01s = etch.transpose %t01 {permutation = array<i64: 0>} : (tensor<3xf32>) -> tensor<3xf32>
  %a02 = etch.mul %t01s, %w : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
  %b02 = etch.add %a02, %x0 : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
  %t02 = etch.tanh %b02 : (tensor<3xf32>) -> tensor<3xf32>
  %t02s = etch.transpose %t02 {permutation = array<i64: 0>} : (tensor<3xf32>) -> tensor<3xf32>
  %o0 = etch.mul %t02s, %x0 : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
  %o0s = etch.transpose %o0 {permutation = array<i64: 0>} : (tensor<3xf32>) -> tensor<3xf32>
  %a10 = etch.mul %o0s, %w : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
  %b10 = etch.add %a10, %x1 : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
  %t10 = etch.tanh %b10 : (tensor<3xf32>) -> tensor<3xf32>
  %t10s = etch.transpose %t10 {permutation = array<i64: 0>} : (tensor<3xf32>) -> tensor<3xf32>
  %a11 = etch.mul %t10s, %w : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
  %b11 = etch.add %a11, %x1 : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
  %t11 = etch.tanh %b11 : (tensor<3xf32>) -> tensor<3xf32>
  %t11s = etch.transpose %t11 {permutation = array<i64: 0>} : (tensor<3xf32>) -> tensor<3xf32>
  %a12 = etch.mul %t11s, %w : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
  %b12 = etch.add %a12, %x1 : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
  %t12 = etch.tanh %b12 : (tensor<3xf32>) -> tensor<3xf32>
  %t12s = etch.transpose %t12 {permutation = array<i64: 0>} : (tensor<3xf32>) -> tensor<3xf32>
  %o1 = etch.mul %t12s, %x1 : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
  %o1s = etch.transpose %o1 {permutation = array<i64: 0>} : (tensor<3xf32>) -> tensor<3xf32>
  %l = etch.sum %o1s {axes = array<i64: 0>, keepdims = false} : (tensor<3xf32>) -> tensor<f32>
  %one = etch.constant dense<1.0> : tensor<f32>
  %g:2 = etch.gradient %l by %one wrt %w, %h0 : (tensor<f32>, tensor<f32>, tensor<3xf32>, tensor<3xf32>) -> (tensor<3xf32>, tensor<3xf32>)
  %q = etch.mul %g#0, %g#1 : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
  %ql = etch.sum %q {axes = array<i64: 0>, keepdims = false} : (tensor<3xf32>) -> tensor<f32>
  %k:2 = etch.gradient %ql by %one wrt %w, %h0 : (tensor<f32>, tensor<f32>, tensor<3xf32>, tensor<3xf32>) -> (tensor<3xf32>, tensor<3xf32>)
  return %l, %k#0, %k#1 : tensor<f32>, tensor<3xf32>, tensor<3xf32>
}
