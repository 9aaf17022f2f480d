// A product over the batch that only updates states is no array: the kernel
// updates them tile by tile. It stands behind all that reads the states.
//
// CAPABILITY: C138
// RUN: etch-opt %s -split-input-file -etch-fuse=updates | FileCheck %s
// RUN: etch-opt %s -split-input-file -etch-fuse=updates -etch-order -etch-bufferize | FileCheck %s --check-prefix=PLACE
// RUN: etch-opt %s -split-input-file -etch-fuse | FileCheck %s --check-prefix=APART

// Momentum: two states, both replaced where they are.
// CHECK: func private @[[BACK:k[0-9]]]
// CHECK: etch.matmul
// CHECK-NOT: etch.updates
// CHECK: func private @[[UPDATE:k[0-9]]]
// CHECK: etch.matmul {{.*}}etch.updates
// CHECK: return %{{.*}}, %{{.*}} : tensor<128x128xf32>, tensor<128x128xf32>
// CHECK-LABEL: func @main
// CHECK: call @[[BACK]]
// CHECK: call @[[UPDATE]]
// CHECK-NOT: call
// PLACE-LABEL: func @main
// PLACE-SAME: %[[X:[a-z0-9]+]]: memref<64x128xf32>, %[[G:[a-z0-9]+]]: memref<64x128xf32>, %[[W:[a-z0-9]+]]: memref<128x128xf32>{{.*}}, %[[V:[a-z0-9]+]]: memref<128x128xf32>
// PLACE: device.launch {{.*}}%[[X]], %[[G]]{{.*}} outs(%[[V]], %[[W]]
// PLACE-NOT: memref.copy
// APART-LABEL: func @main
// APART-COUNT-3: call
func.func @main(%x: tensor<64x128xf32>, %g: tensor<64x128xf32>, %w: tensor<128x128xf32> {etch.state}, %v: tensor<128x128xf32> {etch.state}, %c: tensor<f32>)
    -> (tensor<64x128xf32>, tensor<128x128xf32> {etch.update = 2 : i64}, tensor<128x128xf32> {etch.update = 3 : i64}) {
  %xt = etch.transpose %x {permutation = array<i64: 1, 0>} : (tensor<64x128xf32>) -> tensor<128x64xf32>
  %dw = etch.matmul %xt, %g {etch.backward} : (tensor<128x64xf32>, tensor<64x128xf32>) -> tensor<128x128xf32>
  %wt = etch.transpose %w {permutation = array<i64: 1, 0>} : (tensor<128x128xf32>) -> tensor<128x128xf32>
  %dx = etch.matmul %g, %wt {etch.backward} : (tensor<64x128xf32>, tensor<128x128xf32>) -> tensor<64x128xf32>
  %cs = etch.broadcast_to %c {shape = array<i64: 128, 128>} : (tensor<f32>) -> tensor<128x128xf32>
  %old = etch.mul %v, %cs : (tensor<128x128xf32>, tensor<128x128xf32>) -> tensor<128x128xf32>
  %new = etch.sub %old, %dw : (tensor<128x128xf32>, tensor<128x128xf32>) -> tensor<128x128xf32>
  %now = etch.add %w, %new : (tensor<128x128xf32>, tensor<128x128xf32>) -> tensor<128x128xf32>
  func.return %dx, %now, %new : tensor<64x128xf32>, tensor<128x128xf32>, tensor<128x128xf32>
}

// -----

// A gradient that something else reads lies in memory: here its square.
// CHECK-LABEL: func @main
// CHECK-COUNT-2: call
// APART-LABEL: func @main
// PLACE-LABEL: func @main
func.func @main(%x: tensor<128x64xf32>, %g: tensor<64x128xf32>, %w: tensor<128x128xf32> {etch.state})
    -> (tensor<128x128xf32>, tensor<128x128xf32> {etch.update = 2 : i64}) {
  %dw = etch.matmul %x, %g {etch.backward} : (tensor<128x64xf32>, tensor<64x128xf32>) -> tensor<128x128xf32>
  %square = etch.mul %dw, %dw : (tensor<128x128xf32>, tensor<128x128xf32>) -> tensor<128x128xf32>
  %now = etch.sub %w, %dw : (tensor<128x128xf32>, tensor<128x128xf32>) -> tensor<128x128xf32>
  func.return %square, %now : tensor<128x128xf32>, tensor<128x128xf32>
}

// -----

// Sums of several blocks of the depth would wait in memory as large.
// CHECK-LABEL: func @main
// CHECK-COUNT-2: call
// APART-LABEL: func @main
// PLACE-LABEL: func @main
func.func @main(%x: tensor<128x257xf32>, %g: tensor<257x128xf32>, %w: tensor<128x128xf32> {etch.state})
    -> (tensor<128x128xf32> {etch.update = 2 : i64}) {
  %dw = etch.matmul %x, %g {etch.backward} : (tensor<128x257xf32>, tensor<257x128xf32>) -> tensor<128x128xf32>
  %now = etch.sub %w, %dw : (tensor<128x128xf32>, tensor<128x128xf32>) -> tensor<128x128xf32>
  func.return %now : tensor<128x128xf32>
}
