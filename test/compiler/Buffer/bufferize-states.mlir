// Results that update arguments are written into these, in place where nothing
// reads the old content later.
//
// RUN: etch-opt %s -split-input-file -etch-fuse -etch-bufferize | FileCheck %s

// CHECK-LABEL: func @main
// CHECK-SAME: (%[[W:.*]]: memref<4xf32> {etch.state, etch.update = 1 : i64}, %[[G:.*]]: memref<4xf32>, %[[Y:.*]]: memref<4xf32> {etch.result = 0 : i64}, %{{.*}}: memref<?xi8>
// CHECK-NEXT: device.launch @k0 ins(%[[W]], %[[G]] : {{.*}}) outs(%[[Y]], %[[W]] :
// CHECK-NEXT: return
func.func @main(%w: tensor<4xf32> {etch.state}, %g: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32> {etch.update = 0 : i64}) {
  %0 = etch.mul %w, %g : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %1 = etch.sub %w, %0 : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  func.return %0, %1 : tensor<4xf32>, tensor<4xf32>
}

// -----

// Old content that is read later, or through a view, stays until the end.
// CHECK: etch.arena_bytes = 64 : i64
// CHECK-LABEL: func @main
// CHECK-SAME: (%[[W:.*]]: memref<4x4xf32> {{.*}}, %[[Y:.*]]: memref<4x4xf32> {{.*}}, %[[ARENA:.*]]: memref<?xi8>
// CHECK: %[[V:.*]] = memref.view %[[ARENA]]
// CHECK: device.launch @k0 ins(%[[W]] : {{.*}}) outs(%[[V]] :
// CHECK-NEXT: device.launch @k1 ins({{.*}}) outs(%[[Y]] :
// CHECK-NEXT: memref.copy %[[V]], %[[W]]
func.func @main(%w: tensor<4x4xf32> {etch.state}) -> (tensor<4x4xf32> {etch.update = 0 : i64}, tensor<4x4xf32>) {
  %0 = etch.exp %w : (tensor<4x4xf32>) -> tensor<4x4xf32>
  %1 = etch.matmul %w, %0 : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  func.return %0, %1 : tensor<4x4xf32>, tensor<4x4xf32>
}

// -----

// CHECK-LABEL: func @main
// CHECK-SAME: (%[[W:.*]]: memref<4x4xf32>
// CHECK: %[[V:.*]] = memref.view
// CHECK: device.launch @k0 ins(%[[W]] : {{.*}}) outs(%[[V]] :
// CHECK: memref.copy %[[V]], %[[W]]
func.func @main(%w: tensor<4x4xf32> {etch.state}) -> (tensor<4x4xf32> {etch.update = 0 : i64}) {
  %0 = etch.transpose %w {permutation = array<i64: 1, 0>} : (tensor<4x4xf32>) -> tensor<4x4xf32>
  %1 = etch.add %w, %0 : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  func.return %1 : tensor<4x4xf32>
}

// -----

// States that swap are saved before either is written; one that keeps its
// content is left alone.
// CHECK-LABEL: func @main
// CHECK-SAME: (%[[A:.*]]: memref<4xf32> {{.*}}, %[[B:.*]]: memref<4xf32> {{.*}}, %[[C:.*]]: memref<4xf32> {{.*}}, %[[ARENA:.*]]: memref<?xi8>
// CHECK: memref.copy %[[B]], %[[SB:.*]] :
// CHECK: memref.copy %[[A]], %[[SA:.*]] :
// CHECK-NEXT: memref.copy %[[SB]], %[[A]]
// CHECK-NEXT: memref.copy %[[SA]], %[[B]]
// CHECK-NEXT: return
func.func @main(%a: tensor<4xf32> {etch.state}, %b: tensor<4xf32> {etch.state}, %c: tensor<4xf32> {etch.state})
    -> (tensor<4xf32> {etch.update = 0 : i64}, tensor<4xf32> {etch.update = 1 : i64}, tensor<4xf32> {etch.update = 2 : i64}) {
  func.return %b, %a, %c : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
}

// -----

// One value in two places; the old content as a result, read before the new one
// is written.
// CHECK-LABEL: func @main
// CHECK-SAME: (%[[C:.*]]: memref<4xf32> {{.*}}, %[[OLD:.*]]: memref<4xf32> {{.*}}, %[[Y:.*]]: memref<4xf32> {{.*}}, %{{.*}}: memref<?xi8>
// CHECK: device.launch @k0 ins(%[[C]] : {{.*}}) outs(%[[Y]] :
// CHECK-NEXT: memref.copy %[[C]], %[[OLD]]
// CHECK-NEXT: memref.copy %[[Y]], %[[C]]
func.func @main(%c: tensor<4xf32> {etch.state}) -> (tensor<4xf32>, tensor<4xf32> {etch.update = 0 : i64}, tensor<4xf32>) {
  %0 = etch.add %c, %c : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  func.return %c, %0, %0 : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
}
