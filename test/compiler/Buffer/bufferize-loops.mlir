// Regions become programs, each with a piece of its caller's arena.
//
// RUN: etch-opt %s -split-input-file -etch-outline-regions | FileCheck %s --check-prefix=OUTLINE
// RUN: etch-opt %s -split-input-file -etch-fuse-pipeline -etch-bufferize-pipeline | FileCheck %s

// The states are updated where the final ones will be; the product is not, for
// it reads all of the old state.
// OUTLINE-LABEL: func private @body0
// OUTLINE-SAME: (%{{.*}}: tensor<i64>, %{{.*}}: tensor<4x4xf32> {etch.state}, %{{.*}}: tensor<4xf32> {etch.state}, %{{.*}}: tensor<4x4xf32>) -> (tensor<4x4xf32> {etch.update = 1 : i64}, tensor<4xf32> {etch.update = 2 : i64}) attributes {etch.program}
// OUTLINE-LABEL: func @main
// OUTLINE: "etch.loop"
// OUTLINE: func.call @body0
// OUTLINE-NEXT: etch.yield
// CHECK: etch.arena_bytes = 128 : i64
// CHECK-LABEL: func private @body0
// CHECK-SAME: (%{{.*}}: memref<i64>, %[[S:.*]]: memref<4x4xf32> {{.*}}, %[[T:.*]]: memref<4xf32> {{.*}}, %[[W:.*]]: memref<4x4xf32>, %[[ARENA:.*]]: memref<?xi8>
// CHECK: %[[V:.*]] = memref.view %[[ARENA]]
// CHECK-NEXT: device.launch @{{.*}} ins(%[[S]], %[[W]] : {{.*}}) outs(%[[V]] :
// CHECK-NEXT: device.launch @{{.*}} ins(%[[T]] : {{.*}}) outs(%[[T]] :
// CHECK-NEXT: memref.copy %[[V]], %[[S]]
// CHECK-LABEL: func @main
// CHECK-SAME: (%[[N:.*]]: memref<i64>, %[[X:.*]]: memref<4x4xf32> {{.*}}, %[[Y:.*]]: memref<4xf32>, %[[W:.*]]: memref<4x4xf32>, %[[Z:.*]]: memref<4xf32> {etch.result = 1 : i64}
// CHECK: memref.copy %[[Y]], %[[Z]]
// CHECK: device.loop @body0 limit(%[[N]] : memref<i64>) states(%[[X]], %[[Z]] :
func.func @main(%n: tensor<i64>, %x: tensor<4x4xf32> {etch.state}, %y: tensor<4xf32>, %w: tensor<4x4xf32>) -> (tensor<4x4xf32> {etch.update = 1 : i64}, tensor<4xf32>) {
  %r:3 = "etch.loop"(%n, %x, %y, %w) ({}, {
  ^bb0(%i: tensor<i64>, %s: tensor<4x4xf32>, %t: tensor<4xf32>, %c: tensor<4x4xf32>):
    %p = etch.matmul %s, %c : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
    %e = etch.exp %t : (tensor<4xf32>) -> tensor<4xf32>
    etch.yield %p, %e : tensor<4x4xf32>, tensor<4xf32>
  }) {reverse = false, max_iterations = -1 : i64, operandSegmentSizes = array<i32: 1, 2, 0, 1>, resultSegmentSizes = array<i32: 1, 2, 0>} : (tensor<i64>, tensor<4x4xf32>, tensor<4xf32>, tensor<4x4xf32>) -> (tensor<i64>, tensor<4x4xf32>, tensor<4xf32>)
  return %r#1, %r#2 : tensor<4x4xf32>, tensor<4xf32>
}

// -----

// Any number of steps: one body; the outputs' extent is that of the inputs, and
// what lies in the arena depends on it.
// CHECK-LABEL: func private @arena_bytes
// CHECK-SAME: (%[[X:.*]]: memref<?x4xf32>
// CHECK: %[[T:.*]] = memref.dim %[[X]]
// CHECK: arith.muli %{{.*}}, %[[T]]
// CHECK-LABEL: func @main
// CHECK: device.loop @body0 states({{.*}}) xs(%{{.*}} : memref<?x4xf32>)
// CHECK-NOT: device.loop
// CHECK: return
func.func @main(%x: tensor<?x4xf32>, %y: tensor<4xf32>) -> tensor<4xf32> {
  %r:3 = "etch.loop"(%y, %x) ({}, {
  ^bb0(%i: tensor<i64>, %s: tensor<4xf32>, %t: tensor<4xf32>):
    %a = etch.add %s, %t : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    %b = etch.tanh %a : (tensor<4xf32>) -> tensor<4xf32>
    etch.yield %b, %b : tensor<4xf32>, tensor<4xf32>
  }) {reverse = false, max_iterations = -1 : i64, operandSegmentSizes = array<i32: 0, 1, 1, 0>, resultSegmentSizes = array<i32: 1, 1, 1>} : (tensor<4xf32>, tensor<?x4xf32>) -> (tensor<i64>, tensor<4xf32>, tensor<?x4xf32>)
  %m = etch.sum %r#2 {axes = array<i64: 0>, keepdims = false} : (tensor<?x4xf32>) -> tensor<4xf32>
  %z = etch.mul %m, %r#1 : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %z : tensor<4xf32>
}
