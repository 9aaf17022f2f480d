// What was written again and again becomes a loop.
//
// RUN: etch-opt %s -split-input-file -etch-reroll | FileCheck %s

// Slices of an array are the loop's input, what goes from one round to the next
// its state, the rest captures.
// CHECK-LABEL: func @main
// CHECK-SAME: (%[[X:.*]]: tensor<4x2x3xf32>, %[[W:.*]]: tensor<3x3xf32>, %[[V:.*]]: tensor<2x3xf32>, %[[H:.*]]: tensor<2x3xf32>)
// CHECK-NEXT: %{{.*}}, %[[R:.*]] = "etch.loop"(%[[H]], %[[X]], %[[W]], %[[V]]) <{max_iterations = -1 : i64
// CHECK: ^bb0(%{{.*}}: tensor<i64>, %[[S:.*]]: tensor<2x3xf32>, %[[A:.*]]: tensor<2x3xf32>, %[[B:.*]]: tensor<3x3xf32>, %[[C:.*]]: tensor<2x3xf32>):
// CHECK: etch.reshape %[[A]]
// CHECK: etch.matmul %[[S]], %[[B]]
// CHECK: %[[N:.*]] = etch.tanh
// CHECK-NEXT: etch.yield %[[N]]
// CHECK: return %[[R]]
func.func @main(%x: tensor<4x2x3xf32>, %w: tensor<3x3xf32>, %v: tensor<2x3xf32>, %h: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %s0 = etch.slice %x {shape = array<i64: 1, 2, 3>, starts = array<i64: 0, 0, 0>, steps = array<i64: 1, 1, 1>} : (tensor<4x2x3xf32>) -> tensor<1x2x3xf32>
  %r0 = etch.reshape %s0 {shape = array<i64: 2, 3>} : (tensor<1x2x3xf32>) -> tensor<2x3xf32>
  %m0 = etch.matmul %h, %w : (tensor<2x3xf32>, tensor<3x3xf32>) -> tensor<2x3xf32>
  %a0 = etch.add %r0, %m0 : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %b0 = etch.add %a0, %v : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %c0 = etch.mul %b0, %b0 : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %d0 = etch.sub %b0, %c0 : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %h0 = etch.tanh %d0 : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %s1 = etch.slice %x {shape = array<i64: 1, 2, 3>, starts = array<i64: 1, 0, 0>, steps = array<i64: 1, 1, 1>} : (tensor<4x2x3xf32>) -> tensor<1x2x3xf32>
  %r1 = etch.reshape %s1 {shape = array<i64: 2, 3>} : (tensor<1x2x3xf32>) -> tensor<2x3xf32>
  %m1 = etch.matmul %h0, %w : (tensor<2x3xf32>, tensor<3x3xf32>) -> tensor<2x3xf32>
  %a1 = etch.add %r1, %m1 : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %b1 = etch.add %a1, %v : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %c1 = etch.mul %b1, %b1 : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %d1 = etch.sub %b1, %c1 : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %h1 = etch.tanh %d1 : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %s2 = etch.slice %x {shape = array<i64: 1, 2, 3>, starts = array<i64: 2, 0, 0>, steps = array<i64: 1, 1, 1>} : (tensor<4x2x3xf32>) -> tensor<1x2x3xf32>
  %r2 = etch.reshape %s2 {shape = array<i64: 2, 3>} : (tensor<1x2x3xf32>) -> tensor<2x3xf32>
  %m2 = etch.matmul %h1, %w : (tensor<2x3xf32>, tensor<3x3xf32>) -> tensor<2x3xf32>
  %a2 = etch.add %r2, %m2 : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %b2 = etch.add %a2, %v : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %c2 = etch.mul %b2, %b2 : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %d2 = etch.sub %b2, %c2 : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %h2 = etch.tanh %d2 : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %s3 = etch.slice %x {shape = array<i64: 1, 2, 3>, starts = array<i64: 3, 0, 0>, steps = array<i64: 1, 1, 1>} : (tensor<4x2x3xf32>) -> tensor<1x2x3xf32>
  %r3 = etch.reshape %s3 {shape = array<i64: 2, 3>} : (tensor<1x2x3xf32>) -> tensor<2x3xf32>
  %m3 = etch.matmul %h2, %w : (tensor<2x3xf32>, tensor<3x3xf32>) -> tensor<2x3xf32>
  %a3 = etch.add %r3, %m3 : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %b3 = etch.add %a3, %v : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %c3 = etch.mul %b3, %b3 : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %d3 = etch.sub %b3, %c3 : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %h3 = etch.tanh %d3 : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return %h3 : tensor<2x3xf32>
}

// -----

// Where an array's gradient is wanted, too, it is what the cotangents of slices
// with zeros around them add up to: no element is -0.
// CHECK-LABEL: func @main
// CHECK-SAME: (%[[X:.*]]: tensor<4x2x3xf32>
// CHECK: %[[Y:.*]] = etch.custom_vjp(%[[X]]) gives (%[[X]]) {
// CHECK: %[[Z:.*]] = etch.constant dense<0.0
// CHECK: etch.add %{{.*}}, %[[Z]]
// CHECK: "etch.loop"(%{{.*}}, %[[Y]], %{{.*}}, %{{.*}}) <
// CHECK: etch.gradient
func.func @main(%x: tensor<4x2x3xf32>, %w: tensor<3x3xf32>, %v: tensor<2x3xf32>, %h: tensor<2x3xf32>) -> tensor<4x2x3xf32> {
  %s0 = etch.slice %x {shape = array<i64: 1, 2, 3>, starts = array<i64: 0, 0, 0>, steps = array<i64: 1, 1, 1>} : (tensor<4x2x3xf32>) -> tensor<1x2x3xf32>
  %r0 = etch.reshape %s0 {shape = array<i64: 2, 3>} : (tensor<1x2x3xf32>) -> tensor<2x3xf32>
  %m0 = etch.matmul %h, %w : (tensor<2x3xf32>, tensor<3x3xf32>) -> tensor<2x3xf32>
  %a0 = etch.add %r0, %m0 : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %b0 = etch.add %a0, %v : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %c0 = etch.mul %b0, %b0 : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %d0 = etch.sub %b0, %c0 : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %h0 = etch.tanh %d0 : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %s1 = etch.slice %x {shape = array<i64: 1, 2, 3>, starts = array<i64: 1, 0, 0>, steps = array<i64: 1, 1, 1>} : (tensor<4x2x3xf32>) -> tensor<1x2x3xf32>
  %r1 = etch.reshape %s1 {shape = array<i64: 2, 3>} : (tensor<1x2x3xf32>) -> tensor<2x3xf32>
  %m1 = etch.matmul %h0, %w : (tensor<2x3xf32>, tensor<3x3xf32>) -> tensor<2x3xf32>
  %a1 = etch.add %r1, %m1 : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %b1 = etch.add %a1, %v : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %c1 = etch.mul %b1, %b1 : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %d1 = etch.sub %b1, %c1 : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %h1 = etch.tanh %d1 : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %s2 = etch.slice %x {shape = array<i64: 1, 2, 3>, starts = array<i64: 2, 0, 0>, steps = array<i64: 1, 1, 1>} : (tensor<4x2x3xf32>) -> tensor<1x2x3xf32>
  %r2 = etch.reshape %s2 {shape = array<i64: 2, 3>} : (tensor<1x2x3xf32>) -> tensor<2x3xf32>
  %m2 = etch.matmul %h1, %w : (tensor<2x3xf32>, tensor<3x3xf32>) -> tensor<2x3xf32>
  %a2 = etch.add %r2, %m2 : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %b2 = etch.add %a2, %v : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %c2 = etch.mul %b2, %b2 : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %d2 = etch.sub %b2, %c2 : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %h2 = etch.tanh %d2 : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %s3 = etch.slice %x {shape = array<i64: 1, 2, 3>, starts = array<i64: 3, 0, 0>, steps = array<i64: 1, 1, 1>} : (tensor<4x2x3xf32>) -> tensor<1x2x3xf32>
  %r3 = etch.reshape %s3 {shape = array<i64: 2, 3>} : (tensor<1x2x3xf32>) -> tensor<2x3xf32>
  %m3 = etch.matmul %h2, %w : (tensor<2x3xf32>, tensor<3x3xf32>) -> tensor<2x3xf32>
  %a3 = etch.add %r3, %m3 : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %b3 = etch.add %a3, %v : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %c3 = etch.mul %b3, %b3 : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %d3 = etch.sub %b3, %c3 : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %h3 = etch.tanh %d3 : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %one = etch.constant dense<1.0> : tensor<2x3xf32>
  %g = etch.gradient %h3 by %one wrt %x : (tensor<2x3xf32>, tensor<2x3xf32>, tensor<4x2x3xf32>) -> tensor<4x2x3xf32>
  return %g : tensor<4x2x3xf32>
}

// -----

// Where rounds read it otherwise as well, slices are cut out of the whole, at a
// start that is computed: here x[i] and x[3 - i].
// CHECK-LABEL: func @main
// CHECK-SAME: (%[[X:.*]]: tensor<4x2x3xf32>
// CHECK: "etch.loop"(%{{.*}}, %[[X]], %{{.*}}) <{max_iterations = 4 : i64
// CHECK: ^bb0(%[[I:.*]]: tensor<i64>, %{{.*}}, %[[A:.*]]: tensor<4x2x3xf32>,
// CHECK: etch.slice_at %[[A]], %[[I]] {axis = 0
// CHECK: %[[J:.*]] = etch.add %{{.*}} : (tensor<i64>
// CHECK: etch.slice_at %[[A]], %[[J]] {axis = 0
func.func @main(%x: tensor<4x2x3xf32>, %w: tensor<3x3xf32>, %v: tensor<2x3xf32>, %h: tensor<2x3xf32>) -> tensor<4x2x3xf32> {
  %s0 = etch.slice %x {shape = array<i64: 1, 2, 3>, starts = array<i64: 0, 0, 0>, steps = array<i64: 1, 1, 1>} : (tensor<4x2x3xf32>) -> tensor<1x2x3xf32>
  %r0 = etch.reshape %s0 {shape = array<i64: 2, 3>} : (tensor<1x2x3xf32>) -> tensor<2x3xf32>
  %m0 = etch.matmul %h, %w : (tensor<2x3xf32>, tensor<3x3xf32>) -> tensor<2x3xf32>
  %a0 = etch.add %r0, %m0 : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %z0 = etch.slice %x {shape = array<i64: 1, 2, 3>, starts = array<i64: 3, 0, 0>, steps = array<i64: 1, 1, 1>} : (tensor<4x2x3xf32>) -> tensor<1x2x3xf32>
  %o0 = etch.reshape %z0 {shape = array<i64: 2, 3>} : (tensor<1x2x3xf32>) -> tensor<2x3xf32>
  %b0 = etch.add %a0, %o0 : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %c0 = etch.mul %b0, %b0 : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %d0 = etch.sub %b0, %c0 : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %h0 = etch.tanh %d0 : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %s1 = etch.slice %x {shape = array<i64: 1, 2, 3>, starts = array<i64: 1, 0, 0>, steps = array<i64: 1, 1, 1>} : (tensor<4x2x3xf32>) -> tensor<1x2x3xf32>
  %r1 = etch.reshape %s1 {shape = array<i64: 2, 3>} : (tensor<1x2x3xf32>) -> tensor<2x3xf32>
  %m1 = etch.matmul %h0, %w : (tensor<2x3xf32>, tensor<3x3xf32>) -> tensor<2x3xf32>
  %a1 = etch.add %r1, %m1 : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %z1 = etch.slice %x {shape = array<i64: 1, 2, 3>, starts = array<i64: 2, 0, 0>, steps = array<i64: 1, 1, 1>} : (tensor<4x2x3xf32>) -> tensor<1x2x3xf32>
  %o1 = etch.reshape %z1 {shape = array<i64: 2, 3>} : (tensor<1x2x3xf32>) -> tensor<2x3xf32>
  %b1 = etch.add %a1, %o1 : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %c1 = etch.mul %b1, %b1 : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %d1 = etch.sub %b1, %c1 : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %h1 = etch.tanh %d1 : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %s2 = etch.slice %x {shape = array<i64: 1, 2, 3>, starts = array<i64: 2, 0, 0>, steps = array<i64: 1, 1, 1>} : (tensor<4x2x3xf32>) -> tensor<1x2x3xf32>
  %r2 = etch.reshape %s2 {shape = array<i64: 2, 3>} : (tensor<1x2x3xf32>) -> tensor<2x3xf32>
  %m2 = etch.matmul %h1, %w : (tensor<2x3xf32>, tensor<3x3xf32>) -> tensor<2x3xf32>
  %a2 = etch.add %r2, %m2 : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %z2 = etch.slice %x {shape = array<i64: 1, 2, 3>, starts = array<i64: 1, 0, 0>, steps = array<i64: 1, 1, 1>} : (tensor<4x2x3xf32>) -> tensor<1x2x3xf32>
  %o2 = etch.reshape %z2 {shape = array<i64: 2, 3>} : (tensor<1x2x3xf32>) -> tensor<2x3xf32>
  %b2 = etch.add %a2, %o2 : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %c2 = etch.mul %b2, %b2 : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %d2 = etch.sub %b2, %c2 : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %h2 = etch.tanh %d2 : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %s3 = etch.slice %x {shape = array<i64: 1, 2, 3>, starts = array<i64: 3, 0, 0>, steps = array<i64: 1, 1, 1>} : (tensor<4x2x3xf32>) -> tensor<1x2x3xf32>
  %r3 = etch.reshape %s3 {shape = array<i64: 2, 3>} : (tensor<1x2x3xf32>) -> tensor<2x3xf32>
  %m3 = etch.matmul %h2, %w : (tensor<2x3xf32>, tensor<3x3xf32>) -> tensor<2x3xf32>
  %a3 = etch.add %r3, %m3 : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %z3 = etch.slice %x {shape = array<i64: 1, 2, 3>, starts = array<i64: 0, 0, 0>, steps = array<i64: 1, 1, 1>} : (tensor<4x2x3xf32>) -> tensor<1x2x3xf32>
  %o3 = etch.reshape %z3 {shape = array<i64: 2, 3>} : (tensor<1x2x3xf32>) -> tensor<2x3xf32>
  %b3 = etch.add %a3, %o3 : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %c3 = etch.mul %b3, %b3 : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %d3 = etch.sub %b3, %c3 : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %h3 = etch.tanh %d3 : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %one = etch.constant dense<1.0> : tensor<2x3xf32>
  %g = etch.gradient %h3 by %one wrt %x : (tensor<2x3xf32>, tensor<2x3xf32>, tensor<4x2x3xf32>) -> tensor<4x2x3xf32>
  return %g : tensor<4x2x3xf32>
}

// -----

// What each round has made may be read behind the loop.
// CHECK-LABEL: func @main
// CHECK: %{{.*}}, %{{.*}}, %[[Y:.*]] = "etch.loop"
// CHECK-COUNT-3: etch.slice %[[Y]]
// CHECK: return
func.func @main(%x: tensor<7x2x3xf32>, %w: tensor<3x3xf32>, %v: tensor<2x3xf32>, %h: tensor<2x3xf32>) -> (tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>) {
  %s0 = etch.slice %x {shape = array<i64: 1, 2, 3>, starts = array<i64: 0, 0, 0>, steps = array<i64: 1, 1, 1>} : (tensor<7x2x3xf32>) -> tensor<1x2x3xf32>
  %r0 = etch.reshape %s0 {shape = array<i64: 2, 3>} : (tensor<1x2x3xf32>) -> tensor<2x3xf32>
  %m0 = etch.matmul %h, %w : (tensor<2x3xf32>, tensor<3x3xf32>) -> tensor<2x3xf32>
  %a0 = etch.add %r0, %m0 : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %b0 = etch.add %a0, %v : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %c0 = etch.mul %b0, %b0 : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %d0 = etch.sub %b0, %c0 : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %h0 = etch.tanh %d0 : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %s1 = etch.slice %x {shape = array<i64: 1, 2, 3>, starts = array<i64: 1, 0, 0>, steps = array<i64: 1, 1, 1>} : (tensor<7x2x3xf32>) -> tensor<1x2x3xf32>
  %r1 = etch.reshape %s1 {shape = array<i64: 2, 3>} : (tensor<1x2x3xf32>) -> tensor<2x3xf32>
  %m1 = etch.matmul %h0, %w : (tensor<2x3xf32>, tensor<3x3xf32>) -> tensor<2x3xf32>
  %a1 = etch.add %r1, %m1 : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %b1 = etch.add %a1, %v : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %c1 = etch.mul %b1, %b1 : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %d1 = etch.sub %b1, %c1 : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %h1 = etch.tanh %d1 : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %s2 = etch.slice %x {shape = array<i64: 1, 2, 3>, starts = array<i64: 2, 0, 0>, steps = array<i64: 1, 1, 1>} : (tensor<7x2x3xf32>) -> tensor<1x2x3xf32>
  %r2 = etch.reshape %s2 {shape = array<i64: 2, 3>} : (tensor<1x2x3xf32>) -> tensor<2x3xf32>
  %m2 = etch.matmul %h1, %w : (tensor<2x3xf32>, tensor<3x3xf32>) -> tensor<2x3xf32>
  %a2 = etch.add %r2, %m2 : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %b2 = etch.add %a2, %v : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %c2 = etch.mul %b2, %b2 : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %d2 = etch.sub %b2, %c2 : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %h2 = etch.tanh %d2 : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %s3 = etch.slice %x {shape = array<i64: 1, 2, 3>, starts = array<i64: 3, 0, 0>, steps = array<i64: 1, 1, 1>} : (tensor<7x2x3xf32>) -> tensor<1x2x3xf32>
  %r3 = etch.reshape %s3 {shape = array<i64: 2, 3>} : (tensor<1x2x3xf32>) -> tensor<2x3xf32>
  %m3 = etch.matmul %h2, %w : (tensor<2x3xf32>, tensor<3x3xf32>) -> tensor<2x3xf32>
  %a3 = etch.add %r3, %m3 : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %b3 = etch.add %a3, %v : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %c3 = etch.mul %b3, %b3 : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %d3 = etch.sub %b3, %c3 : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %h3 = etch.tanh %d3 : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %s4 = etch.slice %x {shape = array<i64: 1, 2, 3>, starts = array<i64: 4, 0, 0>, steps = array<i64: 1, 1, 1>} : (tensor<7x2x3xf32>) -> tensor<1x2x3xf32>
  %r4 = etch.reshape %s4 {shape = array<i64: 2, 3>} : (tensor<1x2x3xf32>) -> tensor<2x3xf32>
  %m4 = etch.matmul %h3, %w : (tensor<2x3xf32>, tensor<3x3xf32>) -> tensor<2x3xf32>
  %a4 = etch.add %r4, %m4 : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %b4 = etch.add %a4, %v : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %c4 = etch.mul %b4, %b4 : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %d4 = etch.sub %b4, %c4 : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %h4 = etch.tanh %d4 : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %s5 = etch.slice %x {shape = array<i64: 1, 2, 3>, starts = array<i64: 5, 0, 0>, steps = array<i64: 1, 1, 1>} : (tensor<7x2x3xf32>) -> tensor<1x2x3xf32>
  %r5 = etch.reshape %s5 {shape = array<i64: 2, 3>} : (tensor<1x2x3xf32>) -> tensor<2x3xf32>
  %m5 = etch.matmul %h4, %w : (tensor<2x3xf32>, tensor<3x3xf32>) -> tensor<2x3xf32>
  %a5 = etch.add %r5, %m5 : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %b5 = etch.add %a5, %v : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %c5 = etch.mul %b5, %b5 : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %d5 = etch.sub %b5, %c5 : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %h5 = etch.tanh %d5 : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %s6 = etch.slice %x {shape = array<i64: 1, 2, 3>, starts = array<i64: 6, 0, 0>, steps = array<i64: 1, 1, 1>} : (tensor<7x2x3xf32>) -> tensor<1x2x3xf32>
  %r6 = etch.reshape %s6 {shape = array<i64: 2, 3>} : (tensor<1x2x3xf32>) -> tensor<2x3xf32>
  %m6 = etch.matmul %h5, %w : (tensor<2x3xf32>, tensor<3x3xf32>) -> tensor<2x3xf32>
  %a6 = etch.add %r6, %m6 : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %b6 = etch.add %a6, %v : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %c6 = etch.mul %b6, %b6 : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %d6 = etch.sub %b6, %c6 : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %h6 = etch.tanh %d6 : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return %c0, %c1, %c6, %h6 : tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>
}
