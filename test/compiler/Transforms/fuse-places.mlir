// Convolutions whose windows see one place: what follows joins them, though it
// sees images of several rows.
//
// RUN: etch-opt %s -etch-expand -etch-fuse | FileCheck %s

// CHECK-LABEL: func private @k0(
// CHECK: etch.conv2d {{.*}} -> tensor<2x4x1x64xf32>
// CHECK: etch.add
// CHECK: etch.add
// CHECK: etch.relu {{.*}}tensor<2x4x1x64xf32>
// CHECK-NEXT: return

// CHECK-LABEL: func @main
// CHECK: call @k0
// CHECK-NOT: call
func.func @main(%x: tensor<2x3x8x8xf32>, %w: tensor<4x3x1x1xf32>, %b: tensor<4xf32>,
    %y: tensor<2x4x8x8xf32>) -> tensor<2x4x8x8xf32> {
  %0 = etch.conv2d %x, %w {stride = array<i64: 1, 1>, pad = array<i64: 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: 2, 4, 8, 8>} : (tensor<2x3x8x8xf32>, tensor<4x3x1x1xf32>) -> tensor<2x4x8x8xf32>
  %1 = etch.reshape %b {shape = array<i64: 1, 4, 1, 1>} : (tensor<4xf32>) -> tensor<1x4x1x1xf32>
  %2 = etch.broadcast_to %1 {shape = array<i64: 2, 4, 8, 8>} : (tensor<1x4x1x1xf32>) -> tensor<2x4x8x8xf32>
  %3 = etch.add %0, %2 : (tensor<2x4x8x8xf32>, tensor<2x4x8x8xf32>) -> tensor<2x4x8x8xf32>
  %4 = etch.add %3, %y : (tensor<2x4x8x8xf32>, tensor<2x4x8x8xf32>) -> tensor<2x4x8x8xf32>
  %5 = etch.relu %4 : (tensor<2x4x8x8xf32>) -> tensor<2x4x8x8xf32>
  return %5 : tensor<2x4x8x8xf32>
}
