// Between convolutions images lie with channels last; kernels of convolutions
// have the transposes in them.
//
// RUN: etch-opt %s -split-input-file -etch-channels-last | FileCheck %s
// RUN: etch-opt %s -split-input-file -etch-channels-last -etch-expand \
// RUN:   -etch-fuse | FileCheck %s --check-prefix=FUSED
// RUN: etch-opt %s -split-input-file -etch-channels-last -etch-expand \
// RUN:   -etch-freeze | FileCheck %s --check-prefix=FROZEN

// One transpose in front, one behind; sums are over places, biases along the
// last axis. A convolution whose windows see one place each is a product.
//
// CHECK-LABEL: func.func @main(
// CHECK: %[[X:.*]] = etch.transpose %arg0 {permutation = array<i64: 0, 2, 3, 1>}
// CHECK: %[[BACK:.*]] = etch.transpose %[[X]] {permutation = array<i64: 0, 3, 1, 2>}
// CHECK: %[[C:.*]] = etch.conv2d %[[BACK]], %arg1 {{.*}}etch.channels_last
// CHECK: etch.transpose %[[C]] {permutation = array<i64: 0, 2, 3, 1>}
// CHECK: etch.mean %{{.*}} {axes = array<i64: 0, 1, 2>, keepdims = true} : {{.*}} -> tensor<1x1x1x16xf32>
// CHECK: etch.sub {{.*}} -> tensor<4x16x16x16xf32>
// CHECK: etch.place {{.*}}shape = array<i64: 4, 18, 17, 16>, starts = array<i64: 0, 1, 0, 0>
// CHECK: etch.slice {{.*}}starts = array<i64: 0, 0, 0, 8>
// CHECK: %[[ROWS:.*]] = etch.reshape {{.*}} -> tensor<1024x16xf32>
// CHECK: etch.matmul %[[ROWS]], {{.*}} -> tensor<1024x24xf32>
// CHECK: %[[LAST:.*]] = etch.reshape {{.*}} -> tensor<4x16x16x24xf32>
// CHECK: %[[END:.*]] = etch.transpose %[[LAST]] {permutation = array<i64: 0, 3, 1, 2>}
// CHECK: etch.sum %{{.*}} {axes = array<i64: 1, 2>, keepdims = false} : {{.*}} -> tensor<4x8xf32>
// CHECK: return %[[END]]
//
// FUSED-LABEL: func private @k0(
// FUSED: etch.stop_gradient {{.*}} -> tensor<16x3x3x4xf32>
// FUSED-LABEL: func private @k1(
// FUSED: etch.stop_gradient {{.*}} -> tensor<4x16x16x4xf32>
// FUSED-LABEL: func private @k2(%arg0: tensor<4x16x16x4xf32>, %arg1: tensor<16x3x3x4xf32>
// FUSED-SAME: -> tensor<4x16x16x16xf32>
// FUSED-NEXT: etch.transpose %arg0
// FUSED-NEXT: etch.transpose %arg1
// FUSED-NEXT: etch.conv2d
// FUSED-NEXT: etch.transpose
// FUSED: etch.add
// FUSED-NEXT: return
func.func @main(%x: tensor<4x4x16x16xf32>, %w: tensor<16x4x3x3xf32>, %b: tensor<1x16x1x1xf32>, %u: tensor<24x16x1x1xf32>)
    -> (tensor<4x24x16x16xf32>, tensor<4x8xf32>, tensor<1x16x1x1xf32>) {
  %0 = etch.conv2d %x, %w {stride = array<i64: 1, 1>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: 4, 16, 16, 16>} : (tensor<4x4x16x16xf32>, tensor<16x4x3x3xf32>) -> tensor<4x16x16x16xf32>
  %1 = etch.broadcast_to %b {shape = array<i64: 4, 16, 16, 16>} : (tensor<1x16x1x1xf32>) -> tensor<4x16x16x16xf32>
  %2 = etch.add %0, %1 : (tensor<4x16x16x16xf32>, tensor<4x16x16x16xf32>) -> tensor<4x16x16x16xf32>
  %3 = etch.mean %2 {axes = array<i64: 0, 2, 3>, keepdims = true} : (tensor<4x16x16x16xf32>) -> tensor<1x16x1x1xf32>
  %4 = etch.broadcast_to %3 {shape = array<i64: 4, 16, 16, 16>} : (tensor<1x16x1x1xf32>) -> tensor<4x16x16x16xf32>
  %5 = etch.sub %2, %4 : (tensor<4x16x16x16xf32>, tensor<4x16x16x16xf32>) -> tensor<4x16x16x16xf32>
  %6 = etch.place %5 {fill = 0.0 : f64, shape = array<i64: 4, 16, 18, 17>, starts = array<i64: 0, 0, 1, 0>, steps = array<i64: 1, 1, 1, 1>} : (tensor<4x16x16x16xf32>) -> tensor<4x16x18x17xf32>
  %7 = etch.slice %6 {shape = array<i64: 4, 8, 18, 17>, starts = array<i64: 0, 8, 0, 0>, steps = array<i64: 1, 1, 1, 1>} : (tensor<4x16x18x17xf32>) -> tensor<4x8x18x17xf32>
  %8 = etch.conv2d %5, %u {stride = array<i64: 1, 1>, pad = array<i64: 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: 4, 24, 16, 16>} : (tensor<4x16x16x16xf32>, tensor<24x16x1x1xf32>) -> tensor<4x24x16x16xf32>
  %9 = etch.sum %7 {axes = array<i64: 2, 3>, keepdims = false} : (tensor<4x8x18x17xf32>) -> tensor<4x8xf32>
  return %8, %9, %3 : tensor<4x24x16x16xf32>, tensor<4x8xf32>, tensor<1x16x1x1xf32>
}

// -----
// Pooling: each channel of a place has an index of its own. An open number of
// images.
//
// CHECK-LABEL: func.func @main(
// CHECK: %[[I:.*]] = etch.max_pool_index {{.*}}etch.channels_last
// CHECK: etch.transpose %[[I]] {{.*}} -> tensor<?x4x4x32xi64>
// CHECK: etch.gather {{.*}} : (tensor<?x64x32xf32>, tensor<?x16x32xi64>) -> tensor<?x16x32xf32>
// CHECK: etch.conv2d_input_grad
// CHECK: etch.scatter_add {{.*}} : (tensor<?x16x32xf32>, tensor<?x16x32xi64>, index) -> tensor<?x64x32xf32>
// CHECK: etch.conv2d_weight_grad {{.*}}etch.channels_last
//
// FUSED-LABEL: func.func @main
// FUSED-NOT: 32x8x8xf32
// FUSED-NOT: 32x4x4xf32
// FUSED: return
func.func @main(%x: tensor<?x4x8x8xf32>, %w: tensor<32x4x3x3xf32>, %u: tensor<32x32x3x3xf32>)
    -> (tensor<?x32xf32>, tensor<32x4x3x3xf32>) {
  %c0 = arith.constant 0 : index
  %c32 = arith.constant 32 : index
  %n = tensor.dim %x, %c0 : tensor<?x4x8x8xf32>
  %planes = arith.muli %n, %c32 : index
  %0 = etch.conv2d %x, %w, %n {stride = array<i64: 1, 1>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: -9223372036854775808, 32, 8, 8>} : (tensor<?x4x8x8xf32>, tensor<32x4x3x3xf32>, index) -> tensor<?x32x8x8xf32>
  %1 = etch.max_pool_index %0, %n {kernel = array<i64: 2, 2>, stride = array<i64: 2, 2>, pad = array<i64: 0, 0>, shape = array<i64: -9223372036854775808, 32, 4, 4>} : (tensor<?x32x8x8xf32>, index) -> tensor<?x32x4x4xi64>
  %2 = etch.reshape %0, %planes {shape = array<i64: -9223372036854775808, 64, 1>} : (tensor<?x32x8x8xf32>, index) -> tensor<?x64x1xf32>
  %3 = etch.reshape %1, %planes {shape = array<i64: -9223372036854775808, 16>} : (tensor<?x32x4x4xi64>, index) -> tensor<?x16xi64>
  %4 = etch.gather %2, %3 : (tensor<?x64x1xf32>, tensor<?x16xi64>) -> tensor<?x16x1xf32>
  %5 = etch.reshape %4, %n {shape = array<i64: -9223372036854775808, 32, 4, 4>} : (tensor<?x16x1xf32>, index) -> tensor<?x32x4x4xf32>
  %6 = etch.conv2d %5, %u, %n {stride = array<i64: 1, 1>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: -9223372036854775808, 32, 4, 4>} : (tensor<?x32x4x4xf32>, tensor<32x32x3x3xf32>, index) -> tensor<?x32x4x4xf32>
  %7 = etch.mean %6 {axes = array<i64: 2, 3>, keepdims = false} : (tensor<?x32x4x4xf32>) -> tensor<?x32xf32>
  %8 = etch.conv2d_input_grad %6, %u, %n {etch.backward, stride = array<i64: 1, 1>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: -9223372036854775808, 32, 4, 4>} : (tensor<?x32x4x4xf32>, tensor<32x32x3x3xf32>, index) -> tensor<?x32x4x4xf32>
  %9 = etch.reshape %8, %planes {etch.backward, shape = array<i64: -9223372036854775808, 16, 1>} : (tensor<?x32x4x4xf32>, index) -> tensor<?x16x1xf32>
  %10 = etch.scatter_add %9, %3, %planes {etch.backward, shape = array<i64: -9223372036854775808, 64, 1>} : (tensor<?x16x1xf32>, tensor<?x16xi64>, index) -> tensor<?x64x1xf32>
  %11 = etch.reshape %10, %n {etch.backward, shape = array<i64: -9223372036854775808, 32, 8, 8>} : (tensor<?x64x1xf32>, index) -> tensor<?x32x8x8xf32>
  %12 = etch.conv2d_weight_grad %x, %11 {etch.backward, stride = array<i64: 1, 1>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: 32, 4, 3, 3>} : (tensor<?x4x8x8xf32>, tensor<?x32x8x8xf32>) -> tensor<32x4x3x3xf32>
  return %7, %12 : tensor<?x32xf32>, tensor<32x4x3x3xf32>
}

// -----
// One convolution between arguments and results gains less than it moves.
//
// CHECK-LABEL: func.func @main(
// CHECK-NEXT: etch.conv2d %arg0, %arg1 {
// CHECK-NEXT: return
func.func @main(%x: tensor<1x4x8x8xf32>, %w: tensor<4x4x3x3xf32>) -> tensor<1x4x8x8xf32> {
  %0 = etch.conv2d %x, %w {stride = array<i64: 1, 1>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: 1, 4, 8, 8>} : (tensor<1x4x8x8xf32>, tensor<4x4x3x3xf32>) -> tensor<1x4x8x8xf32>
  return %0 : tensor<1x4x8x8xf32>
}

// -----
// Filters that are states are transposed once.
//
// FROZEN-LABEL: func private @prepare(%arg0: tensor<16x16x3x3xf32>) -> tensor<16x3x3x16xf32>
// FROZEN: %[[W:.*]] = "etch.prepare"
// FROZEN: etch.transpose %[[W]] {permutation = array<i64: 0, 3, 1, 2>}
func.func @main(%x: tensor<2x16x8x8xf32>, %w: tensor<16x16x3x3xf32> {etch.state}) -> tensor<2x16x8x8xf32> {
  %0 = etch.conv2d %x, %w {stride = array<i64: 1, 1>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: 2, 16, 8, 8>} : (tensor<2x16x8x8xf32>, tensor<16x16x3x3xf32>) -> tensor<2x16x8x8xf32>
  %1 = etch.conv2d %0, %w {stride = array<i64: 1, 1>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: 2, 16, 8, 8>} : (tensor<2x16x8x8xf32>, tensor<16x16x3x3xf32>) -> tensor<2x16x8x8xf32>
  %2 = etch.conv2d %1, %w {stride = array<i64: 1, 1>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: 2, 16, 8, 8>} : (tensor<2x16x8x8xf32>, tensor<16x16x3x3xf32>) -> tensor<2x16x8x8xf32>
  %3 = etch.conv2d %2, %w {stride = array<i64: 1, 1>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: 2, 16, 8, 8>} : (tensor<2x16x8x8xf32>, tensor<16x16x3x3xf32>) -> tensor<2x16x8x8xf32>
  return %3 : tensor<2x16x8x8xf32>
}
