// Every op takes extents that are known only when the program runs: convolution and windows.
//
// RUN: etch-opt %s | FileCheck %s

// CHECK-LABEL: func @conv2d
// CHECK: etch.conv2d %{{.*}} {dilation = array<i64: 1, 1>, groups = 1 : i64, pad = array<i64: 1, 1>, shape = array<i64: -9223372036854775808, 8, 32, -9223372036854775808>, stride = array<i64: 1, 1>} : (tensor<?x3x32x?xf32>, tensor<8x3x3x3xf32>, index, index) -> tensor<?x8x32x?xf32>
func.func @conv2d(%x: tensor<?x3x32x?xf32>, %w: tensor<8x3x3x3xf32>, %n: index, %ow: index) -> tensor<?x8x32x?xf32> {
  %y = etch.conv2d %x, %w, %n, %ow {stride = array<i64: 1, 1>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: -9223372036854775808, 8, 32, -9223372036854775808>} : (tensor<?x3x32x?xf32>, tensor<8x3x3x3xf32>, index, index) -> tensor<?x8x32x?xf32>
  return %y : tensor<?x8x32x?xf32>
}

// CHECK-LABEL: func @conv2d_input_grad
// CHECK: etch.conv2d_input_grad %{{.*}} : (tensor<?x8x16x16xf64>, tensor<8x?x3x3xf64>, index, index) -> tensor<?x?x32x32xf64>
func.func @conv2d_input_grad(%x: tensor<?x8x16x16xf64>, %w: tensor<8x?x3x3xf64>, %n: index, %c: index) -> tensor<?x?x32x32xf64> {
  %y = etch.conv2d_input_grad %x, %w, %n, %c {stride = array<i64: 2, 2>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: -9223372036854775808, -9223372036854775808, 32, 32>} : (tensor<?x8x16x16xf64>, tensor<8x?x3x3xf64>, index, index) -> tensor<?x?x32x32xf64>
  return %y : tensor<?x?x32x32xf64>
}

// CHECK-LABEL: func @conv2d_weight_grad
// CHECK: etch.conv2d_weight_grad %{{.*}} : (tensor<?x4x?x?xf32>, tensor<?x6x?x?xf32>) -> tensor<6x2x3x3xf32>
func.func @conv2d_weight_grad(%x: tensor<?x4x?x?xf32>, %gy: tensor<?x6x?x?xf32>) -> tensor<6x2x3x3xf32> {
  %y = etch.conv2d_weight_grad %x, %gy {stride = array<i64: 1, 1>, pad = array<i64: 0, 0>, dilation = array<i64: 2, 2>, groups = 2 : i64, shape = array<i64: 6, 2, 3, 3>} : (tensor<?x4x?x?xf32>, tensor<?x6x?x?xf32>) -> tensor<6x2x3x3xf32>
  return %y : tensor<6x2x3x3xf32>
}

// CHECK-LABEL: func @im2col
// CHECK: etch.im2col %{{.*}} : (tensor<?x3x7x7xf32>, index) -> tensor<?x3x5x5x3x3xf32>
func.func @im2col(%x: tensor<?x3x7x7xf32>, %n: index) -> tensor<?x3x5x5x3x3xf32> {
  %y = etch.im2col %x, %n {stride = array<i64: 1, 1>, pad = array<i64: 0, 0>, dilation = array<i64: 1, 1>, shape = array<i64: -9223372036854775808, 3, 5, 5, 3, 3>} : (tensor<?x3x7x7xf32>, index) -> tensor<?x3x5x5x3x3xf32>
  return %y : tensor<?x3x5x5x3x3xf32>
}

// CHECK-LABEL: func @col2im
// CHECK: etch.col2im %{{.*}} : (tensor<?x3x5x5x3x3xf32>, index) -> tensor<?x3x7x7xf32>
func.func @col2im(%x: tensor<?x3x5x5x3x3xf32>, %n: index) -> tensor<?x3x7x7xf32> {
  %y = etch.col2im %x, %n {stride = array<i64: 1, 1>, pad = array<i64: 0, 0>, dilation = array<i64: 1, 1>, shape = array<i64: -9223372036854775808, 3, 7, 7>} : (tensor<?x3x5x5x3x3xf32>, index) -> tensor<?x3x7x7xf32>
  return %y : tensor<?x3x7x7xf32>
}

// CHECK-LABEL: func @max_pool_index
// CHECK: etch.max_pool_index %{{.*}} : (tensor<?x3x8x8xf32>, index) -> tensor<?x3x4x4xi64>
func.func @max_pool_index(%x: tensor<?x3x8x8xf32>, %n: index) -> tensor<?x3x4x4xi64> {
  %y = etch.max_pool_index %x, %n {kernel = array<i64: 2, 2>, stride = array<i64: 2, 2>, pad = array<i64: 0, 0>, shape = array<i64: -9223372036854775808, 3, 4, 4>} : (tensor<?x3x8x8xf32>, index) -> tensor<?x3x4x4xi64>
  return %y : tensor<?x3x4x4xi64>
}
