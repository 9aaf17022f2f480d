// Parts of arrays and arrays placed in larger ones are views: no kernel of their
// own, under other shapes, too.
//
// RUN: etch-opt %s -split-input-file -etch-expand -etch-fuse | FileCheck %s

// Two arrays one behind the other: one kernel, which reads both.
// CHECK-LABEL: func private @k0
// CHECK-SAME: (%[[X:.*]]: tensor<2x3xf32>, %[[W:.*]]: tensor<4x3xf32>)
// CHECK-DAG: etch.place %[[X]]
// CHECK-DAG: etch.place %[[W]]
// CHECK: etch.add
// CHECK: etch.tanh
// CHECK-NOT: @k1
// CHECK-LABEL: func @main
func.func @main(%x: tensor<2x3xf32>, %w: tensor<4x3xf32>) -> tensor<6x3xf32> {
  %0 = etch.place %x {starts = array<i64: 0, 0>, steps = array<i64: 1, 1>, fill = -0.0, shape = array<i64: 6, 3>} : (tensor<2x3xf32>) -> tensor<6x3xf32>
  %1 = etch.place %w {starts = array<i64: 2, 0>, steps = array<i64: 1, 1>, fill = -0.0, shape = array<i64: 6, 3>} : (tensor<4x3xf32>) -> tensor<6x3xf32>
  %2 = etch.add %0, %1 : (tensor<6x3xf32>, tensor<6x3xf32>) -> tensor<6x3xf32>
  %3 = etch.tanh %2 : (tensor<6x3xf32>) -> tensor<6x3xf32>
  func.return %3 : tensor<6x3xf32>
}

// -----

// One step of a sequence, its axis dropped: still a view, of rows behind one
// another.
// CHECK-LABEL: func private @k0
// CHECK-SAME: (%[[X:.*]]: tensor<4x35xf32>, %[[W:.*]]: tensor<4x7xf32>)
// CHECK: etch.slice %[[X]] {shape = array<i64: 4, 7>, starts = array<i64: 0, 14>, steps = array<i64: 1, 1>}
// CHECK: etch.mul
// CHECK-LABEL: func @main
// CHECK: etch.reshape
// CHECK: call @k0
// CHECK-NOT: call
func.func @main(%x: tensor<4x5x7xf32>, %w: tensor<4x7xf32>) -> tensor<4x7xf32> {
  %0 = etch.slice %x {starts = array<i64: 0, 2, 0>, steps = array<i64: 1, 1, 1>, shape = array<i64: 4, 1, 7>} : (tensor<4x5x7xf32>) -> tensor<4x1x7xf32>
  %1 = etch.reshape %0 {shape = array<i64: 4, 7>} : (tensor<4x1x7xf32>) -> tensor<4x7xf32>
  %2 = etch.mul %1, %w : (tensor<4x7xf32>, tensor<4x7xf32>) -> tensor<4x7xf32>
  func.return %2 : tensor<4x7xf32>
}

// -----

// One element of each row.
// CHECK-LABEL: func private @k0
// CHECK: etch.slice %{{.*}} {shape = array<i64: 4>, starts = array<i64: 2>, steps = array<i64: 5>} : (tensor<20xf32>) -> tensor<4xf32>
// CHECK-LABEL: func @main
func.func @main(%x: tensor<4x5xf32>) -> tensor<4xf32> {
  %0 = etch.slice %x {starts = array<i64: 0, 2>, steps = array<i64: 1, 1>, shape = array<i64: 4, 1>} : (tensor<4x5xf32>) -> tensor<4x1xf32>
  %1 = etch.reshape %0 {shape = array<i64: 4>} : (tensor<4x1xf32>) -> tensor<4xf32>
  %2 = etch.exp %1 : (tensor<4xf32>) -> tensor<4xf32>
  func.return %2 : tensor<4xf32>
}

// -----

// Counting is part of what uses it, with symbolic extents, too.
// CHECK-LABEL: func private @k0
// CHECK: etch.iota
// CHECK: etch.philox
// CHECK: etch.greater
// CHECK-LABEL: func @main
// CHECK: call @k0
// CHECK-NOT: call
func.func @main(%x: tensor<?x4xf32>, %k: tensor<i64>) -> tensor<?x4xi1> {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?x4xf32>
  %0 = etch.iota %n {shape = array<i64: -9223372036854775808, 4>} : (index) -> tensor<?x4xi64>
  %1 = etch.broadcast_to %k, %n {shape = array<i64: -9223372036854775808, 4>} : (tensor<i64>, index) -> tensor<?x4xi64>
  %2 = etch.philox %0, %1 {to = "f32"} : (tensor<?x4xi64>, tensor<?x4xi64>) -> tensor<?x4xf32>
  %3 = etch.greater %2, %x : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xi1>
  func.return %3 : tensor<?x4xi1>
}

// -----

// What computes a part runs first; a result lies in memory.
// CHECK-LABEL: func private @k0
// CHECK: etch.exp
// CHECK-LABEL: func private @k1
// CHECK: etch.slice
// CHECK: etch.stop_gradient
// CHECK-LABEL: func @main
func.func @main(%x: tensor<9xf32>) -> tensor<3xf32> {
  %0 = etch.exp %x : (tensor<9xf32>) -> tensor<9xf32>
  %1 = etch.slice %0 {starts = array<i64: 8>, steps = array<i64: -3>, shape = array<i64: 3>} : (tensor<9xf32>) -> tensor<3xf32>
  func.return %1 : tensor<3xf32>
}

// -----

// Steps beyond 1: each element gets an axis of gaps.
// CHECK-LABEL: func private @k0
// CHECK: etch.place %{{.*}} : (tensor<1x3x1x1xf32>) -> tensor<1x3x2x1xf32>
// CHECK-LABEL: func private @k1
// CHECK: etch.place %{{.*}} : (tensor<6xf32>) -> tensor<8xf32>
// CHECK: etch.slice %{{.*}} : (tensor<8xf32>) -> tensor<7xf32>
// CHECK-LABEL: func @main
func.func @main(%x: tensor<3xf32>, %w: tensor<7xf32>) -> tensor<7xf32> {
  %0 = etch.place %x {starts = array<i64: 1>, steps = array<i64: 2>, fill = 0.0, shape = array<i64: 7>} : (tensor<3xf32>) -> tensor<7xf32>
  %1 = etch.mul %0, %w : (tensor<7xf32>, tensor<7xf32>) -> tensor<7xf32>
  func.return %1 : tensor<7xf32>
}

// -----

// A start that is an argument is one of the kernel; one that is computed is
// there before the part is copied.
// CHECK-LABEL: func private @k0
// CHECK-SAME: (%[[X:.*]]: tensor<9x4xf32>, %[[S:.*]]: tensor<i64>)
// CHECK: etch.slice_at %[[X]], %[[S]]
// CHECK: etch.exp
// CHECK-LABEL: func @main
// CHECK: call @k0
// CHECK: call @k1
// CHECK: call @k2
func.func @main(%x: tensor<9x4xf32>, %s: tensor<i64>) -> (tensor<2x4xf32>, tensor<2x4xf32>) {
  %0 = etch.slice_at %x, %s {axis = 0 : i64, shape = array<i64: 2, 4>} : (tensor<9x4xf32>, tensor<i64>) -> tensor<2x4xf32>
  %1 = etch.exp %0 : (tensor<2x4xf32>) -> tensor<2x4xf32>
  %2 = etch.neg %s : (tensor<i64>) -> tensor<i64>
  %3 = etch.slice_at %x, %2 {axis = 0 : i64, shape = array<i64: 2, 4>} : (tensor<9x4xf32>, tensor<i64>) -> tensor<2x4xf32>
  func.return %1, %3 : tensor<2x4xf32>, tensor<2x4xf32>
}
