//===- windows.mlir - Kernels of convolutions and windows ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Plain. Forward.
func.func @main(%x: tensor<2x3x9x8xf32>,
                %w: tensor<4x3x3x3xf32>)
    -> tensor<2x4x9x8xf32> {
  %y = etch.conv2d %x, %w {stride = array<i64: 1, 1>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: 2, 4, 9, 8>} : (tensor<2x3x9x8xf32>, tensor<4x3x3x3xf32>) -> tensor<2x4x9x8xf32>
  %z = etch.neg %y : (tensor<2x4x9x8xf32>) -> tensor<2x4x9x8xf32>
  return %z : tensor<2x4x9x8xf32>
}

// -----
// Plain. In the images.
func.func @main(%x: tensor<2x4x9x8xf64>,
                %w: tensor<4x3x3x3xf64>)
    -> tensor<2x3x9x8xf64> {
  %y = etch.conv2d_input_grad %x, %w {stride = array<i64: 1, 1>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: 2, 3, 9, 8>} : (tensor<2x4x9x8xf64>, tensor<4x3x3x3xf64>) -> tensor<2x3x9x8xf64>
  %z = etch.neg %y : (tensor<2x3x9x8xf64>) -> tensor<2x3x9x8xf64>
  return %z : tensor<2x3x9x8xf64>
}

// -----
// Plain. In the filters.
func.func @main(%x: tensor<2x3x9x8xf32>,
                %w: tensor<2x4x9x8xf32>)
    -> tensor<4x3x3x3xf32> {
  %y = etch.conv2d_weight_grad %x, %w {stride = array<i64: 1, 1>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: 4, 3, 3, 3>} : (tensor<2x3x9x8xf32>, tensor<2x4x9x8xf32>) -> tensor<4x3x3x3xf32>
  %z = etch.neg %y : (tensor<4x3x3x3xf32>) -> tensor<4x3x3x3xf32>
  return %z : tensor<4x3x3x3xf32>
}

// -----
// Strides, dilation, groups. Forward.
func.func @main(%x: tensor<1x4x7x6xf32>,
                %w: tensor<6x2x3x2xf32>)
    -> tensor<1x6x4x8xf32> {
  %y = etch.conv2d %x, %w {stride = array<i64: 2, 1>, pad = array<i64: 1, 2>, dilation = array<i64: 1, 2>, groups = 2 : i64, shape = array<i64: 1, 6, 4, 8>} : (tensor<1x4x7x6xf32>, tensor<6x2x3x2xf32>) -> tensor<1x6x4x8xf32>
  %z = etch.neg %y : (tensor<1x6x4x8xf32>) -> tensor<1x6x4x8xf32>
  return %z : tensor<1x6x4x8xf32>
}

// -----
// Strides, dilation, groups. In the images.
func.func @main(%x: tensor<1x6x4x8xf64>,
                %w: tensor<6x2x3x2xf64>)
    -> tensor<1x4x7x6xf64> {
  %y = etch.conv2d_input_grad %x, %w {stride = array<i64: 2, 1>, pad = array<i64: 1, 2>, dilation = array<i64: 1, 2>, groups = 2 : i64, shape = array<i64: 1, 4, 7, 6>} : (tensor<1x6x4x8xf64>, tensor<6x2x3x2xf64>) -> tensor<1x4x7x6xf64>
  %z = etch.neg %y : (tensor<1x4x7x6xf64>) -> tensor<1x4x7x6xf64>
  return %z : tensor<1x4x7x6xf64>
}

// -----
// Strides, dilation, groups. In the filters.
func.func @main(%x: tensor<1x4x7x6xf32>,
                %w: tensor<1x6x4x8xf32>)
    -> tensor<6x2x3x2xf32> {
  %y = etch.conv2d_weight_grad %x, %w {stride = array<i64: 2, 1>, pad = array<i64: 1, 2>, dilation = array<i64: 1, 2>, groups = 2 : i64, shape = array<i64: 6, 2, 3, 2>} : (tensor<1x4x7x6xf32>, tensor<1x6x4x8xf32>) -> tensor<6x2x3x2xf32>
  %z = etch.neg %y : (tensor<6x2x3x2xf32>) -> tensor<6x2x3x2xf32>
  return %z : tensor<6x2x3x2xf32>
}

// -----
// Many channels: several blocks. Forward.
func.func @main(%x: tensor<1x40x5x5xf32>,
                %w: tensor<3x40x3x3xf32>)
    -> tensor<1x3x3x3xf32> {
  %y = etch.conv2d %x, %w {stride = array<i64: 1, 1>, pad = array<i64: 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: 1, 3, 3, 3>} : (tensor<1x40x5x5xf32>, tensor<3x40x3x3xf32>) -> tensor<1x3x3x3xf32>
  %z = etch.neg %y : (tensor<1x3x3x3xf32>) -> tensor<1x3x3x3xf32>
  return %z : tensor<1x3x3x3xf32>
}

// -----
// Many channels: several blocks. In the images.
func.func @main(%x: tensor<1x3x3x3xf64>,
                %w: tensor<3x40x3x3xf64>)
    -> tensor<1x40x5x5xf64> {
  %y = etch.conv2d_input_grad %x, %w {stride = array<i64: 1, 1>, pad = array<i64: 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: 1, 40, 5, 5>} : (tensor<1x3x3x3xf64>, tensor<3x40x3x3xf64>) -> tensor<1x40x5x5xf64>
  %z = etch.neg %y : (tensor<1x40x5x5xf64>) -> tensor<1x40x5x5xf64>
  return %z : tensor<1x40x5x5xf64>
}

// -----
// Many channels: several blocks. In the filters.
func.func @main(%x: tensor<1x40x5x5xf32>,
                %w: tensor<1x3x3x3xf32>)
    -> tensor<3x40x3x3xf32> {
  %y = etch.conv2d_weight_grad %x, %w {stride = array<i64: 1, 1>, pad = array<i64: 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: 3, 40, 3, 3>} : (tensor<1x40x5x5xf32>, tensor<1x3x3x3xf32>) -> tensor<3x40x3x3xf32>
  %z = etch.neg %y : (tensor<3x40x3x3xf32>) -> tensor<3x40x3x3xf32>
  return %z : tensor<3x40x3x3xf32>
}

// -----
// Strides of two. Forward.
func.func @main(%x: tensor<2x2x11x11xf32>,
                %w: tensor<3x2x4x3xf32>)
    -> tensor<2x3x5x6xf32> {
  %y = etch.conv2d %x, %w {stride = array<i64: 2, 2>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: 2, 3, 5, 6>} : (tensor<2x2x11x11xf32>, tensor<3x2x4x3xf32>) -> tensor<2x3x5x6xf32>
  %z = etch.neg %y : (tensor<2x3x5x6xf32>) -> tensor<2x3x5x6xf32>
  return %z : tensor<2x3x5x6xf32>
}

// -----
// Strides of two. In the images.
func.func @main(%x: tensor<2x3x5x6xf64>,
                %w: tensor<3x2x4x3xf64>)
    -> tensor<2x2x11x11xf64> {
  %y = etch.conv2d_input_grad %x, %w {stride = array<i64: 2, 2>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: 2, 2, 11, 11>} : (tensor<2x3x5x6xf64>, tensor<3x2x4x3xf64>) -> tensor<2x2x11x11xf64>
  %z = etch.neg %y : (tensor<2x2x11x11xf64>) -> tensor<2x2x11x11xf64>
  return %z : tensor<2x2x11x11xf64>
}

// -----
// Strides of two. In the filters.
func.func @main(%x: tensor<2x2x11x11xf32>,
                %w: tensor<2x3x5x6xf32>)
    -> tensor<3x2x4x3xf32> {
  %y = etch.conv2d_weight_grad %x, %w {stride = array<i64: 2, 2>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: 3, 2, 4, 3>} : (tensor<2x2x11x11xf32>, tensor<2x3x5x6xf32>) -> tensor<3x2x4x3xf32>
  %z = etch.neg %y : (tensor<3x2x4x3xf32>) -> tensor<3x2x4x3xf32>
  return %z : tensor<3x2x4x3xf32>
}

// -----
// Windows.
func.func @main(%x: tensor<2x3x8x7xf32>)
    -> tensor<2x3x3x2x3x3xf32> {
  %y = etch.im2col %x {stride = array<i64: 2, 2>, pad = array<i64: 0, 0>, dilation = array<i64: 1, 1>, shape = array<i64: 2, 3, 3, 2, 3, 3>} : (tensor<2x3x8x7xf32>) -> tensor<2x3x3x2x3x3xf32>
  return %y : tensor<2x3x3x2x3x3xf32>
}

// -----
// Windows added.
func.func @main(%x: tensor<2x3x3x2x3x3xf32>)
    -> tensor<2x3x8x7xf32> {
  %y = etch.col2im %x {stride = array<i64: 2, 2>, pad = array<i64: 0, 0>, dilation = array<i64: 1, 1>, shape = array<i64: 2, 3, 8, 7>} : (tensor<2x3x3x2x3x3xf32>) -> tensor<2x3x8x7xf32>
  return %y : tensor<2x3x8x7xf32>
}

// -----
// Maxima of windows.
func.func @main(%x: tensor<2x3x8x7xf32>)
    -> tensor<2x3x4x4xi64> {
  %y = etch.max_pool_index %x {kernel = array<i64: 3, 2>, stride = array<i64: 2, 2>, pad = array<i64: 1, 1>, shape = array<i64: 2, 3, 4, 4>} : (tensor<2x3x8x7xf32>) -> tensor<2x3x4x4xi64>
  return %y : tensor<2x3x4x4xi64>
}

// -----
// Many channels: a product. Forward.
func.func @main(%x: tensor<2x40x9x8xf32>,
                %w: tensor<70x40x3x3xf32>,
                %b: tensor<2x70x9x8xf32>)
    -> tensor<2x70x9x8xf32> {
  %y = etch.conv2d %x, %w {stride = array<i64: 1, 1>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: 2, 70, 9, 8>} : (tensor<2x40x9x8xf32>, tensor<70x40x3x3xf32>) -> tensor<2x70x9x8xf32>
  %z = etch.add %y, %b : (tensor<2x70x9x8xf32>, tensor<2x70x9x8xf32>) -> tensor<2x70x9x8xf32>
  return %z : tensor<2x70x9x8xf32>
}

// -----
// Many channels, in groups. Forward.
func.func @main(%x: tensor<2x10x9x8xf64>,
                %w: tensor<60x5x3x3xf64>,
                %b: tensor<2x60x7x6xf64>)
    -> tensor<2x60x7x6xf64> {
  %y = etch.conv2d %x, %w {stride = array<i64: 1, 1>, pad = array<i64: 1, 1>, dilation = array<i64: 2, 2>, groups = 2 : i64, shape = array<i64: 2, 60, 7, 6>} : (tensor<2x10x9x8xf64>, tensor<60x5x3x3xf64>) -> tensor<2x60x7x6xf64>
  %z = etch.add %y, %b : (tensor<2x60x7x6xf64>, tensor<2x60x7x6xf64>) -> tensor<2x60x7x6xf64>
  return %z : tensor<2x60x7x6xf64>
}

// -----
// Many channels. In the images.
func.func @main(%x: tensor<2x70x9x8xf32>,
                %w: tensor<70x40x3x3xf32>,
                %b: tensor<2x40x9x8xf32>)
    -> tensor<2x40x9x8xf32> {
  %y = etch.conv2d_input_grad %x, %w {stride = array<i64: 1, 1>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: 2, 40, 9, 8>} : (tensor<2x70x9x8xf32>, tensor<70x40x3x3xf32>) -> tensor<2x40x9x8xf32>
  %z = etch.add %y, %b : (tensor<2x40x9x8xf32>, tensor<2x40x9x8xf32>) -> tensor<2x40x9x8xf32>
  return %z : tensor<2x40x9x8xf32>
}

// -----
// Many channels, in groups. In the images.
func.func @main(%x: tensor<2x6x9x8xf32>,
                %w: tensor<6x30x3x3xf32>,
                %b: tensor<2x60x9x8xf32>)
    -> tensor<2x60x9x8xf32> {
  %y = etch.conv2d_input_grad %x, %w {stride = array<i64: 1, 1>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 2 : i64, shape = array<i64: 2, 60, 9, 8>} : (tensor<2x6x9x8xf32>, tensor<6x30x3x3xf32>) -> tensor<2x60x9x8xf32>
  %z = etch.add %y, %b : (tensor<2x60x9x8xf32>, tensor<2x60x9x8xf32>) -> tensor<2x60x9x8xf32>
  return %z : tensor<2x60x9x8xf32>
}

// -----
// Strides: each of four kinds of places meets other taps.
func.func @main(%x: tensor<2x5x5x5xf64>, %w: tensor<5x30x3x3xf64>, %b: tensor<2x30x9x10xf64>) -> tensor<2x30x9x10xf64> {
  %y = etch.conv2d_input_grad %x, %w {stride = array<i64: 2, 2>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: 2, 30, 9, 10>} : (tensor<2x5x5x5xf64>, tensor<5x30x3x3xf64>) -> tensor<2x30x9x10xf64>
  %z = etch.add %y, %b : (tensor<2x30x9x10xf64>, tensor<2x30x9x10xf64>) -> tensor<2x30x9x10xf64>
  return %z : tensor<2x30x9x10xf64>
}

// -----
// Some places meet none.
func.func @main(%x: tensor<2x17x4x3xf32>, %w: tensor<17x33x1x1xf32>, %b: tensor<2x33x7x5xf32>) -> tensor<2x33x7x5xf32> {
  %y = etch.conv2d_input_grad %x, %w {stride = array<i64: 2, 2>, pad = array<i64: 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: 2, 33, 7, 5>} : (tensor<2x17x4x3xf32>, tensor<17x33x1x1xf32>) -> tensor<2x33x7x5xf32>
  %z = etch.add %y, %b : (tensor<2x33x7x5xf32>, tensor<2x33x7x5xf32>) -> tensor<2x33x7x5xf32>
  return %z : tensor<2x33x7x5xf32>
}

// -----
// A stride along, dilation across; groups.
func.func @main(%x: tensor<1x6x6x3xf32>, %w: tensor<6x26x3x2xf32>, %b: tensor<1x52x8x7xf32>) -> tensor<1x52x8x7xf32> {
  %y = etch.conv2d_input_grad %x, %w {stride = array<i64: 1, 3>, pad = array<i64: 1, 1>, dilation = array<i64: 2, 1>, groups = 2 : i64, shape = array<i64: 1, 52, 8, 7>} : (tensor<1x6x6x3xf32>, tensor<6x26x3x2xf32>) -> tensor<1x52x8x7xf32>
  %z = etch.add %y, %b : (tensor<1x52x8x7xf32>, tensor<1x52x8x7xf32>) -> tensor<1x52x8x7xf32>
  return %z : tensor<1x52x8x7xf32>
}

// -----
// Fewer places than the stride.
func.func @main(%x: tensor<1x7x1x5xf32>, %w: tensor<7x26x1x4xf32>, %b: tensor<1x26x1x9xf32>) -> tensor<1x26x1x9xf32> {
  %y = etch.conv2d_input_grad %x, %w {stride = array<i64: 2, 2>, pad = array<i64: 0, 2>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: 1, 26, 1, 9>} : (tensor<1x7x1x5xf32>, tensor<7x26x1x4xf32>) -> tensor<1x26x1x9xf32>
  %z = etch.add %y, %b : (tensor<1x26x1x9xf32>, tensor<1x26x1x9xf32>) -> tensor<1x26x1x9xf32>
  return %z : tensor<1x26x1x9xf32>
}
