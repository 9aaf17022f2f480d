//===- reduction.mlir - Kernels that go along axes -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Rows of one block.
func.func @main(%x: tensor<37x100xf32>)
    -> tensor<37xf32> {
  %r = etch.sum %x {axes = array<i64: 1>, keepdims = false} : (tensor<37x100xf32>) -> tensor<37xf32>
  return %r : tensor<37xf32>
}

// -----
// Short rows.
func.func @main(%x: tensor<3x5xf64>)
    -> tensor<3xf64> {
  %r = etch.sum %x {axes = array<i64: 1>, keepdims = false} : (tensor<3x5xf64>) -> tensor<3xf64>
  return %r : tensor<3xf64>
}

// -----
// Rows of several blocks of 4096.
func.func @main(%x: tensor<3x13000xf32>)
    -> tensor<3xf32> {
  %r = etch.sum %x {axes = array<i64: 1>, keepdims = false} : (tensor<3x13000xf32>) -> tensor<3xf32>
  return %r : tensor<3xf32>
}

// -----
// One long sum: two stages.
func.func @main(%x: tensor<1x300001xf32>)
    -> tensor<1xf32> {
  %r = etch.sum %x {axes = array<i64: 1>, keepdims = false} : (tensor<1x300001xf32>) -> tensor<1xf32>
  return %r : tensor<1xf32>
}

// -----
// Columns.
func.func @main(%x: tensor<100x37xf32>)
    -> tensor<37xf32> {
  %r = etch.sum %x {axes = array<i64: 0>, keepdims = false} : (tensor<100x37xf32>) -> tensor<37xf32>
  return %r : tensor<37xf32>
}

// -----
// Few columns.
func.func @main(%x: tensor<1000x3xf64>)
    -> tensor<3xf64> {
  %r = etch.sum %x {axes = array<i64: 0>, keepdims = false} : (tensor<1000x3xf64>) -> tensor<3xf64>
  return %r : tensor<3xf64>
}

// -----
// Columns of several blocks.
func.func @main(%x: tensor<9000x40xf32>)
    -> tensor<40xf32> {
  %r = etch.sum %x {axes = array<i64: 0>, keepdims = false} : (tensor<9000x40xf32>) -> tensor<40xf32>
  return %r : tensor<40xf32>
}

// -----
// Columns of many blocks: two stages.
func.func @main(%x: tensor<50000x5xf32>)
    -> tensor<5xf32> {
  %r = etch.sum %x {axes = array<i64: 0>, keepdims = false} : (tensor<50000x5xf32>) -> tensor<5xf32>
  return %r : tensor<5xf32>
}

// -----
// The axis in the middle, the largest.
func.func @main(%x: tensor<4x33x40xf32>)
    -> tensor<4x40xf32> {
  %r = etch.max %x {axes = array<i64: 1>, keepdims = false} : (tensor<4x33x40xf32>) -> tensor<4x40xf32>
  return %r : tensor<4x40xf32>
}

// -----
// Of integers, the smallest.
func.func @main(%x: tensor<5x77xi32>)
    -> tensor<5xi32> {
  %r = etch.min %x {axes = array<i64: 1>, keepdims = false} : (tensor<5x77xi32>) -> tensor<5xi32>
  return %r : tensor<5xi32>
}

// -----
// Over the axes of channels, squares first.
func.func @main(%x: tensor<4x6x5x7xf32>)
    -> tensor<6xf32> {
  %p = etch.abs %x : (tensor<4x6x5x7xf32>) -> tensor<4x6x5x7xf32>
  %r = etch.sum %p {axes = array<i64: 0, 2, 3>, keepdims = false} : (tensor<4x6x5x7xf32>) -> tensor<6xf32>
  return %r : tensor<6xf32>
}

// -----
// Nothing to add.
func.func @main(%x: tensor<3x0xf32>)
    -> tensor<3xf32> {
  %r = etch.sum %x {axes = array<i64: 1>, keepdims = false} : (tensor<3x0xf32>) -> tensor<3xf32>
  return %r : tensor<3xf32>
}

// -----
// A mean.
func.func @main(%x: tensor<31x17xf32>)
    -> tensor<17xf32> {
  %r = etch.mean %x {axes = array<i64: 0>, keepdims = false} : (tensor<31x17xf32>) -> tensor<17xf32>
  return %r : tensor<17xf32>
}

// -----
// Softmax.
func.func @main(%x: tensor<20x1000xf32>)
    -> tensor<20x1000xf32> {
  %m = etch.max %x {axes = array<i64: 1>, keepdims = false} : (tensor<20x1000xf32>) -> tensor<20xf32>
  %m1 = etch.reshape %m {shape = array<i64: 20, 1>} : (tensor<20xf32>) -> tensor<20x1xf32>
  %mb = etch.broadcast_to %m1 {shape = array<i64: 20, 1000>} : (tensor<20x1xf32>) -> tensor<20x1000xf32>
  %d = etch.sub %x, %mb : (tensor<20x1000xf32>, tensor<20x1000xf32>) -> tensor<20x1000xf32>
  %e = etch.exp %d : (tensor<20x1000xf32>) -> tensor<20x1000xf32>
  %s = etch.sum %e {axes = array<i64: 1>, keepdims = false} : (tensor<20x1000xf32>) -> tensor<20xf32>
  %s1 = etch.reshape %s {shape = array<i64: 20, 1>} : (tensor<20xf32>) -> tensor<20x1xf32>
  %sb = etch.broadcast_to %s1 {shape = array<i64: 20, 1000>} : (tensor<20x1xf32>) -> tensor<20x1000xf32>
  %y = etch.div %e, %sb : (tensor<20x1000xf32>, tensor<20x1000xf32>) -> tensor<20x1000xf32>
  return %y : tensor<20x1000xf32>
}

// -----
// Where the largest stand.
func.func @main(%x: tensor<6x50x9xf32>)
    -> tensor<6x9xi64> {
  %a = etch.argmax %x {axis = 1 : i64} : (tensor<6x50x9xf32>) -> tensor<6x9xi64>
  return %a : tensor<6x9xi64>
}

// -----
// Sums of symbolic extents.
func.func @main(%x: tensor<?x?xf32>)
    -> tensor<?xf32> {
  %r = etch.sum %x {axes = array<i64: 0>, keepdims = false} : (tensor<?x?xf32>) -> tensor<?xf32>
  return %r : tensor<?xf32>
}

// -----
// Rows of symbolic extents.
func.func @main(%x: tensor<?x?xf64>)
    -> tensor<?xf64> {
  %r = etch.sum %x {axes = array<i64: 1>, keepdims = false} : (tensor<?x?xf64>) -> tensor<?xf64>
  return %r : tensor<?xf64>
}

// -----
// Running sums.
func.func @main(%x: tensor<3x40x5xf32>)
    -> tensor<3x40x5xf32> {
  %a = etch.cumsum %x {axis = 1 : i64, reverse = false} : (tensor<3x40x5xf32>) -> tensor<3x40x5xf32>
  return %a : tensor<3x40x5xf32>
}

// -----
// Running sums.
func.func @main(%x: tensor<3x40x5xf32>)
    -> tensor<3x40x5xf32> {
  %a = etch.cumsum %x {axis = 1 : i64, reverse = true} : (tensor<3x40x5xf32>) -> tensor<3x40x5xf32>
  return %a : tensor<3x40x5xf32>
}
