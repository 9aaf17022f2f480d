// Rounds over symbolic extents, numbers that differ, ops of one kernel.
//
// RUN: etch-opt %s -split-input-file -etch-reroll | FileCheck %s
// RUN: etch-opt %s -split-input-file -etch-differentiate-pipeline -etch-simplify-pipeline -etch-fuse-pipeline -o /dev/null

// A body has extents from its own arguments; numbers that are not the same in
// all rounds are an input.
// CHECK-LABEL: func @main
// CHECK-SAME: (%[[X:.*]]: tensor<4x?x3xf32>, %[[W:.*]]: tensor<3x3xf32>, %[[H:.*]]: tensor<?x3xf32>
// CHECK: %[[K:.*]] = etch.constant dense<[1.000000e+00, 2.000000e+00, 3.000000e+00, 4.000000e+00]> : tensor<4xf32>
// CHECK: "etch.loop"(%{{.*}}, %[[X]], %[[K]], %[[W]])
// CHECK: tensor.dim
// CHECK: etch.matmul
// CHECK-NOT: etch.matmul
func.func @main(%x: tensor<4x?x3xf32>, %w: tensor<3x3xf32>, %hh: tensor<?x3xf32>) -> tensor<?x3xf32> {
  %i1 = arith.constant 1 : index
  %n = tensor.dim %x, %i1 : tensor<4x?x3xf32>
  %h = etch.reshape %hh, %n {shape = array<i64: -9223372036854775808, 3>} : (tensor<?x3xf32>, index) -> tensor<?x3xf32>
  %s0 = etch.slice %x, %n {shape = array<i64: 1, -9223372036854775808, 3>, starts = array<i64: 0, 0, 0>, steps = array<i64: 1, 1, 1>} : (tensor<4x?x3xf32>, index) -> tensor<1x?x3xf32>
  %e0 = tensor.dim %s0, %i1 : tensor<1x?x3xf32>
  %r0 = etch.reshape %s0, %e0 {shape = array<i64: -9223372036854775808, 3>} : (tensor<1x?x3xf32>, index) -> tensor<?x3xf32>
  %k0 = etch.constant dense<1.0> : tensor<f32>
  %l0 = etch.broadcast_to %k0, %e0 {shape = array<i64: -9223372036854775808, 3>} : (tensor<f32>, index) -> tensor<?x3xf32>
  %p0 = etch.mul %r0, %l0 : (tensor<?x3xf32>, tensor<?x3xf32>) -> tensor<?x3xf32>
  %m0 = etch.matmul %h, %w : (tensor<?x3xf32>, tensor<3x3xf32>) -> tensor<?x3xf32>
  %a0 = etch.add %p0, %m0 : (tensor<?x3xf32>, tensor<?x3xf32>) -> tensor<?x3xf32>
  %h0 = etch.tanh %a0 : (tensor<?x3xf32>) -> tensor<?x3xf32>
  %s1 = etch.slice %x, %n {shape = array<i64: 1, -9223372036854775808, 3>, starts = array<i64: 1, 0, 0>, steps = array<i64: 1, 1, 1>} : (tensor<4x?x3xf32>, index) -> tensor<1x?x3xf32>
  %e1 = tensor.dim %s1, %i1 : tensor<1x?x3xf32>
  %r1 = etch.reshape %s1, %e1 {shape = array<i64: -9223372036854775808, 3>} : (tensor<1x?x3xf32>, index) -> tensor<?x3xf32>
  %k1 = etch.constant dense<2.0> : tensor<f32>
  %l1 = etch.broadcast_to %k1, %e1 {shape = array<i64: -9223372036854775808, 3>} : (tensor<f32>, index) -> tensor<?x3xf32>
  %p1 = etch.mul %r1, %l1 : (tensor<?x3xf32>, tensor<?x3xf32>) -> tensor<?x3xf32>
  %m1 = etch.matmul %h0, %w : (tensor<?x3xf32>, tensor<3x3xf32>) -> tensor<?x3xf32>
  %a1 = etch.add %p1, %m1 : (tensor<?x3xf32>, tensor<?x3xf32>) -> tensor<?x3xf32>
  %h1 = etch.tanh %a1 : (tensor<?x3xf32>) -> tensor<?x3xf32>
  %s2 = etch.slice %x, %n {shape = array<i64: 1, -9223372036854775808, 3>, starts = array<i64: 2, 0, 0>, steps = array<i64: 1, 1, 1>} : (tensor<4x?x3xf32>, index) -> tensor<1x?x3xf32>
  %e2 = tensor.dim %s2, %i1 : tensor<1x?x3xf32>
  %r2 = etch.reshape %s2, %e2 {shape = array<i64: -9223372036854775808, 3>} : (tensor<1x?x3xf32>, index) -> tensor<?x3xf32>
  %k2 = etch.constant dense<3.0> : tensor<f32>
  %l2 = etch.broadcast_to %k2, %e2 {shape = array<i64: -9223372036854775808, 3>} : (tensor<f32>, index) -> tensor<?x3xf32>
  %p2 = etch.mul %r2, %l2 : (tensor<?x3xf32>, tensor<?x3xf32>) -> tensor<?x3xf32>
  %m2 = etch.matmul %h1, %w : (tensor<?x3xf32>, tensor<3x3xf32>) -> tensor<?x3xf32>
  %a2 = etch.add %p2, %m2 : (tensor<?x3xf32>, tensor<?x3xf32>) -> tensor<?x3xf32>
  %h2 = etch.tanh %a2 : (tensor<?x3xf32>) -> tensor<?x3xf32>
  %s3 = etch.slice %x, %n {shape = array<i64: 1, -9223372036854775808, 3>, starts = array<i64: 3, 0, 0>, steps = array<i64: 1, 1, 1>} : (tensor<4x?x3xf32>, index) -> tensor<1x?x3xf32>
  %e3 = tensor.dim %s3, %i1 : tensor<1x?x3xf32>
  %r3 = etch.reshape %s3, %e3 {shape = array<i64: -9223372036854775808, 3>} : (tensor<1x?x3xf32>, index) -> tensor<?x3xf32>
  %k3 = etch.constant dense<4.0> : tensor<f32>
  %l3 = etch.broadcast_to %k3, %e3 {shape = array<i64: -9223372036854775808, 3>} : (tensor<f32>, index) -> tensor<?x3xf32>
  %p3 = etch.mul %r3, %l3 : (tensor<?x3xf32>, tensor<?x3xf32>) -> tensor<?x3xf32>
  %m3 = etch.matmul %h2, %w : (tensor<?x3xf32>, tensor<3x3xf32>) -> tensor<?x3xf32>
  %a3 = etch.add %p3, %m3 : (tensor<?x3xf32>, tensor<?x3xf32>) -> tensor<?x3xf32>
  %h3 = etch.tanh %a3 : (tensor<?x3xf32>) -> tensor<?x3xf32>
  return %h3 : tensor<?x3xf32>
}

// -----

// The first state is as long as the others: it is added to what they are made of.
// The axis of time is not the first one.
// CHECK-LABEL: func @main
// CHECK-SAME: (%[[X:.*]]: tensor<?x4x3xf32>
// CHECK: %[[Y:.*]] = etch.transpose %[[X]] {permutation = array<i64: 1, 0, 2>}
// CHECK: "etch.loop"(%{{.*}}, %[[Y]],
// CHECK: etch.matmul
// CHECK-NOT: etch.matmul
func.func @main(%x: tensor<?x4x3xf32>, %w: tensor<3x3xf32>, %h: tensor<?x3xf32>) -> tensor<?x3xf32> {
  %i0 = arith.constant 0 : index
  %n = tensor.dim %x, %i0 : tensor<?x4x3xf32>
  %r0 = etch.slice %x, %n {shape = array<i64: -9223372036854775808, 1, 3>, starts = array<i64: 0, 0, 0>, steps = array<i64: 1, 1, 1>} : (tensor<?x4x3xf32>, index) -> tensor<?x1x3xf32>
  %s0 = etch.reshape %r0, %n {shape = array<i64: -9223372036854775808, 3>} : (tensor<?x1x3xf32>, index) -> tensor<?x3xf32>
  %m0 = etch.matmul %h, %w : (tensor<?x3xf32>, tensor<3x3xf32>) -> tensor<?x3xf32>
  %a0 = etch.add %s0, %m0 : (tensor<?x3xf32>, tensor<?x3xf32>) -> tensor<?x3xf32>
  %p0 = etch.mul %a0, %a0 : (tensor<?x3xf32>, tensor<?x3xf32>) -> tensor<?x3xf32>
  %q0 = etch.sub %a0, %p0 : (tensor<?x3xf32>, tensor<?x3xf32>) -> tensor<?x3xf32>
  %u0 = etch.exp %q0 : (tensor<?x3xf32>) -> tensor<?x3xf32>
  %h0 = etch.tanh %u0 : (tensor<?x3xf32>) -> tensor<?x3xf32>
  %r1 = etch.slice %x, %n {shape = array<i64: -9223372036854775808, 1, 3>, starts = array<i64: 0, 1, 0>, steps = array<i64: 1, 1, 1>} : (tensor<?x4x3xf32>, index) -> tensor<?x1x3xf32>
  %s1 = etch.reshape %r1, %n {shape = array<i64: -9223372036854775808, 3>} : (tensor<?x1x3xf32>, index) -> tensor<?x3xf32>
  %m1 = etch.matmul %h0, %w : (tensor<?x3xf32>, tensor<3x3xf32>) -> tensor<?x3xf32>
  %a1 = etch.add %s1, %m1 : (tensor<?x3xf32>, tensor<?x3xf32>) -> tensor<?x3xf32>
  %p1 = etch.mul %a1, %a1 : (tensor<?x3xf32>, tensor<?x3xf32>) -> tensor<?x3xf32>
  %q1 = etch.sub %a1, %p1 : (tensor<?x3xf32>, tensor<?x3xf32>) -> tensor<?x3xf32>
  %u1 = etch.exp %q1 : (tensor<?x3xf32>) -> tensor<?x3xf32>
  %h1 = etch.tanh %u1 : (tensor<?x3xf32>) -> tensor<?x3xf32>
  %r2 = etch.slice %x, %n {shape = array<i64: -9223372036854775808, 1, 3>, starts = array<i64: 0, 2, 0>, steps = array<i64: 1, 1, 1>} : (tensor<?x4x3xf32>, index) -> tensor<?x1x3xf32>
  %s2 = etch.reshape %r2, %n {shape = array<i64: -9223372036854775808, 3>} : (tensor<?x1x3xf32>, index) -> tensor<?x3xf32>
  %m2 = etch.matmul %h1, %w : (tensor<?x3xf32>, tensor<3x3xf32>) -> tensor<?x3xf32>
  %a2 = etch.add %s2, %m2 : (tensor<?x3xf32>, tensor<?x3xf32>) -> tensor<?x3xf32>
  %p2 = etch.mul %a2, %a2 : (tensor<?x3xf32>, tensor<?x3xf32>) -> tensor<?x3xf32>
  %q2 = etch.sub %a2, %p2 : (tensor<?x3xf32>, tensor<?x3xf32>) -> tensor<?x3xf32>
  %u2 = etch.exp %q2 : (tensor<?x3xf32>) -> tensor<?x3xf32>
  %h2 = etch.tanh %u2 : (tensor<?x3xf32>) -> tensor<?x3xf32>
  %r3 = etch.slice %x, %n {shape = array<i64: -9223372036854775808, 1, 3>, starts = array<i64: 0, 3, 0>, steps = array<i64: 1, 1, 1>} : (tensor<?x4x3xf32>, index) -> tensor<?x1x3xf32>
  %s3 = etch.reshape %r3, %n {shape = array<i64: -9223372036854775808, 3>} : (tensor<?x1x3xf32>, index) -> tensor<?x3xf32>
  %m3 = etch.matmul %h2, %w : (tensor<?x3xf32>, tensor<3x3xf32>) -> tensor<?x3xf32>
  %a3 = etch.add %s3, %m3 : (tensor<?x3xf32>, tensor<?x3xf32>) -> tensor<?x3xf32>
  %p3 = etch.mul %a3, %a3 : (tensor<?x3xf32>, tensor<?x3xf32>) -> tensor<?x3xf32>
  %q3 = etch.sub %a3, %p3 : (tensor<?x3xf32>, tensor<?x3xf32>) -> tensor<?x3xf32>
  %u3 = etch.exp %q3 : (tensor<?x3xf32>) -> tensor<?x3xf32>
  %h3 = etch.tanh %u3 : (tensor<?x3xf32>) -> tensor<?x3xf32>
  return %h3 : tensor<?x3xf32>
}

// -----

// Here nothing says so.
// CHECK-LABEL: func @main
// CHECK-NOT: etch.loop
func.func @main(%x: tensor<4x?x3xf32>, %h: tensor<?x3xf32>) -> tensor<?x3xf32> {
  %i1 = arith.constant 1 : index
  %n = tensor.dim %x, %i1 : tensor<4x?x3xf32>
  %s0 = etch.slice %x, %n {shape = array<i64: 1, -9223372036854775808, 3>, starts = array<i64: 0, 0, 0>, steps = array<i64: 1, 1, 1>} : (tensor<4x?x3xf32>, index) -> tensor<1x?x3xf32>
  %e0 = tensor.dim %s0, %i1 : tensor<1x?x3xf32>
  %r0 = etch.reshape %s0, %e0 {shape = array<i64: -9223372036854775808, 3>} : (tensor<1x?x3xf32>, index) -> tensor<?x3xf32>
  %u0 = etch.sum %h {axes = array<i64: 0>, keepdims = false} : (tensor<?x3xf32>) -> tensor<3xf32>
  %b0 = etch.broadcast_to %u0, %e0 {shape = array<i64: -9223372036854775808, 3>} : (tensor<3xf32>, index) -> tensor<?x3xf32>
  %p0 = etch.mul %r0, %r0 : (tensor<?x3xf32>, tensor<?x3xf32>) -> tensor<?x3xf32>
  %q0 = etch.sub %p0, %r0 : (tensor<?x3xf32>, tensor<?x3xf32>) -> tensor<?x3xf32>
  %a0 = etch.add %q0, %b0 : (tensor<?x3xf32>, tensor<?x3xf32>) -> tensor<?x3xf32>
  %h0 = etch.tanh %a0 : (tensor<?x3xf32>) -> tensor<?x3xf32>
  %s1 = etch.slice %x, %n {shape = array<i64: 1, -9223372036854775808, 3>, starts = array<i64: 1, 0, 0>, steps = array<i64: 1, 1, 1>} : (tensor<4x?x3xf32>, index) -> tensor<1x?x3xf32>
  %e1 = tensor.dim %s1, %i1 : tensor<1x?x3xf32>
  %r1 = etch.reshape %s1, %e1 {shape = array<i64: -9223372036854775808, 3>} : (tensor<1x?x3xf32>, index) -> tensor<?x3xf32>
  %u1 = etch.sum %h0 {axes = array<i64: 0>, keepdims = false} : (tensor<?x3xf32>) -> tensor<3xf32>
  %b1 = etch.broadcast_to %u1, %e1 {shape = array<i64: -9223372036854775808, 3>} : (tensor<3xf32>, index) -> tensor<?x3xf32>
  %p1 = etch.mul %r1, %r1 : (tensor<?x3xf32>, tensor<?x3xf32>) -> tensor<?x3xf32>
  %q1 = etch.sub %p1, %r1 : (tensor<?x3xf32>, tensor<?x3xf32>) -> tensor<?x3xf32>
  %a1 = etch.add %q1, %b1 : (tensor<?x3xf32>, tensor<?x3xf32>) -> tensor<?x3xf32>
  %h1 = etch.tanh %a1 : (tensor<?x3xf32>) -> tensor<?x3xf32>
  %s2 = etch.slice %x, %n {shape = array<i64: 1, -9223372036854775808, 3>, starts = array<i64: 2, 0, 0>, steps = array<i64: 1, 1, 1>} : (tensor<4x?x3xf32>, index) -> tensor<1x?x3xf32>
  %e2 = tensor.dim %s2, %i1 : tensor<1x?x3xf32>
  %r2 = etch.reshape %s2, %e2 {shape = array<i64: -9223372036854775808, 3>} : (tensor<1x?x3xf32>, index) -> tensor<?x3xf32>
  %u2 = etch.sum %h1 {axes = array<i64: 0>, keepdims = false} : (tensor<?x3xf32>) -> tensor<3xf32>
  %b2 = etch.broadcast_to %u2, %e2 {shape = array<i64: -9223372036854775808, 3>} : (tensor<3xf32>, index) -> tensor<?x3xf32>
  %p2 = etch.mul %r2, %r2 : (tensor<?x3xf32>, tensor<?x3xf32>) -> tensor<?x3xf32>
  %q2 = etch.sub %p2, %r2 : (tensor<?x3xf32>, tensor<?x3xf32>) -> tensor<?x3xf32>
  %a2 = etch.add %q2, %b2 : (tensor<?x3xf32>, tensor<?x3xf32>) -> tensor<?x3xf32>
  %h2 = etch.tanh %a2 : (tensor<?x3xf32>) -> tensor<?x3xf32>
  %s3 = etch.slice %x, %n {shape = array<i64: 1, -9223372036854775808, 3>, starts = array<i64: 3, 0, 0>, steps = array<i64: 1, 1, 1>} : (tensor<4x?x3xf32>, index) -> tensor<1x?x3xf32>
  %e3 = tensor.dim %s3, %i1 : tensor<1x?x3xf32>
  %r3 = etch.reshape %s3, %e3 {shape = array<i64: -9223372036854775808, 3>} : (tensor<1x?x3xf32>, index) -> tensor<?x3xf32>
  %u3 = etch.sum %h2 {axes = array<i64: 0>, keepdims = false} : (tensor<?x3xf32>) -> tensor<3xf32>
  %b3 = etch.broadcast_to %u3, %e3 {shape = array<i64: -9223372036854775808, 3>} : (tensor<3xf32>, index) -> tensor<?x3xf32>
  %p3 = etch.mul %r3, %r3 : (tensor<?x3xf32>, tensor<?x3xf32>) -> tensor<?x3xf32>
  %q3 = etch.sub %p3, %r3 : (tensor<?x3xf32>, tensor<?x3xf32>) -> tensor<?x3xf32>
  %a3 = etch.add %q3, %b3 : (tensor<?x3xf32>, tensor<?x3xf32>) -> tensor<?x3xf32>
  %h3 = etch.tanh %a3 : (tensor<?x3xf32>) -> tensor<?x3xf32>
  return %h3 : tensor<?x3xf32>
}
